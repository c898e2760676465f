/* What documents say: forms, cards, tickets, labels, tables. */
#include "documents.h"

#include <stdio.h>
#include <string.h>

field *add_field(document *d, const char *key, const char *label, const char *subject, const char *value)
{
    if (d->n_fields == MOST_FIELDS) return &d->f[MOST_FIELDS - 1];
    field *f = &d->f[d->n_fields++];
    memset(f, 0, sizeof *f);
    snprintf(f->key, sizeof f->key, "%s", key);
    snprintf(f->label, sizeof f->label, "%s", label);
    snprintf(f->value, sizeof f->value, "%s", value);
    f->subject = subject;
    return f;
}

static void form(pictures *p, document *d, int height)
{
    static const char *const titles[] = {"Registration",   "Application form", "Membership",
                                         "Patient record", "Order form",       "Visitor pass",
                                         "Library card",   "Survey",           "Booking"};
    static const char *const titles_held_out[] = {"Enrolment", "Claim form", "Guest list entry"};
    static const char *const jobs[] = {"teacher", "driver", "nurse", "engineer", "student",
                                       "cook",    "farmer", "clerk", "painter"};
    char v[96];
    d->task = "form", d->kind = "form";
    snprintf(d->title, sizeof d->title, "%s",
             p->split == PICTURES_TRAIN ? PICK(p, titles) : PICK(p, titles_held_out));
    int room = (height - 70) / 28,
        wanted = 2 + below(p, room < 2   ? 1
                              : room > 9 ? 8
                                         : room - 1),
        start = below(p, 3);
    if (p->level < 0.8 && wanted > 2 + (int)(4 * p->level)) wanted = 2 + (int)(4 * p->level);
    if (p->easy && wanted > 3) wanted = 2 + below(p, 2);
    for (int k = start; d->n_fields < wanted && k < start + 16; k++) {
        if (chance(p, 0.25)) continue;
        switch (k % 16) {
        case 0:
        case 1:
            if (k % 16 == 1 && d->n_fields && !strcmp(d->f[0].key, "name")) break;
            person(p, v, sizeof v),
                add_field(d, "name", chance(p, 0.7) ? "Name" : "Full name", "the name", v);
            break;
        case 2:
            date(p, v, sizeof v), add_field(d, "date of birth", chance(p, 0.5) ? "Date of birth" : "Born",
                                            "the date of birth", v);
            break;
        case 3: street(p, v, sizeof v), add_field(d, "address", "Address", "the address", v); break;
        case 4:
            city(p, v, sizeof v), add_field(d, "city", chance(p, 0.6) ? "City" : "Town", "the city", v);
            break;
        case 5:
            snprintf(v, sizeof v, "%05d", number(p, 1000, 99999)),
                add_field(d, "postcode", chance(p, 0.5) ? "Postcode" : "ZIP", "the postcode", v);
            break;
        case 6: phone(p, v, sizeof v), add_field(d, "phone", "Phone", "the phone number", v); break;
        case 7: {
            char a[40], b[40];
            slug(a, 14, word(p)), slug(b, 14, word(p));
            snprintf(v, sizeof v, "%s@%s.%s", a, b, chance(p, 0.5) ? "com" : chance(p, 0.5) ? "org" : "net");
            add_field(d, "email", chance(p, 0.5) ? "E-mail" : "Email", "the e-mail address", v);
            break;
        }
        case 8: add_field(d, "occupation", "Occupation", "the occupation", PICK(p, jobs)); break;
        case 9:
            snprintf(v, sizeof v, "%d", number(p, 18, 99)), add_field(d, "age", "Age", "the age", v);
            break;
        case 10:
            snprintf(v, sizeof v, "%d cm", number(p, 100, 209)),
                add_field(d, "height", "Height", "the height", v);
            break;
        case 11:
            v[0] = 0, code(p, v, sizeof v, 5 + below(p, 5)),
            add_field(d, "member number", chance(p, 0.5) ? "Member no." : "ID", "the member number", v);
            break;
        case 12: date(p, v, sizeof v), add_field(d, "date", "Date", "the date", v); break;
        case 13:
            add_field(d, "newsletter", "Newsletter", "the answer for the newsletter",
                      chance(p, 0.5) ? "yes" : "no");
            break;
        case 14:
            snprintf(v, sizeof v, "%d", 1 + below(p, 9)),
                add_field(d, "persons", "Persons", "the number of persons", v);
            break;
        default: snprintf(v, sizeof v, "%s", word(p)), add_field(d, "notes", "Notes", "the note", v); break;
        }
    }
    d->n_head = d->n_fields;
    static const struct {
        const char *key, *thing;
    } maybe[] = {{"phone", "phone number"},
                 {"email", "e-mail address"},
                 {"city", "city"},
                 {"age", "age"},
                 {"total", "total"}};
    for (int i = 0; i < 5 && !d->absent; i++) {
        bool there = false;
        for (int k = 0; k < d->n_fields; k++) there |= !strcmp(d->f[k].key, maybe[i].key);
        if (!there && chance(p, 0.5)) d->absent = maybe[i].thing;
    }
    if (!d->absent) d->absent = "total";
}

