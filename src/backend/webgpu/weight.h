/*
 * Weights as the kernels see them. Internal to src/backend/webgpu.
 *
 * F32 stays row-major: such tensors are also vectors, tables and filters of kernels that know nothing of layouts. All other
 * types are cut into tiles of 4 rows x 256 columns, tile after tile along four rows (K padded to 256, N to 4, with zeros). A
 * tile is an array of vec4<u32> whose component r belongs to row r, so that 32 neighbouring threads ("lanes") read neighbouring
 * 16 bytes and each gets a piece of four rows for the same x. Lane l holds columns 128 j + 4 l + i, j < 2, i < 4:
 *
 *   type   vec4s   index: contents of component r (row r); bytes are numbered from the lowest
 *   F16    128     (2 j + r/2) 32 + l: components 2 (r%2), 2 (r%2) + 1 hold the four values, two a word
 *   BF16   128     the same
 *   Q8_0    68     32 j + l: byte i = q + 128    64 + l/8: halves d of j = 0, 1
 *   Q4_0    36     l: byte i = q of j = 0 | q of j = 1 << 4    32 + l/8: halves d of j = 0, 1
 *   Q4_1    40     as Q4_0    36 + l/8: halves m of j = 0, 1
 *   Q4_K    37     as Q4_0    32 + l/8: bytes S, M of j = 0, then of j = 1    36: halves d, dmin
 *   Q5_K    45     as Q4_0    32 + l/4: byte i, bit 2 (l%4) + j = fifth bit    40 + l/8: as Q4_K    44: halves d, dmin
 *   Q6_K    53     as Q4_0    32 + l/2: byte i, bits 4 (l%2) + 2 j = upper two bits    48 + l/8: byte 2 j + l/4%2 = scale
 *                  52: d as f32
 */
#ifndef BACKEND_WEBGPU_WEIGHT_H
#define BACKEND_WEBGPU_WEIGHT_H

#include "backend/webgpu/record.h"

/* The kernels' override LAYOUT has these numbers. */
typedef enum weight_layout {
    LAYOUT_F32 = 0, /* and whatever is not a weight */
    LAYOUT_F16,
    LAYOUT_BF16,
    LAYOUT_Q8,
    LAYOUT_Q4,
    LAYOUT_Q4_1,
    LAYOUT_Q4_K,
    LAYOUT_Q5_K,
    LAYOUT_Q6_K,
    LAYOUT_COUNT,
} weight_layout;

enum { TILE_ROWS = 4, TILE_COLS = 256 };

/* F32 for a type that holds no weights. */
weight_layout weight_layout_of(dtype type);
/* Bytes of n_rows rows of K values on the device, a multiple of 16. SIZE_MAX when that overflows. */
size_t weight_device_bytes(dtype type, size_t n_rows, size_t K);
/* Packs n_rows rows in the file's block layout (any but F32) into weight_device_bytes() at `out`. */
void weight_pack(dtype type, const uint8_t *rows, size_t n_rows, size_t K, uint32_t *out);

/* The seam's ops; contracts in backend.h. Slices that begin or end inside four rows are right but slow. */
galago_status webgpu_weight_load(backend *b, tensor *w, const void *bytes, bool stays, error *e);
void webgpu_weight_write(backend *b, tensor w, size_t first, size_t n, const void *bytes);

/* For tests: what the backend believes of its device, to be changed before weights are made and products recorded. */
static inline gpu_info *webgpu_features(backend *b) { return (gpu_info *)webgpu_info(webgpu_of(b)); }

#endif
