/*
 * Which tensors a GGUF pair holds: names, shapes, types and changes of value (docs/FORMAT.md, names in GGUF
 * files).
 */
#include "convert/convert.h"
#include "model/weight_dims.h"

#include "base/str.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* clang-format off */
typedef enum scope { GLOBAL, HEAD, ALL_LAYERS, LINEAR_LAYERS, FULL_LAYERS, MTP, VISION, VISION_LAYERS } scope;

/* Where value heads lie, which are put in another order when there are more of them than key heads. */
typedef enum heads { NO_HEADS, QKV_ROWS, HEAD_DIM_ROWS, SINGLE_ROWS, HEAD_DIM_COLS } heads;

typedef struct tensor_spec {
    const char *hf, *gguf;
    dim rows, cols;
    scope scope;
    transform change;
    heads heads;
} tensor_spec;

#define FULL_BLOCK(prefix, norms, scope)                                                                                     \
    {prefix "input_layernorm.weight", "blk.%d.attn_norm.weight", D_MODEL, ONE_DIM, norms, ADD_ONE, NO_HEADS},                 \
    {prefix "post_attention_layernorm.weight", "blk.%d.post_attention_norm.weight", D_MODEL, ONE_DIM, norms, ADD_ONE, NO_HEADS}, \
    {prefix "mlp.gate_proj.weight", "blk.%d.ffn_gate.weight", D_FF, D_MODEL, norms, KEEP, NO_HEADS},                          \
    {prefix "mlp.up_proj.weight", "blk.%d.ffn_up.weight", D_FF, D_MODEL, norms, KEEP, NO_HEADS},                              \
    {prefix "mlp.down_proj.weight", "blk.%d.ffn_down.weight", D_MODEL, D_FF, norms, KEEP, NO_HEADS},                          \
    {prefix "self_attn.q_proj.weight", "blk.%d.attn_q.weight", Q_AND_GATE, D_MODEL, scope, KEEP, NO_HEADS},                   \
    {prefix "self_attn.k_proj.weight", "blk.%d.attn_k.weight", KV_DIM, D_MODEL, scope, KEEP, NO_HEADS},                       \
    {prefix "self_attn.v_proj.weight", "blk.%d.attn_v.weight", KV_DIM, D_MODEL, scope, KEEP, NO_HEADS},                       \
    {prefix "self_attn.o_proj.weight", "blk.%d.attn_output.weight", D_MODEL, ATTN_DIM, scope, KEEP, NO_HEADS},                \
    {prefix "self_attn.q_norm.weight", "blk.%d.attn_q_norm.weight", HEAD_DIM, ONE_DIM, scope, ADD_ONE, NO_HEADS},             \
    {prefix "self_attn.k_norm.weight", "blk.%d.attn_k_norm.weight", HEAD_DIM, ONE_DIM, scope, ADD_ONE, NO_HEADS}

