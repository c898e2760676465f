/*
 * Which form of a kernel a device gets. The plain form runs everywhere; a variant needs a feature of WGSL that the device's adapter
 * may lack, and stands in the table below, the best one first. tests/ops tries each form on devices that have the feature.
 *
 * What is exact stays so: no variant touches norms, the sums of a softmax, rotary embeddings or the state of the delta rule. Forms for
 * f16 hold in it what the inner loops read again and again from workgroup memory, and add up in f32: no sum can overflow. A single
 * token's kernels have none: they read each number once, and converting it costs the same with and without the feature.
 */
#include "backend/webgpu/variants.h"

#include <stddef.h>
#include <string.h>

#define LAYOUTS(first, last) ((2u << (last)) - (1u << (first)))
#define ANY LAYOUTS(LAYOUT_F32, LAYOUT_Q6_K)
#define NEEDS(feature) offsetof(gpu_info, feature)

static const struct {
    enum kernel plain, variant;
    size_t needs;     /* a word of gpu_info that is not 0 */
    uint32_t layouts; /* of weights */
} variants[] = {
    {KERNEL_MATVEC, KERNEL_MATVEC_SUBGROUPS, NEEDS(subgroups), ANY},
    {KERNEL_MATVEC_SHARED, KERNEL_MATVEC_SHARED_SUBGROUPS, NEEDS(subgroups), ANY},
    /* 8-bit activations: Q6_K changes its scale within a block; floats meet floats. */
    {KERNEL_MATMUL, KERNEL_MATMUL_DOT8, NEEDS(dot8), LAYOUTS(LAYOUT_Q8, LAYOUT_Q5_K)},
    {KERNEL_MATMUL, KERNEL_MATMUL_F16, NEEDS(f16), LAYOUTS(LAYOUT_F16, LAYOUT_Q6_K)},
    {KERNEL_ATTENTION_TILES, KERNEL_ATTENTION_TILES_F16, NEEDS(f16), ANY},
};

enum kernel variant_of(const webgpu *g, enum kernel plain, weight_layout layout)
{
    const char *info = (const char *)webgpu_info(g);
    for (size_t i = 0; i < sizeof variants / sizeof *variants; i++) {
        uint32_t has;
        memcpy(&has, info + variants[i].needs, sizeof has);
        if (variants[i].plain == plain && has && variants[i].layouts >> layout & 1) return variants[i].variant;
    }
    return plain;
}
