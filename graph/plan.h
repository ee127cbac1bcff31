/* The plan of a graph on a device: a kernel for every node and a place in the arena for everything
 * that a run makes.
 *
 * Refused: graphs with nodes for which the device has no kernel (all of them are named).
 */
#ifndef ALM_GRAPH_PLAN_H
#define ALM_GRAPH_PLAN_H

#include "graph/graph.h"

/* A piece of the arena while it is in use: the buffer of one value, or of several that hand it on
 * in place, or the workspace of one node. */
typedef struct alm_block {
    size_t offset, bytes; /* multiples of ALM_ALIGNMENT */
    int first, last;      /* nodes, both included */
    alm_value value;      /* the first value in it; ALM_NONE for a workspace */
    unsigned lanes; /* bit 1: in use by nodes of lane 1, bit 0: by nodes of lane 0 beside them */
} alm_block;

typedef struct alm_plan {
    const alm_graph *graph; /* must outlive the plan */
    alm_device device;
    const alm_kernel **kernel; /* [n_nodes] */
    bool *paired;              /* [n_nodes]: runs with the next node as one (alm_kernel.run_pair) */
    int join; /* the first node of lane 0 that reads from lane 1; 0 where the device has one lane */
    int *workspace; /* [n_nodes]: block; -1 for none */
    int *block;     /* [n_values]: block of a temporary root; -1 for others */
    int n_blocks;
    alm_block *blocks;
    size_t arena_bytes;
    size_t lower_bound; /* largest sum of the blocks that a single node needs at once */
    int peak_node;      /* where that is */
} alm_plan;

/* prefer: see alm_op_kernel; may be NULL. Errors: ALM_STATUS_DEVICE, ALM_STATUS_MEMORY. */
alm_status alm_plan_create(const alm_graph *graph, const alm_device *device, const char *prefer,
                           alm_plan **out);
void alm_plan_destroy(alm_plan *plan);

/* Byte offset in the arena of a value whose root is temporary, views included. */
size_t alm_plan_offset(const alm_plan *plan, alm_value x);

/* Launches of a run on a GPU, copies not counted. */
int alm_plan_launches(const alm_plan *plan);

/* Independent check by brute force: executes the plan on paper, keeping who owns every byte range
 * of the arena, and finds values that are overwritten before their last reader, pieces outside the
 * arena, misaligned ones; blocks of two lanes in one place. */
alm_status alm_plan_verify(const alm_plan *plan);

/* Lifetimes of temporary roots: first[v] is the producing node, last[v] the last node that reads v
 * or a view of it (an output lives to the end). -1 for other values. Both: [n_values]. */
void alm_liveness(const alm_graph *graph, int *first, int *last);

#endif
