/* Inside of the CUDA backend: a GPU (device.c) with its weights (weights.c), a session's streams
 * (timeline.c), a plan on them (executor.c). The sources are C against the CUDA runtime API; test
 * programs compile them against the stand-in of tests/cuda_shim. */
#ifndef ALM_RUNTIME_CUDA_CUDA_BACKEND_H
#define ALM_RUNTIME_CUDA_CUDA_BACKEND_H

#include <cuda_runtime_api.h>
#include <pthread.h>

#include "kernels/cuda/libraries.h"
#include "runtime/executor.h"

/* One upload: the weights that a graph brought and that were not there before. */
typedef struct alm_cuda_weights alm_cuda_weights;

typedef struct alm_cuda_target {
    alm_target base;
    pthread_mutex_t lock; /* of weights */
    alm_cuda_weights *weights;
} alm_cuda_target;

enum { ALM_CUDA_LAST_LAUNCHES = 8, ALM_CUDA_LAUNCH_NAME = 64 };

typedef struct alm_cuda_timeline {
    alm_timeline base;
    cudaStream_t stream[2]; /* of lanes 0 and 1 */
    cudaEvent_t fork, join;
    alm_libraries *libraries;
    bool lost; /* a sticky error: nothing more comes from here */
    /* What was launched last, newest at (launches - 1) % ALM_CUDA_LAST_LAUNCHES. Copies: the graph
     * that had the names may be gone. */
    char last[ALM_CUDA_LAST_LAUNCHES][ALM_CUDA_LAUNCH_NAME];
    unsigned launches;
} alm_cuda_timeline;

/* ALM_OK, or the error as a status with a text: what it is about, and what the driver says. */
alm_status almi_cuda_check(cudaError_t error, const char *what);

/* Whether code for the architectures ("80,90a") runs on a GPU of 10·major + minor. */
bool almi_cuda_has_code(const char *archs, int arch);

/* What the driver says of a GPU. Error: ALM_STATUS_DEVICE. */
alm_status almi_cuda_properties(int index, struct cudaDeviceProp *out);

/* Makes the GPU the one of this thread. */
alm_status almi_cuda_use(const alm_cuda_target *target);
/* The same before something is destroyed: errors are ignored, the text of the one before stays. */
void almi_cuda_use_at_end(const alm_target *target);

/* *out = device memory, or pinned host memory. Error: ALM_STATUS_MEMORY, "out of device memory:
 * <bytes> bytes for <what>, <free> of <all> bytes are free". */
alm_status almi_cuda_alloc(size_t bytes, const char *what, void *out);
alm_status almi_cuda_alloc_pinned(size_t bytes, const char *what, void *out);
/* NULL is accepted; errors are ignored: after a sticky one everything fails. */
void almi_cuda_free(void *block);
void almi_cuda_free_pinned(void *block);

/* Uploads the weights of the graph that are not on the device yet. lookup gives host memory. */
alm_status almi_cuda_weights_load(alm_cuda_target *target, const alm_graph *graph,
                                  alm_weight_data *lookup, void *context);
/* Device memory of a loaded weight of this type; NULL when it is not there. */
const void *almi_cuda_weight(alm_cuda_target *target, const char *name, const alm_desc *desc);
void almi_cuda_weights_free(alm_cuda_target *target);

/* timeline.c */
alm_status almi_cuda_timeline_create(alm_target *target, int threads, alm_timeline **out);
void almi_cuda_timeline_destroy(alm_timeline *timeline);
/* Makes its GPU the one of this thread; ALM_STATUS_RESTART at once when the timeline is lost. */
alm_status almi_cuda_timeline_use(alm_cuda_timeline *timeline);
/* Passes the status on. With ALM_STATUS_RESTART the timeline is lost from now on, and the text gets
 * what was launched last. */
alm_status almi_cuda_timeline_check(alm_cuda_timeline *timeline, alm_status status);
void almi_cuda_note_launch(alm_cuda_timeline *timeline, const char *name);
alm_status almi_cuda_state_create(alm_timeline *timeline, size_t bytes, void **out);
void almi_cuda_state_destroy(alm_timeline *timeline, void *state);

/* nvtx.c: the name that profilers show for a stream. */
void almi_cuda_name_stream(cudaStream_t stream, const char *name);

/* executor.c */
alm_status almi_cuda_executor_create(alm_timeline *timeline, const alm_plan *plan,
                                     alm_weight_data *weight, void *context, void *state,
                                     alm_executor **out);
void almi_cuda_executor_destroy(alm_executor *executor);
alm_status almi_cuda_run(alm_executor *executor, alm_observe_fn *observe, void *context);
alm_status almi_cuda_fetch(alm_executor *executor, alm_value value, alm_tensor *out);

#endif
