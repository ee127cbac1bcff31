/* compare.json, compare.md, compare.html (report.h). */
#include <math.h>
#include <string.h>

#include "runtime/eval/compare_parts.h"
#include "runtime/eval/report_chart.h"

enum { RESULTS, SUCCESS, CHANGED, UNPAIRED, TABLES };
static const char *const threshold_name[3] = {"PA(0.01)", "PA(0.008)", "PA(0.005)"};

/* ---- Tables */

static void put_heads(almi_table *t, const char *const *head, int count)
{
    for (int k = 0; k < count; k++) {
        almi_table_text(t, head[k]);
    }
}

static int64_t pairs_of(const almi_pair_sums *s, int measure)
{
    return s->better[measure] + s->worse[measure] + s->equal[measure];
}

static void put_measure_row(almi_table *t, const char *split, const char *dataset, int m,
                            const almi_pair_sums *s, const double mean[2], const alm_estimate *e,
                            double p)
{
    const almi_measure_info *info = &almi_pair_measures[m];
    almi_table_text(t, split);
    almi_table_text(t, dataset);
    almi_table_text(t, info->head);
    almi_table_whole(t, pairs_of(s, m));
    almi_table_value(t, info->format, mean[0], false);
    almi_table_value(t, info->format, mean[1], false);
    almi_table_estimate(t, info->format, e, true);
    almi_table_p(t, p);
    almi_table_whole(t, s->better[m]);
    almi_table_whole(t, s->worse[m]);
    almi_table_whole(t, s->equal[m]);
}

/* Means of both runs over the pairs; NaN without any. */
static void means_of(const almi_pair_sums *s, int m, double mean[2])
{
    const int64_t n = pairs_of(s, m);
    mean[0] = n ? s->a[m] / (double)n : NAN;
    mean[1] = n ? s->b[m] / (double)n : NAN;
}

/* Means over the datasets of a split that have pairs. */
static void macro_means(const almi_comparison *c, const almi_pair_split *s, int m, double mean[2])
{
    int known = 0;
    mean[0] = mean[1] = 0;
    for (int i = s->first; i < s->first + s->count; i++) {
        double own[2];
        means_of(&c->group[i].sum, m, own);
        if (!isnan(own[0])) {
            known++;
            mean[0] += own[0];
            mean[1] += own[1];
        }
    }
    for (int k = 0; k < 2; k++) {
        mean[k] = known ? mean[k] / known : NAN;
    }
}

static void make_results(const almi_comparison *c, almi_table *t)
{
    static const char *const head[] = {"split", "dataset", "metric",   "pairs",   "A",    "B",
                                       "B - A", "p",       "B better", "B worse", "equal"};
    almi_table_begin(t, "lllrrrrrrrr",
                     (const char *const[]){"Differences with 95 % intervals over samples; A: ",
                                           c->name[0], ", B: ", c->name[1], NULL});
    t->note = "Means and differences over pairs in which both runs have a valid pose; 'of all "
              "rows' and valid poses: over all pairs, a missing pose being a failure. p: "
              "permutation test over samples, not corrected for several metrics.";
    put_heads(t, head, 11);
    for (int i = 0; i < c->splits; i++) {
        const almi_pair_split *s = &c->split[i];
        double mean[2];
        for (int k = s->first; k < s->first + s->count; k++) {
            const almi_pair_group *g = &c->group[k];
            for (int m = 0; m < ALMI_PAIR_MEASURES && g->sum.pairs; m++) {
                means_of(&g->sum, m, mean);
                put_measure_row(t, g->split, almi_dataset_text(g->dataset), m, &g->sum, mean,
                                &g->estimate[m], g->p[m]);
            }
        }
        for (int m = 0; m < ALMI_PAIR_MEASURES && s->count > 1; m++) {
            means_of(&s->sum, m, mean);
            put_measure_row(t, s->split, "all (micro)", m, &s->sum, mean, &s->micro[m],
                            s->micro_p[m]);
        }
        for (int m = 0; m < ALMI_PAIR_MEASURES && s->count > 1; m++) {
            macro_means(c, s, m, mean);
            put_measure_row(t, s->split, "all (macro)", m, &s->sum, mean, &s->macro[m],
                            s->macro_p[m]);
        }
    }
}

