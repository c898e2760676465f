/*
 * Products and table rows on a GPU: which kernel, with which constants, for which part of a weight.
 *
 *   few tokens    matvec           one product; a norm before it may be part of it
 *                 matvec_shared    up to three products of one x behind a norm, or gate and up of an MLP
 *   more          matmul           tiles; columns split over workgroups when there are few tiles, then matmul_sum
 *                 matmul_dot8      the same in 8-bit dot products, behind quantize
 *
 * variants.c says which form of each a device gets. Activations stay f32 but for matmul_dot8 and matmul_f16.
 */
#include "backend/webgpu/products.h"
#include "backend/webgpu/variants.h"

/* ---- the choice of constants ---- */

enum {
    MATVEC_TOKENS = 8,       /* at once, and registers for the sums of a thread */
    MATVEC_MAX_TOKENS = 16,  /* more: matmul, which reads the weights once for 64 or 128 tokens */
    LANES = 32,              /* threads that share four rows at least: a tile's */
    MIN_THREADS = 1 << 16,   /* below this more threads share a row, as long as there are columns for them */
    MANY_ROWS = 1 << 16,     /* from here on a thread takes more rows, and loads x less often */
    MIN_WORKGROUPS = 96,     /* of matmul; below this columns are split */
    MAX_SPLITS = 8,
    ENOUGH_WORKGROUPS = 256, /* of matmul_dot8 with 128 rows; below this it takes 64 */
    MAX_CODE_SPLITS = 4,
    MAX_SPLIT_BYTES = 32 << 20,
    MAX_UNROLLED = 8,        /* tiles of a thread, so that loads set out together */
};

static uint32_t min_u32(uint32_t a, uint32_t b) { return a < b ? a : b; }
static uint32_t divide_up(uint32_t a, uint32_t b) { return a / b + (a % b != 0); }

matvec_shape matvec_choose(uint32_t n_rows, uint32_t K, uint32_t tokens)
{
    uint32_t quads = divide_up(n_rows, TILE_ROWS), tiles = divide_up(K, TILE_COLS);
    matvec_shape s = {64, LANES, tokens == 1 && n_rows >= MANY_ROWS ? 2 : 1};
    while (s.team < 128 && s.team < LANES * tiles && quads * s.team < MIN_THREADS) s.team *= 2;
    if (s.wg < s.team && tokens <= 2) s.wg = s.team;
    if (s.wg < s.team) s.team = s.wg; /* sums of many tokens fill the workgroup's memory */
    return s;
}

static uint32_t workgroups(uint32_t n_rows, uint32_t T, matmul_shape s)
{
    return divide_up(n_rows, 64 * s.row_tiles) * divide_up(T, 64 * s.token_tiles);
}
/* Whether the sums of so many splits may take the scratch memory that they need. */
static bool has_room(uint32_t n_rows, uint32_t T, uint32_t splits) { return (uint64_t)n_rows * T * 4 * splits <= MAX_SPLIT_BYTES; }

/* Columns are split until there are enough workgroups. */
static matmul_shape choose_floats(uint32_t n_rows, uint32_t K, uint32_t T)
{
    matmul_shape s = {n_rows > 64 ? 2 : 1, T > 64 ? 2 : 1, 1};
    uint32_t groups = workgroups(n_rows, T, s), most = min_u32(MAX_SPLITS, divide_up(K, TILE_COLS));
    while (s.splits < most && groups * s.splits < MIN_WORKGROUPS && has_room(n_rows, T, s.splits + 1)) s.splits++;
    return s;
}

/* Tiles of fewer rows first; where they are still too few, columns are split as far as they may be. */
static matmul_shape choose_codes(uint32_t n_rows, uint32_t K, uint32_t T)
{
    matmul_shape s = {n_rows > 64 ? 2 : 1, 1, 1};
    if (workgroups(n_rows, T, s) < ENOUGH_WORKGROUPS) s.row_tiles = 1;
    if (workgroups(n_rows, T, s) >= MIN_WORKGROUPS) return s;
    uint32_t most = min_u32(MAX_CODE_SPLITS, divide_up(K, TILE_COLS) / 2);
    while (s.splits < most && has_room(n_rows, T, s.splits + 1)) s.splits++;
    return s;
}

