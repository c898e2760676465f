/* The composed ops of the seam, made of the simple ones. */
#include "backend/backend.h"

static void norm_matmul(backend *b, const tensor *y, tensor x, tensor norm, float eps, const linear *const *l, size_t n, tensor h)
{
    b->ops->rmsnorm(b, h, x, norm, eps);
    b->ops->matmul(b, y, h, l, n, EPILOGUE_STORE);
}

static void norm_swiglu(backend *b, tensor y, tensor x, tensor norm, float eps, const linear *gate, const linear *up, tensor h,
                        tensor up_scratch)
{
    b->ops->rmsnorm(b, h, x, norm, eps);
    b->ops->matmul(b, (tensor[]){y, up_scratch}, h, (const linear *[]){gate, up}, 2, EPILOGUE_STORE);
    b->ops->swiglu(b, y, y, up_scratch);
}

static void delta_mixer(backend *b, tensor o, const delta_mixer_args *a)
{
    b->ops->causal_conv_silu(b, a->conv, a->qkv, a->conv_w, a->conv_state);
    b->ops->delta_rule(b, o, a->conv, a->a, a->beta, a->decay, a->dt_bias, a->delta_state, &a->p);
    b->ops->gated_rmsnorm(b, o, o, a->z, a->norm, a->eps);
}

static void gated_deltanet(backend *b, const deltanet_args *a)
{
    const delta_mixer_args *m = &a->mixer;
    b->ops->norm_matmul(b, (tensor[]){m->qkv, m->z, m->a, m->beta}, a->x, a->in_norm, m->eps,
                        (const linear *[]){a->in_qkv, a->in_z, a->in_a, a->in_b}, 4, a->h);
    b->ops->delta_mixer(b, a->o, m);
    b->ops->matmul(b, &a->x, a->o, &a->out, 1, EPILOGUE_ADD);
}

static void attention_mixer(backend *b, tensor o, const attention_mixer_args *a)
{
    const head_view q_plain = {a->n_heads, a->head_dim, 0, a->head_dim}, k_plain = {a->n_kv_heads, a->head_dim, 0, a->head_dim};
    b->ops->head_norm_rope(b, a->q, q_plain, a->query_gate, a->queries, a->q_norm, a->eps, a->cs);
    b->ops->head_norm_rope(b, a->k, k_plain, a->k, k_plain, a->k_norm, a->eps, a->cs);
    b->ops->kv_store(b, a->k_cache, a->v_cache, a->k, a->v, a->pos);
    b->ops->attention(b, o, a->q, a->k_cache, a->v_cache, a->pos, a->n_heads, a->scale);
    b->ops->sigmoid_gate(b, o, a->query_gate, a->gates);
}

void backend_compose(backend_ops *ops)
{
    if (!ops->norm_matmul) ops->norm_matmul = norm_matmul;
    if (!ops->norm_swiglu) ops->norm_swiglu = norm_swiglu;
    if (!ops->delta_mixer) ops->delta_mixer = delta_mixer;
    if (!ops->gated_deltanet) ops->gated_deltanet = gated_deltanet;
    if (!ops->attention_mixer) ops->attention_mixer = attention_mixer;
}
