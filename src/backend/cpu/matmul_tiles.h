/*
 * Tiles of products with quantised panels on x86, 8 rows by up to 4 tokens: what matmul_panels_avx2.c says,
 * for any way to multiply. The file that includes this has defined dot_bytes(bits, w, q)    the eight sums of
 * a block of 32: vectors w[0..7] of u8 with q[0..31] of s8 add_words(sum, w, q)     sum + the products of
 * pairs of 16-bit values, added in pairs
 */
#ifndef CPU_MATMUL_TILES_H
#define CPU_MATMUL_TILES_H

INLINE void tile_bytes(int bits, const uint8_t *panel, const matmul_input *in, size_t t0, int NT, float *p,
                       size_t p_stride)
{
    const act8 *a = &in->a;
    const int8_t *q = a->q + t0 * a->K;
    const float *scale = a->scale + t0 * a->n_blocks, *sum = a->sum + t0 * a->n_blocks;
    size_t n_blocks = a->K / ACT_BLOCK;
    __m256 acc[QUANT_TILE_TOKENS];
    UNROLL
    for (int t = 0; t < NT; t++) acc[t] = _mm256_setzero_ps();
    for (size_t i = 0; i < n_blocks; i++, panel += BYTES_BLOCK, q += ACT_BLOCK) {
        const __m256i *w = (const __m256i *)panel;
        __m256 d = _mm256_load_ps((const float *)(panel + 256)),
               m = _mm256_load_ps((const float *)(panel + 288));
        UNROLL
        for (int t = 0; t < NT; t++) {
            const int8_t *qt = q + (size_t)t * a->K;
            __m256i dot = dot_bytes(bits, w, qt);
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
    __m256 acc[QUANT_TILE_TOKENS];
    UNROLL
    for (int t = 0; t < NT; t++) acc[t] = _mm256_setzero_ps();
    for (size_t i = 0; i < n_blocks; i++, panel += WORDS_BLOCK, q += ACT_BLOCK) {
        const __m256i *w = (const __m256i *)panel;
        /* Not unrolled further: gcc would form all the products first and spill them. */
        const int16_t *q1 = q + a->K, *q2 = q1 + a->K, *q3 = q2 + a->K;
        __m256i dot0 = _mm256_setzero_si256(), dot1 = dot0, dot2 = dot0, dot3 = dot0;
        for (int k = 0; k < n_vectors; k++) {
            __m256i v = w[k];
            dot0 = add_words(dot0, v, broadcast32(q + 2 * k));
            if (NT > 1) dot1 = add_words(dot1, v, broadcast32(q1 + 2 * k));
            if (NT > 2) dot2 = add_words(dot2, v, broadcast32(q2 + 2 * k));
            if (NT > 3) dot3 = add_words(dot3, v, broadcast32(q3 + 2 * k));
        }
        const __m256i dot[QUANT_TILE_TOKENS] = {dot0, dot1, dot2, dot3};
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

/* A tile of a fixed kind for 1..4 tokens. */
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

#endif
