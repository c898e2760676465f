/*
 * A tiny model against what the reference recorded for it (tests/data/golden): for every case the prompt, the picture, each vision
 * block, each decoder layer, the logits and 16 decode steps are compared in order; the first difference is named and ends the case,
 * since everything behind it follows from it. tiny.c runs all cases on the CPU, webgpu.c some on the GPU.
 */
#ifndef TESTS_GOLDEN_GOLDEN_H
#define TESTS_GOLDEN_GOLDEN_H

#include "base/filemap.h"
#include "base/json.h"
#include "check.h"
#include "model/model.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define DATA "tests/data/golden"

typedef struct fixture {
    arena memory;
    const json *meta;
    filemap arrays;
} fixture;

typedef struct array {
    const float *f;
    const int32_t *i;
    size_t rows, cols;
} array;

static bool find_array(const fixture *f, const char *name, array *out)
{
    for (const json *a = json_get(f->meta, "arrays")->u.list.first; a; a = a->next) {
        if (strcmp(json_string(json_get(a, "name"), ""), name) != 0) continue;
        uint64_t offset = (uint64_t)json_number(json_get(a, "offset"), 0);
        size_t n = 1, last = 1;
        for (const json *d = json_get(a, "shape")->u.list.first; d; d = d->next) n *= last = (size_t)d->u.number;
        if (offset + 4 * n > f->arrays.size) return false;
        *out = (array){(const float *)(const void *)(f->arrays.data + offset), (const int32_t *)(const void *)(f->arrays.data + offset),
                       last ? n / last : 0, last};
        return true;
    }
    return false;
}

/* Integers of a list of the metadata. */
static size_t numbers(const fixture *f, const char *name, int32_t *out, size_t capacity)
{
    size_t n = 0;
    const json *list = json_get(f->meta, name);
    for (const json *x = list ? list->u.list.first : NULL; x && n < capacity; x = x->next) out[n++] = (int32_t)x->u.number;
    return n;
}

/* What differences are let through: of activations as a part of the tensor's largest value, of log-probabilities as they are. */
typedef struct golden_bounds {
    double activations, logprobs;
} golden_bounds;

/* A running case. */
typedef struct run {
    const char *label;
    const fixture *f;
    session *s;
    bool wrong;           /* the first difference was told */
    size_t base;          /* token or patch index of row 0 of the tensors that the tap sees */
    int32_t rows[4096], patch_rows[4096];
    size_t n_rows, n_patch_rows;
    double worst;         /* largest relative difference of an activation */
    golden_bounds within;
} run;

static bool same(run *r, const char *name, const float *got, const float *want, size_t n, double tolerance)
{
    double most = 0, diff = 0;
    for (size_t i = 0; i < n; i++) {
        most = fmax(most, fabs((double)want[i]));
        double d = fabs((double)got[i] - want[i]);
        if (!(d <= diff)) diff = d; /* NaN is kept */
    }
    if (!(diff <= tolerance * fmax(most, 1e-3))) {
        CHECK(false, "%s: the first difference is at %s: %.3g of values up to %.3g", r->label, name, diff, most);
        r->wrong = true;
        return false;
    }
    r->worst = fmax(r->worst, diff / fmax(most, 1e-3));
    CHECK(true, "%s", name);
    return true;
}

/* What was recorded so far is done first. */
static galago_status read_now(backend *b, void *dst, tensor t, error *e)
{
    galago_status s;
    while ((s = b->ops->submit(b, e)) == GALAGO_PENDING) b->ops->wait(b, e);
    while (!s && (s = b->ops->read(b, dst, t, e)) == GALAGO_PENDING) s = b->ops->wait(b, e);
    return s;
}

