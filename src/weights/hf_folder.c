/* A Hugging Face folder: config.json, safetensors with or without an index, tokenizer and preprocessor files. */
#include "weights/internal.h"

#include <dirent.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Maps folder/name; false (and no error) when the file is not there. The path is left in `path`. */
static galago_status map_file(const char *folder, const char *name, filemap *out, bool *found, buf *path, error *e)
{
    path->size = 0;
    buf_printf(path, "%s/%s", folder, name);
    *found = false;
    if (path->failed) return fail(e, GALAGO_ERR_MEMORY, "not enough memory");
    if (access(path->data, F_OK) != 0) return GALAGO_OK;
    galago_status s = filemap_open(path->data, out, e);
    *found = !s;
    return s;
}

/* Parses folder/name into the model's memory; *out stays NULL when the file is not there. */
static galago_status read_json(weights *w, const char *folder, const char *name, const json **out, error *e)
{
    buf path = {0};
    filemap f = {0};
    bool found;
    galago_status s = map_file(folder, name, &f, &found, &path, e);
    if (!s && found) {
        if ((s = json_parse(&w->memory, f.data ? (const char *)f.data : "", f.size, out, e))) fail_prefix(e, path.data);
        filemap_close(&f);
    }
    buf_free(&path);
    return s;
}

static galago_status open_safetensors(weights *w, const char *folder, const char *name, error *e)
{
    buf path = {0};
    uint32_t index;
    buf_printf(&path, "%s/%s", folder, name);
    galago_status s = path.failed ? fail(e, GALAGO_ERR_MEMORY, "not enough memory") : weights_map(w, path.data, &index, e);
    if (!s && (s = safetensors_read(w, index, e))) fail_prefix(e, path.data);
    buf_free(&path);
    return s;
}

static int compare_names(const void *a, const void *b) { return strcmp(*(const char *const *)a, *(const char *const *)b); }

/* The files that the index names, each once. */
static galago_status open_index(weights *w, const char *folder, const json *index, const char *name, error *e)
{
    const json *map = json_get(index, "weight_map");
    if (!map || map->type != JSON_OBJECT || !map->u.list.count) return fail(e, GALAGO_ERR_FORMAT, "%s/%s: has no weight_map", folder, name);
    size_t n = 0;
    const char **files = malloc(map->u.list.count * sizeof *files);
    if (!files) return fail(e, GALAGO_ERR_MEMORY, "not enough memory");
    galago_status s = GALAGO_OK;
    for (const json *m = map->u.list.first; m && !s; m = m->next) {
        const char *file = json_string(m, "");
        if (!*file || strchr(file, '/')) s = fail(e, GALAGO_ERR_FORMAT, "%s/%s: \"%.60s\" is not a file of the folder", folder, name, file);
        files[n++] = file;
    }
    if (!s) qsort(files, n, sizeof *files, compare_names);
    for (size_t i = 0; i < n && !s; i++)
        if (!i || strcmp(files[i], files[i - 1]) != 0) s = open_safetensors(w, folder, files[i], e);
    free(files);
    return s;
}

static bool ends_with(const char *s, const char *end)
{
    size_t n = strlen(s), m = strlen(end);
    return n >= m && strcmp(s + n - m, end) == 0;
}

/* Name of the one file with this ending; an error when there are several. */
static galago_status find_only(const char *folder, const char *ending, buf *name, error *e)
{
    DIR *d = opendir(folder);
    size_t n = 0;
    if (!d) return fail(e, GALAGO_ERR_IO, "%s: cannot be read", folder);
    for (struct dirent *entry; (entry = readdir(d));) {
        if (!ends_with(entry->d_name, ending)) continue;
        n++;
        name->size = 0;
        buf_str(name, entry->d_name);
    }
    closedir(d);
    if (n > 1) return fail(e, GALAGO_ERR_FORMAT, "%s: %zu files end in %s and no index tells them apart", folder, n, ending);
    if (name->failed) return fail(e, GALAGO_ERR_MEMORY, "not enough memory");
    return GALAGO_OK;
}

