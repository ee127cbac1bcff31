/* Rewrites the way from the rows of an attention layer to its queries, keys and values into one
 * node (kernels/qkv/qkv.h), which a GPU does in one launch. Two forms are found:
 *
 *   q = rotary(linear(x)), k = place_rows(keys, rotary(linear(x))), v = place_rows(values,
 * linear(x)) q, k, v = columns of rotary(linear(x)), where exactly q and k are turned
 *
 * and left alone where anything between is read by somebody else or the layers do more. In the
 * first form the queries may be those of one row of x and of the angles, by gather_rows. Results
 * are those of the single operations but for roundings in between, which fall away.
 */
#ifndef ALM_GRAPH_FUSE_QKV_H
#define ALM_GRAPH_FUSE_QKV_H

#include "graph/graph.h"

/* After alm_graph_narrow. A graph without such layers stays as it is. */
alm_status alm_graph_fuse_qkv(alm_graph *graph);

#endif
