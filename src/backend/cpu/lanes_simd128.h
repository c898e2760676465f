/*
 * Weights of Q4_0 and Q6_K as WebAssembly SIMD keeps them: a piece of a row holds four (Q6_K: twice four) blocks of 32, and each lane of a
 * vector four codes of one of them. A product of such a vector with activations in the same order leaves the sums of four blocks in its four
 * lanes, where they meet the vector of their scales: nothing is added across lanes but once a row. A row takes as many bytes as in the file.
 *
 *   Q4_0, 128 values, 72 bytes   the halves d of blocks 0..3; four vectors: word b of vector j is word j of block b's 16 bytes
 *                                (what is left of a row, less than 128 values, is as in the file)
 *   Q6_K, 256 values, 210 bytes  for sub-blocks 0..3 and then 4..7, for their first 16 codes and then their second: vectors j = 0..2, word b
 *                                of which holds codes 4j..4j+3 of sub-block b in its low six bits; codes 12..15 lie in the upper two, low
 *                                bits first. Then scales: of each four sub-blocks the four first ones, then the four second ones. Then d.
 *
 * Activations (act8.lanes) come in groups of 128: eight vectors in the order of the codes, what is to be taken off their sums because codes
 * start at 0 and not at -8 (one vector) or -32 (two, by halves), and the four scales.
 */
#ifndef CPU_LANES_SIMD128_H
#define CPU_LANES_SIMD128_H

#include "backend/cpu/simd128.h"
#include "base/dtype.h"

enum {
    LANE_BLOCKS = 4, /* of a group */
    PIECE_4_0 = 128, PIECE_4_0_BYTES = 72, PIECE_4_0_CODES = 8,
    PIECE_6_K = 256, PIECE_6_K_BYTES = 210, PIECE_6_K_SCALES = 192, PIECE_6_K_D = 208,
    /* A group of activations: vectors of 16 bytes, or of 16 folded words (quantize_act.h). */
    LANE_BYTES = 128 + 64, LANE_WORDS = 256 + 64,
};

/* n rows of K values from a file's blocks; types that have no such order are copied. */
void lanes_from_file(dtype type, void *to, const void *rows, size_t n, size_t K);
/* The values of a row that lies as above, exactly those of dequantize_row(). */
void lanes_dequantize_row(dtype type, const void *row, float *y, size_t K);

/* The 64 codes of four vectors from the three that hold them. */
INLINE void unpack_6_bits(const v128_t v[3], v128_t code[4])
{
    v128_t a = wasm_v128_and(wasm_u16x8_shr(v[0], 6), wasm_i8x16_const_splat(0x03));
    v128_t b = wasm_v128_and(wasm_u16x8_shr(v[1], 4), wasm_i8x16_const_splat(0x0c));
    v128_t c = wasm_v128_and(wasm_u16x8_shr(v[2], 2), wasm_i8x16_const_splat(0x30));
    UNROLL
    for (int j = 0; j < 3; j++) code[j] = wasm_v128_and(v[j], wasm_i8x16_const_splat(0x3f));
    code[3] = wasm_v128_or(wasm_v128_or(a, b), c);
}

/* The first or second 16 codes of sub-blocks 4g .. 4g+3. */
INLINE void sub_block_codes(const uint8_t *piece, size_t g, size_t half, v128_t code[4])
{
    const uint8_t *p = piece + 96 * g + 48 * half;
    const v128_t v[3] = {load(p), load(p + 16), load(p + 32)};
    unpack_6_bits(v, code);
    transpose_4x4(code);
}

#endif
