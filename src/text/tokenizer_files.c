/* tokenizer.json, and vocab.json with merges.txt, to a checked vocabulary. Whatever these files ask for that
 * this tokenizer does not do is refused by name: a tokenizer that is almost right gives ids that are quietly
 * wrong. */
#include "text/tokenizer_impl.h"

#include "base/json.h"
#include "text/pretokenize.h"

#include <string.h>

typedef struct source {
    arena memory;
    token_source *tokens; /* [n_tokens] */
    size_t limit;         /* ids below this */
    size_t n_tokens;      /* 1 + the largest id */
    merge_source *merges;
    size_t n_merges;
    pretokenizer pre;
    error *e;
} source;

enum { MAX_IDS = 1 << 22 };
#define SHOWN(bytes, size) (int)((size) < 60 ? (size) : 60), (bytes)

static galago_status no_memory(error *e)
{
    return fail(e, GALAGO_ERR_MEMORY, "tokenizer: not enough memory");
}
static bool is_string(const json *v, const char *text)
{
    return v && v->type == JSON_STRING && v->u.string.size == strlen(text) &&
           !memcmp(v->u.string.bytes, text, strlen(text));
}
static bool absent(const json *v) { return !v || v->type == JSON_NULL; }

static galago_status unsupported(error *e, const char *what, const json *v, const char *expected)
{
    const char *got = absent(v) ? "missing" : v->type == JSON_STRING ? v->u.string.bytes : "not a string";
    return fail(e, GALAGO_ERR_UNSUPPORTED, "tokenizer: %s is \"%.60s\", only \"%s\" is supported", what, got,
                expected);
}

/* ---- vocabulary ---- */

/* Room for ids up to the largest in use, found first so that a small file never asks for much memory. */
static galago_status find_largest(source *s, const json *id, const char *name, size_t name_size)
{
    uint64_t v;
    if (!json_u64(id, UINT64_MAX, &v))
        return fail(s->e, GALAGO_ERR_FORMAT, "tokenizer: token \"%.*s\" has no whole number as its id",
                    SHOWN(name, name_size));
    if (v >= s->limit)
        return fail(s->e, GALAGO_ERR_FORMAT, "tokenizer: token \"%.*s\" has id %llu, the model has %zu",
                    SHOWN(name, name_size), (unsigned long long)v, s->limit);
    if (v >= s->n_tokens) s->n_tokens = (size_t)v + 1;
    return GALAGO_OK;
}

static galago_status read_vocab(source *s, const json *vocab)
{
    for (const json *v = vocab->u.list.first; v; v = v->next) {
        uint64_t id = 0;
        json_u64(v, UINT64_MAX, &id);
        token_source *t = &s->tokens[id];
        if (t->kind == TOKEN_NORMAL)
            return fail(s->e, GALAGO_ERR_FORMAT, "tokenizer: id %llu is both \"%.*s\" and \"%.*s\"",
                        (unsigned long long)id, SHOWN(t->bytes, t->size), SHOWN(v->key, v->key_size));
        if (t->kind != TOKEN_UNUSED) continue; /* an added token that the vocabulary lists too */
        *t = (token_source){v->key, (uint32_t)v->key_size, TOKEN_NORMAL};
    }
    return GALAGO_OK;
}

/* One entry of "added_tokens" or "added_tokens_decoder". */
static galago_status read_added(source *s, const json *entry, uint64_t id)
{
    const json *content = json_get(entry, "content");
    if (!content || content->type != JSON_STRING)
        return fail(s->e, GALAGO_ERR_FORMAT, "tokenizer: added token %llu has no content",
                    (unsigned long long)id);
    static const char *const changes_text[] = {"lstrip", "rstrip", "single_word"};
    for (size_t i = 0; i < sizeof changes_text / sizeof *changes_text; i++)
        if (json_bool(json_get(entry, changes_text[i]), false))
            return fail(s->e, GALAGO_ERR_UNSUPPORTED,
                        "tokenizer: added token \"%.60s\" has %s, which is not supported",
                        content->u.string.bytes, changes_text[i]);
    if (content->u.string.size > UINT32_MAX)
        return fail(s->e, GALAGO_ERR_FORMAT, "tokenizer: added token of 4 GiB");
    token_source *t = &s->tokens[id];
    if (t->kind != TOKEN_UNUSED)
        return fail(s->e, GALAGO_ERR_FORMAT, "tokenizer: added id %llu is both \"%.*s\" and \"%.60s\"",
                    (unsigned long long)id, SHOWN(t->bytes, t->size), content->u.string.bytes);
    *t = (token_source){content->u.string.bytes, (uint32_t)content->u.string.size,
                        json_bool(json_get(entry, "special"), false) ? TOKEN_CONTROL : TOKEN_ADDED};
    return GALAGO_OK;
}

