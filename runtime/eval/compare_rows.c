/* Pairs of rows of two runs: both lists are sorted by idx and seed and are merged. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "kernels/core/memory.h"
#include "runtime/eval/compare_parts.h"

const almi_measure_info almi_pair_measures[ALMI_PAIR_MEASURES] = {
    ALMI_METRIC_INFO,
    {"PA(0.01) of all rows", "PA(0.01) of all rows %", ALMI_PERCENT, 1},
    {"PA(0.008) of all rows", "PA(0.008) of all rows %", ALMI_PERCENT, 1},
    {"PA(0.005) of all rows", "PA(0.005) of all rows %", ALMI_PERCENT, 1},
    {"share of valid poses", "valid poses %", ALMI_PERCENT, 1},
};

/* Differences of shares are no proportions: they lie between -1 and 1. */
const alm_ratio almi_pair_ratios[ALMI_PAIR_MEASURES] = {
    {ALM_METRIC_GD, ALMI_PAIR_COUNT_VALID, false},
    {ALM_METRIC_RMSE_T, ALMI_PAIR_COUNT_VALID, false},
    {ALM_METRIC_CD, ALMI_PAIR_COUNT_VALID, false},
    {ALM_METRIC_CD_R, ALMI_PAIR_COUNT_VALID, false},
    {ALM_METRIC_PA_010, ALMI_PAIR_COUNT_VALID, false},
    {ALM_METRIC_PA_008, ALMI_PAIR_COUNT_VALID, false},
    {ALM_METRIC_PA_005, ALMI_PAIR_COUNT_VALID, false},
    {ALMI_PAIR_SYMMETRIC_GD, ALMI_PAIR_COUNT_KNOWN, false},
    {ALMI_PAIR_SUCCESS, ALMI_PAIR_COUNT, false},
    {ALMI_PAIR_SUCCESS + 1, ALMI_PAIR_COUNT, false},
    {ALMI_PAIR_SUCCESS + 2, ALMI_PAIR_COUNT, false},
    {ALMI_PAIR_VALID, ALMI_PAIR_COUNT, false},
};

/* ---- A pair */

static void tally(almi_pair_sums *s, int measure, double a, double b, double *sum)
{
    const double better = almi_pair_measures[measure].better * (b - a);
    s->a[measure] += a;
    s->b[measure] += b;
    s->better[measure] += better > 0;
    s->worse[measure] += better < 0;
    s->equal[measure] += better == 0;
    sum[measure] += b - a;
}

static void tally_difference(int64_t *bin, double difference)
{
    if (difference != 0) {
        const double place = floor(difference / ALMI_PAIR_BIN_WIDTH) + ALMI_PAIR_BINS / 2;
        bin[(int)fmin(fmax(place, 0), ALMI_PAIR_BINS - 1)]++;
    }
}

/* sum: [ALM_SUMS] of this pair, zero before. */
static void add_pair(const almi_row *a, const almi_row *b, almi_pair_sums *s, double *sum)
{
    const bool valid[2] = {a->state == ALMI_ROW_VALID, b->state == ALMI_ROW_VALID};
    s->pairs++;
    sum[ALMI_PAIR_COUNT] += 1;
    tally(s, ALMI_PAIR_VALID, valid[0], valid[1], sum);
    for (int k = 0; k < 3; k++) {
        const int metric = ALM_METRIC_PA_010 + k;
        const bool success[2] = {valid[0] && a->value[metric] > 0,
                                 valid[1] && b->value[metric] > 0};
        tally(s, ALMI_PAIR_SUCCESS + k, success[0], success[1], sum);
        s->success[k][success[0] && success[1] ? 0 : success[0] ? 1 : success[1] ? 2 : 3]++;
    }
    if (!valid[0] || !valid[1]) {
        *(valid[0] ? &s->only_a : valid[1] ? &s->only_b : &s->neither) += 1;
        return;
    }
    s->both++;
    sum[ALMI_PAIR_COUNT_VALID] += 1;
    for (int k = 0; k < ALM_METRICS; k++) {
        tally(s, k, (double)a->value[k], (double)b->value[k], sum);
    }
    tally_difference(s->difference[0],
                     (double)b->value[ALM_METRIC_GD] - (double)a->value[ALM_METRIC_GD]);
    if (a->symmetries >= 0 && b->symmetries >= 0) {
        const double x = (double)a->value[ALMI_SYMMETRIC_GD];
        const double y = (double)b->value[ALMI_SYMMETRIC_GD];
        sum[ALMI_PAIR_COUNT_KNOWN] += 1;
        tally(s, ALMI_PAIR_SYMMETRIC_GD, x, y, sum);
        tally_difference(s->difference[1], y - x);
    }
}

/* ---- Merging */

typedef struct merge {
    almi_pair_group *group;
    double (*seed)[ALM_SUMS]; /* [sets of A] */
    almi_pair_example now;    /* the sample that is being summed */
    int most;
} merge;

static int64_t seed_of(const almi_group *g, const almi_row *row)
{
    return g->set[row->set]->seed;
}

