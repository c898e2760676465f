/* Recording of GPU work, and its submission. */
#include "backend/webgpu/state.h"

#include "base/filemap.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Blocks and groups that are kept. A decoded token needs a few hundred; a prompt of a new length makes as many new ones. When
 * there are more, all are dropped between two recordings and the next one makes its own again. */
enum { NO_SLOT = UINT32_MAX, KEPT_SLOTS = 8192, KEPT_GROUPS = 8192, MAX_IN_FLIGHT = 32 };

/* Names of buffers of a rehearsal, which do not exist. */
#define HOLLOW (1u << 31)

void record_fail(webgpu *g, galago_status status, const char *format, ...)
{
    if (g->failure.status) return;
    char text[sizeof g->failure.message];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    fail(&g->failure, status, "%s", text);
}

/* Room for one more item behind n; false without memory. */
static bool make_room(webgpu *g, void *items, uint32_t n, uint32_t *room, size_t size)
{
    if (n < *room) return true;
    void *old;
    memcpy(&old, items, sizeof old); /* (the address of a pointer to any type) */
    uint32_t wider = *room ? 2 * *room : 256;
    void *now = realloc(old, wider * size);
    if (!now) {
        record_fail(g, GALAGO_ERR_MEMORY, "not enough memory to record GPU work");
        return false;
    }
    memcpy(items, &now, sizeof now);
    *room = wider;
    return true;
}

/* ---- hashing ---- */

static uint32_t mix(uint32_t h, const void *bytes, size_t size)
{
    uint64_t a = h;
    const uint8_t *p = bytes;
    for (; size >= 4; size -= 4, p += 4) {
        uint32_t word;
        memcpy(&word, p, 4);
        a = (a ^ word) * 0x9e3779b97f4a7c15u;
        a ^= a >> 32;
    }
    return (uint32_t)a;
}

static bool index_grow(webgpu *g, hash_index *x)
{
    if (4 * (x->n + 1) <= 3 * x->capacity) return true;
    uint32_t capacity = x->capacity ? 2 * x->capacity : 1024;
    struct hash_entry *entries = calloc(capacity, sizeof *entries);
    if (!entries) {
        record_fail(g, GALAGO_ERR_MEMORY, "not enough memory to record GPU work");
        return false;
    }
    for (uint32_t i = 0; i < x->capacity; i++) {
        if (!x->entries[i].value) continue;
        uint32_t at = x->entries[i].hash & (capacity - 1);
        while (entries[at].value) at = (at + 1) & (capacity - 1);
        entries[at] = x->entries[i];
    }
    free(x->entries);
    x->entries = entries;
    x->capacity = capacity;
    return true;
}
static void index_add(hash_index *x, uint32_t hash, uint32_t value)
{
    uint32_t at = hash & (x->capacity - 1);
    while (x->entries[at].value) at = (at + 1) & (x->capacity - 1);
    x->entries[at] = (struct hash_entry){hash, value + 1};
    x->n++;
}
static void index_clear(hash_index *x)
{
    if (x->n) memset(x->entries, 0, x->capacity * sizeof *x->entries);
    x->n = 0;
}
/* Loops over the numbers with this hash. */
#define EACH(x, h, number)                                                                                      \
    for (uint32_t at_ = (h) & ((x)->capacity - 1), number; (x)->capacity && (number = (x)->entries[at_].value); \
         at_ = (at_ + 1) & ((x)->capacity - 1))                                                                 \
        if ((x)->entries[at_].hash == (h) && (number--, true))

/* ---- pipelines ---- */

