/* JPEG through libjpeg-turbo. Grey, YCbCr, RGB, CMYK and YCCK; baseline, progressive and arithmetic. */
#include "image/decode.h"

#include <setjmp.h>
#include <stdio.h> /* jpeglib.h needs FILE */
#include <stdlib.h>
#include <string.h>

#include <jpeglib.h>

#include <jerror.h> /* lists its codes by what jpeglib.h has set */

enum {
    /* Each scan of a progressive file goes over the whole picture, and may take a few bytes only: a file of a
     * few kilobytes could keep the decoder busy for hours. Encoders write about 10; each bit of each
     * component apart would be under 50. */
    MAX_SCANS = 100,
};

typedef struct reader {
    struct jpeg_decompress_struct jpeg;
    struct jpeg_error_mgr errors;
    struct jpeg_source_mgr source;
    struct jpeg_progress_mgr progress;
    jmp_buf failed;
    image *out;
    uint8_t *cmyk; /* one row */
    bool one_scan; /* the picture's only scan has begun: the end of the file may stand for the end marker */
    int orientation;
    error *e;
} reader;

_Noreturn static void give_up(reader *r) { longjmp(r->failed, 1); }

static galago_status status_of(int code)
{
    switch (code) {
    case JERR_OUT_OF_MEMORY: return GALAGO_ERR_MEMORY;
    case JERR_BAD_PRECISION:
    case JERR_SOF_UNSUPPORTED:
    case JERR_ARITH_NOTIMPL:
    case JERR_NOT_COMPILED: return GALAGO_ERR_UNSUPPORTED;
    default: return GALAGO_ERR_FORMAT;
    }
}

_Noreturn static void fail_with_message(reader *r)
{
    char text[JMSG_LENGTH_MAX];
    r->errors.format_message((j_common_ptr)&r->jpeg, text);
    fail(r->e, status_of(r->errors.msg_code), "JPEG: %s", text);
    give_up(r);
}

_Noreturn static void on_error(j_common_ptr c) { fail_with_message(c->client_data); }

/* libjpeg goes on after damage and paints grey. A picture that the model would describe wrongly is refused
 * instead; remarks about headers, and stray bytes between segments (which cameras do write), are no damage.
 */
static void on_message(j_common_ptr c, int level)
{
    if (level >= 0) return;
    switch (c->err->msg_code) {
    case JWRN_JPEG_EOF:
    case JWRN_HIT_MARKER:
    case JWRN_HUFF_BAD_CODE:
    case JWRN_ARITH_BAD_CODE:
    case JWRN_MUST_RESYNC: fail_with_message(c->client_data);
    default: break;
    }
}

static void ignore_output(j_common_ptr c) { (void)c; }

static void ignore_source(j_decompress_ptr c) { (void)c; }

static boolean at_end_of_file(j_decompress_ptr c)
{
    static const JOCTET end_marker[2] = {0xff, JPEG_EOI};
    reader *r = c->client_data;
    if (!r->one_scan) {
        fail(r->e, GALAGO_ERR_FORMAT, "JPEG: the file ends before the picture does");
        give_up(r);
    }
    /* If pixels are missing, the entropy decoder meets this marker too early and warns (JWRN_HIT_MARKER). */
    r->source.next_input_byte = end_marker;
    r->source.bytes_in_buffer = sizeof end_marker;
    return TRUE;
}

static void skip_bytes(j_decompress_ptr c, long n)
{
    struct jpeg_source_mgr *s = c->src;
    if (n <= 0) return;
    size_t step = (size_t)n < s->bytes_in_buffer ? (size_t)n : s->bytes_in_buffer;
    s->next_input_byte += step;
    s->bytes_in_buffer -= step;
}

static void on_progress(j_common_ptr c)
{
    reader *r = c->client_data;
    if (r->jpeg.input_scan_number <= MAX_SCANS) return;
    fail(r->e, GALAGO_ERR_UNSUPPORTED, "JPEG: more than %d scans", MAX_SCANS);
    give_up(r);
}

/* [width] CMYK -> RGB without a colour profile. The samples are stored inverted (255 = no ink), as Adobe's
 * programs have always written them with or without their marker; the formula is the usual (1-c)(1-k). */
static void cmyk_to_rgb(const uint8_t *cmyk, uint8_t *rgb, uint32_t width)
{
    for (uint32_t x = 0; x < width; x++) {
        unsigned k = cmyk[x * 4 + 3];
        for (int c = 0; c < 3; c++) {
            /* k - ink*k/255 with ink = 255 - sample, the quotient rounded: one grey level from sample*k/255
             * at most, and the same as the reference's library. */
            unsigned t = (255u - cmyk[x * 4 + c]) * k + 128;
            rgb[x * 3 + c] = (uint8_t)(k - ((t + (t >> 8)) >> 8));
        }
    }
}

