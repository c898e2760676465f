/* Streaming: whole characters only, the same text for every way of cutting the bytes. */
#include "../check.h"
#include "base/utf8.h"
#include "text/tokenizer.h"

#define R "\xef\xbf\xbd" /* U+FFFD */

static const struct {
    const char *in, *want;
} cases[] = {
    {"plain", "plain"},
    {"\xc3\xa9\xe4\xbd\xa0\xf0\x9f\x98\x80", "\xc3\xa9\xe4\xbd\xa0\xf0\x9f\x98\x80"},
    {"\xc3", R},
    {"\xe4\xbd", R}, /* one for the whole cut character */
    {"\xf0\x9f\x98", R},
    {"\xf0\x9f\x98x", R "x"},
    {"\xe4\xbd\xc3\xa9", R "\xc3\xa9"},
    {"\x80\x80", R R}, /* bytes that never lead: one each */
    {"\xc0\xaf", R R}, /* overlong */
    {"\xe0\x80\x80", R R R},
    {"\xed\xa0\x80", R R R},       /* surrogate */
    {"\xf4\x90\x80\x80", R R R R}, /* above U+10FFFF */
    {"\xf8\xff", R R},
    {"a\xe2\x82z\xf0\x9f", "a" R "z" R},
    {"\xe2\xe2\xe2\x82\xac", R R "\xe2\x82\xac"},
};

static void check_cut(size_t row, unsigned cuts)
{
    const char *in = cases[row].in;
    size_t n = strlen(in), begin = 0;
    text_stream s = {0};
    buf out = {0};
    for (size_t i = 0; i < n; i++)
        if (i + 1 == n || cuts >> i & 1) {
            text_stream_push(&s, in + begin, i + 1 - begin, &out);
            begin = i + 1;
            CHECK(utf8_valid(out.data, out.size), "row %zu cut %x: half a character came out", row, cuts);
            CHECK(s.n_held <= 3, "row %zu: %zu bytes held", row, s.n_held);
        }
    text_stream_push(&s, NULL, 0, &out);
    text_stream_flush(&s, &out);
    CHECK(out.data && !strcmp(out.data, cases[row].want), "row %zu cut %x: \"%s\"", row, cuts, out.data);
    CHECK(s.n_held == 0, "row %zu", row);
    buf_free(&out);
}

int main(void)
{
    for (size_t row = 0; row < sizeof cases / sizeof *cases; row++)
        for (unsigned cuts = 0; cuts < 1u << (strlen(cases[row].in) - 1); cuts++) check_cut(row, cuts);
    /* As soon as a character is complete, it comes out. */
    text_stream s = {0};
    buf out = {0};
    text_stream_push(&s, "\xf0\x9f\x98", 3, &out);
    CHECK(out.size == 0 && s.n_held == 3, "%zu held", s.n_held);
    text_stream_push(&s, "\x80", 1, &out);
    CHECK(out.size == 4 && s.n_held == 0, "%zu bytes", out.size);
    buf_free(&out);
    return check_done("text_stream");
}
