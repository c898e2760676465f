/* From messages to a laid-out prompt. */
#ifndef ENGINE_PROMPT_H
#define ENGINE_PROMPT_H

#include "engine/engine.h"

typedef struct prompt {
    layout layout;
    galago_image **images; /* [n_images] borrowed from the messages, in order of appearance */
    image_key *keys;       /* [n_images] */
    size_t n_images;
    size_t history_end; /* laid-out tokens before the generation prompt; 0 = unknown (raw text) */
} prompt;

/* Template, tokens, sizes of the pictures after resizing, layout. Pixels are not looked at.
 * Errors: ARGUMENT (no messages, an empty last message, markers and images that do not match, a picture too
 * narrow), UNSUPPORTED (images for a model that does not see), MEMORY. */
galago_status prompt_create(const galago_model *m, const galago_message *messages, size_t n_messages,
                            const galago_generate_params *params, prompt *out, error *e);
void prompt_destroy(prompt *p);

#endif
