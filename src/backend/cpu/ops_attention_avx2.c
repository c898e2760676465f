/*
 * Attention, AVX2 with F16C: the cache, one token over the cache, many rows tile by tile with an online
 * softmax.
 *
 * Tiles: a task is up to 192 query rows of one key head. Keys and values pass in blocks of 64, packed as
 * panels of 16 columns; products are 6 x 16 with the sums in registers (12 vectors: what two FMA units with
 * four cycles of latency need). Queries that share a key head are rows of the same task. Every row's
 * arithmetic is the same whichever thread and task it falls to.
 */
#include "backend/cpu/ops_avx2.h"

#include "base/half.h"
#include <math.h>
#include <stdatomic.h>
#include <string.h>

enum { KEYS = 64, MR = 6, NR = 16 };

/* ---- cache ---- */

typedef struct store_args {
    tensor k_cache, v_cache;
    const float *k, *v;
    size_t pos;
} store_args;

static void store_f16(uint16_t *y, const float *x, size_t n)
{
    size_t i = 0;
    for (; i + 8 <= n; i += 8)
        _mm_storeu_si128(
            (__m128i *)(void *)(y + i),
            _mm256_cvtps_ph(_mm256_loadu_ps(x + i), _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC));
    for (; i < n; i++) y[i] = f32_to_f16(x[i]);
}

static void kv_store_rows(const void *args, size_t first, size_t last)
{
    const store_args *a = args;
    size_t n_kv = a->k_cache.shape[0], n_ctx = a->k_cache.shape[1], n = a->k_cache.shape[2];
    for (size_t t = first; t < last; t++)
        for (size_t h = 0; h < n_kv; h++) {
            size_t at = (h * n_ctx + a->pos + t) * n, from = (t * n_kv + h) * n;
            if (a->k_cache.type == DTYPE_F32) {
                memcpy((float *)cpu_data(a->k_cache) + at, a->k + from, n * sizeof(float));
                memcpy((float *)cpu_data(a->v_cache) + at, a->v + from, n * sizeof(float));
            } else {
                store_f16((uint16_t *)cpu_data(a->k_cache) + at, a->k + from, n);
                store_f16((uint16_t *)cpu_data(a->v_cache) + at, a->v + from, n);
            }
        }
}

static void kv_store(backend *b, tensor k_cache, tensor v_cache, tensor k, tensor v, size_t pos)
{
    size_t T = tensor_n_rows(k);
    assert(pos + T <= k_cache.shape[1]);
    store_args a = {k_cache, v_cache, cpu_data(k), cpu_data(v), pos};
    avx2_for_ranges(b, T, T * tensor_row(k), kv_store_rows, &a);
}

/* Where keys or values lie: row s of a head begins s*stride values behind `base`. */
typedef struct rows {
    const void *base;
    dtype type; /* F32 or F16 */
    size_t stride;
} rows;

INLINE __m256 load_8(dtype type, const void *base, size_t i)
{
    if (type == DTYPE_F32) return _mm256_loadu_ps((const float *)base + i);
    return _mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)(const void *)((const uint16_t *)base + i)));
}
INLINE float load_1(dtype type, const void *base, size_t i)
{
    return type == DTYPE_F32 ? ((const float *)base)[i] : f16_to_f32(((const uint16_t *)base)[i]);
}
static const void *row_at(rows r, size_t i)
{
    return (const uint8_t *)r.base + i * (r.type == DTYPE_F32 ? 4 : 2);
}

/* ---- one token ---- */

