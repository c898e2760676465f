/* The keys of a GGUF pair (docs/FORMAT.md). */
#include "convert/convert.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* The numbers by which other programs name a mix of types. */
static uint32_t file_type(dtype base)
{
    switch (base) {
    case DTYPE_F32: return 0;
    case DTYPE_F16: return 1;
    case DTYPE_Q4_0: return 2;
    case DTYPE_Q4_1: return 3;
    case DTYPE_Q8_0: return 7;
    case DTYPE_Q4_K: return 14;
    case DTYPE_Q5_K: return 16;
    case DTYPE_Q6_K: return 18;
    case DTYPE_BF16: return 32;
    default: return 0;
    }
}

static void put_text(gguf_writer *g, const char *key, const char *text)
{
    gguf_put_string(g, key, text, strlen(text));
}

/* "qwen3.5-0.8b" of "synthetic:qwen3.5-0.8b" and of "models/qwen3.5-0.8b/". */
static void put_name(gguf_writer *g, const char *source)
{
    size_t end = strlen(source);
    while (end > 1 && source[end - 1] == '/') end--;
    size_t begin = end;
    while (begin && source[begin - 1] != '/' && source[begin - 1] != ':') begin--;
    gguf_put_string(g, "general.name", source + begin, end - begin);
}

/* ---- tokenizer ---- */

/* GGUF's token types. */
enum { TYPE_NORMAL = 1, TYPE_CONTROL = 3, TYPE_USER_DEFINED = 4, TYPE_UNUSED = 5 };

static void token_text(void *user, size_t id, buf *out)
{
    enum token_kind kind = TOKEN_UNUSED;
    const tokenizer *t = user;
    if (id < tokenizer_n_tokens(t)) tokenizer_export_token(t, (int32_t)id, out, &kind);
    if (kind != TOKEN_UNUSED) return;
    /* Rows of the embedding that no token has. */
    out->size = 0;
    buf_printf(out, "[PAD%zu]", id);
}

static void merge_text(void *user, size_t rank, buf *out) { tokenizer_export_merge(user, rank, out); }

static galago_status put_tokenizer(gguf_writer *g, const model_config *c, const tokenizer *t, error *e)
{
    arena a = {0};
    buf text = {0};
    size_t n = c->text.n_vocab;
    int32_t *types = arena_array(&a, n, sizeof *types);
    if (!types) return fail(e, GALAGO_ERR_MEMORY, "not enough memory for the vocabulary");
    for (size_t id = 0; id < n; id++) {
        enum token_kind kind = TOKEN_UNUSED;
        text.size = 0;
        if (id < tokenizer_n_tokens(t)) tokenizer_export_token(t, (int32_t)id, &text, &kind);
        types[id] = kind == TOKEN_NORMAL    ? TYPE_NORMAL
                    : kind == TOKEN_CONTROL ? TYPE_CONTROL
                    : kind == TOKEN_ADDED   ? TYPE_USER_DEFINED
                                            : TYPE_UNUSED;
    }
    put_text(g, "tokenizer.ggml.model", "gpt2");
    put_text(g, "tokenizer.ggml.pre", tokenizer_pre(t) == PRETOKENIZER_QWEN35 ? "qwen35" : "qwen2");
    gguf_put_string_array(g, "tokenizer.ggml.tokens", n, token_text, (void *)t);
    gguf_put_i32_array(g, "tokenizer.ggml.token_type", types, n);
    gguf_put_string_array(g, "tokenizer.ggml.merges", tokenizer_n_merges(t), merge_text, (void *)t);
    /* The end of a turn is what ends an answer. */
    if (c->end_of_turn_id >= 0) gguf_put_u32(g, "tokenizer.ggml.eos_token_id", (uint32_t)c->end_of_turn_id);
    if (c->eos_id >= 0) gguf_put_u32(g, "tokenizer.ggml.padding_token_id", (uint32_t)c->eos_id);
    gguf_put_bool(g, "tokenizer.ggml.add_bos_token", false);
    buf_free(&text);
    arena_free(&a);
    return GALAGO_OK;
}

