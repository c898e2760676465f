/* Text to ids: cut at added tokens, normalise, cut into pieces, merge. */
#include "text/tokenizer_impl.h"

#include "base/utf8.h"
#include "text/pretokenize.h"
#include "text/unicode.h"

#include <stdlib.h>
#include <string.h>

void token_list_free(token_list *l)
{
    free(l->ids);
    *l = (token_list){0};
}

static bool token_list_reserve(token_list *l, size_t n)
{
    size_t want;
    if (size_add_overflow(l->count, n, &want)) return false;
    if (want <= l->capacity) return true;
    size_t capacity = l->capacity ? l->capacity : 64, bytes;
    while (capacity < want) capacity = capacity > SIZE_MAX / 2 ? want : capacity * 2;
    if (size_mul_overflow(capacity, sizeof *l->ids, &bytes)) return false;
    int32_t *ids = realloc(l->ids, bytes);
    if (!ids) return false;
    l->ids = ids;
    l->capacity = capacity;
    return true;
}

bool token_list_push(token_list *l, int32_t id)
{
    if (!token_list_reserve(l, 1)) return false;
    l->ids[l->count++] = id;
    return true;
}

/* Pieces seen earlier in the same text, by hash; a newer piece takes the place of an older one. Prose repeats
 * its words, and copying ids is several times faster than merging. */
enum { CACHE_SLOTS = 2048, CACHED_BYTES = 24, CACHED_IDS = 8, CACHE_FROM_BYTES = 512 };
typedef struct cached_piece {
    char bytes[CACHED_BYTES];
    uint8_t size, n_ids; /* size 0 = empty */
    int32_t ids[CACHED_IDS];
} cached_piece;

typedef struct encoder {
    const tokenizer *t;
    token_list *out;
    bpe_room room;
    cached_piece *cache; /* [CACHE_SLOTS], NULL for short texts */
    buf text, normal;    /* repaired and normalised text */
} encoder;

static bool merge_piece(encoder *c, const char *s, size_t size)
{
    if (!token_list_reserve(c->out, size)) return false;
    int32_t *ids = c->out->ids + c->out->count;
    for (size_t i = 0; i < size; i++) ids[i] = c->t->byte_ids[(unsigned char)s[i]];
    if (!bpe_merge(&c->t->merges, &c->room, ids, &size)) return false;
    c->out->count += size;
    return true;
}

static bool encode_piece(encoder *c, const char *s, size_t size)
{
    if (!c->cache || size < 2 || size > CACHED_BYTES) return merge_piece(c, s, size);
    uint64_t h = size;
    for (size_t i = 0; i < size; i++) h = (h ^ (unsigned char)s[i]) * 0x100000001b3u;
    cached_piece *p = &c->cache[(h ^ h >> 32) % CACHE_SLOTS];
    if (p->size == size && memcmp(p->bytes, s, size) == 0) {
        if (!token_list_reserve(c->out, p->n_ids)) return false;
        memcpy(c->out->ids + c->out->count, p->ids, p->n_ids * sizeof *p->ids);
        c->out->count += p->n_ids;
        return true;
    }
    size_t before = c->out->count;
    if (!merge_piece(c, s, size)) return false;
    size_t n = c->out->count - before;
    if (n <= CACHED_IDS) {
        memcpy(p->bytes, s, size);
        memcpy(p->ids, c->out->ids + before, n * sizeof *p->ids);
        p->size = (uint8_t)size;
        p->n_ids = (uint8_t)n;
    }
    return true;
}

/* Text without added tokens. */
static bool encode_plain(encoder *c, const char *s, size_t size)
{
    if (!utf8_valid(s, size)) {
        c->text.size = 0;
        for (size_t i = 0, n; i < size; i += n ? n : 1) {
            uint32_t cp;
            n = utf8_decode(s + i, size - i, &cp);
            if (n)
                buf_append(&c->text, s + i, n);
            else
                buf_str(&c->text, "\xef\xbf\xbd");
        }
        if (c->text.failed) return false;
        s = c->text.data;
        size = c->text.size;
    }
    if (!unicode_is_nfc(s, size)) {
        c->normal.size = 0;
        if (!unicode_nfc(s, size, &c->normal)) return false;
        s = c->normal.data;
        size = c->normal.size;
    }
    for (size_t at = 0; at < size;) {
        size_t end = pretokenize_next(c->t->pre, s, size, at);
        if (!encode_piece(c, s + at, end - at)) return false;
        at = end;
    }
    return true;
}

/* The longest added token at `s`, -1 when there is none; its size in *size. The sorted list is narrowed byte
 * by byte; an entry that ends at a depth sorts before all that go on. */
static int32_t added_at(const tokenizer *t, const char *s, size_t left, size_t *size)
{
    size_t low = t->added_first[(unsigned char)s[0]], high = t->added_first[(unsigned char)s[0] + 1];
    int32_t found = -1;
    for (size_t depth = 1; low < high; depth++) {
        const token *first = &t->tokens[t->added[low]];
        if (first->size == depth) {
            found = t->added[low++];
            *size = depth;
        }
        if (depth == left) break;
        unsigned char want = (unsigned char)s[depth];
        for (int side = 0; side < 2;
             side++) { /* low: first entry with byte >= want; high: first with byte > want */
            size_t a = low, b = high;
            while (a < b) {
                size_t mid = a + (b - a) / 2;
                unsigned char have = (unsigned char)t->bytes[t->tokens[t->added[mid]].begin + depth];
                if (have < want || (side && have == want))
                    a = mid + 1;
                else
                    b = mid;
            }
            if (side)
                high = a;
            else
                low = a;
        }
    }
    return found;
}

galago_status tokenizer_encode(const tokenizer *t, const char *text, size_t size, encode_mode mode,
                               token_list *out, error *e)
{
    if (!size) return GALAGO_OK;
    encoder c = {.t = t, .out = out};
    if (size >= CACHE_FROM_BYTES)
        c.cache = calloc(CACHE_SLOTS, sizeof *c.cache); /* without it: slower, not wrong */
    bool ok = true;
    size_t begin = 0, at = 0;
    while (mode == ENCODE_TRUSTED && ok && at < size) {
        size_t n;
        int32_t id = added_at(t, text + at, size - at, &n);
        if (id < 0) {
            at++;
            continue;
        }
        ok = encode_plain(&c, text + begin, at - begin) && token_list_push(out, id);
        begin = at += n;
    }
    ok = ok && encode_plain(&c, text + begin, size - begin);
    bpe_room_free(&c.room);
    buf_free(&c.text);
    buf_free(&c.normal);
    free(c.cache);
    return ok ? GALAGO_OK
              : fail(e, GALAGO_ERR_MEMORY, "tokenizer: not enough memory for %zu bytes of text", size);
}
