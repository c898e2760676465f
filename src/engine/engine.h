/* What the public handles hold. Internal to src/engine. */
#ifndef ENGINE_ENGINE_H
#define ENGINE_ENGINE_H

#include "base/buf.h"
#include "engine/sample.h"
#include "engine/stop.h"
#include "image/image.h"
#include "model/model.h"
#include <pthread.h>
#include <stdatomic.h>

/* Context length when the caller does not say. */
enum { DEFAULT_N_CTX = 4096, DEFAULT_MAX_TOKENS = 512, DEFAULT_IMAGE_TOKENS = 1280 };

struct galago_image {
    image pixels;
    uint64_t hash[2]; /* of size and pixels: two pictures with equal hashes are taken for the same */
};

/* Which picture, for comparing: two pictures with equal keys are taken for the same. */
typedef struct image_key {
    uint64_t hash[2];
    image_grid grid; /* after resizing, in patches */
} image_key;

struct galago_model {
    char *name; /* as given to open */
    weights *weights;
    tokenizer *tokenizer;
    backend *backend;
    model *network;
    id_run *runs; /* [n_runs] ids that the tokenizer defines, below n_vocab */
    size_t n_runs;
    double load_ms;
    char device_note[sizeof(((galago_error *)0)->message)]; /* why AUTO did not take the GPU; "" = it did, or was not asked */
    /* The backend works for one thread at a time: whoever touches a session's tensors holds this. */
    pthread_mutex_t *lock;
    pthread_mutex_t lock_storage;
};

static inline const model_config *config_of(const galago_model *m) { return model_get_config(m->network); }

/* Takes the model's lock. Errors: ARGUMENT (the calling thread holds it: a progress callback generates on the
 * same model). */
galago_status model_lock(const galago_model *m, error *e);
void model_unlock(const galago_model *m);

/* Largest picture, in patches, that a context of n_ctx tokens can be asked to look at under these limits. */
uint32_t most_patches(const preprocess_params *p, uint32_t n_ctx);
/* Context length in force for a request of n_ctx (0 = default). */
uint32_t context_length(const model_config *c, uint32_t n_ctx);

/* Path of the demo model's text part, found without environment: beside the program or library, where it was
 * installed, then in ./models/demo. Errors: IO (says where it was looked for), MEMORY. *path is malloc'ed.
 * (locate.c) */
galago_status locate_demo(char **path, error *e);

#endif
