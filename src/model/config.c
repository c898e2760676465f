#include "model/config.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

const char *family_name(family f)
{
    switch (f) {
    case FAMILY_QWEN3_5: return "qwen3_5";
    }
    return "unknown";
}

/* A bounded integer that a model must have. Limits are far above every published size: they keep products of two sizes
 * well inside 64 bits and refuse hostile files early. */
typedef struct field {
    const char *hf, *gguf;
    uint32_t *out;
    uint32_t min, max;
    uint64_t otherwise; /* used when the file does not say; NONE = it must */
} field;
static const uint64_t NONE = UINT64_MAX;

static galago_status store_field(const field *f, const char *name, bool found, double value, error *e)
{
    if (!found) {
        if (f->otherwise == NONE) return fail(e, GALAGO_ERR_FORMAT, "%s: missing", name);
        value = (double)f->otherwise;
    }
    if (!(value >= f->min && value <= f->max) || value != floor(value))
        return fail(e, GALAGO_ERR_FORMAT, "%s: %g is not an integer between %u and %u", name, value, f->min, f->max);
    *f->out = (uint32_t)value;
    return GALAGO_OK;
}

static galago_status read_json_fields(const json *object, const char *where, const field *fields, size_t n, error *e)
{
    for (size_t i = 0; i < n; i++) {
        if (!fields[i].hf) continue;
        char name[96];
        snprintf(name, sizeof name, "config.json: %s%s", where, fields[i].hf);
        const json *v = json_get(object, fields[i].hf);
        bool found = v && v->type == JSON_NUMBER;
        if (v && !found && v->type != JSON_NULL) return fail(e, GALAGO_ERR_FORMAT, "%s: is not a number", name);
        galago_status s = store_field(&fields[i], name, found, found ? v->u.number : 0, e);
        if (s) return s;
    }
    return GALAGO_OK;
}

static galago_status read_gguf_fields(const weights *w, const char *prefix, const field *fields, size_t n, error *e)
{
    for (size_t i = 0; i < n; i++) {
        if (!fields[i].gguf) continue;
        char name[96];
        snprintf(name, sizeof name, "%s%s", prefix, fields[i].gguf);
        double value = 0;
        bool found = weights_has_key(w, name);
        /* Some files repeat a per-layer number as an array; the first entry stands for all. */
        if (found && weights_key_array(w, name, &value, 1) == 0)
            value = (double)weights_key_u64(w, name, UINT32_MAX + 1ull);
        galago_status s = store_field(&fields[i], name, found, value, e);
        if (s) return s;
    }
    return GALAGO_OK;
}

/* inv_freq[j] = theta^(-2j/rotary_dim); axes interleaved T H W (docs/MODEL.md 2.2). */
static galago_status set_rope(text_config *c, double theta, double rotary_dim, const double sections[3], error *e)
{
    if (!(theta > 1 && theta < 1e12)) return fail(e, GALAGO_ERR_FORMAT, "rope theta %g is out of range", theta);
    uint32_t dim = rotary_dim >= 2 && rotary_dim <= c->head_dim ? (uint32_t)rotary_dim : 0;
    if (dim != rotary_dim || dim % 2 || dim / 2 > sizeof c->rope.axis)
        return fail(e, GALAGO_ERR_FORMAT, "rotary size %g does not fit a head of %u values", rotary_dim, c->head_dim);
    for (int i = 0; i < 3; i++)
        if (!(sections[i] >= 0 && sections[i] <= dim / 2) || sections[i] != floor(sections[i]))
            return fail(e, GALAGO_ERR_FORMAT, "mrope section %g does not fit %u frequencies", sections[i], dim / 2);
    c->rope.n_freq = dim / 2;
    for (uint32_t j = 0; j < dim / 2; j++) {
        c->rope.inv_freq[j] = (float)(1.0 / pow(theta, 2.0 * j / dim));
        c->rope.axis[j] = j % 3 == 1 && j < 3 * sections[1] ? 1 : j % 3 == 2 && j < 3 * sections[2] ? 2 : 0;
    }
    return GALAGO_OK;
}

