/* The narrowing pass: which values of the model become BF16, and what keeps a value wide. */
#include "graph/build.h"
#include "graph/models/assemlm2.h"
#include "graph/narrow.h"
#include "graph/plan.h"
#include "tests/graph/configs.h"
#include "tests/shim/alm_test.h"

/* Everything that is narrow in it, in the order of the graph: norm outputs, queries, keys and
 * values with their rotation and their states, attention outputs, activations of MLPs, pixels and
 * Fourier features. Not the residual stream, the point encoder, positions, tables of angles, the
 * head. */
static const char *const narrow_names[] = {
    "bridge.input.norm",
    "bridge.input.mlp.0",
    "bridge.fourier",
    "bridge.position.0",
    "bridge.scale.0",
    "bridge.0.norm1",
    "bridge.0.qkv",
    "bridge.0.q",
    "bridge.0.k",
    "bridge.0.v",
    "bridge.0.attn",
    "bridge.0.norm2",
    "bridge.0.linear1",
    "bridge.deepstack.0.project.norm",
    "bridge.tokens.norm",
    "vision.pixels",
    "vision.0.norm1",
    "vision.0.qkv",
    "vision.0.rotary",
    "vision.0.q",
    "vision.0.k",
    "vision.0.v",
    "vision.0.attn",
    "vision.0.norm2",
    "vision.0.fc1",
    "vision.deepstack.0.norm",
    "vision.deepstack.0.fc1",
    "vision.merger.norm",
    "vision.merger.join",
    "vision.merger.fc1",
    "text.0.input_norm",
    "text.0.k",
    "text.0.v",
    "text.0.k_rotary",
    "text.0.keys_cache",
    "text.0.keys",
    "text.0.values_cache",
    "text.0.values",
    "text.0.q",
    "text.0.q_rotary",
    "text.0.attn",
    "text.0.post_norm",
    "text.0.gate_up",
    "text.1.input_norm",
    "text.1.last_n",
    "text.1.k",
    "text.1.v",
    "text.1.k_rotary",
    "text.1.keys_cache",
    "text.1.keys",
    "text.1.values_cache",
    "text.1.values",
    "text.1.q",
    "text.1.q_rotary",
    "text.1.attn",
    "text.1.post_norm",
    "text.1.gate_up",
};
enum { NARROW_NAMES = sizeof narrow_names / sizeof narrow_names[0] };

static bool is_listed(const char *name)
{
    for (int i = 0; i < NARROW_NAMES; i++) {
        if (strcmp(narrow_names[i], name) == 0) {
            return true;
        }
    }
    return false;
}

static alm_graph *small_model(bool warm)
{
    const alm_assemlm2_config config = alm_test_small_config();
    const alm_shape_class shape = {
        .patches = warm ? 0 : 64, .tokens = 80, .rows = warm ? 40 : 80, .warm = warm};
    alm_assemlm2 model;
    const alm_status status = alm_assemlm2_build(&config, shape, NULL, NULL, &model);
    return status == ALM_OK ? model.graph : NULL;
}

ALM_TEST(narrow, exactly_the_operands_of_products)
{
    alm_graph *g = small_model(false);
    ALM_REQUIRE(g != NULL);
    ALM_REQUIRE_OK(alm_graph_narrow(g));
    int narrow = 0;
    for (int v = 0; v < g->n_values; v++) {
        const alm_value_info *info = &g->values[v];
        if (g->values[info->root].storage == ALM_STORAGE_WEIGHT) {
            continue; /* below */
        }
        const bool is_narrow = info->desc.dtype == ALM_DTYPE_BF16;
        narrow += is_narrow;
        if (is_narrow != is_listed(info->name)) {
            ALM_FAIL("%s is %s", info->name, alm_dtype_name(info->desc.dtype));
        }
        ALM_CHECK_INT(g->values[info->root].desc.dtype, info->desc.dtype);
    }
    ALM_CHECK_INT(narrow, NARROW_NAMES);
    alm_graph_destroy(g);
}

/* With weights of F32: products of narrow operands get narrow weights, and nothing else does. Cold
 * and warm runs share them. */
