/* A growing byte buffer. A failed allocation is remembered (`failed`) and checked once at the end of the work. */
#ifndef BASE_BUF_H
#define BASE_BUF_H

#include <stdbool.h>
#include <stddef.h>

typedef struct buf {
    char *data; /* terminated when not NULL */
    size_t size, capacity;
    bool failed;
} buf;

void buf_append(buf *b, const void *bytes, size_t size);
void buf_str(buf *b, const char *s);
void buf_printf(buf *b, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Makes room for `size` more bytes; false (and `failed`) when there is no memory. */
bool buf_reserve(buf *b, size_t size);
void buf_free(buf *b);

#endif
