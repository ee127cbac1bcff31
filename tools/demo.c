/* Finds the demo's folder, reads its samples, and measures a pose against the truth. */
#include "tools/demo.h"

#include <dirent.h>
#include <errno.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tools/cli.h"
#include "tools/console.h"

static bool is_folder(const char *path)
{
    struct stat info;
    return stat(path, &info) == 0 && S_ISDIR(info.st_mode);
}

/* Joins up to three names with '/'; false when they do not fit. */
static bool join(char out[DEMO_PATH], const char *a, const char *b, const char *c)
{
    const int n = snprintf(out, DEMO_PATH, "%s/%s%s%s", a, b, c ? "/" : "", c ? c : "");
    return n > 0 && n < DEMO_PATH;
}

/* "<prefix>/share/assemlm/demo" where the program is <prefix>/bin/assemlm. */
static bool installed_folder(char out[DEMO_PATH])
{
    char program[DEMO_PATH];
    const ssize_t n = readlink("/proc/self/exe", program, sizeof program - 1);
    if (n <= 0) {
        return false;
    }
    program[n] = '\0';
    for (int i = 0; i < 2; i++) {
        char *slash = strrchr(program, '/');
        if (!slash) {
            return false;
        }
        *slash = '\0';
    }
    return join(out, program, "share/assemlm/demo", NULL) && is_folder(out);
}

alm_status demo_folder(char out[DEMO_PATH])
{
    const char *named = cli_environment("ASSEMLM_DATA_DIR");
    if (named) {
        char model[DEMO_PATH];
        if (!join(model, named, "model", NULL) || !is_folder(model)) {
            console_error("ASSEMLM_DATA_DIR: %s holds no folder model/, expected the demo's folder",
                          named);
            return ALM_STATUS_MODEL;
        }
        snprintf(out, DEMO_PATH, "%s", named);
        return ALM_OK;
    }
    if (installed_folder(out)) {
        return ALM_OK;
    }
    snprintf(out, DEMO_PATH, "%s", ALM_SOURCE_DATA_DIR);
    if (!is_folder(out)) {
        console_error("the demo's folder is neither in share/assemlm/demo beside the program nor "
                      "in %s; set ASSEMLM_DATA_DIR",
                      out);
        return ALM_STATUS_MODEL;
    }
    return ALM_OK;
}

alm_status demo_model(char out[DEMO_PATH])
{
    char folder[DEMO_PATH];
    ALM_TRY(demo_folder(folder));
    if (!join(out, folder, "model", NULL)) {
        console_error("%s: path is too long", folder);
        return ALM_STATUS_MODEL;
    }
    return ALM_OK;
}

/* ---- Samples */

static int is_sample_name(const struct dirent *entry)
{
    return entry->d_name[0] != '.';
}

/* Names of the samples, sorted; *names and each of them are the caller's. */
static alm_status sample_names(const char *folder, struct dirent ***names, int *count)
{
    char samples[DEMO_PATH];
    if (!join(samples, folder, "samples", NULL)) {
        console_error("%s: path is too long", folder);
        return ALM_STATUS_SAMPLE;
    }
    *count = scandir(samples, names, is_sample_name, alphasort);
    if (*count < 0) {
        console_error("%s: cannot be read: %s", samples, strerror(errno));
        return ALM_STATUS_SAMPLE;
    }
    return ALM_OK;
}

static void free_names(struct dirent **names, int count)
{
    for (int i = 0; i < count; i++) {
        free(names[i]);
    }
    free(names);
}

static bool read_truth(const json_t *root, demo_sample *out)
{
    const char *category = json_string_value(json_object_get(root, "category"));
    const char *family = json_string_value(json_object_get(root, "family"));
    const json_t *pose = json_object_get(root, "pose");
    if (!category || !family || strlen(category) >= DEMO_TEXT || strlen(family) >= DEMO_TEXT ||
        json_array_size(pose) != 9) {
        return false;
    }
    for (size_t i = 0; i < 9; i++) {
        const json_t *number = json_array_get(pose, i);
        if (!json_is_number(number)) {
            return false;
        }
        out->truth[i] = json_number_value(number);
    }
    snprintf(out->category, DEMO_TEXT, "%s", category);
    snprintf(out->family, DEMO_TEXT, "%s", family);
    return true;
}

