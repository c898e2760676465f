/* Scenes of emoji: one large, or several with counts, sizes and places. */
#include "parts.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { MOST_THINGS = 12 };

typedef struct thing {
    int name, cell;
    double x, y, size;
    bool big;
} thing;

typedef struct scene {
    thing t[MOST_THINGS];
    int n, across, down; /* cells */
    int kinds[MOST_THINGS], counts[MOST_THINGS], n_kinds;
    bool sizes; /* large and small ones */
} scene;

static const char *const one_prompts[] = {"What is this?", "What is in this image?", "What do you see?", "Name the object.", "What is shown here?"};
static const char *const describe_prompts[] = {"Describe this image.", "Describe the picture.", "Describe this image in one sentence.", "Write alt text for this image.", "What is in this image?"};

static const char *name_of(const pictures *p, int i) { return p->sprites[i].name; }
static const char *name_for(const pictures *p, int i, int n) { return n == 1 ? p->sprites[i].name : p->sprites[i].plural; }

static int any_name(pictures *p, int style)
{
    int i;
    do i = below(p, p->n_sprites);
    while (!sprite_there(p, style, i));
    return i;
}

static int count_of(const scene *s, int name)
{
    for (int i = 0; i < s->n_kinds; i++)
        if (s->kinds[i] == name) return s->counts[i];
    return 0;
}

/* One that is not in the scene; most often of the same kind as one that is. */
static int absent_name(pictures *p, const scene *s, int style)
{
    for (int tries = 0;; tries++) {
        int i = any_name(p, style);
        if (count_of(s, i)) continue;
        if (tries < 30 && chance(p, 0.5) && strcmp(p->sprites[i].kind, p->sprites[s->kinds[0]].kind)) continue;
        return i;
    }
}

/* "a", "an" or a number before the name. */
static void counted(const pictures *p, char *out, size_t size, int name, int n)
{
    if (n == 1) snprintf(out, size, "%s %s", article(name_of(p, name)), name_of(p, name));
    else snprintf(out, size, "%s %s", numbers[n], name_for(p, name, n));
}

static const char *place_of(const scene *s, const thing *t)
{
    static const char *const places[] = {"top left", "top", "top right", "left", "middle", "right", "bottom left", "bottom", "bottom right"};
    int column = s->across == 1 ? 1 : t->cell % s->across * 2 / (s->across - 1), row = s->down == 1 ? 1 : t->cell / s->across * 2 / (s->down - 1);
    return places[3 * row + column];
}

static void describe(pictures *p, const scene *s, char *out, size_t size)
{
    out[0] = 0;
    for (int i = 0; i < s->n_kinds; i++) {
        char one[96];
        counted(p, one, sizeof one, s->kinds[i], s->counts[i]);
        append(out, size, !i ? "" : i + 1 == s->n_kinds ? " and " : ", ");
        append(out, size, one);
    }
    capital(out);
    append(out, size, ".");
}

static void describe_pair(pictures *p, const scene *s, char *out, size_t size)
{
    char a[96], b[96];
    counted(p, a, sizeof a, s->t[0].name, 1);
    counted(p, b, sizeof b, s->t[1].name, 1);
    snprintf(out, size, "%s %s %s.", a, s->across == 2 ? "to the left of" : "above", b);
    capital(out);
}

/* ---- one thing ---- */