/* Scores of R queries against n keys, scaled: scores[r*score_stride + s]. dh is a multiple of 8. */
INLINE void token_scores(dtype type, const float *q, size_t dh, rows keys, size_t n, float scale,
                         float *scores, size_t score_stride, int R)
{
    for (size_t s = 0; s < n; s++) {
        const void *k = row_at(keys, s * keys.stride);
        /* Two sums a query: enough chains for two units at four queries, and no more registers than there
         * are. */
        __m256 acc[2][4];
        UNROLL
        for (int r = 0; r < R; r++) acc[0][r] = acc[1][r] = _mm256_setzero_ps();
        size_t i = 0;
        for (; i + 16 <= dh; i += 16) {
            __m256 k0 = load_8(type, k, i), k1 = load_8(type, k, i + 8);
            UNROLL
            for (int r = 0; r < R; r++) {
                acc[0][r] = _mm256_fmadd_ps(k0, _mm256_loadu_ps(q + (size_t)r * dh + i), acc[0][r]);
                acc[1][r] = _mm256_fmadd_ps(k1, _mm256_loadu_ps(q + (size_t)r * dh + i + 8), acc[1][r]);
            }
        }
        if (i < dh) {
            __m256 k0 = load_8(type, k, i);
            UNROLL
            for (int r = 0; r < R; r++)
                acc[0][r] = _mm256_fmadd_ps(k0, _mm256_loadu_ps(q + (size_t)r * dh + i), acc[0][r]);
        }
        UNROLL
        for (int r = 0; r < R; r++)
            scores[(size_t)r * score_stride + s] = sum_8(_mm256_add_ps(acc[0][r], acc[1][r])) * scale;
    }
}

/* scores = e^(scores - max); returns their sum. */
static float exp_row(float *scores, size_t n)
{
    __m256 most = _mm256_set1_ps(scores[0]), total = _mm256_setzero_ps();
    size_t i = 0;
    for (; i + 8 <= n; i += 8) most = _mm256_max_ps(most, _mm256_loadu_ps(scores + i));
    float top = max_8(most);
    for (; i < n; i++) top = scores[i] > top ? scores[i] : top;
    most = _mm256_set1_ps(top);
    for (i = 0; i + 8 <= n; i += 8) {
        __m256 e = exp_avx2(_mm256_sub_ps(_mm256_loadu_ps(scores + i), most));
        _mm256_storeu_ps(scores + i, e);
        total = _mm256_add_ps(total, e);
    }
    if (i < n) {
        __m256 e = exp_avx2(_mm256_sub_ps(load_n(scores + i, n - i), most));
        store_n(scores + i, e, n - i);
        total = _mm256_add_ps(total, _mm256_and_ps(e, _mm256_castsi256_ps(first_lanes(n - i))));
    }
    return sum_8(total);
}

/* o[r] += sum over N values rows of p[r][s] v[s], R queries. */
INLINE void token_values(dtype type, const float *p, size_t p_stride, rows values, size_t s, size_t dh,
                         float *o, int N, int R)
{
    __m256 w[2][4];
    UNROLL
    for (int r = 0; r < R; r++) UNROLL
    for (int i = 0; i < N; i++) w[r][i] = _mm256_broadcast_ss(p + (size_t)r * p_stride + s + (size_t)i);
    const void *v[4];
    UNROLL
    for (int i = 0; i < N; i++) v[i] = row_at(values, (s + (size_t)i) * values.stride);
    for (size_t c = 0; c < dh; c += 8) {
        __m256 acc[2];
        UNROLL
        for (int r = 0; r < R; r++) acc[r] = _mm256_loadu_ps(o + (size_t)r * dh + c);
        UNROLL
        for (int i = 0; i < N; i++) {
            __m256 x = load_8(type, v[i], c);
            UNROLL
            for (int r = 0; r < R; r++) acc[r] = _mm256_fmadd_ps(w[r][i], x, acc[r]);
        }
        UNROLL
        for (int r = 0; r < R; r++) _mm256_storeu_ps(o + (size_t)r * dh + c, acc[r]);
    }
}

INLINE void token_values_all(dtype type, const float *p, size_t p_stride, rows values, size_t n, size_t dh,
                             float *o, size_t n_queries)
{
    size_t s = 0;
    for (; s + 4 <= n; s += 4) {
        size_t r = 0;
        for (; r + 2 <= n_queries; r += 2)
            token_values(type, p + r * p_stride, p_stride, values, s, dh, o + r * dh, 4, 2);
        if (r < n_queries) token_values(type, p + r * p_stride, p_stride, values, s, dh, o + r * dh, 4, 1);
    }
    for (; s < n; s++)
        for (size_t r = 0; r < n_queries; r++)
            token_values(type, p + r * p_stride, p_stride, values, s, dh, o + r * dh, 1, 1);
}