matmul_shape matmul_choose(uint32_t n_rows, uint32_t K, uint32_t T, bool codes)
{
    return codes ? choose_codes(n_rows, K, T) : choose_floats(n_rows, K, T);
}

/* ---- dispatches ---- */

/* Constants that have their default stay away: they are part of a pipeline's name. */
static void constant(dispatch *d, const char *name, uint32_t value, uint32_t by_default)
{
    uint32_t n = 0;
    if (value == by_default) return;
    while (n < RECORD_MAX_CONSTANTS && d->constants[n].name) n++;
    assert(n < RECORD_MAX_CONSTANTS);
    d->constants[n] = (gpu_constant){name, (float)value};
}

static void matvec_constants(webgpu *g, dispatch *d, uint32_t layout, matvec_shape s)
{
    const gpu_info *info = webgpu_info(g);
    constant(d, "LAYOUT", layout, LAYOUT_Q4);
    constant(d, "WG", s.wg, 64);
    constant(d, "TEAM", s.team, 32);
    constant(d, "R", s.quads, 1);
    /* A width that is known unrolls the sums. */
    if (info->subgroups && info->subgroup_min == info->subgroup_max) constant(d, "SIZE", min_u32(info->subgroup_min, LANES), 0);
}

static bool is_aligned(tensor t, size_t K) { return K % 4 == 0 && at_of(t) % 4 == 0; }

/* What happens to x on its way into a product. */
typedef struct norm_before {
    tensor w; /* rmsnorm; absent: none */
    float eps;
    const delta_output *heads; /* NULL: none */
} norm_before;
/* Where a chunk begins in its buffer, in units of the kernels. */
static uint32_t weight_at(const chunk *c) { return (uint32_t)(c->at / 16); }

/* Layout as in matvec.wgsl */
typedef struct matvec_params {
    uint32_t x_at, y_at, norm_at, bias_at, K, N, y_row, row0, T, tiles;
    float eps;
    uint32_t w_at, squares_at, slices, pad[2];
} matvec_params;
_Static_assert(sizeof(matvec_params) == 64, "as in matvec.wgsl");

static uint32_t tokens_at_once(uint32_t T) { return T <= 1 ? 1 : T <= 2 ? 2 : T <= 4 ? 4 : MATVEC_TOKENS; }

static void record_matvec(webgpu *g, tensor y, tensor x, const linear *l, const chunk *c, matvec_shape s, epilogue ep,
                          norm_before norm)
{
    uint32_t T = (uint32_t)tensor_n_rows(x), K = (uint32_t)tensor_row(x), tokens = tokens_at_once(T);
    bool has_norm = tensor_present(norm.w), has_bias = tensor_present(l->b);
    matvec_params p = {.x_at = at_of(x), .y_at = at_of(y), .K = K, .N = (uint32_t)c->n_rows, .y_row = (uint32_t)tensor_row(y),
                       .row0 = (uint32_t)c->first_row, .T = T, .tiles = divide_up(K, TILE_COLS), .eps = norm.eps, .w_at = weight_at(c)};
    if (has_norm) p.norm_at = at_of(norm.w);
    if (has_bias) p.bias_at = at_of(l->b);
    if (norm.heads) p.squares_at = norm.heads->squares_at, p.slices = norm.heads->slices;
    dispatch d = {
        .kernel = variant_of(g, KERNEL_MATVEC, l->w.buffer->layout),
        .params = &p, .params_size = sizeof p,
        .bind = {id_of(x), id_of(x), has_norm ? id_of(norm.w) : id_of(x), has_bias ? id_of(l->b) : id_of(x), c->id, id_of(y)},
        .z = divide_up(T, tokens),
    };
    matvec_constants(g, &d, l->w.buffer->layout, s);
    if (p.tiles <= MAX_UNROLLED * s.team / LANES) constant(&d, "TILES", p.tiles, 0);
    if (norm.heads) constant(&d, "HEAD", norm.heads->head_dim, 0);
    constant(&d, "TOKENS", tokens, 1);
    constant(&d, "EPILOGUE", (uint32_t)ep, 0);
    constant(&d, "BIAS", has_bias, 0);
    constant(&d, "NORM", has_norm, 0);
    constant(&d, "ALIGNED", is_aligned(x, K), 1);
    uint32_t groups = divide_up((uint32_t)c->n_rows, s.wg / s.team * s.quads * TILE_ROWS);
    d.x = min_u32(groups, GPU_MAX_WORKGROUPS);
    d.y = divide_up(groups, d.x);
    record(g, &d);
}

