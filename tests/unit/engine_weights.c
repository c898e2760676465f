/* A tensor that is missing, or of another shape than the configuration asks for, in either format: each weight of a tiny model in turn.
 * The model is refused, and the message names the tensor. */
#include "check.h"
#include "galago.h"

#include <dirent.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define SOURCE "tests/data/golden/tiny-b"

static char folder[64];

static const char *path_of(const char *name)
{
    static char paths[4][PATH_MAX];
    static int next;
    char *p = paths[next++ % 4];
    snprintf(p, sizeof paths[0], "%s/%s", folder, name);
    return p;
}

typedef struct bytes {
    uint8_t *data;
    size_t size;
} bytes;

static bytes read_file(const char *path)
{
    bytes b = {0};
    FILE *f = fopen(path, "rb");
    struct stat about;
    if (f && !fstat(fileno(f), &about) && (b.data = malloc((size_t)about.st_size + 1)))
        b.size = fread(b.data, 1, (size_t)about.st_size, f);
    if (f) fclose(f);
    CHECK(b.size, "%s", path);
    return b;
}

static void write_file(const char *path, bytes b)
{
    FILE *f = fopen(path, "wb");
    CHECK(f && fwrite(b.data, 1, b.size, f) == b.size, "%s", path);
    if (f) fclose(f);
}

/* The first place in `b` of `n` bytes. */
static uint8_t *find(bytes b, const void *what, size_t n)
{
    for (size_t i = 0; i + n <= b.size; i++)
        if (b.data[i] == *(const uint8_t *)what && memcmp(b.data + i, what, n) == 0) return b.data + i;
    return NULL;
}

static void expect_refused(const char *path, const char *name, const char *says, const char *says_or)
{
    galago_model *m;
    galago_error e;
    galago_status s = galago_model_open(path, NULL, &m, &e);
    CHECK(s == GALAGO_ERR_FORMAT && !m && strstr(e.message, name) && (strstr(e.message, says) || strstr(e.message, says_or)),
          "%s %s: %s, \"%s\"", name, says, galago_status_name(s), e.message);
    galago_model_close(m);
}

/* Of the model at `path`, each tensor in turn is spoiled by `spoil` in `file` (false: it is not in that file), and put back. */
static size_t each_tensor(const char *path, const char *file, bool (*spoil)(bytes b, const galago_tensor_info *t), const char *says,
                          const char *says_or)
{
    galago_model *m;
    galago_error e;
    bytes whole = read_file(file), b = {malloc(whole.size + 1), whole.size};
    size_t n = 0;
    CHECK(!galago_model_open(path, NULL, &m, &e), "%s: %s", path, e.message);
    for (size_t i = 0; m && b.data && i < galago_model_n_tensors(m); i++) {
        galago_tensor_info t;
        galago_model_get_tensor(m, i, &t);
        memcpy(b.data, whole.data, b.size);
        b.data[b.size] = 0;
        if (!spoil(b, &t)) continue;
        n++;
        write_file(path_of("spoilt"), b);
        rename(path_of("spoilt"), file); /* the open model keeps its mapping */
        expect_refused(path, t.name, says, says_or);
    }
    galago_model_close(m);
    write_file(path_of("whole"), whole);
    rename(path_of("whole"), file);
    free(b.data);
    free(whole.data);
    return n;
}

/* ---- safetensors: the header is JSON ---- */

static uint8_t *find_json_name(bytes b, const char *name)
{
    char key[128];
    int n = snprintf(key, sizeof key, "\"%s\":", name);
    return find(b, key, (size_t)n);
}

static bool rename_in_json(bytes b, const galago_tensor_info *t)
{
    uint8_t *at = find_json_name(b, t->name);
    if (at) at[1] = '_';
    return at;
}

