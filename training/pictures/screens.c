/* Screens: code, dialogs, settings. */
#include "documents.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* ---- code ---- */

static void code_line(pictures *p, char *s, size_t size, int *depth, char *function)
{
    char a[16], b[16], body[80];
    slug(a, sizeof a, word(p)), slug(b, sizeof b, word(p));
    int n = number(p, 0, 999);
    switch (below(p, 9)) {
    case 0:
        if (*depth == 0) {
            snprintf(body, sizeof body, "def %s(%s):", a, b);
            snprintf(s, size, "%*s%s", 4 * *depth, "", body);
            if (!function[0]) snprintf(function, 16, "%s", a);
            ++*depth;
            return;
        } /* fall through */
    case 1: snprintf(body, sizeof body, "%s = %d", a, n); break;
    case 2: snprintf(body, sizeof body, "%s = %s(%d)", a, b, n); break;
    case 3: snprintf(body, sizeof body, "print(\"%s\")", a); break;
    case 4: snprintf(body, sizeof body, "%s += %s * %d", a, b, n % 10); break;
    case 5:
        snprintf(body, sizeof body, "if %s %s %d:", a, chance(p, 0.5) ? "<" : "==", n);
        snprintf(s, size, "%*s%s", 4 * *depth, "", body);
        if (*depth < 3) ++*depth;
        return;
    case 6:
        snprintf(body, sizeof body, "return %s", a);
        snprintf(s, size, "%*s%s", 4 * *depth, "", body);
        if (*depth) --*depth;
        return;
    case 7: snprintf(body, sizeof body, "%s[%d] = \"%s\"", a, n % 10, b); break;
    default: snprintf(body, sizeof body, "# %s %s", a, b); break;
    }
    snprintf(s, size, "%*s%s", 4 * *depth, "", body);
    if (*depth && chance(p, 0.15)) --*depth;
}

static bool make_code(pictures *p, pictures_image *im, document *d, pictures_item *out)
{
    char text[14][96], function[16] = "";
    int lines = 2 + below(p, im->height > 300 ? 10 : im->height > 160 ? 5 : 2), depth = 0;
    for (int i = 0; i < lines; i++) code_line(p, text[i], sizeof text[i], &depth, function);
    bool dark = chance(p, 0.6), numbered = chance(p, 0.3);
    rgb paper = dark ? vary(p, (rgb){28, 30, 38}, 14) : vary(p, (rgb){250, 250, 250}, 5),
        ink = dark ? vary(p, (rgb){220, 222, 225}, 20) : vary(p, (rgb){30, 30, 40}, 20);
    pen s = {mono_face_of(p, NULL), 1, 0, ink};
    if (!s.face) return false;
    double widest = 1;
    for (int i = 0; i < lines; i++) widest = fmax(widest, width_of(&s, text[i]));
    double left = uniform(p, 6, 16),
           size = fmin(fmin((im->width - 2 * left) / (widest + (numbered ? 2.5 : 0)),
                            (im->height - 12.0) / lines / 1.25),
                       24);
    if (size < 10.5) return false;
    s.size = fmax(10.5, size * uniform(p, 0.8, 1));
    ground(p, im, paper, false);
    fill_rect(p, im, 0, 0, im->width, im->height, paper, 1);
    double pitch = fmin((im->height - 10.0) / lines, s.size * uniform(p, 1.25, 1.6)), y = 6 + s.size;
    double from = left + (numbered ? 2.2 * s.size : 0);
    for (int i = 0; i < lines; i++, y += pitch) {
        char *t = text[i];
        pen part = s;
        if (chance(p, 0.4))
            part.ink = dark ? vary(p, (rgb){150, 200, 230}, 50) : vary(p, (rgb){40, 70, 140}, 40);
        if (numbered) {
            char k[8];
            pen grey = s;
            grey.ink = (rgb){130, 130, 130};
            snprintf(k, sizeof k, "%d", i + 1);
            int place = p->place; /* numbers of lines are not read */
            draw_text(p, im, &grey, k, left, y, 0);
            p->place = place;
        }
        draw_text(p, im, &part, t, from, y, 0);
        p->place++;
        append(d->whole, sizeof d->whole, i ? "\n" : "");
        append(d->whole, sizeof d->whole, t);
    }
    if (p->whole) {
        told(out, "code", chance(p, 0.5) ? "Read the code." : "Transcribe the code.", COPIED);
        append(out->answer, sizeof out->answer, d->whole);
        append(out->answer, sizeof out->answer, COPIED);
    } else if (function[0] && chance(p, 0.7)) {
        reply_value(p, out, "screen", "What is the name of the first function?", "the first function",
                    "function", function, true);
    } else {
        reply_number(p, out, "screen", "How many lines of code are there?",
                     lines == 1 ? "there is %s line." : "there are %s lines.", "lines", lines);
    }
    return true;
}

