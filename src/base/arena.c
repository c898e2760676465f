#include "base/arena.h"

#include <stdlib.h>
#include <string.h>

enum { ALIGNMENT = 64, BLOCK_BYTES = 1 << 16 };

struct arena_block {
    arena_block *next;
    size_t used, capacity;
};
/* The data of a block begins one alignment unit after its header. */
_Static_assert(sizeof(arena_block) <= ALIGNMENT, "block header fits its slot");

static unsigned char *block_data(arena_block *b) { return (unsigned char *)b + ALIGNMENT; }

void *arena_alloc(arena *a, size_t size)
{
    if (size > SIZE_MAX - 2 * ALIGNMENT) return NULL;
    size_t rounded = size ? (size + ALIGNMENT - 1) & ~(size_t)(ALIGNMENT - 1) : ALIGNMENT;
    if (a->limit_bytes && (rounded > a->limit_bytes || a->used_bytes > a->limit_bytes - rounded)) return NULL;
    arena_block *b = a->head;
    if (!b || b->capacity - b->used < rounded) {
        size_t capacity = rounded > BLOCK_BYTES ? rounded : BLOCK_BYTES;
        b = aligned_alloc(ALIGNMENT, ALIGNMENT + capacity);
        if (!b) return NULL;
        b->used = 0;
        b->capacity = capacity;
        /* A block made for one large request goes behind the current one, whose free space stays in use. */
        if (a->head && capacity == rounded) {
            b->next = a->head->next;
            a->head->next = b;
        } else {
            b->next = a->head;
            a->head = b;
        }
    }
    void *p = block_data(b) + b->used;
    b->used += rounded;
    a->used_bytes += rounded;
    return memset(p, 0, rounded);
}

void *arena_array(arena *a, size_t n, size_t size)
{
    size_t total;
    return size_mul_overflow(n, size, &total) ? NULL : arena_alloc(a, total);
}

char *arena_string(arena *a, const char *bytes, size_t size)
{
    char *s = size < SIZE_MAX ? arena_alloc(a, size + 1) : NULL;
    if (s && size) memcpy(s, bytes, size);
    return s;
}

void arena_free(arena *a)
{
    for (arena_block *b = a->head, *next; b; b = next) {
        next = b->next;
        free(b);
    }
    a->head = NULL;
    a->used_bytes = 0;
}
