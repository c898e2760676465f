/*
 * A rehearsal: the forwards that an answer is made of, recorded on a model and a session that have no memory, so that a backend
 * begins to compile every kernel before the first weight has arrived. The same code records them as later, so the two cannot differ.
 */
#include "model/ops.h"
#include "model/session.h"

#include <math.h>
#include <stdlib.h>

/* Prompts whose lengths lie between two of these use the kernels of one or the other: what is chosen by length changes at 5, 17, 32
 * and 65 tokens, and with each weight's size where its workgroups become enough to fill a device. The last pieces of a prompt, behind
 * the last turn, are of a few tokens. */
static const uint32_t lengths[] = {448, 24, 48, 128, 4, 8, 256, 1024};
/* Sides of square pictures, in patches. */
static const uint32_t sides[] = {28, 14, 48};

enum { CONTEXT = 2048, MOST_PATCHES = 48 * 48 };

/* What was recorded never runs. */
static void forget(session *s)
{
    s->work = (session_work){0};
    s->length = 0;
    s->b->forward = 0;
}

/* Pictures that the model would make smaller are as large as it takes them. */
static void look(session *s, uint32_t side, const float *patches)
{
    const model_config *c = &s->model->config;
    uint32_t most = (uint32_t)sqrt((double)c->preprocess.max_pixels) / c->vision.patch_size, merge = c->vision.merge_size;
    side = (side < most ? side : most) / merge * merge;
    if (!side || session_vision_begin(s, patches, (image_grid){side, side}, 0, NULL)) return;
    for (; s->work.at < s->work.n; s->work.at++) vision_record(s);
    forget(s);
}

static void read_prompt(session *s, uint32_t n, int32_t *zeros)
{
    if (n > session_batch(s)) return;
    image_span span = {.count = 1, .rows = 1, .cols = 1};
    const layout l = {.ids = zeros, .pos = zeros, .n = n, .spans = &span, .n_spans = s->max_patches > 0, .n_image_tokens = 1};
    if (!session_prefill_begin(s, &l, 0, n, true, NULL)) session_save(s);
    forget(s);
}

static void choose_token(session *s)
{
    const sample_params greedy = {.top_p = 1, .repetition_penalty = 1},
                        drawn = {.temperature = 1, .top_p = 0.9f, .top_k = 20, .repetition_penalty = 1};
    const int32_t run[2] = {0, 1};
    if (!session_samples(s) || session_sample_begin(s, NULL, run, 1, NULL)) return;
    session_decode_begin(s, -1, 0, NULL);
    session_sample(s, &greedy, 0);
    session_sample(s, &drawn, 0);
    forget(s);
}

void model_rehearse(backend *b, const weights *w, const model_config *c, galago_dtype held_as)
{
    if (!b->ops->rehearse) return;
    b->ops->rehearse(b, true);
    model *m = NULL;
    session *s = NULL;
    size_t patch = 3 * (size_t)c->vision.patch_size * c->vision.patch_size;
    int32_t *zeros = calloc(3 * CONTEXT, sizeof *zeros);
    float *patches = malloc((MOST_PATCHES * patch + 1) * sizeof *patches); /* (never read, but pointed into) */
    if (zeros && patches && !model_load_hollow(b, w, c, held_as, &m, NULL) && !session_create(m, CONTEXT, MOST_PATCHES, &s, NULL)) {
        for (size_t i = 0; c->vision.n_layers && i < sizeof sides / sizeof *sides; i++) look(s, sides[i], patches);
        for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
            read_prompt(s, lengths[i], zeros);
            if (i == 0) choose_token(s);
        }
    }
    session_destroy(s);
    model_destroy(m);
    free(patches);
    free(zeros);
    b->ops->rehearse(b, false);
}
