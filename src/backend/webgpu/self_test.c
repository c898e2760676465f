/*
 * Whether a device computes rightly: the ops of a decode step and a product of many tokens, on small shapes, against the portable C
 * ops. Everything is recorded at once and read back at once, so that it costs one round trip and the compilation of a dozen kernels
 * that a model of the same weights and heads needs anyway.
 *
 * Tolerances are normalised mean squared errors: 1e-6 (observed 1e-13); 1e-3 where the oracle rounds activations to 8 bits (observed
 * 3e-5). One value in a thousand that is lost gives 1e-3, a barrier or a term 1e-2 and more.
 */
#include "backend/webgpu/self_test.h"

#include "base/quant.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { DEVICE = 0, ORACLE, N_SIDES, MAX_BUFFERS = 48, MAX_RESULTS = 12 };

/* A tensor on both sides. */
typedef struct twin {
    tensor at[N_SIDES];
} twin;

typedef struct result {
    const char *what; /* the op and the kernels that it stands for */
    tensor t;         /* on the device */
    float *want;      /* its values as they should be; ids as they are */
    double bound;     /* 0: the same bits */
    uint32_t ticket;
} result;

struct self_test {
    backend *on[N_SIDES];
    error failure; /* the first while it was recorded */
    buffer *buffers[N_SIDES][MAX_BUFFERS];
    size_t n_buffers[N_SIDES];
    result results[MAX_RESULTS];
    size_t n_results, n_begun, n_compared;
    bool submitted;
    uint32_t random;
    self_test_shape shape;
};

/* ---- tensors on both sides ---- */

/* In [-1, 1), the same everywhere. */
static float uniform(self_test *t)
{
    t->random = t->random * 1664525u + 1013904223u;
    return (float)(t->random >> 8) / 8388608.0f - 1.0f;
}

static void *room(self_test *t, size_t size)
{
    void *p = calloc(1, size);
    if (!p) fail(&t->failure, GALAGO_ERR_MEMORY, "not enough memory to test the GPU");
    return p;
}

/* [d0, d1, d2] f32, i32 or f16, zeroed. Dimensions of 0 at the end do not count. */
static twin make(self_test *t, dtype type, size_t d0, size_t d1, size_t d2)
{
    twin w = {0};
    for (int side = 0; side < N_SIDES && !t->failure.status; side++) {
        tensor *x = &w.at[side];
        *x = (tensor){.type = type, .n_dims = d2 ? 3 : d1 ? 2 : 1, .shape = {d0, d1 ? d1 : 1, d2 ? d2 : 1, 1}};
        if (t->on[side]->ops->buffer_create(t->on[side], tensor_bytes(*x), &x->buffer, &t->failure)) break;
        t->buffers[side][t->n_buffers[side]++] = x->buffer;
    }
    return w;
}
static void write(self_test *t, twin w, const void *values)
{
    for (int side = 0; side < N_SIDES && !t->failure.status; side++) t->on[side]->ops->write(t->on[side], w.at[side], values);
}
/* Values in scale * [-1, 1) + shift. */
static twin make_random(self_test *t, size_t d0, size_t d1, float scale, float shift)
{
    twin w = make(t, DTYPE_F32, d0, d1, 0);
    size_t n = d0 * (d1 ? d1 : 1);
    float *values = t->failure.status ? NULL : room(t, n * sizeof *values);
    for (size_t i = 0; values && i < n; i++) values[i] = scale * uniform(t) + shift;
    if (values) write(t, w, values);
    free(values);
    return w;
}
/* Values first .. first+n-1 as a row, or as a vector. */
static twin part(twin w, size_t first, size_t n, bool is_vector)
{
    for (int side = 0; side < N_SIDES; side++) {
        tensor *x = &w.at[side];
        x->offset_bytes += first * sizeof(float);
        x->n_dims = is_vector ? 1 : 2;
        x->shape[0] = is_vector ? n : 1, x->shape[1] = is_vector ? 1 : n;
    }
    return w;
}

