/* What an evaluation consists of: sets (a data set, a split, a seed), how many samples each has and
 * which are chosen; and what the poses depend on, so that nothing is joined that does not belong
 * together.
 *
 * It is the file plan.json of a run folder. Two runs belong together when these files are the same,
 * byte for byte: so nothing is in it that differs between the shards of a run (paths, devices).
 */
#ifndef ALM_RUNTIME_EVAL_PLAN_H
#define ALM_RUNTIME_EVAL_PLAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "kernels/core/status.h"

enum { ALM_EVAL_SPLITS = 2, ALM_EVAL_SEEDS = 1024, ALM_EVAL_DATASETS = 256 };

typedef struct alm_eval_plan_dataset {
    char *name;                        /* as given; a folder's name */
    char *fault;                       /* why it cannot be evaluated; NULL: it can */
    int64_t total[ALM_EVAL_SPLITS];    /* samples after skipping, by the plan's splits */
    int64_t selected[ALM_EVAL_SPLITS]; /* of each seed */
} alm_eval_plan_dataset;

/* Sets are numbered through: data sets, in each the splits, in each the seeds; those of a data set
 * that cannot be evaluated are empty. */
typedef struct alm_eval_plan_set {
    int dataset, split, seed; /* indices */
    int64_t total, selected;
    int64_t first; /* number of its first sample among those of all sets */
} alm_eval_plan_set;

typedef struct alm_eval_plan {
    char *model;         /* what made the poses, in words: model, weights, arithmetic, engine */
    char *ckpt_path;     /* as given */
    char *run_timestamp; /* YYYYMMDD_HHMMSS */
    char *split[ALM_EVAL_SPLITS];
    int splits;
    uint32_t *seed;
    int seeds;
    bool shuffle, symmetry;
    alm_eval_plan_dataset *dataset;
    int datasets;
    uint32_t names;         /* CRC-32 of samples.jsonl, the objects' keys */
    uint32_t config;        /* CRC-32 of config.yaml; 0: there is none */
    alm_eval_plan_set *set; /* derived: alm_eval_plan_sets */
    int sets;
    int64_t items; /* samples of all sets */
} alm_eval_plan;

void alm_eval_plan_free(alm_eval_plan *plan); /* resets it */

/* Derives set, sets and items. Error: ALM_STATUS_MEMORY. */
alm_status alm_eval_plan_sets(alm_eval_plan *plan);

/* plan.json, owned by the caller (alm_free). */
alm_status alm_eval_plan_text(const alm_eval_plan *plan, char **out);
/* text: borrowed; file: for messages. Error: ALM_STATUS_USAGE: key and what was expected. */
alm_status alm_eval_plan_parse(const char *file, const char *text, size_t bytes,
                               alm_eval_plan *out);

/* Says where two plans differ. Returns ALM_STATUS_USAGE, or ALM_OK when they do not. */
alm_status alm_eval_plan_compare(const char *name_a, const alm_eval_plan *a, const char *name_b,
                                 const alm_eval_plan *b);

/* The samples of a set in the order of their evaluation: index in the split. order: [selected].
 * Error: ALM_STATUS_MEMORY. */
alm_status alm_eval_plan_order(const alm_eval_plan *plan, int set, uint32_t *order);

/* Checks "YYYYMMDD_HHMMSS"; ALM_STATUS_USAGE. *utc (21 bytes) gets "YYYY-MM-DDThh:mm:ssZ". */
alm_status alm_eval_plan_time(const char *timestamp, char utc[21]);

/* "0-9,42" into the plan. Error: ALM_STATUS_USAGE: no number below 2^32, twice, more than
 * ALM_EVAL_SEEDS. *seed is owned by the caller (alm_free). */
alm_status alm_eval_plan_seeds(const char *text, uint32_t **seed, int *count);

/* How many samples of a split are evaluated: rules with commas between them, [DATASET/][SPLIT:]N,
 * where N may be all; the last one that fits wins; or "protocol", AssemBench's own numbers
 * (assembench.md 4). NULL: all. Error: ALM_STATUS_USAGE. */
alm_status alm_eval_plan_select(const char *rules, const char *dataset, const char *split,
                                int64_t total, int64_t *selected);

#endif
