/*
 * Dot products with words, WebAssembly SIMD (matmul_dots_simd128.h has the rest).
 *
 * The one instruction that multiplies and adds small integers takes words: eight products of 16 bits, added in pairs. Bytes have to
 * become words first, and that costs as much as the products. Codes of 4 to 6 bits need only one instruction for 16 of them:
 * a word v of two codes, even + 256 odd, is multiplied as it is, and once more with its upper byte cleared; with the folded
 * activations (quantize_act.h)
 *   even * (256 q_even - q_odd) + v * q_odd = 256 (even * q_even + odd * q_odd)
 * exactly, and the factor of 256 goes into the scale. A block's sum is at most 256 * 32 * 31 * 127 < 2^31, a lane of it with Q6_K's
 * sub-block scales 256 * 8 * 63 * 127 * 128 < 2^31, and as multiples of 256 they are exact in f32. Q8_0's bytes are made words
 * by the loads that extend.
 */
#include "backend/cpu/matmul_simd128.h"

enum { ACT_BYTES = 64 };
#define SUM_FACTOR 256

typedef struct act {
    v128_t v[4];
} act;

INLINE act load_act(const uint8_t *p)
{
    act q;
    UNROLL
    for (int i = 0; i < 4; i++) q.v[i] = load(p + 16 * i);
    return q;
}

/* Four parts of 256 times the sum of 16 codes. */
INLINE v128_t dot_16(v128_t v, v128_t even_q, v128_t odd_q)
{
    v128_t even = wasm_v128_and(v, wasm_i16x8_const_splat(255));
    return wasm_i32x4_add(wasm_i32x4_dot_i16x8(even, even_q), wasm_i32x4_dot_i16x8(v, odd_q));
}
INLINE v128_t row_sum(v128_t c0, v128_t c1, const act *q)
{
    return wasm_i32x4_add(dot_16(c0, q->v[0], q->v[1]), dot_16(c1, q->v[2], q->v[3]));
}
INLINE v128_t rows_sum(const v128_t s[DOT_ROWS]) { return wasm_f32x4_convert_i32x4(isum_4x4(s[0], s[1], s[2], s[3])); }

INLINE v128_t times_scale(v128_t sum, const uint8_t *scale)
{
    return wasm_i32x4_mul(sum, wasm_i32x4_shr(wasm_v128_load8_splat(scale), 24));
}
INLINE v128_t row_sum_6(v128_t c0, v128_t c1, const act *q, const uint8_t *scales)
{
    v128_t sum = wasm_i32x4_add(times_scale(dot_16(c0, q->v[0], q->v[1]), scales),
                                times_scale(dot_16(c1, q->v[2], q->v[3]), scales + 1));
    return wasm_f32x4_convert_i32x4(sum); /* all four parts together would not fit 32 bits */
}
INLINE v128_t rows_sum_6(const v128_t s[DOT_ROWS]) { return sum_4x4(s[0], s[1], s[2], s[3]); }

#include "backend/cpu/matmul_dots_simd128.h"

INLINE v128_t rows_q8_0(place at, size_t n_blocks)
{
    v128_t acc = zero();
    for (size_t i = 0; i < n_blocks; i++) {
        act q = load_act(at.q);
        v128_t s[DOT_ROWS];
        UNROLL
        for (int r = 0; r < DOT_ROWS; r++) {
            v128_t p[4];
            UNROLL
            for (int k = 0; k < 4; k++) p[k] = wasm_i32x4_dot_i16x8(wasm_i16x8_load8x8(at.b[r] + 2 + 8 * k), q.v[k]);
            s[r] = wasm_i32x4_add(wasm_i32x4_add(p[0], p[1]), wasm_i32x4_add(p[2], p[3]));
        }
        acc = madd(rows_sum(s), wasm_f32x4_mul(row_halves(at.b, 0), wasm_v128_load32_splat(at.scale)), acc);
        advance(&at, 34, 1, ACT_BYTES);
    }
    return acc;
}

DOT(dot_q4_0_simd128, a->folded, rows_4_bits(false, at, n_blocks))
DOT(dot_q4_1_simd128, a->folded, rows_4_bits(true, at, n_blocks))
DOT(dot_q8_0_simd128, a->q16, rows_q8_0(at, n_blocks))
DOT(dot_q4_k_simd128, a->folded, rows_45_k(false, at, n_blocks))
DOT(dot_q5_k_simd128, a->folded, rows_45_k(true, at, n_blocks))
DOT(dot_q6_k_simd128, a->folded, rows_6_k(at, n_blocks))
