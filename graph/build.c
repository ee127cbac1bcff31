#include "graph/build.h"

#include <math.h>

#include "kernels/attention/attention.h"
#include "kernels/fps/fps.h"
#include "kernels/knn/knn.h"
#include "kernels/layernorm/layernorm.h"
#include "kernels/point_positions/point_positions.h"
#include "kernels/point_scene/point_scene.h"
#include "kernels/rmsnorm/rmsnorm.h"
#include "kernels/rotary/rotary.h"
#include "kernels/scale/scale.h"

/* A node with one output. The inputs are the arguments that follow the attributes. */
#define APPLY(op, attr, attr_bytes, ...)                                                           \
    apply(g, name, &alm_op_##op, attr, attr_bytes, (const alm_value[]){__VA_ARGS__},               \
          (int)(sizeof((const alm_value[]){__VA_ARGS__}) / sizeof(alm_value)))

static alm_value apply(alm_graph *g, const char *name, const alm_op_def *op, const void *attr,
                       size_t attr_bytes, const alm_value *in, int n_in)
{
    alm_value out;
    alm_graph_apply(g, name, op, in, n_in, attr, attr_bytes, &out);
    return out;
}

alm_value alm_weights_vector(alm_graph *g, const char *name, int64_t n)
{
    return alm_graph_weight(g, name, 1, &n);
}

alm_value alm_weights_matrix(alm_graph *g, const char *name, int64_t rows, int64_t columns)
{
    return alm_graph_weight(g, name, 2, (const int64_t[]){rows, columns});
}

alm_affine alm_weights_linear(alm_graph *g, const char *name, int64_t outputs, int64_t inputs)
{
    return (alm_affine){
        .weight = alm_weights_matrix(g, alm_graph_text(g, "%s.weight", name), outputs, inputs),
        .bias = alm_weights_vector(g, alm_graph_text(g, "%s.bias", name), outputs),
    };
}

alm_affine alm_weights_norm(alm_graph *g, const char *name, int64_t width)
{
    return (alm_affine){
        .weight = alm_weights_vector(g, alm_graph_text(g, "%s.weight", name), width),
        .bias = alm_weights_vector(g, alm_graph_text(g, "%s.bias", name), width),
    };
}

alm_vector_layer alm_weights_vn(alm_graph *g, const char *name, int64_t outputs, int64_t inputs,
                                int64_t directions)
{
    return (alm_vector_layer){
        .feat = alm_weights_matrix(g, alm_graph_text(g, "%s.map_to_feat.weight", name), outputs,
                                   inputs),
        .norm = alm_weights_vector(g, alm_graph_text(g, "%s.batchnorm.weight", name), outputs),
        .dir = alm_weights_matrix(g, alm_graph_text(g, "%s.map_to_dir.weight", name), directions,
                                  inputs),
    };
}

alm_value alm_build_linear(alm_graph *g, const char *name, alm_value x, alm_affine layer,
                           alm_epilogue epilogue, alm_value residual)
{
    const alm_linear_attr attr = {.epilogue = epilogue};
    return APPLY(linear, &attr, sizeof attr, x, layer.weight, layer.bias, residual);
}

alm_value alm_build_swiglu(alm_graph *g, const char *name, alm_value x, alm_value gate,
                           alm_value up)
{
    const alm_linear_attr attr = {.epilogue = ALM_EPILOGUE_SWIGLU};
    return APPLY(linear, &attr, sizeof attr, x, gate, ALM_NONE, ALM_NONE, up);
}

alm_value alm_build_layernorm(alm_graph *g, const char *name, alm_value x, alm_affine norm,
                              double eps)
{
    const alm_layernorm_attr attr = {.eps = eps};
    return APPLY(layernorm, &attr, sizeof attr, x, norm.weight, norm.bias);
}

alm_value alm_build_rmsnorm(alm_graph *g, const char *name, alm_value x, alm_value weight,
                            double eps)
{
    const alm_rmsnorm_attr attr = {.eps = eps};
    return APPLY(rmsnorm, &attr, sizeof attr, x, weight);
}

alm_value alm_build_page_patches(alm_graph *g, const char *name, alm_pages_in in,
                                 alm_page_patches_attr attr)
{
    return APPLY(page_patches, &attr, sizeof attr, in.rgb, in.page, in.span, in.weight,
                 in.position);
}

alm_value alm_build_pixels(alm_graph *g, const char *name, alm_value bytes, const float mean[3],
                           const float std[3])
{
    const alm_pixels_attr attr = {.mean = {mean[0], mean[1], mean[2]},
                                  .std = {std[0], std[1], std[2]}};
    return APPLY(pixels, &attr, sizeof attr, bytes);
}

alm_value alm_build_weighted_gather(alm_graph *g, const char *name, alm_value index,
                                    alm_value weight, alm_value table)
{
    return APPLY(weighted_gather, NULL, 0, index, weight, table);
}

alm_value alm_build_add(alm_graph *g, const char *name, alm_value a, alm_value b)
{
    return APPLY(add, NULL, 0, a, b);
}

alm_value alm_build_scale(alm_graph *g, const char *name, alm_value x, alm_value gate, int index)
{
    const alm_scale_attr attr = {.index = index};
    return APPLY(scale, &attr, sizeof attr, x, gate);
}

