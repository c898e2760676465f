/* The vocabulary in memory: checked once when it is made, then read only. */
#include "text/tokenizer_impl.h"

#include "base/utf8.h"

#include <stdlib.h>
#include <string.h>

/* Beyond any vocabulary in use; they bound what a hostile file can make us allocate. */
enum { MAX_TOKENS = 1 << 22, MAX_MERGES = 1 << 22, MAX_ADDED_BYTES = 256 };

uint32_t byte_to_char(uint8_t byte)
{
    if (byte < 33) return 256u + byte;
    if (byte >= 127 && byte <= 160) return 256u + 33 + (byte - 127u);
    return byte == 173 ? 323 : byte;
}

int char_to_byte(uint32_t cp)
{
    if (cp >= 256 && cp < 289) return (int)cp - 256;
    if (cp >= 289 && cp < 323) return (int)cp - 289 + 127;
    if (cp == 323) return 173;
    return cp < 256 && byte_to_char((uint8_t)cp) == cp ? (int)cp : -1;
}

/* Decodes byte-mapped text into `out` (at most `size` bytes). False when a character stands for no byte. */
static bool unmap(const char *text, size_t size, char *out, size_t *n_out)
{
    *n_out = 0;
    for (size_t i = 0, n; i < size; i += n) {
        uint32_t cp;
        n = utf8_decode(text + i, size - i, &cp);
        int byte = n ? char_to_byte(cp) : -1;
        if (byte < 0) return false;
        out[(*n_out)++] = (char)byte;
    }
    return true;
}

/* ---- normal tokens by their bytes, needed only while the tokenizer is made ---- */

typedef struct token_index {
    int32_t *slots; /* [mask + 1], -1 = empty */
    size_t mask;
} token_index;

static uint64_t hash_bytes(const char *s, size_t size)
{
    uint64_t h = size * 0x9e3779b97f4a7c15u;
    for (size_t i = 0; i < size; i++) {
        h = (h ^ (unsigned char)s[i]) * 0xff51afd7ed558ccdu;
        h ^= h >> 32;
    }
    return h;
}

static int32_t *index_at(const token_index *x, const tokenizer *t, const char *s, size_t size)
{
    for (size_t i = (size_t)hash_bytes(s, size) & x->mask;; i = (i + 1) & x->mask) {
        int32_t id = x->slots[i];
        if (id < 0) return &x->slots[i];
        const token *k = &t->tokens[id];
        if (k->size == size && memcmp(t->bytes + k->begin, s, size) == 0) return &x->slots[i];
    }
}

/* ---- creation ---- */

/* A string of a file for a message: at most 60 bytes. */
#define SHOWN(bytes, size) (int)((size) < 60 ? (size) : 60), (bytes)

static galago_status no_memory(error *e)
{
    return fail(e, GALAGO_ERR_MEMORY, "tokenizer: not enough memory");
}

