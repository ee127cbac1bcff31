#include "runtime/eval/finish.h"

#include <stdio.h>
#include <string.h>

#include "kernels/core/memory.h"
#include "runtime/assemlm.h"
#include "runtime/eval/eval_config.h"
#include "runtime/eval/found.h"
#include "runtime/eval/results.h"
#include "runtime/eval/results_read.h"
#include "runtime/eval/run_folder.h"
#include "runtime/eval/run_reports.h"

typedef struct finishing {
    const alm_eval_rows *rows;
    const alm_eval_plan *plan;
    const char *run;
    const char *own; /* the run folder whose plan it is */
    alm_tree config; /* empty: none */
    char utc[21];
    alm_aggregate_run about;
} finishing;

static bool is_faulty(const alm_eval_plan *plan, int set)
{
    return plan->dataset[plan->set[set].dataset].fault != NULL;
}

/* <run>/<dataset>/seed_<N>/<split>/<timestamp>[/eval_results.json] */
static alm_status set_path(const finishing *f, int number, const char *file, char **out)
{
    const alm_eval_plan_set *set = &f->plan->set[number];
    return alm_path_format(out, "%s/%s/seed_%lu/%s/%s%s", f->run,
                           f->plan->dataset[set->dataset].name,
                           (unsigned long)f->plan->seed[set->seed], f->plan->split[set->split],
                           f->plan->run_timestamp, file);
}

static const char results_name[] = "/eval_results.json";

static alm_status write_set(finishing *f, int number)
{
    char *path;
    ALM_TRY(set_path(f, number, "", &path));
    alm_status status = alm_folders_make(path);
    alm_free(path);
    ALM_TRY(status);
    if (f->plan->config) {
        ALM_TRY(alm_results_refusal(alm_eval_config_mix(&f->config, f->rows->set[number].dataset)));
    }
    status = set_path(f, number, results_name, &path);
    if (status == ALM_OK) {
        const alm_results_run run = {.ckpt_path = f->plan->ckpt_path,
                                     .run_timestamp = f->plan->run_timestamp,
                                     .config = &f->config};
        status = alm_results_write(path, &f->rows->set[number], &run);
        alm_free(path);
    }
    return status;
}

static alm_status read_config(finishing *f, char **path)
{
    ALM_TRY(alm_run_own(f->own, "config.yaml", path));
    return alm_results_refusal(alm_eval_config_load(*path, &f->config));
}

static alm_status write_aggregates(const finishing *f)
{
    alm_found found = {0};
    size_t capacity = 0;
    alm_status status = ALM_OK;
    for (int s = 0; s < f->plan->sets && status == ALM_OK; s++) {
        const alm_eval_plan_set *set = &f->plan->set[s];
        alm_found_file file = {.dataset = f->plan->dataset[set->dataset].name,
                               .split = f->plan->split[set->split],
                               .timestamp = f->plan->run_timestamp,
                               .seed = f->plan->seed[set->seed]};
        if (is_faulty(f->plan, s)) {
            continue;
        }
        status = set_path(f, s, results_name, &file.path);
        if (status == ALM_OK) {
            status = alm_found_add(&found, &capacity, &file);
            alm_free(file.path);
        }
    }
    if (status == ALM_OK) {
        status = alm_found_write(&found, f->plan->seed, f->plan->seeds, &f->about, f->run);
    }
    alm_found_free(&found);
    return status;
}

static alm_status write_all(finishing *f, const alm_eval_finish_options *options)
{
    for (int s = 0; s < f->plan->sets; s++) {
        if (!is_faulty(f->plan, s)) {
            ALM_TRY(write_set(f, s));
        }
    }
    ALM_TRY(write_aggregates(f));
    return alm_eval_reports(f->rows, f->run, options);
}

alm_status alm_eval_finish(const alm_eval_rows *rows, const char *own, const char *run,
                           const alm_eval_finish_options *options)
{
    finishing f = {.rows = rows, .plan = rows->plan, .run = run, .own = own};
    ALM_TRY(alm_eval_plan_time(rows->plan->run_timestamp, f.utc));
    f.about = (alm_aggregate_run){.run_timestamp = rows->plan->run_timestamp,
                                  .generated_at = f.utc,
                                  .ckpt_path = rows->plan->ckpt_path};
    char *path = NULL; /* of the settings, whose messages have it */
    alm_status status = rows->plan->config ? read_config(&f, &path) : ALM_OK;
    if (status == ALM_OK) {
        status = write_all(&f, options);
    }
    alm_tree_clear(&f.config);
    alm_free(path);
    return status;
}
