/*
 * Reading GGUF version 3 (and 2, which has the same layout): header, keys, tensor infos, data; split files;
 * the vision part beside the text part. Every count, length, type and offset is checked against the file
 * before it is used.
 */
#define _GNU_SOURCE
#include "weights/weights_impl.h"

#include "base/half.h"
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { GGUF_MAGIC = 0x46554747, MAX_NAME = 64, MAX_KEY = 1024, MAX_NESTING = 4, MAX_PARTS = 1000 };
/* Bytes that keys and descriptions of a file that is not mapped may take. */
enum { MAX_HEAD = 1 << 30 };

/* Bytes of a value of fixed size; 0 for strings, arrays and unknown types. */
static size_t type_size(uint32_t type)
{
    static const uint8_t sizes[GGUF_TYPE_COUNT] = {1, 1, 2, 2, 4, 4, 4, 1, 0, 0, 8, 8, 8};
    return type < GGUF_TYPE_COUNT ? sizes[type] : 0;
}

/* ---- keys by name ---- */

static size_t key_slot(const weights *w, const char *name, uint32_t file)
{
    size_t mask = w->key_index.n_slots - 1, i = name_hash(name, strlen(name), file * 0x9E3779B9u) & mask;
    while (w->key_index.slots[i]) {
        const gguf_key *k = &w->keys[w->key_index.slots[i] - 1];
        if (k->file == file && strcmp(k->name, name) == 0) break;
        i = (i + 1) & mask;
    }
    return i;
}

const gguf_key *gguf_find(const weights *w, const char *name, uint32_t file)
{
    if (!w->key_index.n_slots) return NULL;
    uint32_t first = file == UINT32_MAX ? 0 : file, end = file == UINT32_MAX ? w->n_files : file + 1;
    for (uint32_t f = first; f < end; f++) {
        uint32_t i = w->key_index.slots[key_slot(w, name, f)];
        if (i) return &w->keys[i - 1];
    }
    return NULL;
}

static bool add_key(weights *w, const gguf_key *k)
{
    if (w->n_keys == w->keys_capacity) {
        size_t n = w->keys_capacity ? 2 * w->keys_capacity : 64;
        gguf_key *p = n < UINT32_MAX ? realloc(w->keys, n * sizeof *p) : NULL;
        if (!p) return false;
        w->keys = p;
        w->keys_capacity = n;
    }
    if (4 * (w->n_keys + 1) > 3 * w->key_index.n_slots) {
        size_t n = w->key_index.n_slots ? 2 * w->key_index.n_slots : 128;
        uint32_t *slots = calloc(n, sizeof *slots);
        if (!slots) return false;
        free(w->key_index.slots);
        w->key_index = (name_index){slots, n};
        for (size_t i = 0; i < w->n_keys; i++)
            slots[key_slot(w, w->keys[i].name, w->keys[i].file)] = (uint32_t)i + 1;
    }
    size_t slot = key_slot(w, k->name, k->file);
    w->keys[w->n_keys++] = *k;
    w->key_index.slots[slot] = (uint32_t)w->n_keys;
    return true;
}

static double number_at(uint32_t type, const uint8_t *p)
{
    switch (type) {
    case GGUF_U8:
    case GGUF_BOOL: return p[0];
    case GGUF_I8: return (int8_t)p[0];
    case GGUF_U16: return (uint16_t)(p[0] | p[1] << 8);
    case GGUF_I16: return (int16_t)(p[0] | p[1] << 8);
    case GGUF_U32: return load_u32(p);
    case GGUF_I32: return (int32_t)load_u32(p);
    case GGUF_F32: return (double)f32_from_bits(load_u32(p));
    case GGUF_U64: return (double)load_u64(p);
    case GGUF_I64: return (double)(int64_t)load_u64(p);
    default: break;
    }
    uint64_t bits = load_u64(p); /* GGUF_F64 */
    double v;
    memcpy(&v, &bits, sizeof v);
    return v;
}

bool gguf_number(const gguf_key *k, size_t i, double *out)
{
    if (!k || k->type == GGUF_STRING) return false;
    uint32_t type = k->type == GGUF_ARRAY ? k->elem_type : k->type;
    size_t size = type_size(type), n = k->type == GGUF_ARRAY ? k->count : 1;
    if (!size || i >= n) return false;
    *out = number_at(type, k->at + i * size);
    return true;
}

