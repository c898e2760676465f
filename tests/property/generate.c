/* Properties of the public API on tiny models with random weights: what may not matter does not (threads,
 * reuse, cancelling, other contexts, the way of asking), and what must be refused is. */
#include "galago.h"

#include "check.h"
#include <math.h>
#include <pthread.h>
#include <stdlib.h>

static const char *const models[] = {"tests/data/golden/tiny-a", "tests/data/golden/tiny-b",
                                     "tests/data/golden/tiny-c", "tests/data/golden/tiny-d"};
enum { N_MODELS = 4, N_IMAGES = 4 };
static galago_image *images[N_IMAGES];

static const struct {
    const char *text;
    int first_image, n_images;
    bool marked;
} questions[] = {
    {"What is this?", 0, 0, false},
    {"Describe this image.", 0, 1, false},
    {"Is <image> like <image>?", 1, 2, true},
    {"日本語 – ünïcödé 😀", 3, 1, false},
};
enum { N_QUESTIONS = 4 };

static galago_message question(int i)
{
    return (galago_message){.role = GALAGO_ROLE_USER,
                            .text = questions[i].text,
                            .images = images + questions[i].first_image,
                            .n_images = (size_t)questions[i].n_images,
                            .inline_images = questions[i].marked};
}

static galago_model *open_with(const char *path, galago_dtype dtype, uint32_t threads, const char *isa)
{
    const galago_model_params p = {.dtype = dtype, .n_threads = threads, .cpu_isa = isa};
    galago_error e;
    galago_model *m;
    galago_status s = galago_model_open(path, &p, &m, &e);
    CHECK(!s, "%s: %s", path, e.message);
    return m;
}

static galago_context *context_of(const galago_model *m, uint32_t n_ctx)
{
    const galago_context_params p = {.n_ctx = n_ctx};
    galago_error e;
    galago_context *c;
    galago_status s = galago_context_create(m, &p, &c, &e);
    CHECK(!s, "context: %s", e.message);
    return c;
}

/* An answer kept for comparing. */
enum { MOST_TOKENS = 48, N_LOGPROBS = 3 };
typedef struct answer {
    galago_status status;
    galago_finish finish;
    uint32_t n, prompt_tokens, reused_tokens;
    int32_t ids[MOST_TOKENS];
    galago_logprob logprobs[MOST_TOKENS][N_LOGPROBS];
    char text[1024];
    char message[496];
} answer;

static answer keep(galago_status s, const galago_result *r, const galago_error *e)
{
    answer a = {.status = s,
                .finish = r->finish,
                .n = r->completion_tokens,
                .prompt_tokens = r->prompt_tokens,
                .reused_tokens = r->reused_tokens};
    if (a.n > MOST_TOKENS) a.n = MOST_TOKENS;
    if (a.n) memcpy(a.ids, r->token_ids, a.n * sizeof *a.ids);
    for (uint32_t i = 0; i < a.n && r->n_logprobs == N_LOGPROBS; i++)
        memcpy(a.logprobs[i], r->logprobs + (size_t)i * N_LOGPROBS, sizeof a.logprobs[i]);
    snprintf(a.text, sizeof a.text, "%.*s", (int)r->text_size, r->text);
    if (s) snprintf(a.message, sizeof a.message, "%s", e->message);
    return a;
}

static answer ask(galago_context *c, const galago_message *messages, size_t n,
                  const galago_generate_params *p)
{
    galago_result r;
    galago_error e;
    galago_status s = galago_generate(c, messages, n, p, NULL, NULL, &r, &e);
    return keep(s, &r, &e);
}

static bool same_ids(const answer *a, const answer *b)
{
    return a->status == b->status && a->n == b->n && !memcmp(a->ids, b->ids, a->n * sizeof *a->ids) &&
           !strcmp(a->text, b->text);
}

/* Largest difference of the recorded logprobs, by rank. */
static float logprob_difference(const answer *a, const answer *b)
{
    float worst = 0;
    for (uint32_t i = 0; i < a->n && i < b->n; i++)
        for (int k = 0; k < N_LOGPROBS; k++) {
            float d = fabsf(a->logprobs[i][k].logprob - b->logprobs[i][k].logprob);
            if (!(d <= worst)) worst = d;
        }
    return worst;
}

static const galago_generate_params greedy = {.max_tokens = 24, .ignore_eos = true, .n_logprobs = N_LOGPROBS};
static const galago_generate_params sampled = {.max_tokens = 24,
                                               .ignore_eos = true,
                                               .n_logprobs = N_LOGPROBS,
                                               .temperature = 0.8f,
                                               .top_k = 40,
                                               .top_p = 0.95f,
                                               .seed = 5};

/* ---- what may not matter ---- */

