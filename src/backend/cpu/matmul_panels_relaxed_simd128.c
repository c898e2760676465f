/*
 * Products of many tokens with weights of 4 and 5 bits, relaxed WebAssembly SIMD.
 *
 * A panel holds 8 rows as bytes. The four codes k..k+3 of four rows lie in one vector, so that four activations of a token,
 * broadcast, meet four rows at once. The sums of two products that come out are added in 16 bits as long as they cannot overflow:
 * 2 * 8 * 15 * 127 = 30,480 for all of a block of 32 with 4 bits, 2 * 4 * 31 * 127 = 31,496 for half a block with 5.
 *
 * Layout of a panel: for each block of 32 values of K: 8 groups of four x (rows 0..3, rows 4..7), then d of the eight rows (f32),
 * then m.
 */
#if defined(__wasm_relaxed_simd__)

#include "backend/cpu/lanes_simd128.h"
#include "backend/cpu/matmul_relaxed_simd128.h"

#include "base/quant_k.h"

enum { ROWS = 8, TOKENS = 4, BLOCK_BYTES = 8 * 32 + 32 + 32, D_AT = 256, M_AT = 288 };

/* ---- tiles ---- */

/* sums[t] (+)= groups first .. last-1 of four values of a block. */
INLINE void add_groups(const uint8_t *panel, const int8_t *q, size_t stride, size_t first, size_t last, int NT,
                       v128_t sums[TOKENS][2])
{
    UNROLL
    for (int t = 0; t < NT; t++) sums[t][0] = sums[t][1] = zero();
#pragma clang loop unroll_count(4)
    for (size_t k = first; k < last; k++) {
        v128_t w0 = load(panel + 32 * k), w1 = load(panel + 32 * k + 16);
        UNROLL
        for (int t = 0; t < NT; t++) {
            v128_t four = wasm_v128_load32_splat(q + (size_t)t * stride + 4 * k);
            sums[t][0] = wasm_i16x8_add(sums[t][0], DOT_CODES(four, w0));
            sums[t][1] = wasm_i16x8_add(sums[t][1], DOT_CODES(four, w1));
        }
    }
}

INLINE void tile_bytes(bool five, const void *mem, const matmul_input *in, size_t t0, int NT, float *p, size_t p_stride)
{
    const act8 *a = &in->a;
    const uint8_t *panel = mem;
    const int8_t *q = a->q + t0 * a->K;
    const float *scale = a->scale + t0 * a->n_blocks, *sum = a->sum + t0 * a->n_blocks;
    size_t n_blocks = a->K / ACT_BLOCK;
    v128_t total[TOKENS][2];
    UNROLL
    for (int t = 0; t < NT; t++) total[t][0] = total[t][1] = zero();
    for (size_t i = 0; i < n_blocks; i++, panel += BLOCK_BYTES, q += ACT_BLOCK) {
        v128_t sums[TOKENS][2], more[TOKENS][2];
        add_groups(panel, q, a->K, 0, five ? 4 : 8, NT, sums);
        if (five) add_groups(panel, q, a->K, 4, 8, NT, more);
        UNROLL
        for (int h = 0; h < 2; h++) {
            v128_t d = load(panel + D_AT + 16 * h), m = load(panel + M_AT + 16 * h);
            UNROLL
            for (int t = 0; t < NT; t++) {
                size_t at = (size_t)t * a->n_blocks + i;
                v128_t dot = wasm_i32x4_extadd_pairwise_i16x8(sums[t][h]);
                if (five) dot = wasm_i32x4_add(dot, wasm_i32x4_extadd_pairwise_i16x8(more[t][h]));
                v128_t s = wasm_f32x4_mul(d, wasm_v128_load32_splat(scale + at));
                total[t][h] = madd(wasm_f32x4_convert_i32x4(dot), s, total[t][h]);
                total[t][h] = madd(m, wasm_v128_load32_splat(sum + at), total[t][h]);
            }
        }
    }
    UNROLL
    for (int t = 0; t < NT; t++) {
        store(p + (size_t)t * p_stride, total[t][0]);
        store(p + (size_t)t * p_stride + 4, total[t][1]);
    }
}

