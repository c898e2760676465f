#include "weights/synthetic.h"

#include "weights/internal.h"
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* The published sizes (docs/FORMAT.md). Fields that do not differ are those of every Qwen3.5 model. */
#define CONFIG(d, ff, layers, heads, kv, hv, vdepth, vd, vheads, vff)                                                              \
    "{\"architectures\":[\"Qwen3_5ForConditionalGeneration\"],\"model_type\":\"qwen3_5\",\"image_token_id\":248056,"               \
    "\"video_token_id\":248057,\"vision_start_token_id\":248053,\"vision_end_token_id\":248054,\"tie_word_embeddings\":true,"      \
    "\"text_config\":{\"model_type\":\"qwen3_5_text\",\"vocab_size\":248320,\"hidden_size\":" #d ",\"intermediate_size\":" #ff     \
    ",\"num_hidden_layers\":" #layers ",\"num_attention_heads\":" #heads ",\"num_key_value_heads\":" #kv ",\"head_dim\":256,"      \
    "\"rms_norm_eps\":1e-6,\"max_position_embeddings\":262144,\"full_attention_interval\":4,\"linear_conv_kernel_dim\":4,"         \
    "\"linear_key_head_dim\":128,\"linear_value_head_dim\":128,\"linear_num_key_heads\":16,\"linear_num_value_heads\":" #hv ","    \
    "\"mtp_num_hidden_layers\":1,\"tie_word_embeddings\":true,\"eos_token_id\":248044,\"rope_parameters\":{\"rope_type\":"         \
    "\"default\",\"rope_theta\":10000000,\"partial_rotary_factor\":0.25,\"mrope_interleaved\":true,\"mrope_section\":[11,11,10]}}," \
    "\"vision_config\":{\"model_type\":\"qwen3_5\",\"depth\":" #vdepth ",\"hidden_size\":" #vd ",\"num_heads\":" #vheads           \
    ",\"intermediate_size\":" #vff ",\"hidden_act\":\"gelu_pytorch_tanh\",\"in_channels\":3,\"patch_size\":16,"                    \
    "\"temporal_patch_size\":2,\"spatial_merge_size\":2,\"num_position_embeddings\":2304,\"out_hidden_size\":" #d                  \
    ",\"deepstack_visual_indexes\":[]}}"

const char *synthetic_config(const char *name)
{
    if (strcmp(name, "qwen3.5-0.8b") == 0) return CONFIG(1024, 3584, 24, 8, 2, 16, 12, 768, 12, 3072);
    if (strcmp(name, "qwen3.5-2b") == 0) return CONFIG(2048, 6144, 24, 8, 2, 16, 24, 1024, 16, 4096);
    if (strcmp(name, "qwen3.5-4b") == 0) return CONFIG(2560, 9216, 32, 16, 4, 32, 24, 1024, 16, 4096);
    return NULL;
}

/* ---- values ---- */

static bool ends_with(const char *s, const char *end)
{
    size_t n = strlen(s), m = strlen(end);
    return n >= m && strcmp(s + n - m, end) == 0;
}

/* How a value follows from its random byte q: (2q+1) * scale, or 1 + (q >> 3) / 128. Both are exact in bf16. */
typedef struct rule {
    bool around_one;
    float scale;
} rule;

static rule rule_for(const char *name, size_t K)
{
    bool vision = strncmp(name, "model.visual.", 13) == 0;
    if (ends_with(name, "norm.weight") && !vision && !ends_with(name, "linear_attn.norm.weight")) return (rule){false, 0x1p-11f};
    if (ends_with(name, "linear_attn.norm.weight")) return (rule){true, 0};
    if (vision && (ends_with(name, "norm.weight") || ends_with(name, "norm1.weight") || ends_with(name, "norm2.weight")))
        return (rule){true, 0};
    if (ends_with(name, ".A_log") || ends_with(name, ".dt_bias")) return (rule){false, 0x1p-8f};
    if (ends_with(name, ".bias")) return (rule){false, 0x1p-12f};
    if (ends_with(name, "conv1d.weight")) return (rule){false, 0x1p-9f};
    unsigned bits = 0; /* matrices: a standard deviation of about 1/sqrt(K) */
    for (size_t k = K - 1; k; k >>= 1) bits++;
    float scale = 1;
    for (unsigned i = 0; i < 7 + (bits + 1) / 2; i++) scale *= 0.5f;
    return (rule){false, scale};
}

