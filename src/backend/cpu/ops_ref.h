/* The portable ops by subject; each adds its own to the table. */
#ifndef CPU_OPS_REF_H
#define CPU_OPS_REF_H

#include "backend/cpu/cpu.h"
#include <math.h>

void ref_norm_ops(backend_ops *ops);      /* ops_ref_norm.c */
void ref_delta_ops(backend_ops *ops);     /* ops_ref_delta.c */
void ref_attention_ops(backend_ops *ops); /* ops_ref_attention.c */

/* Those that faster forms hand their odd shapes to. */
void ref_causal_conv_silu(backend *b, tensor y, tensor x, tensor w, tensor state);
void ref_delta_rule(backend *b, tensor o, tensor qkv, tensor a, tensor beta, tensor decay, tensor dt_bias, tensor state,
                    const delta_params *p);

static inline float ref_sigmoid(float x) { return 1.0f / (1.0f + expf(-x)); }

#endif
