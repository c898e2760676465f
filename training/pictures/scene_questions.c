/* What is asked about a scene of emoji. */
#include "scenes.h"

#include <stdio.h>
#include <string.h>

static const char *const one_prompts[] = {"What is this?", "What is in this image?", "What do you see?",
                                          "Name the object.", "What is shown here?"};
static const char *const describe_prompts[] = {"Describe this image.", "Describe the picture.",
                                               "Describe this image in one sentence.",
                                               "Write alt text for this image.", "What is in this image?"};

const char *name_of(const pictures *p, int i) { return p->sprites[i].name; }
static const char *name_for(const pictures *p, int i, int n)
{
    return n == 1 ? p->sprites[i].name : p->sprites[i].plural;
}

int count_of(const scene *s, int name)
{
    for (int i = 0; i < s->n_kinds; i++)
        if (s->kinds[i] == name) return s->counts[i];
    return 0;
}

/* One that is not in the scene; most often of the same kind as one that is. In training also one that the
 * style lacks, or a style with few drawings would tell what cannot be asked. */
int absent_name(pictures *p, const scene *s, int style)
{
    for (int tries = 0;; tries++) {
        int i = p->split == PICTURES_TRAIN ? below(p, p->n_sprites) : any_name(p, style);
        bool alike = false;
        for (int k = 0; k < s->n_kinds; k++) alike |= alike_names(p, i, s->kinds[k]);
        if (alike) continue;
        if (tries < 30 && chance(p, 0.5) && strcmp(p->sprites[i].kind, p->sprites[s->kinds[0]].kind))
            continue;
        return i;
    }
}

/* "a", "an" or a number before the name. */
static void counted(const pictures *p, char *out, size_t size, int name, int n)
{
    if (n == 1)
        snprintf(out, size, "%s %s", article(name_of(p, name)), name_of(p, name));
    else
        snprintf(out, size, "%s %s", numbers[n], name_for(p, name, n));
}

void describe_scene(pictures *p, const scene *s, char *out, size_t size)
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

void ask_one(pictures *p, const scene *s, int style, pictures_item *out)
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
            describe_scene(p, s, out->answer, sizeof out->answer);
        }
        return;
    case 5:
        told(out, "json",
             chance(p, 0.5) ? "What is this? Answer as JSON with the fields \"name\" and \"kind\"."
                            : "Give \"name\" and \"kind\" as JSON.",
             NULL);
        snprintf(out->answer, sizeof out->answer, "{\"name\": \"%s\", \"kind\": \"%s\"}", n,
                 p->sprites[name].kind);
        return;
    case 6: {
        const char *others[4];
        for (int i = 0; i < 4; i++) others[i] = name_of(p, absent_name(p, s, style));
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
        if (sprite_has_colour(p, style, name)) {
            snprintf(q, sizeof q, chance(p, 0.5) ? "What colour is the %s?" : "What color is the %s?", n);
            snprintf(v, sizeof v, "the %s", n);
            reply_value(p, out, "colour", q, v, "colour", colours[p->sprites[name].colour].name, false);
            return;
        } /* fall through */
    case 10: {
        static const char *const kinds[] = {"animal", "plant", "food",    "drink", "vehicle",
                                            "object", "place", "weather", "face"};
        reply_choice(p, out, "What kind of thing is this?", p->sprites[name].kind, kinds + below(p, 4), 4,
                     false);
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
        const char *place = place_in(s->im, x->x, x->y);
        if (!place) return;
        snprintf(q, sizeof q, "Where is the %s?", name_of(p, x->name));
        snprintf(v, sizeof v, "the %s", name_of(p, x->name));
        if (chance(p, 0.8)) {
            told(out, "place", q, place);
        } else {
            told(out, "place", q, NULL);
            append(out->prompt, sizeof out->prompt, " Answer in one sentence.");
            snprintf(out->answer, sizeof out->answer, "The %s is %s the %s.", name_of(p, x->name),
                     strcmp(place, "middle") ? "at" : "in", place);
        }
        return;
    }
    /* Its neighbour on a side: the next cell that way must be the one asked about. */
    int column = x->cell % s->across, row = x->cell / s->across;
    int c = column + (way == 0 ? -1 : way == 1 ? 1 : 0), r = row + (way == 2 ? -1 : way == 3 ? 1 : 0);
    if (c < 0 || r < 0 || c >= s->across || r >= s->down) return;
    for (int i = 0; i < s->n; i++)
        if (s->t[i].cell == r * s->across + c) {
            snprintf(q, sizeof q, way < 2 ? "What is to the %s of the %s?" : "What is %s the %s?", sides[way],
                     name_of(p, x->name));
            told(out, "place", q, NULL);
            snprintf(out->answer, sizeof out->answer, "%s", name_of(p, s->t[i].name));
            return;
        }
}

