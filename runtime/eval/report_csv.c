/* samples.csv: a line a row, in the order dataset and split, seed, selection. summary.csv: a line a
 * mean. RFC 4180: commas, CRLF, quotes where needed; numbers as shortest text that reads back. */
#include "runtime/eval/report_parts.h"

static const char end_of_line[] = "\r\n";

void almi_csv_head(alm_buffer *out)
{
    alm_buffer_text(out, "dataset,split,seed,idx,asset,category,valid,error");
    for (int k = 0; k < ALM_METRICS; k++) {
        alm_buffer_format(out, ",%s", alm_metric_names[k]);
    }
    alm_buffer_text(out, ",symmetric_gd,symmetries");
    alm_buffer_text(out, end_of_line);
}

/* Metrics of rows without a valid pose are empty, and so is a number that is not finite. */
static void put_cell(alm_buffer *out, bool known, float value)
{
    alm_buffer_text(out, ",");
    if (known && value - value == 0) {
        almi_put_float(out, value);
    }
}

void almi_csv_row(alm_buffer *out, const alm_eval_set *set, const alm_eval_row *row)
{
    almi_put_csv(out, set->dataset);
    alm_buffer_text(out, ",");
    almi_put_csv(out, set->split);
    alm_buffer_text(out, ",");
    almi_put_whole(out, set->seed);
    alm_buffer_text(out, ",");
    almi_put_whole(out, row->idx);
    alm_buffer_text(out, ",");
    almi_put_csv(out, row->asset);
    alm_buffer_text(out, ",");
    almi_put_csv(out, row->category);
    alm_buffer_text(out, row->valid ? ",true," : ",false,");
    almi_put_csv(out, row->error);
    for (int k = 0; k < ALM_METRICS; k++) {
        put_cell(out, row->valid, row->metric[k]);
    }
    const bool known = row->valid && row->symmetric_gd - row->symmetric_gd == 0;
    put_cell(out, known, row->symmetric_gd);
    alm_buffer_text(out, ",");
    if (known) {
        almi_put_whole(out, row->symmetries);
    }
    alm_buffer_text(out, end_of_line);
}

static void put_estimate(alm_buffer *out, const char *dataset, const char *split,
                         const char *category, int measure, const alm_estimate *e,
                         const alm_spread *seeds)
{
    almi_put_csv(out, dataset);
    alm_buffer_text(out, ",");
    almi_put_csv(out, split);
    alm_buffer_text(out, ",");
    almi_put_csv(out, category);
    alm_buffer_format(out, ",%s", almi_measures[measure].name);
    const double values[4] = {e->value, e->low, e->high, e->standard_error};
    for (int k = 0; k < 4; k++) {
        alm_buffer_text(out, ",");
        if (k == 0 ? e->known : e->kind != ALM_INTERVAL_NONE) {
            almi_put_number(out, values[k]);
        }
    }
    alm_buffer_format(out, ",%s,", alm_interval_name(e->kind));
    almi_put_whole(out, e->clusters);
    alm_buffer_text(out, ",");
    if (seeds) {
        almi_put_whole(out, seeds->count);
    }
    for (int k = 0; k < 4; k++) {
        alm_buffer_text(out, ",");
        if (seeds && seeds->count > (k == 0 ? 0 : 1)) {
            const double spread[4] = {seeds->mean, seeds->deviation, seeds->low, seeds->high};
            almi_put_number(out, spread[k]);
        }
    }
    alm_buffer_text(out, end_of_line);
}

void almi_report_summary_csv(const almi_report *r, alm_buffer *out)
{
    alm_buffer_text(out, "dataset,split,category,measure,mean,low,high,standard_error,interval,"
                         "samples,seeds,mean_over_seeds,std_over_seeds,low_over_seeds,"
                         "high_over_seeds");
    alm_buffer_text(out, end_of_line);
    for (int i = 0; i < r->groups.count; i++) {
        const almi_report_group *rg = &r->group[i];
        const almi_group *g = rg->group;
        for (int m = 0; m < ALMI_MEASURES; m++) {
            put_estimate(out, g->dataset, g->split, NULL, m, &rg->estimate[m], &rg->seeds[m]);
        }
        for (int32_t k = 0; rg->category && k < g->categories; k++) {
            for (int m = 0; m < ALMI_MEASURES; m++) {
                put_estimate(out, g->dataset, g->split, g->category[k].name, m, &rg->category[k][m],
                             NULL);
            }
        }
    }
    for (int i = 0; i < r->splits; i++) {
        for (int m = 0; m < ALMI_MEASURES; m++) {
            put_estimate(out, "(all: micro average)", r->split[i].split, NULL, m,
                         &r->split[i].micro[m], NULL);
        }
        for (int m = 0; m < ALMI_MEASURES; m++) {
            put_estimate(out, "(all: macro average)", r->split[i].split, NULL, m,
                         &r->split[i].macro[m], NULL);
        }
    }
}
