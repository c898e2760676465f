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

void drill_document(pictures *p, const document *d, pictures_item *out)
{
    char q[256], v[128];
    if (d->n_rows && (!d->n_fields || chance(p, 0.5))) {
        const row *r = &d->rows[below(p, d->n_rows)];
        int c = d->names_first ? 1 + below(p, d->n_columns - 1) : d->n_columns - 1;
        bool yes = chance(p, 0.5);
        switch (below(p, 4)) {
        case 0:
        case 1:
            if (d->names_first)
                ask_cell(p, d, r, c, out);
            else
                ask_price(p, d, r, out);
            return;
        case 2: { /* the right value, or another row's */
            const row *from = yes ? r : &d->rows[below(p, d->n_rows)];
            if (!yes && !strcmp(from->cell[c], r->cell[c])) return;
            char column[40] = "amount";
            if (d->names_first) slug(column, sizeof column, d->columns[c]);
            if (!d->names_first && d->n_columns == 2) snprintf(column, sizeof column, "price");
            snprintf(q, sizeof q, "%s of %s: is it %s?", column, r->cell[0], from->cell[c]);
            capital(q);
            reply_yes(p, out, q, yes);
            return;
        }
        default: { /* the row after it */
            int i = (int)(r - d->rows);
            if (i + 1 >= d->n_rows) return;
            snprintf(q, sizeof q, "What comes after %s?", r->cell[0]);
            snprintf(v, sizeof v, COPIED "%s" COPIED, r[1].cell[0]);
            told(out, d->task, q, v);
            return;
        }
        }
    }
    if (!d->n_fields) return;
    const field *f = &d->f[below(p, d->n_fields)];
    switch (below(p, 6)) {
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
