/*
 * The device's choice of a token against the engine's sampler: the same id for the same logits, parameters and draw.
 *
 * Greedy must agree always. A drawn token may differ where u falls within rounding of the border between two ids, or a nucleus ends
 * within rounding of top_p: sums are whole numbers here, f32 and double in the sampler. At most one draw in a thousand (observed: none).
 */
#include "webgpu_test.h"

#include "engine/sample.h"

enum { MAX_DRAWS = 32 };
static size_t n_drawn, n_differ;

typedef struct trial {
    size_t V, n_runs;
    const id_run *run;
    pair logits, counts, runs, ids, ring; /* the CPU's halves are not used */
    int32_t *count;                       /* as the device should have them */
} trial;

static trial trial_new(size_t V, const id_run *run, size_t n_runs)
{
    trial t = {
        .V = V, .n_runs = n_runs, .run = run, .count = calloc(V, sizeof(int32_t)),
        .logits = pair_matrix(pair_new(DTYPE_F32, 1, 1, V)), .counts = pair_matrix(pair_new(DTYPE_I32, 1, 1, V)),
        .runs = pair_matrix(pair_new(DTYPE_I32, 1, n_runs, 2)), .ids = pair_matrix(pair_new(DTYPE_I32, 1, 1, 4)),
        .ring = pair_matrix(pair_new(DTYPE_I32, 1, 1, MAX_DRAWS)),
    };
    pair_write(&t.runs, run);
    return t;
}
static void trial_free(trial *t)
{
    free(t->count);
    pairs_free();
}

/* n tokens from the same logits with both; counts grow on the way. */
static void compare(trial *t, float *logits, const sample_params *p, const int32_t *prompt, size_t n_prompt, size_t n, const char *of_case)
{
    const galago_generate_params g = {.temperature = p->temperature, .top_p = p->top_p, .min_p = p->min_p, .top_k = p->top_k,
                                      .seed = p->seed, .repetition_penalty = p->repetition_penalty,
                                      .presence_penalty = p->presence_penalty, .frequency_penalty = p->frequency_penalty};
    backend *gpu = on[ON_GPU];
    error e = {0};
    sampler *s;
    if (sampler_create(t->V, t->run, t->n_runs, 4096, &s, &e)) {
        CHECK(false, "%s", e.message);
        return;
    }
    sampler_begin(s, &g, prompt, n_prompt, NULL, 0);
    memset(t->count, 0, t->V * sizeof *t->count);
    for (size_t i = 0; i < n_prompt; i++) t->count[prompt[i]] |= 1 << 24;
    gpu->ops->write(gpu, t->counts.at[ON_GPU], t->count);
    gpu->ops->write(gpu, t->logits.at[ON_GPU], logits);
    for (size_t i = 0; i < n; i++)
        gpu->ops->sample(gpu, t->ids.at[ON_GPU], t->ring.at[ON_GPU], i, t->logits.at[ON_GPU], t->counts.at[ON_GPU], t->runs.at[ON_GPU], p,
                         (uint32_t)i);
    int32_t got[MAX_DRAWS], last[4], *counts = malloc(t->V * sizeof *counts);
    webgpu_read(ON_GPU, got, t->ring.at[ON_GPU]);
    webgpu_read(ON_GPU, last, t->ids.at[ON_GPU]);
    webgpu_read(ON_GPU, counts, t->counts.at[ON_GPU]);
    CHECK(last[0] == got[n - 1], "%s: id %d, in the ring %d", of_case, last[0], got[n - 1]);
    bool apart = false;
    for (size_t i = 0; i < n; i++) {
        if (got[i] >= 0 && (size_t)got[i] < t->V) t->count[got[i]]++;
        if (apart) continue; /* penalties see other counts now */
        int32_t want = sampler_next(s, logits);
        n_drawn++;
        if (got[i] == want) continue;
        n_differ++, apart = true;
        printf("  %s: draw %zu: id %d, the sampler chooses %d\n", of_case, i, got[i], want);
        CHECK(p->temperature >= 1e-5f && want >= 0, "%s: draw %zu: this choice leaves no room", of_case, i);
    }
    CHECK(memcmp(counts, t->count, t->V * sizeof *counts) == 0, "%s: counts", of_case);
    free(counts);
    sampler_destroy(s);
}

static const sample_params settings[] = {
    {.temperature = 0},
    {.temperature = 0, .repetition_penalty = 1.3f, .presence_penalty = 0.5f, .frequency_penalty = 0.2f},
    {.temperature = 1},
    {.temperature = 0.7f, .top_p = 0.8f, .top_k = 20},
    {.temperature = 1, .top_p = 0.95f},
    {.temperature = 1.5f, .min_p = 0.05f, .repetition_penalty = 1.1f},
    {.temperature = 0.6f, .top_k = 300, .presence_penalty = 1.5f},
    {.temperature = 2, .top_k = 7, .top_p = 0.5f, .min_p = 0.01f, .frequency_penalty = -0.3f},
    {.temperature = 1, .top_p = 1e-6f},
    {.temperature = 1, .top_k = 1},
};
enum { N_SETTINGS = sizeof settings / sizeof *settings };

