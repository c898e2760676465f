/* Categories by lookup; NFC as in Unicode Standard Annex 15: decompose, order marks by class, compose. */
#include "text/unicode.h"

#include "base/utf8.h"
#include "text/unicode_tables.h"

#include <stdlib.h>
#include <string.h>

enum { MAX_STEPS = 4, MAX_RANKS = 128 };
/* Hangul syllables are arithmetic (Unicode Standard, section 3.12). */
enum {
    L_BASE = 0x1100,
    V_BASE = 0x1161,
    T_BASE = 0x11a7,
    S_BASE = 0xac00,
    L_COUNT = 19,
    V_COUNT = 21,
    T_COUNT = 28
};
enum { S_COUNT = L_COUNT * V_COUNT * T_COUNT };

static uint32_t properties(uint32_t cp)
{
    size_t block = cp >> 8;
    if (block + 1 >= unicode_n_blocks) block = unicode_n_blocks - 1;
    size_t low = unicode_blocks[block];
    size_t high = block + 1 < unicode_n_blocks ? unicode_blocks[block + 1] + 1u : unicode_n_ranges;
    while (high - low > 1) {
        size_t mid = low + (high - low) / 2;
        if (unicode_ranges[mid] >> 11 <= cp)
            low = mid;
        else
            high = mid;
    }
    return unicode_ranges[low];
}
static unsigned rank_of(uint32_t cp) { return properties(cp) >> 3 & 127; }

unicode_class unicode_class_of(uint32_t cp) { return (unicode_class)(properties(cp) & 7); }

bool unicode_is_nfc(const char *s, size_t size)
{
    unsigned before = 0;
    for (size_t i = 0; i < size;) {
        if ((unsigned char)s[i] <
            0xcc) { /* below U+0300: all starters, all in NFC, none combines backwards */
            i += (unsigned char)s[i] < 0x80 ? 1 : 2;
            before = 0;
            continue;
        }
        uint32_t cp = 0;
        i += utf8_decode(s + i, size - i, &cp);
        uint32_t p = properties(cp);
        unsigned rank = p >> 3 & 127;
        if (p & 1024 || (rank && rank < before)) return false;
        before = rank;
    }
    return true;
}

static const unicode_pair *pair_of(uint32_t cp)
{
    size_t low = 0, high = unicode_n_pairs;
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        if (unicode_pairs[mid].composite == cp) return &unicode_pairs[mid];
        if (unicode_pairs[mid].composite < cp)
            low = mid + 1;
        else
            high = mid;
    }
    return NULL;
}

/* Writes the full decomposition (1..MAX_STEPS code points) and returns its length. */
static size_t decompose(uint32_t cp, uint32_t out[MAX_STEPS])
{
    if (cp < 0xc0) return out[0] = cp, 1;
    if (cp - S_BASE < S_COUNT) {
        uint32_t s = cp - S_BASE;
        out[0] = L_BASE + s / (V_COUNT * T_COUNT);
        out[1] = V_BASE + s % (V_COUNT * T_COUNT) / T_COUNT;
        out[2] = T_BASE + s % T_COUNT;
        return s % T_COUNT ? 3 : 2;
    }
    /* Steps peel code points off the end, which are final (the generator sees to that); what is in front goes
     * on. */
    uint32_t tail[MAX_STEPS];
    size_t n = 0, n_tail = 0;
    for (;;) {
        const unicode_pair *p = pair_of(cp);
        if (!p) break;
        if (p->second && n_tail < MAX_STEPS - 1) tail[n_tail++] = p->second;
        cp = p->first;
    }
    out[n++] = cp;
    while (n_tail) out[n++] = tail[--n_tail];
    return n;
}