static void ask_one(pictures *p, const scene *s, int style, pictures_item *out)
{
    int name = s->t[0].name, other = absent_name(p, s, style);
    const char *n = name_of(p, name), *o = name_of(p, other);
    char q[200], v[160];
    switch (below(p, 12)) {
    case 0:
    case 1:
    case 2:
    case 3:
    case 4: /* what it is, in a word or as a sentence */
        if (chance(p, 0.75)) {
            told(out, "name", PICK(p, one_prompts), NULL);
            if (chance(p, 0.4)) {
                append(out->prompt, sizeof out->prompt, " Answer with the name only.");
                snprintf(out->answer, sizeof out->answer, "%s", n);
            } else {
                snprintf(out->answer, sizeof out->answer, "%s %s", article(n), n);
                capital(out->answer);
                append(out->answer, sizeof out->answer, ".");
            }
        } else {
            told(out, "describe", PICK(p, describe_prompts), NULL);
            describe(p, s, out->answer, sizeof out->answer);
        }
        return;
    case 5:
        told(out, "json", chance(p, 0.5) ? "What is this? Answer as JSON with the fields \"name\" and \"kind\"." : "Give \"name\" and \"kind\" as JSON.", NULL);
        snprintf(out->answer, sizeof out->answer, "{\"name\": \"%s\", \"kind\": \"%s\"}", n, p->sprites[name].kind);
        return;
    case 6: {
        const char *others[4];
        for (int i = 0; i < 4; i++) others[i] = name_of(p, any_name(p, style));
        reply_choice(p, out, "What is this?", n, others, 2 + below(p, 3), false);
        return;
    }
    case 7:
    case 8:
        if (chance(p, 0.5)) {
            snprintf(q, sizeof q, "Is there %s %s in the picture?", article(n), n);
            reply_yes(p, out, q, true);
        } else {
            snprintf(q, sizeof q, "Is there %s %s in the picture?", article(o), o);
            reply_yes(p, out, q, false);
        }
        return;
    case 9:
        if (p->sprites[name].colour >= 0) {
            snprintf(q, sizeof q, chance(p, 0.5) ? "What colour is the %s?" : "What color is the %s?", n);
            snprintf(v, sizeof v, "the %s", n);
            reply_value(p, out, "colour", q, v, "colour", colours[p->sprites[name].colour].name, false);
            return;
        } /* fall through */
    case 10: {
        static const char *const kinds[] = {"animal", "plant", "food", "drink", "vehicle", "object", "place", "weather", "face"};
        reply_choice(p, out, "What kind of thing is this?", p->sprites[name].kind, kinds + below(p, 4), 4, false);
        return;
    }
    default: {
        static const char *const asks[] = {"Where is the %s?", "What colour is the %s?", "Describe the %s."};
        snprintf(q, sizeof q, PICK(p, asks), o);
        reply_absent(p, out, q, o);
        return;
    }
    }
}

/* ---- several ---- */

static void ask_place(pictures *p, const scene *s, const thing *x, pictures_item *out)
{
    static const char *const sides[] = {"left", "right", "above", "below"};
    char q[256], v[160];
    if (count_of(s, x->name) != 1) return;
    int way = below(p, 4);
    if (chance(p, 0.45)) {
        snprintf(q, sizeof q, "Where is the %s?", name_of(p, x->name));
        snprintf(v, sizeof v, "the %s", name_of(p, x->name));
        if (chance(p, 0.8)) {
            told(out, "place", q, place_of(s, x));
        } else {
            told(out, "place", q, NULL);
            append(out->prompt, sizeof out->prompt, " Answer in one sentence.");
            snprintf(out->answer, sizeof out->answer, "The %s is at the %s.", name_of(p, x->name), place_of(s, x));
        }
        return;
    }
    /* Its neighbour on a side: the next cell that way must be the one asked about. */
    int column = x->cell % s->across, row = x->cell / s->across;
    int c = column + (way == 0 ? -1 : way == 1 ? 1 : 0), r = row + (way == 2 ? -1 : way == 3 ? 1 : 0);
    if (c < 0 || r < 0 || c >= s->across || r >= s->down) return;
    for (int i = 0; i < s->n; i++)
        if (s->t[i].cell == r * s->across + c) {
            snprintf(q, sizeof q, way < 2 ? "What is to the %s of the %s?" : "What is %s the %s?", sides[way], name_of(p, x->name));
            told(out, "place", q, NULL);
            snprintf(out->answer, sizeof out->answer, "%s", name_of(p, s->t[i].name));
            return;
        }
}

static void ask_order(pictures *p, const scene *s, pictures_item *out)
{
    const thing *a = &s->t[below(p, s->n)], *b = &s->t[below(p, s->n)];
    if (a->name == b->name || count_of(s, a->name) != 1 || count_of(s, b->name) != 1) return;
    int ca = a->cell % s->across, cb = b->cell % s->across, ra = a->cell / s->across, rb = b->cell / s->across;
    char q[256];
    if (ca != cb && chance(p, 0.5)) {
        bool left = chance(p, 0.5), yes = left ? ca < cb : ca > cb;
        if (chance(p, 0.5)) {
            snprintf(q, sizeof q, "Is the %s to the %s of the %s?", name_of(p, a->name), left ? "left" : "right", name_of(p, b->name));
            reply_yes(p, out, q, yes);
        } else {
            snprintf(q, sizeof q, "Which is further to the %s, the %s or the %s?", left ? "left" : "right", name_of(p, a->name), name_of(p, b->name));
            told(out, "place", q, name_of(p, yes ? a->name : b->name));
        }
    } else if (ra != rb) {
        bool up = chance(p, 0.5), yes = up ? ra < rb : ra > rb;
        snprintf(q, sizeof q, "Is the %s %s the %s?", name_of(p, a->name), up ? "above" : "below", name_of(p, b->name));
        reply_yes(p, out, q, yes);
    }
}

