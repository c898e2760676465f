/* JSON: what is read, what is refused and where, and what is written. */
#include "../check.h"
#include "base/json.h"

#include <locale.h>
#include <math.h>

static void test_values(void)
{
    static const char text[] = " {\"a\": [1, -2.5, 1e3, 0.1, -0, 12345678901234567890, 1E-7], \"b\": {\"c\": "
                               "null}, \"t\": true, \"f\": false,"
                               "\"s\": \"\\u00e9\\ud83d\\ude00\\n\\\"\\\\\\/\\b\\f\\r\\t\\u0000x\", \"a\": "
                               "[1.25, 5e-324, 123.456e-2]}\n";
    arena a = {0};
    const json *v;
    error e = {0};
    CHECK(json_parse(&a, text, sizeof text - 1, &v, &e) == GALAGO_OK, "%s", e.message);
    const json *list = json_get(v, "a"); /* of two members with a name the last counts */
    CHECK(list && list->u.list.count == 3 && json_number(list->u.list.first, 0) == 1.25, "last member");
    CHECK(json_number(list->u.list.first->next, 0) == 5e-324 &&
              json_number(list->u.list.first->next->next, 0) == 1.23456,
          "numbers");
    const json *first = v->u.list.first;
    static const double want[] = {1, -2.5, 1e3, 0.1, -0.0, 12345678901234567890.0, 1e-7};
    size_t i = 0;
    for (const json *n = first->u.list.first; n; n = n->next, i++)
        CHECK(n->u.number == want[i], "number %zu: %.17g", i, n->u.number);
    CHECK(i == 7, "%zu numbers", i);
    const json *s = json_get(v, "s");
    static const char unescaped[] = "\xc3\xa9\xf0\x9f\x98\x80\n\"\\/\b\f\r\t\0x";
    CHECK(s->u.string.size == sizeof unescaped - 1 && !memcmp(s->u.string.bytes, unescaped, sizeof unescaped),
          "string");
    CHECK(json_bool(json_get(v, "t"), false) && !json_bool(json_get(v, "f"), true), "words");
    CHECK(json_get(json_get(v, "b"), "c")->type == JSON_NULL && !json_get(v, "z") && !json_get(list, "a") &&
              !json_get(NULL, "a"),
          "get");
    CHECK(json_number(s, 7) == 7 && json_number(NULL, 8) == 8 && !strcmp(json_string(list, "d"), "d"),
          "defaults");
    arena_free(&a);
}

