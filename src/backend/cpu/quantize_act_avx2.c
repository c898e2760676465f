/* Activations to 8 bits with AVX2: the same integers and scales as quantize_act_ref. */
#include "backend/cpu/quantize_act.h"

#include <immintrin.h>
#include <string.h>

static inline float max_of(__m256 v)
{
    __m128 m = _mm_max_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));
    m = _mm_max_ps(m, _mm_movehl_ps(m, m));
    m = _mm_max_ss(m, _mm_movehdup_ps(m));
    return _mm_cvtss_f32(m);
}

static inline __m256i round_to_int(const float *v, __m256 inverse)
{
    return _mm256_cvtps_epi32(_mm256_mul_ps(_mm256_loadu_ps(v), inverse)); /* nearest, ties to even */
}

/* One block; returns the sums of its two halves in the two 16-bit parts. */
static inline void quantize_block(const float *v, int8_t *q, int16_t *pairs, float *scale,
                                  int16_t half_sum[2])
{
    const __m256 magnitude = _mm256_castsi256_ps(_mm256_set1_epi32(0x7fffffff));
    __m256 m0 = _mm256_max_ps(_mm256_and_ps(_mm256_loadu_ps(v), magnitude),
                              _mm256_and_ps(_mm256_loadu_ps(v + 8), magnitude));
    __m256 m1 = _mm256_max_ps(_mm256_and_ps(_mm256_loadu_ps(v + 16), magnitude),
                              _mm256_and_ps(_mm256_loadu_ps(v + 24), magnitude));
    float max = max_of(_mm256_max_ps(m0, m1));
    __m256 inverse = _mm256_set1_ps(max > 1e-35f ? 127 / max : 0);
    *scale = max / 127;

    /* Packing works inside 128-bit lanes and leaves the groups of four values in the order 0 2 4 6 | 1 3 5 7.
     */
    __m256i a = _mm256_packs_epi32(round_to_int(v, inverse), round_to_int(v + 8, inverse));
    __m256i b = _mm256_packs_epi32(round_to_int(v + 16, inverse), round_to_int(v + 24, inverse));
    __m256i bytes =
        _mm256_permutevar8x32_epi32(_mm256_packs_epi16(a, b), _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7));
    _mm256_storeu_si256((__m256i *)q, bytes);

    const __m256i ones8 = _mm256_set1_epi8(1), ones16 = _mm256_set1_epi16(1);
    __m256i sums = _mm256_madd_epi16(_mm256_maddubs_epi16(ones8, bytes), ones16); /* 8 sums of four */
    sums = _mm256_add_epi32(sums, _mm256_shuffle_epi32(sums, 0x4e));
    sums = _mm256_add_epi32(sums, _mm256_shuffle_epi32(sums, 0xb1));
    half_sum[0] = (int16_t)_mm256_extract_epi32(sums, 0);
    half_sum[1] = (int16_t)_mm256_extract_epi32(sums, 4);

    if (pairs) {
        __m256i even = _mm256_srai_epi16(_mm256_slli_epi16(bytes, 8), 8), odd = _mm256_srai_epi16(bytes, 8);
        _mm256_storeu_si256((__m256i *)pairs, even);
        _mm256_storeu_si256((__m256i *)(pairs + 16), odd);
    }
}

void quantize_act_avx2(const act8 *a, const float *x, size_t first, size_t n)
{
    for (size_t t = first; t < first + n; t++) {
        float *scale = a->scale + t * a->n_blocks, *sum = a->sum + t * a->n_blocks;
        int16_t *half_sum = a->half_sum + t * 2 * a->n_blocks;
        size_t n_blocks = a->K / ACT_BLOCK;
        for (size_t b = 0; b < n_blocks; b++) {
            size_t at = t * a->K + b * ACT_BLOCK;
            quantize_block(x + at, a->q + at, a->q16 ? a->q16 + at : NULL, scale + b, half_sum + 2 * b);
            sum[b] = scale[b] * (float)(half_sum[2 * b] + half_sum[2 * b + 1]);
            if (a->pairs && b % 2) {
                __m256i v = _mm256_loadu_si256((const __m256i *)(a->q + at - ACT_BLOCK));
                __m256i w = _mm256_loadu_si256((const __m256i *)(a->q + at));
                __m256i *pair = (__m256i *)(a->pairs + at - ACT_BLOCK);
                _mm256_storeu_si256(pair, _mm256_permute2x128_si256(v, w, 0x20));
                _mm256_storeu_si256(pair + 1, _mm256_permute2x128_si256(v, w, 0x31));
            }
        }
        size_t rest = a->n_blocks - n_blocks;
        memset(scale + n_blocks, 0, rest * sizeof *scale);
        memset(sum + n_blocks, 0, rest * sizeof *sum);
        memset(half_sum + 2 * n_blocks, 0, 2 * rest * sizeof *half_sum);
    }
}
