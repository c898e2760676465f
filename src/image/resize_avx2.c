/* The inner loops of the resize with AVX2. Products of 8-bit pixels and 16-bit weights are added in pairs
 * (pmaddwd); the 22-bit weights go as two halves, whose sums are joined at the end: integers, so that the
 * order does not matter. */
#include "image/resize_kernels.h"

#if RESIZE_HAVE_AVX2

#include <immintrin.h>
#include <string.h>

#define AVX2 __attribute__((target("avx2")))

bool resize_avx2_available(void) { return __builtin_cpu_supports("avx2"); }

AVX2 static inline __m256i load_two(const uint8_t *a, const uint8_t *b)
{
    return _mm256_inserti128_si256(_mm256_castsi128_si256(_mm_loadu_si128((const __m128i *)a)),
                                   _mm_loadu_si128((const __m128i *)b), 1);
}

/* Two neighbouring weights in every 32-bit lane. */
AVX2 static inline __m256i pair_at(const int16_t *w)
{
    int32_t pair;
    memcpy(&pair, w, sizeof pair);
    return _mm256_set1_epi32(pair);
}

/* Sums of both halves -> pixels as int32, not yet clamped. */
AVX2 static inline __m256i finish(__m256i low, __m256i high, __m256i half_unit, __m128i shift)
{
    __m256i sum = _mm256_add_epi32(_mm256_add_epi32(low, _mm256_slli_epi32(high, HALF_BITS)), half_unit);
    return _mm256_sra_epi32(sum, shift);
}

/* One pixel of four rows a step: the two 128-bit lanes of a register are two rows, the 32-bit lanes r, g, b
 * and nothing. */
AVX2 static inline __attribute__((always_inline)) void rows_loop(const resize_axis *a,
                                                                 const uint8_t *const in[ROW_GROUP],
                                                                 uint8_t *const out[ROW_GROUP], bool has_high)
{
    /* Of 4 RGB pixels: taps 0 and 1 of each channel side by side as 16-bit numbers; taps 2 and 3 likewise. */
    const __m256i taps01 =
        _mm256_broadcastsi128_si256(_mm_setr_epi8(0, -1, 3, -1, 1, -1, 4, -1, 2, -1, 5, -1, -1, -1, -1, -1));
    const __m256i taps23 = _mm256_broadcastsi128_si256(
        _mm_setr_epi8(6, -1, 9, -1, 7, -1, 10, -1, 8, -1, 11, -1, -1, -1, -1, -1));
    const __m256i half_unit = _mm256_set1_epi32((int32_t)(1u << (a->shift - 1)));
    const __m128i shift = _mm_cvtsi32_si128((int)a->shift);
    const __m256i zero = _mm256_setzero_si256();

    for (uint32_t i = 0; i < a->n_out; i++) {
        const size_t from = (size_t)a->first[i] * 3, weights = (size_t)i * a->n_taps;
        __m256i low01 = zero, high01 = zero, low23 = zero,
                high23 = zero; /* of rows 0 and 1, of rows 2 and 3 */
        for (uint32_t t = 0; t < a->n_used[i]; t += TAP_GROUP) {
            const size_t at = from + (size_t)t * 3;
            __m256i rows01 = load_two(in[0] + at, in[1] + at), rows23 = load_two(in[2] + at, in[3] + at);
            __m256i a01 = _mm256_shuffle_epi8(rows01, taps01), b01 = _mm256_shuffle_epi8(rows01, taps23);
            __m256i a23 = _mm256_shuffle_epi8(rows23, taps01), b23 = _mm256_shuffle_epi8(rows23, taps23);
            const int16_t *w = a->low + weights + t;
            __m256i wa = pair_at(w), wb = pair_at(w + 2);
            low01 = _mm256_add_epi32(
                low01, _mm256_add_epi32(_mm256_madd_epi16(a01, wa), _mm256_madd_epi16(b01, wb)));
            low23 = _mm256_add_epi32(
                low23, _mm256_add_epi32(_mm256_madd_epi16(a23, wa), _mm256_madd_epi16(b23, wb)));
            if (has_high) {
                w = a->high + weights + t;
                wa = pair_at(w), wb = pair_at(w + 2);
                high01 = _mm256_add_epi32(
                    high01, _mm256_add_epi32(_mm256_madd_epi16(a01, wa), _mm256_madd_epi16(b01, wb)));
                high23 = _mm256_add_epi32(
                    high23, _mm256_add_epi32(_mm256_madd_epi16(a23, wa), _mm256_madd_epi16(b23, wb)));
            }
        }
        /* -> per 128-bit lane: 4 bytes of the even row, 4 bytes of the odd pair's row, both again */
        __m256i words = _mm256_packs_epi32(finish(low01, high01, half_unit, shift),
                                           finish(low23, high23, half_unit, shift));
        __m256i bytes = _mm256_packus_epi16(words, words);
        const uint64_t even = (uint64_t)_mm_cvtsi128_si64(_mm256_castsi256_si128(bytes));
        const uint64_t odd = (uint64_t)_mm_cvtsi128_si64(_mm256_extracti128_si256(bytes, 1));
        const uint32_t pixel[ROW_GROUP] = {(uint32_t)even, (uint32_t)odd, (uint32_t)(even >> 32),
                                           (uint32_t)(odd >> 32)};
        /* The fourth byte is overwritten by the next pixel; the last pixel has no room for it. */
        if (i + 1 < a->n_out) {
            for (int r = 0; r < ROW_GROUP; r++) memcpy(out[r] + (size_t)i * 3, &pixel[r], 4);
        } else {
            for (int r = 0; r < ROW_GROUP; r++) memcpy(out[r] + (size_t)i * 3, &pixel[r], 3);
        }
    }
}

