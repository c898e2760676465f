/* Chat templates: conversations to prompt pieces (docs/MODEL.md 5). */
#ifndef TEXT_TEMPLATE_H
#define TEXT_TEMPLATE_H

#include "text/tokenizer.h"

typedef enum chat_format {
    CHAT_QWEN3_5,
    CHAT_QWEN3_VL,
    CHAT_QWEN2_VL
} chat_format; /* Qwen2.5-VL uses Qwen2-VL's */

typedef struct chat_part {
    enum { PART_TEXT, PART_IMAGE } kind;
    const char *text; /* PART_TEXT */
    size_t size;
} chat_part;
typedef struct chat_message {
    galago_role role;
    const chat_part *parts;
    size_t n_parts;
} chat_message;
typedef struct chat_options {
    bool think;         /* leave the answer's think block open */
    bool number_images; /* "Picture N: " before each */
} chat_options;

/* Ids of a conversation, with exactly one image_pad id per image in order of appearance (the layout repeats
 * it). Text of messages is encoded as ENCODE_USER, the template's own as ENCODE_TRUSTED; the ids are those of
 * the whole rendered text (pre-tokenizer pieces never cross the border of a control token, and white space is
 * stripped as the format asks).  `rendered`, when not NULL, receives the rendered text (for people and
 * tests). *history_end, when not NULL: number of ids before the generation prompt
 * ("<|im_start|>assistant..."): the place whose state may be kept for the next turn. Errors: ARGUMENT (system
 * message not first, system message with images, no user message: as the template's own), MEMORY. */
galago_status chat_encode(const tokenizer *t, chat_format format, const chat_message *messages,
                          size_t n_messages, const chat_options *options, token_list *out, buf *rendered,
                          size_t *history_end, error *e);

#endif