INLINE void token_heads(dtype type, const float *q, size_t n_queries, rows keys, rows values, size_t n,
                        size_t dh, float scale, float *scores, float *o)
{
    size_t r = 0;
    for (; r + 4 <= n_queries; r += 4)
        token_scores(type, q + r * dh, dh, keys, n, scale, scores + r * n, n, 4);
    for (; r < n_queries; r++) token_scores(type, q + r * dh, dh, keys, n, scale, scores + r * n, n, 1);
    memset(o, 0, n_queries * dh * sizeof *o);
    for (r = 0; r < n_queries; r++) {
        float *p = scores + r * n;
        __m256 share = _mm256_set1_ps(1 / exp_row(p, n));
        for (size_t i = 0; i < n; i += 8) store_n(p + i, _mm256_mul_ps(load_n(p + i, n - i), share), n - i);
    }
    token_values_all(type, scores, n, values, n, dh, o, n_queries);
}

/* ---- many rows ---- */

typedef struct tile_args {
    const float *q;
    float *o;
    size_t q_stride, o_stride; /* from token to token */
    size_t head_dim, n_heads, n_kv_heads;
    size_t n_tokens, n_keys;
    size_t pos; /* token t sees keys 0 .. pos+t; SIZE_MAX: all */
    rows keys, values;
    size_t kv_head_stride; /* from key head to key head, in values */
    float scale;
    size_t tile_tokens, n_tiles, n_tasks;
    float *scratch;
    size_t scratch_stride; /* values for a worker */
    atomic_size_t next;
} tile_args;

/* c[6][16] = or += a[6][k] . b[k][16] */
INLINE void gemm_6x16(const float *a, size_t lda, const float *b, size_t n, float *c, size_t ldc,
                      bool accumulate)
{
    __m256 acc[MR][2];
    UNROLL
    for (size_t r = 0; r < MR; r++) {
        acc[r][0] = accumulate ? _mm256_loadu_ps(c + r * ldc) : _mm256_setzero_ps();
        acc[r][1] = accumulate ? _mm256_loadu_ps(c + r * ldc + 8) : _mm256_setzero_ps();
    }
    const float *a0 = a, *a3 = a + 3 * lda;
    for (size_t i = 0; i < n; i++, b += NR, a0++, a3++) {
        __m256 b0 = _mm256_loadu_ps(b), b1 = _mm256_loadu_ps(b + 8);
        UNROLL
        for (size_t r = 0; r < MR; r++) {
            __m256 x = _mm256_broadcast_ss(r < 3 ? a0 + r * lda : a3 + (r - 3) * lda);
            acc[r][0] = _mm256_fmadd_ps(x, b0, acc[r][0]);
            acc[r][1] = _mm256_fmadd_ps(x, b1, acc[r][1]);
        }
    }
    UNROLL
    for (size_t r = 0; r < MR; r++) {
        _mm256_storeu_ps(c + r * ldc, acc[r][0]);
        _mm256_storeu_ps(c + r * ldc + 8, acc[r][1]);
    }
}

/* Eight rows of eight become columns. */
INLINE void transpose_8x8(__m256 v[8])
{
    __m256 a[8], b[8];
    UNROLL
    for (int i = 0; i < 4; i++) {
        a[2 * i] = _mm256_unpacklo_ps(v[2 * i], v[2 * i + 1]);
        a[2 * i + 1] = _mm256_unpackhi_ps(v[2 * i], v[2 * i + 1]);
    }
    UNROLL
    for (int i = 0; i < 2; i++) {
        b[4 * i] = _mm256_shuffle_ps(a[4 * i], a[4 * i + 2], 0x44);
        b[4 * i + 1] = _mm256_shuffle_ps(a[4 * i], a[4 * i + 2], 0xee);
        b[4 * i + 2] = _mm256_shuffle_ps(a[4 * i + 1], a[4 * i + 3], 0x44);
        b[4 * i + 3] = _mm256_shuffle_ps(a[4 * i + 1], a[4 * i + 3], 0xee);
    }
    UNROLL
    for (int i = 0; i < 4; i++) {
        v[i] = _mm256_permute2f128_ps(b[i], b[i + 4], 0x20);
        v[i + 4] = _mm256_permute2f128_ps(b[i], b[i + 4], 0x31);
    }
}