/* The id of an entry of "added_tokens_decoder" is its name. False when it is not a number. */
static bool id_of_key(const json *v, uint64_t *id)
{
    *id = 0;
    if (!v->key_size || v->key_size > 9) return false;
    for (size_t i = 0; i < v->key_size; i++) {
        if (v->key[i] < '0' || v->key[i] > '9') return false;
        *id = *id * 10 + (uint64_t)(v->key[i] - '0');
    }
    return true;
}

/* Vocabulary and added tokens (an array of objects with "id", an object with ids as names, or NULL). */
static galago_status read_tokens(source *s, const json *vocab, const json *added, size_t limit)
{
    galago_status st = GALAGO_OK;
    s->limit = limit < MAX_IDS ? limit : MAX_IDS;
    if (!vocab || vocab->type != JSON_OBJECT)
        return fail(s->e, GALAGO_ERR_FORMAT, "tokenizer: no vocabulary (an object of tokens and their ids)");
    for (const json *v = vocab->u.list.first; v && !st; v = v->next) {
        if (v->key_size > UINT32_MAX) return fail(s->e, GALAGO_ERR_FORMAT, "tokenizer: token of 4 GiB");
        st = find_largest(s, v, v->key, v->key_size);
    }
    bool by_key = added && added->type == JSON_OBJECT;
    if (!absent(added) && !by_key && added->type != JSON_ARRAY)
        return fail(s->e, GALAGO_ERR_FORMAT, "tokenizer: the added tokens are not a list");
    const json *first = absent(added) ? NULL : added->u.list.first;
    for (const json *v = first; v && !st; v = v->next) {
        json number = {.type = JSON_NUMBER};
        uint64_t id;
        if (by_key && id_of_key(v, &id))
            number.u.number = (double)id;
        else if (by_key)
            number.type = JSON_NULL;
        const json *given = by_key ? &number : json_get(v, "id");
        const char *name = json_string(json_get(v, "content"), "");
        st = find_largest(s, given, name, strlen(name));
    }
    if (st) return st;
    s->tokens = arena_array(&s->memory, s->n_tokens, sizeof *s->tokens);
    if (!s->tokens) return no_memory(s->e);
    for (const json *v = first; v && !st; v = v->next) {
        uint64_t id = 0;
        if (by_key)
            id_of_key(v, &id);
        else
            json_u64(json_get(v, "id"), UINT64_MAX, &id);
        st = read_added(s, v, id);
    }
    return st ? st : read_vocab(s, vocab);
}

/* ---- merges ---- */

/* "left right", cut at its only space. False when it is something else. */
static bool cut_merge(merge_source *m, const char *text, size_t size)
{
    const char *space = memchr(text, ' ', size);
    if (!space || space == text || space + 1 == text + size || size > UINT32_MAX) return false;
    m->bytes = text;
    m->size = (uint32_t)size;
    m->left_size = (uint32_t)(space - text);
    m->right = space + 1;
    m->right_size = (uint32_t)(text + size - m->right);
    return true;
}

