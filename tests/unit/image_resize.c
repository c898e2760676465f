/* Resize against a plain float64 transcription of its rules (spec of the two reference libraries), both
 * kernels against each other, smart_resize and patches against tables. */
#include "../check.h"
#include "image/image.h"
#include "image/resize_kernels.h"

#include <math.h>
#include <stdlib.h>
#include <sys/resource.h>

static image make_picture(uint32_t width, uint32_t height, unsigned long long seed, int kind)
{
    image img = {.width = width, .height = height, .rgb = malloc((size_t)width * height * 3)};
    for (size_t i = 0; i < (size_t)width * height * 3; i++) {
        unsigned r = check_random(&seed);
        /* Noise, black and white only (overshoots must clamp), or smooth. */
        img.rgb[i] = (uint8_t)(kind == 0   ? r
                               : kind == 1 ? (r & 1 ? 255 : 0)
                                           : (i * 7 / (width * 3) + i) % 256);
    }
    return img;
}

/* ---- the rules, written down once more, with whole columns of float64 and 64-bit sums ------------ */

static double plain_cubic(double x)
{
    x = x < 0 ? -x : x;
    if (x < 1) return (1.5 * x - 2.5) * x * x + 1;
    if (x < 2) return -0.5 * (((x - 5) * x + 8) * x - 4);
    return 0;
}

static size_t plain_taps(uint32_t n, uint32_t m, uint32_t i, long *lo, double *w)
{
    double scale = (double)n / m, fs = scale > 1 ? scale : 1, support = 2 * fs, c = (i + 0.5) * scale,
           sum = 0;
    long begin = (long)(c - support + 0.5), end = (long)(c + support + 0.5);
    if (begin < 0) begin = 0;
    if (end > (long)n) end = n;
    for (long j = begin; j < end; j++) sum += w[j - begin] = plain_cubic(((double)j - c + 0.5) * (1 / fs));
    for (long j = begin; j < end; j++) w[j - begin] /= sum;
    *lo = begin;
    return (size_t)(end - begin);
}

/* One axis of a picture of `lines` lines of n samples with `step` between samples and `gap` between lines. */
static void plain_pass(const uint8_t *in, uint8_t *out, uint32_t n, uint32_t m, size_t lines, size_t in_step,
                       size_t in_gap, size_t out_step, size_t out_gap, resample rule)
{
    double *w = malloc((n + 8) * sizeof *w), largest = 0;
    long lo;
    for (uint32_t i = 0; i < m; i++)
        for (size_t k = plain_taps(n, m, i, &lo, w); k-- > 0;) largest = fmax(largest, w[k]);
    int bits = 22;
    if (rule == RESAMPLE_TORCHVISION)
        for (bits = 0; bits < 22 && (long)(0.5 + largest * (double)(1 << (bits + 1))) < 32768; bits++) {}
    for (uint32_t i = 0; i < m; i++) {
        size_t k = plain_taps(n, m, i, &lo, w);
        for (size_t line = 0; line < lines; line++) {
            long long sum = 1ll << (bits - 1);
            for (size_t t = 0; t < k; t++) {
                double scaled = w[t] * (double)(1 << bits);
                sum += (long long)trunc(scaled + (scaled < 0 ? -0.5 : 0.5)) *
                       in[line * in_gap + ((size_t)lo + t) * in_step];
            }
            sum >>= bits;
            out[line * out_gap + i * out_step] = (uint8_t)(sum < 0 ? 0 : sum > 255 ? 255 : sum);
        }
    }
    free(w);
}

static uint8_t *plain_resize(const image *in, uint32_t height, uint32_t width, resample rule)
{
    size_t w0 = in->width, h0 = in->height;
    uint8_t *half = malloc((size_t)width * h0 * 3), *out = malloc((size_t)width * height * 3);
    for (size_t c = 0; c < 3; c++) {
        if (width == w0)
            for (size_t i = c; i < w0 * h0 * 3; i += 3) half[i] = in->rgb[i];
        else
            plain_pass(in->rgb + c, half + c, in->width, width, h0, 3, w0 * 3, 3, (size_t)width * 3, rule);
    }
    if (height == h0)
        memcpy(out, half, (size_t)width * h0 * 3);
    else
        plain_pass(half, out, in->height, height, (size_t)width * 3, (size_t)width * 3, 1, (size_t)width * 3,
                   1, rule);
    free(half);
    return out;
}