/* Keys [n, dh] as panels [KEYS/16][dh][16], zeros behind the last. */
INLINE void pack_keys(dtype type, float *y, rows keys, size_t first, size_t n, size_t dh)
{
    for (size_t s = 0; s < KEYS; s += 8) {
        float *panel = y + (s / NR) * NR * dh + s % NR;
        size_t i = 0;
        for (; i + 8 <= dh; i += 8) {
            __m256 v[8];
            UNROLL
            for (size_t r = 0; r < 8; r++)
                v[r] = s + r < n ? load_8(type, row_at(keys, (first + s + r) * keys.stride), i)
                                 : _mm256_setzero_ps();
            transpose_8x8(v);
            UNROLL
            for (size_t r = 0; r < 8; r++) _mm256_storeu_ps(panel + (i + r) * NR, v[r]);
        }
        for (; i < dh; i++)
            for (size_t r = 0; r < 8; r++)
                panel[i * NR + r] =
                    s + r < n ? load_1(type, row_at(keys, (first + s + r) * keys.stride), i) : 0;
    }
}

/* Values [n, dh] as panels [dh/16 rounded up][KEYS][16], zeros behind the last. */
INLINE void pack_values(dtype type, float *y, rows values, size_t first, size_t n, size_t dh)
{
    for (size_t c = 0; c < dh; c += 8) {
        float *panel = y + (c / NR) * NR * KEYS + c % NR;
        for (size_t s = 0; s < KEYS; s++) {
            const void *v = row_at(values, (first + s) * values.stride);
            if (s >= n)
                _mm256_storeu_ps(panel + s * NR, _mm256_setzero_ps());
            else if (c + 8 <= dh)
                _mm256_storeu_ps(panel + s * NR, load_8(type, v, c));
            else
                for (size_t i = 0; i < 8; i++) panel[s * NR + i] = c + i < dh ? load_1(type, v, c + i) : 0;
        }
    }
    if (dh % NR != 0 && dh % NR <= 8) /* the last panel's upper half */
        for (size_t s = 0; s < KEYS; s++)
            _mm256_storeu_ps(y + (dh / NR) * NR * KEYS + s * NR + 8, _mm256_setzero_ps());
}

static void pack_block(const tile_args *a, rows keys, rows values, size_t first, size_t n, float *kp,
                       float *vp)
{
    if (keys.type == DTYPE_F32) {
        pack_keys(DTYPE_F32, kp, keys, first, n, a->head_dim);
        pack_values(DTYPE_F32, vp, values, first, n, a->head_dim);
    } else {
        pack_keys(DTYPE_F16, kp, keys, first, n, a->head_dim);
        pack_values(DTYPE_F16, vp, values, first, n, a->head_dim);
    }
}

/* Scores of one row of a block become e^(score - running maximum), zero from `visible` on; the row of o and
 * its sum are brought to the new maximum. */
static void online_softmax(float *scores, size_t visible, float *most, float *total, float *o, size_t width)
{
    const __m256 none = _mm256_set1_ps(-INFINITY);
    __m256 v[KEYS / 8], top = none;
    UNROLL
    for (size_t i = 0; i < KEYS / 8; i++) {
        v[i] = _mm256_loadu_ps(scores + 8 * i);
        if (visible < 8 * i + 8)
            v[i] = visible <= 8 * i
                       ? none
                       : _mm256_blendv_ps(none, v[i], _mm256_castsi256_ps(first_lanes(visible - 8 * i)));
        top = _mm256_max_ps(top, v[i]);
    }
    float before = *most, now = max_8(top);
    /* Key 0 is in the first block and every row sees it, so a maximum is finite from the first block on. */
    if (now < before) now = before;
    __m256 shift = _mm256_set1_ps(now), sum = _mm256_setzero_ps();
    for (size_t i = 0; i < KEYS / 8; i++) {
        __m256 e = exp_avx2(_mm256_sub_ps(v[i], shift));
        _mm256_storeu_ps(scores + 8 * i, e);
        sum = _mm256_add_ps(sum, e);
    }
    if (now != before) {
        __m256 factor = exp_avx2(_mm256_set1_ps(before - now)); /* before = -infinity at first: 0 */
        for (size_t i = 0; i < width; i += 8)
            _mm256_storeu_ps(o + i, _mm256_mul_ps(_mm256_loadu_ps(o + i), factor));
        *total *= _mm256_cvtss_f32(factor);
        *most = now;
    }
    *total += sum_8(sum);
}

static size_t round_up(size_t n, size_t to) { return (n + to - 1) / to * to; }

/* Memory of a worker for tiles of `n_rows` rows: queries, outputs, packed keys and values, scores, maxima and
 * sums. */
