/* Making, resetting and stepping a conversation's state. */
#include "model/ops.h"
#include "model/session.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- memory ------------------------------------------------------------------------------------------------- */

/* One tensor that a session needs: the plan adds them up, session_create() makes them. Both walk the same list, so that the
 * plan is never less than what is taken. */
typedef struct want {
    tensor *t;
    dtype type;
    size_t a, b, c; /* shape; c = 0: two dimensions, b = c = 0: one */
    /* JOINED: scratch in the buffer of the one before it, for results of one dispatch of a GPU, which binds few buffers.
     * CHOOSING: scratch of backends that choose tokens. */
    enum { STATE, SCRATCH, JOINED, CHOOSING } use;
} want;

typedef bool (*want_fn)(void *user, want w);

static size_t largest(size_t a, size_t b) { return a > b ? a : b; }

/* Every tensor of a session. `s` and `layers` may be dummies: only addresses are taken. */
static bool each_tensor(const model_config *m, session *s, layer_state *layers, uint32_t n_ctx, uint32_t max_patches,
                        uint32_t batch, dtype cache, want_fn f, void *user)
{
    const text_config *c = &m->text;
    const vision_config *v = &m->vision;
    size_t T = batch, conv = conv_dim(c), V = (size_t)c->n_v_heads * c->v_head_dim;
    size_t Q = (size_t)c->n_heads * c->head_dim, KV = (size_t)c->n_kv_heads * c->head_dim;
    for (uint32_t il = 0; il < c->n_layers; il++) {
        layer_state *l = &layers[il];
        const want linear_state[] = {
            {&l->conv, DTYPE_F32, c->conv_kernel - 1u, conv, 0, STATE},
            {&l->saved_conv, DTYPE_F32, c->conv_kernel - 1u, conv, 0, STATE},
            {&l->delta, DTYPE_F32, c->n_v_heads, c->v_head_dim, c->k_head_dim, STATE},
            {&l->saved_delta, DTYPE_F32, c->n_v_heads, c->v_head_dim, c->k_head_dim, STATE},
        };
        const want full_state[] = {
            {&l->k_cache, cache, c->n_kv_heads, n_ctx, c->head_dim, STATE},
            {&l->v_cache, cache, c->n_kv_heads, n_ctx, c->head_dim, STATE},
        };
        bool is_linear = c->layers[il] == LAYER_LINEAR;
        const want *list = is_linear ? linear_state : full_state;
        for (int i = 0; i < (is_linear ? 4 : 2); i++)
            if (!f(user, list[i])) return false;
    }
    const want text[] = {
        {&s->t.ids, DTYPE_I32, T, 0, 0, SCRATCH},
        {&s->t.pos, DTYPE_I32, 3, T, 0, SCRATCH},
        {&s->t.x, DTYPE_F32, T, c->d_model, 0, SCRATCH},
        {&s->t.h, DTYPE_F32, T, c->d_model, 0, SCRATCH},
        {&s->t.qkv, DTYPE_F32, T, conv, 0, SCRATCH},
        {&s->t.z, DTYPE_F32, T, V, 0, JOINED},
        {&s->t.a, DTYPE_F32, T, c->n_v_heads, 0, JOINED},
        {&s->t.beta, DTYPE_F32, T, c->n_v_heads, 0, JOINED},
        {&s->t.conv, DTYPE_F32, T, conv, 0, SCRATCH},
        {&s->t.o, DTYPE_F32, T, V, 0, SCRATCH},
        {&s->t.query_gate, DTYPE_F32, T, 2 * Q, 0, SCRATCH},
        {&s->t.k, DTYPE_F32, T, KV, 0, JOINED},
        {&s->t.v, DTYPE_F32, T, KV, 0, JOINED},
        {&s->t.q, DTYPE_F32, T, Q, 0, SCRATCH},
        {&s->t.attn, DTYPE_F32, T, Q, 0, SCRATCH},
        {&s->t.rope, DTYPE_F32, T, 2 * (size_t)c->rope.n_freq, 0, SCRATCH},
        {&s->t.gate, DTYPE_F32, T, c->d_ff, 0, SCRATCH},
        {&s->t.up, DTYPE_F32, T, c->d_ff, 0, SCRATCH},
        {&s->t.last, DTYPE_F32, 1, c->d_model, 0, SCRATCH},
        {&s->t.logits, DTYPE_F32, 1, c->n_vocab, 0, SCRATCH},
    };
    for (size_t i = 0; i < sizeof text / sizeof *text; i++)
        if (!f(user, text[i])) return false;
    const want choosing[] = {
        {&s->t.ring, DTYPE_I32, SESSION_RING, 0, 0, CHOOSING},
        {&s->t.counts, DTYPE_I32, c->n_vocab, 0, 0, CHOOSING},
        {&s->t.runs, DTYPE_I32, SESSION_MAX_RUNS, 2, 0, CHOOSING},
    };
    for (size_t i = 0; i < sizeof choosing / sizeof *choosing; i++)
        if (!f(user, choosing[i])) return false;
    if (!v->n_layers) return true;
    size_t N = max_patches, merged = (size_t)v->d_model * v->merge_size * v->merge_size;
    const want vision[] = {
        {&s->v.patches, DTYPE_F32, VISION_PIECE, 3 * (size_t)v->patch_size * v->patch_size, 0, SCRATCH},
        {&s->v.x, DTYPE_F32, N, v->d_model, 0, SCRATCH},
        {&s->v.h, DTYPE_F32, N, v->d_model, 0, SCRATCH},
        {&s->v.qkv, DTYPE_F32, N, 3 * (size_t)v->d_model, 0, SCRATCH},
        {&s->v.ff, DTYPE_F32, VISION_PIECE, largest(v->d_ff, merged), 0, SCRATCH},
        {&s->v.pos, DTYPE_I32, 2, N, 0, SCRATCH},
        {&s->v.rope, DTYPE_F32, N, v->d_model / v->n_heads, 0, SCRATCH},
        {&s->v.index, DTYPE_I32, N, 4, 0, SCRATCH},
        {&s->v.weight, DTYPE_F32, N, 4, 0, SCRATCH},
        {&s->v.rows, DTYPE_F32, n_ctx, c->d_model, 0, SCRATCH},
    };
    for (size_t i = 0; i < sizeof vision / sizeof *vision; i++)
        if (!f(user, vision[i])) return false;
    return true;
}

