/*
 * Gated DeltaNet on the GPU. One token: three dispatches for the whole layer (matvec_shared with the convolution behind it,
 * delta_step, matvec). Many: token after token with the state in registers (delta_recurrent), or in chunks whose parts that do not
 * need the state run side by side (delta_chunk, delta_scan).
 */
#include "backend/webgpu/ops_delta.h"

#include "backend/webgpu/products.h"

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
    /* All keys of a chunk in workgroup memory, and the matrices beside them, take 32 KiB at most. */
    bool whole = webgpu_info(g)->max_workgroup_bytes >= 32 << 10;
    float dk4 = (float)(d->k_head_dim / 4);
    record(g, &(dispatch){
                  .kernel = KERNEL_DELTA_SCAN,
                  .constants = {{"DK4", dk4}, {"WIDTH", whole ? dk4 : 8}, {"ROOM", whole ? 256 : 0}},
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

/* Dispatches of delta_step: a slice of a head's rows in each workgroup. */
enum { STEP_ROWS = 16, MAX_HEAD = 128 };

/* One token behind the convolution: o = the gated outputs, not yet divided by each head's root mean square; the sums of their
 * squares behind them. */
static delta_output step(webgpu *g, tensor o, tensor qkv, const delta_mixer_args *m)
{
    const delta_params *d = &m->p;
    delta_output out = {d->v_head_dim, (d->v_head_dim + STEP_ROWS - 1) / STEP_ROWS, at_of(o) + d->n_v_heads * d->v_head_dim};
    struct {
        uint32_t Hk, Hv, dk4, dv, qkv_at, a_at, beta_at, z_at, decay_at, dt_at, norm_at, state_at, y_at, squares_at, tiled, pad;
    } p = {d->n_k_heads, d->n_v_heads, d->k_head_dim / 4, d->v_head_dim, at_of(qkv) / 4, at_of(m->a), at_of(m->beta), at_of(m->z),
           at_of(m->decay), at_of(m->dt_bias), at_of(m->norm), at_of(m->delta_state) / 4, at_of(o), out.squares_at, d->tiled_heads, 0};
    record(g, &(dispatch){
                  .kernel = KERNEL_DELTA_STEP,
                  .params = &p, .params_size = sizeof p,
                  .bind = {id_of(qkv), id_of(m->a), id_of(m->z), id_of(m->decay), id_of(m->norm), id_of(m->delta_state), id_of(o)},
                  .x = out.slices, .y = d->n_v_heads,
              });
    return out;
}

/* What delta_step takes: gates in one buffer, small weights in one buffer, room behind o for the squares. */
static bool can_step(tensor o, const delta_mixer_args *m)
{
    size_t n = (size_t)m->p.n_v_heads * m->p.v_head_dim, slices = (m->p.v_head_dim + STEP_ROWS - 1u) / STEP_ROWS;
    return tensor_n_rows(m->qkv) == 1 && m->p.v_head_dim <= MAX_HEAD && id_of(m->a) == id_of(m->beta) &&
           id_of(m->decay) == id_of(m->dt_bias) && at_of(m->qkv) % 4 == 0 && at_of(o) % 4 == 0 &&
           o.offset_bytes + (n + m->p.n_v_heads * slices) * sizeof(float) <= o.buffer->size;
}

static void gated_deltanet(backend *b, const deltanet_args *a)
{
    webgpu *g = webgpu_of(b);
    const delta_mixer_args *m = &a->mixer;
    check(&m->p);
    if (!can_step(a->o, m) || a->out->w.buffer->n_chunks != 1 || tensor_present(a->out->b)) {
        backend_ops simple = {0};
        backend_compose(&simple);
        simple.gated_deltanet(b, a);
        return;
    }
    tensor qkv = m->qkv;
    if (!webgpu_delta_inputs(g, a)) {
        b->ops->norm_matmul(b, (tensor[]){m->qkv, m->z, m->a, m->beta}, a->x, a->in_norm, m->eps,
                            (const linear *[]){a->in_qkv, a->in_z, a->in_a, a->in_b}, 4, a->h);
        b->ops->causal_conv_silu(b, m->conv, m->qkv, m->conv_w, m->conv_state);
        qkv = m->conv;
    }
    delta_output heads = step(g, a->o, qkv, m);
    webgpu_delta_output(g, a, &heads);
}

void webgpu_ops_delta(backend_ops *ops)
{
    ops->delta_rule = delta_rule;
    ops->gated_deltanet = gated_deltanet;
}
