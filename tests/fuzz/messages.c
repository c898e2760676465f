/* libFuzzer: conversations through the chat formats. The first byte chooses format and options; then come
 * messages: a byte of role and number of parts, and for each part a byte that is an image or the length of a
 * text. */
#include "text/template.h"

#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { MAX_MESSAGES = 16, MAX_PARTS = 7 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static tokenizer *t;
    if (!t && tokenizer_create_bytes(&t, NULL)) abort();
    if (!size) return 0;
    const uint8_t *p = data + 1, *end = data + size;
    const chat_format format = (chat_format)(data[0] % 3);
    const chat_options options = {.think = data[0] & 4, .number_images = data[0] & 8};

    chat_part parts[MAX_MESSAGES][MAX_PARTS];
    chat_message messages[MAX_MESSAGES];
    size_t n = 0, n_images = 0, n_controls = 0;
    char *texts[MAX_MESSAGES * MAX_PARTS];
    size_t n_texts = 0;
    while (p < end && n < MAX_MESSAGES) {
        unsigned head = *p++;
        messages[n] = (chat_message){(galago_role)(head & 3), parts[n], 0};
        for (unsigned k = head >> 2 & 7; k && messages[n].n_parts < MAX_PARTS && p < end; k--) {
            chat_part *part = &parts[n][messages[n].n_parts++];
            unsigned length = *p++;
            if (length == 255) {
                *part = (chat_part){.kind = PART_IMAGE};
                n_images++;
                continue;
            }
            if (length > (size_t)(end - p)) length = (unsigned)(end - p);
            char *text =
                malloc(length ? length : 1); /* exactly this size: every byte read beyond it is seen */
            if (!text) abort();
            memcpy(text, p, length);
            texts[n_texts++] = text;
            *part = (chat_part){PART_TEXT, text, length};
            p += length;
        }
        n++;
    }
    token_list ids = {0};
    buf rendered = {0};
    size_t history = 0;
    error e = {0};
    if (chat_encode(t, format, messages, n, &options, &ids, &rendered, &history, &e) == GALAGO_OK) {
        int32_t image_pad = tokenizer_find(t, "<|image_pad|>"), im_start = tokenizer_find(t, "<|im_start|>");
        size_t pads = 0;
        for (size_t i = 0; i < ids.count; i++) {
            pads += ids.ids[i] == image_pad;
            n_controls += ids.ids[i] == im_start;
        }
        /* No text makes a turn or a picture; reasoning that is dropped may take its pictures along. */
        assert(pads <= n_images);
        assert(n_controls <= n + 2);
        assert(history < ids.count && ids.ids[history] == im_start);
    } else {
        assert(e.message[0] && ids.count == 0);
    }
    buf_free(&rendered);
    token_list_free(&ids);
    for (size_t i = 0; i < n_texts; i++) free(texts[i]);
    return 0;
}