static tensor wanted_tensor(want w)
{
    tensor t = {.type = w.type, .n_dims = w.c ? 3 : w.b ? 2 : 1, .shape = {w.a, w.b ? w.b : 1, w.c ? w.c : 1, 1}};
    return t;
}

/* Tensors that begin in a common buffer lie this far apart at least: vectors and cache lines stay whole. */
enum { JOIN_BYTES = 256, MAX_JOINED = 4 };
static size_t joined_bytes(want w) { return (tensor_bytes(wanted_tensor(w)) + JOIN_BYTES - 1) & ~(size_t)(JOIN_BYTES - 1); }

static bool add_bytes(void *user, want w)
{
    session_plan *p = user;
    *(w.use == STATE ? &p->state_bytes : &p->scratch_bytes) += joined_bytes(w);
    return true;
}

session_plan session_plan_for(const model_config *c, uint32_t n_ctx, uint32_t max_patches, bool f32_cache, uint32_t batch)
{
    session_plan p = {0};
    session dummy;
    layer_state layers[MAX_LAYERS];
    each_tensor(c, &dummy, layers, n_ctx, max_patches, batch < n_ctx ? batch : n_ctx, f32_cache ? DTYPE_F32 : DTYPE_F16, add_bytes, &p);
    return p;
}

typedef struct maker {
    session *s;
    error *e;
    galago_status status;
    want pending[MAX_JOINED]; /* those that share the next buffer */
    size_t n_pending;
} maker;

