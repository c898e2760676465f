/* How a product's work is dealt out on a GPU: chosen by ops_matmul.c, tried out by bench/webgpu_matmul.c. */
#ifndef BACKEND_WEBGPU_PRODUCTS_H
#define BACKEND_WEBGPU_PRODUCTS_H

#include "backend/webgpu/record.h"

/* Few tokens: matvec. */
typedef struct matvec_shape {
    uint32_t wg;    /* threads of a workgroup: a power of two, 64 to 256 */
    uint32_t team;  /* threads that share rows: a power of two, 32 to wg */
    uint32_t quads; /* groups of four rows for each team; times tokens at most 8 */
} matvec_shape;
/* tokens: those that a dispatch takes at once. */
matvec_shape matvec_choose(uint32_t n_rows, uint32_t K, uint32_t tokens);
/* y = x . w^T for T <= 8 tokens and a weight in one buffer. */
void matvec_record(webgpu *g, tensor y, tensor x, const linear *l, matvec_shape s);

/* Many tokens: matmul. */
typedef struct matmul_shape {
    uint32_t row_tiles, token_tiles; /* 64 rows and 64 tokens of a workgroup times these, 1 or 2 each; with 8-bit x token_tiles is 1 */
    uint32_t splits;                 /* of the columns; what gives no whole tiles of 256 columns is rounded down */
} matmul_shape;
/* Products of many tokens with this weight take x in 8 bits. */
bool matmul_takes_codes(webgpu *g, const linear *l);
matmul_shape matmul_choose(uint32_t n_rows, uint32_t K, uint32_t T, bool codes);
/* y = x . w^T for a weight in one buffer. */
void matmul_record(webgpu *g, tensor y, tensor x, const linear *l, matmul_shape s);

/* Where the delta rule of one token leaves the squares of its outputs: `slices` sums for each head, in the buffer of o. */
typedef struct delta_output {
    uint32_t head_dim, slices, squares_at;
} delta_output;
/* norm_matmul() of a mixer's four inputs with the convolution behind the first, in one dispatch; mixer.qkv receives what
 * delta_rule() takes. False: these weights and tensors do not go together, nothing was recorded. */
bool webgpu_delta_inputs(webgpu *g, const deltanet_args *a);
/* x += out(o), each head of o divided by its root mean square. `out` lies in one buffer. */
void webgpu_delta_output(webgpu *g, const deltanet_args *a, const delta_output *heads);

#endif