/* ---- one file ---- */

/* `begin` to `end` are the file's bytes that are in memory: all of a mapped file, else the head that was read so far. */
typedef struct reader {
    weights *w;
    const char *path;
    const uint8_t *begin, *p, *end;
    uint64_t size; /* of the file */
    bool needs_more; /* the failure at hand is that the head is too short, not the file */
    uint32_t file;
    error *e;
} reader;

static uint64_t position(const reader *r, const uint8_t *p) { return (uint64_t)(p - r->begin); }
static uint64_t left(const reader *r) { return r->size - position(r, r->p); }

/* Whether the next n bytes are in the file and in memory. */
static bool has(reader *r, uint64_t n)
{
    if (n <= (uint64_t)(r->end - r->p)) return true;
    r->needs_more = n <= left(r);
    return false;
}

static galago_status cut_off(reader *r, const char *what)
{
    return fail(r->e, GALAGO_ERR_FORMAT,
                "%s: the file ends after %llu bytes inside %s: it is truncated or damaged; get it again",
                r->path, (unsigned long long)r->size, what);
}

static bool take_u32(reader *r, uint32_t *v)
{
    if (!has(r, 4)) return false;
    *v = load_u32(r->p);
    r->p += 4;
    return true;
}
static bool take_u64(reader *r, uint64_t *v)
{
    if (!has(r, 8)) return false;
    *v = load_u64(r->p);
    r->p += 8;
    return true;
}
/* The length is compared with what is left, not added to a pointer. */
static bool take_string(reader *r, const uint8_t **bytes, size_t *size)
{
    uint64_t n;
    if (!take_u64(r, &n) || !has(r, n)) return false;
    *bytes = r->p;
    *size = (size_t)n;
    r->p += (size_t)n;
    return true;
}

/* A terminated copy of a name; NUL bytes inside would cut it and are refused. */
static galago_status take_name(reader *r, const char *what, size_t limit, const char **out)
{
    const uint8_t *bytes;
    size_t size;
    if (!take_string(r, &bytes, &size)) return cut_off(r, what);
    if (size == 0 || size > limit)
        return fail(r->e, GALAGO_ERR_FORMAT, "%s: %s of %zu bytes at byte %llu (1 to %zu are allowed)",
                    r->path, what, size, (unsigned long long)position(r, bytes), limit);
    if (memchr(bytes, 0, size))
        return fail(r->e, GALAGO_ERR_FORMAT, "%s: %s at byte %llu holds a NUL", r->path, what,
                    (unsigned long long)position(r, bytes));
    *out = arena_string(&r->w->memory, (const char *)bytes, size);
    return *out ? GALAGO_OK : fail(r->e, GALAGO_ERR_MEMORY, "%s: not enough memory", r->path);
}

static galago_status check_bools(reader *r, const char *key, const uint8_t *p, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (p[i] > 1)
            return fail(r->e, GALAGO_ERR_FORMAT, "%s: key %.100s: a boolean holds %u, not 0 or 1", r->path,
                        key, p[i]);
    return GALAGO_OK;
}

/* Goes over an array, whose head is read into *type and *count. */
static galago_status skip_array(reader *r, const char *key, uint32_t *type, size_t *count,
                                const uint8_t **first, int depth)
{
    uint64_t n;
    if (!take_u32(r, type) || !take_u64(r, &n)) return cut_off(r, key);
    *first = r->p;
    if (*type >= GGUF_TYPE_COUNT)
        return fail(r->e, GALAGO_ERR_FORMAT, "%s: key %.100s: elements of unknown type %u", r->path, key,
                    *type);
    /* A string takes 8 bytes at least, an array 12. */
    size_t size = type_size(*type), least = size ? size : *type == GGUF_STRING ? 8 : 12;
    if (n > left(r) / least)
        return fail(
            r->e, GALAGO_ERR_FORMAT,
            "%s: key %.100s: %llu elements, but only %llu bytes are left: the file is truncated or damaged",
            r->path, key, (unsigned long long)n, (unsigned long long)left(r));
    if (!has(r, n * least)) return cut_off(r, key);
    *count = (size_t)n;
    if (size) {
        r->p += *count * size;
        return *type == GGUF_BOOL ? check_bools(r, key, *first, *count) : GALAGO_OK;
    }
    if (*type == GGUF_ARRAY && depth >= MAX_NESTING)
        return fail(r->e, GALAGO_ERR_FORMAT, "%s: key %.100s: arrays nested deeper than %d", r->path, key,
                    MAX_NESTING);
    for (size_t i = 0; i < *count; i++) {
        const uint8_t *bytes;
        size_t inner_count;
        uint32_t inner_type;
        if (*type == GGUF_STRING) {
            if (!take_string(r, &bytes, &inner_count)) return cut_off(r, key);
        } else {
            galago_status s = skip_array(r, key, &inner_type, &inner_count, &bytes, depth + 1);
            if (s) return s;
        }
    }
    return GALAGO_OK;
}

