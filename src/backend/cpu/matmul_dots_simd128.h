/*
 * Dot products of weight rows with few tokens, WebAssembly SIMD: decoding. Four rows at a time are read once, in order, straight
 * from the file's blocks, and meet the activations that they share, token by token. The sums of a block of four rows become one
 * vector before they are scaled; the rows' scales are in its lanes. What unsigned codes leave out, m * sum(q) and the codes'
 * offset, comes from the sums that came with the activations.
 *
 * This is all of it but the multiplication. The file that includes this has defined
 *   ACT_BYTES, SUM_FACTOR       bytes of a block of its activations; sums are this many times too large
 *   act, load_act(p)            a block of activations in registers
 *   row_sum(c0, c1, act)        parts of the sum of a row's 32 codes (two vectors of bytes, at most 31) with the activations
 *   rows_sum(s[4])              those of four rows added up, f32, rows in lanes
 *   row_sum_6, rows_sum_6       the same for codes of 6 bits and their two scales: row_sum_6(c0, c1, act, scales)
 */
#ifndef CPU_MATMUL_DOTS_SIMD128_H
#define CPU_MATMUL_DOTS_SIMD128_H

#include "backend/cpu/matmul_simd128.h"

/* The place in four rows and in one token's activations. */
typedef struct place {
    const uint8_t *b[DOT_ROWS];
    const uint8_t *q;
    const float *scale, *sum;
    const int16_t *half_sum;
} place;

INLINE void advance(place *at, size_t bytes, size_t blocks, size_t act_bytes)
{
    UNROLL
    for (int r = 0; r < DOT_ROWS; r++) {
        at->b[r] += bytes;
        OPAQUE(at->b[r]);
    }
    at->q += blocks * act_bytes, at->scale += blocks, at->sum += blocks, at->half_sum += 2 * blocks;
    OPAQUE(at->q);
    OPAQUE(at->scale);
    OPAQUE(at->sum);
    OPAQUE(at->half_sum);
}

/* Rows first .. first+3; one that is not there repeats the last, and its products are not stored. */
INLINE place place_at(weight_rows w, size_t first, const act8 *a, size_t t, const void *act)
{
    place at = {.q = act,
                .scale = a->scale + t * a->n_blocks,
                .sum = a->sum + t * a->n_blocks,
                .half_sum = a->half_sum + 2 * t * a->n_blocks};
    UNROLL
    for (size_t r = 0; r < DOT_ROWS; r++) at.b[r] = w.bytes + (first + r < w.n ? first + r : w.n - 1) * w.row_bytes;
    return at;
}

INLINE v128_t low_nibbles(v128_t v) { return wasm_v128_and(v, wasm_i8x16_const_splat(15)); }
INLINE v128_t high_nibbles(v128_t v) { return low_nibbles(wasm_u16x8_shr(v, 4)); }

/* ---- blocks of 32 ---- */

/* Products of four rows of Q4_0 or Q4_1 with one token. */
INLINE v128_t rows_4_bits(bool has_min, place at, size_t n_blocks)
{
    const size_t codes_at = has_min ? 4 : 2;
    v128_t acc = zero(), offset = zero();
    for (size_t i = 0; i < n_blocks; i++) {
        act q = load_act(at.q);
        v128_t s[DOT_ROWS];
        UNROLL
        for (int r = 0; r < DOT_ROWS; r++) {
            v128_t v = load(at.b[r] + codes_at);
            s[r] = row_sum(low_nibbles(v), high_nibbles(v), &q);
        }
        v128_t d = wasm_f32x4_mul(half_bits(upper_rows(at.b, 0)), splat(F16_UNIT / SUM_FACTOR));
        v128_t m = has_min ? row_halves(at.b, 2) : d;
        acc = madd(rows_sum(s), wasm_f32x4_mul(d, wasm_v128_load32_splat(at.scale)), acc);
        offset = madd(m, wasm_v128_load32_splat(at.sum), offset);
        advance(&at, 16 + codes_at, 1, ACT_BYTES);
    }
    /* Q4_0's codes are 8 too large. */
    return madd(offset, splat(has_min ? 1 : -8.0f * SUM_FACTOR), acc);
}

/* ---- blocks of 256 ---- */

