/*
 * Dot products of weight rows with few tokens, WebAssembly SIMD: decoding. Four rows at a time are read once, in order, straight
 * from the file's blocks, and meet the activations that they share, token by token.
 *
 * The one instruction that multiplies and adds small integers takes words: eight products of 16 bits, added in pairs. Bytes have to
 * become words first, and that costs as much as the products. Codes of 4 to 6 bits need only one instruction for 16 of them:
 * a word v of two codes, even + 256 odd, is multiplied as it is, and once more with its upper byte cleared; with the folded
 * activations (quantize_act.h)
 *   even * (256 q_even - q_odd) + v * q_odd = 256 (even * q_even + odd * q_odd)
 * exactly, and the factor of 256 goes into the scale. A block's sum is at most 256 * 32 * 31 * 127 < 2^31, a lane of it with Q6_K's
 * sub-block scales 256 * 8 * 63 * 127 * 128 < 2^31, and as multiples of 256 they are exact in f32. Q8_0's bytes are made words
 * by the loads that extend.
 *
 * The sums of a block of four rows become one vector before they are scaled; the rows' scales are in its lanes. What unsigned
 * codes leave out, m * sum(q) and the codes' offset, comes from the sums that came with the activations.
 */
#include "backend/cpu/matmul_simd128.h"

enum { ROWS = 4 };

/* The place in four rows and in one token's activations. */
typedef struct place {
    const uint8_t *b[ROWS];
    const int16_t *q; /* folded, or Q8_0's q16 */
    const float *scale, *sum;
    const int16_t *half_sum;
} place;

INLINE void advance(place *at, size_t bytes, size_t blocks)
{
    UNROLL
    for (int r = 0; r < ROWS; r++) {
        at->b[r] += bytes;
        OPAQUE(at->b[r]);
    }
    at->q += blocks * ACT_BLOCK, at->scale += blocks, at->sum += blocks, at->half_sum += 2 * blocks;
    OPAQUE(at->q);
    OPAQUE(at->scale);
    OPAQUE(at->sum);
    OPAQUE(at->half_sum);
}

/* Four parts of 256 times the sum of 16 codes with folded activations. */
INLINE v128_t dot_16(v128_t v, v128_t even_q, v128_t odd_q)
{
    v128_t even = wasm_v128_and(v, wasm_i16x8_const_splat(255));
    return wasm_i32x4_add(wasm_i32x4_dot_i16x8(even, even_q), wasm_i32x4_dot_i16x8(v, odd_q));
}

INLINE void load_act(v128_t q[4], const int16_t *p)
{
    UNROLL
    for (int i = 0; i < 4; i++) q[i] = load(p + 8 * i);
}

INLINE v128_t low_nibbles(v128_t v) { return wasm_v128_and(v, wasm_i8x16_const_splat(15)); }
INLINE v128_t high_nibbles(v128_t v) { return low_nibbles(wasm_u16x8_shr(v, 4)); }

/* ---- blocks of 32 ---- */

INLINE v128_t block_4_bits(const uint8_t *b, const v128_t q[4])
{
    v128_t v = load(b);
    return wasm_i32x4_add(dot_16(low_nibbles(v), q[0], q[1]), dot_16(high_nibbles(v), q[2], q[3]));
}

INLINE v128_t block_q8_0(const uint8_t *b, const v128_t q[4])
{
    v128_t s[4];
    UNROLL
    for (int i = 0; i < 4; i++) s[i] = wasm_i32x4_dot_i16x8(wasm_i16x8_load8x8(b + 8 * i), q[i]);
    return wasm_i32x4_add(wasm_i32x4_add(s[0], s[1]), wasm_i32x4_add(s[2], s[3]));
}

