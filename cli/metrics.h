/* Scores of answers against references. */
#ifndef CLI_METRICS_H
#define CLI_METRICS_H

#include <stdbool.h>
#include <stddef.h>

/* Levenshtein distance over code points, unit costs; *n_a and *n_b receive the lengths (may be NULL). Bytes that are not UTF-8 count
 * one each. SIZE_MAX when there is no memory. */
size_t edit_distance(const char *a, size_t size_a, const char *b, size_t size_b, size_t *n_a, size_t *n_b);

/* Equal but for case (ASCII), white space runs, white space at the ends and one final full stop. */
bool same_answer(const char *a, size_t size_a, const char *b, size_t size_b);

/* ANLS of one answer (docs: evaluation): 1 - distance / longer length after lower-casing and joining white space, 0 below 0.5. */
double anls(const char *a, size_t size_a, const char *b, size_t size_b);

/* True when `a` is one JSON object with the members of the JSON object `b` and no others: strings equal as by same_answer, numbers equal
 * (a number may also stand as its text), lists in the same order. False when either is not JSON. */
bool same_json(const char *a, size_t size_a, const char *b, size_t size_b);

/* Wilson's 95 % interval of a proportion. */
void wilson(double right, double n, double *low, double *high);
/* 95 % interval of sum(num)/sum(den) by resampling items 1,000 times with a fixed generator. */
void bootstrap_ratio(const double *num, const double *den, size_t n, double *low, double *high);

#endif
