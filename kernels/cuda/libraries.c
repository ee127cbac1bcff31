#include "kernels/cuda/libraries.h"

#include "kernels/core/memory.h"

alm_status alm_libraries_create(alm_libraries **out)
{
    return alm_calloc(1, sizeof **out, "libraries", out);
}

void alm_libraries_destroy(alm_libraries *libraries)
{
    for (int i = 0; libraries && i < ALM_LIBRARIES; i++) {
        if (libraries->slot[i].close) {
            libraries->slot[i].close(libraries->slot[i].state);
        }
    }
    alm_free(libraries);
}