static bool make_pending(maker *k)
{
    session *s = k->s;
    size_t size = 0, at = 0;
    buffer *room;
    if (!k->n_pending) return true;
    for (size_t i = 0; i < k->n_pending; i++) size += joined_bytes(k->pending[i]);
    k->status = s->b->ops->buffer_create(s->b, k->n_pending > 1 ? size : tensor_bytes(wanted_tensor(k->pending[0])), &room, k->e);
    if (k->status) return false;
    s->buffers[s->n_buffers++] = room;
    for (size_t i = 0; i < k->n_pending; at += joined_bytes(k->pending[i++])) {
        tensor t = wanted_tensor(k->pending[i]);
        t.buffer = room;
        t.offset_bytes = at;
        *k->pending[i].t = t;
    }
    k->n_pending = 0;
    return true;
}

static bool make_tensor(void *user, want w)
{
    maker *k = user;
    if (w.use == CHOOSING && !k->s->b->ops->sample) return true;
    if (w.use != JOINED && !make_pending(k)) return false;
    assert(k->n_pending < MAX_JOINED);
    k->pending[k->n_pending++] = w;
    return true;
}

galago_status session_create(const model *m, uint32_t n_ctx, uint32_t max_patches, session **out, error *e)
{
    const model_config *c = &m->config;
    *out = NULL;
    if (!c->vision.n_layers) max_patches = 0;
    session *s = calloc(1, sizeof *s);
    if (!s) return fail(e, GALAGO_ERR_MEMORY, "not enough memory for a context");
    s->model = m;
    s->b = m->backend;
    s->n_ctx = n_ctx;
    s->max_patches = max_patches;
    s->batch = s->b->batch < n_ctx ? s->b->batch : n_ctx;
    s->layers = calloc(c->text.n_layers, sizeof *s->layers);
    s->buffers = calloc(4 * (size_t)c->text.n_layers + 64, sizeof *s->buffers);
    s->host_pos = malloc(3 * (size_t)s->batch * sizeof *s->host_pos);
    s->v.host = malloc(((size_t)max_patches + 1) * 10 * sizeof(float)); /* 2 positions, 4 indices, 4 weights a patch */
    maker k = {.s = s, .e = e};
    if (!s->layers || !s->buffers || !s->host_pos || !s->v.host) {
        k.status = fail(e, GALAGO_ERR_MEMORY, "not enough memory for a context");
    } else if (!each_tensor(c, s, s->layers, n_ctx, max_patches, s->batch, m->f32_weights ? DTYPE_F32 : DTYPE_F16, make_tensor, &k) ||
               !make_pending(&k)) {
        session_plan p = session_plan_for(c, n_ctx, max_patches, m->f32_weights, s->batch);
        char what[128];
        snprintf(what, sizeof what, "a context of %u tokens needs %.0f MB (a smaller --ctx or --max-pixels needs less)", n_ctx,
                 (double)(p.state_bytes + p.scratch_bytes) / 1e6);
        fail_prefix(e, what);
    }
    if (k.status) {
        session_destroy(s);
        return k.status;
    }
    /* 2-D rotary embedding: the first half of the frequencies turns with the row, the second with the column. */
    rope_params *r = &s->v.rope_params;
    uint32_t head_dim = c->vision.n_heads ? c->vision.d_model / c->vision.n_heads : 0;
    r->n_freq = head_dim / 2;
    for (uint32_t j = 0; j < head_dim / 4; j++) {
        r->inv_freq[j] = r->inv_freq[j + head_dim / 4] = (float)(1.0 / pow(c->vision.rope_theta, 2.0 * j / (head_dim / 2)));
        r->axis[j] = 0;
        r->axis[j + head_dim / 4] = 1;
    }
    *out = s;
    return GALAGO_OK;
}

void session_destroy(session *s)
{
    if (!s) return;
    for (size_t i = 0; i < s->n_buffers; i++) s->b->ops->buffer_destroy(s->b, s->buffers[i]);
    free(s->layers);
    free(s->buffers);
    free(s->host_pos);
    free(s->v.host);
    free(s);
}

/* ---- state -------------------------------------------------------------------------------------------------- */

