/* Results that are found in a folder, whoever wrote them:
 * <run>/<dataset>/seed_<N>/<split>/<timestamp>/eval_results.json (assembench.md 4).
 */
#ifndef ALM_RUNTIME_EVAL_FOUND_H
#define ALM_RUNTIME_EVAL_FOUND_H

#include <stddef.h>
#include <stdint.h>

#include "runtime/eval/aggregate.h"

typedef struct alm_found_file {
    char *dataset, *split, *timestamp, *path;
    uint32_t seed;
} alm_found_file;

typedef struct alm_found {
    alm_found_file *file; /* by seed, data set, split, time */
    size_t count;
} alm_found;

/* Errors: ALM_STATUS_USAGE: the folder cannot be read, or holds none; ALM_STATUS_MEMORY. */
alm_status alm_found_search(const char *run, alm_found *out);
void alm_found_free(alm_found *found); /* resets it */

/* Appends a copy. *capacity: of found->file; 0 at first. */
alm_status alm_found_add(alm_found *found, size_t *capacity, const alm_found_file *file);

/* Writes seed_<N>/eval_results.json of each seed, over the files in their order, and
 * eval_results_mean_variance.json to the folder `out`. Error: what aggregate.h refuses. */
alm_status alm_found_write(const alm_found *found, const uint32_t *seed, int seeds,
                           const alm_aggregate_run *about, const char *out);

/* The same for what is found in a folder. The run's time is the folder's name when
 * that is one, else that of the results. */
alm_status alm_found_aggregate(const char *run, const char *out, const uint32_t *seed, int seeds);

#endif
