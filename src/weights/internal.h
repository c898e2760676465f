/* What an opened model holds. Internal to src/weights. */
#ifndef WEIGHTS_INTERNAL_H
#define WEIGHTS_INTERNAL_H

#include "weights/weights.h"

typedef struct model_file {
    filemap map;
    const char *path;
    bool borrowed; /* the bytes are the caller's, not mapped here */
} model_file;

/* A GGUF key: its value lies in the mapped file, checked when the file was opened. */
typedef struct gguf_key {
    const char *name;
    uint32_t type;      /* of the value, or of an array's elements */
    bool is_array;
    uint64_t count;     /* elements of an array; bytes of a string */
    const uint8_t *data;
    const char *string; /* terminated copy of a string value */
} gguf_key;

struct weights {
    weights_format format;
    model_file *files;
    size_t n_files;
    weight *tensors;
    size_t n_tensors, capacity;
    uint32_t *slots; /* hash table: index + 1 */
    size_t n_slots;
    arena memory; /* names, parsed JSON */

    const json *config;         /* HF, synthetic */
    const json *preprocessor;   /* HF: preprocessor_config.json; NULL = none */
    const char *chat_template;  /* NULL = none */
    size_t chat_template_size;
    const char *folder;         /* HF: for the tokenizer's files */
    gguf_key *keys;             /* GGUF, text first */
    size_t n_keys, keys_capacity;
};

galago_status weights_add(weights *w, weight t, error *e);
galago_status weights_index(weights *w, error *e);
/* Maps a file for the model's life. Errors: IO, MEMORY. */
galago_status weights_map(weights *w, const char *path, uint32_t *index, error *e);

galago_status hf_folder_open(weights *w, const char *folder, error *e);
galago_status gguf_pair_open(weights *w, const char *path, const char *mmproj, error *e);
/* Tensors of one file whose bytes are mapped as w->files[index]; also for bytes in memory (tests). */
galago_status safetensors_read(weights *w, uint32_t index, error *e);
galago_status gguf_read(weights *w, uint32_t index, error *e);
/* Adds the tensors of w->config. */
galago_status synthetic_tensors(weights *w, error *e);

/* A model from bytes in memory, for tests and fuzzing: one GGUF file, or one safetensors file with a config of "{}". `bytes` must
 * outlive it. */
galago_status weights_open_bytes(const uint8_t *bytes, size_t size, bool is_gguf, weights **out, error *e);

const gguf_key *gguf_find(const weights *w, const char *name);
/* The strings of an array in order; begin is false when the key is not one. */
typedef struct gguf_strings {
    const uint8_t *p;
    uint64_t left;
} gguf_strings;
bool gguf_strings_begin(const weights *w, const char *name, gguf_strings *s);
bool gguf_strings_next(gguf_strings *s, const char **bytes, size_t *size);

#endif
