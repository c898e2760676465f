/* The GGUF reader: a small file whole, with every field damaged in turn, cut at every byte, and with every
 * byte flipped; split files and vision parts beside the text part. */
#define _GNU_SOURCE
#include "base/half.h"
#include "check.h"
#include "weights/weights_impl.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* Places in the file whose bytes the table below overwrites. */
typedef enum mark {
    MAGIC,
    VERSION,
    N_TENSORS,
    N_KEYS,
    KEY_LENGTH,
    KEY_BYTES,
    KEY_TYPE,
    STRING_LENGTH,
    BOOL_VALUE,
    ALIGNMENT_VALUE,
    ARRAY_TYPE,
    ARRAY_COUNT,
    STRINGS_COUNT,
    STRING_IN_ARRAY,
    NESTED_TYPE,
    NESTED_COUNT,
    BOOLS,
    LAST_KEY_BYTES,
    NAME_LENGTH,
    NAME_BYTES,
    N_DIMS,
    DIM_0,
    DIM_1,
    TYPE,
    OFFSET,
    SECOND_NAME,
    SECOND_OFFSET,
    N_MARKS,
} mark;

typedef struct file {
    buf b;
    size_t at[N_MARKS];
} file;

static void u32(buf *b, uint32_t v) { buf_append(b, &v, 4); }
static void u64(buf *b, uint64_t v) { buf_append(b, &v, 8); }
static void str(buf *b, const char *s)
{
    u64(b, strlen(s));
    buf_str(b, s);
}
static void here(file *f, mark m) { f->at[m] = f->b.size; }

/* Nine keys, three tensors: a.weight [2,3] f32, b.weight [4,32] q4_0, c.weight [5] of type 20, which is not
 * supported. */
static void build(file *f)
{
    buf *b = &f->b;
    *f = (file){.b = {0}};
    here(f, MAGIC), buf_str(b, "GGUF");
    here(f, VERSION), u32(b, 3);
    here(f, N_TENSORS), u64(b, 3);
    here(f, N_KEYS), u64(b, 9);

    here(f, KEY_LENGTH), u64(b, 20);
    here(f, KEY_BYTES), buf_str(b, "general.architecture");
    here(f, KEY_TYPE), u32(b, GGUF_STRING);
    here(f, STRING_LENGTH), str(b, "qwen35");
    str(b, "yes"), u32(b, GGUF_BOOL);
    here(f, BOOL_VALUE), buf_append(b, "\1", 1);
    str(b, "general.alignment"), u32(b, GGUF_U32);
    here(f, ALIGNMENT_VALUE), u32(b, 64);
    str(b, "numbers"), u32(b, GGUF_ARRAY);
    here(f, ARRAY_TYPE), u32(b, GGUF_I16);
    here(f, ARRAY_COUNT), u64(b, 3);
    buf_append(b, "\1\0\xff\xff\0\1", 6);
    str(b, "strings"), u32(b, GGUF_ARRAY), u32(b, GGUF_STRING);
    here(f, STRINGS_COUNT), u64(b, 2);
    here(f, STRING_IN_ARRAY), str(b, "one"), str(b, "");
    str(b, "nested"), u32(b, GGUF_ARRAY), u32(b, GGUF_ARRAY), u64(b, 2);
    here(f, NESTED_TYPE), u32(b, GGUF_U8);
    here(f, NESTED_COUNT), u64(b, 1), buf_append(b, "x", 1);
    u32(b, GGUF_STRING), u64(b, 0);
    str(b, "bools"), u32(b, GGUF_ARRAY), u32(b, GGUF_BOOL), u64(b, 2);
    here(f, BOOLS), buf_append(b, "\0\1", 2);
    str(b, "f32"), u32(b, GGUF_F32), u32(b, f32_bits(0.25f));
    u64(b, 3);
    here(f, LAST_KEY_BYTES), buf_str(b, "i64");
    u32(b, GGUF_I64), u64(b, (uint64_t)-5);

    here(f, NAME_LENGTH), u64(b, 8);
    here(f, NAME_BYTES), buf_str(b, "a.weight");
    here(f, N_DIMS), u32(b, 2);
    here(f, DIM_0), u64(b, 3);
    here(f, DIM_1), u64(b, 2);
    here(f, TYPE), u32(b, DTYPE_F32);
    here(f, OFFSET), u64(b, 0);
    u64(b, 8);
    here(f, SECOND_NAME), buf_str(b, "b.weight"), u32(b, 2), u64(b, 32), u64(b, 4), u32(b, DTYPE_Q4_0);
    here(f, SECOND_OFFSET), u64(b, 64);
    str(b, "c.weight"), u32(b, 1), u64(b, 5), u32(b, 20), u64(b, 192);
    while (b->size % 64) buf_append(b, "", 1);
    for (int i = 0; i < 6; i++) u32(b, f32_bits((float)i));
    while (b->size % 64) buf_append(b, "", 1);
    for (int i = 0; i < 4; i++) {
        const uint16_t one = f32_to_f16(1);
        buf_append(b, &one, 2);
        for (int j = 0; j < 16; j++) buf_append(b, "\x79", 1); /* low nibbles 9 -> 1, high nibbles 7 -> -1 */
    }
    while (b->size % 64) buf_append(b, "", 1);
}

