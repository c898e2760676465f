/* Tokenizer: pieces, normal form, merges, added tokens, and refusal of files that are wrong. */
#include "../check.h"
#include "text/unicode.h"
#include "text_fixture.h"

#include <time.h>

/* ---- pieces: each row is a text with '|' between its pieces ---- */

static void test_pieces(void)
{
    static const struct {
        pretokenizer pre;
        const char *pieces;
    } rows[] = {
        {PRETOKENIZER_QWEN2, "Hello| world|!"},
        {PRETOKENIZER_QWEN35, "Hello| world|!"},
        {PRETOKENIZER_QWEN2, "don|'t| I|'LL|'s|tart"},
        {PRETOKENIZER_QWEN2, "we|'re| you|'Ve|'x| '|s"},
        {PRETOKENIZER_QWEN2, "1|2|3| |4|\xc2\xbd|\xe2\x85\xab"}, /* one half, Roman twelve */
        {PRETOKENIZER_QWEN2, " | a|  |\tb"},
        {PRETOKENIZER_QWEN2, "a|\n\n|b| \n\r\n\n| c"},
        {PRETOKENIZER_QWEN2, " \n \n| | x"},
        {PRETOKENIZER_QWEN2, "x|   "},
        {PRETOKENIZER_QWEN2, "!?\n\n| ...\r\n|(foo|_bar"},
        {PRETOKENIZER_QWEN2, "\xc2\xa0\xc2\xa0|\xc2\xa0"
                             "a|\xe3\x80\x80|!"}, /* other spaces join letters, not punctuation */
        {PRETOKENIZER_QWEN2, "x|\xcc\x81z"},      /* a mark may begin a word */
        {PRETOKENIZER_QWEN35, "x\xcc\x81z"},      /* a mark belongs to the word */
        {PRETOKENIZER_QWEN2,
         "\xe0\xa4\xa8|\xe0\xa4\xbf| \xe0\xa4\xa8|\xe0\xa4\xbf\xe0\xa4\xa8"}, /* Devanagari ni */
        {PRETOKENIZER_QWEN35, "\xe0\xa4\xa8\xe0\xa4\xbf| \xe0\xa4\xa8\xe0\xa4\xbf\xe0\xa4\xa8"},
        {PRETOKENIZER_QWEN35, "1|\xcc\x81| \xcc\x81|!"},
        {PRETOKENIZER_QWEN2, "1|\xcc\x81| \xcc\x81!"},
        {PRETOKENIZER_QWEN2,
         "\xe4\xbd\xa0\xe5\xa5\xbd|\xef\xbc\x8c\xe4\xb8\x96"}, /* the comma goes with what follows */
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char text[200];
        size_t ends[50], n = 0, n_ends = 0;
        for (const char *p = rows[i].pieces; *p; p++) {
            if (*p == '|')
                ends[n_ends++] = n;
            else
                text[n++] = *p;
        }
        ends[n_ends++] = n;
        size_t k = 0;
        for (size_t at = 0; at < n; k++) {
            size_t end = pretokenize_next(rows[i].pre, text, n, at);
            CHECK(k < n_ends && end == ends[k], "row %zu \"%s\": piece %zu ends at %zu", i, rows[i].pieces, k,
                  end);
            if (end <= at || k >= n_ends) break;
            at = end;
        }
        CHECK(k == n_ends, "row %zu: %zu pieces", i, k);
    }
}

/* ---- Unicode ---- */

