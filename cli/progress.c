#include "cli.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

static bool enabled, shown;

void progress_enable(bool on) { enabled = on && isatty(STDERR_FILENO); }

void progress_clear(void)
{
    if (shown) fprintf(stderr, "\r\033[K");
    shown = false;
}

bool progress_show(void *user, const char *stage, double fraction)
{
    static double last_ms;
    (void)user;
    if (interrupted()) return false;
    if (!enabled) return true;
    static const struct {
        const char *stage, *words;
    } names[] = {
        {"load", "loading the model"}, {"vision", "looking at the picture"}, {"prefill", "reading"}, {"convert", "converting"},
    };
    const char *words = stage;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(names[i].stage, stage) == 0) words = names[i].words;
    double now = time_ms();
    /* 20 pictures a second are enough; the last one of a stage wipes the line. */
    if (fraction >= 1) {
        progress_clear();
        return true;
    }
    if (shown && now - last_ms < 50) return true;
    last_ms = now;
    enum { WIDTH = 30 };
    char bar[WIDTH * 3 + 1];
    char *p = bar;
    if (!(fraction >= 0)) fraction = 0;
    for (int i = 0; i < WIDTH; i++, p += 3) memcpy(p, i < fraction * WIDTH ? "█" : "░", 3);
    *p = 0;
    fprintf(stderr, "\r\033[K%-22s %s %3.0f %%", words, bar, fraction * 100);
    fflush(stderr);
    shown = true;
    return true;
}
