/* The comparison of two runs: reads both, split by split, pairs, computes (report.h). */
#include <string.h>

#include "kernels/core/memory.h"
#include "runtime/eval/compare_parts.h"

static int compare_texts(const char *a, const char *b)
{
    return a && b ? strcmp(a, b) : (a != NULL) - (b != NULL);
}

/* Groups are sorted by split and dataset in both runs. */
static int compare_groups(const almi_group *a, const almi_group *b)
{
    const int split = strcmp(a->split, b->split);
    return split ? split : compare_texts(a->dataset, b->dataset);
}

static void match_groups(almi_comparison *c)
{
    int i = 0, j = 0;
    while (i < c->run[0].count || j < c->run[1].count) {
        const almi_group *a = i < c->run[0].count ? &c->run[0].group[i] : NULL;
        const almi_group *b = j < c->run[1].count ? &c->run[1].group[j] : NULL;
        const int order = !a ? 1 : !b ? -1 : compare_groups(a, b);
        const almi_group *named = order <= 0 ? a : b;
        c->group[c->groups++] = (almi_pair_group){.dataset = named->dataset,
                                                  .split = named->split,
                                                  .a = order <= 0 ? a : NULL,
                                                  .b = order >= 0 ? b : NULL,
                                                  .key = named->key};
        i += order <= 0;
        j += order >= 0;
    }
}

/* The groups of the runs are not const here: their rows are read and dropped. */
static almi_group *group_in(const almi_comparison *c, int run, const almi_group *group)
{
    return group ? &c->run[run].group[group - c->run[run].group] : NULL;
}

static alm_status read_pairs(almi_comparison *c, almi_pair_group *g)
{
    almi_group *run[2] = {group_in(c, 0, g->a), group_in(c, 1, g->b)};
    for (int k = 0; k < 2; k++) {
        if (run[k]) {
            ALM_TRY(almi_group_read(run[k], NULL, NULL));
        }
    }
    const int worst = c->options->worst;
    ALM_TRY(almi_pair_rows(g, worst == 0 ? ALM_REPORT_WORST : worst < 0 ? 0 : worst));
    for (int k = 0; k < 2; k++) {
        if (run[k]) {
            almi_group_drop_rows(run[k]);
        }
    }
    return ALM_OK;
}

static void add_sums(almi_pair_sums *to, const almi_pair_sums *s)
{
    to->pairs += s->pairs;
    to->both += s->both;
    to->only_a += s->only_a;
    to->only_b += s->only_b;
    to->neither += s->neither;
    to->errors += s->errors;
    to->other_asset += s->other_asset;
    for (int k = 0; k < ALMI_PAIR_MEASURES; k++) {
        to->a[k] += s->a[k];
        to->b[k] += s->b[k];
        to->better[k] += s->better[k];
        to->worse[k] += s->worse[k];
        to->equal[k] += s->equal[k];
    }
    for (int k = 0; k < 3; k++) {
        for (int i = 0; i < 4; i++) {
            to->success[k][i] += s->success[k][i];
        }
    }
    for (int k = 0; k < 2; k++) {
        to->unpaired[k] += s->unpaired[k];
        for (int i = 0; i < ALMI_PAIR_BINS; i++) {
            to->difference[k][i] += s->difference[k][i];
        }
    }
}

static alm_status estimate_split(const almi_comparison *c, almi_pair_split *s)
{
    const alm_bootstrap_options options = {
        .seed = c->options->seed, .resamples = c->options->resamples, .pool = c->pool};
    const size_t count = (size_t)s->count;
    alm_stratum *strata = NULL;
    alm_estimate(*all)[ALMI_PAIR_MEASURES] = NULL;
    double(*p)[ALMI_PAIR_MEASURES] = NULL;
    alm_status status = alm_alloc(count, sizeof *strata, "strata", &strata);
    if (status == ALM_OK) {
        status = alm_alloc(count + 2, sizeof *all, "estimates", &all);
    }
    if (status == ALM_OK) {
        status = alm_alloc(count + 2, sizeof *p, "estimates", &p);
    }
    for (int k = 0; status == ALM_OK && k < s->count; k++) {
        const almi_pair_group *g = &c->group[s->first + k];
        strata[k] = (alm_stratum){
            .table = (const double(*)[ALM_SUMS])g->table, .count = g->clusters, .key = g->key};
        add_sums(&s->sum, &g->sum);
    }
    if (status == ALM_OK) {
        status =
            alm_bootstrap(strata, s->count, almi_pair_ratios, ALMI_PAIR_MEASURES, &options, all[0]);
    }
    if (status == ALM_OK) {
        status =
            alm_sign_flip(strata, s->count, almi_pair_ratios, ALMI_PAIR_MEASURES, &options, p[0]);
    }
    for (int k = 0; status == ALM_OK && k < s->count; k++) {
        memcpy(c->group[s->first + k].estimate, all[k], sizeof all[k]);
        memcpy(c->group[s->first + k].p, p[k], sizeof p[k]);
    }
    if (status == ALM_OK) {
        memcpy(s->micro, all[count], sizeof s->micro);
        memcpy(s->macro, all[count + 1], sizeof s->macro);
        memcpy(s->micro_p, p[count], sizeof s->micro_p);
        memcpy(s->macro_p, p[count + 1], sizeof s->macro_p);
    }
    alm_free(p);
    alm_free(all);
    alm_free(strata);
    return status;
}

static alm_status fill(almi_comparison *c, const alm_eval_set *sets_a, int count_a,
                       const alm_eval_set *sets_b, int count_b)
{
    ALM_TRY(almi_groups_create(sets_a, count_a, &c->run[0]));
    ALM_TRY(almi_groups_create(sets_b, count_b, &c->run[1]));
    const size_t most = (size_t)c->run[0].count + (size_t)c->run[1].count;
    ALM_TRY(alm_calloc(most, sizeof *c->group, "a comparison", &c->group));
    ALM_TRY(alm_calloc(most, sizeof *c->split, "a comparison", &c->split));
    match_groups(c);
    for (int i = 0; i < c->groups; i++) {
        ALM_TRY(read_pairs(c, &c->group[i]));
        almi_pair_split *last = c->splits ? &c->split[c->splits - 1] : NULL;
        if (!last || strcmp(last->split, c->group[i].split) != 0) {
            last = &c->split[c->splits++];
            *last = (almi_pair_split){.split = c->group[i].split, .first = i};
        }
        last->count++;
    }
    for (int i = 0; i < c->splits; i++) {
        ALM_TRY(estimate_split(c, &c->split[i]));
    }
    return ALM_OK;
}

alm_status alm_compare_write(const alm_eval_set *sets_a, int count_a, const char *name_a,
                             const alm_eval_set *sets_b, int count_b, const char *name_b,
                             const alm_report_options *options)
{
    ALM_TRY(almi_check_options(options));
    almi_comparison c = {.options = options,
                         .name = {name_a ? name_a : "A", name_b ? name_b : "B"}};
    alm_status status =
        alm_pool_create(options->threads ? options->threads : alm_core_count(), &c.pool);
    if (status == ALM_OK) {
        status = fill(&c, sets_a, count_a, sets_b, count_b);
    }
    if (status == ALM_OK) {
        status = almi_compare_write_files(&c);
    }
    for (int i = 0; i < c.groups; i++) {
        alm_free(c.group[i].changed[0]);
        alm_free(c.group[i].changed[1]);
        alm_free(c.group[i].table);
    }
    alm_free(c.group);
    alm_free(c.split);
    almi_groups_free(&c.run[0]);
    almi_groups_free(&c.run[1]);
    alm_pool_destroy(c.pool);
    return status;
}
