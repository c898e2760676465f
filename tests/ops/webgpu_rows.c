/* Ops on rows on the GPU against the portable ones: odd shapes, one token and many, more rows than a grid is wide. */
#include "../webgpu_test.h"

static char case_name[96];
#define CASE(...) (snprintf(case_name, sizeof case_name, __VA_ARGS__), case_name)

/* Sums of a thousand f32 products in another order, against sums in double: about 1e-14 was seen; a wrong value among ten thousand
 * gives 1e-4. */
static const double BOUND = 1e-12;

static const size_t token_counts[] = {1, 2, 17, 300};

static void elementwise(void)
{
    const size_t dims[] = {1, 257, 1024};
    for (size_t i = 0; i < 4; i++)
        for (size_t j = 0; j < 3; j++) {
            size_t T = token_counts[i], D = dims[j];
            const char *name = CASE("%zu x %zu", T, D);
            pair x = pair_random(DTYPE_F32, 1, T, D, 3), y = pair_random(DTYPE_F32, 1, T, D, 30), z = pair_new(DTYPE_F32, 1, T, D);
            FOR_BOTH on[b]->ops->copy(on[b], z.at[b], x.at[b]);
            pair_check_bits("copy", name, &z);
            FOR_BOTH on[b]->ops->add(on[b], z.at[b], y.at[b]);
            pair_check_bits("add", name, &z);
            FOR_BOTH on[b]->ops->swiglu(on[b], y.at[b], y.at[b], x.at[b]);
            pair_check("swiglu in place", name, &y, BOUND);
            FOR_BOTH on[b]->ops->swiglu(on[b], z.at[b], y.at[b], x.at[b]);
            pair_check("swiglu", name, &z, BOUND);
            pairs_free();
        }
}

/* More than 65535 workgroups of 256 values, and a copy that the device does itself. */
static void large(void)
{
    pair x = pair_random(DTYPE_F32, 1, 17001, 1009, 1), y = pair_new(DTYPE_F32, 1, 17001, 1009);
    FOR_BOTH on[b]->ops->copy(on[b], y.at[b], x.at[b]);
    pair_check_bits("copy", "17 million values", &y);
    FOR_BOTH on[b]->ops->add(on[b], y.at[b], x.at[b]);
    pair_check_bits("add", "17 million values", &y);
    pairs_free();

    /* (The row op with the fewest threads: a software adapter takes long for idle ones.) */
    pair z = pair_random(DTYPE_F32, 1, 65539, 3, 1), out = pair_random(DTYPE_F32, 1, 65539, 3, 1), w = pair_random(DTYPE_F32, 1, 1, 3, 1);
    FOR_BOTH on[b]->ops->gated_rmsnorm(on[b], out.at[b], out.at[b], z.at[b], w.at[b], 1e-6f);
    pair_check("gated_rmsnorm", "65539 rows", &out, BOUND);
    pairs_free();
}

/* Rows of one buffer into other rows of it. */
static void copy_within(void)
{
    pair x = pair_random(DTYPE_F32, 1, 40, 13, 1);
    FOR_BOTH on[b]->ops->copy(on[b], tensor_rows(x.at[b], 0, 7), tensor_rows(x.at[b], 33, 7));
    pair_check_bits("copy", "within a buffer", &x);
    FOR_BOTH on[b]->ops->add(on[b], tensor_rows(x.at[b], 5, 1), tensor_rows(x.at[b], 9, 1));
    pair_check_bits("add", "within a buffer", &x);
    pairs_free();
}

static void norms(void)
{
    const size_t dims[] = {1, 131, 1024};
    for (size_t i = 0; i < 4; i++)
        for (size_t j = 0; j < 3; j++) {
            size_t T = token_counts[i], D = dims[j];
            const char *name = CASE("%zu x %zu", T, D);
            pair x = pair_random(DTYPE_F32, 1, T, D, 2), y = pair_new(DTYPE_F32, 1, T, D), z = pair_random(DTYPE_F32, 1, T, D, 4);
            pair w = pair_random(DTYPE_F32, 1, 1, D, 1), bias = pair_random(DTYPE_F32, 1, 1, D, 1);
            FOR_BOTH on[b]->ops->rmsnorm(on[b], y.at[b], x.at[b], w.at[b], 1e-6f);
            pair_check("rmsnorm", name, &y, BOUND);
            FOR_BOTH on[b]->ops->layernorm(on[b], y.at[b], x.at[b], w.at[b], bias.at[b], 1e-6f);
            /* (One value a row: all is rounding but the bias.) */
            pair_check("layernorm", name, &y, BOUND);
            FOR_BOTH on[b]->ops->gated_rmsnorm(on[b], y.at[b], x.at[b], z.at[b], w.at[b], 1e-6f);
            pair_check("gated_rmsnorm", name, &y, BOUND);
            FOR_BOTH on[b]->ops->gated_rmsnorm(on[b], x.at[b], x.at[b], z.at[b], w.at[b], 1e-6f);
            pair_check("gated_rmsnorm in place", name, &x, BOUND);
            FOR_BOTH on[b]->ops->rmsnorm(on[b], x.at[b], x.at[b], w.at[b], 1e-6f);
            pair_check("rmsnorm in place", name, &x, BOUND);
            FOR_BOTH on[b]->ops->layernorm(on[b], x.at[b], x.at[b], w.at[b], bias.at[b], 1e-6f);
            pair_check("layernorm in place", name, &x, 100 * BOUND); /* (of a result that carries errors already) */
            pairs_free();
        }
    /* Several heads a token. */
    pair x = pair_random(DTYPE_F32, 1, 5, 16 * 128, 2), z = pair_random(DTYPE_F32, 1, 5, 16 * 128, 4), w = pair_random(DTYPE_F32, 1, 1, 128, 1);
    FOR_BOTH on[b]->ops->gated_rmsnorm(on[b], x.at[b], x.at[b], z.at[b], w.at[b], 1e-6f);
    pair_check("gated_rmsnorm", "16 heads", &x, BOUND);
    pairs_free();
}

