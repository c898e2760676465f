/*
 * Products and table rows: the portable ops against formulas written here in double, every instruction set of
 * this machine against the portable ops.
 *
 * Tolerance, as normalised mean squared error: backends make the same integers and differ in the order of f32
 * sums of at most a few hundred terms. Observed at most 4e-13. A wrong scale of one block, one value off by
 * one step, or a saturated sum gives 1e-6 and more.
 */
#include "../check.h"
#include "backend/backend.h"
#include "backend/cpu/cpu.h"
#include "backend/cpu/quantize_act.h"
#include "base/quant.h"

#include <math.h>
#include <stdlib.h>

static const double BOUND = 1e-10;
static const dtype weight_types[] = {DTYPE_F32,  DTYPE_F16,  DTYPE_BF16, DTYPE_Q8_0, DTYPE_Q4_0,
                                     DTYPE_Q4_1, DTYPE_Q4_K, DTYPE_Q5_K, DTYPE_Q6_K};
enum { N_TYPES = sizeof weight_types / sizeof *weight_types, GUARD = 16 };
static unsigned long long seed = 3;

static backend *open_backend(const char *isa, uint32_t n_threads)
{
    backend *b = NULL;
    error e = {0};
    if (cpu_backend_create(isa, n_threads, &b, &e)) b = NULL;
    return b;
}

/* Tensors of a test live in plain memory; the CPU backend sees nothing but data pointers. */
typedef struct array {
    buffer buffer;
    tensor t;
} array;

static void array_init(array *a, dtype type, size_t rows, size_t row)
{
    size_t bytes = rows * dtype_row_bytes(type, row);
    a->buffer.data = malloc(bytes ? bytes : 1); /* exact, for the sanitizer */
    a->buffer.mapped_bytes = 0;
    a->t = (tensor){.type = type, .n_dims = 2, .shape = {rows, row, 1, 1}, .buffer = &a->buffer};
}
static float *floats(array *a) { return (float *)(void *)a->buffer.data; }
static void array_free(array *a) { free(a->buffer.data); }

static void random_floats(float *x, size_t n, float scale)
{
    for (size_t i = 0; i < n; i++) x[i] = scale * check_uniform(&seed) + 0.1f * scale;
}

static void random_weights(array *w)
{
    size_t K = tensor_row(w->t), row_bytes = dtype_row_bytes(w->t.type, K);
    float *row = malloc(K * sizeof *row);
    for (size_t r = 0; r < tensor_n_rows(w->t); r++) {
        random_floats(row, K, 0.05f * (1 + (float)(r % 5)));
        quantize_row(w->t.type, row, w->buffer.data + r * row_bytes, K);
    }
    free(row);
}

/* A weight as the backend keeps it, which may be otherwise than in a file, at once or in two slices; buffer_destroy() frees it. */
static tensor weight_on(backend *b, const array *w)
{
    tensor t = w->t;
    size_t rows = tensor_n_rows(t), first = rows / 3, row_bytes = dtype_row_bytes(t.type, tensor_row(t));
    error e = {0};
    CHECK(!b->ops->weight_load(b, &t, first ? NULL : w->buffer.data, false, &e), "%s", e.message);
    if (first) {
        b->ops->weight_write(b, t, first, rows - first, w->buffer.data + first * row_bytes);
        b->ops->weight_write(b, t, 0, first, w->buffer.data);
    }
    return t;
}

static void poison(array *y)
{
    for (size_t i = 0; i < tensor_n_rows(y->t) * tensor_row(y->t); i++) floats(y)[i] = NAN;
}

static double nmse(const float *want, const float *got, size_t n)
{
    double squares = 0, sum = 0;
    for (size_t i = 0; i < n; i++) {
        double d = (double)want[i] - got[i];
        squares += d * d, sum += (double)want[i] * want[i];
    }
    return sum > 0 ? squares / sum : squares; /* NaN stays NaN and fails every bound */
}

/* ---- the portable ops against formulas ---- */

/* x as the definition sees it for quantised weights: blocks of 32 rounded to scale * (-127..127). */
static void round_activations(const float *x, double *out, size_t K)
{
    for (size_t b = 0; b < K; b += 32) {
        float max = 0;
        for (size_t i = b; i < b + 32; i++) max = fmaxf(max, fabsf(x[i]));
        float inverse = max > 0 ? 127 / max : 0, scale = max / 127;
        for (size_t i = b; i < b + 32; i++) out[i] = (double)rintf(x[i] * inverse) * scale;
    }
}

