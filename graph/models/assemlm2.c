#include "graph/models/assemlm2.h"

#include "graph/build.h"
#include "graph/models/language_model.h"
#include "graph/models/point_bridge.h"
#include "graph/models/point_encoder.h"
#include "graph/models/vision_tower.h"
#include "kernels/core/memory.h"

static void page_inputs(alm_graph *g, const alm_vision_config *v, alm_shape_class shape,
                        alm_assemlm2_inputs *in)
{
    const int64_t patch = (int64_t)v->channels * v->temporal_patch * v->patch * v->patch,
                  n = shape.patches;
    const alm_pixel_room room = shape.pixels;
    const alm_dtype i32 = ALM_DTYPE_I32;
    in->n_patches = alm_graph_input(g, "n_patches", alm_desc_1(i32, 1), ALM_NONE);
    in->n_image_tokens = alm_graph_input(g, "n_image_tokens", alm_desc_1(i32, 1), ALM_NONE);
    if (room.bytes) {
        in->rgb = alm_graph_input(g, "rgb", alm_desc_1(ALM_DTYPE_U8, room.bytes), ALM_NONE);
        in->page = alm_graph_input(g, "page", alm_desc_2(i32, ALM_PAGES, 4), ALM_NONE);
        in->span = alm_graph_input(g, "span", alm_desc_2(i32, room.spans, 4), ALM_NONE);
        in->weight = alm_graph_input(g, "weight", alm_desc_1(i32, room.weights), ALM_NONE);
    } else {
        in->bytes =
            alm_graph_input(g, "patch_bytes", alm_desc_2(ALM_DTYPE_U8, n, patch), in->n_patches);
    }
    in->table_index = alm_graph_input(g, "table_index", alm_desc_2(i32, n, 4), in->n_patches);
    in->table_weight =
        alm_graph_input(g, "table_weight", alm_desc_2(ALM_DTYPE_F32, n, 4), in->n_patches);
    in->patch_position = alm_graph_input(g, "patch_position", alm_desc_2(i32, n, 2), in->n_patches);
    in->patch_rule = alm_graph_input(g, "patch_rule", alm_desc_2(i32, n, 3), in->n_patches);
}

static alm_assemlm2_inputs inputs(alm_graph *g, const alm_assemlm2_config *c, alm_shape_class shape)
{
    const alm_dtype i32 = ALM_DTYPE_I32, f32 = ALM_DTYPE_F32;
    alm_assemlm2_inputs in = {
        .n_rows = alm_graph_input(g, "n_rows", alm_desc_1(i32, 1), ALM_NONE),
        .n_tokens = alm_graph_input(g, "n_tokens", alm_desc_1(i32, 1), ALM_NONE),
        .first = alm_graph_input(g, "first", alm_desc_1(i32, 1), ALM_NONE),
        .last = alm_graph_input(g, "last", alm_desc_1(i32, 1), ALM_NONE),
        .last_rule = alm_graph_input(g, "last_rule", alm_desc_2(i32, 1, 3), ALM_NONE),
        .fixed = alm_graph_input(g, "fixed", alm_desc_2(f32, ALM_CLOUD_POINTS, 3), ALM_NONE),
        .moving = alm_graph_input(g, "moving", alm_desc_2(f32, ALM_CLOUD_POINTS, 3), ALM_NONE),
    };
    in.source = alm_graph_input(g, "source", alm_desc_2(i32, shape.rows, 2), in.n_rows);
    in.position = alm_graph_input(g, "position", alm_desc_2(i32, shape.rows, 3), in.n_rows);
    in.query_rule = alm_graph_input(g, "query_rule", alm_desc_2(i32, shape.rows, 3), in.n_rows);
    in.key_rule = alm_graph_input(g, "key_rule", alm_desc_2(i32, shape.tokens, 3), in.n_tokens);
    if (!shape.warm) {
        page_inputs(g, &c->vision, shape, &in);
    }
    return in;
}

/* The one row of x is the stage `name`. */
static void stage_row(alm_graph *g, alm_value x, int64_t width, const char *name)
{
    alm_graph_stage(g, alm_graph_reshape(g, name, x, alm_desc_1(ALM_DTYPE_F32, width), ALM_NONE),
                    name);
}

/* [1, D] -> [1, 9]. 5 */
static alm_value pose_head(alm_graph *g, const alm_assemlm2_config *c, alm_value x)
{
    static const char prefix[] = "pose_regression_head.model.";
    const int64_t d = c->text.width, h = c->head.width;
    enum { MAX_BLOCKS = 60 };
    alm_value in[1 + 4 + 4 * MAX_BLOCKS + 4] = {x};
    int n = 1;
    if (c->head.blocks > MAX_BLOCKS) {
        alm_graph_fail(g, alm_fail(ALM_STATUS_MODEL,
                                   "pose_regression.num_blocks %d, at most %d is supported",
                                   c->head.blocks, MAX_BLOCKS));
        return ALM_NONE;
    }
    for (int i = -1; i <= c->head.blocks; i++) {
        alm_affine norm, linear;
        if (i < 0) {
            norm = alm_weights_norm(g, alm_graph_join(g, prefix, "layer_norm1"), d);
            linear = alm_weights_linear(g, alm_graph_join(g, prefix, "fc1"), h, d);
        } else if (i < c->head.blocks) {
            norm = alm_weights_norm(g, alm_graph_text(g, "%sblocks.%d.ffn.0", prefix, i), h);
            linear = alm_weights_linear(g, alm_graph_text(g, "%sblocks.%d.ffn.1", prefix, i), h, h);
        } else {
            norm = alm_weights_norm(g, alm_graph_join(g, prefix, "layer_norm2"), h);
            linear = alm_weights_linear(g, alm_graph_join(g, prefix, "fc2"), c->head.outputs, h);
        }
        in[n++] = norm.weight;
        in[n++] = norm.bias;
        in[n++] = linear.weight;
        in[n++] = linear.bias;
    }
    alm_value pose = alm_build_pose_head(g, "head.output", in, n);
    stage_row(g, x, d, "head.input");
    stage_row(g, pose, c->head.outputs, "head.output");
    return pose;
}

