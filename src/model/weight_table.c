/*
 * One table of weights: where each goes, what each container calls it, the shape it must have. One loop loads and checks all
 * of them. Sources: Qwen3_5ForConditionalGeneration's state dict; docs/FORMAT.md for the GGUF names.
 */
#include "model/network.h"
#include "model/weight_dims.h"

#include "base/quant.h"
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>


typedef enum scope { GLOBAL, ALL_LAYERS, LINEAR_LAYERS, FULL_LAYERS, MTP, MTP_LAYER, VISION, VISION_LAYERS } scope;

typedef enum kind {
    MATRIX,       /* a product's weight: any type, quantised when asked */
    EMBED,        /* embedding and head: a better type than the other matrices when quantised */
    SMALL_MATRIX, /* few rows that steer much (gates): 8 bits when quantised */
    VIS_MATRIX,   /* vision tower: 8 bits when quantised */
    VECTOR,       /* becomes f32 as it is */
    NORM,         /* f32; checkpoints store it around 0, GGUF files plainly: the former gets + 1 */
    DECAY,        /* f32; checkpoints store A_log, GGUF files -exp(A_log) */
} kind;

typedef struct weight_spec {
    size_t field; /* offset of the tensor in model, layer, mtp_layer or vision_layer */
    const char *hf, *gguf;
    dim rows, cols;
    scope scope;
    kind kind;
} weight_spec;

#define M(f) offsetof(model, f)
#define L(f) offsetof(layer, f)
#define X(f) offsetof(mtp_layer, f)
#define V(f) offsetof(vision_layer, f)

