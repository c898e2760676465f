/*
 * Training pictures: printed words and lines in many fonts on plain and noisy grounds, and drawn shapes with
 * questions about colour, count, shape and place. Deterministic: the same split, seed and index give the same
 * picture on every machine.
 *
 * One `pictures` context per thread (FreeType faces are not shared); see pictures.h for the interface.
 */
#include "pictures.h"

#include <ft2build.h>
#include FT_FREETYPE_H
#include FT_GLYPH_H
#include FT_OUTLINE_H
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_FONTS = 1024, MAX_WORDS = 200000, MAX_TEXT = 160 };

struct pictures {
    FT_Library library;
    FT_Face faces[MAX_FONTS];
    char *paths[MAX_FONTS];
    int n_fonts;
    char *word_bytes, **words;
    int n_words;
    uint64_t rng;
    pictures_split split;
    double level;
    bool clean;
    int place; /* of the next character in the answer */
};

/* ---- random numbers: SplitMix64 ---- */

static uint64_t next(pictures *p)
{
    uint64_t z = p->rng += 0x9E3779B97F4A7C15ull;
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9ull;
    z = (z ^ z >> 27) * 0x94D049BB133111EBull;
    return z ^ z >> 31;
}
static double uniform(pictures *p, double a, double b)
{
    return a + (b - a) * (double)(next(p) >> 11) * 0x1p-53;
}
static int below(pictures *p, int n) { return (int)((next(p) >> 33) % (uint64_t)n); }
static bool chance(pictures *p, double x) { return uniform(p, 0, 1) < x; }

/* ---- lists ---- */

/* The file's bytes and a final 0, the caller's to free; NULL when it cannot be read whole. */
static char *read_file(const char *path)
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
    p->words = calloc(MAX_WORDS, sizeof *p->words);
    if (!p->word_bytes || !p->words || !p->n_fonts) return pictures_close(p), NULL;
    int kept = 0;
    for (char *w = strtok(p->word_bytes, "\n"); w && p->n_words < MAX_WORDS; w = strtok(NULL, "\n"), kept++)
        /* One word in twenty is kept from training. */
        if ((kept % 20 == 0) == (split == PICTURES_HELD_OUT)) p->words[p->n_words++] = w;
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
    free(p->word_bytes);
    free(p->words);
    free(p);
}

void pictures_options(pictures *p, double level, bool clean)
{
    p->level = level < 0 ? 0 : level > 1 ? 1 : level;
    p->clean = clean;
}

/* ---- marks ---- */

/* The cell of a point, or NULL when the caller wants none or the point lies outside. */
static uint8_t *cell_at(const pictures_image *im, double x, double y)
{
    if (!im->marks || x < 0 || y < 0 || x >= im->width || y >= im->height) return NULL;
    int w = im->width / PICTURES_CELL, cx = (int)x / PICTURES_CELL, cy = (int)y / PICTURES_CELL;
    if (cx >= w || cy >= im->height / PICTURES_CELL) return NULL;
    return im->marks + PICTURES_MARKS * ((size_t)cy * (size_t)w + (size_t)cx);
}

static void mark_character(pictures *p, const pictures_image *im, double x, double y, uint32_t c)
{
    uint8_t *m = cell_at(im, x, y);
    int place = p->place++;
    int class = c >= 32 && c < 127 ? (int)c - 31 : c == 0x20ac ? 96 : 0;
    if (!m || !class) return;
    int i = 0;
    while (i < PICTURES_SLOTS && m[i]) i++;
    if (!i) m[10] = (uint8_t)(place < 254 ? place : 254);
    if (i < PICTURES_SLOTS)
        m[i] = (uint8_t)class;
    else
        m[11] = 1;
}

static void mark_object(const pictures_image *im, double x, double y, int shape, int colour)
{
    uint8_t *m = cell_at(im, x, y);
    if (!m) return;
    if (m[8]) m[11] = 1;
    m[8] = (uint8_t)(1 + shape), m[9] = (uint8_t)(1 + colour);
}

/* ---- colours and grounds ---- */

typedef struct rgb {
    double r, g, b;
} rgb;