/* Opens a copy in an allocation of exactly its size. */
static galago_status open_copy(const char *bytes, size_t size, weights **w, uint8_t **copy, error *e)
{
    *copy = malloc(size ? size : 1);
    memcpy(*copy, bytes, size);
    error_clear(e);
    return weights_open_memory("x.gguf", *copy, size, w, e);
}

static void test_whole(void)
{
    file f;
    weights *w;
    uint8_t *copy;
    error e = {0};
    build(&f);
    CHECK(!open_copy(f.b.data, f.b.size, &w, &copy, &e), "%s", e.message);
    CHECK(weights_count(w) == 3 && weights_get_format(w) == WEIGHTS_GGUF, "%zu", weights_count(w));
    const weight *a = weights_find(w, "a.weight"), *b = weights_find(w, "b.weight"),
                 *c = weights_find(w, "c.weight");
    CHECK(a && a->n_dims == 2 && a->shape[0] == 2 && a->shape[1] == 3 && a->shape[2] == 1 && a->bytes == 24,
          "a");
    CHECK(b && b->type == DTYPE_Q4_0 && b->bytes == 72 && b->shape[0] == 4 && b->shape[1] == 32, "b");
    CHECK(c && !dtype_get(c->type)->name && c->type == (dtype)20, "an unsupported type is listed");
    CHECK(!weights_find(w, "d.weight") && !weights_find(w, ""), "missing");
    float v[128];
    weights_read(w, a, 1, 5, v);
    CHECK(v[0] == 1 && v[4] == 5, "%g %g", (double)v[0], (double)v[4]);
    weights_read(w, b, 32, 96, v);
    CHECK(v[0] == 1 && v[15] == 1 && v[16] == -1 && v[95] == -1, "%g %g", (double)v[0], (double)v[16]);
    double n[4] = {0};
    CHECK(weights_key_array(w, "numbers", n, 2) == 3 && n[0] == 1 && n[1] == -1 && n[2] == 0, "%g %g %g",
          n[0], n[1], n[2]);
    CHECK(weights_key_array(w, "bools", n, 4) == 2 && n[0] == 0 && n[1] == 1, "bools");
    CHECK(weights_key_array(w, "strings", n, 4) == 0 && weights_key_array(w, "nested", n, 4) == 0 &&
              weights_key_array(w, "f32", n, 4) == 0,
          "no numbers");
    CHECK(!strcmp(weights_key_string(w, "general.architecture", ""), "qwen35"), "string");
    CHECK(weights_key_bool(w, "yes", false) && weights_key_bool(w, "no", true), "bool");
    CHECK(weights_key_u64(w, "general.alignment", 0) == 64 && weights_key_u64(w, "i64", 7) == 7 &&
              weights_key_u64(w, "f32", 9) == 9,
          "u64");
    CHECK(weights_key_f64(w, "f32", 0) == 0.25 && weights_key_f64(w, "i64", 0) == -5 &&
              weights_key_f64(w, "numbers", 3) == 3,
          "f64");
    CHECK(weights_has_key(w, "strings") && !weights_has_key(w, "string"), "has_key");
    weights_close(w);
    free(copy);
    buf_free(&f.b);
}