static alm_status load(const char *folder, const char *name, demo_sample *out)
{
    char path[DEMO_PATH], truth[DEMO_PATH];
    snprintf(out->name, sizeof out->name, "%s", name);
    if (!join(path, folder, "samples", name) || !join(truth, path, "truth.json", NULL) ||
        !join(out->fixed, path, "fixed.npy", NULL) ||
        !join(out->moving, path, "moving.npy", NULL) ||
        !join(out->page[0], path, "page1.png", NULL) ||
        !join(out->page[1], path, "page2.png", NULL)) {
        console_error("%s: path is too long", folder);
        return ALM_STATUS_SAMPLE;
    }
    json_error_t error;
    json_t *root = json_load_file(truth, JSON_REJECT_DUPLICATES, &error);
    const bool is_good = root && read_truth(root, out);
    json_decref(root);
    if (!is_good) {
        console_error("%s: %s", truth,
                      root ? "expected \"category\", \"family\" and \"pose\" of nine numbers"
                           : error.text);
        return ALM_STATUS_SAMPLE;
    }
    return ALM_OK;
}

/* "a, b, c"; cut short where it does not fit. */
static void list_names(struct dirent **names, int count, char *out, size_t bytes)
{
    size_t n = 0;
    out[0] = '\0';
    for (int i = 0; i < count && n < bytes; i++) {
        n += (size_t)snprintf(out + n, bytes - n, "%s%s", i ? ", " : "", names[i]->d_name);
    }
}

alm_status demo_load(const char *name, demo_sample *out)
{
    char folder[DEMO_PATH];
    ALM_TRY(demo_folder(folder));
    struct dirent **names;
    int count;
    ALM_TRY(sample_names(folder, &names, &count));
    bool found = false;
    for (int i = 0; i < count; i++) {
        found = found || strcmp(names[i]->d_name, name) == 0;
    }
    if (!found) {
        char text[1024];
        list_names(names, count, text, sizeof text);
        console_error("--sample: there is no '%s', expected one of %s", name, text);
    }
    free_names(names, count);
    return found ? load(folder, name, out) : ALM_STATUS_USAGE;
}

alm_status demo_list(alm_status (*visit)(void *context, const demo_sample *sample), void *context)
{
    char folder[DEMO_PATH];
    ALM_TRY(demo_folder(folder));
    struct dirent **names;
    int count;
    ALM_TRY(sample_names(folder, &names, &count));
    alm_status status = ALM_OK;
    for (int i = 0; i < count && status == ALM_OK; i++) {
        demo_sample sample;
        status = load(folder, names[i]->d_name, &sample);
        if (status == ALM_OK) {
            status = visit(context, &sample);
        }
    }
    free_names(names, count);
    return status;
}

alm_sample demo_input(const demo_sample *from)
{
    return (alm_sample){
        .id = from->name,
        .fixed.path = from->fixed,
        .moving.path = from->moving,
        .page[0].path = from->page[0],
        .page[1].path = from->page[1],
        .category = from->category,
        .units = ALM_UNITS_UNIT,
        .moving_is_centred = true,
    };
}

/* ---- Error against the truth */

/* Gram-Schmidt as assemlm2.md 5: columns r1 = a/|a|, r2 = b without its part along r1, r1 x r2. */
static void rotation_from_columns(const double a[3], const double b[3], double r[3][3])
{
    const double na = sqrt(a[0] * a[0] + a[1] * a[1] + a[2] * a[2]);
    double r1[3], r2[3];
    for (int i = 0; i < 3; i++) {
        r1[i] = a[i] / na;
    }
    const double along = r1[0] * b[0] + r1[1] * b[1] + r1[2] * b[2];
    for (int i = 0; i < 3; i++) {
        r2[i] = b[i] - along * r1[i];
    }
    const double nb = sqrt(r2[0] * r2[0] + r2[1] * r2[1] + r2[2] * r2[2]);
    for (int i = 0; i < 3; i++) {
        r[i][0] = r1[i];
        r[i][1] = r2[i] / nb;
    }
    for (int i = 0; i < 3; i++) {
        const int j = (i + 1) % 3, k = (i + 2) % 3;
        r[i][2] = r[j][0] * r[k][1] - r[k][0] * r[j][1];
    }
}

void demo_error(const demo_sample *sample, const alm_result *result, double *degrees,
                double *distance, double *rmse)
{
    double truth[3][3], squares = 0, shift = 0;
    rotation_from_columns(sample->truth + 3, sample->truth + 6, truth);
    for (int i = 0; i < 3; i++) {
        for (int j = 0; j < 3; j++) {
            const double d = result->raw_rotation_matrix[3 * i + j] - truth[i][j];
            squares += d * d;
        }
        const double d = result->raw_translation[i] - sample->truth[i];
        shift += d * d;
    }
    /* |R - S|_F = 2·√2·sin(angle/2): exact near 0, where the arc cosine of the trace is not. */
    const double sine = fmin(1.0, sqrt(squares / 8));
    *degrees = 2 * asin(sine) * 180 / 3.14159265358979323846;
    *distance = sqrt(shift);
    *rmse = sqrt(shift / 3);
}