static void test_resize(void)
{
    static const struct {
        uint32_t in_height, in_width, height, width;
    } cases[] = {
        {1, 1, 32, 32},     {1, 1, 1, 1},       {2, 3, 32, 64},     {7, 5, 7, 5},       {7, 5, 7, 9},
        {7, 5, 3, 5},       {97, 131, 64, 96},  {30, 30, 256, 256}, {61, 200, 32, 160}, {200, 61, 160, 32},
        {333, 257, 32, 32}, {5, 1000, 32, 992}, {1000, 5, 992, 32}, {64, 64, 65, 63},   {101, 103, 1, 1},
        {3, 1, 1, 3},       {480, 17, 96, 480}, {16, 16, 32, 32},   {37, 36, 36, 35},   {4, 4000, 4, 31},
        {1500, 2, 33, 2},   {9, 11, 10, 11},    {1, 7, 1, 700},     {255, 254, 64, 64},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        for (int kind = 0; kind < 3; kind++)
            for (resample rule = RESAMPLE_TORCHVISION; rule <= RESAMPLE_PILLOW; rule++) {
                image in = make_picture(cases[i].in_width, cases[i].in_height, i * 3 + (unsigned)kind, kind),
                      out;
                error e = {0};
                galago_status s = image_resize(&in, cases[i].height, cases[i].width, rule, &out, &e);
                CHECK(s == GALAGO_OK && out.height == cases[i].height && out.width == cases[i].width,
                      "case %zu: %s", i, e.message);
                uint8_t *want = plain_resize(&in, cases[i].height, cases[i].width, rule);
                size_t n = (size_t)cases[i].height * cases[i].width * 3, n_wrong = 0;
                for (size_t k = 0; k < n; k++) n_wrong += out.rgb[k] != want[k];
                CHECK(n_wrong == 0, "case %zu, kind %d, rule %d: %zu of %zu values differ", i, kind,
                      (int)rule, n_wrong, n);
                free(want);
                image_free(&in);
                image_free(&out);
            }
}

/* tests/data/images/resized.txt, written by Pillow. */
static void test_pillow(void)
{
    FILE *list = fopen("tests/data/images/resized.txt", "r");
    CHECK(list, "run in the root of the source tree");
    if (!list) return;
    char name[100], path[200];
    unsigned width, height, n_lines = 0;
    unsigned long long want;
    while (fscanf(list, "%99s %u %u %llx", name, &width, &height, &want) == 4) {
        n_lines++;
        snprintf(path, sizeof path, "tests/data/images/%s", name);
        FILE *f = fopen(path, "rb");
        static uint8_t bytes[1 << 16];
        size_t n = f ? fread(bytes, 1, sizeof bytes, f) : 0;
        if (f) fclose(f);
        image in, out;
        error e = {0};
        CHECK(image_decode(bytes, n, &in, &e) == GALAGO_OK, "%s: %s", name, e.message);
        CHECK(image_resize(&in, height, width, RESAMPLE_PILLOW, &out, &e) == GALAGO_OK, "%s: %s", name,
              e.message);
        unsigned long long h = 0xcbf29ce484222325ull; /* FNV-1a */
        for (size_t i = 0; out.rgb && i < (size_t)width * height * 3; i++)
            h = (h ^ out.rgb[i]) * 0x100000001b3ull;
        CHECK(h == want, "%s to %u x %u: other pixels than Pillow's", name, width, height);
        image_free(&in);
        image_free(&out);
    }
    fclose(list);
    CHECK(n_lines == 27, "%u lines", n_lines);
}

/* Both rules on one picture must differ somewhere, or one of them is not what it says. */
static void test_rules_differ(void)
{
    image in = make_picture(640, 480, 5, 0), a, b;
    error e = {0};
    image_resize(&in, 320, 448, RESAMPLE_TORCHVISION, &a, &e);
    image_resize(&in, 320, 448, RESAMPLE_PILLOW, &b, &e);
    size_t n = 0, n_large = 0;
    for (size_t i = 0; i < 320 * 448 * 3; i++) {
        n += a.rgb[i] != b.rgb[i];
        n_large += abs(a.rgb[i] - b.rgb[i]) > 1;
    }
    CHECK(n > 0 && n < 320 * 448 * 3 / 100 && n_large == 0, "%zu values differ, %zu by more than one", n,
          n_large);
    image_free(&in);
    image_free(&a);
    image_free(&b);
}

#if RESIZE_HAVE_AVX2
/* What the machine's own choice hides: the portable kernels. Random weights of the full range, every number
 * of taps. */
static void test_kernels_agree(void)
{
    if (!resize_avx2_available()) return;
    unsigned long long seed = 11;
    enum { WIDTH = 75, OUT = 9 };
    for (uint32_t n_used = 1; n_used <= 23; n_used++)
        for (int has_high = 0; has_high < 2; has_high++) {
            uint32_t n_taps = (n_used + TAP_GROUP - 1) / TAP_GROUP * TAP_GROUP, first[OUT], used[OUT];
            int32_t weight[OUT * 24] = {0};
            int16_t low[OUT * 24] = {0}, high[OUT * 24] = {0};
            for (uint32_t i = 0; i < OUT; i++) {
                first[i] = check_random(&seed) % (WIDTH - n_used + 1);
                used[i] = n_used;
                for (uint32_t t = 0; t < n_used; t++) {
                    int32_t most = has_high ? 1 << 18 : 1 << 15,
                            w = (int32_t)(check_random(&seed) % (2u * (unsigned)most)) - most;
                    size_t at = i * n_taps + t;
                    weight[at] = w;
                    high[at] = (int16_t)(has_high ? w >> HALF_BITS : 0);
                    low[at] = (int16_t)(w - high[at] * (1 << HALF_BITS));
                }
            }
            resize_axis a = {.n_in = WIDTH,
                             .n_out = OUT,
                             .n_taps = n_taps,
                             .shift = has_high ? 22 : 15,
                             .first = first,
                             .n_used = used,
                             .weight = weight,
                             .low = low,
                             .high = has_high ? high : NULL};
            uint8_t in[24][WIDTH * 3 + READ_AHEAD], out[2][ROW_GROUP][WIDTH * 3];
            const uint8_t *rows[24];
            for (int r = 0; r < 24; r++) {
                rows[r] = in[r];
                for (size_t i = 0; i < sizeof in[r]; i++) in[r][i] = (uint8_t)check_random(&seed);
            }
            memset(out, 0, sizeof out);
            resize_rows_c(&a, rows, (uint8_t *[]){out[0][0], out[0][1], out[0][2], out[0][3]});
            resize_rows_avx2(&a, rows, (uint8_t *[]){out[1][0], out[1][1], out[1][2], out[1][3]});
            CHECK(memcmp(out[0], out[1], sizeof out[0]) == 0, "rows, %u taps, high %d", n_used, has_high);
            for (uint32_t i = 0; i < OUT; i++) {
                resize_columns_c(&a, i, rows, 0, WIDTH * 3, out[0][0]);
                resize_columns_avx2(&a, i, rows, 0, WIDTH * 3, out[1][0]);
                CHECK(memcmp(out[0][0], out[1][0], WIDTH * 3) == 0, "columns, %u taps, high %d", n_used,
                      has_high);
            }
        }
}
#else
static void test_kernels_agree(void) {}
#endif

static const preprocess_params qwen3_5 = {.patch_size = 16,
                                          .merge_size = 2,
                                          .temporal_patch_size = 2,
                                          .min_pixels = 65536,
                                          .max_pixels = 16777216,
                                          .mean = {0.5f, 0.5f, 0.5f},
                                          .std = {0.5f, 0.5f, 0.5f}};
static const preprocess_params qwen2_vl = {.patch_size = 14,
                                           .merge_size = 2,
                                           .temporal_patch_size = 2,
                                           .min_pixels = 3136,
                                           .max_pixels = 12845056,
                                           .mean = {0.48145466f, 0.4578275f, 0.40821073f},
                                           .std = {0.26862954f, 0.26130258f, 0.27577711f}};

static void test_smart_resize(void)
{
    static const struct {
        const preprocess_params *p;
        uint32_t height, width, want_height, want_width;
    } cases[] = {
        {&qwen3_5, 224, 224, 256, 256},       {&qwen3_5, 480, 640, 480, 640},
        {&qwen3_5, 1080, 1920, 1088, 1920},   {&qwen3_5, 336, 448, 320, 448},
        {&qwen3_5, 80, 2000, 64, 1984},       {&qwen3_5, 30, 30, 256, 256},
        {&qwen3_5, 3508, 2480, 3520, 2496},   {&qwen3_5, 5000, 5000, 4096, 4096},
        {&qwen2_vl, 224, 224, 224, 224},      {&qwen2_vl, 480, 640, 476, 644},
        {&qwen2_vl, 1080, 1920, 1092, 1932},  {&qwen3_5, 1, 1, 256, 256},
        {&qwen3_5, 10, 2000, 32, 3648},       {&qwen2_vl, 5000, 5000, 3556, 3556},
        {&qwen3_5, 10000, 10000, 4096, 4096},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        uint32_t h, w;
        error e = {0};
        CHECK(smart_resize(cases[i].p, cases[i].height, cases[i].width, &h, &w, &e) == GALAGO_OK, "%s",
              e.message);
        CHECK(h == cases[i].want_height && w == cases[i].want_width, "%u x %u -> %u x %u, expected %u x %u",
              cases[i].height, cases[i].width, h, w, cases[i].want_height, cases[i].want_width);
    }

    preprocess_params p = qwen3_5;
    p.max_pixels = 32; /* less than one token: each side keeps one factor */
    p.min_pixels = 1;
    uint32_t h, w;
    error e = {0};
    CHECK(smart_resize(&p, 500, 400, &h, &w, &e) == GALAGO_OK && h == 32 && w == 32, "%u x %u", h, w);

    static const struct {
        uint32_t height, width;
        uint64_t min_pixels, max_pixels;
        uint32_t patch_size;
        const char *word;
    } bad[] = {
        {5000, 1, 65536, 16777216, 16, "1 x 5000"}, {1, 5000, 65536, 16777216, 16, "200 times"},
        {1, 201, 65536, 16777216, 16, "201 x 1"},   {0, 5, 65536, 16777216, 16, "5 x 0"},
        {5, 0, 65536, 16777216, 16, "0 x 5"},       {100, 100, 65536, 16777216, 0, "patch size 0"},
        {100, 100, 65536, 0, 16, "0 pixels"},       {100, 100, 70000, 60000, 16, "70000"},
        {3, 3, 0, 60000, 16, "min_pixels"},         {100, 100, 1ull << 60, 1ull << 61, 16, "million"},
        {100, 100, 1, 2, 0xffffffff, "4294967295"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        p = qwen3_5;
        p.min_pixels = bad[i].min_pixels;
        p.max_pixels = bad[i].max_pixels;
        p.patch_size = bad[i].patch_size;
        memset(&e, 0, sizeof e);
        CHECK(smart_resize(&p, bad[i].height, bad[i].width, &h, &w, &e) == GALAGO_ERR_ARGUMENT, "case %zu",
              i);
        CHECK(strstr(e.message, bad[i].word), "case %zu: \"%s\" does not say \"%s\"", i, e.message,
              bad[i].word);
    }
    /* Exactly 200 times is allowed. */
    CHECK(smart_resize(&qwen3_5, 10, 2000, &h, &w, &e) == GALAGO_OK, "ratio 200");
}

static void test_patches(void)
{
    for (int rule = 0; rule < 2; rule++) {
        preprocess_params p = qwen2_vl;
        p.rule = (resample)rule;
        enum { PS = 14, M = 2, HEIGHT = 56, WIDTH = 84, ROWS = HEIGHT / PS, COLS = WIDTH / PS };
        image img = make_picture(WIDTH, HEIGHT, 3, 0);
        float *out = malloc(sizeof *out * HEIGHT * WIDTH * 3);
        image_patches(&img, &p, out);
        size_t n_wrong = 0;
        for (size_t row = 0; row < ROWS; row++)
            for (size_t col = 0; col < COLS; col++) {
                size_t patch = ((row / M * (COLS / M) + col / M) * M + row % M) * M + col % M;
                for (size_t c = 0; c < 3; c++)
                    for (size_t y = 0; y < PS; y++)
                        for (size_t x = 0; x < PS; x++) {
                            uint8_t v = img.rgb[((row * PS + y) * WIDTH + col * PS + x) * 3 + c];
                            double want = (v / 255.0 - (double)p.mean[c]) / (double)p.std[c];
                            float got = out[((patch * 3 + c) * PS + y) * PS + x];
                            /* Values up to 2.2 from three roundings in float32: 5e-7 at most; a neighbouring
                             * grey level is 1.4e-2 away. */
                            n_wrong += !(fabs((double)got - want) < 1e-6);
                        }
            }
        CHECK(n_wrong == 0, "rule %d: %zu values wrong", rule, n_wrong);
        free(out);
        image_free(&img);
    }
}

static void test_preprocess(void)
{
    image img = make_picture(70, 45, 9, 0), resized;
    float *patches, *want = malloc(sizeof *want * 320 * 224 * 3);
    image_grid grid;
    error e = {0};
    CHECK(image_preprocess(&img, &qwen3_5, &patches, &grid, &e) == GALAGO_OK, "%s", e.message);
    /* 45 x 70: beta = sqrt(65536 / 3150) = 4.56: 205.2 x 319.3, up to multiples of 32 */
    CHECK(grid.rows == 14 && grid.cols == 20, "%u x %u", grid.rows, grid.cols);
    image_resize(&img, 224, 320, RESAMPLE_TORCHVISION, &resized, &e);
    image_patches(&resized, &qwen3_5, want);
    CHECK(patches && memcmp(patches, want, sizeof *want * 320 * 224 * 3) == 0, "not what its steps give");
    /* Black is -1 and white 1, exactly: the settings of this family. */
    memset(resized.rgb, 255, 224 * 320 * 3);
    memset(resized.rgb, 0, 3);
    image_patches(&resized, &qwen3_5, want);
    CHECK(want[0] == -1.0f && want[1] == 1.0f, "%g %g", (double)want[0], (double)want[1]);
    free(patches);
    free(want);
    image_free(&resized);
    image_free(&img);

    image narrow = make_picture(1, 5000, 1, 0);
    CHECK(image_preprocess(&narrow, &qwen3_5, &patches, &grid, &e) == GALAGO_ERR_ARGUMENT, "1 x 5000");
    CHECK(!patches && !grid.rows && !grid.cols && strstr(e.message, "1 x 5000"), "%s", e.message);
    image_free(&narrow);
}

/* Too little address space at several points of the work: the result is there, or a status and nothing else.
 * (Not with AddressSanitizer, which takes terabytes of it.) */
static void test_no_memory(void)
{
#if defined(__SANITIZE_ADDRESS__)
    return;
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
    return;
#endif
#endif
    FILE *f = fopen("/proc/self/statm", "r");
    unsigned long pages = 0;
    struct rlimit old;
    if (!f || fscanf(f, "%lu", &pages) != 1 || getrlimit(RLIMIT_AS, &old) != 0) {
        if (f) fclose(f);
        return; /* another system */
    }
    fclose(f);
    image in = make_picture(600000, 1, 1, 0), out; /* 2 MB; the tables of its weights need 42 MB */
    size_t n_failed = 0, n_done = 0;
    for (size_t megabytes = 0; megabytes <= 64; megabytes += 4) {
        struct rlimit low = {.rlim_cur = pages * 4096 + (megabytes << 20), .rlim_max = old.rlim_max};
        error e = {0};
        setrlimit(RLIMIT_AS, &low);
        galago_status s = image_resize(&in, 1, 580000, RESAMPLE_PILLOW, &out, &e);
        setrlimit(RLIMIT_AS, &old);
        CHECK(s == GALAGO_OK || (s == GALAGO_ERR_MEMORY && !out.rgb && e.message[0]), "%zu MB: %s", megabytes,
              e.message);
        n_failed += s != GALAGO_OK;
        n_done += s == GALAGO_OK;
        image_free(&out);
    }
    CHECK(n_failed > 5 && n_done > 0, "%zu refused, %zu done", n_failed, n_done);
    image_free(&in);
}

int main(void)
{
    test_no_memory();
    test_resize();
    test_pillow();
    test_rules_differ();
    test_kernels_agree();
    test_smart_resize();
    test_patches();
    test_preprocess();
    return check_done("image_resize");
}
