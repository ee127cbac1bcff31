/* Cases of fourier. */
#include "kernels/fourier/fourier.h"
#include "tests/ops/op_test.h"

static const float x[] = {0, 1, -0.5f}, frequency[] = {1, 2};
/* sin 1, sin 2, cos 1, cos 2; sin and cos of -0.5 and -1 */
static const float waves[] = {0,
                              0,
                              1,
                              1,
                              0.841470985f,
                              0.909297427f,
                              0.540302306f,
                              -0.416146837f,
                              -0.479425539f,
                              -0.841470985f,
                              0.877582562f,
                              0.540302306f};

static const alm_op_case cases[] = {
    {.name = "known",
     .in = {{ALM_DIMS(F32, 1, 3), .data = x}, {ALM_DIMS(F32, 2), .data = frequency}},
     .expect = {waves},
     .expect_within = 1e-7},
    {.name = "rows in use, strides",
     .in = {{ALM_DIMS(F32, 30, 3), .rows = 21, .stride = 4}, {ALM_DIMS(F32, 6), .high = 10}},
     .out_stride = {40}},
    {.name = "bf16 out, strides",
     .in = {{ALM_DIMS(F32, 30, 3), .rows = 21, .stride = 4}, {ALM_DIMS(F32, 6), .high = 10}},
     .out_dtype = ALM_DTYPE_BF16,
     .out_stride = {40}},
    {.name = "no row", .in = {{ALM_DIMS(F32, 3, 3), .rows = ALM_ROWS_NONE}, {ALM_DIMS(F32, 2)}}},
};

static const alm_op_bad bad[] = {
    {.name = "type of x",
     .input = 0,
     ALM_DIMS(BF16, 1, 3),
     .status = ALM_STATUS_MODEL,
     .text = "fourier: x is BF16"},
    {.name = "shape of x",
     .input = 0,
     ALM_DIMS(F32, 1, 2),
     .status = ALM_STATUS_MODEL,
     .text = "fourier: x is F32 [1, 2], expected [*, 3]"},
    {.name = "type of frequency",
     .input = 1,
     ALM_DIMS(BF16, 2),
     .status = ALM_STATUS_MODEL,
     .text = "fourier: frequency is BF16"},
    {.name = "shape of frequency",
     .input = 1,
     ALM_DIMS(F32, 1, 2),
     .status = ALM_STATUS_MODEL,
     .text = "fourier: frequency is F32 [1, 2], expected [*]"},
};

const alm_op_cases alm_cases_fourier = {
    .op = &alm_op_fourier,
    ALM_CASES(cases),
    ALM_BAD(bad),
    .row_inputs = 1 << 0,
    .c = 0, /* one kernel, in double */
};
