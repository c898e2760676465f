/* The CPU backend from the inside: its buffers, threads, scratch memory and instruction sets. */
#ifndef CPU_CPU_H
#define CPU_CPU_H

#include "backend/backend.h"
#include "backend/cpu/pool.h"

/* Instruction sets, the better ones of an architecture behind the others. */
enum cpu_isa { CPU_ISA_REF, CPU_ISA_AVX2, CPU_ISA_AVX512, CPU_ISA_SIMD128, CPU_ISA_SIMD128_RELAXED };

struct buffer {
    uint8_t *data;
    size_t mapped_bytes; /* of anonymous memory to unmap; 0 = the bytes belong to somebody else */
};

typedef struct cpu_backend {
    backend base; /* first: a backend * is a cpu_backend * */
    backend_ops ops;
    enum cpu_isa isa;
    /* How the products want weights that lie otherwise than in files (matmul.h), or NULL. */
    void (*from_file)(dtype type, void *to, const void *rows, size_t n, size_t K);
    pool *pool;
    uint8_t *scratch;
    size_t scratch_bytes;
    error first_error; /* what submit() returns */
} cpu_backend;

static inline cpu_backend *cpu_of(backend *b) { return (cpu_backend *)b; }
static inline void *cpu_data(tensor t) { return t.buffer->data + t.offset_bytes; }
static inline size_t cpu_n_threads(backend *b) { return pool_n_threads(cpu_of(b)->pool); }
/* fn(ctx, worker) once for each worker 0..cpu_n_threads()-1, side by side; returns when all have. */
static inline void cpu_parallel(backend *b, void (*fn)(void *ctx, size_t worker), void *ctx) { pool_run(cpu_of(b)->pool, fn, ctx); }

/* At least `bytes` of memory aligned to 64 that lives until the next call. NULL when there is none: the backend keeps the
 * error. Grows to the largest request and stays. */
void *cpu_scratch(backend *b, size_t bytes);

/* Items first..last-1 that a worker takes of n, in contiguous shares whose borders do not depend on anything else. */
static inline void cpu_share(size_t n, size_t worker, size_t n_workers, size_t *first, size_t *last)
{
    *first = n * worker / n_workers;
    *last = n * (worker + 1) / n_workers;
}

/* The portable ops fill the table first; an instruction set overrides what it does better. */
void cpu_ops_ref(backend_ops *ops);  /* ops_ref_*.c */
void cpu_ops_avx2(backend_ops *ops); /* ops_avx2.c */
void cpu_ops_simd128(backend_ops *ops); /* ops_simd128.c */

/* The instruction sets this build has code for, the portable one first, better ones behind. */
const enum cpu_isa *cpu_isas(size_t *n);
/* The best instruction set that this machine and its system offer. WebAssembly cannot ask: what the module was compiled with is
 * there, or the engine would have refused the module. */
enum cpu_isa cpu_isa_best(void);
const char *cpu_isa_name(enum cpu_isa isa);
/* Fills the table for `isa`; asserts that no entry is missing. (dispatch.c) */
void cpu_dispatch(backend_ops *ops, enum cpu_isa isa);

#endif
