/*
 * The seam between the network and the machine. A backend is written from this header alone.
 *
 * Ops record (or run at once, as the CPU does); submit() makes sure that what was recorded runs; read() returns results.
 * Ops cannot fail one by one: shapes are right by construction, and the backend keeps its first error for submit().
 * Activations are f32. Tensors an op writes are never tensors it reads, unless its comment says so.
 * T tokens at once: the same ops with T > 1 (prefill) and T = 1 (decode); only kernels choose by T.
 */
#ifndef BACKEND_BACKEND_H
#define BACKEND_BACKEND_H

#include "base/error.h"
#include "base/tensor.h"

typedef struct backend backend;

/* A linear map: w [N, K] of any weight dtype, b [N] f32 or absent. */
typedef struct linear {
    tensor w, b;
} linear;

/* What becomes of a product before it is stored. */
typedef enum epilogue {
    EPILOGUE_STORE = 0,  /* y = p */
    EPILOGUE_ADD,        /* y = y + p: the residual stream */
    EPILOGUE_GELU_TANH,  /* y = 0.5 p (1 + tanh(sqrt(2/pi) (p + 0.044715 p^3))) */
    EPILOGUE_GELU_ERF,   /* y = 0.5 p (1 + erf(p / sqrt 2)) */
    EPILOGUE_GELU_QUICK, /* y = p sigmoid(1.702 p) */
} epilogue;

/* Where heads lie inside a row of a projection: head h of token t begins at t*row + offset + h*stride. */
typedef struct head_view {
    uint32_t n_heads, head_dim;
    uint32_t offset, stride; /* values, not bytes */
} head_view;

/* Gated delta rule, docs/MODEL.md 2.1. */
typedef struct delta_params {
    uint32_t n_k_heads, n_v_heads; /* Hk, Hv; Hv is a multiple of Hk */
    uint32_t k_head_dim, v_head_dim;
    bool tiled_heads; /* value head h uses key head h % Hk (GGUF order); else h / (Hv/Hk) (checkpoint order) */
} delta_params;

/* Axis order T, H, W. Frequencies j = 0..n_freq-1 rotate the pair (j, j + n_freq) by pos[axis[j]] * inv_freq[j]. */
typedef struct rope_params {
    uint32_t n_freq;       /* rotary_dim / 2, at most 128 */
    float inv_freq[128];
    uint8_t axis[128];     /* 0..n_axes-1 */
} rope_params;

/* What delta_mixer() works on; shapes as in causal_conv_silu(), delta_rule(), gated_rmsnorm(). */
typedef struct delta_mixer_args {
    tensor qkv, conv;                 /* input; scratch of the same shape */
    tensor z, a, beta;                /* gate of the norm; raw projections of the gates */
    tensor conv_w, decay, dt_bias, norm;
    tensor conv_state, delta_state;
    delta_params p;
    float eps;
} delta_mixer_args;

/* What gated_deltanet() works on. */
typedef struct deltanet_args {
    tensor x, in_norm, h, o; /* the residual stream [T,D]; weight of the norm before; scratch [T,D] and [T,Hv*dv] */
    const linear *in_qkv, *in_z, *in_a, *in_b, *out;
    delta_mixer_args mixer; /* its eps is that of in_norm too */
} deltanet_args;

/* What attention_mixer() works on. */
typedef struct attention_mixer_args {
    tensor query_gate, q;             /* projection of queries and gates; scratch for the queries [T, n_heads*head_dim] */
    tensor k, v;                      /* projections [T, n_kv*head_dim]; k is changed */
    head_view queries, gates;         /* where they lie in query_gate */
    tensor q_norm, k_norm, cs;
    tensor k_cache, v_cache;
    size_t pos;
    uint32_t n_heads, n_kv_heads, head_dim;
    float scale, eps;
} attention_mixer_args;

/* How a token is chosen (galago_generate_params; 1 = off for top_p and repetition_penalty, 0 = off for the others). */
typedef struct sample_params {
    float temperature, top_p, min_p, repetition_penalty, presence_penalty, frequency_penalty;
    uint32_t top_k;
    uint64_t seed;
} sample_params;

