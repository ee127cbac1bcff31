/* Statistics of evaluated samples: bootstrap intervals of means, intervals over seeds, tests of
 * paired runs, quantiles.
 *
 * The unit of resampling is the cluster: a sample of the data with its rows of all seeds, because
 * rows of one sample under several seeds are not independent. A cluster is a row of a table of
 * sums, and a mean is a ratio of two columns' totals (Davison & Hinkley 1997, "Bootstrap Methods
 * and Their Application", 2.1 and 3.8): with S_i the sum and C_i the number of the values of
 * cluster i, mean = ΣS_i / ΣC_i, for the data and for every resample of the clusters alike.
 *
 * Everything is computed from the arguments alone, in an order that does not depend on threads:
 * same arguments, same bytes, on every machine. (What needs a logarithm or an error function only
 * chooses an order statistic, or is a p-value, which is to be shown with few digits.)
 */
#ifndef ALM_RUNTIME_EVAL_STATISTICS_H
#define ALM_RUNTIME_EVAL_STATISTICS_H

#include <stdbool.h>
#include <stdint.h>

#include "kernels/core/parallel.h"
#include "kernels/core/status.h"

enum {
    ALM_SUMS = 16,         /* columns of a table */
    ALM_RESAMPLES = 10000, /* when nothing else is asked for */
    ALM_RESAMPLES_MOST = 200000
};

/* Of all intervals: 95 % */
static const double alm_confidence = 0.95;

/* A mean: total of column `numerator` / total of column `denominator`. */
typedef struct alm_ratio {
    int numerator, denominator;
    bool proportion; /* of values that are 0 or 1 */
} alm_ratio;

/* The clusters of one dataset and split. */
typedef struct alm_stratum {
    const double (*table)[ALM_SUMS]; /* a row a cluster */
    const int32_t *member;           /* [count] rows of the table; NULL: rows 0 ... count−1 */
    int64_t count;                   /* below 2^31 */
    uint64_t key; /* names its stream of random numbers; the place in the list does not matter */
} alm_stratum;

typedef enum alm_interval_kind {
    ALM_INTERVAL_NONE,  /* fewer than two clusters have a value */
    ALM_INTERVAL_BCA,   /* bias-corrected and accelerated */
    ALM_INTERVAL_EXACT, /* Clopper-Pearson: a proportion of 0 or 1, where resamples are all equal */
    ALM_INTERVAL_POINT  /* all resamples are equal: low = high = value */
} alm_interval_kind;

/* "none", "bca", "clopper-pearson", "point". Static storage. */
const char *alm_interval_name(alm_interval_kind kind);

typedef struct alm_estimate {
    bool known; /* the denominator is not 0 */
    double value;
    alm_interval_kind kind;
    double low, high;      /* unless ALM_INTERVAL_NONE */
    double standard_error; /* standard deviation of the resampled values, likewise */
    int64_t clusters;      /* with a denominator that is not 0 */
    int64_t resamples;     /* in which the denominator is not 0 */
} alm_estimate;

typedef struct alm_bootstrap_options {
    uint64_t seed;
    int resamples;  /* 0: ALM_RESAMPLES */
    alm_pool *pool; /* NULL: this thread alone; the results are the same */
} alm_bootstrap_options;

/* Resamples that are drawn of this many clusters: as asked, but no more than 2e8 draws in all and
 * no fewer than 1,000 resamples. */
int alm_resamples_of(const alm_bootstrap_options *options, int64_t clusters);

