/* Resize and smart_resize against what torchvision, Pillow and the reference's own function gave:
 * tests/data/resize (its README.md describes the files). */
#include "../check.h"
#include "base/filemap.h"
#include "base/json.h"
#include "image/image.h"

#include <stdlib.h>

#define FOLDER "tests/data/resize/"
#define GOLDEN "tests/data/golden/"

/* ---- SHA-256 (FIPS 180-4), of one buffer ----------------------------------------------------------- */

static uint32_t rotate(uint32_t x, int n) { return x >> n | x << (32 - n); }

static void sha256_block(uint32_t h[8], const uint8_t *p)
{
    static const uint32_t k[64] = {
        0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
        0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
        0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
        0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
        0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
        0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
        0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
        0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2};
    uint32_t w[64], s[8];
    for (int i = 0; i < 16; i++)
        w[i] = (uint32_t)p[i * 4] << 24 | (uint32_t)p[i * 4 + 1] << 16 | (uint32_t)p[i * 4 + 2] << 8 |
               p[i * 4 + 3];
    for (int i = 16; i < 64; i++)
        w[i] = w[i - 16] + w[i - 7] + (rotate(w[i - 15], 7) ^ rotate(w[i - 15], 18) ^ w[i - 15] >> 3) +
               (rotate(w[i - 2], 17) ^ rotate(w[i - 2], 19) ^ w[i - 2] >> 10);
    memcpy(s, h, sizeof s);
    for (int i = 0; i < 64; i++) {
        uint32_t a = s[7] + (rotate(s[4], 6) ^ rotate(s[4], 11) ^ rotate(s[4], 25)) +
                     ((s[4] & s[5]) ^ (~s[4] & s[6])) + k[i] + w[i];
        uint32_t b = (rotate(s[0], 2) ^ rotate(s[0], 13) ^ rotate(s[0], 22)) +
                     ((s[0] & s[1]) ^ (s[0] & s[2]) ^ (s[1] & s[2]));
        memmove(s + 1, s, 7 * sizeof *s);
        s[4] += a;
        s[0] = a + b;
    }
    for (int i = 0; i < 8; i++) h[i] += s[i];
}

