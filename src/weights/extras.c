/* What comes with the tensors: the tokenizer and the preprocessing of pictures. */
#include "weights/weights_impl.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- tokenizer ---- */

/* The strings of an array one after the other; they were checked when the file was opened. */
typedef struct string_walk {
    const uint8_t *p;
} string_walk;

static const char *next_string(string_walk *s, uint32_t *size)
{
    uint64_t n = load_u64(s->p);
    const char *text = (const char *)s->p + 8;
    s->p += 8 + n;
    *size = (uint32_t)n;
    return text;
}

static const gguf_key *string_array(const weights *w, const char *name)
{
    const gguf_key *k = gguf_find(w, name, 0);
    return k && k->type == GGUF_ARRAY && k->elem_type == GGUF_STRING ? k : NULL;
}

/* GGUF's token types: 1 normal, 2 unknown, 3 control, 4 user-defined, 5 unused, 6 byte. */
static galago_status token_kind_of(const gguf_key *types, size_t i, enum token_kind *out, error *e)
{
    static const enum token_kind kinds[] = {[1] = TOKEN_NORMAL, [2] = TOKEN_UNUSED, [3] = TOKEN_CONTROL,
                                            [4] = TOKEN_ADDED,  [5] = TOKEN_UNUSED, [6] = TOKEN_NORMAL};
    double v = 1;
    if (types) gguf_number(types, i, &v);
    if (!(v >= 1 && v <= 6) || v != floor(v))
        return fail(e, GALAGO_ERR_FORMAT, "tokenizer.ggml.token_type: token %zu has the unknown type %g", i,
                    v);
    *out = kinds[(int)v];
    return GALAGO_OK;
}

static galago_status read_vocabulary(const weights *w, size_t n_vocab, tokenizer_source *src,
                                     token_source *tokens, merge_source *merges, error *e)
{
    const gguf_key *names = string_array(w, "tokenizer.ggml.tokens"),
                   *types = gguf_find(w, "tokenizer.ggml.token_type", 0);
    const gguf_key *pairs = string_array(w, "tokenizer.ggml.merges");
    if (names->count > n_vocab)
        return fail(e, GALAGO_ERR_FORMAT, "tokenizer.ggml.tokens has %zu tokens, the embedding %zu rows",
                    names->count, n_vocab);
    if (types && (types->type != GGUF_ARRAY || types->count != names->count))
        return fail(e, GALAGO_ERR_FORMAT, "tokenizer.ggml.token_type has %zu entries for %zu tokens",
                    types->count, names->count);
    string_walk walk = {names->at};
    galago_status s;
    for (size_t i = 0; i < names->count; i++) {
        tokens[i].bytes = next_string(&walk, &tokens[i].size);
        if ((s = token_kind_of(types, i, &tokens[i].kind, e))) return s;
    }
    walk.p = pairs ? pairs->at : NULL;
    for (size_t i = 0; pairs && i < pairs->count; i++) {
        merge_source *m = &merges[i];
        m->bytes = next_string(&walk, &m->size);
        const char *space = m->size > 1 ? memchr(m->bytes + 1, ' ', m->size - 1) : NULL;
        if (!space || space + 1 == m->bytes + m->size)
            return fail(e, GALAGO_ERR_FORMAT,
                        "tokenizer.ggml.merges: merge %zu is not two parts with a space between", i);
        m->left_size = (uint32_t)(space - m->bytes);
        m->right = space + 1;
        m->right_size = m->size - m->left_size - 1;
    }
    src->tokens = tokens;
    src->n_tokens = names->count;
    src->merges = merges;
    src->n_merges = pairs ? pairs->count : 0;
    return GALAGO_OK;
}

static galago_status tokenizer_from_gguf(const weights *w, size_t n_vocab, tokenizer **out, error *e)
{
    const char *model = weights_key_string(w, "tokenizer.ggml.model", ""),
               *pre = weights_key_string(w, "tokenizer.ggml.pre", "");
    if (strcmp(model, "gpt2"))
        return fail(e, GALAGO_ERR_UNSUPPORTED, "tokenizer.ggml.model \"%.40s\" is not supported (gpt2 is)",
                    model);
    tokenizer_source src = {.pre = PRETOKENIZER_QWEN35};
    if (strcmp(pre, "qwen2") == 0)
        src.pre = PRETOKENIZER_QWEN2;
    else if (strcmp(pre, "qwen35"))
        return fail(e, GALAGO_ERR_UNSUPPORTED,
                    "tokenizer.ggml.pre \"%.40s\" is not supported (qwen2 and qwen35 are)", pre);
    const gguf_key *names = string_array(w, "tokenizer.ggml.tokens"),
                   *pairs = string_array(w, "tokenizer.ggml.merges");
    if (!names)
        return fail(e, GALAGO_ERR_FORMAT, "tokenizer.ggml.tokens: missing, or not an array of strings");
    token_source *tokens = calloc(names->count + 1, sizeof *tokens);
    merge_source *merges = calloc((pairs ? pairs->count : 0) + 1, sizeof *merges);
    galago_status s = tokens && merges ? read_vocabulary(w, n_vocab, &src, tokens, merges, e)
                                       : fail(e, GALAGO_ERR_MEMORY, "not enough memory for the tokenizer");
    if (!s) s = tokenizer_create(&src, out, e);
    free(tokens);
    free(merges);
    return s;
}

