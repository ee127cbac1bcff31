/* Cases of point_scene. */
#include "kernels/point_scene/point_scene.h"
#include "tests/ops/op_test.h"

static const alm_point_scene_attr plain = {.reference = 1, .clip = 10},
                                  halved = {.reference = 2, .clip = 10};
static const float identity[] = {1, 0, 0, 0, 1, 0, 0, 0, 1};

/* Two crossed pairs about the origin; the frame takes (x, y, z) to (-y, x, z). The means coincide:
 * ln 1e-6 is clipped. */
static const float along_x[] = {-1, 0, 0, 1, 0, 0}, along_y[] = {0, -1, 0, 0, 1, 0};
static const float quarter[] = {0, 1, 0, -1, 0, 0, 0, 0, 1};
static const float crossed[] = {-1, 0,  0, 1, 0, 0, -1, 0, 0, 1,  0, 0,
                                0,  -1, 0, 0, 1, 0, 1,  0, 0, -1, 0, 0};
static const float crossed_scale[] = {0, 0, -10, 0};

/* Radii 2 and 4, means (2, 0, 0) and (0, 0, 4), their distance √20; the joint mean (1, 0, 2), the
 * farthest point (0, 0, 8) at √37. */
static const float near_points[] = {0, 0, 0, 4, 0, 0}, far_points[] = {0, 0, 0, 0, 0, 8};
static const float scale[] = {0, 0.693147181f, 0.804718956f, 1.112311776f};
/* (0 0 0), (4 0 0); (0 0 0), (0 0 8), each minus (1 0 2), over √37. */
#define S 0.164398987f
static const float centers[] = {-S, 0, -2 * S, 3 * S, 0, -2 * S, -S, 0, -2 * S, 3 * S, 0, -2 * S,
                                -S, 0, -2 * S, -S,    0, 6 * S,  -S, 0, -2 * S, -S,    0, 6 * S};

/* Shared coordinates become exactly 0, also after a turn whose products are not exact. */
static const float same[] = {0.1f, 0.7f, -3.3f, 0.1f, 0.7f, -3.3f, 0.1f, 0.7f, -3.3f};
static const float turn[] = {0.36f, 0.48f, -0.8f, -0.8f, 0.6f, 0, 0.48f, 0.64f, 0.6f};
static const float zeros[36], nowhere[] = {-10, -10, -10, -10};

static const alm_op_case cases[] = {
    {.name = "known, turned",
     .in = {{ALM_DIMS(F32, 2, 3), .data = along_x},
            {ALM_DIMS(F32, 3, 3), .data = identity},
            {ALM_DIMS(F32, 2, 3), .data = along_y},
            {ALM_DIMS(F32, 3, 3), .data = quarter}},
     .attr = &plain,
     .expect = {crossed, crossed_scale},
     .expect_within = 1e-7},
    {.name = "known, sizes",
     .in = {{ALM_DIMS(F32, 2, 3), .data = near_points},
            {ALM_DIMS(F32, 3, 3), .data = identity},
            {ALM_DIMS(F32, 2, 3), .data = far_points},
            {ALM_DIMS(F32, 3, 3), .data = identity}},
     .attr = &halved,
     .expect = {centers, scale},
     .expect_within = 1e-7},
    {.name = "one place",
     .in = {{ALM_DIMS(F32, 3, 3), .data = same},
            {ALM_DIMS(F32, 3, 3), .data = turn},
            {ALM_DIMS(F32, 3, 3), .data = same},
            {ALM_DIMS(F32, 3, 3), .data = turn}},
     .attr = &plain,
     .expect = {zeros, nowhere}},
    {.name = "patches, strides",
     .in = {{ALM_DIMS(F32, 13, 3), .stride = 4},
            {ALM_DIMS(F32, 3, 3), .stride = 5},
            {ALM_DIMS(F32, 13, 3)},
            {ALM_DIMS(F32, 3, 3)}},
     .attr = &halved,
     .out_stride = {5, 6}},
    {.name = "more patches than shared memory holds",
     .in = {{ALM_DIMS(F32, 450, 3)},
            {ALM_DIMS(F32, 3, 3)},
            {ALM_DIMS(F32, 450, 3)},
            {ALM_DIMS(F32, 3, 3)}},
     .attr = &plain},
};

static const alm_point_scene_attr no_reference = {.reference = 0, .clip = 10},
                                  negative_clip = {.reference = 1, .clip = -1};

static const alm_op_bad bad[] = {
    {.name = "type of centres",
     .input = 2,
     ALM_DIMS(BF16, 2, 3),
     .status = ALM_STATUS_MODEL,
     .text = "point_scene: moving_centers is BF16"},
    {.name = "shape of centres",
     .input = 0,
     ALM_DIMS(F32, 2, 4),
     .status = ALM_STATUS_MODEL,
     .text = "point_scene: fixed_centers is F32 [2, 4], expected [*, 3]"},
    {.name = "centres of the clouds",
     .input = 2,
     ALM_DIMS(F32, 3, 3),
     .status = ALM_STATUS_MODEL,
     .text = "point_scene: moving_centers is F32 [3, 3], expected [2, 3]"},
    {.name = "frame",
     .input = 3,
     ALM_DIMS(F32, 9),
     .status = ALM_STATUS_MODEL,
     .text = "point_scene: moving_frame is F32 [9], expected [3, 3]"},
    {.name = "reference",
     .attr = &no_reference,
     .status = ALM_STATUS_MODEL,
     .text = "point_scene: reference 0 and clip 10"},
    {.name = "clip",
     .attr = &negative_clip,
     .status = ALM_STATUS_MODEL,
     .text = "point_scene: reference 1 and clip -1"},
};

const alm_op_cases alm_cases_point_scene = {
    .op = &alm_op_point_scene, ALM_CASES(cases), ALM_BAD(bad), .c = 0, /* one kernel, in double */
};
