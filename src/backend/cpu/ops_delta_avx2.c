/*
 * Gated DeltaNet, AVX2: the convolution and the delta rule.
 *
 * One form of the rule serves prefill and decode. The rows of S transposed are independent of each other, so
 * four of them pass through a piece of tokens while they lie in the first cache, and the sum that the next
 * token needs (k . s) is taken in the same sweep that makes s: 4 vector operations a value and token. The
 * chunked form of docs/MODEL.md needs 3.25 (chunks of 16) to 3.5 (of 32) with its triangular parts, plus
 * packing, and it would give other last digits than decoding does. Here prefill in any split gives the bits
 * of token by token.
 */
#include "backend/cpu/ops_avx2.h"
#include "backend/cpu/ops_ref.h"

#include <string.h>

/* ---- convolution ---- */

enum { CONV_BLOCK = 256, CONV_MAX_TAPS = 8 };

typedef struct conv_args {
    float *y, *state;
    const float *x, *w;
    size_t T, C, K;
} conv_args;

/* w [n, K] of some channels as taps [K][n]; eight channels of four taps at a time. */
static void transpose_taps(float taps[][CONV_BLOCK], const float *w, size_t n, size_t K)
{
    size_t i = 0;
    for (; K == 4 && i + 8 <= n; i += 8) {
        __m256 r[4]; /* channel c in the lower half, c+4 in the upper */
        UNROLL
        for (size_t c = 0; c < 4; c++)
            r[c] = _mm256_insertf128_ps(_mm256_castps128_ps256(_mm_loadu_ps(w + (i + c) * 4)),
                                        _mm_loadu_ps(w + (i + c + 4) * 4), 1);
        __m256 a = _mm256_unpacklo_ps(r[0], r[1]), b = _mm256_unpackhi_ps(r[0], r[1]);
        __m256 c = _mm256_unpacklo_ps(r[2], r[3]), d = _mm256_unpackhi_ps(r[2], r[3]);
        _mm256_storeu_ps(taps[0] + i, _mm256_shuffle_ps(a, c, 0x44));
        _mm256_storeu_ps(taps[1] + i, _mm256_shuffle_ps(a, c, 0xee));
        _mm256_storeu_ps(taps[2] + i, _mm256_shuffle_ps(b, d, 0x44));
        _mm256_storeu_ps(taps[3] + i, _mm256_shuffle_ps(b, d, 0xee));
    }
    for (; i < n; i++)
        for (size_t j = 0; j < K; j++) taps[j][i] = w[i * K + j];
}

/* One token of n channels: in[j] is the row that tap j meets. */
INLINE void conv_row(float *y, float taps[][CONV_BLOCK], const float *const *in, size_t n, size_t K)
{
    size_t i = 0;
    for (; i + 8 <= n; i += 8) {
        __m256 sum = _mm256_mul_ps(_mm256_loadu_ps(taps[0] + i), _mm256_loadu_ps(in[0] + i));
        UNROLL
        for (size_t j = 1; j < K; j++)
            sum = _mm256_fmadd_ps(_mm256_loadu_ps(taps[j] + i), _mm256_loadu_ps(in[j] + i), sum);
        _mm256_storeu_ps(y + i, silu_avx2(sum));
    }
    if (i < n) {
        __m256 sum = _mm256_mul_ps(load_n(taps[0] + i, n - i), load_n(in[0] + i, n - i));
        for (size_t j = 1; j < K; j++)
            sum = _mm256_fmadd_ps(load_n(taps[j] + i, n - i), load_n(in[j] + i, n - i), sum);
        store_n(y + i, silu_avx2(sum), n - i);
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
            conv_row(a->y + t * C + c, taps, in, n, K);
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
    avx2_for_ranges(b, (a.C + CONV_BLOCK - 1) / CONV_BLOCK, a.T * a.C * a.K, conv_blocks, &a);
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
    __m256 recalled[4], result[4];
    UNROLL
    for (int r = 0; r < R; r++) recalled[r] = _mm256_setzero_ps();
    for (size_t i = 0; i < dk; i += 8) {
        __m256 k = _mm256_loadu_ps(p->k + i);
        UNROLL
        for (int r = 0; r < R; r++)
            recalled[r] = _mm256_fmadd_ps(_mm256_loadu_ps(s + (size_t)r * dk + i), k, recalled[r]);
    }
    for (size_t t = 0; t < p->n; t++) {
        const float *k = p->k + t * dk, *q = p->q + t * dk;
        const float *k_next = t + 1 < p->n ? k + dk : k; /* behind the last its sum is not used */
        const float *v = p->v + t * p->v_stride + j;
        float *o = p->o + t * p->o_stride + j;
        /* d = strength (v - alpha k.s) */
        __m128 dots = R == 4 ? sum_4x8(recalled[0], recalled[1], recalled[2], recalled[3])
                             : sum_4x8(recalled[0], recalled[0], recalled[0], recalled[0]);
        __m128 d4 = _mm_fnmadd_ps(_mm_set1_ps(p->alpha[t]), dots, R == 4 ? _mm_loadu_ps(v) : _mm_set1_ps(*v));
        d4 = _mm_mul_ps(d4, _mm_set1_ps(p->strength[t]));
        __m256 d[4] = {_mm256_broadcastss_ps(d4), _mm256_broadcastss_ps(_mm_shuffle_ps(d4, d4, 0x55)),
                       _mm256_broadcastss_ps(_mm_shuffle_ps(d4, d4, 0xaa)),
                       _mm256_broadcastss_ps(_mm_shuffle_ps(d4, d4, 0xff))};
        __m256 alpha = _mm256_broadcast_ss(p->alpha + t);
        UNROLL
        for (int r = 0; r < R; r++) recalled[r] = result[r] = _mm256_setzero_ps();
        for (size_t i = 0; i < dk; i += 8) {
            __m256 kt = _mm256_loadu_ps(k + i);
            UNROLL
            for (int r = 0; r < R; r++) {
                float *at = s + (size_t)r * dk + i;
                __m256 st = _mm256_fmadd_ps(kt, d[r], _mm256_mul_ps(_mm256_loadu_ps(at), alpha));
                _mm256_storeu_ps(at, st);
                /* Loaded for each row: as operands in memory they cost no register, and there is none left.
                 */
                recalled[r] = _mm256_fmadd_ps(st, _mm256_loadu_ps(k_next + i), recalled[r]);
                result[r] = _mm256_fmadd_ps(st, _mm256_loadu_ps(q + i), result[r]);
            }
        }
        if (R == 4)
            _mm_storeu_ps(o, sum_4x8(result[0], result[1], result[2], result[3]));
        else
            _mm_store_ss(o, sum_4x8(result[0], result[0], result[0], result[0]));
    }
}

static void scaled_copy(float *y, const float *x, float scale, size_t n)
{
    __m256 s = _mm256_set1_ps(scale);
    for (size_t i = 0; i < n; i += 8) _mm256_storeu_ps(y + i, _mm256_mul_ps(_mm256_loadu_ps(x + i), s));
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
    if (p->k_head_dim % 8 != 0) { /* no model has such heads */
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

void avx2_delta_ops(backend_ops *ops)
{
    ops->causal_conv_silu = causal_conv_silu;
    ops->delta_rule = delta_rule;
}
