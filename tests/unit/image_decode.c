/* Decoders: the pictures of tests/data/images against the hashes in expected.txt, which another library made;
 * the same files cut at every length and with every byte changed; EXIF blocks. */
#include "../check.h"
#include "image/decode.h"

#include <stdio.h>
#include <stdlib.h>

#include <jpeglib.h>

#define FOLDER "tests/data/images/"

typedef struct file {
    uint8_t *bytes;
    size_t size;
} file;

static file read_file(const char *name)
{
    char path[300];
    snprintf(path, sizeof path, FOLDER "%s", name);
    file f = {0};
    FILE *in = fopen(path, "rb");
    if (!in) return f;
    fseek(in, 0, SEEK_END);
    long n = ftell(in);
    rewind(in);
    f.bytes = malloc(n > 0 ? (size_t)n : 1);
    if (f.bytes && n > 0) f.size = fread(f.bytes, 1, (size_t)n, in);
    fclose(in);
    return f;
}

static unsigned long long fnv(const uint8_t *p, size_t n)
{
    unsigned long long h = 0xcbf29ce484222325ull;
    for (size_t i = 0; i < n; i++) h = (h ^ p[i]) * 0x100000001b3ull;
    return h;
}

static void test_expected(void)
{
    FILE *list = fopen(FOLDER "expected.txt", "r");
    CHECK(list, "run in the root of the source tree");
    if (!list) return;
    char line[300], name[200], word[40];
    unsigned width, height;
    unsigned long long hash;
    int n_good = 0, n_bad = 0;
    while (fgets(line, sizeof line, list)) {
        bool is_good = sscanf(line, "%199s %u %u %llx", name, &width, &height, &hash) == 4;
        if (!is_good && sscanf(line, "%199s %39s", name, word) != 2) continue;
        file f = read_file(name);
        CHECK(f.bytes, "%s: not there", name);
        image img;
        error e = {0};
        galago_status s = image_decode(f.bytes, f.size, &img, &e);
        if (is_good) {
            n_good++;
            CHECK(s == GALAGO_OK, "%s: %s", name, e.message);
            CHECK(img.width == width && img.height == height, "%s: %u x %u, expected %u x %u", name,
                  img.width, img.height, width, height);
            if (!s) CHECK(fnv(img.rgb, (size_t)img.width * img.height * 3) == hash, "%s: other pixels", name);
        } else {
            n_bad++;
            CHECK(strcmp(galago_status_name(s), word) == 0, "%s: %s (%s), expected %s", name,
                  galago_status_name(s), e.message, word);
            CHECK(e.status == s && e.message[0], "%s: no message", name);
            CHECK(!img.rgb && !img.width && !img.height, "%s: left something behind", name);
            /* A caller that wants no message gets the same status. */
            CHECK(image_decode(f.bytes, f.size, &img, NULL) == s, "%s: another status without a message",
                  name);
        }
        image_free(&img);
        free(f.bytes);
    }
    fclose(list);
    CHECK(n_good >= 90 && n_bad >= 25, "%d good and %d bad pictures", n_good, n_bad);
}

/* A decoded picture is whole; a refusal has its words. Any other outcome of damage is fine: many bytes may
 * change without harm. Blocks of exactly the right size, so that the sanitizers see every byte read beyond
 * the end. */
static galago_status check_outcome(const char *name, const uint8_t *bytes, size_t size, size_t at)
{
    uint8_t *exact = malloc(size ? size : 1);
    if (size) memcpy(exact, bytes, size);
    image img;
    error e = {0};
    galago_status s = image_decode(exact, size, &img, &e);
    free(exact);
    if (s)
        CHECK(e.status == s && e.message[0] && !img.rgb, "%s at %zu: a failure without a message", name, at);
    else
        CHECK(img.rgb && img.width && img.height, "%s at %zu: nothing decoded", name, at);
    image_free(&img);
    return s;
}

