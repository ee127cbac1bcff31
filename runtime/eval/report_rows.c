/* The rows of many sets as numbers (report_rows.h). */
#include "runtime/eval/report_rows.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "kernels/core/memory.h"

const almi_measure_info almi_measures[ALMI_MEASURES] = {
    ALMI_METRIC_INFO,
    {"GD of asymmetric parts", "GD, asymmetric parts (deg)", ALMI_DEGREES, -1},
    {"share of symmetric parts", "symmetric parts %", ALMI_PERCENT, 0},
    {"share of valid poses", "valid poses %", ALMI_PERCENT, 1},
    {"PA(0.01) of all rows", "PA(0.01) of all rows %", ALMI_PERCENT, 1},
};

const alm_ratio almi_ratios[ALMI_MEASURES] = {
    {ALM_METRIC_GD, ALMI_COUNT_VALID, false},
    {ALM_METRIC_RMSE_T, ALMI_COUNT_VALID, false},
    {ALM_METRIC_CD, ALMI_COUNT_VALID, false},
    {ALM_METRIC_CD_R, ALMI_COUNT_VALID, false},
    {ALM_METRIC_PA_010, ALMI_COUNT_VALID, true},
    {ALM_METRIC_PA_008, ALMI_COUNT_VALID, true},
    {ALM_METRIC_PA_005, ALMI_COUNT_VALID, true},
    {ALMI_SUM_SYMMETRIC_GD, ALMI_COUNT_KNOWN, false},
    {ALMI_SUM_ASYMMETRIC_GD, ALMI_COUNT_ASYMMETRIC, false},
    {ALMI_COUNT_SYMMETRIC, ALMI_COUNT_KNOWN, true},
    {ALMI_COUNT_VALID, ALMI_COUNT_ROWS, true},
    {ALM_METRIC_PA_010, ALMI_COUNT_ROWS, true},
};

/* ---- Groups */

static int compare_texts(const char *a, const char *b)
{
    return a && b ? strcmp(a, b) : (a != NULL) - (b != NULL);
}

static int compare_set_names(const alm_eval_set *a, const alm_eval_set *b)
{
    const int split = compare_texts(a->split, b->split);
    return split ? split : compare_texts(a->dataset, b->dataset);
}

static int compare_sets(const void *a, const void *b)
{
    const alm_eval_set *x = *(const alm_eval_set *const *)a, *y = *(const alm_eval_set *const *)b;
    const int names = compare_set_names(x, y);
    return names ? names : (x->seed > y->seed) - (x->seed < y->seed);
}

static alm_status split_groups(int count, almi_groups *g)
{
    for (int i = 0; i < count; i++) {
        const alm_eval_set *set = g->order[i];
        almi_group *last = g->count ? &g->group[g->count - 1] : NULL;
        if (last && compare_set_names(last->set[0], set) == 0) {
            if (last->set[last->sets - 1]->seed == set->seed) {
                return alm_fail(ALM_STATUS_CHECK,
                                "report: dataset %s, split %s, seed %" PRId64 " is there twice",
                                set->dataset ? set->dataset : "(not named)", set->split, set->seed);
            }
            last->sets++;
            continue;
        }
        g->group[g->count++] = (almi_group){
            .dataset = set->dataset,
            .split = set->split,
            .set = g->order + i,
            .sets = 1,
            .key = alm_text_hash(set->dataset) * 31 + alm_text_hash(set->split),
        };
    }
    return ALM_OK;
}

alm_status almi_groups_create(const alm_eval_set *sets, int count, almi_groups *out)
{
    almi_groups g = {0};
    if (count < 0) {
        return alm_fail(ALM_STATUS_USAGE, "report: %d sets", count);
    }
    alm_status status = alm_alloc((size_t)count, sizeof *g.order, "a report", &g.order);
    if (status == ALM_OK) {
        status = alm_calloc((size_t)count, sizeof *g.group, "a report", &g.group);
    }
    if (status == ALM_OK) {
        for (int i = 0; i < count; i++) {
            g.order[i] = &sets[i];
        }
        if (count > 1) {
            qsort(g.order, (size_t)count, sizeof *g.order, compare_sets);
        }
        status = split_groups(count, &g);
    }
    if (status != ALM_OK) {
        almi_groups_free(&g);
        return status;
    }
    *out = g;
    return ALM_OK;
}

void almi_groups_free(almi_groups *groups)
{
    for (int i = 0; i < groups->count; i++) {
        almi_group *g = &groups->group[i];
        alm_name_index_free(&g->names);
        alm_free(g->category);
        alm_free(g->member);
        alm_free(g->table);
        alm_free(g->seed_sum);
        alm_free(g->row);
    }
    alm_free(groups->group);
    alm_free(groups->order);
    *groups = (almi_groups){0};
}

