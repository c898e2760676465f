/* UTF-8, strictly: no surrogates, no overlong forms, nothing above U+10FFFF. */
#ifndef BASE_UTF8_H
#define BASE_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Length in bytes (1..4) of the character at `s` and its code point in *cp; 0 when `s` does not begin with a complete
 * character of at most `size` bytes. */
size_t utf8_decode(const char *s, size_t size, uint32_t *cp);
/* Writes 1..4 bytes and returns their number. `cp` is a valid scalar value. */
size_t utf8_encode(uint32_t cp, char *out);
bool utf8_valid(const char *s, size_t size);
/* Number of bytes at the end of `s` (0..3) that begin a character which more bytes could still complete. */
size_t utf8_incomplete_tail(const char *s, size_t size);

#endif