/* %d is the layer's index. */
static const weight_spec table[] = {
    {M(embed), "model.language_model.embed_tokens.weight", "token_embd.weight", N_VOCAB, D_MODEL, GLOBAL, EMBED},
    {M(norm), "model.language_model.norm.weight", "output_norm.weight", D_MODEL, ONE_DIM, GLOBAL, NORM},
    {M(head.w), "lm_head.weight", "output.weight", N_VOCAB, D_MODEL, GLOBAL, EMBED}, /* skipped when tied */

#define LAYER(f, hf, gguf, rows, cols, scope, kind) {L(f), "model.language_model.layers.%d." hf, "blk.%d." gguf, rows, cols, scope, kind}
    LAYER(input_norm, "input_layernorm.weight", "attn_norm.weight", D_MODEL, ONE_DIM, ALL_LAYERS, NORM),
    LAYER(delta.in_qkv.w, "linear_attn.in_proj_qkv.weight", "attn_qkv.weight", CONV_DIM, D_MODEL, LINEAR_LAYERS, MATRIX),
    LAYER(delta.in_z.w, "linear_attn.in_proj_z.weight", "attn_gate.weight", V_DIM, D_MODEL, LINEAR_LAYERS, MATRIX),
    LAYER(delta.in_b.w, "linear_attn.in_proj_b.weight", "ssm_beta.weight", N_V_HEADS, D_MODEL, LINEAR_LAYERS, SMALL_MATRIX),
    LAYER(delta.in_a.w, "linear_attn.in_proj_a.weight", "ssm_alpha.weight", N_V_HEADS, D_MODEL, LINEAR_LAYERS, SMALL_MATRIX),
    LAYER(delta.conv, "linear_attn.conv1d.weight", "ssm_conv1d.weight", CONV_DIM, CONV_KERNEL, LINEAR_LAYERS, VECTOR),
    LAYER(delta.decay, "linear_attn.A_log", "ssm_a", N_V_HEADS, ONE_DIM, LINEAR_LAYERS, DECAY),
    LAYER(delta.dt_bias, "linear_attn.dt_bias", "ssm_dt.bias", N_V_HEADS, ONE_DIM, LINEAR_LAYERS, VECTOR),
    LAYER(delta.norm, "linear_attn.norm.weight", "ssm_norm.weight", V_HEAD_DIM, ONE_DIM, LINEAR_LAYERS, VECTOR),
    LAYER(delta.out.w, "linear_attn.out_proj.weight", "ssm_out.weight", D_MODEL, V_DIM, LINEAR_LAYERS, MATRIX),
    LAYER(attn.q.w, "self_attn.q_proj.weight", "attn_q.weight", Q_AND_GATE, D_MODEL, FULL_LAYERS, MATRIX),
    LAYER(attn.k.w, "self_attn.k_proj.weight", "attn_k.weight", KV_DIM, D_MODEL, FULL_LAYERS, MATRIX),
    LAYER(attn.v.w, "self_attn.v_proj.weight", "attn_v.weight", KV_DIM, D_MODEL, FULL_LAYERS, MATRIX),
    LAYER(attn.q_norm, "self_attn.q_norm.weight", "attn_q_norm.weight", HEAD_DIM, ONE_DIM, FULL_LAYERS, NORM),
    LAYER(attn.k_norm, "self_attn.k_norm.weight", "attn_k_norm.weight", HEAD_DIM, ONE_DIM, FULL_LAYERS, NORM),
    LAYER(attn.o.w, "self_attn.o_proj.weight", "attn_output.weight", D_MODEL, ATTN_DIM, FULL_LAYERS, MATRIX),
    LAYER(post_norm, "post_attention_layernorm.weight", "post_attention_norm.weight", D_MODEL, ONE_DIM, ALL_LAYERS, NORM),
    LAYER(mlp.gate.w, "mlp.gate_proj.weight", "ffn_gate.weight", D_FF, D_MODEL, ALL_LAYERS, MATRIX),
    LAYER(mlp.up.w, "mlp.up_proj.weight", "ffn_up.weight", D_FF, D_MODEL, ALL_LAYERS, MATRIX),
    LAYER(mlp.down.w, "mlp.down_proj.weight", "ffn_down.weight", D_MODEL, D_FF, ALL_LAYERS, MATRIX),
#undef LAYER

    /* In GGUF files the MTP layer is the block after the last one. */
    {X(fc.w), "mtp.fc.weight", "blk.%d.nextn.eh_proj.weight", D_MODEL, D_MODEL_2, MTP, MATRIX},
    {X(norm_embedding), "mtp.pre_fc_norm_embedding.weight", "blk.%d.nextn.enorm.weight", D_MODEL, ONE_DIM, MTP, NORM},
    {X(norm_hidden), "mtp.pre_fc_norm_hidden.weight", "blk.%d.nextn.hnorm.weight", D_MODEL, ONE_DIM, MTP, NORM},
    {X(norm), "mtp.norm.weight", "blk.%d.nextn.shared_head_norm.weight", D_MODEL, ONE_DIM, MTP, NORM},
#define MTP_LAYER(f, hf, gguf, rows, cols, kind) {L(f), "mtp.layers.0." hf, "blk.%d." gguf, rows, cols, MTP_LAYER, kind}
    MTP_LAYER(input_norm, "input_layernorm.weight", "attn_norm.weight", D_MODEL, ONE_DIM, NORM),
    MTP_LAYER(attn.q.w, "self_attn.q_proj.weight", "attn_q.weight", Q_AND_GATE, D_MODEL, MATRIX),
    MTP_LAYER(attn.k.w, "self_attn.k_proj.weight", "attn_k.weight", KV_DIM, D_MODEL, MATRIX),
    MTP_LAYER(attn.v.w, "self_attn.v_proj.weight", "attn_v.weight", KV_DIM, D_MODEL, MATRIX),
    MTP_LAYER(attn.q_norm, "self_attn.q_norm.weight", "attn_q_norm.weight", HEAD_DIM, ONE_DIM, NORM),
    MTP_LAYER(attn.k_norm, "self_attn.k_norm.weight", "attn_k_norm.weight", HEAD_DIM, ONE_DIM, NORM),
    MTP_LAYER(attn.o.w, "self_attn.o_proj.weight", "attn_output.weight", D_MODEL, ATTN_DIM, MATRIX),
    MTP_LAYER(post_norm, "post_attention_layernorm.weight", "post_attention_norm.weight", D_MODEL, ONE_DIM, NORM),
    MTP_LAYER(mlp.gate.w, "mlp.gate_proj.weight", "ffn_gate.weight", D_FF, D_MODEL, MATRIX),
    MTP_LAYER(mlp.up.w, "mlp.up_proj.weight", "ffn_up.weight", D_FF, D_MODEL, MATRIX),
    MTP_LAYER(mlp.down.w, "mlp.down_proj.weight", "ffn_down.weight", D_MODEL, D_FF, MATRIX),
#undef MTP_LAYER

    {M(vision.patch_embed.b), "model.visual.patch_embed.proj.bias", "v.patch_embd.bias", VIS, ONE_DIM, VISION, VECTOR},
    {M(vision.positions), "model.visual.pos_embed.weight", "v.position_embd.weight", VIS_POSITIONS, VIS, VISION, VECTOR},
#define BLOCK(f, hf, gguf, rows, cols, kind) {V(f), "model.visual.blocks.%d." hf, "v.blk.%d." gguf, rows, cols, VISION_LAYERS, kind}
    BLOCK(norm1_w, "norm1.weight", "ln1.weight", VIS, ONE_DIM, VECTOR),
    BLOCK(norm1_b, "norm1.bias", "ln1.bias", VIS, ONE_DIM, VECTOR),
    BLOCK(qkv.w, "attn.qkv.weight", "attn_qkv.weight", VIS_3, VIS, VIS_MATRIX),
    BLOCK(qkv.b, "attn.qkv.bias", "attn_qkv.bias", VIS_3, ONE_DIM, VECTOR),
    BLOCK(proj.w, "attn.proj.weight", "attn_out.weight", VIS, VIS, VIS_MATRIX),
    BLOCK(proj.b, "attn.proj.bias", "attn_out.bias", VIS, ONE_DIM, VECTOR),
    BLOCK(norm2_w, "norm2.weight", "ln2.weight", VIS, ONE_DIM, VECTOR),
    BLOCK(norm2_b, "norm2.bias", "ln2.bias", VIS, ONE_DIM, VECTOR),
    BLOCK(fc1.w, "mlp.linear_fc1.weight", "ffn_up.weight", VIS_FF, VIS, VIS_MATRIX),
    BLOCK(fc1.b, "mlp.linear_fc1.bias", "ffn_up.bias", VIS_FF, ONE_DIM, VECTOR),
    BLOCK(fc2.w, "mlp.linear_fc2.weight", "ffn_down.weight", VIS, VIS_FF, VIS_MATRIX),
    BLOCK(fc2.b, "mlp.linear_fc2.bias", "ffn_down.bias", VIS, ONE_DIM, VECTOR),
#undef BLOCK
    {M(vision.merger_norm_w), "model.visual.merger.norm.weight", "v.post_ln.weight", VIS, ONE_DIM, VISION, VECTOR},
    {M(vision.merger_norm_b), "model.visual.merger.norm.bias", "v.post_ln.bias", VIS, ONE_DIM, VISION, VECTOR},
    {M(vision.merger_fc1.w), "model.visual.merger.linear_fc1.weight", "mm.0.weight", VIS_MERGED, VIS_MERGED, VISION, VIS_MATRIX},
    {M(vision.merger_fc1.b), "model.visual.merger.linear_fc1.bias", "mm.0.bias", VIS_MERGED, ONE_DIM, VISION, VECTOR},
    {M(vision.merger_fc2.w), "model.visual.merger.linear_fc2.weight", "mm.2.weight", D_MODEL, VIS_MERGED, VISION, VIS_MATRIX},
    {M(vision.merger_fc2.b), "model.visual.merger.linear_fc2.bias", "mm.2.bias", D_MODEL, ONE_DIM, VISION, VECTOR},
};

