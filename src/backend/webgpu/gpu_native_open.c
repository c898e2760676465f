/* Opens the GPU natively: finds a WebGPU library, takes its fastest adapter and a device with all that the adapter has. */
#include "backend/webgpu/gpu_native.h"

#include <dlfcn.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

native_gpu native = {.lock = PTHREAD_MUTEX_INITIALIZER};

#ifdef __APPLE__
#define SUFFIX ".dylib"
#else
#define SUFFIX ".so"
#endif
static const char *const names[] = {"libwebgpu_dawn" SUFFIX, "libwebgpu_wrapper" SUFFIX, "libwebgpu" SUFFIX};

static size_t length_of(wg_string s)
{
    return !s.data ? 0 : s.length == WG_STRLEN ? strlen(s.data) : s.length;
}

void native_fail(galago_status status, const char *what, wg_string message)
{
    if (native.failure.status) return;
    int n = (int)length_of(message);
    fail(&native.failure, status, "%s: %.*s", what, n, n ? message.data : "");
}

/* ---- the library ---- */

/* The folder of the program, with a slash; empty where the system does not tell. */
static void program_folder(char *folder, size_t capacity)
{
    ssize_t n = readlink("/proc/self/exe", folder, capacity - 1);
    if (n < 0) n = 0;
    folder[n] = 0;
    char *slash = strrchr(folder, '/');
    if (slash) slash[1] = 0;
    else folder[0] = 0;
}

static void *open_library(const char *library, error *e)
{
    if (library) {
        void *handle = dlopen(library, RTLD_NOW | RTLD_LOCAL);
        if (!handle) {
            const char *why = dlerror();
            fail(e, GALAGO_ERR_UNSUPPORTED, "GPU library: %s", why ? why : library);
        }
        return handle;
    }
    char folder[1024], path[1200];
    program_folder(folder, sizeof folder);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        for (int where = folder[0] ? 0 : 2; where < 3; where++) {
            const char *const below[] = {"", "../lib/", NULL};
            snprintf(path, sizeof path, "%s%s%s", where < 2 ? folder : "", where < 2 ? below[where] : "", names[i]);
            void *handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
            if (handle) return handle;
        }
    fail(e, GALAGO_ERR_UNSUPPORTED,
         "no GPU library: %s, %s and %s are neither beside the program, nor in ../lib, nor where the system looks; name one with "
         "--gpu-library, or use --device cpu",
         names[0], names[1], names[2]);
    return NULL;
}

