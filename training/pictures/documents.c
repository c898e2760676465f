/* Documents: what is asked about them. */
#include "documents.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void quote(char *out, size_t size, const char *value)
{
    append(out, size, COPIED);
    for (char one[2] = {0}; (*one = *value); value++) {
        if (*one == '"' || *one == '\\') append(out, size, "\\");
        append(out, size, one);
    }
    append(out, size, COPIED);
}

void ask_whole(pictures *p, const document *d, pictures_item *out)
{
    static const char *const prompts[] = {"Read the text in this image.", "Read the whole text.",
                                          "Transcribe the text.", "What is written here?"};
    told(out, "page", prompts[chance(p, 0.5) ? 0 : below(p, 4)], COPIED);
    append(out->answer, sizeof out->answer, d->whole);
    append(out->answer, sizeof out->answer, COPIED);
}

static void ask_field(pictures *p, const document *d, const field *f, pictures_item *out)
{
    char q[128];
    switch (below(p, 4)) {
    case 0: snprintf(q, sizeof q, "What is %s?", f->subject); break;
    case 1: snprintf(q, sizeof q, "What is %s on this %s?", f->subject, d->kind); break;
    case 2:
        snprintf(q, sizeof q, "%s?", f->subject + (strncmp(f->subject, "the ", 4) ? 0 : 4)), capital(q);
        break;
    default: snprintf(q, sizeof q, "Find %s.", f->subject); break;
    }
    reply_value(p, out, d->task, q, f->subject, f->key, f->value, true);
}

void ask_fields_json(pictures *p, const document *d, pictures_item *out)
{
    int pick[4], n = 0, most = d->n_fields < 4 ? d->n_fields : 4,
                 wanted = most > 1 ? 2 + below(p, most - 1) : 1;
    if (p->split == PICTURES_TRAIN && (p->easy || chance(p, 0.2))) wanted = most > 1 ? 1 + below(p, 2) : 1;
    while (n < wanted) {
        int k = below(p, d->n_fields);
        bool again = false;
        for (int i = 0; i < n; i++) again |= pick[i] == k;
        if (!again) pick[n++] = k;
    }
    told(out, "json", chance(p, 0.5) ? "Give " : "Extract ", "{");
    for (int i = 0; i < n; i++) {
        const field *f = &d->f[pick[i]];
        append(out->prompt, sizeof out->prompt, !i ? "" : i + 1 == n ? " and " : ", ");
        append(out->prompt, sizeof out->prompt, f->key);
        append(out->answer, sizeof out->answer, i ? ", \"" : "\"");
        append(out->answer, sizeof out->answer, f->key);
        append(out->answer, sizeof out->answer, "\": \"");
        quote(out->answer, sizeof out->answer, f->value);
        append(out->answer, sizeof out->answer, "\"");
    }
    append(out->prompt, sizeof out->prompt, " as JSON.");
    append(out->answer, sizeof out->answer, "}");
}

static void describe(pictures *p, const document *d, pictures_item *out)
{
    static const char *const prompts[] = {"Describe this image.", "Describe this image in one sentence.",
                                          "What is in this image?", "Write alt text for this image."};
    char q[160];
    const field *date = NULL, *total = NULL, *name = NULL;
    for (int i = 0; i < d->n_fields; i++) {
        if (!strcmp(d->f[i].key, "date")) date = &d->f[i];
        if (!strcmp(d->f[i].key, "total")) total = &d->f[i];
        if (!strcmp(d->f[i].key, "name")) name = &d->f[i];
    }
    told(out, "describe", PICK(p, prompts), NULL);
    snprintf(out->answer, sizeof out->answer, "%s %s", article(d->kind), d->kind);
    capital(out->answer);
    if (d->n_fields && !strcmp(d->f[0].value, d->title)) {
        snprintf(q, sizeof q, " %s " COPIED "%s" COPIED, strcmp(d->kind, "label") ? "from" : "for", d->title);
        append(out->answer, sizeof out->answer, q);
    } else if (d->title[0]) {
        snprintf(q, sizeof q, " titled \"" COPIED "%s" COPIED "\"", d->title);
        append(out->answer, sizeof out->answer, q);
    }
    if (name)
        snprintf(q, sizeof q, " for " COPIED "%s" COPIED, name->value),
            append(out->answer, sizeof out->answer, q);
    if (date)
        snprintf(q, sizeof q, ", dated " COPIED "%s" COPIED, date->value),
            append(out->answer, sizeof out->answer, q);
    if (d->n_rows)
        snprintf(q, sizeof q, ", with %s %s%s", numbers[d->n_rows], d->names_first ? "row" : "item",
                 d->n_rows == 1 ? "" : "s"),
            append(out->answer, sizeof out->answer, q);
    if (total)
        snprintf(q, sizeof q, " and a total of " COPIED "%s" COPIED, total->value),
            append(out->answer, sizeof out->answer, q);
    append(out->answer, sizeof out->answer, ".");
}

