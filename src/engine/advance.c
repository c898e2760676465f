/*
 * The work of an answer in bounded pieces: pictures, prompt, tokens. Where the device chooses tokens, it runs several steps
 * ahead of the ids that come back.
 */
#include "engine/context.h"

#include "base/filemap.h"
#include <stdlib.h>
#include <string.h>

/* Steps on their way before the first of their ids must be back, and draws that one read asks for. */
enum { AHEAD = 32, READ_GROUP = 4 };

/* A progress report; also where a running call notices that it is cancelled. */
static bool report(galago_context *c, const char *stage, double fraction)
{
    if (is_cancelled(c)) return false;
    const galago_generate_params *p = &c->params;
    return !p->progress || p->progress(p->progress_user, stage, fraction);
}

/* ---- the beginning ---- */

galago_status begin_work(galago_context *c, error *e)
{
    prompt *p = &c->prompt;
    if (!history_reserve(&c->history, &p->layout))
        return fail(e, GALAGO_ERR_MEMORY, "not enough memory for the prompt");
    reuse_from from = history_choose(&c->history, &p->layout, p->keys, &c->start);
    c->has_logits = false;
    if (from != REUSE_ALL) {
        galago_status s = model_lock(c->model, e);
        if (s) return s;
        if (from == REUSE_SNAPSHOT && session_restore(c->session)) {
            history_restore(&c->history);
        } else {
            session_reset(c->session);
            history_clear(&c->history);
            c->start = 0;
        }
        model_unlock(c->model);
    }
    assert(session_length(c->session) == c->start && c->history.n == c->start);
    c->result.reused_tokens = (uint32_t)c->start;

    c->image = c->rows_done = c->rows_total = 0;
    for (size_t k = 0; k < p->n_images; k++) {
        const image_span *span = &p->layout.spans[k];
        if (span->first + span->count > c->start && !vision_rows_hold(&c->rows, span, &p->keys[k])) c->rows_total += span->count;
    }
    c->next = c->start;
    c->piece_n = 0;
    c->device_chooses = session_samples(c->session) && !c->params.n_logprobs && c->model->n_runs <= SESSION_MAX_RUNS;
    c->n_issued = c->n_asked = (uint32_t)c->n_given;
    c->n_reads = 0;
    c->arrived_at = c->n_arrived = 0;
    c->is_stepping = false;
    c->phase = PHASE_LOOKING;
    return GALAGO_OK;
}

/* ---- pictures ---- */

static double vision_fraction(const galago_context *c)
{
    const image_span *span = &c->prompt.layout.spans[c->image];
    return ((double)c->rows_done + session_progress(c->session) * (double)span->count) / (double)c->rows_total;
}

/* Takes the next picture whose tokens, or the last of them, are still to run and whose rows are not held. */
static galago_status begin_picture(galago_context *c, error *e)
{
    const prompt *p = &c->prompt;
    for (; c->image < p->n_images; c->image++) {
        const image_span *span = &p->layout.spans[c->image];
        if (span->first + span->count > c->start && !vision_rows_hold(&c->rows, span, &p->keys[c->image])) break;
    }
    if (c->image == p->n_images) {
        c->phase = PHASE_PREFILLING;
        c->phase_ms = elapsed_ms(c);
        return GALAGO_OK;
    }
    if (!report(c, "vision", (double)c->rows_done / (double)c->rows_total))
        return fail(e, GALAGO_CANCELLED, "cancelled before picture %zu", c->image + 1);
    double t0 = elapsed_ms(c);
    image_grid grid;
    galago_status s = image_preprocess(&p->images[c->image]->pixels, &config_of(c->model)->preprocess, &c->patches, &grid, e);
    c->phase_ms = elapsed_ms(c);
    c->result.image_ms += c->phase_ms - t0;
    if (s) return s;
    assert(grid.rows == p->keys[c->image].grid.rows && grid.cols == p->keys[c->image].grid.cols);
    vision_rows_discard(&c->rows, &p->layout.spans[c->image]);
    if ((s = model_lock(c->model, e))) return s;
    s = session_vision_begin(c->session, c->patches, grid, p->layout.spans[c->image].row, e);
    model_unlock(c->model);
    return s;
}

