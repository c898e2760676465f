/* Pictures: bytes -> pixels -> resized pixels -> patches. */
#ifndef IMAGE_IMAGE_H
#define IMAGE_IMAGE_H

#include "base/error.h"

enum { IMAGE_MAX_PIXELS = 100 * 1000 * 1000 };

/* Decoded pixels. */
typedef struct image {
    uint32_t width, height;
    uint8_t *rgb; /* [height, width, 3], malloc'ed */
} image;

/* JPEG, PNG, WebP and GIF (of both the first frame), BMP, told apart by their first bytes. EXIF orientation
 * (JPEG, PNG, WebP) is applied; grey, palette, 16 bit (its high byte) and CMYK become RGB 8; alpha, GIF's
 * transparent index too, is dropped without compositing; colour profiles are not applied. Dimensions are
 * checked against IMAGE_MAX_PIXELS before pixels are allocated. Errors: FORMAT (empty, damaged, cut off:
 * names the format and what is wrong), UNSUPPORTED (not one of the formats; a kind that is not read; too many
 * pixels), MEMORY. On failure *out is zeroed. The bytes may be freed afterwards. */
galago_status image_decode(const uint8_t *bytes, size_t size, image *out, error *e);
void image_free(image *img);

typedef enum resample { RESAMPLE_TORCHVISION = 0, RESAMPLE_PILLOW } resample;

/* How a model wants its pictures (preprocessor_config.json or GGUF keys). */
typedef struct preprocess_params {
    uint32_t patch_size, merge_size, temporal_patch_size;
    uint64_t min_pixels, max_pixels;
    float mean[3], std[3];
    resample rule; /* torchvision's unless the file names a Pillow class */
} preprocess_params;

/* Size that a picture of height x width is resized to, multiples of patch_size*merge_size, area within the
 * limits where the shape allows (float64, round half to even). Errors: ARGUMENT (a side is 0; longer side
 * more than 200 times the shorter; settings that exclude each other or lead to more than IMAGE_MAX_PIXELS:
 * says so with the numbers). */
galago_status smart_resize(const preprocess_params *p, uint32_t height, uint32_t width, uint32_t *out_height,
                           uint32_t *out_width, error *e);

/* Bicubic antialiased resize, bit-identical to torchvision's uint8 CPU path or to Pillow. out->rgb is made
 * here; on failure *out is zeroed. Besides the result it takes memory for a few rows and for the weights.
 * Errors: MEMORY, ARGUMENT (a side of either size is 0, or the result is larger than IMAGE_MAX_PIXELS). */
galago_status image_resize(const image *in, uint32_t height, uint32_t width, resample rule, image *out,
                           error *e);

/* Grid of a picture in patches, after resizing; both are multiples of merge_size. */
typedef struct image_grid {
    uint32_t rows, cols;
} image_grid;

/* Patches [P, 3*ps*ps] f32 of an already resized picture, normalised, in merge-block order; value order is
 * (channel, row, column): one frame, since the two frames of a still picture are equal and the patch
 * embedding adds its two temporal slices. P = (height/ps) * (width/ps); `out` has room for P*3*ps*ps values.
 */
void image_patches(const image *resized, const preprocess_params *p, float *out);

/* smart_resize + image_resize + image_patches. *patches is malloc'ed, NULL on failure. Errors: those of the
 * steps. */
galago_status image_preprocess(const image *in, const preprocess_params *p, float **patches, image_grid *grid,
                               error *e);

#endif