static galago_status read_merges_json(source *s, const json *merges)
{
    if (!merges || merges->type != JSON_ARRAY)
        return fail(s->e, GALAGO_ERR_FORMAT, "tokenizer: model.merges is not a list");
    s->merges = arena_array(&s->memory, merges->u.list.count, sizeof *s->merges);
    if (!s->merges) return no_memory(s->e);
    for (const json *v = merges->u.list.first; v; v = v->next) {
        merge_source *m = &s->merges[s->n_merges];
        bool good = false;
        if (v->type == JSON_STRING) {
            good = cut_merge(m, v->u.string.bytes, v->u.string.size);
        } else if (v->type == JSON_ARRAY && v->u.list.count == 2) {
            const json *l = v->u.list.first, *r = l->next;
            good = l->type == JSON_STRING && r->type == JSON_STRING && l->u.string.size <= UINT32_MAX &&
                   r->u.string.size <= UINT32_MAX;
            if (good)
                *m = (merge_source){.bytes = l->u.string.bytes,
                                    .size = (uint32_t)l->u.string.size,
                                    .left_size = (uint32_t)l->u.string.size,
                                    .right = r->u.string.bytes,
                                    .right_size = (uint32_t)r->u.string.size};
        }
        if (!good)
            return fail(s->e, GALAGO_ERR_FORMAT,
                        "tokenizer: merge %zu is neither \"left right\" nor [left, right]", s->n_merges);
        s->n_merges++;
    }
    return GALAGO_OK;
}

static galago_status read_merges_txt(source *s, const char *text, size_t size)
{
    size_t n_lines = 1;
    for (size_t i = 0; i < size; i++) n_lines += text[i] == '\n';
    s->merges = arena_array(&s->memory, n_lines, sizeof *s->merges);
    if (!s->merges) return no_memory(s->e);
    for (size_t at = 0, line = 1; at < size; line++) {
        const char *end = memchr(text + at, '\n', size - at);
        size_t n = end ? (size_t)(end - text) - at : size - at, next = at + n + 1;
        if (n && text[at + n - 1] == '\r') n--;
        bool skip = !n || (line == 1 && n >= 8 && !memcmp(text, "#version", 8));
        if (!skip && !cut_merge(&s->merges[s->n_merges++], text + at, n))
            return fail(s->e, GALAGO_ERR_FORMAT, "tokenizer: line %zu of merges.txt is not \"left right\"",
                        line);
        at = next;
    }
    return GALAGO_OK;
}

/* ---- the rest of tokenizer.json ---- */

static bool known_regex(const json *regex, pretokenizer *pre)
{
    *pre = PRETOKENIZER_QWEN2;
    if (is_string(regex, pretokenizer_regex(PRETOKENIZER_QWEN2))) return true;
    *pre = PRETOKENIZER_QWEN35;
    return is_string(regex, pretokenizer_regex(PRETOKENIZER_QWEN35));
}

/* Sequence [Split by one of the two expressions, ByteLevel without its own]. */
static galago_status read_pre_tokenizer(source *s, const json *pre)
{
    const json *list = json_get(pre, "pretokenizers");
    const json *split = is_string(json_get(pre, "type"), "Sequence") && list && list->type == JSON_ARRAY &&
                                list->u.list.count == 2
                            ? list->u.list.first
                            : NULL;
    const json *level = split ? split->next : NULL;
    if (!is_string(json_get(split, "type"), "Split") || !is_string(json_get(level, "type"), "ByteLevel"))
        return unsupported(s->e, "pre_tokenizer", json_get(pre, "type"), "Sequence of Split and ByteLevel");
    const json *regex = json_get(json_get(split, "pattern"), "Regex");
    if (!known_regex(regex, &s->pre))
        return fail(s->e, GALAGO_ERR_UNSUPPORTED,
                    "tokenizer: the Split expression \"%.80s\" is neither Qwen2's nor Qwen3.5's",
                    json_string(regex, "(missing)"));
    if (!is_string(json_get(split, "behavior"), "Isolated"))
        return unsupported(s->e, "pre_tokenizer.Split.behavior", json_get(split, "behavior"), "Isolated");
    if (json_bool(json_get(split, "invert"), false))
        return fail(s->e, GALAGO_ERR_UNSUPPORTED, "tokenizer: an inverted Split is not supported");
    if (json_bool(json_get(level, "add_prefix_space"), true) || json_bool(json_get(level, "use_regex"), true))
        return fail(s->e, GALAGO_ERR_UNSUPPORTED,
                    "tokenizer: ByteLevel with add_prefix_space or use_regex is not supported");
    return GALAGO_OK;
}

