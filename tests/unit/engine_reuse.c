/* What is reused is what is the same: the bookkeeping of states, against a simulated session that records
 * exactly which token, picture and position each of its entries came from. */
#include "engine/reuse.h"

#include "check.h"
#include <stdlib.h>

enum { PAD = 9, MAX_TOKENS = 200 };

static layout make_layout(const int32_t *ids, size_t n, image_span *spans, size_t n_spans)
{
    return (layout){.ids = (int32_t *)ids, .n = n, .spans = spans, .n_spans = n_spans};
}

static void test_common(void)
{
    const int32_t ids[] = {1, 2, PAD, PAD, PAD, PAD, 3, 4, 5};
    image_span span = {.first = 2, .count = 4, .row = 0, .rows = 2, .cols = 2};
    image_key key = {{1, 2}, {4, 4}};
    layout l = make_layout(ids, 9, &span, 1);
    history h;
    CHECK(history_create(&h, 64) && history_reserve(&h, &l), "memory");
    CHECK(history_common(&h, &l, &key) == 0, "empty");
    history_append(&h, &l, &key, 3); /* in the middle of the picture */
    CHECK(h.n == 3 && h.n_spans == 1, "%zu tokens, %zu spans", h.n, h.n_spans);
    history_append(&h, &l, &key, 6);
    CHECK(h.n == 9 && h.n_spans == 1, "%zu tokens, %zu spans", h.n, h.n_spans);
    CHECK(history_common(&h, &l, &key) == 9, "itself");

    /* One thing changed at a time. */
    struct {
        int32_t ids[9];
        image_span span;
        image_key key;
        size_t common;
        const char *what;
    } cases[] = {
        {{7, 2, PAD, PAD, PAD, PAD, 3, 4, 5}, span, key, 0, "first id"},
        {{1, 2, PAD, PAD, PAD, PAD, 3, 7, 5}, span, key, 7, "a later id"},
        {{1, 2, PAD, PAD, PAD, PAD, 3, 4, 5}, span, {{1, 3}, {4, 4}}, 2, "another picture"},
        {{1, 2, PAD, PAD, PAD, PAD, 3, 4, 5}, span, {{0, 2}, {4, 4}}, 2, "another picture"},
        {{1, 2, PAD, PAD, PAD, PAD, 3, 4, 5},
         {2, 4, 0, 1, 4},
         {{1, 2}, {2, 8}},
         2,
         "another shape, as many tokens"},
        {{1, 2, PAD, PAD, PAD, PAD, 3, 4, 5}, span, {{1, 2}, {8, 2}}, 2, "another grid"},
        {{1, 2, PAD, PAD, PAD, 3, 4, 5, 6}, {2, 3, 0, 1, 3}, {{1, 2}, {2, 6}}, 2, "fewer image tokens"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        layout other = make_layout(cases[i].ids, 9, &cases[i].span, 1);
        size_t got = history_common(&h, &other, &cases[i].key);
        CHECK(got == cases[i].common, "%s: %zu", cases[i].what, got);
    }

    /* An image token that the model said is not a picture. */
    history_clear(&h);
    const int32_t text[] = {1, 2};
    layout plain = make_layout(text, 2, NULL, 0);
    history_append(&h, &plain, NULL, 2);
    for (int i = 0; i < 4; i++) history_push(&h, PAD);
    CHECK(history_common(&h, &l, &key) == 2, "an image token as a word");
    history_destroy(&h);
}

static void test_choose(void)
{
    const int32_t ids[] = {1, 2, 3, 4, 5, 6};
    layout l = make_layout(ids, 6, NULL, 0), shorter = make_layout(ids, 4, NULL, 0);
    history h;
    size_t start = 99;
    CHECK(history_create(&h, 64) && history_reserve(&h, &l), "memory");
    CHECK(history_choose(&h, &l, NULL, &start) == REUSE_NOTHING && start == 0, "empty");
    history_append(&h, &l, NULL, 4);
    CHECK(history_choose(&h, &l, NULL, &start) == REUSE_ALL && start == 4, "continues");
    CHECK(history_choose(&h, &shorter, NULL, &start) == REUSE_NOTHING, "one token must be left to run");
    h.snapshot = 2;
    CHECK(history_choose(&h, &shorter, NULL, &start) == REUSE_SNAPSHOT && start == 2,
          "the snapshot is shorter");
    history_push(&h, 50);
    CHECK(history_choose(&h, &l, NULL, &start) == REUSE_SNAPSHOT && start == 2,
          "the answer is not in the prompt");
    history_restore(&h);
    CHECK(h.n == 2 && history_choose(&h, &l, NULL, &start) == REUSE_ALL && start == 2, "restored");
    history_clear(&h);
    CHECK(h.snapshot == 0 && history_choose(&h, &l, NULL, &start) == REUSE_NOTHING, "cleared");
    history_destroy(&h);
}

static void test_vision_rows(void)
{
    vision_rows v = {0};
    image_span a = {.row = 0, .count = 4}, b = {.row = 4, .count = 6}, over = {.row = 3, .count = 2},
               beyond = {.row = 10, .count = 2};
    image_key ka = {{1, 1}, {4, 4}}, kb = {{2, 2}, {4, 6}};
    CHECK(vision_rows_add(&v, &a, &ka) && vision_rows_add(&v, &b, &kb), "memory");
    CHECK(vision_rows_hold(&v, &a, &ka) && vision_rows_hold(&v, &b, &kb), "held");
    CHECK(!vision_rows_hold(&v, &a, &kb) && !vision_rows_hold(&v, &b, &ka), "another picture at this place");
    vision_rows_discard(&v, &beyond);
    CHECK(v.n == 2, "untouched");
    vision_rows_discard(&v, &over);
    CHECK(v.n == 0, "both overlap rows 3 and 4");
    free(v.held);
}

/* ---- a simulated session ---- */

/* A token as the network sees it: its id, or which part of which picture, and where. */
typedef struct seen {
    int32_t id;
    uint64_t picture; /* 0 = text */
    size_t offset;
    uint32_t rows, cols;
} seen;

static seen token_of(const layout *l, const image_key *keys, size_t i)
{
    for (size_t k = 0; k < l->n_spans; k++)
        if (i >= l->spans[k].first && i < l->spans[k].first + l->spans[k].count)
            return (seen){l->ids[i], keys[k].hash[0], i - l->spans[k].first, l->spans[k].rows,
                          l->spans[k].cols};
    return (seen){.id = l->ids[i]};
}

static bool same(const seen *a, const seen *b)
{
    return a->id == b->id && a->picture == b->picture && a->offset == b->offset && a->rows == b->rows &&
           a->cols == b->cols;
}

/* Random conversations that share beginnings, are cut off anywhere, answer with anything (image tokens
 * included) and save anywhere: after each step the simulated state must be exactly the new prompt's
 * beginning. */
static void test_random(void)
{
    unsigned long long seed = 1;
    static int32_t ids[MAX_TOKENS];
    static seen state[2 * MAX_TOKENS], snapshot[2 * MAX_TOKENS];
    history h;
    CHECK(history_create(&h, 2 * MAX_TOKENS), "memory");
    size_t reused[3] = {0}, wrong = 0, wrong_length = 0;
    for (int step = 0; step < 60000; step++) {
        image_span spans[8];
        image_key keys[8];
        layout l = make_layout(ids, 0, spans, 0);
        size_t pieces = 1 + check_random(&seed) % 8;
        for (size_t k = 0; k < pieces; k++) {
            if (check_random(&seed) % 3 == 0) {
                uint32_t rows = 1 + check_random(&seed) % 2, cols = 1 + check_random(&seed) % 2;
                keys[l.n_spans] = (image_key){{1 + check_random(&seed) % 2, 0}, {2 * rows, 2 * cols}};
                spans[l.n_spans++] =
                    (image_span){.first = l.n, .count = rows * cols, .rows = rows, .cols = cols};
                for (uint32_t i = 0; i < rows * cols; i++) ids[l.n++] = PAD;
            } else {
                ids[l.n++] = (int32_t)(check_random(&seed) % 2);
            }
        }
        if (!history_reserve(&h, &l)) wrong++;
        size_t start;
        reuse_from from = history_choose(&h, &l, keys, &start);
        reused[from]++;
        if (from == REUSE_SNAPSHOT) {
            memcpy(state, snapshot, start * sizeof *state);
            if (h.snapshot != start) wrong_length++;
            history_restore(&h);
        } else if (from == REUSE_NOTHING) {
            memset(state, 0xff, sizeof state);
            history_clear(&h);
        }
        if (start >= l.n || h.n != start) wrong_length++;
        for (size_t i = 0; i < start; i++) {
            seen want = token_of(&l, keys, i);
            if (!same(&state[i], &want)) wrong++;
        }
        size_t run = check_random(&seed) % 5 ? l.n - start
                                             : check_random(&seed) % (l.n - start + 1); /* or cancelled */
        size_t save_at = start + check_random(&seed) % (l.n - start + 1);
        for (size_t i = start; i < start + run; i++) {
            state[i] = token_of(&l, keys, i);
            history_append(&h, &l, keys, 1);
            if (h.n != save_at) continue;
            h.snapshot = save_at;
            memcpy(snapshot, state, save_at * sizeof *state);
        }
        if (run == l.n - start)
            for (size_t i = check_random(&seed) % 4; i > 0; i--) {
                int32_t id = check_random(&seed) % 4 ? (int32_t)(check_random(&seed) % 2) : PAD;
                state[h.n] = (seen){.id = id};
                history_push(&h, id);
            }
    }
    CHECK(wrong == 0 && wrong_length == 0, "%zu tokens wrongly reused, %zu wrong lengths", wrong,
          wrong_length);
    CHECK(reused[REUSE_NOTHING] > 500 && reused[REUSE_SNAPSHOT] > 500 && reused[REUSE_ALL] > 500,
          "every way is taken: %zu %zu %zu", reused[0], reused[1], reused[2]);
    history_destroy(&h);
}

/* Pictures that differ in one bit, in shape alone, or in nothing. */
static void test_hash(void)
{
    uint8_t rgb[3 * 12 * 5];
    for (size_t i = 0; i < sizeof rgb; i++) rgb[i] = (uint8_t)(i * 7);
    galago_image *a, *b;
    CHECK(!galago_image_from_rgb(rgb, 12, 5, 36, &a, NULL), "image");
    CHECK(!galago_image_from_rgb(rgb, 12, 5, 36, &b, NULL), "image");
    CHECK(a->hash[0] == b->hash[0] && a->hash[1] == b->hash[1], "the same pixels");
    galago_image_destroy(b);
    galago_image_from_rgb(rgb, 5, 12, 15, &b, NULL);
    CHECK(a->hash[0] != b->hash[0] && a->hash[1] != b->hash[1], "another shape");
    galago_image_destroy(b);
    for (size_t bit = 0; bit < 8 * sizeof rgb; bit++) {
        rgb[bit / 8] ^= (uint8_t)(1u << bit % 8);
        galago_image_from_rgb(rgb, 12, 5, 36, &b, NULL);
        CHECK(a->hash[0] != b->hash[0] && a->hash[1] != b->hash[1], "bit %zu", bit);
        galago_image_destroy(b);
        rgb[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    galago_image_destroy(a);
}

int main(void)
{
    test_common();
    test_choose();
    test_vision_rows();
    test_random();
    test_hash();
    return check_done("unit/engine_reuse");
}
