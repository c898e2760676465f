/* The products with WebAssembly SIMD: which kernel serves which weight type. */
#include "backend/cpu/lanes_simd128.h"
#include "backend/cpu/matmul_simd128.h"

static const matmul_kernels kernels = {
    .quantize_act = quantize_act_simd128,
    .finish = matmul_finish_simd128,
    .dot =
        {
            [DTYPE_F32] = dot_f32_simd128,
            [DTYPE_F16] = dot_f16_simd128,
            [DTYPE_BF16] = dot_bf16_simd128,
            [DTYPE_Q4_0] = dot_q4_0_simd128,
            [DTYPE_Q4_1] = dot_q4_1_simd128,
            [DTYPE_Q8_0] = dot_q8_0_simd128,
            [DTYPE_Q4_K] = dot_q4_k_simd128,
            [DTYPE_Q5_K] = dot_q5_k_simd128,
            [DTYPE_Q6_K] = dot_q6_k_simd128,
        },
    .dot_copies =
        {
            [DTYPE_Q4_0] = ACT_LANE_WORDS,
            [DTYPE_Q4_1] = ACT_FOLDED,
            [DTYPE_Q8_0] = ACT_Q16,
            [DTYPE_Q4_K] = ACT_FOLDED,
            [DTYPE_Q5_K] = ACT_FOLDED,
            [DTYPE_Q6_K] = ACT_LANE_WORDS,
        },
    .panel =
        {
            [DTYPE_F32] = &panel_f32_simd128,
            [DTYPE_F16] = &panel_f16_simd128,
            [DTYPE_BF16] = &panel_bf16_simd128,
            [DTYPE_Q4_0] = &panel_q4_0_simd128,
            [DTYPE_Q4_1] = &panel_q4_1_simd128,
            [DTYPE_Q8_0] = &panel_q8_0_simd128,
            [DTYPE_Q4_K] = &panel_q4_k_simd128,
            [DTYPE_Q5_K] = &panel_q5_k_simd128,
            [DTYPE_Q6_K] = &panel_q6_k_simd128,
        },
};

static void matmul(backend *b, const tensor *y, tensor x, const linear *const *l, size_t n, epilogue ep)
{
    matmul_run(&kernels, b, y, x, l, n, ep);
}

static void embed(backend *b, tensor y, tensor table, tensor ids) { embed_run_as(lanes_dequantize_row, b, y, table, ids); }

const struct cpu_matmul_ops cpu_matmul_simd128 = {.matmul = matmul, .embed = embed, .from_file = lanes_from_file};
