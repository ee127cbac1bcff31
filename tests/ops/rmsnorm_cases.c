/* Cases of rmsnorm. */
#include <math.h>

#include "kernels/rmsnorm/rmsnorm.h"
#include "tests/ops/op_test.h"

static const alm_rmsnorm_attr attr = {.eps = 1e-6}, big_eps = {.eps = 1.5}, no_eps = {.eps = 0},
                              infinite = {.eps = INFINITY};
/* Mean of the squares 7.5; eps makes it 9. */
static const float x[] = {1, -2, 3, 4}, weight[] = {1, 2, 0, -3},
                   known[] = {0.33333333f, -1.3333333f, 0, -4};

#define PLAIN(rows, n)                                                                             \
    {                                                                                              \
        {ALM_DIMS(F32, rows, n)},                                                                  \
        {                                                                                          \
            ALM_DIMS(F32, n)                                                                       \
        }                                                                                          \
    }

static const alm_op_case cases[] = {
    {.name = "known",
     .in = {{ALM_DIMS(F32, 1, 4), .data = x}, {ALM_DIMS(F32, 4), .data = weight}},
     .attr = &big_eps,
     .expect = {known},
     .expect_within = 2e-7},
    {.name = "one element", .in = PLAIN(3, 1), .attr = &attr},
    {.name = "7", .in = PLAIN(3, 7), .attr = &attr},
    {.name = "8", .in = PLAIN(3, 8), .attr = &attr},
    {.name = "15", .in = PLAIN(3, 15), .attr = &attr},
    {.name = "16", .in = PLAIN(3, 16), .attr = &attr},
    {.name = "17, bf16, out padded",
     .in = {{ALM_DIMS(F32, 5, 17)}, {ALM_DIMS(BF16, 17)}},
     .attr = &attr,
     .out_stride = {23}},
    {.name = "language row",
     .in = {{ALM_DIMS(F32, 40, 2048), .rows = 33}, {ALM_DIMS(BF16, 2048)}},
     .attr = &attr},
    {.name = "small values",
     .in = {{ALM_DIMS(F32, 4, 100), .low = -1e-20, .high = 1e-20}, {ALM_DIMS(F32, 100)}},
     .attr = &attr},
    {.name = "large values",
     .in = {{ALM_DIMS(F32, 4, 100), .low = -1e30, .high = 1e30}, {ALM_DIMS(F32, 100)}},
     .attr = &attr},
    {.name = "255", .in = PLAIN(2, 255), .attr = &attr},
    {.name = "256", .in = PLAIN(2, 256), .attr = &attr},
    {.name = "257", .in = PLAIN(2, 257), .attr = &attr},
    {.name = "1023", .in = PLAIN(2, 1023), .attr = &attr},
    {.name = "1024", .in = PLAIN(2, 1024), .attr = &attr},
    {.name = "1025", .in = PLAIN(2, 1025), .attr = &attr},
    {.name = "2048", .in = PLAIN(2, 2048), .attr = &attr},
    {.name = "2049", .in = PLAIN(2, 2049), .attr = &attr},
    {.name = "4096", .in = PLAIN(2, 4096), .attr = &attr},
    {.name = "4097", .in = PLAIN(2, 4097), .attr = &attr},
    {.name = "8191", .in = PLAIN(2, 8191), .attr = &attr},
    {.name = "8193", .in = PLAIN(2, 8193), .attr = &attr},
    {.name = "bf16, point row",
     .in = {{ALM_DIMS(F32, 3, 1536), .rows = 2}, {ALM_DIMS(BF16, 1536)}},
     .attr = &attr,
     .out_dtype = ALM_DTYPE_BF16},
    {.name = "large values, 2000",
     .in = {{ALM_DIMS(F32, 3, 2000), .low = -1e30, .high = 1e30}, {ALM_DIMS(F32, 2000)}},
     .attr = &attr},
    {.name = "large values, long rows",
     .in = {{ALM_DIMS(F32, 2, 8300), .low = -1e30, .high = 1e30}, {ALM_DIMS(F32, 8300)}},
     .attr = &attr},
    {.name = "long row", .in = PLAIN(2, 16384), .attr = &attr},
    {.name = "bf16 out, 17, padded",
     .in = {{ALM_DIMS(F32, 5, 17)}, {ALM_DIMS(BF16, 17)}},
     .attr = &attr,
     .out_dtype = ALM_DTYPE_BF16,
     .out_stride = {23}},
    {.name = "bf16 out, 1030",
     .in = {{ALM_DIMS(F32, 9, 1030), .rows = 7}, {ALM_DIMS(F32, 1030)}},
     .attr = &attr,
     .out_dtype = ALM_DTYPE_BF16},
    {.name = "no row",
     .in = {{ALM_DIMS(F32, 4, 9), .rows = ALM_ROWS_NONE}, {ALM_DIMS(F32, 9)}},
     .attr = &attr},
};

static const alm_op_bad bad[] = {
    {.name = "type of x",
     .input = 0,
     ALM_DIMS(BF16, 1, 4),
     .status = ALM_STATUS_MODEL,
     .text = "rmsnorm: x is BF16"},
    {.name = "rank of x",
     .input = 0,
     ALM_DIMS(F32, 4),
     .status = ALM_STATUS_MODEL,
     .text = "rmsnorm: x is F32 [4]"},
    {.name = "padded x",
     .input = 0,
     .stride = 5,
     .status = ALM_STATUS_INTERNAL,
     .text = "rmsnorm: the rows of x lie 5"},
    {.name = "type of weight",
     .input = 1,
     ALM_DIMS(I32, 4),
     .status = ALM_STATUS_MODEL,
     .text = "rmsnorm: weight is I32"},
    {.name = "size of weight",
     .input = 1,
     ALM_DIMS(F32, 5),
     .status = ALM_STATUS_MODEL,
     .text = "rmsnorm: weight is F32 [5], expected [4]"},
    {.name = "eps", .attr = &no_eps, .status = ALM_STATUS_MODEL, .text = "rmsnorm: eps is 0"},
    {.name = "eps infinite",
     .attr = &infinite,
     .status = ALM_STATUS_MODEL,
     .text = "rmsnorm: eps is inf"},
};

const alm_op_cases alm_cases_rmsnorm = {
    .op = &alm_op_rmsnorm,
    ALM_CASES(cases),
    ALM_BAD(bad),
    .row_inputs = 1 << 0,
    .c = 3, /* the factor, which is made in double, and two products */
};
