/* predict: one sample (own files or the demo's) to a pose, or many from a list. */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "tools/cli.h"
#include "tools/console.h"
#include "tools/demo.h"
#include "tools/inputs.h"

/* ---- Text for people */

ALM_PRINTF(2, 3) static void print(console_output *out, const char *format, ...)
{
    char text[1024];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    console_output_write(out, text, strlen(text));
}

static void print_pose(console_output *out, const alm_sample *sample, const alm_result *result)
{
    static const char *const units[] = {
        [ALM_UNITS_M] = "m", [ALM_UNITS_CM] = "cm", [ALM_UNITS_MM] = "mm", [ALM_UNITS_UNIT] = ""};
    const double *p = result->position, *q = result->orientation, *m = result->matrix;
    const bool is_metric = sample->units != ALM_UNITS_UNIT;
    print(out, "position     %11.6f %11.6f %11.6f%s\n", p[0], p[1], p[2], is_metric ? "  m" : "");
    print(out, "orientation  %11.6f %11.6f %11.6f %11.6f  (x y z w)\n", q[0], q[1], q[2], q[3]);
    for (int row = 0; row < 4; row++) {
        print(out, "%-12s %11.6f %11.6f %11.6f %11.6f%s%s\n", row ? "" : "matrix", m[4 * row],
              m[4 * row + 1], m[4 * row + 2], m[4 * row + 3], is_metric && row == 0 ? "  " : "",
              row == 0 ? units[sample->units] : "");
    }
}

static void print_timing(console_output *out, const alm_result *result)
{
    char text[512] = "";
    size_t n = 0;
    double total = 0;
    for (int i = 0; i < result->timing_count && n < sizeof text; i++) {
        if (strcmp(result->timing[i].stage, "total") == 0) {
            total = result->timing[i].ms;
            continue;
        }
        n += (size_t)snprintf(text + n, sizeof text - n, "%s%s %.1f", i ? ", " : "",
                              result->timing[i].stage, result->timing[i].ms);
    }
    print(out, "time         %11.1f ms (%s)\n", total, text);
}

static void print_result(console_output *out, const inputs *in, const alm_result *result)
{
    const alm_sample *sample = &in->sample;
    print(out, "%s%s%s: p_fixed = R*p_moving + t, for the moving cloud as given\n",
          sample->id ? sample->id : "", sample->id ? ", " : "", sample->category);
    print_pose(out, sample, result);
    if (in->is_demo) {
        double degrees, distance, rmse;
        demo_error(&in->demo, result, &degrees, &distance, &rmse);
        print(out, "against the truth: rotation %.2f degrees, translation %.4f (rmse %.4f)\n",
              degrees, distance, rmse);
    }
    print_timing(out, result);
}

/* ---- --list-samples */

typedef struct listing {
    console_output *out;
    bool json;
} listing;

static alm_status print_sample(void *context, const demo_sample *sample)
{
    const listing *list = context;
    if (list->json) {
        json_t *line = json_pack("{s:s, s:s, s:s}", "name", sample->name, "family", sample->family,
                                 "category", sample->category);
        char *text = line ? json_dumps(line, 0) : NULL;
        json_decref(line);
        if (!text) {
            console_error("out of memory");
            return ALM_STATUS_MEMORY;
        }
        print(list->out, "%s\n", text);
        free(text);
    } else {
        print(list->out, "%-12s %s\n", sample->name, sample->family);
    }
    return ALM_OK;
}

static alm_status list_samples(const cli_args *args)
{
    console_output out;
    ALM_TRY(console_output_open(args->value[CLI_OUT], cli_given(args, CLI_FORCE), &out));
    listing list = {.out = &out, .json = cli_given(args, CLI_JSON)};
    const alm_status status = demo_list(print_sample, &list);
    /* demo_list has said what was wrong. */
    const alm_status closed = console_output_close(&out, status == ALM_OK, ALM_OK);
    return status != ALM_OK ? status : closed;
}

/* ---- --list */

static void on_list_progress(void *context, int64_t done, int64_t failed)
{
    (void)context;
    console_progress(done, 0, failed, "samples");
}