/* ---- activations in 8 bits ---- */

enum { X_TILE_BYTES = 80 * 16 }; /* four tokens x 256 columns, as quantize.wgsl lays them out */

typedef struct quantize_params {
    uint32_t x_at, K, T, tiles;
} quantize_params;
_Static_assert(sizeof(quantize_params) == 16, "as in quantize.wgsl");

bool matmul_takes_codes(webgpu *g, const linear *l)
{
    return variant_of(g, KERNEL_MATMUL, l->w.buffer->layout) == KERNEL_MATMUL_DOT8;
}

/* The codes of x, in scratch that lasts until the next call; 0 = no room. */
static gpu_buffer record_codes(webgpu *g, tensor x)
{
    uint32_t T = (uint32_t)tensor_n_rows(x), K = (uint32_t)tensor_row(x), quads = divide_up(T, 4);
    quantize_params p = {.x_at = at_of(x), .K = K, .T = T, .tiles = divide_up(K, TILE_COLS)};
    gpu_buffer codes = record_scratch(g, SCRATCH_CODES, (size_t)quads * p.tiles * X_TILE_BYTES);
    if (!codes) return 0;
    dispatch d = {.kernel = KERNEL_QUANTIZE, .params = &p, .params_size = sizeof p, .bind = {id_of(x), id_of(x), codes}, .x = p.tiles, .y = quads};
    constant(&d, "ALIGNED", is_aligned(x, K), 1);
    record(g, &d);
    return codes;
}

/* ---- many tokens ---- */

/* x_at: of matmul_dot8 groups of four tokens. */
typedef struct matmul_params {
    uint32_t x_at, y_at, split_size, bias_at, K, N, y_row, row0, T, tiles, split_tiles, w_at;
} matmul_params;
_Static_assert(sizeof(matmul_params) == 48, "as in matmul.wgsl and matmul_dot8.wgsl");

typedef struct matmul_sum_params {
    uint32_t y_at, bias_at, N, y_row, row0, splits, T, pad;
} matmul_sum_params;
_Static_assert(sizeof(matmul_sum_params) == 32, "as in matmul_sum.wgsl");

