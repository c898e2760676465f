/* The WebGPU backend: buffers, transfers and the table of ops. */
#include "backend/webgpu/state.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const gpu_info *webgpu_info(const webgpu *g) { return &g->info; }

void webgpu_memory(const backend *b, uint64_t *bytes, uint32_t *n)
{
    const webgpu *g = (const webgpu *)(const void *)b;
    *bytes = g->bytes;
    *n = g->n_buffers;
}

uint32_t webgpu_n_pipelines(const backend *b) { return ((const webgpu *)(const void *)b)->n_pipelines; }

/* ---- memory ---- */

static galago_status buffer_create(backend *b, size_t size, buffer **out, error *e)
{
    webgpu *g = webgpu_of(b);
    *out = NULL;
    size_t limit = (size_t)g->info.max_binding_mib << 20, room = (size + 15) & ~(size_t)15; /* kernels may see it as vec4s */
    if (!room) room = 16;
    if (size > limit || room > limit)
        return fail(e, GALAGO_ERR_MEMORY, "GPU %s: a buffer of %zu MiB, one holds at most %" PRIu32 " MiB; a shorter context or smaller "
                    "pictures need less", g->info.name, size >> 20, g->info.max_binding_mib);
    buffer *buf = calloc(1, sizeof *buf);
    if (!buf) return fail(e, GALAGO_ERR_MEMORY, "not enough memory for a buffer");
    buf->one.id = record_buffer(g, room);
    if (!buf->one.id) {
        free(buf);
        return fail(e, GALAGO_ERR_MEMORY, "GPU %s: no room for %zu MiB more, %" PRIu64 " MiB are in use", g->info.name, (size >> 20) + 1,
                    g->bytes >> 20);
    }
    buf->size = room;
    buf->n_chunks = 1;
    buf->chunks = &buf->one;
    *out = buf;
    return GALAGO_OK;
}

static void buffer_destroy(backend *b, buffer *buf)
{
    if (!buf) return;
    webgpu *g = webgpu_of(b);
    if (buf->page) {
        record_small_release(g, buf->page);
        free(buf);
        return;
    }
    /* The size of single chunks is nobody's to know here: the first takes it all off the account. */
    for (uint32_t i = 0; i < buf->n_chunks; i++) record_retire(g, buf->chunks[i].id, i ? 0 : buf->size);
    if (buf->chunks != &buf->one) free(buf->chunks);
    free(buf);
}

static void write_tensor(backend *b, tensor dst, const void *bytes)
{
    record_write(webgpu_of(b), id_of(dst), dst.offset_bytes, bytes, tensor_bytes(dst));
}

static void clear(backend *b, tensor t)
{
    /* (f16 tensors of an odd number of values do not occur.) */
    record_clear(webgpu_of(b), id_of(t), t.offset_bytes, (tensor_bytes(t) + 3) & ~(size_t)3);
}

/* ---- submits and results ---- */

static galago_status submit(backend *b, error *e) { return record_submit(webgpu_of(b), e); }

/* What the device says of itself, as the reason why something has no result. */
static galago_status device_failure(error *e, galago_status otherwise)
{
    char message[sizeof e->message];
    galago_status s = (galago_status)gpu_status(message, sizeof message);
    return s ? fail(e, s, "%s", message) : otherwise ? fail(e, otherwise, "the GPU gave no result") : GALAGO_OK;
}

static galago_status begin(tensor src, uint32_t *ticket, error *e)
{
    *ticket = gpu_read_begin(id_of(src), (uint32_t)src.offset_bytes, (uint32_t)tensor_bytes(src));
    return *ticket ? GALAGO_OK : device_failure(e, GALAGO_ERR_MEMORY);
}
static galago_status poll(uint32_t ticket, void *dst, tensor src, error *e)
{
    int32_t s = gpu_read_poll(ticket, dst, (uint32_t)tensor_bytes(src));
    if (s == GALAGO_PENDING) return GALAGO_PENDING;
    return device_failure(e, (galago_status)s); /* bytes of work that was refused are no result either */
}

static galago_status read_begin(backend *b, tensor src, uint32_t *ticket, error *e)
{
    (void)b;
    return begin(src, ticket, e);
}
static galago_status read_poll(backend *b, uint32_t ticket, void *dst, tensor src, error *e)
{
    (void)b;
    if (dst) return poll(ticket, dst, src, e);
    gpu_read_cancel(ticket);
    return GALAGO_OK;
}

static galago_status read_tensor(backend *b, void *dst, tensor src, error *e)
{
    webgpu *g = webgpu_of(b);
    galago_status s;
    if (!g->read_ticket && (s = begin(src, &g->read_ticket, e))) return s;
    s = poll(g->read_ticket, dst, src, e);
    if (s != GALAGO_PENDING) g->read_ticket = 0;
    return s;
}

static galago_status wait(backend *b, error *e)
{
    (void)b, (void)e;
    return gpu_wait() ? GALAGO_OK : GALAGO_PENDING;
}

static void rehearse(backend *b, bool on) { record_rehearse(webgpu_of(b), on); }

static void destroy(backend *b)
{
    webgpu *g = webgpu_of(b);
    if (g->read_ticket) gpu_read_cancel(g->read_ticket);
    record_close(g);
    free(g);
}

/* ---- the table ---- */

static void fill(backend_ops *ops)
{
    ops->destroy = destroy;
    ops->buffer_create = buffer_create;
    ops->buffer_destroy = buffer_destroy;
    ops->write = write_tensor;
    ops->clear = clear;
    ops->submit = submit;
    ops->read = read_tensor;
    ops->wait = wait;
    ops->read_begin = read_begin;
    ops->read_poll = read_poll;
    ops->rehearse = rehearse;
    webgpu_ops_rows(ops);
    webgpu_ops_matmul(ops);
    webgpu_ops_attention(ops);
    webgpu_ops_delta(ops);
    webgpu_ops_sample(ops);
    backend_compose(ops);
}

galago_status webgpu_backend_create(const char *library, backend **out, error *e)
{
    *out = NULL;
#ifndef __wasm__
    galago_status opened = gpu_native_open(library, e);
    if (opened) return opened;
#else
    (void)library; /* the host opened the device before it loaded this module */
#endif
    webgpu *g = calloc(1, sizeof *g);
    if (!g) return fail(e, GALAGO_ERR_MEMORY, "not enough memory for the GPU backend");
    gpu_get_info(&g->info);
    g->info.name[sizeof g->info.name - 1] = 0;
    fill(&g->ops);
    g->base.ops = &g->ops;
    /* Activations of 1,024 tokens take 140 MB with the 0.8B model; many tokens fill large devices only. */
    g->base.batch = g->info.max_binding_mib >= 1024 ? 1024 : 256;
    g->base.is_software = g->info.software != 0;
    snprintf(g->base.description, sizeof g->base.description, "webgpu (%.90s%s%s%s)", g->info.name[0] ? g->info.name : "GPU",
             g->info.subgroups ? ", subgroups" : "", g->info.f16 ? ", f16" : "", g->info.software ? ", software" : "");
    galago_status s = record_open(g, e);
    if (s) {
        destroy(&g->base);
        return s;
    }
    *out = &g->base;
    return GALAGO_OK;
}
