/* Bias, residual and GELU behind a product, AVX2. */
#include "backend/cpu/matmul_avx2.h"

#include <immintrin.h>
#include <math.h>

void matmul_finish_avx2(epilogue ep, float *y, const float *p, const float *bias, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        float v = p[i] + (bias ? bias[i] : 0);
        switch (ep) {
        case EPILOGUE_STORE: y[i] = v; break;
        case EPILOGUE_ADD: y[i] += v; break;
        case EPILOGUE_GELU_TANH:
            y[i] = 0.5f * v * (1 + tanhf(0.79788456f * (v + 0.044715f * v * v * v)));
            break;
        case EPILOGUE_GELU_ERF: y[i] = 0.5f * v * (1 + erff(v * 0.70710678f)); break;
        case EPILOGUE_GELU_QUICK: y[i] = v / (1 + expf(-1.702f * v)); break;
        }
    }
}