static int narrow_weights(bool warm)
{
    alm_graph *g = small_model(warm);
    int narrow = 0;
    for (int v = 0; g && v < g->n_values; v++) {
        if (g->values[v].storage == ALM_STORAGE_WEIGHT) {
            g->values[v].desc.dtype = ALM_DTYPE_F32;
        }
    }
    if (!g || alm_graph_narrow(g) != ALM_OK) {
        ALM_FAIL("%s", alm_error_message());
        return 0;
    }
    for (int n = 0; n < g->n_nodes; n++) {
        const alm_node *node = &g->nodes[n];
        const bool is_product = node->op == &alm_op_linear || node->op == &alm_op_qkv;
        for (int i = 1; i < node->n_in; i++) {
            const alm_value v = node->in[i];
            if (v == ALM_NONE || g->values[v].storage != ALM_STORAGE_WEIGHT) {
                continue;
            }
            const bool is_matrix = is_product && (i == 1 || i == 4) &&
                                   g->values[node->in[0]].desc.dtype == ALM_DTYPE_BF16;
            const bool is_narrow = g->values[v].desc.dtype == ALM_DTYPE_BF16;
            narrow += is_narrow;
            if (is_narrow != is_matrix) {
                ALM_FAIL("%s: %s is %s", node->name, g->values[v].name,
                         alm_dtype_name(g->values[v].desc.dtype));
            }
        }
    }
    alm_graph_destroy(g);
    return narrow;
}

ALM_TEST(narrow, weights_of_f32_files_follow_their_operands)
{
    ALM_CHECK(narrow_weights(false) > 25);
    ALM_CHECK(narrow_weights(true) > 5);
}

/* A warm run finds the keys and values that a cold one left. */
ALM_TEST(narrow, states_are_alike_in_cold_and_warm_graphs)
{
    alm_graph *cold = small_model(false), *warm = small_model(true);
    ALM_REQUIRE(cold != NULL && warm != NULL);
    ALM_REQUIRE_OK(alm_graph_narrow(cold));
    ALM_REQUIRE_OK(alm_graph_narrow(warm));
    int states = 0;
    for (int v = 0; v < cold->n_values; v++) {
        for (int w = 0; w < warm->n_values; w++) {
            const alm_value_info *a = &cold->values[v], *b = &warm->values[w];
            if (a->storage == ALM_STORAGE_STATE && strcmp(a->name, b->name) == 0) {
                ALM_CHECK(alm_desc_equal(&a->desc, &b->desc));
                states++;
            }
        }
    }
    ALM_CHECK_INT(states, 4);
    alm_graph_destroy(cold);
    alm_graph_destroy(warm);
}

/* Sizing a workspace runs the kernel's own file, so only those that this machine has. */
ALM_TEST(narrow, plans_hold_on_every_kernel_family_and_need_less)
{
    static const int arch[] = {ALM_CPU_GENERIC, ALM_CPU_AVX2, ALM_CPU_AVX512};
    for (int i = 0; i < 3 && arch[i] <= alm_cpu_arch(); i++) {
        const alm_device device = {.backend = ALM_BACKEND_CPU, .arch = arch[i], .threads = 2};
        size_t bytes[2];
        for (int narrow = 0; narrow < 2; narrow++) {
            alm_graph *g = small_model(false);
            alm_plan *plan;
            ALM_REQUIRE(g != NULL);
            if (narrow) {
                ALM_REQUIRE_OK(alm_graph_narrow(g));
                ALM_REQUIRE_OK(alm_graph_narrow(g)); /* changes nothing */
            }
            ALM_REQUIRE_OK(alm_plan_create(g, &device, NULL, &plan));
            ALM_REQUIRE_OK(alm_plan_verify(plan));
            bytes[narrow] = plan->lower_bound;
            alm_plan_destroy(plan);
            alm_graph_destroy(g);
        }
        ALM_CHECK(bytes[1] <= bytes[0]);
    }
}

/* What makes a value of a small graph wide. */
typedef struct toy {
    alm_graph *g;
    alm_value a, turned, product;
} toy;

static toy toy_graph(void)
{
    toy t = {.g = NULL};
    if (alm_graph_create(NULL, NULL, &t.g) != ALM_OK) {
        return t;
    }
    alm_graph *g = t.g;
    const alm_value x = alm_graph_input(g, "x", alm_desc_2(ALM_DTYPE_F32, 4, 32), ALM_NONE);
    const alm_value index = alm_graph_input(g, "i", alm_desc_1(ALM_DTYPE_I32, 2), ALM_NONE);
    const alm_affine layer = {.weight = alm_weights_matrix(g, "w", 32, 32), .bias = ALM_NONE};
    t.a = alm_build_linear(g, "a", x, layer, ALM_EPILOGUE_NONE, ALM_NONE);
    t.turned = alm_build_gather_rows(g, "turned", t.a, index);
    t.product = alm_build_linear(g, "product", t.turned, layer, ALM_EPILOGUE_NONE, ALM_NONE);
    alm_graph_output(g, t.product);
    return t;
}

static bool is_bf16(const toy *t, alm_value v)
{
    return t->g->values[v].desc.dtype == ALM_DTYPE_BF16;
}

