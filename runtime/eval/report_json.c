/* report.json: every number of a report. Written with one blank a level, lists of numbers on one
 * line, so that it can be read and compared line by line. */
#include <math.h>
#include <string.h>

#include "runtime/eval/report_parts.h"

static const char *const spread_name[ALMI_SPREADS] = {"GD", "symmetric GD", "RMSE(T)", "CD"};

void almi_json_line(alm_buffer *o, int level)
{
    alm_buffer_text(o, "\n");
    for (int i = 0; i < level; i++) {
        alm_buffer_text(o, " ");
    }
}

void almi_json_key(alm_buffer *o, int level, bool first, const char *key)
{
    alm_buffer_text(o, first ? "" : ",");
    almi_json_line(o, level);
    almi_put_json(o, key);
    alm_buffer_text(o, ": ");
}

void almi_json_text(alm_buffer *o, int level, bool first, const char *key, const char *text)
{
    almi_json_key(o, level, first, key);
    almi_put_json(o, text);
}

void almi_json_whole(alm_buffer *o, int level, bool first, const char *key, int64_t value)
{
    almi_json_key(o, level, first, key);
    almi_put_whole(o, value);
}

void almi_json_pair(alm_buffer *o, const char *key, double value)
{
    alm_buffer_format(o, ", \"%s\": ", key);
    almi_put_number(o, value);
}

/* ---- Means */

void almi_json_estimate(alm_buffer *o, const alm_estimate *e)
{
    const bool interval = e->kind != ALM_INTERVAL_NONE;
    alm_buffer_text(o, "\"mean\": ");
    almi_put_number(o, e->known ? e->value : NAN);
    almi_json_pair(o, "low", interval ? e->low : NAN);
    almi_json_pair(o, "high", interval ? e->high : NAN);
    almi_json_pair(o, "standard_error", interval ? e->standard_error : NAN);
    alm_buffer_format(o, ", \"interval\": \"%s\", \"samples\": ", alm_interval_name(e->kind));
    almi_put_whole(o, e->clusters);
}

static void put_measures(alm_buffer *o, int level, const alm_estimate *e)
{
    alm_buffer_text(o, "{");
    for (int m = 0; m < ALMI_MEASURES; m++) {
        almi_json_key(o, level + 1, m == 0, almi_measures[m].name);
        alm_buffer_text(o, "{");
        almi_json_estimate(o, &e[m]);
        alm_buffer_text(o, "}");
    }
    almi_json_line(o, level);
    alm_buffer_text(o, "}");
}

static void put_counts(alm_buffer *o, int level, int64_t samples, const double sum[ALM_SUMS])
{
    const double rows = sum[ALMI_COUNT_ROWS], valid = sum[ALMI_COUNT_VALID];
    almi_json_whole(o, level, false, "samples", samples);
    almi_json_whole(o, level, false, "rows", (int64_t)rows);
    almi_json_whole(o, level, false, "valid_rows", (int64_t)valid);
    almi_json_whole(o, level, false, "invalid_rows",
                    (int64_t)(rows - valid - sum[ALMI_COUNT_ERRORS]));
    almi_json_whole(o, level, false, "error_rows", (int64_t)sum[ALMI_COUNT_ERRORS]);
    almi_json_whole(o, level, false, "rows_of_symmetric_parts", (int64_t)sum[ALMI_COUNT_SYMMETRIC]);
    almi_json_whole(o, level, false, "rows_of_parts_with_a_continuous_symmetry",
                    (int64_t)sum[ALMI_COUNT_CONTINUOUS]);
}

/* ---- Seeds */

static void put_seeds(alm_buffer *o, int level, const almi_report_group *rg)
{
    const almi_group *g = rg->group;
    alm_buffer_text(o, "{");
    for (int m = 0; m < ALMI_MEASURES; m++) {
        const alm_spread *s = &rg->seeds[m];
        almi_json_key(o, level + 1, m == 0, almi_measures[m].name);
        alm_buffer_format(o, "{\"seeds\": %d", s->count);
        almi_json_pair(o, "mean", s->mean);
        almi_json_pair(o, "std_sample", s->deviation);
        almi_json_pair(o, "low", s->low);
        almi_json_pair(o, "high", s->high);
        alm_buffer_text(o, ", \"values_by_seed\": {");
        bool first = true;
        for (int k = 0; k < g->sets; k++) {
            const double below = g->seed_sum[k][almi_ratios[m].denominator];
            if (below != 0) {
                alm_buffer_text(o, first ? "\"" : ", \"");
                almi_put_whole(o, g->set[k]->seed);
                alm_buffer_text(o, "\": ");
                almi_put_number(o, g->seed_sum[k][almi_ratios[m].numerator] / below);
                first = false;
            }
        }
        alm_buffer_text(o, "}}");
    }
    almi_json_line(o, level);
    alm_buffer_text(o, "}");
}

