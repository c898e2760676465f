/*
 * Products and table rows on a GPU against sums in double of the dequantised weights, for every weight type, every kernel that
 * may be chosen (by tokens and rows, with and without subgroups, f16 and 8-bit dot products) and odd shapes. Skipped where
 * GALAGO_TEST_WEBGPU names no library.
 *
 * Tolerance, as normalised mean squared error: what remains is the rounding of f32 sums of at most a thousand terms, of f32
 * activations or of the 8-bit ones that quantize_act.h defines. Observed at most 3e-13. One wrong code or scale of one block gives
 * 1e-6 and more; a code of x that is rounded the other way, which a division that is not exact may do, about 1e-8. Where x and
 * weights are rounded to f16 each is off by up to 2^-12 of itself, 2e-4 of a term in the mean or 4e-8 for each of the two; twice that
 * and four times as much where a device rounds towards zero.
 */
#include "../check.h"
#include "backend/cpu/quantize_act.h"
#include "backend/webgpu/weight.h"
#include "base/quant.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* How x and weights meet in a product. */
enum { FLOATS, HALVES, CODES, N_MEETINGS };
static const double bounds[N_MEETINGS] = {1e-11, 5e-7, 1e-7};
static const dtype types[] = {DTYPE_F32, DTYPE_F16, DTYPE_BF16, DTYPE_Q8_0, DTYPE_Q4_0, DTYPE_Q4_1, DTYPE_Q4_K, DTYPE_Q5_K, DTYPE_Q6_K};
enum { N_TYPES = sizeof types / sizeof *types };
static unsigned long long seed = 5;
static backend *b;
static const char *form; /* of the kernels: for messages */
static double worst[N_MEETINGS];

/* ---- tensors with a copy on the host ---- */

typedef struct array {
    tensor t;
    float *host;
    size_t n;
} array;

static array array_make(size_t rows, size_t row, float scale)
{
    array a = {.t = {.type = DTYPE_F32, .n_dims = 2, .shape = {rows, row, 1, 1}}, .n = rows * row};
    error e = {0};
    CHECK(!b->ops->buffer_create(b, a.n * sizeof(float), &a.t.buffer, &e), "%s", e.message);
    a.host = malloc(a.n * sizeof(float));
    for (size_t i = 0; i < a.n; i++) a.host[i] = scale * (check_uniform(&seed) + 0.1f);
    b->ops->write(b, a.t, a.host);
    return a;
}
static void array_free(array *a)
{
    b->ops->buffer_destroy(b, a->t.buffer);
    free(a->host);
}

typedef struct weight_array {
    linear l;
    float *values; /* [N, K], dequantised */
    uint8_t *bytes;
    size_t N, K;
} weight_array;

/* As loaded in one piece, or in slices of `slice` rows. */
static weight_array weight_make(dtype type, size_t N, size_t K, size_t slice)
{
    weight_array w = {.N = N, .K = K, .l.w = {.type = type, .n_dims = 2, .shape = {N, K, 1, 1}}};
    size_t row_bytes = dtype_row_bytes(type, K);
    CHECK(row_bytes, "%s has no rows of %zu", dtype_get(type)->name, K);
    w.values = malloc(N * K * sizeof(float));
    w.bytes = malloc(N * row_bytes);
    for (size_t r = 0; r < N; r++) {
        float *row = w.values + r * K;
        for (size_t k = 0; k < K; k++) row[k] = 0.05f * (1 + (float)(r % 5)) * (check_uniform(&seed) + 0.1f);
        quantize_row(type, row, w.bytes + r * row_bytes, K);
        dequantize_row(type, w.bytes + r * row_bytes, row, K);
    }
    error e = {0};
    CHECK(!b->ops->weight_load(b, &w.l.w, slice ? NULL : w.bytes, false, &e), "%s", e.message);
    for (size_t r = 0; slice && r < N; r += slice)
        b->ops->weight_write(b, w.l.w, r, N - r < slice ? N - r : slice, w.bytes + r * row_bytes);
    return w;
}
static void weight_free(weight_array *w)
{
    b->ops->buffer_destroy(b, w->l.w.buffer);
    free(w->values);
    free(w->bytes);
}

