/* Looking into a model: sizes, tensors, configuration and memory plan. */
#include "engine/engine.h"

#include "base/json.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

void galago_model_get_info(const galago_model *m, galago_model_info *info)
{
    const model_config *c = config_of(m);
    *info = (galago_model_info){
        .name = m->name,
        .family = family_name(c->family),
        .device = m->backend->description,
        .device_note = m->device_note,
        .n_params = model_n_params(m->network),
        .weights_bytes = model_weights_bytes(m->network),
        .n_layers = c->text.n_layers,
        .d_model = c->text.d_model,
        .n_vocab = c->text.n_vocab,
        .max_context = c->text.max_context,
        .image_factor = c->vision.patch_size * c->vision.merge_size,
        .min_pixels = c->vision.n_layers ? c->preprocess.min_pixels : 0,
        .max_pixels = c->vision.n_layers ? c->preprocess.max_pixels : 0,
        .has_vision = c->vision.n_layers > 0,
        .has_mtp = model_has_mtp(m->network),
        .load_ms = m->load_ms,
    };
}

size_t galago_model_n_tensors(const galago_model *m) { return model_n_weights(m->network); }

void galago_model_get_tensor(const galago_model *m, size_t i, galago_tensor_info *info)
{
    const model_weight *w = model_weight_at(m->network, i);
    *info = (galago_tensor_info){
        .name = w->name, .dtype = dtype_get(w->t.type)->name, .n_dims = w->t.n_dims, .bytes = w->bytes};
    for (uint32_t d = 0; d < 4; d++) info->shape[d] = d < w->t.n_dims ? w->t.shape[d] : 1;
}

void galago_free(void *p) { free(p); }

/* One member of an object, with the comma before it unless it is the first. */
static void member(buf *b, const char *key, double value)
{
    if (b->size && b->data[b->size - 1] != '{') buf_str(b, ",");
    buf_printf(b, "\"%s\":", key);
    json_write_number(b, value);
}

static void member_bool(buf *b, const char *key, bool value)
{
    buf_printf(b, ",\"%s\":%s", key, value ? "true" : "false");
}

static void write_text(buf *b, const text_config *c)
{
    buf_str(b, "{");
    member(b, "n_layers", c->n_layers);
    member(b, "d_model", c->d_model);
    member(b, "d_ff", c->d_ff);
    member(b, "n_vocab", c->n_vocab);
    member(b, "n_heads", c->n_heads);
    member(b, "n_kv_heads", c->n_kv_heads);
    member(b, "head_dim", c->head_dim);
    member(b, "rotary_dim", 2.0 * c->rope.n_freq);
    member(b, "n_k_heads", c->n_k_heads);
    member(b, "n_v_heads", c->n_v_heads);
    member(b, "k_head_dim", c->k_head_dim);
    member(b, "v_head_dim", c->v_head_dim);
    member(b, "conv_kernel", c->conv_kernel);
    member(b, "norm_eps",
           round((double)c->norm_eps * 1e12) / 1e12); /* as written in the file, not as in f32 */
    member(b, "max_context", c->max_context);
    member(b, "n_mtp_layers", c->n_mtp_layers);
    member_bool(b, "tied_head", c->tied_head);
    buf_str(b, ",\"layers\":[");
    for (uint32_t il = 0; il < c->n_layers; il++)
        buf_printf(b, "%s\"%s\"", il ? "," : "", c->layers[il] == LAYER_FULL ? "full" : "linear");
    buf_str(b, "]}");
}

static void write_vision(buf *b, const model_config *c)
{
    const vision_config *v = &c->vision;
    if (!v->n_layers) {
        buf_str(b, "null");
        return;
    }
    buf_str(b, "{");
    member(b, "n_layers", v->n_layers);
    member(b, "d_model", v->d_model);
    member(b, "d_ff", v->d_ff);
    member(b, "n_heads", v->n_heads);
    member(b, "patch_size", v->patch_size);
    member(b, "merge_size", v->merge_size);
    member(b, "position_side", v->position_side);
    member(b, "min_pixels", (double)c->preprocess.min_pixels);
    member(b, "max_pixels", (double)c->preprocess.max_pixels);
    buf_printf(b, ",\"resample\":\"%s\"}", c->preprocess.rule == RESAMPLE_PILLOW ? "pillow" : "torchvision");
}

galago_status galago_model_describe(const galago_model *m, uint32_t n_ctx, char **text, galago_error *e)
{
    error_clear(e);
    *text = NULL;
    const model_config *c = config_of(m);
    if (n_ctx > c->text.max_context)
        return fail(e, GALAGO_ERR_ARGUMENT, "a context of %u tokens: this model was made for at most %u",
                    n_ctx, c->text.max_context);
    n_ctx = context_length(c, n_ctx);
    session_plan plan = session_plan_for(c, n_ctx, most_patches(&c->preprocess, n_ctx), model_f32_cache(m->network), m->backend->batch);
    buf b = {0};
    buf_str(&b, "{\"family\":");
    json_write_string(&b, family_name(c->family), strlen(family_name(c->family)));
    buf_str(&b, ",\"text\":");
    write_text(&b, &c->text);
    buf_str(&b, ",\"vision\":");
    write_vision(&b, c);
    buf_printf(
        &b,
        ",\"tokens\":{\"image_pad\":%d,\"vision_start\":%d,\"vision_end\":%d,\"eos\":%d,\"end_of_turn\":%d}",
        (int)c->image_pad_id, (int)c->vision_start_id, (int)c->vision_end_id, (int)c->eos_id,
        (int)c->end_of_turn_id);
    buf_str(&b, ",\"memory\":{");
    member(&b, "n_ctx", n_ctx);
    member(&b, "weights_bytes", (double)model_weights_bytes(m->network));
    member(&b, "context_bytes", (double)plan.state_bytes);
    member(&b, "scratch_bytes", (double)plan.scratch_bytes);
    buf_str(&b, "}}");
    if (b.failed) {
        buf_free(&b);
        return fail(e, GALAGO_ERR_MEMORY, "not enough memory to describe the model");
    }
    *text = b.data;
    return GALAGO_OK;
}
