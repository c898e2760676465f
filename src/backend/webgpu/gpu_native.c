/* The GPU border (gpu.h) natively: handles are indices into tables of the library's objects. */
#include "backend/webgpu/gpu_native.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { MAX_GROUP_BINDINGS = 10, MAX_CONSTANTS = 16, MAX_PROFILE = 2048 };

typedef struct buffer_slot {
    wg_handle object;
    uint64_t size;
} buffer_slot;
typedef struct pipeline_slot {
    wg_handle object, layout; /* NULL while it is compiled, and when it failed */
    bool is_settled;          /* one or the other is known */
    /* What it was made of: pipelines are never freed, so that models that are opened one after another share them. */
    wg_handle device;
    const char *wgsl;
    uint32_t n_constants;
    gpu_constant constants[MAX_CONSTANTS];
} pipeline_slot;
typedef struct group_slot {
    wg_handle object; /* made when it is first submitted: the pipeline's layout exists only then */
    gpu_pipeline pipeline; /* 0 = a free slot */
    uint32_t n;
    gpu_binding bindings[MAX_GROUP_BINDINGS];
} group_slot;
enum read_state { READ_FREE = 0, READ_WAITING, READ_READY, READ_FAILED };
typedef struct read_slot {
    wg_handle buffer; /* kept for the next read on this device that fits */
    wg_handle device;
    uint64_t capacity;
    enum read_state state;
    bool unwanted;
} read_slot;

/* Tables from index 1; index 0 is "none". The counts are of places. */
static struct tables {
    buffer_slot *buffers;
    pipeline_slot *pipelines;
    group_slot *groups;
    read_slot *reads;
    uint32_t n_buffers, n_pipelines, n_groups, n_reads;
    uint32_t last_pipeline, next_group; /* next_group: no place below it is free */
    gpu_pipeline awaited;               /* somebody waits for this one; 0 = for none */
} tab;

static bool is_waiting(void) { return tab.awaited && !tab.pipelines[tab.awaited].is_settled; }

static struct profile {
    bool on, whole; /* whole: a time for each pass, not for each dispatch */
    wg_handle queries, resolved;
    uint32_t n, capacity;
    gpu_ticket ticket;
} profile;
static gpu_pipeline profiled[MAX_PROFILE]; /* of the latest profile's dispatches */

/* The table, wider when `index` has no place in it yet; NULL without memory, the table then stays as it is. */
static void *with_room(void *table, uint32_t *capacity, uint32_t index, size_t size)
{
    if (index < *capacity) return table;
    uint32_t n = index < 32 ? 64 : 2 * index;
    char *wider = realloc(table, n * size);
    if (!wider) return NULL;
    memset(wider + *capacity * size, 0, (n - *capacity) * size);
    *capacity = n;
    return wider;
}
#define ENTER pthread_mutex_lock(&native.lock)
#define LEAVE pthread_mutex_unlock(&native.lock)
#define NO_LABEL {NULL, WG_STRLEN}

static uint64_t wide(uint32_t low, uint32_t high) { return (uint64_t)high << 32 | low; }

void gpu_get_info(gpu_info *out) { *out = native.info; }

int32_t gpu_status(char *message, uint32_t capacity)
{
    ENTER;
    galago_status s = native.failure.status;
    if (capacity) snprintf(message, capacity, "%s", s ? native.failure.message : "");
    LEAVE;
    return (int32_t)s;
}

/* ---- buffers ---- */

static void scope_ended(uint32_t status, uint32_t type, wg_string message, void *userdata1, void *userdata2)
{
    (void)message, (void)userdata2;
    *(int *)userdata1 = status == WG_SUCCESS && type != WG_ERROR_NONE ? -1 : 1;
}

/* NULL when there is no room, which the library tells through an error scope. */
static wg_handle make_buffer(uint64_t size, uint64_t usage)
{
    int outcome = 0;
    native.DevicePushErrorScope(native.device, WG_SCOPE_OUT_OF_MEMORY);
    wg_handle b = native.DeviceCreateBuffer(native.device, &(wg_buffer_options){.label = NO_LABEL, .usage = usage, .size = size});
    native.DevicePopErrorScope(native.device,
                               (wg_scope_callback){.mode = WG_CALLBACK_SPONTANEOUS, .call = scope_ended, .userdata1 = &outcome});
    /* (The scope of a native device is known at once; `outcome` must not be written later, though.) */
    while (!outcome) native.InstanceProcessEvents(native.instance);
    if (outcome < 0 && b) {
        native.BufferRelease(b);
        b = NULL;
    }
    return b;
}

