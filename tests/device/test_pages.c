/* Pages on a device: the operation that resizes and cuts gives the bytes of the host's own code and
 * of the golden images (qwen3vl.md 1), by its reference and by the kernel of the device. */
#include <stdio.h>

#include <stdlib.h>
#include <string.h>

#include "graph/build.h"
#include "runtime/backend.h"
#include "runtime/input/image.h"
#include "runtime/input/state.h"
#include "tests/models/golden.h"
#include "tests/shim/alm_test.h"

/* One node with its inputs, on a target. */
typedef struct machine {
    alm_graph *graph;
    alm_plan *plan;
    alm_timeline *timeline;
    alm_executor *executor;
    void *state;
    alm_value count, out;
    alm_pages_in in;
} machine;

static alm_status build(machine *m, alm_target *target, const alm_resize *r, int64_t patches)
{
    ALM_TRY(alm_graph_create(NULL, NULL, &m->graph));
    alm_graph *g = m->graph;
    const alm_dtype i32 = ALM_DTYPE_I32;
    m->count = alm_graph_input(g, "n", alm_desc_1(i32, 1), ALM_NONE);
    m->in.rgb = alm_graph_input(g, "rgb", alm_desc_1(ALM_DTYPE_U8, r->bytes + 5), ALM_NONE);
    m->in.page = alm_graph_input(g, "page", alm_desc_2(i32, r->pages, 4), ALM_NONE);
    m->in.span = alm_graph_input(g, "span", alm_desc_2(i32, (int64_t)r->spans + 1, 4), ALM_NONE);
    m->in.weight = alm_graph_input(g, "weight", alm_desc_1(i32, (int64_t)r->weights + 1), ALM_NONE);
    m->in.position = alm_graph_input(g, "position", alm_desc_2(i32, patches + 3, 2), m->count);
    const alm_page_patches_attr attr = {.wide = r->wide, .patch = 16, .temporal_patch = 2};
    m->out = alm_build_page_patches(g, "pages", m->in, attr);
    alm_graph_output(g, m->out);
    ALM_TRY(alm_graph_status(g));
    ALM_TRY(alm_timeline_create(target, 1, &m->timeline));
    ALM_TRY(alm_plan_create(g, &m->timeline->device, NULL, &m->plan));
    ALM_TRY(alm_plan_verify(m->plan));
    ALM_TRY(alm_state_create(m->timeline, g, &m->state));
    return alm_executor_create(m->timeline, m->plan, NULL, NULL, m->state, &m->executor);
}

static void destroy(machine *m)
{
    alm_executor_destroy(m->executor);
    alm_plan_destroy(m->plan);
    if (m->timeline) {
        alm_state_destroy(m->timeline, m->state);
    }
    alm_timeline_destroy(m->timeline);
    alm_graph_destroy(m->graph);
}

static void fill(const machine *m, alm_value input, const void *data, size_t bytes)
{
    memcpy(alm_executor_input(m->executor, input), data, bytes);
}

/* The pages of the sample, cut by the target, against `want`. */
static alm_status compare(alm_target *target, const char *name, const alm_image *image, int pages,
                          const alm_resize *r, const int32_t *position, int32_t patches,
                          const uint8_t *want)
{
    machine m = {0};
    alm_tensor got;
    alm_status status = build(&m, target, r, patches);
    if (status == ALM_OK) {
        uint8_t *rgb = alm_executor_input(m.executor, m.in.rgb);
        for (int i = 0; i < pages; i++) {
            const size_t bytes = 3 * (size_t)image[i].width * (size_t)image[i].height;
            memcpy(rgb, image[i].rgb, bytes);
            rgb += bytes;
        }
        fill(&m, m.count, &patches, sizeof patches);
        fill(&m, m.in.page, r->page, (size_t)pages * sizeof *r->page);
        fill(&m, m.in.span, r->span, r->spans * 4 * sizeof *r->span);
        fill(&m, m.in.weight, r->weight, r->weights * sizeof *r->weight);
        fill(&m, m.in.position, position, (size_t)patches * 2 * sizeof *position);
        status = alm_executor_run(m.executor, NULL, NULL);
    }
    if (status == ALM_OK) {
        status = alm_executor_fetch(m.executor, m.out, &got);
    }
    if (status == ALM_OK && memcmp(got.data, want, (size_t)patches * 1536) != 0) {
        ALM_FAIL("%s on %s: other patches", name, target->name);
    }
    destroy(&m);
    return status;
}

