/* The kernels of the products that use relaxed SIMD, by file; matmul_relaxed_simd128.c lists them. */
#ifndef CPU_MATMUL_RELAXED_SIMD128_H
#define CPU_MATMUL_RELAXED_SIMD128_H

#include "backend/cpu/matmul_simd128.h"

/* matmul_dots_relaxed_simd128.c */
matmul_dot dot_q4_1_relaxed, dot_q4_k_relaxed, dot_q5_k_relaxed;
/* matmul_lanes_relaxed_simd128.c */
matmul_dot dot_q4_0_relaxed, dot_q6_k_relaxed;
/* matmul_panels_relaxed_simd128.c */
extern const matmul_panel panel_q4_0_relaxed, panel_q4_1_relaxed, panel_q4_k_relaxed, panel_q5_k_relaxed;

/*
 * Eight sums of two products: activations as signed bytes, codes of at most 7 bits. That is what the instruction leaves to engines:
 * whether the second operand's top bit is a sign, and what becomes of a sum beyond 16 bits; here the bit is zero and
 * 2 * 63 * 127 fits. So every engine gives the same bits.
 */
#define DOT_CODES(q, codes) wasm_i16x8_relaxed_dot_i8x16_i7x16(q, codes)

#endif
