/*
 * Products with F32, F16 and BF16 weights, AVX2 with FMA: dots for few tokens, panels of f32 for many. K may
 * be anything.
 *
 * A panel holds 16 rows as [K][16] f32, two vectors for each k; a tile of 6 tokens keeps 12 sums in
 * registers, which is what two FMA units with four cycles of latency need to be busy.
 */
#include "backend/cpu/matmul_avx2.h"

#include "base/half.h"

enum { PANEL_ROWS = 16, TILE_TOKENS = 6, PREFETCH_BYTES = 1024 };

INLINE size_t value_bytes(dtype type) { return type == DTYPE_F32 ? 4 : 2; }

INLINE __m256 load_8(dtype type, const uint8_t *p)
{
    if (type == DTYPE_F32) return _mm256_loadu_ps((const float *)p);
    __m128i h = _mm_loadu_si128((const __m128i *)p);
    if (type == DTYPE_F16) return _mm256_cvtph_ps(h);
    return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(h), 16));
}

INLINE float load_1(dtype type, const uint8_t *p)
{
    float v;
    uint16_t h;
    if (type == DTYPE_F32) return memcpy(&v, p, 4), v;
    memcpy(&h, p, 2);
    return type == DTYPE_F16 ? f16_to_f32(h) : bf16_to_f32(h);
}

INLINE float sum_of(__m256 v)
{
    __m128 s = _mm_add_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));
    s = _mm_add_ps(s, _mm_movehl_ps(s, s));
    s = _mm_add_ss(s, _mm_movehdup_ps(s));
    return _mm_cvtss_f32(s);
}

/* ---- dots ---- */

INLINE void dot_rows(dtype type, weight_rows w, const matmul_input *in, size_t t0, int NT, float *p,
                     size_t p_stride)
{
    size_t K = in->K, size = value_bytes(type);
    const int U = NT == 1 ? 4 : 2; /* independent sums for each token */
    const float *x = in->x + t0 * K;
    for (size_t r = 0; r < w.n; r++) {
        const uint8_t *row = w.bytes + r * w.row_bytes;
        __m256 acc[8];
        UNROLL
        for (int i = 0; i < NT * U; i++) acc[i] = _mm256_setzero_ps();
        size_t k = 0, step = 8 * (size_t)U;
        for (; k + step <= K; k += step) {
            _mm_prefetch((const char *)row + k * size + PREFETCH_BYTES, _MM_HINT_T0);
            if (U * 8 * size > 64)
                _mm_prefetch((const char *)row + k * size + PREFETCH_BYTES + 64, _MM_HINT_T0);
            UNROLL
            for (int u = 0; u < U; u++) {
                __m256 v = load_8(type, row + (k + 8 * (size_t)u) * size);
                UNROLL
                for (int t = 0; t < NT; t++) {
                    __m256 xt = _mm256_loadu_ps(x + (size_t)t * K + k + 8 * (size_t)u);
                    acc[t * U + u] = _mm256_fmadd_ps(v, xt, acc[t * U + u]);
                }
            }
        }
        for (; k + 8 <= K; k += 8) {
            __m256 v = load_8(type, row + k * size);
            UNROLL
            for (int t = 0; t < NT; t++)
                acc[t * U] = _mm256_fmadd_ps(v, _mm256_loadu_ps(x + (size_t)t * K + k), acc[t * U]);
        }
        UNROLL
        for (int t = 0; t < NT; t++) {
            __m256 s = _mm256_add_ps(acc[t * U], acc[t * U + 1]);
            if (U == 4) s = _mm256_add_ps(s, _mm256_add_ps(acc[t * U + 2], acc[t * U + 3]));
            float y = sum_of(s);
            for (size_t i = k; i < K; i++) y += load_1(type, row + i * size) * x[(size_t)t * K + i];
            p[(size_t)t * p_stride + r] = y;
        }
    }
}

#define DOT(name, type)                                                                                      \
    void name(weight_rows w, const matmul_input *in, size_t t0, size_t nt, float *p, size_t p_stride)        \
    {                                                                                                        \
        switch (nt) {                                                                                        \
        case 1: dot_rows(type, w, in, t0, 1, p, p_stride); break;                                            \
        case 2: dot_rows(type, w, in, t0, 2, p, p_stride); break;                                            \
        case 3: dot_rows(type, w, in, t0, 3, p, p_stride); break;                                            \
        default: dot_rows(type, w, in, t0, 4, p, p_stride); break;                                           \
        }                                                                                                    \
    }
DOT(dot_f32_avx2, DTYPE_F32)
DOT(dot_f16_avx2, DTYPE_F16)
DOT(dot_bf16_avx2, DTYPE_BF16)

/* ---- panels ---- */

