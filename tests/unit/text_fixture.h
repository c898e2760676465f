/* Small tokenizers for tests: a vocabulary of the 256 bytes, some merges and some added tokens, as
 * tokenizer.json. */
#ifndef TESTS_TEXT_FIXTURE_H
#define TESTS_TEXT_FIXTURE_H

#include "base/json.h"
#include "base/utf8.h"
#include "text/pretokenize.h"
#include "text/tokenizer_impl.h"

#include <stdio.h>
#include <stdlib.h>

/* The 256 entries "char":byte of the vocabulary, without braces. */
static inline void fixture_bytes(buf *b)
{
    for (int i = 0; i < 256; i++) {
        char c[4];
        size_t n = utf8_encode(byte_to_char((uint8_t)i), c);
        if (i) buf_str(b, ",");
        json_write_string(b, c, n);
        buf_printf(b, ":%d", i);
    }
}

/* tokenizer.json with `vocab` (entries behind the bytes, begins with ',' or is empty), `merges` and `added`
 * (array contents). */
static inline buf fixture_json(pretokenizer pre, const char *vocab, const char *merges, const char *added)
{
    buf b = {0};
    const char *regex = pretokenizer_regex(pre);
    buf_printf(
        &b,
        "{\"added_tokens\":[%s],\"normalizer\":{\"type\":\"NFC\"},\"pre_tokenizer\":{\"type\":\"Sequence\","
        "\"pretokenizers\":[{\"type\":\"Split\",\"pattern\":{\"Regex\":",
        added);
    json_write_string(&b, regex, strlen(regex));
    buf_str(
        &b,
        "},\"behavior\":\"Isolated\",\"invert\":false},{\"type\":\"ByteLevel\",\"add_prefix_space\":false,"
        "\"use_regex\":false}]},\"model\":{\"type\":\"BPE\",\"vocab\":{");
    fixture_bytes(&b);
    buf_printf(&b, "%s},\"merges\":[%s]}}", vocab, merges);
    return b;
}

static const char FIXTURE_VOCAB[] =
    ",\"ab\":256,\"abc\":257,\"bc\":258,\"aa\":259,\"aaaa\":260,\"th\":261,\"the\":262,\"\\u0120the\":263";
static const char FIXTURE_MERGES[] =
    "\"a b\",[\"b\",\"c\"],\"ab c\",[\"a\",\"a\"],\"aa aa\",\"t h\",\"th e\",\"\\u0120 the\"";
static const char FIXTURE_ADDED[] =
    "{\"id\":300,\"content\":\"<|im_end|>\",\"special\":true},{\"id\":301,\"content\":\"<think>\"},"
    "{\"id\":302,\"content\":\"<th\"},{\"id\":303,\"content\":\"<think>!\"}";

/* NULL never: ends the program with the message. */
static inline tokenizer *fixture_tokenizer(pretokenizer pre)
{
    buf b = fixture_json(pre, FIXTURE_VOCAB, FIXTURE_MERGES, FIXTURE_ADDED);
    tokenizer *t;
    error e = {0};
    if (tokenizer_from_json(b.data, b.size, 1000, &t, &e)) {
        printf("fixture: %s\n", e.message);
        exit(1);
    }
    buf_free(&b);
    return t;
}

/* A whole file, ends the program when it cannot be read. */
static inline buf fixture_file(const char *path)
{
    buf b = {0};
    FILE *f = fopen(path, "rb");
    if (!f) {
        printf("cannot open %s (run from the top folder)\n", path);
        exit(1);
    }
    for (size_t n = 1; n && buf_reserve(&b, 1 << 16); b.size += n) n = fread(b.data + b.size, 1, 1 << 16, f);
    fclose(f);
    return b;
}

#endif
