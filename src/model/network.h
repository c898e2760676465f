/* The weights of the network as the forward uses them. Internal to src/model. */
#ifndef MODEL_NETWORK_H
#define MODEL_NETWORK_H

#include "model/model.h"

/* One decoder layer. Norm weights are plain (a checkpoint's "1 + w" has been added), decay is -exp(A_log). */
typedef struct layer {
    layer_kind kind;
    tensor input_norm, post_norm; /* [d_model] */
    struct {
        linear in_qkv, in_z, in_a, in_b, out; /* [conv_dim,d_model] [V,d_model] [Hv,d_model] x2 [d_model,V] */
        tensor conv;                          /* [conv_dim, conv_kernel] */
        tensor decay, dt_bias;                /* [Hv] */
        tensor norm;                          /* [v_head_dim] */
    } delta;                                  /* LAYER_LINEAR */
    struct {
        linear q, k, v, o;     /* q: per head query rows, then gate rows */
        tensor q_norm, k_norm; /* [head_dim] */
    } attn;                    /* LAYER_FULL */
    struct {
        linear gate, up, down;
    } mlp;
} layer;

typedef struct vision_layer {
    tensor norm1_w, norm1_b, norm2_w, norm2_b;
    linear qkv, proj, fc1, fc2;
} vision_layer;

/* Predicts the token after the next (docs/MODEL.md 4). Kept for speculative decoding. */
typedef struct mtp_layer {
    linear fc;
    tensor norm_embedding, norm_hidden, norm;
    layer block; /* a full-attention layer */
} mtp_layer;

struct model {
    backend *backend;
    model_config config;
    tensor embed; /* [n_vocab, d_model] */
    tensor norm;  /* [d_model] */
    linear head;  /* [n_vocab, d_model]: the embedding itself when tied */
    layer *layers;
    mtp_layer *mtp; /* NULL = none */
    struct {
        linear patch_embed; /* [Dv, 3*ps*ps]: both temporal slices added */
        tensor positions;   /* [side*side, Dv] f32 */
        vision_layer *layers;
        tensor merger_norm_w, merger_norm_b;
        linear merger_fc1, merger_fc2;
    } vision;
    bool f32_weights; /* the text matrices are f32: the cache is, too */
    arena memory;
    model_weight *weights; /* [n_weights], in the order of the table */
    size_t n_weights, n_params, weights_bytes;
};

/* A model whose weights have no memory, while the backend rehearses (backend_ops.rehearse). Errors: as model_load(). (weight_table.c) */
galago_status model_load_hollow(backend *b, const weights *w, const model_config *c, galago_dtype held_as, model **out, error *e);

#endif
