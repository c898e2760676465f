#include "engine/sample.h"

#include <math.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

/* Values worked on at once: constant trip counts let the compiler use SIMD without knowing the machine. */
enum { BLOCK = 16, SUM_BLOCK = 256 };

typedef struct candidate {
    float logit; /* after penalties, before temperature */
    int32_t id;
} candidate;

struct sampler {
    size_t n_vocab;
    const id_run *runs;
    size_t n_runs;
    id_run whole;             /* the whole vocabulary, for logprobs */
    galago_generate_params p; /* normalised: 1 = off for top_p and repetition_penalty */
    uint32_t n_drawn;
    /* Tokens that penalties look at. */
    uint32_t *count; /* [n_vocab] times in the answer */
    uint8_t *known;  /* [n_vocab] whether listed in `seen` */
    int32_t *seen;   /* [n_seen] each once */
    float *saved;    /* [n_seen] their raw logits while penalties are applied */
    size_t n_seen, seen_capacity;
    candidate *pool; /* [n_vocab + 1]; pages that are never used are never there */
    double *sums;    /* probability mass of SUM_BLOCK ids at a time */
};

galago_status sample_check(const galago_generate_params *p, error *e)
{
    /* Comparisons are written so that NaN fails them. */
    if (!(p->temperature >= 0 && p->temperature <= 1e6f))
        return fail(e, GALAGO_ERR_ARGUMENT, "temperature %g: must be 0 (greedy) or positive",
                    (double)p->temperature);
    if (!(p->top_p >= 0 && p->top_p <= 1))
        return fail(e, GALAGO_ERR_ARGUMENT, "top_p %g: must be between 0 and 1 (0 and 1 turn it off)",
                    (double)p->top_p);
    if (!(p->min_p >= 0 && p->min_p <= 1))
        return fail(e, GALAGO_ERR_ARGUMENT, "min_p %g: must be between 0 (off) and 1", (double)p->min_p);
    if (!(p->repetition_penalty >= 0 && p->repetition_penalty <= 1e6f))
        return fail(e, GALAGO_ERR_ARGUMENT, "repetition_penalty %g: must be positive (0 and 1 turn it off)",
                    (double)p->repetition_penalty);
    if (!(fabsf(p->presence_penalty) <= 1e6f))
        return fail(e, GALAGO_ERR_ARGUMENT, "presence_penalty %g: must be a finite number",
                    (double)p->presence_penalty);
    if (!(fabsf(p->frequency_penalty) <= 1e6f))
        return fail(e, GALAGO_ERR_ARGUMENT, "frequency_penalty %g: must be a finite number",
                    (double)p->frequency_penalty);
    if (p->n_logprobs > 64) return fail(e, GALAGO_ERR_ARGUMENT, "n_logprobs %u: at most 64", p->n_logprobs);
    return GALAGO_OK;
}

galago_status sampler_create(size_t n_vocab, const id_run *runs, size_t n_runs, size_t n_ctx, sampler **out,
                             error *e)
{
    *out = NULL;
    sampler *s = calloc(1, sizeof *s);
    if (s) {
        s->n_vocab = n_vocab;
        s->runs = runs;
        s->n_runs = n_runs;
        s->whole = (id_run){0, (int32_t)n_vocab};
        s->seen_capacity = n_ctx < n_vocab ? n_ctx : n_vocab;
        s->count = calloc(n_vocab, sizeof *s->count);
        s->known = calloc(n_vocab, sizeof *s->known);
        s->seen = malloc((s->seen_capacity + 1) * sizeof *s->seen);
        s->saved = malloc((s->seen_capacity + 1) * sizeof *s->saved);
        s->pool = malloc((n_vocab + 1) * sizeof *s->pool);
        s->sums = malloc((n_vocab / SUM_BLOCK + n_runs + 1) * sizeof *s->sums);
    }
    if (!s || !s->count || !s->known || !s->seen || !s->saved || !s->pool || !s->sums) {
        sampler_destroy(s);
        return fail(e, GALAGO_ERR_MEMORY, "not enough memory to sample from %zu tokens", n_vocab);
    }
    *out = s;
    return GALAGO_OK;
}