static void tap(void *user, const char *name, tensor t)
{
    run *r = user;
    if (r->wrong) return;
    size_t n = tensor_n_rows(t), cols = tensor_row(t);
    float *values = malloc(n * cols * sizeof *values);
    error e = {0};
    if (!values || read_now(session_backend(r->s), values, t, &e)) {
        CHECK(false, "%s: %s cannot be read: %s", r->label, name, e.message);
        free(values);
        return;
    }
    bool vision = strncmp(name, "vision.", 7) == 0, all = strcmp(name, "vision.rows") == 0, last_only = strcmp(name, "norm") == 0;
    char key[64];
    snprintf(key, sizeof key, "%s%s", vision ? "" : "text.", strcmp(name, "vision.patch_embed") == 0 ? "vision.embed" : name);
    array want;
    if (!find_array(r->f, key, &want) || want.cols != cols) {
        CHECK(false, "%s: no recorded %s of width %zu", r->label, key, cols);
        r->wrong = true;
    } else if (all) {
        size_t first = r->base / 4; /* merged rows of the pictures before */
        same(r, key, values, want.f + first * cols, n * cols, r->within.activations);
    } else {
        const int32_t *rows = vision ? r->patch_rows : r->rows;
        size_t n_recorded = vision ? r->n_patch_rows : r->n_rows;
        /* The final norm is taken of the prompt's last token only, which is always recorded. */
        size_t base = last_only ? (size_t)rows[n_recorded - 1] : r->base;
        for (size_t k = 0; k < n_recorded && !r->wrong; k++) {
            size_t at = (size_t)rows[k];
            if (at >= base && at < base + n) same(r, key, values + (at - base) * cols, want.f + k * cols, cols, r->within.activations);
        }
    }
    free(values);
}

static void log_softmax(float *x, size_t n)
{
    double most = -INFINITY, sum = 0;
    for (size_t i = 0; i < n; i++) most = fmax(most, x[i]);
    for (size_t i = 0; i < n; i++) sum += exp(x[i] - most);
    double norm = most + log(sum);
    for (size_t i = 0; i < n; i++) x[i] = (float)(x[i] - norm);
}

static size_t argmax(const float *x, size_t n)
{
    size_t best = 0;
    for (size_t i = 1; i < n; i++)
        if (x[i] > x[best]) best = i;
    return best;
}

/* The prompt three ways: the rendered text encoded, the messages through the template, and what the reference made of it. */
static bool check_prompt(run *r, const model_config *c, const tokenizer *t, token_list *ids, error *e)
{
    const json *meta = r->f->meta, *prompt = json_get(meta, "prompt"), *messages = json_get(meta, "messages");
    chat_message list[8] = {{0}};
    chat_part parts[8][8];
    size_t n = 0;
    for (const json *m = messages->u.list.first; m && n < 8; m = m->next, n++) {
        const char *role = json_string(json_get(m, "role"), "");
        list[n].role = *role == 's' ? GALAGO_ROLE_SYSTEM : *role == 'u' ? GALAGO_ROLE_USER : GALAGO_ROLE_ASSISTANT;
        list[n].parts = parts[n];
        for (const json *p = json_get(m, "content")->u.list.first; p && list[n].n_parts < 8; p = p->next) {
            const json *text = json_get(p, "text");
            parts[n][list[n].n_parts++] = text ? (chat_part){PART_TEXT, text->u.string.bytes, text->u.string.size} : (chat_part){PART_IMAGE, NULL, 0};
        }
    }
    token_list raw = {0};
    buf rendered = {0};
    const chat_options options = {0};
    if (chat_encode(t, c->chat, list, n, &options, ids, &rendered, NULL, e) ||
        tokenizer_encode(t, prompt->u.string.bytes, prompt->u.string.size, ENCODE_TRUSTED, &raw, e)) {
        CHECK(false, "%s: %s", r->label, e->message);
        r->wrong = true;
    } else {
        CHECK(rendered.size == prompt->u.string.size && memcmp(rendered.data, prompt->u.string.bytes, rendered.size) == 0,
              "%s: the rendered prompt differs: %s", r->label, rendered.data);
        CHECK(raw.count == ids->count && memcmp(raw.ids, ids->ids, raw.count * sizeof *raw.ids) == 0,
              "%s: template and rendered text give other ids", r->label);
    }
    token_list_free(&raw);
    buf_free(&rendered);
    return !r->wrong;
}

