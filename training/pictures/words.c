/* What is written: words, numbers, codes, names, dates. */
#include "parts.h"

#include <stdio.h>
#include <string.h>

const char *const numbers[21] = {"no",       "one",      "two",      "three",   "four",    "five",
                                 "six",      "seven",    "eight",    "nine",    "ten",     "eleven",
                                 "twelve",   "thirteen", "fourteen", "fifteen", "sixteen", "seventeen",
                                 "eighteen", "nineteen", "twenty"};

void append(char *s, size_t size, const char *t)
{
    size_t n = strlen(s);
    for (; *t && n + 1 < size; t++) s[n++] = *t;
    if (n < size) s[n] = 0;
}

const char *article(const char *name)
{
    return strchr("aeiouAEIOU", *name) && strncmp(name, "uni", 3) ? "an" : "a";
}

void capital(char *s)
{
    if (*s >= 'a' && *s <= 'z') *s = (char)(*s - 32);
}

const char *word(pictures *p) { return p->words[below(p, p->n_words)]; }

void add_word(pictures *p, char *s, size_t size)
{
    char w[48];
    snprintf(w, sizeof w, "%s", word(p));
    int style = below(p, 10);
    for (char *q = w; *q; q++)
        if (*q >= 'a' && *q <= 'z' && (style >= 8 || (style >= 5 && q == w))) *q = (char)(*q - 32);
    append(s, size, w);
}

/* Letters with accents in place of a share of the plain ones. */
void accent(pictures *p, char *s, size_t size, double share)
{
    static const char *const like[][6] = {
        {"a", "à", "á", "â", "ä", "å"}, {"e", "è", "é", "ê", "ë", "ę"}, {"i", "ì", "í", "î", "ï", "ı"},
        {"o", "ò", "ó", "ô", "ö", "ø"}, {"u", "ù", "ú", "û", "ü", "ů"}, {"c", "ç", "ć", "č", "ç", "č"},
        {"n", "ñ", "ń", "ň", "ñ", "ñ"}, {"s", "ś", "š", "ş", "ß", "š"}, {"z", "ź", "ż", "ž", "ż", "ž"},
        {"A", "À", "Á", "Â", "Ä", "Å"}, {"E", "È", "É", "Ê", "Ë", "Ę"}, {"O", "Ò", "Ó", "Ô", "Ö", "Ø"},
        {"U", "Ù", "Ú", "Û", "Ü", "Ů"}, {"C", "Ç", "Ć", "Č", "Ç", "Č"}, {"l", "ł", "ł", "ł", "ł", "ł"},
        {"y", "ý", "ÿ", "ý", "ÿ", "ý"}, {"r", "ř", "ř", "ř", "ř", "ř"}, {"g", "ğ", "ğ", "ğ", "ğ", "ğ"},
        {"I", "Í", "Î", "İ", "Ï", "Í"}, {"S", "Ś", "Š", "Ş", "Š", "Š"}};
    char out[4000] = "";
    size_t n = 0;
    for (const char *q = s; *q; q++) {
        char one[2] = {*q, 0};
        const char *t = one;
        for (size_t i = 0; i < sizeof like / sizeof *like; i++)
            if (*like[i][0] == *q && chance(p, share)) {
                t = like[i][1 + below(p, 5)];
                break;
            }
        for (; *t && n + 1 < sizeof out; t++) out[n++] = *t;
    }
    if (n < size) snprintf(s, size, "%s", out);
}

static void add_number(pictures *p, char *s, size_t size)
{
    char t[48];
    switch (below(p, 8)) {
    case 0: snprintf(t, sizeof t, "%d", below(p, 10)); break;
    case 1: snprintf(t, sizeof t, "%d", number(p, 0, 99999)); break;
    case 2: snprintf(t, sizeof t, "%d.%02d", number(p, 0, 999), below(p, 100)); break;
    case 3:
        snprintf(t, sizeof t, "%s%d.%02d",
                 chance(p, 0.5)   ? "$"
                 : chance(p, 0.6) ? "€"
                                  : "£",
                 number(p, 0, 499), below(p, 100));
        break;
    case 4:
        snprintf(t, sizeof t, "%02d/%02d/%d", 1 + below(p, 28), 1 + below(p, 12), number(p, 1980, 2039));
        break;
    case 5: snprintf(t, sizeof t, "%02d:%02d", below(p, 24), below(p, 60)); break;
    case 6: snprintf(t, sizeof t, "%d%%", below(p, 101)); break;
    default: snprintf(t, sizeof t, "%d-%d", number(p, 0, 999), number(p, 0, 999)); break;
    }
    append(s, size, t);
}

