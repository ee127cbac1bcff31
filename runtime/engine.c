/* Opens a model folder: settings, tokenizer, state file, and the check that they fit each other. */
#include "runtime/engine.h"

#include <string.h>

#include "kernels/core/memory.h"
#include "runtime/alm_commit.h"

const char *alm_version(void)
{
    return ALM_VERSION;
}

const char *alm_version_commit(void)
{
    return ALM_COMMIT;
}

static alm_status choose_device(const char *name, alm_device *out)
{
    if (name && strcmp(name, "auto") != 0 && strcmp(name, "cpu") != 0) {
        return alm_fail(ALM_STATUS_DEVICE, "device %s: this build has cpu only", name);
    }
    *out = (alm_device){
        .backend = ALM_BACKEND_CPU, .arch = alm_cpu_arch(), .threads = alm_core_count()};
    return ALM_OK;
}

static alm_status open_model(alm_engine *e, const alm_engine_options *options)
{
    const char *extra[ALM_EXTRA_TOKENS];
    ALM_TRY(choose_device(options->device, &e->device));
    ALM_TRY(alm_strdup(options->model, "model name", &e->model));
    for (size_t n = strlen(e->model); n > 1 && e->model[n - 1] == '/'; n--) {
        e->model[n - 1] = '\0';
    }
    ALM_TRY(alm_settings_read(options->model, options->base, &e->settings));
    ALM_TRY(alm_state_open(options->model, &e->state));
    alm_state_prefetch(e->state);
    alm_prompt_extra_tokens(e->settings, extra);
    ALM_TRY(alm_tokenizer_load(e->settings->base, extra, ALM_EXTRA_TOKENS, &e->tokenizer));
    ALM_TRY(alm_prompt_check(e->settings, e->tokenizer));
    return alm_settings_fit(e->settings, e->state, alm_tokenizer_size(e->tokenizer));
}

alm_status alm_engine_create(const alm_engine_options *options, alm_engine **out)
{
    alm_error_clear();
    if (!options->model) {
        return alm_fail_param(alm_fail(ALM_STATUS_USAGE, "no model folder was given"), "model");
    }
    alm_engine *e;
    ALM_TRY(alm_calloc(1, sizeof *e, "engine", &e));
    const alm_status status = open_model(e, options);
    if (status != ALM_OK) {
        alm_engine_destroy(e);
        return status == ALM_STATUS_MODEL ? alm_fail_param(status, "model") : status;
    }
    *out = e;
    return ALM_OK;
}

void alm_engine_destroy(alm_engine *e)
{
    if (!e) {
        return;
    }
    alm_tokenizer_free(e->tokenizer);
    alm_state_close(e->state);
    alm_settings_free(e->settings);
    alm_free(e->model);
    alm_free(e);
}

const char *alm_engine_model_name(const alm_engine *e)
{
    const char *slash = strrchr(e->model, '/');
    return slash ? slash + 1 : e->model;
}

const char *alm_engine_device_name(const alm_engine *e)
{
    (void)e;
    return "cpu";
}

const char *alm_engine_dtype_name(const alm_engine *e)
{
    (void)e;
    return "f32";
}
