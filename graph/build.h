/* One builder an operation: the way model files write mathematics. The contracts are those of
 * kernels/<op>/<op>.h; `name` is the node's. Layers that occur everywhere (affine, normalisations)
 * take their weights as one struct.
 */
#ifndef ALM_GRAPH_BUILD_H
#define ALM_GRAPH_BUILD_H

#include "graph/graph.h"
#include "kernels/linear/linear.h"
#include "kernels/page_patches/page_patches.h"
#include "kernels/pixels/pixels.h"

/* <name>.weight and <name>.bias of a linear layer or of a LayerNorm. */
typedef struct alm_affine {
    alm_value weight, bias;
} alm_affine;

/* weight [outputs, inputs], bias [outputs]. */
alm_affine alm_weights_linear(alm_graph *g, const char *name, int64_t outputs, int64_t inputs);
/* weight [width], bias [width]. */
alm_affine alm_weights_norm(alm_graph *g, const char *name, int64_t width);
alm_value alm_weights_vector(alm_graph *g, const char *name, int64_t n);
alm_value alm_weights_matrix(alm_graph *g, const char *name, int64_t rows, int64_t columns);

/* Weights of one VNLinearLeakyReLU: <name>.map_to_feat, .batchnorm, .map_to_dir. */
typedef struct alm_vector_layer {
    alm_value feat, norm, dir;
} alm_vector_layer;

/* directions: outputs, or 1 when shared. */
alm_vector_layer alm_weights_vn(alm_graph *g, const char *name, int64_t outputs, int64_t inputs,
                                int64_t directions);

/* What makes a linear layer more than x·Wᵀ: all optional, ALM_NONE when absent. */
alm_value alm_build_linear(alm_graph *g, const char *name, alm_value x, alm_affine layer,
                           alm_epilogue epilogue, alm_value residual);
alm_value alm_build_swiglu(alm_graph *g, const char *name, alm_value x, alm_value gate,
                           alm_value up);
alm_value alm_build_layernorm(alm_graph *g, const char *name, alm_value x, alm_affine norm,
                              double eps);
alm_value alm_build_rmsnorm(alm_graph *g, const char *name, alm_value x, alm_value weight,
                            double eps);

/* Decoded pages and how they are resized (page_patches.h). */
typedef struct alm_pages_in {
    alm_value rgb, page, span, weight, position;
} alm_pages_in;

alm_value alm_build_page_patches(alm_graph *g, const char *name, alm_pages_in in,
                                 alm_page_patches_attr attr);
alm_value alm_build_pixels(alm_graph *g, const char *name, alm_value bytes, const float mean[3],
                           const float std[3]);
alm_value alm_build_weighted_gather(alm_graph *g, const char *name, alm_value index,
                                    alm_value weight, alm_value table);
alm_value alm_build_add(alm_graph *g, const char *name, alm_value a, alm_value b);
alm_value alm_build_scale(alm_graph *g, const char *name, alm_value x, alm_value gate, int index);

/* Cosines and sines of rotary angles. */
typedef struct alm_rotary_angles {
    alm_value cos, sin;
} alm_rotary_angles;

alm_rotary_angles alm_build_rotary_table(alm_graph *g, const char *name, alm_value position,
                                         alm_value frequency, alm_value axis);
/* norm: ALM_NONE for none. */
alm_value alm_build_rotary(alm_graph *g, const char *name, alm_value x, alm_rotary_angles angles,
                           alm_value norm, int heads, int head_dim, double eps);

typedef struct alm_attention_in {
    alm_value q, k, v, query_rule, key_rule;
} alm_attention_in;

alm_value alm_build_attention(alm_graph *g, const char *name, alm_attention_in in, int heads,
                              int kv_heads, int head_dim);
alm_value alm_build_token_embed(alm_graph *g, const char *name, alm_value source, alm_value table,
                                alm_value image, alm_value point);
alm_value alm_build_deepstack_add(alm_graph *g, const char *name, alm_value h, alm_value source,
                                  alm_value image, alm_value point);
alm_value alm_build_gather_rows(alm_graph *g, const char *name, alm_value x, alm_value index);
alm_value alm_build_place_rows(alm_graph *g, const char *name, alm_value x, alm_value rows,
                               alm_value offset);
alm_value alm_build_knn(alm_graph *g, const char *name, alm_value query, alm_value points, int k);
alm_value alm_build_fps(alm_graph *g, const char *name, alm_value xyz, int count);
/* second: feat ALM_NONE for one layer only. */
alm_value alm_build_edge_conv(alm_graph *g, const char *name, alm_value x, alm_value index,
                              alm_vector_layer first, alm_vector_layer second);
alm_value alm_build_vn_linear(alm_graph *g, const char *name, alm_vector_layer layer,
                              const alm_value *x, int n_x);
alm_value alm_build_mean_rows(alm_graph *g, const char *name, alm_value x);
alm_value alm_build_vn_frame(alm_graph *g, const char *name, alm_value x, alm_value weight);
alm_value alm_build_group_mean(alm_graph *g, const char *name, alm_value x, alm_value index);

/* What the point encoder makes of one cloud. */
typedef struct alm_encoded_cloud {
    alm_value patch, centers, frame; /* [P, F, 3], [P, 3], [3, 3] */
} alm_encoded_cloud;

alm_value alm_build_branch_tokens(alm_graph *g, const char *name, alm_encoded_cloud fixed,
                                  alm_encoded_cloud moving);
/* out: normalised centres [4P, 3] and scale features [1, 4]. */
void alm_build_point_scene(alm_graph *g, const char *name, alm_encoded_cloud fixed,
                           alm_encoded_cloud moving, double reference, double clip,
                           alm_value out[2]);
alm_value alm_build_fourier(alm_graph *g, const char *name, alm_value x, alm_value frequency);
alm_value alm_build_film(alm_graph *g, const char *name, alm_value h, alm_value position,
                         alm_value type, alm_value film);
alm_value alm_build_point_positions(alm_graph *g, const char *name, alm_value centers,
                                    alm_value text, alm_value source, int grid);
alm_value alm_build_pose_head(alm_graph *g, const char *name, const alm_value *in, int n_in);

#endif