static bool settle(galago_status s, const error *e)
{
    error w = {0};
    if (s == GALAGO_PENDING) s = b->ops->wait(b, &w) == GALAGO_OK ? GALAGO_PENDING : GALAGO_ERR_INTERNAL;
    CHECK(s == GALAGO_OK || s == GALAGO_PENDING, "%s%s", e->message, w.message);
    return s != GALAGO_PENDING;
}
static void fetch(tensor t, float *out)
{
    error e = {0};
    while (!settle(b->ops->submit(b, &e), &e)) {}
    while (!settle(b->ops->read(b, out, t, &e), &e)) {}
}

/* ---- what must come out ---- */

static double gelu(epilogue ep, double p)
{
    if (ep == EPILOGUE_GELU_TANH) return 0.5 * p * (1 + tanh(0.7978845608028654 * (p + 0.044715 * p * p * p)));
    if (ep == EPILOGUE_GELU_ERF) return 0.5 * p * (1 + erf(p * 0.7071067811865476));
    return p / (1 + exp(-1.702 * p));
}

static int meeting(dtype type, size_t T)
{
    if (T <= 16 || type == DTYPE_F32) return FLOATS;
    if (webgpu_features(b)->dot8 && type != DTYPE_Q6_K && dtype_get(type)->block_values > 1) return CODES;
    return webgpu_features(b)->f16 ? HALVES : FLOATS;
}

/* Each row of x as 8-bit codes stand for it. */
static void round_to_codes(float *x, size_t T, size_t K)
{
    void *mem = aligned_alloc(64, (act8_bytes(T, K, 0) + 63) / 64 * 64);
    act8 a = act8_place(mem, T, K, 0);
    quantize_act_ref(&a, x, 0, T);
    for (size_t t = 0; t < T; t++)
        for (size_t k = 0; k < K; k++) x[t * K + k] = a.scale[t * a.n_blocks + k / ACT_BLOCK] * a.q[t * K + k];
    free(mem);
}

/* x [T, K] . w^T into want [T, N] */
static void products(double *want, const float *given, size_t T, const weight_array *w)
{
    float *x = malloc(T * w->K * sizeof *x);
    memcpy(x, given, T * w->K * sizeof *x);
    if (meeting(w->l.w.type, T) == CODES) round_to_codes(x, T, w->K);
    for (size_t t = 0; t < T; t++)
        for (size_t n = 0; n < w->N; n++) {
            const float *row = w->values + n * w->K, *xt = x + t * w->K;
            double p = 0;
            for (size_t k = 0; k < w->K; k++) p += (double)row[k] * xt[k];
            want[t * w->N + n] = p;
        }
    free(x);
}

static void normalise(float *h, const float *x, const float *norm, size_t T, size_t K, float eps)
{
    for (size_t t = 0; t < T; t++) {
        double sum = 0;
        for (size_t k = 0; k < K; k++) sum += (double)x[t * K + k] * x[t * K + k];
        for (size_t k = 0; k < K; k++) h[t * K + k] = (float)(x[t * K + k] / sqrt(sum / (double)K + eps) * norm[k]);
    }
}

static void compare(tensor y, const double *want, const char *what, dtype type, size_t T, size_t N, size_t K)
{
    size_t n = tensor_n_rows(y) * tensor_row(y);
    float *got = malloc(n * sizeof *got);
    double errors = 0, sum = 0;
    fetch(y, got);
    for (size_t i = 0; i < n; i++) {
        errors += (want[i] - got[i]) * (want[i] - got[i]);
        sum += want[i] * want[i];
    }
    double e = sum > 0 ? errors / sum : errors;
    /* (Rows of a table are nobody's product.) */
    int as = strcmp(what, "embed") ? meeting(type, T) : FLOATS;
    if (e > worst[as]) worst[as] = e;
    CHECK(e <= bounds[as], "%s, %s %s T %zu N %zu K %zu: error %g", what, form, dtype_get(type)->name, T, N, K, e);
    free(got);
}

/* ---- cases ---- */

