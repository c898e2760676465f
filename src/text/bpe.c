/* Short pieces (nearly all) are scanned again after each merge, in registers and one cache line; long ones
 * use a heap of candidate pairs over a linked list, so that no text makes the work quadratic. Both give the
 * same ids. */
#include "text/bpe.h"

#include <stdlib.h>
#include <string.h>

enum { SHORT_PIECE = 32, NO_RANK = INT32_MAX };

typedef struct bpe_node {
    int32_t id;          /* < 0: merged into its left neighbour */
    uint32_t prev, next; /* indices; the ends hold NONE */
} bpe_node;
typedef struct bpe_pair {
    int32_t rank;
    uint32_t at;         /* left node */
    int32_t left, right; /* ids when the pair was seen: a pair that has changed since is dropped */
} bpe_pair;
enum { NONE = -1 };

size_t merge_table_slots(size_t n)
{
    size_t slots = 16;
    while (slots / 2 < n) slots *= 2;
    return slots;
}

merge_slot *merge_table_at(const merge_table *t, int32_t left, int32_t right)
{
    uint64_t h = ((uint64_t)(uint32_t)left << 32 | (uint32_t)right) * 0x9e3779b97f4a7c15u;
    for (size_t i = (size_t)(h ^ h >> 32) & t->mask;; i = (i + 1) & t->mask) {
        merge_slot *s = &t->slots[i];
        if (s->left < 0 || (s->left == left && s->right == right)) return s;
    }
}

static int32_t rank_of(const merge_table *t, int32_t left, int32_t right, int32_t *id)
{
    const merge_slot *s = merge_table_at(t, left, right);
    if (s->left < 0) return NO_RANK;
    *id = s->id;
    return s->rank;
}

static size_t merge_short(const merge_table *t, int32_t *ids, size_t n)
{
    int32_t rank[SHORT_PIECE], joined[SHORT_PIECE]; /* of the pair (i, i+1) */
    for (size_t i = 0; i + 1 < n; i++) rank[i] = rank_of(t, ids[i], ids[i + 1], &joined[i]);
    while (n > 1) {
        size_t best = 0;
        for (size_t i = 1; i + 1 < n; i++)
            if (rank[i] < rank[best]) best = i;
        if (rank[best] == NO_RANK) break;
        ids[best] = joined[best];
        n--;
        for (size_t i = best + 1; i < n; i++) ids[i] = ids[i + 1];
        for (size_t i = best; i + 1 < n; i++) rank[i] = rank[i + 1], joined[i] = joined[i + 1];
        if (best + 1 < n) rank[best] = rank_of(t, ids[best], ids[best + 1], &joined[best]);
        if (best) rank[best - 1] = rank_of(t, ids[best - 1], ids[best], &joined[best - 1]);
    }
    return n;
}

static bool before(const bpe_pair *a, const bpe_pair *b)
{
    return a->rank != b->rank ? a->rank < b->rank : a->at < b->at;
}

static void sift_down(bpe_pair *heap, size_t n, size_t i)
{
    bpe_pair p = heap[i];
    for (size_t child; (child = 2 * i + 1) < n; i = child) {
        if (child + 1 < n && before(&heap[child + 1], &heap[child])) child++;
        if (!before(&heap[child], &p)) break;
        heap[i] = heap[child];
    }
    heap[i] = p;
}

static void push(bpe_pair *heap, size_t *n, bpe_pair p)
{
    size_t i = (*n)++;
    for (; i && before(&p, &heap[(i - 1) / 2]); i = (i - 1) / 2) heap[i] = heap[(i - 1) / 2];
    heap[i] = p;
}

static bool room_for(bpe_room *r, size_t n)
{
    if (n <= r->capacity) return true;
    if (n >= UINT32_MAX / 2) return false;
    bpe_room_free(r);
    r->nodes = malloc(n * sizeof *r->nodes);
    /* n - 1 pairs at first; a merge takes one away and adds at most two. */
    r->heap = malloc(2 * n * sizeof *r->heap);
    if (!r->nodes || !r->heap) return bpe_room_free(r), false;
    r->capacity = n;
    return true;
}

void bpe_room_free(bpe_room *r)
{
    free(r->nodes);
    free(r->heap);
    *r = (bpe_room){0};
}

static bool merge_long(const merge_table *t, bpe_room *room, int32_t *ids, size_t *n)
{
    if (!room_for(room, *n)) return false;
    bpe_node *nodes = room->nodes;
    bpe_pair *heap = room->heap;
    size_t n_heap = 0;
    int32_t joined = 0;
    for (size_t i = 0; i < *n; i++)
        nodes[i] = (bpe_node){ids[i], i ? (uint32_t)i - 1 : (uint32_t)NONE,
                              i + 1 < *n ? (uint32_t)i + 1 : (uint32_t)NONE};
    for (size_t i = 0; i + 1 < *n; i++) {
        int32_t r = rank_of(t, ids[i], ids[i + 1], &joined);
        if (r != NO_RANK) heap[n_heap++] = (bpe_pair){r, (uint32_t)i, ids[i], ids[i + 1]};
    }
    for (size_t i = n_heap / 2; i-- > 0;) sift_down(heap, n_heap, i);
    while (n_heap) {
        bpe_pair p = heap[0];
        heap[0] = heap[--n_heap];
        if (n_heap) sift_down(heap, n_heap, 0);
        bpe_node *left = &nodes[p.at];
        if (left->id != p.left || left->next == (uint32_t)NONE || nodes[left->next].id != p.right) continue;
        bpe_node *right = &nodes[left->next];
        rank_of(t, p.left, p.right, &left->id);
        right->id = -1;
        left->next = right->next;
        if (left->next != (uint32_t)NONE) {
            bpe_node *after = &nodes[left->next];
            after->prev = p.at;
            int32_t r = rank_of(t, left->id, after->id, &joined);
            if (r != NO_RANK) push(heap, &n_heap, (bpe_pair){r, p.at, left->id, after->id});
        }
        if (left->prev != (uint32_t)NONE) {
            int32_t before_id = nodes[left->prev].id;
            int32_t r = rank_of(t, before_id, left->id, &joined);
            if (r != NO_RANK) push(heap, &n_heap, (bpe_pair){r, left->prev, before_id, left->id});
        }
    }
    size_t out = 0;
    for (uint32_t i = 0; i != (uint32_t)NONE; i = nodes[i].next) ids[out++] = nodes[i].id;
    *n = out;
    return true;
}

bool bpe_merge(const merge_table *t, bpe_room *room, int32_t *ids, size_t *n)
{
    if (*n > SHORT_PIECE) return merge_long(t, room, ids, n);
    *n = merge_short(t, ids, *n);
    return true;
}
