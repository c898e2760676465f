/* One conversation: prompt -> vision -> prefill -> decode loop -> text. */
#include "engine/engine.h"
#include "engine/prompt.h"
#include "engine/reuse.h"

#include "base/filemap.h"
#include <stdlib.h>
#include <string.h>

typedef enum phase {
    PHASE_IDLE,    /* nothing begun, or it failed */
    PHASE_RUNNING, /* the logits of the next token are there, or the last token is to be run first */
    PHASE_DONE,
} phase;

struct galago_context {
    const galago_model *model;
    session *session;
    uint32_t n_ctx;
    atomic_int cancelled;
    bool busy; /* inside a call: a callback must not begin another */

    history history;
    vision_rows rows;
    sampler *sampler;
    stop_filter stop;
    text_stream stream;

    phase phase;
    galago_generate_params params; /* pointers are only valid during begin */
    int32_t rope_delta;
    uint32_t max_tokens; /* of this answer: what the caller wants and the context allows */
    float *logits;       /* [n_vocab] raw */
    bool has_logits;
    int32_t *ids;             /* [n_ids] the answer's tokens */
    galago_logprob *logprobs; /* [n_ids, params.n_logprobs] */
    size_t n_ids, ids_capacity, logprobs_capacity;
    buf text, piece,
        scratch; /* the answer; what the latest call adds to it; characters before stop strings are cut out */
    galago_result result; /* counts and times; pointers are filled in when asked for */
};

/* ---- making and forgetting ---- */

static void forget(galago_context *c)
{
    session_reset(c->session);
    history_clear(&c->history);
    c->rows.n = 0;
    c->has_logits = false;
}

/* A context is refused by its plan, not when its pages are first touched. */
static galago_status check_context_memory(const galago_model *m, uint32_t n_ctx, error *e)
{
    const model_config *c = config_of(m);
    uint64_t there = memory_available();
    session_plan plan = session_plan_for(c, n_ctx, most_patches(&c->preprocess, n_ctx), m->f32_cache);
    if (!there || plan.state_bytes + plan.scratch_bytes <= there) return GALAGO_OK;
    uint32_t fits = n_ctx;
    while (fits > 256) {
        fits /= 2;
        session_plan less = session_plan_for(c, fits, most_patches(&c->preprocess, fits), m->f32_cache);
        if (less.state_bytes + less.scratch_bytes <= there)
            return fail(e, GALAGO_ERR_MEMORY,
                        "a context of %u tokens takes %.0f MB, %.0f MB are available; one of %u (--ctx) fits",
                        n_ctx, (double)(plan.state_bytes + plan.scratch_bytes) / 1e6, (double)there / 1e6,
                        fits);
    }
    return fail(e, GALAGO_ERR_MEMORY,
                "a context of %u tokens takes %.0f MB, %.0f MB are available; a smaller --max-pixels or "
                "model needs less",
                n_ctx, (double)(plan.state_bytes + plan.scratch_bytes) / 1e6, (double)there / 1e6);
}

galago_status galago_context_create(const galago_model *m, const galago_context_params *params,
                                    galago_context **out, galago_error *e)
{
    error_clear(e);
    *out = NULL;
    const model_config *config = config_of(m);
    uint32_t n_ctx = params ? params->n_ctx : 0;
    if (n_ctx > config->text.max_context)
        return fail(e, GALAGO_ERR_ARGUMENT, "a context of %u tokens: this model was made for at most %u",
                    n_ctx, config->text.max_context);
    n_ctx = context_length(config, n_ctx);
    galago_status s = check_context_memory(m, n_ctx, e);
    if (s) return s;
    galago_context *c = calloc(1, sizeof *c);
    if (!c) return fail(e, GALAGO_ERR_MEMORY, "not enough memory for a context");
    c->model = m;
    c->n_ctx = n_ctx;
    atomic_init(&c->cancelled, 0);
    c->logits = malloc(config->text.n_vocab * sizeof *c->logits);
    if (!c->logits || !history_create(&c->history, n_ctx))
        s = fail(e, GALAGO_ERR_MEMORY, "not enough memory for a context");
    if (!s) s = sampler_create(config->text.n_vocab, m->runs, m->n_runs, n_ctx, &c->sampler, e);
    if (!s && !(s = model_lock(m, e))) {
        s = session_create(m->network, n_ctx, most_patches(&config->preprocess, n_ctx), &c->session, e);
        model_unlock(m);
    }
    if (s) {
        galago_context_destroy(c);
        return s;
    }
    *out = c;
    return GALAGO_OK;
}

