/*
 * Attention on the GPU. A few tokens over a cache: the cache is split over workgroups (attention_split, attention_combine); many
 * tokens, and pictures: tile by tile (attention_tiles).
 */
#include "backend/webgpu/ops_attention.h"

#include "backend/webgpu/variants.h"

/* The longest run of tokens that is read split by split, each token for itself: beyond it, tiles read less and there are enough
 * of them. */
enum { SPLIT_TOKENS = 4 };
/* Of attention_split.wgsl. Shorter splits than 32 rows would leave threads idle; 64 splits per KV head fill large GPUs, and what
 * they write stays a small part of what they read. */
enum { MIN_ROWS = 32, MAX_SPLITS = 64 };

static size_t split_count(size_t n)
{
    size_t per = ((n + MAX_SPLITS - 1) / MAX_SPLITS + MIN_ROWS - 1) / MIN_ROWS * MIN_ROWS;
    return (n + per - 1) / per;
}

/* What rmsnorm and the rotary embedding need; norm absent = the queries come prepared. */
typedef struct preparation {
    tensor norm, cs;
    float eps;
} preparation;

static bool is_f16(tensor cache) { return cache.type == DTYPE_F16; }
static gpu_constant d4_of(size_t head_dim)
{
    assert(head_dim % 4 == 0 && head_dim <= 256);
    return (gpu_constant){"D4", (float)(head_dim / 4)};
}

/* o[t,h,:] of up to SPLIT_TOKENS tokens; times sigmoid(gate) where there is a gate. With `store` (can_store()) its key and value are
 * stored on the way. */
static void attend_split(webgpu *g, tensor o, tensor q, head_view qv, const preparation *prepare, tensor gate, head_view gv,
                         tensor k_cache, tensor v_cache, size_t pos, float scale, const attention_mixer_args *store)
{
    uint32_t T = (uint32_t)tensor_n_rows(q), n_kv = (uint32_t)k_cache.shape[0], group = qv.n_heads / n_kv;
    gpu_buffer parts = record_scratch(g, SCRATCH_ATTENTION, (size_t)T * qv.n_heads * MAX_SPLITS * (qv.head_dim + 4) * sizeof(float));
    if (!parts) return;
    gpu_buffer step = record_step(g, pos);
    bool norm = prepare && tensor_present(prepare->norm), gated = tensor_present(gate);
    struct {
        uint32_t q_at, q_row, q_head, norm_at, cs_at, n_freq, k_at, v_at, n_ctx, group, n_kv, key_norm_at;
        float scale, eps;
        uint32_t k_in, v_in;
    } p = {.q_at = at_of(q) + qv.offset, .q_row = (uint32_t)tensor_row(q), .q_head = qv.stride,
           .k_at = at_of(k_cache) / 4, .v_at = at_of(v_cache) / 4, .n_ctx = (uint32_t)k_cache.shape[1],
           .group = group, .n_kv = n_kv, .scale = scale};
    if (norm) {
        p.norm_at = at_of(prepare->norm), p.cs_at = at_of(prepare->cs), p.eps = prepare->eps;
        p.n_freq = (uint32_t)tensor_row(prepare->cs) / 2;
    }
    if (store) p.key_norm_at = at_of(store->k_norm), p.k_in = at_of(store->k), p.v_in = at_of(store->v);
    record(g, &(dispatch){
                  .kernel = KERNEL_ATTENTION_SPLIT,
                  .constants = {d4_of(qv.head_dim), {"F16", is_f16(k_cache)}, {"NORM", norm}, {"STORE", store != NULL},
                                {"MIN_ROWS", MIN_ROWS}, {"MAX_SPLITS", MAX_SPLITS}},
                  .params = &p, .params_size = sizeof p,
                  .bind = {step, id_of(q), norm ? id_of(prepare->norm) : id_of(q), norm ? id_of(prepare->cs) : id_of(q),
                           store ? id_of(store->k_norm) : id_of(q), id_of(k_cache), id_of(v_cache), parts},
                  .x = (uint32_t)split_count(pos + T), .y = n_kv * ((group + 3) / 4), .z = T,
              });
    struct {
        uint32_t gate_at, gate_row, gate_head, o_at;
    } c = {.o_at = at_of(o) / 4};
    if (gated) {
        assert(gv.offset % 4 == 0 && gv.stride % 4 == 0 && tensor_row(gate) % 4 == 0);
        c.gate_at = (at_of(gate) + gv.offset) / 4, c.gate_row = (uint32_t)tensor_row(gate) / 4, c.gate_head = gv.stride / 4;
    }
    record(g, &(dispatch){
                  .kernel = KERNEL_ATTENTION_COMBINE,
                  .constants = {d4_of(qv.head_dim), {"GATED", gated}, {"MIN_ROWS", MIN_ROWS}, {"MAX_SPLITS", MAX_SPLITS}},
                  .params = &c, .params_size = sizeof c,
                  .bind = {step, parts, gated ? id_of(gate) : id_of(q), id_of(o)},
                  .x = qv.n_heads, .y = T,
              });
}

