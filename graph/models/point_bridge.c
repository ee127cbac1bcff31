#include "graph/models/point_bridge.h"

#include <math.h>

#include "kernels/attention/attention.h"
#include "kernels/core/memory.h"

#define PREFIX "pvlm_interface.point_patch_bridge."
#define NORM_EPS 1e-5

enum { BRANCHES = 4, SCALES = 4 };

/* begin, end and kind of the rows: everything is visible, but not equivariant keys for invariant
 * queries. 3.5 */
static alm_value rules(alm_graph *g, int patches)
{
    const int64_t rows = BRANCHES * (int64_t)patches;
    int32_t *rule;
    const alm_status status = alm_alloc((size_t)rows, 3 * sizeof *rule, "bridge rules", &rule);
    if (status != ALM_OK) {
        alm_graph_fail(g, status);
        return ALM_NONE;
    }
    for (int64_t i = 0; i < rows; i++) {
        rule[3 * i] = 0;
        rule[3 * i + 1] = (int32_t)rows;
        rule[3 * i + 2] = i / patches % 2 ? ALM_ROW_INVARIANT : ALM_ROW_EQUIVARIANT;
    }
    const alm_value value =
        alm_graph_constant(g, "bridge.rule", alm_desc_2(ALM_DTYPE_I32, rows, 3), rule);
    alm_free(rule);
    return value;
}

/* linspace(1, highest, bands) in float32 as PyTorch makes it: from both ends, product and sum
 * rounded once. 3.3 */
static alm_value frequencies(alm_graph *g, const alm_bridge_config *b)
{
    enum { MAX_BANDS = 1024 };
    float f[MAX_BANDS];
    const int n = b->bands;
    if (n < 1 || n > MAX_BANDS) {
        alm_graph_fail(
            g, alm_fail(ALM_STATUS_MODEL, "fourier_bands %d, expected 1 to %d", n, MAX_BANDS));
        return ALM_NONE;
    }
    const float highest = (float)b->highest_frequency;
    const float step = (highest - 1.0f) / (float)(n > 1 ? n - 1 : 1);
    for (int i = 0; i < n; i++) {
        f[i] = i < (n / 2 > 1 ? n / 2 : 1) ? fmaf(step, (float)i, 1.0f)
                                           : fmaf(-step, (float)(n - 1 - i), highest);
    }
    return alm_graph_constant(g, "bridge.frequency", alm_desc_1(ALM_DTYPE_F32, n), f);
}

/* Patches, type, position and scale of the scene -> [4P, H]. 3.1 to 3.4 */
static alm_value embed(alm_graph *g, const alm_assemlm2_config *c, alm_value patches,
                       const alm_value scene[2])
{
    const int64_t h = c->bridge.width, token = 3 * (int64_t)c->point.features;
    const alm_affine norm = alm_weights_norm(g, PREFIX "input_proj.0", token);
    const alm_affine input1 = alm_weights_linear(g, PREFIX "input_proj.1", h, token);
    const alm_affine input2 = alm_weights_linear(g, PREFIX "input_proj.3", h, h);
    const alm_value type = alm_weights_matrix(g, PREFIX "type_embed.weight", BRANCHES, h);
    const alm_affine position1 =
        alm_weights_linear(g, PREFIX "pos_proj.0", h, 6 * (int64_t)c->bridge.bands);
    const alm_affine position2 = alm_weights_linear(g, PREFIX "pos_proj.2", h, h);
    const alm_affine scale1 = alm_weights_linear(g, PREFIX "scale_encoder.0", h, SCALES);
    const alm_affine scale2 = alm_weights_linear(g, PREFIX "scale_encoder.2", 2 * h, h);

    alm_value x = alm_build_layernorm(g, "bridge.input.norm", patches, norm, NORM_EPS);
    alm_value position =
        alm_build_fourier(g, "bridge.fourier", scene[0], frequencies(g, &c->bridge));
    alm_value film =
        alm_build_linear(g, "bridge.scale.0", scene[1], scale1, ALM_EPILOGUE_SILU, ALM_NONE);
    film = alm_build_linear(g, "bridge.scale.1", film, scale2, ALM_EPILOGUE_NONE, ALM_NONE);
    x = alm_build_linear(g, "bridge.input.mlp.0", x, input1, ALM_EPILOGUE_GELU_ERF, ALM_NONE);
    position = alm_build_linear(g, "bridge.position.0", position, position1, ALM_EPILOGUE_GELU_ERF,
                                ALM_NONE);
    /* A pair: the same sizes. */
    x = alm_build_linear(g, "bridge.input.mlp.1", x, input2, ALM_EPILOGUE_NONE, ALM_NONE);
    position =
        alm_build_linear(g, "bridge.position.1", position, position2, ALM_EPILOGUE_NONE, ALM_NONE);
    x = alm_build_film(g, "bridge.input", x, position, type, film);
    return alm_graph_stage(g, x, "bridge.input");
}

