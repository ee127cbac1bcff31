/* synth model: a model folder with random weights by rule. */
#include "tools/cli.h"
#include "tools/console.h"

static void on_progress(void *context, uint64_t done_bytes, uint64_t total_bytes)
{
    (void)context;
    console_progress((int64_t)(done_bytes >> 20), (int64_t)(total_bytes >> 20), -1, "MB");
}

alm_status verb_synth_model(cli_args *args)
{
    static const char *const presets[] = {"tiny", "release"};
    static const char *const containers[] = {"pt", "safetensors"};
    ALM_TRY(cli_need(args, CLI_BIT(TO)));
    const alm_synth_options options = {
        .preset = presets[cli_choice(args, CLI_PRESET, 0)],
        .from = args->value[CLI_FROM],
        .to = args->value[CLI_TO],
        .container = containers[cli_choice(args, CLI_CONTAINER, 0)],
        .seed = (uint64_t)cli_count(args, CLI_SEED, 1),
        .force = cli_given(args, CLI_FORCE),
        .threads = (int)cli_count(args, CLI_THREADS, 0),
        .progress = on_progress,
    };
    console_progress_begin("writing weights");
    const alm_status status = alm_synth_model(&options);
    console_progress_end();
    if (status == ALM_OK) {
        console_note("%s: written", options.to);
    }
    return console_report(status);
}
