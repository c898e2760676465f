/* Fonts, printed text, and the marks that tell what stands where. */
#include "parts.h"

#include FT_ADVANCES_H
#include FT_GLYPH_H
#include FT_OUTLINE_H
#include <math.h>
#include <stdlib.h>
#include <string.h>

const char pictures_letters[] = "€£°–—‘’“”…«»¿¡§©ÀÁÂÃÄÅÆÇÈÉÊËÌÍÎÏÑÒÓÔÕÖØÙÚÛÜÝàáâãäåæçèéêëìíîïñòóôõöøùúûüýÿßĄą"
                                "ĆćČčĎďĘęĚěĞğİıŁłŃńŇňŘřŚśŞşŠšŤťŮůŰűŹźŻżŽžŐőŒœ";

uint32_t utf8(const char **s)
{
    const unsigned char *q = (const unsigned char *)*s;
    if (q[0] < 0x80) return *s += 1, q[0];
    if (q[0] < 0xe0) return *s += 2, (q[0] & 31u) << 6 | (q[1] & 63u);
    return *s += 3, (q[0] & 15u) << 12 | (q[1] & 63u) << 6 | (q[2] & 63u);
}

/* ---- marks ---- */

void no_marks(const pictures_image *im)
{
    if (!im->marks) return;
    size_t cells = (size_t)(im->width / PICTURES_CELL) * (size_t)(im->height / PICTURES_CELL);
    memset(im->marks, 0, cells * PICTURES_MARKS);
    for (size_t i = 0; i < cells; i++) im->marks[i * PICTURES_MARKS + PICTURES_PLACE] = PICTURES_NOWHERE;
}

/* The cell of a point, or NULL when the caller wants none or the point lies outside. */
static uint8_t *cell_at(const pictures_image *im, double x, double y)
{
    if (!im->marks || x < 0 || y < 0 || x >= im->width || y >= im->height) return NULL;
    int w = im->width / PICTURES_CELL, cx = (int)x / PICTURES_CELL, cy = (int)y / PICTURES_CELL;
    if (cx >= w || cy >= im->height / PICTURES_CELL) return NULL;
    return im->marks + PICTURES_MARKS * ((size_t)cy * (size_t)w + (size_t)cx);
}

static int class_of(uint32_t c)
{
    if (c >= 32 && c < 127) return (int)c - 31;
    int class = 96;
    for (const char *s = pictures_letters; *s; class ++)
        if (utf8(&s) == c) return class;
    return 0;
}

static void mark_character(pictures *p, const pictures_image *im, double x, double y, uint32_t c)
{
    uint8_t *m = cell_at(im, x, y);
    int place = p->place++, class = m ? class_of(c) : 0;
    if (!class) return;
    if (m[PICTURES_PLACE] == PICTURES_NOWHERE) m[PICTURES_PLACE] = (uint8_t)(place < 254 ? place : 254);
    /* Its part of the cell; where that is taken (narrow letters), the next one to the right. */
    int column = (int)(fmod(x, PICTURES_CELL) * PICTURES_COLUMNS / PICTURES_CELL),
        row = (int)(fmod(y, PICTURES_CELL) * PICTURES_ROWS / PICTURES_CELL);
    uint8_t *slot = m + PICTURES_COLUMNS * row;
    while (column < PICTURES_COLUMNS && slot[column]) column++;
    if (column < PICTURES_COLUMNS) slot[column] = (uint8_t) class;
}

void mark_object(const pictures_image *im, double x, double y, int shape, int colour)
{
    uint8_t *m = cell_at(im, x, y);
    if (m) m[PICTURES_SHAPE] = (uint8_t)(1 + shape), m[PICTURES_COLOUR] = (uint8_t)(1 + colour);
}

void mark_sprite(const pictures_image *im, double x, double y, int sprite, int colour)
{
    uint8_t *m = cell_at(im, x, y);
    if (m) m[PICTURES_SPRITE] = (uint8_t)(1 + sprite), m[PICTURES_COLOUR] = (uint8_t)(1 + colour);
}

/* ---- fonts ---- */

static bool has_all(FT_Face f, const char *text)
{
    for (const char *s = text; *s;) {
        uint32_t c = utf8(&s);
        if (c != '\n' && !FT_Get_Char_Index(f, c)) return false;
    }
    return true;
}

static FT_Face face(pictures *p, int i)
{
    if (!p->faces[i] && FT_New_Face(p->library, p->paths[i], 0, &p->faces[i])) p->faces[i] = NULL;
    if (p->faces[i]) p->faces[i]->generic.data = &p->hand;
    return p->faces[i];
}

hand plain_hand(void) { return (hand){1, 0, 0}; }

