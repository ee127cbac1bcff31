#include "runtime/eval/setup.h"

#include <string.h>

#include "kernels/core/memory.h"

static alm_status take_splits(const alm_eval_options *options, alm_eval_plan *plan)
{
    const char *text = options->splits ? options->splits : "test";
    for (;;) {
        const size_t n = strcspn(text, ",");
        const bool is_train = n == 5 && memcmp(text, "train", n) == 0;
        if (!is_train && (n != 4 || memcmp(text, "test", n) != 0)) {
            return alm_fail(ALM_STATUS_USAGE, "split '%.*s', expected train or test",
                            (int)(n < 40 ? n : 40), text);
        }
        for (int i = 0; i < plan->splits; i++) {
            if (strlen(plan->split[i]) == n) {
                return alm_fail(ALM_STATUS_USAGE, "split %.*s is given twice", (int)n, text);
            }
        }
        ALM_TRY(alm_strdup(is_train ? "train" : "test", "a split", &plan->split[plan->splits]));
        plan->splits++;
        if (!text[n]) {
            return ALM_OK;
        }
        text += n + 1;
    }
}

static alm_status take_dataset(const alm_eval_options *options, alm_eval_setup *setup, int number,
                               int *usable)
{
    alm_eval_plan_dataset *d = &setup->plan.dataset[number];
    const char *fault = alm_eval_data_fault(&setup->data, number);
    ALM_TRY(alm_strdup(setup->data.name[number].name, "a data set's name", &d->name));
    setup->plan.datasets++;
    if (fault) {
        if (options->note) {
            options->note(options->context, fault);
        }
        return alm_strdup(fault, "a message", &d->fault);
    }
    *usable += 1;
    for (int s = 0; s < setup->plan.splits; s++) {
        d->total[s] = alm_eval_data_total(&setup->data, number, s);
        if (d->total[s] > UINT32_MAX - 1) {
            return alm_fail(ALM_STATUS_USAGE, "%s: %lld samples, expected less than 2^32", d->name,
                            (long long)d->total[s]);
        }
        ALM_TRY(alm_eval_plan_select(options->num_samples, d->name, setup->plan.split[s],
                                     d->total[s], &d->selected[s]));
    }
    return ALM_OK;
}

alm_status alm_eval_setup_make(const alm_eval_options *options, alm_eval_setup *out)
{
    int usable = 0;
    if (!options->data) {
        return alm_fail(ALM_STATUS_USAGE, "no data folder is given");
    }
    out->plan.shuffle = options->shuffle;
    out->plan.symmetry = !options->no_symmetry;
    ALM_TRY(take_splits(options, &out->plan));
    ALM_TRY(alm_eval_plan_seeds(options->seeds ? options->seeds : "0", &out->plan.seed,
                                &out->plan.seeds));
    ALM_TRY(alm_eval_data_open(options->data, options->datasets, out->plan.split, out->plan.splits,
                               &out->data));
    ALM_TRY(alm_calloc((size_t)out->data.names, sizeof *out->plan.dataset, "data sets",
                       &out->plan.dataset));
    for (int d = 0; d < out->data.names; d++) {
        ALM_TRY(take_dataset(options, out, d, &usable));
    }
    if (usable == 0) {
        return alm_fail(ALM_STATUS_SAMPLE, "%s: %s", options->data, out->plan.dataset[0].fault);
    }
    ALM_TRY(alm_eval_data_list(&out->data, NULL, &out->plan.names));
    return alm_eval_plan_sets(&out->plan);
}

void alm_eval_setup_free(alm_eval_setup *setup)
{
    alm_eval_data_close(&setup->data);
    alm_eval_plan_free(&setup->plan);
}
