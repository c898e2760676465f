/* Products of activations with weights, and rows of embedding tables: the part of the CPU backend that reads
 * weights. */
#ifndef CPU_MATMUL_H
#define CPU_MATMUL_H

#include "backend/cpu/cpu.h"

/* The ops `matmul` and `embed` of backend.h. */
struct cpu_matmul_ops {
    void (*matmul)(backend *b, const tensor *y, tensor x, const linear *const *l, size_t n, epilogue ep);
    void (*embed)(backend *b, tensor y, tensor table, tensor ids);
    /* n rows of K values of a weight from the order of a file to the one that these ops read; NULL where that is the same. */
    void (*from_file)(dtype type, void *to, const void *rows, size_t n, size_t K);
};

/* The best ops for `isa`, which this machine has. Never NULL. Results do not depend on the number of threads.
 */
const struct cpu_matmul_ops *cpu_matmul_select(enum cpu_isa isa);

#endif