ALM_TEST(narrow, hands_on_what_comes_to_a_product)
{
    const toy t = toy_graph();
    ALM_REQUIRE_OK(alm_graph_narrow(t.g));
    ALM_CHECK(is_bf16(&t, t.a) && is_bf16(&t, t.turned) && !is_bf16(&t, t.product));
    alm_graph_destroy(t.g);
}

ALM_TEST(narrow, one_other_reader_keeps_a_value_and_its_source_wide)
{
    const toy t = toy_graph();
    alm_graph_output(t.g, alm_build_add(t.g, "sum", t.turned, t.product));
    ALM_REQUIRE_OK(alm_graph_narrow(t.g));
    ALM_CHECK(!is_bf16(&t, t.a) && !is_bf16(&t, t.turned));
    alm_graph_destroy(t.g);
}

ALM_TEST(narrow, a_reader_of_a_view_counts)
{
    const toy t = toy_graph();
    const alm_value view =
        alm_graph_reshape(t.g, "view", t.a, alm_desc_2(ALM_DTYPE_F32, 8, 16), ALM_NONE);
    const alm_value norm = alm_weights_vector(t.g, "norm", 16);
    alm_graph_output(t.g, alm_build_rmsnorm(t.g, "normed", view, norm, 1e-6));
    ALM_REQUIRE_OK(alm_graph_narrow(t.g));
    ALM_CHECK(!is_bf16(&t, t.a) && !is_bf16(&t, view) && is_bf16(&t, t.turned));
    alm_graph_destroy(t.g);
}

ALM_TEST(narrow, outputs_and_residuals_stay_wide)
{
    const toy t = toy_graph();
    alm_graph_output(t.g, t.turned);
    ALM_REQUIRE_OK(alm_graph_narrow(t.g));
    ALM_CHECK(!is_bf16(&t, t.a) && !is_bf16(&t, t.turned));
    alm_graph_destroy(t.g);

    const toy r = toy_graph();
    const alm_affine layer = {.weight = alm_weights_matrix(r.g, "v", 32, 32), .bias = ALM_NONE};
    alm_graph_output(r.g, alm_build_linear(r.g, "again", r.a, layer, ALM_EPILOGUE_NONE, r.a));
    ALM_REQUIRE_OK(alm_graph_narrow(r.g));
    ALM_CHECK(!is_bf16(&r, r.a) && is_bf16(&r, r.turned));
    alm_graph_destroy(r.g);
}

/* The pass leaves attention with operands of two types: a bug that it must tell. */
ALM_TEST(narrow, tells_what_an_operation_refuses)
{
    alm_graph *g;
    ALM_REQUIRE_OK(alm_graph_create(NULL, NULL, &g));
    const alm_value x = alm_graph_input(g, "x", alm_desc_2(ALM_DTYPE_F32, 4, 32), ALM_NONE);
    const alm_value rule = alm_graph_input(g, "rule", alm_desc_2(ALM_DTYPE_I32, 4, 3), ALM_NONE);
    const alm_affine layer = {.weight = alm_weights_matrix(g, "w", 32, 32), .bias = ALM_NONE};
    const alm_value q = alm_build_linear(g, "q", x, layer, ALM_EPILOGUE_NONE, ALM_NONE);
    const alm_attention_in in = {.q = q, .k = x, .v = x, .query_rule = rule, .key_rule = rule};
    alm_graph_output(g, alm_build_attention(g, "mixed", in, 1, 1, 32));
    ALM_CHECK_STATUS(alm_graph_narrow(g), ALM_STATUS_INTERNAL);
    ALM_CHECK_TEXT(alm_error_message(), "mixed, narrowed: attention: k is F32, expected BF16");
    alm_graph_destroy(g);
}

/* A weight that is read in two ways stays as it is. */
ALM_TEST(narrow, a_weight_with_another_reader_stays_wide)
{
    const toy t = toy_graph();
    alm_value weight = ALM_NONE;
    for (int n = 0; n < t.g->n_nodes; n++) {
        weight = t.g->nodes[n].out[0] == t.product ? t.g->nodes[n].in[1] : weight;
    }
    ALM_REQUIRE(weight != ALM_NONE);
    t.g->values[weight].desc.dtype = ALM_DTYPE_F32;
    alm_graph_output(t.g, alm_build_add(t.g, "sum", weight, weight));
    ALM_REQUIRE_OK(alm_graph_narrow(t.g));
    ALM_CHECK(is_bf16(&t, t.turned) && !is_bf16(&t, weight));
    alm_graph_destroy(t.g);
}
