/* Bias, residual and GELU behind a product, WebAssembly SIMD. */
#include "backend/cpu/matmul_simd128.h"
#include "backend/cpu/vecmath_simd128.h"

INLINE void finish_row(epilogue ep, float *y, const float *p, const float *bias, size_t n)
{
    for (size_t i = 0; i < n; i += 4) {
        v128_t v = load_n(p + i, n - i);
        if (bias) v = wasm_f32x4_add(v, load_n(bias + i, n - i));
        switch (ep) {
        case EPILOGUE_STORE: break;
        case EPILOGUE_ADD: v = wasm_f32x4_add(load_n(y + i, n - i), v); break;
        case EPILOGUE_GELU_TANH: v = gelu_tanh_4(v); break;
        case EPILOGUE_GELU_ERF: v = gelu_erf_4(v); break;
        case EPILOGUE_GELU_QUICK: v = gelu_quick_4(v); break;
        }
        store_n(y + i, v, n - i);
    }
}

void matmul_finish_simd128(epilogue ep, float *y, const float *p, const float *bias, size_t n)
{
    switch (ep) {
    case EPILOGUE_STORE: finish_row(EPILOGUE_STORE, y, p, bias, n); break;
    case EPILOGUE_ADD: finish_row(EPILOGUE_ADD, y, p, bias, n); break;
    case EPILOGUE_GELU_TANH: finish_row(EPILOGUE_GELU_TANH, y, p, bias, n); break;
    case EPILOGUE_GELU_ERF: finish_row(EPILOGUE_GELU_ERF, y, p, bias, n); break;
    case EPILOGUE_GELU_QUICK: finish_row(EPILOGUE_GELU_QUICK, y, p, bias, n); break;
    }
}