/* ---- text ---- */

/* Which keys of a GGUF source stay. */
typedef struct key_filter {
    bool drop_mtp;
} key_filter;

static bool keep_key(void *user, const char *key)
{
    const key_filter *f = user;
    static const char *const made_anew[] = {"general.file_type", "general.quantization_version",
                                            "general.alignment"};
    for (size_t i = 0; i < sizeof made_anew / sizeof *made_anew; i++)
        if (strcmp(key, made_anew[i]) == 0) return false;
    if (strncmp(key, "split.", 6) == 0) return false;
    return !(f->drop_mtp &&
             (strcmp(key, "qwen35.block_count") == 0 || strcmp(key, "qwen35.nextn_predict_layers") == 0));
}

static void put_rope(gguf_writer *g, const weights *w, const text_config *c)
{
    const json *root = weights_config(w),
               *text = json_get(root, "text_config") ? json_get(root, "text_config") : root;
    const json *rope = json_get(text, "rope_parameters"),
               *scaling = rope ? rope : json_get(text, "rope_scaling");
    double theta = json_number(json_get(rope, "rope_theta"), json_number(json_get(text, "rope_theta"), 1e7));
    int32_t sections[4] = {11, 11, 10, 0};
    const json *list = json_get(scaling, "mrope_section");
    if (list && list->type == JSON_ARRAY) { /* model_config_read() checked them */
        int i = 0;
        for (const json *x = list->u.list.first; x && i < 3; x = x->next)
            sections[i++] = (int32_t)json_number(x, 0);
    }
    gguf_put_f32(g, "qwen35.rope.freq_base", (float)theta);
    gguf_put_u32(g, "qwen35.rope.dimension_count", 2 * c->rope.n_freq);
    gguf_put_i32_array(g, "qwen35.rope.dimension_sections", sections, 4);
}

/* Every n-th layer is full attention in the published models; others are told layer by layer. */
static void put_layer_kinds(gguf_writer *g, const text_config *c)
{
    for (uint32_t interval = 1; interval <= c->n_layers; interval++) {
        bool fits = true;
        for (uint32_t il = 0; il < c->n_layers && fits; il++)
            fits = ((il + 1) % interval == 0) == (c->layers[il] == LAYER_FULL);
        if (!fits) continue;
        gguf_put_u32(g, "qwen35.full_attention_interval", interval);
        return;
    }
    bool recurrent[MAX_LAYERS];
    for (uint32_t il = 0; il < c->n_layers; il++) recurrent[il] = c->layers[il] == LAYER_LINEAR;
    gguf_put_bool_array(g, "qwen35.attention.recurrent_layers", recurrent, c->n_layers);
}