void sampler_destroy(sampler *s)
{
    if (!s) return;
    free(s->count);
    free(s->known);
    free(s->seen);
    free(s->saved);
    free(s->pool);
    free(s->sums);
    free(s);
}

uint32_t sample_random(uint64_t seed, uint32_t index)
{
    uint32_t x = (uint32_t)seed, y = (uint32_t)(seed >> 32), z = index, w = 0;
    x = x * 1664525u + 1013904223u;
    y = y * 1664525u + 1013904223u;
    z = z * 1664525u + 1013904223u;
    w = w * 1664525u + 1013904223u;
    x += y * w;
    y += z * x;
    z += x * y;
    w += y * z;
    x ^= x >> 16;
    y ^= y >> 16;
    w ^= w >> 16;
    return x + y * w; /* the first word of the second round; the others are not needed */
}

/* ---- penalties ---- */

static void remember(sampler *s, int32_t id)
{
    if (id < 0 || (size_t)id >= s->n_vocab || s->known[id] || s->n_seen >= s->seen_capacity) return;
    s->known[id] = 1;
    s->seen[s->n_seen++] = id;
}

static bool has_penalties(const sampler *s)
{
    return s->p.repetition_penalty != 1 || s->p.presence_penalty != 0 || s->p.frequency_penalty != 0;
}

static void count_drawn(sampler *s, int32_t id)
{
    if (id < 0 || (size_t)id >= s->n_vocab) return;
    remember(s, id);
    s->count[id]++;
}

void sampler_begin(sampler *s, const galago_generate_params *p, const int32_t *prompt, size_t n_prompt, const int32_t *drawn,
                   size_t n_drawn)
{
    for (size_t i = 0; i < s->n_seen; i++) s->count[s->seen[i]] = 0, s->known[s->seen[i]] = 0;
    s->n_seen = 0;
    s->n_drawn = (uint32_t)n_drawn;
    s->p = *p;
    if (s->p.top_p == 0) s->p.top_p = 1;
    if (s->p.repetition_penalty == 0) s->p.repetition_penalty = 1;
    if (s->p.repetition_penalty != 1)
        for (size_t i = 0; i < n_prompt; i++) remember(s, prompt[i]);
    for (size_t i = 0; has_penalties(s) && i < n_drawn; i++) count_drawn(s, drawn[i]);
}

static void apply_penalties(sampler *s, float *logits)
{
    for (size_t i = 0; i < s->n_seen; i++) {
        int32_t id = s->seen[i];
        float l = s->saved[i] = logits[id];
        if (l > 0)
            l /= s->p.repetition_penalty;
        else
            l *= s->p.repetition_penalty;
        if (s->count[id]) l -= s->p.presence_penalty + (float)s->count[id] * s->p.frequency_penalty;
        logits[id] = l;
    }
}

static void restore_logits(const sampler *s, float *logits)
{
    for (size_t i = 0; i < s->n_seen; i++) logits[s->seen[i]] = s->saved[i];
}

/* ---- the best of many ---- */

/* Whether a stands before b: larger logit, then lower id. Never true for equal ones. */
static bool before(candidate a, candidate b)
{
    return a.logit > b.logit || (a.logit == b.logit && a.id < b.id);
}

static int compare_best_first(const void *a, const void *b)
{
    const candidate *x = a, *y = b;
    return before(*x, *y) ? -1 : before(*y, *x) ? 1 : 0;
}

static int compare_ids(const void *a, const void *b)
{
    const candidate *x = a, *y = b;
    return (x->id > y->id) - (x->id < y->id);
}

/* One step of Hoare's selection over c[lo..hi], pivot = median of three: afterwards c[lo..*j] do not stand
 * behind the pivot, c[*i..hi] not before it, and what is between *j and *i is the pivot. *j < *i. */
