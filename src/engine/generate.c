/* One conversation as its user sees it: messages in, text out; advance.c does the work between. */
#include "engine/context.h"

#include "base/filemap.h"
#include <stdlib.h>
#include <string.h>

/* ---- making and forgetting ---- */

void forget(galago_context *c)
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
    session_plan plan = session_plan_for(c, n_ctx, most_patches(&c->preprocess, n_ctx), model_f32_cache(m->network), m->backend->batch);
    if (!there || plan.state_bytes + plan.scratch_bytes <= there) return GALAGO_OK;
    uint32_t fits = n_ctx;
    while (fits > 256) {
        fits /= 2;
        session_plan less = session_plan_for(c, fits, most_patches(&c->preprocess, fits), model_f32_cache(m->network), m->backend->batch);
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
    c->never_wait = params && params->never_wait;
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
    settle(c);
    prompt_destroy(&c->prompt);
    free(c->patches);
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
    settle(c);
    bool locked = model_lock(c->model, NULL) == GALAGO_OK;
    forget(c);
    if (locked) model_unlock(c->model);
    c->phase = PHASE_IDLE;
}

void galago_cancel(galago_context *c) { atomic_store(&c->cancelled, 1); }

const float *galago_context_logits(const galago_context *c) { return c->has_logits ? c->logits : NULL; }

/* ---- beginning ---- */

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

/* Adds a token to the answer and its text to the piece; true when a stop string is complete. */
static bool push_id(galago_context *c, int32_t id)
{
    size_t size;
    const char *bytes = tokenizer_token(c->model->tokenizer, id, false, &size);
    c->ids[c->n_ids++] = id;
    c->piece.size = c->scratch.size = 0;
    if (size) text_stream_push(&c->stream, bytes, size, &c->scratch);
    bool stopped = stop_filter_push(&c->stop, c->scratch.data, c->scratch.size, &c->piece);
    buf_append(&c->text, c->piece.data, c->piece.size);
    return stopped;
}

/* The tokens of the answer that the caller has already: they are the answer's beginning, and their text was seen. */
static galago_status take_given(galago_context *c, error *e)
{
    size_t n = c->params.n_answer_ids, n_vocab = config_of(c->model)->text.n_vocab;
    uint32_t want = c->params.max_tokens ? c->params.max_tokens : DEFAULT_MAX_TOKENS;
    if (n && !c->params.answer_ids) return fail(e, GALAGO_ERR_ARGUMENT, "%zu answer ids, but no list of them", n);
    if (n && n >= want) return fail(e, GALAGO_ERR_ARGUMENT, "%zu answer ids: max_tokens %u leaves nothing to make", n, want);
    for (size_t i = 0; i < n; i++)
        if (c->params.answer_ids[i] < 0 || (size_t)c->params.answer_ids[i] >= n_vocab)
            return fail(e, GALAGO_ERR_ARGUMENT, "answer id %zu is %d: not in the vocabulary of %zu", i, (int)c->params.answer_ids[i],
                        n_vocab);
    c->n_given = n;
    return GALAGO_OK;
}

static galago_status begin(galago_context *c, const galago_message *messages, size_t n_messages, error *e)
{
    galago_status s;
    if ((s = sample_check(&c->params, e))) return s;
    if ((s = take_given(c, e))) return s;
    if ((s = stop_filter_begin(&c->stop, c->params.stop, c->params.n_stop, e))) return s;
    prompt *p = &c->prompt;
    prompt_destroy(p);
    if ((s = prompt_create(c->model, messages, n_messages, &c->params, p, e))) return s;
    if ((s = check_length(c, &p->layout, e))) return s;
    uint32_t room = c->n_ctx - (uint32_t)p->layout.n + (uint32_t)c->n_given,
             want = c->params.max_tokens ? c->params.max_tokens : DEFAULT_MAX_TOKENS;
    c->max_tokens = want < room ? want : room;
    if (!make_room(c)) return fail(e, GALAGO_ERR_MEMORY, "not enough memory for an answer of %u tokens", c->max_tokens);
    c->stream = (text_stream){0};
    for (size_t i = 0; i < c->n_given; i++) {
        push_id(c, c->params.answer_ids[i]);
        for (uint32_t k = 0; k < c->params.n_logprobs; k++)
            c->logprobs[i * c->params.n_logprobs + k] = (galago_logprob){-1, 0};
    }
    c->piece.size = 0;
    c->rope_delta = p->layout.rope_delta;
    c->result.prompt_tokens = (uint32_t)(p->layout.n - c->n_given);
    c->result.image_tokens = (uint32_t)p->layout.n_image_tokens;
    /* Penalties see the prompt without the answer's tokens, which count as drawn. */
    sampler_begin(c->sampler, &c->params, p->layout.ids, p->layout.n - c->n_given, c->ids, c->n_given);
    return begin_work(c, e);
}

/* Steps the work until its phase is over, where calls wait. */
static galago_status run_phases(galago_context *c, error *e)
{
    backend *b = c->model->backend;
    while (c->phase == PHASE_LOOKING || c->phase == PHASE_PREFILLING) {
        galago_status s = advance(c, e);
        if (s == GALAGO_PENDING) s = b->ops->wait(b, e);
        if (s) return s;
    }
    return GALAGO_OK;
}

double elapsed_ms(const galago_context *c)
{
    double now = time_ms();
    return c->never_wait ? now - c->started : c->spent_ms + (now - c->call_ms);
}

/* Every call that works on an answer stands between these two. */
static void enter(galago_context *c) { c->call_ms = time_ms(); }
static void leave(galago_context *c) { c->spent_ms += time_ms() - c->call_ms; }