galago_status put_text_keys(gguf_writer *g, const weights *w, const model_config *m, const tokenizer *t,
                            const char *source, const convert_types *types, bool drop_mtp, error *e)
{
    const text_config *c = &m->text;
    bool has_mtp = c->n_mtp_layers && !drop_mtp;
    uint32_t n_blocks = c->n_layers + (has_mtp ? c->n_mtp_layers : 0);
    if (weights_get_format(w) == WEIGHTS_GGUF) {
        key_filter f = {.drop_mtp = drop_mtp && c->n_mtp_layers};
        gguf_put_keys_of(g, w, false, keep_key, &f);
        if (f.drop_mtp) gguf_put_u32(g, "qwen35.block_count", n_blocks);
    } else {
        put_text(g, "general.architecture", "qwen35");
        put_text(g, "general.type", "model");
        put_name(g, source);
        gguf_put_u32(g, "qwen35.block_count", n_blocks);
        gguf_put_u32(g, "qwen35.context_length", c->max_context);
        gguf_put_u32(g, "qwen35.embedding_length", c->d_model);
        gguf_put_u32(g, "qwen35.feed_forward_length", c->d_ff);
        gguf_put_u32(g, "qwen35.attention.head_count", c->n_heads);
        gguf_put_u32(g, "qwen35.attention.head_count_kv", c->n_kv_heads);
        gguf_put_u32(g, "qwen35.attention.key_length", c->head_dim);
        gguf_put_u32(g, "qwen35.attention.value_length", c->head_dim);
        gguf_put_f32(g, "qwen35.attention.layer_norm_rms_epsilon", c->norm_eps);
        put_rope(g, w, c);
        gguf_put_u32(g, "qwen35.ssm.conv_kernel", c->conv_kernel);
        gguf_put_u32(g, "qwen35.ssm.state_size", c->k_head_dim);
        gguf_put_u32(g, "qwen35.ssm.group_count", c->n_k_heads);
        gguf_put_u32(g, "qwen35.ssm.time_step_rank", c->n_v_heads);
        gguf_put_u32(g, "qwen35.ssm.inner_size", c->n_v_heads * c->v_head_dim);
        put_layer_kinds(g, c);
        if (has_mtp) gguf_put_u32(g, "qwen35.nextn_predict_layers", c->n_mtp_layers);
        galago_status s = put_tokenizer(g, m, t, e);
        if (s) return s;
        size_t size;
        const char *text = weights_chat_template(w, &size);
        if (text) gguf_put_string(g, "tokenizer.chat_template", text, size);
    }
    gguf_put_u32(g, "general.file_type", file_type(types->base));
    gguf_put_u32(g, "general.quantization_version", 2);
    return GALAGO_OK;
}

/* ---- vision ---- */

void put_vision_keys(gguf_writer *g, const weights *w, const model_config *m, const char *source,
                     const convert_types *types)
{
    const vision_config *v = &m->vision;
    const preprocess_params *p = &m->preprocess;
    if (weights_get_format(w) == WEIGHTS_GGUF) {
        key_filter f = {0};
        gguf_put_keys_of(g, w, true, keep_key, &f);
    } else {
        bool deepstack[MAX_LAYERS] = {0};
        put_text(g, "general.architecture", "clip");
        put_text(g, "general.type", "mmproj");
        put_name(g, source);
        gguf_put_bool(g, "clip.has_vision_encoder", true);
        put_text(g, "clip.projector_type", "qwen3vl_merger");
        gguf_put_bool(g, "clip.use_gelu", true);
        gguf_put_u32(g, "clip.vision.image_size", v->position_side * v->patch_size);
        gguf_put_u32(g, "clip.vision.patch_size", v->patch_size);
        gguf_put_u32(g, "clip.vision.embedding_length", v->d_model);
        gguf_put_u32(g, "clip.vision.feed_forward_length", v->d_ff);
        gguf_put_u32(g, "clip.vision.block_count", v->n_layers);
        gguf_put_u32(g, "clip.vision.attention.head_count", v->n_heads);
        gguf_put_f32(g, "clip.vision.attention.layer_norm_epsilon", v->norm_eps);
        gguf_put_u32(g, "clip.vision.projection_dim", m->text.d_model);
        gguf_put_u32(g, "clip.vision.spatial_merge_size", v->merge_size);
        gguf_put_bool_array(g, "clip.vision.is_deepstack_layers", deepstack, v->n_layers);
        gguf_put_f32_array(g, "clip.vision.image_mean", p->mean, 3);
        gguf_put_f32_array(g, "clip.vision.image_std", p->std, 3);
        /* 32 bits are what other readers take; no limit of a real model comes near. */
        gguf_put_u32(g, "clip.vision.image_min_pixels",
                     p->min_pixels > INT32_MAX ? INT32_MAX : (uint32_t)p->min_pixels);
        gguf_put_u32(g, "clip.vision.image_max_pixels",
                     p->max_pixels > INT32_MAX ? INT32_MAX : (uint32_t)p->max_pixels);
    }
    gguf_put_u32(g, "general.file_type", file_type(types->vision));
    gguf_put_u32(g, "general.quantization_version", 2);
}
