/* Cases of mean_rows: columns around the strip of 64. */
#include "kernels/mean_rows/mean_rows.h"
#include "tests/ops/op_test.h"

/* In float32 the ones would be lost beside 2^30. */
static const float x[] = {0x1p30f, 1, 1, 2, 1, 6, -0x1p30f, -1};
static const float mean[] = {0.5f, 2};
static const float zeros[6];

static const alm_op_case cases[] = {
    {.name = "known", .in = {{ALM_DIMS(F32, 4, 2), .data = x}}, .expect = {mean}},
    {.name = "no row", .in = {{ALM_DIMS(F32, 3, 2, 3), .rows = ALM_ROWS_NONE}}, .expect = {zeros}},
    {.name = "one row", .in = {{ALM_DIMS(F32, 1, 63)}}},
    {.name = "64 columns", .in = {{ALM_DIMS(F32, 5, 64)}}},
    {.name = "65 columns, strides", .in = {{ALM_DIMS(F32, 9, 65), .stride = 70}}},
    {.name = "rows in use", .in = {{ALM_DIMS(F32, 100, 51, 3), .rows = 77}}},
    {.name = "31 columns, rows around the warps of a block", .in = {{ALM_DIMS(F32, 17, 31)}}},
    {.name = "33 columns", .in = {{ALM_DIMS(F32, 16, 33)}}},
    {.name = "numbers", .in = {{ALM_DIMS(F32, 33)}}},
};

static const alm_op_bad bad[] = {
    {.name = "type",
     ALM_DIMS(BF16, 4, 2),
     .status = ALM_STATUS_MODEL,
     .text = "mean_rows: x is BF16, expected F32"},
};

const alm_op_cases alm_cases_mean_rows = {
    .op = &alm_op_mean_rows,
    ALM_CASES(cases),
    ALM_BAD(bad),
    .c = 0, /* every kernel sums in double in the same order */
};