static void partition(candidate *c, ptrdiff_t lo, ptrdiff_t hi, ptrdiff_t *i, ptrdiff_t *j)
{
    candidate x = c[lo], y = c[lo + (hi - lo) / 2], z = c[hi];
    candidate low = before(x, y) ? x : y, high = before(x, y) ? y : x;
    candidate pivot = before(z, low) ? low : before(high, z) ? high : z;
    *i = lo, *j = hi;
    while (*i <= *j) {
        while (before(c[*i], pivot)) ++*i;
        while (before(pivot, c[*j])) --*j;
        if (*i > *j) break;
        candidate t = c[*i];
        c[(*i)++] = c[*j];
        c[(*j)--] = t;
    }
}

/* Reorders so that the k best of n stand first, the k-th best at k-1. 1 <= k <= n. */
static void select_first(candidate *c, size_t n, size_t k)
{
    ptrdiff_t lo = 0, hi = (ptrdiff_t)n - 1, want = (ptrdiff_t)k - 1;
    while (lo < hi) {
        ptrdiff_t i, j;
        partition(c, lo, hi, &i, &j);
        if (j < want) lo = i;
        if (want < i) hi = j;
    }
}

static bool any_above(const float *x, float floor)
{
    int any = 0;
    for (int j = 0; j < BLOCK; j++) any |= x[j] > floor;
    return any;
}

/* The k best logits above `floor` of the runs, unordered, in the pool; returns how many there are (at most
 * k). One pass: the pool fills with whatever beats the k-th best so far, and is cut back when it is full. */
static size_t select_best(sampler *s, const float *logits, const id_run *runs, size_t n_runs, size_t k,
                          float floor)
{
    size_t room = 2 * k + 1024, n = 0;
    if (room > s->n_vocab + 1) room = s->n_vocab + 1;
    for (size_t r = 0; r < n_runs; r++) {
        for (int32_t id = runs[r].first; id < runs[r].end;) {
            /* Most blocks hold nothing: one look at each. */
            if (runs[r].end - id >= BLOCK && !any_above(logits + id, floor)) {
                id += BLOCK;
                continue;
            }
            int32_t end = runs[r].end - id < BLOCK ? runs[r].end : id + BLOCK;
            for (; id < end; id++) {
                if (!(logits[id] > floor)) continue;
                s->pool[n++] = (candidate){logits[id], id};
                if (n < room) continue;
                select_first(s->pool, n, k);
                n = k;
                floor = s->pool[k - 1].logit; /* an equal one that comes later has a higher id: it loses */
            }
        }
    }
    if (n > k) {
        select_first(s->pool, n, k);
        n = k;
    }
    return n;
}

/* Largest logit of the runs and the lowest id that has it; -1 when there is no number. */
static int32_t argmax(const sampler *s, const float *logits)
{
    float best = -INFINITY;
    int32_t at = -1;
    for (size_t r = 0; r < s->n_runs; r++) {
        for (int32_t id = s->runs[r].first; id < s->runs[r].end;) {
            if (s->runs[r].end - id >= BLOCK && !any_above(logits + id, best)) {
                id += BLOCK;
                continue;
            }
            int32_t end = s->runs[r].end - id < BLOCK ? s->runs[r].end : id + BLOCK;
            for (; id < end; id++)
                if (logits[id] > best) best = logits[id], at = id;
        }
    }
    return best < INFINITY ? at : -1;
}

/* ---- probabilities ---- */

/* e^x for x <= 0, relative error below 3e-7; below -87 it stays at e^-87, which no sum here can feel. Range
 * reduction to
 * [-ln2/2, ln2/2] and the Taylor polynomial of degree 6 (its next term is 1.2e-7 at the ends).
 * exp_negative4() is the same arithmetic on four values, so that a probability does not depend on which of
 * them computed it. */
#define EXP_BODY(BITS)                                                                                       \
    t = x * 1.44269504f + 12582912.0f; /* 1.5 * 2^23: rounds to an integer in the low bits */                \
    BITS t = t - 12582912.0f;                                                                                \
    r = (x - t * 0.693359375f) + t * 2.12194440e-4f; /* ln 2 in two parts */                                 \
    y = 1.0f +                                                                                               \
        r * (1.0f + r * (0.5f + r * (1.0f / 6 + r * (1.0f / 24 + r * (1.0f / 120 + r * (1.0f / 720))))));

