/* eval_results.json of one data set, split and seed, as the reference writes it (assembench.md 4):
 * the same keys, order and layout. Memory grows with the categories, not with the rows: these are
 * asked for twice.
 */
#ifndef ALM_RUNTIME_EVAL_RESULTS_H
#define ALM_RUNTIME_EVAL_RESULTS_H

#include "runtime/eval/row.h"
#include "runtime/input/tree.h"

typedef struct alm_results_run {
    const char *ckpt_path;     /* as given; NULL: null (there was no model) */
    const char *run_timestamp; /* YYYYMMDD_HHMMSS */
    const alm_tree *config;    /* NULL or empty: {} */
} alm_results_run;

/* The counts of a summary. */
typedef enum alm_count {
    ALM_COUNT_TOTAL,
    ALM_COUNT_SELECTED,
    ALM_COUNT_EVALUATED,
    ALM_COUNT_NOT_SELECTED,
    ALM_COUNT_DROPPED,
    ALM_COUNT_UNEVALUATED,
    ALM_COUNT_VALID,
    ALM_COUNT_INVALID,
    ALM_COUNTS
} alm_count;

static const char *const alm_count_names[ALM_COUNTS] = {
    "Total Dataset Samples", "Selected Samples",    "Evaluated Samples", "Not Selected Samples",
    "Dropped Samples",       "Unevaluated Samples", "Valid Samples",     "Invalid Samples"};

/* Written as <path>.partial, then renamed; the folder must be there. The set's rows are asked for
 * twice, each time from the first to the last. A row whose sample could not be read has null for
 * the true pose. Errors: ALM_STATUS_OUTPUT, ALM_STATUS_MEMORY, what the rows fail with. */
alm_status alm_results_write(const char *path, const alm_eval_set *set, const alm_results_run *run);

#endif
