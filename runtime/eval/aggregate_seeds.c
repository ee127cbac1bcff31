/* The aggregate over seeds (aggregate.h): reads the files of the seeds, sorts what is in them, and
 * checks that they belong together.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "kernels/core/memory.h"
#include "runtime/eval/aggregate_seeds_parts.h"
#include "runtime/eval/results_read.h"

/* ---- Reading ---- */

static alm_status read_file(almi_seeds *a, int i)
{
    alm_file_map map;
    const char *path = a->source[i].path;
    ALM_TRY(alm_results_refusal(alm_file_map_open(path, &map)));
    const alm_status status =
        almi_seed_file_read(path, (const char *)map.data, map.bytes, i, &a->leaves, &a->head[i]);
    alm_file_map_close(&map);
    return status;
}

static const char *shown(const char *text)
{
    return text ? text : "null";
}

static alm_status check_head(const almi_seeds *a, int i)
{
    const char *path = a->source[i].path, *ckpt = a->head[i].ckpt_path;
    const char *expected = a->run->ckpt_path ? a->run->ckpt_path : a->head[0].ckpt_path;
    if (a->head[i].seed != a->source[i].seed) {
        return alm_fail(ALM_STATUS_USAGE, "%s: seed is %" PRId64 ", expected %" PRId64, path,
                        a->head[i].seed, a->source[i].seed);
    }
    if ((ckpt == NULL) != (expected == NULL) || (ckpt && strcmp(ckpt, expected) != 0)) {
        return alm_fail(ALM_STATUS_USAGE, "%s: ckpt_path is %.200s, expected %.200s", path,
                        shown(ckpt), shown(expected));
    }
    return ALM_OK;
}

static int times(const int64_t *list, int count, int64_t seed)
{
    int n = 0;
    for (int i = 0; i < count; i++) {
        n += list[i] == seed;
    }
    return n;
}

static alm_status check_seeds(const alm_seed_source *source, int count, const int64_t *expected,
                              int expected_count)
{
    for (int i = 0; i < count; i++) {
        for (int j = 0; j < i; j++) {
            if (source[j].seed == source[i].seed) {
                return alm_fail(ALM_STATUS_USAGE, "%s: seed %" PRId64 " is given twice (%s)",
                                source[i].path, source[i].seed, source[j].path);
            }
        }
        if (!times(expected, expected_count, source[i].seed)) {
            return alm_fail(ALM_STATUS_USAGE,
                            "%s: seed is %" PRId64 ", expected one of the %d seeds from %" PRId64
                            " to %" PRId64,
                            source[i].path, source[i].seed, expected_count, expected[0],
                            expected[expected_count - 1]);
        }
    }
    for (int i = 0; i < expected_count; i++) {
        bool there = false;
        for (int j = 0; j < count; j++) {
            there = there || source[j].seed == expected[i];
        }
        if (!there) {
            return alm_fail(ALM_STATUS_USAGE, "seeds: %" PRId64 " is missing, expected %d seeds",
                            expected[i], expected_count);
        }
    }
    return ALM_OK;
}

/* ---- Sorting and comparing ---- */

static int by_path(const void *left, const void *right)
{
    const almi_item *a = left, *b = right;
    const int order = memcmp(a->path, b->path, a->bytes < b->bytes ? a->bytes : b->bytes);
    if (order != 0 || a->bytes != b->bytes) {
        return order != 0 ? order : a->bytes < b->bytes ? -1 : 1;
    }
    return (a->source > b->source) - (a->source < b->source);
}

bool almi_item_same(const almi_item *a, const almi_item *b)
{
    return a->bytes == b->bytes && memcmp(a->path, b->path, a->bytes) == 0;
}

const char *almi_item_text(const almi_item *i, char text[200])
{
    const size_t count = i->bytes < 199 ? i->bytes : 199;
    for (size_t k = 0; k < count; k++) {
        text[k] = i->path[k] ? i->path[k] : '.';
    }
    text[count] = '\0';
    return text;
}

