/* What executors of all backends share: the places of values and the arguments of nodes. For the
 * backends only. */
#ifndef ALM_RUNTIME_EXECUTOR_H
#define ALM_RUNTIME_EXECUTOR_H

#include "runtime/backend.h"

struct alm_executor {
    const alm_backend_ops *ops;
    const alm_plan *plan;
    char *host_inputs; /* what alm_executor_input gives; each input at a multiple of
                          ALM_ALIGNMENT */
    size_t input_bytes;
    void **data;         /* [n_values]: where kernels find them */
    size_t *place;       /* [n_values]: of an input, its offset in host_inputs */
    alm_tensor *tensors; /* arguments of all nodes, one after another */
    alm_op_args *args;   /* [n_nodes] */
    double *node_ms;     /* [n_nodes] */
    bool time_nodes;
    char note[160]; /* how runs are slower than they should be, for people; "": they are not */
};

/* Memory that a backend gives to an executor, all of it in the memory of its kernels. */
typedef struct alm_executor_memory {
    char *arena, *inputs, *state;
    char *constants; /* NULL: they stay where the graph has them */
} alm_executor_memory;

/* Bytes of all values of this storage, each at a multiple of ALM_ALIGNMENT. */
alm_status alm_executor_storage_bytes(const alm_graph *graph, alm_storage storage, size_t *out);

/* Everything but memory: e is zero before; ops is set by the caller. alm_executor_end frees it. */
alm_status alm_executor_begin(alm_executor *e, const alm_plan *plan);
void alm_executor_end(alm_executor *e);

/* Places of values, arguments of nodes. weight: where kernels find a weight. */
alm_status alm_executor_bind(alm_executor *e, const alm_executor_memory *memory,
                             alm_weight_data *weight, void *context);

/* The tensor as kernels see it. */
alm_tensor alm_executor_tensor(const alm_executor *e, alm_value value);

#endif