/* Valid until the next is found; NULL without memory. */
static pipeline_entry *find_pipeline(webgpu *g, const dispatch *d)
{
    uint32_t n = 0, h = (uint32_t)d->kernel + 1;
    while (n < RECORD_MAX_CONSTANTS && d->constants[n].name) h = mix(h, &d->constants[n++].value, sizeof(float));
    EACH (&g->pipeline_index, h, i) {
        pipeline_entry *p = &g->pipelines[i];
        bool same = p->kernel == d->kernel && p->n_constants == n;
        for (uint32_t c = 0; same && c < n; c++)
            same = p->constants[c].value == d->constants[c].value &&
                   (p->constants[c].name == d->constants[c].name || !strcmp(p->constants[c].name, d->constants[c].name));
        if (same) return p;
    }
    if (!index_grow(g, &g->pipeline_index) ||
        !make_room(g, &g->pipelines, g->n_pipelines, &g->pipeline_room, sizeof *g->pipelines))
        return NULL;
    const kernel_source *source = &kernel_sources[d->kernel];
    pipeline_entry *p = &g->pipelines[g->n_pipelines];
    *p = (pipeline_entry){.kernel = d->kernel, .n_constants = n};
    memcpy(p->constants, d->constants, n * sizeof *d->constants);
    p->id = gpu_pipeline_create(source->name, source->text, source->size, d->constants, n);
    if (!p->id) {
        record_fail(g, GALAGO_ERR_MEMORY, "not enough memory for the kernel %s", source->name);
        return NULL;
    }
    index_add(&g->pipeline_index, h, g->n_pipelines++);
    return p;
}

/* Whether all kernels of what is recorded are compiled. */
static bool is_compiled(webgpu *g)
{
    for (uint32_t i = 0; g->n_awaited && i < g->n_pipelines; i++) {
        pipeline_entry *p = &g->pipelines[i];
        if (!p->is_awaited) continue;
        if (!gpu_pipeline_ready(p->id)) return false;
        p->is_awaited = false;
        p->is_ready = true;
        g->n_awaited--;
    }
    return true;
}

void webgpu_describe_pipeline(const backend *b, gpu_pipeline id, char *text, size_t size)
{
    const webgpu *g = (const webgpu *)(const void *)b;
    if (size) *text = 0;
    for (uint32_t i = 0; i < g->n_pipelines; i++) {
        const pipeline_entry *p = &g->pipelines[i];
        if (p->id != id) continue;
        size_t n = (size_t)snprintf(text, size, "%s", kernel_sources[p->kernel].name);
        for (uint32_t c = 0; c < p->n_constants && n < size; c++)
            n += (size_t)snprintf(text + n, size - n, " %s=%g", p->constants[c].name, (double)p->constants[c].value);
        return;
    }
}

/* ---- parameters ---- */

static param_page *page_of(webgpu *g, uint32_t slot) { return g->pages[slot / PAGE_SLOTS]; }
static uint8_t *slot_bytes(webgpu *g, uint32_t slot) { return page_of(g, slot)->bytes + (size_t)(slot % PAGE_SLOTS) * PARAM_SLOT; }

static void slot_set(webgpu *g, uint32_t slot, const void *params, size_t size)
{
    param_page *page = page_of(g, slot);
    uint32_t at = slot % PAGE_SLOTS;
    memcpy(slot_bytes(g, slot), params, size);
    if (page->dirty_first == page->dirty_last) page->dirty_first = at, page->dirty_last = at + 1;
    if (at < page->dirty_first) page->dirty_first = at;
    if (at >= page->dirty_last) page->dirty_last = at + 1;
}

static uint32_t new_slot(webgpu *g)
{
    if (g->n_slots < g->n_pages * PAGE_SLOTS) return g->n_slots++;
    param_page *page = g->n_pages < MAX_PAGES ? calloc(1, sizeof *page + (size_t)PAGE_SLOTS * PARAM_SLOT) : NULL;
    if (page) {
        page->bytes = (uint8_t *)(page + 1);
        page->id = record_buffer(g, (size_t)PAGE_SLOTS * PARAM_SLOT);
    }
    if (!page || !page->id) {
        free(page);
        record_fail(g, GALAGO_ERR_MEMORY, "not enough memory for the parameters of GPU work");
        return NO_SLOT;
    }
    g->pages[g->n_pages++] = page;
    return g->n_slots++;
}

