/* How many launches a prediction of the released sizes takes. */
#include <stdio.h>

#include "graph/fuse_deepstack.h"
#include "graph/fuse_qkv.h"
#include "graph/narrow.h"
#include "graph/plan.h"
#include "kernels/cuda/table.h"
#include "tests/graph/configs.h"
#include "tests/shim/alm_test.h"

/* A100 and H100. */
static const alm_device devices[] = {
    {.backend = ALM_BACKEND_CUDA,
     .arch = 80,
     .threads = 1,
     .kernels = alm_cuda_kernels,
     .multiprocessors = 108,
     .shared_bytes = 163 * 1024},
    {.backend = ALM_BACKEND_CUDA,
     .arch = 90,
     .threads = 1,
     .kernels = alm_cuda_kernels,
     .multiprocessors = 132,
     .shared_bytes = 227 * 1024},
};

/* Of one operation; a node that runs with the one before counts with it. */
static int launches_of(const alm_plan *p, const alm_op_def *op)
{
    int launches = 0;
    for (int n = 0; n < p->graph->n_nodes; n++) {
        const bool with_previous = n > 0 && p->paired[n - 1];
        if (p->graph->nodes[n].op == op && !with_previous) {
            launches += p->kernel[n]->launches ? p->kernel[n]->launches : 1;
        }
    }
    return launches;
}

static void list(const alm_plan *p, const char *what)
{
    fprintf(stderr, "%s, compute capability %d: %d launches:", what, p->device.arch,
            alm_plan_launches(p));
    for (int i = 0; alm_ops[i]; i++) {
        const int launches = launches_of(p, alm_ops[i]);
        if (launches > 0) {
            fprintf(stderr, " %s %d", alm_ops[i]->name, launches);
        }
    }
    fprintf(stderr, "\n");
}

/* Of a bf16 run with two 576 x 576 pages, which come as pixels. */
static int launches(const alm_device *device, bool warm)
{
    const alm_assemlm2_config config = alm_test_release_config();
    const alm_pixel_room pages = {
        .bytes = 2 * 3 * 800 * 800, .wide = 2 * 3 * 576 * 800, .spans = 2304, .weights = 9216};
    const alm_shape_class shape = {.patches = warm ? 0 : 2592,
                                   .tokens = 1184,
                                   .rows = warm ? 544 : 1184,
                                   .warm = warm,
                                   .pixels = warm ? (alm_pixel_room){0} : pages};
    alm_assemlm2 model;
    alm_plan *plan = NULL;
    int n = -1;
    if (alm_assemlm2_build(&config, shape, NULL, NULL, &model) != ALM_OK) {
        return n;
    }
    if (alm_graph_narrow(model.graph) == ALM_OK && alm_graph_fuse_qkv(model.graph) == ALM_OK &&
        alm_graph_fuse_deepstack(model.graph) == ALM_OK &&
        alm_plan_create(model.graph, device, NULL, &plan) == ALM_OK &&
        alm_plan_verify(plan) == ALM_OK) {
        n = alm_plan_launches(plan);
        list(plan, warm ? "warm" : "cold");
    }
    alm_plan_destroy(plan);
    alm_graph_destroy(model.graph);
    return n;
}

ALM_TEST(launches, are_within_the_target)
{
    enum { TARGET = 450 };
    for (size_t i = 0; i < sizeof devices / sizeof devices[0]; i++) {
        const int cold = launches(&devices[i], false), warm = launches(&devices[i], true);
        if (cold < 0 || warm < 0) {
            ALM_FAIL("%s", alm_error_message());
        } else if (cold > TARGET || warm >= cold) {
            ALM_FAIL("compute capability %d: cold %d launches, warm %d, at most %d",
                     devices[i].arch, cold, warm, TARGET);
        }
    }
}
