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

#define INLINE static inline __attribute__((always_inline))

enum {
    PANEL_ROWS = 8,
    TILE_TOKENS = 4,
    BYTES_BLOCK = 8 * 32 + 32 + 32, /* of a panel of bytes */
    WORDS_BLOCK = 16 * 32 + 32,     /* of a panel of words */
};

/* ---- tiles ---- */

INLINE __m256i broadcast32(const void *p)
{
    int32_t v;
    memcpy(&v, p, 4);
    return _mm256_set1_epi32(v);
}

/* Sum over n vectors of a block, in 16 bits, then in 32. */
INLINE __m256i dot_bytes(const __m256i *w, const int8_t *q, int n)
{
    __m256i sum = _mm256_maddubs_epi16(w[0], broadcast32(q));
    UNROLL
    for (int k = 1; k < n; k++)
        sum = _mm256_add_epi16(sum, _mm256_maddubs_epi16(w[k], broadcast32(q + 4 * k)));
    return _mm256_madd_epi16(sum, _mm256_set1_epi16(1));
}

INLINE void tile_bytes(int bits, const uint8_t *panel, const matmul_input *in, size_t t0, int NT, float *p,
                       size_t p_stride)
{
    const act8 *a = &in->a;
    const int8_t *q = a->q + t0 * a->K;
    const float *scale = a->scale + t0 * a->n_blocks, *sum = a->sum + t0 * a->n_blocks;
    size_t n_blocks = a->K / ACT_BLOCK;
    __m256 acc[TILE_TOKENS];
    UNROLL
    for (int t = 0; t < NT; t++) acc[t] = _mm256_setzero_ps();
    for (size_t i = 0; i < n_blocks; i++, panel += BYTES_BLOCK, q += ACT_BLOCK) {
        const __m256i *w = (const __m256i *)panel;
        __m256 d = _mm256_load_ps((const float *)(panel + 256)),
               m = _mm256_load_ps((const float *)(panel + 288));
        UNROLL
        for (int t = 0; t < NT; t++) {
            const int8_t *qt = q + (size_t)t * a->K;
            __m256i dot = bits == 4 ? dot_bytes(w, qt, 8)
                                    : _mm256_add_epi32(dot_bytes(w, qt, 4), dot_bytes(w + 4, qt + 16, 4));
            __m256 s = _mm256_broadcast_ss(scale + (size_t)t * a->n_blocks + i);
            __m256 c = _mm256_broadcast_ss(sum + (size_t)t * a->n_blocks + i);
            acc[t] = _mm256_fmadd_ps(m, c, acc[t]);
            acc[t] = _mm256_fmadd_ps(_mm256_cvtepi32_ps(dot), _mm256_mul_ps(d, s), acc[t]);
        }
    }
    UNROLL
    for (int t = 0; t < NT; t++) _mm256_storeu_ps(p + (size_t)t * p_stride, acc[t]);
}

INLINE void tile_words(int n_vectors, const uint8_t *panel, const matmul_input *in, size_t t0, int NT,
                       float *p, size_t p_stride)
{
    const act8 *a = &in->a;
    const int16_t *q = a->q16 + t0 * a->K;
    const float *scale = a->scale + t0 * a->n_blocks;
    size_t n_blocks = a->K / ACT_BLOCK;
    __m256 acc[TILE_TOKENS];
    UNROLL
    for (int t = 0; t < NT; t++) acc[t] = _mm256_setzero_ps();
    for (size_t i = 0; i < n_blocks; i++, panel += WORDS_BLOCK, q += ACT_BLOCK) {
        const __m256i *w = (const __m256i *)panel;
        /* Not unrolled further: gcc would form all the products first and spill them. */
        const int16_t *q1 = q + a->K, *q2 = q1 + a->K, *q3 = q2 + a->K;
        __m256i dot0 = _mm256_setzero_si256(), dot1 = dot0, dot2 = dot0, dot3 = dot0;
        for (int k = 0; k < n_vectors; k++) {
            __m256i v = w[k];
            dot0 = _mm256_add_epi32(dot0, _mm256_madd_epi16(v, broadcast32(q + 2 * k)));
            if (NT > 1) dot1 = _mm256_add_epi32(dot1, _mm256_madd_epi16(v, broadcast32(q1 + 2 * k)));
            if (NT > 2) dot2 = _mm256_add_epi32(dot2, _mm256_madd_epi16(v, broadcast32(q2 + 2 * k)));
            if (NT > 3) dot3 = _mm256_add_epi32(dot3, _mm256_madd_epi16(v, broadcast32(q3 + 2 * k)));
        }
        const __m256i dot[TILE_TOKENS] = {dot0, dot1, dot2, dot3};
        __m256 d = _mm256_load_ps((const float *)(panel + 512));
        UNROLL
        for (int t = 0; t < NT; t++) {
            __m256 s = _mm256_broadcast_ss(scale + (size_t)t * a->n_blocks + i);
            acc[t] = _mm256_fmadd_ps(_mm256_cvtepi32_ps(dot[t]), _mm256_mul_ps(d, s), acc[t]);
        }
    }
    UNROLL
    for (int t = 0; t < NT; t++) _mm256_storeu_ps(p + (size_t)t * p_stride, acc[t]);
}

#define TILE(name, tile, kind)                                                                               \
    static void name(const void *panel, const matmul_input *in, size_t t0, size_t nt, float *p,              \
                     size_t p_stride)                                                                        \
    {                                                                                                        \
        switch (nt) {                                                                                        \
        case 1: tile(kind, panel, in, t0, 1, p, p_stride); break;                                            \
        case 2: tile(kind, panel, in, t0, 2, p, p_stride); break;                                            \
        case 3: tile(kind, panel, in, t0, 3, p, p_stride); break;                                            \
        default: tile(kind, panel, in, t0, 4, p, p_stride); break;                                           \
        }                                                                                                    \
    }
