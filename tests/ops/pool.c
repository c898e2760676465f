/*
 * The thread pool by itself: every worker once in every region, what one side wrote is seen by the other,
 * sleep and waking, and no processor burnt while idle. Run under ThreadSanitizer too: all data here is plain.
 */
#include "backend/cpu/pool.h"
#include "../check.h"

#include <pthread.h>
#include <stdlib.h>
#include <time.h>

enum { MAX_THREADS = 4 };

/* Counters are plain and a cache line apart: order comes from the pool or from nowhere. */
typedef struct region {
    size_t input;
    struct {
        size_t calls, seen;
        char pad[48];
    } of[MAX_THREADS];
} region;

static void record(void *ctx, size_t worker)
{
    region *r = ctx;
    r->of[worker].calls++;
    r->of[worker].seen = r->input;
}

static void sleep_us(long us) { nanosleep(&(struct timespec){us / 1000000, us % 1000000 * 1000}, NULL); }
static double cpu_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec * 1e-6;
}

/* One region; false when a worker ran not once, or saw an old input. */
static int region_ok(pool *p, region *r, size_t n_threads)
{
    size_t before[MAX_THREADS];
    for (size_t w = 0; w < n_threads; w++) before[w] = r->of[w].calls;
    r->input++;
    pool_run(p, record, r);
    int ok = 1;
    for (size_t w = 0; w < n_threads; w++) ok &= r->of[w].calls == before[w] + 1 && r->of[w].seen == r->input;
    return ok;
}

static void test_regions(size_t n_threads)
{
    pool *p = pool_create(n_threads);
    CHECK(p && pool_n_threads(p) == n_threads, "%zu threads", n_threads);
    if (!p) return;
    region r = {0};
    /* More threads than processors make a region cost a slice of the scheduler's time. */
    int ok = 1, n_regions = n_threads <= 2 ? 3000 : 500;
    for (int i = 0; i < n_regions; i++) ok &= region_ok(p, &r, n_threads);
    CHECK(ok, "%zu threads: a worker missed a region, ran it twice or saw old data", n_threads);
    /* Pauses shorter and longer than the spin of 100 us, and around it, where a worker falls asleep just as
     * work comes. */
    ok = 1;
    for (int i = 0; i < 150; i++) {
        sleep_us(i % 3 == 0 ? 20 : i % 3 == 1 ? 60 + i / 2 : 400);
        ok &= region_ok(p, &r, n_threads);
    }
    CHECK(ok, "%zu threads: a pause between regions lost one", n_threads);
    pool_destroy(p);
}

/* Each worker waits for the others inside the region: only possible when all run at the same time. */
typedef struct meeting {
    pthread_mutex_t lock;
    pthread_cond_t all_here;
    size_t n, expected;
} meeting;

static void meet(void *ctx, size_t worker)
{
    meeting *m = ctx;
    (void)worker;
    pthread_mutex_lock(&m->lock);
    m->n++;
    pthread_cond_broadcast(&m->all_here);
    while (m->n < m->expected) pthread_cond_wait(&m->all_here, &m->lock);
    pthread_mutex_unlock(&m->lock);
}

static void test_together(size_t n_threads)
{
    pool *p = pool_create(n_threads);
    CHECK(p, "%zu threads", n_threads);
    if (!p) return;
    meeting m = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, 0, n_threads};
    pool_run(p, meet, &m); /* hangs when workers run one after another */
    CHECK(m.n == n_threads, "%zu of %zu workers met", m.n, n_threads);
    pool_destroy(p);
}

/* Work of very uneven length: the caller must wait for the last. */
static void uneven(void *ctx, size_t worker)
{
    size_t *done = ctx;
    if (worker) sleep_us(3000);
    done[worker * 8] = worker + 1;
}

static void test_uneven(void)
{
    pool *p = pool_create(MAX_THREADS);
    CHECK(p, "pool");
    if (!p) return;
    for (int i = 0; i < 5; i++) {
        size_t done[MAX_THREADS * 8] = {0};
        pool_run(p, uneven, done);
        for (size_t w = 0; w < MAX_THREADS; w++)
            CHECK(done[w * 8] == w + 1, "worker %zu was not waited for", w);
    }
    pool_destroy(p);
}

/* The caller may be another thread each time, one at a time. */
typedef struct from_thread {
    pool *p;
    region *r;
    int ok;
} from_thread;

static void *run_from_thread(void *arg)
{
    from_thread *f = arg;
    f->ok = 1;
    for (int i = 0; i < 200; i++) f->ok &= region_ok(f->p, f->r, 3);
    return NULL;
}

static void test_callers(void)
{
    region r = {0};
    from_thread f = {pool_create(3), &r, 0};
    CHECK(f.p, "pool");
    if (!f.p) return;
    for (int i = 0; i < 10; i++) {
        pthread_t thread;
        CHECK(pthread_create(&thread, NULL, run_from_thread, &f) == 0, "thread");
        pthread_join(thread, NULL);
        CHECK(f.ok, "caller %d", i);
    }
    pool_destroy(f.p);
}

static void test_idle(void)
{
    region r = {0};
    pool *p = pool_create(MAX_THREADS);
    CHECK(p && region_ok(p, &r, MAX_THREADS), "pool");
    if (!p) return;
    sleep_us(20000);
    double before = cpu_ms();
    sleep_us(100000);
    double burnt = cpu_ms() - before;
    /* Three spinning workers would take 200 ms and more of two processors; asleep they take none. */
    CHECK(burnt < 20, "an idle pool takes %.1f ms of processor time in 100 ms", burnt);
    CHECK(region_ok(p, &r, MAX_THREADS), "a region after a long sleep");
    pool_destroy(p);
}

static void test_life(void)
{
    int ok = 1;
    for (int i = 0; i < 300; i++) {
        size_t n = 1 + (size_t)i % MAX_THREADS;
        region r = {0};
        pool *p = pool_create(n);
        if (i % 2)
            ok &= p && region_ok(p, &r, n); /* half of them die unused, or before a thread has started */
        if (i % 50 == 0) sleep_us(500);     /* or asleep */
        pool_destroy(p);
    }
    CHECK(ok, "a new pool's first region");
    pool_destroy(NULL);
}

int main(void)
{
    for (size_t n = 1; n <= MAX_THREADS; n++) {
        test_regions(n);
        test_together(n);
    }
    test_uneven();
    test_callers();
    test_idle();
    test_life();
    return check_done("ops/pool");
}
