/* Rows of weights to f32 and back: the portable, bit-exact definitions that every kernel is tested against. */
#ifndef BASE_QUANT_H
#define BASE_QUANT_H

#include "base/dtype.h"

/* y[0..n) = the values of a row of `type`. n is a multiple of the block. Source: docs/FORMAT.md, block formats. */
void dequantize_row(dtype type, const void *row, float *y, size_t n);
/* The reverse, rounding to nearest; block scales as the usual reference quantisers choose them. */
void quantize_row(dtype type, const float *x, void *row, size_t n);

#endif
