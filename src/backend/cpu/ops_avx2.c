/* Ops for AVX2, FMA and F16C. */
#include "backend/cpu/cpu.h"

void cpu_ops_avx2(backend_ops *ops) { (void)ops; }
