/* The aggregate over the data sets of one seed (aggregate.h). */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "kernels/core/memory.h"
#include "runtime/eval/aggregate_parts.h"
#include "runtime/eval/results_read.h"

static const char note[] =
    "Each dataset was evaluated independently. micro_average_by_sample recomputes metrics from all "
    "valid per-sample rows in the same split; macro_average_by_dataset gives each dataset equal "
    "weight. Train and test are intentionally not mixed.";

/* All rows of a split. */
typedef struct split_total {
    const char *split;
    alm_means all;
    alm_category_means categories;
} split_total;

typedef struct aggregate {
    const alm_aggregate_source *source; /* [count] */
    int count;
    int64_t seed;
    const alm_aggregate_run *run;
    alm_results *results; /* [count] */
    char **path;          /* [count], as they are written */
    split_total *total;   /* [totals], sorted before they are written */
    int totals;
} aggregate;

void almi_aggregate_head(alm_json_write *w, const alm_aggregate_run *run)
{
    alm_json_write_key(w, "format_version");
    alm_json_write_whole(w, 1);
    alm_json_write_key(w, "generated_at");
    alm_json_write_string(w, run->generated_at);
    alm_json_write_key(w, "run_timestamp");
    alm_json_write_string(w, run->run_timestamp);
}

alm_status almi_aggregate_path(const char *path, const alm_aggregate_run *run, char **out)
{
    if (run->keep_paths) {
        return alm_strdup(path, "path", out);
    }
    char *real = realpath(path, NULL);
    if (!real) {
        return alm_fail(errno == ENOMEM ? ALM_STATUS_MEMORY : ALM_STATUS_USAGE, "%s: %s", path,
                        strerror(errno));
    }
    const alm_status status = alm_strdup(real, "path", out);
    free(real);
    return status;
}

/* ---- Reading ---- */

static alm_status take_row(void *context, const alm_results_row *row)
{
    split_total *total = context;
    const double *metric = row->valid ? row->metric : NULL;
    alm_means *means;
    alm_means_add(&total->all, metric, row->pose_loss);
    ALM_TRY(alm_category_means_at(&total->categories, row->category, &means));
    alm_means_add(means, metric, row->pose_loss);
    return ALM_OK;
}

static split_total *total_of(aggregate *a, const char *split)
{
    for (int i = 0; i < a->totals; i++) {
        if (strcmp(a->total[i].split, split) == 0) {
            return &a->total[i];
        }
    }
    a->total[a->totals] = (split_total){.split = split};
    return &a->total[a->totals++];
}

static alm_status check_once(const aggregate *a, int index)
{
    const alm_aggregate_source *s = &a->source[index];
    for (int i = 0; i < index; i++) {
        if (strcmp(a->source[i].dataset, s->dataset) == 0 &&
            strcmp(a->source[i].split, s->split) == 0) {
            return alm_fail(ALM_STATUS_USAGE, "%s: %s %s is given twice, expected once (%s)",
                            s->path, s->dataset, s->split, a->source[i].path);
        }
    }
    return ALM_OK;
}

static alm_status check_ckpt(const char *path, const char *ckpt, const char *first_path,
                             const char *first)
{
    if ((!ckpt && !first) || (ckpt && first && strcmp(ckpt, first) == 0)) {
        return ALM_OK;
    }
    return alm_fail(ALM_STATUS_USAGE, "%s: ckpt_path is %.200s, expected %.200s as in %s", path,
                    ckpt ? ckpt : "null", first ? first : "null", first_path);
}

static alm_status read_source(aggregate *a, int i)
{
    const alm_aggregate_source *s = &a->source[i];
    const alm_results_expect expect = {
        .dataset = s->dataset, .split = s->split, .seed = a->seed, .ckpt_path = a->run->ckpt_path};
    ALM_TRY(check_once(a, i));
    split_total *total = total_of(a, s->split);
    const alm_results_visit visit = {.row = take_row, .context = total};
    ALM_TRY(alm_results_open(s->path, &visit, &a->results[i]));
    ALM_TRY(alm_results_check(&a->results[i], &expect));
    ALM_TRY(
        check_ckpt(s->path, a->results[i].ckpt_path, a->source[0].path, a->results[0].ckpt_path));
    if (!alm_means_finite(&total->all)) {
        return alm_fail(ALM_STATUS_USAGE, "%s: a sum over the rows of %s overflows", s->path,
                        s->split);
    }
    return almi_aggregate_path(s->path, a->run, &a->path[i]);
}

