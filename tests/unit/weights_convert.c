/*
 * galago_convert() on the tiny models of tests/data/golden: values, types and keys of the result, the
 * tokenizer read back, conversion of a conversion, and that failures leave nothing behind.
 */
#define _GNU_SOURCE
#include "base/quant.h"
#include "check.h"
#include "convert/convert.h"

#include <dirent.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

static char folder[64];

static const char *path_of(const char *name)
{
    static char paths[4][400];
    static int next;
    char *p = paths[next++ % 4];
    snprintf(p, sizeof paths[0], "%s/%s", folder, name);
    return p;
}

/* Files in the folder; all are removed when `remove` is set. */
static int count_files(bool remove)
{
    DIR *d = opendir(folder);
    int n = 0;
    for (struct dirent *entry; d && (entry = readdir(d));) {
        if (entry->d_name[0] == '.') continue;
        n++;
        if (remove) unlink(path_of(entry->d_name));
    }
    if (d) closedir(d);
    return n;
}

static float *read_all(const weights *w, const char *name, size_t *n)
{
    const weight *t = weights_find(w, name);
    CHECK(t, "%s is missing", name);
    *n = 0;
    if (!t) return NULL;
    *n = 1;
    for (uint32_t i = 0; i < t->n_dims; i++) *n *= t->shape[i];
    float *v = malloc(*n * sizeof *v);
    weights_read(w, t, 0, *n, v);
    return v;
}

typedef enum change { SAME, PLUS_ONE, DECAYS } change;

static void expect_values(const weights *hf, const char *hf_name, const weights *gguf, const char *name,
                          change how)
{
    size_t n, m;
    float *a = read_all(hf, hf_name, &n), *b = read_all(gguf, name, &m);
    CHECK(n && n == m, "%s: %zu values, %s %zu", hf_name, n, name, m);
    size_t bad = 0;
    for (size_t i = 0; i < n && n == m; i++) {
        float want = how == PLUS_ONE ? a[i] + 1 : how == DECAYS ? -expf(a[i]) : a[i];
        bad += want != b[i];
    }
    CHECK(bad == 0, "%s: %zu of %zu values differ", name, bad, n);
    free(a);
    free(b);
}

static weights *open_or_fail(const char *path)
{
    weights *w;
    error e = {0};
    CHECK(!weights_open(path, NULL, &w, &e), "%s", e.message);
    return w;
}

/* tiny-a has as many value heads as key heads: nothing moves. */
static void test_equal_heads(void)
{
    galago_error e = {0};
    const galago_convert_params p = {.dtype = "f32"};
    CHECK(!galago_convert("tests/data/golden/tiny-a", path_of("a.gguf"), &p, &e), "%s", e.message);
    weights *hf = open_or_fail("tests/data/golden/tiny-a"), *g = open_or_fail(path_of("a.gguf"));
    static const struct {
        const char *hf, *gguf;
        change how;
    } cases[] = {
        {"model.language_model.layers.0.linear_attn.in_proj_qkv.weight", "blk.0.attn_qkv.weight", SAME},
        {"model.language_model.layers.0.linear_attn.conv1d.weight", "blk.0.ssm_conv1d.weight", SAME},
        {"model.language_model.layers.0.linear_attn.out_proj.weight", "blk.0.ssm_out.weight", SAME},
        {"model.language_model.layers.0.linear_attn.A_log", "blk.0.ssm_a", DECAYS},
        {"model.language_model.layers.0.linear_attn.dt_bias", "blk.0.ssm_dt.bias", SAME},
    };
    for (size_t i = 0; hf && g && i < sizeof cases / sizeof *cases; i++)
        expect_values(hf, cases[i].hf, g, cases[i].gguf, cases[i].how);
    weights_close(hf);
    weights_close(g);
    count_files(true);
}