static void ask_json(pictures *p, const scene *s, pictures_item *out)
{
    char part[128];
    told(out, "json", chance(p, 0.5) ? "Count each thing. Answer as JSON." : "List what is there with counts as JSON.", "{");
    for (int i = 0; i < s->n_kinds; i++) {
        snprintf(part, sizeof part, "%s\"%s\": %d", i ? ", " : "", name_of(p, s->kinds[i]), s->counts[i]);
        append(out->answer, sizeof out->answer, part);
    }
    append(out->answer, sizeof out->answer, "}");
}

static bool ask_several(pictures *p, const scene *s, int style, pictures_item *out)
{
    const thing *x = &s->t[below(p, s->n)];
    int other = absent_name(p, s, style);
    const char *n = name_of(p, x->name), *o = name_of(p, other);
    char q[256], v[160];
    out->answer[0] = 0;
    switch (below(p, 14)) {
    case 0:
    case 1:
        snprintf(q, sizeof q, chance(p, 0.7) ? "How many %s are there?" : "Count the %s.", p->sprites[x->name].plural);
        snprintf(v, sizeof v, count_of(s, x->name) == 1 ? "there is %%s %s." : "there are %%s %s.", name_for(p, x->name, count_of(s, x->name)));
        reply_number(p, out, "count", q, v, "count", count_of(s, x->name));
        return true;
    case 2:
        reply_number(p, out, "count", chance(p, 0.5) ? "How many things are there?" : "How many objects are in this image?",
                     s->n == 1 ? "there is %s thing." : "there are %s things.", "count", s->n);
        return true;
    case 3:
        reply_number(p, out, "count", "How many different things are there?", s->n_kinds == 1 ? "there is %s kind of thing." : "there are %s different things.", "kinds",
                     s->n_kinds);
        return true;
    case 4:
    case 5: ask_place(p, s, x, out); return out->answer[0];
    case 6: ask_order(p, s, out); return out->answer[0];
    case 7:
        if (chance(p, 0.5)) {
            snprintf(q, sizeof q, "Is there %s %s in the picture?", article(n), n);
            reply_yes(p, out, q, true);
        } else {
            snprintf(q, sizeof q, "Is there %s %s in the picture?", article(o), o);
            reply_yes(p, out, q, false);
        }
        return true;
    case 8: {
        static const char *const asks[] = {"Where is the %s?", "What colour is the %s?", "What is next to the %s?", "How big is the %s?"};
        if (chance(p, 0.3)) {
            snprintf(q, sizeof q, "How many %s are there?", p->sprites[other].plural);
            told(out, "count", q, "0");
            return true;
        }
        snprintf(q, sizeof q, PICK(p, asks), o);
        reply_absent(p, out, q, o);
        return true;
    }
    case 9:
        if (!s->sizes || s->n < 2 || count_of(s, x->name) != 1) return false;
        for (int i = 0; i < s->n; i++)
            if (&s->t[i] != x && s->t[i].big == x->big) return false; /* the only large or small one */
        if (chance(p, 0.5)) {
            told(out, "size", x->big ? "Which thing is the largest?" : "Which thing is the smallest?", n);
        } else {
            snprintf(q, sizeof q, "Is the %s large or small?", n);
            told(out, "size", q, x->big ? "large" : "small");
        }
        return true;
    case 10:
        if (p->sprites[x->name].colour < 0 || count_of(s, x->name) != 1) return false;
        snprintf(q, sizeof q, chance(p, 0.5) ? "What colour is the %s?" : "What color is the %s?", n);
        snprintf(v, sizeof v, "the %s", n);
        reply_value(p, out, "colour", q, v, "colour", colours[p->sprites[x->name].colour].name, false);
        return true;
    case 11: ask_json(p, s, out); return true;
    default:
        told(out, "describe", PICK(p, describe_prompts), NULL);
        if (s->n == 2 && s->n_kinds == 2 && s->across * s->down == 2 && chance(p, 0.6)) describe_pair(p, s, out->answer, sizeof out->answer);
        else describe(p, s, out->answer, sizeof out->answer);
        return true;
    }
}

