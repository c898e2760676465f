/* Memory, submission and the making of the CPU backend. Ops run at once; submit() reports what went wrong. */
#define _GNU_SOURCE
#include "backend/cpu/matmul.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static void destroy(backend *b)
{
    cpu_backend *c = cpu_of(b);
    pool_destroy(c->pool);
    free(c->scratch);
    free(c);
}

/* Anonymous memory: zeroed, and taken from the system only where it is touched, so that a long context costs what is used. */
static galago_status buffer_create(backend *b, size_t size, buffer **out, error *e)
{
    (void)b;
    *out = NULL;
    buffer *buf = malloc(sizeof *buf);
    void *data = buf ? mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) : MAP_FAILED;
    if (data == MAP_FAILED) {
        free(buf);
        return fail(e, GALAGO_ERR_MEMORY, "not enough memory for %.1f MB", (double)size / 1e6);
    }
    /* Large pages: a third fewer misses when weights and caches stream through. Asking is free where there are none. */
    if (size >= 4u << 20) madvise(data, size, MADV_HUGEPAGE);
    *buf = (buffer){data, size};
    *out = buf;
    return GALAGO_OK;
}

static void buffer_destroy(backend *b, buffer *buf)
{
    (void)b;
    if (!buf) return;
    if (buf->mapped_bytes) munmap(buf->data, buf->mapped_bytes);
    free(buf);
}

static void copy_rows(backend *b, tensor to, const void *bytes)
{
    if (cpu_of(b)->from_file)
        cpu_of(b)->from_file(to.type, cpu_data(to), bytes, tensor_n_rows(to), tensor_row(to));
    else
        memcpy(cpu_data(to), bytes, tensor_bytes(to));
}

static galago_status weight_load(backend *b, tensor *w, const void *bytes, bool stays, error *e)
{
    size_t size = tensor_bytes(*w);
    w->offset_bytes = 0;
    if (bytes && stays && !cpu_of(b)->from_file) {
        w->buffer = malloc(sizeof *w->buffer);
        if (!w->buffer) return fail(e, GALAGO_ERR_MEMORY, "not enough memory for a weight");
        *w->buffer = (buffer){(uint8_t *)bytes, 0};
        return GALAGO_OK;
    }
    galago_status s = buffer_create(b, size, &w->buffer, e);
    if (!s && bytes) copy_rows(b, *w, bytes);
    return s;
}

static void weight_write(backend *b, tensor w, size_t first, size_t n, const void *bytes)
{
    copy_rows(b, tensor_rows(w, first, n), bytes);
}

static void write_tensor(backend *b, tensor dst, const void *bytes)
{
    (void)b;
    memcpy(cpu_data(dst), bytes, tensor_bytes(dst));
}

static void clear(backend *b, tensor t)
{
    (void)b;
    memset(cpu_data(t), 0, tensor_bytes(t));
}

/* Nothing is ever pending here. */
static galago_status wait_for_device(backend *b, error *e)
{
    (void)b, (void)e;
    return GALAGO_OK;
}

static galago_status submit(backend *b, error *e)
{
    cpu_backend *c = cpu_of(b);
    if (!c->first_error.status) return GALAGO_OK;
    galago_status s = fail(e, c->first_error.status, "%s", c->first_error.message);
    error_clear(&c->first_error);
    return s;
}

static galago_status read_tensor(backend *b, void *dst, tensor src, error *e)
{
    galago_status s = submit(b, e);
    if (!s) memcpy(dst, cpu_data(src), tensor_bytes(src));
    return s;
}

static void copy(backend *b, tensor dst, tensor src)
{
    (void)b;
    assert(tensor_bytes(dst) == tensor_bytes(src));
    memcpy(cpu_data(dst), cpu_data(src), tensor_bytes(src));
}

void *cpu_scratch(backend *b, size_t bytes)
{
    cpu_backend *c = cpu_of(b);
    if (bytes > c->scratch_bytes) {
        free(c->scratch);
        size_t rounded = bytes <= SIZE_MAX - 4095 ? (bytes + 4095) & ~(size_t)4095 : 0;
        c->scratch = rounded ? aligned_alloc(4096, rounded) : NULL;
        c->scratch_bytes = c->scratch ? rounded : 0;
        if (!c->scratch) fail(&c->first_error, GALAGO_ERR_MEMORY, "not enough memory for %zu bytes of scratch", bytes);
    }
    return c->scratch;
}

static galago_status unknown_isa(const char *isa, error *e)
{
    char names[96];
    size_t n, length = 0;
    const enum cpu_isa *known = cpu_isas(&n);
    for (size_t i = 0; i < n && length < sizeof names; i++)
        length += (size_t)snprintf(names + length, sizeof names - length, "%s%s", i + 1 < n ? ", " : " or ", cpu_isa_name(known[i]));
    return fail(e, GALAGO_ERR_ARGUMENT, "cpu isa \"%.20s\": must be auto%s", isa, names);
}

galago_status cpu_backend_create(const char *isa, uint32_t n_threads, backend **out, error *e)
{
    *out = NULL;
    enum cpu_isa best = cpu_isa_best(), use = best;
    if (isa && strcmp(isa, "auto") != 0) {
        size_t i = 0, n;
        const enum cpu_isa *known = cpu_isas(&n);
        while (i < n && strcmp(cpu_isa_name(known[i]), isa) != 0) i++;
        if (i == n) return unknown_isa(isa, e);
        if (known[i] > best)
            return fail(e, GALAGO_ERR_ARGUMENT, "cpu isa %s: this processor has no more than %s", isa, cpu_isa_name(best));
        use = known[i];
    }
    if (n_threads > 1024) return fail(e, GALAGO_ERR_ARGUMENT, "%u threads: at most 1024", n_threads);
    long online = sysconf(_SC_NPROCESSORS_ONLN);
    if (!n_threads) n_threads = online > 0 ? (uint32_t)online : 1;

    cpu_backend *c = calloc(1, sizeof *c);
    if (c) c->pool = pool_create(n_threads);
    if (!c || !c->pool) {
        free(c);
        return fail(e, GALAGO_ERR_MEMORY, "%u threads could not be started (fewer --threads need less)", n_threads);
    }
    c->isa = use;
    c->ops = (backend_ops){
        .destroy = destroy,
        .buffer_create = buffer_create,
        .buffer_destroy = buffer_destroy,
        .weight_load = weight_load,
        .weight_write = weight_write,
        .write = write_tensor,
        .clear = clear,
        .submit = submit,
        .read = read_tensor,
        .wait = wait_for_device,
        .copy = copy,
    };
    cpu_dispatch(&c->ops, use);
    c->base.ops = &c->ops;
    c->from_file = cpu_matmul_select(use)->from_file;
    c->base.uses_mapped = !c->from_file;
    c->base.batch = 256;
    snprintf(c->base.description, sizeof c->base.description, "cpu (%s, %u thread%s)", cpu_isa_name(use), n_threads,
             n_threads == 1 ? "" : "s");
    *out = &c->base;
    return GALAGO_OK;
}
