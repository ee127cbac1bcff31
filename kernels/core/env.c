#include "kernels/core/env.h"

#include <stdlib.h>

static const alm_knob knobs[] = {
#define ALM_KNOB(name, help) {name, help},
#include "kernels/core/env.def"
#undef ALM_KNOB
};

const alm_knob *alm_knobs(int *count)
{
    *count = (int)(sizeof knobs / sizeof knobs[0]);
    return knobs;
}

const char *alm_env_get(const char *name)
{
    const char *value = getenv(name);
    return value && value[0] ? value : NULL;
}
