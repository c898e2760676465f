/* libFuzzer: any bytes as a GGUF file; what opens is read through every call that takes an opened file. */
#include "base/error.h"
#include "model/config.h"
#include "weights/weights_impl.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Touches the first and the last block of a tensor. */
static void touch(const weights *w, const weight *t)
{
    float values[256];
    const dtype_info *info = dtype_get(t->type);
    if (!info->name || t->type == DTYPE_I32 || !t->bytes) return;
    size_t n = t->bytes / info->block_bytes * info->block_values;
    weights_read(w, t, 0, info->block_values, values);
    weights_read(w, t, n - info->block_values, info->block_values, values);
    weights_release(w, t);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    /* An allocation of exactly this size, so that reading one byte beyond it is seen. */
    uint8_t *exact = malloc(size ? size : 1);
    if (!exact) return 0;
    if (size) memcpy(exact, data, size);
    error e = {0};
    weights *w;
    galago_status s = weights_open_memory("fuzz.gguf", exact, size, &w, &e);
    if ((s != GALAGO_OK) != (e.message[0] != 0)) abort();
    if (!s) {
        double numbers[4];
        size_t text_size;
        for (size_t i = 0; i < weights_count(w); i++) {
            const weight *t = weights_at(w, i);
            if (weights_find(w, t->name) != t) abort();
            touch(w, t);
        }
        weights_key_array(w, "qwen35.rope.dimension_sections", numbers, 4);
        weights_key_u64(w, "general.file_type", 0);
        weights_chat_template(w, &text_size);
        tokenizer *t = NULL;
        error_clear(&e);
        if (!weights_tokenizer(w, 1 << 20, &t, &e)) tokenizer_destroy(t);
        model_config config;
        error_clear(&e);
        if (model_config_read(w, &config, &e) && !e.message[0]) abort();
    }
    weights_close(w);
    free(exact);
    return 0;
}