gpu_buffer gpu_buffer_create(uint32_t size_low, uint32_t size_high)
{
    uint64_t size = wide(size_low, size_high);
    ENTER;
    gpu_buffer id = 0;
    wg_handle b = NULL;
    if (native.device && size && size >> 20 <= native.info.max_buffer_mib)
        b = make_buffer(size, WG_USE_STORAGE | WG_USE_UNIFORM | WG_USE_COPY_SRC | WG_USE_COPY_DST);
    if (b) {
        for (id = 1; id < tab.n_buffers && tab.buffers[id].object;) id++;
        buffer_slot *places = with_room(tab.buffers, &tab.n_buffers, id, sizeof *places);
        if (places) {
            tab.buffers = places;
            places[id] = (buffer_slot){b, size};
        } else {
            native.BufferRelease(b);
            id = 0;
        }
    }
    LEAVE;
    return id;
}

void gpu_buffer_destroy(gpu_buffer b)
{
    if (!b) return;
    ENTER;
    buffer_slot *slot = &tab.buffers[b];
    native.BufferDestroy(slot->object);
    native.BufferRelease(slot->object);
    *slot = (buffer_slot){0};
    LEAVE;
}

void gpu_write(gpu_buffer b, uint32_t offset_low, uint32_t offset_high, const void *bytes, uint32_t size)
{
    if (!b || !size) return;
    ENTER;
    native.QueueWriteBuffer(native.queue, tab.buffers[b].object, wide(offset_low, offset_high), bytes, size);
    LEAVE;
}

/* ---- pipelines and groups ---- */

static void compiled(uint32_t status, wg_handle pipeline, wg_string message, void *userdata1, void *userdata2)
{
    (void)userdata2;
    pipeline_slot *slot = &tab.pipelines[(uintptr_t)userdata1];
    slot->is_settled = true;
    if (status != WG_SUCCESS) {
        /* (A device that was lost before this one gives up its kernels late.) */
        if (slot->device == native.device) native_fail(GALAGO_ERR_INTERNAL, "the GPU refused a kernel", message);
        return;
    }
    slot->object = pipeline;
    slot->layout = native.ComputePipelineGetBindGroupLayout(pipeline, 0);
}

static gpu_pipeline made_before(const char *wgsl, const gpu_constant *constants, uint32_t n)
{
    for (gpu_pipeline id = 1; id <= tab.last_pipeline; id++) {
        const pipeline_slot *p = &tab.pipelines[id];
        bool same = p->device == native.device && p->wgsl == wgsl && p->n_constants == n;
        for (uint32_t i = 0; same && i < n; i++)
            same = p->constants[i].value == constants[i].value && !strcmp(p->constants[i].name, constants[i].name);
        if (same) return id;
    }
    return 0;
}

gpu_pipeline gpu_pipeline_create(const char *label, const char *wgsl, uint32_t wgsl_size, const gpu_constant *constants,
                                 uint32_t n_constants)
{
    assert(n_constants <= MAX_CONSTANTS);
    ENTER;
    gpu_pipeline id = made_before(wgsl, constants, n_constants);
    if (id) {
        LEAVE;
        return id;
    }
    id = tab.last_pipeline + 1;
    pipeline_slot *places = with_room(tab.pipelines, &tab.n_pipelines, id, sizeof *places);
    if (!places || !native.device) {
        if (places) tab.pipelines = places;
        LEAVE;
        return 0;
    }
    tab.pipelines = places;
    tab.last_pipeline = id;
    places[id] = (pipeline_slot){.device = native.device, .wgsl = wgsl, .n_constants = n_constants};
    if (n_constants) memcpy(places[id].constants, constants, n_constants * sizeof *constants);
    wg_shader_wgsl code = {{NULL, WG_CHAIN_SHADER_WGSL}, {wgsl, wgsl_size}};
    wg_handle module = native.DeviceCreateShaderModule(native.device, &(wg_labelled){&code.chain, WG_STRING(label)});
    wg_constant values[MAX_CONSTANTS];
    for (uint32_t i = 0; i < n_constants; i++)
        values[i] = (wg_constant){NULL, WG_STRING(constants[i].name), (double)constants[i].value};
    native.DeviceCreateComputePipelineAsync(
        native.device,
        &(wg_pipeline_options){.label = WG_STRING(label),
                               .compute = {.module = module, .entry = WG_STRING("main"), .n_constants = n_constants, .constants = values}},
        (wg_callback){.mode = WG_CALLBACK_PROCESS_EVENTS, .call = compiled, .userdata1 = (void *)(uintptr_t)id});
    native.ShaderModuleRelease(module);
    LEAVE;
    return id;
}

