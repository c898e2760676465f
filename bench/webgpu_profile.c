/*
 * Where a GPU's time goes: a model's prompt, picture and decoding with a time for each kernel, from timestamp queries. Says also how
 * far the logits are from the CPU's.
 *
 *   make && cc -O2 -Iinclude -Isrc -Ibuild/gen bench/webgpu_profile.c build/libgalago.a -ljpeg -lpng -lwebpdemux -lwebp -lm -ldl \
 *      -pthread -o build/bench/webgpu_profile
 *   build/bench/webgpu_profile [-l LIBRARY] [-m MODEL] [-d as-is|f16|q8_0|q4_0] [-c] [-e TOGGLES] [-x FEATURES]
 *      -c: compare with the CPU too (takes long)   -e: Dawn's toggles to be switched on, for instance vulkan_enable_f16_on_nvidia
 *      -x: what is to be left alone, of f16,subgroups,dot8
 *
 * Under a profile each dispatch has a pass of its own, so the wall time is longer than without one; the line "without a profile"
 * is the time to judge by. us: sum over the dispatches of one pass over the model.
 */
#define _POSIX_C_SOURCE 200809L
#include "backend/webgpu/record.h"
#include "engine/engine.h"

#include <galago.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { MAX_DISPATCHES = 2048, MAX_ROWS = 256, SIDE = 448 };

typedef struct row {
    char name[160];
    double us;
    uint32_t n;
} row;

static galago_model *on_gpu, *on_cpu;

static double now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}
static void need(galago_status s, const galago_error *e)
{
    if (s == GALAGO_OK) return;
    fprintf(stderr, "%s\n", e->message);
    exit(3);
}
static int by_time(const void *a, const void *b)
{
    double x = ((const row *)a)->us, y = ((const row *)b)->us;
    return (x < y) - (x > y);
}

/* Prints what the profile that was begun saw, `passes` times over the model (0: as many as rows were embedded). */
static void print_profile(const char *title, uint32_t passes)
{
    static double ns[MAX_DISPATCHES];
    static row rows[MAX_ROWS];
    uint32_t n = 0, n_rows = 0;
    double total = 0;
    while (gpu_profile_end(ns, MAX_DISPATCHES, &n) == GALAGO_PENDING) gpu_wait();
    for (uint32_t i = 0; i < n; i++) {
        char name[160];
        webgpu_describe_pipeline(on_gpu->backend, gpu_native_profiled(i), name, sizeof name);
        uint32_t r = 0;
        while (r < n_rows && strcmp(rows[r].name, name)) r++;
        if (r == n_rows && n_rows < MAX_ROWS) rows[n_rows++] = (row){0}, memcpy(rows[r].name, name, sizeof name);
        if (r == MAX_ROWS) continue;
        rows[r].us += ns[i] / 1e3;
        rows[r].n++;
        total += ns[i] / 1e3;
    }
    for (uint32_t r = 0; !passes && r < n_rows; r++)
        if (!strncmp(rows[r].name, "embed", 5)) passes = rows[r].n;
    if (!passes) passes = 1;
    qsort(rows, n_rows, sizeof *rows, by_time);
    printf("\n%s: %.1f dispatches, %.1f us in kernels\n", title, (double)n / passes, total / passes);
    for (uint32_t r = 0; r < n_rows; r++)
        printf("%9.1f us %6.1f x %7.2f us  %s\n", rows[r].us / passes, (double)rows[r].n / passes, rows[r].us / rows[r].n, rows[r].name);
    fflush(stdout);
}

static char *digits(size_t n)
{
    char *text = calloc(n + 1, 1);
    uint32_t x = 12345;
    for (size_t i = 0; i < n; i++) {
        x = x * 1664525u + 1013904223u;
        text[i] = (char)('0' + (x >> 24) % 10);
    }
    return text;
}

static bool begin_at_first(void *user, const char *text, size_t size)
{
    (void)text, (void)size;
    int *n = user;
    if (++*n == 2) gpu_profile_begin(MAX_DISPATCHES);
    return true;
}

