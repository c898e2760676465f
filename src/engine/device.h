/* Which backend a model runs on: the CPU, the GPU, or with AUTO the GPU where there is a real one that computes rightly. */
#ifndef ENGINE_DEVICE_H
#define ENGINE_DEVICE_H

#include "engine/engine.h"

typedef struct device_choice device_choice;

/* Makes m->backend; strings in `p` are copied. *out is the caller's even on failure. Errors: UNSUPPORTED (a GPU was asked for: says
 * why there is none), ARGUMENT, MEMORY. */
galago_status device_choose(galago_model *m, const galago_model_params *p, device_choice **out, error *e);
/* Begins to test a GPU on the kinds of weights and heads that the model (its weights are open) has. A GPU that fails is an error when
 * it was asked for; with AUTO m->backend becomes the CPU and m->device_note says why, as in the next. Errors: INTERNAL, MEMORY. */
galago_status device_test_begin(device_choice *d, galago_model *m, const model_config *c, galago_dtype type, error *e);
/* PENDING until the GPU has answered; OK: m->backend will do. Errors: INTERNAL (names the kernel), DEVICE_LOST, MEMORY. */
galago_status device_test_step(device_choice *d, galago_model *m, error *e);
/* Before the model's backend. NULL allowed. */
void device_choice_destroy(device_choice *d);

#endif