static inline float exp_negative(float x)
{
    float t, r, y, power;
    uint32_t bits;
    x = x > -87.0f ? x : -87.0f;
    EXP_BODY(memcpy(&bits, &t, 4);)
    bits = (bits << 23) + 0x3f800000u; /* 2^n */
    memcpy(&power, &bits, 4);
    return y * power;
}

typedef float f32x4 __attribute__((vector_size(16)));
typedef int32_t i32x4 __attribute__((vector_size(16)));

static inline f32x4 exp_negative4(f32x4 x)
{
    f32x4 t, r, y, floor = {0};
    i32x4 bits, above = x > -87.0f;
    x = (f32x4)((above & (i32x4)x) | (~above & (i32x4)(floor - 87.0f)));
    EXP_BODY(bits = (i32x4)t;)
    bits = (bits << 23) + 0x3f800000;
    return y * (f32x4)bits;
}
#undef EXP_BODY

/* Sum of e^((x - top) * slope) over n values. */
static double sum_exp(const float *x, size_t n, float top, float slope)
{
    /* A value this far below the best adds less than 1e-13: a quarter of a million of them cannot be felt in
     * an f32. */
    float negligible = top - 30 / slope;
    double sum = 0;
    size_t i = 0;
    for (; i + BLOCK <= n; i += BLOCK) {
        if (!any_above(x + i, negligible)) continue;
        f32x4 y = {0};
        for (size_t j = i; j < i + BLOCK; j += 4) {
            f32x4 v;
            memcpy(&v, x + j, sizeof v);
            y += exp_negative4((v - top) * slope);
        }
        sum += (double)((y[0] + y[1]) + (y[2] + y[3]));
    }
    for (; i < n; i++) sum += (double)exp_negative((x[i] - top) * slope);
    return sum;
}

/* The mass of all defined ids, block by block into s->sums. */
static double mass_of_all(sampler *s, const float *logits, float top, float slope)
{
    double total = 0;
    size_t b = 0;
    for (size_t r = 0; r < s->n_runs; r++)
        for (int32_t first = s->runs[r].first; first < s->runs[r].end; first += SUM_BLOCK, b++) {
            int32_t n = s->runs[r].end - first < SUM_BLOCK ? s->runs[r].end - first : SUM_BLOCK;
            s->sums[b] = sum_exp(logits + first, (size_t)n, top, slope);
            total += s->sums[b];
        }
    return total;
}

/* The id at which the running mass of all defined ids exceeds `target`. */
static int32_t draw_from_all(const sampler *s, const float *logits, float top, float slope, double target)
{
    size_t b = 0;
    int32_t last = -1;
    for (size_t r = 0; r < s->n_runs; r++)
        for (int32_t first = s->runs[r].first; first < s->runs[r].end; first += SUM_BLOCK, b++) {
            int32_t n = s->runs[r].end - first < SUM_BLOCK ? s->runs[r].end - first : SUM_BLOCK;
            if (s->sums[b] <= target) {
                target -= s->sums[b];
                last = first + n - 1;
                continue;
            }
            for (int32_t id = first; id < first + n; id++) {
                target -= (double)exp_negative((logits[id] - top) * slope);
                last = id;
                if (target < 0) return id;
            }
        }
    return last; /* rounding left a crumb behind the last id */
}

static int32_t draw_from_pool(sampler *s, size_t n, float top, float slope, double u)
{
    qsort(s->pool, n, sizeof *s->pool, compare_ids);
    double total = 0;
    for (size_t i = 0; i < n; i++) total += (double)exp_negative((s->pool[i].logit - top) * slope);
    double target = u * total;
    for (size_t i = 0; i + 1 < n; i++) {
        target -= (double)exp_negative((s->pool[i].logit - top) * slope);
        if (target < 0) return s->pool[i].id;
    }
    return s->pool[n - 1].id;
}

static double mass_of_pool(const sampler *s, size_t first, size_t end, float top, float slope)
{
    double mass = 0;
    for (size_t i = first; i < end; i++) mass += (double)exp_negative((s->pool[i].logit - top) * slope);
    return mass;
}

