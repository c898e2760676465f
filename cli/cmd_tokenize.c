#include "cli.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int print_text(const options *o, const cli_session *s, const int32_t *ids, size_t n)
{
    galago_error e = {0};
    size_t size = 0;
    char *text = NULL;
    if (galago_detokenize(s->model, ids, n, true, NULL, 0, &size, &e) || !(text = malloc(size + 1)) ||
        galago_detokenize(s->model, ids, n, true, text, size, &size, &e)) {
        if (!text) fail(&e, GALAGO_ERR_MEMORY, "not enough memory");
        free(text);
        return report(&e);
    }
    if (o->json) {
        buf b = {0};
        buf_str(&b, "{\"text\":");
        json_write_string(&b, text, size);
        buf_str(&b, "}");
        printf("%s\n", b.data);
        buf_free(&b);
    } else {
        fwrite(text, 1, size, stdout);
        printf("\n");
    }
    free(text);
    return EXIT_DONE;
}

static int decode(const options *o, const cli_session *s)
{
    int32_t *ids = calloc(o->n_args + 1, sizeof *ids);
    int status = ids ? EXIT_DONE : EXIT_MEMORY;
    for (size_t i = 0; i < o->n_args && !status; i++) {
        char *end;
        errno = 0;
        long v = strtol(o->args[i], &end, 10);
        if (end == o->args[i] || *end || errno || v < 0 || v > INT32_MAX) status = usage_error(o, "%s: not an id", o->args[i]);
        else ids[i] = (int32_t)v;
        if (!status && (unsigned long)v >= s->info.n_vocab) {
            galago_error e = {0};
            fail(&e, GALAGO_ERR_ARGUMENT, "%s: the vocabulary has the ids 0 to %u", o->args[i], s->info.n_vocab - 1);
            status = report(&e);
        }
    }
    if (!status) status = print_text(o, s, ids, o->n_args);
    free(ids);
    return status;
}

static int print_pieces(const cli_session *s, const int32_t *ids, size_t n)
{
    galago_error e = {0};
    for (size_t i = 0; i < n; i++) {
        char text[512];
        size_t size;
        if (galago_detokenize(s->model, &ids[i], 1, true, text, sizeof text, &size, &e)) return report(&e);
        buf shown = {0};
        json_write_string(&shown, text, size < sizeof text ? size : sizeof text);
        printf("%8d  %s\n", (int)ids[i], shown.data);
        buf_free(&shown);
    }
    return EXIT_DONE;
}

int cmd_tokenize(const options *o)
{
    if (o->decode && !o->n_args) return usage_error(o, "--decode needs ids");
    cli_session s;
    int status = session_open(o, &s);
    if (status) return status;
    if (o->decode) {
        status = decode(o, &s);
        session_close(&s);
        return status;
    }
    buf text = {0};
    galago_error e = {0};
    for (size_t i = 0; i < o->n_args; i++) buf_printf(&text, "%s%s", i ? " " : "", o->args[i]);
    int32_t *ids = NULL;
    size_t n = 0;
    if (!o->n_args) read_all("-", 1u << 30, &text, &e);
    if (!e.status && !galago_tokenize(s.model, text.data ? text.data : "", text.size, o->raw, NULL, 0, &n, &e)) {
        ids = malloc((n + 1) * sizeof *ids);
        if (!ids) fail(&e, GALAGO_ERR_MEMORY, "not enough memory for %zu ids", n);
        else galago_tokenize(s.model, text.data ? text.data : "", text.size, o->raw, ids, n, &n, &e);
    }
    if (e.status) {
        status = report(&e);
    } else if (o->pieces) {
        status = print_pieces(&s, ids, n);
    } else {
        if (o->json) printf("{\"ids\":[");
        for (size_t i = 0; i < n; i++) printf("%s%d", i ? o->json ? "," : " " : "", (int)ids[i]);
        printf(o->json ? "],\"count\":%zu}\n" : "\n", n);
    }
    free(ids);
    buf_free(&text);
    session_close(&s);
    return status;
}
