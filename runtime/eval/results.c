/* Writes eval_results.json (results.h). */
#include "runtime/eval/results.h"

#include "kernels/core/memory.h"
#include "runtime/eval/means.h"
#include "runtime/output/json_write.h"

typedef struct totals {
    alm_means all;
    alm_category_means categories; /* of valid rows */
} totals;

static alm_status count_rows(const alm_eval_set *set, totals *t)
{
    for (int64_t i = 0; i < set->rows; i++) {
        alm_eval_row row;
        double metric[ALM_METRICS];
        alm_means *means;
        ALM_TRY(alm_eval_set_row(set, i, &row));
        for (int k = 0; k < ALM_METRICS && row.valid; k++) {
            metric[k] = (double)row.metric[k];
        }
        alm_means_add(&t->all, row.valid ? metric : NULL, 0);
        if (row.valid) {
            ALM_TRY(alm_category_means_at(&t->categories, row.category, &means));
            alm_means_add(means, metric, 0);
        }
    }
    return ALM_OK;
}

static void write_summary(alm_json_write *w, const alm_eval_set *set, const alm_means *all)
{
    const int64_t count[ALM_COUNTS] = {
        [ALM_COUNT_TOTAL] = set->total,
        [ALM_COUNT_SELECTED] = set->selected,
        [ALM_COUNT_EVALUATED] = all->rows,
        [ALM_COUNT_NOT_SELECTED] = set->total - set->selected,
        [ALM_COUNT_DROPPED] = set->selected - all->rows,
        [ALM_COUNT_UNEVALUATED] = set->total - all->rows,
        [ALM_COUNT_VALID] = all->valid,
        [ALM_COUNT_INVALID] = all->rows - all->valid,
    };
    alm_json_write_key(w, "summary");
    alm_json_write_open(w, '{');
    for (int i = 0; i < ALM_COUNTS; i++) {
        alm_json_write_key(w, alm_count_names[i]);
        alm_json_write_whole(w, count[i]);
    }
    alm_json_write_key(w, "Avg Pose Loss");
    alm_json_write_real(w, 0);
    alm_means_write(w, all);
    alm_json_write_close(w, '}');
}

static void write_category(alm_json_write *w, const alm_means *means)
{
    alm_json_write_key(w, "count");
    alm_json_write_whole(w, means->valid);
    alm_means_write(w, means);
}

static void write_reals(alm_json_write *w, const float *value, int count)
{
    alm_json_write_open(w, '[');
    for (int i = 0; i < count; i++) {
        alm_json_write_real(w, (double)value[i]);
    }
    alm_json_write_close(w, ']');
}

/* translation: [3], rotation: [3][3]; NULL: null. */
static void write_pose(alm_json_write *w, const char *translation_key, const float *translation,
                       const char *rotation_key, const float *rotation)
{
    alm_json_write_key(w, translation_key);
    if (translation) {
        write_reals(w, translation, 3);
    } else {
        alm_json_write_null(w);
    }
    alm_json_write_key(w, rotation_key);
    if (!rotation) {
        alm_json_write_null(w);
        return;
    }
    alm_json_write_open(w, '[');
    for (int i = 0; i < 3; i++) {
        write_reals(w, rotation + 3 * i, 3);
    }
    alm_json_write_close(w, ']');
}

/* instruction: a buffer that is used again. */
static alm_status write_row(alm_json_write *w, const alm_eval_row *row, alm_buffer *instruction)
{
    instruction->count = 0;
    alm_buffer_text(instruction, "Assemble the ");
    alm_buffer_text(instruction, row->category);
    alm_buffer_text(instruction, " object <pose_query>");
    ALM_TRY(instruction->status);
    alm_json_write_open(w, '{');
    alm_json_write_key(w, "idx");
    alm_json_write_whole(w, row->idx);
    alm_json_write_key(w, "asset");
    alm_json_write_string(w, row->asset);
    alm_json_write_key(w, "category");
    alm_json_write_string(w, row->category);
    alm_json_write_key(w, "instruction");
    alm_json_write_text(w, (const char *)instruction->data, instruction->count);
    alm_json_write_key(w, "pose_loss");
    alm_json_write_real(w, 0);
    alm_json_write_key(w, "valid");
    alm_json_write_bool(w, row->valid);
    write_pose(w, "true_T", row->has_truth ? row->true_t : NULL, "true_R",
               row->has_truth ? row->true_r : NULL);
    write_pose(w, "pred_T", row->valid ? row->pred_t : NULL, "pred_R",
               row->valid ? row->pred_r : NULL);
    for (int i = 0; i < ALM_METRICS && row->valid; i++) {
        alm_json_write_key(w, alm_metric_names[i]);
        alm_json_write_real(w, (double)row->metric[i]);
    }
    if (!row->valid) {
        alm_json_write_key(w, "error");
        alm_json_write_string(w, row->error);
    }
    alm_json_write_close(w, '}');
    return w->status;
}

static alm_status write_details(alm_json_write *w, const alm_eval_set *set)
{
    alm_buffer instruction = {0};
    alm_status status = ALM_OK;
    alm_json_write_key(w, "details");
    alm_json_write_open(w, '[');
    for (int64_t i = 0; i < set->rows && status == ALM_OK; i++) {
        alm_eval_row row;
        status = alm_eval_set_row(set, i, &row);
        if (status == ALM_OK) {
            status = write_row(w, &row, &instruction);
        }
    }
    alm_json_write_close(w, ']');
    alm_buffer_free(&instruction);
    return status;
}

static void write_config(alm_json_write *w, const alm_tree *config)
{
    alm_json_write_key(w, "config");
    if (config && config->nodes) {
        alm_json_write_tree(w, config, 0);
    } else {
        alm_json_write_open(w, '{');
        alm_json_write_close(w, '}');
    }
}

static alm_status write_all(alm_json_write *w, const alm_eval_set *set, const alm_results_run *run,
                            const totals *t)
{
    alm_json_write_open(w, '{');
    write_summary(w, set, &t->all);
    ALM_TRY(alm_category_means_write(w, &t->categories, write_category));
    alm_json_write_key(w, "dataset_name");
    alm_json_write_string(w, set->dataset);
    alm_json_write_key(w, "split");
    alm_json_write_string(w, set->split);
    alm_json_write_key(w, "run_timestamp");
    alm_json_write_string(w, run->run_timestamp);
    alm_json_write_key(w, "seed");
    alm_json_write_whole(w, set->seed);
    write_config(w, run->config);
    alm_json_write_key(w, "ckpt_path");
    alm_json_write_string(w, run->ckpt_path);
    ALM_TRY(write_details(w, set));
    alm_json_write_close(w, '}');
    return w->status;
}

/* What is to be written, for alm_json_write_file. */
typedef struct results_job {
    const alm_eval_set *set;
    const alm_results_run *run;
    const totals *totals;
} results_job;

static alm_status write_job(alm_json_write *w, void *context)
{
    const results_job *job = context;
    return write_all(w, job->set, job->run, job->totals);
}

alm_status alm_results_write(const char *path, const alm_eval_set *set, const alm_results_run *run)
{
    totals t = {.all = {0}};
    alm_status status = count_rows(set, &t);
    if (status == ALM_OK) {
        results_job job = {.set = set, .run = run, .totals = &t};
        status = alm_json_write_file(path, write_job, &job);
    }
    alm_category_means_free(&t.categories);
    return status;
}
