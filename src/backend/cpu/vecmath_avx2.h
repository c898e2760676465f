/* Elementary functions on eight f32 at once, AVX2 with FMA. */
#ifndef CPU_VECMATH_AVX2_H
#define CPU_VECMATH_AVX2_H

#include <immintrin.h>

/*
 * e^x. x = n ln 2 + r with |r| <= ln 2 / 2; the series of e^r to r^7 leaves 5e-9, below half an ulp, and the
 * steps of rounding make at most 2 ulp. Below -87.33 the result is 0 (also for -infinity); above 88.3 it
 * stays at 2.2e38; NaN stays NaN.
 */
static inline __m256 exp_avx2(__m256 x)
{
    const __m256 lowest = _mm256_set1_ps(-87.33f);
    /* Of two operands min and max return the second when one is NaN. */
    __m256 v = _mm256_max_ps(lowest, _mm256_min_ps(_mm256_set1_ps(88.3f), x));
    __m256 n = _mm256_round_ps(_mm256_mul_ps(v, _mm256_set1_ps(1.44269504f)),
                               _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
    __m256 r =
        _mm256_fnmadd_ps(n, _mm256_set1_ps(0.693359375f), v); /* ln 2 in two parts, the first exact times n */
    r = _mm256_fnmadd_ps(n, _mm256_set1_ps(-2.12194440e-4f), r);
    __m256 p = _mm256_set1_ps(1.0f / 5040);
    p = _mm256_fmadd_ps(p, r, _mm256_set1_ps(1.0f / 720));
    p = _mm256_fmadd_ps(p, r, _mm256_set1_ps(1.0f / 120));
    p = _mm256_fmadd_ps(p, r, _mm256_set1_ps(1.0f / 24));
    p = _mm256_fmadd_ps(p, r, _mm256_set1_ps(1.0f / 6));
    p = _mm256_fmadd_ps(p, r, _mm256_set1_ps(0.5f));
    p = _mm256_fmadd_ps(p, r, _mm256_set1_ps(1.0f));
    p = _mm256_fmadd_ps(p, r, _mm256_set1_ps(1.0f));
    __m256i power = _mm256_slli_epi32(_mm256_add_epi32(_mm256_cvtps_epi32(n), _mm256_set1_epi32(127)), 23);
    p = _mm256_mul_ps(p, _mm256_castsi256_ps(power));
    return _mm256_andnot_ps(_mm256_cmp_ps(x, lowest, _CMP_LT_OQ), p);
}

/* 1 / (1 + e^-x) */
static inline __m256 sigmoid_avx2(__m256 x)
{
    const __m256 one = _mm256_set1_ps(1);
    return _mm256_div_ps(one, _mm256_add_ps(one, exp_avx2(_mm256_sub_ps(_mm256_setzero_ps(), x))));
}

/* x sigmoid(x) */
static inline __m256 silu_avx2(__m256 x)
{
    const __m256 one = _mm256_set1_ps(1);
    return _mm256_div_ps(x, _mm256_add_ps(one, exp_avx2(_mm256_sub_ps(_mm256_setzero_ps(), x))));
}

/* 0.5 x (1 + tanh(u)) = x sigmoid(2 u) with u = sqrt(2 / pi) (x + 0.044715 x^3) */
static inline __m256 gelu_tanh_avx2(__m256 x)
{
    __m256 u = _mm256_fmadd_ps(_mm256_mul_ps(x, x), _mm256_set1_ps(0.044715f), _mm256_set1_ps(1));
    u = _mm256_mul_ps(_mm256_mul_ps(u, x), _mm256_set1_ps(-2 * 0.7978845608f));
    return _mm256_div_ps(x, _mm256_add_ps(_mm256_set1_ps(1), exp_avx2(u)));
}

/* x sigmoid(1.702 x) */
static inline __m256 gelu_quick_avx2(__m256 x)
{
    __m256 e = exp_avx2(_mm256_mul_ps(x, _mm256_set1_ps(-1.702f)));
    return _mm256_div_ps(x, _mm256_add_ps(_mm256_set1_ps(1), e));
}

/* 1 - erf(x) for x >= 0, absolute error 2e-7. Source: Abramowitz and Stegun, Handbook of Mathematical
 * Functions, 7.1.26. */
static inline __m256 erfc_positive_avx2(__m256 x)
{
    const __m256 one = _mm256_set1_ps(1);
    __m256 t = _mm256_div_ps(one, _mm256_fmadd_ps(x, _mm256_set1_ps(0.3275911f), one));
    __m256 p = _mm256_set1_ps(1.061405429f);
    p = _mm256_fmadd_ps(p, t, _mm256_set1_ps(-1.453152027f));
    p = _mm256_fmadd_ps(p, t, _mm256_set1_ps(1.421413741f));
    p = _mm256_fmadd_ps(p, t, _mm256_set1_ps(-0.284496736f));
    p = _mm256_fmadd_ps(p, t, _mm256_set1_ps(0.254829592f));
    __m256 e = exp_avx2(_mm256_mul_ps(_mm256_sub_ps(_mm256_setzero_ps(), x), x));
    return _mm256_mul_ps(_mm256_mul_ps(p, t), e);
}

/* 0.5 x (1 + erf(x / sqrt 2)); 1 + erf of a negative number is the erfc of its magnitude, so nothing cancels.
 */
static inline __m256 gelu_erf_avx2(__m256 x)
{
    const __m256 sign = _mm256_set1_ps(-0.0f);
    __m256 c = erfc_positive_avx2(_mm256_mul_ps(_mm256_andnot_ps(sign, x), _mm256_set1_ps(0.7071067812f)));
    c = _mm256_blendv_ps(_mm256_sub_ps(_mm256_set1_ps(2), c), c, x);
    return _mm256_mul_ps(_mm256_mul_ps(x, _mm256_set1_ps(0.5f)), c);
}

#endif