/* A block that is rewritten: the same place in every recording, so that its group stays the same. */
static uint32_t changing_slot(webgpu *g)
{
    enum { N = sizeof g->changing / sizeof *g->changing };
    if (g->n_changing_used < g->n_changing) return g->changing[g->n_changing_used++];
    uint32_t slot = new_slot(g);
    if (slot == NO_SLOT) return slot;
    page_of(g, slot)->sizes[slot % PAGE_SLOTS] = 0;
    if (g->n_changing < N) g->changing[g->n_changing++] = slot, g->n_changing_used++;
    return slot;
}

static uint32_t find_params(webgpu *g, const dispatch *d)
{
    if (d->changing) {
        uint32_t slot = changing_slot(g);
        if (slot != NO_SLOT) slot_set(g, slot, d->params, d->params_size);
        return slot;
    }
    uint32_t h = mix((uint32_t)d->params_size, d->params, d->params_size);
    EACH (&g->slot_index, h, i)
        if (page_of(g, i)->sizes[i % PAGE_SLOTS] == d->params_size && !memcmp(slot_bytes(g, i), d->params, d->params_size)) return i;
    if (!index_grow(g, &g->slot_index)) return NO_SLOT;
    uint32_t slot = new_slot(g);
    if (slot == NO_SLOT) return slot;
    page_of(g, slot)->sizes[slot % PAGE_SLOTS] = (uint16_t)d->params_size;
    slot_set(g, slot, d->params, d->params_size);
    index_add(&g->slot_index, h, slot);
    return slot;
}

/* ---- groups ---- */

static gpu_group find_group(webgpu *g, gpu_pipeline pipeline, uint32_t slot, const dispatch *d)
{
    group_key key = {.pipeline = pipeline, .slot = slot};
    uint32_t n = 0;
    for (; n < RECORD_MAX_BINDINGS && d->bind[n]; n++) key.bind[n] = d->bind[n];
    uint32_t h = mix(1, &key, sizeof key);
    EACH (&g->group_index, h, i)
        if (!memcmp(&g->groups[i].key, &key, sizeof key)) return g->groups[i].id;
    if (!index_grow(g, &g->group_index) || !make_room(g, &g->groups, g->n_groups, &g->group_room, sizeof *g->groups)) return 0;
    gpu_binding bindings[RECORD_MAX_BINDINGS + 1];
    uint32_t n_all = 0;
    if (slot != NO_SLOT)
        bindings[n_all++] = (gpu_binding){page_of(g, slot)->id, slot % PAGE_SLOTS * PARAM_SLOT, (uint32_t)d->params_size};
    for (uint32_t i = 0; i < n; i++) bindings[n_all++] = (gpu_binding){.buffer = d->bind[i]};
    gpu_group id = gpu_group_create(pipeline, bindings, n_all);
    if (!id) {
        record_fail(g, GALAGO_ERR_MEMORY, "not enough memory for the bindings of %s", kernel_sources[d->kernel].name);
        return 0;
    }
    g->groups[g->n_groups] = (group_entry){key, id};
    index_add(&g->group_index, h, g->n_groups++);
    return id;
}

/* Drops all groups and parameter blocks; nothing may be recorded. */
static void drop_groups(webgpu *g)
{
    for (uint32_t i = 0; i < g->n_groups; i++) gpu_group_destroy(g->groups[i].id);
    g->n_groups = g->n_slots = g->n_changing = 0;
    index_clear(&g->group_index);
    index_clear(&g->slot_index);
}

/* ---- commands ---- */

static gpu_command *new_command(webgpu *g, gpu_command_kind kind)
{
    if (g->failure.status || g->is_rehearsing || !make_room(g, &g->commands, g->n_commands, &g->command_room, sizeof *g->commands))
        return NULL;
    if (!g->n_batches) {
        if (!make_room(g, &g->batches, 0, &g->batch_room, sizeof *g->batches)) return NULL;
        g->batches[g->n_batches++] = (batch){0};
    }
    gpu_command *c = &g->commands[g->n_commands++];
    *c = (gpu_command){.kind = kind};
    return c;
}