static galago_status take_tokens(tokenizer *t, const tokenizer_source *src, token_index *x, arena *scratch,
                                 error *e)
{
    size_t total = 0, slots = 16;
    for (size_t i = 0; i < t->n_tokens; i++)
        if (src->tokens[i].kind != TOKEN_UNUSED && size_add_overflow(total, src->tokens[i].size, &total))
            total = SIZE_MAX;
    if (total >= UINT32_MAX)
        return fail(e, GALAGO_ERR_FORMAT, "tokenizer: tokens of %zu bytes together, at most 4 GiB", total);
    while (slots / 2 < t->n_tokens) slots *= 2;
    t->tokens = arena_array(&t->memory, t->n_tokens, sizeof *t->tokens);
    t->bytes = arena_alloc(&t->memory, total + 1);
    x->slots = arena_array(scratch, slots, sizeof *x->slots);
    if (!t->tokens || !t->bytes || !x->slots) return no_memory(e);
    memset(x->slots, 0xff, slots * sizeof *x->slots);
    x->mask = slots - 1;

    uint32_t used = 0;
    for (size_t id = 0; id < t->n_tokens; id++) {
        const token_source *s = &src->tokens[id];
        if (s->kind == TOKEN_UNUSED) continue;
        token *k = &t->tokens[id];
        k->begin = used;
        k->kind = s->kind;
        if (!s->size) return fail(e, GALAGO_ERR_FORMAT, "tokenizer: token %zu is empty", id);
        size_t n = s->size;
        if (s->kind == TOKEN_NORMAL) {
            if (!unmap(s->bytes, s->size, t->bytes + used, &n))
                return fail(e, GALAGO_ERR_FORMAT,
                            "tokenizer: token %zu \"%.*s\" is not in the byte-level alphabet", id,
                            SHOWN(s->bytes, s->size));
            int32_t *slot = index_at(x, t, t->bytes + used, n);
            if (*slot >= 0)
                return fail(e, GALAGO_ERR_FORMAT, "tokenizer: tokens %d and %zu are both \"%.*s\"", *slot, id,
                            SHOWN(s->bytes, s->size));
            *slot = (int32_t)id;
        } else {
            if (s->size > MAX_ADDED_BYTES)
                return fail(e, GALAGO_ERR_FORMAT, "tokenizer: added token %zu has %u bytes, at most %d", id,
                            s->size, MAX_ADDED_BYTES);
            if (!utf8_valid(s->bytes, s->size))
                return fail(e, GALAGO_ERR_FORMAT, "tokenizer: added token %zu is not UTF-8", id);
            memcpy(t->bytes + used, s->bytes, n);
            t->n_added++;
        }
        k->size = (uint32_t)n;
        used += (uint32_t)n;
    }
    for (int b = 0; b < 256; b++) {
        char byte = (char)b;
        t->byte_ids[b] = *index_at(x, t, &byte, 1);
        if (t->byte_ids[b] < 0)
            return fail(e, GALAGO_ERR_FORMAT,
                        "tokenizer: no token for byte 0x%02x; a byte-level vocabulary has all 256", b);
    }
    return GALAGO_OK;
}

static galago_status take_merges(tokenizer *t, const tokenizer_source *src, const token_index *x,
                                 arena *scratch, error *e)
{
    size_t longest = 0, slots = merge_table_slots(src->n_merges);
    for (size_t i = 0; i < t->n_tokens; i++)
        if (t->tokens[i].kind == TOKEN_NORMAL && t->tokens[i].size > longest) longest = t->tokens[i].size;
    t->n_merges = src->n_merges;
    t->pairs = arena_array(&t->memory, t->n_merges, sizeof *t->pairs);
    t->merges.slots = arena_array(&t->memory, slots, sizeof *t->merges.slots);
    /* Longer parts than the longest token are unknown before they are decoded; text is up to twice as long as
     * its bytes. */
    char *joined = arena_alloc(scratch, 4 * longest + 2);
    if (!t->pairs || !t->merges.slots || !joined) return no_memory(e);
    t->merges.mask = slots - 1;
    for (size_t i = 0; i < slots; i++) t->merges.slots[i].left = -1;

    for (size_t i = 0; i < t->n_merges; i++) {
        const merge_source *m = &src->merges[i];
        size_t n_left = 0, n_right = 0;
        bool known = m->left_size <= 2 * longest && m->right_size <= 2 * longest &&
                     unmap(m->bytes, m->left_size, joined, &n_left) &&
                     unmap(m->right, m->right_size, joined + n_left, &n_right);
        int32_t left = known ? *index_at(x, t, joined, n_left) : -1;
        int32_t right = known ? *index_at(x, t, joined + n_left, n_right) : -1;
        int32_t id = known ? *index_at(x, t, joined, n_left + n_right) : -1;
        if (left < 0 || right < 0 || id < 0)
            return fail(e, GALAGO_ERR_FORMAT, "tokenizer: merge %zu \"%.*s\" + \"%.*s\": %s is not a token",
                        i, SHOWN(m->bytes, m->left_size), SHOWN(m->right, m->right_size),
                        left < 0    ? "the left part"
                        : right < 0 ? "the right part"
                                    : "the result");
        merge_slot *slot = merge_table_at(&t->merges, left, right);
        if (slot->left >= 0)
            return fail(e, GALAGO_ERR_FORMAT, "tokenizer: merges %d and %zu are both \"%.*s\" + \"%.*s\"",
                        slot->rank, i, SHOWN(m->bytes, m->left_size), SHOWN(m->right, m->right_size));
        *slot = (merge_slot){left, right, (int32_t)i, id};
        t->pairs[i][0] = left;
        t->pairs[i][1] = right;
    }
    return GALAGO_OK;
}