/* The rules between sizes, whatever file they came from. */
static galago_status check_sizes(const model_config *m, error *e)
{
    const text_config *c = &m->text;
    const vision_config *v = &m->vision;
    if (c->n_heads % c->n_kv_heads)
        return fail(e, GALAGO_ERR_FORMAT, "%u attention heads cannot share %u key heads", c->n_heads, c->n_kv_heads);
    if (c->n_v_heads % c->n_k_heads)
        return fail(e, GALAGO_ERR_FORMAT, "%u value heads cannot share %u key heads", c->n_v_heads, c->n_k_heads);
    if (!v->n_layers) return GALAGO_OK;
    if (v->d_model % v->n_heads || v->d_model / v->n_heads % 4 || v->d_model / v->n_heads > 256)
        return fail(e, GALAGO_ERR_FORMAT, "vision width %u does not divide into %u heads of at most 256, a multiple of 4",
                    v->d_model, v->n_heads);
    if (v->in_channels != 3 || v->temporal_patch_size != 2)
        return fail(e, GALAGO_ERR_UNSUPPORTED, "vision input of %u channels and %u frames (3 and 2 are supported)",
                    v->in_channels, v->temporal_patch_size);
    const preprocess_params *p = &m->preprocess;
    if (p->patch_size != v->patch_size || p->merge_size != v->merge_size)
        return fail(e, GALAGO_ERR_FORMAT, "the preprocessor cuts patches of %u in blocks of %u, the vision tower wants %u and %u",
                    p->patch_size, p->merge_size, v->patch_size, v->merge_size);
    return GALAGO_OK;
}

