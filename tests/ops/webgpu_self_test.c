/*
 * The self test of a device: a right one passes, and one whose ops are wrong is refused by the name of the kernel.
 * The oracle plays the wrong device's host: each fault lets the op run and then changes one of the values that it wrote.
 */
#include "webgpu_test.h"

#include "backend/webgpu/self_test.h"

static const backend_ops *right;
static size_t shift; /* which value is changed: this many before the last */

/* Zeroes a value of a tensor. */
static void spoil(backend *b, tensor y)
{
    y.offset_bytes += tensor_bytes(y) - 4 * (1 + shift);
    y.n_dims = 1, y.shape[0] = 1, y.shape[1] = y.shape[2] = 1;
    right->clear(b, y);
}
static void bad_rmsnorm(backend *b, tensor y, tensor x, tensor w, float eps)
{
    right->rmsnorm(b, y, x, w, eps);
    if (tensor_n_rows(y) > 1) spoil(b, y);
}
static void bad_matvec(backend *b, const tensor *y, tensor x, const linear *const *l, size_t n, epilogue ep)
{
    right->matmul(b, y, x, l, n, ep);
    if (tensor_n_rows(x) == 1) spoil(b, y[0]);
}
static void bad_matmul(backend *b, const tensor *y, tensor x, const linear *const *l, size_t n, epilogue ep)
{
    right->matmul(b, y, x, l, n, ep);
    if (tensor_n_rows(x) > 1) spoil(b, y[0]);
}
/* A key that is not stored. */
static void bad_attention(backend *b, tensor o, const attention_mixer_args *a)
{
    right->attention_mixer(b, o, a);
    if (a->pos == 0) right->clear(b, a->k_cache);
}
/* A state that is not carried on. */
static void bad_delta(backend *b, const deltanet_args *a)
{
    right->gated_deltanet(b, a);
    spoil(b, a->mixer.delta_state);
    right->clear(b, a->mixer.conv_state);
}
/* Of equal logits the last. */
static void bad_sample(backend *b, tensor ids, tensor ring, size_t slot, tensor logits, tensor counts, tensor runs, const sample_params *p,
                       uint32_t draw)
{
    tensor best = logits;
    best.offset_bytes += 4 * 4100;
    best.n_dims = 1, best.shape[0] = 1;
    right->clear(b, best);
    right->sample(b, ids, ring, slot, logits, counts, runs, p, draw);
}
static galago_status no_read(backend *b, tensor src, uint32_t *ticket, error *e)
{
    (void)b, (void)src;
    *ticket = 0;
    return fail(e, GALAGO_ERR_DEVICE_LOST, "the GPU was lost");
}

/* The whole self test; how often it was pending. */
static galago_status run(backend *b, const self_test_shape *shape, error *e)
{
    self_test *t;
    galago_status s = webgpu_self_test_begin(b, shape, &t, e);
    if (s) return s;
    while ((s = webgpu_self_test_step(t, e)) == GALAGO_PENDING) b->ops->wait(b, e);
    webgpu_self_test_end(t);
    return s;
}

int main(void)
{
    if (!webgpu_test_open("ops/webgpu_self_test")) return 0;
    static const self_test_shape shapes[] = {{DTYPE_Q4_0, 256, true}, {DTYPE_F32, 40, false}};
    backend *b = on[ON_GPU];
    right = b->ops;
    for (size_t i = 0; i < 2; i++) {
        error e = {0};
        CHECK(run(b, &shapes[i], &e) == GALAGO_OK, "a right device: %s", e.message);
    }

    static const struct {
        const char *kernel;
        galago_status status;
        backend_ops ops; /* those that are wrong */
    } faults[] = {
        {"rmsnorm", GALAGO_ERR_INTERNAL, {.rmsnorm = bad_rmsnorm}},
        {"matvec", GALAGO_ERR_INTERNAL, {.matmul = bad_matvec}},
        {"matmul", GALAGO_ERR_INTERNAL, {.matmul = bad_matmul}},
        {"attention", GALAGO_ERR_INTERNAL, {.attention_mixer = bad_attention}},
        {"delta", GALAGO_ERR_INTERNAL, {.gated_deltanet = bad_delta}},
        {"sample", GALAGO_ERR_INTERNAL, {.sample = bad_sample}},
        {"lost", GALAGO_ERR_DEVICE_LOST, {.read_begin = no_read}},
    };
    for (size_t i = 0; i < sizeof faults / sizeof *faults; i++)
        for (shift = 0; shift < 3; shift++) {
            backend_ops wrong = *right;
            const backend_ops *f = &faults[i].ops;
            if (f->rmsnorm) wrong.rmsnorm = f->rmsnorm;
            if (f->matmul) wrong.matmul = f->matmul;
            if (f->attention_mixer) wrong.attention_mixer = f->attention_mixer;
            if (f->gated_deltanet) wrong.gated_deltanet = f->gated_deltanet;
            if (f->sample) wrong.sample = f->sample;
            if (f->read_begin) wrong.read_begin = f->read_begin;
            b->ops = &wrong;
            error e = {0};
            galago_status s = run(b, &shapes[0], &e);
            b->ops = right;
            CHECK(s == faults[i].status && strstr(e.message, faults[i].kernel), "a wrong %s: status %d: %s", faults[i].kernel, (int)s,
                  e.message);
            if (!shift) printf("  %s\n", e.message);
        }

    /* Given up in the middle: nothing of it stays. */
    uint64_t before, after;
    uint32_t n_before, n_after;
    webgpu_memory(b, &before, &n_before);
    self_test *t;
    error e = {0};
    CHECK(!webgpu_self_test_begin(b, &shapes[0], &t, &e), "%s", e.message);
    webgpu_self_test_end(t);
    webgpu_submit();
    webgpu_memory(b, &after, &n_after);
    CHECK(before == after && n_before == n_after, "%u buffers before, %u after", n_before, n_after);
    CHECK(run(b, &shapes[0], &e) == GALAGO_OK, "a right device after all that: %s", e.message);
    return webgpu_test_close();
}
