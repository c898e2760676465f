/* The products with relaxed WebAssembly SIMD: codes of 4 to 6 bits meet 8-bit activations as bytes. Q8_0, whose codes have 8 bits,
 * floats and panels of Q6_K are as without. */
#if defined(__wasm_relaxed_simd__)

#include "backend/cpu/lanes_simd128.h"
#include "backend/cpu/matmul_relaxed_simd128.h"

static const matmul_kernels kernels = {
    .quantize_act = quantize_act_simd128,
    .finish = matmul_finish_simd128,
    .dot =
        {
            [DTYPE_F32] = dot_f32_simd128,
            [DTYPE_F16] = dot_f16_simd128,
            [DTYPE_BF16] = dot_bf16_simd128,
            [DTYPE_Q4_0] = dot_q4_0_relaxed,
            [DTYPE_Q4_1] = dot_q4_1_relaxed,
            [DTYPE_Q8_0] = dot_q8_0_simd128,
            [DTYPE_Q4_K] = dot_q4_k_relaxed,
            [DTYPE_Q5_K] = dot_q5_k_relaxed,
            [DTYPE_Q6_K] = dot_q6_k_relaxed,
        },
    .dot_copies = {[DTYPE_Q4_0] = ACT_LANE_BYTES, [DTYPE_Q8_0] = ACT_Q16, [DTYPE_Q6_K] = ACT_LANE_BYTES},
    .panel =
        {
            [DTYPE_F32] = &panel_f32_simd128,
            [DTYPE_F16] = &panel_f16_simd128,
            [DTYPE_BF16] = &panel_bf16_simd128,
            [DTYPE_Q4_0] = &panel_q4_0_relaxed,
            [DTYPE_Q4_1] = &panel_q4_1_relaxed,
            [DTYPE_Q8_0] = &panel_q8_0_simd128,
            [DTYPE_Q4_K] = &panel_q4_k_relaxed,
            [DTYPE_Q5_K] = &panel_q5_k_relaxed,
            [DTYPE_Q6_K] = &panel_q6_k_simd128,
        },
};

static void matmul(backend *b, const tensor *y, tensor x, const linear *const *l, size_t n, epilogue ep)
{
    matmul_run(&kernels, b, y, x, l, n, ep);
}

static void embed(backend *b, tensor y, tensor table, tensor ids) { embed_run_as(lanes_dequantize_row, b, y, table, ids); }

const struct cpu_matmul_ops cpu_matmul_relaxed_simd128 = {.matmul = matmul, .embed = embed, .from_file = lanes_from_file};

#else
typedef int no_relaxed_simd_here; /* a file needs a declaration */
#endif