static void put_success_rows(almi_table *t, const char *split, const char *dataset,
                             const almi_pair_sums *s, const double *p)
{
    for (int k = 0; k < 3; k++) {
        almi_table_text(t, split);
        almi_table_text(t, dataset);
        almi_table_text(t, threshold_name[k]);
        for (int i = 0; i < 4; i++) {
            almi_table_whole(t, s->success[k][i]);
        }
        almi_table_p(t, alm_mcnemar(s->success[k][1], s->success[k][2]));
        almi_table_p(t, p[ALMI_PAIR_SUCCESS + k]);
    }
}

static void make_success(const almi_comparison *c, almi_table *t)
{
    static const char *const head[] = {"split",  "dataset", "threshold", "both",         "only A",
                                       "only B", "neither", "McNemar p", "permutation p"};
    almi_table_begin(t, "lllrrrrrr",
                     (const char *const[]){"Assembled parts (CD below the threshold)", NULL});
    t->note = "A row without a valid pose is not assembled. McNemar's test takes rows as "
              "independent; with several seeds the permutation test is the one to quote.";
    put_heads(t, head, 9);
    for (int i = 0; i < c->splits; i++) {
        const almi_pair_split *s = &c->split[i];
        for (int k = s->first; k < s->first + s->count; k++) {
            if (c->group[k].sum.pairs) {
                put_success_rows(t, s->split, almi_dataset_text(c->group[k].dataset),
                                 &c->group[k].sum, c->group[k].p);
            }
        }
        if (s->count > 1) {
            put_success_rows(t, s->split, "all", &s->sum, s->micro_p);
        }
    }
}

static alm_status put_changed(almi_table *t, const almi_pair_group *g, int side)
{
    for (int k = 0; k < g->changed_count[side]; k++) {
        const almi_pair_example *e = &g->changed[side][k];
        alm_eval_row row = {0};
        ALM_TRY(almi_group_row(g->a, e->set, e->row, &row));
        almi_table_text(t, g->split);
        almi_table_text(t, almi_dataset_text(g->dataset));
        almi_table_text(t, side ? "worse" : "better");
        almi_table_text(t, row.asset);
        almi_table_text(t, row.category ? row.category : "");
        almi_table_whole(t, e->idx);
        almi_table_whole(t, e->pairs);
        almi_table_value(t, ALMI_SQUARE, e->cd[0], false);
        almi_table_value(t, ALMI_SQUARE, e->cd[1], false);
        almi_table_value(t, ALMI_DEGREES, e->gd[0], false);
        almi_table_value(t, ALMI_DEGREES, e->gd[1], false);
    }
    return ALM_OK;
}

static alm_status make_changed(const almi_comparison *c, almi_table *t)
{
    static const char *const head[] = {"split", "dataset", "B is",    "asset",   "category", "idx",
                                       "pairs", "CD of A", "CD of B", "GD of A", "GD of B"};
    almi_table_begin(t, "lllllrrrrrr",
                     (const char *const[]){"Samples that changed most, by mean CD", NULL});
    put_heads(t, head, 11);
    for (int i = 0; i < c->groups; i++) {
        ALM_TRY(put_changed(t, &c->group[i], 0));
        ALM_TRY(put_changed(t, &c->group[i], 1));
    }
    return ALM_OK;
}

static alm_status make_unpaired(const almi_comparison *c, almi_table *t)
{
    static const char *const head[] = {"split", "dataset", "run", "rows", "seed", "idx", "asset"};
    almi_table_begin(t, "lllrrrl",
                     (const char *const[]){"Rows that one run alone has: their number, and the "
                                           "first of them",
                                           NULL});
    t->note = "Rows of the same dataset, split, seed and idx but with another asset are here for "
              "both runs.";
    put_heads(t, head, 7);
    for (int i = 0; i < c->groups; i++) {
        const almi_pair_group *g = &c->group[i];
        const almi_group *run[2] = {g->a, g->b};
        for (int k = 0; k < 2; k++) {
            for (int e = 0; e < g->unpaired_count[k]; e++) {
                const almi_example *x = &g->unpaired[k][e];
                alm_eval_row row = {0};
                ALM_TRY(almi_group_row(run[k], x->set, x->row, &row));
                almi_table_text(t, g->split);
                almi_table_text(t, almi_dataset_text(g->dataset));
                almi_table_text(t, k ? "only B" : "only A");
                almi_table_whole(t, g->sum.unpaired[k]);
                almi_table_whole(t, run[k]->set[x->set]->seed);
                almi_table_whole(t, x->idx);
                almi_table_text(t, row.asset);
            }
        }
    }
    return ALM_OK;
}

