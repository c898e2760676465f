/* The sampler: every filter against probabilities computed plainly in double, penalties, ties, seeds,
 * speed-independent. */
#include "engine/sample.h"

#include "check.h"
#include <math.h>
#include <stdlib.h>

enum { N = 40 };
/* Ids 30..33 are undefined. */
static const id_run runs[] = {{0, 30}, {34, N}};
static bool defined(int id) { return id < 30 || id >= 34; }

/* The definition, written the obvious way: everything sorted, everything in double. */
static void exact_probabilities(const float *logits, const galago_generate_params *p, double *out)
{
    int order[N], n = 0;
    for (int i = 0; i < N; i++)
        if (defined(i)) order[n++] = i;
    for (int i = 1; i < n; i++)
        for (int j = i; j > 0 && logits[order[j]] > logits[order[j - 1]]; j--) {
            int t = order[j];
            order[j] = order[j - 1], order[j - 1] = t;
        }
    if (p->top_k && (int)p->top_k < n) n = (int)p->top_k;
    double w[N], total = 0;
    for (int i = 0; i < n; i++)
        total += w[i] = exp((double)(logits[order[i]] - logits[order[0]]) / (double)p->temperature);
    if (p->top_p > 0 && p->top_p < 1) {
        double mass = 0;
        for (int i = 0; i < n; i++)
            if ((mass += w[i]) >= (double)p->top_p * total) n = i + 1;
    }
    int kept = n;
    for (int i = 0; i < n; i++)
        if (w[i] < (double)p->min_p * w[0] && i < kept) kept = i;
    for (int i = 0; i < N; i++) out[i] = 0;
    total = 0;
    for (int i = 0; i < kept; i++) total += w[i];
    for (int i = 0; i < kept; i++) out[order[i]] = w[i] / total;
}

static void fill(float *logits, size_t n, unsigned long long seed, float spread)
{
    for (size_t i = 0; i < n; i++) logits[i] = spread * check_uniform(&seed);
}

/* Chi-square of 40,000 draws. With at most 35 degrees of freedom the statistic exceeds 80 with probability
 * below 1e-5; a filter that keeps one id too many or too few, or a wrong temperature, gives hundreds. The
 * seed is fixed, so the test cannot fail by chance. */
static void test_distribution(void)
{
    static const struct {
        float temperature;
        uint32_t top_k;
        float top_p, min_p;
    } cases[] = {
        {1, 0, 0, 0},         {0.7f, 0, 0, 0},         {2, 0, 0, 0},    {1, 5, 0, 0},    {1, 1, 0, 0},
        {0.7f, 20, 0.8f, 0},  {1, 0, 0.9f, 0},         {1, 0, 0.3f, 0}, {1, 0, 0, 0.1f}, {1.5f, 0, 0, 0.02f},
        {1, 20, 0.95f, 0.1f}, {0.9f, 0, 0.95f, 0.05f}, {1, 1000, 1, 0}, {1, 36, 0, 0},   {1, 35, 0.999f, 0},
    };
    for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
        galago_generate_params p = {.temperature = cases[c].temperature,
                                    .top_k = cases[c].top_k,
                                    .top_p = cases[c].top_p,
                                    .min_p = cases[c].min_p,
                                    .seed = 7};
        float logits[N];
        fill(logits, N, 11 + c, 3);
        for (int i = 30; i < 34; i++) logits[i] = 50; /* the best ones are not defined */
        double want[N];
        exact_probabilities(logits, &p, want);
        sampler *s;
        CHECK(!sampler_create(N, runs, 2, 1 << 16, &s, NULL), "create");
        sampler_begin(s, &p, NULL, 0, NULL, 0);
        enum { DRAWS = 40000 };
        int count[N] = {0}, outside = 0;
        for (int i = 0; i < DRAWS; i++) {
            int32_t id = sampler_next(s, logits);
            if (id < 0 || id >= N || want[id] == 0)
                outside++;
            else
                count[id]++;
        }
        double chi = 0;
        for (int i = 0; i < N; i++)
            if (want[i] > 0) {
                double d = count[i] - want[i] * DRAWS;
                chi += d * d / (want[i] * DRAWS);
            }
        CHECK(outside == 0, "case %zu: %d draws outside the kept ids", c, outside);
        CHECK(chi < 80, "case %zu: chi-square %g", c, chi);
        sampler_destroy(s);
    }
}

