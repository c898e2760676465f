/*
 * A GPU that fails: no room, a call that it refuses, a kernel that it refuses, and a device that is lost with work under way and in
 * the middle of an answer. Each ends in a status with words, nothing hangs or crashes, and the next device works.
 */
#include "webgpu_test.h"

#include "galago.h"

enum { N = 256 };

static backend *gpu_open(void)
{
    backend *b = NULL;
    error e = {0};
    galago_status s = webgpu_backend_create(getenv("GALAGO_TEST_WEBGPU"), &b, &e);
    CHECK(!s && b, "a device: %s", e.message);
    if (!b) exit(check_done(webgpu_test_name));
    return b;
}
static tensor values_on(backend *b, size_t n)
{
    tensor t = {.type = DTYPE_F32, .n_dims = 2, .shape = {1, n, 1, 1}};
    error e = {0};
    CHECK(!b->ops->buffer_create(b, n * sizeof(float), &t.buffer, &e), "%s", e.message);
    return t;
}
/* Submits until it is done. */
static galago_status submit_all(backend *b, error *e)
{
    galago_status s;
    while ((s = b->ops->submit(b, e)) == GALAGO_PENDING) b->ops->wait(b, e);
    return s;
}
static galago_status read_all(backend *b, void *dst, tensor t, error *e)
{
    galago_status s;
    while ((s = b->ops->read(b, dst, t, e)) == GALAGO_PENDING) b->ops->wait(b, e);
    return s;
}

/* 1 + 1 on a device that must work. */
static void check_works(backend *b, const char *when)
{
    float x[N], got[N] = {0};
    for (int i = 0; i < N; i++) x[i] = (float)i;
    tensor y = values_on(b, N), z = values_on(b, N);
    error e = {0};
    b->ops->write(b, y, x);
    b->ops->write(b, z, x);
    b->ops->add(b, y, z);
    galago_status s = submit_all(b, &e);
    if (!s) s = read_all(b, got, y, &e);
    CHECK(!s && got[N - 1] == 2 * x[N - 1], "%s: status %d, %s", when, (int)s, e.message);
    b->ops->buffer_destroy(b, y.buffer);
    b->ops->buffer_destroy(b, z.buffer);
}

static void test_no_room(void)
{
    backend *b = gpu_open();
    error e = {0};
    buffer *buf = (buffer *)b;
    CHECK(b->ops->buffer_create(b, (size_t)1 << 42, &buf, &e) == GALAGO_ERR_MEMORY && !buf && strstr(e.message, "MiB"), "%s", e.message);
    CHECK(gpu_buffer_create(0, 1 << 10) == 0, "4 TiB in one buffer");
    CHECK(gpu_buffer_create(0, 0) == 0, "no byte");
    check_works(b, "after buffers that were refused");
    b->ops->destroy(b);
}

static void test_refused(void)
{
    backend *b = gpu_open();
    tensor y = values_on(b, N);
    error e = {0};
    gpu_write(id_of(y), 1 << 20, 0, "abcd", 4); /* far behind its end */
    b->ops->add(b, y, y);
    galago_status s = submit_all(b, &e);
    float got[N];
    if (!s) s = read_all(b, got, y, &e);
    CHECK(s == GALAGO_ERR_INTERNAL && strstr(e.message, "refused a call"), "a call that is refused: status %d, %s", (int)s, e.message);
    b->ops->buffer_destroy(b, y.buffer);
    b->ops->destroy(b);
    b = gpu_open();
    check_works(b, "after a call that was refused");

    static const char broken[] = "@compute @workgroup_size(1) fn main() { this is no WGSL }";
    gpu_pipeline p = gpu_pipeline_create("broken", broken, sizeof broken - 1, NULL, 0);
    while (!gpu_pipeline_ready(p)) gpu_wait();
    tensor z = values_on(b, N);
    error_clear(&e);
    b->ops->clear(b, z);
    s = submit_all(b, &e);
    if (!s) s = read_all(b, got, z, &e);
    CHECK(s == GALAGO_ERR_INTERNAL, "a kernel that is refused: status %d, %s", (int)s, e.message);
    b->ops->buffer_destroy(b, z.buffer);
    b->ops->destroy(b);
    b = gpu_open();
    check_works(b, "after a kernel that was refused");
    b->ops->destroy(b);
}