static galago_status tokenizer_from_folder(const weights *w, size_t n_vocab, tokenizer **out, error *e)
{
    static const char *const names[] = {"tokenizer.json", "vocab.json", "merges.txt",
                                        "tokenizer_config.json"};
    enum { TOKENIZER, VOCAB, MERGES, CONFIG, N };
    filemap maps[N] = {{0}};
    const char *paths[N];
    arena a = {0};
    galago_status s = GALAGO_OK;
    for (int i = 0; i < N; i++)
        if (!(paths[i] = path_join(&a, w->folder, names[i])))
            s = fail(e, GALAGO_ERR_MEMORY, "%s: not enough memory", w->folder);
    if (s) goto done;
    if (file_exists(paths[TOKENIZER])) {
        if ((s = filemap_open(paths[TOKENIZER], &maps[TOKENIZER], e))) goto done;
        s = tokenizer_from_json((const char *)maps[TOKENIZER].data, maps[TOKENIZER].size, n_vocab, out, e);
        if (s) fail_prefix(e, names[TOKENIZER]);
        goto done;
    }
    if (!file_exists(paths[VOCAB]) || !file_exists(paths[MERGES])) {
        s = fail(e, GALAGO_ERR_FORMAT, "the folder has neither tokenizer.json nor vocab.json and merges.txt");
        goto done;
    }
    for (int i = VOCAB; i < N && !s; i++)
        if (i != CONFIG || file_exists(paths[i])) s = filemap_open(paths[i], &maps[i], e);
    if (s) goto done;
    s = tokenizer_from_vocab_merges((const char *)maps[VOCAB].data, maps[VOCAB].size,
                                    (const char *)maps[MERGES].data, maps[MERGES].size,
                                    (const char *)maps[CONFIG].data, maps[CONFIG].size, n_vocab, out, e);
    if (s) fail_prefix(e, "vocab.json, merges.txt");
done:
    for (int i = 0; i < N; i++) filemap_close(&maps[i]);
    arena_free(&a);
    return s;
}

galago_status weights_tokenizer(const weights *w, size_t n_vocab, tokenizer **out, error *e)
{
    *out = NULL;
    switch (w->format) {
    case WEIGHTS_GGUF: return tokenizer_from_gguf(w, n_vocab, out, e);
    case WEIGHTS_SYNTHETIC: return tokenizer_create_bytes(out, e);
    case WEIGHTS_HF: break;
    }
    return tokenizer_from_folder(w, n_vocab, out, e);
}

/* ---- preprocessing ---- */

/* Three numbers that are there, finite and, for divisors, above zero. */
static galago_status set_three(const double v[3], bool divisor, const char *name, float out[3], error *e)
{
    for (int i = 0; i < 3; i++) {
        if (!isfinite(v[i]) || fabs(v[i]) > 1e6 || (divisor && !(v[i] > 1e-6)))
            return fail(e, GALAGO_ERR_FORMAT, "%s: value %d is %g", name, i, v[i]);
        out[i] = (float)v[i];
    }
    return GALAGO_OK;
}

static galago_status json_three(const json *root, const char *name, bool divisor, float out[3], error *e)
{
    const json *v = json_get(root, name);
    double values[3];
    if (!v || v->type == JSON_NULL) return GALAGO_OK;
    int n = 0;
    if (v->type == JSON_ARRAY && v->u.list.count == 3)
        for (const json *x = v->u.list.first; x; x = x->next) values[n++] = json_number(x, NAN);
    char full[80];
    snprintf(full, sizeof full, "preprocessor_config.json: %s", name);
    if (n != 3) return fail(e, GALAGO_ERR_FORMAT, "%s is not a list of three numbers", full);
    return set_three(values, divisor, full, out, e);
}

/* Areas in pixels: size.shortest_edge / longest_edge, each overruled by min_pixels / max_pixels. */
static galago_status json_size(const json *object, const char *name, uint64_t min, uint64_t max,
                               uint64_t *out, error *e)
{
    const json *v = json_get(object, name);
    if (!v || v->type == JSON_NULL) return GALAGO_OK;
    if (!json_u64(v, max, out) || *out < min)
        return fail(e, GALAGO_ERR_FORMAT,
                    "preprocessor_config.json: %s is not an integer between %llu and %llu", name,
                    (unsigned long long)min, (unsigned long long)max);
    return GALAGO_OK;
}

