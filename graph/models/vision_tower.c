#include "graph/models/vision_tower.h"

#include <math.h>

#include "graph/build.h"

#define PREFIX "pvlm_interface.vlm.model.visual."
#define NORM_EPS 1e-6

/* x [n, width] -> rotary angles [n, d/2]: d/4 frequencies by the row of the patch, d/4 by its
 * column. 2.3 */
static alm_rotary_angles angles(alm_graph *g, const alm_vision_config *v, alm_value position)
{
    enum { MAX_HALF = 4096 };
    double frequency[MAX_HALF];
    int32_t axis[MAX_HALF];
    const int quarter = v->width / v->heads / 4;
    if (2 * quarter > MAX_HALF) {
        alm_graph_fail(g, alm_fail(ALM_STATUS_MODEL, "vision head size %d, at most %d is supported",
                                   4 * quarter, 2 * MAX_HALF));
        return (alm_rotary_angles){ALM_NONE, ALM_NONE};
    }
    for (int i = 0; i < 2 * quarter; i++) {
        frequency[i] = pow(10000.0, -2.0 * (i % quarter) / (2.0 * quarter));
        axis[i] = i / quarter;
    }
    return alm_build_rotary_table(
        g, "vision.rotary", position,
        alm_graph_constant(g, "vision.frequency", alm_desc_1(ALM_DTYPE_F64, 2 * quarter),
                           frequency),
        alm_graph_constant(g, "vision.axis", alm_desc_1(ALM_DTYPE_I32, 2 * quarter), axis));
}

/* Pixels, patch embedding, position embedding. 1.3, 2.1, 2.2 */
static alm_value embed(alm_graph *g, const alm_assemlm2_config *c, alm_vision_in in)
{
    const alm_vision_config *v = &c->vision;
    const int64_t kernel[] = {v->width, v->channels, v->temporal_patch, v->patch, v->patch};
    const alm_affine projection = {
        .weight = alm_graph_weight(g, PREFIX "patch_embed.proj.weight", 5, kernel),
        .bias = alm_weights_vector(g, PREFIX "patch_embed.proj.bias", v->width),
    };
    const alm_value table = alm_weights_matrix(g, PREFIX "pos_embed.weight",
                                               (int64_t)v->grid_side * v->grid_side, v->width);

    alm_value pixels = alm_build_pixels(g, "vision.pixels", in.bytes, c->pixel_mean, c->pixel_std);
    alm_graph_stage(g, pixels, "pixel_values");
    alm_value x =
        alm_build_linear(g, "vision.patch_embed", pixels, projection, ALM_EPILOGUE_NONE, ALM_NONE);
    alm_graph_stage(g, x, "vision.patch_embed");
    alm_value position =
        alm_build_weighted_gather(g, "vision.pos_embed", in.table_index, in.table_weight, table);
    alm_graph_stage(g, position, "vision.pos_embed");
    return alm_build_add(g, "vision.embed", x, position);
}

/* x [n, width] -> [n, width]. 2.4 */
static alm_value block(alm_graph *g, const alm_vision_config *v, int i, alm_value x,
                       alm_rotary_angles turn, alm_value rule)
{
    const char *at = alm_graph_text(g, PREFIX "blocks.%d.", i);
    const char *node = alm_graph_text(g, "vision.%d.", i);
    const int w = v->width, d = w / v->heads;
    const alm_affine norm1 = alm_weights_norm(g, alm_graph_join(g, at, "norm1"), w);
    const alm_affine qkv_layer =
        alm_weights_linear(g, alm_graph_join(g, at, "attn.qkv"), 3 * (int64_t)w, w);
    const alm_affine proj = alm_weights_linear(g, alm_graph_join(g, at, "attn.proj"), w, w);
    const alm_affine norm2 = alm_weights_norm(g, alm_graph_join(g, at, "norm2"), w);
    const alm_affine fc1 =
        alm_weights_linear(g, alm_graph_join(g, at, "mlp.linear_fc1"), v->mlp_width, w);
    const alm_affine fc2 =
        alm_weights_linear(g, alm_graph_join(g, at, "mlp.linear_fc2"), w, v->mlp_width);

    alm_value n = alm_build_layernorm(g, alm_graph_join(g, node, "norm1"), x, norm1, NORM_EPS);
    alm_value qkv = alm_build_linear(g, alm_graph_join(g, node, "qkv"), n, qkv_layer,
                                     ALM_EPILOGUE_NONE, ALM_NONE);
    /* q and k turn alike: as twice as many heads. */
    qkv = alm_build_rotary(g, alm_graph_join(g, node, "rotary"), qkv, turn, ALM_NONE, 2 * v->heads,
                           d, 0.0);
    const alm_attention_in in = {
        .q = alm_graph_columns(g, alm_graph_join(g, node, "q"), qkv, 0, w),
        .k = alm_graph_columns(g, alm_graph_join(g, node, "k"), qkv, w, w),
        .v = alm_graph_columns(g, alm_graph_join(g, node, "v"), qkv, 2 * (int64_t)w, w),
        .query_rule = rule,
        .key_rule = rule,
    };
    alm_value a =
        alm_build_attention(g, alm_graph_join(g, node, "attn"), in, v->heads, v->heads, d);
    x = alm_build_linear(g, alm_graph_join(g, node, "proj"), a, proj, ALM_EPILOGUE_NONE, x);
    n = alm_build_layernorm(g, alm_graph_join(g, node, "norm2"), x, norm2, NORM_EPS);
    n = alm_build_linear(g, alm_graph_join(g, node, "fc1"), n, fc1, ALM_EPILOGUE_GELU_TANH,
                         ALM_NONE);
    x = alm_build_linear(g, alm_graph_join(g, node, "fc2"), n, fc2, ALM_EPILOGUE_NONE, x);
    return alm_graph_stage(g, x, alm_graph_text(g, "vision.block.%d", i));
}

