/*
 * Gated DeltaNet, WebAssembly SIMD: the convolution and the delta rule, in the same forms as ops_delta_avx2.c, which says why.
 * Prefill in any split gives the bits of token by token.
 */
#include "backend/cpu/ops_simd128.h"
#include "backend/cpu/ops_ref.h"

#include <string.h>

/* ---- convolution ---- */

enum { CONV_BLOCK = 256, CONV_MAX_TAPS = 8 };

typedef struct conv_args {
    float *y, *state;
    const float *x, *w;
    size_t T, C, K;
} conv_args;

/* w [n, K] of some channels as taps [K][n]; four channels of four taps at a time. */
static void transpose_taps(float taps[][CONV_BLOCK], const float *w, size_t n, size_t K)
{
    size_t i = 0;
    for (; K == 4 && i + 4 <= n; i += 4) {
        v128_t v[4];
        UNROLL
        for (size_t c = 0; c < 4; c++) v[c] = load(w + (i + c) * 4);
        transpose_4x4(v);
        UNROLL
        for (size_t j = 0; j < 4; j++) store(taps[j] + i, v[j]);
    }
    for (; i < n; i++)
        for (size_t j = 0; j < K; j++) taps[j][i] = w[i * K + j];
}

/* One token of n channels: in[j] is the row that tap j meets. */
INLINE void conv_row(float *y, float taps[][CONV_BLOCK], const float *const *in, size_t n, size_t K)
{
    for (size_t i = 0; i < n; i += 8) {
        v128_t sum[2] = {zero(), zero()};
        UNROLL
        for (size_t j = 0; j < K; j++) {
            v128_t w[2], x[2];
            load_2n(taps[j] + i, n - i, w), load_2n(in[j] + i, n - i, x);
            sum[0] = madd(w[0], x[0], sum[0]), sum[1] = madd(w[1], x[1], sum[1]);
        }
        silu_v(sum, 2);
        store_2n(y + i, sum, n - i);
    }
}

static void conv_any(float *y, float taps[][CONV_BLOCK], const float *const *in, size_t n, size_t K)
{
    for (size_t i = 0; i < n; i++) {
        float sum = 0;
        for (size_t j = 0; j < K; j++) sum += taps[j][i] * in[j][i];
        y[i] = sum * ref_sigmoid(sum);
    }
}

/* Channels c .. c+n-1 through all tokens. */
static void conv_block(const conv_args *a, size_t c, size_t n)
{
    size_t C = a->C, K = a->K, T = a->T;
    float taps[CONV_MAX_TAPS][CONV_BLOCK];
    transpose_taps(taps, a->w + c * K, n, K);
    for (size_t t = 0; t < T; t++) {
        const float *in[CONV_MAX_TAPS];
        for (size_t j = 0; j < K; j++) {
            size_t row = t + j; /* of the state, then x */
            in[j] = (row < K - 1 ? a->state + row * C : a->x + (row - (K - 1)) * C) + c;
        }
        if (K == 4)
            conv_row(a->y + t * C + c, taps, in, n, 4);
        else
            conv_any(a->y + t * C + c, taps, in, n, K);
    }
    for (size_t j = 0; j + 1 < K; j++) {
        size_t row = T + j;
        const float *from = row < K - 1 ? a->state + row * C : a->x + (row - (K - 1)) * C;
        memcpy(a->state + j * C + c, from + c, n * sizeof *from); /* T >= 1: never a row onto itself */
    }
}

static void conv_blocks(const void *args, size_t first, size_t last)
{
    const conv_args *a = args;
    for (size_t i = first; i < last; i++) {
        size_t c = i * CONV_BLOCK;
        conv_block(a, c, a->C - c < CONV_BLOCK ? a->C - c : CONV_BLOCK);
    }
}

static void causal_conv_silu(backend *b, tensor y, tensor x, tensor w, tensor state)
{
    conv_args a = {cpu_data(y),      cpu_data(state), cpu_data(x),  cpu_data(w),
                   tensor_n_rows(x), tensor_row(x),   tensor_row(w)};
    if (a.K > CONV_MAX_TAPS) {
        ref_causal_conv_silu(b, y, x, w, state);
        return;
    }
    simd128_for_ranges(b, (a.C + CONV_BLOCK - 1) / CONV_BLOCK, a.T * a.C * a.K, conv_blocks, &a);
}

/* ---- delta rule ---- */

/* Tokens that pass while four rows of the state stay in the first cache: their keys and queries take 16 KB at
 * dk = 128. */
enum { PIECE = 16 };

typedef struct delta_args {
    float *o, *S;
    const float *qkv, *a, *beta, *decay, *dt_bias;
    delta_params p;
    size_t T, row;
    float *scratch; /* [n_workers, 2, PIECE, dk] */
    size_t n_workers;
} delta_args;

/* Keys (normalised) and queries (normalised and scaled) of a piece, and its gates, for one value head. */
typedef struct piece {
    const float *k, *q; /* [PIECE, dk] */
    float alpha[PIECE], strength[PIECE];
    const float *v; /* rows of qkv */
    float *o;
    size_t n, v_stride, o_stride;
} piece;

