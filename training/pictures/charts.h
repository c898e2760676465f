/* A chart as it is made up, before it is drawn and asked about. */
#ifndef TRAINING_CHARTS_H
#define TRAINING_CHARTS_H

#include "parts.h"

enum { MOST = 8 };
enum { COLUMNS, BARS, LINE, PIE };

typedef struct chart {
    int kind, n, value[MOST], top, step;
    char name[MOST][24], title[64], unit[4];
    bool printed; /* values stand on the chart */
    rgb colour[MOST], ink, paper;
    int *pair; /* two whose values the last turn gave, or -1 */
} chart;

/* chart_questions.c: the first question, and another one (`what`: the chart), whose answer may be left empty.
 */
void ask_chart(pictures *p, const chart *c, pictures_item *out);
void ask_chart_again(pictures *p, const void *what, pictures_item *out);
/* chart_drills.c: short answers that take looking; the steps to the difference of two values. Both may leave
 * the answer empty. */
void drill_chart(pictures *p, const chart *c, pictures_item *out);
void step_chart(pictures *p, const chart *c, pictures_item *out);

#endif