void session_reset(session *s)
{
    for (uint32_t il = 0; il < s->model->config.text.n_layers; il++) {
        if (s->model->config.text.layers[il] != LAYER_LINEAR) continue;
        s->b->ops->clear(s->b, s->layers[il].conv);
        s->b->ops->clear(s->b, s->layers[il].delta);
    }
    s->length = s->saved_length = 0;
}

size_t session_length(const session *s) { return s->length; }
size_t session_batch(const session *s) { return s->batch; }

/* The cache needs no copy: a shorter length forgets its last rows. */
void session_save(session *s)
{
    for (uint32_t il = 0; il < s->model->config.text.n_layers; il++) {
        if (s->model->config.text.layers[il] != LAYER_LINEAR) continue;
        copy(s->b, s->layers[il].saved_conv, s->layers[il].conv);
        copy(s->b, s->layers[il].saved_delta, s->layers[il].delta);
    }
    s->saved_length = s->length;
}

bool session_restore(session *s)
{
    if (!s->saved_length) return false;
    for (uint32_t il = 0; il < s->model->config.text.n_layers; il++) {
        if (s->model->config.text.layers[il] != LAYER_LINEAR) continue;
        copy(s->b, s->layers[il].conv, s->layers[il].saved_conv);
        copy(s->b, s->layers[il].delta, s->layers[il].saved_delta);
    }
    s->length = s->saved_length;
    return true;
}

/* ---- steps -------------------------------------------------------------------------------------------------- */

static galago_status begin_forward(session *s, const int32_t *ids, const int32_t *pos, size_t T, const layout *l, bool want_logits,
                                   error *e)
{
    assert(s->work.kind == WORK_NONE);
    if (s->length + T > s->n_ctx)
        return fail(e, GALAGO_ERR_ARGUMENT, "%zu tokens do not fit the context of %u (raise --ctx)", s->length + T, s->n_ctx);
    if (ids) s->b->ops->write(s->b, first_values(s->t.ids, T), ids);
    s->b->ops->write(s->b, axes_by(s->t.pos, 3, T), pos);
    s->b->forward = (uint32_t)T;
    decoder_forward(s, T, l, want_logits);
    s->work = (session_work){.kind = WORK_FORWARD, .recorded = true, .n = 1};
    return GALAGO_OK;
}

galago_status session_prefill_begin(session *s, const layout *l, size_t first, size_t n, bool want_logits, error *e)
{
    assert(first == s->length && n >= 1 && n <= s->batch && first + n <= l->n);
    for (size_t axis = 0; axis < 3; axis++)
        memcpy(s->host_pos + axis * n, l->pos + axis * l->n + first, n * sizeof *s->host_pos);
    return begin_forward(s, l->ids + first, s->host_pos, n, l, want_logits, e);
}

galago_status session_decode_begin(session *s, int32_t id, int32_t rope_delta, error *e)
{
    int32_t p = (int32_t)s->length + rope_delta;
    const int32_t pos[3] = {p, p, p};
    return begin_forward(s, id < 0 ? NULL : &id, pos, 1, NULL, true, e);
}

galago_status session_step(session *s, bool *done, error *e)
{
    *done = s->work.kind == WORK_NONE;
    if (*done) return GALAGO_OK;
    if (!s->work.recorded) {
        vision_record(s);
        s->work.recorded = true;
    }
    galago_status st = s->b->ops->submit(s->b, e);
    if (st == GALAGO_PENDING) return st;
    s->work.recorded = false;
    s->work.at++;
    *done = st || s->work.at == s->work.n;
    if (*done) s->work = (session_work){0};
    return st;
}

double session_progress(const session *s)
{
    return s->work.kind == WORK_NONE ? 1 : (double)s->work.at / (double)s->work.n;
}

void session_abandon(session *s)
{
    /* What was recorded would run with the next submit: better now, with its outcome unread. */
    if (s->work.recorded) s->b->ops->submit(s->b, NULL);
    s->work = (session_work){0};
}

