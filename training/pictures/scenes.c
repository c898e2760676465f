/* Scenes of emoji: one large, or several on a grid of cells, of all sizes. */
#include "scenes.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

int any_name(pictures *p, int style)
{
    int i;
    do i = below(p, p->n_sprites);
    while (!sprite_there(p, style, i));
    return i;
}

/* The general name first. */
static const char *const families[][10] = {
    {"ball", "basketball", "american football", "tennis ball"},
    {"car", "taxi", "racing car", "police car", "ambulance"},
    {"bird", "chicken", "penguin", "chick", "duck", "eagle", "owl", "rooster"},
    {"chicken", "chick", "rooster"},
    {"fish", "blowfish", "shark"},
    {"tree", "christmas tree", "fir tree", "palm tree"},
    {"fir tree", "christmas tree"},
    {"cloud", "rain cloud", "thunder cloud"},
    {"apple", "green apple"},
    {"shoe", "boot"},
    {"heart", "broken heart"},
    {"train", "locomotive"},
    {"ship", "sailboat", "speedboat", "canoe"},
    {"truck", "fire engine"},
    {"bear", "panda", "koala"},
    {"telephone", "mobile phone"},
    {"piece of cake", "birthday cake"},
    {"bicycle", "scooter"},
    {"bouquet", "rose", "tulip", "sunflower"},
    {"house", "school", "hospital", "factory", "castle", "church"},
    {"cocktail", "glass of wine"},
    {"lizard", "dragon", "crocodile"},
    {"watch", "alarm clock"},
    {"melon", "watermelon"},
    {"wave", "water drop"},
};

static bool covers(const pictures *p, int general, int other)
{
    for (size_t i = 0; i < sizeof families / sizeof *families; i++)
        for (int k = 1; k < 10 && families[i][k]; k++)
            if (!strcmp(families[i][0], p->sprites[general].name) &&
                !strcmp(families[i][k], p->sprites[other].name))
                return true;
    return false;
}

bool alike_names(const pictures *p, int a, int b) { return a == b || covers(p, a, b) || covers(p, b, a); }

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
    for (int i = 0; i < 4; i++) { /* none of which would do as a name for another */
        bool alike;
        do {
            pool[i] = any_name(p, style), alike = false;
            for (int j = 0; j < i; j++) alike |= alike_names(p, pool[i], pool[j]);
        } while (alike);
    }
    s->sizes = chance(p, 0.3);
    double cw = (double)im->width / s->across, ch = (double)im->height / s->down, room = fmin(cw, ch);
    int odd = below(p, s->n);
    bool odd_big = chance(p, 0.5);
    for (int i = 0; i < s->n; i++) {
        thing *t = &s->t[i];
        t->name = pool[below(p, n_pool)];
        t->cell = cells[i];
        t->big = (i == odd) == odd_big;
        t->size = room * (s->sizes ? (t->big ? uniform(p, 0.8, 0.95) : uniform(p, 0.35, 0.48))
                                   : uniform(p, 0.6, 0.95));
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

/* How much a drawing stands out from the ground must not be left to chance: dark ones on dark grounds do not.
 */
static rgb paper_colour(pictures *p)
{
    double u = uniform(p, 0, 1);
    if (u < 0.5) return vary(p, (rgb){240, 240, 240}, 15);
    if (u < 0.92) return vary(p, (rgb){195, 205, 205}, 50);
    return vary(p, (rgb){110, 110, 120}, 40);
}

/* What is drawn without its colours is not asked about them. */
static void ask_scene(pictures *p, const scene *s, pictures_item *out)
{
    for (int tries = 0; tries < 30; tries++) {
        if (s->n == 1 && s->across == 1)
            ask_one(p, s, s->style, out);
        else if (!ask_several(p, s, s->style, out))
            continue;
        if (s->mono && (strstr(out->prompt, "colour is") || strstr(out->prompt, "color is")) &&
            strcmp(out->task, "absent"))
            continue;
        return;
    }
    told(out, "describe", "Describe this image.", NULL);
    describe_scene(p, s, out->answer, sizeof out->answer);
}

static void ask_again(pictures *p, const void *what, pictures_item *out)
{
    if (chance(p, 0.5))
        drill_scene(p, what, out);
    else
        ask_scene(p, what, out);
}

/* Whether a thing is the same in any colour: a shirt is, an apple is not. */
static bool any_coloured(const sprite_name *name)
{
    return name->colour < 0 && (!strcmp(name->kind, "object") || !strcmp(name->kind, "vehicle") ||
                                !strcmp(name->kind, "animal") || !strcmp(name->kind, "place"));
}

void make_scene(pictures *p, pictures_image *im, pictures_item *out)
{
    scene s = {.n = 1, .across = 1, .down = 1};
    int style = s.style = out->style = sprite_style(p);
    s.im = im;
    if (chance(p, 0.62)) {
        static const int grids[][2] = {{2, 1}, {1, 2}, {2, 2}, {3, 2}, {2, 3}, {3, 3}, {3, 3}, {3, 3}};
        int most = im->width < 160 || im->height < 160 ? 3 : 8, g = below(p, p->easy ? 3 : most);
        s.across = grids[g][0], s.down = grids[g][1];
        int cells = s.across * s.down;
        s.n = cells == 2 ? 2 : 1 + below(p, cells < MOST_THINGS ? cells : MOST_THINGS);
        if (p->easy && s.n > 3) s.n = 2 + below(p, 2);
        if (p->level < 0.5 && s.n > 4) s.n = 1 + below(p, 4);
    }
    ground(p, im, paper_colour(p), true);
    arrange(p, im, &s, style);
    look l = any_look(p);
    for (int i = 0; i < s.n; i++) {
        thing *t = &s.t[i];
        look own = l;
        if (!any_coloured(&p->sprites[t->name])) own.swap = 0;
        if (s.n > 1 && chance(p, 0.3)) own.turn = uniform(p, -0.2, 0.2);
        double reach = 0.5 * t->size * (fabs(cos(own.turn)) + fabs(sin(own.turn))); /* corners stay within */
        t->x = 2 * reach < im->width ? clamp(t->x, reach, im->width - reach) : im->width / 2.0;
        t->y = 2 * reach < im->height ? clamp(t->y, reach, im->height - reach) : im->height / 2.0;
        mark_sprite(im, t->x, t->y, t->name,
                    l.grey > 0 || !sprite_has_colour(p, style, t->name) ? -1 : p->sprites[t->name].colour);
        sprite_draw(p, im, style, t->name, t->x, t->y, t->size, &own);
    }
    s.mono = l.grey > 0 || !p->coloured[style];
    ask_scene(p, &s, out);
    ask_more(p, ask_again, &s);
}