static galago_status look(galago_context *c, error *e)
{
    if (!c->patches) return begin_picture(c, e);
    bool done;
    galago_status s = model_lock(c->model, e);
    if (s) return s;
    s = session_step(c->session, &done, e);
    double fraction = vision_fraction(c);
    model_unlock(c->model);
    if (s) return s;
    if (!report(c, "vision", fraction)) return fail(e, GALAGO_CANCELLED, "cancelled while looking at picture %zu", c->image + 1);
    if (!done) return GALAGO_OK;
    free(c->patches);
    c->patches = NULL;
    c->result.vision_ms += elapsed_ms(c) - c->phase_ms;
    const image_span *span = &c->prompt.layout.spans[c->image];
    vision_rows_add(&c->rows, span, &c->prompt.keys[c->image]);
    c->rows_done += span->count;
    c->image++;
    return GALAGO_OK;
}

/* ---- the prompt ---- */

static sample_params device_params(const galago_generate_params *p)
{
    return (sample_params){
        .temperature = p->temperature,
        .top_p = p->top_p == 0 ? 1 : p->top_p,
        .min_p = p->min_p,
        .repetition_penalty = p->repetition_penalty == 0 ? 1 : p->repetition_penalty,
        .presence_penalty = p->presence_penalty,
        .frequency_penalty = p->frequency_penalty,
        .top_k = p->top_k,
        .seed = p->seed,
    };
}

/* Tells the device which ids there are and how often each was used. The model is locked. */
static galago_status begin_choosing(galago_context *c, error *e)
{
    const galago_generate_params *p = &c->params;
    const layout *l = &c->prompt.layout;
    size_t n_vocab = config_of(c->model)->text.n_vocab;
    bool penalties = (p->repetition_penalty != 0 && p->repetition_penalty != 1) || p->presence_penalty != 0 || p->frequency_penalty != 0;
    int32_t *counts = NULL;
    if (penalties) {
        if (!(counts = calloc(n_vocab, sizeof *counts))) return fail(e, GALAGO_ERR_MEMORY, "not enough memory for %zu counts", n_vocab);
        for (size_t i = 0; i < l->n - c->n_given; i++)
            if (l->ids[i] >= 0 && (size_t)l->ids[i] < n_vocab) counts[l->ids[i]] = 1 << 24;
        for (size_t i = 0; i < c->n_given; i++) counts[c->ids[i]]++;
    }
    galago_status s = session_sample_begin(c->session, counts, &c->model->runs[0].first, c->model->n_runs, e);
    free(counts);
    return s;
}

static void record_draw(galago_context *c)
{
    const sample_params p = device_params(&c->params);
    session_sample(c->session, &p, c->n_issued++);
}

/* Tokens of a piece: on a slow device few, so that a cancelled prompt ends soon; on a fast one many, or it is not busy. */
static size_t piece_most(const galago_context *c)
{
    enum { UNKNOWN = 256, LEAST = 32, PIECE_MS = 250 };
    size_t batch = session_batch(c->session), n = UNKNOWN;
    double token_ms = c->model->backend->token_ms;
    if (token_ms > 0) n = PIECE_MS / token_ms < (double)batch ? (size_t)(PIECE_MS / token_ms) / LEAST * LEAST : batch;
    if (n < LEAST) n = LEAST;
    return n < batch ? n : batch;
}

/* Begins the piece from c->next on. A piece ends where the next turn of the conversation will part from this one (before the
 * generation prompt; raw text: at its end): there the state is saved. */
static galago_status begin_piece(galago_context *c, size_t snapshot_at, error *e)
{
    const layout *l = &c->prompt.layout;
    if (!report(c, "prefill", (double)(c->next - c->start) / (double)(l->n - c->start)))
        return fail(e, GALAGO_CANCELLED, "cancelled after %zu of %zu tokens of the prompt", c->next, l->n);
    size_t end = c->next < snapshot_at ? snapshot_at : l->n, left = end - c->next;
    size_t most = piece_most(c), n = left < most ? left : most;
    bool is_last = c->next + n == l->n;
    galago_status s = model_lock(c->model, e);
    if (s) return s;
    if (is_last && c->device_chooses) s = begin_choosing(c, e);
    if (!s) s = session_prefill_begin(c->session, l, c->next, n, is_last, e);
    if (!s) c->piece_n = n;
    if (!s && is_last && c->device_chooses) record_draw(c);
    model_unlock(c->model);
    return s;
}

