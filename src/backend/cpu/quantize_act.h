/*
 * Activations in 8 bits: the one format in which x meets every quantised weight type.
 *
 * What a product with quantised weights means, for every backend. A row x of K values is cut into blocks of
 * 32: scale = max|x| / 127 (f32)        q = x * (127 / max|x|) rounded to nearest, ties to even, in -127..127
 * so that x ~ scale * q (a block whose largest magnitude is below 1e-35 has q = 0). A block of 32 weights is,
 * in its own format (base/quant.h), w = d * code + m        code a whole number, d and m f32 Q4_0  code =
 * nibble - 8, m = 0        Q4_1  code = nibble        Q8_0  code = the byte, m = 0 Q4_K, Q5_K  code = the 4
 * or 5 bits, d = block d * S, m = -(block dmin * M) Q6_K  code = s * (the 6 bits - 32) with the sub-block's
 * own s for each 16 values, d = the block's d, m = 0 and the product is the sum over blocks of scale * (d *
 * sum(code * q) + m * sum(q)) where both inner sums are exact integers (below 2^24). Only the order in which
 * the f32 terms of blocks are rounded and added is a backend's own. Weights in F32, F16 and BF16 meet the f32
 * activations themselves.
 *
 * An activation that is not finite makes the outputs of its token meaningless, nothing worse.
 */
#ifndef CPU_QUANTIZE_ACT_H
#define CPU_QUANTIZE_ACT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { ACT_BLOCK = 32 };

/* T rows of K activations; K is a multiple of 32. The arrays are aligned to 64. */
typedef struct act8 {
    size_t K;
    size_t n_blocks; /* K / 32 rounded up to 8: the length of a row of scale and sum; what is beyond K is 0 */
    int8_t *q;       /* [T, K] */
    float *scale, *sum; /* [T, n_blocks]: scale, and scale * sum(q) of the block */
    int16_t *half_sum;  /* [T, 2 * n_blocks]: sum(q) of each 16 values (Q6_K changes its scale there) */
    int16_t *
        q16; /* [T, K], or NULL: q in 16 bits for kernels that multiply pairs. Within a block: the pairs
              * (4i, 4i+2) for i = 0..7, then the pairs (4i+1, 4i+3), as shifting 32-bit groups leaves them;
              * of quantize_act_simd128() q as it is */
    int16_t *folded; /* [T, K], or NULL: of each 16 values q the eight 256 q[2i] - q[2i+1], then the eight
                      * q[2i+1] (matmul_dots_simd128.c says why) */
    int8_t *pairs;     /* [T, K], or NULL: of each two blocks the first 16 values of both, then the last 16 of both, as
                        * formats have them whose nibbles are values i and i + 16; a last block alone is left out */
    uint8_t *lanes;    /* [T, lane_bytes], or NULL: groups of 128 as lanes_simd128.h says; beyond K they are 0 */
    size_t lane_bytes; /* of a row */
} act8;

/* Copies of the activations that a kernel multiplies instead of q; flags. */
enum { ACT_Q16 = 1, ACT_FOLDED = 2, ACT_LANE_BYTES = 4, ACT_LANE_WORDS = 8, ACT_PAIRS = 16 }; /* of lanes one at most */

/* Bytes for T rows with these copies; SIZE_MAX when they do not fit a size_t. */
size_t act8_bytes(size_t T, size_t K, unsigned copies);
/* Lays the arrays out in `mem` (act8_bytes(), aligned to 64). */
act8 act8_place(void *mem, size_t T, size_t K, unsigned copies);

/* Fills rows [first, first+n) from x [T, K]. */
void quantize_act_ref(const act8 *a, const float *x, size_t first, size_t n);
void quantize_act_avx2(const act8 *a, const float *x, size_t first, size_t n);
void quantize_act_simd128(const act8 *a, const float *x, size_t first, size_t n); /* q16 in the order of q; alone makes lanes */

#endif