void galago_context_destroy(galago_context *c)
{
    if (!c) return;
    if (c->session) {
        bool locked = model_lock(c->model, NULL) == GALAGO_OK;
        session_destroy(c->session);
        if (locked) model_unlock(c->model);
    }
    sampler_destroy(c->sampler);
    stop_filter_free(&c->stop);
    history_destroy(&c->history);
    free(c->rows.held);
    free(c->logits);
    free(c->ids);
    free(c->logprobs);
    buf_free(&c->text);
    buf_free(&c->piece);
    buf_free(&c->scratch);
    free(c);
}

void galago_context_reset(galago_context *c)
{
    bool locked = model_lock(c->model, NULL) == GALAGO_OK;
    forget(c);
    if (locked) model_unlock(c->model);
    c->phase = PHASE_IDLE;
}

void galago_cancel(galago_context *c) { atomic_store(&c->cancelled, 1); }

static bool is_cancelled(galago_context *c) { return atomic_load(&c->cancelled) != 0; }

const float *galago_context_logits(const galago_context *c) { return c->has_logits ? c->logits : NULL; }

/* ---- beginning ---- */

/* A progress report of one picture among several, or of prefill; also where a running call notices that it is
 * cancelled. */
typedef struct stage {
    galago_context *c;
    const char *name;
    double from, share; /* of the whole stage */
} stage;

static bool report(void *user, const char *name, double fraction)
{
    const stage *st = user;
    (void)name;
    if (is_cancelled(st->c)) return false;
    const galago_generate_params *p = &st->c->params;
    return !p->progress || p->progress(p->progress_user, st->name, st->from + st->share * fraction);
}

/* Runs the vision tower over the pictures whose tokens, or the last of them, are still to run. */
static galago_status look_at_images(galago_context *c, const prompt *p, size_t start, error *e)
{
    const model_config *config = config_of(c->model);
    size_t total = 0, done = 0;
    for (size_t k = 0; k < p->n_images; k++) {
        const image_span *span = &p->layout.spans[k];
        if (span->first + span->count > start && !vision_rows_hold(&c->rows, span, &p->keys[k]))
            total += span->count;
    }
    for (size_t k = 0; k < p->n_images; k++) {
        const image_span *span = &p->layout.spans[k];
        if (span->first + span->count <= start || vision_rows_hold(&c->rows, span, &p->keys[k])) continue;
        stage st = {c, "vision", (double)done / (double)total, (double)span->count / (double)total};
        if (!report(&st, "vision", 0))
            return fail(e, GALAGO_CANCELLED, "cancelled before picture %zu", k + 1);
        double t0 = time_ms();
        float *patches = NULL;
        image_grid grid;
        galago_status s = image_preprocess(&p->images[k]->pixels, &config->preprocess, &patches, &grid, e);
        double t1 = time_ms();
        c->result.image_ms += t1 - t0;
        if (s) return s;
        assert(grid.rows == p->keys[k].grid.rows && grid.cols == p->keys[k].grid.cols);
        vision_rows_discard(&c->rows, span);
        if (!(s = model_lock(c->model, e))) {
            s = session_vision(c->session, patches, grid, span->row, report, &st, e);
            model_unlock(c->model);
        }
        free(patches);
        c->result.vision_ms += time_ms() - t1;
        if (s) return s;
        vision_rows_add(&c->rows, span, &p->keys[k]);
        done += span->count;
    }
    return GALAGO_OK;
}

/* Brings the session to where the prompt can continue, and returns that place. */
static galago_status choose_start(galago_context *c, const prompt *p, size_t *start, error *e)
{
    if (!history_reserve(&c->history, &p->layout))
        return fail(e, GALAGO_ERR_MEMORY, "not enough memory for the prompt");
    reuse_from from = history_choose(&c->history, &p->layout, p->keys, start);
    c->has_logits = false;
    if (from == REUSE_ALL) return GALAGO_OK;
    galago_status s = model_lock(c->model, e);
    if (s) return s;
    if (from == REUSE_SNAPSHOT && session_restore(c->session)) {
        history_restore(&c->history);
    } else {
        session_reset(c->session);
        history_clear(&c->history);
        *start = 0;
    }
    model_unlock(c->model);
    assert(session_length(c->session) == *start && c->history.n == *start);
    return GALAGO_OK;
}

