/*
 * Hosts that must not be held, and devices whose results come late: an answer made in steps, with every
 * result pending a few times and tokens chosen ahead on the device, is the answer of the plain call.
 */
#include "galago.h"

#include "backend/backend.h"
#include "check.h"
#include "engine/engine.h"
#include <stdlib.h>

/* ---- a device that is late: the CPU, with every answer put off and a sampler of its own ---- */

enum { LATE = 3, MAX_TICKETS = 64 };
static struct {
    backend_ops ops;
    const backend_ops *cpu;
    sampler *sampler;
    galago_generate_params params; /* of the answer at hand: the device's sampler is the host's, fed with the
                                      device's parameters */
    id_run run;
    size_t n_vocab;
    int submit_waits, read_waits;
    struct {
        bool used;
        int waits;
        int32_t ids[64];
    } tickets[MAX_TICKETS];
    int most_ahead, n_draws, n_read, lose_after; /* draws until the device is lost; -1 = never */
} late;

static galago_status late_submit(backend *b, error *e)
{
    (void)b;
    if (late.lose_after == 0) return fail(e, GALAGO_ERR_DEVICE_LOST, "the device went away");
    if (late.submit_waits++ % LATE) return GALAGO_PENDING;
    return late.cpu->submit(b, e);
}

static galago_status late_read(backend *b, void *dst, tensor src, error *e)
{
    if (++late.read_waits % LATE) return GALAGO_PENDING;
    return late.cpu->read(b, dst, src, e);
}

static void late_sample(backend *b, tensor ids, tensor ring, size_t slot, tensor logits, tensor counts,
                        tensor runs, const sample_params *p, uint32_t draw)
{
    float *values = malloc(late.n_vocab * sizeof *values);
    int32_t *count = malloc(late.n_vocab * sizeof *count), *history = malloc(4096 * sizeof *history),
            *prompt = malloc(4096 * sizeof *prompt);
    late.cpu->read(b, values, logits, NULL);
    late.cpu->read(b, count, counts, NULL);
    late.cpu->read(b, &late.run, tensor_rows(runs, 0, 1), NULL);
    galago_generate_params g = {.temperature = p->temperature,
                                .top_k = p->top_k,
                                .top_p = p->top_p,
                                .min_p = p->min_p,
                                .seed = p->seed,
                                .repetition_penalty = p->repetition_penalty,
                                .presence_penalty = p->presence_penalty,
                                .frequency_penalty = p->frequency_penalty};
    size_t n_prompt = 0, n = 0;
    for (size_t id = 0; id < late.n_vocab; id++) {
        if (count[id] >> 24) prompt[n_prompt++] = (int32_t)id;
        for (int32_t k = 0; k < (count[id] & 0xffffff); k++) history[n++] = (int32_t)id;
    }
    while (n < draw) history[n++] = -1; /* draws before without penalties were not counted */
    sampler_begin(late.sampler, &g, prompt, n_prompt, history, draw);
    int32_t id = sampler_next(late.sampler, values);
    bool penalties = p->repetition_penalty != 1 || p->presence_penalty != 0 || p->frequency_penalty != 0;
    if (penalties) {
        count[id]++;
        late.cpu->write(b, counts, count);
    }
    late.cpu->write(b, ids, &id);
    tensor one = ring;
    one.offset_bytes += slot * sizeof id;
    one.shape[0] = 1;
    late.cpu->write(b, one, &id);
    free(values), free(count), free(history), free(prompt);
    late.n_draws++;
    if (late.n_draws - late.n_read > late.most_ahead) late.most_ahead = late.n_draws - late.n_read;
    if (late.lose_after > 0) late.lose_after--;
}

static galago_status late_read_begin(backend *b, tensor src, uint32_t *ticket, error *e)
{
    for (uint32_t i = 0; i < MAX_TICKETS; i++)
        if (!late.tickets[i].used) {
            late.tickets[i].used = true;
            late.tickets[i].waits = 0;
            *ticket = i + 1;
            return late.cpu->read(b, late.tickets[i].ids, src, e);
        }
    return fail(e, GALAGO_ERR_MEMORY, "too many reads");
}

