/* Weights from the order of a file to that of lanes_simd128.h, and back for rows of tables. */
#include "backend/cpu/lanes_simd128.h"

#include "base/quant.h"

#include <string.h>

/* ---- Q4_0 ---- */

static void piece_4_0(uint8_t *to, const uint8_t *blocks)
{
    v128_t v[LANE_BLOCKS];
    for (int b = 0; b < LANE_BLOCKS; b++) memcpy(to + 2 * b, blocks + 18 * b, 2), v[b] = load(blocks + 18 * b + 2);
    transpose_4x4(v);
    for (int j = 0; j < 4; j++) store(to + PIECE_4_0_CODES + 16 * j, v[j]);
}

static void blocks_4_0(uint8_t *blocks, const uint8_t *piece)
{
    v128_t v[4];
    for (int j = 0; j < 4; j++) v[j] = load(piece + PIECE_4_0_CODES + 16 * j);
    transpose_4x4(v);
    for (int b = 0; b < LANE_BLOCKS; b++) memcpy(blocks + 18 * b, piece + 2 * b, 2), store(blocks + 18 * b + 2, v[b]);
}

/* ---- Q6_K ---- */

/* 16 codes of sub-block k of four that share bytes: a nibble of `low`, two bits of `high`. */
static v128_t file_codes(v128_t low, v128_t high, int k)
{
    low = wasm_v128_and(k & 2 ? wasm_u16x8_shr(low, 4) : low, wasm_i8x16_const_splat(15));
    high = wasm_v128_and(wasm_u16x8_shr(high, (uint32_t)(2 * k)), wasm_i8x16_const_splat(3));
    return wasm_v128_or(low, wasm_i16x8_shl(high, 4));
}

static void piece_6_k(uint8_t *to, const uint8_t *block)
{
    for (int g = 0; g < 2; g++)
        for (int half = 0; half < 2; half++) {
            v128_t v[LANE_BLOCKS], high = load(block + 128 + 32 * g + 16 * half);
            for (int k = 0; k < LANE_BLOCKS; k++) {
                v[k] = file_codes(load(block + 64 * g + 32 * (k & 1) + 16 * half), high, k);
                to[PIECE_6_K_SCALES + 8 * g + 4 * half + k] = block[192 + 8 * g + 2 * k + half];
            }
            transpose_4x4(v);
            for (int j = 0; j < 3; j++) {
                v128_t two = wasm_v128_and(wasm_u16x8_shr(v[3], (uint32_t)(2 * j)), wasm_i8x16_const_splat(3));
                store(to + 96 * g + 48 * half + 16 * j, wasm_v128_or(v[j], wasm_i16x8_shl(two, 6)));
            }
        }
    memcpy(to + PIECE_6_K_D, block + 208, 2);
}

static void block_6_k(uint8_t *block, const uint8_t *piece)
{
    for (int g = 0; g < 2; g++)
        for (int half = 0; half < 2; half++) {
            v128_t v[LANE_BLOCKS], high = zero();
            sub_block_codes(piece, (size_t)g, (size_t)half, v);
            for (int k = 0; k < LANE_BLOCKS; k++) {
                v128_t two = wasm_v128_and(wasm_u16x8_shr(v[k], 4), wasm_i8x16_const_splat(3));
                high = wasm_v128_or(high, wasm_i16x8_shl(two, (uint32_t)(2 * k)));
                v[k] = wasm_v128_and(v[k], wasm_i8x16_const_splat(15));
                block[192 + 8 * g + 2 * k + half] = piece[PIECE_6_K_SCALES + 8 * g + 4 * half + k];
            }
            for (int odd = 0; odd < 2; odd++)
                store(block + 64 * g + 32 * odd + 16 * half, wasm_v128_or(v[odd], wasm_i16x8_shl(v[odd + 2], 4)));
            store(block + 128 + 32 * g + 16 * half, high);
        }
    memcpy(block + 208, piece + PIECE_6_K_D, 2);
}

/* ---- rows ---- */

typedef struct order {
    size_t values, bytes; /* of a piece; 0 = as in the file */
    void (*from_file)(uint8_t *to, const uint8_t *blocks);
    void (*to_file)(uint8_t *blocks, const uint8_t *piece);
} order;

static order order_of(dtype type)
{
    switch (type) {
    case DTYPE_Q4_0: return (order){PIECE_4_0, PIECE_4_0_BYTES, piece_4_0, blocks_4_0};
    case DTYPE_Q6_K: return (order){PIECE_6_K, PIECE_6_K_BYTES, piece_6_k, block_6_k};
    default: return (order){0};
    }
}

void lanes_from_file(dtype type, void *to, const void *rows, size_t n, size_t K)
{
    order o = order_of(type);
    size_t row_bytes = dtype_row_bytes(type, K), n_pieces = o.values ? K / o.values : 0, ordered = n_pieces * o.bytes;
    if (!o.values) {
        memcpy(to, rows, n * row_bytes);
        return;
    }
    for (size_t r = 0; r < n; r++) {
        uint8_t *row = (uint8_t *)to + r * row_bytes;
        const uint8_t *from = (const uint8_t *)rows + r * row_bytes;
        for (size_t i = 0; i < n_pieces; i++) o.from_file(row + i * o.bytes, from + i * o.bytes);
        memcpy(row + ordered, from + ordered, row_bytes - ordered);
    }
}

void lanes_dequantize_row(dtype type, const void *row, float *y, size_t K)
{
    order o = order_of(type);
    const uint8_t *from = row;
    uint8_t blocks[PIECE_6_K_BYTES];
    for (; o.values && K >= o.values; K -= o.values, y += o.values, from += o.bytes) {
        o.to_file(blocks, from);
        dequantize_row(type, blocks, y, o.values);
    }
    if (K) dequantize_row(type, from, y, K);
}
