#include "metrics.h"

#include "base/buf.h"
#include "base/utf8.h"
#include <math.h>
#include <stdint.h>
#include <stdlib.h>

static uint32_t *code_points(const char *s, size_t size, size_t *n)
{
    uint32_t *out = malloc((size + 1) * sizeof *out);
    *n = 0;
    for (size_t i = 0; out && i < size;) {
        uint32_t cp;
        size_t k = utf8_decode(s + i, size - i, &cp);
        out[(*n)++] = k ? cp : 0x110000u + (unsigned char)s[i];
        i += k ? k : 1;
    }
    return out;
}

size_t edit_distance(const char *a, size_t size_a, const char *b, size_t size_b, size_t *n_a, size_t *n_b)
{
    size_t na, nb, result = SIZE_MAX;
    uint32_t *x = code_points(a, size_a, &na), *y = code_points(b, size_b, &nb);
    size_t *row = malloc((nb + 1) * sizeof *row);
    if (x && y && row) {
        for (size_t j = 0; j <= nb; j++) row[j] = j;
        for (size_t i = 1; i <= na; i++) {
            size_t diagonal = row[0];
            row[0] = i;
            for (size_t j = 1; j <= nb; j++) {
                size_t up = row[j], best = diagonal + (x[i - 1] != y[j - 1]);
                if (up + 1 < best) best = up + 1;
                if (row[j - 1] + 1 < best) best = row[j - 1] + 1;
                diagonal = up;
                row[j] = best;
            }
        }
        result = row[nb];
    }
    free(x);
    free(y);
    free(row);
    if (n_a) *n_a = na;
    if (n_b) *n_b = nb;
    return result;
}

static bool is_space(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

/* Lower case (ASCII), runs of white space as one space, none at the ends. */
static void normalise(const char *s, size_t size, buf *out)
{
    bool gap = false;
    for (size_t i = 0; i < size; i++) {
        if (is_space(s[i])) {
            gap = out->size > 0;
            continue;
        }
        if (gap) buf_append(out, " ", 1);
        gap = false;
        char c = s[i] >= 'A' && s[i] <= 'Z' ? (char)(s[i] + 32) : s[i];
        buf_append(out, &c, 1);
    }
}

bool same_answer(const char *a, size_t size_a, const char *b, size_t size_b)
{
    buf x = {0}, y = {0};
    normalise(a, size_a, &x);
    normalise(b, size_b, &y);
    if (x.size && x.data[x.size - 1] == '.') x.size--;
    if (y.size && y.data[y.size - 1] == '.') y.size--;
    bool same = !x.failed && !y.failed && x.size == y.size;
    for (size_t i = 0; same && i < x.size; i++) same = x.data[i] == y.data[i];
    buf_free(&x);
    buf_free(&y);
    return same;
}

double anls(const char *a, size_t size_a, const char *b, size_t size_b)
{
    buf x = {0}, y = {0};
    normalise(a, size_a, &x);
    normalise(b, size_b, &y);
    size_t n_x, n_y, d = edit_distance(x.data ? x.data : "", x.size, y.data ? y.data : "", y.size, &n_x, &n_y);
    size_t longer = n_x > n_y ? n_x : n_y;
    double score = d == SIZE_MAX ? 0 : longer ? 1 - (double)d / (double)longer : 1;
    buf_free(&x);
    buf_free(&y);
    return score < 0.5 ? 0 : score;
}

void wilson(double right, double n, double *low, double *high)
{
    const double z = 1.959964;
    double p = right / n, centre = (p + z * z / (2 * n)) / (1 + z * z / n);
    double half = z * sqrt(p * (1 - p) / n + z * z / (4 * n * n)) / (1 + z * z / n);
    *low = centre - half;
    *high = centre + half;
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

void bootstrap_ratio(const double *num, const double *den, size_t n, double *low, double *high)
{
    enum { ROUNDS = 1000 };
    static double r[ROUNDS];
    uint64_t state = 1;
    for (int k = 0; k < ROUNDS; k++) {
        double a = 0, b = 0;
        for (size_t i = 0; i < n; i++) {
            state = state * 6364136223846793005ull + 1442695040888963407ull;
            size_t j = (size_t)((state >> 33) % n);
            a += num[j];
            b += den[j];
        }
        r[k] = b > 0 ? a / b : 0;
    }
    qsort(r, ROUNDS, sizeof *r, compare);
    *low = r[25];
    *high = r[974];
}
