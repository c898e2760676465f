/* A small known computation on a WebGPU backend against the portable C ops, before a model's weights go there. */
#ifndef BACKEND_WEBGPU_SELF_TEST_H
#define BACKEND_WEBGPU_SELF_TEST_H

#include "backend/backend.h"

/* What the model will use, so that its kernels are compiled and no others. */
typedef struct self_test_shape {
    dtype weights;     /* F32, F16, Q8_0 or Q4_0 */
    uint32_t head_dim; /* of the text's attention; other than multiples of 4 in 16..256: 128 is taken */
    bool has_deltanet;
} self_test_shape;

typedef struct self_test self_test;

/* Records everything; `b` must stay until end(). Nothing of the caller's may be recorded and not yet submitted. Errors: MEMORY. */
galago_status webgpu_self_test_begin(backend *b, const self_test_shape *shape, self_test **out, error *e);
/* PENDING: the device is not done; b->ops->wait() and the same call again. OK: all results are right. Errors: INTERNAL (names the
 * kernel that computes wrongly, or that was refused), DEVICE_LOST, MEMORY. */
galago_status webgpu_self_test_step(self_test *t, error *e);
/* At any time; NULL allowed. */
void webgpu_self_test_end(self_test *t);

#endif