static galago_status late_read_poll(backend *b, uint32_t ticket, void *dst, tensor src, error *e)
{
    (void)b, (void)e;
    if (dst && ++late.tickets[ticket - 1].waits < LATE) return GALAGO_PENDING;
    if (dst) memcpy(dst, late.tickets[ticket - 1].ids, tensor_bytes(src)), late.n_read += (int)src.shape[0];
    late.tickets[ticket - 1].used = false;
    return GALAGO_OK;
}

static int tickets_in_use(void)
{
    int n = 0;
    for (int i = 0; i < MAX_TICKETS; i++) n += late.tickets[i].used;
    return n;
}

/* Puts the late device before a model's CPU; `samples`: it chooses tokens. */
static void make_late(galago_model *m, bool samples)
{
    late.cpu = m->backend->ops;
    late.ops = *late.cpu;
    late.ops.submit = late_submit;
    late.ops.read = late_read;
    if (samples)
        late.ops.sample = late_sample, late.ops.read_begin = late_read_begin,
        late.ops.read_poll = late_read_poll;
    late.n_vocab = config_of(m)->text.n_vocab;
    late.lose_after = -1;
    late.most_ahead = late.n_draws = late.n_read = 0;
    sampler_create(late.n_vocab, m->runs, m->n_runs, 4096, &late.sampler, NULL);
    m->backend->ops = &late.ops;
}

static void make_punctual(galago_model *m)
{
    m->backend->ops = late.cpu;
    sampler_destroy(late.sampler);
}

/* ---- answers ---- */

static galago_image *picture;
static const galago_message conversation[] = {
    {.role = GALAGO_ROLE_USER, .text = "Describe this image.", .images = &picture, .n_images = 1},
    {.role = GALAGO_ROLE_ASSISTANT, .text = "A test."},
    {.role = GALAGO_ROLE_USER, .text = "And now?"},
};

typedef struct answer {
    galago_status status;
    uint32_t n, reused;
    int32_t ids[128];
    char text[2048], pieces[2048];
    int calls;
    char message[496];
} answer;

static answer kept(const galago_context *c, galago_status s, const galago_error *e)
{
    answer a = {.status = s};
    galago_result r;
    galago_generate_result(c, &r);
    a.n = r.completion_tokens < 128 ? r.completion_tokens : 128;
    a.reused = r.reused_tokens;
    if (a.n) memcpy(a.ids, r.token_ids, a.n * sizeof *a.ids);
    snprintf(a.text, sizeof a.text, "%.*s", (int)r.text_size, r.text);
    if (s) snprintf(a.message, sizeof a.message, "%s", e->message);
    return a;
}

static answer plain(galago_context *c, size_t turns, const galago_generate_params *p)
{
    galago_error e;
    return kept(c, galago_generate(c, conversation, turns, p, NULL, NULL, NULL, &e), &e);
}

/* Steps until the end or until `calls` calls were made; then cancels. */
static answer stepped(galago_context *c, size_t turns, const galago_generate_params *p, int calls)
{
    galago_error e;
    char pieces[2048] = "";
    size_t at = 0;
    int n = 0;
    galago_status s = galago_generate_begin(c, conversation, turns, p, &e);
    for (bool done = false; !s && !done;) {
        const char *piece;
        size_t size;
        s = galago_generate_next(c, &piece, &size, &done, &e);
        if (!s && at + size < sizeof pieces) memcpy(pieces + at, piece, size), at += size;
        if (s == GALAGO_PENDING) s = GALAGO_OK;
        if (++n == calls) galago_cancel(c);
        CHECK(n < 100000, "an answer without an end");
        if (n >= 100000) break;
    }
    answer a = kept(c, s, &e);
    memcpy(a.pieces, pieces, sizeof pieces);
    a.calls = n;
    return a;
}

static void check_same(const char *label, const answer *a, const answer *b)
{
    CHECK(a->status == b->status, "%s: status %d and %d (%s%s)", label, a->status, b->status, a->message,
          b->message);
    CHECK(a->n == b->n && memcmp(a->ids, b->ids, a->n * sizeof *a->ids) == 0,
          "%s: %u and %u tokens, or other ones", label, a->n, b->n);
    CHECK(strcmp(a->text, b->text) == 0, "%s: \"%s\" and \"%s\"", label, a->text, b->text);
}

static galago_context *context_on(const galago_model *m, bool never_wait)
{
    const galago_context_params p = {.n_ctx = 512, .never_wait = never_wait};
    galago_error e;
    galago_context *c;
    galago_status s = galago_context_create(m, &p, &c, &e);
    CHECK(!s, "context: %s", e.message);
    return c;
}

