/*
 * The products in portable C: the oracle. Plain and never optimised. Products with quantised weights follow
 * the definition in quantize_act.h; sums of blocks are in double.
 */
#include "backend/cpu/matmul_impl.h"

#include "base/half.h"
#include "base/quant.h"
#include "base/quant_k.h"

#include <math.h>
#include <stdatomic.h>

static float load_half(const uint8_t *p) { return f16_to_f32((uint16_t)(p[0] | p[1] << 8)); }

/* 32 weights as w = d * code + m. */
typedef struct weight_block {
    float d, m;
    int code[ACT_BLOCK];
} weight_block;

/* Block i of 32 values of a row. */
static void read_block(dtype type, const uint8_t *row, size_t i, weight_block *w)
{
    const uint8_t *b = row + i * 32 / dtype_get(type)->block_values * dtype_get(type)->block_bytes;
    int j = (int)(i % 8); /* which 32 of a block of 256 */
    w->m = 0;
    switch (type) {
    case DTYPE_Q8_0:
        w->d = load_half(b);
        for (int l = 0; l < 32; l++) w->code[l] = (int8_t)b[2 + l];
        return;
    case DTYPE_Q4_0:
    case DTYPE_Q4_1: {
        const uint8_t *q = type == DTYPE_Q4_0 ? b + 2 : b + 4;
        w->d = load_half(b);
        if (type == DTYPE_Q4_1) w->m = load_half(b + 2);
        for (int l = 0; l < 16; l++) {
            w->code[l] = (q[l] & 15) - (type == DTYPE_Q4_0 ? 8 : 0);
            w->code[l + 16] = (q[l] >> 4) - (type == DTYPE_Q4_0 ? 8 : 0);
        }
        return;
    }
    case DTYPE_Q4_K:
    case DTYPE_Q5_K: {
        q45_k_scale s = q45_k_unpack_scale(b + 4, j);
        const uint8_t *q = b + (type == DTYPE_Q4_K ? 16 : 48) + 32 * (j / 2);
        w->d = load_half(b) * (float)s.scale;
        w->m = -(load_half(b + 2) * (float)s.min);
        for (int l = 0; l < 32; l++) {
            w->code[l] = j & 1 ? q[l] >> 4 : q[l] & 15;
            if (type == DTYPE_Q5_K) w->code[l] |= ((b[16 + l] >> j) & 1) << 4;
        }
        return;
    }
    case DTYPE_Q6_K: {
        const uint8_t *low = b + 64 * (j / 4) + 32 * (j & 1), *high = b + 128 + 32 * (j / 4);
        const int8_t *s = (const int8_t *)b + 192 + 2 * j;
        w->d = load_half(b + 208);
        for (int l = 0; l < 32; l++) {
            int lo = j & 2 ? low[l] >> 4 : low[l] & 15, hi = (high[l] >> (2 * (j & 3))) & 3;
            w->code[l] = s[l / 16] * ((lo | hi << 4) - 32);
        }
        return;
    }
    default: assert(!"a block type");
    }
}

static double dot_quantized(dtype type, const uint8_t *row, const act8 *a, size_t t)
{
    double y = 0;
    for (size_t i = 0; i < a->K / ACT_BLOCK; i++) {
        weight_block w;
        read_block(type, row, i, &w);
        const int8_t *q = a->q + t * a->K + i * ACT_BLOCK;
        int sum = 0, sum_q = 0;
        for (int l = 0; l < ACT_BLOCK; l++) sum += w.code[l] * q[l], sum_q += q[l];
        y += (double)a->scale[t * a->n_blocks + i] * ((double)w.d * sum + (double)w.m * sum_q);
    }
    return y;
}

static double weight_value(dtype type, const uint8_t *row, size_t i)
{
    float v;
    if (type == DTYPE_F32) return memcpy(&v, row + 4 * i, 4), v;
    uint16_t h = (uint16_t)(row[2 * i] | row[2 * i + 1] << 8);
    return type == DTYPE_F16 ? f16_to_f32(h) : bf16_to_f32(h);
}

static float apply_epilogue(epilogue ep, float y, double p)
{
    switch (ep) {
    case EPILOGUE_STORE: break;
    case EPILOGUE_ADD: return (float)(y + p);
    case EPILOGUE_GELU_TANH:
        return (float)(0.5 * p * (1 + tanh(0.7978845608028654 * (p + 0.044715 * p * p * p))));
    case EPILOGUE_GELU_ERF: return (float)(0.5 * p * (1 + erf(p * 0.7071067811865476)));
    case EPILOGUE_GELU_QUICK: return (float)(p / (1 + exp(-1.702 * p)));
    }
    return (float)p;
}

typedef struct region {
    const tensor *y;
    const linear *const *l;
    size_t n;
    epilogue ep;
    matmul_input in;
    atomic_size_t next; /* row of all products one after another */
} region;

static void multiply_worker(void *ctx, size_t worker)
{
    region *r = ctx;
    (void)worker;
    for (;;) {
        size_t row = atomic_fetch_add_explicit(&r->next, 1, memory_order_relaxed), i = 0;
        while (i < r->n && row >= tensor_n_rows(r->l[i]->w)) row -= tensor_n_rows(r->l[i++]->w);
        if (i == r->n) return;
        tensor w = r->l[i]->w;
        size_t K = r->in.K, N = tensor_n_rows(w);
        const uint8_t *bytes = (const uint8_t *)cpu_data(w) + row * dtype_row_bytes(w.type, K);
        const float *bias = tensor_present(r->l[i]->b) ? cpu_data(r->l[i]->b) : NULL;
        float *y = cpu_data(r->y[i]);
        for (size_t t = 0; t < r->in.T; t++) {
            double p = 0;
            if (dtype_is_quantized(w.type))
                p = dot_quantized(w.type, bytes, &r->in.a, t);
            else
                for (size_t k = 0; k < K; k++) p += weight_value(w.type, bytes, k) * r->in.x[t * K + k];
            if (bias) p += bias[row];
            y[t * N + row] = apply_epilogue(r->ep, y[t * N + row], p);
        }
    }
}

static void matmul_ref(backend *b, const tensor *y, tensor x, const linear *const *l, size_t n, epilogue ep)
{
    region r = {.y = y, .l = l, .n = n, .ep = ep, .in = {cpu_data(x), tensor_n_rows(x), tensor_row(x), {0}}};
    bool quantized = false;
    for (size_t i = 0; i < n; i++) quantized |= dtype_is_quantized(l[i]->w.type);
    if (quantized) {
        size_t bytes = act8_bytes(r.in.T, r.in.K, 0);
        void *scratch = cpu_scratch(b, bytes);
        if (!scratch) return; /* the backend has kept the error */
        r.in.a = act8_place(scratch, r.in.T, r.in.K, 0);
        quantize_act_ref(&r.in.a, r.in.x, 0, r.in.T);
    }
    atomic_init(&r.next, 0);
    cpu_parallel(b, multiply_worker, &r);
}

const struct cpu_matmul_ops cpu_matmul_ref = {.matmul = matmul_ref, .embed = embed_run};
