#include "engine/prompt.h"

#include <stdlib.h>
#include <string.h>

static const char MARKER[] = "<image>";

static size_t count_markers(const char *text)
{
    size_t n = 0;
    for (const char *p = text; (p = strstr(p, MARKER)); p += sizeof MARKER - 1) n++;
    return n;
}

static const char *text_of(const galago_message *m) { return m->text ? m->text : ""; }

static bool is_blank(const char *s) { return s[strspn(s, " \t\r\n\f\v")] == 0; }

/* Parts of one message: the images first, or where the markers stand. `parts` has room for 2 * n_images + 1.
 */
static galago_status split_message(const galago_message *m, size_t index, chat_part *parts, size_t *n_parts,
                                   error *e)
{
    const char *text = text_of(m);
    size_t markers = m->inline_images ? count_markers(text) : 0, n = 0;
    if (markers && markers != m->n_images)
        return fail(e, GALAGO_ERR_ARGUMENT, "message %zu has %zu <image> marker%s for %zu image%s", index + 1,
                    markers, markers == 1 ? "" : "s", m->n_images, m->n_images == 1 ? "" : "s");
    if (!markers)
        for (size_t i = 0; i < m->n_images; i++) parts[n++] = (chat_part){.kind = PART_IMAGE};
    for (size_t i = 0; i < markers; i++) {
        const char *at = strstr(text, MARKER);
        if (at > text) parts[n++] = (chat_part){PART_TEXT, text, (size_t)(at - text)};
        parts[n++] = (chat_part){.kind = PART_IMAGE};
        text = at + sizeof MARKER - 1;
    }
    if (*text) parts[n++] = (chat_part){PART_TEXT, text, strlen(text)};
    *n_parts = n;
    return GALAGO_OK;
}

static galago_status encode_messages(const galago_model *m, const galago_message *messages, size_t n,
                                     bool think, token_list *ids, size_t *history_end, error *e)
{
    const galago_message *last = &messages[n - 1];
    if (last->role != GALAGO_ROLE_USER)
        return fail(e, GALAGO_ERR_ARGUMENT,
                    "the last message must be the user's: there is nothing to answer");
    if (!last->n_images && is_blank(text_of(last)))
        return fail(e, GALAGO_ERR_ARGUMENT, "the prompt is empty: give it a text or an image");
    size_t n_parts = 0;
    for (size_t i = 0; i < n; i++) n_parts += 2 * messages[i].n_images + 1;
    chat_part *parts = calloc(n_parts, sizeof *parts);
    chat_message *list = calloc(n, sizeof *list);
    galago_status s = GALAGO_OK;
    if (!parts || !list) s = fail(e, GALAGO_ERR_MEMORY, "not enough memory for %zu messages", n);
    for (size_t i = 0, at = 0; i < n && !s; i++) {
        size_t used = 0;
        s = split_message(&messages[i], i, parts + at, &used, e);
        if (!s) list[i] = (chat_message){messages[i].role, parts + at, used};
        at += 2 * messages[i].n_images + 1;
    }
    const chat_options options = {.think = think};
    if (!s) s = chat_encode(m->tokenizer, config_of(m)->chat, list, n, &options, ids, NULL, history_end, e);
    free(list);
    free(parts);
    return s;
}

static galago_status encode_raw(const galago_model *m, const galago_message *messages, size_t n,
                                token_list *ids, error *e)
{
    const char *text = text_of(&messages[0]);
    if (n != 1) return fail(e, GALAGO_ERR_ARGUMENT, "raw text is one message, not %zu", n);
    if (!*text) return fail(e, GALAGO_ERR_ARGUMENT, "the prompt is empty: give it a text");
    return tokenizer_encode(m->tokenizer, text, strlen(text), ENCODE_TRUSTED, ids, e);
}

/* The pictures in order, with their sizes and hashes. */
static galago_status gather_images(const model_config *c, const galago_message *messages, size_t n, prompt *p,
                                   error *e)
{
    size_t total = 0, at = 0;
    for (size_t i = 0; i < n; i++) {
        if (messages[i].n_images && !messages[i].images)
            return fail(e, GALAGO_ERR_ARGUMENT, "message %zu: %zu images, but no list of them", i + 1,
                        messages[i].n_images);
        total += messages[i].n_images;
    }
    if (!total) return GALAGO_OK;
    if (!c->vision.n_layers)
        return fail(e, GALAGO_ERR_UNSUPPORTED,
                    "this model has no vision part: it cannot look at images (a GGUF model needs "
                    "its mmproj file)");
    p->images = calloc(total, sizeof *p->images);
    p->keys = calloc(total, sizeof *p->keys);
    if (!p->images || !p->keys) return fail(e, GALAGO_ERR_MEMORY, "not enough memory for %zu images", total);
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < messages[i].n_images; k++, at++) {
            galago_image *img = messages[i].images[k];
            if (!img) return fail(e, GALAGO_ERR_ARGUMENT, "image %zu is NULL", at + 1);
            uint32_t height, width;
            galago_status s =
                smart_resize(&c->preprocess, img->pixels.height, img->pixels.width, &height, &width, e);
            if (s) return s;
            p->images[at] = img;
            p->keys[at].grid =
                (image_grid){height / c->preprocess.patch_size, width / c->preprocess.patch_size};
            memcpy(p->keys[at].hash, img->hash, sizeof img->hash);
            p->n_images++;
        }
    return GALAGO_OK;
}

galago_status prompt_create(const galago_model *m, const galago_message *messages, size_t n_messages,
                            const galago_generate_params *params, prompt *out, error *e)
{
    *out = (prompt){0};
    const model_config *c = config_of(m);
    if (!n_messages || !messages) return fail(e, GALAGO_ERR_ARGUMENT, "there is no message to answer");
    token_list ids = {0};
    size_t history_end = 0;
    image_grid *grids = NULL;
    galago_status s = gather_images(c, messages, n_messages, out, e);
    if (!s)
        s = params->raw ? encode_raw(m, messages, n_messages, &ids, e)
                        : encode_messages(m, messages, n_messages, params->think, &ids, &history_end, e);
    for (size_t i = 0; i < params->n_answer_ids && !s; i++)
        if (!token_list_push(&ids, params->answer_ids[i])) s = fail(e, GALAGO_ERR_MEMORY, "not enough memory for the answer so far");
    if (!s && !(grids = malloc((out->n_images + 1) * sizeof *grids)))
        s = fail(e, GALAGO_ERR_MEMORY, "not enough memory for %zu images", out->n_images);
    if (!s) {
        for (size_t i = 0; i < out->n_images; i++) grids[i] = out->keys[i].grid;
        s = layout_prompt(c, ids.ids, ids.count, grids, out->n_images, &out->layout, e);
    }
    if (!s) {
        /* The place in the ids becomes a place in the layout: each picture before it grew from one id. */
        out->history_end = history_end;
        for (size_t k = 0; k < out->layout.n_spans && out->layout.spans[k].first < out->history_end; k++)
            out->history_end += out->layout.spans[k].count - 1;
    } else {
        prompt_destroy(out);
    }
    free(grids);
    token_list_free(&ids);
    return s;
}

void prompt_destroy(prompt *p)
{
    layout_free(&p->layout);
    free(p->images);
    free(p->keys);
    *p = (prompt){0};
}
