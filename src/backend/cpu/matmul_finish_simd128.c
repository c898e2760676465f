/* Bias, residual and GELU behind a product, WebAssembly SIMD. */
#include "backend/cpu/matmul_simd128.h"
#include "backend/cpu/vecmath_simd128.h"

INLINE void finish_row(epilogue ep, float *y, const float *p, const float *bias, size_t n)
{
    for (size_t i = 0; i < n; i += 8) {
        v128_t v[2], other[2];
        load_2n(p + i, n - i, v);
        if (bias) {
            load_2n(bias + i, n - i, other);
            v[0] = wasm_f32x4_add(v[0], other[0]), v[1] = wasm_f32x4_add(v[1], other[1]);
        }
        switch (ep) {
        case EPILOGUE_STORE: break;
        case EPILOGUE_ADD:
            load_2n(y + i, n - i, other);
            v[0] = wasm_f32x4_add(other[0], v[0]), v[1] = wasm_f32x4_add(other[1], v[1]);
            break;
        case EPILOGUE_GELU_TANH: gelu_tanh_v(v, 2); break;
        case EPILOGUE_GELU_ERF: gelu_erf_v(v, 2); break;
        case EPILOGUE_GELU_QUICK: gelu_quick_v(v, 2); break;
        }
        store_2n(y + i, v, n - i);
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
