/* Both Qwen regular expressions as one hand-written matcher. Alternatives in order:
 *     (?i:'s|'t|'re|'ve|'m|'ll|'d)  |  [^\r\n\p{L}\p{N}]?W+  |  \p{N}  |   ?[^\s W \p{N}]+[\r\n]*  |
 * \s*[\r\n]+ |  \s+(?!\S)  |  \s+           with W = \p{L} (qwen2) or [\p{L}\p{M}] (qwen35) */
#include "text/pretokenize.h"

#include "base/utf8.h"
#include "text/unicode.h"

const char *pretokenizer_regex(pretokenizer pre)
{
    return pre == PRETOKENIZER_QWEN35 ? "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?[\\p{L}\\p{M}]+|"
                                        "\\p{N}| ?[^\\s\\p{L}\\p{M}\\p{N}]+[\\r\\n]*"
                                        "|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+"
                                      : "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}| "
                                        "?[^\\s\\p{L}\\p{N}]+[\\r\\n]*"
                                        "|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";
}

/* What a character is to the matcher. */
typedef enum kind { PUNCT, WORD, NUMBER, SPACE, NEWLINE, END } kind;

typedef struct cursor {
    const char *s;
    size_t size;
    pretokenizer pre;
} cursor;

/* Kind of the character at `at` and its length in *n (0 at the end). */
static kind look(const cursor *c, size_t at, size_t *n)
{
    *n = 0;
    if (at >= c->size) return END;
    unsigned char b = (unsigned char)c->s[at];
    *n = 1;
    if (b < 0x80) {
        if ((b | 32) >= 'a' && (b | 32) <= 'z') return WORD;
        if (b == ' ' || b == '\t' || b == '\v' || b == '\f') return SPACE;
        if (b >= '0' && b <= '9') return NUMBER;
        return b == '\n' || b == '\r' ? NEWLINE : PUNCT;
    }
    uint32_t cp = 0xfffd;
    size_t k = utf8_decode(c->s + at, c->size - at, &cp);
    if (k) *n = k;
    switch (unicode_class_of(cp)) {
    case UNICODE_LETTER: return WORD;
    case UNICODE_MARK: return c->pre == PRETOKENIZER_QWEN35 ? WORD : PUNCT;
    case UNICODE_NUMBER: return NUMBER;
    case UNICODE_SPACE: return SPACE;
    case UNICODE_OTHER: break;
    }
    return PUNCT;
}

/* Bytes of the contraction at `at`, 0 when there is none. */
static size_t contraction(const cursor *c, size_t at)
{
    if (c->s[at] != '\'' || c->size - at < 2) return 0;
    char a = (char)(c->s[at + 1] | 32);
    if (a == 's' || a == 't' || a == 'm' || a == 'd') return 2;
    if (c->size - at < 3) return 0;
    char b = (char)(c->s[at + 2] | 32);
    return (a == 'r' && b == 'e') || (a == 'v' && b == 'e') || (a == 'l' && b == 'l') ? 3 : 0;
}

/* End of the run of `k` from `at`. */
static size_t run_of(const cursor *c, kind k, size_t at)
{
    for (size_t n; look(c, at, &n) == k;) at += n;
    return at;
}

static size_t white_space(const cursor *c, size_t at)
{
    size_t end = at, last = at, newline = at, n;
    for (kind k; (k = look(c, end, &n)) == SPACE || k == NEWLINE;) {
        last = end;
        end += n;
        if (k == NEWLINE) newline = end;
    }
    if (newline > at) return newline;             /* \s*[\r\n]+ */
    if (end == c->size || last == at) return end; /* to the end of the text, or a single one */
    return last;                                  /* the last one goes with the next piece */
}

size_t pretokenize_next(pretokenizer pre, const char *s, size_t size, size_t at)
{
    const cursor c = {s, size, pre};
    size_t n, n2;
    if ((n = contraction(&c, at))) return at + n;
    kind k = look(&c, at, &n);
    if (k == WORD) return run_of(&c, WORD, at + n);
    if (k == NUMBER) return at + n;
    kind next = look(&c, at + n, &n2);
    if (k != NEWLINE && next == WORD) return run_of(&c, WORD, at + n + n2);
    if (k == PUNCT || (s[at] == ' ' && next == PUNCT)) return run_of(&c, NEWLINE, run_of(&c, PUNCT, at + n));
    return white_space(&c, at);
}
