/* Drawn shapes: describe, count, name colour or shape, tell the place, yes or no. */
#include "parts.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static const char *const shape_names[] = {"circle",  "square", "triangle", "star",    "heart",
                                          "diamond", "cross",  "ring",     "hexagon", "crescent"};
enum { N_SHAPES = 10 };

typedef struct object {
    int shape, colour, cell;
    double x, y, r, turn;
} object;

/* Signed distance, negative inside; x, y in units of the radius. */
static double distance_to(int shape, double x, double y)
{
    double a = fabs(x), d = sqrt(x * x + y * y);
    switch (shape) {
    case 0: return d - 1;
    case 1: return fmax(a, fabs(y)) - 0.85;
    case 2: return fmax(a * 0.866 - y * 0.5, y) - 0.5;
    case 3: { /* five points: fold into one sector */
        double angle = atan2(x, -y), k = 6.2831853 / 5;
        angle = fabs(fmod(fmod(angle, k) + k + k / 2, k) - k / 2);
        double px = d * cos(angle), py = d * sin(angle); /* the tip at (1, 0), the dent at 36 degrees */
        double ix = 0.42 * cos(0.6283185), iy = 0.42 * sin(0.6283185), nx = iy, ny = 1 - ix,
               l = sqrt(nx * nx + ny * ny);
        return ((px - 1) * nx + py * ny) / l;
    }
    case 4: {
        double u = a * 1.1, v = -y * 1.1 + 0.25;
        double q = u * u + v * v - 0.75;
        return (q * q * q - u * u * v * v * v) > 0 ? 0.5 : -0.5;
    }
    case 5: return a * 1.25 + fabs(y) - 1.0;
    case 6: return fmin(fmax(a - 0.95, fabs(y) - 0.32), fmax(a - 0.32, fabs(y) - 0.95));
    case 7: return fabs(d - 0.75) - 0.24;
    case 8: return fmax(a * 0.866 + fabs(y) * 0.5, fabs(y)) - 0.85;
    default: return fmax(d - 1, 0.85 - sqrt((x - 0.45) * (x - 0.45) + y * y));
    }
}

static void draw_object(pictures_image *im, const object *o, rgb c, bool outline)
{
    int r = (int)(o->r * 1.25) + 2;
    double ct = cos(o->turn), st = sin(o->turn);
    for (int y = (int)o->y - r; y <= (int)o->y + r; y++)
        for (int x = (int)o->x - r; x <= (int)o->x + r; x++) {
            double a = 0;
            for (int s = 0; s < 4; s++) { /* four samples a pixel */
                double u = (x + 0.25 + 0.5 * (s & 1) - o->x) / o->r,
                       v = (y + 0.25 + 0.5 * (s >> 1) - o->y) / o->r;
                if (u * u + v * v > 1.5625) continue; /* no shape reaches that far */
                double d = distance_to(o->shape, u * ct + v * st, -u * st + v * ct);
                a += d < 0 && (!outline || d > -0.22);
            }
            if (a > 0) put(im, x, y, c, a / 4);
        }
}

static const char *const places[] = {"top left", "top",         "top right", "left",        "middle",
                                     "right",    "bottom left", "bottom",    "bottom right"};

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

static void ask(pictures *p, const object *o, int n, pictures_item *out)
{
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
        case 7:
            if (count_shape(o, n, x->shape) != 1) break;
            snprintf(out->task, sizeof out->task, "place");
            snprintf(out->prompt, sizeof out->prompt, "Where is the %s?", shape_names[x->shape]);
            snprintf(out->answer, sizeof out->answer, "%s", places[x->cell]);
            return;
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

static void describe_or_ask(pictures *p, const object *o, int n, pictures_item *out)
{
    static const char *const prompts[] = {"Describe this image.", "What is in this image?",
                                          "Describe the picture.", "What do you see?"};
    if (chance(p, 0.4)) {
        snprintf(out->task, sizeof out->task, "describe");
        snprintf(out->prompt, sizeof out->prompt, "%s", prompts[chance(p, 0.6) ? 0 : below(p, 4)]);
        describe(o, n, out->answer, sizeof out->answer);
    } else {
        ask(p, o, n, out);
    }
}

void make_shapes(pictures *p, pictures_image *im, pictures_item *out)
{
    rgb paper = chance(p, 0.6) ? vary(p, (rgb){235, 235, 235}, 20) : any_colour(p);
    object o[9];
    int cells[9] = {0, 1, 2, 3, 4, 5, 6, 7, 8}, n = 1 + below(p, 6);
    for (int i = 8; i > 0; i--) {
        int j = below(p, i + 1), t = cells[i];
        cells[i] = cells[j], cells[j] = t;
    }
    ground(p, im, paper, false);
    double cw = im->width / 3.0, ch = im->height / 3.0, cell = fmin(cw, ch);
    int shape_pool[4], colour_pool[4], pool = 1 + below(p, 4);
    for (int i = 0; i < 4; i++) shape_pool[i] = below(p, N_SHAPES), colour_pool[i] = below(p, N_COLOURS);
    bool few = chance(p, 0.5), outline = chance(p, 0.1);
    for (int i = 0; i < n; i++) {
        object *x = &o[i];
        x->shape = few ? shape_pool[below(p, pool)] : below(p, N_SHAPES);
        rgb c;
        int tries = 0;
        do { /* a colour that stands out from the ground */
            x->colour = few && tries < 4 ? colour_pool[below(p, pool)] : below(p, N_COLOURS);
            c = colours[x->colour].c;
        } while (fabs(c.r - paper.r) + fabs(c.g - paper.g) + fabs(c.b - paper.b) < 110 && tries++ < 40);
        x->cell = cells[i];
    }
    /* Left to right, top to bottom: the order in which they are told. */
    for (int i = 1; i < n; i++)
        for (int j = i; j > 0 && o[j].cell < o[j - 1].cell; j--) {
            object t = o[j];
            o[j] = o[j - 1], o[j - 1] = t;
        }
    for (int i = 0; i < n; i++) {
        object *x = &o[i];
        x->r = cell * uniform(p, 0.24, 0.46);
        double room_x = cw / 2 - x->r, room_y = ch / 2 - x->r;
        x->x = (x->cell % 3 + 0.5) * cw + uniform(p, -room_x, room_x);
        x->y = (x->cell / 3 + 0.5) * ch + uniform(p, -room_y, room_y);
        x->turn = chance(p, 0.5) ? uniform(p, -0.25, 0.25) : 0;
        mark_object(im, x->x, x->y, x->shape, x->colour);
        draw_object(im, x, vary(p, colours[x->colour].c, 14), outline && x->shape != 7 && x->shape != 4);
    }
    describe_or_ask(p, o, n, out);
    for (int i = 0; i < p->n_more; i++) ask(p, o, n, &p->more[i]);
}
