/* Portable attention: rotary embedding, cache, causal and segment attention. */
#include "backend/cpu/ops_ref.h"

#include "base/half.h"
#include <stdlib.h>
#include <string.h>

static void rope_table(backend *b, tensor cs, tensor pos, const rope_params *p)
{
    (void)b;
    size_t T = tensor_row(pos);
    const int32_t *at = cpu_data(pos);
    float *out = cpu_data(cs);
    for (size_t t = 0; t < T; t++)
        for (size_t j = 0; j < p->n_freq; j++) {
            /* The product in f32, as the reference has it; sine and cosine of that number in double. */
            float angle = (float)at[p->axis[j] * T + t] * p->inv_freq[j];
            out[2 * (t * p->n_freq + j)] = (float)cos(angle);
            out[2 * (t * p->n_freq + j) + 1] = (float)sin(angle);
        }
}

static void head_norm_rope(backend *b, tensor y, head_view yv, tensor x, head_view xv, tensor w, float eps, tensor cs)
{
    (void)b;
    size_t T = tensor_n_rows(x), n = xv.head_dim, n_freq = tensor_row(cs) / 2;
    const float *weight = tensor_present(w) ? cpu_data(w) : NULL;
    float head[512];
    assert(n <= sizeof head / sizeof *head && 2 * n_freq <= n);
    for (size_t t = 0; t < T; t++) {
        const float *turn = (const float *)cpu_data(cs) + t * 2 * n_freq;
        for (size_t h = 0; h < xv.n_heads; h++) {
            const float *in = (const float *)cpu_data(x) + t * tensor_row(x) + xv.offset + h * xv.stride;
            float *out = (float *)cpu_data(y) + t * tensor_row(y) + yv.offset + h * yv.stride;
            double sum = 0, scale = 1;
            for (size_t i = 0; i < n; i++) sum += (double)in[i] * in[i];
            if (weight) scale = 1 / sqrt(sum / (double)n + eps);
            for (size_t i = 0; i < n; i++) head[i] = weight ? (float)(in[i] * scale * weight[i]) : in[i];
            for (size_t j = 0; j < n_freq; j++) {
                float c = turn[2 * j], s = turn[2 * j + 1], low = head[j], high = head[j + n_freq];
                head[j] = low * c - high * s;
                head[j + n_freq] = high * c + low * s;
            }
            memcpy(out, head, n * sizeof *head);
        }
    }
}

static void kv_store(backend *b, tensor k_cache, tensor v_cache, tensor k, tensor v, size_t pos)
{
    (void)b;
    size_t T = tensor_n_rows(k), n_kv = k_cache.shape[0], n_ctx = k_cache.shape[1], n = k_cache.shape[2];
    assert(pos + T <= n_ctx);
    for (int which = 0; which < 2; which++) {
        tensor cache = which ? v_cache : k_cache;
        const float *in = cpu_data(which ? v : k);
        for (size_t t = 0; t < T; t++)
            for (size_t h = 0; h < n_kv; h++)
                for (size_t i = 0; i < n; i++) {
                    size_t at = (h * n_ctx + pos + t) * n + i;
                    float value = in[(t * n_kv + h) * n + i];
                    if (cache.type == DTYPE_F32) ((float *)cpu_data(cache))[at] = value;
                    else ((uint16_t *)cpu_data(cache))[at] = f32_to_f16(value);
                }
    }
}

/* o = softmax(scale q . k_s) v_s over s < n, rows of keys and values being `stride` apart; a type for each. */
static void attend(const float *q, const void *keys, const void *values, dtype type, size_t n, size_t head_dim, size_t stride,
                   float scale, float *scores, float *o)
{
    float most = -INFINITY;
    for (size_t s = 0; s < n; s++) {
        double dot = 0;
        for (size_t i = 0; i < head_dim; i++) {
            size_t at = s * stride + i;
            dot += (double)q[i] * (type == DTYPE_F32 ? ((const float *)keys)[at] : f16_to_f32(((const uint16_t *)keys)[at]));
        }
        scores[s] = (float)dot * scale;
        if (scores[s] > most) most = scores[s];
    }
    double total = 0;
    for (size_t s = 0; s < n; s++) total += scores[s] = expf(scores[s] - most);
    for (size_t i = 0; i < head_dim; i++) {
        double sum = 0;
        for (size_t s = 0; s < n; s++) {
            size_t at = s * stride + i;
            sum += (double)scores[s] *
                   (type == DTYPE_F32 ? ((const float *)values)[at] : f16_to_f32(((const uint16_t *)values)[at]));
        }
        o[i] = (float)(sum / total);
    }
}

static void attention(backend *b, tensor o, tensor q, tensor k_cache, tensor v_cache, size_t pos, uint32_t n_heads, float scale)
{
    size_t T = tensor_n_rows(q), n_kv = k_cache.shape[0], n_ctx = k_cache.shape[1], n = k_cache.shape[2];
    size_t head_bytes = dtype_row_bytes(k_cache.type, n) * n_ctx;
    float *scores = cpu_scratch(b, (pos + T) * sizeof *scores);
    if (!scores) return;
    for (size_t t = 0; t < T; t++)
        for (size_t h = 0; h < n_heads; h++) {
            size_t kv = h / (n_heads / n_kv);
            attend((const float *)cpu_data(q) + (t * n_heads + h) * n, (const char *)cpu_data(k_cache) + kv * head_bytes,
                   (const char *)cpu_data(v_cache) + kv * head_bytes, k_cache.type, pos + t + 1, n, n, scale, scores,
                   (float *)cpu_data(o) + (t * n_heads + h) * n);
        }
}

static void sigmoid_gate(backend *b, tensor y, tensor gate, head_view gv)
{
    (void)b;
    size_t T = tensor_n_rows(y);
    for (size_t t = 0; t < T; t++)
        for (size_t h = 0; h < gv.n_heads; h++) {
            const float *g = (const float *)cpu_data(gate) + t * tensor_row(gate) + gv.offset + h * gv.stride;
            float *out = (float *)cpu_data(y) + (t * gv.n_heads + h) * gv.head_dim;
            for (size_t i = 0; i < gv.head_dim; i++) out[i] *= ref_sigmoid(g[i]);
        }
}

static void segment_attention(backend *b, tensor o, tensor qkv, const size_t *starts, size_t n_segments, uint32_t n_heads,
                              float scale)
{
    size_t D = tensor_row(o), n = D / n_heads, longest = 0;
    for (size_t i = 0; i < n_segments; i++)
        if (starts[i + 1] - starts[i] > longest) longest = starts[i + 1] - starts[i];
    float *scores = cpu_scratch(b, longest * sizeof *scores);
    if (!scores) return;
    for (size_t i = 0; i < n_segments; i++) {
        const float *rows = (const float *)cpu_data(qkv) + starts[i] * 3 * D;
        for (size_t t = starts[i]; t < starts[i + 1]; t++)
            for (size_t h = 0; h < n_heads; h++)
                attend((const float *)cpu_data(qkv) + t * 3 * D + h * n, rows + D + h * n, rows + 2 * D + h * n, DTYPE_F32,
                       starts[i + 1] - starts[i], n, 3 * D, scale, scores, (float *)cpu_data(o) + t * D + h * n);
    }
}

void ref_attention_ops(backend_ops *ops)
{
    ops->rope_table = rope_table;
    ops->head_norm_rope = head_norm_rope;
    ops->kv_store = kv_store;
    ops->attention = attention;
    ops->sigmoid_gate = sigmoid_gate;
    ops->segment_attention = segment_attention;
}
