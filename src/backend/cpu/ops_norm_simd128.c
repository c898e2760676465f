/* Norms and row-wise ops, WebAssembly SIMD. Rows over threads; a row is always one thread's. */
#include "backend/cpu/ops_simd128.h"

#include <math.h>

typedef struct rows_args {
    float *y;
    const float *x, *w, *bias; /* bias: also the gate of gated_rmsnorm, `up` of swiglu */
    size_t D;
    float eps;
} rows_args;

static void rmsnorm_rows(const void *args, size_t first, size_t last)
{
    const rows_args *a = args;
    size_t D = a->D;
    for (size_t t = first; t < last; t++) {
        const float *x = a->x + t * D;
        float *y = a->y + t * D;
        v128_t scale = splat(1 / sqrtf(sum_squares(x, D) / (float)D + a->eps));
        for (size_t i = 0; i < D; i += 4) {
            v128_t v = wasm_f32x4_mul(load_n(x + i, D - i), scale);
            store_n(y + i, wasm_f32x4_mul(v, load_n(a->w + i, D - i)), D - i);
        }
    }
}

static void rmsnorm(backend *b, tensor y, tensor x, tensor w, float eps)
{
    rows_args a = {cpu_data(y), cpu_data(x), cpu_data(w), NULL, tensor_row(x), eps};
    simd128_for_ranges(b, tensor_n_rows(x), tensor_n_rows(x) * a.D, rmsnorm_rows, &a);
}

static void gated_rmsnorm_rows(const void *args, size_t first, size_t last)
{
    const rows_args *a = args;
    size_t D = a->D;
    for (size_t t = first; t < last; t++) {
        const float *x = a->x + t * D, *gate = a->bias + t * D;
        float *y = a->y + t * D;
        v128_t scale = splat(1 / sqrtf(sum_squares(x, D) / (float)D + a->eps));
        for (size_t i = 0; i < D; i += 8) {
            v128_t v[2], z[2], w[2];
            load_2n(x + i, D - i, v), load_2n(gate + i, D - i, z), load_2n(a->w + i, D - i, w);
            silu_v(z, 2);
            UNROLL
            for (int k = 0; k < 2; k++) v[k] = wasm_f32x4_mul(wasm_f32x4_mul(wasm_f32x4_mul(v[k], scale), w[k]), z[k]);
            store_2n(y + i, v, D - i);
        }
    }
}

static void gated_rmsnorm(backend *b, tensor y, tensor x, tensor z, tensor w, float eps)
{
    size_t D = tensor_row(w), n_values = tensor_n_rows(x) * tensor_row(x);
    rows_args a = {cpu_data(y), cpu_data(x), cpu_data(w), cpu_data(z), D, eps};
    simd128_for_ranges(b, n_values / D, n_values, gated_rmsnorm_rows, &a);
}

static void layernorm_rows(const void *args, size_t first, size_t last)
{
    const rows_args *a = args;
    size_t D = a->D;
    for (size_t t = first; t < last; t++) {
        const float *x = a->x + t * D;
        float *y = a->y + t * D;
        v128_t sum = zero(), squares = zero();
        for (size_t i = 0; i < D; i += 4) sum = wasm_f32x4_add(sum, load_n(x + i, D - i));
        v128_t mean = splat(sum_4(sum) / (float)D);
        /* The variance from the differences: rows of the vision tower have means far above their spread. */
        for (size_t i = 0; i < D; i += 4) {
            v128_t v = wasm_f32x4_sub(load_n(x + i, D - i), mean);
            if (D - i < 4) v = wasm_v128_and(v, first_lanes(D - i));
            squares = madd(v, v, squares);
        }
        v128_t scale = splat(1 / sqrtf(sum_4(squares) / (float)D + a->eps));
        for (size_t i = 0; i < D; i += 4) {
            v128_t v = wasm_f32x4_mul(wasm_f32x4_sub(load_n(x + i, D - i), mean), scale);
            v = madd(v, load_n(a->w + i, D - i), load_n(a->bias + i, D - i));
            store_n(y + i, v, D - i);
        }
    }
}

static void layernorm(backend *b, tensor y, tensor x, tensor w, tensor bias, float eps)
{
    rows_args a = {cpu_data(y), cpu_data(x), cpu_data(w), cpu_data(bias), tensor_row(x), eps};
    simd128_for_ranges(b, tensor_n_rows(x), tensor_n_rows(x) * a.D, layernorm_rows, &a);
}

/* ---- value by value ---- */

