/* Opening a model: from a name to weights on a backend. */
#define _GNU_SOURCE
#include "engine/device.h"
#include "engine/opening.h"

#include "base/filemap.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- the lock ---- */

/* pthread mutexes are not part of what `const` promises: the model's contents do not change. */
galago_status model_lock(const galago_model *m, error *e)
{
    if (pthread_mutex_lock(m->lock) == 0) return GALAGO_OK;
    return fail(e, GALAGO_ERR_ARGUMENT, "a progress callback may not generate on the model that calls it");
}

void model_unlock(const galago_model *m) { pthread_mutex_unlock(m->lock); }

static bool lock_create(galago_model *m)
{
    pthread_mutexattr_t attr;
    if (pthread_mutexattr_init(&attr)) return false;
    pthread_mutexattr_settype(&attr, PTHREAD_MUTEX_ERRORCHECK);
    bool ok = pthread_mutex_init(&m->lock_storage, &attr) == 0;
    pthread_mutexattr_destroy(&attr);
    if (ok) m->lock = &m->lock_storage;
    return ok;
}

/* ---- limits of pictures ---- */

/* Sets the limits in force: the caller's, else the model's own, its upper one at most DEFAULT_IMAGE_TOKENS. A
 * limit that the caller moves beyond the model's other one takes that one along. */
static galago_status limit_pixels(preprocess_params *p, uint64_t min, uint64_t max, error *e)
{
    uint64_t factor = (uint64_t)p->patch_size * p->merge_size, token = factor * factor;
    if (min && max && min > max)
        return fail(e, GALAGO_ERR_ARGUMENT, "min_pixels %llu is more than max_pixels %llu",
                    (unsigned long long)min, (unsigned long long)max);
    if (max && max < token)
        return fail(e, GALAGO_ERR_ARGUMENT,
                    "max_pixels %llu: one image token alone covers %llu x %llu = %llu pixels",
                    (unsigned long long)max, (unsigned long long)factor, (unsigned long long)factor,
                    (unsigned long long)token);
    if (min > IMAGE_MAX_PIXELS || max > IMAGE_MAX_PIXELS)
        return fail(e, GALAGO_ERR_ARGUMENT, "%s %llu: at most %d", min > max ? "min_pixels" : "max_pixels",
                    (unsigned long long)(min > max ? min : max), IMAGE_MAX_PIXELS);
    if (max)
        p->max_pixels = max;
    else if (p->max_pixels > DEFAULT_IMAGE_TOKENS * token)
        p->max_pixels = DEFAULT_IMAGE_TOKENS * token;
    if (min) p->min_pixels = min;
    if (p->min_pixels > p->max_pixels) {
        if (max)
            p->min_pixels = p->max_pixels;
        else
            p->max_pixels = p->min_pixels;
    }
    return GALAGO_OK;
}

uint32_t most_patches(const preprocess_params *p, uint32_t n_ctx)
{
    /* smart_resize leaves the limits only for narrow pictures: the short side cannot fall below one token,
     * and sides are rounded up when a picture is enlarged. The narrowest that is accepted is 1 to 200. */
    double f = (double)p->patch_size * p->merge_size, max = (double)p->max_pixels,
           min = (double)p->min_pixels;
    double narrow = f * sqrt(200 * max) + f * f,
           enlarged = min + f * (sqrt(200 * min) + sqrt(min / 200)) + f * f;
    double area = fmax(max, fmax(narrow, enlarged)), patch = (double)p->patch_size * p->patch_size;
    double by_area = ceil(area / patch), by_context = (double)n_ctx * p->merge_size * p->merge_size;
    double n = fmin(fmin(by_area, by_context), 1e8);
    return (uint32_t)n;
}

uint32_t context_length(const model_config *c, uint32_t n_ctx)
{
    if (n_ctx) return n_ctx;
    return c->text.max_context < DEFAULT_N_CTX ? c->text.max_context : DEFAULT_N_CTX;
}

/* ---- memory ---- */

/* Bytes of a tensor of the file when it is held as `type`. An estimate: which tensors become what is decided
 * when they are loaded; here their names' most telling parts decide. */
static double held_bytes(const weight *t, galago_dtype type)
{
    double values = 1;
    int dims = 0;
    for (uint32_t i = 0; i < t->n_dims; i++) values *= (double)t->shape[i], dims += t->shape[i] > 1;
    if (dims < 2) return 4 * values;
    bool vision = strstr(t->name, "visual.") || !strncmp(t->name, "v.", 2) || !strncmp(t->name, "mm.", 3);
    bool head = strstr(t->name, "embed_tokens") || strstr(t->name, "token_embd") ||
                !strcmp(t->name, "lm_head.weight") || !strcmp(t->name, "output.weight");
    switch (type) {
    case GALAGO_DTYPE_F32: return 4 * values;
    case GALAGO_DTYPE_F16: return 2 * values;
    case GALAGO_DTYPE_Q8_0: return 34.0 / 32 * values;
    case GALAGO_DTYPE_Q4_0: return (head ? 210.0 / 256 : vision ? 34.0 / 32 : 18.0 / 32) * values;
    case GALAGO_DTYPE_AS_IS: break;
    }
    return t->bytes ? (double)t->bytes : 2 * values;
}

