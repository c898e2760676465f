/*
 * The GPU border: the few calls through which everything above reaches a GPU. Two implementations: gpu_native.c (a WebGPU
 * library loaded at run time) and the imports of the wasm module, which js/src/gpu.ts provides under the same names in the
 * import module "gpu". Handles are small numbers, 0 = none, so that they cross into wasm as they are.
 *
 * No call waits, but gpu_wait() on hosts that can. No call fails by itself: the first error is kept, gpu_status() tells.
 */
#ifndef BACKEND_WEBGPU_GPU_H
#define BACKEND_WEBGPU_GPU_H

#include "base/error.h"

#ifdef __wasm__
#define GPU_API(name) __attribute__((import_module("gpu"), import_name(#name)))
#else
#define GPU_API(name)
#endif

typedef uint32_t gpu_buffer, gpu_pipeline, gpu_group, gpu_ticket;

/* What the adapter has. Written as 32-bit words in this order (js/src/gpu.ts writes the same). */
typedef struct gpu_info {
    uint32_t subgroups;          /* 1 = WGSL's `enable subgroups;` may be used */
    uint32_t subgroup_min, subgroup_max; /* sizes; 0 without subgroups */
    uint32_t f16;                /* 1 = `enable f16;` */
    uint32_t dot8;               /* 1 = packed_4x8_integer_dot_product, but on Metal, which has no such instruction */
    uint32_t timestamps;         /* 1 = timestamp queries */
    uint32_t max_buffer_mib;     /* largest buffer */
    uint32_t max_binding_mib;    /* largest storage binding; 128 at least */
    uint32_t max_invocations;    /* threads of a workgroup; 256 at least */
    uint32_t max_workgroup_bytes; /* workgroup memory; 16384 at least */
    uint32_t max_storage_buffers; /* storage bindings of a stage; 8 at least */
    uint32_t software;           /* 1 = a CPU pretends to be a GPU (fallback adapter) */
    char name[96];               /* terminated, for people: "NVIDIA H100 (vulkan)" */
} gpu_info;

enum { GPU_MAX_WORKGROUPS = 65535 }; /* of a dispatch, along each axis */

/* What the device that the host opened can do. Natively gpu_native_open() opens one; in wasm the host did so before. */
GPU_API(info) void gpu_get_info(gpu_info *out);

/* A zeroed buffer for storage, copies both ways and uniforms; size a multiple of 4. 0 = the device has no room. */
GPU_API(buffer_create) gpu_buffer gpu_buffer_create(uint32_t size_low, uint32_t size_high);
GPU_API(buffer_destroy) void gpu_buffer_destroy(gpu_buffer b);
/* Bytes into a buffer, in order with submits; offset and size multiples of 4. The bytes are copied before it returns. */
GPU_API(write) void gpu_write(gpu_buffer b, uint32_t offset_low, uint32_t offset_high, const void *bytes, uint32_t size);

/* A named number for an `override` of the shader. */
typedef struct gpu_constant {
    const char *name; /* terminated */
    float value;
} gpu_constant;
/* Starts to compile `main` of a shader with n constants; usable at once (recording needs no finished pipeline), but what uses it
 * may not be submitted before it is ready. `label`: terminated, for error messages. Text and names of constants stay where they are
 * for as long as the device is used. */
GPU_API(pipeline_create)
gpu_pipeline gpu_pipeline_create(const char *label, const char *wgsl, uint32_t wgsl_size, const gpu_constant *constants,
                                 uint32_t n_constants);
/* 1 = compiled, or never to be (gpu_status() tells why). 0 = not yet: gpu_wait() waits for the one that was asked for last. */
GPU_API(pipeline_ready) int32_t gpu_pipeline_ready(gpu_pipeline p);

typedef struct gpu_binding {
    gpu_buffer buffer;
    uint32_t offset, size; /* bytes; offset a multiple of 256; size 0 = the rest of the buffer */
} gpu_binding;
/* Bindings 0..n-1 of group 0 of the pipeline, whose layout comes from the shader ("auto"): its entry point must use all of them.
 * The pipeline may still be compiling: hosts make the real object when it is first submitted. */