static galago_result run(galago_context *c, const char *text, galago_image *image, uint32_t n_decode, int *profile_decode)
{
    galago_error e = {0};
    galago_result r;
    const galago_message m = {.role = GALAGO_ROLE_USER, .text = text, .images = &image, .n_images = image != NULL};
    const galago_generate_params p = {.max_tokens = n_decode, .ignore_eos = true, .raw = !image};
    galago_context_reset(c);
    need(galago_generate(c, &m, 1, &p, profile_decode ? begin_at_first : NULL, profile_decode, &r, &e), &e);
    return r;
}

static double cpu_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

/* A token as it runs without a profile: the device's time for it, and this thread's. */
static void print_passes(galago_context *c, const char *text)
{
    static double ns[MAX_DISPATCHES];
    uint32_t n = 0;
    int seen = 0;
    gpu_native_profile_passes(true);
    run(c, text, NULL, 120, &seen);
    while (gpu_profile_end(ns, MAX_DISPATCHES, &n) == GALAGO_PENDING) gpu_wait();
    gpu_native_profile_passes(false);
    double before = cpu_ms(), sum = 0;
    galago_result r = run(c, text, NULL, 1, NULL);
    double one = cpu_ms() - before;
    before = cpu_ms();
    r = run(c, text, NULL, 129, NULL);
    double many = cpu_ms() - before;
    for (uint32_t i = n / 4; i < n; i++) sum += ns[i] / 1e3;
    printf("\na token: %.1f us on the device (mean of %u passes), %.1f us of this thread, %.1f us by the clock\n", sum / (n - n / 4), n - n / 4,
           (many - one) / 128 * 1e3, r.decode_ms / 128 * 1e3);
}

static galago_context *context_of(galago_model *m)
{
    galago_error e = {0};
    galago_context *c;
    need(galago_context_create(m, &(galago_context_params){.n_ctx = 4096}, &c, &e), &e);
    return c;
}

static void compare(const char *text, size_t n_vocab)
{
    galago_context *a = context_of(on_gpu), *b = context_of(on_cpu);
    galago_result r = run(a, text, NULL, 1, NULL), s = run(b, text, NULL, 1, NULL);
    const float *x = galago_context_logits(a), *y = galago_context_logits(b);
    double worst = 0, sum = 0, square = 0;
    for (size_t i = 0; i < n_vocab; i++) {
        double d = fabs((double)x[i] - y[i]);
        if (d > worst) worst = d;
        sum += d * d, square += (double)y[i] * y[i];
    }
    printf("logits after %zu tokens against the CPU's: largest difference %.2e, normalised mean square %.2e, first ids %d and %d\n",
           strlen(text), worst, sum / square, r.token_ids[0], s.token_ids[0]);
    galago_context_destroy(a);
    galago_context_destroy(b);
}