static void test_seeds_and_threads(const char *path)
{
    galago_model *one = open_with(path, GALAGO_DTYPE_AS_IS, 1, NULL),
                 *two = open_with(path, GALAGO_DTYPE_AS_IS, 2, NULL);
    galago_context *a = context_of(one, 1024), *b = context_of(two, 1024);
    for (int q = 0; q < N_QUESTIONS; q++) {
        galago_message m = question(q);
        galago_generate_params other = sampled;
        other.seed = 6;
        answer first = ask(a, &m, 1, &sampled), again = ask(a, &m, 1, &sampled),
               different = ask(a, &m, 1, &other);
        CHECK(!first.status && first.n == 24, "%s: %s", path, first.message);
        CHECK(same_ids(&first, &again), "%s question %d: same seed, same words: \"%s\" \"%s\"", path, q,
              first.text, again.text);
        CHECK(memcmp(first.ids, different.ids, sizeof first.ids),
              "%s question %d: another seed, the same words", path, q);
        galago_context_reset(a);
        galago_context_reset(b);
        /* No sum is split among threads: not a bit differs. */
        answer single = ask(a, &m, 1, &greedy);
        size_t bytes = 0;
        galago_model_info info;
        galago_model_get_info(one, &info);
        bytes = info.n_vocab * sizeof(float);
        float *logits = malloc(bytes);
        memcpy(logits, galago_context_logits(a), bytes);
        answer pair = ask(b, &m, 1, &greedy);
        CHECK(same_ids(&single, &pair) && !memcmp(logits, galago_context_logits(b), bytes),
              "%s question %d: 1 and 2 threads", path, q);
        free(logits);
    }
    galago_context_destroy(a);
    galago_context_destroy(b);
    galago_model_close(one);
    galago_model_close(two);
}

/* A conversation of several turns, on a context that keeps its state and on one that is reset before each
 * answer. Pieces of other sizes add in another order, so logits may differ in their last bits: below 1e-4 in
 * f32; a state of the wrong conversation changes them by 0.1 and more. */
static void test_reuse(const char *path)
{
    galago_model *m = open_with(path, GALAGO_DTYPE_F32, 1, NULL);
    galago_context *kept = context_of(m, 4096), *fresh = context_of(m, 4096);
    unsigned long long seed = 77;
    uint32_t least_reused = 0;
    for (int conversation = 0; conversation < 4; conversation++) {
        galago_message turns[12];
        answer answers[6];
        size_t n = 0;
        if (conversation % 2) turns[n++] = (galago_message){.role = GALAGO_ROLE_SYSTEM, .text = "Be brief."};
        for (int turn = 0; turn < 4; turn++) {
            turns[n++] = question((int)(check_random(&seed) % N_QUESTIONS));
            galago_context_reset(fresh);
            answer a = ask(kept, turns, n, &greedy), b = ask(fresh, turns, n, &greedy);
            float d = logprob_difference(&a, &b);
            CHECK(!a.status && same_ids(&a, &b) && d < 1e-4f,
                  "%s conversation %d turn %d: %u of %u tokens reused, logprobs differ by %g %s", path,
                  conversation, turn, a.reused_tokens, a.prompt_tokens, (double)d, a.message);
            CHECK(b.reused_tokens == 0 && a.prompt_tokens == b.prompt_tokens, "reset forgets");
            if (turn)
                CHECK(a.reused_tokens >= least_reused, "%s turn %d: %u reused, %u were possible", path, turn,
                      a.reused_tokens, least_reused);
            /* Everything up to the end of this user turn is there next time; the generation prompt (at most
             * 12 tokens:
             * <|im_start|>assistant, the empty think block) is not. */
            least_reused = a.prompt_tokens > 20 ? a.prompt_tokens - 20 : 0;
            /* The same once more: nothing but the generation prompt runs. */
            answer again = ask(kept, turns, n, &greedy);
            CHECK(same_ids(&a, &again) && again.reused_tokens >= least_reused,
                  "%s: the same again, %u reused", path, again.reused_tokens);
            answers[turn] = a;
            turns[n++] = (galago_message){.role = GALAGO_ROLE_ASSISTANT, .text = answers[turn].text};
            if (check_random(&seed) % 4 == 0) { /* the person changes the past */
                turns[n - 2] = question((int)(check_random(&seed) % N_QUESTIONS));
                least_reused = 0;
            }
        }
    }
    galago_context_destroy(kept);
    galago_context_destroy(fresh);
    galago_model_close(m);
}

/* The same words as a picture of another file: pictures are told apart by their pixels. */
static void test_reuse_tells_pictures_apart(const char *path)
{
    galago_model *m = open_with(path, GALAGO_DTYPE_F32, 1, NULL);
    galago_context *kept = context_of(m, 1024), *fresh = context_of(m, 1024);
    enum { W = 64, H = 64 };
    static uint8_t rgb[H * W * 3];
    unsigned long long seed = 3;
    for (size_t i = 0; i < sizeof rgb; i++) rgb[i] = (uint8_t)check_random(&seed);
    answer last = {0};
    int differ = 0;
    for (int i = 0; i < 6; i++) {
        rgb[1234] ^= (uint8_t)(1u << i); /* one bit of one pixel */
        if (i == 4) memset(rgb, 200, sizeof rgb / 2);
        galago_image *img;
        CHECK(!galago_image_from_rgb(rgb, W, H, 3 * W, &img, NULL), "image");
        galago_message q = {.role = GALAGO_ROLE_USER, .text = "What?", .images = &img, .n_images = 1};
        galago_context_reset(fresh);
        answer a = ask(kept, &q, 1, &greedy), b = ask(fresh, &q, 1, &greedy);
        CHECK(same_ids(&a, &b) && logprob_difference(&a, &b) < 1e-4f, "%s picture %d", path, i);
        CHECK(a.reused_tokens < 10, "%s picture %d: %u tokens reused", path, i, a.reused_tokens);
        differ += i && logprob_difference(&a, &last) > 1e-6f;
        last = a;
        galago_image_destroy(img);
    }
    CHECK(differ == 5, "%s: the answer depends on the picture: %d of 5", path, differ);
    galago_context_destroy(kept);
    galago_context_destroy(fresh);
    galago_model_close(m);
}

