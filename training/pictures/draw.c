/* Colours, grounds, simple shapes of a page, and the damage at the end. */
#include "parts.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

const struct named_colour colours[N_COLOURS] = {
    {"red", {215, 35, 35}},     {"green", {40, 160, 60}},   {"blue", {40, 80, 210}},
    {"yellow", {245, 215, 40}}, {"orange", {240, 135, 25}}, {"purple", {130, 50, 170}},
    {"pink", {245, 130, 180}},  {"brown", {130, 80, 40}},   {"black", {20, 20, 20}},
    {"white", {248, 248, 248}},
};

double clamp(double x, double a, double b) { return x < a ? a : x > b ? b : x; }
rgb vary(pictures *p, rgb c, double by)
{
    return (rgb){clamp(c.r + uniform(p, -by, by), 0, 255), clamp(c.g + uniform(p, -by, by), 0, 255),
                 clamp(c.b + uniform(p, -by, by), 0, 255)};
}
double luma(rgb c) { return 0.299 * c.r + 0.587 * c.g + 0.114 * c.b; }
rgb any_colour(pictures *p) { return (rgb){uniform(p, 0, 255), uniform(p, 0, 255), uniform(p, 0, 255)}; }

void text_colours(pictures *p, rgb *ink, rgb *paper, double least)
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
    while (fabs(luma(*ink) - luma(*paper)) < least);
}

void put(pictures_image *im, int x, int y, rgb c, double a)
{
    if (x < 0 || y < 0 || x >= im->width || y >= im->height) return;
    uint8_t *q = im->rgb + 3 * ((size_t)y * (size_t)im->width + (size_t)x);
    q[0] = (uint8_t)(q[0] + (c.r - q[0]) * a + 0.5);
    q[1] = (uint8_t)(q[1] + (c.g - q[1]) * a + 0.5);
    q[2] = (uint8_t)(q[2] + (c.b - q[2]) * a + 0.5);
}

static void blot(pictures *p, pictures_image *im)
{
    double r = uniform(p, 0.1, 0.4) * im->width, x0 = uniform(p, 0, im->width),
           y0 = uniform(p, 0, im->height), a = uniform(p, 0.1, 0.5);
    rgb c = any_colour(p);
    for (int y = (int)fmax(0, y0 - r); y < im->height && y <= y0 + r; y++)
        for (int x = (int)fmax(0, x0 - r); x < im->width && x <= x0 + r; x++) {
            double d = ((x - x0) * (x - x0) + (y - y0) * (y - y0)) / (r * r);
            if (d < 1) put(im, x, y, c, a * (1 - d) * (1 - d));
        }
}

void ground(pictures *p, pictures_image *im, rgb a, bool textured)
{
    int kind = below(p, 10);
    rgb b = vary(p, a, 35);
    double angle = uniform(p, 0, 6.283), dx = cos(angle), dy = sin(angle), period = uniform(p, 6, 40);
    size_t row = 3 * (size_t)im->width;
    if (kind < 6) { /* plain: one row, copied */
        const uint8_t c[3] = {(uint8_t)a.r, (uint8_t)a.g, (uint8_t)a.b};
        for (size_t x = 0; x < row; x++) im->rgb[x] = c[x % 3];
        for (int y = 1; y < im->height; y++) memcpy(im->rgb + (size_t)y * row, im->rgb, row);
    }
    for (int y = 0; y < im->height && kind >= 6; y++)
        for (int x = 0; x < im->width; x++) {
            double t = 0, s = x * dx + y * dy;
            if (kind < 8)
                t = clamp(((x * dx / im->width + y * dy / im->height) + 1) / 2, 0, 1);
            else
                t = fabs(fmod(fabs(s), period) / period * 2 - 1);
            if (kind == 9) t = t < 0.5;
            uint8_t *q = im->rgb + (size_t)y * row + 3 * (size_t)x;
            q[0] = (uint8_t)(a.r + (b.r - a.r) * t);
            q[1] = (uint8_t)(a.g + (b.g - a.g) * t);
            q[2] = (uint8_t)(a.b + (b.b - a.b) * t);
        }
    if (textured && chance(p, 0.35))
        for (int n = 1 + below(p, 3); n--;) blot(p, im);
    if (textured && chance(p, 0.15))
        for (int n = im->width * im->height / 200; n--;)
            put(im, below(p, im->width), below(p, im->height), b, 0.7);
}

/* ---- in page coordinates ---- */

void fill_rect(pictures *p, pictures_image *im, double x0, double y0, double x1, double y1, rgb c, double a)
{
    double ct = cos(p->turn), st = sin(p->turn), cx = p->turn_x, cy = p->turn_y;
    double low_x = 1e9, high_x = -1e9, low_y = 1e9, high_y = -1e9;
    for (int k = 0; k < 4; k++) { /* corners on the picture */
        double u = (k & 1 ? x1 : x0) - cx, v = (k & 2 ? y1 : y0) - cy, x = cx + u * ct + v * st,
               y = cy - u * st + v * ct;
        low_x = fmin(low_x, x), high_x = fmax(high_x, x), low_y = fmin(low_y, y), high_y = fmax(high_y, y);
    }
    int left = (int)fmax(0, low_x - 1), right = (int)fmin(im->width - 1, high_x + 1);
    int top = (int)fmax(0, low_y - 1), bottom = (int)fmin(im->height - 1, high_y + 1);
    for (int y = top; y <= bottom; y++)
        for (int x = left; x <= right; x++) {
            double dx = x + 0.5 - cx, dy = y + 0.5 - cy, u = cx + dx * ct - dy * st,
                   v = cy + dx * st + dy * ct;
            double across = fmin(fmin(u - x0, x1 - u) + 0.5, 1), down = fmin(fmin(v - y0, y1 - v) + 0.5, 1);
            if (across > 0 && down > 0) put(im, x, y, c, a * across * down);
        }
}

