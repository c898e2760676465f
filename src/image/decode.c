/* Which format a file is, and the limits that hold for all of them. */
#include "image/decode.h"

#include <stdlib.h>
#include <string.h>

galago_status image_check_size(const char *format, uint64_t width, uint64_t height, error *e)
{
    if (!width || !height)
        return fail(e, GALAGO_ERR_FORMAT, "%s: a picture of %llu x %llu pixels", format,
                    (unsigned long long)width, (unsigned long long)height);
    /* Sides are 32-bit numbers in every format, so that the product fits. */
    if (width > UINT32_MAX || height > UINT32_MAX || width * height > IMAGE_MAX_PIXELS)
        return fail(
            e, GALAGO_ERR_UNSUPPORTED,
            "%s: a picture of %llu x %llu pixels; at most %d million pixels are read: make it smaller first",
            format, (unsigned long long)width, (unsigned long long)height, IMAGE_MAX_PIXELS / 1000000);
    return GALAGO_OK;
}

galago_status image_alloc(image *out, const char *format, uint64_t width, uint64_t height, error *e)
{
    galago_status s = image_check_size(format, width, height, e);
    if (s) return s;
    out->rgb = malloc((size_t)width * height * 3);
    if (!out->rgb)
        return fail(e, GALAGO_ERR_MEMORY, "%s: not enough memory for %llu x %llu pixels", format,
                    (unsigned long long)width, (unsigned long long)height);
    out->width = (uint32_t)width;
    out->height = (uint32_t)height;
    return GALAGO_OK;
}

void image_free(image *img)
{
    if (!img) return;
    free(img->rgb);
    memset(img, 0, sizeof *img);
}

static bool starts(const uint8_t *bytes, size_t size, const char *with, size_t n)
{
    return size >= n && memcmp(bytes, with, n) == 0;
}

galago_status image_decode(const uint8_t *bytes, size_t size, image *out, error *e)
{
    galago_status s;
    memset(out, 0, sizeof *out);
    if (size == 0) return fail(e, GALAGO_ERR_FORMAT, "image: the file is empty (0 bytes)");
    if (starts(bytes, size, "\xff\xd8\xff", 3))
        s = decode_jpeg(bytes, size, out, e);
    else if (starts(bytes, size, "\x89PNG\r\n\x1a\n", 8))
        s = decode_png(bytes, size, out, e);
    else if (starts(bytes, size, "RIFF", 4) && size >= 12 && memcmp(bytes + 8, "WEBP", 4) == 0)
        s = decode_webp(bytes, size, out, e);
    else if (starts(bytes, size, "GIF87a", 6) || starts(bytes, size, "GIF89a", 6))
        s = decode_gif(bytes, size, out, e);
    else if (starts(bytes, size, "BM", 2))
        s = decode_bmp(bytes, size, out, e);
    else
        s = fail(e, GALAGO_ERR_UNSUPPORTED,
                 "image: the first bytes (%02x %02x %02x %02x; %zu in all) are not those of a JPEG, PNG, "
                 "WebP, GIF or BMP "
                 "file; convert it to one of these",
                 bytes[0], size > 1 ? bytes[1] : 0, size > 2 ? bytes[2] : 0, size > 3 ? bytes[3] : 0, size);
    if (s) image_free(out);
    return s;
}
