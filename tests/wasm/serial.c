/* What tests of ops need in WASI: a pool whose workers run one after another on the one thread there is (their shares of the work are
 * those of threads), memory without advice, and a clock. */
#include "backend/cpu/pool.h"
#include "base/filemap.h"

#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>

struct pool {
    size_t n_threads;
};

pool *pool_create(size_t n_threads)
{
    pool *p = malloc(sizeof *p);
    if (p) p->n_threads = n_threads;
    return p;
}
void pool_destroy(pool *p) { free(p); }
size_t pool_n_threads(const pool *p) { return p->n_threads; }
void pool_run(pool *p, void (*fn)(void *ctx, size_t worker), void *ctx)
{
    for (size_t i = 0; i < p->n_threads; i++) fn(ctx, i);
}

int madvise(void *address, size_t size, int advice)
{
    (void)address, (void)size, (void)advice;
    return 0;
}

double time_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec * 1e-6;
}