hand any_hand(pictures *p)
{
    hand h = plain_hand();
    if (chance(p, 0.6)) h.stretch = exp(uniform(p, log(0.78), log(1.25)));
    if (chance(p, 0.5)) h.slant = uniform(p, -0.08, 0.38);
    if (chance(p, 0.5)) h.weight = uniform(p, -0.02, 0.04);
    return h;
}

static const hand *hand_of(FT_Face f) { return f->generic.data; }

FT_Face face_of(pictures *p, const char *text)
{
    if (!text) text = "AZaz09éÉöñ€";
    for (int tries = 0; tries < 40; tries++) {
        FT_Face f = face(p, below(p, p->n_fonts));
        if (f && has_all(f, text)) return f;
    }
    return NULL;
}

FT_Face mono_face_of(pictures *p, const char *text)
{
    for (int tries = 0; tries < 60; tries++) {
        FT_Face f = face(p, below(p, p->n_fonts));
        FT_Fixed narrow, wide;
        if (!f || !has_all(f, text ? text : "AZaz09{}")) continue;
        if (!FT_Get_Advance(f, FT_Get_Char_Index(f, 'i'), FT_LOAD_NO_SCALE, &narrow) &&
            !FT_Get_Advance(f, FT_Get_Char_Index(f, 'W'), FT_LOAD_NO_SCALE, &wide) && narrow == wide)
            return f;
    }
    return face_of(p, text);
}

static double kerning(FT_Face f, FT_UInt before, FT_UInt g)
{
    FT_Vector k = {0, 0};
    if (before && FT_HAS_KERNING(f)) FT_Get_Kerning(f, before, g, FT_KERNING_UNSCALED, &k);
    return (double)k.x / f->units_per_EM * hand_of(f)->stretch;
}

static double advance_of(FT_Face f, FT_UInt g)
{
    FT_Fixed a = 0;
    FT_Get_Advance(f, g, FT_LOAD_NO_SCALE, &a);
    return (double)a / f->units_per_EM * hand_of(f)->stretch;
}

double width_of(const pen *s, const char *text)
{
    double x = 0;
    FT_UInt before = 0;
    while (*text) {
        FT_UInt g = FT_Get_Char_Index(s->face, utf8(&text));
        x += (kerning(s->face, before, g) + advance_of(s->face, g)) * s->size + s->spacing;
        before = g;
    }
    return x;
}

/* ---- drawing ---- */

/* A glyph of the present picture, drawn once for each of four places of the pen within a pixel. */
static const glyph *glyph_of(pictures *p, FT_Face f, double size, FT_UInt g, int qx, int qy, double angle)
{
    static const glyph none;
    uint64_t key = ((uint64_t)(uintptr_t)f >> 4) * 0x9E3779B97F4A7C15ull;
    key = (key ^ (uint64_t)(size * 64)) * 0xBF58476D1CE4E5B9ull;
    key = (key ^ (uint64_t)((int)(angle * 1e5) + 500000)) * 0x94D049BB133111EBull;
    key = (key ^ ((uint64_t)g << 4 | (uint64_t)(qx << 2 | qy))) * 0x9E3779B97F4A7C15ull | 1;
    glyph *c = &p->glyphs[key >> 53]; /* 2048 places */
    if (c->key == key) return c;
    const hand *h = hand_of(f);
    double ct = cos(angle) * 65536, st = sin(angle) * 65536;
    FT_Matrix m = {(FT_Fixed)(ct * h->stretch), (FT_Fixed)(ct * h->slant - st), (FT_Fixed)(st * h->stretch),
                   (FT_Fixed)(st * h->slant + ct)};
    FT_Pos thicker = (FT_Pos)(h->weight * size * 64);
    FT_Vector shift = {qx * 16, qy * 16};
    FT_Set_Char_Size(f, 0, (FT_F26Dot6)(size * 64), 72, 72);
    FT_Set_Transform(f, &m, &shift);
    bool drawn = !FT_Load_Glyph(f, g, FT_LOAD_NO_HINTING | FT_LOAD_NO_BITMAP);
    if (drawn && thicker && f->glyph->format == FT_GLYPH_FORMAT_OUTLINE) {
        FT_Outline_Embolden(&f->glyph->outline, thicker);
        FT_Outline_Translate(&f->glyph->outline, -thicker / 2, -thicker / 2);
    }
    drawn = drawn && !FT_Render_Glyph(f->glyph, FT_RENDER_MODE_NORMAL);
    FT_Set_Transform(f, NULL, NULL);
    if (!drawn) return &none;
    const FT_Bitmap *b = &f->glyph->bitmap;
    size_t n = (size_t)b->rows * b->width;
    if (p->glyph_used + n > GLYPH_BYTES) { /* full: begin anew */
        memset(p->glyphs, 0, N_GLYPHS * sizeof *p->glyphs);
        p->glyph_used = 0;
        if (n > GLYPH_BYTES) return &none;
    }
    uint8_t *to = p->glyph_bytes + p->glyph_used;
    for (unsigned r = 0; r < b->rows; r++)
        memcpy(to + r * b->width, b->buffer + (ptrdiff_t)r * b->pitch, b->width);
    p->glyph_used += n;
    *c = (glyph){.key = key,
                 .bytes = to,
                 .left = f->glyph->bitmap_left,
                 .top = f->glyph->bitmap_top,
                 .width = (int)b->width,
                 .rows = (int)b->rows};
    return c;
}