/* Scales or minima: four of 6 bits in each lane's bytes of four rows -> d * scale of four sub-blocks [4], rows in lanes. */
INLINE void spread_k_scales(v128_t packed, v128_t d, v128_t out[4])
{
    UNROLL
    for (int j = 0; j < 4; j++) {
        v128_t v = wasm_v128_and(wasm_u32x4_shr(packed, (uint32_t)(8 * j)), wasm_i32x4_const_splat(255));
        out[j] = wasm_f32x4_mul(wasm_f32x4_convert_i32x4(v), d);
    }
}

/* The 12 packed bytes of Q4_K and Q5_K of four rows as d * scale [8] and dmin * min [8], rows in lanes. Words 0 and 1 hold scales
 * and minima 0..3 in the low six bits of their bytes; word 2 the low four bits of scales and of minima 4..7, whose upper two
 * bits are those of words 0 and 1. */
INLINE void load_k_scales(const uint8_t *const *b, v128_t scale[8], v128_t min[8])
{
    const v128_t low6 = wasm_i8x16_const_splat(0x3f), low4 = wasm_i8x16_const_splat(0x0f), top2 = wasm_i8x16_const_splat(0x30);
    v128_t w[4], d = row_halves(b, 0), dmin = row_halves(b, 2);
    UNROLL
    for (int r = 0; r < DOT_ROWS; r++) w[r] = load(b[r] + 4);
    transpose_4x4(w);
    d = wasm_f32x4_mul(d, splat(1.0f / SUM_FACTOR));
    spread_k_scales(wasm_v128_and(w[0], low6), d, scale);
    spread_k_scales(wasm_v128_and(w[1], low6), dmin, min);
    v128_t s = wasm_v128_or(wasm_v128_and(w[2], low4), wasm_v128_and(wasm_u32x4_shr(w[0], 2), top2));
    v128_t m = wasm_v128_or(wasm_v128_and(wasm_u32x4_shr(w[2], 4), low4), wasm_v128_and(wasm_u32x4_shr(w[1], 2), top2));
    spread_k_scales(s, d, scale + 4);
    spread_k_scales(m, dmin, min + 4);
}

/*
 * The sub-blocks of a block of 256 go through a loop, not one behind another in straight code: engines and compilers move all the
 * loads of straight code to its front and spill them.
 */
#define NO_UNROLL _Pragma("clang loop unroll(disable)")

/* 16 codes of an even or odd sub-block: nibbles at `low`, and bits 0 and 1 of `high` for Q5_K. */
INLINE v128_t codes_45_k(bool five, const uint8_t *low, v128_t high, bool odd)
{
    v128_t v = load(low);
    v = odd ? high_nibbles(v) : low_nibbles(v);
    if (!five) return v;
    return wasm_v128_or(v, wasm_v128_and(wasm_i16x8_shl(high, odd ? 3 : 4), wasm_i8x16_const_splat(16)));
}

/* Sub-block `pair` * 2 + odd of four rows; at has come to it, and `low` is where its nibbles are. */
INLINE v128_t sub_block_45_k(bool five, const place *at, size_t low, uint32_t pair, bool odd)
{
    act q = load_act(at->q);
    v128_t s[DOT_ROWS];
    UNROLL
    for (int r = 0; r < DOT_ROWS; r++) {
        v128_t high[2];
        UNROLL
        for (int i = 0; i < 2; i++) high[i] = five ? wasm_u16x8_shr(load(at->b[r] + 16 + 16 * i), 2 * pair) : zero();
        const uint8_t *b = at->b[r] + low;
        s[r] = row_sum(codes_45_k(five, b, high[0], odd), codes_45_k(five, b + 16, high[1], odd), &q);
    }
    return rows_sum(s);
}

INLINE v128_t rows_45_k(bool five, place at, size_t n_blocks)
{
    v128_t acc = zero(), offset = zero();
    for (size_t i = 0; i < n_blocks; i += 8) {
        v128_t scale[8], min[8];
        load_k_scales(at.b, scale, min);
        NO_UNROLL
        for (uint32_t pair = 0; pair < 4; pair++) {
            size_t low = (five ? 48 : 16) + 32 * pair;
            NO_UNROLL
            for (uint32_t odd = 0; odd < 2; odd++) {
                v128_t sum = odd ? sub_block_45_k(five, &at, low, pair, true) : sub_block_45_k(five, &at, low, pair, false);
                v128_t c = wasm_f32x4_mul(scale[2 * pair + odd], wasm_v128_load32_splat(at.scale));
                acc = madd(sum, c, acc);
                offset = madd(min[2 * pair + odd], wasm_v128_load32_splat(at.sum), offset);
                advance(&at, 0, 1, ACT_BYTES);
            }
        }
        advance(&at, five ? 176 : 144, 0, 0);
    }
    return wasm_f32x4_sub(acc, offset);
}

