#include "tests/eval/eval_runs.h"

#include <dirent.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "runtime/eval/row.h"
#include "tests/shim/alm_test.h"

static const char ckpt[] = "checkpoint/stub.pt", timestamp[] = "20260101_000000";

alm_eval_options eval_golden_options(const char *out)
{
    static char data[512], predictions[512], config[512];
    snprintf(data, sizeof data, "%s", alm_test_golden("assembench/data"));
    snprintf(predictions, sizeof predictions, "%s",
             alm_test_golden("assembench/predictions.jsonl"));
    snprintf(config, sizeof config, "%s", alm_test_golden("assembench/config.yaml"));
    return (alm_eval_options){
        .data = data,
        .splits = "train,test",
        .seeds = "0,1,42",
        .num_samples = "train:100,test:all,biasassembly/train:4,biasassembly/test:1300,"
                       "partnet/test:4",
        .shuffle = true,
        .out = out,
        .timestamp = timestamp,
        .checkpoint = ckpt,
        .config = config,
        .predictions = predictions,
        .formats = "none",
        .threads = 2,
    };
}

const char *eval_folder(void)
{
    static char text[256][256];
    static int next;
    snprintf(text[next], sizeof text[0], "%s", alm_test_folder());
    return text[next++];
}

const char *eval_run_path(const char *out, const char *name)
{
    static char text[8][1024];
    static int next;
    char *at = text[next++ % 8];
    snprintf(at, sizeof text[0], "%s/stub.pt/%s%s%s", out, timestamp, name ? "/" : "",
             name ? name : "");
    return at;
}

/* ---- The same files ---- */

static bool is_left_out(const char *name)
{
    return name[0] == '.' || strncmp(name, "journal-", 8) == 0 || strcmp(name, "timing.json") == 0;
}

/* Takes "<root>/" out of the text. */
static size_t without(char *text, size_t bytes, const char *root)
{
    char real[4096];
    size_t out = 0;
    const size_t n = realpath(root, real) ? strlen(real) : 0;
    for (size_t i = 0; i < bytes;) {
        if (n > 0 && i + n <= bytes && memcmp(text + i, real, n) == 0) {
            i += n;
        } else {
            text[out++] = text[i++];
        }
    }
    return out;
}

static void same_bytes(const char *a, const char *root_a, const char *b, const char *root_b,
                       bool moved)
{
    size_t bytes_a, bytes_b;
    char *text_a = alm_test_read(a, &bytes_a), *text_b = alm_test_read(b, &bytes_b);
    if (text_a && text_b && moved) {
        bytes_a = without(text_a, bytes_a, root_a);
        bytes_b = without(text_b, bytes_b, root_b);
    }
    if (!text_a || !text_b || bytes_a != bytes_b || memcmp(text_a, text_b, bytes_a) != 0) {
        ALM_FAIL("%s and %s differ", a, b);
    }
    free(text_a);
    free(text_b);
}

static int same_folder(const char *a, const char *root_a, const char *b, const char *root_b,
                       bool moved)
{
    int count = 0;
    DIR *open = opendir(a);
    if (!open) {
        ALM_FAIL("%s cannot be read", a);
        return 0;
    }
    for (const struct dirent *entry; (entry = readdir(open)) != NULL;) {
        char path_a[2048], path_b[2048];
        struct stat info_a, info_b;
        if (is_left_out(entry->d_name)) {
            continue;
        }
        snprintf(path_a, sizeof path_a, "%s/%s", a, entry->d_name);
        snprintf(path_b, sizeof path_b, "%s/%s", b, entry->d_name);
        if (stat(path_a, &info_a) != 0 || stat(path_b, &info_b) != 0) {
            ALM_FAIL("%s is there, %s is not", path_a, path_b);
        } else if (S_ISDIR(info_a.st_mode)) {
            count += same_folder(path_a, root_a, path_b, root_b, moved);
        } else {
            same_bytes(path_a, root_a, path_b, root_b, moved);
            count++;
        }
    }
    closedir(open);
    return count;
}

int eval_same_files(const char *a, const char *b, bool moved)
{
    const int count = same_folder(a, a, b, b, moved);
    ALM_CHECK_INT(same_folder(b, b, a, a, moved), count);
    return count;
}

