/*
 * Products of many tokens with quantised weights, WebAssembly SIMD.
 *
 * A panel holds 8 rows as words. The pair of weights 2k, 2k+1 of four rows lies in one vector, so that a pair of activations of a
 * token, broadcast, meets four rows at once and the sums stay apart by row: no sums across a vector. A tile of 4 tokens
 * keeps 8 sums in registers. Q4_0 and Q8_0 are in it with their signs, Q6_K times its sub-block's scale (at most 4,096 in
 * magnitude); Q4_1, Q4_K and Q5_K are unsigned and take their minimum from the activations' sums.
 *
 * Layout of a panel: for each block of 32 values of K: 16 pairs x (rows 0..3, rows 4..7), then d of the eight rows (f32), then m.
 */
#include "backend/cpu/lanes_simd128.h"
#include "backend/cpu/matmul_simd128.h"

#include "base/half.h"
#include "base/quant_k.h"

enum {
    ROWS = 8,
    TOKENS = 4,
    BLOCK_BYTES = 16 * 32 + 32 + 32,
    D_AT = 512,
    M_AT = 544,
};

/* ---- tiles ---- */

INLINE void tile_words(bool has_min, const void *mem, const matmul_input *in, size_t t0, int NT, float *p, size_t p_stride)
{
    const act8 *a = &in->a;
    const uint8_t *panel = mem;
    const int16_t *q = a->q16 + t0 * a->K;
    const float *scale = a->scale + t0 * a->n_blocks, *sum = a->sum + t0 * a->n_blocks;
    size_t n_blocks = a->K / ACT_BLOCK;
    v128_t total[TOKENS][2];
    UNROLL
    for (int t = 0; t < NT; t++) total[t][0] = total[t][1] = zero();
    for (size_t i = 0; i < n_blocks; i++, panel += BLOCK_BYTES, q += ACT_BLOCK) {
        v128_t dot[TOKENS][2];
        UNROLL
        for (int t = 0; t < NT; t++) dot[t][0] = dot[t][1] = zero();
#pragma clang loop unroll_count(4)
        for (size_t k = 0; k < 16; k++) {
            v128_t w0 = load(panel + 32 * k), w1 = load(panel + 32 * k + 16);
            UNROLL
            for (int t = 0; t < NT; t++) {
                v128_t pair = wasm_v128_load32_splat(q + (size_t)t * a->K + 2 * k);
                dot[t][0] = wasm_i32x4_add(dot[t][0], wasm_i32x4_dot_i16x8(w0, pair));
                dot[t][1] = wasm_i32x4_add(dot[t][1], wasm_i32x4_dot_i16x8(w1, pair));
            }
        }
        UNROLL
        for (int h = 0; h < 2; h++) {
            v128_t d = load(panel + D_AT + 16 * h), m = has_min ? load(panel + M_AT + 16 * h) : zero();
            UNROLL
            for (int t = 0; t < NT; t++) {
                size_t at = (size_t)t * a->n_blocks + i;
                v128_t s = wasm_f32x4_mul(d, wasm_v128_load32_splat(scale + at));
                total[t][h] = madd(wasm_f32x4_convert_i32x4(dot[t][h]), s, total[t][h]);
                if (has_min) total[t][h] = madd(m, wasm_v128_load32_splat(sum + at), total[t][h]);
            }
        }
    }
    UNROLL
    for (int t = 0; t < NT; t++) {
        store(p + (size_t)t * p_stride, total[t][0]);
        store(p + (size_t)t * p_stride + 4, total[t][1]);
    }
}

#define TILE(name, has_min)                                                                                                    \
    static void name(const void *panel, const matmul_input *in, size_t t0, size_t nt, float *p, size_t p_stride)               \
    {                                                                                                                          \
        switch (nt) {                                                                                                          \
        case 1: tile_words(has_min, panel, in, t0, 1, p, p_stride); break;                                                     \
        case 2: tile_words(has_min, panel, in, t0, 2, p, p_stride); break;                                                     \
        case 3: tile_words(has_min, panel, in, t0, 3, p, p_stride); break;                                                     \
        default: tile_words(has_min, panel, in, t0, 4, p, p_stride); break;                                                    \
        }                                                                                                                      \
    }
TILE(tile_signed, false)
TILE(tile_min, true)

/* ---- packing ---- */

/* The rows of a group; one that is not there repeats the last, and its products go nowhere. */
INLINE void group_rows(weight_rows w, const uint8_t *row[ROWS])
{
    for (size_t r = 0; r < ROWS; r++) row[r] = w.bytes + (r < w.n ? r : w.n - 1) * w.row_bytes;
}

