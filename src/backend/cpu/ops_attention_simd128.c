/*
 * Attention, WebAssembly SIMD: the cache, one token over the cache, many rows tile by tile with an online softmax.
 *
 * Tiles: a task is up to 192 query rows of one key head. Keys and values pass in blocks of 32 (of 64 values they fill half of the first
 * cache; blocks of 64 filled it), packed as panels of 8 columns; products are 4 x 8 with the sums in registers (8 vectors, besides two
 * of the panel, a broadcast and products before they are added). Queries that share a key head are rows of the same task. Every row's arithmetic is the same whichever thread and
 * task it falls to.
 */
#include "backend/cpu/ops_simd128.h"

#include "base/half.h"
#include <math.h>
#include <stdatomic.h>
#include <string.h>

enum { KEYS = 32, MR = 4, NR = 8 };

/* ---- cache ---- */

typedef struct store_args {
    tensor k_cache, v_cache;
    const float *k, *v;
    size_t pos;
} store_args;

/*
 * Four f32 to halves in the low 16 bits of each lane, rounded to nearest, ties to even, as f32_to_f16(). The sum with a number
 * 2^13 times as large as a half's last place rounds there: that number is made from the value's own exponent, at least the one of
 * the smallest normal half, so that subnormals round at their place too.
 */
INLINE v128_t to_halves(v128_t v)
{
    v128_t sign = wasm_v128_and(wasm_u32x4_shr(v, 16), wasm_i32x4_const_splat(0x8000));
    v128_t a = wasm_v128_and(v, wasm_i32x4_const_splat(0x7fffffff));
    v128_t exponent = wasm_v128_and(a, wasm_i32x4_const_splat(0x7f800000));
    v128_t bias = wasm_i32x4_add(wasm_i32x4_max(exponent, wasm_i32x4_const_splat(0x38800000)), wasm_i32x4_const_splat(13 << 23));
    /* bias = 2^13 of the value's power of two, whose last place is that of a half: 10 bits below the value's power. */
    v128_t rounded = wasm_i32x4_sub(wasm_f32x4_add(a, bias), bias); /* mantissa of the half, with its leading one */
    v128_t above = wasm_i32x4_sub(wasm_u32x4_shr(bias, 13), wasm_i32x4_const_splat((0x38800000 + (13 << 23)) >> 13));
    v128_t h = wasm_i32x4_add(rounded, above);
    v128_t infinite = wasm_i32x4_gt(a, wasm_i32x4_const_splat(0x477fefff)), nan = wasm_i32x4_gt(a, wasm_i32x4_const_splat(0x7f800000));
    h = wasm_v128_bitselect(wasm_i32x4_const_splat(0x7c00), h, infinite);
    h = wasm_v128_or(h, wasm_v128_and(nan, wasm_i32x4_const_splat(0x200)));
    return wasm_v128_or(h, sign);
}

static void store_f16(uint16_t *y, const float *x, size_t n)
{
    size_t i = 0;
    for (; i + 8 <= n; i += 8) store(y + i, wasm_u16x8_narrow_i32x4(to_halves(load(x + i)), to_halves(load(x + i + 4))));
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
    simd128_for_ranges(b, T, T * tensor_row(k), kv_store_rows, &a);
}

/* Where keys or values lie: row s of a head begins s*stride values behind `base`. */
typedef struct rows {
    const void *base;
    dtype type; /* F32 or F16 */
    size_t stride;
} rows;

