/* Printed lines and paragraphs. */
#include "parts.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static const char *const prompts[] = {
    "Read the text in this image.", "What does the text say?", "Read the text.",
    "What is written here?",        "Transcribe the text.",    "What does it say?"};

static void lines_told(pictures *p, pictures_item *out, const char *task, char text[][MAX_TEXT], int lines)
{
    told(out, task, prompts[chance(p, 0.5) ? 0 : below(p, 6)], COPIED);
    for (int i = 0; i < lines; i++) {
        if (i) append(out->answer, sizeof out->answer, "\n");
        append(out->answer, sizeof out->answer, text[i]);
    }
    append(out->answer, sizeof out->answer, COPIED);
}

void make_reading(pictures *p, pictures_image *im, pictures_item *out)
{
    rgb ink, paper;
    text_colours(p, &ink, &paper, chance(p, 0.1) ? 45 : 70);
    ground(p, im, paper, false);
    int lines = im->height >= 128 && p->level > 0.3 ? 1 + below(p, im->height >= 200 ? 4 : 2) : 1;
    char text[4][MAX_TEXT];
    int longest = im->width / 11 < 46 ? im->width / 11 : 46;
    if (p->level < 1) longest = 2 + (int)((longest - 2) * p->level * uniform(p, 0.4, 1));
    for (int i = 0; i < lines; i++) make_line(p, text[i], longest);
    lines_told(p, out, "read", text, lines);
    pen s = {NULL, 64, 0, ink};
    char letters[4 * MAX_TEXT] = "";
    for (int i = 0; i < lines; i++) append(letters, sizeof letters, text[i]);
    s.face = face_of(p, letters);
    if (!s.face) { /* no font has all of them */
        snprintf(out->answer, sizeof out->answer, " ");
        return;
    }
    /* The size that fits, then a random one below it. */
    double widest = 1;
    for (int i = 0; i < lines; i++) widest = fmax(widest, width_of(&s, text[i]));
    double spacing = chance(p, 0.1) ? uniform(p, 0, 0.05) : 0; /* of the size */
    size_t most = 0;
    for (int i = 0; i < lines; i++) most = strlen(text[i]) > most ? strlen(text[i]) : most;
    widest += spacing * 64 * (double)most;
    double fit = fmin(64 * 0.94 * im->width / widest, 0.62 * im->height / lines);
    s.size = fmin(72, fmax(fmin(fit, 12), fit * uniform(p, 0.75 - 0.3 * p->level, 1)));
    s.spacing = spacing * s.size;
    double angle = chance(p, 0.25) ? uniform(p, -0.05, 0.05) : 0;
    if (lines == 1 && im->width > 3 * im->height) angle *= 0.6;
    double w = widest * s.size / 64, line_height = s.size * uniform(p, 1.15, 1.4),
           block = s.size + line_height * (lines - 1);
    double left = uniform(p, 0.02 * im->width, fmax(0.02 * im->width, 0.98 * im->width - w));
    double slack = im->height - block * 1.15 - fabs(sin(angle)) * w;
    double top =
        uniform(p, 0.04 * s.size, fmax(0.04 * s.size, slack)) + (angle > 0 ? fabs(sin(angle)) * w : 0);
    bool centred = chance(p, 0.3);
    for (int i = 0; i < lines; i++) {
        double indent = centred ? (w - width_of(&s, text[i])) / 2 : 0;
        draw_text(p, im, &s, text[i], left + indent, top + s.size * 0.9 + line_height * i, angle);
        p->place++; /* the end of the line */
    }
}

/* Running text, broken into at most twelve lines that the answer keeps. */
void make_paragraph(pictures *p, pictures_image *im, pictures_item *out)
{
    enum { MOST = 12 };
    static char text[MOST][MAX_TEXT];
    char flow[2400];
    rgb ink, paper;
    text_colours(p, &ink, &paper, chance(p, 0.12) ? 50 : 80);
    ground(p, im, paper, false);
    int most = (int)fmin(MOST, im->height / 32.0),
        lines = 2 + below(p, (int)fmax(1, (most - 1) * (0.3 + 0.7 * p->level)));
    if (lines > most) lines = most;
    make_sentence(p, flow, sizeof flow, 100);
    if (chance(p, 0.2)) accent(p, flow, sizeof flow, uniform(p, 0.05, 0.25));
    pen s = {face_of(p, flow), 20, 0, ink};
    told(out, "read", prompts[chance(p, 0.5) ? 0 : below(p, 6)], "");
    if (!s.face) {
        snprintf(out->answer, sizeof out->answer, " ");
        return;
    }
    p->turn = chance(p, 0.25) ? uniform(p, -0.03, 0.03) : 0;
    double margin = uniform(p, 0.03, 0.08) * im->width + fabs(p->turn) * im->height / 2,
           room = im->width - 2 * margin;
    double pitch = (im->height - 2 * margin * im->height / im->width) / (lines + 0.3);
    double largest = fmin(pitch / 1.15, 40);
    s.size = clamp(largest * uniform(p, 0.8 - 0.2 * p->level, 1), 11, 40);
    /* At most about three letters for 32 pixels of width, more when the course is done. */
    double letters = room / (p->level >= 0.7 ? 9.5 : 12);
    double mean = width_of(&s, "the quick brown fox jumps over") / 30;
    if (room / mean > letters) s.size *= room / mean / letters;
    if (s.size > largest) s.size = fmax(11, largest);
    double line_height = fmin(pitch, s.size * uniform(p, 1.15, 1.6));
    bool breaks = chance(p, 0.25), centred = chance(p, 0.1);
    char *at = flow;
    int n = 0;
    while (n < lines && *at) {
        char line[MAX_TEXT] = "";
        double end = breaks ? room * uniform(p, 0.4, 1) : room;
        while (*at) { /* words while they fit */
            char *space = strchr(at, ' '), w[96], longer[MAX_TEXT + 100];
            size_t k = space ? (size_t)(space - at) : strlen(at);
            snprintf(w, sizeof w, "%.*s", (int)(k < 90 ? k : 90), at);
            snprintf(longer, sizeof longer, "%s%s%s", line, *line ? " " : "", w);
            if (strlen(longer) >= MAX_TEXT || (*line && width_of(&s, longer) > end)) break;
            snprintf(line, sizeof line, "%s", longer);
            at += k + (space != NULL);
        }
        if (width_of(&s, line) > room * 1.02) { /* a single long word: it is left out */
            continue;
        }
        snprintf(text[n++], MAX_TEXT, "%s", line);
    }
    lines_told(p, out, "read", text, n);
    double top = (im->height - line_height * n) / 2 * uniform(p, 0.3, 1);
    for (int i = 0; i < n; i++) {
        double indent = centred ? (room - width_of(&s, text[i])) / 2 : 0;
        draw_text(p, im, &s, text[i], margin + indent, top + s.size * 0.85 + line_height * i, 0);
        p->place++;
    }
    snprintf(out->task, sizeof out->task, "paragraph");
}
