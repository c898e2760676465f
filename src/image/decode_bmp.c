/* BMP: OS/2 and Windows headers; 1, 4, 8, 16, 24 and 32 bits; RLE and bit fields; both row orders. */
#include "image/decode.h"

#include <stdlib.h>
#include <string.h>

enum {
    FILE_HEADER = 14,
    RGB_PLAIN = 0,
    RLE8 = 1,
    RLE4 = 2,
    BITFIELDS = 3,
    EMBEDDED_JPEG = 4,
    EMBEDDED_PNG = 5,
    ALPHA_BITFIELDS = 6
};

typedef struct bitmap {
    const uint8_t *bytes, *end, *pixels; /* pixels: where the rows start */
    uint32_t width, height, bits, compression;
    bool is_top_down;
    uint32_t mask[3];        /* red, green, blue: bits within a pixel of 16 or 32 */
    uint8_t palette[256][3]; /* RGB; what the file lacks is black */
    error *e;
} bitmap;

static galago_status cut_off(const bitmap *b)
{
    return fail(b->e, GALAGO_ERR_FORMAT, "BMP: the file ends before the picture does");
}

/* Row y of the file in the picture. */
static uint8_t *row_of(const bitmap *b, const image *out, uint32_t y)
{
    return out->rgb + (size_t)(b->is_top_down ? y : b->height - 1 - y) * b->width * 3;
}

/* ---- headers ------------------------------------------------------------------------------------- */

static galago_status read_palette(bitmap *b, size_t at, size_t n_colours, size_t entry_bytes)
{
    size_t n = (size_t)1 << b->bits, room = ((size_t)(b->end - b->bytes) - at) / entry_bytes;
    if (n_colours && n_colours < n) n = n_colours;
    if (n > room) return cut_off(b);
    for (size_t i = 0; i < n; i++) {
        const uint8_t *bgr = b->bytes + at + i * entry_bytes;
        for (int c = 0; c < 3; c++) b->palette[i][c] = bgr[2 - c];
    }
    return GALAGO_OK;
}

static galago_status read_masks(bitmap *b)
{
    static const uint32_t plain16[3] = {0x7c00, 0x03e0, 0x001f}, plain32[3] = {0xff0000, 0x00ff00, 0x0000ff};
    memcpy(b->mask, b->bits == 16 ? plain16 : plain32, sizeof b->mask);
    if (b->compression != BITFIELDS && b->compression != ALPHA_BITFIELDS) return GALAGO_OK;
    if (b->bits != 16 && b->bits != 32)
        return fail(b->e, GALAGO_ERR_FORMAT, "BMP: bit fields with %u bits a pixel", b->bits);
    /* Right behind the first 40 bytes of the header, whether they count as part of it or not. */
    if ((size_t)(b->end - b->bytes) < FILE_HEADER + 40 + 12) return cut_off(b);
    for (int c = 0; c < 3; c++) {
        uint32_t m = read_u32le(b->bytes + FILE_HEADER + 40 + 4 * c);
        uint32_t low = m & (0u - m);
        /* One run of bits: adding its lowest carries through and leaves a power of two (or nothing). */
        if (m == 0 || ((m + low) & m) != 0 || (b->bits == 16 && m > 0xffff))
            return fail(b->e, GALAGO_ERR_FORMAT, "BMP: 0x%08x is no mask for a colour of %u-bit pixels", m,
                        b->bits);
        b->mask[c] = m;
    }
    return GALAGO_OK;
}

