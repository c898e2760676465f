/* The safetensors reader and folders: a small file whole, with every field damaged, cut and flipped; indexes.
 */
#define _GNU_SOURCE
#include "base/half.h"
#include "check.h"
#include "weights/weights_impl.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static const char good[] =
    "{\"__metadata__\":{\"format\":\"pt\"},\"a\":{\"dtype\":\"F32\",\"shape\":[2,3],\"data_offsets\":[0,24]},"
    "\"b\":{\"dtype\":\"BF16\",\"shape\":[4],\"data_offsets\":[24,32]},"
    "\"c\":{\"dtype\":\"F8_E4M3\",\"shape\":[8],\"data_offsets\":[32,40]},"
    "\"d\":{\"dtype\":\"F32\",\"shape\":[],\"data_offsets\":[40,44]}}  ";
enum { DATA_BYTES = 44 };

/* A file of this header and DATA_BYTES of data. */
static void build(buf *b, const char *header, uint64_t header_size)
{
    *b = (buf){0};
    buf_append(b, &header_size, 8);
    buf_str(b, header);
    for (int i = 0; i < 6; i++) {
        float v = (float)i;
        buf_append(b, &v, 4);
    }
    for (int i = 0; i < 4; i++) {
        uint16_t v = f32_to_bf16((float)-i);
        buf_append(b, &v, 2);
    }
    for (int i = 0; i < 12; i++) buf_append(b, "\0", 1);
}

static galago_status open_copy(const char *bytes, size_t size, weights **w, uint8_t **copy, error *e)
{
    *copy = malloc(size ? size : 1);
    if (size) memcpy(*copy, bytes, size);
    error_clear(e);
    return weights_open_memory("x.safetensors", *copy, size, w, e);
}

static void test_whole(void)
{
    buf b;
    weights *w;
    uint8_t *copy;
    error e = {0};
    float v[6];
    build(&b, good, strlen(good));
    CHECK(!open_copy(b.data, b.size, &w, &copy, &e), "%s", e.message);
    CHECK(weights_count(w) == 4, "%zu", weights_count(w));
    const weight *a = weights_find(w, "a"), *c = weights_find(w, "c"), *d = weights_find(w, "d");
    CHECK(a && a->n_dims == 2 && a->shape[0] == 2 && a->shape[1] == 3 && a->bytes == 24, "a");
    CHECK(c && !dtype_get(c->type)->name && c->bytes == 8, "an unsupported type is listed");
    CHECK(d && d->n_dims == 0 && d->shape[0] == 1 && d->bytes == 4, "a scalar");
    weights_read(w, a, 2, 4, v);
    CHECK(v[0] == 2 && v[3] == 5, "%g", (double)v[0]);
    weights_read(w, weights_find(w, "b"), 1, 3, v);
    CHECK(v[0] == -1 && v[2] == -3, "%g", (double)v[0]);
    weights_close(w);
    free(copy);
    buf_free(&b);
}

