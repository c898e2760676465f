#include "base/json.h"
#include "base/utf8.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_DEPTH = 64, ROOM_BYTES = 1 << 14 };

typedef struct parser {
    arena *a;
    char *room; /* rest of the latest block: a vocabulary has a million small values, too many for 64 bytes
                   each */
    size_t room_bytes;
    const char *begin, *p, *end;
    error *e;
    int depth;
} parser;

static galago_status bad(parser *s, const char *what)
{
    return fail(s->e, GALAGO_ERR_FORMAT, "JSON: %s at byte %zu", what, (size_t)(s->p - s->begin));
}

/* `size` zeroed bytes aligned to 8. */
static void *take_room(parser *s, size_t size)
{
    if (size > ROOM_BYTES / 4) return arena_alloc(s->a, size);
    size = (size + 7) & ~(size_t)7;
    if (size > s->room_bytes) {
        s->room = arena_alloc(s->a, ROOM_BYTES);
        s->room_bytes = s->room ? ROOM_BYTES : 0;
        if (!s->room) return NULL;
    }
    void *p = s->room;
    s->room += size;
    s->room_bytes -= size;
    return p;
}

static void skip_space(parser *s)
{
    while (s->p < s->end && (*s->p == ' ' || *s->p == '\t' || *s->p == '\n' || *s->p == '\r')) s->p++;
}

static bool take(parser *s, const char *word)
{
    size_t n = strlen(word);
    if ((size_t)(s->end - s->p) < n || memcmp(s->p, word, n) != 0) return false;
    s->p += n;
    return true;
}

static int hex4(parser *s)
{
    if (s->end - s->p < 4) return -1;
    int v = 0;
    for (int i = 0; i < 4; i++) {
        char c = s->p[i];
        int d = c >= '0' && c <= '9'   ? c - '0'
                : c >= 'a' && c <= 'f' ? c - 'a' + 10
                : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                       : -1;
        if (d < 0) return -1;
        v = v * 16 + d;
    }
    s->p += 4;
    return v;
}

/* s->p is behind the opening quote. The unescaped text is never longer than the escaped one. */
static galago_status parse_string(parser *s, const char **bytes, size_t *size)
{
    const char *q = s->p;
    while (q < s->end && *q != '"') q += *q == '\\' && q + 1 < s->end ? 2 : 1;
    if (q >= s->end) return bad(s, "string without an end");
    size_t raw = (size_t)(q - s->p);
    if (!utf8_valid(s->p, raw)) return bad(s, "string is not UTF-8");
    char *out = take_room(s, raw + 1), *o = out;
    if (!out) return fail(s->e, GALAGO_ERR_MEMORY, "JSON: not enough memory");
    while (*s->p != '"') {
        unsigned char c = (unsigned char)*s->p;
        if (c < 0x20) return bad(s, "control character in a string");
        if (c != '\\') {
            *o++ = *s->p++;
            continue;
        }
        s->p++;
        char esc = *s->p++;
        switch (esc) {
        case '"':
        case '\\':
        case '/': *o++ = esc; break;
        case 'b': *o++ = '\b'; break;
        case 'f': *o++ = '\f'; break;
        case 'n': *o++ = '\n'; break;
        case 'r': *o++ = '\r'; break;
        case 't': *o++ = '\t'; break;
        case 'u': {
            int u = hex4(s);
            if (u < 0) return bad(s, "bad \\u escape");
            uint32_t cp = (uint32_t)u;
            if (cp >= 0xd800 && cp < 0xdc00 && s->end - s->p >= 6 && s->p[0] == '\\' && s->p[1] == 'u') {
                const char *before = s->p;
                s->p += 2;
                int low = hex4(s);
                if (low >= 0xdc00 && low < 0xe000)
                    cp = 0x10000 + ((cp - 0xd800) << 10) + ((uint32_t)low - 0xdc00);
                else
                    s->p = before; /* not a pair: the second escape is read by itself */
            }
            if (cp >= 0xd800 && cp < 0xe000) cp = 0xfffd;
            o += utf8_encode(cp, o);
            break;
        }
        default: s->p--; return bad(s, "unknown escape in a string");
        }
    }
    s->p++;
    *bytes = out;
    *size = (size_t)(o - out);
    *o = 0;
    return GALAGO_OK;
}

static galago_status parse_number(parser *s, double *out)
{
    const char *b = s->p, *q = b;
    if (q < s->end && *q == '-') q++;
    if (q >= s->end || *q < '0' || *q > '9') return bad(s, "unexpected character");
    if (*q == '0')
        q++;
    else
        while (q < s->end && *q >= '0' && *q <= '9') q++;
    if (q < s->end && *q == '.') {
        const char *digits = ++q;
        while (q < s->end && *q >= '0' && *q <= '9') q++;
        if (q == digits) return bad(s, "number without digits after the point");
    }
    if (q < s->end && (*q == 'e' || *q == 'E')) {
        q++;
        if (q < s->end && (*q == '+' || *q == '-')) q++;
        const char *digits = q;
        while (q < s->end && *q >= '0' && *q <= '9') q++;
        if (q == digits) return bad(s, "number without an exponent");
    }
    /* strtod needs a terminator, which a mapped file has not, and its decimal point is the locale's: the
     * digits go to it without the point, which moves into the exponent. */
    char text[96], *t = text;
    if (q - b > 63) return bad(s, "number of more than 63 characters");
    long exponent = 0;
    bool behind_point = false;
    const char *c = b;
    for (; c < q && *c != 'e' && *c != 'E'; c++) {
        if (*c == '.')
            behind_point = true;
        else
            *t++ = *c;
        if (*c != '.' && behind_point) exponent--;
    }
    if (c < q) {
        bool negative = *++c == '-';
        if (*c == '-' || *c == '+') c++;
        long value = 0;
        for (; c < q; c++) value = value > 99999 ? value : value * 10 + (*c - '0');
        exponent += negative ? -value : value;
    }
    snprintf(t, sizeof text - (size_t)(t - text), "e%ld", exponent);
    *out = strtod(text, NULL);
    s->p = q;
    return GALAGO_OK;
}

