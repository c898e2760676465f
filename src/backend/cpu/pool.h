/* Threads that wait for small pieces of work: a barrier of about a microsecond while work keeps coming, asleep otherwise. */
#ifndef CPU_POOL_H
#define CPU_POOL_H

#include <stddef.h>

typedef struct pool pool;

/* n_threads >= 1 workers, the caller of pool_run() being the first. NULL when threads or memory are exhausted. */
pool *pool_create(size_t n_threads);
void pool_destroy(pool *p); /* NULL allowed */
size_t pool_n_threads(const pool *p);
/* Calls fn(ctx, worker) for each worker at the same time and returns when all are done. Not re-entrant; one caller at a time. */
void pool_run(pool *p, void (*fn)(void *ctx, size_t worker), void *ctx);

#endif
