/* How the graphs of cudnn.h are written in descriptors of cuDNN's backend API. Included where
 * <cudnn.h> is there, and nowhere else.
 */
#ifndef ALM_KERNELS_CUDA_CUDNN_GRAPH_H
#define ALM_KERNELS_CUDA_CUDNN_GRAPH_H

#include <cudnn.h>

#include "kernels/cuda/cudnn.h"

#define ALM_CUDNN_FUNCTIONS(F)                                                                     \
    F(cudnnCreate)                                                                                 \
    F(cudnnDestroy)                                                                                \
    F(cudnnSetStream)                                                                              \
    F(cudnnGetLastErrorString)                                                                     \
    F(cudnnBackendCreateDescriptor)                                                                \
    F(cudnnBackendDestroyDescriptor)                                                               \
    F(cudnnBackendSetAttribute)                                                                    \
    F(cudnnBackendGetAttribute)                                                                    \
    F(cudnnBackendFinalize)                                                                        \
    F(cudnnBackendExecute)

typedef struct alm_cudnn_functions {
#define FIELD(name) __typeof__(&name) name;
    ALM_CUDNN_FUNCTIONS(FIELD)
#undef FIELD
} alm_cudnn_functions;

enum { ALM_CUDNN_OPERATIONS = 24, ALM_CUDNN_DESCRIPTORS = 160 };

/* The score of a key that a causal mask hides, and its number in the graph; the numbers of the
 * pointers of alm_cudnn_run are 1, 2, .... */
#define ALM_CUDNN_HIDDEN (-__builtin_inff())
enum { ALM_CUDNN_HIDDEN_UID = 100, ALM_CUDNN_FIRST_OWN_UID = 101 };

/* A graph that is being built: the first failure stays, with what failed; later calls do nothing.
 */
typedef struct alm_cudnn_build {
    const alm_cudnn_functions *f;
    cudnnStatus_t status;
    const char *what;
    int64_t next_uid;
    int n_operations, n_owned;
    cudnnBackendDescriptor_t operation[ALM_CUDNN_OPERATIONS];
    cudnnBackendDescriptor_t owned[ALM_CUDNN_DESCRIPTORS];
} alm_cudnn_build;

/* A descriptor that the build owns; NULL after a failure. */
cudnnBackendDescriptor_t alm_cudnn_create(alm_cudnn_build *b, cudnnBackendDescriptorType_t type);
void alm_cudnn_set(alm_cudnn_build *b, cudnnBackendDescriptor_t d, cudnnBackendAttributeName_t name,
                   cudnnBackendAttributeType_t type, int64_t count, const void *values);
void alm_cudnn_finish(alm_cudnn_build *b, cudnnBackendDescriptor_t d);
void alm_cudnn_build_free(alm_cudnn_build *b);

/* The whole graph. handle: NULL where no device is. */
cudnnBackendDescriptor_t alm_cudnn_graph_of(alm_cudnn_build *b, cudnnHandle_t handle,
                                            const alm_cudnn_graph *graph);

#endif
