#include "base/utf8.h"

/* Bytes that a character with this lead byte has; 0 for a byte that cannot lead. */
static size_t char_size(unsigned char lead)
{
    return lead < 0x80 ? 1 : lead < 0xc2 ? 0 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : lead < 0xf5 ? 4 : 0;
}

/* Whether `c` may follow at index i (1..3) of a character with this lead byte (Unicode table 3-7). */
static bool may_follow(unsigned char lead, size_t i, unsigned char c)
{
    unsigned char low = 0x80, high = 0xbf;
    if (i == 1) {
        if (lead == 0xe0) low = 0xa0;
        if (lead == 0xed) high = 0x9f;
        if (lead == 0xf0) low = 0x90;
        if (lead == 0xf4) high = 0x8f;
    }
    return c >= low && c <= high;
}

size_t utf8_decode(const char *s, size_t size, uint32_t *cp)
{
    if (!size) return 0;
    unsigned char lead = (unsigned char)s[0];
    size_t n = char_size(lead);
    if (n == 0 || n > size) return 0;
    uint32_t v = n == 1 ? lead : lead & (0x7fu >> n);
    for (size_t i = 1; i < n; i++) {
        unsigned char c = (unsigned char)s[i];
        if (!may_follow(lead, i, c)) return 0;
        v = v << 6 | (c & 0x3f);
    }
    *cp = v;
    return n;
}

size_t utf8_encode(uint32_t cp, char *out)
{
    if (cp < 0x80) {
        out[0] = (char)cp;
        return 1;
    }
    size_t n = cp < 0x800 ? 2 : cp < 0x10000 ? 3 : 4;
    for (size_t i = n; i-- > 1; cp >>= 6) out[i] = (char)(0x80 | (cp & 0x3f));
    static const unsigned char lead[] = {0, 0, 0xc0, 0xe0, 0xf0};
    out[0] = (char)(lead[n] | cp);
    return n;
}

bool utf8_valid(const char *s, size_t size)
{
    uint32_t cp;
    for (size_t i = 0, n; i < size; i += n) {
        n = (unsigned char)s[i] < 0x80 ? 1 : utf8_decode(s + i, size - i, &cp);
        if (!n) return false;
    }
    return true;
}

size_t utf8_incomplete_tail(const char *s, size_t size)
{
    for (size_t back = 1; back <= 3 && back <= size; back++) {
        unsigned char lead = (unsigned char)s[size - back];
        size_t n = char_size(lead);
        if (n <= 1) {
            if (n == 1 || lead >= 0xc0) return 0; /* ASCII, or a byte that never leads */
            continue;                             /* a continuation byte: look further left */
        }
        if (n <= back) return 0; /* complete */
        for (size_t i = 1; i < back; i++)
            if (!may_follow(lead, i, (unsigned char)s[size - back + i])) return 0;
        return back;
    }
    return 0;
}
