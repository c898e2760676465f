/* What is asked about drawn shapes: describe, count, name colour or shape, tell the place, yes or no. */
#include "shapes.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

const char *const shape_names[N_SHAPES] = {"circle",  "square", "triangle", "star",    "heart",
                                           "diamond", "cross",  "ring",     "hexagon", "crescent"};

static void plural(char *out, size_t size, const char *name, int n)
{
    if (n == 1)
        snprintf(out, size, "%s", name);
    else
        snprintf(out, size, "%s%s", name, name[strlen(name) - 1] == 's' ? "es" : "s");
}

static void describe(const object *o, int n, char *out, size_t size)
{
    bool done[16] = {false};
    char items[16][64];
    int n_items = 0;
    for (int i = 0; i < n; i++) {
        if (done[i]) continue;
        int k = 0;
        for (int j = i; j < n; j++)
            if (o[j].shape == o[i].shape && o[j].colour == o[i].colour) done[j] = true, k++;
        char name[32];
        plural(name, sizeof name, shape_names[o[i].shape], k);
        const char *colour = colours[o[i].colour].name;
        if (k == 1)
            snprintf(items[n_items++], 64, "%s %s %s", article(colour), colour, name);
        else
            snprintf(items[n_items++], 64, "%s %s %s", numbers[k], colour, name);
    }
    out[0] = 0;
    for (int i = 0; i < n_items; i++) {
        size_t at = strlen(out);
        snprintf(out + at, size - at, "%s%s", !i ? "" : i + 1 == n_items ? " and " : ", ", items[i]);
    }
    if (out[0] >= 'a') out[0] = (char)(out[0] - 32);
    size_t at = strlen(out);
    snprintf(out + at, size - at, ".");
}

static int count_shape(const object *o, int n, int shape)
{
    int k = 0;
    for (int i = 0; i < n; i++) k += shape < 0 || o[i].shape == shape;
    return k;
}
static int count_colour(const object *o, int n, int colour)
{
    int k = 0;
    for (int i = 0; i < n; i++) k += o[i].colour == colour;
    return k;
}

/* Short answers that take looking: training asks for them besides. */
static void drill(pictures *p, const shapes *s, pictures_item *out)
{
    const object *x = &s->o[below(p, s->n)], *y = &s->o[below(p, s->n)];
    const char *shape = shape_names[x->shape], *place = place_in(s->im, x->x, x->y);
    bool one = count_shape(s->o, s->n, x->shape) == 1, there = chance(p, 0.5);
    double dx = (x->x - y->x) / s->im->width, dy = (x->y - y->y) / s->im->height;
    char q[160], v[64];
    switch (below(p, 9)) {
    case 0:
    case 1:
        if (!one || !place) return;
        snprintf(q, sizeof q, "Where is the %s?", shape);
        told(out, "place", q, place);
        return;
    case 2: /* the only one there */
        if (!place) return;
        for (int i = 0; i < s->n; i++) {
            const char *other = place_in(s->im, s->o[i].x, s->o[i].y);
            if (&s->o[i] != x && (!other || other == place)) return;
        }
        snprintf(q, sizeof q, "What is %s the %s?", strcmp(place, "middle") ? "at" : "in", place);
        snprintf(v, sizeof v, "%s %s", colours[x->colour].name, shape);
        told(out, "place", q, v);
        return;
    case 3: {
        if (!one || count_shape(s->o, s->n, y->shape) != 1 || x->shape == y->shape) return;
        bool across = chance(p, 0.5), first = chance(p, 0.5);
        if (fabs(across ? dx : dy) < 0.2) return;
        if (across)
            snprintf(q, sizeof q, "Is the %s to the %s of the %s?", shape, first ? "left" : "right",
                     shape_names[y->shape]);
        else
            snprintf(q, sizeof q, "Is the %s %s the %s?", shape, first ? "above" : "below",
                     shape_names[y->shape]);
        reply_yes(p, out, q, ((across ? dx : dy) < 0) == first);
        return;
    }
    case 4: {
        int asked = there ? x->shape : below(p, N_SHAPES);
        snprintf(q, sizeof q, "Is there %s %s?", article(shape_names[asked]), shape_names[asked]);
        reply_yes(p, out, q, count_shape(s->o, s->n, asked) > 0);
        return;
    }
    case 5: {
        int asked = there ? x->colour : below(p, N_COLOURS);
        snprintf(q, sizeof q, "Is there anything %s?", colours[asked].name);
        reply_yes(p, out, q, count_colour(s->o, s->n, asked) > 0);
        return;
    }
    case 6: {
        int wrong = below(p, N_COLOURS);
        if (!one || (!there && wrong == x->colour)) return;
        snprintf(q, sizeof q, "Is the %s %s?", shape, colours[there ? x->colour : wrong].name);
        reply_yes(p, out, q, there);
        return;
    }
    case 7: {
        if (!one) return;
        snprintf(q, sizeof q, chance(p, 0.5) ? "What colour is the %s?" : "What color is the %s?", shape);
        told(out, "colour", q, colours[x->colour].name);
        return;
    }
    default: {
        int asked = chance(p, 0.8) ? x->shape : below(p, N_SHAPES);
        plural(q, sizeof q, shape_names[asked], 2);
        snprintf(out->prompt, sizeof out->prompt, "How many %s are there?", q);
        snprintf(v, sizeof v, "%d", count_shape(s->o, s->n, asked));
        told(out, "count", NULL, v);
    }
    }
}