/* Runs the prompt's tokens from `start` in pieces. A piece ends where the next turn of the conversation will
 * part from this one (before the generation prompt; raw text: at its end): there the state is saved. */
static galago_status prefill(galago_context *c, const prompt *p, size_t start, error *e)
{
    const layout *l = &p->layout;
    size_t snapshot_at = p->history_end ? p->history_end : l->n;
    double t0 = time_ms();
    for (size_t first = start, n; first < l->n; first += n) {
        stage st = {c, "prefill", (double)(first - start) / (double)(l->n - start), 0};
        if (!report(&st, "prefill", 0))
            return fail(e, GALAGO_CANCELLED, "cancelled after %zu of %zu tokens of the prompt", first, l->n);
        size_t end = first < snapshot_at ? snapshot_at : l->n;
        n = end - first < SESSION_BATCH ? end - first : SESSION_BATCH;
        galago_status s = model_lock(c->model, e);
        if (s) return s;
        s = session_prefill(c->session, l, first, n, first + n == l->n, e);
        if (!s) history_append(&c->history, l, p->keys, n);
        if (!s && first + n == snapshot_at) {
            session_save(c->session);
            c->history.snapshot = snapshot_at;
        }
        if (!s && first + n == l->n) s = session_logits(c->session, c->logits, e);
        model_unlock(c->model);
        if (s) return s;
    }
    c->has_logits = true;
    c->result.prefill_ms = time_ms() - t0;
    stage end = {c, "prefill", 1, 0};
    return report(&end, "prefill", 0) ? GALAGO_OK : fail(e, GALAGO_CANCELLED, "cancelled after the prompt");
}

static galago_status check_length(const galago_context *c, const layout *l, error *e)
{
    if (!l->n) return fail(e, GALAGO_ERR_ARGUMENT, "the prompt is empty: give it a text or an image");
    if (l->n < c->n_ctx) return GALAGO_OK;
    const model_config *config = config_of(c->model);
    bool possible = l->n < config->text.max_context;
    if (!l->n_image_tokens && possible)
        return fail(e, GALAGO_ERR_ARGUMENT,
                    "the prompt has %zu tokens, the context takes %u with the answer: raise --ctx above %zu",
                    l->n, c->n_ctx, l->n);
    if (!l->n_image_tokens)
        return fail(e, GALAGO_ERR_ARGUMENT,
                    "the prompt has %zu tokens, this model takes at most %u: shorten the prompt", l->n,
                    config->text.max_context);
    return fail(e, GALAGO_ERR_ARGUMENT,
                "the prompt has %zu tokens (%zu of them for %zu image%s), the context takes %u with the "
                "answer: raise --ctx "
                "above %zu or lower --max-pixels",
                l->n, l->n_image_tokens, l->n_spans, l->n_spans == 1 ? "" : "s", c->n_ctx, l->n);
}

/* Everything the answer will need, so that the loop allocates nothing but longer text. */
static bool make_room(galago_context *c)
{
    size_t n = c->max_tokens, n_logprobs = n * c->params.n_logprobs;
    if (n > c->ids_capacity) {
        int32_t *p = realloc(c->ids, n * sizeof *p);
        if (!p) return false;
        c->ids = p;
        c->ids_capacity = n;
    }
    if (n_logprobs > c->logprobs_capacity) {
        galago_logprob *p = realloc(c->logprobs, n_logprobs * sizeof *p);
        if (!p) return false;
        c->logprobs = p;
        c->logprobs_capacity = n_logprobs;
    }
    c->text.size = c->piece.size = 0;
    c->text.failed = c->piece.failed = c->scratch.failed = false;
    return buf_reserve(&c->text, 8 * n) && buf_reserve(&c->piece, 256) && buf_reserve(&c->scratch, 256);
}

