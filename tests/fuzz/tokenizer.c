/* libFuzzer: tokenizer files, then text. The input is a tokenizer.json (or vocab.json, NUL, merges.txt, NUL,
 * configuration when it begins with 'v'), the byte 0xff, and a text that whatever tokenizer came out, or the
 * byte vocabulary, encodes. */
#include "text/tokenizer.h"
#include "base/utf8.h"
#include "text/unicode.h"

#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { VOCAB_LIMIT = 5000 };

static char *copy(const void *bytes, size_t size)
{
    char *s = malloc(size ? size : 1); /* exactly this size: every byte read beyond it is seen */
    if (!s) abort();
    if (size) memcpy(s, bytes, size);
    return s;
}

static tokenizer *load(const char *s, size_t size)
{
    tokenizer *t;
    error e = {0};
    galago_status st;
    if (size && s[0] == 'v') {
        const char *end = s + size, *vocab = s + 1;
        const char *nul = memchr(vocab, 0, (size_t)(end - vocab)), *merges = nul ? nul + 1 : end;
        size_t n_vocab = (size_t)((nul ? nul : end) - vocab);
        nul = memchr(merges, 0, (size_t)(end - merges));
        const char *config = nul ? nul + 1 : NULL;
        size_t n_merges = (size_t)((nul ? nul : end) - merges),
               n_config = config ? (size_t)(end - config) : 0;
        char *a = copy(vocab, n_vocab), *b = copy(merges, n_merges), *c = copy(config, n_config);
        st = tokenizer_from_vocab_merges(a, n_vocab, b, n_merges, config ? c : NULL, n_config, VOCAB_LIMIT,
                                         &t, &e);
        free(a);
        free(b);
        free(c);
    } else {
        char *a = copy(s, size);
        st = tokenizer_from_json(a, size, VOCAB_LIMIT, &t, &e);
        free(a);
    }
    assert((st == GALAGO_OK) == (t != NULL));
    assert(!st || e.message[0]);
    return t;
}

/* What every tokenizer must hold: ids are defined, and their bytes are the normal form of the text. */
static void check(const tokenizer *t, const char *text, size_t size, encode_mode mode)
{
    token_list ids = {0};
    error e = {0};
    assert(tokenizer_encode(t, text, size, mode, &ids, &e) == GALAGO_OK);
    buf bytes = {0}, normal = {0}, streamed = {0};
    text_stream stream = {0};
    for (size_t i = 0; i < ids.count; i++) {
        size_t n;
        assert(tokenizer_defines(t, ids.ids[i]));
        const char *s = tokenizer_token(t, ids.ids[i], true, &n);
        buf_append(&bytes, s, n);
        text_stream_push(&stream, s, n, &streamed);
    }
    text_stream_flush(&stream, &streamed);
    assert(utf8_valid(streamed.data, streamed.size));
    if (mode == ENCODE_USER && utf8_valid(text, size)) {
        assert(unicode_nfc(text, size, &normal));
        assert(bytes.size == normal.size &&
               (!bytes.size || memcmp(bytes.data, normal.data, bytes.size) == 0));
        assert(streamed.size == bytes.size);
    }
    buf_free(&bytes);
    buf_free(&normal);
    buf_free(&streamed);
    token_list_free(&ids);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static tokenizer *plain;
    if (!plain && tokenizer_create_bytes(&plain, NULL)) abort();
    const uint8_t *cut = size ? memchr(data, 0xff, size) : NULL;
    size_t n_file = cut ? (size_t)(cut - data) : size, n_text = cut ? size - n_file - 1 : 0;
    char *file = copy(data, n_file), *text = copy(cut ? cut + 1 : NULL, n_text);
    tokenizer *t = n_file ? load(file, n_file) : NULL;
    const tokenizer *used = t ? t : plain;
    check(used, text, n_text, ENCODE_USER);
    check(used, text, n_text, ENCODE_TRUSTED);
    tokenizer_destroy(t);
    free(file);
    free(text);
    return 0;
}