/* ---- from the file to the backend ------------------------------------------------------------------------------ */

/* A weight of which rows are still to come: copied as they are, or converted by several threads. */
typedef struct filling {
    const weight *src;
    tensor dst;
    kind kind;
    bool raw;               /* the file's type is the held one */
    size_t rows_per_slice;  /* of a thread */
    size_t next, end;       /* rows of the step at hand */
    pthread_mutex_t lock;
    bool failed, unreadable; /* no memory; the file could not be read */
} filling;

struct model_loader {
    model *m;
    const weights *w;
    model_options o;
    bool hf;
    double done_bytes, total_bytes;
    size_t spec;  /* entry of the table at hand; one behind the last: the patch embedding */
    uint32_t il;  /* layer of it */
    bool is_hollow; /* of a rehearsal: only room is made, and its bytes are nobody's */
    bool is_filling;
    filling fill;
    size_t filled; /* rows */
};
typedef struct model_loader loader;

/* The type in which a weight is held. */
static dtype held_type(const loader *ld, const weight *src, kind k, size_t cols)
{
    dtype want;
    if (k == VECTOR || k == NORM || k == DECAY) return DTYPE_F32;
    switch (ld->o.dtype) {
    case GALAGO_DTYPE_F32: want = DTYPE_F32; break;
    case GALAGO_DTYPE_F16: want = DTYPE_F16; break;
    case GALAGO_DTYPE_Q8_0: want = DTYPE_Q8_0; break;
    case GALAGO_DTYPE_Q4_0:
        /* The head's errors fall on the choice of words directly, the gates' on the whole state: both keep more bits. */
        want = k == MATRIX ? DTYPE_Q4_0 : k == EMBED ? DTYPE_Q6_K : DTYPE_Q8_0;
        break;
    default: want = src->type; break;
    }
    if (!dtype_row_bytes(want, cols) && want == DTYPE_Q6_K) want = DTYPE_Q8_0;
    if (!dtype_row_bytes(want, cols)) want = DTYPE_F16;
    return want;
}