static void card(pictures *p, document *d)
{
    static const char *const jobs[] = {"Director",     "Designer",   "Engineer", "Sales Manager", "Architect",
                                       "Photographer", "Consultant", "Dentist",  "Lawyer",        "Gardener"};
    char v[96], a[32], b[32];
    d->task = "card", d->kind = "business card";
    company(p, d->title, sizeof d->title);
    add_field(d, "company", "", "the company", d->title)->bare = true;
    person(p, v, sizeof v), add_field(d, "name", "", "the name", v)->bare = true;
    if (chance(p, 0.8)) add_field(d, "job title", "", "the job title", PICK(p, jobs))->bare = true;
    if (chance(p, 0.7))
        phone(p, v, sizeof v), add_field(d, "phone", "Tel", "the phone number", v)->bare = chance(p, 0.5);
    else
        d->absent = "phone number";
    slug(a, 12, v), slug(b, 14, d->title);
    if (a[0] >= '0' && a[0] <= '9') slug(a, 12, word(p));
    if (chance(p, 0.7))
        snprintf(v, sizeof v, "%s@%s.com", a, b),
            add_field(d, "email", "E-mail", "the e-mail address", v)->bare = chance(p, 0.7);
    else if (!d->absent)
        d->absent = "e-mail address";
    if (chance(p, 0.4))
        snprintf(v, sizeof v, "www.%s.com", b), add_field(d, "website", "", "the website", v)->bare = true;
    else if (!d->absent)
        d->absent = "website";
    if (chance(p, 0.4))
        street(p, v, sizeof v), add_field(d, "address", "", "the address", v)->bare = true;
    else if (!d->absent)
        d->absent = "address";
    if (!d->absent) d->absent = "price";
    d->n_head = d->n_fields;
}

static void ticket(pictures *p, document *d)
{
    static const char *const events[] = {"CONCERT", "THEATRE",  "CINEMA", "FOOTBALL",
                                         "MUSEUM",  "FESTIVAL", "CIRCUS"};
    char v[96];
    bool journey = chance(p, 0.5);
    d->task = "ticket", d->kind = "ticket";
    snprintf(d->title, sizeof d->title, "%s",
             journey ? (chance(p, 0.5) ? "TRAIN TICKET" : "BOARDING PASS") : PICK(p, events));
    if (journey) {
        city(p, v, sizeof v), add_field(d, "from", "From", "the place of departure", v);
        city(p, v, sizeof v), add_field(d, "to", "To", "the destination", v);
    } else {
        snprintf(v, sizeof v, "%s", word(p)), capital(v), add_field(d, "event", "Event", "the event", v);
    }
    date(p, v, sizeof v), add_field(d, "date", "Date", "the date", v);
    clock_time(p, v, sizeof v), add_field(d, "time", journey ? "Departs" : "Time", "the time", v);
    snprintf(v, sizeof v, "%d%c", number(p, 1, 40), 'A' + below(p, 12)),
        add_field(d, "seat", "Seat", "the seat", v);
    if (journey && chance(p, 0.6))
        snprintf(v, sizeof v, "%d", 1 + below(p, 30)),
            add_field(d, "gate", chance(p, 0.5) ? "Gate" : "Platform", "the gate", v);
    if (!journey && chance(p, 0.5))
        snprintf(v, sizeof v, "%d", 1 + below(p, 20)), add_field(d, "row", "Row", "the row", v);
    if (chance(p, 0.5))
        person(p, v, sizeof v), add_field(d, "name", journey ? "Passenger" : "Name", "the name", v);
    else
        d->absent = "name";
    if (chance(p, 0.5))
        money_text(v, sizeof v, any_price(p), chance(p, 0.5) ? "$" : "€", false),
            add_field(d, "price", "Price", "the price", v);
    else if (!d->absent)
        d->absent = "price";
    if (!d->absent) d->absent = "total";
    d->n_head = d->n_fields;
}