static void put_sets(alm_buffer *o, int level, const almi_group *g)
{
    alm_buffer_text(o, "[");
    for (int k = 0; k < g->sets; k++) {
        const alm_eval_set *s = g->set[k];
        const double *sum = g->seed_sum[k];
        const int64_t number[6] = {s->seed,
                                   s->total,
                                   s->selected,
                                   s->rows,
                                   (int64_t)sum[ALMI_COUNT_VALID],
                                   (int64_t)sum[ALMI_COUNT_ERRORS]};
        static const char *const key[6] = {"seed", "total",      "selected",
                                           "rows", "valid_rows", "error_rows"};
        alm_buffer_text(o, k ? "," : "");
        almi_json_line(o, level + 1);
        for (int i = 0; i < 6; i++) {
            alm_buffer_format(o, "%s\"%s\": ", i ? ", " : "{", key[i]);
            almi_put_whole(o, number[i]);
        }
        alm_buffer_text(o, "}");
    }
    almi_json_line(o, level);
    alm_buffer_text(o, "]");
}

/* ---- Distribution */

static void put_list(alm_buffer *o, const char *key, const int64_t *value, int count)
{
    alm_buffer_format(o, ", \"%s\": [", key);
    for (int i = 0; i < count; i++) {
        alm_buffer_text(o, i ? ", " : "");
        almi_put_whole(o, value[i]);
    }
    alm_buffer_text(o, "]");
}

static void put_distribution(alm_buffer *o, int level, const almi_summary *s)
{
    static const char *const key[ALMI_QUANTILES] = {"q05", "q25", "median", "q75", "q95"};
    alm_buffer_text(o, "{");
    for (int k = 0; k < ALMI_SPREADS; k++) {
        almi_json_key(o, level + 1, k == 0, spread_name[k]);
        alm_buffer_text(o, "{\"rows\": ");
        almi_put_whole(o, s->values[k]);
        for (int q = 0; q < ALMI_QUANTILES; q++) {
            alm_buffer_format(o, ", \"%s\": ", key[q]);
            almi_put_float(o, s->values[k] ? s->quantile[k][q] : NAN);
        }
        if (k == ALMI_SPREAD_RMSE_T || k == ALMI_SPREAD_CD) {
            const bool length = k == ALMI_SPREAD_RMSE_T;
            alm_buffer_format(o,
                              ", \"bins_per_decade\": %d, \"first_edge\": \"1e%d\", "
                              "\"last_edge\": \"1e%d\"",
                              ALMI_LOG_BINS, length ? ALMI_LENGTH_LEAST : ALMI_SQUARE_LEAST,
                              length ? ALMI_LENGTH_MOST : ALMI_SQUARE_MOST);
        } else {
            alm_buffer_format(o, ", \"bin_width\": %d", ALMI_ANGLE_WIDTH);
        }
        put_list(o, "histogram", s->bin[k], almi_bins_of(k));
        alm_buffer_text(o, "}");
    }
    almi_json_line(o, level);
    alm_buffer_text(o, "}");
}

/* ---- Samples */

static alm_status put_example(alm_buffer *o, int level, const almi_group *g, const almi_example *e)
{
    alm_eval_row row = {0};
    ALM_TRY(almi_group_row(g, e->set, e->row, &row));
    almi_json_line(o, level);
    alm_buffer_text(o, "{\"seed\": ");
    almi_put_whole(o, g->set[e->set]->seed);
    alm_buffer_text(o, ", \"idx\": ");
    almi_put_whole(o, row.idx);
    alm_buffer_text(o, ", \"asset\": ");
    almi_put_json(o, row.asset);
    alm_buffer_text(o, ", \"category\": ");
    almi_put_json(o, row.category);
    for (int k = 0; k < ALM_METRICS && row.valid; k++) {
        alm_buffer_format(o, ", \"%s\": ", alm_metric_names[k]);
        almi_put_float(o, row.metric[k]);
    }
    if (row.valid) {
        alm_buffer_text(o, ", \"symmetric GD\": ");
        almi_put_float(o, row.symmetric_gd);
        alm_buffer_format(o, ", \"symmetries\": %d", row.symmetries);
    } else {
        alm_buffer_text(o, ", \"error\": ");
        almi_put_json(o, row.error);
    }
    alm_buffer_text(o, "}");
    return ALM_OK;
}

static void put_examples(alm_buffer *o, int level, const almi_group *g, const almi_example *e,
                         int count)
{
    alm_buffer_text(o, "[");
    for (int k = 0; k < count && o->status == ALM_OK; k++) {
        alm_buffer_text(o, k ? "," : "");
        o->status = put_example(o, level + 1, g, &e[k]);
    }
    if (count) {
        almi_json_line(o, level);
    }
    alm_buffer_text(o, "]");
}

static void put_reasons(alm_buffer *o, int level, const almi_summary *s)
{
    alm_buffer_text(o, "[");
    for (int k = 0; k < s->reason_count; k++) {
        alm_buffer_text(o, k ? "," : "");
        almi_json_line(o, level + 1);
        alm_buffer_text(o, "{\"reason\": ");
        almi_put_json(o, s->reason[k].text);
        alm_buffer_text(o, ", \"rows\": ");
        almi_put_whole(o, s->reason[k].count);
        alm_buffer_text(o, "}");
    }
    if (s->reason_count) {
        almi_json_line(o, level);
    }
    alm_buffer_text(o, "]");
}

