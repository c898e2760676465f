/*
 * Norms and row-wise ops: the portable ops against formulas in double, every instruction set against the
 * portable ops.
 *
 * Tolerance, as normalised mean squared error: f32 sums of a few thousand terms and an exponential of 2 ulp
 * differ from sums in double by at most 3e-14 here; a row off by one, a lost tail or a missing eps gives 1e-6
 * and more.
 */
#include "arrays.h"

static const double BOUND = 1e-12;
static const size_t lengths[] = {1, 7, 8, 31, 64, 127, 1024, 1031};
static const size_t tokens[] = {1, 2, 33};
enum { N_LENGTHS = sizeof lengths / sizeof *lengths, N_TOKENS = sizeof tokens / sizeof *tokens };

static double silu(double x) { return x / (1 + exp(-x)); }

typedef enum row_op { RMSNORM, LAYERNORM, GATED_RMSNORM, ADD, SWIGLU, N_ROW_OPS } row_op;
static const char *const names[] = {"rmsnorm", "layernorm", "gated_rmsnorm", "add", "swiglu"};

static void formula(row_op op, double *y, const array *y0, const array *x, const array *z, const array *w,
                    const array *bias, double eps)
{
    size_t D = tensor_row(x->t);
    for (size_t t = 0; t < tensor_n_rows(x->t); t++) {
        double mean = 0, squares = 0, var = 0;
        const float *row = floats(x) + t * D;
        for (size_t i = 0; i < D; i++)
            mean += row[i] / (double)D, squares += (double)row[i] * row[i] / (double)D;
        for (size_t i = 0; i < D; i++) var += (row[i] - mean) * (row[i] - mean) / (double)D;
        for (size_t i = 0; i < D; i++) {
            double *out = y + t * D + i, v = row[i], gate = floats(z)[t * D + i];
            switch (op) {
            case RMSNORM: *out = v / sqrt(squares + eps) * floats(w)[i]; break;
            case LAYERNORM: *out = (v - mean) / sqrt(var + eps) * floats(w)[i] + floats(bias)[i]; break;
            case GATED_RMSNORM: *out = v / sqrt(squares + eps) * floats(w)[i] * silu(gate); break;
            case ADD: *out = v + floats(y0)[t * D + i]; break;
            case SWIGLU: *out = silu(v) * gate; break;
            case N_ROW_OPS: break;
            }
        }
    }
}

static void run(backend *b, row_op op, tensor y, tensor x, tensor z, tensor w, tensor bias, float eps)
{
    switch (op) {
    case RMSNORM: b->ops->rmsnorm(b, y, x, w, eps); break;
    case LAYERNORM: b->ops->layernorm(b, y, x, w, bias, eps); break;
    case GATED_RMSNORM: b->ops->gated_rmsnorm(b, y, x, z, w, eps); break;
    case ADD: b->ops->add(b, y, x); break;
    case SWIGLU: b->ops->swiglu(b, y, x, z); break;
    case N_ROW_OPS: break;
    }
}

static void test_rows(row_op op)
{
    verdict v = {.op = names[op], .bound = BOUND};
    for (size_t c = 0; c < (size_t)N_LENGTHS * N_TOKENS * 3; c++) {
        size_t D = lengths[c % N_LENGTHS], T = tokens[c / N_LENGTHS % N_TOKENS];
        int kind = (int)(c / (N_LENGTHS * N_TOKENS)); /* plain, large values far from zero, y = x */
        if (op == GATED_RMSNORM && D == 1) continue;
        array x, z, w, bias, y, y0;
        array_init(&x, DTYPE_F32, 1, T, D), array_random(&x, kind == 1 ? 40 : 1, kind == 1 ? 60 : 0.1f);
        array_init(&z, DTYPE_F32, 1, T, D), array_random(&z, kind == 1 ? 200 : 3, 0);
        array_init(&w, DTYPE_F32, 1, 1, D), array_random(&w, 1, 0.5f);
        array_init(&bias, DTYPE_F32, 1, 1, D), array_random(&bias, 1, 0);
        array_init(&y, DTYPE_F32, 1, T, D);
        array_init(&y0, DTYPE_F32, 1, T, D), array_random(&y0, 1, 0);
        char of_case[64];
        snprintf(of_case, sizeof of_case, "T %zu, D %zu, kind %d", T, D, kind);
        for (size_t i = 0; i < n_backends; i++) {
            bool in_place = kind == 2 && op != ADD;
            if (in_place)
                array_copy(&y, &x);
            else if (op == ADD)
                array_copy(&y, &y0);
            else
                array_poison(&y);
            tensor w1 = tensor_reshape(matrix(&w), 1, D);
            run(backends[i].b, op, matrix(&y), in_place ? matrix(&y) : matrix(&x), matrix(&z), w1,
                matrix(&bias), 1e-6f);
            judge(&v, i, &y, of_case);
            if (i == 0) {
                double *want = malloc(T * D * sizeof *want);
                formula(op, want, &y0, &x, &z, &w, &bias, 1e-6f);
                check_formula(names[op], of_case, &y, want, BOUND);
                free(want);
            }
        }
        array_free(&x), array_free(&z), array_free(&w), array_free(&bias), array_free(&y), array_free(&y0);
    }
    verdict_done(&v);
}

