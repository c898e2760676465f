/*
 * Dot products of weight rows with few tokens, WebAssembly SIMD: decoding. One row after another is read once, in order, straight
 * from the file's blocks: one stream, which processors fetch ahead of its use (with four rows at a time a third of the time went by
 * waiting for memory). Four blocks of 32 go together: their sums become one vector, which meets the vectors of their scales.
 * A row's four lanes are added up at its end. What unsigned codes leave out, m * sum(q) and the codes' offset, comes from the
 * sums that came with the activations.
 *
 * This is all of it but the multiplication. The file that includes this has defined
 *   ACT_BYTES, SUM_FACTOR       bytes of a block of its activations; sums are this many times too large
 *   block_sum(c0, c1, q)        parts of the sum of a block's 32 codes (two vectors of bytes, at most 31) with the activations at q
 *   sums_4(s[4])                those of four blocks added up, f32, blocks in lanes
 */
#ifndef CPU_MATMUL_DOTS_SIMD128_H
#define CPU_MATMUL_DOTS_SIMD128_H

#include "backend/cpu/matmul_simd128.h"

enum { GROUP = 4 }; /* blocks that go together */

/* The place in a row and in one token's activations. */
typedef struct place {
    const uint8_t *b, *q;
    const float *scale, *sum;
    const int16_t *half_sum;
} place;

INLINE place place_at(const uint8_t *row, const act8 *a, size_t t, const void *act)
{
    return (place){row, act, a->scale + t * a->n_blocks, a->sum + t * a->n_blocks, a->half_sum + 2 * t * a->n_blocks};
}
INLINE void advance(place *at, size_t bytes, size_t blocks)
{
    at->b += bytes, at->q += blocks * ACT_BYTES, at->scale += blocks, at->sum += blocks, at->half_sum += 2 * blocks;
    OPAQUE(at->b);
    OPAQUE(at->q);
    OPAQUE(at->scale);
    OPAQUE(at->sum);
    OPAQUE(at->half_sum);
}

INLINE v128_t low_nibbles(v128_t v) { return wasm_v128_and(v, wasm_i8x16_const_splat(15)); }
INLINE v128_t high_nibbles(v128_t v) { return low_nibbles(wasm_u16x8_shr(v, 4)); }

/* ---- blocks of 32 ---- */

/* The halves at p, p + stride ..., n <= 4 of them, zeros behind them. */
INLINE v128_t block_halves(const uint8_t *p, size_t stride, size_t n)
{
    v128_t h = wasm_v128_load16_lane(p, zero(), 1);
    if (n > 1) h = wasm_v128_load16_lane(p + stride, h, 3);
    if (n > 2) h = wasm_v128_load16_lane(p + 2 * stride, h, 5);
    if (n > 3) h = wasm_v128_load16_lane(p + 3 * stride, h, 7);
    return half_values(h);
}

enum { BYTES_4_1 = 20 };

/* n <= 4 blocks of Q4_1. */
INLINE void group_4_1(const place *at, size_t n, v128_t *acc, v128_t *offset)
{
    v128_t d = block_halves(at->b, BYTES_4_1, n), m = block_halves(at->b + 2, BYTES_4_1, n);
    v128_t s[GROUP] = {zero(), zero(), zero(), zero()};
    UNROLL
    for (size_t j = 0; j < n; j++) {
        v128_t v = load(at->b + BYTES_4_1 * j + 4);
        s[j] = block_sum(low_nibbles(v), high_nibbles(v), at->q + ACT_BYTES * j);
    }
    *acc = madd(sums_4(s), wasm_f32x4_mul(d, load_n(at->scale, n)), *acc);
    *offset = madd(m, load_n(at->sum, n), *offset);
}

INLINE float row_4_1(place at, size_t n_blocks)
{
    v128_t acc = zero(), offset = zero();
    size_t i = 0;
    for (; i + GROUP <= n_blocks; i += GROUP) {
        group_4_1(&at, GROUP, &acc, &offset);
        advance(&at, GROUP * BYTES_4_1, GROUP);
    }
    for (; i < n_blocks; i++) {
        group_4_1(&at, 1, &acc, &offset);
        advance(&at, BYTES_4_1, 1);
    }
    return sum_4(madd(acc, splat(1.0f / SUM_FACTOR), offset));
}

/* ---- blocks of 256 ---- */