/* Where rows and heads of a matrix lie, in units of 4 values. */
typedef struct place {
    uint32_t at, row, head;
} place;

/* attention_tiles.wgsl. n_heads = n_kv * group heads of T queries; causal over the cache behind `pos`, or over n_keys rows. */
typedef struct tiles {
    gpu_buffer q, k, v, o;
    place q_place, k_place, v_place, o_place;
    uint32_t T, n_kv, group, n_keys, head_dim;
    float scale;
    bool f16;
} tiles;

static void attend_tiles(webgpu *g, const tiles *a, gpu_buffer step)
{
    uint32_t d4 = a->head_dim / 4, n_rows = a->T * a->group;
    enum { BQ = 64 }; /* rows of a tile */
    uint32_t ways = d4 > 32 ? 4 : d4 > 16 ? 8 : 16;
    struct {
        uint32_t q_at, q_row, q_head, group, k_at, k_row, k_head, n_rows, v_at, v_row, v_head, n_keys, o_at, o_row, o_head;
        float scale;
    } p = {a->q_place.at, a->q_place.row, a->q_place.head, a->group, a->k_place.at, a->k_place.row, a->k_place.head, n_rows,
           a->v_place.at, a->v_place.row, a->v_place.head, a->n_keys, a->o_place.at, a->o_place.row, a->o_place.head, a->scale};
    record(g, &(dispatch){
                  .kernel = variant_of(g, KERNEL_ATTENTION_TILES, LAYOUT_F32),
                  .constants = {d4_of(a->head_dim), {"F16", a->f16}, {"CAUSAL", step != 0}, {"WAYS", (float)ways}},
                  .params = &p, .params_size = sizeof p,
                  .bind = {step ? step : a->q, a->q, a->k, a->v, a->o},
                  .x = (n_rows + BQ - 1) / BQ, .y = a->n_kv,
              });
}

void webgpu_attention(webgpu *g, enum attention_form form, tensor o, tensor q, tensor k_cache, tensor v_cache, size_t pos,
                      uint32_t n_heads, float scale)
{
    uint32_t T = (uint32_t)tensor_n_rows(q), n_kv = (uint32_t)k_cache.shape[0], dim = (uint32_t)k_cache.shape[2];
    uint32_t n_ctx = (uint32_t)k_cache.shape[1], d4 = dim / 4;
    assert(pos + T <= n_ctx && n_heads % n_kv == 0);
    if (form == ATTENTION_SPLIT || (form == ATTENTION_BY_SHAPE && T <= SPLIT_TOKENS)) {
        attend_split(g, o, q, (head_view){n_heads, dim, 0, dim}, NULL, (tensor){0}, (head_view){0}, k_cache, v_cache, pos, scale,
                     NULL);
        return;
    }
    attend_tiles(g,
                 &(tiles){
                     .q = id_of(q), .k = id_of(k_cache), .v = id_of(v_cache), .o = id_of(o),
                     .q_place = {at_of(q) / 4, n_heads * d4, d4}, .o_place = {at_of(o) / 4, n_heads * d4, d4},
                     .k_place = {at_of(k_cache) / 4, d4, n_ctx * d4}, .v_place = {at_of(v_cache) / 4, d4, n_ctx * d4},
                     .T = T, .n_kv = n_kv, .group = n_heads / n_kv, .head_dim = dim, .scale = scale, .f16 = is_f16(k_cache),
                 },
                 record_step(g, pos));
}

