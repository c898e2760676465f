/* Emoji from sprites.bin, mapped: blits with a turn, other colours, outlines. */
#include "parts.h"

#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static size_t bytes_each(int side)
{
    return 4 * ((size_t)side * (size_t)side + (size_t)(side / 2) * (size_t)(side / 2) +
                (size_t)(side / 4) * (size_t)(side / 4));
}

static bool names_open(pictures *p)
{
    int n = 0;
    for (char *line = strtok(p->sprite_bytes, "\n"); line && n < MAX_SPRITES;
         line = strtok(NULL, "\n"), n++) {
        char *field[4] = {line};
        for (int i = 1; i < 4; i++) {
            field[i] = field[i - 1] ? strchr(field[i - 1], '|') : NULL;
            if (!field[i]) return false;
            *field[i]++ = 0;
        }
        int colour = N_COLOURS - 1;
        while (colour >= 0 && strcmp(colours[colour].name, field[3])) colour--;
        p->sprites[n] = (sprite_name){field[0], field[1], field[2], colour};
    }
    return n == p->n_sprites;
}

/* Whether a style's first drawings have more than greys. */
static bool has_colours(const pictures *p, int style)
{
    const uint8_t *q = p->sprite_pixels + (size_t)(style * p->n_sprites) * bytes_each(p->side);
    long sum = 0, n = 0;
    for (int i = 0, seen = 0; i < p->n_sprites && seen < 20; i++, q += bytes_each(p->side)) {
        if (!sprite_there(p, style, i)) continue;
        seen++;
        for (int k = 0; k < 4 * p->side * p->side; k += 4)
            if (q[k + 3] > 128) sum += abs(q[k] - q[k + 1]) + abs(q[k + 1] - q[k + 2]), n++;
    }
    return n && sum > 10 * n;
}

/* True without the files too: then there are no scenes. */
bool sprites_open(pictures *p, const char *assets)
{
    char path[512];
    struct stat st;
    snprintf(path, sizeof path, "%s/sprites.txt", assets);
    if (!(p->sprite_bytes = read_file(path))) return true;
    snprintf(path, sizeof path, "%s/sprites.bin", assets);
    int f = open(path, O_RDONLY);
    if (f < 0) return true;
    bool good = !fstat(f, &st) && st.st_size > 4096;
    void *map = good ? mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_SHARED, f, 0) : MAP_FAILED;
    close(f);
    if (map == MAP_FAILED) return false;
    p->sprite_map = map;
    p->sprite_map_size = (size_t)st.st_size;
    uint32_t head[4];
    memcpy(head, p->sprite_map + 8, sizeof head);
    p->n_styles = (int)head[0], p->n_sprites = (int)head[1], p->side = (int)head[2],
    p->n_held_out = (int)head[3];
    size_t n = (size_t)head[0] * head[1], at = (24 + n + 4095) / 4096 * 4096;
    p->sprite_has = p->sprite_map + 24;
    p->sprite_pixels = p->sprite_map + at;
    if (memcmp(p->sprite_map, "GALSPR1", 8) || p->n_sprites >= MAX_SPRITES || p->n_styles > MAX_STYLES ||
        p->n_held_out >= p->n_styles || at + n * bytes_each(p->side) != p->sprite_map_size || !names_open(p))
        return false;
    for (int i = 0; i < p->n_styles; i++) {
        p->coloured[i] = has_colours(p, i);
        for (int k = 0; k < p->n_sprites; k++) p->share[i] += p->sprite_has[i * p->n_sprites + k];
    }
    return true;
}

void sprites_close(pictures *p)
{
    if (p->sprite_map) munmap((void *)(uintptr_t)p->sprite_map, p->sprite_map_size);
    free(p->sprite_bytes);
}

int sprite_style(pictures *p)
{
    int n = p->n_styles - p->n_held_out, all = 0, style = 0;
    if (p->split == PICTURES_HELD_OUT) return n + below(p, p->n_held_out);
    for (int i = 0; i < n; i++) all += p->share[i];
    for (int k = below(p, all); k >= p->share[style]; style++) k -= p->share[style];
    return style;
}

bool sprite_there(const pictures *p, int style, int name)
{
    return p->sprite_has[style * p->n_sprites + name];
}

/* A colour's place in `colours`, or -1 for greys. */
static int colour_of(const uint8_t *q)
{
    int r = q[0], g = q[1], b = q[2], v = r > g ? (r > b ? r : b) : (g > b ? g : b);
    int low = r < g ? (r < b ? r : b) : (g < b ? g : b), span = v - low;
    if (v < 75) return 8;
    if (span < 0.16 * v) return v > 195 ? 9 : -1;
    double hue = v == r   ? 60.0 * (g - b) / span
                 : v == g ? 120 + 60.0 * (b - r) / span
                          : 240 + 60.0 * (r - g) / span;
    if (hue < 0) hue += 360;
    if (hue < 45 && hue >= 8 && v < 175) return 7;
    if (hue < 14 || hue >= 335) return span < 0.6 * v && v > 180 ? 6 : 0;
    if (hue < 39) return 4;
    if (hue < 68) return 3;
    if (hue < 168) return 1;
    if (hue < 255) return 2;
    return hue < 305 ? 5 : 6;
}

/* Whether two pixels in five of the drawing have the colour that its name is said to have. */
bool sprite_has_colour(const pictures *p, int style, int name)
{
    int side = p->side, wanted = p->sprites[name].colour, there = 0, all = 0;
    const uint8_t *q = p->sprite_pixels + (size_t)(style * p->n_sprites + name) * bytes_each(side) +
                       4 * (side * side + side / 2 * (side / 2));
    for (int i = 0; i < side / 4 * (side / 4); i++, q += 4)
        if (q[3] > 128) all++, there += colour_of(q) == wanted;
    return wanted >= 0 && 5 * there > 2 * all;
}

