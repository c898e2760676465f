/*
 * Recording of GPU work: kernels by name, parameters, bindings; pipelines, parameter blocks and bind groups are made once and
 * found again by their contents, so that a token that was recorded before costs look-ups only. Internal to src/backend/webgpu.
 *
 * Conventions of all kernels (kernels/NAME.wgsl):
 *   binding 0   var<uniform> p: Params    (record() binds it when params_size > 0; the C twin of the struct has the same layout,
 *               16-byte multiple in size)
 *   then storage buffers, inputs before weights before outputs, whole buffers: where a tensor begins inside its buffer is an
 *   element offset in Params (x_at, y_at, ...). A buffer that is written is bound once: in-place forms read and write the same binding.
 *   binding of the step block: kernels that need the position of the first new token bind webgpu.step, array<u32>, word 0 = pos.
 *   Workgroup sizes are `override`s or constants of at most 256 threads.
 */
#ifndef BACKEND_WEBGPU_RECORD_H
#define BACKEND_WEBGPU_RECORD_H

#include "backend/backend.h"
#include "backend/webgpu/gpu.h"
#include "backend/webgpu/kernels.h" /* generated: enum kernel { KERNEL_RMSNORM, ... }, names and texts */

enum { RECORD_MAX_BINDINGS = 8, RECORD_MAX_CONSTANTS = 8, RECORD_MAX_PARAMS = 256 };

/* Memory of this backend behind base/tensor.h's buffer. A plain buffer has one chunk; a weight larger than a binding may be has
 * several, cut between rows. */
typedef struct chunk {
    gpu_buffer id;
    size_t first_row, n_rows; /* weights; a plain buffer: 0, 0 */
    size_t at;                /* bytes from the buffer's beginning: small weights share buffers */
} chunk;
struct buffer {
    size_t size; /* bytes on the device, all chunks */
    uint32_t n_chunks;
    chunk *chunks;
    chunk one;
    uint32_t layout; /* weights: how the kernels see it, enum weight_layout in weight.h */
    struct small_page *page; /* of a small weight; else NULL */
};

typedef struct webgpu webgpu; /* begins with struct backend */

/* One dispatch. Constants and bindings are listed up to the first that is empty (name NULL, buffer 0). */
typedef struct dispatch {
    enum kernel kernel;
    gpu_constant constants[RECORD_MAX_CONSTANTS];
    const void *params;
    size_t params_size; /* a multiple of 16, at most RECORD_MAX_PARAMS */
    gpu_buffer bind[RECORD_MAX_BINDINGS];
    uint32_t x, y, z; /* workgroups; 0 counts as 1 */
    bool changing;    /* parameters that differ from token to token: their block is rewritten, not kept beside the earlier ones */
} dispatch;

void record(webgpu *g, const dispatch *d);
void record_copy(webgpu *g, gpu_buffer dst, size_t dst_offset, gpu_buffer src, size_t src_offset, size_t size);
void record_clear(webgpu *g, gpu_buffer b, size_t offset, size_t size);
/* The position of the first new token for everything recorded from here to the next submit. A second position in one recording
 * ends the first (it is submitted). Returns the buffer to bind. */
gpu_buffer record_step(webgpu *g, size_t pos);

/* Keeps the first error of what is recorded; submit() returns it. */
void record_fail(webgpu *g, galago_status status, const char *format, ...) __attribute__((format(printf, 3, 4)));

const gpu_info *webgpu_info(const webgpu *g);
/* Bytes and number of the GPU's buffers that this backend holds. */
void webgpu_memory(const backend *b, uint64_t *bytes, uint32_t *n);
/* Kernels, by their constants, whose compilation this backend has begun. */
uint32_t webgpu_n_pipelines(const backend *b);
/* A pipeline's kernel and constants, "matvec LAYOUT=4 TEAM=64", for profiles. */
void webgpu_describe_pipeline(const backend *b, gpu_pipeline id, char *text, size_t size);
static inline webgpu *webgpu_of(backend *b) { return (webgpu *)(void *)b; }
/* Buffer and element offset of an activation tensor (one chunk). */
static inline gpu_buffer id_of(tensor t) { return t.buffer->chunks[0].id; }
static inline uint32_t at_of(tensor t) { return (uint32_t)(t.offset_bytes / (t.type == DTYPE_F16 ? 2 : 4)); }
/* A buffer, counted. 0 = no room. */
gpu_buffer record_buffer(webgpu *g, size_t size);
/* A scratch buffer of at least `size` bytes that lives with the backend, by slot (each op file has its own slots); its contents
 * last until the slot's next use. A larger one replaces it (the old one stays until the recorded work is done). 0 = no room. */
enum scratch_slot { SCRATCH_MATMUL, SCRATCH_CODES, SCRATCH_ATTENTION, SCRATCH_DELTA, SCRATCH_SAMPLE, SCRATCH_ROWS, SCRATCH_COUNT };
gpu_buffer record_scratch(webgpu *g, enum scratch_slot slot, size_t size);

/* Room for a small weight in a buffer that several share, so that one binding gives a kernel many of them. *at: bytes from its
 * beginning, a multiple of 256. NULL = no room on the device. */
enum { SMALL_WEIGHT = 128 << 10 };
struct small_page *record_small(webgpu *g, size_t size, gpu_buffer *id, size_t *at);
void record_small_release(webgpu *g, struct small_page *p);

/* Each op file fills its part of the table. */
void webgpu_ops_rows(backend_ops *ops);      /* ops_rows.c: copy, add, norms, swiglu, gates, rope, kv_store, convolution */
void webgpu_ops_matmul(backend_ops *ops);    /* ops_matmul.c: matmul, norm_matmul, norm_swiglu, embed, weight_load, weight_write */
void webgpu_ops_attention(backend_ops *ops); /* ops_attention.c: attention, segment_attention, attention_mixer */
void webgpu_ops_delta(backend_ops *ops);     /* ops_delta.c: delta_rule, delta_mixer */
void webgpu_ops_sample(backend_ops *ops);    /* ops_sample.c: sample */

#endif
