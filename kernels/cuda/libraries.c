#include "kernels/cuda/libraries.h"

#include <dlfcn.h>
#include <string.h>

#include "kernels/core/memory.h"

void *alm_library_open(int library, const char **name)
{
    static const char *const names[ALM_LIBRARIES][6] = {
        [ALM_LIBRARY_CUBLASLT] = {"libcublasLt.so.13", "libcublasLt.so.12",
                                  "/usr/local/cuda/lib64/libcublasLt.so.13",
                                  "/usr/local/cuda/lib64/libcublasLt.so.12", "libcublasLt.so"},
        [ALM_LIBRARY_CUDNN] = {"libcudnn.so.9", "/usr/local/cuda/lib64/libcudnn.so.9",
                               "/usr/local/cuda/lib/libcudnn.so.9"},
        [ALM_LIBRARY_NCCL] = {"libnccl.so.2", "/usr/local/cuda/lib64/libnccl.so.2",
                              "/usr/local/cuda/lib/libnccl.so.2"},
    };
    for (int i = 0; names[library][i]; i++) {
        void *handle = dlopen(names[library][i], RTLD_NOW | RTLD_LOCAL);
        if (handle) {
            *name = names[library][i];
            return handle;
        }
    }
    return NULL;
}

alm_status alm_library_function(void *handle, const char *what, const char *name, void *out)
{
    void *found = dlsym(handle, name);
    if (!found) {
        return alm_fail(ALM_STATUS_DEVICE, "%s has no %s", what, name);
    }
    memcpy(out, &found, sizeof found);
    return ALM_OK;
}

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
