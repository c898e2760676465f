/* One table of options serves parsing and help. */
#include "cli.h"

#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Which commands take an option. */
enum {
    DESCRIBE = 1, ASK = 2, OCR = 4, CHAT = 8, RUN = 16, BENCH = 32, EVAL = 64, INSPECT = 128, CONVERT = 256, TOKENIZE = 512,
    GENERATING = DESCRIBE | ASK | OCR | CHAT | RUN | EVAL,
    LOADING = GENERATING | BENCH | INSPECT | TOKENIZE,
    ALL = 1023,
};

static const struct command {
    const char *name;
    int bit;
    const char *usage, *summary, *examples;
} commands[] = {
    {"describe", DESCRIBE, "IMAGE...", "caption pictures",
     "  galago describe cat.jpg\n"
     "  galago describe --json *.png > captions.jsonl\n"
     "  curl -s https://example.org/a.jpg | galago describe -\n"},
    {"ask", ASK, "IMAGE... \"QUESTION\"", "answer a question about one or several pictures",
     "  galago ask plan.png \"How many rooms are there?\"\n"
     "  galago ask before.jpg after.jpg \"What has changed?\"\n"},
    {"ocr", OCR, "IMAGE...", "the text in pictures",
     "  galago ocr receipt.jpg\n"
     "  galago ocr --max-tokens 2000 page-*.png > pages.txt\n"},
    {"chat", CHAT, "[IMAGE...]", "a conversation; the state is kept between turns",
     "  galago chat holiday.jpg\n"
     "  printf 'What is this?\\nWhat colour is it?\\n' | galago chat toy.png\n"},
    {"run", RUN, "[--image IMAGE]... --prompt TEXT", "the plain call that the others are made of",
     "  galago run --image a.png --prompt \"Describe this image.\" --temperature 0.7 --seed 1\n"
     "  galago run --messages conversation.json --json\n"
     "  galago run --raw --prompt \"$(cat rendered.txt)\" --image a.png\n"},
    {"bench", BENCH, "", "measure load, vision, prefill and decode",
     "  galago bench --model synthetic:qwen3.5-0.8b --dtype q4_0 --json\n"
     "  galago bench --model demo --threads 1\n"},
    {"eval", EVAL, "FOLDER", "score answers against a folder of pictures with items.jsonl",
     "  galago eval tests/data/demo_eval\n"
     "  galago eval set/ --limit 50 --out answers.jsonl\n"},
    {"inspect", INSPECT, "[MODEL]", "show a model's configuration, tensors, sizes and memory plan",
     "  galago inspect demo\n"
     "  galago inspect --json model.gguf\n"},
    {"convert", CONVERT, "SOURCE OUT.gguf", "write a standard GGUF pair",
     "  galago convert Qwen3.5-0.8B/ qwen3.5-0.8b-q4_k.gguf --dtype q4_k\n"},
    {"tokenize", TOKENIZE, "[TEXT...]", "text to ids and back",
     "  galago tokenize \"Two cats.\"\n"
     "  galago tokenize --decode 40 9013 13\n"
     "  galago tokenize --pieces < notes.txt\n"},
};
enum { N_COMMANDS = sizeof commands / sizeof *commands };

typedef enum value_kind { FLAG, TEXT, LIST_STOP, LIST_IMAGE, UINT, U64, FLOAT } value_kind;

