/* Synthetic weights: the published shapes, values from a counter-based generator (docs/FORMAT.md). */
#ifndef WEIGHTS_SYNTHETIC_H
#define WEIGHTS_SYNTHETIC_H

#include <stddef.h>
#include <stdint.h>

/* config.json text of "qwen3.5-0.8b", "-2b", "-4b"; NULL for another name. */
const char *synthetic_config(const char *name);
/* Values [first, first+n) of the tensor with this Hugging Face name; K = product of all its dimensions but the first. */
void synthetic_values(const char *name, size_t K, size_t first, size_t n, float *out);

#endif
