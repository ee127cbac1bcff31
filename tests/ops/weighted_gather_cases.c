/* Cases of weighted_gather. */
#include "tests/ops/op_test.h"

static const int32_t index_known[] = {0, 2, 1, 1}, index_past[] = {0, 2, 1, 3},
                     index_negative[] = {0, -1, 1, 1};
static const float weight_known[] = {0.5f, 2, 1, -1};
static const float table_known[] = {1, 2, 3, 4, 5, 6};
static const float known[] = {10.5f, 13, 0, 0};

static const alm_op_case cases[] = {
    {.name = "known",
     .in = {{ALM_DIMS(I32, 2, 2), .data = index_known},
            {ALM_DIMS(F32, 2, 2), .data = weight_known},
            {ALM_DIMS(F32, 3, 2), .data = table_known}},
     .expect = {known}},
    {.name = "bf16, strides",
     .in = {{ALM_DIMS(I32, 9, 4), .high = 30, .stride = 5},
            {ALM_DIMS(F32, 9, 4), .stride = 6},
            {ALM_DIMS(BF16, 31, 17)}},
     .out_stride = {19}},
    {.name = "rows in use",
     .in = {{ALM_DIMS(I32, 600, 4), .rows = 513, .high = 99},
            {ALM_DIMS(F32, 600, 4), .rows = 513},
            {ALM_DIMS(F32, 100, 64)}}},
    {.name = "bf16, 1030, one term",
     .in = {{ALM_DIMS(I32, 3, 1), .high = 4}, {ALM_DIMS(F32, 3, 1)}, {ALM_DIMS(BF16, 5, 1030)}}},
    {.name = "bf16, vision",
     .in = {{ALM_DIMS(I32, 5, 4), .high = 8}, {ALM_DIMS(F32, 5, 4)}, {ALM_DIMS(BF16, 9, 1024)}}},
    {.name = "no row",
     .in = {{ALM_DIMS(I32, 6, 4), .rows = ALM_ROWS_NONE, .high = 1},
            {ALM_DIMS(F32, 6, 4), .rows = ALM_ROWS_NONE},
            {ALM_DIMS(F32, 2, 3)}}},
    {.name = "no term",
     .in = {{ALM_DIMS(I32, 2, 0)}, {ALM_DIMS(F32, 2, 0)}, {ALM_DIMS(F32, 2, 3)}}},
    {.name = "index past the table",
     .in = {{ALM_DIMS(I32, 2, 2), .data = index_past},
            {ALM_DIMS(F32, 2, 2)},
            {ALM_DIMS(F32, 3, 2)}},
     .refused = ALM_STATUS_INTERNAL,
     .refused_text = "weighted_gather: index 3 of row 1, the table has 3 rows"},
    {.name = "negative index",
     .in = {{ALM_DIMS(I32, 2, 2), .data = index_negative},
            {ALM_DIMS(F32, 2, 2)},
            {ALM_DIMS(F32, 3, 2)}},
     .refused = ALM_STATUS_INTERNAL,
     .refused_text = "weighted_gather: index -1 of row 0"},
};

static const alm_op_bad bad[] = {
    {.name = "type of index",
     .input = 0,
     ALM_DIMS(F32, 2, 2),
     .status = ALM_STATUS_MODEL,
     .text = "weighted_gather: index is F32"},
    {.name = "type of weight",
     .input = 1,
     ALM_DIMS(BF16, 2, 2),
     .status = ALM_STATUS_MODEL,
     .text = "weighted_gather: weight is BF16"},
    {.name = "shape of weight",
     .input = 1,
     ALM_DIMS(F32, 2, 3),
     .status = ALM_STATUS_MODEL,
     .text = "weighted_gather: weight is F32 [2, 3], expected [2, 2]"},
    {.name = "type of table",
     .input = 2,
     ALM_DIMS(I32, 3, 2),
     .status = ALM_STATUS_MODEL,
     .text = "weighted_gather: table is I32"},
    {.name = "rank of table",
     .input = 2,
     ALM_DIMS(F32, 6),
     .status = ALM_STATUS_MODEL,
     .text = "weighted_gather: table is F32 [6]"},
    {.name = "padded table",
     .input = 2,
     .stride = 5,
     .status = ALM_STATUS_INTERNAL,
     .text = "rows of table lie 5"},
};

const alm_op_cases alm_cases_weighted_gather = {
    .op = &alm_op_weighted_gather,
    ALM_CASES(cases),
    ALM_BAD(bad),
    .row_inputs = 1 << 0 | 1 << 1,
    .c = 5, /* four products, three sums; the first sum is exact */
    .absolute = true,
};
