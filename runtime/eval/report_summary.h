/* What a report shows of a group besides means: quantiles, histograms, shares below a bound, the
 * worst and the typical samples, reasons of failures. Made from the rows, which can be dropped
 * afterwards; its size does not depend on their number.
 */
#ifndef ALM_RUNTIME_EVAL_REPORT_SUMMARY_H
#define ALM_RUNTIME_EVAL_REPORT_SUMMARY_H

#include "runtime/eval/report_rows.h"

/* Quantities with quantiles: values of a row in this order. */
enum { ALMI_SPREAD_GD, ALMI_SPREAD_SYMMETRIC_GD, ALMI_SPREAD_RMSE_T, ALMI_SPREAD_CD, ALMI_SPREADS };
enum { ALMI_QUANTILES = 5 };

extern const double almi_quantile[ALMI_QUANTILES]; /* 0.05 ... 0.95 */

/* Bins. Angles: 36 of 5 degrees, 180 in the last. Lengths and squares: five a decade from the least
 * power of ten to the greatest, then one bin for what is below and one for what is not. */
enum {
    ALMI_ANGLE_BINS = 36,
    ALMI_ANGLE_WIDTH = 5,
    ALMI_LOG_BINS = 5, /* a decade */
    ALMI_LENGTH_LEAST = -5,
    ALMI_LENGTH_MOST = 1,
    ALMI_SQUARE_LEAST = -7,
    ALMI_SQUARE_MOST = 1,
    ALMI_BINS_MOST = (ALMI_SQUARE_MOST - ALMI_SQUARE_LEAST) * ALMI_LOG_BINS + 2,
    /* Points of the curves "share not above": every degree; "share below": 20 a decade. */
    ALMI_ANGLE_POINTS = 181,
    ALMI_SQUARE_POINTS = (ALMI_SQUARE_MOST - ALMI_SQUARE_LEAST) * 20 + 1,
    ALMI_POINTS_MOST = ALMI_ANGLE_POINTS,
    ALMI_REASONS = 32, /* that are told apart */
    ALMI_FAILURES = 20 /* that are named */
};

typedef struct almi_example {
    int32_t set; /* of the group */
    int64_t row; /* of the set */
    int64_t idx;
    float cd;
    double place; /* typical ones: the quantile of CD, in percent; else 0 */
} almi_example;

typedef struct almi_reason {
    char *text;
    int64_t count;
} almi_reason;

typedef struct almi_summary {
    int64_t values[ALMI_SPREADS]; /* rows that have it */
    float quantile[ALMI_SPREADS][ALMI_QUANTILES];
    int64_t bin[ALMI_SPREADS][ALMI_BINS_MOST];
    int64_t curve[ALMI_SPREADS][ALMI_POINTS_MOST]; /* not for RMSE(T) */
    almi_example *worst; /* distinct samples by falling CD, each under its worst seed */
    int worst_count;
    almi_example typical[3]; /* rows at 25, 50 and 75 % of CD */
    int typical_count;
    almi_example failure[ALMI_FAILURES]; /* the first rows without a valid pose, by idx and seed */
    int failure_count;
    almi_reason reason[ALMI_REASONS + 1]; /* by falling count; the last: all others, text NULL */
    int reason_count;
} almi_summary;

/* group->row must be there. most: worst samples wanted. */
alm_status almi_summary_create(const almi_group *group, int most, almi_summary *out);
void almi_summary_free(almi_summary *summary);

int almi_bins_of(int spread);

/* 10^(k/20): the same double everywhere. */
double almi_power(int k);

#endif