static galago_status prefill(galago_context *c, error *e)
{
    const prompt *p = &c->prompt;
    size_t snapshot_at = p->history_end ? p->history_end : p->layout.n;
    if (!c->piece_n) return begin_piece(c, snapshot_at, e);
    bool done;
    galago_status s = model_lock(c->model, e);
    if (s) return s;
    s = session_step(c->session, &done, e);
    if (!s && done) {
        history_append(&c->history, &p->layout, p->keys, c->piece_n);
        c->next += c->piece_n;
        c->piece_n = 0;
        if (c->next == snapshot_at) {
            session_save(c->session);
            c->history.snapshot = snapshot_at;
        }
    }
    model_unlock(c->model);
    if (s || c->next < p->layout.n) return s;
    if (!report(c, "prefill", 1)) return fail(e, GALAGO_CANCELLED, "cancelled after the prompt");
    c->stage = TOKEN_LOGITS;
    c->phase = PHASE_RUNNING;
    c->result.prefill_ms = elapsed_ms(c) - c->phase_ms;
    /* Where calls wait, the prompt's logits belong to the time of the prompt. */
    if (!c->never_wait && !c->device_chooses) {
        backend *b = c->model->backend;
        if ((s = model_lock(c->model, e))) return s;
        while ((s = session_logits(c->session, c->logits, e)) == GALAGO_PENDING && !(s = b->ops->wait(b, e))) {}
        model_unlock(c->model);
        c->has_logits = !s;
        c->result.prefill_ms = elapsed_ms(c) - c->phase_ms;
    }
    return s;
}

galago_status advance(galago_context *c, error *e)
{
    return c->phase == PHASE_LOOKING ? look(c, e) : prefill(c, e);
}

/* ---- tokens that the host chooses ---- */

/* The model is locked. */
static galago_status host_logits(galago_context *c, error *e)
{
    galago_status s;
    bool done;
    switch (c->stage) {
    case TOKEN_BEGIN:
        c->has_logits = false;
        if ((s = session_decode_begin(c->session, c->ids[c->n_ids - 1], c->rope_delta, e))) return s;
        c->stage = TOKEN_STEP;
        /* fall through */
    case TOKEN_STEP:
        if ((s = session_step(c->session, &done, e))) return s;
        if (!done) return GALAGO_PENDING;
        history_push(&c->history, c->ids[c->n_ids - 1]);
        c->stage = TOKEN_LOGITS;
        /* fall through */
    case TOKEN_LOGITS:
        if (!c->has_logits && (s = session_logits(c->session, c->logits, e))) return s;
        c->has_logits = true;
    }
    return GALAGO_OK;
}

static galago_status host_next(galago_context *c, int32_t *id, error *e)
{
    galago_status s = model_lock(c->model, e);
    if (s) return s;
    s = host_logits(c, e);
    model_unlock(c->model);
    if (s) return s;
    if (c->never_wait && c->n_ids == c->n_given) c->result.prefill_ms = elapsed_ms(c) - c->phase_ms;
    uint32_t n = c->params.n_logprobs;
    sampler_logprobs(c->sampler, c->logits, n, n ? c->logprobs + c->n_ids * n : NULL);
    *id = sampler_next(c->sampler, c->logits);
    c->stage = TOKEN_BEGIN;
    return GALAGO_OK;
}

/* ---- tokens that the device chooses ---- */

