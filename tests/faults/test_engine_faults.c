/* Every allocation of the library fails once, seen from its public header: loading, predicting,
 * writing results. Adding a scenario is one function and one ALM_TEST. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "runtime/assemlm.h"
#include "tests/faults/fault_run.h"
#include "tests/shim/alm_test.h"

/* One sample of a golden folder, and the pose that the engine gives without a fault. */
typedef struct known_sample {
    char model[512], file[4][512], out[512];
    alm_sample sample;
    alm_engine *engine;   /* for scenarios that do not make their own */
    alm_session *session; /* likewise */
    alm_result result;
} known_sample;

static void know(known_sample *k, const char *folder, const char *name)
{
    static const char *const files[4] = {"fixed.npy", "moving.npy", "page1.png", "page2.png"};
    const char *golden = alm_test_golden(folder);
    *k = (known_sample){.sample = {.id = name, .category = "chair", .moving_is_centred = true}};
    snprintf(k->model, sizeof k->model, "%s/model", golden);
    for (int i = 0; i < 4; i++) {
        snprintf(k->file[i], sizeof k->file[i], "%s/samples/%s/%s", golden, name, files[i]);
    }
    snprintf(k->out, sizeof k->out, "%s/out", alm_test_folder());
    k->sample.fixed.path = k->file[0];
    k->sample.moving.path = k->file[1];
    k->sample.page[0].path = k->file[2];
    k->sample.page[1].path = k->file[3];
    ALM_REQUIRE_OK(alm_engine_create(&(alm_engine_options){.model = k->model}, &k->engine));
    ALM_REQUIRE_OK(alm_session_create(k->engine, 1, &k->session));
    ALM_REQUIRE_OK(alm_session_predict(k->session, &k->sample, &k->result));
}

static void forget(known_sample *k)
{
    alm_session_destroy(k->session);
    alm_engine_destroy(k->engine);
}

/* The same sample gives the same bits, whatever failed before. */
static bool same_pose(const known_sample *k, const alm_result *result)
{
    return memcmp(k->result.matrix, result->matrix, sizeof result->matrix) == 0;
}

/* ---- Load and predict ---- */

static alm_status load(void *context, bool *right)
{
    const known_sample *k = context;
    alm_engine *engine = NULL;
    const alm_status status = alm_engine_create(&(alm_engine_options){.model = k->model}, &engine);
    *right = status == ALM_OK && engine;
    alm_engine_destroy(engine);
    return status;
}

static alm_status load_and_predict(void *context, bool *right)
{
    const known_sample *k = context;
    alm_engine *engine = NULL;
    alm_session *session = NULL;
    alm_result result;
    alm_status status = alm_engine_create(&(alm_engine_options){.model = k->model}, &engine);
    if (status == ALM_OK) {
        status = alm_session_create(engine, 2, &session);
    }
    if (status == ALM_OK) {
        status = alm_session_predict(session, &k->sample, &result);
        *right = status == ALM_OK && same_pose(k, &result);
    }
    alm_session_destroy(session);
    alm_engine_destroy(engine);
    return status;
}

/* When the first prediction of a session fails, the next one on the same session is right. */
static alm_status predict_again(void *context, bool *right)
{
    const known_sample *k = context;
    alm_session *session = NULL;
    alm_result result;
    alm_status first = alm_session_create(k->engine, 1, &session);
    alm_status status = first;
    if (first == ALM_OK) {
        first = alm_session_predict(session, &k->sample, &result);
        status =
            first == ALM_STATUS_MEMORY ? alm_session_predict(session, &k->sample, &result) : first;
        *right = status == ALM_OK && same_pose(k, &result);
    }
    alm_session_destroy(session);
    return status;
}

static void on_known_sample(const char *folder, const char *name, alm_status (*run)(void *, bool *),
                            double seconds)
{
    known_sample k;
    char title[128];
    know(&k, folder, "first");
    if (!alm_test_failed()) {
        snprintf(title, sizeof title, "%s, %s", name, folder);
        fault_run(&(fault_scenario){.name = title, .run = run, .context = &k, .seconds = seconds});
    }
    forget(&k);
}

ALM_TEST(engine_faults, load_pt)
{
    on_known_sample("sizes_c", "load", load, 10);
}

ALM_TEST(engine_faults, load_safetensors)
{
    on_known_sample("sizes_a", "load", load, 10);
}

ALM_TEST(engine_faults, load_and_predict)
{
    on_known_sample("sizes_a", "load and predict", load_and_predict, 30);
}

ALM_TEST(engine_faults, predict_again)
{
    on_known_sample("sizes_b", "predict again on the same session", predict_again, 20);
}

/* ---- Results ---- */

