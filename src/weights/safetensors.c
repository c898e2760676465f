/*
 * Reading safetensors: u64 size of the header | header, JSON | data. Every entry's type, shape and offsets
 * are checked against one another and against the file.
 */
#include "weights/weights_impl.h"

#include <string.h>

enum { MAX_HEADER = 100 * 1000 * 1000 };

typedef struct file_type {
    const char *name;
    uint32_t type;
    size_t bytes;
} file_type;

/* What the format has; only the first four are computed with. */
static const file_type types[] = {
    {"BF16", DTYPE_BF16, 2}, {"F16", DTYPE_F16, 2},   {"F32", DTYPE_F32, 4},      {"I32", DTYPE_I32, 4},
    {"F64", TYPE_F64, 8},    {"I64", TYPE_I64, 8},    {"I16", TYPE_I16, 2},       {"I8", TYPE_I8, 1},
    {"U8", TYPE_OTHER, 1},   {"BOOL", TYPE_OTHER, 1}, {"F8_E4M3", TYPE_OTHER, 1}, {"F8_E5M2", TYPE_OTHER, 1},
    {"U16", TYPE_OTHER, 2},  {"U32", TYPE_OTHER, 4},  {"U64", TYPE_OTHER, 8},     {"F8_E8M0", TYPE_OTHER, 1},
};

static const file_type *find_type(const char *name)
{
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if (strcmp(types[i].name, name) == 0) return &types[i];
    return NULL;
}

static galago_status read_entry(weights *w, uint32_t file, const json *entry, uint64_t data,
                                error *e)
{
    const filemap *map = &w->files[file].map;
    const char *path = w->files[file].path, *name = entry->key;
    const uint64_t available = map->size - data;
    if (strlen(name) != entry->key_size || entry->key_size == 0)
        return fail(e, GALAGO_ERR_FORMAT, "%s: a tensor's name is empty or holds a NUL", path);
    weight t = {.name = name, .file = file, .shape = {1, 1, 1, 1, 1}};
    const json *shape = json_get(entry, "shape"), *offsets = json_get(entry, "data_offsets");
    const char *type_name = json_string(json_get(entry, "dtype"), NULL);
    if (!type_name) return fail(e, GALAGO_ERR_FORMAT, "%s: tensor %.100s has no dtype", path, name);
    if (!shape || shape->type != JSON_ARRAY)
        return fail(e, GALAGO_ERR_FORMAT, "%s: tensor %.100s has no shape", path, name);
    if (shape->u.list.count > 5)
        return fail(e, GALAGO_ERR_FORMAT, "%s: tensor %.100s has %zu dimensions (at most 5 are allowed)",
                    path, name, shape->u.list.count);
    size_t values = 1;
    for (const json *d = shape->u.list.first; d; d = d->next) {
        uint64_t size;
        if (!json_u64(d, 1ull << 48, &size) || size > SIZE_MAX || size_mul_overflow(values, (size_t)size, &values))
            return fail(e, GALAGO_ERR_FORMAT, "%s: tensor %.100s: dimension %u is not a size", path, name,
                        t.n_dims);
        t.shape[t.n_dims++] = (size_t)size;
    }
    uint64_t begin, end;
    if (!offsets || offsets->type != JSON_ARRAY || offsets->u.list.count != 2 ||
        !json_u64(offsets->u.list.first, 1ull << 53, &begin) ||
        !json_u64(offsets->u.list.first->next, 1ull << 53, &end) || begin > end)
        return fail(e, GALAGO_ERR_FORMAT, "%s: tensor %.100s has no data_offsets [begin, end]", path, name);
    if (end > available)
        return fail(e, GALAGO_ERR_FORMAT,
                    "%s: tensor %.100s ends at byte %llu of the data, the file has %llu: it is truncated, "
                    "%llu bytes are missing; get it again",
                    path, name, (unsigned long long)end, (unsigned long long)available, (unsigned long long)(end - available));
    const file_type *type = find_type(type_name);
    t.type = (dtype)(type ? type->type : (uint32_t)TYPE_OTHER);
    if (type && (size_mul_overflow(values, type->bytes, &t.bytes) || t.bytes != end - begin))
        return fail(e, GALAGO_ERR_FORMAT,
                    "%s: tensor %.100s: %zu values of %s do not take the %llu bytes of its data_offsets",
                    path, name, values, type_name, (unsigned long long)(end - begin));
    if (end - begin > SIZE_MAX)
        return fail(e, GALAGO_ERR_MEMORY, "%s: tensor %.100s has %llu bytes, more than this machine can address", path, name,
                    (unsigned long long)(end - begin));
    t.bytes = (size_t)(end - begin);
    t.offset = data + begin;
    if (!map->handle) t.data = map->data + (size_t)t.offset;
    return weights_add(w, &t, e);
}

galago_status safetensors_parse(weights *w, uint32_t file, error *e)
{
    weight_file *f = &w->files[file];
    galago_status s = filemap_grow_head(&f->map, 8, f->path, e);
    if (s) return s;
    if (f->map.size < 8)
        return fail(e, GALAGO_ERR_FORMAT,
                    "%s: has %u bytes, too few for a safetensors file: it is truncated or empty", f->path,
                    (unsigned)f->map.size);
    uint64_t size = load_u64(f->map.data);
    if (size > MAX_HEADER)
        return fail(e, GALAGO_ERR_FORMAT,
                    "%s: a header of %llu bytes (at most %d): this is not a safetensors file", f->path,
                    (unsigned long long)size, MAX_HEADER);
    if (size > f->map.size - 8)
        return fail(e, GALAGO_ERR_FORMAT,
                    "%s: a header of %llu bytes in a file of %llu: it is truncated or not a safetensors file",
                    f->path, (unsigned long long)size, (unsigned long long)f->map.size);
    const json *header;
    if ((s = filemap_grow_head(&f->map, 8 + (size_t)size, f->path, e))) return s;
    s = json_parse(&w->memory, (const char *)f->map.data + 8, (size_t)size, &header, e);
    if (s) return fail_prefix(e, f->path);
    if (header->type != JSON_OBJECT)
        return fail(e, GALAGO_ERR_FORMAT, "%s: the header is not a JSON object", f->path);
    filemap_shrink_head(&f->map, 0); /* the names are in the arena */
    for (const json *entry = header->u.list.first; entry; entry = entry->next) {
        if (strcmp(entry->key, "__metadata__") == 0) continue;
        if ((s = read_entry(w, file, entry, 8 + size, e))) return s;
    }
    return GALAGO_OK;
}
