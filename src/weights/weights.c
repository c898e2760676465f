/* The one view of all containers: tensors by name, keys, and reading values. */
#include "weights/internal.h"

#include "base/half.h"
#include "base/quant.h"
#include "weights/synthetic.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* ---- names ---- */

static uint64_t hash_name(const char *s)
{
    uint64_t h = 14695981039346656037ull;
    for (; *s; s++) h = (h ^ (unsigned char)*s) * 1099511628211ull;
    return h;
}

galago_status weights_add(weights *w, weight t, error *e)
{
    if (w->n_tensors == w->capacity) {
        size_t capacity = w->capacity ? 2 * w->capacity : 256;
        weight *list = realloc(w->tensors, capacity * sizeof *list);
        if (!list) return fail(e, GALAGO_ERR_MEMORY, "not enough memory for %zu tensors", capacity);
        w->tensors = list;
        w->capacity = capacity;
    }
    w->tensors[w->n_tensors++] = t;
    return GALAGO_OK;
}

/* Open addressing, at most half full. */
galago_status weights_index(weights *w, error *e)
{
    size_t size = 16;
    while (size < 2 * w->n_tensors) size *= 2;
    w->slots = calloc(size, sizeof *w->slots);
    if (!w->slots) return fail(e, GALAGO_ERR_MEMORY, "not enough memory for %zu tensors", w->n_tensors);
    w->n_slots = size;
    for (size_t i = 0; i < w->n_tensors; i++) {
        size_t at = hash_name(w->tensors[i].name) & (size - 1);
        for (; w->slots[at]; at = (at + 1) & (size - 1))
            if (strcmp(w->tensors[w->slots[at] - 1].name, w->tensors[i].name) == 0)
                return fail(e, GALAGO_ERR_FORMAT, "%s: the tensor is there twice", w->tensors[i].name);
        w->slots[at] = (uint32_t)i + 1;
    }
    return GALAGO_OK;
}

const weight *weights_find(const weights *w, const char *name)
{
    for (size_t at = hash_name(name) & (w->n_slots - 1); w->slots[at]; at = (at + 1) & (w->n_slots - 1))
        if (strcmp(w->tensors[w->slots[at] - 1].name, name) == 0) return &w->tensors[w->slots[at] - 1];
    return NULL;
}

size_t weights_count(const weights *w) { return w->n_tensors; }
const weight *weights_at(const weights *w, size_t i) { return &w->tensors[i]; }
weights_format weights_get_format(const weights *w) { return w->format; }
const json *weights_config(const weights *w) { return w->config; }

const char *weights_chat_template(const weights *w, size_t *size)
{
    *size = w->chat_template_size;
    return w->chat_template;
}

/* ---- values ---- */

void weights_read(const weights *w, const weight *t, size_t first, size_t n, float *out)
{
    if (!t->data) {
        size_t K = 1;
        for (uint32_t i = 1; i < t->n_dims; i++) K *= t->shape[i];
        synthetic_values(t->name, K, first, n, out);
        return;
    }
    (void)w;
    const dtype_info *info = dtype_get(t->type);
    dequantize_row(t->type, t->data + first / info->block_values * info->block_bytes, out, n);
}

void weights_release(const weights *w, const weight *t)
{
    if (t->data && !w->files[t->file].borrowed) filemap_release(&w->files[t->file].map, (size_t)(t->data - w->files[t->file].map.data), t->bytes);
}

/* ---- files ---- */

galago_status weights_map(weights *w, const char *path, uint32_t *index, error *e)
{
    model_file *list = realloc(w->files, (w->n_files + 1) * sizeof *list);
    if (!list) return fail(e, GALAGO_ERR_MEMORY, "%s: not enough memory", path);
    w->files = list;
    model_file *f = &list[w->n_files];
    *f = (model_file){0};
    galago_status s = filemap_open(path, &f->map, e);
    if (s) return s;
    f->path = arena_string(&w->memory, path, strlen(path));
    *index = (uint32_t)w->n_files++;
    if (!f->path) return fail(e, GALAGO_ERR_MEMORY, "%s: not enough memory", path);
    return GALAGO_OK;
}

static bool ends_with(const char *s, const char *end)
{
    size_t n = strlen(s), m = strlen(end);
    return n >= m && strcmp(s + n - m, end) == 0;
}

static galago_status open_synthetic(weights *w, const char *name, error *e)
{
    const char *text = synthetic_config(name);
    if (!text)
        return fail(e, GALAGO_ERR_ARGUMENT, "synthetic:%.60s: there is synthetic:qwen3.5-0.8b, synthetic:qwen3.5-2b and "
                                            "synthetic:qwen3.5-4b", name);
    w->format = WEIGHTS_SYNTHETIC;
    galago_status s = json_parse(&w->memory, text, strlen(text), &w->config, e);
    return s ? s : synthetic_tensors(w, e);
}

galago_status weights_open(const char *path, const char *mmproj, weights **out, error *e)
{
    *out = NULL;
    weights *w = calloc(1, sizeof *w);
    if (!w) return fail(e, GALAGO_ERR_MEMORY, "not enough memory");
    galago_status s;
    struct stat st;
    if (strncmp(path, "synthetic:", 10) == 0) {
        s = open_synthetic(w, path + 10, e);
    } else if (stat(path, &st) != 0) {
        s = fail(e, GALAGO_ERR_IO, "%s: there is no such file or folder", path);
    } else if (S_ISDIR(st.st_mode)) {
        s = hf_folder_open(w, path, e);
    } else if (ends_with(path, ".safetensors") || ends_with(path, ".safetensors.index.json")) {
        const char *slash = strrchr(path, '/');
        buf folder = {0};
        buf_printf(&folder, "%.*s", slash ? (int)(slash - path) : 1, slash ? path : ".");
        s = folder.failed ? fail(e, GALAGO_ERR_MEMORY, "not enough memory") : hf_folder_open(w, folder.data, e);
        buf_free(&folder);
    } else {
        s = gguf_pair_open(w, path, mmproj, e);
    }
    if (!s) s = weights_index(w, e);
    if (s) {
        weights_close(w);
        return s;
    }
    *out = w;
    return GALAGO_OK;
}

void weights_close(weights *w)
{
    if (!w) return;
    for (size_t i = 0; i < w->n_files; i++)
        if (!w->files[i].borrowed) filemap_close(&w->files[i].map);
    free(w->files);
    free(w->tensors);
    free(w->slots);
    free(w->keys);
    arena_free(&w->memory);
    free(w);
}
