/* The WebAssembly SIMD kernels of the products by file; matmul_simd128.c lists them. */
#ifndef CPU_MATMUL_SIMD128_H
#define CPU_MATMUL_SIMD128_H

#include "backend/cpu/matmul_impl.h"
#include "backend/cpu/simd128.h"

/* matmul_dots_simd128.c */
matmul_dot dot_q4_1_simd128, dot_q8_0_simd128, dot_q4_k_simd128, dot_q5_k_simd128;
/* matmul_lanes_simd128.c */
matmul_dot dot_q4_0_simd128, dot_q6_k_simd128;
/* matmul_panels_simd128.c */
extern const matmul_panel panel_q4_0_simd128, panel_q4_1_simd128, panel_q8_0_simd128, panel_q4_k_simd128,
    panel_q5_k_simd128, panel_q6_k_simd128;
/* matmul_float_simd128.c */
matmul_dot dot_f32_simd128, dot_f16_simd128, dot_bf16_simd128;
extern const matmul_panel panel_f32_simd128, panel_f16_simd128, panel_bf16_simd128;
/* matmul_finish_simd128.c */
void matmul_finish_simd128(epilogue ep, float *y, const float *p, const float *bias, size_t n);

/* A function of 1..4 tokens from one of a constant number of tokens. */
#define FOR_TOKENS(name, fn, ...)                                                                                              \
    void name(weight_rows w, const matmul_input *in, size_t t0, size_t nt, float *p, size_t p_stride)                          \
    {                                                                                                                          \
        switch (nt) {                                                                                                          \
        case 1: fn(__VA_ARGS__, w, in, t0, 1, p, p_stride); break;                                                             \
        case 2: fn(__VA_ARGS__, w, in, t0, 2, p, p_stride); break;                                                             \
        case 3: fn(__VA_ARGS__, w, in, t0, 3, p, p_stride); break;                                                             \
        default: fn(__VA_ARGS__, w, in, t0, 4, p, p_stride); break;                                                            \
        }                                                                                                                      \
    }

#endif
