/*
 * Synthetic weights: models of the published shapes whose values come from a counter-based generator, so that
 * any host makes the same numbers without a download. Every value is exact in BF16 and F16. Definition:
 * docs/FORMAT.md, synthetic models.
 */
#include "weights/synthetic.h"

#include "weights/weights_impl.h"

#include "base/str.h"
#include <stdio.h>
#include <string.h>

/* ---- configurations ---- */

/* The published sizes (docs/MODEL.md 1). All three have heads of 256 values, 128-value linear heads, a tied head and a patch
 * of 16. */
/* clang-format off */
static const struct synthetic_model {
    const char *name, *config;
} models[] = {
#define LAYERS_4 "\"linear_attention\",\"linear_attention\",\"linear_attention\",\"full_attention\""
#define LAYERS_24 LAYERS_4 "," LAYERS_4 "," LAYERS_4 "," LAYERS_4 "," LAYERS_4 "," LAYERS_4
#define LAYERS_32 LAYERS_24 "," LAYERS_4 "," LAYERS_4
#define CONFIG(layers, hidden, ffn, heads, kv_heads, value_heads, types, depth, vis, vis_heads, vis_ffn)                     \
    "{\"architectures\":[\"Qwen3_5ForConditionalGeneration\"],\"model_type\":\"qwen3_5\",\"image_token_id\":248056,"          \
    "\"video_token_id\":248057,\"vision_start_token_id\":248053,\"vision_end_token_id\":248054,"                              \
    "\"tie_word_embeddings\":true,\"text_config\":{\"model_type\":\"qwen3_5_text\",\"vocab_size\":248320,"                    \
    "\"hidden_size\":" #hidden ",\"intermediate_size\":" #ffn ",\"num_hidden_layers\":" #layers                               \
    ",\"num_attention_heads\":" #heads ",\"num_key_value_heads\":" #kv_heads ",\"head_dim\":256,\"hidden_act\":\"silu\","     \
    "\"attention_bias\":false,\"attn_output_gate\":true,\"rms_norm_eps\":1e-06,\"max_position_embeddings\":262144,"           \
    "\"full_attention_interval\":4,\"layer_types\":[" types "],\"linear_conv_kernel_dim\":4,\"linear_key_head_dim\":128,"     \
    "\"linear_value_head_dim\":128,\"linear_num_key_heads\":16,\"linear_num_value_heads\":" #value_heads                      \
    ",\"mamba_ssm_dtype\":\"float32\",\"mtp_num_hidden_layers\":1,\"mtp_use_dedicated_embeddings\":false,"                    \
    "\"rope_parameters\":{\"rope_type\":\"default\",\"rope_theta\":10000000,\"partial_rotary_factor\":0.25,"                  \
    "\"mrope_interleaved\":true,\"mrope_section\":[11,11,10]},\"tie_word_embeddings\":true,\"eos_token_id\":248044},"         \
    "\"vision_config\":{\"model_type\":\"qwen3_5\",\"depth\":" #depth ",\"hidden_size\":" #vis ",\"num_heads\":" #vis_heads    \
    ",\"intermediate_size\":" #vis_ffn ",\"hidden_act\":\"gelu_pytorch_tanh\",\"in_channels\":3,\"patch_size\":16,"           \
    "\"temporal_patch_size\":2,\"spatial_merge_size\":2,\"num_position_embeddings\":2304,\"out_hidden_size\":" #hidden        \
    ",\"deepstack_visual_indexes\":[]}}"
    {"qwen3.5-0.8b", CONFIG(24, 1024, 3584, 8, 2, 16, LAYERS_24, 12, 768, 12, 3072)},
    {"qwen3.5-2b", CONFIG(24, 2048, 6144, 8, 2, 16, LAYERS_24, 24, 1024, 16, 4096)},
    {"qwen3.5-4b", CONFIG(32, 2560, 9216, 16, 4, 32, LAYERS_32, 24, 1024, 16, 4096)},
};
/* clang-format on */

const char *synthetic_config(const char *name)
{
    for (size_t i = 0; i < sizeof models / sizeof *models; i++)
        if (strcmp(models[i].name, name) == 0) return models[i].config;
    return NULL;
}

/* ---- the generator ---- */

/* Words first .. first+n-1 of the sequence, each giving four values; `out` has room for 4n. The loop has no
 * branch and no carried state, so that compilers make SIMD of it. */
static void fill_words(uint32_t seed, uint32_t first, size_t n, float scale, float *restrict out)
{
    for (size_t i = 0; i < n; i++) {
        uint32_t x = seed + (first + (uint32_t)i) * 0x9E3779B9u;
        x ^= x >> 16;
        x *= 0x7FEB352Du;
        x ^= x >> 15;
        x *= 0x846CA68Bu;
        x ^= x >> 16;
        /* Bytes as signed numbers q; the value is (2q + 1) * scale. */
        out[4 * i] = (float)(2 * ((int32_t)(x << 24) >> 24) + 1) * scale;
        out[4 * i + 1] = (float)(2 * ((int32_t)(x << 16) >> 24) + 1) * scale;
        out[4 * i + 2] = (float)(2 * ((int32_t)(x << 8) >> 24) + 1) * scale;
        out[4 * i + 3] = (float)(2 * ((int32_t)x >> 24) + 1) * scale;
    }
}

