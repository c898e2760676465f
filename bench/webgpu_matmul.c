/*
 * Times the products of Qwen3.5-0.8B's shapes on a GPU: us a call, GB/s of weights read, TFLOPS.
 *
 *   cc -O2 -Iinclude -Isrc -Ibuild/gen bench/webgpu_matmul.c build/libgalago.a -ljpeg -lpng -lwebpdemux -lwebp -lm -ldl -pthread \
 *      -o build/bench/webgpu_matmul
 *   build/bench/webgpu_matmul [-l LIBRARY] [-e TOGGLES] [-t] [TYPE...]      TYPE: q4_0 (default), q6_k, q8_0, f16, ...   -t: try shapes
 *      -e: Dawn's toggles to be switched on, for instance vulkan_enable_f16_on_nvidia
 *
 * A line is the median of the dispatches, each behind the one before it because they write the same y: with timestamp queries the
 * device's own times (the smallest in brackets), else the host's clock over all of them. Weights are walked through copies that
 * exceed most second-level caches. With -t the constants of the kernels are tried out, not only those that the backend would choose.
 */
#define _POSIX_C_SOURCE 200809L
#include "backend/webgpu/products.h"
#include "backend/webgpu/weight.h"
#include "base/quant.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static const struct { uint32_t N, K; } shapes[] = {{8192, 1024}, {6144, 1024}, {1024, 2048}, {7168, 1024}, {1024, 3584}, {248320, 1024}};
enum { REPEATS = 60, MAX_COPIES = 12, COPIES_BYTES = 64 << 20 };

static backend *b;

static void need(galago_status s, const error *e)
{
    if (s == GALAGO_OK) return;
    fprintf(stderr, "%s\n", e->message);
    exit(3);
}

static void finish_all(void)
{
    error e = {0};
    galago_status s;
    while ((s = b->ops->submit(b, &e)) == GALAGO_PENDING) b->ops->wait(b, &e);
    need(s, &e);
    while (gpu_in_flight()) gpu_wait();
}

static tensor matrix(size_t rows, size_t row)
{
    tensor t = {.type = DTYPE_F32, .n_dims = 2, .shape = {rows, row, 1, 1}};
    error e = {0};
    need(b->ops->buffer_create(b, tensor_bytes(t), &t.buffer, &e), &e);
    return t;
}

/* Rows repeat one row: speed does not depend on the values. */
static tensor random_weight(dtype type, size_t N, size_t K)
{
    tensor w = {.type = type, .n_dims = 2, .shape = {N, K, 1, 1}};
    size_t row_bytes = dtype_row_bytes(type, K);
    float *row = malloc(K * sizeof *row);
    uint8_t *bytes = malloc(N * row_bytes);
    error e = {0};
    for (size_t k = 0; k < K; k++) row[k] = (float)(k * 7919 % 1000) / 1000 - 0.5f;
    quantize_row(type, row, bytes, K);
    for (size_t r = 1; r < N; r++) memcpy(bytes + r * row_bytes, bytes, row_bytes);
    need(b->ops->weight_load(b, &w, bytes, false, &e), &e);
    free(row);
    free(bytes);
    return w;
}

static int ascending(const void *a, const void *c)
{
    double x = *(const double *)a, y = *(const double *)c;
    return x < y ? -1 : x > y;
}

typedef struct product {
    linear l[MAX_COPIES];
    uint32_t n_copies;
    tensor x, y;
    const matvec_shape *matvec; /* NULL: the backend's choice */
    const matmul_shape *matmul;
} product;

static void record_once(const product *p, size_t i)
{
    const linear *l = &p->l[i % p->n_copies];
    if (p->matvec)
        matvec_record(webgpu_of(b), p->y, p->x, l, *p->matvec);
    else if (p->matmul)
        matmul_record(webgpu_of(b), p->y, p->x, l, *p->matmul);
    else
        b->ops->matmul(b, &p->y, p->x, &l, 1, EPILOGUE_STORE);
}

/* Median and least us of a call. */
static void measure(const product *p, double *median, double *least)
{
    enum { MAX_DISPATCHES = 4 * REPEATS };
    double ns[MAX_DISPATCHES], us[REPEATS];
    uint32_t n = 0;
    for (size_t i = 0; i < 3; i++) record_once(p, i);
    finish_all();
    bool timed = webgpu_info(webgpu_of(b))->timestamps;
    if (timed) gpu_profile_begin(MAX_DISPATCHES);
    struct timespec t[2];
    clock_gettime(CLOCK_MONOTONIC, &t[0]);
    for (size_t i = 0; i < REPEATS; i++) record_once(p, i);
    finish_all();
    clock_gettime(CLOCK_MONOTONIC, &t[1]);
    *median = *least = ((double)(t[1].tv_sec - t[0].tv_sec) * 1e6 + (double)(t[1].tv_nsec - t[0].tv_nsec) * 1e-3) / REPEATS;
    if (!timed) return;
    while (gpu_profile_end(ns, MAX_DISPATCHES, &n) == GALAGO_PENDING) gpu_wait();
    size_t each = n / REPEATS; /* dispatches of a call */
    if (!each) return;
    for (size_t i = 0; i < REPEATS; i++) {
        us[i] = 0;
        for (size_t k = 0; k < each; k++) us[i] += ns[i * each + k] * 1e-3;
    }
    qsort(us, REPEATS, sizeof *us, ascending);
    *median = us[REPEATS / 2], *least = us[0];
}

