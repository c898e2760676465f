/* Bytes of tokens to whole characters. */
#include "text/tokenizer.h"

#include "base/utf8.h"

#include <string.h>

static const char REPLACEMENT[] = "\xef\xbf\xbd";

/* Length (1..3) of the beginning of `s` that one U+FFFD stands for: the longest part that could have begun a
 * character, as decoders of the web and of Rust and Python count them. s does not begin with a whole
 * character. */
static size_t broken_part(const char *s, size_t size)
{
    size_t n = size < 3 ? size : 3;
    while (n > 1 && utf8_incomplete_tail(s, n) != n) n--;
    return n;
}

void text_stream_push(text_stream *s, const char *bytes, size_t size, buf *out)
{
    char joined[8];
    size_t n_joined = 0, taken = 0;
    /* Held bytes with what follows them, until they are settled; then the rest directly. */
    while (s->n_held && taken < size) {
        memcpy(joined, s->held, s->n_held);
        joined[s->n_held] = bytes[taken++];
        n_joined = s->n_held + 1;
        s->n_held = 0;
        uint32_t cp;
        if (utf8_decode(joined, n_joined, &cp)) {
            buf_append(out, joined, n_joined);
        } else if (utf8_incomplete_tail(joined, n_joined) == n_joined) {
            memcpy(s->held, joined, n_joined);
            s->n_held = n_joined;
        } else { /* the held bytes are lost; the new one begins afresh */
            buf_str(out, REPLACEMENT);
            taken--;
        }
    }
    for (size_t i = taken, n; i < size; i += n) {
        uint32_t cp;
        size_t run = i;
        while (run < size && (n = utf8_decode(bytes + run, size - run, &cp))) run += n;
        if (run > i) {
            buf_append(out, bytes + i, run - i);
            n = run - i;
            continue;
        }
        n = broken_part(bytes + i, size - i);
        if (n == size - i && utf8_incomplete_tail(bytes + i, n) == n) {
            memcpy(s->held, bytes + i, n);
            s->n_held = n;
            return;
        }
        buf_str(out, REPLACEMENT);
    }
}

void text_stream_flush(text_stream *s, buf *out)
{
    if (s->n_held) buf_str(out, REPLACEMENT);
    s->n_held = 0;
}