typedef struct canceller {
    galago_context *c;
    int calls, at;
    bool by_flag;
} canceller;

static bool cancel_progress(void *user, const char *stage, double fraction)
{
    canceller *k = user;
    CHECK((!strcmp(stage, "vision") || !strcmp(stage, "prefill")) && fraction >= 0 && fraction <= 1, "%s %g",
          stage, fraction);
    if (k->calls++ != k->at) return true;
    if (!k->by_flag) return false;
    galago_cancel(k->c);
    return true;
}
static bool cancel_text(void *user, const char *piece, size_t size)
{
    canceller *k = user;
    (void)piece;
    CHECK(size > 0, "empty pieces are not delivered");
    if (k->calls++ != k->at) return true;
    if (!k->by_flag) return false;
    galago_cancel(k->c);
    return true;
}

static void test_cancel(const char *path)
{
    galago_model *m = open_with(path, GALAGO_DTYPE_F32, 1, NULL);
    galago_context *c = context_of(m, 1024), *fresh = context_of(m, 1024);
    galago_message interrupted = question(2), next[3];
    next[0] = question(1);
    next[1] = (galago_message){.role = GALAGO_ROLE_ASSISTANT, .text = "A thing."};
    next[2] = question(2);
    answer want_one = ask(fresh, next, 1, &greedy), want_three;
    galago_context_reset(fresh);
    want_three = ask(fresh, next, 3, &greedy);
    int cancelled = 0, finished = 0;
    for (int where = 0; where < 4; where++)
        for (int at = 0; at < 14; at++) {
            canceller k = {.c = c, .at = at, .by_flag = where % 2};
            galago_generate_params p = greedy;
            galago_result r;
            galago_error e;
            galago_status s;
            if (where < 2) {
                p.progress = cancel_progress;
                p.progress_user = &k;
                s = galago_generate(c, &interrupted, 1, &p, NULL, NULL, &r, &e);
            } else {
                s = galago_generate(c, &interrupted, 1, &p, cancel_text, &k, &r, &e);
            }
            if (k.calls > at) {
                CHECK(s == GALAGO_CANCELLED || r.completion_tokens == 24, "%s: status %d", path, s);
                CHECK(s != GALAGO_CANCELLED ||
                          (r.finish == GALAGO_FINISH_CANCELLED && r.prompt_tokens > 0 && e.message[0]),
                      "%s", path);
                CHECK(s != GALAGO_CANCELLED || r.text_size == strlen(r.text), "what there is");
                cancelled += s == GALAGO_CANCELLED;
            } else {
                CHECK(!s, "%s: %s", path, e.message);
                finished++;
            }
            answer a = at % 2 ? ask(c, next, 1, &greedy) : ask(c, next, 3, &greedy);
            const answer *want = at % 2 ? &want_one : &want_three;
            CHECK(same_ids(&a, want) && logprob_difference(&a, want) < 1e-4f, "%s: after cancelling %d at %d",
                  path, where, at);
        }
    CHECK(cancelled > 20, "%s: %d cancelled, %d finished", path, cancelled, finished);
    galago_context_destroy(c);
    galago_context_destroy(fresh);
    galago_model_close(m);
}

typedef struct worker {
    galago_context *c;
    answer answers[2 * N_QUESTIONS];
} worker;

static void *work(void *arg)
{
    worker *w = arg;
    for (int i = 0; i < 2 * N_QUESTIONS; i++) {
        galago_message q = question(i % N_QUESTIONS);
        w->answers[i] = ask(w->c, &q, 1, i < N_QUESTIONS ? &greedy : &sampled);
    }
    return NULL;
}

static void test_two_contexts(const char *path)
{
    galago_model *m = open_with(path, GALAGO_DTYPE_AS_IS, 2, NULL);
    static worker workers[3];
    for (int i = 0; i < 3; i++) workers[i].c = context_of(m, 1024);
    work(&workers[2]);
    pthread_t threads[2];
    /* Pictures belong to one thread at a time, but nothing is written to one that was looked at before. */
    for (int i = 0; i < 2; i++) CHECK(!pthread_create(&threads[i], NULL, work, &workers[i]), "thread");
    for (int i = 0; i < 2; i++) pthread_join(threads[i], NULL);
    for (int i = 0; i < 2; i++)
        for (int k = 0; k < 2 * N_QUESTIONS; k++)
            CHECK(same_ids(&workers[i].answers[k], &workers[2].answers[k]), "%s thread %d answer %d", path, i,
                  k);
    for (int i = 0; i < 3; i++) galago_context_destroy(workers[i].c);
    galago_model_close(m);
}