AVX2 void resize_rows_avx2(const resize_axis *a, const uint8_t *const in[ROW_GROUP],
                           uint8_t *const out[ROW_GROUP])
{
    if (a->high)
        rows_loop(a, in, out, true);
    else
        rows_loop(a, in, out, false);
}

AVX2 static inline __attribute__((always_inline)) size_t columns_loop(const resize_axis *a, uint32_t i,
                                                                      const uint8_t *const *rows,
                                                                      size_t begin, size_t end, uint8_t *out,
                                                                      bool has_high)
{
    const __m256i half_unit = _mm256_set1_epi32((int32_t)(1u << (a->shift - 1)));
    const __m128i shift = _mm_cvtsi32_si128((int)a->shift);
    const __m256i zero = _mm256_setzero_si256();
    const int16_t *low_weights = a->low + (size_t)i * a->n_taps;
    const int16_t *high_weights = has_high ? a->high + (size_t)i * a->n_taps : NULL;
    const uint32_t n_used = a->n_used[i];
    size_t x = begin;
    for (; x + 32 <= end; x += 32) {
        __m256i low[4] = {zero, zero, zero, zero}, high[4] = {zero, zero, zero, zero};
        for (uint32_t t = 0; t < n_used; t += 2) {
            /* An odd last tap goes with itself and the zero weight behind it. */
            const uint8_t *second = rows[t + 1 < n_used ? t + 1 : t];
            __m256i p = _mm256_loadu_si256((const __m256i *)(rows[t] + x));
            __m256i q = _mm256_loadu_si256((const __m256i *)(second + x));
            __m256i front = _mm256_unpacklo_epi8(p, q), back = _mm256_unpackhi_epi8(p, q);
            /* Within each 128-bit lane: bytes 0..3, 4..7, 8..11, 12..15, each beside the other row's. */
            const __m256i v[4] = {_mm256_unpacklo_epi8(front, zero), _mm256_unpackhi_epi8(front, zero),
                                  _mm256_unpacklo_epi8(back, zero), _mm256_unpackhi_epi8(back, zero)};
            __m256i w = pair_at(low_weights + t);
            for (int k = 0; k < 4; k++) low[k] = _mm256_add_epi32(low[k], _mm256_madd_epi16(v[k], w));
            if (has_high) {
                w = pair_at(high_weights + t);
                for (int k = 0; k < 4; k++) high[k] = _mm256_add_epi32(high[k], _mm256_madd_epi16(v[k], w));
            }
        }
        __m256i s[4];
        for (int k = 0; k < 4; k++) s[k] = finish(low[k], high[k], half_unit, shift);
        __m256i bytes = _mm256_packus_epi16(_mm256_packs_epi32(s[0], s[1]), _mm256_packs_epi32(s[2], s[3]));
        _mm256_storeu_si256((__m256i *)(out + x), bytes);
    }
    return x;
}

AVX2 void resize_columns_avx2(const resize_axis *a, uint32_t i, const uint8_t *const *rows, size_t begin,
                              size_t end, uint8_t *out)
{
    size_t x = a->high ? columns_loop(a, i, rows, begin, end, out, true)
                       : columns_loop(a, i, rows, begin, end, out, false);
    if (x < end) resize_columns_c(a, i, rows, x, end, out);
}

#else
typedef int no_avx2_here; /* a file needs a declaration */
#endif