/* Random word j of a tensor: a counter through a 32-bit mixer of full avalanche. */
static inline uint32_t mixed(uint32_t seed, uint32_t j)
{
    uint32_t x = seed + j * 0x9E3779B9u;
    x ^= x >> 16;
    x *= 0x7FEB352Du;
    x ^= x >> 15;
    x *= 0x846CA68Bu;
    x ^= x >> 16;
    return x;
}

static inline float value_of(rule r, int8_t q)
{
    return r.around_one ? 1 + (float)(q >> 3) * 0x1p-7f : (float)(2 * q + 1) * r.scale;
}

void synthetic_values(const char *name, size_t K, size_t first, size_t n, float *out)
{
    uint32_t seed = 2166136261u;
    for (const char *p = name; *p; p++) seed = (seed ^ (unsigned char)*p) * 16777619u;
    rule r = rule_for(name, K);
    size_t i = 0;
    /* Single values up to a word's border, whole words, and the rest. */
    for (; i < n && (first + i) % 4; i++) out[i] = value_of(r, (int8_t)(mixed(seed, (uint32_t)((first + i) / 4)) >> (first + i) % 4 * 8));
    uint32_t word = (uint32_t)((first + i) / 4);
    if (!r.around_one) {
        enum { BATCH = 64 };
        for (; i + 4 * BATCH <= n; i += 4 * BATCH, word += BATCH) {
            uint32_t x[BATCH];
            for (uint32_t k = 0; k < BATCH; k++) x[k] = mixed(seed, word + k);
            const int8_t *q = (const int8_t *)x; /* little-endian machines only, as everywhere in this library */
            for (size_t k = 0; k < 4 * BATCH; k++) out[i + k] = (float)(2 * q[k] + 1) * r.scale;
        }
    }
    for (; i < n; i++) out[i] = value_of(r, (int8_t)(mixed(seed, (uint32_t)((first + i) / 4)) >> (first + i) % 4 * 8));
}

/* ---- tensors ---- */

typedef struct builder {
    weights *w;
    error *e;
    galago_status status;
} builder;

__attribute__((format(printf, 4, 5))) static void add(builder *b, const size_t *shape, uint32_t n_dims, const char *format, ...)
{
    char name[96];
    va_list ap;
    va_start(ap, format);
    vsnprintf(name, sizeof name, format, ap);
    va_end(ap);
    bool f32 = ends_with(name, ".A_log") || ends_with(name, "linear_attn.norm.weight");
    weight t = {.type = f32 ? DTYPE_F32 : DTYPE_BF16, .n_dims = n_dims, .shape = {1, 1, 1, 1, 1}, .bytes = f32 ? 4 : 2};
    for (uint32_t i = 0; i < n_dims; i++) t.bytes *= t.shape[i] = shape[i];
    t.name = arena_string(&b->w->memory, name, strlen(name));
    if (!b->status) b->status = t.name ? weights_add(b->w, t, b->e) : fail(b->e, GALAGO_ERR_MEMORY, "not enough memory");
}
#define VECTOR(n, ...) add(b, (const size_t[]){n}, 1, __VA_ARGS__)
#define MATRIX(n, k, ...) add(b, (const size_t[]){n, k}, 2, __VA_ARGS__)

static size_t number(const json *object, const char *name) { return (size_t)json_number(json_get(object, name), 0); }

static void attention_tensors(builder *b, const json *t, const char *prefix)
{
    size_t D = number(t, "hidden_size"), dh = number(t, "head_dim");
    size_t Q = number(t, "num_attention_heads") * dh, KV = number(t, "num_key_value_heads") * dh;
    MATRIX(2 * Q, D, "%sself_attn.q_proj.weight", prefix);
    MATRIX(KV, D, "%sself_attn.k_proj.weight", prefix);
    MATRIX(KV, D, "%sself_attn.v_proj.weight", prefix);
    MATRIX(D, Q, "%sself_attn.o_proj.weight", prefix);
    VECTOR(dh, "%sself_attn.q_norm.weight", prefix);
    VECTOR(dh, "%sself_attn.k_norm.weight", prefix);
}

static void common_tensors(builder *b, const json *t, const char *prefix)
{
    size_t D = number(t, "hidden_size"), F = number(t, "intermediate_size");
    VECTOR(D, "%sinput_layernorm.weight", prefix);
    VECTOR(D, "%spost_attention_layernorm.weight", prefix);
    MATRIX(F, D, "%smlp.gate_proj.weight", prefix);
    MATRIX(F, D, "%smlp.up_proj.weight", prefix);
    MATRIX(D, F, "%smlp.down_proj.weight", prefix);
}

