/* The AVX2 kernels of the products by file; matmul_avx2.c lists them. */
#ifndef CPU_MATMUL_AVX2_H
#define CPU_MATMUL_AVX2_H

#include "backend/cpu/matmul_impl.h"

#include <immintrin.h>

#define INLINE static inline __attribute__((always_inline))

/* Loops whose arrays must live in registers: compilers do not unroll them by themselves at -O2. */
#if defined(__clang__)
#define UNROLL _Pragma("clang loop unroll(full)")
#else
#define UNROLL _Pragma("GCC unroll 16")
#endif

/* matmul_dots_avx2.c */
matmul_dot dot_q4_0_avx2, dot_q4_1_avx2, dot_q8_0_avx2, dot_q4_k_avx2, dot_q5_k_avx2, dot_q6_k_avx2;
/* matmul_panels_avx2.c */
extern const matmul_panel panel_q4_0_avx2, panel_q4_1_avx2, panel_q8_0_avx2, panel_q4_k_avx2, panel_q5_k_avx2,
    panel_q6_k_avx2;
void pack_q4_0_avx2(weight_rows w, size_t K, void *panel);
void pack_q4_1_avx2(weight_rows w, size_t K, void *panel);
void pack_q4_k_avx2(weight_rows w, size_t K, void *panel);
void pack_q5_k_avx2(weight_rows w, size_t K, void *panel);
void pack_q6_k_avx2(weight_rows w, size_t K, void *panel);
/* matmul_float_avx2.c */
matmul_dot dot_f32_avx2, dot_f16_avx2, dot_bf16_avx2;
extern const matmul_panel panel_f32_avx2, panel_f16_avx2, panel_bf16_avx2;
/* matmul_finish_avx2.c */
void matmul_finish_avx2(epilogue ep, float *y, const float *p, const float *bias, size_t n);

/* Panels of quantised weights, matmul_panels_avx2.c */
enum {
    QUANT_PANEL_ROWS = 8,
    QUANT_TILE_TOKENS = 4,
    BYTES_BLOCK = 8 * 32 + 32 + 32, /* of a panel of bytes */
    WORDS_BLOCK = 16 * 32 + 32,     /* of a panel of words */
};

INLINE __m256i broadcast32(const void *p)
{
    int32_t v;
    memcpy(&v, p, 4);
    return _mm256_set1_epi32(v);
}

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

INLINE __m256 load_row_halves(const uint8_t *const row[8], size_t offset)
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
    for (size_t r = 0; r < QUANT_PANEL_ROWS; r++) row[r] = w.bytes + (r < w.n ? r : w.n - 1) * w.row_bytes;
}

#endif
