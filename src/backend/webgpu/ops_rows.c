/*
 * Ops on rows: copies, sums, norms, gates, rotary embedding, the cache, the convolution.
 *
 * Every kernel exists in the form that the network uses (in place or not); the other form that the seam allows goes through a copy.
 */
#include "backend/webgpu/state.h"

#include <string.h>

static size_t values(tensor t) { return tensor_n_rows(t) * tensor_row(t); }
static bool same_buffer(tensor a, tensor b) { return a.buffer == b.buffer; }

/* Workgroups counted along x first: more than 65535 go into further rows of a grid, whose last one may be partly idle. */
static void spread(dispatch *d, size_t groups)
{
    size_t y = (groups + GPU_MAX_WORKGROUPS - 1) / GPU_MAX_WORKGROUPS;
    if (!y) y = 1;
    d->y = (uint32_t)y;
    d->x = (uint32_t)((groups + y - 1) / y);
}
/* One thread for each of n things, 256 a workgroup. Nothing is recorded for none. */
static void record_each(webgpu *g, dispatch *d, size_t n)
{
    if (!n) return;
    assert(n <= UINT32_MAX - 255 * (size_t)GPU_MAX_WORKGROUPS); /* (indices of idle threads stay above n) */
    spread(d, (n + 255) / 256);
    record(g, d);
}
/* One workgroup for each of n rows. */
static void record_rows(webgpu *g, dispatch *d, size_t n)
{
    if (!n) return;
    spread(d, n);
    record(g, d);
}

/* ---- copies and sums ---- */

/* What a kernel copies as it goes; the device's own copy wants a pass to end before it. */
enum { COPY_BY_KERNEL = 1 << 20 };

static void copy_bytes(webgpu *g, gpu_buffer dst, size_t dst_offset, gpu_buffer src, size_t src_offset, size_t size)
{
    if (size > COPY_BY_KERNEL) {
        record_copy(g, dst, dst_offset, src, src_offset, size);
        return;
    }
    const struct { uint32_t n, x_at, y_at, unused; } p = {(uint32_t)(size / 4), (uint32_t)(src_offset / 4), (uint32_t)(dst_offset / 4), 0};
    dispatch d = {.kernel = KERNEL_COPY, .params = &p, .params_size = sizeof p, .bind = {src, dst}};
    record_each(g, &d, size / 4);
}

/* The tensor's values in scratch memory, as a tensor that lies at its beginning. The buffer is this file's until the next call. */
static tensor in_scratch(webgpu *g, tensor t, buffer *b)
{
    size_t bytes = tensor_bytes(t);
    *b = (buffer){.size = bytes, .n_chunks = 1, .one = {.id = record_scratch(g, SCRATCH_ROWS, bytes)}};
    b->chunks = &b->one;
    copy_bytes(g, b->one.id, 0, id_of(t), t.offset_bytes, bytes);
    t.buffer = b;
    t.offset_bytes = 0;
    return t;
}

static void copy(backend *b, tensor dst, tensor src)
{
    webgpu *g = webgpu_of(b);
    buffer scratch;
    assert(tensor_bytes(src) % 4 == 0 && src.offset_bytes % 4 == 0 && dst.offset_bytes % 4 == 0);
    if (same_buffer(dst, src)) src = in_scratch(g, src, &scratch);
    copy_bytes(g, id_of(dst), dst.offset_bytes, id_of(src), src.offset_bytes, tensor_bytes(dst));
}

static void add(backend *b, tensor y, tensor x)
{
    webgpu *g = webgpu_of(b);
    buffer scratch;
    if (same_buffer(y, x)) x = in_scratch(g, x, &scratch);
    const struct { uint32_t n, x_at, y_at, unused; } p = {(uint32_t)values(y), at_of(x), at_of(y), 0};
    dispatch d = {.kernel = KERNEL_ADD, .params = &p, .params_size = sizeof p, .bind = {id_of(x), id_of(y)}};
    record_each(g, &d, values(y));
}