/* ---- Groups */

static void put_categories(alm_buffer *o, int level, const almi_report_group *rg)
{
    const almi_group *g = rg->group;
    if (!rg->category) {
        alm_buffer_text(o, "null");
        return;
    }
    alm_buffer_text(o, "[");
    for (int32_t k = 0; k < g->categories; k++) {
        alm_buffer_text(o, k ? "," : "");
        almi_json_line(o, level + 1);
        alm_buffer_text(o, "{");
        almi_json_text(o, level + 2, true, "category", g->category[k].name);
        almi_json_whole(o, level + 2, false, "samples", g->category[k].count);
        almi_json_key(o, level + 2, false, "measures");
        put_measures(o, level + 2, rg->category[k]);
        almi_json_line(o, level + 1);
        alm_buffer_text(o, "}");
    }
    if (g->categories) {
        almi_json_line(o, level);
    }
    alm_buffer_text(o, "]");
}

static void put_group(alm_buffer *o, int level, const almi_report_group *rg)
{
    const almi_group *g = rg->group;
    const almi_summary *s = &rg->summary;
    const int in = level + 1;
    alm_buffer_text(o, "{");
    almi_json_text(o, in, true, "dataset", g->dataset);
    almi_json_text(o, in, false, "split", g->split);
    put_counts(o, in, g->clusters, rg->sum);
    almi_json_key(o, in, false, "sets");
    put_sets(o, in, g);
    almi_json_key(o, in, false, "measures");
    put_measures(o, in, rg->estimate);
    almi_json_key(o, in, false, "over_seeds");
    put_seeds(o, in, rg);
    almi_json_key(o, in, false, "distribution");
    put_distribution(o, in, s);
    almi_json_key(o, in, false, "categories");
    put_categories(o, in, rg);
    almi_json_key(o, in, false, "worst");
    put_examples(o, in, g, s->worst, s->worst_count);
    almi_json_key(o, in, false, "typical");
    put_examples(o, in, g, s->typical, s->typical_count);
    almi_json_key(o, in, false, "reasons");
    put_reasons(o, in, s);
    almi_json_key(o, in, false, "first_failures");
    put_examples(o, in, g, s->failure, s->failure_count);
    almi_json_line(o, level);
    alm_buffer_text(o, "}");
}

static void put_methods(alm_buffer *o, int level)
{
    alm_buffer_text(o, "{");
    for (int k = 0; k < almi_method_count; k++) {
        almi_json_text(o, level + 1, k == 0, almi_methods[k].title, almi_methods[k].text);
    }
    almi_json_line(o, level);
    alm_buffer_text(o, "}");
}

void almi_report_json(const almi_report *r, alm_buffer *o)
{
    const alm_report_options *p = r->options;
    alm_buffer_text(o, "{");
    almi_json_whole(o, 1, true, "format_version", 1);
    almi_json_text(o, 1, false, "model", p->model);
    almi_json_text(o, 1, false, "ckpt_path", p->ckpt_path);
    almi_json_text(o, 1, false, "run_timestamp", p->run_timestamp);
    almi_json_text(o, 1, false, "engine", p->engine);
    almi_json_key(o, 1, false, "confidence");
    almi_put_number(o, alm_confidence);
    almi_json_whole(o, 1, false, "resamples_asked", p->resamples ? p->resamples : ALM_RESAMPLES);
    almi_json_key(o, 1, false, "bootstrap_seed");
    alm_buffer_format(o, "%llu", (unsigned long long)p->seed);
    almi_json_key(o, 1, false, "method");
    put_methods(o, 1);
    almi_json_key(o, 1, false, "overall_by_split");
    alm_buffer_text(o, "{");
    for (int i = 0; i < r->splits; i++) {
        const almi_split *s = &r->split[i];
        int64_t samples = 0;
        for (int k = s->first; k < s->first + s->count; k++) {
            samples += r->groups.group[k].clusters;
        }
        almi_json_key(o, 2, i == 0, s->split);
        alm_buffer_text(o, "{");
        almi_json_whole(o, 3, true, "datasets", s->count);
        put_counts(o, 3, samples, s->sum);
        almi_json_whole(o, 3, false, "resamples", s->resamples);
        almi_json_key(o, 3, false, "micro_average_by_sample");
        put_measures(o, 3, s->micro);
        almi_json_key(o, 3, false, "macro_average_by_dataset");
        put_measures(o, 3, s->macro);
        almi_json_line(o, 2);
        alm_buffer_text(o, "}");
    }
    almi_json_line(o, 1);
    alm_buffer_text(o, "}");
    almi_json_key(o, 1, false, "groups");
    alm_buffer_text(o, "[");
    for (int i = 0; i < r->groups.count; i++) {
        alm_buffer_text(o, i ? "," : "");
        almi_json_line(o, 2);
        put_group(o, 2, &r->group[i]);
    }
    almi_json_line(o, 1);
    alm_buffer_text(o, "]\n}\n");
}
