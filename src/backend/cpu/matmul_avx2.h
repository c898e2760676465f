/* The AVX2 kernels of the products by file; matmul_avx2.c lists them. */
#ifndef CPU_MATMUL_AVX2_H
#define CPU_MATMUL_AVX2_H

#include "backend/cpu/matmul_impl.h"

/* Loops whose arrays must live in registers: compilers do not unroll them by themselves at -O2. */
#if defined(__clang__)
#define UNROLL _Pragma("clang loop unroll(full)")
#else
#define UNROLL _Pragma("GCC unroll 16")
#endif

/* matmul_dots_avx2.c */
matmul_dot dot_q4_0_avx2, dot_q4_1_avx2, dot_q8_0_avx2, dot_q4_k_avx2, dot_q5_k_avx2, dot_q6_k_avx2;
/* matmul_panels_avx2.c */
extern const matmul_panel panel_q4_0_avx2, panel_q4_1_avx2, panel_q8_0_avx2, panel_q4_k_avx2, panel_q5_k_avx2,
    panel_q6_k_avx2;
/* matmul_float_avx2.c */
matmul_dot dot_f32_avx2, dot_f16_avx2, dot_bf16_avx2;
extern const matmul_panel panel_f32_avx2, panel_f16_avx2, panel_bf16_avx2;
/* matmul_finish_avx2.c */
void matmul_finish_avx2(epilogue ep, float *y, const float *p, const float *bias, size_t n);

#endif
