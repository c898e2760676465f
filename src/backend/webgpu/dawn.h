/*
 * What gpu_native.c needs of the standard WebGPU C API (webgpu.h), declared by ourselves: the library is found at run time, so no
 * header of it can be included. Layouts as Dawn has had them since 2025; gpu_native.c checks what it can of them when it opens
 * a library (limits that make no sense mean another layout).
 */
#ifndef BACKEND_WEBGPU_DAWN_H
#define BACKEND_WEBGPU_DAWN_H

#include <stddef.h>
#include <stdint.h>

typedef struct wg_object *wg_handle; /* instance, adapter, device, ...: all are opaque pointers */

typedef struct wg_string {
    const char *data;
    size_t length; /* WG_STRLEN = terminated */
} wg_string;
#define WG_STRLEN SIZE_MAX
#define WG_STRING(s) ((wg_string){(s), WG_STRLEN})
#define WG_WHOLE_SIZE UINT64_MAX

typedef struct wg_chain {
    struct wg_chain *next;
    uint32_t type;
} wg_chain;

/* Dawn's own: names of toggles to be changed. */
typedef struct wg_toggles {
    wg_chain chain;
    size_t n_enabled;
    const char *const *enabled;
    size_t n_disabled;
    const char *const *disabled;
} wg_toggles;

typedef struct wg_future {
    uint64_t id;
} wg_future;

enum {
    WG_CALLBACK_PROCESS_EVENTS = 2, /* callbacks run inside wgpuInstanceProcessEvents() */
    WG_CALLBACK_SPONTANEOUS = 3,
    WG_SUCCESS = 1, /* of every status */

    WG_POWER_HIGH = 2,
    WG_ADAPTER_CPU = 3,
    WG_BACKEND_NULL = 1,
    WG_BACKEND_METAL = 5,
    WG_CHAIN_SHADER_WGSL = 2,
    WG_CHAIN_TOGGLES = 0x5000a,

    WG_FEATURE_TIMESTAMPS = 3,
    WG_FEATURE_F16 = 10,
    WG_FEATURE_SUBGROUPS = 17,
    WG_LANGUAGE_DOT8 = 2, /* packed_4x8_integer_dot_product */

    WG_ERROR_NONE = 1,
    WG_SCOPE_OUT_OF_MEMORY = 2,
    WG_ERROR_OUT_OF_MEMORY = 3,

    WG_MAP_READ = 1,
    WG_USE_MAP_READ = 0x1,
    WG_USE_COPY_SRC = 0x4,
    WG_USE_COPY_DST = 0x8,
    WG_USE_UNIFORM = 0x40,
    WG_USE_STORAGE = 0x80,
    WG_USE_QUERY_RESOLVE = 0x200,
    WG_QUERY_TIMESTAMP = 2,
};

/* The callbacks of a request: (status, object, message, userdata1, userdata2). */
typedef struct wg_callback {
    wg_chain *next;
    uint32_t mode;
    void (*call)(uint32_t status, wg_handle object, wg_string message, void *userdata1, void *userdata2);
    void *userdata1, *userdata2;
} wg_callback;
/* Mapping a buffer: (status, message, userdata1, userdata2). */
typedef struct wg_map_callback {
    wg_chain *next;
    uint32_t mode;
    void (*call)(uint32_t status, wg_string message, void *userdata1, void *userdata2);
    void *userdata1, *userdata2;
} wg_map_callback;
/* The end of an error scope: (status, type of error, message, userdata1, userdata2). */
typedef struct wg_scope_callback {
    wg_chain *next;
    uint32_t mode;
    void (*call)(uint32_t status, uint32_t type, wg_string message, void *userdata1, void *userdata2);
    void *userdata1, *userdata2;
} wg_scope_callback;
/* The end of a submit. Versions differ in what they pass behind the status, so ours looks at nothing else. */
typedef struct wg_done_callback {
    wg_chain *next;
    uint32_t mode;
    void (*call)(uint32_t status);
    void *userdata1, *userdata2;
} wg_done_callback;
typedef struct wg_lost_callback {
    wg_chain *next;
    uint32_t mode;
    void (*call)(const wg_handle *device, uint32_t reason, wg_string message, void *userdata1, void *userdata2);
    void *userdata1, *userdata2;
} wg_lost_callback;
typedef struct wg_error_callback {
    wg_chain *next;
    void (*call)(const wg_handle *device, uint32_t type, wg_string message, void *userdata1, void *userdata2);
    void *userdata1, *userdata2;
} wg_error_callback;

