/* Conversations to ids. A conversation is first written as one text with the places of its control tokens;
 * text between them, the format's own and the user's alike, is encoded as ordinary text. So nothing that a
 * user writes becomes a control token, and the ids are those of the whole text. */
#include "text/template.h"

#include "base/arena.h"
#include "base/utf8.h"

#include <stdlib.h>
#include <string.h>

/* A control token in a written text. */
typedef struct mark {
    size_t at, size; /* its literal text */
    int32_t id;
} mark;
typedef struct written {
    buf text;
    mark *marks;
    size_t n_marks, capacity;
} written;

typedef struct writer {
    const tokenizer *t;
    const chat_options *options;
    written all, content; /* content: of the message at hand */
    size_t n_images;      /* so far in the conversation */
    error *e;
} writer;

static galago_status no_memory(error *e) { return fail(e, GALAGO_ERR_MEMORY, "chat: not enough memory"); }

static bool add_mark(written *w, mark m)
{
    if (w->n_marks == w->capacity) {
        size_t capacity = w->capacity ? 2 * w->capacity : 16, bytes;
        if (size_mul_overflow(capacity, sizeof *w->marks, &bytes)) return false;
        mark *marks = realloc(w->marks, bytes);
        if (!marks) return false;
        w->marks = marks;
        w->capacity = capacity;
    }
    w->marks[w->n_marks++] = m;
    return true;
}

static galago_status write_token(writer *w, written *to, const char *literal)
{
    int32_t id = tokenizer_find(w->t, literal);
    if (id < 0)
        return fail(w->e, GALAGO_ERR_UNSUPPORTED,
                    "chat: the vocabulary has no %s, which the model's chat format needs", literal);
    if (!add_mark(to, (mark){to->text.size, strlen(literal), id})) return no_memory(w->e);
    buf_str(&to->text, literal);
    return GALAGO_OK;
}

/* `format` with its control tokens "<...>" as tokens and the rest as text. */
static galago_status write_format(writer *w, const char *format)
{
    while (*format) {
        const char *open = strchr(format, '<');
        size_t plain = open ? (size_t)(open - format) : strlen(format);
        buf_append(&w->all.text, format, plain);
        format += plain;
        if (!*format) break;
        char literal[32] = {0};
        size_t n =
            (size_t)(strchr(format, '>') - format) + 1; /* our own strings: always closed, always short */
        memcpy(literal, format, n);
        galago_status s = write_token(w, &w->all, literal);
        if (s) return s;
        format += n;
    }
    return GALAGO_OK;
}

/* The parts of a message, one behind another, into w->content. */
static galago_status write_parts(writer *w, const chat_message *m)
{
    w->content.text.size = 0;
    w->content.n_marks = 0;
    for (size_t i = 0; i < m->n_parts; i++) {
        const chat_part *p = &m->parts[i];
        if (p->kind == PART_TEXT) {
            buf_append(&w->content.text, p->text, p->size);
            continue;
        }
        w->n_images++;
        if (w->options->number_images) buf_printf(&w->content.text, "Picture %zu: ", w->n_images);
        galago_status s = write_token(w, &w->content, "<|vision_start|>");
        if (!s) s = write_token(w, &w->content, "<|image_pad|>");
        if (!s) s = write_token(w, &w->content, "<|vision_end|>");
        if (s) return s;
    }
    return w->content.text.failed ? no_memory(w->e) : GALAGO_OK;
}

/* Appends content[begin, end) to the whole, tokens included. */
static galago_status write_content(writer *w, size_t begin, size_t end)
{
    size_t shift = w->all.text.size - begin;
    for (size_t i = 0; i < w->content.n_marks; i++) {
        mark m = w->content.marks[i];
        if (m.at < begin || m.at + m.size > end) continue;
        m.at += shift; /* begin <= m.at, so the sum is right even where shift wrapped */
        if (!add_mark(&w->all, m)) return no_memory(w->e);
    }
    if (end > begin) buf_append(&w->all.text, w->content.text.data + begin, end - begin);
    return GALAGO_OK;
}

/* ---- white space, as the templates' trim (Python's str.strip) sees it ---- */

