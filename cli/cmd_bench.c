/* The standard measurements: load, picture, prefill at 256 and 1,024 tokens, decode at context 256 and 2,048. */
#include "cli.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_REPS = 100, DECODE_TOKENS = 128, PICTURE_SIDE = 448 };

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}
static double median(double *v, uint32_t n)
{
    qsort(v, n, sizeof *v, compare);
    return n % 2 ? v[n / 2] : 0.5 * (v[n / 2 - 1] + v[n / 2]);
}

/* Text of exactly n tokens in every Qwen tokenizer: digits are tokens of their own. */
static void digits(buf *b, size_t n)
{
    uint32_t x = 12345;
    for (size_t i = 0; i < n; i++) {
        x = x * 1664525u + 1013904223u;
        char c = (char)('0' + (x >> 24) % 10);
        buf_append(b, &c, 1);
    }
}

/* Smooth colours with edges, the same in every host: r = 5x + 3y, g = xy / 8, b = 2 (x xor y), each modulo 256. */
static galago_image *test_picture(galago_error *e)
{
    uint8_t *rgb = malloc(PICTURE_SIDE * PICTURE_SIDE * 3);
    galago_image *image = NULL;
    if (!rgb) {
        fail(e, GALAGO_ERR_MEMORY, "not enough memory for a picture");
        return NULL;
    }
    for (uint32_t y = 0; y < PICTURE_SIDE; y++)
        for (uint32_t x = 0; x < PICTURE_SIDE; x++) {
            uint8_t *p = rgb + 3 * (y * PICTURE_SIDE + x);
            p[0] = (uint8_t)(5 * x + 3 * y);
            p[1] = (uint8_t)(x * y >> 3);
            p[2] = (uint8_t)((x ^ y) * 2);
        }
    galago_image_from_rgb(rgb, PICTURE_SIDE, PICTURE_SIDE, 3 * PICTURE_SIDE, &image, e);
    free(rgb);
    return image;
}

/* FNV-1a over the bytes of the last logits: equal hashes mean equal arithmetic. */
static uint64_t logits_hash(const cli_session *s)
{
    const unsigned char *p = (const unsigned char *)galago_context_logits(s->context);
    uint64_t h = 14695981039346656037ull;
    for (size_t i = 0; p && i < s->info.n_vocab * sizeof(float); i++) h = (h ^ p[i]) * 1099511628211ull;
    return h;
}

typedef struct figures {
    double image_ms, vision_ms, first_token_ms;  /* a 448 x 448 picture with 32 words */
    uint32_t image_prompt_tokens;
    double prefill_256, prefill_1024;            /* tok/s */
    double decode_256, decode_2048;              /* tok/s */
    uint64_t hash, peak_bytes;
} figures;

static galago_status measure_text(cli_session *s, size_t n_tokens, uint32_t n_decode, double *prefill_tok_s, double *decode_tok_s,
                                  galago_error *e)
{
    buf text = {0};
    digits(&text, n_tokens);
    const galago_message m = {.role = GALAGO_ROLE_USER, .text = text.data};
    const galago_generate_params p = {.max_tokens = n_decode, .ignore_eos = true, .raw = true};
    galago_result r;
    galago_context_reset(s->context);
    galago_status status = galago_generate(s->context, &m, 1, &p, NULL, NULL, &r, e);
    buf_free(&text);
    if (status) return status;
    if (prefill_tok_s) *prefill_tok_s = r.prompt_tokens / r.prefill_ms * 1e3;
    if (decode_tok_s) *decode_tok_s = r.decode_tok_s;
    return GALAGO_OK;
}

static galago_status measure_picture(cli_session *s, galago_image *image, figures *f, galago_error *e)
{
    static const char question[] =
        "Look at the picture and tell me in one short sentence what it shows, which colours are the strongest in it, and "
        "whether there is anything written on it that I should know about.";
    const galago_message m = {.role = GALAGO_ROLE_USER, .text = question, .images = &image, .n_images = 1};
    const galago_generate_params p = {.max_tokens = 1, .ignore_eos = true};
    galago_result r;
    galago_context_reset(s->context);
    galago_status status = galago_generate(s->context, &m, 1, &p, NULL, NULL, &r, e);
    if (status) return status;
    f->image_ms = r.image_ms;
    f->vision_ms = r.vision_ms;
    f->first_token_ms = r.first_token_ms;
    f->image_prompt_tokens = r.prompt_tokens;
    return GALAGO_OK;
}

