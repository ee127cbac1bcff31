/* What kernels keep of libraries that are opened when they are there (cuBLASLt, cuDNN):
 * alm_exec.libraries of a timeline, used by one thread at a time. A kernel opens its library at its
 * first run outside of a capture and leaves what it needs in its slot; nothing is opened that no
 * kernel asked for.
 */
#ifndef ALM_KERNELS_CUDA_LIBRARIES_H
#define ALM_KERNELS_CUDA_LIBRARIES_H

#include "kernels/core/status.h"

#ifdef __cplusplus
extern "C" {
#endif

enum { ALM_LIBRARY_CUBLASLT, ALM_LIBRARY_CUDNN, ALM_LIBRARY_NCCL, ALM_LIBRARIES };

typedef struct alm_libraries {
    struct {
        void *state; /* NULL: not opened */
        void (*close)(void *state);
    } slot[ALM_LIBRARIES];
} alm_libraries;

/* The handle of dlopen, and the name that was found; NULL: it is not there. It stays loaded: its
 * threads and handlers may outlive us. */
void *alm_library_open(int library, const char **name);

/* *out = a function of it. Error: ALM_STATUS_DEVICE, "<what> has no <name>". */
alm_status alm_library_function(void *handle, const char *what, const char *name, void *out);

/* The device of the timeline is the thread's; nothing runs on it when they are destroyed. */
alm_status alm_libraries_create(alm_libraries **out);
void alm_libraries_destroy(alm_libraries *libraries); /* NULL is accepted */

#ifdef __cplusplus
}
#endif

#endif
