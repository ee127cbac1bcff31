/* Writes the aggregate over seeds (aggregate.h). Leaves are sorted by path and seed: equal paths
 * are one statistic, and the paths' common beginnings are the objects to open and close.
 */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "kernels/core/memory.h"
#include "runtime/eval/aggregate_seeds_parts.h"
#include "runtime/eval/exact_sum.h"
#include "runtime/eval/name_index.h"

static const char note[] =
    "Statistics are computed across seeds for every numeric leaf under datasets and "
    "overall_by_split. Dataset/split/category levels remain separate. A metric with num_seeds < "
    "seed_count is based only on the listed values_by_seed and reports the other seeds in "
    "missing_seeds.";

/* The name at the end of a container's path when it is below `datasets` at that level (1: a data
 * set, 2: a split of one), else NULL. */
static const char *name_at(const almi_item *container, int level, size_t *bytes)
{
    static const char root[] = "datasets"; /* with its NUL */
    const char *at = container->path + sizeof root, *end = container->path + container->bytes;
    if (container->bytes < sizeof root || memcmp(container->path, root, sizeof root) != 0) {
        return NULL;
    }
    for (; level > 1 && at; level--) {
        const char *nul = memchr(at, 0, (size_t)(end - at));
        at = nul ? nul + 1 : NULL;
    }
    if (!at || memchr(at, 0, (size_t)(end - at))) {
        return NULL;
    }
    *bytes = (size_t)(end - at);
    return at;
}

static alm_status collect_names(const almi_seeds *a, int level, alm_name_index *names)
{
    alm_buffer name = {0};
    for (size_t i = 0; i < a->container.count && name.status == ALM_OK; i++) {
        size_t bytes, index;
        const char *at = name_at(&a->container.item[i], level, &bytes);
        if (!at) {
            continue;
        }
        name.count = 0;
        alm_buffer_add(&name, at, bytes);
        alm_buffer_add(&name, "", 1);
        if (name.status == ALM_OK) {
            name.status = alm_name_index_add(names, (const char *)name.data, &index);
        }
    }
    const alm_status status = name.status;
    alm_buffer_free(&name);
    return status;
}

/* Names of the data sets (level 1) or of their splits (level 2), once each, sorted. */
static alm_status write_names(alm_json_write *w, const almi_seeds *a, const char *key, int level)
{
    alm_name_index names = {0};
    size_t *order = NULL;
    alm_status status = collect_names(a, level, &names);
    if (status == ALM_OK) {
        status = alm_name_index_sorted(&names, &order);
    }
    if (status == ALM_OK) {
        alm_json_write_key(w, key);
        alm_json_write_open(w, '[');
        for (size_t i = 0; i < names.count; i++) {
            alm_json_write_string(w, alm_name_index_get(&names, order[i]));
        }
        alm_json_write_close(w, ']');
    }
    alm_free(order);
    alm_name_index_free(&names);
    return status;
}

static void write_named_real(alm_json_write *w, const char *key, double value, bool there)
{
    alm_json_write_key(w, key);
    if (there) {
        alm_json_write_real(w, value);
    } else {
        alm_json_write_null(w);
    }
}

/* The seeds that do not have the leaf. item: [count], in the order of the seeds. */
static void write_missing(alm_json_write *w, const almi_seeds *a, const almi_item *list,
                          size_t count)
{
    size_t next = 0;
    alm_json_write_key(w, "missing_seeds");
    alm_json_write_open(w, '[');
    for (int i = 0; i < a->count; i++) {
        if (next < count && list[next].source == i) {
            next++;
        } else {
            alm_json_write_whole(w, a->source[i].seed);
        }
    }
    alm_json_write_close(w, ']');
}

static alm_status write_statistic(alm_json_write *w, const almi_seeds *a, const almi_item *list,
                                  size_t count)
{
    char text[200];
    for (size_t i = 0; i < count; i++) {
        a->value[i] = list[i].value;
    }
    const alm_exact_spread s = alm_exact_spread_of(a->value, count);
    if (!isfinite(s.mean) || !isfinite(s.variance_population) || !isfinite(s.variance_sample)) {
        return alm_fail(ALM_STATUS_USAGE, "%s: the values of %s are so large that a sum overflows",
                        a->source[list[0].source].path, almi_item_text(list, text));
    }
    alm_json_write_open(w, '{');
    alm_json_write_key(w, "num_seeds");
    alm_json_write_whole(w, (int64_t)count);
    write_missing(w, a, list, count);
    alm_json_write_key(w, "values_by_seed");
    alm_json_write_open(w, '{');
    for (size_t i = 0; i < count; i++) {
        char seed[24];
        snprintf(seed, sizeof seed, "%" PRId64, a->source[list[i].source].seed);
        alm_json_write_key(w, seed);
        alm_json_write_real(w, list[i].value);
    }
    alm_json_write_close(w, '}');
    write_named_real(w, "mean", s.mean, true);
    write_named_real(w, "variance_population", s.variance_population, true);
    write_named_real(w, "variance_sample", s.variance_sample, count > 1);
    write_named_real(w, "std_population", s.std_population, true);
    write_named_real(w, "std_sample", s.std_sample, count > 1);
    alm_json_write_close(w, '}');
    return w->status;
}

