/* libFuzzer: any bytes through the JSON parser; what parses is written and parsed again. */
#include "base/json.h"

#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void write(buf *b, const json *v)
{
    switch (v->type) {
    case JSON_NULL: buf_str(b, "null"); break;
    case JSON_BOOL: buf_str(b, v->u.boolean ? "true" : "false"); break;
    case JSON_NUMBER: json_write_number(b, v->u.number); break;
    case JSON_STRING: json_write_string(b, v->u.string.bytes, v->u.string.size); break;
    case JSON_ARRAY:
    case JSON_OBJECT:
        buf_str(b, v->type == JSON_ARRAY ? "[" : "{");
        for (const json *c = v->u.list.first; c; c = c->next) {
            if (v->type == JSON_OBJECT) {
                json_write_string(b, c->key, c->key_size);
                buf_str(b, ":");
            }
            write(b, c);
            if (c->next) buf_str(b, ",");
        }
        buf_str(b, v->type == JSON_ARRAY ? "]" : "}");
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = malloc(size ? size : 1); /* exactly this size: every byte read beyond it is seen */
    if (!text) return 0;
    if (size) memcpy(text, data, size);
    arena a = {0};
    const json *v;
    error e = {0};
    if (json_parse(&a, text, size, &v, &e) == GALAGO_OK) {
        /* Writing keeps 9 digits and turns what a double cannot hold into null; what has been written once is
         * stable. */
        buf text_of[3] = {{0}};
        for (int i = 0; i < 3; i++) {
            write(&text_of[i], v);
            assert(json_parse(&a, text_of[i].data, text_of[i].size, &v, &e) == GALAGO_OK);
        }
        assert(text_of[1].size == text_of[2].size &&
               memcmp(text_of[1].data, text_of[2].data, text_of[1].size) == 0);
        for (int i = 0; i < 3; i++) buf_free(&text_of[i]);
    } else {
        assert(e.message[0]);
    }
    arena_free(&a);
    free(text);
    return 0;
}