/* All of these pages as one sample; `golden`: their patch rows, NULL: those of the host. */
static void check(alm_target *const target[2], const char *name, const alm_page_rule *rule,
                  const alm_image *image, int pages, const uint8_t *golden)
{
    alm_resize r = {0};
    alm_grid grid[ALM_PAGES];
    int32_t patches = 0, at = 0;
    for (int i = 0; i < pages; i++) {
        ALM_REQUIRE_OK(alm_page_grid(rule, image[i].width, image[i].height, name, &grid[i]));
        ALM_REQUIRE_OK(alm_resize_add(&r, rule, image[i].width, image[i].height, grid[i]));
        patches += grid[i].rows * grid[i].columns;
    }
    const size_t n = (size_t)patches;
    uint8_t *rows = malloc(n * 1536);
    int32_t *index = malloc(n * 4 * sizeof *index), *position = malloc(n * 2 * sizeof *position);
    float *weight = malloc(n * 4 * sizeof *weight);
    ALM_REQUIRE(rows && index && position && weight);
    for (int i = 0; i < pages; i++) {
        ALM_REQUIRE_OK(alm_page_patches(rule, &image[i], grid[i], rows + (size_t)at * 1536));
        alm_page_positions(rule, 48, grid[i], index, weight, position + 2 * (size_t)at);
        at += grid[i].rows * grid[i].columns;
    }
    for (int k = 0; k < 2; k++) {
        ALM_REQUIRE_OK(
            compare(target[k], name, image, pages, &r, position, patches, golden ? golden : rows));
    }
    alm_resize_free(&r);
    free(rows);
    free(index);
    free(position);
    free(weight);
}

/* False where there is no device. */
static bool open_targets(alm_target *target[2])
{
    if (alm_target_open_cuda(0, &target[1]) != ALM_OK) {
        return false;
    }
    if (alm_target_open_cpu(&target[0]) != ALM_OK) {
        ALM_FAIL("%s", alm_error_message());
        alm_target_close(target[1]);
        return false;
    }
    return true;
}

ALM_TEST(pages, golden_images)
{
    static const char suffix[] = "/patch_bytes";
    const alm_page_rule rule = {16, 2, 2, 4096, 36864}; /* golden/tiny/model/base */
    alm_target *target[2];
    alm_state *state;
    int images = 0;
    if (!open_targets(target)) {
        ALM_SKIP("%s", alm_error_message());
    }
    ALM_REQUIRE_OK(alm_state_open(alm_test_golden("images/expected.safetensors"), &state));
    for (int i = 0; i < alm_state_count(state); i++) {
        const alm_state_tensor *t = alm_state_at(state, i);
        const char *at = strstr(t->name, suffix);
        if (!at) {
            continue;
        }
        char path[256];
        alm_image image;
        snprintf(path, sizeof path, "images/%.*s", (int)(at - t->name), t->name);
        ALM_REQUIRE_OK(alm_image_read(alm_test_golden(path), &image));
        check(target, path, &rule, &image, 1, t->data);
        alm_image_free(&image);
        images++;
    }
    ALM_CHECK_INT(images, 18);
    alm_state_close(state);
    alm_target_close(target[0]);
    alm_target_close(target[1]);
}

/* Two pages in one sample: both resized, one as it is, one axis of each. */
ALM_TEST(pages, two_of_a_sample)
{
    static const struct {
        int width, height;
    } size[][2] = {{{91, 130}, {40, 33}}, {{64, 96}, {65, 64}}, {{64, 65}, {96, 64}}};
    const alm_page_rule rule = {16, 2, 2, 4096, 9216};
    alm_target *target[2];
    if (!open_targets(target)) {
        ALM_SKIP("%s", alm_error_message());
    }
    for (size_t k = 0; k < sizeof size / sizeof size[0]; k++) {
        alm_image image[2];
        for (int i = 0; i < 2; i++) {
            const size_t bytes = 3 * (size_t)size[k][i].width * (size_t)size[k][i].height;
            image[i] = (alm_image){size[k][i].width, size[k][i].height, malloc(bytes)};
            ALM_REQUIRE(image[i].rgb);
            for (size_t b = 0; b < bytes; b++) {
                image[i].rgb[b] = (uint8_t)alm_test_random();
            }
        }
        check(target, "two pages", &rule, image, 2, NULL);
        free(image[0].rgb);
        free(image[1].rgb);
    }
    alm_target_close(target[0]);
    alm_target_close(target[1]);
}
