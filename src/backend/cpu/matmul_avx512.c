/*
 * The products with AVX-512 VNNI, on 256-bit vectors: panels of quantised weights whose multiply and add are
 * one instruction (vpdpbusd for u8 x s8, vpdpwssd for 16 bits) that adds in 32 bits. So no sum can overflow,
 * and Q8_0 goes as bytes too, 128 too large, which m = -128 d takes back. All else is AVX2's.
 */
#include "backend/cpu/matmul_avx2.h"

INLINE __m256i dot_bytes(int bits, const __m256i *w, const int8_t *q)
{
    __m256i even = _mm256_setzero_si256(), odd = even; /* two chains: the instruction takes 4 to 5 cycles */
    (void)bits;
    UNROLL
    for (int k = 0; k < 8; k += 2) {
        even = _mm256_dpbusd_epi32(even, w[k], broadcast32(q + 4 * k));
        odd = _mm256_dpbusd_epi32(odd, w[k + 1], broadcast32(q + 4 * k + 4));
    }
    return _mm256_add_epi32(even, odd);
}

INLINE __m256i add_words(__m256i sum, __m256i w, __m256i q) { return _mm256_dpwssd_epi32(sum, w, q); }

#include "backend/cpu/matmul_tiles.h"

TILE(tile_bytes_any, tile_bytes, 8)
TILE(tile_words_16, tile_words, 16)

static void pack_q8_0(weight_rows w, size_t K, void *mem)
{
    const uint8_t *row[8];
    uint8_t *panel = mem;
    group_rows(w, row);
    for (size_t i = 0, at = 0; i < K; i += 32, at += 34, panel += BYTES_BLOCK) {
        __m256i v[8], *out = (__m256i *)panel;
        transpose_16(row, at + 2, v);
        transpose_16(row, at + 18, v + 4);
        for (int k = 0; k < 8; k++)
            _mm256_store_si256(out + k, _mm256_xor_si256(v[k], _mm256_set1_epi8(-128)));
        __m256 d = load_row_halves(row, at);
        store_scales(panel, d, _mm256_mul_ps(d, _mm256_set1_ps(-128)));
    }
}

#define PANEL(type, bytes_per_block, q16, pack_fn, tile_fn)                                                  \
    static const matmul_panel panel_##type = {.n_rows = QUANT_PANEL_ROWS,                                    \
                                              .n_tokens = QUANT_TILE_TOKENS,                                 \
                                              .bytes_per_value = (bytes_per_block) / 32,                     \
                                              .wants_q16 = q16,                                              \
                                              .min_tokens = 5,                                               \
                                              .pack = pack_fn,                                               \
                                              .tile = tile_fn}
PANEL(q4_0, BYTES_BLOCK, false, pack_q4_0_avx2, tile_bytes_any);
PANEL(q4_1, BYTES_BLOCK, false, pack_q4_1_avx2, tile_bytes_any);
PANEL(q4_k, BYTES_BLOCK, false, pack_q4_k_avx2, tile_bytes_any);
PANEL(q5_k, BYTES_BLOCK, false, pack_q5_k_avx2, tile_bytes_any);
PANEL(q6_k, WORDS_BLOCK, true, pack_q6_k_avx2, tile_words_16);
PANEL(q8_0, BYTES_BLOCK, false, pack_q8_0, tile_bytes_any);

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
            [DTYPE_Q4_0] = &panel_q4_0,
            [DTYPE_Q4_1] = &panel_q4_1,
            [DTYPE_Q8_0] = &panel_q8_0,
            [DTYPE_Q4_K] = &panel_q4_k,
            [DTYPE_Q5_K] = &panel_q5_k,
            [DTYPE_Q6_K] = &panel_q6_k,
        },
};

static void matmul(backend *b, const tensor *y, tensor x, const linear *const *l, size_t n, epilogue ep)
{
    matmul_run(&kernels, b, y, x, l, n, ep);
}

const struct cpu_matmul_ops cpu_matmul_avx512 = {.matmul = matmul, .embed = embed_run};
