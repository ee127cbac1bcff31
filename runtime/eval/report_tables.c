/* The tables that the documents of a report share. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "kernels/core/memory.h"
#include "runtime/eval/report_parts.h"

static const int main_measure[] = {ALM_METRIC_GD,     ALMI_MEASURE_SYMMETRIC_GD, ALM_METRIC_RMSE_T,
                                   ALM_METRIC_CD,     ALM_METRIC_CD_R,           ALM_METRIC_PA_010,
                                   ALM_METRIC_PA_008, ALM_METRIC_PA_005};
enum { MAIN_MEASURES = sizeof main_measure / sizeof main_measure[0] };

static void put_heads(almi_table *t, const int *measure, int count)
{
    for (int k = 0; k < count; k++) {
        almi_table_text(t, almi_measures[measure[k]].head);
    }
}

static void put_estimates(almi_table *t, const int *measure, int count, const alm_estimate *e)
{
    for (int k = 0; k < count; k++) {
        almi_table_estimate(t, almi_measures[measure[k]].format, &e[measure[k]], false);
    }
}

/* ---- Means */

static void put_counts(almi_table *t, int64_t samples, const double sum[ALM_SUMS])
{
    almi_table_whole(t, samples);
    almi_table_whole(t, (int64_t)sum[ALMI_COUNT_ROWS]);
    almi_table_whole(t, (int64_t)sum[ALMI_COUNT_VALID]);
}

static void make_results(const almi_report *r, almi_table *t)
{
    almi_table_begin(t, "llrrrrrrrrrrr",
                     (const char *const[]){
                         "Results: means over all valid rows, 95 % intervals over samples", NULL});
    t->note = "A row is a sample under one seed. Invalid rows are left out of the means, as in the "
              "reference; PA(0.01) of all rows counts them as failures. Intervals: BCa bootstrap "
              "over samples. Micro: by sample; macro: mean of the datasets.";
    almi_table_text(t, "split");
    almi_table_text(t, "dataset");
    almi_table_text(t, "samples");
    almi_table_text(t, "rows");
    almi_table_text(t, "valid");
    put_heads(t, main_measure, MAIN_MEASURES);
    for (int s = 0; s < r->splits; s++) {
        const almi_split *split = &r->split[s];
        int64_t samples = 0;
        for (int i = split->first; i < split->first + split->count; i++) {
            const almi_group *g = &r->groups.group[i];
            samples += g->clusters;
            almi_table_text(t, g->split);
            almi_table_text(t, almi_dataset_text(g->dataset));
            put_counts(t, g->clusters, r->group[i].sum);
            put_estimates(t, main_measure, MAIN_MEASURES, r->group[i].estimate);
        }
        for (int macro = 0; macro < 2 && split->count > 1; macro++) {
            almi_table_text(t, split->split);
            almi_table_text(t, macro ? "all (macro)" : "all (micro)");
            put_counts(t, samples, split->sum);
            put_estimates(t, main_measure, MAIN_MEASURES, macro ? split->macro : split->micro);
        }
    }
}

/* ---- Symmetry */

static void make_symmetry(const almi_report *r, almi_table *t)
{
    static const int measure[] = {ALMI_MEASURE_SYMMETRIC,    ALM_METRIC_GD,
                                  ALMI_MEASURE_SYMMETRIC_GD, ALMI_MEASURE_ASYMMETRIC_GD,
                                  ALMI_MEASURE_VALID,        ALMI_MEASURE_SUCCESS};
    almi_table_begin(t, "llrrrrrrrr",
                     (const char *const[]){"Symmetric parts, and rows without a pose", NULL});
    t->note = "Symmetric GD: the smallest rotation error over the symmetries of the part's own "
              "cloud; GD counts a part that is turned onto itself as up to 180 degrees wrong.";
    almi_table_text(t, "split");
    almi_table_text(t, "dataset");
    put_heads(t, measure, 1);
    almi_table_text(t, "of these continuous");
    put_heads(t, measure + 1, 5);
    almi_table_text(t, "rows in error");
    for (int i = 0; i < r->groups.count; i++) {
        if (r->groups.group[i].rows == 0) {
            continue;
        }
        const almi_report_group *rg = &r->group[i];
        almi_table_text(t, rg->group->split);
        almi_table_text(t, almi_dataset_text(rg->group->dataset));
        put_estimates(t, measure, 1, rg->estimate);
        almi_table_whole(t, (int64_t)rg->sum[ALMI_COUNT_CONTINUOUS]);
        put_estimates(t, measure + 1, 5, rg->estimate);
        almi_table_whole(t, (int64_t)rg->sum[ALMI_COUNT_ERRORS]);
    }
}

