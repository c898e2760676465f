/* Choosing the next token from logits. */
#ifndef ENGINE_SAMPLE_H
#define ENGINE_SAMPLE_H

#include "base/error.h"

/* Ids [first, end). The ids that a tokenizer defines are a few such runs, so a mask costs nothing per id. */
typedef struct id_run {
    int32_t first, end;
} id_run;

typedef struct sampler sampler;

/* Checks the sampling fields of `p`. Errors: ARGUMENT (names the field, its value and its range). */
galago_status sample_check(const galago_generate_params *p, error *e);

/* A sampler over `n_vocab` logits of which only the ids in `runs` (ascending, borrowed) are ever chosen, for
 * sequences of at most `n_ctx` tokens. Errors: MEMORY. */
galago_status sampler_create(size_t n_vocab, const id_run *runs, size_t n_runs, size_t n_ctx, sampler **out,
                             error *e);
void sampler_destroy(sampler *s);

/* Starts an answer: forgets the one before. `p` has passed sample_check(); its sampling fields are copied.
 * `prompt` are the ids that the repetition penalty covers from the start; ids outside the vocabulary are
 * ignored. `drawn` are the answer's ids that there are already: the next draw is the n_drawn-th. */
void sampler_begin(sampler *s, const galago_generate_params *p, const int32_t *prompt, size_t n_prompt, const int32_t *drawn,
                   size_t n_drawn);

/*
 * The next id, or -1 when no allowed logit is a finite number. In this order: only defined ids; repetition
 * penalty; presence and frequency penalties; temperature; top-k; top-p; min-p; softmax; one draw. A
 * temperature below 1e-5 is greedy: the largest logit after the penalties. Of equal logits the lowest id
 * counts as the larger.
 *
 * The draw is the first id, in ascending order, at which the running sum of the kept probabilities exceeds u:
 * no order but that of the ids, so that a parallel prefix sum on another device gives the same id. u in (0,
 * 1) is (sample_random(seed, i) + 0.5) / 2^32 for the i-th draw of the answer.
 *
 * `logits` [n_vocab] is changed while the call runs and is restored before it returns.
 */
int32_t sampler_next(sampler *s, float *logits);

/* Counter-based generator: pcg4d of (seed's low word, seed's high word, index, 0), first word. Jarzynski and
 * Olano, "Hash Functions for GPU Rendering", 2020: 32-bit multiply, add, shift and exclusive or, nothing that
 * WGSL lacks. */
uint32_t sample_random(uint64_t seed, uint32_t index);

/* The n best of the natural log softmax of all `n_vocab` raw logits, best first (equal ones by id); id -1
 * where there are fewer than n. n <= 64. */
void sampler_logprobs(sampler *s, const float *logits, size_t n, galago_logprob *out);

#endif
