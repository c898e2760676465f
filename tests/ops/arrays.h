/* What tests of ops share: arrays in plain memory as tensors, every instruction set of the machine,
 * comparison. */
#ifndef TESTS_OPS_ARRAYS_H
#define TESTS_OPS_ARRAYS_H

#include "../check.h"
#include "backend/backend.h"
#include "backend/cpu/cpu.h"

#include <math.h>
#include <stdlib.h>

static unsigned long long seed = 11;

/* The CPU backend sees nothing of a buffer but its bytes; exact sizes, for the sanitizer. */
typedef struct array {
    buffer buffer;
    tensor t;
} array;

static inline void array_init(array *a, dtype type, size_t d0, size_t d1, size_t d2)
{
    *a = (array){.t = {.type = type, .n_dims = 3, .shape = {d0, d1, d2, 1}}};
    size_t bytes = tensor_bytes(a->t);
    a->buffer.data = malloc(bytes ? bytes : 1);
    a->t.buffer = &a->buffer;
    memset(a->buffer.data, 0xff, bytes); /* NaN: what an op does not write is seen */
}
static inline size_t array_n(const array *a) { return tensor_n_rows(a->t) * tensor_row(a->t); }
static inline float *floats(const array *a) { return (float *)(void *)a->buffer.data; }
static inline int32_t *ints(const array *a) { return (int32_t *)(void *)a->buffer.data; }
static inline void array_free(array *a) { free(a->buffer.data); }
static inline tensor matrix(const array *a)
{
    tensor t = a->t;
    return t.buffer = (buffer *)&a->buffer, tensor_reshape(t, tensor_n_rows(t), tensor_row(t));
}
static inline void array_random(array *a, float scale, float shift)
{
    for (size_t i = 0; i < array_n(a); i++) floats(a)[i] = scale * check_uniform(&seed) + shift;
}
static inline void array_poison(array *a) { memset(a->buffer.data, 0xff, tensor_bytes(a->t)); }
static inline void array_copy(array *to, const array *from)
{
    memcpy(to->buffer.data, from->buffer.data, tensor_bytes(from->t));
}

/* The oracle first, then each instruction set with one thread and with three. */
typedef struct tested {
    backend *b;
    bool is_ref, same_as_previous; /* same instruction set: results must be the same bits */
} tested;
enum { MAX_TESTED = 8 };
static tested backends[MAX_TESTED];
static size_t n_backends;

static inline void open_backends(void)
{
    size_t n_isas;
    const enum cpu_isa *isas = cpu_isas(&n_isas);
    for (size_t i = 0; i < n_isas; i++)
        for (uint32_t threads = 1; threads <= 3; threads += 2) {
            error e = {0};
            backend *b;
            if (cpu_backend_create(cpu_isa_name(isas[i]), threads, &b, &e)) continue;
            backends[n_backends++] = (tested){b, i == 0, threads == 3};
        }
    CHECK(n_backends >= 2, "no backend");
}
static inline void close_backends(void)
{
    for (size_t i = 0; i < n_backends; i++) backends[i].b->ops->destroy(backends[i].b);
}

/* Mean squared error over the mean square of what is expected; NaN where a value is NaN. */
static inline double nmse(const float *got, const float *want, size_t n)
{
    double error_sum = 0, sum = 0;
    for (size_t i = 0; i < n; i++) {
        error_sum += ((double)got[i] - want[i]) * ((double)got[i] - want[i]);
        sum += (double)want[i] * want[i];
    }
    return sum > 0 ? error_sum / sum : error_sum;
}

/* Results of one case, backend by backend: against the oracle, and the same bits from any number of threads.
 */
typedef struct verdict {
    const char *op;
    double bound, worst;
    float *oracle, *previous;
    size_t n;
} verdict;

static inline void judge(verdict *v, size_t which, const array *y, const char *of_case)
{
    size_t n = array_n(y), bytes = n * sizeof(float);
    if (which == 0) {
        free(v->oracle);
        free(v->previous);
        v->oracle = malloc(bytes);
        v->previous = malloc(bytes);
        v->n = n;
        memcpy(v->oracle, floats(y), bytes);
    }
    double err = nmse(floats(y), v->oracle, n);
    if (err > v->worst) v->worst = err;
    CHECK(err <= v->bound, "%s, %s: %s differs from the portable op by %g, more than %g", v->op, of_case,
          backends[which].b->description, err, v->bound);
    if (backends[which].same_as_previous)
        CHECK(memcmp(v->previous, floats(y), bytes) == 0, "%s, %s: %s: threads change the result", v->op,
              of_case, backends[which].b->description);
    memcpy(v->previous, floats(y), bytes);
}
static inline void verdict_done(verdict *v)
{
    printf("  %-18s %.1e of %.0e\n", v->op, v->worst, v->bound);
    free(v->oracle);
    free(v->previous);
}
/* Against a formula in the test. */
static inline void check_formula(const char *op, const char *of_case, const array *y, const double *want,
                                 double bound)
{
    double error_sum = 0, sum = 0;
    for (size_t i = 0; i < array_n(y); i++) {
        double d = floats(y)[i] - want[i];
        error_sum += d * d, sum += want[i] * want[i];
    }
    double err = sum > 0 ? error_sum / sum : error_sum;
    CHECK(err <= bound, "%s, %s: the portable op differs from the formula by %g", op, of_case, err);
}

#endif