void ask_document(pictures *p, const document *d, pictures_item *out)
{
    static const char *const kinds[] = {"receipt", "invoice", "form", "business card", "ticket",
                                        "label",   "table",   "sign", "code",          "dialog"};
    double u = uniform(p, 0, 1);
    /* Training asks more for what is learnt slowly: several fields as JSON, rows. */
    bool training = p->split == PICTURES_TRAIN;
    if (training && d->n_fields > 1 && chance(p, 0.08)) u = 0;
    if (p->whole) {
        ask_whole(p, d, out);
    } else if (u < 0.15 && d->n_fields > 1) {
        ask_fields_json(p, d, out);
    } else if (u < 0.22) {
        describe(p, d, out);
    } else if (u < 0.25) {
        if (chance(p, 0.5)) {
            reply_choice(p, out, "What kind of document is this?", d->kind, kinds + below(p, 5), 5, false);
        } else {
            told(out, "kind", "What kind of document is this?", NULL);
            snprintf(out->answer, sizeof out->answer, "%s %s.", article(d->kind), d->kind);
            capital(out->answer);
        }
    } else if (u < 0.31 && d->absent) {
        char q[128];
        snprintf(q, sizeof q, "What is the %s?", d->absent);
        reply_absent(p, out, q, d->absent);
    } else if (u < 0.38 && d->n_fields > 2) { /* which of these */
        int k = below(p, d->n_fields);
        const field *f = &d->f[k];
        const char *others[3];
        char q[96];
        for (int i = 0; i < 3; i++) others[i] = d->f[(k + 1 + below(p, d->n_fields - 1)) % d->n_fields].value;
        snprintf(q, sizeof q, "What is %s?", f->subject);
        reply_choice(p, out, q, f->value, others, 1 + below(p, 3), true);
    } else if (d->n_rows && (chance(p, training ? 0.6 : 0.4) || !d->n_fields)) {
        ask_rows(p, d, out);
    } else if (d->n_fields) {
        /* The total and the date are asked for more often than the rest. */
        const field *f = &d->f[below(p, d->n_fields)];
        for (int i = 0; i < d->n_fields; i++)
            if (!strcmp(d->f[i].key, "total") && chance(p, 0.3)) f = &d->f[i];
        ask_field(p, d, f, out);
    } else {
        describe(p, d, out);
    }
}

static void ask_again(pictures *p, const void *what, pictures_item *out)
{
    if (chance(p, 0.5))
        drill_document(p, what, out);
    else
        ask_document(p, what, out);
}

void make_document(pictures *p, pictures_image *im, pictures_item *out)
{
    document *d = calloc(1, sizeof *d);
    for (int tries = 0; d && tries < 60; tries++) {
        memset(d, 0, sizeof *d);
        p->place = 0, p->turn = 0, p->turn_x = im->width / 2.0;
        start_page(p);
        no_marks(im);
        double u = uniform(p, 0, 1);
        bool done;
        /* Screens and signs are read without fault and have one question: training draws half as many. */
        if (!p->whole && p->split == PICTURES_TRAIN) u *= 2;
        if (u < (p->whole ? 0.25 : 0.1)) {
            done = make_screen(p, im, d, out);
        } else if (!p->whole && u < (im->height < 256 ? 0.4 : 0.18)) {
            done = make_sign(p, im, d, out);
        } else {
            make_up(p, d, im->height);
            done = lay_out(p, im, d);
            if (done) ask_document(p, d, out);
            if (done && !p->whole) ask_more(p, ask_again, d);
        }
        if (done && !p->spoiled) break;
        out->answer[0] = 0;
    }
    free(d);
}