/* Eight words of four rows, values 8i..8i+7 of a block, to where they belong; `rows` is 0 or 4. */
INLINE void put_words(uint8_t *block, int i, int rows, v128_t v[4])
{
    transpose_4x4(v);
    UNROLL
    for (int j = 0; j < 4; j++) store(block + 32 * (4 * i + j) + 4 * rows, v[j]);
}

/* 16 bytes of each of four rows as words, times the rows' factors where there are any. */
INLINE void put_bytes(uint8_t *block, int half, int rows, const v128_t b[4], const v128_t *factor)
{
    v128_t low[4], high[4];
    UNROLL
    for (int r = 0; r < 4; r++) {
        low[r] = wasm_i16x8_extend_low_i8x16(b[r]), high[r] = wasm_i16x8_extend_high_i8x16(b[r]);
        if (factor) low[r] = wasm_i16x8_mul(low[r], factor[r]), high[r] = wasm_i16x8_mul(high[r], factor[r]);
    }
    put_words(block, 2 * half, rows, low);
    put_words(block, 2 * half + 1, rows, high);
}

INLINE v128_t low_nibbles(v128_t v) { return wasm_v128_and(v, wasm_i8x16_const_splat(15)); }
INLINE v128_t high_nibbles(v128_t v) { return low_nibbles(wasm_u16x8_shr(v, 4)); }

/* One block of 4 bits of four rows. */
INLINE void pack_4_bits_block(const uint8_t *const *row, size_t at, uint8_t *panel, int g, bool has_min)
{
    v128_t low[4], high[4], offset = wasm_i8x16_splat(has_min ? 0 : 8);
    UNROLL
    for (int r = 0; r < 4; r++) {
        v128_t v = load(row[r] + at + (has_min ? 4 : 2));
        low[r] = wasm_i8x16_sub(low_nibbles(v), offset), high[r] = wasm_i8x16_sub(high_nibbles(v), offset);
    }
    put_bytes(panel, 0, g, low, NULL);
    put_bytes(panel, 1, g, high, NULL);
    store(panel + D_AT + 4 * g, row_halves(row, at));
    if (has_min) store(panel + M_AT + 4 * g, row_halves(row, at + 2));
}

static void pack_q4_1(weight_rows w, size_t K, void *mem)
{
    const uint8_t *row[ROWS];
    uint8_t *panel = mem;
    group_rows(w, row);
    for (size_t i = 0, at = 0; i < K; i += 32, at += 20, panel += BLOCK_BYTES)
        for (int g = 0; g < ROWS; g += 4) pack_4_bits_block(row + g, at, panel, g, true);
}

/* Word j of four rows' blocks, four codes of each row less 8, to where they belong. */
INLINE void put_lane_codes(uint8_t *block, int j, int g, v128_t codes)
{
    codes = wasm_i8x16_sub(codes, wasm_i8x16_const_splat(8));
    v128_t a = wasm_i16x8_extend_low_i8x16(codes), b = wasm_i16x8_extend_high_i8x16(codes);
    store(block + 64 * j + 4 * g, wasm_i32x4_shuffle(a, b, 0, 2, 4, 6));
    store(block + 64 * j + 32 + 4 * g, wasm_i32x4_shuffle(a, b, 1, 3, 5, 7));
}

