#include "runtime/eval/run_folder.h"

#include <dirent.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "kernels/core/memory.h"
#include "runtime/input/file.h"
#include "runtime/input/text_file.h"
#include "runtime/output/file_write.h"

enum { PLAN_BYTES = 64 << 20 };

alm_status alm_path_format(char **out, const char *format, ...)
{
    va_list args, again;
    char *text;
    va_start(args, format);
    va_copy(again, args);
    const int n = vsnprintf(NULL, 0, format, args);
    va_end(args);
    const alm_status status = n < 0 ? alm_fail(ALM_STATUS_INTERNAL, "a path cannot be formatted")
                                    : alm_alloc((size_t)n + 1, 1, "a path", &text);
    if (status == ALM_OK) {
        vsnprintf(text, (size_t)n + 1, format, again);
        *out = text;
    }
    va_end(again);
    return status;
}

static alm_status make_one(const char *path)
{
    if (mkdir(path, 0777) != 0 && errno != EEXIST) {
        return alm_fail(ALM_STATUS_OUTPUT, "%s: %s", path, strerror(errno));
    }
    return ALM_OK;
}

alm_status alm_folders_make(const char *path)
{
    char *part;
    ALM_TRY(alm_strdup(path, "path", &part));
    alm_status status = ALM_OK;
    for (char *c = part + 1; part[0] && *c && status == ALM_OK; c++) {
        if (*c == '/') {
            *c = '\0';
            status = make_one(part);
            *c = '/';
        }
    }
    if (status == ALM_OK) {
        status = make_one(path);
    }
    alm_free(part);
    if (status == ALM_OK && !alm_is_folder(path)) {
        return alm_fail(ALM_STATUS_OUTPUT, "%s: is no folder", path);
    }
    return status;
}

alm_status alm_run_own(const char *run, const char *name, char **out)
{
    return alm_path_format(out, "%s/%s/%s", run, ALM_RUN_OWN, name);
}

alm_status alm_run_plan_read(const char *run, bool *found, alm_eval_plan *out)
{
    char *path;
    void *text = NULL;
    size_t bytes;
    ALM_TRY(alm_run_own(run, "plan.json", &path));
    *found = alm_is_file(path);
    alm_status status = ALM_OK;
    if (*found) {
        status = alm_file_read(path, PLAN_BYTES, &text, &bytes);
        status = status == ALM_STATUS_SAMPLE ? ALM_STATUS_USAGE : status;
        if (status == ALM_OK) {
            status = alm_eval_plan_parse(path, text, bytes, out);
        }
    }
    alm_free(text);
    alm_free(path);
    return status;
}

alm_status alm_run_plan_write(const char *run, const alm_eval_plan *plan)
{
    alm_eval_plan there = {0};
    bool found;
    ALM_TRY(alm_run_plan_read(run, &found, &there));
    if (found) {
        const alm_status status = alm_eval_plan_compare(run, &there, "this run", plan);
        alm_eval_plan_free(&there);
        return status;
    }
    char *path, *text = NULL;
    ALM_TRY(alm_run_own(run, "plan.json", &path));
    alm_status status = alm_eval_plan_text(plan, &text);
    if (status == ALM_OK) {
        status = alm_file_write_all(path, text, strlen(text));
    }
    alm_free(text);
    alm_free(path);
    return status;
}

alm_status alm_run_newest(const char *folder, char **timestamp)
{
    char newest[16] = "", utc[21];
    DIR *open = opendir(folder);
    const struct dirent *entry;
    while (open && (entry = readdir(open)) != NULL) {
        if (alm_eval_plan_time(entry->d_name, utc) != ALM_OK ||
            strcmp(entry->d_name, newest) <= 0) {
            continue;
        }
        char *path;
        if (alm_path_format(&path, "%s/%s/%s/plan.json", folder, entry->d_name, ALM_RUN_OWN) !=
            ALM_OK) {
            break;
        }
        if (alm_is_file(path)) {
            snprintf(newest, sizeof newest, "%.15s", entry->d_name);
        }
        alm_free(path);
    }
    if (open) {
        closedir(open);
    }
    if (!newest[0]) {
        return alm_fail(ALM_STATUS_USAGE, "%s: holds no run that could go on", folder);
    }
    return alm_strdup(newest, "a timestamp", timestamp);
}
