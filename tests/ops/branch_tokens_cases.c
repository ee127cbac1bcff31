/* Cases of branch_tokens. */
#include "kernels/branch_tokens/branch_tokens.h"
#include "tests/ops/op_test.h"

/* One patch of one feature. A row vector times the matrix is a sum of its rows. */
static const float fixed[] = {1, 2, 3}, fixed_frame[] = {1, 10, 0, 0, 1, 0, 0, 0, 2};
static const float moving[] = {4, 5, 6}, moving_frame[] = {0, 0, 1, 1, 0, 0, 0, 1, 0};
static const float tokens[] = {1, 2, 3, 1, 12, 6, 4, 5, 6, 5, 6, 4};

static const alm_op_case cases[] = {
    {.name = "known",
     .in = {{ALM_DIMS(F32, 1, 1, 3), .data = fixed},
            {ALM_DIMS(F32, 3, 3), .data = fixed_frame},
            {ALM_DIMS(F32, 1, 1, 3), .data = moving},
            {ALM_DIMS(F32, 3, 3), .data = moving_frame}},
     .expect = {tokens}},
    {.name = "patches, strides",
     .in = {{ALM_DIMS(F32, 9, 11, 3), .stride = 40},
            {ALM_DIMS(F32, 3, 3), .stride = 4},
            {ALM_DIMS(F32, 9, 11, 3), .stride = 35},
            {ALM_DIMS(F32, 3, 3)}},
     .out_stride = {37}},
    {.name = "features",
     .in = {{ALM_DIMS(F32, 2, 130, 3)},
            {ALM_DIMS(F32, 3, 3)},
            {ALM_DIMS(F32, 2, 130, 3)},
            {ALM_DIMS(F32, 3, 3)}}},
};

static const alm_op_bad bad[] = {
    {.name = "type of a patch",
     .input = 2,
     ALM_DIMS(BF16, 1, 1, 3),
     .status = ALM_STATUS_MODEL,
     .text = "branch_tokens: moving_patch is BF16"},
    {.name = "shape of a patch",
     .input = 0,
     ALM_DIMS(F32, 1, 3),
     .status = ALM_STATUS_MODEL,
     .text = "branch_tokens: fixed_patch is F32 [1, 3]"},
    {.name = "patches of the clouds",
     .input = 2,
     ALM_DIMS(F32, 2, 1, 3),
     .status = ALM_STATUS_MODEL,
     .text = "branch_tokens: moving_patch is F32 [2, 1, 3], expected [1, 1, 3]"},
    {.name = "fixed frame",
     .input = 1,
     ALM_DIMS(F32, 2, 3),
     .status = ALM_STATUS_MODEL,
     .text = "branch_tokens: fixed_frame is F32 [2, 3], expected [3, 3]"},
    {.name = "moving frame",
     .input = 3,
     ALM_DIMS(F32, 3, 4),
     .status = ALM_STATUS_MODEL,
     .text = "branch_tokens: moving_frame is F32 [3, 4], expected [3, 3]"},
};

const alm_op_cases alm_cases_branch_tokens = {
    .op = &alm_op_branch_tokens, ALM_CASES(cases), ALM_BAD(bad), .c = 0, /* one kernel, in double */
};