/* A piece of four rows: four blocks. */
INLINE void pack_q4_0_piece(const uint8_t *const *row, size_t at, uint8_t *panel, int g)
{
    for (int j = 0; j < 4; j++) {
        v128_t v[4];
        UNROLL
        for (int r = 0; r < 4; r++) v[r] = load(row[r] + at + PIECE_4_0_CODES + 16 * j);
        transpose_4x4(v);
        UNROLL
        for (int b = 0; b < LANE_BLOCKS; b++) {
            put_lane_codes(panel + b * BLOCK_BYTES, j, g, low_nibbles(v[b]));
            put_lane_codes(panel + b * BLOCK_BYTES, j + 4, g, high_nibbles(v[b]));
        }
    }
    for (int b = 0; b < LANE_BLOCKS; b++) store(panel + b * BLOCK_BYTES + D_AT + 4 * g, row_halves(row, at + 2 * (size_t)b));
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

static void pack_q8_0(weight_rows w, size_t K, void *mem)
{
    const uint8_t *row[ROWS];
    uint8_t *panel = mem;
    group_rows(w, row);
    for (size_t i = 0, at = 0; i < K; i += 32, at += 34, panel += BLOCK_BYTES)
        for (int g = 0; g < ROWS; g += 4) {
            for (int n = 0; n < 4; n++) {
                v128_t v[4];
                UNROLL
                for (int r = 0; r < 4; r++) v[r] = wasm_i16x8_load8x8(row[g + r] + at + 2 + 8 * n);
                put_words(panel, n, g, v);
            }
            store(panel + D_AT + 4 * g, row_halves(row + g, at));
        }
}

/* Q4_K (five = false) and Q5_K: 256 values of four rows. */
INLINE void pack_45_k_block(const uint8_t *const *row, size_t at, uint8_t *panel, int g, bool five)
{
    v128_t d = row_halves(row, at), dmin = row_halves(row, at + 2);
    for (int j = 0; j < 8; j++) {
        uint8_t *block = panel + j * BLOCK_BYTES;
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
                bits = wasm_v128_and(wasm_i16x8_shl(bits, 4), wasm_i8x16_const_splat(16));
                v[r] = wasm_v128_or(v[r], bits);
            }
            put_bytes(block, half, g, v, NULL);
        }
        store(block + D_AT + 4 * g, wasm_f32x4_mul(d, load(S)));
        store(block + M_AT + 4 * g, wasm_f32x4_neg(wasm_f32x4_mul(dmin, load(M))));
    }
}

INLINE void pack_45_k(weight_rows w, size_t K, uint8_t *panel, bool five)
{
    const uint8_t *row[ROWS];
    group_rows(w, row);
    for (size_t i = 0, at = 0; i < K; i += 256, at += five ? 176 : 144, panel += 8 * BLOCK_BYTES)
        for (int g = 0; g < ROWS; g += 4) pack_45_k_block(row + g, at, panel, g, five);
}

static void pack_q4_k(weight_rows w, size_t K, void *panel) { pack_45_k(w, K, panel, false); }
static void pack_q5_k(weight_rows w, size_t K, void *panel) { pack_45_k(w, K, panel, true); }

/* Q6_K: 256 values of four rows. */
INLINE void pack_6_k_piece(const uint8_t *const *row, size_t at, uint8_t *panel, int g)
{
    v128_t d = row_halves(row, at + PIECE_6_K_D);
    for (size_t part = 0; part < 4; part++) {
        v128_t code[4][4];
        UNROLL
        for (int r = 0; r < 4; r++) sub_block_codes(row[r] + at, part / 2, part % 2, code[r]);
        UNROLL
        for (size_t k = 0; k < LANE_BLOCKS; k++) {
            v128_t v[4], factor[4];
            UNROLL
            for (int r = 0; r < 4; r++) {
                v[r] = wasm_i8x16_sub(code[r][k], wasm_i8x16_const_splat(32));
                factor[r] = wasm_i16x8_splat((int8_t)row[r][at + PIECE_6_K_SCALES + 4 * part + k]);
            }
            put_bytes(panel + (4 * (part / 2) + k) * BLOCK_BYTES, (int)(part % 2), g, v, factor);
        }
    }
    for (int j = 0; j < 8; j++) store(panel + j * BLOCK_BYTES + D_AT + 4 * g, d);
}

static void pack_q6_k(weight_rows w, size_t K, void *mem)
{
    const uint8_t *row[ROWS];
    uint8_t *panel = mem;
    group_rows(w, row);
    for (size_t i = 0, at = 0; i < K; i += PIECE_6_K, at += PIECE_6_K_BYTES, panel += 8 * BLOCK_BYTES)
        for (int g = 0; g < ROWS; g += 4) pack_6_k_piece(row + g, at, panel, g);
}

#define PANEL(type, from, tile_fn)                                                                                             \
    const matmul_panel panel_##type##_simd128 = {.n_rows = ROWS,                                                               \
                                                 .n_tokens = TOKENS,                                                           \
                                                 .bytes_per_value = BLOCK_BYTES / ACT_BLOCK,                                   \
                                                 .wants_q16 = true,                                                            \
                                                 .min_tokens = from,                                                           \
                                                 .pack = pack_##type,                                                          \
                                                 .tile = tile_fn}
PANEL(q4_0, 5, tile_signed);
PANEL(q4_1, 5, tile_min);
PANEL(q8_0, 6, tile_signed);
PANEL(q4_k, 3, tile_min);
PANEL(q5_k, 3, tile_min);
PANEL(q6_k, 4, tile_signed);
