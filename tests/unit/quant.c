/* Block formats: dequantise_row against the value formulas written one value at a time, and quantise_row's
 * error. */
#include "base/quant.h"
#include "../check.h"
#include "base/half.h"

#include <math.h>
#include <stdlib.h>

static const dtype weight_types[] = {DTYPE_F32,  DTYPE_F16,  DTYPE_BF16, DTYPE_Q8_0, DTYPE_Q4_0,
                                     DTYPE_Q4_1, DTYPE_Q4_K, DTYPE_Q5_K, DTYPE_Q6_K};
enum { N_TYPES = sizeof weight_types / sizeof *weight_types };

static float half_at(const uint8_t *b, size_t o) { return f16_to_f32((uint16_t)(b[o] | b[o + 1] << 8)); }
static int nib(const uint8_t *b, size_t o, size_t i) { return i < 16 ? b[o + i] & 15 : b[o + i - 16] >> 4; }

/* Value i of one block, straight from the format's description (docs/FORMAT.md). */
static float formula(dtype type, const uint8_t *b, size_t i)
{
    size_t j = i / 32, c = i / 64, l = i % 32;
    switch (type) {
    case DTYPE_Q4_0: return half_at(b, 0) * (float)(nib(b, 2, i) - 8);
    case DTYPE_Q4_1: return half_at(b, 0) * (float)nib(b, 4, i) + half_at(b, 2);
    case DTYPE_Q8_0: return half_at(b, 0) * (float)(int8_t)b[2 + i];
    case DTYPE_Q4_K:
    case DTYPE_Q5_K: {
        const uint8_t *sc = b + 4;
        int S = j < 4 ? sc[j] & 63 : (sc[j + 4] & 15) | (sc[j - 4] >> 6) << 4;
        int M = j < 4 ? sc[j + 4] & 63 : sc[j + 4] >> 4 | (sc[j] >> 6) << 4;
        size_t qs = type == DTYPE_Q4_K ? 16 : 48;
        int q = j % 2 ? b[qs + 32 * c + l] >> 4 : b[qs + 32 * c + l] & 15;
        if (type == DTYPE_Q5_K) q |= ((b[16 + l] >> j) & 1) << 4;
        float scale = half_at(b, 0) * (float)S, min = half_at(b, 2) * (float)M;
        return scale * (float)q - min;
    }
    case DTYPE_Q6_K: {
        size_t H = i / 128, r = i % 128, k = r / 32, m = r % 32;
        int lo = b[64 * H + 32 * (k & 1) + m], hi = (b[128 + 32 * H + m] >> (2 * k)) & 3;
        lo = k < 2 ? lo & 15 : lo >> 4;
        float s = half_at(b, 208) * (float)(int8_t)b[192 + 8 * H + 2 * k + m / 16];
        return s * (float)((lo | hi << 4) - 32);
    }
    default: return NAN;
    }
}

/* Random bytes with scales that are finite halves. */
static void random_block(dtype type, uint8_t *b, size_t bytes, unsigned long long *seed)
{
    for (size_t i = 0; i < bytes; i++) b[i] = (uint8_t)(check_random(seed) >> 7);
    size_t d = type == DTYPE_Q6_K ? 208 : 0;
    uint16_t h = f32_to_f16(check_uniform(seed) * 0.1f);
    b[d] = (uint8_t)h, b[d + 1] = (uint8_t)(h >> 8);
    if (type == DTYPE_Q4_1 || type == DTYPE_Q4_K || type == DTYPE_Q5_K) b[3] &= 0x3f;
}

static void test_formulas(void)
{
    unsigned long long seed = 1;
    for (int t = 3; t < N_TYPES; t++) {
        dtype type = weight_types[t];
        const dtype_info *info = dtype_get(type);
        uint8_t row[3 * 210 + 1];
        float y[3 * 256];
        for (int round = 0; round < 200; round++) {
            uint8_t *b = row + round % 2; /* rows need not be aligned */
            for (int k = 0; k < 3; k++)
                random_block(type, b + k * info->block_bytes, info->block_bytes, &seed);
            dequantize_row(type, b, y, 3 * (size_t)info->block_values);
            for (size_t i = 0; i < 3 * (size_t)info->block_values; i++) {
                float want =
                    formula(type, b + i / info->block_values * info->block_bytes, i % info->block_values);
                CHECK(f32_bits(want) == f32_bits(y[i]), "%s value %zu: %g, formula gives %g", info->name, i,
                      y[i], want);
            }
        }
    }
}

