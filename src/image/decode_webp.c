/* WebP through libwebp: lossy, lossless, with alpha (dropped), and the first frame of an animation. */
#include "image/decode.h"

#include <string.h>

#include <webp/decode.h>
#include <webp/demux.h>

static const char *status_text(VP8StatusCode s)
{
    switch (s) {
    case VP8_STATUS_NOT_ENOUGH_DATA:
    case VP8_STATUS_SUSPENDED: return "the file ends before the picture does";
    case VP8_STATUS_UNSUPPORTED_FEATURE: return "uses a feature that is not supported";
    default: return "the data are damaged";
    }
}

static galago_status fail_with(VP8StatusCode s, error *e)
{
    galago_status status = s == VP8_STATUS_OUT_OF_MEMORY         ? GALAGO_ERR_MEMORY
                           : s == VP8_STATUS_UNSUPPORTED_FEATURE ? GALAGO_ERR_UNSUPPORTED
                                                                 : GALAGO_ERR_FORMAT;
    return fail(e, status, "WebP: %s", s == VP8_STATUS_OUT_OF_MEMORY ? "not enough memory" : status_text(s));
}

/* One frame into its place on the canvas; the caller has checked that it lies inside. */
static galago_status decode_frame(const WebPIterator *frame, image *canvas, error *e)
{
    WebPDecoderConfig config;
    if (!WebPInitDecoderConfig(&config))
        return fail(e, GALAGO_ERR_INTERNAL, "WebP: the library is of another version");
    const uint8_t *bytes = frame->fragment.bytes;
    VP8StatusCode s = WebPGetFeatures(bytes, frame->fragment.size, &config.input);
    if (s) return fail_with(s, e);
    if (config.input.width != frame->width || config.input.height != frame->height)
        return fail(e, GALAGO_ERR_FORMAT, "WebP: a frame of %d x %d pixels where %d x %d were announced",
                    config.input.width, config.input.height, frame->width, frame->height);
    size_t stride = (size_t)canvas->width * 3,
           skip = (size_t)frame->y_offset * stride + (size_t)frame->x_offset * 3;
    config.output.colorspace = MODE_RGB;
    config.output.is_external_memory = 1;
    config.output.u.RGBA.rgba = canvas->rgb + skip;
    config.output.u.RGBA.stride = (int)stride;
    config.output.u.RGBA.size = stride * canvas->height - skip;
    s = WebPDecode(bytes, frame->fragment.size, &config);
    WebPFreeDecBuffer(&config.output);
    return s ? fail_with(s, e) : GALAGO_OK;
}

static galago_status decode(const WebPDemuxer *demux, image *out, error *e)
{
    uint64_t width = WebPDemuxGetI(demux, WEBP_FF_CANVAS_WIDTH),
             height = WebPDemuxGetI(demux, WEBP_FF_CANVAS_HEIGHT);
    galago_status s = image_check_size("WebP", width, height, e);
    if (s) return s;
    WebPIterator frame;
    if (!WebPDemuxGetFrame(demux, 1, &frame))
        return fail(e, GALAGO_ERR_FORMAT, "WebP: there is no frame in the file");
    if (frame.x_offset < 0 || frame.y_offset < 0 || frame.width <= 0 || frame.height <= 0 ||
        (uint64_t)frame.x_offset + (uint64_t)frame.width > width ||
        (uint64_t)frame.y_offset + (uint64_t)frame.height > height) {
        s = fail(e, GALAGO_ERR_FORMAT,
                 "WebP: the first frame (%d x %d at %d, %d) is not inside the canvas of %u x %u", frame.width,
                 frame.height, frame.x_offset, frame.y_offset, (unsigned)width, (unsigned)height);
    } else if (!(s = image_alloc(out, "WebP", width, height, e))) {
        /* What the first frame leaves free is transparent black. */
        if ((uint64_t)frame.width != width || (uint64_t)frame.height != height)
            memset(out->rgb, 0, width * height * 3);
        s = decode_frame(&frame, out, e);
    }
    WebPDemuxReleaseIterator(&frame);
    if (s) return s;

    WebPChunkIterator chunk;
    int orientation = 1;
    if (WebPDemuxGetChunk(demux, "EXIF", 1, &chunk)) {
        /* Some programs keep the prefix that the block has in JPEG files. */
        const uint8_t *exif = chunk.chunk.bytes;
        size_t n = chunk.chunk.size, prefix = n > 6 && memcmp(exif, "Exif\0\0", 6) == 0 ? 6 : 0;
        orientation = exif_orientation(exif + prefix, n - prefix);
        WebPDemuxReleaseChunkIterator(&chunk);
    }
    return image_orient(out, orientation, e);
}

galago_status decode_webp(const uint8_t *bytes, size_t size, image *out, error *e)
{
    WebPBitstreamFeatures features;
    VP8StatusCode s = WebPGetFeatures(bytes, size, &features);
    if (s) return fail_with(s, e);
    WebPData data = {bytes, size};
    WebPDemuxer *demux = WebPDemux(&data);
    if (!demux) return fail(e, GALAGO_ERR_FORMAT, "WebP: the file is cut off or its chunks are damaged");
    galago_status status = decode(demux, out, e);
    WebPDemuxDelete(demux);
    return status;
}
