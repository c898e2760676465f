/*
 * What the files matmul_*.c share. matmul.c drives: it cuts a call into tasks of a few weight rows each and
 * picks between two kernels by the number of tokens. An ISA file supplies the kernels and nothing else, in
 * one struct matmul_kernels.
 *
 *   dot    for few tokens: each row of the file is read once, straight from its block layout, and multiplied
 * with 1..4 tokens panel  for many tokens: a group of rows is unpacked once into a panel that suits the
 * multiplier, then used by all tokens
 */
#ifndef CPU_MATMUL_IMPL_H
#define CPU_MATMUL_IMPL_H

#include "backend/cpu/matmul.h"
#include "backend/cpu/quantize_act.h"

#include <string.h>

enum { DOT_MAX_TOKENS = 4 };

/* The input of a call: [T, K] activations, as they are and, for quantised weights, in 8 bits. */
typedef struct matmul_input {
    const float *x;
    size_t T, K;
    act8 a;
} matmul_input;

/* Rows of a weight in its file's layout. */
typedef struct weight_rows {
    const uint8_t *bytes;
    size_t row_bytes, n;
} weight_rows;

/* p[t * p_stride + r] = w_r . x[t0 + t]     r < w.n, t < nt <= DOT_MAX_TOKENS */
typedef void matmul_dot(weight_rows w, const matmul_input *in, size_t t0, size_t nt, float *p,
                        size_t p_stride);

/* A panel holds `n_rows` rows of weights interleaved. */
typedef struct matmul_panel {
    uint8_t n_rows, n_tokens; /* of one tile: the products that stay in registers */
    uint8_t bytes_per_value;  /* of a panel for each of the K values of a row */
    bool wants_q16;           /* multiplies act8.q16 */
    uint8_t
        min_tokens; /* from this many tokens on, panels are faster than dots; measured (bench/matmul.md, bench/wasm.md) */
    /* panel = the rows w, K values each. Of fewer than n_rows the last is repeated. panel is aligned to 64.
     */
    void (*pack)(weight_rows w, size_t K, void *panel);
    /* p[t * p_stride + r] = row r . x[t0 + t]     r < n_rows, t < nt <= n_tokens */
    void (*tile)(const void *panel, const matmul_input *in, size_t t0, size_t nt, float *p, size_t p_stride);
} matmul_panel;

typedef struct matmul_kernels {
    void (*quantize_act)(const act8 *a, const float *x, size_t first, size_t n);
    /* y[i] = epilogue(y[i], p[i] + bias[i]) for i < n; bias may be NULL. */
    void (*finish)(epilogue ep, float *y, const float *p, const float *bias, size_t n);
    matmul_dot *dot[DTYPE_COUNT];
    uint8_t dot_copies[DTYPE_COUNT]; /* ACT_Q16, ACT_FOLDED: what each dot reads besides q */
    const matmul_panel *panel[DTYPE_COUNT];
} matmul_kernels;

/* The ops of backend.h, for any kernels: matmul.c. */
void matmul_run(const matmul_kernels *kernels, backend *b, const tensor *y, tensor x, const linear *const *l,
                size_t n, epilogue ep);
void embed_run(backend *b, tensor y, tensor table, tensor ids);
/* The same with rows that lie otherwise than in a file. */
void embed_run_as(void (*dequantize)(dtype type, const void *row, float *y, size_t K), backend *b, tensor y, tensor table, tensor ids);

extern const struct cpu_matmul_ops cpu_matmul_ref, cpu_matmul_avx2, cpu_matmul_avx512, cpu_matmul_simd128,
    cpu_matmul_relaxed_simd128;

static inline bool dtype_is_quantized(dtype type) { return dtype_get(type)->block_values > 1; }

#endif
