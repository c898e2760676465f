/* The products with AVX2, FMA and F16C: which kernel serves which weight type. */
#include "backend/cpu/matmul_avx2.h"

static const matmul_kernels kernels = {
    .quantize_act = quantize_act_avx2,
    .finish = matmul_finish_avx2,
    .dot =
        {
            [DTYPE_F32] = dot_f32_avx2,
            [DTYPE_F16] = dot_f16_avx2,
            [DTYPE_BF16] = dot_bf16_avx2,
            [DTYPE_Q4_0] = dot_q4_0_avx2,
            [DTYPE_Q4_1] = dot_q4_1_avx2,
            [DTYPE_Q8_0] = dot_q8_0_avx2,
            [DTYPE_Q4_K] = dot_q4_k_avx2,
            [DTYPE_Q5_K] = dot_q5_k_avx2,
            [DTYPE_Q6_K] = dot_q6_k_avx2,
        },
    .dot_copies = {[DTYPE_Q4_0] = ACT_PAIRS, [DTYPE_Q4_1] = ACT_PAIRS},
    .panel =
        {
            [DTYPE_F32] = &panel_f32_avx2,
            [DTYPE_F16] = &panel_f16_avx2,
            [DTYPE_BF16] = &panel_bf16_avx2,
            [DTYPE_Q4_0] = &panel_q4_0_avx2,
            [DTYPE_Q4_1] = &panel_q4_1_avx2,
            [DTYPE_Q8_0] = &panel_q8_0_avx2,
            [DTYPE_Q4_K] = &panel_q4_k_avx2,
            [DTYPE_Q5_K] = &panel_q5_k_avx2,
            [DTYPE_Q6_K] = &panel_q6_k_avx2,
        },
};

static void matmul(backend *b, const tensor *y, tensor x, const linear *const *l, size_t n, epilogue ep)
{
    matmul_run(&kernels, b, y, x, l, n, ep);
}

const struct cpu_matmul_ops cpu_matmul_avx2 = {.matmul = matmul, .embed = embed_run};
