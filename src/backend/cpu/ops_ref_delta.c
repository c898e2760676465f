/* Portable gated DeltaNet: the convolution and the recurrence as the specification writes them (docs/MODEL.md 2.1). */
#include "backend/cpu/ops_ref.h"

#include <string.h>

void ref_causal_conv_silu(backend *b, tensor y, tensor x, tensor w, tensor state)
{
    (void)b;
    size_t T = tensor_n_rows(x), C = tensor_row(x), K = tensor_row(w);
    const float *in = cpu_data(x), *taps = cpu_data(w);
    float *out = cpu_data(y), *past = cpu_data(state); /* [K-1, C] */
    for (size_t t = 0; t < T; t++)
        for (size_t c = 0; c < C; c++) {
            float sum = 0;
            for (size_t j = 0; j < K; j++) {
                size_t row = t + j; /* of past, then in */
                sum += taps[c * K + j] * (row < K - 1 ? past[row * C + c] : in[(row - (K - 1)) * C + c]);
            }
            out[t * C + c] = sum * ref_sigmoid(sum);
        }
    for (size_t j = 0; j + 1 < K; j++) {
        size_t row = T + j;
        memmove(past + j * C, row < K - 1 ? past + row * C : in + (row - (K - 1)) * C, C * sizeof *past);
    }
}

static float softplus(float x) { return x > 20 ? x : log1pf(expf(x)); }

void ref_delta_rule(backend *b, tensor o, tensor qkv, tensor a, tensor beta, tensor decay, tensor dt_bias, tensor state,
                    const delta_params *p)
{
    (void)b;
    size_t T = tensor_n_rows(qkv), Hk = p->n_k_heads, Hv = p->n_v_heads, dk = p->k_head_dim, dv = p->v_head_dim;
    size_t row = 2 * Hk * dk + Hv * dv;
    const float *in = cpu_data(qkv), *A = cpu_data(decay), *dt = cpu_data(dt_bias), *av = cpu_data(a), *bv = cpu_data(beta);
    float *out = cpu_data(o), *S = cpu_data(state);
    for (size_t t = 0; t < T; t++)
        for (size_t h = 0; h < Hv; h++) {
            size_t kh = p->tiled_heads ? h % Hk : h / (Hv / Hk);
            const float *q = in + t * row + kh * dk, *k = q + Hk * dk, *v = in + t * row + 2 * Hk * dk + h * dv;
            double qq = 0, kk = 0;
            for (size_t i = 0; i < dk; i++) qq += (double)q[i] * q[i], kk += (double)k[i] * k[i];
            double q_scale = 1 / (sqrt(qq + 1e-6) * sqrt((double)dk)), k_scale = 1 / sqrt(kk + 1e-6);
            float strength = ref_sigmoid(bv[t * Hv + h]);
            float alpha = expf(A[h] * softplus(av[t * Hv + h] + dt[h]));
            for (size_t j = 0; j < dv; j++) {
                float *s = S + (h * dv + j) * dk; /* row j of S transposed */
                double recalled = 0, result = 0;
                for (size_t i = 0; i < dk; i++) {
                    s[i] *= alpha;
                    recalled += s[i] * (k[i] * k_scale);
                }
                float d = (float)(strength * (v[j] - recalled));
                for (size_t i = 0; i < dk; i++) {
                    s[i] += (float)(k[i] * k_scale) * d;
                    result += s[i] * (q[i] * q_scale);
                }
                out[(t * Hv + h) * dv + j] = (float)result;
            }
        }
}

void ref_delta_ops(backend_ops *ops)
{
    ops->causal_conv_silu = ref_causal_conv_silu;
    ops->delta_rule = ref_delta_rule;
}