static void test_u64(void)
{
    static const struct {
        const char *text;
        uint64_t max, want;
        bool good;
    } rows[] = {
        {"0", 10, 0, true},
        {"10", 10, 10, true},
        {"11", 10, 0, false},
        {"-1", 10, 0, false},
        {"1.5", 10, 0, false},
        {"1e1", 10, 10, true},
        {"1e400", UINT64_MAX, 0, false},
        {"9007199254740992", UINT64_MAX, 9007199254740992u, true},
        {"1e17", UINT64_MAX, 0, false},
        {"\"1\"", 10, 0, false},
        {"null", 10, 0, false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        arena a = {0};
        const json *v;
        uint64_t n = 99;
        CHECK(json_parse(&a, rows[i].text, strlen(rows[i].text), &v, NULL) == GALAGO_OK, "%s", rows[i].text);
        CHECK(json_u64(v, rows[i].max, &n) == rows[i].good && (!rows[i].good || n == rows[i].want), "%s",
              rows[i].text);
        arena_free(&a);
    }
    CHECK(!json_u64(NULL, 10, &(uint64_t){0}), "missing");
}

static void test_refused(void)
{
    static const struct {
        const char *text, *message;
    } rows[] = {
        {"", "at byte 0"},
        {"  ", "at byte 2"},
        {"{", "name expected"},
        {"[1,]", "at byte 3"},
        {"[1 2]", "at byte 3"},
        {"{\"a\" 1}", "':' expected"},
        {"{\"a\":1,}", "name expected"},
        {"{1:2}", "name expected"},
        {"nul", "unknown word"},
        {"[tru]", "unknown word"},
        {"01", "after the end"},
        {"1.", "after the point"},
        {"-", "unexpected"},
        {".5", "unexpected"},
        {"1e", "exponent"},
        {"+1", "unexpected"},
        {"\"a", "without an end"},
        {"\"a\\", "without an end"},
        {"\"\\x\"", "unknown escape"},
        {"\"\\u12\"", "bad \\u"},
        {"\"\\u12g4\"", "bad \\u"},
        {"\"\n\"", "control character"},
        {"\"\xff\"", "not UTF-8"},
        {"\"\xed\xa0\x80\"", "not UTF-8"},
        {"1 2", "after the end"},
        {"[}", "unexpected"},
        {"NaN", "unexpected"},
        {"1111111111111111111111111111111111111111111111111111111111111111", "63 characters"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        arena a = {0};
        const json *v = (const json *)&a;
        error e = {0};
        CHECK(json_parse(&a, rows[i].text, strlen(rows[i].text), &v, &e) == GALAGO_ERR_FORMAT && !v, "%s",
              rows[i].text);
        CHECK(strstr(e.message, rows[i].message), "%s: \"%s\"", rows[i].text, e.message);
        arena_free(&a);
    }
    for (int depth = 60; depth < 70; depth++) {
        buf b = {0};
        for (int i = 0; i < depth; i++) buf_str(&b, "[");
        for (int i = 0; i < depth; i++) buf_str(&b, "]");
        arena a = {0};
        const json *v;
        error e = {0};
        CHECK((json_parse(&a, b.data, b.size, &v, &e) == GALAGO_OK) == (depth <= 64), "depth %d", depth);
        arena_free(&a);
        buf_free(&b);
    }
    arena a = {.limit_bytes = 1 << 15};
    buf big = {0};
    const json *v;
    buf_str(&big, "[0");
    for (int i = 0; i < 5000; i++) buf_str(&big, ",0");
    buf_str(&big, "]");
    CHECK(json_parse(&a, big.data, big.size, &v, NULL) == GALAGO_ERR_MEMORY && !v, "memory");
    arena_free(&a);
    buf_free(&big);
}

static void test_surrogates(void)
{
    static const char *const rows[][2] = {
        {"\"\\ud800\"", "\xef\xbf\xbd"},
        {"\"\\udc00x\"", "\xef\xbf\xbdx"},
        {"\"\\ud800\\u0041\"", "\xef\xbf\xbd"
                               "A"},
        {"\"\\ud800\\ud83d\\ude00\"", "\xef\xbf\xbd\xf0\x9f\x98\x80"},
        {"\"\\uDBFF\\uDFFF\"", "\xf4\x8f\xbf\xbf"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        arena a = {0};
        const json *v;
        CHECK(json_parse(&a, rows[i][0], strlen(rows[i][0]), &v, NULL) == GALAGO_OK, "%s", rows[i][0]);
        CHECK(!strcmp(json_string(v, ""), rows[i][1]), "%s gives \"%s\"", rows[i][0], json_string(v, ""));
        arena_free(&a);
    }
}

static void test_writing(void)
{
    static const struct {
        double v;
        const char *want;
    } rows[] = {{0, "0"},
                {-3, "-3"},
                {1e14, "100000000000000"},
                {0.5, "0.5"},
                {1.0 / 3, "0.333333333"},
                {1e300, "1e+300"},
                {-1e-7, "-1e-07"},
                {INFINITY, "null"},
                {NAN, "null"},
                {1e18, "1e+18"}};
    buf b = {0};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        b.size = 0;
        json_write_number(&b, rows[i].v);
        CHECK(!strcmp(b.data, rows[i].want), "%g is written %s", rows[i].v, b.data);
    }
    b.size = 0;
    json_write_string(&b, "a\"\\\n\t\r\x01\x7f\0\xc3\xa9\xff/", 13);
    CHECK(!strcmp(b.data, "\"a\\\"\\\\\\n\\t\\r\\u0001\\u007f\\u0000\xc3\xa9\xef\xbf\xbd/\""), "%s", b.data);
    arena a = {0};
    const json *v;
    CHECK(json_parse(&a, b.data, b.size, &v, NULL) == GALAGO_OK, "%s", b.data);
    CHECK(v && v->u.string.size == 15 &&
              !memcmp(v->u.string.bytes, "a\"\\\n\t\r\x01\x7f\0\xc3\xa9\xef\xbf\xbd/", 15),
          "what is written is read");
    arena_free(&a);
    buf_free(&b);
}

/* Where the decimal point is a comma, nothing changes. Needs such a locale: without one the numbers were
 * checked above only. */
static void test_locale(void)
{
    static const char *const names[] = {"de_DE.UTF-8", "de_DE.utf8", "fr_FR.UTF-8", "ru_RU.UTF-8"};
    bool set = false;
    for (size_t i = 0; i < sizeof names / sizeof *names && !set; i++)
        set = setlocale(LC_NUMERIC, names[i]) != NULL;
    arena a = {0};
    buf b = {0};
    const json *v;
    CHECK(json_parse(&a, "1.5e-1", 6, &v, NULL) == GALAGO_OK && v->u.number == 0.15, "%g",
          v ? v->u.number : 0);
    json_write_number(&b, 0.25);
    CHECK(!strcmp(b.data, "0.25"), "%s", b.data);
    setlocale(LC_NUMERIC, "C");
    arena_free(&a);
    buf_free(&b);
}

int main(void)
{
    test_values();
    test_u64();
    test_refused();
    test_surrogates();
    test_writing();
    test_locale();
    return check_done("base_json");
}
