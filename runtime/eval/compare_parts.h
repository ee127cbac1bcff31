/* Two runs on the same samples: what the files of a comparison share (report.h). */
#ifndef ALM_RUNTIME_EVAL_COMPARE_PARTS_H
#define ALM_RUNTIME_EVAL_COMPARE_PARTS_H

#include "runtime/eval/report_parts.h"

/* Columns of the table of sums of a sample: of B − A over its pairs. The first are metrics. */
enum {
    ALMI_PAIR_SYMMETRIC_GD = ALM_METRICS,
    ALMI_PAIR_SUCCESS, /* three: PA(0.01), PA(0.008), PA(0.005) of all rows */
    ALMI_PAIR_VALID = ALMI_PAIR_SUCCESS + 3,
    ALMI_PAIR_COUNT_VALID, /* pairs in which both are valid */
    ALMI_PAIR_COUNT_KNOWN, /* of these, those with a symmetric GD */
    ALMI_PAIR_COUNT
};

enum {
    ALMI_PAIR_MEASURES = ALMI_PAIR_VALID + 1,
    ALMI_PAIR_BINS = 36,
    ALMI_PAIR_BIN_WIDTH = 10, /* degrees */
    ALMI_PAIR_NAMED = 20
};

extern const almi_measure_info almi_pair_measures[ALMI_PAIR_MEASURES];
extern const alm_ratio almi_pair_ratios[ALMI_PAIR_MEASURES];

/* Counts and sums of pairs; sums and tallies of groups add up to those of a split. */
typedef struct almi_pair_sums {
    int64_t pairs, both, only_a, only_b, neither; /* valid poses */
    int64_t errors; /* pairs that are left out: one run could not read the sample */
    double a[ALMI_PAIR_MEASURES], b[ALMI_PAIR_MEASURES];
    int64_t better[ALMI_PAIR_MEASURES], worse[ALMI_PAIR_MEASURES], equal[ALMI_PAIR_MEASURES];
    int64_t success[3][4];                 /* a threshold: both, only A, only B, neither */
    int64_t difference[2][ALMI_PAIR_BINS]; /* of GD and symmetric GD, where not 0 */
    int64_t unpaired[2], other_asset;      /* rows */
} almi_pair_sums;

/* A sample whose CD differs much. */
typedef struct almi_pair_example {
    int64_t idx, row;
    int32_t set; /* of A's group, as row: where its name is */
    int64_t pairs;
    double cd[2], gd[2]; /* means over its pairs */
} almi_pair_example;

typedef struct almi_pair_group {
    const char *dataset, *split;
    const almi_group *a, *b; /* NULL: not in this run */
    uint64_t key;
    int64_t clusters;
    double (*table)[ALM_SUMS];
    almi_pair_sums sum;
    alm_estimate estimate[ALMI_PAIR_MEASURES];
    double p[ALMI_PAIR_MEASURES];
    alm_spread seeds[ALMI_PAIR_MEASURES]; /* of the mean differences of each seed */
    almi_pair_example *changed[2];        /* by rising (better) and by falling B − A of CD */
    int changed_count[2];
    almi_example unpaired[2][ALMI_PAIR_NAMED]; /* the first by idx and seed */
    int unpaired_count[2];
} almi_pair_group;

typedef struct almi_pair_split {
    const char *split;
    int first, count;
    almi_pair_sums sum;
    alm_estimate micro[ALMI_PAIR_MEASURES], macro[ALMI_PAIR_MEASURES];
    double micro_p[ALMI_PAIR_MEASURES], macro_p[ALMI_PAIR_MEASURES];
} almi_pair_split;

typedef struct almi_comparison {
    const alm_report_options *options;
    const char *name[2];
    almi_groups run[2];
    almi_pair_group *group;
    int groups;
    almi_pair_split *split;
    int splits;
    alm_pool *pool;
} almi_comparison;

/* compare_rows.c: fills a group from the rows of both runs. most: changed samples wanted. */
alm_status almi_pair_rows(almi_pair_group *group, int most);

/* compare_write.c */
alm_status almi_compare_write_files(const almi_comparison *comparison);

#endif
