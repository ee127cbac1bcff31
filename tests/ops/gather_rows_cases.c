/* Cases of gather_rows. */
#include "tests/ops/op_test.h"

static const float x[] = {1, 2, 3, 4, 5, 6}, known[] = {5, 6, 1, 2, 5, 6, 1, 2},
                   clamped[] = {3, 4, 1, 2, 3, 4, 1, 2};
/* 1, 2, ... 6 as BF16. */
static const uint16_t narrow_x[] = {0x3F80, 0x4000, 0x4040, 0x4080, 0x40A0, 0x40C0};
static const uint16_t narrow_known[] = {0x40A0, 0x40C0, 0x3F80, 0x4000,
                                        0x40A0, 0x40C0, 0x3F80, 0x4000};
static const float zeros[] = {0, 0, 0, 0, 0, 0, 0, 0};
static const int32_t wanted[] = {2, 0, 9, -4};

static const alm_op_case cases[] = {
    {.name = "known",
     .in = {{ALM_DIMS(F32, 3, 2), .data = x}, {ALM_DIMS(I32, 4), .data = wanted}},
     .expect = {known}},
    {.name = "clamped to the rows in use",
     .in = {{ALM_DIMS(F32, 3, 2), .data = x, .rows = 2}, {ALM_DIMS(I32, 4), .data = wanted}},
     .expect = {clamped}},
    {.name = "from no row",
     .in = {{ALM_DIMS(F32, 3, 2), .rows = ALM_ROWS_NONE}, {ALM_DIMS(I32, 4), .data = wanted}},
     .expect = {zeros}},
    {.name = "rank 3, strides",
     .in = {{ALM_DIMS(F32, 7, 5, 3), .stride = 20}, {ALM_DIMS(I32, 9), .high = 6, .stride = 3}},
     .out_stride = {16}},
    {.name = "rank 1", .in = {{ALM_DIMS(F32, 7)}, {ALM_DIMS(I32, 9), .high = 6}}},
    {.name = "indices in use",
     .in = {{ALM_DIMS(F32, 70, 1025)}, {ALM_DIMS(I32, 90), .rows = 33, .high = 69}}},
    {.name = "bf16",
     .in = {{ALM_DIMS(BF16, 3, 2), .data = narrow_x}, {ALM_DIMS(I32, 4), .data = wanted}},
     .expect = {narrow_known}},
    {.name = "bf16 from no row",
     .in = {{ALM_DIMS(BF16, 3, 2), .rows = ALM_ROWS_NONE}, {ALM_DIMS(I32, 4), .data = wanted}}},
    {.name = "bf16 to f32",
     .in = {{ALM_DIMS(BF16, 70, 65), .stride = 67}, {ALM_DIMS(I32, 90), .rows = 33, .high = 69}},
     .out_dtype = ALM_DTYPE_F32},
    {.name = "f32 to bf16",
     .in = {{ALM_DIMS(F32, 70, 65)}, {ALM_DIMS(I32, 90), .rows = 33, .high = 69}},
     .out_dtype = ALM_DTYPE_BF16,
     .out_stride = {69}},
    {.name = "no index", .in = {{ALM_DIMS(F32, 7, 2)}, {ALM_DIMS(I32, 9), .rows = ALM_ROWS_NONE}}},
};

static const alm_op_bad bad[] = {
    {.name = "type of x",
     .input = 0,
     ALM_DIMS(F16, 3, 2),
     .status = ALM_STATUS_MODEL,
     .text = "gather_rows: x is F16, expected F32 or BF16"},
    {.name = "no rows",
     .input = 0,
     ALM_DIMS(F32, 0, 2),
     .status = ALM_STATUS_MODEL,
     .text = "gather_rows: x is F32 [0, 2]"},
    {.name = "type of index",
     .input = 1,
     ALM_DIMS(I64, 4),
     .status = ALM_STATUS_MODEL,
     .text = "gather_rows: index is I64"},
    {.name = "rank of index",
     .input = 1,
     ALM_DIMS(I32, 4, 1),
     .status = ALM_STATUS_MODEL,
     .text = "gather_rows: index is I32 [4, 1]"},
};

const alm_op_cases alm_cases_gather_rows = {
    .op = &alm_op_gather_rows,
    ALM_CASES(cases),
    ALM_BAD(bad),
    .row_inputs = 1 << 1,
    .c = 0, /* copies */
};
