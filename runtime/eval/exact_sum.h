/* Correctly rounded sums and the statistics over seeds that rest on them.
 *
 * Source: J. R. Shewchuk, Adaptive Precision Floating-Point Arithmetic and Fast Robust Geometric
 * Predicates, Discrete & Computational Geometry 18, 1997: a sum as a list of doubles that do not
 * overlap. Python's math.fsum gives the same results.
 */
#ifndef ALM_RUNTIME_EVAL_EXACT_SUM_H
#define ALM_RUNTIME_EVAL_EXACT_SUM_H

#include <stddef.h>

/* The sum of finite values, rounded once; infinite or NaN when a partial sum overflows. */
double alm_exact_sum(const double *value, size_t count);

typedef struct alm_exact_spread {
    double mean, variance_population, variance_sample, std_population, std_sample;
} alm_exact_spread;

/* variance_sample and std_sample are 0 for one value. count > 0. Squares are products rounded once,
 * not a library's pow(), so that every machine gives the same bits. */
alm_exact_spread alm_exact_spread_of(const double *value, size_t count);

#endif
