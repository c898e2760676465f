/* The vision tower and the merger. Source: Qwen3VLVisionModel as Qwen3.5 uses it; formulas in docs/MODEL.md. */
#include "model/ops.h"
#include "model/session.h"

#include <math.h>
#include <stdio.h>

/* Row and column of each patch, in merge-block order: (block row, block column, row inside, column inside). */
static void patch_positions(const vision_config *v, image_grid g, int32_t *rows, int32_t *cols)
{
    uint32_t m = v->merge_size;
    size_t p = 0;
    for (uint32_t by = 0; by < g.rows / m; by++)
        for (uint32_t bx = 0; bx < g.cols / m; bx++)
            for (uint32_t iy = 0; iy < m; iy++)
                for (uint32_t ix = 0; ix < m; ix++, p++) {
                    rows[p] = (int32_t)(by * m + iy);
                    cols[p] = (int32_t)(bx * m + ix);
                }
}

/* One axis of the bilinear, align-corners interpolation of the position table (docs/MODEL.md 3), in f32 like the reference. */
static void corner(uint32_t i, uint32_t n, uint32_t side, int32_t *low, int32_t *high, float *f)
{
    float x = n > 1 ? (float)i * ((float)(side - 1) / (float)(n - 1)) : 0;
    *low = (int32_t)x;
    if (*low > (int32_t)side - 1) *low = (int32_t)side - 1;
    *high = *low + 1 < (int32_t)side ? *low + 1 : (int32_t)side - 1;
    *f = x - (float)*low;
}

static void position_corners(const vision_config *v, image_grid g, const int32_t *rows, const int32_t *cols, size_t N,
                             int32_t *index, float *share)
{
    uint32_t side = v->position_side;
    for (size_t p = 0; p < N; p++) {
        int32_t r0, r1, c0, c1;
        float fr, fc;
        corner((uint32_t)rows[p], g.rows, side, &r0, &r1, &fr);
        corner((uint32_t)cols[p], g.cols, side, &c0, &c1, &fc);
        const int32_t at[4] = {r0 * (int32_t)side + c0, r0 * (int32_t)side + c1, r1 * (int32_t)side + c0, r1 * (int32_t)side + c1};
        const float w[4] = {(1 - fr) * (1 - fc), (1 - fr) * fc, fr * (1 - fc), fr * fc};
        for (int k = 0; k < 4; k++) index[4 * p + (size_t)k] = at[k], share[4 * p + (size_t)k] = w[k];
    }
}

/* x = patch embedding, VISION_PIECE patches from `first` on. */
static void embed_patches(session *s, size_t first)
{
    size_t row = tensor_row(s->v.patches), N = s->work.n_patches, n = N - first < VISION_PIECE ? N - first : VISION_PIECE;
    tensor in = first_rows(s->v.patches, n);
    s->b->ops->write(s->b, in, s->work.patches + first * row);
    matmul(s->b, tensor_rows(s->v.x, first, n), in, &s->model->vision.patch_embed, EPILOGUE_STORE);
}

/* x += proj(attention(LN1 x)); x += fc2(gelu(fc1(LN2 x))) */
static void vision_block(session *s, const vision_layer *l, size_t N, tensor x, tensor cs)
{
    backend *b = s->b;
    const vision_config *v = &s->model->config.vision;
    tensor h = first_rows(s->v.h, N), qkv = first_rows(s->v.qkv, N);
    uint32_t head_dim = v->d_model / v->n_heads;
    const head_view q = {v->n_heads, head_dim, 0, head_dim}, k = {v->n_heads, head_dim, v->d_model, head_dim};

    layernorm(b, h, x, l->norm1_w, l->norm1_b, v->norm_eps);
    matmul(b, qkv, h, &l->qkv, EPILOGUE_STORE);
    b->ops->head_norm_rope(b, qkv, q, qkv, q, (tensor){0}, 0, cs);
    b->ops->head_norm_rope(b, qkv, k, qkv, k, (tensor){0}, 0, cs);
    b->ops->segment_attention(b, h, qkv, (const size_t[]){0, N}, 1, v->n_heads, 1.0f / sqrtf((float)head_dim));
    matmul(b, x, h, &l->proj, EPILOGUE_ADD);

    layernorm(b, h, x, l->norm2_w, l->norm2_b, v->norm_eps);
    for (size_t first = 0; first < N; first += VISION_PIECE) {
        size_t n = N - first < VISION_PIECE ? N - first : VISION_PIECE;
        tensor ff = axes_by(s->v.ff, n, v->d_ff);
        matmul(b, ff, tensor_rows(h, first, n), &l->fc1, EPILOGUE_GELU_TANH);
        matmul(b, tensor_rows(x, first, n), ff, &l->fc2, EPILOGUE_ADD);
    }
}

