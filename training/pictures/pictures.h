/* Training pictures with their questions and answers. */
#ifndef TRAINING_PICTURES_H
#define TRAINING_PICTURES_H

#include <stdbool.h>
#include <stdint.h>

typedef struct pictures pictures;
typedef enum pictures_split { PICTURES_TRAIN, PICTURES_HELD_OUT } pictures_split;
enum { PICTURES_ANY, PICTURES_READING, PICTURES_SHAPES };

/*
 * What stands where, for each 32x32 cell of a picture (one image token), row by row:
 * bytes 0 to 7   the characters whose middle lies in the cell, in reading order: code - 31 of ASCII 32 to 126,
 *                96 for the euro sign, 0 when there are no more; a ninth character is left out
 * byte 8         1 + shape of the object whose middle lies in the cell, or 0
 * byte 9         1 + its colour, or 0
 * byte 10        place of the cell's first character in the answer (0 to 254), 255 when there is none
 * byte 11        1 when more than eight characters or more than one object lie in the cell
 */
enum { PICTURES_CELL = 32, PICTURES_SLOTS = 8, PICTURES_MARKS = 12 };

typedef struct pictures_image {
    int width, height;
    uint8_t *rgb;   /* [height, width, 3], the caller's */
    uint8_t *marks; /* [height / 32, width / 32, 12], the caller's, or NULL */
} pictures_image;

/* Blur (times) and noise (amplitude, one value for all channels or three): what pictures_options left to the caller. */
typedef struct pictures_item {
    char task[16], prompt[160], answer[720];
    int blur, noise, grey;
} pictures_item;

/* `assets` holds fonts-train.txt, fonts-held-out.txt (font files, one a line), words.txt. NULL when they
 * cannot be read. */
pictures *pictures_open(const char *assets, pictures_split split);
void pictures_close(pictures *p);
/* `level`, 0 to 1: how long and how small text is; 1 (as opened) draws what the model is measured on. `clean`: blur and
 * noise are only named in the item. */
void pictures_options(pictures *p, double level, bool clean);
/* Draws picture `index` of the series `seed` over the whole of `im` and fills `out`. */
void pictures_make(pictures *p, uint64_t seed, uint64_t index, int task, pictures_image *im,
                   pictures_item *out);

#endif
