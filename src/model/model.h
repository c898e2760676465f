/*
 * The network: weights on a backend, and the state of one conversation. One forward serves prefill and decode, every
 * backend and every family (docs/MODEL.md).
 */
#ifndef MODEL_MODEL_H
#define MODEL_MODEL_H

#include "model/config.h"
#include "model/layout.h"

typedef struct model model;
typedef struct session session;

typedef struct model_options {
    galago_dtype dtype;
    uint32_t n_threads;          /* for converting weights */
    galago_progress_fn progress; /* "load"; NULL allowed */
    void *progress_user;
} model_options;

/* Finds, checks and loads every weight that the family's table names. `w` and `b` must outlive the model (weights are used
 * where the file is mapped). Errors: FORMAT (names the tensor: missing, wrong shape), UNSUPPORTED (type), MEMORY, CANCELLED. */
galago_status model_load(backend *b, const weights *w, const model_config *c, const model_options *o, model **out, error *e);
/* The same in bounded steps, for hosts that must not be held: begin, then steps until *out (PENDING: more to do, or the device is
 * behind), then destroy, which gives up what is not finished. */
typedef struct model_loader model_loader;
galago_status model_load_begin(backend *b, const weights *w, const model_config *c, const model_options *o, model_loader **out,
                               error *e);
galago_status model_load_step(model_loader *l, model **out, error *e);
void model_loader_destroy(model_loader *l);
void model_destroy(model *m);
/* Lets a backend that compiles kernels begin with those that pictures, prompts and tokens of this model will ask for; returns at
 * once, and while they are compiled the weights may be loaded. What goes wrong here goes wrong again where it is told. (rehearse.c) */
void model_rehearse(backend *b, const weights *w, const model_config *c, galago_dtype held_as);
const model_config *model_get_config(const model *m);

/* All weights in the order of the table, as they are held. */
typedef struct model_weight {
    const char *name; /* the file's */
    tensor t;
    size_t bytes;
} model_weight;
size_t model_n_weights(const model *m);
const model_weight *model_weight_at(const model *m, size_t i);
uint64_t model_n_params(const model *m);     /* without the MTP layer */
uint64_t model_weights_bytes(const model *m);
bool model_has_mtp(const model *m);
/* Whether sessions keep their cache in f32 (the text matrices are f32) rather than f16. */
bool model_f32_cache(const model *m);

/* Memory that a session takes, from the configuration alone. */
typedef struct session_plan {
    uint64_t state_bytes;   /* caches, recurrent states and their snapshot */
    uint64_t scratch_bytes; /* activations of text and vision */
} session_plan;
/* batch: the backend's. */
session_plan session_plan_for(const model_config *c, uint32_t n_ctx, uint32_t max_patches, bool f32_cache, uint32_t batch);

/* Everything one conversation needs: n_ctx tokens, pictures of at most max_patches patches. The cache is f32 when the
 * model's weights are f32 (model_f32_cache()), else f16. Errors: MEMORY (says how much was wanted). */
galago_status session_create(const model *m, uint32_t n_ctx, uint32_t max_patches, session **out, error *e);
void session_destroy(session *s);
/* Tokens that one session_prefill() call takes at most: the backend's batch, or all that the context holds. */
size_t session_batch(const session *s);

/* Position 0, states zero. */
void session_reset(session *s);
/* Number of tokens that the state holds. */
size_t session_length(const session *s);
/* Remembers the present state (one snapshot is kept; the cache needs none); false before the first token. */
void session_save(session *s);
/* Returns to the snapshot; its length is session_length() afterwards. False when there is none. */
bool session_restore(session *s);

/*
 * Work comes in pieces that a host without threads can step through: one *_begin() checks and takes the work, then
 * session_step() until *done. After GALAGO_PENDING the backend's wait() comes first, or the host's other work.
 * session_abandon() gives work up between two steps; the state is then unknown (session_reset() or session_restore()).
 */

/* Vision tower and merger: patches [P, 3*ps*ps] (image_preprocess) of a picture -> its rows*cols/merge² rows, kept at vision
 * row `row` of the session until overwritten; one layer a step. `patches` must live until the work is done.
 * Errors: ARGUMENT (too many patches: says the limit). */
galago_status session_vision_begin(session *s, const float *patches, image_grid grid, size_t row, error *e);
/* Runs tokens [first, first+n) of the layout; first == session_length(), n <= session_batch(); image tokens take their
 * vision rows. With `want_logits` the logits of the last of them can be read afterwards. The layout must live until the work
 * is done. Errors: ARGUMENT (beyond n_ctx). */
galago_status session_prefill_begin(session *s, const layout *l, size_t first, size_t n, bool want_logits, error *e);
/* Runs one token at index session_length(), position session_length() + rope_delta. `id` < 0: the one that session_sample() chose
 * last, wherever it is. */
galago_status session_decode_begin(session *s, int32_t id, int32_t rope_delta, error *e);
/* Does the next piece. Errors: DEVICE_LOST, MEMORY. */
galago_status session_step(session *s, bool *done, error *e);
/* Fraction of the work that is done, 0..1. */
double session_progress(const session *s);
void session_abandon(session *s);

/* The same, waiting for the end. `progress` ("vision") may be NULL. Errors: besides those above CANCELLED; UNSUPPORTED where the host
 * cannot wait. */
galago_status session_vision(session *s, const float *patches, image_grid grid, size_t row, galago_progress_fn progress,
                             void *user, error *e);
galago_status session_prefill(session *s, const layout *l, size_t first, size_t n, bool want_logits, error *e);
galago_status session_decode(session *s, int32_t id, int32_t rope_delta, error *e);

/* Logits [n_vocab] of the latest token for which they were wanted. PENDING until they have arrived. */
galago_status session_logits(session *s, float *out, error *e);

/* Whether the backend chooses tokens itself: then session_sample() may be used, several steps ahead of their ids. */
bool session_samples(const session *s);
/* Starts an answer of the device's own choosing. `counts` [n_vocab]: how often each token was chosen before, bit 24 = it is in
 * the prompt (NULL = none); runs [n_runs][2]: the ids that may be chosen (first, end). Errors: MEMORY. */
galago_status session_sample_begin(session *s, const int32_t *counts, const int32_t *runs, size_t n_runs, error *e);
/* Chooses a token from the latest logits on the device, the draw-th of the answer; session_step() hands it over together with what
 * was begun before it, or alone. */
void session_sample(session *s, const sample_params *p, uint32_t draw);
/* Chosen ids, read late: a ticket for draws [first, first + n), which must have been handed over and must not wrap in a ring of
 * SESSION_RING. */
galago_status session_ids_begin(session *s, uint32_t first, uint32_t n, uint32_t *ticket, error *e);
/* PENDING until they are there. ids NULL: not wanted any more. */
galago_status session_ids_poll(session *s, uint32_t ticket, uint32_t n, int32_t *ids, error *e);
/* Draws whose ids are kept; runs of ids that a device takes. */
enum { SESSION_RING = 64, SESSION_MAX_RUNS = 1024 };

/* For tests: called with every named intermediate result of a forward, in order ("vision.patch_embed", "vision.block.3",
 * "vision.rows", "embed", "layer.5", "norm"); the tensor is read with the backend's read(). */
typedef void (*session_tap_fn)(void *user, const char *name, tensor t);
void session_set_tap(session *s, session_tap_fn tap, void *user);
backend *session_backend(const session *s);

#endif