static const char *const small_files[] = {
    "jpeg_420.jpg",
    "jpeg_progressive.jpg",
    "jpeg_cmyk.jpg",
    "jpeg_exif_6.jpg",
    "png_palette4.png",
    "png_rgb8.png",
    "png_rgba16_interlaced.png",
    "png_exif_6.png",
    "webp_lossy.webp",
    "webp_lossless.webp",
    "webp_lossy_alpha.webp",
    "webp_animation.webp",
    "gif_palette.gif",
    "gif_interlaced.gif",
    "gif_local_palette.gif",
    "bmp_24.bmp",
    "bmp_4_os2.bmp",
    "bmp_rle8.bmp",
    "bmp_rle4.bmp",
    "bmp_16_565.bmp",
};

static void test_cut_at_every_length(void)
{
    for (size_t i = 0; i < sizeof small_files / sizeof *small_files; i++) {
        file f = read_file(small_files[i]);
        CHECK(f.size > 60, "%s: not there", small_files[i]);
        size_t n_decoded = 0;
        for (size_t n = 0; n < f.size; n++)
            n_decoded += check_outcome(small_files[i], f.bytes, n, n) == GALAGO_OK;
        /* What may be missing are end markers and the filling of the last row: never more than a few bytes. A
         * GIF may lose its trailer and end code, an animation or a WebP nothing. */
        CHECK(n_decoded <= 4, "%s: %zu cut files were taken for whole ones", small_files[i], n_decoded);
        free(f.bytes);
    }
}

static void test_every_byte_changed(void)
{
    for (size_t i = 0; i < sizeof small_files / sizeof *small_files; i++) {
        file f = read_file(small_files[i]);
        CHECK(f.size > 60, "%s: not there", small_files[i]);
        for (size_t at = 0; at < f.size; at++)
            for (int change = 0; change < 2; change++) {
                uint8_t old = f.bytes[at];
                f.bytes[at] ^= change ? 0xff : 1 << (at % 8);
                check_outcome(small_files[i], f.bytes, f.size, at);
                f.bytes[at] = old;
            }
        free(f.bytes);
    }
}