/* codes: record_codes() of x where matmul_takes_codes(), else 0. */
static void record_tiled(webgpu *g, tensor y, tensor x, gpu_buffer codes, const linear *l, const chunk *c, matmul_shape s, epilogue ep)
{
    uint32_t T = (uint32_t)tensor_n_rows(x), K = (uint32_t)tensor_row(x), N = (uint32_t)c->n_rows;
    uint32_t tiles = divide_up(K, TILE_COLS), splits = s.splits;
    assert(!codes || s.token_tiles == 1);
    uint32_t split_tiles = divide_up(tiles, splits);
    splits = divide_up(tiles, split_tiles);
    gpu_buffer parts = splits > 1 ? record_scratch(g, SCRATCH_MATMUL, (size_t)N * T * 4 * splits) : 0;
    if (!parts) splits = 1, split_tiles = tiles;

    bool has_bias = tensor_present(l->b);
    uint32_t bias_at = has_bias ? at_of(l->b) : 0;
    gpu_buffer bias = has_bias ? id_of(l->b) : id_of(x);
    matmul_params p = {.x_at = at_of(x), .y_at = at_of(y), .bias_at = bias_at, .K = K, .N = N, .y_row = (uint32_t)tensor_row(y),
                       .row0 = (uint32_t)c->first_row, .T = T, .tiles = tiles, .split_tiles = split_tiles, .w_at = weight_at(c)};
    if (parts) p.y_at = 0, p.y_row = N, p.row0 = 0, p.split_size = N * T;
    gpu_buffer out = parts ? parts : id_of(y);
    if (codes) p.x_at = divide_up(T, 4);
    dispatch with_floats = {.bind = {id_of(x), id_of(x), bias, c->id, out}};
    dispatch with_codes = {.bind = {codes, bias, c->id, out}};
    dispatch d = codes ? with_codes : with_floats;
    d.kernel = codes || !matmul_takes_codes(g, l) ? variant_of(g, KERNEL_MATMUL, l->w.buffer->layout) : KERNEL_MATMUL;
    d.params = &p, d.params_size = sizeof p;
    d.x = divide_up(N, 64 * s.row_tiles), d.y = divide_up(T, 64 * s.token_tiles), d.z = splits;
    constant(&d, "LAYOUT", l->w.buffer->layout, LAYOUT_Q4);
    constant(&d, "RQ", s.row_tiles, 1);
    constant(&d, "TQ", s.token_tiles, 1);
    if (!codes) constant(&d, "ALIGNED", is_aligned(x, K), 1);
    if (!parts) constant(&d, "EPILOGUE", (uint32_t)ep, 0), constant(&d, "BIAS", has_bias, 0);
    record(g, &d);
    if (!parts) return;

    matmul_sum_params q = {.y_at = at_of(y), .bias_at = bias_at, .N = N, .y_row = (uint32_t)tensor_row(y),
                           .row0 = (uint32_t)c->first_row, .splits = splits, .T = T};
    dispatch sum = {
        .kernel = KERNEL_MATMUL_SUM, .params = &q, .params_size = sizeof q,
        .bind = {parts, has_bias ? bias : parts, id_of(y)},
        .x = divide_up(N, 64), .y = T,
    };
    constant(&sum, "EPILOGUE", (uint32_t)ep, 0);
    constant(&sum, "BIAS", has_bias, 0);
    record(g, &sum);
}

/* codes: as record_tiled() takes them. */
static void record_product(webgpu *g, tensor y, tensor x, gpu_buffer codes, const linear *l, epilogue ep, norm_before norm)
{
    uint32_t T = (uint32_t)tensor_n_rows(x), K = (uint32_t)tensor_row(x);
    assert(tensor_row(l->w) == K && tensor_row(y) == tensor_n_rows(l->w) && tensor_n_rows(y) == T);
    for (uint32_t i = 0; i < l->w.buffer->n_chunks; i++) {
        const chunk *c = &l->w.buffer->chunks[i];
        uint32_t N = (uint32_t)c->n_rows;
        if (T <= MATVEC_MAX_TOKENS)
            record_matvec(g, y, x, l, c, matvec_choose(N, K, tokens_at_once(T)), ep, norm);
        else
            record_tiled(g, y, x, codes, l, c, matmul_choose(N, K, T, codes != 0), ep);
    }
}

void matvec_record(webgpu *g, tensor y, tensor x, const linear *l, matvec_shape s)
{
    record_matvec(g, y, x, l, &l->w.buffer->chunks[0], s, EPILOGUE_STORE, (norm_before){0});
}
void matmul_record(webgpu *g, tensor y, tensor x, const linear *l, matmul_shape s)
{
    record_tiled(g, y, x, matmul_takes_codes(g, l) ? record_codes(g, x) : 0, l, &l->w.buffer->chunks[0], s, EPILOGUE_STORE);
}

static void matmul(backend *b, const tensor *y, tensor x, const linear *const *l, size_t n, epilogue ep)
{
    webgpu *g = webgpu_of(b);
    gpu_buffer codes = 0;
    for (size_t i = 0; i < n; i++) {
        bool coded = tensor_n_rows(x) > MATVEC_MAX_TOKENS && matmul_takes_codes(g, l[i]);
        if (coded && !codes) codes = record_codes(g, x);
        record_product(g, y[i], x, coded ? codes : 0, l[i], ep, (norm_before){0});
    }
}

/* ---- products behind a norm ---- */

enum { SHARED = 4 }; /* products of a dispatch; the third and the fourth lie in one buffer */

/* Layout as in matvec_shared.wgsl */
typedef struct shared_params {
    uint32_t x_at, norm_at, K, tiles, N[SHARED], y_at[SHARED], w_at[SHARED], groups[SHARED];
    float eps;
    uint32_t taps_at, state_at, pad;
} shared_params;
_Static_assert(sizeof(shared_params) == 96, "as in matvec_shared.wgsl");

