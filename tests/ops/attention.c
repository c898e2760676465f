/*
 * Attention: rotary tables, head norms, the cache, causal and segment attention. The portable ops against
 * formulas in double, every instruction set against the portable ops.
 *
 * Tolerance, as normalised mean squared error: f32 dots of at most 256 terms behind an exponential of 2 ulp;
 * observed at most 2e-12. A key too many, a wrong head or a lost scale gives 1e-4 and more.
 */
#include "arrays.h"

#include "base/half.h"

static const double BOUND = 1e-11;

static void test_rope_table(void)
{
    enum { N_FREQ = 11, T = 131 };
    verdict v = {.op = "rope_table", .bound = 1e-13};
    rope_params p = {.n_freq = N_FREQ};
    for (size_t j = 0; j < N_FREQ; j++)
        p.inv_freq[j] = powf(1e7f, -(float)j / N_FREQ), p.axis[j] = (uint8_t)(j % 3);
    array pos, cs;
    array_init(&pos, DTYPE_I32, 1, 3, T);
    for (size_t i = 0; i < 3 * T; i++) ints(&pos)[i] = (int32_t)(check_random(&seed) % (1 << 18));
    array_init(&cs, DTYPE_F32, 1, T, 2 * N_FREQ);
    for (size_t i = 0; i < n_backends; i++) {
        array_poison(&cs);
        backends[i].b->ops->rope_table(backends[i].b, matrix(&cs), matrix(&pos), &p);
        judge(&v, i, &cs, "three axes");
        double worst = 0;
        for (size_t t = 0; t < T; t++)
            for (size_t j = 0; j < N_FREQ; j++) {
                float angle = (float)ints(&pos)[j % 3 * T + t] * p.inv_freq[j];
                const float *at = floats(&cs) + 2 * (t * N_FREQ + j);
                worst = fmax(worst, fmax(fabs(at[0] - cos((double)angle)), fabs(at[1] - sin((double)angle))));
            }
        CHECK(worst <= 1e-6, "rope_table is off by %g", worst);
    }
    verdict_done(&v);
    array_free(&pos), array_free(&cs);
}

static void test_head_norm_rope(void)
{
    static const struct {
        size_t T, n_freq;
        head_view x, y;
        bool normed, in_place;
    } cases[] = {
        {1, 32, {8, 256, 0, 512}, {8, 256, 0, 256}, true, false},
        {65, 32, {8, 256, 0, 512}, {8, 256, 0, 256}, true, false},
        {3, 32, {2, 256, 0, 256}, {2, 256, 0, 256}, true, true},
        {37, 32, {12, 64, 64, 64}, {12, 64, 64, 64}, false, true}, /* inside wider rows, which must stay */
        {5, 5, {3, 13, 2, 17}, {3, 13, 1, 14}, true, false},
        {5, 9, {3, 19, 2, 21}, {3, 19, 0, 19}, false, false},
    };
    verdict v = {.op = "head_norm_rope", .bound = BOUND};
    for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
        head_view xv = cases[c].x, yv = cases[c].y;
        size_t T = cases[c].T, n = xv.head_dim, n_freq = cases[c].n_freq;
        size_t x_row = xv.offset + xv.n_heads * xv.stride, y_row = yv.offset + yv.n_heads * yv.stride;
        array x, y, w, cs;
        array_init(&x, DTYPE_F32, 1, T, x_row), array_random(&x, 2, 0);
        array_init(&y, DTYPE_F32, 1, T, y_row);
        array_init(&w, DTYPE_F32, 1, 1, n), array_random(&w, 1, 0);
        array_init(&cs, DTYPE_F32, 1, T, 2 * n_freq), array_random(&cs, 1, 0);
        double *want = malloc(T * y_row * sizeof *want);
        for (size_t i = 0; i < T * y_row; i++) want[i] = cases[c].in_place ? floats(&x)[i] : -7;
        for (size_t t = 0; t < T; t++)
            for (size_t h = 0; h < xv.n_heads; h++) {
                const float *in = floats(&x) + t * x_row + xv.offset + h * xv.stride;
                double squares = 0, head[256];
                for (size_t i = 0; i < n; i++) squares += (double)in[i] * in[i] / (double)n;
                for (size_t i = 0; i < n; i++)
                    head[i] = cases[c].normed ? in[i] / sqrt(squares + 1e-6) * floats(&w)[i] : in[i];
                double *out = want + t * y_row + yv.offset + h * yv.stride;
                for (size_t i = 0; i < n; i++) {
                    const float *turn = floats(&cs) + 2 * (t * n_freq + i % n_freq);
                    if (i >= 2 * n_freq)
                        out[i] = head[i];
                    else if (i < n_freq)
                        out[i] = head[i] * turn[0] - head[i + n_freq] * turn[1];
                    else
                        out[i] = head[i] * turn[0] + head[i - n_freq] * turn[1];
                }
            }
        char of_case[32];
        snprintf(of_case, sizeof of_case, "case %zu", c);
        for (size_t i = 0; i < n_backends; i++) {
            backend *b = backends[i].b;
            for (size_t k = 0; k < array_n(&y); k++) floats(&y)[k] = -7;
            if (cases[c].in_place) array_copy(&y, &x);
            b->ops->head_norm_rope(b, matrix(&y), yv, cases[c].in_place ? matrix(&y) : matrix(&x), xv,
                                   cases[c].normed ? matrix(&w) : (tensor){0}, 1e-6f, matrix(&cs));
            judge(&v, i, &y, of_case);
            if (i == 0) check_formula("head_norm_rope", of_case, &y, want, BOUND);
        }
        free(want);
        array_free(&x), array_free(&y), array_free(&w), array_free(&cs);
    }
    verdict_done(&v);
}