GPU_API(group_create) gpu_group gpu_group_create(gpu_pipeline p, const gpu_binding *bindings, uint32_t n);
GPU_API(group_destroy) void gpu_group_destroy(gpu_group g);

typedef enum gpu_command_kind { GPU_DISPATCH = 0, GPU_COPY, GPU_CLEAR, GPU_WRITE } gpu_command_kind;
/* Eight words each. */
typedef struct gpu_command {
    uint32_t kind;
    union {
        struct { gpu_pipeline pipeline; gpu_group group; uint32_t x, y, z; } dispatch; /* workgroups */
        struct { gpu_buffer src; uint32_t src_offset; gpu_buffer dst; uint32_t dst_offset, size; } copy; /* bytes, multiples of 4 */
        struct { gpu_buffer buffer; uint32_t offset, size; } clear;
        uint32_t words[7];
    };
} gpu_command;
/* Runs n commands in order, as one submit. Consecutive dispatches share a compute pass. */
GPU_API(submit) void gpu_submit(const gpu_command *commands, uint32_t n);
/* Submits that the device has not finished. Bounded by callers, so that a page's own drawing gets its turn. */
GPU_API(in_flight) uint32_t gpu_in_flight(void);

/* Starts to copy bytes of a buffer to the host, behind all submits so far; offset and size multiples of 4. 0 = no room. */
GPU_API(read_begin) gpu_ticket gpu_read_begin(gpu_buffer b, uint32_t offset, uint32_t size);
/* GALAGO_PENDING until the bytes are there, then GALAGO_OK once and the ticket is spent. */
GPU_API(read_poll) int32_t gpu_read_poll(gpu_ticket t, void *dst, uint32_t size);
/* The bytes are not wanted any more. */
GPU_API(read_cancel) void gpu_read_cancel(gpu_ticket t);

/* Lets the device make progress and returns when it may have; a host that cannot wait (a page) returns at once.
 * Returns 1 where it waited, 0 where the caller must come back later (GALAGO_PENDING). */
GPU_API(wait) int32_t gpu_wait(void);

/* GALAGO_OK; GALAGO_ERR_DEVICE_LOST; GALAGO_ERR_MEMORY; GALAGO_ERR_INTERNAL (a shader or call was refused). The first error's
 * message is copied, terminated. */
GPU_API(status) int32_t gpu_status(char *message, uint32_t capacity);

/* Times of the dispatches of the next submits, for profiles; needs info.timestamps. Between begin and end each dispatch gets a
 * pass of its own. end() gives nanoseconds per dispatch in order of submission; PENDING until they are there. */
GPU_API(profile_begin) void gpu_profile_begin(uint32_t max_dispatches);
GPU_API(profile_end) int32_t gpu_profile_end(double *ns, uint32_t capacity, uint32_t *n);

#ifndef __wasm__
/* Opens the library, an adapter and a device. `library`: path, NULL = the usual names (libwebgpu_dawn.so, libwebgpu_wrapper.so, …)
 * beside the program, in the installed folders and where the loader looks. Errors: UNSUPPORTED (says what was looked for, or
 * that there is no adapter). One device for the process: later calls return the same. */
galago_status gpu_native_open(const char *library, error *e);
/* For measurements, before the device is opened; names follow one another with commas, NULL = none. `toggles`: Dawn's, to be switched
 * on ("vulkan_enable_f16_on_nvidia"). `without`: what the device shall seem to lack, of f16, subgroups, dot8. False: there are too
 * many toggles, or no such feature. */
bool gpu_native_change(const char *toggles, const char *without);
/* From the next profile on, times are those of passes as they run without one: all dispatches between two copies. */
void gpu_native_profile_passes(bool whole);
/* The pipeline of dispatch i of the latest profile. */
gpu_pipeline gpu_native_profiled(uint32_t i);
/* Makes the device be lost, for tests. */
void gpu_native_lose(void);
#endif

#endif
