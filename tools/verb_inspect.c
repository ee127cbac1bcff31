/* inspect plan|model|tokens|image|data|device and --env: what a model folder, a text or a page
 * becomes, what a dataset holds, and where it could run. */
#include "tools/cli.h"
#include "tools/console.h"
#include "tools/inputs.h"

/* One of the two folders that hold a tokenizer and an image processor. */
static alm_status need_folder(const cli_args *args)
{
    if (!cli_given(args, CLI_MODEL) && !cli_given(args, CLI_BASE)) {
        return cli_usage(args, "missing --model DIR or --base DIR");
    }
    return ALM_OK;
}

alm_status verb_inspect(cli_args *args)
{
    if (!cli_given(args, CLI_ENV)) {
        return cli_usage(args,
                         "name what to look at: plan, model, tokens, image, data, device, or give "
                         "--env");
    }
    console_output out;
    ALM_TRY(console_output_open(args->value[CLI_OUT], cli_given(args, CLI_FORCE), &out));
    const alm_status status = alm_inspect_knobs(console_output_write, &out);
    return console_output_close(&out, status == ALM_OK, status);
}

alm_status verb_inspect_device(cli_args *args)
{
    console_output out;
    ALM_TRY(console_output_open(args->value[CLI_OUT], cli_given(args, CLI_FORCE), &out));
    const alm_status status = alm_inspect_devices(console_output_write, &out);
    return console_output_close(&out, status == ALM_OK, status);
}

alm_status verb_inspect_plan(cli_args *args)
{
    int width, height;
    ALM_TRY(cli_need(args, CLI_BIT(MODEL)));
    ALM_TRY(cli_pages(args, &width, &height));
    inputs in = {.model = args->value[CLI_MODEL]};
    console_output out;
    ALM_TRY(console_output_open(args->value[CLI_OUT], cli_given(args, CLI_FORCE), &out));
    alm_engine *engine = NULL;
    alm_session *session = NULL;
    alm_status status = inputs_load(args, &in, &engine, &session);
    if (status == ALM_OK) {
        const char *gpu = args->value[CLI_ROOFLINE];
        status = gpu ? alm_inspect_roofline(session, gpu, width, height, console_output_write, &out)
                     : alm_inspect_plan(session, width, height, console_output_write, &out);
    }
    status = console_output_close(&out, status == ALM_OK, status);
    alm_session_destroy(session);
    alm_engine_destroy(engine);
    return status;
}

alm_status verb_inspect_model(cli_args *args)
{
    const char *model = args->argument[0];
    if (model && cli_given(args, CLI_MODEL) && !args->from_environment[CLI_MODEL]) {
        return cli_usage(args, "the model folder is given twice: %s and --model %s", model,
                         args->value[CLI_MODEL]);
    }
    model = model ? model : args->value[CLI_MODEL];
    if (!model) {
        return cli_usage(args, "missing the model folder: DIR or --model DIR");
    }
    console_output out;
    ALM_TRY(console_output_open(args->value[CLI_OUT], cli_given(args, CLI_FORCE), &out));
    const alm_status status =
        alm_inspect_model(model, args->value[CLI_BASE], console_output_write, &out);
    return console_output_close(&out, status == ALM_OK, status);
}

alm_status verb_inspect_tokens(cli_args *args)
{
    ALM_TRY(need_folder(args));
    console_output out;
    ALM_TRY(console_output_open(args->value[CLI_OUT], cli_given(args, CLI_FORCE), &out));
    const alm_status status = alm_inspect_tokens(args->value[CLI_MODEL], args->value[CLI_BASE],
                                                 args->argument[0], console_output_write, &out);
    return console_output_close(&out, status == ALM_OK || status == ALM_STATUS_PARTIAL, status);
}

alm_status verb_inspect_image(cli_args *args)
{
    ALM_TRY(need_folder(args));
    ALM_TRY(cli_need(args, CLI_BIT(OUT)));
    return console_report(alm_inspect_image(args->value[CLI_MODEL], args->value[CLI_BASE],
                                            args->argument[0], args->value[CLI_OUT],
                                            cli_given(args, CLI_FORCE)));
}

static void on_data_progress(void *context, int64_t done, int64_t total, int64_t failed)
{
    (void)context;
    console_progress(done, total, failed, "samples");
}

alm_status verb_inspect_data(cli_args *args)
{
    if (cli_given(args, CLI_RENDER) && !args->from_environment[CLI_RENDER] &&
        !cli_given(args, CLI_SAMPLE)) {
        return cli_usage(args, "--render draws one sample: name it with --sample");
    }
    const alm_data_options options = {.sample = args->value[CLI_SAMPLE],
                                      .render = args->value[CLI_RENDER],
                                      .force = cli_given(args, CLI_FORCE),
                                      .json = cli_given(args, CLI_JSON),
                                      .progress = on_data_progress};
    console_output out;
    ALM_TRY(console_output_open(args->value[CLI_OUT], cli_given(args, CLI_FORCE), &out));
    console_progress_begin("reading");
    const alm_status status =
        alm_inspect_data(args->argument[0], &options, console_output_write, &out);
    console_progress_end();
    return console_output_close(&out, status == ALM_OK || status == ALM_STATUS_PARTIAL, status);
}