/* Letters and digits in no order: what dictionaries cannot guess. */
void code(pictures *p, char *s, size_t size, int n)
{
    static const char all[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
    int kind = below(p, 4);
    for (int i = 0; i < n; i++) {
        char t[2] = {kind == 0   ? all[below(p, 26)]
                     : kind == 1 ? all[26 + below(p, 36)]
                                 : all[below(p, 62)],
                     0};
        append(s, size, t);
    }
}

/* One short piece, most often letters in no order. */
static void make_piece(pictures *p, char *s, int longest)
{
    if (chance(p, 0.2))
        add_number(p, s, MAX_TEXT);
    else if (chance(p, 0.4))
        add_word(p, s, MAX_TEXT);
    if (!s[0] || (int)strlen(s) > longest) {
        s[0] = 0;
        code(p, s, MAX_TEXT, 1 + below(p, longest));
    }
    if ((int)strlen(s) < longest && chance(p, 0.15)) {
        char t[2] = {"!?.,:;-+*/=#@&%$()\"'"[below(p, 20)], 0};
        append(s, MAX_TEXT, t);
    }
}

/* A line of about `longest` characters at most; s holds MAX_TEXT bytes. */
void make_line(pictures *p, char *s, int longest)
{
    static const char *const ends[] = {".", ",", "!", "?", ":", ";", "…", " –"};
    s[0] = 0;
    if (longest < 14) {
        make_piece(p, s, longest);
        if (chance(p, 0.12)) accent(p, s, MAX_TEXT, 0.25);
        return;
    }
    int wanted = 1 + below(p, longest > 30 ? 6 : longest > 16 ? 3 : 2);
    for (int i = 0; i < wanted; i++) {
        char piece[MAX_TEXT] = "";
        double u = uniform(p, 0, 1);
        if (u < 0.68)
            add_word(p, piece, sizeof piece);
        else if (u < 0.84)
            add_number(p, piece, sizeof piece);
        else if (u < 0.94)
            code(p, piece, sizeof piece, 2 + below(p, 7));
        else {
            add_word(p, piece, sizeof piece);
            append(piece, sizeof piece, chance(p, 0.5) ? "@" : "-");
            add_word(p, piece, sizeof piece);
            if (chance(p, 0.5)) append(piece, sizeof piece, ".com");
        }
        if (chance(p, 0.06)) {
            char t[MAX_TEXT];
            snprintf(t, sizeof t,
                     chance(p, 0.5)   ? "(%.100s)"
                     : chance(p, 0.7) ? "\"%.100s\""
                                      : "“%.100s”",
                     piece);
            snprintf(piece, sizeof piece, "%s", t);
        }
        if (chance(p, 0.12)) append(piece, sizeof piece, ends[below(p, chance(p, 0.9) ? 6 : 8)]);
        if (s[0] && (int)(strlen(s) + 1 + strlen(piece)) > longest) break;
        if (s[0]) append(s, MAX_TEXT, " ");
        append(s, MAX_TEXT, piece);
    }
    if (chance(p, 0.15)) accent(p, s, MAX_TEXT, 0.25);
}

/* A running text of about so many words. */
void make_sentence(pictures *p, char *s, size_t size, int words)
{
    static const char *const small[] = {"the", "a",    "of",  "and", "to",  "in",   "is",
                                        "for", "with", "on",  "at",  "by",  "from", "that",
                                        "it",  "was",  "are", "we",  "you", "our"};
    bool start = true;
    int left = 0;
    s[0] = 0;
    for (int i = 0; i < words; i++) {
        char w[64] = "";
        if (start) left = 4 + below(p, 9);
        if (!start && chance(p, 0.35))
            snprintf(w, sizeof w, "%s", PICK(p, small));
        else if (!start && chance(p, 0.08))
            add_number(p, w, sizeof w);
        else
            snprintf(w, sizeof w, "%s",
                     chance(p, 0.1) && p->n_names ? p->names[below(p, p->n_names)] : word(p));
        if (start) capital(w);
        start = false;
        left--;
        bool last = i + 1 == words;
        append(w, sizeof w,
               last || left <= 0 ? (chance(p, 0.88)  ? "."
                                    : chance(p, 0.5) ? "!"
                                                     : "?")
               : chance(p, 0.08) ? ","
                                 : "");
        start = left <= 0;
        if (i) append(s, size, " ");
        append(s, size, w);
    }
}

/* ---- names ---- */

static const char *proper(pictures *p)
{
    static char own[48];
    if (p->n_names) return p->names[below(p, p->n_names)];
    snprintf(own, sizeof own, "%.40s", word(p));
    capital(own);
    return own;
}

void person(pictures *p, char *s, size_t size)
{
    char first[48];
    snprintf(first, sizeof first, "%.40s", proper(p));
    if (chance(p, 0.1)) accent(p, first, sizeof first, 0.3);
    const char *last = proper(p);
    if (chance(p, 0.1))
        snprintf(s, size, "%s %c. %.40s", first, 'A' + below(p, 26), last);
    else
        snprintf(s, size, "%s %.40s", first, last);
}

void company(pictures *p, char *s, size_t size)
{
    static const char *const ends[] = {"Market",   "Cafe",   "Store",  "Deli",    "Books", "Bakery",
                                       "Foods",    "Studio", "Garden", "Kitchen", "Hotel", "Garage",
                                       "Pharmacy", "Ltd",    "Inc.",   "GmbH",    "& Co",  "Group"};
    static const char *const ends_held_out[] = {"Corner", "Bistro", "Supply", "Partners", "Works"};
    char w[48];
    snprintf(w, sizeof w, "%.40s", chance(p, 0.5) ? proper(p) : word(p));
    capital(w);
    s[0] = 0;
    if (chance(p, 0.4)) {
        char v[48];
        snprintf(v, sizeof v, "%.40s", word(p));
        capital(v);
        snprintf(s, size, "%s ", v);
    }
    append(s, size, w);
    append(s, size, " ");
    append(s, size, p->split == PICTURES_TRAIN ? PICK(p, ends) : PICK(p, ends_held_out));
}

void date(pictures *p, char *s, size_t size)
{
    static const char *const months[] = {"January",   "February", "March",    "April",
                                         "May",       "June",     "July",     "August",
                                         "September", "October",  "November", "December"};
    int d = 1 + below(p, 28), m = 1 + below(p, 12), y = number(p, 1990, 2044);
    switch (below(p, 6)) {
    case 0: snprintf(s, size, "%02d/%02d/%d", m, d, y); break;
    case 1: snprintf(s, size, "%d-%02d-%02d", y, m, d); break;
    case 2: snprintf(s, size, "%02d.%02d.%d", d, m, y); break;
    case 3: snprintf(s, size, "%d %s %d", d, months[m - 1], y); break;
    case 4: snprintf(s, size, "%s %d, %d", months[m - 1], d, y); break;
    default: snprintf(s, size, "%d %.3s %d", d, months[m - 1], y); break;
    }
}

void clock_time(pictures *p, char *s, size_t size)
{
    if (chance(p, 0.7))
        snprintf(s, size, "%02d:%02d", below(p, 24), below(p, 60));
    else
        snprintf(s, size, "%d:%02d %s", 1 + below(p, 12), below(p, 60), chance(p, 0.5) ? "am" : "pm");
}

void phone(pictures *p, char *s, size_t size)
{
    switch (below(p, 4)) {
    case 0:
        snprintf(s, size, "(%03d) %03d-%04d", number(p, 200, 999), number(p, 100, 999), number(p, 0, 9999));
        break;
    case 1:
        snprintf(s, size, "+%d %d %d", 1 + below(p, 98), number(p, 100, 999), number(p, 100000, 999999));
        break;
    case 2:
        snprintf(s, size, "%03d-%03d-%04d", number(p, 200, 999), number(p, 100, 999), number(p, 0, 9999));
        break;
    default: snprintf(s, size, "0%d %d", number(p, 100, 999), number(p, 10000, 999999)); break;
    }
}

void street(pictures *p, char *s, size_t size)
{
    static const char *const kinds[] = {"Street", "Road", "Avenue", "Lane", "Square", "Way"};
    char w[48];
    snprintf(w, sizeof w, "%.40s", chance(p, 0.6) ? proper(p) : word(p));
    capital(w);
    snprintf(s, size, "%d %s %s", number(p, 1, 299), w, PICK(p, kinds));
}

void city(pictures *p, char *s, size_t size)
{
    static const char *const ends[] = {"", "", "ville", "ton", " City", "burg", "field"};
    snprintf(s, size, "%.40s%s", proper(p), PICK(p, ends));
}

/* Lower-case letters and digits alone, for addresses and file names. */
void slug(char *out, size_t size, const char *name)
{
    size_t n = 0;
    for (; *name && n + 1 < size; name++) {
        char c = *name >= 'A' && *name <= 'Z' ? (char)(*name + 32) : *name;
        if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9')) out[n++] = c;
    }
    out[n] = 0;
}
