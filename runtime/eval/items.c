#include "runtime/eval/items.h"

#include <stdlib.h>
#include <string.h>

#include "kernels/core/env.h"
#include "kernels/core/memory.h"
#include "runtime/input/tree.h"

static int compare(uint32_t a, uint32_t b)
{
    return (a > b) - (a < b);
}

static int by_object(const void *a, const void *b)
{
    const alm_eval_item *x = a, *y = b;
    const int file = compare(x->file, y->file), split = compare(x->split, y->split);
    const int local = compare(x->local, y->local), set = compare(x->set, y->set);
    return file ? file : split ? split : local ? local : set ? set : compare(x->at, y->at);
}

static alm_status add_set(const alm_eval_plan *plan, const alm_eval_data *data, int number,
                          alm_eval_item *out)
{
    const alm_eval_plan_set *set = &plan->set[number];
    uint32_t *order;
    ALM_TRY(alm_alloc((size_t)set->selected, sizeof *order, "an order of samples", &order));
    const alm_status status = alm_eval_plan_order(plan, number, order);
    for (int64_t i = 0; i < set->selected && status == ALM_OK; i++) {
        int file;
        int64_t local;
        alm_eval_data_locate(data, set->dataset, set->split, order[i], &file, &local);
        out[i] = (alm_eval_item){.file = (uint32_t)file,
                                 .local = (uint32_t)local,
                                 .set = (uint32_t)number,
                                 .at = (uint32_t)i,
                                 .idx = order[i],
                                 .split = (uint32_t)set->split};
    }
    alm_free(order);
    return status;
}

/* Keeps every shards-th object. */
static void keep(alm_eval_items *items, int shard, int shards)
{
    int64_t kept = 0, object = -1;
    alm_eval_item last = {0};
    for (int64_t i = 0; i < items->count; i++) {
        const alm_eval_item item = items->item[i];
        object += i == 0 || !alm_eval_items_same(&item, &last);
        last = item;
        if (object % shards == shard) {
            items->item[kept++] = item;
        }
    }
    items->count = kept;
}

alm_status alm_eval_items_make(const alm_eval_plan *plan, const alm_eval_data *data, int shard,
                               int shards, alm_eval_items *out)
{
    alm_eval_items items = {.count = plan->items};
    alm_status status = alm_alloc((size_t)plan->items, sizeof *items.item, "samples", &items.item);
    for (int s = 0; s < plan->sets && status == ALM_OK; s++) {
        status = add_set(plan, data, s, items.item + plan->set[s].first);
    }
    if (status != ALM_OK) {
        alm_free(items.item);
        return status;
    }
    qsort(items.item, (size_t)items.count, sizeof *items.item, by_object);
    keep(&items, shard, shards);
    *out = items;
    return ALM_OK;
}

void alm_eval_items_free(alm_eval_items *items)
{
    alm_free(items->item);
    *items = (alm_eval_items){0};
}

/* ---- Shards ---- */

static bool take(const char *shard, const char *shards, int *out, int *of)
{
    int64_t i, n;
    if (!shard || !shards || !alm_parse_whole(shard, &i) || !alm_parse_whole(shards, &n) || i < 0 ||
        n < 1 || n > 65536 || i >= n) {
        return false;
    }
    *out = (int)i;
    *of = (int)n;
    return true;
}

alm_status alm_eval_shard(const char *text, int *shard, int *shards)
{
    static const char *const launchers[][2] = {{"RANK", "WORLD_SIZE"},
                                               {"SLURM_PROCID", "SLURM_NTASKS"}};
    *shard = 0;
    *shards = 1;
    if (!text) {
        return ALM_OK;
    }
    if (strcmp(text, "auto") == 0) {
        for (int i = 0; i < 2; i++) {
            if (take(alm_env_get(launchers[i][0]), alm_env_get(launchers[i][1]), shard, shards)) {
                return ALM_OK;
            }
        }
        return alm_fail(ALM_STATUS_USAGE, "shard 'auto': neither RANK and WORLD_SIZE (torchrun) "
                                          "nor SLURM_PROCID and SLURM_NTASKS are set");
    }
    char first[16];
    const char *slash = strchr(text, '/');
    const size_t n = slash ? (size_t)(slash - text) : 0;
    if (n > 0 && n < sizeof first) {
        memcpy(first, text, n);
        first[n] = '\0';
        if (take(first, slash + 1, shard, shards)) {
            return ALM_OK;
        }
    }
    return alm_fail(ALM_STATUS_USAGE, "shard '%.40s', expected I/N with I from 0 to N-1, or auto",
                    text);
}
