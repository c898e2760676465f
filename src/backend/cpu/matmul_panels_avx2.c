/*
 * Products of many tokens with quantised weights, AVX2.
 *
 * A panel holds 8 rows. The four weights k..k+3 of all eight rows lie in one vector, 4 bytes a row, so that
 * four activations of a token, broadcast, meet all eight rows at once and the sums stay apart by row: no sums
 * across a vector. Two kinds of panel:
 *
 *   bytes   4- and 5-bit codes as u8. vpmaddubsw (u8 x s8) gives sums of two products in 16 bits; so many of
 * them are added in 16 bits as cannot overflow: 2 * 8 * 15 * 127 = 30,480 for all of a block of 32 with 4
 * bits, 2 * 4 * 31 * 127 = 31,496 for half a block with 5. words   Q8_0's bytes, and Q6_K's 6 bits times
 * their sub-block's scale (at most 4,096), in 16 bits for vpmaddwd against act8.q16. The two values of a pair
 * are k, k+2 or k+1, k+3: what shifts of a 32-bit group leave.
 *
 * Layout of a panel: for each block of 32 values of K: the vectors in order of k, then d of the eight rows
 * (f32), then, in panels of bytes, m of the eight rows.
 */
#include "backend/cpu/matmul_avx2.h"

#include "base/half.h"
#include "base/quant_k.h"

#include <immintrin.h>

/* ---- tiles ---- */

/* Sum over n vectors of a block, in 16 bits, then in 32. */
INLINE __m256i sum_bytes(const __m256i *w, const int8_t *q, int n)
{
    __m256i sum = _mm256_maddubs_epi16(w[0], broadcast32(q));
    UNROLL
    for (int k = 1; k < n; k++)
        sum = _mm256_add_epi16(sum, _mm256_maddubs_epi16(w[k], broadcast32(q + 4 * k)));
    return _mm256_madd_epi16(sum, _mm256_set1_epi16(1));
}

INLINE __m256i dot_bytes(int bits, const __m256i *w, const int8_t *q)
{
    return bits == 4 ? sum_bytes(w, q, 8) : _mm256_add_epi32(sum_bytes(w, q, 4), sum_bytes(w + 4, q + 16, 4));
}

INLINE __m256i add_words(__m256i sum, __m256i w, __m256i q)
{
    return _mm256_add_epi32(sum, _mm256_madd_epi16(w, q));
}

#include "backend/cpu/matmul_tiles.h"

TILE(tile_bytes_4, tile_bytes, 4)
TILE(tile_bytes_5, tile_bytes, 5)
TILE(tile_words_16, tile_words, 16)

/* ---- packing ---- */

INLINE __m256i low_nibbles(__m256i v) { return _mm256_and_si256(v, _mm256_set1_epi8(15)); }
INLINE __m256i high_nibbles(__m256i v) { return low_nibbles(_mm256_srli_epi16(v, 4)); }

INLINE void pack_4_bits(weight_rows w, size_t K, uint8_t *panel, size_t block_bytes, bool has_min)
{
    const uint8_t *row[8];
    group_rows(w, row);
    for (size_t i = 0, at = 0; i < K; i += 32, at += block_bytes, panel += BYTES_BLOCK) {
        __m256i v[4], *out = (__m256i *)panel;
        transpose_16(row, at + (has_min ? 4 : 2), v);
        for (int j = 0; j < 4; j++) {
            _mm256_store_si256(out + j, low_nibbles(v[j]));
            _mm256_store_si256(out + 4 + j, high_nibbles(v[j]));
        }
        __m256 d = load_row_halves(row, at);
        store_scales(panel, d, has_min ? load_row_halves(row, at + 2) : _mm256_mul_ps(d, _mm256_set1_ps(-8)));
    }
}

