/* Cases of place_rows. */
#include "tests/ops/op_test.h"

static const float x[] = {1, 2, 3, 4, 5, 6, 7, 8}, rows[] = {-1, -2, -3, -4};
static const float middle[] = {1, 2, -1, -2, -3, -4, 7, 8}, end[] = {1, 2, 3, 4, -1, -2, -3, -4};
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
    {.name = "none",
     .in = {{ALM_DIMS(F32, 4, 2), .data = x},
            {ALM_DIMS(F32, 2, 2), .rows = ALM_ROWS_NONE},
            {ALM_DIMS(I32, 1), .data = zero}},
     .expect = {x}},
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
     ALM_DIMS(BF16, 4, 2),
     .status = ALM_STATUS_MODEL,
     .text = "x is BF16"},
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
