/*
 * The text decoder: one forward for prefill and decode. Source: Qwen3_5TextModel, Qwen3_5DecoderLayer,
 * Qwen3_5GatedDeltaNet, Qwen3_5Attention; formulas in docs/MODEL.md.
 */
#include "model/ops.h"
#include "model/session.h"

/* x += Wout norm(delta_rule(conv(Wqkv h))) silu(Wz h), h = norm(x) */
static void linear_attention(session *s, uint32_t il, size_t T, tensor x)
{
    const text_config *c = &s->model->config.text;
    const layer *l = &s->model->layers[il];
    layer_state *st = &s->layers[il];
    gated_deltanet(s->b, &(deltanet_args){
                             .x = x, .in_norm = l->input_norm, .h = first_rows(s->t.h, T), .o = first_rows(s->t.o, T),
                             .in_qkv = &l->delta.in_qkv, .in_z = &l->delta.in_z, .in_a = &l->delta.in_a, .in_b = &l->delta.in_b,
                             .out = &l->delta.out,
                             .mixer = {
                                 .qkv = first_rows(s->t.qkv, T), .conv = first_rows(s->t.conv, T), .z = first_rows(s->t.z, T),
                                 .a = first_rows(s->t.a, T), .beta = first_rows(s->t.beta, T),
                                 .conv_w = l->delta.conv, .decay = l->delta.decay, .dt_bias = l->delta.dt_bias, .norm = l->delta.norm,
                                 .conv_state = st->conv, .delta_state = st->delta,
                                 .p = {c->n_k_heads, c->n_v_heads, c->k_head_dim, c->v_head_dim, c->tiled_heads},
                                 .eps = c->norm_eps,
                             },
                         });
}

/* out = Wo (attention(q, k, v) sigmoid(gate)) of h = norm(x); added to x. */
static void gated_attention(session *s, uint32_t il, size_t T, tensor x)
{
    const text_config *c = &s->model->config.text;
    const layer *l = &s->model->layers[il];
    layer_state *st = &s->layers[il];
    tensor qg = first_rows(s->t.query_gate, T), k = first_rows(s->t.k, T), v = first_rows(s->t.v, T);
    tensor o = first_rows(s->t.attn, T);

    norm_matmul(s->b, (tensor[]){qg, k, v}, x, l->input_norm, c->norm_eps, (const linear *[]){&l->attn.q, &l->attn.k, &l->attn.v},
                3, first_rows(s->t.h, T));
    attention_mixer(s->b, o,
                    &(attention_mixer_args){
                        .query_gate = qg, .q = first_rows(s->t.q, T), .k = k, .v = v,
                        /* A head's rows of q_proj are its query, then its gate. */
                        .queries = {c->n_heads, c->head_dim, 0, 2 * c->head_dim},
                        .gates = {c->n_heads, c->head_dim, c->head_dim, 2 * c->head_dim},
                        .q_norm = l->attn.q_norm, .k_norm = l->attn.k_norm, .cs = first_rows(s->t.rope, T),
                        .k_cache = st->k_cache, .v_cache = st->v_cache, .pos = s->length,
                        .n_heads = c->n_heads, .n_kv_heads = c->n_kv_heads, .head_dim = c->head_dim,
                        .scale = c->attention_scale, .eps = c->norm_eps,
                    });
    matmul(s->b, x, o, &l->attn.o, EPILOGUE_ADD);
}

/* Wdown (silu(Wgate h) * (Wup h)), h = norm(x); added to x. */
static void swiglu_mlp(session *s, const layer *l, size_t T, tensor x)
{
    tensor gate = first_rows(s->t.gate, T);
    norm_swiglu(s->b, gate, x, l->post_norm, s->model->config.text.norm_eps, &l->mlp.gate, &l->mlp.up, first_rows(s->t.h, T),
                first_rows(s->t.up, T));
    matmul(s->b, x, gate, &l->mlp.down, EPILOGUE_ADD);
}

static void decoder_layer(session *s, uint32_t il, size_t T, tensor x)
{
    const layer *l = &s->model->layers[il];
    if (l->kind == LAYER_LINEAR)
        linear_attention(s, il, T, x);
    else
        gated_attention(s, il, T, x);
    swiglu_mlp(s, l, T, x);
}

/* Embedding rows; where a picture stands, its vision rows instead (docs/MODEL.md 1). */
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
        if (s->tap) {
            rmsnorm(s->b, s->t.last, tensor_rows(x, T - 1, 1), m->norm, c->norm_eps);
            session_tap(s, s->t.last, "norm");
        }
        norm_matmul(s->b, &s->t.logits, tensor_rows(x, T - 1, 1), m->norm, c->norm_eps, (const linear *[]){&m->head}, 1, s->t.last);
    }
    s->length += T;
}