static void test_classes(void)
{
    static const struct {
        uint32_t cp;
        unicode_class want;
    } rows[] = {
        {'a', UNICODE_LETTER},    {'0', UNICODE_NUMBER},     {'!', UNICODE_OTHER},
        {' ', UNICODE_SPACE},     {0x85, UNICODE_SPACE},     {0xfeff, UNICODE_OTHER},
        {0x200b, UNICODE_OTHER},  {0x3000, UNICODE_SPACE},   {0x301, UNICODE_MARK},
        {0x93f, UNICODE_MARK},    {0x20dd, UNICODE_MARK},    {0xbd, UNICODE_NUMBER},
        {0x4e00, UNICODE_LETTER}, {0x9fff, UNICODE_LETTER},  {0xac00, UNICODE_LETTER},
        {0xe000, UNICODE_OTHER},  {0x1f600, UNICODE_OTHER},  {0x1d7d8, UNICODE_NUMBER},
        {0xe0100, UNICODE_MARK},  {0xe01f0, UNICODE_OTHER},  {0x323af, UNICODE_LETTER},
        {0xaa, UNICODE_LETTER},   {0x10ffff, UNICODE_OTHER}, {0x3400, UNICODE_LETTER},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        CHECK(unicode_class_of(rows[i].cp) == rows[i].want, "U+%04X: %d", rows[i].cp,
              unicode_class_of(rows[i].cp));
}

static void test_nfc(void)
{
    static const struct {
        const char *in, *want; /* NULL = unchanged */
    } rows[] = {
        {"plain", NULL},
        {"e\xcc\x81", "\xc3\xa9"},
        {"\xc3\xa9", NULL},
        {"\xe2\x84\xab \xe2\x84\xa6", "\xc3\x85 \xce\xa9"},            /* Angstrom and Ohm signs */
        {"s\xcc\x87\xcc\xa3", "\xe1\xb9\xa9"},                         /* marks in the wrong order */
        {"\xe1\xba\x9b\xcc\xa3", NULL},                                /* does not compose further */
        {"\xe1\x84\x80\xe1\x85\xa1", "\xea\xb0\x80"},                  /* Hangul L V */
        {"\xe1\x84\x80\xe1\x85\xa1\xe1\x86\xa8", "\xea\xb0\x81"},      /* L V T */
        {"\xea\xb0\x80\xe1\x86\xa8", "\xea\xb0\x81"},                  /* LV T */
        {"\xea\xb0\x80\xe1\x86\xa7", NULL},                            /* U+11A7 is no final */
        {"\xe0\xa5\x98", "\xe0\xa4\x95\xe0\xa4\xbc"},                  /* composition exclusion */
        {"\xef\xac\xac", "\xd7\xa9\xd6\xbc\xd7\x81"},                  /* excluded, two steps */
        {"\xf0\x9d\x85\x9f", "\xf0\x9d\x85\x98\xf0\x9d\x85\xa5"},      /* beyond the BMP */
        {"\xef\xa4\x80", "\xe8\xb1\x88"},                              /* compatibility ideograph */
        {"a\xcc\x81\xcc\xb4\xcc\xa3", "\xe1\xba\xa1\xcc\xb4\xcc\x81"}, /* classes 230, 1, 220 */
        {"\xcc\x81"
         "a",
         NULL},                 /* a mark with nothing before it */
        {"\xef\xac\x81", NULL}, /* ligature: NFC leaves it */
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const char *want = rows[i].want ? rows[i].want : rows[i].in;
        buf out = {0};
        CHECK(unicode_nfc(rows[i].in, strlen(rows[i].in), &out), "memory");
        CHECK(out.size == strlen(want) && !memcmp(out.data, want, out.size), "row %zu: \"%s\"", i, out.data);
        /* "not sure" is allowed, a wrong yes is not; what is composed with certainty must be seen as such */
        CHECK(!rows[i].want || !unicode_is_nfc(rows[i].in, strlen(rows[i].in)), "row %zu is taken for NFC",
              i);
        buf_free(&out);
    }
    CHECK(unicode_is_nfc("plain \xc3\xa9 \xe4\xbd\xa0 \xea\xb0\x80", 16), "NFC is not seen");
    /* Long runs of marks take the counting sort: they must come out as short runs do. */
    buf text = {0}, out = {0};
    buf_str(&text, "q");
    for (int i = 0; i < 100; i++) buf_str(&text, "\xcc\x81\xcc\xa3\xcc\xb4"); /* 230, 220, 1 */
    CHECK(unicode_nfc(text.data, text.size, &out) && out.size == text.size, "size");
    bool sorted = out.size == text.size;
    for (size_t i = 0; i < 300 && sorted; i++) {
        const char *mark = i < 100 ? "\xcc\xb4" : i < 200 ? "\xcc\xa3" : "\xcc\x81";
        sorted = !memcmp(out.data + 1 + 2 * i, mark, 2);
    }
    CHECK(sorted, "long run of marks");
    buf_free(&text);
    buf_free(&out);
}

/* ---- encoding ---- */

static void check_ids(const tokenizer *t, const char *text, size_t size, encode_mode mode,
                      const int32_t *want, size_t n)
{
    token_list ids = {0};
    error e = {0};
    CHECK(tokenizer_encode(t, text, size, mode, &ids, &e) == GALAGO_OK, "%s", e.message);
    bool same = ids.count == n;
    for (size_t i = 0; i < n && same; i++) same = ids.ids[i] == want[i];
    CHECK(same, "\"%.*s\": %zu ids, first %d", (int)size, text, ids.count, ids.count ? ids.ids[0] : -1);
    token_list_free(&ids);
}
#define IDS(...) (const int32_t[]){__VA_ARGS__}, sizeof((const int32_t[]){__VA_ARGS__}) / sizeof(int32_t)
#define TEXT(s)  s, sizeof(s) - 1

static void test_encode(void)
{
    tokenizer *t = fixture_tokenizer(PRETOKENIZER_QWEN35);
    check_ids(t, TEXT("abc"), ENCODE_USER, IDS(257)); /* ab (rank 0) before bc (rank 1) */
    check_ids(t, TEXT("bcab"), ENCODE_USER, IDS(258, 256));
    check_ids(t, TEXT("aaaaa"), ENCODE_USER, IDS(260, 'a')); /* leftmost on ties */
    check_ids(t, TEXT("the the"), ENCODE_USER, IDS(262, 263));
    check_ids(t, TEXT("e\xcc\x81"), ENCODE_USER, IDS(0xc3, 0xa9));
    check_ids(t,
              TEXT("\xff"
                   "a\xc3"),
              ENCODE_USER, IDS(0xef, 0xbf, 0xbd, 'a', 0xef, 0xbf, 0xbd));
    check_ids(t, TEXT("a\0b"), ENCODE_USER, IDS('a', 0, 'b'));
    check_ids(t, TEXT(""), ENCODE_USER, NULL, 0);
    check_ids(t, NULL, 0, ENCODE_TRUSTED, NULL, 0);
    /* Added tokens: longest at the leftmost place; in a user's text none, not even those that are shown. */
    check_ids(t, TEXT("<th<think><think>!<|im_end|>"), ENCODE_TRUSTED, IDS(302, 301, 303, 300));
    check_ids(t, TEXT("x<think"), ENCODE_TRUSTED, IDS('x', 302, 'i', 'n', 'k'));
    check_ids(t, TEXT("<<|im_end|>"), ENCODE_TRUSTED, IDS('<', 300));
    check_ids(t, TEXT("<|im_"), ENCODE_TRUSTED, IDS('<', '|', 'i', 'm', '_'));
    check_ids(t, TEXT("<think>"), ENCODE_USER, IDS('<', 261, 'i', 'n', 'k', '>'));
    check_ids(t, TEXT("<|im_end|>"), ENCODE_USER, IDS('<', '|', 'i', 'm', '_', 'e', 'n', 'd', '|', '>'));
    /* A letter and a mark on two sides of an added token do not compose. */
    check_ids(t, TEXT("e<think>\xcc\x81"), ENCODE_TRUSTED, IDS('e', 301, 0xcc, 0x81));

    size_t size;
    const char *s = tokenizer_token(t, 300, false, &size);
    CHECK(size == 0, "a control token shows \"%.*s\"", (int)size, s);
    s = tokenizer_token(t, 300, true, &size);
    CHECK(size == 10 && !memcmp(s, "<|im_end|>", 10), "control token");
    s = tokenizer_token(t, 263, false, &size);
    CHECK(size == 4 && !memcmp(s, " the", 4), "normal token");
    static const int32_t undefined[] = {-1, 264, 299, 304, INT32_MAX, INT32_MIN};
    for (size_t i = 0; i < sizeof undefined / sizeof *undefined; i++) {
        tokenizer_token(t, undefined[i], true, &size);
        CHECK(size == 0 && !tokenizer_defines(t, undefined[i]), "id %d", undefined[i]);
    }
    CHECK(tokenizer_defines(t, 0) && tokenizer_defines(t, 303) && tokenizer_n_tokens(t) == 304,
          "defined ids");
    CHECK(tokenizer_is_control(t, 300) && !tokenizer_is_control(t, 301) && !tokenizer_is_control(t, -1),
          "control");
    CHECK(tokenizer_find(t, "<think>") == 301 && tokenizer_find(t, "<thin") < 0 &&
              tokenizer_find(t, "the") < 0,
          "find");
    CHECK(tokenizer_find(t, "<th") == 302 && tokenizer_find(t, "") < 0, "find");
    tokenizer_destroy(t);
}

/* The definition, in its simplest form: scan all pairs, merge the lowest rank, begin again. */
static size_t merge_plainly(const merge_table *t, int32_t *ids, size_t n)
{
    for (;;) {
        size_t best = n;
        merge_slot found = {.rank = INT32_MAX};
        for (size_t i = 0; i + 1 < n; i++) {
            const merge_slot *s = merge_table_at(t, ids[i], ids[i + 1]);
            if (s->left >= 0 && s->rank < found.rank) found = *s, best = i;
        }
        if (best == n) return n;
        ids[best] = found.id;
        memmove(ids + best + 1, ids + best + 2, (n - best - 2) * sizeof *ids);
        n--;
    }
}

/* Random merges over two letters, so that pairs overlap in every way; pieces on both sides of the border
 * between the two ways of merging, and texts that repeat pieces (the cache). */
static void test_merging(void)
{
    unsigned long long seed = 7;
    for (int round = 0; round < 30; round++) {
        buf vocab = {0}, merges = {0};
        char known[42][32] = {"a", "b"};
        int n_known = 2;
        while (n_known < 42) {
            char joined[80];
            const char *l = known[check_random(&seed) % (unsigned)n_known],
                       *r = known[check_random(&seed) % (unsigned)n_known];
            snprintf(joined, sizeof joined, "%s%s", l, r);
            bool seen = strlen(joined) > 30;
            for (int i = 0; i < n_known; i++) seen |= !strcmp(known[i], joined);
            if (seen) continue;
            buf_printf(&vocab, ",\"%s\":%d", joined, 254 + n_known);
            buf_printf(&merges, "%s\"%s %s\"", n_known > 2 ? "," : "", l, r);
            strcpy(known[n_known++], joined);
        }
        buf file = fixture_json(PRETOKENIZER_QWEN2, vocab.data, merges.data, "");
        tokenizer *t;
        error e = {0};
        CHECK(tokenizer_from_json(file.data, file.size, 1000, &t, &e) == GALAGO_OK, "%s", e.message);
        for (int k = 0; t && k < 60; k++) {
            char text[1500];
            int32_t want[1500];
            size_t n_text = 0, n_want = 0;
            size_t n_pieces = k % 3 ? 1 : 20;
            for (size_t p = 0; p < n_pieces; p++) {
                size_t n = 1 + check_random(&seed) % (n_pieces == 1 ? 200 : 60);
                int32_t ids[256];
                if (p) want[n_want++] = '1', text[n_text++] = '1'; /* a piece of its own between words */
                for (size_t i = 0; i < n; i++)
                    text[n_text++] = "ab"[check_random(&seed) % (k % 2 ? 2 : 8) == 0];
                for (size_t i = 0; i < n; i++) ids[i] = text[n_text - n + i];
                n = merge_plainly(&t->merges, ids, n);
                memcpy(want + n_want, ids, n * sizeof *ids);
                n_want += n;
            }
            check_ids(t, text, n_text, ENCODE_USER, want, n_want);
        }
        tokenizer_destroy(t);
        buf_free(&file);
        buf_free(&vocab);
        buf_free(&merges);
    }
}

/* The bytes of the ids are the normal form of the text, whatever the text. */
static void test_round_trip(void)
{
    static const char *const bits[] = {"a",
                                       "the ",
                                       " ",
                                       "\n",
                                       "\xcc\x81",
                                       "\xcc\xa3",
                                       "\xe1\x84\x80",
                                       "\xe1\x85\xa1",
                                       "\xe1\x86\xa8",
                                       "\xe0\xa5\x98",
                                       "\xf0\x9f\x98\x80",
                                       "<think>",
                                       "'s",
                                       "1",
                                       "\xd7\xa9",
                                       "\xd6\xbc",
                                       "\xc2\x85"};
    tokenizer *t = fixture_tokenizer(PRETOKENIZER_QWEN35);
    unsigned long long seed = 11;
    for (int k = 0; k < 500; k++) {
        buf text = {0}, normal = {0}, back = {0};
        token_list ids = {0};
        for (unsigned n = check_random(&seed) % 60; n; n--)
            buf_str(&text, bits[check_random(&seed) % (sizeof bits / sizeof *bits)]);
        CHECK(unicode_nfc(text.data, text.size, &normal), "memory");
        CHECK(tokenizer_encode(t, text.data, text.size, ENCODE_USER, &ids, NULL) == GALAGO_OK, "encode");
        for (size_t i = 0, size; i < ids.count; i++) {
            const char *s = tokenizer_token(t, ids.ids[i], true, &size);
            buf_append(&back, s, size);
        }
        CHECK(back.size == normal.size && (!back.size || !memcmp(back.data, normal.data, back.size)),
              "text %d", k);
        token_list_free(&ids);
        buf_free(&text);
        buf_free(&normal);
        buf_free(&back);
    }
    tokenizer_destroy(t);
}

/* No text makes the work quadratic. 1 MB takes 0.05 to 0.5 s of processor time here, sanitizers about ten
 * times that; work that grows with the square would take a quarter of an hour. */
static void test_long_texts(void)
{
    static const char *const bits[] = {"a",     " ",   "\n",   "ab",       "\xcc\x81\xcc\xa3",
                                       "<|im_", "<th", "the ", "\xcc\x81", "1"};
    tokenizer *t = fixture_tokenizer(PRETOKENIZER_QWEN35);
    for (size_t i = 0; i < sizeof bits / sizeof *bits; i++) {
        buf text = {0};
        while (text.size < 1000000) buf_str(&text, bits[i]);
        token_list ids = {0};
        clock_t begin = clock();
        CHECK(tokenizer_encode(t, text.data, text.size, ENCODE_TRUSTED, &ids, NULL) == GALAGO_OK, "encode");
        double seconds = (double)(clock() - begin) / CLOCKS_PER_SEC;
        CHECK(seconds < 15, "1 MB of \"%s\" took %.1f s", bits[i], seconds);
        CHECK(ids.count > 100000, "%zu ids", ids.count);
        token_list_free(&ids);
        buf_free(&text);
    }
    tokenizer_destroy(t);
}

/* ---- files ---- */

static void test_bad_json(void)
{
    static const struct {
        const char *vocab, *merges, *added; /* NULL = the fixture's */
        galago_status status;
        const char *message; /* part of it */
    } rows[] = {
        {NULL, NULL, NULL, GALAGO_OK, ""},
        {",\"ab\":1000", "", "", GALAGO_ERR_FORMAT, "id 1000, the model has 1000"},
        {",\"ab\":-1", "", "", GALAGO_ERR_FORMAT, "\"ab\" has no whole number"},
        {",\"ab\":1.5", "", "", GALAGO_ERR_FORMAT, "\"ab\" has no whole number"},
        {",\"ab\":\"x\"", "", "", GALAGO_ERR_FORMAT, "\"ab\" has no whole number"},
        {",\"ab\":97", "", "", GALAGO_ERR_FORMAT, "id 97 is both \"a\" and \"ab\""},
        {",\"ab\":256,\"ab\":257", "", "", GALAGO_ERR_FORMAT, "tokens 256 and 257 are both \"ab\""},
        {",\"a b\":256", "", "", GALAGO_ERR_FORMAT, "\"a b\" is not in the byte-level alphabet"},
        {",\"\":256", "", "", GALAGO_ERR_FORMAT, "token 256 is empty"},
        {NULL, "\"a x\"", "", GALAGO_ERR_FORMAT, "merge 0 \"a\" + \"x\": the result is not a token"},
        {NULL, "\"a b\",\"abab c\"", "", GALAGO_ERR_FORMAT,
         "merge 1 \"abab\" + \"c\": the left part is not a token"},
        {NULL, "\"a b\",\"c cccccccccccccc\"", "", GALAGO_ERR_FORMAT, "merge 1"},
        {NULL, "\"a b\",\"a b\"", "", GALAGO_ERR_FORMAT, "merges 0 and 1 are both"},
        {NULL, "\"ab\"", "", GALAGO_ERR_FORMAT, "merge 0 is neither"},
        {NULL, "[\"a\",\"b\",\"c\"]", "", GALAGO_ERR_FORMAT, "merge 0 is neither"},
        {NULL, "7", "", GALAGO_ERR_FORMAT, "merge 0 is neither"},
        {NULL, NULL, "{\"id\":300}", GALAGO_ERR_FORMAT, "added token 300 has no content"},
        {NULL, NULL, "{\"content\":\"<x>\"}", GALAGO_ERR_FORMAT, "\"<x>\" has no whole number"},
        {NULL, NULL, "{\"id\":1e9,\"content\":\"<x>\"}", GALAGO_ERR_FORMAT, "id 1000000000"},
        {NULL, NULL, "{\"id\":300,\"content\":\"\"}", GALAGO_ERR_FORMAT, "token 300 is empty"},
        {NULL, NULL, "{\"id\":300,\"content\":\"<x>\"},{\"id\":300,\"content\":\"<y>\"}", GALAGO_ERR_FORMAT,
         "both \"<x>\" and \"<y>\""},
        {NULL, NULL, "{\"id\":300,\"content\":\"<x>\"},{\"id\":301,\"content\":\"<x>\"}", GALAGO_ERR_FORMAT,
         "300 and 301 are both \"<x>\""},
        {NULL, NULL, "{\"id\":300,\"content\":\"<x>\",\"lstrip\":true}", GALAGO_ERR_UNSUPPORTED, "lstrip"},
        {NULL, NULL, "{\"id\":97,\"content\":\"a\"}", GALAGO_ERR_FORMAT, "no token for byte 0x61"},
        {NULL, NULL, "3", GALAGO_ERR_FORMAT, "has no whole number"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        buf b = fixture_json(PRETOKENIZER_QWEN2, rows[i].vocab ? rows[i].vocab : FIXTURE_VOCAB,
                             rows[i].merges ? rows[i].merges : FIXTURE_MERGES,
                             rows[i].added ? rows[i].added : FIXTURE_ADDED);
        tokenizer *t;
        error e = {0};
        galago_status s = tokenizer_from_json(b.data, b.size, 1000, &t, &e);
        CHECK(s == rows[i].status && (t != NULL) == !s, "row %zu: status %d %s", i, s, e.message);
        CHECK(strstr(e.message, rows[i].message), "row %zu: \"%s\"", i, e.message);
        tokenizer_destroy(t);
        buf_free(&b);
    }
}

/* One word of a good file replaced; every one changes what the file means. */
static void test_unsupported(void)
{
    static const struct {
        const char *from, *to, *message;
        galago_status status;
    } rows[] = {
        {"\"type\":\"BPE\"", "\"type\":\"Unigram\"", "model.type is \"Unigram\"", GALAGO_ERR_UNSUPPORTED},
        {"\"type\":\"BPE\"", "\"byte_fallback\":true", "model.byte_fallback", GALAGO_ERR_UNSUPPORTED},
        {"\"type\":\"BPE\"", "\"ignore_merges\":true", "model.ignore_merges", GALAGO_ERR_UNSUPPORTED},
        {"\"type\":\"BPE\"", "\"dropout\":0.1", "model.dropout", GALAGO_ERR_UNSUPPORTED},
        {"\"type\":\"BPE\"", "\"end_of_word_suffix\":\"</w>\"", "end_of_word_suffix", GALAGO_ERR_UNSUPPORTED},
        {"{\"type\":\"NFC\"}", "{\"type\":\"NFKC\"}", "normalizer is \"NFKC\"", GALAGO_ERR_UNSUPPORTED},
        {"{\"type\":\"NFC\"}", "null", "normalizer is \"missing\"", GALAGO_ERR_UNSUPPORTED},
        {"\"type\":\"Sequence\"", "\"type\":\"Whitespace\"", "pre_tokenizer is \"Whitespace\"",
         GALAGO_ERR_UNSUPPORTED},
        {"\\\\p{N}|", "\\\\p{N}{1,3}|", "neither Qwen2's nor Qwen3.5's", GALAGO_ERR_UNSUPPORTED},
        {"\"Isolated\"", "\"Removed\"", "behavior is \"Removed\"", GALAGO_ERR_UNSUPPORTED},
        {"\"invert\":false", "\"invert\":true", "inverted", GALAGO_ERR_UNSUPPORTED},
        {"\"add_prefix_space\":false", "\"add_prefix_space\":true", "add_prefix_space",
         GALAGO_ERR_UNSUPPORTED},
        {"\"model\":", "\"modal\":", "no \"model\"", GALAGO_ERR_FORMAT},
        {"\"vocab\":", "\"vocap\":", "no vocabulary", GALAGO_ERR_FORMAT},
        {"\"merges\":", "\"merge\":", "model.merges", GALAGO_ERR_FORMAT},
        {"\"added_tokens\":[", "\"added_tokens\":7,\"x\":[", "not a list", GALAGO_ERR_FORMAT},
        {"\"!\":33,", "", "no token for byte 0x21", GALAGO_ERR_FORMAT},
    };
    buf good = fixture_json(PRETOKENIZER_QWEN2, FIXTURE_VOCAB, FIXTURE_MERGES, FIXTURE_ADDED);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const char *at = strstr(good.data, rows[i].from);
        CHECK(at, "row %zu: the fixture has no %s", i, rows[i].from);
        if (!at) continue;
        buf b = {0};
        buf_append(&b, good.data, (size_t)(at - good.data));
        buf_str(&b, rows[i].to);
        buf_str(&b, at + strlen(rows[i].from));
        tokenizer *t;
        error e = {0};
        galago_status s = tokenizer_from_json(b.data, b.size, 1000, &t, &e);
        CHECK(s == rows[i].status && !t && strstr(e.message, rows[i].message), "row %zu: status %d \"%s\"", i,
              s, e.message);
        tokenizer_destroy(t);
        buf_free(&b);
    }
    for (size_t size = 0; size < good.size; size += 41) { /* cut short anywhere */
        tokenizer *t;
        error e = {0};
        CHECK(tokenizer_from_json(good.data, size, 1000, &t, &e) == GALAGO_ERR_FORMAT && !t && e.message[0],
              "cut at %zu", size);
    }
    buf_free(&good);
}

static void test_vocab_merges(void)
{
    static const char MERGES[] = "#version: 0.2\na b\r\nab c\n\nt h";
    static const char VOCAB[] = ",\"ab\":256,\"abc\":257,\"th\":258}";
    static const struct {
        const char *merges, *config, *message;
        pretokenizer pre;
        galago_status status;
    } rows[] = {
        {MERGES, NULL, "", PRETOKENIZER_QWEN2, GALAGO_OK},
        {MERGES, "{\"tokenizer_class\":\"Qwen2Tokenizer\"}", "", PRETOKENIZER_QWEN2, GALAGO_OK},
        {MERGES, "{\"tokenizer_class\":\"Qwen3_5Tokenizer\"}", "", PRETOKENIZER_QWEN35, GALAGO_OK},
        {MERGES,
         "{\"added_tokens_decoder\":{\"300\":{\"content\":\"<|im_end|>\",\"special\":true},\"301\":{"
         "\"content\":\"<think>\"}}}",
         "", PRETOKENIZER_QWEN2, GALAGO_OK},
        {MERGES, "{\"added_tokens_decoder\":{\"x\":{\"content\":\"<|im_end|>\"}}}", "has no whole number", 0,
         GALAGO_ERR_FORMAT},
        {MERGES, "{\"added_tokens_decoder\":{\"2000\":{\"content\":\"<|im_end|>\"}}}", "id 2000", 0,
         GALAGO_ERR_FORMAT},
        {MERGES, "{\"pretokenize_regex\":\"\\\\w+\"}", "pretokenize_regex", 0, GALAGO_ERR_UNSUPPORTED},
        {"#version: 0.2\na b\nabc", NULL, "line 3 of merges.txt", 0, GALAGO_ERR_FORMAT},
        {"a b\nq q", NULL, "the result is not a token", 0, GALAGO_ERR_FORMAT},
    };
    buf vocab = {0};
    buf_str(&vocab, "{");
    fixture_bytes(&vocab);
    buf_str(&vocab, VOCAB);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        tokenizer *t;
        error e = {0};
        galago_status s = tokenizer_from_vocab_merges(
            vocab.data, vocab.size, rows[i].merges, strlen(rows[i].merges), rows[i].config,
            rows[i].config ? strlen(rows[i].config) : 0, 1000, &t, &e);
        CHECK(s == rows[i].status && strstr(e.message, rows[i].message), "row %zu: status %d \"%s\"", i, s,
              e.message);
        if (!s) {
            CHECK(tokenizer_pre(t) == rows[i].pre && tokenizer_n_merges(t) == 3, "row %zu", i);
            check_ids(t, TEXT("abcth"), ENCODE_USER, IDS(257, 258));
            if (tokenizer_n_tokens(t) > 300)
                check_ids(t, TEXT("<think><|im_end|>"), ENCODE_TRUSTED, IDS(301, 300));
        }
        tokenizer_destroy(t);
    }
    buf_free(&vocab);
}