int main(int argc, char **argv)
{
    const char *library = NULL, *name = "synthetic:qwen3.5-0.8b", *toggles = NULL, *without = NULL;
    galago_dtype dtype = GALAGO_DTYPE_AS_IS;
    bool with_cpu = false;
    setvbuf(stdout, NULL, _IOLBF, 0);
    for (int i = 1; i < argc; i++) {
        if (!strcmp(argv[i], "-l") && i + 1 < argc) library = argv[++i];
        else if (!strcmp(argv[i], "-m") && i + 1 < argc) name = argv[++i];
        else if (!strcmp(argv[i], "-e") && i + 1 < argc) toggles = argv[++i];
        else if (!strcmp(argv[i], "-x") && i + 1 < argc) without = argv[++i];
        else if (!strcmp(argv[i], "-d") && i + 1 < argc) {
            static const char *const names[] = {"as-is", "f32", "f16", "q8_0", "q4_0"};
            i++;
            for (int d = 0; d < 5; d++)
                if (!strcmp(argv[i], names[d])) dtype = (galago_dtype[]){GALAGO_DTYPE_AS_IS, GALAGO_DTYPE_F32, GALAGO_DTYPE_F16, GALAGO_DTYPE_Q8_0, GALAGO_DTYPE_Q4_0}[d];
        } else if (!strcmp(argv[i], "-c")) with_cpu = true;
        else return fprintf(stderr, "usage: webgpu_profile [-l LIBRARY] [-m MODEL] [-d DTYPE] [-c] [-e TOGGLES] [-x FEATURES]\n"), 1;
    }
    if (!gpu_native_change(toggles, without)) return fprintf(stderr, "-e takes eight toggles at most, -x some of f16,subgroups,dot8\n"), 1;
    galago_error e = {0};
    double t0 = now_ms();
    need(galago_model_open(name, &(galago_model_params){.device = GALAGO_DEVICE_GPU, .gpu_library = library, .dtype = dtype}, &on_gpu, &e), &e);
    galago_model_info info;
    galago_model_get_info(on_gpu, &info);
    uint64_t bytes;
    uint32_t n_buffers;
    webgpu_memory(on_gpu->backend, &bytes, &n_buffers);
    printf("%s on %s, loaded in %.0f ms; %.0f MB in %u buffers\n", name, info.device, now_ms() - t0, (double)bytes / 1e6, n_buffers);

    galago_context *c = context_of(on_gpu);
    /* What a person waits for who asks at once: kernels that were not compiled while the model was loaded are compiled now. */
    char *question = digits(40);
    galago_result first = run(c, question, NULL, 16, NULL);
    double first_ms = first.first_token_ms, first_decode_ms = first.decode_ms;
    first = run(c, question, NULL, 16, NULL);
    printf("the first answer, to 40 tokens: first token %.1f ms, 15 more %.1f ms; the second: %.1f and %.1f ms\n", first_ms, first_decode_ms,
           first.first_token_ms, first.decode_ms);
    free(question);
    static const size_t lengths[] = {256, 1024, 2048};
    char *text[3];
    for (int i = 0; i < 3; i++) text[i] = digits(lengths[i]);
    for (int i = 0; i < 3; i++) {
        int seen = 0;
        char title[64];
        double best_prefill = 0, best_decode = 0;
        for (int k = 0; k < 4; k++) { /* the first compiles and warms up */
            galago_result r = run(c, text[i], NULL, 128, NULL);
            if (r.prompt_tokens / r.prefill_ms > best_prefill) best_prefill = r.prompt_tokens / r.prefill_ms;
            if (r.decode_tok_s > best_decode) best_decode = r.decode_tok_s;
        }
        printf("\n%zu tokens, without a profile, best of 4: prefill %.0f tok/s, decode %.1f tok/s\n", lengths[i], best_prefill * 1e3, best_decode);
        gpu_profile_begin(MAX_DISPATCHES);
        run(c, text[i], NULL, 1, NULL);
        snprintf(title, sizeof title, "prompt of %zu", lengths[i]);
        print_profile(title, 1);
        print_passes(c, text[i]);
        run(c, text[i], NULL, 80, &seen);
        snprintf(title, sizeof title, "a token at %zu", lengths[i]);
        print_profile(title, 0);
    }
    if (info.has_vision) {
        uint8_t *rgb = calloc(SIDE * SIDE, 3);
        for (size_t i = 0; i < SIDE * SIDE * 3; i++) rgb[i] = (uint8_t)(i * 7 >> 3);
        galago_image *image;
        need(galago_image_from_rgb(rgb, SIDE, SIDE, 3 * SIDE, &image, &e), &e);
        free(rgb);
        for (int k = 0; k < 3; k++) {
            galago_result r = run(c, "What is in this picture?", image, 1, NULL);
            printf("%spicture: image %.1f, vision %.1f, prefill %.1f, first token %.1f ms", k ? "\n" : "\n\n", r.image_ms, r.vision_ms, r.prefill_ms, r.first_token_ms);
        }
        gpu_profile_begin(MAX_DISPATCHES);
        run(c, "What is in this picture?", image, 1, NULL);
        print_profile("picture and prompt", 1);
        galago_image_destroy(image);
    }
    if (with_cpu) {
        need(galago_model_open(name, &(galago_model_params){.device = GALAGO_DEVICE_CPU, .dtype = dtype}, &on_cpu, &e), &e);
        compare(text[0], info.n_vocab);
        galago_model_close(on_cpu);
    }
    galago_context_destroy(c);
    galago_model_close(on_gpu);
    for (int i = 0; i < 3; i++) free(text[i]);
    return 0;
}
