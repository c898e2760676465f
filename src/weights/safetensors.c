/* safetensors: u64 header size, a JSON header, data (docs/FORMAT.md). */
#include "weights/internal.h"

#include <string.h>

enum { MAX_HEADER_BYTES = 100 << 20 }; /* the reference's own limit */

static uint64_t read_u64(const uint8_t *p)
{
    uint64_t v = 0;
    for (int i = 7; i >= 0; i--) v = v << 8 | p[i];
    return v;
}

/* An element type that no weight has here is kept under an id that is not supported: only using such a tensor is an error. */
static bool element_type(const char *name, dtype *type, size_t *bytes)
{
    static const struct {
        const char *name;
        int type;
        size_t bytes;
    } types[] = {
        {"F32", DTYPE_F32, 4}, {"F16", DTYPE_F16, 2}, {"BF16", DTYPE_BF16, 2}, {"I32", DTYPE_I32, 4},
        {"F64", DTYPE_COUNT, 8}, {"I64", DTYPE_COUNT, 8}, {"U64", DTYPE_COUNT, 8}, {"U32", DTYPE_COUNT, 4},
        {"I16", DTYPE_COUNT, 2}, {"U16", DTYPE_COUNT, 2}, {"I8", DTYPE_COUNT, 1}, {"U8", DTYPE_COUNT, 1},
        {"BOOL", DTYPE_COUNT, 1}, {"F8_E4M3", DTYPE_COUNT, 1}, {"F8_E5M2", DTYPE_COUNT, 1},
    };
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if (strcmp(types[i].name, name) == 0) {
            *type = (dtype)types[i].type;
            *bytes = types[i].bytes;
            return true;
        }
    return false;
}

static galago_status read_tensor(weights *w, uint32_t index, const json *entry, const uint8_t *data, size_t data_size, error *e)
{
    weight t = {.name = entry->key, .file = index, .shape = {1, 1, 1, 1, 1}};
    if (strlen(entry->key) != entry->key_size) return fail(e, GALAGO_ERR_FORMAT, "a tensor's name has a NUL byte");
    const char *type = json_string(json_get(entry, "dtype"), "");
    size_t element, n = 1;
    if (!element_type(type, &t.type, &element))
        return fail(e, GALAGO_ERR_UNSUPPORTED, "%.80s: dtype \"%.20s\" is not known", t.name, type);

    const json *shape = json_get(entry, "shape"), *offsets = json_get(entry, "data_offsets");
    if (!shape || shape->type != JSON_ARRAY || shape->u.list.count > 5)
        return fail(e, GALAGO_ERR_FORMAT, "%.80s: no shape, or more than 5 dimensions", t.name);
    for (const json *d = shape->u.list.first; d; d = d->next) {
        uint64_t v;
        if (!json_u64(d, UINT32_MAX, &v) || size_mul_overflow(n, (size_t)v, &n))
            return fail(e, GALAGO_ERR_FORMAT, "%.80s: a dimension is not a number below 2^32", t.name);
        t.shape[t.n_dims++] = (size_t)v;
    }
    uint64_t begin, end;
    if (!offsets || offsets->type != JSON_ARRAY || offsets->u.list.count != 2 ||
        !json_u64(offsets->u.list.first, UINT64_MAX, &begin) || !json_u64(offsets->u.list.first->next, UINT64_MAX, &end))
        return fail(e, GALAGO_ERR_FORMAT, "%.80s: data_offsets are not two numbers", t.name);
    if (end < begin || end > data_size)
        return fail(e, GALAGO_ERR_FORMAT,
                    "%.80s: its bytes %llu to %llu lie outside the data of %zu bytes: the file is cut off or damaged; get it again",
                    t.name, (unsigned long long)begin, (unsigned long long)end, data_size);
    if (size_mul_overflow(n, element, &t.bytes) || t.bytes != end - begin)
        return fail(e, GALAGO_ERR_FORMAT, "%.80s: %llu bytes for %zu values of %s", t.name, (unsigned long long)(end - begin), n, type);
    t.data = data + begin;
    return weights_add(w, t, e);
}

galago_status safetensors_read(weights *w, uint32_t index, error *e)
{
    const filemap *f = &w->files[index].map;
    if (f->size < 8) return fail(e, GALAGO_ERR_FORMAT, "%zu bytes are no safetensors file", f->size);
    uint64_t header = read_u64(f->data);
    if (header > MAX_HEADER_BYTES || header > f->size - 8)
        return fail(e, GALAGO_ERR_FORMAT, "a header of %llu bytes in a file of %zu: the file is cut off or not safetensors",
                    (unsigned long long)header, f->size);
    const json *root;
    galago_status s = json_parse(&w->memory, (const char *)f->data + 8, (size_t)header, &root, e);
    if (s) return s;
    if (root->type != JSON_OBJECT) return fail(e, GALAGO_ERR_FORMAT, "the header is not a JSON object");
    const uint8_t *data = f->data + 8 + header;
    for (const json *entry = root->u.list.first; entry && !s; entry = entry->next)
        if (strcmp(entry->key, "__metadata__") != 0) s = read_tensor(w, index, entry, data, f->size - 8 - (size_t)header, e);
    return s;
}