/* Decodes and resizes the pictures; patches[i] are malloc'ed. */
static size_t load_pictures(run *r, const model_config *c, float **patches, image_grid *grids, error *e)
{
    size_t n = 0;
    const json *images = json_get(r->f->meta, "images");
    for (const json *x = images ? images->u.list.first : NULL; x && n < 4; x = x->next, n++) {
        char path[256];
        snprintf(path, sizeof path, DATA "/%s", json_string(json_get(x, "file"), ""));
        filemap f;
        image img = {0};
        if (filemap_open(path, &f, e) || image_decode(f.data, f.size, &img, e) || image_preprocess(&img, &c->preprocess, &patches[n], &grids[n], e)) {
            CHECK(false, "%s: %s", r->label, e->message);
            r->wrong = true;
            return n;
        }
        const json *grid = json_get(x, "grid")->u.list.first;
        CHECK(grids[n].rows == (uint32_t)grid->next->u.number && grids[n].cols == (uint32_t)grid->next->next->u.number,
              "%s: grid %u x %u", r->label, grids[n].rows, grids[n].cols);
        array want;
        if (n == 0 && find_array(r->f, "pixel_values", &want)) {
            size_t area = (size_t)c->vision.patch_size * c->vision.patch_size;
            for (size_t p = 0; p < want.rows && !r->wrong; p++)
                for (size_t channel = 0; channel < 3 && !r->wrong; channel++) /* two frames there, one here */
                    same(r, "pixel_values", patches[0] + (p * 3 + channel) * area, want.f + (p * 3 + channel) * 2 * area, area, 1e-6);
        }
        image_free(&img);
        filemap_close(&f);
    }
    return n;
}

static galago_status logits_now(session *s, float *logits, error *e)
{
    galago_status status;
    while ((status = session_logits(s, logits, e)) == GALAGO_PENDING)
        if ((status = session_backend(s)->ops->wait(session_backend(s), e))) break;
    return status;
}

static void check_steps(run *r, const layout *l, size_t n_vocab)
{
    error e = {0};
    array want_logits, want;
    int32_t greedy[64];
    size_t n = numbers(r->f, "greedy", greedy, 64);
    float *logits = malloc(n_vocab * sizeof *logits);
    double worst = 0;
    CHECK(find_array(r->f, "logits", &want_logits) && want_logits.cols == n_vocab && find_array(r->f, "logprobs", &want) && want.rows == n,
          "%s: logits and log-probabilities are recorded", r->label);
    for (size_t step = 0; step < n && !r->wrong; step++) {
        char name[32];
        snprintf(name, sizeof name, "logprobs of step %zu", step);
        /* Decode steps are fed the reference's tokens, so that one near tie does not end the comparison. */
        if ((step && session_decode(r->s, greedy[step - 1], l->rope_delta, &e)) || logits_now(r->s, logits, &e)) {
            CHECK(false, "%s: %s: %s", r->label, name, e.message);
            break;
        }
        if (step == 0 && !same(r, "logits", logits, want_logits.f, n_vocab, r->within.activations)) break;
        CHECK((int32_t)argmax(logits, n_vocab) == greedy[step], "%s: greedy id of step %zu", r->label, step);
        log_softmax(logits, n_vocab);
        double diff = 0;
        for (size_t i = 0; i < n_vocab; i++) {
            double d = fabs((double)logits[i] - want.f[step * n_vocab + i]);
            if (!(d <= diff)) diff = d;
        }
        CHECK(diff <= r->within.logprobs, "%s: %s differ by %.3g", r->label, name, diff);
        worst = fmax(worst, diff);
    }
    free(logits);
    printf("%-32s activations within %.1e, log-probabilities within %.1e\n", r->label, r->worst, worst);
}

