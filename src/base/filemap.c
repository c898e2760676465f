#define _GNU_SOURCE
#include "base/filemap.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* Opens a regular file. On success *fd is the caller's. */
static galago_status open_regular(const char *path, int *fd, uint64_t *size, error *e)
{
    struct stat st;
    galago_status s;
    *fd = open(path, O_RDONLY | O_CLOEXEC);
    if (*fd < 0) return fail(e, GALAGO_ERR_IO, "%s: cannot be opened: %s", path, strerror(errno));
    if (fstat(*fd, &st) != 0) {
        s = fail(e, GALAGO_ERR_IO, "%s: cannot be read: %s", path, strerror(errno));
    } else if (!S_ISREG(st.st_mode)) {
        s = fail(e, GALAGO_ERR_IO, "%s: is not a regular file", path);
    } else {
        *size = (uint64_t)st.st_size;
        return GALAGO_OK;
    }
    close(*fd);
    return s;
}

galago_status filemap_open(const char *path, filemap *out, error *e)
{
    *out = (filemap){0};
    int fd;
    uint64_t size = 0;
    galago_status s = open_regular(path, &fd, &size, e);
    if (s) return s;
    if (size > 0) {
        void *p = size <= SIZE_MAX ? mmap(NULL, (size_t)size, PROT_READ, MAP_PRIVATE, fd, 0) : MAP_FAILED;
        if (p == MAP_FAILED)
            s = fail(e, GALAGO_ERR_IO, "%s: cannot be mapped: %s", path, strerror(errno));
        else
            *out = (filemap){p, size, (size_t)size, 0};
    }
    close(fd);
    return s;
}

galago_status filemap_open_pieces(const char *path, filemap *out, error *e)
{
    *out = (filemap){0};
    int fd;
    galago_status s = open_regular(path, &fd, &out->size, e);
    if (!s) out->handle = fd + 1;
    return s;
}

bool filemap_can_map(void) { return true; }

galago_status filemap_grow_head(filemap *f, size_t n, const char *path, error *e)
{
    if (n > f->size) n = (size_t)f->size;
    if (n <= f->head) return GALAGO_OK;
    uint8_t *p = realloc((void *)f->data, n);
    if (!p) return fail(e, GALAGO_ERR_MEMORY, "%s: not enough memory for its first %zu bytes", path, n);
    f->data = p;
    if (!filemap_read(f, f->head, n - f->head, p + f->head))
        return fail(e, GALAGO_ERR_IO, "%s: cannot be read: %s", path, errno ? strerror(errno) : "it has become shorter");
    f->head = n;
    return GALAGO_OK;
}

void filemap_shrink_head(filemap *f, size_t n)
{
    if (!f->handle || n >= f->head) return;
    uint8_t *p = n ? realloc((void *)f->data, n) : NULL;
    if (n && !p) return;
    if (!n) free((void *)f->data);
    f->data = p;
    f->head = n;
}

bool filemap_read(const filemap *f, uint64_t offset, size_t n, void *dst)
{
    if (!f->handle) {
        if (n) memcpy(dst, f->data + offset, n);
        return true;
    }
    for (size_t at = 0; at < n;) {
        errno = 0;
        ssize_t got = pread(f->handle - 1, (uint8_t *)dst + at, n - at, (off_t)(offset + at));
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) return false;
        at += (size_t)got;
    }
    return true;
}

void filemap_release(const filemap *f, size_t offset, size_t size)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    size_t begin = (offset + page - 1) & ~(page - 1), end = (offset + size) & ~(page - 1);
    if (f->handle || !f->data) return;
    if (end > begin && end <= f->size) madvise((void *)(f->data + begin), end - begin, MADV_DONTNEED);
}

void filemap_close(filemap *f)
{
    if (f->handle) {
        close(f->handle - 1);
        free((void *)f->data);
    } else if (f->data) {
        munmap((void *)f->data, (size_t)f->size);
    }
    *f = (filemap){0};
}

uint64_t memory_available(void)
{
    FILE *f = fopen("/proc/meminfo", "r");
    if (!f) return 0;
    char line[128];
    unsigned long long kib = 0;
    while (fgets(line, sizeof line, f))
        if (sscanf(line, "MemAvailable: %llu kB", &kib) == 1) break;
    fclose(f);
    return (uint64_t)kib * 1024;
}

uint64_t memory_peak(void)
{
    struct rusage u;
    return getrusage(RUSAGE_SELF, &u) == 0 ? (uint64_t)u.ru_maxrss * 1024 : 0;
}

double time_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec * 1e-6;
}
