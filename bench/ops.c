/*
 * Times every op but the products at the shapes of Qwen3.5-0.8B: us a call (median, fastest in brackets),
 * GB/s of the memory an op must touch, GFLOP/s of what it must compute.
 *
 *   build/bench/ops [-t THREADS] [-i ISA] [OP...]
 *
 * The states of all 18 linear layers are walked through in turn, and the caches of all 6 full layers, as a
 * forward pass does; activations stay where the op before would have left them.
 */
#define _POSIX_C_SOURCE 200809L
#include "backend/backend.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
    D = 1024,
    F = 3584,
    HEADS = 16,
    DK = 128,
    CONV = 6144,
    N_LINEAR = 18, /* text, linear layers */
    HQ = 8,
    HKV = 2,
    DH = 256,
    N_FREQ = 32,
    N_FULL = 6,
    N_CTX = 4096, /* text, full layers */
    VD = 768,
    VHEADS = 12,
    VDH = 64, /* vision */
    MAX_T = 1024,
    REPEATS = 41
};

static double now_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec * 1e-3;
}

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static tensor make(backend *b, dtype type, size_t d0, size_t d1, size_t d2)
{
    tensor t = {.type = type, .n_dims = 3, .shape = {d0, d1, d2, 1}};
    error e = {0};
    if (b->ops->buffer_create(b, tensor_bytes(t), &t.buffer, &e)) {
        fprintf(stderr, "%s\n", e.message);
        exit(3);
    }
    if (type == DTYPE_F32) {
        size_t n = d0 * d1 * d2;
        float *values = malloc(n * sizeof *values);
        if (!values) exit(3);
        unsigned u = 1;
        for (size_t i = 0; i < n; i++) u = u * 1664525u + 1013904223u, values[i] = (float)(int)u * 0x1p-31f;
        b->ops->write(b, t, values);
        free(values);
    }
    return t;
}

/* [T, D] of what was made for MAX_T tokens. */
static tensor first(tensor t, size_t T, size_t row)
{
    t.n_dims = 2, t.shape[0] = T, t.shape[1] = row, t.shape[2] = 1;
    return t;
}

typedef struct all {
    backend *b;
    tensor x, y, z, w, bias; /* activations wide enough for every op */
    tensor state[N_LINEAR], conv[N_LINEAR], taps;
    tensor k_cache[N_FULL], v_cache[N_FULL];
    tensor pos, cs, table, index, weight;
    rope_params rope;
    size_t T, past, call;
} all;

typedef struct bench_op {
    const char *name;
    void (*run)(all *a);
    double bytes, flops; /* a token, and */
    double fixed_bytes;  /* a call */
    bool is_vision;
} bench_op;

