/* Public images: decoded pixels and their identity. */
#include "engine/engine.h"

#include "base/filemap.h"
#include <stdlib.h>
#include <string.h>

/* Both halves of the product of two words: every bit of the input reaches every bit of the result. */
static uint64_t fold(uint64_t a, uint64_t b)
{
    __uint128_t p = (__uint128_t)a * b;
    return (uint64_t)p ^ (uint64_t)(p >> 64);
}

/* Two 64-bit folded-multiply hashes with different constants over the same words: 128 bits, above 2 GB/s. A
 * mistake would answer about another picture, so 64 bits alone would be too few for comfort. Constants:
 * digits of pi. */
static void hash_pixels(const image *img, uint64_t hash[2])
{
    static const uint64_t K[4] = {0x243f6a8885a308d3u, 0x13198a2e03707345u, 0xa4093822299f31d1u,
                                  0x082efa98ec4e6c89u};
    const uint8_t *p = img->rgb;
    size_t size = 3 * (size_t)img->width * img->height;
    uint64_t shape = (uint64_t)img->width << 32 | img->height;
    uint64_t a = fold(shape ^ K[0], K[1]), b = fold(shape ^ K[2], K[3]);
    uint64_t w[2];
    for (; size >= 16; p += 16, size -= 16) {
        memcpy(w, p, 16);
        a = fold(a ^ w[0] ^ K[0], w[1] ^ K[1]) + w[0];
        b = fold(b ^ w[1] ^ K[2], w[0] ^ K[3]) + w[1];
    }
    memset(w, 0, 16);
    memcpy(w, p, size);
    a = fold(a ^ w[0] ^ K[0], w[1] ^ K[1]);
    b = fold(b ^ w[1] ^ K[2], w[0] ^ K[3]);
    hash[0] = fold(a ^ K[2], b ^ K[1]) ^ a;
    hash[1] = b;
}

static galago_status wrap(image *pixels, galago_image **out, error *e)
{
    galago_image *img = calloc(1, sizeof *img);
    if (!img) {
        image_free(pixels);
        return fail(e, GALAGO_ERR_MEMORY, "not enough memory for an image");
    }
    img->pixels = *pixels;
    hash_pixels(pixels, img->hash);
    *out = img;
    return GALAGO_OK;
}

galago_status galago_image_decode(const void *bytes, size_t size, galago_image **out, galago_error *e)
{
    error_clear(e);
    *out = NULL;
    image pixels;
    galago_status s = image_decode(bytes, size, &pixels, e);
    return s ? s : wrap(&pixels, out, e);
}

galago_status galago_image_load(const char *path, galago_image **out, galago_error *e)
{
    error_clear(e);
    *out = NULL;
    filemap f;
    galago_status s = filemap_open(path, &f, e);
    if (s) return s;
    image pixels;
    s = image_decode(f.data, f.size, &pixels, e);
    filemap_close(&f);
    if (s) {
        fail_prefix(e, path);
        return s;
    }
    return wrap(&pixels, out, e);
}

galago_status galago_image_from_rgb(const uint8_t *rgb, uint32_t width, uint32_t height, size_t stride,
                                    galago_image **out, galago_error *e)
{
    error_clear(e);
    *out = NULL;
    if (!rgb || !width || !height)
        return fail(e, GALAGO_ERR_ARGUMENT, "an image of %u x %u pixels%s has nothing to see", width, height,
                    rgb ? "" : " at NULL");
    if ((uint64_t)width * height > IMAGE_MAX_PIXELS)
        return fail(e, GALAGO_ERR_UNSUPPORTED, "an image of %u x %u pixels; at most %d are taken", width,
                    height, IMAGE_MAX_PIXELS);
    size_t row = 3 * (size_t)width;
    if (stride < row)
        return fail(e, GALAGO_ERR_ARGUMENT,
                    "a stride of %zu bytes is shorter than a row of %u pixels (%zu bytes)", stride, width,
                    row);
    image pixels = {.width = width, .height = height, .rgb = malloc(row * height)};
    if (!pixels.rgb) return fail(e, GALAGO_ERR_MEMORY, "not enough memory for %u x %u pixels", width, height);
    for (uint32_t y = 0; y < height; y++) memcpy(pixels.rgb + y * row, rgb + y * stride, row);
    return wrap(&pixels, out, e);
}

void galago_image_size(const galago_image *img, uint32_t *width, uint32_t *height)
{
    *width = img->pixels.width;
    *height = img->pixels.height;
}

void galago_image_destroy(galago_image *img)
{
    if (!img) return;
    image_free(&img->pixels);
    free(img);
}
