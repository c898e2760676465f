#include "model/layout.h"

#include <stdlib.h>

galago_status layout_prompt(const model_config *c, const int32_t *ids, size_t n, const image_grid *grids, size_t n_images,
                            layout *out, error *e)
{
    *out = (layout){0};
    size_t n_pads = 0, total = n;
    uint32_t merge = c->vision.merge_size;
    for (size_t i = 0; i < n; i++) {
        if (c->image_pad_id < 0 || ids[i] != c->image_pad_id) continue;
        if (n_pads < n_images) total += (size_t)(grids[n_pads].rows / merge) * (grids[n_pads].cols / merge) - 1;
        n_pads++;
    }
    if (n_pads != n_images)
        return fail(e, GALAGO_ERR_ARGUMENT, "the prompt has %zu image placeholder%s (<|image_pad|>) for %zu image%s", n_pads,
                    n_pads == 1 ? "" : "s", n_images, n_images == 1 ? "" : "s");

    out->ids = malloc((total ? total : 1) * sizeof *out->ids);
    out->pos = malloc((total ? total : 1) * 3 * sizeof *out->pos);
    out->spans = calloc(n_images ? n_images : 1, sizeof *out->spans);
    if (!out->ids || !out->pos || !out->spans) {
        layout_free(out);
        return fail(e, GALAGO_ERR_MEMORY, "not enough memory for a prompt of %zu tokens", total);
    }
    out->n = total;
    int32_t *pos_t = out->pos, *pos_h = pos_t + total, *pos_w = pos_h + total;
    size_t at = 0;
    int32_t p = 0; /* next position */
    for (size_t i = 0; i < n; i++) {
        if (c->image_pad_id < 0 || ids[i] != c->image_pad_id) {
            out->ids[at] = ids[i];
            pos_t[at] = pos_h[at] = pos_w[at] = p++;
            at++;
            continue;
        }
        image_grid g = grids[out->n_spans];
        uint32_t rows = g.rows / merge, cols = g.cols / merge;
        out->spans[out->n_spans++] =
            (image_span){.first = at, .count = (size_t)rows * cols, .row = out->n_image_tokens, .rows = rows, .cols = cols};
        for (uint32_t r = 0; r < rows; r++)
            for (uint32_t col = 0; col < cols; col++, at++) {
                out->ids[at] = ids[i];
                pos_t[at] = p;
                pos_h[at] = p + (int32_t)r;
                pos_w[at] = p + (int32_t)col;
            }
        out->n_image_tokens += (size_t)rows * cols;
        p += (int32_t)(rows > cols ? rows : cols);
    }
    out->rope_delta = p - (int32_t)total;
    return GALAGO_OK;
}

void layout_free(layout *l)
{
    free(l->ids);
    free(l->pos);
    free(l->spans);
    *l = (layout){0};
}
