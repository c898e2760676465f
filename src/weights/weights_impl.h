/* What the readers of the formats share: the list of files, tensors and keys behind `weights`. */
#ifndef WEIGHTS_IMPL_H
#define WEIGHTS_IMPL_H

#include "base/folder.h"
#include "weights/weights.h"

/* Ids of data types that files may name but nothing here computes with. GGUF's own numbers where it has one,
 * else beyond all of them; dtype_get() calls them unsupported, so that only a model that needs such a tensor
 * is refused. */
enum { TYPE_I8 = 24, TYPE_I16 = 25, TYPE_I64 = 27, TYPE_F64 = 28, TYPE_OTHER = 0xffff };

/* GGUF's types of values. */
typedef enum gguf_type {
    GGUF_U8,
    GGUF_I8,
    GGUF_U16,
    GGUF_I16,
    GGUF_U32,
    GGUF_I32,
    GGUF_F32,
    GGUF_BOOL,
    GGUF_STRING,
    GGUF_ARRAY,
    GGUF_U64,
    GGUF_I64,
    GGUF_F64,
    GGUF_TYPE_COUNT,
} gguf_type;

typedef struct gguf_key {
    const char *name; /* terminated */
    const char *text; /* terminated copy of a string, else NULL */
    const uint8_t
        *at;      /* the value in the file: a number, the bytes of a string, the first element of an array */
    size_t count; /* elements of an array, bytes of a string */
    size_t bytes; /* of the whole value as it lies in the file, from `raw` on */
    const uint8_t *raw;
    uint32_t type, elem_type;
    uint32_t file;
} gguf_key;

typedef struct weight_file {
    const char *path;
    filemap map;
    bool is_own; /* closed with the weights; else the memory is the caller's */
} weight_file;

/* Open addressing over an array whose members begin with their name. */
typedef struct name_index {
    uint32_t *slots; /* index + 1; 0 = free */
    size_t n_slots;  /* a power of two, more than 4/3 of the entries */
} name_index;

struct weights {
    weights_format format;
    arena memory;
    const char *path;
    const char *folder; /* of an HF model */
    weight_file *files;
    uint32_t n_files, files_capacity;
    size_t first_head; /* files are read in pieces, a GGUF file's beginning in one of this many bytes at first; 0 = mapped */
    weight *list;
    size_t count, capacity;
    name_index index;
    gguf_key *keys;
    size_t n_keys, keys_capacity;
    name_index key_index;
    const json *config;
    /* Texts beside the weights, read when opened; NULL = none. */
    char *chat_template;
    size_t chat_template_size;
};

uint32_t name_hash(const char *s, size_t size, uint32_t seed);

/* Appends a file; *at is its number. Memory is borrowed unless it is `own`. Errors: MEMORY. */
galago_status weights_add_file(weights *w, const char *path, filemap map, bool own, uint32_t *at, error *e);
/* The same for a path: mapped, or opened to be read in pieces. */
galago_status weights_open_file(weights *w, const char *path, uint32_t *at, error *e);
/* Appends a tensor. Errors: FORMAT (two tensors of one name), MEMORY. */
galago_status weights_add(weights *w, const weight *t, error *e);
/* Takes back all but the first `count` tensors. Errors: MEMORY. */
galago_status weights_truncate(weights *w, size_t count, error *e);

/* Readers of one file that is already in w->files; what they find is appended. */
galago_status gguf_parse(weights *w, uint32_t file, error *e);
galago_status safetensors_parse(weights *w, uint32_t file, error *e);

/* A model in a folder; `only` = one .safetensors file of it, or NULL. */
galago_status hf_folder_open(weights *w, const char *folder, const char *only, error *e);
galago_status gguf_open(weights *w, const char *path, const char *mmproj, error *e);
galago_status synthetic_open(weights *w, const char *name, error *e);

/* A key of one file (the first that has it when file is UINT32_MAX); NULL when there is none. */
const gguf_key *gguf_find(const weights *w, const char *name, uint32_t file);
/* Element i of an array of numbers or booleans, or the number itself (i = 0). False for strings and arrays of
 * them. */
bool gguf_number(const gguf_key *k, size_t i, double *out);

/* weights_open() with files read in pieces although they could be mapped, as a page's engine does it: for tests. first_head is
 * 1 or more. */
galago_status weights_open_pieces(const char *path, const char *mmproj, size_t first_head, weights **out, error *e);
/* One file from memory, for tests and fuzzing: the same checks as for a mapped one. The bytes must outlive
 * the weights. */
galago_status weights_open_memory(const char *name, const void *bytes, size_t size, weights **out, error *e);

/* "folder/name", from the arena; NULL when there is no memory. */
const char *path_join(arena *a, const char *folder, const char *name);
/* The folder of a path ("." when it has none) and the name behind it. */
const char *path_folder(arena *a, const char *path);
const char *path_name(const char *path);

static inline uint32_t load_u32(const uint8_t *p)
{
    return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}
static inline uint64_t load_u64(const uint8_t *p) { return load_u32(p) | (uint64_t)load_u32(p + 4) << 32; }

#endif
