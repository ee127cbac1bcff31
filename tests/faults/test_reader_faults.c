/* Every allocation of the parent's side of a dataset fails once, and of `inspect data`. The child's
 * do not: what happens when it lacks memory is in input/test_dataset_process.c. */
#define _GNU_SOURCE /* memmem */
#include <string.h>

#include "runtime/assemlm.h"
#include "runtime/input/dataset.h"
#include "tests/faults/fault_run.h"
#include "tests/faults/malloc_probe.h"
#include "tests/shim/alm_test.h"

enum { ALL = ALM_ASSET_CLOUDS | ALM_ASSET_PAGES | ALM_ASSET_CATEGORY };

static alm_status read_some(void *context, bool *right)
{
    alm_dataset *d = NULL;
    alm_dataset_split split = {0};
    alm_asset asset = {0};
    alm_status status = alm_dataset_open(context, false, NULL, &d);
    if (status == ALM_OK) {
        status = alm_dataset_split_read(d, "test", &split);
    }
    for (int i = 0; i < 3 && status == ALM_OK; i++) {
        status = alm_dataset_request(d, alm_names_at(&split.keys, i), ALL);
    }
    for (int i = 0; i < 3 && status == ALM_OK; i++) {
        status = alm_dataset_receive(d, &asset);
    }
    if (status == ALM_OK) {
        *right = strcmp(asset.category, "Desk") == 0 && asset.moving_points == 1000;
    }
    alm_asset_free(&asset);
    alm_dataset_split_free(&split);
    alm_dataset_close(d);
    return status;
}

ALM_TEST(reader_faults, dataset)
{
    probe_spare_children();
    fault_run(
        &(fault_scenario){.name = "dataset",
                          .run = read_some,
                          .context = (void *)alm_test_golden("assembench/data/assemlm_ikea.hdf5")});
}

static int look_for_bench(void *context, const char *text, size_t bytes)
{
    *(bool *)context = memmem(text, bytes, "Bench", 5) != NULL;
    return 0;
}

static alm_status inspect(const char *path, const alm_data_options *options, bool *right)
{
    bool found = false;
    const alm_status status = alm_inspect_data(path, options, look_for_bench, &found);
    *right = found;
    return status;
}

static alm_status inspect_json(void *context, bool *right)
{
    return inspect(context, &(alm_data_options){.json = true}, right);
}

static alm_status inspect_sample(void *context, bool *right)
{
    return inspect(context, &(alm_data_options){.sample = "Bench/perjohan/0"}, right);
}

ALM_TEST(reader_faults, inspect_data)
{
    void *path = (void *)alm_test_golden("assembench/data/assemlm_ikea.hdf5");
    probe_spare_children();
    fault_run(&(fault_scenario){.name = "inspect data", .run = inspect_json, .context = path});
    fault_run(&(fault_scenario){.name = "a sample", .run = inspect_sample, .context = path});
}