void record(webgpu *g, const dispatch *d)
{
    assert(d->params_size % 16 == 0 && d->params_size <= RECORD_MAX_PARAMS);
    if (g->failure.status) return;
    if (d->x > GPU_MAX_WORKGROUPS || d->y > GPU_MAX_WORKGROUPS || d->z > GPU_MAX_WORKGROUPS) {
        record_fail(g, GALAGO_ERR_INTERNAL, "%s: %u x %u x %u workgroups, a GPU takes %d along an axis", kernel_sources[d->kernel].name,
                    d->x, d->y, d->z, GPU_MAX_WORKGROUPS);
        return;
    }
    pipeline_entry *p = find_pipeline(g, d);
    if (!p || g->is_rehearsing) return;
    uint32_t slot = d->params_size ? find_params(g, d) : NO_SLOT;
    if (g->failure.status) return;
    gpu_group group = find_group(g, p->id, slot, d);
    gpu_command *c = new_command(g, GPU_DISPATCH);
    if (!c) return;
    if (!p->is_ready && !p->is_awaited) p->is_awaited = true, g->n_awaited++;
    c->dispatch.pipeline = p->id;
    c->dispatch.group = group;
    c->dispatch.x = d->x ? d->x : 1;
    c->dispatch.y = d->y ? d->y : 1;
    c->dispatch.z = d->z ? d->z : 1;
}

void record_copy(webgpu *g, gpu_buffer dst, size_t dst_offset, gpu_buffer src, size_t src_offset, size_t size)
{
    gpu_command *c = size ? new_command(g, GPU_COPY) : NULL;
    if (!c) return;
    c->copy.src = src, c->copy.src_offset = (uint32_t)src_offset;
    c->copy.dst = dst, c->copy.dst_offset = (uint32_t)dst_offset;
    c->copy.size = (uint32_t)size;
}

void record_clear(webgpu *g, gpu_buffer b, size_t offset, size_t size)
{
    gpu_command *c = size ? new_command(g, GPU_CLEAR) : NULL;
    if (!c) return;
    c->clear.buffer = b, c->clear.offset = (uint32_t)offset, c->clear.size = (uint32_t)size;
}

gpu_buffer record_step(webgpu *g, size_t pos)
{
    if (g->is_rehearsing) return g->step;
    if (!g->n_batches) {
        if (!make_room(g, &g->batches, 0, &g->batch_room, sizeof *g->batches)) return g->step;
        g->batches[g->n_batches++] = (batch){0};
    }
    batch *last = &g->batches[g->n_batches - 1];
    if (last->has_position && last->position != pos) {
        if (!make_room(g, &g->batches, g->n_batches, &g->batch_room, sizeof *g->batches)) return g->step;
        last = &g->batches[g->n_batches++];
        last->first = g->n_commands;
    }
    last->has_position = true;
    last->position = (uint32_t)pos;
    return g->step;
}

gpu_buffer record_scratch(webgpu *g, enum scratch_slot slot, size_t size)
{
    if (g->is_rehearsing) return record_buffer(g, size);
    if (g->scratch[slot].id && g->scratch[slot].size >= size) return g->scratch[slot].id;
    size_t larger = (size + size / 4 + 255) & ~(size_t)255, limit = (size_t)g->info.max_binding_mib << 20;
    if (larger > limit) larger = (size + 255) & ~(size_t)255;
    if (g->scratch[slot].id) record_retire(g, g->scratch[slot].id, g->scratch[slot].size);
    g->scratch[slot].size = larger;
    g->scratch[slot].id = record_buffer(g, larger);
    if (!g->scratch[slot].id) {
        g->scratch[slot].size = 0;
        record_fail(g, GALAGO_ERR_MEMORY, "not enough GPU memory for %zu MiB of scratch", (larger >> 20) + 1);
    }
    return g->scratch[slot].id;
}

