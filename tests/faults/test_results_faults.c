/* Every allocation of the writer and the readers of results fails once. */
#include <stdio.h>
#include <unistd.h>

#include "runtime/eval/aggregate.h"
#include "runtime/eval/eval_config.h"
#include "runtime/eval/results.h"
#include "tests/faults/fault_run.h"
#include "tests/shim/alm_test.h"

static alm_status one_row(void *context, int64_t row, alm_eval_row *out)
{
    (void)context;
    *out = (alm_eval_row){.idx = row,
                          .asset = "asset",
                          .category = row % 2 ? "Chair" : "Table",
                          .has_truth = true,
                          .valid = row != 3};
    return ALM_OK;
}

static alm_status write_results(const char *out)
{
    const alm_eval_set set = {
        .dataset = "ikea", .split = "test", .total = 5, .selected = 5, .rows = 5, .row = one_row};
    alm_tree config = {.file = "config"};
    alm_status status = alm_eval_config_mix(&config, "ikea");
    if (status == ALM_OK) {
        status = alm_results_write(
            out, &set,
            &(alm_results_run){.ckpt_path = "c", .run_timestamp = "t", .config = &config});
    }
    alm_tree_clear(&config);
    return status;
}

/* context: the folder. Results, their aggregate, and its statistics. */
static alm_status write_read(void *context, bool *right)
{
    char results[512], aggregate[512], statistics[512];
    const alm_aggregate_run run = {.run_timestamp = "t", .generated_at = "g"};
    const alm_aggregate_source source = {"ikea", "test", results};
    const alm_seed_source seed = {0, aggregate};
    const int64_t expected = 0;
    snprintf(results, sizeof results, "%s/r.json", (const char *)context);
    snprintf(aggregate, sizeof aggregate, "%s/a.json", (const char *)context);
    snprintf(statistics, sizeof statistics, "%s/v.json", (const char *)context);
    unlink(statistics);
    ALM_TRY(write_results(results));
    ALM_TRY(alm_aggregate_datasets(&source, 1, 0, &run, aggregate));
    ALM_TRY(alm_aggregate_seeds(&seed, 1, &expected, 1, &run, statistics));
    *right = access(statistics, R_OK) == 0;
    return ALM_OK;
}

ALM_TEST(results_faults, written_read_and_aggregated)
{
    const char *folder = alm_test_folder();
    fault_run(&(fault_scenario){
        .name = "results", .run = write_read, .context = (void *)folder, .seconds = 20});
}
