/* What the tokenizer's files share. */
#ifndef TEXT_TOKENIZER_IMPL_H
#define TEXT_TOKENIZER_IMPL_H

#include "base/arena.h"
#include "text/bpe.h"
#include "text/tokenizer.h"

typedef struct token {
    uint32_t begin, size; /* in tokenizer.bytes */
    uint32_t kind;        /* enum token_kind */
} token;

struct tokenizer {
    arena memory;  /* everything below */
    token *tokens; /* [n_tokens] by id */
    size_t n_tokens;
    char *bytes; /* of all tokens: decoded for normal ones, literal for added ones */
    int32_t byte_ids[256];
    merge_table merges;
    int32_t (*pairs)[2]; /* [n_merges] by rank: left and right ids */
    size_t n_merges;
    pretokenizer pre;
    int32_t *added; /* [n_added] ids of added tokens in the order of their bytes */
    size_t n_added;
    uint32_t
        added_first[257]; /* entries of `added` that begin with byte b: added_first[b] .. added_first[b+1] */
};

/* The GPT-2 alphabet: every byte as a printable character. */
uint32_t byte_to_char(uint8_t byte);
/* The reverse; -1 for a character that stands for no byte. */
int char_to_byte(uint32_t cp);

#endif
