/*
 * Model files as named tensors: Hugging Face folders (safetensors), GGUF pairs, synthetic weights.
 * Everything is checked against the file's size when it is opened, so that later reads need no checks of ranges.
 */
#ifndef WEIGHTS_WEIGHTS_H
#define WEIGHTS_WEIGHTS_H

#include "base/arena.h"
#include "base/dtype.h"
#include "base/filemap.h"
#include "base/json.h"
#include "image/image.h"
#include "text/template.h"
#include "text/tokenizer.h"

typedef struct weight weight;
/* One tensor of a file, by the file's own name. */
struct weight {
    const char *name;
    dtype type;
    uint32_t n_dims;
    size_t shape[5]; /* outermost first (GGUF's order reversed); a patch embedding has five; unused entries are 1 */
    size_t bytes;
    const uint8_t *data; /* in the mapped file, not always aligned; NULL = not in memory: see weights_bytes() */
    uint32_t file;       /* index of the file */
    uint64_t offset;     /* of the first byte in the file */
};

typedef enum weights_format { WEIGHTS_HF, WEIGHTS_GGUF, WEIGHTS_SYNTHETIC } weights_format;

typedef struct weights weights;

/* Opens a folder, a .gguf file, a single .safetensors file in a folder, or "synthetic:NAME". The vision part of a .gguf file
 * is `mmproj`; NULL = the one beside it whose name holds "mmproj" (of several the one named alike); "" = none. Tensors of
 * types that are not supported are listed with the type's id (bytes 0 in GGUF files): only a model that needs them fails.
 * Errors: IO, FORMAT, UNSUPPORTED, MEMORY, ARGUMENT (no such synthetic model; several vision parts fit; not the first part
 * of a split file); messages begin with the file's name. */
galago_status weights_open(const char *path, const char *mmproj, weights **out, error *e);
void weights_close(weights *w);

weights_format weights_get_format(const weights *w);
/* NULL when there is none. Names as in the file: HF names with prefixes, or GGUF names (text and mmproj share one space). */
const weight *weights_find(const weights *w, const char *name);
size_t weights_count(const weights *w);
const weight *weights_at(const weights *w, size_t i);

/*
 * Where a tensor's bytes are. In a mapped file: at t->data, for as long as the weights are open. Where files are not mapped (a page,
 * whose files the host reads) t->data is NULL and the bytes are fetched in slices: rows [first, first + n) of a matrix of
 * `row_bytes` a row are weights_bytes(w, t, first * row_bytes, n * row_bytes, dst), in the block layout of t->type, ready for
 * weight_write(); a few MiB a slice keep what is in flight small and the calls into the host few. Of a synthetic model there are no
 * bytes, only values: weights_has_bytes() is false, and weights_read() makes them.
 */
bool weights_has_bytes(const weights *w, const weight *t);
/* Copies bytes [offset, offset + n) of the tensor, which must lie inside it. From a mapped file too. False: the file cannot be read
 * any more (it was changed, or taken away). From one thread at a time where t->data is NULL. */
bool weights_bytes(const weights *w, const weight *t, size_t offset, size_t n, void *dst);
/* Values [first, first+n) of the tensor in row-major order as f32; whole blocks. For all formats. False as weights_bytes(), or no
 * memory for the slice's bytes; then `out` holds zeros. Never false for mapped files and synthetic models. */
bool weights_read(const weights *w, const weight *t, size_t first, size_t n, float *out);
/* The pages of this tensor are not needed any more (they were converted). */
void weights_release(const weights *w, const weight *t);

/* config.json of a folder or of a synthetic model; NULL for GGUF. */
const json *weights_config(const weights *w);

/* GGUF keys of both files (text first). Missing, or of another type: `otherwise`. */
bool weights_has_key(const weights *w, const char *key);
uint64_t weights_key_u64(const weights *w, const char *key, uint64_t otherwise);   /* any integer type */
double weights_key_f64(const weights *w, const char *key, double otherwise);
bool weights_key_bool(const weights *w, const char *key, bool otherwise);
const char *weights_key_string(const weights *w, const char *key, const char *otherwise); /* terminated */
/* Numbers and booleans of an array; returns its length (0 = missing), writes at most `capacity`. */
size_t weights_key_array(const weights *w, const char *key, double *out, size_t capacity);

/* The tokenizer of the files. Errors: FORMAT (missing or damaged: names the file or key). */
galago_status weights_tokenizer(const weights *w, size_t n_vocab, tokenizer **out, error *e);
/* Image preprocessing: preprocessor_config.json (size, min_pixels, max_pixels, image_mean, ..., class) or the clip.vision.*
 * keys; what they do not say keeps the value in *p (the family's defaults), which the caller sets first. */
galago_status weights_preprocess(const weights *w, preprocess_params *p, error *e);
/* Text of the chat template, NULL when the files have none. */
const char *weights_chat_template(const weights *w, size_t *size);

/* ---- writing GGUF ---- */

typedef struct gguf_writer gguf_writer;
/* Keys and tensors are declared first, then data is written in the order of declaration to a temporary file beside `path`,
 * which gets its name when it is published; destroying an unpublished writer removes it. Several files appear together when
 * all are finished before the first is published. Errors: MEMORY. */
galago_status gguf_writer_create(const char *path, gguf_writer **out, error *e);
void gguf_put_u32(gguf_writer *g, const char *key, uint32_t v);
void gguf_put_f32(gguf_writer *g, const char *key, float v);
void gguf_put_bool(gguf_writer *g, const char *key, bool v);
void gguf_put_string(gguf_writer *g, const char *key, const char *bytes, size_t size);
void gguf_put_u32_array(gguf_writer *g, const char *key, const uint32_t *v, size_t n);
void gguf_put_i32_array(gguf_writer *g, const char *key, const int32_t *v, size_t n);
void gguf_put_f32_array(gguf_writer *g, const char *key, const float *v, size_t n);
void gguf_put_bool_array(gguf_writer *g, const char *key, const bool *v, size_t n);
/* An array of n strings that `get` supplies one by one into an emptied buffer. */
void gguf_put_string_array(gguf_writer *g, const char *key, size_t n, void (*get)(void *user, size_t i, buf *out), void *user);
/* All keys of an opened GGUF file (the text part: 0, else the vision part) for which `keep` is true, unchanged. */
void gguf_put_keys_of(gguf_writer *g, const weights *w, bool vision, bool (*keep)(void *user, const char *key), void *user);
/* shape outermost first, 1 to 4 dimensions; the last a multiple of the type's block; name at most 64 bytes. */
void gguf_declare(gguf_writer *g, const char *name, dtype type, uint32_t n_dims, const size_t *shape);
/* Makes the file, reserves its space on the disk where the file system can, writes header and infos; data follows.
 * Errors: IO (no permission; the disk is too full: says how much is needed), MEMORY. */
galago_status gguf_writer_begin_data(gguf_writer *g, error *e);
/* The next bytes of the current tensor (tensors in order of declaration). Errors: IO. */
galago_status gguf_write(gguf_writer *g, const void *bytes, size_t size, error *e);
/* All data is there and on the disk; the file still has its temporary name. Errors: IO. */
galago_status gguf_writer_finish(gguf_writer *g, error *e);
/* The finished file gets its name, replacing an older one. Errors: IO. */
galago_status gguf_writer_publish(gguf_writer *g, error *e);
/* Takes a published file away again (the other one of a pair could not be published). */
void gguf_writer_withdraw(gguf_writer *g);
/* Removes what was not published. NULL allowed. */
void gguf_writer_destroy(gguf_writer *g);

#endif