static void sha256_hex(const uint8_t *p, size_t n, char hex[65])
{
    uint32_t h[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                     0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
    uint8_t tail[128] = {0};
    size_t whole = n / 64 * 64, rest = n - whole, end = rest < 56 ? 64 : 128;
    for (size_t i = 0; i < whole; i += 64) sha256_block(h, p + i);
    memcpy(tail, p + whole, rest);
    tail[rest] = 0x80;
    for (int i = 0; i < 8; i++) tail[end - 1 - (size_t)i] = (uint8_t)((uint64_t)n * 8 >> (8 * i));
    for (size_t i = 0; i < end; i += 64) sha256_block(h, tail + i);
    for (int i = 0; i < 8; i++) snprintf(hex + i * 8, 9, "%08x", h[i]);
}

/* ---- the files ------------------------------------------------------------------------------------- */

static const json *read_json(arena *a, const char *path)
{
    filemap f;
    error e = {0};
    const json *v = NULL;
    CHECK(filemap_open(path, &f, &e) == GALAGO_OK, "%s (run in the root of the source tree)", e.message);
    if (e.status) return NULL;
    CHECK(json_parse(a, (const char *)f.data, f.size, &v, &e) == GALAGO_OK, "%s: %s", path, e.message);
    filemap_close(&f);
    return e.status ? NULL : v;
}

/* The numbers of an array of up to `n`; false when there are fewer. */
static bool read_numbers(const json *array, uint64_t *out, size_t n)
{
    const json *v = array && array->type == JSON_ARRAY ? array->u.list.first : NULL;
    for (size_t i = 0; i < n; i++, v = v->next)
        if (!v || !json_u64(v, UINT32_MAX, &out[i])) return false;
    return true;
}

static image make_input(uint32_t height, uint32_t width, const char *kind)
{
    image img = {.width = width, .height = height, .rgb = malloc((size_t)width * height * 3)};
    for (uint32_t i = 0; i < width * height * 3; i++) {
        uint32_t x = i, row = i / 3 / width, column = i / 3 % width;
        x ^= x >> 16;
        x *= 0x7feb352d;
        x ^= x >> 15;
        x *= 0x846ca68b;
        x ^= x >> 16;
        img.rgb[i] = (uint8_t)(*kind == 'n'   ? x
                               : *kind == 'b' ? 255 * (x & 1)
                                              : ((2 * row + 3 * column) & 127) + (x & 7));
    }
    return img;
}

static void test_resize(const filemap *whole)
{
    arena a = {0};
    size_t n_cases = 0, n_whole = 0;
    const json *cases = json_get(read_json(&a, FOLDER "resize.json"), "cases");
    for (const json *c = cases ? cases->u.list.first : NULL; c; c = c->next, n_cases++) {
        uint64_t from[2], to[2];
        const char *kind = json_string(json_get(c, "kind"), "");
        CHECK(read_numbers(json_get(c, "from"), from, 2) && read_numbers(json_get(c, "to"), to, 2),
              "case %zu", n_cases);
        image in = make_input((uint32_t)from[0], (uint32_t)from[1], kind);
        char hex[65];
        sha256_hex(in.rgb, from[0] * from[1] * 3, hex);
        CHECK(strcmp(hex, json_string(json_get(c, "input_sha256"), "")) == 0, "case %zu: another input",
              n_cases);
        for (resample rule = RESAMPLE_TORCHVISION; rule <= RESAMPLE_PILLOW; rule++) {
            const char *name = rule == RESAMPLE_PILLOW ? "pillow" : "torchvision";
            const json *want = json_get(c, name);
            image out;
            error e = {0};
            CHECK(image_resize(&in, (uint32_t)to[0], (uint32_t)to[1], rule, &out, &e) == GALAGO_OK, "%s",
                  e.message);
            if (e.status) continue;
            const size_t n = to[0] * to[1] * 3;
            uint64_t offset;
            if (json_u64(json_get(want, "offset"), whole->size - n, &offset)) {
                size_t n_wrong = 0;
                for (size_t i = 0; i < n; i++) n_wrong += out.rgb[i] != whole->data[offset + i];
                CHECK(n_wrong == 0, "case %zu, %s: %zu of %zu values differ", n_cases, name, n_wrong, n);
                n_whole++;
            }
            sha256_hex(out.rgb, n, hex);
            CHECK(strcmp(hex, json_string(json_get(want, "sha256"), "")) == 0,
                  "case %zu, %s: %s %llu x %llu to %llu x %llu: "
                  "other pixels",
                  n_cases, name, kind, (unsigned long long)from[0], (unsigned long long)from[1],
                  (unsigned long long)to[0], (unsigned long long)to[1]);
            image_free(&out);
        }
        image_free(&in);
    }
    CHECK(n_cases >= 12 && n_whole >= 12, "%zu cases, %zu of them whole", n_cases, n_whole);
    arena_free(&a);
}

static void test_smart_resize(void)
{
    arena a = {0};
    size_t n_rows = 0, n_refused = 0;
    const json *tables = json_get(read_json(&a, FOLDER "smart_resize.json"), "tables");
    for (const json *t = tables ? tables->u.list.first : NULL; t; t = t->next) {
        preprocess_params p = {.merge_size = 2, .temporal_patch_size = 2};
        p.patch_size = (uint32_t)json_number(json_get(t, "factor"), 0) / 2;
        p.min_pixels = (uint64_t)json_number(json_get(t, "min_pixels"), 0);
        p.max_pixels = (uint64_t)json_number(json_get(t, "max_pixels"), 0);
        const json *rows = json_get(t, "rows");
        for (const json *r = rows ? rows->u.list.first : NULL; r; r = r->next, n_rows++) {
            uint64_t v[4]; /* height, width, resized height, resized width */
            uint32_t h, w;
            CHECK(read_numbers(r, v, 4), "row %zu", n_rows);
            galago_status s = smart_resize(&p, (uint32_t)v[0], (uint32_t)v[1], &h, &w, NULL);
            CHECK(s == (v[2] ? GALAGO_OK : GALAGO_ERR_ARGUMENT) && h == v[2] && w == v[3],
                  "%llu x %llu -> %u x %u, the reference: %llu x %llu (0 = refused)",
                  (unsigned long long)v[0], (unsigned long long)v[1], h, w, (unsigned long long)v[2],
                  (unsigned long long)v[3]);
            n_refused += s != GALAGO_OK;
        }
    }
    CHECK(n_rows >= 800 && n_refused > 10, "%zu rows, %zu refused", n_rows, n_refused);
    arena_free(&a);
}

/* ---- from a file to pixel values ------------------------------------------------------------------- */

static preprocess_params read_params(arena *a, const char *model)
{
    char path[200];
    snprintf(path, sizeof path, GOLDEN "%s/preprocessor_config.json", model);
    const json *c = read_json(a, path), *size = json_get(c, "size");
    preprocess_params p = {.patch_size = (uint32_t)json_number(json_get(c, "patch_size"), 0),
                           .merge_size = (uint32_t)json_number(json_get(c, "merge_size"), 0),
                           .temporal_patch_size =
                               (uint32_t)json_number(json_get(c, "temporal_patch_size"), 0),
                           .min_pixels = (uint64_t)json_number(json_get(size, "shortest_edge"), 0),
                           .max_pixels = (uint64_t)json_number(json_get(size, "longest_edge"), 0)};
    const json *mean = json_get(c, "image_mean"), *std = json_get(c, "image_std");
    mean = mean ? mean->u.list.first : NULL;
    std = std ? std->u.list.first : NULL;
    for (int i = 0; i < 3 && mean && std; i++, mean = mean->next, std = std->next) {
        p.mean[i] = (float)json_number(mean, 0);
        p.std[i] = (float)json_number(std, 0);
    }
    return p;
}

static void test_pixel_values(void)
{
    static const char *const models[] = {"tiny-a", "tiny-b", "tiny-c", "tiny-d"};
    static const char *const cases[] = {"exact", "wide", "tall", "two", "long", "chat"};
    size_t n_pictures = 0;
    for (size_t i = 0; i < 24; i++) {
        const char *model = models[i / 6], *name = cases[i % 6];
        arena a = {0};
        const preprocess_params p = read_params(&a, model);
        char path[300];
        snprintf(path, sizeof path, GOLDEN "%s/cases/%s.json", model, name);
        const json *images = json_get(read_json(&a, path), "images");
        for (const json *v = images ? images->u.list.first : NULL; v; v = v->next, n_pictures++) {
            snprintf(path, sizeof path, GOLDEN "%s", json_string(json_get(v, "file"), ""));
            filemap f;
            error e = {0};
            image img = {0};
            image_grid grid = {0};
            float *patches = NULL;
            uint64_t want_grid[3] = {0};
            CHECK(read_numbers(json_get(v, "grid"), want_grid, 3), "%s %s: grid", model, name);
            CHECK(filemap_open(path, &f, &e) == GALAGO_OK, "%s", e.message);
            if (e.status) continue;
            CHECK(image_decode(f.data, f.size, &img, &e) == GALAGO_OK, "%s: %s", path, e.message);
            filemap_close(&f);
            CHECK(image_preprocess(&img, &p, &patches, &grid, &e) == GALAGO_OK, "%s: %s", path, e.message);
            CHECK(grid.rows == want_grid[1] && grid.cols == want_grid[2], "%s %s: grid %u x %u", model, name,
                  grid.rows, grid.cols);
            /* The reference's patches hold each channel once for each of the two equal frames. */
            const size_t plane = (size_t)p.patch_size * p.patch_size, n = (size_t)grid.rows * grid.cols * 3;
            float *frames = malloc(n * plane * 2 * sizeof *frames + 1);
            for (size_t k = 0; patches && k < n * 2; k++)
                memcpy(frames + k * plane, patches + k / 2 * plane, plane * sizeof *frames);
            char hex[65];
            sha256_hex((const uint8_t *)frames, n * plane * 2 * sizeof *frames, hex);
            CHECK(strcmp(hex, json_string(json_get(v, "pixel_sha256"), "")) == 0, "%s %s, %s: other values",
                  model, name, path);
            free(frames);
            free(patches);
            image_free(&img);
        }
        arena_free(&a);
    }
    CHECK(n_pictures >= 28, "%zu pictures", n_pictures);
}

int main(void)
{
    char hex[65];
    sha256_hex((const uint8_t *)"abc", 3, hex);
    CHECK(strcmp(hex, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad") == 0, "%s", hex);
    filemap whole;
    error e = {0};
    CHECK(filemap_open(FOLDER "resize.bin", &whole, &e) == GALAGO_OK, "%s", e.message);
    if (!e.status) {
        test_resize(&whole);
        filemap_close(&whole);
    }
    test_smart_resize();
    test_pixel_values();
    return check_done("image_reference");
}