/* Brings the best of the pool's n to its front, as few as have a mass of at least `want` together (an id is
 * kept while the mass before it is below `want`), and returns their number; n when all of them do not reach
 * it. */
static size_t select_nucleus(sampler *s, size_t n, float top, float slope, double want)
{
    ptrdiff_t lo = 0, hi = (ptrdiff_t)n - 1;
    while (lo < hi) {
        ptrdiff_t i, j;
        partition(s->pool, lo, hi, &i, &j);
        double left = mass_of_pool(s, (size_t)lo, (size_t)(j + 1), top, slope);
        if (left >= want) {
            hi = j;
            continue;
        }
        want -= left;
        double pivot = mass_of_pool(s, (size_t)(j + 1), (size_t)i, top, slope);
        if (pivot >= want) return (size_t)i;
        want -= pivot;
        lo = i;
    }
    return (size_t)lo < n ? (size_t)lo + 1 : n;
}

static int32_t draw(sampler *s, const float *logits)
{
    size_t n_defined = 0, n;
    for (size_t r = 0; r < s->n_runs; r++) n_defined += (size_t)(s->runs[r].end - s->runs[r].first);
    int32_t best = argmax(s, logits);
    if (best < 0) return -1;
    float top = logits[best], slope = 1.0f / s->p.temperature;
    double u = ((double)sample_random(s->p.seed, s->n_drawn) + 0.5) * 0x1p-32;

    if (s->p.top_k && s->p.top_k < n_defined) {
        n = select_best(s, logits, s->runs, s->n_runs, s->p.top_k, -INFINITY);
        if (s->p.top_p < 1)
            n = select_nucleus(s, n, top, slope, (double)s->p.top_p * mass_of_pool(s, 0, n, top, slope));
    } else if (s->p.top_p < 1) {
        double want = (double)s->p.top_p * mass_of_all(s, logits, top, slope);
        /* A nucleus is usually small; only a flat distribution needs a look at all. */
        n = select_best(s, logits, s->runs, s->n_runs, 256, -INFINITY);
        if (n == 256 && mass_of_pool(s, 0, n, top, slope) < want)
            n = select_best(s, logits, s->runs, s->n_runs, n_defined, -INFINITY);
        n = select_nucleus(s, n, top, slope, want);
    } else if (s->p.min_p > 0) {
        float floor = top + logf(s->p.min_p) * s->p.temperature;
        n = select_best(s, logits, s->runs, s->n_runs, n_defined, floor - 1e-3f * (1 + fabsf(floor)));
    } else {
        double total = mass_of_all(s, logits, top, slope);
        return draw_from_all(s, logits, top, slope, u * total);
    }
    if (s->p.min_p > 0) {
        size_t kept = 0;
        for (size_t i = 0; i < n; i++)
            if (exp_negative((s->pool[i].logit - top) * slope) >= s->p.min_p) s->pool[kept++] = s->pool[i];
        n = kept;
    }
    return draw_from_pool(s, n, top, slope, u);
}

int32_t sampler_next(sampler *s, float *logits)
{
    bool penalties = has_penalties(s);
    if (penalties) apply_penalties(s, logits);
    int32_t id = s->p.temperature < 1e-5f ? argmax(s, logits) : draw(s, logits);
    if (penalties) restore_logits(s, logits);
    if (id < 0) return -1;
    s->n_drawn++;
    if (penalties) count_drawn(s, id);
    return id;
}

void sampler_logprobs(sampler *s, const float *logits, size_t n, galago_logprob *out)
{
    if (!n) return;
    size_t found = select_best(s, logits, &s->whole, 1, n < s->n_vocab ? n : s->n_vocab, -INFINITY);
    qsort(s->pool, found, sizeof *s->pool, compare_best_first);
    float top = found ? s->pool[0].logit : 0;
    double log_sum = found ? log(sum_exp(logits, s->n_vocab, top, 1.0f)) : 0;
    for (size_t i = 0; i < n; i++)
        out[i] = i < found
                     ? (galago_logprob){s->pool[i].id, (float)((double)(s->pool[i].logit - top) - log_sum)}
                     : (galago_logprob){-1, -INFINITY};
}
