/* Bias, residual and GELU behind a product, AVX2. */
#include "backend/cpu/matmul_avx2.h"
#include "backend/cpu/vecmath_avx2.h"

INLINE __m256 finish_8(epilogue ep, const float *y, __m256 v)
{
    switch (ep) {
    case EPILOGUE_STORE: break;
    case EPILOGUE_ADD: return _mm256_add_ps(_mm256_loadu_ps(y), v);
    case EPILOGUE_GELU_TANH: return gelu_tanh_avx2(v);
    case EPILOGUE_GELU_ERF: return gelu_erf_avx2(v);
    case EPILOGUE_GELU_QUICK: return gelu_quick_avx2(v);
    }
    return v;
}

INLINE void finish_row(epilogue ep, float *y, const float *p, const float *bias, size_t n)
{
    size_t i = 0;
    for (; i + 8 <= n; i += 8) {
        __m256 v = _mm256_loadu_ps(p + i);
        if (bias) v = _mm256_add_ps(v, _mm256_loadu_ps(bias + i));
        _mm256_storeu_ps(y + i, finish_8(ep, y + i, v));
    }
    if (i == n) return;
    float rest[3][8] = {0}; /* y, p, bias: the same arithmetic for the last few */
    memcpy(rest[0], y + i, (n - i) * sizeof *y);
    memcpy(rest[1], p + i, (n - i) * sizeof *p);
    __m256 v = _mm256_loadu_ps(rest[1]);
    if (bias) {
        memcpy(rest[2], bias + i, (n - i) * sizeof *bias);
        v = _mm256_add_ps(v, _mm256_loadu_ps(rest[2]));
    }
    _mm256_storeu_ps(rest[0], finish_8(ep, rest[0], v));
    memcpy(y + i, rest[0], (n - i) * sizeof *y);
}

void matmul_finish_avx2(epilogue ep, float *y, const float *p, const float *bias, size_t n)
{
    switch (ep) {
    case EPILOGUE_STORE: finish_row(EPILOGUE_STORE, y, p, bias, n); break;
    case EPILOGUE_ADD: finish_row(EPILOGUE_ADD, y, p, bias, n); break;
    case EPILOGUE_GELU_TANH: finish_row(EPILOGUE_GELU_TANH, y, p, bias, n); break;
    case EPILOGUE_GELU_ERF: finish_row(EPILOGUE_GELU_ERF, y, p, bias, n); break;
    case EPILOGUE_GELU_QUICK: finish_row(EPILOGUE_GELU_QUICK, y, p, bias, n); break;
    }
}
