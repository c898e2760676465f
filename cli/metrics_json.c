#include "metrics.h"

#include "base/json.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* A number, or a text that is one from its first to its last character. */
static bool number_of(const json *v, double *out)
{
    if (v->type == JSON_NUMBER) return *out = v->u.number, true;
    if (v->type != JSON_STRING || !v->u.string.size || !strchr("-0123456789", v->u.string.bytes[0]))
        return false;
    char *end;
    *out = strtod(v->u.string.bytes, &end);
    return end == v->u.string.bytes + v->u.string.size;
}

static const json *member(const json *object, const json *like)
{
    const json *found = NULL; /* of members with one name the last counts */
    for (const json *c = object->u.list.first; c; c = c->next)
        if (c->key_size == like->key_size && memcmp(c->key, like->key, c->key_size) == 0) found = c;
    return found;
}

static bool same_value(const json *a, const json *b)
{
    double x, y;
    if ((a->type == JSON_NUMBER || b->type == JSON_NUMBER) && number_of(a, &x) && number_of(b, &y))
        return x == y;
    if (a->type != b->type) return false;
    switch (a->type) {
    case JSON_NULL: return true;
    case JSON_BOOL: return a->u.boolean == b->u.boolean;
    case JSON_NUMBER: return a->u.number == b->u.number;
    case JSON_STRING:
        return same_answer(a->u.string.bytes, a->u.string.size, b->u.string.bytes, b->u.string.size);
    case JSON_ARRAY: {
        const json *p = a->u.list.first, *q = b->u.list.first;
        for (; p && q; p = p->next, q = q->next)
            if (!same_value(p, q)) return false;
        return !p && !q;
    }
    case JSON_OBJECT:
        for (const json *c = b->u.list.first; c; c = c->next) {
            const json *d = member(a, c);
            if (!d || !same_value(d, c)) return false;
        }
        for (const json *c = a->u.list.first; c; c = c->next)
            if (!member(b, c)) return false;
        return true;
    }
    return false;
}

bool same_json(const char *a, size_t size_a, const char *b, size_t size_b)
{
    arena memory = {0};
    galago_error e = {0};
    const json *x, *y;
    bool same = !json_parse(&memory, a, size_a, &x, &e) && !json_parse(&memory, b, size_b, &y, &e) &&
                x->type == JSON_OBJECT && same_value(x, y);
    arena_free(&memory);
    return same;
}