TILE(tile_bytes_4, tile_bytes, 4)
TILE(tile_bytes_5, tile_bytes, 5)
TILE(tile_words_16, tile_words, 16)

/* ---- packing ---- */

/* 16 bytes of each of the eight rows, `offset` bytes into each: out[j] = bytes 4j..4j+3 of rows 0..7. */
INLINE void transpose_16(const uint8_t *const row[8], size_t offset, __m256i out[4])
{
    __m256i v[4];
    UNROLL
    for (int r = 0; r < 4; r++) {
        __m128i lo = _mm_loadu_si128((const __m128i *)(row[r] + offset));
        v[r] = _mm256_inserti128_si256(_mm256_castsi128_si256(lo),
                                       _mm_loadu_si128((const __m128i *)(row[r + 4] + offset)), 1);
    }
    __m256i ab_lo = _mm256_unpacklo_epi32(v[0], v[1]), ab_hi = _mm256_unpackhi_epi32(v[0], v[1]);
    __m256i cd_lo = _mm256_unpacklo_epi32(v[2], v[3]), cd_hi = _mm256_unpackhi_epi32(v[2], v[3]);
    out[0] = _mm256_unpacklo_epi64(ab_lo, cd_lo);
    out[1] = _mm256_unpackhi_epi64(ab_lo, cd_lo);
    out[2] = _mm256_unpacklo_epi64(ab_hi, cd_hi);
    out[3] = _mm256_unpackhi_epi64(ab_hi, cd_hi);
}

INLINE __m256i low_nibbles(__m256i v) { return _mm256_and_si256(v, _mm256_set1_epi8(15)); }
INLINE __m256i high_nibbles(__m256i v) { return low_nibbles(_mm256_srli_epi16(v, 4)); }

INLINE __m256 load_halves(const uint8_t *const row[8], size_t offset)
{
    uint16_t h[8];
    for (int r = 0; r < 8; r++) memcpy(&h[r], row[r] + offset, 2);
    return _mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)h));
}

INLINE void store_scales(uint8_t *panel, __m256 d, __m256 m)
{
    _mm256_store_ps((float *)(panel + 256), d);
    _mm256_store_ps((float *)(panel + 288), m);
}

/* The rows of a group; one that is not there repeats the last, and its products go nowhere. */
INLINE void group_rows(weight_rows w, const uint8_t *row[8])
{
    for (size_t r = 0; r < PANEL_ROWS; r++) row[r] = w.bytes + (r < w.n ? r : w.n - 1) * w.row_bytes;
}

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
        __m256 d = load_halves(row, at);
        store_scales(panel, d, has_min ? load_halves(row, at + 2) : _mm256_mul_ps(d, _mm256_set1_ps(-8)));
    }
}

static void pack_q4_0(weight_rows w, size_t K, void *panel) { pack_4_bits(w, K, panel, 18, false); }
static void pack_q4_1(weight_rows w, size_t K, void *panel) { pack_4_bits(w, K, panel, 20, true); }

/* Q4_K (five = 0) and Q5_K (five = 1). */
INLINE void pack_45_k(weight_rows w, size_t K, uint8_t *panel, bool five)
{
    const uint8_t *row[8];
    group_rows(w, row);
    for (size_t i = 0, at = 0; i < K; i += 256, at += five ? 176 : 144, panel += 8 * BYTES_BLOCK) {
        __m256 d = load_halves(row, at), dmin = load_halves(row, at + 2);
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

static void pack_q4_k(weight_rows w, size_t K, void *panel) { pack_45_k(w, K, panel, false); }
static void pack_q5_k(weight_rows w, size_t K, void *panel) { pack_45_k(w, K, panel, true); }

/* The signed bytes of a 32-bit group as two pairs of words: bytes 0, 2 and bytes 1, 3. */
INLINE __m256i even_bytes(__m256i v) { return _mm256_srai_epi16(_mm256_slli_epi16(v, 8), 8); }
INLINE __m256i odd_bytes(__m256i v) { return _mm256_srai_epi16(v, 8); }

static void pack_q8_0(weight_rows w, size_t K, void *mem)
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
        _mm256_store_ps((float *)(panel + 512), load_halves(row, at));
    }
}

static void pack_q6_k(weight_rows w, size_t K, void *mem)
{
    const uint8_t *row[8];
    uint8_t *panel = mem;
    group_rows(w, row);
    for (size_t i = 0, at = 0; i < K; i += 256, at += 210, panel += 8 * WORDS_BLOCK) {
        __m256 d = load_halves(row, at + 208);
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
    const matmul_panel panel_##type##_avx2 = {.n_rows = PANEL_ROWS,                                          \
                                              .n_tokens = TILE_TOKENS,                                       \
                                              .bytes_per_value = (bytes_per_block) / 32,                     \
                                              .wants_q16 = q16,                                              \
                                              .min_tokens = from,                                            \
                                              .pack = pack_##type,                                           \
                                              .tile = tile_fn}
PANEL(q4_0, BYTES_BLOCK, false, 5, tile_bytes_4);
PANEL(q4_1, BYTES_BLOCK, false, 5, tile_bytes_4);
PANEL(q4_k, BYTES_BLOCK, false, 6, tile_bytes_4);
PANEL(q5_k, BYTES_BLOCK, false, 6, tile_bytes_5);
PANEL(q6_k, WORDS_BLOCK, true, 8, tile_words_16);
PANEL(q8_0, WORDS_BLOCK, true, 8, tile_words_16);
