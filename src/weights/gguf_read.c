/* GGUF v2 and v3: keys and tensor infos, all checked against the file (docs/FORMAT.md). */
#include "weights/internal.h"

#include "base/half.h"
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

enum value_type { U8, I8, U16, I16, U32, I32, F32, BOOL, STRING, ARRAY, U64, I64, F64, N_TYPES };
static const uint8_t value_bytes[N_TYPES] = {1, 1, 2, 2, 4, 4, 4, 1, 0, 0, 8, 8, 8};

typedef struct reader {
    const uint8_t *begin, *p, *end;
    error *e;
} reader;

static galago_status cut_off(reader *r, const char *what)
{
    return fail(r->e, GALAGO_ERR_FORMAT, "%s goes beyond the end of the file (at byte %zu of %zu): it is cut off or damaged; get it again",
                what, (size_t)(r->p - r->begin), (size_t)(r->end - r->begin));
}

static uint64_t little_endian(const uint8_t *p, size_t n)
{
    uint64_t v = 0;
    while (n--) v = v << 8 | p[n];
    return v;
}

static galago_status take(reader *r, size_t n, const char *what, uint64_t *out)
{
    *out = 0;
    if ((size_t)(r->end - r->p) < n) return cut_off(r, what);
    *out = little_endian(r->p, n);
    r->p += n;
    return GALAGO_OK;
}

static galago_status take_string(reader *r, const char *what, const char **bytes, size_t *size)
{
    uint64_t n;
    *bytes = NULL;
    *size = 0;
    galago_status s = take(r, 8, what, &n);
    if (s) return s;
    if (n > (size_t)(r->end - r->p)) return cut_off(r, what);
    *bytes = (const char *)r->p;
    *size = (size_t)n;
    r->p += n;
    return GALAGO_OK;
}

/* Skips the elements of an array, so that later reads need no checks. */
static galago_status skip_elements(reader *r, const char *name, uint32_t type, uint64_t count, int depth)
{
    if (type < N_TYPES && value_bytes[type]) {
        if (count > (size_t)(r->end - r->p) / value_bytes[type]) return cut_off(r, name);
        r->p += count * value_bytes[type];
        return GALAGO_OK;
    }
    /* A string or an array takes at least 8 bytes: a count beyond that cannot be true, and is refused before it is walked. */
    if (count > (size_t)(r->end - r->p) / 8) return cut_off(r, name);
    galago_status s = GALAGO_OK;
    for (uint64_t i = 0; i < count && !s; i++) {
        const char *bytes;
        size_t size;
        uint64_t inner_type, inner_count = 0;
        if (type == STRING) {
            s = take_string(r, name, &bytes, &size);
        } else if (type != ARRAY || depth > 3) {
            s = fail(r->e, GALAGO_ERR_FORMAT, "%.80s: value type %u, or arrays nested too deeply", name, type);
        } else {
            if (!(s = take(r, 4, name, &inner_type))) s = take(r, 8, name, &inner_count);
            if (!s) s = skip_elements(r, name, (uint32_t)inner_type, inner_count, depth + 1);
        }
    }
    return s;
}

static galago_status add_key(weights *w, gguf_key k, error *e)
{
    if (w->n_keys == w->keys_capacity) {
        size_t capacity = w->keys_capacity ? 2 * w->keys_capacity : 64;
        gguf_key *list = realloc(w->keys, capacity * sizeof *list);
        if (!list) return fail(e, GALAGO_ERR_MEMORY, "not enough memory for %zu keys", capacity);
        w->keys = list;
        w->keys_capacity = capacity;
    }
    w->keys[w->n_keys++] = k;
    return GALAGO_OK;
}

