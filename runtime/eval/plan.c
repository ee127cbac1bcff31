#include "runtime/eval/plan.h"

#include <stdio.h>
#include <string.h>

#include "kernels/core/memory.h"
#include "runtime/eval/random.h"
#include "runtime/input/json.h"
#include "runtime/output/buffer.h"

enum { FORMAT = 1 };

void alm_eval_plan_free(alm_eval_plan *plan)
{
    for (int i = 0; i < plan->datasets; i++) {
        alm_free(plan->dataset[i].name);
        alm_free(plan->dataset[i].fault);
    }
    for (int i = 0; i < plan->splits; i++) {
        alm_free(plan->split[i]);
    }
    alm_free(plan->dataset);
    alm_free(plan->model);
    alm_free(plan->ckpt_path);
    alm_free(plan->run_timestamp);
    alm_free(plan->seed);
    alm_free(plan->set);
    *plan = (alm_eval_plan){0};
}

alm_status alm_eval_plan_sets(alm_eval_plan *plan)
{
    const int sets = plan->datasets * plan->splits * plan->seeds;
    int64_t first = 0;
    alm_free(plan->set);
    plan->set = NULL;
    ALM_TRY(alm_calloc((size_t)sets, sizeof *plan->set, "sets", &plan->set));
    for (int i = 0; i < sets; i++) {
        alm_eval_plan_set *set = &plan->set[i];
        set->seed = i % plan->seeds;
        set->split = i / plan->seeds % plan->splits;
        set->dataset = i / plan->seeds / plan->splits;
        set->total = plan->dataset[set->dataset].total[set->split];
        set->selected = plan->dataset[set->dataset].selected[set->split];
        set->first = first;
        first += set->selected;
    }
    plan->sets = sets;
    plan->items = first;
    return ALM_OK;
}

alm_status alm_eval_plan_order(const alm_eval_plan *plan, int number, uint32_t *order)
{
    const alm_eval_plan_set *set = &plan->set[number];
    if (!plan->shuffle) {
        for (int64_t i = 0; i < set->selected; i++) {
            order[i] = (uint32_t)i;
        }
        return ALM_OK;
    }
    uint32_t *all;
    ALM_TRY(alm_alloc((size_t)set->total, sizeof *all, "an order of samples", &all));
    alm_random_order(plan->seed[set->seed], set->total, all);
    memcpy(order, all, (size_t)set->selected * sizeof *order);
    alm_free(all);
    return ALM_OK;
}

/* ---- The file ---- */

static void json_text(alm_buffer *b, const char *key, const char *text)
{
    alm_buffer_format(b, "\"%s\":", key);
    if (text) {
        alm_buffer_json(b, text, strlen(text));
    } else {
        alm_buffer_text(b, "null");
    }
}

alm_status alm_eval_plan_text(const alm_eval_plan *plan, char **out)
{
    alm_buffer b = {0};
    alm_buffer_format(&b, "{\"assemlm_plan\":%d,\n", FORMAT);
    json_text(&b, "ckpt_path", plan->ckpt_path);
    alm_buffer_text(&b, ",\n");
    json_text(&b, "run_timestamp", plan->run_timestamp);
    alm_buffer_text(&b, ",\n");
    json_text(&b, "model", plan->model);
    alm_buffer_format(&b,
                      ",\n\"config\":%lu,\"samples\":%lu,\"shuffle\":%s,"
                      "\"symmetry\":%s,\n\"splits\":[",
                      (unsigned long)plan->config, (unsigned long)plan->names,
                      plan->shuffle ? "true" : "false", plan->symmetry ? "true" : "false");
    for (int i = 0; i < plan->splits; i++) {
        alm_buffer_format(&b, "%s\"%s\"", i ? "," : "", plan->split[i]);
    }
    alm_buffer_text(&b, "],\n\"seeds\":[");
    for (int i = 0; i < plan->seeds; i++) {
        alm_buffer_format(&b, "%s%lu", i ? "," : "", (unsigned long)plan->seed[i]);
    }
    alm_buffer_text(&b, "],\n\"datasets\":[");
    for (int i = 0; i < plan->datasets; i++) {
        const alm_eval_plan_dataset *d = &plan->dataset[i];
        alm_buffer_text(&b, i ? ",\n{" : "\n{");
        json_text(&b, "name", d->name);
        alm_buffer_text(&b, ",");
        json_text(&b, "fault", d->fault);
        for (int s = 0; s < plan->splits; s++) {
            alm_buffer_format(&b, ",\"%s\":[%lld,%lld]", plan->split[s], (long long)d->total[s],
                              (long long)d->selected[s]);
        }
        alm_buffer_text(&b, "}");
    }
    alm_buffer_text(&b, "]}\n");
    alm_buffer_add(&b, "", 1);
    if (b.status != ALM_OK) {
        const alm_status status = b.status;
        alm_buffer_free(&b);
        return status;
    }
    *out = (char *)b.data;
    return ALM_OK;
}