static alm_status predict_list(cli_args *args)
{
    static const cli_option_id excluded[] = {CLI_FIXED,  CLI_MOVING, CLI_MANUAL, CLI_CATEGORY,
                                             CLI_SAMPLE, CLI_ID,     CLI_RENDER, CLI_DUMP};
    static const alm_units units[] = {ALM_UNITS_M, ALM_UNITS_CM, ALM_UNITS_MM, ALM_UNITS_UNIT};
    for (size_t i = 0; i < sizeof excluded / sizeof excluded[0]; i++) {
        ALM_TRY(cli_conflict(args, CLI_LIST, excluded[i]));
    }
    if (!cli_given(args, CLI_LIST)) { /* it came from the environment and lost */
        return verb_predict(args);
    }
    ALM_TRY(cli_need(args, CLI_BIT(MODEL)));
    inputs in = {.model = args->value[CLI_MODEL]};
    console_output out;
    ALM_TRY(console_output_open(args->value[CLI_OUT], cli_given(args, CLI_FORCE), &out));
    alm_engine *engine = NULL;
    alm_session *session = NULL;
    alm_status status = inputs_load(args, &in, &engine, &session);
    if (status == ALM_OK) {
        const alm_list_options options = {.centred = cli_given(args, CLI_CENTRED),
                                          .units = units[cli_choice(args, CLI_UNITS, 0)],
                                          .progress = on_list_progress};
        console_progress_begin("predicting");
        status = alm_session_predict_list(session, args->value[CLI_LIST], &options,
                                          console_output_write, &out);
        console_progress_end();
    }
    const bool is_whole = status == ALM_OK || status == ALM_STATUS_PARTIAL;
    status = console_output_close(&out, is_whole, status);
    alm_session_destroy(session);
    alm_engine_destroy(engine);
    return status;
}

/* ---- One sample */

/* The picture: --render, or the demo's default name, where a file that exists is kept. */
static alm_status draw(const cli_args *args, const inputs *in, const alm_result *result)
{
    char name[DEMO_TEXT + 32];
    const char *path = args->value[CLI_RENDER];
    const bool force = cli_given(args, CLI_FORCE);
    if (!path) {
        if (!in->is_demo || cli_given(args, CLI_JSON)) {
            return ALM_OK;
        }
        snprintf(name, sizeof name, "assemlm-demo-%s.png", in->demo.name);
        path = name;
        FILE *existing = force ? NULL : fopen(path, "r");
        if (existing) {
            fclose(existing);
            console_note("%s: exists and is kept; --force draws it anew", path);
            return ALM_OK;
        }
    }
    const alm_status status = console_report(alm_render(&in->sample, result, path, force));
    if (status == ALM_OK) {
        console_note("picture: %s", path);
    }
    return status;
}

/* Writes the JSON line of a result or of a failure. */
static alm_status write_json(console_output *out, const alm_engine *engine, const inputs *in,
                             const alm_result *result, alm_status failure)
{
    char *text = NULL;
    ALM_TRY(failure == ALM_OK ? alm_result_json(engine, &in->sample, result, &text)
                              : alm_failure_json(in->sample.id, failure, &text));
    console_output_write(out, text, strlen(text));
    console_output_write(out, "\n", 1);
    alm_text_free(text);
    return ALM_OK;
}

static alm_status predict_one(const cli_args *args, const inputs *in)
{
    const bool json = cli_given(args, CLI_JSON), force = cli_given(args, CLI_FORCE);
    ALM_TRY(console_refuse_existing(args->value[CLI_RENDER], force));
    ALM_TRY(console_refuse_existing(args->value[CLI_DUMP], force));
    console_output out;
    ALM_TRY(console_output_open(args->value[CLI_OUT], force, &out));
    alm_engine *engine = NULL;
    alm_session *session = NULL;
    alm_result result;
    alm_status status = inputs_load(args, in, &engine, &session);
    if (status == ALM_OK && cli_given(args, CLI_DUMP)) {
        status = alm_session_dump_next(session, args->value[CLI_DUMP], force);
    }
    if (status == ALM_OK) {
        console_progress_begin("predicting");
        status = alm_session_predict(session, &in->sample, &result);
        console_progress_end();
    }
    console_report(status);
    if (status == ALM_OK) {
        for (int i = 0; i < result.warning_count; i++) {
            console_note("warning: %s", result.warning[i]);
        }
    }
    alm_status written = ALM_OK;
    if (json) {
        written = write_json(&out, engine, in, &result, status);
    } else if (status == ALM_OK) {
        print_result(&out, in, &result);
    }
    written = console_output_close(&out, json || status == ALM_OK, written);
    if (status == ALM_OK) {
        status = written;
    }
    if (status == ALM_OK) {
        status = draw(args, in, &result);
    }
    alm_session_destroy(session);
    alm_engine_destroy(engine);
    return status;
}

alm_status verb_predict(cli_args *args)
{
    if (cli_given(args, CLI_LIST_SAMPLES)) {
        return list_samples(args);
    }
    if (cli_given(args, CLI_LIST)) {
        return predict_list(args);
    }
    inputs *in = malloc(sizeof *in);
    if (!in) {
        console_error("out of memory");
        return ALM_STATUS_MEMORY;
    }
    alm_status status = inputs_resolve(args, in);
    if (status == ALM_OK && cli_given(args, CLI_RENDER) &&
        (strcmp(in->sample.fixed.path, "-") == 0 || strcmp(in->sample.moving.path, "-") == 0)) {
        status = cli_usage(args, "--render reads the clouds again, which stdin cannot give twice");
    }
    if (status == ALM_OK) {
        status = predict_one(args, in);
    }
    free(in);
    return status;
}
