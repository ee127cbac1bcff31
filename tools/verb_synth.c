/* synth model: a model folder with random weights by rule. synth data: a file of synthetic samples.
 */
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

static void on_samples(void *context, uint64_t done, uint64_t total)
{
    (void)context;
    console_progress((int64_t)done, (int64_t)total, -1, "samples");
}

alm_status verb_synth_data(cli_args *args)
{
    static const char *const styles[] = {"freestyle", "lineart", "both"};
    ALM_TRY(cli_need(args, CLI_BIT(TO)));
    const alm_synth_data_options options = {
        .samples = (uint64_t)cli_count(args, CLI_SAMPLES, 1000),
        .seed = (uint64_t)cli_count(args, CLI_SEED, 1),
        .to = args->value[CLI_TO],
        .style = styles[cli_choice(args, CLI_STYLE, 2)],
        .force = cli_given(args, CLI_FORCE),
        .threads = (int)cli_count(args, CLI_THREADS, 0),
        .progress = on_samples,
    };
    console_progress_begin("making samples");
    const alm_status status = alm_synth_data(&options);
    console_progress_end();
    if (status == ALM_OK) {
        console_note("%s: written", options.to);
    }
    return console_report(status);
}
