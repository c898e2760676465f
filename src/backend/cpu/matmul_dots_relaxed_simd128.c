/* Dot products with bytes, relaxed WebAssembly SIMD (matmul_dots_simd128.h has the rest). Sums are those of
 * matmul_dots_simd128.c. */
#if defined(__wasm_relaxed_simd__)

#include "backend/cpu/matmul_relaxed_simd128.h"

enum { ACT_BYTES = 32 };
#define SUM_FACTOR 1

typedef struct act {
    v128_t v[2];
} act;

INLINE act load_act(const uint8_t *p) { return (act){{load(p), load(p + 16)}}; }

/* Eight parts in 16 bits, of 4 products each: 4 * 31 * 127 fits, and so do sums of two parts. */
INLINE v128_t row_sum(v128_t c0, v128_t c1, const act *q) { return wasm_i16x8_add(DOT_CODES(q->v[0], c0), DOT_CODES(q->v[1], c1)); }
INLINE v128_t rows_sum(const v128_t s[DOT_ROWS])
{
    v128_t ab = wasm_i16x8_add(wasm_i64x2_shuffle(s[0], s[1], 0, 2), wasm_i64x2_shuffle(s[0], s[1], 1, 3));
    v128_t cd = wasm_i16x8_add(wasm_i64x2_shuffle(s[2], s[3], 0, 2), wasm_i64x2_shuffle(s[2], s[3], 1, 3));
    ab = wasm_i32x4_extadd_pairwise_i16x8(ab), cd = wasm_i32x4_extadd_pairwise_i16x8(cd);
    v128_t sum = wasm_i32x4_add(wasm_i32x4_shuffle(ab, cd, 0, 2, 4, 6), wasm_i32x4_shuffle(ab, cd, 1, 3, 5, 7));
    return wasm_f32x4_convert_i32x4(sum);
}

/* Four parts: sums of 16 values times their scale, in both words of a lane. */
INLINE v128_t times_scale(v128_t sums, const uint8_t *scale)
{
    return wasm_i32x4_dot_i16x8(sums, wasm_i16x8_shr(wasm_v128_load8_splat(scale), 8));
}
INLINE v128_t row_sum_6(v128_t c0, v128_t c1, const act *q, const uint8_t *scales)
{
    return wasm_i32x4_add(times_scale(DOT_CODES(q->v[0], c0), scales), times_scale(DOT_CODES(q->v[1], c1), scales + 1));
}
INLINE v128_t rows_sum_6(const v128_t s[DOT_ROWS]) { return wasm_f32x4_convert_i32x4(isum_4x4(s[0], s[1], s[2], s[3])); }

#include "backend/cpu/matmul_dots_simd128.h"

DOT(dot_q4_0_relaxed, a->q, rows_4_bits(false, at, n_blocks))
DOT(dot_q4_1_relaxed, a->q, rows_4_bits(true, at, n_blocks))
DOT(dot_q4_k_relaxed, a->q, rows_45_k(false, at, n_blocks))
DOT(dot_q5_k_relaxed, a->q, rows_45_k(true, at, n_blocks))
DOT(dot_q6_k_relaxed, a->q, rows_6_k(at, n_blocks))

#else
typedef int no_relaxed_simd_here; /* a file needs a declaration */
#endif
