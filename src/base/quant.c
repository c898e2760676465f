/*
 * Rows of weights to f32 and back, in portable C. The value formulas are docs/FORMAT.md's, in the order of
 * rounding that makes the results equal bit by bit on every machine: products of scales first, no fused
 * multiply-add.
 *
 * All numbers in the files are little-endian; reading a field goes through memcpy because rows need not be
 * aligned.
 */
#include "base/quant.h"

#include "base/half.h"
#include "base/quant_k.h"

#include <assert.h>
#include <math.h>

static uint16_t load_u16(const uint8_t *p) { return (uint16_t)(p[0] | p[1] << 8); }
static float load_half(const uint8_t *p) { return f16_to_f32(load_u16(p)); }
static void store_half(uint8_t *p, float v)
{
    uint16_t h = f32_to_f16(v);
    p[0] = (uint8_t)h, p[1] = (uint8_t)(h >> 8);
}

/* ---- to f32 ---- */

static void dequantize_q4_0(const uint8_t *b, float *y, size_t n)
{
    for (size_t i = 0; i < n; i += 32, b += 18) {
        float d = load_half(b);
        for (int l = 0; l < 16; l++) {
            y[i + l] = d * (float)((b[2 + l] & 15) - 8);
            y[i + 16 + l] = d * (float)((b[2 + l] >> 4) - 8);
        }
    }
}

static void dequantize_q4_1(const uint8_t *b, float *y, size_t n)
{
    for (size_t i = 0; i < n; i += 32, b += 20) {
        float d = load_half(b), m = load_half(b + 2);
        for (int l = 0; l < 16; l++) {
            y[i + l] = d * (float)(b[4 + l] & 15) + m;
            y[i + 16 + l] = d * (float)(b[4 + l] >> 4) + m;
        }
    }
}

static void dequantize_q8_0(const uint8_t *b, float *y, size_t n)
{
    for (size_t i = 0; i < n; i += 32, b += 34) {
        float d = load_half(b);
        for (int l = 0; l < 32; l++) y[i + l] = d * (float)(int8_t)b[2 + l];
    }
}

static void dequantize_q4_k(const uint8_t *b, float *y, size_t n)
{
    for (size_t i = 0; i < n; i += 256, b += 144) {
        float d = load_half(b), dmin = load_half(b + 2);
        for (int j = 0; j < 8; j++) {
            q45_k_scale s = q45_k_unpack_scale(b + 4, j);
            float scale = d * (float)s.scale, min = dmin * (float)s.min;
            const uint8_t *q = b + 16 + 32 * (j / 2);
            for (int l = 0; l < 32; l++) {
                int v = j & 1 ? q[l] >> 4 : q[l] & 15;
                y[i + 32 * (size_t)j + l] = scale * (float)v - min;
            }
        }
    }
}

static void dequantize_q5_k(const uint8_t *b, float *y, size_t n)
{
    for (size_t i = 0; i < n; i += 256, b += 176) {
        float d = load_half(b), dmin = load_half(b + 2);
        const uint8_t *high = b + 16;
        for (int j = 0; j < 8; j++) {
            q45_k_scale s = q45_k_unpack_scale(b + 4, j);
            float scale = d * (float)s.scale, min = dmin * (float)s.min;
            const uint8_t *q = b + 48 + 32 * (j / 2);
            for (int l = 0; l < 32; l++) {
                int v = (j & 1 ? q[l] >> 4 : q[l] & 15) | ((high[l] >> j) & 1) << 4;
                y[i + 32 * (size_t)j + l] = scale * (float)v - min;
            }
        }
    }
}

static void dequantize_q6_k(const uint8_t *b, float *y, size_t n)
{
    for (size_t i = 0; i < n; i += 256, b += 210) {
        float d = load_half(b + 208);
        const int8_t *scales = (const int8_t *)b + 192;
        for (int j = 0; j < 8; j++) { /* 32 values: quarter j%4 of half j/4 */
            const uint8_t *low = b + 64 * (j / 4) + 32 * (j & 1), *high = b + 128 + 32 * (j / 4);
            for (int l = 0; l < 32; l++) {
                int lo = j & 2 ? low[l] >> 4 : low[l] & 15, hi = (high[l] >> (2 * (j & 3))) & 3;
                float scale = d * (float)scales[2 * j + l / 16];
                y[i + 32 * (size_t)j + l] = scale * (float)((lo | hi << 4) - 32);
            }
        }
    }
}