static void attention(backend *b, tensor o, tensor q, tensor k_cache, tensor v_cache, size_t pos, uint32_t n_heads, float scale)
{
    webgpu_attention(webgpu_of(b), ATTENTION_BY_SHAPE, o, q, k_cache, v_cache, pos, n_heads, scale);
}

static void segment_attention(backend *b, tensor o, tensor qkv, const size_t *starts, size_t n_segments, uint32_t n_heads,
                              float scale)
{
    uint32_t D = (uint32_t)tensor_row(o), dim = D / n_heads, d4 = dim / 4, row = 3 * D / 4;
    gpu_buffer id = id_of(qkv);
    for (size_t i = 0; i < n_segments; i++) {
        uint32_t n = (uint32_t)(starts[i + 1] - starts[i]);
        if (!n) continue;
        uint32_t at = at_of(qkv) / 4 + (uint32_t)starts[i] * row;
        attend_tiles(webgpu_of(b),
                     &(tiles){
                         .q = id, .k = id, .v = id, .o = id_of(o),
                         .q_place = {at, row, d4}, .k_place = {at + D / 4, row, d4}, .v_place = {at + D / 2, row, d4},
                         .o_place = {at_of(o) / 4 + (uint32_t)starts[i] * (D / 4), D / 4, d4},
                         .T = n, .n_kv = n_heads, .group = 1, .n_keys = n, .head_dim = dim, .scale = scale,
                     },
                     0);
    }
}

/* Keys through norm and rotary embedding into the cache, values as they are: one dispatch. */
static void store(webgpu *g, const attention_mixer_args *a)
{
    struct {
        uint32_t k_in, v_in, cs_at, n_freq, k_at, v_at, n_ctx, norm_at;
        float eps, pad[3];
    } p = {at_of(a->k), at_of(a->v), at_of(a->cs), (uint32_t)tensor_row(a->cs) / 2, at_of(a->k_cache) / 4, at_of(a->v_cache) / 4,
           (uint32_t)a->k_cache.shape[1], at_of(a->k_norm), a->eps, {0}};
    record(g, &(dispatch){
                  .kernel = KERNEL_ATTENTION_STORE,
                  .constants = {d4_of(a->head_dim), {"F16", is_f16(a->k_cache)}},
                  .params = &p, .params_size = sizeof p,
                  .bind = {record_step(g, a->pos), id_of(a->k), id_of(a->v), id_of(a->cs), id_of(a->k_norm), id_of(a->k_cache),
                           id_of(a->v_cache)},
                  .x = a->n_kv_heads, .y = (uint32_t)tensor_n_rows(a->k),
              });
}

/* Whether attention_split can store the key and the value: those of one token, in one buffer with the queries, and one workgroup for
 * all heads that share them. */
static bool can_store(const attention_mixer_args *a)
{
    return tensor_n_rows(a->k) == 1 && a->n_heads / a->n_kv_heads <= 4 && id_of(a->k) == id_of(a->query_gate) &&
           id_of(a->v) == id_of(a->query_gate);
}

/* Two dispatches for a token, three for a few: queries and keys are prepared where they are read. */
static void attention_mixer(backend *b, tensor o, const attention_mixer_args *a)
{
    webgpu *g = webgpu_of(b);
    bool stores_itself = can_store(a);
    if (!stores_itself) store(g, a);
    if (tensor_n_rows(a->k) <= SPLIT_TOKENS) {
        attend_split(g, o, a->query_gate, a->queries, &(preparation){a->q_norm, a->cs, a->eps}, a->query_gate, a->gates, a->k_cache,
                     a->v_cache, a->pos, a->scale, stores_itself ? a : NULL);
        return;
    }
    b->ops->head_norm_rope(b, a->q, (head_view){a->n_heads, a->head_dim, 0, a->head_dim}, a->query_gate, a->queries, a->q_norm,
                           a->eps, a->cs);
    attention(b, o, a->q, a->k_cache, a->v_cache, a->pos, a->n_heads, a->scale);
    b->ops->sigmoid_gate(b, o, a->query_gate, a->gates);
}

void webgpu_ops_attention(backend_ops *ops)
{
    ops->attention = attention;
    ops->segment_attention = segment_attention;
    ops->attention_mixer = attention_mixer;
}