static const chunk *chunk_of(const linear *l) { return &l->w.buffer->chunks[0]; }

/* What matvec_shared can take: fewer workgroups than a dispatch has, one buffer. */
static bool is_shareable(const linear *l)
{
    return l->w.buffer->n_chunks == 1 && !tensor_present(l->b) && tensor_n_rows(l->w) < 1u << 16;
}
/* Products that one dispatch can make: results in one buffer, the first two weights of one layout, the others in one buffer. */
static bool can_share(const tensor *y, const linear *const *l, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (!is_shareable(l[i]) || id_of(y[i]) != id_of(y[0])) return false;
    return n <= SHARED && (n < 2 || l[0]->w.buffer->layout == l[1]->w.buffer->layout) &&
           (n < 4 || (l[2]->w.buffer->layout == l[3]->w.buffer->layout && chunk_of(l[2])->id == chunk_of(l[3])->id));
}

/* n products into y, or with swiglu gate and up into y[0]. `conv`: the first goes through a convolution (NULL: not). `spare`: bound
 * where nothing is written. */
static void record_shared(webgpu *g, const tensor *y, tensor x, norm_before norm, const linear *const *l, uint32_t n, bool swiglu,
                          const delta_mixer_args *conv, tensor spare)
{
    uint32_t K = (uint32_t)tensor_row(x), tiles = divide_up(K, TILE_COLS), rows = 0;
    shared_params p = {.x_at = at_of(x), .norm_at = at_of(norm.w), .K = K, .tiles = tiles, .eps = norm.eps};
    for (uint32_t i = 0; i < n; i++) rows += (uint32_t)chunk_of(l[i])->n_rows;
    matvec_shape s = matvec_choose(rows, K, 1);
    if (swiglu && s.quads > MATVEC_TOKENS / 2) s.quads = MATVEC_TOKENS / 2;
    dispatch d = {.kernel = variant_of(g, KERNEL_MATVEC_SHARED, l[0]->w.buffer->layout),
                  .params = &p, .params_size = sizeof p,
                  .bind = {id_of(x), id_of(norm.w), chunk_of(l[0])->id, chunk_of(l[n > 1 ? 1 : 0])->id, chunk_of(l[n > 2 ? 2 : 0])->id,
                           id_of(y[0]), conv ? id_of(conv->conv_w) : id_of(x), conv ? id_of(conv->conv_state) : id_of(spare)}};
    for (uint32_t i = 0; i < SHARED; i++) {
        bool has = i < (swiglu ? 1 : n);
        p.groups[i] = has ? d.x : UINT32_MAX;
        if (i < n) p.N[i] = (uint32_t)chunk_of(l[i])->n_rows, p.w_at[i] = weight_at(chunk_of(l[i]));
        if (!has) continue;
        p.y_at[i] = at_of(y[i]);
        d.x += divide_up(p.N[i], s.wg / s.team * s.quads * TILE_ROWS);
    }
    if (conv) p.taps_at = at_of(conv->conv_w) / 4, p.state_at = at_of(conv->conv_state);
    matvec_constants(g, &d, l[0]->w.buffer->layout, s);
    if (n > 2) constant(&d, "LAYOUT_2", l[2]->w.buffer->layout, LAYOUT_Q4);
    if (tiles <= MAX_UNROLLED * s.team / LANES) constant(&d, "TILES", tiles, 0);
    constant(&d, "SWIGLU", swiglu, 0);
    constant(&d, "CONV", conv != NULL, 0);
    record(g, &d);
}

static void norm_matmul(backend *b, const tensor *y, tensor x, tensor norm, float eps, const linear *const *l, size_t n, tensor h)
{
    webgpu *g = webgpu_of(b);
    size_t K = tensor_row(x);
    if (tensor_n_rows(x) != 1 || !is_aligned(x, K) || !is_aligned(norm, K)) {
        b->ops->rmsnorm(b, h, x, norm, eps);
        b->ops->matmul(b, y, h, l, n, EPILOGUE_STORE);
        return;
    }
    const norm_before before = {norm, eps, NULL};
    if (n > 1 && can_share(y, l, n)) {
        record_shared(g, y, x, before, l, (uint32_t)n, false, NULL, h);
        return;
    }
    for (size_t i = 0; i < n;) {
        size_t m = i + 1 < n && can_share(y + i, l + i, 2) ? 2 : 1;
        if (m > 1)
            record_shared(g, y + i, x, before, l + i, 2, false, NULL, h);
        else
            record_product(g, y[i], x, 0, l[i], EPILOGUE_STORE, before);
        i += m;
    }
}

