/* Cases of deepstack_add. */
#include "kernels/deepstack_add/deepstack_add.h"
#include "tests/ops/op_test.h"
#include "tests/shim/alm_test.h"

static const float h[] = {1, 2, 3, 4, 5, 6, 7, 8}, image[] = {10, 20, 30, 40},
                   point[] = {100, 200, 300, 400};
/* A text row has a token id, which is no row of anything. */
static const int32_t source[] = {0, 151643, 1, 1, 2, 0, 1, 0};
static const float both[] = {1, 2, 33, 44, 105, 206, 17, 28},
                   only_point[] = {1, 2, 3, 4, 105, 206, 7, 8};
static const int32_t past_image[] = {0, 9, 1, 2, 2, 0, 1, 0},
                     negative[] = {0, 9, 1, 1, 2, -1, 1, 0};

static void random_source(const alm_op_case *c, int index, void *const *filled, void *data)
{
    (void)filled;
    int32_t *at = data;
    for (int64_t r = 0; r < c->in[index].desc.dim[0]; r++) {
        at[2 * r] = (int32_t)(alm_test_random() % 3);
        at[2 * r + 1] = (int32_t)(alm_test_random() % 3);
    }
}

#define H                                                                                          \
    {                                                                                              \
        ALM_DIMS(F32, 4, 2), .data = h                                                             \
    }

static const alm_op_case cases[] = {
    {.name = "both",
     .in = {H,
            {ALM_DIMS(I32, 4, 2), .data = source},
            {ALM_DIMS(F32, 2, 2), .data = image},
            {ALM_DIMS(F32, 2, 2), .data = point}},
     .expect = {both}},
    {.name = "only point",
     .in = {H,
            {ALM_DIMS(I32, 4, 2), .data = source},
            {.rows = 0},
            {ALM_DIMS(F32, 2, 2), .data = point}},
     .expect = {only_point}},
    {.name = "neither", .in = {H, {ALM_DIMS(I32, 4, 2), .data = source}}, .expect = {h}},
    {.name = "strides",
     .in = {{ALM_DIMS(F32, 19, 33), .stride = 40},
            {ALM_DIMS(I32, 19, 2), .fill = random_source, .stride = 3},
            {ALM_DIMS(F32, 3, 33), .stride = 34},
            {ALM_DIMS(F32, 4, 33), .rows = 3, .stride = 40}},
     .out_stride = {35}},
    {.name = "rows in use",
     .in = {{ALM_DIMS(F32, 90, 1000), .rows = 71},
            {ALM_DIMS(I32, 90, 2), .rows = 71, .fill = random_source},
            {ALM_DIMS(F32, 3, 1000)}}},
    {.name = "513, aligned strides",
     .in = {{ALM_DIMS(F32, 7, 513), .stride = 516},
            {ALM_DIMS(I32, 7, 2), .fill = random_source},
            {ALM_DIMS(F32, 3, 513), .stride = 516},
            {ALM_DIMS(F32, 4, 513), .rows = 3, .stride = 520}},
     .out_stride = {516}},
    {.name = "no row",
     .in = {{ALM_DIMS(F32, 4, 2), .rows = ALM_ROWS_NONE},
            {ALM_DIMS(I32, 4, 2), .rows = ALM_ROWS_NONE},
            {ALM_DIMS(F32, 3, 2)}}},
    {.name = "row past the image",
     .in = {H, {ALM_DIMS(I32, 4, 2), .data = past_image}, {ALM_DIMS(F32, 2, 2)}},
     .refused = ALM_STATUS_INTERNAL,
     .refused_text = "deepstack_add: row 1 wants row 2 of source 1, which has 2"},
    {.name = "negative row",
     .in =
         {H, {ALM_DIMS(I32, 4, 2), .data = negative}, {ALM_DIMS(F32, 2, 2)}, {ALM_DIMS(F32, 2, 2)}},
     .refused = ALM_STATUS_INTERNAL,
     .refused_text = "deepstack_add: row 2 wants row -1 of source 2"},
};

static const alm_op_bad bad[] = {
    {.name = "type of h",
     .input = 0,
     ALM_DIMS(BF16, 4, 2),
     .status = ALM_STATUS_MODEL,
     .text = "deepstack_add: h is BF16"},
    {.name = "type of source",
     .input = 1,
     ALM_DIMS(F32, 4, 2),
     .status = ALM_STATUS_MODEL,
     .text = "deepstack_add: source is F32"},
    {.name = "rows of source",
     .input = 1,
     ALM_DIMS(I32, 3, 2),
     .status = ALM_STATUS_MODEL,
     .text = "deepstack_add: source is I32 [3, 2], expected [4, 2]"},
    {.name = "type of image",
     .input = 2,
     ALM_DIMS(BF16, 2, 2),
     .status = ALM_STATUS_MODEL,
     .text = "deepstack_add: image is BF16"},
    {.name = "width of point",
     .input = 3,
     ALM_DIMS(F32, 2, 3),
     .status = ALM_STATUS_MODEL,
     .text = "deepstack_add: point is F32 [2, 3], expected [*, 2]"},
};

const alm_op_cases alm_cases_deepstack_add = {
    .op = &alm_op_deepstack_add,
    ALM_CASES(cases),
    ALM_BAD(bad),
    .row_inputs = 1 << 0 | 1 << 1,
    .c = 1, /* one addition */
    .absolute = true,
};
