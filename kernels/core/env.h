/* Environment variables: the only place that calls getenv. Knobs are listed in env.def; no knob
 * changes a result. */
#ifndef ALM_KERNELS_CORE_ENV_H
#define ALM_KERNELS_CORE_ENV_H

#include "kernels/core/status.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct alm_knob {
    const char *name; /* "ASSEMLM_THREADS" */
    const char *help; /* one line */
} alm_knob;

/* The list of env.def; *count is its length. */
const alm_knob *alm_knobs(int *count);

/* The value of any variable, NULL when it is not set or empty. Valid until the environment changes.
 */
const char *alm_env_get(const char *name);

#ifdef __cplusplus
}
#endif

#endif