typedef struct backend_ops {
    void (*destroy)(backend *b);

    /* ---- memory ---- */
    /* `size` bytes, zeroed. Errors: MEMORY. */
    galago_status (*buffer_create)(backend *b, size_t size, buffer **out, error *e);
    void (*buffer_destroy)(backend *b, buffer *buf); /* NULL allowed */
    /* A weight from the bytes of a file, row-major in the file's block layout. With `stays` the bytes outlive the backend
     * (a mapped file) and may be used where they lie; else they are copied. w->type and w->shape are set by the caller
     * and stay as they are seen; the layout inside is the backend's own. w->buffer becomes one made here, which
     * buffer_destroy() frees. With bytes NULL only the space is made; weight_write() fills it slice by slice, so that a
     * weight that is converted on the way never exists twice. Errors: MEMORY. */
    galago_status (*weight_load)(backend *b, tensor *w, const void *bytes, bool stays, error *e);
    /* Rows [first, first+n) of a weight whose space was made with bytes NULL, in the file's block layout. May be called from
     * several threads for different rows. */
    void (*weight_write)(backend *b, tensor w, size_t first, size_t n, const void *bytes);
    /* dst (whole tensor) = bytes from the host, in row-major order of its type. f32 and i32 tensors. */
    void (*write)(backend *b, tensor dst, const void *bytes);
    /* t = 0, the whole tensor. */
    void (*clear)(backend *b, tensor t);
    /* Hands what was recorded to the device. PENDING: nothing was handed over yet (kernels are being compiled, or enough is in
     * flight); the same call again, later, goes on. The CPU is never pending. Errors: the first of anything recorded. */
    galago_status (*submit)(backend *b, error *e);
    /* Copies a whole f32 or i32 tensor to the host as it is after all that was submitted; PENDING until it has arrived: the
     * same call again, later. One such read at a time. */
    galago_status (*read)(backend *b, void *dst, tensor src, error *e);
    /* After PENDING: lets the device make progress. PENDING when this host cannot wait and must come back later (a page). */
    galago_status (*wait)(backend *b, error *e);

    /* ---- rows ---- */
    /* y[t,:] = table[ids[t],:]      y: [T,D]  table: [V,D] any weight dtype  ids: [T] i32, each < V */
    void (*embed)(backend *b, tensor y, tensor table, tensor ids);
    /* dst[i] = src[i] for whole tensors of the same size and type (views: see tensor_rows). */
    void (*copy)(backend *b, tensor dst, tensor src);
    /* y = y + x     same shapes */
    void (*add)(backend *b, tensor y, tensor x);
    /* y[i,:] = y[i,:] + sum_{c<4} weight[i,c] * table[index[i,c],:]     y: [N,D]  table: [V,D] f32  index: [N,4] i32
     * weight: [N,4] f32.  The interpolated position embedding of the vision tower. */
    void (*add_interpolated)(backend *b, tensor y, tensor table, tensor index, tensor weight);

    /* ---- norms ---- */
    /* y[t,:] = x[t,:] / sqrt(mean(x[t,:]^2) + eps) * w     x, y: [T,D]  w: [D] (the plain weight: a checkpoint's
     * "1 + w" is added when it is loaded).  y may be x. */
    void (*rmsnorm)(backend *b, tensor y, tensor x, tensor w, float eps);
    /* y = (x - mean) / sqrt(var + eps) * w + bias      rows of D; var over D, biased.  y may be x. */
    void (*layernorm)(backend *b, tensor y, tensor x, tensor w, tensor bias, float eps);
    /* y[t,h,:] = x_h / sqrt(mean(x_h^2) + eps) * w * silu(z_h)     x, y, z: [T, H*D]  w: [D].  y may be x. */
    void (*gated_rmsnorm)(backend *b, tensor y, tensor x, tensor z, tensor w, float eps);

    /* ---- products ---- */
    /* y_i = epilogue(x . w_i^T + b_i) for i < n, products that share x.
     * x: [T,K] f32  w_i: [N_i,K]  y_i: [T,N_i] f32.  Quantised weights meet activations quantised to 8 bits. */
    void (*matmul)(backend *b, const tensor *y, tensor x, const linear *const *l, size_t n, epilogue ep);
    /* y = silu(gate) * up      all [T,F].  y may be gate. */
    void (*swiglu)(backend *b, tensor y, tensor gate, tensor up);

    /* ---- products with what stands around them ----
     * Each equals the simple ops its comment names, in that order (compose.c does just that); `h`, `up` are scratch whose contents
     * are undefined afterwards. */
    /* rmsnorm(h, x, norm, eps); matmul(y, h, l, n, STORE).     h: [T,K] */
    void (*norm_matmul)(backend *b, const tensor *y, tensor x, tensor norm, float eps, const linear *const *l, size_t n,
                        tensor h);
    /* rmsnorm(h, x, norm, eps); y = gate(h); up = up(h); swiglu(y, y, up).     y, up_scratch: [T,F]  h: [T,K] */
    void (*norm_swiglu)(backend *b, tensor y, tensor x, tensor norm, float eps, const linear *gate, const linear *up, tensor h,
                        tensor up_scratch);

    /* ---- gated DeltaNet ---- */
    /* Depthwise causal convolution over time, then SiLU:
     * y[t,c] = silu(sum_{j<K} w[c,j] * in[t-K+1+j, c]), in = the state's K-1 rows, then x.
     * x, y: [T,C]  w: [C,K] f32  state: [K-1,C] f32, oldest first; becomes the last K-1 rows of in. */
    void (*causal_conv_silu)(backend *b, tensor y, tensor x, tensor w, tensor state);
    /* Gated delta rule with its gates and l2 norms. qkv: [T, 2*Hk*dk + Hv*dv] (behind the convolution: q, k, v, each
     * head-major)  a, beta: [T,Hv] (raw projections)  decay: [Hv] = -exp(A_log)  dt_bias: [Hv]
     * state: [Hv, dv, dk] f32 (S transposed), advanced  o: [T, Hv*dv].
     * g = decay * softplus(a + dt_bias); q, k l2-normalised (eps 1e-6 inside the root), q / sqrt(dk). */
    void (*delta_rule)(backend *b, tensor o, tensor qkv, tensor a, tensor beta, tensor decay, tensor dt_bias, tensor state,
                       const delta_params *p);

    /* causal_conv_silu(conv, qkv, conv_w, conv_state); delta_rule(o, conv, ...); gated_rmsnorm(o, o, z, norm, eps). */
    void (*delta_mixer)(backend *b, tensor o, const delta_mixer_args *a);
    /* norm_matmul(qkv, z, a, beta; x); delta_mixer(o); x = x + out(o). Contents of the mixer's inputs are undefined afterwards. */
    void (*gated_deltanet)(backend *b, const deltanet_args *a);

    /* ---- attention ---- */
    /* cs[t,j,:] = cos, sin of pos[axis[j], t] * inv_freq[j]      cs: [T, 2*n_freq] f32  pos: [n_axes, T] i32.
     * Accurate to 1e-6 for positions up to 2^18. */
    void (*rope_table)(backend *b, tensor cs, tensor pos, const rope_params *p);
    /* y[t, h, :] = rope(norm(x[t, head h])): the first 2*n_freq of head_dim values rotate (pairs j, j + n_freq), the rest
     * pass through. norm = rmsnorm over the head with weight w [head_dim]; none when w is absent.
     * x: [T, row] read through `xv`; y: [T, row] written through `yv`.  y may be x when the views are equal. */
    void (*head_norm_rope)(backend *b, tensor y, head_view yv, tensor x, head_view xv, tensor w, float eps, tensor cs);
    /* Cache rows pos .. pos+T-1 = k, v.   k, v: [T, n_kv*head_dim] f32   caches: [n_kv, n_ctx, head_dim] f16 or f32 */
    void (*kv_store)(backend *b, tensor k_cache, tensor v_cache, tensor k, tensor v, size_t pos);
    /* Causal attention of T new tokens over the cache, whose rows pos..pos+T-1 they are:
     * o[t,h,:] = sum_{s<=pos+t} softmax_s(scale * q_h . k_{h / (n_heads/n_kv), s}) v_s
     * q, o: [T, n_heads*head_dim] */
    void (*attention)(backend *b, tensor o, tensor q, tensor k_cache, tensor v_cache, size_t pos, uint32_t n_heads,
                      float scale);
    /* y[t,h,:] = y[t,h,:] * sigmoid(gate head h of token t)     y: [T, n_heads*head_dim]  gate: [T, row] through gv */
    void (*sigmoid_gate)(backend *b, tensor y, tensor gate, head_view gv);
    /* head_norm_rope of q out of query_gate into q and of k in place; kv_store; attention; sigmoid_gate by query_gate's gates. */
    void (*attention_mixer)(backend *b, tensor o, const attention_mixer_args *a);
    /* Attention without a mask inside each segment [starts[i], starts[i+1]) of the N rows, i < n_segments.
     * qkv: [N, 3*D] (q, k, v, each head-major)  o: [N, D]  starts: host array of n_segments+1 values. */
    void (*segment_attention)(backend *b, tensor o, tensor qkv, const size_t *starts, size_t n_segments, uint32_t n_heads,
                              float scale);

    /* ---- choosing the next token on the device; all NULL where the host chooses (the CPU backend) ---- */
    /* ids[0] and ring[slot] = the next id by sampler_next()'s rules (engine/sample.h), from logits [1,V]; -1 when no allowed logit is a
     * finite number. counts: [V] i32, bits 0..23 times in the answer (the chosen id's count is raised), bit 24 = in the prompt.
     * runs: [n,2] i32, the ids that may be chosen. `draw` is the index of the draw within the answer. */
    void (*sample)(backend *b, tensor ids, tensor ring, size_t slot, tensor logits, tensor counts, tensor runs,
                   const sample_params *p, uint32_t draw);
    /* Starts to copy a tensor as it is after all that was submitted; several may be under way. Errors: MEMORY, DEVICE_LOST. */
    galago_status (*read_begin)(backend *b, tensor src, uint32_t *ticket, error *e);
    /* PENDING until it has arrived; then its bytes, and the ticket is spent. dst NULL: not wanted any more (OK at once). */
    galago_status (*read_poll)(backend *b, uint32_t ticket, void *dst, tensor src, error *e);

    /* ---- kernels that take time to compile; NULL where there are none ---- */
    /* Between rehearse(true) and rehearse(false) nothing is made and nothing runs: buffers and weights have no memory, what would be
     * written is not looked at, and ops only begin to compile the kernels that they would use. Nothing may be recorded that was not
     * submitted before; what is made in between is destroyed before the end. */
    void (*rehearse)(backend *b, bool on);
} backend_ops;

