/* alm_merge: the shards of a run to its results; results of others to their aggregates. */
#include <stdio.h>
#include <string.h>

#include "kernels/core/memory.h"
#include "runtime/assemlm.h"
#include "runtime/eval/compare_runs.h"
#include "runtime/eval/finish.h"
#include "runtime/eval/found.h"
#include "runtime/eval/run_folder.h"

enum { NAMED = 100 };

/* A check that failed: with --strict its own exit code. */
static alm_status check_failed(const alm_merge_options *options, alm_status status)
{
    return status == ALM_STATUS_USAGE && options->strict ? ALM_STATUS_CHECK : status;
}

static void say(const alm_merge_options *options, const char *text)
{
    if (options->note) {
        options->note(options->context, text);
    }
}

/* All folders hold the same plan. */
static alm_status check_plans(const alm_merge_options *options, const alm_eval_plan *plan)
{
    for (int i = 1; i < options->count; i++) {
        alm_eval_plan other = {0};
        bool found;
        ALM_TRY(alm_run_plan_read(options->runs[i], &found, &other));
        const alm_status status =
            found ? alm_eval_plan_compare(options->runs[0], plan, options->runs[i], &other)
                  : alm_fail(ALM_STATUS_USAGE, "%s: holds no plan, so no shard of a run",
                             options->runs[i]);
        alm_eval_plan_free(&other);
        ALM_TRY(status);
    }
    return ALM_OK;
}

/* The seeds are those that are expected, in any order. */
static alm_status check_seeds(const alm_merge_options *options, const alm_eval_plan *plan)
{
    uint32_t *seed;
    int count;
    if (!options->expect) {
        return ALM_OK;
    }
    ALM_TRY(alm_eval_plan_seeds(options->expect, &seed, &count));
    int found = 0;
    for (int i = 0; i < count; i++) {
        for (int k = 0; k < plan->seeds; k++) {
            found += plan->seed[k] == seed[i];
        }
    }
    alm_free(seed);
    if (found != count || count != plan->seeds) {
        return alm_fail(ALM_STATUS_USAGE, "%s: has %d seeds, %d of them are among the %d expected",
                        options->runs[0], plan->seeds, found, count);
    }
    return ALM_OK;
}

static alm_status merge_rows(const alm_merge_options *options, const alm_eval_rows *rows)
{
    const char *own = options->runs[0];
    const int64_t missing = rows->plan->items - rows->present;
    alm_eval_rows_say(rows, own, NAMED, options->note, options->context);
    if (rows->twice > 0) {
        return alm_fail(ALM_STATUS_USAGE,
                        "%s: %lld samples are there more than once, expected "
                        "each exactly once",
                        own, (long long)rows->twice);
    }
    if (missing > 0 && options->strict) {
        return alm_fail(ALM_STATUS_CHECK, "%s: %lld of %lld samples are missing", own,
                        (long long)missing, (long long)rows->plan->items);
    }
    const alm_eval_finish_options finish = {.formats = options->formats};
    const char *out = options->out ? options->out : own;
    ALM_TRY(alm_folders_make(out));
    ALM_TRY(alm_eval_finish(rows, own, out, &finish));
    say(options, out);
    if (missing > 0 || rows->failed > 0) {
        return alm_fail(ALM_STATUS_PARTIAL,
                        "%lld of %lld samples are missing, %lld could not be evaluated",
                        (long long)missing, (long long)rows->plan->items, (long long)rows->failed);
    }
    return ALM_OK;
}

static alm_status merge_own(const alm_merge_options *options, const alm_eval_plan *plan)
{
    alm_eval_rows rows;
    ALM_TRY(check_plans(options, plan));
    ALM_TRY(check_seeds(options, plan));
    ALM_TRY(alm_eval_rows_open(plan, options->runs, options->count, &rows));
    const alm_status status = merge_rows(options, &rows);
    alm_eval_rows_close(&rows);
    return status;
}

static alm_status merge_found(const alm_merge_options *options)
{
    uint32_t *seed = NULL;
    int seeds = 0;
    if (options->count > 1) {
        return alm_fail(ALM_STATUS_USAGE,
                        "%s: holds no plan: results without journals are merged "
                        "one run folder at a time",
                        options->runs[0]);
    }
    ALM_TRY(alm_eval_plan_seeds(options->expect ? options->expect : "0-9", &seed, &seeds));
    const char *out = options->out ? options->out : options->runs[0];
    alm_status status = alm_folders_make(out);
    if (status == ALM_OK) {
        status = alm_found_aggregate(options->runs[0], out, seed, seeds);
    }
    alm_free(seed);
    if (status == ALM_OK) {
        say(options, out);
    }
    return status;
}

alm_status alm_merge(const alm_merge_options *options)
{
    alm_eval_plan plan = {0};
    bool found;
    alm_error_clear();
    if (options->count < 1) {
        return alm_fail(ALM_STATUS_USAGE, "no run folder is given");
    }
    alm_status status = alm_run_plan_read(options->runs[0], &found, &plan);
    if (status == ALM_OK) {
        status = found ? merge_own(options, &plan) : merge_found(options);
    }
    alm_eval_plan_free(&plan);
    if ((status == ALM_OK || status == ALM_STATUS_PARTIAL) && options->compare) {
        const alm_status compared =
            alm_compare_runs(options->runs[0], options->compare,
                             options->out ? options->out : options->runs[0], options->formats);
        status = compared == ALM_OK ? status : compared;
    }
    return check_failed(options, status);
}
