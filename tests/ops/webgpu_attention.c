/*
 * Attention on the GPU against the portable ops: causal over a cache in both forms, the whole mixer, and segments.
 *
 * Tolerance, as normalised mean squared error: f32 sums and exponentials against double and expf, observed at most 1e-12. A mixer
 * that stores f16 may round a value between two halves the other way: at most 1e-10. Tiles of f16 round queries, keys, values and
 * weights by up to 2^-12 of each: 2e-4 of a score's terms in the mean, and of what is added up, together about 3e-7, and four times that
 * where a device rounds towards zero. A wrong row, head or mask gives 1e-3 and more. Rows of the caches that no token sees are NaN.
 */
#include "webgpu_test.h"

#include "backend/webgpu/ops_attention.h"
#include "backend/webgpu/weight.h"

static const double BOUND = 1e-11, F16_BOUND = 1e-8, TILES_BOUND = 2e-6;

/* Whether many queries go through tiles of f16. Software adapters that have them are slow: shapes of ten thousand scores do. */
static bool has_f16_tiles(void) { return webgpu_features(on[ON_GPU])->f16; }
static bool takes_long(size_t T, size_t n_keys) { return has_f16_tiles() && on[ON_GPU]->is_software && T * n_keys > 12000; }

typedef struct shape {
    size_t T, pos;
    uint32_t n_heads, n_kv, head_dim;
    bool f16;
} shape;

/* Three sorts of heads alone, since a software adapter takes seconds to compile a kernel for each; 64 in tiles only. */
static const shape shapes[] = {
    {1, 0, 8, 2, 256, true},    {1, 1, 8, 2, 256, true},    {1, 255, 8, 2, 256, true},  {1, 1000, 8, 2, 256, true},
    {2, 31, 6, 2, 256, true},   {7, 0, 8, 2, 256, true},    {33, 100, 8, 2, 256, true}, {1, 32, 3, 3, 40, false},
    {1, 2500, 5, 1, 40, false}, {4, 63, 2, 2, 40, false},   {7, 255, 6, 1, 40, false},  {64, 1, 2, 2, 40, false},
    {100, 255, 6, 2, 40, false}, {33, 1000, 4, 1, 64, true}, {257, 0, 4, 2, 64, true},
};
enum { N_SHAPES = sizeof shapes / sizeof *shapes };

static const char *name_of(const shape *s)
{
    static char name[96];
    snprintf(name, sizeof name, "T %zu at %zu, %u heads on %u of %u, %s", s->T, s->pos, s->n_heads, s->n_kv, s->head_dim,
             s->f16 ? "f16" : "f32");
    return name;
}

/* Caches with n rows filled by kv_store. */
static void fill_caches(pair caches[2], const shape *s, size_t n)
{
    for (int i = 0; i < 2; i++) caches[i] = pair_new(s->f16 ? DTYPE_F16 : DTYPE_F32, s->n_kv, s->pos + s->T + 3, s->head_dim);
    if (!n) return;
    pair k = pair_matrix(pair_random(DTYPE_F32, 1, n, s->n_kv * s->head_dim, 2));
    pair v = pair_matrix(pair_random(DTYPE_F32, 1, n, s->n_kv * s->head_dim, 1));
    FOR_BOTH on[b]->ops->kv_store(on[b], caches[0].at[b], caches[1].at[b], k.at[b], v.at[b], 0);
}

static void test_attention(void)
{
    double worst[3] = {0};
    static const char *const names[] = {"", "attention, split", "attention, tiles"};
    for (size_t i = 0; i < N_SHAPES; i++) {
        const shape *s = &shapes[i];
        if (takes_long(s->T, s->pos + s->T) || (has_f16_tiles() && s->T <= 4)) continue; /* (few queries never meet a tile) */
        pair caches[2], q = pair_matrix(pair_random(DTYPE_F32, 1, s->T, s->n_heads * s->head_dim, 2));
        pair o = pair_matrix(pair_new(DTYPE_F32, 1, s->T, s->n_heads * s->head_dim));
        fill_caches(caches, s, s->pos + s->T);
        float scale = 1 / sqrtf((float)s->head_dim);
        on[ON_CPU]->ops->attention(on[ON_CPU], o.at[ON_CPU], q.at[ON_CPU], caches[0].at[ON_CPU], caches[1].at[ON_CPU], s->pos,
                                   s->n_heads, scale);
        for (int form = ATTENTION_SPLIT; form <= ATTENTION_TILES; form++) {
            if (form == ATTENTION_SPLIT && (s->T > 40 || s->head_dim == 64 || has_f16_tiles())) continue; /* (no such form) */
            webgpu_attention(webgpu_of(on[ON_GPU]), (enum attention_form)form, o.at[ON_GPU], q.at[ON_GPU], caches[0].at[ON_GPU],
                             caches[1].at[ON_GPU], s->pos, s->n_heads, scale);
            double bound = form == ATTENTION_TILES && has_f16_tiles() ? TILES_BOUND : BOUND;
            double err = pair_check(names[form], name_of(s), &o, bound);
            if (err > worst[form]) worst[form] = err;
        }
        pairs_free();
    }
    for (int form = 1; form <= 2; form++) printf("  %-24s %.1e\n", names[form], worst[form]);
}

