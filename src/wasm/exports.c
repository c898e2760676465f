/*
 * What JavaScript calls. One instance holds one model, so what is open is the module's own state. Statuses are galago_status;
 * results are text that lives until the next call; after a failure gw_error() says it in words. Nothing here waits: work is done
 * in bounded pieces, one a call. js/src/engine.ts is the other side.
 */
#include "galago.h"

#include "base/buf.h"
#include "engine/opening.h"
#include "wasm/host.h"
#include "wasm/memory.h"
#include "wasm/options.h"
#include "wasm/results.h"
#ifdef __wasm_atomics__
#include "wasm/thread.h"
#endif
#include <stdlib.h>
#include <string.h>

#define EXPORT(name) __attribute__((export_name(#name)))

/* A picture lives as long as its handle or an answer that still has to look at it. */
typedef struct picture {
    galago_image *image; /* NULL = a free place */
    uint32_t n_answers;
    bool is_freed; /* by its owner */
} picture;

typedef struct conversation {
    galago_context *context; /* NULL = a free place */
    uint32_t *looks_at;      /* [n_looks_at] handles of pictures of the answer at hand */
    size_t n_looks_at;
    bool is_done;
} conversation;

static galago_opening *opening;
static galago_model *model;
static picture *pictures; /* handle - 1 */
static uint32_t n_pictures;
static conversation *conversations; /* handle - 1 */
static uint32_t n_conversations;
static galago_error last_error;
static buf error_text, text;

/* ---- results and failures ---- */

/* Every call begins so. */
static galago_error *begin_call(void)
{
    last_error.status = GALAGO_OK;
    last_error.message[0] = 0;
    text.size = 0;
    text.failed = false;
    return &last_error;
}

static galago_status text_status(void)
{
    return text.failed ? fail(&last_error, GALAGO_ERR_MEMORY, "not enough memory for the result") : GALAGO_OK;
}

EXPORT(gw_alloc) void *gw_alloc(uint32_t size) { return malloc(size ? size : 1); }
EXPORT(gw_free) void gw_free(void *p) { free(p); }

EXPORT(gw_error_size) uint32_t gw_error_size(void)
{
    error_text.size = 0;
    error_text.failed = false;
    if (last_error.status) write_error(&error_text, &last_error);
    return error_text.failed ? 0 : (uint32_t)error_text.size;
}
/* Valid after gw_error_size(). */
EXPORT(gw_error) const char *gw_error(void)
{
    gw_error_size();
    return error_text.data;
}
EXPORT(gw_text) const char *gw_text(void) { return text.data; }
EXPORT(gw_text_size) uint32_t gw_text_size(void) { return (uint32_t)text.size; }

/* ---- the model ---- */

static bool report(void *user, const char *stage, double fraction)
{
    (void)user;
    return host_progress(stage, strlen(stage), fraction) != 0;
}

static galago_status no_model(void) { return fail(&last_error, GALAGO_ERR_ARGUMENT, "no model is open"); }

EXPORT(gw_open_begin) galago_status gw_open_begin(const char *json, uint32_t size)
{
    galago_error *e = begin_call();
    if (model || opening) return fail(e, GALAGO_ERR_ARGUMENT, "a model is open already: this instance holds one");
    arena a = {0};
    const char *name;
    galago_model_params params;
    galago_status s = read_open_options(&a, json, size, &name, &params, e);
#ifndef __wasm_atomics__
    params.n_threads = 1;
#endif
    params.progress = report;
    if (!s) s = galago_model_open_begin(name, &params, &opening, e);
    arena_free(&a);
    return s;
}

/* What of opening reads no more than the files' headers; gw_open_step() goes on from there. */
EXPORT(gw_open_prepare) galago_status gw_open_prepare(void)
{
    galago_error *e = begin_call();
    return opening ? model_open_prepare(opening, e) : no_model();
}

EXPORT(gw_open_step) galago_status gw_open_step(void)
{
    galago_error *e = begin_call();
    if (model) return GALAGO_OK;
    if (!opening) return no_model();
    galago_status s = galago_model_open_step(opening, &model, e);
    if (s != GALAGO_PENDING) opening = NULL;
    return s;
}

EXPORT(gw_model_info) galago_status gw_model_info(void)
{
    galago_error *e = begin_call();
    if (!model) return no_model();
    char *description;
    galago_status s = galago_model_describe(model, 0, &description, e);
    if (s) return s;
    galago_model_info info;
    galago_model_get_info(model, &info);
    write_model_info(&text, &info, description);
    galago_free(description);
    return text_status();
}

/* ---- pictures ---- */

static galago_image *find_image(uint32_t handle)
{
    return handle - 1 < n_pictures && !pictures[handle - 1].is_freed ? pictures[handle - 1].image : NULL;
}

static void release_if_unused(picture *p)
{
    if (!p->is_freed || p->n_answers) return;
    galago_image_destroy(p->image);
    *p = (picture){0};
}

