#include "tests/models/golden.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "kernels/core/numeric.h"
#include "runtime/input/state.h"
#include "runtime/output/safetensors_write.h"
#include "tests/shim/alm_test.h"

/* ---- Files ---- */

static alm_state *open_stages(const char *path)
{
    alm_state *file = NULL;
    if (alm_state_open(path, &file) != ALM_OK) {
        ALM_FAIL("%s: %s", path, alm_error_message());
    }
    return file;
}

/* A copy that lives until the program ends. */
static const char *keep_text(const char *text)
{
    static char *kept[4096];
    static size_t n;
    char *copy = n < sizeof kept / sizeof kept[0] ? strdup(text) : NULL;
    if (!copy) {
        ALM_FAIL("no room for \"%s\"", text);
        return "";
    }
    return kept[n++] = copy;
}

static const char *keep_path(const char *folder, const char *sample, json_t *name)
{
    char path[1024];
    snprintf(path, sizeof path, "%s/samples/%s/%s", folder, sample, json_string_value(name));
    return keep_text(path);
}

int alm_golden_rows(const char *folder, alm_golden_row *rows, int room)
{
    json_error_t error;
    json_t *tree = json_load_file(alm_test_path(folder, "expected.json"), 0, &error);
    if (!tree) {
        ALM_FAIL("%s/expected.json: %s", folder, error.text);
        return 0;
    }
    int n = 0;
    size_t i;
    json_t *row;
    json_array_foreach(tree, i, row)
    {
        if (n == room) {
            ALM_FAIL("%s: more than %d samples", folder, room);
            break;
        }
        alm_golden_row *r = &rows[n++];
        *r = (alm_golden_row){.name = keep_text(json_string_value(json_object_get(row, "name")))};
        json_t *images = json_object_get(row, "images");
        r->sample.id = r->name;
        r->sample.fixed.path = keep_path(folder, r->name, json_object_get(row, "fixed"));
        r->sample.moving.path = keep_path(folder, r->name, json_object_get(row, "moving"));
        for (size_t k = 0; k < 2; k++) {
            r->sample.page[k].path = keep_path(folder, r->name, json_array_get(images, k));
        }
        r->sample.category = keep_text(json_string_value(json_object_get(row, "category")));
        r->sample.units = ALM_UNITS_UNIT;
        r->sample.moving_is_centred = true;
        r->tokens = (int)json_integer_value(json_object_get(row, "tokens"));
        for (size_t k = 0; k < 9; k++) {
            r->pose[k] = json_number_value(json_array_get(json_object_get(row, "pose"), k));
        }
    }
    json_decref(tree);
    return n;
}

alm_test_model alm_test_open(const char *folder, int threads)
{
    return alm_test_open_on(folder, threads, "cpu", "f32");
}

alm_test_model alm_test_open_on(const char *folder, int threads, const char *device,
                                const char *dtype)
{
    alm_test_model m = {0};
    const alm_engine_options options = {
        .model = folder, .base = alm_test_path(folder, "base"), .device = device, .dtype = dtype};
    alm_status status = alm_engine_create(&options, &m.engine);
    if (status == ALM_OK) {
        status = alm_session_create(m.engine, threads, &m.session);
    }
    if (status != ALM_OK) {
        ALM_FAIL("%s: %s", folder, alm_error_message());
        alm_test_close(&m);
    }
    return m;
}

void alm_test_close(alm_test_model *m)
{
    alm_session_destroy(m->session);
    alm_engine_destroy(m->engine);
    *m = (alm_test_model){0};
}

/* ---- One stage ---- */

static double value_at(const alm_state_tensor *t, int64_t i)
{
    switch (t->desc.dtype) {
    case ALM_DTYPE_F32: return ((const float *)t->data)[i];
    case ALM_DTYPE_I32: return ((const int32_t *)t->data)[i];
    case ALM_DTYPE_U8: return ((const uint8_t *)t->data)[i];
    default: return NAN;
    }
}

/* Squared distances of a row's neighbours to its query, ascending: what must agree where points are
 * tied. */
typedef struct neighbours {
    const alm_state_tensor *index, *query, *points;
} neighbours;

