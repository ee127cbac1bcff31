/* Quantiles, histograms, worst samples (report_summary.h). */
#include "runtime/eval/report_summary.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "kernels/core/memory.h"

const double almi_quantile[ALMI_QUANTILES] = {0.05, 0.25, 0.5, 0.75, 0.95};

static const int value_of_spread[ALMI_SPREADS] = {ALM_METRIC_GD, ALMI_SYMMETRIC_GD,
                                                  ALM_METRIC_RMSE_T, ALM_METRIC_CD};

double almi_power(int k)
{
    static const double part[20] = {1.0,
                                    1.1220184543019633,
                                    1.2589254117941673,
                                    1.4125375446227544,
                                    1.5848931924611134,
                                    1.7782794100389228,
                                    1.9952623149688795,
                                    2.2387211385683394,
                                    2.51188643150958,
                                    2.8183829312644537,
                                    3.1622776601683795,
                                    3.5481338923357546,
                                    3.9810717055349727,
                                    4.466835921509631,
                                    5.011872336272723,
                                    5.623413251903491,
                                    6.3095734448019325,
                                    7.0794578438413795,
                                    7.943282347242815,
                                    8.912509381337456};
    const int decade = (k + 20000) / 20 - 1000;
    double ten = 1;
    for (int i = 0; i < abs(decade); i++) {
        ten *= 10;
    }
    return decade < 0 ? part[k - 20 * decade] / ten : part[k - 20 * decade] * ten;
}

int almi_bins_of(int spread)
{
    return spread == ALMI_SPREAD_RMSE_T ? (ALMI_LENGTH_MOST - ALMI_LENGTH_LEAST) * ALMI_LOG_BINS + 2
           : spread == ALMI_SPREAD_CD   ? ALMI_BINS_MOST
                                        : ALMI_ANGLE_BINS;
}

