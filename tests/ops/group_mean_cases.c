/* Cases of group_mean: columns around the lanes. */
#include "kernels/group_mean/group_mean.h"
#include "tests/ops/op_test.h"

static const float x[] = {1, 10, 2, 20, 3, 30};
static const int32_t groups[] = {0, 2, 1, 1}, outside[] = {0, 2, 1, 3}, negative[] = {-1, 2, 1, 1};
static const float mean[] = {2, 20, 2, 20};

static const alm_op_case cases[] = {
    {.name = "known",
     .in = {{ALM_DIMS(F32, 3, 2), .data = x}, {ALM_DIMS(I32, 2, 2), .data = groups}},
     .expect = {mean}},
    {.name = "one member", .in = {{ALM_DIMS(F32, 9, 15)}, {ALM_DIMS(I32, 7, 1), .high = 8}}},
    {.name = "16 columns", .in = {{ALM_DIMS(F32, 9, 16)}, {ALM_DIMS(I32, 7, 4), .high = 8}}},
    {.name = "vectors", .in = {{ALM_DIMS(F32, 50, 11, 3)}, {ALM_DIMS(I32, 20, 5), .high = 49}}},
    {.name = "rows in use, strides",
     .in = {{ALM_DIMS(F32, 50, 17), .rows = 30, .stride = 19},
            {ALM_DIMS(I32, 20, 4), .rows = 13, .stride = 5, .high = 29}},
     .out_stride = {18}},
    {.name = "257 columns", .in = {{ALM_DIMS(F32, 20, 257)}, {ALM_DIMS(I32, 3, 3), .high = 19}}},
    {.name = "no group",
     .in = {{ALM_DIMS(F32, 5, 4)}, {ALM_DIMS(I32, 3, 2), .rows = ALM_ROWS_NONE}}},
    {.name = "index past the rows",
     .in = {{ALM_DIMS(F32, 3, 2), .data = x}, {ALM_DIMS(I32, 2, 2), .data = outside}},
     .refused = ALM_STATUS_INTERNAL,
     .refused_text = "group_mean: row 1 of index wants row 3 of 3"},
    {.name = "negative index",
     .in = {{ALM_DIMS(F32, 3, 2), .data = x}, {ALM_DIMS(I32, 2, 2), .data = negative}},
     .refused = ALM_STATUS_INTERNAL,
     .refused_text = "group_mean: row 0 of index wants row -1 of 3"},
};

static const alm_op_bad bad[] = {
    {.name = "type of x",
     .input = 0,
     ALM_DIMS(BF16, 3, 2),
     .status = ALM_STATUS_MODEL,
     .text = "group_mean: x is BF16"},
    {.name = "type of index",
     .input = 1,
     ALM_DIMS(F32, 2, 2),
     .status = ALM_STATUS_MODEL,
     .text = "group_mean: index is F32, expected I32"},
    {.name = "shape of index",
     .input = 1,
     ALM_DIMS(I32, 4),
     .status = ALM_STATUS_MODEL,
     .text = "group_mean: index is I32 [4], expected [*, *]"},
    {.name = "empty groups",
     .input = 1,
     ALM_DIMS(I32, 2, 0),
     .status = ALM_STATUS_MODEL,
     .text = "group_mean: 3 rows in groups of 0"},
};

/* k - 1 additions of terms of the mean's size, and the division. */
static double c_of(const alm_op_args *a)
{
    return (double)a->in[1].desc.dim[1];
}

const alm_op_cases alm_cases_group_mean = {
    .op = &alm_op_group_mean,
    ALM_CASES(cases),
    ALM_BAD(bad),
    .row_inputs = 1 << 1,
    .c_of = c_of,
    .absolute = true,
};
