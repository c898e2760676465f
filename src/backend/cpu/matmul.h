/* Products of activations with weights, and rows of embedding tables: the part of the CPU backend that reads
 * weights. */
#ifndef CPU_MATMUL_H
#define CPU_MATMUL_H

#include "backend/cpu/cpu.h"

/* The ops `matmul` and `embed` of backend.h. */
struct cpu_matmul_ops {
    void (*matmul)(backend *b, const tensor *y, tensor x, const linear *const *l, size_t n, epilogue ep);
    void (*embed)(backend *b, tensor y, tensor table, tensor ids);
};

/* The best ops for `isa`, which this machine has. Never NULL. Results do not depend on the number of threads.
 */
const struct cpu_matmul_ops *cpu_matmul_select(enum cpu_isa isa);

#endif