/* A text of the map at the path; NULL there is NULL here when it may be. */
static alm_status take_text(alm_tree *tree, const char *path, bool may_be_null, char **out)
{
    const int node = alm_tree_find(tree, path);
    if (node >= 0 && may_be_null && tree->node[node].kind == ALM_TREE_NULL) {
        return ALM_OK;
    }
    if (node < 0 || tree->node[node].kind != ALM_TREE_TEXT) {
        alm_tree_fail(tree, "%s is no text", path);
        return tree->status;
    }
    return alm_strdup(alm_tree_text(tree, node), path, out);
}

static bool take_bool(alm_tree *tree, const char *path)
{
    const int node = alm_tree_find(tree, path);
    if (node < 0 || tree->node[node].kind != ALM_TREE_BOOL) {
        alm_tree_fail(tree, "%s is neither true nor false", path);
        return false;
    }
    return tree->node[node].whole != 0;
}

/* Elements of the list at the path; 0 and a failure when there are none or more than `most`. */
static int count_of(alm_tree *tree, const char *path, int most)
{
    const int node = alm_tree_find(tree, path);
    if (node < 0 || tree->node[node].kind != ALM_TREE_LIST || tree->node[node].count < 1 ||
        tree->node[node].count > most) {
        alm_tree_fail(tree, "%s is no list of 1 to %d", path, most);
        return 0;
    }
    return tree->node[node].count;
}

static alm_status parse_seeds(alm_tree *tree, alm_eval_plan *plan)
{
    const int count = count_of(tree, "seeds", ALM_EVAL_SEEDS);
    ALM_TRY(tree->status);
    ALM_TRY(alm_calloc((size_t)count, sizeof *plan->seed, "seeds", &plan->seed));
    for (; plan->seeds < count; plan->seeds++) {
        char path[32];
        snprintf(path, sizeof path, "seeds.%d", plan->seeds);
        plan->seed[plan->seeds] = (uint32_t)alm_tree_whole(tree, path, 0, UINT32_MAX);
    }
    return tree->status;
}

static alm_status parse_splits(alm_tree *tree, alm_eval_plan *plan)
{
    const int count = count_of(tree, "splits", ALM_EVAL_SPLITS);
    ALM_TRY(tree->status);
    for (; plan->splits < count; plan->splits++) {
        char path[32], **split = &plan->split[plan->splits];
        snprintf(path, sizeof path, "splits.%d", plan->splits);
        ALM_TRY(take_text(tree, path, false, split));
        if (strcmp(*split, "train") != 0 && strcmp(*split, "test") != 0) {
            alm_tree_fail(tree, "%s is %.40s, expected train or test", path, *split);
            plan->splits++; /* to be freed */
            return tree->status;
        }
    }
    return ALM_OK;
}

static alm_status parse_dataset(alm_tree *tree, int number, const alm_eval_plan *plan,
                                alm_eval_plan_dataset *out)
{
    char path[64];
    snprintf(path, sizeof path, "datasets.%d.name", number);
    ALM_TRY(take_text(tree, path, false, &out->name));
    if (!out->name[0] || out->name[0] == '.' || strchr(out->name, '/')) {
        alm_tree_fail(tree, "%s is '%.100s', which cannot be a folder", path, out->name);
    }
    snprintf(path, sizeof path, "datasets.%d.fault", number);
    ALM_TRY(take_text(tree, path, true, &out->fault));
    for (int s = 0; s < plan->splits; s++) {
        snprintf(path, sizeof path, "datasets.%d.%s.0", number, plan->split[s]);
        out->total[s] = alm_tree_whole(tree, path, 0, UINT32_MAX - 1);
        snprintf(path, sizeof path, "datasets.%d.%s.1", number, plan->split[s]);
        out->selected[s] = alm_tree_whole(tree, path, 0, out->total[s]);
    }
    return tree->status;
}

static alm_status parse(alm_tree *tree, alm_eval_plan *plan)
{
    char utc[21];
    (void)alm_tree_whole(tree, "assemlm_plan", FORMAT, FORMAT);
    ALM_TRY(take_text(tree, "ckpt_path", false, &plan->ckpt_path));
    ALM_TRY(take_text(tree, "run_timestamp", false, &plan->run_timestamp));
    ALM_TRY(take_text(tree, "model", false, &plan->model));
    ALM_TRY(parse_splits(tree, plan));
    ALM_TRY(parse_seeds(tree, plan));
    plan->shuffle = take_bool(tree, "shuffle");
    plan->symmetry = take_bool(tree, "symmetry");
    plan->names = (uint32_t)alm_tree_whole(tree, "samples", 0, UINT32_MAX);
    plan->config = (uint32_t)alm_tree_whole(tree, "config", 0, UINT32_MAX);
    const int count = count_of(tree, "datasets", ALM_EVAL_DATASETS);
    ALM_TRY(tree->status);
    ALM_TRY(alm_calloc((size_t)count, sizeof *plan->dataset, "data sets", &plan->dataset));
    for (int i = 0; i < count; i++) {
        plan->datasets++;
        ALM_TRY(parse_dataset(tree, i, plan, &plan->dataset[i]));
    }
    ALM_TRY(alm_eval_plan_time(plan->run_timestamp, utc));
    return alm_eval_plan_sets(plan);
}

