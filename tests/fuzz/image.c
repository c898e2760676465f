/* libFuzzer: any bytes through the decoders, and small pictures on through resize and patches.
 *     clang -fsanitize=fuzzer,address,undefined ... tests/fuzz/image.c src/image/{*}.c src/base/error.c;
 * ./image tests/data/images */
#include "image/image.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <webp/decode.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Many seeds have a size in their header that is only just allowed; hundreds of megabytes for each try would
 * slow the search down and find nothing. True when the header announces more than about a megapixel. */
static int is_large(const uint8_t *d, size_t n)
{
    uint64_t w = 0, h = 0;
    if (n >= 24 && d[0] == 0x89) {
        w = (uint64_t)d[18] << 8 | d[19] | (uint64_t)(d[16] | d[17]) << 16;
        h = (uint64_t)d[22] << 8 | d[23] | (uint64_t)(d[20] | d[21]) << 16;
    } else if (n >= 10 && d[0] == 'G') {
        w = (uint64_t)d[7] << 8 | d[6];
        h = (uint64_t)d[9] << 8 | d[8];
    } else if (n >= 26 && d[0] == 'B') {
        w = (uint64_t)d[19] << 8 | d[18] | (uint64_t)(d[20] | d[21]) << 16;
        h = (uint64_t)d[23] << 8 | d[22] | (uint64_t)((d[24] | d[25]) == 0xff ? 0 : d[24] | d[25]) << 16;
    } else if (n >= 2 && d[0] == 0xff) {
        for (size_t i = 0; i + 9 <= n; i++) /* whatever looks like a frame header */
            if (d[i] == 0xff && (d[i + 1] & 0xf0) == 0xc0 && d[i + 1] != 0xc4 && d[i + 1] != 0xcc) {
                uint64_t area = (uint64_t)(d[i + 5] << 8 | d[i + 6]) * (uint64_t)(d[i + 7] << 8 | d[i + 8]);
                if (area > 1000 * 1000 && area <= IMAGE_MAX_PIXELS) return 1;
            }
    } else if (n >= 2 && d[0] == 'R') {
        int width, height;
        if (WebPGetInfo(d, n, &width, &height)) {
            w = (uint64_t)width;
            h = (uint64_t)height;
        }
    }
    /* Refusals by size are worth trying. */
    return w * h > 1000 * 1000 && w * h <= IMAGE_MAX_PIXELS;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (is_large(data, size)) return 0;
    /* In a block of exactly this size, so that every byte read beyond it is seen. */
    uint8_t *bytes = malloc(size ? size : 1);
    if (!bytes) return 0;
    if (size) memcpy(bytes, data, size);
    image img;
    error e = {0};
    galago_status s = image_decode(bytes, size, &img, &e);
    free(bytes);
    if (s) {
        /* A failure has words and leaves nothing behind. */
        if (img.rgb || e.status != s || !e.message[0]) abort();
        return 0;
    }
    if (!img.rgb || !img.width || !img.height) abort();
    if ((uint64_t)img.width * img.height <= 256 * 256) {
        const preprocess_params p = {.patch_size = 4,
                                     .merge_size = 2,
                                     .temporal_patch_size = 2,
                                     .min_pixels = 64,
                                     .max_pixels = 4096,
                                     .mean = {0.5f, 0.5f, 0.5f},
                                     .std = {0.5f, 0.5f, 0.5f},
                                     .rule = size & 1 ? RESAMPLE_PILLOW : RESAMPLE_TORCHVISION};
        float *patches;
        image_grid grid;
        s = image_preprocess(&img, &p, &patches, &grid, &e);
        if (!s && (!patches || grid.rows % 2 || grid.cols % 2)) abort();
        free(patches);
    }
    image_free(&img);
    return 0;
}
