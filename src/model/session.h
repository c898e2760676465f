/* State and scratch of one conversation. Internal to src/model. */
#ifndef MODEL_SESSION_H
#define MODEL_SESSION_H

#include "model/network.h"

/* Rows of the vision tower's MLP and of its input that are worked on at once: keeps the widest activation small. */
enum { VISION_PIECE = 512 };

typedef enum work_kind { WORK_NONE, WORK_VISION, WORK_FORWARD } work_kind;

/* What session_step() is at. */
typedef struct session_work {
    work_kind kind;
    bool recorded;  /* the piece is recorded but not handed over */
    size_t at, n;   /* pieces done, of all */
    /* vision */
    const float *patches;
    size_t n_patches, row;
} session_work;

/* What a layer remembers. */
typedef struct layer_state {
    tensor conv;             /* [conv_kernel-1, conv_dim] f32 */
    tensor delta;            /* [n_v_heads, v_head_dim, k_head_dim] f32 */
    tensor saved_conv, saved_delta;
    tensor k_cache, v_cache; /* [n_kv_heads, n_ctx, head_dim] f16 or f32 */
} layer_state;

struct session {
    const model *model;
    backend *b;
    uint32_t n_ctx, max_patches, batch;
    size_t length;       /* tokens in the state */
    size_t saved_length; /* of the snapshot; 0 = none */
    layer_state *layers;

    /* Activations, one buffer per role, for `batch` tokens; ops see their first T rows. */
    struct {
        tensor ids, pos;             /* [T] i32, [3,T] i32 */
        tensor x, h;                 /* residual stream, normed input [T, d_model] */
        tensor qkv, conv;            /* [T, conv_dim] */
        tensor z, o;                 /* [T, n_v_heads*v_head_dim] */
        tensor a, beta;              /* [T, n_v_heads] */
        tensor query_gate;           /* [T, n_heads*2*head_dim] */
        tensor q, attn;              /* [T, n_heads*head_dim] */
        tensor k, v;                 /* [T, n_kv_heads*head_dim] */
        tensor rope;                 /* [T, 2*n_freq] */
        tensor gate, up;             /* [T, d_ff] */
        tensor last, logits;         /* [1, d_model], [1, n_vocab] */
        tensor ring, counts, runs;   /* device sampling: [SESSION_RING], [n_vocab], [n_runs, 2] i32; else absent */
    } t;
    /* Vision: N patches, N/merge² rows. */
    struct {
        tensor patches;      /* [VISION_PIECE, 3*ps*ps] */
        tensor x, h;         /* [N, Dv] */
        tensor qkv;          /* [N, 3*Dv] */
        tensor ff;           /* [VISION_PIECE, max(d_ff, merged width)] */
        tensor pos, rope;    /* [2,N] i32, [N, 2*n_freq] */
        tensor index, weight; /* [N,4] i32, f32: the interpolated position table */
        tensor rows;         /* [n_ctx, d_model]: merger output of all pictures of the prompt */
        rope_params rope_params;
        void *host;          /* positions, indices and weights before they are written */
    } v;
    int32_t *host_pos; /* [3, batch] */
    size_t n_runs;     /* rows of t.runs in use */

    buffer **buffers; /* everything made with the session, for destroying it */
    size_t n_buffers, capacity;

    session_work work;
    session_tap_fn tap;
    void *tap_user;
};

/* Records piece work.at of the picture at hand. (vision.c) */
void vision_record(session *s);

/* Decoder over T tokens that t.ids and t.pos describe, from s->length on; vision rows of `l` spliced in (l may be NULL).
 * (decoder.c) */
void decoder_forward(session *s, size_t T, const layout *l, bool want_logits);

/* Calls the tap, when there is one, with a name made like printf's. */
void session_tap(session *s, tensor t, const char *format, ...) __attribute__((format(printf, 3, 4)));

#endif