static galago_status parse_value(parser *s, json *v);

static galago_status parse_list(parser *s, json *v, bool is_object)
{
    char close = is_object ? '}' : ']';
    v->type = is_object ? JSON_OBJECT : JSON_ARRAY;
    if (++s->depth > MAX_DEPTH) return bad(s, "nested too deeply");
    s->p++;
    skip_space(s);
    json **tail = &v->u.list.first;
    if (s->p < s->end && *s->p == close) {
        s->p++;
        s->depth--;
        return GALAGO_OK;
    }
    for (;;) {
        json *child = take_room(s, sizeof *child);
        if (!child) return fail(s->e, GALAGO_ERR_MEMORY, "JSON: not enough memory");
        galago_status st;
        if (is_object) {
            skip_space(s);
            if (s->p >= s->end || *s->p != '"') return bad(s, "a member's name expected");
            s->p++;
            if ((st = parse_string(s, &child->key, &child->key_size))) return st;
            skip_space(s);
            if (s->p >= s->end || *s->p != ':') return bad(s, "':' expected");
            s->p++;
        }
        if ((st = parse_value(s, child))) return st;
        *tail = child;
        tail = &child->next;
        v->u.list.count++;
        skip_space(s);
        if (s->p < s->end && *s->p == ',') {
            s->p++;
            continue;
        }
        if (s->p < s->end && *s->p == close) break;
        return bad(s, is_object ? "',' or '}' expected" : "',' or ']' expected");
    }
    s->p++;
    s->depth--;
    return GALAGO_OK;
}

static galago_status parse_value(parser *s, json *v)
{
    skip_space(s);
    if (s->p >= s->end) return bad(s, "text ends where a value is expected");
    switch (*s->p) {
    case '{': return parse_list(s, v, true);
    case '[': return parse_list(s, v, false);
    case '"':
        v->type = JSON_STRING;
        s->p++;
        return parse_string(s, &v->u.string.bytes, &v->u.string.size);
    case 't':
    case 'f':
        v->type = JSON_BOOL;
        v->u.boolean = *s->p == 't';
        return take(s, v->u.boolean ? "true" : "false") ? GALAGO_OK : bad(s, "unknown word");
    case 'n': return take(s, "null") ? GALAGO_OK : bad(s, "unknown word");
    default: v->type = JSON_NUMBER; return parse_number(s, &v->u.number);
    }
}

galago_status json_parse(arena *a, const char *text, size_t size, const json **out, error *e)
{
    *out = NULL;
    parser s = {.a = a, .begin = text, .p = text, .end = text + size, .e = e};
    json *root = take_room(&s, sizeof *root);
    if (!root) return fail(e, GALAGO_ERR_MEMORY, "JSON: not enough memory");
    galago_status st = parse_value(&s, root);
    if (st) return st;
    skip_space(&s);
    if (s.p < s.end) return bad(&s, "something after the end");
    *out = root;
    return GALAGO_OK;
}

const json *json_get(const json *v, const char *key)
{
    const json *found = NULL;
    size_t n = strlen(key);
    if (v && v->type == JSON_OBJECT)
        for (const json *c = v->u.list.first; c; c = c->next)
            if (c->key_size == n && memcmp(c->key, key, n) == 0) found = c;
    return found;
}

double json_number(const json *v, double otherwise)
{
    return v && v->type == JSON_NUMBER ? v->u.number : otherwise;
}
bool json_bool(const json *v, bool otherwise) { return v && v->type == JSON_BOOL ? v->u.boolean : otherwise; }
const char *json_string(const json *v, const char *otherwise)
{
    return v && v->type == JSON_STRING ? v->u.string.bytes : otherwise;
}

bool json_u64(const json *v, uint64_t max, uint64_t *out)
{
    if (!v || v->type != JSON_NUMBER || !(v->u.number >= 0) || v->u.number > 9007199254740992.0) return false;
    uint64_t n = (uint64_t)v->u.number;
    if ((double)n != v->u.number || n > max) return false;
    *out = n;
    return true;
}

void json_write_string(buf *b, const char *bytes, size_t size)
{
    buf_append(b, "\"", 1);
    for (size_t i = 0; i < size;) {
        unsigned char c = (unsigned char)bytes[i];
        uint32_t cp;
        size_t n = utf8_decode(bytes + i, size - i, &cp);
        if (c == '"' || c == '\\')
            buf_printf(b, "\\%c", c);
        else if (c == '\n')
            buf_str(b, "\\n");
        else if (c == '\t')
            buf_str(b, "\\t");
        else if (c == '\r')
            buf_str(b, "\\r");
        else if (c < 0x20 || c == 0x7f)
            buf_printf(b, "\\u%04x", c);
        else if (n)
            buf_append(b, bytes + i, n);
        else
            buf_str(b, "\xef\xbf\xbd");
        i += n ? n : 1;
    }
    buf_append(b, "\"", 1);
}

void json_write_number(buf *b, double v)
{
    if (!isfinite(v)) {
        buf_str(b, "null");
    } else if (fabs(v) < 1e15 && v == (double)(long long)v) {
        buf_printf(b, "%lld", (long long)v);
    } else {
        char text[32];
        snprintf(text, sizeof text, "%.9g", v);
        for (char *c = text; *c; c++) /* the only other character is the locale's decimal point */
            if (!strchr("0123456789+-e", *c)) *c = '.';
        buf_str(b, text);
    }
}
