/* The sample that the options of predict and bench describe, and the engine and session for it. */
#ifndef ALM_TOOLS_INPUTS_H
#define ALM_TOOLS_INPUTS_H

#include "tools/cli.h"
#include "tools/demo.h"

typedef struct inputs {
    alm_sample sample;
    bool is_demo; /* the sample is `demo` */
    demo_sample demo;
    char demo_model[DEMO_PATH];
    const char *model; /* --model, or the demo's */
} inputs;

/* Resolves the options: own files with --model; --sample; or, with neither, the demo's sample.
 * Refuses what is missing or in conflict, with a line; *out points into itself. */
alm_status inputs_resolve(cli_args *args, inputs *out);

/* Only --model, or the demo's model: for samples that come from elsewhere. */
alm_status inputs_resolve_model(const cli_args *args, inputs *out);

/* Loads the model with progress and makes a session. Errors are left for console_report. */
alm_status inputs_load(const cli_args *args, const inputs *in, alm_engine **engine,
                       alm_session **session);

#endif