/* %d is the layer. In GGUF files the MTP layer is the block after the last one. */
static const tensor_spec table[] = {
    {"model.language_model.embed_tokens.weight", "token_embd.weight", N_VOCAB, D_MODEL, GLOBAL, KEEP, NO_HEADS},
    {"lm_head.weight", "output.weight", N_VOCAB, D_MODEL, HEAD, KEEP, NO_HEADS},
    {"model.language_model.norm.weight", "output_norm.weight", D_MODEL, ONE_DIM, GLOBAL, ADD_ONE, NO_HEADS},
    FULL_BLOCK("model.language_model.layers.%d.", ALL_LAYERS, FULL_LAYERS),
#define LINEAR(hf, gguf, rows, cols, change, heads) {"model.language_model.layers.%d.linear_attn." hf, "blk.%d." gguf, rows, cols, LINEAR_LAYERS, change, heads}
    LINEAR("in_proj_qkv.weight", "attn_qkv.weight", CONV_DIM, D_MODEL, KEEP, QKV_ROWS),
    LINEAR("in_proj_z.weight", "attn_gate.weight", V_DIM, D_MODEL, KEEP, HEAD_DIM_ROWS),
    LINEAR("in_proj_b.weight", "ssm_beta.weight", N_V_HEADS, D_MODEL, KEEP, SINGLE_ROWS),
    LINEAR("in_proj_a.weight", "ssm_alpha.weight", N_V_HEADS, D_MODEL, KEEP, SINGLE_ROWS),
    LINEAR("conv1d.weight", "ssm_conv1d.weight", CONV_DIM, CONV_KERNEL, KEEP, QKV_ROWS),
    LINEAR("A_log", "ssm_a", N_V_HEADS, ONE_DIM, NEG_EXP, SINGLE_ROWS),
    LINEAR("dt_bias", "ssm_dt.bias", N_V_HEADS, ONE_DIM, KEEP, SINGLE_ROWS),
    LINEAR("norm.weight", "ssm_norm.weight", V_HEAD_DIM, ONE_DIM, KEEP, NO_HEADS),
    LINEAR("out_proj.weight", "ssm_out.weight", D_MODEL, V_DIM, KEEP, HEAD_DIM_COLS),
#undef LINEAR
    {"mtp.fc.weight", "blk.%d.nextn.eh_proj.weight", D_MODEL, D_MODEL_2, MTP, KEEP, NO_HEADS},
    {"mtp.pre_fc_norm_embedding.weight", "blk.%d.nextn.enorm.weight", D_MODEL, ONE_DIM, MTP, ADD_ONE, NO_HEADS},
    {"mtp.pre_fc_norm_hidden.weight", "blk.%d.nextn.hnorm.weight", D_MODEL, ONE_DIM, MTP, ADD_ONE, NO_HEADS},
    {"mtp.norm.weight", "blk.%d.nextn.shared_head_norm.weight", D_MODEL, ONE_DIM, MTP, ADD_ONE, NO_HEADS},
    FULL_BLOCK("mtp.layers.0.", MTP, MTP),

    {"model.visual.patch_embed.proj.bias", "v.patch_embd.bias", VIS, ONE_DIM, VISION, KEEP, NO_HEADS},
    {"model.visual.pos_embed.weight", "v.position_embd.weight", VIS_POSITIONS, VIS, VISION, KEEP, NO_HEADS},
#define BLOCK(hf, gguf, rows, cols) {"model.visual.blocks.%d." hf, "v.blk.%d." gguf, rows, cols, VISION_LAYERS, KEEP, NO_HEADS}
    BLOCK("norm1.weight", "ln1.weight", VIS, ONE_DIM),
    BLOCK("norm1.bias", "ln1.bias", VIS, ONE_DIM),
    BLOCK("attn.qkv.weight", "attn_qkv.weight", VIS_3, VIS),
    BLOCK("attn.qkv.bias", "attn_qkv.bias", VIS_3, ONE_DIM),
    BLOCK("attn.proj.weight", "attn_out.weight", VIS, VIS),
    BLOCK("attn.proj.bias", "attn_out.bias", VIS, ONE_DIM),
    BLOCK("norm2.weight", "ln2.weight", VIS, ONE_DIM),
    BLOCK("norm2.bias", "ln2.bias", VIS, ONE_DIM),
    BLOCK("mlp.linear_fc1.weight", "ffn_up.weight", VIS_FF, VIS),
    BLOCK("mlp.linear_fc1.bias", "ffn_up.bias", VIS_FF, ONE_DIM),
    BLOCK("mlp.linear_fc2.weight", "ffn_down.weight", VIS, VIS_FF),
    BLOCK("mlp.linear_fc2.bias", "ffn_down.bias", VIS, ONE_DIM),
#undef BLOCK
    {"model.visual.merger.norm.weight", "v.post_ln.weight", VIS, ONE_DIM, VISION, KEEP, NO_HEADS},
    {"model.visual.merger.norm.bias", "v.post_ln.bias", VIS, ONE_DIM, VISION, KEEP, NO_HEADS},
    {"model.visual.merger.linear_fc1.weight", "mm.0.weight", VIS_MERGED, VIS_MERGED, VISION, KEEP, NO_HEADS},
    {"model.visual.merger.linear_fc1.bias", "mm.0.bias", VIS_MERGED, ONE_DIM, VISION, KEEP, NO_HEADS},
    {"model.visual.merger.linear_fc2.weight", "mm.2.weight", D_MODEL, VIS_MERGED, VISION, KEEP, NO_HEADS},
    {"model.visual.merger.linear_fc2.bias", "mm.2.bias", D_MODEL, ONE_DIM, VISION, KEEP, NO_HEADS},
};

/* clang-format on */

/* ---- types ---- */

