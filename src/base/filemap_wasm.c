/* Files of the module's host, which are read and never mapped; time and memory. */
#include "base/filemap.h"

#include "wasm/host.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

galago_status filemap_open_pieces(const char *path, filemap *out, error *e)
{
    *out = (filemap){0};
    int32_t file = host_open(path, strlen(path));
    if (file < 0) return fail(e, GALAGO_ERR_IO, "%s: cannot be opened: no file of this name was given", path);
    double size = host_size(file);
    if (!(size >= 0 && size <= 0x1p53)) {
        host_close(file);
        return fail(e, GALAGO_ERR_IO, "%s: its size is not known", path);
    }
    out->size = (uint64_t)size;
    out->handle = file + 1;
    return GALAGO_OK;
}

galago_status filemap_open(const char *path, filemap *out, error *e)
{
    galago_status s = filemap_open_pieces(path, out, e);
    if (s) return s;
    if (out->size > SIZE_MAX / 2)
        s = fail(e, GALAGO_ERR_MEMORY, "%s: not enough memory for all of its %llu bytes", path, (unsigned long long)out->size);
    if (!s) s = filemap_grow_head(out, (size_t)out->size, path, e);
    if (s) filemap_close(out);
    return s;
}

bool filemap_can_map(void) { return false; }

galago_status filemap_grow_head(filemap *f, size_t n, const char *path, error *e)
{
    if (n > f->size) n = (size_t)f->size;
    if (n <= f->head) return GALAGO_OK;
    uint8_t *p = realloc((void *)f->data, n);
    if (!p) return fail(e, GALAGO_ERR_MEMORY, "%s: not enough memory for its first %zu bytes", path, n);
    f->data = p;
    if (!filemap_read(f, f->head, n - f->head, p + f->head))
        return fail(e, GALAGO_ERR_IO, "%s: cannot be read", path);
    f->head = n;
    return GALAGO_OK;
}

void filemap_shrink_head(filemap *f, size_t n)
{
    if (n >= f->head) return;
    uint8_t *p = n ? realloc((void *)f->data, n) : NULL;
    if (n && !p) return;
    if (!n) free((void *)f->data);
    f->data = p;
    f->head = n;
}

bool filemap_read(const filemap *f, uint64_t offset, size_t n, void *dst)
{
    return n == 0 || host_read(f->handle - 1, (double)offset, (uint32_t)n, dst) == 0;
}

void filemap_release(const filemap *f, size_t offset, size_t size) { (void)f, (void)offset, (void)size; }

void filemap_close(filemap *f)
{
    if (f->handle) host_close(f->handle - 1);
    free((void *)f->data);
    *f = (filemap){0};
}

uint64_t memory_available(void)
{
    double v = host_memory_available();
    return v > 0 && v < 0x1p63 ? (uint64_t)v : 0;
}

/* The module's memory never shrinks. */
uint64_t memory_peak(void) { return (uint64_t)__builtin_wasm_memory_size(0) << 16; }

double time_ms(void) { return host_now(); }