static galago_status begin(galago_context *c, const galago_message *messages, size_t n_messages, error *e)
{
    double started = time_ms();
    galago_status s;
    if ((s = sample_check(&c->params, e))) return s;
    if ((s = stop_filter_begin(&c->stop, c->params.stop, c->params.n_stop, e))) return s;
    prompt p;
    if ((s = prompt_create(c->model, messages, n_messages, &c->params, &p, e))) return s;
    if ((s = check_length(c, &p.layout, e))) goto done;
    uint32_t room = c->n_ctx - (uint32_t)p.layout.n,
             want = c->params.max_tokens ? c->params.max_tokens : DEFAULT_MAX_TOKENS;
    c->max_tokens = want < room ? want : room;
    if (!make_room(c)) {
        s = fail(e, GALAGO_ERR_MEMORY, "not enough memory for an answer of %u tokens", c->max_tokens);
        goto done;
    }
    c->stream = (text_stream){0};
    c->rope_delta = p.layout.rope_delta;
    c->result.prompt_tokens = (uint32_t)p.layout.n;
    c->result.image_tokens = (uint32_t)p.layout.n_image_tokens;

    size_t start;
    if ((s = choose_start(c, &p, &start, e))) goto done;
    c->result.reused_tokens = (uint32_t)start;
    if (!(s = look_at_images(c, &p, start, e))) s = prefill(c, &p, start, e);
    if (s && s != GALAGO_CANCELLED) {
        /* What a failed forward left behind is unknown. */
        if (!model_lock(c->model, NULL)) {
            forget(c);
            model_unlock(c->model);
        }
        goto done;
    }
    if (!s) sampler_begin(c->sampler, &c->params, p.layout.ids, p.layout.n);
done:
    prompt_destroy(&p);
    c->result.first_token_ms = time_ms() - started;
    return s;
}

galago_status galago_generate_begin(galago_context *c, const galago_message *messages, size_t n_messages,
                                    const galago_generate_params *params, galago_error *e)
{
    error_clear(e);
    if (c->busy)
        return fail(e, GALAGO_ERR_ARGUMENT,
                    "this context is generating: a callback may not begin another answer");
    atomic_store(&c->cancelled, 0);
    c->params = params ? *params : (galago_generate_params){0};
    c->result = (galago_result){0};
    c->n_ids = 0;
    c->text.size = 0;
    c->phase = PHASE_IDLE;
    c->busy = true;
    galago_status s = begin(c, messages, n_messages, e);
    c->busy = false;
    if (s == GALAGO_CANCELLED) c->result.finish = GALAGO_FINISH_CANCELLED;
    if (!s) c->phase = PHASE_RUNNING;
    return s;
}

/* ---- one token ---- */

/* Runs the token drawn last, so that the logits after it are known. */
static galago_status run_last(galago_context *c, error *e)
{
    galago_status s = model_lock(c->model, e);
    if (s) return s;
    int32_t id = c->ids[c->n_ids - 1];
    s = session_decode(c->session, id, c->rope_delta, e);
    if (!s) s = session_logits(c->session, c->logits, e);
    if (s)
        forget(c);
    else
        history_push(&c->history, id);
    model_unlock(c->model);
    return s;
}

static bool is_end(const galago_context *c, int32_t id)
{
    const model_config *config = config_of(c->model);
    return id >= 0 && (id == config->end_of_turn_id || id == config->eos_id);
}