static galago_status open_weights(weights *w, const char *folder, error *e)
{
    buf name = {0};
    const json *index = NULL;
    galago_status s = find_only(folder, ".safetensors.index.json", &name, e);
    if (!s && name.size) {
        s = read_json(w, folder, name.data, &index, e);
        if (!s) s = open_index(w, folder, index, name.data, e);
    } else if (!s && !(s = find_only(folder, ".safetensors", &name, e))) {
        s = name.size ? open_safetensors(w, folder, name.data, e)
                      : fail(e, GALAGO_ERR_IO, "%s: holds no *.safetensors file", folder);
    }
    buf_free(&name);
    return s;
}

/* chat_template.jinja, or the field of tokenizer_config.json. */
static galago_status read_chat_template(weights *w, const char *folder, error *e)
{
    buf path = {0};
    filemap f = {0};
    bool found;
    galago_status s = map_file(folder, "chat_template.jinja", &f, &found, &path, e);
    buf_free(&path);
    if (s) return s;
    if (found) {
        w->chat_template = arena_string(&w->memory, f.data ? (const char *)f.data : "", f.size);
        w->chat_template_size = f.size;
        filemap_close(&f);
        return w->chat_template ? GALAGO_OK : fail(e, GALAGO_ERR_MEMORY, "not enough memory");
    }
    const json *config = NULL;
    if ((s = read_json(w, folder, "tokenizer_config.json", &config, e))) return s;
    const json *template = json_get(config, "chat_template");
    if (template && template->type == JSON_STRING) {
        w->chat_template = template->u.string.bytes;
        w->chat_template_size = template->u.string.size;
    }
    return GALAGO_OK;
}

galago_status hf_folder_open(weights *w, const char *folder, error *e)
{
    w->format = WEIGHTS_HF;
    w->folder = arena_string(&w->memory, folder, strlen(folder));
    if (!w->folder) return fail(e, GALAGO_ERR_MEMORY, "not enough memory");
    galago_status s = read_json(w, folder, "config.json", &w->config, e);
    if (!s && !w->config)
        s = fail(e, GALAGO_ERR_IO, "%s: holds no config.json: it is no Hugging Face model folder (a GGUF model is given by its file)", folder);
    if (!s) s = read_json(w, folder, "preprocessor_config.json", &w->preprocessor, e);
    if (!s) s = read_chat_template(w, folder, e);
    return s ? s : open_weights(w, folder, e);
}

/* ---- tokenizer ---- */

static galago_status folder_tokenizer(const weights *w, size_t n_vocab, tokenizer **out, error *e)
{
    buf path = {0};
    filemap f = {0}, vocab = {0}, merges = {0}, config = {0};
    bool found, has_merges = false, has_config;
    galago_status s = map_file(w->folder, "tokenizer.json", &f, &found, &path, e);
    if (!s && found) {
        if ((s = tokenizer_from_json(f.data ? (const char *)f.data : "", f.size, n_vocab, out, e))) fail_prefix(e, path.data);
        filemap_close(&f);
    } else if (!s) {
        s = map_file(w->folder, "vocab.json", &vocab, &found, &path, e);
        if (!s) s = map_file(w->folder, "merges.txt", &merges, &has_merges, &path, e);
        if (!s) s = map_file(w->folder, "tokenizer_config.json", &config, &has_config, &path, e);
        if (!s && (!found || !has_merges))
            s = fail(e, GALAGO_ERR_IO, "%s: holds neither tokenizer.json nor vocab.json and merges.txt", w->folder);
        if (!s && (s = tokenizer_from_vocab_merges((const char *)vocab.data, vocab.size, (const char *)merges.data, merges.size,
                                                   (const char *)config.data, config.size, n_vocab, out, e)))
            fail_prefix(e, w->folder);
        filemap_close(&vocab);
        filemap_close(&merges);
        filemap_close(&config);
    }
    buf_free(&path);
    return s;
}

