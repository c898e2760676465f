/* What the WebAssembly SIMD files share: vectors of four f32, 16-bit numbers, shares of work. */
#ifndef CPU_SIMD128_H
#define CPU_SIMD128_H

#include "backend/cpu/cpu.h"

#include <wasm_simd128.h>

#define INLINE static inline __attribute__((always_inline))

/* A pointer whose origin the compiler does not see. It folds a constant offset into a load only where it knows that the sum does not
 * wrap, which its own rewriting of loops forgets; without this every load behind a pointer that a loop moves costs an
 * addition. */
#define OPAQUE(pointer) __asm__("" : "+r"(pointer))
/* Loops whose arrays must live in registers: compilers do not unroll them by themselves at -O2. */
#define UNROLL _Pragma("clang loop unroll(full)")

/* a * b + c in two roundings: the relaxed instruction rounds once or twice as the processor likes, and answers would depend on
 * it. */
INLINE v128_t madd(v128_t a, v128_t b, v128_t c) { return wasm_f32x4_add(wasm_f32x4_mul(a, b), c); }

INLINE v128_t splat(float v) { return wasm_f32x4_splat(v); }
INLINE v128_t load(const void *p) { return wasm_v128_load(p); }
INLINE void store(void *p, v128_t v) { wasm_v128_store(p, v); }
/* A number in all four lanes that stays in a register: engines make a constant of a vector anew, with three instructions, wherever it
 * stands, in loops too. This one comes from memory, as far as the compiler sees. */
INLINE v128_t held(const uint32_t *number)
{
    OPAQUE(number);
    return wasm_v128_load32_splat(number);
}
INLINE v128_t zero(void) { return wasm_i32x4_const_splat(0); }

/* min(n, 4) values, zeros behind them: the end of a row goes through the same arithmetic as its middle. */
INLINE v128_t load_n(const float *p, size_t n)
{
    if (n >= 4) return load(p);
    v128_t v = wasm_v128_load32_zero(p);
    if (n > 1) v = wasm_v128_load32_lane(p + 1, v, 1);
    if (n > 2) v = wasm_v128_load32_lane(p + 2, v, 2);
    return v;
}
INLINE void store_n(float *p, v128_t v, size_t n)
{
    if (n >= 4) {
        store(p, v);
        return;
    }
    wasm_v128_store32_lane(p, v, 0);
    if (n > 1) wasm_v128_store32_lane(p + 1, v, 1);
    if (n > 2) wasm_v128_store32_lane(p + 2, v, 2);
}
/* The same of eight. */
INLINE void load_2n(const float *p, size_t n, v128_t v[2])
{
    if (n >= 8)
        v[0] = load(p), v[1] = load(p + 4);
    else
        v[0] = load_n(p, n), v[1] = n > 4 ? load_n(p + 4, n - 4) : zero();
}
INLINE void store_2n(float *p, const v128_t v[2], size_t n)
{
    if (n >= 8) {
        store(p, v[0]), store(p + 4, v[1]);
        return;
    }
    store_n(p, v[0], n);
    if (n > 4) store_n(p + 4, v[1], n - 4);
}
/* The first n < 4 lanes. */
INLINE v128_t first_lanes(size_t n)
{
    return wasm_i32x4_gt(wasm_i32x4_splat((int32_t)n), wasm_i32x4_const(0, 1, 2, 3));
}