static void add_values(const void *args, size_t first, size_t last)
{
    const rows_args *a = args;
    for (size_t i = first; i < last; i += 4) {
        v128_t v = wasm_f32x4_add(load_n(a->y + i, last - i), load_n(a->x + i, last - i));
        store_n(a->y + i, v, last - i);
    }
}

static void add(backend *b, tensor y, tensor x)
{
    size_t n = tensor_n_rows(y) * tensor_row(y);
    rows_args a = {.y = cpu_data(y), .x = cpu_data(x)};
    simd128_for_ranges(b, n, n, add_values, &a);
}

static void swiglu_values(const void *args, size_t first, size_t last)
{
    const rows_args *a = args;
    const float *gate = a->x, *up = a->bias;
    float *y = a->y;
    for (size_t i = first; i < last; i += 8) {
        v128_t v[2], u[2];
        load_2n(gate + i, last - i, v), load_2n(up + i, last - i, u);
        silu_v(v, 2);
        v[0] = wasm_f32x4_mul(v[0], u[0]), v[1] = wasm_f32x4_mul(v[1], u[1]);
        store_2n(y + i, v, last - i);
    }
}

static void swiglu(backend *b, tensor y, tensor gate, tensor up)
{
    size_t n = tensor_n_rows(y) * tensor_row(y);
    rows_args a = {.y = cpu_data(y), .x = cpu_data(gate), .bias = cpu_data(up)};
    simd128_for_ranges(b, n, n, swiglu_values, &a);
}

typedef struct interpolate_args {
    float *y;
    const float *table, *weight;
    const int32_t *index;
    size_t D;
} interpolate_args;

static void add_interpolated_rows(const void *args, size_t first, size_t last)
{
    const interpolate_args *a = args;
    for (size_t n = first; n < last; n++) {
        const float *rows[4];
        v128_t share[4];
        for (size_t c = 0; c < 4; c++) {
            rows[c] = a->table + (size_t)a->index[4 * n + c] * a->D;
            share[c] = splat(a->weight[4 * n + c]);
        }
        float *y = a->y + n * a->D;
        for (size_t i = 0; i < a->D; i += 4) {
            v128_t sum = wasm_f32x4_mul(share[0], load_n(rows[0] + i, a->D - i));
            UNROLL
            for (size_t c = 1; c < 4; c++)
                sum = madd(share[c], load_n(rows[c] + i, a->D - i), sum);
            store_n(y + i, wasm_f32x4_add(load_n(y + i, a->D - i), sum), a->D - i);
        }
    }
}

static void add_interpolated(backend *b, tensor y, tensor table, tensor index, tensor weight)
{
    interpolate_args a = {cpu_data(y), cpu_data(table), cpu_data(weight), cpu_data(index), tensor_row(y)};
    simd128_for_ranges(b, tensor_n_rows(y), tensor_n_rows(y) * a.D, add_interpolated_rows, &a);
}

typedef struct gate_args {
    float *y;
    const float *gate;
    size_t row;
    head_view view;
} gate_args;

static void sigmoid_gate_rows(const void *args, size_t first, size_t last)
{
    const gate_args *a = args;
    size_t n = a->view.head_dim, n_heads = a->view.n_heads;
    for (size_t t = first; t < last; t++)
        for (size_t h = 0; h < n_heads; h++) {
            const float *gate = a->gate + t * a->row + a->view.offset + h * a->view.stride;
            float *y = a->y + (t * n_heads + h) * n;
            for (size_t i = 0; i < n; i += 8) {
                v128_t v[2], g[2];
                load_2n(y + i, n - i, v), load_2n(gate + i, n - i, g);
                sigmoid_v(g, 2);
                v[0] = wasm_f32x4_mul(v[0], g[0]), v[1] = wasm_f32x4_mul(v[1], g[1]);
                store_2n(y + i, v, n - i);
            }
        }
}

static void sigmoid_gate(backend *b, tensor y, tensor gate, head_view gv)
{
    gate_args a = {cpu_data(y), cpu_data(gate), tensor_row(gate), gv};
    simd128_for_ranges(b, tensor_n_rows(y), tensor_n_rows(y) * tensor_row(y), sigmoid_gate_rows, &a);
}

void simd128_norm_ops(backend_ops *ops)
{
    ops->rmsnorm = rmsnorm;
    ops->layernorm = layernorm;
    ops->gated_rmsnorm = gated_rmsnorm;
    ops->add = add;
    ops->add_interpolated = add_interpolated;
    ops->swiglu = swiglu;
    ops->sigmoid_gate = sigmoid_gate;
}