#define TILE(name, five)                                                                                                       \
    static void name(const void *panel, const matmul_input *in, size_t t0, size_t nt, float *p, size_t p_stride)               \
    {                                                                                                                          \
        switch (nt) {                                                                                                          \
        case 1: tile_bytes(five, panel, in, t0, 1, p, p_stride); break;                                                        \
        case 2: tile_bytes(five, panel, in, t0, 2, p, p_stride); break;                                                        \
        case 3: tile_bytes(five, panel, in, t0, 3, p, p_stride); break;                                                        \
        default: tile_bytes(five, panel, in, t0, 4, p, p_stride); break;                                                       \
        }                                                                                                                      \
    }
TILE(tile_4, false)
TILE(tile_5, true)

/* ---- packing ---- */

/* The rows of a group; one that is not there repeats the last, and its products go nowhere. */
INLINE void group_rows(weight_rows w, const uint8_t *row[ROWS])
{
    for (size_t r = 0; r < ROWS; r++) row[r] = w.bytes + (r < w.n ? r : w.n - 1) * w.row_bytes;
}

INLINE v128_t low_nibbles(v128_t v) { return wasm_v128_and(v, wasm_i8x16_const_splat(15)); }
INLINE v128_t high_nibbles(v128_t v) { return low_nibbles(wasm_u16x8_shr(v, 4)); }

/* 16 codes of rows g .. g+3 to where they belong. */
INLINE void put_codes(uint8_t *block, int half, int g, v128_t v[4])
{
    transpose_4x4(v);
    UNROLL
    for (int j = 0; j < 4; j++) store(block + 32 * (4 * half + j) + 4 * g, v[j]);
}

/* One block of 4 bits of four rows. */
INLINE void pack_4_bits_block(const uint8_t *const *row, size_t at, uint8_t *panel, int g, bool has_min)
{
    v128_t low[4], high[4];
    UNROLL
    for (int r = 0; r < 4; r++) {
        v128_t v = load(row[r] + at + (has_min ? 4 : 2));
        low[r] = low_nibbles(v), high[r] = high_nibbles(v);
    }
    put_codes(panel, 0, g, low);
    put_codes(panel, 1, g, high);
    v128_t d = row_halves(row, at);
    store(panel + D_AT + 4 * g, d);
    store(panel + M_AT + 4 * g, has_min ? row_halves(row, at + 2) : wasm_f32x4_mul(d, splat(-8)));
}

static void pack_q4_1(weight_rows w, size_t K, void *mem)
{
    const uint8_t *row[ROWS];
    uint8_t *panel = mem;
    group_rows(w, row);
    for (size_t i = 0, at = 0; i < K; i += 32, at += 20, panel += BLOCK_BYTES)
        for (int g = 0; g < ROWS; g += 4) pack_4_bits_block(row + g, at, panel, g, true);
}

/* A piece of four rows: four blocks. */
INLINE void pack_q4_0_piece(const uint8_t *const *row, size_t at, uint8_t *panel, int g)
{
    for (int j = 0; j < 4; j++) {
        v128_t v[4];
        UNROLL
        for (int r = 0; r < 4; r++) v[r] = load(row[r] + at + PIECE_4_0_CODES + 16 * j);
        transpose_4x4(v); /* of each block word j of the four rows */
        UNROLL
        for (int b = 0; b < LANE_BLOCKS; b++) {
            store(panel + b * BLOCK_BYTES + 32 * j + 4 * g, low_nibbles(v[b]));
            store(panel + b * BLOCK_BYTES + 32 * (4 + j) + 4 * g, high_nibbles(v[b]));
        }
    }
    for (int b = 0; b < LANE_BLOCKS; b++) {
        v128_t d = row_halves(row, at + 2 * (size_t)b);
        store(panel + b * BLOCK_BYTES + D_AT + 4 * g, d);
        store(panel + b * BLOCK_BYTES + M_AT + 4 * g, wasm_f32x4_mul(d, splat(-8)));
    }
}