/* ---- JSON */

static void put_counts(alm_buffer *o, int level, const almi_pair_sums *s)
{
    almi_json_whole(o, level, false, "pairs", s->pairs);
    almi_json_whole(o, level, false, "both_valid", s->both);
    almi_json_whole(o, level, false, "only_a_valid", s->only_a);
    almi_json_whole(o, level, false, "only_b_valid", s->only_b);
    almi_json_whole(o, level, false, "neither_valid", s->neither);
    almi_json_whole(o, level, false, "left_out_for_an_error", s->errors);
    almi_json_whole(o, level, false, "unpaired_rows_of_a", s->unpaired[0]);
    almi_json_whole(o, level, false, "unpaired_rows_of_b", s->unpaired[1]);
    almi_json_whole(o, level, false, "rows_with_another_asset", s->other_asset);
}

static void put_measures(alm_buffer *o, int level, const almi_comparison *c,
                         const almi_pair_split *macro, const almi_pair_sums *s,
                         const alm_estimate *e, const double *p, const alm_spread *seeds)
{
    alm_buffer_text(o, "{");
    for (int m = 0; m < ALMI_PAIR_MEASURES; m++) {
        double mean[2];
        if (macro) {
            macro_means(c, macro, m, mean);
        } else {
            means_of(s, m, mean);
        }
        almi_json_key(o, level + 1, m == 0, almi_pair_measures[m].name);
        alm_buffer_text(o, "{\"pairs\": ");
        almi_put_whole(o, pairs_of(s, m));
        almi_json_pair(o, "mean_a", mean[0]);
        almi_json_pair(o, "mean_b", mean[1]);
        alm_buffer_text(o, ", \"difference\": {");
        almi_json_estimate(o, &e[m]);
        alm_buffer_text(o, "}, \"p\": ");
        almi_put_rounded(o, p[m], 6);
        alm_buffer_text(o, ", \"b_better\": ");
        almi_put_whole(o, s->better[m]);
        alm_buffer_text(o, ", \"b_worse\": ");
        almi_put_whole(o, s->worse[m]);
        alm_buffer_text(o, ", \"equal\": ");
        almi_put_whole(o, s->equal[m]);
        if (seeds) {
            alm_buffer_format(o, ", \"over_seeds\": {\"seeds\": %d", seeds[m].count);
            almi_json_pair(o, "mean", seeds[m].mean);
            almi_json_pair(o, "std_sample", seeds[m].deviation);
            almi_json_pair(o, "low", seeds[m].low);
            almi_json_pair(o, "high", seeds[m].high);
            alm_buffer_text(o, "}");
        }
        alm_buffer_text(o, "}");
    }
    almi_json_line(o, level);
    alm_buffer_text(o, "}");
}

static void put_success(alm_buffer *o, int level, const almi_pair_sums *s)
{
    static const char *const key[4] = {"both", "only_a", "only_b", "neither"};
    alm_buffer_text(o, "{");
    for (int k = 0; k < 3; k++) {
        almi_json_key(o, level + 1, k == 0, threshold_name[k]);
        for (int i = 0; i < 4; i++) {
            alm_buffer_format(o, "%s\"%s\": ", i ? ", " : "{", key[i]);
            almi_put_whole(o, s->success[k][i]);
        }
        alm_buffer_text(o, ", \"mcnemar_p\": ");
        almi_put_rounded(o, alm_mcnemar(s->success[k][1], s->success[k][2]), 6);
        alm_buffer_text(o, "}");
    }
    almi_json_line(o, level);
    alm_buffer_text(o, "}");
}