static alm_status dump(void *context, bool *right)
{
    const known_sample *k = context;
    alm_session *session = NULL;
    alm_result result;
    struct stat about;
    remove(k->out);
    alm_status status = alm_session_create(k->engine, 1, &session);
    if (status == ALM_OK) {
        status = alm_session_dump_next(session, k->out, false);
    }
    if (status == ALM_OK) {
        status = alm_session_predict(session, &k->sample, &result);
        *right = status == ALM_OK && stat(k->out, &about) == 0 && about.st_size > 10000;
    }
    if (status != ALM_OK && stat(k->out, &about) == 0) {
        status = ALM_OK; /* a file was left although the call failed: a wrong result */
        *right = false;
    }
    alm_session_destroy(session);
    return status;
}

ALM_TEST(engine_faults, dump)
{
    on_known_sample("sizes_a", "dump", dump, 10);
}

static alm_status to_json(void *context, bool *right)
{
    const known_sample *k = context;
    char *text = NULL;
    const alm_status status = alm_result_json(k->engine, &k->sample, &k->result, &text);
    *right = status == ALM_OK && strstr(text, "\"ok\"") != NULL;
    alm_text_free(text);
    return status;
}

ALM_TEST(engine_faults, result_json)
{
    on_known_sample("sizes_a", "result as JSON", to_json, 0);
}

static alm_status render(void *context, bool *right)
{
    const known_sample *k = context;
    struct stat about;
    remove(k->out);
    alm_status status = alm_render(&k->sample, &k->result, k->out, false);
    *right = status == ALM_OK && stat(k->out, &about) == 0 && about.st_size > 100;
    if (status != ALM_OK && stat(k->out, &about) == 0) {
        status = ALM_OK;
        *right = false;
    }
    return status;
}

ALM_TEST(engine_faults, render)
{
    on_known_sample("sizes_a", "picture", render, 10);
}

/* ---- Lists ---- */

typedef struct lines {
    char text[1 << 16];
    size_t used;
} lines;

static int keep_line(void *context, const char *text, size_t bytes)
{
    lines *l = context;
    if (l->used + bytes >= sizeof l->text) {
        return 1;
    }
    memcpy(l->text + l->used, text, bytes);
    l->used += bytes;
    l->text[l->used] = 0;
    return 0;
}

/* A list of two samples: every line is answered. A sample that ran out of memory has its own line,
 * which stands for ALM_STATUS_MEMORY here. */
static alm_status predict_list(void *context, bool *right)
{
    static lines l;
    const known_sample *k = context;
    l.used = 0;
    l.text[0] = 0;
    const alm_status status =
        alm_session_predict_list(k->session, k->out, &(alm_list_options){0}, keep_line, &l);
    int count = 0;
    for (const char *at = l.text; (at = strchr(at, '\n')) != NULL; at++) {
        count++;
    }
    *right = status == ALM_OK && count == 2 && !strstr(l.text, "\"error\"");
    if (status == ALM_STATUS_PARTIAL) {
        const bool said = count == 2 && strstr(l.text, alm_status_name(ALM_STATUS_MEMORY));
        return said ? alm_fail(ALM_STATUS_MEMORY, "a sample ran out of memory") : ALM_OK;
    }
    return status;
}

ALM_TEST(engine_faults, predict_list)
{
    known_sample k;
    char line[4096];
    know(&k, "sizes_a", "first");
    const int n =
        snprintf(line, sizeof line,
                 "{\"id\":\"a\",\"fixed\":\"%s\",\"moving\":\"%s\",\"manual\":[\"%s\",\"%s\"],"
                 "\"category\":\"chair\"}\n",
                 k.file[0], k.file[1], k.file[2], k.file[3]);
    FILE *f = fopen(k.out, "w");
    ALM_REQUIRE(f && n > 0);
    fwrite(line, 1, (size_t)n, f);
    fwrite(line, 1, (size_t)n, f);
    fclose(f);
    if (!alm_test_failed()) {
        fault_run(&(fault_scenario){
            .name = "list of two samples", .run = predict_list, .context = &k, .seconds = 20});
    }
    forget(&k);
}

/* ---- Looking inside, making models ---- */

static alm_status inspect(void *context, bool *right)
{
    static lines l;
    const known_sample *k = context;
    l.used = 0;
    const alm_status status = alm_inspect_model(k->model, NULL, keep_line, &l);
    *right = status == ALM_OK && l.used > 1000;
    return status;
}

ALM_TEST(engine_faults, inspect_model)
{
    on_known_sample("sizes_a", "inspect model", inspect, 10);
}

static alm_status synthesize(void *context, bool *right)
{
    const known_sample *k = context;
    const alm_synth_options options = {.from = k->model,
                                       .to = k->out,
                                       .container = "safetensors",
                                       .seed = 11,
                                       .force = true,
                                       .threads = 1};
    const alm_status status = alm_synth_model(&options);
    *right = status == ALM_OK;
    return status;
}

ALM_TEST(engine_faults, synth)
{
    on_known_sample("sizes_a", "synth", synthesize, 10);
}