static void add_interpolated(backend *b, tensor y, tensor table, tensor index, tensor weight)
{
    const struct { uint32_t n, dim, index_at, weight_at, table_at, y_at, unused[2]; } p = {
        (uint32_t)values(y), (uint32_t)tensor_row(y), at_of(index), at_of(weight), at_of(table), at_of(y), {0}};
    dispatch d = {.kernel = KERNEL_ADD_INTERPOLATED, .params = &p, .params_size = sizeof p,
                  .bind = {id_of(index), id_of(weight), id_of(table), id_of(y)}};
    record_each(webgpu_of(b), &d, values(y));
}

/* ---- norms ---- */

static void rmsnorm(backend *b, tensor y, tensor x, tensor w, float eps)
{
    webgpu *g = webgpu_of(b);
    buffer scratch;
    if (same_buffer(y, x)) x = in_scratch(g, x, &scratch);
    const struct { uint32_t rows, dim; float eps; uint32_t x_at, w_at, y_at, unused[2]; } p = {
        (uint32_t)tensor_n_rows(x), (uint32_t)tensor_row(x), eps, at_of(x), at_of(w), at_of(y), {0}};
    dispatch d = {.kernel = KERNEL_RMSNORM, .params = &p, .params_size = sizeof p, .bind = {id_of(x), id_of(w), id_of(y)}};
    record_rows(g, &d, p.rows);
}

static void layernorm(backend *b, tensor y, tensor x, tensor w, tensor bias, float eps)
{
    webgpu *g = webgpu_of(b);
    buffer scratch;
    if (same_buffer(y, x)) x = in_scratch(g, x, &scratch);
    const struct { uint32_t rows, dim; float eps; uint32_t x_at, w_at, bias_at, y_at, unused; } p = {
        (uint32_t)tensor_n_rows(x), (uint32_t)tensor_row(x), eps, at_of(x), at_of(w), at_of(bias), at_of(y), 0};
    dispatch d = {.kernel = KERNEL_LAYERNORM, .params = &p, .params_size = sizeof p,
                  .bind = {id_of(x), id_of(w), id_of(bias), id_of(y)}};
    record_rows(g, &d, p.rows);
}

static void gated_rmsnorm(backend *b, tensor y, tensor x, tensor z, tensor w, float eps)
{
    webgpu *g = webgpu_of(b);
    buffer scratch;
    if (same_buffer(y, z)) z = in_scratch(g, z, &scratch);
    if (!same_buffer(y, x) || y.offset_bytes != x.offset_bytes) copy(b, y, x);
    size_t D = tensor_row(w);
    const struct { uint32_t rows, dim; float eps; uint32_t z_at, w_at, y_at, unused[2]; } p = {
        (uint32_t)(values(y) / D), (uint32_t)D, eps, at_of(z), at_of(w), at_of(y), {0}};
    dispatch d = {.kernel = KERNEL_GATED_RMSNORM, .params = &p, .params_size = sizeof p, .bind = {id_of(z), id_of(w), id_of(y)}};
    d.constants[0] = (gpu_constant){"WG", D <= 64 ? 64 : D <= 512 ? 128 : 256};
    record_rows(g, &d, p.rows);
}

/* ---- gates ---- */

static void swiglu(backend *b, tensor y, tensor gate, tensor up)
{
    webgpu *g = webgpu_of(b);
    buffer scratch;
    if (same_buffer(y, up)) up = in_scratch(g, up, &scratch);
    if (!same_buffer(y, gate) || y.offset_bytes != gate.offset_bytes) copy(b, y, gate);
    const struct { uint32_t n, up_at, y_at, unused; } p = {(uint32_t)values(y), at_of(up), at_of(y), 0};
    dispatch d = {.kernel = KERNEL_SWIGLU, .params = &p, .params_size = sizeof p, .bind = {id_of(up), id_of(y)}};
    record_each(g, &d, values(y));
}