static void check_case(const char *label, const char *path, const model *m, const model_config *c, const tokenizer *t,
                       golden_bounds within)
{
    fixture f = {0};
    filemap text;
    error e = {0};
    char bin[256];
    snprintf(bin, sizeof bin, "%.*s.bin", (int)strlen(path) - 5, path);
    if (filemap_open(path, &text, &e) || json_parse(&f.memory, (const char *)text.data, text.size, &f.meta, &e) ||
        filemap_open(bin, &f.arrays, &e)) {
        CHECK(false, "%s: %s", label, e.message);
        return;
    }
    static run r;
    r = (run){.label = label, .f = &f, .within = within};
    r.n_rows = numbers(&f, "rows", r.rows, 4096);
    r.n_patch_rows = numbers(&f, "patch_rows", r.patch_rows, 4096);

    token_list ids = {0};
    float *patches[4] = {NULL};
    image_grid grids[4];
    layout l = {0};
    size_t n_images = 0;
    if (check_prompt(&r, c, t, &ids, &e)) n_images = load_pictures(&r, c, patches, grids, &e);
    if (!r.wrong && (layout_prompt(c, ids.ids, ids.count, grids, n_images, &l, &e) || session_create(m, (uint32_t)l.n + 32, 20000, &r.s, &e))) {
        CHECK(false, "%s: %s", label, e.message);
        r.wrong = true;
    }
    if (!r.wrong) {
        static int32_t want_ids[8192];
        array positions;
        size_t n = numbers(&f, "ids", want_ids, 8192);
        CHECK(n == l.n && memcmp(want_ids, l.ids, n * sizeof *want_ids) == 0, "%s: ids of the prompt", label);
        CHECK(l.rope_delta == (int32_t)json_number(json_get(f.meta, "rope_delta"), 1e9), "%s: rope delta %d", label, l.rope_delta);
        CHECK(find_array(&f, "positions", &positions) && positions.cols == l.n && memcmp(positions.i, l.pos, 3 * l.n * sizeof *l.pos) == 0,
              "%s: positions", label);
        session_set_tap(r.s, tap, &r);
        for (size_t i = 0; i < n_images && !r.wrong; i++) {
            if (session_vision(r.s, patches[i], grids[i], l.spans[i].row, NULL, NULL, &e)) CHECK(false, "%s: %s", label, e.message);
            r.base += (size_t)grids[i].rows * grids[i].cols;
        }
        for (size_t first = 0, piece; first < l.n && !r.wrong; first += piece) {
            piece = l.n - first < session_batch(r.s) ? l.n - first : session_batch(r.s);
            r.base = first;
            if (session_prefill(r.s, &l, first, piece, first + piece == l.n, &e)) CHECK(false, "%s: %s", label, e.message);
        }
        session_set_tap(r.s, NULL, NULL);
        if (!r.wrong) check_steps(&r, &l, c->text.n_vocab);
    }
    session_destroy(r.s);
    layout_free(&l);
    token_list_free(&ids);
    for (int i = 0; i < 4; i++) free(patches[i]);
    filemap_close(&text);
    filemap_close(&f.arrays);
    arena_free(&f.memory);
}

/* The named cases of a model on a backend, with weights of a type. */
static void check_model(const char *name, backend *b, const char *device, galago_dtype held_as, const char *const *cases, size_t n_cases,
                        golden_bounds within)
{
    char path[256], label[64];
    error e = {0};
    weights *w = NULL;
    tokenizer *t = NULL;
    model *m = NULL;
    model_config c;
    snprintf(path, sizeof path, DATA "/%s", name);
    const model_options o = {.dtype = held_as, .n_threads = 2};
    if (weights_open(path, NULL, &w, &e) || model_config_read(w, &c, &e) || weights_tokenizer(w, c.text.n_vocab, &t, &e) ||
        model_config_find_ids(&c, t, &e) || model_load(b, w, &c, &o, &m, &e)) {
        CHECK(false, "%s: %s", name, e.message);
    } else {
        for (size_t i = 0; i < n_cases; i++) {
            snprintf(path, sizeof path, DATA "/%s/cases/%s.json", name, cases[i]);
            snprintf(label, sizeof label, "%s %s (%s)", name, cases[i], device);
            check_case(label, path, m, &c, t, within);
        }
    }
    model_destroy(m);
    tokenizer_destroy(t);
    weights_close(w);
}

#endif
