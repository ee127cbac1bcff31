#include "runtime/eval/found.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "kernels/core/memory.h"
#include "runtime/eval/aggregate.h"
#include "runtime/eval/plan.h"
#include "runtime/eval/run_folder.h"
#include "runtime/input/text_file.h"
#include "runtime/input/tree.h"

/* A folder of the path pattern at a time: data set, seed, split, time. */
enum { LEVELS = 4, MOST_FILES = 1 << 20 };

typedef struct search {
    alm_found found;
    size_t capacity;
    char *name[LEVELS]; /* of the folders above */
    uint32_t seed;
} search;

void alm_found_free(alm_found *found)
{
    for (size_t i = 0; i < found->count; i++) {
        alm_free(found->file[i].dataset);
        alm_free(found->file[i].split);
        alm_free(found->file[i].timestamp);
        alm_free(found->file[i].path);
    }
    alm_free(found->file);
    *found = (alm_found){0};
}

/* "seed_42" */
static bool parse_seed(const char *name, uint32_t *out)
{
    int64_t value;
    if (strncmp(name, "seed_", 5) != 0 || !alm_parse_whole(name + 5, &value) || value < 0 ||
        value > UINT32_MAX || name[5] == '-') {
        return false;
    }
    *out = (uint32_t)value;
    return true;
}

alm_status alm_found_add(alm_found *found, size_t *capacity, const alm_found_file *file)
{
    if (found->count == MOST_FILES) {
        return alm_fail(ALM_STATUS_USAGE, "more than %d result files", MOST_FILES);
    }
    ALM_TRY(
        alm_reserve(found->count + 1, sizeof *found->file, "result files", &found->file, capacity));
    alm_found_file *f = &found->file[found->count++];
    *f = (alm_found_file){.seed = file->seed};
    ALM_TRY(alm_strdup(file->dataset, "a name", &f->dataset));
    ALM_TRY(alm_strdup(file->split, "a name", &f->split));
    ALM_TRY(alm_strdup(file->timestamp, "a name", &f->timestamp));
    return alm_strdup(file->path, "path", &f->path);
}

static bool fits(search *s, int level, const char *name)
{
    char utc[21];
    switch (level) {
    case 0: return name[0] != '.' && strncmp(name, "seed_", 5) != 0;
    case 1: return parse_seed(name, &s->seed);
    case 2: return strcmp(name, "train") == 0 || strcmp(name, "test") == 0;
    default: return alm_eval_plan_time(name, utc) == ALM_OK;
    }
}

static alm_status look(search *s, const char *folder, int level);

static alm_status look_at(search *s, const char *folder, char *name, int level)
{
    char *path;
    if (!fits(s, level, name)) {
        return ALM_OK;
    }
    s->name[level] = name;
    ALM_TRY(alm_path_format(&path, level + 1 < LEVELS ? "%s/%s" : "%s/%s/eval_results.json", folder,
                            name));
    alm_status status = ALM_OK;
    if (level + 1 < LEVELS && alm_is_folder(path)) {
        status = look(s, path, level + 1);
    } else if (level + 1 == LEVELS && alm_is_file(path)) {
        const alm_found_file file = {.dataset = s->name[0],
                                     .split = s->name[2],
                                     .timestamp = s->name[3],
                                     .path = path,
                                     .seed = s->seed};
        status = alm_found_add(&s->found, &s->capacity, &file);
    }
    alm_free(path);
    return status;
}

static alm_status look(search *s, const char *folder, int level)
{
    DIR *open = opendir(folder);
    if (!open) {
        return alm_fail(errno == ENOMEM ? ALM_STATUS_MEMORY : ALM_STATUS_USAGE, "%s: %s", folder,
                        strerror(errno));
    }
    alm_status status = ALM_OK;
    struct dirent *entry;
    while (status == ALM_OK && (entry = readdir(open)) != NULL) {
        status = look_at(s, folder, entry->d_name, level);
    }
    closedir(open);
    return status;
}

static int by_seed(const void *a, const void *b)
{
    const alm_found_file *x = a, *y = b;
    const int seed = (x->seed > y->seed) - (x->seed < y->seed);
    const int dataset = strcmp(x->dataset, y->dataset), split = strcmp(y->split, x->split);
    return seed ? seed : dataset ? dataset : split ? split : strcmp(x->timestamp, y->timestamp);
}

