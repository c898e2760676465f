#include "wasm/options.h"

#include "base/json.h"
#include <math.h>
#include <string.h>

static galago_status no_memory(error *e) { return fail(e, GALAGO_ERR_MEMORY, "not enough memory for the call's options"); }

/* A member that is there and not null. */
static const json *member(const json *root, const char *key)
{
    const json *v = json_get(root, key);
    return v && v->type != JSON_NULL ? v : NULL;
}

static galago_status take_u64(const json *root, const char *key, uint64_t max, uint64_t *out, error *e)
{
    const json *v = member(root, key);
    if (!v || json_u64(v, max, out)) return GALAGO_OK;
    return fail(e, GALAGO_ERR_ARGUMENT, "%s: must be a whole number from 0 to %llu", key, (unsigned long long)max);
}

static galago_status take_u32(const json *root, const char *key, uint32_t max, uint32_t *out, error *e)
{
    uint64_t v = *out;
    galago_status s = take_u64(root, key, max, &v, e);
    *out = (uint32_t)v;
    return s;
}

/* The engine knows the limits of each; here it must only be a number. */
static galago_status take_float(const json *root, const char *key, float *out, error *e)
{
    const json *v = member(root, key);
    if (!v) return GALAGO_OK;
    if (v->type != JSON_NUMBER || !isfinite((float)v->u.number)) return fail(e, GALAGO_ERR_ARGUMENT, "%s: must be a number", key);
    *out = (float)v->u.number;
    return GALAGO_OK;
}

static galago_status take_bool(const json *root, const char *key, bool *out, error *e)
{
    const json *v = member(root, key);
    if (!v) return GALAGO_OK;
    if (v->type != JSON_BOOL) return fail(e, GALAGO_ERR_ARGUMENT, "%s: must be true or false", key);
    *out = v->u.boolean;
    return GALAGO_OK;
}

/* Text without NUL characters, which would cut it short unnoticed. */
static galago_status check_text(const json *v, const char *key, const char **out, error *e)
{
    if (v->type != JSON_STRING) return fail(e, GALAGO_ERR_ARGUMENT, "%s: must be a string", key);
    if (strlen(v->u.string.bytes) != v->u.string.size) return fail(e, GALAGO_ERR_ARGUMENT, "%s: holds a NUL character", key);
    *out = v->u.string.bytes;
    return GALAGO_OK;
}

static galago_status take_text(const json *root, const char *key, const char **out, error *e)
{
    const json *v = member(root, key);
    return v ? check_text(v, key, out, e) : GALAGO_OK;
}

/* The index of a word among `words`. */
static galago_status take_word(const json *root, const char *key, const char *const *words, int n, int *out, error *e)
{
    const char *word = NULL;
    galago_status s = take_text(root, key, &word, e);
    if (s || !word) return s;
    for (int i = 0; i < n; i++)
        if (strcmp(words[i], word) == 0) {
            *out = i;
            return GALAGO_OK;
        }
    char all[96] = "";
    for (int i = 0; i < n; i++) {
        if (i) strcat(all, i + 1 < n ? ", " : " or ");
        strcat(all, words[i]);
    }
    return fail(e, GALAGO_ERR_ARGUMENT, "%s: \"%.40s\" is not %s", key, word, all);
}

/* Counts the array's elements; 0 where it is missing. */
static galago_status take_list(const json *root, const char *key, size_t max, const json **list, size_t *n, error *e)
{
    *list = member(root, key);
    *n = 0;
    if (!*list) return GALAGO_OK;
    if ((*list)->type != JSON_ARRAY) return fail(e, GALAGO_ERR_ARGUMENT, "%s: must be a list", key);
    *n = (*list)->u.list.count;
    return *n <= max ? GALAGO_OK : fail(e, GALAGO_ERR_ARGUMENT, "%s: has %zu entries, at most %zu are taken", key, *n, max);
}

static galago_status parse(arena *a, const char *text, size_t size, const json **root, error *e)
{
    galago_status s = json_parse(a, text, size, root, e);
    if (s) return fail_prefix(e, "options");
    if ((*root)->type != JSON_OBJECT) return fail(e, GALAGO_ERR_ARGUMENT, "options: must be an object");
    return GALAGO_OK;
}

galago_status read_open_options(arena *a, const char *text, size_t size, const char **name, galago_model_params *p, error *e)
{
    /* In the order of galago_device and galago_dtype. */
    static const char *const devices[] = {"auto", "cpu", "gpu"}, *const dtypes[] = {"as-is", "f32", "f16", "q8_0", "q4_0"};
    enum { PIXELS = 1 << 30 };
    const json *root;
    *name = NULL;
    *p = (galago_model_params){0};
    int device = GALAGO_DEVICE_AUTO, dtype = GALAGO_DTYPE_AS_IS;
    galago_status s = parse(a, text, size, &root, e);
    if (!s) s = take_text(root, "name", name, e);
    if (!s) s = take_text(root, "mmproj", &p->mmproj, e);
    if (!s) s = take_word(root, "device", devices, 3, &device, e);
    if (!s) s = take_word(root, "dtype", dtypes, 5, &dtype, e);
    if (!s) s = take_u32(root, "threads", 1024, &p->n_threads, e);
    if (!s) s = take_u64(root, "min_pixels", PIXELS, &p->min_pixels, e);
    if (!s) s = take_u64(root, "max_pixels", PIXELS, &p->max_pixels, e);
    if (!s) s = take_u64(root, "memory_limit", 1ull << 53, &p->memory_limit, e);
    if (!s) s = take_text(root, "isa", &p->cpu_isa, e);
    p->device = (galago_device)device;
    p->dtype = (galago_dtype)dtype;
    return s;
}

/* ---- an answer ---- */

