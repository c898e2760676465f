/* Public text functions: ids and back. */
#include "engine/engine.h"

#include <stdlib.h>
#include <string.h>

galago_status galago_tokenize(const galago_model *m, const char *text, size_t size, bool special,
                              int32_t *ids, size_t capacity, size_t *n_ids, galago_error *e)
{
    error_clear(e);
    *n_ids = 0;
    token_list list = {0};
    galago_status s = tokenizer_encode(m->tokenizer, text ? text : "", text ? size : 0,
                                       special ? ENCODE_TRUSTED : ENCODE_USER, &list, e);
    if (!s) {
        size_t n = list.count < capacity ? list.count : capacity;
        if (n) memcpy(ids, list.ids, n * sizeof *ids);
        *n_ids = list.count;
    }
    token_list_free(&list);
    return s;
}

galago_status galago_detokenize(const galago_model *m, const int32_t *ids, size_t n_ids, bool special,
                                char *text, size_t capacity, size_t *size, galago_error *e)
{
    error_clear(e);
    *size = 0;
    text_stream stream = {0};
    buf out = {0};
    for (size_t i = 0; i < n_ids; i++) {
        size_t n;
        const char *bytes = tokenizer_token(m->tokenizer, ids[i], special, &n);
        if (n) text_stream_push(&stream, bytes, n, &out);
    }
    text_stream_flush(&stream, &out);
    if (out.failed) {
        buf_free(&out);
        return fail(e, GALAGO_ERR_MEMORY, "not enough memory for the text of %zu tokens", n_ids);
    }
    size_t n = out.size < capacity ? out.size : capacity;
    if (n) memcpy(text, out.data, n);
    *size = out.size;
    buf_free(&out);
    return GALAGO_OK;
}
