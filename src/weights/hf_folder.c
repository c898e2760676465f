/* A model in a Hugging Face folder: config.json, safetensors with or without an index, and the texts beside
 * them. */
#include "weights/weights_impl.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static galago_status no_memory(const char *path, error *e)
{
    return fail(e, GALAGO_ERR_MEMORY, "%s: not enough memory", path);
}

static bool has_suffix(const char *name, const char *end)
{
    size_t n = strlen(name), m = strlen(end);
    return n > m && strcmp(name + n - m, end) == 0;
}

/* Parses a JSON file of the folder; its strings live in the arena. */
static galago_status read_json(arena *a, const char *path, const json **out, error *e)
{
    filemap map;
    *out = NULL;
    galago_status s = filemap_open(path, &map, e);
    if (s) return s;
    s = json_parse(a, (const char *)map.data, map.size, out, e);
    if (s) fail_prefix(e, path);
    filemap_close(&map);
    return s;
}

/* ---- tensors ---- */

static galago_status add_shard(weights *w, const char *path, error *e)
{
    uint32_t file;
    galago_status s = weights_open_file(w, path, &file, e);
    return s ? s : safetensors_parse(w, file, e);
}

/* Opens the files that the index names, each once, and checks that every tensor is where the index says. */
static galago_status open_index(weights *w, const char *folder, const char *path, error *e)
{
    const json *index;
    galago_status s = read_json(&w->memory, path, &index, e);
    if (s) return s;
    const json *map = json_get(index, "weight_map");
    if (!map || map->type != JSON_OBJECT) return fail(e, GALAGO_ERR_FORMAT, "%s: has no weight_map", path);
    if (!map->u.list.count) return fail(e, GALAGO_ERR_FORMAT, "%s: its weight_map is empty", path);
    for (const json *m = map->u.list.first; m; m = m->next) {
        const char *name = json_string(m, "");
        if (!name[0] || strchr(name, '/') || name[0] == '.' || strlen(name) != m->u.string.size)
            return fail(e, GALAGO_ERR_FORMAT, "%s: tensor %.100s is not in a file of this folder", path,
                        m->key);
        bool open = false;
        for (uint32_t i = 0; i < w->n_files && !open; i++)
            open = strcmp(path_name(w->files[i].path), name) == 0;
        if (open) continue;
        const char *shard = path_join(&w->memory, folder, name);
        if (!shard) return no_memory(path, e);
        if ((s = add_shard(w, shard, e))) return s;
    }
    for (const json *m = map->u.list.first; m; m = m->next) {
        const weight *t = weights_find(w, m->key);
        if (!t || strcmp(path_name(w->files[t->file].path), json_string(m, "")))
            return fail(e, GALAGO_ERR_FORMAT, "%s: tensor %.100s is not in %.100s", path, m->key,
                        json_string(m, ""));
    }
    return GALAGO_OK;
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Without an index: all safetensors files of the folder in the order of their names. */
static galago_status open_shards(weights *w, const char *folder, error *e)
{
    enum { MAX_SHARDS = 1000 };
    const char **names = arena_array(&w->memory, MAX_SHARDS, sizeof *names);
    if (!names) return no_memory(folder, e);
    size_t n = 0;
    folder_entries *d = folder_open(folder);
    if (!d) return fail(e, GALAGO_ERR_IO, "%s: the folder cannot be listed", folder);
    galago_status s = GALAGO_OK;
    const char *index = NULL;
    for (const char *name; !s && (name = folder_next(d));) {
        bool is_index = has_suffix(name, ".safetensors.index.json");
        if (name[0] == '.' || (!is_index && !has_suffix(name, ".safetensors"))) continue;
        const char *path = path_join(&w->memory, folder, name);
        if (!path)
            s = no_memory(folder, e);
        else if (is_index && index)
            s = fail(e, GALAGO_ERR_FORMAT, "%s: there are two indexes, %.80s and %.80s", folder,
                     path_name(index), name);
        else if (is_index)
            index = path;
        else if (n == MAX_SHARDS)
            s = fail(e, GALAGO_ERR_FORMAT, "%s: more than %d safetensors files", folder, MAX_SHARDS);
        else
            names[n++] = path;
    }
    folder_close(d);
    if (s) return s;
    if (index) return open_index(w, folder, index, e);
    if (!n)
        return fail(e, GALAGO_ERR_IO,
                    "%s: holds no *.safetensors file; a model folder has config.json and at least one",
                    folder);
    qsort(names, n, sizeof *names, compare_names);
    for (size_t i = 0; i < n && !s; i++) s = add_shard(w, names[i], e);
    return s;
}

/* ---- the chat template ---- */

static galago_status keep_template(weights *w, const char *bytes, size_t size, error *e)
{
    w->chat_template = malloc(size + 1);
    if (!w->chat_template) return no_memory(w->folder, e);
    if (size) memcpy(w->chat_template, bytes, size);
    w->chat_template[size] = 0;
    w->chat_template_size = size;
    return GALAGO_OK;
}

/* A string, or a list of {"name", "template"} of which the default counts. */
static const json *template_in(const json *root)
{
    const json *v = json_get(root, "chat_template");
    if (v && v->type == JSON_STRING) return v;
    if (v && v->type == JSON_ARRAY)
        for (const json *item = v->u.list.first; item; item = item->next)
            if (strcmp(json_string(json_get(item, "name"), ""), "default") == 0 &&
                json_string(json_get(item, "template"), NULL))
                return json_get(item, "template");
    return NULL;
}

static galago_status read_template(weights *w, error *e)
{
    static const char *const places[] = {"chat_template.jinja", "chat_template.json",
                                         "tokenizer_config.json"};
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        const char *path = path_join(&w->memory, w->folder, places[i]);
        if (!path) return no_memory(w->folder, e);
        if (!file_exists(path)) continue;
        galago_status s;
        if (i == 0) {
            filemap map;
            if ((s = filemap_open(path, &map, e))) return s;
            s = keep_template(w, (const char *)map.data, map.size, e);
            filemap_close(&map);
            return s;
        }
        arena scratch = {0};
        const json *root, *text = NULL;
        s = read_json(&scratch, path, &root, e);
        if (!s && (text = template_in(root)))
            s = keep_template(w, text->u.string.bytes, text->u.string.size, e);
        arena_free(&scratch);
        if (s || text) return s;
    }
    return GALAGO_OK;
}

galago_status hf_folder_open(weights *w, const char *folder, const char *only, error *e)
{
    w->format = WEIGHTS_HF;
    w->folder = arena_string(&w->memory, folder, strlen(folder));
    const char *config = path_join(&w->memory, folder, "config.json");
    if (!w->folder || !config) return no_memory(folder, e);
    galago_status s = read_json(&w->memory, config, &w->config, e);
    if (s) return s;
    if (w->config->type != JSON_OBJECT) return fail(e, GALAGO_ERR_FORMAT, "%s: is not a JSON object", config);
    s = only ? add_shard(w, only, e) : open_shards(w, folder, e);
    return s ? s : read_template(w, e);
}
