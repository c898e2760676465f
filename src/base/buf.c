#include "base/buf.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool buf_reserve(buf *b, size_t size)
{
    if (b->failed) return false;
    if (size < b->capacity - b->size) return true; /* strictly: one byte stays for the terminator */
    size_t want = b->size + size + 1;
    if (want < size) return b->failed = true, false;
    size_t capacity = b->capacity ? b->capacity : 64;
    while (capacity < want) capacity = capacity > SIZE_MAX / 2 ? want : capacity * 2;
    char *p = realloc(b->data, capacity);
    if (!p) return b->failed = true, false;
    b->data = p;
    b->capacity = capacity;
    return true;
}

void buf_append(buf *b, const void *bytes, size_t size)
{
    if (!buf_reserve(b, size)) return;
    if (size) memcpy(b->data + b->size, bytes, size);
    b->size += size;
    b->data[b->size] = 0;
}

void buf_str(buf *b, const char *s) { buf_append(b, s, strlen(s)); }

void buf_printf(buf *b, const char *format, ...)
{
    va_list ap, again;
    va_start(ap, format);
    va_copy(again, ap);
    int n = vsnprintf(NULL, 0, format, ap);
    va_end(ap);
    if (n >= 0 && buf_reserve(b, (size_t)n)) {
        vsnprintf(b->data + b->size, (size_t)n + 1, format, again);
        b->size += (size_t)n;
    }
    va_end(again);
}

void buf_free(buf *b)
{
    free(b->data);
    *b = (buf){0};
}