/* tokenizer.ggml.*: token types 1 normal, 3 control, 4 user-defined, 5 unused, 6 byte. */
static galago_status gguf_tokenizer(const weights *w, size_t n_vocab, tokenizer **out, error *e)
{
    const char *model = weights_key_string(w, "tokenizer.ggml.model", "missing"), *pre = weights_key_string(w, "tokenizer.ggml.pre", "missing");
    if (strcmp(model, "gpt2") != 0)
        return fail(e, GALAGO_ERR_UNSUPPORTED, "tokenizer.ggml.model: \"%.40s\" is not supported (gpt2 is)", model);
    if (strcmp(pre, "qwen2") && strcmp(pre, "qwen35"))
        return fail(e, GALAGO_ERR_UNSUPPORTED, "tokenizer.ggml.pre: \"%.40s\" is not supported (qwen2 and qwen35 are)", pre);
    gguf_strings list;
    if (!gguf_strings_begin(w, "tokenizer.ggml.tokens", &list)) return fail(e, GALAGO_ERR_FORMAT, "tokenizer.ggml.tokens: missing");
    size_t n_tokens = (size_t)list.left;
    if (!n_tokens || n_tokens > n_vocab)
        return fail(e, GALAGO_ERR_FORMAT, "tokenizer.ggml.tokens: %zu tokens for %zu rows of the embedding", n_tokens, n_vocab);
    size_t n_types = weights_key_array(w, "tokenizer.ggml.token_type", NULL, 0);
    if (n_types && n_types != n_tokens)
        return fail(e, GALAGO_ERR_FORMAT, "tokenizer.ggml.token_type: %zu types for %zu tokens", n_types, n_tokens);

    token_source *tokens = calloc(n_tokens, sizeof *tokens);
    double *types = calloc(n_tokens, sizeof *types);
    merge_source *merges = NULL;
    size_t n_merges = 0;
    galago_status s = tokens && types ? GALAGO_OK : fail(e, GALAGO_ERR_MEMORY, "not enough memory for %zu tokens", n_tokens);
    if (!s) weights_key_array(w, "tokenizer.ggml.token_type", types, n_tokens);
    for (size_t i = 0; i < n_tokens && !s; i++) {
        size_t size;
        gguf_strings_next(&list, &tokens[i].bytes, &size);
        if (size > UINT32_MAX) s = fail(e, GALAGO_ERR_FORMAT, "tokenizer.ggml.tokens[%zu]: %zu bytes", i, size);
        tokens[i].size = (uint32_t)size;
        int type = n_types ? (int)types[i] : 1;
        tokens[i].kind = type == 3 ? TOKEN_CONTROL : type == 4 ? TOKEN_ADDED : type == 5 ? TOKEN_UNUSED : TOKEN_NORMAL;
    }
    if (!s && gguf_strings_begin(w, "tokenizer.ggml.merges", &list) && list.left) {
        n_merges = (size_t)list.left;
        if (!(merges = calloc(n_merges, sizeof *merges))) s = fail(e, GALAGO_ERR_MEMORY, "not enough memory for %zu merges", n_merges);
        for (size_t i = 0; i < n_merges && !s; i++) {
            const char *bytes = NULL;
            size_t size = 0;
            gguf_strings_next(&list, &bytes, &size);
            const char *space = size ? memchr(bytes + 1, ' ', size - 1) : NULL; /* no side is empty */
            if (!space || size > UINT32_MAX || space + 1 == bytes + size) {
                s = fail(e, GALAGO_ERR_FORMAT, "tokenizer.ggml.merges[%zu]: is not two parts with a space between", i);
                break;
            }
            merges[i] = (merge_source){bytes, (uint32_t)size, (uint32_t)(space - bytes), space + 1, (uint32_t)(bytes + size - space - 1)};
        }
    }
    const tokenizer_source source = {tokens, n_tokens, merges, n_merges, strcmp(pre, "qwen2") ? PRETOKENIZER_QWEN35 : PRETOKENIZER_QWEN2};
    if (!s) s = tokenizer_create(&source, out, e);
    free(tokens);
    free(types);
    free(merges);
    return s;
}

galago_status weights_tokenizer(const weights *w, size_t n_vocab, tokenizer **out, error *e)
{
    *out = NULL;
    switch (w->format) {
    case WEIGHTS_HF: return folder_tokenizer(w, n_vocab, out, e);
    case WEIGHTS_GGUF: return gguf_tokenizer(w, n_vocab, out, e);
    case WEIGHTS_SYNTHETIC: return tokenizer_create_bytes(out, e);
    }
    return fail(e, GALAGO_ERR_INTERNAL, "no tokenizer");
}

/* ---- preprocessing ---- */

/* An area in pixels: a positive integer below 2^40. */
static galago_status area(const json *v, const char *name, uint64_t *out, error *e)
{
    uint64_t n;
    if (!v || v->type == JSON_NULL) return GALAGO_OK;
    if (!json_u64(v, 1ull << 40, &n) || !n) return fail(e, GALAGO_ERR_FORMAT, "preprocessor_config.json: %s is not an area in pixels", name);
    *out = n;
    return GALAGO_OK;
}