typedef struct twin_linear {
    linear at[N_SIDES];
} twin_linear;
/* [N, K] of the weights' type. */
static twin_linear make_linear(self_test *t, size_t N, size_t K)
{
    twin_linear l = {0};
    size_t row_bytes = dtype_row_bytes(t->shape.weights, K);
    float *row = t->failure.status ? NULL : room(t, K * sizeof *row);
    char *bytes = row ? room(t, N * row_bytes) : NULL;
    for (size_t r = 0; bytes && r < N; r++) {
        for (size_t i = 0; i < K; i++) row[i] = uniform(t) / 16;
        quantize_row(t->shape.weights, row, bytes + r * row_bytes, K);
    }
    for (int side = 0; side < N_SIDES && !t->failure.status; side++) {
        tensor *w = &l.at[side].w;
        *w = (tensor){.type = t->shape.weights, .n_dims = 2, .shape = {N, K, 1, 1}};
        if (t->on[side]->ops->weight_load(t->on[side], w, bytes, false, &t->failure)) break;
        t->buffers[side][t->n_buffers[side]++] = w->buffer;
    }
    free(row);
    free(bytes);
    return l;
}

static bool is_quantised(dtype type) { return type != DTYPE_F32 && type != DTYPE_F16 && type != DTYPE_BF16; }

static result *add_result(self_test *t, const char *what, tensor on_device, double bound)
{
    result *r = &t->results[t->n_results];
    if (t->failure.status || !(r->want = room(t, tensor_bytes(on_device)))) return NULL;
    r->what = what, r->t = on_device, r->bound = bound;
    t->n_results++;
    return r;
}
/* Keeps what the oracle has; the device's is read later. */
static void expect(self_test *t, const char *what, twin w, double bound)
{
    result *r = add_result(t, what, w.at[DEVICE], bound);
    backend *oracle = t->on[ORACLE];
    if (r && !oracle->ops->submit(oracle, &t->failure)) oracle->ops->read(oracle, r->want, w.at[ORACLE], &t->failure);
}

#define BOTH for (int s = 0; s < N_SIDES && !t->failure.status; s++)
#define OPS(name) t->on[s]->ops->name

/* ---- what is computed ---- */

static void record_norm_and_products(self_test *t)
{
    enum { N = 128, K = 256, T = 96, BLOCK = 32 }; /* one column tile; tokens and rows enough for the largest tiles */
    twin x = make(t, DTYPE_F32, T, K, 0), w = make_random(t, K, 0, 0.5f, 1), h = make(t, DTYPE_F32, T, K, 0);
    float *values = t->failure.status ? NULL : room(t, T * K * sizeof *values);
    if (!values) return;
    /* Whole numbers, of which each block has the largest: the oracle's 8 bits hold them as they are. */
    for (size_t i = 0; i < T * K; i++) values[i] = i % BLOCK ? roundf(127 * uniform(t)) : 127;
    write(t, x, values);
    free(values);
    BOTH OPS(rmsnorm)(t->on[s], h.at[s], x.at[s], w.at[s], 1e-6f);
    expect(t, "rmsnorm", h, 1e-6);

    twin_linear l = make_linear(t, N, K);
    twin one = make(t, DTYPE_F32, 1, N, 0), many = make(t, DTYPE_F32, T, N, 0);
    BOTH OPS(matmul)(t->on[s], &one.at[s], part(x, 0, K, false).at[s], &(const linear *){&l.at[s]}, 1, EPILOGUE_STORE);
    expect(t, "matvec", one, 1e-6);
    BOTH OPS(matmul)(t->on[s], &many.at[s], x.at[s], &(const linear *){&l.at[s]}, 1, EPILOGUE_STORE);
    expect(t, "matmul", many, 1e-6);
}