static galago_status read_key(reader *r)
{
    gguf_key k = {.file = r->file};
    galago_status s = take_name(r, "a key's name", MAX_KEY, &k.name);
    if (s) return s;
    if (!take_u32(r, &k.type)) return cut_off(r, k.name);
    k.raw = r->p;
    size_t size = type_size(k.type);
    if (size) {
        if (!has(r, size)) return cut_off(r, k.name);
        k.at = r->p;
        r->p += size;
        k.count = 1;
        if (k.type == GGUF_BOOL && (s = check_bools(r, k.name, k.at, 1))) return s;
    } else if (k.type == GGUF_STRING) {
        if (!take_string(r, &k.at, &k.count)) return cut_off(r, k.name);
        k.text = arena_string(&r->w->memory, (const char *)k.at, k.count);
        if (!k.text) return fail(r->e, GALAGO_ERR_MEMORY, "%s: not enough memory", r->path);
    } else if (k.type == GGUF_ARRAY) {
        if ((s = skip_array(r, k.name, &k.elem_type, &k.count, &k.at, 0))) return s;
    } else {
        return fail(r->e, GALAGO_ERR_FORMAT, "%s: key %.100s has the unknown type %u", r->path, k.name,
                    k.type);
    }
    k.bytes = (size_t)(r->p - k.raw);
    if (gguf_find(r->w, k.name, r->file))
        return fail(r->e, GALAGO_ERR_FORMAT, "%s: key %.100s appears twice", r->path, k.name);
    return add_key(r->w, &k) ? GALAGO_OK
                             : fail(r->e, GALAGO_ERR_MEMORY, "%s: not enough memory for its keys", r->path);
}

/* A tensor's description; its offset within the data section goes to *offset. */
static galago_status read_info(reader *r, weight *t, uint64_t *offset)
{
    *t = (weight){.file = r->file, .shape = {1, 1, 1, 1, 1}};
    galago_status s = take_name(r, "a tensor's name", MAX_NAME, &t->name);
    if (s) return s;
    uint32_t type;
    if (!take_u32(r, &t->n_dims)) return cut_off(r, t->name);
    if (t->n_dims < 1 || t->n_dims > 4)
        return fail(r->e, GALAGO_ERR_FORMAT, "%s: tensor %s has %u dimensions (1 to 4 are allowed)", r->path,
                    t->name, t->n_dims);
    size_t values = 1;
    for (uint32_t i = 0; i < t->n_dims; i++) {
        uint64_t d;
        if (!take_u64(r, &d)) return cut_off(r, t->name);
        if (d == 0 || d > SIZE_MAX || size_mul_overflow(values, (size_t)d, &values))
            return fail(r->e, GALAGO_ERR_FORMAT, "%s: tensor %s: dimension %u is %llu", r->path, t->name, i,
                        (unsigned long long)d);
        t->shape[t->n_dims - 1 - i] = (size_t)d;
    }
    if (!take_u32(r, &type) || !take_u64(r, offset)) return cut_off(r, t->name);
    t->type = (dtype)type;
    const dtype_info *info = dtype_get(type);
    size_t row = t->shape[t->n_dims - 1];
    if (!info->name) return GALAGO_OK; /* bytes stay 0: their number is not known */
    size_t row_bytes = dtype_row_bytes(t->type, row);
    if (!row_bytes || size_mul_overflow(row_bytes, values / row, &t->bytes))
        return fail(r->e, GALAGO_ERR_FORMAT,
                    "%s: tensor %s: a row of %zu values does not divide into blocks of %u (%s)", r->path,
                    t->name, row, info->block_values, info->name);
    return GALAGO_OK;
}

