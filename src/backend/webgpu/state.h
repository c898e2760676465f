/* What a WebGPU backend holds; only record.c and backend.c look inside. */
#ifndef BACKEND_WEBGPU_STATE_H
#define BACKEND_WEBGPU_STATE_H

#include "backend/webgpu/record.h"

enum { PARAM_SLOT = 256, PAGE_SLOTS = 1024, MAX_PAGES = 64 }; /* a slot: the alignment that every device allows */

/* Hashes to numbers, open addressing; the owner compares what the numbers stand for. */
typedef struct hash_index {
    struct hash_entry {
        uint32_t hash, value; /* value + 1; 0 = empty */
    } *entries;
    uint32_t capacity, n; /* capacity: a power of two or 0 */
} hash_index;

typedef struct pipeline_entry {
    enum kernel kernel;
    uint32_t n_constants;
    gpu_constant constants[RECORD_MAX_CONSTANTS];
    gpu_pipeline id;
    bool is_ready;   /* known to be compiled */
    bool is_awaited; /* what is recorded uses it, and it is not known to be ready */
} pipeline_entry;

/* Parameter blocks of many dispatches in one buffer, with a copy here that submit() writes from. */
typedef struct param_page {
    gpu_buffer id;
    uint8_t *bytes;                   /* PAGE_SLOTS * PARAM_SLOT */
    uint16_t sizes[PAGE_SLOTS];       /* 0 = a block that changes: never found by its contents */
    uint32_t dirty_first, dirty_last; /* slots to be written: first .. last - 1 */
} param_page;

typedef struct group_key {
    gpu_pipeline pipeline;
    uint32_t slot; /* of the parameters, NO_SLOT = none */
    gpu_buffer bind[RECORD_MAX_BINDINGS];
} group_key;
typedef struct group_entry {
    group_key key;
    gpu_group id;
} group_entry;

/* Commands that go to the device as one submit: all those of one position. */
typedef struct batch {
    uint32_t first;
    bool has_position;
    uint32_t position;
} batch;

struct webgpu {
    backend base;
    backend_ops ops;
    gpu_info info;
    error failure;
    uint64_t bytes; /* of the buffers */
    uint32_t n_buffers;

    pipeline_entry *pipelines;
    uint32_t n_pipelines, pipeline_room, n_awaited;
    hash_index pipeline_index;

    param_page *pages[MAX_PAGES];
    uint32_t n_pages, n_slots;
    hash_index slot_index;
    uint32_t changing[64], n_changing, n_changing_used; /* slots of changing blocks, in the order in which a recording takes them */

    group_entry *groups;
    uint32_t n_groups, group_room;
    hash_index group_index;

    gpu_command *commands;
    uint32_t n_commands, command_room;
    batch *batches;
    uint32_t n_batches, batch_room;
    gpu_buffer step;

    struct {
        gpu_buffer id;
        size_t size;
    } scratch[SCRATCH_COUNT];
    gpu_buffer staging; /* bytes from the host that must wait for what was recorded before them */
    size_t staging_size, staging_used;

    struct {
        rope_params p;
        uint32_t words[2 * 128]; /* as rope_table.wgsl reads them */
        gpu_buffer id;           /* 0 = unused */
    } ropes[4];

    struct small_page {
        gpu_buffer id;
        size_t used;
        uint32_t n_weights;
    } *small; /* the page that is being filled; earlier ones belong to their weights */

    bool is_rehearsing;         /* see backend_ops.rehearse */
    uint32_t n_hollow;          /* buffers named since it began */
    struct small_page *stopped; /* `small` as it was before */

    gpu_buffer *retired; /* destroyed when nothing that is recorded can use them */
    uint32_t n_retired, retired_room;

    uint32_t n_handed; /* submits so far; they finish in order */
    struct {           /* a forward of many tokens that began on an idle device */
        uint32_t tokens, last; /* 0 = none; the submit that ends it */
        double since;
    } watched;

    gpu_ticket read_ticket; /* of read(); 0 = none */
};

/* Frees what record.c holds. */
void record_close(webgpu *g);
/* Makes the buffers that every recording needs. Errors: MEMORY. */
galago_status record_open(webgpu *g, error *e);
/* Destroys it as soon as nothing recorded uses it. `size` as it was made. */
void record_retire(webgpu *g, gpu_buffer b, size_t size);
/* dst = bytes, behind what was recorded. */
void record_write(webgpu *g, gpu_buffer dst, size_t offset, const void *bytes, size_t size);
/* Hands over all that is recorded. */
galago_status record_submit(webgpu *g, error *e);
/* backend_ops.rehearse */
void record_rehearse(webgpu *g, bool on);

#endif
