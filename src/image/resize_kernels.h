/* The two inner loops of the resize, in portable C and for AVX2: the same bits. Internal to src/image. */
#ifndef IMAGE_RESIZE_KERNELS_H
#define IMAGE_RESIZE_KERNELS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    TAP_GROUP = 4, /* taps are padded to a multiple of this with zero weights */
    ROW_GROUP = 4, /* rows that one call of resize_rows makes */
    READ_AHEAD = 16,
    HALF_BITS = 11,
};

/* One axis of a resize: output i is the sum of weight[i][t] * input[first[i] + t] for t < n_taps, plus half a
 * unit, shifted right by `shift` and clamped to 0..255. Sums fit 32 bits: the weights of an output add up to
 * 2^shift <= 2^22, those below zero to less than a third of that, and 2^22 * 255 * 5/3 < 2^31. */
typedef struct resize_axis {
    uint32_t n_in, n_out;
    uint32_t
        n_taps; /* of every output, a multiple of TAP_GROUP; the weights beyond the input's edge are zero */
    unsigned shift;
    uint32_t *first;     /* [n_out] */
    uint32_t *n_used;    /* [n_out] taps inside the input: 1..n_taps */
    int32_t *weight;     /* [n_out, n_taps] */
    int16_t *low, *high; /* [n_out, n_taps] weight = high * 2^HALF_BITS + low; high is NULL when 16 bits hold
                            the weight */
} resize_axis;

/* Horizontal: ROW_GROUP rows of n_in RGB pixels -> as many rows of n_out pixels. Up to READ_AHEAD bytes
 * behind the end of an input row are read (and not used); nothing is written behind an output row. */
typedef void resize_rows_fn(const resize_axis *a, const uint8_t *const in[ROW_GROUP],
                            uint8_t *const out[ROW_GROUP]);
/* Vertical: bytes begin..end-1 of output row i from rows[t] = the input rows first[i] + t (t < n_used[i]). */
typedef void resize_columns_fn(const resize_axis *a, uint32_t i, const uint8_t *const *rows, size_t begin,
                               size_t end, uint8_t *out);

resize_rows_fn resize_rows_c;
resize_columns_fn resize_columns_c;

#if defined(__x86_64__)
#define RESIZE_HAVE_AVX2 1
bool resize_avx2_available(void);
resize_rows_fn resize_rows_avx2;
resize_columns_fn resize_columns_avx2;
#else
#define RESIZE_HAVE_AVX2 0
#endif

#endif
