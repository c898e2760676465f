/* Stop strings: cut at every place, several at once, overlapping themselves. */
#include "engine/stop.h"

#include "check.h"

typedef struct stop_case {
    const char *stops[4];
    const char *text, *answer; /* answer: what is left of the text */
    bool stopped;
} stop_case;

static const stop_case cases[] = {
    {{NULL}, "no stop strings", "no stop strings", false},
    {{"END"}, "one END two", "one ", true},
    {{"END"}, "ENENDX", "EN", true},
    {{"END"}, "one EN", "one EN", false},
    {{"END"}, "END", "", true},
    {{"aab"}, "aaaaab", "aaa", true},
    {{"abab"}, "abaabababa", "aba", true},
    {{"\n\n"}, "first\nsecond\n\nthird", "first\nsecond", true},
    {{"\n"}, "line\n", "line", true},
    {{"abcdef", "cd"}, "xabcdefy", "xab", true}, /* "cd" is complete first */
    {{"cd", "abcd"}, "xabcdefy", "x", true},     /* both end at the same byte: the longer */
    {{"abcx", "bcy"}, "abcy", "a", true},        /* a shorter beginning lives on inside a longer one */
    {{"abcx", "bcy"}, "abcz", "abcz", false},
    {{"ähm", "日本"}, "das ist äh 日曜 日本語", "das ist äh 日曜 ", true},
    {{"</think>", "User:", "\xF0\x9F\x98\x80"}, "a </thin User 😁😀", "a </thin User 😁", true},
};

static size_t count_stops(const stop_case *c)
{
    size_t n = 0;
    while (n < 4 && c->stops[n]) n++;
    return n;
}

/* The result is the same for the text in one piece, byte by byte, and cut at any two places. */
static void test_cuts(void)
{
    stop_filter f = {0};
    for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
        const char *t = cases[c].text;
        size_t n = strlen(t);
        for (size_t a = 0; a <= n; a++)
            for (size_t b = a; b <= n; b++) {
                buf out = {0};
                CHECK(!stop_filter_begin(&f, cases[c].stops, count_stops(&cases[c]), NULL), "begin");
                bool stopped = stop_filter_push(&f, t, a, &out);
                stopped |= stop_filter_push(&f, t + a, b - a, &out);
                stopped |= stop_filter_push(&f, t + b, n - b, &out);
                CHECK(f.held.size < 16, "case %zu: %zu bytes held", c, f.held.size);
                stop_filter_flush(&f, &out);
                CHECK(stopped == cases[c].stopped, "case %zu cut at %zu and %zu: stopped %d", c, a, b,
                      stopped);
                CHECK(out.size == strlen(cases[c].answer) &&
                          !memcmp(out.size ? out.data : "", cases[c].answer, out.size),
                      "case %zu cut at %zu and %zu: \"%.*s\"", c, a, b, (int)out.size,
                      out.data ? out.data : "");
                buf_free(&out);
            }
    }
    stop_filter_free(&f);
}

/* Text goes out as soon as it is certain, not at the end. */
static void test_prompt_release(void)
{
    stop_filter f = {0};
    const char *stops[] = {"STOP"};
    buf out = {0};
    stop_filter_begin(&f, stops, 1, NULL);
    stop_filter_push(&f, "hello ST", 8, &out);
    CHECK(out.size == 6, "%zu bytes", out.size);
    stop_filter_push(&f, "A", 1, &out);
    CHECK(out.size == 9 && !memcmp(out.data, "hello STA", 9), "\"%.*s\"", (int)out.size, out.data);
    stop_filter_push(&f, "STOP and more", 13, &out);
    stop_filter_push(&f, "later", 5, &out);
    stop_filter_flush(&f, &out);
    CHECK(out.size == 9, "nothing after the stop: \"%.*s\"", (int)out.size, out.data);
    /* A new answer begins without the old one's rest. */
    stop_filter_begin(&f, stops, 1, NULL);
    stop_filter_push(&f, "ST", 2, &out);
    stop_filter_begin(&f, stops, 1, NULL);
    out.size = 0;
    CHECK(!stop_filter_push(&f, "OP", 2, &out) && out.size == 2, "nothing is carried over");
    buf_free(&out);
    stop_filter_free(&f);
}

static void test_bad(void)
{
    static const char *const bad[][2] = {{"ok", ""}, {"ok", NULL}, {"ok", "\xff"}, {"ok", "\xe4"}};
    stop_filter f = {0};
    for (size_t i = 0; i < 4; i++) {
        galago_error e = {0};
        CHECK(stop_filter_begin(&f, bad[i], 2, &e) == GALAGO_ERR_ARGUMENT &&
                  strstr(e.message, "stop string 2"),
              "%s", e.message);
    }
    galago_error e = {0};
    CHECK(stop_filter_begin(&f, NULL, 1, &e) == GALAGO_ERR_ARGUMENT, "no list");
    stop_filter_free(&f);
}

int main(void)
{
    test_cuts();
    test_prompt_release();
    test_bad();
    return check_done("unit/engine_stop");
}
