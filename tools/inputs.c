/* Options to a sample: own files, the demo's, and what is missing or too much of either. */
#include "tools/inputs.h"

#include <string.h>
#include <sys/stat.h>

#include "tools/console.h"

alm_status inputs_resolve_model(const cli_args *args, inputs *out)
{
    out->model = args->value[CLI_MODEL];
    if (!out->model) {
        ALM_TRY(demo_model(out->demo_model));
        out->model = out->demo_model;
    }
    return ALM_OK;
}

/* At most one input can be stdin. */
static alm_status check_stdin(const cli_args *args)
{
    const char *const values[] = {args->value[CLI_FIXED], args->value[CLI_MOVING],
                                  args->value[CLI_MANUAL], args->second[CLI_MANUAL]};
    int count = 0;
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
        count += values[i] && strcmp(values[i], "-") == 0;
    }
    return count > 1 ? cli_usage(args, "'-' (stdin) is given for %d inputs, expected one", count)
                     : ALM_OK;
}

alm_status inputs_resolve(cli_args *args, inputs *out)
{
    static const cli_option_id own[] = {CLI_FIXED,    CLI_MOVING, CLI_MANUAL,
                                        CLI_CATEGORY, CLI_UNITS,  CLI_CENTRED};
    /* A unit that lies about in the environment does not make a sample. */
    const uint64_t needed = CLI_BIT(FIXED) | CLI_BIT(MOVING) | CLI_BIT(MANUAL) | CLI_BIT(CATEGORY);
    memset(out, 0, sizeof *out);
    bool is_own = false;
    for (size_t i = 0; i < sizeof own / sizeof own[0]; i++) {
        ALM_TRY(cli_conflict(args, CLI_SAMPLE, own[i]));
        const bool is_input = own[i] != CLI_UNITS && own[i] != CLI_CENTRED;
        is_own =
            is_own || (cli_given(args, own[i]) && (is_input || !args->from_environment[own[i]]));
    }
    if (!cli_given(args, CLI_SAMPLE) && (is_own || cli_given(args, CLI_MODEL))) {
        ALM_TRY(cli_need(args, needed | CLI_BIT(MODEL)));
        ALM_TRY(check_stdin(args));
        static const alm_units units[] = {ALM_UNITS_M, ALM_UNITS_CM, ALM_UNITS_MM, ALM_UNITS_UNIT};
        out->sample = (alm_sample){
            .fixed.path = args->value[CLI_FIXED],
            .moving.path = args->value[CLI_MOVING],
            .page[0].path = args->value[CLI_MANUAL],
            .page[1].path = args->second[CLI_MANUAL],
            .category = args->value[CLI_CATEGORY],
            .units = units[cli_choice(args, CLI_UNITS, 0)],
            .moving_is_centred = cli_given(args, CLI_CENTRED),
        };
    } else {
        const char *name = args->value[CLI_SAMPLE];
        ALM_TRY(demo_load(name ? name : DEMO_SAMPLE, &out->demo));
        out->is_demo = true;
        out->sample = demo_input(&out->demo);
    }
    if (cli_given(args, CLI_ID)) {
        out->sample.id = args->value[CLI_ID];
    }
    return inputs_resolve_model(args, out);
}

alm_status inputs_load(const cli_args *args, const inputs *in, alm_engine **engine,
                       alm_session **session)
{
    const alm_engine_options options = {.model = in->model,
                                        .base = args->value[CLI_BASE],
                                        .device = args->value[CLI_DEVICE],
                                        .dtype = args->value[CLI_DTYPE]};
    console_progress_begin("loading the model");
    alm_status status = alm_engine_create(&options, engine);
    if (status == ALM_OK) {
        status = alm_session_create(*engine, (int)cli_count(args, CLI_THREADS, 0), session);
    }
    console_progress_end();
    struct stat info;
    if (status == ALM_STATUS_MODEL && stat(in->model, &info) != 0) {
        console_note("%s is not there; the released model: hf download TeleEmbodied/AssemLM2.0 "
                     "--local-dir DIR",
                     in->model);
    }
    return status;
}
