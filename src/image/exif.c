/* EXIF orientation: reading the tag, and turning pixels upright. */
#include "image/decode.h"

#include <stdlib.h>
#include <string.h>

enum { TAG_ORIENTATION = 0x112, TYPE_SHORT = 3, TYPE_LONG = 4 };

static uint32_t get16(const uint8_t *p, bool big) { return big ? (uint32_t)p[0] << 8 | p[1] : read_u16le(p); }
static uint32_t get32(const uint8_t *p, bool big)
{
    return big ? get16(p, true) << 16 | get16(p + 2, true) : read_u32le(p);
}

int exif_orientation(const uint8_t *tiff, size_t size)
{
    if (size < 8) return 1;
    bool big = tiff[0] == 'M';
    if (memcmp(tiff, big ? "MM\0*" : "II*\0", 4) != 0) return 1;
    size_t ifd = get32(tiff + 4, big);
    if (ifd > size || size - ifd < 2) return 1;
    size_t n = get16(tiff + ifd, big), room = (size - ifd - 2) / 12;
    if (n > room) n = room;
    for (size_t i = 0; i < n; i++) {
        const uint8_t *entry = tiff + ifd + 2 + i * 12; /* tag u16, type u16, count u32, value 4 bytes */
        if (get16(entry, big) != TAG_ORIENTATION) continue;
        uint32_t type = get16(entry + 2, big), value = 1;
        if (get32(entry + 4, big) != 1) return 1;
        if (type == TYPE_SHORT) value = get16(entry + 8, big);
        if (type == TYPE_LONG) value = get32(entry + 8, big);
        return value >= 1 && value <= 8 ? (int)value : 1;
    }
    return 1;
}

galago_status image_orient(image *img, int orientation, error *e)
{
    if (orientation <= 1 || orientation > 8) return GALAGO_OK;
    /* Upright pixel (x, y) is stored pixel (a, b): x and y in this order or swapped, each from the front or
     * from the back. */
    bool swap = orientation >= 5;
    bool back_a = orientation == 2 || orientation == 3 || orientation == 7 || orientation == 8;
    bool back_b = orientation == 3 || orientation == 4 || orientation == 6 || orientation == 7;
    size_t w = img->width, h = img->height, out_w = swap ? h : w, out_h = swap ? w : h;
    uint8_t *rgb = malloc(w * h * 3);
    if (!rgb) return fail(e, GALAGO_ERR_MEMORY, "image: not enough memory to turn %zu x %zu pixels", w, h);

    /* In squares, so that the rows of one side and the columns of the other stay in the cache together. */
    enum { SQUARE = 32 };
    for (size_t y0 = 0; y0 < out_h; y0 += SQUARE)
        for (size_t x0 = 0; x0 < out_w; x0 += SQUARE)
            for (size_t y = y0; y < out_h && y < y0 + SQUARE; y++)
                for (size_t x = x0; x < out_w && x < x0 + SQUARE; x++) {
                    size_t a = swap ? y : x, b = swap ? x : y;
                    if (back_a) a = w - 1 - a;
                    if (back_b) b = h - 1 - b;
                    memcpy(rgb + (y * out_w + x) * 3, img->rgb + (b * w + a) * 3, 3);
                }
    free(img->rgb);
    img->rgb = rgb;
    img->width = (uint32_t)out_w;
    img->height = (uint32_t)out_h;
    return GALAGO_OK;
}