static galago_status read_alignment(reader *r, size_t *alignment)
{
    double v = 32;
    const gguf_key *k = gguf_find(r->w, "general.alignment", r->file);
    if (k && !(k->type != GGUF_ARRAY && gguf_number(k, 0, &v))) v = 0;
    size_t n = v >= 1 && v <= 1 << 20 ? (size_t)v : 0;
    if (n != v || n == 0 || (n & (n - 1)))
        return fail(r->e, GALAGO_ERR_FORMAT,
                    "%s: general.alignment is %g, not a power of two up to 1,048,576", r->path, v);
    *alignment = n;
    return GALAGO_OK;
}

/* Header, keys and descriptions; then where each tensor lies. */
static galago_status parse(reader *r)
{
    weights *w = r->w;
    error *e = r->e;
    uint32_t magic, version;
    uint64_t n_tensors, n_keys;
    if (r->size == 0) return fail(e, GALAGO_ERR_FORMAT, "%s: the file is empty", r->path);
    if (!take_u32(r, &magic)) return cut_off(r, "the header");
    if (magic != GGUF_MAGIC)
        return fail(e, GALAGO_ERR_FORMAT,
                    "%s: is not a GGUF file (it begins with %02x %02x %02x %02x, not \"GGUF\")", r->path,
                    r->begin[0], r->begin[1], r->begin[2], r->begin[3]);
    if (!take_u32(r, &version)) return cut_off(r, "the header");
    if (version != 2 && version != 3) {
        bool swapped = version == 0x03000000 || version == 0x02000000;
        return fail(e, GALAGO_ERR_UNSUPPORTED, "%s: GGUF version %u is not supported (2 and 3 are)%s",
                    r->path, version, swapped ? ": this is a big-endian file" : "");
    }
    if (!take_u64(r, &n_tensors) || !take_u64(r, &n_keys)) return cut_off(r, "the header");
    /* The shortest key takes 8 + 1 + 4 + 1 bytes, the shortest description 8 + 1 + 4 + 8 + 4 + 8. */
    if (n_keys > left(r) / 14 || n_tensors > left(r) / 33)
        return fail(
            e, GALAGO_ERR_FORMAT,
            "%s: %llu keys and %llu tensors do not fit a file of %llu bytes: it is truncated or damaged",
            r->path, (unsigned long long)n_keys, (unsigned long long)n_tensors, (unsigned long long)r->size);
    galago_status s;
    for (uint64_t i = 0; i < n_keys; i++)
        if ((s = read_key(r))) return s;

    size_t first = w->count, alignment = 0;
    if ((s = read_alignment(r, &alignment))) return s;
    if (!has(r, n_tensors * 33)) return cut_off(r, "the tensors");
    uint64_t *offsets = calloc((size_t)n_tensors + 1, sizeof *offsets);
    if (!offsets)
        return fail(e, GALAGO_ERR_MEMORY, "%s: not enough memory for %llu tensors", r->path,
                    (unsigned long long)n_tensors);
    s = GALAGO_OK;
    for (uint64_t i = 0; i < n_tensors && !s; i++) {
        weight t;
        s = read_info(r, &t, &offsets[i]);
        if (!s) s = weights_add(w, &t, e);
    }
    uint64_t data = (position(r, r->p) + alignment - 1) & ~(uint64_t)(alignment - 1);
    uint64_t available = data < r->size ? r->size - data : 0;
    const filemap *map = &w->files[r->file].map;
    for (size_t i = 0; i < n_tensors && !s; i++) {
        weight *t = &w->list[first + i];
        if (offsets[i] % alignment)
            s = fail(e, GALAGO_ERR_FORMAT,
                     "%s: tensor %s begins at byte %llu of the data, which is not a multiple of %zu", r->path,
                     t->name, (unsigned long long)offsets[i], alignment);
        else if (offsets[i] > available || t->bytes > available - offsets[i])
            s = fail(e, GALAGO_ERR_FORMAT,
                     "%s: tensor %s needs %zu bytes from byte %llu of the data, the file has %llu: it is "
                     "truncated or damaged; get it again",
                     r->path, t->name, t->bytes, (unsigned long long)offsets[i], (unsigned long long)available);
        else
            t->offset = data + offsets[i];
        if (!s && !map->handle) t->data = r->begin + (size_t)t->offset;
    }
    free(offsets);
    return s;
}

