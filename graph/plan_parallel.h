/* What a device does at the same time: pairs of equal nodes in one launch, two lanes. Used by the
 * planner alone. */
#ifndef ALM_GRAPH_PLAN_PARALLEL_H
#define ALM_GRAPH_PLAN_PARALLEL_H

#include "graph/plan.h"

/* Fills paired and join; the kernels are chosen. On the CPU there are none. */
alm_status alm_plan_find_parallel(alm_plan *plan);

/* Lifetimes of what the nodes of a pair read and write become the same. Both: [n_values]. */
void alm_plan_join_lifetimes(const alm_plan *plan, int *first, int *last);

#endif