typedef struct added_entry {
    const char *bytes;
    uint32_t size;
    int32_t id;
} added_entry;

static int by_bytes(const void *pa, const void *pb)
{
    const added_entry *a = pa, *b = pb;
    int c = memcmp(a->bytes, b->bytes, a->size < b->size ? a->size : b->size);
    return c ? c : (a->size > b->size) - (a->size < b->size);
}

static galago_status sort_added(tokenizer *t, arena *scratch, error *e)
{
    added_entry *list = arena_array(scratch, t->n_added, sizeof *list);
    t->added = arena_array(&t->memory, t->n_added, sizeof *t->added);
    if (!list || !t->added) return no_memory(e);
    size_t n = 0;
    for (size_t id = 0; id < t->n_tokens; id++) {
        const token *k = &t->tokens[id];
        if (k->kind == TOKEN_ADDED || k->kind == TOKEN_CONTROL)
            list[n++] = (added_entry){t->bytes + k->begin, k->size, (int32_t)id};
    }
    qsort(list, n, sizeof *list, by_bytes);
    for (size_t i = 0; i < n; i++) {
        if (i && by_bytes(&list[i - 1], &list[i]) == 0)
            return fail(e, GALAGO_ERR_FORMAT, "tokenizer: added tokens %d and %d are both \"%.*s\"",
                        list[i - 1].id, list[i].id, SHOWN(list[i].bytes, list[i].size));
        t->added[i] = list[i].id;
        t->added_first[(unsigned char)list[i].bytes[0] + 1]++;
    }
    for (int b = 0; b < 256; b++) t->added_first[b + 1] += t->added_first[b];
    return GALAGO_OK;
}

galago_status tokenizer_create(const tokenizer_source *src, tokenizer **out, error *e)
{
    *out = NULL;
    size_t n_tokens = src->n_tokens;
    while (n_tokens && src->tokens[n_tokens - 1].kind == TOKEN_UNUSED) n_tokens--;
    if (n_tokens > MAX_TOKENS)
        return fail(e, GALAGO_ERR_FORMAT, "tokenizer: %zu tokens, at most %d", n_tokens, MAX_TOKENS);
    if (src->n_merges > MAX_MERGES)
        return fail(e, GALAGO_ERR_FORMAT, "tokenizer: %zu merges, at most %d", src->n_merges, MAX_MERGES);
    tokenizer *t = calloc(1, sizeof *t);
    if (!t) return no_memory(e);
    t->n_tokens = n_tokens;
    t->pre = src->pre;
    arena scratch = {0};
    token_index index = {0};
    galago_status s = take_tokens(t, src, &index, &scratch, e);
    if (!s) s = take_merges(t, src, &index, &scratch, e);
    if (!s) s = sort_added(t, &scratch, e);
    arena_free(&scratch);
    if (s)
        tokenizer_destroy(t);
    else
        *out = t;
    return s;
}

void tokenizer_destroy(tokenizer *t)
{
    if (!t) return;
    arena_free(&t->memory);
    free(t);
}

/* ---- looking things up ---- */

static const token *token_of(const tokenizer *t, int32_t id)
{
    static const token none = {0, 0, TOKEN_UNUSED};
    return id >= 0 && (size_t)id < t->n_tokens ? &t->tokens[id] : &none;
}

const char *tokenizer_token(const tokenizer *t, int32_t id, bool control, size_t *size)
{
    const token *k = token_of(t, id);
    *size = k->kind == TOKEN_CONTROL && !control ? 0 : k->size;
    return t->bytes + k->begin;
}

bool tokenizer_defines(const tokenizer *t, int32_t id) { return token_of(t, id)->kind != TOKEN_UNUSED; }
bool tokenizer_is_control(const tokenizer *t, int32_t id) { return token_of(t, id)->kind == TOKEN_CONTROL; }
size_t tokenizer_n_tokens(const tokenizer *t) { return t->n_tokens; }
size_t tokenizer_n_merges(const tokenizer *t) { return t->n_merges; }
pretokenizer tokenizer_pre(const tokenizer *t) { return t->pre; }

