/* Graphs of cuDNN 9, for comparison with our own kernels: a bench or ASSEMLM_KERNEL takes them,
 * nothing else. libcudnn.so.9 is opened when it is there; every graph is built once a timeline, and
 * runs with the first engine of cuDNN's own heuristics.
 */
#ifndef ALM_KERNELS_CUDA_CUDNN_H
#define ALM_KERNELS_CUDA_CUDNN_H

#include "kernels/core/op.h"

#ifdef __cplusplus
extern "C" {
#endif

enum {
    ALM_CUDNN_LAYERNORM = 1,
    ALM_CUDNN_ATTENTION = 2,
    ALM_CUDNN_SCRATCH = 32 << 20, /* bytes: engines that want more are passed over */
    ALM_CUDNN_POINTERS = 6
};

typedef enum alm_cudnn_mask {
    ALM_CUDNN_MASK_NONE,
    ALM_CUDNN_MASK_CAUSAL, /* query i sees the keys 0 ... i */
    ALM_CUDNN_MASK_ADDED   /* BF16 [queries, keys], rows mask_stride elements apart, added to the
                            * scaled scores */
} alm_cudnn_mask;

/* What a graph computes; {0} but for the fields of its kind. Graphs with the same fields are one.
 *
 * LAYERNORM (kernels/layernorm/layernorm.h): F32 [rows, columns] to BF16 or F32 (out_dtype), with
 * weights of weight_dtype. Pointers: x, weight, bias, out; epsilon, a float of the host.
 *
 * ATTENTION: softmax(scale·q·k + mask)·v in BF16, `batch` times: q and out [batch·queries,
 * heads·head_dim], k and v [batch·keys, kv_heads·head_dim], packed. Pointers: q, k, v, out; scale,
 * a float of the host; the mask, where there is one. */
typedef struct alm_cudnn_graph {
    int64_t kind;
    int64_t rows, columns, weight_dtype, out_dtype;
    int64_t batch, queries, keys, heads, kv_heads, head_dim, mask, mask_stride;
} alm_cudnn_graph;

/* Enqueues the graph. The first run of a graph builds it, outside of a capture. scratch:
 * ALM_CUDNN_SCRATCH bytes of the device. Errors: ALM_STATUS_DEVICE: no library; what it says. */
alm_status alm_cudnn_run(const alm_exec *x, const alm_cudnn_graph *graph,
                         void *const pointers[ALM_CUDNN_POINTERS], void *scratch);

/* The number of engines that take the graph on the device that `properties` describes in cuDNN's
 * JSON, here without any device. Errors: as above. */
alm_status alm_cudnn_engines(const char *properties, const alm_cudnn_graph *graph, int *count);

#ifdef __cplusplus
}
#endif

#endif
