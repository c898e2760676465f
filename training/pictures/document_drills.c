/* What training asks about a document besides: short answers that take looking. */
#include "documents.h"

#include <stdio.h>
#include <string.h>

/* The same with one letter or digit changed. */
static void misread(pictures *p, char *out, size_t size, const char *value)
{
    snprintf(out, size, "%s", value);
    int n = (int)strlen(out);
    for (int tries = 0; tries < 40 && n; tries++) {
        char *c = &out[below(p, n)];
        if (*c >= '0' && *c <= '9')
            *c = (char)('0' + (*c - '0' + 1 + below(p, 9)) % 10);
        else if (*c >= 'a' && *c <= 'z')
            *c = (char)('a' + (*c - 'a' + 1 + below(p, 25)) % 26);
        else
            continue;
        return;
    }
}

/* What a column holds, as in "points"; `many`: of several rows. */
static void column_name(const document *d, int c, bool many, char *out, size_t size)
{
    snprintf(out, size, "%s", d->n_columns == 2 ? "price" : c + 1 == d->n_columns ? "amount" : "price");
    if (d->names_first) slug(out, size, d->columns[c]);
    if (many && out[strlen(out) - 1] != 's') append(out, size, "s");
}

static void copy(pictures_item *out, const char *s)
{
    append(out->answer, sizeof out->answer, COPIED);
    append(out->answer, sizeof out->answer, s);
    append(out->answer, sizeof out->answer, COPIED);
}

/* A whole row as JSON. */
static void row_json(const document *d, const row *r, pictures_item *out)
{
    char key[40];
    told(out, "json", "Give the row of ", "{");
    append(out->prompt, sizeof out->prompt, r->cell[0]);
    append(out->prompt, sizeof out->prompt, " as JSON.");
    for (int c = 0; c < d->n_columns; c++) {
        slug(key, sizeof key, d->columns[c]);
        append(out->answer, sizeof out->answer, c ? ", \"" : "\"");
        append(out->answer, sizeof out->answer, key);
        append(out->answer, sizeof out->answer, "\": \"");
        copy(out, r->cell[c]);
        append(out->answer, sizeof out->answer, "\"");
    }
    append(out->answer, sizeof out->answer, "}");
}

/* Which of two rows has more: what the largest of all is learnt from. */
static void ask_two(pictures *p, const document *d, const row *a, const row *b, pictures_item *out)
{
    char column[40], q[256];
    bool more = chance(p, 0.5);
    if (a->cents == b->cents) return;
    column_name(d, d->n_columns - 1, false, column, sizeof column);
    if (column[strlen(column) - 1] == 's')
        snprintf(q, sizeof q, "Which has %s %s, %s or %s?", more ? "more" : "fewer", column, a->cell[0],
                 b->cell[0]);
    else
        snprintf(q, sizeof q, "Which has the %s %s, %s or %s?", more ? "larger" : "smaller", column,
                 a->cell[0], b->cell[0]);
    told(out, d->task, q, "");
    copy(out, more == (a->cents > b->cents) ? a->cell[0] : b->cell[0]);
}

/* How rows are found and counted: the order they stand in. */
static void ask_order(pictures *p, const document *d, pictures_item *out)
{
    static const char *const places[] = {"first", "second", "third", "fourth", "fifth", "sixth"};
    int i = below(p, d->n_rows);
    char q[256], v[16];
    switch (below(p, 4)) {
    case 0: /* the row after it, before it */
    case 1: {
        bool after = chance(p, 0.5);
        if (after ? i + 1 == d->n_rows : !i) return;
        snprintf(q, sizeof q, after ? "What comes after %s?" : "What comes before %s?", d->rows[i].cell[0]);
        told(out, d->task, q, "");
        copy(out, d->rows[after ? i + 1 : i - 1].cell[0]);
        return;
    }
    case 2:
        if (i >= 6) return;
        snprintf(q, sizeof q, "What is the %s %s?", i + 1 == d->n_rows && chance(p, 0.5) ? "last" : places[i],
                 d->names_first ? "row" : "item");
        told(out, d->task, q, "");
        copy(out, d->rows[i].cell[0]);
        return;
    default:
        snprintf(q, sizeof q, "Which number in the list is %s?", d->rows[i].cell[0]);
        snprintf(v, sizeof v, "%d", i + 1);
        told(out, d->task, q, v);
    }
}