void record_write(webgpu *g, gpu_buffer dst, size_t offset, const void *bytes, size_t size)
{
    enum { PIECE = 1 << 30 };
    if (g->is_rehearsing) return;
    if (!g->n_commands) {
        for (size_t done = 0; done < size; done += PIECE) {
            size_t n = size - done < PIECE ? size - done : PIECE;
            gpu_write(dst, (uint32_t)(offset + done), (uint32_t)((uint64_t)(offset + done) >> 32), (const char *)bytes + done, (uint32_t)n);
        }
        return;
    }
    if (g->staging_used + size > g->staging_size) {
        if (g->staging) record_retire(g, g->staging, g->staging_size);
        g->staging_size = 2 * g->staging_size > size ? 2 * g->staging_size : (size + 65535) & ~(size_t)65535;
        g->staging_used = 0;
        g->staging = record_buffer(g, g->staging_size);
        if (!g->staging) {
            g->staging_size = 0;
            record_fail(g, GALAGO_ERR_MEMORY, "not enough GPU memory for %zu MiB of input", (size >> 20) + 1);
            return;
        }
    }
    gpu_write(g->staging, (uint32_t)g->staging_used, 0, bytes, (uint32_t)size);
    record_copy(g, dst, offset, g->staging, g->staging_used, size);
    g->staging_used += size;
}

/* ---- buffers ---- */

gpu_buffer record_buffer(webgpu *g, size_t size)
{
    if (g->is_rehearsing) return HOLLOW | ++g->n_hollow;
    gpu_buffer b = gpu_buffer_create((uint32_t)size, (uint32_t)((uint64_t)size >> 32));
    if (b) g->bytes += size, g->n_buffers++;
    return b;
}

enum { SMALL_PAGE = 4 << 20 };

struct small_page *record_small(webgpu *g, size_t size, gpu_buffer *id, size_t *at)
{
    size = (size + 255) & ~(size_t)255;
    if (!g->small || g->small->used + size > SMALL_PAGE) {
        struct small_page *page = calloc(1, sizeof *page);
        if (!page || !(page->id = record_buffer(g, SMALL_PAGE))) {
            free(page);
            return NULL;
        }
        g->small = page;
    }
    *id = g->small->id;
    *at = g->small->used;
    g->small->used += size;
    g->small->n_weights++;
    return g->small;
}

void record_small_release(webgpu *g, struct small_page *p)
{
    if (--p->n_weights) return;
    if (g->small == p) g->small = NULL;
    record_retire(g, p->id, SMALL_PAGE);
    free(p);
}

/* Groups that name a buffer keep it, and its number may come again for another: they go with it. */
static void destroy_retired(webgpu *g)
{
    if (!g->n_retired || g->n_commands) return;
    drop_groups(g);
    for (uint32_t i = 0; i < g->n_retired; i++) gpu_buffer_destroy(g->retired[i]);
    g->n_retired = 0;
}

void record_retire(webgpu *g, gpu_buffer b, size_t size)
{
    if (!b || b & HOLLOW) return;
    g->bytes -= size, g->n_buffers--;
    if (!make_room(g, &g->retired, g->n_retired, &g->retired_room, sizeof *g->retired)) return;
    g->retired[g->n_retired++] = b;
    destroy_retired(g);
}

/* ---- submission ---- */

static void forget_recording(webgpu *g)
{
    g->n_commands = g->n_batches = g->n_changing_used = 0;
    g->staging_used = 0;
    destroy_retired(g);
    if (g->n_slots > KEPT_SLOTS || g->n_groups > KEPT_GROUPS) drop_groups(g);
}

/* ---- how long forwards take ---- */

/* A forward is handed over in parts of about this time: a page's own drawing gets the device between them, and the device begins with
 * the first while the last are still encoded. */
enum { PART_MS = 6, MAX_PARTS = 16, UNKNOWN_PARTS = 8, MANY_TOKENS = 32 };

static uint32_t n_parts(const webgpu *g)
{
    if (g->base.forward < MANY_TOKENS) return 1;
    if (g->base.token_ms == 0) return UNKNOWN_PARTS;
    double n = g->base.token_ms * g->base.forward / PART_MS;
    return n < MAX_PARTS ? 1 + (uint32_t)n : MAX_PARTS;
}

static void watch(webgpu *g)
{
    if (!g->watched.tokens || g->n_handed - gpu_in_flight() < g->watched.last) return;
    g->base.token_ms = (time_ms() - g->watched.since) / g->watched.tokens;
    g->watched.tokens = 0;
}

