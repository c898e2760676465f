#include "cli.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Two levels of the description as indented lines. */
static void print_object(const json *v, int depth)
{
    for (const json *m = v->u.list.first; m; m = m->next) {
        printf("%*s%-*s", 2 + 2 * depth, "", 26 - 2 * depth, m->key);
        switch (m->type) {
        case JSON_OBJECT:
            printf("\n");
            print_object(m, depth + 1);
            break;
        case JSON_STRING: printf("%s\n", m->u.string.bytes); break;
        case JSON_NUMBER:
            if (strstr(m->key, "bytes")) printf("%.1f MB\n", m->u.number / 1e6);
            else printf("%.10g\n", m->u.number);
            break;
        case JSON_BOOL: printf("%s\n", m->u.boolean ? "yes" : "no"); break;
        case JSON_ARRAY: {
            const char *comma = "";
            for (const json *x = m->u.list.first; x; x = x->next, comma = ", ") {
                if (x->type == JSON_NUMBER) printf("%s%.6g", comma, x->u.number);
                else printf("%s%s", comma, json_string(x, "?"));
            }
            printf("\n");
            break;
        }
        case JSON_NULL: printf("-\n"); break;
        }
    }
}

static void shape_text(const galago_tensor_info *t, char *out, size_t size)
{
    size_t n = 0;
    for (uint32_t d = 0; d < t->n_dims && n < size; d++)
        n += (size_t)snprintf(out + n, size - n, d ? " x %llu" : "%llu", (unsigned long long)t->shape[d]);
}

static void print_tables(const galago_model *m, const galago_model_info *info, const json *description)
{
    printf("%s\n  %-24s  %.1f million\n  %-24s  %.1f MB\n  %-24s  %.0f ms\n", info->name, "parameters", (double)info->n_params / 1e6,
           "weights", (double)info->weights_bytes / 1e6, "loaded in", info->load_ms);
    print_object(description, 0);
    printf("\n%-56s %-6s %-20s %12s\n", "tensor", "type", "shape", "bytes");
    for (size_t i = 0; i < galago_model_n_tensors(m); i++) {
        galago_tensor_info t;
        char shape[96];
        galago_model_get_tensor(m, i, &t);
        shape_text(&t, shape, sizeof shape);
        printf("%-56s %-6s %-20s %12llu\n", t.name, t.dtype, shape, (unsigned long long)t.bytes);
    }
}

static void print_json(const galago_model *m, const galago_model_info *info, const char *description)
{
    buf b = {0};
    buf_str(&b, "{\"model\":");
    json_write_string(&b, info->name, strlen(info->name));
    buf_printf(&b, ",\"parameters\":%llu,\"weights_bytes\":%llu,\"load_ms\":%.3f,\"config\":%s,\"tensors\":[",
               (unsigned long long)info->n_params, (unsigned long long)info->weights_bytes, info->load_ms, description);
    for (size_t i = 0; i < galago_model_n_tensors(m); i++) {
        galago_tensor_info t;
        galago_model_get_tensor(m, i, &t);
        buf_str(&b, i ? ",{\"name\":" : "{\"name\":");
        json_write_string(&b, t.name, strlen(t.name));
        buf_printf(&b, ",\"dtype\":\"%s\",\"shape\":[", t.dtype);
        for (uint32_t d = 0; d < t.n_dims; d++) buf_printf(&b, d ? ",%llu" : "%llu", (unsigned long long)t.shape[d]);
        buf_printf(&b, "],\"bytes\":%llu}", (unsigned long long)t.bytes);
    }
    buf_str(&b, "]}");
    if (!b.failed) printf("%s\n", b.data);
    buf_free(&b);
}

int cmd_inspect(const options *o)
{
    if (o->n_args > 1) return usage_error(o, "one model at a time");
    if (o->n_args && o->model) return usage_error(o, "name the model once: as a word or with --model");
    options named = *o;
    if (o->n_args) named.model = o->args[0];
    cli_session s;
    int status = session_open(&named, &s);
    if (status) return status;
    char *text = NULL;
    galago_error e = {0};
    arena memory = {0};
    const json *description;
    if (galago_model_describe(s.model, o->n_ctx, &text, &e) || json_parse(&memory, text, strlen(text), &description, &e))
        status = report(&e);
    else if (o->json)
        print_json(s.model, &s.info, text);
    else
        print_tables(s.model, &s.info, description);
    galago_free(text);
    arena_free(&memory);
    session_close(&s);
    return status;
}