alm_status alm_eval_plan_parse(const char *file, const char *text, size_t bytes, alm_eval_plan *out)
{
    alm_eval_plan plan = {0};
    alm_tree tree = {.file = file};
    alm_status status = alm_json_tree(text, bytes, &tree);
    if (status == ALM_OK) {
        status = parse(&tree, &plan);
    }
    alm_tree_clear(&tree);
    if (status != ALM_OK) {
        alm_eval_plan_free(&plan);
        return status == ALM_STATUS_MODEL ? ALM_STATUS_USAGE : status;
    }
    *out = plan;
    return ALM_OK;
}

/* ---- Belonging together ---- */

static alm_status differ(const char *what, const char *name_a, const char *a, const char *name_b,
                         const char *b)
{
    return alm_fail(ALM_STATUS_USAGE, "%s and %s do not belong together: %s is %.150s and %.150s",
                    name_a, name_b, what, a, b);
}

static alm_status compare_numbers(const char *what, const char *name_a, int64_t a,
                                  const char *name_b, int64_t b)
{
    if (a == b) {
        return ALM_OK;
    }
    char text[2][24];
    snprintf(text[0], sizeof text[0], "%lld", (long long)a);
    snprintf(text[1], sizeof text[1], "%lld", (long long)b);
    return differ(what, name_a, text[0], name_b, text[1]);
}

static alm_status compare_dataset(const char *name_a, const alm_eval_plan *a, const char *name_b,
                                  const alm_eval_plan *b, int i)
{
    const alm_eval_plan_dataset *x = &a->dataset[i], *y = &b->dataset[i];
    char what[300];
    if (strcmp(x->name, y->name) != 0) {
        return differ("a data set", name_a, x->name, name_b, y->name);
    }
    snprintf(what, sizeof what, "the fault of %s", x->name);
    if (strcmp(x->fault ? x->fault : "none", y->fault ? y->fault : "none") != 0) {
        return differ(what, name_a, x->fault ? x->fault : "none", name_b,
                      y->fault ? y->fault : "none");
    }
    for (int s = 0; s < a->splits; s++) {
        snprintf(what, sizeof what, "the number of %s samples of %s", a->split[s], x->name);
        ALM_TRY(compare_numbers(what, name_a, x->total[s], name_b, y->total[s]));
        snprintf(what, sizeof what, "the number of chosen %s samples of %s", a->split[s], x->name);
        ALM_TRY(compare_numbers(what, name_a, x->selected[s], name_b, y->selected[s]));
    }
    return ALM_OK;
}

alm_status alm_eval_plan_compare(const char *name_a, const alm_eval_plan *a, const char *name_b,
                                 const alm_eval_plan *b)
{
    const struct {
        const char *what, *a, *b;
    } texts[] = {{"the checkpoint", a->ckpt_path, b->ckpt_path},
                 {"the model", a->model, b->model},
                 {"the time of the run", a->run_timestamp, b->run_timestamp}};
    for (int i = 0; i < 3; i++) {
        if (strcmp(texts[i].a, texts[i].b) != 0) {
            return differ(texts[i].what, name_a, texts[i].a, name_b, texts[i].b);
        }
    }
    ALM_TRY(compare_numbers("the checksum of config.yaml", name_a, a->config, name_b, b->config));
    ALM_TRY(compare_numbers("shuffle", name_a, a->shuffle, name_b, b->shuffle));
    ALM_TRY(compare_numbers("symmetry", name_a, a->symmetry, name_b, b->symmetry));
    ALM_TRY(compare_numbers("the number of splits", name_a, a->splits, name_b, b->splits));
    for (int i = 0; i < a->splits; i++) {
        if (strcmp(a->split[i], b->split[i]) != 0) {
            return differ("a split", name_a, a->split[i], name_b, b->split[i]);
        }
    }
    ALM_TRY(compare_numbers("the number of seeds", name_a, a->seeds, name_b, b->seeds));
    for (int i = 0; i < a->seeds; i++) {
        ALM_TRY(compare_numbers("a seed", name_a, a->seed[i], name_b, b->seed[i]));
    }
    ALM_TRY(compare_numbers("the number of data sets", name_a, a->datasets, name_b, b->datasets));
    for (int i = 0; i < a->datasets; i++) {
        ALM_TRY(compare_dataset(name_a, a, name_b, b, i));
    }
    return compare_numbers("the checksum of the samples' names", name_a, a->names, name_b,
                           b->names);
}
