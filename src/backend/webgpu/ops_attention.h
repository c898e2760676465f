/* The forms of attention on the GPU, for those who compare them (tests, benchmarks). */
#ifndef BACKEND_WEBGPU_OPS_ATTENTION_H
#define BACKEND_WEBGPU_OPS_ATTENTION_H

#include "backend/backend.h"

struct webgpu;
/* BY_SHAPE: what attention() takes. SPLIT: the cache over workgroups, token by token. TILES: tiles of queries and keys. */
enum attention_form { ATTENTION_BY_SHAPE = 0, ATTENTION_SPLIT, ATTENTION_TILES };
/* backend_ops.attention in the given form. */
void webgpu_attention(struct webgpu *g, enum attention_form form, tensor o, tensor q, tensor k_cache, tensor v_cache, size_t pos,
                      uint32_t n_heads, float scale);

#endif