static galago_status load_functions(const char *library, error *e)
{
    void *handle = open_library(library, e);
    if (!handle) return GALAGO_ERR_UNSUPPORTED;
    const char *missing = NULL;
    void *found;
    /* (ISO C has no cast from dlsym's result to a function.) */
#define F(result, name, parameters)                            \
    found = dlsym(handle, "wgpu" #name);                       \
    memcpy(&native.name, &found, sizeof found);                \
    if (!found && !missing) missing = "wgpu" #name;
    WG_FUNCTIONS(F)
#undef F
    if (missing) {
        dlclose(handle);
        return fail(e, GALAGO_ERR_UNSUPPORTED, "GPU library: it has no %s; a build of Dawn from 2025 or later is needed", missing);
    }
    native.instance = native.CreateInstance(NULL);
    if (!native.instance) return fail(e, GALAGO_ERR_UNSUPPORTED, "GPU library: it makes no instance");
    return GALAGO_OK;
}

/* ---- adapter and device ---- */

typedef struct request {
    wg_handle object;
    bool done;
    char message[256];
} request;
static void requested(uint32_t status, wg_handle object, wg_string message, void *userdata1, void *userdata2)
{
    (void)userdata2;
    request *r = userdata1;
    int n = (int)length_of(message);
    snprintf(r->message, sizeof r->message, "%.*s", n, n ? message.data : "");
    r->object = status == WG_SUCCESS ? object : NULL;
    r->done = true;
}
/* False after ten seconds. */
static bool await(const request *r)
{
    for (int i = 0; i < 100000 && !r->done; i++) {
        native.InstanceProcessEvents(native.instance);
        if (!r->done) nanosleep(&(struct timespec){0, 100000}, NULL);
    }
    return r->done;
}

static void device_lost(const wg_handle *device, uint32_t reason, wg_string message, void *userdata1, void *userdata2)
{
    (void)reason, (void)userdata1, (void)userdata2;
    /* (An earlier device may be lost late.) */
    if (!device || !*device || *device == native.device || !native.device)
        native_fail(GALAGO_ERR_DEVICE_LOST, "the GPU was lost", message);
}
static void device_error(const wg_handle *device, uint32_t type, wg_string message, void *userdata1, void *userdata2)
{
    (void)device, (void)userdata1, (void)userdata2;
    native_fail(type == WG_ERROR_OUT_OF_MEMORY ? GALAGO_ERR_MEMORY : GALAGO_ERR_INTERNAL,
                type == WG_ERROR_OUT_OF_MEMORY ? "the GPU has not enough memory" : "the GPU refused a call", message);
}

/* Limits that no implementation can have mean that the library's layouts are not those of dawn.h. */
static bool limits_make_sense(const wg_limits *l)
{
    return l->bind_groups >= 4 && l->bind_groups <= 64 && l->storage_buffers >= 8 && l->storage_binding >= 1 << 27 &&
           l->storage_alignment <= 256 && l->buffer >= 1 << 28 && l->invocations >= 128 && l->invocations <= 1 << 16 &&
           l->workgroups >= 65535;
}

static uint32_t as_mib(uint64_t bytes) { return (uint32_t)(bytes >> 20 > UINT32_MAX ? UINT32_MAX : bytes >> 20); }

static const char *backend_name(uint32_t type)
{
    static const char *const of[] = {"", "null", "webgpu", "d3d11", "d3d12", "metal", "vulkan", "opengl", "opengles"};
    return type < sizeof of / sizeof *of ? of[type] : "";
}

static bool has(const wg_features *f, uint32_t name)
{
    for (size_t i = 0; i < f->n; i++)
        if (f->names[i] == name) return true;
    return false;
}

/* ---- what measurements change ---- */

enum { MAX_TOGGLES = 8 };
static struct {
    char names[256];
    const char *toggles[MAX_TOGGLES]; /* in names */
    size_t n;
    bool no_f16, no_subgroups, no_dot8;
} changed;

bool gpu_native_change(const char *toggles, const char *without)
{
    memset(&changed, 0, sizeof changed);
    if (snprintf(changed.names, sizeof changed.names, "%s", toggles ? toggles : "") >= (int)sizeof changed.names) return false;
    char *rest, *name;
    for (name = strtok_r(changed.names, ",", &rest); name; name = strtok_r(NULL, ",", &rest)) {
        if (changed.n == MAX_TOGGLES) return false;
        changed.toggles[changed.n++] = name;
    }
    char features[64];
    if (snprintf(features, sizeof features, "%s", without ? without : "") >= (int)sizeof features) return false;
    for (name = strtok_r(features, ",", &rest); name; name = strtok_r(NULL, ",", &rest)) {
        bool *word = !strcmp(name, "f16") ? &changed.no_f16 : !strcmp(name, "subgroups") ? &changed.no_subgroups : !strcmp(name, "dot8") ? &changed.no_dot8 : NULL;
        if (!word) return false;
        *word = true;
    }
    return true;
}

static galago_status open_device(error *e)
{
    request adapter = {0}, device = {0};
    /* Timestamps are rounded to 65 us against attacks that a page could make; a program of one's own needs no such guard. */
    static const char *const rounding[] = {"timestamp_quantization"};
    wg_toggles toggles = {.chain = {NULL, WG_CHAIN_TOGGLES}, .n_enabled = changed.n, .enabled = changed.toggles, .n_disabled = 1, .disabled = rounding};
    wg_adapter_options want = {.next = changed.n ? &toggles.chain : NULL, .power_preference = WG_POWER_HIGH};
    native.InstanceRequestAdapter(native.instance, &want, (wg_callback){NULL, WG_CALLBACK_PROCESS_EVENTS, requested, &adapter, NULL});
    if (!await(&adapter) || !adapter.object)
        return fail(e, GALAGO_ERR_UNSUPPORTED, "no GPU: %s", adapter.message[0] ? adapter.message : "the library answers nothing");

    wg_limits limits = {0};
    native.AdapterGetLimits(adapter.object, &limits);
    if (!limits_make_sense(&limits)) {
        native.AdapterRelease(adapter.object);
        return fail(e, GALAGO_ERR_UNSUPPORTED, "GPU library: its limits make no sense; another version of Dawn is needed");
    }
    wg_adapter_info about = {0};
    native.AdapterGetInfo(adapter.object, &about);

    if (about.backend == WG_BACKEND_NULL) {
        native.AdapterInfoFreeMembers(about);
        native.AdapterRelease(adapter.object);
        return fail(e, GALAGO_ERR_UNSUPPORTED, "no GPU: the library has none but the one that computes nothing");
    }

    gpu_info *info = &native.info;
    wg_features features = {0};
    native.AdapterGetFeatures(adapter.object, &features);
    *info = (gpu_info){
        .f16 = has(&features, WG_FEATURE_F16) && !changed.no_f16,
        .timestamps = has(&features, WG_FEATURE_TIMESTAMPS),
        .subgroups = has(&features, WG_FEATURE_SUBGROUPS) && about.subgroup_min > 0 && !changed.no_subgroups,
        .dot8 = !changed.no_dot8 && about.backend != WG_BACKEND_METAL && native.InstanceHasWGSLLanguageFeature(native.instance, WG_LANGUAGE_DOT8) != 0,
        .max_buffer_mib = as_mib(limits.buffer),
        .max_binding_mib = as_mib(limits.storage_binding),
        .max_invocations = limits.invocations < limits.size_x ? limits.invocations : limits.size_x,
        .max_workgroup_bytes = limits.workgroup_bytes,
        .max_storage_buffers = limits.storage_buffers,
        .software = about.type == WG_ADAPTER_CPU,
    };
    if (info->subgroups) info->subgroup_min = about.subgroup_min, info->subgroup_max = about.subgroup_max;
    snprintf(info->name, sizeof info->name, "%.*s (%s)", (int)(length_of(about.device) > 70 ? 70 : length_of(about.device)),
             about.device.data ? about.device.data : "", backend_name(about.backend));
    native.AdapterInfoFreeMembers(about);
    native.SupportedFeaturesFreeMembers(features);

    uint32_t wanted[3], n = 0;
    if (info->f16) wanted[n++] = WG_FEATURE_F16;
    if (info->timestamps) wanted[n++] = WG_FEATURE_TIMESTAMPS;
    if (info->subgroups) wanted[n++] = WG_FEATURE_SUBGROUPS;
    /* All that the adapter has: large weights want large bindings. */
    limits.next = NULL;
    wg_device_options options = {
        .label = {NULL, WG_STRLEN}, .n_features = n, .features = wanted, .limits = &limits, .queue.label = {NULL, WG_STRLEN},
        .lost = {.mode = WG_CALLBACK_SPONTANEOUS, .call = device_lost}, .error = {.call = device_error}};
    options.next = &toggles.chain;
    bool answered = false;
    for (int i = 0; i < 2 && !device.object; i++) {
        device = (request){0};
        native.AdapterRequestDevice(adapter.object, &options, (wg_callback){NULL, WG_CALLBACK_PROCESS_EVENTS, requested, &device, NULL});
        answered = await(&device);
        options.next = NULL; /* a library that knows no toggles refuses */
    }
    native.AdapterRelease(adapter.object);
    if (!answered || !device.object)
        return fail(e, GALAGO_ERR_UNSUPPORTED, "GPU %s: no device: %s", info->name, device.message);
    native.device = device.object;
    native.queue = native.DeviceGetQueue(device.object);
    return GALAGO_OK;
}

galago_status gpu_native_open(const char *library, error *e)
{
    pthread_mutex_lock(&native.lock);
    galago_status s = GALAGO_OK;
    bool lost = native.failure.status == GALAGO_ERR_DEVICE_LOST;
    if (!native.instance) s = load_functions(library, e);
    /* What a lost device had under way is told to its callbacks first: they count for the next one else. */
    for (int i = 0; lost && native.in_flight && i < 1000; i++) {
        native.InstanceProcessEvents(native.instance);
        if (native.in_flight) nanosleep(&(struct timespec){0, 1000000}, NULL);
    }
    if (!s) error_clear(&native.failure); /* (who it concerned has seen it, or sees it again) */
    if (!s && (!native.device || lost)) {
        /* What was made on a lost device stays until its owners release it. */
        native.device = NULL;
        native.in_flight = 0;
        s = open_device(e);
    }
    pthread_mutex_unlock(&native.lock);
    return s;
}

void gpu_native_lose(void)
{
    pthread_mutex_lock(&native.lock);
    if (native.device) {
        native.DeviceDestroy(native.device);
        native_fail(GALAGO_ERR_DEVICE_LOST, "the GPU was lost", WG_STRING("on purpose"));
    }
    pthread_mutex_unlock(&native.lock);
}
