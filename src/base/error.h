/* Statuses with messages: how every stage reports bad input. */
#ifndef BASE_ERROR_H
#define BASE_ERROR_H

#include "galago.h"

typedef galago_error error;

/* Stores the formatted message in *e (when e is not NULL) and returns `status`, so that a check is one line:
 *     if (n > limit) return fail(e, GALAGO_ERR_FORMAT, "%s: %zu values, at most %zu", name, n, limit);
 * The first failure wins: a message that is already there is not overwritten. */
galago_status fail(error *e, galago_status status, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* Puts "what: " before the message of a failure on its way up (a file name before a parser's message). */
galago_status fail_prefix(error *e, const char *what);

/* Clears *e (NULL allowed): done once, where a public call begins. */
void error_clear(error *e);

#endif
