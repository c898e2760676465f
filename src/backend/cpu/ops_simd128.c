/* Ops for WebAssembly SIMD: which there are, and how threads share one. */
#include "backend/cpu/ops_simd128.h"

typedef struct ranges {
    range_fn *fn;
    const void *args;
    size_t n, n_workers;
} ranges;

static void one_share(void *ctx, size_t worker)
{
    const ranges *r = ctx;
    size_t first, last;
    cpu_share(r->n, worker, r->n_workers, &first, &last);
    if (first < last) r->fn(r->args, first, last);
}

void simd128_for_ranges(backend *b, size_t n, size_t n_values, range_fn *fn, const void *args)
{
    ranges r = {fn, args, n, cpu_n_threads(b)};
    if (n_values < VALUES_WORTH_SHARING || n < 2)
        fn(args, 0, n);
    else
        cpu_parallel(b, one_share, &r);
}

void cpu_ops_simd128(backend_ops *ops)
{
    simd128_norm_ops(ops);
    simd128_rope_ops(ops);
    simd128_delta_ops(ops);
    simd128_attention_ops(ops);
}