static const struct option_spec {
    const char *name, *short_name, *value;
    value_kind kind;
    size_t field;
    int commands;
    double min, max;
    const char *help;
} specs[] = {
#define F(f) offsetof(options, f)
#define G(f) offsetof(options, generate.f)
    {"--model", "-m", "M", TEXT, F(model), LOADING, 0, 0,
     "demo, a .gguf file, a Hugging Face folder, or synthetic:qwen3.5-0.8b (default: demo)"},
    {"--mmproj", NULL, "F", TEXT, F(mmproj), LOADING | CONVERT, 0, 0, "vision part of a GGUF pair (default: found beside it)"},
    {"--device", NULL, "D", TEXT, F(device), LOADING, 0, 0, "auto, cpu or gpu (default: auto)"},
    {"--threads", "-t", "N", UINT, F(n_threads), LOADING, 1, 1024, "CPU threads (default: all processors)"},
    {"--dtype", NULL, "T", TEXT, F(dtype), LOADING | CONVERT, 0, 0,
     "weights as as-is, f32, f16, q8_0 or q4_0; convert also takes bf16, q4_1, q4_k, q5_k, q6_k"},
    {"--ctx", "-c", "N", UINT, F(n_ctx), LOADING, 16, 1 << 20, "context length in tokens (default: 4096)"},
    {"--image", NULL, "IMAGE", LIST_IMAGE, 0, RUN, 0, 0, "a picture; may be repeated"},
    {"--prompt", "-p", "TEXT", TEXT, F(prompt), RUN | DESCRIBE | OCR, 0, 0, "what to ask"},
    {"--messages", NULL, "FILE", TEXT, F(messages), RUN, 0, 0, "a conversation as OpenAI-style JSON ('-': standard input)"},
    {"--raw", NULL, NULL, FLAG, F(raw), RUN | TOKENIZE, 0, 0,
     "the text is the rendered chat text, one <|image_pad|> per picture: no template, control tokens are read"},
    {"--system", NULL, "TEXT", TEXT, F(system), GENERATING, 0, 0, "system message"},
    {"--max-tokens", "-n", "N", UINT, G(max_tokens), GENERATING, 1, 1 << 20, "longest answer in tokens (default: 512)"},
    {"--temperature", NULL, "X", FLOAT, G(temperature), GENERATING, 0, 100, "0 = always the likeliest word (default: 0)"},
    {"--top-k", NULL, "N", UINT, G(top_k), GENERATING, 0, 1 << 24, "sample among the N likeliest tokens"},
    {"--top-p", NULL, "X", FLOAT, G(top_p), GENERATING, 0, 1, "sample among the likeliest tokens that together have probability X"},
    {"--min-p", NULL, "X", FLOAT, G(min_p), GENERATING, 0, 1, "leave out tokens below X times the likeliest one's probability"},
    {"--repetition-penalty", NULL, "X", FLOAT, G(repetition_penalty), GENERATING, 0.01, 100, "above 1: avoid what was already said"},
    {"--presence-penalty", NULL, "X", FLOAT, G(presence_penalty), GENERATING, -100, 100, "above 0: prefer new words"},
    {"--frequency-penalty", NULL, "X", FLOAT, G(frequency_penalty), GENERATING, -100, 100, "the same, for each time a word was used"},
    {"--seed", NULL, "N", U64, G(seed), GENERATING, 0, 0, "same seed, same words (default: 0)"},
    {"--stop", NULL, "TEXT", LIST_STOP, 0, GENERATING, 0, 0, "end the answer before this text; may be repeated"},
    {"--think", NULL, NULL, FLAG, G(think), GENERATING, 0, 0, "let the model reason before it answers"},
    {"--min-pixels", NULL, "N", U64, F(min_pixels), LOADING, 1, 0, "enlarge smaller pictures to this area"},
    {"--max-pixels", NULL, "N", U64, F(max_pixels), LOADING, 1, 0, "shrink larger pictures to this area (default: 1,280 image tokens)"},
    {"--ignore-eos", NULL, NULL, FLAG, G(ignore_eos), GENERATING, 0, 0, "go on past the end of the answer, for measurements"},
    {"--json", NULL, NULL, FLAG, F(json), ALL, 0, 0, "one JSON object per result on standard output"},
    {"--logprobs", NULL, "N", UINT, G(n_logprobs), GENERATING & ~EVAL, 0, 64, "with --json: the N best log-probabilities of each token"},
    {"--reps", NULL, "N", UINT, F(reps), BENCH, 1, 100, "repetitions; the median is shown (default: 3)"},
    {"--limit", NULL, "N", UINT, F(limit), EVAL, 1, 1 << 30, "score only the first N items"},
    {"--out", NULL, "FILE", TEXT, F(out), EVAL, 0, 0, "write every answer to this file, one JSON object a line"},
    {"--embed-dtype", NULL, "T", TEXT, F(embed_dtype), CONVERT, 0, 0, "type of embedding and head (default: as other tools choose)"},
    {"--vision-dtype", NULL, "T", TEXT, F(vision_dtype), CONVERT, 0, 0, "type of the vision part (default: f16, or q8_0 for quantised text)"},
    {"--no-mtp", NULL, NULL, FLAG, F(drop_mtp), CONVERT, 0, 0, "leave the multi-token prediction layer out"},
    {"--decode", NULL, NULL, FLAG, F(decode), TOKENIZE, 0, 0, "the words are ids; print their text"},
    {"--pieces", NULL, NULL, FLAG, F(pieces), TOKENIZE, 0, 0, "print each id with its text"},
    {"--gpu-library", NULL, "F", TEXT, F(gpu_library), LOADING, 0, 0, "WebGPU library to use (Dawn's C API; default: found by its names)"},
    {"--cpu-isa", NULL, "ISA", TEXT, F(isa), LOADING, 0, 0, "auto, ref, avx2 or avx512: for measurements"},
    {"--quiet", "-q", NULL, FLAG, F(quiet), ALL, 0, 0, "no progress and no notices"},
    {"--help", "-h", NULL, FLAG, F(help), ALL, 0, 0, "this help"},
};
enum { N_SPECS = sizeof specs / sizeof *specs };

