/* Dot products of Q4_0 and Q6_K with folded words (matmul_dots_simd128.c), WebAssembly SIMD; matmul_lanes_simd128.h has the rest. */
#include "backend/cpu/matmul_simd128.h"

enum { CODE_BYTES = 32, GROUP_BYTES = 320 };
#define SUM_FACTOR 256

/* 256 times the sums: at most 256 * 16 * 63 * 127 < 2^31. */
INLINE v128_t four_codes(const v128_t c[4], const uint8_t *q)
{
    const v128_t even = wasm_i16x8_const_splat(255);
    v128_t sum = zero();
    UNROLL
    for (int j = 0; j < 4; j++) {
        sum = wasm_i32x4_add(sum, wasm_i32x4_dot_i16x8(wasm_v128_and(c[j], even), load(q + CODE_BYTES * j)));
        sum = wasm_i32x4_add(sum, wasm_i32x4_dot_i16x8(c[j], load(q + CODE_BYTES * j + 16)));
    }
    return sum;
}
INLINE v128_t lanes_4_bits(v128_t p0, v128_t p1, const uint8_t *less)
{
    return wasm_f32x4_convert_i32x4(wasm_i32x4_sub(wasm_i32x4_add(p0, p1), load(less)));
}
/* The factor of 256 goes before the scales come: with them sums would not fit. */
INLINE v128_t lanes_6_bits(v128_t p0, v128_t p1, const uint8_t *less, v128_t s)
{
    v128_t first = wasm_i32x4_sub(wasm_i32x4_shr(p0, 8), load(less)), second = wasm_i32x4_sub(wasm_i32x4_shr(p1, 8), load(less + 16));
    first = wasm_i32x4_mul(first, wasm_i32x4_extend_low_i16x8(s)), second = wasm_i32x4_mul(second, wasm_i32x4_extend_high_i16x8(s));
    return wasm_f32x4_convert_i32x4(wasm_i32x4_add(first, second));
}

#include "backend/cpu/matmul_lanes_simd128.h"

LANE_DOTS(simd128)