/* R rows of S transposed, j .. j+R-1, through the piece. */
INLINE void delta_rows(const piece *p, float *s, size_t dk, size_t j, int R)
{
    v128_t recalled[4], result[4];
    UNROLL
    for (int r = 0; r < R; r++) recalled[r] = zero();
    for (size_t i = 0; i < dk; i += 4) {
        v128_t k = load(p->k + i);
        UNROLL
        for (int r = 0; r < R; r++)
            recalled[r] = madd(load(s + (size_t)r * dk + i), k, recalled[r]);
    }
    for (size_t t = 0; t < p->n; t++) {
        const float *k = p->k + t * dk, *q = p->q + t * dk;
        const float *k_next = t + 1 < p->n ? k + dk : k; /* behind the last its sum is not used */
        const float *v = p->v + t * p->v_stride + j;
        float *o = p->o + t * p->o_stride + j;
        /* d = strength (v - alpha k.s) */
        v128_t dots = R == 4 ? sum_4x4(recalled[0], recalled[1], recalled[2], recalled[3])
                             : sum_4x4(recalled[0], recalled[0], recalled[0], recalled[0]);
        v128_t d4 = wasm_f32x4_sub(R == 4 ? load(v) : splat(*v), wasm_f32x4_mul(splat(p->alpha[t]), dots));
        d4 = wasm_f32x4_mul(d4, splat(p->strength[t]));
        const v128_t d[4] = {spread(d4, 0), spread(d4, 1), spread(d4, 2), spread(d4, 3)};
        v128_t alpha = splat(p->alpha[t]);
        UNROLL
        for (int r = 0; r < R; r++) recalled[r] = result[r] = zero();
        for (size_t i = 0; i < dk; i += 4) {
            v128_t kt = load(k + i);
            UNROLL
            for (int r = 0; r < R; r++) {
                float *at = s + (size_t)r * dk + i;
                v128_t st = madd(kt, d[r], wasm_f32x4_mul(load(at), alpha));
                store(at, st);
                recalled[r] = madd(st, load(k_next + i), recalled[r]);
                result[r] = madd(st, load(q + i), result[r]);
            }
        }
        if (R == 4)
            store(o, sum_4x4(result[0], result[1], result[2], result[3]));
        else
            *o = sum_4(result[0]);
    }
}

static void scaled_copy(float *y, const float *x, float scale, size_t n)
{
    v128_t s = splat(scale);
    for (size_t i = 0; i < n; i += 4) store(y + i, wasm_f32x4_mul(load(x + i), s));
}

static float softplus(float x) { return x > 20 ? x : log1pf(expf(x)); }

/* All tokens of value head h. */
static void delta_head(const delta_args *a, size_t h, float *keys, float *queries)
{
    size_t Hk = a->p.n_k_heads, Hv = a->p.n_v_heads, dk = a->p.k_head_dim, dv = a->p.v_head_dim;
    size_t kh = a->p.tiled_heads ? h % Hk : h / (Hv / Hk);
    float *S = a->S + h * dv * dk, root_dk = sqrtf((float)dk);
    piece p = {.k = keys, .q = queries, .v_stride = a->row, .o_stride = Hv * dv};
    for (size_t first = 0; first < a->T; first += PIECE) {
        p.n = a->T - first < PIECE ? a->T - first : PIECE;
        p.v = a->qkv + first * a->row + 2 * Hk * dk + h * dv;
        p.o = a->o + first * Hv * dv + h * dv;
        for (size_t i = 0; i < p.n; i++) {
            size_t t = first + i;
            const float *q = a->qkv + t * a->row + kh * dk, *k = q + Hk * dk;
            scaled_copy(queries + i * dk, q, 1 / (sqrtf(sum_squares(q, dk) + 1e-6f) * root_dk), dk);
            scaled_copy(keys + i * dk, k, 1 / sqrtf(sum_squares(k, dk) + 1e-6f), dk);
            p.strength[i] = ref_sigmoid(a->beta[t * Hv + h]);
            p.alpha[i] = expf(a->decay[h] * softplus(a->a[t * Hv + h] + a->dt_bias[h]));
        }
        size_t j = 0;
        for (; j + 4 <= dv; j += 4) delta_rows(&p, S + j * dk, dk, j, 4);
        for (; j < dv; j++) delta_rows(&p, S + j * dk, dk, j, 1);
    }
}

static void delta_worker(void *ctx, size_t worker)
{
    const delta_args *a = ctx;
    size_t first, last, dk = a->p.k_head_dim;
    float *keys = a->scratch + worker * 2 * PIECE * dk;
    cpu_share(a->p.n_v_heads, worker, a->n_workers, &first, &last);
    for (size_t h = first; h < last; h++) delta_head(a, h, keys, keys + PIECE * dk);
}

static void delta_rule(backend *b, tensor o, tensor qkv, tensor a, tensor beta, tensor decay, tensor dt_bias,
                       tensor state, const delta_params *p)
{
    if (p->k_head_dim % 4 != 0) { /* no model has such heads */
        ref_delta_rule(b, o, qkv, a, beta, decay, dt_bias, state, p);
        return;
    }
    size_t n = cpu_n_threads(b);
    float *scratch = cpu_scratch(b, n * 2 * PIECE * p->k_head_dim * sizeof *scratch);
    if (!scratch) return;
    delta_args args = {
        .o = cpu_data(o),
        .S = cpu_data(state),
        .qkv = cpu_data(qkv),
        .a = cpu_data(a),
        .beta = cpu_data(beta),
        .decay = cpu_data(decay),
        .dt_bias = cpu_data(dt_bias),
        .p = *p,
        .T = tensor_n_rows(qkv),
        .row = tensor_row(qkv),
        .scratch = scratch,
        .n_workers = n,
    };
    cpu_parallel(b, delta_worker, &args);
}

void simd128_delta_ops(backend_ops *ops)
{
    ops->causal_conv_silu = causal_conv_silu;
    ops->delta_rule = delta_rule;
}
