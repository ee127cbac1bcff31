/* The rows of many sets as numbers: what reports and comparisons compute from. Sets of one dataset
 * and split form a group; the rows of a group are sorted by sample and seed, so that a sample's
 * rows of all seeds lie together (a cluster). Nothing depends on the order in which sets are given.
 *
 * State: 72 bytes a row while a group is read, texts of categories once each.
 */
#ifndef ALM_RUNTIME_EVAL_REPORT_ROWS_H
#define ALM_RUNTIME_EVAL_REPORT_ROWS_H

#include <stdbool.h>
#include <stdint.h>

#include "runtime/eval/row.h"
#include "kernels/core/mix.h"
#include "runtime/eval/name_index.h"
#include "runtime/eval/statistics.h"

/* Beyond the metrics of row.h a row's numbers hold one more. */
enum { ALMI_SYMMETRIC_GD = ALM_METRICS, ALMI_VALUES };

typedef enum almi_row_state {
    ALMI_ROW_VALID,
    ALMI_ROW_INVALID, /* no pose, or one with a metric that is not finite */
    ALMI_ROW_ERROR    /* the sample could not be read */
} almi_row_state;

typedef struct almi_row {
    int64_t idx, row; /* row: of its set */
    uint64_t asset;   /* hash */
    int32_t set;      /* of the group */
    int32_t category;
    int32_t symmetries; /* as alm_eval_row; -1: not known */
    almi_row_state state;
    float value[ALMI_VALUES];
} almi_row;

/* Columns of the table of sums, one row a cluster (statistics.h). The first are sums of the metrics
 * over valid rows. */
typedef enum almi_sum {
    ALMI_SUM_SYMMETRIC_GD = ALM_METRICS,
    ALMI_SUM_ASYMMETRIC_GD, /* of GD, over rows of parts without a symmetry */
    ALMI_COUNT_VALID,
    ALMI_COUNT_KNOWN, /* valid rows whose symmetries are known */
    ALMI_COUNT_ASYMMETRIC,
    ALMI_COUNT_SYMMETRIC,
    ALMI_COUNT_CONTINUOUS, /* of these, those with a continuous symmetry */
    ALMI_COUNT_ROWS,
    ALMI_COUNT_ERRORS
} almi_sum;

/* What is reported: ratios of these sums. */
typedef enum almi_measure {
    ALMI_MEASURE_SYMMETRIC_GD = ALM_METRICS,
    ALMI_MEASURE_ASYMMETRIC_GD,
    ALMI_MEASURE_SYMMETRIC,
    ALMI_MEASURE_VALID,
    ALMI_MEASURE_SUCCESS, /* PA(0.01) over all rows: one without a pose is a failure */
    ALMI_MEASURES
} almi_measure;

typedef enum almi_format { ALMI_DEGREES, ALMI_LENGTH, ALMI_SQUARE, ALMI_PERCENT } almi_format;

typedef struct almi_measure_info {
    const char *name; /* in JSON and CSV */
    const char *head; /* of a column, with its unit */
    almi_format format;
    int better; /* -1: lower values, 1: higher ones, 0: neither */
} almi_measure_info;

extern const almi_measure_info almi_measures[ALMI_MEASURES];
extern const alm_ratio almi_ratios[ALMI_MEASURES];

/* Of the metrics, in their order, and of the symmetric GD behind them. */
#define ALMI_METRIC_INFO                                                                           \
    {"GD", "GD (deg)", ALMI_DEGREES, -1}, {"RMSE(T)", "RMSE(T)", ALMI_LENGTH, -1},                 \
        {"CD", "CD", ALMI_SQUARE, -1}, {"CD(R)", "CD(R)", ALMI_SQUARE, -1},                        \
        {"PA(0.01)", "PA(0.01) %", ALMI_PERCENT, 1},                                               \
        {"PA(0.008)", "PA(0.008) %", ALMI_PERCENT, 1},                                             \
        {"PA(0.005)", "PA(0.005) %", ALMI_PERCENT, 1},                                             \
    {                                                                                              \
        "symmetric GD", "symmetric GD (deg)", ALMI_DEGREES, -1                                     \
    }

typedef struct almi_category {
    const char *name;     /* of almi_group.names */
    int64_t first, count; /* of almi_group.member */
} almi_category;

/* The sets of one dataset and split, by ascending seed. */
typedef struct almi_group {
    const char *dataset, *split; /* borrowed from a set */
    const alm_eval_set **set;    /* [sets] */
    int sets;
    uint64_t key;  /* hash of dataset and split */
    almi_row *row; /* [rows], by idx and seed, until almi_group_drop_rows */
    int64_t rows;
    int64_t clusters;
    double (*table)[ALM_SUMS];    /* [clusters], by idx */
    double (*seed_sum)[ALM_SUMS]; /* [sets] */
    alm_name_index names;         /* of the categories */
    almi_category *category;      /* [categories], by name */
    int32_t categories;
    int32_t *member; /* [clusters] rows of the table, category by category */
} almi_group;

typedef struct almi_groups {
    almi_group *group; /* by split and dataset (not named ones first), in byte order */
    int count;
    const alm_eval_set **order; /* storage of almi_group.set */
} almi_groups;

/* Sorts the sets into groups; nothing is read yet. The sets stay the caller's and must live as
 * long. Error: ALM_STATUS_CHECK (one dataset, split and seed twice). */
alm_status almi_groups_create(const alm_eval_set *sets, int count, almi_groups *out);
void almi_groups_free(almi_groups *groups); /* resets it */

/* Sees every row of a group while it is read; NULL: nobody does. */
typedef alm_status almi_visit_fn(void *context, const alm_eval_set *set, int64_t row,
                                 const alm_eval_row *r);

/* Reads the rows of a group; fills all of it. Errors: ALM_STATUS_CHECK (an idx twice under one
 * seed; one idx with two assets or categories under two seeds), ALM_STATUS_MEMORY, those of the
 * sets and of visit. */
alm_status almi_group_read(almi_group *group, almi_visit_fn *visit, void *context);

/* Frees group->row, which statistics no longer need. */
void almi_group_drop_rows(almi_group *group);

/* Fetches a row again: texts and poses. */
alm_status almi_group_row(const almi_group *group, int32_t set, int64_t row, alm_eval_row *out);

/* The stratum of a whole group. */
alm_stratum almi_group_stratum(const almi_group *group);

/* Adds the row to a row of sums. */
void almi_add_row(const almi_row *row, double sum[ALM_SUMS]);

#endif