static void pack_q4_0(weight_rows w, size_t K, void *mem)
{
    const uint8_t *row[ROWS];
    uint8_t *panel = mem;
    group_rows(w, row);
    size_t i = 0, at = 0;
    for (; i + PIECE_4_0 <= K; i += PIECE_4_0, at += PIECE_4_0_BYTES, panel += LANE_BLOCKS * BLOCK_BYTES)
        for (int g = 0; g < ROWS; g += 4) pack_q4_0_piece(row + g, at, panel, g);
    for (; i < K; i += 32, at += 18, panel += BLOCK_BYTES)
        for (int g = 0; g < ROWS; g += 4) pack_4_bits_block(row + g, at, panel, g, false);
}

/* Q4_K (five = false) and Q5_K: sub-block j of four rows. */
INLINE void pack_sub_block(const uint8_t *const *row, size_t at, int j, uint8_t *block, int g, bool five)
{
    float S[4], M[4];
    for (int r = 0; r < 4; r++) {
        q45_k_scale s = q45_k_unpack_scale(row[r] + at + 4, j);
        S[r] = s.scale, M[r] = s.min;
    }
    for (int half = 0; half < 2; half++) {
        v128_t v[4];
        UNROLL
        for (int r = 0; r < 4; r++) {
            const uint8_t *b = row[r] + at;
            v128_t q = load(b + (five ? 48 : 16) + 32 * (j / 2) + 16 * half);
            v[r] = j & 1 ? high_nibbles(q) : low_nibbles(q);
            if (!five) continue;
            v128_t bits = wasm_u16x8_shr(load(b + 16 + 16 * half), (uint32_t)j); /* bit j of each byte becomes bit 0 */
            v[r] = wasm_v128_or(v[r], wasm_v128_and(wasm_i16x8_shl(bits, 4), wasm_i8x16_const_splat(16)));
        }
        put_codes(block, half, g, v);
    }
    store(block + D_AT + 4 * g, wasm_f32x4_mul(row_halves(row, at), load(S)));
    store(block + M_AT + 4 * g, wasm_f32x4_neg(wasm_f32x4_mul(row_halves(row, at + 2), load(M))));
}

INLINE void pack_45_k(weight_rows w, size_t K, uint8_t *panel, bool five)
{
    const uint8_t *row[ROWS];
    group_rows(w, row);
    for (size_t i = 0, at = 0; i < K; i += 256, at += five ? 176 : 144)
        for (int j = 0; j < 8; j++, panel += BLOCK_BYTES)
            for (int g = 0; g < ROWS; g += 4) pack_sub_block(row + g, at, j, panel, g, five);
}

static void pack_q4_k(weight_rows w, size_t K, void *panel) { pack_45_k(w, K, panel, false); }
static void pack_q5_k(weight_rows w, size_t K, void *panel) { pack_45_k(w, K, panel, true); }

#define PANEL(type, from, tile_fn)                                                                                             \
    const matmul_panel panel_##type##_relaxed = {.n_rows = ROWS,                                                               \
                                                 .n_tokens = TOKENS,                                                           \
                                                 .bytes_per_value = BLOCK_BYTES / ACT_BLOCK,                                   \
                                                 .min_tokens = from,                                                           \
                                                 .pack = pack_##type,                                                          \
                                                 .tile = tile_fn}
PANEL(q4_0, 3, tile_4);
PANEL(q4_1, 3, tile_4);
PANEL(q4_k, 3, tile_4);
PANEL(q5_k, 3, tile_5);

#else
typedef int no_relaxed_simd_here; /* a file needs a declaration */
#endif