/* Takes back all but the first `count` keys. */
static void forget_keys(weights *w, size_t count)
{
    if (w->n_keys == count) return;
    w->n_keys = count;
    memset(w->key_index.slots, 0, w->key_index.n_slots * sizeof *w->key_index.slots);
    for (size_t i = 0; i < count; i++)
        w->key_index.slots[key_slot(w, w->keys[i].name, w->keys[i].file)] = (uint32_t)i + 1;
}

/* The head moved: keys from `first` on point into it at its new place. `old` is only a number by now. */
static void rebase_keys(weights *w, size_t first, uintptr_t old, const uint8_t *now)
{
    for (size_t i = first; i < w->n_keys; i++) {
        w->keys[i].at = now + ((uintptr_t)w->keys[i].at - old);
        w->keys[i].raw = now + ((uintptr_t)w->keys[i].raw - old);
    }
}

galago_status gguf_parse(weights *w, uint32_t file, error *e)
{
    filemap *map = &w->files[file].map;
    const char *path = w->files[file].path;
    const size_t n_tensors = w->count, n_keys = w->n_keys;
    /* Where the vocabulary ends is only known behind it, so a head that turns out too short is read on, four times as long, and
     * begun anew: going over it takes milliseconds. */
    for (size_t head = w->first_head;; head *= 4) {
        galago_status s = filemap_grow_head(map, head, path, e);
        if (s) return s;
        error why = {0};
        reader r = {w, path, map->data, map->data, map->head ? map->data + map->head : map->data, map->size, false, file, &why};
        s = parse(&r);
        if (!s) {
            /* What keys point at stays. */
            uintptr_t begin = (uintptr_t)r.begin;
            filemap_shrink_head(map, (size_t)position(&r, r.p));
            rebase_keys(w, n_keys, begin, map->data);
            return GALAGO_OK;
        }
        if (!r.needs_more) return fail(e, s, "%s", why.message);
        if (head >= MAX_HEAD)
            return fail(e, GALAGO_ERR_FORMAT, "%s: its keys and tensor descriptions take more than %d MiB", path, MAX_HEAD >> 20);
        forget_keys(w, n_keys);
        if ((s = weights_truncate(w, n_tensors, e))) return s;
    }
}

/* ---- parts and pairs ---- */

static galago_status open_file(weights *w, const char *path, uint32_t *file, error *e)
{
    galago_status s = weights_open_file(w, path, file, e);
    return s ? s : gguf_parse(w, *file, e);
}

/* The other parts of a split file lie beside it as NAME-00002-of-00005.gguf and so on. */
static galago_status open_parts(weights *w, const char *path, uint32_t first, error *e)
{
    double count = 1, number = 0, total = 0;
    gguf_number(gguf_find(w, "split.count", first), 0, &count);
    gguf_number(gguf_find(w, "split.no", first), 0, &number);
    if (count <= 1) return GALAGO_OK;
    if (count > MAX_PARTS)
        return fail(e, GALAGO_ERR_FORMAT, "%s: split.count is %g (at most %d)", path, count, MAX_PARTS);
    char tail[32], want[32];
    unsigned n = (unsigned)count;
    snprintf(tail, sizeof tail, "-00001-of-%05u.gguf", n);
    size_t size = strlen(path), tail_size = strlen(tail);
    if (size < tail_size || number != 0 || strcmp(path + size - tail_size, tail))
        return fail(e, GALAGO_ERR_ARGUMENT,
                    "%s: is part %g of %u; give the first part, whose name ends in %s", path, number + 1, n,
                    tail);
    for (unsigned i = 2; i <= n; i++) {
        char *part = arena_string(&w->memory, path, size);
        if (!part) return fail(e, GALAGO_ERR_MEMORY, "%s: not enough memory", path);
        snprintf(want, sizeof want, "-%05u-of-%05u.gguf", i, n);
        memcpy(part + size - tail_size, want, tail_size);
        uint32_t file;
        galago_status s = open_file(w, part, &file, e);
        if (s) return s;
        double no = 0, of = 0;
        gguf_number(gguf_find(w, "split.no", file), 0, &no);
        gguf_number(gguf_find(w, "split.count", file), 0, &of);
        if (no != i - 1 || of != count)
            return fail(e, GALAGO_ERR_FORMAT, "%s: says that it is part %g of %g, expected %u of %u", part,
                        no + 1, of, i, n);
    }
    if (gguf_number(gguf_find(w, "split.tensors.count", first), 0, &total) && total != (double)w->count)
        return fail(e, GALAGO_ERR_FORMAT, "%s: its parts hold %zu tensors, split.tensors.count says %g", path,
                    w->count, total);
    return GALAGO_OK;
}