int32_t gpu_pipeline_ready(gpu_pipeline p)
{
    if (!p) return 1;
    ENTER;
    if (!tab.pipelines[p].is_settled) native.InstanceProcessEvents(native.instance);
    bool ready = tab.pipelines[p].is_settled || native.failure.status; /* (a lost device compiles no more) */
    tab.awaited = ready ? 0 : p;
    LEAVE;
    return ready;
}

gpu_group gpu_group_create(gpu_pipeline p, const gpu_binding *bindings, uint32_t n)
{
    assert(n <= MAX_GROUP_BINDINGS);
    if (!p) return 0;
    ENTER;
    gpu_group id = tab.next_group ? tab.next_group : 1;
    while (id < tab.n_groups && tab.groups[id].pipeline) id++;
    group_slot *places = with_room(tab.groups, &tab.n_groups, id, sizeof *places);
    if (places) {
        tab.groups = places;
        tab.next_group = id + 1;
        places[id] = (group_slot){.pipeline = p, .n = n};
        memcpy(places[id].bindings, bindings, n * sizeof *bindings);
    } else {
        id = 0;
    }
    LEAVE;
    return id;
}

void gpu_group_destroy(gpu_group g)
{
    if (!g) return;
    ENTER;
    if (tab.groups[g].object) native.BindGroupRelease(tab.groups[g].object);
    tab.groups[g] = (group_slot){0};
    if (g < tab.next_group) tab.next_group = g;
    LEAVE;
}

static wg_handle group_object(group_slot *g)
{
    const pipeline_slot *p = &tab.pipelines[g->pipeline];
    if (g->object || !p->layout) return g->object;
    wg_group_entry entries[MAX_GROUP_BINDINGS];
    for (uint32_t i = 0; i < g->n; i++) {
        const gpu_binding *b = &g->bindings[i];
        const buffer_slot *buffer = &tab.buffers[b->buffer];
        entries[i] = (wg_group_entry){.binding = i, .buffer = buffer->object, .offset = b->offset,
                                      .size = b->size ? b->size : buffer->size - b->offset};
    }
    return g->object = native.DeviceCreateBindGroup(
               native.device, &(wg_group_options){.label = NO_LABEL, .layout = p->layout, .n_entries = g->n, .entries = entries});
}

/* ---- submits ---- */

static void work_done(uint32_t status)
{
    (void)status; /* (a lost device has told so by its own callback) */
    if (native.in_flight) native.in_flight--;
}

/* The pass that is open, with one of its own for each dispatch under a profile. */
static wg_handle open_pass(wg_handle encoder, wg_handle pass, gpu_pipeline next)
{
    if (pass && (!profile.on || profile.whole)) return pass;
    if (pass) {
        native.ComputePassEncoderEnd(pass);
        native.ComputePassEncoderRelease(pass);
    }
    wg_pass_options options = {.label = NO_LABEL};
    wg_timestamps times;
    if (profile.on && profile.n < profile.capacity) {
        times = (wg_timestamps){.queries = profile.queries, .begin = 2 * profile.n, .end = 2 * profile.n + 1};
        options.timestamps = &times;
        profiled[profile.n++] = next;
    }
    return native.CommandEncoderBeginComputePass(encoder, &options);
}
static void close_pass(wg_handle *pass)
{
    if (!*pass) return;
    native.ComputePassEncoderEnd(*pass);
    native.ComputePassEncoderRelease(*pass);
    *pass = NULL;
}
static void hand_over(wg_handle encoder)
{
    wg_handle commands = native.CommandEncoderFinish(encoder, NULL);
    native.QueueSubmit(native.queue, 1, &commands);
    native.CommandBufferRelease(commands);
    native.CommandEncoderRelease(encoder);
}