/* All measurements once. The order interleaves them, so that a machine that drifts drifts for all. */
static galago_status measure(cli_session *s, galago_image *image, figures *f, galago_error *e)
{
    galago_status status = GALAGO_OK;
    if (image) status = measure_picture(s, image, f, e);
    if (!status) status = measure_text(s, 1024, 1, &f->prefill_1024, NULL, e);
    if (!status) status = measure_text(s, 256, DECODE_TOKENS, &f->prefill_256, &f->decode_256, e);
    if (!status) status = measure_text(s, 2048, DECODE_TOKENS, NULL, &f->decode_2048, e);
    f->hash = logits_hash(s);
    return status;
}

static void print_figures(const options *o, const cli_session *s, const figures *f, uint32_t reps)
{
    double weights_mb = (double)s->info.weights_bytes / 1e6, peak_mb = (double)f->peak_bytes / 1e6;
    if (o->json) {
        buf name = {0};
        json_write_string(&name, s->info.name, strlen(s->info.name));
        printf("{\"model\":%s,\"dtype\":\"%s\",\"device\":\"%s\",\"reps\":%u,\"load_ms\":%.3f,"
               "\"image\":{\"width\":%d,\"height\":%d,\"image_ms\":%.3f,\"vision_ms\":%.3f,\"first_token_ms\":%.3f,\"prompt_tokens\":%u},"
               "\"prefill\":{\"256\":%.3f,\"1024\":%.3f},\"decode\":{\"256\":%.3f,\"2048\":%.3f},"
               "\"memory\":{\"weights_bytes\":%llu,\"peak_bytes\":%llu},\"logits_hash\":\"%016llx\"}\n",
               name.data, o->dtype ? o->dtype : "as-is", s->info.device, reps, s->info.load_ms, PICTURE_SIDE, PICTURE_SIDE,
               f->image_ms, f->vision_ms, f->first_token_ms, f->image_prompt_tokens, f->prefill_256, f->prefill_1024, f->decode_256,
               f->decode_2048, (unsigned long long)s->info.weights_bytes, (unsigned long long)f->peak_bytes,
               (unsigned long long)f->hash);
        buf_free(&name);
        return;
    }
    printf("%s, %s, %s; median of %u\n\n", s->info.name, o->dtype ? o->dtype : "as-is", s->info.device, reps);
    printf("  load                          %10.0f ms\n", s->info.load_ms);
    if (s->info.has_vision) {
        printf("  picture %d x %d, resize      %10.1f ms\n", PICTURE_SIDE, PICTURE_SIDE, f->image_ms);
        printf("  picture, vision tower         %10.1f ms\n", f->vision_ms);
        printf("  picture, first token          %10.1f ms   (%u tokens)\n", f->first_token_ms, f->image_prompt_tokens);
    }
    printf("  prefill, 256 tokens           %10.1f tok/s\n", f->prefill_256);
    printf("  prefill, 1,024 tokens         %10.1f tok/s\n", f->prefill_1024);
    printf("  decode at context 256         %10.1f tok/s   %.1f GB/s of weights\n", f->decode_256,
           f->decode_256 * (double)s->info.weights_bytes / 1e9);
    printf("  decode at context 2,048       %10.1f tok/s\n", f->decode_2048);
    printf("  weights                       %10.1f MB\n  peak memory                   %10.1f MB\n", weights_mb, peak_mb);
    printf("  hash of the last logits       %016llx\n", (unsigned long long)f->hash);
}

int cmd_bench(const options *o)
{
    if (o->n_args) return usage_error(o, "what is \"%s\"? The model is given with --model", o->args[0]);
    cli_session s;
    int status = session_open(o, &s);
    if (status) return status;
    galago_error e = {0};
    uint32_t reps = o->reps ? o->reps : 3;
    galago_image *image = s.info.has_vision ? test_picture(&e) : NULL;
    figures f = {0};
    static double v[7][MAX_REPS];
    /* Once to warm up (page faults, caches), not counted. */
    if (!e.status) measure(&s, image, &f, &e);
    for (uint32_t i = 0; i < reps && !e.status; i++) {
        progress_show(NULL, "measuring", (double)i / reps);
        if (measure(&s, image, &f, &e)) break;
        const double now[7] = {f.image_ms, f.vision_ms, f.first_token_ms, f.prefill_256, f.prefill_1024, f.decode_256, f.decode_2048};
        for (int k = 0; k < 7; k++) v[k][i] = now[k];
    }
    progress_clear();
    if (e.status) {
        status = report(&e);
    } else {
        double *const out[7] = {&f.image_ms,     &f.vision_ms,  &f.first_token_ms, &f.prefill_256,
                                &f.prefill_1024, &f.decode_256, &f.decode_2048};
        for (int k = 0; k < 7; k++) *out[k] = median(v[k], reps);
        f.peak_bytes = memory_peak();
        print_figures(o, &s, &f, reps);
    }
    galago_image_destroy(image);
    session_close(&s);
    return status;
}