static bool is_space(uint32_t cp)
{
    return (cp >= 9 && cp <= 13) || (cp >= 0x1c && cp <= 0x20) || cp == 0x85 || cp == 0xa0 || cp == 0x1680 ||
           (cp >= 0x2000 && cp <= 0x200a) || cp == 0x2028 || cp == 0x2029 || cp == 0x202f || cp == 0x205f ||
           cp == 0x3000;
}

static void trim(const char *s, size_t *begin, size_t *end)
{
    uint32_t cp;
    for (size_t n; *begin < *end && (n = utf8_decode(s + *begin, *end - *begin, &cp)) && is_space(cp);)
        *begin += n;
    while (*begin < *end) {
        size_t n = 1;
        while (n < 4 && n < *end - *begin && ((unsigned char)s[*end - n] & 0xc0) == 0x80) n++;
        if (utf8_decode(s + *end - n, n, &cp) != n || !is_space(cp)) break;
        *end -= n;
    }
}

/* First or last place of `what` in s[begin, end); SIZE_MAX when it is not there. */
static size_t find(const char *s, size_t begin, size_t end, const char *what, bool last)
{
    size_t n = strlen(what), found = SIZE_MAX;
    for (size_t i = begin; i + n <= end; i++) {
        const char *hit = memchr(s + i, what[0], end - n + 1 - i);
        if (!hit) break;
        i = (size_t)(hit - s);
        if (memcmp(hit, what, n) != 0) continue;
        found = i;
        if (!last) break;
    }
    return found;
}

static bool begins(const char *s, size_t size, const char *what)
{
    return size >= strlen(what) && memcmp(s, what, strlen(what)) == 0;
}

/* ---- the formats ---- */

/* A result of a tool in a user's clothes: the question it belongs to came earlier. */
static bool is_tool_response(const char *s, size_t size)
{
    static const char close[] = "</tool_response>";
    return begins(s, size, "<tool_response>") && size >= sizeof close - 1 &&
           memcmp(s + size - (sizeof close - 1), close, sizeof close - 1) == 0;
}

/* Index of the last message that asks something; n_messages when there is none. */
static galago_status last_query(writer *w, const chat_message *messages, size_t n, size_t *index)
{
    *index = n;
    galago_status s = GALAGO_OK;
    for (size_t i = n; i-- > 0 && *index == n && !s;) {
        if (messages[i].role != GALAGO_ROLE_USER) continue;
        size_t counted = w->n_images;
        s = write_parts(w, &messages[i]);
        w->n_images = counted; /* only looking */
        size_t begin = 0, end = w->content.text.size;
        const char *text = w->content.text.data;
        if (!s) trim(text, &begin, &end);
        if (!s && !(end > begin && is_tool_response(text + begin, end - begin))) *index = i;
    }
    return s;
}

/* An assistant's turn of Qwen3.5: reasoning is dropped before the last question and kept behind it. */
static galago_status write_answer(writer *w, size_t begin, size_t end, bool keep_reasoning)
{
    const char *s = w->content.text.data;
    size_t think_begin = begin, think_end = begin; /* nothing */
    size_t close = find(s, begin, end, "</think>", false);
    if (close != SIZE_MAX) {
        think_end = close;
        while (think_end > think_begin && s[think_end - 1] == '\n') think_end--;
        size_t open = find(s, think_begin, think_end, "<think>", true);
        if (open != SIZE_MAX) think_begin = open + strlen("<think>");
        trim(s, &think_begin, &think_end);
        begin = find(s, close, end, "</think>", true) + strlen("</think>");
        while (begin < end && s[begin] == '\n') begin++;
    }
    if (!keep_reasoning) return write_content(w, begin, end);
    galago_status st = write_format(w, "<think>\n");
    if (!st) st = write_content(w, think_begin, think_end);
    if (!st) st = write_format(w, "\n</think>\n\n");
    if (!st) st = write_content(w, begin, end);
    return st;
}

static const char *const role_names[] = {"system", "user", "assistant"};

static galago_status write_message(writer *w, chat_format format, const chat_message *m, bool behind_query)
{
    galago_status s = write_parts(w, m);
    if (s) return s;
    s = write_format(w, "<|im_start|>");
    if (s) return s;
    buf_str(&w->all.text, role_names[m->role]);
    buf_str(&w->all.text, "\n");
    size_t begin = 0, end = w->content.text.size;
    if (format == CHAT_QWEN3_5) trim(w->content.text.data, &begin, &end);
    if (format == CHAT_QWEN3_5 && m->role == GALAGO_ROLE_ASSISTANT)
        s = write_answer(w, begin, end, behind_query);
    else
        s = write_content(w, begin, end);
    return s ? s : write_format(w, "<|im_end|>\n");
}

