/*
 * Gated DeltaNet on the GPU. One token: two dispatches for the whole mixer (delta_conv, delta_step). Many: token after token with
 * the state in registers (delta_recurrent), or in chunks whose parts that do not need the state run side by side (delta_chunk,
 * delta_scan).
 */
#include "backend/webgpu/ops_delta.h"

#include "backend/webgpu/record.h"

enum {
    CHUNK = 32,          /* tokens, of delta_chunk.wgsl */
    CHUNK_RECORD = 545,  /* vec4f per chunk and head, ditto */
    SCAN_ROWS = 16,      /* rows of the state in a workgroup of delta_recurrent and delta_scan */
    CHUNKED_FROM = CHUNK /* tokens */
};

static void check(const delta_params *p)
{
    assert(p->k_head_dim % 4 == 0 && p->k_head_dim <= 128 && p->v_head_dim % 4 == 0 && p->n_v_heads % p->n_k_heads == 0);
    (void)p;
}

static void recurrent(webgpu *g, tensor o, tensor qkv, tensor a, tensor beta, tensor decay, tensor dt_bias, tensor state,
                      const delta_params *d)
{
    struct {
        uint32_t T, Hk, Hv, dk4, dv, qkv_at, state_at, o_at, a_at, beta_at, decay_at, dt_at, tiled, pad[3];
    } p = {(uint32_t)tensor_n_rows(qkv), d->n_k_heads, d->n_v_heads, d->k_head_dim / 4, d->v_head_dim, at_of(qkv) / 4,
           at_of(state) / 4, at_of(o), at_of(a), at_of(beta), at_of(decay), at_of(dt_bias), d->tiled_heads, {0}};
    record(g, &(dispatch){
                  .kernel = KERNEL_DELTA_RECURRENT,
                  .params = &p, .params_size = sizeof p,
                  .bind = {id_of(qkv), id_of(a), id_of(beta), id_of(decay), id_of(dt_bias), id_of(state), id_of(o)},
                  .x = (d->v_head_dim + SCAN_ROWS - 1) / SCAN_ROWS, .y = d->n_v_heads,
              });
}

static void chunked(webgpu *g, tensor o, tensor qkv, tensor a, tensor beta, tensor decay, tensor dt_bias, tensor state,
                    const delta_params *d)
{
    uint32_t T = (uint32_t)tensor_n_rows(qkv), n_chunks = (T + CHUNK - 1) / CHUNK;
    gpu_buffer chunks = record_scratch(g, SCRATCH_DELTA, (size_t)d->n_v_heads * n_chunks * CHUNK_RECORD * 16);
    if (!chunks) return;
    struct {
        uint32_t T, Hk, Hv, dk4, dv, qkv_at, tiled, pad, a_at, beta_at, decay_at, dt_at;
    } c = {T, d->n_k_heads, d->n_v_heads, d->k_head_dim / 4, d->v_head_dim, at_of(qkv) / 4, d->tiled_heads, 0,
           at_of(a), at_of(beta), at_of(decay), at_of(dt_bias)};
    record(g, &(dispatch){
                  .kernel = KERNEL_DELTA_CHUNK,
                  .params = &c, .params_size = sizeof c,
                  .bind = {id_of(qkv), id_of(a), id_of(beta), id_of(decay), id_of(dt_bias), chunks},
                  .x = n_chunks, .y = d->n_v_heads,
              });
    struct {
        uint32_t T, Hk, Hv, dk4, dv, qkv_at, tiled, state_at, o_at, pad[3];
    } s = {T, d->n_k_heads, d->n_v_heads, d->k_head_dim / 4, d->v_head_dim, at_of(qkv) / 4, d->tiled_heads, at_of(state) / 4,
           at_of(o), {0}};
    record(g, &(dispatch){
                  .kernel = KERNEL_DELTA_SCAN,
                  .params = &s, .params_size = sizeof s,
                  .bind = {id_of(qkv), chunks, id_of(state), id_of(o)},
                  .x = (d->v_head_dim + SCAN_ROWS - 1) / SCAN_ROWS, .y = d->n_v_heads,
              });
}