static void test_product(dtype type, size_t T, size_t N, size_t K, epilogue ep, bool has_bias, size_t slice)
{
    weight_array w = weight_make(type, N, K, slice);
    array x = array_make(T, K, 2), y = array_make(T, N, 1), bias = array_make(1, N, 1);
    double *want = malloc(T * N * sizeof *want);
    if (has_bias) w.l.b = bias.t;
    products(want, x.host, T, &w);
    for (size_t i = 0; i < T * N; i++) {
        if (has_bias) want[i] += bias.host[i % N];
        if (ep == EPILOGUE_ADD) want[i] += y.host[i];
        if (ep >= EPILOGUE_GELU_TANH) want[i] = gelu(ep, want[i]);
    }
    b->ops->matmul(b, &y.t, x.t, (const linear *const[]){&w.l}, 1, ep);
    compare(y.t, want, "matmul", type, T, N, K);
    free(want);
    weight_free(&w), array_free(&x), array_free(&y), array_free(&bias);
}

static size_t blocks_of(dtype type, size_t K)
{
    size_t block = dtype_get(type)->block_values;
    return (K + block - 1) / block * block;
}

/* A kernel is compiled for each layout and shape of its work, which is most of the time on a CPU that plays a GPU: so every layout
 * meets each kernel, but few meet each of its shapes. Without `all`, what differs between the forms is enough. */
static void test_shapes(bool all)
{
    for (int ti = 0; ti < N_TYPES; ti++) {
        dtype type = types[ti];
        bool each = type == DTYPE_Q4_0;
        test_product(type, 1, 37, blocks_of(type, 288), EPILOGUE_STORE, false, 0);
        if (all || each) test_product(type, 3, 37, blocks_of(type, 288), EPILOGUE_STORE, false, 0);
        for (size_t N = 1; each && N <= 131; N += 65) {
            test_product(type, 1, N, 1024, EPILOGUE_STORE, false, 0);
            test_product(type, 2, N, 1024, EPILOGUE_STORE, false, 0);
            test_product(type, 5, N, 288, EPILOGUE_STORE, false, 0);
            test_product(type, 8, N, 288, EPILOGUE_STORE, false, 0);
        }
        if (!all) continue;
        test_product(type, 17, 37, blocks_of(type, 288), EPILOGUE_STORE, false, 0); /* columns split */
        test_product(type, 64, 5, blocks_of(type, 32), EPILOGUE_STORE, false, 0);
        for (size_t N = 1; each && N <= 131; N += 65) {
            test_product(type, 17, N, 96, EPILOGUE_STORE, false, 0);
            test_product(type, 130, N, 160, EPILOGUE_ADD, true, 0);
        }
    }
    /* Columns that are no multiple of four, for the types that have them. */
    for (int ti = 0; ti < 3; ti++)
        for (size_t K = 1; K <= 271; K += 135) {
            test_product(types[ti], 1, 9, K, EPILOGUE_STORE, false, 0);
            if (all) test_product(types[ti], 33, 9, K, EPILOGUE_STORE, false, 0);
        }
    for (int ep = EPILOGUE_STORE; ep <= EPILOGUE_GELU_QUICK; ep++) {
        test_product(DTYPE_Q4_0, 1, 70, 64, (epilogue)ep, true, 0);
        test_product(DTYPE_Q8_0, 17, 37, 288, (epilogue)ep, true, 0); /* in matmul_sum */
        if (ep == EPILOGUE_ADD || ep == EPILOGUE_GELU_TANH) test_product(DTYPE_Q8_0, 17, 37, 64, (epilogue)ep, false, 0);
    }
}

