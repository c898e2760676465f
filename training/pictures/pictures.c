/*
 * Training pictures: printed text, documents, charts, drawn shapes and scenes of emoji, with questions and
 * exact answers. Deterministic: the same assets, split, seed and index give the same picture on every
 * machine.
 *
 * One `pictures` context per thread (FreeType faces are not shared); see pictures.h for the interface.
 */
#include "parts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- random numbers: SplitMix64 ---- */

static uint64_t next(pictures *p)
{
    uint64_t z = p->rng += 0x9E3779B97F4A7C15ull;
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9ull;
    z = (z ^ z >> 27) * 0x94D049BB133111EBull;
    return z ^ z >> 31;
}
double uniform(pictures *p, double a, double b) { return a + (b - a) * (double)(next(p) >> 11) * 0x1p-53; }
int below(pictures *p, int n) { return (int)((next(p) >> 33) % (uint64_t)n); }
bool chance(pictures *p, double x) { return uniform(p, 0, 1) < x; }

int number(pictures *p, int a, int b)
{
    int n = b - a + 1;
    if (n < 50) return a + below(p, n);
    for (;;) {
        int x = a + below(p, n);
        if ((((uint32_t)x * 2654435761u >> 16) % 10 == 3) == (p->split == PICTURES_HELD_OUT)) return x;
    }
}

/* ---- files ---- */

char *read_file(const char *path)
{
    FILE *f = fopen(path, "rb");
    if (!f) return NULL;
    char *s = NULL;
    long n = fseek(f, 0, SEEK_END) ? -1 : ftell(f);
    rewind(f);
    if (n >= 0 && (s = malloc((size_t)n + 1))) {
        if (fread(s, 1, (size_t)n, f) == (size_t)n) {
            s[n] = 0;
        } else {
            free(s);
            s = NULL;
        }
    }
    fclose(f);
    return s;
}

/* The lines of a text of which one in twenty is kept from training. */
static int lines_of(char *bytes, char **out, pictures_split split)
{
    int n = 0, kept = 0;
    for (char *w = strtok(bytes, "\n"); w && n < MAX_WORDS; w = strtok(NULL, "\n"), kept++)
        if ((kept % 20 == 0) == (split == PICTURES_HELD_OUT)) out[n++] = w;
    return n;
}

pictures *pictures_open(const char *assets, pictures_split split)
{
    char path[512];
    pictures *p = calloc(1, sizeof *p);
    if (!p || FT_Init_FreeType(&p->library)) return free(p), NULL;
    p->split = split;
    p->level = 1;
    snprintf(path, sizeof path, "%s/fonts-%s.txt", assets, split == PICTURES_TRAIN ? "train" : "held-out");
    char *list = read_file(path);
    for (char *line = list ? strtok(list, "\n") : NULL; line && p->n_fonts < MAX_FONTS;
         line = strtok(NULL, "\n")) {
        snprintf(path, sizeof path, "%s/%s", assets, line);
        p->paths[p->n_fonts++] = strdup(path);
    }
    free(list);
    snprintf(path, sizeof path, "%s/words.txt", assets);
    p->word_bytes = read_file(path);
    snprintf(path, sizeof path, "%s/names.txt", assets);
    p->name_bytes = read_file(path);
    p->words = calloc(MAX_WORDS, sizeof *p->words);
    p->names = calloc(MAX_WORDS, sizeof *p->names);
    p->glyphs = calloc(N_GLYPHS, sizeof *p->glyphs);
    p->glyph_bytes = malloc(GLYPH_BYTES);
    if (!p->word_bytes || !p->words || !p->names || !p->glyphs || !p->glyph_bytes || !p->n_fonts)
        return pictures_close(p), NULL;
    p->n_words = lines_of(p->word_bytes, p->words, split);
    if (p->name_bytes) p->n_names = lines_of(p->name_bytes, p->names, split);
    if (!p->n_words || !sprites_open(p, assets)) return pictures_close(p), NULL;
    return p;
}

void pictures_close(pictures *p)
{
    if (!p) return;
    for (int i = 0; i < p->n_fonts; i++) {
        if (p->faces[i]) FT_Done_Face(p->faces[i]);
        free(p->paths[i]);
    }
    FT_Done_FreeType(p->library);
    sprites_close(p);
    free(p->word_bytes);
    free(p->words);
    free(p->name_bytes);
    free(p->names);
    free(p->glyphs);
    free(p->glyph_bytes);
    free(p);
}

void pictures_options(pictures *p, double level, bool clean)
{
    p->level = level < 0 ? 0 : level > 1 ? 1 : level;
    p->clean = clean;
}

int pictures_sprites(const pictures *p) { return p->n_sprites; }

static void draw(pictures *p, int task, pictures_image *im, pictures_item *out)
{
    no_marks(im);
    p->place = 0;
    p->turn = 0;
    p->turn_x = im->width / 2.0, p->turn_y = im->height / 2.0;
    start_page(p);
    out->task[0] = out->prompt[0] = out->answer[0] = 0;
    out->style = -1;
    p->easy = p->split == PICTURES_TRAIN && chance(p, 0.6 - 0.3 * p->level);
    p->hand = p->split == PICTURES_TRAIN && chance(p, 0.5) ? any_hand(p) : plain_hand();
    switch (task) {
    case PICTURES_READING: make_reading(p, im, out); break;
    case PICTURES_SCENES: make_scene(p, im, out); break;
    case PICTURES_PARAGRAPHS: make_paragraph(p, im, out); break;
    case PICTURES_PAGES:
    case PICTURES_DOCUMENTS: make_document(p, im, out); break;
    case PICTURES_CHARTS: make_chart(p, im, out); break;
    default: make_shapes(p, im, out); break;
    }
}

/* Draws and asks; p->more is filled where the family has more questions than one. */
static void make(pictures *p, uint64_t seed, uint64_t index, int task, pictures_image *im, pictures_item *out)
{
    p->rng = seed * 0xD1342543DE82EF95ull + index * 0x2545F4914F6CDD1Dull + (uint64_t)p->split;
    for (int i = 0; i < 4; i++) next(p);
    if (task == PICTURES_ANY) task = 1 + below(p, PICTURES_FAMILIES - 1);
    if (task == PICTURES_SCENES && !p->n_sprites) task = PICTURES_SHAPES;
    p->whole = task == PICTURES_PAGES;
    int tries = 0;
    do draw(p, task, im, out);
    while (p->spoiled && ++tries < 40);
    if (p->spoiled) out->answer[0] = 0; /* callers pass over what has no answer */
    /* Small letters bear less. */
    damage(p, im, out, task >= PICTURES_PARAGRAPHS ? 0.5 : 1);
}

int pictures_ask(pictures *p, uint64_t seed, uint64_t index, int task, pictures_image *im, pictures_item *out,
                 int most)
{
    p->more = out + 1, p->n_more = most - 1;
    for (int i = 1; i < most; i++) memset(&out[i], 0, offsetof(pictures_item, answer) + 1);
    make(p, seed, index, task, im, out);
    p->more = NULL, p->n_more = 0;
    int n = 1;
    for (int i = 1; i < most; i++) {
        bool fresh = out[i].answer[0];
        for (int j = 0; j < n; j++) fresh &= strcmp(out[i].prompt, out[j].prompt) != 0;
        if (fresh && n++ != i) out[n - 1] = out[i];
    }
    return n;
}
