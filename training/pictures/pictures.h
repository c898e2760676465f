/* Training pictures with their questions and answers. */
#ifndef TRAINING_PICTURES_H
#define TRAINING_PICTURES_H

#include <stdbool.h>
#include <stdint.h>

typedef struct pictures pictures;
typedef enum pictures_split { PICTURES_TRAIN, PICTURES_HELD_OUT } pictures_split;
enum {
    PICTURES_ANY,
    PICTURES_READING,    /* lines of printed text */
    PICTURES_SHAPES,     /* drawn shapes */
    PICTURES_SCENES,     /* emoji */
    PICTURES_PARAGRAPHS, /* up to twelve lines */
    PICTURES_DOCUMENTS,  /* receipts, invoices, forms, cards, tickets, labels, signs, tables, screens:
                            questions */
    PICTURES_PAGES,      /* the same and code: the whole text */
    PICTURES_CHARTS,     /* bars, lines, pies */
    PICTURES_FAMILIES
};

/*
 * What stands where, for each 32x32 cell of a picture (one image token), row by row:
 * bytes 0 to 17  the characters by the place of their middle, three rows of six parts of the cell: 1 to 95 of
 * ASCII 32 to 126, then the places in pictures_letters; 0 where there is none; one that finds its part and
 * those to the right of it taken is left out
 * byte 18        1 + shape of the object whose middle lies in the cell, or 0
 * byte 19        1 + its colour, or 0
 * byte 20        1 + emoji (line of sprites.txt) whose middle lies in the cell, or 0
 * byte 21        place of the cell's first character in the answer (0 to 254), 255 when there is none
 */
enum {
    PICTURES_CELL = 32,
    PICTURES_COLUMNS = 6,
    PICTURES_ROWS = 3,
    PICTURES_SHAPE = PICTURES_COLUMNS * PICTURES_ROWS,
    PICTURES_COLOUR,
    PICTURES_SPRITE,
    PICTURES_PLACE,
    PICTURES_MARKS,
    PICTURES_NOWHERE = 255
};
/* The characters beyond ASCII that are drawn, UTF-8. */
extern const char pictures_letters[];

typedef struct pictures_image {
    int width, height;
    uint8_t *rgb;   /* [height, width, 3], the caller's */
    uint8_t *marks; /* [height / 32, width / 32, PICTURES_MARKS], the caller's, or NULL */
} pictures_image;

/* In the answer, what is copied letter by letter from the picture stands between bytes 1. */
typedef struct pictures_item {
    char task[16], prompt[512], answer[2400];
    /* Blur (times) and noise (amplitude, one value for all channels or three): what pictures_options left to
     * the caller. JPEG compression (quality, 0 for none) always is. */
    int blur, noise, grey, jpeg;
    int style; /* of emoji (line of styles in sprites.py), -1 without */
} pictures_item;

/* `assets` holds fonts-train.txt, fonts-held-out.txt (font files, one a line), words.txt, and, where they
 * are, names.txt (of people and places), sprites.bin and sprites.txt (emoji; without them there are no
 * scenes). NULL when they cannot be read. */
pictures *pictures_open(const char *assets, pictures_split split);
void pictures_close(pictures *p);
/* `level`, 0 to 1: how long and how small text is; 1 (as opened) draws what the model is measured on.
 * `clean`: blur and noise are only named in the item. The training split also draws simple pictures, more of
 * them the lower the level: few things, few fields, few bars. */
void pictures_options(pictures *p, double level, bool clean);
/* How many emoji there are. */
int pictures_sprites(const pictures *p);
/* Draws picture `index` of the series `seed` over the whole of `im` and fills `out` with up to `most`
 * questions about it, no two alike; returns how many there are. The picture and the first question do not
 * depend on `most`. Style and damage are told in out[0] alone. */
int pictures_ask(pictures *p, uint64_t seed, uint64_t index, int task, pictures_image *im, pictures_item *out,
                 int most);

#endif
