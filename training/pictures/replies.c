/* Forms of questions and answers that all families share. */
#include "parts.h"

#include <stdio.h>
#include <string.h>

void told(pictures_item *out, const char *task, const char *prompt, const char *answer)
{
    snprintf(out->task, sizeof out->task, "%s", task);
    if (prompt) snprintf(out->prompt, sizeof out->prompt, "%s", prompt);
    if (answer) snprintf(out->answer, sizeof out->answer, "%s", answer);
}

/* JSON's escapes for what is printed. */
static void quoted(char *out, size_t size, const char *value)
{
    size_t n = 0;
    for (; *value && n + 3 < size; value++) {
        if (*value == '"' || *value == '\\') out[n++] = '\\';
        out[n++] = *value;
    }
    out[n] = 0;
}

void reply_value(pictures *p, pictures_item *out, const char *task, const char *question, const char *subject,
                 const char *key, const char *value, bool copied)
{
    static const char *const one[] = {" Answer in one word.", " One word only.", " Just the word."};
    static const char *const sentence[] = {" Answer in one sentence.", " Reply with a sentence.",
                                           " Use a full sentence."};
    static const char *const json[] = {" Answer as JSON with the field \"%s\".",
                                       " Reply in JSON: {\"%s\": ...}"};
    const char *mark = copied ? COPIED : "";
    double u = uniform(p, 0, 1);
    told(out, task, question, NULL);
    if (u < 0.1 && !strchr(value, ' ')) {
        append(out->prompt, sizeof out->prompt, PICK(p, one));
    } else if (u < 0.2) {
        char v[256];
        append(out->prompt, sizeof out->prompt, PICK(p, sentence));
        snprintf(v, sizeof v, "%s is %s%s%s.", subject, mark, value, mark);
        capital(v);
        snprintf(out->answer, sizeof out->answer, "%s", v);
        return;
    } else if (u < 0.28) {
        char tail[96], v[256];
        snprintf(tail, sizeof tail, PICK(p, json), key);
        append(out->prompt, sizeof out->prompt, tail);
        quoted(v, sizeof v, value);
        snprintf(out->answer, sizeof out->answer, "{\"%s\": \"%s%s%s\"}", key, mark, v, mark);
        snprintf(out->task, sizeof out->task, "json");
        return;
    }
    snprintf(out->answer, sizeof out->answer, "%s%s%s", mark, value, mark);
}

/* `sentence`: what is said in one, with %s for the number as a word. */
void reply_number(pictures *p, pictures_item *out, const char *task, const char *question,
                  const char *sentence, const char *key, int n)
{
    double u = uniform(p, 0, 1);
    told(out, task, question, NULL);
    if (u < 0.1 && n <= 20) {
        append(out->prompt, sizeof out->prompt, " Answer in one sentence.");
        snprintf(out->answer, sizeof out->answer, sentence, numbers[n]);
        capital(out->answer);
    } else if (u < 0.18) {
        snprintf(out->task, sizeof out->task, "json");
        char tail[96];
        snprintf(tail, sizeof tail, " Answer as JSON with the field \"%s\".", key);
        append(out->prompt, sizeof out->prompt, tail);
        snprintf(out->answer, sizeof out->answer, "{\"%s\": %d}", key, n);
    } else {
        if (u < 0.26) append(out->prompt, sizeof out->prompt, " Answer with a number.");
        snprintf(out->answer, sizeof out->answer, "%d", n);
    }
}

void reply_yes(pictures *p, pictures_item *out, const char *question, bool yes)
{
    told(out, "yesno", question, yes ? "Yes" : "No");
    if (chance(p, 0.25))
        append(out->prompt, sizeof out->prompt, chance(p, 0.5) ? " Answer yes or no." : " Yes or no?");
}

/* `thing` as in "cat": what was asked about is not there. */
void reply_absent(pictures *p, pictures_item *out, const char *question, const char *thing)
{
    (void)p;
    told(out, "absent", question, NULL);
    snprintf(out->answer, sizeof out->answer, "There is no %s in the picture.", thing);
}

void reply_choice(pictures *p, pictures_item *out, const char *question, const char *right,
                  const char *const *others, int n, bool copied)
{
    static const char *const ask[] = {
        " Answer only from this list: ", " Choose one of: ", " Pick one from this list: "};
    const char *list[8];
    int k = 0, at = 0;
    for (int i = 0; i < n && k < 5; i++) {
        bool again = !strcmp(others[i], right);
        for (int j = 0; j < k; j++) again |= !strcmp(others[i], list[j]);
        if (!again) list[k++] = others[i];
    }
    at = below(p, k + 1);
    told(out, "choose", question, NULL);
    append(out->prompt, sizeof out->prompt, PICK(p, ask));
    for (int i = 0, j = 0; i <= k; i++) {
        if (i) append(out->prompt, sizeof out->prompt, ", ");
        append(out->prompt, sizeof out->prompt, i == at ? right : list[j++]);
    }
    append(out->prompt, sizeof out->prompt, ".");
    snprintf(out->answer, sizeof out->answer, "%s%s%s", copied ? COPIED : "", right, copied ? COPIED : "");
}

const char *place_in(const pictures_image *im, double x, double y)
{
    static const char *const places[] = {"top left", "top",         "top right", "left",        "middle",
                                         "right",    "bottom left", "bottom",    "bottom right"};
    int at[2];
    for (int k = 0; k < 2; k++) {
        double u = k ? y / im->height : x / im->width;
        at[k] = u < 0.34 ? 0 : u > 0.66 ? 2 : u > 0.42 && u < 0.58 ? 1 : -1;
        if (at[k] < 0) return NULL;
    }
    return places[3 * at[1] + at[0]];
}

void ask_more(pictures *p, void (*ask)(pictures *p, const void *what, pictures_item *out), const void *what)
{
    uint64_t rng = p->rng;
    p->rng ^= 0x6A09E667F3BCC909ull;
    for (int i = 0; i < p->n_more; i++) ask(p, what, &p->more[i]);
    p->rng = rng;
}