/* Keeps steps on their way. The model is locked. */
static galago_status issue_steps(galago_context *c, error *e)
{
    for (;;) {
        galago_status s;
        if (c->is_stepping) {
            bool done;
            if ((s = session_step(c->session, &done, e))) return s;
            c->is_stepping = !done;
        }
        /* Ids that are on the device: asked for in groups, which do not wrap in the ring. */
        uint32_t ready = c->n_issued - c->n_asked, to_wrap = SESSION_RING - c->n_asked % SESSION_RING;
        uint32_t n = ready < READ_GROUP ? ready : READ_GROUP;
        if (n > to_wrap) n = to_wrap;
        bool all_issued = c->n_issued == c->max_tokens, is_first = c->n_asked == c->n_given;
        if (n && c->n_reads < MAX_READS && (n == READ_GROUP || n == to_wrap || all_issued || is_first)) {
            ids_read *r = &c->reads[c->n_reads];
            *r = (ids_read){0, c->n_asked, n};
            if ((s = session_ids_begin(c->session, r->first, n, &r->ticket, e))) return s;
            c->n_reads++;
            c->n_asked += n;
            continue;
        }
        if (all_issued || c->n_issued - c->n_ids >= AHEAD) return GALAGO_OK;
        if ((s = session_decode_begin(c->session, -1, c->rope_delta, e))) return s;
        record_draw(c);
        c->is_stepping = true;
    }
}

/* Takes the oldest read's ids when they are there. The model is locked. */
static galago_status collect(galago_context *c, error *e)
{
    if (!c->n_reads) return GALAGO_PENDING;
    const ids_read r = c->reads[0];
    galago_status s = session_ids_poll(c->session, r.ticket, r.n, c->arrived, e);
    if (s) return s;
    c->n_reads--;
    memmove(c->reads, c->reads + 1, c->n_reads * sizeof *c->reads);
    c->arrived_at = 0;
    c->n_arrived = r.n;
    return GALAGO_OK;
}

static galago_status device_next(galago_context *c, int32_t *id, error *e)
{
    galago_status s = model_lock(c->model, e);
    if (s) return s;
    galago_status issued = issue_steps(c, e);
    if (issued && issued != GALAGO_PENDING) s = issued;
    if (!s && c->arrived_at == c->n_arrived) s = collect(c, e);
    if (!s) {
        *id = c->arrived[c->arrived_at++];
        if (c->n_ids == c->n_given) c->result.prefill_ms = elapsed_ms(c) - c->phase_ms;
        /* Measurements want the logits behind the last id: nothing was issued after them. */
        if (c->params.ignore_eos && c->n_ids + 1 == c->max_tokens) {
            s = session_logits(c->session, c->logits, e);
            if (s) c->arrived_at--;
            c->has_logits = !s;
        }
    }
    model_unlock(c->model);
    return s;
}

galago_status next_id(galago_context *c, int32_t *id, error *e)
{
    return c->device_chooses ? device_next(c, id, e) : host_next(c, id, e);
}

void settle(galago_context *c)
{
    if (c->phase == PHASE_IDLE || model_lock(c->model, NULL)) return;
    bool unfinished = c->patches || c->piece_n || c->is_stepping || c->stage == TOKEN_STEP;
    if (unfinished) session_abandon(c->session);
    free(c->patches);
    c->patches = NULL;
    for (size_t i = 0; i < c->n_reads; i++)
        session_ids_poll(c->session, c->reads[i].ticket, c->reads[i].n, NULL, NULL);
    c->n_reads = 0;
    if (c->piece_n) {
        /* Part of a prompt ran, and how much is not known to the history. */
        forget(c);
    } else if (c->phase == PHASE_RUNNING || c->phase == PHASE_DONE) {
        /* Every token before the last draw ran, also those whose ids nobody waited for: they stand as unknown ones, which no
         * prompt has, so that another turn starts from the snapshot. */
        if (c->stage == TOKEN_STEP) history_push(&c->history, c->ids[c->n_ids - 1]);
        for (size_t i = c->n_given; c->device_chooses && i + 1 < c->n_issued; i++)
            history_push(&c->history, i < c->n_ids ? c->ids[i] : -1);
    }
    c->n_issued = (uint32_t)c->n_given;
    c->piece_n = 0;
    c->is_stepping = false;
    c->stage = TOKEN_BEGIN;
    c->n_arrived = c->arrived_at = 0;
    model_unlock(c->model);
}