void start_page(pictures *p)
{
    p->n_boxes = 0, p->spoiled = false;
    p->glyph_used = 0;
    memset(p->glyphs, 0, N_GLYPHS * sizeof *p->glyphs);
    for (int i = 0; i < p->n_more; i++) p->more[i].task[0] = p->more[i].prompt[0] = p->more[i].answer[0] = 0;
}

/* A piece of text (page coordinates) was drawn: does it lie over another? */
static void note_box(pictures *p, struct box own)
{
    for (int i = 0; i < p->n_boxes; i++) {
        const struct box *b = &p->boxes[i];
        p->spoiled |= own.x0 < b->x1 && b->x0 < own.x1 && own.y0 < b->y1 && b->y0 < own.y1;
    }
    if (p->n_boxes < MOST_BOXES) p->boxes[p->n_boxes++] = own;
}

/* Whether what is at (x, y) is too near to the ink; small letters need more. */
static bool faint(const pictures_image *im, const pen *s, double x, double y, double ink)
{
    if (x < 0 || y < 0 || x >= im->width || y >= im->height) return false;
    const uint8_t *q = im->rgb + 3 * ((size_t)y * (size_t)im->width + (size_t)x);
    return fabs(luma((rgb){q[0], q[1], q[2]}) - ink) < (s->size < 16 ? 50 : 36);
}

/* False when a part of it lies outside. */
static bool blit(pictures_image *im, const glyph *g, int x, int y, rgb ink)
{
    const int c[3] = {(int)ink.r, (int)ink.g, (int)ink.b};
    int from = x < 0 ? -x : 0, to = x + g->width > im->width ? im->width - x : g->width;
    for (int r = 0; r < g->rows; r++) {
        if (y + r < 0 || y + r >= im->height) continue;
        uint8_t *q = im->rgb + 3 * ((size_t)(y + r) * (size_t)im->width + (size_t)(x + from));
        const uint8_t *a = g->bytes + (size_t)r * (size_t)g->width;
        for (int i = from; i < to; i++, q += 3)
            if (a[i])
                for (int k = 0; k < 3; k++)
                    q[k] = (uint8_t)(q[k] + ((c[k] - q[k]) * a[i] + (c[k] >= q[k] ? 127 : -127)) / 255);
    }
    return !g->width || (x >= 0 && y >= 0 && x + g->width <= im->width && y + g->rows <= im->height);
}

double draw_text(pictures *p, pictures_image *im, const pen *s, const char *text, double x, double y,
                 double angle)
{
    double ct = cos(p->turn), st = sin(p->turn), dx = x - p->turn_x, dy = y - p->turn_y, walked = 0,
           ink = luma(s->ink);
    struct box own = {(float)x, (float)(y - 0.66 * s->size), (float)x, (float)(y + 0.08 * s->size)};
    int letters = 0, hidden = 0;
    x = p->turn_x + dx * ct + dy * st, y = p->turn_y - dx * st + dy * ct;
    angle += p->turn;
    ct = cos(angle), st = sin(angle);
    FT_UInt before = 0;
    while (*text) {
        uint32_t letter = utf8(&text);
        FT_UInt g = FT_Get_Char_Index(s->face, letter);
        double k = kerning(s->face, before, g) * s->size,
               advance = advance_of(s->face, g) * s->size + s->spacing, up = 0.3 * s->size;
        x += k * ct, y -= k * st;
        double along = advance / 2 + hand_of(s->face)->slant * up, u = x + along * ct - up * st,
               v = y - along * st - up * ct;
        mark_character(p, im, u, v, letter);
        letters++, hidden += faint(im, s, u, v, ink);
        if (letter != ' ') {
            int qx = (int)floor(x * 4 + 0.5), qy = (int)floor(-y * 4 + 0.5);
            if (angle == 0) qy = (qy + 2) & ~3;
            const glyph *d = glyph_of(p, s->face, s->size, g, qx & 3, qy & 3, angle);
            p->spoiled |= !blit(im, d, (qx >> 2) + d->left, -(qy >> 2) - d->top, s->ink);
        }
        x += advance * ct, y -= advance * st;
        walked += k + advance;
        before = g;
    }
    own.x1 += (float)walked;
    note_box(p, own);
    p->spoiled |= 4 * hidden > letters; /* letters before may hang over: a few count for nothing */
    return walked;
}