/* ---- The same numbers ---- */

/* Where a number stands decides how near it must be. */
typedef enum number_kind { EXACT, ANGLE, DISTANCE, CHAMFER, ROTATION } number_kind;

static number_kind kind_of(const char *key, number_kind above)
{
    return strcmp(key, "GD") == 0 || strcmp(key, "Avg GD") == 0       ? ANGLE
           : strcmp(key, "RMSE(T)") == 0                              ? DISTANCE
           : strcmp(key, "CD") == 0 || strcmp(key, "CD(R)") == 0      ? CHAMFER
           : strcmp(key, "true_R") == 0 || strcmp(key, "pred_R") == 0 ? ROTATION
                                                                      : above;
}

/* The golden README, "What to expect on another machine". Of an angle the cosine is near to 1e-6;
 * in a mean of angles each is, which a mean of |Δ angle| <= acos-range bounds: at the smallest
 * angle that the clamp leaves, 0.0816 degrees, a cosine's 1e-6 is 0.08 degrees. R: 1e-6 over the
 * sine of the angle between the vectors, which is at least 0.05 in these data. */
static bool near_enough(double got, double expected, number_kind kind, bool is_mean)
{
    const double d = fabs(got - expected), radians = acos(-1.0) / 180;
    switch (kind) {
    case ANGLE:
        return is_mean ? d <= 0.08 : fabs(cos(got * radians) - cos(expected * radians)) <= 1.0e-6;
    case DISTANCE: return d <= 1e-6 * fabs(expected) + 1e-7;
    case CHAMFER: return d <= 1e-5 * fabs(expected) + 2e-8;
    case ROTATION: return d <= 2e-5;
    default: return got == expected;
    }
}

static void compare(const json_t *got, const json_t *expected, const char *where, number_kind kind,
                    bool is_mean);

static void compare_objects(json_t *got, json_t *expected, const char *where, number_kind kind,
                            bool is_mean)
{
    const char *key;
    json_t *value;
    if (json_object_size(got) != json_object_size(expected)) {
        ALM_FAIL("%s has %zu keys, expected %zu", where, json_object_size(got),
                 json_object_size(expected));
    }
    json_object_foreach(expected, key, value)
    {
        char path[512];
        snprintf(path, sizeof path, "%s.%s", where, key);
        compare(json_object_get(got, key), value, path, kind_of(key, kind),
                is_mean || strcmp(key, "summary") == 0 || strcmp(key, "per_category") == 0);
    }
}

static void compare(const json_t *got, const json_t *expected, const char *where, number_kind kind,
                    bool is_mean)
{
    if (!got || json_typeof(got) != json_typeof(expected)) {
        ALM_FAIL("%s is missing or of another type", where);
    } else if (json_is_object(expected)) {
        compare_objects((json_t *)got, (json_t *)expected, where, kind, is_mean);
    } else if (json_is_array(expected)) {
        if (json_array_size(got) != json_array_size(expected)) {
            ALM_FAIL("%s has %zu elements, expected %zu", where, json_array_size(got),
                     json_array_size(expected));
            return;
        }
        for (size_t i = 0; i < json_array_size(expected); i++) {
            char path[512];
            snprintf(path, sizeof path, "%s[%zu]", where, i);
            compare(json_array_get(got, i), json_array_get(expected, i), path, kind, is_mean);
        }
    } else if (json_is_real(expected)) {
        const double a = json_real_value(got), b = json_real_value(expected);
        if (!near_enough(a, b, kind, is_mean)) {
            ALM_FAIL("%s is %.17g, expected %.17g", where, a, b);
        }
    } else if (!json_equal(got, expected)) {
        ALM_FAIL("%s differs", where);
    }
}

int eval_compare_results(const char *got, const char *expected)
{
    json_t *a = json_load_file(got, 0, NULL), *b = json_load_file(expected, 0, NULL);
    int rows = 0;
    if (!a || !b) {
        ALM_FAIL("%s or %s cannot be read", got, expected);
    } else {
        compare(a, b, got, EXACT, false);
        rows = (int)json_array_size(json_object_get(b, "details"));
    }
    json_decref(a);
    json_decref(b);
    return rows;
}
