/* The forms of the delta rule on the GPU, for those who compare them (tests, benchmarks). */
#ifndef BACKEND_WEBGPU_OPS_DELTA_H
#define BACKEND_WEBGPU_OPS_DELTA_H

#include "backend/backend.h"

struct webgpu;
/* BY_SHAPE: what delta_rule() takes. RECURRENT: token after token. CHUNKED: 32 tokens at a time. Both for any T. */
enum delta_form { DELTA_BY_SHAPE = 0, DELTA_RECURRENT, DELTA_CHUNKED };
/* backend_ops.delta_rule in the given form. */
void webgpu_delta_rule(struct webgpu *g, enum delta_form form, tensor o, tensor qkv, tensor a, tensor beta, tensor decay,
                       tensor dt_bias, tensor state, const delta_params *p);

#endif
