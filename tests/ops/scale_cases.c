/* Cases of scale. */
#include "kernels/scale/scale.h"
#include "tests/ops/op_test.h"

static const float x[] = {1, 2, -3, 4}, gates[] = {5, 0.5f, 7};
static const float product[] = {0.5f, 1, -1.5f, 2};
static const alm_scale_attr second = {.index = 1}, last = {.index = 2}, past = {.index = 3},
                            negative = {.index = -1};

static const alm_op_case cases[] = {
    {.name = "known",
     .in = {{ALM_DIMS(F32, 2, 2), .data = x}, {ALM_DIMS(F32, 3), .data = gates}},
     .attr = &second,
     .expect = {product}},
    {.name = "bf16 gate, strides",
     .in = {{ALM_DIMS(F32, 5, 33), .stride = 40}, {ALM_DIMS(BF16, 3)}},
     .attr = &last,
     .out_stride = {34}},
    {.name = "rows in use",
     .in = {{ALM_DIMS(F32, 700, 65), .rows = 512}, {ALM_DIMS(F32, 3)}},
     .attr = &last},
    {.name = "513, aligned strides",
     .in = {{ALM_DIMS(F32, 3, 513), .stride = 516}, {ALM_DIMS(BF16, 3)}},
     .attr = &second,
     .out_stride = {520}},
    {.name = "no row",
     .in = {{ALM_DIMS(F32, 3, 4), .rows = ALM_ROWS_NONE}, {ALM_DIMS(F32, 3)}},
     .attr = &last},
};

static const alm_op_bad bad[] = {
    {.name = "type of x",
     .input = 0,
     ALM_DIMS(BF16, 2, 2),
     .status = ALM_STATUS_MODEL,
     .text = "scale: x is BF16"},
    {.name = "rank",
     .input = 0,
     ALM_DIMS(F32, 2, 1, 2),
     .status = ALM_STATUS_MODEL,
     .text = "scale: x is F32 [2, 1, 2]"},
    {.name = "type of gate",
     .input = 1,
     ALM_DIMS(I32, 3),
     .status = ALM_STATUS_MODEL,
     .text = "scale: gate is I32, expected F32 or BF16"},
    {.name = "rank of gate",
     .input = 1,
     ALM_DIMS(F32, 3, 1),
     .status = ALM_STATUS_MODEL,
     .text = "scale: gate is F32 [3, 1]"},
    {.name = "index",
     .attr = &past,
     .status = ALM_STATUS_MODEL,
     .text = "scale: gate 3, there are 3"},
    {.name = "negative index",
     .attr = &negative,
     .status = ALM_STATUS_MODEL,
     .text = "scale: gate -1"},
};

const alm_op_cases alm_cases_scale = {
    .op = &alm_op_scale,
    ALM_CASES(cases),
    ALM_BAD(bad),
    .row_inputs = 1 << 0,
    .c = 1, /* one product */
};
