/* The data of converted tensors, slice by slice. */
#include "convert/convert.h"

#include "base/quant.h"
#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

/* Values of one slice of one thread: 4 MiB as f32, at most 4 MiB packed; two threads stay within 16 MiB. */
enum { SLICE_VALUES = 1 << 20 };

/* From a head's place in GGUF's order, tiled over the key heads, to its place grouped by key head. */
static size_t source_head(const conversion *c, size_t head)
{
    size_t ratio = c->n_v_heads / c->n_k_heads;
    return head % c->n_k_heads * ratio + head / c->n_k_heads;
}

static size_t source_row(const conversion *c, size_t row)
{
    switch (c->order) {
    case ROWS_AS_THEY_ARE: return row;
    case ROWS_FRAME_0: return 2 * row;
    case ROWS_FRAME_1: return 2 * row + 1;
    case ROWS_VALUE_HEADS: break;
    }
    if (row < c->first) return row;
    size_t head = (row - c->first) / c->head_rows, in = (row - c->first) % c->head_rows;
    return c->first + source_head(c, head) * c->head_rows + in;
}

/* Rows first .. first+n-1 of the result. */
typedef struct slice {
    const weights *w;
    const conversion *c;
    size_t first, n;
    float *values; /* [SLICE_VALUES + cols] */
    uint8_t *packed;
} slice;

/* The last row of `values` is room for one row of the source. */
static void order_columns(const conversion *c, float *row, float *scratch)
{
    memcpy(scratch, row, c->cols * sizeof *row);
    for (size_t h = 0; h < c->n_v_heads; h++)
        memcpy(row + h * c->head_cols, scratch + source_head(c, h) * c->head_cols,
               c->head_cols * sizeof *row);
}

static void *convert_slice(void *arg)
{
    const slice *s = arg;
    const conversion *c = s->c;
    size_t n = s->n * c->cols, row_bytes = dtype_row_bytes(c->type, c->cols);
    if (c->order == ROWS_AS_THEY_ARE)
        weights_read(s->w, c->src, s->first * c->cols, n, s->values);
    else
        for (size_t r = 0; r < s->n; r++)
            weights_read(s->w, c->src, source_row(c, s->first + r) * c->cols, c->cols,
                         s->values + r * c->cols);
    if (c->head_cols)
        for (size_t r = 0; r < s->n; r++) order_columns(c, s->values + r * c->cols, s->values + n);
    if (c->change == ADD_ONE)
        for (size_t i = 0; i < n; i++) s->values[i] += 1;
    if (c->change == NEG_EXP)
        for (size_t i = 0; i < n; i++) s->values[i] = -expf(s->values[i]);
    for (size_t r = 0; r < s->n; r++)
        quantize_row(c->type, s->values + r * c->cols, s->packed + r * row_bytes, c->cols);
    return NULL;
}

static galago_status report(convert_progress *p, double bytes, error *e)
{
    p->done += bytes;
    if (p->call && !p->call(p->user, "convert", p->done / p->total))
        return fail(e, GALAGO_CANCELLED, "the conversion was cancelled");
    return GALAGO_OK;
}

/* Nothing changes: the bytes of the file are those of the result. */
static galago_status copy(gguf_writer *g, const weights *w, const weight *src, convert_progress *p, error *e)
{
    enum { PIECE = 8 << 20 };
    for (size_t at = 0; at < src->bytes; at += PIECE) {
        size_t n = src->bytes - at < PIECE ? src->bytes - at : PIECE;
        galago_status s = gguf_write(g, src->data + at, n, e);
        if (!s) s = report(p, (double)n, e);
        if (s) return s;
    }
    weights_release(w, src);
    return GALAGO_OK;
}

galago_status write_tensor(gguf_writer *g, const weights *w, const conversion *c, convert_progress *p,
                           error *e)
{
    if (c->src->data && c->src->type == c->type && c->change == KEEP && c->order == ROWS_AS_THEY_ARE &&
        !c->head_cols)
        return copy(g, w, c->src, p, e);
    size_t rows_a_slice = c->cols < SLICE_VALUES ? SLICE_VALUES / c->cols : 1,
           row_bytes = dtype_row_bytes(c->type, c->cols);
    if (rows_a_slice > c->rows) rows_a_slice = c->rows;
    slice parts[2] = {{0}};
    galago_status s = GALAGO_OK;
    for (int i = 0; i < 2; i++) {
        size_t bytes;
        parts[i] = (slice){.w = w, .c = c};
        if (!size_mul_overflow((rows_a_slice + 1) * c->cols, sizeof(float), &bytes))
            parts[i].values = malloc(bytes);
        parts[i].packed = malloc(rows_a_slice * row_bytes);
        if (!parts[i].values || !parts[i].packed)
            s = fail(e, GALAGO_ERR_MEMORY, "%s: not enough memory to convert it", c->name);
    }
    /* Two threads make a slice each, then both are written in order. */
    for (size_t row = 0; row < c->rows && !s;) {
        size_t before = row;
        int n_parts = 0;
        for (; n_parts < 2 && row < c->rows; n_parts++) {
            parts[n_parts].first = row;
            parts[n_parts].n = c->rows - row < rows_a_slice ? c->rows - row : rows_a_slice;
            row += parts[n_parts].n;
        }
        pthread_t helper;
        bool helped = n_parts == 2 && pthread_create(&helper, NULL, convert_slice, &parts[1]) == 0;
        convert_slice(&parts[0]);
        if (helped)
            pthread_join(helper, NULL);
        else if (n_parts == 2)
            convert_slice(&parts[1]);
        for (int i = 0; i < n_parts && !s; i++) s = gguf_write(g, parts[i].packed, parts[i].n * row_bytes, e);
        if (!s) s = report(p, (double)c->src->bytes * (double)(row - before) / (double)c->rows, e);
    }
    for (int i = 0; i < 2; i++) {
        free(parts[i].values);
        free(parts[i].packed);
    }
    weights_release(w, c->src);
    return s;
}
