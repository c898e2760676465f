/*
 * Times the products at the shapes of Qwen3.5-0.8B: us a call, GB/s of weights read, GMAC/s (10^9
 * multiply-adds a second).
 *
 *   build/bench/matmul [-t THREADS] [-i ISA] [-s text|vision|head] [TYPE...]
 *
 * Weights are walked through copies that together exceed the last-level cache, as a forward pass does; the
 * figure is the median of the repetitions, the fastest in brackets.
 */
#define _POSIX_C_SOURCE 200809L
#include "backend/backend.h"
#include "base/filemap.h"
#include "base/quant.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct shape {
    const char *group;
    size_t N, K, n; /* n products that share x */
} shape;

static const shape shapes[] = {
    {"text", 6144, 1024, 1},  {"text", 2048, 1024, 1}, {"text", 1024, 2048, 1},  {"text", 4096, 1024, 1},
    {"text", 512, 1024, 1},   {"text", 3584, 1024, 2}, {"text", 1024, 3584, 1},  {"head", 248320, 1024, 1},
    {"vision", 2304, 768, 1}, {"vision", 768, 768, 1}, {"vision", 3072, 768, 1}, {"vision", 768, 3072, 1},
};
static const size_t token_counts[] = {1, 4, 16, 64, 256};
enum { LAST_LEVEL_CACHE = 64 << 20, REPEATS = 51 };

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

static tensor matrix(backend *b, dtype type, size_t rows, size_t row)
{
    tensor t = {.type = type, .n_dims = 2, .shape = {rows, row, 1, 1}};
    error e = {0};
    if (b->ops->buffer_create(b, tensor_bytes(t), &t.buffer, &e)) {
        fprintf(stderr, "%s\n", e.message);
        exit(3);
    }
    return t;
}

/* A weight whose rows repeat one random row: speed does not depend on the values. */
static tensor random_weight(backend *b, dtype type, size_t N, size_t K, const float *row)
{
    tensor w = {.type = type, .n_dims = 2, .shape = {N, K, 1, 1}};
    size_t row_bytes = dtype_row_bytes(type, K);
    uint8_t *bytes = malloc(N * row_bytes);
    error e = {0};
    if (!bytes) exit(3);
    quantize_row(type, row, bytes, K);
    for (size_t r = 1; r < N; r++) memcpy(bytes + r * row_bytes, bytes, row_bytes);
    if (b->ops->weight_load(b, &w, bytes, false, &e)) {
        fprintf(stderr, "%s\n", e.message);
        exit(3);
    }
    free(bytes);
    return w;
}

static void bench(backend *b, dtype type, const shape *s, const float *values)
{
    size_t bytes = s->n * s->N * dtype_row_bytes(type, s->K), copies = LAST_LEVEL_CACHE / bytes + 1;
    tensor w = random_weight(b, type, copies * s->n * s->N, s->K, values);
    for (size_t i = 0; i < sizeof token_counts / sizeof *token_counts; i++) {
        size_t T = token_counts[i], next = 0;
        if (!strcmp(s->group, "vision")) T *= 4; /* 1,024 patches are a usual picture */
        if (!strcmp(s->group, "head") && T > 4) break;
        double macs = (double)(s->n * s->N) * (double)s->K * (double)T, ms[REPEATS];
        tensor x = matrix(b, DTYPE_F32, T, s->K), y[2];
        linear l[2];
        const linear *ls[2] = {&l[0], &l[1]};
        float *rows = malloc(T * s->K * sizeof *rows);
        if (!rows) exit(3);
        for (size_t t = 0; t < T * s->K; t++) rows[t] = values[(t * 7) % 4096];
        b->ops->write(b, x, rows);
        for (size_t p = 0; p < s->n; p++) y[p] = matrix(b, DTYPE_F32, T, s->N);
        size_t calls =
            (size_t)(2e7 / macs) + 1; /* about a millisecond: short, for machines that are shared */
        for (int r = 0; r < REPEATS; r++) {
            double start = time_ms();
            for (size_t c = 0; c < calls; c++, next = (next + 1) % copies) {
                for (size_t p = 0; p < s->n; p++)
                    l[p] = (linear){.w = tensor_rows(w, (next * s->n + p) * s->N, s->N)};
                b->ops->matmul(b, y, x, ls, s->n, EPILOGUE_STORE);
            }
            ms[r] = (time_ms() - start) / (double)calls;
        }
        qsort(ms, REPEATS, sizeof *ms, ascending);
        double median = ms[REPEATS / 2], best = ms[0];
        printf("%-5s %zux[%6zu,%4zu] T %4zu %10.1f us (%10.1f) %6.1f GB/s (%5.1f) %7.1f GMAC/s (%6.1f)\n",
               dtype_get(type)->name, s->n, s->N, s->K, T, median * 1e3, best * 1e3,
               (double)bytes / median * 1e-6, (double)bytes / best * 1e-6, macs / median * 1e-6,
               macs / best * 1e-6);
        fflush(stdout);
        free(rows);
        b->ops->buffer_destroy(b, x.buffer);
        for (size_t p = 0; p < s->n; p++) b->ops->buffer_destroy(b, y[p].buffer);
    }
    b->ops->buffer_destroy(b, w.buffer);
}

int main(int argc, char **argv)
{
    static const dtype all[] = {DTYPE_Q4_0, DTYPE_Q4_1, DTYPE_Q4_K, DTYPE_Q5_K, DTYPE_Q6_K,
                                DTYPE_Q8_0, DTYPE_F16,  DTYPE_BF16, DTYPE_F32};
    static float values[4096];
    const char *isa = NULL, *group = NULL;
    uint32_t n_threads = 0;
    backend *b;
    error e = {0};
    int i = 1;
    for (; i + 1 < argc && argv[i][0] == '-'; i += 2) {
        if (!strcmp(argv[i], "-t"))
            n_threads = (uint32_t)strtoul(argv[i + 1], NULL, 10);
        else if (!strcmp(argv[i], "-i"))
            isa = argv[i + 1];
        else if (!strcmp(argv[i], "-s"))
            group = argv[i + 1];
    }
    if (cpu_backend_create(isa, n_threads, &b, &e)) {
        fprintf(stderr, "%s\n", e.message);
        return 1;
    }
    printf("%s\n", b->description);
    unsigned seed = 1;
    for (size_t k = 0; k < 4096; k++) {
        seed = seed * 1664525u + 1013904223u;
        values[k] = (float)(seed >> 8) * 0x1p-23f - 1;
    }
    for (size_t t = 0; t < sizeof all / sizeof *all; t++) {
        bool wanted = i == argc;
        for (int a = i; a < argc; a++) wanted |= !strcmp(argv[a], dtype_get(all[t])->name);
        for (size_t s = 0; wanted && s < sizeof shapes / sizeof *shapes; s++)
            if ((!group || !strcmp(group, shapes[s].group)) &&
                shapes[s].K % dtype_get(all[t])->block_values == 0)
                bench(b, all[t], &shapes[s], values);
    }
    b->ops->destroy(b);
    return 0;
}
