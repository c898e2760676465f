/* Opening model files and finding tensors in them, whatever the container. */
#include "weights/weights_impl.h"

#include "base/half.h"
#include "base/quant.h"
#include "base/str.h"
#include "weights/synthetic.h"
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Enough for the keys and descriptions of a vision part, and for the start of a text part's. */
enum { FIRST_HEAD = 1 << 18 };

/* ---- names ---- */

/* FNV-1a. */
uint32_t name_hash(const char *s, size_t size, uint32_t seed)
{
    uint32_t h = 2166136261u ^ seed;
    for (size_t i = 0; i < size; i++) h = (h ^ (uint8_t)s[i]) * 16777619u;
    return h;
}

static size_t weight_slot(const weights *w, const char *name)
{
    size_t mask = w->index.n_slots - 1, i = name_hash(name, strlen(name), 0) & mask;
    while (w->index.slots[i] && strcmp(w->list[w->index.slots[i] - 1].name, name)) i = (i + 1) & mask;
    return i;
}

static bool weight_index_grow(weights *w)
{
    size_t n = w->index.n_slots ? 2 * w->index.n_slots : 256;
    uint32_t *slots = calloc(n, sizeof *slots);
    if (!slots) return false;
    free(w->index.slots);
    w->index = (name_index){slots, n};
    for (size_t i = 0; i < w->count; i++) w->index.slots[weight_slot(w, w->list[i].name)] = (uint32_t)i + 1;
    return true;
}

galago_status weights_add(weights *w, const weight *t, error *e)
{
    const char *path = w->files ? w->files[t->file].path : w->path;
    if (w->count == w->capacity) {
        size_t n = w->capacity ? 2 * w->capacity : 128;
        weight *p = n < UINT32_MAX ? realloc(w->list, n * sizeof *p) : NULL;
        if (!p) return fail(e, GALAGO_ERR_MEMORY, "%s: not enough memory for %zu tensors", path, n);
        w->list = p;
        w->capacity = n;
    }
    if (4 * (w->count + 1) > 3 * w->index.n_slots && !weight_index_grow(w))
        return fail(e, GALAGO_ERR_MEMORY, "%s: not enough memory for its tensors", path);
    size_t slot = weight_slot(w, t->name);
    if (w->index.slots[slot]) {
        const weight *other = &w->list[w->index.slots[slot] - 1];
        if (other->file == t->file || !w->files)
            return fail(e, GALAGO_ERR_FORMAT, "%s: two tensors are called %.100s", path, t->name);
        return fail(e, GALAGO_ERR_FORMAT, "%s: tensor %.100s is also in %s; parts of two models lie together",
                    path, t->name, path_name(w->files[other->file].path));
    }
    w->list[w->count++] = *t;
    w->index.slots[slot] = (uint32_t)w->count;
    return GALAGO_OK;
}

galago_status weights_truncate(weights *w, size_t count, error *e)
{
    if (count == w->count) return GALAGO_OK;
    w->count = count;
    free(w->index.slots);
    w->index = (name_index){0};
    while (4 * (count + 1) > 3 * w->index.n_slots)
        if (!weight_index_grow(w)) return fail(e, GALAGO_ERR_MEMORY, "%s: not enough memory for its tensors", w->path);
    return GALAGO_OK;
}

const weight *weights_find(const weights *w, const char *name)
{
    if (!w->index.n_slots) return NULL;
    uint32_t i = w->index.slots[weight_slot(w, name)];
    return i ? &w->list[i - 1] : NULL;
}

size_t weights_count(const weights *w) { return w->count; }
const weight *weights_at(const weights *w, size_t i)
{
    assert(i < w->count);
    return &w->list[i];
}
weights_format weights_get_format(const weights *w) { return w->format; }
const json *weights_config(const weights *w) { return w->config; }

/* ---- files ---- */

const char *path_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

const char *path_folder(arena *a, const char *path)
{
    const char *slash = strrchr(path, '/');
    if (!slash) return ".";
    return arena_string(a, path, slash == path ? 1 : (size_t)(slash - path));
}

const char *path_join(arena *a, const char *folder, const char *name)
{
    size_t n = strlen(folder), m = strlen(name);
    char *s = arena_alloc(a, n + m + 2);
    if (!s) return NULL;
    memcpy(s, folder, n);
    if (n && folder[n - 1] != '/') s[n++] = '/';
    memcpy(s + n, name, m + 1);
    return s;
}

galago_status weights_add_file(weights *w, const char *path, filemap map, bool own, uint32_t *at, error *e)
{
    if (w->n_files == w->files_capacity) {
        uint32_t n = w->files_capacity ? 2 * w->files_capacity : 4;
        weight_file *p = realloc(w->files, n * sizeof *p);
        if (!p) return fail(e, GALAGO_ERR_MEMORY, "%s: not enough memory", path);
        w->files = p;
        w->files_capacity = n;
    }
    *at = w->n_files;
    w->files[w->n_files++] = (weight_file){path, map, own};
    return GALAGO_OK;
}