/* Eight values of eight rows: out[k][0..7] = value k of rows 0..7, rows of out 16 floats apart. */
INLINE void transpose_8x8(const __m256 v[8], float *out)
{
    __m256 a[8], b[8];
    UNROLL
    for (int i = 0; i < 8; i += 2) {
        a[i] = _mm256_unpacklo_ps(v[i], v[i + 1]);
        a[i + 1] = _mm256_unpackhi_ps(v[i], v[i + 1]);
    }
    UNROLL
    for (int i = 0; i < 8; i += 4) {
        b[i] = _mm256_shuffle_ps(a[i], a[i + 2], 0x44);
        b[i + 1] = _mm256_shuffle_ps(a[i], a[i + 2], 0xee);
        b[i + 2] = _mm256_shuffle_ps(a[i + 1], a[i + 3], 0x44);
        b[i + 3] = _mm256_shuffle_ps(a[i + 1], a[i + 3], 0xee);
    }
    UNROLL
    for (int i = 0; i < 4; i++) {
        _mm256_store_ps(out + i * PANEL_ROWS, _mm256_permute2f128_ps(b[i], b[i + 4], 0x20));
        _mm256_store_ps(out + (i + 4) * PANEL_ROWS, _mm256_permute2f128_ps(b[i], b[i + 4], 0x31));
    }
}

INLINE void pack(dtype type, weight_rows w, size_t K, float *panel)
{
    size_t size = value_bytes(type);
    const uint8_t *row[PANEL_ROWS]; /* one that is not there repeats the last; its products go nowhere */
    for (size_t r = 0; r < PANEL_ROWS; r++) row[r] = w.bytes + (r < w.n ? r : w.n - 1) * w.row_bytes;
    size_t k = 0;
    for (; k + 8 <= K; k += 8)
        for (int half = 0; half < 2; half++) {
            __m256 v[8];
            UNROLL
            for (int r = 0; r < 8; r++) v[r] = load_8(type, row[8 * half + r] + k * size);
            transpose_8x8(v, panel + k * PANEL_ROWS + 8 * half);
        }
    for (; k < K; k++)
        for (int r = 0; r < PANEL_ROWS; r++)
            panel[k * PANEL_ROWS + (size_t)r] = load_1(type, row[r] + k * size);
}

static void pack_f32(weight_rows w, size_t K, void *panel) { pack(DTYPE_F32, w, K, panel); }
static void pack_f16(weight_rows w, size_t K, void *panel) { pack(DTYPE_F16, w, K, panel); }
static void pack_bf16(weight_rows w, size_t K, void *panel) { pack(DTYPE_BF16, w, K, panel); }

INLINE void tile_tokens(const float *panel, const matmul_input *in, size_t t0, int NT, float *p,
                        size_t p_stride)
{
    size_t K = in->K;
    const float *x = in->x + t0 * K;
    __m256 lo[TILE_TOKENS], hi[TILE_TOKENS];
    UNROLL
    for (int t = 0; t < NT; t++) lo[t] = hi[t] = _mm256_setzero_ps();
    for (size_t k = 0; k < K; k++) {
        __m256 w0 = _mm256_load_ps(panel + k * PANEL_ROWS), w1 = _mm256_load_ps(panel + k * PANEL_ROWS + 8);
        UNROLL
        for (int t = 0; t < NT; t++) {
            __m256 xt = _mm256_broadcast_ss(x + (size_t)t * K + k);
            lo[t] = _mm256_fmadd_ps(w0, xt, lo[t]);
            hi[t] = _mm256_fmadd_ps(w1, xt, hi[t]);
        }
    }
    UNROLL
    for (int t = 0; t < NT; t++) {
        _mm256_storeu_ps(p + (size_t)t * p_stride, lo[t]);
        _mm256_storeu_ps(p + (size_t)t * p_stride + 8, hi[t]);
    }
}

static void tile(const void *panel, const matmul_input *in, size_t t0, size_t nt, float *p, size_t p_stride)
{
    switch (nt) {
    case 1: tile_tokens(panel, in, t0, 1, p, p_stride); break;
    case 2: tile_tokens(panel, in, t0, 2, p, p_stride); break;
    case 3: tile_tokens(panel, in, t0, 3, p, p_stride); break;
    case 4: tile_tokens(panel, in, t0, 4, p, p_stride); break;
    case 5: tile_tokens(panel, in, t0, 5, p, p_stride); break;
    default: tile_tokens(panel, in, t0, 6, p, p_stride); break;
    }
}

#define PANEL(type)                                                                                          \
    const matmul_panel panel_##type##_avx2 = {.n_rows = PANEL_ROWS,                                          \
                                              .n_tokens = TILE_TOKENS,                                       \
                                              .bytes_per_value = PANEL_ROWS * sizeof(float),                 \
                                              .min_tokens = 12,                                              \
                                              .pack = pack_##type,                                           \
                                              .tile = tile}
PANEL(f32);
PANEL(f16);
PANEL(bf16);