static alm_status put_unpaired(alm_buffer *o, int level, const almi_group *run,
                               const almi_example *list, int count)
{
    alm_buffer_text(o, "[");
    for (int k = 0; k < count; k++) {
        alm_eval_row row = {0};
        ALM_TRY(almi_group_row(run, list[k].set, list[k].row, &row));
        alm_buffer_text(o, k ? "," : "");
        almi_json_line(o, level + 1);
        alm_buffer_text(o, "{\"seed\": ");
        almi_put_whole(o, run->set[list[k].set]->seed);
        alm_buffer_text(o, ", \"idx\": ");
        almi_put_whole(o, list[k].idx);
        alm_buffer_text(o, ", \"asset\": ");
        almi_put_json(o, row.asset);
        alm_buffer_text(o, "}");
    }
    if (count) {
        almi_json_line(o, level);
    }
    alm_buffer_text(o, "]");
    return ALM_OK;
}

static alm_status put_group(alm_buffer *o, int level, const almi_comparison *c,
                            const almi_pair_group *g)
{
    alm_buffer_text(o, "{");
    almi_json_text(o, level + 1, true, "dataset", g->dataset);
    almi_json_text(o, level + 1, false, "split", g->split);
    put_counts(o, level + 1, &g->sum);
    almi_json_key(o, level + 1, false, "measures");
    put_measures(o, level + 1, c, NULL, &g->sum, g->estimate, g->p, g->seeds);
    almi_json_key(o, level + 1, false, "assembled");
    put_success(o, level + 1, &g->sum);
    almi_json_key(o, level + 1, false, "first_unpaired_of_a");
    ALM_TRY(put_unpaired(o, level + 1, g->a, g->unpaired[0], g->unpaired_count[0]));
    almi_json_key(o, level + 1, false, "first_unpaired_of_b");
    ALM_TRY(put_unpaired(o, level + 1, g->b, g->unpaired[1], g->unpaired_count[1]));
    almi_json_line(o, level);
    alm_buffer_text(o, "}");
    return ALM_OK;
}

static void put_split(alm_buffer *o, int level, const almi_comparison *c, const almi_pair_split *s)
{
    alm_buffer_text(o, "{");
    almi_json_whole(o, level + 1, true, "datasets", s->count);
    put_counts(o, level + 1, &s->sum);
    almi_json_key(o, level + 1, false, "micro_average_by_sample");
    put_measures(o, level + 1, c, NULL, &s->sum, s->micro, s->micro_p, NULL);
    almi_json_key(o, level + 1, false, "macro_average_by_dataset");
    put_measures(o, level + 1, c, s, &s->sum, s->macro, s->macro_p, NULL);
    almi_json_key(o, level + 1, false, "assembled");
    put_success(o, level + 1, &s->sum);
    almi_json_line(o, level);
    alm_buffer_text(o, "}");
}

static alm_status make_json(const almi_comparison *c, alm_buffer *o)
{
    alm_buffer_text(o, "{");
    almi_json_whole(o, 1, true, "format_version", 1);
    almi_json_text(o, 1, false, "a", c->name[0]);
    almi_json_text(o, 1, false, "b", c->name[1]);
    almi_json_key(o, 1, false, "confidence");
    almi_put_number(o, alm_confidence);
    almi_json_whole(o, 1, false, "resamples_asked",
                    c->options->resamples ? c->options->resamples : ALM_RESAMPLES);
    almi_json_key(o, 1, false, "bootstrap_seed");
    alm_buffer_format(o, "%llu", (unsigned long long)c->options->seed);
    almi_json_key(o, 1, false, "method");
    alm_buffer_text(o, "{");
    for (int k = 0; k < almi_compare_method_count; k++) {
        almi_json_text(o, 2, k == 0, almi_compare_methods[k].title, almi_compare_methods[k].text);
    }
    almi_json_line(o, 1);
    alm_buffer_text(o, "}");
    almi_json_key(o, 1, false, "overall_by_split");
    alm_buffer_text(o, "{");
    for (int i = 0; i < c->splits; i++) {
        almi_json_key(o, 2, i == 0, c->split[i].split);
        put_split(o, 2, c, &c->split[i]);
    }
    almi_json_line(o, 1);
    alm_buffer_text(o, "}");
    almi_json_key(o, 1, false, "groups");
    alm_buffer_text(o, "[");
    for (int i = 0; i < c->groups; i++) {
        alm_buffer_text(o, i ? "," : "");
        almi_json_line(o, 2);
        ALM_TRY(put_group(o, 2, c, &c->group[i]));
    }
    almi_json_line(o, 1);
    alm_buffer_text(o, "]\n}\n");
    return o->status;
}

