/* Rotary embedding and the head norm before it, WebAssembly SIMD. Tokens over threads. */
#include "backend/cpu/ops_simd128.h"

#include <math.h>
#include <string.h>

typedef struct table_args {
    float *cs;
    const int32_t *pos;
    size_t T;
    const rope_params *p;
} table_args;

/* Sine and cosine in double, of the f32 product that the reference takes: a large part of 1e-6 is gone in the
 * argument already. A pass makes the table once, so this is no place to save. */
static void rope_table_rows(const void *args, size_t first, size_t last)
{
    const table_args *a = args;
    size_t n_freq = a->p->n_freq;
    for (size_t t = first; t < last; t++)
        for (size_t j = 0; j < n_freq; j++) {
            float angle = (float)a->pos[a->p->axis[j] * a->T + t] * a->p->inv_freq[j];
            a->cs[2 * (t * n_freq + j)] = (float)cos(angle);
            a->cs[2 * (t * n_freq + j) + 1] = (float)sin(angle);
        }
}

static void rope_table(backend *b, tensor cs, tensor pos, const rope_params *p)
{
    enum { COST = 64 }; /* of a sine and a cosine, in plain values */
    table_args a = {cpu_data(cs), cpu_data(pos), tensor_row(pos), p};
    simd128_for_ranges(b, a.T, a.T * p->n_freq * COST, rope_table_rows, &a);
}

typedef struct head_args {
    float *y;
    const float *x, *w, *cs;
    size_t y_row, x_row, n_freq;
    head_view yv, xv;
    float eps;
} head_args;

static void rotate(float *y, const float *cs, size_t n_freq)
{
    float *low = y, *high = y + n_freq;
    size_t j = 0;
    for (; j + 4 <= n_freq; j += 4) {
        v128_t a = load(cs + 2 * j), b = load(cs + 2 * j + 4), l = load(low + j), h = load(high + j);
        v128_t c = wasm_i32x4_shuffle(a, b, 0, 2, 4, 6), s = wasm_i32x4_shuffle(a, b, 1, 3, 5, 7);
        store(low + j, wasm_f32x4_sub(wasm_f32x4_mul(l, c), wasm_f32x4_mul(h, s)));
        store(high + j, madd(l, s, wasm_f32x4_mul(h, c)));
    }
    for (; j < n_freq; j++) {
        float c = cs[2 * j], s = cs[2 * j + 1], l = low[j], h = high[j];
        low[j] = l * c - h * s;
        high[j] = h * c + l * s;
    }
}

static void head_norm_rope_rows(const void *args, size_t first, size_t last)
{
    const head_args *a = args;
    size_t n = a->xv.head_dim;
    for (size_t t = first; t < last; t++)
        for (size_t h = 0; h < a->xv.n_heads; h++) {
            const float *x = a->x + t * a->x_row + a->xv.offset + h * a->xv.stride;
            float *y = a->y + t * a->y_row + a->yv.offset + h * a->yv.stride;
            if (a->w) {
                v128_t scale = splat(1 / sqrtf(sum_squares(x, n) / (float)n + a->eps));
                for (size_t i = 0; i < n; i += 4) {
                    v128_t v = wasm_f32x4_mul(load_n(x + i, n - i), scale);
                    store_n(y + i, wasm_f32x4_mul(v, load_n(a->w + i, n - i)), n - i);
                }
            } else if (x != y) {
                memcpy(y, x, n * sizeof *y);
            }
            rotate(y, a->cs + t * 2 * a->n_freq, a->n_freq);
        }
}

static void head_norm_rope(backend *b, tensor y, head_view yv, tensor x, head_view xv, tensor w, float eps,
                           tensor cs)
{
    size_t T = tensor_n_rows(x), n_freq = tensor_row(cs) / 2;
    assert(2 * n_freq <= xv.head_dim);
    head_args a = {.y = cpu_data(y),
                   .x = cpu_data(x),
                   .w = tensor_present(w) ? cpu_data(w) : NULL,
                   .cs = cpu_data(cs),
                   .y_row = tensor_row(y),
                   .x_row = tensor_row(x),
                   .n_freq = n_freq,
                   .yv = yv,
                   .xv = xv,
                   .eps = eps};
    simd128_for_ranges(b, T, T * xv.n_heads * xv.head_dim, head_norm_rope_rows, &a);
}

void simd128_rope_ops(backend_ops *ops)
{
    ops->rope_table = rope_table;
    ops->head_norm_rope = head_norm_rope;
}
