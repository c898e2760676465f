/* What is asked about a chart. */
#include "charts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const kind_names[] = {"bar chart", "bar chart", "line chart", "pie chart"};

void ask_chart(pictures *p, const chart *c, pictures_item *out)
{
    int i = below(p, c->n), j = (i + 1 + below(p, c->n - 1)) % c->n, high = 0, low = 0;
    for (int k = 1; k < c->n; k++) {
        if (c->value[k] > c->value[high]) high = k;
        if (c->value[k] < c->value[low]) low = k;
    }
    bool high_alone = true, low_alone = true, alone = true;
    for (int k = 0; k < c->n; k++) {
        high_alone &= k == high || c->value[k] != c->value[high];
        low_alone &= k == low || c->value[k] != c->value[low];
        alone &= k == i || c->value[k] != c->value[i];
    }
    static const char *const things[] = {"bars", "bars", "points", "slices"};
    char q[200], v[160], t[32];
    snprintf(t, sizeof t, "%d%s", c->value[i], c->unit);
    /* Training asks more for what is learnt slowly: differences, the one of a value, all values. */
    static const int slow[] = {0,  1,  2,  3,  5,  7,  7,  9,  10, 10, 10,
                               10, 10, 12, 13, 13, 14, 15, 15, 15, 16, 17};
    int u = p->split == PICTURES_TRAIN ? PICK(p, slow) : below(p, 18);
    if (u < 5) {
        snprintf(q, sizeof q,
                 chance(p, 0.6)   ? "What is the value of %s?"
                 : chance(p, 0.5) ? "How much is %s?"
                                  : "What value does %s have?",
                 c->name[i]);
        snprintf(v, sizeof v, "the value of %s", c->name[i]);
        reply_value(p, out, "chart", q, v, "value", t, true);
    } else if (u < 7 && high_alone) {
        reply_value(p, out, "chart",
                    chance(p, 0.6) ? "Which is the largest?" : "Which has the highest value?", "the largest",
                    "largest", c->name[high], true);
    } else if (u < 9 && low_alone) {
        reply_value(p, out, "chart",
                    chance(p, 0.6) ? "Which is the smallest?" : "Which has the lowest value?", "the smallest",
                    "smallest", c->name[low], true);
    } else if (u < 10) {
        snprintf(q, sizeof q, "How many %s are there?", things[c->kind]);
        snprintf(v, sizeof v, "there are %%s %s.", things[c->kind]);
        reply_number(p, out, "chart", q, v, "count", c->n);
    } else if (u < 12 && c->value[i] != c->value[j]) {
        snprintf(q, sizeof q, "What is the difference between %s and %s?", c->name[i], c->name[j]);
        snprintf(t, sizeof t, "%d%s", abs(c->value[i] - c->value[j]), c->unit);
        snprintf(v, sizeof v, "the difference between %s and %s", c->name[i], c->name[j]);
        reply_value(p, out, "chart", q, v, "difference", t, false);
    } else if (u < 13 && c->value[i] != c->value[j]) {
        snprintf(q, sizeof q, "Is %s %s than %s?", c->name[i], chance(p, 0.5) ? "larger" : "smaller",
                 c->name[j]);
        reply_yes(p, out, q, (strstr(q, "larger") != NULL) == (c->value[i] > c->value[j]));
        snprintf(out->task, sizeof out->task, "chart");
    } else if (u < 14 && alone) {
        snprintf(q, sizeof q, "Which one has the value %s?", t);
        reply_value(p, out, "chart", q, "the one", "name", c->name[i], true);
    } else if (u < 15 && c->title[0]) {
        reply_value(p, out, "chart", "What is the title of the chart?", "the title", "title", c->title, true);
    } else if (u < 16) {
        told(out, "json", chance(p, 0.5) ? "Give all values as JSON." : "Read the chart as JSON.", "{");
        for (int k = 0; k < c->n; k++) {
            const char *quote = c->unit[0] ? "\"" : ""; /* "45%" is no number */
            snprintf(v, sizeof v, "%s\"" COPIED "%s" COPIED "\": %s" COPIED "%d%s" COPIED "%s", k ? ", " : "",
                     c->name[k], quote, c->value[k], c->unit, quote);
            append(out->answer, sizeof out->answer, v);
        }
        append(out->answer, sizeof out->answer, "}");
    } else if (u < 17) {
        told(out, "describe", chance(p, 0.5) ? "Describe this image." : "Write alt text for this image.",
             NULL);
        snprintf(out->answer, sizeof out->answer, "A %s with %s %s", kind_names[c->kind], numbers[c->n],
                 things[c->kind]);
        if (high_alone)
            snprintf(v, sizeof v, "; " COPIED "%s" COPIED " is the largest with " COPIED "%d%s" COPIED,
                     c->name[high], c->value[high], c->unit),
                append(out->answer, sizeof out->answer, v);
        append(out->answer, sizeof out->answer, ".");
    } else {
        static const char *const kinds[] = {"bar chart", "line chart", "pie chart", "table"};
        reply_choice(p, out, "What kind of chart is this?", kind_names[c->kind], kinds, 4, false);
    }
}

void ask_chart_again(pictures *p, const void *what, pictures_item *out)
{
    const chart *c = what;
    double u = uniform(p, 0, 1);
    if (u < 0.4 || c->pair[0] >= 0)
        step_chart(p, c, out);
    else if (u < 0.75)
        drill_chart(p, c, out);
    else
        ask_chart(p, c, out);
}
