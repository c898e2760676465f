/* What training asks about a scene of emoji besides: short answers that take looking. */
#include "scenes.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* Where it is, or what is where. */
static void drill_place(pictures *p, const scene *s, const thing *x, pictures_item *out)
{
    char q[160];
    const char *n = name_of(p, x->name), *place = place_in(s->im, x->x, x->y);
    double u = x->x / s->im->width, v = x->y / s->im->height;
    bool one = count_of(s, x->name) == 1;
    switch (below(p, 4)) {
    case 0:
        if (!one || !place) return;
        snprintf(q, sizeof q, "Where is the %s?", n);
        told(out, "place", q, place);
        return;
    case 1: { /* the only thing there */
        if (!place) return;
        for (int i = 0; i < s->n; i++) {
            const char *other = place_in(s->im, s->t[i].x, s->t[i].y);
            if (&s->t[i] != x && (!other || other == place)) return;
        }
        snprintf(q, sizeof q, "What is %s the %s?", strcmp(place, "middle") ? "at" : "in", place);
        told(out, "place", q, n);
        return;
    }
    case 2:
        if (!one || fabs(u - 0.5) < 0.12) return;
        snprintf(q, sizeof q, "Is the %s on the left or on the right?", n);
        told(out, "place", q, u < 0.5 ? "left" : "right");
        return;
    default:
        if (!one || fabs(v - 0.5) < 0.12) return;
        snprintf(q, sizeof q, "Is the %s at the top or at the bottom?", n);
        told(out, "place", q, v < 0.5 ? "top" : "bottom");
    }
}

/* Two that are there once each. */
static void drill_pair(pictures *p, const scene *s, const thing *a, pictures_item *out)
{
    const thing *b = &s->t[below(p, s->n)];
    if (a->name == b->name || count_of(s, a->name) != 1 || count_of(s, b->name) != 1) return;
    double dx = (a->x - b->x) / s->im->width, dy = (a->y - b->y) / s->im->height;
    bool across = chance(p, 0.5), first = chance(p, 0.5);
    if (fabs(across ? dx : dy) < 0.2) return;
    char q[200];
    if (across)
        snprintf(q, sizeof q, "Is the %s to the %s of the %s?", name_of(p, a->name), first ? "left" : "right",
                 name_of(p, b->name));
    else
        snprintf(q, sizeof q, "Is the %s %s the %s?", name_of(p, a->name), first ? "above" : "below",
                 name_of(p, b->name));
    reply_yes(p, out, q, ((across ? dx : dy) < 0) == first);
}

void drill_scene(pictures *p, const scene *s, pictures_item *out)
{
    const thing *x = &s->t[below(p, s->n)];
    int other = absent_name(p, s, s->style);
    bool there = chance(p, 0.5);
    const char *asked = name_of(p, there ? x->name : other);
    char q[160];
    switch (below(p, 7)) {
    case 0:
    case 1: drill_place(p, s, x, out); return;
    case 2: drill_pair(p, s, x, out); return;
    case 3:
    case 4:
        snprintf(q, sizeof q, "Is there %s %s%s?", article(asked), asked,
                 chance(p, 0.5) ? " in the picture" : "");
        reply_yes(p, out, q, there);
        return;
    case 5: {
        char count[8];
        int name = chance(p, 0.75) ? x->name : other;
        snprintf(q, sizeof q, "How many %s are there?", p->sprites[name].plural);
        snprintf(count, sizeof count, "%d", count_of(s, name));
        told(out, "count", q, count);
        return;
    }
    default: {
        if (s->mono || !sprite_has_colour(p, s->style, x->name) || count_of(s, x->name) != 1) return;
        int wrong = below(p, N_COLOURS), right = p->sprites[x->name].colour;
        if (!there && wrong == right) return;
        snprintf(q, sizeof q, "Is the %s %s?", name_of(p, x->name), colours[there ? right : wrong].name);
        reply_yes(p, out, q, there);
    }
    }
}