typedef struct wg_adapter_options {
    wg_chain *next;
    uint32_t feature_level, power_preference, force_fallback, backend;
    wg_handle surface;
} wg_adapter_options;

/* Room behind the last member that we know: newer libraries write more. */
typedef struct wg_limits {
    wg_chain *next;
    uint32_t texture_1d, texture_2d, texture_3d, texture_layers, bind_groups, groups_plus_vertex, bindings_per_group, dynamic_uniform,
        dynamic_storage, sampled_textures, samplers, storage_buffers, storage_textures, uniform_buffers;
    uint64_t uniform_binding, storage_binding;
    uint32_t uniform_alignment, storage_alignment, vertex_buffers;
    uint64_t buffer;
    uint32_t vertex_attributes, vertex_stride, inter_stage, color_attachments, color_bytes, workgroup_bytes, invocations, size_x, size_y,
        size_z, workgroups;
    uint32_t more[64];
} wg_limits;

typedef struct wg_adapter_info {
    wg_chain *next;
    wg_string vendor, architecture, device, description;
    uint32_t backend, type, vendor_id, device_id, subgroup_min, subgroup_max;
    uint32_t more[32];
} wg_adapter_info;

typedef struct wg_features {
    size_t n;
    const uint32_t *names;
} wg_features;

typedef struct wg_device_options {
    wg_chain *next;
    wg_string label;
    size_t n_features;
    const uint32_t *features;
    const wg_limits *limits;
    struct {
        wg_chain *next;
        wg_string label;
    } queue;
    wg_lost_callback lost;
    wg_error_callback error;
} wg_device_options;

typedef struct wg_buffer_options {
    wg_chain *next;
    wg_string label;
    uint64_t usage, size;
    uint32_t mapped;
} wg_buffer_options;

typedef struct wg_shader_wgsl {
    wg_chain chain;
    wg_string code;
} wg_shader_wgsl;
typedef struct wg_labelled { /* shader modules, encoders, command buffers: a chain and a label */
    wg_chain *next;
    wg_string label;
} wg_labelled;

typedef struct wg_constant {
    wg_chain *next;
    wg_string key;
    double value;
} wg_constant;
typedef struct wg_pipeline_options {
    wg_chain *next;
    wg_string label;
    wg_handle layout; /* NULL = from the shader */
    struct {
        wg_chain *next;
        wg_handle module;
        wg_string entry;
        size_t n_constants;
        const wg_constant *constants;
    } compute;
} wg_pipeline_options;

typedef struct wg_group_entry {
    wg_chain *next;
    uint32_t binding;
    wg_handle buffer;
    uint64_t offset, size;
    wg_handle sampler, texture;
} wg_group_entry;
typedef struct wg_group_options {
    wg_chain *next;
    wg_string label;
    wg_handle layout;
    size_t n_entries;
    const wg_group_entry *entries;
} wg_group_options;

typedef struct wg_timestamps {
    wg_chain *next;
    wg_handle queries;
    uint32_t begin, end; /* indices */
} wg_timestamps;
typedef struct wg_pass_options {
    wg_chain *next;
    wg_string label;
    const wg_timestamps *timestamps;
} wg_pass_options;
typedef struct wg_query_options {
    wg_chain *next;
    wg_string label;
    uint32_t type, count;
} wg_query_options;