static galago_status read_headers(bitmap *b, size_t size)
{
    if (size < FILE_HEADER + 12) return cut_off(b);
    size_t offset = read_u32le(b->bytes + 10), header = read_u32le(b->bytes + FILE_HEADER), n_colours = 0;
    const uint8_t *h = b->bytes + FILE_HEADER;
    if (header > size - FILE_HEADER) return cut_off(b);
    uint32_t planes;
    if (header == 12) { /* OS/2 1.x */
        b->width = read_u16le(h + 4);
        b->height = read_u16le(h + 6);
        planes = read_u16le(h + 8);
        b->bits = read_u16le(h + 10);
    } else if (header == 16 ||
               (header >= 40 && header <= 124)) { /* OS/2 2.x, short and long; Windows 3 to 5 */
        b->width = read_u32le(h + 4);
        b->height = read_u32le(h + 8);
        planes = read_u16le(h + 12);
        b->bits = read_u16le(h + 14);
        if (header >= 40) {
            b->compression = read_u32le(h + 16);
            n_colours = read_u32le(h + 32);
        }
        if (b->height > INT32_MAX) { /* a negative number: the first row comes first */
            b->is_top_down = true;
            b->height = 0u - b->height;
        }
        if (b->width > INT32_MAX) return fail(b->e, GALAGO_ERR_FORMAT, "BMP: a negative width");
    } else {
        return fail(b->e, GALAGO_ERR_FORMAT, "BMP: a header of %zu bytes", header);
    }
    if (planes != 1) return fail(b->e, GALAGO_ERR_FORMAT, "BMP: %u planes", planes);
    if (b->bits != 1 && b->bits != 4 && b->bits != 8 && b->bits != 16 && b->bits != 24 && b->bits != 32)
        return fail(b->e, GALAGO_ERR_UNSUPPORTED, "BMP: %u bits a pixel; 1, 4, 8, 16, 24 and 32 are read",
                    b->bits);
    if (b->compression == EMBEDDED_JPEG || b->compression == EMBEDDED_PNG)
        return fail(b->e, GALAGO_ERR_UNSUPPORTED, "BMP: holds a %s file instead of pixels",
                    b->compression == EMBEDDED_JPEG ? "JPEG" : "PNG");
    if (header == 64 && b->compression != RGB_PLAIN && b->compression != RLE8 && b->compression != RLE4)
        return fail(b->e, GALAGO_ERR_UNSUPPORTED, "BMP: OS/2 compression %u", b->compression);
    if (b->compression > ALPHA_BITFIELDS)
        return fail(b->e, GALAGO_ERR_UNSUPPORTED, "BMP: compression %u", b->compression);
    if ((b->compression == RLE8 && b->bits != 8) || (b->compression == RLE4 && b->bits != 4) ||
        ((b->compression == RLE8 || b->compression == RLE4) && b->is_top_down))
        return fail(b->e, GALAGO_ERR_FORMAT, "BMP: run lengths with %u bits a pixel%s", b->bits,
                    b->is_top_down ? ", first row first" : "");
    galago_status s = image_check_size("BMP", b->width, b->height, b->e);
    if (s) return s;

    if (b->bits <= 8) {
        s = read_palette(b, FILE_HEADER + header, n_colours, header == 12 ? 3 : 4);
    } else {
        s = read_masks(b);
    }
    if (s) return s;
    if (offset < FILE_HEADER + header || offset > size)
        return fail(b->e, GALAGO_ERR_FORMAT,
                    "BMP: pixels at byte %zu; the headers end at %zu, the file at %zu", offset,
                    FILE_HEADER + header, size);
    b->pixels = b->bytes + offset;
    return GALAGO_OK;
}

/* ---- pixels -------------------------------------------------------------------------------------- */

/* A field of a pixel as 0..255, rounded down as the reference's library does it. */
static uint8_t field(uint32_t pixel, uint32_t mask)
{
    unsigned shift = (unsigned)__builtin_ctz(mask);
    return (uint8_t)((uint64_t)((pixel & mask) >> shift) * 255 / (mask >> shift));
}

