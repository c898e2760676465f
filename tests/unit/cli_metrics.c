/* The scores of `galago eval`. The command's own files are no part of the library. */
#include "../../cli/metrics.c"
#include "../../cli/metrics_json.c"

#include "../check.h"
#include <math.h>
#include <string.h>

static size_t edits(const char *a, const char *b)
{
    return edit_distance(a, strlen(a), b, strlen(b), NULL, NULL);
}
static double near(const char *a, const char *b) { return anls(a, strlen(a), b, strlen(b)); }
static bool json_right(const char *a, const char *b) { return same_json(a, strlen(a), b, strlen(b)); }

static void distances(void)
{
    CHECK(edits("", "") == 0 && edits("abc", "") == 3 && edits("kitten", "sitting") == 3, "Levenshtein");
    CHECK(edits("gr\u00fcn", "gr\u00fcne") == 1 && edits("\u00e9", "e") == 1, "code points, not bytes");
    CHECK(edits("one\ntwo", "one two") == 1, "a line break counts");
    size_t n_a, n_b;
    edit_distance("\u00e9t\u00e9", 5, "ete\xff", 4, &n_a, &n_b);
    CHECK(n_a == 3 && n_b == 4, "lengths in code points: %zu, %zu", n_a, n_b);
}

static void nearness(void)
{
    CHECK(near("12.40", "12.40") == 1 && near(" Total  12 ", "total 12") == 1, "equal after normalising");
    CHECK(fabs(near("12.40", "12.41") - 0.8) < 1e-12, "one of five wrong: %g", near("12.40", "12.41"));
    CHECK(near("abcd", "ab") == 0.5 && near("abcde", "ab") == 0, "below a half counts nothing");
    CHECK(near("", "") == 1 && near("", "a") == 0, "empty answers");
}

static void fields(void)
{
    CHECK(json_right("{\"total\": \"12.40\", \"items\": 3}", "{\"items\":3,\"total\":\"12.40\"}"),
          "any order");
    CHECK(json_right("{\"total\": 12.4}", "{\"total\":\"12.40\"}"), "a number may stand as its text");
    CHECK(!json_right("{\"total\": \"12.41\"}", "{\"total\":\"12.40\"}"), "a wrong value");
    CHECK(!json_right("{\"total\": \"12.40\", \"tax\": 1}", "{\"total\":\"12.40\"}"), "a member too many");
    CHECK(!json_right("{}", "{\"total\":\"12.40\"}"), "a member is missing");
    CHECK(!json_right("{\"total\": \"12.40\"", "{\"total\":\"12.40\"}"), "not closed");
    CHECK(!json_right("```json\n{\"total\": \"12.40\"}\n```", "{\"total\":\"12.40\"}"), "words around it");
    CHECK(!json_right("[1]", "[1]"), "an object is asked for");
    CHECK(json_right("{\"a\":[1,\"b\"]}", "{\"a\":[1,\"B\"]}") && !json_right("{\"a\":[1]}", "{\"a\":[1,2]}"),
          "lists");
    CHECK(json_right("{\"date\":\"3 May\"}", "{\"date\":\"3 may\"}") &&
              !json_right("{\"a\":true}", "{\"a\":false}"),
          "texts and truths");
    CHECK(!json_right("{\"a\":\"1 2\"}", "{\"a\":1}"), "a text that only begins with the number");
}

static void intervals(void)
{
    double low, high, num[200], den[200];
    wilson(90, 100, &low, &high);
    CHECK(fabs(low - 0.8256) < 1e-3 && fabs(high - 0.9448) < 1e-3, "Wilson 90 of 100: %g to %g", low, high);
    wilson(500, 500, &low, &high);
    CHECK(low > 0.99 && high <= 1 + 1e-12, "all right: %g to %g", low, high);
    for (int i = 0; i < 200; i++) num[i] = i % 10 == 0, den[i] = 10;
    bootstrap_ratio(num, den, 200, &low, &high);
    CHECK(low > 0.004 && low < 0.01 && high > 0.01 && high < 0.016, "bootstrap around 0.01: %g to %g", low,
          high);
}

int main(void)
{
    distances();
    nearness();
    fields();
    intervals();
    return check_done("cli_metrics");
}
