/* Every allocation of an evaluation with given poses, and of a merge, fails once. */
#include <stdio.h>
#include <unistd.h>

#include "runtime/assemlm.h"
#include "tests/faults/fault_run.h"
#include "tests/faults/malloc_probe.h"
#include "tests/shim/alm_test.h"

typedef struct place {
    const char *folder;
    char data[512], poses[512], config[512];
    int runs;
} place;

static void fill(place *p)
{
    p->folder = alm_test_folder();
    snprintf(p->data, sizeof p->data, "%s", alm_test_golden("assembench/data"));
    snprintf(p->poses, sizeof p->poses, "%s", alm_test_golden("assembench/predictions.jsonl"));
    snprintf(p->config, sizeof p->config, "%s", alm_test_golden("assembench/config.yaml"));
}

/* Each run has a folder of its own: one that failed has left its journal. */
static alm_status evaluate(place *p, char run[640])
{
    char out[600];
    snprintf(out, sizeof out, "%s/%d", p->folder, p->runs++);
    snprintf(run, 640, "%s/c/20260101_000000", out);
    const alm_eval_options options = {.data = p->data,
                                      .datasets = "twobytwo",
                                      .seeds = "0,1",
                                      .num_samples = "2",
                                      .shuffle = true,
                                      .out = out,
                                      .timestamp = "20260101_000000",
                                      .checkpoint = "c",
                                      .config = p->config,
                                      .predictions = p->poses,
                                      .formats = "none",
                                      .batch = 3,
                                      .threads = 1};
    return alm_eval(NULL, &options);
}

static bool is_there(const char *run)
{
    char path[800];
    snprintf(path, sizeof path, "%s/eval_results_mean_variance.json", run);
    return access(path, R_OK) == 0;
}

static alm_status run_eval(void *context, bool *right)
{
    char run[640];
    ALM_TRY(evaluate(context, run));
    *right = is_there(run);
    return ALM_OK;
}

ALM_TEST(eval_faults, evaluation)
{
    place p = {0};
    fill(&p);
    probe_spare_children(); /* HDF5 is not written for that: see test_reader_faults.c */
    fault_run(&(fault_scenario){.name = "eval", .run = run_eval, .context = &p, .seconds = 60});
}

typedef struct merging {
    place place;
    char run[640];
    int merges;
} merging;

static alm_status run_merge(void *context, bool *right)
{
    merging *m = context;
    char out[700];
    const char *run = m->run;
    snprintf(out, sizeof out, "%s/merged_%d", m->place.folder, m->merges++);
    const alm_merge_options options = {
        .runs = &run, .count = 1, .out = out, .strict = true, .formats = "none"};
    ALM_TRY(alm_merge(&options));
    *right = is_there(out);
    return ALM_OK;
}

ALM_TEST(eval_faults, merge)
{
    merging m = {0};
    fill(&m.place);
    ALM_REQUIRE_OK(evaluate(&m.place, m.run));
    fault_run(&(fault_scenario){.name = "merge", .run = run_merge, .context = &m, .seconds = 60});
}
