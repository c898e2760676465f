/* Opening a model in two parts, for hosts where the files are still on their way. */
#ifndef ENGINE_OPENING_H
#define ENGINE_OPENING_H

#include "galago.h"

/* What of galago_model_open_step() reads no weights: the test of the device, and the beginning of its kernels' compilation. PENDING
 * until the device has answered. On an error the opening is still the caller's. (model.c) */
galago_status model_open_prepare(galago_opening *o, galago_error *e);

#endif