/* Estimates and BCa intervals of `ratio_count` ratios in each of `count` strata, then pooled:
 * out [count + 2][ratio_count]; row `count` is the micro average (totals over all strata), row
 * count + 1 the macro average (mean of the strata's ratios, those without one left out). Pooled
 * intervals resample each stratum by itself (stratified bootstrap, Davison & Hinkley 3.2).
 *
 * Resample b of a stratum draws as many clusters as it has, with replacement; all ratios share the
 * draws. With θ the value, θ*_b those of B resamples, sorted, Φ the normal distribution, z = ±1.96:
 *     z0 = Φ⁻¹(#{θ*_b < θ}/B + ½·#{θ*_b = θ}/B)                   (bias; ties count half)
 *     a = Σd_i³ / (6·(Σd_i²)^1.5),  d_i = (S_i − θ·C_i)/ΣC         (acceleration, from the
 *         influence of cluster i on θ; pooled: over all strata, d_i of the macro average divided
 *         by their number)
 *     α = Φ(z0 + (z0 + z)/(1 − a·(z0 + z)))
 * and the bound is the order statistic number floor((B+1)·α), from the other end for the upper one,
 * without interpolation. Efron 1987, "Better Bootstrap Confidence Intervals", JASA 82; Efron &
 * Tibshirani 1993, 14.3; a for strata: Davison & Hinkley 5.3.2.
 *
 * A proportion of 0 or 1 resamples to itself; its bound is then the exact one of Clopper & Pearson
 * 1934, Biometrika 26, for n clusters as n trials: 1 − (0.025)^(1/n) above 0, 0.025^(1/n) below 1.
 *
 * Errors: ALM_STATUS_USAGE (resamples out of range), ALM_STATUS_MEMORY. */
alm_status alm_bootstrap(const alm_stratum *strata, int count, const alm_ratio *ratios,
                         int ratio_count, const alm_bootstrap_options *options, alm_estimate *out);

/* The BCa bounds from b >= 1 resampled values, which are reordered. */
void alm_bca(double *values, int64_t b, double value, double acceleration, double *low,
             double *high);

/* Mean, standard deviation (n − 1) and the interval mean ± t(n−1, 0.975)·s/√n of a few values, one
 * a seed (Student 1908). deviation, low and high: NaN for fewer than two; all NaN for none. */
typedef struct alm_spread {
    int count;
    double mean, deviation, low, high;
} alm_spread;
alm_spread alm_spread_of(const double *values, int count);

/* The 0.975 quantile of Student's t with `freedom` >= 1 degrees: a table up to 30, then the
 * expansion 26.7.5 of Abramowitz & Stegun 1964 (error below 3e-8). */
double alm_student(int freedom);

/* Two-sided p-values of "the two runs differ by chance only", for differences summed by cluster:
 * out [count + 2][ratio_count] as above; NaN without a pair. Under the hypothesis the sign of a
 * cluster's difference is a coin (Fisher 1935; Good 2005, "Permutation, Parametric and Bootstrap
 * Tests", 3.2); with T the total and n the clusters that differ,
 *     n <= 13: all 2^n signs, p = #{|T*| >= |T|} / 2^n
 *     n <= 20,000: B random ones, p = (1 + #{|T*| >= |T|}) / (B + 1)   (Phipson & Smyth 2010)
 *     more: p = 2·(1 − Φ(|T| / √Σd²)), the limit of the same distribution.
 * The pooled rows test the totals of the micro and of the macro average. No cluster differs: 1. */
alm_status alm_sign_flip(const alm_stratum *strata, int count, const alm_ratio *ratios,
                         int ratio_count, const alm_bootstrap_options *options, double *out);

/* Exact p-value of McNemar's test (1947, Psychometrika 12) for b and c discordant pairs:
 * min(1, 2·Σ_{k <= min(b,c)} C(b+c, k) / 2^(b+c)). */
double alm_mcnemar(int64_t b, int64_t c);

/* The smallest value that at least share q of the values do not exceed (0 < q <= 1; definition 1 of
 * Hyndman & Fan 1996): no interpolation. sorted: ascending, count >= 1. */
float alm_quantile(const float *sorted, int64_t count, double q);

/* Sorts ascending; NaN is not allowed. */
void alm_sort_floats(float *values, int64_t count);

#endif