static float power_of_two(int e)
{
    float f = 1;
    for (; e < 0; e++) f *= 0.5f;
    return f;
}

/* Scale of u = 2q + 1 for a tensor; 0 = a norm's weight around 1, 1 + (q >> 3) / 128. */
static float scale_for(const char *name, size_t K)
{
    bool visual = strncmp(name, "model.visual.", 13) == 0;
    if (str_ends_with(name, "norm.weight") && !strstr(name, ".visual.") &&
        !str_ends_with(name, "linear_attn.norm.weight"))
        return power_of_two(-11);
    if (str_ends_with(name, "linear_attn.norm.weight") ||
        (visual && (str_ends_with(name, "norm.weight") || str_ends_with(name, "norm1.weight") ||
                    str_ends_with(name, "norm2.weight"))))
        return 0;
    if (str_ends_with(name, ".A_log") || str_ends_with(name, ".dt_bias")) return power_of_two(-8);
    if (str_ends_with(name, ".bias")) return power_of_two(-12);
    if (str_ends_with(name, "conv1d.weight")) return power_of_two(-9);
    int bits = 0;
    for (size_t k = K - 1; k; k >>= 1) bits++;
    return power_of_two(-(7 + (bits + 1) / 2));
}

void synthetic_values(const char *name, size_t K, size_t first, size_t n, float *out)
{
    uint32_t seed = name_hash(name, strlen(name), 0);
    float scale = scale_for(name, K), u_scale = scale == 0 ? 1 : scale;
    size_t done = 0;
    while (done < n) {
        size_t at = first + done, skip = at % 4;
        uint32_t word = (uint32_t)(at / 4);
        if (skip == 0 && n - done >= 4) {
            size_t words = (n - done) / 4;
            fill_words(seed, word, words, u_scale, out + done);
            done += 4 * words;
        } else {
            float four[4];
            fill_words(seed, word, 1, u_scale, four);
            while (skip < 4 && done < n) out[done++] = four[skip++];
        }
    }
    if (scale == 0)
        for (size_t i = 0; i < n; i++) {
            int q = ((int)out[i] - 1) / 2; /* u is odd, u - 1 even: exact */
            /* floor(q / 8), the arithmetic shift */
            out[i] = 1 + (float)((q - (q < 0 ? 7 : 0)) / 8) * 0.0078125f;
        }
}

/* ---- the tensors ---- */

typedef struct maker {
    weights *w;
    error *e;
    galago_status status;
} maker;

/* One tensor of at most five dimensions; the list of dimensions ends with 0. */
static void add(maker *m, const char *name, const size_t *dims)
{
    if (m->status) return;
    weight t = {.type = DTYPE_BF16, .shape = {1, 1, 1, 1, 1}};
    size_t values = 1;
    for (; dims[t.n_dims]; t.n_dims++) values *= t.shape[t.n_dims] = dims[t.n_dims];
    if (str_ends_with(name, ".A_log") || str_ends_with(name, "linear_attn.norm.weight")) t.type = DTYPE_F32;
    t.bytes = values * dtype_get(t.type)->block_bytes;
    t.name = arena_string(&m->w->memory, name, strlen(name));
    m->status =
        t.name ? weights_add(m->w, &t, m->e) : fail(m->e, GALAGO_ERR_MEMORY, "%s: not enough memory", name);
}

static void addf(maker *m, const char *prefix, size_t i, const char *name, const size_t *dims)
{
    char text[128];
    snprintf(text, sizeof text, "%s%zu.%s", prefix, i, name);
    add(m, text, dims);
}

#define DIMS(...) ((const size_t[]){__VA_ARGS__, 0})

static size_t field(const json *object, const char *name)
{
    return (size_t)json_number(json_get(object, name), 0);
}