static galago_status read_hf(const weights *w, model_config *m, error *e)
{
    const json *root = weights_config(w);
    const char *type = json_string(json_get(root, "model_type"), "");
    if (strcmp(type, "qwen3_5") && strcmp(type, "qwen3_5_text"))
        return fail(e, GALAGO_ERR_UNSUPPORTED, "config.json: model_type \"%.60s\" is not supported (qwen3_5 is)", type);
    const json *text = json_get(root, "text_config") ? json_get(root, "text_config") : root;
    const json *vision = json_get(root, "vision_config");
    text_config *c = &m->text;
    vision_config *v = &m->vision;

    const field fields[] = {
        {"num_hidden_layers", NULL, &c->n_layers, 1, MAX_LAYERS, NONE},
        {"hidden_size", NULL, &c->d_model, 1, 1 << 16, NONE},
        {"intermediate_size", NULL, &c->d_ff, 1, 1 << 18, NONE},
        {"vocab_size", NULL, &c->n_vocab, 1, 1 << 22, NONE},
        {"num_attention_heads", NULL, &c->n_heads, 1, 1024, NONE},
        {"num_key_value_heads", NULL, &c->n_kv_heads, 1, 1024, NONE},
        {"head_dim", NULL, &c->head_dim, 2, 512, NONE},
        {"linear_conv_kernel_dim", NULL, &c->conv_kernel, 1, 16, 4},
        {"linear_key_head_dim", NULL, &c->k_head_dim, 1, 512, NONE},
        {"linear_value_head_dim", NULL, &c->v_head_dim, 1, 512, NONE},
        {"linear_num_key_heads", NULL, &c->n_k_heads, 1, 1024, NONE},
        {"linear_num_value_heads", NULL, &c->n_v_heads, 1, 1024, NONE},
        {"max_position_embeddings", NULL, &c->max_context, 1, 1 << 24, 262144},
        {"mtp_num_hidden_layers", NULL, &c->n_mtp_layers, 0, 1, 0},
    };
    galago_status s = read_json_fields(text, "", fields, sizeof fields / sizeof *fields, e);
    if (s) return s;
    c->norm_eps = (float)json_number(json_get(text, "rms_norm_eps"), 1e-6);

    const json *types = json_get(text, "layer_types");
    if (types && types->type == JSON_ARRAY) {
        if (types->u.list.count != c->n_layers)
            return fail(e, GALAGO_ERR_FORMAT, "config.json: layer_types names %zu layers, num_hidden_layers is %u",
                        types->u.list.count, c->n_layers);
        uint32_t il = 0;
        for (const json *t = types->u.list.first; t; t = t->next, il++) {
            const char *kind = json_string(t, "");
            if (strcmp(kind, "linear_attention") && strcmp(kind, "full_attention"))
                return fail(e, GALAGO_ERR_UNSUPPORTED, "config.json: layer_types[%u] is \"%.40s\"", il, kind);
            c->layers[il] = strcmp(kind, "full_attention") == 0 ? LAYER_FULL : LAYER_LINEAR;
        }
    } else {
        uint64_t interval = 4;
        json_u64(json_get(text, "full_attention_interval"), MAX_LAYERS, &interval);
        for (uint32_t il = 0; il < c->n_layers; il++)
            c->layers[il] = interval && (il + 1) % interval == 0 ? LAYER_FULL : LAYER_LINEAR;
    }

    /* transformers 5 writes rope_parameters, older files rope_scaling with two fields beside it. */
    const json *rope = json_get(text, "rope_parameters");
    const json *scaling = rope ? rope : json_get(text, "rope_scaling");
    double theta = json_number(json_get(rope, "rope_theta"), json_number(json_get(text, "rope_theta"), 1e7));
    double factor = json_number(json_get(rope, "partial_rotary_factor"),
                                json_number(json_get(text, "partial_rotary_factor"), 0.25));
    double sections[3] = {11, 11, 10};
    const json *list = json_get(scaling, "mrope_section");
    if (list && list->type == JSON_ARRAY) {
        int i = 0;
        for (const json *x = list->u.list.first; x && i < 3; x = x->next) sections[i++] = json_number(x, -1);
        if (list->u.list.count != 3)
            return fail(e, GALAGO_ERR_FORMAT, "config.json: mrope_section has %zu entries, not 3", list->u.list.count);
    }
    if ((s = set_rope(c, theta, floor(c->head_dim * factor), sections, e))) return s;

    /* What the files hold decides, since a configuration may promise an MTP layer that a re-saved checkpoint has lost; but a head
     * that is said to be a matrix of its own must be there: with the embedding in its place the words have no sense. */
    const json *ties[2] = {json_get(root, "tie_word_embeddings"), json_get(text, "tie_word_embeddings")};
    bool is_untied = (!json_bool(ties[0], true) || !json_bool(ties[1], true)) && !json_bool(ties[0], false) && !json_bool(ties[1], false);
    c->tied_head = !is_untied && !weights_find(w, "lm_head.weight");
    if (!weights_find(w, "mtp.fc.weight")) c->n_mtp_layers = 0;

    if (vision) {
        uint32_t n_positions = 0;
        const field vision_fields[] = {
            {"depth", NULL, &v->n_layers, 1, MAX_LAYERS, NONE},
            {"hidden_size", NULL, &v->d_model, 1, 1 << 14, NONE},
            {"intermediate_size", NULL, &v->d_ff, 1, 1 << 16, NONE},
            {"num_heads", NULL, &v->n_heads, 1, 256, NONE},
            {"patch_size", NULL, &v->patch_size, 1, 64, 16},
            {"spatial_merge_size", NULL, &v->merge_size, 1, 4, 2},
            {"temporal_patch_size", NULL, &v->temporal_patch_size, 1, 8, 2},
            {"in_channels", NULL, &v->in_channels, 1, 16, 3},
            {"num_position_embeddings", NULL, &n_positions, 1, 1 << 16, NONE},
        };
        s = read_json_fields(vision, "vision_config.", vision_fields, sizeof vision_fields / sizeof *vision_fields, e);
        if (s) return s;
        v->position_side = (uint32_t)lround(sqrt(n_positions));
        if (v->position_side * v->position_side != n_positions)
            return fail(e, GALAGO_ERR_FORMAT, "config.json: num_position_embeddings %u is not a square", n_positions);
        v->rope_theta = (float)json_number(json_get(json_get(vision, "rope_parameters"), "rope_theta"), 10000);
        const json *deep = json_get(vision, "deepstack_visual_indexes");
        if (deep && deep->type == JSON_ARRAY && deep->u.list.count)
            return fail(e, GALAGO_ERR_UNSUPPORTED, "config.json: deepstack in a qwen3_5 model");
    }

    const struct {
        const char *name;
        int32_t *out;
    } ids[] = {
        {"image_token_id", &m->image_pad_id},
        {"vision_start_token_id", &m->vision_start_id},
        {"vision_end_token_id", &m->vision_end_id},
    };
    for (size_t i = 0; i < sizeof ids / sizeof *ids; i++) {
        uint64_t id;
        const json *x = json_get(root, ids[i].name);
        if (!x) continue;
        if (!json_u64(x, c->n_vocab - 1, &id))
            return fail(e, GALAGO_ERR_FORMAT, "config.json: %s is not an id below %u", ids[i].name, c->n_vocab);
        *ids[i].out = (int32_t)id;
    }
    return GALAGO_OK;
}

