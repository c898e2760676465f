/* Training pictures with their questions and answers. */
#ifndef TRAINING_PICTURES_H
#define TRAINING_PICTURES_H

#include <stdbool.h>
#include <stdint.h>

typedef struct pictures pictures;
typedef enum pictures_split { PICTURES_TRAIN, PICTURES_HELD_OUT } pictures_split;
enum { PICTURES_ANY, PICTURES_READING, PICTURES_SHAPES };

typedef struct pictures_image {
    int width, height;
    uint8_t *rgb; /* [height, width, 3], the caller's */
} pictures_image;

typedef struct pictures_item {
    char task[16], prompt[160], answer[720];
} pictures_item;

/* `assets` holds fonts-train.txt, fonts-held-out.txt (font files, one a line), words.txt. NULL when they
 * cannot be read. */
pictures *pictures_open(const char *assets, pictures_split split);
void pictures_close(pictures *p);
/* Draws picture `index` of the series `seed` over the whole of `im` and fills `out`. */
void pictures_make(pictures *p, uint64_t seed, uint64_t index, int task, pictures_image *im,
                   pictures_item *out);

#endif
