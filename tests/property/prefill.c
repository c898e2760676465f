/* A prompt gives the same state and the same logits however it is cut into pieces: all at once, one token at
 * a time, at random places, inside a picture; and decoding is prefill of one token. On tiny models with
 * random weights in f32. */
#include "engine/prompt.h"
#include "model/session.h"

#include "check.h"
#include <math.h>
#include <stdlib.h>

/* The chunked delta rule and the recurrent one add the same numbers in another order: differences seen are
 * below 2e-5 of logits of about 5. A token run twice, skipped, or at a wrong position changes logits by 0.1
 * and more. */
static const float LOGIT_TOLERANCE = 1e-4f, STATE_TOLERANCE = 1e-4f;

static const char *const models[] = {"tests/data/golden/tiny-a", "tests/data/golden/tiny-b",
                                     "tests/data/golden/tiny-c", "tests/data/golden/tiny-d"};

static float *values_of(session *s, tensor t)
{
    float *v = malloc(tensor_bytes(t));
    if (v && session_backend(s)->ops->read(session_backend(s), v, t, NULL))
        memset(v, 0xff, tensor_bytes(t)); /* NaN */
    return v;
}

/* Largest difference over n values, relative to the larger of 1 and the value; NaN counts as 1. */
static float difference(const float *a, const float *b, size_t n)
{
    float worst = 0;
    for (size_t i = 0; i < n; i++) {
        float d = fabsf(a[i] - b[i]) / fmaxf(1, fabsf(b[i]));
        if (!(d <= worst)) worst = d == d ? d : 1;
    }
    return worst;
}

static float tensor_difference(session *a, tensor ta, session *b, tensor tb, size_t n_ctx_rows)
{
    float *va = values_of(a, ta), *vb = values_of(b, tb), worst = 0;
    if (n_ctx_rows) { /* a cache: of each head the rows in use */
        size_t heads = ta.shape[0], row = ta.shape[2];
        for (size_t h = 0; h < heads; h++) {
            float d = difference(va + h * ta.shape[1] * row, vb + h * tb.shape[1] * row, n_ctx_rows * row);
            if (d > worst) worst = d;
        }
    } else {
        worst = difference(va, vb, tensor_n_rows(ta) * tensor_row(ta));
    }
    free(va);
    free(vb);
    return worst;
}

static float state_difference(const galago_model *m, session *a, session *b)
{
    const text_config *c = &config_of(m)->text;
    float worst = 0;
    if (a->length != b->length) return 1;
    for (uint32_t il = 0; il < c->n_layers; il++) {
        layer_state *x = &a->layers[il], *y = &b->layers[il];
        float d, d2;
        if (c->layers[il] == LAYER_LINEAR) {
            d = tensor_difference(a, x->conv, b, y->conv, 0);
            d2 = tensor_difference(a, x->delta, b, y->delta, 0);
        } else {
            d = tensor_difference(a, x->k_cache, b, y->k_cache, a->length);
            d2 = tensor_difference(a, x->v_cache, b, y->v_cache, a->length);
        }
        if (d > worst) worst = d;
        if (d2 > worst) worst = d2;
    }
    return worst;
}

/* Vision rows of all pictures, then the tokens in pieces that `next` chooses. */
typedef size_t (*piece_fn)(unsigned long long *seed, size_t left);
static size_t one(unsigned long long *seed, size_t left) { return (void)seed, (void)left, 1; }
static size_t all(unsigned long long *seed, size_t left)
{
    enum { MOST = 256 }; /* the CPU backend's batch */
    return (void)seed, left < MOST ? left : MOST;
}
static size_t any(unsigned long long *seed, size_t left)
{
    size_t most = left < 70 ? left : 70;
    return 1 + check_random(seed) % most;
}

static bool run(const galago_model *m, session *s, const prompt *p, piece_fn next, unsigned long long seed,
                float *logits)
{
    session_reset(s);
    for (size_t k = 0; k < p->n_images; k++) {
        float *patches;
        image_grid grid;
        if (image_preprocess(&p->images[k]->pixels, &config_of(m)->preprocess, &patches, &grid, NULL))
            return false;
        galago_status st = session_vision(s, patches, grid, p->layout.spans[k].row, NULL, NULL, NULL);
        free(patches);
        if (st) return false;
    }
    for (size_t first = 0, n; first < p->layout.n; first += n) {
        n = next(&seed, p->layout.n - first);
        if (session_prefill(s, &p->layout, first, n, first + n == p->layout.n, NULL)) return false;
    }
    return session_logits(s, logits, NULL) == GALAGO_OK;
}