static void interpolation(void)
{
    const size_t N = 37, D = 131, V = 50;
    pair y = pair_random(DTYPE_F32, 1, N, D, 1), table = pair_random(DTYPE_F32, 1, V, D, 1), weight = pair_random(DTYPE_F32, 1, N, 4, 1);
    pair index = pair_new(DTYPE_I32, 1, N, 4);
    int32_t ids[37 * 4];
    for (size_t i = 0; i < N * 4; i++) ids[i] = (int32_t)(check_random(&seed) % V);
    pair_write(&index, ids);
    FOR_BOTH on[b]->ops->add_interpolated(on[b], y.at[b], table.at[b], index.at[b], weight.at[b]);
    pair_check("add_interpolated", "37 x 131", &y, BOUND);
    pairs_free();
}

static void convolution(void)
{
    const size_t Ks[] = {1, 2, 4, 5};
    for (size_t i = 0; i < 4; i++)
        for (size_t j = 0; j < 4; j++) {
            size_t T = token_counts[i], K = Ks[j], C = 521;
            const char *name = CASE("T %zu, K %zu", T, K);
            pair x = pair_random(DTYPE_F32, 1, T, C, 2), y = pair_new(DTYPE_F32, 1, T, C), w = pair_random(DTYPE_F32, 1, C, K, 1);
            pair state = pair_random(DTYPE_F32, 1, K - 1 ? K - 1 : 1, C, 2);
            /* Twice: the second call begins with the state that the first left. */
            for (int n = 0; n < 2; n++) {
                FOR_BOTH on[b]->ops->causal_conv_silu(on[b], pair_matrix(y).at[b], pair_matrix(x).at[b], pair_matrix(w).at[b], state.at[b]);
                pair_check("causal_conv_silu", name, &y, BOUND);
                pair_check_bits("state of causal_conv_silu", name, &state);
            }
            pairs_free();
        }
}

/* Against the portable op (whose angle is an f32 product, as the reference has it) by value: 1e-6 at every position. */
static void rope_tables(void)
{
    enum { N = 64, T = 600 };
    rope_params p = {.n_freq = N};
    for (int j = 0; j < N; j++) {
        p.inv_freq[j] = (float)pow(1e7, -(double)j / N);
        p.axis[j] = (uint8_t)(j % 3);
    }
    pair pos = pair_new(DTYPE_I32, 1, 3, T), cs = pair_new(DTYPE_F32, 1, T, 2 * N);
    int32_t *at = malloc(3 * T * sizeof *at);
    for (int i = 0; i < 3 * T; i++) at[i] = i % 3 == 0 ? (int32_t)(check_random(&seed) % (1 << 18)) : i % 3 == 1 ? (1 << 18) - i : i / 3;
    pair_write(&pos, at);
    FOR_BOTH on[b]->ops->rope_table(on[b], pair_matrix(cs).at[b], tensor_reshape(pos.at[b], 3, T), &p);
    float *got = malloc(T * 2 * N * 4), *want = malloc(T * 2 * N * 4), worst = 0;
    webgpu_read(ON_GPU, got, cs.at[ON_GPU]);
    webgpu_read(ON_CPU, want, cs.at[ON_CPU]);
    for (int i = 0; i < T * 2 * N; i++)
        if (!(fabsf(got[i] - want[i]) <= worst)) worst = fabsf(got[i] - want[i]);
    CHECK(worst <= 1e-6f, "rope_table: %g from the portable op", worst);
    printf("  rope_table         %.1e of 1e-06\n", worst);
    pair_check("rope_table", "600 positions", &cs, BOUND);
    free(at);
    free(got);
    free(want);
    pairs_free();
}