INLINE float sum_4(v128_t v)
{
    v = wasm_f32x4_add(v, wasm_i32x4_shuffle(v, v, 2, 3, 2, 3));
    v = wasm_f32x4_add(v, wasm_i32x4_shuffle(v, v, 1, 1, 1, 1));
    return wasm_f32x4_extract_lane(v, 0);
}
INLINE float max_4(v128_t v)
{
    v = wasm_f32x4_pmax(v, wasm_i32x4_shuffle(v, v, 2, 3, 2, 3));
    v = wasm_f32x4_pmax(v, wasm_i32x4_shuffle(v, v, 1, 1, 1, 1));
    return wasm_f32x4_extract_lane(v, 0);
}
/* Lane i of the result: the sum of vector i. */
INLINE v128_t sum_4x4(v128_t a, v128_t b, v128_t c, v128_t d)
{
    v128_t ab = wasm_f32x4_add(wasm_i32x4_shuffle(a, b, 0, 4, 1, 5), wasm_i32x4_shuffle(a, b, 2, 6, 3, 7));
    v128_t cd = wasm_f32x4_add(wasm_i32x4_shuffle(c, d, 0, 4, 1, 5), wasm_i32x4_shuffle(c, d, 2, 6, 3, 7));
    return wasm_f32x4_add(wasm_i32x4_shuffle(ab, cd, 0, 1, 4, 5), wasm_i32x4_shuffle(ab, cd, 2, 3, 6, 7));
}
/* The same of whole numbers. */
INLINE v128_t isum_4x4(v128_t a, v128_t b, v128_t c, v128_t d)
{
    v128_t ab = wasm_i32x4_add(wasm_i32x4_shuffle(a, b, 0, 4, 1, 5), wasm_i32x4_shuffle(a, b, 2, 6, 3, 7));
    v128_t cd = wasm_i32x4_add(wasm_i32x4_shuffle(c, d, 0, 4, 1, 5), wasm_i32x4_shuffle(c, d, 2, 6, 3, 7));
    return wasm_i32x4_add(wasm_i32x4_shuffle(ab, cd, 0, 1, 4, 5), wasm_i32x4_shuffle(ab, cd, 2, 3, 6, 7));
}
/* Rows of four 32-bit values become columns. */
INLINE void transpose_4x4(v128_t v[4])
{
    v128_t a = wasm_i32x4_shuffle(v[0], v[1], 0, 4, 1, 5), b = wasm_i32x4_shuffle(v[0], v[1], 2, 6, 3, 7);
    v128_t c = wasm_i32x4_shuffle(v[2], v[3], 0, 4, 1, 5), d = wasm_i32x4_shuffle(v[2], v[3], 2, 6, 3, 7);
    v[0] = wasm_i32x4_shuffle(a, c, 0, 1, 4, 5), v[1] = wasm_i32x4_shuffle(a, c, 2, 3, 6, 7);
    v[2] = wasm_i32x4_shuffle(b, d, 0, 1, 4, 5), v[3] = wasm_i32x4_shuffle(b, d, 2, 3, 6, 7);
}
/* Value i of a vector in all lanes; i is a constant. */
INLINE v128_t spread(v128_t v, int i)
{
    switch (i) {
    case 0: return wasm_i32x4_shuffle(v, v, 0, 0, 0, 0);
    case 1: return wasm_i32x4_shuffle(v, v, 1, 1, 1, 1);
    case 2: return wasm_i32x4_shuffle(v, v, 2, 2, 2, 2);
    default: return wasm_i32x4_shuffle(v, v, 3, 3, 3, 3);
    }
}

/*
 * Binary16 by integers: with its exponent and mantissa moved to where f32 has them, a half is 2^-112 of itself, subnormals
 * included, and one exact multiplication by a power of two puts that right. Infinities and NaN become 65,536 and more: no
 * weight and no cached key that means anything holds them.
 */
#define F16_UNIT 0x1p112f
/* Halves in the upper 16 bits of each lane -> their values / F16_UNIT. */
INLINE v128_t half_bits(v128_t upper)
{
    return wasm_v128_and(wasm_i32x4_shr(upper, 3), wasm_i32x4_const_splat((int32_t)0x8fffe000u));
}
/* The values themselves, without a step through numbers that f32 calls subnormal, on which some processors take a hundred times as
 * long: scales of blocks are often small. What a half has as subnormal gets an exponent; what that adds, 2^-14 times 1, is the
 * half of what is taken away from twice the number. */
typedef struct half_constants {
    v128_t bits, exponent, smallest, sign;
} half_constants;
static const uint32_t half_numbers[4] = {0x0fffe000, 112u << 23, 113u << 23, 0x80000000u};
INLINE half_constants half_constants_held(void)
{
    const uint32_t *n = half_numbers;
    return (half_constants){held(n), held(n + 1), held(n + 2), held(n + 3)};
}
INLINE v128_t half_values_by(v128_t upper, const half_constants *c)
{
    v128_t v = wasm_i32x4_add(wasm_v128_and(wasm_u32x4_shr(upper, 3), c->bits), c->exponent);
    v128_t tiny = wasm_f32x4_lt(v, c->smallest);
    v = wasm_f32x4_add(v, wasm_v128_and(wasm_f32x4_sub(v, c->smallest), tiny));
    return wasm_v128_or(v, wasm_v128_and(upper, c->sign));
}
INLINE v128_t half_values(v128_t upper)
{
    const half_constants c = {wasm_i32x4_const_splat(0x0fffe000), wasm_i32x4_const_splat(112 << 23), wasm_i32x4_const_splat(113 << 23),
                              wasm_i32x4_const_splat((int32_t)0x80000000u)};
    return half_values_by(upper, &c);
}
/* Halves 0..3 (or 4..7) of eight in the upper 16 bits of each lane. */
INLINE v128_t upper_low(v128_t h) { return wasm_i16x8_shuffle(zero(), h, 0, 8, 1, 9, 2, 10, 3, 11); }
INLINE v128_t upper_high(v128_t h) { return wasm_i16x8_shuffle(zero(), h, 4, 12, 5, 13, 6, 14, 7, 15); }
/* The halves at `offset` of four rows, in the upper 16 bits of each lane. */
INLINE v128_t upper_rows(const uint8_t *const *row, size_t offset)
{
    v128_t h = wasm_v128_load16_lane(row[0] + offset, zero(), 1);
    h = wasm_v128_load16_lane(row[1] + offset, h, 3);
    h = wasm_v128_load16_lane(row[2] + offset, h, 5);
    return wasm_v128_load16_lane(row[3] + offset, h, 7);
}
INLINE v128_t row_halves(const uint8_t *const *row, size_t offset)
{
    return half_values(upper_rows(row, offset));
}

#endif
