/* Data types of weights and activations, and the block formats of quantised rows (docs/FORMAT.md). */
#ifndef BASE_DTYPE_H
#define BASE_DTYPE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Numbers are GGUF's ggml_type ids, so that a file's type needs no translation. */
typedef enum dtype {
    DTYPE_F32 = 0,
    DTYPE_F16 = 1,
    DTYPE_Q4_0 = 2,
    DTYPE_Q4_1 = 3,
    DTYPE_Q8_0 = 8,
    DTYPE_Q4_K = 12,
    DTYPE_Q5_K = 13,
    DTYPE_Q6_K = 14,
    DTYPE_I32 = 26,
    DTYPE_BF16 = 30,
    DTYPE_COUNT = 40,
} dtype;

typedef struct dtype_info {
    const char *name;      /* "q4_0"; NULL = not supported */
    uint16_t block_values; /* values in one block along a row */
    uint16_t block_bytes;
} dtype_info;

/* Never NULL; ->name is NULL for an id that is not supported. */
const dtype_info *dtype_get(uint32_t type);
/* By name ("q4_0", any case). False when there is none. */
bool dtype_by_name(const char *name, dtype *out);
/* Bytes of a row of n values; 0 when n is not a multiple of the block. */
size_t dtype_row_bytes(dtype type, size_t n);

/* The block types' exact layouts are in quant.h. */
#endif
