/* The prompt laid out: image placeholders repeated, 3-D positions of every token (docs/MODEL.md 2.3). */
#ifndef MODEL_LAYOUT_H
#define MODEL_LAYOUT_H

#include "model/config.h"

/* A run of image tokens. */
typedef struct image_span {
    size_t first, count;  /* tokens */
    size_t row;           /* first vision row: count of image tokens before it */
    uint32_t rows, cols;  /* merged grid; rows * cols = count */
} image_span;

typedef struct layout {
    int32_t *ids;   /* [n], malloc'ed */
    int32_t *pos;   /* [3][n], axes t, h, w, malloc'ed */
    size_t n;
    image_span *spans; /* [n_spans], malloc'ed */
    size_t n_spans, n_image_tokens;
    int32_t rope_delta; /* position of token index i >= n is i + rope_delta on all axes */
} layout;

/* `ids` has one image_pad id per image; grids are in patches. Errors: ARGUMENT (number of placeholders and images differ:
 * says both), MEMORY. */
galago_status layout_prompt(const model_config *c, const int32_t *ids, size_t n, const image_grid *grids, size_t n_images,
                            layout *out, error *e);
void layout_free(layout *l);

#endif