/* Four numbers in the bytes of a word, as f32. */
INLINE v128_t four_bytes(uint32_t v)
{
    return wasm_f32x4_convert_i32x4(wasm_u32x4_extend_low_u16x8(wasm_u16x8_extend_low_u8x16(wasm_i32x4_splat((int32_t)v))));
}

/* The 12 packed bytes of Q4_K and Q5_K as scale [2] and min [2], four sub-blocks each. Words 0 and 1 hold scales and minima 0..3 in
 * the low six bits of their bytes; word 2 the low four bits of scales and of minima 4..7, whose upper two bits are those of
 * words 0 and 1. */
INLINE void load_k_scales(const uint8_t *b, v128_t scale[2], v128_t min[2])
{
    uint32_t w[3];
    memcpy(w, b, sizeof w);
    scale[0] = four_bytes(w[0] & 0x3f3f3f3fu);
    scale[1] = four_bytes((w[2] & 0x0f0f0f0fu) | (w[0] >> 2 & 0x30303030u));
    min[0] = four_bytes(w[1] & 0x3f3f3f3fu);
    min[1] = four_bytes((w[2] >> 4 & 0x0f0f0f0fu) | (w[1] >> 2 & 0x30303030u));
}

/* The half that all lanes' numbers are multiplied with. */
INLINE v128_t one_half(const uint8_t *p) { return half_values(wasm_v128_load16_splat(p)); }

/* Sub-blocks 4g .. 4g+3. */
INLINE v128_t group_45_k(bool five, const place *at, uint32_t g)
{
    v128_t s[GROUP];
    UNROLL
    for (int pair = 0; pair < 2; pair++) {
        const uint8_t *low = at->b + (five ? 48 : 16) + 64 * g + 32 * (uint32_t)pair;
        v128_t v[2] = {load(low), load(low + 16)};
        UNROLL
        for (int odd = 0; odd < 2; odd++) {
            int j = 2 * pair + odd;
            v128_t c[2];
            UNROLL
            for (int i = 0; i < 2; i++) {
                c[i] = odd ? high_nibbles(v[i]) : low_nibbles(v[i]);
                if (!five) continue;
                v128_t high = load(at->b + 16 + 16 * i); /* bit 4g + j of each byte */
                high = g ? wasm_u16x8_shr(high, (uint32_t)j) : wasm_i16x8_shl(high, (uint32_t)(4 - j));
                c[i] = wasm_v128_or(c[i], wasm_v128_and(high, wasm_i8x16_const_splat(16)));
            }
            s[j] = block_sum(c[0], c[1], at->q + ACT_BYTES * j);
        }
    }
    return sums_4(s);
}

INLINE float row_45_k(bool five, place at, size_t n_blocks)
{
    v128_t acc = zero(), offset = zero();
    for (size_t i = 0; i < n_blocks; i += 8) {
        v128_t scale[2], min[2], d = one_half(at.b), dmin = one_half(at.b + 2);
        load_k_scales(at.b + 4, scale, min);
        UNROLL
        for (uint32_t g = 0; g < 2; g++) {
            acc = madd(group_45_k(five, &at, g), wasm_f32x4_mul(wasm_f32x4_mul(scale[g], d), load(at.scale)), acc);
            offset = madd(wasm_f32x4_mul(min[g], dmin), load(at.sum), offset);
            advance(&at, 0, GROUP);
        }
        advance(&at, five ? 176 : 144, 0);
    }
    return sum_4(wasm_f32x4_sub(wasm_f32x4_mul(acc, splat(1.0f / SUM_FACTOR)), offset));
}

/* ---- rows and tokens ---- */

/* p[t * p_stride + r] for all rows and tokens of a call, from `activations` [T, K]: product is that of a row and a token, which `at`
 * is the place of, over n_blocks. */
#define DOT(name, activations, product)                                                                                        \
    void name(weight_rows w, const matmul_input *in, size_t t0, size_t nt, float *p, size_t p_stride)                          \
    {                                                                                                                          \
        const act8 *a = &in->a;                                                                                                \
        size_t n_blocks = a->K / ACT_BLOCK;                                                                                    \
        for (size_t t = t0; t < t0 + nt; t++, p += p_stride)                                                                   \
            for (size_t r = 0; r < w.n; r++) {                                                                                 \
                place at = place_at(w.bytes + r * w.row_bytes, a, t, (activations) + t * a->K);                                \
                p[r] = product;                                                                                                \
            }                                                                                                                  \
    }

#endif
