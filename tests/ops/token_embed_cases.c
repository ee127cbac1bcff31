/* Cases of token_embed. */
#include "kernels/token_embed/token_embed.h"
#include "tests/ops/op_test.h"
#include "tests/shim/alm_test.h"

static const int32_t known_source[] = {0, 1, 1, 0, 2, 1, 0, 0, 1, 2};
static const int32_t no_image[] = {0, 3, 2, 2, 2, 0, 0, 0, 0, 1};
static const float table[] = {1, 2, 3, 4}, image[] = {5, 6, 7, 8, 9, 10},
                   point[] = {11, 12, 13, 14};
static const float known[] = {3, 4, 5, 6, 13, 14, 1, 2, 9, 10};
static const int32_t no_kind[] = {0, 1, 3, 0}, negative_kind[] = {-1, 0, 0, 0},
                     past_table[] = {0, 1, 0, 2};
static const int32_t past_image[] = {1, 1, 1, 2}, negative_row[] = {0, 0, 2, -1};

/* Any row of any source: the smallest of them has 3. */
static void random_source(const alm_op_case *c, int index, void *const *filled, void *data)
{
    (void)filled;
    int32_t *source = data;
    for (int64_t r = 0; r < c->in[index].desc.dim[0]; r++) {
        source[2 * r] = (int32_t)(alm_test_random() % 3);
        source[2 * r + 1] = (int32_t)(alm_test_random() % 3);
    }
}

#define REST                                                                                       \
    {ALM_DIMS(F32, 2, 2), .data = table}, {ALM_DIMS(F32, 3, 2), .data = image},                    \
    {                                                                                              \
        ALM_DIMS(F32, 2, 2), .data = point                                                         \
    }

static const alm_op_case cases[] = {
    {.name = "known", .in = {{ALM_DIMS(I32, 5, 2), .data = known_source}, REST}, .expect = {known}},
    {.name = "bf16, strides",
     .in = {{ALM_DIMS(I32, 19, 2), .fill = random_source, .stride = 3},
            {ALM_DIMS(BF16, 3, 33)},
            {ALM_DIMS(F32, 3, 33), .stride = 34},
            {ALM_DIMS(F32, 4, 33), .rows = 3, .stride = 40}},
     .out_stride = {35}},
    {.name = "rows in use",
     .in = {{ALM_DIMS(I32, 90, 2), .rows = 71, .fill = random_source},
            {ALM_DIMS(F32, 3, 1000)},
            {ALM_DIMS(F32, 3, 1000)},
            {ALM_DIMS(F32, 3, 1000)}}},
    {.name = "bf16, no image",
     .in = {{ALM_DIMS(I32, 5, 2), .data = no_image},
            {ALM_DIMS(BF16, 4, 516)},
            {.rows = 0},
            {ALM_DIMS(F32, 3, 516), .stride = 520}},
     .out_stride = {516}},
    {.name = "image that is absent",
     .in = {{ALM_DIMS(I32, 5, 2), .data = known_source},
            {ALM_DIMS(BF16, 4, 16)},
            {.rows = 0},
            {ALM_DIMS(F32, 3, 16)}},
     .refused = ALM_STATUS_INTERNAL,
     .refused_text = "of source 1, which has 0"},
    {.name = "no row", .in = {{ALM_DIMS(I32, 5, 2), .rows = ALM_ROWS_NONE}, REST}},
    {.name = "unknown kind",
     .in = {{ALM_DIMS(I32, 2, 2), .data = no_kind}, REST},
     .refused = ALM_STATUS_INTERNAL,
     .refused_text = "token_embed: row 1 has source 3"},
    {.name = "negative kind",
     .in = {{ALM_DIMS(I32, 2, 2), .data = negative_kind}, REST},
     .refused = ALM_STATUS_INTERNAL,
     .refused_text = "token_embed: row 0 has source -1"},
    {.name = "id past the table",
     .in = {{ALM_DIMS(I32, 2, 2), .data = past_table}, REST},
     .refused = ALM_STATUS_INTERNAL,
     .refused_text = "token_embed: row 1 wants row 2 of source 0, which has 2"},
    {.name = "row past those in use",
     .in = {{ALM_DIMS(I32, 2, 2), .data = past_image},
            {ALM_DIMS(F32, 2, 2)},
            {ALM_DIMS(F32, 3, 2), .rows = 2},
            {ALM_DIMS(F32, 2, 2)}},
     .refused = ALM_STATUS_INTERNAL,
     .refused_text = "wants row 2 of source 1, which has 2"},
    {.name = "negative row",
     .in = {{ALM_DIMS(I32, 2, 2), .data = negative_row}, REST},
     .refused = ALM_STATUS_INTERNAL,
     .refused_text = "wants row -1 of source 2"},
};

static const alm_op_bad bad[] = {
    {.name = "type of source",
     .input = 0,
     ALM_DIMS(I64, 5, 2),
     .status = ALM_STATUS_MODEL,
     .text = "token_embed: source is I64"},
    {.name = "shape of source",
     .input = 0,
     ALM_DIMS(I32, 5, 3),
     .status = ALM_STATUS_MODEL,
     .text = "token_embed: source is I32 [5, 3], expected [*, 2]"},
    {.name = "type of table",
     .input = 1,
     ALM_DIMS(I32, 2, 2),
     .status = ALM_STATUS_MODEL,
     .text = "token_embed: table is I32"},
    {.name = "type of image",
     .input = 2,
     ALM_DIMS(BF16, 3, 2),
     .status = ALM_STATUS_MODEL,
     .text = "token_embed: image is BF16"},
    {.name = "width of image",
     .input = 2,
     ALM_DIMS(F32, 3, 3),
     .status = ALM_STATUS_MODEL,
     .text = "token_embed: image is F32 [3, 3], expected [*, 2]"},
    {.name = "width of point",
     .input = 3,
     ALM_DIMS(F32, 3, 3),
     .status = ALM_STATUS_MODEL,
     .text = "token_embed: point is F32 [3, 3]"},
    {.name = "no point",
     .input = 3,
     .absent = true,
     .status = ALM_STATUS_MODEL,
     .text = "token_embed: point is"},
};

const alm_op_cases alm_cases_token_embed = {
    .op = &alm_op_token_embed,
    ALM_CASES(cases),
    ALM_BAD(bad),
    .row_inputs = 1 << 0,
    .c = 0, /* copies */
};