static void test_damage(void)
{
#define T(dtype, shape, offsets)                                                                             \
    "{\"a\":{\"dtype\":" dtype ",\"shape\":" shape ",\"data_offsets\":" offsets "}}"
    static const struct {
        const char *header;
        uint64_t size; /* 0 = that of the header */
        const char *says;
    } cases[] = {
        {"{}", 101 * 1000 * 1000, "at most 100000000"},
        {"{}", UINT64_MAX, "this is not a safetensors file"},
        {"{}", 47, "truncated"},
        {"[]", 0, "not a JSON object"},
        {"{\"a\":1}", 0, "a has no dtype"},
        {"{\"\":{}}", 0, "name is empty"},
        {"{\"a\\u0000b\":{}}", 0, "NUL"},
        {"{\"a\":", 0, "JSON"},
        {T("1", "[6]", "[0,24]"), 0, "a has no dtype"},
        {T("\"F32\"", "6", "[0,24]"), 0, "a has no shape"},
        {T("\"F32\"", "[1,1,1,1,1,6]", "[0,24]"), 0, "6 dimensions"},
        {T("\"F32\"", "[-6]", "[0,24]"), 0, "dimension 0"},
        {T("\"F32\"", "[1.5]", "[0,24]"), 0, "dimension 0"},
        {T("\"F32\"", "[\"6\"]", "[0,24]"), 0, "dimension 0"},
        {T("\"F32\"", "[1e300]", "[0,24]"), 0, "dimension 0"},
        {T("\"F32\"", "[4294967296,4294967296]", "[0,24]"), 0, "dimension 1"},
        {T("\"F32\"", "[4294967296,1073741824]", "[0,24]"), 0, "do not take"},
        {T("\"F32\"", "[5]", "[0,24]"), 0, "5 values of F32 do not take the 24 bytes"},
        {T("\"BF16\"", "[6]", "[0,24]"), 0, "6 values of BF16"},
        {T("\"F32\"", "[6]", "[24,0]"), 0, "no data_offsets"},
        {T("\"F32\"", "[6]", "[0]"), 0, "no data_offsets"},
        {T("\"F32\"", "[6]", "[0,24,48]"), 0, "no data_offsets"},
        {T("\"F32\"", "[6]", "[-1,23]"), 0, "no data_offsets"},
        {T("\"F32\"", "[6]", "null"), 0, "no data_offsets"},
        {T("\"F32\"", "[6]", "[24,48]"), 0, "4 bytes are missing"},
        {T("\"F32\"", "[6]", "[9007199254740968,9007199254740992]"), 0, "truncated"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]},\"a\":{\"dtype\":\"F32\",\"shape\":"
         "[1],\"data_offsets\":[4,8]}}",
         0, "two tensors are called a"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        buf b;
        weights *w;
        uint8_t *copy;
        error e = {0};
        build(&b, cases[i].header, cases[i].size ? cases[i].size : strlen(cases[i].header));
        galago_status s = open_copy(b.data, b.size, &w, &copy, &e);
        CHECK(s == GALAGO_ERR_FORMAT && !w && strstr(e.message, cases[i].says) &&
                  strstr(e.message, "x.safetensors"),
              "case %zu: status %d, \"%s\", want \"%s\"", i, s, e.message, cases[i].says);
        weights_close(w);
        free(copy);
        buf_free(&b);
    }
}

static void test_every_byte(void)
{
    buf b;
    weights *w;
    uint8_t *copy;
    error e = {0};
    int bad = 0;
    build(&b, good, strlen(good));
    for (size_t i = 0; i < 8 + strlen(good); i++)
        for (int bit = 0; bit < 8; bit++) {
            b.data[i] = (char)(b.data[i] ^ 1 << bit);
            galago_status s = open_copy(b.data, b.size, &w, &copy, &e);
            bad += s ? !e.message[0] : !w;
            for (size_t t = 0; !s && t < weights_count(w); t++) {
                const weight *x = weights_at(w, t);
                bad += (size_t)(x->data - copy) > b.size || x->bytes > b.size - (size_t)(x->data - copy);
            }
            weights_close(w);
            free(copy);
            b.data[i] = (char)(b.data[i] ^ 1 << bit);
        }
    CHECK(bad == 0, "%d flips", bad);
    for (size_t n = 0; n < b.size; n++) {
        galago_status s = open_copy(b.data, n, &w, &copy, &e);
        CHECK(s == GALAGO_ERR_FORMAT && e.message[0], "cut at %zu", n);
        weights_close(w);
        free(copy);
    }
    buf_free(&b);
}

/* ---- folders ---- */

static char folder[64];

static const char *path_of(const char *name)
{
    static char paths[2][160];
    static int next;
    char *p = paths[next++ % 2];
    snprintf(p, sizeof paths[0], "%s/%s", folder, name);
    return p;
}

static void put(const char *name, const void *bytes, size_t size)
{
    FILE *f = fopen(path_of(name), "wb");
    CHECK(f && fwrite(bytes, 1, size, f) == size, "%s", name);
    if (f) fclose(f);
}
static void put_text(const char *name, const char *text) { put(name, text, strlen(text)); }

static void put_tensor(const char *file, const char *name)
{
    buf b = {0}, header = {0};
    buf_printf(&header, "{\"%s\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}", name);
    uint64_t size = header.size;
    buf_append(&b, &size, 8);
    buf_append(&b, header.data, header.size);
    buf_append(&b, "\0\0\0\0", 4);
    put(file, b.data, b.size);
    buf_free(&b);
    buf_free(&header);
}

static weights *expect_open(const char *path, galago_status want, const char *says)
{
    weights *w;
    error e = {0};
    galago_status s = weights_open(path, NULL, &w, &e);
    CHECK(s == want && (!says || strstr(e.message, says)), "status %d \"%s\", want \"%s\"", s, e.message,
          says ? says : "");
    return w;
}

