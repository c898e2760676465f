/*
 * Products: from a call to tasks. A call's products share x, so x is quantised once; then all their weight
 * rows, cut into chunks, are one parallel region in which the workers take chunk after chunk. A chunk's
 * arithmetic does not depend on who does it, so neither do the results.
 */
#include "backend/cpu/matmul_impl.h"

#include "base/arena.h"
#include "base/quant.h"

#include <stdatomic.h>

enum {
    MAX_PRODUCTS = 8, /* of one parallel region; a call with more runs several */
    CHUNK_ROWS = 64,  /* most rows of a chunk */
    DOT_CHUNK_BYTES =
        1 << 15, /* weights of a chunk for dots: stays in the first-level cache for further tokens */
    PANEL_BYTES = 1 << 17, /* panels of a chunk: a quarter of a 512 KiB second-level cache */
    BLOCK_TILES = 4, /* tiles of tokens that use a panel one after another while it is in the first level */
    MAX_TILE_TOKENS = 8,
    SERIAL_WORK = 1 << 15, /* multiply-adds below which waking another thread costs more than it saves */
};

typedef struct product {
    weight_rows w;
    const float *bias;
    float *y; /* [T, w.n] */
    matmul_dot *dot;
    const matmul_panel *panel; /* NULL: dots */
    size_t chunk_rows, first_chunk;
} product;

typedef struct region {
    const matmul_kernels *kernels;
    matmul_input in;
    epilogue ep;
    product products[MAX_PRODUCTS];
    size_t n_products, n_chunks;
    uint8_t *panels; /* panel_bytes for each worker */
    size_t panel_bytes;
    size_t quantize_rows; /* tokens a worker quantises at a time */
    atomic_size_t next;
} region;

static size_t min_size(size_t a, size_t b) { return a < b ? a : b; }

static void finish_rows(const region *r, const product *p, size_t t0, size_t nt, size_t row, size_t n,
                        const float *values, size_t stride)
{
    for (size_t t = 0; t < nt; t++)
        r->kernels->finish(r->ep, p->y + (t0 + t) * p->w.n + row, values + t * stride,
                           p->bias ? p->bias + row : NULL, n);
}

static void run_dots(const region *r, const product *p, size_t row, size_t n)
{
    float values[DOT_MAX_TOKENS * CHUNK_ROWS];
    weight_rows w = {p->w.bytes + row * p->w.row_bytes, p->w.row_bytes, n};
    for (size_t t = 0; t < r->in.T; t += DOT_MAX_TOKENS) {
        size_t nt = min_size(r->in.T - t, DOT_MAX_TOKENS);
        p->dot(w, &r->in, t, nt, values, CHUNK_ROWS);
        finish_rows(r, p, t, nt, row, n, values, CHUNK_ROWS);
    }
}

static void run_panels(const region *r, const product *p, size_t row, size_t n, uint8_t *panels)
{
    float values[BLOCK_TILES * MAX_TILE_TOKENS * CHUNK_ROWS];
    const matmul_panel *k = p->panel;
    size_t group_bytes = k->bytes_per_value * r->in.K, block = (size_t)BLOCK_TILES * k->n_tokens;
    for (size_t g = 0; g < n; g += k->n_rows) {
        weight_rows w = {p->w.bytes + (row + g) * p->w.row_bytes, p->w.row_bytes, min_size(n - g, k->n_rows)};
        k->pack(w, r->in.K, panels + g / k->n_rows * group_bytes);
    }
    for (size_t t0 = 0; t0 < r->in.T; t0 += block) {
        size_t nt = min_size(r->in.T - t0, block);
        for (size_t g = 0; g < n; g += k->n_rows)
            for (size_t t = 0; t < nt; t += k->n_tokens)
                k->tile(panels + g / k->n_rows * group_bytes, &r->in, t0 + t, min_size(nt - t, k->n_tokens),
                        values + t * CHUNK_ROWS + g, CHUNK_ROWS);
        finish_rows(r, p, t0, nt, row, n, values, CHUNK_ROWS);
    }
}

static void multiply_worker(void *ctx, size_t worker)
{
    region *r = ctx;
    for (size_t c; (c = atomic_fetch_add_explicit(&r->next, 1, memory_order_relaxed)) < r->n_chunks;) {
        const product *p = &r->products[r->n_products - 1];
        while (c < p->first_chunk) p--;
        size_t row = (c - p->first_chunk) * p->chunk_rows, n = min_size(p->w.n - row, p->chunk_rows);
        if (p->panel)
            run_panels(r, p, row, n, r->panels + worker * r->panel_bytes);
        else
            run_dots(r, p, row, n);
    }
}

static void quantize_worker(void *ctx, size_t worker)
{
    region *r = ctx;
    (void)worker;
    for (size_t t;
         (t = atomic_fetch_add_explicit(&r->next, r->quantize_rows, memory_order_relaxed)) < r->in.T;)
        r->kernels->quantize_act(&r->in.a, r->in.x, t, min_size(r->in.T - t, r->quantize_rows));
}

static void run(region *r, backend *b, void (*worker)(void *, size_t), bool parallel)
{
    atomic_store_explicit(&r->next, 0, memory_order_relaxed);
    if (parallel)
        cpu_parallel(b, worker, r);
    else
        worker(r, 0);
}

