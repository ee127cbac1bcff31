/* The budget of a plan on a GPU that need not be here: work, floor and expected time of every node.
 *
 * The floor of a node is the larger of its arithmetic at the rate of the tensor cores (of the
 * float32 units where it is no matrix product of bf16) and its bytes at the rate of the memory.
 * What is expected on top: the share of the rate that good kernels reach, and the time between two
 * launches.
 */
#include <stdio.h>
#include <string.h>

#include "kernels/core/memory.h"
#include "kernels/linear/linear.h"
#include "runtime/cost.h"
#include "runtime/input/image.h"
#include "runtime/output/sink.h"
#include "runtime/session.h"

/* Rates: [m] measured on a machine of this kind, [v] the vendor's. */
typedef struct gpu {
    const char *name;
    int arch, multiprocessors;
    double bf16_tflops, f32_tflops, gbytes;
    size_t shared_bytes;
} gpu;

static const gpu gpus[] = {
    {"h200", 90, 132, 788, 67, 4300, 232448},      /* [m] [v] [m] */
    {"h100", 90, 132, 798, 67, 3000, 232448},      /* [m] [v] [m] */
    {"a100", 80, 108, 312, 19.5, 1555, 166912},    /* [v] */
    {"4090", 89, 128, 165, 82.6, 1008, 101376},    /* [v] */
    {"6000ada", 89, 142, 364, 91.1, 960, 101376},  /* [v] */
    {"pro6000", 120, 188, 504, 125, 1792, 101376}, /* [v] */
};

/* Shares of the rates that good kernels reach, and microseconds from one launch of a captured graph
 * to the next. */
static const double matrix_share = 0.75, attention_share = 0.6, other_share = 0.5, gap_us = 1.0;

/* ---- What a sample of this size uses ---- */

typedef struct usage {
    const alm_runner *runner;
    const alm_prompt *prompt;
    const int32_t *patch_rule; /* [patches, 3] */
    int64_t patches, image_tokens;
} usage;

static int64_t rows(const void *context, alm_value value)
{
    const usage *u = context;
    const alm_value_info *info = &u->runner->model.graph->values[value];
    const alm_assemlm2_inputs *in = &u->runner->model.in;
    const int64_t capacity = info->desc.rank ? info->desc.dim[0] : 1;
    if (info->count == ALM_NONE) {
        return capacity;
    }
    return info->count == in->n_patches        ? u->patches
           : info->count == in->n_image_tokens ? u->image_tokens
                                               : u->prompt->used; /* rows and tokens */
}

static bool rules(const void *context, alm_value value, alm_tensor *out)
{
    const usage *u = context;
    const alm_assemlm2_inputs *in = &u->runner->model.in;
    const alm_value_info *info = &u->runner->model.graph->values[value];
    const void *data = value == in->patch_rule ? u->patch_rule
                       : value == in->last_rule
                           ? (const void *)(u->prompt->rule + 3 * (u->prompt->used - 1))
                       : info->constant ? info->constant
                                        : (const void *)u->prompt->rule;
    *out = (alm_tensor){.data = (void *)(uintptr_t)data, .stride = 3, .desc = info->desc};
    return true;
}

/* ---- The table ---- */

typedef struct totals {
    double flop, bytes, floor_us, expected_us;
    int launches;
} totals;

static void print_node(alm_sink *o, const gpu *d, const alm_plan *p, int n,
                       const alm_cost_source *source, totals *sum)
{
    const alm_node *node = &p->graph->nodes[n];
    const alm_cost cost = alm_node_cost(p->graph, n, source);
    const bool is_attention = node->op == &alm_op_attention;
    const bool is_matrix = is_attention || node->op == &alm_op_linear || node->op == &alm_op_qkv;
    const double tflops = is_matrix ? d->bf16_tflops : d->f32_tflops;
    const double compute = cost.flop / tflops * 1e-6, memory = cost.bytes / d->gbytes * 1e-3;
    const double floor_us = compute > memory ? compute : memory;
    const double share = is_attention ? attention_share : is_matrix ? matrix_share : other_share;
    const bool with_previous = n > 0 && p->paired[n - 1];
    const double expected_us = floor_us / share + (with_previous ? 0 : gap_us);
    alm_sink_print(o, "%4d  %-28s %-24s %10.3f %10.2f %9.2f %9.2f  %s\n", n, node->name,
                   p->kernel[n]->name, cost.flop * 1e-9, cost.bytes * 1e-6, floor_us, expected_us,
                   compute > memory ? "arithmetic" : "memory");
    sum->flop += cost.flop;
    sum->bytes += cost.bytes;
    sum->floor_us += floor_us;
    sum->expected_us += expected_us;
}

