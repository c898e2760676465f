/* Lays a made-up document out on the picture. What stands in one row is told as one line of its text. */
#include "documents.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* How a label and its value stand: the last two are kept from training. */
enum { COLON, ENDS, COLUMNS, BOXED, STACKED, LEADERS, PAIRS };

double page_text(page *g, const pen *s, double x, double y, int align, const char *text)
{
    double w = width_of(s, text);
    if (align == 0) x -= w / 2;
    if (align > 0) x -= w;
    if (g->d->whole[0])
        append(g->d->whole, sizeof g->d->whole, fabs(y - g->last_y) < 2 ? " " : "\n"), g->p->place++;
    append(g->d->whole, sizeof g->d->whole, text);
    g->last_y = y;
    draw_text(g->p, g->im, s, text, x, y, 0);
    return w;
}

static rgb between(rgb a, rgb b, double t)
{
    return (rgb){a.r + (b.r - a.r) * t, a.g + (b.g - a.g) * t, a.b + (b.b - a.b) * t};
}

static void field_text(char *out, size_t size, const field *f)
{
    snprintf(out, size, "%s%s%s", f->bare ? "" : f->label, f->bare ? "" : ": ", f->value);
}

static double rows_of_field(const field *f, int way)
{
    return way == STACKED && !f->bare ? 2 : way == BOXED && !f->bare ? 1.25 : 1;
}

/* The widest row at size 1. */
static double widest(const document *d, const pen *s, const pen *head, int way)
{
    pen one = *s, title = *head, top = *head;
    char t[200];
    one.size = top.size = 1, one.spacing = top.spacing = 0, title.size = 1.35, title.spacing = 0;
    double w = width_of(&title, d->title);
    for (int i = 0; i < d->n_fields; i++) {
        field_text(t, sizeof t, &d->f[i]);
        double v = width_of(&one, t) + (way == ENDS || way == LEADERS ? 1.2 : way == BOXED ? 1.5 : 0.2);
        if (way == COLUMNS && !d->f[i].bare)
            v = fmax(width_of(&one, d->f[i].label) / 0.42, width_of(&one, d->f[i].value) / 0.55);
        if (way == PAIRS && !d->f[i].bare && strlen(t) < 26) v *= 2.1;
        w = fmax(w, v);
    }
    for (int i = d->show_columns ? -1 : 0; i < d->n_rows; i++) {
        double v = 0;
        for (int c = 0; c < d->n_columns; c++)
            v += (i < 0 ? width_of(&top, d->columns[c]) : width_of(&one, d->rows[i].cell[c])) + 1.1;
        w = fmax(w, v);
    }
    /* Columns have places of their own; the widest cell of each must fit. */
    double sum = 0;
    for (int c = 0; c < d->n_columns && d->n_rows; c++) {
        double v = d->show_columns ? width_of(&top, d->columns[c]) : 0;
        for (int i = 0; i < d->n_rows; i++) v = fmax(v, width_of(&one, d->rows[i].cell[c]));
        sum += v + 0.9;
    }
    return fmax(w, sum);
}

static void place_field(page *g, const field *f, int way, int centred, rgb faint)
{
    char t[200];
    const pen *s = &g->body;
    double room = g->right - g->left, line = g->y;
    if (f->bare) {
        page_text(g, s, centred ? (g->left + g->right) / 2 : g->left, line, centred ? 0 : -1, f->value);
    } else if (way == ENDS || way == LEADERS) {
        double a = page_text(g, s, g->left, line, -1, f->label), b = width_of(s, f->value);
        if (way == LEADERS) rule(g->p, g->im, g->left + a + 4, g->right - b - 4, line - 1, 1, faint, true);
        page_text(g, s, g->right, line, 1, f->value);
    } else if (way == COLUMNS || way == BOXED) {
        double x = g->left + (way == COLUMNS ? 0.44 * room : width_of(s, f->label) + 0.8 * s->size);
        page_text(g, s, g->left, line, -1, f->label);
        if (way == BOXED) {
            double w = fmax(width_of(s, f->value), g->right - x - 0.5 * s->size);
            frame(g->p, g->im, x - 0.35 * s->size, line - 0.95 * s->size,
                  fmin(g->right, x + w + 0.3 * s->size), line + 0.33 * s->size, 1, faint);
        }
        page_text(g, s, x, line, -1, f->value);
    } else if (way == STACKED) {
        pen small = *s;
        small.size *= 0.82;
        small.ink = between(s->ink, g->paper, 0.3);
        page_text(g, &small, g->left, line, -1, f->label);
        page_text(g, s, g->left, line + g->pitch * 0.95, -1, f->value);
    } else {
        field_text(t, sizeof t, f);
        page_text(g, s, centred ? (g->left + g->right) / 2 : g->left, line, centred ? 0 : -1, t);
    }
    g->y += g->pitch * rows_of_field(f, way);
}

