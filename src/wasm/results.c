#include "wasm/results.h"

#include "base/json.h"
#include <string.h>

static void key(buf *b, const char *name)
{
    char last = b->size ? b->data[b->size - 1] : '{';
    if (last != '{' && last != '[') buf_str(b, ",");
    buf_str(b, "\"");
    buf_str(b, name);
    buf_str(b, "\":");
}

static void number(buf *b, const char *name, double v)
{
    key(b, name);
    json_write_number(b, v);
}

static void text(buf *b, const char *name, const char *v, size_t size)
{
    key(b, name);
    json_write_string(b, v, size);
}

static void boolean(buf *b, const char *name, bool v)
{
    key(b, name);
    buf_str(b, v ? "true" : "false");
}

void write_model_info(buf *b, const galago_model_info *i, const char *description)
{
    buf_str(b, "{");
    text(b, "name", i->name, strlen(i->name));
    text(b, "device", i->device, strlen(i->device));
    text(b, "device_note", i->device_note, strlen(i->device_note));
    number(b, "n_params", (double)i->n_params);
    number(b, "weights_bytes", (double)i->weights_bytes);
    number(b, "n_layers", i->n_layers);
    number(b, "d_model", i->d_model);
    number(b, "n_vocab", i->n_vocab);
    number(b, "max_context", i->max_context);
    number(b, "image_factor", i->image_factor);
    number(b, "min_pixels", (double)i->min_pixels);
    number(b, "max_pixels", (double)i->max_pixels);
    boolean(b, "has_vision", i->has_vision);
    boolean(b, "has_mtp", i->has_mtp);
    number(b, "load_ms", i->load_ms);
    /* Both are objects: the second one's members follow the first one's. */
    buf_str(b, ",");
    buf_str(b, description + 1);
}

void write_ids(buf *b, const int32_t *ids, size_t n)
{
    buf_str(b, "[");
    for (size_t i = 0; i < n; i++) buf_printf(b, i ? ",%d" : "%d", (int)ids[i]);
    buf_str(b, "]");
}

static void write_logprobs(buf *b, const galago_result *r)
{
    key(b, "logprobs");
    buf_str(b, "[");
    for (uint32_t i = 0; i < r->completion_tokens; i++) {
        const galago_logprob *best = r->logprobs + (size_t)i * r->n_logprobs;
        buf_str(b, i ? ",[" : "[");
        for (uint32_t k = 0; k < r->n_logprobs && best[k].id >= 0; k++) {
            buf_printf(b, k ? ",[%d," : "[%d,", (int)best[k].id);
            json_write_number(b, (double)best[k].logprob);
            buf_str(b, "]");
        }
        buf_str(b, "]");
    }
    buf_str(b, "]");
}

void write_result(buf *b, const galago_result *r)
{
    static const char *const reasons[] = {"stop", "length", "cancelled"}; /* in the order of galago_finish */
    const char *reason = reasons[r->finish];
    buf_str(b, "{");
    text(b, "text", r->text, r->text_size);
    text(b, "finish_reason", reason, strlen(reason));
    key(b, "token_ids");
    write_ids(b, r->token_ids, r->completion_tokens);
    if (r->n_logprobs) write_logprobs(b, r);
    number(b, "prompt_tokens", r->prompt_tokens);
    number(b, "reused_tokens", r->reused_tokens);
    number(b, "image_tokens", r->image_tokens);
    number(b, "completion_tokens", r->completion_tokens);
    key(b, "timings");
    buf_str(b, "{");
    number(b, "image_ms", r->image_ms);
    number(b, "vision_ms", r->vision_ms);
    number(b, "prefill_ms", r->prefill_ms);
    number(b, "first_token_ms", r->first_token_ms);
    number(b, "decode_ms", r->decode_ms);
    number(b, "decode_tok_s", r->decode_tok_s);
    buf_str(b, "}}");
}

void write_error(buf *b, const galago_error *e)
{
    char code[32] = "";
    strncpy(code, galago_status_name(e->status), sizeof code - 1);
    for (char *c = code; *c; c++)
        if (*c == ' ') *c = '_';
    buf_str(b, "{");
    text(b, "code", code, strlen(code));
    text(b, "message", e->message, strlen(e->message));
    buf_str(b, "}");
}
