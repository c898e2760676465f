/* The whole test framework: checks that count and go on, and a closing line. */
#ifndef TESTS_CHECK_H
#define TESTS_CHECK_H

#include <stdio.h>
#include <string.h>

static int check_passed, check_failed;

#define CHECK(cond, ...)                                                                                             \
    do {                                                                                                             \
        if (cond) {                                                                                                  \
            check_passed++;                                                                                          \
        } else {                                                                                                     \
            check_failed++;                                                                                          \
            printf("%s:%d: %s: ", __FILE__, __LINE__, #cond);                                                        \
            printf(__VA_ARGS__);                                                                                     \
            printf("\n");                                                                                            \
        }                                                                                                            \
    } while (0)

/* Ends main: prints the count, fails when a check failed or none ran. */
static inline int check_done(const char *name)
{
    printf("%s: %d passed, %d failed\n", name, check_passed, check_failed);
    return check_failed || !check_passed;
}

/* Small fixed generator for test data: the same numbers on every machine. */
static inline unsigned check_random(unsigned long long *state)
{
    *state = *state * 6364136223846793005ull + 1442695040888963407ull;
    return (unsigned)(*state >> 33);
}
/* Uniform in [-1, 1). */
static inline float check_uniform(unsigned long long *state) { return (float)check_random(state) / 1073741824.0f - 1.0f; }

#endif