static void sigmoid_gate(backend *b, tensor y, tensor gate, head_view gv)
{
    const struct { uint32_t n, n_heads, dim, row, stride, gate_at, y_at, unused; } p = {
        (uint32_t)values(y), gv.n_heads, gv.head_dim, (uint32_t)tensor_row(gate), gv.stride, at_of(gate) + gv.offset, at_of(y), 0};
    dispatch d = {.kernel = KERNEL_SIGMOID_GATE, .params = &p, .params_size = sizeof p, .bind = {id_of(gate), id_of(y)}};
    record_each(webgpu_of(b), &d, values(y));
}

/* ---- convolution ---- */

static void causal_conv_silu(backend *b, tensor y, tensor x, tensor w, tensor state)
{
    webgpu *g = webgpu_of(b);
    uint32_t T = (uint32_t)tensor_n_rows(x), C = (uint32_t)tensor_row(x), K = (uint32_t)tensor_row(w);
    const struct { uint32_t T, C, K, x_at, state_at, w_at, y_at, unused; } p = {T, C, K, at_of(x), at_of(state), at_of(w), at_of(y), 0};
    dispatch d = {.kernel = KERNEL_CONV, .params = &p, .params_size = sizeof p, .bind = {id_of(x), id_of(state), id_of(w), id_of(y)}};
    record_each(g, &d, values(y));
    if (K == 1) return;
    /* A dispatch of its own: all of y must have seen the old state. */
    dispatch move = {.kernel = KERNEL_CONV_STATE, .params = &p, .params_size = sizeof p, .bind = {id_of(x), id_of(state)}};
    record_each(g, &move, C);
}

/* ---- rotary embedding and cache ---- */

/* The GPU's copy of a model's frequencies, made at first use. A model has two sets: of the text and of the vision tower. */
static gpu_buffer frequencies(webgpu *g, const rope_params *p)
{
    enum { N = sizeof g->ropes / sizeof *g->ropes };
    size_t n = p->n_freq;
    if (g->is_rehearsing) return record_buffer(g, sizeof g->ropes[0].words);
    for (size_t i = 0; i < N && g->ropes[i].id; i++)
        if (g->ropes[i].p.n_freq == n && !memcmp(g->ropes[i].p.inv_freq, p->inv_freq, n * sizeof *p->inv_freq) &&
            !memcmp(g->ropes[i].p.axis, p->axis, n))
            return g->ropes[i].id;
    size_t at = 0;
    while (at < N && g->ropes[at].id) at++;
    if (at == N) record_retire(g, g->ropes[at = 0].id, sizeof g->ropes[0].words);
    g->ropes[at].p = *p;
    g->ropes[at].id = record_buffer(g, sizeof g->ropes[0].words);
    if (!g->ropes[at].id) {
        record_fail(g, GALAGO_ERR_MEMORY, "not enough GPU memory for the frequencies of the rotary embedding");
        return 0;
    }
    uint32_t *words = g->ropes[at].words;
    for (size_t j = 0; j < n; j++) {
        memcpy(&words[2 * j], &p->inv_freq[j], sizeof *words);
        words[2 * j + 1] = p->axis[j];
    }
    /* (A new buffer: nothing that is recorded reads it, so the bytes may go at once.) */
    gpu_write(g->ropes[at].id, 0, 0, words, (uint32_t)(8 * n));
    return g->ropes[at].id;
}

static void rope_table(backend *b, tensor cs, tensor pos, const rope_params *rope)
{
    webgpu *g = webgpu_of(b);
    uint32_t T = (uint32_t)tensor_row(pos);
    const struct { uint32_t n, T, n_freq, pos_at, cs_at, unused[3]; } p = {T * rope->n_freq, T, rope->n_freq, at_of(pos), at_of(cs), {0}};
    gpu_buffer freq = frequencies(g, rope);
    dispatch d = {.kernel = KERNEL_ROPE_TABLE, .params = &p, .params_size = sizeof p, .bind = {id_of(pos), freq, id_of(cs)}};
    if (freq) record_each(g, &d, p.n);
}