/* tiny-c has an MTP layer and a tied embedding. */
static void test_values(void)
{
    galago_error e = {0};
    const galago_convert_params p = {.dtype = "f32", .vision_dtype = "f32"};
    CHECK(!galago_convert("tests/data/golden/tiny-c", path_of("c.gguf"), &p, &e), "%s", e.message);
    CHECK(count_files(false) == 2, "%d files", count_files(false));
    weights *hf = open_or_fail("tests/data/golden/tiny-c"), *g = open_or_fail(path_of("c.gguf"));
    if (!hf || !g) return;
    model_config a, b;
    error err = {0};
    CHECK(!model_config_read(hf, &a, &err) && !model_config_read(g, &b, &err), "%s", err.message);
    b.text.tiled_heads = a.text.tiled_heads;
    CHECK(!memcmp(&a.text, &b.text, sizeof a.text), "the text configurations differ");
    CHECK(!memcmp(&a.vision, &b.vision, sizeof a.vision), "the vision configurations differ");
    CHECK(!memcmp(&a.preprocess, &b.preprocess, sizeof a.preprocess), "preprocessing differs");
    static const struct {
        const char *hf, *gguf;
        change how;
    } cases[] = {
        {"model.language_model.embed_tokens.weight", "token_embd.weight", SAME},
        {"model.language_model.norm.weight", "output_norm.weight", PLUS_ONE},
        {"model.language_model.layers.0.input_layernorm.weight", "blk.0.attn_norm.weight", PLUS_ONE},
        {"model.language_model.layers.0.linear_attn.norm.weight", "blk.0.ssm_norm.weight", SAME},
        {"model.language_model.layers.3.self_attn.q_norm.weight", "blk.3.attn_q_norm.weight", PLUS_ONE},
        {"mtp.fc.weight", "blk.8.nextn.eh_proj.weight", SAME},
        {"mtp.pre_fc_norm_embedding.weight", "blk.8.nextn.enorm.weight", PLUS_ONE},
        {"mtp.pre_fc_norm_hidden.weight", "blk.8.nextn.hnorm.weight", PLUS_ONE},
        {"mtp.norm.weight", "blk.8.nextn.shared_head_norm.weight", PLUS_ONE},
        {"mtp.layers.0.mlp.down_proj.weight", "blk.8.ffn_down.weight", SAME},
        {"mtp.layers.0.input_layernorm.weight", "blk.8.attn_norm.weight", PLUS_ONE},
        {"model.visual.pos_embed.weight", "v.position_embd.weight", SAME},
        {"model.visual.blocks.0.attn.qkv.weight", "v.blk.0.attn_qkv.weight", SAME},
        {"model.visual.blocks.0.norm1.weight", "v.blk.0.ln1.weight", SAME},
        {"model.visual.merger.norm.bias", "v.post_ln.bias", SAME},
        {"model.visual.merger.linear_fc2.weight", "mm.2.weight", SAME},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        expect_values(hf, cases[i].hf, g, cases[i].gguf, cases[i].how);
    CHECK(!weights_find(g, "output.weight"), "a tied head is not written");

    /* The patch embedding [Dv, 3, 2, ps, ps] becomes two tensors [Dv, 3, ps, ps]. */
    size_t n, m;
    const weight *slice = weights_find(g, "v.patch_embd.weight");
    float *both = read_all(hf, "model.visual.patch_embed.proj.weight", &n);
    CHECK(slice && slice->n_dims == 4 && slice->shape[1] == 3 && slice->shape[2] == slice->shape[3], "shape");
    for (size_t frame = 0; frame < 2 && slice; frame++) {
        float *one = read_all(g, frame ? "v.patch_embd.weight.1" : "v.patch_embd.weight", &m);
        size_t area = slice->shape[2] * slice->shape[3], bad = 0;
        CHECK(n == 2 * m, "%zu and %zu values", n, m);
        for (size_t i = 0; n == 2 * m && i < m; i++)
            bad += one[i] != both[(i / area * 2 + frame) * area + i % area];
        CHECK(bad == 0, "frame %zu: %zu values differ", frame, bad);
        free(one);
    }
    free(both);

    /* The tokenizer comes back the same. */
    tokenizer *ta = NULL, *tb = NULL;
    CHECK(!weights_tokenizer(hf, a.text.n_vocab, &ta, &err) &&
              !weights_tokenizer(g, a.text.n_vocab, &tb, &err),
          "%s", err.message);
    token_list la = {0}, lb = {0};
    static const char text[] = "<|im_start|>user\nH\xc3\xa9llo  w\xc3\xb6rld 123<|im_end|>\n<think>\n";
    CHECK(!tokenizer_encode(ta, text, sizeof text - 1, ENCODE_TRUSTED, &la, &err) &&
              !tokenizer_encode(tb, text, sizeof text - 1, ENCODE_TRUSTED, &lb, &err),
          "%s", err.message);
    CHECK(la.count && la.count == lb.count && !memcmp(la.ids, lb.ids, la.count * sizeof *la.ids),
          "%zu and %zu ids", la.count, lb.count);
    for (int32_t id = 0; id < (int32_t)a.text.n_vocab; id++)
        CHECK(tokenizer_defines(ta, id) == tokenizer_defines(tb, id) &&
                  tokenizer_is_control(ta, id) == tokenizer_is_control(tb, id),
              "id %d", id);
    token_list_free(&la);
    token_list_free(&lb);
    tokenizer_destroy(ta);
    tokenizer_destroy(tb);
    weights_close(hf);
    weights_close(g);

    /* A conversion of a conversion changes nothing but what is asked: here the MTP layer goes. */
    const galago_convert_params again = {.dtype = "f32", .vision_dtype = "f32", .drop_mtp = true};
    CHECK(!galago_convert(path_of("c.gguf"), path_of("c2"), &again, &e), "%s", e.message);
    g = open_or_fail(path_of("c.gguf"));
    weights *g2 = open_or_fail(path_of("c2.gguf"));
    size_t mtp = 0, same = 0;
    for (size_t i = 0; g && g2 && i < weights_count(g); i++) {
        const weight *t = weights_at(g, i), *u = weights_find(g2, t->name);
        if (!strncmp(t->name, "blk.8.", 6))
            mtp++;
        else
            same += u && u->bytes == t->bytes && !memcmp(u->data, t->data, t->bytes);
    }
    CHECK(g2 && mtp == 15 && same == weights_count(g2) && same + mtp == weights_count(g),
          "%zu of the MTP layer, %zu the same", mtp, same);
    CHECK(g2 && weights_key_u64(g2, "qwen35.block_count", 0) == 8 &&
              !weights_has_key(g2, "qwen35.nextn_predict_layers"),
          "keys");
    weights_close(g);
    weights_close(g2);
    count_files(true);
}

/* tiny-d has three value heads a key head: their order changes from grouped to tiled. */
static void test_value_heads(void)
{
    galago_error e = {0};
    const galago_convert_params p = {.dtype = "f32"};
    CHECK(!galago_convert("tests/data/golden/tiny-d", path_of("d.gguf"), &p, &e), "%s", e.message);
    weights *hf = open_or_fail("tests/data/golden/tiny-d"), *g = open_or_fail(path_of("d.gguf"));
    if (!hf || !g) return;
    model_config c;
    error err = {0};
    CHECK(!model_config_read(hf, &c, &err), "%s", err.message);
    size_t Hk = c.text.n_k_heads, Hv = c.text.n_v_heads, dv = c.text.v_head_dim, D = c.text.d_model,
           qk = 2 * Hk * c.text.k_head_dim;
    CHECK(Hv == 3 * Hk && Hk > 1, "%zu and %zu heads: this model tests nothing", Hk, Hv);
    /* `unit` values make a head in rows of one tensor after `skip` values. */
    const struct {
        const char *hf, *gguf;
        size_t skip, unit;
        bool decay;
    } cases[] = {
        {"in_proj_qkv.weight", "attn_qkv.weight", qk * D, dv * D, false},
        {"in_proj_z.weight", "attn_gate.weight", 0, dv * D, false},
        {"in_proj_b.weight", "ssm_beta.weight", 0, D, false},
        {"in_proj_a.weight", "ssm_alpha.weight", 0, D, false},
        {"conv1d.weight", "ssm_conv1d.weight", qk * 4, dv * 4, false},
        {"A_log", "ssm_a", 0, 1, true},
        {"dt_bias", "ssm_dt.bias", 0, 1, false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char hf_name[96], name[64];
        size_t n, m, bad = 0;
        snprintf(hf_name, sizeof hf_name, "model.language_model.layers.0.linear_attn.%s", cases[i].hf);
        snprintf(name, sizeof name, "blk.0.%s", cases[i].gguf);
        float *a = read_all(hf, hf_name, &n), *b = read_all(g, name, &m);
        CHECK(n == m && n == cases[i].skip + Hv * cases[i].unit, "%s: %zu values", name, n);
        for (size_t at = 0; n == m && at < cases[i].skip; at++) bad += a[at] != b[at];
        for (size_t k = 0; n == m && k < Hk; k++)
            for (size_t j = 0; j < 3; j++) /* value head j of key head k */
                for (size_t u = 0; u < cases[i].unit; u++) {
                    float x = a[cases[i].skip + (k * 3 + j) * cases[i].unit + u],
                          y = b[cases[i].skip + (j * Hk + k) * cases[i].unit + u];
                    bad += (cases[i].decay ? -expf(x) : x) != y;
                }
        CHECK(bad == 0, "%s: %zu values differ", name, bad);
        free(a);
        free(b);
    }
    size_t n, m, bad = 0;
    float *a = read_all(hf, "model.language_model.layers.0.linear_attn.out_proj.weight", &n),
          *b = read_all(g, "blk.0.ssm_out.weight", &m);
    for (size_t row = 0; n == m && row < D; row++)
        for (size_t k = 0; k < Hk; k++)
            for (size_t j = 0; j < 3; j++)
                for (size_t u = 0; u < dv; u++)
                    bad +=
                        a[row * Hv * dv + (k * 3 + j) * dv + u] != b[row * Hv * dv + (j * Hk + k) * dv + u];
    CHECK(n == m && n == D * Hv * dv && bad == 0, "ssm_out: %zu values differ", bad);
    free(a);
    free(b);
    weights_close(hf);
    weights_close(g);
    count_files(true);
}

static void test_types(void)
{
    static const char *const names[] = {"f32", "f16", "bf16", "q8_0", "q4_0", "q4_1", "q4_k", "q5_k", "q6_k"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        galago_error e = {0};
        dtype base;
        const galago_convert_params p = {.dtype = names[i]};
        CHECK(dtype_by_name(names[i], &base), "%s", names[i]);
        CHECK(!galago_convert("tests/data/golden/tiny-a", path_of("t.gguf"), &p, &e), "%s: %s", names[i],
              e.message);
        weights *w = open_or_fail(path_of("t.gguf"));
        for (size_t t = 0; w && t < weights_count(w); t++) {
            const weight *x = weights_at(w, t);
            size_t row = x->shape[x->n_dims - 1];
            bool small = x->n_dims == 1 || strstr(x->name, "conv1d") || strstr(x->name, "position_embd");
            if (small)
                CHECK(x->type == DTYPE_F32, "%s: %s is %s", names[i], x->name, dtype_get(x->type)->name);
            if (!strcmp(x->name, "blk.0.ffn_gate.weight"))
                CHECK(x->type == (row % dtype_get(base)->block_values == 0 ? base : DTYPE_Q8_0),
                      "%s: %s is %s (rows of %zu)", names[i], x->name, dtype_get(x->type)->name, row);
        }
        weights_close(w);
        /* The result opens as a model and its configuration is whole. */
        galago_model *m;
        CHECK(!galago_model_open(path_of("t.gguf"), NULL, &m, &e), "%s: %s", names[i], e.message);
        galago_model_close(m);
    }
    /* Rows of every length find a type. */
    const convert_types k = {DTYPE_Q4_K, DTYPE_Q6_K, DTYPE_Q8_0};
    static const struct {
        const char *name;
        uint32_t n_dims;
        size_t row;
        dtype want;
    } cases[] = {
        {"blk.0.ffn_up.weight", 2, 1024, DTYPE_Q4_K},
        {"blk.0.ffn_up.weight", 2, 96, DTYPE_Q8_0},
        {"blk.0.ffn_up.weight", 2, 100, DTYPE_F16},
        {"token_embd.weight", 2, 1024, DTYPE_Q6_K},
        {"output.weight", 2, 64, DTYPE_Q8_0},
        {"v.blk.0.ffn_up.weight", 2, 768, DTYPE_Q8_0},
        {"mm.0.weight", 2, 4304, DTYPE_F16},
        {"v.patch_embd.weight", 4, 16, DTYPE_F16},
        {"v.patch_embd.weight.1", 4, 16, DTYPE_F16},
        {"v.position_embd.weight", 2, 768, DTYPE_F32},
        {"blk.0.ssm_alpha.weight", 2, 1024, DTYPE_Q8_0},
        {"blk.0.ssm_conv1d.weight", 2, 4, DTYPE_F32},
        {"blk.0.attn_norm.weight", 1, 1024, DTYPE_F32},
        {"blk.0.ssm_a", 1, 16, DTYPE_F32},
        {"blk.24.nextn.eh_proj.weight", 2, 2048, DTYPE_Q4_K},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        dtype t = type_for(cases[i].name, cases[i].n_dims, cases[i].row, &k);
        CHECK(t == cases[i].want, "%s, rows of %zu: %s", cases[i].name, cases[i].row, dtype_get(t)->name);
    }
    count_files(true);
}

static bool stop_at_half(void *user, const char *stage, double fraction)
{
    *(double *)user = fraction;
    return strcmp(stage, "convert") != 0 || fraction < 0.5;
}

static void test_failures(void)
{
    static const char *const source = "tests/data/golden/tiny-a";
    galago_error e = {0};
    double fraction = 0;
    const galago_convert_params wrong = {.dtype = "q3_k"},
                                cancelled = {.progress = stop_at_half, .progress_user = &fraction};
    CHECK(galago_convert(source, path_of("x.gguf"), &wrong, &e) == GALAGO_ERR_ARGUMENT &&
              strstr(e.message, "q3_k"),
          "%s", e.message);
    CHECK(galago_convert(source, path_of("x.gguf"), &cancelled, &e) == GALAGO_CANCELLED && fraction >= 0.5 &&
              fraction < 1,
          "%s %g", e.message, fraction);
    CHECK(count_files(false) == 0, "a cancelled conversion left %d files", count_files(false));
    CHECK(galago_convert(source, path_of("absent/x.gguf"), NULL, &e) == GALAGO_ERR_IO &&
              strstr(e.message, "absent/x.gguf"),
          "%s", e.message);
    CHECK(galago_convert("/nonexistent", path_of("x.gguf"), NULL, &e) == GALAGO_ERR_IO, "%s", e.message);
    CHECK(galago_convert(source, "/proc/x.gguf", NULL, &e) == GALAGO_ERR_IO &&
              strstr(e.message, "cannot be made"),
          "%s", e.message);
    CHECK(galago_convert("", path_of("x.gguf"), NULL, &e) == GALAGO_ERR_ARGUMENT &&
              galago_convert(source, NULL, NULL, &e) == GALAGO_ERR_ARGUMENT,
          "%s", e.message);

    /* A name that a folder has: the data is written, but cannot get its name. */
    char folder_name[400];
    snprintf(folder_name, sizeof folder_name, "%s", path_of("mmproj-taken.gguf"));
    CHECK(mkdir(folder_name, 0700) == 0, "mkdir");
    CHECK(galago_convert(source, path_of("taken.gguf"), NULL, &e) == GALAGO_ERR_IO &&
              strstr(e.message, "cannot be named"),
          "%s", e.message);
    CHECK(rmdir(folder_name) == 0 && count_files(false) == 0, "%d files are left: both or none",
          count_files(false));

    /* A limit on the size of files stands for a full disk: writing fails in the middle of the data. */
    struct rlimit old, limit;
    signal(SIGXFSZ, SIG_IGN);
    getrlimit(RLIMIT_FSIZE, &old);
    for (rlim_t bytes = 0; bytes < 350000; bytes += 50021) {
        limit = old;
        limit.rlim_cur = bytes;
        setrlimit(RLIMIT_FSIZE, &limit);
        galago_status s = galago_convert(source, path_of("full.gguf"), NULL, &e);
        setrlimit(RLIMIT_FSIZE, &old);
        CHECK(s == GALAGO_ERR_IO && strstr(e.message, "disk is too full") && strstr(e.message, "bytes"),
              "limit %lu: %d %s", (unsigned long)bytes, s, e.message);
        CHECK(count_files(false) == 0, "limit %lu: %d files are left", (unsigned long)bytes,
              count_files(false));
    }

    /* An older result stays as it was when its replacement fails. */
    CHECK(!galago_convert(source, path_of("full.gguf"), NULL, &e), "%s", e.message);
    limit.rlim_cur = 100000;
    setrlimit(RLIMIT_FSIZE, &limit);
    galago_status s = galago_convert(source, path_of("full.gguf"), NULL, &e);
    setrlimit(RLIMIT_FSIZE, &old);
    weights *w = open_or_fail(path_of("full.gguf"));
    CHECK(s == GALAGO_ERR_IO && w && count_files(false) == 2, "%d files", count_files(false));
    weights_close(w);
    count_files(true);
}

int main(void)
{
    strcpy(folder, "/tmp/galago-convert-XXXXXX");
    CHECK(mkdtemp(folder), "%s", folder);
    test_equal_heads();
    test_values();
    test_value_heads();
    test_types();
    test_failures();
    CHECK(rmdir(folder) == 0, "%s is not empty", folder);
    return check_done("weights_convert");
}