static void test_greedy(void)
{
    float logits[N];
    sampler *s;
    sampler_create(N, runs, 2, 100, &s, NULL);
    galago_generate_params p = {0};
    sampler_begin(s, &p, NULL, 0, NULL, 0);
    for (int best = 0; best < N; best++) {
        for (int i = 0; i < N; i++) logits[i] = i == best ? 1.0f : 0.0f;
        int32_t id = sampler_next(s, logits);
        CHECK(id == (defined(best) ? best : 0), "best %d, chosen %d", best, id);
    }
    for (int i = 0; i < N; i++) logits[i] = i >= 7 ? 2.0f : 1.0f;
    CHECK(sampler_next(s, logits) == 7, "ties go to the lowest id");
    for (int i = 0; i < N; i++) logits[i] = i % 2 ? NAN : -INFINITY;
    CHECK(sampler_next(s, logits) == -1, "nothing to choose");
    logits[35] = -1e30f;
    CHECK(sampler_next(s, logits) == 35, "the only number");
    logits[3] = INFINITY;
    CHECK(sampler_next(s, logits) == -1, "infinity is a fault");
    p.temperature = 1;
    sampler_begin(s, &p, NULL, 0, NULL, 0);
    CHECK(sampler_next(s, logits) == -1, "infinity is a fault when sampling, too");
    /* What is no number, or minus infinity, has no mass: neither block by block nor one by one. */
    for (int k = 0; k < 2; k++) {
        for (int i = 0; i < N; i++) logits[i] = i == (k ? 5 : 35) ? 1 : i % 2 ? NAN : -INFINITY;
        for (int i = 0; i < 20; i++) CHECK(sampler_next(s, logits) == (k ? 5 : 35), "what is no number has no mass");
    }
    /* top-k 1 is greedy, ties included. */
    p.top_k = 1;
    sampler_begin(s, &p, NULL, 0, NULL, 0);
    for (int i = 0; i < N; i++) logits[i] = i >= 7 ? 2.0f : 1.0f;
    for (int i = 0; i < 20; i++) CHECK(sampler_next(s, logits) == 7, "top-k 1");
    sampler_destroy(s);
}

static void test_penalties(void)
{
    static const id_run all[] = {{0, 4}};
    sampler *s;
    sampler_create(4, all, 1, 100, &s, NULL);
    /* Repetition: positive logits are divided, negative ones multiplied; the prompt counts. */
    galago_generate_params p = {.repetition_penalty = 2};
    float a[4] = {3, 2, -1, -1.5f};
    const int32_t prompt[] = {0, 0, -5, 900};
    sampler_begin(s, &p, prompt, 4, NULL, 0);
    CHECK(sampler_next(s, a) == 1, "3/2 < 2");
    CHECK(sampler_next(s, a) == 0, "3/2 > 2/2");
    CHECK(a[0] == 3 && a[1] == 2 && a[2] == -1, "logits are restored");
    float b[4] = {-1, -1.5f, -3, -4};
    sampler_begin(s, &p, prompt, 1, NULL, 0);
    CHECK(sampler_next(s, b) == 1, "-1*2 < -1.5");

    /* Presence: once, however often; only for the answer. */
    p = (galago_generate_params){.presence_penalty = 1};
    float c[4] = {3, 2.5f, 1.75f, 0};
    const int32_t want_presence[] = {0, 1, 0, 0, 0};
    sampler_begin(s, &p, prompt, 4, NULL, 0);
    for (int i = 0; i < 5; i++) CHECK(sampler_next(s, c) == want_presence[i], "presence, step %d", i);

    /* Frequency: for each time. 3 2.5 1.75 -> 0; 2 2.5 -> 1; 2 1.5 1.75 -> 0; 1 1.5 1.75 -> 2; 1 1.5 .75 -> 1
     */
    p = (galago_generate_params){.frequency_penalty = 1};
    const int32_t want_frequency[] = {0, 1, 0, 2, 1};
    sampler_begin(s, &p, NULL, 0, NULL, 0);
    for (int i = 0; i < 5; i++) CHECK(sampler_next(s, c) == want_frequency[i], "frequency, step %d", i);
    /* A new answer starts without a past. */
    sampler_begin(s, &p, NULL, 0, NULL, 0);
    CHECK(sampler_next(s, c) == 0, "forgotten");
    sampler_destroy(s);
}

