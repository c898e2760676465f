/*
 * Kernels compiled while a model loads: the first answers of a model that was opened on a device that passes for a real one, to a
 * text, a turn behind it and a picture, make no pipeline that loading had not asked for; and a load that is cancelled, or refused,
 * with all of them under way leaves no buffer behind and a device that works.
 */
#include "webgpu_test.h"

#include "backend/webgpu/gpu_native.h"
#include "engine/engine.h"
#include "galago.h"

enum { SIDE = 224 };

static galago_model_params params_for(galago_progress_fn progress)
{
    return (galago_model_params){.device = GALAGO_DEVICE_GPU, .gpu_library = getenv("GALAGO_TEST_WEBGPU"), .progress = progress};
}

/* ---- answers ---- */

/* How many pipelines an answer made. */
static uint32_t answer(galago_model *m, galago_context *c, const galago_message *messages, size_t n, float temperature)
{
    galago_error e = {0};
    uint32_t before = webgpu_n_pipelines(m->backend);
    const galago_generate_params p = {.max_tokens = 3, .ignore_eos = true, .temperature = temperature, .top_p = 0.9f, .top_k = 10};
    galago_status s = galago_generate(c, messages, n, &p, NULL, NULL, NULL, &e);
    CHECK(!s, "an answer: %s", e.message);
    return webgpu_n_pipelines(m->backend) - before;
}

static galago_image *gradient(void)
{
    static uint8_t rgb[SIDE * SIDE * 3];
    for (size_t i = 0; i < sizeof rgb; i++) rgb[i] = (uint8_t)(i >> 6);
    galago_error e = {0};
    galago_image *picture = NULL;
    CHECK(!galago_image_from_rgb(rgb, SIDE, SIDE, 3 * SIDE, &picture, &e), "%s", e.message);
    return picture;
}

static void test_first_answers(void)
{
    const galago_model_params params = params_for(NULL);
    galago_model *m = NULL;
    galago_context *c = NULL;
    galago_error e = {0};
    if (galago_model_open("demo", &params, &m, &e) || galago_context_create(m, &(galago_context_params){.n_ctx = 512}, &c, &e)) {
        CHECK(false, "%s", e.message);
        galago_model_close(m);
        return;
    }
    printf("  %u pipelines were begun while the model was loaded\n", webgpu_n_pipelines(m->backend));
    galago_image *picture = gradient();
    const galago_message talk[] = {
        {.role = GALAGO_ROLE_USER, .text = "What is this?"},
        {.role = GALAGO_ROLE_ASSISTANT, .text = "It is a question."},
        {.role = GALAGO_ROLE_USER, .text = "And what is in the picture?", .images = &picture, .n_images = 1},
    };
    CHECK(answer(m, c, talk, 1, 0) == 0, "the first answer made pipelines");
    CHECK(answer(m, c, talk, 3, 0) == 0, "an answer about a picture made pipelines");
    CHECK(answer(m, c, talk, 1, 0.7f) == 0, "an answer that is drawn made pipelines");
    galago_image_destroy(picture);
    galago_context_destroy(c);
    galago_model_close(m);
}

/* ---- loads that end early ---- */

static int n_reports;
static bool stop_at_second(void *user, const char *stage, double fraction)
{
    (void)user, (void)stage, (void)fraction;
    return ++n_reports < 2;
}

static void check_works(const char *when)
{
    pair x = pair_random(DTYPE_F32, 1, 4, 64, 1), y = pair_random(DTYPE_F32, 1, 4, 64, 1);
    FOR_BOTH on[b]->ops->add(on[b], y.at[b], x.at[b]);
    pair_check("add", when, &y, 1e-12);
    pairs_free();
}

static void test_cancelled(void)
{
    const galago_model_params params = params_for(stop_at_second);
    galago_model *m = NULL;
    galago_error e = {0};
    galago_status s = galago_model_open("demo", &params, &m, &e);
    CHECK(s == GALAGO_CANCELLED && !m, "a load that is cancelled: status %d, %s", (int)s, e.message);
    CHECK(n_reports == 2, "%d reports", n_reports);
    check_works("behind a load that was cancelled");
}

/* A rehearsal takes no memory of the device, also where the weights are not what the configuration says. */
static void test_leaves_nothing(void)
{
    static const char name[] = "tests/data/golden/tiny-a";
    uint64_t bytes, bytes_after;
    uint32_t n, n_after;
    backend *b = on[ON_GPU];
    for (int wrong = 0; wrong < 2; wrong++) {
        weights *w = NULL;
        tokenizer *t = NULL;
        model_config c;
        error e = {0};
        if (weights_open(name, NULL, &w, &e) || model_config_read(w, &c, &e) || weights_tokenizer(w, c.text.n_vocab, &t, &e) ||
            model_config_find_ids(&c, t, &e)) {
            CHECK(false, "%s", e.message);
        } else {
            webgpu_submit();
            webgpu_memory(b, &bytes, &n);
            uint32_t pipelines = webgpu_n_pipelines(b);
            if (wrong) c.text.d_ff++;
            model_rehearse(b, w, &c, GALAGO_DTYPE_F16);
            webgpu_memory(b, &bytes_after, &n_after);
            CHECK(bytes == bytes_after && n == n_after, "%u buffers more", n_after - n);
            CHECK((webgpu_n_pipelines(b) > pipelines) == !wrong, "%u pipelines", webgpu_n_pipelines(b) - pipelines);
            check_works("behind a rehearsal");
        }
        tokenizer_destroy(t);
        weights_close(w);
    }
}

int main(void)
{
    if (!webgpu_test_open("ops/webgpu_rehearse")) return 0;
    native.info.software = 0; /* what a real device would be told */
    webgpu_step();
    test_cancelled();
    webgpu_step();
    test_first_answers();
    native.info.software = 1;
    webgpu_step();
    test_leaves_nothing();
    return webgpu_test_close();
}