/* Logits as models have them, a few high and many low; nearly flat; with many equal values; spread wide. */
static void fill(float *x, size_t V, int kind)
{
    for (size_t i = 0; i < V; i++) {
        float u = check_uniform(&seed), w = check_uniform(&seed);
        if (kind == 0) x[i] = 4 * (u + w) + 12 * u * u * u * w * w * w;
        if (kind == 1) x[i] = 0.01f * u - 3;
        if (kind == 2) x[i] = (float)(int)(3 * u);
        if (kind == 3) x[i] = 30 * u - 40;
    }
}

static void test_settings(void)
{
    static const id_run all[] = {{0, 5000}}, some[] = {{3, 700}, {701, 4000}, {4100, 4999}}, large[] = {{0, 248077}};
    static const int32_t prompt[] = {5, 17, 17, 3999, 42, 600};
    static const struct {
        size_t V, n_runs, n;
        const id_run *runs;
        int n_kinds;
    } sizes[] = {{5000, 1, 3, all, 4}, {5000, 3, 6, some, 4}, {248320, 1, 1, large, 1}};
    for (size_t size = 0; size < sizeof sizes / sizeof *sizes; size++) {
        trial t = trial_new(sizes[size].V, sizes[size].runs, sizes[size].n_runs);
        float *logits = malloc(t.V * sizeof *logits);
        for (int kind = 0; kind < sizes[size].n_kinds; kind++)
            for (size_t i = 0; i < N_SETTINGS; i++) {
                fill(logits, t.V, kind);
                sample_params p = settings[i];
                p.seed = 0x123456789abcdefull * (i + 1) + (uint64_t)kind;
                char of_case[96];
                snprintf(of_case, sizeof of_case, "V %zu, %zu runs, logits %d, setting %zu", t.V, t.n_runs, kind, i);
                bool covers_prompt = p.repetition_penalty != 0;
                compare(&t, logits, &p, prompt, covers_prompt ? 6 : 0, sizes[size].n, of_case);
            }
        free(logits);
        trial_free(&t);
    }
}

/* The same logits, parameters and seed give the same draws, another seed others. */
static void test_seeds(void)
{
    static const id_run all[] = {{0, 5000}};
    trial t = trial_new(5000, all, 1);
    float *logits = malloc(t.V * sizeof *logits);
    int32_t first[MAX_DRAWS], again[MAX_DRAWS];
    fill(logits, t.V, 1);
    sample_params p = {.temperature = 1, .seed = 7};
    compare(&t, logits, &p, NULL, 0, MAX_DRAWS, "seed 7");
    webgpu_read(ON_GPU, first, t.ring.at[ON_GPU]);
    compare(&t, logits, &p, NULL, 0, MAX_DRAWS, "seed 7 again");
    webgpu_read(ON_GPU, again, t.ring.at[ON_GPU]);
    CHECK(memcmp(first, again, sizeof first) == 0, "one seed gives two answers");
    p.seed = 7ull << 32;
    compare(&t, logits, &p, NULL, 0, MAX_DRAWS, "seed 7 * 2^32");
    webgpu_read(ON_GPU, again, t.ring.at[ON_GPU]);
    CHECK(memcmp(first, again, sizeof first) != 0, "two seeds give one answer");
    free(logits);
    trial_free(&t);
}

/* No numbers, no finite ones, few of them, one infinite, both zeros. */
static void test_odd_logits(void)
{
    static const id_run some[] = {{2, 300}};
    trial t = trial_new(301, some, 1);
    float logits[301];
    for (int kind = 0; kind < 6; kind++)
        for (size_t i = 0; i < N_SETTINGS; i++) {
            for (size_t j = 0; j < 301; j++) logits[j] = kind == 0 ? NAN : kind == 1 ? -INFINITY : 1;
            logits[0] = logits[300] = 100;
            for (size_t j = 2; j < 300; j++) {
                if (kind == 2) logits[j] = j % 2 ? NAN : -0.5f * (float)(j % 5);
                if (kind == 4) logits[j] = j == 250 ? -3.0f : -INFINITY;
                if (kind == 5) logits[j] = j % 2 ? 0.0f : -0.0f;
            }
            if (kind == 3) logits[77] = INFINITY;
            sample_params p = settings[i];
            p.seed = i;
            char of_case[64];
            snprintf(of_case, sizeof of_case, "odd logits %d, setting %zu", kind, i);
            compare(&t, logits, &p, NULL, 0, 2, of_case);
        }
    trial_free(&t);
}

int main(void)
{
    if (!webgpu_test_open("ops/webgpu_sample")) return 0;
    test_settings();
    test_seeds();
    test_odd_logits();
    printf("  %zu of %zu tokens differ\n", n_differ, n_drawn);
    CHECK(n_differ * 1000 <= n_drawn, "%zu of %zu tokens differ from the sampler's", n_differ, n_drawn);
    return webgpu_test_close();
}
