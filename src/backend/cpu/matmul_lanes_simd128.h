/*
 * Dot products of weight rows in the order of lanes_simd128.h with few tokens: decoding. One stream of weights and one of activations, no
 * addition across lanes but at a row's end, constants in registers: an engine makes a constant of a vector anew, with three
 * instructions, wherever it stands.
 *
 * This is all of it but the multiplication. The file that includes this has defined
 *   CODE_BYTES, GROUP_BYTES      bytes of activations for a vector of codes, and of a group; SUM_FACTOR: sums of Q4_0 are this many times too large
 *   four_codes(c, q)             parts of the sums of four vectors of codes, which are at most 63, with the activations at q
 *   lanes_4_bits(p0, p1, off)    from those parts, less what the activations say at off: the four sums, f32
 *   lanes_6_bits(p0, p1, off, s) the same of the first and the second 16 codes, each times its scale in s, eight words
 */
#ifndef CPU_MATMUL_LANES_SIMD128_H
#define CPU_MATMUL_LANES_SIMD128_H

#include "backend/cpu/lanes_simd128.h"
#include "backend/cpu/matmul_simd128.h"

/* Of a group of activations. */
enum { LESS_4_AT = 8 * CODE_BYTES, LESS_6_AT = LESS_4_AT + 16, SCALES_AT = LESS_4_AT + 48 };

/* The sums of 128 values times their activations' scales. */
INLINE v128_t group_4_0(const v128_t v[4], const uint8_t *q, v128_t nibble)
{
    v128_t low[4], high[4];
    UNROLL
    for (int j = 0; j < 4; j++) low[j] = wasm_v128_and(v[j], nibble), high[j] = wasm_v128_and(wasm_u16x8_shr(v[j], 4), nibble);
    v128_t p0 = four_codes(low, q), p1 = four_codes(high, q + 4 * CODE_BYTES);
    return wasm_f32x4_mul(lanes_4_bits(p0, p1, q + LESS_4_AT), load(q + SCALES_AT));
}

/* The last n < 4 blocks of a row, which are as in the file. */
INLINE v128_t rest_4_0(const uint8_t *b, size_t n, const uint8_t *q, v128_t nibble, const half_constants *c)
{
    uint8_t d[8] = {0};
    v128_t v[4] = {zero(), zero(), zero(), zero()};
    for (size_t i = 0; i < n; i++) memcpy(d + 2 * i, b + 18 * i, 2), v[i] = load(b + 18 * i + 2);
    transpose_4x4(v);
    return wasm_f32x4_mul(group_4_0(v, q, nibble), half_values_by(upper_low(wasm_v128_load64_zero(d)), c));
}

INLINE float row_4_0(const uint8_t *b, const uint8_t *q, size_t n_blocks, v128_t nibble, const half_constants *c)
{
    v128_t acc = zero();
    for (size_t i = n_blocks / LANE_BLOCKS; i > 0; i--) {
        const v128_t v[4] = {load(b + 8), load(b + 24), load(b + 40), load(b + 56)};
        acc = madd(group_4_0(v, q, nibble), half_values_by(upper_low(wasm_v128_load64_zero(b)), c), acc);
        b += PIECE_4_0_BYTES, q += GROUP_BYTES;
        OPAQUE(b);
        OPAQUE(q);
    }
    if (n_blocks % LANE_BLOCKS) acc = wasm_f32x4_add(acc, rest_4_0(b, n_blocks % LANE_BLOCKS, q, nibble, c));
    return sum_4(acc) * (1.0f / SUM_FACTOR);
}

/* Masks of the bits of Q6_K. */
typedef struct masks_6 {
    v128_t code, first, second, third;
} masks_6;

/* Parts of the sums of 4 x 16 codes in three vectors. */
INLINE v128_t half_6_k(const uint8_t *b, const uint8_t *q, const masks_6 *m)
{
    v128_t v[3] = {load(b), load(b + 16), load(b + 32)}, code[4];
    v128_t high = wasm_v128_or(wasm_v128_and(wasm_u16x8_shr(v[0], 6), m->first), wasm_v128_and(wasm_u16x8_shr(v[1], 4), m->second));
    UNROLL
    for (int j = 0; j < 3; j++) code[j] = wasm_v128_and(v[j], m->code);
    code[3] = wasm_v128_or(high, wasm_v128_and(wasm_u16x8_shr(v[2], 2), m->third));
    return four_codes(code, q);
}

INLINE float row_6_k(const uint8_t *b, const uint8_t *q, size_t n_blocks, const masks_6 *m, const half_constants *c)
{
    v128_t acc = zero();
    for (size_t i = n_blocks / 8; i > 0; i--) {
        v128_t d = half_values_by(wasm_v128_load16_splat(b + PIECE_6_K_D), c);
        UNROLL
        for (int g = 0; g < 2; g++) {
            v128_t p0 = half_6_k(b + 96 * g, q, m), p1 = half_6_k(b + 96 * g + 48, q + 4 * CODE_BYTES, m);
            v128_t sums = lanes_6_bits(p0, p1, q + LESS_6_AT, wasm_i16x8_load8x8(b + PIECE_6_K_SCALES + 8 * g));
            acc = madd(sums, wasm_f32x4_mul(d, load(q + SCALES_AT)), acc);
            q += GROUP_BYTES;
            OPAQUE(q);
        }
        b += PIECE_6_K_BYTES;
        OPAQUE(b);
    }
    return sum_4(acc);
}

static const uint32_t byte_masks[] = {0x0f0f0f0f, 0x3f3f3f3f, 0x03030303, 0x0c0c0c0c, 0x30303030};

/* p[t * p_stride + r] for all rows and tokens of a call. */
#define LANE_DOT(name, product)                                                                                                \
    void name(weight_rows w, const matmul_input *in, size_t t0, size_t nt, float *p, size_t p_stride)                          \
    {                                                                                                                          \
        const half_constants halves = half_constants_held();                                                                   \
        const v128_t nibble = held(byte_masks);                                                                                \
        const masks_6 masks = {held(byte_masks + 1), held(byte_masks + 2), held(byte_masks + 3), held(byte_masks + 4)};        \
        size_t n_blocks = in->K / ACT_BLOCK;                                                                                   \
        (void)nibble, (void)masks;                                                                                             \
        for (size_t t = t0; t < t0 + nt; t++, p += p_stride)                                                                   \
            for (size_t r = 0; r < w.n; r++) {                                                                                 \
                const uint8_t *b = w.bytes + r * w.row_bytes, *q = in->a.lanes + t * in->a.lane_bytes;                         \
                p[r] = product;                                                                                                \
            }                                                                                                                  \
    }
#define LANE_DOTS(suffix)                                                                                                      \
    LANE_DOT(dot_q4_0_##suffix, row_4_0(b, q, n_blocks, nibble, &halves))                                                      \
    LANE_DOT(dot_q6_k_##suffix, row_6_k(b, q, n_blocks, &masks, &halves))

#endif
