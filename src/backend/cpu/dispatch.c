/* Which instruction set, and the table of ops for it. */
#include "backend/cpu/cpu.h"
#include "backend/cpu/matmul.h"

#include <stddef.h>

const enum cpu_isa *cpu_isas(size_t *n)
{
    static const enum cpu_isa isas[] = {
        CPU_ISA_REF,
#if defined(__x86_64__)
        CPU_ISA_AVX2, CPU_ISA_AVX512,
#elif defined(__wasm_simd128__)
        CPU_ISA_SIMD128,
#if defined(__wasm_relaxed_simd__)
        CPU_ISA_SIMD128_RELAXED,
#endif
#endif
    };
    *n = sizeof isas / sizeof *isas;
    return isas;
}

enum cpu_isa cpu_isa_best(void)
{
#if defined(__wasm_relaxed_simd__)
    return CPU_ISA_SIMD128_RELAXED;
#elif defined(__wasm_simd128__)
    return CPU_ISA_SIMD128;
#elif defined(__x86_64__) && defined(__GNUC__)
    /* These also ask whether the system saves the wide registers. F16C came before AVX2 and has no name in some compilers. */
    __builtin_cpu_init();
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) {
        if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl") &&
            __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vnni"))
            return CPU_ISA_AVX512;
        return CPU_ISA_AVX2;
    }
#endif
    return CPU_ISA_REF;
}

const char *cpu_isa_name(enum cpu_isa isa)
{
    switch (isa) {
    case CPU_ISA_REF: return "ref";
    case CPU_ISA_AVX2: return "avx2";
    case CPU_ISA_AVX512: return "avx512";
    case CPU_ISA_SIMD128: return "simd128";
    case CPU_ISA_SIMD128_RELAXED: return "simd128-relaxed";
    }
    return "?";
}

void cpu_dispatch(backend_ops *ops, enum cpu_isa isa)
{
    cpu_ops_ref(ops);
#if defined(__x86_64__)
    if (isa >= CPU_ISA_AVX2) cpu_ops_avx2(ops);
#elif defined(__wasm_simd128__)
    if (isa >= CPU_ISA_SIMD128) cpu_ops_simd128(ops);
#endif
    const struct cpu_matmul_ops *products = cpu_matmul_select(isa);
    ops->matmul = products->matmul;
    ops->embed = products->embed;
    backend_compose(ops);
    /* A table of pointers and nothing else: every entry before the optional ones must be there. */
    for (size_t i = 0; i < offsetof(backend_ops, sample) / sizeof(void (*)(void)); i++) assert(((void (**)(void))(void *)ops)[i]);
}
