#include "backend/cpu/pool.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <time.h>

#if defined(__x86_64__) || defined(__i386__)
#define SPIN_HINT() __builtin_ia32_pause()
#else
#define SPIN_HINT() atomic_signal_fence(memory_order_seq_cst)
#endif

/* A worker spins this long for the next piece before it sleeps: longer than the serial stretches between two pieces of a
 * token, short enough that an idle program burns nothing. */
enum { SPIN_ROUNDS = 2000, SPIN_NS = 100000 };

typedef struct worker {
    pthread_t thread;
    pool *p;
    size_t index;
} worker;

struct pool {
    size_t n_threads;
    worker *workers; /* [n_threads]; entry 0 is the caller and has no thread */
    void (*fn)(void *ctx, size_t worker);
    void *ctx;
    /* Each on a cache line of its own: the caller writes the one, the workers the other. */
    _Alignas(64) atomic_uint generation; /* one more for each pool_run() */
    _Alignas(64) atomic_uint n_busy;
    _Alignas(64) atomic_uint n_asleep;
    atomic_bool stop;
    pthread_mutex_t lock;
    pthread_cond_t wake;
};

static long long now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000000000ll + t.tv_nsec;
}

/* Waits until the generation is not `seen` any more. */
static void wait_for_work(pool *p, unsigned seen)
{
    long long end = 0;
    for (;;) {
        for (int i = 0; i < SPIN_ROUNDS; i++) {
            if (atomic_load_explicit(&p->generation, memory_order_acquire) != seen) return;
            SPIN_HINT();
        }
        long long now = now_ns();
        if (!end) end = now + SPIN_NS;
        else if (now > end) break;
    }
    pthread_mutex_lock(&p->lock);
    /* Announced before the last look: pool_run() changes the generation first and looks for sleepers second, so one of the two
     * sees the other. */
    atomic_fetch_add(&p->n_asleep, 1);
    while (atomic_load(&p->generation) == seen) pthread_cond_wait(&p->wake, &p->lock);
    atomic_fetch_sub(&p->n_asleep, 1);
    pthread_mutex_unlock(&p->lock);
}

static void *work(void *arg)
{
    worker *w = arg;
    pool *p = w->p;
    for (unsigned seen = 0;;) {
        wait_for_work(p, seen);
        seen++;
        if (atomic_load_explicit(&p->stop, memory_order_relaxed)) return NULL;
        p->fn(p->ctx, w->index);
        atomic_fetch_sub_explicit(&p->n_busy, 1, memory_order_release);
    }
}

static void start(pool *p)
{
    atomic_fetch_add(&p->generation, 1);
    if (atomic_load(&p->n_asleep)) {
        pthread_mutex_lock(&p->lock);
        pthread_cond_broadcast(&p->wake);
        pthread_mutex_unlock(&p->lock);
    }
}

pool *pool_create(size_t n_threads)
{
    pool *p = aligned_alloc(64, (sizeof *p + 63) & ~(size_t)63);
    if (!p) return NULL;
    *p = (pool){.workers = calloc(n_threads, sizeof *p->workers)};
    pthread_mutex_init(&p->lock, NULL);
    pthread_cond_init(&p->wake, NULL);
    p->n_threads = 1;
    while (p->workers && p->n_threads < n_threads) {
        worker *w = &p->workers[p->n_threads];
        *w = (worker){.p = p, .index = p->n_threads};
        if (pthread_create(&w->thread, NULL, work, w) != 0) break;
        p->n_threads++;
    }
    if (p->n_threads < n_threads) {
        pool_destroy(p);
        return NULL;
    }
    return p;
}

void pool_destroy(pool *p)
{
    if (!p) return;
    atomic_store(&p->stop, true);
    start(p);
    for (size_t i = 1; i < p->n_threads; i++) pthread_join(p->workers[i].thread, NULL);
    pthread_mutex_destroy(&p->lock);
    pthread_cond_destroy(&p->wake);
    free(p->workers);
    free(p);
}

size_t pool_n_threads(const pool *p) { return p->n_threads; }

void pool_run(pool *p, void (*fn)(void *ctx, size_t worker), void *ctx)
{
    if (p->n_threads == 1) {
        fn(ctx, 0);
        return;
    }
    p->fn = fn;
    p->ctx = ctx;
    atomic_store_explicit(&p->n_busy, (unsigned)p->n_threads - 1, memory_order_relaxed);
    start(p);
    fn(ctx, 0);
    /* Shares are even, so the others end about now. On a crowded machine one of them may have lost its processor: let it run. */
    for (unsigned i = 0; atomic_load_explicit(&p->n_busy, memory_order_acquire); i++) {
        if (i < 20000) SPIN_HINT();
        else sched_yield();
    }
}
