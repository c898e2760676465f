/* The seam's ops as plain calls, so that a forward reads line by line. Internal to src/model; contracts in backend.h. */
#ifndef MODEL_OPS_H
#define MODEL_OPS_H

#include "backend/backend.h"

static inline void embed(backend *b, tensor y, tensor table, tensor ids) { b->ops->embed(b, y, table, ids); }
static inline void copy(backend *b, tensor dst, tensor src) { b->ops->copy(b, dst, src); }
static inline void rmsnorm(backend *b, tensor y, tensor x, tensor w, float eps) { b->ops->rmsnorm(b, y, x, w, eps); }
static inline void layernorm(backend *b, tensor y, tensor x, tensor w, tensor bias, float eps)
{
    b->ops->layernorm(b, y, x, w, bias, eps);
}
/* y = epilogue(l(x)) */
static inline void matmul(backend *b, tensor y, tensor x, const linear *l, epilogue ep) { b->ops->matmul(b, &y, x, &l, 1, ep); }
/* y[i] = l[i](rmsnorm(x)), products that share their input; h is scratch. */
static inline void norm_matmul(backend *b, const tensor *y, tensor x, tensor norm, float eps, const linear *const *l, size_t n,
                               tensor h)
{
    b->ops->norm_matmul(b, y, x, norm, eps, l, n, h);
}
/* y = silu(gate(rmsnorm(x))) * up(rmsnorm(x)); h and up_scratch are scratch. */
static inline void norm_swiglu(backend *b, tensor y, tensor x, tensor norm, float eps, const linear *gate, const linear *up, tensor h,
                               tensor up_scratch)
{
    b->ops->norm_swiglu(b, y, x, norm, eps, gate, up, h, up_scratch);
}
static inline void gated_deltanet(backend *b, const deltanet_args *a) { b->ops->gated_deltanet(b, a); }
static inline void attention_mixer(backend *b, tensor o, const attention_mixer_args *a) { b->ops->attention_mixer(b, o, a); }

/* Activation buffers are made for the largest T; a forward uses their beginning. */
static inline tensor first_rows(tensor t, size_t n) { return tensor_rows(t, 0, n); }
/* The first n values of a vector. */
static inline tensor first_values(tensor t, size_t n)
{
    assert(t.n_dims == 1 && n <= t.shape[0]);
    t.shape[0] = n;
    return t;
}
/* A table [axes, n] at the beginning of a buffer that holds at least that much. */
static inline tensor axes_by(tensor t, size_t axes, size_t n)
{
    assert(axes * n <= tensor_n_rows(t) * tensor_row(t));
    t.n_dims = 2;
    t.shape[0] = axes, t.shape[1] = n, t.shape[2] = t.shape[3] = 1;
    return t;
}

#endif
