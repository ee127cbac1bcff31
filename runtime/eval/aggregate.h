/* The two aggregates of assembench.md 4: results of several data sets under one seed, and their
 * statistics over seeds. Files are read anew and checked as results_read.h says; what is refused is
 * ALM_STATUS_USAGE and no file is written. Train and test are never mixed.
 *
 * Memory grows with the categories, not with the rows.
 */
#ifndef ALM_RUNTIME_EVAL_AGGREGATE_H
#define ALM_RUNTIME_EVAL_AGGREGATE_H

#include <stdbool.h>
#include <stdint.h>

#include "kernels/core/status.h"

typedef struct alm_aggregate_run {
    const char *run_timestamp; /* YYYYMMDD_HHMMSS */
    const char *generated_at;  /* YYYY-MM-DDThh:mm:ssZ */
    const char *ckpt_path;     /* what every file must say; NULL: what the first one says */
    bool keep_paths;           /* write paths as given, else absolute and without links */
} alm_aggregate_run;

typedef struct alm_aggregate_source {
    const char *dataset, *split, *path; /* path: of an eval_results.json */
} alm_aggregate_source;

/* Refused besides: no file, a data set and split given twice, another checkpoint or seed, a
 * dataset_name (unless null) or split that differs from the source's. */
alm_status alm_aggregate_datasets(const alm_aggregate_source *source, int count, int64_t seed,
                                  const alm_aggregate_run *run, const char *out_path);

typedef struct alm_seed_source {
    int64_t seed;
    const char *path; /* of what alm_aggregate_datasets writes */
} alm_seed_source;

/* expected: the seeds that must be there, in any order; NULL: 0 to 9. Refused besides: seeds other
 * than these, or twice, a file whose seed or checkpoint is another, and files whose data sets or
 * splits differ. */
alm_status alm_aggregate_seeds(const alm_seed_source *source, int count, const int64_t *expected,
                               int expected_count, const alm_aggregate_run *run,
                               const char *out_path);

#endif
