/* describe, ocr, ask and run. */
#include "cli.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* One question about `n` pictures together: system message (if any) and one user message. `name` is the picture's, when it is one. */
static int answer_about(cli_session *s, const options *o, const char *name, galago_image *const *images, size_t n, const char *text,
                        galago_result *r)
{
    galago_message m[2] = {{0}};
    size_t count = 0;
    if (o->system) m[count++] = (galago_message){.role = GALAGO_ROLE_SYSTEM, .text = o->system};
    m[count++] = (galago_message){.role = GALAGO_ROLE_USER, .text = text, .images = images, .n_images = n};
    return session_answer(s, o, name, m, count, r);
}

/* Every picture by itself. A picture that cannot be read is reported and the others go on; the exit status tells. */
int cmd_describe(const options *o)
{
    bool ocr = strcmp(o->command, "ocr") == 0;
    const char *text = o->prompt ? o->prompt : ocr ? "Read the text in this image." : "Describe this image.";
    if (!o->n_args) return usage_error(o, "which picture?");
    cli_session s;
    int status = session_open(o, &s);
    if (status) return status;
    for (size_t i = 0; i < o->n_args && status != EXIT_INTERRUPTED && status != EXIT_FAULT && !ferror(stdout); i++) {
        galago_error e = {0};
        galago_image *image = NULL;
        galago_result r;
        int this_status;
        if (image_open(o->args[i], &image, &e)) {
            this_status = report(&e);
        } else {
            if (!o->json && o->n_args > 1) printf("%s%s:\n", i ? "\n" : "", o->args[i]);
            this_status = answer_about(&s, o, o->args[i], &image, 1, text, &r);
            if (o->json && this_status == EXIT_DONE) print_result(&s, o, o->args[i], &r);
        }
        if (this_status) status = this_status;
        galago_image_destroy(image);
    }
    session_close(&s);
    return status;
}

static void destroy_images(galago_image **images, size_t n)
{
    for (size_t i = 0; i < n; i++) galago_image_destroy(images[i]);
    free(images);
}

/* Opens all or none; reports. NULL with *status set on failure. */
static galago_image **open_images(const char *const *names, size_t n, int *status)
{
    galago_error e = {0};
    galago_image **images = calloc(n + 1, sizeof *images);
    if (!images) fail(&e, GALAGO_ERR_MEMORY, "not enough memory for %zu pictures", n);
    for (size_t i = 0; images && i < n; i++)
        if (image_open(names[i], &images[i], &e)) {
            destroy_images(images, n);
            images = NULL;
        }
    *status = images ? EXIT_DONE : report(&e);
    return images;
}

static int answer_once(const options *o, const char *const *names, size_t n, const char *text)
{
    int status;
    galago_image **images = open_images(names, n, &status);
    if (!images) return status;
    cli_session s;
    if ((status = session_open(o, &s)) == EXIT_DONE) {
        galago_result r;
        const char *name = n == 1 ? names[0] : NULL;
        status = answer_about(&s, o, name, images, n, text, &r);
        if (o->json && status == EXIT_DONE) print_result(&s, o, name, &r);
        session_close(&s);
    }
    destroy_images(images, n);
    return status;
}

int cmd_ask(const options *o)
{
    if (o->n_args < 2) return usage_error(o, "needs at least one picture, then the question");
    const char *question = o->args[o->n_args - 1];
    struct stat about;
    galago_error e = {0};
    /* ask *.jpg without a question, or with a variable that is not set, would give an answer that looks like one. */
    if (stat(question, &about) == 0 && S_ISREG(about.st_mode))
        return usage_error(o, "the question comes last, and %s is a file", question);
    if (!question[strspn(question, " \t\r\n")]) {
        fail(&e, GALAGO_ERR_ARGUMENT, "the question is empty");
        return report(&e);
    }
    return answer_once(o, o->args, o->n_args - 1, question);
}

/* ---- run ------------------------------------------------------------------------------------------------------ */

/* A conversation read from OpenAI-style JSON: an array of messages, or an object with "messages". */
typedef struct conversation {
    galago_message *messages;
    size_t n;
    galago_image **images; /* all of them, in order of appearance; messages point into this */
    size_t n_images;
    arena memory;
} conversation;

static void conversation_free(conversation *c)
{
    destroy_images(c->images, c->n_images);
    free(c->messages);
    arena_free(&c->memory);
}

static size_t count_parts(const json *list)
{
    size_t n = 0;
    for (const json *m = list->u.list.first; m; m = m->next) {
        const json *content = json_get(m, "content");
        if (content && content->type == JSON_ARRAY) n += content->u.list.count;
    }
    return n;
}

/* Text with the marker "<image>" where a picture stands is how the public header mixes the two. A text of the user's own
 * that holds the marker would be misread: it is taken apart by a zero-width space. */
static void append_text(buf *b, const char *text, size_t size)
{
    static const char marker[] = "<image>";
    for (size_t i = 0; i < size;) {
        if (size - i >= 7 && memcmp(text + i, marker, 7) == 0) {
            buf_str(b, "<\xe2\x80\x8bimage>");
            i += 7;
        } else {
            buf_append(b, text + i++, 1);
        }
    }
}

