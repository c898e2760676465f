/* galago_convert(): a model of any source as a standard GGUF pair. Both files appear, or none. */
#include "convert/convert.h"

#include "engine/engine.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static galago_status read_type(const char *name, dtype otherwise, const char *what, dtype *out, error *e)
{
    *out = otherwise;
    if (!name) return GALAGO_OK;
    if (!dtype_by_name(name, out) || *out == DTYPE_I32)
        return fail(e, GALAGO_ERR_ARGUMENT,
                    "%s \"%.40s\" is not a type to convert to; f32, f16, bf16, q8_0, q4_0, q4_1, q4_k, q5_k "
                    "and q6_k are",
                    what, name);
    return GALAGO_OK;
}

static galago_status read_types(const galago_convert_params *p, convert_types *t, error *e)
{
    galago_status s = read_type(p->dtype, DTYPE_F16, "dtype", &t->base, e);
    if (s) return s;
    bool four_or_five_bits =
        t->base == DTYPE_Q4_0 || t->base == DTYPE_Q4_1 || t->base == DTYPE_Q4_K || t->base == DTYPE_Q5_K;
    bool quantised = dtype_get(t->base)->block_values > 1;
    if ((s = read_type(p->embed_dtype, four_or_five_bits ? DTYPE_Q6_K : t->base, "embed_dtype", &t->embed,
                       e)))
        return s;
    return read_type(p->vision_dtype, quantised ? DTYPE_Q8_0 : DTYPE_F16, "vision_dtype", &t->vision, e);
}

/* "dir/name.gguf" and "dir/mmproj-name.gguf"; malloc'ed. */
static bool name_files(const char *out_path, char *paths[2])
{
    size_t n = strlen(out_path);
    bool has_end = n > 5 && strcmp(out_path + n - 5, ".gguf") == 0;
    const char *slash = strrchr(out_path, '/'), *base = slash ? slash + 1 : out_path,
               *end = has_end ? "" : ".gguf";
    for (int i = 0; i < 2; i++)
        if ((paths[i] = malloc(n + 16)))
            snprintf(paths[i], n + 16, "%.*s%s%s%s", (int)(base - out_path), out_path, i ? "mmproj-" : "",
                     base, end);
    return paths[0] && paths[1];
}

/* *total: bytes of the source, for the progress. */
static void declare_all(gguf_writer *const files[2], const conversion_list *l, double *total)
{
    *total = 0;
    for (size_t i = 0; i < l->count; i++) {
        const conversion *c = &l->items[i];
        gguf_declare(files[c->vision], c->name, c->type, c->n_dims, c->shape);
        *total += (double)c->src->bytes;
    }
}

typedef struct job {
    weights *w;
    tokenizer *t;
    model_config config;
    convert_types types;
    conversion_list list;
    char *paths[2];
    gguf_writer *files[2]; /* text, vision (NULL when the model has no eyes) */
} job;

static galago_status open_source(job *j, const char *source, const galago_convert_params *p, error *e)
{
    galago_status s = weights_open(source, p->mmproj, &j->w, e);
    if (s) return s;
    s = model_config_read(j->w, &j->config, e);
    if (!s) s = weights_tokenizer(j->w, j->config.text.n_vocab, &j->t, e);
    if (!s) s = model_config_find_ids(&j->config, j->t, e);
    if (!s) s = plan_tensors(j->w, &j->config, &j->types, p->drop_mtp, &j->list, e);
    if (s) fail_prefix(e, source);
    return s;
}

static galago_status write_files(job *j, const char *source, const galago_convert_params *p, error *e)
{
    bool sees = j->config.vision.n_layers > 0;
    galago_status s = GALAGO_OK;
    double total;
    for (int i = 0; i < 1 + sees && !s; i++) s = gguf_writer_create(j->paths[i], &j->files[i], e);
    if (!s) s = put_text_keys(j->files[0], j->w, &j->config, j->t, source, &j->types, p->drop_mtp, e);
    if (s) return s;
    if (sees) put_vision_keys(j->files[1], j->w, &j->config, source, &j->types);
    declare_all(j->files, &j->list, &total);
    for (int i = 0; i < 1 + sees && !s; i++) s = gguf_writer_begin_data(j->files[i], e);
    convert_progress progress = {.call = p->progress, .user = p->progress_user, .total = total};
    for (size_t i = 0; i < j->list.count && !s; i++)
        s = write_tensor(j->files[j->list.items[i].vision], j->w, &j->list.items[i], &progress, e);
    for (int i = 0; i < 1 + sees && !s; i++) s = gguf_writer_finish(j->files[i], e);
    if (!s) s = gguf_writer_publish(j->files[0], e);
    if (!s && sees && (s = gguf_writer_publish(j->files[1], e))) gguf_writer_withdraw(j->files[0]);
    return s;
}

galago_status galago_convert(const char *source, const char *out_path, const galago_convert_params *params,
                             galago_error *e)
{
    error_clear(e);
    error own = {0};
    const galago_convert_params none = {0};
    const galago_convert_params *p = params ? params : &none;
    job j = {0};
    char *demo = NULL;
    if (!e) e = &own;
    galago_status s;
    if (!source || !source[0] || !out_path || !out_path[0])
        return fail(e, GALAGO_ERR_ARGUMENT, "convert needs a source and a name for the result");
    if ((s = read_types(p, &j.types, e))) return s;
    if (!name_files(out_path, j.paths))
        s = fail(e, GALAGO_ERR_MEMORY, "not enough memory");
    else if (strcmp(source, "demo") == 0)
        s = locate_demo(&demo, e);
    if (!s) s = open_source(&j, demo ? demo : source, p, e);
    if (!s) s = write_files(&j, source, p, e);
    for (int i = 0; i < 2; i++) {
        gguf_writer_destroy(j.files[i]);
        free(j.paths[i]);
    }
    free(j.list.items);
    free(demo);
    tokenizer_destroy(j.t);
    weights_close(j.w);
    return s;
}
