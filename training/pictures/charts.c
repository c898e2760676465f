/* Charts: bars, lines and pies with labels; values printed, or read off a scale on whose lines or half-way
 * between they lie. */
#include "charts.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void name_all(pictures *p, chart *c)
{
    static const char *const months[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                         "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    static const char *const days[] = {"Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun", "Mon"};
    int how = below(p, 5), first = below(p, 12), year = number(p, 1980, 2040);
    if (how == 1 && c->n > 7) how = 0;
    for (int i = 0; i < c->n; i++) {
        switch (how) {
        case 0: snprintf(c->name[i], 24, "%s", months[(first + i) % 12]); break;
        case 1: snprintf(c->name[i], 24, "%s", days[(i + first % 2) % 7]); break;
        case 2: snprintf(c->name[i], 24, "%d", year + i); break;
        default: {
            bool again;
            do {
                snprintf(c->name[i], 24, "%.8s", word(p));
                capital(c->name[i]);
                again = false;
                for (int j = 0; j < i; j++) again |= !strcmp(c->name[j], c->name[i]);
            } while (again);
        }
        }
    }
}

static void make_values(pictures *p, chart *c)
{
    static const int steps[] = {1, 2, 5, 10, 20, 25, 50, 100};
    if (c->kind == PIE) { /* whole per cents, none alike */
        int left = 100;
        for (int i = 0; i < c->n; i++) {
            int rest = c->n - 1 - i, most = left - rest * 4 - rest * (rest - 1) / 2;
            c->value[i] = i + 1 == c->n
                              ? left
                              : 4 + below(p, most / 2 > 4 ? most / 2 - 3 : 1) + (i == 0 ? below(p, 10) : 0);
            for (int j = 0; j < i && i + 1 < c->n; j++)
                if (c->value[j] == c->value[i]) c->value[i]++, j = -1;
            left -= c->value[i];
        }
        c->printed = true;
        snprintf(c->unit, sizeof c->unit, "%%");
        return;
    }
    c->step = steps[below(p, p->easy ? 5 : 8)]; /* small numbers are learnt first */
    int lines = 4 + below(p, 4);
    c->top = c->step * lines;
    c->printed = chance(p, p->split == PICTURES_TRAIN ? 0.5 : 0.6);
    if (chance(p, 0.2)) snprintf(c->unit, sizeof c->unit, "%s", chance(p, 0.5) ? "%" : "k");
    for (int i = 0; i < c->n; i++) {
        int tries = 0;
        bool again;
        do {
            c->value[i] = c->printed && c->top >= 10 ? 1 + below(p, c->top)
                          : c->step % 2              ? c->step * (1 + below(p, lines))
                                                     : c->step / 2 * (1 + below(p, 2 * lines));
            again = false;
            for (int j = 0; j < i; j++) again |= c->value[j] == c->value[i];
        } while (again && tries++ < 30);
    }
}

static void text(pictures *p, pictures_image *im, const pen *s, double x, double y, int align, const char *t)
{
    double w = width_of(s, t);
    draw_text(p, im, s, t, align < 0 ? x : align ? x - w : x - w / 2, y, 0);
}

/* Whether the line from a to b meets the box. */
static bool meets(double ax, double ay, double bx, double by, const struct box *box)
{
    double from = 0, to = 1, dx = bx - ax, dy = by - ay;
    const double step[] = {-dx, dx, -dy, dy},
                 room[] = {ax - box->x0, box->x1 - ax, ay - box->y0, box->y1 - ay};
    for (int k = 0; k < 4; k++) {
        if (step[k] == 0 && room[k] < 0) return false;
        if (step[k] < 0) from = fmax(from, room[k] / step[k]);
        if (step[k] > 0) to = fmin(to, room[k] / step[k]);
    }
    return from <= to;
}

/* Finds where the value of point i of a line can stand: `width` long, clear of the line and within `area`. */
static bool value_place(const double *px, const double *py, int n, int i, double width, double size,
                        const struct box *area, double *x, double *y)
{
    static const double ways[][2] = {{0, -1}, {0, 1}, {-1, -1}, {1, -1}, {-1, 1}, {1, 1}};
    for (int k = 0; k < 6; k++) {
        *x = px[i] + ways[k][0] * (width / 2 + 3);
        *y = py[i] + (ways[k][1] < 0 ? -0.45 : 1.15) * size;
        struct box b = {(float)(*x - width / 2 - 2), (float)(*y - 0.78 * size), (float)(*x + width / 2 + 2),
                        (float)(*y + 0.1 * size)};
        bool clear = b.x0 >= area->x0 && b.x1 <= area->x1 && b.y0 >= area->y0 && b.y1 <= area->y1;
        for (int j = 1; j < n && clear; j++) clear = !meets(px[j - 1], py[j - 1], px[j], py[j], &b);
        if (clear) return true;
    }
    return false;
}

/* False when labels do not fit. */
static bool draw_axes(pictures *p, pictures_image *im, chart *c, pen s)
{
    double size = s.size, top = c->title[0] ? 2.4 * size : 0.9 * size, x0 = 2.8 * size,
           x1 = im->width - 0.7 * size, y1 = im->height - 1.9 * size, widest = 0;
    for (int i = 0; i < c->n; i++) widest = fmax(widest, width_of(&s, c->name[i]));
    rgb faint = {(c->ink.r + 3 * c->paper.r) / 4, (c->ink.g + 3 * c->paper.g) / 4,
                 (c->ink.b + 3 * c->paper.b) / 4};
    bool lying = c->kind == BARS, scale = !c->printed || chance(p, 0.5),
         grid = scale && (!c->printed || chance(p, 0.5));
    if (lying)
        x0 = widest + size;
    else if (!scale)
        x0 = 0.8 * size;
    double pitch = (lying ? y1 - top : x1 - x0) / c->n,
           long_way = lying ? x1 - x0 - (c->printed ? 2.6 : 1.4) * size : y1 - top - 0.8 * size;
    if ((!lying && widest > pitch - 3) || (lying && (x0 > 0.45 * im->width || pitch < 1.3 * size)))
        return false;
    char t[32];
    if (c->title[0]) text(p, im, &s, im->width / 2.0, 1.45 * size, 0, c->title);
    for (int v = 0; v <= c->top && scale; v += c->step) {
        double at = long_way * v / c->top;
        snprintf(t, sizeof t, "%d%s", v, c->unit);
        if (lying) {
            if (grid) segment(im, x0 + at, top, x0 + at, y1, 1, faint);
            text(p, im, &s, x0 + at, y1 + 1.25 * size, 0, t);
        } else {
            if (grid) segment(im, x0, y1 - at, x1, y1 - at, 1, faint);
            text(p, im, &s, x0 - 0.4 * size, y1 - at + 0.35 * size, 1, t);
        }
    }
    segment(im, x0, y1, lying ? x0 : x1, lying ? top : y1, 1.2, c->ink);
    double bar = pitch * uniform(p, 0.5, 0.8), px[MOST], py[MOST];
    for (int i = 0; i < c->n; i++)
        px[i] = x0 + (i + 0.5) * pitch, py[i] = y1 - long_way * c->value[i] / c->top;
    const struct box area = {(float)x0 + 1, (float)(0.2 * size + (c->title[0] ? 1.5 * size : 0)),
                             (float)im->width - 2, (float)y1 - 2};
    for (int i = 0; i < c->n; i++) {
        double middle = (lying ? top : x0) + (i + 0.5) * pitch, at = long_way * c->value[i] / c->top;
        snprintf(t, sizeof t, "%d%s", c->value[i], c->unit);
        if (lying) {
            fill_rect(p, im, x0, middle - bar / 2, x0 + at, middle + bar / 2, c->colour[i], 1);
            text(p, im, &s, x0 - 0.4 * size, middle + 0.35 * size, 1, c->name[i]);
            if (c->printed) text(p, im, &s, x0 + at + 0.3 * size, middle + 0.35 * size, -1, t);
            continue;
        }
        if (c->kind == COLUMNS) {
            fill_rect(p, im, middle - bar / 2, y1 - at, middle + bar / 2, y1, c->colour[i], 1);
        } else {
            if (i) segment(im, px[i - 1], py[i - 1], middle, y1 - at, 2.2, c->colour[0]);
            disc(im, middle, y1 - at, 3.2, c->colour[0]);
        }
        text(p, im, &s, middle, y1 + 1.25 * size, 0, c->name[i]);
        double x = middle, y = y1 - at - 0.4 * size, width = width_of(&s, t);
        if (c->printed && (c->kind == COLUMNS ? width > pitch - 2
                                              : !value_place(px, py, c->n, i, width, size, &area, &x, &y)))
            return false;
        if (c->printed) text(p, im, &s, x, y, 0, t);
    }
    return true;
}

static bool draw_pie(pictures *p, pictures_image *im, chart *c, pen s)
{
    double size = s.size, top = c->title[0] ? 2.2 * size : 0.5 * size, widest = 0;
    char t[48];
    for (int i = 0; i < c->n; i++) {
        snprintf(t, sizeof t, "%s %d%%", c->name[i], c->value[i]);
        widest = fmax(widest, width_of(&s, t));
    }
    double legend = widest + 2.6 * size,
           r = fmin(im->width - legend - 1.2 * size, im->height - top - size) / 2;
    if (r < 2.4 * size || c->n * 1.5 * size > im->height - top) return false;
    double x = r + 0.6 * size, y = top + (im->height - top) / 2, at = 0, y0 = y - c->n * 0.75 * size,
           lx = im->width - legend + 0.6 * size;
    bool inside = chance(p, 0.5);
    if (c->title[0]) text(p, im, &s, im->width / 2.0, 1.45 * size, 0, c->title);
    double ends[MOST], sum = 0;
    for (int i = 0; i < c->n; i++) ends[i] = sum += c->value[i] / 100.0;
    pie(im, x, y, r, c->n, ends, c->colour);
    for (int i = 0; i < c->n; i++) {
        double share = c->value[i] / 100.0, middle = (at + share / 2) * 6.2831853;
        if (inside && share >= 0.07) {
            pen v = s;
            v.ink = luma(c->colour[i]) > 140 ? (rgb){20, 20, 20} : (rgb){250, 250, 250};
            snprintf(t, sizeof t, "%d%%", c->value[i]);
            text(p, im, &v, x + 0.66 * r * sin(middle), y - 0.66 * r * cos(middle) + 0.35 * size, 0, t);
        }
        at += share;
    }
    for (int i = 0; i < c->n; i++) { /* legend: per cents where the slice does not bear them */
        double ly = y0 + (i + 0.7) * 1.5 * size;
        fill_rect(p, im, lx, ly - 0.75 * size, lx + 0.85 * size, ly + 0.1 * size, c->colour[i], 1);
        if (inside && c->value[i] >= 7)
            snprintf(t, sizeof t, "%s", c->name[i]);
        else
            snprintf(t, sizeof t, "%s %d%%", c->name[i], c->value[i]);
        text(p, im, &s, lx + 1.3 * size, ly, -1, t);
    }
    return true;
}

void make_chart(pictures *p, pictures_image *im, pictures_item *out)
{
    for (int tries = 0; tries < 60; tries++) {
        /* Training sees more of the kinds that are misread more: bars that lie, and pies. */
        static const int often[] = {COLUMNS, BARS, BARS, LINE, PIE, PIE};
        chart c = {.kind = p->split == PICTURES_TRAIN ? PICK(p, often) : below(p, 4)};
        c.n = 2 + below(p, p->easy ? 2 : p->level < 0.4 ? 3 : c.kind == PIE ? 5 : MOST - 1);
        name_all(p, &c);
        make_values(p, &c);
        if (chance(p, 0.5)) {
            make_sentence(p, c.title, sizeof c.title, 1 + below(p, 3));
            c.title[strcspn(c.title, ".!?")] = 0;
            if (strlen(c.title) > 26) c.title[0] = 0;
        }
        text_colours(p, &c.ink, &c.paper, 120);
        /* The held-out split shades one colour where the other uses several. */
        bool one = c.kind != PIE && chance(p, p->split == PICTURES_TRAIN ? 0.5 : 0.7);
        rgb base = any_colour(p);
        for (int i = 0; i < c.n; i++) {
            int again = 0;
            do {
                c.colour[i] = one ? base : any_colour(p);
                bool near = fabs(luma(c.colour[i]) - luma(c.paper)) < 40;
                for (int j = 0; j < i && !one; j++)
                    near |= fabs(c.colour[i].r - c.colour[j].r) + fabs(c.colour[i].g - c.colour[j].g) +
                                fabs(c.colour[i].b - c.colour[j].b) <
                            90;
                if (!near) break;
                if (one) base = any_colour(p), i = 0;
            } while (again++ < 40);
        }
        pen s = {face_of(p, NULL), clamp(im->width / 26.0 * uniform(p, 0.8, 1.15), 10.5, 20), 0, c.ink};
        if (!s.face || (c.title[0] && width_of(&s, c.title) > im->width - 10)) continue;
        p->place = 0;
        no_marks(im); /* an attempt that did not fit leaves none */
        start_page(p);
        ground(p, im, c.paper, false);
        if (!(c.kind == PIE ? draw_pie : draw_axes)(p, im, &c, s) || p->spoiled) continue;
        int pair[2] = {-1, -1};
        c.pair = pair;
        ask_chart(p, &c, out);
        ask_more(p, ask_chart_again, &c);
        return;
    }
}
