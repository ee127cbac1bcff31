/* The bootstrap (statistics.h). Resamples are the outer loop, so that threads share the work
 * without sharing results, and all ratios use one set of draws. */
#include "runtime/eval/statistics.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "kernels/core/memory.h"
#include "runtime/eval/statistics_parts.h"

enum { FEWEST = 1000, CHUNK = 16 /* resamples that are one task */, BATCH = 64 };
static const double most_draws = 2e8, normal_point = 1.959963984540054;

uint64_t almi_random_start(uint64_t seed, uint64_t key, uint64_t number)
{
    uint64_t state = seed ^ alm_mix_next(&key);
    state = alm_mix_next(&state) + number;
    return alm_mix_next(&state);
}

const char *alm_interval_name(alm_interval_kind kind)
{
    static const char *const names[] = {"none", "bca", "clopper-pearson", "point"};
    return names[kind];
}

int alm_resamples_of(const alm_bootstrap_options *options, int64_t clusters)
{
    const int asked = options->resamples ? options->resamples : ALM_RESAMPLES;
    const double most = fmax(most_draws / (double)(clusters > 0 ? clusters : 1), FEWEST);
    return asked > most ? (int)most : asked;
}

/* ---- Normal distribution */

static double normal(double x)
{
    return 0.5 * erfc(-x * 0.70710678118654752);
}

/* By halving: called a few times a ratio, and as exact as normal(). */
static double normal_inverse(double p)
{
    double low = -9, high = 9;
    for (int i = 0; i < 64; i++) {
        const double middle = 0.5 * (low + high);
        if (normal(middle) < p) {
            low = middle;
        } else {
            high = middle;
        }
    }
    return low;
}

/* ---- Intervals */

/* Number, from 1, of the order statistic for the share alpha of b values, counted from the nearer
 * end so that the two ends are treated alike. */
static int64_t order(double alpha, int64_t b)
{
    const double n = (double)(b + 1);
    const double place = alpha <= 0.5 ? floor(n * alpha) : n - floor(n * (1 - alpha));
    return place < 1 ? 1 : place > (double)b ? b : (int64_t)place;
}

/* Number k, from 0, of the values in ascending order (Hoare 1961, "Find"); they are reordered. Both
 * scans stop at values that are equal, so that many of these do not cost more. */
static double select_value(double *values, int64_t count, int64_t k)
{
    int64_t first = 0, last = count - 1;
    while (first < last) {
        const double pivot = values[first + (last - first) / 2];
        int64_t i = first, j = last;
        while (i <= j) {
            while (values[i] < pivot) {
                i++;
            }
            while (values[j] > pivot) {
                j--;
            }
            if (i <= j) {
                const double swap = values[i];
                values[i++] = values[j];
                values[j--] = swap;
            }
        }
        if (k <= j) {
            last = j;
        } else if (k >= i) {
            first = i;
        } else {
            return values[k];
        }
    }
    return values[k];
}

void alm_bca(double *values, int64_t b, double value, double acceleration, double *low,
             double *high)
{
    int64_t below = 0, equal = 0;
    for (int64_t i = 0; i < b; i++) {
        below += values[i] < value;
        equal += values[i] == value;
    }
    /* A value outside of all resamples would give an infinite bias. */
    const double half = 0.5 / (double)b;
    const double share = ((double)below + 0.5 * (double)equal) / (double)b;
    const double z0 = normal_inverse(fmin(fmax(share, half), 1 - half));
    double *const bound[2] = {low, high};
    for (int k = 0; k < 2; k++) {
        const double z = z0 + (k ? normal_point : -normal_point);
        const double slope = 1 - acceleration * z;
        /* Beyond the pole of the transformation the bound is the outermost resample. */
        const double alpha = slope > 1e-6 ? normal(z0 + z / slope) : k;
        *bound[k] = select_value(values, b, order(alpha, b) - 1);
    }
}