static galago_status read_key(weights *w, reader *r)
{
    gguf_key k = {0};
    const char *name;
    size_t size;
    uint64_t type, v;
    galago_status s = take_string(r, "a key's name", &name, &size);
    if (s) return s;
    if (!size || size > 65535 || memchr(name, 0, size)) return fail(r->e, GALAGO_ERR_FORMAT, "a key's name has %zu bytes or a NUL", size);
    k.name = arena_string(&w->memory, name, size);
    if (!k.name) return fail(r->e, GALAGO_ERR_MEMORY, "not enough memory for keys");
    if ((s = take(r, 4, k.name, &type))) return s;
    if (type == ARRAY) {
        if ((s = take(r, 4, k.name, &type)) || (s = take(r, 8, k.name, &v))) return s;
        k.is_array = true;
        k.count = v;
        k.type = (uint32_t)type;
        k.data = r->p;
        s = skip_elements(r, k.name, k.type, v, 0);
    } else if (type == STRING) {
        k.type = STRING;
        const char *bytes = NULL;
        if (!(s = take_string(r, k.name, &bytes, &size))) {
            k.count = size;
            k.data = (const uint8_t *)bytes;
            k.string = arena_string(&w->memory, bytes, size);
            if (!k.string) s = fail(r->e, GALAGO_ERR_MEMORY, "%.80s: not enough memory", k.name);
        }
    } else if (type < N_TYPES) {
        k.type = (uint32_t)type;
        k.data = r->p;
        s = take(r, value_bytes[type], k.name, &v);
    } else {
        s = fail(r->e, GALAGO_ERR_FORMAT, "%.80s: value type %llu is not known", k.name, (unsigned long long)type);
    }
    return s ? s : add_key(w, k, r->e);
}

/* Everything of an info but the offset's bounds, which need the beginning of the data. */
static galago_status read_info(weights *w, reader *r, uint32_t index, uint64_t *offset)
{
    const char *name;
    size_t size;
    uint64_t n_dims, type, v;
    galago_status s = take_string(r, "a tensor's name", &name, &size);
    if (s) return s;
    if (!size || size > 64 || memchr(name, 0, size))
        return fail(r->e, GALAGO_ERR_FORMAT, "a tensor's name has %zu bytes (1 to 64 are allowed) or a NUL", size);
    weight t = {.name = arena_string(&w->memory, name, size), .file = index, .shape = {1, 1, 1, 1, 1}};
    if (!t.name) return fail(r->e, GALAGO_ERR_MEMORY, "not enough memory for tensor names");
    if ((s = take(r, 4, t.name, &n_dims))) return s;
    if (n_dims < 1 || n_dims > 4) return fail(r->e, GALAGO_ERR_FORMAT, "%s: %llu dimensions", t.name, (unsigned long long)n_dims);
    t.n_dims = (uint32_t)n_dims;
    size_t n = 1;
    for (uint32_t d = 0; d < t.n_dims; d++) {
        if ((s = take(r, 8, t.name, &v))) return s;
        if (!v || v > UINT32_MAX || size_mul_overflow(n, (size_t)v, &n))
            return fail(r->e, GALAGO_ERR_FORMAT, "%s: dimension %llu", t.name, (unsigned long long)v);
        t.shape[t.n_dims - 1 - d] = (size_t)v; /* the file has the innermost first */
    }
    if ((s = take(r, 4, t.name, &type)) || (s = take(r, 8, t.name, offset))) return s;
    const dtype_info *info = dtype_get((uint32_t)type);
    t.type = (dtype)type;
    if (info->name) {
        size_t row = dtype_row_bytes(t.type, t.shape[t.n_dims - 1]);
        if (!row || size_mul_overflow(n / t.shape[t.n_dims - 1], row, &t.bytes))
            return fail(r->e, GALAGO_ERR_FORMAT, "%s: rows of %zu values do not divide into blocks of %s", t.name,
                        t.shape[t.n_dims - 1], info->name);
    }
    return weights_add(w, t, r->e); /* a type that is not known has no bytes: only using the tensor is an error */
}

