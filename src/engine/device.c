/* Which backend a model runs on. */
#include "engine/engine.h"

#include <stdio.h>

#pragma weak webgpu_backend_create
#pragma weak webgpu_self_test

galago_status choose_backend(galago_model *m, const galago_model_params *p, error *e)
{
    if (p->device == GALAGO_DEVICE_CPU) return cpu_backend_create(p->cpu_isa, p->n_threads, &m->backend, e);
    error why = {0};
    galago_status s = webgpu_backend_create ? webgpu_backend_create(p->gpu_library, &m->backend, &why)
                                            : fail(&why, GALAGO_ERR_UNSUPPORTED, "this build has no GPU backend; use --device cpu");
    if (!s && (s = webgpu_self_test(m->backend, &why))) {
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
