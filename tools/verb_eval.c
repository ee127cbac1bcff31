/* eval: the AssemBench protocol with a model or with given poses; the samples as they are drawn. */
#include <stdlib.h>
#include <string.h>

#include "tools/cli.h"
#include "tools/console.h"
#include "tools/inputs.h"

static void on_progress(void *context, int64_t done, int64_t total, int64_t failed)
{
    (void)context;
    console_progress(done, total, failed, "samples");
}

static void on_note(void *context, const char *text)
{
    (void)context;
    console_note("%s", text);
}

static alm_eval_options options_of(const cli_args *args)
{
    return (alm_eval_options){
        .data =
            args->value[CLI_DATA] ? args->value[CLI_DATA] : cli_environment("ASSEMLM_DATA_ROOT"),
        .datasets = args->value[CLI_DATASETS],
        .splits = args->value[CLI_SPLIT],
        .seeds = args->value[CLI_SEEDS],
        .num_samples = args->value[CLI_NUM_SAMPLES],
        .shuffle = cli_given(args, CLI_SHUFFLE),
        .no_symmetry = cli_given(args, CLI_NO_SYMMETRY),
        .out = args->value[CLI_OUT],
        .timestamp = args->value[CLI_TIMESTAMP],
        .checkpoint = args->value[CLI_CHECKPOINT],
        .config = args->value[CLI_CONFIG],
        .shard = args->value[CLI_SHARD],
        .resume = cli_given(args, CLI_RESUME),
        .batch = (int)cli_count(args, CLI_BATCH, 0),
        .threads = (int)cli_count(args, CLI_THREADS, 0),
        .predictions = args->value[CLI_PREDICTIONS],
        .formats = args->value[CLI_FORMAT],
        .progress = on_progress,
        .note = on_note,
    };
}

static alm_status export_draws(const cli_args *args, const alm_eval_options *options)
{
    console_progress_begin("drawing");
    const alm_status status =
        alm_eval_export_draws(options, args->value[CLI_EXPORT_DRAWS], cli_given(args, CLI_FORCE));
    console_progress_end();
    return console_report(status);
}

alm_status verb_eval(cli_args *args)
{
    ALM_TRY(cli_conflict(args, CLI_EXPORT_DRAWS, CLI_PREDICTIONS));
    ALM_TRY(cli_conflict(args, CLI_PREDICTIONS, CLI_MODEL));
    const alm_eval_options options = options_of(args);
    if (!options.data) {
        return cli_need(args, CLI_BIT(DATA));
    }
    if (cli_given(args, CLI_EXPORT_DRAWS)) {
        return export_draws(args, &options);
    }
    inputs *in = calloc(1, sizeof *in);
    alm_engine *engine = NULL;
    alm_session *session = NULL;
    if (!in) {
        console_error("out of memory");
        return ALM_STATUS_MEMORY;
    }
    alm_status status = ALM_OK;
    if (!options.predictions) {
        status = inputs_resolve_model(args, in);
        if (status == ALM_OK) {
            status = console_report(inputs_load(args, in, &engine, &session));
        }
    }
    if (status == ALM_OK) {
        console_progress_begin(options.predictions ? "scoring" : "evaluating");
        status = alm_eval(session, &options);
        console_progress_end();
        console_report(status);
    }
    alm_session_destroy(session);
    alm_engine_destroy(engine);
    free(in);
    return status;
}
