/* Inside of an engine: what a model folder holds, checked. Immutable after creation. */
#ifndef ALM_RUNTIME_ENGINE_H
#define ALM_RUNTIME_ENGINE_H

#include "kernels/core/op.h"
#include "runtime/assemlm.h"
#include "runtime/input/config.h"
#include "runtime/input/prompt.h"
#include "runtime/input/state.h"
#include "runtime/input/tokenizer.h"

struct alm_engine {
    char *model; /* the folder as it was given */
    alm_settings *settings;
    alm_state *state;
    alm_tokenizer *tokenizer;
    alm_device device; /* threads: of the machine; a session has its own number */
};

/* Name of the model folder (its last part), and what results say of the engine. Valid as long as
 * the engine. */
const char *alm_engine_model_name(const alm_engine *engine);
const char *alm_engine_device_name(const alm_engine *engine); /* "cpu" */
const char *alm_engine_dtype_name(const alm_engine *engine);  /* arithmetic: "f32" */

#endif
