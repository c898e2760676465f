/* Bicubic antialiased resize, bit-identical to torchvision's for 8-bit tensors on the CPU and to Pillow's.
 *
 * Both are the same filter (Keys' cubic with a = -0.5, widened when the picture shrinks), horizontal pass
 * first, 8 bits between the passes, a pass left out when its side does not change. They differ in the fixed
 * point of the weights only. */
#include "base/arena.h"
#include "image/image.h"
#include "image/resize_kernels.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { PILLOW_BITS = 22 };

/* ---- weights ------------------------------------------------------------------------------------- */

static double cubic(double x)
{
    const double a = -0.5;
    x = fabs(x);
    if (x < 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
    if (x < 2) return (((x - 5) * x + 8) * x - 4) * a;
    return 0;
}

/* The taps of output i in float64: weight[t] of input *first + t for t < the result. */
static uint32_t float_weights(uint32_t n_in, uint32_t n_out, uint32_t i, uint32_t *first, double *weight)
{
    double scale = (double)n_in / n_out, widen = scale < 1 ? 1 : scale, support = 2 * widen;
    double center = (i + 0.5) * scale, narrow = 1 / widen, sum = 0;
    double low = center - support + 0.5, high = center + support + 0.5;
    uint32_t begin = low > 0 ? (uint32_t)low : 0, end = high < n_in ? (uint32_t)high : n_in;
    for (uint32_t j = begin; j < end; j++) {
        weight[j - begin] = cubic((j - center + 0.5) * narrow);
        sum += weight[j - begin];
    }
    for (uint32_t j = begin; j < end; j++)
        weight[j - begin] /= sum; /* the tap nearest to the centre is above 0.5 */
    *first = begin;
    return end - begin;
}

/* Rounded, halves away from zero. */
static int32_t fixed_point(double w, unsigned shift)
{
    double v = w * (double)(1u << shift);
    return (int32_t)(v < 0 ? v - 0.5 : v + 0.5);
}

/* torchvision's choice for an axis: the most bits with which the largest weight stays below 2^15. */
static unsigned torchvision_bits(double largest)
{
    unsigned bits = 0;
    while (bits < 22 && (int64_t)(0.5 + largest * (double)(1u << (bits + 1))) < 1 << 15) bits++;
    return bits;
}

static void axis_free(resize_axis *a)
{
    free(a->first);
    free(a->n_used);
    free(a->weight);
    free(a->low);
    free(a->high);
}

/* n * m elements of `size` bytes, zeroed; NULL when that is too much. */
static void *make_table(size_t n, size_t m, size_t size)
{
    size_t count;
    return size_mul_overflow(n, m, &count) ? NULL : calloc(count, size);
}

/* False when there is no memory. axis_free() afterwards in any case. */
static bool axis_create(resize_axis *a, uint32_t n_in, uint32_t n_out, resample rule)
{
    memset(a, 0, sizeof *a);
    double scale = (double)n_in / n_out;
    size_t most = (size_t)ceil(2 * (scale < 1 ? 1 : scale)) * 2 + 1;
    if (most > n_in) most = n_in;
    const size_t n_taps = (most + TAP_GROUP - 1) / TAP_GROUP * TAP_GROUP;
    a->n_in = n_in;
    a->n_out = n_out;
    a->n_taps = (uint32_t)n_taps;
    a->first = make_table(n_out, 1, sizeof *a->first);
    a->n_used = make_table(n_out, 1, sizeof *a->n_used);
    a->weight = make_table(n_out, n_taps, sizeof *a->weight);
    a->low = make_table(n_out, n_taps, sizeof *a->low);
    a->high = rule == RESAMPLE_PILLOW ? make_table(n_out, n_taps, sizeof *a->high) : NULL;
    double *w = make_table(n_taps, 1, sizeof *w);
    bool done = a->first && a->n_used && a->weight && a->low && w && (a->high || rule != RESAMPLE_PILLOW);
    if (done && rule == RESAMPLE_PILLOW) {
        a->shift = PILLOW_BITS;
    } else if (done) {
        double largest = 0;
        for (uint32_t i = 0; i < n_out; i++) {
            uint32_t first, n = float_weights(n_in, n_out, i, &first, w);
            for (uint32_t t = 0; t < n; t++) largest = w[t] > largest ? w[t] : largest;
        }
        a->shift = torchvision_bits(largest);
    }
    for (uint32_t i = 0; done && i < n_out; i++) {
        a->n_used[i] = float_weights(n_in, n_out, i, &a->first[i], w);
        for (size_t t = 0, at = i * n_taps; t < a->n_used[i]; t++, at++) {
            a->weight[at] = fixed_point(w[t], a->shift);
            int32_t high = a->high ? a->weight[at] >> HALF_BITS : 0;
            a->low[at] = (int16_t)(a->weight[at] - high * (1 << HALF_BITS));
            if (a->high) a->high[at] = (int16_t)high;
        }
    }
    free(w);
    return done;
}

/* ---- portable kernels ---------------------------------------------------------------------------- */

static uint8_t clamp_u8(int32_t v) { return (uint8_t)(v < 0 ? 0 : v > 255 ? 255 : v); }

void resize_rows_c(const resize_axis *a, const uint8_t *const in[ROW_GROUP], uint8_t *const out[ROW_GROUP])
{
    const int32_t half_unit = (int32_t)(1u << (a->shift - 1));
    for (int row = 0; row < ROW_GROUP; row++)
        for (uint32_t i = 0; i < a->n_out; i++) {
            const int32_t *w = a->weight + (size_t)i * a->n_taps;
            const uint8_t *from = in[row] + (size_t)a->first[i] * 3;
            int32_t r = half_unit, g = half_unit, b = half_unit;
            for (uint32_t t = 0; t < a->n_used[i]; t++) {
                r += w[t] * from[t * 3];
                g += w[t] * from[t * 3 + 1];
                b += w[t] * from[t * 3 + 2];
            }
            uint8_t *to = out[row] + (size_t)i * 3;
            to[0] = clamp_u8(r >> a->shift);
            to[1] = clamp_u8(g >> a->shift);
            to[2] = clamp_u8(b >> a->shift);
        }
}

void resize_columns_c(const resize_axis *a, uint32_t i, const uint8_t *const *rows, size_t begin, size_t end,
                      uint8_t *out)
{
    enum { BLOCK = 256 };
    const int32_t *w = a->weight + (size_t)i * a->n_taps;
    for (size_t x0 = begin; x0 < end; x0 += BLOCK) {
        const size_t n = end - x0 < BLOCK ? end - x0 : BLOCK;
        int32_t sum[BLOCK];
        for (size_t x = 0; x < n; x++) sum[x] = (int32_t)(1u << (a->shift - 1));
        for (uint32_t t = 0; t < a->n_used[i]; t++) {
            const uint8_t *from = rows[t] + x0;
            for (size_t x = 0; x < n; x++) sum[x] += w[t] * from[x];
        }
        for (size_t x = 0; x < n; x++) out[x0 + x] = clamp_u8(sum[x] >> a->shift);
    }
}

/* ---- the two passes ------------------------------------------------------------------------------ */

typedef struct kernels {
    resize_rows_fn *rows;
    resize_columns_fn *columns;
} kernels;

static kernels choose_kernels(void)
{
#if RESIZE_HAVE_AVX2
    if (resize_avx2_available()) return (kernels){resize_rows_avx2, resize_columns_avx2};
#endif
    return (kernels){resize_rows_c, resize_columns_c};
}

/* The horizontal pass over some rows of a picture. */
typedef struct row_source {
    const image *in;
    const resize_axis *axis;
    resize_rows_fn *resize;
    uint8_t
        *padded; /* [ROW_GROUP, row bytes + READ_AHEAD]: copies of the rows behind which the picture ends */
    uint8_t *spare; /* [n_out, 3]: takes what a group makes beyond the picture */
} row_source;

/* Rows y..y+ROW_GROUP-1 (those that exist) into out[]. */
static void make_rows(const row_source *s, uint32_t y, uint8_t *const out[ROW_GROUP])
{
    const size_t row_bytes = (size_t)s->in->width * 3, all = row_bytes * s->in->height;
    const uint8_t *from[ROW_GROUP];
    uint8_t *to[ROW_GROUP];
    for (uint32_t r = 0; r < ROW_GROUP; r++) {
        const bool exists = y + r < s->in->height;
        const size_t at = exists ? row_bytes * (y + r) : 0;
        from[r] = s->in->rgb + at;
        to[r] = exists ? out[r] : s->spare;
        if (all - at < row_bytes + READ_AHEAD) {
            uint8_t *copy = s->padded + r * (row_bytes + READ_AHEAD);
            memcpy(copy, from[r], row_bytes);
            from[r] = copy;
        }
    }
    s->resize(s->axis, from, to);
}

/* Both passes, or one of them (`across` or `down` is NULL). Between the passes there are only the rows that
 * the next output row needs, in a ring. Errors: MEMORY. */
static bool resize_passes(const image *in, const resize_axis *across, const resize_axis *down, image *out)
{
    const kernels k = choose_kernels();
    const size_t in_bytes = (size_t)in->width * 3, out_bytes = (size_t)out->width * 3;
    const uint32_t n_ring =
        down ? down->n_taps + ROW_GROUP : 0; /* groups are made whole: up to ROW_GROUP - 1 rows ahead */
    row_source source = {.in = in, .axis = across, .resize = k.rows};
    uint8_t *ring = NULL;
    const uint8_t **rows = NULL; /* [n_taps] of one output row */
    bool done = false;
    if (across) {
        source.padded = calloc(ROW_GROUP, in_bytes + READ_AHEAD);
        source.spare = malloc(out_bytes);
        if (!source.padded || !source.spare) goto end;
    }
    if (down && !(rows = make_table(down->n_taps, 1, sizeof *rows))) goto end;
    if (across && down && !(ring = make_table(n_ring, out_bytes, 1))) goto end;

    if (!down) {
        for (uint32_t y = 0; y < out->height; y += ROW_GROUP) {
            uint8_t *to[ROW_GROUP];
            for (uint32_t r = 0; r < ROW_GROUP; r++)
                to[r] = y + r < out->height ? out->rgb + out_bytes * (y + r) : source.spare;
            make_rows(&source, y, to);
        }
        done = true;
        goto end;
    }
    uint32_t made = down->first[0]; /* input rows below this are in the ring, or not needed */
    for (uint32_t y = 0; y < out->height; y++) {
        const uint32_t first = down->first[y], n = down->n_used[y];
        for (; across && made < first + n; made += ROW_GROUP) {
            uint8_t *to[ROW_GROUP];
            for (uint32_t r = 0; r < ROW_GROUP; r++) to[r] = ring + (size_t)((made + r) % n_ring) * out_bytes;
            make_rows(&source, made, to);
        }
        for (uint32_t t = 0; t < n; t++)
            rows[t] =
                across ? ring + (size_t)((first + t) % n_ring) * out_bytes : in->rgb + (first + t) * in_bytes;
        k.columns(down, y, rows, 0, out_bytes, out->rgb + y * out_bytes);
    }
    done = true;
end:
    free(source.padded);
    free(source.spare);
    free(ring);
    free(rows);
    return done;
}

galago_status image_resize(const image *in, uint32_t height, uint32_t width, resample rule, image *out,
                           error *e)
{
    memset(out, 0, sizeof *out);
    if (!in->width || !in->height || !width || !height || (uint64_t)width * height > IMAGE_MAX_PIXELS)
        return fail(e, GALAGO_ERR_ARGUMENT, "image: cannot resize %u x %u pixels to %u x %u", in->width,
                    in->height, width, height);
    resize_axis across = {0}, down = {0};
    const bool is_across = width != in->width, is_down = height != in->height;
    bool done = false;
    out->rgb = malloc((size_t)width * height * 3);
    out->width = width;
    out->height = height;
    if (!out->rgb) goto end;
    if (!is_across && !is_down) {
        memcpy(out->rgb, in->rgb, (size_t)width * height * 3);
        done = true;
        goto end;
    }
    if (is_across && !axis_create(&across, in->width, width, rule)) goto end;
    if (is_down && !axis_create(&down, in->height, height, rule)) goto end;
    done = resize_passes(in, is_across ? &across : NULL, is_down ? &down : NULL, out);
end:
    axis_free(&across);
    axis_free(&down);
    if (done) return GALAGO_OK;
    image_free(out);
    return fail(e, GALAGO_ERR_MEMORY, "image: not enough memory to resize %u x %u pixels to %u x %u",
                in->width, in->height, width, height);
}
