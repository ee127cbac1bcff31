/* Inside of an engine: what a model folder holds, checked. Immutable after creation. */
#ifndef ALM_RUNTIME_ENGINE_H
#define ALM_RUNTIME_ENGINE_H

#include "kernels/core/op.h"
#include "runtime/assemlm.h"
#include "runtime/backend.h"
#include "runtime/input/config.h"
#include "runtime/input/prompt.h"
#include "runtime/input/state.h"
#include "runtime/input/tokenizer.h"
#include "runtime/rounded.h"

enum { ALM_MAX_DEVICES = 16 };

struct alm_engine {
    char *model; /* the folder as it was given */
    alm_settings *settings;
    alm_state *state;
    alm_rounded *rounded; /* what bf16 mode has besides */
    alm_tokenizer *tokenizer;
    alm_dtype arithmetic; /* of matrix products: F32, or BF16 (graph/narrow.h) */
    int n_targets;
    alm_target *target[ALM_MAX_DEVICES];
};

/* Name of the model folder (its last part), and what results say of the engine. Valid as long as
 * the engine. */
const char *alm_engine_model_name(const alm_engine *engine);
const char *alm_engine_device_name(const alm_engine *engine); /* "cpu", "cuda:0 (...)" */
const char *alm_engine_dtype_name(const alm_engine *engine);  /* "f32", "bf16" */

#endif
