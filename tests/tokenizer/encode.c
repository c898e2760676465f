/* Ids of texts, for comparison with another implementation.
 *     encode TOKENIZER.json user|trusted < texts > ids
 * stdin: for each text its length (4 bytes, little endian) and its bytes. stdout: a line of ids for each. */
#include "text/tokenizer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char *read_all(FILE *f, size_t *size)
{
    buf b = {0};
    for (size_t n = 1; n;) {
        if (!buf_reserve(&b, 1 << 16)) return NULL;
        n = fread(b.data + b.size, 1, 1 << 16, f);
        b.size += n;
    }
    *size = b.size;
    return b.data;
}

int main(int argc, char **argv)
{
    FILE *f = argc == 3 ? fopen(argv[1], "rb") : NULL;
    if (!f) return fprintf(stderr, "usage: encode TOKENIZER.json user|trusted < texts\n"), 2;
    size_t n_json, n_text;
    char *json = read_all(f, &n_json), *text = read_all(stdin, &n_text);
    fclose(f);
    if (!json || !text) return fprintf(stderr, "encode: not enough memory\n"), 1;
    error e = {0};
    tokenizer *t;
    if (tokenizer_from_json(json, n_json, SIZE_MAX, &t, &e))
        return fprintf(stderr, "encode: %s\n", e.message), 1;
    free(json);
    encode_mode mode = strcmp(argv[2], "trusted") == 0 ? ENCODE_TRUSTED : ENCODE_USER;
    token_list ids = {0};
    for (size_t at = 0; n_text - at >= 4;) {
        const unsigned char *p = (const unsigned char *)text + at;
        size_t size = p[0] | (size_t)p[1] << 8 | (size_t)p[2] << 16 | (size_t)p[3] << 24;
        if (size > n_text - at - 4) return fprintf(stderr, "encode: text cut short\n"), 1;
        ids.count = 0;
        if (tokenizer_encode(t, text + at + 4, size, mode, &ids, &e))
            return fprintf(stderr, "encode: %s\n", e.message), 1;
        for (size_t i = 0; i < ids.count; i++) printf(i ? " %d" : "%d", ids.ids[i]);
        putchar('\n');
        at += 4 + size;
    }
    token_list_free(&ids);
    tokenizer_destroy(t);
    free(text);
    return 0;
}