/* Every function that is used: result, name behind "wgpu", parameters. */
#define WG_FUNCTIONS(F)                                                                                                    \
    F(wg_handle, CreateInstance, (const void *options))                                                                    \
    F(void, InstanceProcessEvents, (wg_handle instance))                                                                   \
    F(void, InstanceRelease, (wg_handle instance))                                                                         \
    F(uint32_t, InstanceHasWGSLLanguageFeature, (wg_handle instance, uint32_t feature))                                    \
    F(wg_future, InstanceRequestAdapter, (wg_handle instance, const wg_adapter_options *options, wg_callback callback))    \
    F(uint32_t, AdapterGetLimits, (wg_handle adapter, wg_limits *out))                                                     \
    F(uint32_t, AdapterGetInfo, (wg_handle adapter, wg_adapter_info *out))                                                 \
    F(void, AdapterInfoFreeMembers, (wg_adapter_info info))                                                                \
    F(void, AdapterGetFeatures, (wg_handle adapter, wg_features *out))                                                     \
    F(void, SupportedFeaturesFreeMembers, (wg_features features))                                                          \
    F(void, AdapterRelease, (wg_handle adapter))                                                                           \
    F(wg_future, AdapterRequestDevice, (wg_handle adapter, const wg_device_options *options, wg_callback callback))        \
    F(wg_handle, DeviceGetQueue, (wg_handle device))                                                                       \
    F(void, DeviceDestroy, (wg_handle device))                                                                             \
    F(void, DeviceRelease, (wg_handle device))                                                                             \
    F(wg_handle, DeviceCreateBuffer, (wg_handle device, const wg_buffer_options *options))                                 \
    F(wg_handle, DeviceCreateShaderModule, (wg_handle device, const wg_labelled *options))                                 \
    F(wg_future, DeviceCreateComputePipelineAsync,                                                                         \
      (wg_handle device, const wg_pipeline_options *options, wg_callback callback))                                        \
    F(wg_handle, DeviceCreateBindGroup, (wg_handle device, const wg_group_options *options))                               \
    F(wg_handle, DeviceCreateCommandEncoder, (wg_handle device, const wg_labelled *options))                               \
    F(wg_handle, DeviceCreateQuerySet, (wg_handle device, const wg_query_options *options))                                \
    F(void, DevicePushErrorScope, (wg_handle device, uint32_t filter))                                                     \
    F(wg_future, DevicePopErrorScope, (wg_handle device, wg_scope_callback callback))                                      \
    F(void, ShaderModuleRelease, (wg_handle module))                                                                       \
    F(wg_handle, ComputePipelineGetBindGroupLayout, (wg_handle pipeline, uint32_t group))                                  \
    F(void, ComputePipelineRelease, (wg_handle pipeline))                                                                  \
    F(void, BindGroupLayoutRelease, (wg_handle layout))                                                                    \
    F(void, BindGroupRelease, (wg_handle group))                                                                           \
    F(void, BufferDestroy, (wg_handle buffer))                                                                             \
    F(void, BufferRelease, (wg_handle buffer))                                                                             \
    F(wg_future, BufferMapAsync, (wg_handle buffer, uint64_t mode, size_t offset, size_t size, wg_map_callback callback))  \
    F(const void *, BufferGetConstMappedRange, (wg_handle buffer, size_t offset, size_t size))                             \
    F(void, BufferUnmap, (wg_handle buffer))                                                                               \
    F(wg_handle, CommandEncoderBeginComputePass, (wg_handle encoder, const wg_pass_options *options))                      \
    F(void, CommandEncoderCopyBufferToBuffer,                                                                              \
      (wg_handle encoder, wg_handle src, uint64_t src_offset, wg_handle dst, uint64_t dst_offset, uint64_t size))          \
    F(void, CommandEncoderClearBuffer, (wg_handle encoder, wg_handle buffer, uint64_t offset, uint64_t size))              \
    F(void, CommandEncoderResolveQuerySet,                                                                                 \
      (wg_handle encoder, wg_handle queries, uint32_t first, uint32_t n, wg_handle dst, uint64_t dst_offset))              \
    F(wg_handle, CommandEncoderFinish, (wg_handle encoder, const wg_labelled *options))                                    \
    F(void, CommandEncoderRelease, (wg_handle encoder))                                                                    \
    F(void, CommandBufferRelease, (wg_handle commands))                                                                    \
    F(void, ComputePassEncoderSetPipeline, (wg_handle pass, wg_handle pipeline))                                           \
    F(void, ComputePassEncoderSetBindGroup,                                                                                \
      (wg_handle pass, uint32_t index, wg_handle group, size_t n_dynamic, const uint32_t *dynamic))                        \
    F(void, ComputePassEncoderDispatchWorkgroups, (wg_handle pass, uint32_t x, uint32_t y, uint32_t z))                    \
    F(void, ComputePassEncoderEnd, (wg_handle pass))                                                                       \
    F(void, ComputePassEncoderRelease, (wg_handle pass))                                                                   \
    F(void, QuerySetDestroy, (wg_handle queries))                                                                          \
    F(void, QuerySetRelease, (wg_handle queries))                                                                          \
    F(void, QueueSubmit, (wg_handle queue, size_t n, const wg_handle *commands))                                           \
    F(void, QueueWriteBuffer, (wg_handle queue, wg_handle buffer, uint64_t offset, const void *data, size_t size))         \
    F(wg_future, QueueOnSubmittedWorkDone, (wg_handle queue, wg_done_callback callback))                                   \
    F(void, QueueRelease, (wg_handle queue))

#endif