/* Eight values / unit(type): a factor that is cheaper to put on the other side of a product. */
INLINE float unit(dtype type) { return type == DTYPE_F32 ? 1 : F16_UNIT; }
INLINE void load_8(dtype type, const void *base, size_t i, v128_t v[2])
{
    if (type == DTYPE_F32) {
        v[0] = load((const float *)base + i), v[1] = load((const float *)base + i + 4);
        return;
    }
    v128_t h = load((const uint16_t *)base + i);
    v[0] = half_bits(upper_low(h)), v[1] = half_bits(upper_high(h));
}
INLINE void load_8_whole(dtype type, const void *base, size_t i, v128_t v[2])
{
    load_8(type, base, i, v);
    if (type == DTYPE_F16) v[0] = wasm_f32x4_mul(v[0], splat(F16_UNIT)), v[1] = wasm_f32x4_mul(v[1], splat(F16_UNIT));
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

/* Scores of R queries (times unit(type)) against n keys, scaled: scores[r*score_stride + s]. dh is a multiple of 8. */
INLINE void token_scores(dtype type, const float *q, size_t dh, rows keys, size_t n, float scale, float *scores,
                         size_t score_stride, int R)
{
    for (size_t s = 0; s < n; s++) {
        const void *k = row_at(keys, s * keys.stride);
        v128_t acc[4][2];
        UNROLL
        for (int r = 0; r < R; r++) acc[r][0] = acc[r][1] = zero();
        for (size_t i = 0; i < dh; i += 8) {
            v128_t v[2];
            load_8(type, k, i, v);
            UNROLL
            for (int r = 0; r < R; r++) {
                acc[r][0] = madd(v[0], load(q + (size_t)r * dh + i), acc[r][0]);
                acc[r][1] = madd(v[1], load(q + (size_t)r * dh + i + 4), acc[r][1]);
            }
        }
        UNROLL
        for (int r = 0; r < R; r++)
            scores[(size_t)r * score_stride + s] = sum_4(wasm_f32x4_add(acc[r][0], acc[r][1])) * scale;
    }
}

/* scores = e^(scores - max); returns their sum. */
static float exp_row(float *scores, size_t n)
{
    v128_t most = splat(scores[0]), total = zero();
    size_t i = 0;
    for (; i + 4 <= n; i += 4) most = wasm_f32x4_pmax(most, load(scores + i));
    float top = max_4(most);
    for (; i < n; i++) top = scores[i] > top ? scores[i] : top;
    most = splat(top);
    for (i = 0; i + 8 <= n; i += 8) {
        v128_t e[2] = {wasm_f32x4_sub(load(scores + i), most), wasm_f32x4_sub(load(scores + i + 4), most)};
        exp_v(e, 2);
        store(scores + i, e[0]), store(scores + i + 4, e[1]);
        total = wasm_f32x4_add(total, wasm_f32x4_add(e[0], e[1]));
    }
    for (; i < n; i += 4) {
        v128_t e = exp_4(wasm_f32x4_sub(load_n(scores + i, n - i), most));
        if (n - i < 4) e = wasm_v128_and(e, first_lanes(n - i));
        store_n(scores + i, e, n - i);
        total = wasm_f32x4_add(total, e);
    }
    return sum_4(total);
}

/* o[r] += sum over N values rows of p[r][s] v[s], R queries. */
INLINE void token_values(dtype type, const float *p, size_t p_stride, rows values, size_t s, size_t dh, float *o, int N, int R)
{
    v128_t w[2][2];
    const void *v[2];
    UNROLL
    for (int i = 0; i < N; i++) {
        v[i] = row_at(values, (s + (size_t)i) * values.stride);
        UNROLL
        for (int r = 0; r < R; r++) w[r][i] = splat(p[(size_t)r * p_stride + s + (size_t)i]);
    }
    for (size_t c = 0; c < dh; c += 8) {
        v128_t acc[2][2];
        UNROLL
        for (int r = 0; r < R; r++) acc[r][0] = load(o + (size_t)r * dh + c), acc[r][1] = load(o + (size_t)r * dh + c + 4);
        UNROLL
        for (int i = 0; i < N; i++) {
            v128_t x[2];
            load_8(type, v[i], c, x);
            UNROLL
            for (int r = 0; r < R; r++) acc[r][0] = madd(w[r][i], x[0], acc[r][0]), acc[r][1] = madd(w[r][i], x[1], acc[r][1]);
        }
        UNROLL
        for (int r = 0; r < R; r++) store(o + (size_t)r * dh + c, acc[r][0]), store(o + (size_t)r * dh + c + 4, acc[r][1]);
    }
}

INLINE void token_values_all(dtype type, const float *p, size_t p_stride, rows values, size_t n, size_t dh, float *o,
                             size_t n_queries)
{
    size_t s = 0;
    for (; s + 2 <= n; s += 2) {
        size_t r = 0;
        for (; r + 2 <= n_queries; r += 2) token_values(type, p + r * p_stride, p_stride, values, s, dh, o + r * dh, 2, 2);
        if (r < n_queries) token_values(type, p + r * p_stride, p_stride, values, s, dh, o + r * dh, 2, 1);
    }
    for (; s < n; s++)
        for (size_t r = 0; r < n_queries; r++) token_values(type, p + r * p_stride, p_stride, values, s, dh, o + r * dh, 1, 1);
}

/* `scaled` is memory for the queries. */
INLINE void token_heads(dtype type, const float *q, size_t n_queries, rows keys, rows values, size_t n, size_t dh, float scale,
                        float *scores, float *scaled, float *o)
{
    size_t r = 0;
    for (size_t i = 0; i < n_queries * dh; i += 4) store(scaled + i, wasm_f32x4_mul(load(q + i), splat(unit(type))));
    for (; r + 4 <= n_queries; r += 4) token_scores(type, scaled + r * dh, dh, keys, n, scale, scores + r * n, n, 4);
    for (; r < n_queries; r++) token_scores(type, scaled + r * dh, dh, keys, n, scale, scores + r * n, n, 1);
    memset(o, 0, n_queries * dh * sizeof *o);
    for (r = 0; r < n_queries; r++) {
        float *p = scores + r * n;
        v128_t share = splat(unit(type) / exp_row(p, n));
        for (size_t i = 0; i < n; i += 4) store_n(p + i, wasm_f32x4_mul(load_n(p + i, n - i), share), n - i);
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

/* c[4][8] = or += a[4][k] . b[k][8] */
INLINE void gemm_4x8(const float *a, size_t lda, const float *b, size_t n, float *c, size_t ldc, bool accumulate)
{
    v128_t acc[MR][2];
    UNROLL
    for (size_t r = 0; r < MR; r++) {
        acc[r][0] = accumulate ? load(c + r * ldc) : zero();
        acc[r][1] = accumulate ? load(c + r * ldc + 4) : zero();
    }
    for (size_t i = 0; i < n; i++, b += NR) {
        v128_t b0 = load(b), b1 = load(b + 4);
        UNROLL
        for (size_t r = 0; r < MR; r++) {
            v128_t x = wasm_v128_load32_splat(a + r * lda + i);
            acc[r][0] = madd(x, b0, acc[r][0]);
            acc[r][1] = madd(x, b1, acc[r][1]);
        }
    }
    UNROLL
    for (size_t r = 0; r < MR; r++) {
        store(c + r * ldc, acc[r][0]);
        store(c + r * ldc + 4, acc[r][1]);
    }
}

/* Keys [n, dh] as panels [KEYS/8][dh][8], zeros behind the last. */
INLINE void pack_keys(dtype type, float *y, rows keys, size_t first, size_t n, size_t dh)
{
    for (size_t s = 0; s < KEYS; s += 4) {
        float *panel = y + (s / NR) * NR * dh + s % NR;
        size_t i = 0;
        for (; i + 8 <= dh; i += 8) {
            v128_t low[4], high[4];
            UNROLL
            for (size_t r = 0; r < 4; r++) {
                v128_t v[2] = {zero(), zero()};
                if (s + r < n) load_8_whole(type, row_at(keys, (first + s + r) * keys.stride), i, v);
                low[r] = v[0], high[r] = v[1];
            }
            transpose_4x4(low), transpose_4x4(high);
            UNROLL
            for (size_t r = 0; r < 4; r++) store(panel + (i + r) * NR, low[r]), store(panel + (i + 4 + r) * NR, high[r]);
        }
        for (; i < dh; i++)
            for (size_t r = 0; r < 4; r++)
                panel[i * NR + r] = s + r < n ? load_1(type, row_at(keys, (first + s + r) * keys.stride), i) : 0;
    }
}

/* Values [n, dh] as panels [dh/8 rounded up][KEYS][8], zeros behind the last. */
INLINE void pack_values(dtype type, float *y, rows values, size_t first, size_t n, size_t dh)
{
    for (size_t c = 0; c < dh; c += NR) {
        float *panel = y + c * KEYS;
        for (size_t s = 0; s < KEYS; s++) {
            const void *row = row_at(values, (first + s) * values.stride);
            v128_t v[2] = {zero(), zero()};
            if (s < n && c + NR <= dh) {
                load_8_whole(type, row, c, v);
            } else if (s < n) {
                for (size_t i = 0; i < NR; i++) panel[s * NR + i] = c + i < dh ? load_1(type, row, c + i) : 0;
                continue;
            }
            store(panel + s * NR, v[0]), store(panel + s * NR + 4, v[1]);
        }
    }
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

/* Scores of one row of a block become e^(score - running maximum), zero from `visible` on; the row of o and its sum are brought to
 * the new maximum. */
static void online_softmax(float *scores, size_t visible, float *most, float *total, float *o, size_t width)
{
    const v128_t none = splat(-INFINITY);
    v128_t top = none;
    for (size_t i = 0; i < KEYS; i += 4) {
        v128_t v = load(scores + i);
        if (visible < i + 4) {
            v = visible <= i ? none : wasm_v128_bitselect(v, none, first_lanes(visible - i));
            store(scores + i, v);
        }
        top = wasm_f32x4_pmax(top, v);
    }
    float before = *most, now = max_4(top);
    /* Key 0 is in the first block and every row sees it, so a maximum is finite from the first block on. */
    if (now < before) now = before;
    v128_t shift = splat(now), sum = zero();
    for (size_t i = 0; i < KEYS; i += 8) {
        v128_t e[2] = {wasm_f32x4_sub(load(scores + i), shift), wasm_f32x4_sub(load(scores + i + 4), shift)};
        exp_v(e, 2);
        store(scores + i, e[0]), store(scores + i + 4, e[1]);
        sum = wasm_f32x4_add(sum, wasm_f32x4_add(e[0], e[1]));
    }
    if (now != before) {
        v128_t factor = exp_4(splat(before - now)); /* before = -infinity at first: 0 */
        for (size_t i = 0; i < width; i += 4) store(o + i, wasm_f32x4_mul(load(o + i), factor));
        *total *= wasm_f32x4_extract_lane(factor, 0);
        *most = now;
    }
    *total += sum_4(sum);
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
                gemm_4x8(q + g * dh, dh, kp + c * dh, dh, scores + c, KEYS, false);
            for (size_t r = 0; r < MR; r++)
                online_softmax(scores + r * KEYS, visible[r], most + g + r, total + g + r,
                               o + (g + r) * width, width);
            for (size_t c = 0; c < width; c += NR)
                gemm_4x8(scores, KEYS, vp + c * KEYS, n_used, o + g * width + c, width, true);
        }
    }
    for (size_t r = 0; r < n_rows; r++) {
        float *to = a->o + (first_token + r / group) * a->o_stride + (kv * group + r % group) * dh;
        v128_t share = splat(1 / total[r]);
        for (size_t i = 0; i < dh; i += 4)
            store_n(to + i, wasm_f32x4_mul(load(o + r * width + i), share), dh - i);
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
    float *o, *scores, *scaled;
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
        float *scores = a->scores + first * a->n, *o = a->o + first * dh, *scaled = a->scaled + first * dh;
        if (keys.type == DTYPE_F32)
            token_heads(DTYPE_F32, q, end - first, keys, values, a->n, dh, a->scale, scores, scaled, o);
        else
            token_heads(DTYPE_F16, q, end - first, keys, values, a->n, dh, a->scale, scores, scaled, o);
        first = end;
    }
}

static void attention(backend *b, tensor o, tensor q, tensor k_cache, tensor v_cache, size_t pos,
                      uint32_t n_heads, float scale)
{
    size_t T = tensor_n_rows(q), n_kv = k_cache.shape[0], n_ctx = k_cache.shape[1], dh = k_cache.shape[2];
    rows keys = {cpu_data(k_cache), k_cache.type, dh}, values = {cpu_data(v_cache), v_cache.type, dh};
    if (T == 1 && dh % 8 == 0) {
        token_args a = {cpu_data(q), cpu_data(o), NULL, NULL, keys, values, pos + 1, dh, n_heads, n_kv, n_ctx * dh, scale};
        a.scores = cpu_scratch(b, n_heads * (a.n + dh) * sizeof *a.scores);
        if (!a.scores) return; /* the backend has kept the error */
        a.scaled = a.scores + n_heads * a.n;
        simd128_for_ranges(b, n_heads, 2 * n_kv * a.n * dh, token_range, &a);
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

void simd128_attention_ops(backend_ops *ops)
{
    ops->kv_store = kv_store;
    ops->attention = attention;
    ops->segment_attention = segment_attention;
}
