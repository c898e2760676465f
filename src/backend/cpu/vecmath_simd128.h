/* Elementary functions on four f32 at once, WebAssembly SIMD. */
#ifndef CPU_VECMATH_SIMD128_H
#define CPU_VECMATH_SIMD128_H

#include "backend/cpu/simd128.h"

/*
 * e^x. x = n ln 2 + r with |r| <= ln 2 / 2; the series of e^r to r^7 leaves 5e-9, below half an ulp, and the steps of rounding
 * make at most 3 ulp. Below -87.33 the result is 0 (also for -infinity); above 88.3 it stays at 2.2e38; NaN stays NaN.
 */
INLINE v128_t exp_4(v128_t x)
{
    /* Added to a number below 2^22 this leaves it rounded to a whole number, in the low bits: conversions to integers are five
     * instructions on x86. */
    const v128_t round = splat(12582912.0f), lowest = splat(-87.33f);
    /* pmin and pmax return their first operand when one is NaN. */
    v128_t v = wasm_f32x4_pmax(wasm_f32x4_pmin(x, splat(88.3f)), lowest);
    v128_t whole = wasm_f32x4_add(wasm_f32x4_mul(v, splat(1.44269504f)), round), n = wasm_f32x4_sub(whole, round);
    v128_t r = wasm_f32x4_sub(v, wasm_f32x4_mul(n, splat(0.693359375f))); /* ln 2 in two parts, the first exact times n */
    r = wasm_f32x4_add(r, wasm_f32x4_mul(n, splat(2.12194440e-4f)));
    v128_t p = madd(splat(1.0f / 5040), r, splat(1.0f / 720));
    p = madd(p, r, splat(1.0f / 120));
    p = madd(p, r, splat(1.0f / 24));
    p = madd(p, r, splat(1.0f / 6));
    p = madd(p, r, splat(0.5f));
    p = madd(p, r, splat(1.0f));
    p = madd(p, r, splat(1.0f));
    v128_t power = wasm_i32x4_shl(wasm_i32x4_add(whole, wasm_i32x4_const_splat(127)), 23);
    return wasm_v128_andnot(wasm_f32x4_mul(p, power), wasm_f32x4_lt(x, lowest));
}

/* 1 / (1 + e^-x) */
INLINE v128_t sigmoid_4(v128_t x)
{
    return wasm_f32x4_div(splat(1), wasm_f32x4_add(splat(1), exp_4(wasm_f32x4_neg(x))));
}

/* x sigmoid(x) */
INLINE v128_t silu_4(v128_t x) { return wasm_f32x4_div(x, wasm_f32x4_add(splat(1), exp_4(wasm_f32x4_neg(x)))); }

/* 0.5 x (1 + tanh(u)) = x sigmoid(2 u) with u = sqrt(2 / pi) (x + 0.044715 x^3) */
INLINE v128_t gelu_tanh_4(v128_t x)
{
    v128_t u = madd(wasm_f32x4_mul(x, x), splat(0.044715f), splat(1));
    u = wasm_f32x4_mul(wasm_f32x4_mul(u, x), splat(-2 * 0.7978845608f));
    return wasm_f32x4_div(x, wasm_f32x4_add(splat(1), exp_4(u)));
}

/* x sigmoid(1.702 x) */
INLINE v128_t gelu_quick_4(v128_t x)
{
    return wasm_f32x4_div(x, wasm_f32x4_add(splat(1), exp_4(wasm_f32x4_mul(x, splat(-1.702f)))));
}

/* 1 - erf(x) for x >= 0, absolute error 2e-7. Source: Abramowitz and Stegun, Handbook of Mathematical Functions, 7.1.26. */
INLINE v128_t erfc_positive_4(v128_t x)
{
    v128_t t = wasm_f32x4_div(splat(1), madd(x, splat(0.3275911f), splat(1)));
    v128_t p = madd(splat(1.061405429f), t, splat(-1.453152027f));
    p = madd(p, t, splat(1.421413741f));
    p = madd(p, t, splat(-0.284496736f));
    p = madd(p, t, splat(0.254829592f));
    return wasm_f32x4_mul(wasm_f32x4_mul(p, t), exp_4(wasm_f32x4_mul(wasm_f32x4_neg(x), x)));
}

/* 0.5 x (1 + erf(x / sqrt 2)); 1 + erf of a negative number is the erfc of its magnitude, so nothing cancels. */
INLINE v128_t gelu_erf_4(v128_t x)
{
    v128_t c = erfc_positive_4(wasm_f32x4_mul(wasm_f32x4_abs(x), splat(0.7071067812f)));
    c = wasm_v128_bitselect(c, wasm_f32x4_sub(splat(2), c), wasm_i32x4_shr(x, 31)); /* negative x: c itself */
    return wasm_f32x4_mul(wasm_f32x4_mul(x, splat(0.5f)), c);
}

#endif
