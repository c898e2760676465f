/* Stop strings: text that ends an answer and is not part of it, found wherever the pieces of text are cut. */
#ifndef ENGINE_STOP_H
#define ENGINE_STOP_H

#include "base/buf.h"
#include "base/error.h"

typedef struct stop_filter {
    char *bytes;  /* all stop strings, one behind the other */
    size_t *ends; /* [n] where each ends in `bytes` */
    size_t n, longest;
    buf held; /* text that may be the beginning of a stop string; never longer than the longest */
    bool stopped;
} stop_filter;

/* Replaces the strings of `f` (zeroed before its first use) by copies of `stops` and forgets held text.
 * Errors: ARGUMENT (an empty or NULL string, or one that is not UTF-8: says which), MEMORY. */
galago_status stop_filter_begin(stop_filter *f, const char *const *stops, size_t n, error *e);
void stop_filter_free(stop_filter *f);

/* Takes text and appends to `out` what is certain to be part of the answer. True when a stop string is
 * complete: the first one to be completed, byte by byte, wins, of several that end at the same byte the
 * longest; text from its beginning on is dropped, and so is everything pushed later. */
bool stop_filter_push(stop_filter *f, const char *text, size_t size, buf *out);
/* The answer ended another way: held text is part of it after all. */
void stop_filter_flush(stop_filter *f, buf *out);

#endif
