/* A context's buffers are made for the largest picture that its limits let through, whatever its shape. */
#include "engine/engine.h"

#include "check.h"

static void test_most_patches(void)
{
    static const struct {
        uint32_t patch, merge;
        uint64_t min, max;
    } limits[] = {
        {16, 2, 65536, 1280 * 1024}, {16, 2, 65536, 16777216}, {16, 2, 65536, 65536},
        {16, 2, 1024, 1024},         {16, 2, 1, 4096},         {14, 2, 3136, 1003520},
        {14, 2, 3136, 3136},         {16, 2, 16384, 262144},   {16, 1, 256, 256},
        {14, 2, 100352, 200704},
    };
    unsigned long long seed = 1;
    for (size_t i = 0; i < sizeof limits / sizeof *limits; i++) {
        const preprocess_params p = {.patch_size = limits[i].patch,
                                     .merge_size = limits[i].merge,
                                     .min_pixels = limits[i].min,
                                     .max_pixels = limits[i].max};
        uint32_t most = most_patches(&p, 1u << 24), over = 0, largest = 0;
        for (int k = 0; k < 20000; k++) {
            /* Narrow shapes are the hard ones: up to 200 to 1, from one pixel to 20,000. */
            uint32_t shorter = 1 + check_random(&seed) % (k % 3 ? 100 : 5000),
                     ratio = 1 + check_random(&seed) % 200;
            uint32_t longer = shorter * ratio + (ratio < 200 ? check_random(&seed) % shorter : 0), h, w;
            if (longer > 20000) continue;
            if (smart_resize(&p, k % 2 ? shorter : longer, k % 2 ? longer : shorter, &h, &w, NULL)) continue;
            uint32_t n = h / p.patch_size * (w / p.patch_size);
            if (n > most) over++;
            if (n > largest) largest = n;
        }
        CHECK(over == 0, "limits %zu: %u pictures above %u patches, the largest has %u", i, over, most,
              largest);
        /* The bound is of use: within a factor of two where the limit is not tiny. */
        CHECK(limits[i].max < 300000 || most <= 2 * largest, "limits %zu: %u patches planned, %u needed", i,
              most, largest);
        CHECK(most_patches(&p, 100) <= 100 * p.merge_size * p.merge_size,
              "no more than the context has tokens for");
    }
}

int main(void)
{
    test_most_patches();
    return check_done("unit/engine_limits");
}