/* Draws a token and turns it into text; sets the phase to DONE where the answer ends. */
static galago_status take_token(galago_context *c, error *e)
{
    uint32_t n_logprobs = c->params.n_logprobs;
    sampler_logprobs(c->sampler, c->logits, n_logprobs,
                     n_logprobs ? c->logprobs + c->n_ids * n_logprobs : NULL);
    int32_t id = sampler_next(c->sampler, c->logits);
    if (id < 0)
        return fail(e, GALAGO_ERR_INTERNAL,
                    "token %zu of the answer: the model's output holds no number; its weights may be "
                    "damaged",
                    c->n_ids + 1);
    c->ids[c->n_ids++] = id;
    bool stopped = false;
    if (is_end(c, id) && !c->params.ignore_eos) {
        c->phase = PHASE_DONE;
        c->result.finish = GALAGO_FINISH_STOP;
    } else {
        size_t size;
        const char *bytes = tokenizer_token(c->model->tokenizer, id, false, &size);
        c->scratch.size = 0;
        if (size) text_stream_push(&c->stream, bytes, size, &c->scratch);
        stopped = stop_filter_push(&c->stop, c->scratch.data, c->scratch.size, &c->piece);
        if (stopped || c->n_ids == c->max_tokens) {
            c->phase = PHASE_DONE;
            c->result.finish = stopped ? GALAGO_FINISH_STOP : GALAGO_FINISH_LENGTH;
        }
    }
    if (c->phase == PHASE_DONE && !stopped) {
        /* The rest: an unfinished character, which may complete a stop string of U+FFFD, then what was held
         * back. */
        c->scratch.size = 0;
        text_stream_flush(&c->stream, &c->scratch);
        stop_filter_push(&c->stop, c->scratch.data, c->scratch.size, &c->piece);
        stop_filter_flush(&c->stop, &c->piece);
    }
    buf_append(&c->text, c->piece.data, c->piece.size);
    if (c->text.failed || c->piece.failed || c->scratch.failed)
        return fail(e, GALAGO_ERR_MEMORY, "not enough memory for the text of the answer");
    return GALAGO_OK;
}

galago_status galago_generate_next(galago_context *c, const char **piece, size_t *size, bool *done,
                                   galago_error *e)
{
    error_clear(e);
    *piece = "";
    *size = 0;
    *done = true;
    if (c->phase == PHASE_DONE) return GALAGO_OK;
    if (c->busy)
        return fail(e, GALAGO_ERR_ARGUMENT, "this context is generating: a callback may not ask for more");
    if (c->phase == PHASE_IDLE)
        return fail(e, GALAGO_ERR_ARGUMENT, "no answer was begun: call galago_generate_begin() first");
    if (is_cancelled(c)) {
        c->phase = PHASE_DONE;
        c->result.finish = GALAGO_FINISH_CANCELLED;
        return fail(e, GALAGO_CANCELLED, "cancelled after %zu tokens", c->n_ids);
    }
    double t0 = time_ms();
    bool is_first = c->n_ids == 0;
    galago_status s = is_first ? GALAGO_OK : run_last(c, e);
    c->piece.size = 0;
    if (!s) s = take_token(c, e);
    *(is_first ? &c->result.first_token_ms : &c->result.decode_ms) += time_ms() - t0;
    if (s) {
        c->phase = PHASE_IDLE;
        return s;
    }
    if (c->piece.size) *piece = c->piece.data;
    *size = c->piece.size;
    *done = c->phase == PHASE_DONE;
    return GALAGO_OK;
}

void galago_generate_result(const galago_context *c, galago_result *result)
{
    *result = c->result;
    result->text = c->text.size ? c->text.data : "";
    result->text_size = c->text.size;
    result->token_ids = c->ids;
    result->logprobs = c->logprobs;
    result->n_logprobs = c->params.n_logprobs;
    result->completion_tokens = (uint32_t)c->n_ids;
    result->decode_tok_s =
        c->n_ids > 1 && c->result.decode_ms > 0 ? (double)(c->n_ids - 1) * 1000 / c->result.decode_ms : 0;
    result->peak_bytes = memory_peak();
}

galago_status galago_generate(galago_context *c, const galago_message *messages, size_t n_messages,
                              const galago_generate_params *params, galago_text_fn on_text, void *user,
                              galago_result *result, galago_error *e)
{
    galago_status s = galago_generate_begin(c, messages, n_messages, params, e);
    for (bool done = false; !s && !done;) {
        const char *piece;
        size_t size;
        s = galago_generate_next(c, &piece, &size, &done, e);
        if (s || !size || !on_text) continue;
        c->busy = true;
        bool go_on = on_text(user, piece, size);
        c->busy = false;
        if (!go_on && !done) {
            c->phase = PHASE_DONE;
            c->result.finish = GALAGO_FINISH_CANCELLED;
            s = fail(e, GALAGO_CANCELLED, "cancelled by the text callback after %zu tokens", c->n_ids);
        }
    }
    if (result) galago_generate_result(c, result);
    return s;
}