/* The portable code and the machine's: the same greedy words in f32, logprobs within rounding. */
static void test_isa(const char *path)
{
    const galago_model_params p = {.dtype = GALAGO_DTYPE_F32, .n_threads = 1, .cpu_isa = "avx2"};
    galago_model *fast;
    galago_error e;
    if (galago_model_open(path, &p, &fast, &e) == GALAGO_ERR_ARGUMENT) return; /* this machine has no AVX2 */
    galago_model *plain = open_with(path, GALAGO_DTYPE_F32, 1, "ref");
    galago_context *a = context_of(fast, 1024), *b = context_of(plain, 1024);
    for (int q = 0; q < N_QUESTIONS; q++) {
        galago_message m = question(q);
        answer x = ask(a, &m, 1, &greedy), y = ask(b, &m, 1, &greedy);
        float d = logprob_difference(&x, &y);
        CHECK(same_ids(&x, &y) && d < 1e-3f, "%s question %d: logprobs differ by %g", path, q, (double)d);
    }
    galago_context_destroy(a);
    galago_context_destroy(b);
    galago_model_close(fast);
    galago_model_close(plain);
}

/* ---- ways of asking ---- */

typedef struct collected {
    char text[2048];
    size_t size, pieces;
} collected;

static bool collect(void *user, const char *piece, size_t size)
{
    collected *k = user;
    if (k->size + size < sizeof k->text) memcpy(k->text + k->size, piece, size);
    k->size += size;
    k->pieces++;
    return true;
}

static void test_ways(const char *path)
{
    galago_model *m = open_with(path, GALAGO_DTYPE_F32, 1, NULL);
    galago_context *c = context_of(m, 1024);
    galago_error e;
    galago_result r;
    for (int q = 0; q < N_QUESTIONS; q++) {
        galago_message message = question(q);
        answer plain = ask(c, &message, 1, &greedy);

        collected k = {.size = 0};
        galago_generate(c, &message, 1, &greedy, collect, &k, &r, &e);
        CHECK(k.size == r.text_size && !memcmp(k.text, r.text, k.size) && r.text[r.text_size] == 0,
              "%s: pieces make the text", path);

        /* Pull. */
        k = (collected){.size = 0};
        CHECK(!galago_generate_begin(c, &message, 1, &greedy, &e), "%s", e.message);
        bool done = false;
        int steps = 0;
        while (!done && steps++ < 100) {
            const char *piece;
            size_t size;
            galago_status s = galago_generate_next(c, &piece, &size, &done, &e);
            CHECK(!s, "%s", e.message);
            collect(&k, piece, size);
        }
        const char *piece;
        size_t size = 9;
        CHECK(!galago_generate_next(c, &piece, &size, &done, &e) && done && size == 0,
              "finished stays finished");
        galago_generate_result(c, &r);
        CHECK(steps == 24 && r.completion_tokens == 24 && r.text_size == k.size &&
                  !memcmp(k.text, r.text, k.size) && !strcmp(r.text, plain.text),
              "%s: pulled \"%s\", pushed \"%s\"", path, r.text, plain.text);

        /* Raw: the rendered chat text. */
        char raw[600] = "<|im_start|>user\n", *at = raw + strlen(raw);
        if (!questions[q].marked)
            for (int i = 0; i < questions[q].n_images; i++)
                at += sprintf(at, "<|vision_start|><|image_pad|><|vision_end|>");
        for (const char *t = questions[q].text; *t;) {
            if (questions[q].marked && !strncmp(t, "<image>", 7)) {
                at += sprintf(at, "<|vision_start|><|image_pad|><|vision_end|>");
                t += 7;
            } else {
                *at++ = *t++;
            }
        }
        sprintf(at, "<|im_end|>\n<|im_start|>assistant\n<think>\n\n</think>\n\n");
        galago_message rendered = message;
        rendered.text = raw;
        rendered.inline_images = false;
        galago_generate_params p = greedy;
        p.raw = true;
        galago_context_reset(c);
        answer a = ask(c, &rendered, 1, &p);
        CHECK(same_ids(&a, &plain) && a.prompt_tokens == plain.prompt_tokens,
              "%s question %d raw: %u tokens, %u %s", path, q, a.prompt_tokens, plain.prompt_tokens,
              a.message);
        /* Its answer appended: the state goes on where it is, or from the prompt's end. */
        answer longer;
        size_t used = strlen(raw);
        snprintf(raw + used, sizeof raw - used, "and then");
        longer = ask(c, &rendered, 1, &p);
        CHECK(longer.reused_tokens + 8 >= plain.prompt_tokens, "%s question %d: %u of %u reused", path, q,
              longer.reused_tokens, longer.prompt_tokens);
        galago_context_reset(c);
        a = ask(c, &rendered, 1, &p);
        CHECK(same_ids(&a, &longer) && logprob_difference(&a, &longer) < 1e-4f,
              "%s question %d: raw, continued", path, q);
        galago_context_reset(c);
    }
    galago_context_destroy(c);
    galago_model_close(m);
}