static alm_status sort(const almi_leaves *leaves, bool containers, almi_items *out)
{
    ALM_TRY(alm_alloc(leaves->count, sizeof *out->item, "statistics", &out->item));
    for (size_t i = 0; i < leaves->count; i++) {
        const almi_leaf *leaf = &leaves->leaf[i];
        if (leaf->is_container == containers) {
            out->item[out->count++] =
                (almi_item){.path = (const char *)leaves->text.data + leaf->at,
                            .bytes = leaf->bytes,
                            .source = leaf->source,
                            .value = leaf->value};
        }
    }
    qsort(out->item, out->count, sizeof *out->item, by_path);
    return ALM_OK;
}

/* A path once for a file; a number is not an object elsewhere. */
static alm_status check_paths(const almi_seeds *a, const almi_items *list)
{
    char text[200];
    for (size_t i = 1; i < list->count; i++) {
        const almi_item *before = &list->item[i - 1], *now = &list->item[i];
        if (almi_item_same(before, now) && before->source == now->source) {
            return alm_fail(ALM_STATUS_USAGE, "%s: %s is there twice", a->source[now->source].path,
                            almi_item_text(now, text));
        }
        if (list == &a->leaf && now->bytes > before->bytes && now->path[before->bytes] == '\0' &&
            memcmp(now->path, before->path, before->bytes) == 0) {
            return alm_fail(ALM_STATUS_USAGE, "%s: %s is an object, expected a number as in %s",
                            a->source[now->source].path, almi_item_text(before, text),
                            a->source[before->source].path);
        }
    }
    return ALM_OK;
}

/* Every data set and split is in every file. */
static alm_status check_containers(const almi_seeds *a)
{
    char text[200];
    const almi_items *list = &a->container;
    for (size_t from = 0, to; from < list->count; from = to) {
        int absent = 0;
        for (to = from; to < list->count && almi_item_same(&list->item[to], &list->item[from]);
             to++) {
            absent += list->item[to].source == absent;
        }
        if (absent < a->count) {
            return alm_fail(ALM_STATUS_USAGE, "%s: %s is missing, expected it as in %s",
                            a->source[absent].path, almi_item_text(&list->item[from], text),
                            a->source[list->item[from].source].path);
        }
    }
    return ALM_OK;
}

static alm_status make(almi_seeds *a, const char *out_path)
{
    const size_t count = (size_t)a->count;
    ALM_TRY(alm_calloc(count, sizeof *a->head, "results", &a->head));
    ALM_TRY(alm_calloc(count, sizeof *a->path, "results", &a->path));
    ALM_TRY(alm_calloc(count, sizeof *a->value, "results", &a->value));
    for (int i = 0; i < a->count; i++) {
        ALM_TRY(read_file(a, i));
        ALM_TRY(check_head(a, i));
        ALM_TRY(almi_aggregate_path(a->source[i].path, a->run, &a->path[i]));
    }
    ALM_TRY(sort(&a->leaves, true, &a->container));
    ALM_TRY(sort(&a->leaves, false, &a->leaf));
    ALM_TRY(check_paths(a, &a->container));
    ALM_TRY(check_paths(a, &a->leaf));
    ALM_TRY(check_containers(a));
    return alm_json_write_file(out_path, almi_seeds_write, a);
}

alm_status alm_aggregate_seeds(const alm_seed_source *source, int count, const int64_t *expected,
                               int expected_count, const alm_aggregate_run *run,
                               const char *out_path)
{
    static const int64_t usual[] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9};
    almi_seeds a = {.source = source, .count = count, .run = run};
    if (!expected) {
        expected = usual;
        expected_count = (int)(sizeof usual / sizeof *usual);
    }
    if (count < 1 || expected_count < 1) {
        return alm_fail(ALM_STATUS_USAGE, "%s: there are no seeds to aggregate", out_path);
    }
    ALM_TRY(check_seeds(source, count, expected, expected_count));
    const alm_status status = make(&a, out_path);
    for (int i = 0; i < count; i++) {
        if (a.head) {
            almi_seed_head_free(&a.head[i]);
        }
        if (a.path) {
            alm_free(a.path[i]);
        }
    }
    almi_leaves_free(&a.leaves);
    alm_free(a.container.item);
    alm_free(a.leaf.item);
    alm_free(a.value);
    alm_free(a.head);
    alm_free(a.path);
    return status;
}
