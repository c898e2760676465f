/* The size that a picture is resized to. Source: smart_resize in the reference's image_processing_qwen2_vl.
 */
#include "image/image.h"

#include <math.h>

enum { MAX_RATIO = 200 };

galago_status smart_resize(const preprocess_params *p, uint32_t height, uint32_t width, uint32_t *out_height,
                           uint32_t *out_width, error *e)
{
    *out_height = *out_width = 0;
    uint64_t factor = (uint64_t)p->patch_size * p->merge_size;
    if (factor == 0 || factor > UINT16_MAX || p->max_pixels == 0)
        return fail(e, GALAGO_ERR_ARGUMENT,
                    "image: patch size %u, merge size %u, at most %llu pixels: not a usable setting",
                    p->patch_size, p->merge_size, (unsigned long long)p->max_pixels);
    if (p->min_pixels > p->max_pixels)
        return fail(e, GALAGO_ERR_ARGUMENT,
                    "image: at least %llu pixels and at most %llu: the limits exclude each other",
                    (unsigned long long)p->min_pixels, (unsigned long long)p->max_pixels);
    if (!height || !width)
        return fail(e, GALAGO_ERR_ARGUMENT, "image: a picture of %u x %u pixels", width, height);
    uint32_t longer = height > width ? height : width, shorter = height > width ? width : height;
    if (longer > (uint64_t)MAX_RATIO * shorter)
        return fail(e, GALAGO_ERR_ARGUMENT,
                    "image: %u x %u pixels: the longer side may be at most %d times the shorter; cut the "
                    "picture in parts",
                    width, height, MAX_RATIO);

    /* float64 throughout, in the reference's order of operations; rint rounds halves to even as Python does.
     */
    const double f = (double)factor, h = height, w = width;
    double hb = rint(h / f) * f, wb = rint(w / f) * f;
    if (hb * wb > (double)p->max_pixels) {
        double beta = sqrt(h * w / (double)p->max_pixels);
        hb = fmax(f, floor(h / beta / f) * f);
        wb = fmax(f, floor(w / beta / f) * f);
    } else if (hb * wb < (double)p->min_pixels) {
        double beta = sqrt((double)p->min_pixels / (h * w));
        hb = ceil(h * beta / f) * f;
        wb = ceil(w * beta / f) * f;
    }
    /* The limits above may be any numbers; what is computed with afterwards is bounded here. A side that
     * rounds to 0 is left only when min_pixels is 0. */
    if (!(hb >= f && wb >= f))
        return fail(e, GALAGO_ERR_ARGUMENT,
                    "image: %u x %u pixels are less than half of one image token; raise min_pixels", width,
                    height);
    if (!(hb * wb <= IMAGE_MAX_PIXELS))
        return fail(e, GALAGO_ERR_ARGUMENT,
                    "image: %u x %u pixels would be resized to %.0f x %.0f, more than %d million; lower the "
                    "pixel limits",
                    width, height, wb, hb, IMAGE_MAX_PIXELS / 1000000);
    *out_height = (uint32_t)hb;
    *out_width = (uint32_t)wb;
    return GALAGO_OK;
}