galago_status weights_open_file(weights *w, const char *path, uint32_t *at, error *e)
{
    filemap map;
    const char *copy = arena_string(&w->memory, path, strlen(path));
    if (!copy) return fail(e, GALAGO_ERR_MEMORY, "%s: not enough memory", path);
    galago_status s = w->first_head ? filemap_open_pieces(path, &map, e) : filemap_open(path, &map, e);
    if (s) return s;
    if ((s = weights_add_file(w, copy, map, true, at, e))) filemap_close(&map);
    return s;
}

static galago_status open_how(const char *path, const char *mmproj, size_t first_head, weights **out, error *e)
{
    *out = NULL;
    weights *w = calloc(1, sizeof *w);
    galago_status s;
    if (w) w->first_head = first_head;
    if (!w || !(w->path = arena_string(&w->memory, path, strlen(path)))) {
        s = fail(e, GALAGO_ERR_MEMORY, "%s: not enough memory", path);
    } else if (strncmp(path, "synthetic:", 10) == 0) {
        s = synthetic_open(w, path + 10, e);
    } else {
        if (folder_exists(path)) {
            s = hf_folder_open(w, path, NULL, e);
        } else if (str_ends_with(path, ".safetensors")) {
            const char *folder = path_folder(&w->memory, path);
            s = folder ? hf_folder_open(w, folder, path, e)
                       : fail(e, GALAGO_ERR_MEMORY, "%s: not enough memory", path);
        } else {
            s = gguf_open(w, path, mmproj, e);
        }
        if (!s && mmproj && mmproj[0] && w->format != WEIGHTS_GGUF)
            s = fail(e, GALAGO_ERR_ARGUMENT,
                     "%s: a vision part (%s) belongs to a GGUF file; this model has its own", path, mmproj);
    }
    if (s) {
        weights_close(w);
        return s;
    }
    *out = w;
    return GALAGO_OK;
}

galago_status weights_open(const char *path, const char *mmproj, weights **out, error *e)
{
    return open_how(path, mmproj, filemap_can_map() ? 0 : FIRST_HEAD, out, e);
}

galago_status weights_open_pieces(const char *path, const char *mmproj, size_t first_head, weights **out, error *e)
{
    return open_how(path, mmproj, first_head, out, e);
}

galago_status weights_open_memory(const char *name, const void *bytes, size_t size, weights **out, error *e)
{
    *out = NULL;
    weights *w = calloc(1, sizeof *w);
    if (!w) return fail(e, GALAGO_ERR_MEMORY, "%s: not enough memory", name);
    w->path = name;
    bool is_gguf = str_ends_with(name, ".gguf");
    w->format = is_gguf ? WEIGHTS_GGUF : WEIGHTS_HF;
    uint32_t file;
    galago_status s = weights_add_file(w, name, (filemap){bytes, size, size, 0}, false, &file, e);
    if (!s) s = is_gguf ? gguf_parse(w, file, e) : safetensors_parse(w, file, e);
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
    for (uint32_t i = 0; i < w->n_files; i++)
        if (w->files[i].is_own) filemap_close(&w->files[i].map);
    free(w->files);
    free(w->list);
    free(w->index.slots);
    free(w->keys);
    free(w->key_index.slots);
    free(w->chat_template);
    arena_free(&w->memory);
    free(w);
}

/* ---- values ---- */

bool weights_has_bytes(const weights *w, const weight *t)
{
    (void)t;
    return w->format != WEIGHTS_SYNTHETIC;
}

bool weights_bytes(const weights *w, const weight *t, size_t offset, size_t n, void *dst)
{
    assert(w->files && offset <= t->bytes && n <= t->bytes - offset);
    if (t->data) {
        memcpy(dst, t->data + offset, n);
        return true;
    }
    return filemap_read(&w->files[t->file].map, t->offset + offset, n, dst);
}

bool weights_read(const weights *w, const weight *t, size_t first, size_t n, float *out)
{
    if (!w->files) {
        size_t K = 1;
        for (uint32_t i = 1; i < t->n_dims; i++) K *= t->shape[i];
        synthetic_values(t->name, K, first, n, out);
        return true;
    }
    const dtype_info *info = dtype_get(t->type);
    assert(info->name && first % info->block_values == 0 && n % info->block_values == 0);
    size_t offset = first / info->block_values * info->block_bytes, size = n / info->block_values * info->block_bytes;
    if (t->data) {
        dequantize_row(t->type, t->data + offset, out, n);
        return true;
    }
    uint8_t *bytes = malloc(size ? size : 1);
    bool ok = bytes && weights_bytes(w, t, offset, size, bytes);
    if (ok)
        dequantize_row(t->type, bytes, out, n);
    else
        memset(out, 0, n * sizeof *out);
    free(bytes);
    return ok;
}

void weights_release(const weights *w, const weight *t)
{
    if (!t->data) return;
    const weight_file *f = &w->files[t->file];
    if (f->is_own) filemap_release(&f->map, (size_t)t->offset, t->bytes);
}

const char *weights_chat_template(const weights *w, size_t *size)
{
    *size = w->chat_template_size;
    return w->chat_template;
}
