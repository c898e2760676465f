/* The table of data types. */
#include "base/dtype.h"

#include <strings.h>

static const dtype_info types[DTYPE_COUNT] = {
    [DTYPE_F32] = {"f32", 1, 4},       [DTYPE_F16] = {"f16", 1, 2},       [DTYPE_Q4_0] = {"q4_0", 32, 18},
    [DTYPE_Q4_1] = {"q4_1", 32, 20},   [DTYPE_Q8_0] = {"q8_0", 32, 34},   [DTYPE_Q4_K] = {"q4_k", 256, 144},
    [DTYPE_Q5_K] = {"q5_k", 256, 176}, [DTYPE_Q6_K] = {"q6_k", 256, 210}, [DTYPE_I32] = {"i32", 1, 4},
    [DTYPE_BF16] = {"bf16", 1, 2},
};

static const dtype_info unsupported = {NULL, 1, 0};

const dtype_info *dtype_get(uint32_t type)
{
    if (type >= DTYPE_COUNT || !types[type].name) return &unsupported;
    return &types[type];
}

bool dtype_by_name(const char *name, dtype *out)
{
    for (uint32_t i = 0; i < DTYPE_COUNT; i++)
        if (types[i].name && !strcasecmp(types[i].name, name)) {
            *out = (dtype)i;
            return true;
        }
    return false;
}

size_t dtype_row_bytes(dtype type, size_t n)
{
    const dtype_info *info = dtype_get(type);
    size_t bytes;
    if (n % info->block_values) return 0;
    if (__builtin_mul_overflow(n / info->block_values, (size_t)info->block_bytes, &bytes)) return 0;
    return bytes;
}
