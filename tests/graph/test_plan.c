/* The planner: plans of random graphs and of the released sizes hold under the verifier, and the
 * verifier finds plans that are wrong. */
#include "graph/build.h"
#include "graph/models/assemlm2.h"
#include "graph/plan.h"
#include "kernels/core/memory.h"
#include "tests/graph/configs.h"
#include "tests/shim/alm_test.h"

static const alm_device cpu = {.backend = ALM_BACKEND_CPU, .arch = ALM_CPU_GENERIC, .threads = 2};

/* Two 576 x 576 pages and a short category, with the workspaces of every kernel family. */
ALM_TEST(plan, release_is_within_five_percent_of_the_lower_bound)
{
    static const int arch[] = {ALM_CPU_GENERIC, ALM_CPU_AVX2, ALM_CPU_AVX512};
    const alm_assemlm2_config config = alm_test_release_config();
    for (int i = 0; i < 3 && arch[i] <= alm_cpu_arch(); i++) {
        const alm_device device = {.backend = ALM_BACKEND_CPU, .arch = arch[i], .threads = 2};
        alm_assemlm2 model;
        alm_plan *plan;
        ALM_REQUIRE_OK(alm_assemlm2_build(
            &config, (alm_shape_class){.patches = 2688, .tokens = 1216, .rows = 1216}, NULL, NULL,
            &model));
        ALM_REQUIRE_OK(alm_plan_create(model.graph, &device, NULL, &plan));
        ALM_REQUIRE_OK(alm_plan_verify(plan));
        if (!((double)plan->arena_bytes <= 1.05 * (double)plan->lower_bound)) {
            ALM_FAIL("arch %d: arena %zu bytes, lower bound %zu", arch[i], plan->arena_bytes,
                     plan->lower_bound);
        }
        alm_plan_destroy(plan);
        alm_graph_destroy(model.graph);
    }
}

ALM_TEST(plan, dead_work_is_not_built)
{
    const alm_assemlm2_config config = alm_test_release_config();
    alm_assemlm2 model;
    ALM_REQUIRE_OK(alm_assemlm2_build(
        &config, (alm_shape_class){.patches = 2592, .tokens = 1184, .rows = 1184}, NULL, NULL,
        &model));
    for (int n = 0; n < model.graph->n_nodes; n++) {
        const alm_node *node = &model.graph->nodes[n];
        const alm_value_info *out = &model.graph->values[node->out[0]];
        const bool one_row =
            strcmp(node->name, "text.27.q") == 0 || strcmp(node->name, "text.27.gate_up") == 0 ||
            strcmp(node->name, "text.27.o") == 0 || strcmp(node->name, "text.norm") == 0;
        ALM_CHECK(!one_row || out->desc.dim[0] == 1);
    }
    for (int v = 0; v < model.graph->n_values; v++) {
        ALM_CHECK(!strstr(model.graph->values[v].name, "lm_head"));
        ALM_CHECK(!strstr(model.graph->values[v].name, "point_projector"));
        ALM_CHECK(!strstr(model.graph->values[v].name, "linear0"));
    }
    alm_graph_destroy(model.graph);
}

/* A random graph of additions, normalisations and column views over `n` nodes. */
static alm_graph *random_graph(int n)
{
    alm_graph *g;
    if (alm_graph_create(NULL, NULL, &g) != ALM_OK) {
        return NULL;
    }
    enum { ROOM = 256 };
    alm_value made[ROOM];
    int count = 0;
    const int64_t rows = 8 + (int64_t)(alm_test_random() % 64);
    for (int i = 0; i < 3; i++) {
        made[count++] = alm_graph_input(g, "x", alm_desc_2(ALM_DTYPE_F32, rows, 32), ALM_NONE);
    }
    for (int i = 0; i < n && count < ROOM; i++) {
        const alm_value a = made[alm_test_random() % (uint64_t)count],
                        b = made[alm_test_random() % (uint64_t)count];
        const int64_t width = g->values[a].desc.dim[1];
        const char *name = alm_graph_text(g, "node%d", i);
        if (alm_test_random() % 3 == 0) {
            const int64_t wider = 16 * (1 + (int64_t)(alm_test_random() % 8));
            const alm_affine layer = alm_weights_linear(g, name, wider, width);
            made[count++] = alm_build_linear(g, name, a, layer, ALM_EPILOGUE_NONE, ALM_NONE);
        } else if (g->values[b].desc.dim[1] == width) {
            made[count++] = alm_build_add(g, name, a, b);
        }
    }
    alm_graph_output(g, made[count - 1]);
    if (g->values[made[3]].storage == ALM_STORAGE_TEMPORARY) {
        alm_graph_output(g, made[3]);
    }
    return g;
}

ALM_TEST(plan, random_graphs_verify)
{
    for (int round = 0; round < 200; round++) {
        alm_graph *g = random_graph(4 + round % 60);
        alm_plan *plan;
        ALM_REQUIRE(g != NULL);
        ALM_REQUIRE_OK(alm_graph_status(g));
        ALM_REQUIRE_OK(alm_plan_create(g, &cpu, NULL, &plan));
        ALM_REQUIRE_OK(alm_plan_verify(plan));
        ALM_CHECK(plan->arena_bytes >= plan->lower_bound);
        alm_plan_destroy(plan);
        alm_graph_destroy(g);
    }
}