static int find_orientation(const struct jpeg_decompress_struct *jpeg)
{
    for (jpeg_saved_marker_ptr m = jpeg->marker_list; m; m = m->next)
        if (m->data_length > 6 && memcmp(m->data, "Exif\0\0", 6) == 0)
            return exif_orientation(m->data + 6, m->data_length - 6);
    return 1;
}

/* A jump out of here loses the locals: all that must be freed is in *r. */
static galago_status decode(reader *r, size_t size)
{
    struct jpeg_decompress_struct *j = &r->jpeg;
    jpeg_save_markers(j, JPEG_APP0 + 1, 0xffff);
    jpeg_read_header(j, TRUE);
    uint64_t width = j->image_width, height = j->image_height;
    galago_status s = image_check_size("JPEG", width, height, r->e);
    if (s) return s;
    /* Huffman codes are 1 bit or longer and every 8x8 block has one, so that a short file with a large size
     * in its header is recognised before memory is taken for it. (Arithmetic coding goes below a bit.) */
    if (!j->arith_code && width * height / (64 * 8) > size)
        return fail(r->e, GALAGO_ERR_FORMAT,
                    "JPEG: %zu bytes cannot hold %u x %u pixels: the file is cut off or damaged", size,
                    j->image_width, j->image_height);
    bool is_cmyk = j->jpeg_color_space == JCS_CMYK || j->jpeg_color_space == JCS_YCCK;
    if (!is_cmyk && j->jpeg_color_space != JCS_GRAYSCALE && j->jpeg_color_space != JCS_YCbCr &&
        j->jpeg_color_space != JCS_RGB)
        return fail(r->e, GALAGO_ERR_UNSUPPORTED, "JPEG: %d colour components of an unknown kind",
                    j->num_components);
    j->out_color_space = is_cmyk ? JCS_CMYK : JCS_RGB;
    r->orientation = find_orientation(j);
    /* (The arithmetic decoder takes a missing end for zeros and says nothing.) */
    r->one_scan = !jpeg_has_multiple_scans(j) && !j->arith_code;

    if ((s = image_alloc(r->out, "JPEG", width, height, r->e))) return s;
    if (is_cmyk && !(r->cmyk = malloc((size_t)width * 4)))
        return fail(r->e, GALAGO_ERR_MEMORY, "JPEG: not enough memory for a row of %u pixels",
                    j->image_width);
    jpeg_start_decompress(j);
    while (j->output_scanline < j->output_height) {
        uint8_t *row = r->out->rgb + (size_t)j->output_scanline * width * 3;
        JSAMPROW target = is_cmyk ? r->cmyk : row;
        if (jpeg_read_scanlines(j, &target, 1) != 1)
            return fail(r->e, GALAGO_ERR_FORMAT, "JPEG: no pixels after row %u of %u", j->output_scanline,
                        j->image_height);
        if (is_cmyk) cmyk_to_rgb(r->cmyk, row, j->image_width);
    }
    return image_orient(r->out, r->orientation, r->e);
}

/* Returns by a jump or in the ordinary way; the failure is in *r->e. */
static void decode_or_jump(reader *r, size_t size)
{
    if (setjmp(r->failed)) return;
    jpeg_create_decompress(&r->jpeg); /* keeps err and client_data */
    r->jpeg.src = &r->source;
    r->jpeg.progress = &r->progress;
    decode(r, size);
}

galago_status decode_jpeg(const uint8_t *bytes, size_t size, image *out, error *e)
{
    error own = {0}; /* keeps the status when the caller wants no message */
    reader r;
    memset(&r, 0, sizeof r);
    r.out = out;
    r.e = &own;
    r.jpeg.err = jpeg_std_error(&r.errors);
    r.errors.error_exit = on_error;
    r.errors.emit_message = on_message;
    r.errors.output_message = ignore_output;
    r.jpeg.client_data = &r;
    r.source.next_input_byte = bytes;
    r.source.bytes_in_buffer = size;
    r.source.init_source = ignore_source;
    r.source.fill_input_buffer = at_end_of_file;
    r.source.skip_input_data = skip_bytes;
    r.source.resync_to_restart = jpeg_resync_to_restart;
    r.source.term_source = ignore_source;
    r.progress.progress_monitor = on_progress;
    decode_or_jump(&r, size);
    jpeg_destroy_decompress(&r.jpeg);
    free(r.cmyk);
    return own.status ? fail(e, own.status, "%s", own.message) : GALAGO_OK;
}