static void test_ends(const char *path)
{
    galago_model *m = open_with(path, GALAGO_DTYPE_F32, 1, NULL);
    galago_context *c = context_of(m, 1024);
    galago_message q = question(1);
    galago_generate_params p = greedy;
    answer whole = ask(c, &q, 1, &p);
    CHECK(whole.finish == GALAGO_FINISH_LENGTH && whole.n == 24, "%s: max_tokens", path);
    size_t length = strlen(whole.text);
    CHECK(length > 8, "%s: an answer to cut: \"%s\"", path, whole.text);
    /* Every part of the answer as a stop string: the text ends where it first occurs. */
    int stops = 0;
    for (size_t from = 0; from + 3 <= length; from++) {
        char stop[4] = {whole.text[from], whole.text[from + 1], whole.text[from + 2], 0};
        if ((stop[0] & 0xc0) == 0x80 || (stop[0] & 0x80 && (unsigned char)stop[0] < 0xe0) ||
            (unsigned char)stop[0] >= 0xf0 || (stop[1] & 0x80 && !(stop[0] & 0x80)) ||
            (stop[2] & 0xc0) == 0xc0)
            continue; /* only whole characters */
        const char *list[] = {stop};
        p.stop = list;
        p.n_stop = 1;
        collected k = {.size = 0};
        galago_result r;
        galago_error e;
        galago_status s = galago_generate(c, &q, 1, &p, collect, &k, &r, &e);
        size_t want = (size_t)(strstr(whole.text, stop) - whole.text);
        CHECK(!s && r.finish == GALAGO_FINISH_STOP && r.text_size == want &&
                  !memcmp(r.text, whole.text, want),
              "%s stop \"%s\": \"%s\" of \"%s\" (%s)", path, stop, r.text, whole.text, s ? e.message : "");
        CHECK(k.size == want && !memcmp(k.text, whole.text, want), "%s: streamed \"%.*s\"", path, (int)k.size,
              k.text);
        CHECK(r.completion_tokens <= 24 &&
                  !memcmp(r.token_ids, whole.ids, r.completion_tokens * sizeof(int32_t)),
              "%s: the same tokens", path);
        stops++;
    }
    CHECK(stops > 3, "%s: %d stop strings tried", path, stops);
    /* A stop string that does not come, though its beginning does: held text is given in the end. */
    char almost[1032];
    snprintf(almost, sizeof almost, "%s#never#", whole.text + length / 2);
    const char *list[] = {almost};
    if ((almost[0] & 0xc0) != 0x80) {
        p.stop = list;
        p.n_stop = 1;
        answer a = ask(c, &q, 1, &p);
        CHECK(same_ids(&a, &whole), "%s: \"%s\" held back for ever", path, whole.text);
    }
    /* The end tokens: with a temperature that makes every token likely they come soon. */
    galago_generate_params hot = {.max_tokens = MOST_TOKENS, .temperature = 100};
    int ended = 0, shown = 0, went_on = 0;
    for (uint64_t seed = 0; seed < 40; seed++) {
        hot.seed = seed;
        hot.ignore_eos = false;
        answer a = ask(c, &q, 1, &hot);
        int32_t last = a.n ? a.ids[a.n - 1] : -1;
        char word[32];
        size_t size = 0;
        galago_detokenize(m, &last, 1, true, word, sizeof word - 1, &size, NULL);
        word[size < sizeof word ? size : 0] = 0;
        bool end = !strcmp(word, "<|im_end|>") || !strcmp(word, "<|endoftext|>");
        CHECK(end == (a.finish == GALAGO_FINISH_STOP), "%s seed %d: finish %d after %s", path, (int)seed,
              a.finish, word);
        ended += end;
        shown += strstr(a.text, "<|im_") != NULL || strstr(a.text, "<|endoftext|>") != NULL;
        hot.ignore_eos = true;
        answer b = ask(c, &q, 1, &hot);
        CHECK(b.n == MOST_TOKENS && b.finish == GALAGO_FINISH_LENGTH &&
                  !memcmp(a.ids, b.ids, a.n * sizeof *a.ids),
              "%s: ignore_eos goes on", path);
        went_on += end && b.n > a.n;
        shown += strstr(b.text, "<|im_") != NULL || strstr(b.text, "<|endoftext|>") != NULL;
    }
    CHECK(ended > 0 && went_on > 0 && shown == 0, "%s: %d ended, %d went on, %d showed control tokens", path,
          ended, went_on, shown);
    galago_context_destroy(c);
    galago_model_close(m);
}

/* The context's last place can be used, and no more. */
static void test_full_context(const char *path)
{
    galago_model *m = open_with(path, GALAGO_DTYPE_F32, 1, NULL);
    galago_context *wide = context_of(m, 1024);
    galago_message q = question(1);
    answer want = ask(wide, &q, 1, &greedy);
    for (uint32_t room = 0; room < 4; room++) {
        galago_context *c = context_of(m, want.prompt_tokens + room);
        answer a = ask(c, &q, 1, &greedy);
        if (room == 0) {
            char number[16];
            snprintf(number, sizeof number, "%u", want.prompt_tokens);
            CHECK(a.status == GALAGO_ERR_ARGUMENT && strstr(a.message, number) &&
                      strstr(a.message, "--ctx") && strstr(a.message, "--max-pixels"),
                  "%s: %s", path, a.message);
        } else {
            CHECK(!a.status && a.n == room && a.finish == GALAGO_FINISH_LENGTH &&
                      !memcmp(a.ids, want.ids, room * sizeof *a.ids),
                  "%s room %u: %u tokens %s", path, room, a.n, a.message);
        }
        galago_message small = {.role = GALAGO_ROLE_USER, .text = "a"};
        a = ask(c, &small, 1, &greedy);
        CHECK(!a.status && a.n, "%s: usable afterwards: %s", path, a.message);
        galago_context_destroy(c);
    }
    galago_context_destroy(wide);
    galago_model_close(m);
}