static void print(const product *p, const char *what)
{
    double median, least, weight_bytes = (double)p->l[0].w.buffer->size;
    double flops = 2.0 * (double)tensor_n_rows(p->x) * (double)tensor_row(p->x) * (double)tensor_row(p->y);
    measure(p, &median, &least);
    printf("  T %4zu  %-28s %9.1f us (%.1f)  %7.0f GB/s  %6.2f TFLOPS\n", tensor_n_rows(p->x), what, median, least,
           weight_bytes / median * 1e-3, flops / median * 1e-6);
    fflush(stdout);
}

static void try_matvec(product *p)
{
    uint32_t tiles = (uint32_t)(tensor_row(p->x) + TILE_COLS - 1) / TILE_COLS;
    for (uint32_t wg = 64; wg <= 256; wg *= 2)
        for (uint32_t team = 32; team <= wg && team <= 32 * tiles; team *= 2)
            for (uint32_t quads = 1; quads <= 4; quads *= 2) {
                char what[64];
                matvec_shape s = {wg, team, quads};
                p->matvec = &s;
                snprintf(what, sizeof what, "wg %u team %u quads %u", wg, team, quads);
                print(p, what);
            }
    p->matvec = NULL;
}

static void try_matmul(product *p)
{
    for (uint32_t rows = 1; rows <= 2; rows++)
        for (uint32_t tokens = 1; tokens <= (matmul_takes_codes(webgpu_of(b), &p->l[0]) ? 1 : 2); tokens++)
            for (uint32_t splits = 1; splits <= 8 && splits * TILE_COLS <= tensor_row(p->x); splits *= 2) {
                char what[64];
                matmul_shape s = {rows, tokens, splits};
                p->matmul = &s;
                snprintf(what, sizeof what, "tile %u x %u splits %u", 64 * rows, 64 * tokens, splits);
                print(p, what);
            }
    p->matmul = NULL;
}

static void bench_type(dtype type, bool try_shapes)
{
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        uint32_t N = shapes[i].N, K = shapes[i].K;
        if (!dtype_row_bytes(type, K)) continue;
        product p = {.n_copies = (uint32_t)(COPIES_BYTES / (N * dtype_row_bytes(type, K))) + 1};
        if (p.n_copies > MAX_COPIES) p.n_copies = MAX_COPIES;
        for (uint32_t c = 0; c < p.n_copies; c++) p.l[c].w = random_weight(type, N, K);
        printf("%s [%u x %u], %.1f MB\n", dtype_get(type)->name, N, K, (double)p.l[0].w.buffer->size * 1e-6);
        static const size_t token_counts[] = {1, 2, 8, 64, 256, 1024};
        for (size_t t = 0; t < sizeof token_counts / sizeof *token_counts; t++) {
            size_t T = token_counts[t];
            if (N > 100000 && T > 8) continue; /* the head sees the last token alone */
            p.x = matrix(T, K), p.y = matrix(T, N);
            print(&p, "as chosen");
            gpu_info *info = webgpu_features(b), has = *info;
            if (T > 16) { /* the other products of many tokens, side by side */
                info->dot8 = 0;
                if (has.dot8 && dtype_get(type)->block_values > 1) print(&p, has.f16 ? "with f16 tiles" : "without 8-bit dot products");
                info->f16 = 0;
                if (has.f16) print(&p, "with f32 tiles");
                *info = has;
            }
            if (try_shapes && p.l[0].w.buffer->n_chunks == 1) {
                if (T == 1) try_matvec(&p);
                if (T == 256) try_matmul(&p);
            }
            finish_all();
            b->ops->buffer_destroy(b, p.x.buffer), b->ops->buffer_destroy(b, p.y.buffer);
        }
        for (uint32_t c = 0; c < p.n_copies; c++) b->ops->buffer_destroy(b, p.l[c].w.buffer);
        finish_all();
    }
}

int main(int argc, char **argv)
{
    const char *library = NULL, *toggles = NULL;
    bool try_shapes = false, any = false;
    error e = {0};
    for (int i = 1; i < argc; i++) {
        if (!strcmp(argv[i], "-l") && i + 1 < argc) library = argv[++i];
        if (!strcmp(argv[i], "-e") && i + 1 < argc) toggles = argv[++i];
        if (!strcmp(argv[i], "-t")) try_shapes = true;
    }
    if (!gpu_native_change(toggles, NULL)) return fprintf(stderr, "-e takes eight toggles at most\n"), 1;
    need(webgpu_backend_create(library, &b, &e), &e);
    const gpu_info *info = webgpu_info(webgpu_of(b));
    printf("%s; subgroups %u to %u, timestamps %u, bindings to %u MiB\n", b->description, info->subgroup_min, info->subgroup_max,
           info->timestamps, info->max_binding_mib);
    for (int i = 1; i < argc; i++) {
        dtype type;
        if (!strcmp(argv[i], "-l") || !strcmp(argv[i], "-e"))
            i++;
        else if (dtype_by_name(argv[i], &type))
            bench_type(type, try_shapes), any = true;
        else if (strcmp(argv[i], "-t") != 0)
            fprintf(stderr, "%s: no type\n", argv[i]);
    }
    if (!any) bench_type(DTYPE_Q4_0, try_shapes);
    b->ops->destroy(b);
    return 0;
}