static const struct {
    const char *name;
    rgb c;
} colours[] = {
    {"red", {215, 35, 35}},     {"green", {40, 160, 60}},   {"blue", {40, 80, 210}},
    {"yellow", {245, 215, 40}}, {"orange", {240, 135, 25}}, {"purple", {130, 50, 170}},
    {"pink", {245, 130, 180}},  {"brown", {130, 80, 40}},   {"black", {20, 20, 20}},
    {"white", {248, 248, 248}},
};
enum { N_COLOURS = 10, WHITE = 9, BLACK = 8 };

static double clamp(double x, double a, double b) { return x < a ? a : x > b ? b : x; }
static rgb vary(pictures *p, rgb c, double by)
{
    return (rgb){clamp(c.r + uniform(p, -by, by), 0, 255), clamp(c.g + uniform(p, -by, by), 0, 255),
                 clamp(c.b + uniform(p, -by, by), 0, 255)};
}
static double luma(rgb c) { return 0.299 * c.r + 0.587 * c.g + 0.114 * c.b; }
static rgb any_colour(pictures *p)
{
    return (rgb){uniform(p, 0, 255), uniform(p, 0, 255), uniform(p, 0, 255)};
}

static void put(pictures_image *im, int x, int y, rgb c, double a)
{
    if (x < 0 || y < 0 || x >= im->width || y >= im->height) return;
    uint8_t *q = im->rgb + 3 * ((size_t)y * (size_t)im->width + (size_t)x);
    q[0] = (uint8_t)(q[0] + (c.r - q[0]) * a + 0.5);
    q[1] = (uint8_t)(q[1] + (c.g - q[1]) * a + 0.5);
    q[2] = (uint8_t)(q[2] + (c.b - q[2]) * a + 0.5);
}

/* Plain, gradient or striped. */
static void ground(pictures *p, pictures_image *im, rgb a)
{
    int kind = below(p, 10);
    rgb b = vary(p, a, 35);
    double angle = uniform(p, 0, 6.283), dx = cos(angle), dy = sin(angle), period = uniform(p, 6, 40);
    if (kind < 6) { /* plain: one row, copied */
        const uint8_t c[3] = {(uint8_t)a.r, (uint8_t)a.g, (uint8_t)a.b};
        size_t row = 3 * (size_t)im->width;
        for (size_t x = 0; x < row; x++) im->rgb[x] = c[x % 3];
        for (int y = 1; y < im->height; y++) memcpy(im->rgb + (size_t)y * row, im->rgb, row);
        return;
    }
    for (int y = 0; y < im->height; y++)
        for (int x = 0; x < im->width; x++) {
            double t = 0;
            if (kind >= 6 && kind < 8) t = ((x * dx / im->width + y * dy / im->height) + 1) / 2;
            if (kind == 8) t = 0.5 + 0.5 * sin((x * dx + y * dy) * 6.283 / period);
            if (kind == 9) t = fmod(fabs(x * dx + y * dy), period) < period / 2;
            uint8_t *q = im->rgb + 3 * ((size_t)y * (size_t)im->width + (size_t)x);
            q[0] = (uint8_t)(a.r + (b.r - a.r) * t);
            q[1] = (uint8_t)(a.g + (b.g - a.g) * t);
            q[2] = (uint8_t)(a.b + (b.b - a.b) * t);
        }
}

/* What cameras and compression do: blur and noise. */
static void damage(pictures *p, pictures_image *im, pictures_item *out)
{
    size_t n = (size_t)im->width * (size_t)im->height * 3;
    out->blur = chance(p, 0.25) ? 1 + below(p, 2) : 0;
    out->noise = chance(p, 0.4) ? 2 + below(p, 24) : 0;
    out->grey = chance(p, 0.5);
    if (p->clean) return;
    if (out->blur) { /* 3x3 binomial */
        uint8_t *copy = malloc(n);
        for (int times = out->blur; copy && times--;) {
            memcpy(copy, im->rgb, n);
            for (int y = 1; y + 1 < im->height; y++)
                for (int x = 3; x < 3 * (im->width - 1); x++) {
                    const uint8_t *q = copy + (size_t)y * 3 * (size_t)im->width + x;
                    long s = 3 * (long)im->width;
                    im->rgb[(size_t)y * 3 * (size_t)im->width + (size_t)x] =
                        (uint8_t)((4 * q[0] + 2 * (q[-3] + q[3] + q[-s] + q[s]) + q[-s - 3] + q[-s + 3] +
                                   q[s - 3] + q[s + 3] + 8) /
                                  16);
                }
        }
        free(copy);
    }
    if (out->noise) {
        int v = 0;
        for (size_t i = 0; i < n; i++) {
            if (!out->grey || i % 3 == 0) {
                uint64_t r = next(p);
                v = ((int)(r & 255) + (int)(r >> 8 & 255) - 255) * out->noise / 128;
            }
            int t = im->rgb[i] + v;
            im->rgb[i] = (uint8_t)(t < 0 ? 0 : t > 255 ? 255 : t);
        }
    }
}