void pack_q4_0_avx2(weight_rows w, size_t K, void *panel) { pack_4_bits(w, K, panel, 18, false); }
void pack_q4_1_avx2(weight_rows w, size_t K, void *panel) { pack_4_bits(w, K, panel, 20, true); }

/* Q4_K (five = 0) and Q5_K (five = 1). */
INLINE void pack_45_k(weight_rows w, size_t K, uint8_t *panel, bool five)
{
    const uint8_t *row[8];
    group_rows(w, row);
    for (size_t i = 0, at = 0; i < K; i += 256, at += five ? 176 : 144, panel += 8 * BYTES_BLOCK) {
        __m256 d = load_row_halves(row, at), dmin = load_row_halves(row, at + 2);
        __m256i high[8];
        if (five) {
            transpose_16(row, at + 16, high);
            transpose_16(row, at + 32, high + 4);
        }
        q45_k_scale s[8][8]; /* [sub-block][row] */
        for (int j = 0; j < 8; j++)
            for (int r = 0; r < 8; r++) s[j][r] = q45_k_unpack_scale(row[r] + at + 4, j);
        for (int j = 0; j < 8; j += 2) {
            __m256i v[8], *even = (__m256i *)(panel + j * BYTES_BLOCK),
                          *odd = (__m256i *)(panel + (j + 1) * BYTES_BLOCK);
            size_t q = at + (five ? 48 : 16) + 16 * (size_t)j;
            transpose_16(row, q, v);
            transpose_16(row, q + 16, v + 4);
            for (int k = 0; k < 8; k++) {
                __m256i lo = low_nibbles(v[k]), hi = high_nibbles(v[k]);
                if (five) {
                    const __m256i bit4 = _mm256_set1_epi8(16);
                    __m256i bits = _mm256_srli_epi16(high[k], j); /* bits j, j+1 of each byte become 0, 1 */
                    lo = _mm256_or_si256(lo, _mm256_and_si256(_mm256_slli_epi16(bits, 4), bit4));
                    hi = _mm256_or_si256(hi, _mm256_and_si256(_mm256_slli_epi16(bits, 3), bit4));
                }
                _mm256_store_si256(even + k, lo);
                _mm256_store_si256(odd + k, hi);
            }
            for (int h = 0; h < 2; h++) { /* scale and min of a row share 16 bits */
                __m128i pair = _mm_loadu_si128((const __m128i *)s[j + h]), bytes = _mm_set1_epi16(255);
                __m256 S = _mm256_cvtepi32_ps(_mm256_cvtepu16_epi32(_mm_and_si128(pair, bytes)));
                __m256 M = _mm256_cvtepi32_ps(_mm256_cvtepu16_epi32(_mm_srli_epi16(pair, 8)));
                __m256 m = _mm256_mul_ps(dmin, M);
                store_scales(panel + (j + h) * BYTES_BLOCK, _mm256_mul_ps(d, S),
                             _mm256_sub_ps(_mm256_setzero_ps(), m));
            }
        }
    }
}

void pack_q4_k_avx2(weight_rows w, size_t K, void *panel) { pack_45_k(w, K, panel, false); }
void pack_q5_k_avx2(weight_rows w, size_t K, void *panel) { pack_45_k(w, K, panel, true); }

/* The signed bytes of a 32-bit group as two pairs of words: bytes 0, 2 and bytes 1, 3. */
INLINE __m256i even_bytes(__m256i v) { return _mm256_srai_epi16(_mm256_slli_epi16(v, 8), 8); }
INLINE __m256i odd_bytes(__m256i v) { return _mm256_srai_epi16(v, 8); }