/* Its sides change places; of a square, and of anything else, the first digit becomes another. */
static bool reshape_in_json(bytes b, const galago_tensor_info *t)
{
    static const char key[] = "\"shape\":[";
    uint8_t *at = find_json_name(b, t->name);
    if (!at) return false;
    at = find((bytes){at, b.size - (size_t)(at - b.data)}, key, sizeof key - 1);
    if (!at) return false;
    unsigned rows, cols;
    char *shape = (char *)at + sizeof key - 1, text[64], end;
    if (sscanf(shape, "%u,%u%c", &rows, &cols, &end) == 3 && end == ']' && rows != cols) {
        int n = snprintf(text, sizeof text, "%u,%u", cols, rows);
        memcpy(shape, text, (size_t)n);
    } else {
        *shape = *shape == '9' ? '8' : *shape + 1;
    }
    return true;
}

/* ---- GGUF: length and name, number of dimensions, dimensions ---- */

static uint8_t *find_gguf_name(bytes b, const char *name)
{
    uint8_t key[8 + 128] = {0};
    size_t n = strlen(name);
    key[0] = (uint8_t)n;
    memcpy(key + 8, name, n);
    return find(b, key, 8 + n);
}

static bool rename_in_gguf(bytes b, const galago_tensor_info *t)
{
    if (strcmp(t->name, "output.weight") == 0) return false; /* a file without it has the embedding for a head */
    uint8_t *at = find_gguf_name(b, t->name);
    if (at) at[8] = '_';
    return at;
}

/* Half of the first dimension: its bytes are all there, and the configuration wants the other half too. (A row of one value cannot be
 * halved: it gets a second, the next tensor's bytes.) */
static bool reshape_in_gguf(bytes b, const galago_tensor_info *t)
{
    uint8_t *at = find_gguf_name(b, t->name);
    uint64_t dim;
    if (!at) return false;
    at += 8 + strlen(t->name) + 4;
    memcpy(&dim, at, 8);
    dim = dim > 1 ? dim / 2 : 2;
    memcpy(at, &dim, 8);
    return true;
}

int main(void)
{
    strcpy(folder, "/tmp/galago-weights-XXXXXX");
    CHECK(mkdtemp(folder), "%s", folder);
    static const char *const parts[] = {"config.json", "tokenizer.json", "preprocessor_config.json", "model.safetensors"};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        char path[PATH_MAX];
        snprintf(path, sizeof path, SOURCE "/%s", parts[i]);
        bytes b = read_file(path);
        write_file(path_of(parts[i]), b);
        free(b.data);
    }
    galago_error e;
    galago_convert_params p = {.dtype = "f32", .vision_dtype = "f32"};
    CHECK(!galago_convert(folder, path_of("t.gguf"), &p, &e), "%s", e.message);

    char safetensors[PATH_MAX], text[PATH_MAX], vision[PATH_MAX];
    strcpy(safetensors, path_of("model.safetensors"));
    size_t n = each_tensor(folder, safetensors, rename_in_json, "missing", "missing");
    CHECK(n > 50, "%zu tensors", n);
    /* Where the product changes too, the file itself contradicts its bytes. */
    CHECK(each_tensor(folder, safetensors, reshape_in_json, "shape [", "do not take") == n, "%zu tensors", n);
    strcpy(text, path_of("t.gguf"));
    strcpy(vision, path_of("mmproj-t.gguf"));
    size_t n_text = each_tensor(text, text, rename_in_gguf, "missing", "missing"),
           n_vision = each_tensor(text, vision, rename_in_gguf, "missing", "missing");
    CHECK(n_text + n_vision == n - 1, "%zu and %zu tensors", n_text, n_vision);
    CHECK(each_tensor(text, text, reshape_in_gguf, "shape [", "not") == n_text + 1, "%zu tensors of the text", n_text);
    CHECK(each_tensor(text, vision, reshape_in_gguf, "shape [", "not") == n_vision, "%zu tensors of the vision part", n_vision);

    DIR *d = opendir(folder);
    for (struct dirent *entry; d && (entry = readdir(d));)
        if (entry->d_name[0] != '.') unlink(path_of(entry->d_name));
    if (d) closedir(d);
    rmdir(folder);
    return check_done("unit/engine_weights");
}
