/* Read-only files: mapped, never copied; or, where there is no mapping or none is wanted, read in pieces. */
#ifndef BASE_FILEMAP_H
#define BASE_FILEMAP_H

#include "base/error.h"

typedef struct filemap {
    const uint8_t *data; /* the file's first `head` bytes; NULL when head is 0 */
    uint64_t size;       /* of the file */
    size_t head;         /* bytes in memory: all of a file that was opened whole */
    int handle;          /* of a file that is read in pieces, plus 1; 0 = none */
} filemap;

/* All of a regular file: mapped, or read where there is no mapping (a page). Errors: IO (names path and reason), MEMORY. */
galago_status filemap_open(const char *path, filemap *out, error *e);
/* A regular file of which nothing is in memory yet. Errors: as above. */
galago_status filemap_open_pieces(const char *path, filemap *out, error *e);
/* Whether files can be mapped here, so that opening them whole costs nothing. */
bool filemap_can_map(void);
/* Gets at least `n` bytes (at most all) of the beginning into memory; f->data may move. `path` is for messages. Errors: IO,
 * MEMORY. */
galago_status filemap_grow_head(filemap *f, size_t n, const char *path, error *e);
/* Gives up what the head has beyond n bytes; f->data may move. Nothing happens to a mapped file. */
void filemap_shrink_head(filemap *f, size_t n);
/* Copies bytes [offset, offset + n), which must lie in the file. False: they cannot be read. */
bool filemap_read(const filemap *f, uint64_t offset, size_t n, void *dst);
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