static galago_status check(chat_format format, const chat_message *messages, size_t n,
                           const chat_options *options, error *e)
{
    if (!n) return fail(e, GALAGO_ERR_ARGUMENT, "chat: no messages");
    if (format == CHAT_QWEN2_VL && options->think)
        return fail(e, GALAGO_ERR_ARGUMENT, "chat: think is set, but Qwen2-VL models do not reason");
    for (size_t i = 0; i < n; i++) {
        const chat_message *m = &messages[i];
        if ((unsigned)m->role > GALAGO_ROLE_ASSISTANT)
            return fail(e, GALAGO_ERR_ARGUMENT, "chat: message %zu has the unknown role %d", i, (int)m->role);
        if (m->role != GALAGO_ROLE_SYSTEM) continue;
        if (i)
            return fail(e, GALAGO_ERR_ARGUMENT,
                        "chat: message %zu is a system message; only the first may be one", i);
        for (size_t k = 0; k < m->n_parts; k++)
            if (m->parts[k].kind == PART_IMAGE)
                return fail(e, GALAGO_ERR_ARGUMENT,
                            "chat: the system message has an image; put it into a user message");
    }
    return GALAGO_OK;
}

static galago_status write_all(writer *w, chat_format format, const chat_message *messages, size_t n,
                               size_t *n_marks_history)
{
    galago_status s = GALAGO_OK;
    size_t query = n;
    if (format == CHAT_QWEN3_5) {
        s = last_query(w, messages, n, &query);
        if (!s && query == n)
            return fail(w->e, GALAGO_ERR_ARGUMENT, "chat: no user message; the model needs a question");
    }
    if (!s && format == CHAT_QWEN2_VL && messages[0].role != GALAGO_ROLE_SYSTEM)
        s = write_format(w, "<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n");
    for (size_t i = 0; i < n && !s; i++) s = write_message(w, format, &messages[i], i > query);
    *n_marks_history = w->all.n_marks;
    if (!s) s = write_format(w, "<|im_start|>assistant\n");
    bool think = w->options->think;
    if (!s && format == CHAT_QWEN3_5) s = write_format(w, think ? "<think>\n" : "<think>\n\n</think>\n\n");
    if (!s && format == CHAT_QWEN3_VL && think) s = write_format(w, "<think>\n");
    return s || !w->all.text.failed ? s : no_memory(w->e);
}

static galago_status encode_all(writer *w, size_t n_marks_history, token_list *out, size_t *history_end)
{
    size_t at = 0, n_before = out->count;
    for (size_t i = 0; i <= w->all.n_marks; i++) {
        bool last = i == w->all.n_marks;
        size_t end = last ? w->all.text.size : w->all.marks[i].at;
        galago_status s =
            end > at ? tokenizer_encode(w->t, w->all.text.data + at, end - at, ENCODE_USER, out, w->e)
                     : GALAGO_OK;
        if (s) return s;
        if (i == n_marks_history && history_end) *history_end = out->count - n_before;
        if (last) break;
        if (!token_list_push(out, w->all.marks[i].id)) return no_memory(w->e);
        at = end + w->all.marks[i].size;
    }
    return GALAGO_OK;
}

galago_status chat_encode(const tokenizer *t, chat_format format, const chat_message *messages,
                          size_t n_messages, const chat_options *options, token_list *out, buf *rendered,
                          size_t *history_end, error *e)
{
    static const chat_options plain = {0};
    writer w = {.t = t, .options = options ? options : &plain, .e = e};
    size_t n_marks_history = 0, n_before = out->count;
    galago_status s = check(format, messages, n_messages, w.options, e);
    if (!s) s = write_all(&w, format, messages, n_messages, &n_marks_history);
    if (!s) s = encode_all(&w, n_marks_history, out, history_end);
    if (!s && rendered) {
        buf_append(rendered, w.all.text.data, w.all.text.size);
        if (rendered->failed) s = no_memory(e);
    }
    if (s) out->count = n_before;
    buf_free(&w.all.text);
    buf_free(&w.content.text);
    free(w.all.marks);
    free(w.content.marks);
    return s;
}
