/* The pre-tokenizers: where text is cut into pieces before merging. */
#ifndef TEXT_PRETOKENIZE_H
#define TEXT_PRETOKENIZE_H

#include "text/tokenizer.h"

/* End of the piece that begins at `at` (< size) of valid UTF-8. Called from 0 to size it is linear in size.
 */
size_t pretokenize_next(pretokenizer pre, const char *s, size_t size, size_t at);

/* The regular expression of a pre-tokenizer as tokenizer.json writes it. */
const char *pretokenizer_regex(pretokenizer pre);

#endif