static void test_integer_keys(void)
{
    /* Any width reads the same. */
    static const struct {
        uint32_t type;
        int64_t value;
        size_t bytes;
        uint64_t want; /* 77 = the default: negative numbers are not counts */
    } cases[] = {{GGUF_U8, 200, 1, 200},
                 {GGUF_I8, 100, 1, 100},
                 {GGUF_I8, -1, 1, 77},
                 {GGUF_U16, 60000, 2, 60000},
                 {GGUF_I16, 3000, 2, 3000},
                 {GGUF_I16, -3, 2, 77},
                 {GGUF_U32, 4000000000, 4, 4000000000},
                 {GGUF_I32, 5, 4, 5},
                 {GGUF_I32, -5, 4, 77},
                 {GGUF_U64, 1ll << 60, 8, 1ull << 60},
                 {GGUF_I64, 1ll << 60, 8, 1ull << 60}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        buf b = {0};
        buf_str(&b, "GGUF"), u32(&b, 3), u64(&b, 0), u64(&b, 1), str(&b, "k"), u32(&b, cases[i].type);
        buf_append(&b, &cases[i].value, cases[i].bytes);
        weights *w;
        uint8_t *copy;
        error e = {0};
        CHECK(!open_copy(b.data, b.size, &w, &copy, &e), "%zu: %s", i, e.message);
        CHECK(w && weights_key_u64(w, "k", 77) == cases[i].want, "%zu", i);
        weights_close(w);
        free(copy);
        buf_free(&b);
    }
}

