/* The fusion of DeepStack additions with the norms behind them. */
#include "graph/build.h"
#include "graph/fuse_deepstack.h"
#include "graph/fuse_qkv.h"
#include "graph/narrow.h"
#include "graph/plan.h"
#include "kernels/deepstack_norm/deepstack_norm.h"
#include "tests/graph/configs.h"
#include "tests/shim/alm_test.h"

static int count(const alm_graph *g, const alm_op_def *op)
{
    int n = 0;
    for (int i = 0; i < g->n_nodes; i++) {
        n += g->nodes[i].op == op;
    }
    return n;
}

static void check_plan(const alm_graph *g)
{
    const alm_device cpu = {.backend = ALM_BACKEND_CPU, .arch = ALM_CPU_GENERIC, .threads = 2};
    alm_plan *plan;
    ALM_REQUIRE_OK(alm_plan_create(g, &cpu, NULL, &plan));
    ALM_REQUIRE_OK(alm_plan_verify(plan));
    alm_plan_destroy(plan);
}

/* Every addition of the model is one with the norm of the next layer, cold and warm. */
ALM_TEST(fuse_deepstack, all_of_the_model)
{
    for (int warm = 0; warm < 2; warm++) {
        const alm_assemlm2_config config = alm_test_small_config();
        const alm_shape_class shape = {
            .patches = warm ? 0 : 64, .tokens = 80, .rows = warm ? 40 : 80, .warm = warm};
        alm_assemlm2 model;
        ALM_REQUIRE_OK(alm_assemlm2_build(&config, shape, NULL, NULL, &model));
        ALM_REQUIRE_OK(alm_graph_narrow(model.graph));
        ALM_REQUIRE_OK(alm_graph_fuse_qkv(model.graph));
        const int additions = count(model.graph, &alm_op_deepstack_add);
        const int norms = count(model.graph, &alm_op_rmsnorm);
        ALM_CHECK_INT(additions, 1);
        ALM_REQUIRE_OK(alm_graph_fuse_deepstack(model.graph));
        ALM_CHECK_INT(count(model.graph, &alm_op_deepstack_add), 0);
        ALM_CHECK_INT(count(model.graph, &alm_op_rmsnorm), norms - additions);
        for (int n = 0; n < model.graph->n_nodes; n++) {
            const alm_node *node = &model.graph->nodes[n];
            if (node->op == &alm_op_deepstack_norm) {
                const alm_value_info *normed = &model.graph->values[node->out[0]],
                                     *sum = &model.graph->values[node->out[1]];
                ALM_CHECK(strcmp(node->name, "text.0.deepstack") == 0);
                ALM_CHECK(strcmp(sum->stage, "text.layer.0") == 0);
                ALM_CHECK(strcmp(normed->name, "text.1.input_norm") == 0);
                ALM_CHECK_INT(normed->desc.dtype, ALM_DTYPE_BF16);
                ALM_CHECK(normed->producer == n && sum->producer == n);
            }
        }
        check_plan(model.graph);
        alm_graph_destroy(model.graph);
    }
}

/* Without a norm of the sum there is nothing to join. */
ALM_TEST(fuse_deepstack, leaves_other_sums_alone)
{
    alm_graph *g;
    ALM_REQUIRE_OK(alm_graph_create(NULL, NULL, &g));
    const alm_desc rows = alm_desc_2(ALM_DTYPE_F32, 4, 8);
    const alm_value h = alm_graph_input(g, "h", rows, ALM_NONE);
    const alm_value source =
        alm_graph_input(g, "source", alm_desc_2(ALM_DTYPE_I32, 4, 2), ALM_NONE);
    const alm_value sum = alm_build_deepstack_add(g, "sum", h, source, ALM_NONE, h);
    const alm_value weight = alm_weights_vector(g, "weight", 8);
    alm_graph_output(g, alm_build_rmsnorm(g, "norm", h, weight, 1e-6));
    alm_graph_output(g, alm_build_add(g, "reader", sum, sum));
    ALM_REQUIRE_OK(alm_graph_fuse_deepstack(g));
    ALM_CHECK_INT(count(g, &alm_op_deepstack_norm), 0);
    ALM_CHECK_INT(g->n_nodes, 3);
    check_plan(g);
    alm_graph_destroy(g);
}