/* Steps until the end. */
static galago_status finish(session *s, galago_progress_fn progress, void *user, error *e)
{
    for (bool done = false; !done;) {
        galago_status st = session_step(s, &done, e);
        if (st == GALAGO_PENDING) {
            st = s->b->ops->wait(s->b, e);
            if (st == GALAGO_PENDING)
                st = fail(e, GALAGO_ERR_UNSUPPORTED, "this host cannot wait for the device: the work must be stepped through");
        } else if (!st && progress && !progress(user, "vision", session_progress(s))) {
            st = fail(e, GALAGO_CANCELLED, "cancelled while looking at a picture");
        }
        if (st) {
            session_abandon(s);
            return st;
        }
    }
    return GALAGO_OK;
}

galago_status session_vision(session *s, const float *patches, image_grid grid, size_t row, galago_progress_fn progress,
                             void *user, error *e)
{
    galago_status st = session_vision_begin(s, patches, grid, row, e);
    return st ? st : finish(s, progress, user, e);
}

galago_status session_prefill(session *s, const layout *l, size_t first, size_t n, bool want_logits, error *e)
{
    galago_status st = session_prefill_begin(s, l, first, n, want_logits, e);
    return st ? st : finish(s, NULL, NULL, e);
}

galago_status session_decode(session *s, int32_t id, int32_t rope_delta, error *e)
{
    galago_status st = session_decode_begin(s, id, rope_delta, e);
    return st ? st : finish(s, NULL, NULL, e);
}

galago_status session_logits(session *s, float *out, error *e) { return s->b->ops->read(s->b, out, s->t.logits, e); }

/* ---- the device chooses -------------------------------------------------------------------------------------- */

bool session_samples(const session *s) { return s->b->ops->sample != NULL; }

galago_status session_sample_begin(session *s, const int32_t *counts, const int32_t *runs, size_t n_runs, error *e)
{
    assert(session_samples(s) && n_runs >= 1);
    if (n_runs > SESSION_MAX_RUNS)
        return fail(e, GALAGO_ERR_UNSUPPORTED, "%zu runs of ids: the device chooses among at most %d", n_runs, SESSION_MAX_RUNS);
    if (counts)
        s->b->ops->write(s->b, s->t.counts, counts);
    else
        s->b->ops->clear(s->b, s->t.counts);
    s->b->ops->write(s->b, tensor_rows(s->t.runs, 0, n_runs), runs);
    s->n_runs = n_runs;
    return GALAGO_OK;
}

void session_sample(session *s, const sample_params *p, uint32_t draw)
{
    s->b->ops->sample(s->b, first_values(s->t.ids, 1), s->t.ring, draw % SESSION_RING, s->t.logits, s->t.counts,
                      tensor_rows(s->t.runs, 0, s->n_runs), p, draw);
    if (s->work.kind == WORK_NONE) s->work = (session_work){.kind = WORK_FORWARD, .recorded = true, .n = 1};
}

/* Draws [first, first+n) in the ring; they do not wrap. */
static tensor ring_slots(const session *s, uint32_t first, uint32_t n)
{
    tensor t = s->t.ring;
    t.offset_bytes += (first % SESSION_RING) * sizeof(int32_t);
    t.shape[0] = n;
    return t;
}

galago_status session_ids_begin(session *s, uint32_t first, uint32_t n, uint32_t *ticket, error *e)
{
    assert(n >= 1 && first % SESSION_RING + n <= SESSION_RING);
    return s->b->ops->read_begin(s->b, ring_slots(s, first, n), ticket, e);
}

galago_status session_ids_poll(session *s, uint32_t ticket, uint32_t n, int32_t *ids, error *e)
{
    return s->b->ops->read_poll(s->b, ticket, ids, ring_slots(s, 0, n), e);
}

void session_set_tap(session *s, session_tap_fn tap, void *user)
{
    s->tap = tap;
    s->tap_user = user;
}

void session_tap(session *s, tensor t, const char *format, ...)
{
    if (!s->tap) return;
    char name[48];
    va_list ap;
    va_start(ap, format);
    vsnprintf(name, sizeof name, format, ap);
    va_end(ap);
    s->tap(s->tap_user, name, t);
}

backend *session_backend(const session *s) { return s->b; }