/* x with x^n = 0.025 by halving: nothing but products, so the same everywhere. */
static double root_of_tail(int64_t n)
{
    double low = 0, high = 1;
    for (int i = 0; i < 64; i++) {
        const double middle = 0.5 * (low + high);
        double power = 1, square = middle;
        for (int64_t k = n; k > 0; k /= 2) {
            power = k % 2 ? power * square : power;
            square *= square;
        }
        if (power < 0.5 * (1 - alm_confidence)) {
            low = middle;
        } else {
            high = middle;
        }
    }
    return low;
}

/* values: [count] with NaN where a resample has no such value; reordered. */
static void fill_interval(double *values, int64_t count, const alm_ratio *ratio,
                          double acceleration, alm_estimate *e)
{
    int64_t b = 0;
    for (int64_t i = 0; i < count; i++) {
        if (!isnan(values[i])) {
            values[b++] = values[i];
        }
    }
    e->resamples = b;
    if (!e->known || e->clusters < 2 || b == 0) {
        return;
    }
    double least = values[0], most = values[0], mean = 0, square = 0;
    for (int64_t i = 0; i < b; i++) {
        least = fmin(least, values[i]);
        most = fmax(most, values[i]);
        mean += values[i] / (double)b;
    }
    if (least == most) {
        const bool exact = ratio->proportion && (e->value == 0 || e->value == 1);
        const double tail = exact ? root_of_tail(e->clusters) : 0;
        e->kind = exact ? ALM_INTERVAL_EXACT : ALM_INTERVAL_POINT;
        e->low = exact && e->value == 1 ? tail : e->value;
        e->high = exact && e->value == 0 ? 1 - tail : e->value;
        return;
    }
    for (int64_t i = 0; i < b; i++) {
        square += (values[i] - mean) * (values[i] - mean);
    }
    e->standard_error = sqrt(square / (double)(b - 1));
    e->kind = ALM_INTERVAL_BCA;
    alm_bca(values, b, e->value, acceleration, &e->low, &e->high);
}

/* ---- Resampling */

typedef struct resampling {
    const alm_stratum *strata;
    int count, ratio_count;
    const alm_ratio *ratios;
    uint64_t seed;
    int resamples;
    const alm_estimate *estimate; /* [count + 2][ratio_count] */
    double *value;                /* [count + 2][ratio_count][resamples] */
} resampling;

/* Totals of as many rows as the stratum has, drawn with replacement. The indices of a batch are
 * drawn first, so that fetching rows of a large table overlaps; unrolled, the sums stay in
 * registers. */
static void draw_totals(const alm_stratum *s, uint64_t state, double total[ALM_SUMS])
{
    double sum[ALM_SUMS] = {0};
    uint32_t row[BATCH];
    const uint32_t count = (uint32_t)s->count;
    for (uint32_t done = 0; done < count; done += BATCH) {
        const uint32_t batch = count - done < BATCH ? count - done : BATCH;
        for (uint32_t i = 0; i < batch; i++) {
            row[i] = almi_random_below(&state, count);
            if (s->member) {
                row[i] = (uint32_t)s->member[row[i]];
            }
            __builtin_prefetch(s->table[row[i]]);
            __builtin_prefetch(s->table[row[i]] + ALM_SUMS / 2);
        }
        for (uint32_t i = 0; i < batch; i++) {
            const double *from = s->table[row[i]];
#pragma GCC unroll 16
            for (int c = 0; c < ALM_SUMS; c++) {
                sum[c] += from[c];
            }
        }
    }
    memcpy(total, sum, sizeof sum);
}

static double ratio_of(const double total[ALM_SUMS], const alm_ratio *ratio)
{
    const double below = total[ratio->denominator];
    return below != 0 ? total[ratio->numerator] / below : NAN;
}

