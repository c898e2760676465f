/* The Unicode data behind unicode.c, generated: tools/unicode/generate.mjs says how. */
#ifndef TEXT_UNICODE_TABLES_H
#define TEXT_UNICODE_TABLES_H

#include <stddef.h>
#include <stdint.h>

extern const char unicode_version[]; /* "17.0" */

/* Ranges of code points with equal properties, ascending, the first at 0. A word is
 * start << 11 | maybe << 10 | rank << 3 | class: class as unicode_class, rank the order number of the
 * combining class (0 = starter), maybe = never in NFC, or may combine with what stands before it. */
extern const uint32_t unicode_ranges[];
extern const size_t unicode_n_ranges;
/* For each 256 code points the index of the range that their first one lies in; constant behind the last
 * entry. */
extern const uint16_t unicode_blocks[];
extern const size_t unicode_n_blocks;

/* One step of canonical decomposition; ascending by `composite`. Hangul syllables are computed instead. */
typedef struct unicode_pair {
    uint32_t composite, first, second; /* second 0 = a single code point */
} unicode_pair;
extern const unicode_pair unicode_pairs[];
extern const size_t unicode_n_pairs;
/* Indices of the pairs that compose again, ascending by (first, second). */
extern const uint16_t unicode_compositions[];
extern const size_t unicode_n_compositions;

#endif