/* Values first .. first+n-1 of the only row. */
static pair part(pair row, size_t first, size_t n)
{
    FOR_BOTH row.at[b].offset_bytes += first * sizeof(float), row.at[b].shape[1] = n;
    return row;
}

/* The mixer, then one more token that reads what the first ones stored. `joined`: single tokens have their projections in one buffer,
 * as a session has them, so that keys and values are stored where the cache is read. */
static void test_mixer(bool joined)
{
    double worst[2] = {0};
    for (size_t i = 0; i < N_SHAPES; i++) {
        shape s = shapes[i];
        if (s.head_dim == 64 || (joined && s.T > 1 && s.T != 7)) continue;
        uint32_t Q = s.n_heads * s.head_dim, KV = s.n_kv * s.head_dim, n_freq = s.head_dim / 8 ? s.head_dim / 8 : 1;
        pair caches[2], q_norm = pair_random(DTYPE_F32, 1, 1, s.head_dim, 2), k_norm = pair_random(DTYPE_F32, 1, 1, s.head_dim, 2);
        FOR_BOTH q_norm.at[b].n_dims = k_norm.at[b].n_dims = 1, q_norm.at[b].shape[0] = k_norm.at[b].shape[0] = s.head_dim;
        fill_caches(caches, &s, s.pos);
        for (int again = 0; again < 2; again++) {
            pair qg = pair_matrix(pair_random(DTYPE_F32, 1, s.T, 2 * Q, 2)), k = pair_matrix(pair_random(DTYPE_F32, 1, s.T, KV, 2));
            pair v = pair_matrix(pair_random(DTYPE_F32, 1, s.T, KV, 1)), cs = pair_matrix(pair_random(DTYPE_F32, 1, s.T, 2 * n_freq, 1));
            if (joined && s.T == 1) {
                pair row = pair_matrix(pair_random(DTYPE_F32, 1, 1, 2 * Q + 2 * KV, 2));
                qg = part(row, 0, 2 * Q), k = part(row, 2 * Q, KV), v = part(row, 2 * Q + KV, KV);
            }
            pair q = pair_matrix(pair_new(DTYPE_F32, 1, s.T, Q)), o = pair_matrix(pair_new(DTYPE_F32, 1, s.T, Q));
            FOR_BOTH
            {
                const attention_mixer_args a = {
                    .query_gate = qg.at[b], .q = q.at[b], .k = k.at[b], .v = v.at[b],
                    .queries = {s.n_heads, s.head_dim, 0, 2 * s.head_dim}, .gates = {s.n_heads, s.head_dim, s.head_dim, 2 * s.head_dim},
                    .q_norm = q_norm.at[b], .k_norm = k_norm.at[b], .cs = cs.at[b],
                    .k_cache = caches[0].at[b], .v_cache = caches[1].at[b], .pos = s.pos,
                    .n_heads = s.n_heads, .n_kv_heads = s.n_kv, .head_dim = s.head_dim,
                    .scale = 1 / sqrtf((float)s.head_dim), .eps = 1e-6f,
                };
                on[b]->ops->attention_mixer(on[b], o.at[b], &a);
            }
            double err = pair_check("attention_mixer", name_of(&s), &o, s.f16 ? F16_BOUND : BOUND);
            if (err > worst[s.f16]) worst[s.f16] = err;
            s.pos += s.T, s.T = 1;
        }
        pairs_free();
    }
    printf("  %-24s %.1e of %.0e with f32, %.1e of %.0e with f16\n", joined ? "attention_mixer, joined" : "attention_mixer", worst[0], BOUND, worst[1], F16_BOUND);
}

/* Values that f16 cannot hold, each row seeing one alone; and weights that f16 cannot hold beside one of 1, of large values: together
 * they are a third of the result. */
