/* Read-only files in memory: mapped, never copied. */
#ifndef BASE_FILEMAP_H
#define BASE_FILEMAP_H

#include "base/error.h"

typedef struct filemap {
    const uint8_t *data; /* NULL when the file is empty */
    size_t size;
} filemap;

/* Maps a regular file. Errors: IO (names path and reason). */
galago_status filemap_open(const char *path, filemap *out, error *e);
/* Tells the system that these bytes are not needed soon; they are read again from the file if they are. */
void filemap_release(const filemap *f, size_t offset, size_t size);
void filemap_close(filemap *f);

/* Size of memory of this machine in bytes that may be taken now (available), 0 when unknown. */
uint64_t memory_available(void);
/* Largest resident memory of this process so far in bytes, 0 when unknown. */
uint64_t memory_peak(void);
/* Monotonic clock in milliseconds. */
double time_ms(void);

#endif
