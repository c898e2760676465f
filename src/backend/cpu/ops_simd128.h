/* The WebAssembly SIMD ops by subject, and what they share. */
#ifndef CPU_OPS_SIMD128_H
#define CPU_OPS_SIMD128_H

#include "backend/cpu/vecmath_simd128.h"

void simd128_norm_ops(backend_ops *ops);      /* ops_norm_simd128.c */
void simd128_rope_ops(backend_ops *ops);      /* ops_rope_simd128.c */
void simd128_delta_ops(backend_ops *ops);     /* ops_delta_simd128.c */
void simd128_attention_ops(backend_ops *ops); /* ops_attention_simd128.c */

/* A piece of an op: items first..last-1, the same values whoever computes them. */
typedef void range_fn(const void *args, size_t first, size_t last);

/* Below this many values an op is done before another thread has heard of it. */
enum { VALUES_WORTH_SHARING = 16384 };

/* fn over items 0..n-1, shared by the threads where `n_values` in all are worth it. */
void simd128_for_ranges(backend *b, size_t n, size_t n_values, range_fn *fn, const void *args);

/* Sum of squares: four sums, so that additions do not wait for each other. */
INLINE float sum_squares(const float *x, size_t n)
{
    v128_t acc[4] = {zero(), zero(), zero(), zero()};
    size_t i = 0;
    for (; i + 16 <= n; i += 16) UNROLL
    for (size_t u = 0; u < 4; u++) {
        v128_t v = load(x + i + 4 * u);
        acc[u] = madd(v, v, acc[u]);
    }
    for (; i < n; i += 4) {
        v128_t v = load_n(x + i, n - i);
        acc[0] = madd(v, v, acc[0]);
    }
    return sum_4(wasm_f32x4_add(wasm_f32x4_add(acc[0], acc[1]), wasm_f32x4_add(acc[2], acc[3])));
}

#endif
