/* Sizes of weights by the names that tables use, and the checks of a tensor that a file has: for loading and converting. */
#ifndef MODEL_WEIGHT_DIMS_H
#define MODEL_WEIGHT_DIMS_H

#include "model/config.h"

/* ONE_DIM as the second size: the weight is a vector. */
typedef enum dim {
    ONE_DIM, /* no second dimension */
    D_MODEL, D_MODEL_2, D_FF, N_VOCAB, Q_AND_GATE, KV_DIM, ATTN_DIM, CONV_DIM, CONV_KERNEL, V_DIM, N_V_HEADS, V_HEAD_DIM,
    HEAD_DIM, VIS, VIS_3, VIS_FF, VIS_MERGED, VIS_POSITIONS,
} dim;

size_t dim_size(const model_config *c, dim d);

/* Whether the tensor is [rows, cols] but for dimensions of 1, which containers add and drop (a convolution is [C,1,K] here, [C,K]
 * there). */
bool weight_shape_is(const weight *t, size_t rows, size_t cols);
/* Errors: UNSUPPORTED (a data type that has no block format here: names the tensor and the id). */
galago_status weight_check_type(const weight *t, error *e);

#endif
