/* Drawn shapes in the cells of a grid of three by three. */
#include "shapes.h"

#include <math.h>
#include <string.h>

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

/* Whether it may be drawn as an outline: a circle would be a ring, and what stands for the distance within a
 * heart is none. */
static bool outlined(int shape)
{
    return strcmp(shape_names[shape], "circle") && strcmp(shape_names[shape], "ring") &&
           strcmp(shape_names[shape], "heart");
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

void make_shapes(pictures *p, pictures_image *im, pictures_item *out)
{
    rgb paper = chance(p, 0.6) ? vary(p, (rgb){235, 235, 235}, 20) : any_colour(p);
    shapes s = {.n = 1 + below(p, p->easy ? 2 : 6), .im = im};
    object *o = s.o;
    int cells[9] = {0, 1, 2, 3, 4, 5, 6, 7, 8}, n = s.n;
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
        } while (fabs(c.r - paper.r) + fabs(c.g - paper.g) + fabs(c.b - paper.b) < 160 && tries++ < 40);
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
        draw_object(im, x, vary(p, colours[x->colour].c, 14), outline && outlined(x->shape));
    }
    ask_shapes(p, &s, out);
    ask_more(p, ask_shapes_again, &s);
}