static void test_messages(void)
{
    static const struct {
        const char *name, *word;
    } cases[] = {
        {"bad_empty.jpg", "empty"},
        {"bad_text.txt", "54 68 69 73"},
        {"bad_jpeg_cut.jpg", "remature end"},
        {"bad_jpeg_30000.jpg", "30000 x 30000"},
        {"bad_jpeg_scans.jpg", "scans"},
        {"bad_png_30000.png", "30000 x 30000"},
        {"bad_gif_30000.gif", "30000 x 30000"},
        {"bad_bmp_30000.bmp", "30000 x 30000"},
        {"bad_webp_16383.webp", "16383 x 16383"},
        {"bad_webp_cut.webp", "WebP"},
        {"bad_png_crc.png", "CRC"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        file f = read_file(cases[i].name);
        image img;
        error e = {0};
        image_decode(f.bytes, f.size, &img, &e);
        CHECK(strstr(e.message, cases[i].word), "%s: \"%s\" does not say \"%s\"", cases[i].name, e.message,
              cases[i].word);
        free(f.bytes);
    }
}

static void test_orientation(void)
{
    /* A 3 x 2 picture whose pixels are numbered, and how each orientation must turn it. */
    static const struct {
        unsigned width, height;
        uint8_t pixels[6];
    } want[9] = {
        [1] = {3, 2, {0, 1, 2, 3, 4, 5}}, [2] = {3, 2, {2, 1, 0, 5, 4, 3}}, [3] = {3, 2, {5, 4, 3, 2, 1, 0}},
        [4] = {3, 2, {3, 4, 5, 0, 1, 2}}, [5] = {2, 3, {0, 3, 1, 4, 2, 5}}, [6] = {2, 3, {3, 0, 4, 1, 5, 2}},
        [7] = {2, 3, {5, 2, 4, 1, 3, 0}}, [8] = {2, 3, {2, 5, 1, 4, 0, 3}},
    };
    for (int o = 1; o <= 8; o++) {
        image img = {.width = 3, .height = 2, .rgb = malloc(18)};
        for (int i = 0; i < 18; i++) img.rgb[i] = (uint8_t)(i / 3 * 10 + i % 3);
        error e = {0};
        CHECK(image_orient(&img, o, &e) == GALAGO_OK, "%s", e.message);
        CHECK(img.width == want[o].width && img.height == want[o].height, "orientation %d: %u x %u", o,
              img.width, img.height);
        for (int i = 0; i < 18; i++)
            CHECK(img.rgb[i] == want[o].pixels[i / 3] * 10 + i % 3, "orientation %d: byte %d", o, i);
        image_free(&img);
    }
}

static void test_exif(void)
{
    /* header, offset of the directory, 1 entry: tag, type, count, value */
    static const uint8_t little[] = {'I', 'I', 42, 0, 8, 0, 0, 0, 1, 0, 0x12,
                                     1,   3,   0,  1, 0, 0, 0, 5, 0, 0, 0};
    static const uint8_t big[] = {'M', 'M', 0, 42, 0, 0, 0, 8, 0, 1, 1, 0x12, 0, 3, 0, 0, 0, 1, 0, 7, 0, 0};
    CHECK(exif_orientation(little, sizeof little) == 5, "little-endian");
    CHECK(exif_orientation(big, sizeof big) == 7, "big-endian");
    for (size_t n = 0; n < sizeof little; n++) {
        uint8_t *exact = malloc(n ? n : 1);
        memcpy(exact, little, n);
        CHECK(exif_orientation(exact, n) == 1, "cut at %zu", n);
        free(exact);
    }
    uint8_t far[sizeof little];
    memcpy(far, little, sizeof far);
    memset(far + 4, 0xff, 4);
    CHECK(exif_orientation(far, sizeof far) == 1, "directory beyond the end");
    memcpy(far, little, sizeof far);
    far[18] = 9;
    CHECK(exif_orientation(far, sizeof far) == 1, "orientation 9");
}

/* 65535 x 1 and 1 x 65535 decode: the shape is smart_resize's matter. */
static void test_long_shapes(void)
{
    for (int tall = 0; tall < 2; tall++) {
        const uint32_t n = 65535, stride = tall ? 4 : n / 8 + 1;
        size_t rows = tall ? n : 1, size = 62 + rows * ((stride + 3) / 4 * 4);
        uint8_t *bmp = calloc(size, 1);
        const uint8_t header[] = {'B', 'M', 0, 0, 0, 0, 0, 0, 0, 0, 62, 0, 0, 0, 40,
                                  0,   0,   0, 1, 0, 0, 0, 1, 0, 0, 0,  1, 0, 1};
        memcpy(bmp, header, sizeof header);
        bmp[tall ? 22 : 18] = bmp[tall ? 23 : 19] = 0xff;
        memset(bmp + 54, 77, 3);
        image img;
        error e = {0};
        CHECK(image_decode(bmp, size, &img, &e) == GALAGO_OK, "%s", e.message);
        CHECK(img.width * img.height == n, "%u x %u", img.width, img.height);
        if (img.rgb) CHECK(img.rgb[0] == 77 && img.rgb[3 * n - 1] == 77, "colour %d", img.rgb[0]);
        image_free(&img);
        free(bmp);
    }
}

/* Kinds of JPEG that few programs write, made here. Smooth samples at quality 100, so that each comes back
 * within a few levels: 3 from rounding in both directions of the colour conversion and in the transform (2
 * were seen); channels in a wrong order or not inverted are off by 50 and more. */
static void test_jpeg_kinds(void)
{
    static const struct {
        const char *name;
        J_COLOR_SPACE given, stored;
        int n_channels;
        bool is_arithmetic, is_progressive;
        int restart;
    } kinds[] = {
        {"RGB stored as RGB", JCS_RGB, JCS_RGB, 3, false, false, 0},
        {"arithmetic", JCS_RGB, JCS_YCbCr, 3, true, false, 0},
        {"arithmetic, progressive", JCS_RGB, JCS_YCbCr, 3, true, true, 0},
        {"restart markers", JCS_RGB, JCS_YCbCr, 3, false, false, 1},
        {"CMYK", JCS_CMYK, JCS_CMYK, 4, false, false, 0},
        {"YCCK", JCS_CMYK, JCS_YCCK, 4, false, false, 0},
        {"YCCK, progressive", JCS_CMYK, JCS_YCCK, 4, false, true, 0},
    };
    enum { WIDTH = 37, HEIGHT = 21 };
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        struct jpeg_compress_struct jpeg;
        struct jpeg_error_mgr errors;
        jpeg.err = jpeg_std_error(&errors);
        jpeg_create_compress(&jpeg);
        unsigned char *bytes = NULL;
        unsigned long size = 0;
        jpeg_mem_dest(&jpeg, &bytes, &size);
        jpeg.image_width = WIDTH;
        jpeg.image_height = HEIGHT;
        jpeg.input_components = kinds[i].n_channels;
        jpeg.in_color_space = kinds[i].given;
        jpeg_set_defaults(&jpeg);
        jpeg_set_colorspace(&jpeg, kinds[i].stored);
        jpeg_set_quality(&jpeg, 100, TRUE);
        for (int c = 0; c < jpeg.num_components; c++)
            jpeg.comp_info[c].h_samp_factor = jpeg.comp_info[c].v_samp_factor = 1;
        if (kinds[i].is_progressive) jpeg_simple_progression(&jpeg);
        jpeg.arith_code = kinds[i].is_arithmetic;
        jpeg.restart_in_rows = kinds[i].restart;
        uint8_t samples[HEIGHT][WIDTH * 4], want[HEIGHT][WIDTH][3];
        jpeg_start_compress(&jpeg, TRUE);
        for (int y = 0; y < HEIGHT; y++) {
            for (int x = 0; x < WIDTH; x++) {
                const int v[4] = {x * 6, 200 - y * 9, 40 + x * 2 + y * 3, 250 - x * 2 - y};
                for (int c = 0; c < kinds[i].n_channels; c++)
                    samples[y][x * kinds[i].n_channels + c] = (uint8_t)v[c];
                /* Inks are stored inverted: samples are lightness, and multiply. */
                for (int c = 0; c < 3; c++)
                    want[y][x][c] = (uint8_t)(kinds[i].n_channels == 4 ? v[c] * v[3] / 255 : v[c]);
            }
            JSAMPROW row = samples[y];
            jpeg_write_scanlines(&jpeg, &row, 1);
        }
        jpeg_finish_compress(&jpeg);
        jpeg_destroy_compress(&jpeg);

        image img;
        error e = {0};
        CHECK(image_decode(bytes, size, &img, &e) == GALAGO_OK, "%s: %s", kinds[i].name, e.message);
        int worst = 0;
        for (size_t k = 0; img.rgb && k < WIDTH * HEIGHT * 3; k++) {
            int d = abs(img.rgb[k] - ((const uint8_t *)want)[k]);
            worst = d > worst ? d : worst;
        }
        CHECK(img.rgb && worst <= 3, "%s: off by %d", kinds[i].name, worst);
        image_free(&img);
        /* The last quarter missing must be seen, whatever the coding. */
        CHECK(image_decode(bytes, size * 3 / 4, &img, NULL) == GALAGO_ERR_FORMAT, "%s: cut file accepted",
              kinds[i].name);
        image_free(&img);
        free(bytes);
    }
}

int main(void)
{
    test_expected();
    test_jpeg_kinds();
    test_messages();
    test_orientation();
    test_exif();
    test_long_shapes();
    test_cut_at_every_length();
    test_every_byte_changed();
    return check_done("image_decode");
}