void gpu_submit(const gpu_command *commands, uint32_t n)
{
    ENTER;
    if (!native.device || native.failure.status == GALAGO_ERR_DEVICE_LOST) {
        LEAVE;
        return;
    }
    wg_handle encoder = native.DeviceCreateCommandEncoder(native.device, NULL), pass = NULL;
    gpu_pipeline set = 0;
    for (uint32_t i = 0; i < n; i++) {
        const gpu_command *c = &commands[i];
        if (c->kind == GPU_DISPATCH) {
            wg_handle group = group_object(&tab.groups[c->dispatch.group]);
            if (!group) continue; /* its kernel was refused: gpu_status() says so */
            wg_handle before = pass;
            pass = open_pass(encoder, pass, c->dispatch.pipeline);
            if (profile.on || pass != before || set != c->dispatch.pipeline)
                native.ComputePassEncoderSetPipeline(pass, tab.pipelines[c->dispatch.pipeline].object);
            set = c->dispatch.pipeline;
            native.ComputePassEncoderSetBindGroup(pass, 0, group, 0, NULL);
            native.ComputePassEncoderDispatchWorkgroups(pass, c->dispatch.x, c->dispatch.y, c->dispatch.z);
            continue;
        }
        close_pass(&pass);
        set = 0;
        if (c->kind == GPU_COPY)
            native.CommandEncoderCopyBufferToBuffer(encoder, tab.buffers[c->copy.src].object, c->copy.src_offset,
                                                    tab.buffers[c->copy.dst].object, c->copy.dst_offset, c->copy.size);
        else if (c->kind == GPU_CLEAR)
            native.CommandEncoderClearBuffer(encoder, tab.buffers[c->clear.buffer].object, c->clear.offset, c->clear.size);
    }
    close_pass(&pass);
    hand_over(encoder);
    native.in_flight++;
    native.QueueOnSubmittedWorkDone(native.queue, (wg_done_callback){.mode = WG_CALLBACK_PROCESS_EVENTS, .call = work_done});
    LEAVE;
}

uint32_t gpu_in_flight(void)
{
    ENTER;
    if (native.in_flight) native.InstanceProcessEvents(native.instance);
    uint32_t n = native.failure.status == GALAGO_ERR_DEVICE_LOST ? 0 : native.in_flight;
    LEAVE;
    return n;
}

int32_t gpu_wait(void)
{
    /* Looks often at first, since a token takes less than a millisecond, then seldom; two milliseconds in all. */
    for (int i = 0; i < 40; i++) {
        ENTER;
        uint32_t in_flight = native.in_flight;
        bool waiting = is_waiting(), ready = false, reading = false;
        if (native.instance) native.InstanceProcessEvents(native.instance);
        for (uint32_t t = 1; t < tab.n_reads; t++) {
            ready |= tab.reads[t].state == READ_READY && !tab.reads[t].unwanted;
            reading |= tab.reads[t].state == READ_WAITING;
        }
        bool moved = waiting != is_waiting() || in_flight != native.in_flight || ready || native.failure.status;
        bool idle = !is_waiting() && !native.in_flight && !reading;
        LEAVE;
        if (moved || idle) break;
        nanosleep(&(struct timespec){0, i < 10 ? 20000 : 60000}, NULL);
    }
    return 1;
}

/* ---- reads ---- */

static void mapped(uint32_t status, wg_string message, void *userdata1, void *userdata2)
{
    (void)userdata2;
    read_slot *r = &tab.reads[(uintptr_t)userdata1];
    r->state = status == WG_SUCCESS ? READ_READY : READ_FAILED;
    if (status != WG_SUCCESS && r->device == native.device) native_fail(GALAGO_ERR_DEVICE_LOST, "the GPU gave no result", message);
    if (!r->unwanted) return;
    if (r->state == READ_READY) native.BufferUnmap(r->buffer);
    r->state = READ_FREE;
    r->unwanted = false;
}

/* A free place whose buffer has room; an empty one gets a buffer. 0 without memory. */
static gpu_ticket read_place(uint64_t size)
{
    gpu_ticket t, empty = 0;
    for (t = 1; t < tab.n_reads; t++) {
        if (tab.reads[t].state) continue;
        if (tab.reads[t].capacity >= size && tab.reads[t].device == native.device) return t;
        if (!empty) empty = t;
    }
    read_slot *places = with_room(tab.reads, &tab.n_reads, empty ? empty : t, sizeof *places);
    if (!places) return 0;
    tab.reads = places;
    t = empty ? empty : t;
    read_slot *r = &places[t];
    if (r->buffer) native.BufferRelease(r->buffer);
    for (r->capacity = 256; r->capacity < size;) r->capacity *= 2;
    r->device = native.device;
    r->buffer = make_buffer(r->capacity, WG_USE_MAP_READ | WG_USE_COPY_DST);
    if (r->buffer) return t;
    r->capacity = 0;
    return 0;
}

static gpu_ticket begin_read(wg_handle src, uint64_t offset, uint64_t size)
{
    gpu_ticket t = read_place(size);
    if (!t) return 0;
    read_slot *r = &tab.reads[t];
    wg_handle encoder = native.DeviceCreateCommandEncoder(native.device, NULL);
    native.CommandEncoderCopyBufferToBuffer(encoder, src, offset, r->buffer, 0, size);
    hand_over(encoder);
    r->state = READ_WAITING;
    native.BufferMapAsync(r->buffer, WG_MAP_READ, 0, size,
                          (wg_map_callback){.mode = WG_CALLBACK_PROCESS_EVENTS, .call = mapped, .userdata1 = (void *)(uintptr_t)t});
    return t;
}