/* What is exported makes the same tokenizer again. */
static void test_export(void)
{
    tokenizer *t = fixture_tokenizer(PRETOKENIZER_QWEN35), *again;
    token_source tokens[304] = {{0}};
    merge_source merges[8] = {{0}};
    buf texts[304] = {{0}}, lines[8] = {{0}};
    CHECK(tokenizer_n_tokens(t) == 304 && tokenizer_n_merges(t) == 8, "counts");
    for (int32_t id = 0; id < 304; id++) {
        tokenizer_export_token(t, id, &texts[id], &tokens[id].kind);
        tokens[id].bytes = texts[id].data;
        tokens[id].size = (uint32_t)texts[id].size;
    }
    for (size_t r = 0; r < 8; r++) {
        tokenizer_export_merge(t, r, &lines[r]);
        const char *space = strchr(lines[r].data, ' ');
        merges[r] = (merge_source){lines[r].data, (uint32_t)lines[r].size, (uint32_t)(space - lines[r].data),
                                   space + 1, (uint32_t)(lines[r].data + lines[r].size - space - 1)};
    }
    CHECK(!strcmp(texts[263].data, "\xc4\xa0the") && !strcmp(lines[7].data, "\xc4\xa0 the"), "%s, %s",
          texts[263].data, lines[7].data);
    CHECK(tokens[300].kind == TOKEN_CONTROL && tokens[301].kind == TOKEN_ADDED &&
              tokens[299].kind == TOKEN_UNUSED,
          "kinds");
    const tokenizer_source src = {tokens, 304, merges, 8, tokenizer_pre(t)};
    error e = {0};
    CHECK(tokenizer_create(&src, &again, &e) == GALAGO_OK, "%s", e.message);
    if (again)
        check_ids(again, TEXT("abc the<think>aaaa<|im_end|>"), ENCODE_TRUSTED, IDS(257, 263, 301, 260, 300));
    for (int i = 0; i < 304; i++) buf_free(&texts[i]);
    for (int i = 0; i < 8; i++) buf_free(&lines[i]);
    tokenizer_destroy(again);
    tokenizer_destroy(t);
}

