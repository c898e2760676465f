/* What the generator's files share. See pictures.h for what callers see. */
#ifndef TRAINING_PARTS_H
#define TRAINING_PARTS_H

#include "pictures.h"

#include <ft2build.h>
#include FT_FREETYPE_H
#include <stddef.h>

enum {
    MAX_FONTS = 1024,
    MAX_WORDS = 200000,
    MAX_SPRITES = 256,
    MAX_STYLES = 48,
    MAX_TEXT = 160,
    MOST_BOXES = 160
};

typedef struct rgb {
    double r, g, b;
} rgb;

typedef struct sprite_name {
    const char *name, *plural, *kind;
    int colour; /* -1: none that every drawing has */
} sprite_name;

/* How the letters of a picture differ from their font's, so that few fonts are many: as wide as `stretch` times, `slant` of their
 * height to the right, strokes `weight` of the letters' size thicker. */
typedef struct hand {
    double stretch, slant, weight;
} hand;

/* One drawn glyph of the present picture (text.c). */
typedef struct glyph {
    uint64_t key;
    const uint8_t *bytes;
    int left, top, width, rows;
    double advance;
} glyph;
enum { N_GLYPHS = 2048, GLYPH_BYTES = 1 << 20 };

struct pictures {
    FT_Library library;
    FT_Face faces[MAX_FONTS];
    char *paths[MAX_FONTS];
    int n_fonts;
    char *word_bytes, **words, *name_bytes, **names;
    int n_words, n_names;
    char *sprite_bytes; /* sprites.txt */
    sprite_name sprites[MAX_SPRITES];
    const uint8_t *sprite_map;
    size_t sprite_map_size;
    const uint8_t *sprite_has, *sprite_pixels;
    int n_sprites, n_styles, n_held_out, side;
    bool coloured[MAX_STYLES]; /* styles that have colours */
    int share[MAX_STYLES];     /* how often training takes a style, in relation to others */
    uint64_t rng;
    pictures_split split;
    double level;
    bool clean, whole;           /* whole: documents are asked for their whole text, else never */
    bool easy;                   /* this picture is to be a simple one (training alone) */
    hand hand;                   /* of this picture (training alone; else the fonts as they are) */
    int place;                   /* of the next character in the answer */
    double turn, turn_x, turn_y; /* of the page, around a point */
    glyph *glyphs;
    uint8_t *glyph_bytes;
    size_t glyph_used;
    pictures_item *more; /* other questions about the picture, for families that have several; out of `out` */
    int n_more;
    /* Pieces of text that were drawn, in page coordinates. `spoiled`: one left the picture, lies over another
     * or does not stand out; the picture is drawn anew. */
    struct box {
        float x0, y0, x1, y1;
    } boxes[MOST_BOXES];
    int n_boxes;
    bool spoiled;
};

/* ---- pictures.c: random numbers ---- */
double uniform(pictures *p, double a, double b);
int below(pictures *p, int n);
bool chance(pictures *p, double x);
/* A number from a to b; where there are many, one in ten is kept from training (the held-out split draws
 * those alone). */
int number(pictures *p, int a, int b);
#define PICK(p, list) ((list)[below(p, (int)(sizeof(list) / sizeof *(list)))])
/* The file's bytes and a final 0, the caller's to free; NULL when it cannot be read whole. */
char *read_file(const char *path);

/* ---- draw.c ---- */
double clamp(double x, double a, double b);
rgb vary(pictures *p, rgb c, double by);
double luma(rgb c);
rgb any_colour(pictures *p);
/* Ink and paper at least `least` apart in luma. */
void text_colours(pictures *p, rgb *ink, rgb *paper, double least);
void put(pictures_image *im, int x, int y, rgb c, double a);
/* Plain, graded, striped; `textured`: speckles and soft blots too. */
void ground(pictures *p, pictures_image *im, rgb a, bool textured);
/* In page coordinates (turned with the page). */
void fill_rect(pictures *p, pictures_image *im, double x0, double y0, double x1, double y1, rgb c, double a);
void frame(pictures *p, pictures_image *im, double x0, double y0, double x1, double y1, double w, rgb c);
void rule(pictures *p, pictures_image *im, double x0, double x1, double y, double w, rgb c, bool dotted);
void barcode(pictures *p, pictures_image *im, double x0, double y0, double x1, double y1, rgb c);
void segment(pictures_image *im, double x0, double y0, double x1, double y1, double w, rgb c);
void disc(pictures_image *im, double x, double y, double r, rgb c);
void pie(pictures_image *im, double x, double y, double r, int n, const double *ends, const rgb *c);
void damage(pictures *p, pictures_image *im, pictures_item *out, double least);

