/* Which backend a model runs on, and whether it computes rightly. */
#include "engine/device.h"

#include "backend/webgpu/self_test.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct device_choice {
    bool is_gpu, only_gpu;
    self_test *test; /* under way */
    uint32_t n_threads;
    char cpu_isa[16];
};

static galago_status take_cpu(device_choice *d, galago_model *m, error *e)
{
    d->is_gpu = false;
    return cpu_backend_create(d->cpu_isa, d->n_threads, &m->backend, e);
}

/* What happens when the GPU is not to be had for the reason `why`. */
static galago_status without_gpu(device_choice *d, galago_model *m, const error *why, error *e)
{
    webgpu_self_test_end(d->test);
    d->test = NULL;
    if (m->backend) m->backend->ops->destroy(m->backend);
    m->backend = NULL;
    if (d->only_gpu) {
        if (e) *e = *why;
        return why->status;
    }
    snprintf(m->device_note, sizeof m->device_note, "%s", why->message);
    return take_cpu(d, m, e);
}

galago_status device_choose(galago_model *m, const galago_model_params *p, device_choice **out, error *e)
{
    device_choice *d = *out = calloc(1, sizeof *d);
    if (!d) return fail(e, GALAGO_ERR_MEMORY, "not enough memory for a model");
    d->only_gpu = p->device == GALAGO_DEVICE_GPU;
    d->n_threads = p->n_threads;
    /* (A longer name is none that exists: its beginning is refused as well.) */
    snprintf(d->cpu_isa, sizeof d->cpu_isa, "%s", p->cpu_isa ? p->cpu_isa : "auto");
    if (p->device == GALAGO_DEVICE_CPU) return take_cpu(d, m, e);
    error why = {0};
    galago_status s = webgpu_backend_create(p->gpu_library, &m->backend, &why);
    if (!s && m->backend->is_software && !d->only_gpu)
        s = fail(&why, GALAGO_ERR_UNSUPPORTED, "%s is a program that plays a GPU: the CPU is faster", m->backend->description);
    if (s) return without_gpu(d, m, &why, e);
    d->is_gpu = true;
    return GALAGO_OK;
}

/* The type that most of the model's matrices will have on the device. */
static dtype type_of_matrices(const weights *w, galago_dtype type)
{
    switch (type) {
    case GALAGO_DTYPE_F32: return DTYPE_F32;
    case GALAGO_DTYPE_F16: return DTYPE_F16;
    case GALAGO_DTYPE_Q4_0: return DTYPE_Q4_0;
    case GALAGO_DTYPE_Q8_0:
    case GALAGO_DTYPE_AS_IS: break;
    }
    for (size_t i = 0; type == GALAGO_DTYPE_AS_IS && i < weights_count(w); i++) {
        const weight *t = weights_at(w, i);
        if (!strstr(t->name, "ffn_gate") && !strstr(t->name, "mlp.gate_proj")) continue;
        if (t->type == DTYPE_F32 || t->type == DTYPE_F16 || t->type == DTYPE_Q4_0) return t->type;
    }
    return DTYPE_Q8_0;
}

galago_status device_test_begin(device_choice *d, galago_model *m, const model_config *c, galago_dtype type, error *e)
{
    if (!d->is_gpu) return GALAGO_OK;
    const self_test_shape shape = {
        .weights = type_of_matrices(m->weights, type),
        .head_dim = c->text.head_dim,
        .has_deltanet = c->text.conv_kernel > 0,
    };
    error why = {0};
    if (!webgpu_self_test_begin(m->backend, &shape, &d->test, &why)) return GALAGO_OK;
    return without_gpu(d, m, &why, e);
}

galago_status device_test_step(device_choice *d, galago_model *m, error *e)
{
    if (!d->test) return GALAGO_OK;
    error why = {0};
    galago_status s = webgpu_self_test_step(d->test, &why);
    if (s == GALAGO_PENDING) return s;
    if (s) return without_gpu(d, m, &why, e);
    webgpu_self_test_end(d->test);
    d->test = NULL;
    return GALAGO_OK;
}

void device_choice_destroy(device_choice *d)
{
    if (!d) return;
    webgpu_self_test_end(d->test);
    free(d);
}