/* ---- dialogs and settings ---- */

static bool make_dialog(pictures *p, pictures_image *im, document *d, pictures_item *out)
{
    static const char *const titles[] = {"Warning", "Error",   "Save changes", "Delete file",
                                         "Update",  "Sign in", "Print",        "Question"};
    static const char *const buttons[] = {"OK",    "Cancel", "Yes",   "No",  "Save",
                                          "Close", "Retry",  "Later", "Open"};
    char line[2][MAX_TEXT], title[32];
    snprintf(title, sizeof title, "%s", PICK(p, titles));
    make_sentence(p, line[0], MAX_TEXT, 3 + below(p, 3));
    make_sentence(p, line[1], MAX_TEXT, 2 + below(p, 3));
    int lines = 1 + below(p, 2), n = 1 + below(p, 3), first = below(p, 3);
    bool dark = chance(p, 0.4);
    rgb paper = dark ? vary(p, (rgb){45, 45, 50}, 12) : vary(p, (rgb){246, 246, 246}, 8),
        ink = dark ? (rgb){230, 230, 230} : (rgb){25, 25, 25};
    pen s = {face_of(p, line[0]), 1, 0, ink};
    if (!s.face) return false;
    double w = im->width * uniform(p, 0.8, 0.95),
           widest = fmax(width_of(&s, line[0]), fmax(width_of(&s, line[1]), 14));
    s.size = fmin(fmin((w - 24) / widest, im->height / (lines * 1.4 + 4.6)), 22);
    if (s.size < 11) return false;
    double h = s.size * (lines * 1.4 + 4.4), x0 = (im->width - w) / 2,
           y0 = (im->height - h) * uniform(p, 0.1, 0.9);
    page g = {.p = p, .im = im, .d = d, .last_y = -1e9};
    ground(p, im, any_colour(p), true);
    rgb bar = vary(p, dark ? (rgb){70, 80, 110} : (rgb){190, 205, 230}, 25);
    fill_rect(p, im, x0, y0, x0 + w, y0 + h, paper, 1);
    fill_rect(p, im, x0, y0, x0 + w, y0 + 1.6 * s.size, bar, 1);
    page_text(&g, &s, x0 + 10, y0 + 1.15 * s.size, -1, title);
    for (int i = 0; i < lines; i++) page_text(&g, &s, x0 + 12, y0 + s.size * (2.9 + 1.4 * i), -1, line[i]);
    char list[96] = "";
    double x = x0 + 14, y = y0 + h - 0.75 * s.size;
    for (int i = 0; i < n; i++) {
        const char *b = buttons[(first + 2 * i) % 9];
        double bw = width_of(&s, b);
        if (x + bw + 12 > x0 + w) break;
        fill_rect(p, im, x - 8, y - 1.15 * s.size, x + bw + 8, y + 0.45 * s.size, bar, 1);
        page_text(&g, &s, x, y, -1, b);
        append(list, sizeof list, i ? ", " : "");
        append(list, sizeof list, b);
        x += bw + 30;
    }
    d->kind = "dialog";
    switch (p->whole ? 0 : 1 + below(p, 3)) {
    case 0: ask_whole(p, d, out); break;
    case 1:
        reply_value(p, out, "screen", "What is the title of the window?", "the title", "title", title, true);
        break;
    case 2:
        told(out, "screen", "Which buttons are there?", COPIED),
            append(out->answer, sizeof out->answer, list), append(out->answer, sizeof out->answer, COPIED);
        break;
    default:
        told(out, "screen", "What does the message say?", COPIED);
        append(out->answer, sizeof out->answer, line[0]);
        if (lines > 1)
            append(out->answer, sizeof out->answer, "\n"), append(out->answer, sizeof out->answer, line[1]);
        append(out->answer, sizeof out->answer, COPIED);
    }
    return true;
}