dtype type_for(const char *name, uint32_t n_dims, size_t row, const convert_types *types)
{
    bool patches = strcmp(name, "v.patch_embd.weight") == 0 || strcmp(name, "v.patch_embd.weight.1") == 0;
    if (n_dims < 2 || (!str_ends_with(name, ".weight") && !patches) || str_ends_with(name, "_norm.weight") ||
        str_ends_with(name, "ssm_conv1d.weight") || strcmp(name, "v.position_embd.weight") == 0)
        return DTYPE_F32;
    dtype want = types->base;
    if (strncmp(name, "v.", 2) == 0 || strncmp(name, "mm.", 3) == 0) want = types->vision;
    if (strcmp(name, "token_embd.weight") == 0 || strcmp(name, "output.weight") == 0) want = types->embed;
    /* A convolution elsewhere, where its kernel may be F32 or F16 only. */
    if (patches)
        return want == DTYPE_F32 || want == DTYPE_BF16 ? DTYPE_F32 : DTYPE_F16;
    /* The gates of the recurrence are few rows that steer the whole state: they keep eight bits. */
    bool few_bits = dtype_get(want)->block_values > 1;
    if (few_bits && (str_ends_with(name, "ssm_alpha.weight") || str_ends_with(name, "ssm_beta.weight")))
        want = DTYPE_Q8_0;
    if (!dtype_row_bytes(want, row) && dtype_get(want)->block_values == 256) want = DTYPE_Q8_0;
    return dtype_row_bytes(want, row) ? want : DTYPE_F16;
}

/* ---- the list ---- */

static conversion *add(conversion_list *l, error *e)
{
    if (l->count == l->capacity) {
        size_t n = l->capacity ? 2 * l->capacity : 512;
        conversion *p = realloc(l->items, n * sizeof *p);
        if (!p) {
            fail(e, GALAGO_ERR_MEMORY, "not enough memory for the list of tensors");
            return NULL;
        }
        l->items = p;
        l->capacity = n;
    }
    conversion *c = &l->items[l->count++];
    *c = (conversion){0};
    return c;
}

/* The tensor of a checkpoint with as many values, whatever dimensions of 1 its shape has. */
static galago_status find_source(const weights *w, const char *name, size_t rows, size_t cols,
                                 const weight **out, error *e)
{
    const weight *t = weights_find(w, name);
    if (!t) return fail(e, GALAGO_ERR_FORMAT, "%s: the tensor is missing", name);
    if (!weight_shape_is(t, rows, cols))
        return fail(e, GALAGO_ERR_FORMAT, "%s: shape [%zu,%zu,%zu,%zu,%zu], expected [%zu,%zu]", name,
                    t->shape[0], t->shape[1], t->shape[2], t->shape[3], t->shape[4], rows, cols);
    *out = t;
    return weight_check_type(t, e);
}

static galago_status plan_one(const weights *w, const model_config *m, const convert_types *types,
                              const tensor_spec *spec, uint32_t index, uint32_t block, conversion_list *l,
                              error *e)
{
    const text_config *c = &m->text;
    char name[96];
    snprintf(name, sizeof name, spec->hf, index);
    conversion *t = add(l, e);
    if (!t) return GALAGO_ERR_MEMORY;
    size_t rows = dim_size(m, spec->rows), cols = dim_size(m, spec->cols);
    galago_status s = find_source(w, name, rows, cols, &t->src, e);
    if (s) return s;
    snprintf(t->name, sizeof t->name, spec->gguf, block);
    t->rows = rows, t->cols = cols;
    t->shape[0] = rows, t->shape[1] = cols;
    t->n_dims = spec->cols == ONE_DIM ? 1 : 2;
    t->change = spec->change;
    t->vision = spec->scope == VISION || spec->scope == VISION_LAYERS;
    t->type = type_for(t->name, t->n_dims, t->shape[t->n_dims - 1], types);
    t->n_k_heads = c->n_k_heads;
    t->n_v_heads = c->n_v_heads;
    if (c->n_v_heads != c->n_k_heads && spec->heads != NO_HEADS) {
        if (spec->heads == HEAD_DIM_COLS) {
            t->head_cols = c->v_head_dim;
        } else {
            t->order = ROWS_VALUE_HEADS;
            t->head_rows = spec->heads == SINGLE_ROWS ? 1 : c->v_head_dim;
            t->first = spec->heads == QKV_ROWS ? 2 * (size_t)c->n_k_heads * c->k_head_dim : 0;
        }
    } else if (t->n_dims == 1) { /* one row to write at once */
        t->rows = 1, t->cols = rows;
    }
    return GALAGO_OK;
}