static size_t tile_scratch(size_t n_rows, size_t dh)
{
    size_t m = round_up(n_rows, MR), width = round_up(dh, NR);
    return round_up(m * dh + m * width + KEYS * dh + KEYS * width + MR * KEYS + 2 * m, 16);
}

static void attend_tile(const tile_args *a, size_t kv, size_t first_token, float *scratch)
{
    size_t group = a->n_heads / a->n_kv_heads, dh = a->head_dim, width = round_up(dh, NR);
    size_t n_tokens = a->n_tokens - first_token < a->tile_tokens ? a->n_tokens - first_token : a->tile_tokens;
    size_t n_rows = n_tokens * group, m = round_up(n_rows, MR), m_max = round_up(a->tile_tokens * group, MR);
    float *q = scratch, *o = q + m_max * dh, *kp = o + m_max * width, *vp = kp + KEYS * dh;
    float *scores = vp + KEYS * width, *most = scores + MR * KEYS, *total = most + m_max;
    rows keys = a->keys, values = a->values;
    keys.base = row_at(keys, kv * a->kv_head_stride);
    values.base = row_at(values, kv * a->kv_head_stride);

    for (size_t r = 0; r < m; r++) {
        most[r] = -INFINITY, total[r] = 0;
        const float *from = a->q + (first_token + r / group) * a->q_stride + (kv * group + r % group) * dh;
        for (size_t i = 0; i < dh; i++) q[r * dh + i] = r < n_rows ? from[i] * a->scale : 0;
    }
    memset(o, 0, m * width * sizeof *o);

    size_t last_token = first_token + n_tokens - 1;
    size_t n_keys = a->pos == SIZE_MAX ? a->n_keys : a->pos + last_token + 1;
    for (size_t s = 0; s < n_keys; s += KEYS) {
        size_t n = n_keys - s < KEYS ? n_keys - s : KEYS;
        pack_block(a, keys, values, s, n, kp, vp);
        for (size_t g = 0; g < m; g += MR) {
            size_t visible[MR], widest = 0;
            for (size_t r = 0; r < MR; r++) {
                size_t row = g + r < n_rows ? g + r : n_rows - 1;
                size_t end = a->pos == SIZE_MAX ? n_keys : a->pos + first_token + row / group + 1;
                visible[r] = end <= s ? 0 : end - s < n ? end - s : n;
                if (visible[r] > widest) widest = visible[r];
            }
            if (!widest) continue;
            size_t n_used = round_up(widest, NR);
            for (size_t c = 0; c < n_used; c += NR)
                gemm_6x16(q + g * dh, dh, kp + c * dh, dh, scores + c, KEYS, false);
            for (size_t r = 0; r < MR; r++)
                online_softmax(scores + r * KEYS, visible[r], most + g + r, total + g + r,
                               o + (g + r) * width, width);
            for (size_t c = 0; c < width; c += NR)
                gemm_6x16(scores, KEYS, vp + c * KEYS, n_used, o + g * width + c, width, true);
        }
    }
    for (size_t r = 0; r < n_rows; r++) {
        float *to = a->o + (first_token + r / group) * a->o_stride + (kv * group + r % group) * dh;
        __m256 share = _mm256_set1_ps(1 / total[r]);
        for (size_t i = 0; i < dh; i += 8)
            store_n(to + i, _mm256_mul_ps(_mm256_loadu_ps(o + r * width + i), share), dh - i);
    }
}

static void tile_worker(void *ctx, size_t worker)
{
    tile_args *a = ctx;
    float *scratch = a->scratch + worker * a->scratch_stride;
    for (;;) {
        /* The last tiles see the most keys: they go first, so that threads end together. */
        size_t task = atomic_fetch_add(&a->next, 1);
        if (task >= a->n_tasks) return;
        size_t tile = a->n_tiles - 1 - task / a->n_kv_heads;
        attend_tile(a, task % a->n_kv_heads, tile * a->tile_tokens, scratch);
    }
}

