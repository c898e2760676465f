#include "model/network.h"

#include <stdlib.h>

void model_destroy(model *m)
{
    if (!m) return;
    for (size_t i = 0; i < m->n_weights; i++) m->backend->ops->buffer_destroy(m->backend, m->weights[i].t.buffer);
    arena_free(&m->memory);
    free(m);
}

const model_config *model_get_config(const model *m) { return &m->config; }
size_t model_n_weights(const model *m) { return m->n_weights; }
const model_weight *model_weight_at(const model *m, size_t i) { return &m->weights[i]; }
uint64_t model_n_params(const model *m) { return m->n_params; }
uint64_t model_weights_bytes(const model *m) { return m->weights_bytes; }
bool model_has_mtp(const model *m) { return m->mtp != NULL; }
bool model_f32_cache(const model *m) { return m->f32_weights; }
