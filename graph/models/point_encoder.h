/* The point encoder: VN-DGCNN with patches (assemlm2.md 2), one cloud at a time. */
#ifndef ALM_GRAPH_MODELS_POINT_ENCODER_H
#define ALM_GRAPH_MODELS_POINT_ENCODER_H

#include "graph/build.h"
#include "graph/models/config.h"

/* xyz: F32 [N, 3]. name: "points.fixed" or "points.moving", before the names of nodes and stages.
 */
alm_encoded_cloud alm_point_encoder(alm_graph *g, const alm_point_config *c, const char *name,
                                    alm_value xyz);

#endif
