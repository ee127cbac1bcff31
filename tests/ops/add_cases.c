/* Cases of add. */
#include "tests/ops/op_test.h"

static const float left[] = {1, 2, 3, 0x1p24f}, right[] = {-1, 0.5f, 1e-30f, 1};
static const float sum[] = {0, 2.5f, 3, 0x1p24f};

static const alm_op_case cases[] = {
    {.name = "known",
     .in = {{ALM_DIMS(F32, 2, 2), .data = left}, {ALM_DIMS(F32, 2, 2), .data = right}},
     .expect = {sum}},
    {.name = "one row", .in = {{ALM_DIMS(F32, 1, 7)}, {ALM_DIMS(F32, 1, 7)}}},
    {.name = "strides",
     .in = {{ALM_DIMS(F32, 5, 33), .stride = 40}, {ALM_DIMS(F32, 5, 33), .stride = 35}},
     .out_stride = {37}},
    {.name = "rows in use",
     .in = {{ALM_DIMS(F32, 700, 65), .rows = 513}, {ALM_DIMS(F32, 700, 65), .rows = 513}}},
    {.name = "one column", .in = {{ALM_DIMS(F32, 260, 1)}, {ALM_DIMS(F32, 260, 1)}}},
    {.name = "511", .in = {{ALM_DIMS(F32, 3, 511)}, {ALM_DIMS(F32, 3, 511)}}},
    {.name = "512, aligned strides",
     .in = {{ALM_DIMS(F32, 3, 512), .stride = 516}, {ALM_DIMS(F32, 3, 512)}},
     .out_stride = {520}},
    {.name = "513, aligned strides",
     .in = {{ALM_DIMS(F32, 3, 513), .stride = 516}, {ALM_DIMS(F32, 3, 513), .stride = 516}},
     .out_stride = {516}},
    {.name = "no row",
     .in = {{ALM_DIMS(F32, 3, 4), .rows = ALM_ROWS_NONE},
            {ALM_DIMS(F32, 3, 4), .rows = ALM_ROWS_NONE}}},
};

static const alm_op_bad bad[] = {
    {.name = "type of a",
     .input = 0,
     ALM_DIMS(BF16, 2, 2),
     .status = ALM_STATUS_MODEL,
     .text = "add: a is BF16, expected F32"},
    {.name = "type of b",
     .input = 1,
     ALM_DIMS(I32, 2, 2),
     .status = ALM_STATUS_MODEL,
     .text = "add: b is I32"},
    {.name = "rank",
     .input = 0,
     ALM_DIMS(F32, 4),
     .status = ALM_STATUS_MODEL,
     .text = "add: a is F32 [4]"},
    {.name = "shape of b",
     .input = 1,
     ALM_DIMS(F32, 2, 3),
     .status = ALM_STATUS_MODEL,
     .text = "add: b is F32 [2, 3], expected [2, 2]"},
    {.name = "one input", .n_in = 1, .status = ALM_STATUS_INTERNAL, .text = "inputs"},
};

const alm_op_cases alm_cases_add = {
    .op = &alm_op_add,
    ALM_CASES(cases),
    ALM_BAD(bad),
    .row_inputs = 1 << 0 | 1 << 1,
    .c = 1, /* one addition */
    .absolute = true,
};