static double weights_plan(const weights *w, galago_dtype type)
{
    double total = 0;
    for (size_t i = 0; i < weights_count(w); i++) total += held_bytes(weights_at(w, i), type);
    return total;
}

/* Refuses a model that does not fit, before anything is loaded. */
static galago_status check_memory(const weights *w, const model_config *c, const galago_model_params *p,
                                  uint32_t batch, error *e)
{
    static const struct {
        galago_dtype type;
        const char *name;
    } smaller[] = {{GALAGO_DTYPE_F16, "f16"}, {GALAGO_DTYPE_Q8_0, "q8_0"}, {GALAGO_DTYPE_Q4_0, "q4_0"}};
    double limit = p->memory_limit ? (double)p->memory_limit : (double)memory_available();
    if (limit == 0) return GALAGO_OK; /* unknown */
    double context = 0;
    if (!p->memory_limit) { /* the caller's limit is on weights alone */
        uint32_t n_ctx = context_length(c, 0);
        session_plan plan =
            session_plan_for(c, n_ctx, most_patches(&c->preprocess, n_ctx), p->dtype == GALAGO_DTYPE_F32, batch);
        context = (double)(plan.state_bytes + plan.scratch_bytes);
    }
    double need = weights_plan(w, p->dtype);
    if (need + context <= limit) return GALAGO_OK;
    for (size_t i = 0; i < sizeof smaller / sizeof *smaller; i++) {
        double less = weights_plan(w, smaller[i].type);
        if (less < need && less + context <= limit)
            return fail(e, GALAGO_ERR_MEMORY,
                        "the weights take %.0f MB and a context %.0f MB, %.0f MB may be taken; dtype %s fits "
                        "with %.0f MB",
                        need / 1e6, context / 1e6, limit / 1e6, smaller[i].name, (less + context) / 1e6);
    }
    return fail(e, GALAGO_ERR_MEMORY,
                "the weights take %.0f MB and a context %.0f MB, %.0f MB may be taken; no dtype makes them "
                "fit: take a "
                "smaller model",
                need / 1e6, context / 1e6, limit / 1e6);
}

/* ---- opening ---- */

static galago_status check_params(const galago_model_params *p, error *e)
{
    if ((unsigned)p->device > GALAGO_DEVICE_GPU)
        return fail(e, GALAGO_ERR_ARGUMENT, "device %d does not exist", (int)p->device);
    if ((unsigned)p->dtype > GALAGO_DTYPE_Q4_0)
        return fail(e, GALAGO_ERR_ARGUMENT, "dtype %d does not exist", (int)p->dtype);
    if (p->n_threads > 1024) return fail(e, GALAGO_ERR_ARGUMENT, "n_threads %u: at most 1024", p->n_threads);
    return GALAGO_OK;
}

/* Runs of ids that may be sampled. */
static galago_status find_runs(galago_model *m, size_t n_vocab, error *e)
{
    size_t capacity = 0;
    for (size_t id = 0; id <= n_vocab; id++) {
        bool defined = id < n_vocab && tokenizer_defines(m->tokenizer, (int32_t)id);
        bool open = m->n_runs && m->runs[m->n_runs - 1].end < 0;
        if (open && !defined) m->runs[m->n_runs - 1].end = (int32_t)id;
        if (open || !defined) continue;
        if (m->n_runs == capacity) {
            capacity = capacity ? 2 * capacity : 8;
            id_run *p = realloc(m->runs, capacity * sizeof *p);
            if (!p) return fail(e, GALAGO_ERR_MEMORY, "not enough memory for the vocabulary");
            m->runs = p;
        }
        m->runs[m->n_runs++] = (id_run){(int32_t)id, -1};
    }
    return m->n_runs ? GALAGO_OK
                     : fail(e, GALAGO_ERR_FORMAT, "the tokenizer defines no id below %zu", n_vocab);
}

struct galago_opening {
    galago_model *m;
    device_choice *device;
    model_config config;   /* until there is a loader */
    model_options options;
    bool is_prepared;      /* the device is known to compute rightly, and compiles */
    model_loader *loader;  /* from then on */
    double spent_ms;
    char *path; /* for messages */
};

static uint32_t converting_threads(const galago_model_params *p)
{
    if (p->n_threads) return p->n_threads;
    long processors = sysconf(_SC_NPROCESSORS_ONLN);
    return processors > 0 ? (uint32_t)processors : 1;
}