static void print_table(alm_sink *o, const gpu *d, const alm_runner *r, const usage *u)
{
    const alm_cost_source source = {.rows = rows, .rules = rules, .context = u};
    totals sum = {0};
    alm_sink_print(o, "%4s  %-28s %-24s %10s %10s %9s %9s  %s\n", "node", "name", "kernel", "GFLOP",
                   "MB", "floor us", "expected", "bound by");
    for (int n = 0; n < r->plan->graph->n_nodes; n++) {
        print_node(o, d, r->plan, n, &source, &sum);
    }
    alm_sink_print(
        o,
        "\n%s: %.0f TFLOP/s bf16, %.0f TFLOP/s f32, %.0f GB/s; expected: %.0f%% of it in matrix "
        "products, %.0f%% in attention, %.0f%% elsewhere, %.1f us a launch\n",
        d->name, d->bf16_tflops, d->f32_tflops, d->gbytes, 100 * matrix_share,
        100 * attention_share, 100 * other_share, gap_us);
    alm_sink_print(
        o,
        "%.3f TFLOP, %.2f GB, %d launches; floor %.2f ms, expected %.2f ms (%d tokens computed, "
        "%lld patches)\n",
        sum.flop * 1e-12, sum.bytes * 1e-9, alm_plan_launches(r->plan), sum.floor_us * 1e-3,
        sum.expected_us * 1e-3, u->prompt->used, (long long)u->patches);
}

static const gpu *find_gpu(const char *name)
{
    for (size_t i = 0; i < sizeof gpus / sizeof gpus[0]; i++) {
        if (strcmp(gpus[i].name, name) == 0) {
            return &gpus[i];
        }
    }
    return NULL;
}

static alm_status tabulate(alm_session *s, const gpu *d, const alm_prompt *prompt,
                           const alm_grid *grid, alm_sink *o)
{
    alm_runner runner = {.shape = {0}};
    alm_device device = s->timeline->device;
    const int merge = s->engine->settings->model.vision.merge;
    usage u = {.runner = &runner, .prompt = prompt};
    int32_t *patch_rule;
    for (int i = 0; i < ALM_PAGES; i++) {
        u.patches += (int64_t)grid[i].rows * grid[i].columns;
    }
    u.image_tokens = u.patches / ((int64_t)merge * merge);
    ALM_TRY(alm_alloc((size_t)u.patches, 3 * sizeof *patch_rule, "patch rules", &patch_rule));
    alm_runner_patch_rules(grid, patch_rule);
    u.patch_rule = patch_rule;
    if (alm_cuda_device_kernels) {
        device = (alm_device){.backend = ALM_BACKEND_CUDA,
                              .arch = d->arch,
                              .threads = 1,
                              .kernels = alm_cuda_device_kernels,
                              .multiprocessors = d->multiprocessors,
                              .shared_bytes = d->shared_bytes};
    }
    const alm_shape_class shape = {
        .patches = u.patches,
        .tokens = prompt->used,
        .rows = prompt->used,
        .pixels = device.backend == ALM_BACKEND_CUDA
                      ? alm_pixel_room_for(&s->engine->settings->model.vision, u.patches)
                      : (alm_pixel_room){0}};
    const alm_status status = alm_runner_plan(&runner, s->engine, ALM_DTYPE_BF16, &device, shape);
    if (status == ALM_OK) {
        print_table(o, d, &runner, &u);
    }
    alm_runner_clear(&runner);
    alm_free(patch_rule);
    return status == ALM_OK ? alm_sink_flush(o) : status;
}

alm_status alm_inspect_roofline(alm_session *s, const char *name, int width, int height,
                                alm_write_fn *write, void *context)
{
    alm_sink o = {.write = write, .context = context};
    const gpu *d = find_gpu(name);
    alm_grid grid[ALM_PAGES];
    alm_prompt *prompt;
    alm_error_clear();
    if (!d) {
        char known[256] = "";
        size_t at = 0;
        for (size_t i = 0; i < sizeof gpus / sizeof gpus[0] && at < sizeof known; i++) {
            at += (size_t)snprintf(known + at, sizeof known - at, "%s%s", i ? ", " : "",
                                   gpus[i].name);
        }
        return alm_fail(ALM_STATUS_USAGE, "roofline %s: expected one of %s", name, known);
    }
    ALM_TRY(alm_inspect_prompt(s->engine, width, height, grid, &prompt));
    const alm_status status = tabulate(s, d, prompt, grid, &o);
    alm_prompt_free(prompt);
    return status;
}