static void resample_once(const resampling *r, int64_t b)
{
    double micro[ALM_SUMS] = {0};
    const size_t size = (size_t)r->resamples;
    const size_t row = size * (size_t)r->ratio_count;
    double *micro_at = r->value + (size_t)r->count * row + b, *macro_at = micro_at + row;
    for (int k = 0; k < r->ratio_count; k++) {
        macro_at[(size_t)k * size] = 0;
    }
    for (int s = 0; s < r->count; s++) {
        double total[ALM_SUMS];
        draw_totals(&r->strata[s], almi_random_start(r->seed, r->strata[s].key, (uint64_t)b),
                    total);
        for (int c = 0; c < ALM_SUMS; c++) {
            micro[c] += total[c];
        }
        for (int k = 0; k < r->ratio_count; k++) {
            const double value = ratio_of(total, &r->ratios[k]);
            r->value[(size_t)s * row + (size_t)k * size + (size_t)b] = value;
            if (r->estimate[s * r->ratio_count + k].known) {
                macro_at[(size_t)k * size] += value;
            }
        }
    }
    for (int k = 0; k < r->ratio_count; k++) {
        int known = 0;
        for (int s = 0; s < r->count; s++) {
            known += r->estimate[s * r->ratio_count + k].known;
        }
        micro_at[(size_t)k * size] = ratio_of(micro, &r->ratios[k]);
        macro_at[(size_t)k * size] = known ? macro_at[(size_t)k * size] / known : NAN;
    }
}

static void resample_task(void *context, int64_t index, int thread)
{
    (void)thread;
    const resampling *r = context;
    for (int64_t b = index * CHUNK; b < (index + 1) * CHUNK && b < r->resamples; b++) {
        resample_once(r, b);
    }
}

/* ---- Estimates */

static const double *row_of(const alm_stratum *s, int64_t i)
{
    return s->table[s->member ? s->member[i] : (int32_t)i];
}

/* Values and counts; total: [count + 1][ALM_SUMS], the last over all strata. */
static void estimate_values(const resampling *r, double (*total)[ALM_SUMS], alm_estimate *out)
{
    memset(out, 0, (size_t)(r->count + 2) * (size_t)r->ratio_count * sizeof *out);
    memset(total, 0, (size_t)(r->count + 1) * sizeof *total);
    alm_estimate *micro = out + r->count * r->ratio_count, *macro = micro + r->ratio_count;
    for (int s = 0; s < r->count; s++) {
        for (int64_t i = 0; i < r->strata[s].count; i++) {
            const double *from = row_of(&r->strata[s], i);
            for (int c = 0; c < ALM_SUMS; c++) {
                total[s][c] += from[c];
            }
            for (int k = 0; k < r->ratio_count; k++) {
                out[s * r->ratio_count + k].clusters += from[r->ratios[k].denominator] != 0;
            }
        }
        for (int c = 0; c < ALM_SUMS; c++) {
            total[r->count][c] += total[s][c];
        }
    }
    for (int k = 0; k < r->ratio_count; k++) {
        int known = 0;
        double sum = 0;
        for (int s = 0; s <= r->count; s++) {
            alm_estimate *e = &out[s * r->ratio_count + k];
            const double value = ratio_of(total[s], &r->ratios[k]);
            e->known = !isnan(value);
            e->value = e->known ? value : 0;
            if (s < r->count) {
                known += e->known;
                sum += e->value;
                micro[k].clusters += e->clusters;
            }
        }
        macro[k] = (alm_estimate){
            .known = known > 0, .value = known ? sum / known : 0, .clusters = micro[k].clusters};
    }
}

/* Adds Σd² and Σd³ of a stratum, d = (S − value·C − offset)·scale. */
static void add_influence(const alm_stratum *s, const alm_ratio *ratio, double value, double offset,
                          double scale, double moment[2])
{
    for (int64_t i = 0; i < s->count; i++) {
        const double *from = row_of(s, i);
        const double d =
            (from[ratio->numerator] - value * from[ratio->denominator] - offset) * scale;
        moment[0] += d * d;
        moment[1] += d * d * d;
    }
}

static double acceleration_of(const double moment[2])
{
    return moment[0] > 0 ? moment[1] / (6 * moment[0] * sqrt(moment[0])) : 0;
}