static void test_logprobs(const char *path)
{
    galago_model *m = open_with(path, GALAGO_DTYPE_F32, 1, NULL);
    galago_context *c = context_of(m, 1024);
    galago_model_info info;
    galago_model_get_info(m, &info);
    galago_message q = question(0);
    galago_generate_params p = greedy;
    p.max_tokens = 1;
    answer a = ask(c, &q, 1, &p);
    const float *l = galago_context_logits(c);
    double total = 0;
    for (uint32_t i = 0; i < info.n_vocab; i++) total += exp((double)l[i]);
    for (int k = 0; k < N_LOGPROBS; k++) {
        double want = (double)l[a.logprobs[0][k].id] - log(total);
        CHECK(fabs(want - (double)a.logprobs[0][k].logprob) < 1e-5, "%s rank %d: %g, want %g", path, k,
              (double)a.logprobs[0][k].logprob, want);
    }
    /* Penalties change the choice, not the logprobs. */
    p.repetition_penalty = 1e5f;
    p.presence_penalty = 3;
    answer b = ask(c, &q, 1, &p);
    CHECK(logprob_difference(&a, &b) < 1e-5f && a.logprobs[0][0].id == b.logprobs[0][0].id, "%s: raw logits",
          path);
    galago_context_destroy(c);
    galago_model_close(m);
}

/* A thousand calls take no more memory than two hundred. A kilobyte lost in each would be 0.8 MB. Sanitizers
 * keep freed memory. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANITIZED 1
#endif
#endif
static void test_no_growth(void)
{
#ifndef SANITIZED
    galago_model *m = open_with(models[0], GALAGO_DTYPE_AS_IS, 1, NULL);
    galago_context *c = context_of(m, 1024);
    uint64_t before = 0, after = 0;
    for (int i = 0; i < 1000; i++) {
        galago_message q = question(i % N_QUESTIONS);
        galago_generate_params p = greedy;
        p.max_tokens = 2;
        galago_result r;
        galago_generate(c, &q, 1, &p, NULL, NULL, &r, NULL);
        if (i == 200) before = r.peak_bytes;
        after = r.peak_bytes;
    }
    CHECK(before > 0 && after < before + 500000, "%llu bytes more", (unsigned long long)(after - before));
    galago_context_destroy(c);
    galago_model_close(m);
#endif
}

/* ---- what must be refused ---- */

