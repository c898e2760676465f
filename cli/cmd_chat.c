/* A conversation at the terminal, or line by line from a pipe. */
#include "cli.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef struct turns {
    galago_message *list;
    size_t n, capacity;
    galago_image **pending; /* pictures for the next question */
    size_t n_pending;
} turns;

static bool push_turn(turns *t, galago_role role, const char *text, galago_image **images, size_t n_images)
{
    if (t->n == t->capacity) {
        size_t capacity = t->capacity ? 2 * t->capacity : 16;
        galago_message *list = realloc(t->list, capacity * sizeof *list);
        if (!list) return false;
        t->list = list;
        t->capacity = capacity;
    }
    size_t size = strlen(text) + 1;
    char *copy = malloc(size);
    if (!copy) return false;
    memcpy(copy, text, size);
    t->list[t->n++] = (galago_message){.role = role, .text = copy, .images = images, .n_images = n_images};
    return true;
}

static void drop_images(galago_image *const *images, size_t n)
{
    for (size_t i = 0; i < n; i++) galago_image_destroy(images[i]);
    free((void *)images);
}

static void drop_turns(turns *t, size_t keep)
{
    while (t->n > keep) {
        galago_message *m = &t->list[--t->n];
        drop_images(m->images, m->n_images);
        free((void *)m->text);
    }
}

static int add_image(turns *t, const char *name)
{
    galago_error e = {0};
    galago_image *image;
    if (image_open(name, &image, &e)) return report(&e);
    galago_image **list = realloc(t->pending, (t->n_pending + 1) * sizeof *list);
    if (!list) {
        galago_image_destroy(image);
        fail(&e, GALAGO_ERR_MEMORY, "not enough memory for %s", name);
        return report(&e);
    }
    t->pending = list;
    list[t->n_pending++] = image;
    return EXIT_DONE;
}

static void print_chat_help(void)
{
    fprintf(stderr, "  /image FILE   show a picture with the next question\n"
                    "  /again        answer the last question again\n"
                    "  /reset        forget the conversation\n"
                    "  /help         this help\n"
                    "  /quit         leave (or Ctrl-D)\n");
}

/* Asks with what is in `t`; the answer becomes a turn. A failed or stopped question is taken back. */
static int ask(cli_session *s, const options *o, turns *t)
{
    galago_result r;
    int status = session_answer(s, o, NULL, t->list, t->n, &r);
    if (o->json && status == EXIT_DONE) print_result(s, o, NULL, &r);
    buf answer = {0};
    if (status == EXIT_DONE || status == EXIT_INTERRUPTED) buf_append(&answer, r.text ? r.text : "", r.text_size);
    if (answer.data && push_turn(t, GALAGO_ROLE_ASSISTANT, answer.data, NULL, 0)) {
        buf_free(&answer);
        return EXIT_DONE;
    }
    drop_turns(t, t->n - 1);
    buf_free(&answer);
    return status;
}

int cmd_chat(const options *o)
{
    bool terminal = isatty(STDIN_FILENO);
    turns t = {0};
    cli_session s = {0};
    int status = EXIT_DONE;
    for (size_t i = 0; i < o->n_args && !status; i++)
        status = strcmp(o->args[i], "-") == 0 ? usage_error(o, "standard input is the conversation, not a picture")
                                              : add_image(&t, o->args[i]);
    if (!status) status = session_open(o, &s);
    if (!status && o->system && !push_turn(&t, GALAGO_ROLE_SYSTEM, o->system, NULL, 0)) status = EXIT_MEMORY;
    size_t first = t.n;
    if (!status && terminal && !o->quiet)
        fprintf(stderr, "%s on %s. Ask something; /help shows what else there is.\n", s.info.name, s.info.device);

    char *line = NULL;
    size_t capacity = 0;
    while (s.model && (status == EXIT_DONE || status == EXIT_INPUT)) {
        if (terminal) fprintf(stderr, "> ");
        /* While nothing is answered Ctrl-C leaves, as it does everywhere. */
        interrupt_release(SIGINT);
        ssize_t n = getline(&line, &capacity, stdin);
        interrupt_catch(SIGINT);
        if (n < 0) break;
        while (n > 0 && (line[n - 1] == '\n' || line[n - 1] == '\r')) line[--n] = 0;
        status = EXIT_DONE;
        if (n == 0) continue;
        if (strcmp(line, "/quit") == 0 || strcmp(line, "/exit") == 0) break;
        if (strcmp(line, "/help") == 0) {
            print_chat_help();
        } else if (strcmp(line, "/reset") == 0) {
            drop_turns(&t, first);
            galago_context_reset(s.context);
        } else if (strcmp(line, "/image") == 0 || strcmp(line, "/image ") == 0) {
            fprintf(stderr, "/image needs the name of a picture; /help shows what else there is.\n");
        } else if (strncmp(line, "/image ", 7) == 0) {
            status = add_image(&t, line + 7);
        } else if (strcmp(line, "/again") == 0) {
            if (t.n > first && t.list[t.n - 1].role == GALAGO_ROLE_ASSISTANT) {
                drop_turns(&t, t.n - 1);
                status = ask(&s, o, &t);
            }
        } else if (line[0] == '/') {
            fprintf(stderr, "There is no %s; /help shows what there is.\n", line);
        } else if (push_turn(&t, GALAGO_ROLE_USER, line, t.pending, t.n_pending)) {
            t.pending = NULL;
            t.n_pending = 0;
            status = ask(&s, o, &t);
        } else {
            status = EXIT_MEMORY;
        }
        if (!terminal && interrupted()) status = EXIT_INTERRUPTED;
        /* At a terminal a failed turn is told and the conversation goes on; a script should notice. */
        if (status && !terminal) break;
    }
    if (terminal) {
        fprintf(stderr, "\n");
        if (status == EXIT_INPUT) status = EXIT_DONE;
    }
    free(line);
    drop_turns(&t, 0);
    drop_images(t.pending, t.n_pending);
    free(t.list);
    session_close(&s);
    return status;
}