/* Halves of every kind: the three 16- and 32-bit types are exact. */
static void test_floats(void)
{
    float x[5] = {0.0f, -1.5f, 0x1p-24f, 65504.0f, 1.00048828125f}, y[5];
    uint8_t row[20];
    quantize_row(DTYPE_F16, x, row, 5);
    dequantize_row(DTYPE_F16, row, y, 5);
    for (int i = 0; i < 4; i++) CHECK(x[i] == y[i], "f16 %g became %g", x[i], y[i]);
    CHECK(y[4] == 1.0f, "f16 tie to even: %.9g", y[4]);
    quantize_row(DTYPE_F32, x, row, 5);
    dequantize_row(DTYPE_F32, row, y, 5);
    CHECK(!memcmp(x, y, sizeof x), "f32 changed");
    float z[3] = {1.0f, 1.00390625f, -3.0e38f}; /* 1 + 2^-8 is a tie */
    quantize_row(DTYPE_BF16, z, row, 3);
    dequantize_row(DTYPE_BF16, row, y, 3);
    CHECK(y[0] == 1 && y[1] == 1 && fabsf(y[2] / z[2] - 1) < 0x1p-8f, "bf16 %g %g %g", y[0], y[1], y[2]);
}

static double relative_error(dtype type, const float *x, size_t n)
{
    uint8_t *row = malloc(dtype_row_bytes(type, n));
    float *y = malloc(n * sizeof *y);
    double error = 0, sum = 0;
    quantize_row(type, x, row, n);
    dequantize_row(type, row, y, n);
    for (size_t i = 0; i < n; i++) {
        error += ((double)x[i] - y[i]) * ((double)x[i] - y[i]);
        sum += (double)x[i] * x[i];
    }
    free(row), free(y);
    return sqrt(error / sum);
}

/* Root of the normalised mean squared error over Gaussian values. The bounds are 3 % above what was observed;
 * the next coarser format, or a grid off by half a step, is far outside. */
static void test_quantise_error(void)
{
    static const struct {
        dtype type;
        double bound;
    } cases[] = {{DTYPE_Q8_0, 0.0054}, {DTYPE_Q4_0, 0.0870}, {DTYPE_Q4_1, 0.0797},
                 {DTYPE_Q4_K, 0.0732}, {DTYPE_Q5_K, 0.0366}, {DTYPE_Q6_K, 0.0176}};
    enum { N = 1 << 16 };
    float *x = malloc(N * sizeof *x);
    unsigned long long seed = 7;
    for (int i = 0; i < N; i++) {
        x[i] = 0;
        for (int k = 0; k < 12; k++) x[i] += 0.02f * check_uniform(&seed);
    }
    for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
        double got = relative_error(cases[c].type, x, N);
        CHECK(got < cases[c].bound && got > cases[c].bound * 0.955, "%s error %.5f, bound %.5f",
              dtype_get(cases[c].type)->name, got, cases[c].bound);
    }
    free(x);
}

/* What a row holds is not under our control: nothing here may be undefined, and what can be kept is kept. */
static void test_quantise_extremes(void)
{
    float x[256], y[256];
    uint8_t row[1024];
    static const float specials[] = {0.0f, -0.0f, 1e-30f, -1e30f, 3.4e38f, INFINITY, -INFINITY, NAN};
    for (int t = 0; t < N_TYPES; t++) {
        const char *name = dtype_get(weight_types[t])->name;
        for (size_t s = 0; s < sizeof specials / sizeof *specials; s++) {
            for (int i = 0; i < 256; i++) x[i] = specials[s] * (float)(i % 3 - 1);
            quantize_row(weight_types[t], x, row, 256);
            dequantize_row(weight_types[t], row, y, 256);
            for (int i = 0; t > 2 && i < 256; i++)
                CHECK(isfinite(y[i]), "%s of %g gave %g", name, x[i], y[i]);
        }
        memset(x, 0, sizeof x);
        quantize_row(weight_types[t], x, row, 256);
        dequantize_row(weight_types[t], row, y, 256);
        for (int i = 0; i < 256; i++) CHECK(y[i] == 0, "%s of zero gave %g", name, y[i]);
        for (int sign = -1; sign < 2; sign += 2) { /* equal values: one code, and the scale says the rest */
            for (int i = 0; i < 256; i++) x[i] = 0.75f * (float)sign;
            double error = relative_error(weight_types[t], x, 256);
            CHECK(error < 0.01, "%s of a constant %g: error %g", name, x[0], error);
        }
    }
}

static void test_dtype(void)
{
    dtype type = DTYPE_F32;
    CHECK(dtype_by_name("Q4_K", &type) && type == DTYPE_Q4_K, "Q4_K");
    CHECK(!dtype_by_name("q9_9", &type) && type == DTYPE_Q4_K, "an unknown name");
    CHECK(dtype_get(6)->name == NULL && dtype_get(4000000000u)->name == NULL, "unsupported ids");
    CHECK(dtype_row_bytes(DTYPE_Q6_K, 1024) == 840 && dtype_row_bytes(DTYPE_Q4_0, 33) == 0, "row bytes");
    CHECK(dtype_row_bytes(DTYPE_F32, (size_t)-1) == 0, "overflow");
}

int main(void)
{
    test_dtype();
    test_formulas();
    test_floats();
    test_quantise_error();
    test_quantise_extremes();
    return check_done("quant");
}