static void delta_tensors(builder *b, const json *t, const char *prefix)
{
    size_t D = number(t, "hidden_size"), dk = number(t, "linear_key_head_dim"), dv = number(t, "linear_value_head_dim");
    size_t Hk = number(t, "linear_num_key_heads"), Hv = number(t, "linear_num_value_heads"), conv = 2 * Hk * dk + Hv * dv;
    MATRIX(conv, D, "%slinear_attn.in_proj_qkv.weight", prefix);
    MATRIX(Hv * dv, D, "%slinear_attn.in_proj_z.weight", prefix);
    MATRIX(Hv, D, "%slinear_attn.in_proj_b.weight", prefix);
    MATRIX(Hv, D, "%slinear_attn.in_proj_a.weight", prefix);
    add(b, (const size_t[]){conv, 1, number(t, "linear_conv_kernel_dim")}, 3, "%slinear_attn.conv1d.weight", prefix);
    VECTOR(Hv, "%slinear_attn.A_log", prefix);
    VECTOR(Hv, "%slinear_attn.dt_bias", prefix);
    VECTOR(dv, "%slinear_attn.norm.weight", prefix);
    MATRIX(D, Hv * dv, "%slinear_attn.out_proj.weight", prefix);
}

static void vision_tensors(builder *b, const json *v)
{
    size_t D = number(v, "hidden_size"), F = number(v, "intermediate_size"), ps = number(v, "patch_size");
    size_t merged = D * number(v, "spatial_merge_size") * number(v, "spatial_merge_size");
    add(b, (const size_t[]){D, number(v, "in_channels"), number(v, "temporal_patch_size"), ps, ps}, 5,
        "model.visual.patch_embed.proj.weight");
    VECTOR(D, "model.visual.patch_embed.proj.bias");
    MATRIX(number(v, "num_position_embeddings"), D, "model.visual.pos_embed.weight");
    for (int i = 0; i < (int)number(v, "depth"); i++) {
        static const struct {
            const char *name;
            uint8_t rows, cols; /* 1 = D, 3 = 3D, 4 = F; cols 0 = a vector */
        } parts[] = {
            {"norm1", 1, 0}, {"norm2", 1, 0}, {"attn.qkv", 3, 1}, {"attn.proj", 1, 1}, {"mlp.linear_fc1", 4, 1}, {"mlp.linear_fc2", 1, 4},
        };
        for (size_t k = 0; k < sizeof parts / sizeof *parts; k++) {
            size_t rows = parts[k].rows == 4 ? F : parts[k].rows * D, cols = parts[k].cols == 4 ? F : D;
            if (parts[k].cols) MATRIX(rows, cols, "model.visual.blocks.%d.%s.weight", i, parts[k].name);
            else VECTOR(rows, "model.visual.blocks.%d.%s.weight", i, parts[k].name);
            VECTOR(rows, "model.visual.blocks.%d.%s.bias", i, parts[k].name);
        }
    }
    VECTOR(D, "model.visual.merger.norm.weight");
    VECTOR(D, "model.visual.merger.norm.bias");
    MATRIX(merged, merged, "model.visual.merger.linear_fc1.weight");
    VECTOR(merged, "model.visual.merger.linear_fc1.bias");
    MATRIX(number(v, "out_hidden_size"), merged, "model.visual.merger.linear_fc2.weight");
    VECTOR(number(v, "out_hidden_size"), "model.visual.merger.linear_fc2.bias");
}

galago_status synthetic_tensors(weights *w, error *e)
{
    builder build = {w, e, GALAGO_OK}, *b = &build;
    const json *t = json_get(w->config, "text_config");
    size_t D = number(t, "hidden_size");
    MATRIX(number(t, "vocab_size"), D, "model.language_model.embed_tokens.weight");
    VECTOR(D, "model.language_model.norm.weight");
    for (int il = 0; il < (int)number(t, "num_hidden_layers"); il++) {
        char prefix[64];
        snprintf(prefix, sizeof prefix, "model.language_model.layers.%d.", il);
        common_tensors(b, t, prefix);
        if ((il + 1) % 4 == 0) attention_tensors(b, t, prefix);
        else delta_tensors(b, t, prefix);
    }
    MATRIX(D, 2 * D, "mtp.fc.weight");
    VECTOR(D, "mtp.pre_fc_norm_embedding.weight");
    VECTOR(D, "mtp.pre_fc_norm_hidden.weight");
    VECTOR(D, "mtp.norm.weight");
    common_tensors(b, t, "mtp.layers.0.");
    attention_tensors(b, t, "mtp.layers.0.");
    vision_tensors(b, json_get(w->config, "vision_config"));
    return build.status;
}