/* Three tokens one by one, so that the last reads what the others stored. */
static void record_attention(self_test *t)
{
    enum { HEADS = 4, KV = 2, CTX = 8, FREQ = 8 };
    uint32_t d = t->shape.head_dim, Q = HEADS * d;
    dtype cache = t->shape.weights == DTYPE_F32 ? DTYPE_F32 : DTYPE_F16;
    twin k_cache = make(t, cache, KV, CTX, d), v_cache = make(t, cache, KV, CTX, d), q_norm = make_random(t, d, 0, 0.5f, 1);
    twin k_norm = make_random(t, d, 0, 0.5f, 1), q = make(t, DTYPE_F32, 1, Q, 0), o = make(t, DTYPE_F32, 1, Q, 0);
    for (size_t pos = 0; pos < 3; pos++) {
        twin row = make_random(t, 1, 2 * Q + 2 * KV * d, 2, 0.2f), query_gate = part(row, 0, 2 * Q, false);
        twin k = part(row, 2 * Q, KV * d, false), v = part(row, 2 * Q + KV * d, KV * d, false);
        twin cs = make_random(t, 1, 2 * FREQ, 1, 0);
        BOTH OPS(attention_mixer)(t->on[s], o.at[s],
                                  &(attention_mixer_args){
                                      .query_gate = query_gate.at[s], .q = q.at[s], .k = k.at[s], .v = v.at[s],
                                      .queries = {HEADS, d, 0, 2 * d}, .gates = {HEADS, d, d, 2 * d},
                                      .q_norm = q_norm.at[s], .k_norm = k_norm.at[s], .cs = cs.at[s],
                                      .k_cache = k_cache.at[s], .v_cache = v_cache.at[s], .pos = pos, .n_heads = HEADS,
                                      .n_kv_heads = KV, .head_dim = d, .scale = 1 / sqrtf((float)d), .eps = 1e-6f});
    }
    expect(t, "attention_split", o, 1e-6);
}

/* Two tokens one by one through a whole linear layer's mixer. */
static void record_deltanet(self_test *t)
{
    enum { D = 256, H = 2, DIM = 128, KERNEL = 4, V = H * DIM, C = 3 * V };
    twin x = make_random(t, 1, D, 1, 0), in_norm = make_random(t, D, 0, 0.5f, 1), h = make(t, DTYPE_F32, 1, D, 0);
    twin row = make(t, DTYPE_F32, 1, C + V + 2 * H, 0), conv = make(t, DTYPE_F32, 1, C, 0), o = make(t, DTYPE_F32, 1, V + 64 * H, 0);
    twin small = make_random(t, DIM + 2 * H, 0, 0.5f, -0.6f), conv_w = make_random(t, C, KERNEL, 1, 0);
    twin conv_state = make(t, DTYPE_F32, KERNEL - 1, C, 0), state = make(t, DTYPE_F32, H, DIM, DIM);
    twin qkv = part(row, 0, C, false), z = part(row, C, V, false), a = part(row, C + V, H, false), beta = part(row, C + V + H, H, false);
    twin norm = part(small, 0, DIM, true), decay = part(small, DIM, H, true), dt = part(small, DIM + H, H, true);
    twin_linear in_qkv = make_linear(t, C, D), in_z = make_linear(t, V, D), in_a = make_linear(t, H, D), in_b = make_linear(t, H, D);
    twin_linear out = make_linear(t, D, V);
    o = part(o, 0, V, false);
    for (int token = 0; token < 2; token++)
        BOTH OPS(gated_deltanet)(t->on[s], &(deltanet_args){
                                               .x = x.at[s], .in_norm = in_norm.at[s], .h = h.at[s], .o = o.at[s],
                                               .in_qkv = &in_qkv.at[s], .in_z = &in_z.at[s], .in_a = &in_a.at[s],
                                               .in_b = &in_b.at[s], .out = &out.at[s],
                                               .mixer = {.qkv = qkv.at[s], .conv = conv.at[s], .z = z.at[s], .a = a.at[s],
                                                         .beta = beta.at[s], .conv_w = conv_w.at[s], .decay = decay.at[s],
                                                         .dt_bias = dt.at[s], .norm = norm.at[s], .conv_state = conv_state.at[s],
                                                         .delta_state = state.at[s], .p = {H, H, DIM, DIM, false}, .eps = 1e-6f}});
    double bound = is_quantised(t->shape.weights) ? 1e-3 : 1e-6;
    expect(t, "delta_step (its state)", state, bound);
    expect(t, "delta_step (its output)", x, bound);
}

