/*
 * What tests of the WebGPU backend share: the same random tensors on the portable CPU backend and on the GPU, an op on both,
 * and the comparison. The library is the one that the environment names as GALAGO_TEST_WEBGPU (tests/webgpu/get_library.sh).
 *
 *     int main(void)
 *     {
 *         if (!webgpu_test_open("webgpu_rows")) return 0;
 *         pair x = pair_random(DTYPE_F32, 3, 4, 100, 1), y = pair_new(DTYPE_F32, 3, 4, 100);
 *         FOR_BOTH on[b]->ops->copy(on[b], y.at[b], x.at[b]);
 *         pair_check("copy", "3 x 4 x 100", &y, 1e-12);
 *         pairs_free();
 *         return webgpu_test_close();
 *     }
 */
#ifndef TESTS_WEBGPU_TEST_H
#define TESTS_WEBGPU_TEST_H

#include "check.h"
#include "backend/backend.h"
#include "backend/webgpu/record.h"

#include <math.h>
#include <stdlib.h>
#include <unistd.h>

enum { ON_CPU = 0, ON_GPU = 1 };
static backend *on[2];
static const char *webgpu_test_name;
static unsigned long long seed = 11;

/* A tensor on both backends, with GUARD values before and after it in its buffer that must stay as they are. */
enum { GUARD = 64, MAX_PAIRS = 64 };
typedef struct pair {
    tensor at[2];
} pair;
static pair all_pairs[MAX_PAIRS];
static size_t n_pairs;

/* A hang is a fault: the program ends where no further step begins within this time. A software adapter compiles a model's kernels in
 * minutes, and in many where others have the processors too. */
enum { STEP_LIMIT_S = 1200 };
static inline void webgpu_step(void) { alarm(STEP_LIMIT_S); }

/* Both backends, or false with a line that says why the test is skipped. */
static inline bool webgpu_test_open(const char *name)
{
    webgpu_test_name = name;
    const char *library = getenv("GALAGO_TEST_WEBGPU");
    if (!library || !*library) {
        printf("skipped: GALAGO_TEST_WEBGPU names no WebGPU library (tests/webgpu/get_library.sh fetches one)\n");
        printf("%s: 0 passed, 0 failed\n", name);
        return false;
    }
    error e = {0};
    if (cpu_backend_create("ref", 1, &on[ON_CPU], &e) || webgpu_backend_create(library, &on[ON_GPU], &e)) {
        CHECK(false, "%s", e.message);
        check_done(name);
        exit(1);
    }
    printf("  %s\n", on[ON_GPU]->description);
    return true;
}

static inline void webgpu_submit(void)
{
    error e = {0};
    galago_status s;
    while ((s = on[ON_GPU]->ops->submit(on[ON_GPU], &e)) == GALAGO_PENDING) on[ON_GPU]->ops->wait(on[ON_GPU], &e);
    CHECK(!s, "submit: %s", e.message);
    if (s) {
        check_done(webgpu_test_name); /* nothing behind it can be right */
        exit(1);
    }
}
static inline void webgpu_read(int which, void *dst, tensor t)
{
    error e = {0};
    galago_status s;
    if (which == ON_GPU) webgpu_submit();
    while ((s = on[which]->ops->read(on[which], dst, t, &e)) == GALAGO_PENDING) on[which]->ops->wait(on[which], &e);
    CHECK(!s, "read: %s", e.message);
    if (s) {
        check_done(webgpu_test_name);
        exit(1);
    }
}

static inline size_t pair_values(const pair *p) { return tensor_n_rows(p->at[0]) * tensor_row(p->at[0]); }
/* The whole buffer, guards included, as words. */
static inline tensor whole(tensor t, dtype type)
{
    size_t bytes = (tensor_bytes(t) + 3) / 4 * 4 + 2 * GUARD * 4;
    t.type = type;
    t.n_dims = 1;
    t.shape[0] = bytes / 4, t.shape[1] = t.shape[2] = t.shape[3] = 1;
    t.offset_bytes = 0;
    return t;
}

