/*
 * Dot products with words, WebAssembly SIMD (matmul_dots_simd128.h has the rest).
 *
 * The one instruction that multiplies and adds small integers takes words: eight products of 16 bits, added in pairs. Bytes have to
 * become words first, and that costs as much as the products. Codes of 4 to 6 bits need only one instruction for 16 of them:
 * a word v of two codes, even + 256 odd, is multiplied as it is, and once more with its upper byte cleared; with the folded
 * activations (quantize_act.h)
 *   even * (256 q_even - q_odd) + v * q_odd = 256 (even * q_even + odd * q_odd)
 * exactly, and the factor of 256 goes into the scale. A block's sum is at most 256 * 32 * 31 * 127 < 2^31, and as a multiple of 256
 * exact in f32. Q8_0's bytes are made words by the loads that extend.
 */
#include "backend/cpu/matmul_simd128.h"

enum { ACT_BYTES = 64 };
#define SUM_FACTOR 256

/* Four parts of 256 times the sum of 16 codes. */
INLINE v128_t dot_16(v128_t v, const uint8_t *q)
{
    v128_t even = wasm_v128_and(v, wasm_i16x8_const_splat(255));
    return wasm_i32x4_add(wasm_i32x4_dot_i16x8(even, load(q)), wasm_i32x4_dot_i16x8(v, load(q + 16)));
}
INLINE v128_t block_sum(v128_t c0, v128_t c1, const uint8_t *q) { return wasm_i32x4_add(dot_16(c0, q), dot_16(c1, q + 32)); }
INLINE v128_t sums_4(const v128_t s[4]) { return wasm_f32x4_convert_i32x4(isum_4x4(s[0], s[1], s[2], s[3])); }

#include "backend/cpu/matmul_dots_simd128.h"

INLINE v128_t group_q8_0(const place *at, size_t n)
{
    v128_t s[GROUP] = {zero(), zero(), zero(), zero()};
    UNROLL
    for (size_t j = 0; j < n; j++) {
        const uint8_t *c = at->b + 34 * j + 2, *q = at->q + ACT_BYTES * j;
        v128_t p[4];
        UNROLL
        for (int k = 0; k < 4; k++) p[k] = wasm_i32x4_dot_i16x8(wasm_i16x8_load8x8(c + 8 * k), load(q + 16 * k));
        s[j] = wasm_i32x4_add(wasm_i32x4_add(p[0], p[1]), wasm_i32x4_add(p[2], p[3]));
    }
    return wasm_f32x4_mul(sums_4(s), wasm_f32x4_mul(block_halves(at->b, 34, n), load_n(at->scale, n)));
}

INLINE float row_q8_0(place at, size_t n_blocks)
{
    v128_t acc = zero();
    size_t i = 0;
    for (; i + GROUP <= n_blocks; i += GROUP) {
        acc = wasm_f32x4_add(acc, group_q8_0(&at, GROUP));
        advance(&at, GROUP * 34, GROUP);
    }
    for (; i < n_blocks; i++) {
        acc = wasm_f32x4_add(acc, group_q8_0(&at, 1));
        advance(&at, 34, 1);
    }
    return sum_4(acc);
}

DOT(dot_q4_1_simd128, a->folded, row_4_1(at, n_blocks))
DOT(dot_q8_0_simd128, a->q16, row_q8_0(at, n_blocks))
DOT(dot_q4_k_simd128, a->folded, row_45_k(false, at, n_blocks))
DOT(dot_q5_k_simd128, a->folded, row_45_k(true, at, n_blocks))
