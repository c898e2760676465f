/* Anonymous memory, which is all that the CPU backend asks of mmap(): zeroed and aligned to 64 bytes. (memory.c) */
#ifndef WASM_SYS_MMAN_H
#define WASM_SYS_MMAN_H

#include <stddef.h>
#include <sys/types.h>

enum { PROT_READ = 1, PROT_WRITE = 2, MAP_PRIVATE = 2, MAP_ANONYMOUS = 32, MADV_HUGEPAGE = 14 };
#define MAP_FAILED ((void *)-1)

void *mmap(void *at, size_t size, int protection, int flags, int fd, off_t offset);
int munmap(void *p, size_t size);
static inline int madvise(void *p, size_t size, int advice) { (void)p, (void)size, (void)advice; return 0; }

#endif
