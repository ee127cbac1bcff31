/* The point encoder: VN-DGCNN with patches (assemlm2.md 2). */
#ifndef ALM_GRAPH_MODELS_POINT_ENCODER_H
#define ALM_GRAPH_MODELS_POINT_ENCODER_H

#include "graph/build.h"
#include "graph/models/config.h"

/* Both clouds step by step, so that equal steps of the two are neighbours that a device can launch
 * as one. xyz: F32 [N, 3] each. name: "points.fixed" and "points.moving", before the names of nodes
 * and stages. */
void alm_point_encoder(alm_graph *g, const alm_point_config *c, const char *const name[ALM_CLOUDS],
                       const alm_value xyz[ALM_CLOUDS], alm_encoded_cloud out[ALM_CLOUDS]);

#endif