static bool has_suffix(const char *name, const char *end)
{
    size_t n = strlen(name), m = strlen(end);
    return n > m && strcasecmp(name + n - m, end) == 0;
}

/* What a vision part's name says besides "mmproj": "mmproj-demo.gguf" and "demo.mmproj.gguf" are both of
 * "demo". Writes at most `capacity` bytes. */
static void stem_of(const char *name, char *out, size_t capacity)
{
    const char *mark = strcasestr(name, "mmproj");
    size_t n = strlen(name) - 5, at = 0; /* without ".gguf" */
    for (size_t i = 0; i < n && at + 1 < capacity; i++) {
        if (mark && name + i == mark) {
            i += 5;
            continue;
        }
        out[at++] = name[i];
    }
    while (at && strchr("-._", out[at - 1])) at--;
    out[at] = 0;
    size_t skip = strspn(out, "-._");
    memmove(out, out + skip, at + 1 - skip);
}

/* Where the part of a stem that names the types begins: "model-Q4_K_M" and "model-f16" are both of "model".
 */
static size_t model_part(const char *stem)
{
    size_t n = strlen(stem), at = n;
    while (at && !strchr("-.", stem[at - 1])) at--;
    const char *last = stem + at;
    bool is_type = (strchr("qQ", last[0]) && last[0] && last[1] >= '0' && last[1] <= '9') ||
                   !strncasecmp(last, "iq", 2) || !strcasecmp(last, "f16") || !strcasecmp(last, "f32") ||
                   !strcasecmp(last, "bf16") || !strncasecmp(last, "mxfp", 4);
    return at && is_type ? at - 1 : n;
}

/* Sets *path to the vision part beside the text part, NULL when there is none. */
static galago_status find_mmproj(weights *w, const char *text_path, const char **path, error *e)
{
    *path = NULL;
    const char *folder = path_folder(&w->memory, text_path), *text_name = path_name(text_path);
    if (!folder) return fail(e, GALAGO_ERR_MEMORY, "%s: not enough memory", text_path);
    if (!has_suffix(text_name, ".gguf")) return GALAGO_OK;
    folder_entries *d = folder_open(folder);
    if (!d) return GALAGO_OK; /* a folder that may be entered but not listed */
    char stem[256], other[256], found[256] = "", others[200] = "";
    stem_of(text_name, stem, sizeof stem);
    /* Best of: 3 the same stem, 2 the same model in another type, 1 any other. */
    int best = 0, n_best = 0;
    for (const char *name; (name = folder_next(d));) {
        if (!has_suffix(name, ".gguf") || !strcasestr(name, "mmproj") || strlen(name) >= sizeof found)
            continue;
        stem_of(name, other, sizeof other);
        size_t n = model_part(stem), m = model_part(other);
        /* "mmproj-f16.gguf" names a type alone. */
        bool same_model = n == m && strncasecmp(stem, other, n) == 0;
        int rank = strcasecmp(stem, other) == 0 ? 3 : same_model ? 2 : 1;
        if (rank < best) continue;
        if (rank > best) others[0] = 0, n_best = 0;
        best = rank;
        n_best++;
        memcpy(found, name, strlen(name) + 1);
        size_t used = strlen(others), size = strlen(name);
        if (used + size + 3 < sizeof others) {
            if (used) memcpy(others + used, ", ", 2), used += 2;
            memcpy(others + used, name, size + 1);
        }
    }
    folder_close(d);
    if (n_best == 0) return GALAGO_OK;
    if (n_best > 1)
        return fail(e, GALAGO_ERR_ARGUMENT, "%s: %d vision parts lie beside it (%s); say which with --mmproj",
                    text_path, n_best, others);
    if (best == 1) { /* one of another name: not ours when the text part of that name is there */
        char twin[264];
        stem_of(found, other, sizeof other);
        snprintf(twin, sizeof twin, "%s.gguf", other);
        const char *p = path_join(&w->memory, folder, twin);
        if (p && file_exists(p)) return GALAGO_OK;
    }
    *path = path_join(&w->memory, folder, found);
    return *path ? GALAGO_OK : fail(e, GALAGO_ERR_MEMORY, "%s: not enough memory", text_path);
}

