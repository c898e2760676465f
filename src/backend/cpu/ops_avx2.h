/* The AVX2 ops by subject, and what they share: vectors of eight f32, shares of work. */
#ifndef CPU_OPS_AVX2_H
#define CPU_OPS_AVX2_H

#include "backend/cpu/cpu.h"
#include "backend/cpu/vecmath_avx2.h"

void avx2_norm_ops(backend_ops *ops);      /* ops_norm_avx2.c */
void avx2_rope_ops(backend_ops *ops);      /* ops_rope_avx2.c */
void avx2_delta_ops(backend_ops *ops);     /* ops_delta_avx2.c */
void avx2_attention_ops(backend_ops *ops); /* ops_attention_avx2.c */

#define INLINE static inline __attribute__((always_inline))

/* Loops whose arrays must live in registers: compilers do not unroll them by themselves at -O2. */
#if defined(__clang__)
#define UNROLL _Pragma("clang loop unroll(full)")
#else
#define UNROLL _Pragma("GCC unroll 16")
#endif

/* A piece of an op: items first..last-1, the same values whoever computes them. */
typedef void range_fn(const void *args, size_t first, size_t last);

/* Below this many values an op is done before another thread has heard of it. */
enum { VALUES_WORTH_SHARING = 16384 };

/* fn over items 0..n-1, shared by the threads where `n_values` in all are worth it. */
void avx2_for_ranges(backend *b, size_t n, size_t n_values, range_fn *fn, const void *args);

/* The first n < 8 lanes. */
INLINE __m256i first_lanes(size_t n)
{
    return _mm256_cmpgt_epi32(_mm256_set1_epi32((int)n), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}
/* min(n, 8) values, zeros behind them: the end of a row goes through the same arithmetic as its middle. */
INLINE __m256 load_n(const float *p, size_t n)
{
    return n >= 8 ? _mm256_loadu_ps(p) : _mm256_maskload_ps(p, first_lanes(n));
}
INLINE void store_n(float *p, __m256 v, size_t n)
{
    if (n >= 8)
        _mm256_storeu_ps(p, v);
    else
        _mm256_maskstore_ps(p, first_lanes(n), v);
}

INLINE float sum_8(__m256 v)
{
    __m128 s = _mm_add_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));
    s = _mm_add_ps(s, _mm_movehl_ps(s, s));
    return _mm_cvtss_f32(_mm_add_ss(s, _mm_movehdup_ps(s)));
}
INLINE float max_8(__m256 v)
{
    __m128 s = _mm_max_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));
    s = _mm_max_ps(s, _mm_movehl_ps(s, s));
    return _mm_cvtss_f32(_mm_max_ss(s, _mm_movehdup_ps(s)));
}
/* The sums of four vectors. */
INLINE __m128 sum_4x8(__m256 a, __m256 b, __m256 c, __m256 d)
{
    __m256 s = _mm256_hadd_ps(_mm256_hadd_ps(a, b), _mm256_hadd_ps(c, d));
    return _mm_add_ps(_mm256_castps256_ps128(s), _mm256_extractf128_ps(s, 1));
}

/* Sum of squares: four sums, so that additions do not wait for each other. */
INLINE float sum_squares(const float *x, size_t n)
{
    __m256 acc[4] = {_mm256_setzero_ps(), _mm256_setzero_ps(), _mm256_setzero_ps(), _mm256_setzero_ps()};
    size_t i = 0;
    for (; i + 32 <= n; i += 32) UNROLL
    for (size_t u = 0; u < 4; u++) {
        __m256 v = _mm256_loadu_ps(x + i + 8 * u);
        acc[u] = _mm256_fmadd_ps(v, v, acc[u]);
    }
    for (; i < n; i += 8) {
        __m256 v = load_n(x + i, n - i);
        acc[0] = _mm256_fmadd_ps(v, v, acc[0]);
    }
    return sum_8(_mm256_add_ps(_mm256_add_ps(acc[0], acc[1]), _mm256_add_ps(acc[2], acc[3])));
}

#endif