static void convert_row(const bitmap *b, const uint8_t *from, uint8_t *rgb)
{
    switch (b->bits) {
    case 1:
    case 4:
    case 8:
        for (uint32_t x = 0; x < b->width; x++) {
            unsigned bit = x * b->bits & 7; /* the leftmost pixel is the highest */
            unsigned index = from[(uint64_t)x * b->bits / 8] >> (8 - b->bits - bit) & ((1u << b->bits) - 1);
            memcpy(rgb + (size_t)x * 3, b->palette[index], 3);
        }
        break;
    case 24:
        for (size_t x = 0; x < b->width; x++)
            for (int c = 0; c < 3; c++) rgb[x * 3 + c] = from[x * 3 + 2 - c];
        break;
    default:
        for (size_t x = 0; x < b->width; x++) {
            uint32_t pixel = b->bits == 16 ? read_u16le(from + x * 2) : read_u32le(from + x * 4);
            for (int c = 0; c < 3; c++) rgb[x * 3 + c] = field(pixel, b->mask[c]);
        }
        break;
    }
}

static galago_status decode_rows(const bitmap *b, image *out)
{
    size_t stride = ((size_t)b->width * b->bits + 31) / 32 * 4, row = ((size_t)b->width * b->bits + 7) / 8;
    size_t have = (size_t)(b->end - b->pixels);
    /* The last row's filling may be missing. */
    if (have < stride * (b->height - 1) + row) return cut_off(b);
    galago_status s = image_alloc(out, "BMP", b->width, b->height, b->e);
    if (s) return s;
    for (uint32_t y = 0; y < b->height; y++) convert_row(b, b->pixels + stride * y, row_of(b, out, y));
    return GALAGO_OK;
}

/* Pairs (n, value): n times the value, with 4 bits its two halves in turn. (0, 0) ends a row, (0, 1) the
 * picture, (0, 2) jumps by the next two bytes to the right and up, (0, n) is followed by n pixels, to an even
 * number of bytes. */
static galago_status decode_runs(const bitmap *b, image *out)
{
    galago_status s = image_alloc(out, "BMP", b->width, b->height, b->e);
    if (s) return s;
    /* Pixels that are jumped over have index 0. */
    for (size_t i = 0, n = (size_t)b->width * b->height; i < n; i++)
        memcpy(out->rgb + i * 3, b->palette[0], 3);

    const uint8_t *p = b->pixels;
    bool is_4 = b->bits == 4;
    uint64_t x = 0, y = 0;
    while (y < b->height) {
        if (b->end - p < 2) return cut_off(b);
        unsigned n = *p++, value = *p++;
        bool is_run = n > 0;
        if (!is_run && value == 0) {
            x = 0;
            y++;
            continue;
        }
        if (!is_run && value == 1) return GALAGO_OK;
        if (!is_run && value == 2) {
            if (b->end - p < 2) return cut_off(b);
            x += *p++;
            y += *p++;
            continue;
        }
        if (!is_run) n = value;
        size_t literal_bytes = is_run ? 0 : is_4 ? (n + 1) / 2 : n;
        if ((size_t)(b->end - p) < literal_bytes) return cut_off(b);
        uint8_t *row = row_of(b, out, (uint32_t)y);
        /* What a run has beyond the edge is dropped. */
        for (unsigned i = 0; i < n && x < b->width; i++, x++) {
            unsigned byte = is_run ? value : p[is_4 ? i / 2 : i];
            unsigned index = !is_4 ? byte : i % 2 ? byte & 15 : byte >> 4;
            memcpy(row + x * 3, b->palette[index], 3);
        }
        p += literal_bytes;
        if (literal_bytes % 2 && p < b->end) p++;
    }
    return GALAGO_OK;
}

galago_status decode_bmp(const uint8_t *bytes, size_t size, image *out, error *e)
{
    bitmap b = {.bytes = bytes, .end = bytes + size, .e = e};
    galago_status s = read_headers(&b, size);
    if (s) return s;
    return b.compression == RLE8 || b.compression == RLE4 ? decode_runs(&b, out) : decode_rows(&b, out);
}
