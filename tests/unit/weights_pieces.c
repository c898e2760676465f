/* Files read in pieces, as a page's engine reads them, against the same files mapped: the same tensors, keys, bytes, values and
 * the same words about the same faults. */
#define _GNU_SOURCE
#include "check.h"
#include "weights/weights_impl.h"

#include <stdlib.h>
#include <unistd.h>

static char scratch[64];

static bool same_tensor(const weight *a, const weight *b)
{
    return !strcmp(a->name, b->name) && a->type == b->type && a->n_dims == b->n_dims && !memcmp(a->shape, b->shape, sizeof a->shape) &&
           a->bytes == b->bytes && a->file == b->file && a->offset == b->offset;
}

/* Every byte of a tensor in slices of a size that divides nothing, and its values. */
static void compare_bytes(const weights *mapped, const weights *pieces, const weight *t, const weight *u)
{
    enum { SLICE = 70001 };
    uint8_t *slice = malloc(SLICE);
    bool same = !u->data && weights_has_bytes(pieces, u);
    for (size_t at = 0, n; same && at < t->bytes; at += n) {
        n = t->bytes - at < SLICE ? t->bytes - at : SLICE;
        same = weights_bytes(pieces, u, at, n, slice) && !memcmp(slice, t->data + at, n) &&
               weights_bytes(mapped, t, at, n, slice) && !memcmp(slice, t->data + at, n);
    }
    free(slice);
    CHECK(same, "%s: other bytes", t->name);
    const dtype_info *info = dtype_get(t->type);
    if (!info->name || t->type == DTYPE_I32) return;
    float a[512], b[512];
    size_t n = info->block_values, last = t->bytes / info->block_bytes * n - n;
    CHECK(weights_read(mapped, t, last, n, a) && weights_read(pieces, u, last, n, b) && !memcmp(a, b, n * sizeof *a),
          "%s: other values", t->name);
}

static void compare(const char *path, const char *mmproj, size_t first_head)
{
    weights *a, *b;
    error e = {0};
    CHECK(!weights_open(path, mmproj, &a, &e) && !weights_open_pieces(path, mmproj, first_head, &b, &e), "%s: %s", path, e.message);
    if (!a || !b) return;
    CHECK(weights_count(a) == weights_count(b) && weights_count(a) > 10 && a->n_keys == b->n_keys, "%s: %zu and %zu tensors", path,
          weights_count(a), weights_count(b));
    for (size_t i = 0; i < weights_count(a) && i < weights_count(b); i++) {
        const weight *t = weights_at(a, i), *u = weights_find(b, t->name);
        CHECK(u && same_tensor(t, u), "%s: another tensor", t->name);
        if (u) compare_bytes(a, b, t, u);
    }
    for (size_t i = 0; i < a->n_keys && i < b->n_keys; i++) {
        const gguf_key *k = &a->keys[i], *l = gguf_find(b, k->name, k->file);
        CHECK(l && l->bytes == k->bytes && l->count == k->count && l->type == k->type && !memcmp(l->raw, k->raw, k->bytes) &&
                  l->at - l->raw == k->at - k->raw,
              "key %s differs", k->name);
    }
    tokenizer *t;
    CHECK(!weights_tokenizer(b, 1 << 20, &t, &e), "%s", e.message);
    tokenizer_destroy(t);
    weights_close(a);
    weights_close(b);
}

static char *read_whole(const char *path, size_t *size)
{
    filemap f;
    error e = {0};
    CHECK(!filemap_open(path, &f, &e), "%s", e.message);
    char *bytes = malloc((size_t)f.size + 1);
    if (f.size) memcpy(bytes, f.data, (size_t)f.size);
    *size = (size_t)f.size;
    filemap_close(&f);
    return bytes;
}

static void put(const char *path, const char *bytes, size_t size)
{
    FILE *f = fopen(path, "wb");
    CHECK(f && fwrite(bytes, 1, size, f) == size, "%s", path);
    if (f) fclose(f);
}

/* Both ways of reading say the same about a file. */
static bool same_verdict(const char *path, const char *bytes, size_t size)
{
    weights *a, *b;
    error e = {0}, f = {0};
    put(path, bytes, size);
    galago_status s = weights_open(path, "", &a, &e), r = weights_open_pieces(path, "", 16, &b, &f);
    bool same = s == r && !strcmp(e.message, f.message);
    if (!same) printf("%s: %d \"%s\", in pieces %d \"%s\"\n", path, s, e.message, r, f.message);
    weights_close(a);
    weights_close(b);
    return same;
}

/* A small file with each byte changed, and cut everywhere. */
static void compare_damaged(const char *seed, const char *name, size_t max)
{
    char path[160];
    size_t size;
    char *bytes = read_whole(seed, &size);
    int bad = 0;
    snprintf(path, sizeof path, "%s/%s", scratch, name);
    for (size_t i = 0; i < size && i < max; i++) {
        char old = bytes[i];
        bytes[i] = (char)(old ^ (i % 2 ? 0x80 : 0x05));
        bad += !same_verdict(path, bytes, size);
        bytes[i] = old;
        if (i % 3 == 0) bad += !same_verdict(path, bytes, i);
    }
    CHECK(bad == 0 && size > 100, "%s: %d differences", name, bad);
    unlink(path);
    free(bytes);
}

/* A file that loses its end while it is in use. */
static void test_shorter(void)
{
    char path[160];
    size_t size;
    char *bytes = read_whole("tests/fuzz/seeds/gguf/model.gguf", &size);
    snprintf(path, sizeof path, "%s/shorter.gguf", scratch);
    put(path, bytes, size);
    weights *w;
    error e = {0};
    CHECK(!weights_open_pieces(path, "", 1024, &w, &e), "%s", e.message);
    const weight *last = NULL;
    for (size_t i = 0; w && i < weights_count(w); i++)
        if (!last || weights_at(w, i)->offset > last->offset) last = weights_at(w, i);
    CHECK(last && last->type == DTYPE_F32, "the last tensor");
    CHECK(truncate(path, (off_t)last->offset) == 0, "truncate");
    float v[1] = {5};
    CHECK(!weights_bytes(w, last, 0, 4, v) && !weights_read(w, last, 0, 1, v) && v[0] == 0, "%g", (double)v[0]);
    weights_close(w);
    unlink(path);
    free(bytes);
}

int main(void)
{
    snprintf(scratch, sizeof scratch, "/tmp/galago-pieces-XXXXXX");
    CHECK(mkdtemp(scratch), "%s", scratch);
    /* From heads that grow for every few bytes to one that holds all keys at once. */
    compare("models/demo/demo.gguf", NULL, 1);
    compare("models/demo/demo.gguf", "models/demo/mmproj-demo.gguf", 4096);
    compare("models/demo/demo.gguf", "", 1 << 22);
    compare("tests/data/golden/tiny-a", NULL, 1 << 18);
    compare_damaged("tests/fuzz/seeds/gguf/small.gguf", "x.gguf", 2000);
    char config[160];
    snprintf(config, sizeof config, "%s/config.json", scratch);
    put(config, "{}", 2);
    compare_damaged("tests/fuzz/seeds/safetensors/small.safetensors", "x.safetensors", 2000);
    unlink(config);
    test_shorter();
    rmdir(scratch);
    return check_done("weights_pieces");
}