/* A merger that is to be built: x [n, width] -> [n/merge², out]. */
typedef struct merger {
    alm_value x;
    const char *weights, *node, *stage;
    bool norm_first; /* the main merger norms patches, a DeepStack merger joined rows. 2.5 */
    alm_value *out;
} merger;

/* Joined and normed rows. */
static alm_value join(alm_graph *g, const alm_vision_config *v, const merger *m, alm_value tokens)
{
    const int64_t group = (int64_t)v->merge * v->merge, joined = group * v->width;
    const alm_affine norm = alm_weights_norm(g, alm_graph_join(g, m->weights, "norm"),
                                             m->norm_first ? v->width : joined);
    if (g->status != ALM_OK) {
        return ALM_NONE;
    }
    const alm_desc shape = alm_desc_2(ALM_DTYPE_F32, g->values[m->x].desc.dim[0] / group, joined);
    const char *join_name = alm_graph_join(g, m->node, "join");
    const char *norm_name = alm_graph_join(g, m->node, "norm");
    if (m->norm_first) {
        const alm_value n = alm_build_layernorm(g, norm_name, m->x, norm, NORM_EPS);
        return alm_graph_reshape(g, join_name, n, shape, tokens);
    }
    const alm_value rows = alm_graph_reshape(g, join_name, m->x, shape, tokens);
    return alm_build_layernorm(g, norm_name, rows, norm, NORM_EPS);
}

/* All of them step by step: a device does equal neighbours in one launch. */
static void merge(alm_graph *g, const alm_assemlm2_config *c, merger *m, int n, alm_value tokens)
{
    const int64_t joined = (int64_t)c->vision.merge * c->vision.merge * c->vision.width;
    for (int i = 0; i < n; i++) {
        m[i].x = join(g, &c->vision, &m[i], tokens);
    }
    for (int i = 0; i < n; i++) {
        const alm_affine fc1 =
            alm_weights_linear(g, alm_graph_join(g, m[i].weights, "linear_fc1"), joined, joined);
        m[i].x = alm_build_linear(g, alm_graph_join(g, m[i].node, "fc1"), m[i].x, fc1,
                                  ALM_EPILOGUE_GELU_ERF, ALM_NONE);
    }
    for (int i = 0; i < n; i++) {
        const alm_affine fc2 = alm_weights_linear(g, alm_graph_join(g, m[i].weights, "linear_fc2"),
                                                  c->text.width, joined);
        m[i].x = alm_build_linear(g, alm_graph_join(g, m[i].node, "fc2"), m[i].x, fc2,
                                  ALM_EPILOGUE_NONE, ALM_NONE);
        *m[i].out = alm_graph_stage(g, m[i].x, m[i].stage);
    }
}

/* Which DeepStack merger reads block i; -1 for none. */
static int deepstack_of(const alm_vision_config *v, int i, int used)
{
    for (int k = 0; k < used; k++) {
        if (v->deepstack_layer[k] == i) {
            return k;
        }
    }
    return -1;
}

alm_vision_out alm_vision_tower(alm_graph *g, const alm_assemlm2_config *c, alm_vision_in in,
                                int used)
{
    const alm_vision_config *v = &c->vision;
    alm_vision_out out = {.tokens = ALM_NONE};
    merger waiting[2]; /* built two by two */
    int n = 0;
    alm_value x = embed(g, c, in);
    const alm_rotary_angles turn = angles(g, v, in.position);
    for (int i = 0; i < v->depth; i++) {
        x = block(g, v, i, x, turn, in.rule);
        const int k = deepstack_of(v, i, used);
        if (k >= 0) {
            waiting[n++] =
                (merger){.x = x,
                         .weights = alm_graph_text(g, PREFIX "deepstack_merger_list.%d.", k),
                         .node = alm_graph_text(g, "vision.deepstack.%d.", k),
                         .stage = alm_graph_text(g, "vision.deepstack.%d", k),
                         .out = &out.deepstack[k]};
        }
        if (n == 2) {
            merge(g, c, waiting, n, in.tokens);
            n = 0;
        }
    }
    waiting[n++] = (merger){.x = x,
                            .weights = PREFIX "merger.",
                            .node = "vision.merger.",
                            .stage = "vision.merger",
                            .norm_first = true,
                            .out = &out.tokens};
    merge(g, c, waiting, n, in.tokens);
    return out;
}
