#include "base/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

galago_status fail(error *e, galago_status status, const char *format, ...)
{
    if (e && e->status == GALAGO_OK) {
        va_list ap;
        e->status = status;
        va_start(ap, format);
        vsnprintf(e->message, sizeof e->message, format, ap);
        va_end(ap);
    }
    return status;
}

galago_status fail_prefix(error *e, const char *what)
{
    if (!e) return GALAGO_ERR_INTERNAL;
    char old[sizeof e->message];
    memcpy(old, e->message, sizeof old);
    /* A long path must not push the fault itself out of the message. */
    snprintf(e->message, sizeof e->message, "%.200s: %.280s", what, old);
    return e->status;
}

void error_clear(error *e)
{
    if (!e) return;
    e->status = GALAGO_OK;
    e->message[0] = 0;
}

const char *galago_status_name(galago_status s)
{
    static const char *const names[] = {
        [GALAGO_OK] = "ok",
        [GALAGO_PENDING] = "pending",
        [GALAGO_CANCELLED] = "cancelled",
        [GALAGO_ERR_ARGUMENT] = "argument",
        [GALAGO_ERR_IO] = "io",
        [GALAGO_ERR_FORMAT] = "format",
        [GALAGO_ERR_UNSUPPORTED] = "unsupported",
        [GALAGO_ERR_MEMORY] = "memory",
        [GALAGO_ERR_DEVICE_LOST] = "device lost",
        [GALAGO_ERR_INTERNAL] = "internal",
    };
    return (unsigned)s < sizeof names / sizeof *names ? names[s] : "unknown";
}

const char *galago_version(void) { return GALAGO_VERSION; }