static void test_ref(backend *ref)
{
    enum { T = 3, N = 5, K = 512 };
    for (int ti = 0; ti < N_TYPES; ti++) {
        array w, x, y;
        float values[K];
        double xr[K], squares = 0, sum = 0;
        bool quantized = dtype_get(weight_types[ti])->block_values > 1;
        array_init(&w, weight_types[ti], N, K), array_init(&x, DTYPE_F32, T, K),
            array_init(&y, DTYPE_F32, T, N);
        random_weights(&w), random_floats(floats(&x), T * K, 2), poison(&y);
        linear l = {.w = w.t};
        ref->ops->matmul(ref, &y.t, x.t, (const linear *const[]){&l}, 1, EPILOGUE_STORE);
        for (size_t t = 0; t < T; t++) {
            const float *xt = floats(&x) + t * K;
            if (quantized)
                round_activations(xt, xr, K);
            else
                for (size_t k = 0; k < K; k++) xr[k] = xt[k];
            for (size_t n = 0; n < N; n++) {
                double p = 0;
                dequantize_row(weight_types[ti], w.buffer.data + n * dtype_row_bytes(weight_types[ti], K),
                               values, K);
                for (size_t k = 0; k < K; k++) p += values[k] * xr[k];
                double d = p - floats(&y)[t * N + n];
                squares += d * d, sum += p * p;
            }
        }
        /* What remains is the rounding of dequantised values and of the result to f32. */
        CHECK(squares / sum < 1e-12, "ref %s: error %g", dtype_get(weight_types[ti])->name, squares / sum);
        array_free(&w), array_free(&x), array_free(&y);
    }
}

static double gelu(epilogue ep, double p)
{
    if (ep == EPILOGUE_GELU_TANH)
        return 0.5 * p * (1 + tanh(sqrt(2 / 3.14159265358979323846) * (p + 0.044715 * p * p * p)));
    if (ep == EPILOGUE_GELU_ERF) return 0.5 * p * (1 + erf(p / sqrt(2)));
    return p / (1 + exp(-1.702 * p));
}

/* x is 1 and K is 1, so that the product is the weight itself: any number, including far and tiny ones. */
static void test_epilogues(backend *b, const char *name)
{
    enum { N = 301 };
    array w, bias, x, y;
    array_init(&w, DTYPE_F32, N, 1), array_init(&bias, DTYPE_F32, 1, N);
    array_init(&x, DTYPE_F32, 1, 1), array_init(&y, DTYPE_F32, 1, N);
    floats(&x)[0] = 1;
    for (int i = 0; i < N; i++) {
        floats(&w)[i] = (float)(i - 150) * 0.1f; /* -15 .. 15 */
        if (i % 50 == 7) floats(&w)[i] = (i < 150 ? -1.0f : 1.0f) * powf(10, (float)(i / 10 - 15));
        floats(&bias)[i] = 0.25f * (float)(i % 3 - 1);
    }
    for (int ep = EPILOGUE_STORE; ep <= EPILOGUE_GELU_QUICK; ep++)
        for (int has_bias = 0; has_bias < 2; has_bias++) {
            linear l = {.w = w.t};
            if (has_bias) l.b = bias.t, l.b.n_dims = 1, l.b.shape[0] = N, l.b.shape[1] = 1;
            for (int i = 0; i < N; i++) floats(&y)[i] = ep == EPILOGUE_ADD ? (float)i : NAN;
            b->ops->matmul(b, &y.t, x.t, (const linear *const[]){&l}, 1, (epilogue)ep);
            for (int i = 0; i < N; i++) {
                double p = (double)floats(&w)[i] + (has_bias ? floats(&bias)[i] : 0);
                double want = ep == EPILOGUE_STORE ? p : ep == EPILOGUE_ADD ? i + p : gelu((epilogue)ep, p);
                /* f32 keeps 6e-8 of a value; behind GELU's 1 + tanh near -1 only the absolute error is small.
                 */
                double allowed = 4e-7 * fabs(want) + (ep >= EPILOGUE_GELU_TANH ? 1e-6 : 1e-12);
                CHECK(fabs(want - floats(&y)[i]) <= allowed,
                      "%s epilogue %d bias %d of %g: %.9g, expected %.9g", name, ep, has_bias, p,
                      floats(&y)[i], want);
            }
        }
    array_free(&w), array_free(&bias), array_free(&x), array_free(&y);
}

/* ---- instruction sets against the portable ops ---- */

