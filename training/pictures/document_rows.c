/* Documents: what is asked about the rows of receipts, invoices and tables. */
#include "documents.h"

#include <stdio.h>
#include <string.h>

/* What a row has in column c, as in "the points of Ann" and "How many points does Ann have?". */
void ask_cell(pictures *p, const document *d, const row *r, int c, pictures_item *out)
{
    char column[40], q[256], v[160];
    slug(column, sizeof column, d->columns[c]);
    if (column[strlen(column) - 1] == 's') {
        if (chance(p, 0.5))
            snprintf(q, sizeof q, "How many %s does %s have?", column, r->cell[0]);
        else
            snprintf(q, sizeof q, "%s of %s?", column, r->cell[0]);
        snprintf(v, sizeof v, "the number of %s of %s", column, r->cell[0]);
    } else {
        snprintf(q, sizeof q, chance(p, 0.5) ? "What is the %s of %s?" : "%s of %s?", column, r->cell[0]);
        snprintf(v, sizeof v, "the %s of %s", column, r->cell[0]);
    }
    capital(q);
    reply_value(p, out, d->task, q, v, column, r->cell[c], true);
}

/* What an item of a receipt or an invoice costs: with a quantity beside it, price and amount are two things.
 */
void ask_price(pictures *p, const document *d, const row *r, pictures_item *out)
{
    int last = d->n_columns - 1;
    bool each = last == 3 && chance(p, 0.5), price = last == 1 || each;
    char q[256], v[160];
    if (price)
        snprintf(q, sizeof q, !each && chance(p, 0.5) ? "How much is the %s?" : "What is the price of %s?",
                 r->cell[0]);
    else
        snprintf(q, sizeof q, "What is the amount for %s?", r->cell[0]);
    snprintf(v, sizeof v, price ? "the price of %s" : "the amount for %s", r->cell[0]);
    reply_value(p, out, d->task, q, v, price ? "price" : "amount", r->cell[each ? 2 : last], true);
}

void ask_rows(pictures *p, const document *d, pictures_item *out)
{
    const row *r = &d->rows[below(p, d->n_rows)];
    int last = d->n_columns - 1, most = 0, least = 0;
    const char *things = d->names_first ? "rows" : "items";
    char q[256], v[160];
    for (int i = 1; i < d->n_rows; i++) {
        if (d->rows[i].cents > d->rows[most].cents) most = i;
        if (d->rows[i].cents < d->rows[least].cents) least = i;
    }
    int u = below(p, 10);
    if (u < 2) {
        snprintf(q, sizeof q,
                 d->names_first   ? "How many rows does the table have?"
                 : chance(p, 0.5) ? "How many items are there?"
                                  : "How many items are on this %s?",
                 d->kind);
        if (d->n_rows != 1)
            snprintf(v, sizeof v, "there are %%s %s.", things);
        else
            snprintf(v, sizeof v, "there is %%s %.*s.", (int)strlen(things) - 1, things);
        reply_number(p, out, d->task, q, v, "count", d->n_rows);
    } else if (u < 6) {
        if (d->names_first)
            ask_cell(p, d, r, 1 + below(p, last), out);
        else
            ask_price(p, d, r, out);
    } else if (u < 8 && d->n_rows > 1) {
        bool high = chance(p, 0.6);
        if (d->names_first) {
            char column[40];
            slug(column, sizeof column, d->columns[last]);
            if (column[strlen(column) - 1] == 's')
                snprintf(q, sizeof q, "Which row has the %s %s?", high ? "most" : "fewest", column);
            else
                snprintf(q, sizeof q, "Which row has the %s %s?", high ? "largest" : "smallest", column);
        } else if (d->n_columns > 2) {
            snprintf(q, sizeof q, "Which item has the %s amount?", high ? "largest" : "smallest");
        } else {
            snprintf(q, sizeof q, high ? "Which item costs the most?" : "Which item costs the least?");
        }
        reply_value(p, out, d->task, q, high ? "the largest" : "the smallest", "item",
                    d->rows[high ? most : least].cell[0], true);
    } else if (!d->names_first) {
        snprintf(q, sizeof q, d->n_columns > 2 ? "Which item has the amount %s?" : "Which item costs %s?",
                 r->cell[last]);
        reply_value(p, out, d->task, q, "the item", "item", r->cell[0], true);
    } else {
        snprintf(q, sizeof q, "What are the names of the columns?");
        told(out, d->task, q, COPIED);
        for (int c = 0; c < d->n_columns; c++) {
            append(out->answer, sizeof out->answer, c ? ", " : "");
            append(out->answer, sizeof out->answer, d->columns[c]);
        }
        append(out->answer, sizeof out->answer, COPIED);
    }
}