/* Bytes of held rows that one step writes: bounds what is on its way to a device, and how long a host is kept. */
enum { STEP_BYTES = 8 << 20 };

typedef struct converter {
    const loader *ld;
    filling *f;
} converter;

static void *convert_rows(void *arg)
{
    const converter *v = arg;
    filling *f = v->f;
    const model *m = v->ld->m;
    size_t cols = tensor_row(f->dst), row_bytes = dtype_row_bytes(f->dst.type, cols);
    float *values = malloc(f->rows_per_slice * cols * sizeof *values);
    uint8_t *packed = malloc(f->rows_per_slice * row_bytes);
    for (;;) {
        pthread_mutex_lock(&f->lock);
        if (!values || !packed) f->failed = true;
        size_t first = f->failed || f->unreadable ? f->end : f->next, n = f->end - first < f->rows_per_slice ? f->end - first : f->rows_per_slice;
        f->next = first + n;
        pthread_mutex_unlock(&f->lock);
        if (!n) break;
        if (!weights_read(v->ld->w, f->src, first * cols, n * cols, values)) {
            pthread_mutex_lock(&f->lock);
            f->unreadable = true;
            pthread_mutex_unlock(&f->lock);
            break;
        }
        if (f->kind == NORM && v->ld->hf)
            for (size_t i = 0; i < n * cols; i++) values[i] += 1;
        if (f->kind == DECAY && v->ld->hf)
            for (size_t i = 0; i < n * cols; i++) values[i] = -expf(values[i]);
        for (size_t r = 0; r < n; r++) quantize_row(f->dst.type, values + r * cols, packed + r * row_bytes, cols);
        m->backend->ops->weight_write(m->backend, f->dst, first, n, packed);
    }
    free(values);
    free(packed);
    return NULL;
}

static void convert_step(loader *ld)
{
    filling *f = &ld->fill;
    converter v = {ld, f};
    /* 256 KiB of f32 a slice: inside the second-level cache. */
    size_t cols = tensor_row(f->dst), slice = 65536 / cols;
    f->rows_per_slice = slice ? slice : 1;
    pthread_mutex_init(&f->lock, NULL);
    pthread_t helpers[63];
    size_t n_helpers = 0;
    if ((f->end - f->next) * cols > 1 << 20)
        while (n_helpers + 1 < ld->o.n_threads && n_helpers < 63 && pthread_create(&helpers[n_helpers], NULL, convert_rows, &v) == 0)
            n_helpers++;
    convert_rows(&v);
    for (size_t i = 0; i < n_helpers; i++) pthread_join(helpers[i], NULL);
    pthread_mutex_destroy(&f->lock);
}

/* Rows of a weight whose bytes are the held ones. Where its file is not mapped they come through a slice. */
static void copy_step(loader *ld, size_t row_bytes)
{
    enum { SLICE_BYTES = 4 << 20 };
    filling *f = &ld->fill;
    const backend_ops *ops = ld->m->backend->ops;
    if (f->src->data) {
        ops->weight_write(ld->m->backend, f->dst, f->next, f->end - f->next, f->src->data + f->next * row_bytes);
        return;
    }
    size_t rows = SLICE_BYTES / row_bytes ? SLICE_BYTES / row_bytes : 1;
    if (rows > f->end - f->next) rows = f->end - f->next;
    uint8_t *bytes = malloc(rows * row_bytes);
    f->failed = !bytes;
    for (size_t n; bytes && f->next < f->end && !f->unreadable; f->next += n) {
        n = f->end - f->next < rows ? f->end - f->next : rows;
        f->unreadable = !weights_bytes(ld->w, f->src, f->next * row_bytes, n * row_bytes, bytes);
        if (!f->unreadable) ops->weight_write(ld->m->backend, f->dst, f->next, n, bytes);
    }
    free(bytes);
}

