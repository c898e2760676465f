#include "engine/stop.h"

#include "base/utf8.h"
#include <stdlib.h>
#include <string.h>

galago_status stop_filter_begin(stop_filter *f, const char *const *stops, size_t n, error *e)
{
    size_t total = 0, longest = 0;
    if (n && !stops) return fail(e, GALAGO_ERR_ARGUMENT, "%zu stop strings, but no list of them", n);
    for (size_t i = 0; i < n; i++) {
        size_t size = stops[i] ? strlen(stops[i]) : 0;
        if (!size)
            return fail(e, GALAGO_ERR_ARGUMENT, "stop string %zu is empty: it would end every answer at once",
                        i + 1);
        if (!utf8_valid(stops[i], size))
            return fail(e, GALAGO_ERR_ARGUMENT, "stop string %zu is not UTF-8: it could never be found",
                        i + 1);
        total += size;
        if (size > longest) longest = size;
    }
    char *bytes = malloc(total + 1);
    size_t *ends = malloc((n + 1) * sizeof *ends);
    if (!bytes || !ends) {
        free(bytes);
        free(ends);
        return fail(e, GALAGO_ERR_MEMORY, "not enough memory for %zu stop strings", n);
    }
    size_t at = 0;
    for (size_t i = 0; i < n; i++) {
        size_t size = strlen(stops[i]);
        memcpy(bytes + at, stops[i], size);
        ends[i] = at += size;
    }
    free(f->bytes);
    free(f->ends);
    f->bytes = bytes;
    f->ends = ends;
    f->n = n;
    f->longest = longest;
    f->held.size = 0;
    f->stopped = false;
    return GALAGO_OK;
}

void stop_filter_free(stop_filter *f)
{
    free(f->bytes);
    free(f->ends);
    buf_free(&f->held);
    *f = (stop_filter){0};
}

/* Length of the longest beginning of a stop string that the held text ends with; the whole string counts when
 * `whole`. */
static size_t longest_match(const stop_filter *f, bool whole)
{
    size_t best = 0;
    for (size_t i = 0; i < f->n; i++) {
        const char *s = f->bytes + (i ? f->ends[i - 1] : 0);
        size_t size = f->ends[i] - (i ? f->ends[i - 1] : 0);
        if (whole) {
            if (size > best && size <= f->held.size && !memcmp(f->held.data + f->held.size - size, s, size))
                best = size;
            continue;
        }
        for (size_t k = size - 1 < f->held.size ? size - 1 : f->held.size; k > best; k--)
            if (!memcmp(f->held.data + f->held.size - k, s, k)) best = k;
    }
    return best;
}

bool stop_filter_push(stop_filter *f, const char *text, size_t size, buf *out)
{
    if (f->stopped) return true;
    if (!f->n) {
        buf_append(out, text, size);
        return false;
    }
    for (size_t i = 0; i < size; i++) {
        buf_append(&f->held, text + i, 1);
        if (f->held.failed) {
            out->failed = true;
            return false;
        }
        size_t found = longest_match(f, true);
        if (found) {
            buf_append(out, f->held.data, f->held.size - found);
            f->held.size = 0;
            return f->stopped = true;
        }
        /* What no stop string can begin with any more is certain. */
        size_t keep = longest_match(f, false), certain = f->held.size - keep;
        if (!certain) continue;
        buf_append(out, f->held.data, certain);
        memmove(f->held.data, f->held.data + certain, keep);
        f->held.size = keep;
    }
    return false;
}

void stop_filter_flush(stop_filter *f, buf *out)
{
    if (!f->stopped) buf_append(out, f->held.data, f->held.size);
    f->held.size = 0;
}
