/* A tensor: a typed, shaped view of a backend's buffer. Small, passed by value, owns nothing. */
#ifndef BASE_TENSOR_H
#define BASE_TENSOR_H

#include "base/dtype.h"
#include <assert.h>

typedef struct buffer buffer; /* memory of a backend; only the backend looks inside */

typedef struct tensor {
    dtype type;
    uint32_t n_dims;
    size_t shape[4]; /* outermost first, row-major; entries from n_dims on are 1 */
    buffer *buffer;  /* NULL = no tensor (an absent bias, say) */
    size_t offset_bytes;
} tensor;

static inline bool tensor_present(tensor t) { return t.buffer != NULL; }
/* Product of all dimensions but the last. */
static inline size_t tensor_n_rows(tensor t)
{
    size_t n = 1;
    for (uint32_t i = 0; i + 1 < t.n_dims; i++) n *= t.shape[i];
    return n;
}
/* Length of a row: the last dimension. */
static inline size_t tensor_row(tensor t) { return t.n_dims ? t.shape[t.n_dims - 1] : 0; }
static inline size_t tensor_bytes(tensor t) { return tensor_n_rows(t) * dtype_row_bytes(t.type, tensor_row(t)); }

/* Rows first .. first+n-1 of a tensor seen as [rows, row]. */
static inline tensor tensor_rows(tensor t, size_t first, size_t n)
{
    size_t row = tensor_row(t);
    assert(first + n <= tensor_n_rows(t));
    tensor v = t;
    v.offset_bytes += first * dtype_row_bytes(t.type, row);
    v.n_dims = 2;
    v.shape[0] = n, v.shape[1] = row, v.shape[2] = v.shape[3] = 1;
    return v;
}
/* The same values as [rows, row]. */
static inline tensor tensor_reshape(tensor t, size_t rows, size_t row)
{
    assert(rows * row == tensor_n_rows(t) * tensor_row(t));
    tensor v = t;
    v.n_dims = 2;
    v.shape[0] = rows, v.shape[1] = row, v.shape[2] = v.shape[3] = 1;
    return v;
}

#endif
