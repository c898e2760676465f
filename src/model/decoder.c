/*
 * The text decoder: one forward for prefill and decode. Source: Qwen3_5TextModel, Qwen3_5DecoderLayer,
 * Qwen3_5GatedDeltaNet, Qwen3_5Attention; formulas in docs/MODEL.md.
 */
#include "model/ops.h"
#include "model/session.h"

/* out = Wout norm(delta_rule(conv(Wqkv h))) silu(Wz h); added to the residual stream x. */
static void gated_deltanet(session *s, uint32_t il, size_t T, tensor x, tensor h)
{
    backend *b = s->b;
    const text_config *c = &s->model->config.text;
    const layer *l = &s->model->layers[il];
    layer_state *st = &s->layers[il];
    tensor qkv = first_rows(s->t.qkv, T), conv = first_rows(s->t.conv, T), z = first_rows(s->t.z, T);
    tensor a = first_rows(s->t.a, T), beta = first_rows(s->t.beta, T), o = first_rows(s->t.o, T);

    matmul_many(b, (tensor[]){qkv, z, a, beta}, h,
                (const linear *[]){&l->delta.in_qkv, &l->delta.in_z, &l->delta.in_a, &l->delta.in_b}, 4);
    b->ops->causal_conv_silu(b, conv, qkv, l->delta.conv, st->conv);
    const delta_params p = {c->n_k_heads, c->n_v_heads, c->k_head_dim, c->v_head_dim, c->tiled_heads};
    b->ops->delta_rule(b, o, conv, a, beta, l->delta.decay, l->delta.dt_bias, st->delta, &p);
    b->ops->gated_rmsnorm(b, o, o, z, l->delta.norm, c->norm_eps);
    matmul(b, x, o, &l->delta.out, EPILOGUE_ADD);
}

/* out = Wo (attention(q, k, v) sigmoid(gate)); added to x. */
static void gated_attention(session *s, uint32_t il, size_t T, tensor x, tensor h)
{
    backend *b = s->b;
    const text_config *c = &s->model->config.text;
    const layer *l = &s->model->layers[il];
    layer_state *st = &s->layers[il];
    tensor qg = first_rows(s->t.query_gate, T), q = first_rows(s->t.q, T), attn = first_rows(s->t.attn, T);
    tensor k = first_rows(s->t.k, T), v = first_rows(s->t.v, T), cs = first_rows(s->t.rope, T);
    /* A head's rows of q_proj are its query, then its gate. */
    const head_view queries = {c->n_heads, c->head_dim, 0, 2 * c->head_dim};
    const head_view gates = {c->n_heads, c->head_dim, c->head_dim, 2 * c->head_dim};
    const head_view q_plain = {c->n_heads, c->head_dim, 0, c->head_dim};
    const head_view k_plain = {c->n_kv_heads, c->head_dim, 0, c->head_dim};

    matmul_many(b, (tensor[]){qg, k, v}, h, (const linear *[]){&l->attn.q, &l->attn.k, &l->attn.v}, 3);
    b->ops->head_norm_rope(b, q, q_plain, qg, queries, l->attn.q_norm, c->norm_eps, cs);
    b->ops->head_norm_rope(b, k, k_plain, k, k_plain, l->attn.k_norm, c->norm_eps, cs);
    b->ops->kv_store(b, st->k_cache, st->v_cache, k, v, s->length);
    b->ops->attention(b, attn, q, st->k_cache, st->v_cache, s->length, c->n_heads, c->attention_scale);
    b->ops->sigmoid_gate(b, attn, qg, gates);
    matmul(b, x, attn, &l->attn.o, EPILOGUE_ADD);
}

/* Wdown (silu(Wgate h) * (Wup h)); added to x. */
static void swiglu_mlp(session *s, const layer *l, size_t T, tensor x, tensor h)
{
    tensor gate = first_rows(s->t.gate, T), up = first_rows(s->t.up, T);
    matmul_many(s->b, (tensor[]){gate, up}, h, (const linear *[]){&l->mlp.gate, &l->mlp.up}, 2);
    s->b->ops->swiglu(s->b, gate, gate, up);
    matmul(s->b, x, gate, &l->mlp.down, EPILOGUE_ADD);
}

static void decoder_layer(session *s, uint32_t il, size_t T, tensor x)
{
    const layer *l = &s->model->layers[il];
    float eps = s->model->config.text.norm_eps;
    tensor h = first_rows(s->t.h, T);
    rmsnorm(s->b, h, x, l->input_norm, eps);
    if (l->kind == LAYER_LINEAR)
        gated_deltanet(s, il, T, x, h);
    else
        gated_attention(s, il, T, x, h);
    rmsnorm(s->b, h, x, l->post_norm, eps);
    swiglu_mlp(s, l, T, x, h);
}

/* Embedding rows; where a picture stands, its vision rows instead (qwen3_5.md 7). */
static void embed_and_splice(session *s, size_t T, const layout *l, tensor x)
{
    embed(s->b, x, s->model->embed, first_values(s->t.ids, T));
    for (size_t i = 0; l && i < l->n_spans; i++) {
        const image_span *span = &l->spans[i];
        size_t from = span->first > s->length ? span->first : s->length;
        size_t to = span->first + span->count < s->length + T ? span->first + span->count : s->length + T;
        if (from < to)
            copy(s->b, tensor_rows(x, from - s->length, to - from),
                 tensor_rows(s->v.rows, span->row + from - span->first, to - from));
    }
}

void decoder_forward(session *s, size_t T, const layout *l, bool want_logits)
{
    const model *m = s->model;
    const text_config *c = &m->config.text;
    tensor x = first_rows(s->t.x, T);
    embed_and_splice(s, T, l, x);
    session_tap(s, x, "embed");
    s->b->ops->rope_table(s->b, first_rows(s->t.rope, T), axes_by(s->t.pos, 3, T), &c->rope);
    for (uint32_t il = 0; il < c->n_layers; il++) {
        decoder_layer(s, il, T, x);
        session_tap(s, x, "layer.%u", il);
    }
    if (want_logits) {
        rmsnorm(s->b, s->t.last, tensor_rows(x, T - 1, 1), m->norm, c->norm_eps);
        session_tap(s, s->t.last, "norm");
        matmul(s->b, s->t.logits, s->t.last, &m->head, EPILOGUE_STORE);
    }
    s->length += T;
}