static void compare(backend *ref, backend *b, const char *isa, dtype type, size_t T, size_t N, size_t K)
{
    array w, x, want, got, bias;
    array_init(&w, type, N, K), array_init(&x, DTYPE_F32, T, K), array_init(&bias, DTYPE_F32, 1, N);
    array_init(&want, DTYPE_F32, T, N), array_init(&got, DTYPE_F32, T, N);
    random_weights(&w), random_floats(floats(&x), T * K, 3), random_floats(floats(&bias), N, 1);
    poison(&want), poison(&got);
    linear l = {.w = w.t, .b = bias.t}, on_b = {.w = weight_on(b, &w), .b = bias.t};
    ref->ops->matmul(ref, &want.t, x.t, (const linear *const[]){&l}, 1, EPILOGUE_STORE);
    b->ops->matmul(b, &got.t, x.t, (const linear *const[]){&on_b}, 1, EPILOGUE_STORE);
    b->ops->buffer_destroy(b, on_b.w.buffer);
    /* Results are about 1 in magnitude. A single one that happens to cancel must not be measured by itself. */
    double squares = 0, e = nmse(floats(&want), floats(&got), T * N);
    for (size_t i = 0; i < T * N; i++) squares += (double)floats(&want)[i] * floats(&want)[i];
    if (squares < 0.25 * (double)(T * N)) e *= squares / (0.25 * (double)(T * N));
    CHECK(e <= BOUND, "%s %s T %zu N %zu K %zu: error %g", isa, dtype_get(type)->name, T, N, K, e);
    array_free(&w), array_free(&x), array_free(&want), array_free(&got), array_free(&bias);
}

static void test_shapes(backend *ref, backend *b, const char *isa)
{
    static const size_t tokens[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 13, 16, 17, 31, 64},
                        rows[] = {1, 7, 8, 37, 130};
    static const size_t odd[] = {1, 5, 8, 31, 33, 100, 257}, blocks[] = {32, 96, 256, 288, 320, 1024};
    static const size_t superblocks[] = {256, 768, 1024};
    for (int ti = 0; ti < N_TYPES; ti++) {
        size_t block = dtype_get(weight_types[ti])->block_values;
        const size_t *ks = block == 1 ? odd : block == 32 ? blocks : superblocks;
        size_t n_ks = block == 1 ? 7 : block == 32 ? 6 : 3;
        for (size_t t = 0; t < sizeof tokens / sizeof *tokens; t++)
            for (size_t r = 0; r < sizeof rows / sizeof *rows; r++)
                for (size_t k = 0; k < n_ks; k++)
                    if (tokens[t] < 16 || rows[r] == 37)
                        compare(ref, b, isa, weight_types[ti], tokens[t], rows[r], ks[k]);
    }
}

/* The largest codes, scales and activations that the formats hold: sums in 16 bits must not saturate. */
static void test_extremes(backend *ref, backend *b, const char *isa)
{
    enum { T = 17, N = 9, K = 256 };
    for (int pattern = 0; pattern < 4; pattern++)
        for (int ti = 3; ti < N_TYPES; ti++) {
            dtype type = weight_types[ti];
            array w, x, want, got;
            array_init(&w, type, N, K), array_init(&x, DTYPE_F32, T, K);
            array_init(&want, DTYPE_F32, T, N), array_init(&got, DTYPE_F32, T, N);
            size_t block_bytes = dtype_get(type)->block_bytes, bytes = N * dtype_row_bytes(type, K);
            memset(w.buffer.data,
                   pattern & 1                                ? 0xff
                   : type == DTYPE_Q8_0 || type == DTYPE_Q6_K ? 0x80
                                                              : 0x00,
                   bytes);
            for (size_t i = 0; i < bytes;
                 i += block_bytes) { /* scales of 1, and minima where there are any */
                uint8_t *d = w.buffer.data + i + (type == DTYPE_Q6_K ? 208 : 0);
                d[0] = 0, d[1] = 0x3c;
                if (type == DTYPE_Q4_1 || type == DTYPE_Q4_K || type == DTYPE_Q5_K) d[2] = 0, d[3] = 0x3c;
            }
            for (size_t i = 0; i < T * K; i++) floats(&x)[i] = pattern & 2 && i % 2 ? -127.0f : 127.0f;
            linear l = {.w = w.t}, on_b = {.w = weight_on(b, &w)};
            for (size_t nt = 1; nt <= T; nt += nt < 4 ? 1 : 13) {
                array xs = x, ys = want, yg = got;
                xs.t.shape[0] = ys.t.shape[0] = yg.t.shape[0] = nt;
                poison(&want), poison(&got);
                ref->ops->matmul(ref, &ys.t, xs.t, (const linear *const[]){&l}, 1, EPILOGUE_STORE);
                b->ops->matmul(b, &yg.t, xs.t, (const linear *const[]){&on_b}, 1, EPILOGUE_STORE);
                double e = nmse(floats(&want), floats(&got), nt * N);
                CHECK(e <= BOUND, "%s %s pattern %d T %zu: error %g", isa, dtype_get(type)->name, pattern, nt,
                      e);
            }
            b->ops->buffer_destroy(b, on_b.w.buffer);
            array_free(&w), array_free(&x), array_free(&want), array_free(&got);
        }
}

