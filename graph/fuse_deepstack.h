/* Rewrites DeepStack additions and the norm that reads their sum into one node
 * (kernels/deepstack_norm/deepstack_norm.h), which a GPU does in one launch. The sum stays for its
 * other readers. An addition that no norm reads is left alone.
 */
#ifndef ALM_GRAPH_FUSE_DEEPSTACK_H
#define ALM_GRAPH_FUSE_DEEPSTACK_H

#include "graph/graph.h"

/* After alm_graph_narrow. */
alm_status alm_graph_fuse_deepstack(alm_graph *graph);

#endif
