/*
 * The delta rule on the GPU against the portable ops: token after token and in chunks, whole and in pieces that carry the state;
 * the mixer, many tokens and then one by one on the same states; and a layer's whole mixer, one token after another.
 *
 * Tolerance, as normalised mean squared error: f32 products summed over all tokens, exp and square roots of the device; observed
 * at most 9e-12. A wrong decay, head or order gives 1e-2 and more. The state of the convolution is copied: the same bits.
 */
#include "webgpu_test.h"

#include "backend/webgpu/ops_delta.h"
#include "backend/webgpu/weight.h"

static const double BOUND = 1e-10;

/* Heads that share keys in either order, sizes that are no power of two, and fewer and more tokens than a chunk of 32. */
static const struct shape {
    delta_params p;
    size_t T, kernel; /* of the convolution */
} shapes[] = {
    {{2, 2, 16, 16, false}, 1, 4},    {{2, 4, 16, 16, false}, 2, 4},  {{2, 4, 64, 64, true}, 7, 2},   {{1, 1, 4, 36, false}, 31, 4},
    {{2, 4, 100, 60, true}, 32, 3},   {{2, 6, 24, 20, true}, 33, 4},  {{3, 6, 24, 20, false}, 64, 2}, {{2, 4, 128, 128, false}, 65, 4},
    {{2, 2, 128, 128, false}, 130, 4}, {{16, 16, 128, 128, false}, 3, 4},
};
enum { N_SHAPES = sizeof shapes / sizeof *shapes };

static size_t width_of(const delta_params *p) { return 2 * (size_t)p->n_k_heads * p->k_head_dim + (size_t)p->n_v_heads * p->v_head_dim; }
static const char *name_of(const struct shape *s, const char *more, size_t i)
{
    static char name[96];
    snprintf(name, sizeof name, "T %zu, %u on %u heads of %u x %u%s, %s%zu", s->T, s->p.n_v_heads, s->p.n_k_heads, s->p.v_head_dim,
             s->p.k_head_dim, s->p.tiled_heads ? ", tiled" : "", more, i);
    return name;
}

/* ---- the rule ---- */

typedef struct rule {
    pair qkv, a, beta, decay, dt, state;
} rule;

static pair vector(size_t n, float scale)
{
    pair p = scale != 0 ? pair_random(DTYPE_F32, 1, 1, n, scale) : pair_new(DTYPE_F32, 1, 1, n);
    FOR_BOTH p.at[b].n_dims = 1, p.at[b].shape[0] = n, p.at[b].shape[2] = 1;
    return p;
}

static rule rule_new(const struct shape *s)
{
    const delta_params *p = &s->p;
    size_t H = p->n_v_heads, n = s->T * H;
    rule r = {.qkv = pair_matrix(pair_random(DTYPE_F32, 1, s->T, width_of(p), 1)), .a = pair_matrix(pair_new(DTYPE_F32, 1, s->T, H))};
    float *a = malloc(n * sizeof *a), decay[16];
    for (size_t i = 0; i < n; i++) a[i] = 3 * check_uniform(&seed);
    a[0] = 30, a[n - 1] = -30; /* both straight parts of softplus */
    for (size_t i = 0; i < H; i++) decay[i] = 0.5f * check_uniform(&seed) - 0.51f;
    decay[0] = -20; /* a head that forgets at once, and one that hardly does */
    decay[H - 1] = -1e-4f;
    r.decay = vector(H, 0);
    pair_write(&r.a, a), pair_write(&r.decay, decay);
    free(a);
    r.beta = pair_matrix(pair_random(DTYPE_F32, 1, s->T, H, 3));
    r.dt = vector(H, 1);
    r.state = pair_random(DTYPE_F32, H, p->v_head_dim, p->k_head_dim, 0.3f);
    return r;
}