/* Tokens pos .. pos+T-1 into a cache, then attention over it. */
static void test_attention(void)
{
    static const struct {
        size_t T, pos, n_heads, n_kv, dh;
        dtype type;
    } cases[] = {
        {1, 0, 8, 2, 256, DTYPE_F16},     {1, 130, 8, 2, 256, DTYPE_F16}, {1, 63, 8, 2, 64, DTYPE_F32},
        {1, 77, 5, 1, 24, DTYPE_F32},     {1, 300, 6, 6, 32, DTYPE_F16},  {1, 40, 6, 2, 13, DTYPE_F16},
        {2, 0, 8, 2, 256, DTYPE_F16},     {2, 61, 4, 2, 16, DTYPE_F32},   {63, 0, 8, 2, 256, DTYPE_F16},
        {64, 0, 8, 2, 64, DTYPE_F32},     {65, 3, 8, 2, 64, DTYPE_F16},   {130, 0, 6, 3, 48, DTYPE_F32},
        {130, 190, 8, 2, 256, DTYPE_F16}, {37, 64, 3, 1, 13, DTYPE_F32},  {67, 29, 7, 7, 20, DTYPE_F16},
        {250, 0, 2, 1, 24, DTYPE_F32},
    };
    verdict out = {.op = "attention", .bound = BOUND}, caches = {.op = "kv_store", .bound = 0};
    for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
        size_t T = cases[c].T, pos = cases[c].pos, H = cases[c].n_heads, n_kv = cases[c].n_kv,
               dh = cases[c].dh;
        size_t S = pos + T, n_ctx = S + 3, n_cache = n_kv * n_ctx * dh;
        float scale = 1 / sqrtf((float)dh);
        array q, k, v, o, kc, vc, as_floats;
        array_init(&q, DTYPE_F32, 1, T, H * dh), array_random(&q, 5, 0);
        array_init(&k, DTYPE_F32, 1, S, n_kv * dh), array_random(&k, 2, 0);
        array_init(&v, DTYPE_F32, 1, S, n_kv * dh), array_random(&v, 1, 0.2f);
        array_init(&o, DTYPE_F32, 1, T, H * dh);
        array_init(&kc, cases[c].type, n_kv, n_ctx, dh), array_init(&vc, cases[c].type, n_kv, n_ctx, dh);
        array_init(&as_floats, DTYPE_F32, 2, 1, n_cache);
        kc.t.buffer = &kc.buffer, vc.t.buffer = &vc.buffer;
        char of_case[32];
        snprintf(of_case, sizeof of_case, "case %zu", c);
        for (size_t i = 0; i < n_backends; i++) {
            backend *b = backends[i].b;
            array_poison(&o), array_poison(&kc), array_poison(&vc);
            if (pos)
                b->ops->kv_store(b, kc.t, vc.t, tensor_rows(matrix(&k), 0, pos),
                                 tensor_rows(matrix(&v), 0, pos), 0);
            b->ops->kv_store(b, kc.t, vc.t, tensor_rows(matrix(&k), pos, T), tensor_rows(matrix(&v), pos, T),
                             pos);
            for (size_t j = 0; j < n_cache; j++) {
                bool stored = j / dh % n_ctx < S, half = cases[c].type == DTYPE_F16;
                uint16_t hk = ((uint16_t *)(void *)kc.buffer.data)[half ? j : 0];
                uint16_t hv = ((uint16_t *)(void *)vc.buffer.data)[half ? j : 0];
                if (!stored)
                    CHECK(half ? hk == 0xffff : isnan(floats(&kc)[j]), "a row behind the last is written");
                floats(&as_floats)[j] = !stored ? 0 : half ? f16_to_f32(hk) : floats(&kc)[j];
                floats(&as_floats)[n_cache + j] = !stored ? 0 : half ? f16_to_f32(hv) : floats(&vc)[j];
            }
            judge(&caches, i, &as_floats, of_case);
            b->ops->attention(b, matrix(&o), matrix(&q), kc.t, vc.t, pos, (uint32_t)H, scale);
            judge(&out, i, &o, of_case);
            if (i) continue;
            /* From the keys and values themselves, as rounded by the cache. */
            double *want = calloc(T * H * dh, sizeof *want), *p = malloc(S * sizeof *p);
            for (size_t t = 0; t < T; t++)
                for (size_t h = 0; h < H; h++) {
                    size_t kv = h / (H / n_kv), n = pos + t + 1;
                    double total = 0;
                    for (size_t s = 0; s < n; s++) {
                        double dot = 0;
                        for (size_t d = 0; d < dh; d++) {
                            float key = floats(&k)[(s * n_kv + kv) * dh + d];
                            if (cases[c].type == DTYPE_F16) key = f16_to_f32(f32_to_f16(key));
                            dot += (double)floats(&q)[(t * H + h) * dh + d] * key;
                        }
                        total += p[s] = exp(dot * scale);
                    }
                    for (size_t s = 0; s < n; s++)
                        for (size_t d = 0; d < dh; d++) {
                            float value = floats(&v)[(s * n_kv + kv) * dh + d];
                            if (cases[c].type == DTYPE_F16) value = f16_to_f32(f32_to_f16(value));
                            want[(t * H + h) * dh + d] += p[s] / total * value;
                        }
                }
            check_formula("attention", of_case, &o, want, BOUND);
            free(want), free(p);
        }
        array_free(&q), array_free(&k), array_free(&v), array_free(&o), array_free(&kc), array_free(&vc);
        array_free(&as_floats);
    }
    verdict_done(&out), verdict_done(&caches);
}