/* The composite of two code points, 0 when there is none. */
static uint32_t compose(uint32_t a, uint32_t b)
{
    if (a - L_BASE < L_COUNT && b - V_BASE < V_COUNT)
        return S_BASE + ((a - L_BASE) * V_COUNT + (b - V_BASE)) * T_COUNT;
    if (a - S_BASE < S_COUNT && (a - S_BASE) % T_COUNT == 0 && b - T_BASE - 1 < T_COUNT - 1)
        return a + (b - T_BASE);
    size_t low = 0, high = unicode_n_compositions;
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        const unicode_pair *p = &unicode_pairs[unicode_compositions[mid]];
        if (p->first == a && p->second == b) return p->composite;
        if (p->first < a || (p->first == a && p->second < b))
            low = mid + 1;
        else
            high = mid;
    }
    return 0;
}

/* Stable order of n marks by class. Short runs by insertion; long ones (hostile texts) by counting, which is
 * linear. */
static void order_marks(uint32_t *marks, uint32_t *room, size_t n)
{
    if (n <= 16) {
        for (size_t i = 1; i < n; i++) {
            uint32_t m = marks[i];
            unsigned r = rank_of(m);
            size_t j = i;
            for (; j && rank_of(marks[j - 1]) > r; j--) marks[j] = marks[j - 1];
            marks[j] = m;
        }
        return;
    }
    size_t start[MAX_RANKS + 1] = {0};
    for (size_t i = 0; i < n; i++) start[rank_of(marks[i]) + 1]++;
    for (size_t r = 1; r <= MAX_RANKS; r++) start[r] += start[r - 1];
    for (size_t i = 0; i < n; i++) room[start[rank_of(marks[i])]++] = marks[i];
    memcpy(marks, room, n * sizeof *marks);
}

/* Composes in place and returns the new length. A mark joins the last starter unless one of its own class or
 * a higher one stands between. */
static size_t compose_all(uint32_t *c, size_t n)
{
    size_t out = 0, starter = SIZE_MAX;
    unsigned between = 0; /* class of the last code point kept behind the starter; 0 = none */
    for (size_t i = 0; i < n; i++) {
        unsigned r = rank_of(c[i]);
        if (starter != SIZE_MAX && (out == starter + 1 || between < r)) {
            uint32_t joined = compose(c[starter], c[i]);
            if (joined) {
                c[starter] = joined;
                continue;
            }
        }
        if (!r) starter = out;
        between = r;
        c[out++] = c[i];
    }
    return out;
}

bool unicode_nfc(const char *s, size_t size, buf *out)
{
    /* A code point of k bytes decomposes into at most MAX_STEPS, but never into more than 3 for each 2 bytes.
     */
    size_t limit;
    if (__builtin_mul_overflow(size, 2 * sizeof(uint32_t), &limit)) return false;
    uint32_t *c = malloc(limit + MAX_STEPS * sizeof *c), *room = NULL;
    if (!c) return false;
    size_t n = 0, longest = 0;
    for (size_t i = 0, run = 0; i < size;) {
        uint32_t cp = 0;
        i += utf8_decode(s + i, size - i, &cp);
        size_t k = decompose(cp, c + n);
        for (size_t j = n; j < n + k; j++) {
            run = rank_of(c[j]) ? run + 1 : 0;
            if (run > longest) longest = run;
        }
        n += k;
    }
    bool ok = longest <= 16 || (room = malloc(longest * sizeof *room)) != NULL;
    if (ok) {
        for (size_t i = 0; i < n;) {
            size_t begin = i;
            while (i < n && rank_of(c[i])) i++;
            if (i - begin > 1) order_marks(c + begin, room, i - begin);
            while (i < n && !rank_of(c[i])) i++;
        }
        n = compose_all(c, n);
        for (size_t i = 0; i < n && ok; i++) {
            ok = buf_reserve(out, 4);
            if (ok) out->size += utf8_encode(c[i], out->data + out->size);
        }
        if (ok && out->data) out->data[out->size] = 0;
    }
    free(room);
    free(c);
    return ok;
}