static void test_byte_vocabulary(void)
{
    tokenizer *t;
    CHECK(tokenizer_create_bytes(&t, NULL) == GALAGO_OK, "create");
    check_ids(t, TEXT("<|im_start|>a\xc3\xa9<think>"), ENCODE_TRUSTED, IDS(248045, 'a', 0xc3, 0xa9, 248068));
    CHECK(tokenizer_n_tokens(t) == 248077 && !tokenizer_defines(t, 256) && !tokenizer_defines(t, 248043),
          "range");
    CHECK(tokenizer_find(t, "<|image_pad|>") == 248056 && tokenizer_find(t, "</tool_response>") == 248067,
          "ids");
    CHECK(tokenizer_find(t, "<|audio_start|>") == 248070 && tokenizer_find(t, "<|audio_pad|>") == 248076,
          "ids");
    CHECK(tokenizer_is_control(t, 248046) && !tokenizer_is_control(t, 248069), "kinds");
    tokenizer_destroy(t);
}

int main(void)
{
    test_pieces();
    test_classes();
    test_nfc();
    test_encode();
    test_merging();
    test_round_trip();
    test_long_texts();
    test_bad_json();
    test_unsupported();
    test_vocab_merges();
    test_export();
    test_byte_vocabulary();
    return check_done("text_tokenizer");
}