void almi_group_drop_rows(almi_group *group)
{
    alm_free(group->row);
    group->row = NULL;
}

alm_status almi_group_row(const almi_group *group, int32_t set, int64_t row, alm_eval_row *out)
{
    const alm_eval_set *s = group->set[set];
    return s->row(s->context, row, out);
}

alm_stratum almi_group_stratum(const almi_group *group)
{
    return (alm_stratum){.table = (const double(*)[ALM_SUMS])group->table,
                         .count = group->clusters,
                         .key = group->key};
}

/* ---- Reading */

static almi_row_state state_of(const alm_eval_row *r)
{
    if (!r->has_truth) {
        return ALMI_ROW_ERROR;
    }
    bool finite = r->valid;
    for (int k = 0; k < ALM_METRICS && finite; k++) {
        finite = isfinite(r->metric[k]);
    }
    return finite ? ALMI_ROW_VALID : ALMI_ROW_INVALID;
}

static alm_status read_set(almi_group *g, int32_t number, almi_visit_fn *visit, void *context)
{
    const alm_eval_set *set = g->set[number];
    for (int64_t i = 0; i < set->rows; i++) {
        alm_eval_row r = {0};
        size_t category;
        ALM_TRY(set->row(set->context, i, &r));
        ALM_TRY(alm_name_index_add(&g->names, r.category ? r.category : "", &category));
        almi_row *row = &g->row[g->rows];
        *row = (almi_row){.idx = r.idx,
                          .row = i,
                          .asset = alm_text_hash(r.asset),
                          .set = number,
                          .category = (int32_t)category,
                          .symmetries = -1,
                          .state = state_of(&r)};
        if (row->state == ALMI_ROW_VALID) {
            memcpy(row->value, r.metric, sizeof r.metric);
            if (isfinite(r.symmetric_gd) && r.symmetries >= 0) {
                row->value[ALMI_SYMMETRIC_GD] = r.symmetric_gd;
                row->symmetries = r.symmetries;
            }
        }
        g->rows++;
        if (visit) {
            ALM_TRY(visit(context, set, i, &r));
        }
    }
    return ALM_OK;
}

static int compare_rows(const void *a, const void *b)
{
    const almi_row *x = a, *y = b;
    if (x->idx != y->idx) {
        return x->idx < y->idx ? -1 : 1;
    }
    if (x->set != y->set) {
        return x->set < y->set ? -1 : 1;
    }
    return (x->row > y->row) - (x->row < y->row);
}

static alm_status other_sample(const almi_group *g, const almi_row *a, const almi_row *b)
{
    const int64_t seed[2] = {g->set[a->set]->seed, g->set[b->set]->seed};
    if (a->set == b->set) {
        return alm_fail(ALM_STATUS_CHECK,
                        "report: dataset %s, split %s, seed %" PRId64 ": idx %" PRId64
                        " is there twice",
                        g->dataset ? g->dataset : "(not named)", g->split, seed[0], a->idx);
    }
    return alm_fail(ALM_STATUS_CHECK,
                    "report: dataset %s, split %s: idx %" PRId64
                    " is another sample under seed %" PRId64 " than under seed %" PRId64
                    ": these are results on different data",
                    g->dataset ? g->dataset : "(not named)", g->split, a->idx, seed[1], seed[0]);
}

/* The row that says what a sample is: the first that could be read, or the first. */
static const almi_row *witness(const almi_row *first, const almi_row *end)
{
    for (const almi_row *r = first; r < end; r++) {
        if (r->state != ALMI_ROW_ERROR) {
            return r;
        }
    }
    return first;
}

/* End of the cluster that begins here; every row must be of one sample. */
static alm_status next_cluster(const almi_group *g, int64_t begin, int64_t *end,
                               const almi_row **sample)
{
    int64_t i = begin + 1;
    while (i < g->rows && g->row[i].idx == g->row[begin].idx) {
        i++;
    }
    const almi_row *w = witness(g->row + begin, g->row + i);
    for (int64_t k = begin; k < i; k++) {
        const almi_row *r = &g->row[k];
        const bool other_category = r->state != ALMI_ROW_ERROR && r->category != w->category;
        if (r != w && (r->set == w->set || r->asset != w->asset || other_category)) {
            return other_sample(g, w, r);
        }
        if (k > begin && r->set == r[-1].set) {
            return other_sample(g, &r[-1], r);
        }
    }
    *end = i;
    *sample = w;
    return ALM_OK;
}