static galago_status three_numbers(const double v[3], size_t n, const char *name, bool positive, float out[3], error *e)
{
    for (size_t i = 0; i < 3; i++) {
        if (n != 3 || !isfinite(v[i]) || fabs(v[i]) > 1e3 || (positive && !(v[i] > 1e-6)))
            return fail(e, GALAGO_ERR_FORMAT, "%s: is not three numbers in range", name);
        out[i] = (float)v[i];
    }
    return GALAGO_OK;
}

static galago_status folder_preprocess(const json *c, preprocess_params *p, error *e)
{
    const struct {
        const char *name;
        uint32_t *out;
    } sizes[] = {{"patch_size", &p->patch_size}, {"merge_size", &p->merge_size}, {"temporal_patch_size", &p->temporal_patch_size}};
    for (size_t i = 0; i < 3; i++) {
        uint64_t v;
        const json *x = json_get(c, sizes[i].name);
        if (!x || x->type == JSON_NULL) continue;
        if (!json_u64(x, 64, &v) || !v) return fail(e, GALAGO_ERR_FORMAT, "preprocessor_config.json: %s is not between 1 and 64", sizes[i].name);
        *sizes[i].out = (uint32_t)v;
    }
    /* The two fields of "size" are areas, despite their names; min_pixels and max_pixels override them. */
    galago_status s = area(json_get(json_get(c, "size"), "shortest_edge"), "size.shortest_edge", &p->min_pixels, e);
    if (!s) s = area(json_get(json_get(c, "size"), "longest_edge"), "size.longest_edge", &p->max_pixels, e);
    if (!s) s = area(json_get(c, "min_pixels"), "min_pixels", &p->min_pixels, e);
    if (!s) s = area(json_get(c, "max_pixels"), "max_pixels", &p->max_pixels, e);
    const char *names[2] = {"image_mean", "image_std"};
    float *outs[2] = {p->mean, p->std};
    for (int k = 0; k < 2 && !s; k++) {
        const json *list = json_get(c, names[k]);
        if (!list || list->type != JSON_ARRAY) continue;
        double v[3] = {NAN, NAN, NAN};
        size_t n = 0;
        for (const json *x = list->u.list.first; x; x = x->next, n++)
            if (n < 3) v[n] = json_number(x, NAN);
        s = three_numbers(v, n, names[k], k == 1, outs[k], e);
    }
    const char *class = json_string(json_get(c, "image_processor_type"), "");
    if (ends_with(class, "Pil")) p->rule = RESAMPLE_PILLOW;
    return s;
}

static galago_status gguf_preprocess(const weights *w, preprocess_params *p, error *e)
{
    double v[3];
    galago_status s = GALAGO_OK;
    const char *names[2] = {"clip.vision.image_mean", "clip.vision.image_std"};
    float *outs[2] = {p->mean, p->std};
    /* A converter that found no preprocessor file wrote CLIP's constants; no Qwen3 tower was trained with them. */
    bool clip = weights_key_array(w, names[0], v, 3) == 3 && fabs(v[0] - 0.48145466) < 1e-4 &&
                strcmp(weights_key_string(w, "clip.projector_type", ""), "qwen3vl_merger") == 0;
    for (int k = 0; k < 2 && !s && !clip; k++) {
        size_t n = weights_key_array(w, names[k], v, 3);
        if (n) s = three_numbers(v, n, names[k], k == 1, outs[k], e);
    }
    p->min_pixels = weights_key_u64(w, "clip.vision.image_min_pixels", p->min_pixels);
    p->max_pixels = weights_key_u64(w, "clip.vision.image_max_pixels", p->max_pixels);
    return s;
}

galago_status weights_preprocess(const weights *w, preprocess_params *p, error *e)
{
    galago_status s = w->format == WEIGHTS_GGUF ? gguf_preprocess(w, p, e) : w->preprocessor ? folder_preprocess(w->preprocessor, p, e) : GALAGO_OK;
    if (s) return s;
    if (!p->min_pixels || p->min_pixels > p->max_pixels || p->max_pixels > 1ull << 40)
        return fail(e, GALAGO_ERR_FORMAT, "image limits of %llu to %llu pixels make no sense", (unsigned long long)p->min_pixels,
                    (unsigned long long)p->max_pixels);
    return GALAGO_OK;
}
