/* Conversion of any model that can be opened into a standard GGUF pair: the parts of galago_convert(). */
#ifndef CONVERT_CONVERT_H
#define CONVERT_CONVERT_H

#include "model/config.h"

typedef struct convert_types {
    dtype base, embed, vision;
} convert_types;

/* How values change on the way. */
typedef enum transform {
    KEEP,
    ADD_ONE, /* norms: checkpoints store w - 1 */
    NEG_EXP, /* A_log becomes -exp(A_log) */
} transform;

/* Which row of the source becomes row r of the result. Source and result have rows of equal length. */
typedef enum row_order {
    ROWS_AS_THEY_ARE,
    ROWS_VALUE_HEADS, /* value heads from grouped by key head to tiled over key heads, from row `first` on */
    ROWS_FRAME_0,     /* [.., 2, area]: one frame of the patch embedding */
    ROWS_FRAME_1,
} row_order;

/* One tensor of the result and how it is made from one of the source. */
typedef struct conversion {
    const weight *src;
    char name[72];
    dtype type;
    uint32_t n_dims;
    size_t shape[4]; /* outermost first */
    size_t rows, cols;
    transform change;
    row_order order;
    size_t first, head_rows; /* ROWS_VALUE_HEADS */
    size_t head_cols;        /* > 0: columns are value heads of this many, in need of the same order */
    uint32_t n_k_heads, n_v_heads;
    bool vision; /* goes to the vision part */
} conversion;

typedef struct conversion_list {
    conversion *items; /* malloc'ed */
    size_t count, capacity;
} conversion_list;

/* Everything the GGUF pair holds, text first. Errors: FORMAT (a tensor is missing or of the wrong shape:
 * names it), UNSUPPORTED (its data type), MEMORY. */
galago_status plan_tensors(const weights *w, const model_config *c, const convert_types *types, bool drop_mtp,
                           conversion_list *out, error *e);
/* The type a tensor of this GGUF name is written in. */
dtype type_for(const char *name, uint32_t n_dims, size_t row, const convert_types *types);

/* The keys of the two files. `t` may be NULL for GGUF sources, whose own keys are kept. `source` names the
 * model. Errors: MEMORY. */
galago_status put_text_keys(gguf_writer *g, const weights *w, const model_config *c, const tokenizer *t,
                            const char *source, const convert_types *types, bool drop_mtp, error *e);
void put_vision_keys(gguf_writer *g, const weights *w, const model_config *c, const char *source,
                     const convert_types *types);

/* Writes the data of one tensor in slices of at most 16 MiB of working memory, with up to two threads.
 * Errors: IO, MEMORY, CANCELLED. `done` and `total` are bytes of the source, for the progress. */
typedef struct convert_progress {
    galago_progress_fn call;
    void *user;
    double done, total;
} convert_progress;
galago_status write_tensor(gguf_writer *g, const weights *w, const conversion *c, convert_progress *p,
                           error *e);

#endif