static product plan_product(region *r, tensor y, const linear *l, size_t n_workers)
{
    dtype type = l->w.type;
    size_t row_bytes = dtype_row_bytes(type, r->in.K), n = tensor_n_rows(l->w);
    product p = {.w = {cpu_data(l->w), row_bytes, n},
                 .bias = tensor_present(l->b) ? cpu_data(l->b) : NULL,
                 .y = cpu_data(y),
                 .dot = r->kernels->dot[type]};
    assert(tensor_row(l->w) == r->in.K && tensor_row(y) == n && tensor_n_rows(y) == r->in.T && p.dot);
    const matmul_panel *panel = r->kernels->panel[type];
    if (panel && r->in.T >= panel->min_tokens) {
        /* As many groups as the cache holds, but enough chunks for the workers to end together. */
        size_t group_bytes = panel->bytes_per_value * r->in.K, groups = PANEL_BYTES / group_bytes;
        groups = min_size(groups, CHUNK_ROWS / panel->n_rows);
        groups = min_size(groups, n / panel->n_rows / (4 * n_workers));
        if (!groups) groups = 1;
        p.panel = panel, p.chunk_rows = groups * panel->n_rows;
        if (groups * group_bytes > r->panel_bytes) r->panel_bytes = groups * group_bytes;
    } else {
        p.chunk_rows = min_size(DOT_CHUNK_BYTES / row_bytes, CHUNK_ROWS) & ~(size_t)3;
        if (!p.chunk_rows) p.chunk_rows = 4;
    }
    p.first_chunk = r->n_chunks;
    r->n_chunks += (n + p.chunk_rows - 1) / p.chunk_rows;
    return p;
}

/* One parallel region: at most MAX_PRODUCTS products. */
static void multiply(const matmul_kernels *kernels, backend *b, const tensor *y, tensor x,
                     const linear *const *l, size_t n, epilogue ep)
{
    region r = {.kernels = kernels,
                .in = {cpu_data(x), tensor_n_rows(x), tensor_row(x), {0}},
                .ep = ep,
                .n_products = n};
    size_t n_workers = cpu_n_threads(b), rows = 0;
    bool quantized = false;
    unsigned copies = 0;
    for (size_t i = 0; i < n; i++) {
        product *p = &r.products[i];
        *p = plan_product(&r, y[i], l[i], n_workers);
        rows += p->w.n;
        quantized |= dtype_is_quantized(l[i]->w.type);
        copies |= !p->panel ? kernels->dot_copies[l[i]->w.type] : p->panel->wants_q16 ? ACT_Q16 : 0u;
    }
    r.panel_bytes = (r.panel_bytes + 63) & ~(size_t)63;
    size_t act_bytes = quantized ? act8_bytes(r.in.T, r.in.K, copies) : 0, bytes;
    bool parallel = r.in.T * r.in.K * rows >= SERIAL_WORK;
    if (size_add_overflow(act_bytes, n_workers * r.panel_bytes, &bytes)) bytes = SIZE_MAX;
    if (bytes) {
        uint8_t *scratch = cpu_scratch(b, bytes);
        if (!scratch) return; /* the backend has kept the error */
        r.in.a = quantized ? act8_place(scratch, r.in.T, r.in.K, copies) : (act8){0};
        r.panels = scratch + act_bytes;
    }
    if (quantized) {
        r.quantize_rows = 4;
        run(&r, b, quantize_worker, r.in.T * r.in.K >= SERIAL_WORK);
    }
    run(&r, b, multiply_worker, parallel);
}

void matmul_run(const matmul_kernels *kernels, backend *b, const tensor *y, tensor x, const linear *const *l,
                size_t n, epilogue ep)
{
    for (size_t i = 0; i < n; i += MAX_PRODUCTS)
        multiply(kernels, b, y + i, x, l + i, min_size(n - i, MAX_PRODUCTS), ep);
}

/* ---- rows of a table ---- */

typedef struct embed_region {
    tensor y, table;
    const int32_t *ids;
    void (*dequantize)(dtype type, const void *row, float *y, size_t K);
    atomic_size_t next;
} embed_region;

static void embed_worker(void *ctx, size_t worker)
{
    embed_region *r = ctx;
    size_t D = tensor_row(r->y), T = tensor_n_rows(r->y), row_bytes = dtype_row_bytes(r->table.type, D);
    const uint8_t *table = cpu_data(r->table);
    float *y = cpu_data(r->y);
    (void)worker;
    for (size_t t; (t = atomic_fetch_add_explicit(&r->next, 1, memory_order_relaxed)) < T;) {
        assert(r->ids[t] >= 0 && (size_t)r->ids[t] < tensor_n_rows(r->table));
        r->dequantize(r->table.type, table + (size_t)r->ids[t] * row_bytes, y + t * D, D);
    }
}

void embed_run_as(void (*dequantize)(dtype type, const void *row, float *y, size_t K), backend *b, tensor y, tensor table, tensor ids)
{
    embed_region r = {.y = y, .table = table, .ids = cpu_data(ids), .dequantize = dequantize};
    atomic_init(&r.next, 0);
    assert(tensor_row(y) == tensor_row(table));
    if (tensor_n_rows(y) > 8)
        cpu_parallel(b, embed_worker, &r);
    else
        embed_worker(&r, 0);
}

void embed_run(backend *b, tensor y, tensor table, tensor ids) { embed_run_as(dequantize_row, b, y, table, ids); }

const struct cpu_matmul_ops *cpu_matmul_select(enum cpu_isa isa)
{
    switch (isa) {
    case CPU_ISA_REF: break;
#if defined(__x86_64__)
    case CPU_ISA_AVX2: return &cpu_matmul_avx2;
    case CPU_ISA_AVX512: return &cpu_matmul_avx512;
#elif defined(__wasm_simd128__)
    case CPU_ISA_SIMD128: return &cpu_matmul_simd128;
#if defined(__wasm_relaxed_simd__)
    case CPU_ISA_SIMD128_RELAXED: return &cpu_matmul_relaxed_simd128;
#endif
#endif
    default: break;
    }
    return &cpu_matmul_ref;
}
