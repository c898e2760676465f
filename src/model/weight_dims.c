#include "model/weight_dims.h"

size_t dim_size(const model_config *c, dim d)
{
    const text_config *t = &c->text;
    const vision_config *v = &c->vision;
    switch (d) {
    case ONE_DIM: return 1;
    case D_MODEL: return t->d_model;
    case D_MODEL_2: return 2 * (size_t)t->d_model;
    case D_FF: return t->d_ff;
    case N_VOCAB: return t->n_vocab;
    case Q_AND_GATE: return 2 * (size_t)t->n_heads * t->head_dim;
    case KV_DIM: return (size_t)t->n_kv_heads * t->head_dim;
    case ATTN_DIM: return (size_t)t->n_heads * t->head_dim;
    case CONV_DIM: return conv_dim(t);
    case CONV_KERNEL: return t->conv_kernel;
    case V_DIM: return (size_t)t->n_v_heads * t->v_head_dim;
    case N_V_HEADS: return t->n_v_heads;
    case V_HEAD_DIM: return t->v_head_dim;
    case HEAD_DIM: return t->head_dim;
    case VIS: return v->d_model;
    case VIS_3: return 3 * (size_t)v->d_model;
    case VIS_FF: return v->d_ff;
    case VIS_MERGED: return (size_t)v->d_model * v->merge_size * v->merge_size;
    case VIS_POSITIONS: return (size_t)v->position_side * v->position_side;
    }
    return 0;
}

bool weight_shape_is(const weight *t, size_t rows, size_t cols)
{
    size_t want[2] = {rows, cols}, n = 0;
    for (uint32_t i = 0; i < t->n_dims; i++) {
        if (t->shape[i] == 1) continue;
        while (n < 2 && want[n] == 1) n++;
        if (n == 2 || want[n++] != t->shape[i]) return false;
    }
    while (n < 2 && want[n] == 1) n++;
    return n == 2;
}

galago_status weight_check_type(const weight *t, error *e)
{
    if (!dtype_get(t->type)->name || t->type == DTYPE_I32)
        return fail(e, GALAGO_ERR_UNSUPPORTED, "%s: its data type (id %u) is not supported", t->name, (unsigned)t->type);
    return GALAGO_OK;
}
