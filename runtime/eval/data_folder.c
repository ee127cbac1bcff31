#include "runtime/eval/data_folder.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "kernels/core/env.h"
#include "kernels/core/memory.h"
#include "runtime/input/dataset.h"
#include "runtime/input/text_file.h"
#include "runtime/input/utf8.h"

static const char prefix[] = "assemlm_";

enum { PREFIX = sizeof prefix - 1, LONGEST_NAME = 200 };

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

static char upper(char c)
{
    return c >= 'a' && c <= 'z' ? (char)(c - 'a' + 'A') : c;
}

/* ---- The folder ---- */

/* Bytes of x in "assemlm_x.hdf5", or 0 when the entry is no such file. */
static size_t stem_of(const char *entry, bool *is_hdf5)
{
    const size_t n = strlen(entry);
    const char *dot = strrchr(entry, '.');
    *is_hdf5 = dot && strcmp(dot, ".hdf5") == 0;
    const bool matches =
        strncmp(entry, prefix, PREFIX) == 0 && (*is_hdf5 || (dot && strcmp(dot, ".h5") == 0));
    const size_t stem = matches ? (size_t)(dot - entry) - PREFIX : 0;
    return stem <= LONGEST_NAME && alm_utf8_check(entry, n) == n ? stem : 0;
}

/* The file that the environment names in place of this one; NULL: none. */
static const char *override_of(const char *name)
{
    static const char *const ends[] = {"HDF5", "FINAL_HDF5"};
    for (int i = 0; i < 2; i++) {
        char variable[LONGEST_NAME + 32];
        snprintf(variable, sizeof variable, "ASSEMLM_%s_%s", name, ends[i]);
        for (char *c = variable; *c; c++) {
            *c = upper(*c);
        }
        const char *value = alm_env_get(variable);
        if (value) {
            return value;
        }
    }
    return NULL;
}

static alm_status add_file(alm_data_folder *folder, size_t *capacity, const char *root,
                           const char *entry)
{
    bool is_hdf5;
    const size_t stem = stem_of(entry, &is_hdf5);
    if (stem == 0) {
        return ALM_OK;
    }
    char name[LONGEST_NAME + 1];
    snprintf(name, sizeof name, "%.*s", (int)stem, entry + PREFIX);
    for (char *c = name; *c; c++) {
        *c = lower(*c);
    }
    alm_data_file *file = NULL;
    for (int i = 0; i < folder->count; i++) {
        file = strcmp(folder->file[i].name, name) == 0 ? &folder->file[i] : file;
    }
    if (file && !is_hdf5) {
        return ALM_OK;
    }
    if (!file) {
        ALM_TRY(alm_reserve((size_t)folder->count + 1, sizeof *file, "data files", &folder->file,
                            capacity));
        file = &folder->file[folder->count];
        *file = (alm_data_file){0};
        ALM_TRY(alm_strdup(name, "a data file's name", &file->name));
        folder->count++;
    }
    alm_free(file->path);
    file->path = NULL;
    const char *other = override_of(name);
    return other ? alm_strdup(other, "path", &file->path) : alm_path_join(root, entry, &file->path);
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const alm_data_file *)a)->name, ((const alm_data_file *)b)->name);
}

alm_status alm_data_folder_open(const char *path, alm_data_folder *out)
{
    DIR *open = opendir(path);
    if (!open) {
        return alm_fail(errno == ENOMEM ? ALM_STATUS_MEMORY : ALM_STATUS_USAGE,
                        "%s: %s, expected a folder with assemlm_*.hdf5 files", path,
                        strerror(errno));
    }
    alm_data_folder folder = {0};
    size_t capacity = 0;
    alm_status status = ALM_OK;
    const struct dirent *entry;
    while (status == ALM_OK && (entry = readdir(open)) != NULL) {
        status = add_file(&folder, &capacity, path, entry->d_name);
    }
    closedir(open);
    if (status == ALM_OK && folder.count == 0) {
        status = alm_fail(ALM_STATUS_USAGE, "%s: holds no assemlm_*.hdf5 file", path);
    }
    if (status != ALM_OK) {
        alm_data_folder_close(&folder);
        return status;
    }
    qsort(folder.file, (size_t)folder.count, sizeof *folder.file, by_name);
    *out = folder;
    return ALM_OK;
}

void alm_data_folder_close(alm_data_folder *folder)
{
    for (int i = 0; i < folder->count; i++) {
        alm_free(folder->file[i].name);
        alm_free(folder->file[i].path);
    }
    alm_free(folder->file);
    *folder = (alm_data_folder){0};
}

/* ---- Names ---- */