bool webgpu_delta_inputs(webgpu *g, const deltanet_args *a)
{
    const delta_mixer_args *m = &a->mixer;
    const tensor y[] = {m->qkv, m->z, m->a, m->beta};
    const linear *const l[] = {a->in_qkv, a->in_z, a->in_a, a->in_b};
    size_t K = tensor_row(a->x);
    if (tensor_row(m->conv_w) != 4 || at_of(m->conv_w) % 4 || !is_aligned(a->x, K) || !is_aligned(a->in_norm, K) || !can_share(y, l, 4))
        return false;
    record_shared(g, y, a->x, (norm_before){a->in_norm, m->eps, NULL}, l, 4, false, m, a->h);
    return true;
}

void webgpu_delta_output(webgpu *g, const deltanet_args *a, const delta_output *heads)
{
    const chunk *c = chunk_of(a->out);
    uint32_t K = (uint32_t)tensor_row(a->o);
    record_matvec(g, a->x, a->o, a->out, c, matvec_choose((uint32_t)c->n_rows, K, 1), EPILOGUE_ADD,
                  (norm_before){.eps = a->mixer.eps, .heads = heads});
}

static void norm_swiglu(backend *b, tensor y, tensor x, tensor norm, float eps, const linear *gate, const linear *up, tensor h,
                        tensor up_scratch)
{
    size_t K = tensor_row(x);
    if (tensor_n_rows(x) == 1 && is_aligned(x, K) && is_aligned(norm, K) && is_shareable(gate) && is_shareable(up) &&
        gate->w.buffer->layout == up->w.buffer->layout) {
        record_shared(webgpu_of(b), &y, x, (norm_before){norm, eps, NULL}, (const linear *[]){gate, up}, 2, true, NULL, h);
        return;
    }
    b->ops->rmsnorm(b, h, x, norm, eps);
    b->ops->matmul(b, (tensor[]){y, up_scratch}, h, (const linear *[]){gate, up}, 2, EPILOGUE_STORE);
    b->ops->swiglu(b, y, y, up_scratch);
}

/* ---- rows of a table ---- */

typedef struct embed_params {
    uint32_t ids_at, y_at, K, N, row0, tiles, w_at, pad;
} embed_params;
_Static_assert(sizeof(embed_params) == 32, "as in embed.wgsl");

static void embed(backend *b, tensor y, tensor table, tensor ids)
{
    uint32_t K = (uint32_t)tensor_row(table), tiles = divide_up(K, TILE_COLS);
    assert(tensor_row(y) == K);
    for (uint32_t i = 0; i < table.buffer->n_chunks; i++) {
        const chunk *c = &table.buffer->chunks[i];
        embed_params p = {.ids_at = at_of(ids), .y_at = at_of(y), .K = K, .N = (uint32_t)c->n_rows,
                          .row0 = (uint32_t)c->first_row, .tiles = tiles, .w_at = weight_at(c)};
        dispatch d = {.kernel = KERNEL_EMBED, .params = &p, .params_size = sizeof p,
                      .bind = {id_of(ids), c->id, id_of(y)}, .x = tiles, .y = (uint32_t)tensor_n_rows(y)};
        constant(&d, "LAYOUT", table.buffer->layout, LAYOUT_Q4);
        constant(&d, "ALIGNED", K % 4 == 0, 1);
        record(webgpu_of(b), &d);
    }
}

void webgpu_ops_matmul(backend_ops *ops)
{
    ops->embed = embed;
    ops->matmul = matmul;
    ops->norm_matmul = norm_matmul;
    ops->norm_swiglu = norm_swiglu;
    ops->weight_load = webgpu_weight_load;
    ops->weight_write = webgpu_weight_write;
}
