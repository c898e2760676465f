/* PNG through libpng: every colour type, depth and interlacing. */
#include "image/decode.h"

#include <stdlib.h>
#include <string.h>

#include <png.h>

enum {
    /* Text, profiles and unknown chunks may be compressed a thousandfold. None of them is used; what libpng
     * still reads is bounded. */
    MAX_CHUNK_BYTES = 8 << 20,
    MAX_CHUNKS = 1000,
    MAX_DEFLATE_RATIO = 1032, /* of deflate: 258 bytes from 2 bits */
};

typedef struct reader {
    png_structp png;
    png_infop info;
    const uint8_t *p, *end;
    image *out;
    png_bytep *rows; /* [height] */
    error *e;
} reader;

static void on_error(png_structp png, png_const_charp text)
{
    reader *r = png_get_error_ptr(png);
    /* libpng's text for a failed malloc. */
    bool memory = strstr(text, "ut of memory") || strstr(text, "nsufficient memory");
    fail(r->e, memory ? GALAGO_ERR_MEMORY : GALAGO_ERR_FORMAT, "PNG: %s", text);
    png_longjmp(png, 1);
}

static void on_warning(png_structp png, png_const_charp text)
{
    (void)png;
    (void)text;
}

static void read_bytes(png_structp png, png_bytep to, size_t n)
{
    reader *r = png_get_io_ptr(png);
    if ((size_t)(r->end - r->p) < n) png_error(png, "the file ends before the picture does");
    memcpy(to, r->p, n);
    r->p += n;
}

static galago_status decode(reader *r, size_t size)
{
    /* Skipped unread: what is not needed cannot do harm. eXIf stays. */
    static const png_byte unused[] = "iCCP\0zTXt\0iTXt\0tEXt\0sPLT\0hIST\0pCAL\0sCAL\0tIME\0oFFs";
    png_structp png = r->png;
    png_set_read_fn(png, r, read_bytes);
    png_set_user_limits(png, IMAGE_MAX_PIXELS, IMAGE_MAX_PIXELS);
    png_set_chunk_malloc_max(png, MAX_CHUNK_BYTES);
    png_set_chunk_cache_max(png, MAX_CHUNKS);
    png_set_keep_unknown_chunks(png, PNG_HANDLE_CHUNK_NEVER, unused, (int)(sizeof unused / 5));
    png_read_info(png, r->info);

    uint64_t width = png_get_image_width(png, r->info), height = png_get_image_height(png, r->info);
    galago_status s = image_check_size("PNG", width, height, r->e);
    if (s) return s;
    uint64_t raw = (png_get_rowbytes(png, r->info) + 1) * height;
    if (raw / MAX_DEFLATE_RATIO > size)
        return fail(r->e, GALAGO_ERR_FORMAT,
                    "PNG: %zu bytes cannot hold %u x %u pixels: the file is cut off or damaged", size,
                    (unsigned)width, (unsigned)height);

    /* RGB 8 as the reference's library makes it: 16 bits lose their low byte, alpha and transparent colours
     * are dropped without compositing, gamma and profiles are not applied. (16-bit grey is the exception:
     * that library clips it at 255, which leaves nothing of the picture; here it loses its low byte too.) */
    png_set_palette_to_rgb(png);
    png_set_expand_gray_1_2_4_to_8(png);
    png_set_strip_16(png);
    png_set_gray_to_rgb(png);
    png_set_strip_alpha(png);
    png_set_interlace_handling(png);
    png_read_update_info(png, r->info);
    if (png_get_rowbytes(png, r->info) != width * 3)
        return fail(r->e, GALAGO_ERR_INTERNAL, "PNG: rows of %zu bytes for %u pixels",
                    (size_t)png_get_rowbytes(png, r->info), (unsigned)width);

    if ((s = image_alloc(r->out, "PNG", width, height, r->e))) return s;
    r->rows = malloc(height * sizeof *r->rows);
    if (!r->rows)
        return fail(r->e, GALAGO_ERR_MEMORY, "PNG: not enough memory for %u rows", (unsigned)height);
    for (size_t y = 0; y < height; y++) r->rows[y] = r->out->rgb + y * width * 3;
    png_read_image(png, r->rows);
    png_read_end(png, r->info); /* checks the last data chunk, and may bring the eXIf chunk */

    png_bytep exif = NULL;
    png_uint_32 exif_size = 0;
    if (png_get_eXIf_1(png, r->info, &exif_size, &exif) && exif)
        return image_orient(r->out, exif_orientation(exif, exif_size), r->e);
    return GALAGO_OK;
}

/* Returns by png_longjmp or in the ordinary way; the failure is in *r->e. */
static void decode_or_jump(reader *r, size_t size)
{
    if (setjmp(png_jmpbuf(r->png))) return;
    decode(r, size);
}

galago_status decode_png(const uint8_t *bytes, size_t size, image *out, error *e)
{
    error own = {0};
    reader r = {.p = bytes, .end = bytes + size, .out = out, .e = &own};
    r.png = png_create_read_struct(PNG_LIBPNG_VER_STRING, &r, on_error, on_warning);
    if (r.png) r.info = png_create_info_struct(r.png);
    if (!r.info)
        fail(&own, GALAGO_ERR_MEMORY, "PNG: not enough memory");
    else
        decode_or_jump(&r, size);
    png_destroy_read_struct(&r.png, &r.info, NULL);
    free(r.rows);
    return own.status ? fail(e, own.status, "%s", own.message) : GALAGO_OK;
}
