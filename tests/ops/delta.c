/*
 * Gated DeltaNet: convolution and delta rule against the formulas in double, with the state carried over
 * pieces; every instruction set against the portable ops; prefill in any split against token by token.
 *
 * Tolerance, as normalised mean squared error: the state sums f32 products over all tokens; observed at most
 * 5e-14 with 130 tokens. A decay applied after the read instead of before it, or a wrong head, gives 1e-2 and
 * more.
 */
#include "arrays.h"

static const double BOUND = 1e-11, FORMULA_BOUND = 1e-11;

static double sigmoid(double x) { return 1 / (1 + exp(-x)); }
static double softplus(double x) { return x > 20 ? x : log1p(exp(x)); }

/* ---- convolution ---- */

static void conv_formula(double *y, const float *x, const float *w, const float *past, size_t T, size_t C,
                         size_t K)
{
    for (size_t t = 0; t < T; t++)
        for (size_t c = 0; c < C; c++) {
            double sum = 0;
            for (size_t j = 0; j < K; j++) {
                ptrdiff_t at = (ptrdiff_t)(t + j) - (ptrdiff_t)(K - 1);
                sum += (double)w[c * K + j] * (at >= 0 ? x[(size_t)at * C + c] : past[(t + j) * C + c]);
            }
            y[t * C + c] = sum * sigmoid(sum);
        }
}

static void test_conv(void)
{
    static const size_t cases[][3] = {{1, 8, 4},   {1, 101, 4},  {2, 64, 4},  {3, 65, 4}, {4, 31, 4},
                                      {63, 97, 4}, {130, 96, 4}, {5, 17, 2},  {5, 17, 9}, {2, 17, 9},
                                      {7, 24, 1},  {9, 6144, 4}, {1, 6144, 4}};
    verdict out = {.op = "causal_conv_silu", .bound = 1e-12}, states = {.op = "conv state", .bound = 0};
    for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
        size_t T = cases[c][0], C = cases[c][1], K = cases[c][2];
        array x, w, s0, s, y;
        array_init(&x, DTYPE_F32, 1, T, C), array_random(&x, 2, 0);
        array_init(&w, DTYPE_F32, 1, C, K), array_random(&w, 1, 0);
        array_init(&s0, DTYPE_F32, 1, K - 1, C), array_random(&s0, 2, 0);
        array_init(&s, DTYPE_F32, 1, K - 1, C);
        array_init(&y, DTYPE_F32, 1, T, C);
        double *want = malloc(T * C * sizeof *want);
        conv_formula(want, floats(&x), floats(&w), floats(&s0), T, C, K);
        char of_case[64];
        snprintf(of_case, sizeof of_case, "T %zu, C %zu, K %zu", T, C, K);
        for (size_t i = 0; i < n_backends; i++) {
            backend *b = backends[i].b;
            array_poison(&y), array_copy(&s, &s0);
            b->ops->causal_conv_silu(b, matrix(&y), matrix(&x), matrix(&w), matrix(&s));
            judge(&out, i, &y, of_case);
            judge(&states, i, &s, of_case);
            if (i == 0) check_formula("causal_conv_silu", of_case, &y, want, 1e-12);
            for (size_t j = 0; j + 1 < K; j++) {
                const float *last =
                    T + j < K - 1 ? floats(&s0) + (T + j) * C : floats(&x) + (T + j - (K - 1)) * C;
                CHECK(memcmp(floats(&s) + j * C, last, C * sizeof *last) == 0, "%s: row %zu of the state",
                      of_case, j);
            }
            /* In two pieces. */
            size_t cut = T / 3;
            if (!cut) continue;
            array y2;
            array_init(&y2, DTYPE_F32, 1, T, C), array_copy(&s, &s0);
            b->ops->causal_conv_silu(b, tensor_rows(matrix(&y2), 0, cut), tensor_rows(matrix(&x), 0, cut),
                                     matrix(&w), matrix(&s));
            b->ops->causal_conv_silu(b, tensor_rows(matrix(&y2), cut, T - cut),
                                     tensor_rows(matrix(&x), cut, T - cut), matrix(&w), matrix(&s));
            CHECK(memcmp(floats(&y), floats(&y2), T * C * sizeof(float)) == 0, "%s: a cut at %zu", of_case,
                  cut);
            array_free(&y2);
        }
        free(want);
        array_free(&x), array_free(&w), array_free(&s0), array_free(&s), array_free(&y);
    }
    verdict_done(&out), verdict_done(&states);
}

