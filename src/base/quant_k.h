/* Pieces of the 256-value block formats that more than one file needs. */
#ifndef BASE_QUANT_K_H
#define BASE_QUANT_K_H

#include "base/dtype.h"

/* The 6-bit scale and minimum of one of the eight sub-blocks of a Q4_K or Q5_K block. */
typedef struct q45_k_scale {
    uint8_t scale, min; /* 0..63 */
} q45_k_scale;

/* Sub-block j (0..7) of the packed 12 bytes: the first four lie in the low six bits of bytes 0..7; of the
 * last four the low four bits share bytes 8..11 and the high two bits fill the tops of bytes 0..7. */
static inline q45_k_scale q45_k_unpack_scale(const uint8_t *sc, int j)
{
    if (j < 4) return (q45_k_scale){sc[j] & 63, sc[j + 4] & 63};
    return (q45_k_scale){(uint8_t)((sc[j + 4] & 15) | (sc[j - 4] >> 6) << 4),
                         (uint8_t)((sc[j + 4] >> 4) | (sc[j] >> 6) << 4)};
}
/* The reverse for all eight at once. */
void q45_k_pack_scales(const q45_k_scale s[8], uint8_t sc[12]);

/* One block of 256 values each. They search: each sub-block takes, of a few candidate grids, the one whose
 * weighted squared error is smallest after a least-squares fit. */
void quantize_block_q45_k(dtype type, const float *x, uint8_t *block);
void quantize_block_q6_k(const float *x, uint8_t *block);

#endif
