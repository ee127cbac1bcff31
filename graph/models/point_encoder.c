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

/* One value a cloud. */
typedef struct pair {
    alm_value of[ALM_CLOUDS];
} pair;

#define FOR_CLOUDS(i) for (int i = 0; i < ALM_CLOUDS; i++)

/* Neighbours in the feature space of x, then one or two layers on the edges and their mean. */
static pair edges(alm_graph *g, const char *const *name, int level, pair x, alm_vector_layer first,
                  alm_vector_layer second)
{
    pair index, out;
    FOR_CLOUDS(i)
    {
        const char *knn = alm_graph_text(g, "%s.knn.%d", name[i], level);
        index.of[i] = staged(g, alm_build_knn(g, knn, x.of[i], x.of[i], ALM_CLOUD_NEIGHBOURS), knn);
    }
    FOR_CLOUDS(i)
    {
        out.of[i] = alm_build_edge_conv(g, alm_graph_text(g, "%s.edges.%d", name[i], level),
                                        x.of[i], index.of[i], first, second);
    }
    return out;
}

static pair vector_layer(alm_graph *g, const char *const *name, const char *step,
                         alm_vector_layer layer, pair x)
{
    pair out;
    FOR_CLOUDS(i)
    {
        out.of[i] = alm_build_vn_linear(g, alm_graph_join(g, name[i], step), layer, &x.of[i], 1);
    }
    return out;
}

/* local [N, F, 3] -> frame [3, 3]: VnInv on the mean over the points. */
static pair frame(alm_graph *g, const alm_point_config *c, const char *const *name, pair local)
{
    const int f = c->features;
    const alm_vector_layer vn1 = alm_weights_vn(g, PREFIX "VnInv.vn1", f / 2, f, f / 2);
    const alm_vector_layer vn2 = alm_weights_vn(g, PREFIX "VnInv.vn2", f / 4, f / 2, f / 4);
    const alm_value last = alm_weights_matrix(g, PREFIX "VnInv.vn_lin.weight", 2, f / 4);
    pair x, out;
    FOR_CLOUDS(i)
    {
        x.of[i] = alm_build_mean_rows(g, alm_graph_join(g, name[i], ".global"), local.of[i]);
    }
    x = vector_layer(g, name, ".vn1", vn1, x);
    x = vector_layer(g, name, ".vn2", vn2, x);
    FOR_CLOUDS(i)
    {
        const char *at = alm_graph_join(g, name[i], ".frame");
        out.of[i] = staged(g, alm_build_vn_frame(g, at, x.of[i], last), at);
    }
    return out;
}

/* [N, F, 3] of each point. */
static pair local_features(alm_graph *g, const alm_point_config *c, const char *const *name,
                           const alm_value *xyz)
{
    const int64_t w = c->channels;
    const alm_vector_layer conv1 = alm_weights_vn(g, PREFIX "conv1", w, 2, w);
    const alm_vector_layer conv2 = alm_weights_vn(g, PREFIX "conv2", w, w, w);
    const alm_vector_layer conv3 = alm_weights_vn(g, PREFIX "conv3", w, 2 * w, w);
    const alm_vector_layer conv4 = alm_weights_vn(g, PREFIX "conv4", w, w, w);
    const alm_vector_layer conv5 = alm_weights_vn(g, PREFIX "conv5", w, 2 * w, w);
    const alm_vector_layer conv6 = alm_weights_vn(g, PREFIX "conv6", c->features, 3 * w, 1);
    pair x0, out;
    FOR_CLOUDS(i)
    {
        alm_graph_stage(g, xyz[i], alm_graph_join(g, name[i], ".xyz"));
        x0.of[i] = alm_graph_reshape(g, alm_graph_join(g, name[i], ".field"), xyz[i],
                                     alm_desc_3(ALM_DTYPE_F32, ALM_CLOUD_POINTS, 1, 3), ALM_NONE);
        stage_rows(g, x0.of[i], 1, alm_graph_join(g, name[i], ".x0"));
    }
    const pair x1 = edges(g, name, 0, x0, conv1, conv2);
    const pair x2 = edges(g, name, 1, x1, conv3, conv4);
    const pair x3 = edges(g, name, 2, x2, conv5, no_layer);
    FOR_CLOUDS(i)
    {
        stage_rows(g, x1.of[i], w, alm_graph_join(g, name[i], ".x1"));
        stage_rows(g, x2.of[i], w, alm_graph_join(g, name[i], ".x2"));
    }
    FOR_CLOUDS(i)
    {
        const char *at = alm_graph_join(g, name[i], ".local");
        const alm_value x[] = {x1.of[i], x2.of[i], x3.of[i]};
        out.of[i] = staged(g, alm_build_vn_linear(g, at, conv6, x, 3), at);
    }
    return out;
}

void alm_point_encoder(alm_graph *g, const alm_point_config *c, const char *const name[ALM_CLOUDS],
                       const alm_value xyz[ALM_CLOUDS], alm_encoded_cloud out[ALM_CLOUDS])
{
    const pair local = local_features(g, c, name, xyz);
    const pair turned = frame(g, c, name, local);
    pair chosen, group;
    FOR_CLOUDS(i)
    {
        const char *at = alm_graph_join(g, name[i], ".fps");
        chosen.of[i] = staged(g, alm_build_fps(g, at, xyz[i], c->patches), at);
    }
    FOR_CLOUDS(i)
    {
        const char *at = alm_graph_join(g, name[i], ".centers");
        out[i].centers = staged(g, alm_build_gather_rows(g, at, xyz[i], chosen.of[i]), at);
    }
    FOR_CLOUDS(i)
    {
        const char *at = alm_graph_join(g, name[i], ".group");
        group.of[i] = staged(g, alm_build_knn(g, at, out[i].centers, xyz[i], c->patch_size), at);
    }
    FOR_CLOUDS(i)
    {
        const char *at = alm_graph_join(g, name[i], ".patch");
        out[i].patch = staged(g, alm_build_group_mean(g, at, local.of[i], group.of[i]), at);
        out[i].frame = turned.of[i];
    }
}