void almi_add_row(const almi_row *row, double sum[ALM_SUMS])
{
    sum[ALMI_COUNT_ROWS] += 1;
    sum[ALMI_COUNT_ERRORS] += row->state == ALMI_ROW_ERROR;
    if (row->state != ALMI_ROW_VALID) {
        return;
    }
    sum[ALMI_COUNT_VALID] += 1;
    for (int k = 0; k < ALM_METRICS; k++) {
        sum[k] += (double)row->value[k];
    }
    if (row->symmetries >= 0) {
        sum[ALMI_COUNT_KNOWN] += 1;
        sum[ALMI_SUM_SYMMETRIC_GD] += (double)row->value[ALMI_SYMMETRIC_GD];
        sum[ALMI_COUNT_SYMMETRIC] += row->symmetries != 1;
        sum[ALMI_COUNT_CONTINUOUS] += row->symmetries == 0;
        if (row->symmetries == 1) {
            sum[ALMI_COUNT_ASYMMETRIC] += 1;
            sum[ALMI_SUM_ASYMMETRIC_GD] += (double)row->value[ALM_METRIC_GD];
        }
    }
}

/* ---- Clusters */

/* Makes the categories, sorted by name; place[number while reading] = number. */
static alm_status sort_categories(almi_group *g, int32_t *place)
{
    size_t *order;
    ALM_TRY(alm_name_index_sorted(&g->names, &order));
    for (int32_t i = 0; i < g->categories; i++) {
        g->category[i] = (almi_category){.name = alm_name_index_get(&g->names, order[i])};
        place[order[i]] = i;
    }
    alm_free(order);
    return ALM_OK;
}

/* Fills member from the categories of the clusters. */
static void sort_members(almi_group *g, const int32_t *category)
{
    int64_t next = 0;
    for (int64_t i = 0; i < g->clusters; i++) {
        g->category[category[i]].count++;
    }
    for (int32_t k = 0; k < g->categories; k++) {
        g->category[k].first = next;
        next += g->category[k].count;
        g->category[k].count = 0;
    }
    for (int64_t i = 0; i < g->clusters; i++) {
        almi_category *c = &g->category[category[i]];
        g->member[c->first + c->count++] = (int32_t)i;
    }
}

static alm_status add_clusters(almi_group *g, const int32_t *place, int32_t *category)
{
    int64_t cluster = 0;
    for (int64_t i = 0; i < g->rows; cluster++) {
        int64_t end = 0;
        const almi_row *sample = NULL;
        ALM_TRY(next_cluster(g, i, &end, &sample));
        category[cluster] = place[sample->category];
        for (; i < end; i++) {
            almi_add_row(&g->row[i], g->table[cluster]);
            almi_add_row(&g->row[i], g->seed_sum[g->row[i].set]);
        }
    }
    return ALM_OK;
}

/* work: [clusters] and [categories] numbers. */
static alm_status make_clusters(almi_group *g, int32_t **category, int32_t **place)
{
    for (int64_t i = 0; i < g->rows; i++) {
        g->clusters += i == 0 || g->row[i].idx != g->row[i - 1].idx;
    }
    ALM_TRY(alm_calloc((size_t)g->clusters, sizeof *g->table, "sums of samples", &g->table));
    ALM_TRY(alm_calloc((size_t)g->sets, sizeof *g->seed_sum, "sums of seeds", &g->seed_sum));
    ALM_TRY(alm_alloc((size_t)g->clusters, sizeof *g->member, "categories", &g->member));
    ALM_TRY(alm_alloc((size_t)g->clusters, sizeof **category, "categories", category));
    ALM_TRY(alm_alloc(g->names.count, sizeof **place, "categories", place));
    ALM_TRY(alm_alloc(g->names.count, sizeof *g->category, "categories", &g->category));
    g->categories = (int32_t)g->names.count;
    ALM_TRY(sort_categories(g, *place));
    ALM_TRY(add_clusters(g, *place, *category));
    sort_members(g, *category);
    for (int64_t i = 0; i < g->rows; i++) {
        g->row[i].category = (*place)[g->row[i].category];
    }
    return ALM_OK;
}

alm_status almi_group_read(almi_group *group, almi_visit_fn *visit, void *context)
{
    int64_t rows = 0;
    for (int i = 0; i < group->sets; i++) {
        rows += group->set[i]->rows;
    }
    if (rows > INT32_MAX) {
        return alm_fail(ALM_STATUS_USAGE, "report: %" PRId64 " rows of one split, limit %d", rows,
                        INT32_MAX);
    }
    int32_t *category = NULL, *place = NULL;
    alm_status status = alm_alloc((size_t)rows, sizeof *group->row, "rows", &group->row);
    for (int32_t i = 0; status == ALM_OK && i < group->sets; i++) {
        status = read_set(group, i, visit, context);
    }
    if (status == ALM_OK) {
        if (group->rows > 1) {
            qsort(group->row, (size_t)group->rows, sizeof *group->row, compare_rows);
        }
        status = make_clusters(group, &category, &place);
    }
    alm_free(category);
    alm_free(place);
    return status;
}
