/* The first frame of a GIF file. */
#include "image/decode.h"

#include <stdlib.h>
#include <string.h>

enum { MAX_CODE_BITS = 12, MAX_CODES = 1 << MAX_CODE_BITS, NO_CODE = MAX_CODES };

typedef struct reader {
    const uint8_t *p, *end;
    error *e;
} reader;

static galago_status cut_off(const reader *r)
{
    return fail(r->e, GALAGO_ERR_FORMAT, "GIF: the file ends before the picture does");
}

static size_t bytes_left(const reader *r) { return (size_t)(r->end - r->p); }

/* Skips data sub-blocks (a length byte, that many bytes) up to and with the empty one. */
static galago_status skip_blocks(reader *r)
{
    for (;;) {
        if (!bytes_left(r)) return cut_off(r);
        size_t n = *r->p++;
        if (n == 0) return GALAGO_OK;
        if (bytes_left(r) < n) return cut_off(r);
        r->p += n;
    }
}

/* ---- LZW ----------------------------------------------------------------------------------------- */

/* Where the frame's pixels go: its lines in the order of the file, onto a canvas. */
typedef struct target {
    image *canvas;
    const uint8_t (*palette)[3]; /* 256 colours */
    uint32_t left, top, width, height;
    bool is_interlaced;
} target;

/* The line of the picture that the i-th line of an interlaced frame is: every 8th from 0, every 8th from 4,
 * every 4th from 2, every 2nd from 1. */
static uint32_t interlaced_line(uint32_t i, uint32_t height)
{
    static const uint8_t first[4] = {0, 4, 2, 1}, step[4] = {8, 8, 4, 2};
    for (int pass = 0; pass < 4; pass++) {
        uint32_t n = height > first[pass] ? (height - first[pass] + step[pass] - 1) / step[pass] : 0;
        if (i < n) return first[pass] + i * step[pass];
        i -= n;
    }
    return 0; /* i < height, so that one of the passes had it */
}

typedef struct lzw {
    uint16_t prefix[MAX_CODES];
    uint8_t last[MAX_CODES];
    uint8_t text[MAX_CODES]; /* a code's pixels, filled from the end */
} lzw;

static galago_status lzw_decode(reader *r, lzw *t, const target *to)
{
    if (!bytes_left(r)) return cut_off(r);
    unsigned min_bits = *r->p++;
    if (min_bits < 1 || min_bits > 8)
        return fail(r->e, GALAGO_ERR_FORMAT, "GIF: pixels of %u bits; 1 to 8 are possible", min_bits);
    const unsigned clear = 1u << min_bits, end_code = clear + 1;
    for (unsigned i = 0; i < clear; i++) t->last[i] = (uint8_t)i;

    unsigned n_codes = clear + 2, bits = min_bits + 1, before = NO_CODE, first = 0;
    uint32_t held = 0, n_held = 0, in_block = 0; /* bits read and not used; bytes left in the sub-block */
    const uint64_t total = (uint64_t)to->width * to->height;
    uint64_t done = 0;
    uint32_t x = 0, line = 0;
    uint8_t *rgb = NULL; /* the line being filled */
    while (done < total) {
        while (n_held < bits) {
            if (in_block == 0) {
                if (!bytes_left(r)) return cut_off(r);
                in_block = *r->p++;
                if (in_block == 0)
                    return fail(r->e, GALAGO_ERR_FORMAT, "GIF: the data end after %llu of %llu pixels",
                                (unsigned long long)done, (unsigned long long)total);
                if (bytes_left(r) < in_block) return cut_off(r);
            }
            held |= (uint32_t)*r->p++ << n_held;
            n_held += 8;
            in_block--;
        }
        unsigned code = held & ((1u << bits) - 1);
        held >>= bits;
        n_held -= bits;

        if (code == clear) {
            n_codes = clear + 2;
            bits = min_bits + 1;
            before = NO_CODE;
            continue;
        }
        if (code == end_code)
            return fail(r->e, GALAGO_ERR_FORMAT, "GIF: the data end after %llu of %llu pixels",
                        (unsigned long long)done, (unsigned long long)total);
        /* The one code that may be used before it is complete: the text before, and its first pixel again. */
        bool is_next = code == n_codes && before != NO_CODE && n_codes < MAX_CODES;
        if (code >= n_codes && !is_next)
            return fail(r->e, GALAGO_ERR_FORMAT, "GIF: code %u where at most %u is possible", code, n_codes);

        size_t at = MAX_CODES;
        unsigned c = code;
        if (is_next) {
            t->text[--at] = (uint8_t)first;
            c = before;
        }
        /* A prefix is always an older code, so that this ends after at most MAX_CODES steps. */
        for (; c > end_code; c = t->prefix[c]) t->text[--at] = t->last[c];
        first = t->last[c];
        t->text[--at] = (uint8_t)first;
        if (before != NO_CODE && n_codes < MAX_CODES) {
            t->prefix[n_codes] = (uint16_t)before;
            t->last[n_codes] = (uint8_t)first;
            n_codes++;
            if (n_codes == 1u << bits && bits < MAX_CODE_BITS) bits++;
        }
        before = code;

        for (; at < MAX_CODES && done < total; at++, done++) {
            if (x == 0) {
                uint32_t y = to->top + (to->is_interlaced ? interlaced_line(line, to->height) : line);
                rgb = to->canvas->rgb + ((size_t)y * to->canvas->width + to->left) * 3;
                line++;
            }
            memcpy(rgb + (size_t)x * 3, to->palette[t->text[at]], 3);
            if (++x == to->width) x = 0;
        }
    }
    return GALAGO_OK;
}

