/* Cases of rotary_table. */
#include "tests/ops/op_test.h"

static const int32_t position[] = {0, 5, 2, -3};
static const double frequency[] = {1, 1.5707963267948966, 0.01};
static const int32_t axis[] = {0, 1, 1}, past[] = {0, 2, 1}, negative[] = {0, -1, 1};
/* cos 0, cos 5π/2, cos 0.05; cos 2, cos −3π/2, cos −0.03. */
static const float cosine[] = {1, 0, 0.99875026f, -0.41614684f, 0, 0.99955003f};
static const float sine[] = {0, 1, 0.04997917f, 0.90929743f, 1, -0.0299955f};

#define TABLES                                                                                     \
    {ALM_DIMS(F64, 3), .data = frequency},                                                         \
    {                                                                                              \
        ALM_DIMS(I32, 3), .data = axis                                                             \
    }

static const alm_op_case cases[] = {
    {.name = "known",
     .in = {{ALM_DIMS(I32, 2, 2), .data = position}, TABLES},
     .expect = {cosine, sine},
     .expect_within = 1e-7},
    {.name = "strides",
     .in = {{ALM_DIMS(I32, 33, 2), .low = -5000, .high = 5000, .stride = 3}, TABLES},
     .out_stride = {4, 5}},
    {.name = "rows in use", .in = {{ALM_DIMS(I32, 70, 2), .rows = 49, .high = 100}, TABLES}},
    {.name = "33 angles",
     .in = {{ALM_DIMS(I32, 5, 3), .low = -2000, .high = 2000},
            {ALM_DIMS(F64, 33)},
            {ALM_DIMS(I32, 33), .high = 2}}},
    {.name = "no row", .in = {{ALM_DIMS(I32, 3, 2), .rows = ALM_ROWS_NONE}, TABLES}},
    {.name = "axis past the positions",
     .in = {{ALM_DIMS(I32, 2, 2)}, {ALM_DIMS(F64, 3)}, {ALM_DIMS(I32, 3), .data = past}},
     .refused = ALM_STATUS_INTERNAL,
     .refused_text = "rotary_table: axis 2 of frequency 1, positions have 2 axes"},
    {.name = "negative axis",
     .in = {{ALM_DIMS(I32, 2, 2)}, {ALM_DIMS(F64, 3)}, {ALM_DIMS(I32, 3), .data = negative}},
     .refused = ALM_STATUS_INTERNAL,
     .refused_text = "rotary_table: axis -1"},
};

static const alm_op_bad bad[] = {
    {.name = "type of position",
     .input = 0,
     ALM_DIMS(F32, 2, 2),
     .status = ALM_STATUS_MODEL,
     .text = "rotary_table: position is F32"},
    {.name = "rank of position",
     .input = 0,
     ALM_DIMS(I32, 2),
     .status = ALM_STATUS_MODEL,
     .text = "rotary_table: position is I32 [2]"},
    {.name = "type of frequency",
     .input = 1,
     ALM_DIMS(F32, 3),
     .status = ALM_STATUS_MODEL,
     .text = "rotary_table: frequency is F32"},
    {.name = "padded frequency",
     .input = 1,
     .stride = 2,
     .status = ALM_STATUS_INTERNAL,
     .text = "rows of frequency lie 2"},
    {.name = "type of axis",
     .input = 2,
     ALM_DIMS(I64, 3),
     .status = ALM_STATUS_MODEL,
     .text = "rotary_table: axis is I64"},
    {.name = "shape of axis",
     .input = 2,
     ALM_DIMS(I32, 4),
     .status = ALM_STATUS_MODEL,
     .text = "rotary_table: axis is I32 [4], expected [3]"},
};

const alm_op_cases alm_cases_rotary_table = {
    .op = &alm_op_rotary_table,
    ALM_CASES(cases),
    ALM_BAD(bad),
    .row_inputs = 1 << 0,
    .c = 0, /* double inside: only the last rounding */
};