static void attend_tiles(backend *b, tile_args *a)
{
    size_t group = a->n_heads / a->n_kv_heads, n_rows = a->head_dim <= 128 ? 192 : 96;
    a->tile_tokens = n_rows / group ? n_rows / group : 1;
    if (a->tile_tokens > a->n_tokens) a->tile_tokens = a->n_tokens;
    a->n_tiles = (a->n_tokens + a->tile_tokens - 1) / a->tile_tokens;
    a->n_tasks = a->n_tiles * a->n_kv_heads;
    a->scratch_stride = tile_scratch(a->tile_tokens * group, a->head_dim);
    a->scratch = cpu_scratch(b, cpu_n_threads(b) * a->scratch_stride * sizeof *a->scratch);
    if (!a->scratch) return;
    cpu_parallel(b, tile_worker, a);
}

/* ---- ops ---- */

typedef struct token_args {
    const float *q;
    float *o, *scores;
    rows keys, values;
    size_t n, head_dim, n_heads, n_kv_heads, kv_head_stride;
    float scale;
} token_args;

/* Query heads first..last-1 of one token. */
static void token_range(const void *args, size_t first, size_t last)
{
    const token_args *a = args;
    size_t group = a->n_heads / a->n_kv_heads, dh = a->head_dim;
    while (first < last) {
        size_t kv = first / group, end = (kv + 1) * group < last ? (kv + 1) * group : last;
        rows keys = a->keys, values = a->values;
        keys.base = row_at(keys, kv * a->kv_head_stride);
        values.base = row_at(values, kv * a->kv_head_stride);
        const float *q = a->q + first * dh;
        float *scores = a->scores + first * a->n, *o = a->o + first * dh;
        if (keys.type == DTYPE_F32)
            token_heads(DTYPE_F32, q, end - first, keys, values, a->n, dh, a->scale, scores, o);
        else
            token_heads(DTYPE_F16, q, end - first, keys, values, a->n, dh, a->scale, scores, o);
        first = end;
    }
}

static void attention(backend *b, tensor o, tensor q, tensor k_cache, tensor v_cache, size_t pos,
                      uint32_t n_heads, float scale)
{
    size_t T = tensor_n_rows(q), n_kv = k_cache.shape[0], n_ctx = k_cache.shape[1], dh = k_cache.shape[2];
    rows keys = {cpu_data(k_cache), k_cache.type, dh}, values = {cpu_data(v_cache), v_cache.type, dh};
    if (T == 1 && dh % 8 == 0) {
        token_args a = {cpu_data(q), cpu_data(o), NULL, keys,       values, pos + 1,
                        dh,          n_heads,     n_kv, n_ctx * dh, scale};
        a.scores = cpu_scratch(b, n_heads * a.n * sizeof *a.scores);
        if (a.scores) avx2_for_ranges(b, n_heads, 2 * n_kv * a.n * dh, token_range, &a);
        return;
    }
    tile_args a = {.q = cpu_data(q),
                   .o = cpu_data(o),
                   .q_stride = n_heads * dh,
                   .o_stride = n_heads * dh,
                   .head_dim = dh,
                   .n_heads = n_heads,
                   .n_kv_heads = n_kv,
                   .n_tokens = T,
                   .n_keys = pos + T,
                   .pos = pos,
                   .keys = keys,
                   .values = values,
                   .kv_head_stride = n_ctx * dh,
                   .scale = scale};
    attend_tiles(b, &a);
}

static void segment_attention(backend *b, tensor o, tensor qkv, const size_t *starts, size_t n_segments,
                              uint32_t n_heads, float scale)
{
    size_t D = tensor_row(o), dh = D / n_heads;
    for (size_t i = 0; i < n_segments; i++) {
        size_t n = starts[i + 1] - starts[i];
        if (!n) continue;
        const float *q = (const float *)cpu_data(qkv) + starts[i] * 3 * D;
        tile_args a = {.q = q,
                       .o = (float *)cpu_data(o) + starts[i] * D,
                       .q_stride = 3 * D,
                       .o_stride = D,
                       .head_dim = dh,
                       .n_heads = n_heads,
                       .n_kv_heads = n_heads,
                       .n_tokens = n,
                       .n_keys = n,
                       .pos = SIZE_MAX,
                       .keys = {q + D, DTYPE_F32, 3 * D},
                       .values = {q + 2 * D, DTYPE_F32, 3 * D},
                       .kv_head_stride = dh,
                       .scale = scale};
        attend_tiles(b, &a);
    }
}

void avx2_attention_ops(backend_ops *ops)
{
    ops->kv_store = kv_store;
    ops->attention = attention;
    ops->segment_attention = segment_attention;
}
