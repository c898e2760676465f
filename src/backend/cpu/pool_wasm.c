/*
 * The pool in a page: threads are workers that the host starts on the same memory. They may come late, or never: what a
 * worker that is not there yet would do, the caller does itself, so that nothing ever waits for the host. Without shared
 * memory there is one thread, the caller's.
 */
#include "backend/cpu/pool.h"

#include <stdlib.h>

#ifndef __wasm_atomics__

struct pool {
    char unused;
};

pool *pool_create(size_t n_threads) { return n_threads == 1 ? malloc(sizeof(pool)) : NULL; }
void pool_destroy(pool *p) { free(p); }
size_t pool_n_threads(const pool *p)
{
    (void)p;
    return 1;
}
void pool_run(pool *p, void (*fn)(void *ctx, size_t worker), void *ctx)
{
    (void)p;
    fn(ctx, 0);
}

#else

#include "wasm/host.h"
#include "wasm/thread.h"
#include <stdatomic.h>
#include <stdbool.h>

enum {
    STACK_BYTES = 256 << 10,
    SPIN_ROUNDS = 50000, /* looks for the next piece before a worker sleeps: about a tenth of a millisecond */
    PATIENCE_NS = 50000, /* after as many looks for the others' end the caller sleeps this long between two looks */
};

/* What one worker and the caller know of one another, on a cache line of its own. */
typedef struct worker {
    _Alignas(64) struct pool *p;
    size_t index;
    void *stack;
    atomic_uint is_here; /* it has begun, and has not ended */
    atomic_uint turn;    /* the latest generation in which it has a share */
} worker;

struct pool {
    size_t n_threads, n_spawned;
    worker *workers; /* [n_threads]; entry 0 is the caller and no worker */
    void (*fn)(void *ctx, size_t worker);
    void *ctx;
    _Alignas(64) atomic_uint generation; /* one more for each pool_run(); what workers sleep on */
    _Alignas(64) atomic_uint n_busy;
    _Alignas(64) atomic_uint n_asleep;
    atomic_uint n_ended;
    atomic_bool stop;
};

/* Sleeps until *word is not `seen`, somebody wakes it, or the time is over; ns < 0: no limit. A function of its own: V8's baseline
 * compiler (seen in Node.js 20) loses variables that live across the instruction, and loops around it then never end. */
__attribute__((noinline)) static void sleep_on(atomic_uint *word, unsigned seen, long long ns) { __builtin_wasm_memory_atomic_wait32((int *)word, (int)seen, ns); }

static unsigned wait_for_work(pool *p, unsigned seen)
{
    unsigned now = seen;
    for (int i = 0; i < SPIN_ROUNDS; i++)
        if ((now = atomic_load_explicit(&p->generation, memory_order_acquire)) != seen) return now;
    atomic_fetch_add(&p->n_asleep, 1);
    while ((now = atomic_load(&p->generation)) == seen) sleep_on(&p->generation, seen, -1);
    atomic_fetch_sub(&p->n_asleep, 1);
    return now;
}

/* In the worker, on its own stack. */
void thread_main(void *arg)
{
    worker *w = arg;
    pool *p = w->p;
    unsigned seen = atomic_load(&p->generation);
    atomic_store(&w->is_here, 1);
    while (!atomic_load(&p->stop)) {
        seen = wait_for_work(p, seen);
        if (atomic_load_explicit(&w->turn, memory_order_acquire) != seen || atomic_load(&p->stop)) continue;
        p->fn(p->ctx, w->index);
        atomic_fetch_sub_explicit(&p->n_busy, 1, memory_order_release);
    }
    atomic_fetch_add(&p->n_ended, 1);
}

static void start(pool *p)
{
    atomic_fetch_add(&p->generation, 1);
    if (atomic_load(&p->n_asleep)) __builtin_wasm_memory_atomic_notify((int *)&p->generation, ~0u);
}

static void *aligned(size_t bytes) { return aligned_alloc(64, (bytes + 63) & ~(size_t)63); }

pool *pool_create(size_t n_threads)
{
    pool *p = aligned(sizeof *p);
    worker *workers = aligned(n_threads * sizeof *workers);
    if (!p || !workers) {
        free(p);
        free(workers);
        return NULL;
    }
    *p = (pool){.n_threads = n_threads, .workers = workers};
    for (size_t i = 0; i < n_threads; i++) workers[i] = (worker){.p = p, .index = i};
    for (p->n_spawned = 1; p->n_spawned < n_threads; p->n_spawned++) {
        worker *w = &workers[p->n_spawned];
        w->stack = aligned(STACK_BYTES);
        /* A host without more workers is no failure: the caller does their shares. */
        if (!w->stack || !host_thread_spawn(w, (char *)w->stack + STACK_BYTES)) break;
    }
    return p;
}

void pool_destroy(pool *p)
{
    if (!p) return;
    unsigned n_here = 0;
    /* A worker that has not begun by now may still come: it finds `stop` and ends. Its memory stays for it. */
    atomic_store(&p->stop, true);
    for (size_t i = 1; i < p->n_spawned; i++) n_here += atomic_load(&p->workers[i].is_here);
    start(p);
    for (unsigned n; (n = atomic_load(&p->n_ended)) < n_here;) sleep_on(&p->n_ended, n, PATIENCE_NS);
    bool all_ended = atomic_load(&p->n_ended) == p->n_spawned - 1;
    if (!all_ended) return;
    for (size_t i = 1; i < p->n_threads; i++) free(p->workers[i].stack);
    free(p->workers);
    free(p);
}

size_t pool_n_threads(const pool *p) { return p->n_threads; }

void pool_run(pool *p, void (*fn)(void *ctx, size_t worker), void *ctx)
{
    unsigned next = atomic_load_explicit(&p->generation, memory_order_relaxed) + 1, n = 0;
    p->fn = fn;
    p->ctx = ctx;
    for (size_t i = 1; i < p->n_spawned; i++) {
        if (!atomic_load_explicit(&p->workers[i].is_here, memory_order_acquire)) continue;
        atomic_store_explicit(&p->workers[i].turn, next, memory_order_release);
        n++;
    }
    if (n) {
        atomic_store_explicit(&p->n_busy, n, memory_order_relaxed);
        start(p);
    }
    fn(ctx, 0);
    for (size_t i = 1; n + 1 < p->n_threads && i < p->n_threads; i++)
        if (!n || p->workers[i].turn != next) fn(ctx, i);
    for (unsigned i = 0, busy; n && (busy = atomic_load_explicit(&p->n_busy, memory_order_acquire)); i++)
        if (i > SPIN_ROUNDS) sleep_on(&p->n_busy, busy, PATIENCE_NS);
}

#endif