static void test_refusals(void)
{
    galago_model *m = open_with(models[0], GALAGO_DTYPE_AS_IS, 2, NULL);
    galago_context *c = context_of(m, 1024);
    galago_image *missing[1] = {NULL};
    uint8_t *line = calloc(5000, 3);
    galago_image *narrow;
    CHECK(!galago_image_from_rgb(line, 1, 5000, 3, &narrow, NULL), "image");
    const char *empty_stop[] = {""};
    const struct {
        galago_message m[2];
        size_t n;
        galago_generate_params p;
        galago_status status;
        const char *says;
    } cases[] = {
        {{{0}}, 0, greedy, GALAGO_ERR_ARGUMENT, "no message"},
        {{{.role = GALAGO_ROLE_USER}}, 1, greedy, GALAGO_ERR_ARGUMENT, "empty"},
        {{{.role = GALAGO_ROLE_USER, .text = " \n\t"}}, 1, greedy, GALAGO_ERR_ARGUMENT, "empty"},
        {{{.role = GALAGO_ROLE_USER}}, 1, {.raw = true}, GALAGO_ERR_ARGUMENT, "empty"},
        {{question(0), question(0)}, 2, {.raw = true}, GALAGO_ERR_ARGUMENT, "not 2"},
        {{question(0), {.role = GALAGO_ROLE_ASSISTANT, .text = "x"}},
         2,
         greedy,
         GALAGO_ERR_ARGUMENT,
         "last message"},
        {{question(0), {.role = GALAGO_ROLE_SYSTEM, .text = "x"}},
         2,
         greedy,
         GALAGO_ERR_ARGUMENT,
         "last message"},
        {{{.role = GALAGO_ROLE_SYSTEM, .text = "x", .images = images, .n_images = 1}, question(0)},
         2,
         greedy,
         GALAGO_ERR_ARGUMENT,
         "ystem"},
        {{{.role = GALAGO_ROLE_USER,
           .text = "<image> <image>",
           .images = images,
           .n_images = 1,
           .inline_images = true}},
         1,
         greedy,
         GALAGO_ERR_ARGUMENT,
         "2 <image> markers for 1 image"},
        {{{.role = GALAGO_ROLE_USER, .text = "x", .images = missing, .n_images = 1}},
         1,
         greedy,
         GALAGO_ERR_ARGUMENT,
         "image 1"},
        {{{.role = GALAGO_ROLE_USER, .text = "x", .n_images = 2}},
         1,
         greedy,
         GALAGO_ERR_ARGUMENT,
         "2 images"},
        {{{.role = GALAGO_ROLE_USER, .text = "x", .images = &narrow, .n_images = 1}},
         1,
         greedy,
         GALAGO_ERR_ARGUMENT,
         "5000"},
        {{{.role = GALAGO_ROLE_USER, .text = "<|image_pad|>"}},
         1,
         {.raw = true},
         GALAGO_ERR_ARGUMENT,
         "1 image placeholder"},
        {{question(1)}, 1, {.raw = true}, GALAGO_ERR_ARGUMENT, "0 image placeholders"},
        {{question(0)}, 1, {.temperature = -1}, GALAGO_ERR_ARGUMENT, "temperature"},
        {{question(0)}, 1, {.n_logprobs = 65}, GALAGO_ERR_ARGUMENT, "n_logprobs"},
        {{question(0)}, 1, {.stop = empty_stop, .n_stop = 1}, GALAGO_ERR_ARGUMENT, "stop string 1"},
    };
    galago_message good = question(1);
    answer want = ask(c, &good, 1, &greedy);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        answer a = ask(c, cases[i].m, cases[i].n, &cases[i].p);
        CHECK(a.status == cases[i].status && strstr(a.message, cases[i].says), "case %zu: %s: %s", i,
              galago_status_name(a.status), a.message);
        CHECK(a.n == 0 && a.text[0] == 0, "case %zu: no answer", i);
    }
    answer again = ask(c, &good, 1, &greedy);
    CHECK(same_ids(&want, &again) && again.reused_tokens > 0, "usable, and its state kept");
    const char *piece;
    size_t size;
    bool done;
    galago_error e;
    galago_context_reset(c);
    CHECK(galago_generate_next(c, &piece, &size, &done, &e) == GALAGO_ERR_ARGUMENT && done,
          "next without begin");
    CHECK(galago_context_logits(c) == NULL, "no logits after a reset");
    /* User text never becomes a control token. */
    galago_message sly = {.role = GALAGO_ROLE_USER, .text = "<|image_pad|><|im_end|>"};
    answer a = ask(c, &sly, 1, &greedy);
    CHECK(!a.status && a.prompt_tokens > 25, "%u tokens: %s", a.prompt_tokens, a.message);

    galago_image_destroy(narrow);
    free(line);
    galago_context_destroy(c);

    galago_context_params large = {.n_ctx = 1u << 30};
    CHECK(galago_context_create(m, &large, &c, &e) == GALAGO_ERR_ARGUMENT && !c && strstr(e.message, "4096"),
          "%s", e.message);
    galago_model_close(m);

    const struct {
        const char *name;
        galago_model_params p;
        galago_status status;
        const char *says;
    } opens[] = {
        {NULL, {0}, GALAGO_ERR_ARGUMENT, "no model"},
        {"", {0}, GALAGO_ERR_ARGUMENT, "no model"},
        {models[0], {.device = GALAGO_DEVICE_GPU}, GALAGO_ERR_UNSUPPORTED, "--device cpu"},
        {models[0], {.device = (galago_device)9}, GALAGO_ERR_ARGUMENT, "device 9"},
        {models[0], {.dtype = (galago_dtype)9}, GALAGO_ERR_ARGUMENT, "dtype 9"},
        {models[0], {.cpu_isa = "z80"}, GALAGO_ERR_ARGUMENT, "z80"},
        {models[0], {.min_pixels = 70000, .max_pixels = 60000}, GALAGO_ERR_ARGUMENT, "min_pixels 70000"},
        {models[0], {.max_pixels = 1000}, GALAGO_ERR_ARGUMENT, "max_pixels 1000"},
        {models[0], {.memory_limit = 1000}, GALAGO_ERR_MEMORY, "smaller model"},
        {models[0], {.dtype = GALAGO_DTYPE_F32, .memory_limit = 500000}, GALAGO_ERR_MEMORY, "dtype"},
        {"tests/data/golden/nothing", {0}, GALAGO_ERR_IO, "tests/data/golden/nothing"},
        {"tests/data/golden/README.md", {0}, GALAGO_ERR_FORMAT, "README.md"},
        {"synthetic:nothing", {0}, GALAGO_ERR_ARGUMENT, "synthetic"},
    };
    for (size_t i = 0; i < sizeof opens / sizeof *opens; i++) {
        galago_status s = galago_model_open(opens[i].name, &opens[i].p, &m, &e);
        bool right = s == opens[i].status ||
                     (opens[i].status == GALAGO_ERR_FORMAT && s == GALAGO_ERR_UNSUPPORTED) ||
                     (i + 1 == sizeof opens / sizeof *opens && s != GALAGO_OK);
        CHECK(right && !m && strstr(e.message, opens[i].says), "open %zu: %s: %s", i, galago_status_name(s),
              e.message);
        galago_model_close(m);
    }
    static const uint8_t pixel[3] = {1, 2, 3};
    galago_image *img;
    CHECK(galago_image_from_rgb(pixel, 0, 1, 3, &img, &e) == GALAGO_ERR_ARGUMENT && !img, "%s", e.message);
    CHECK(galago_image_from_rgb(pixel, 1, 1, 2, &img, &e) == GALAGO_ERR_ARGUMENT &&
              strstr(e.message, "stride"),
          "%s", e.message);
    CHECK(galago_image_from_rgb(pixel, 30000, 30000, 90000, &img, &e) == GALAGO_ERR_UNSUPPORTED &&
              strstr(e.message, "30000"),
          "%s", e.message);
    CHECK(galago_image_load("/nowhere.png", &img, &e) == GALAGO_ERR_IO && !img &&
              strstr(e.message, "/nowhere.png"),
          "%s", e.message);
    CHECK(galago_image_load("tests/data/golden/README.md", &img, &e) && !img &&
              strstr(e.message, "README.md"),
          "%s", e.message);
}