/* Pages to image tokens and DeepStack features; nothing in a warm graph. */
static alm_vision_out see_pages(alm_graph *g, const alm_assemlm2_config *c, alm_shape_class shape,
                                const alm_assemlm2_inputs *in, int used)
{
    if (shape.warm) {
        alm_vision_out none = {.tokens = ALM_NONE};
        for (int k = 0; k < ALM_MAX_DEEPSTACK; k++) {
            none.deepstack[k] = ALM_NONE;
        }
        return none;
    }
    alm_value bytes = in->bytes;
    if (shape.pixels.bytes) {
        const alm_pages_in pages = {in->rgb, in->page, in->span, in->weight, in->patch_position};
        const alm_page_patches_attr attr = {.wide = shape.pixels.wide,
                                            .patch = c->vision.patch,
                                            .temporal_patch = c->vision.temporal_patch};
        bytes = alm_build_page_patches(g, "vision.patches", pages, attr);
    }
    const alm_vision_in pages = {
        .bytes = bytes,
        .table_index = in->table_index,
        .table_weight = in->table_weight,
        .position = in->patch_position,
        .rule = in->patch_rule,
        .tokens = in->n_image_tokens,
    };
    return alm_vision_tower(g, c, pages, used);
}

static alm_value build(alm_graph *g, const alm_assemlm2_config *c, alm_shape_class shape,
                       const alm_assemlm2_inputs *in)
{
    /* Later layers than these have nobody who reads the features: they are not made. */
    const int image_features =
        shape.warm ? 0 : alm_language_deepstack(&c->text, c->vision.deepstack_count);
    const int point_features = alm_language_deepstack(&c->text, c->bridge.taps);

    /* Many small steps: a device does them beside the vision tower. */
    static const char *const clouds[ALM_CLOUDS] = {"points.fixed", "points.moving"};
    const alm_value xyz[ALM_CLOUDS] = {in->fixed, in->moving};
    alm_encoded_cloud encoded[ALM_CLOUDS];
    alm_graph_lane(g, 1);
    alm_point_encoder(g, &c->point, clouds, xyz, encoded);
    const alm_bridge_out bridge = alm_point_bridge(g, c, encoded[0], encoded[1], point_features);
    alm_graph_lane(g, 0);
    const alm_vision_out vision = see_pages(g, c, shape, in, image_features);

    const alm_value table =
        alm_weights_matrix(g, "pvlm_interface.vlm.model.language_model.embed_tokens.weight",
                           c->text.embedding_rows, c->text.width);
    alm_language_in text = {
        .h =
            alm_build_token_embed(g, "text.embed", in->source, table, vision.tokens, bridge.tokens),
        .source = in->source,
        .position = alm_build_point_positions(g, "position_ids", bridge.centers, in->position,
                                              in->source, c->point.grid),
        .rule = in->query_rule,
        .key_rule = in->key_rule,
        .n_tokens = in->n_tokens,
        .first = in->first,
        .tokens = shape.tokens,
        .last = in->last,
        .last_rule = in->last_rule,
        .deepstack = image_features > point_features ? image_features : point_features,
    };
    alm_graph_stage(g, text.h, "text.embed");
    alm_graph_stage(g, text.position, "position_ids");
    for (int k = 0; k < text.deepstack; k++) {
        text.image[k] = k < image_features ? vision.deepstack[k] : ALM_NONE;
        text.point[k] = k < point_features ? bridge.deepstack[k] : ALM_NONE;
    }
    const alm_value hidden = alm_language_model(g, &c->text, text);
    return pose_head(g, c, hidden);
}

alm_status alm_assemlm2_build(const alm_assemlm2_config *config, alm_shape_class shape,
                              alm_weight_lookup *lookup, void *context, alm_assemlm2 *out)
{
    alm_assemlm2 model;
    ALM_TRY(alm_graph_create(lookup, context, &model.graph));
    model.in = inputs(model.graph, config, shape);
    model.pose = build(model.graph, config, shape, &model.in);
    alm_graph_output(model.graph, model.pose);
    const alm_status status = alm_graph_status(model.graph);
    if (status != ALM_OK) {
        alm_graph_destroy(model.graph);
        return status;
    }
    *out = model;
    return ALM_OK;
}