/* rows = fc2(gelu_erf(fc1(concat of each 2x2 block of LN x))) */
static void merge_patches(session *s, size_t N, tensor x, tensor rows)
{
    const vision_config *v = &s->model->config.vision;
    size_t per_row = (size_t)v->merge_size * v->merge_size, width = per_row * v->d_model, n_rows = N / per_row;
    tensor h = first_rows(s->v.h, N);
    layernorm(s->b, h, x, s->model->vision.merger_norm_w, s->model->vision.merger_norm_b, v->norm_eps);
    tensor merged = tensor_reshape(h, n_rows, width);
    for (size_t first = 0; first < n_rows; first += VISION_PIECE) {
        size_t n = n_rows - first < VISION_PIECE ? n_rows - first : VISION_PIECE;
        tensor ff = axes_by(s->v.ff, n, width);
        matmul(s->b, ff, tensor_rows(merged, first, n), &s->model->vision.merger_fc1, EPILOGUE_GELU_ERF);
        matmul(s->b, tensor_rows(rows, first, n), ff, &s->model->vision.merger_fc2, EPILOGUE_STORE);
    }
}

/* Pieces: the patches (each piece fills the buffer of patches, so it must be on its way before the next), the layers, the merger. */
static size_t n_embed_pieces(size_t n_patches) { return (n_patches + VISION_PIECE - 1) / VISION_PIECE; }

galago_status session_vision_begin(session *s, const float *patches, image_grid grid, size_t row, error *e)
{
    const vision_config *v = &s->model->config.vision;
    size_t N = (size_t)grid.rows * grid.cols, n_rows = N / ((size_t)v->merge_size * v->merge_size);
    assert(s->work.kind == WORK_NONE);
    if (!v->n_layers) return fail(e, GALAGO_ERR_ARGUMENT, "this model has no vision part");
    if (N > s->max_patches)
        return fail(e, GALAGO_ERR_ARGUMENT, "a picture of %zu patches; this context was made for %u (lower max-pixels)", N,
                    s->max_patches);
    if (row + n_rows > s->n_ctx)
        return fail(e, GALAGO_ERR_ARGUMENT, "the pictures take %zu tokens, more than the context of %u (raise --ctx or lower "
                                            "--max-pixels)", row + n_rows, s->n_ctx);

    int32_t *pos = s->v.host, *index = pos + 2 * (size_t)s->max_patches;
    float *share = (float *)(index + 4 * (size_t)s->max_patches);
    patch_positions(v, grid, pos, pos + N);
    position_corners(v, grid, pos, pos + N, N, index, share);
    s->b->ops->write(s->b, first_rows(s->v.index, N), index);
    s->b->ops->write(s->b, first_rows(s->v.weight, N), share);
    s->b->ops->write(s->b, axes_by(s->v.pos, 2, N), pos);
    s->work = (session_work){
        .kind = WORK_VISION, .n = n_embed_pieces(N) + v->n_layers + 1, .patches = patches, .n_patches = N, .row = row};
    return GALAGO_OK;
}

void vision_record(session *s)
{
    const model *m = s->model;
    const vision_config *v = &m->config.vision;
    size_t N = s->work.n_patches, n_rows = N / ((size_t)v->merge_size * v->merge_size), embeds = n_embed_pieces(N);
    tensor cs = first_rows(s->v.rope, N), x = first_rows(s->v.x, N);
    if (s->work.at < embeds) {
        embed_patches(s, s->work.at * VISION_PIECE);
        return;
    }
    size_t il = s->work.at - embeds;
    if (il == 0) {
        s->b->ops->add_interpolated(s->b, x, m->vision.positions, first_rows(s->v.index, N), first_rows(s->v.weight, N));
        s->b->ops->rope_table(s->b, cs, axes_by(s->v.pos, 2, N), &s->v.rope_params);
        session_tap(s, x, "vision.patch_embed");
    }
    if (il < v->n_layers) {
        vision_block(s, &m->vision.layers[il], N, x, cs);
        session_tap(s, x, "vision.block.%zu", il);
        return;
    }
    tensor rows = tensor_rows(s->v.rows, s->work.row, n_rows);
    merge_patches(s, N, x, rows);
    session_tap(s, rows, "vision.rows");
}