static void test_damage(void)
{
    static const struct {
        mark at;
        size_t offset, width;
        uint64_t value;
        galago_status want;
        const char *says;
    } cases[] = {
        {MAGIC, 0, 4, 0x46464947, GALAGO_ERR_FORMAT, "is not a GGUF file"},
        {VERSION, 0, 4, 1, GALAGO_ERR_UNSUPPORTED, "version 1"},
        {VERSION, 0, 4, 4, GALAGO_ERR_UNSUPPORTED, "version 4"},
        {VERSION, 0, 4, 0x03000000, GALAGO_ERR_UNSUPPORTED, "big-endian"},
        {N_TENSORS, 0, 8, 4, GALAGO_ERR_FORMAT, ""},
        {N_TENSORS, 0, 8, 1ull << 40, GALAGO_ERR_FORMAT, "do not fit"},
        {N_TENSORS, 0, 8, UINT64_MAX, GALAGO_ERR_FORMAT, "do not fit"},
        {N_KEYS, 0, 8, 10, GALAGO_ERR_FORMAT, ""},
        {N_KEYS, 0, 8, 8, GALAGO_ERR_FORMAT, ""},
        {N_KEYS, 0, 8, UINT64_MAX, GALAGO_ERR_FORMAT, "do not fit"},
        {KEY_LENGTH, 0, 8, 0, GALAGO_ERR_FORMAT, "key's name of 0 bytes"},
        {KEY_LENGTH, 0, 8, 1ull << 33, GALAGO_ERR_FORMAT, "ends"},
        {KEY_LENGTH, 0, 8, UINT64_MAX, GALAGO_ERR_FORMAT, "ends"},
        {KEY_BYTES, 3, 1, 0, GALAGO_ERR_FORMAT, "NUL"},
        {KEY_TYPE, 0, 4, 13, GALAGO_ERR_FORMAT, "general.architecture has the unknown type 13"},
        {KEY_TYPE, 0, 4, UINT32_MAX, GALAGO_ERR_FORMAT, "unknown type"},
        {STRING_LENGTH, 0, 8, UINT64_MAX - 7, GALAGO_ERR_FORMAT, "general.architecture"},
        {BOOL_VALUE, 0, 1, 2, GALAGO_ERR_FORMAT, "key yes"},
        {ALIGNMENT_VALUE, 0, 4, 0, GALAGO_ERR_FORMAT, "general.alignment is 0"},
        {ALIGNMENT_VALUE, 0, 4, 48, GALAGO_ERR_FORMAT, "48"},
        {ALIGNMENT_VALUE, 0, 4, 1u << 31, GALAGO_ERR_FORMAT, "power of two"},
        {ALIGNMENT_VALUE, 0, 4, 128, GALAGO_ERR_FORMAT, "not a multiple of 128"},
        {ARRAY_TYPE, 0, 4, 99, GALAGO_ERR_FORMAT, "key numbers: elements of unknown type 99"},
        {ARRAY_COUNT, 0, 8, 1ull << 62, GALAGO_ERR_FORMAT, "key numbers"},
        {ARRAY_COUNT, 0, 8, UINT64_MAX, GALAGO_ERR_FORMAT, "key numbers"},
        {STRINGS_COUNT, 0, 8, 1ull << 61, GALAGO_ERR_FORMAT, "key strings"},
        {STRING_IN_ARRAY, 0, 8, UINT64_MAX, GALAGO_ERR_FORMAT, "strings"},
        {NESTED_TYPE, 0, 4, 50, GALAGO_ERR_FORMAT, "nested"},
        {NESTED_COUNT, 0, 8, UINT64_MAX, GALAGO_ERR_FORMAT, "nested"},
        {BOOLS, 1, 1, 255, GALAGO_ERR_FORMAT, "key bools"},
        {LAST_KEY_BYTES, 0, 3, 'y' | 'e' << 8 | 's' << 16, GALAGO_ERR_FORMAT, "key yes appears twice"},
        {NAME_LENGTH, 0, 8, 0, GALAGO_ERR_FORMAT, "tensor's name of 0 bytes"},
        {NAME_LENGTH, 0, 8, 65, GALAGO_ERR_FORMAT, "65 bytes"},
        {NAME_BYTES, 0, 1, 0, GALAGO_ERR_FORMAT, "NUL"},
        {NAME_BYTES, 0, 1, 'b', GALAGO_ERR_FORMAT, "two tensors are called b.weight"},
        {N_DIMS, 0, 4, 0, GALAGO_ERR_FORMAT, "a.weight has 0 dimensions"},
        {N_DIMS, 0, 4, 5, GALAGO_ERR_FORMAT, "a.weight has 5 dimensions"},
        {DIM_0, 0, 8, 0, GALAGO_ERR_FORMAT, "dimension 0 is 0"},
        {DIM_0, 0, 8, 1000, GALAGO_ERR_FORMAT, "a.weight needs 8000 bytes"},
        {DIM_0, 0, 8, 1ull << 63, GALAGO_ERR_FORMAT, "a.weight"},
        {DIM_1, 0, 8, 1ull << 60, GALAGO_ERR_FORMAT, "a.weight"},
        {DIM_1, 0, 8, UINT64_MAX, GALAGO_ERR_FORMAT, "a.weight: dimension 1"},
        {TYPE, 0, 4, DTYPE_Q8_0, GALAGO_ERR_FORMAT,
         "a row of 3 values does not divide into blocks of 32 (q8_0)"},
        {OFFSET, 0, 8, 8, GALAGO_ERR_FORMAT, "not a multiple of 64"},
        {OFFSET, 0, 8, 1ull << 40, GALAGO_ERR_FORMAT, "truncated"},
        {OFFSET, 0, 8, UINT64_MAX - 63, GALAGO_ERR_FORMAT, "truncated"},
        {SECOND_NAME, 0, 1, 'a', GALAGO_ERR_FORMAT, "two tensors are called a.weight"},
        {SECOND_OFFSET, 0, 8, 192, GALAGO_ERR_FORMAT, "b.weight needs 72 bytes from byte 192"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        file f;
        build(&f);
        memcpy(f.b.data + f.at[cases[i].at] + cases[i].offset, &cases[i].value, cases[i].width);
        weights *w;
        uint8_t *copy;
        error e = {0};
        galago_status s = open_copy(f.b.data, f.b.size, &w, &copy, &e);
        CHECK(s == cases[i].want && !w && strstr(e.message, cases[i].says) && strstr(e.message, "x.gguf"),
              "case %zu: status %d, \"%s\", want \"%s\"", i, s, e.message, cases[i].says);
        weights_close(w);
        free(copy);
        buf_free(&f.b);
    }
}

/* Whatever happens to the bytes: an error with a message, or a file whose tensors can be read. */
static int survives(const char *bytes, size_t size)
{
    weights *w;
    uint8_t *copy;
    error e = {0};
    galago_status s = open_copy(bytes, size, &w, &copy, &e);
    int ok = s ? e.message[0] && !w : w != NULL;
    for (size_t i = 0; !s && i < weights_count(w); i++) {
        const weight *t = weights_at(w, i);
        const dtype_info *info = dtype_get(t->type);
        float v[256];
        if (!info->name || t->type == DTYPE_I32) continue;
        ok &= t->data >= copy && t->bytes <= size && (size_t)(t->data - copy) <= size - t->bytes;
        weights_read(w, t, t->bytes / info->block_bytes * info->block_values - info->block_values,
                     info->block_values, v);
    }
    weights_close(w);
    free(copy);
    return ok;
}

static void test_every_byte(void)
{
    file f;
    build(&f);
    int bad = 0;
    for (size_t i = 0; i < f.b.size; i++)
        for (int bit = 0; bit < 8; bit++) {
            f.b.data[i] = (char)(f.b.data[i] ^ 1 << bit);
            bad += !survives(f.b.data, f.b.size);
            f.b.data[i] = (char)(f.b.data[i] ^ 1 << bit);
        }
    CHECK(bad == 0, "%d flips", bad);
    /* The last tensor is of an unknown type and size: the file may be cut inside it, nowhere before. */
    size_t needed = f.b.size - 64 + 8;
    for (size_t n = 0; n < needed; n++) {
        weights *w;
        uint8_t *copy;
        error e = {0};
        galago_status s = open_copy(f.b.data, n, &w, &copy, &e);
        CHECK(s == GALAGO_ERR_FORMAT && !w && e.message[0], "cut at %zu: %s", n, e.message);
        weights_close(w);
        free(copy);
    }
    buf_free(&f.b);
}

static void test_depth(void)
{
    for (int depth = 1; depth < 40; depth++) {
        buf b = {0};
        buf_str(&b, "GGUF"), u32(&b, 3), u64(&b, 0), u64(&b, 1), str(&b, "k"), u32(&b, GGUF_ARRAY);
        for (int i = 0; i < depth; i++) u32(&b, GGUF_ARRAY), u64(&b, 1);
        u32(&b, GGUF_U8), u64(&b, 0);
        weights *w;
        uint8_t *copy;
        error e = {0};
        galago_status s = open_copy(b.data, b.size, &w, &copy, &e);
        CHECK(depth <= 4 ? !s : s == GALAGO_ERR_FORMAT && strstr(e.message, "nested"), "depth %d: %s", depth,
              e.message);
        weights_close(w);
        free(copy);
        buf_free(&b);
    }
}

/* ---- files beside one another ---- */

static char folder[64];

static const char *path_of(const char *name)
{
    static char paths[4][160];
    static int next;
    char *p = paths[next++ % 4];
    snprintf(p, sizeof paths[0], "%s/%s", folder, name);
    return p;
}

/* A file with one tensor; part = -1 for one that is not split. */
static void write_file(const char *name, const char *arch, const char *tensor, int part, int parts, int total)
{
    gguf_writer *g;
    error e = {0};
    const size_t shape[1] = {2};
    const float values[2] = {1, 2};
    CHECK(!gguf_writer_create(path_of(name), &g, &e), "%s", e.message);
    gguf_put_string(g, "general.architecture", arch, strlen(arch));
    if (part >= 0) {
        gguf_put_u32(g, "split.no", (uint32_t)part);
        gguf_put_u32(g, "split.count", (uint32_t)parts);
        gguf_put_u32(g, "split.tensors.count", (uint32_t)total);
    }
    gguf_declare(g, tensor, DTYPE_F32, 1, shape);
    CHECK(!gguf_writer_begin_data(g, &e) && !gguf_write(g, values, sizeof values, &e) &&
              !gguf_writer_finish(g, &e) && !gguf_writer_publish(g, &e),
          "%s", e.message);
    gguf_writer_destroy(g);
}

static void expect_open(const char *name, const char *mmproj, galago_status want, const char *says,
                        const char *tensor)
{
    weights *w;
    error e = {0};
    galago_status s = weights_open(path_of(name), mmproj, &w, &e);
    CHECK(s == want && (!says || strstr(e.message, says)), "%s: status %d \"%s\", want \"%s\"", name, s,
          e.message, says ? says : "");
    if (!s && tensor) CHECK(weights_find(w, tensor), "%s has no %s", name, tensor);
    if (!s && !tensor) CHECK(weights_count(w) == 1, "%s: %zu tensors", name, weights_count(w));
    weights_close(w);
}

static void test_pairs(void)
{
    write_file("model-q4_0.gguf", "qwen35", "t", -1, 0, 0);
    expect_open("model-q4_0.gguf", NULL, GALAGO_OK, NULL, NULL);
    write_file("mmproj-F16.gguf", "clip", "v", -1, 0, 0);
    expect_open("model-q4_0.gguf", NULL, GALAGO_OK, NULL, "v"); /* the only one */
    expect_open("model-q4_0.gguf", "", GALAGO_OK, NULL, NULL);  /* not wanted */
    write_file("mmproj-BF16.gguf", "clip", "v", -1, 0, 0);
    expect_open("model-q4_0.gguf", NULL, GALAGO_ERR_ARGUMENT, "2 vision parts", NULL);
    expect_open("model-q4_0.gguf", path_of("mmproj-F16.gguf"), GALAGO_OK, NULL, "v");
    write_file("mmproj-model-f16.gguf", "clip", "same_model", -1, 0, 0);
    expect_open("model-q4_0.gguf", NULL, GALAGO_OK, NULL, "same_model");
    write_file("mmproj-model-q4_0.gguf", "clip", "same_stem", -1, 0, 0);
    expect_open("model-q4_0.gguf", NULL, GALAGO_OK, NULL, "same_stem");
    expect_open("model-q4_0.gguf", path_of("model-q4_0.gguf"), GALAGO_ERR_FORMAT, "t", NULL);
    expect_open("model-q4_0.gguf", path_of("nowhere.gguf"), GALAGO_ERR_IO, "nowhere.gguf", NULL);
    expect_open("mmproj-F16.gguf", NULL, GALAGO_OK, NULL,
                NULL); /* opened by itself: the model says what it is */
    static const char *const names[] = {"mmproj-F16.gguf", "mmproj-BF16.gguf", "mmproj-model-f16.gguf",
                                        "mmproj-model-q4_0.gguf"};
    for (size_t i = 0; i < 4; i++) unlink(path_of(names[i]));

    /* A vision part that has a text part of its own name is not this one's. */
    write_file("other.gguf", "qwen35", "t", -1, 0, 0);
    write_file("mmproj-other.gguf", "clip", "v", -1, 0, 0);
    expect_open("model-q4_0.gguf", NULL, GALAGO_OK, NULL, NULL);
    expect_open("other.gguf", NULL, GALAGO_OK, NULL, "v");
    unlink(path_of("other.gguf"));
    unlink(path_of("mmproj-other.gguf"));
    unlink(path_of("model-q4_0.gguf"));
    expect_open("model-q4_0.gguf", NULL, GALAGO_ERR_IO, "model-q4_0.gguf", NULL);
    expect_open("", NULL, GALAGO_ERR_IO, "config.json", NULL); /* the folder itself */
}

static void test_split(void)
{
    write_file("s-00001-of-00003.gguf", "qwen35", "a", 0, 3, 3);
    write_file("s-00002-of-00003.gguf", "qwen35", "b", 1, 3, 3);
    expect_open("s-00001-of-00003.gguf", NULL, GALAGO_ERR_IO, "s-00003-of-00003.gguf", NULL);
    write_file("s-00003-of-00003.gguf", "qwen35", "c", 2, 3, 3);
    expect_open("s-00001-of-00003.gguf", NULL, GALAGO_OK, NULL, "c");
    expect_open("s-00002-of-00003.gguf", NULL, GALAGO_ERR_ARGUMENT, "give the first part", NULL);
    write_file("s-00003-of-00003.gguf", "qwen35", "b", 2, 3, 3);
    expect_open("s-00001-of-00003.gguf", NULL, GALAGO_ERR_FORMAT, "is also in", NULL);
    write_file("s-00003-of-00003.gguf", "qwen35", "c", 1, 3, 3);
    expect_open("s-00001-of-00003.gguf", NULL, GALAGO_ERR_FORMAT, "says that it is part 2 of 3", NULL);
    write_file("s-00003-of-00003.gguf", "qwen35", "c", 2, 3, 3);
    write_file("s-00001-of-00003.gguf", "qwen35", "a", 0, 3, 4);
    expect_open("s-00001-of-00003.gguf", NULL, GALAGO_ERR_FORMAT, "split.tensors.count says 4", NULL);
    for (int i = 1; i <= 3; i++) {
        char name[32];
        snprintf(name, sizeof name, "s-0000%d-of-00003.gguf", i);
        unlink(path_of(name));
    }
}

int main(void)
{
    strcpy(folder, "/tmp/galago-gguf-XXXXXX");
    CHECK(mkdtemp(folder), "%s", folder);
    test_whole();
    test_integer_keys();
    test_damage();
    test_every_byte();
    test_depth();
    test_pairs();
    test_split();
    CHECK(rmdir(folder) == 0, "%s is not empty", folder);
    return check_done("weights_gguf");
}