/* ---- text ---- */

static void append(char *s, const char *t)
{
    size_t n = strlen(s);
    snprintf(s + n, MAX_TEXT - n, "%s", t);
}

static void add_word(pictures *p, char *s)
{
    char w[48];
    snprintf(w, sizeof w, "%s", p->words[below(p, p->n_words)]);
    int style = below(p, 10);
    for (char *q = w; *q; q++)
        if (*q >= 'a' && *q <= 'z' && (style >= 8 || (style >= 5 && q == w))) *q = (char)(*q - 32);
    append(s, w);
}

static void add_number(pictures *p, char *s)
{
    char t[48];
    switch (below(p, 8)) {
    case 0: snprintf(t, sizeof t, "%d", below(p, 10)); break;
    case 1: snprintf(t, sizeof t, "%d", below(p, 100000)); break;
    case 2: snprintf(t, sizeof t, "%d.%02d", below(p, 1000), below(p, 100)); break;
    case 3:
        snprintf(t, sizeof t, "%s%d.%02d", chance(p, 0.5) ? "$" : "€", below(p, 500), below(p, 100));
        break;
    case 4:
        snprintf(t, sizeof t, "%02d/%02d/%d", 1 + below(p, 28), 1 + below(p, 12), 1980 + below(p, 60));
        break;
    case 5: snprintf(t, sizeof t, "%02d:%02d", below(p, 24), below(p, 60)); break;
    case 6: snprintf(t, sizeof t, "%d%%", below(p, 101)); break;
    default: snprintf(t, sizeof t, "%d-%d", below(p, 1000), below(p, 1000)); break;
    }
    append(s, t);
}