static void test_large(void)
{
    enum { N = 20, DIM = 64, ROW = 3 * DIM, MANY = 200 };
    float *rows = calloc(MANY * ROW, sizeof *rows);
    pair one = pair_matrix(pair_new(DTYPE_F32, 1, N, ROW)), o = pair_matrix(pair_new(DTYPE_F32, 1, N, DIM));
    size_t starts[N + 1];
    for (size_t i = 0; i <= N; i++) starts[i] = i;
    for (size_t i = 0; i < N * ROW; i++) rows[i] = i % ROW < 2 * DIM ? check_uniform(&seed) : i % 2 ? 65504 : -65504;
    on[ON_CPU]->ops->write(on[ON_CPU], one.at[ON_CPU], rows);
    for (size_t i = 0; i < N * ROW; i++) rows[i] *= i % ROW < 2 * DIM ? 1 : 1e6f;
    on[ON_GPU]->ops->write(on[ON_GPU], one.at[ON_GPU], rows);
    FOR_BOTH on[b]->ops->segment_attention(on[b], o.at[b], one.at[b], starts, N, 1, 0.125f);
    pair_check("segment_attention", "values too large for f16", &o, TILES_BOUND);
    pairs_free();

    memset(rows, 0, MANY * ROW * sizeof *rows);
    for (size_t i = 0; i < MANY; i++) {
        rows[i * ROW] = 1; /* the score is the key's first number */
        rows[i * ROW + DIM] = i ? -16.9375f : 0;
        for (size_t k = 0; k < DIM; k++) rows[i * ROW + 2 * DIM + k] = i ? 40960 + 32 * (float)(k % 7) : 1;
    }
    pair many = pair_matrix(pair_new(DTYPE_F32, 1, MANY, ROW)), y = pair_matrix(pair_new(DTYPE_F32, 1, MANY, DIM));
    pair_write(&many, rows);
    FOR_BOTH on[b]->ops->segment_attention(on[b], y.at[b], many.at[b], (const size_t[]){0, MANY}, 1, 1, 1);
    pair_check("segment_attention", "weights too small for f16", &y, TILES_BOUND);
    pairs_free();
    free(rows);
}

static void test_segments(void)
{
    static const struct {
        uint32_t n_heads, head_dim;
        size_t n_segments, starts[5];
    } cases[] = {{1, 64, 1, {0, 1}}, {2, 64, 4, {0, 0, 7, 7, 20}}, {2, 64, 1, {0, 100}}, {3, 64, 3, {0, 196, 230, 262}}, {2, 72, 1, {0, 257}}};
    double worst = 0;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        if (takes_long(cases[i].starts[cases[i].n_segments], cases[i].starts[1])) continue;
        size_t N = cases[i].starts[cases[i].n_segments], D = (size_t)cases[i].n_heads * cases[i].head_dim;
        char of_case[64];
        snprintf(of_case, sizeof of_case, "%zu rows, %u heads of %u", N, cases[i].n_heads, cases[i].head_dim);
        pair qkv = pair_matrix(pair_random(DTYPE_F32, 1, N, 3 * D, 2)), o = pair_matrix(pair_new(DTYPE_F32, 1, N, D));
        float scale = 1 / sqrtf((float)cases[i].head_dim);
        FOR_BOTH on[b]->ops->segment_attention(on[b], o.at[b], qkv.at[b], cases[i].starts, cases[i].n_segments, cases[i].n_heads, scale);
        double err = pair_check("segment_attention", of_case, &o, has_f16_tiles() ? TILES_BOUND : BOUND);
        if (err > worst) worst = err;
        pairs_free();
    }
    printf("  %-24s %.1e\n", "segment_attention", worst);
}

int main(int argc, char **argv)
{
    bool f16_only = argc > 1 && !strcmp(argv[1], "f16");
    if (!webgpu_test_open("ops/webgpu_attention")) return 0;
    uint32_t *f16 = &webgpu_features(on[ON_GPU])->f16, has_f16 = *f16;
    *f16 = 0;
    printf("  bounds: %.0e; %.0e where f16 is stored, %.0e with tiles of f16\n", BOUND, F16_BOUND, TILES_BOUND);
    CHECK(has_f16 || !f16_only, "the adapter has no f16");
    if (!f16_only) {
        test_attention();
        test_mixer(false);
        test_mixer(true);
        test_segments();
    }
    if (has_f16) {
        *f16 = has_f16;
        printf("  with tiles of f16:\n");
        test_attention();
        test_large();
        test_segments();
    }
    return webgpu_test_close();
}