static galago_status check_model(error *e, const json *root)
{
    const json *model = json_get(root, "model"), *type = json_get(model, "type"),
               *normalizer = json_get(root, "normalizer");
    if (!model || model->type != JSON_OBJECT)
        return fail(e, GALAGO_ERR_FORMAT, "tokenizer: no \"model\" object");
    if (!absent(type) && !is_string(type, "BPE")) return unsupported(e, "model.type", type, "BPE");
    if (!absent(json_get(model, "dropout")) && json_number(json_get(model, "dropout"), 1) != 0)
        return fail(e, GALAGO_ERR_UNSUPPORTED, "tokenizer: model.dropout is not supported");
    static const char *const flags[] = {"byte_fallback", "ignore_merges"};
    for (size_t i = 0; i < 2; i++)
        if (json_bool(json_get(model, flags[i]), false))
            return fail(e, GALAGO_ERR_UNSUPPORTED, "tokenizer: model.%s is not supported", flags[i]);
    static const char *const affixes[] = {"continuing_subword_prefix", "end_of_word_suffix"};
    for (size_t i = 0; i < 2; i++)
        if (*json_string(json_get(model, affixes[i]), ""))
            return fail(e, GALAGO_ERR_UNSUPPORTED, "tokenizer: model.%s is not supported", affixes[i]);
    if (!is_string(json_get(normalizer, "type"), "NFC"))
        return unsupported(e, "normalizer", json_get(normalizer, "type"), "NFC");
    return GALAGO_OK;
}

static galago_status finish(source *s, galago_status st, tokenizer **out)
{
    if (!st) {
        const tokenizer_source src = {s->tokens, s->n_tokens, s->merges, s->n_merges, s->pre};
        st = tokenizer_create(&src, out, s->e);
    }
    arena_free(&s->memory);
    return st;
}

galago_status tokenizer_from_json(const char *json_text, size_t size, size_t n_vocab_limit, tokenizer **out,
                                  error *e)
{
    *out = NULL;
    source s = {.e = e};
    const json *root = NULL;
    galago_status st = json_parse(&s.memory, json_text, size, &root, e);
    if (!st) st = check_model(e, root);
    if (!st) st = read_pre_tokenizer(&s, json_get(root, "pre_tokenizer"));
    const json *model = json_get(root, "model");
    if (!st) st = read_tokens(&s, json_get(model, "vocab"), json_get(root, "added_tokens"), n_vocab_limit);
    if (!st) st = read_merges_json(&s, json_get(model, "merges"));
    return finish(&s, st, out);
}

/* The pre-tokenizer of a folder without tokenizer.json: its expression where the configuration gives one,
 * else by class. */
static galago_status read_config_pre(source *s, const json *config)
{
    const json *regex = json_get(config, "pretokenize_regex");
    const char *name = json_string(json_get(config, "tokenizer_class"), "");
    s->pre = strstr(name, "Qwen3_5") ? PRETOKENIZER_QWEN35 : PRETOKENIZER_QWEN2;
    if (absent(regex) || known_regex(regex, &s->pre)) return GALAGO_OK;
    return fail(s->e, GALAGO_ERR_UNSUPPORTED,
                "tokenizer: pretokenize_regex \"%.80s\" is neither Qwen2's nor Qwen3.5's",
                json_string(regex, "(not a string)"));
}

galago_status tokenizer_from_vocab_merges(const char *vocab_json, size_t vocab_size, const char *merges_txt,
                                          size_t merges_size, const char *config_json, size_t config_size,
                                          size_t n_vocab_limit, tokenizer **out, error *e)
{
    *out = NULL;
    source s = {.e = e};
    const json *vocab = NULL, *config = NULL;
    galago_status st = json_parse(&s.memory, vocab_json, vocab_size, &vocab, e);
    if (!st && config_json) st = json_parse(&s.memory, config_json, config_size, &config, e);
    if (!st) st = read_config_pre(&s, config);
    if (!st) st = read_tokens(&s, vocab, json_get(config, "added_tokens_decoder"), n_vocab_limit);
    if (!st) st = read_merges_txt(&s, merges_txt, merges_size);
    return finish(&s, st, out);
}
