/* Dot products of Q4_0 and Q6_K with bytes, relaxed WebAssembly SIMD (matmul_lanes_simd128.h has the rest). */
#if defined(__wasm_relaxed_simd__)

#include "backend/cpu/matmul_relaxed_simd128.h"

enum { CODE_BYTES = 16, GROUP_BYTES = 192 };
#define SUM_FACTOR 1

/* Two parts of each sum, in 16 bits, of 8 products each. They may go beyond 16 bits, and are right again when what is to be taken off
 * them has been: (code - 32) * 127 * 8 fits, and (code - 8) * 127 * 16. */
INLINE v128_t four_codes(const v128_t c[4], const uint8_t *q)
{
    v128_t a = wasm_i16x8_add(DOT_CODES(load(q), c[0]), DOT_CODES(load(q + 16), c[1]));
    v128_t b = wasm_i16x8_add(DOT_CODES(load(q + 32), c[2]), DOT_CODES(load(q + 48), c[3]));
    return wasm_i16x8_add(a, b);
}
INLINE v128_t lanes_4_bits(v128_t p0, v128_t p1, const uint8_t *less)
{
    v128_t sum = wasm_i16x8_sub(wasm_i16x8_add(p0, p1), load(less));
    return wasm_f32x4_convert_i32x4(wasm_i32x4_dot_i16x8(sum, wasm_i16x8_const_splat(1)));
}
INLINE v128_t lanes_6_bits(v128_t p0, v128_t p1, const uint8_t *less, v128_t s)
{
    v128_t first = wasm_i32x4_dot_i16x8(wasm_i16x8_sub(p0, load(less)), wasm_i16x8_shuffle(s, s, 0, 0, 1, 1, 2, 2, 3, 3));
    v128_t second = wasm_i32x4_dot_i16x8(wasm_i16x8_sub(p1, load(less + 16)), wasm_i16x8_shuffle(s, s, 4, 4, 5, 5, 6, 6, 7, 7));
    return wasm_f32x4_convert_i32x4(wasm_i32x4_add(first, second));
}

#include "backend/cpu/matmul_lanes_simd128.h"

LANE_DOTS(relaxed)

#else
typedef int no_relaxed_simd_here; /* a file needs a declaration */
#endif