/* Lost with a read begun, commands recorded and others submitted. */
static void test_lost_at_work(void)
{
    backend *b = gpu_open();
    tensor y = values_on(b, N), z = values_on(b, N);
    error e = {0};
    uint32_t ticket, second;
    b->ops->add(b, y, z);
    CHECK(!submit_all(b, &e), "%s", e.message);
    CHECK(!b->ops->read_begin(b, y, &ticket, &e) && !b->ops->read_begin(b, z, &second, &e), "%s", e.message);
    b->ops->add(b, y, z);
    gpu_native_lose();
    float got[N];
    galago_status s;
    while ((s = b->ops->read_poll(b, ticket, got, y, &e)) == GALAGO_PENDING) b->ops->wait(b, &e);
    CHECK(s == GALAGO_ERR_DEVICE_LOST && strstr(e.message, "lost"), "a read: status %d, %s", (int)s, e.message);
    CHECK(!b->ops->read_poll(b, second, NULL, z, &e), "a read that is given up");
    CHECK((s = submit_all(b, &e)) == GALAGO_ERR_DEVICE_LOST, "a submit: status %d, %s", (int)s, e.message);
    CHECK((s = b->ops->read_begin(b, y, &ticket, &e)) == GALAGO_ERR_DEVICE_LOST, "a new read: status %d, %s", (int)s, e.message);
    CHECK((s = read_all(b, got, y, &e)) == GALAGO_ERR_DEVICE_LOST, "a plain read: status %d, %s", (int)s, e.message);
    b->ops->write(b, y, got);
    b->ops->add(b, y, z);
    b->ops->clear(b, y);
    CHECK(submit_all(b, &e) == GALAGO_ERR_DEVICE_LOST, "again: %s", e.message);

    /* The next device works while the old one's backend is still there, and after it has gone. */
    backend *next = gpu_open();
    check_works(next, "the next device");
    b->ops->buffer_destroy(b, y.buffer);
    b->ops->buffer_destroy(b, z.buffer);
    b->ops->destroy(b);
    check_works(next, "the next device without the old one");
    next->ops->destroy(next);
}

/* ---- in the middle of an answer ---- */

static int n_pieces;
static bool lose_at_third(void *user, const char *text, size_t size)
{
    (void)user, (void)text, (void)size;
    if (++n_pieces == 3) gpu_native_lose();
    return true;
}

static void test_lost_in_an_answer(void)
{
    const galago_model_params params = {.device = GALAGO_DEVICE_GPU, .gpu_library = getenv("GALAGO_TEST_WEBGPU")};
    galago_model *m;
    galago_context *c = NULL;
    galago_error e = {0};
    if (galago_model_open("demo", &params, &m, &e) || galago_context_create(m, &(galago_context_params){.n_ctx = 256}, &c, &e)) {
        CHECK(false, "%s", e.message);
        galago_model_close(m);
        return;
    }
    const galago_message hello = {.role = GALAGO_ROLE_USER, .text = "Tell me a story."};
    const galago_generate_params p = {.max_tokens = 64, .ignore_eos = true};
    galago_status s = galago_generate(c, &hello, 1, &p, lose_at_third, NULL, NULL, &e);
    CHECK(s == GALAGO_ERR_DEVICE_LOST && strstr(e.message, "lost"), "an answer: status %d, %s", (int)s, e.message);
    CHECK(n_pieces >= 3, "%d pieces before", n_pieces);
    s = galago_generate(c, &hello, 1, &p, NULL, NULL, NULL, &e);
    CHECK(s == GALAGO_ERR_DEVICE_LOST, "the next answer: status %d, %s", (int)s, e.message);
    galago_context_destroy(c);
    galago_model_close(m);

    backend *b = gpu_open();
    check_works(b, "the next device after an answer");
    b->ops->destroy(b);
}

int main(void)
{
    if (!webgpu_test_open("ops/webgpu_lost")) return 0;
    webgpu_step();
    test_no_room();
    webgpu_step();
    test_refused();
    webgpu_step();
    test_lost_in_an_answer();
    webgpu_step();
    test_lost_at_work();
    return webgpu_test_close();
}