/* All tokens with the portable op, in pieces on the GPU. */
static void run_rule(rule *r, const struct shape *s, enum delta_form form, size_t piece, double worst[2])
{
    static const char *const names[] = {"", "delta_rule, recurrent", "delta_rule, chunked"};
    pair o = pair_matrix(pair_new(DTYPE_F32, 1, s->T, (size_t)s->p.n_v_heads * s->p.v_head_dim));
    float *start = malloc(tensor_bytes(r->state.at[ON_CPU]));
    webgpu_read(ON_CPU, start, r->state.at[ON_CPU]);
    pair_write(&r->state, start);
    on[ON_CPU]->ops->delta_rule(on[ON_CPU], o.at[ON_CPU], r->qkv.at[ON_CPU], r->a.at[ON_CPU], r->beta.at[ON_CPU], r->decay.at[ON_CPU],
                                r->dt.at[ON_CPU], r->state.at[ON_CPU], &s->p);
    for (size_t at = 0; at < s->T; at += piece) {
        size_t n = piece < s->T - at ? piece : s->T - at;
        webgpu_delta_rule(webgpu_of(on[ON_GPU]), form, tensor_rows(o.at[ON_GPU], at, n), tensor_rows(r->qkv.at[ON_GPU], at, n),
                          tensor_rows(r->a.at[ON_GPU], at, n), tensor_rows(r->beta.at[ON_GPU], at, n), r->decay.at[ON_GPU],
                          r->dt.at[ON_GPU], r->state.at[ON_GPU], &s->p);
    }
    const char *name = name_of(s, "in pieces of ", piece);
    worst[0] = fmax(worst[0], pair_check(names[form], name, &o, BOUND));
    worst[1] = fmax(worst[1], pair_check("state of delta_rule", name, &r->state, BOUND));
    on[ON_CPU]->ops->write(on[ON_CPU], r->state.at[ON_CPU], start); /* every run begins with the same */
    free(start);
}

static void test_rule(void)
{
    enum { CHUNKED_SMALL = DELTA_CHUNKED + 1 }; /* in the workgroup memory that every device has */
    static const char *const names[] = {"", "delta_rule, recurrent", "delta_rule, chunked", "delta_rule, small chunks"};
    gpu_info *info = webgpu_features(on[ON_GPU]);
    uint32_t room = info->max_workgroup_bytes;
    for (int which = DELTA_RECURRENT; which <= CHUNKED_SMALL; which++) {
        double worst[2] = {0};
        int form = which == CHUNKED_SMALL ? DELTA_CHUNKED : which;
        info->max_workgroup_bytes = which == CHUNKED_SMALL ? 16 << 10 : 32 << 10;
        if (info->max_workgroup_bytes > room) continue;
        for (size_t i = 0; i < N_SHAPES; i++) {
            rule r = rule_new(&shapes[i]);
            run_rule(&r, &shapes[i], (enum delta_form)form, shapes[i].T, worst);
            if (shapes[i].T > 2) run_rule(&r, &shapes[i], (enum delta_form)form, shapes[i].T / 3 + 1, worst);
            pairs_free();
        }
        printf("  %-24s %.1e of %.0e, state %.1e\n", names[which], worst[0], BOUND, worst[1]);
    }
    info->max_workgroup_bytes = room;
}

/* ---- the mixer ---- */

/* Three calls on the same states: T tokens, then one, then one. */
static void test_mixer(void)
{
    double worst[2] = {0};
    for (size_t i = 0; i < N_SHAPES; i++) {
        struct shape s = shapes[i];
        size_t C = width_of(&s.p), H = s.p.n_v_heads, V = H * s.p.v_head_dim, K = s.kernel;
        rule r = rule_new(&s);
        pair w = pair_matrix(pair_random(DTYPE_F32, 1, C, K, 1)), conv_state = pair_matrix(pair_random(DTYPE_F32, 1, K - 1, C, 2));
        pair norm = vector(s.p.v_head_dim, 2);
        for (size_t call = 0; call < 3; call++) {
            pair qkv = pair_matrix(pair_random(DTYPE_F32, 1, s.T, C, 2)), conv = pair_matrix(pair_new(DTYPE_F32, 1, s.T, C));
            pair z = pair_matrix(pair_random(DTYPE_F32, 1, s.T, V, 2)), o = pair_matrix(pair_new(DTYPE_F32, 1, s.T, V));
            pair a = pair_matrix(pair_random(DTYPE_F32, 1, s.T, H, 3)), beta = pair_matrix(pair_random(DTYPE_F32, 1, s.T, H, 3));
            FOR_BOTH
            {
                const delta_mixer_args args = {
                    .qkv = qkv.at[b], .conv = conv.at[b], .z = z.at[b], .a = a.at[b], .beta = beta.at[b], .conv_w = w.at[b],
                    .decay = r.decay.at[b], .dt_bias = r.dt.at[b], .norm = norm.at[b], .conv_state = conv_state.at[b],
                    .delta_state = r.state.at[b], .p = s.p, .eps = 1e-6f,
                };
                on[b]->ops->delta_mixer(on[b], o.at[b], &args);
            }
            const char *name = name_of(&s, "call ", call);
            worst[0] = fmax(worst[0], pair_check("delta_mixer", name, &o, BOUND));
            worst[1] = fmax(worst[1], pair_check("state of delta_mixer", name, &r.state, BOUND));
            pair_check_bits("convolution's state of delta_mixer", name, &conv_state);
            s.T = 1;
        }
        pairs_free();
    }
    printf("  %-24s %.1e of %.0e, state %.1e\n", "delta_mixer", worst[0], BOUND, worst[1]);
}

