/* Byte-level BPE with the Qwen pre-tokenizers. */
#ifndef TEXT_TOKENIZER_H
#define TEXT_TOKENIZER_H

#include "base/buf.h"
#include "base/error.h"

typedef struct tokenizer tokenizer;

typedef enum pretokenizer { PRETOKENIZER_QWEN2, PRETOKENIZER_QWEN35 } pretokenizer;

/* The vocabulary as a file gives it. Strings are borrowed only during tokenizer_create(). */
typedef struct token_source {
    const char *bytes; /* byte-mapped text (GPT-2 alphabet) of a normal token; literal text of an added one */
    uint32_t size;
    enum token_kind {
        TOKEN_UNUSED = 0,
        TOKEN_NORMAL,
        TOKEN_ADDED,
        TOKEN_CONTROL
    } kind; /* ADDED: matched in any text, shown;
CONTROL: a special token, matched in trusted text only, not shown */
} token_source;
typedef struct merge_source {
    const char *bytes; /* "left right" in the GPT-2 alphabet; rank = index */
    uint32_t size;
    uint32_t left_size; /* bytes of the left part; the space, if any, follows it */
    const char *right;  /* the right part */
    uint32_t right_size;
} merge_source;
typedef struct tokenizer_source {
    const token_source *tokens; /* [n_tokens], index = id */
    size_t n_tokens;
    const merge_source *merges;
    size_t n_merges;
    pretokenizer pre;
} tokenizer_source;

/* Errors: FORMAT (a merge of unknown tokens, a byte without a token, duplicate tokens: names it), MEMORY.
 * On success *out is the caller's. The tokenizer is immutable and may be used by several threads. */
galago_status tokenizer_create(const tokenizer_source *src, tokenizer **out, error *e);
void tokenizer_destroy(tokenizer *t);

/* From the text of tokenizer.json. `n_vocab_limit` = rows of the embedding: ids at or above it are an error.
 */
galago_status tokenizer_from_json(const char *json_text, size_t size, size_t n_vocab_limit, tokenizer **out,
                                  error *e);
/* From vocab.json + merges.txt; `added` are the added tokens of tokenizer_config.json
 * ("added_tokens_decoder"), may be NULL. */
galago_status tokenizer_from_vocab_merges(const char *vocab_json, size_t vocab_size, const char *merges_txt,
                                          size_t merges_size, const char *config_json, size_t config_size,
                                          size_t n_vocab_limit, tokenizer **out, error *e);

/* How control tokens in a text are read. */
typedef enum encode_mode {
    ENCODE_USER,    /* untrusted: control tokens stay ordinary text; so do added ones such as <think> */
    ENCODE_TRUSTED, /* the template's own text and --raw: every added token is matched */
} encode_mode;

typedef struct token_list {
    int32_t *ids; /* malloc'ed; grows */
    size_t count, capacity;
} token_list;
void token_list_free(token_list *l);
/* False when there is no memory. */
bool token_list_push(token_list *l, int32_t id);

/* Appends the ids of `text` (NFC, pre-tokenizer, merges). Bytes that are not UTF-8 are taken as U+FFFD each.
 * Errors: MEMORY. Linear in practice: 1 MB in well under a second, and no input makes it quadratic. */
galago_status tokenizer_encode(const tokenizer *t, const char *text, size_t size, encode_mode mode,
                               token_list *out, error *e);

/* Bytes of one token: the text of an added token, the decoded bytes of a normal one; size 0 for undefined ids
 * and, unless `control`, for control tokens. Valid as long as the tokenizer. */
const char *tokenizer_token(const tokenizer *t, int32_t id, bool control, size_t *size);
/* Whether the id stands for something: ids for which this is false are never sampled. */
bool tokenizer_defines(const tokenizer *t, int32_t id);
bool tokenizer_is_control(const tokenizer *t, int32_t id);
/* Id of an added token by its literal text, -1 when there is none. */
int32_t tokenizer_find(const tokenizer *t, const char *added_text);
size_t tokenizer_n_tokens(const tokenizer *t); /* 1 + the largest defined id */

/* The vocabulary again, for writing a GGUF file: the byte-mapped text of a token, its kind, and merges by
 * rank. */
void tokenizer_export_token(const tokenizer *t, int32_t id, buf *text, enum token_kind *kind);
size_t tokenizer_n_merges(const tokenizer *t);
void tokenizer_export_merge(const tokenizer *t, size_t rank, buf *left_space_right);
pretokenizer tokenizer_pre(const tokenizer *t);

/* A tokenizer of the 256 bytes (ids 0..255) and the Qwen3.5 control tokens at their published ids: synthetic
 * models. */
galago_status tokenizer_create_bytes(tokenizer **out, error *e);

/* ---- streaming ---- */

/* Turns a sequence of ids into whole characters: holds back at most 3 bytes of an incomplete character. */
typedef struct text_stream {
    char held[4];
    size_t n_held;
} text_stream;
/* Appends to `out` the complete characters that `bytes` finish; bytes that cannot become UTF-8 give U+FFFD.
 */
void text_stream_push(text_stream *s, const char *bytes, size_t size, buf *out);
/* The end: held bytes become U+FFFD. */
void text_stream_flush(text_stream *s, buf *out);

#endif