/* Moving one block onto another that lives at the same time must be found, for every such pair. */
ALM_TEST(plan, verifier_finds_overlaps)
{
    alm_graph *g = random_graph(40);
    alm_plan *plan;
    ALM_REQUIRE(g != NULL);
    ALM_REQUIRE_OK(alm_plan_create(g, &cpu, NULL, &plan));
    int pairs = 0;
    for (int i = 0; i < plan->n_blocks; i++) {
        for (int j = 0; j < plan->n_blocks; j++) {
            alm_block *a = &plan->blocks[i], *b = &plan->blocks[j];
            if (i == j || a->first > b->last || b->first > a->last || a->value == ALM_NONE ||
                b->value == ALM_NONE) {
                continue;
            }
            const size_t offset = a->offset, arena = plan->arena_bytes;
            a->offset = b->offset;
            plan->arena_bytes = 1u << 30;
            ALM_CHECK_STATUS(alm_plan_verify(plan), ALM_STATUS_INTERNAL);
            a->offset = offset;
            plan->arena_bytes = arena;
            pairs++;
        }
    }
    ALM_CHECK(pairs > 20);
    plan->arena_bytes -= ALM_ALIGNMENT;
    ALM_CHECK_STATUS(alm_plan_verify(plan), ALM_STATUS_INTERNAL);
    alm_plan_destroy(plan);
    alm_graph_destroy(g);
}

ALM_TEST(plan, names_every_node_without_a_kernel)
{
    const alm_device cuda = {.backend = ALM_BACKEND_CUDA, .arch = 90, .threads = 1};
    alm_graph *g;
    alm_plan *plan = NULL;
    ALM_REQUIRE_OK(alm_graph_create(NULL, NULL, &g));
    const alm_value x = alm_graph_input(g, "x", alm_desc_2(ALM_DTYPE_F32, 4, 32), ALM_NONE);
    alm_graph_output(g, alm_build_add(g, "second", alm_build_add(g, "first", x, x), x));
    ALM_CHECK_STATUS(alm_plan_create(g, &cuda, NULL, &plan), ALM_STATUS_DEVICE);
    ALM_CHECK_TEXT(alm_error_message(), "first (add), second (add)");
    alm_graph_destroy(g);
}

ALM_TEST(plan, in_place_only_where_nobody_reads_the_input_again)
{
    alm_graph *g;
    alm_plan *plan;
    ALM_REQUIRE_OK(alm_graph_create(NULL, NULL, &g));
    const alm_value x = alm_graph_input(g, "x", alm_desc_2(ALM_DTYPE_F32, 4, 32), ALM_NONE);
    const alm_value a = alm_build_add(g, "a", x, x);
    const alm_value b = alm_build_add(g, "b", a, x); /* a is read again by d */
    const alm_value c = alm_build_add(g, "c", b, x); /* b is not */
    const alm_value d = alm_build_add(g, "d", c, a);
    const alm_value e = alm_build_add(g, "e", d, d); /* reads its input twice */
    alm_graph_output(g, e);
    ALM_REQUIRE_OK(alm_plan_create(g, &cpu, NULL, &plan));
    ALM_CHECK(plan->block[a] != plan->block[b]);
    ALM_CHECK_INT(plan->block[b], plan->block[c]);
    ALM_CHECK_INT(plan->block[c], plan->block[d]);
    ALM_CHECK(plan->block[d] != plan->block[e]);
    ALM_REQUIRE_OK(alm_plan_verify(plan));
    alm_plan_destroy(plan);
    alm_graph_destroy(g);
}

static bool narrow_weight(void *context, const char *name, alm_desc *out)
{
    (void)context;
    *out = strstr(name, "bias") ? alm_desc_1(ALM_DTYPE_F32, 8) : alm_desc_2(ALM_DTYPE_BF16, 8, 30);
    return !strstr(name, "absent");
}

ALM_TEST(graph, the_first_error_stays_and_names_the_tensor)
{
    alm_graph *g;
    ALM_REQUIRE_OK(alm_graph_create(narrow_weight, NULL, &g));
    const alm_value x = alm_graph_input(g, "x", alm_desc_2(ALM_DTYPE_F32, 4, 32), ALM_NONE);
    const alm_affine layer = alm_weights_linear(g, "text.3.mlp.down", 8, 32);
    const alm_value y = alm_build_linear(g, "y", x, layer, ALM_EPILOGUE_NONE, ALM_NONE);
    alm_graph_output(g, alm_graph_stage(g, alm_graph_columns(g, "c", y, 0, 4), "c"));
    ALM_CHECK_STATUS(alm_graph_status(g), ALM_STATUS_MODEL);
    ALM_CHECK_TEXT(alm_error_message(),
                   "text.3.mlp.down.weight: BF16 [8, 30], expected BF16 [8, 32]");
    ALM_CHECK_INT(g->n_nodes, 0);
    alm_graph_destroy(g);

    ALM_REQUIRE_OK(alm_graph_create(narrow_weight, NULL, &g));
    alm_weights_vector(g, "absent.weight", 8);
    ALM_CHECK_STATUS(alm_graph_status(g), ALM_STATUS_MODEL);
    ALM_CHECK_TEXT(alm_error_message(), "absent.weight: missing from the state file");
    alm_graph_destroy(g);
}

ALM_TEST(graph, rows_in_use_are_inherited)
{
    alm_graph *g;
    ALM_REQUIRE_OK(alm_graph_create(NULL, NULL, &g));
    const alm_value n = alm_graph_input(g, "n", alm_desc_1(ALM_DTYPE_I32, 1), ALM_NONE);
    const alm_value x = alm_graph_input(g, "x", alm_desc_2(ALM_DTYPE_F32, 4, 32), n);
    const alm_value y =
        alm_build_linear(g, "y", x, alm_weights_linear(g, "w", 8, 32), ALM_EPILOGUE_RELU, ALM_NONE);
    ALM_REQUIRE_OK(alm_graph_status(g));
    ALM_CHECK_INT(g->values[y].count, n);
    ALM_CHECK_INT(g->values[alm_build_mean_rows(g, "mean", y)].count, ALM_NONE);
    alm_graph_destroy(g);
}