static void place_fields(page *g, int from, int to, int way, int centred, rgb faint)
{
    char t[200];
    for (int i = from; i < to; i++) {
        const field *f = &g->d->f[i], *next = i + 1 < to ? f + 1 : NULL;
        if (way == PAIRS && next && !f->bare && !next->bare && strlen(f->label) + strlen(f->value) < 24 &&
            strlen(next->label) + strlen(next->value) < 24) {
            field_text(t, sizeof t, f), page_text(g, &g->body, g->left, g->y, -1, t);
            field_text(t, sizeof t, next), page_text(g, &g->body, (g->left + g->right) / 2, g->y, -1, t);
            g->y += g->pitch;
            i++;
        } else {
            place_field(g, f, way == PAIRS ? COLON : way, centred, faint);
        }
    }
}

static void place_rows(page *g, rgb faint, int ruled, bool zebra)
{
    document *d = g->d;
    double x[MOST_COLUMNS], widths[MOST_COLUMNS], sum = 0;
    for (int c = 0; c < d->n_columns; c++) {
        widths[c] = d->show_columns ? width_of(&g->head, d->columns[c]) : 0;
        for (int i = 0; i < d->n_rows; i++)
            widths[c] = fmax(widths[c], width_of(&g->body, d->rows[i].cell[c]));
        sum += widths[c];
    }
    double gap = d->n_columns > 1 ? (g->right - g->left - sum) / (d->n_columns - 1) : 0, at = g->left;
    g->p->spoiled |= d->n_columns > 1 && gap < 0.4 * g->body.size; /* columns run together */
    for (int c = 0; c < d->n_columns;
         c++) { /* the first to the left, the others to the right edge of theirs */
        x[c] = c ? at + widths[c] : at;
        at += widths[c] + gap;
    }
    double top = g->y - 0.95 * g->body.size;
    for (int i = d->show_columns ? -1 : 0; i < d->n_rows; i++) {
        if (zebra && i % 2 == 0)
            fill_rect(g->p, g->im, g->left - 3, g->y - 0.92 * g->pitch + 0.18 * g->body.size, g->right + 3,
                      g->y + 0.3 * g->body.size, between(g->paper, faint, 0.25), 1);
        for (int c = 0; c < d->n_columns; c++) {
            const char *t = i < 0 ? d->columns[c] : d->rows[i].cell[c];
            if (*t) page_text(g, i < 0 ? &g->head : &g->body, x[c], g->y, c ? 1 : -1, t);
        }
        if ((ruled && i < 0) || ruled > 1)
            rule(g->p, g->im, g->left, g->right, g->y + 0.3 * g->body.size, 1, faint, false);
        g->y += g->pitch;
    }
    if (ruled > 2) frame(g->p, g->im, g->left - 4, top - 2, g->right + 4, g->y - 0.6 * g->pitch, 1, faint);
}