/* Heads of `D` values in a gated norm of wider rows. */
static void test_gated_heads(void)
{
    enum { T = 5, H = 6, D = 24 };
    verdict v = {.op = "gated, heads", .bound = BOUND};
    array x, z, w, y;
    array_init(&x, DTYPE_F32, 1, T, H * D), array_random(&x, 1, 0);
    array_init(&z, DTYPE_F32, 1, T, H * D), array_random(&z, 3, 0);
    array_init(&w, DTYPE_F32, 1, 1, D), array_random(&w, 1, 0);
    array_init(&y, DTYPE_F32, 1, T, H * D);
    for (size_t i = 0; i < n_backends; i++) {
        array_poison(&y);
        backends[i].b->ops->gated_rmsnorm(backends[i].b, matrix(&y), matrix(&x), matrix(&z), matrix(&w),
                                          1e-6f);
        judge(&v, i, &y, "6 heads of 24");
    }
    double want = 0, squares = 0; /* token 4, head 3, value 7 */
    const float *head = floats(&x) + (4 * H + 3) * D;
    for (size_t i = 0; i < D; i++) squares += (double)head[i] * head[i] / D;
    want = head[7] / sqrt(squares + 1e-6) * floats(&w)[7] * silu(floats(&z)[(4 * H + 3) * D + 7]);
    CHECK(fabs(floats(&y)[(4 * H + 3) * D + 7] - want) < 1e-6, "head 3 of token 4 is normed by itself");
    verdict_done(&v);
    array_free(&x), array_free(&z), array_free(&w), array_free(&y);
}

static void test_interpolated(void)
{
    verdict v = {.op = "add_interpolated", .bound = BOUND};
    for (size_t c = 0; c < N_LENGTHS; c++) {
        size_t D = lengths[c], N = 65, V = 9;
        array table, index, weight, y, y0;
        array_init(&table, DTYPE_F32, 1, V, D), array_random(&table, 1, 0);
        array_init(&weight, DTYPE_F32, 1, N, 4), array_random(&weight, 1, 0);
        array_init(&index, DTYPE_I32, 1, N, 4);
        for (size_t i = 0; i < 4 * N; i++) ints(&index)[i] = (int32_t)(check_random(&seed) % V);
        array_init(&y, DTYPE_F32, 1, N, D);
        array_init(&y0, DTYPE_F32, 1, N, D), array_random(&y0, 1, 0);
        double *want = calloc(N * D, sizeof *want);
        for (size_t i = 0; i < N * D; i++) {
            want[i] = floats(&y0)[i];
            for (size_t k = 0; k < 4; k++)
                want[i] += (double)floats(&weight)[i / D * 4 + k] *
                           floats(&table)[(size_t)ints(&index)[i / D * 4 + k] * D + i % D];
        }
        for (size_t i = 0; i < n_backends; i++) {
            array_copy(&y, &y0);
            backends[i].b->ops->add_interpolated(backends[i].b, matrix(&y), matrix(&table), matrix(&index),
                                                 matrix(&weight));
            judge(&v, i, &y, "65 rows");
            if (i == 0) check_formula("add_interpolated", "65 rows", &y, want, BOUND);
        }
        free(want);
        array_free(&table), array_free(&index), array_free(&weight), array_free(&y), array_free(&y0);
    }
    verdict_done(&v);
}

static void test_sigmoid_gate(void)
{
    verdict v = {.op = "sigmoid_gate", .bound = BOUND};
    static const head_view views[] = {{2, 16, 16, 32}, {3, 13, 0, 13}, {8, 256, 256, 512}};
    for (size_t c = 0; c < 3; c++)
        for (size_t k = 0; k < N_TOKENS; k++) {
            head_view g = views[c];
            size_t T = tokens[k], n = (size_t)g.n_heads * g.head_dim, row = (size_t)g.n_heads * g.stride;
            array y, y0, gate;
            array_init(&gate, DTYPE_F32, 1, T, row), array_random(&gate, 6, 0);
            array_init(&y0, DTYPE_F32, 1, T, n), array_random(&y0, 1, 0);
            array_init(&y, DTYPE_F32, 1, T, n);
            double *want = malloc(T * n * sizeof *want);
            for (size_t i = 0; i < T * n; i++) {
                size_t t = i / n, h = i % n / g.head_dim, j = i % g.head_dim;
                want[i] =
                    floats(&y0)[i] / (1 + exp(-(double)floats(&gate)[t * row + g.offset + h * g.stride + j]));
            }
            for (size_t i = 0; i < n_backends; i++) {
                array_copy(&y, &y0);
                backends[i].b->ops->sigmoid_gate(backends[i].b, matrix(&y), matrix(&gate), g);
                judge(&v, i, &y, "views");
                if (i == 0) check_formula("sigmoid_gate", "views", &y, want, BOUND);
            }
            free(want);
            array_free(&y), array_free(&y0), array_free(&gate);
        }
    verdict_done(&v);
}

int main(void)
{
    open_backends();
    for (int op = 0; op < N_ROW_OPS; op++) test_rows((row_op)op);
    test_gated_heads();
    test_interpolated();
    test_sigmoid_gate();
    close_backends();
    return check_done("ops/rows");
}