alm_status alm_found_search(const char *run, alm_found *out)
{
    search s = {0};
    alm_status status = look(&s, run, 0);
    alm_error_clear(); /* names that are no times */
    if (status == ALM_OK && s.found.count == 0) {
        status = alm_fail(ALM_STATUS_USAGE,
                          "%s: holds no DATASET/seed_N/SPLIT/TIME/eval_results.json", run);
    }
    if (status != ALM_OK) {
        alm_found_free(&s.found);
        return status;
    }
    qsort(s.found.file, s.found.count, sizeof *s.found.file, by_seed);
    *out = s.found;
    return ALM_OK;
}

/* ---- Aggregates ---- */

static alm_status aggregate_seed(const alm_found *found, uint32_t seed,
                                 const alm_aggregate_run *about, const char *out)
{
    alm_aggregate_source *source;
    int count = 0;
    char *path;
    ALM_TRY(alm_calloc(found->count, sizeof *source, "results", &source));
    for (size_t i = 0; i < found->count; i++) {
        const alm_found_file *f = &found->file[i];
        if (f->seed == seed) {
            source[count++] =
                (alm_aggregate_source){.dataset = f->dataset, .split = f->split, .path = f->path};
        }
    }
    alm_status status = alm_path_format(&path, "%s/seed_%lu", out, (unsigned long)seed);
    if (status == ALM_OK) {
        status = alm_folders_make(path);
        alm_free(path);
    }
    if (status == ALM_OK) {
        status = alm_path_format(&path, "%s/seed_%lu/eval_results.json", out, (unsigned long)seed);
    }
    if (status == ALM_OK) {
        status = alm_aggregate_datasets(source, count, seed, about, path);
        alm_free(path);
    }
    alm_free(source);
    return status;
}

static alm_status aggregate_seeds(const char *out, const uint32_t *seed, int seeds,
                                  const alm_aggregate_run *about)
{
    alm_seed_source *source;
    int64_t *expected = NULL;
    char **path = NULL, *to = NULL;
    ALM_TRY(alm_calloc((size_t)seeds, sizeof *source, "seeds", &source));
    alm_status status = alm_calloc((size_t)seeds, sizeof *expected, "seeds", &expected);
    if (status == ALM_OK) {
        status = alm_calloc((size_t)seeds, sizeof *path, "seeds", &path);
    }
    for (int i = 0; i < seeds && status == ALM_OK; i++) {
        expected[i] = seed[i];
        status =
            alm_path_format(&path[i], "%s/seed_%lu/eval_results.json", out, (unsigned long)seed[i]);
        source[i] = (alm_seed_source){.seed = seed[i], .path = path[i]};
    }
    if (status == ALM_OK) {
        status = alm_path_format(&to, "%s/eval_results_mean_variance.json", out);
    }
    if (status == ALM_OK) {
        status = alm_aggregate_seeds(source, seeds, expected, seeds, about, to);
    }
    for (int i = 0; path && i < seeds; i++) {
        alm_free(path[i]);
    }
    alm_free(path);
    alm_free(expected);
    alm_free(source);
    alm_free(to);
    return status;
}

alm_status alm_found_write(const alm_found *found, const uint32_t *seed, int seeds,
                           const alm_aggregate_run *about, const char *out)
{
    for (int i = 0; i < seeds; i++) {
        ALM_TRY(aggregate_seed(found, seed[i], about, out));
    }
    return aggregate_seeds(out, seed, seeds, about);
}

alm_status alm_found_aggregate(const char *run, const char *out, const uint32_t *seed, int seeds)
{
    alm_found found;
    char utc[21];
    ALM_TRY(alm_found_search(run, &found));
    const char *slash = strrchr(run, '/');
    const char *name = slash ? slash + 1 : run;
    const char *timestamp =
        alm_eval_plan_time(name, utc) == ALM_OK ? name : found.file[0].timestamp;
    alm_error_clear();
    alm_status status = alm_eval_plan_time(timestamp, utc);
    const alm_aggregate_run about = {.run_timestamp = timestamp, .generated_at = utc};
    if (status == ALM_OK) {
        status = alm_found_write(&found, seed, seeds, &about, out);
    }
    alm_found_free(&found);
    return status;
}
