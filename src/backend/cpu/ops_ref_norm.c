/* Portable norms and row-wise ops: plain and obvious, the oracle of every other form. Sums are kept in double. */
#include "backend/cpu/ops_ref.h"

static void rmsnorm(backend *b, tensor y, tensor x, tensor w, float eps)
{
    (void)b;
    size_t T = tensor_n_rows(x), D = tensor_row(x);
    const float *in = cpu_data(x), *weight = cpu_data(w);
    float *out = cpu_data(y);
    for (size_t t = 0; t < T; t++, in += D, out += D) {
        double sum = 0;
        for (size_t i = 0; i < D; i++) sum += (double)in[i] * in[i];
        double scale = 1 / sqrt(sum / (double)D + eps);
        for (size_t i = 0; i < D; i++) out[i] = (float)(in[i] * scale * weight[i]);
    }
}

static void layernorm(backend *b, tensor y, tensor x, tensor w, tensor bias, float eps)
{
    (void)b;
    size_t T = tensor_n_rows(x), D = tensor_row(x);
    const float *in = cpu_data(x), *weight = cpu_data(w), *shift = cpu_data(bias);
    float *out = cpu_data(y);
    for (size_t t = 0; t < T; t++, in += D, out += D) {
        double mean = 0, var = 0;
        for (size_t i = 0; i < D; i++) mean += in[i];
        mean /= (double)D;
        for (size_t i = 0; i < D; i++) var += (in[i] - mean) * (in[i] - mean);
        double scale = 1 / sqrt(var / (double)D + eps);
        for (size_t i = 0; i < D; i++) out[i] = (float)((in[i] - mean) * scale * weight[i] + shift[i]);
    }
}

static void gated_rmsnorm(backend *b, tensor y, tensor x, tensor z, tensor w, float eps)
{
    (void)b;
    size_t D = tensor_row(w), n = tensor_n_rows(x) * tensor_row(x) / D;
    const float *in = cpu_data(x), *gate = cpu_data(z), *weight = cpu_data(w);
    float *out = cpu_data(y);
    for (size_t h = 0; h < n; h++, in += D, gate += D, out += D) {
        double sum = 0;
        for (size_t i = 0; i < D; i++) sum += (double)in[i] * in[i];
        double scale = 1 / sqrt(sum / (double)D + eps);
        for (size_t i = 0; i < D; i++) out[i] = (float)(in[i] * scale * weight[i] * gate[i] * ref_sigmoid(gate[i]));
    }
}

static void add(backend *b, tensor y, tensor x)
{
    (void)b;
    size_t n = tensor_n_rows(y) * tensor_row(y);
    float *out = cpu_data(y);
    const float *in = cpu_data(x);
    for (size_t i = 0; i < n; i++) out[i] += in[i];
}

static void add_interpolated(backend *b, tensor y, tensor table, tensor index, tensor weight)
{
    (void)b;
    size_t N = tensor_n_rows(y), D = tensor_row(y);
    const float *rows = cpu_data(table), *share = cpu_data(weight);
    const int32_t *at = cpu_data(index);
    float *out = cpu_data(y);
    for (size_t i = 0; i < N; i++)
        for (size_t d = 0; d < D; d++) {
            float sum = 0;
            for (size_t c = 0; c < 4; c++) sum += share[4 * i + c] * rows[(size_t)at[4 * i + c] * D + d];
            out[i * D + d] += sum;
        }
}

static void swiglu(backend *b, tensor y, tensor gate, tensor up)
{
    (void)b;
    size_t n = tensor_n_rows(y) * tensor_row(y);
    float *out = cpu_data(y);
    const float *g = cpu_data(gate), *u = cpu_data(up);
    for (size_t i = 0; i < n; i++) out[i] = g[i] * ref_sigmoid(g[i]) * u[i];
}

void ref_norm_ops(backend_ops *ops)
{
    ops->rmsnorm = rmsnorm;
    ops->layernorm = layernorm;
    ops->gated_rmsnorm = gated_rmsnorm;
    ops->add = add;
    ops->add_interpolated = add_interpolated;
    ops->swiglu = swiglu;
}

void cpu_ops_ref(backend_ops *ops)
{
    ref_norm_ops(ops);
    ref_delta_ops(ops);
    ref_attention_ops(ops);
}
