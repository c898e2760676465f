/*
 * Quantising to the 256-value block formats (Q4_K, Q5_K, Q6_K).
 *
 * A sub-block is fitted with a grid of equally spaced values. Rounding to the grid that spans the range
 * exactly is not the best choice: a slightly smaller step with a clipped end often has less error. So a few
 * steps around the obvious one are tried; for each the rounded codes are kept, step and offset are solved for
 * by least squares, and the best fit wins. The error is weighted by |x| + rms(x): large weights matter more
 * to a product, none is worth nothing. The scales of the sub-blocks are then rounded themselves, and the
 * codes are made again from the scales as they will be read.
 */
#include "base/quant_k.h"

#include "base/half.h"

#include <math.h>

static float store_half(uint8_t *p, float v)
{
    uint16_t h = f32_to_f16(v > 65504 ? 65504 : v < -65504 ? -65504 : v == v ? v : 0);
    p[0] = (uint8_t)h, p[1] = (uint8_t)(h >> 8);
    return f16_to_f32(h);
}

/* v rounded to nearest in [min, max]; NaN gives min. */
static int round_clamped(float v, int min, int max)
{
    if (!(v > (float)min)) return min;
    return v >= (float)max ? max : (int)lrintf(v);
}

static void importance(const float *x, int n, float *w)
{
    float sum = 0;
    for (int i = 0; i < n; i++) sum += x[i] * x[i];
    float rms = sqrtf(sum / (float)n);
    for (int i = 0; i < n; i++) w[i] = rms + fabsf(x[i]);
}

/* Fits x ~ step * q - min with q in 0..q_max, step >= 0 and min >= 0. */
static void fit_affine(const float x[32], int q_max, float *step, float *min)
{
    float w[32], lo = 0, hi = x[0]; /* the grid includes zero from below: min is not negative */
    importance(x, 32, w);
    for (int i = 0; i < 32; i++) {
        if (x[i] < lo) lo = x[i];
        if (x[i] > hi) hi = x[i];
    }
    *step = 0, *min = -lo;
    if (!(hi > lo)) return;
    float best = INFINITY;
    for (int candidate = -8; candidate <= 8; candidate++) {
        float inverse = ((float)q_max + 0.1f * (float)candidate) / (hi - lo);
        double sw = 0, sq = 0, sqq = 0, sx = 0, sqx = 0;
        int q[32];
        for (int i = 0; i < 32; i++) {
            q[i] = round_clamped((x[i] - lo) * inverse, 0, q_max);
            double wq = (double)w[i] * q[i];
            sw += w[i], sq += wq, sqq += wq * q[i], sx += (double)w[i] * x[i], sqx += wq * x[i];
        }
        double det = sw * sqq - sq * sq, s, m;
        if (!(det > 0)) continue; /* all codes equal */
        s = (sw * sqx - sq * sx) / det;
        m = (sq * sqx - sqq * sx) / det;
        if (m < 0) m = 0, s = sqx / sqq;
        if (!(s > 0)) continue;
        float error = 0;
        for (int i = 0; i < 32; i++) {
            float e = (float)s * (float)q[i] - (float)m - x[i];
            error += w[i] * e * e;
        }
        if (error < best) best = error, *step = (float)s, *min = (float)m;
    }
    if (best == INFINITY) *step = (hi - lo) / (float)q_max;
}

void q45_k_pack_scales(const q45_k_scale s[8], uint8_t sc[12])
{
    for (int j = 0; j < 4; j++) {
        sc[j] = (uint8_t)(s[j].scale | (s[j + 4].scale >> 4) << 6);
        sc[j + 4] = (uint8_t)(s[j].min | (s[j + 4].min >> 4) << 6);
        sc[j + 8] = (uint8_t)((s[j + 4].scale & 15) | (s[j + 4].min & 15) << 4);
    }
}

void quantize_block_q45_k(dtype type, const float *x, uint8_t *block)
{
    bool five = type == DTYPE_Q5_K;
    int q_max = five ? 31 : 15;
    float step[8], min[8], max_step = 0, max_min = 0;
    for (int j = 0; j < 8; j++) {
        fit_affine(x + 32 * j, q_max, &step[j], &min[j]);
        if (step[j] > max_step) max_step = step[j];
        if (min[j] > max_min) max_min = min[j];
    }
    float d = store_half(block, max_step / 63), dmin = store_half(block + 2, max_min / 63);

    uint8_t *high = block + 16, *low = block + (five ? 48 : 16);
    memset(high, 0, five ? 32 + 128 : 128);
    q45_k_scale s[8];
    for (int j = 0; j < 8; j++) {
        s[j].scale = (uint8_t)(d > 0 ? round_clamped(step[j] / d, 0, 63) : 0);
        s[j].min = (uint8_t)(dmin > 0 ? round_clamped(min[j] / dmin, 0, 63) : 0);
        float scale = d * (float)s[j].scale, offset = dmin * (float)s[j].min;
        float inverse = scale > 0 ? 1 / scale : 0;
        for (int l = 0; l < 32; l++) {
            int q = round_clamped((x[32 * j + l] + offset) * inverse, 0, q_max);
            low[32 * (j / 2) + l] |= (uint8_t)((q & 15) << (j & 1 ? 4 : 0));
            if (five) high[l] |= (uint8_t)((q >> 4) << j);
        }
    }
    q45_k_pack_scales(s, block + 4);
}

/* Fits x ~ step * q with q in -32..31; the step's sign puts the largest value on the longer side. */
static float fit_symmetric(const float x[16])
{
    float w[16], largest = 0, best = 0, best_gain = -1;
    importance(x, 16, w);
    for (int i = 0; i < 16; i++)
        if (fabsf(x[i]) > fabsf(largest)) largest = x[i];
    if (largest == 0) return 0;
    for (int candidate = -9; candidate <= 9; candidate++) {
        float inverse = -(32 + 0.1f * (float)candidate) / largest;
        float sqq = 0, sqx = 0;
        for (int i = 0; i < 16; i++) {
            float q = (float)round_clamped(x[i] * inverse, -32, 31);
            sqq += w[i] * q * q, sqx += w[i] * q * x[i];
        }
        /* The best step is sqx / sqq; it lowers the error by sqx^2 / sqq. */
        if (sqq > 0 && sqx * sqx > best_gain * sqq) best_gain = sqx * sqx / sqq, best = sqx / sqq;
    }
    return best;
}

void quantize_block_q6_k(const float *x, uint8_t *block)
{
    float step[16], largest = 0;
    for (int j = 0; j < 16; j++) {
        step[j] = fit_symmetric(x + 16 * j);
        if (fabsf(step[j]) > fabsf(largest)) largest = step[j];
    }
    float d = store_half(block + 208, largest / -128);

    memset(block, 0, 192);
    int8_t *scales = (int8_t *)block + 192;
    for (int j = 0; j < 16; j++) {
        scales[j] = (int8_t)(d != 0 ? round_clamped(step[j] / d, -128, 127) : 0);
        float scale = d * (float)scales[j], inverse = scale != 0 ? 1 / scale : 0;
        int half = j / 8, quarter = j / 2 % 4;
        for (int i = 0; i < 16; i++) {
            int q = round_clamped(x[16 * j + i] * inverse, -32, 31) + 32, l = 16 * (j & 1) + i;
            block[64 * half + 32 * (quarter & 1) + l] |= (uint8_t)((q & 15) << (quarter & 2 ? 4 : 0));
            block[128 + 32 * half + l] |= (uint8_t)((q >> 4) << (2 * quarter));
        }
    }
}