/* ---- Distribution */

static void make_distribution(const almi_report *r, almi_table *t)
{
    static const char *const name[ALMI_SPREADS] = {"GD (deg)", "symmetric GD (deg)", "RMSE(T)",
                                                   "CD"};
    static const almi_format format[ALMI_SPREADS] = {ALMI_DEGREES, ALMI_DEGREES, ALMI_LENGTH,
                                                     ALMI_SQUARE};
    almi_table_begin(t, "lllrrrrrr", (const char *const[]){"Distribution over valid rows", NULL});
    t->note = "Quantiles are values of rows (no interpolation).";
    static const char *const head[] = {"split", "dataset", "metric", "rows", "5 %",
                                       "25 %",  "median",  "75 %",   "95 %"};
    for (size_t k = 0; k < sizeof head / sizeof head[0]; k++) {
        almi_table_text(t, head[k]);
    }
    for (int i = 0; i < r->groups.count; i++) {
        if (r->groups.group[i].rows == 0) {
            continue;
        }
        const almi_summary *s = &r->group[i].summary;
        for (int k = 0; k < ALMI_SPREADS; k++) {
            almi_table_text(t, r->groups.group[i].split);
            almi_table_text(t, almi_dataset_text(r->groups.group[i].dataset));
            almi_table_text(t, name[k]);
            almi_table_whole(t, s->values[k]);
            for (int q = 0; q < ALMI_QUANTILES; q++) {
                almi_table_value(t, format[k], s->values[k] ? (double)s->quantile[k][q] : NAN,
                                 false);
            }
        }
    }
}

/* ---- Seeds */

static void make_seeds(const almi_report *r, almi_table *t)
{
    almi_table_begin(
        t, "llrrrrrrrrr",
        (const char *const[]){
            "Over seeds: mean of the seeds' means \xC2\xB1 standard deviation, 95 % interval",
            NULL});
    t->note = "The mean and the sample standard deviation are those of "
              "eval_results_mean_variance.json. Interval: Student's t over the seeds; it tells "
              "what another choice of seeds would give on the same data. One seed has none.";
    almi_table_text(t, "split");
    almi_table_text(t, "dataset");
    almi_table_text(t, "seeds");
    put_heads(t, main_measure, MAIN_MEASURES);
    for (int i = 0; i < r->groups.count; i++) {
        if (r->groups.group[i].rows == 0) {
            continue;
        }
        almi_table_text(t, r->groups.group[i].split);
        almi_table_text(t, almi_dataset_text(r->groups.group[i].dataset));
        almi_table_whole(t, r->groups.group[i].sets);
        for (int k = 0; k < MAIN_MEASURES; k++) {
            almi_table_spread(t, almi_measures[main_measure[k]].format,
                              &r->group[i].seeds[main_measure[k]]);
        }
    }
}

/* ---- Categories */

/* Which categories are shown: all, or those with the most samples. order: [categories]; returns how
 * many. */
typedef struct sized {
    int64_t count;
    int32_t category;
} sized;

static int compare_sizes(const void *a, const void *b)
{
    const sized *x = a, *y = b;
    if (x->count != y->count) {
        return x->count > y->count ? -1 : 1;
    }
    return (x->category > y->category) - (x->category < y->category);
}

static int compare_places(const void *a, const void *b)
{
    const sized *x = a, *y = b;
    return (x->category > y->category) - (x->category < y->category);
}

