/* The generator of synthetic weights against sums of the independent implementation in tools/reference. */
#define _POSIX_C_SOURCE 200809L
#include "base/filemap.h"
#include "base/half.h"
#include "check.h"
#include "weights/synthetic.h"
#include "weights/weights.h"

#include <stdlib.h>

static void check_tensor(const weights *w, const json *t)
{
    const char *name = json_string(json_get(t, "name"), "");
    const weight *x = weights_find(w, name);
    CHECK(x, "%s", name);
    if (!x) return;
    size_t n = 1;
    uint32_t dims = 0;
    for (const json *d = json_get(t, "shape")->u.list.first; d; d = d->next, dims++) {
        CHECK(x->shape[dims] == (size_t)d->u.number, "%s dimension %u: %zu", name, dims, x->shape[dims]);
        n *= x->shape[dims];
    }
    CHECK(dims == x->n_dims, "%s: %u dimensions", name, x->n_dims);

    /* Values are small multiples of powers of two: both sums are exact in double in any order, as the
     * reference's are. */
    enum { SLICE = 99991 }; /* a prime: slices begin at every place within a word */
    static float values[SLICE];
    double sum = 0, squares = 0;
    int inexact = 0;
    for (size_t first = 0; first < n; first += SLICE) {
        size_t count = n - first < SLICE ? n - first : SLICE;
        weights_read(w, x, first, count, values);
        for (size_t i = 0; i < count; i++) {
            sum += (double)values[i];
            squares += (double)values[i] * (double)values[i];
            inexact += bf16_to_f32(f32_to_bf16(values[i])) != values[i] ||
                       f16_to_f32(f32_to_f16(values[i])) != values[i];
        }
        if (first == 0) {
            size_t i = 0;
            for (const json *v = json_get(t, "first8")->u.list.first; v; v = v->next, i++)
                CHECK((double)values[i] == v->u.number, "%s[%zu]: %g, want %g", name, i, (double)values[i],
                      v->u.number);
        }
    }
    double want = json_number(json_get(t, "sum"), 0),
           want_squares = json_number(json_get(t, "sum_of_squares"), 0);
    CHECK(sum == want && squares == want_squares, "%s: sums %.17g %.17g, want %.17g %.17g", name, sum,
          squares, want, want_squares);
    CHECK(!inexact, "%s: %d values are not exact in 16 bits", name, inexact);
}

int main(void)
{
    error e = {0};
    filemap map;
    arena a = {0};
    const json *root = NULL;
    weights *w = NULL;
    CHECK(!filemap_open("tests/data/synthetic/checksums.json", &map, &e), "%s", e.message);
    CHECK(!json_parse(&a, (const char *)map.data, map.size, &root, &e), "%s", e.message);
    CHECK(!weights_open("synthetic:qwen3.5-0.8b", NULL, &w, &e), "%s", e.message);
    if (root && w)
        for (const json *t = json_get(root, "tensors")->u.list.first; t; t = t->next) check_tensor(w, t);
    weights_close(w);

    /* Parameters of the published model, everything included (docs/MODEL.md 1), and what 2B and 4B come to. */
    const struct {
        const char *name;
        double parameters;
    } sizes[] = {{"synthetic:qwen3.5-0.8b", 873438784},
                 {"synthetic:qwen3.5-2b", 2274069824},
                 {"synthetic:qwen3.5-4b", 4659865088}};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        w = NULL;
        CHECK(!weights_open(sizes[i].name, NULL, &w, &e), "%s", e.message);
        double n = 0;
        for (size_t j = 0; w && j < weights_count(w); j++) {
            const weight *t = weights_at(w, j);
            double values = 1;
            for (int d = 0; d < 5; d++) values *= (double)t->shape[d];
            n += values;
            CHECK(!t->data && (double)t->bytes == values * dtype_get(t->type)->block_bytes, "%s: %zu bytes",
                  t->name, t->bytes);
        }
        CHECK(n == sizes[i].parameters, "%s: %.0f parameters, want %.0f", sizes[i].name, n,
              sizes[i].parameters);
        CHECK(weights_get_format(w) == WEIGHTS_SYNTHETIC && weights_config(w), "%s", sizes[i].name);
        weights_close(w);
    }

    /* Any range gives the same values as the whole. */
    float whole[64], part[64];
    synthetic_values("model.visual.blocks.0.norm1.weight", 1, 0, 64, whole);
    for (size_t first = 0; first < 9; first++)
        for (size_t n = 0; n < 20; n++) {
            synthetic_values("model.visual.blocks.0.norm1.weight", 1, first, n, part);
            CHECK(!memcmp(part, whole + first, n * sizeof *part), "range %zu+%zu", first, n);
        }
    w = NULL;
    CHECK(weights_open("synthetic:qwen9", NULL, &w, &e) == GALAGO_ERR_ARGUMENT && !w &&
              strstr(e.message, "qwen3.5-4b"),
          "%s", e.message);
    filemap_close(&map);
    arena_free(&a);
    return check_done("weights_synthetic");
}
