/* One conversation from the inside. Internal to src/engine. */
#ifndef ENGINE_CONTEXT_H
#define ENGINE_CONTEXT_H

#include "engine/engine.h"
#include "engine/prompt.h"
#include "engine/reuse.h"

typedef enum phase {
    PHASE_IDLE,       /* nothing begun, or it failed */
    PHASE_LOOKING,    /* pictures go through the vision tower */
    PHASE_PREFILLING, /* the prompt runs */
    PHASE_RUNNING,    /* tokens are made */
    PHASE_DONE,
} phase;

/* What stands between the last token and the next when the host chooses. */
typedef enum token_stage {
    TOKEN_BEGIN,  /* the last token is to be run */
    TOKEN_STEP,   /* it runs */
    TOKEN_LOGITS, /* its logits are on their way */
} token_stage;

/* Ids that were asked for in one read. */
typedef struct ids_read {
    uint32_t ticket, first, n;
} ids_read;
enum { MAX_READS = 16 };

struct galago_context {
    const galago_model *model;
    session *session;
    uint32_t n_ctx;
    bool never_wait;
    atomic_int cancelled;
    bool busy; /* inside a call: a callback must not begin another */

    history history;
    vision_rows rows;
    sampler *sampler;
    stop_filter stop;
    text_stream stream;

    phase phase;
    galago_generate_params params; /* pointers are only valid during begin */
    uint32_t max_tokens;           /* of this answer: what the caller wants and the context allows */

    /* The prompt while it runs. */
    prompt prompt;
    size_t start;          /* first token that has to run */
    size_t next, piece_n;  /* first token of the piece at hand, and its length; 0 = none begun */
    size_t image;          /* picture at hand */
    float *patches;        /* its patches while the tower works on them */
    size_t rows_done, rows_total; /* vision rows, for the progress report */
    int32_t rope_delta;

    /* The answer. */
    token_stage stage;
    float *logits; /* [n_vocab] raw */
    bool has_logits;
    bool device_chooses;
    uint32_t n_issued; /* draws recorded on the device, given ones counted */
    uint32_t n_asked;  /* of these, draws whose ids a read was begun for */
    bool is_stepping;  /* a recorded step is not handed over yet */
    ids_read reads[MAX_READS]; /* [n_reads] oldest first */
    size_t n_reads;
    int32_t arrived[SESSION_RING]; /* ids that a read brought, [arrived_at, n_arrived) not taken yet */
    uint32_t arrived_at, n_arrived;

    int32_t *ids;             /* [n_ids] the answer's tokens, the n_given that the caller had already first */
    galago_logprob *logprobs; /* [n_ids, params.n_logprobs] */
    size_t n_ids, n_given, ids_capacity, logprobs_capacity;
    buf text, piece, scratch; /* the answer; what the latest call adds to it; characters before stop strings are cut out */

    galago_result result; /* counts and times; pointers are filled in when asked for */
    double started, spent_ms, call_ms; /* see elapsed_ms() */
    double phase_ms;                   /* elapsed_ms() when the phase, or the picture at hand, began */
};

/* Time of this answer so far: inside calls where calls wait for their results, else since it began. */
double elapsed_ms(const galago_context *c);
static inline bool is_cancelled(galago_context *c) { return atomic_load(&c->cancelled) != 0; }

/* Brings the session to where the prompt in c->prompt can continue, and starts with its pictures. (advance.c) */
galago_status begin_work(galago_context *c, error *e);
/* One bounded piece of looking or prefilling; PENDING: nothing was done, the device is behind. Errors: CANCELLED too. */
galago_status advance(galago_context *c, error *e);
/* The id of the next token, or -1 when the logits hold no number; PENDING: not there yet. (advance.c) */
galago_status next_id(galago_context *c, int32_t *id, error *e);
/* What was under way is given up or brought to the books, so that the history says what the session holds. */
void settle(galago_context *c);
/* Forgets everything. The model is locked. */
void forget(galago_context *c);

#endif