alm_rotary_angles alm_build_rotary_table(alm_graph *g, const char *name, alm_value position,
                                         alm_value frequency, alm_value axis)
{
    alm_value out[2];
    const alm_value in[] = {position, frequency, axis};
    alm_graph_apply(g, name, &alm_op_rotary_table, in, 3, NULL, 0, out);
    return (alm_rotary_angles){.cos = out[0], .sin = out[1]};
}

alm_value alm_build_rotary(alm_graph *g, const char *name, alm_value x, alm_rotary_angles angles,
                           alm_value norm, int heads, int head_dim, double eps)
{
    const alm_rotary_attr attr = {.heads = heads, .head_dim = head_dim, .eps = eps};
    return APPLY(rotary, &attr, sizeof attr, x, angles.cos, angles.sin, norm);
}

alm_value alm_build_attention(alm_graph *g, const char *name, alm_attention_in in, int heads,
                              int kv_heads, int head_dim)
{
    const alm_attention_attr attr = {.heads = heads,
                                     .kv_heads = kv_heads,
                                     .head_dim = head_dim,
                                     .scale = (float)(1.0 / sqrt((double)head_dim))};
    return APPLY(attention, &attr, sizeof attr, in.q, in.k, in.v, in.query_rule, in.key_rule);
}

alm_value alm_build_token_embed(alm_graph *g, const char *name, alm_value source, alm_value table,
                                alm_value image, alm_value point)
{
    return APPLY(token_embed, NULL, 0, source, table, image, point);
}

alm_value alm_build_deepstack_add(alm_graph *g, const char *name, alm_value h, alm_value source,
                                  alm_value image, alm_value point)
{
    return APPLY(deepstack_add, NULL, 0, h, source, image, point);
}

alm_value alm_build_gather_rows(alm_graph *g, const char *name, alm_value x, alm_value index)
{
    return APPLY(gather_rows, NULL, 0, x, index);
}

alm_value alm_build_place_rows(alm_graph *g, const char *name, alm_value x, alm_value rows,
                               alm_value offset)
{
    return APPLY(place_rows, NULL, 0, x, rows, offset);
}

alm_value alm_build_knn(alm_graph *g, const char *name, alm_value query, alm_value points, int k)
{
    const alm_knn_attr attr = {.k = k};
    return APPLY(knn, &attr, sizeof attr, query, points);
}

alm_value alm_build_fps(alm_graph *g, const char *name, alm_value xyz, int count)
{
    const alm_fps_attr attr = {.count = count};
    return APPLY(fps, &attr, sizeof attr, xyz);
}

alm_value alm_build_edge_conv(alm_graph *g, const char *name, alm_value x, alm_value index,
                              alm_vector_layer first, alm_vector_layer second)
{
    return APPLY(edge_conv, NULL, 0, x, index, first.feat, first.norm, first.dir, second.feat,
                 second.norm, second.dir);
}

alm_value alm_build_vn_linear(alm_graph *g, const char *name, alm_vector_layer layer,
                              const alm_value *x, int n_x)
{
    enum { MAX_PARTS = 8 };
    alm_value in[3 + MAX_PARTS] = {layer.feat, layer.norm, layer.dir};
    for (int i = 0; i < n_x && i < MAX_PARTS; i++) {
        in[3 + i] = x[i];
    }
    return apply(g, name, &alm_op_vn_linear, NULL, 0, in, 3 + n_x);
}

alm_value alm_build_mean_rows(alm_graph *g, const char *name, alm_value x)
{
    return APPLY(mean_rows, NULL, 0, x);
}

alm_value alm_build_vn_frame(alm_graph *g, const char *name, alm_value x, alm_value weight)
{
    return APPLY(vn_frame, NULL, 0, x, weight);
}

alm_value alm_build_group_mean(alm_graph *g, const char *name, alm_value x, alm_value index)
{
    return APPLY(group_mean, NULL, 0, x, index);
}

alm_value alm_build_branch_tokens(alm_graph *g, const char *name, alm_encoded_cloud fixed,
                                  alm_encoded_cloud moving)
{
    return APPLY(branch_tokens, NULL, 0, fixed.patch, fixed.frame, moving.patch, moving.frame);
}

void alm_build_point_scene(alm_graph *g, const char *name, alm_encoded_cloud fixed,
                           alm_encoded_cloud moving, double reference, double clip,
                           alm_value out[2])
{
    const alm_point_scene_attr attr = {.reference = reference, .clip = clip};
    const alm_value in[] = {fixed.centers, fixed.frame, moving.centers, moving.frame};
    alm_graph_apply(g, name, &alm_op_point_scene, in, 4, &attr, sizeof attr, out);
}

alm_value alm_build_fourier(alm_graph *g, const char *name, alm_value x, alm_value frequency)
{
    return APPLY(fourier, NULL, 0, x, frequency);
}

alm_value alm_build_film(alm_graph *g, const char *name, alm_value h, alm_value position,
                         alm_value type, alm_value film)
{
    return APPLY(film, NULL, 0, h, position, type, film);
}

alm_value alm_build_point_positions(alm_graph *g, const char *name, alm_value centers,
                                    alm_value text, alm_value source, int grid)
{
    const alm_point_positions_attr attr = {.grid = grid};
    return APPLY(point_positions, &attr, sizeof attr, centers, text, source);
}

alm_value alm_build_pose_head(alm_graph *g, const char *name, const alm_value *in, int n_in)
{
    return apply(g, name, &alm_op_pose_head, NULL, 0, in, n_in);
}