look plain_look(void) { return (look){.hue = {1, 1, 1}, .wide = 1, .high = 1}; }

/* What makes few styles into many: other balance of colours, others, none, an outline, the border of a
 * sticker, other proportions. */
look any_look(pictures *p)
{
    look l = plain_look();
    if (chance(p, 0.6)) l.turn = uniform(p, -0.3, 0.3);
    if (p->split == PICTURES_HELD_OUT) return l.turn *= 0.5, l;
    l.mirrored = chance(p, 0.25);
    if (chance(p, 0.5))
        for (int i = 0; i < 3; i++) l.hue[i] = uniform(p, 0.8, 1.2);
    if (chance(p, 0.12)) l.grey = uniform(p, 0.3, 1);
    if (chance(p, 0.1)) l.swap = 1 + below(p, 5);
    if (chance(p, 0.2))
        l.outline = uniform(p, 0.02, 0.05);
    else if (chance(p, 0.06))
        l.border = uniform(p, 0.03, 0.07);
    if (chance(p, 0.4)) {
        double *narrow = chance(p, 0.5) ? &l.wide : &l.high;
        *narrow = uniform(p, 0.82, 1);
    }
    l.wide *= 1 - 2 * l.border, l.high *= 1 - 2 * l.border;
    return l;
}

/* Bilinear, colours weighted by alpha; u, v in pixels of the level. */
static void sample(const uint8_t *q, int side, double u, double v, double out[4])
{
    memset(out, 0, 4 * sizeof *out);
    int x = (int)floor(u), y = (int)floor(v);
    double fx = u - x, fy = v - y;
    for (int j = 0; j < 2; j++)
        for (int i = 0; i < 2; i++) {
            int xx = x + i, yy = y + j;
            if (xx < 0 || yy < 0 || xx >= side || yy >= side) continue;
            const uint8_t *s = q + 4 * (yy * side + xx);
            double w = (i ? fx : 1 - fx) * (j ? fy : 1 - fy) * s[3] / 255;
            out[0] += w * s[0], out[1] += w * s[1], out[2] += w * s[2], out[3] += w;
        }
}

/* The most alpha within a distance. */
static double alpha_near(const uint8_t *q, int side, double u, double v, double distance)
{
    static const double ways[8][2] = {{1, 0},  {0.7, 0.7},   {0, 1},  {-0.7, 0.7},
                                      {-1, 0}, {-0.7, -0.7}, {0, -1}, {0.7, -0.7}};
    double most = 0, d[4];
    for (int k = 0; k < 8 && most < 0.99; k++) {
        sample(q, side, u + ways[k][0] * distance, v + ways[k][1] * distance, d);
        most = fmax(most, d[3]);
    }
    return most;
}

void sprite_draw(const pictures *p, pictures_image *im, int style, int name, double x, double y, double size,
                 const look *l)
{
    static const int orders[6][3] = {{0, 1, 2}, {1, 2, 0}, {2, 0, 1}, {0, 2, 1}, {2, 1, 0}, {1, 0, 2}};
    const uint8_t *q = p->sprite_pixels + (size_t)(style * p->n_sprites + name) * bytes_each(p->side);
    int side = p->side;
    for (int level = 0; level < 2 && size < 0.75 * side; level++) q += 4 * side * side, side /= 2;
    double ct = cos(l->turn) * side / size, st = sin(l->turn) * side / size,
           reach = 0.5 * size * (fabs(cos(l->turn)) + fabs(sin(l->turn)));
    double ring = l->outline * side, border = l->border * side;
    int x0 = (int)fmax(0, x - reach - 2), x1 = (int)fmin(im->width - 1, x + reach + 2);
    int y0 = (int)fmax(0, y - reach - 2), y1 = (int)fmin(im->height - 1, y + reach + 2);
    for (int j = y0; j <= y1; j++)
        for (int i = x0; i <= x1; i++) {
            double dx = i + 0.5 - x, dy = j + 0.5 - y, c[4];
            double u = (dx * ct + dy * st) / l->wide, v = (dy * ct - dx * st) / l->high;
            if (l->mirrored) u = -u;
            u += side / 2.0 - 0.5, v += side / 2.0 - 0.5;
            if (u < -1 - border || v < -1 - border || u > side + border || v > side + border) continue;
            sample(q, side, u, v, c);
            if (border > 0 && c[3] < 0.996)
                put(im, i, j, (rgb){250, 250, 250}, alpha_near(q, side, u, v, border));
            if (c[3] > 0.004) {
                const int *from = orders[l->swap];
                rgb k = {c[from[0]] / c[3], c[from[1]] / c[3], c[from[2]] / c[3]};
                double g = luma(k);
                k.r = clamp((k.r + (g - k.r) * l->grey) * l->hue[0], 0, 255);
                k.g = clamp((k.g + (g - k.g) * l->grey) * l->hue[1], 0, 255);
                k.b = clamp((k.b + (g - k.b) * l->grey) * l->hue[2], 0, 255);
                put(im, i, j, k, c[3]);
            }
            if (ring > 0) { /* dark where alpha changes within the ring's width */
                double low = c[3], high = c[3], d[4];
                for (int k = 0; k < 4; k++) {
                    sample(q, side,
                           u + (k == 0   ? ring
                                : k == 1 ? -ring
                                         : 0),
                           v + (k == 2   ? ring
                                : k == 3 ? -ring
                                         : 0),
                           d);
                    low = fmin(low, d[3]), high = fmax(high, d[3]);
                }
                if (high - low > 0.5) put(im, i, j, (rgb){25, 25, 25}, fmin(1, 1.6 * (high - low) - 0.6));
            }
        }
}