/* Work that failed or was cancelled: what it left behind is unknown but for cancelled pieces, which end between steps. */
static void abandon(galago_context *c, galago_status s)
{
    settle(c);
    c->phase = PHASE_IDLE;
    if (s == GALAGO_CANCELLED) {
        c->result.finish = GALAGO_FINISH_CANCELLED;
        return;
    }
    if (model_lock(c->model, NULL)) return;
    forget(c);
    model_unlock(c->model);
}

galago_status galago_generate_begin(galago_context *c, const galago_message *messages, size_t n_messages,
                                    const galago_generate_params *params, galago_error *e)
{
    error_clear(e);
    if (c->busy)
        return fail(e, GALAGO_ERR_ARGUMENT,
                    "this context is generating: a callback may not begin another answer");
    settle(c);
    atomic_store(&c->cancelled, 0);
    c->params = params ? *params : (galago_generate_params){0};
    c->result = (galago_result){0};
    c->n_ids = c->n_given = 0;
    c->text.size = 0;
    c->phase = PHASE_IDLE;
    c->busy = true;
    c->started = time_ms();
    c->spent_ms = 0;
    enter(c);
    galago_status s = begin(c, messages, n_messages, e);
    if (!s && !c->never_wait && (s = run_phases(c, e))) abandon(c, s);
    c->result.first_token_ms = elapsed_ms(c);
    leave(c);
    c->busy = false;
    return s;
}

/* ---- one token ---- */

static bool is_end(const galago_context *c, int32_t id)
{
    const model_config *config = config_of(c->model);
    return id >= 0 && (id == config->end_of_turn_id || id == config->eos_id);
}

/* Makes the next token part of the answer; sets the phase to DONE where the answer ends. */
static galago_status take_token(galago_context *c, int32_t id, error *e)
{
    if (id < 0)
        return fail(e, GALAGO_ERR_INTERNAL,
                    "token %zu of the answer: the model's output holds no number; its weights may be "
                    "damaged",
                    c->n_ids + 1);
    bool stopped = false;
    if (is_end(c, id) && !c->params.ignore_eos) {
        c->ids[c->n_ids++] = id;
        c->phase = PHASE_DONE;
        c->result.finish = GALAGO_FINISH_STOP;
    } else {
        stopped = push_id(c, id);
        if (stopped || c->n_ids == c->max_tokens) {
            c->phase = PHASE_DONE;
            c->result.finish = stopped ? GALAGO_FINISH_STOP : GALAGO_FINISH_LENGTH;
        }
    }
    if (c->phase == PHASE_DONE && !stopped) {
        /* The rest: an unfinished character, which may complete a stop string of U+FFFD, then what was held
         * back. */
        size_t before = c->piece.size;
        c->scratch.size = 0;
        text_stream_flush(&c->stream, &c->scratch);
        stop_filter_push(&c->stop, c->scratch.data, c->scratch.size, &c->piece);
        stop_filter_flush(&c->stop, &c->piece);
        buf_append(&c->text, c->piece.data + before, c->piece.size - before);
    }
    if (c->text.failed || c->piece.failed || c->scratch.failed)
        return fail(e, GALAGO_ERR_MEMORY, "not enough memory for the text of the answer");
    return GALAGO_OK;
}

/* One token, or with never_wait one piece of the work before it. */
static galago_status next(galago_context *c, error *e)
{
    backend *b = c->model->backend;
    if (c->phase != PHASE_RUNNING) {
        galago_status s = advance(c, e); /* never_wait: otherwise begin has run these phases */
        return s ? s : GALAGO_PENDING;
    }
    int32_t id;
    galago_status s;
    while ((s = next_id(c, &id, e)) == GALAGO_PENDING) {
        if (c->never_wait) return s;
        if ((s = b->ops->wait(b, e))) return s;
    }
    if (s) return s;
    bool is_first = c->n_ids == c->n_given;
    if ((s = take_token(c, id, e))) return s;
    if (is_first)
        c->result.first_token_ms = elapsed_ms(c);
    else
        c->result.decode_ms = elapsed_ms(c) - c->result.first_token_ms;
    if (c->phase == PHASE_DONE) settle(c);
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
    if (is_cancelled(c) && c->phase == PHASE_RUNNING) {
        settle(c);
        c->phase = PHASE_DONE;
        c->result.finish = GALAGO_FINISH_CANCELLED;
        return fail(e, GALAGO_CANCELLED, "cancelled after %zu tokens", c->n_ids);
    }
    *done = false;
    c->busy = true;
    enter(c);
    c->piece.size = 0;
    galago_status s = next(c, e);
    leave(c);
    c->busy = false;
    if (s == GALAGO_PENDING) return s;
    if (s) {
        abandon(c, s);
        *done = true;
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
        c->n_ids > c->n_given + 1 && c->result.decode_ms > 0
            ? (double)(c->n_ids - c->n_given - 1) * 1000 / c->result.decode_ms
            : 0;
    result->peak_bytes = memory_peak();
}

galago_status galago_generate(galago_context *c, const galago_message *messages, size_t n_messages,
                              const galago_generate_params *params, galago_text_fn on_text, void *user,
                              galago_result *result, galago_error *e)
{
    if (c->never_wait) {
        error_clear(e);
        return fail(e, GALAGO_ERR_ARGUMENT, "this context never waits: use galago_generate_begin() and galago_generate_next()");
    }
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
            settle(c);
            c->phase = PHASE_DONE;
            c->result.finish = GALAGO_FINISH_CANCELLED;
            s = fail(e, GALAGO_CANCELLED, "cancelled by the text callback after %zu tokens", c->n_ids);
        }
    }
    if (result) galago_generate_result(c, result);
    return s;
}