/* Every word is a NaN of its own kind: what an op does not write is seen, and what it writes beside its tensor too. */
static inline void pair_poison(pair *p)
{
    size_t n = tensor_row(whole(p->at[0], DTYPE_F32));
    uint32_t *words = malloc(n * 4);
    for (size_t i = 0; i < n; i++) words[i] = 0x7fc00000u + (uint32_t)(i & 0xffff);
    for (int b = 0; b < 2; b++) on[b]->ops->write(on[b], whole(p->at[b], DTYPE_F32), words);
    free(words);
}
static inline pair pair_new(dtype type, size_t d0, size_t d1, size_t d2)
{
    pair p;
    for (int b = 0; b < 2; b++) {
        error e = {0};
        tensor t = {.type = type, .n_dims = 3, .shape = {d0, d1, d2, 1}, .offset_bytes = GUARD * 4};
        if (on[b]->ops->buffer_create(on[b], tensor_row(whole(t, DTYPE_F32)) * 4, &t.buffer, &e)) {
            printf("%s\n", e.message);
            exit(1);
        }
        p.at[b] = t;
    }
    pair_poison(&p);
    if (n_pairs < MAX_PAIRS) all_pairs[n_pairs++] = p;
    return p;
}
/* f32 or i32 values of the tensor, on both. */
static inline void pair_write(pair *p, const void *values)
{
    for (int b = 0; b < 2; b++) on[b]->ops->write(on[b], p->at[b], values);
}
/* Uniform in scale * [-1, 1). */
static inline pair pair_random(dtype type, size_t d0, size_t d1, size_t d2, float scale)
{
    pair p = pair_new(type, d0, d1, d2);
    size_t n = pair_values(&p);
    float *values = malloc(n * 4 + 4);
    for (size_t i = 0; i < n; i++) values[i] = scale * check_uniform(&seed);
    pair_write(&p, values);
    free(values);
    return p;
}
/* The same values seen as [rows, row]. */
static inline pair pair_matrix(pair p)
{
    for (int b = 0; b < 2; b++) p.at[b] = tensor_reshape(p.at[b], tensor_n_rows(p.at[b]), tensor_row(p.at[b]));
    return p;
}
/* Frees all that were made. */
static inline void pairs_free(void)
{
    webgpu_submit();
    for (size_t i = 0; i < n_pairs; i++)
        for (int b = 0; b < 2; b++) on[b]->ops->buffer_destroy(on[b], all_pairs[i].at[b].buffer);
    n_pairs = 0;
}

/* Mean squared error over the mean square of what is expected; NaN where a value is NaN. */
static inline double webgpu_nmse(const float *got, const float *want, size_t n)
{
    double error_sum = 0, sum = 0;
    for (size_t i = 0; i < n; i++) {
        error_sum += ((double)got[i] - want[i]) * ((double)got[i] - want[i]);
        sum += (double)want[i] * want[i];
    }
    return sum > 0 ? error_sum / sum : error_sum;
}
static inline bool guards_hold(const uint32_t *words, size_t n)
{
    for (size_t i = 0; i < GUARD; i++)
        if (words[i] != 0x7fc00000u + (uint32_t)(i & 0xffff) ||
            words[n - 1 - i] != 0x7fc00000u + (uint32_t)((n - 1 - i) & 0xffff))
            return false;
    return true;
}
/* f32 tensors: the GPU's values against the portable op's, NMSE at most `bound`; the guards must hold. Returns the error. */
static inline double pair_check(const char *op, const char *of_case, const pair *p, double bound)
{
    size_t n = tensor_row(whole(p->at[0], DTYPE_F32)), values = pair_values(p);
    float *got = malloc(n * 4), *want = malloc(n * 4);
    webgpu_read(ON_CPU, want, whole(p->at[ON_CPU], DTYPE_F32));
    webgpu_read(ON_GPU, got, whole(p->at[ON_GPU], DTYPE_F32));
    double err = webgpu_nmse(got + GUARD, want + GUARD, values);
    CHECK(err <= bound, "%s, %s: differs from the portable op by %g, more than %g", op, of_case, err, bound);
    uint32_t *words = malloc(n * 4);
    memcpy(words, got, n * 4);
    CHECK(guards_hold(words, n), "%s, %s: wrote outside its tensor", op, of_case);
    free(words);
    free(got);
    free(want);
    return err;
}
/* Any type: the same bits, guards included. */
static inline void pair_check_bits(const char *op, const char *of_case, const pair *p)
{
    size_t n = tensor_row(whole(p->at[0], DTYPE_I32)), wrong = 0;
    uint32_t *got = malloc(n * 4), *want = malloc(n * 4);
    webgpu_read(ON_CPU, want, whole(p->at[ON_CPU], DTYPE_I32));
    webgpu_read(ON_GPU, got, whole(p->at[ON_GPU], DTYPE_I32));
    for (size_t i = 0; i < n; i++) wrong += got[i] != want[i];
    CHECK(!wrong, "%s, %s: %zu of %zu words differ from the portable op's", op, of_case, wrong, n);
    free(got);
    free(want);
}

/* FOR_BOTH on[b]->ops->add(on[b], y.at[b], x.at[b]); */
#define FOR_BOTH for (int b = 0; b < 2; b++)

static inline int webgpu_test_close(void)
{
    for (int b = 0; b < 2; b++) on[b]->ops->destroy(on[b]);
    return check_done(webgpu_test_name);
}

#endif
