/* Tests of paired runs, intervals over seeds, quantiles (statistics.h). */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "kernels/core/memory.h"
#include "runtime/eval/statistics.h"
#include "runtime/eval/statistics_parts.h"

enum { ENUMERATED = 13, SAMPLED = 20000, TABLE = 30, WORD = 64 };

/* ---- Sorting */

static int compare_floats(const void *a, const void *b)
{
    const float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

void alm_sort_floats(float *values, int64_t count)
{
    if (count > 1) {
        qsort(values, (size_t)count, sizeof *values, compare_floats);
    }
}

float alm_quantile(const float *sorted, int64_t count, double q)
{
    const double place = ceil(q * (double)count);
    const int64_t i = place < 1 ? 0 : place > (double)count ? count - 1 : (int64_t)place - 1;
    return sorted[i];
}

/* ---- Seeds */

double alm_student(int freedom)
{
    static const double table[TABLE] = {
        12.70620474, 4.30265273,  3.182446305, 2.776445105, 2.570581836, 2.446911851,
        2.364624252, 2.306004135, 2.262157163, 2.228138852, 2.20098516,  2.17881283,
        2.160368656, 2.144786688, 2.131449546, 2.119905299, 2.109815578, 2.10092204,
        2.093024054, 2.085963447, 2.079613845, 2.073873068, 2.06865761,  2.063898562,
        2.059538553, 2.055529439, 2.051830516, 2.048407142, 2.045229642, 2.042272456};
    if (freedom <= TABLE) {
        return table[freedom - 1];
    }
    const double z = 1.959963984540054, s = z * z, n = freedom;
    const double g1 = z * (s + 1) / 4;
    const double g2 = z * ((5 * s + 16) * s + 3) / 96;
    const double g3 = z * (((3 * s + 19) * s + 17) * s - 15) / 384;
    const double g4 = z * ((((79 * s + 776) * s + 1482) * s - 1920) * s - 945) / 92160;
    return z + (g1 + (g2 + (g3 + g4 / n) / n) / n) / n;
}

alm_spread alm_spread_of(const double *values, int count)
{
    alm_spread s = {.count = count, .mean = NAN, .deviation = NAN, .low = NAN, .high = NAN};
    if (count < 1) {
        return s;
    }
    double sum = 0, square = 0;
    for (int i = 0; i < count; i++) {
        sum += values[i];
    }
    s.mean = sum / count;
    if (count < 2) {
        return s;
    }
    for (int i = 0; i < count; i++) {
        square += (values[i] - s.mean) * (values[i] - s.mean);
    }
    s.deviation = sqrt(square / (count - 1));
    const double reach = alm_student(count - 1) * s.deviation / sqrt(count);
    s.low = s.mean - reach;
    s.high = s.mean + reach;
    return s;
}

/* ---- Random signs */

/* Differences of clusters that are not 0. */
typedef struct signs {
    const double *d;
    int64_t count;
    double limit; /* |T| less what rounding may take from an equal total */
    uint64_t seed, key;
    int resamples;
    uint8_t *reached; /* [resamples] */
} signs;

static double exact_p(const signs *s)
{
    const uint32_t all = (uint32_t)1 << s->count;
    uint32_t reached = 0;
    for (uint32_t bits = 0; bits < all; bits++) {
        double total = 0;
        for (int64_t i = 0; i < s->count; i++) {
            total += bits >> i & 1 ? -s->d[i] : s->d[i];
        }
        reached += fabs(total) >= s->limit;
    }
    return (double)reached / (double)all;
}

static void flip_task(void *context, int64_t b, int thread)
{
    (void)thread;
    const signs *s = context;
    uint64_t state = almi_random_start(s->seed, s->key, (uint64_t)b);
    double total = 0;
    for (int64_t i = 0; i < s->count; i += WORD) {
        const uint64_t bits = alm_mix_next(&state);
        const int64_t end = s->count - i < WORD ? s->count - i : WORD;
        for (int64_t k = 0; k < end; k++) {
            total += s->d[i + k] * (double)(1 - 2 * (int)(bits >> k & 1));
        }
    }
    s->reached[b] = fabs(total) >= s->limit;
}

static double p_of(signs *s, alm_pool *pool)
{
    double total = 0, size = 0, square = 0;
    for (int64_t i = 0; i < s->count; i++) {
        total += s->d[i];
        size += fabs(s->d[i]);
        square += s->d[i] * s->d[i];
    }
    s->limit = fabs(total) - 1e-12 * size;
    if (s->count == 0) {
        return 1;
    }
    if (s->count <= ENUMERATED) {
        return exact_p(s);
    }
    if (s->count > SAMPLED) {
        return erfc(fabs(total) / sqrt(2 * square));
    }
    alm_parallel_for(pool, s->resamples, flip_task, s);
    int64_t reached = 1;
    for (int b = 0; b < s->resamples; b++) {
        reached += s->reached[b];
    }
    return (double)reached / (double)(s->resamples + 1);
}

static double total_of(const alm_stratum *s, int column)
{
    double total = 0;
    for (int64_t i = 0; i < s->count; i++) {
        total += s->table[s->member ? s->member[i] : (int32_t)i][column];
    }
    return total;
}

/* Appends the differences of a stratum, scaled. */
static int64_t gather(const alm_stratum *s, int column, double scale, double *out)
{
    int64_t n = 0;
    for (int64_t i = 0; i < s->count; i++) {
        const double d = s->table[s->member ? s->member[i] : (int32_t)i][column];
        if (d != 0) {
            out[n++] = d * scale;
        }
    }
    return n;
}

/* All rows of one ratio; d: room for every cluster. */
static void flip_ratio(const alm_stratum *strata, int count, const alm_ratio *ratio, double *d,
                       signs *s, alm_pool *pool, double *out, int stride)
{
    int64_t at[2] = {0};
    s->d = d;
    for (int k = 0; k < count; k++) {
        s->count = gather(&strata[k], ratio->numerator, 1, d);
        s->key = strata[k].key;
        out[k * stride] = total_of(&strata[k], ratio->denominator) != 0 ? p_of(s, pool) : NAN;
    }
    for (int macro = 0; macro < 2; macro++) {
        bool any = false;
        s->key = (uint64_t)(macro + 1);
        for (int k = 0; k < count; k++) {
            const double pairs = total_of(&strata[k], ratio->denominator);
            any = any || pairs != 0;
            if (pairs != 0) {
                at[macro] +=
                    gather(&strata[k], ratio->numerator, macro ? 1 / pairs : 1, d + at[macro]);
            }
        }
        s->count = at[macro];
        out[(count + macro) * stride] = any ? p_of(s, pool) : NAN;
    }
}

alm_status alm_sign_flip(const alm_stratum *strata, int count, const alm_ratio *ratios,
                         int ratio_count, const alm_bootstrap_options *options, double *out)
{
    int64_t clusters;
    ALM_TRY(almi_begin(strata, count, options, &clusters));
    signs s = {.seed = options->seed,
               .resamples = options->resamples ? options->resamples : ALM_RESAMPLES};
    double *d = NULL;
    ALM_TRY(alm_alloc((size_t)clusters, sizeof *d, "the permutation test", &d));
    const alm_status status = alm_alloc((size_t)s.resamples, 1, "the permutation test", &s.reached);
    for (int k = 0; status == ALM_OK && k < ratio_count; k++) {
        flip_ratio(strata, count, &ratios[k], d, &s, options->pool, out + k, ratio_count);
    }
    alm_free(s.reached);
    alm_free(d);
    return status;
}

/* ---- McNemar */

double alm_mcnemar(int64_t b, int64_t c)
{
    const int64_t n = b + c, least = b < c ? b : c;
    /* C(n, least) / 2^n: products of both kinds by turns, so that neither leaves the range. */
    double term = 1;
    int64_t halves = 0;
    for (int64_t i = 1; i <= least; i++) {
        term *= (double)(n - least + i) / (double)i;
        for (; term > 1 && halves < n; halves++) {
            term *= 0.5;
        }
    }
    for (; halves < n && term > 0; halves++) {
        term *= 0.5;
    }
    double sum = 0;
    for (int64_t k = least; k >= 0 && term > 0; k--) {
        sum += term;
        term *= (double)k / (double)(n - k + 1);
    }
    return fmin(1, 2 * sum);
}
