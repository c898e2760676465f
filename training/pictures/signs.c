/* Signs: notices, opening hours. */
#include "documents.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static void ask_hours(pictures *p, const void *what, pictures_item *out)
{
    const document *d = what;
    const field *f = &d->f[below(p, d->n_fields)];
    char q[96];
    if (chance(p, 0.2)) {
        snprintf(q, sizeof q, "Is it open on %s?", f->label);
        reply_yes(p, out, q, strcmp(f->value, "closed"));
    } else {
        snprintf(q, sizeof q, "What are the opening hours on %s?", f->label);
        told(out, "sign", q, COPIED);
        append(out->answer, sizeof out->answer, f->value);
        append(out->answer, sizeof out->answer, COPIED);
    }
}

static bool make_hours(pictures *p, pictures_image *im, document *d, pictures_item *out)
{
    static const char *const days[] = {"Monday", "Tuesday",  "Wednesday", "Thursday",
                                       "Friday", "Saturday", "Sunday"};
    d->task = "sign", d->kind = "sign";
    snprintf(d->title, sizeof d->title, "%s", chance(p, 0.6) ? "Opening hours" : "OPEN");
    int n = 2 + below(p, im->height > 200 ? 6 : 2), first = below(p, 8 - n);
    char v[64];
    for (int i = 0; i < n; i++) {
        if (chance(p, p->split == PICTURES_TRAIN ? 0.25 : 0.12))
            snprintf(v, sizeof v, "closed");
        else
            snprintf(v, sizeof v, "%d:%02d - %d:%02d", 6 + below(p, 6), 15 * below(p, 4), 13 + below(p, 10),
                     15 * below(p, 4));
        add_field(d, days[first + i], days[first + i], days[first + i], v);
    }
    d->n_head = n;
    if (!lay_out(p, im, d)) return false;
    ask_hours(p, d, out);
    ask_more(p, ask_hours, d);
    return true;
}

bool make_sign(pictures *p, pictures_image *im, document *d, pictures_item *out)
{
    static const char *const usual[] = {"EXIT",       "STOP",      "NO PARKING", "OPEN",     "CLOSED",
                                        "PUSH",       "PULL",      "DANGER",     "KEEP OUT", "SALE",
                                        "FOR RENT",   "PRIVATE",   "ENTRANCE",   "TOILETS",  "ONE WAY",
                                        "NO SMOKING", "WET PAINT", "RECEPTION"};
    static const char *const prompts[] = {"What does the sign say?", "Read the sign.",
                                          "Read the text in this image."};
    if (chance(p, 0.3) && im->height >= 128) return make_hours(p, im, d, out);
    char text[3][MAX_TEXT];
    int lines = 1 + below(p, im->height > 160 ? 3 : 1);
    for (int i = 0; i < lines; i++) {
        text[i][0] = 0;
        if (chance(p, 0.3))
            snprintf(text[i], MAX_TEXT, "%s", PICK(p, usual));
        else
            make_line(p, text[i], 14 + below(p, 6));
    }
    rgb ink, board;
    text_colours(p, &ink, &board, 90);
    page g = {.p = p, .im = im, .d = d, .last_y = -1e9};
    char all[3 * MAX_TEXT] = "";
    for (int i = 0; i < lines; i++) append(all, sizeof all, text[i]);
    pen s = {face_of(p, all), 1, 0, ink};
    if (!s.face) return false;
    double widest = 1;
    for (int i = 0; i < lines; i++) widest = fmax(widest, width_of(&s, text[i]));
    p->turn = chance(p, 0.4) ? uniform(p, -0.08, 0.08) : 0;
    double pad = 0.07 * im->width + fabs(p->turn) * fmax(im->height, im->width) / 2;
    s.size = fmin(fmin((im->width - 2.6 * pad) / widest, (im->height - 2 * pad) / lines / 1.6), 90);
    if (s.size < 12) return false;
    double w = widest * s.size, h = s.size * 1.3 * lines, cx = im->width / 2.0, cy = im->height / 2.0,
           m = 0.45 * s.size;
    ground(p, im, any_colour(p), true);
    fill_rect(p, im, cx - w / 2 - m, cy - h / 2 - m * 0.6, cx + w / 2 + m, cy + h / 2 + m * 0.6, board, 1);
    if (chance(p, 0.4))
        frame(p, im, cx - w / 2 - m * 0.7, cy - h / 2 - m * 0.4, cx + w / 2 + m * 0.7, cy + h / 2 + m * 0.4,
              fmax(1, s.size * 0.06), ink);
    for (int i = 0; i < lines; i++) page_text(&g, &s, cx, cy - h / 2 + s.size * (1.0 + 1.3 * i), 0, text[i]);
    told(out, "sign", PICK(p, prompts), COPIED);
    append(out->answer, sizeof out->answer, d->whole);
    append(out->answer, sizeof out->answer, COPIED);
    return true;
}
