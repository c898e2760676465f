/* What training asks about a chart besides: short answers that take looking, and the way to a difference in
 * steps. */
#include "charts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A value as it is told: "45", "45%". */
typedef struct amount {
    char s[24];
} amount;
static amount amount_of(const chart *c, int value)
{
    amount a;
    snprintf(a.s, sizeof a.s, "%d%s", value, c->unit);
    return a;
}

static void copy(pictures_item *out, const char *s)
{
    append(out->answer, sizeof out->answer, COPIED);
    append(out->answer, sizeof out->answer, s);
    append(out->answer, sizeof out->answer, COPIED);
}

/* "a", "a and b", "a, b and c" */
static const char *between(int i, int n) { return !i ? "" : i + 1 == n ? " and " : ", "; }

/* A member of an object, its value a number where it has no unit. */
static void member(const chart *c, pictures_item *out, const char *name, int value, bool copied)
{
    const char *quote = c->unit[0] ? "\"" : "";
    append(out->answer, sizeof out->answer, out->answer[0] ? ", \"" : "{\"");
    if (copied)
        copy(out, name);
    else
        append(out->answer, sizeof out->answer, name);
    append(out->answer, sizeof out->answer, "\": ");
    append(out->answer, sizeof out->answer, quote);
    if (copied)
        copy(out, amount_of(c, value).s);
    else
        append(out->answer, sizeof out->answer, amount_of(c, value).s);
    append(out->answer, sizeof out->answer, quote);
}

/* n entries, no two alike. */
static void pick(pictures *p, const chart *c, int n, int *at)
{
    for (int i = 0; i < n; i++) {
        at[i] = below(p, c->n - i); /* of those that are left */
        for (int k = 0; k < c->n; k++) {
            bool taken = false;
            for (int j = 0; j < i; j++) taken |= at[j] == k;
            if (taken && k <= at[i]) at[i]++;
        }
    }
}

/* The values of two or three, in words or as JSON. */
static void values_of(pictures *p, const chart *c, int n, bool json, pictures_item *out)
{
    int at[3];
    pick(p, c, n, at);
    told(out, json ? "json" : "chart", "Give the values of ", "");
    for (int i = 0; i < n; i++) {
        append(out->prompt, sizeof out->prompt, between(i, n));
        append(out->prompt, sizeof out->prompt, c->name[at[i]]);
        if (json) {
            member(c, out, c->name[at[i]], c->value[at[i]], true);
        } else {
            append(out->answer, sizeof out->answer, between(i, n));
            copy(out, amount_of(c, c->value[at[i]]).s);
        }
    }
    append(out->prompt, sizeof out->prompt, json ? " as JSON." : ".");
    if (json) append(out->answer, sizeof out->answer, "}");
    if (n == 2) c->pair[0] = at[0], c->pair[1] = at[1];
}

/* What values without numbers are read from. */
static void drill_scale(pictures *p, const chart *c, pictures_item *out)
{
    char q[160], a[96];
    int i = below(p, c->n), line = c->value[i] / c->step * c->step, above = 0;
    bool on = line == c->value[i];
    switch (below(p, 7)) {
    case 0:
    case 1:
    case 2:
        snprintf(q, sizeof q, "Where is %s on the scale?", c->name[i]);
        told(out, "chart", q, on ? "at " : "between ");
        copy(out, amount_of(c, line).s);
        if (!on) {
            append(out->answer, sizeof out->answer, " and ");
            copy(out, amount_of(c, line + c->step).s);
        }
        return;
    case 3:
    case 4: /* one of the lines beside it */
        line += c->step * (below(p, 3) - on);
        if (line == c->value[i] || line > c->top) return;
        snprintf(q, sizeof q, "Is %s above %s?", c->name[i], amount_of(c, line).s);
        reply_yes(p, out, q, c->value[i] > line);
        return;
    case 5:
        for (int k = 0; k < c->n; k++) above += c->value[k] > line;
        snprintf(q, sizeof q, "How many are above %s?", amount_of(c, line).s);
        snprintf(a, sizeof a, "%d", above);
        told(out, "chart", q, a);
        return;
    default: {
        bool far = chance(p, 0.5);
        told(out, "chart",
             far ? "What is the largest number on the scale?" : "How far apart are the lines of the scale?",
             "");
        copy(out, amount_of(c, far ? c->top : c->step).s);
    }
    }
}