/* Bytes of the two paths' common keys, with the NUL behind each. */
static size_t common(const almi_item *a, const almi_item *b)
{
    size_t same = 0;
    for (size_t i = 0; i < a->bytes && i < b->bytes && a->path[i] == b->path[i]; i++) {
        same = a->path[i] == '\0' ? i + 1 : same;
    }
    return same;
}

static void close_objects(alm_json_write *w, const almi_item *path, size_t keep)
{
    for (size_t i = keep; i < path->bytes; i++) {
        if (path->path[i] == '\0') {
            alm_json_write_close(w, '}');
        }
    }
}

/* Opens the objects behind `from` and writes the last key. */
static alm_status open_objects(alm_json_write *w, alm_buffer *key, const almi_item *path,
                               size_t from)
{
    for (size_t to; from <= path->bytes; from = to + 1) {
        to = from;
        while (to < path->bytes && path->path[to]) {
            to++;
        }
        key->count = 0;
        alm_buffer_add(key, path->path + from, to - from);
        alm_buffer_add(key, "", 1);
        ALM_TRY(key->status);
        alm_json_write_key(w, (const char *)key->data);
        if (to < path->bytes) {
            alm_json_write_open(w, '{');
        }
    }
    return w->status;
}

/* The leaves under one of the two roots. */
static alm_status write_leaves(alm_json_write *w, alm_buffer *key, const almi_seeds *a,
                               const char *root)
{
    const size_t skip = strlen(root) + 1;
    const almi_item *before = NULL;
    alm_json_write_key(w, root);
    alm_json_write_open(w, '{');
    for (size_t from = 0, to; from < a->leaf.count; from = to) {
        const almi_item *now = &a->leaf.item[from];
        for (to = from; to < a->leaf.count && almi_item_same(&a->leaf.item[to], now); to++) {
        }
        if (now->bytes < skip || memcmp(now->path, root, skip) != 0) {
            continue;
        }
        const size_t same = before ? common(before, now) : skip;
        if (before) {
            close_objects(w, before, same);
        }
        ALM_TRY(open_objects(w, key, now, same));
        ALM_TRY(write_statistic(w, a, now, to - from));
        before = now;
    }
    if (before) {
        close_objects(w, before, skip);
    }
    alm_json_write_close(w, '}');
    return w->status;
}

static void write_sources(alm_json_write *w, const almi_seeds *a)
{
    alm_json_write_key(w, "source_results");
    alm_json_write_open(w, '[');
    for (int i = 0; i < a->count; i++) {
        alm_json_write_open(w, '{');
        alm_json_write_key(w, "seed");
        alm_json_write_whole(w, a->source[i].seed);
        alm_json_write_key(w, "path");
        alm_json_write_string(w, a->path[i]);
        alm_json_write_key(w, "run_timestamp");
        alm_json_write_string(w, a->head[i].run_timestamp);
        alm_json_write_close(w, '}');
    }
    alm_json_write_close(w, ']');
}

static void write_seeds(alm_json_write *w, const almi_seeds *a)
{
    alm_json_write_key(w, "seed_count");
    alm_json_write_whole(w, a->count);
    alm_json_write_key(w, "seeds");
    alm_json_write_open(w, '[');
    for (int i = 0; i < a->count; i++) {
        alm_json_write_whole(w, a->source[i].seed);
    }
    alm_json_write_close(w, ']');
}

static void write_definition(alm_json_write *w)
{
    alm_json_write_key(w, "variance_definition");
    alm_json_write_open(w, '{');
    alm_json_write_key(w, "variance_population");
    alm_json_write_string(w, "sum((x - mean)^2) / N (ddof=0)");
    alm_json_write_key(w, "variance_sample");
    alm_json_write_string(w, "sum((x - mean)^2) / (N - 1) (ddof=1)");
    alm_json_write_close(w, '}');
    alm_json_write_key(w, "aggregation_note");
    alm_json_write_string(w, note);
}

alm_status almi_seeds_write(alm_json_write *w, void *context)
{
    const almi_seeds *a = context;
    alm_buffer key = {0};
    alm_json_write_open(w, '{');
    almi_aggregate_head(w, a->run);
    alm_json_write_key(w, "ckpt_path");
    alm_json_write_string(w, a->head[0].ckpt_path);
    write_seeds(w, a);
    ALM_TRY(write_names(w, a, "datasets", 1));
    ALM_TRY(write_names(w, a, "splits", 2));
    write_definition(w);
    write_sources(w, a);
    alm_json_write_key(w, "statistics");
    alm_json_write_open(w, '{');
    alm_status status = write_leaves(w, &key, a, "datasets");
    if (status == ALM_OK) {
        status = write_leaves(w, &key, a, "overall_by_split");
    }
    alm_json_write_close(w, '}');
    alm_json_write_close(w, '}');
    alm_buffer_free(&key);
    return status;
}
