/* The heap: the C library's, with a count of what is in use, which shows whether an engine that runs for days grows. */
#include "wasm/memory.h"

#include <malloc.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

static size_t used;

size_t memory_used(void) { return used; }

/* The linker gives the plain names to the wrappers (--wrap), and the library's functions the names with __real_. */
void *__real_malloc(size_t size);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *p, size_t size);
void *__real_aligned_alloc(size_t alignment, size_t size);
void __real_free(void *p);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *p, size_t size);
void *__wrap_aligned_alloc(size_t alignment, size_t size);
void __wrap_free(void *p);

static void *count(void *p)
{
    if (p) used += malloc_usable_size(p);
    return p;
}

void *__wrap_malloc(size_t size) { return count(__real_malloc(size)); }
void *__wrap_calloc(size_t n, size_t size) { return count(__real_calloc(n, size)); }
void *__wrap_aligned_alloc(size_t alignment, size_t size) { return count(__real_aligned_alloc(alignment, size)); }

void *__wrap_realloc(void *p, size_t size)
{
    size_t before = p ? malloc_usable_size(p) : 0;
    void *moved = __real_realloc(p, size);
    if (moved) used -= before;
    return count(moved);
}

void __wrap_free(void *p)
{
    if (p) used -= malloc_usable_size(p);
    __real_free(p);
}

void *mmap(void *at, size_t size, int protection, int flags, int fd, off_t offset)
{
    (void)at, (void)protection, (void)flags, (void)fd, (void)offset;
    void *p = size <= SIZE_MAX - 63 ? aligned_alloc(64, (size + 63) & ~(size_t)63) : NULL;
    return p ? memset(p, 0, size) : MAP_FAILED;
}

int munmap(void *p, size_t size)
{
    (void)size;
    free(p);
    return 0;
}