/* [Dv, 3, 2, ps, ps] becomes two tensors [Dv, 3, ps, ps], one a frame. */
static galago_status plan_patch_embed(const weights *w, const model_config *m, const convert_types *types,
                                      conversion_list *l, error *e)
{
    static const char *const name = "model.visual.patch_embed.proj.weight";
    const vision_config *v = &m->vision;
    const size_t want[5] = {v->d_model, v->in_channels, 2, v->patch_size, v->patch_size};
    const weight *src = weights_find(w, name);
    if (!src) return fail(e, GALAGO_ERR_FORMAT, "%s: the tensor is missing", name);
    if (memcmp(src->shape, want, sizeof want))
        return fail(e, GALAGO_ERR_FORMAT, "%s: shape [%zu,%zu,%zu,%zu,%zu], expected [%zu,%zu,%zu,%zu,%zu]",
                    name, src->shape[0], src->shape[1], src->shape[2], src->shape[3], src->shape[4], want[0],
                    want[1], want[2], want[3], want[4]);
    galago_status s = weight_check_type(src, e);
    for (int frame = 0; frame < 2 && !s; frame++) {
        conversion *t = add(l, e);
        if (!t) return GALAGO_ERR_MEMORY;
        t->src = src;
        snprintf(t->name, sizeof t->name, frame ? "v.patch_embd.weight.1" : "v.patch_embd.weight");
        t->n_dims = 4;
        t->shape[0] = v->d_model, t->shape[1] = v->in_channels, t->shape[2] = t->shape[3] = v->patch_size;
        t->rows = (size_t)v->d_model * v->in_channels;
        t->cols = (size_t)v->patch_size * v->patch_size;
        t->order = frame ? ROWS_FRAME_1 : ROWS_FRAME_0;
        t->vision = true;
        t->type = type_for(t->name, 4, v->patch_size, types);
    }
    return s;
}

static galago_status plan_checkpoint(const weights *w, const model_config *m, const convert_types *types,
                                     bool drop_mtp, conversion_list *l, error *e)
{
    const text_config *c = &m->text;
    galago_status s = GALAGO_OK;
    /* Layer by layer, as a reader touches them. */
    for (size_t i = 0; i < sizeof table / sizeof *table && !s; i++)
        if (table[i].scope == GLOBAL || (table[i].scope == HEAD && !c->tied_head))
            s = plan_one(w, m, types, &table[i], 0, 0, l, e);
    for (uint32_t il = 0; il < c->n_layers && !s; il++) {
        scope own = c->layers[il] == LAYER_FULL ? FULL_LAYERS : LINEAR_LAYERS;
        for (size_t i = 0; i < sizeof table / sizeof *table && !s; i++)
            if (table[i].scope == ALL_LAYERS || table[i].scope == own)
                s = plan_one(w, m, types, &table[i], il, il, l, e);
    }
    for (size_t i = 0; i < sizeof table / sizeof *table && !s; i++)
        if (table[i].scope == MTP && c->n_mtp_layers && !drop_mtp)
            s = plan_one(w, m, types, &table[i], 0, c->n_layers, l, e);
    if (!m->vision.n_layers) return s;
    if (!s) s = plan_patch_embed(w, m, types, l, e);
    for (size_t i = 0; i < sizeof table / sizeof *table && !s; i++)
        if (table[i].scope == VISION) s = plan_one(w, m, types, &table[i], 0, 0, l, e);
    for (uint32_t il = 0; il < m->vision.n_layers && !s; il++)
        for (size_t i = 0; i < sizeof table / sizeof *table && !s; i++)
            if (table[i].scope == VISION_LAYERS) s = plan_one(w, m, types, &table[i], il, il, l, e);
    return s;
}

/* A GGUF source has its names and values already; only types change. */
static galago_status plan_gguf(const weights *w, const model_config *m, const convert_types *types,
                               bool drop_mtp, conversion_list *l, error *e)
{
    char mtp[32];
    snprintf(mtp, sizeof mtp, "blk.%u.", m->text.n_layers);
    for (size_t i = 0; i < weights_count(w); i++) {
        const weight *src = weights_at(w, i);
        if (drop_mtp && m->text.n_mtp_layers && strncmp(src->name, mtp, strlen(mtp)) == 0) continue;
        galago_status s = weight_check_type(src, e);
        if (s) return s;
        conversion *t = add(l, e);
        if (!t) return GALAGO_ERR_MEMORY;
        t->src = src;
        snprintf(t->name, sizeof t->name, "%s", src->name);
        t->n_dims = src->n_dims;
        memcpy(t->shape, src->shape, sizeof t->shape);
        t->cols = src->shape[src->n_dims - 1];
        t->rows = 1;
        for (uint32_t d = 0; d + 1 < src->n_dims; d++) t->rows *= src->shape[d];
        t->vision =
            m->vision.n_layers && (strncmp(src->name, "v.", 2) == 0 || strncmp(src->name, "mm.", 3) == 0);
        t->type = type_for(t->name, t->n_dims, t->cols, types);
    }
    return GALAGO_OK;
}

galago_status plan_tensors(const weights *w, const model_config *c, const convert_types *types, bool drop_mtp,
                           conversion_list *out, error *e)
{
    *out = (conversion_list){0};
    return weights_get_format(w) == WEIGHTS_GGUF ? plan_gguf(w, c, types, drop_mtp, out, e)
                                                 : plan_checkpoint(w, c, types, drop_mtp, out, e);
}