/* ---- Writing ---- */

static alm_status copy_span(alm_json_write *w, const alm_results *r, alm_results_span span)
{
    alm_json json;
    alm_json_begin(&json, r->path, span.text, span.bytes);
    const alm_status status = alm_json_write_copy(w, &json);
    alm_json_close(&json);
    return alm_results_refusal(status);
}

static alm_status write_result(alm_json_write *w, const aggregate *a, int i)
{
    alm_json_write_key(w, a->source[i].split);
    alm_json_write_open(w, '{');
    alm_json_write_key(w, "result_file");
    alm_json_write_string(w, a->path[i]);
    alm_json_write_key(w, "summary");
    ALM_TRY(copy_span(w, &a->results[i], a->results[i].summary));
    alm_json_write_key(w, "per_category");
    ALM_TRY(copy_span(w, &a->results[i], a->results[i].per_category));
    alm_json_write_close(w, '}');
    return w->status;
}

/* Whether the data set of a source came before it. */
static bool is_known(const aggregate *a, int index)
{
    for (int i = 0; i < index; i++) {
        if (strcmp(a->source[i].dataset, a->source[index].dataset) == 0) {
            return true;
        }
    }
    return false;
}

static alm_status write_datasets(alm_json_write *w, const aggregate *a)
{
    alm_json_write_key(w, "datasets");
    alm_json_write_open(w, '{');
    for (int i = 0; i < a->count; i++) {
        if (is_known(a, i)) {
            continue;
        }
        alm_json_write_key(w, a->source[i].dataset);
        alm_json_write_open(w, '{');
        for (int j = i; j < a->count; j++) {
            if (strcmp(a->source[j].dataset, a->source[i].dataset) == 0) {
                ALM_TRY(write_result(w, a, j));
            }
        }
        alm_json_write_close(w, '}');
    }
    alm_json_write_close(w, '}');
    return w->status;
}

static void write_count(alm_json_write *w, alm_count which, int64_t value)
{
    alm_json_write_key(w, alm_count_names[which]);
    alm_json_write_whole(w, value);
}

/* What the micro average and its categories have in common. */
static void write_rows(alm_json_write *w, const alm_means *means)
{
    write_count(w, ALM_COUNT_EVALUATED, means->rows);
    write_count(w, ALM_COUNT_VALID, means->valid);
    write_count(w, ALM_COUNT_INVALID, means->rows - means->valid);
    if (means->rows) {
        alm_json_write_key(w, "Avg Pose Loss");
        alm_json_write_real(w, means->pose_loss / (double)means->rows);
    }
    alm_means_write(w, means);
}

static void write_micro(alm_json_write *w, const aggregate *a, const split_total *total)
{
    static const alm_count rest[] = {ALM_COUNT_TOTAL, ALM_COUNT_SELECTED, ALM_COUNT_NOT_SELECTED,
                                     ALM_COUNT_DROPPED, ALM_COUNT_UNEVALUATED};
    alm_json_write_key(w, "micro_average_by_sample");
    alm_json_write_open(w, '{');
    write_rows(w, &total->all);
    for (size_t k = 0; k < sizeof rest / sizeof *rest; k++) {
        int64_t sum = 0; /* of at most 2^53 each */
        for (int i = 0; i < a->count; i++) {
            sum += strcmp(a->source[i].split, total->split) == 0 ? a->results[i].count[rest[k]] : 0;
        }
        write_count(w, rest[k], sum);
    }
    alm_json_write_close(w, '}');
}

enum { POSE_LOSS = ALM_METRICS };

/* A mean of a file's summary; false: the summary lacks it. */
static bool mean_of(const alm_results *r, int which, double *value)
{
    *value = which == POSE_LOSS ? r->pose_loss : r->mean[which];
    return which == POSE_LOSS ? r->has_pose_loss : r->has_mean[which];
}