static void head_norm_rope(backend *b, tensor y, head_view yv, tensor x, head_view xv, tensor w, float eps, tensor cs)
{
    webgpu *g = webgpu_of(b);
    bool norm = tensor_present(w), in_place = same_buffer(y, x);
    gpu_buffer weight = norm ? id_of(w) : id_of(cs); /* (every binding must be something) */
    uint32_t w_at = norm ? at_of(w) : 0, n = (uint32_t)tensor_n_rows(x) * xv.n_heads, n_freq = (uint32_t)tensor_row(cs) / 2;
    assert(xv.head_dim <= 512 && 2 * n_freq <= xv.head_dim);
    const gpu_constant constant = {"NORM", norm};
    if (in_place) {
        assert(y.offset_bytes == x.offset_bytes && !memcmp(&xv, &yv, sizeof xv));
        const struct { uint32_t n, n_heads, dim, n_freq, y_at, row, stride, cs_at, w_at; float eps; uint32_t unused[2]; } p = {
            n, yv.n_heads, yv.head_dim, n_freq, at_of(y) + yv.offset, (uint32_t)tensor_row(y), yv.stride, at_of(cs), w_at, eps, {0}};
        dispatch d = {.kernel = KERNEL_HEAD_NORM_ROPE_IN_PLACE, .constants = {constant}, .params = &p, .params_size = sizeof p,
                      .bind = {id_of(cs), weight, id_of(y)}};
        record_rows(g, &d, n);
        return;
    }
    const struct {
        uint32_t n, n_heads, dim, n_freq, x_at, x_row, x_stride, y_at, y_row, y_stride, cs_at, w_at;
        float eps;
        uint32_t unused[3];
    } p = {n, xv.n_heads, xv.head_dim, n_freq, at_of(x) + xv.offset, (uint32_t)tensor_row(x), xv.stride, at_of(y) + yv.offset,
           (uint32_t)tensor_row(y), yv.stride, at_of(cs), w_at, eps, {0}};
    dispatch d = {.kernel = KERNEL_HEAD_NORM_ROPE, .constants = {constant}, .params = &p, .params_size = sizeof p,
                  .bind = {id_of(x), id_of(cs), weight, id_of(y)}};
    record_rows(g, &d, n);
}

static void store(webgpu *g, tensor cache, tensor x, gpu_buffer step)
{
    bool f16 = cache.type == DTYPE_F16;
    uint32_t dim = (uint32_t)cache.shape[2] / (f16 ? 2 : 1), n = (uint32_t)(values(x) / (f16 ? 2 : 1));
    assert(!f16 || cache.shape[2] % 2 == 0);
    const struct { uint32_t n, n_heads, dim, n_ctx, x_at, cache_at, unused[2]; } p = {
        n, (uint32_t)cache.shape[0], dim, (uint32_t)cache.shape[1], at_of(x), (uint32_t)(cache.offset_bytes / 4), {0}};
    dispatch d = {.kernel = f16 ? KERNEL_KV_STORE_F16 : KERNEL_KV_STORE_F32, .params = &p, .params_size = sizeof p,
                  .bind = {step, id_of(x), id_of(cache)}};
    record_each(g, &d, n);
}
static void kv_store(backend *b, tensor k_cache, tensor v_cache, tensor k, tensor v, size_t pos)
{
    webgpu *g = webgpu_of(b);
    assert(pos + tensor_n_rows(k) <= k_cache.shape[1]);
    gpu_buffer step = record_step(g, pos);
    store(g, k_cache, k, step);
    store(g, v_cache, v, step);
}

void webgpu_ops_rows(backend_ops *ops)
{
    ops->copy = copy;
    ops->add = add;
    ops->add_interpolated = add_interpolated;
    ops->rmsnorm = rmsnorm;
    ops->layernorm = layernorm;
    ops->gated_rmsnorm = gated_rmsnorm;
    ops->swiglu = swiglu;
    ops->sigmoid_gate = sigmoid_gate;
    ops->causal_conv_silu = causal_conv_silu;
    ops->rope_table = rope_table;
    ops->head_norm_rope = head_norm_rope;
    ops->kv_store = kv_store;
}