static galago_status read_tensors(weights *w, reader *r, uint32_t index, uint64_t n_tensors, size_t first_key)
{
    galago_status s = GALAGO_OK;
    if (n_tensors > (size_t)(r->end - r->p) / 24) return cut_off(r, "the list of tensors");
    uint64_t *offsets = malloc(((size_t)n_tensors + 1) * sizeof *offsets);
    if (!offsets) return fail(r->e, GALAGO_ERR_MEMORY, "not enough memory for %llu tensors", (unsigned long long)n_tensors);
    size_t first = w->n_tensors;
    for (uint64_t i = 0; i < n_tensors && !s; i++) s = read_info(w, r, index, &offsets[i]);

    uint64_t alignment = 32;
    for (size_t i = first_key; i < w->n_keys; i++)
        if (strcmp(w->keys[i].name, "general.alignment") == 0 && !w->keys[i].is_array && w->keys[i].type == U32)
            alignment = little_endian(w->keys[i].data, 4);
    if (!s && (alignment < 8 || alignment > 1 << 20 || (alignment & (alignment - 1))))
        s = fail(r->e, GALAGO_ERR_FORMAT, "general.alignment %llu is not a power of two between 8 and 2^20", (unsigned long long)alignment);
    size_t at = (size_t)(r->p - r->begin), size = (size_t)(r->end - r->begin);
    size_t start = (at + (size_t)alignment - 1) & ~((size_t)alignment - 1);
    if (!s && n_tensors && start > size) s = cut_off(r, "the data section");
    for (uint64_t i = 0; i < n_tensors && !s; i++) {
        weight *t = &w->tensors[first + i];
        if (offsets[i] % alignment)
            s = fail(r->e, GALAGO_ERR_FORMAT, "%s: offset %llu is not a multiple of %llu", t->name, (unsigned long long)offsets[i],
                     (unsigned long long)alignment);
        else if (offsets[i] > size - start || t->bytes > size - start - (size_t)offsets[i])
            s = fail(r->e, GALAGO_ERR_FORMAT,
                     "%s: its %zu bytes at offset %llu go beyond the end of the file: it is cut off or damaged; get it again", t->name,
                     t->bytes, (unsigned long long)offsets[i]);
        else
            t->data = r->begin + start + offsets[i];
    }
    free(offsets);
    return s;
}

galago_status gguf_read(weights *w, uint32_t index, error *e)
{
    const filemap *f = &w->files[index].map;
    reader r = {f->data, f->data, f->data + f->size, e};
    uint64_t version, n_tensors = 0, n_keys = 0;
    if (f->size < 24 || memcmp(f->data, "GGUF", 4) != 0)
        return fail(e, GALAGO_ERR_FORMAT, "is not a GGUF file (it does not begin with \"GGUF\")");
    r.p += 4;
    galago_status s = take(&r, 4, "the version", &version);
    if (!s && version != 2 && version != 3)
        s = fail(e, GALAGO_ERR_UNSUPPORTED, "GGUF version %llu is not supported (2 and 3 are)", (unsigned long long)version);
    if (!s) s = take(&r, 8, "the count of tensors", &n_tensors);
    if (!s) s = take(&r, 8, "the count of keys", &n_keys);
    size_t first_key = w->n_keys;
    if (!s && n_keys > f->size / 12) s = cut_off(&r, "the list of keys");
    for (uint64_t i = 0; !s && i < n_keys; i++) s = read_key(w, &r);
    return s ? s : read_tensors(w, &r, index, n_tensors, first_key);
}

/* ---- pairs and parts ---- */

static galago_status open_one(weights *w, const char *path, error *e)
{
    uint32_t index;
    galago_status s = weights_map(w, path, &index, e);
    if (!s && (s = gguf_read(w, index, e))) fail_prefix(e, path);
    return s;
}