/* ---- delta rule ---- */

typedef struct rule {
    delta_params p;
    size_t T;
    array qkv, a, beta, decay, dt, s0;
} rule;

static void rule_init(rule *r, size_t T, delta_params p)
{
    *r = (rule){.p = p, .T = T};
    size_t row = 2 * (size_t)p.n_k_heads * p.k_head_dim + (size_t)p.n_v_heads * p.v_head_dim;
    array_init(&r->qkv, DTYPE_F32, 1, T, row), array_random(&r->qkv, 1, 0.1f);
    array_init(&r->a, DTYPE_F32, 1, T, p.n_v_heads), array_random(&r->a, 3, 0);
    array_init(&r->beta, DTYPE_F32, 1, T, p.n_v_heads), array_random(&r->beta, 3, 0);
    array_init(&r->dt, DTYPE_F32, 1, 1, p.n_v_heads), array_random(&r->dt, 1, 0);
    array_init(&r->decay, DTYPE_F32, 1, 1, p.n_v_heads), array_random(&r->decay, 0.5f, -0.51f);
    /* Heads that forget at once, and that never do. */
    floats(&r->decay)[0] = -20;
    if (p.n_v_heads > 1) floats(&r->decay)[1] = -1e-4f;
    floats(&r->a)[0] = 30; /* the straight part of softplus */
    array_init(&r->s0, DTYPE_F32, p.n_v_heads, p.v_head_dim, p.k_head_dim), array_random(&r->s0, 0.3f, 0);
}
static void rule_free(rule *r)
{
    array_free(&r->qkv), array_free(&r->a), array_free(&r->beta), array_free(&r->decay), array_free(&r->dt);
    array_free(&r->s0);
}
/* Tokens first .. first+n-1. */
static void rule_run(const rule *r, backend *b, size_t first, size_t n, array *o, array *s)
{
    tensor state = s->t;
    state.buffer = &s->buffer;
    b->ops->delta_rule(b, tensor_rows(matrix(o), first, n), tensor_rows(matrix(&r->qkv), first, n),
                       tensor_rows(matrix(&r->a), first, n), tensor_rows(matrix(&r->beta), first, n),
                       matrix(&r->decay), matrix(&r->dt), state, &r->p);
}

/* S <- alpha S; e = S^T k; d = beta (v - e); S <- S + k d^T; o = S^T q. S is [dk][dv] here. */
static void rule_formula(const rule *r, double *o, double *s_out)
{
    size_t Hk = r->p.n_k_heads, Hv = r->p.n_v_heads, dk = r->p.k_head_dim, dv = r->p.v_head_dim;
    size_t row = tensor_row(r->qkv.t);
    double *S = malloc(dk * dv * sizeof *S), *q = malloc(2 * dk * sizeof *q), *k = q + dk;
    for (size_t h = 0; h < Hv; h++) {
        size_t kh = r->p.tiled_heads ? h % Hk : h / (Hv / Hk);
        for (size_t i = 0; i < dk; i++)
            for (size_t j = 0; j < dv; j++) S[i * dv + j] = floats(&r->s0)[(h * dv + j) * dk + i];
        for (size_t t = 0; t < r->T; t++) {
            const float *in = floats(&r->qkv) + t * row;
            double qq = 0, kk = 0;
            for (size_t i = 0; i < dk; i++) {
                q[i] = in[kh * dk + i], k[i] = in[(Hk + kh) * dk + i];
                qq += q[i] * q[i], kk += k[i] * k[i];
            }
            for (size_t i = 0; i < dk; i++)
                q[i] /= sqrt(qq + 1e-6) * sqrt((double)dk), k[i] /= sqrt(kk + 1e-6);
            double g = floats(&r->decay)[h] * softplus((double)floats(&r->a)[t * Hv + h] + floats(&r->dt)[h]);
            double beta = sigmoid(floats(&r->beta)[t * Hv + h]);
            for (size_t j = 0; j < dv; j++) {
                double e = 0, result = 0;
                for (size_t i = 0; i < dk; i++) S[i * dv + j] *= exp(g);
                for (size_t i = 0; i < dk; i++) e += k[i] * S[i * dv + j];
                double d = beta * (in[2 * Hk * dk + h * dv + j] - e);
                for (size_t i = 0; i < dk; i++) S[i * dv + j] += k[i] * d;
                for (size_t i = 0; i < dk; i++) result += q[i] * S[i * dv + j];
                o[(t * Hv + h) * dv + j] = result;
            }
        }
        for (size_t i = 0; i < dk; i++)
            for (size_t j = 0; j < dv; j++) s_out[(h * dv + j) * dk + i] = S[i * dv + j];
    }
    free(S), free(q);
}