static void add_decoder_layer(maker *m, const json *c, const char *prefix, size_t i, bool full)
{
    size_t d = field(c, "hidden_size"), ff = field(c, "intermediate_size"), dh = field(c, "head_dim");
    size_t q = field(c, "num_attention_heads") * dh, kv = field(c, "num_key_value_heads") * dh;
    size_t k_dim = field(c, "linear_num_key_heads") * field(c, "linear_key_head_dim");
    size_t n_v = field(c, "linear_num_value_heads"), dv = field(c, "linear_value_head_dim"), v_dim = n_v * dv;
    addf(m, prefix, i, "input_layernorm.weight", DIMS(d));
    addf(m, prefix, i, "post_attention_layernorm.weight", DIMS(d));
    addf(m, prefix, i, "mlp.gate_proj.weight", DIMS(ff, d));
    addf(m, prefix, i, "mlp.up_proj.weight", DIMS(ff, d));
    addf(m, prefix, i, "mlp.down_proj.weight", DIMS(d, ff));
    if (full) {
        addf(m, prefix, i, "self_attn.q_proj.weight", DIMS(2 * q, d));
        addf(m, prefix, i, "self_attn.k_proj.weight", DIMS(kv, d));
        addf(m, prefix, i, "self_attn.v_proj.weight", DIMS(kv, d));
        addf(m, prefix, i, "self_attn.o_proj.weight", DIMS(d, q));
        addf(m, prefix, i, "self_attn.q_norm.weight", DIMS(dh));
        addf(m, prefix, i, "self_attn.k_norm.weight", DIMS(dh));
        return;
    }
    addf(m, prefix, i, "linear_attn.in_proj_qkv.weight", DIMS(2 * k_dim + v_dim, d));
    addf(m, prefix, i, "linear_attn.in_proj_z.weight", DIMS(v_dim, d));
    addf(m, prefix, i, "linear_attn.in_proj_b.weight", DIMS(n_v, d));
    addf(m, prefix, i, "linear_attn.in_proj_a.weight", DIMS(n_v, d));
    addf(m, prefix, i, "linear_attn.conv1d.weight",
         DIMS(2 * k_dim + v_dim, 1, field(c, "linear_conv_kernel_dim")));
    addf(m, prefix, i, "linear_attn.A_log", DIMS(n_v));
    addf(m, prefix, i, "linear_attn.dt_bias", DIMS(n_v));
    addf(m, prefix, i, "linear_attn.norm.weight", DIMS(dv));
    addf(m, prefix, i, "linear_attn.out_proj.weight", DIMS(d, v_dim));
}

static void add_vision(maker *m, const json *c, size_t d_model)
{
    static const char *const prefix = "model.visual.blocks.";
    size_t d = field(c, "hidden_size"), ff = field(c, "intermediate_size"), ps = field(c, "patch_size");
    size_t merged = d * field(c, "spatial_merge_size") * field(c, "spatial_merge_size");
    add(m, "model.visual.patch_embed.proj.weight", DIMS(d, 3, 2, ps, ps));
    add(m, "model.visual.patch_embed.proj.bias", DIMS(d));
    add(m, "model.visual.pos_embed.weight", DIMS(field(c, "num_position_embeddings"), d));
    for (size_t i = 0; i < field(c, "depth"); i++) {
        addf(m, prefix, i, "norm1.weight", DIMS(d));
        addf(m, prefix, i, "norm1.bias", DIMS(d));
        addf(m, prefix, i, "norm2.weight", DIMS(d));
        addf(m, prefix, i, "norm2.bias", DIMS(d));
        addf(m, prefix, i, "attn.qkv.weight", DIMS(3 * d, d));
        addf(m, prefix, i, "attn.qkv.bias", DIMS(3 * d));
        addf(m, prefix, i, "attn.proj.weight", DIMS(d, d));
        addf(m, prefix, i, "attn.proj.bias", DIMS(d));
        addf(m, prefix, i, "mlp.linear_fc1.weight", DIMS(ff, d));
        addf(m, prefix, i, "mlp.linear_fc1.bias", DIMS(ff));
        addf(m, prefix, i, "mlp.linear_fc2.weight", DIMS(d, ff));
        addf(m, prefix, i, "mlp.linear_fc2.bias", DIMS(d));
    }
    add(m, "model.visual.merger.norm.weight", DIMS(d));
    add(m, "model.visual.merger.norm.bias", DIMS(d));
    add(m, "model.visual.merger.linear_fc1.weight", DIMS(merged, merged));
    add(m, "model.visual.merger.linear_fc1.bias", DIMS(merged));
    add(m, "model.visual.merger.linear_fc2.weight", DIMS(d_model, merged));
    add(m, "model.visual.merger.linear_fc2.bias", DIMS(d_model));
}

galago_status synthetic_open(weights *w, const char *name, error *e)
{
    const char *config = synthetic_config(name);
    if (!config)
        return fail(
            e, GALAGO_ERR_ARGUMENT,
            "synthetic:%.60s: there is no such model; there are qwen3.5-0.8b, qwen3.5-2b and qwen3.5-4b",
            name);
    w->format = WEIGHTS_SYNTHETIC;
    galago_status s = json_parse(&w->memory, config, strlen(config), &w->config, e);
    if (s) return s;
    const json *text = json_get(w->config, "text_config");
    size_t d = field(text, "hidden_size"), il = 0;
    maker m = {w, e, GALAGO_OK};
    add(&m, "model.language_model.embed_tokens.weight", DIMS(field(text, "vocab_size"), d));
    add(&m, "model.language_model.norm.weight", DIMS(d));
    for (const json *t = json_get(text, "layer_types")->u.list.first; t; t = t->next, il++)
        add_decoder_layer(&m, text, "model.language_model.layers.", il,
                          strcmp(json_string(t, ""), "full_attention") == 0);
    add_vision(&m, json_get(w->config, "vision_config"), d);
    add(&m, "mtp.fc.weight", DIMS(d, 2 * d));
    add(&m, "mtp.pre_fc_norm_embedding.weight", DIMS(d));
    add(&m, "mtp.pre_fc_norm_hidden.weight", DIMS(d));
    add(&m, "mtp.norm.weight", DIMS(d));
    add_decoder_layer(&m, text, "mtp.layers.", 0, true);
    return m.status;
}