static void rmsnorm(all *a)
{
    a->b->ops->rmsnorm(a->b, first(a->y, a->T, D), first(a->x, a->T, D), first(a->w, 1, D), 1e-6f);
}
static void swiglu(all *a)
{
    a->b->ops->swiglu(a->b, first(a->y, a->T, F), first(a->x, a->T, F), first(a->z, a->T, F));
}
static void gated_rmsnorm(all *a)
{
    a->b->ops->gated_rmsnorm(a->b, first(a->y, a->T, HEADS * DK), first(a->x, a->T, HEADS * DK),
                             first(a->z, a->T, HEADS * DK), first(a->w, 1, DK), 1e-6f);
}
static void conv(all *a)
{
    a->b->ops->causal_conv_silu(a->b, first(a->y, a->T, CONV), first(a->x, a->T, CONV),
                                first(a->taps, CONV, 4), first(a->conv[a->call % N_LINEAR], 3, CONV));
}
static void delta(all *a)
{
    static const delta_params p = {HEADS, HEADS, DK, DK, false};
    a->b->ops->delta_rule(a->b, first(a->y, a->T, HEADS * DK), first(a->x, a->T, CONV),
                          first(a->z, a->T, HEADS), first(a->z, a->T, HEADS), first(a->bias, 1, HEADS),
                          first(a->w, 1, HEADS), a->state[a->call % N_LINEAR], &p);
}
static void rope_table(all *a)
{
    tensor pos = a->pos;
    pos.n_dims = 2, pos.shape[0] = 3, pos.shape[1] = a->T, pos.shape[2] = 1;
    a->b->ops->rope_table(a->b, first(a->cs, a->T, 2 * N_FREQ), pos, &a->rope);
}
static void head_norm_rope(all *a)
{
    const head_view from = {HQ, DH, 0, 2 * DH}, to = {HQ, DH, 0, DH};
    a->b->ops->head_norm_rope(a->b, first(a->y, a->T, HQ * DH), to, first(a->x, a->T, 2 * HQ * DH), from,
                              first(a->w, 1, DH), 1e-6f, first(a->cs, a->T, 2 * N_FREQ));
}
static void kv_store(all *a)
{
    size_t i = a->call % N_FULL;
    a->b->ops->kv_store(a->b, a->k_cache[i], a->v_cache[i], first(a->x, a->T, HKV * DH),
                        first(a->z, a->T, HKV * DH), a->past);
}
static void attention(all *a)
{
    size_t i = a->call % N_FULL;
    a->b->ops->attention(a->b, first(a->y, a->T, HQ * DH), first(a->x, a->T, HQ * DH), a->k_cache[i],
                         a->v_cache[i], a->past, HQ, 0.0625f);
}
static void sigmoid_gate(all *a)
{
    const head_view gates = {HQ, DH, DH, 2 * DH};
    a->b->ops->sigmoid_gate(a->b, first(a->y, a->T, HQ * DH), first(a->x, a->T, 2 * HQ * DH), gates);
}
static void layernorm(all *a)
{
    a->b->ops->layernorm(a->b, first(a->y, a->T, VD), first(a->x, a->T, VD), first(a->w, 1, VD),
                         first(a->bias, 1, VD), 1e-6f);
}
static void interpolated(all *a)
{
    a->b->ops->add_interpolated(a->b, first(a->y, a->T, VD), first(a->table, 2304, VD),
                                first(a->index, a->T, 4), first(a->weight, a->T, 4));
}
static void vision_rope(all *a)
{
    const head_view q = {2 * VHEADS, VDH, 0, VDH};
    tensor x = first(a->x, a->T, 3 * VD);
    a->b->ops->head_norm_rope(a->b, x, q, x, q, (tensor){0}, 0, first(a->cs, a->T, 2 * N_FREQ));
}
static void segments(all *a)
{
    a->b->ops->segment_attention(a->b, first(a->y, a->T, VD), first(a->x, a->T, 3 * VD),
                                 (const size_t[]){0, a->T}, 1, VHEADS, 0.125f);
}

static const bench_op ops[] = {
    {"rmsnorm", rmsnorm, 8.0 * D, 4.0 * D, 4.0 * D, false},
    {"swiglu", swiglu, 12.0 * F, 0, 0, false},
    {"gated_rmsnorm", gated_rmsnorm, 12.0 * HEADS *DK, 0, 0, false},
    {"causal_conv_silu", conv, 8.0 * CONV, 8.0 * CONV, 4.0 * CONV *(4 + 6), false},
    {"delta_rule", delta, 4.0 * CONV + 4.0 * HEADS *DK, 7.0 * HEADS *DK *DK, 8.0 * HEADS *DK *DK, false},
    {"rope_table", rope_table, 8.0 * N_FREQ, 0, 0, false},
    {"head_norm_rope", head_norm_rope, 8.0 * HQ *DH, 0, 0, false},
    {"kv_store", kv_store, 12.0 * HKV *DH, 0, 0, false},
    {"sigmoid_gate", sigmoid_gate, 12.0 * HQ *DH, 0, 0, false},
    {"layernorm", layernorm, 8.0 * VD, 0, 0, true},
    {"add_interpolated", interpolated, 24.0 * VD, 8.0 * VD, 0, true},
    {"vision rope", vision_rope, 16.0 * VD, 0, 0, true},
};

static void report(all *a, const char *name, void (*run)(all *), double bytes, double flops)
{
    double us[REPEATS];
    /* At least 200 us an observation: the clock and the machine are coarser than a call. */
    run(a);
    double start = now_us();
    run(a);
    double once = now_us() - start;
    size_t inner = once < 200 ? (size_t)(200 / (once + 0.1)) + 1 : 1;
    size_t repeats = once > 50000 ? 7 : REPEATS;
    for (size_t r = 0; r < repeats; r++) {
        start = now_us();
        for (size_t i = 0; i < inner; i++, a->call++) run(a);
        us[r] = (now_us() - start) / (double)inner;
    }
    qsort(us, repeats, sizeof *us, ascending);
    double best = us[0], median = us[repeats / 2];
    printf("%-18s T %4zu past %4zu  %10.1f (%9.1f) us  %6.1f GB/s  %6.1f GFLOP/s\n", name, a->T, a->past,
           median, best, bytes / best * 1e-3, flops / best * 1e-3);
    fflush(stdout);
}

