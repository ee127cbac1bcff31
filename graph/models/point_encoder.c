#include "graph/models/point_encoder.h"

#define PREFIX "pvlm_interface.point_encoder."

static const alm_vector_layer no_layer = {ALM_NONE, ALM_NONE, ALM_NONE};

/* A node whose output is a stage of the same name. */
static alm_value staged(alm_graph *g, alm_value x, const char *name)
{
    return alm_graph_stage(g, x, name);
}

/* x [N, C, 3] is the stage `name` as [N, 3C]. */
static void stage_rows(alm_graph *g, alm_value x, int64_t channels, const char *name)
{
    const alm_desc rows = alm_desc_2(ALM_DTYPE_F32, ALM_CLOUD_POINTS, 3 * channels);
    staged(g, alm_graph_reshape(g, name, x, rows, ALM_NONE), name);
}

/* Neighbours in the feature space of x, then one or two layers on the edges and their mean. */
static alm_value edges(alm_graph *g, const char *name, int level, alm_value x,
                       alm_vector_layer first, alm_vector_layer second)
{
    const char *knn = alm_graph_text(g, "%s.knn.%d", name, level);
    alm_value index = staged(g, alm_build_knn(g, knn, x, x, ALM_CLOUD_NEIGHBOURS), knn);
    return alm_build_edge_conv(g, alm_graph_text(g, "%s.edges.%d", name, level), x, index, first,
                               second);
}

/* local [N, F, 3] -> frame [3, 3]: VnInv on the mean over the points. */
static alm_value frame(alm_graph *g, const alm_point_config *c, const char *name, alm_value local)
{
    const int f = c->features;
    const alm_vector_layer vn1 = alm_weights_vn(g, PREFIX "VnInv.vn1", f / 2, f, f / 2);
    const alm_vector_layer vn2 = alm_weights_vn(g, PREFIX "VnInv.vn2", f / 4, f / 2, f / 4);
    const alm_value last = alm_weights_matrix(g, PREFIX "VnInv.vn_lin.weight", 2, f / 4);

    alm_value x = alm_build_mean_rows(g, alm_graph_join(g, name, ".global"), local);
    x = alm_build_vn_linear(g, alm_graph_join(g, name, ".vn1"), vn1, &x, 1);
    x = alm_build_vn_linear(g, alm_graph_join(g, name, ".vn2"), vn2, &x, 1);
    const char *at = alm_graph_join(g, name, ".frame");
    return staged(g, alm_build_vn_frame(g, at, x, last), at);
}

alm_encoded_cloud alm_point_encoder(alm_graph *g, const alm_point_config *c, const char *name,
                                    alm_value xyz)
{
    const int64_t w = c->channels;
    const alm_vector_layer conv1 = alm_weights_vn(g, PREFIX "conv1", w, 2, w);
    const alm_vector_layer conv2 = alm_weights_vn(g, PREFIX "conv2", w, w, w);
    const alm_vector_layer conv3 = alm_weights_vn(g, PREFIX "conv3", w, 2 * w, w);
    const alm_vector_layer conv4 = alm_weights_vn(g, PREFIX "conv4", w, w, w);
    const alm_vector_layer conv5 = alm_weights_vn(g, PREFIX "conv5", w, 2 * w, w);
    const alm_vector_layer conv6 = alm_weights_vn(g, PREFIX "conv6", c->features, 3 * w, 1);

    alm_graph_stage(g, xyz, alm_graph_join(g, name, ".xyz"));
    alm_value x0 = alm_graph_reshape(g, alm_graph_join(g, name, ".field"), xyz,
                                     alm_desc_3(ALM_DTYPE_F32, ALM_CLOUD_POINTS, 1, 3), ALM_NONE);
    stage_rows(g, x0, 1, alm_graph_join(g, name, ".x0"));
    alm_value x1 = edges(g, name, 0, x0, conv1, conv2);
    stage_rows(g, x1, w, alm_graph_join(g, name, ".x1"));
    alm_value x2 = edges(g, name, 1, x1, conv3, conv4);
    stage_rows(g, x2, w, alm_graph_join(g, name, ".x2"));
    alm_value x3 = edges(g, name, 2, x2, conv5, no_layer);
    const char *at = alm_graph_join(g, name, ".local");
    alm_value local =
        staged(g, alm_build_vn_linear(g, at, conv6, (alm_value[]){x1, x2, x3}, 3), at);

    alm_encoded_cloud out;
    out.frame = frame(g, c, name, local);
    at = alm_graph_join(g, name, ".fps");
    alm_value chosen = staged(g, alm_build_fps(g, at, xyz, c->patches), at);
    at = alm_graph_join(g, name, ".centers");
    out.centers = staged(g, alm_build_gather_rows(g, at, xyz, chosen), at);
    at = alm_graph_join(g, name, ".group");
    alm_value group = staged(g, alm_build_knn(g, at, out.centers, xyz, c->patch_size), at);
    at = alm_graph_join(g, name, ".patch");
    out.patch = staged(g, alm_build_group_mean(g, at, local, group), at);
    return out;
}