static uint32_t keep_image(galago_image *image)
{
    uint32_t i = 0;
    while (i < n_pictures && pictures[i].image) i++;
    if (i == n_pictures) {
        uint32_t n = n_pictures ? 2 * n_pictures : 8;
        picture *p = realloc(pictures, n * sizeof *p);
        if (!p) {
            galago_image_destroy(image);
            fail(&last_error, GALAGO_ERR_MEMORY, "not enough memory for another picture");
            return 0;
        }
        memset(p + n_pictures, 0, (n - n_pictures) * sizeof *p);
        pictures = p;
        n_pictures = n;
    }
    pictures[i] = (picture){.image = image};
    return i + 1;
}

EXPORT(gw_image_pixels)
uint32_t gw_image_pixels(uint8_t *pixels, uint32_t width, uint32_t height, uint32_t channels)
{
    galago_error *e = begin_call();
    size_t n;
    if (channels != 3 && channels != 4) {
        fail(e, GALAGO_ERR_ARGUMENT, "pixels of %u channels: 3 (RGB) and 4 (RGBA) are taken", channels);
        return 0;
    }
    if (size_mul_overflow(width, height, &n) || n > SIZE_MAX / 4) {
        fail(e, GALAGO_ERR_ARGUMENT, "an image of %u x %u pixels is too large", width, height);
        return 0;
    }
    /* The copy is this call's: alpha is dropped where it lies. */
    for (size_t i = 0; channels == 4 && i < n; i++)
        for (size_t c = 0; c < 3; c++) pixels[3 * i + c] = pixels[4 * i + c];
    galago_image *image;
    return galago_image_from_rgb(pixels, width, height, 3 * (size_t)width, &image, e) ? 0 : keep_image(image);
}

EXPORT(gw_image_decode) uint32_t gw_image_decode(const uint8_t *bytes, uint32_t size)
{
    galago_error *e = begin_call();
    galago_image *image;
    return galago_image_decode(bytes, size, &image, e) ? 0 : keep_image(image);
}

EXPORT(gw_image_free) void gw_image_free(uint32_t handle)
{
    if (!find_image(handle)) return;
    pictures[handle - 1].is_freed = true;
    release_if_unused(&pictures[handle - 1]);
}

/* ---- conversations ---- */

static conversation *find(uint32_t handle)
{
    if (handle - 1 < n_conversations && conversations[handle - 1].context) return &conversations[handle - 1];
    fail(&last_error, GALAGO_ERR_ARGUMENT, "no context has the handle %u", handle);
    return NULL;
}

/* The answer does not look at its pictures any more. */
static void look_away(conversation *c)
{
    for (size_t i = 0; i < c->n_looks_at; i++) {
        picture *p = &pictures[c->looks_at[i] - 1];
        p->n_answers--;
        release_if_unused(p);
    }
    free(c->looks_at);
    c->looks_at = NULL;
    c->n_looks_at = 0;
}

static bool look_at(conversation *c, const uint32_t *handles, size_t n)
{
    c->n_looks_at = 0;
    c->looks_at = malloc((n + 1) * sizeof *handles);
    if (!c->looks_at) return false;
    if (n) memcpy(c->looks_at, handles, n * sizeof *handles);
    c->n_looks_at = n;
    for (size_t i = 0; i < n; i++) pictures[handles[i] - 1].n_answers++;
    return true;
}

EXPORT(gw_context_create) uint32_t gw_context_create(uint32_t n_ctx)
{
    galago_error *e = begin_call();
    if (!model) return (uint32_t)(no_model(), 0);
    uint32_t i = 0;
    while (i < n_conversations && conversations[i].context) i++;
    if (i == n_conversations) {
        conversation *p = realloc(conversations, (i + 1) * sizeof *p);
        if (!p) return (uint32_t)(fail(e, GALAGO_ERR_MEMORY, "not enough memory for a context"), 0);
        conversations = p;
        conversations[n_conversations++] = (conversation){0};
    }
    const galago_context_params params = {.n_ctx = n_ctx, .never_wait = true};
    return galago_context_create(model, &params, &conversations[i].context, e) ? 0 : i + 1;
}

EXPORT(gw_context_destroy) void gw_context_destroy(uint32_t h)
{
    conversation *c = find(h);
    if (!c) return;
    galago_context_destroy(c->context);
    look_away(c);
    *c = (conversation){0};
}

EXPORT(gw_context_reset) void gw_context_reset(uint32_t h)
{
    conversation *c = find(h);
    if (!c) return;
    galago_context_reset(c->context);
    look_away(c);
}

EXPORT(gw_begin) galago_status gw_begin(uint32_t h, const char *json, uint32_t size)
{
    galago_error *e = begin_call();
    conversation *c = find(h);
    if (!c) return GALAGO_ERR_ARGUMENT;
    arena a = {0};
    answer_request r;
    galago_status s = read_answer_options(&a, json, size, find_image, &r, e);
    if (!s) {
        /* The new answer's pictures are held before the old one's are let go: they may be the same. */
        conversation before = *c;
        s = look_at(c, r.handles, r.n_images) ? GALAGO_OK : fail(e, GALAGO_ERR_MEMORY, "not enough memory for an answer");
        r.params.progress = report;
        if (!s) s = galago_generate_begin(c->context, r.messages, r.n_messages, &r.params, e);
        else galago_context_reset(c->context);
        look_away(&before);
        c->is_done = false;
        if (s) look_away(c);
    }
    arena_free(&a);
    return s;
}