/* ---- Documents */

static void make_markdown(const almi_comparison *c, const almi_table *t, alm_buffer *o)
{
    alm_buffer_text(o, "# AssemBench comparison\n\n* A: ");
    almi_put_markdown(o, c->name[0]);
    alm_buffer_text(o, "\n* B: ");
    almi_put_markdown(o, c->name[1]);
    alm_buffer_text(o, "\n\n");
    for (int k = 0; k < TABLES; k++) {
        if (almi_table_rows(&t[k])) {
            almi_table_markdown(&t[k], o);
        }
    }
    for (int k = 0; k < almi_compare_method_count; k++) {
        alm_buffer_text(o, "* **");
        almi_put_markdown(o, almi_compare_methods[k].title);
        alm_buffer_text(o, "** ");
        almi_put_markdown(o, almi_compare_methods[k].text);
        alm_buffer_text(o, "\n");
    }
}

static void make_html(const almi_comparison *c, const almi_table *t, alm_buffer *o)
{
    almi_html_begin(o, "AssemBench comparison");
    alm_buffer_text(o, "<h1>AssemBench comparison</h1><dl class=\"facts\"><dt>A</dt><dd><bdi>");
    almi_put_html(o, c->name[0]);
    alm_buffer_text(o, "</bdi></dd><dt>B</dt><dd><bdi>");
    almi_put_html(o, c->name[1]);
    alm_buffer_text(o, "</bdi></dd></dl>\n");
    for (int i = 0; i < c->splits; i++) {
        const almi_pair_sums *s = &c->split[i].sum;
        alm_buffer_text(o, "<h2>");
        almi_put_html(o, c->split[i].split);
        alm_buffer_text(o, "</h2><p class=\"soft\">");
        almi_put_whole(o, s->pairs);
        alm_buffer_text(o, " pairs, ");
        almi_put_whole(o, s->both);
        alm_buffer_text(o, " with two valid poses; rows that only A has: ");
        almi_put_whole(o, s->unpaired[0]);
        alm_buffer_text(o, ", only B: ");
        almi_put_whole(o, s->unpaired[1]);
        alm_buffer_text(o, "</p>\n<div class=\"charts\">\n");
        almi_chart_differences(o, s->difference[0], ALMI_PAIR_BINS, ALMI_PAIR_BIN_WIDTH,
                               "GD of B - GD of A (degrees), pairs that differ");
        almi_chart_differences(o, s->difference[1], ALMI_PAIR_BINS, ALMI_PAIR_BIN_WIDTH,
                               "symmetric GD of B - of A (degrees), pairs that differ");
        alm_buffer_text(o, "</div>\n");
    }
    for (int k = 0; k < TABLES; k++) {
        if (almi_table_rows(&t[k])) {
            almi_table_html(&t[k], o);
        }
    }
    almi_html_methods(o, almi_compare_methods, almi_compare_method_count);
    almi_html_end(o);
}

alm_status almi_compare_write_files(const almi_comparison *c)
{
    static const char *const name[3] = {"compare.json", "compare.md", "compare.html"};
    static const unsigned bit[3] = {ALM_REPORT_JSON, ALM_REPORT_MD, ALM_REPORT_HTML};
    const unsigned formats = c->options->formats ? c->options->formats : ALM_REPORT_ALL;
    almi_table t[TABLES] = {{0}};
    alm_buffer text[3] = {{0}};
    make_results(c, &t[RESULTS]);
    make_success(c, &t[SUCCESS]);
    alm_status status = make_changed(c, &t[CHANGED]);
    if (status == ALM_OK) {
        status = make_unpaired(c, &t[UNPAIRED]);
    }
    if (status == ALM_OK) {
        status = make_json(c, &text[0]);
    }
    if (status == ALM_OK) {
        make_markdown(c, t, &text[1]);
        make_html(c, t, &text[2]);
    }
    for (int k = 0; k < 3 && status == ALM_OK; k++) {
        if (formats & bit[k]) {
            status = almi_write_named(c->options->folder, name[k], &text[k]);
        }
    }
    for (int k = 0; k < 3; k++) {
        alm_buffer_free(&text[k]);
    }
    for (int k = 0; k < TABLES; k++) {
        alm_buffer_free(&t[k].text);
    }
    return status;
}