static void test_seeds(void)
{
    float logits[N];
    fill(logits, N, 5, 2);
    sampler *s;
    sampler_create(N, runs, 2, 1000, &s, NULL);
    int32_t first[64], again[64], other[64];
    for (int round = 0; round < 3; round++) {
        galago_generate_params p = {.temperature = 1, .seed = round == 2 ? 1ull << 32 : 0};
        sampler_begin(s, &p, NULL, 0, NULL, 0);
        for (int i = 0; i < 64; i++)
            (round == 0 ? first : round == 1 ? again : other)[i] = sampler_next(s, logits);
    }
    CHECK(!memcmp(first, again, sizeof first), "same seed, same ids");
    CHECK(memcmp(first, other, sizeof first), "the seed's high word counts");
    sampler_destroy(s);
    /* Fixed for ever: other devices repeat these numbers. */
    CHECK(sample_random(0, 0) == 0x0f02f829u, "%08x", sample_random(0, 0));
    CHECK(sample_random(1, 0) == 0x0b3cefc3u, "%08x", sample_random(1, 0));
    CHECK(sample_random(0x123456789abcdef0ull, 1000) == 0xcca29375u, "%08x",
          sample_random(0x123456789abcdef0ull, 1000));
    /* Uniform over indices of one seed and over seeds at one index: 64 cells, 63 degrees of freedom; above
     * 130 has probability below 1e-6. */
    for (int axis = 0; axis < 2; axis++) {
        double cells[64] = {0}, chi = 0;
        enum { DRAWS = 1 << 16 };
        for (uint32_t i = 0; i < DRAWS; i++)
            cells[(axis ? sample_random(i, 0) : sample_random(42, i)) >> 26]++;
        for (int i = 0; i < 64; i++) chi += (cells[i] - DRAWS / 64) * (cells[i] - DRAWS / 64) / (DRAWS / 64);
        CHECK(chi < 130, "axis %d: chi-square %g", axis, chi);
    }
}

static void test_logprobs(void)
{
    float logits[N];
    fill(logits, N, 9, 8);
    logits[3] = logits[31] = 9; /* a tie; one of them undefined: logprobs are of the whole vocabulary */
    sampler *s;
    sampler_create(N, runs, 2, 100, &s, NULL);
    galago_logprob got[64];
    double total = 0;
    for (int i = 0; i < N; i++) total += exp((double)logits[i]);
    sampler_logprobs(s, logits, 64, got);
    CHECK(got[0].id == 3 && got[1].id == 31, "best: %d %d", got[0].id, got[1].id);
    for (int i = 0; i < N; i++) {
        double want = (double)logits[got[i].id] - log(total);
        /* f32 exponentials of 40 terms: about 3e-7; a wrong base or a masked sum shifts all by 1e-2 or more.
         */
        CHECK(fabs((double)got[i].logprob - want) < 2e-6, "%d: %g, want %g", i, (double)got[i].logprob, want);
        CHECK(!i || got[i].logprob <= got[i - 1].logprob, "order at %d", i);
    }
    for (int i = N; i < 64; i++) CHECK(got[i].id == -1, "there are only %d", N);
    sampler_logprobs(s, logits, 0, NULL);
    sampler_destroy(s);
}

/* At the size of the real vocabulary, where blocks and the pool's cutting back matter: ascending, descending
 * and random logits, against sorting everything. */