/* Many tokens whose activations have 8 bits: each layout, each shape of the work. */
static void test_codes(void)
{
    static const dtype coded[] = {DTYPE_Q8_0, DTYPE_Q4_0, DTYPE_Q4_1, DTYPE_Q4_K, DTYPE_Q5_K};
    for (size_t i = 0; i < sizeof coded / sizeof *coded; i++) {
        test_product(coded[i], 17, 37, blocks_of(coded[i], 288), EPILOGUE_STORE, false, 0);
        test_product(coded[i], 130, 131, blocks_of(coded[i], 64), EPILOGUE_STORE, false, 0);
    }
    for (size_t N = 1; N <= 131; N += 65) {
        test_product(DTYPE_Q4_0, 17, N, 96, EPILOGUE_STORE, false, 0);
        test_product(DTYPE_Q4_0, 130, N, 1024, EPILOGUE_ADD, true, 0);
    }
    for (int ep = EPILOGUE_STORE; ep <= EPILOGUE_GELU_QUICK; ep++) test_product(DTYPE_Q8_0, 33, 37, 64, (epilogue)ep, true, 0);
    /* Several products of one x, and one among them that takes it as it is. */
    enum { T = 19, K = 256, N = 3 };
    static const dtype mix[N] = {DTYPE_Q4_0, DTYPE_Q6_K, DTYPE_Q8_0};
    array x = array_make(T, K, 1), y[N];
    weight_array w[N];
    for (int i = 0; i < N; i++) y[i] = array_make(T, 40, 1), w[i] = weight_make(mix[i], 40, K, 0);
    b->ops->matmul(b, (tensor[]){y[0].t, y[1].t, y[2].t}, x.t, (const linear *const[]){&w[0].l, &w[1].l, &w[2].l}, N, EPILOGUE_STORE);
    double want[T * 40];
    for (int i = 0; i < N; i++) {
        products(want, x.host, T, &w[i]);
        compare(y[i].t, want, "several", mix[i], T, 40, K);
        array_free(&y[i]), weight_free(&w[i]);
    }
    array_free(&x);
}

/* Many tokens with f16 tiles: each shape of the work, activations that f16 cannot hold, and each layout; on software adapters, which are
 * slow, some of them, since the text that reads weights is that of the plain product. */
static void test_halves(void)
{
    for (int ti = 1; ti < N_TYPES; ti++)
        if (!b->is_software || ti % 3 == 2) test_product(types[ti], 33, 37, blocks_of(types[ti], 288), EPILOGUE_STORE, false, 0);
    test_product(DTYPE_F16, 65, 33, 1024, EPILOGUE_STORE, false, 0);
    test_product(DTYPE_F16, 33, 65, 96, EPILOGUE_STORE, false, 0);
    test_product(DTYPE_F16, 130, 131, 160, EPILOGUE_ADD, true, 0);
    test_product(DTYPE_BF16, 33, 9, 135, EPILOGUE_STORE, false, 0);

    enum { T = 17, K = 64, N = 5 };
    weight_array w = weight_make(DTYPE_F16, N, K, 0);
    array x = array_make(T, K, 1), y = array_make(T, N, 1);
    double want[T * N];
    for (size_t i = 0; i < T * K; i++) x.host[i] = i % 3 ? 1e9f : -1e30f;
    b->ops->write(b, x.t, x.host);
    for (size_t i = 0; i < T * K; i++) x.host[i] = i % 3 ? 65504.0f : -65504.0f;
    products(want, x.host, T, &w);
    b->ops->matmul(b, &y.t, x.t, (const linear *const[]){&w.l}, 1, EPILOGUE_STORE);
    compare(y.t, want, "too large for f16", DTYPE_F16, T, N, K);
    weight_free(&w), array_free(&x), array_free(&y);
}

/* Weights that arrive in slices which do not respect rows of four, or that take several buffers. */
static void test_slices(void)
{
    for (int ti = 0; ti < N_TYPES; ti++) {
        test_product(types[ti], 1, 43, blocks_of(types[ti], 288), EPILOGUE_STORE, false, 3);
        test_product(types[ti], 1, 43, blocks_of(types[ti], 288), EPILOGUE_STORE, false, 18);
    }
    gpu_info *info = webgpu_features(b);
    uint32_t mib = info->max_binding_mib;
    info->max_binding_mib = 1;
    test_product(DTYPE_F16, 1, 2101, 288, EPILOGUE_ADD, true, 333);
    test_product(DTYPE_F32, 1, 1000, 288, EPILOGUE_STORE, false, 7);
    test_product(DTYPE_Q8_0, 17, 2101, 288, EPILOGUE_ADD, true, 18);
    info->max_binding_mib = mib;
}

