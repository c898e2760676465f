/* JSON: a strict parser (RFC 8259) into an arena, and a writer. */
#ifndef BASE_JSON_H
#define BASE_JSON_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/error.h"

typedef enum json_type { JSON_NULL, JSON_BOOL, JSON_NUMBER, JSON_STRING, JSON_ARRAY, JSON_OBJECT } json_type;

typedef struct json json;
struct json {
    json_type type;
    const char *key; /* in an object: the member's name (UTF-8, terminated; may hold NUL bytes: see key_size) */
    size_t key_size;
    union {
        bool boolean;
        double number;
        struct {
            const char *bytes; /* unescaped UTF-8, terminated */
            size_t size;
        } string;
        struct {
            json *first; /* children in order, linked by `next` */
            size_t count;
        } list;
    } u;
    json *next;
};

/* Parses the whole text (trailing white space allowed, anything else is an error). Depth is limited to 64.
 * Strings must be valid UTF-8; lone surrogate escapes become U+FFFD. Of members with the same name the last counts.
 * Errors: FORMAT with the byte offset, MEMORY. */
galago_status json_parse(arena *a, const char *text, size_t size, const json **out, error *e);

/* Member of an object; NULL when `v` is NULL, not an object, or has none of that name. */
const json *json_get(const json *v, const char *key);
/* Typed reads with a default for a missing member, null, or another type. */
double json_number(const json *v, double otherwise);
bool json_bool(const json *v, bool otherwise);
const char *json_string(const json *v, const char *otherwise);
/* An integer 0..max. False when v is missing or is not one. */
bool json_u64(const json *v, uint64_t max, uint64_t *out);

/* Appends `size` bytes as a JSON string with quotes; bytes that are not UTF-8 become U+FFFD. */
void json_write_string(buf *b, const char *bytes, size_t size);
/* Appends a number: integers plainly, others with 9 significant digits; NaN and infinities as null. */
void json_write_number(buf *b, double v);

#endif
