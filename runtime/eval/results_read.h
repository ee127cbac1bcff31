/* Reads an eval_results.json, ours or anybody's, and checks it before a number of it is used
 * (assembench.md 4). Rows go by one at a time: memory does not grow with them.
 *
 * Refused with ALM_STATUS_USAGE, in one line that names the file, the key, its value and what was
 * expected: what is no JSON object; keys that are missing, there twice or of the wrong type;
 * numbers that are not finite; counts that are no whole numbers from 0; a `valid` that is no
 * boolean; a valid row without one of its metrics; counts of evaluated, valid and invalid samples
 * that are not those of the rows. Keys that are not known are skipped.
 */
#ifndef ALM_RUNTIME_EVAL_RESULTS_READ_H
#define ALM_RUNTIME_EVAL_RESULTS_READ_H

#include "runtime/eval/means.h"
#include "runtime/eval/results.h"
#include "runtime/input/file_map.h"
#include "runtime/output/buffer.h"

typedef struct alm_results_row {
    int64_t idx;          /* -1: the row has none */
    const char *asset;    /* "": none */
    const char *category; /* these texts are the reader's, until the next row */
    const char *error;    /* NULL: none */
    bool valid;
    double pose_loss;
    double metric[ALM_METRICS]; /* when valid */
    /* Only when poses are asked for. Rotations: rows. */
    bool has_truth, has_pose;
    double true_t[3], true_r[9], pred_t[3], pred_r[9];
} alm_results_row;

typedef alm_status alm_results_row_fn(void *context, const alm_results_row *row);

typedef struct alm_results_visit {
    alm_results_row_fn *row; /* NULL: rows are only counted */
    void *context;
    bool poses; /* read them too: takes longer */
} alm_results_visit;

typedef struct alm_results_span {
    const char *text; /* of the file */
    size_t bytes;
} alm_results_span;

/* Release with alm_results_close. */
typedef struct alm_results {
    const char *path;                                  /* borrowed, for messages */
    char *dataset, *split, *run_timestamp, *ckpt_path; /* dataset and ckpt_path may be NULL: null */
    int64_t seed;
    int64_t count[ALM_COUNTS];                 /* of the summary */
    bool has_pose_loss, has_mean[ALM_METRICS]; /* keys of the summary */
    double pose_loss, mean[ALM_METRICS];
    alm_results_span summary, per_category; /* objects, checked, as they stand in the file */
    alm_means rows;                         /* recomputed */
    alm_file_map map;
} alm_results;

alm_status alm_results_open(const char *path, const alm_results_visit *visit, alm_results *out);
/* The same from a text, which must outlive *out. name: for messages. */
alm_status alm_results_open_text(const char *name, const char *text, size_t bytes,
                                 const alm_results_visit *visit, alm_results *out);
void alm_results_close(alm_results *results); /* resets it */

/* What a file must be; NULL and -1: anything. */
typedef struct alm_results_expect {
    const char *dataset, *split; /* a dataset_name that is null passes */
    const char *ckpt_path;
    int64_t seed;
} alm_results_expect;

/* ALM_STATUS_USAGE when the file is of another data set, split, seed or checkpoint. */
alm_status alm_results_check(const alm_results *results, const alm_results_expect *expect);

/* Refusals of files that were given as arguments are ALM_STATUS_USAGE, whatever found them. */
alm_status alm_results_refusal(alm_status status);

#endif