/* Products that share x behind a norm: as many as a call may have, layouts in groups and alone. */
static void test_norm_matmul(size_t T, size_t K, const dtype *mix, size_t n)
{
    weight_array w[8];
    array x = array_make(T, K, 3), norm = array_make(1, K, 1), h = array_make(T, K, 1), y[8];
    const linear *l[8];
    tensor ys[8];
    float *hs = malloc(T * K * sizeof *hs);
    norm.t.n_dims = 1, norm.t.shape[0] = K, norm.t.shape[1] = 1;
    for (size_t i = 0; i < n; i++) {
        w[i] = weight_make(mix[i], 5 + 64 * (i % 3), K, 0);
        y[i] = array_make(T, w[i].N, 1);
        l[i] = &w[i].l, ys[i] = y[i].t;
    }
    normalise(hs, x.host, norm.host, T, K, 1e-6f);
    b->ops->norm_matmul(b, ys, x.t, norm.t, 1e-6f, l, n, h.t);
    for (size_t i = 0; i < n; i++) {
        double *want = malloc(T * w[i].N * sizeof *want);
        products(want, hs, T, &w[i]);
        compare(ys[i], want, "norm_matmul", mix[i], T, w[i].N, K);
        free(want);
    }
    for (size_t i = 0; i < n; i++) weight_free(&w[i]), array_free(&y[i]);
    free(hs);
    array_free(&x), array_free(&norm), array_free(&h);
}

static void test_norm_swiglu(size_t T, size_t F, size_t K, dtype gate_type, dtype up_type)
{
    weight_array gate = weight_make(gate_type, F, K, 0), up = weight_make(up_type, F, K, 0);
    array x = array_make(T, K, 3), norm = array_make(1, K, 1), h = array_make(T, K, 1), y = array_make(T, F, 1);
    array scratch = array_make(T, F, 1);
    float *hs = malloc(T * K * sizeof *hs);
    double *want = malloc(T * F * sizeof *want), *ups = malloc(T * F * sizeof *ups);
    norm.t.n_dims = 1, norm.t.shape[0] = K, norm.t.shape[1] = 1;
    normalise(hs, x.host, norm.host, T, K, 1e-6f);
    products(want, hs, T, &gate);
    products(ups, hs, T, &up);
    for (size_t i = 0; i < T * F; i++) want[i] = want[i] / (1 + exp(-want[i])) * ups[i];
    b->ops->norm_swiglu(b, y.t, x.t, norm.t, 1e-6f, &gate.l, &up.l, h.t, scratch.t);
    compare(y.t, want, "norm_swiglu", gate_type, T, F, K);
    free(hs), free(want), free(ups);
    weight_free(&gate), weight_free(&up);
    array_free(&x), array_free(&norm), array_free(&h), array_free(&y), array_free(&scratch);
}

static void test_norms(bool all)
{
    static const dtype mix[] = {DTYPE_Q4_0, DTYPE_Q4_0, DTYPE_Q8_0, DTYPE_Q8_0, DTYPE_Q4_0, DTYPE_F16, DTYPE_F16, DTYPE_F16};
    test_norm_matmul(1, 288, mix, 8);
    test_norm_matmul(1, 64, mix, 4);
    test_norm_matmul(5, 64, mix, 4);
    for (int ti = 0; all && ti < N_TYPES; ti++) {
        const dtype same[] = {types[ti], types[ti], types[ti]};
        test_norm_matmul(1, blocks_of(types[ti], 288), same, 3);
        if (ti % 2 == 0) test_norm_swiglu(1, 70, blocks_of(types[ti], 288), types[ti], types[ti]);
    }
    test_norm_swiglu(1, 70, 256, DTYPE_Q4_K, DTYPE_Q6_K);
    test_norm_swiglu(1, 70, 64, DTYPE_Q4_0, DTYPE_Q4_0);
    test_norm_swiglu(4, 70, 64, DTYPE_Q4_0, DTYPE_Q4_0);
}