static void ask_order(pictures *p, const scene *s, pictures_item *out)
{
    const thing *a = &s->t[below(p, s->n)], *b = &s->t[below(p, s->n)];
    if (a->name == b->name || count_of(s, a->name) != 1 || count_of(s, b->name) != 1) return;
    int ca = a->cell % s->across, cb = b->cell % s->across, ra = a->cell / s->across,
        rb = b->cell / s->across;
    char q[256];
    if (ca != cb && chance(p, 0.5)) {
        bool left = chance(p, 0.5), yes = left ? ca < cb : ca > cb;
        if (chance(p, 0.5)) {
            snprintf(q, sizeof q, "Is the %s to the %s of the %s?", name_of(p, a->name),
                     left ? "left" : "right", name_of(p, b->name));
            reply_yes(p, out, q, yes);
        } else {
            snprintf(q, sizeof q, "Which is further to the %s, the %s or the %s?", left ? "left" : "right",
                     name_of(p, a->name), name_of(p, b->name));
            told(out, "place", q, name_of(p, yes ? a->name : b->name));
        }
    } else if (ra != rb) {
        bool up = chance(p, 0.5), yes = up ? ra < rb : ra > rb;
        snprintf(q, sizeof q, "Is the %s %s the %s?", name_of(p, a->name), up ? "above" : "below",
                 name_of(p, b->name));
        reply_yes(p, out, q, yes);
    }
}

static void ask_json(pictures *p, const scene *s, pictures_item *out)
{
    char part[128];
    told(out, "json",
         chance(p, 0.5) ? "Count each thing. Answer as JSON." : "List what is there with counts as JSON.",
         "{");
    for (int i = 0; i < s->n_kinds; i++) {
        snprintf(part, sizeof part, "%s\"%s\": %d", i ? ", " : "", name_of(p, s->kinds[i]), s->counts[i]);
        append(out->answer, sizeof out->answer, part);
    }
    append(out->answer, sizeof out->answer, "}");
}

bool ask_several(pictures *p, const scene *s, int style, pictures_item *out)
{
    const thing *x = &s->t[below(p, s->n)];
    int other = absent_name(p, s, style);
    const char *n = name_of(p, x->name), *o = name_of(p, other);
    char q[256], v[160];
    out->answer[0] = 0;
    switch (below(p, 14)) {
    case 0:
    case 1:
        snprintf(q, sizeof q, chance(p, 0.7) ? "How many %s are there?" : "Count the %s.",
                 p->sprites[x->name].plural);
        snprintf(v, sizeof v, count_of(s, x->name) == 1 ? "there is %%s %s." : "there are %%s %s.",
                 name_for(p, x->name, count_of(s, x->name)));
        reply_number(p, out, "count", q, v, "count", count_of(s, x->name));
        return true;
    case 2:
        reply_number(p, out, "count",
                     chance(p, 0.5) ? "How many things are there?" : "How many objects are in this image?",
                     s->n == 1 ? "there is %s thing." : "there are %s things.", "count", s->n);
        return true;
    case 3:
        reply_number(p, out, "count", "How many different things are there?",
                     s->n_kinds == 1 ? "there is %s kind of thing." : "there are %s different things.",
                     "kinds", s->n_kinds);
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
        static const char *const asks[] = {"Where is the %s?", "What colour is the %s?",
                                           "What is next to the %s?", "How big is the %s?"};
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
        if (!sprite_has_colour(p, style, x->name) || count_of(s, x->name) != 1) return false;
        snprintf(q, sizeof q, chance(p, 0.5) ? "What colour is the %s?" : "What color is the %s?", n);
        snprintf(v, sizeof v, "the %s", n);
        reply_value(p, out, "colour", q, v, "colour", colours[p->sprites[x->name].colour].name, false);
        return true;
    case 11: ask_json(p, s, out); return true;
    default:
        told(out, "describe", PICK(p, describe_prompts), NULL);
        if (s->n == 2 && s->n_kinds == 2 && s->across * s->down == 2 && chance(p, 0.6))
            describe_pair(p, s, out->answer, sizeof out->answer);
        else
            describe_scene(p, s, out->answer, sizeof out->answer);
        return true;
    }
}