static bool wanted(int argc, char **argv, const char *name)
{
    for (int i = 0; i < argc; i++)
        if (strstr(name, argv[i])) return true;
    return argc == 0;
}

int main(int argc, char **argv)
{
    const char *isa = NULL;
    uint32_t threads = 0;
    int at = 1;
    for (; at + 1 < argc && argv[at][0] == '-'; at += 2) {
        if (!strcmp(argv[at], "-t"))
            threads = (uint32_t)strtoul(argv[at + 1], NULL, 10);
        else if (!strcmp(argv[at], "-i"))
            isa = argv[at + 1];
        else
            return fprintf(stderr, "usage: ops [-t THREADS] [-i ISA] [OP...]\n"), 2;
    }
    argc -= at, argv += at;
    static all a;
    error e = {0};
    if (cpu_backend_create(isa, threads, &a.b, &e)) return fprintf(stderr, "%s\n", e.message), 3;
    backend *b = a.b;
    a.x = make(b, DTYPE_F32, 1, MAX_T, CONV), a.y = make(b, DTYPE_F32, 1, MAX_T, CONV),
    a.z = make(b, DTYPE_F32, 1, MAX_T, CONV);
    a.w = make(b, DTYPE_F32, 1, 1, CONV), a.bias = make(b, DTYPE_F32, 1, 1, CONV),
    a.taps = make(b, DTYPE_F32, 1, CONV, 4);
    for (size_t i = 0; i < N_LINEAR; i++)
        a.state[i] = make(b, DTYPE_F32, HEADS, DK, DK), a.conv[i] = make(b, DTYPE_F32, 1, 3, CONV);
    for (size_t i = 0; i < N_FULL; i++)
        a.k_cache[i] = make(b, DTYPE_F16, HKV, N_CTX, DH), a.v_cache[i] = make(b, DTYPE_F16, HKV, N_CTX, DH);
    a.pos = make(b, DTYPE_I32, 1, 3, MAX_T), a.cs = make(b, DTYPE_F32, 1, MAX_T, 2 * N_FREQ);
    a.table = make(b, DTYPE_F32, 1, 2304, VD), a.weight = make(b, DTYPE_F32, 1, MAX_T, 4);
    a.index = make(b, DTYPE_I32, 1, MAX_T, 4);
    a.rope.n_freq = N_FREQ;
    for (size_t j = 0; j < N_FREQ; j++)
        a.rope.inv_freq[j] = powf(1e7f, -(float)j / N_FREQ), a.rope.axis[j] = (uint8_t)(j % 3);
    static int32_t numbers[4 * MAX_T];
    for (int i = 0; i < 4 * MAX_T; i++) numbers[i] = i * 7 % 2304;
    b->ops->write(b, a.index, numbers);
    b->ops->write(b, a.pos, numbers);
    printf("%s\n", b->description);

    /* Caches hold numbers, not zeros. */
    for (a.call = 0; a.call < N_FULL; a.call++)
        for (a.past = 0, a.T = MAX_T; a.past < N_CTX; a.past += MAX_T) kv_store(&a);
    a.past = 0;

    for (size_t i = 0; i < sizeof ops / sizeof *ops; i++) {
        const bench_op *o = &ops[i];
        if (!wanted(argc, argv, o->name)) continue;
        for (int k = 0; k < 2; k++) {
            a.T = k == 0 ? (o->is_vision ? 256 : 1) : (o->is_vision ? 1024 : 256);
            double T = (double)a.T;
            report(&a, o->name, o->run, o->bytes * T + o->fixed_bytes, o->flops * T);
        }
    }
    if (wanted(argc, argv, "attention")) {
        static const size_t cases[][2] = {{1, 255}, {1, 2047}, {1, 4095}, {256, 0}, {1024, 0}, {256, 2048}};
        for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
            a.T = cases[i][0], a.past = cases[i][1];
            double T = (double)a.T, pairs = T * (double)a.past + T * (T + 1) / 2;
            double flops = 4.0 * HQ * DH * pairs, bytes = 4.0 * HKV * DH * (double)(a.past + a.T);
            report(&a, "attention", attention, bytes, flops);
        }
        a.past = 0;
    }
    if (wanted(argc, argv, "segment_attention"))
        for (a.T = 256; a.T <= 1024; a.T *= 2)
            report(&a, "segment_attention", segments, 16.0 * VD * (double)a.T,
                   4.0 * VD * (double)a.T * (double)a.T);
    b->ops->destroy(b);
    return 0;
}