static void ropes(void)
{
    const struct {
        size_t T;
        uint32_t n_heads, head_dim, n_freq, lead, between; /* values before the first head and between two */
    } cases[] = {{1, 8, 256, 32, 0, 256}, {17, 3, 128, 64, 5, 0}, {300, 2, 67, 13, 0, 67}, {2, 16, 64, 32, 64, 0}, {1, 1, 512, 256, 0, 0}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        for (int norm = 0; norm < 2; norm++) {
            uint32_t H = cases[i].n_heads, D = cases[i].head_dim, stride = D + cases[i].between;
            size_t T = cases[i].T, row = cases[i].lead + (size_t)H * stride + 3;
            const char *name = CASE("T %zu, %u heads of %u%s", T, H, D, norm ? ", norm" : "");
            head_view view = {H, D, cases[i].lead, stride}, plain = {H, D, 0, D};
            pair x = pair_random(DTYPE_F32, 1, T, row, 2), y = pair_new(DTYPE_F32, 1, T, H * D), w = pair_random(DTYPE_F32, 1, 1, D, 1);
            pair cs = pair_random(DTYPE_F32, 1, T, 2 * cases[i].n_freq, 1);
            FOR_BOTH on[b]->ops->head_norm_rope(on[b], pair_matrix(y).at[b], plain, pair_matrix(x).at[b], view,
                                                norm ? w.at[b] : (tensor){0}, 1e-6f, pair_matrix(cs).at[b]);
            pair_check("head_norm_rope", name, &y, BOUND);
            FOR_BOTH on[b]->ops->head_norm_rope(on[b], pair_matrix(x).at[b], view, pair_matrix(x).at[b], view,
                                                norm ? w.at[b] : (tensor){0}, 1e-6f, pair_matrix(cs).at[b]);
            pair_check("head_norm_rope in place", name, &x, BOUND);
            pair gated = pair_random(DTYPE_F32, 1, T, H * D, 1);
            FOR_BOTH on[b]->ops->sigmoid_gate(on[b], pair_matrix(gated).at[b], pair_matrix(x).at[b], view);
            pair_check("sigmoid_gate", name, &gated, BOUND);
            pairs_free();
        }
}

/* f16 values may be rounded to either neighbour: WGSL leaves that to the device (one of ten thousand was seen to differ). */
static void check_halves(const char *op, const pair *p)
{
    size_t n = tensor_row(whole(p->at[0], DTYPE_I32)), wrong = 0;
    uint32_t *got = malloc(n * 4), *want = malloc(n * 4);
    webgpu_read(ON_CPU, want, whole(p->at[ON_CPU], DTYPE_I32));
    webgpu_read(ON_GPU, got, whole(p->at[ON_GPU], DTYPE_I32));
    for (size_t i = 0; i < 2 * n; i++) {
        int a = (int)(got[i / 2] >> (16 * (i % 2)) & 0xffff), b = (int)(want[i / 2] >> (16 * (i % 2)) & 0xffff);
        wrong += abs(a - b) > 1;
    }
    CHECK(!wrong, "%s: %zu of %zu values differ from the portable op's by more than a step", op, wrong, 2 * n);
    CHECK(guards_hold(got, n), "%s: wrote outside its tensor", op);
    free(got);
    free(want);
}

static void caches(void)
{
    const size_t H = 3, n_ctx = 330, D = 26;
    const dtype types[] = {DTYPE_F16, DTYPE_F32};
    for (int i = 0; i < 2; i++) {
        pair k_cache = pair_new(types[i], H, n_ctx, D), v_cache = pair_new(types[i], H, n_ctx, D);
        size_t pos = 0;
        /* All recorded before anything is submitted: each position must be the one of its own call. */
        for (size_t n = 0; n < 4; n++) {
            size_t T = token_counts[n];
            pair k = pair_random(DTYPE_F32, 1, T, H * D, 70), v = pair_random(DTYPE_F32, 1, T, H * D, 1e-5f);
            FOR_BOTH on[b]->ops->kv_store(on[b], k_cache.at[b], v_cache.at[b], pair_matrix(k).at[b], pair_matrix(v).at[b], pos);
            pos += T;
        }
        if (i) pair_check_bits("kv_store k", "f32", &k_cache), pair_check_bits("kv_store v", "f32", &v_cache);
        else check_halves("kv_store k, f16", &k_cache), check_halves("kv_store v, f16", &v_cache);
        pairs_free();
    }
}

/* What is written behind recorded work is seen by the work behind it only. */
static void order(void)
{
    pair x = pair_random(DTYPE_F32, 1, 3, 100, 1), y = pair_new(DTYPE_F32, 1, 3, 100), z = pair_new(DTYPE_F32, 1, 3, 100);
    float other[300];
    for (int i = 0; i < 300; i++) other[i] = (float)i;
    FOR_BOTH
    {
        on[b]->ops->copy(on[b], y.at[b], x.at[b]);
        on[b]->ops->write(on[b], x.at[b], other);
        on[b]->ops->copy(on[b], z.at[b], x.at[b]);
        on[b]->ops->clear(on[b], tensor_rows(x.at[b], 1, 1));
    }
    pair_check_bits("copy", "before a write", &y);
    pair_check_bits("copy", "behind a write", &z);
    pair_check_bits("clear", "a row", &x);
    pairs_free();
}

int main(void)
{
    if (!webgpu_test_open("webgpu_rows")) return 0;
    elementwise();
    copy_within();
    norms();
    interpolation();
    convolution();
    rope_tables();
    ropes();
    caches();
    order();
    large();
    return webgpu_test_close();
}
