/* Byte-pair merging of one piece of text. */
#ifndef TEXT_BPE_H
#define TEXT_BPE_H

#include "text/tokenizer.h"

/* Merges by their pair of ids: an open-addressing table, at most half full. */
typedef struct merge_slot {
    int32_t left, right; /* left < 0 = empty */
    int32_t rank, id;    /* id: what the pair becomes */
} merge_slot;
typedef struct merge_table {
    merge_slot *slots; /* [mask + 1], a power of two */
    size_t mask;
} merge_table;

/* Size of the table for n merges. */
size_t merge_table_slots(size_t n);
/* The slot of a pair, or the empty slot where it belongs. */
merge_slot *merge_table_at(const merge_table *t, int32_t left, int32_t right);

/* Room for merging, kept between pieces. */
typedef struct bpe_room {
    struct bpe_node *nodes;
    struct bpe_pair *heap;
    size_t capacity; /* nodes; the heap has as many */
} bpe_room;
void bpe_room_free(bpe_room *r);

/* Merges ids[0..n) in place, lowest rank first, leftmost on ties; *n becomes the number left. O(n log n).
 * False when there is no memory. */
bool bpe_merge(const merge_table *t, bpe_room *room, int32_t *ids, size_t *n);

#endif