static const struct command *find_command(const char *name)
{
    for (int i = 0; i < N_COMMANDS; i++)
        if (strcmp(commands[i].name, name) == 0) return &commands[i];
    return NULL;
}

bool command_exists(const char *name) { return find_command(name) != NULL; }

int usage_error(const options *o, const char *format, ...)
{
    va_list ap;
    va_start(ap, format);
    fprintf(stderr, "galago %s: ", o->command);
    vfprintf(stderr, format, ap);
    fprintf(stderr, "\nSee: galago %s --help\n", o->command);
    va_end(ap);
    return EXIT_USAGE;
}

static int store(options *o, const struct option_spec *s, const char *value)
{
    void *field = (char *)o + s->field;
    char *end = NULL;
    errno = 0;
    switch (s->kind) {
    case FLAG: *(bool *)field = true; return EXIT_DONE;
    case TEXT: *(const char **)field = value; return EXIT_DONE;
    case LIST_STOP:
        if (!*value) return usage_error(o, "%s: the text is empty", s->name);
        if (o->generate.n_stop == sizeof o->stop / sizeof *o->stop) return usage_error(o, "%s: more than 16", s->name);
        o->stop[o->generate.n_stop++] = value;
        return EXIT_DONE;
    case LIST_IMAGE:
        if (o->n_images == sizeof o->images / sizeof *o->images) return usage_error(o, "%s: more than 64", s->name);
        o->images[o->n_images++] = value;
        return EXIT_DONE;
    case UINT:
    case U64: {
        unsigned long long v = strtoull(value, &end, 10);
        if (end == value || *end || errno || strchr(value, '-'))
            return usage_error(o, "%s %s: not a whole number", s->name, value);
        if ((s->max > 0 && (double)v > s->max) || (double)v < s->min) {
            if (s->max > 0) return usage_error(o, "%s %s: not between %.0f and %.0f", s->name, value, s->min, s->max);
            return usage_error(o, "%s %s: must be at least %.0f", s->name, value, s->min);
        }
        if (s->kind == UINT) *(uint32_t *)field = (uint32_t)v;
        else *(uint64_t *)field = v;
        return EXIT_DONE;
    }
    case FLOAT: {
        double v = strtod(value, &end);
        if (end == value || *end || !isfinite(v)) return usage_error(o, "%s %s: not a number", s->name, value);
        if (v < s->min || v > s->max) return usage_error(o, "%s %s: not between %g and %g", s->name, value, s->min, s->max);
        *(float *)field = (float)v;
        return EXIT_DONE;
    }
    }
    return EXIT_DONE;
}

