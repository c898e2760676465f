/* What receipts and invoices say. */
#include "documents.h"

#include <stdio.h>
#include <string.h>

void money_text(char *s, size_t size, int cents, const char *sign, bool behind)
{
    snprintf(s, size, "%s%d.%02d%s", behind ? "" : sign, cents / 100, cents % 100, behind ? sign : "");
}

int any_price(pictures *p)
{
    return chance(p, 0.5)   ? number(p, 50, 999)
           : chance(p, 0.7) ? number(p, 100, 4999)
                            : 5 * number(p, 20, 4000);
}

/* Names in a list are all different. */
void goods_name(pictures *p, document *d, char *s, size_t size)
{
    bool again = true;
    for (int tries = 0; again && tries < 20; tries++) {
        snprintf(s, size, "%.14s", word(p));
        if (chance(p, 0.3)) {
            append(s, size, " ");
            char w[16];
            snprintf(w, sizeof w, "%.10s", word(p));
            append(s, size, w);
        }
        if (chance(p, 0.85)) capital(s);
        again = false;
        for (int i = 0; i < d->n_rows; i++) again |= !strcmp(d->rows[i].cell[0], s);
    }
}

int row_count(pictures *p, int height, int most)
{
    int room = (height - 150) / 20;
    if (room < 1) room = 1;
    if (room > most) room = most;
    int n = 1 + below(p, room);
    if (p->level < 0.8 && n > 1 + (int)(6 * p->level)) n = 1 + (int)(6 * p->level);
    if (p->easy && n > 2) n = 1 + below(p, 2);
    return n;
}

void make_receipt(pictures *p, document *d, int height)
{
    static const char *const signs[] = {"", "", "$", "€", "£", " €", " EUR", " kr"};
    static const char *const total_labels[] = {"TOTAL", "Total", "Total due", "Amount due", "To pay", "SUM"};
    static const char *const pay[] = {"cash",    "card",       "Visa",     "Mastercard",
                                      "voucher", "debit card", "gift card"};
    char v[96];
    const char *sign = PICK(p, signs);
    bool behind = *sign == ' ';
    d->task = "receipt", d->kind = "receipt", d->mono = chance(p, 0.5), d->money = true;
    company(p, v, sizeof v);
    snprintf(d->title, sizeof d->title, "%s", v);
    add_field(d, "shop", "", "the shop", v)->bare = true;
    if (chance(p, 0.45)) street(p, v, sizeof v), add_field(d, "address", "", "the address", v)->bare = true;
    if (chance(p, 0.4))
        phone(p, v, sizeof v), add_field(d, "phone", chance(p, 0.5) ? "Tel" : "Phone", "the phone number", v);
    else
        d->absent = "phone number";
    date(p, v, sizeof v), add_field(d, "date", "Date", "the date", v)->bare = chance(p, 0.4);
    if (chance(p, 0.5))
        clock_time(p, v, sizeof v), add_field(d, "time", "Time", "the time", v);
    else if (!d->absent)
        d->absent = "time";
    if (chance(p, 0.4))
        snprintf(v, sizeof v, "%d", number(p, 100, 99999)),
            add_field(d, "receipt number", chance(p, 0.5) ? "Receipt no." : "Bill no.", "the receipt number",
                      v);
    d->n_head = d->n_fields;
    int n = row_count(p, height, 10), sum = 0;
    bool quantities = chance(p, 0.25);
    d->n_columns = quantities ? 3 : 2;
    for (int i = 0; i < n; i++) {
        row *r = &d->rows[i];
        goods_name(p, d, r->cell[0], sizeof r->cell[0]);
        int q = quantities ? 1 + below(p, 4) : 1;
        r->cents = any_price(p) * q;
        for (int j = 0; j < i; j++)
            if (d->rows[j].cents == r->cents) r->cents++, j = -1;
        if (quantities) snprintf(r->cell[1], sizeof r->cell[1], "%d x", q);
        money_text(r->cell[d->n_columns - 1], sizeof r->cell[0], r->cents, sign, behind);
        sum += r->cents;
        d->n_rows++;
    }
    int tax = chance(p, 0.4) ? sum * (5 + below(p, 16)) / 100 : 0;
    if (tax) {
        money_text(v, sizeof v, sum, sign, behind), add_field(d, "subtotal", "Subtotal", "the subtotal", v);
        money_text(v, sizeof v, tax, sign, behind),
            add_field(d, "tax", chance(p, 0.5) ? "Tax" : "VAT", "the tax", v);
    } else if (!d->absent) {
        d->absent = "tax";
    }
    money_text(v, sizeof v, sum + tax, sign, behind),
        add_field(d, "total", PICK(p, total_labels), "the total", v);
    if (chance(p, 0.5))
        add_field(d, "payment", chance(p, 0.5) ? "Paid by" : "Payment", "the payment method", PICK(p, pay));
    if (chance(p, 0.4))
        snprintf(d->closing, sizeof d->closing, "%s", chance(p, 0.5) ? "Thank you" : "See you again");
    if (!d->absent) d->absent = chance(p, 0.5) ? "seat" : "e-mail address";
}

void make_invoice(pictures *p, document *d, int height)
{
    char v[96];
    static const char *const signs[] = {"$", "€", "£", ""};
    const char *sign = PICK(p, signs);
    d->task = "invoice", d->kind = "invoice", d->money = true, d->show_columns = true;
    company(p, v, sizeof v);
    snprintf(d->title, sizeof d->title, "%s", chance(p, 0.5) ? "INVOICE" : "Invoice");
    add_field(d, "company", "From", "the company", v);
    snprintf(v, sizeof v, "%s%d",
             chance(p, 0.5)   ? "INV-"
             : chance(p, 0.5) ? "#"
                              : "",
             number(p, 1000, 99999));
    add_field(d, "invoice number", chance(p, 0.5) ? "Invoice no." : "Number", "the invoice number", v);
    date(p, v, sizeof v), add_field(d, "date", "Date", "the date", v);
    if (chance(p, 0.5))
        date(p, v, sizeof v), add_field(d, "due date", "Due", "the due date", v);
    else
        d->absent = "due date";
    person(p, v, sizeof v),
        add_field(d, "customer", chance(p, 0.5) ? "Bill to" : "Customer", "the customer", v);
    d->n_head = d->n_fields;
    d->n_columns = 3 + below(p, 2);
    snprintf(d->columns[0], 32, "%s", chance(p, 0.5) ? "Description" : "Item");
    snprintf(d->columns[1], 32, "Qty");
    if (d->n_columns == 4) snprintf(d->columns[2], 32, "Price");
    snprintf(d->columns[d->n_columns - 1], 32, "Amount");
    int n = row_count(p, height, 7), sum = 0;
    for (int i = 0; i < n; i++) {
        row *r = &d->rows[i];
        goods_name(p, d, r->cell[0], sizeof r->cell[0]);
        int q = 1 + below(p, 12), each = any_price(p);
        r->cents = q * each;
        for (int j = 0; j < i; j++)
            if (d->rows[j].cents == r->cents) q++, r->cents += each, j = -1;
        snprintf(r->cell[1], sizeof r->cell[1], "%d", q);
        if (d->n_columns == 4) money_text(r->cell[2], sizeof r->cell[2], each, sign, false);
        money_text(r->cell[d->n_columns - 1], sizeof r->cell[0], r->cents, sign, false);
        sum += r->cents;
        d->n_rows++;
    }
    money_text(v, sizeof v, sum, sign, false), add_field(d, "total", "Total", "the total", v);
    if (!d->absent) d->absent = "phone number";
}