static void arrange(pictures *p, pictures_image *im, scene *s, int style)
{
    int cells[16], n_cells = s->across * s->down;
    for (int i = 0; i < n_cells; i++) cells[i] = i;
    for (int i = n_cells - 1; i > 0; i--) {
        int j = below(p, i + 1), t = cells[i];
        cells[i] = cells[j], cells[j] = t;
    }
    for (int i = 0; i < s->n; i++) /* in reading order */
        for (int j = i + 1; j < s->n; j++)
            if (cells[j] < cells[i]) {
                int t = cells[i];
                cells[i] = cells[j], cells[j] = t;
            }
    int pool[4], n_pool = 1 + below(p, 4);
    for (int i = 0; i < 4; i++) pool[i] = any_name(p, style);
    s->sizes = chance(p, 0.3);
    double cw = (double)im->width / s->across, ch = (double)im->height / s->down, room = fmin(cw, ch);
    int odd = below(p, s->n);
    bool odd_big = chance(p, 0.5);
    for (int i = 0; i < s->n; i++) {
        thing *t = &s->t[i];
        t->name = pool[below(p, n_pool)];
        t->cell = cells[i];
        t->big = (i == odd) == odd_big;
        t->size = room * (s->sizes ? (t->big ? uniform(p, 0.8, 0.95) : uniform(p, 0.35, 0.48)) : uniform(p, 0.6, 0.95));
        if (s->n == 1) t->size = room * uniform(p, 0.3, 0.98);
        if (t->size < 26) t->size = fmin(26, room);
        double slack_x = (cw - t->size) / 2, slack_y = (ch - t->size) / 2;
        t->x = (t->cell % s->across + 0.5) * cw + uniform(p, -slack_x, slack_x);
        t->y = (t->cell / s->across + 0.5) * ch + uniform(p, -slack_y, slack_y);
        int k = 0;
        while (k < s->n_kinds && s->kinds[k] != t->name) k++;
        if (k == s->n_kinds) s->kinds[s->n_kinds++] = t->name;
        s->counts[k]++;
    }
}

/* How much a drawing stands out from the ground must not be left to chance: dark ones on dark grounds do not. */
static rgb paper_colour(pictures *p)
{
    double u = uniform(p, 0, 1);
    if (u < 0.5) return vary(p, (rgb){240, 240, 240}, 15);
    if (u < 0.92) return vary(p, (rgb){195, 205, 205}, 50);
    return vary(p, (rgb){110, 110, 120}, 40);
}

void make_scene(pictures *p, pictures_image *im, pictures_item *out)
{
    scene s = {.n = 1, .across = 1, .down = 1};
    int style = out->style = sprite_style(p);
    if (chance(p, 0.62)) {
        static const int grids[][2] = {{2, 1}, {1, 2}, {2, 2}, {3, 2}, {2, 3}, {3, 3}, {3, 3}, {3, 3}};
        int most = im->width < 160 || im->height < 160 ? 3 : 8, g = below(p, most);
        s.across = grids[g][0], s.down = grids[g][1];
        int cells = s.across * s.down;
        s.n = cells == 2 ? 2 : 1 + below(p, cells < MOST_THINGS ? cells : MOST_THINGS);
        if (p->level < 0.5 && s.n > 4) s.n = 1 + below(p, 4);
    }
    ground(p, im, paper_colour(p), true);
    arrange(p, im, &s, style);
    look l = any_look(p);
    for (int i = 0; i < s.n; i++) {
        thing *t = &s.t[i];
        look own = l;
        if (s.n > 1 && chance(p, 0.3)) own.turn = uniform(p, -0.2, 0.2);
        mark_sprite(im, t->x, t->y, t->name, l.grey > 0 || !p->coloured[style] ? -1 : p->sprites[t->name].colour);
        sprite_draw(p, im, style, t->name, t->x, t->y, t->size, &own);
    }
    for (int tries = 0; tries < 30; tries++) {
        if (s.n == 1 && s.across == 1) ask_one(p, &s, style, out);
        else if (!ask_several(p, &s, style, out)) continue;
        /* What is drawn without its colours is not asked about them. */
        bool mono = l.grey > 0 || !p->coloured[style];
        if (mono && (strstr(out->prompt, "colour is") || strstr(out->prompt, "color is")) && strcmp(out->task, "absent")) continue;
        return;
    }
    told(out, "describe", "Describe this image.", NULL);
    describe(p, &s, out->answer, sizeof out->answer);
}