/* ---- file ---------------------------------------------------------------------------------------- */

/* flags: bit 7 = there is a table, bits 0..2 = log2 of its length - 1. Colours that the table lacks stay as
 * they are. */
static galago_status read_palette(reader *r, unsigned flags, uint8_t palette[256][3])
{
    if (!(flags & 0x80)) return GALAGO_OK;
    size_t n = (size_t)3 << ((flags & 7) + 1);
    if (bytes_left(r) < n) return cut_off(r);
    memcpy(palette, r->p, n);
    r->p += n;
    return GALAGO_OK;
}

galago_status decode_gif(const uint8_t *bytes, size_t size, image *out, error *e)
{
    reader r = {bytes, bytes + size, e};
    if (size < 13) return cut_off(&r);
    uint32_t width = read_u16le(bytes + 6), height = read_u16le(bytes + 8);
    unsigned flags = bytes[10];
    r.p += 13;
    /* Without any table the pixels are grey levels. */
    uint8_t palette[256][3];
    for (int i = 0; i < 256; i++) memset(palette[i], i, 3);
    galago_status s = read_palette(&r, flags, palette);
    if (s) return s;

    int transparent = -1;
    for (;;) {
        if (!bytes_left(&r)) return cut_off(&r);
        unsigned kind = *r.p++;
        if (kind == 0x2c) break; /* image descriptor */
        if (kind == 0x3b) return fail(e, GALAGO_ERR_FORMAT, "GIF: there is no frame in the file");
        if (kind != 0x21) return fail(e, GALAGO_ERR_FORMAT, "GIF: unknown block 0x%02x", kind);
        if (!bytes_left(&r)) return cut_off(&r);
        unsigned label = *r.p++;
        /* Graphic control: 4 bytes: flags (bit 0: a transparent index follows), delay u16, index. */
        if (label == 0xf9 && bytes_left(&r) >= 5 && r.p[0] == 4 && (r.p[1] & 1)) transparent = r.p[4];
        if ((s = skip_blocks(&r))) return s;
    }

    if (bytes_left(&r) < 9) return cut_off(&r);
    target to = {.canvas = out,
                 .palette = (const uint8_t(*)[3])palette,
                 .left = read_u16le(r.p),
                 .top = read_u16le(r.p + 2),
                 .width = read_u16le(r.p + 4),
                 .height = read_u16le(r.p + 6),
                 .is_interlaced = r.p[8] & 0x40};
    unsigned local = r.p[8];
    r.p += 9;
    if ((s = read_palette(&r, local, palette))) return s;
    if (!to.width || !to.height)
        return fail(e, GALAGO_ERR_FORMAT, "GIF: the first frame is %u x %u pixels", to.width, to.height);
    /* A frame that is larger than the canvas enlarges it, as in the reference's library. */
    if (to.left + to.width > width) width = to.left + to.width;
    if (to.top + to.height > height) height = to.top + to.height;
    /* A code has at least 2 bits and gives at most MAX_CODES pixels: a short file with a large size in its
     * header is recognised before memory is taken for it. */
    if ((uint64_t)to.width * to.height / (MAX_CODES * 4) > bytes_left(&r)) return cut_off(&r);
    if ((s = image_alloc(out, "GIF", width, height, e))) return s;

    /* Transparency is dropped like any alpha channel: transparent pixels, and those that the frame leaves
     * free, have the palette's colour of the transparent index. A file without one leaves free what has index
     * 0. */
    if (to.width < width || to.height < height) {
        const uint8_t *fill = palette[transparent < 0 ? 0 : transparent];
        for (size_t i = 0, n = (size_t)width * height; i < n; i++) memcpy(out->rgb + i * 3, fill, 3);
    }
    lzw *table = malloc(sizeof *table);
    if (!table) return fail(e, GALAGO_ERR_MEMORY, "GIF: not enough memory");
    s = lzw_decode(&r, table, &to);
    free(table);
    return s;
}
