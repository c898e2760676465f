/* What JavaScript asks for, as JSON, into the engine's structs. Every value is checked; an error names the option. */
#ifndef WASM_OPTIONS_H
#define WASM_OPTIONS_H

#include "base/arena.h"
#include "base/error.h"

/* Most messages, pictures of a message and stop strings of a call. */
enum { MAX_MESSAGES = 4096, MAX_IMAGES = 1024, MAX_STOPS = 64 };

/* {"name":…,"mmproj":…,"device":"cpu"|"gpu"|"auto","dtype":…,"threads":n,"min_pixels":n,"max_pixels":n,"memory_limit":n,
 * "isa":…}: absent or null = the engine's default. Strings live in the arena. Errors: ARGUMENT, MEMORY. */
galago_status read_open_options(arena *a, const char *text, size_t size, const char **name, galago_model_params *params, error *e);

typedef struct answer_request {
    galago_message *messages; /* [n_messages]; `images` of each point into `images` */
    size_t n_messages;
    galago_image **images; /* of all messages, in order */
    uint32_t *handles;     /* [n_images] of the same */
    size_t n_images;
    galago_generate_params params;
} answer_request;

/* The picture of a handle, NULL when there is none. */
typedef galago_image *(*image_lookup)(uint32_t handle);

/* {"messages":[{"role","text","images":[handle,…],"inline_images":bool},…], "max_tokens":n, …}, the names of
 * galago_generate_params; "logprobs" is n_logprobs. All memory is the arena's. Errors: ARGUMENT, MEMORY. */
galago_status read_answer_options(arena *a, const char *text, size_t size, image_lookup find, answer_request *out, error *e);

#endif
