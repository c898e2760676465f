/* Text against the reference's own record (tests/data/golden): ids of strings, prompts and ids of
 * conversations. */
#include "../check.h"
#include "text/template.h"
#include "text_fixture.h"

#define GOLDEN "tests/data/golden/"

static tokenizer *open_tokenizer(const char *path)
{
    buf file = fixture_file(path);
    tokenizer *t;
    error e = {0};
    CHECK(tokenizer_from_json(file.data, file.size, 100000, &t, &e) == GALAGO_OK, "%s: %s", path, e.message);
    buf_free(&file);
    return t;
}

static void test_strings(arena *a)
{
    tokenizer *t = open_tokenizer(GOLDEN "tiny-a/tokenizer.json");
    buf file = fixture_file(GOLDEN "tokenizer.json");
    const json *root;
    error e = {0};
    CHECK(json_parse(a, file.data, file.size, &root, &e) == GALAGO_OK, "%s", e.message);
    const json *strings = json_get(root, "strings");
    CHECK(strings && strings->u.list.count >= 200, "too few strings");
    for (const json *s = strings ? strings->u.list.first : NULL; s && t; s = s->next) {
        const json *text = json_get(s, "text"), *decoded = json_get(s, "decoded"),
                   *want = json_get(s, "ids")->u.list.first;
        token_list ids = {0};
        buf back = {0};
        CHECK(tokenizer_encode(t, text->u.string.bytes, text->u.string.size, ENCODE_TRUSTED, &ids, &e) ==
                  GALAGO_OK,
              "encode");
        size_t i = 0;
        for (; want && i < ids.count && ids.ids[i] == (int32_t)want->u.number; i++) want = want->next;
        CHECK(!want && i == ids.count, "\"%s\": differs from id %zu on", text->u.string.bytes, i);
        for (i = 0; i < ids.count; i++) {
            size_t size;
            const char *bytes = tokenizer_token(t, ids.ids[i], true, &size);
            buf_append(&back, bytes, size);
        }
        CHECK(back.size == decoded->u.string.size &&
                  (!back.size || !memcmp(back.data, decoded->u.string.bytes, back.size)),
              "\"%s\" comes back as \"%s\"", text->u.string.bytes, back.data);
        token_list_free(&ids);
        buf_free(&back);
    }
    buf_free(&file);
    tokenizer_destroy(t);
}

/* The messages of a case in our form; their strings stay in the JSON tree. */
enum { MAX_MESSAGES = 8, MAX_PARTS = 8 };
static size_t read_messages(const json *list, chat_message *messages, chat_part parts[][MAX_PARTS])
{
    size_t n = 0;
    for (const json *m = list->u.list.first; m && n < MAX_MESSAGES; m = m->next, n++) {
        const char *role = json_string(json_get(m, "role"), "");
        messages[n] = (chat_message){!strcmp(role, "system") ? GALAGO_ROLE_SYSTEM
                                     : !strcmp(role, "user") ? GALAGO_ROLE_USER
                                                             : GALAGO_ROLE_ASSISTANT,
                                     parts[n], 0};
        const json *content = json_get(m, "content");
        if (content->type == JSON_STRING) {
            parts[n][messages[n].n_parts++] =
                (chat_part){PART_TEXT, content->u.string.bytes, content->u.string.size};
            continue;
        }
        for (const json *p = content->u.list.first; p && messages[n].n_parts < MAX_PARTS; p = p->next) {
            const json *text = json_get(p, "text");
            parts[n][messages[n].n_parts++] =
                text ? (chat_part){PART_TEXT, text->u.string.bytes, text->u.string.size}
                     : (chat_part){.kind = PART_IMAGE};
        }
    }
    return n;
}

static void test_case(arena *a, const tokenizer *t, const char *path)
{
    buf file = fixture_file(path), rendered = {0};
    const json *root;
    error e = {0};
    CHECK(json_parse(a, file.data, file.size, &root, &e) == GALAGO_OK, "%s: %s", path, e.message);
    chat_message messages[MAX_MESSAGES];
    chat_part parts[MAX_MESSAGES][MAX_PARTS];
    size_t n = read_messages(json_get(root, "messages"), messages, parts);
    token_list ids = {0};
    CHECK(chat_encode(t, CHAT_QWEN3_5, messages, n, NULL, &ids, &rendered, NULL, &e) == GALAGO_OK, "%s: %s",
          path, e.message);
    CHECK(rendered.data && !strcmp(rendered.data, json_string(json_get(root, "prompt"), "")), "%s: \"%s\"",
          path, rendered.data);
    /* The record repeats each image pad; a run of them is one picture, since pictures are framed. */
    const int32_t image_pad = tokenizer_find(t, "<|image_pad|>");
    const json *want = json_get(root, "ids")->u.list.first;
    size_t i = 0;
    while (want && i < ids.count && ids.ids[i] == (int32_t)want->u.number) {
        while (ids.ids[i] == image_pad && want->next && (int32_t)want->next->u.number == image_pad)
            want = want->next;
        want = want->next;
        i++;
    }
    CHECK(!want && i == ids.count && i, "%s: differs from id %zu on", path, i);
    token_list_free(&ids);
    buf_free(&rendered);
    buf_free(&file);
}

int main(void)
{
    static const char *const models[] = {"tiny-a", "tiny-b", "tiny-c", "tiny-d"};
    static const char *const names[] = {"chat", "exact", "long", "tall", "text", "two", "unicode", "wide"};
    arena a = {0};
    test_strings(&a);
    for (size_t m = 0; m < sizeof models / sizeof *models; m++) {
        char path[200];
        snprintf(path, sizeof path, GOLDEN "%s/tokenizer.json", models[m]);
        tokenizer *t = open_tokenizer(path);
        for (size_t i = 0; t && i < sizeof names / sizeof *names; i++) {
            snprintf(path, sizeof path, GOLDEN "%s/cases/%s.json", models[m], names[i]);
            test_case(&a, t, path);
        }
        tokenizer_destroy(t);
    }
    arena_free(&a);
    return check_done("text_reference");
}