static galago_status cannot_read(const weight *src, error *e)
{
    return fail(e, GALAGO_ERR_IO, "%s: its bytes cannot be read from the file any more", src->name);
}

/* The next rows of the weight at hand. */
static galago_status fill_step(loader *ld, error *e)
{
    filling *f = &ld->fill;
    size_t rows = tensor_n_rows(f->dst), row_bytes = dtype_row_bytes(f->dst.type, tensor_row(f->dst));
    size_t n = STEP_BYTES / row_bytes ? STEP_BYTES / row_bytes : 1;
    f->next = ld->filled;
    f->end = rows - f->next < n ? rows : f->next + n;
    if (f->raw)
        copy_step(ld, row_bytes);
    else
        convert_step(ld);
    if (f->unreadable) return cannot_read(f->src, e);
    if (f->failed) return fail(e, GALAGO_ERR_MEMORY, "%s: not enough memory to convert it", f->src->name);
    ld->done_bytes += (double)f->src->bytes * (double)(f->end - ld->filled) / (double)rows;
    ld->filled = f->end;
    ld->is_filling = f->end < rows;
    if (!ld->is_filling) weights_release(ld->w, f->src);
    return GALAGO_OK;
}

static void remember(loader *ld, const char *name, tensor t)
{
    model *m = ld->m;
    m->weights[m->n_weights++] = (model_weight){name, t, tensor_bytes(t)};
    m->weights_bytes += tensor_bytes(t);
}

static galago_status begin_weight(loader *ld, const weight_spec *spec, int index, void *base, error *e)
{
    char name[96];
    snprintf(name, sizeof name, ld->hf ? spec->hf : spec->gguf, index);
    const weight *src = weights_find(ld->w, name);
    if (!src) return fail(e, GALAGO_ERR_FORMAT, "%s: the tensor is missing", name);
    size_t rows = dim_size(&ld->m->config, spec->rows), cols = dim_size(&ld->m->config, spec->cols);
    if (!weight_shape_is(src, rows, cols)) {
        char have[64] = "";
        for (uint32_t i = 0, n = 0; i < src->n_dims && n < 50; i++)
            n += (uint32_t)snprintf(have + n, sizeof have - n, i ? ",%zu" : "%zu", src->shape[i]);
        if (spec->cols == ONE_DIM) return fail(e, GALAGO_ERR_FORMAT, "%s: shape [%s], expected [%zu]", name, have, rows);
        return fail(e, GALAGO_ERR_FORMAT, "%s: shape [%s], expected [%zu,%zu]", name, have, rows, cols);
    }
    galago_status s = weight_check_type(src, e);
    if (s) return s;

    tensor t = {.n_dims = spec->cols == ONE_DIM ? 1 : 2, .shape = {rows, cols, 1, 1}};
    if (t.n_dims == 1) t.shape[1] = 1;
    t.type = held_type(ld, src, spec->kind, tensor_row(t));
    bool raw = t.type == src->type && weights_has_bytes(ld->w, src) && spec->kind != NORM && spec->kind != DECAY;
    backend *b = ld->m->backend;
    bool at_once = raw && src->data && b->uses_mapped && !ld->is_hollow;
    if ((s = b->ops->weight_load(b, &t, at_once ? src->data : NULL, at_once, e))) {
        if (t.buffer) b->ops->buffer_destroy(b, t.buffer);
        return s;
    }
    *(tensor *)((char *)base + spec->field) = t;
    if (spec->scope != MTP && spec->scope != MTP_LAYER) ld->m->n_params += rows * cols;
    remember(ld, src->name, t);
    if (ld->is_hollow) return GALAGO_OK;
    if (at_once) {
        ld->done_bytes += (double)src->bytes;
    } else {
        ld->fill = (filling){.src = src, .dst = t, .kind = spec->kind, .raw = raw};
        ld->filled = 0;
        ld->is_filling = true;
    }
    return GALAGO_OK;
}