static alm_status choose_categories(const almi_group *g, sized **out, int32_t *count)
{
    sized *list;
    ALM_TRY(alm_alloc((size_t)g->categories, sizeof *list, "categories", &list));
    for (int32_t k = 0; k < g->categories; k++) {
        list[k] = (sized){.count = g->category[k].count, .category = k};
    }
    *count = g->categories < ALMI_CATEGORIES_SHOWN ? g->categories : ALMI_CATEGORIES_SHOWN;
    if (g->categories > *count) {
        qsort(list, (size_t)g->categories, sizeof *list, compare_sizes);
        qsort(list, (size_t)*count, sizeof *list, compare_places);
    }
    *out = list;
    return ALM_OK;
}

static alm_status make_categories(const almi_report_group *rg, almi_table *t)
{
    static const int measure[] = {ALM_METRIC_GD,     ALMI_MEASURE_SYMMETRIC_GD, ALM_METRIC_RMSE_T,
                                  ALM_METRIC_CD,     ALM_METRIC_PA_010,         ALM_METRIC_PA_005,
                                  ALMI_MEASURE_VALID};
    const almi_group *g = rg->group;
    sized *list = NULL;
    int32_t count = 0;
    almi_table_begin(t, "lrrrrrrrr",
                     (const char *const[]){"Categories of ", almi_dataset_text(g->dataset), ", ",
                                           g->split, NULL});
    almi_table_text(t, "category");
    almi_table_text(t, "samples");
    put_heads(t, measure, 7);
    ALM_TRY(choose_categories(g, &list, &count));
    if (g->categories > count) {
        t->note = rg->category ? "The categories with the most samples; report.json and "
                                 "summary.csv have all."
                               : "Too many categories for means of each.";
    }
    for (int32_t i = 0; i < count && rg->category; i++) {
        const int32_t k = list[i].category;
        almi_table_text(t, *g->category[k].name ? g->category[k].name : "(empty)");
        almi_table_whole(t, g->category[k].count);
        put_estimates(t, measure, 7, rg->category[k]);
    }
    alm_free(list);
    return ALM_OK;
}

/* ---- Failures */

static void make_failures(const almi_report *r, almi_table *t)
{
    almi_table_begin(t, "lllr",
                     (const char *const[]){"Rows without a valid pose, by reason", NULL});
    static const char *const head[] = {"split", "dataset", "reason", "rows"};
    for (int k = 0; k < 4; k++) {
        almi_table_text(t, head[k]);
    }
    for (int i = 0; i < r->groups.count; i++) {
        const almi_summary *s = &r->group[i].summary;
        for (int k = 0; k < s->reason_count; k++) {
            almi_table_text(t, r->groups.group[i].split);
            almi_table_text(t, almi_dataset_text(r->groups.group[i].dataset));
            almi_table_text(t, s->reason[k].text ? s->reason[k].text : "(other reasons)");
            almi_table_whole(t, s->reason[k].count);
        }
    }
}

alm_status almi_tables_create(const almi_report *report, almi_tables *out)
{
    almi_tables t = {.count = report->groups.count};
    ALM_TRY(alm_calloc((size_t)t.count, sizeof *t.categories, "tables", &t.categories));
    make_results(report, &t.results);
    make_symmetry(report, &t.symmetry);
    make_distribution(report, &t.distribution);
    make_seeds(report, &t.seeds);
    make_failures(report, &t.failures);
    alm_status status = ALM_OK;
    for (int i = 0; i < t.count && status == ALM_OK; i++) {
        status = make_categories(&report->group[i], &t.categories[i]);
    }
    if (status != ALM_OK) {
        almi_tables_free(&t);
        return status;
    }
    *out = t;
    return ALM_OK;
}

void almi_tables_free(almi_tables *tables)
{
    almi_table *single[] = {&tables->results, &tables->symmetry, &tables->distribution,
                            &tables->seeds, &tables->failures};
    for (size_t k = 0; k < sizeof single / sizeof single[0]; k++) {
        alm_buffer_free(&single[k]->text);
    }
    for (int i = 0; i < tables->count; i++) {
        alm_buffer_free(&tables->categories[i].text);
    }
    alm_free(tables->categories);
    *tables = (almi_tables){0};
}
