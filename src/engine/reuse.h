/* What a session's state was made of, so that the next prompt continues from what it shares with it. */
#ifndef ENGINE_REUSE_H
#define ENGINE_REUSE_H

#include "engine/engine.h"

/* Image tokens in the state: they have all the same id, the picture makes the difference. */
typedef struct held_span {
    image_span span;
    image_key key;
} held_span;

/* Invariants: ids[0..n) are what the session holds, n = session_length(). The snapshot, when there is one,
 * was saved when the state held ids[0..snapshot), and 0 < snapshot <= n: whatever shortens the state below it
 * discards it. */
typedef struct history {
    int32_t *ids; /* [capacity] */
    size_t n, capacity;
    held_span *spans; /* [n_spans] those that begin below n */
    size_t n_spans, spans_capacity;
    size_t snapshot; /* 0 = none */
} history;

/* Room for n_ctx ids. False when there is no memory. */
bool history_create(history *h, size_t n_ctx);
void history_destroy(history *h);
/* Empty: the session was reset. */
void history_clear(history *h);
/* The session returned to the snapshot. */
void history_restore(history *h);

/* Makes room for the spans of a layout, so that history_append() cannot fail. */
bool history_reserve(history *h, const layout *l);
/* Tokens [n, n+count) of the layout ran; ids[0..n) are the layout's first n (the caller has compared them).
 */
void history_append(history *h, const layout *l, const image_key *keys, size_t count);
/* One token of an answer ran. */
void history_push(history *h, int32_t id);

/* Number of tokens at the beginning that are the same: same ids and, where they are of a picture, the same
 * picture at the same place. */
size_t history_common(const history *h, const layout *l, const image_key *keys);

typedef enum reuse_from { REUSE_NOTHING, REUSE_SNAPSHOT, REUSE_ALL } reuse_from;
/* Which state to start the layout from: everything that is held, the snapshot, or nothing. At least one token
 * of the layout is left to run, since its logits are wanted. *start = tokens that need not run. */
reuse_from history_choose(const history *h, const layout *l, const image_key *keys, size_t *start);

/* Rows of the vision tower that a session holds: they stay until overwritten. */
typedef struct vision_rows {
    held_span *held; /* [n]; span.row and span.count say where */
    size_t n, capacity;
} vision_rows;
bool vision_rows_hold(const vision_rows *v, const image_span *span, const image_key *key);
/* These rows are about to be overwritten. */
void vision_rows_discard(vision_rows *v, const image_span *span);
/* They hold this picture now. False when there is no memory (then they are only not reused). */
bool vision_rows_add(vision_rows *v, const image_span *span, const image_key *key);

#endif