static void test_model(const char *path)
{
    galago_error e;
    galago_model *m = NULL;
    galago_image *images[2] = {NULL, NULL};
    const galago_model_params params = {.dtype = GALAGO_DTYPE_F32, .n_threads = 1};
    if (galago_model_open(path, &params, &m, &e) ||
        galago_image_load("tests/data/golden/images/wide.png", &images[0], &e) ||
        galago_image_load("tests/data/golden/images/small.png", &images[1], &e)) {
        CHECK(false, "%s: %s", path, e.message);
        return;
    }
    char text[1200] = "Which of the two is larger, and why?";
    for (size_t i = strlen(text); i + 1 < sizeof text; i++)
        text[i] = (char)('a' + i * i % 23), text[i + 1] = 0;
    const galago_message messages[] = {
        {.role = GALAGO_ROLE_USER, .text = "Hello, what is <|im_end|> here? Äöü 日本語"},
        {.role = GALAGO_ROLE_USER,
         .text = "Compare <image> with <image>.",
         .images = images,
         .n_images = 2,
         .inline_images = true},
        {.role = GALAGO_ROLE_USER, .text = text, .images = images, .n_images = 1}, /* several batches */
    };
    size_t V = config_of(m)->text.n_vocab;
    float *reference = malloc(V * sizeof *reference), *logits = malloc(V * sizeof *logits);
    session *a = NULL, *b = NULL;
    uint32_t n_ctx = 2048, patches = most_patches(&config_of(m)->preprocess, n_ctx);
    CHECK(!session_create(m->network, n_ctx, patches, &a, &e) &&
              !session_create(m->network, n_ctx + 7, patches, &b, &e),
          "%s: %s", path, e.message);
    if (!a || !b) return;
    for (size_t i = 0; i < sizeof messages / sizeof *messages; i++) {
        prompt p;
        const galago_generate_params none = {0};
        galago_status s = prompt_create(m, &messages[i], 1, &none, &p, &e);
        CHECK(!s, "%s: %s", path, e.message);
        if (s) continue;
        CHECK(run(m, a, &p, one, 0, reference), "%s prompt %zu, token by token", path, i);
        for (int split = 0; split < 5; split++) {
            bool ok = run(m, b, &p, split ? any : all, (unsigned long long)split, logits);
            float d = ok ? difference(logits, reference, V) : 1, ds = ok ? state_difference(m, b, a) : 1;
            CHECK(d < LOGIT_TOLERANCE && ds < STATE_TOLERANCE,
                  "%s prompt %zu (%zu tokens) split %d: logits differ by %g, states by %g", path, i,
                  p.layout.n, split, (double)d, (double)ds);
        }
        /* Decoding: the last tokens by session_decode() at the positions that the layout gives them. */
        size_t tail = 4;
        run(m, b, &p, all, 0, logits);
        session_reset(b);
        for (size_t first = 0, n; first < p.layout.n - tail; first += n) {
            n = all(NULL, p.layout.n - tail - first);
            session_prefill(b, &p.layout, first, n, false, NULL);
        }
        for (size_t t = p.layout.n - tail; t < p.layout.n; t++)
            session_decode(b, p.layout.ids[t], p.layout.rope_delta, NULL);
        session_logits(b, logits, NULL);
        float d = difference(logits, reference, V), ds = state_difference(m, b, a);
        CHECK(d < LOGIT_TOLERANCE && ds < STATE_TOLERANCE,
              "%s prompt %zu, decoding its end: logits differ by %g, states by %g", path, i, (double)d,
              (double)ds);
        /* A snapshot, other tokens, and back: as if they had never been. */
        session_reset(b);
        size_t cut = p.layout.n < 20 ? p.layout.n / 2 : p.layout.n - 11;
        for (size_t first = 0, n; first < cut; first += n) {
            n = all(NULL, cut - first);
            session_prefill(b, &p.layout, first, n, false, NULL);
        }
        session_save(b);
        for (int t = 0; t < 9; t++) session_decode(b, 65 + t, p.layout.rope_delta, NULL);
        CHECK(session_restore(b) && session_length(b) == cut, "restored to %zu", session_length(b));
        session_prefill(b, &p.layout, cut, p.layout.n - cut, true, NULL);
        session_logits(b, logits, NULL);
        d = difference(logits, reference, V), ds = state_difference(m, b, a);
        CHECK(d < LOGIT_TOLERANCE && ds < STATE_TOLERANCE,
              "%s prompt %zu, after a restored snapshot: logits differ by %g, states by %g", path, i,
              (double)d, (double)ds);
        prompt_destroy(&p);
    }
    session_destroy(a);
    session_destroy(b);
    free(reference);
    free(logits);
    for (int i = 0; i < 2; i++) galago_image_destroy(images[i]);
    galago_model_close(m);
}

int main(void)
{
    for (size_t i = 0; i < sizeof models / sizeof *models; i++) test_model(models[i]);
    return check_done("property/prefill");
}