void drill_chart(pictures *p, const chart *c, pictures_item *out)
{
    int i = below(p, c->n), j = (i + 1 + below(p, c->n - 1)) % c->n;
    char q[200];
    c->pair[0] = -1;
    if (!c->printed && chance(p, 0.3)) {
        drill_scale(p, c, out);
        return;
    }
    switch (below(p, 14)) {
    case 0:
    case 1:
        snprintf(q, sizeof q, "What is the value of %s?", c->name[i]);
        told(out, "chart", q, "");
        copy(out, amount_of(c, c->value[i]).s);
        return;
    case 2:
    case 3:
        if (c->value[i] == c->value[j]) return;
        snprintf(q, sizeof q, chance(p, 0.5) ? "Which is larger, %s or %s?" : "Which is smaller, %s or %s?",
                 c->name[i], c->name[j]);
        told(out, "chart", q, "");
        copy(out, c->name[(strstr(q, "larger") != NULL) == (c->value[i] > c->value[j]) ? i : j]);
        return;
    case 4:
    case 5:
        for (int k = 0; k < c->n; k++)
            if (k != i && c->value[k] == c->value[i]) return;
        snprintf(q, sizeof q, "Which one has the value %s?", amount_of(c, c->value[i]).s);
        told(out, "chart", q, "");
        copy(out, c->name[i]);
        return;
    case 6: {
        bool yes = chance(p, 0.5);
        if (!yes && c->value[i] == c->value[j]) return;
        snprintf(q, sizeof q, "Is the value of %s %s?", c->name[i], amount_of(c, c->value[yes ? i : j]).s);
        reply_yes(p, out, q, yes);
        return;
    }
    case 7:
        snprintf(q, sizeof q, "Give the value of %s as JSON.", c->name[i]);
        told(out, "json", q, "");
        member(c, out, c->name[i], c->value[i], true);
        append(out->answer, sizeof out->answer, "}");
        return;
    case 8:
    case 9: values_of(p, c, c->n > 2 ? 2 + below(p, 2) : 2, true, out); return;
    case 10: /* rows of a legend lie close */
    case 11: {
        bool after = chance(p, 0.5);
        if (after ? i + 1 == c->n : !i) return;
        snprintf(q, sizeof q, after ? "Which one comes after %s?" : "Which one comes before %s?", c->name[i]);
        told(out, "chart", q, "");
        copy(out, c->name[after ? i + 1 : i - 1]);
        return;
    }
    default: {
        bool names = chance(p, 0.4);
        told(out, "chart", names ? "List all names in order." : "List all values in order.", "");
        for (int k = 0; k < c->n; k++) {
            append(out->answer, sizeof out->answer, k ? ", " : "");
            copy(out, names ? c->name[k] : amount_of(c, c->value[k]).s);
        }
    }
    }
}

static void difference(const chart *c, const char *from, const char *to, int by, pictures_item *out)
{
    char q[200];
    snprintf(q, sizeof q, "What is the difference between %s and %s?", from, to);
    told(out, "chart", q, amount_of(c, by).s);
}

/* A difference takes finding two values and subtracting at once; here each comes without the other too. Names
 * and numbers stand in the same places of the same question. */
void step_chart(pictures *p, const chart *c, pictures_item *out)
{
    static const int ranges[] = {10, 20, 50, 100, 100, 200, 800};
    int i = below(p, c->n), j = (i + 1 + below(p, c->n - 1)) % c->n;
    bool given = c->pair[0] >= 0 && chance(p, 0.8);
    if (given) i = c->pair[0], j = c->pair[1];
    c->pair[0] = -1;
    int range = ranges[below(p, 3 + (int)(4 * p->level))], most = c->kind == PIE && range > 100 ? 100 : range;
    int first = 1 + below(p, most), second = 1 + below(p, most), a = c->value[i], b = c->value[j];
    char q[200];
    if (given) {
        if (a != b) difference(c, c->name[i], c->name[j], abs(a - b), out);
        return;
    }
    switch (below(p, 17)) {
    case 0:
    case 1:
    case 2:
    case 3:
    case 4:
    case 5: /* numbers alone */
        if (chance(p, 0.3)) first = a, second = b;
        if (first == second) return;
        if (chance(p, 0.7)) {
            difference(c, amount_of(c, first).s, amount_of(c, second).s, abs(first - second), out);
            return;
        }
        snprintf(q, sizeof q, "What is %d - %d?", first > second ? first : second,
                 first > second ? second : first);
        told(out, "chart", q, NULL);
        snprintf(out->answer, sizeof out->answer, "%d", abs(first - second));
        return;
    case 6:
    case 7: /* one to be found */
        if (a == second) return;
        if (chance(p, 0.5))
            difference(c, c->name[i], amount_of(c, second).s, abs(a - second), out);
        else
            difference(c, amount_of(c, second).s, c->name[i], abs(a - second), out);
        return;
    case 8:
    case 9:
    case 10: values_of(p, c, 2, false, out); return;
    case 11: /* written down */
        if (a == b) return;
        snprintf(q, sizeof q, "Work out the difference between %s and %s.", c->name[i], c->name[j]);
        told(out, "chart", q, "");
        copy(out, amount_of(c, a > b ? a : b).s);
        append(out->answer, sizeof out->answer, " - ");
        copy(out, amount_of(c, a > b ? b : a).s);
        append(out->answer, sizeof out->answer, " = ");
        append(out->answer, sizeof out->answer, amount_of(c, abs(a - b)).s);
        return;
    case 12:
        if (a == b) return;
        snprintf(q, sizeof q, "Give the values of %s and %s and their difference as JSON.", c->name[i],
                 c->name[j]);
        told(out, "json", q, "");
        member(c, out, c->name[i], a, true);
        member(c, out, c->name[j], b, true);
        member(c, out, "difference", abs(a - b), false);
        append(out->answer, sizeof out->answer, "}");
        return;
    case 13: { /* two differences */
        int at[3];
        if (c->n < 3) return;
        pick(p, c, 3, at);
        int one = abs(c->value[at[0]] - c->value[at[1]]), other = abs(c->value[at[0]] - c->value[at[2]]);
        if (one == other) return;
        snprintf(q, sizeof q, "Which is closer to %s, %s or %s?", c->name[at[0]], c->name[at[1]],
                 c->name[at[2]]);
        told(out, "chart", q, "");
        copy(out, c->name[at[one < other ? 1 : 2]]);
        return;
    }
    default:
        if (a != b) difference(c, c->name[i], c->name[j], abs(a - b), out);
    }
}