/* A picture limit moves the picture's tokens. */
static void test_pixel_limits(void)
{
    uint32_t tokens[3];
    const uint64_t limits[3] = {0, 8192, 4096};
    for (int i = 0; i < 3; i++) {
        const galago_model_params p = {.max_pixels = limits[i]};
        galago_model *m;
        galago_error e;
        CHECK(!galago_model_open(models[0], &p, &m, &e), "%s", e.message);
        galago_model_info info;
        galago_model_get_info(m, &info);
        CHECK(info.max_pixels == (limits[i] ? limits[i] : 65536) && info.min_pixels == 4096, "limits %d",
              (int)info.max_pixels);
        galago_context *c = context_of(m, 1024);
        galago_message q = question(3);
        galago_result r;
        CHECK(!galago_generate(c, &q, 1, &greedy, NULL, NULL, &r, &e), "%s", e.message);
        tokens[i] = r.image_tokens;
        galago_context_destroy(c);
        galago_model_close(m);
    }
    /* 140 x 100 pixels: 12 tokens of 32 x 32 when nothing limits it. */
    CHECK(tokens[0] == 12 && tokens[1] <= 8 && tokens[2] <= 4 && tokens[1] > tokens[2], "%u %u %u", tokens[0],
          tokens[1], tokens[2]);
}

static void test_describe(const char *path)
{
    galago_model *m = open_with(path, GALAGO_DTYPE_Q8_0, 1, NULL);
    galago_model_info info;
    galago_model_get_info(m, &info);
    galago_error e;
    char *text = NULL;
    CHECK(!galago_model_describe(m, 0, &text, &e) && strstr(text, "\"family\":\"qwen3_5\"") &&
              strstr(text, "\"layers\":[\"linear\"") && strstr(text, "\"context_bytes\":") &&
              text[strlen(text) - 1] == '}',
          "%s", text ? text : e.message);
    galago_free(text);
    CHECK(galago_model_describe(m, 1u << 31, &text, &e) == GALAGO_ERR_ARGUMENT && !text, "%s", e.message);
    uint64_t bytes = 0;
    for (size_t i = 0; i < galago_model_n_tensors(m); i++) {
        galago_tensor_info t;
        galago_model_get_tensor(m, i, &t);
        CHECK(t.name && t.dtype && t.n_dims && t.shape[0] && t.bytes, "tensor %zu", i);
        bytes += t.bytes;
    }
    CHECK(bytes == info.weights_bytes && info.has_vision && info.load_ms > 0 && !strcmp(info.name, path),
          "%s", info.name);
    /* Text to ids and back. */
    static const char words[] = "Hello <|im_end|> wörld";
    int32_t ids[64], few[2];
    size_t n, n_few, size;
    char back[64];
    CHECK(!galago_tokenize(m, words, sizeof words - 1, false, ids, 64, &n, &e) && n < 64, "%s", e.message);
    CHECK(!galago_tokenize(m, words, sizeof words - 1, false, few, 2, &n_few, &e) && n_few == n &&
              few[1] == ids[1],
          "the number needed");
    CHECK(!galago_detokenize(m, ids, n, false, back, sizeof back, &size, &e) && size == sizeof words - 1 &&
              !memcmp(back, words, size),
          "%.*s", (int)size, back);
    CHECK(!galago_tokenize(m, words, sizeof words - 1, true, ids, 64, &n, &e) && n < n_few,
          "%zu ids with control tokens", n);
    CHECK(!galago_detokenize(m, ids, n, false, back, sizeof back, &size, &e) && size == sizeof words - 1 - 10,
          "not shown: %zu", size);
    CHECK(!galago_detokenize(m, ids, n, true, back, 3, &size, &e) && size == sizeof words - 1 &&
              !memcmp(back, "Hel", 3),
          "shown: %zu", size);
    galago_model_close(m);
}

int main(void)
{
    static const char *const files[N_IMAGES] = {"exact", "wide", "small", "photo"};
    for (int i = 0; i < N_IMAGES; i++) {
        char path[64];
        galago_error e;
        snprintf(path, sizeof path, "tests/data/golden/images/%s.png", files[i]);
        if (galago_image_load(path, &images[i], &e)) {
            printf("%s\n", e.message);
            return 1;
        }
    }
    for (int i = 0; i < N_MODELS; i++) {
        test_seeds_and_threads(models[i]);
        test_reuse(models[i]);
        test_reuse_tells_pictures_apart(models[i]);
        test_cancel(models[i]);
        test_two_contexts(models[i]);
        test_isa(models[i]);
        test_ways(models[i]);
        test_ends(models[i]);
        test_full_context(models[i]);
        test_logprobs(models[i]);
        test_describe(models[i]);
    }
    test_no_growth();
    test_refusals();
    test_pixel_limits();
    for (int i = 0; i < N_IMAGES; i++) galago_image_destroy(images[i]);
    return check_done("property/generate");
}