gpu_ticket gpu_read_begin(gpu_buffer b, uint32_t offset, uint32_t size)
{
    if (!b) return 0;
    ENTER;
    bool lost = native.failure.status == GALAGO_ERR_DEVICE_LOST;
    gpu_ticket t = lost ? 0 : begin_read(tab.buffers[b].object, offset, size);
    LEAVE;
    return t;
}

static int32_t poll_read(gpu_ticket t, void *dst, uint64_t size)
{
    read_slot *r = &tab.reads[t];
    native.InstanceProcessEvents(native.instance);
    if (r->state == READ_WAITING) {
        if (native.failure.status != GALAGO_ERR_DEVICE_LOST) return GALAGO_PENDING;
        r->unwanted = true; /* its callback frees the place */
        return GALAGO_ERR_DEVICE_LOST;
    }
    int32_t status = GALAGO_ERR_DEVICE_LOST;
    if (r->state == READ_READY) {
        const void *bytes = native.BufferGetConstMappedRange(r->buffer, 0, size);
        if (bytes) memcpy(dst, bytes, size);
        native.BufferUnmap(r->buffer);
        status = bytes ? GALAGO_OK : GALAGO_ERR_INTERNAL;
    }
    r->state = READ_FREE;
    return status;
}

int32_t gpu_read_poll(gpu_ticket t, void *dst, uint32_t size)
{
    ENTER;
    int32_t s = poll_read(t, dst, size);
    LEAVE;
    return s;
}

void gpu_read_cancel(gpu_ticket t)
{
    if (!t) return;
    ENTER;
    read_slot *r = &tab.reads[t];
    if (r->state == READ_WAITING) {
        r->unwanted = true;
    } else {
        if (r->state == READ_READY) native.BufferUnmap(r->buffer);
        r->state = READ_FREE;
    }
    LEAVE;
}

/* ---- profiles ---- */

void gpu_profile_begin(uint32_t max_dispatches)
{
    ENTER;
    if (native.info.timestamps && !profile.on) {
        profile.capacity = max_dispatches < MAX_PROFILE ? max_dispatches : MAX_PROFILE;
        profile.queries = native.DeviceCreateQuerySet(
            native.device, &(wg_query_options){.label = NO_LABEL, .type = WG_QUERY_TIMESTAMP, .count = 2 * profile.capacity});
        profile.resolved = make_buffer(16 * (uint64_t)profile.capacity, WG_USE_QUERY_RESOLVE | WG_USE_COPY_SRC);
        profile.n = 0;
        profile.on = profile.queries && profile.resolved;
    }
    LEAVE;
}

void gpu_native_profile_passes(bool whole) { profile.whole = whole; }
gpu_pipeline gpu_native_profiled(uint32_t i) { return i < MAX_PROFILE ? profiled[i] : 0; }

int32_t gpu_profile_end(double *ns, uint32_t capacity, uint32_t *n)
{
    *n = 0;
    if (!profile.resolved) return GALAGO_ERR_UNSUPPORTED;
    uint64_t *times = malloc(16 * (size_t)profile.capacity);
    if (!times) return GALAGO_ERR_MEMORY;
    ENTER;
    int32_t s = GALAGO_OK;
    if (profile.on && profile.n) {
        wg_handle encoder = native.DeviceCreateCommandEncoder(native.device, NULL);
        native.CommandEncoderResolveQuerySet(encoder, profile.queries, 0, 2 * profile.n, profile.resolved, 0);
        hand_over(encoder);
        profile.ticket = begin_read(profile.resolved, 0, 16 * (uint64_t)profile.n);
        if (!profile.ticket) s = GALAGO_ERR_MEMORY;
    }
    profile.on = false;
    if (!s && profile.ticket) s = poll_read(profile.ticket, times, 16 * (uint64_t)profile.n);
    if (!s)
        for (*n = 0; *n < profile.n && *n < capacity; ++*n) ns[*n] = (double)(times[2 * *n + 1] - times[2 * *n]);
    if (s != GALAGO_PENDING) {
        native.QuerySetDestroy(profile.queries);
        native.QuerySetRelease(profile.queries);
        native.BufferDestroy(profile.resolved);
        native.BufferRelease(profile.resolved);
        profile = (struct profile){.whole = profile.whole};
    }
    LEAVE;
    free(times);
    return s;
}