/* sum [n]: the slices, which lie in one tensor channel by channel, or in two. */
static galago_status sum_slices(const loader *ld, const weight *const *src, size_t n, size_t area, float *sum, error *e)
{
    float *part = malloc(2 * n * sizeof *part);
    if (!part) return fail(e, GALAGO_ERR_MEMORY, "%s: not enough memory", src[0]->name);
    bool ok;
    if (ld->hf) {
        ok = weights_read(ld->w, src[0], 0, 2 * n, part);
        for (size_t i = 0; ok && i < n; i++) {
            size_t channel = i / area, first = channel * 2 * area + i % area;
            sum[i] = part[first] + part[first + area];
        }
    } else {
        ok = weights_read(ld->w, src[0], 0, n, sum) && weights_read(ld->w, src[1], 0, n, part);
        for (size_t i = 0; ok && i < n; i++) sum[i] += part[i];
    }
    free(part);
    return ok ? GALAGO_OK : cannot_read(src[0], e);
}

/* The two temporal slices of the patch embedding become one: a still picture shows both the same frame (docs/MODEL.md 3).
 * A checkpoint has [Dv, 3, 2, ps, ps], a GGUF file two tensors [Dv, 3, ps, ps]. */
static galago_status load_patch_embed(loader *ld, error *e)
{
    model *m = ld->m;
    const vision_config *v = &m->config.vision;
    size_t area = (size_t)v->patch_size * v->patch_size, row = v->in_channels * area, n = v->d_model * row;
    const char *names[2] = {"model.visual.patch_embed.proj.weight", NULL};
    if (!ld->hf) names[0] = "v.patch_embd.weight", names[1] = "v.patch_embd.weight.1";
    const weight *src[2] = {NULL, NULL};
    for (int i = 0; i < 2 && names[i]; i++) {
        src[i] = weights_find(ld->w, names[i]);
        if (!src[i]) return fail(e, GALAGO_ERR_FORMAT, "%s: the tensor is missing", names[i]);
        const size_t want_hf[5] = {v->d_model, v->in_channels, 2, v->patch_size, v->patch_size};
        const size_t want_gguf[5] = {v->d_model, v->in_channels, v->patch_size, v->patch_size, 1};
        if (memcmp(src[i]->shape, ld->hf ? want_hf : want_gguf, sizeof want_hf))
            return fail(e, GALAGO_ERR_FORMAT, "%s: shape [%zu,%zu,%zu,%zu,%zu] is not that of %u channels and patches of %u",
                        names[i], src[i]->shape[0], src[i]->shape[1], src[i]->shape[2], src[i]->shape[3], src[i]->shape[4],
                        v->in_channels, v->patch_size);
        galago_status s = weight_check_type(src[i], e);
        if (s) return s;
    }
    float *sum = ld->is_hollow ? NULL : malloc(n * sizeof *sum);
    galago_status s = GALAGO_OK;
    if (!ld->is_hollow) s = sum ? sum_slices(ld, src, n, area, sum, e) : fail(e, GALAGO_ERR_MEMORY, "%s: not enough memory", names[0]);
    if (!s) {
        tensor t = {.type = DTYPE_F32, .n_dims = 2, .shape = {v->d_model, row, 1, 1}};
        s = m->backend->ops->weight_load(m->backend, &t, sum, false, e);
        if (!s) {
            m->vision.patch_embed.w = t;
            m->n_params += 2 * n;
            remember(ld, src[0]->name, t);
        }
    }
    free(sum);
    return s;
}

/* Begins what the table's entry says for layer ld->il, if anything, and moves to the next. */
static galago_status begin_next(loader *ld, error *e)
{
    model *m = ld->m;
    const text_config *c = &m->config.text;
    const weight_spec *spec = &table[ld->spec];
    uint32_t il = ld->il, n = 1;
    void *base = m;
    int index = 0;
    bool wanted = true;
    switch (spec->scope) {
    case GLOBAL:
        wanted = spec->field != M(head.w) || !c->tied_head;
        if (!wanted) m->head.w = m->embed;
        break;
    case ALL_LAYERS:
    case LINEAR_LAYERS:
    case FULL_LAYERS:
        n = c->n_layers;
        m->layers[il].kind = c->layers[il];
        base = &m->layers[il], index = (int)il;
        wanted = spec->scope == ALL_LAYERS || (spec->scope == FULL_LAYERS) == (c->layers[il] == LAYER_FULL);
        break;
    case MTP: base = m->mtp, index = (int)c->n_layers, wanted = m->mtp != NULL; break;
    case MTP_LAYER: base = m->mtp ? &m->mtp->block : NULL, index = (int)c->n_layers, wanted = m->mtp != NULL; break;
    case VISION: wanted = m->config.vision.n_layers != 0; break;
    case VISION_LAYERS:
        n = m->config.vision.n_layers;
        wanted = n != 0;
        base = &m->vision.layers[il], index = (int)il;
        break;
    }
    if (++ld->il >= n) ld->il = 0, ld->spec++;
    return wanted ? begin_weight(ld, spec, index, base, e) : GALAGO_OK;
}