/* All that one column has, its largest, its smallest. */
static void ask_column(pictures *p, const document *d, pictures_item *out)
{
    int last = d->n_columns - 1, most = 0, least = 0, length = 0;
    char column[40], q[256];
    for (int i = 0; i < d->n_rows; i++) {
        if (d->rows[i].cents > d->rows[most].cents) most = i;
        if (d->rows[i].cents < d->rows[least].cents) least = i;
    }
    bool names = chance(p, 0.3);
    int c = names ? 0 : last;
    for (int i = 0; i < d->n_rows; i++) length += 2 + (int)strlen(d->rows[i].cell[c]);
    if (length > 90 || chance(p, 0.6)) {
        bool high = chance(p, 0.5);
        column_name(d, last, true, column, sizeof column);
        snprintf(q, sizeof q, high ? "What is the largest of the %s?" : "What is the smallest of the %s?",
                 column);
        told(out, d->task, q, "");
        copy(out, d->rows[high ? most : least].cell[last]);
        return;
    }
    if (names)
        snprintf(column, sizeof column, d->names_first ? "rows" : "items");
    else
        column_name(d, last, true, column, sizeof column);
    snprintf(q, sizeof q, "List all %s in order.", column);
    told(out, d->task, q, "");
    for (int i = 0; i < d->n_rows; i++) {
        append(out->answer, sizeof out->answer, i ? ", " : "");
        copy(out, d->rows[i].cell[c]);
    }
}

static void drill_rows(pictures *p, const document *d, pictures_item *out)
{
    const row *r = &d->rows[below(p, d->n_rows)], *other = &d->rows[below(p, d->n_rows)];
    int c = d->names_first ? 1 + below(p, d->n_columns - 1) : d->n_columns - 1;
    bool yes = chance(p, 0.5);
    char column[40], q[256];
    switch (below(p, 12)) {
    case 0:
    case 1:
    case 2:
        if (d->names_first)
            ask_cell(p, d, r, c, out);
        else
            ask_price(p, d, r, out);
        return;
    case 3: /* the right value, or another row's */
        if (yes) other = r;
        if (!yes && !strcmp(other->cell[c], r->cell[c])) return;
        column_name(d, c, false, column, sizeof column);
        snprintf(q, sizeof q, "%s of %s: is it %s?", column, r->cell[0], other->cell[c]);
        capital(q);
        reply_yes(p, out, q, yes);
        return;
    case 4:
    case 5: ask_order(p, d, out); return;
    case 6:
    case 7: ask_two(p, d, r, other, out); return;
    case 8:
    case 9: ask_column(p, d, out); return;
    case 10:
        if (d->show_columns) row_json(d, r, out);
        return;
    default: ask_rows(p, d, out);
    }
}

void drill_document(pictures *p, const document *d, pictures_item *out)
{
    char q[256], v[128];
    if (d->n_rows && (!d->n_fields || chance(p, 0.6))) {
        drill_rows(p, d, out);
        return;
    }
    if (!d->n_fields) return;
    const field *f = &d->f[below(p, d->n_fields)];
    switch (below(p, 7)) {
    case 0:
    case 1:
        snprintf(q, sizeof q, "What is %s?", f->subject);
        snprintf(v, sizeof v, COPIED "%s" COPIED, f->value);
        told(out, d->task, q, v);
        return;
    case 2: {
        bool yes = chance(p, 0.5);
        if (yes)
            snprintf(v, sizeof v, "%s", f->value);
        else
            misread(p, v, sizeof v, f->value);
        snprintf(q, sizeof q, "Is %s %s?", f->subject, v);
        reply_yes(p, out, q, !strcmp(v, f->value));
        return;
    }
    case 3: {
        if (strncmp(f->subject, "the ", 4)) return;
        const char *thing = d->absent && chance(p, 0.5) ? d->absent : f->subject + 4;
        snprintf(q, sizeof q, "Is there %s %s?", article(thing), thing);
        reply_yes(p, out, q, thing != d->absent);
        return;
    }
    case 4: /* the other way round */
        if (f->bare) return;
        for (int i = 0; i < d->n_fields; i++)
            if (&d->f[i] != f && !strcmp(d->f[i].value, f->value)) return;
        snprintf(q, sizeof q, "What does %s stand for?", f->value);
        snprintf(v, sizeof v, COPIED "%s" COPIED, f->label);
        told(out, d->task, q, v);
        return;
    default: ask_fields_json(p, d, out);
    }
}