static alm_status write_macro(alm_json_write *w, const aggregate *a, const split_total *total)
{
    static const int order[] = {POSE_LOSS,         ALM_METRIC_GD,     ALM_METRIC_RMSE_T,
                                ALM_METRIC_CD,     ALM_METRIC_PA_010, ALM_METRIC_PA_008,
                                ALM_METRIC_PA_005, ALM_METRIC_CD_R};
    alm_json_write_key(w, "macro_average_by_dataset");
    alm_json_write_open(w, '{');
    for (size_t k = 0; k < sizeof order / sizeof *order; k++) {
        const char *name = order[k] == POSE_LOSS ? "Avg Pose Loss" : alm_mean_names[order[k]];
        double sum = 0, value;
        int having = 0;
        for (int i = 0; i < a->count; i++) {
            if (strcmp(a->source[i].split, total->split) == 0 &&
                mean_of(&a->results[i], order[k], &value)) {
                sum += value;
                having++;
            }
        }
        if (!isfinite(sum)) {
            return alm_fail(ALM_STATUS_USAGE, "%s: the sum of %s over the data sets overflows",
                            total->split, name);
        }
        if (having) {
            alm_json_write_key(w, name);
            alm_json_write_real(w, sum / having);
        }
    }
    alm_json_write_close(w, '}');
    return w->status;
}

static int by_split(const void *a, const void *b)
{
    return strcmp(((const split_total *)a)->split, ((const split_total *)b)->split);
}

static alm_status write_overall(alm_json_write *w, const aggregate *a)
{
    qsort(a->total, (size_t)a->totals, sizeof *a->total, by_split);
    alm_json_write_key(w, "overall_by_split");
    alm_json_write_open(w, '{');
    for (int i = 0; i < a->totals; i++) {
        alm_json_write_key(w, a->total[i].split);
        alm_json_write_open(w, '{');
        write_micro(w, a, &a->total[i]);
        ALM_TRY(write_macro(w, a, &a->total[i]));
        ALM_TRY(alm_category_means_write(w, &a->total[i].categories, write_rows));
        alm_json_write_close(w, '}');
    }
    alm_json_write_close(w, '}');
    return w->status;
}

static void write_sources(alm_json_write *w, const aggregate *a)
{
    alm_json_write_key(w, "source_results");
    alm_json_write_open(w, '[');
    for (int i = 0; i < a->count; i++) {
        alm_json_write_open(w, '{');
        alm_json_write_key(w, "dataset");
        alm_json_write_string(w, a->source[i].dataset);
        alm_json_write_key(w, "split");
        alm_json_write_string(w, a->source[i].split);
        alm_json_write_key(w, "path");
        alm_json_write_string(w, a->path[i]);
        alm_json_write_close(w, '}');
    }
    alm_json_write_close(w, ']');
}

static alm_status write_all(alm_json_write *w, void *context)
{
    const aggregate *a = context;
    alm_json_write_open(w, '{');
    almi_aggregate_head(w, a->run);
    alm_json_write_key(w, "seed");
    alm_json_write_whole(w, a->seed);
    alm_json_write_key(w, "ckpt_path");
    alm_json_write_string(w, a->results[0].ckpt_path);
    alm_json_write_key(w, "aggregation_note");
    alm_json_write_string(w, note);
    ALM_TRY(write_datasets(w, a));
    ALM_TRY(write_overall(w, a));
    write_sources(w, a);
    alm_json_write_close(w, '}');
    return w->status;
}

static alm_status make(aggregate *a, const char *out_path)
{
    const size_t count = (size_t)a->count;
    ALM_TRY(alm_calloc(count, sizeof *a->results, "results", &a->results));
    ALM_TRY(alm_calloc(count, sizeof *a->path, "results", &a->path));
    ALM_TRY(alm_calloc(count, sizeof *a->total, "results", &a->total));
    for (int i = 0; i < a->count; i++) {
        ALM_TRY(read_source(a, i));
    }
    return alm_json_write_file(out_path, write_all, a);
}

alm_status alm_aggregate_datasets(const alm_aggregate_source *source, int count, int64_t seed,
                                  const alm_aggregate_run *run, const char *out_path)
{
    aggregate a = {.source = source, .count = count, .seed = seed, .run = run};
    if (count < 1) {
        return alm_fail(ALM_STATUS_USAGE, "%s: there are no results to aggregate", out_path);
    }
    const alm_status status = make(&a, out_path);
    for (int i = 0; i < count; i++) {
        if (a.results) {
            alm_results_close(&a.results[i]);
        }
        if (a.path) {
            alm_free(a.path[i]);
        }
    }
    for (int i = 0; i < a.totals; i++) {
        alm_category_means_free(&a.total[i].categories);
    }
    alm_free(a.results);
    alm_free(a.path);
    alm_free(a.total);
    return status;
}