enum { MOST_SETTINGS = 8 };
typedef struct settings {
    int n, on, first;
    bool state[MOST_SETTINGS];
} settings;

static const char *setting_name(const settings *s, int k)
{
    static const char *const names[] = {"Wi-Fi",         "Bluetooth",     "Location",  "Dark mode",
                                        "Sound",         "Updates",       "Backup",    "Sync",
                                        "Airplane mode", "Notifications", "Vibration", "Camera"};
    return names[(s->first + k) % 12];
}

static void ask_settings(pictures *p, const void *what, pictures_item *out)
{
    const settings *s = what;
    int k = below(p, s->n);
    char q[96], v[96];
    switch (below(p, 4)) {
    case 0:
    case 1: snprintf(q, sizeof q, "Is %s on?", setting_name(s, k)), reply_yes(p, out, q, s->state[k]); break;
    case 2:
        snprintf(q, sizeof q, "Is %s on or off?", setting_name(s, k)),
            told(out, "screen", q, s->state[k] ? "on" : "off");
        break;
    default:
        snprintf(v, sizeof v, "%%s of them %s on.", s->on == 1 ? "is" : "are"),
            reply_number(p, out, "screen", "How many settings are on?", v, "on", s->on);
    }
}

static bool make_settings(pictures *p, pictures_image *im, document *d, pictures_item *out)
{
    settings l = {.n = 2 + below(p, im->height > 300 ? 6 : im->height > 160 ? 3 : 1), .first = below(p, 12)};
    if (p->easy && l.n > 3) l.n = 2 + below(p, 2);
    const int n = l.n;
    pen s = {face_of(p, NULL), 1, 0, {25, 25, 25}};
    if (!s.face) return false;
    bool dark = chance(p, 0.4);
    rgb paper = dark ? vary(p, (rgb){30, 30, 34}, 10) : vary(p, (rgb){250, 250, 250}, 5);
    if (dark) s.ink = (rgb){235, 235, 235};
    s.size = fmin(fmin(im->height / (n + 0.4) / 1.7, im->width / 12.0), 26);
    if (s.size < 11) return false;
    double pitch = im->height / (n + 0.4);
    fill_rect(p, im, 0, 0, im->width, im->height, paper, 1);
    page g = {.p = p, .im = im, .d = d, .last_y = -1e9};
    for (int i = 0; i < n; i++) {
        double y = (i + 0.75) * pitch, r = 0.5 * s.size, x = im->width - 18 - 2.4 * r, m = y - 0.35 * s.size;
        l.state[i] = chance(p, 0.5);
        l.on += l.state[i];
        page_text(&g, &s, 14, y, -1, setting_name(&l, i));
        rgb c = l.state[i] ? vary(p, (rgb){50, 160, 90}, 20) : (rgb){150, 150, 150};
        segment(im, x, m, x + 1.6 * r, m, 2 * r, c);
        disc(im, l.state[i] ? x + 1.6 * r : x, m, 0.8 * r, (rgb){250, 250, 250});
    }
    if (p->whole) {
        ask_whole(p, d, out);
    } else {
        ask_settings(p, &l, out);
        ask_more(p, ask_settings, &l);
    }
    return true;
}

bool make_screen(pictures *p, pictures_image *im, document *d, pictures_item *out)
{
    switch (below(p, 4)) {
    case 0:
    case 1: return make_code(p, im, d, out);
    case 2: return make_dialog(p, im, d, out);
    default: return make_settings(p, im, d, out);
    }
}
