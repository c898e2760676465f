/* Choosing the next token on the GPU: the stages of sample.wgsl. */
#include "backend/webgpu/record.h"

enum stage { STAGE_BEST = 0, STAGE_PICK, STAGE_HISTOGRAM, STAGE_TIES, STAGE_SUMS, STAGE_DRAW }; /* as in sample.wgsl */
enum { KIND_COUNT = 0, KIND_MASS };
enum { MAX_BLOCKS = 256, SCRATCH_WORDS = 5156 };

typedef struct sample_block { /* Params of sample.wgsl */
    uint32_t V, n_runs, n_blocks, block, logits_at, runs_at, counts_at, ids_at;
    uint32_t ring_at, has_penalties, top_k, top_p, seed_low, seed_high, draw, kind;
    float repetition, presence, frequency, slope, min_p;
    uint32_t pass_index, pad[2];
} sample_block;

typedef struct sampling {
    webgpu *g;
    tensor ids, ring, logits, counts, runs;
    gpu_buffer scratch;
} sampling;

static void stage(const sampling *s, enum stage which, const sample_block *p)
{
    bool over_blocks = which == STAGE_BEST || which == STAGE_HISTOGRAM || which == STAGE_SUMS;
    record(s->g, &(dispatch){
                     .kernel = KERNEL_SAMPLE,
                     .constants = {{"STAGE", (float)which}},
                     .params = p, .params_size = sizeof *p,
                     .bind = {id_of(s->logits), id_of(s->runs), id_of(s->counts), id_of(s->ids), id_of(s->ring), s->scratch},
                     .x = over_blocks ? p->n_blocks : 1,
                 });
}

static void threshold(const sampling *s, sample_block p, uint32_t kind)
{
    p.kind = kind;
    for (p.pass_index = 0; p.pass_index < 4; p.pass_index++) stage(s, STAGE_HISTOGRAM, &p);
    p.pass_index = 0;
    stage(s, STAGE_TIES, &p);
}

static void sample(backend *b, tensor ids, tensor ring, size_t slot, tensor logits, tensor counts, tensor runs, const sample_params *a,
                   uint32_t draw)
{
    sampling s = {webgpu_of(b), ids, ring, logits, counts, runs, record_scratch(webgpu_of(b), SCRATCH_SAMPLE, SCRATCH_WORDS * 4)};
    if (!s.scratch) return;
    uint32_t V = (uint32_t)tensor_row(logits), block = 2048;
    while ((V + block - 1) / block > MAX_BLOCKS) block *= 2;
    bool is_greedy = a->temperature < 1e-5f;
    float repetition = a->repetition_penalty == 0 ? 1 : a->repetition_penalty, top_p = a->top_p == 0 ? 1 : a->top_p;
    /* What depends on the token, the slot and the draw, only the last stage sees: the others' parameters stay as they are. */
    sample_block p = {
        .V = V, .n_runs = (uint32_t)tensor_n_rows(runs), .n_blocks = (V + block - 1) / block, .block = block,
        .logits_at = at_of(logits), .runs_at = at_of(runs), .counts_at = at_of(counts), .ids_at = at_of(ids),
        .has_penalties = repetition != 1 || a->presence_penalty != 0 || a->frequency_penalty != 0,
        .repetition = repetition, .presence = a->presence_penalty, .frequency = a->frequency_penalty,
    };
    if (!is_greedy) {
        p.top_k = a->top_k < V ? a->top_k : 0;
        if (top_p < 1) {
            /* At least 1, so that it stays on. */
            p.top_p = (uint32_t)((double)top_p * 4294967296.0);
            if (!p.top_p) p.top_p = 1;
        }
        p.min_p = a->min_p;
        p.slope = 1.0f / a->temperature;
    }
    stage(&s, STAGE_BEST, &p);
    if (!is_greedy) {
        if (p.top_k) threshold(&s, p, KIND_COUNT);
        if (p.top_p) threshold(&s, p, KIND_MASS);
        stage(&s, STAGE_SUMS, &p);
        p.seed_low = (uint32_t)a->seed, p.seed_high = (uint32_t)(a->seed >> 32), p.draw = draw;
    }
    p.ring_at = at_of(ring) + (uint32_t)slot;
    stage(&s, is_greedy ? STAGE_PICK : STAGE_DRAW, &p);
}

void webgpu_ops_sample(backend_ops *ops) { ops->sample = sample; }