/* Products of four rows with one token. */
INLINE v128_t rows_32(dtype type, place at, size_t n_blocks)
{
    const size_t codes_at = type == DTYPE_Q4_1 ? 4 : 2, bytes = type == DTYPE_Q8_0 ? 34 : 16 + codes_at;
    const float unit = type == DTYPE_Q8_0 ? 1 : 1.0f / 256;
    v128_t acc = zero(), offset = zero();
    for (size_t i = 0; i < n_blocks; i++) {
        v128_t q[4], s[ROWS];
        load_act(q, at.q);
        UNROLL
        for (int r = 0; r < ROWS; r++)
            s[r] = type == DTYPE_Q8_0 ? block_q8_0(at.b[r] + 2, q) : block_4_bits(at.b[r] + codes_at, q);
        v128_t d = wasm_f32x4_mul(half_bits(upper_rows(at.b, 0)), splat(F16_UNIT * unit));
        v128_t scale = wasm_f32x4_mul(d, wasm_v128_load32_splat(at.scale));
        acc = madd(wasm_f32x4_convert_i32x4(isum_4x4(s[0], s[1], s[2], s[3])), scale, acc);
        if (type == DTYPE_Q4_0) offset = madd(d, wasm_v128_load32_splat(at.sum), offset);
        if (type == DTYPE_Q4_1) offset = madd(row_halves(at.b, 2), wasm_v128_load32_splat(at.sum), offset);
        advance(&at, bytes, 1);
    }
    if (type == DTYPE_Q4_0) offset = wasm_f32x4_mul(offset, splat(-8 / unit)); /* the codes are 8 too large */
    return wasm_f32x4_add(acc, offset);
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
    for (int r = 0; r < ROWS; r++) w[r] = load(b[r] + 4);
    transpose_4x4(w);
    d = wasm_f32x4_mul(d, splat(1.0f / 256));
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

/* Sub-block `pair` * 2 + odd of four rows; at has come to it, and low is that of its nibbles. */
INLINE v128_t sub_block_45_k(bool five, const place *at, size_t low, uint32_t pair, bool odd)
{
    v128_t q[4], s[ROWS];
    load_act(q, at->q);
    UNROLL
    for (int r = 0; r < ROWS; r++) {
        v128_t high[2];
        UNROLL
        for (int i = 0; i < 2; i++) high[i] = five ? wasm_u16x8_shr(load(at->b[r] + 16 + 16 * i), 2 * pair) : zero();
        const uint8_t *b = at->b[r] + low;
        s[r] = wasm_i32x4_add(dot_16(codes_45_k(five, b, high[0], odd), q[0], q[1]),
                              dot_16(codes_45_k(five, b + 16, high[1], odd), q[2], q[3]));
    }
    return wasm_f32x4_convert_i32x4(isum_4x4(s[0], s[1], s[2], s[3]));
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
                advance(&at, 0, 1);
            }
        }
        advance(&at, five ? 176 : 144, 0);
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
    v128_t q[4], s[ROWS];
    load_act(q, at->q);
    UNROLL
    for (int r = 0; r < ROWS; r++) {
        const uint8_t *low = at->b[r] + 64 * h + 32 * (k & 1), *high = at->b[r] + 128 + 32 * h;
        const uint8_t *scale = at->b[r] + 192 + 8 * h + 2 * k;
        v128_t first = dot_16(codes_6_k(low, high, k), q[0], q[1]), second = dot_16(codes_6_k(low + 16, high + 16, k), q[2], q[3]);
        v128_t sum = wasm_i32x4_add(wasm_i32x4_mul(first, wasm_i32x4_shr(wasm_v128_load8_splat(scale), 24)),
                                    wasm_i32x4_mul(second, wasm_i32x4_shr(wasm_v128_load8_splat(scale + 1), 24)));
        s[r] = wasm_f32x4_convert_i32x4(sum); /* all four parts together would not fit 32 bits */
    }
    return sum_4x4(s[0], s[1], s[2], s[3]);
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
        part = wasm_f32x4_mul(part, splat(-32 * 256));
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
                advance(&at, 0, 1);
            }
        }
        acc = madd(part, wasm_f32x4_mul(row_halves(at.b, 208), splat(1.0f / 256)), acc);
        advance(&at, 210, 0);
    }
    return acc;
}

/* ---- rows and tokens ---- */

INLINE void dot_rows(dtype type, weight_rows w, const matmul_input *in, size_t t0, size_t nt, float *p, size_t p_stride)
{
    const act8 *a = &in->a;
    size_t n_blocks = a->K / ACT_BLOCK;
    for (size_t t = t0; t < t0 + nt; t++, p += p_stride)
        for (size_t first = 0; first < w.n; first += ROWS) {
            place at = {.q = (type == DTYPE_Q8_0 ? a->q16 : a->folded) + t * a->K,
                        .scale = a->scale + t * a->n_blocks,
                        .sum = a->sum + t * a->n_blocks,
                        .half_sum = a->half_sum + 2 * t * a->n_blocks};
            UNROLL
            for (size_t r = 0; r < ROWS; r++) /* one that is not there repeats the last; its products are not stored */
                at.b[r] = w.bytes + (first + r < w.n ? first + r : w.n - 1) * w.row_bytes;
            v128_t sums = type == DTYPE_Q4_K   ? rows_45_k(false, at, n_blocks)
                          : type == DTYPE_Q5_K ? rows_45_k(true, at, n_blocks)
                          : type == DTYPE_Q6_K ? rows_6_k(at, n_blocks)
                                               : rows_32(type, at, n_blocks);
            store_n(p + first, sums, w.n - first);
        }
}

#define DOT(name, type)                                                                                                        \
    void name(weight_rows w, const matmul_input *in, size_t t0, size_t nt, float *p, size_t p_stride)                          \
    {                                                                                                                          \
        dot_rows(type, w, in, t0, nt, p, p_stride);                                                                            \
    }
DOT(dot_q4_0_simd128, DTYPE_Q4_0)
DOT(dot_q4_1_simd128, DTYPE_Q4_1)
DOT(dot_q8_0_simd128, DTYPE_Q8_0)
DOT(dot_q4_k_simd128, DTYPE_Q4_K)
DOT(dot_q5_k_simd128, DTYPE_Q5_K)
DOT(dot_q6_k_simd128, DTYPE_Q6_K)
