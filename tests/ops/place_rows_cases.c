/* Cases of place_rows. */
#include "tests/ops/op_test.h"

static const float x[] = {1, 2, 3, 4, 5, 6, 7, 8}, rows[] = {-1, -2, -3, -4};
static const float middle[] = {1, 2, -1, -2, -3, -4, 7, 8}, end[] = {1, 2, 3, 4, -1, -2, -3, -4};
/* 1, 2, ... 8 as BF16; 1.00390625 lies between two of its numbers and goes to the even one, 1. */
static const uint16_t narrow_x[] = {0x3F80, 0x4000, 0x4040, 0x4080, 0x40A0, 0x40C0, 0x40E0, 0x4100},
                      narrow_placed[] = {0x3F80, 0x4000, 0x3F80, 0xC000,
                                         0xC040, 0xC080, 0x40E0, 0x4100};
static const float rounded_rows[] = {1.00390625f, -2, -3, -4};
static const int32_t zero[] = {0}, one[] = {1}, two[] = {2}, three[] = {3}, minus[] = {-1};

static const alm_op_case cases[] = {
    {.name = "in the middle",
     .in = {{ALM_DIMS(F32, 4, 2), .data = x},
            {ALM_DIMS(F32, 2, 2), .data = rows},
            {ALM_DIMS(I32, 1), .data = one}},
     .expect = {middle}},
    {.name = "up to the end",
     .in = {{ALM_DIMS(F32, 4, 2), .data = x},
            {ALM_DIMS(F32, 2, 2), .data = rows},
            {ALM_DIMS(I32, 1), .data = two}},
     .expect = {end}},
    {.name = "behind the rows in use",
     .in = {{ALM_DIMS(F32, 40, 33), .rows = 40},
            {ALM_DIMS(F32, 9, 33), .rows = 7, .stride = 50},
            {ALM_DIMS(I32, 1), .data = two}}},
    {.name = "bf16, 1024 and f32 rows with a stride",
     .in = {{ALM_DIMS(BF16, 9, 1024)},
            {ALM_DIMS(F32, 7, 1024), .rows = 5, .stride = 1028},
            {ALM_DIMS(I32, 1), .data = three}}},
    {.name = "all rows, 514",
     .in = {{ALM_DIMS(F32, 5, 514), .rows = 3},
            {ALM_DIMS(F32, 5, 514), .rows = 5, .stride = 516},
            {ALM_DIMS(I32, 1), .data = zero}}},
    {.name = "none at the very end",
     .in = {{ALM_DIMS(F32, 3, 2)},
            {ALM_DIMS(F32, 2, 2), .rows = ALM_ROWS_NONE},
            {ALM_DIMS(I32, 1), .data = three}}},
    {.name = "none",
     .in = {{ALM_DIMS(F32, 4, 2), .data = x},
            {ALM_DIMS(F32, 2, 2), .rows = ALM_ROWS_NONE},
            {ALM_DIMS(I32, 1), .data = zero}},
     .expect = {x}},
    {.name = "bf16 with f32 rows",
     .in = {{ALM_DIMS(BF16, 4, 2), .data = narrow_x},
            {ALM_DIMS(F32, 2, 2), .data = rounded_rows},
            {ALM_DIMS(I32, 1), .data = one}},
     .expect = {narrow_placed}},
    {.name = "bf16 with bf16 rows",
     .in = {{ALM_DIMS(BF16, 40, 33), .rows = 40},
            {ALM_DIMS(BF16, 9, 33), .rows = 7, .stride = 50},
            {ALM_DIMS(I32, 1), .data = two}}},
    {.name = "f32 with bf16 rows",
     .in = {{ALM_DIMS(F32, 40, 33)},
            {ALM_DIMS(BF16, 9, 33), .rows = 7, .stride = 50},
            {ALM_DIMS(I32, 1), .data = two}}},
    {.name = "past the end",
     .in = {{ALM_DIMS(F32, 4, 2)}, {ALM_DIMS(F32, 2, 2)}, {ALM_DIMS(I32, 1), .data = three}},
     .refused = ALM_STATUS_INTERNAL,
     .refused_text = "place_rows: rows 3 to 5 of 4"},
    {.name = "before the start",
     .in = {{ALM_DIMS(F32, 4, 2)}, {ALM_DIMS(F32, 2, 2)}, {ALM_DIMS(I32, 1), .data = minus}},
     .refused = ALM_STATUS_INTERNAL,
     .refused_text = "place_rows: rows -1 to 1 of 4"},
};

static const alm_op_bad bad[] = {
    {.name = "type of x",
     .input = 0,
     ALM_DIMS(F16, 4, 2),
     .status = ALM_STATUS_MODEL,
     .text = "x is F16, expected F32 or BF16"},
    {.name = "width",
     .input = 1,
     ALM_DIMS(F32, 2, 3),
     .status = ALM_STATUS_MODEL,
     .text = "rows is F32 [2, 3]"},
    {.name = "too many",
     .input = 1,
     ALM_DIMS(F32, 5, 2),
     .status = ALM_STATUS_MODEL,
     .text = "5 rows, x has 4"},
    {.name = "offset",
     .input = 2,
     ALM_DIMS(I32, 2),
     .status = ALM_STATUS_MODEL,
     .text = "offset is I32 [2]"},
};

const alm_op_cases alm_cases_place_rows = {
    .op = &alm_op_place_rows, ALM_CASES(cases), ALM_BAD(bad), .c = 0, /* copies */
};
