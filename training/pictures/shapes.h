/* Drawn shapes as they are made up, before they are drawn and asked about. */
#ifndef TRAINING_SHAPES_H
#define TRAINING_SHAPES_H

#include "parts.h"

enum { N_SHAPES = 10 };
extern const char *const shape_names[N_SHAPES];

typedef struct object {
    int shape, colour, cell;
    double x, y, r, turn;
} object;

typedef struct shapes {
    object o[9];
    int n;
    const pictures_image *im;
} shapes;

/* shape_questions.c: the first question, and another one (`what`: the shapes), whose answer may be left
 * empty. */
void ask_shapes(pictures *p, const shapes *s, pictures_item *out);
void ask_shapes_again(pictures *p, const void *what, pictures_item *out);

#endif
