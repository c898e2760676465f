#define _GNU_SOURCE
#include "base/filemap.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

galago_status filemap_open(const char *path, filemap *out, error *e)
{
    *out = (filemap){0};
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return fail(e, GALAGO_ERR_IO, "%s: cannot be opened: %s", path, strerror(errno));
    struct stat st;
    galago_status s = GALAGO_OK;
    if (fstat(fd, &st) != 0) {
        s = fail(e, GALAGO_ERR_IO, "%s: cannot be read: %s", path, strerror(errno));
    } else if (!S_ISREG(st.st_mode)) {
        s = fail(e, GALAGO_ERR_IO, "%s: is not a regular file", path);
    } else if (st.st_size > 0) {
        void *p = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
        if (p == MAP_FAILED)
            s = fail(e, GALAGO_ERR_IO, "%s: cannot be mapped: %s", path, strerror(errno));
        else
            *out = (filemap){p, (size_t)st.st_size};
    }
    close(fd);
    return s;
}

void filemap_release(const filemap *f, size_t offset, size_t size)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    size_t begin = (offset + page - 1) & ~(page - 1), end = (offset + size) & ~(page - 1);
    if (f->data && end > begin && end <= f->size) madvise((void *)(f->data + begin), end - begin, MADV_DONTNEED);
}

void filemap_close(filemap *f)
{
    if (f->data) munmap((void *)f->data, f->size);
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
