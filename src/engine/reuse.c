#include "engine/reuse.h"

#include <stdlib.h>
#include <string.h>

static bool key_equal(const image_key *a, const image_key *b)
{
    return a->hash[0] == b->hash[0] && a->hash[1] == b->hash[1] && a->grid.rows == b->grid.rows &&
           a->grid.cols == b->grid.cols;
}

bool history_create(history *h, size_t n_ctx)
{
    *h = (history){.ids = malloc((n_ctx + 1) * sizeof *h->ids), .capacity = n_ctx};
    return h->ids != NULL;
}

void history_destroy(history *h)
{
    free(h->ids);
    free(h->spans);
    *h = (history){0};
}

void history_clear(history *h) { h->n = h->n_spans = h->snapshot = 0; }

void history_restore(history *h)
{
    assert(h->snapshot > 0 && h->snapshot <= h->n);
    h->n = h->snapshot;
    while (h->n_spans && h->spans[h->n_spans - 1].span.first >= h->n) h->n_spans--;
}

bool history_reserve(history *h, const layout *l)
{
    size_t want = h->n_spans + l->n_spans;
    if (want <= h->spans_capacity) return true;
    held_span *p = realloc(h->spans, want * sizeof *p);
    if (!p) return false;
    h->spans = p;
    h->spans_capacity = want;
    return true;
}

void history_append(history *h, const layout *l, const image_key *keys, size_t count)
{
    assert(h->n + count <= h->capacity && h->n + count <= l->n);
    memcpy(h->ids + h->n, l->ids + h->n, count * sizeof *h->ids);
    h->n += count;
    for (size_t k = h->n_spans; k < l->n_spans && l->spans[k].first < h->n; k++) {
        assert(h->n_spans < h->spans_capacity);
        h->spans[h->n_spans++] = (held_span){l->spans[k], keys[k]};
    }
}

void history_push(history *h, int32_t id)
{
    assert(h->n < h->capacity);
    h->ids[h->n++] = id;
}

size_t history_common(const history *h, const layout *l, const image_key *keys)
{
    size_t n = 0, most = h->n < l->n ? h->n : l->n;
    while (n < most && h->ids[n] == l->ids[n]) n++;
    /* A prompt's image tokens always belong to a span. An answer may hold the image token as an ordinary
     * word: then the state has no span there. And equal ids do not make equal pictures, nor equal grids equal
     * positions. */
    for (size_t k = 0; k < l->n_spans && l->spans[k].first < n; k++) {
        const image_span *span = &l->spans[k];
        if (k >= h->n_spans || h->spans[k].span.first != span->first || h->spans[k].span.rows != span->rows ||
            h->spans[k].span.cols != span->cols || !key_equal(&h->spans[k].key, &keys[k]))
            n = span->first;
    }
    return n;
}

reuse_from history_choose(const history *h, const layout *l, const image_key *keys, size_t *start)
{
    size_t common = history_common(h, l, keys);
    *start = 0;
    if (h->n > 0 && common == h->n && h->n < l->n) {
        *start = h->n;
        return REUSE_ALL;
    }
    if (h->snapshot > 0 && h->snapshot <= common && h->snapshot < l->n) {
        *start = h->snapshot;
        return REUSE_SNAPSHOT;
    }
    return REUSE_NOTHING;
}

bool vision_rows_hold(const vision_rows *v, const image_span *span, const image_key *key)
{
    for (size_t i = 0; i < v->n; i++)
        if (v->held[i].span.row == span->row && v->held[i].span.count == span->count &&
            key_equal(&v->held[i].key, key))
            return true;
    return false;
}

void vision_rows_discard(vision_rows *v, const image_span *span)
{
    size_t kept = 0;
    for (size_t i = 0; i < v->n; i++) {
        const image_span *s = &v->held[i].span;
        if (s->row + s->count <= span->row || span->row + span->count <= s->row) v->held[kept++] = v->held[i];
    }
    v->n = kept;
}

bool vision_rows_add(vision_rows *v, const image_span *span, const image_key *key)
{
    if (v->n == v->capacity) {
        size_t capacity = v->capacity ? 2 * v->capacity : 4;
        held_span *p = realloc(v->held, capacity * sizeof *p);
        if (!p) return false;
        v->held = p;
        v->capacity = capacity;
    }
    v->held[v->n++] = (held_span){*span, *key};
    return true;
}
