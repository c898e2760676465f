/* Elementary functions on N vectors of four f32 in place, WebAssembly SIMD. N is a constant; two vectors at once take little more
 * time than one, since every step waits for the one before. */
#ifndef CPU_VECMATH_SIMD128_H
#define CPU_VECMATH_SIMD128_H

#include "backend/cpu/simd128.h"

#define EACH UNROLL for (int i = 0; i < N; i++)

/*
 * Constants come from memory, through a pointer whose origin the compiler does not see: engines make a constant of a vector anew
 * wherever it stands, with three instructions, in loops too, and 13 of them cost more than the function itself.
 */
enum exp_constant { HIGHEST, LOWEST, LOG2_E, ROUND, LN2_FRONT, LN2_BACK, C7, C6, C5, C4, C3, C2, ONE, N_EXP_CONSTANTS };
#define FOUR(x) {x, x, x, x}
static const _Alignas(16) float exp_constants[N_EXP_CONSTANTS][4] = {
    [HIGHEST] = FOUR(88.3f),
    [LOWEST] = FOUR(-87.33f),
    [LOG2_E] = FOUR(1.44269504f),
    /* Added to a number below 2^22 this leaves it rounded to a whole number, plus 127, in the low bits: conversions to integers
     * are five instructions on x86. */
    [ROUND] = FOUR(12582912.0f + 127),
    [LN2_FRONT] = FOUR(0.693359375f), /* ln 2 in two parts, the first exact times n */
    [LN2_BACK] = FOUR(-2.12194440e-4f),
    [C7] = FOUR(1.0f / 5040),
    [C6] = FOUR(1.0f / 720),
    [C5] = FOUR(1.0f / 120),
    [C4] = FOUR(1.0f / 24),
    [C3] = FOUR(1.0f / 6),
    [C2] = FOUR(0.5f),
    [ONE] = FOUR(1),
};
#undef FOUR

/*
 * e^x. x = n ln 2 + r with |r| <= ln 2 / 2; the series of e^r to r^7 leaves 5e-9, below half an ulp, and the steps of rounding
 * make at most 3 ulp. Below -87.33 the result is 0 (also for -infinity); above 88.3 it stays at 2.2e38; NaN stays NaN.
 */
INLINE void exp_v(v128_t *x, int N)
{
    const float(*c)[4] = exp_constants;
    v128_t whole[2], n[2], r[2], p[2];
    OPAQUE(c);
    EACH
    {
        /* pmin and pmax return their first operand when one is NaN. */
        v128_t v = wasm_f32x4_pmax(wasm_f32x4_pmin(x[i], load(c[HIGHEST])), load(c[LOWEST]));
        whole[i] = wasm_f32x4_add(wasm_f32x4_mul(v, load(c[LOG2_E])), load(c[ROUND]));
        n[i] = wasm_f32x4_sub(whole[i], load(c[ROUND]));
        r[i] = wasm_f32x4_sub(v, wasm_f32x4_mul(n[i], load(c[LN2_FRONT])));
    }
    EACH r[i] = wasm_f32x4_sub(r[i], wasm_f32x4_mul(n[i], load(c[LN2_BACK])));
    EACH p[i] = madd(load(c[C7]), r[i], load(c[C6]));
    EACH p[i] = madd(p[i], r[i], load(c[C5]));
    EACH p[i] = madd(p[i], r[i], load(c[C4]));
    EACH p[i] = madd(p[i], r[i], load(c[C3]));
    EACH p[i] = madd(p[i], r[i], load(c[C2]));
    EACH p[i] = madd(p[i], r[i], load(c[ONE]));
    EACH p[i] = madd(p[i], r[i], load(c[ONE]));
    EACH
    {
        v128_t e = wasm_f32x4_mul(p[i], wasm_i32x4_shl(whole[i], 23)); /* the low bits of `whole` are the exponent of 2^n */
        x[i] = wasm_v128_andnot(e, wasm_f32x4_lt(x[i], load(c[LOWEST])));
    }
}
INLINE v128_t exp_4(v128_t x) { return exp_v(&x, 1), x; }

/* y / (1 + e^x) for y, x in place: what sigmoid, SiLU and two kinds of GELU end with. */
INLINE void logistic_v(const v128_t *y, v128_t *x, int N)
{
    const float *one = exp_constants[ONE];
    OPAQUE(one);
    exp_v(x, N);
    EACH x[i] = wasm_f32x4_div(y[i], wasm_f32x4_add(load(one), x[i]));
}

/* 1 / (1 + e^-x) */
INLINE void sigmoid_v(v128_t *x, int N)
{
    const v128_t y[2] = {splat(1), splat(1)};
    EACH x[i] = wasm_f32x4_neg(x[i]);
    logistic_v(y, x, N);
}

/* x sigmoid(x) */
INLINE void silu_v(v128_t *x, int N)
{
    v128_t y[2];
    EACH y[i] = x[i], x[i] = wasm_f32x4_neg(x[i]);
    logistic_v(y, x, N);
}

/* 0.5 x (1 + tanh(u)) = x sigmoid(2 u) with u = sqrt(2 / pi) (x + 0.044715 x^3) */
INLINE void gelu_tanh_v(v128_t *x, int N)
{
    v128_t y[2];
    EACH
    {
        v128_t u = madd(wasm_f32x4_mul(x[i], x[i]), splat(0.044715f), splat(1));
        y[i] = x[i], x[i] = wasm_f32x4_mul(wasm_f32x4_mul(u, x[i]), splat(-2 * 0.7978845608f));
    }
    logistic_v(y, x, N);
}

/* x sigmoid(1.702 x) */
INLINE void gelu_quick_v(v128_t *x, int N)
{
    v128_t y[2];
    EACH y[i] = x[i], x[i] = wasm_f32x4_mul(x[i], splat(-1.702f));
    logistic_v(y, x, N);
}

/* 0.5 x (1 + erf(x / sqrt 2)); 1 + erf of a negative number is the erfc of its magnitude, so nothing cancels. 1 - erf(x) for
 * x >= 0 with an absolute error of 2e-7: Abramowitz and Stegun, Handbook of Mathematical Functions, 7.1.26. */
INLINE void gelu_erf_v(v128_t *x, int N)
{
    v128_t e[2], p[2];
    EACH
    {
        v128_t z = wasm_f32x4_mul(wasm_f32x4_abs(x[i]), splat(0.7071067812f));
        v128_t t = wasm_f32x4_div(splat(1), madd(z, splat(0.3275911f), splat(1)));
        p[i] = madd(splat(1.061405429f), t, splat(-1.453152027f));
        p[i] = madd(p[i], t, splat(1.421413741f));
        p[i] = madd(p[i], t, splat(-0.284496736f));
        p[i] = madd(p[i], t, splat(0.254829592f));
        p[i] = wasm_f32x4_mul(p[i], t);
        e[i] = wasm_f32x4_mul(wasm_f32x4_neg(z), z);
    }
    exp_v(e, N);
    EACH
    {
        v128_t c = wasm_f32x4_mul(p[i], e[i]);
        c = wasm_v128_bitselect(c, wasm_f32x4_sub(splat(2), c), wasm_i32x4_shr(x[i], 31)); /* negative x: c itself */
        x[i] = wasm_f32x4_mul(wasm_f32x4_mul(x[i], splat(0.5f)), c);
    }
}

#undef EACH

#endif
