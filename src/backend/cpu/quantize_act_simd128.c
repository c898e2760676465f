/* Activations to 8 bits with WebAssembly SIMD: the same integers and scales as quantize_act_ref. */
#include "backend/cpu/quantize_act.h"
#include "backend/cpu/lanes_simd128.h"

#include <string.h>

/* v * inverse, to the nearest whole number (ties to even) in 16 bits. Values within +-127: adding 1.5 * 2^23 rounds them into the
 * low bits, and narrowing keeps them as the difference to the number added is taken away. What is not finite is cut to 16 bits. */
INLINE v128_t round_8(const float *v, v128_t inverse)
{
    const v128_t magic = splat(12582912.0f);
    v128_t a = wasm_i32x4_sub(wasm_f32x4_add(wasm_f32x4_mul(load(v), inverse), magic), magic);
    v128_t b = wasm_i32x4_sub(wasm_f32x4_add(wasm_f32x4_mul(load(v + 4), inverse), magic), magic);
    return wasm_i16x8_narrow_i32x4(a, b);
}

/* Four sums of eight 16-bit numbers each, added in pairs. */
INLINE v128_t pair_sums(v128_t a, v128_t b)
{
    return wasm_i32x4_add(wasm_i32x4_extadd_pairwise_i16x8(a), wasm_i32x4_extadd_pairwise_i16x8(b));
}

INLINE v128_t even_words(v128_t a, v128_t b) { return wasm_i16x8_shuffle(a, b, 0, 2, 4, 6, 8, 10, 12, 14); }
INLINE v128_t odd_words(v128_t a, v128_t b) { return wasm_i16x8_shuffle(a, b, 1, 3, 5, 7, 9, 11, 13, 15); }

INLINE void fold_16(int16_t *to, v128_t a, v128_t b)
{
    v128_t odd = odd_words(a, b);
    store(to, wasm_i16x8_sub(wasm_i16x8_shl(even_words(a, b), 8), odd));
    store(to + 8, odd);
}

/* Block at value `at` of the arrays. */
INLINE void quantize_block(const act8 *a, const float *v, size_t at, float *scale, float *sum, int16_t *half_sum)
{
    v128_t most = zero();
    UNROLL
    for (int i = 0; i < ACT_BLOCK; i += 4) most = wasm_f32x4_pmax(most, wasm_f32x4_abs(load(v + i)));
    float max = max_4(most);
    v128_t inverse = splat(max > 1e-35f ? 127 / max : 0);
    v128_t q[4];
    UNROLL
    for (int i = 0; i < 4; i++) q[i] = round_8(v + 8 * i, inverse);
    store(a->q + at, wasm_i8x16_narrow_i16x8(q[0], q[1]));
    store(a->q + at + 16, wasm_i8x16_narrow_i16x8(q[2], q[3]));
    v128_t s0 = pair_sums(q[0], q[1]), s1 = pair_sums(q[2], q[3]); /* 4 + 4 parts of the halves' sums */
    v128_t s = wasm_i32x4_add(wasm_i32x4_shuffle(s0, s1, 0, 1, 4, 5), wasm_i32x4_shuffle(s0, s1, 2, 3, 6, 7));
    int first = wasm_i32x4_extract_lane(s, 0) + wasm_i32x4_extract_lane(s, 1);
    int second = wasm_i32x4_extract_lane(s, 2) + wasm_i32x4_extract_lane(s, 3);
    half_sum[0] = (int16_t)first, half_sum[1] = (int16_t)second;
    *scale = max / 127;
    *sum = *scale * (float)(first + second);
    if (a->q16) {
        UNROLL
        for (int i = 0; i < 4; i++) store(a->q16 + at + 8 * i, q[i]);
    }
    if (a->folded) {
        fold_16(a->folded + at, q[0], q[1]);
        fold_16(a->folded + at + 16, q[2], q[3]);
    }
}

/* Eight vectors of codes as they go together with those of weights, from n <= 4 blocks at q. */
INLINE void lane_codes(const int8_t *q, size_t n, v128_t v[8])
{
    for (int half = 0; half < 2; half++) {
        for (size_t b = 0; b < LANE_BLOCKS; b++) v[4 * half + (int)b] = b < n ? load(q + ACT_BLOCK * b + 16 * half) : zero();
        transpose_4x4(v + 4 * half);
    }
}

/* A group of 128 values. What the sums lack of -8 or -32 times the activations comes in the form that the sums have. */
INLINE void lane_group(bool words, const int8_t *q, const float *scale, size_t n, uint8_t *to)
{
    v128_t v[8], half[2] = {zero(), zero()};
    lane_codes(q, n, v);
    for (int i = 0; i < 8; i++) {
        half[i / 4] = wasm_i16x8_add(half[i / 4], wasm_i16x8_extadd_pairwise_i8x16(v[i]));
        if (words) {
            v128_t odd = wasm_i16x8_shr(v[i], 8), even = wasm_i16x8_shl(v[i], 8); /* the even ones times 256 */
            store(to + 32 * i, wasm_i16x8_sub(even, odd));
            store(to + 32 * i + 16, odd);
        } else {
            store(to + 16 * i, v[i]);
        }
    }
    to += words ? 256 : 128;
    if (words) {
        UNROLL
        for (int i = 0; i < 2; i++) half[i] = wasm_i32x4_extadd_pairwise_i16x8(half[i]);
        store(to, wasm_i32x4_shl(wasm_i32x4_add(half[0], half[1]), 8 + 3)); /* these sums are 256 times too large */
        store(to + 16, wasm_i32x4_shl(half[0], 5)), store(to + 32, wasm_i32x4_shl(half[1], 5));
    } else {
        store(to, wasm_i16x8_shl(wasm_i16x8_add(half[0], half[1]), 3));
        store(to + 16, wasm_i16x8_shl(half[0], 5)), store(to + 32, wasm_i16x8_shl(half[1], 5));
    }
    store(to + 48, load_n(scale, n));
}

static void lane_row(const act8 *a, const int8_t *q, const float *scale, uint8_t *to)
{
    size_t n_groups = (a->K + 127) / 128, bytes = a->lane_bytes / n_groups, left = a->K / ACT_BLOCK;
    for (size_t g = 0; g < n_groups; g++, left -= LANE_BLOCKS, q += 128, scale += LANE_BLOCKS, to += bytes)
        lane_group(bytes == LANE_WORDS, q, scale, left < LANE_BLOCKS ? left : LANE_BLOCKS, to);
}

void quantize_act_simd128(const act8 *a, const float *x, size_t first, size_t n)
{
    size_t n_blocks = a->K / ACT_BLOCK, rest = a->n_blocks - n_blocks;
    for (size_t t = first; t < first + n; t++) {
        float *scale = a->scale + t * a->n_blocks, *sum = a->sum + t * a->n_blocks;
        int16_t *half_sum = a->half_sum + t * 2 * a->n_blocks;
        for (size_t b = 0; b < n_blocks; b++) {
            size_t at = t * a->K + b * ACT_BLOCK;
            quantize_block(a, x + at, at, scale + b, sum + b, half_sum + 2 * b);
        }
        if (a->lanes) lane_row(a, a->q + t * a->K, scale, a->lanes + t * a->lane_bytes);
        memset(scale + n_blocks, 0, rest * sizeof *scale);
        memset(sum + n_blocks, 0, rest * sizeof *sum);
        memset(half_sum + 2 * n_blocks, 0, 2 * rest * sizeof *half_sum);
    }
}
