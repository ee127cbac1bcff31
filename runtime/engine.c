/* Opens a model folder: settings, tokenizer, state file, and the check that they fit each other. */
#include "runtime/engine.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "kernels/core/memory.h"
#include "runtime/alm_commit.h"
#include "runtime/ranges.h"

const char *alm_version(void)
{
    return ALM_VERSION;
}

const char *alm_version_commit(void)
{
    return ALM_COMMIT;
}

/* "0,1,3" behind "cuda:" -> the devices of these numbers. */
static alm_status open_listed(alm_engine *e, const char *name, const char *list)
{
    const char *at = list;
    do {
        char *end;
        errno = 0;
        const long index = *at >= '0' && *at <= '9' ? strtol(at, &end, 10) : -1;
        if (index < 0 || errno != 0 || index > INT_MAX || (*end != ',' && *end != '\0')) {
            return alm_fail(ALM_STATUS_DEVICE, "device %s: expected numbers, as in %s:0 or %s:0,1",
                            name, alm_cuda_backend_name, alm_cuda_backend_name);
        }
        if (e->n_targets == ALM_MAX_DEVICES) {
            return alm_fail(ALM_STATUS_DEVICE, "device %s: more than %d devices", name,
                            (int)ALM_MAX_DEVICES);
        }
        ALM_TRY(alm_target_open_cuda((int)index, &e->target[e->n_targets]));
        e->n_targets++;
        at = end + 1;
    } while (at[-1] == ',');
    return ALM_OK;
}

/* auto: the first GPU when there is one that can be used, else the CPU. */
static alm_status open_targets(alm_engine *e, const char *name)
{
    const bool is_auto = !name || strcmp(name, "auto") == 0;
    if (!is_auto && strcmp(name, "cpu") != 0) {
        const char *cuda = alm_cuda_backend_name ? alm_cuda_backend_name : "cuda";
        const size_t n = strlen(cuda);
        if (strncmp(name, cuda, n) == 0 && (name[n] == '\0' || name[n] == ':')) {
            return alm_cuda_backend_name ? open_listed(e, name, name[n] ? name + n + 1 : "0")
                                         : alm_target_open_cuda(0, &e->target[0]);
        }
        return alm_fail(ALM_STATUS_DEVICE, "device %s: expected cpu, %s, %s:N or auto", name, cuda,
                        cuda);
    }
    e->n_targets = 1;
    if (is_auto && alm_cuda_backend_name && strcmp(alm_cuda_backend_name, "cuda") == 0) {
        for (int i = 0; i < alm_cuda_device_count(); i++) {
            if (alm_target_open_cuda(i, &e->target[0]) == ALM_OK) {
                return ALM_OK;
            }
        }
    }
    alm_error_clear();
    return alm_target_open_cpu(&e->target[0]);
}

static alm_status choose_arithmetic(alm_engine *e, const char *name)
{
    const bool is_cpu = e->target[0]->device.backend == ALM_BACKEND_CPU;
    if (!name || strcmp(name, "auto") == 0) {
        e->arithmetic = is_cpu ? ALM_DTYPE_F32 : ALM_DTYPE_BF16;
    } else if (strcmp(name, "f32") == 0) {
        e->arithmetic = ALM_DTYPE_F32;
    } else if (strcmp(name, "bf16") == 0) {
        e->arithmetic = ALM_DTYPE_BF16;
    } else {
        return alm_fail(ALM_STATUS_USAGE, "dtype %s: expected f32, bf16 or auto", name);
    }
    return ALM_OK;
}

static alm_status read_model(alm_engine *e, const alm_engine_options *options)
{
    const char *extra[ALM_EXTRA_TOKENS];
    ALM_TRY(alm_strdup(options->model, "model name", &e->model));
    for (size_t n = strlen(e->model); n > 1 && e->model[n - 1] == '/'; n--) {
        e->model[n - 1] = '\0';
    }
    ALM_TRY(alm_settings_read(options->model, options->base, &e->settings));
    ALM_TRY(alm_state_open(options->model, &e->state));
    alm_state_prefetch(e->state);
    ALM_TRY(alm_rounded_create(e->state, &e->rounded));
    alm_prompt_extra_tokens(e->settings, extra);
    ALM_TRY(alm_tokenizer_load(e->settings->base, extra, ALM_EXTRA_TOKENS, &e->tokenizer));
    ALM_TRY(alm_prompt_check(e->settings, e->tokenizer));
    return alm_settings_fit(e->settings, e->state, alm_tokenizer_size(e->tokenizer));
}

static alm_status open_engine(alm_engine *e, const alm_engine_options *options)
{
    ALM_TRY(open_targets(e, options->device));
    ALM_TRY(choose_arithmetic(e, options->dtype));
    alm_range_begin("io", "model");
    const alm_status status = read_model(e, options);
    alm_range_end();
    return status;
}

alm_status alm_engine_create(const alm_engine_options *options, alm_engine **out)
{
    alm_error_clear();
    if (!options->model) {
        return alm_fail_param(alm_fail(ALM_STATUS_USAGE, "no model folder was given"), "model");
    }
    alm_engine *e;
    ALM_TRY(alm_calloc(1, sizeof *e, "engine", &e));
    const alm_status status = open_engine(e, options);
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
    for (int i = 0; i < e->n_targets; i++) {
        alm_target_close(e->target[i]);
    }
    alm_tokenizer_free(e->tokenizer);
    alm_rounded_destroy(e->rounded);
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
    return e->target[0]->name;
}

const char *alm_engine_dtype_name(const alm_engine *e)
{
    return e->arithmetic == ALM_DTYPE_BF16 ? "bf16" : "f32";
}
