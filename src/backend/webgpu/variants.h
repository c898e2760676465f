/* Kernels of which a device may have a better form than the plain one: variants.c has the table. */
#ifndef BACKEND_WEBGPU_VARIANTS_H
#define BACKEND_WEBGPU_VARIANTS_H

#include "backend/webgpu/record.h"
#include "backend/webgpu/weight.h"

/* The form of `plain` for this device, and for weights of this layout where the kernel reads weights (else any layout). */
enum kernel variant_of(const webgpu *g, enum kernel plain, weight_layout layout);

#endif
