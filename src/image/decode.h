/* What the decoders share: one function for each format, the pixel limit, orientation. Internal to src/image.
 */
#ifndef IMAGE_DECODE_H
#define IMAGE_DECODE_H

#include "image/image.h"

/* Each decodes a whole file that starts with its format's signature. On failure out->rgb may be set:
 * image_decode frees it. Statuses as image_decode. */
galago_status decode_jpeg(const uint8_t *bytes, size_t size, image *out, error *e);
galago_status decode_png(const uint8_t *bytes, size_t size, image *out, error *e);
galago_status decode_webp(const uint8_t *bytes, size_t size, image *out, error *e);
galago_status decode_gif(const uint8_t *bytes, size_t size, image *out, error *e);
galago_status decode_bmp(const uint8_t *bytes, size_t size, image *out, error *e);

/* Checks width x height against 0 and IMAGE_MAX_PIXELS. Errors: FORMAT (a side is 0), UNSUPPORTED (too many
 * pixels). */
galago_status image_check_size(const char *format, uint64_t width, uint64_t height, error *e);
/* image_check_size, then pixels of unspecified contents. Errors: those, MEMORY. */
galago_status image_alloc(image *out, const char *format, uint64_t width, uint64_t height, error *e);

/* The orientation (1..8) in an EXIF block that starts with its TIFF header ("II*\0" or "MM\0*"); 1 when there
 * is none or the block is damaged: a bad note about a picture is no reason to refuse the picture. */
int exif_orientation(const uint8_t *tiff, size_t size);
/* Turns the picture upright: 2 mirrored, 3 turned by 180 degrees, 4 flipped, 5 transposed, 6 needs 90 degrees
 * clockwise, 7 transversed, 8 needs 90 degrees counter-clockwise. Errors: MEMORY. */
galago_status image_orient(image *img, int orientation, error *e);

static inline uint32_t read_u16le(const uint8_t *p) { return (uint32_t)p[0] | (uint32_t)p[1] << 8; }
static inline uint32_t read_u32le(const uint8_t *p) { return read_u16le(p) | read_u16le(p + 2) << 16; }

#endif
