/* The work of a pose at the released sizes, counted node by node, against the sum that was derived
 * by hand from the sizes (performance page of the project: 5.49 TFLOP cold, 1.62 warm). */
#include "graph/fuse_qkv.h"
#include "graph/narrow.h"
#include "kernels/attention/attention.h"
#include "runtime/cost.h"
#include "tests/graph/configs.h"
#include "tests/shim/alm_test.h"

enum { PATCHES = 2592, TOKENS = 1182, PREFIX = 658, SEGMENT = 256, SECOND = 916 };

typedef struct sample {
    const alm_assemlm2 *model;
    bool warm;
    int32_t patch_rule[3 * PATCHES], rule[3 * TOKENS];
} sample;

static int64_t rows(const void *context, alm_value value)
{
    const sample *s = context;
    const alm_assemlm2_inputs *in = &s->model->in;
    const alm_value_info *info = &s->model->graph->values[value];
    if (info->count == ALM_NONE) {
        return info->desc.rank ? info->desc.dim[0] : 1;
    }
    return !s->warm && info->count == in->n_patches        ? PATCHES
           : !s->warm && info->count == in->n_image_tokens ? PATCHES / 4
           : info->count == in->n_rows && s->warm          ? TOKENS - PREFIX
                                                           : TOKENS;
}

static bool rules(const void *context, alm_value value, alm_tensor *out)
{
    const sample *s = context;
    const alm_assemlm2_inputs *in = &s->model->in;
    const alm_value_info *info = &s->model->graph->values[value];
    const int32_t *data = s->rule;
    if (!s->warm && value == in->patch_rule) {
        data = s->patch_rule;
    } else if (value == in->last_rule) {
        data = s->rule + 3 * (TOKENS - 1);
    } else if (value == in->query_rule && s->warm) {
        data = s->rule + 3 * PREFIX;
    } else if (info->constant) {
        data = info->constant;
    }
    *out = (alm_tensor){.data = (void *)(uintptr_t)data, .stride = 3, .desc = info->desc};
    return true;
}

/* Two pages; a causal prompt with two segments of points, half of each invariant. */
static void fill(sample *s)
{
    for (int i = 0; i < PATCHES; i++) {
        const int32_t begin = i < PATCHES / 2 ? 0 : PATCHES / 2;
        s->patch_rule[3 * i] = begin;
        s->patch_rule[3 * i + 1] = begin + PATCHES / 2;
        s->patch_rule[3 * i + 2] = ALM_ROW_PLAIN;
    }
    for (int i = 0; i < TOKENS; i++) {
        const int in_segment = i >= SECOND ? i - SECOND : i - PREFIX;
        const bool point = in_segment >= 0 && in_segment < SEGMENT;
        s->rule[3 * i] = 0;
        s->rule[3 * i + 1] = i + 1;
        s->rule[3 * i + 2] = !point                     ? ALM_ROW_PLAIN
                             : in_segment < SEGMENT / 2 ? ALM_ROW_EQUIVARIANT
                                                        : ALM_ROW_INVARIANT;
    }
}

static double tflop(bool warm, bool fused)
{
    static sample s;
    const alm_assemlm2_config config = alm_test_release_config();
    const alm_shape_class shape = {.patches = warm ? 0 : PATCHES,
                                   .tokens = TOKENS,
                                   .rows = warm ? TOKENS - PREFIX : TOKENS,
                                   .warm = warm};
    alm_assemlm2 model;
    double sum = 0;
    ALM_CHECK(alm_assemlm2_build(&config, shape, NULL, NULL, &model) == ALM_OK);
    if (fused) {
        ALM_CHECK(alm_graph_narrow(model.graph) == ALM_OK);
        ALM_CHECK(alm_graph_fuse_qkv(model.graph) == ALM_OK);
    }
    s.model = &model;
    s.warm = warm;
    fill(&s);
    const alm_cost_source source = {.rows = rows, .rules = rules, .context = &s};
    for (int n = 0; n < model.graph->n_nodes; n++) {
        const alm_cost cost = alm_node_cost(model.graph, n, &source);
        ALM_CHECK(cost.flop >= 0 && cost.bytes > 0);
        sum += cost.flop;
    }
    alm_graph_destroy(model.graph);
    return sum * 1e-12;
}

ALM_TEST(cost, of_a_pose)
{
    /* Half of the last digit of the derived sums, and a little for the small operations that they
     * leave out. */
    ALM_CHECK_NEAR(tflop(false, false), 5.49, 0.02);
    ALM_CHECK_NEAR(tflop(true, false), 1.62, 0.02);
    /* The same work in fewer nodes. */
    ALM_CHECK_NEAR(tflop(false, true), tflop(false, false), 1e-9);
}
