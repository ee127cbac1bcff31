/* Counts and means over rows (assembench.md 3): sums in float64, in the order of the rows, so that
 * they are the same for every number of threads and shards. Metrics are float32 values, so a sum of
 * thousands of them is exact or nearly so.
 */
#ifndef ALM_RUNTIME_EVAL_MEANS_H
#define ALM_RUNTIME_EVAL_MEANS_H

#include "runtime/eval/name_index.h"
#include "runtime/eval/row.h"
#include "runtime/output/json_write.h"

/* The keys of means, in the order of alm_metric. */
static const char *const alm_mean_names[ALM_METRICS] = {
    "Avg GD", "RMSE(T)", "CD", "CD(R)", "PA(0.01)", "PA(0.008)", "PA(0.005)"};

typedef struct alm_means {
    int64_t rows, valid;
    double pose_loss;        /* sum over rows */
    double sum[ALM_METRICS]; /* over valid rows */
} alm_means;

/* metric: [ALM_METRICS], of a valid row; NULL: the row is invalid. */
void alm_means_add(alm_means *means, const double *metric, double pose_loss);

/* means->valid > 0. */
double alm_means_get(const alm_means *means, alm_metric metric);

/* Whether all sums are finite: rows of files may hold 1e308. */
bool alm_means_finite(const alm_means *means);

/* The seven keys of an open object; nothing when no row is valid. */
void alm_means_write(alm_json_write *w, const alm_means *means);

/* Means by name. Zero-initialise; release with alm_category_means_free. */
typedef struct alm_category_means {
    alm_name_index names;
    alm_means *means; /* [names.count] */
    size_t capacity;
} alm_category_means;

/* The category's means, made when it is new; until the next call. */
alm_status alm_category_means_at(alm_category_means *categories, const char *name, alm_means **out);
/* "per_category" of an open object: an object a category, by code point of the names; write gives
 * its keys. */
alm_status alm_category_means_write(alm_json_write *w, const alm_category_means *categories,
                                    void (*write)(alm_json_write *w, const alm_means *means));
void alm_category_means_free(alm_category_means *categories); /* resets it */

/* Row number `row` as results count it: a category that is NULL is "Unlabeled", and what JSON and
 * means cannot hold makes a row invalid (metrics of a pose that is far away overflow) or unreadable
 * (so does the centre of a cloud of 1e38). */
alm_status alm_eval_set_row(const alm_eval_set *set, int64_t row, alm_eval_row *out);

#endif