void frame(pictures *p, pictures_image *im, double x0, double y0, double x1, double y1, double w, rgb c)
{
    fill_rect(p, im, x0, y0, x1, y0 + w, c, 1);
    fill_rect(p, im, x0, y1 - w, x1, y1, c, 1);
    fill_rect(p, im, x0, y0, x0 + w, y1, c, 1);
    fill_rect(p, im, x1 - w, y0, x1, y1, c, 1);
}

void rule(pictures *p, pictures_image *im, double x0, double x1, double y, double w, rgb c, bool dotted)
{
    if (!dotted) {
        fill_rect(p, im, x0, y, x1, y + w, c, 1);
        return;
    }
    for (double x = x0; x < x1; x += 4 * w + 2) fill_rect(p, im, x, y, fmin(x1, x + 2 * w + 1), y + w, c, 1);
}

void barcode(pictures *p, pictures_image *im, double x0, double y0, double x1, double y1, rgb c)
{
    for (double x = x0; x < x1 - 3;) {
        double w = 1 + below(p, 3);
        fill_rect(p, im, x, y0, x + w, y1, c, 1);
        x += w + 1 + below(p, 3);
    }
}

/* ---- on the picture itself ---- */

void segment(pictures_image *im, double x0, double y0, double x1, double y1, double w, rgb c)
{
    double dx = x1 - x0, dy = y1 - y0, l = fmax(dx * dx + dy * dy, 1e-9), r = w / 2;
    for (int y = (int)fmax(0, fmin(y0, y1) - w - 1); y <= fmax(y0, y1) + w + 1 && y < im->height; y++)
        for (int x = (int)fmax(0, fmin(x0, x1) - w - 1); x <= fmax(x0, x1) + w + 1 && x < im->width; x++) {
            double px = x + 0.5 - x0, py = y + 0.5 - y0, t = clamp((px * dx + py * dy) / l, 0, 1);
            double d = hypot(px - t * dx, py - t * dy), a = clamp(r - d + 0.5, 0, 1);
            if (a > 0) put(im, x, y, c, a);
        }
}

void disc(pictures_image *im, double x, double y, double r, rgb c) { segment(im, x, y, x, y, 2 * r, c); }

/* Slices from the top, clockwise; `ends` are where each ends, in turns. */
void pie(pictures_image *im, double x0, double y0, double r, int n, const double *ends, const rgb *c)
{
    for (int y = (int)fmax(0, y0 - r - 1); y <= y0 + r + 1 && y < im->height; y++)
        for (int x = (int)fmax(0, x0 - r - 1); x <= x0 + r + 1 && x < im->width; x++) {
            double dx = x + 0.5 - x0, dy = y + 0.5 - y0, d = sqrt(dx * dx + dy * dy);
            if (d > r + 0.5) continue;
            double t = atan2(dx, -dy) / 6.2831853;
            if (t < 0) t += 1;
            int k = 0;
            while (k + 1 < n && t >= ends[k]) k++;
            put(im, x, y, c[k], clamp(r - d + 0.5, 0, 1));
        }
}

/* ---- what cameras and compression do: blur, noise, JPEG ---- */

static void blur(pictures_image *im, int times)
{
    size_t n = (size_t)im->width * (size_t)im->height * 3;
    uint8_t *copy = malloc(n);
    for (; copy && times--;) { /* 3x3 binomial */
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

static void noise(pictures *p, pictures_image *im, int amplitude, bool grey)
{
    size_t n = (size_t)im->width * (size_t)im->height * 3;
    int v = 0;
    for (size_t i = 0; i < n; i++) {
        if (!grey || i % 3 == 0) v = (below(p, 256) + below(p, 256) - 255) * amplitude / 128;
        int t = im->rgb[i] + v;
        im->rgb[i] = (uint8_t)(t < 0 ? 0 : t > 255 ? 255 : t);
    }
}

/* `least`: how much of it small letters bear, 0 to 1. */
void damage(pictures *p, pictures_image *im, pictures_item *out, double least)
{
    out->blur = chance(p, 0.25 * least) ? 1 + below(p, least < 1 ? 1 : 2) : 0;
    out->noise = chance(p, 0.4) ? 2 + below(p, (int)(24 * least)) : 0;
    out->grey = chance(p, 0.5);
    out->jpeg = chance(p, 0.35) ? (least < 1 ? 45 : 25) + below(p, 50) : 0;
    if (p->clean) return;
    if (out->blur) blur(im, out->blur);
    if (out->noise) noise(p, im, out->noise, out->grey);
}