void dequantize_row(dtype type, const void *row, float *y, size_t n)
{
    const uint8_t *b = row;
    assert(n % dtype_get(type)->block_values == 0);
    switch (type) {
    case DTYPE_F32: memcpy(y, row, n * 4); return;
    case DTYPE_F16:
        for (size_t i = 0; i < n; i++) y[i] = load_half(b + 2 * i);
        return;
    case DTYPE_BF16:
        for (size_t i = 0; i < n; i++) y[i] = bf16_to_f32(load_u16(b + 2 * i));
        return;
    case DTYPE_Q4_0: dequantize_q4_0(b, y, n); return;
    case DTYPE_Q4_1: dequantize_q4_1(b, y, n); return;
    case DTYPE_Q8_0: dequantize_q8_0(b, y, n); return;
    case DTYPE_Q4_K: dequantize_q4_k(b, y, n); return;
    case DTYPE_Q5_K: dequantize_q5_k(b, y, n); return;
    case DTYPE_Q6_K: dequantize_q6_k(b, y, n); return;
    case DTYPE_I32:
    case DTYPE_COUNT: break;
    }
    assert(!"a type that holds weights");
}

/* ---- from f32 ---- */

/* A scale that is a finite half: infinity or NaN would spoil the whole block. */
static float clamp_half(float v) { return v > 65504 ? 65504 : v < -65504 ? -65504 : v == v ? v : 0; }

/* Rounds v down to a whole number in [0, max]; NaN gives 0. */
static int floor_clamped(float v, int max) { return !(v >= 1) ? 0 : v >= (float)max ? max : (int)v; }

/* d = (the value of largest magnitude) / -8: that value becomes exactly -8, the other end of the range
 * reaches 7. */
static void quantize_q4_0(const float *x, uint8_t *b, size_t n)
{
    for (size_t i = 0; i < n; i += 32, b += 18) {
        float largest = 0;
        for (int l = 0; l < 32; l++)
            if (fabsf(x[i + l]) > fabsf(largest)) largest = x[i + l];
        float d = clamp_half(largest / -8), inverse = d != 0 ? 1 / d : 0;
        store_half(b, d);
        for (int l = 0; l < 16; l++) {
            int lo = floor_clamped(x[i + l] * inverse + 8.5f, 15);
            int hi = floor_clamped(x[i + 16 + l] * inverse + 8.5f, 15);
            b[2 + l] = (uint8_t)(lo | hi << 4);
        }
    }
}

static void quantize_q4_1(const float *x, uint8_t *b, size_t n)
{
    for (size_t i = 0; i < n; i += 32, b += 20) {
        float min = x[i], max = x[i];
        for (int l = 1; l < 32; l++) {
            if (x[i + l] < min) min = x[i + l];
            if (x[i + l] > max) max = x[i + l];
        }
        min = clamp_half(min);
        float d = clamp_half((max - min) / 15), inverse = d != 0 ? 1 / d : 0;
        store_half(b, d), store_half(b + 2, min);
        for (int l = 0; l < 16; l++) {
            int lo = floor_clamped((x[i + l] - min) * inverse + 0.5f, 15);
            int hi = floor_clamped((x[i + 16 + l] - min) * inverse + 0.5f, 15);
            b[4 + l] = (uint8_t)(lo | hi << 4);
        }
    }
}

static void quantize_q8_0(const float *x, uint8_t *b, size_t n)
{
    for (size_t i = 0; i < n; i += 32, b += 34) {
        float max = 0;
        for (int l = 0; l < 32; l++)
            if (fabsf(x[i + l]) > max) max = fabsf(x[i + l]);
        float d = clamp_half(max / 127), inverse = d != 0 ? 1 / d : 0;
        store_half(b, d);
        for (int l = 0; l < 32; l++) { /* halves away from zero */
            float v = x[i + l] * inverse;
            int q = floor_clamped(fabsf(v) + 0.5f, 127);
            b[2 + l] = (uint8_t)(v < 0 ? -q : q);
        }
    }
}

void quantize_row(dtype type, const float *x, void *row, size_t n)
{
    uint8_t *b = row;
    assert(n % dtype_get(type)->block_values == 0);
    switch (type) {
    case DTYPE_F32: memcpy(row, x, n * 4); return;
    case DTYPE_F16:
        for (size_t i = 0; i < n; i++) store_half(b + 2 * i, x[i]);
        return;
    case DTYPE_BF16:
        for (size_t i = 0; i < n; i++) {
            uint16_t h = f32_to_bf16(x[i]);
            b[2 * i] = (uint8_t)h, b[2 * i + 1] = (uint8_t)(h >> 8);
        }
        return;
    case DTYPE_Q4_0: quantize_q4_0(x, b, n); return;
    case DTYPE_Q4_1: quantize_q4_1(x, b, n); return;
    case DTYPE_Q8_0: quantize_q8_0(x, b, n); return;
    case DTYPE_Q4_K:
    case DTYPE_Q5_K:
        for (size_t i = 0; i < n; i += 256, b += dtype_get(type)->block_bytes)
            quantize_block_q45_k(type, x + i, b);
        return;
    case DTYPE_Q6_K:
        for (size_t i = 0; i < n; i += 256, b += 210) quantize_block_q6_k(x + i, b);
        return;
    case DTYPE_I32:
    case DTYPE_COUNT: break;
    }
    assert(!"a type that holds weights");
}