static galago_status read_message(conversation *c, const json *m, size_t index, galago_error *e)
{
    const char *role = json_string(json_get(m, "role"), "");
    galago_message *out = &c->messages[index];
    if (strcmp(role, "system") == 0 || strcmp(role, "developer") == 0) out->role = GALAGO_ROLE_SYSTEM;
    else if (strcmp(role, "user") == 0) out->role = GALAGO_ROLE_USER;
    else if (strcmp(role, "assistant") == 0) out->role = GALAGO_ROLE_ASSISTANT;
    else return fail(e, GALAGO_ERR_FORMAT, "messages[%zu].role: \"%.40s\" is not system, user or assistant", index, role);

    const json *content = json_get(m, "content");
    if (content && content->type == JSON_STRING) {
        out->text = content->u.string.bytes;
        return GALAGO_OK;
    }
    if (!content || content->type != JSON_ARRAY)
        return fail(e, GALAGO_ERR_FORMAT, "messages[%zu].content: neither a string nor an array of parts", index);
    buf text = {0};
    out->images = c->images + c->n_images;
    out->inline_images = true;
    galago_status s = GALAGO_OK;
    size_t part = 0;
    for (const json *p = content->u.list.first; p && !s; p = p->next, part++) {
        const char *type = json_string(json_get(p, "type"), "");
        const json *words = json_get(p, "text");
        if (strcmp(type, "text") == 0 && words && words->type == JSON_STRING) {
            append_text(&text, words->u.string.bytes, words->u.string.size);
            continue;
        }
        /* {"type":"image_url","image_url":{"url":…}} as OpenAI writes it, {"type":"image","image":…} as Qwen does. */
        const json *url = json_get(p, strcmp(type, "image") == 0 ? "image" : "image_url");
        if (url && url->type == JSON_OBJECT) url = json_get(url, "url");
        if ((strcmp(type, "image_url") && strcmp(type, "image")) || !url || url->type != JSON_STRING) {
            s = fail(e, GALAGO_ERR_FORMAT, "messages[%zu].content[%zu]: type \"%.40s\" is not text or image_url, or it is empty",
                     index, part, type);
            break;
        }
        const char *name = url->u.string.bytes;
        s = image_open(strncmp(name, "file://", 7) == 0 ? name + 7 : name, &c->images[c->n_images], e);
        if (!s) {
            c->n_images++;
            out->n_images++;
            buf_str(&text, "<image>");
        }
    }
    out->text = text.size ? arena_string(&c->memory, text.data, text.size) : "";
    if (!s && (text.failed || !out->text)) s = fail(e, GALAGO_ERR_MEMORY, "not enough memory for the messages");
    buf_free(&text);
    return s;
}

static galago_status read_conversation(const char *path, conversation *c, galago_error *e)
{
    buf text = {0};
    const json *root = NULL;
    galago_status s = read_all(path, 256u << 20, &text, e);
    if (!s && (s = json_parse(&c->memory, text.data ? text.data : "", text.size, &root, e))) fail_prefix(e, path);
    buf_free(&text);
    if (s) return s;
    const json *list = root->type == JSON_OBJECT ? json_get(root, "messages") : root;
    if (!list || list->type != JSON_ARRAY || !list->u.list.count)
        return fail(e, GALAGO_ERR_FORMAT, "%s: no messages: an array of {\"role\", \"content\"} is expected", path);
    c->messages = calloc(list->u.list.count, sizeof *c->messages);
    c->images = calloc(count_parts(list) + 1, sizeof *c->images);
    if (!c->messages || !c->images) return fail(e, GALAGO_ERR_MEMORY, "%s: not enough memory", path);
    for (const json *m = list->u.list.first; m && !s; m = m->next) s = read_message(c, m, c->n++, e);
    return s;
}

static int run_messages(const options *o)
{
    conversation c = {0};
    galago_error e = {0};
    int status = EXIT_DONE;
    if (read_conversation(o->messages, &c, &e)) status = report(&e);
    cli_session s;
    if (!status && (status = session_open(o, &s)) == EXIT_DONE) {
        galago_result r;
        status = session_answer(&s, o, NULL, c.messages, c.n, &r);
        if (o->json && status == EXIT_DONE) print_result(&s, o, NULL, &r);
        session_close(&s);
    }
    conversation_free(&c);
    return status;
}

int cmd_run(const options *o)
{
    if (o->n_args) return usage_error(o, "what is \"%s\"? Pictures are given with --image, words with --prompt", o->args[0]);
    if (o->messages && (o->prompt || o->n_images || o->raw || o->system))
        return usage_error(o, "--messages holds the whole conversation: no --prompt, --image, --system or --raw beside it");
    if (o->messages) return run_messages(o);
    if (!o->prompt) return usage_error(o, "needs --prompt TEXT or --messages FILE");
    if (o->raw && o->system) return usage_error(o, "--raw text is already rendered: no --system beside it");
    return answer_once(o, o->images, o->n_images, o->prompt);
}