static void ask(pictures *p, const shapes *s, pictures_item *out)
{
    const object *o = s->o;
    const int n = s->n;
    char name[32];
    int pick = below(p, n);
    for (int tries = 0; tries < 12; tries++) {
        pick = below(p, n);
        const object *x = &o[pick];
        switch (below(p, 9)) {
        case 0:
        case 1: { /* how many of a shape, now and then of one that is not there */
            int shape = chance(p, 0.8) ? x->shape : below(p, N_SHAPES);
            plural(name, sizeof name, shape_names[shape], 2);
            snprintf(out->task, sizeof out->task, "count");
            snprintf(out->prompt, sizeof out->prompt,
                     chance(p, 0.7) ? "How many %s are there?" : "Count the %s.", name);
            snprintf(out->answer, sizeof out->answer, "%d", count_shape(o, n, shape));
            return;
        }
        case 2: {
            int colour = chance(p, 0.8) ? x->colour : below(p, N_COLOURS);
            snprintf(out->task, sizeof out->task, "count");
            snprintf(out->prompt, sizeof out->prompt, "How many %s shapes are there?", colours[colour].name);
            snprintf(out->answer, sizeof out->answer, "%d", count_colour(o, n, colour));
            return;
        }
        case 3:
            snprintf(out->task, sizeof out->task, "count");
            snprintf(out->prompt, sizeof out->prompt,
                     chance(p, 0.5) ? "How many shapes are there?" : "How many objects are in this image?");
            snprintf(out->answer, sizeof out->answer, "%d", n);
            return;
        case 4:
        case 5:
            if (count_shape(o, n, x->shape) != 1) break;
            snprintf(out->task, sizeof out->task, "colour");
            snprintf(out->prompt, sizeof out->prompt,
                     chance(p, 0.5) ? "What colour is the %s?" : "What color is the %s?",
                     shape_names[x->shape]);
            snprintf(out->answer, sizeof out->answer, "%s", colours[x->colour].name);
            return;
        case 6:
            if (count_colour(o, n, x->colour) != 1) break;
            snprintf(out->task, sizeof out->task, "shape");
            snprintf(out->prompt, sizeof out->prompt,
                     chance(p, 0.5) ? "What shape is %s?" : "Which shape is %s?", colours[x->colour].name);
            snprintf(out->answer, sizeof out->answer, "%s", shape_names[x->shape]);
            return;
        case 7: {
            const char *place = place_in(s->im, x->x, x->y);
            if (!place || count_shape(o, n, x->shape) != 1) break;
            snprintf(out->task, sizeof out->task, "place");
            snprintf(out->prompt, sizeof out->prompt, "Where is the %s?", shape_names[x->shape]);
            snprintf(out->answer, sizeof out->answer, "%s", place);
            return;
        }
        default: {
            bool there = chance(p, 0.5);
            int shape = x->shape, colour = x->colour;
            if (!there) {
                if (chance(p, 0.5))
                    shape = below(p, N_SHAPES);
                else
                    colour = below(p, N_COLOURS);
            }
            there = false;
            for (int i = 0; i < n; i++) there |= o[i].shape == shape && o[i].colour == colour;
            const char *c = colours[colour].name;
            snprintf(out->task, sizeof out->task, "yesno");
            snprintf(out->prompt, sizeof out->prompt, "Is there %s %s %s?", article(c), c,
                     shape_names[shape]);
            snprintf(out->answer, sizeof out->answer, "%s", there ? "Yes" : "No");
            return;
        }
        }
    }
    snprintf(out->task, sizeof out->task, "count");
    snprintf(out->prompt, sizeof out->prompt, "How many shapes are there?");
    snprintf(out->answer, sizeof out->answer, "%d", n);
}

void ask_shapes(pictures *p, const shapes *s, pictures_item *out)
{
    static const char *const prompts[] = {"Describe this image.", "What is in this image?",
                                          "Describe the picture.", "What do you see?"};
    if (chance(p, 0.4)) {
        snprintf(out->task, sizeof out->task, "describe");
        snprintf(out->prompt, sizeof out->prompt, "%s", prompts[chance(p, 0.6) ? 0 : below(p, 4)]);
        describe(s->o, s->n, out->answer, sizeof out->answer);
    } else {
        ask(p, s, out);
    }
}

void ask_shapes_again(pictures *p, const void *what, pictures_item *out)
{
    if (chance(p, 0.6))
        drill(p, what, out);
    else
        ask(p, what, out);
}