/* False when it does not fit. */
bool lay_out(pictures *p, pictures_image *im, document *d)
{
    page g = {.p = p, .im = im, .d = d, .last_y = -1e9};
    rgb ink;
    bool train = p->split == PICTURES_TRAIN;
    text_colours(p, &ink, &g.paper, 90);
    if (chance(p, 0.5)) g.paper = vary(p, (rgb){248, 248, 244}, 6), ink = vary(p, (rgb){30, 30, 35}, 25);
    FT_Face body = d->mono ? mono_face_of(p, NULL) : face_of(p, NULL),
            head = chance(p, 0.6) ? body : face_of(p, NULL);
    if (!body || !head) return false;
    g.body = (pen){body, 1, 0, ink};
    g.head = (pen){head, 1, 0, ink};
    int way = train || chance(p, 0.4) ? below(p, 5) : LEADERS + below(p, 2);
    if (!strcmp(d->kind, "receipt") && train) way = chance(p, 0.7) ? ENDS : COLON;
    double lines = (d->title[0] ? 1.7 : 0.3) + (d->show_columns ? 1.1 : 0) + d->n_rows +
                   (d->closing[0] ? 1.2 : 0) + (d->n_rows ? 0.8 : 0);
    for (int i = 0; i < d->n_fields; i++) lines += rows_of_field(&d->f[i], way);
    bool bars = (!strcmp(d->kind, "ticket") || !strcmp(d->kind, "label")) && chance(p, 0.5);
    if (bars) lines += 1.9;
    /* The paper: the whole picture, or a sheet on a table. */
    bool sheet = chance(p, 0.4);
    p->turn = chance(p, 0.3) ? uniform(p, -0.04, 0.04) : 0;
    double tilt = fabs(p->turn) * fmax(im->width, im->height) / 2,
           edge = (sheet ? uniform(p, 4, 14) : 2) + tilt, pad = uniform(p, 0.02, 0.05) * im->width + 2;
    g.left = edge + pad, g.right = im->width - edge - pad;
    if (d->n_rows && !d->show_columns && im->width > im->height * 0.8) { /* a slip is narrow */
        double w = (g.right - g.left) * uniform(p, 0.62, 0.9), left = uniform(p, g.left, g.right - w);
        g.left = left, g.right = left + w;
    }
    double room = im->height - 2 * (edge + pad * 0.6),
           fit = (g.right - g.left) / widest(d, &g.body, &g.head, way);
    double size = fmin(fmin(fit, room / lines / 1.22), 30);
    if (size < (p->level < 0.7 ? 13 : 10.5)) return false;
    size = fmax(10.5, size * uniform(p, size > 15 ? 0.75 : 0.9, 1));
    g.body.size = g.head.size = size;
    g.pitch = clamp(room / lines, size * 1.2, size * uniform(p, 1.3, 1.9));
    double height = g.pitch * lines, top = edge + pad * 0.6 + fmax(0, room - height) * uniform(p, 0, 1);
    ground(p, im, sheet ? any_colour(p) : g.paper, sheet);
    if (sheet)
        fill_rect(p, im, g.left - pad, fmax(1, top - 8), g.right + pad,
                  fmin(im->height - 1, top + height + 8), g.paper, 1);
    rgb faint = between(g.paper, ink, 0.45);
    int centred = chance(p, d->n_rows ? 0.5 : 0.25);
    int ruled = below(p, train ? 3 : 4);
    g.y = top + size * 1.25;
    if (d->title[0]) {
        pen title = g.head;
        title.size *= fmin(1.35, (g.right - g.left) / fmax(1, width_of(&g.head, d->title)));
        page_text(&g, &title, centred ? (g.left + g.right) / 2 : g.left, g.y, centred ? 0 : -1, d->title);
        if (chance(p, 0.3)) rule(p, im, g.left, g.right, g.y + 0.4 * size, 1, faint, chance(p, 0.5));
        g.y += g.pitch * 1.4;
    }
    int first = d->n_fields && d->f[0].bare && !strcmp(d->f[0].value, d->title);
    place_fields(&g, first, d->n_head, way, centred, faint);
    if (d->n_rows) {
        g.y += 0.3 * g.pitch;
        if (ruled && !d->show_columns) rule(p, im, g.left, g.right, g.y - 1.05 * size, 1, faint, ruled == 2);
        place_rows(&g, faint, d->show_columns ? ruled : 0, chance(p, 0.15));
        if (ruled && d->n_head < d->n_fields)
            rule(p, im, g.left, g.right, g.y - 0.95 * size + 1, 1, faint, ruled == 2);
        g.y += 0.3 * g.pitch;
        place_fields(&g, d->n_head, d->n_fields, d->show_columns || way == ENDS ? ENDS : way, 0, faint);
    }
    if (d->closing[0]) page_text(&g, &g.body, (g.left + g.right) / 2, g.y + 0.1 * g.pitch, 0, d->closing);
    if (bars) /* in the room that was left for it */
        barcode(p, im, g.left, g.y - 0.5 * size, g.left + (g.right - g.left) * uniform(p, 0.4, 0.9),
                fmin(g.y + 1.7 * size, top + height - 0.2 * size), ink);
    return true;
}