int options_parse(options *o, int argc, char **argv)
{
    int bit = find_command(o->command)->bit;
    o->args = calloc((size_t)argc + 1, sizeof *o->args);
    if (!o->args) {
        fprintf(stderr, "galago: not enough memory\n");
        return EXIT_MEMORY;
    }
    bool only_words = false;
    for (int i = 0; i < argc; i++) {
        const char *a = argv[i];
        if (only_words || a[0] != '-' || a[1] == 0 || (o->decode && a[1] >= '0' && a[1] <= '9')) {
            o->args[o->n_args++] = a;
            continue;
        }
        if (strcmp(a, "--") == 0) {
            only_words = true;
            continue;
        }
        const char *equals = a[1] == '-' ? strchr(a, '=') : NULL;
        size_t n = equals ? (size_t)(equals - a) : strlen(a);
        const struct option_spec *s = NULL;
        for (int k = 0; k < N_SPECS && !s; k++)
            if ((strlen(specs[k].name) == n && memcmp(specs[k].name, a, n) == 0) ||
                (specs[k].short_name && strcmp(specs[k].short_name, a) == 0))
                s = &specs[k];
        if (!s) return usage_error(o, "there is no option %.*s", (int)n, a);
        if (!(s->commands & bit)) return usage_error(o, "%s does not belong to this command", s->name);
        const char *value = equals ? equals + 1 : NULL;
        if (s->kind == FLAG && value) return usage_error(o, "%s takes no value", s->name);
        if (s->kind != FLAG && !value) {
            if (i + 1 >= argc) return usage_error(o, "%s needs a value", s->name);
            value = argv[++i];
        }
        int status = store(o, s, value);
        if (status) return status;
    }
    if (o->generate.n_logprobs && !o->json && !o->help) return usage_error(o, "--logprobs needs --json, which shows them");
    return EXIT_DONE;
}

/* ---- help ----------------------------------------------------------------------------------------------------- */

/* `text` behind a margin, broken at spaces. */
static void print_wrapped(const char *text, int margin, int width)
{
    int column = margin;
    while (*text) {
        int n = (int)strcspn(text, " ");
        if (column > margin && column + 1 + n > width) {
            printf("\n%*s", margin, "");
            column = margin;
        }
        printf("%s%.*s", column > margin ? " " : "", n, text);
        column += n + (column > margin);
        text += text[n] ? n + 1 : n;
    }
    printf("\n");
}

static void print_all_commands(void)
{
    printf("galago " GALAGO_VERSION ": pictures to words on your own device\n\nUsage: galago COMMAND [OPTION]...\n\nCommands\n");
    for (int i = 0; i < N_COMMANDS; i++) {
        printf("  %-9s %-33s ", commands[i].name, commands[i].usage);
        print_wrapped(commands[i].summary, 45, 100);
    }
    printf("\nIMAGE is a file, - for standard input, a data: URL or an http(s) URL.\n"
           "Answers go to standard output, progress and notices to standard error.\n\n"
           "Examples\n"
           "  galago describe cat.jpg\n"
           "  galago ask invoice.png \"What is the total?\"\n"
           "  galago ocr sign.jpg\n\n"
           "galago COMMAND --help shows a command's options; galago --version the version.\n"
           "Exit status: 0 done, 1 wrong usage, 2 bad input, 3 not enough memory, 4 device lost or\n"
           "internal fault, 130 interrupted.\n");
}

void help_print(const char *name)
{
    const struct command *c = name ? find_command(name) : NULL;
    if (!c) {
        print_all_commands();
        return;
    }
    printf("galago %s: %s\n\nUsage: galago %s [OPTION]...%s%s\n\nOptions\n", c->name, c->summary, c->name, *c->usage ? " " : "", c->usage);
    for (int i = 0; i < N_SPECS; i++) {
        const struct option_spec *s = &specs[i];
        if (!(s->commands & c->bit)) continue;
        char left[64];
        snprintf(left, sizeof left, "%s%s%s%s%s", s->short_name ? s->short_name : "  ", s->short_name ? ", " : "  ", s->name,
                 s->value ? " " : "", s->value ? s->value : "");
        printf("  %-28s ", left);
        print_wrapped(s->help, 31, 100);
    }
    printf("\nExamples\n%s", c->examples);
}