static int ascending(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

static void distances(const neighbours *n, int64_t row, double *out)
{
    const int64_t k = n->index->desc.dim[1], width = n->points->desc.dim[1];
    for (int64_t j = 0; j < k; j++) {
        const int64_t at = (int64_t)value_at(n->index, row * k + j);
        out[j] = 0;
        for (int64_t c = 0; c < width; c++) {
            const double d =
                value_at(n->query, row * width + c) - value_at(n->points, at * width + c);
            out[j] += d * d;
        }
    }
    qsort(out, (size_t)k, sizeof *out, ascending);
}

/* Neighbour lists that differ must hold neighbours that are equally far: within 1e-6 of the
 * distance, some float32 roundings of a sum of squares. Golden neighbours and features are used for
 * both. */
static bool same_neighbours(const alm_state *golden, const char *name, const alm_state_tensor *ours,
                            const alm_state_tensor *theirs)
{
    char points[128], query[128];
    const char *knn = strstr(name, ".knn.");
    const int prefix = (int)((knn ? knn : strstr(name, ".group")) - name);
    snprintf(points, sizeof points, "%.*s.x%s", prefix, name, knn ? knn + 5 : "0");
    snprintf(query, sizeof query, "%.*s.centers", prefix, name);
    neighbours a = {.index = ours, .points = alm_state_find(golden, points)};
    a.query = knn ? a.points : alm_state_find(golden, query);
    if (!a.points || !a.query || !alm_desc_equal(&ours->desc, &theirs->desc)) {
        return false;
    }
    neighbours b = a;
    b.index = theirs;
    double da[1024], db[1024];
    for (int64_t i = 0; i < ours->desc.dim[0]; i++) {
        distances(&a, i, da);
        distances(&b, i, db);
        for (int64_t j = 0; j < ours->desc.dim[1]; j++) {
            if (!(fabs(da[j] - db[j]) <= 1e-6 * db[j])) {
                return false;
            }
        }
    }
    return true;
}

/* Our dump leaves out dead rows: of the language model those behind the pose query, and in the last
 * layer all but that one. Gives the golden element that belongs to element i of ours; -1 when the
 * shapes do not fit. */
static int64_t golden_index(const char *name, const alm_state_tensor *ours,
                            const alm_state_tensor *golden, int64_t used, int64_t i)
{
    if (alm_desc_equal(&ours->desc, &golden->desc)) {
        return i;
    }
    if (ours->desc.rank != 2 || golden->desc.rank != 2 || ours->desc.dtype != golden->desc.dtype) {
        return -1;
    }
    const int64_t rows = ours->desc.dim[0], width = ours->desc.dim[1];
    if (strcmp(name, "position_ids") == 0 && width == used) {
        return i / width * golden->desc.dim[1] + i % width;
    }
    if (strncmp(name, "text.", 5) == 0 && width == golden->desc.dim[1] &&
        (rows == used || rows == 1)) {
        return rows == 1 ? (used - 1) * width + i : i;
    }
    return -1;
}

/* What a stage may be off; rms INFINITY: no limit. */
typedef struct allowed {
    double largest, rms;
    bool absolute; /* else over the rms of the golden stage */
} allowed;

static void compare_stage(const char *sample, const char *name, const alm_state_tensor *ours,
                          const alm_state *file, const alm_state_tensor *golden, int64_t used,
                          allowed limit)
{
    const int64_t n = alm_desc_count(&ours->desc), whole = alm_desc_count(&golden->desc);
    double square = 0, worst = 0, error = 0;
    int64_t at = 0;
    for (int64_t i = 0; i < whole; i++) {
        const double v = value_at(golden, i);
        square += v * v;
    }
    const double rms = sqrt(square / (double)whole);
    for (int64_t i = 0; i < n; i++) {
        const int64_t j = golden_index(name, ours, golden, used, i);
        if (j < 0) {
            char a[ALM_DESC_TEXT], b[ALM_DESC_TEXT];
            ALM_FAIL("%s %s: %s, expected %s", sample, name, alm_desc_text(&ours->desc, a),
                     alm_desc_text(&golden->desc, b));
            return;
        }
        const double d = fabs(value_at(ours, i) - value_at(golden, j));
        error += d * d / (double)n;
        if (!(d <= worst)) {
            worst = d;
            at = i;
        }
    }
    if (golden->desc.dtype != ALM_DTYPE_F32) {
        const bool lists = strstr(name, ".knn.") || strstr(name, ".group");
        if (worst != 0 && !(lists && same_neighbours(file, name, ours, golden))) {
            ALM_FAIL("%s %s: element %lld is %g, expected equal integers", sample, name,
                     (long long)at, value_at(ours, at));
        }
    } else if (!(worst <= limit.largest * (limit.absolute ? 1 : rms))) {
        ALM_FAIL("%s %s: element %lld is off by %.3g (rms %.3g, allowed %.3g)", sample, name,
                 (long long)at, worst, rms, limit.largest * (limit.absolute ? 1 : rms));
    } else if (!(sqrt(error) <= limit.rms * rms)) {
        ALM_FAIL("%s %s: off by %.3g in the rms (rms %.3g, allowed %.3g)", sample, name,
                 sqrt(error), rms, limit.rms * rms);
    }
}

/* ---- A folder ---- */

/* Stages that nobody reads and that are therefore not computed: DeepStack features behind the last
 * but one layer. */
static bool is_dead(const alm_state *ours, const char *name)
{
    int k = -1, layers = 0;
    char layer[64];
    while (snprintf(layer, sizeof layer, "text.layer.%d", layers), alm_state_find(ours, layer)) {
        layers++;
    }
    return (sscanf(name, "vision.deepstack.%d", &k) == 1 ||
            sscanf(name, "bridge.deepstack.%d", &k) == 1) &&
           k >= layers - 1;
}

static int compare_sample(const alm_state *ours, const alm_state *golden, const alm_golden_row *row,
                          int64_t used, alm_golden_limits limits)
{
    int compared = 0;
    for (int i = 0; i < alm_state_count(golden); i++) {
        const alm_state_tensor *g = alm_state_at(golden, i);
        const alm_state_tensor *o = alm_state_find(ours, g->name);
        const bool is_frame = strstr(g->name, ".frame") || strstr(g->name, ".centers");
        allowed limit = {.largest = limits.stage, .rms = (double)INFINITY};
        if (is_frame && limits.frame > 0) {
            limit.largest = limits.frame;
            limit.absolute = true;
        } else if (strcmp(g->name, "head.input") == 0 && limits.head_input > 0) {
            limit.largest = limits.head_input;
        }
        if (limits.of_stage &&
            limits.of_stage(limits.context, g->name, &limit.rms, &limit.largest)) {
            limit.absolute = false;
        }
        if (!o) {
            if (!is_dead(ours, g->name)) {
                ALM_FAIL("%s: the dump has no %s", row->name, g->name);
            }
            continue;
        }
        compare_stage(row->name, g->name, o, golden, g, used, limit);
        compared++;
    }
    return compared;
}

int alm_golden_compare(alm_session *session, const char *folder, alm_golden_limits limits)
{
    enum { ROOM = 16 };
    alm_golden_row rows[ROOM];
    int compared = 0;
    const int n = alm_golden_rows(folder, rows, ROOM);
    const char *scratch = alm_test_folder();
    for (int i = 0; i < n; i++) {
        char golden_path[1024], dump_path[1024];
        alm_result result;
        snprintf(golden_path, sizeof golden_path, "%s/samples/%s/stages.safetensors", folder,
                 rows[i].name);
        snprintf(dump_path, sizeof dump_path, "%s/%d.safetensors", scratch, i);
        alm_status status = alm_session_dump_next(session, dump_path, true);
        status = status == ALM_OK ? alm_session_predict(session, &rows[i].sample, &result) : status;
        if (status != ALM_OK) {
            ALM_FAIL("%s: %s", rows[i].name, alm_error_message());
            continue;
        }
        ALM_CHECK_INT(result.tokens, rows[i].tokens);
        double worst = 0;
        for (int k = 0; k < 9; k++) {
            const double got = k < 3 ? result.raw_translation[k] : result.raw_rotation_6d[k - 3];
            worst = fmax(worst, fabs(got - rows[i].pose[k]));
            if (!(fabs(got - rows[i].pose[k]) <= limits.pose)) {
                ALM_FAIL("%s: pose[%d] is %.9g, expected %.9g within %g", rows[i].name, k, got,
                         rows[i].pose[k], limits.pose);
            }
        }
        if (limits.pose_error) {
            limits.pose_error[i] = worst;
        }
        FILE *there = fopen(golden_path, "rb");
        if (there) {
            fclose(there);
            alm_state *ours = open_stages(dump_path), *golden = open_stages(golden_path);
            if (ours && golden) {
                compared += compare_sample(ours, golden, &rows[i], result.tokens_used, limits);
            }
            alm_state_close(golden);
            alm_state_close(ours);
        }
        remove(dump_path);
    }
    return compared;
}

static float *widened(const alm_state_tensor *t)
{
    const int64_t count = alm_desc_count(&t->desc);
    float *values = malloc((size_t)count * sizeof *values);
    for (int64_t i = 0; values && i < count; i++) {
        values[i] = alm_weight_at(t->desc.dtype == ALM_DTYPE_BF16, t->data, i);
    }
    return values;
}

const char *alm_test_f32_model(const char *folder)
{
    static char made[1024];
    char path[1200], from[1200];
    alm_state *state = NULL;
    snprintf(made, sizeof made, "%s/f32_model", alm_test_folder());
    snprintf(path, sizeof path, "%s/model.safetensors", made);
    if (alm_state_open(folder, &state) != ALM_OK || (mkdir(made, 0777) != 0 && errno != EEXIST)) {
        ALM_FAIL("%s: %s", folder, alm_error_message());
        return NULL;
    }
    static const char *const others[] = {"config.yaml", "base"};
    for (size_t i = 0; i < 2; i++) {
        char to[1200];
        snprintf(from, sizeof from, "%s/%s", folder, others[i]);
        snprintf(to, sizeof to, "%s/%s", made, others[i]);
        ALM_CHECK(symlink(from, to) == 0 || errno == EEXIST);
    }
    const size_t count = (size_t)alm_state_count(state);
    alm_tensor_entry *entries = calloc(count, sizeof *entries);
    for (size_t i = 0; entries && i < count; i++) {
        const alm_state_tensor *t = alm_state_at(state, (int)i);
        entries[i] = (alm_tensor_entry){.name = t->name, .desc = t->desc, .data = widened(t)};
        entries[i].desc.dtype = ALM_DTYPE_F32;
    }
    remove(path);
    const bool done = entries && alm_safetensors_save(path, entries, count) == ALM_OK;
    for (size_t i = 0; entries && i < count; i++) {
        free((void *)(uintptr_t)entries[i].data);
    }
    free(entries);
    alm_state_close(state);
    if (!done) {
        ALM_FAIL("%s: %s", path, alm_error_message());
    }
    return done ? made : NULL;
}