/* ---- the whole mixer of a layer ---- */

typedef struct linear_pair {
    linear at[2];
} linear_pair;
static linear_pair linear_new(size_t N, size_t K)
{
    linear_pair l = {0};
    float *w = malloc(N * K * sizeof *w);
    for (size_t i = 0; i < N * K; i++) w[i] = check_uniform(&seed) / 4;
    FOR_BOTH
    {
        error e = {0};
        l.at[b].w = (tensor){.type = DTYPE_F32, .n_dims = 2, .shape = {N, K, 1, 1}};
        CHECK(!on[b]->ops->weight_load(on[b], &l.at[b].w, w, false, &e), "%s", e.message);
    }
    free(w);
    return l;
}
static tensor values(tensor t, size_t first, size_t n, bool is_vector)
{
    t.offset_bytes += first * sizeof(float);
    t.n_dims = is_vector ? 1 : 2;
    t.shape[0] = is_vector ? n : 1, t.shape[1] = is_vector ? 1 : n, t.shape[2] = 1;
    return t;
}

/* One token after another as a session records them: inputs in one buffer, room behind the output. Widths that are no multiple of
 * a column tile (256), too. */
static void test_layer(void)
{
    double worst[2] = {0};
    for (size_t i = 0; i < N_SHAPES; i++) {
        const delta_params p = shapes[i].p;
        size_t D = 40 + 24 * i, C = width_of(&p), H = p.n_v_heads, V = H * p.v_head_dim, K = shapes[i].kernel;
        linear_pair in[4] = {linear_new(C, D), linear_new(V, D), linear_new(H, D), linear_new(H, D)}, out = linear_new(D, V);
        pair x = pair_matrix(pair_random(DTYPE_F32, 1, 1, D, 1)), h = pair_matrix(pair_new(DTYPE_F32, 1, 1, D)), in_norm = vector(D, 2);
        pair row = pair_new(DTYPE_F32, 1, 1, C + V + 2 * H), conv = pair_matrix(pair_new(DTYPE_F32, 1, 1, C));
        pair o = pair_new(DTYPE_F32, 1, 1, V + 8 * H), small = vector(p.v_head_dim + 2 * H, 0.5f);
        pair w = pair_matrix(pair_random(DTYPE_F32, 1, C, K, 1)), conv_state = pair_matrix(pair_random(DTYPE_F32, 1, K - 1, C, 2));
        pair state = pair_random(DTYPE_F32, H, p.v_head_dim, p.k_head_dim, 0.3f);
        for (size_t call = 0; call < 3; call++) {
            FOR_BOTH
            {
                const deltanet_args a = {
                    .x = x.at[b], .in_norm = in_norm.at[b], .h = h.at[b], .o = values(o.at[b], 0, V, false),
                    .in_qkv = &in[0].at[b], .in_z = &in[1].at[b], .in_a = &in[2].at[b], .in_b = &in[3].at[b], .out = &out.at[b],
                    .mixer = {.qkv = values(row.at[b], 0, C, false), .conv = conv.at[b], .z = values(row.at[b], C, V, false),
                              .a = values(row.at[b], C + V, H, false), .beta = values(row.at[b], C + V + H, H, false), .conv_w = w.at[b],
                              .decay = values(small.at[b], p.v_head_dim, H, true), .dt_bias = values(small.at[b], p.v_head_dim + H, H, true),
                              .norm = values(small.at[b], 0, p.v_head_dim, true), .conv_state = conv_state.at[b],
                              .delta_state = state.at[b], .p = p, .eps = 1e-6f},
                };
                on[b]->ops->gated_deltanet(on[b], &a);
            }
            const char *name = name_of(&shapes[i], "one token, call ", call);
            worst[0] = fmax(worst[0], pair_check("gated_deltanet", name, &x, BOUND));
            worst[1] = fmax(worst[1], pair_check("state of gated_deltanet", name, &state, BOUND));
            worst[1] = fmax(worst[1], pair_check("convolution's state of gated_deltanet", name, &conv_state, BOUND));
        }
        webgpu_submit();
        for (int b = 0; b < 2; b++) {
            for (int k = 0; k < 4; k++) on[b]->ops->buffer_destroy(on[b], in[k].at[b].w.buffer);
            on[b]->ops->buffer_destroy(on[b], out.at[b].w.buffer);
        }
        pairs_free();
    }
    printf("  %-24s %.1e of %.0e, states %.1e\n", "gated_deltanet", worst[0], BOUND, worst[1]);
}

int main(void)
{
    if (!webgpu_test_open("ops/webgpu_delta")) return 0;
    test_rule();
    test_mixer();
    test_layer();
    return webgpu_test_close();
}
