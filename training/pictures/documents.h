/* A document as it is made up, before it is laid out and asked about. */
#ifndef TRAINING_DOCUMENTS_H
#define TRAINING_DOCUMENTS_H

#include "parts.h"

enum { MOST_FIELDS = 14, MOST_ROWS = 12, MOST_COLUMNS = 5 };

typedef struct field {
    char key[24], label[32], value[96];
    const char *subject; /* as in "the total" */
    bool bare;           /* printed without its label */
} field;

/* A line of a receipt, an invoice or a table. */
typedef struct row {
    char cell[MOST_COLUMNS][48];
    int cents; /* of the last column */
} row;

typedef struct document {
    const char *task, *kind; /* kind as in "receipt" */
    char title[96];
    field f[MOST_FIELDS];
    int n_fields, n_head; /* fields above the rows */
    char columns[MOST_COLUMNS][32];
    row rows[MOST_ROWS];
    int n_rows, n_columns;
    bool show_columns, money, names_first;
    char closing[64];
    char whole[2000]; /* the text as it was laid out */
    bool mono;
    const char *absent; /* what it might have and has not: as in "phone number" */
} document;

field *add_field(document *d, const char *key, const char *label, const char *subject, const char *value);

/* kinds.c: one made up. */
void make_up(pictures *p, document *d, int height);
/* slips.c */
void make_receipt(pictures *p, document *d, int height);
void make_invoice(pictures *p, document *d, int height);
/* "$12.40"; the sign stands behind when `behind`. */
void money_text(char *s, size_t size, int cents, const char *sign, bool behind);
int any_price(pictures *p);
/* A name that no row has yet. */
void goods_name(pictures *p, document *d, char *s, size_t size);
/* How many rows, at most `most`, that fit into so many pixels. */
int row_count(pictures *p, int height, int most);
/* layout.c */
bool lay_out(pictures *p, pictures_image *im, document *d);
/* A row of pieces at left, middle or right; what is drawn is told to d->whole. */
typedef struct page {
    pictures *p;
    pictures_image *im;
    document *d;
    pen body, head;
    rgb paper;
    double left, right, y, pitch, last_y;
} page;
double page_text(page *g, const pen *s, double x, double y, int align, const char *text);
/* screens.c, signs.c: code, dialogs and notices have layouts of their own. */
bool make_screen(pictures *p, pictures_image *im, document *d, pictures_item *out);
bool make_sign(pictures *p, pictures_image *im, document *d, pictures_item *out);
void ask_document(pictures *p, const document *d, pictures_item *out);
void ask_whole(pictures *p, const document *d, pictures_item *out);
void ask_fields_json(pictures *p, const document *d, pictures_item *out);
/* document_rows.c: about any row; what a table's row has in column c; what an item costs. */
void ask_rows(pictures *p, const document *d, pictures_item *out);
void ask_cell(pictures *p, const document *d, const row *r, int c, pictures_item *out);
void ask_price(pictures *p, const document *d, const row *r, pictures_item *out);
/* document_drills.c: may leave the answer empty. */
void drill_document(pictures *p, const document *d, pictures_item *out);

#endif