/* The best of some thousand logits, of which the largest may not be chosen. */
static void record_sample(self_test *t)
{
    enum { N = 5000, FIRST = 7, END = 4321, BEST = 4100 };
    twin logits = make_random(t, 1, N, 3, 0), counts = make(t, DTYPE_I32, 1, N, 0), runs = make(t, DTYPE_I32, 1, 2, 0);
    twin ids = make(t, DTYPE_I32, 1, 4, 0), ring = make(t, DTYPE_I32, 1, 4, 0);
    write(t, runs, (const int32_t[]){FIRST, END});
    write(t, part(logits, BEST, 2, false), (const float[]){9, 9}); /* of equal ones the first */
    write(t, part(logits, END, 1, false), (const float[]){10});
    result *r = add_result(t, "sample", ring.at[DEVICE], 0);
    if (!r) return;
    memcpy(r->want, (const int32_t[]){0, 0, BEST, 0}, 4 * sizeof(int32_t));
    backend *b = t->on[DEVICE];
    b->ops->sample(b, ids.at[DEVICE], ring.at[DEVICE], 2, logits.at[DEVICE], counts.at[DEVICE], runs.at[DEVICE],
                   &(sample_params){.temperature = 0}, 0);
}

/* ---- begin, step, end ---- */

galago_status webgpu_self_test_begin(backend *b, const self_test_shape *shape, self_test **out, error *e)
{
    *out = NULL;
    self_test *t = calloc(1, sizeof *t);
    if (!t) return fail(e, GALAGO_ERR_MEMORY, "not enough memory to test the GPU");
    t->on[DEVICE] = b;
    t->random = 12345;
    t->shape = *shape;
    if (t->shape.head_dim % 4 || t->shape.head_dim < 16 || t->shape.head_dim > 256) t->shape.head_dim = 128;
    if (!cpu_backend_create("ref", 1, &t->on[ORACLE], &t->failure)) {
        record_norm_and_products(t);
        record_attention(t);
        if (shape->has_deltanet) record_deltanet(t);
        record_sample(t);
    }
    if (t->failure.status) {
        if (e) *e = t->failure;
        galago_status s = t->failure.status;
        webgpu_self_test_end(t);
        return s;
    }
    *out = t;
    return GALAGO_OK;
}

static galago_status compare(const self_test *t, const result *r, const float *got, error *e)
{
    const char *device = t->on[DEVICE]->description;
    size_t n = tensor_bytes(r->t) / sizeof(float);
    if (r->bound == 0) {
        if (memcmp(got, r->want, n * sizeof *got) == 0) return GALAGO_OK;
        return fail(e, GALAGO_ERR_INTERNAL, "%s computes wrongly: %s gives another result than the CPU", device, r->what);
    }
    double off = 0, all = 0;
    for (size_t i = 0; i < n; i++) {
        off += ((double)got[i] - r->want[i]) * ((double)got[i] - r->want[i]);
        all += (double)r->want[i] * r->want[i];
    }
    if (off <= r->bound * all) return GALAGO_OK; /* (false for NaN) */
    return fail(e, GALAGO_ERR_INTERNAL, "%s computes wrongly: %s is off by %.2g, at most %.0e is rounding", device, r->what, off / all,
                r->bound);
}

galago_status webgpu_self_test_step(self_test *t, error *e)
{
    backend *b = t->on[DEVICE];
    galago_status s;
    if (!t->submitted && (s = b->ops->submit(b, e))) return s;
    t->submitted = true;
    for (; t->n_begun < t->n_results; t->n_begun++)
        if ((s = b->ops->read_begin(b, t->results[t->n_begun].t, &t->results[t->n_begun].ticket, e))) return s;
    while (t->n_compared < t->n_results) {
        result *r = &t->results[t->n_compared];
        float *got = malloc(tensor_bytes(r->t));
        if (!got) return fail(e, GALAGO_ERR_MEMORY, "not enough memory to test the GPU");
        s = b->ops->read_poll(b, r->ticket, got, r->t, e);
        if (s != GALAGO_PENDING) t->n_compared++;
        if (!s) s = compare(t, r, got, e);
        free(got);
        if (s) return s;
    }
    return GALAGO_OK;
}

void webgpu_self_test_end(self_test *t)
{
    if (!t) return;
    for (size_t i = t->n_compared; i < t->n_begun; i++)
        t->on[DEVICE]->ops->read_poll(t->on[DEVICE], t->results[i].ticket, NULL, t->results[i].t, NULL);
    for (int side = 0; side < N_SIDES; side++)
        for (size_t i = 0; i < t->n_buffers[side]; i++) t->on[side]->ops->buffer_destroy(t->on[side], t->buffers[side][i]);
    if (t->on[ORACLE]) t->on[ORACLE]->ops->destroy(t->on[ORACLE]);
    for (size_t i = 0; i < t->n_results; i++) free(t->results[i].want);
    free(t);
}