void pack_q8_0_avx2(weight_rows w, size_t K, void *mem)
{
    const uint8_t *row[8];
    uint8_t *panel = mem;
    group_rows(w, row);
    for (size_t i = 0, at = 0; i < K; i += 32, at += 34, panel += WORDS_BLOCK) {
        for (int half = 0; half < 2; half++) {
            __m256i v[4], *out = (__m256i *)panel + 4 * half;
            transpose_16(row, at + 2 + 16 * (size_t)half, v);
            for (int j = 0; j < 4; j++) {
                _mm256_store_si256(out + j, even_bytes(v[j]));
                _mm256_store_si256(out + 8 + j, odd_bytes(v[j]));
            }
        }
        _mm256_store_ps((float *)(panel + 512), load_row_halves(row, at));
    }
}

void pack_q6_k_avx2(weight_rows w, size_t K, void *mem)
{
    const uint8_t *row[8];
    uint8_t *panel = mem;
    group_rows(w, row);
    for (size_t i = 0, at = 0; i < K; i += 256, at += 210, panel += 8 * WORDS_BLOCK) {
        __m256 d = load_row_halves(row, at + 208);
        for (int h = 0; h < 2; h++)
            for (int part = 0; part < 2; part++) { /* 16 values of each of the four quarters of half h */
                __m256i low[2][4], high[4];
                transpose_16(row, at + 64 * (size_t)h + 16 * (size_t)part, low[0]);
                transpose_16(row, at + 64 * (size_t)h + 32 + 16 * (size_t)part, low[1]);
                transpose_16(row, at + 128 + 32 * (size_t)h + 16 * (size_t)part, high);
                for (int k = 0; k < 4; k++) {
                    __m256i *out = (__m256i *)(panel + (4 * h + k) * WORDS_BLOCK) + 4 * part;
                    int32_t s[8]; /* a row's scale in both words of its 32-bit group */
                    for (int r = 0; r < 8; r++) {
                        uint16_t sr =
                            (uint16_t)(int8_t)row[r][at + 192 + 8 * (size_t)h + 2 * (size_t)k + (size_t)part];
                        s[r] = (int32_t)((uint32_t)sr << 16 | sr);
                    }
                    __m256i scale = _mm256_loadu_si256((const __m256i *)s);
                    for (int j = 0; j < 4; j++) {
                        __m256i lo = k < 2 ? low_nibbles(low[k & 1][j]) : high_nibbles(low[k & 1][j]);
                        __m256i hi = _mm256_and_si256(_mm256_slli_epi16(_mm256_srli_epi16(high[j], 2 * k), 4),
                                                      _mm256_set1_epi8(0x30));
                        __m256i v = _mm256_sub_epi8(_mm256_or_si256(lo, hi), _mm256_set1_epi8(32));
                        _mm256_store_si256(out + j, _mm256_mullo_epi16(even_bytes(v), scale));
                        _mm256_store_si256(out + 8 + j, _mm256_mullo_epi16(odd_bytes(v), scale));
                    }
                }
            }
        for (int j = 0; j < 8; j++) _mm256_store_ps((float *)(panel + j * WORDS_BLOCK + 512), d);
    }
}

#define PANEL(type, bytes_per_block, q16, from, tile_fn)                                                     \
    const matmul_panel panel_##type##_avx2 = {.n_rows = QUANT_PANEL_ROWS,                                    \
                                              .n_tokens = QUANT_TILE_TOKENS,                                 \
                                              .bytes_per_value = (bytes_per_block) / 32,                     \
                                              .wants_q16 = q16,                                              \
                                              .min_tokens = from,                                            \
                                              .pack = pack_##type##_avx2,                                    \
                                              .tile = tile_fn}
PANEL(q4_0, BYTES_BLOCK, false, 7, tile_bytes_4);
PANEL(q4_1, BYTES_BLOCK, false, 7, tile_bytes_4);
PANEL(q4_k, BYTES_BLOCK, false, 8, tile_bytes_4);
PANEL(q5_k, BYTES_BLOCK, false, 8, tile_bytes_5);
PANEL(q6_k, WORDS_BLOCK, true, 16, tile_words_16);
PANEL(q8_0, WORDS_BLOCK, true, 12, tile_words_16);