static void label(pictures *p, document *d)
{
    char v[96];
    d->task = "label", d->kind = "label";
    snprintf(v, sizeof v, "%s %s", word(p), word(p)), capital(v);
    snprintf(d->title, sizeof d->title, "%s", v);
    add_field(d, "product", "", "the product", v)->bare = true;
    snprintf(v, sizeof v, "%d %s", chance(p, 0.5) ? 50 * (1 + below(p, 30)) : number(p, 10, 999),
             chance(p, 0.6) ? "g" : "ml"),
        add_field(d, "weight", chance(p, 0.5) ? "Net" : "Content", "the content", v);
    if (chance(p, 0.6))
        date(p, v, sizeof v), add_field(d, "best before", "Best before", "the best before date", v);
    else
        d->absent = "best before date";
    if (chance(p, 0.5))
        money_text(v, sizeof v, any_price(p), chance(p, 0.5) ? "$" : "€", false),
            add_field(d, "price", "Price", "the price", v);
    else if (!d->absent)
        d->absent = "price";
    if (chance(p, 0.5))
        v[0] = 'L', v[1] = 0, code(p, v, sizeof v, 4 + below(p, 4)),
        add_field(d, "lot", "Lot", "the lot number", v);
    if (chance(p, 0.4))
        snprintf(v, sizeof v, "%s, %s, %s", word(p), word(p), word(p)),
            add_field(d, "ingredients", "Contains", "the list of ingredients", v);
    if (chance(p, 0.3))
        snprintf(v, sizeof v, "%d kcal", number(p, 20, 899)),
            add_field(d, "energy", "Energy", "the energy", v);
    if (!d->absent) d->absent = "phone number";
    d->n_head = d->n_fields;
}

static void table(pictures *p, document *d, int height, int width)
{
    static const char *const heads[] = {"Price", "Stock", "Score",  "Points", "Weight", "Age",   "Hours",
                                        "Sales", "Speed", "Height", "Cost",   "Year",   "Goals", "Wins"};
    static const char *const firsts[] = {"Name", "Item", "Team", "City", "Product", "Player", "Country"};
    d->task = "table", d->kind = "table", d->show_columns = true, d->names_first = true;
    if (chance(p, 0.4)) snprintf(d->title, sizeof d->title, "%s %s", word(p), word(p)), capital(d->title);
    d->n_columns = width < 300 || p->easy ? 2 : 2 + below(p, 3);
    snprintf(d->columns[0], 32, "%s", PICK(p, firsts));
    int first = below(p, 14);
    for (int c = 1; c < d->n_columns; c++) snprintf(d->columns[c], 32, "%s", heads[(first + 3 * c) % 14]);
    int n = 1 + row_count(p, height, 9);
    int scale = chance(p, 0.4) ? 99 : chance(p, 0.6) ? 999 : 9999;
    for (int i = 0; i < n && i < MOST_ROWS; i++) {
        row *r = &d->rows[i];
        goods_name(p, d, r->cell[0], sizeof r->cell[0]);
        for (int c = 1; c < d->n_columns; c++) {
            int v = number(p, 1, scale);
            for (int j = 0; j < i && c + 1 == d->n_columns; j++)
                if (d->rows[j].cents == v) v = number(p, 1, scale), j = -1;
            r->cents = v;
            snprintf(r->cell[c], sizeof r->cell[c], "%d", v);
        }
        d->n_rows++;
    }
    d->absent = NULL;
}

void make_up(pictures *p, document *d, int height)
{
    /* Training is asked about tables more: their rows are misread more. */
    int u = below(p, p->split == PICTURES_TRAIN && !p->whole ? 22 : 20);
    int width = (int)(2 * p->turn_x);
    bool small = height < 256;
    if (small) u = 10 + below(p, 10);
    if (u < 5)
        make_receipt(p, d, height);
    else if (u < 7)
        make_invoice(p, d, height);
    else if (u < 12)
        form(p, d, height);
    else if (u < 14)
        card(p, d);
    else if (u < 16)
        ticket(p, d);
    else if (u < 17)
        label(p, d);
    else
        table(p, d, height, width);
}
