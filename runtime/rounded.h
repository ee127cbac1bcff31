/* BF16 copies of F32 weights: what an engine in bf16 mode multiplies by when its file has F32
 * (graph/narrow.h). Made once, when a graph first asks, and shared by the engine's sessions. */
#ifndef ALM_RUNTIME_ROUNDED_H
#define ALM_RUNTIME_ROUNDED_H

#include "graph/graph.h"
#include "runtime/input/state.h"

typedef struct alm_rounded alm_rounded;

/* Borrows the state. */
alm_status alm_rounded_create(const alm_state *state, alm_rounded **out);
void alm_rounded_destroy(alm_rounded *rounded); /* NULL is accepted */

/* Makes the copies that the graph needs and that are not there. Error: ALM_STATUS_MEMORY. */
alm_status alm_rounded_make(alm_rounded *rounded, const alm_graph *graph);
/* Host memory of a weight in the type that the graph has, an alm_weight_data with an alm_rounded as
 * its context; NULL when there is none. */
const void *alm_rounded_weight(void *rounded, const char *name, const alm_desc *desc);

#endif