void webgpu_delta_rule(webgpu *g, enum delta_form form, tensor o, tensor qkv, tensor a, tensor beta, tensor decay, tensor dt_bias,
                       tensor state, const delta_params *p)
{
    check(p);
    if (form == DELTA_CHUNKED || (form == DELTA_BY_SHAPE && tensor_n_rows(qkv) >= CHUNKED_FROM))
        chunked(g, o, qkv, a, beta, decay, dt_bias, state, p);
    else
        recurrent(g, o, qkv, a, beta, decay, dt_bias, state, p);
}

static void delta_rule(backend *b, tensor o, tensor qkv, tensor a, tensor beta, tensor decay, tensor dt_bias, tensor state,
                       const delta_params *p)
{
    webgpu_delta_rule(webgpu_of(b), DELTA_BY_SHAPE, o, qkv, a, beta, decay, dt_bias, state, p);
}

/* One token. The convolution has a thread for each channel and the rest a workgroup for each head, so that neither state is
 * shared between workgroups; one dispatch for both would have heads with a common key advance the same channels. */
static void mixer_step(webgpu *g, tensor o, const delta_mixer_args *m)
{
    const delta_params *d = &m->p;
    uint32_t C = (uint32_t)tensor_row(m->qkv), K = (uint32_t)tensor_row(m->conv_w);
    gpu_buffer out = record_scratch(g, SCRATCH_DELTA, (C + d->n_v_heads) * sizeof(float));
    if (!out) return;
    struct {
        uint32_t C, K, Hv, x_at, w_at, a_at, decay_at, dt_at, state_at, pad[3];
    } c = {C, K, d->n_v_heads, at_of(m->qkv), at_of(m->conv_w), at_of(m->a), at_of(m->decay), at_of(m->dt_bias),
           at_of(m->conv_state), {0}};
    record(g, &(dispatch){
                  .kernel = KERNEL_DELTA_CONV,
                  .params = &c, .params_size = sizeof c,
                  .bind = {id_of(m->qkv), id_of(m->conv_w), id_of(m->a), id_of(m->decay), id_of(m->dt_bias), id_of(m->conv_state), out},
                  .x = (C + d->n_v_heads + 255) / 256,
              });
    struct {
        uint32_t Hk, Hv, dk4, dv, beta_at, z_at, norm_at, state_at, y_at, tiled;
        float eps;
        uint32_t pad;
    } s = {d->n_k_heads, d->n_v_heads, d->k_head_dim / 4, d->v_head_dim, at_of(m->beta), at_of(m->z), at_of(m->norm),
           at_of(m->delta_state) / 4, at_of(o), d->tiled_heads, m->eps, 0};
    record(g, &(dispatch){
                  .kernel = KERNEL_DELTA_STEP,
                  .params = &s, .params_size = sizeof s,
                  .bind = {out, id_of(m->beta), id_of(m->z), id_of(m->norm), id_of(m->delta_state), id_of(o)},
                  .x = d->n_v_heads,
              });
}

static void delta_mixer(backend *b, tensor o, const delta_mixer_args *m)
{
    check(&m->p);
    if (tensor_n_rows(m->qkv) == 1 && m->p.v_head_dim <= 128) {
        mixer_step(webgpu_of(b), o, m);
        return;
    }
    b->ops->causal_conv_silu(b, m->conv, m->qkv, m->conv_w, m->conv_state);
    delta_rule(b, o, m->conv, m->a, m->beta, m->decay, m->dt_bias, m->delta_state, &m->p);
    b->ops->gated_rmsnorm(b, o, o, m->z, m->norm, m->eps);
}

void webgpu_ops_delta(backend_ops *ops)
{
    ops->delta_rule = delta_rule;
    ops->delta_mixer = delta_mixer;
}