/* Everything before the weights' data: files, configuration, tokenizer, memory plan. */
static galago_status begin_opening(galago_opening *o, const galago_model_params *p, error *e)
{
    galago_model *m = o->m;
    model_config *c = &o->config;
    galago_status s;
    if ((s = device_choose(m, p, &o->device, e))) return s;
    if ((s = weights_open(o->path, p->mmproj, &m->weights, e))) return s;
    if ((s = model_config_read(m->weights, c, e))) goto name_it;
    if ((s = weights_tokenizer(m->weights, c->text.n_vocab, &m->tokenizer, e))) goto name_it;
    if ((s = model_config_find_ids(c, m->tokenizer, e))) goto name_it;
    if (c->vision.n_layers && (s = limit_pixels(&c->preprocess, p->min_pixels, p->max_pixels, e)))
        return s;
    if ((s = check_memory(m->weights, c, p, o->m->backend->batch, e))) goto name_it;
    if ((s = find_runs(m, c->text.n_vocab, e))) goto name_it;
    o->options = (model_options){
        .dtype = p->dtype,
        .n_threads = converting_threads(p),
        .progress = p->progress,
        .progress_user = p->progress_user,
    };
    return device_test_begin(o->device, m, c, p->dtype, e);
name_it:
    fail_prefix(e, o->path);
    return s;
}

galago_status galago_model_open_begin(const char *name, const galago_model_params *params, galago_opening **out, galago_error *e)
{
    error_clear(e);
    *out = NULL;
    const galago_model_params none = {0};
    const galago_model_params *p = params ? params : &none;
    if (!name || !name[0])
        return fail(e, GALAGO_ERR_ARGUMENT,
                    "no model: give \"demo\", \"synthetic:qwen3.5-0.8b\", a GGUF file or a folder");
    galago_status s = check_params(p, e);
    if (s) return s;
    double started = time_ms();
    galago_opening *o = calloc(1, sizeof *o);
    galago_model *m = calloc(1, sizeof *m);
    if (o) o->m = m;
    if (!o || !m || !(m->name = strdup(name)) || !lock_create(m))
        s = fail(e, GALAGO_ERR_MEMORY, "not enough memory for a model");
    else if (strcmp(name, "demo") == 0)
        s = locate_demo(&o->path, e);
    else if (!(o->path = strdup(name)))
        s = fail(e, GALAGO_ERR_MEMORY, "not enough memory for a model");
    if (!s) s = begin_opening(o, p, e);
    if (s) {
        if (!o) free(m);
        galago_model_open_abandon(o);
        return s;
    }
    o->spent_ms = time_ms() - started;
    *out = o;
    return GALAGO_OK;
}

galago_status model_open_prepare(galago_opening *o, error *e)
{
    if (o->is_prepared) return GALAGO_OK;
    galago_model *m = o->m;
    galago_status s = device_test_step(o->device, m, e);
    if (s) return s;
    /* (Where a CPU plays the GPU each kernel takes seconds to compile: only those that are used.) */
    if (!m->backend->is_software) model_rehearse(m->backend, m->weights, &o->config, o->options.dtype);
    o->is_prepared = true;
    return GALAGO_OK;
}

galago_status galago_model_open_step(galago_opening *o, galago_model **out, galago_error *e)
{
    error_clear(e);
    *out = NULL;
    double started = time_ms();
    galago_model *m = o->m;
    galago_status s = model_open_prepare(o, e);
    bool device_failed = s != GALAGO_OK;
    if (!s && !o->loader) s = model_load_begin(m->backend, m->weights, &o->config, &o->options, &o->loader, e);
    if (!s) s = model_load_step(o->loader, &m->network, e);
    o->spent_ms += time_ms() - started;
    if (s == GALAGO_PENDING) return s;
    if (s) {
        if (s != GALAGO_CANCELLED && !device_failed) fail_prefix(e, o->path);
        galago_model_open_abandon(o);
        return s;
    }
    *out = o->m;
    o->m->load_ms = o->spent_ms;
    o->m = NULL;
    galago_model_open_abandon(o);
    return GALAGO_OK;
}

void galago_model_open_abandon(galago_opening *o)
{
    if (!o) return;
    model_loader_destroy(o->loader);
    device_choice_destroy(o->device);
    galago_model_close(o->m);
    free(o->path);
    free(o);
}

galago_status galago_model_open(const char *name, const galago_model_params *params, galago_model **out,
                                galago_error *e)
{
    *out = NULL;
    galago_opening *o;
    galago_status s = galago_model_open_begin(name, params, &o, e);
    if (s) return s;
    while ((s = galago_model_open_step(o, out, e)) == GALAGO_PENDING) {
        backend *b = o->m->backend; /* (the CPU's, when the GPU has failed its test) */
        if ((s = b->ops->wait(b, e))) {
            galago_model_open_abandon(o);
            return s;
        }
    }
    return s;
}

void galago_model_close(galago_model *m)
{
    if (!m) return;
    model_destroy(m->network);
    tokenizer_destroy(m->tokenizer);
    weights_close(m->weights);
    if (m->backend) m->backend->ops->destroy(m->backend);
    if (m->lock) pthread_mutex_destroy(m->lock);
    free(m->runs);
    free(m->name);
    free(m);
}
