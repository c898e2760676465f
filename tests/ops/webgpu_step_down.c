/*
 * A GPU that computes wrongly, through the engine: where it was asked for, opening the model fails and names the kernel; where the
 * engine chooses, the model runs on the CPU, says why, and answers as the CPU does. The fault is in the library's calls: dispatches
 * that never run.
 */
#include "webgpu_test.h"

#include "backend/webgpu/gpu_native.h"
#include "galago.h"

enum { TOKENS = 8 };

static int n_skipped;
static void skip(wg_handle pass, uint32_t x, uint32_t y, uint32_t z)
{
    (void)pass, (void)x, (void)y, (void)z;
    n_skipped++;
}

static galago_status open_on(galago_device device, galago_model **m, galago_error *e)
{
    return galago_model_open("demo", &(galago_model_params){.device = device, .gpu_library = getenv("GALAGO_TEST_WEBGPU")}, m, e);
}

/* The first words on a prompt, in `ids`. */
static void answer(galago_model *m, int32_t ids[TOKENS])
{
    galago_context *c = NULL;
    galago_result r = {0};
    galago_error e = {0};
    const galago_message hello = {.role = GALAGO_ROLE_USER, .text = "Hi"};
    const galago_generate_params p = {.max_tokens = TOKENS, .ignore_eos = true};
    galago_status s = galago_context_create(m, &(galago_context_params){.n_ctx = 128}, &c, &e);
    if (!s) s = galago_generate(c, &hello, 1, &p, NULL, NULL, &r, &e);
    CHECK(!s && r.completion_tokens == TOKENS, "an answer: status %d, %s", (int)s, e.message);
    for (uint32_t i = 0; i < TOKENS && i < r.completion_tokens; i++) ids[i] = r.token_ids[i];
    galago_context_destroy(c);
}

static void test_asked_for(void)
{
    galago_model *m = NULL;
    galago_error e = {0};
    galago_status s = open_on(GALAGO_DEVICE_GPU, &m, &e);
    CHECK(s == GALAGO_ERR_INTERNAL && !m && strstr(e.message, "computes wrongly: rmsnorm"), "status %d, %s", (int)s, e.message);
    CHECK(n_skipped > 0, "no dispatch was skipped");
    galago_model_close(m);
}

static void test_chosen(void)
{
    galago_model *m = NULL, *on_cpu = NULL;
    galago_error e = {0};
    int32_t ids[TOKENS] = {0}, want[TOKENS] = {1};
    n_skipped = 0;
    galago_status s = open_on(GALAGO_DEVICE_AUTO, &m, &e);
    CHECK(!s && n_skipped > 0, "status %d, %d dispatches skipped: %s", (int)s, n_skipped, e.message);
    if (s || open_on(GALAGO_DEVICE_CPU, &on_cpu, &e)) {
        CHECK(!s, "%s", e.message);
        galago_model_close(m);
        return;
    }
    galago_model_info info;
    galago_model_get_info(m, &info);
    CHECK(!strncmp(info.device, "cpu", 3) && strstr(info.device_note, "computes wrongly: rmsnorm"), "%s: %s", info.device, info.device_note);
    int skipped = n_skipped;
    answer(m, ids);
    answer(on_cpu, want);
    CHECK(!memcmp(ids, want, sizeof ids), "the answer is not the CPU's");
    CHECK(n_skipped == skipped, "%d dispatches behind the step down", n_skipped - skipped);
    galago_model_close(m);
    galago_model_close(on_cpu);
}

int main(void)
{
    if (!webgpu_test_open("ops/webgpu_step_down")) return 0;
    void (*right)(wg_handle, uint32_t, uint32_t, uint32_t) = native.ComputePassEncoderDispatchWorkgroups;
    native.ComputePassEncoderDispatchWorkgroups = skip;
    native.info.software = 0; /* else AUTO does not try it */
    webgpu_step();
    test_asked_for();
    webgpu_step();
    test_chosen();
    native.ComputePassEncoderDispatchWorkgroups = right;
    native.info.software = 1;
    return webgpu_test_close();
}