static galago_status preprocess_from_json(const json *root, preprocess_params *p, error *e)
{
    const json *size = json_get(root, "size");
    uint64_t patch = p->patch_size, merge = p->merge_size, frames = p->temporal_patch_size;
    const struct {
        const json *object;
        const char *name;
        uint64_t *out, max;
    } fields[] = {
        {size, "shortest_edge", &p->min_pixels, 1ull << 40},
        {size, "longest_edge", &p->max_pixels, 1ull << 40},
        {root, "min_pixels", &p->min_pixels, 1ull << 40},
        {root, "max_pixels", &p->max_pixels, 1ull << 40},
        {root, "patch_size", &patch, 64},
        {root, "merge_size", &merge, 4},
        {root, "temporal_patch_size", &frames, 8},
    };
    galago_status s;
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++)
        if ((s = json_size(fields[i].object, fields[i].name, 1, fields[i].max, fields[i].out, e))) return s;
    p->patch_size = (uint32_t)patch;
    p->merge_size = (uint32_t)merge;
    p->temporal_patch_size = (uint32_t)frames;
    if ((s = json_three(root, "image_mean", false, p->mean, e)) ||
        (s = json_three(root, "image_std", true, p->std, e)))
        return s;
    /* Only the classes that say Pillow resize with it; all others, the former "slow" one by its plain name
     * among them, are torchvision's today. */
    if (strstr(json_string(json_get(root, "image_processor_type"), ""), "Pil")) p->rule = RESAMPLE_PILLOW;
    return GALAGO_OK;
}

static galago_status preprocess_from_gguf(const weights *w, preprocess_params *p, error *e)
{
    static const double clip_mean[3] = {0.48145466, 0.4578275, 0.40821073};
    const struct {
        const char *name;
        uint32_t *out, max;
    } sizes[] = {{"clip.vision.patch_size", &p->patch_size, 64},
                 {"clip.vision.spatial_merge_size", &p->merge_size, 4}};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        if (!weights_has_key(w, sizes[i].name)) continue;
        uint64_t v = weights_key_u64(w, sizes[i].name, 0);
        if (v < 1 || v > sizes[i].max)
            return fail(e, GALAGO_ERR_FORMAT, "%s is %llu, not 1 to %u", sizes[i].name, (unsigned long long)v,
                        sizes[i].max);
        *sizes[i].out = (uint32_t)v;
    }
    const struct {
        const char *name;
        uint64_t *out;
    } areas[] = {{"clip.vision.image_min_pixels", &p->min_pixels},
                 {"clip.vision.image_max_pixels", &p->max_pixels}};
    bool has_area = false;
    for (size_t i = 0; i < sizeof areas / sizeof *areas; i++) {
        if (!weights_has_key(w, areas[i].name)) continue;
        uint64_t v = weights_key_u64(w, areas[i].name, 0);
        if (v < 1 || v > 1ull << 40)
            return fail(e, GALAGO_ERR_FORMAT, "%s is %llu, not 1 to 2^40", areas[i].name,
                        (unsigned long long)v);
        *areas[i].out = v;
        has_area = true;
    }
    double mean[3], std[3];
    size_t n = weights_key_array(w, "clip.vision.image_mean", mean, 3),
           m = weights_key_array(w, "clip.vision.image_std", std, 3);
    if ((n && n != 3) || (m && m != 3))
        return fail(e, GALAGO_ERR_FORMAT, "clip.vision.image_mean or image_std: not three numbers");
    /* A common converter writes CLIP's constants when the source had no preprocessor_config.json, and then no
     * limits of areas either: for this projector they are a sign of nothing known. */
    bool suspect =
        n && !has_area && strcmp(weights_key_string(w, "clip.projector_type", ""), "qwen3vl_merger") == 0;
    for (int i = 0; suspect && i < 3; i++) suspect = fabs(mean[i] - clip_mean[i]) < 1e-6;
    if (suspect) return GALAGO_OK;
    galago_status s = n ? set_three(mean, false, "clip.vision.image_mean", p->mean, e) : GALAGO_OK;
    if (!s && m) s = set_three(std, true, "clip.vision.image_std", p->std, e);
    return s;
}

galago_status weights_preprocess(const weights *w, preprocess_params *p, error *e)
{
    if (w->format == WEIGHTS_SYNTHETIC) return GALAGO_OK;
    galago_status s;
    if (w->format == WEIGHTS_GGUF) {
        s = preprocess_from_gguf(w, p, e);
    } else {
        arena a = {0};
        const char *path = path_join(&a, w->folder, "preprocessor_config.json");
        const json *root = NULL;
        filemap map = {0};
        s = path ? GALAGO_OK : fail(e, GALAGO_ERR_MEMORY, "not enough memory");
        if (!s && file_exists(path)) {
            s = filemap_open(path, &map, e);
            if (!s && (s = json_parse(&a, (const char *)map.data, map.size, &root, e)))
                fail_prefix(e, "preprocessor_config.json");
            if (!s) s = preprocess_from_json(root, p, e);
        }
        filemap_close(&map);
        arena_free(&a);
    }
    if (!s && p->min_pixels > p->max_pixels)
        s = fail(e, GALAGO_ERR_FORMAT, "the smallest picture (%llu pixels) is larger than the largest (%llu)",
                 (unsigned long long)p->min_pixels, (unsigned long long)p->max_pixels);
    return s;
}
