/* One evaluated sample, and the rows of one dataset, split and seed: what the model's part of an
 * evaluation hands to the parts that write results, statistics and reports.
 */
#ifndef ALM_RUNTIME_EVAL_ROW_H
#define ALM_RUNTIME_EVAL_ROW_H

#include <stdbool.h>
#include <stdint.h>

#include "kernels/core/status.h"

/* assembench.md 3. The names are the keys of `details`; means have "Avg GD" for "GD". */
typedef enum alm_metric {
    ALM_METRIC_GD,     /* degrees */
    ALM_METRIC_RMSE_T, /* units of the cloud */
    ALM_METRIC_CD,     /* squared units of the cloud, as the next */
    ALM_METRIC_CD_R,
    ALM_METRIC_PA_010,
    ALM_METRIC_PA_008,
    ALM_METRIC_PA_005,
    ALM_METRICS
} alm_metric;

static const char *const alm_metric_names[ALM_METRICS] = {
    "GD", "RMSE(T)", "CD", "CD(R)", "PA(0.01)", "PA(0.008)", "PA(0.005)"};

/* What the reference says of a row whose pose is none. */
#define ALM_INVALID_POSE "Model returned an invalid pose."

typedef struct alm_eval_row {
    int64_t idx;                  /* in the split after skipping; runs on through a mixture */
    const char *asset, *category; /* UTF-8; asset: the object's key */
    bool valid;                   /* there is a pose with metrics */
    bool has_truth;               /* false: the sample could not be read */
    const char *error;            /* NULL when valid, else one line */
    float true_t[3], true_r[9];   /* rotations: rows */
    float pred_t[3], pred_r[9];   /* when valid */
    float metric[ALM_METRICS];    /* when valid */
    /* Beyond the reference, when valid: the rotation error over the part's own symmetries, in
     * degrees, and their number (1: none; 0: a continuous one; -1: not known, the error is NaN). */
    float symmetric_gd;
    int symmetries;
} alm_eval_row;

/* Fills *out with row number `row`; its texts stay until the next call. */
typedef alm_status alm_eval_row_fn(void *context, int64_t row, alm_eval_row *out);

typedef struct alm_eval_set {
    const char *dataset;     /* as the user named it; NULL: not named */
    const char *split;       /* "train" or "test" */
    int64_t seed;            /* [0, 2^32) */
    int64_t total, selected; /* samples after skipping, and how many of them were chosen */
    int64_t rows;            /* in selected order */
    alm_eval_row_fn *row;
    void *context;
} alm_eval_set;

#endif