/* One pre-norm encoder layer, h [4P, H] -> [4P, H]. 3.5 */
static alm_value layer(alm_graph *g, const alm_bridge_config *b, int i, alm_value h, alm_value rule)
{
    const char *at = alm_graph_text(g, PREFIX "transformer_layers.%d.", i);
    const char *node = alm_graph_text(g, "bridge.%d.", i);
    const int64_t w = b->width;
    const alm_affine norm1 = alm_weights_norm(g, alm_graph_join(g, at, "norm1"), w);
    const alm_affine in_proj = {
        .weight =
            alm_weights_matrix(g, alm_graph_join(g, at, "self_attn.in_proj_weight"), 3 * w, w),
        .bias = alm_weights_vector(g, alm_graph_join(g, at, "self_attn.in_proj_bias"), 3 * w),
    };
    const alm_affine out_proj =
        alm_weights_linear(g, alm_graph_join(g, at, "self_attn.out_proj"), w, w);
    const alm_affine norm2 = alm_weights_norm(g, alm_graph_join(g, at, "norm2"), w);
    const alm_affine linear1 =
        alm_weights_linear(g, alm_graph_join(g, at, "linear1"), b->mlp_width, w);
    const alm_affine linear2 =
        alm_weights_linear(g, alm_graph_join(g, at, "linear2"), w, b->mlp_width);

    alm_value n = alm_build_layernorm(g, alm_graph_join(g, node, "norm1"), h, norm1, NORM_EPS);
    alm_value qkv = alm_build_linear(g, alm_graph_join(g, node, "qkv"), n, in_proj,
                                     ALM_EPILOGUE_NONE, ALM_NONE);
    const alm_attention_in in = {
        .q = alm_graph_columns(g, alm_graph_join(g, node, "q"), qkv, 0, w),
        .k = alm_graph_columns(g, alm_graph_join(g, node, "k"), qkv, w, w),
        .v = alm_graph_columns(g, alm_graph_join(g, node, "v"), qkv, 2 * w, w),
        .query_rule = rule,
        .key_rule = rule,
    };
    alm_value a = alm_build_attention(g, alm_graph_join(g, node, "attn"), in, b->heads, b->heads,
                                      (int)w / b->heads);
    h = alm_build_linear(g, alm_graph_join(g, node, "out"), a, out_proj, ALM_EPILOGUE_NONE, h);
    n = alm_build_layernorm(g, alm_graph_join(g, node, "norm2"), h, norm2, NORM_EPS);
    n = alm_build_linear(g, alm_graph_join(g, node, "linear1"), n, linear1, ALM_EPILOGUE_GELU_ERF,
                         ALM_NONE);
    h = alm_build_linear(g, alm_graph_join(g, node, "linear2"), n, linear2, ALM_EPILOGUE_NONE, h);
    return alm_graph_stage(g, h, alm_graph_text(g, "bridge.layer.%d", i));
}

/* What a LayerNorm and a linear layer bring to the language model's width. 3.6 */
typedef struct projection {
    alm_value x;
    const char *weights, *node;
} projection;

/* All of them step by step: a device does equal neighbours in one launch. */
static void project(alm_graph *g, const alm_assemlm2_config *c, projection *p, int n)
{
    for (int i = 0; i < n; i++) {
        const alm_affine norm =
            alm_weights_norm(g, alm_graph_join(g, p[i].weights, "0"), c->bridge.width);
        p[i].x =
            alm_build_layernorm(g, alm_graph_join(g, p[i].node, ".norm"), p[i].x, norm, NORM_EPS);
    }
    for (int i = 0; i < n; i++) {
        const alm_affine linear = alm_weights_linear(g, alm_graph_join(g, p[i].weights, "1"),
                                                     c->text.width, c->bridge.width);
        p[i].x = alm_build_linear(g, p[i].node, p[i].x, linear, ALM_EPILOGUE_NONE, ALM_NONE);
    }
}

alm_bridge_out alm_point_bridge(alm_graph *g, const alm_assemlm2_config *c, alm_encoded_cloud fixed,
                                alm_encoded_cloud moving, int used)
{
    const alm_bridge_config *b = &c->bridge;
    const alm_value gates = alm_weights_vector(g, PREFIX "deepstack_gates", b->taps);
    alm_value scene[2];
    alm_build_point_scene(g, "bridge.scene", fixed, moving, b->scale_reference, b->scale_clip,
                          scene);
    alm_value patches = alm_build_branch_tokens(g, "bridge.patches", fixed, moving);
    alm_value h = embed(g, c, patches, scene);
    const alm_value rule = rules(g, c->point.patches);

    alm_bridge_out out = {.centers = scene[0]};
    projection p[ALM_MAX_DEEPSTACK + 1];
    int taps = 0;
    for (int i = 0; i < b->layers; i++) {
        h = layer(g, b, i, h, rule);
        if (taps < used && b->tap_layer[taps] == i) {
            p[taps] = (projection){.x = h,
                                   .weights =
                                       alm_graph_text(g, PREFIX "deepstack_output_projs.%d.", taps),
                                   .node = alm_graph_text(g, "bridge.deepstack.%d.project", taps)};
            taps++;
        }
    }
    p[taps] = (projection){.x = h, .weights = PREFIX "output_proj.", .node = "bridge.tokens"};
    project(g, c, p, taps + 1);
    for (int i = 0; i < taps; i++) {
        const char *stage = alm_graph_text(g, "bridge.deepstack.%d", i);
        /* Its own gate alone, so that all of these nodes are alike. */
        const alm_value gate = alm_graph_rows(g, alm_graph_join(g, stage, ".gate"), gates, i, 1);
        out.deepstack[i] = alm_graph_stage(g, alm_build_scale(g, stage, p[i].x, gate, 0), stage);
    }
    out.tokens = alm_graph_stage(g, p[taps].x, "bridge.tokens");
    return out;
}