/* What the cache rounds: halfway cases, subnormals, and what no half can hold. */
static void test_cache_rounding(void)
{
    enum { N = 4096 };
    array k, kc, vc;
    array_init(&k, DTYPE_F32, 1, 1, N);
    array_init(&kc, DTYPE_F16, 1, 1, N), array_init(&vc, DTYPE_F16, 1, 1, N);
    kc.t.buffer = &kc.buffer, vc.t.buffer = &vc.buffer;
    for (int round = 0; round < 40; round++) {
        for (size_t i = 0; i < N; i++) {
            uint32_t half = check_random(&seed) & 0xffff, below = check_random(&seed) % 3;
            float v = half % 0x7c00 < 0x400 ? (float)(half % 0x7c00) * 0x1p-24f : f16_to_f32((uint16_t)(half % 0x7c00));
            /* The middle between two halves, and the floats beside it; tiny and large ones now and then. */
            v += half % 0x7c00 < 0x400 ? 0x1p-25f : ldexpf(1, (int)(half % 0x7c00 >> 10) - 26);
            uint32_t bits = f32_bits(v) + below - 1;
            if (i % 64 == 1) bits = check_random(&seed);
            if (i % 64 == 2) bits = 0x477fe000u + check_random(&seed) % 0x3000; /* about 65504 */
            v = f32_from_bits(bits ^ (half & 0x8000) << 16);
            floats(&k)[i] = v;
        }
        for (size_t b = 0; b < n_backends; b++) {
            backends[b].b->ops->kv_store(backends[b].b, kc.t, vc.t, matrix(&k), matrix(&k), 0);
            size_t wrong = 0;
            for (size_t i = 0; i < N; i++) {
                uint16_t got, want = f32_to_f16(floats(&k)[i]);
                memcpy(&got, kc.buffer.data + 2 * i, 2);
                bool nan = (want & 0x7fff) > 0x7c00;
                wrong += nan ? (got & 0x7fff) <= 0x7c00 : got != want;
            }
            CHECK(!wrong, "%s: %zu of %d values are rounded wrongly", backends[b].b->description, wrong, N);
        }
    }
    array_free(&k), array_free(&kc), array_free(&vc);
}