/* The other parts of "name-00001-of-00003.gguf". */
static galago_status open_parts(weights *w, const char *path, error *e)
{
    uint64_t count = weights_key_u64(w, "split.count", 1);
    size_t n = strlen(path);
    if (count <= 1) return GALAGO_OK;
    if (count > 9999 || n < 20 || strncmp(path + n - 20, "-00001-of-", 10) != 0)
        return fail(e, GALAGO_ERR_FORMAT, "%s: is one of %llu parts; open the first, named ...-00001-of-%05llu.gguf", path,
                    (unsigned long long)count, (unsigned long long)count);
    galago_status s = GALAGO_OK;
    for (uint64_t i = 2; i <= count && !s; i++) {
        buf part = {0};
        buf_printf(&part, "%.*s-%05llu-of-%05llu.gguf", (int)(n - 20), path, (unsigned long long)i, (unsigned long long)count);
        s = part.failed ? fail(e, GALAGO_ERR_MEMORY, "not enough memory") : open_one(w, part.data, e);
        buf_free(&part);
    }
    return s;
}

static bool names_mmproj(const char *name)
{
    size_t n = strlen(name);
    if (n < 5 || strcasecmp(name + n - 5, ".gguf") != 0) return false;
    for (; *name; name++)
        if (strncasecmp(name, "mmproj", 6) == 0) return true;
    return false;
}

/* Whether the candidate's name holds the text part's name up to its first dot. */
static bool shares_stem(const char *candidate, const char *text_name)
{
    size_t n = strcspn(text_name, ".");
    for (const char *p = candidate; *p; p++)
        if (strncasecmp(p, text_name, n) == 0) return true;
    return false;
}

/* The vision part beside the text part: the only mmproj*.gguf there, or the only one that carries the text part's name. */
static galago_status find_mmproj(const char *path, buf *found, error *e)
{
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
    buf folder = {0};
    buf_printf(&folder, "%.*s", slash ? (int)(slash - path) : 1, slash ? path : ".");
    DIR *d = folder.failed ? NULL : opendir(*folder.data ? folder.data : "/");
    size_t n = 0, n_sharing = 0;
    buf sharing = {0}, only = {0};
    for (struct dirent *entry; d && (entry = readdir(d));) {
        if (!names_mmproj(entry->d_name) || strcmp(entry->d_name, name) == 0) continue;
        n++;
        only.size = 0;
        buf_printf(&only, "%s/%s", folder.data, entry->d_name);
        if (!shares_stem(entry->d_name, name)) continue;
        n_sharing++;
        sharing.size = 0;
        buf_printf(&sharing, "%s/%s", folder.data, entry->d_name);
    }
    if (d) closedir(d);
    galago_status s = GALAGO_OK;
    if (n_sharing == 1) buf_str(found, sharing.data);
    else if (n == 1) buf_str(found, only.data);
    else if (n > 1) s = fail(e, GALAGO_ERR_ARGUMENT, "%s: %zu vision parts (mmproj*.gguf) lie beside it; choose one with --mmproj", path, n);
    if (!s && (found->failed || sharing.failed || only.failed || folder.failed)) s = fail(e, GALAGO_ERR_MEMORY, "not enough memory");
    buf_free(&folder);
    buf_free(&sharing);
    buf_free(&only);
    return s;
}

galago_status gguf_pair_open(weights *w, const char *path, const char *mmproj, error *e)
{
    w->format = WEIGHTS_GGUF;
    galago_status s = open_one(w, path, e);
    if (!s) s = open_parts(w, path, e);
    if (s) return s;
    buf found = {0};
    if (!mmproj && !(s = find_mmproj(path, &found, e)) && found.size) mmproj = found.data;
    if (!s && mmproj) {
        size_t first_key = w->n_keys;
        s = open_one(w, mmproj, e);
        bool is_vision = false;
        for (size_t i = first_key; !s && i < w->n_keys; i++) is_vision |= strncmp(w->keys[i].name, "clip.", 5) == 0;
        if (!s && !is_vision) s = fail(e, GALAGO_ERR_FORMAT, "%s: is not the vision part of a model (no clip.* keys)", mmproj);
    }
    buf_free(&found);
    const gguf_key *template = s ? NULL : gguf_find(w, "tokenizer.chat_template");
    if (template && template->string) {
        w->chat_template = template->string;
        w->chat_template_size = (size_t)template->count;
    }
    return s;
}

