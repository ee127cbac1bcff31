/* Runs a plan on the CPU: owns the arena, the input buffers and the arguments of every node, all
 * made before the first run. A run allocates nothing; the allocation guard is up while it lasts. */
#ifndef ALM_RUNTIME_BACKEND_CPU_H
#define ALM_RUNTIME_BACKEND_CPU_H

#include "graph/plan.h"

typedef struct alm_executor alm_executor;

/* Where the data of a weight lies; NULL when there is none of this name (the plan was checked, so
 * that is a bug). */
typedef const void *alm_weight_data(void *context, const char *name);

/* Bytes of the states of a graph, one after another in the order of its values. */
alm_status alm_executor_state_bytes(const alm_graph *graph, size_t *out);

/* state: memory for the graph's states, aligned to ALM_ALIGNMENT; shared by executors of graphs
 * with the same states. It, the plan and the weights must outlive the executor. Errors:
 * ALM_STATUS_MEMORY, ALM_STATUS_INTERNAL. */
alm_status alm_executor_create(const alm_plan *plan, alm_weight_data *weight, void *context,
                               void *state, alm_executor **out);
void alm_executor_destroy(alm_executor *executor);

/* The buffer of an input, to be written before a run. */
void *alm_executor_input(const alm_executor *executor, alm_value input);

/* The tensor behind any value: shape, stride, data. Temporaries are valid from their node until
 * they are overwritten. */
alm_tensor alm_executor_tensor(const alm_executor *executor, alm_value value);

/* Called after each node, with the guard down; stops the run when it fails. */
typedef alm_status alm_observe_fn(void *context, int node);

/* observe may be NULL. */
alm_status alm_executor_run(alm_executor *executor, alm_pool *pool, alm_observe_fn *observe,
                            void *context);

/* Wall time of a node in the last run, milliseconds. */
double alm_executor_node_ms(const alm_executor *executor, int node);

/* Bytes of arena and inputs. */
size_t alm_executor_bytes(const alm_executor *executor);

#endif