static void test_folder(void)
{
    size_t size;
    expect_open(folder, GALAGO_ERR_IO, "config.json");
    put_text("config.json", "[]");
    expect_open(folder, GALAGO_ERR_FORMAT, "not a JSON object");
    put_text("config.json", "{\"model_type\": ");
    expect_open(folder, GALAGO_ERR_FORMAT, "config.json: JSON");
    put_text("config.json", "{\"model_type\":\"qwen3_5\"}");
    expect_open(folder, GALAGO_ERR_IO, "no *.safetensors");
    put_tensor("model.safetensors", "a");
    weights *w = expect_open(folder, GALAGO_OK, NULL);
    CHECK(w && weights_find(w, "a") && !weights_chat_template(w, &size) && !size, "one file");
    CHECK(!strcmp(json_string(json_get(weights_config(w), "model_type"), ""), "qwen3_5"), "config");
    weights_close(w);

    /* Without an index every file counts; with one, those it names. */
    put_tensor("more.safetensors", "b");
    w = expect_open(folder, GALAGO_OK, NULL);
    CHECK(w && weights_count(w) == 2, "two files");
    weights_close(w);
    w = expect_open(path_of("more.safetensors"), GALAGO_OK, NULL);
    CHECK(w && weights_count(w) == 1 && weights_find(w, "b"), "one of two");
    weights_close(w);
    put_tensor("more.safetensors", "a");
    expect_open(folder, GALAGO_ERR_FORMAT, "also in");
    static const struct {
        const char *index;
        galago_status want;
        const char *says;
    } cases[] = {
        {"{\"weight_map\":{\"a\":\"model.safetensors\"}}", GALAGO_OK, NULL},
        {"{}", GALAGO_ERR_FORMAT, "no weight_map"},
        {"{\"weight_map\":{}}", GALAGO_ERR_FORMAT, "empty"},
        {"{\"weight_map\":{\"a\":\"../model.safetensors\"}}", GALAGO_ERR_FORMAT,
         "not in a file of this folder"},
        {"{\"weight_map\":{\"a\":\"/etc/passwd\"}}", GALAGO_ERR_FORMAT, "not in a file of this folder"},
        {"{\"weight_map\":{\"a\":7}}", GALAGO_ERR_FORMAT, "not in a file of this folder"},
        {"{\"weight_map\":{\"a\":\"absent.safetensors\"}}", GALAGO_ERR_IO, "absent.safetensors"},
        {"{\"weight_map\":{\"z\":\"model.safetensors\"}}", GALAGO_ERR_FORMAT,
         "tensor z is not in model.safetensors"},
        {"{\"weight_map\":", GALAGO_ERR_FORMAT, "index.json: JSON"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        put_text("model.safetensors.index.json", cases[i].index);
        weights_close(expect_open(folder, cases[i].want, cases[i].says));
    }
    put_text("model.safetensors.index.json", cases[0].index);
    put("model.safetensors", "", 0);
    expect_open(folder, GALAGO_ERR_FORMAT, "truncated or empty");
    put_tensor("model.safetensors", "a");
}

static void test_template(void)
{
    static const struct {
        const char *file, *content, *want;
    } cases[] = {
        {"tokenizer_config.json",
         "{\"chat_template\":[{\"name\":\"tool\",\"template\":\"T\"},{\"name\":\"default\",\"template\":"
         "\"D\"}]}",
         "D"},
        {"tokenizer_config.json", "{\"chat_template\":\"from config\"}", "from config"},
        {"chat_template.json", "{\"chat_template\":\"from json\"}", "from json"},
        {"chat_template.jinja", "{{ jinja }}\n", "{{ jinja }}\n"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) { /* each goes before those above */
        size_t size;
        put_text(cases[i].file, cases[i].content);
        weights *w = expect_open(folder, GALAGO_OK, NULL);
        const char *text = w ? weights_chat_template(w, &size) : NULL;
        CHECK(text && size == strlen(cases[i].want) && !strcmp(text, cases[i].want), "%zu: %s", i,
              text ? text : "none");
        weights_close(w);
    }
}

static void test_preprocess(void)
{
    const preprocess_params defaults = {
        16, 2, 2, 65536, 16777216, {0.5f, 0.5f, 0.5f}, {0.5f, 0.5f, 0.5f}, RESAMPLE_TORCHVISION};
    static const struct {
        const char *text, *says; /* says: the error, NULL = none */
        uint64_t min, max;
        uint32_t patch;
        float mean, std;
        resample rule;
    } cases[] = {
        {"{}", NULL, 65536, 16777216, 16, 0.5f, 0.5f, RESAMPLE_TORCHVISION},
        {"{\"size\":{\"shortest_edge\":4096,\"longest_edge\":8192},\"patch_size\":14,\"image_mean\":[0.25,0,"
         "0],\"image_std\":[0.125,1,1]}",
         NULL, 4096, 8192, 14, 0.25f, 0.125f, RESAMPLE_TORCHVISION},
        {"{\"size\":{\"shortest_edge\":4096,\"longest_edge\":8192},\"min_pixels\":100,\"max_pixels\":null}",
         NULL, 100, 8192, 16, 0.5f, 0.5f, RESAMPLE_TORCHVISION},
        {"{\"image_processor_type\":\"Qwen2VLImageProcessorPil\"}", NULL, 65536, 16777216, 16, 0.5f, 0.5f,
         RESAMPLE_PILLOW},
        {"{\"image_processor_type\":\"Qwen2VLImageProcessorFast\"}", NULL, 65536, 16777216, 16, 0.5f, 0.5f,
         RESAMPLE_TORCHVISION},
        {"{\"min_pixels\":-1}", "min_pixels", 0, 0, 0, 0, 0, RESAMPLE_TORCHVISION},
        {"{\"max_pixels\":1.5}", "max_pixels", 0, 0, 0, 0, 0, RESAMPLE_TORCHVISION},
        {"{\"max_pixels\":0}", "max_pixels", 0, 0, 0, 0, 0, RESAMPLE_TORCHVISION},
        {"{\"max_pixels\":100}", "smallest picture", 0, 0, 0, 0, 0, RESAMPLE_TORCHVISION},
        {"{\"patch_size\":65}", "patch_size", 0, 0, 0, 0, 0, RESAMPLE_TORCHVISION},
        {"{\"image_mean\":[1,2]}", "three numbers", 0, 0, 0, 0, 0, RESAMPLE_TORCHVISION},
        {"{\"image_mean\":[1,\"2\",3]}", "image_mean", 0, 0, 0, 0, 0, RESAMPLE_TORCHVISION},
        {"{\"image_std\":[1,0,1]}", "image_std", 0, 0, 0, 0, 0, RESAMPLE_TORCHVISION},
        {"{", "preprocessor_config.json: JSON", 0, 0, 0, 0, 0, RESAMPLE_TORCHVISION},
    };
    weights *w = expect_open(folder, GALAGO_OK, NULL);
    for (size_t i = 0; w && i < sizeof cases / sizeof *cases; i++) {
        preprocess_params p = defaults;
        error e = {0};
        put_text("preprocessor_config.json", cases[i].text);
        galago_status s = weights_preprocess(w, &p, &e);
        if (cases[i].says)
            CHECK(s == GALAGO_ERR_FORMAT && strstr(e.message, cases[i].says), "%zu: %d %s", i, s, e.message);
        else
            CHECK(!s && p.min_pixels == cases[i].min && p.max_pixels == cases[i].max &&
                      p.patch_size == cases[i].patch && p.mean[0] == cases[i].mean &&
                      p.std[0] == cases[i].std && p.rule == cases[i].rule,
                  "%zu: %s", i, e.message);
    }
    tokenizer *t;
    error e = {0};
    CHECK(w && weights_tokenizer(w, 100, &t, &e) == GALAGO_ERR_FORMAT &&
              strstr(e.message, "neither tokenizer.json"),
          "%s", e.message);
    weights_close(w);
}

int main(void)
{
    strcpy(folder, "/tmp/galago-folder-XXXXXX");
    CHECK(mkdtemp(folder), "%s", folder);
    test_whole();
    test_damage();
    test_every_byte();
    test_folder();
    test_template();
    test_preprocess();
    static const char *const names[] = {
        "config.json",           "model.safetensors",  "more.safetensors",    "model.safetensors.index.json",
        "tokenizer_config.json", "chat_template.json", "chat_template.jinja", "preprocessor_config.json"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) unlink(path_of(names[i]));
    CHECK(rmdir(folder) == 0, "%s is not empty", folder);
    return check_done("weights_safetensors");
}