static const galago_generate_params ways[] = {
    {.max_tokens = 40, .ignore_eos = true},
    {.max_tokens = 40, .temperature = 0.9f, .top_k = 20, .seed = 7},
    {.max_tokens = 70,
     .temperature = 1.2f,
     .top_p = 0.9f,
     .repetition_penalty = 1.3f,
     .presence_penalty = 0.4f,
     .seed = 3,
     .ignore_eos = true},
    {.max_tokens = 1},
    {.max_tokens = 5, .n_logprobs = 2},
};

static void test_ways(const char *path, bool samples)
{
    galago_error e;
    galago_model *m;
    const galago_model_params mp = {.n_threads = 1, .device = GALAGO_DEVICE_CPU};
    if (galago_model_open(path, &mp, &m, &e)) {
        CHECK(false, "%s: %s", path, e.message);
        return;
    }
    for (size_t w = 0; w < sizeof ways / sizeof *ways; w++)
        for (size_t turns = 1; turns <= 3; turns += 2) {
            char label[96];
            snprintf(label, sizeof label, "%s, way %zu, %zu turns%s", path, w, turns,
                     samples ? ", chosen ahead" : "");
            galago_context *c = context_on(m, false);
            answer want = plain(c, turns, &ways[w]);
            CHECK(!want.status && want.n, "%s: %s", label, want.message);
            galago_context_destroy(c);

            make_late(m, samples);
            c = context_on(m, true);
            answer got = stepped(c, turns, &ways[w], -1);
            check_same(label, &want, &got);
            CHECK(strcmp(got.text, got.pieces) == 0, "%s: pieces \"%s\" of \"%s\"", label, got.pieces,
                  got.text);
            CHECK(got.calls > (int)got.n, "%s: never pending", label);
            CHECK(tickets_in_use() == 0, "%s: %d reads left behind", label, tickets_in_use());
            if (samples && ways[w].max_tokens >= 40 && !ways[w].n_logprobs)
                CHECK(late.most_ahead > 4 && late.most_ahead <= 64, "%s: %d steps ahead", label,
                      late.most_ahead);
            /* Again in the same context: what ran ahead may not be taken for the conversation. */
            answer again = stepped(c, turns, &ways[w], -1);
            check_same(label, &want, &again);
            CHECK(again.reused > 0, "%s: nothing reused", label);
            /* Cancelled anywhere, the next answer is right. */
            for (int calls = 1; calls < got.calls; calls += 7) {
                answer cut = stepped(c, turns, &ways[w], calls);
                CHECK(cut.status == GALAGO_CANCELLED || cut.calls <= calls + 1,
                      "%s: cancel after %d calls: %d", label, calls, cut.status);
                CHECK(tickets_in_use() == 0, "%s: %d reads left behind after a cancel", label,
                      tickets_in_use());
                CHECK(memcmp(cut.ids, want.ids, cut.n * sizeof *cut.ids) == 0,
                      "%s: other ids before a cancel", label);
                again = stepped(c, turns, &ways[w], -1);
                check_same(label, &want, &again);
            }
            galago_context_destroy(c);
            make_punctual(m);
        }
    galago_model_close(m);
}

/* An answer that was interrupted goes on as if it had not been. */
static void test_given(const char *path)
{
    galago_error e;
    galago_model *m;
    if (galago_model_open(path, NULL, &m, &e)) {
        CHECK(false, "%s: %s", path, e.message);
        return;
    }
    for (size_t w = 0; w < 3; w++) {
        galago_context *c = context_on(m, false);
        answer want = plain(c, 1, &ways[w]);
        for (size_t n = 1; n < want.n; n += 5) {
            galago_generate_params p = ways[w];
            p.answer_ids = want.ids;
            p.n_answer_ids = n;
            galago_context_reset(c);
            answer got = plain(c, 1, &p);
            check_same("given ids", &want, &got);
        }
        galago_generate_params p = ways[w];
        const int32_t wrong = 1 << 30;
        p.answer_ids = &wrong;
        p.n_answer_ids = 1;
        answer refused = plain(c, 1, &p);
        CHECK(refused.status == GALAGO_ERR_ARGUMENT && strstr(refused.message, "1073741824"),
              "an id outside: %s", refused.message);
        p.answer_ids = want.ids;
        p.n_answer_ids = want.n;
        p.max_tokens = want.n;
        refused = plain(c, 1, &p);
        CHECK(refused.status == GALAGO_ERR_ARGUMENT && strstr(refused.message, "max_tokens"),
              "nothing left to make: %s", refused.message);
        galago_context_destroy(c);
    }
    galago_model_close(m);
}