enum { N_COLOURS = 10 };
extern const struct named_colour {
    const char *name;
    rgb c;
} colours[N_COLOURS];

/* ---- words.c ---- */
void append(char *s, size_t size, const char *t);
const char *word(pictures *p);
void capital(char *s);
void add_word(pictures *p, char *s, size_t size);
void accent(pictures *p, char *s, size_t size, double share);
void make_line(pictures *p, char *s, int longest);
void make_sentence(pictures *p, char *s, size_t size, int words);
void person(pictures *p, char *s, size_t size);
void company(pictures *p, char *s, size_t size);
void date(pictures *p, char *s, size_t size);
void clock_time(pictures *p, char *s, size_t size);
void phone(pictures *p, char *s, size_t size);
void code(pictures *p, char *s, size_t size, int n);
void street(pictures *p, char *s, size_t size);
void city(pictures *p, char *s, size_t size);
void slug(char *out, size_t size, const char *name);
const char *article(const char *name);
extern const char *const numbers[21];

/* ---- text.c ---- */
typedef struct pen {
    FT_Face face;
    double size, spacing;
    rgb ink;
} pen;
uint32_t utf8(const char **s);
/* A face that has every character of `text` (NULL: any face, of Latin letters with accents); NULL when 40
 * tries found none. */
FT_Face face_of(pictures *p, const char *text);
/* One with all letters as wide as each other, else any. */
FT_Face mono_face_of(pictures *p, const char *text);
double width_of(const pen *s, const char *text);
/* Draws text with its baseline's left end at (x, y) of the page; returns its width. */
double draw_text(pictures *p, pictures_image *im, const pen *s, const char *text, double x, double y,
                 double angle);
/* Letters as the fonts have them; others. */
hand plain_hand(void);
hand any_hand(pictures *p);
/* Forgets the text that was drawn and the further questions that were asked before. */
void start_page(pictures *p);
/* Forgets all marks of a picture. */
void no_marks(const pictures_image *im);
void mark_object(const pictures_image *im, double x, double y, int shape, int colour);
void mark_sprite(const pictures_image *im, double x, double y, int sprite, int colour);

/* ---- sprites.c ---- */
bool sprites_open(pictures *p, const char *assets);
void sprites_close(pictures *p);
/* A style of this split, in training as often as its drawings are to come, and whether it has the name. */
int sprite_style(pictures *p);
bool sprite_there(const pictures *p, int style, int name);
bool sprite_has_colour(const pictures *p, int style, int name);
/* Draws with its middle at (x, y), `size` pixels wide. */
typedef struct look {
    double turn, hue[3], grey;
    double outline, border; /* dark along the drawing's edge, white around it: shares of its size */
    double wide, high;      /* 1 and less, so that it stays in its square */
    int swap;               /* of the channels, 1 to 5 */
    bool mirrored;
} look;
look plain_look(void);
look any_look(pictures *p);
void sprite_draw(const pictures *p, pictures_image *im, int style, int name, double x, double y, double size,
                 const look *l);

/* ---- replies.c ---- */
/* Around what is copied from the picture; callers write such spans byte by byte. */
#define COPIED "\x01"
void told(pictures_item *out, const char *task, const char *prompt, const char *answer);
/* A question with one value: plain, one word, one sentence, JSON. `subject` as in "the total". */
void reply_value(pictures *p, pictures_item *out, const char *task, const char *question, const char *subject,
                 const char *key, const char *value, bool copied);
void reply_number(pictures *p, pictures_item *out, const char *task, const char *question,
                  const char *sentence, const char *key, int n);
void reply_yes(pictures *p, pictures_item *out, const char *question, bool yes);
void reply_absent(pictures *p, pictures_item *out, const char *question, const char *thing);
void reply_choice(pictures *p, pictures_item *out, const char *question, const char *right,
                  const char *const *others, int n, bool copied);
/* "top left" to "bottom right" of what has its middle there; NULL where two of them would do. */
const char *place_in(const pictures_image *im, double x, double y);
/* Fills p->more by `ask`, which leaves an answer empty where it finds no question; what is drawn afterwards
 * does not depend on how many there are. */
void ask_more(pictures *p, void (*ask)(pictures *p, const void *what, pictures_item *out), const void *what);

/* ---- families ---- */
void make_reading(pictures *p, pictures_image *im, pictures_item *out);
void make_paragraph(pictures *p, pictures_image *im, pictures_item *out);
void make_shapes(pictures *p, pictures_image *im, pictures_item *out);
void make_scene(pictures *p, pictures_image *im, pictures_item *out);
void make_document(pictures *p, pictures_image *im, pictures_item *out);
void make_chart(pictures *p, pictures_image *im, pictures_item *out);

#endif
