/* The order of work: every chosen sample of every set, with those of one object one behind the
 * other, so that it is read once and what depends on its pages alone is computed once for all
 * seeds.
 */
#ifndef ALM_RUNTIME_EVAL_ITEMS_H
#define ALM_RUNTIME_EVAL_ITEMS_H

#include "runtime/eval/data.h"

typedef struct alm_eval_item {
    uint32_t file, local; /* of the data; its number in the file's split */
    uint32_t set, at;     /* of the plan; its place in selected order */
    uint32_t idx;
    uint32_t split;
} alm_eval_item;

typedef struct alm_eval_items {
    alm_eval_item *item;
    int64_t count;
} alm_eval_items;

/* Those of shard `shard` of `shards`, which goes by objects: every shards-th. Error:
 * ALM_STATUS_MEMORY. */
alm_status alm_eval_items_make(const alm_eval_plan *plan, const alm_eval_data *data, int shard,
                               int shards, alm_eval_items *out);
void alm_eval_items_free(alm_eval_items *items); /* resets it */

static inline bool alm_eval_items_same(const alm_eval_item *a, const alm_eval_item *b)
{
    return a->file == b->file && a->split == b->split && a->local == b->local;
}

/* "i/n", or "auto": RANK and WORLD_SIZE (torchrun), else SLURM_PROCID and SLURM_NTASKS. NULL: 0 of
 * 1. Error: ALM_STATUS_USAGE. */
alm_status alm_eval_shard(const char *text, int *shard, int *shards);

#endif
