/* A scene of emoji as it is made up and drawn, before it is asked about. */
#ifndef TRAINING_SCENES_H
#define TRAINING_SCENES_H

#include "parts.h"

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
    int style;
    bool mono; /* drawn without colours */
    const pictures_image *im;
} scene;

/* One that the style has. */
int any_name(pictures *p, int style);
/* The same, or one of them would do as a name for the other: a duck is a bird too. */
bool alike_names(const pictures *p, int a, int b);
/* scene_questions.c: about a single thing; about several (false when what was drawn lots for does not suit
 * the scene). */
void ask_one(pictures *p, const scene *s, int style, pictures_item *out);
bool ask_several(pictures *p, const scene *s, int style, pictures_item *out);
/* scene_drills.c: short answers that take looking; may leave the answer empty. */
void drill_scene(pictures *p, const scene *s, pictures_item *out);
int absent_name(pictures *p, const scene *s, int style);
int count_of(const scene *s, int name);
const char *name_of(const pictures *p, int i);
void describe_scene(pictures *p, const scene *s, char *out, size_t size);

#endif
