/* Cases of vn_frame. */
#include "kernels/vn_frame/vn_frame.h"
#include "tests/ops/op_test.h"

/* The rows of weight take (0, 2, 0) and (0, 1, 3) out of x: the first column of the frame is y, the
 * second z, the third their product x. */
static const float x[] = {0, 2, 0, 0, 1, 0, 0, 0, 3}, weight[] = {1, 0, 0, 0, 1, 1};
static const float yzx[] = {0, 0, 1, 1, 0, 0, 0, 1, 0};
static const float parallel[] = {1, 0, 0, 2, 0, 0}, zeros[9];

static const alm_op_case cases[] = {
    {.name = "known",
     .in = {{ALM_DIMS(F32, 1, 3, 3), .data = x}, {ALM_DIMS(F32, 2, 3), .data = weight}},
     .expect = {yzx},
     .expect_within = 1e-6}, /* 1/(|v| + 1e-6) */
    {.name = "zero field",
     .in = {{ALM_DIMS(F32, 1, 3, 3), .data = zeros}, {ALM_DIMS(F32, 2, 3), .data = weight}},
     .expect = {zeros}},
    /* Finite though nothing is left of the second vector. */
    {.name = "parallel vectors",
     .in = {{ALM_DIMS(F32, 1, 3, 3), .data = x}, {ALM_DIMS(F32, 2, 3), .data = parallel}}},
    {.name = "33 channels", .in = {{ALM_DIMS(F32, 1, 33, 3)}, {ALM_DIMS(F32, 2, 33)}}},
    {.name = "bf16, strides",
     .in = {{ALM_DIMS(F32, 1, 128, 3)}, {ALM_DIMS(BF16, 2, 128)}},
     .out_stride = {4}},
};

static const alm_op_bad bad[] = {
    {.name = "type of x",
     .input = 0,
     ALM_DIMS(BF16, 1, 3, 3),
     .status = ALM_STATUS_MODEL,
     .text = "vn_frame: x is BF16"},
    {.name = "two clouds",
     .input = 0,
     ALM_DIMS(F32, 2, 3, 3),
     .status = ALM_STATUS_MODEL,
     .text = "vn_frame: x is F32 [2, 3, 3], expected [1, *, 3]"},
    {.name = "type of weight",
     .input = 1,
     ALM_DIMS(I32, 2, 3),
     .status = ALM_STATUS_MODEL,
     .text = "vn_frame: weight is I32"},
    {.name = "shape of weight",
     .input = 1,
     ALM_DIMS(F32, 3, 3),
     .status = ALM_STATUS_MODEL,
     .text = "vn_frame: weight is F32 [3, 3], expected [2, 3]"},
};

const alm_op_cases alm_cases_vn_frame = {
    .op = &alm_op_vn_frame, ALM_CASES(cases), ALM_BAD(bad), .c = 0, /* one kernel, in double */
};