static galago_status read_gguf(const weights *w, model_config *m, error *e)
{
    const char *arch = weights_key_string(w, "general.architecture", "");
    if (strcmp(arch, "qwen35"))
        return fail(e, GALAGO_ERR_UNSUPPORTED, "general.architecture \"%.60s\" is not supported (qwen35 is)%s", arch,
                    strcmp(arch, "clip") == 0 ? ": this is the vision part of a pair; give the text part as the model" : "");
    text_config *c = &m->text;
    vision_config *v = &m->vision;
    uint32_t n_blocks = 0, inner = 0, rotary = 0;
    const field fields[] = {
        {NULL, "block_count", &n_blocks, 1, MAX_LAYERS, NONE},
        {NULL, "embedding_length", &c->d_model, 1, 1 << 16, NONE},
        {NULL, "feed_forward_length", &c->d_ff, 1, 1 << 18, NONE},
        {NULL, "attention.head_count", &c->n_heads, 1, 1024, NONE},
        {NULL, "attention.key_length", &c->head_dim, 2, 512, NONE},
        {NULL, "rope.dimension_count", &rotary, 2, 256, NONE},
        {NULL, "ssm.conv_kernel", &c->conv_kernel, 1, 16, 4},
        {NULL, "ssm.state_size", &c->k_head_dim, 1, 512, NONE},
        {NULL, "ssm.group_count", &c->n_k_heads, 1, 1024, NONE},
        {NULL, "ssm.time_step_rank", &c->n_v_heads, 1, 1024, NONE},
        {NULL, "ssm.inner_size", &inner, 1, 1 << 18, NONE},
        {NULL, "context_length", &c->max_context, 1, 1 << 24, 262144},
        {NULL, "nextn_predict_layers", &c->n_mtp_layers, 0, 1, 0},
    };
    galago_status s = read_gguf_fields(w, "qwen35.", fields, sizeof fields / sizeof *fields, e);
    if (s) return s;
    if (n_blocks <= c->n_mtp_layers)
        return fail(e, GALAGO_ERR_FORMAT, "qwen35.block_count %u leaves no layer besides the MTP layer", n_blocks);
    c->n_layers = n_blocks - c->n_mtp_layers;
    if (inner % c->n_v_heads || inner / c->n_v_heads > 512)
        return fail(e, GALAGO_ERR_FORMAT, "qwen35.ssm.inner_size %u does not divide into %u heads", inner, c->n_v_heads);
    c->v_head_dim = inner / c->n_v_heads;
    c->tiled_heads = true;
    c->norm_eps = (float)weights_key_f64(w, "qwen35.attention.layer_norm_rms_epsilon", 1e-6);

    /* head_count_kv and the kinds of layers may be told layer by layer: recurrent layers then have no key heads. */
    double per_layer[MAX_LAYERS];
    size_t n = weights_key_array(w, "qwen35.attention.head_count_kv", per_layer, MAX_LAYERS);
    double kv = n ? 0 : (double)weights_key_u64(w, "qwen35.attention.head_count_kv", 0);
    for (size_t i = 0; i < n && i < MAX_LAYERS; i++)
        if (per_layer[i] > kv) kv = per_layer[i];
    if (!(kv >= 1 && kv <= 1024)) return fail(e, GALAGO_ERR_FORMAT, "qwen35.attention.head_count_kv: missing or out of range");
    c->n_kv_heads = (uint32_t)kv;

    uint64_t interval = weights_key_u64(w, "qwen35.full_attention_interval", 4);
    n = weights_key_array(w, "qwen35.attention.recurrent_layers", per_layer, MAX_LAYERS);
    if (n && n < c->n_layers)
        return fail(e, GALAGO_ERR_FORMAT, "qwen35.attention.recurrent_layers has %zu entries for %u layers", n, c->n_layers);
    for (uint32_t il = 0; il < c->n_layers; il++) {
        bool full = n ? per_layer[il] == 0 : interval && (il + 1) % interval == 0;
        c->layers[il] = full ? LAYER_FULL : LAYER_LINEAR;
    }

    double sections[4] = {11, 11, 10, 0};
    weights_key_array(w, "qwen35.rope.dimension_sections", sections, 4);
    if ((s = set_rope(c, weights_key_f64(w, "qwen35.rope.freq_base", 1e7), rotary, sections, e))) return s;

    const weight *embed = weights_find(w, "token_embd.weight");
    if (!embed || embed->n_dims != 2 || embed->shape[0] > 1 << 22)
        return fail(e, GALAGO_ERR_FORMAT, "token_embd.weight: missing, or not a matrix of at most 4,194,304 rows");
    c->n_vocab = (uint32_t)embed->shape[0];
    c->tied_head = !weights_find(w, "output.weight");

    if (weights_has_key(w, "clip.projector_type")) {
        const char *projector = weights_key_string(w, "clip.projector_type", "");
        if (strcmp(projector, "qwen3vl_merger"))
            return fail(e, GALAGO_ERR_UNSUPPORTED, "clip.projector_type \"%.60s\" is not supported (qwen3vl_merger is)", projector);
        const field vision_fields[] = {
            {NULL, "block_count", &v->n_layers, 1, MAX_LAYERS, NONE},
            {NULL, "embedding_length", &v->d_model, 1, 1 << 14, NONE},
            {NULL, "feed_forward_length", &v->d_ff, 1, 1 << 16, NONE},
            {NULL, "attention.head_count", &v->n_heads, 1, 256, NONE},
            {NULL, "patch_size", &v->patch_size, 1, 64, 16},
            {NULL, "spatial_merge_size", &v->merge_size, 1, 4, 2},
        };
        s = read_gguf_fields(w, "clip.vision.", vision_fields, sizeof vision_fields / sizeof *vision_fields, e);
        if (s) return s;
        v->temporal_patch_size = 2;
        v->in_channels = 3;
        v->rope_theta = 10000;
        const weight *table = weights_find(w, "v.position_embd.weight");
        v->position_side = table ? (uint32_t)lround(sqrt((double)table->shape[0])) : 0;
        if (!table || table->n_dims != 2 || table->shape[0] > 1 << 16 ||
            (size_t)v->position_side * v->position_side != table->shape[0])
            return fail(e, GALAGO_ERR_FORMAT, "v.position_embd.weight: missing, or its rows are not a square");
        double deep[MAX_LAYERS];
        n = weights_key_array(w, "clip.vision.is_deepstack_layers", deep, MAX_LAYERS);
        for (size_t i = 0; i < n && i < MAX_LAYERS; i++)
            if (deep[i] != 0) return fail(e, GALAGO_ERR_UNSUPPORTED, "clip.vision.is_deepstack_layers: deepstack in a qwen35 model");
    }
    return GALAGO_OK;
}

