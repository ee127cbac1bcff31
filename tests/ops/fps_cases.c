/* Cases of fps. */
#include "kernels/fps/fps.h"

#include <math.h>

#include "tests/ops/op_test.h"
#include "tests/shim/alm_test.h"

static const alm_fps_attr one = {1}, six = {6}, forty = {40};

/* A line with mean 5.4: 11 is farthest from it, then 0, then 5; 1 and 10 are both 1 from a chosen
 * point: the lower index; then the last one; then all are chosen: index 0. */
static const float line[] = {1, 0, 0, 0, 0, 0, 10, 0, 0, 5, 0, 0, 11, 0, 0};
static const int32_t line_order[] = {4, 1, 3, 0, 2, 0};
static const float equal[] = {0.1f, 2, -3, 0.1f, 2, -3, 0.1f, 2, -3};
static const int32_t equal_order[] = {0, 0, 0, 0, 0, 0};

static void lattice(const alm_op_case *c, int index, void *const *filled, void *data)
{
    (void)filled;
    for (int64_t i = 0; i < alm_desc_count(&c->in[index].desc); i++) {
        ((float *)data)[i] = (float)(alm_test_random() % 4);
    }
}

static void wild(const alm_op_case *c, int index, void *const *filled, void *data)
{
    (void)filled;
    static const float some[] = {0, 1, -1, 1e25f, -1e30f, INFINITY, NAN, 1e-30f};
    for (int64_t i = 0; i < alm_desc_count(&c->in[index].desc); i++) {
        ((float *)data)[i] = some[alm_test_random() % 8];
    }
}

/* Magnitudes so different that the sum of the coordinates depends on the order in which it is made.
 */
static void spread(const alm_op_case *c, int index, void *const *filled, void *data)
{
    (void)filled;
    for (int64_t i = 0; i < alm_desc_count(&c->in[index].desc); i++) {
        const float unit = (float)(alm_test_random() % 20001) / 10000.0f - 1.0f;
        ((float *)data)[i] = ldexpf(unit, (int)(alm_test_random() % 60) - 40);
    }
}

static const alm_op_case cases[] = {
    {.name = "known",
     .in = {{ALM_DIMS(F32, 5, 3), .data = line}},
     .attr = &six,
     .expect = {line_order}},
    {.name = "equal points",
     .in = {{ALM_DIMS(F32, 3, 3), .data = equal}},
     .attr = &six,
     .expect = {equal_order}},
    {.name = "no point",
     .in = {{ALM_DIMS(F32, 3, 3), .rows = ALM_ROWS_NONE}},
     .attr = &six,
     .expect = {equal_order}},
    {.name = "one of one", .in = {{ALM_DIMS(F32, 1, 3)}}, .attr = &one},
    {.name = "15 points", .in = {{ALM_DIMS(F32, 15, 3)}}, .attr = &forty},
    {.name = "16 points", .in = {{ALM_DIMS(F32, 16, 3)}}, .attr = &forty},
    {.name = "17 points", .in = {{ALM_DIMS(F32, 17, 3)}}, .attr = &forty},
    {.name = "33 points", .in = {{ALM_DIMS(F32, 33, 3)}}, .attr = &forty},
    {.name = "a cloud", .in = {{ALM_DIMS(F32, 1024, 3)}}, .attr = &forty},
    {.name = "a point more than a warp takes", .in = {{ALM_DIMS(F32, 257, 3)}}, .attr = &six},
    {.name = "a point more than a block of 8 a thread",
     .in = {{ALM_DIMS(F32, 1025, 3)}},
     .attr = &six},
    {.name = "all that fit into registers", .in = {{ALM_DIMS(F32, 3072, 3)}}, .attr = &six},
    {.name = "more than fit into registers, ties",
     .in = {{ALM_DIMS(F32, 3073, 3), .fill = lattice, .stride = 4}},
     .attr = &six},
    {.name = "many for none",
     .in = {{ALM_DIMS(F32, 4000, 3), .rows = ALM_ROWS_NONE}},
     .attr = &six},
    {.name = "sums that depend on the order",
     .in = {{ALM_DIMS(F32, 200, 3), .fill = spread}},
     .attr = &six},
    {.name = "large magnitudes, many points",
     .in = {{ALM_DIMS(F32, 3100, 3), .rows = 3090, .fill = spread}},
     .attr = &six},
    {.name = "rows in use, strides",
     .in = {{ALM_DIMS(F32, 100, 3), .rows = 47, .stride = 5}},
     .attr = &forty,
     .out_stride = {2}},
    {.name = "ties", .in = {{ALM_DIMS(F32, 200, 3), .fill = lattice}}, .attr = &forty},
    {.name = "numbers that are none",
     .in = {{ALM_DIMS(F32, 100, 3), .fill = wild}},
     .attr = &forty},
};

static const alm_fps_attr zero = {0};

static const alm_op_bad bad[] = {
    {.name = "count of 0", .attr = &zero, .status = ALM_STATUS_MODEL, .text = "fps: count is 0"},
    {.name = "no capacity",
     ALM_DIMS(F32, 0, 3),
     .status = ALM_STATUS_MODEL,
     .text = "fps: 0 points, expected 1 to"},
    {.name = "type",
     ALM_DIMS(BF16, 5, 3),
     .status = ALM_STATUS_MODEL,
     .text = "fps: xyz is BF16, expected F32"},
    {.name = "shape",
     ALM_DIMS(F32, 5, 4),
     .status = ALM_STATUS_MODEL,
     .text = "fps: xyz is F32 [5, 4], expected [*, 3]"},
};

const alm_op_cases alm_cases_fps = {
    .op = &alm_op_fps,
    ALM_CASES(cases),
    ALM_BAD(bad),
};