galago_status gguf_open(weights *w, const char *path, const char *mmproj, error *e)
{
    w->format = WEIGHTS_GGUF;
    uint32_t file;
    galago_status s = open_file(w, path, &file, e);
    if (!s) s = open_parts(w, path, file, e);
    if (s) return s;
    bool is_vision = strcmp(weights_key_string(w, "general.architecture", ""), "clip") == 0;
    if (!mmproj && !is_vision && (s = find_mmproj(w, path, &mmproj, e))) return s;
    if (mmproj && mmproj[0]) {
        if ((s = open_file(w, mmproj, &file, e))) return s;
        const gguf_key *arch = gguf_find(w, "general.architecture", file);
        if (!arch || !arch->text || strcmp(arch->text, "clip"))
            return fail(e, GALAGO_ERR_FORMAT,
                        "%s: is not a vision part: general.architecture is %.60s, not clip", mmproj,
                        arch && arch->text ? arch->text : "missing");
    }
    const gguf_key *k = gguf_find(w, "tokenizer.chat_template", 0);
    if (k && k->text) {
        w->chat_template = malloc(k->count + 1);
        if (!w->chat_template) return fail(e, GALAGO_ERR_MEMORY, "%s: not enough memory", path);
        memcpy(w->chat_template, k->text, k->count + 1);
        w->chat_template_size = k->count;
    }
    return GALAGO_OK;
}

/* ---- typed reads ---- */

bool weights_has_key(const weights *w, const char *key) { return gguf_find(w, key, UINT32_MAX) != NULL; }

uint64_t weights_key_u64(const weights *w, const char *key, uint64_t otherwise)
{
    const gguf_key *k = gguf_find(w, key, UINT32_MAX);
    if (!k) return otherwise;
    switch (k->type) {
    case GGUF_U8: return k->at[0];
    case GGUF_U16: return (uint64_t)(k->at[0] | k->at[1] << 8);
    case GGUF_U32: return load_u32(k->at);
    case GGUF_U64: return load_u64(k->at);
    case GGUF_I8:
    case GGUF_I16:
    case GGUF_I32:
    case GGUF_I64: break;
    default: return otherwise;
    }
    if (k->type == GGUF_I64) return k->at[7] & 0x80 ? otherwise : load_u64(k->at);
    double v = number_at(k->type, k->at);
    return v < 0 ? otherwise : (uint64_t)v;
}

double weights_key_f64(const weights *w, const char *key, double otherwise)
{
    const gguf_key *k = gguf_find(w, key, UINT32_MAX);
    double v;
    return k && k->type != GGUF_ARRAY && k->type != GGUF_BOOL && gguf_number(k, 0, &v) ? v : otherwise;
}

bool weights_key_bool(const weights *w, const char *key, bool otherwise)
{
    const gguf_key *k = gguf_find(w, key, UINT32_MAX);
    return k && k->type == GGUF_BOOL ? k->at[0] != 0 : otherwise;
}

const char *weights_key_string(const weights *w, const char *key, const char *otherwise)
{
    const gguf_key *k = gguf_find(w, key, UINT32_MAX);
    return k && k->text ? k->text : otherwise;
}

size_t weights_key_array(const weights *w, const char *key, double *out, size_t capacity)
{
    const gguf_key *k = gguf_find(w, key, UINT32_MAX);
    double v;
    if (!k || k->type != GGUF_ARRAY || !gguf_number(k, 0, &v)) return 0;
    for (size_t i = 0; i < k->count && i < capacity; i++) gguf_number(k, i, &out[i]);
    return k->count;
}