static int by_logit(const void *a, const void *b)
{
    const float *const *x = a, *const *y = b;
    return **x != **y ? (**x > **y ? -1 : 1) : (*x > *y) - (*x < *y);
}
static void test_large(void)
{
    enum { V = 248320, DEFINED = 248077 };
    static const id_run real[] = {{0, DEFINED}};
    float *logits = malloc(V * sizeof *logits);
    const float **order = malloc(V * sizeof *order);
    sampler *s;
    CHECK(logits && order && !sampler_create(V, real, 1, 4096, &s, NULL), "memory");
    for (int shape = 0; shape < 4; shape++) {
        fill(logits, V, 3, 10);
        for (int i = 0; i < V; i++) {
            if (shape == 1) logits[i] = (float)i * 1e-4f;
            if (shape == 2) logits[i] = -(float)i * 1e-4f;
            if (shape == 3) logits[i] = (float)(i % 100); /* thousands of ties */
            order[i] = &logits[i];
        }
        qsort(order, V, sizeof *order, by_logit);
        galago_logprob best[64];
        sampler_logprobs(s, logits, 64, best);
        for (int i = 0; i < 64; i++)
            CHECK(best[i].id == order[i] - logits, "shape %d rank %d: %d", shape, i, best[i].id);
        galago_generate_params p = {.temperature = 1e6f, .top_k = 3}; /* three equal chances */
        sampler_begin(s, &p, NULL, 0, NULL, 0);
        int32_t top[3];
        for (int i = 0, n = 0; n < 3; i++)
            if (order[i] - logits < DEFINED) top[n++] = (int32_t)(order[i] - logits);
        int seen[3] = {0}, outside = 0;
        for (int i = 0; i < 60; i++) {
            int32_t id = sampler_next(s, logits);
            int k = id == top[0] ? 0 : id == top[1] ? 1 : id == top[2] ? 2 : -1;
            if (k < 0)
                outside++;
            else
                seen[k]++;
        }
        CHECK(!outside && seen[0] && seen[1] && seen[2], "shape %d: %d outside, %d %d %d", shape, outside,
              seen[0], seen[1], seen[2]);
        /* A nucleus over many ids: the mean rank of what is drawn from a uniform distribution. */
        p = (galago_generate_params){.temperature = 1e6f, .top_p = 0.25f};
        sampler_begin(s, &p, NULL, 0, NULL, 0);
        float least = *order[V / 4 + 300];
        for (int i = 0; i < 4; i++) {
            int32_t id = sampler_next(s, logits);
            CHECK(id >= 0 && logits[id] >= least, "shape %d: %d is outside the best quarter", shape, id);
        }
        p = (galago_generate_params){.temperature = 1e6f};
        sampler_begin(s, &p, NULL, 0, NULL, 0);
        double mean = 0;
        for (int i = 0; i < 200; i++) mean += sampler_next(s, logits) / 200.0;
        /* Uniform over 0..248,076: standard error of the mean of 200 is 5,064. */
        CHECK(fabs(mean - DEFINED / 2.0) < 5 * 5064, "shape %d: mean id %g", shape, mean);
    }
    sampler_destroy(s);
    free(order);
    free(logits);
}

static void test_parameters(void)
{
    static const struct {
        galago_generate_params p;
        const char *names; /* NULL = fine */
    } cases[] = {
        {{0}, NULL},
        {{.temperature = 0.7f,
          .top_k = 20,
          .top_p = 0.8f,
          .presence_penalty = 1.5f,
          .repetition_penalty = 1,
          .n_logprobs = 64},
         NULL},
        {{.presence_penalty = -2, .frequency_penalty = -2}, NULL},
        {{.temperature = -0.1f}, "temperature -0.1"},
        {{.temperature = NAN}, "temperature nan"},
        {{.temperature = INFINITY}, "temperature inf"},
        {{.top_p = 1.01f}, "top_p 1.01"},
        {{.top_p = -0.5f}, "top_p -0.5"},
        {{.top_p = NAN}, "top_p nan"},
        {{.min_p = 2}, "min_p 2"},
        {{.min_p = -1}, "min_p -1"},
        {{.repetition_penalty = -1}, "repetition_penalty -1"},
        {{.repetition_penalty = NAN}, "repetition_penalty nan"},
        {{.presence_penalty = NAN}, "presence_penalty nan"},
        {{.frequency_penalty = INFINITY}, "frequency_penalty inf"},
        {{.n_logprobs = 65}, "n_logprobs 65"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        galago_error e = {0};
        galago_status st = sample_check(&cases[i].p, &e);
        if (!cases[i].names)
            CHECK(st == GALAGO_OK, "case %zu: %s", i, e.message);
        else
            CHECK(st == GALAGO_ERR_ARGUMENT && strstr(e.message, cases[i].names), "case %zu: %s", i,
                  e.message);
    }
}

int main(void)
{
    test_distribution();
    test_greedy();
    test_penalties();
    test_seeds();
    test_logprobs();
    test_large();
    test_parameters();
    return check_done("unit/sample");
}