/* Whether `word` is one of the ways to write the file's name. */
static bool means(const char *word, size_t bytes, const char *name)
{
    static const char *const forms[] = {"%s", "%s_hdf5", "%s_final_hdf5", "assemlm_%s",
                                        "assemlm_%s_hdf5"};
    for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++) {
        char form[LONGEST_NAME + 32];
        const char *at = strstr(forms[i], "%s");
        const int n =
            snprintf(form, sizeof form, "%.*s%s%s", (int)(at - forms[i]), forms[i], name, at + 2);
        if ((size_t)n == bytes && strncasecmp(form, word, bytes) == 0) {
            return true;
        }
    }
    return false;
}

static bool means_all(const char *word, size_t bytes)
{
    static const char *const all[] = {"auto", "all", "*"};
    for (int i = 0; i < 3; i++) {
        if (strlen(all[i]) == bytes && strncasecmp(all[i], word, bytes) == 0) {
            return true;
        }
    }
    return false;
}

static alm_status unknown(const alm_data_folder *folder, const char *word, size_t bytes)
{
    char names[512] = "";
    size_t at = 0;
    for (int i = 0; i < folder->count && at < sizeof names; i++) {
        at += (size_t)snprintf(names + at, sizeof names - at, "%s%s", i ? ", " : "",
                               folder->file[i].name);
    }
    return alm_fail(ALM_STATUS_USAGE, "data set '%.*s' is not there, expected one of %s",
                    (int)(bytes < LONGEST_NAME ? bytes : LONGEST_NAME), word, names);
}

static alm_status add_member(int file, alm_data_name *out)
{
    if (out->files == ALM_EVAL_MIXTURE) {
        return alm_fail(ALM_STATUS_USAGE, "data set '%s': more than %d files", out->name,
                        ALM_EVAL_MIXTURE);
    }
    out->file[out->files++] = file;
    return ALM_OK;
}

/* The file with just this name (another's alias may be spelled like it); -1: none. */
static int exact_file(const alm_data_folder *folder, const char *word, size_t bytes)
{
    for (int i = 0; i < folder->count; i++) {
        const char *name = folder->file[i].name;
        if (strlen(name) == bytes && strncasecmp(name, word, bytes) == 0) {
            return i;
        }
    }
    return -1;
}

/* One name, a mixture or not, into *out, which holds its text already. */
static alm_status resolve(const alm_data_folder *folder, alm_data_name *out)
{
    const char *word = out->name;
    for (;; word++) {
        const size_t bytes = strcspn(word, "+");
        const int exact = exact_file(folder, word, bytes);
        int found = 0;
        for (int i = 0; i < folder->count; i++) {
            if (exact >= 0 ? i == exact
                           : means_all(word, bytes) || means(word, bytes, folder->file[i].name)) {
                ALM_TRY(add_member(i, out));
                found++;
            }
        }
        if (found == 0) {
            return unknown(folder, word, bytes);
        }
        word += bytes;
        if (!*word) {
            return ALM_OK;
        }
    }
}

static alm_status add_name(const alm_data_folder *folder, const char *text, size_t bytes,
                           alm_data_name *names, int *count)
{
    if (*count == ALM_EVAL_DATASETS) {
        return alm_fail(ALM_STATUS_USAGE, "more than %d data sets", ALM_EVAL_DATASETS);
    }
    alm_data_name *name = &names[*count];
    ALM_TRY(alm_alloc(bytes + 1, 1, "a data set's name", &name->name));
    memcpy(name->name, text, bytes);
    name->name[bytes] = '\0';
    *count += 1;
    if (memchr(text, '/', bytes) || alm_utf8_check(text, bytes) != bytes || text[0] == '.' ||
        bytes > LONGEST_NAME) {
        return alm_fail(ALM_STATUS_USAGE, "data set '%s': the name becomes a folder", name->name);
    }
    for (int i = 0; i < *count - 1; i++) {
        if (strcmp(names[i].name, name->name) == 0) {
            return alm_fail(ALM_STATUS_USAGE, "data set '%s' is given twice", name->name);
        }
    }
    return resolve(folder, name);
}

alm_status alm_data_names(const alm_data_folder *folder, const char *list, alm_data_name **out,
                          int *out_count)
{
    alm_data_name *names;
    int count = 0;
    ALM_TRY(alm_calloc(ALM_EVAL_DATASETS, sizeof *names, "data sets", &names));
    alm_status status = ALM_OK;
    if (!list) {
        for (int i = 0; i < folder->count && status == ALM_OK; i++) {
            const char *name = folder->file[i].name;
            status = add_name(folder, name, strlen(name), names, &count);
        }
    }
    while (list && status == ALM_OK) {
        const size_t bytes = strcspn(list, ",");
        status = add_name(folder, list, bytes, names, &count);
        list = list[bytes] ? list + bytes + 1 : NULL;
    }
    if (status != ALM_OK) {
        alm_data_names_free(names, count);
        return status;
    }
    *out = names;
    *out_count = count;
    return ALM_OK;
}

void alm_data_names_free(alm_data_name *names, int count)
{
    for (int i = 0; i < count; i++) {
        alm_free(names[i].name);
    }
    alm_free(names);
}