/* Number of the sorted values that are below a bound (or not above it). */
static int64_t count_to(const float *sorted, int64_t count, double bound, bool inclusive)
{
    int64_t low = 0, high = count;
    while (low < high) {
        const int64_t middle = low + (high - low) / 2;
        const double v = (double)sorted[middle];
        if (v < bound || (inclusive && v == bound)) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

static void fill_bins(const float *sorted, int64_t count, int spread, int64_t *bin)
{
    const int bins = almi_bins_of(spread);
    const bool angle = spread == ALMI_SPREAD_GD || spread == ALMI_SPREAD_SYMMETRIC_GD;
    const int least = spread == ALMI_SPREAD_RMSE_T ? ALMI_LENGTH_LEAST : ALMI_SQUARE_LEAST;
    int64_t before = 0;
    for (int k = 0; k < bins; k++) {
        const double edge =
            angle ? (k + 1) * ALMI_ANGLE_WIDTH : almi_power(20 * least + k * 20 / ALMI_LOG_BINS);
        const int64_t to = k == bins - 1 ? count : count_to(sorted, count, edge, false);
        bin[k] = to - before;
        before = to;
    }
}

static void fill_curve(const float *sorted, int64_t count, int spread, int64_t *curve)
{
    if (spread == ALMI_SPREAD_CD) {
        for (int k = 0; k < ALMI_SQUARE_POINTS; k++) {
            curve[k] = count_to(sorted, count, almi_power(20 * ALMI_SQUARE_LEAST + k), false);
        }
    } else if (spread != ALMI_SPREAD_RMSE_T) {
        for (int k = 0; k < ALMI_ANGLE_POINTS; k++) {
            curve[k] = count_to(sorted, count, k, true);
        }
    }
}

static void fill_spread(const almi_group *g, int spread, float *values, almi_summary *s)
{
    int64_t n = 0;
    for (int64_t i = 0; i < g->rows; i++) {
        const almi_row *row = &g->row[i];
        const bool known = spread != ALMI_SPREAD_SYMMETRIC_GD || row->symmetries >= 0;
        if (row->state == ALMI_ROW_VALID && known) {
            values[n++] = row->value[value_of_spread[spread]];
        }
    }
    s->values[spread] = n;
    alm_sort_floats(values, n);
    for (int q = 0; q < ALMI_QUANTILES && n > 0; q++) {
        s->quantile[spread][q] = alm_quantile(values, n, almi_quantile[q]);
    }
    fill_bins(values, n, spread, s->bin[spread]);
    fill_curve(values, n, spread, s->curve[spread]);
}

/* ---- Examples */

static almi_example example_of(const almi_row *row)
{
    return (almi_example){
        .set = row->set, .row = row->row, .idx = row->idx, .cd = row->value[ALM_METRIC_CD]};
}

/* Keeps the list sorted; `row` is the worst of its sample, samples come by rising idx. */
static void insert_worst(almi_summary *s, int most, const almi_row *row)
{
    const float cd = row->value[ALM_METRIC_CD];
    int at = s->worst_count;
    while (at > 0 && s->worst[at - 1].cd < cd) {
        at--;
    }
    if (at >= most) {
        return;
    }
    const int kept = s->worst_count < most ? s->worst_count++ : most - 1;
    memmove(s->worst + at + 1, s->worst + at, (size_t)(kept - at) * sizeof *s->worst);
    s->worst[at] = example_of(row);
}

static void find_worst(const almi_group *g, int most, almi_summary *s)
{
    for (int64_t i = 0; i < g->rows;) {
        const almi_row *worst = NULL;
        const int64_t idx = g->row[i].idx;
        for (; i < g->rows && g->row[i].idx == idx; i++) {
            const almi_row *row = &g->row[i];
            if (row->state == ALMI_ROW_VALID &&
                (!worst || row->value[ALM_METRIC_CD] > worst->value[ALM_METRIC_CD])) {
                worst = row;
            }
        }
        if (worst) {
            insert_worst(s, most, worst);
        }
    }
}

/* The first row, by idx and seed, with just the CD of each quartile. */
static void find_typical(const almi_group *g, almi_summary *s)
{
    if (s->values[ALMI_SPREAD_CD] < 4) {
        return;
    }
    s->typical_count = 3;
    for (int k = 0; k < 3; k++) {
        const float cd = s->quantile[ALMI_SPREAD_CD][k + 1];
        for (int64_t i = 0; i < g->rows; i++) {
            const almi_row *row = &g->row[i];
            if (row->state == ALMI_ROW_VALID && row->value[ALM_METRIC_CD] == cd) {
                s->typical[k] = example_of(row);
                s->typical[k].place = 25 * (k + 1);
                break;
            }
        }
    }
}

/* ---- Failures */

static const char *reason_of(const almi_row *row, const alm_eval_row *r)
{
    if (row->state == ALMI_ROW_INVALID && r->valid) {
        return "A metric is not finite.";
    }
    return r->error ? r->error : "No reason is given.";
}

static alm_status count_reason(almi_summary *s, const char *text)
{
    for (int k = 0; k < s->reason_count && s->reason[k].text; k++) {
        if (strcmp(s->reason[k].text, text) == 0) {
            s->reason[k].count++;
            return ALM_OK;
        }
    }
    if (s->reason_count < ALMI_REASONS) {
        ALM_TRY(alm_strdup(text, "a reason", &s->reason[s->reason_count].text));
        s->reason[s->reason_count++].count = 1;
        return ALM_OK;
    }
    s->reason_count = ALMI_REASONS + 1;
    s->reason[ALMI_REASONS].count++;
    return ALM_OK;
}

static int compare_reasons(const void *a, const void *b)
{
    const almi_reason *x = a, *y = b;
    if (x->count != y->count) {
        return x->count > y->count ? -1 : 1;
    }
    return strcmp(x->text, y->text);
}

static alm_status find_failures(const almi_group *g, almi_summary *s)
{
    for (int64_t i = 0; i < g->rows; i++) {
        const almi_row *row = &g->row[i];
        if (row->state == ALMI_ROW_VALID) {
            continue;
        }
        if (s->failure_count < ALMI_FAILURES) {
            s->failure[s->failure_count++] = example_of(row);
        }
        alm_eval_row r = {0};
        ALM_TRY(almi_group_row(g, row->set, row->row, &r));
        ALM_TRY(count_reason(s, reason_of(row, &r)));
    }
    const int told = s->reason_count > ALMI_REASONS ? ALMI_REASONS : s->reason_count;
    qsort(s->reason, (size_t)told, sizeof *s->reason, compare_reasons);
    return ALM_OK;
}

alm_status almi_summary_create(const almi_group *group, int most, almi_summary *out)
{
    almi_summary *s = out;
    float *values = NULL;
    *s = (almi_summary){0};
    alm_status status = alm_alloc((size_t)group->rows, sizeof *values, "quantiles", &values);
    if (status == ALM_OK) {
        status = alm_alloc((size_t)most + 1, sizeof *s->worst, "worst samples", &s->worst);
    }
    if (status == ALM_OK) {
        for (int k = 0; k < ALMI_SPREADS; k++) {
            fill_spread(group, k, values, s);
        }
        find_worst(group, most, s);
        find_typical(group, s);
        status = find_failures(group, s);
    }
    alm_free(values);
    if (status != ALM_OK) {
        almi_summary_free(s);
    }
    return status;
}

void almi_summary_free(almi_summary *summary)
{
    for (int k = 0; k < summary->reason_count; k++) {
        alm_free(summary->reason[k].text);
    }
    alm_free(summary->worst);
    *summary = (almi_summary){0};
}