EXPORT(gw_next) galago_status gw_next(uint32_t h)
{
    galago_error *e = begin_call();
    conversation *c = find(h);
    if (!c) return GALAGO_ERR_ARGUMENT;
    const char *piece;
    size_t size;
    galago_status s = galago_generate_next(c->context, &piece, &size, &c->is_done, e);
    if (!s) buf_append(&text, piece, size);
    if (s == GALAGO_PENDING) return s;
    if (s || c->is_done) look_away(c);
    return s ? s : text_status();
}

EXPORT(gw_done) int32_t gw_done(uint32_t h)
{
    begin_call();
    const conversation *c = find(h);
    return c && c->is_done;
}

EXPORT(gw_result) galago_status gw_result(uint32_t h)
{
    begin_call();
    const conversation *c = find(h);
    if (!c) return GALAGO_ERR_ARGUMENT;
    galago_result r;
    galago_generate_result(c->context, &r);
    write_result(&text, &r);
    return text_status();
}

EXPORT(gw_cancel) void gw_cancel(uint32_t h)
{
    begin_call();
    const conversation *c = find(h);
    if (c) galago_cancel(c->context);
}

EXPORT(gw_close) void gw_close(void)
{
    begin_call();
    for (uint32_t i = 0; i < n_conversations; i++)
        if (conversations[i].context) gw_context_destroy(i + 1);
    for (uint32_t i = 0; i < n_pictures; i++) galago_image_destroy(pictures[i].image);
    galago_model_open_abandon(opening);
    galago_model_close(model);
    free(conversations);
    free(pictures);
    buf_free(&text);
    buf_free(&error_text);
    opening = NULL, model = NULL, conversations = NULL, pictures = NULL;
    n_conversations = n_pictures = 0;
    text = error_text = (buf){0};
}

/* ---- text ---- */

EXPORT(gw_tokenize) galago_status gw_tokenize(const char *bytes, uint32_t size, int32_t special)
{
    galago_error *e = begin_call();
    if (!model) return no_model();
    /* A token takes a byte of text at least. */
    int32_t *ids = malloc((size + 1) * sizeof *ids);
    if (!ids) return fail(e, GALAGO_ERR_MEMORY, "not enough memory for the ids of %u bytes", size);
    size_t n;
    galago_status s = galago_tokenize(model, bytes, size, special != 0, ids, size, &n, e);
    if (!s) write_ids(&text, ids, n < size ? n : size);
    free(ids);
    return s ? s : text_status();
}

EXPORT(gw_detokenize) galago_status gw_detokenize(const int32_t *ids, uint32_t n, int32_t special)
{
    galago_error *e = begin_call();
    if (!model) return no_model();
    size_t size;
    galago_status s = galago_detokenize(model, ids, n, special != 0, NULL, 0, &size, e);
    if (s || !buf_reserve(&text, size + 1)) return s ? s : text_status();
    s = galago_detokenize(model, ids, n, special != 0, text.data, size, &size, e);
    if (!s) text.size = size;
    return s;
}

/* ---- measurements ---- */

/* FNV-1a of the bytes of the last logits, its lower 53 bits as a number and all 64 in hexadecimal as text; 0 before the first. */
EXPORT(gw_logits_hash) double gw_logits_hash(uint32_t h)
{
    begin_call();
    const conversation *c = find(h);
    const float *logits = c ? galago_context_logits(c->context) : NULL;
    if (!logits) return 0;
    galago_model_info info;
    galago_model_get_info(model, &info);
    uint64_t hash = 14695981039346656037ull;
    const uint8_t *bytes = (const uint8_t *)logits;
    for (size_t i = 0; i < info.n_vocab * sizeof *logits; i++) hash = (hash ^ bytes[i]) * 1099511628211ull;
    buf_printf(&text, "%016llx", (unsigned long long)hash);
    return (double)(hash & ((1ull << 53) - 1));
}

/* {"wasm_bytes":n,"heap_used_bytes":n}; the GPU's share is known to the host, which made its buffers. */
EXPORT(gw_memory) galago_status gw_memory(void)
{
    begin_call();
    buf_printf(&text, "{\"wasm_bytes\":%llu,\"heap_used_bytes\":%zu}", (unsigned long long)__builtin_wasm_memory_size(0) << 16, memory_used());
    return text_status();
}

#ifdef __wasm_atomics__
/* ---- threads: called in another worker's instance on the same memory ---- */

/* First of all: the stack of this instance. The engine has no thread-local variables. */
__asm__(".globaltype __stack_pointer, i32\n");
EXPORT(gw_thread_init) void gw_thread_init(void *stack_top, void *unused)
{
    (void)unused;
    __asm__ volatile("local.get %0\nglobal.set __stack_pointer" ::"r"(stack_top));
}
EXPORT(gw_thread_main) void gw_thread_main(void *arg) { thread_main(arg); }
#endif
