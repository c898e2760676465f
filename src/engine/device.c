/* Which backend a model runs on. */
#include "engine/engine.h"

#include <stdio.h>

#pragma weak webgpu_self_test

galago_status choose_backend(galago_model *m, const galago_model_params *p, error *e)
{
    if (p->device == GALAGO_DEVICE_CPU) return cpu_backend_create(p->cpu_isa, p->n_threads, &m->backend, e);
    error why = {0};
    galago_status s = webgpu_backend_create(p->gpu_library, &m->backend, &why);
    if (!s && m->backend->is_software && p->device == GALAGO_DEVICE_AUTO)
        s = fail(&why, GALAGO_ERR_UNSUPPORTED, "%s is a program that plays a GPU: the CPU is faster", m->backend->description);
    if (!s && webgpu_self_test) s = webgpu_self_test(m->backend, &why);
    if (s && m->backend) {
        m->backend->ops->destroy(m->backend);
        m->backend = NULL;
    }
    if (!s) return GALAGO_OK;
    if (p->device == GALAGO_DEVICE_GPU) {
        if (e) *e = why;
        return s;
    }
    snprintf(m->device_note, sizeof m->device_note, "%s", why.message);
    return cpu_backend_create(p->cpu_isa, p->n_threads, &m->backend, e);
}