/* Σd² and Σd³ of a pooled ratio over all strata; d_i of the micro average is centred in its
 * stratum, because the number of draws from a stratum does not vary. */
static void pooled_influence(const resampling *r, double (*total)[ALM_SUMS], int k,
                             const alm_estimate *out, double micro[2], double macro[2])
{
    const alm_ratio *ratio = &r->ratios[k];
    const double pooled = out[r->count * r->ratio_count + k].value;
    int known = 0;
    for (int s = 0; s < r->count; s++) {
        known += out[s * r->ratio_count + k].known;
    }
    for (int s = 0; s < r->count; s++) {
        const alm_estimate *e = &out[s * r->ratio_count + k];
        const double below = total[s][ratio->denominator];
        if (e->known) {
            const double offset =
                (total[s][ratio->numerator] - pooled * below) / (double)r->strata[s].count;
            add_influence(&r->strata[s], ratio, pooled, offset,
                          1 / total[r->count][ratio->denominator], micro);
            add_influence(&r->strata[s], ratio, e->value, 0, 1 / (below * known), macro);
        }
    }
}

static void intervals_of_ratio(const resampling *r, double (*total)[ALM_SUMS], int k,
                               alm_estimate *out)
{
    const alm_ratio *ratio = &r->ratios[k];
    double pooled[2][2] = {{0}};
    pooled_influence(r, total, k, out, pooled[0], pooled[1]);
    for (int s = 0; s < r->count + 2; s++) {
        alm_estimate *e = &out[s * r->ratio_count + k];
        double own[2] = {0};
        if (s < r->count && e->known) {
            add_influence(&r->strata[s], ratio, e->value, 0, 1 / total[s][ratio->denominator], own);
        }
        const double *moment = s < r->count ? own : pooled[s - r->count];
        const size_t place = (size_t)s * (size_t)r->ratio_count + (size_t)k;
        fill_interval(r->value + place * (size_t)r->resamples, r->resamples, ratio,
                      acceleration_of(moment), e);
    }
}

alm_status almi_begin(const alm_stratum *strata, int count, const alm_bootstrap_options *options,
                      int64_t *clusters)
{
    if (options->resamples < 0 || options->resamples > ALM_RESAMPLES_MOST) {
        return alm_fail(ALM_STATUS_USAGE, "resamples: %d, expected 0 to %d", options->resamples,
                        ALM_RESAMPLES_MOST);
    }
    *clusters = 0;
    for (int s = 0; s < count; s++) {
        *clusters += strata[s].count;
    }
    return ALM_OK;
}

alm_status alm_bootstrap(const alm_stratum *strata, int count, const alm_ratio *ratios,
                         int ratio_count, const alm_bootstrap_options *options, alm_estimate *out)
{
    int64_t clusters;
    ALM_TRY(almi_begin(strata, count, options, &clusters));
    resampling r = {.strata = strata,
                    .count = count,
                    .ratio_count = ratio_count,
                    .ratios = ratios,
                    .seed = options->seed,
                    .resamples = alm_resamples_of(options, clusters),
                    .estimate = out};
    size_t values = 0;
    double(*total)[ALM_SUMS] = NULL;
    ALM_TRY(alm_mul_size((size_t)(count + 2) * (size_t)ratio_count, (size_t)r.resamples,
                         "the bootstrap", &values));
    ALM_TRY(alm_alloc(values, sizeof *r.value, "the bootstrap", &r.value));
    const alm_status status =
        alm_alloc((size_t)(count + 1), sizeof *total, "the bootstrap", &total);
    if (status == ALM_OK) {
        estimate_values(&r, total, out);
        alm_parallel_for(options->pool, (r.resamples + CHUNK - 1) / CHUNK, resample_task, &r);
        for (int k = 0; k < ratio_count; k++) {
            intervals_of_ratio(&r, total, k, out);
        }
    }
    alm_free(total);
    alm_free(r.value);
    return status;
}
