/* What a model is: every size of the network, read from config.json or from GGUF keys and checked. */
#ifndef MODEL_CONFIG_H
#define MODEL_CONFIG_H

#include "backend/backend.h"
#include "weights/weights.h"

enum { MAX_LAYERS = 128 };

typedef enum layer_kind { LAYER_LINEAR, LAYER_FULL } layer_kind; /* gated DeltaNet, (gated) full attention */

/* A family fixes what config files do not say. */
typedef enum family { FAMILY_QWEN3_5 } family;

typedef struct text_config {
    uint32_t n_layers, d_model, d_ff, n_vocab;
    uint32_t n_heads, n_kv_heads, head_dim; /* full attention */
    uint32_t conv_kernel;                   /* linear attention */
    uint32_t n_k_heads, n_v_heads, k_head_dim, v_head_dim;
    bool tiled_heads; /* GGUF's order of value heads (matters when n_v_heads > n_k_heads) */
    layer_kind layers[MAX_LAYERS];
    float norm_eps;
    float attention_scale; /* 1/sqrt(head_dim) */
    rope_params rope;
    uint32_t max_context;
    bool tied_head;
    uint32_t n_mtp_layers; /* 0 or 1 */
} text_config;

typedef struct vision_config {
    uint32_t n_layers; /* 0 = the model has no eyes */
    uint32_t d_model, d_ff, n_heads;
    uint32_t patch_size, merge_size, temporal_patch_size, in_channels;
    uint32_t position_side; /* the learned position table is position_side x position_side */
    float norm_eps, rope_theta;
} vision_config;

typedef struct model_config {
    family family;
    text_config text;
    vision_config vision;
    /* Special ids; -1 = the model has none. */
    int32_t image_pad_id, vision_start_id, vision_end_id, eos_id, end_of_turn_id;
    preprocess_params preprocess;
    chat_format chat;
} model_config;

/* "qwen3_5" */
const char *family_name(family f);

/* Reads and checks the configuration. Errors: FORMAT (a field missing or out of range: names it and the value),
 * UNSUPPORTED (another family: names it). */
galago_status model_config_read(const weights *w, model_config *out, error *e);

/* Fills the special ids that the configuration does not name from the tokenizer's added tokens.
 * Errors: FORMAT (no end-of-turn token, an id beyond the embedding, no image token in a model that sees). */
galago_status model_config_find_ids(model_config *c, const tokenizer *t, error *e);

/* Sizes that follow. */
static inline uint32_t conv_dim(const text_config *c) { return 2 * c->n_k_heads * c->k_head_dim + c->n_v_heads * c->v_head_dim; }

#endif