static galago_status read_images(const json *message, image_lookup find, answer_request *r, galago_message *m, error *e)
{
    const json *list;
    galago_status s = take_list(message, "images", MAX_IMAGES, &list, &m->n_images, e);
    if (s) return s;
    m->images = r->images + r->n_images;
    for (const json *v = list ? list->u.list.first : NULL; v; v = v->next) {
        uint64_t handle;
        galago_image *image = json_u64(v, UINT32_MAX, &handle) ? find((uint32_t)handle) : NULL;
        if (!image) return fail(e, GALAGO_ERR_ARGUMENT, "images: entry %zu is no picture", (size_t)(r->n_images - (size_t)(m->images - r->images)) + 1);
        r->handles[r->n_images] = (uint32_t)handle;
        r->images[r->n_images++] = image;
    }
    return GALAGO_OK;
}

static galago_status read_message(const json *v, image_lookup find, answer_request *r, galago_message *m, error *e)
{
    static const char *const roles[] = {"system", "user", "assistant"}; /* in the order of galago_role */
    int role = -1;
    if (v->type != JSON_OBJECT) return fail(e, GALAGO_ERR_ARGUMENT, "must be an object");
    galago_status s = take_word(v, "role", roles, 3, &role, e);
    if (!s && role < 0) s = fail(e, GALAGO_ERR_ARGUMENT, "role: is missing");
    if (!s) s = take_text(v, "text", &m->text, e);
    if (!s) s = take_bool(v, "inline_images", &m->inline_images, e);
    if (!s) s = read_images(v, find, r, m, e);
    m->role = (galago_role)role;
    return s;
}

static galago_status read_messages(arena *a, const json *root, image_lookup find, answer_request *r, error *e)
{
    const json *list, *images;
    size_t n_images = 0, n;
    galago_status s = take_list(root, "messages", MAX_MESSAGES, &list, &r->n_messages, e);
    if (s) return s;
    if (!r->n_messages) return fail(e, GALAGO_ERR_ARGUMENT, "messages: there are none");
    for (const json *v = list->u.list.first; v; v = v->next) {
        if ((s = take_list(v, "images", MAX_IMAGES, &images, &n, e))) return s;
        n_images += n;
    }
    r->messages = arena_array(a, r->n_messages, sizeof *r->messages);
    r->images = arena_array(a, n_images, sizeof(galago_image *));
    r->handles = arena_array(a, n_images, sizeof *r->handles);
    if (!r->messages || !r->images || !r->handles) return no_memory(e);
    size_t i = 0;
    for (const json *v = list->u.list.first; v; v = v->next, i++) {
        error why = {0};
        if ((s = read_message(v, find, r, &r->messages[i], &why))) return fail(e, s, "message %zu: %s", i + 1, why.message);
    }
    return GALAGO_OK;
}

static galago_status read_stops(arena *a, const json *root, galago_generate_params *p, error *e)
{
    const json *list;
    size_t n = 0;
    galago_status s = take_list(root, "stop", MAX_STOPS, &list, &p->n_stop, e);
    if (s || !p->n_stop) return s;
    const char **stop = arena_array(a, p->n_stop, sizeof *stop);
    if (!stop) return no_memory(e);
    for (const json *v = list->u.list.first; v && !s; v = v->next) s = check_text(v, "stop", &stop[n++], e);
    p->stop = stop;
    return s;
}

static galago_status read_answer_ids(arena *a, const json *root, galago_generate_params *p, error *e)
{
    const json *list;
    size_t n = 0;
    galago_status s = take_list(root, "answer_ids", INT32_MAX, &list, &p->n_answer_ids, e);
    if (s || !p->n_answer_ids) return s;
    int32_t *ids = arena_array(a, p->n_answer_ids, sizeof *ids);
    if (!ids) return no_memory(e);
    for (const json *v = list->u.list.first; v; v = v->next) {
        uint64_t id;
        if (!json_u64(v, INT32_MAX, &id)) return fail(e, GALAGO_ERR_ARGUMENT, "answer_ids: entry %zu is no id", n + 1);
        ids[n++] = (int32_t)id;
    }
    p->answer_ids = ids;
    return GALAGO_OK;
}

galago_status read_answer_options(arena *a, const char *text, size_t size, image_lookup find, answer_request *r, error *e)
{
    const json *root;
    galago_generate_params *p = &r->params;
    *r = (answer_request){0};
    galago_status s = parse(a, text, size, &root, e);
    if (!s) s = read_messages(a, root, find, r, e);
    if (!s) s = take_u32(root, "max_tokens", INT32_MAX, &p->max_tokens, e);
    if (!s) s = take_float(root, "temperature", &p->temperature, e);
    if (!s) s = take_u32(root, "top_k", INT32_MAX, &p->top_k, e);
    if (!s) s = take_float(root, "top_p", &p->top_p, e);
    if (!s) s = take_float(root, "min_p", &p->min_p, e);
    if (!s) s = take_float(root, "repetition_penalty", &p->repetition_penalty, e);
    if (!s) s = take_float(root, "presence_penalty", &p->presence_penalty, e);
    if (!s) s = take_float(root, "frequency_penalty", &p->frequency_penalty, e);
    if (!s) s = take_u64(root, "seed", 1ull << 53, &p->seed, e);
    if (!s) s = read_stops(a, root, p, e);
    if (!s) s = take_u32(root, "logprobs", 64, &p->n_logprobs, e);
    if (!s) s = take_bool(root, "ignore_eos", &p->ignore_eos, e);
    if (!s) s = take_bool(root, "think", &p->think, e);
    if (!s) s = take_bool(root, "raw", &p->raw, e);
    if (!s) s = read_answer_ids(a, root, p, e);
    return s;
}