/* Scores far apart: weights that underflow, maxima that rise from block to block. */
static void test_steep_attention(void)
{
    enum { T = 200, DH = 16 };
    verdict v = {.op = "steep attention", .bound = BOUND};
    array q, k, val, o, kc, vc;
    array_init(&q, DTYPE_F32, 1, T, DH), array_random(&q, 30, 0);
    array_init(&k, DTYPE_F32, 1, T, DH), array_random(&k, 1, 0);
    for (size_t i = 0; i < T * DH; i++) floats(&k)[i] *= (float)(i / DH) * 0.2f;
    array_init(&val, DTYPE_F32, 1, T, DH), array_random(&val, 1, 0);
    array_init(&o, DTYPE_F32, 1, T, DH);
    array_init(&kc, DTYPE_F32, 1, T, DH), array_init(&vc, DTYPE_F32, 1, T, DH);
    for (size_t i = 0; i < n_backends; i++) {
        backend *b = backends[i].b;
        array_poison(&o);
        kc.t.buffer = &kc.buffer, vc.t.buffer = &vc.buffer;
        b->ops->kv_store(b, kc.t, vc.t, matrix(&k), matrix(&val), 0);
        b->ops->attention(b, matrix(&o), matrix(&q), kc.t, vc.t, 0, 1, 1);
        judge(&v, i, &o, "prefill");
    }
    verdict_done(&v);
    array_free(&q), array_free(&k), array_free(&val), array_free(&o), array_free(&kc), array_free(&vc);
}

static void test_segment_attention(void)
{
    static const struct {
        size_t n_heads, dh, n_segments, starts[5];
    } cases[] = {{12, 64, 1, {0, 196}},         {2, 16, 3, {0, 1, 65, 130}}, {3, 13, 2, {0, 63, 64}},
                 {1, 72, 4, {0, 0, 2, 7, 260}}, {2, 8, 1, {0, 5}},           {2, 136, 1, {0, 101}}};
    verdict v = {.op = "segment_attention", .bound = BOUND};
    for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
        size_t H = cases[c].n_heads, dh = cases[c].dh, D = H * dh, N = cases[c].starts[cases[c].n_segments];
        float scale = 1 / sqrtf((float)dh);
        array qkv, o;
        array_init(&qkv, DTYPE_F32, 1, N, 3 * D), array_random(&qkv, 4, 0);
        array_init(&o, DTYPE_F32, 1, N, D);
        char of_case[32];
        snprintf(of_case, sizeof of_case, "case %zu", c);
        for (size_t i = 0; i < n_backends; i++) {
            backend *b = backends[i].b;
            array_poison(&o);
            b->ops->segment_attention(b, matrix(&o), matrix(&qkv), cases[c].starts, cases[c].n_segments,
                                      (uint32_t)H, scale);
            judge(&v, i, &o, of_case);
        }
        double *want = calloc(N * D, sizeof *want), *p = malloc(N * sizeof *p);
        for (size_t g = 0; g < cases[c].n_segments; g++)
            for (size_t t = cases[c].starts[g]; t < cases[c].starts[g + 1]; t++)
                for (size_t h = 0; h < H; h++) {
                    const float *q = floats(&qkv) + t * 3 * D + h * dh;
                    double total = 0;
                    for (size_t s = cases[c].starts[g]; s < cases[c].starts[g + 1]; s++) {
                        double dot = 0;
                        for (size_t d = 0; d < dh; d++)
                            dot += (double)q[d] * floats(&qkv)[(3 * s + 1) * D + h * dh + d];
                        total += p[s] = exp(dot * scale);
                    }
                    for (size_t s = cases[c].starts[g]; s < cases[c].starts[g + 1]; s++)
                        for (size_t d = 0; d < dh; d++)
                            want[t * D + h * dh + d] +=
                                p[s] / total * floats(&qkv)[(3 * s + 2) * D + h * dh + d];
                }
        check_formula("segment_attention", of_case, &o, want, BOUND);
        free(want), free(p);
        array_free(&qkv), array_free(&o);
    }
    verdict_done(&v);
}

int main(void)
{
    open_backends();
    test_rope_table();
    test_head_norm_rope();
    test_attention();
    test_cache_rounding();
    test_steep_attention();
    test_segment_attention();
    close_backends();
    return check_done("ops/attention");
}