/* Commands [first, end), in parts. */
static void hand_over(webgpu *g, uint32_t first, uint32_t end, uint32_t parts)
{
    uint32_t n = end - first;
    for (uint32_t k = 0; k < parts; k++) {
        uint32_t from = first + (uint32_t)((uint64_t)n * k / parts), to = first + (uint32_t)((uint64_t)n * (k + 1) / parts);
        if (to == from) continue;
        gpu_submit(g->commands + from, to - from);
        g->n_handed++;
    }
}

galago_status record_submit(webgpu *g, error *e)
{
    uint32_t parts = n_parts(g), in_flight = gpu_in_flight();
    watch(g);
    if (!g->failure.status) {
        /* Of forwards of many tokens one more than is being worked on, of single tokens as many as hide the way there and back. */
        if (g->n_commands && (!is_compiled(g) || in_flight >= (g->base.forward >= MANY_TOKENS ? parts + 1 : MAX_IN_FLIGHT)))
            return GALAGO_PENDING;
        char message[sizeof g->failure.message];
        galago_status s = (galago_status)gpu_status(message, sizeof message);
        if (s) record_fail(g, s, "%s", message);
    }
    if (g->failure.status) {
        forget_recording(g);
        error why = g->failure;
        error_clear(&g->failure); /* (what the device has against us, it says again) */
        return fail(e, why.status, "%s", why.message);
    }
    for (uint32_t i = 0; i < g->n_pages; i++) {
        param_page *page = g->pages[i];
        uint32_t first = page->dirty_first, n = page->dirty_last - first;
        if (n) gpu_write(page->id, first * PARAM_SLOT, 0, page->bytes + (size_t)first * PARAM_SLOT, n * PARAM_SLOT);
        page->dirty_first = page->dirty_last = 0;
    }
    double now = g->base.forward >= MANY_TOKENS && !in_flight ? time_ms() : 0;
    for (uint32_t i = 0; i < g->n_batches; i++) {
        const batch *b = &g->batches[i];
        uint32_t end = i + 1 < g->n_batches ? g->batches[i + 1].first : g->n_commands;
        if (b->has_position) gpu_write(g->step, 0, 0, &b->position, sizeof b->position);
        hand_over(g, b->first, end, parts);
    }
    if (now > 0 && g->n_commands) g->watched.tokens = g->base.forward, g->watched.last = g->n_handed, g->watched.since = now;
    g->base.forward = 0;
    forget_recording(g);
    return GALAGO_OK;
}

/* ---- rehearsals ---- */

void record_rehearse(webgpu *g, bool on)
{
    assert(g->is_rehearsing != on && (on || !g->small));
    if (on) g->stopped = g->small, g->small = NULL, g->n_hollow = 0;
    else g->small = g->stopped, g->stopped = NULL, error_clear(&g->failure); /* (a forward that fails likewise says so itself) */
    g->is_rehearsing = on;
}

galago_status record_open(webgpu *g, error *e)
{
    g->step = record_buffer(g, 256);
    return g->step ? GALAGO_OK : fail(e, GALAGO_ERR_MEMORY, "GPU %s: no room for a buffer", g->info.name);
}

void record_close(webgpu *g)
{
    g->n_commands = 0;
    drop_groups(g);
    for (int i = 0; i < SCRATCH_COUNT; i++) gpu_buffer_destroy(g->scratch[i].id);
    for (uint32_t i = 0; i < g->n_pages; i++) {
        gpu_buffer_destroy(g->pages[i]->id);
        free(g->pages[i]);
    }
    destroy_retired(g);
    for (size_t i = 0; i < sizeof g->ropes / sizeof *g->ropes; i++) gpu_buffer_destroy(g->ropes[i].id);
    gpu_buffer_destroy(g->staging);
    gpu_buffer_destroy(g->step);
    free(g->pipelines);
    free(g->pipeline_index.entries);
    free(g->slot_index.entries);
    free(g->group_index.entries);
    free(g->groups);
    free(g->commands);
    free(g->batches);
    free(g->retired);
}
