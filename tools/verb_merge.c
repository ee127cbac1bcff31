/* merge: the shards of a run to its results; aggregates; the comparison of two runs. */
#include "tools/cli.h"
#include "tools/console.h"

static void on_note(void *context, const char *text)
{
    (void)context;
    console_note("%s", text);
}

alm_status verb_merge(cli_args *args)
{
    const alm_merge_options options = {.runs = args->argument,
                                       .count = args->arguments,
                                       .out = args->value[CLI_OUT],
                                       .expect = args->value[CLI_EXPECT],
                                       .strict = cli_given(args, CLI_STRICT),
                                       .formats = args->value[CLI_FORMAT],
                                       .compare = args->value[CLI_COMPARE],
                                       .note = on_note};
    console_progress_begin("merging");
    const alm_status status = alm_merge(&options);
    console_progress_end();
    return console_report(status);
}