/* A device that goes away in the middle of an answer: an error, no hang, nothing left behind; what was made
 * stands. */
static void test_lost(void)
{
    galago_error e;
    galago_model *m;
    if (galago_model_open("tests/data/golden/tiny-a", NULL, &m, &e)) {
        CHECK(false, "%s", e.message);
        return;
    }
    galago_context *c = context_on(m, false);
    answer want = plain(c, 1, &ways[0]);
    galago_context_destroy(c);
    for (int after = 1; after < 40; after += 6) {
        make_late(m, true);
        late.lose_after = after;
        c = context_on(m, true);
        answer got = stepped(c, 1, &ways[0], -1);
        CHECK(got.status == GALAGO_ERR_DEVICE_LOST, "lost after %d draws: %d", after, got.status);
        CHECK(got.n < want.n && memcmp(got.ids, want.ids, got.n * sizeof *got.ids) == 0, "lost: other ids");
        CHECK(tickets_in_use() == 0, "lost: %d reads left behind", tickets_in_use());
        late.lose_after = -1;
        /* The caller goes on with what there is. */
        galago_generate_params p = ways[0];
        p.answer_ids = got.ids;
        p.n_answer_ids = got.n;
        answer rest = stepped(c, 1, &p, -1);
        check_same("after a loss", &want, &rest);
        galago_context_destroy(c);
        make_punctual(m);
    }
    galago_model_close(m);
}

static bool cancel_half(void *user, const char *stage, double fraction)
{
    (void)user, (void)stage;
    return fraction < 0.5;
}

static void test_opening(void)
{
    galago_error e;
    galago_opening *o;
    galago_model *m = NULL;
    galago_status s = galago_model_open_begin("tests/data/golden/tiny-b", NULL, &o, &e);
    CHECK(!s, "open: %s", e.message);
    int steps = 0;
    while (!s && (s = galago_model_open_step(o, &m, &e)) == GALAGO_PENDING) s = GALAGO_OK, steps++;
    CHECK(!s && m && steps > 20, "opened in %d steps: %s", steps, s ? e.message : "");
    galago_model_close(m);

    s = galago_model_open_begin("tests/data/golden/tiny-b", NULL, &o, &e);
    for (int i = 0; i < 5 && !s; i++)
        CHECK(galago_model_open_step(o, &m, &e) == GALAGO_PENDING && !m, "step %d", i);
    galago_model_open_abandon(o);

    const galago_model_params p = {.progress = cancel_half};
    s = galago_model_open_begin("tests/data/golden/tiny-b", &p, &o, &e);
    while (!s && (s = galago_model_open_step(o, &m, &e)) == GALAGO_PENDING) s = GALAGO_OK;
    CHECK(s == GALAGO_CANCELLED && !m, "cancelled: %d", s);
    CHECK(galago_model_open_begin("no/such/model", NULL, &o, &e) == GALAGO_ERR_IO && !o, "no such model");

    s = galago_model_open("tests/data/golden/tiny-a", NULL, &m, &e);
    galago_context *c = context_on(m, true);
    CHECK(galago_generate(c, conversation, 1, NULL, NULL, NULL, NULL, &e) == GALAGO_ERR_ARGUMENT,
          "a context that never waits was waited for");
    galago_context_destroy(c);
    galago_model_close(m);
}

int main(void)
{
    uint8_t rgb[64 * 96 * 3];
    unsigned long long state = 5;
    for (size_t i = 0; i < sizeof rgb; i++) rgb[i] = (uint8_t)check_random(&state);
    if (galago_image_from_rgb(rgb, 96, 64, 96 * 3, &picture, NULL)) return 1;
    for (int samples = 0; samples < 2; samples++) {
        test_ways("tests/data/golden/tiny-a", samples);
        test_ways("tests/data/golden/tiny-c", samples);
    }
    test_given("tests/data/golden/tiny-a");
    test_given("tests/data/golden/tiny-d");
    test_lost();
    test_opening();
    galago_image_destroy(picture);
    return check_done("property/steps");
}
