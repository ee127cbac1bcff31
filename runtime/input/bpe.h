/* Byte-level byte-pair encoding: tokens as bytes, ranked merges of two tokens (qwen3vl.md 6).
 *
 * Built token by token, then merge by merge; constant afterwards. Refused, by name: ids out of
 * range or given twice, a token twice, characters that stand for no byte, merges of unknown tokens
 * or into one, merges twice; bytes without a token. The merging of a piece takes n·log n steps, so
 * that a piece of a megabyte is no attack.
 */
#ifndef ALM_RUNTIME_INPUT_BPE_H
#define ALM_RUNTIME_INPUT_BPE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "kernels/core/status.h"
#include "runtime/input/tokenizer.h"

/* No known vocabulary has half of that; with these limits a hostile file costs 40 MB at most. */
enum { ALM_BPE_TOKENS = 1 << 19, ALM_BPE_MERGES = 1 << 19, ALM_BPE_TEXT = 8 << 20 };

/* Bytes of a token within alm_bpe.text; offset UINT32_MAX: no token has this id. */
typedef struct alm_bpe_token {
    uint32_t offset, bytes;
} alm_bpe_token;

typedef struct alm_bpe_merge {
    uint64_t pair; /* left id · 2^32 + right id; UINT64_MAX: a free slot */
    uint32_t rank;
    int32_t id; /* of what the two become */
} alm_bpe_merge;

/* Zero-initialise; release with alm_bpe_clear. */
typedef struct alm_bpe {
    const char *file; /* for messages while it is built; borrowed */
    uint64_t seed;    /* of the hashes, so that nobody can prepare collisions */
    char *text;
    size_t text_bytes, text_capacity;
    alm_bpe_token *token; /* by id */
    size_t tokens, token_capacity;
    int32_t *slot; /* ids of vocabulary tokens by hash of their bytes; -1: free */
    size_t slots, used_slots;
    alm_bpe_merge *merge; /* by hash of the pair */
    size_t merge_slots, merges;
    int32_t byte_id[256];
} alm_bpe;

void alm_bpe_clear(alm_bpe *bpe);

/* A token of the vocabulary as the files write it, in the byte alphabet. */
alm_status alm_bpe_add(alm_bpe *bpe, const char *text, size_t bytes, int64_t id);
/* A token that stands for its own text and that merging cannot make. */
alm_status alm_bpe_add_special(alm_bpe *bpe, const char *text, size_t bytes, int64_t id);
/* The next merge in rank, in the byte alphabet. After all tokens. */
alm_status alm_bpe_add_merge(alm_bpe *bpe, const char *left, size_t left_bytes, const char *right,
                             size_t right_bytes);
/* Checks that no id is left out and that every byte has a token. */
alm_status alm_bpe_finish(alm_bpe *bpe);

/* Memory that pieces share; zero-initialise, release with alm_bpe_scratch_clear. */
typedef struct alm_bpe_node {
    uint32_t previous, next;
    int32_t id;
} alm_bpe_node;
typedef struct alm_bpe_candidate {
    uint32_t rank, at;
} alm_bpe_candidate;
typedef struct alm_bpe_scratch {
    alm_bpe_node *node;
    size_t node_capacity;
    alm_bpe_candidate *heap;
    size_t heap_capacity, heap_count;
} alm_bpe_scratch;

void alm_bpe_scratch_clear(alm_bpe_scratch *scratch);

/* Appends the ids of one piece (raw bytes, below 2^31 of them). */
alm_status alm_bpe_encode(const alm_bpe *bpe, alm_bpe_scratch *scratch, const char *piece,
                          size_t bytes, alm_ids *ids);

#endif
