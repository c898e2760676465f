/*
 * What the engine uses of POSIX threads, for a module whose engine runs in one thread: locks that only notice a second
 * locking, and threads that cannot be had, so that callers do the work themselves. The threads of the CPU backend are
 * those of pool_wasm.c; they run kernels and nothing else, and take no locks.
 */
#ifndef WASM_PTHREAD_H
#define WASM_PTHREAD_H

#include <errno.h>

typedef struct pthread_mutex_t { int is_locked; } pthread_mutex_t;
typedef int pthread_mutexattr_t;
typedef int pthread_t;
#define PTHREAD_MUTEX_INITIALIZER {0}
enum { PTHREAD_MUTEX_ERRORCHECK = 1 };

static inline int pthread_mutexattr_init(pthread_mutexattr_t *a) { return *a = 0; }
static inline int pthread_mutexattr_settype(pthread_mutexattr_t *a, int type) { *a = type; return 0; }
static inline int pthread_mutexattr_destroy(pthread_mutexattr_t *a) { (void)a; return 0; }
static inline int pthread_mutex_init(pthread_mutex_t *m, const pthread_mutexattr_t *a) { (void)a; return m->is_locked = 0; }
static inline int pthread_mutex_destroy(pthread_mutex_t *m) { (void)m; return 0; }
static inline int pthread_mutex_lock(pthread_mutex_t *m)
{
    if (m->is_locked) return EDEADLK;
    m->is_locked = 1;
    return 0;
}
static inline int pthread_mutex_unlock(pthread_mutex_t *m) { return m->is_locked = 0; }

static inline int pthread_create(pthread_t *t, const void *attr, void *(*start)(void *), void *arg)
{
    (void)t, (void)attr, (void)start, (void)arg;
    return EAGAIN;
}
static inline int pthread_join(pthread_t t, void **result) { (void)t, (void)result; return EINVAL; }

#endif