/* Letters and digits in no order: what dictionaries cannot guess. */
static void add_code(pictures *p, char *s, int n)
{
    static const char all[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
    int kind = below(p, 4);
    for (int i = 0; i < n; i++) {
        char t[2] = {kind == 0   ? all[below(p, 26)]
                     : kind == 1 ? all[26 + below(p, 36)]
                                 : all[below(p, 62)],
                     0};
        append(s, t);
    }
}

/* A line of about `longest` characters at most. */
static void make_text(pictures *p, char *s, int longest)
{
    static const char *const ends[] = {".", ",", "!", "?", ":", ";"};
    s[0] = 0;
    if (longest < 14) { /* early in a course: one short piece, most often letters in no order */
        if (chance(p, 0.2))
            add_number(p, s);
        else if (chance(p, 0.4))
            add_word(p, s);
        if (!s[0] || (int)strlen(s) > longest) {
            s[0] = 0;
            add_code(p, s, 1 + below(p, longest));
        }
        if ((int)strlen(s) < longest && chance(p, 0.15)) {
            char t[2] = {"!?.,:;-+*/=#@&%$()\"'"[below(p, 20)], 0};
            append(s, t);
        }
        return;
    }
    int wanted = 1 + below(p, longest > 30 ? 6 : longest > 16 ? 3 : 2);
    for (int i = 0; i < wanted; i++) {
        char piece[MAX_TEXT] = "";
        double u = uniform(p, 0, 1);
        if (u < 0.68)
            add_word(p, piece);
        else if (u < 0.84)
            add_number(p, piece);
        else if (u < 0.94)
            add_code(p, piece, 2 + below(p, 7));
        else {
            add_word(p, piece);
            append(piece, chance(p, 0.5) ? "@" : "-");
            add_word(p, piece);
            if (chance(p, 0.5)) append(piece, ".com");
        }
        if (chance(p, 0.06)) {
            char t[MAX_TEXT];
            snprintf(t, sizeof t, chance(p, 0.5) ? "(%.100s)" : "\"%.100s\"", piece);
            snprintf(piece, sizeof piece, "%s", t);
        }
        if (chance(p, 0.12)) append(piece, ends[below(p, 6)]);
        if (s[0] && (int)(strlen(s) + 1 + strlen(piece)) > longest) break;
        if (s[0]) append(s, " ");
        append(s, piece);
    }
}

static uint32_t utf8(const char **s)
{
    const unsigned char *q = (const unsigned char *)*s;
    if (q[0] < 0x80) return *s += 1, q[0];
    if (q[0] < 0xe0) return *s += 2, (q[0] & 31u) << 6 | (q[1] & 63u);
    return *s += 3, (q[0] & 15u) << 12 | (q[1] & 63u) << 6 | (q[2] & 63u);
}

static FT_Face face_of(pictures *p, const char *text)
{
    for (int tries = 0; tries < 20; tries++) {
        int i = below(p, p->n_fonts);
        if (!p->faces[i] && FT_New_Face(p->library, p->paths[i], 0, &p->faces[i])) continue;
        bool has_all = true;
        for (const char *s = text; *s;) {
            uint32_t c = utf8(&s);
            has_all &= FT_Get_Char_Index(p->faces[i], c) != 0;
        }
        if (has_all) return p->faces[i];
    }
    return NULL;
}

/* Advance width in pixels at the face's present size. */
static double width_of(FT_Face f, const char *text, double spacing)
{
    double x = 0;
    FT_UInt before = 0;
    for (const char *s = text; *s;) {
        FT_UInt g = FT_Get_Char_Index(f, utf8(&s));
        FT_Vector k = {0, 0};
        if (before) FT_Get_Kerning(f, before, g, FT_KERNING_UNFITTED, &k);
        if (FT_Load_Glyph(f, g, FT_LOAD_NO_HINTING | FT_LOAD_NO_BITMAP)) return 1e9;
        x += (double)(k.x + f->glyph->advance.x) / 64 + spacing;
        before = g;
    }
    return x;
}

/* Draws text with its baseline's left end at (x, y), turned by `angle`. */
static void draw_text(pictures *p, pictures_image *im, FT_Face f, const char *text, double x, double y, double angle,
                      double size, double spacing, rgb colour)
{
    FT_Matrix m = {(FT_Fixed)(cos(angle) * 65536), (FT_Fixed)(-sin(angle) * 65536),
                   (FT_Fixed)(sin(angle) * 65536), (FT_Fixed)(cos(angle) * 65536)};
    FT_UInt before = 0;
    for (const char *s = text; *s;) {
        uint32_t code = utf8(&s);
        FT_UInt g = FT_Get_Char_Index(f, code);
        FT_Vector k = {0, 0}, pen = {(FT_Pos)(x * 64) & 63, (FT_Pos)(-y * 64) & 63};
        if (before) FT_Get_Kerning(f, before, g, FT_KERNING_UNFITTED, &k);
        x += (double)k.x / 64 * cos(angle);
        y -= (double)k.x / 64 * sin(angle);
        pen.x = (FT_Pos)floor((x - floor(x)) * 64);
        pen.y = (FT_Pos)floor((ceil(y) - y) * 64);
        FT_Set_Transform(f, &m, &pen);
        if (FT_Load_Glyph(f, g, FT_LOAD_NO_HINTING | FT_LOAD_NO_BITMAP)) continue;
        double advance = (double)f->glyph->linearHoriAdvance / 65536 + spacing, up = 0.3 * size;
        mark_character(p, im, x + advance / 2 * cos(angle) - up * sin(angle),
                       y - advance / 2 * sin(angle) - up * cos(angle), code);
        if (!FT_Render_Glyph(f->glyph, FT_RENDER_MODE_NORMAL)) {
            FT_Bitmap *b = &f->glyph->bitmap;
            for (unsigned r = 0; r < b->rows; r++)
                for (unsigned c = 0; c < b->width; c++)
                    if (b->buffer[r * (unsigned)b->pitch + c])
                        put(im, (int)floor(x) + f->glyph->bitmap_left + (int)c,
                            (int)ceil(y) - f->glyph->bitmap_top + (int)r, colour,
                            b->buffer[r * (unsigned)b->pitch + c] / 255.0);
        }
        x += advance * cos(angle);
        y -= advance * sin(angle);
        before = g;
    }
    FT_Set_Transform(f, NULL, NULL);
}

/* Text and ground colours that can be told apart. */
static void text_colours(pictures *p, rgb *ink, rgb *paper)
{
    if (chance(p, 0.5)) {
        *paper = vary(p, (rgb){245, 245, 245}, 10);
        *ink = vary(p, (rgb){25, 25, 25}, 25);
        if (chance(p, 0.3)) {
            rgb t = *ink;
            *ink = *paper, *paper = t;
        }
        return;
    }
    do *ink = any_colour(p), *paper = any_colour(p);
    while (fabs(luma(*ink) - luma(*paper)) < 70);
}

static void make_reading(pictures *p, pictures_image *im, pictures_item *out)
{
    static const char *const prompts[] = {
        "Read the text in this image.", "What does the text say?", "Read the text.",
        "What is written here?",        "Transcribe the text.",    "What does it say?"};
    rgb ink, paper;
    text_colours(p, &ink, &paper);
    ground(p, im, paper);
    int lines = im->height >= 128 && p->level > 0.3 ? 1 + below(p, im->height >= 200 ? 4 : 2) : 1;
    char text[4][MAX_TEXT];
    FT_Face f = NULL;
    int longest = im->width / 11 < 46 ? im->width / 11 : 46;
    if (p->level < 1) longest = 2 + (int)((longest - 2) * p->level * uniform(p, 0.4, 1));
    for (int i = 0; i < lines; i++) make_text(p, text[i], longest);
    char whole[4 * MAX_TEXT + 8] = "";
    for (int i = 0; i < lines; i++) {
        size_t n = strlen(whole);
        snprintf(whole + n, sizeof whole - n, "%s%s", i ? "\n" : "", text[i]);
    }
    char flat[sizeof whole];
    snprintf(flat, sizeof flat, "%s", whole);
    for (char *q = flat; *q; q++)
        if (*q == '\n') *q = ' ';
    f = face_of(p, flat);
    snprintf(out->prompt, sizeof out->prompt, "%s", prompts[chance(p, 0.5) ? 0 : below(p, 6)]);
    snprintf(out->task, sizeof out->task, "read");
    if (!f) {
        snprintf(out->answer, sizeof out->answer, " ");
        return;
    }
    /* The size that fits, then a random one below it. */
    FT_Set_Pixel_Sizes(f, 0, 64);
    double widest = 1, spacing = chance(p, 0.1) ? uniform(p, 0, 3) : 0;
    for (int i = 0; i < lines; i++) widest = fmax(widest, width_of(f, text[i], spacing * 2));
    double fit = fmin(64 * 0.94 * im->width / widest, 0.62 * im->height / lines);
    double size = fmax(fmin(fit, 12), fit * uniform(p, 0.75 - 0.3 * p->level, 1));
    if (size > 72) size = 72;
    FT_Set_Char_Size(f, 0, (FT_F26Dot6)(size * 64), 72, 72);
    double angle = chance(p, 0.25) ? uniform(p, -0.05, 0.05) : 0;
    if (lines == 1 && im->width > 3 * im->height) angle *= 0.6;
    double w = widest * size / 64, line_height = size * uniform(p, 1.15, 1.4),
           block = size + line_height * (lines - 1);
    double left = uniform(p, 0.02 * im->width, fmax(0.02 * im->width, 0.98 * im->width - w));
    double slack = im->height - block * 1.15 - fabs(sin(angle)) * w;
    double top = uniform(p, 0.04 * size, fmax(0.04 * size, slack)) + (angle > 0 ? fabs(sin(angle)) * w : 0);
    bool centred = chance(p, 0.3);
    for (int i = 0; i < lines; i++) {
        double indent = centred ? (w - width_of(f, text[i], spacing * size / 32)) / 2 : 0;
        draw_text(p, im, f, text[i], left + indent, top + size * 0.9 + line_height * i, angle, size,
                  spacing * size / 32, ink);
        p->place++; /* the end of the line */
    }
    snprintf(out->answer, sizeof out->answer, "%s", whole);
}

/* ---- shapes ---- */

static const char *const shape_names[] = {"circle",  "square", "triangle", "star",    "heart",
                                          "diamond", "cross",  "ring",     "hexagon", "crescent"};
enum { N_SHAPES = 10 };

typedef struct object {
    int shape, colour, cell;
    double x, y, r, turn;
} object;

/* Signed distance, negative inside; x, y in units of the radius. */
static double distance_to(int shape, double x, double y)
{
    double a = fabs(x), d = sqrt(x * x + y * y);
    switch (shape) {
    case 0: return d - 1;
    case 1: return fmax(a, fabs(y)) - 0.85;
    case 2: return fmax(a * 0.866 - y * 0.5, y) - 0.5;
    case 3: { /* five points: fold into one sector */
        double angle = atan2(x, -y), k = 6.2831853 / 5;
        angle = fabs(fmod(fmod(angle, k) + k + k / 2, k) - k / 2);
        double px = d * cos(angle), py = d * sin(angle); /* the tip at (1, 0), the dent at 36 degrees */
        double ix = 0.42 * cos(0.6283185), iy = 0.42 * sin(0.6283185), nx = iy, ny = 1 - ix,
               l = sqrt(nx * nx + ny * ny);
        return ((px - 1) * nx + py * ny) / l;
    }
    case 4: {
        double u = a * 1.1, v = -y * 1.1 + 0.25;
        double q = u * u + v * v - 0.75;
        return (q * q * q - u * u * v * v * v) > 0 ? 0.5 : -0.5;
    }
    case 5: return a * 1.25 + fabs(y) - 1.0;
    case 6: return fmin(fmax(a - 0.95, fabs(y) - 0.32), fmax(a - 0.32, fabs(y) - 0.95));
    case 7: return fabs(d - 0.75) - 0.24;
    case 8: return fmax(a * 0.866 + fabs(y) * 0.5, fabs(y)) - 0.85;
    default: return fmax(d - 1, 0.85 - sqrt((x - 0.45) * (x - 0.45) + y * y));
    }
}

static void draw_object(pictures_image *im, const object *o, rgb c, bool outline)
{
    int r = (int)(o->r * 1.25) + 2;
    double ct = cos(o->turn), st = sin(o->turn);
    for (int y = (int)o->y - r; y <= (int)o->y + r; y++)
        for (int x = (int)o->x - r; x <= (int)o->x + r; x++) {
            double a = 0;
            for (int s = 0; s < 4; s++) { /* four samples a pixel */
                double u = (x + 0.25 + 0.5 * (s & 1) - o->x) / o->r,
                       v = (y + 0.25 + 0.5 * (s >> 1) - o->y) / o->r;
                if (u * u + v * v > 1.5625) continue; /* no shape reaches that far */
                double d = distance_to(o->shape, u * ct + v * st, -u * st + v * ct);
                a += d < 0 && (!outline || d > -0.22);
            }
            if (a > 0) put(im, x, y, c, a / 4);
        }
}

static const char *const numbers[] = {"no",   "one", "two",   "three", "four",
                                      "five", "six", "seven", "eight", "nine"};
static const char *const places[] = {"top left", "top",         "top right", "left",        "middle",
                                     "right",    "bottom left", "bottom",    "bottom right"};

static void plural(char *out, size_t size, const char *name, int n)
{
    if (n == 1)
        snprintf(out, size, "%s", name);
    else
        snprintf(out, size, "%s%s", name, name[strlen(name) - 1] == 's' ? "es" : "s");
}

static void describe(const object *o, int n, char *out, size_t size)
{
    bool done[16] = {false};
    char items[16][64];
    int n_items = 0;
    for (int i = 0; i < n; i++) {
        if (done[i]) continue;
        int k = 0;
        for (int j = i; j < n; j++)
            if (o[j].shape == o[i].shape && o[j].colour == o[i].colour) done[j] = true, k++;
        char name[32];
        plural(name, sizeof name, shape_names[o[i].shape], k);
        const char *colour = colours[o[i].colour].name;
        if (k == 1)
            snprintf(items[n_items++], 64, "%s %s %s", strchr("aeiou", *colour) ? "an" : "a", colour, name);
        else
            snprintf(items[n_items++], 64, "%s %s %s", numbers[k], colour, name);
    }
    out[0] = 0;
    for (int i = 0; i < n_items; i++) {
        size_t at = strlen(out);
        snprintf(out + at, size - at, "%s%s", !i ? "" : i + 1 == n_items ? " and " : ", ", items[i]);
    }
    if (out[0] >= 'a') out[0] = (char)(out[0] - 32);
    size_t at = strlen(out);
    snprintf(out + at, size - at, ".");
}

static int count_shape(const object *o, int n, int shape)
{
    int k = 0;
    for (int i = 0; i < n; i++) k += shape < 0 || o[i].shape == shape;
    return k;
}
static int count_colour(const object *o, int n, int colour)
{
    int k = 0;
    for (int i = 0; i < n; i++) k += o[i].colour == colour;
    return k;
}

static void ask(pictures *p, const object *o, int n, pictures_item *out)
{
    char name[32];
    int pick = below(p, n);
    for (int tries = 0; tries < 12; tries++) {
        pick = below(p, n);
        const object *x = &o[pick];
        switch (below(p, 9)) {
        case 0:
        case 1: { /* how many of a shape, now and then of one that is not there */
            int shape = chance(p, 0.8) ? x->shape : below(p, N_SHAPES);
            plural(name, sizeof name, shape_names[shape], 2);
            snprintf(out->task, sizeof out->task, "count");
            snprintf(out->prompt, sizeof out->prompt,
                     chance(p, 0.7) ? "How many %s are there?" : "Count the %s.", name);
            snprintf(out->answer, sizeof out->answer, "%d", count_shape(o, n, shape));
            return;
        }
        case 2: {
            int colour = chance(p, 0.8) ? x->colour : below(p, N_COLOURS);
            snprintf(out->task, sizeof out->task, "count");
            snprintf(out->prompt, sizeof out->prompt, "How many %s shapes are there?", colours[colour].name);
            snprintf(out->answer, sizeof out->answer, "%d", count_colour(o, n, colour));
            return;
        }
        case 3:
            snprintf(out->task, sizeof out->task, "count");
            snprintf(out->prompt, sizeof out->prompt,
                     chance(p, 0.5) ? "How many shapes are there?" : "How many objects are in this image?");
            snprintf(out->answer, sizeof out->answer, "%d", n);
            return;
        case 4:
        case 5:
            if (count_shape(o, n, x->shape) != 1) break;
            snprintf(out->task, sizeof out->task, "colour");
            snprintf(out->prompt, sizeof out->prompt,
                     chance(p, 0.5) ? "What colour is the %s?" : "What color is the %s?",
                     shape_names[x->shape]);
            snprintf(out->answer, sizeof out->answer, "%s", colours[x->colour].name);
            return;
        case 6:
            if (count_colour(o, n, x->colour) != 1) break;
            snprintf(out->task, sizeof out->task, "shape");
            snprintf(out->prompt, sizeof out->prompt,
                     chance(p, 0.5) ? "What shape is %s?" : "Which shape is %s?", colours[x->colour].name);
            snprintf(out->answer, sizeof out->answer, "%s", shape_names[x->shape]);
            return;
        case 7:
            if (count_shape(o, n, x->shape) != 1) break;
            snprintf(out->task, sizeof out->task, "place");
            snprintf(out->prompt, sizeof out->prompt, "Where is the %s?", shape_names[x->shape]);
            snprintf(out->answer, sizeof out->answer, "%s", places[x->cell]);
            return;
        default: {
            bool there = chance(p, 0.5);
            int shape = x->shape, colour = x->colour;
            if (!there) {
                if (chance(p, 0.5))
                    shape = below(p, N_SHAPES);
                else
                    colour = below(p, N_COLOURS);
            }
            there = false;
            for (int i = 0; i < n; i++) there |= o[i].shape == shape && o[i].colour == colour;
            const char *c = colours[colour].name;
            snprintf(out->task, sizeof out->task, "yesno");
            snprintf(out->prompt, sizeof out->prompt, "Is there %s %s %s?", strchr("aeiou", *c) ? "an" : "a",
                     c, shape_names[shape]);
            snprintf(out->answer, sizeof out->answer, "%s", there ? "Yes" : "No");
            return;
        }
        }
    }
    snprintf(out->task, sizeof out->task, "count");
    snprintf(out->prompt, sizeof out->prompt, "How many shapes are there?");
    snprintf(out->answer, sizeof out->answer, "%d", n);
}

static void make_shapes(pictures *p, pictures_image *im, pictures_item *out)
{
    static const char *const prompts[] = {"Describe this image.", "What is in this image?",
                                          "Describe the picture.", "What do you see?"};
    rgb paper = chance(p, 0.6) ? vary(p, (rgb){235, 235, 235}, 20) : any_colour(p);
    object o[9];
    int cells[9] = {0, 1, 2, 3, 4, 5, 6, 7, 8}, n = 1 + below(p, 6);
    for (int i = 8; i > 0; i--) {
        int j = below(p, i + 1), t = cells[i];
        cells[i] = cells[j], cells[j] = t;
    }
    ground(p, im, paper);
    double cw = im->width / 3.0, ch = im->height / 3.0, cell = fmin(cw, ch);
    int shape_pool[4], colour_pool[4], pool = 1 + below(p, 4);
    for (int i = 0; i < 4; i++) shape_pool[i] = below(p, N_SHAPES), colour_pool[i] = below(p, N_COLOURS);
    bool few = chance(p, 0.5), outline = chance(p, 0.1);
    for (int i = 0; i < n; i++) {
        object *x = &o[i];
        x->shape = few ? shape_pool[below(p, pool)] : below(p, N_SHAPES);
        rgb c;
        int tries = 0;
        do { /* a colour that stands out from the ground */
            x->colour = few && tries < 4 ? colour_pool[below(p, pool)] : below(p, N_COLOURS);
            c = colours[x->colour].c;
        } while (fabs(c.r - paper.r) + fabs(c.g - paper.g) + fabs(c.b - paper.b) < 110 && tries++ < 40);
        x->cell = cells[i];
    }
    /* Left to right, top to bottom: the order in which they are told. */
    for (int i = 1; i < n; i++)
        for (int j = i; j > 0 && o[j].cell < o[j - 1].cell; j--) {
            object t = o[j];
            o[j] = o[j - 1], o[j - 1] = t;
        }
    for (int i = 0; i < n; i++) {
        object *x = &o[i];
        x->r = cell * uniform(p, 0.24, 0.46);
        double room_x = cw / 2 - x->r, room_y = ch / 2 - x->r;
        x->x = (x->cell % 3 + 0.5) * cw + uniform(p, -room_x, room_x);
        x->y = (x->cell / 3 + 0.5) * ch + uniform(p, -room_y, room_y);
        x->turn = chance(p, 0.5) ? uniform(p, -0.25, 0.25) : 0;
        mark_object(im, x->x, x->y, x->shape, x->colour);
        draw_object(im, x, vary(p, colours[x->colour].c, 14), outline && x->shape != 7 && x->shape != 4);
    }
    if (chance(p, 0.4)) {
        snprintf(out->task, sizeof out->task, "describe");
        snprintf(out->prompt, sizeof out->prompt, "%s", prompts[chance(p, 0.6) ? 0 : below(p, 4)]);
        describe(o, n, out->answer, sizeof out->answer);
    } else {
        ask(p, o, n, out);
    }
}

void pictures_make(pictures *p, uint64_t seed, uint64_t index, int task, pictures_image *im,
                   pictures_item *out)
{
    p->rng = seed * 0xD1342543DE82EF95ull + index * 0x2545F4914F6CDD1Dull + (uint64_t)p->split;
    for (int i = 0; i < 4; i++) next(p);
    if (im->marks) {
        size_t cells = (size_t)(im->width / PICTURES_CELL) * (size_t)(im->height / PICTURES_CELL);
        memset(im->marks, 0, cells * PICTURES_MARKS);
        for (size_t i = 0; i < cells; i++) im->marks[i * PICTURES_MARKS + 10] = 255;
    }
    p->place = 0;
    if (task == PICTURES_ANY) task = chance(p, 0.6) ? PICTURES_READING : PICTURES_SHAPES;
    if (task == PICTURES_READING)
        make_reading(p, im, out);
    else
        make_shapes(p, im, out);
    damage(p, im, out);
}