galago_status model_load_begin(backend *b, const weights *w, const model_config *config, const model_options *o, model_loader **out,
                               error *e)
{
    *out = NULL;
    loader *ld = calloc(1, sizeof *ld);
    model *m = calloc(1, sizeof *m);
    if (!ld || !m) {
        free(ld);
        free(m);
        return fail(e, GALAGO_ERR_MEMORY, "not enough memory for a model");
    }
    *ld = (loader){.m = m, .w = w, .o = *o, .hf = weights_get_format(w) != WEIGHTS_GGUF};
    m->backend = b;
    m->config = *config;
    const model_config *c = &m->config;
    size_t n_table = sizeof table / sizeof *table;
    m->layers = arena_array(&m->memory, c->text.n_layers, sizeof *m->layers);
    m->vision.layers = arena_array(&m->memory, c->vision.n_layers, sizeof *m->vision.layers);
    m->weights = arena_array(&m->memory, n_table * (c->text.n_layers + c->vision.n_layers + 2u), sizeof *m->weights);
    if (c->text.n_mtp_layers) m->mtp = arena_alloc(&m->memory, sizeof *m->mtp);
    if (!m->layers || !m->vision.layers || !m->weights || (c->text.n_mtp_layers && !m->mtp)) {
        model_loader_destroy(ld);
        return fail(e, GALAGO_ERR_MEMORY, "not enough memory for the weight table");
    }
    if (m->mtp) m->mtp->block.kind = LAYER_FULL;
    for (size_t i = 0; i < weights_count(w); i++) ld->total_bytes += (double)weights_at(w, i)->bytes;
    *out = ld;
    return GALAGO_OK;
}

/* The model, all of whose weights are there. */
static model *finished(loader *ld)
{
    model *m = ld->m;
    m->f32_weights = m->layers[0].mlp.up.w.type == DTYPE_F32;
    ld->m = NULL;
    return m;
}

galago_status model_load_step(model_loader *ld, model **out, error *e)
{
    enum { N_TABLE = sizeof table / sizeof *table };
    model *m = ld->m;
    galago_status s;
    /* What the step before wrote is on its way first. */
    if ((s = m->backend->ops->submit(m->backend, e))) return s;
    bool last = !ld->is_filling && ld->spec == N_TABLE;
    if (ld->is_filling)
        s = fill_step(ld, e);
    else if (!last)
        s = begin_next(ld, e);
    else if (m->config.vision.n_layers)
        s = load_patch_embed(ld, e);
    if (s) return s;
    double fraction = ld->total_bytes > 0 ? ld->done_bytes / ld->total_bytes : 1;
    if (ld->o.progress && !ld->o.progress(ld->o.progress_user, "load", fraction < 1 ? fraction : 1))
        return fail(e, GALAGO_CANCELLED, "loading was cancelled");
    if (!last) return GALAGO_PENDING;
    *out = finished(ld);
    return GALAGO_OK;
}

galago_status model_load_hollow(backend *b, const weights *w, const model_config *c, galago_dtype held_as, model **out, error *e)
{
    *out = NULL;
    loader *ld;
    galago_status s = model_load_begin(b, w, c, &(model_options){.dtype = held_as, .n_threads = 1}, &ld, e);
    if (s) return s;
    ld->is_hollow = true;
    while (!s && ld->spec < sizeof table / sizeof *table) s = begin_next(ld, e);
    if (!s && c->vision.n_layers) s = load_patch_embed(ld, e);
    if (!s) *out = finished(ld);
    model_loader_destroy(ld);
    return s;
}

void model_loader_destroy(model_loader *ld)
{
    if (!ld) return;
    model_destroy(ld->m);
    free(ld);
}

galago_status model_load(backend *b, const weights *w, const model_config *c, const model_options *o, model **out, error *e)
{
    *out = NULL;
    model_loader *ld;
    galago_status s = model_load_begin(b, w, c, o, &ld, e);
    if (s) return s;
    while ((s = model_load_step(ld, out, e)) == GALAGO_PENDING)
        if ((s = b->ops->wait(b, e))) break;
    model_loader_destroy(ld);
    return s;
}
