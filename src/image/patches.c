/* Pixels -> normalised patches in merge-block order, and the whole way from a picture to patches. */
#include "base/arena.h"
#include "image/image.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* Normalised values of the 256 levels of one channel, in the reference's float32 arithmetic: its torchvision
 * classes fold 1/255 into mean and std, its Pillow classes scale first (that product in float64). */
static void make_levels(float level[256], float mean, float std, resample rule)
{
    float mean255 = mean * 255.0f, std255 = std * 255.0f;
    for (int v = 0; v < 256; v++)
        level[v] = rule == RESAMPLE_PILLOW ? ((float)(v * (1.0 / 255.0)) - mean) / std
                                           : ((float)v - mean255) / std255;
}

void image_patches(const image *resized, const preprocess_params *p, float *out)
{
    const size_t ps = p->patch_size, merge = p->merge_size, row_bytes = (size_t)resized->width * 3;
    const size_t blocks_y = resized->height / (ps * merge), blocks_x = resized->width / (ps * merge);
    assert(blocks_y * ps * merge == resized->height && blocks_x * ps * merge == resized->width);
    float level[3][256];
    for (int c = 0; c < 3; c++) make_levels(level[c], p->mean[c], p->std[c], p->rule);

    /* out: [block_y, block_x, merge_y, merge_x, channel, y, x] */
    for (size_t by = 0; by < blocks_y; by++)
        for (size_t bx = 0; bx < blocks_x; bx++)
            for (size_t i = 0; i < merge * merge; i++) {
                const uint8_t *corner = resized->rgb + (by * merge + i / merge) * ps * row_bytes +
                                        (bx * merge + i % merge) * ps * 3;
                for (size_t y = 0; y < ps; y++) {
                    const uint8_t *from = corner + y * row_bytes;
                    float *r = out + y * ps, *g = r + ps * ps, *b = g + ps * ps;
                    for (size_t x = 0; x < ps; x++) {
                        r[x] = level[0][from[x * 3]];
                        g[x] = level[1][from[x * 3 + 1]];
                        b[x] = level[2][from[x * 3 + 2]];
                    }
                }
                out += 3 * ps * ps;
            }
}

galago_status image_preprocess(const image *in, const preprocess_params *p, float **patches, image_grid *grid,
                               error *e)
{
    *patches = NULL;
    *grid = (image_grid){0};
    uint32_t height, width;
    galago_status s = smart_resize(p, in->height, in->width, &height, &width, e);
    if (s) return s;
    image resized;
    if ((s = image_resize(in, height, width, p->rule, &resized, e))) return s;
    size_t n;
    float *values = size_mul_overflow((size_t)height * width * 3, sizeof *values, &n) ? NULL : malloc(n);
    if (values) {
        image_patches(&resized, p, values);
        *patches = values;
        *grid = (image_grid){height / p->patch_size, width / p->patch_size};
    } else {
        s = fail(e, GALAGO_ERR_MEMORY, "image: not enough memory for the patches of %u x %u pixels", width,
                 height);
    }
    image_free(&resized);
    return s;
}
