/* Dot products with bytes, relaxed WebAssembly SIMD (matmul_dots_simd128.h has the rest). Sums are those of
 * matmul_dots_simd128.c. */
#if defined(__wasm_relaxed_simd__)

#include "backend/cpu/matmul_relaxed_simd128.h"

enum { ACT_BYTES = 32 };
#define SUM_FACTOR 1

/* Eight parts in 16 bits, of 4 products each: 4 * 31 * 127 fits, and so do sums of two parts. */
INLINE v128_t block_sum(v128_t c0, v128_t c1, const uint8_t *q)
{
    return wasm_i16x8_add(DOT_CODES(load(q), c0), DOT_CODES(load(q + 16), c1));
}
INLINE v128_t sums_4(const v128_t s[4])
{
    v128_t ab = wasm_i16x8_add(wasm_i64x2_shuffle(s[0], s[1], 0, 2), wasm_i64x2_shuffle(s[0], s[1], 1, 3));
    v128_t cd = wasm_i16x8_add(wasm_i64x2_shuffle(s[2], s[3], 0, 2), wasm_i64x2_shuffle(s[2], s[3], 1, 3));
    ab = wasm_i32x4_dot_i16x8(ab, wasm_i16x8_const_splat(1)), cd = wasm_i32x4_dot_i16x8(cd, wasm_i16x8_const_splat(1));
    v128_t sum = wasm_i32x4_add(wasm_i32x4_shuffle(ab, cd, 0, 2, 4, 6), wasm_i32x4_shuffle(ab, cd, 1, 3, 5, 7));
    return wasm_f32x4_convert_i32x4(sum);
}

#include "backend/cpu/matmul_dots_simd128.h"

DOT(dot_q4_1_relaxed, a->q, row_4_1(at, n_blocks))
DOT(dot_q4_k_relaxed, a->q, row_45_k(false, at, n_blocks))
DOT(dot_q5_k_relaxed, a->q, row_45_k(true, at, n_blocks))

#else
typedef int no_relaxed_simd_here; /* a file needs a declaration */
#endif