galago_status weights_open_bytes(const uint8_t *bytes, size_t size, bool is_gguf, weights **out, error *e)
{
    *out = NULL;
    weights *w = calloc(1, sizeof *w);
    if (w) w->files = calloc(1, sizeof *w->files);
    if (!w || !w->files) {
        free(w);
        return fail(e, GALAGO_ERR_MEMORY, "not enough memory");
    }
    w->n_files = 1;
    w->files[0] = (model_file){{bytes, size}, "memory", true};
    w->format = is_gguf ? WEIGHTS_GGUF : WEIGHTS_HF;
    galago_status s = is_gguf ? gguf_read(w, 0, e) : safetensors_read(w, 0, e);
    if (!s && !is_gguf) s = json_parse(&w->memory, "{}", 2, &w->config, e);
    if (!s) s = weights_index(w, e);
    if (s) {
        weights_close(w);
        return s;
    }
    *out = w;
    return GALAGO_OK;
}

/* ---- keys ---- */

const gguf_key *gguf_find(const weights *w, const char *name)
{
    for (size_t i = 0; i < w->n_keys; i++)
        if (strcmp(w->keys[i].name, name) == 0) return &w->keys[i];
    return NULL;
}

/* The i-th number at p, of any numeric type. */
static double number_at(const uint8_t *p, uint32_t type, size_t i)
{
    p += i * value_bytes[type];
    uint64_t v = little_endian(p, value_bytes[type]);
    switch (type) {
    case I8: return (int8_t)v;
    case I16: return (int16_t)v;
    case I32: return (int32_t)v;
    case I64: return (double)(int64_t)v;
    case F32: return f32_from_bits((uint32_t)v);
    case F64: {
        double d;
        memcpy(&d, &v, 8);
        return d;
    }
    case BOOL: return v != 0;
    default: return (double)v;
    }
}

static bool is_number(const gguf_key *k) { return k && k->type < N_TYPES && value_bytes[k->type]; }

bool weights_has_key(const weights *w, const char *key) { return gguf_find(w, key) != NULL; }

double weights_key_f64(const weights *w, const char *key, double otherwise)
{
    const gguf_key *k = gguf_find(w, key);
    return is_number(k) && !k->is_array ? number_at(k->data, k->type, 0) : otherwise;
}

uint64_t weights_key_u64(const weights *w, const char *key, uint64_t otherwise)
{
    const gguf_key *k = gguf_find(w, key);
    if (!is_number(k) || k->is_array || k->type == F32 || k->type == F64) return otherwise;
    double v = number_at(k->data, k->type, 0);
    return v < 0 ? otherwise : little_endian(k->data, value_bytes[k->type]);
}

bool weights_key_bool(const weights *w, const char *key, bool otherwise)
{
    const gguf_key *k = gguf_find(w, key);
    return k && !k->is_array && k->type == BOOL ? k->data[0] != 0 : otherwise;
}

const char *weights_key_string(const weights *w, const char *key, const char *otherwise)
{
    const gguf_key *k = gguf_find(w, key);
    return k && k->string ? k->string : otherwise;
}

size_t weights_key_array(const weights *w, const char *key, double *out, size_t capacity)
{
    const gguf_key *k = gguf_find(w, key);
    if (!is_number(k) || !k->is_array) return 0;
    for (size_t i = 0; i < k->count && i < capacity; i++) out[i] = number_at(k->data, k->type, i);
    return (size_t)k->count;
}

bool gguf_strings_begin(const weights *w, const char *name, gguf_strings *s)
{
    const gguf_key *k = gguf_find(w, name);
    if (!k || !k->is_array || k->type != STRING) return false;
    *s = (gguf_strings){k->data, k->count};
    return true;
}

bool gguf_strings_next(gguf_strings *s, const char **bytes, size_t *size)
{
    if (!s->left) return false;
    *size = (size_t)little_endian(s->p, 8);
    *bytes = (const char *)s->p + 8;
    s->p += 8 + *size;
    s->left--;
    return true;
}