static void add_unpaired(almi_pair_group *g, int run, const almi_row *row)
{
    g->sum.unpaired[run]++;
    if (g->unpaired_count[run] < ALMI_PAIR_NAMED) {
        g->unpaired[run][g->unpaired_count[run]++] =
            (almi_example){.set = row->set, .row = row->row, .idx = row->idx};
    }
}

/* Keeps both lists of changed samples sorted; samples come by rising idx. */
static void end_sample(merge *m)
{
    almi_pair_example *e = &m->now;
    for (int side = 0; e->pairs > 0 && side < 2; side++) {
        const double sign = side ? 1 : -1;
        const double change = sign * (e->cd[1] - e->cd[0]) / (double)e->pairs;
        almi_pair_example *list = m->group->changed[side];
        int *count = &m->group->changed_count[side], at = *count;
        while (at > 0 && sign * (list[at - 1].cd[1] - list[at - 1].cd[0]) < change) {
            at--;
        }
        if (change > 0 && at < m->most) {
            const int kept = *count < m->most ? (*count)++ : m->most - 1;
            memmove(list + at + 1, list + at, (size_t)(kept - at) * sizeof *list);
            list[at] = *e;
            for (int k = 0; k < 2; k++) {
                list[at].cd[k] /= (double)e->pairs;
                list[at].gd[k] /= (double)e->pairs;
            }
        }
    }
    *e = (almi_pair_example){0};
}

static void pair_up(merge *m, const almi_row *a, const almi_row *b)
{
    almi_pair_group *g = m->group;
    if (a->state == ALMI_ROW_ERROR || b->state == ALMI_ROW_ERROR) {
        g->sum.errors++;
        return;
    }
    if (g->clusters == 0 || m->now.idx != a->idx) {
        end_sample(m);
        m->now = (almi_pair_example){.idx = a->idx, .row = a->row, .set = a->set};
        g->clusters++;
    }
    double sum[ALM_SUMS] = {0};
    add_pair(a, b, &g->sum, sum);
    for (int k = 0; k < ALM_SUMS; k++) {
        g->table[g->clusters - 1][k] += sum[k];
        m->seed[a->set][k] += sum[k];
    }
    if (a->state == ALMI_ROW_VALID && b->state == ALMI_ROW_VALID) {
        const almi_row *row[2] = {a, b};
        m->now.pairs++;
        for (int k = 0; k < 2; k++) {
            m->now.cd[k] += (double)row[k]->value[ALM_METRIC_CD];
            m->now.gd[k] += (double)row[k]->value[ALM_METRIC_GD];
        }
    }
}

static void merge_rows(merge *m)
{
    almi_pair_group *g = m->group;
    const int64_t count[2] = {g->a ? g->a->rows : 0, g->b ? g->b->rows : 0};
    int64_t i = 0, j = 0;
    while (i < count[0] || j < count[1]) {
        const almi_row *a = i < count[0] ? &g->a->row[i] : NULL;
        const almi_row *b = j < count[1] ? &g->b->row[j] : NULL;
        int order = !a ? 1 : !b ? -1 : (a->idx > b->idx) - (a->idx < b->idx);
        if (order == 0) {
            const int64_t x = seed_of(g->a, a), y = seed_of(g->b, b);
            order = (x > y) - (x < y);
        }
        if (order == 0 && a->asset != b->asset) {
            g->sum.other_asset++;
            add_unpaired(g, 0, a);
            add_unpaired(g, 1, b);
        } else if (order == 0) {
            pair_up(m, a, b);
        } else {
            add_unpaired(g, order < 0 ? 0 : 1, order < 0 ? a : b);
        }
        i += order <= 0;
        j += order >= 0;
    }
    end_sample(m);
}

static void spread_seeds(almi_pair_group *g, double (*seed)[ALM_SUMS], double *values)
{
    for (int k = 0; k < ALMI_PAIR_MEASURES; k++) {
        int n = 0;
        for (int s = 0; g->a && s < g->a->sets; s++) {
            const double below = seed[s][almi_pair_ratios[k].denominator];
            if (below != 0) {
                values[n++] = seed[s][almi_pair_ratios[k].numerator] / below;
            }
        }
        g->seeds[k] = alm_spread_of(values, n);
    }
}

alm_status almi_pair_rows(almi_pair_group *group, int most)
{
    const size_t clusters = group->a ? (size_t)group->a->clusters : 0;
    const size_t sets = group->a ? (size_t)group->a->sets : 0;
    merge m = {.group = group, .most = most};
    double *values = NULL;
    ALM_TRY(alm_calloc(clusters, sizeof *group->table, "pairs", &group->table));
    for (int k = 0; k < 2; k++) {
        ALM_TRY(alm_calloc((size_t)most + 1, sizeof **group->changed, "changed samples",
                           &group->changed[k]));
    }
    ALM_TRY(alm_calloc(sets, sizeof *m.seed, "seeds", &m.seed));
    const alm_status status = alm_alloc(sets, sizeof *values, "seeds", &values);
    if (status == ALM_OK) {
        merge_rows(&m);
        spread_seeds(group, m.seed, values);
    }
    alm_free(values);
    alm_free(m.seed);
    return status;
}
