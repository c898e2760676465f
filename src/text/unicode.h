/* What the tokenizer needs of Unicode: four categories and the composed normal form. */
#ifndef TEXT_UNICODE_H
#define TEXT_UNICODE_H

#include "base/buf.h"

#include <stdint.h>

typedef enum unicode_class {
    UNICODE_OTHER = 0,
    UNICODE_LETTER, /* \p{L} */
    UNICODE_MARK,   /* \p{M} */
    UNICODE_NUMBER, /* \p{N} */
    UNICODE_SPACE,  /* \p{White_Space} */
} unicode_class;

unicode_class unicode_class_of(uint32_t cp);

/* Whether valid UTF-8 is known to be in NFC already; false may also mean "not sure". One pass, no memory. */
bool unicode_is_nfc(const char *s, size_t size);
/* Appends the NFC of `size` bytes of valid UTF-8 to `out`. False when there is no memory. Linear. */
bool unicode_nfc(const char *s, size_t size, buf *out);

#endif
