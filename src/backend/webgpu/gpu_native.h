/*
 * What the two halves of the native GPU border share: gpu_native_open.c finds the library and opens the device, gpu_native.c
 * makes the calls of gpu.h on it.
 *
 * One device for the process, so this state is global; every entry of gpu.h takes `lock`, which is why weights may be written from
 * several threads. Callbacks run inside wgpuInstanceProcessEvents() or another call of the library, so with the lock held.
 */
#ifndef BACKEND_WEBGPU_GPU_NATIVE_H
#define BACKEND_WEBGPU_GPU_NATIVE_H

#include "backend/webgpu/dawn.h"
#include "backend/webgpu/gpu.h"

#include <pthread.h>

typedef struct native_gpu {
    pthread_mutex_t lock;
#define F(result, name, parameters) result(*name) parameters;
    WG_FUNCTIONS(F)
#undef F
    wg_handle instance, device, queue; /* NULL before the device is open */
    gpu_info info;
    uint32_t in_flight;
    error failure; /* the first since the device was opened */
} native_gpu;

extern native_gpu native;

/* Keeps the first error. */
void native_fail(galago_status status, const char *what, wg_string message);

#endif