static void test_rule(void)
{
    static const struct {
        delta_params p;
        size_t T;
    } cases[] = {{{2, 2, 16, 16, false}, 1},    {{2, 2, 16, 16, false}, 2},   {{2, 4, 16, 16, false}, 63},
                 {{2, 4, 16, 16, true}, 64},    {{3, 6, 24, 19, true}, 65},   {{1, 3, 8, 5, false}, 130},
                 {{2, 2, 13, 7, false}, 20},    {{2, 2, 128, 128, false}, 1}, {{2, 4, 128, 128, false}, 130},
                 {{16, 16, 128, 128, false}, 3}};
    verdict out = {.op = "delta_rule", .bound = BOUND}, states = {.op = "delta state", .bound = BOUND};
    for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
        rule r;
        rule_init(&r, cases[c].T, cases[c].p);
        size_t T = r.T, n_o = (size_t)r.p.n_v_heads * r.p.v_head_dim;
        array o, s;
        array_init(&o, DTYPE_F32, 1, T, n_o);
        array_init(&s, DTYPE_F32, r.p.n_v_heads, r.p.v_head_dim, r.p.k_head_dim);
        double *want = malloc((array_n(&o) + array_n(&s)) * sizeof *want);
        rule_formula(&r, want, want + array_n(&o));
        char of_case[64];
        snprintf(of_case, sizeof of_case, "case %zu, T %zu", c, T);
        for (size_t i = 0; i < n_backends; i++) {
            array_poison(&o), array_copy(&s, &r.s0);
            rule_run(&r, backends[i].b, 0, T, &o, &s);
            judge(&out, i, &o, of_case);
            judge(&states, i, &s, of_case);
            if (i == 0) {
                check_formula("delta_rule", of_case, &o, want, FORMULA_BOUND);
                check_formula("delta state", of_case, &s, want + array_n(&o), FORMULA_BOUND);
            }
            /* Token by token, and in pieces of 1, 2, 3, ...: the same bits. */
            for (int growing = 0; growing < 2; growing++) {
                array o2, s2;
                array_init(&o2, DTYPE_F32, 1, T, n_o);
                array_init(&s2, DTYPE_F32, r.p.n_v_heads, r.p.v_head_dim, r.p.k_head_dim),
                    array_copy(&s2, &r.s0);
                for (size_t first = 0, n = 1; first < T; first += n, n += (size_t)growing) {
                    if (n > T - first) n = T - first;
                    rule_run(&r, backends[i].b, first, n, &o2, &s2);
                }
                CHECK(memcmp(floats(&o), floats(&o2), array_n(&o) * sizeof(float)) == 0,
                      "%s: a split changes o", of_case);
                CHECK(memcmp(floats(&s), floats(&s2), array_n(&s) * sizeof(float)) == 0,
                      "%s: a split changes the state", of_case);
                array_free(&o2), array_free(&s2);
            }
        }
        free(want);
        array_free(&o), array_free(&s);
        rule_free(&r);
    }
    verdict_done(&out), verdict_done(&states);
}

int main(void)
{
    open_backends();
    test_conv();
    test_rule();
    close_backends();
    return check_done("ops/delta");
}
