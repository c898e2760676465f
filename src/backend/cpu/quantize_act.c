/* Activations to 8 bits: memory and the portable definition. */
#include "backend/cpu/quantize_act.h"

#include "base/arena.h"

#include <math.h>
#include <string.h>

static size_t padded_blocks(size_t K) { return (K / ACT_BLOCK + 7) / 8 * 8; }

/* Bytes of the arrays of one row, in the order they are placed; each array is rounded up to 64 as a whole. */
typedef struct row_bytes {
    size_t q, scale, half_sum, q16, folded, lanes, pairs;
} row_bytes;

/* Of a group of 128 values: what lanes_simd128.h calls LANE_BYTES and LANE_WORDS. */
static size_t lane_group_bytes(unsigned copies) { return copies & ACT_LANE_BYTES ? 192 : copies & ACT_LANE_WORDS ? 320 : 0; }

static row_bytes row_sizes(size_t K, unsigned copies)
{
    size_t blocks = padded_blocks(K);
    return (row_bytes){K, blocks * sizeof(float), 2 * blocks * sizeof(int16_t), copies & ACT_Q16 ? 2 * K : 0,
                       copies & ACT_FOLDED ? 2 * K : 0, (K + 127) / 128 * lane_group_bytes(copies), copies & ACT_PAIRS ? K : 0};
}

static size_t round_up_64(size_t n) { return (n + 63) & ~(size_t)63; }

size_t act8_bytes(size_t T, size_t K, unsigned copies)
{
    size_t bytes;
    /* A row takes less than 10 bytes a value and 1,024 for the padding: check that bound, then nothing below
     * overflows. */
    if (size_mul_overflow(K, 10, &bytes) || size_add_overflow(bytes, 1024, &bytes) ||
        size_mul_overflow(bytes, T, &bytes) || size_add_overflow(bytes, 512, &bytes))
        return SIZE_MAX;
    row_bytes r = row_sizes(K, copies);
    return round_up_64(T * r.q) + 2 * round_up_64(T * r.scale) + round_up_64(T * r.half_sum) +
           round_up_64(T * r.q16) + round_up_64(T * r.folded) + round_up_64(T * r.lanes) + round_up_64(T * r.pairs);
}

act8 act8_place(void *mem, size_t T, size_t K, unsigned copies)
{
    row_bytes r = row_sizes(K, copies);
    uint8_t *p = mem;
    act8 a = {.K = K, .n_blocks = padded_blocks(K)};
    a.q = (int8_t *)p, p += round_up_64(T * r.q);
    a.scale = (float *)p, p += round_up_64(T * r.scale);
    a.sum = (float *)p, p += round_up_64(T * r.scale);
    a.half_sum = (int16_t *)p, p += round_up_64(T * r.half_sum);
    if (copies & ACT_Q16) a.q16 = (int16_t *)p, p += round_up_64(T * r.q16);
    if (copies & ACT_FOLDED) a.folded = (int16_t *)p, p += round_up_64(T * r.folded);
    if (r.lanes) a.lanes = p, a.lane_bytes = r.lanes, p += round_up_64(T * r.lanes);
    if (r.pairs) a.pairs = (int8_t *)p;
    return a;
}

static int round_even(float v) { return v >= 127 ? 127 : v > -127 ? (int)nearbyintf(v) : -127; }

void quantize_act_ref(const act8 *a, const float *x, size_t first, size_t n)
{
    for (size_t t = first; t < first + n; t++) {
        float *scale = a->scale + t * a->n_blocks, *sum = a->sum + t * a->n_blocks;
        int16_t *half_sum = a->half_sum + t * 2 * a->n_blocks;
        memset(scale, 0, a->n_blocks * sizeof *scale);
        memset(sum, 0, a->n_blocks * sizeof *sum);
        memset(half_sum, 0, 2 * a->n_blocks * sizeof *half_sum);
        for (size_t b = 0; b < a->K / ACT_BLOCK; b++) {
            const float *v = x + t * a->K + b * ACT_BLOCK;
            int8_t *q = a->q + t * a->K + b * ACT_BLOCK;
            float max = 0;
            for (int i = 0; i < ACT_BLOCK; i++)
                if (fabsf(v[i]) > max) max = fabsf(v[i]);
            float inverse = max > 1e-35f ? 127 / max : 0;
            int half[2] = {0, 0};
            for (int i = 0; i < ACT_BLOCK; i++) {
                q[i] = (int8_t)round_even(v[i] * inverse);
                half[i / 16] += q[i];
            }
            scale[b] = max / 127;
            sum[b] = scale[b] * (float)(half[0] + half[1]);
            half_sum[2 * b] = (int16_t)half[0], half_sum[2 * b + 1] = (int16_t)half[1];
            for (int i = 0; a->q16 && i < 8; i++) {
                int16_t *pairs = a->q16 + t * a->K + b * ACT_BLOCK;
                pairs[2 * i] = q[4 * i], pairs[2 * i + 1] = q[4 * i + 2];
                pairs[16 + 2 * i] = q[4 * i + 1], pairs[16 + 2 * i + 1] = q[4 * i + 3];
            }
            if (a->pairs && b % 2) {
                int8_t *pair = a->pairs + t * a->K + (b - 1) * ACT_BLOCK;
                for (int i = 0; i < 4; i++) memcpy(pair + 16 * i, q - ACT_BLOCK + ACT_BLOCK * (i % 2) + 16 * (i / 2), 16);
            }
        }
    }
}