/* Several products of one x, of all types at once and more than one region holds; also what is behind each
 * row stays. */
static void test_shared(backend *ref, backend *b, const char *isa)
{
    enum { P = 2 * N_TYPES + 1, K = 256 };
    for (size_t T = 1; T <= 33; T += 8) {
        array w[P], want[P], got[P], x;
        linear l[P], on_b[P];
        const linear *ls[P], *ls_b[P];
        tensor yw[P], yg[P];
        array_init(&x, DTYPE_F32, T, K), random_floats(floats(&x), T * K, 1);
        for (size_t i = 0; i < P; i++) {
            size_t N = 3 + 17 * (i % 4);
            array_init(&w[i], weight_types[i % N_TYPES], N, K), random_weights(&w[i]);
            array_init(&want[i], DTYPE_F32, T, N), array_init(&got[i], DTYPE_F32, T, N);
            for (size_t k = 0; k < T * N; k++) floats(&want[i])[k] = floats(&got[i])[k] = (float)k;
            l[i] = (linear){.w = w[i].t}, ls[i] = &l[i];
            on_b[i] = (linear){.w = weight_on(b, &w[i])}, ls_b[i] = &on_b[i], yw[i] = want[i].t, yg[i] = got[i].t;
        }
        ref->ops->matmul(ref, yw, x.t, ls, P, EPILOGUE_ADD);
        b->ops->matmul(b, yg, x.t, ls_b, P, EPILOGUE_ADD);
        for (size_t i = 0; i < P; i++) {
            double e = nmse(floats(&want[i]), floats(&got[i]), T * tensor_row(yw[i]));
            CHECK(e <= BOUND, "%s product %zu of %d, T %zu: error %g", isa, i, P, T, e);
            b->ops->buffer_destroy(b, on_b[i].w.buffer);
            array_free(&w[i]), array_free(&want[i]), array_free(&got[i]);
        }
        array_free(&x);
    }
}

static void test_threads(const char *isa)
{
    backend *b[3] = {open_backend(isa, 1), open_backend(isa, 2), open_backend(isa, 3)};
    for (int ti = 0; ti < N_TYPES; ti++)
        for (size_t T = 1; T <= 40; T += 13) {
            array w, x, y[3];
            array_init(&w, weight_types[ti], 203, 512), array_init(&x, DTYPE_F32, T, 512);
            random_weights(&w), random_floats(floats(&x), T * 512, 1);
            for (int i = 0; i < 3; i++) {
                linear l = {.w = weight_on(b[i], &w)};
                array_init(&y[i], DTYPE_F32, T, 203), poison(&y[i]);
                b[i]->ops->matmul(b[i], &y[i].t, x.t, (const linear *const[]){&l}, 1, EPILOGUE_STORE);
                CHECK(!memcmp(floats(&y[0]), floats(&y[i]), T * 203 * sizeof(float)),
                      "%s %s T %zu: 1 and %d threads differ", isa, dtype_get(weight_types[ti])->name, T,
                      i + 1);
                b[i]->ops->buffer_destroy(b[i], l.w.buffer);
            }
            for (int i = 0; i < 3; i++) array_free(&y[i]);
            array_free(&w), array_free(&x);
        }
    for (int i = 0; i < 3; i++) b[i]->ops->destroy(b[i]);
}

static void test_embed(backend *b, const char *isa)
{
    enum { V = 11, MAX_D = 608 };
    for (int ti = 0; ti < N_TYPES; ti++) {
        size_t D = dtype_get(weight_types[ti])->block_values == 256 ? 512 : MAX_D;
        for (size_t T = 1; T <= 21; T += 20) {
            array table, ids, y;
            float row[MAX_D];
            array_init(&table, weight_types[ti], V, D), random_weights(&table);
            array_init(&ids, DTYPE_I32, 1, T), array_init(&y, DTYPE_F32, T, D), poison(&y);
            for (size_t t = 0; t < T; t++)
                ((int32_t *)(void *)ids.buffer.data)[t] = (int32_t)((t * 7 + 10) % V);
            ids.t.n_dims = 1, ids.t.shape[0] = T, ids.t.shape[1] = 1;
            tensor kept = weight_on(b, &table);
            b->ops->embed(b, y.t, kept, ids.t);
            b->ops->buffer_destroy(b, kept.buffer);
            for (size_t t = 0; t < T; t++) {
                size_t id = (t * 7 + 10) % V;
                dequantize_row(weight_types[ti],
                               table.buffer.data + id * dtype_row_bytes(weight_types[ti], D), row, D);
                CHECK(!memcmp(row, floats(&y) + t * D, D * sizeof *row), "%s embed %s row %zu", isa,
                      dtype_get(weight_types[ti])->name, t);
            }
            array_free(&table), array_free(&ids), array_free(&y);
        }
    }
}