struct backend {
    const backend_ops *ops;
    char description[160]; /* "cpu (avx2, 2 threads)" */
    bool is_software;     /* a GPU that a CPU plays: right, but slower than the CPU backend */
    uint32_t batch;       /* tokens that a prefill takes at once at most: as many as keep the machine busy */
    uint32_t forward;     /* tokens of the forward that is recorded, for a device that measures itself; the session says so */
    double token_ms;      /* of a prefill, as the device last needed for each token; 0 = not known (the CPU) */
    bool uses_mapped;     /* weight_load() with `stays` keeps to the file's bytes: nothing is copied */
};

/* Fills the composed ops (norm_matmul, norm_swiglu, delta_mixer, gated_deltanet, attention_mixer) that are NULL with ones that call the simple
 * ops. (compose.c) */
void backend_compose(backend_ops *ops);

/* The CPU backend. `isa`: NULL or "auto", "ref" (portable C: the oracle), "avx2", "avx512". n_threads 0 = all processors.
 * Errors: ARGUMENT (an ISA that this machine lacks), MEMORY. */
galago_status cpu_backend_create(const char *isa, uint32_t n_threads, backend **out, error *e);

/* The WebGPU backend on the device that the host opened (in wasm) or that `library` gives (natively; NULL = found by its usual
 * names). Errors: UNSUPPORTED (no library, no adapter: says what was looked for), MEMORY. */
galago_status webgpu_backend_create(const char *library, backend **out, error *e);

#endif
