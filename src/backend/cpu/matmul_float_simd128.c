/*
 * Products with F32, F16 and BF16 weights, WebAssembly SIMD: dots for few tokens, panels of f32 for many. K may be anything.
 *
 * A panel holds 8 rows as [K][8] f32, two vectors for each k; a tile of 4 tokens keeps 8 sums in registers, besides two vectors
 * of weights, an activation and products before they are added.
 */
#include "backend/cpu/matmul_simd128.h"

#include "base/half.h"

enum { ROWS = 8, TOKENS = 4 };

INLINE size_t value_bytes(dtype type) { return type == DTYPE_F32 ? 4 : 2; }

/* Eight values. */
INLINE void load_8(dtype type, const uint8_t *p, v128_t v[2])
{
    if (type == DTYPE_F32) {
        v[0] = load(p), v[1] = load(p + 16);
        return;
    }
    v128_t h = load(p);
    v[0] = upper_low(h), v[1] = upper_high(h);
    if (type == DTYPE_BF16) return;
    v[0] = wasm_f32x4_mul(half_bits(v[0]), splat(F16_UNIT));
    v[1] = wasm_f32x4_mul(half_bits(v[1]), splat(F16_UNIT));
}

INLINE float load_1(dtype type, const uint8_t *p)
{
    float v;
    uint16_t h;
    if (type == DTYPE_F32) return memcpy(&v, p, 4), v;
    memcpy(&h, p, 2);
    return type == DTYPE_F16 ? f16_to_f32(h) : bf16_to_f32(h);
}

/* ---- dots ---- */

INLINE void dot_rows(dtype type, weight_rows w, const matmul_input *in, size_t t0, int NT, float *p, size_t p_stride)
{
    size_t K = in->K, size = value_bytes(type);
    const float *x = in->x + t0 * K;
    for (size_t r = 0; r < w.n; r++) {
        const uint8_t *row = w.bytes + r * w.row_bytes;
        v128_t acc[TOKENS][4];
        UNROLL
        for (int t = 0; t < NT; t++) acc[t][0] = acc[t][1] = acc[t][2] = acc[t][3] = zero();
        size_t k = 0;
        for (; NT == 1 && k + 16 <= K; k += 16) { /* one token alone needs more chains */
            v128_t v[4];
            load_8(type, row + k * size, v), load_8(type, row + (k + 8) * size, v + 2);
            UNROLL
            for (int i = 0; i < 4; i++) acc[0][i] = madd(v[i], load(x + k + 4 * (size_t)i), acc[0][i]);
        }
        for (; k + 8 <= K; k += 8) {
            v128_t v[2];
            load_8(type, row + k * size, v);
            UNROLL
            for (int t = 0; t < NT; t++) {
                acc[t][0] = madd(v[0], load(x + (size_t)t * K + k), acc[t][0]);
                acc[t][1] = madd(v[1], load(x + (size_t)t * K + k + 4), acc[t][1]);
            }
        }
        UNROLL
        for (int t = 0; t < NT; t++) {
            float y = sum_4(wasm_f32x4_add(wasm_f32x4_add(acc[t][0], acc[t][1]), wasm_f32x4_add(acc[t][2], acc[t][3])));
            for (size_t i = k; i < K; i++) y += load_1(type, row + i * size) * x[(size_t)t * K + i];
            p[(size_t)t * p_stride + r] = y;
        }
    }
}

FOR_TOKENS(dot_f32_simd128, dot_rows, DTYPE_F32)
FOR_TOKENS(dot_f16_simd128, dot_rows, DTYPE_F16)
FOR_TOKENS(dot_bf16_simd128, dot_rows, DTYPE_BF16)

/* ---- panels ---- */

INLINE void pack(dtype type, weight_rows w, size_t K, float *panel)
{
    size_t size = value_bytes(type);
    const uint8_t *row[ROWS]; /* one that is not there repeats the last; its products go nowhere */
    for (size_t r = 0; r < ROWS; r++) row[r] = w.bytes + (r < w.n ? r : w.n - 1) * w.row_bytes;
    size_t k = 0;
    for (; k + 8 <= K; k += 8)
        for (size_t g = 0; g < ROWS; g += 4) {
            v128_t low[4], high[4];
            UNROLL
            for (int r = 0; r < 4; r++) {
                v128_t v[2];
                load_8(type, row[g + (size_t)r] + k * size, v);
                low[r] = v[0], high[r] = v[1];
            }
            transpose_4x4(low), transpose_4x4(high);
            UNROLL
            for (size_t i = 0; i < 4; i++) {
                store(panel + (k + i) * ROWS + g, low[i]);
                store(panel + (k + 4 + i) * ROWS + g, high[i]);
            }
        }
    for (; k < K; k++)
        for (size_t r = 0; r < ROWS; r++) panel[k * ROWS + r] = load_1(type, row[r] + k * size);
}

static void pack_f32(weight_rows w, size_t K, void *panel) { pack(DTYPE_F32, w, K, panel); }
static void pack_f16(weight_rows w, size_t K, void *panel) { pack(DTYPE_F16, w, K, panel); }
static void pack_bf16(weight_rows w, size_t K, void *panel) { pack(DTYPE_BF16, w, K, panel); }

INLINE void tile_tokens(const float *panel, const matmul_input *in, size_t t0, int NT, float *p, size_t p_stride)
{
    size_t K = in->K;
    const float *x = in->x + t0 * K;
    v128_t acc[TOKENS][2];
    UNROLL
    for (int t = 0; t < NT; t++) acc[t][0] = acc[t][1] = zero();
    for (size_t k = 0; k < K; k++) {
        v128_t w0 = load(panel + k * ROWS), w1 = load(panel + k * ROWS + 4);
        UNROLL
        for (int t = 0; t < NT; t++) {
            v128_t v = wasm_v128_load32_splat(x + (size_t)t * K + k);
            acc[t][0] = madd(w0, v, acc[t][0]);
            acc[t][1] = madd(w1, v, acc[t][1]);
        }
    }
    UNROLL
    for (int t = 0; t < NT; t++) {
        store(p + (size_t)t * p_stride, acc[t][0]);
        store(p + (size_t)t * p_stride + 4, acc[t][1]);
    }
}

static void tile(const void *panel, const matmul_input *in, size_t t0, size_t nt, float *p, size_t p_stride)
{
    switch (nt) {
    case 1: tile_tokens(panel, in, t0, 1, p, p_stride); break;
    case 2: tile_tokens(panel, in, t0, 2, p, p_stride); break;
    case 3: tile_tokens(panel, in, t0, 3, p, p_stride); break;
    default: tile_tokens(panel, in, t0, 4, p, p_stride); break;
    }
}

#define PANEL(type)                                                                                                            \
    const matmul_panel panel_##type##_simd128 = {.n_rows = ROWS,                                                               \
                                                 .n_tokens = TOKENS,                                                           \
                                                 .bytes_per_value = ROWS * sizeof(float),                                      \
                                                 .min_tokens = 6,                                                             \
                                                 .pack = pack_##type,                                                          \
                                                 .tile = tile}
PANEL(f32);
PANEL(f16);
PANEL(bf16);
