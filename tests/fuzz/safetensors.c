/* libFuzzer: any bytes as a safetensors file. */
#include "base/error.h"
#include "weights/weights_impl.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    /* An allocation of exactly this size, so that reading one byte beyond it is seen. */
    uint8_t *exact = malloc(size ? size : 1);
    if (!exact) return 0;
    if (size) memcpy(exact, data, size);
    error e = {0};
    weights *w;
    galago_status s = weights_open_memory("fuzz.safetensors", exact, size, &w, &e);
    if ((s != GALAGO_OK) != (e.message[0] != 0)) abort();
    for (size_t i = 0; !s && i < weights_count(w); i++) {
        const weight *t = weights_at(w, i);
        float first, last;
        if (weights_find(w, t->name) != t) abort();
        if (!dtype_get(t->type)->name || t->type == DTYPE_I32 || !t->bytes) continue;
        weights_read(w, t, 0, 1, &first);
        weights_read(w, t, t->bytes / dtype_get(t->type)->block_bytes - 1, 1, &last);
    }
    weights_close(w);
    free(exact);
    return 0;
}