/* A row of a product's input that does not begin where its buffer does, and a result that does not either. */
static void test_views(void)
{
    enum { K = 64, N = 21 };
    for (size_t T = 1; T <= 20; T += 19) {
        weight_array w = weight_make(DTYPE_Q4_0, N, K, 0);
        array x = array_make(T + 3, K, 1), y = array_make(T + 2, N, 1);
        double *want = malloc((T + 2) * N * sizeof *want);
        for (size_t i = 0; i < (T + 2) * N; i++) want[i] = y.host[i];
        products(want + N, x.host + 2 * K, T, &w);
        tensor part = tensor_rows(y.t, 1, T);
        b->ops->matmul(b, &part, tensor_rows(x.t, 2, T), (const linear *const[]){&w.l}, 1, EPILOGUE_STORE);
        compare(y.t, want, "views", DTYPE_Q4_0, T, N, K);
        free(want);
        weight_free(&w), array_free(&x), array_free(&y);
    }
}

static void test_embed(dtype type, size_t V, size_t K, size_t T)
{
    weight_array w = weight_make(type, V, K, 0);
    array y = array_make(T, K, 1), ids = array_make(1, T, 1);
    double *want = malloc(T * K * sizeof *want);
    int32_t *chosen = (int32_t *)(void *)ids.host;
    for (size_t t = 0; t < T; t++) {
        chosen[t] = (int32_t)((t * 977 + V - 1) % V);
        for (size_t k = 0; k < K; k++) want[t * K + k] = w.values[(size_t)chosen[t] * K + k];
    }
    ids.t.type = DTYPE_I32, ids.t.n_dims = 1, ids.t.shape[0] = T, ids.t.shape[1] = 1;
    b->ops->write(b, ids.t, chosen);
    b->ops->embed(b, y.t, w.l.w, ids.t);
    compare(y.t, want, "embed", type, T, V, K);
    free(want);
    weight_free(&w), array_free(&y), array_free(&ids);
}

static void test_embeds(void)
{
    for (int ti = 0; ti < N_TYPES; ti++) test_embed(types[ti], 23, blocks_of(types[ti], 288), 9);
    test_embed(DTYPE_F16, 7, 45, 3);
    gpu_info *info = webgpu_features(b);
    uint32_t mib = info->max_binding_mib;
    info->max_binding_mib = 1;
    test_embed(DTYPE_Q8_0, 2101, 288, 33);
    info->max_binding_mib = mib;
}

int main(int argc, char **argv)
{
    bool f16_only = argc > 1 && !strcmp(argv[1], "f16");
    error e = {0};
    const char *library = getenv("GALAGO_TEST_WEBGPU");
    if (!library || !*library) {
        printf("skipped: GALAGO_TEST_WEBGPU names no WebGPU library (tests/webgpu/get_library.sh fetches one)\n");
        printf("webgpu_matmul: 0 passed, 0 failed\n");
        return 0;
    }
    if (webgpu_backend_create(library, &b, &e)) {
        CHECK(false, "%s", e.message);
        return check_done("webgpu_matmul");
    }
    gpu_info *info = webgpu_features(b);
    uint32_t has_dot8 = info->dot8, has_f16 = info->f16;
    info->dot8 = info->f16 = 0;
    CHECK(has_f16 || !f16_only, "the adapter has no f16");
    for (uint32_t has = info->subgroups, pass = 0; pass <= has && !f16_only; pass++) {
        info->subgroups = pass;
        form = pass ? "with subgroups" : "plain";
        test_shapes(pass == has);
        test_slices();
        test_norms(pass == has);
        test_views();
    }
    if (!f16_only) test_embeds();
    info->f16 = has_f16;
    form = "f16 tiles";
    if (has_f16) test_halves(), test_views();
    info->dot8 = has_dot8;
    form = "8-bit dot products";
    if (has_dot8 && !f16_only) test_codes(), test_views();
    printf("  products %.1e of %.0e, with f16 tiles %.1e of %.0e, with 8-bit activations %.1e of %.0e\n", worst[FLOATS], bounds[FLOATS],
           worst[HALVES], bounds[HALVES], worst[CODES], bounds[CODES]);
    b->ops->destroy(b);
    return check_done("webgpu_matmul");
}
