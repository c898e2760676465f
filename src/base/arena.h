/* An arena: memory that is given out in order and freed at once. Three lifetimes use one each: model, context, step. */
#ifndef BASE_ARENA_H
#define BASE_ARENA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct arena_block arena_block;
typedef struct arena {
    arena_block *head;
    size_t used_bytes;  /* given out since the last reset */
    size_t limit_bytes; /* 0 = none; arena_alloc returns NULL beyond it */
} arena;

/* `size` zeroed bytes aligned to 64 (so that SIMD loads of any width are aligned), NULL when memory or the limit is
 * exhausted. Size 0 gives a valid pointer. */
void *arena_alloc(arena *a, size_t size);
/* n * size with an overflow check. */
void *arena_array(arena *a, size_t n, size_t size);
/* A terminated copy of size bytes. */
char *arena_string(arena *a, const char *bytes, size_t size);
/* Frees everything. The arena is empty and usable afterwards. */
void arena_free(arena *a);

/* Products and sums of sizes that come from files. True = did not fit. */
static inline bool size_mul_overflow(size_t a, size_t b, size_t *out) { return __builtin_mul_overflow(a, b, out); }
static inline bool size_add_overflow(size_t a, size_t b, size_t *out) { return __builtin_add_overflow(a, b, out); }

#endif