galago_status model_config_read(const weights *w, model_config *out, error *e)
{
    *out = (model_config){
        .family = FAMILY_QWEN3_5,
        .image_pad_id = -1,
        .vision_start_id = -1,
        .vision_end_id = -1,
        .eos_id = -1,
        .end_of_turn_id = -1,
        .chat = CHAT_QWEN3_5,
        .vision.norm_eps = 1e-6f,
    };
    galago_status s = weights_get_format(w) == WEIGHTS_GGUF ? read_gguf(w, out, e) : read_hf(w, out, e);
    if (s) return s;
    if (!(out->text.norm_eps > 0 && out->text.norm_eps < 1))
        return fail(e, GALAGO_ERR_FORMAT, "rms norm epsilon %g is out of range", (double)out->text.norm_eps);
    out->text.attention_scale = 1.0f / sqrtf((float)out->text.head_dim);
    if (out->vision.n_layers) {
        out->preprocess = (preprocess_params){
            .patch_size = out->vision.patch_size,
            .merge_size = out->vision.merge_size,
            .temporal_patch_size = 2,
            .min_pixels = 65536,
            .max_pixels = 16777216,
            .mean = {0.5f, 0.5f, 0.5f},
            .std = {0.5f, 0.5f, 0.5f},
        };
        if ((s = weights_preprocess(w, &out->preprocess, e))) return s;
    }
    return check_sizes(out, e);
}

galago_status model_config_find_ids(model_config *c, const tokenizer *t, error *e)
{
    const struct {
        const char *text;
        int32_t *id;
    } wanted[] = {
        {"<|image_pad|>", &c->image_pad_id},   {"<|vision_start|>", &c->vision_start_id},
        {"<|vision_end|>", &c->vision_end_id}, {"<|endoftext|>", &c->eos_id},
        {"<|im_end|>", &c->end_of_turn_id},
    };
    for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++) {
        if (*wanted[i].id < 0) *wanted[i].id = tokenizer_find(t, wanted[i].text);
        if (*wanted[i].id >= (int32_t)c->text.n_vocab)
            return fail(e, GALAGO_ERR_FORMAT, "tokenizer: %s has id %d, the model %u rows", wanted[i].text, *wanted[i].id,
                        c->text.n_vocab);
    }
    if (c->end_of_turn_id < 0) return fail(e, GALAGO_ERR_FORMAT, "tokenizer: has no <|im_end|> token");
    if (c->vision.n_layers && c->image_pad_id < 0) return fail(e, GALAGO_ERR_FORMAT, "tokenizer: has no <|image_pad|> token");
    return GALAGO_OK;
}