#if defined(__x86_64__) || defined(__wasm_simd128__)
enum { ACT_T = 5, ACT_K = 96, ACT_N = ACT_T * ACT_K };

static void activations_for(int round, float x[ACT_N])
{
    for (int i = 0; i < ACT_N; i++) {
        x[i] = check_uniform(&seed) * powf(10, (float)(round % 40 - 20));
        if (round % 3 == 0) x[i] = (float)(int)(check_uniform(&seed) * 127) + 0.5f * (float)(i % 2); /* ties */
        if (round % 5 == 0 && i / 32 % 2) x[i] = 0;
    }
}

/* Activations in new memory, every byte of which was 0xa5. */
static act8 new_activations(unsigned copies)
{
    size_t bytes = act8_bytes(ACT_T, ACT_K, copies);
    void *mem = aligned_alloc(64, bytes);
    memset(mem, 0xa5, bytes);
    return act8_place(mem, ACT_T, ACT_K, copies);
}
#endif

/* The 8-bit activations themselves are the same bytes on every instruction set. */
static void test_quantize_act(void)
{
#if defined(__x86_64__)
    if (cpu_isa_best() < CPU_ISA_AVX2) return;
    const unsigned copies = ACT_Q16 | ACT_PAIRS;
    void (*const quantize)(const act8 *, const float *, size_t, size_t) = quantize_act_avx2;
#elif defined(__wasm_simd128__)
    const unsigned copies = 0;
    void (*const quantize)(const act8 *, const float *, size_t, size_t) = quantize_act_simd128;
#endif
#if defined(__x86_64__) || defined(__wasm_simd128__)
    float x[ACT_N];
    for (int round = 0; round < 200; round++) {
        act8 a = new_activations(copies), b = new_activations(copies);
        activations_for(round, x);
        quantize_act_ref(&a, x, 0, ACT_T);
        quantize(&b, x, 0, ACT_T);
        CHECK(!memcmp(a.q, b.q, act8_bytes(ACT_T, ACT_K, copies)), "round %d: activations differ", round);
        free(a.q), free(b.q);
    }
#endif
}

/* The 16-bit copies that WebAssembly's kernels read. */
static void test_copies(void)
{
#if defined(__wasm_simd128__)
    float x[ACT_N];
    for (int round = 0; round < 20; round++) {
        act8 a = new_activations(ACT_Q16 | ACT_FOLDED);
        activations_for(round, x);
        quantize_act_simd128(&a, x, 0, ACT_T);
        int wrong = 0;
        for (int i = 0; i < ACT_N; i++) {
            int j = i % 16, from = i - j + 2 * (j % 8); /* the pair that folded value i stands for */
            wrong += a.q16[i] != a.q[i];
            wrong += a.folded[i] != (j < 8 ? 256 * a.q[from] - a.q[from + 1] : a.q[from + 1]);
        }
        CHECK(!wrong, "round %d: %d copies are wrong", round, wrong);
        free(a.q);
    }
#endif
}

int main(void)
{
    size_t n_isas;
    const enum cpu_isa *isas = cpu_isas(&n_isas);
    backend *ref = open_backend("ref", 1);
    test_ref(ref);
    test_epilogues(ref, "ref");
    test_embed(ref, "ref");
    test_threads("ref");
    test_quantize_act();
    test_copies();
    for (size_t i = 1; i < n_isas; i++) {
        const char *isa = cpu_isa_name(isas[i]);
        backend *b = open_backend(isa, 2);
        if (!b) {
            printf("matmul: this machine has no %s, skipped\n", isa);
            continue;
        }
        test_shapes(ref, b, isa);
        test_extremes(ref, b, isa);
        test_shared(ref, b, isa);
        test_epilogues(b, isa);
        test_embed(b, isa);
        test_threads(isa);
        b->ops->destroy(b);
    }
    ref->ops->destroy(ref);
    return check_done("matmul");
}