/* 16 codes of sub-block k of four that share bytes: nibbles at `low`, two bits each at `high`. */
INLINE v128_t codes_6_k(const uint8_t *low_at, const uint8_t *high_at, int k)
{
    v128_t low = load(low_at), high = load(high_at);
    low = k & 2 ? high_nibbles(low) : low_nibbles(low);
    switch (k) {
    case 0: high = wasm_i16x8_shl(high, 4); break;
    case 1: high = wasm_i16x8_shl(high, 2); break;
    case 2: break;
    default: high = wasm_u16x8_shr(high, 2); break;
    }
    return wasm_v128_or(low, wasm_v128_and(high, wasm_i8x16_const_splat(0x30)));
}

/* Sub-block k of half h of four rows, times its two scales. */
INLINE v128_t sub_block_6_k(const place *at, uint32_t h, int k)
{
    act q = load_act(at->q);
    v128_t s[DOT_ROWS];
    UNROLL
    for (int r = 0; r < DOT_ROWS; r++) {
        const uint8_t *low = at->b[r] + 64 * h + 32 * (k & 1), *high = at->b[r] + 128 + 32 * h;
        s[r] = row_sum_6(codes_6_k(low, high, k), codes_6_k(low + 16, high + 16, k), &q, at->b[r] + 192 + 8 * h + 2 * k);
    }
    return rows_sum_6(s);
}

/* What the codes are too large by, over 256 values: 32 times the sum of sub-block scale * sum(q), scaled as the activations are;
 * four parts of it for one row. */
INLINE v128_t offset_6_k(const uint8_t *b, const place *at)
{
    v128_t part[2];
    UNROLL
    for (int g = 0; g < 2; g++) {
        v128_t sum = wasm_i32x4_dot_i16x8(wasm_i16x8_load8x8(b + 192 + 8 * g), load(at->half_sum + 8 * g));
        part[g] = wasm_f32x4_mul(wasm_f32x4_convert_i32x4(sum), load(at->scale + 4 * g));
    }
    return wasm_f32x4_add(part[0], part[1]);
}

INLINE v128_t rows_6_k(place at, size_t n_blocks)
{
    v128_t acc = zero();
    for (size_t i = 0; i < n_blocks; i += 8) {
        v128_t part = sum_4x4(offset_6_k(at.b[0], &at), offset_6_k(at.b[1], &at), offset_6_k(at.b[2], &at),
                              offset_6_k(at.b[3], &at));
        part = wasm_f32x4_mul(part, splat(-32 * SUM_FACTOR));
        NO_UNROLL
        for (uint32_t h = 0; h < 2; h++) {
            NO_UNROLL
            for (int k = 0; k < 4; k++) {
                v128_t sum;
                switch (k) {
                case 0: sum = sub_block_6_k(&at, h, 0); break;
                case 1: sum = sub_block_6_k(&at, h, 1); break;
                case 2: sum = sub_block_6_k(&at, h, 2); break;
                default: sum = sub_block_6_k(&at, h, 3); break;
                }
                part = madd(sum, wasm_v128_load32_splat(at.scale), part);
                advance(&at, 0, 1, ACT_BYTES);
            }
        }
        acc = madd(part, wasm_f32x4_mul(row_halves(at.b, 208), splat(1.0f / SUM_FACTOR)), acc);
        advance(&at, 210, 0, 0);
    }
    return acc;
}

/* ---- rows and tokens ---- */

/* p[t * p_stride + r] for all rows and tokens of a call, from `activations` [T, K]: sums is that of four rows `at` a place with one
 * token, over n_blocks. */
#define DOT(name, activations, sums)                                                                                           \
    void name(weight_rows w, const matmul_input *in, size_t t0, size_t nt, float *p, size_t p_stride)                          \
    {                                                                                                                          \
        const act8 *a = &in->a;                                                                                                \
        size_t n_blocks = a->K / ACT_BLOCK;                                                                                    \
        for (size_t t = t0; t < t0 + nt; t++, p += p_stride)                                                                   \
            for (size_t r = 0; r < w.n; r += DOT_ROWS) {                                                                       \
                place at = place_at(w, r, a, t, (activations) + t * a->K);                                                     \
                store_n(p + r, sums, w.n - r);                                                                                 \
            }                                                                                                                  \
    }

#endif