int32_t tokenizer_find(const tokenizer *t, const char *added_text)
{
    size_t size = strlen(added_text), low = 0, high = t->n_added;
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        const token *k = &t->tokens[t->added[mid]];
        int c = memcmp(t->bytes + k->begin, added_text, k->size < size ? k->size : size);
        if (!c) c = (k->size > size) - (k->size < size);
        if (!c) return t->added[mid];
        if (c < 0)
            low = mid + 1;
        else
            high = mid;
    }
    return -1;
}

static void map_bytes(const tokenizer *t, const token *k, buf *text)
{
    for (uint32_t i = 0; i < k->size; i++) {
        char c[4];
        buf_append(text, c, utf8_encode(byte_to_char((uint8_t)t->bytes[k->begin + i]), c));
    }
}

void tokenizer_export_token(const tokenizer *t, int32_t id, buf *text, enum token_kind *kind)
{
    const token *k = token_of(t, id);
    *kind = (enum token_kind)k->kind;
    if (k->kind == TOKEN_NORMAL)
        map_bytes(t, k, text);
    else
        buf_append(text, t->bytes + k->begin, k->size);
}

void tokenizer_export_merge(const tokenizer *t, size_t rank, buf *left_space_right)
{
    map_bytes(t, &t->tokens[t->pairs[rank][0]], left_space_right);
    buf_append(left_space_right, " ", 1);
    map_bytes(t, &t->tokens[t->pairs[rank][1]], left_space_right);
}

/* ---- the byte vocabulary ---- */

galago_status tokenizer_create_bytes(tokenizer **out, error *e)
{
    enum { FIRST_ADDED = 248044, N_ADDED = 33 };
    /* Qwen3.5's added tokens in the order of their ids; "" where there is none. Those shown are not control
     * tokens. */
    static const struct {
        const char *text;
        bool shown;
    } added[N_ADDED] = {
        {"<|endoftext|>", false},
        {"<|im_start|>", false},
        {"<|im_end|>", false},
        {"<|object_ref_start|>", false},
        {"<|object_ref_end|>", false},
        {"<|box_start|>", false},
        {"<|box_end|>", false},
        {"<|quad_start|>", false},
        {"<|quad_end|>", false},
        {"<|vision_start|>", false},
        {"<|vision_end|>", false},
        {"<|vision_pad|>", false},
        {"<|image_pad|>", false},
        {"<|video_pad|>", false},
        {"<tool_call>", true},
        {"</tool_call>", true},
        {"<|fim_prefix|>", true},
        {"<|fim_middle|>", true},
        {"<|fim_suffix|>", true},
        {"<|fim_pad|>", true},
        {"<|repo_name|>", true},
        {"<|file_sep|>", true},
        {"<tool_response>", true},
        {"</tool_response>", true},
        {"<think>", true},
        {"</think>", true},
        {"<|audio_start|>", false},
        {"<|audio_end|>", false},
        {"<tts_pad>", false},
        {"<tts_text_bos>", false},
        {"<tts_text_eod>", false},
        {"<tts_text_bos_single>", false},
        {"<|audio_pad|>", false},
    };
    *out = NULL;
    arena scratch = {0};
    token_source *tokens = arena_array(&scratch, FIRST_ADDED + N_ADDED, sizeof *tokens);
    char *text = arena_alloc(&scratch, 256 * 4);
    if (!tokens || !text) {
        arena_free(&scratch);
        return no_memory(e);
    }
    for (int b = 0; b < 256; b++)
        tokens[b] = (token_source){
            text + 4 * b, (uint32_t)utf8_encode(byte_to_char((uint8_t)b), text + 4 * b), TOKEN_NORMAL};
    for (int i = 0; i < N_ADDED; i++)
        tokens[FIRST_ADDED + i] = (token_source){added[i].text, (uint32_t)strlen(added[i].text),
                                                 added[i].shown ? TOKEN_ADDED : TOKEN_CONTROL};
    const tokenizer_source src = {
        .tokens = tokens, .n_tokens = FIRST_ADDED + N_ADDED, .pre = PRETOKENIZER_QWEN35};
    galago_status s = tokenizer_create(&src, out, e);
    arena_free(&scratch);
    return s;
}
