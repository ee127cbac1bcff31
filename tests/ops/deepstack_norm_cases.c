/* Cases of deepstack_norm. */
#include "kernels/deepstack_norm/deepstack_norm.h"
#include "tests/ops/op_test.h"
#include "tests/shim/alm_test.h"

static const alm_rmsnorm_attr attr = {.eps = 1e-6}, big_eps = {.eps = 1.5}, no_eps = {.eps = 0};
/* Text, image row 1, point row 0. With the features (1, -2, 3, 4): mean square 7.5, eps makes it
 * 9. */
static const int32_t source[] = {0, 151643, 1, 1, 2, 0}, past_image[] = {0, 9, 1, 2, 2, 0},
                     negative[] = {0, 9, 1, 1, 2, -1};
static const float h[] = {1, -2, 3, 4, 0, 0, 0, 0, 1, 1, 1, 1}, image[] = {9, 9, 9, 9, 1, -2, 3, 4},
                   point[] = {0, -3, 2, 3}, weight[] = {1, 2, 0, -3};
static const float normed[] = {0.33333333f, -1.3333333f, 0, -4, 0.33333333f, -1.3333333f, 0, -4,
                               0.33333333f, -1.3333333f, 0, -4},
                   sum[] = {1, -2, 3, 4, 1, -2, 3, 4, 1, -2, 3, 4};

static void random_source(const alm_op_case *c, int index, void *const *filled, void *data)
{
    (void)filled;
    int32_t *at = data;
    for (int64_t r = 0; r < c->in[index].desc.dim[0]; r++) {
        at[2 * r] = (int32_t)(alm_test_random() % 3);
        at[2 * r + 1] = (int32_t)(alm_test_random() % 3);
    }
}

#define SOURCE(n)                                                                                  \
    {                                                                                              \
        ALM_DIMS(I32, n, 2), .fill = random_source                                                 \
    }
#define ROWS(n, d, type)                                                                           \
    {ALM_DIMS(F32, n, d)}, SOURCE(n), {ALM_DIMS(type, d)}, {ALM_DIMS(F32, 3, d)},                  \
    {                                                                                              \
        ALM_DIMS(F32, 3, d)                                                                        \
    }

static const alm_op_case cases[] = {
    {.name = "known",
     .in = {{ALM_DIMS(F32, 3, 4), .data = h},
            {ALM_DIMS(I32, 3, 2), .data = source},
            {ALM_DIMS(F32, 4), .data = weight},
            {ALM_DIMS(F32, 2, 4), .data = image},
            {ALM_DIMS(F32, 1, 4), .data = point}},
     .attr = &big_eps,
     .expect = {normed, sum},
     .expect_within = 2e-7},
    {.name = "no features",
     .in = {{ALM_DIMS(F32, 5, 9)}, SOURCE(5), {ALM_DIMS(F32, 9)}},
     .attr = &attr},
    {.name = "points only, strides",
     .in = {{ALM_DIMS(F32, 9, 33)},
            {ALM_DIMS(I32, 9, 2), .fill = random_source, .stride = 3},
            {ALM_DIMS(BF16, 33)},
            {.rows = 0},
            {ALM_DIMS(F32, 4, 33), .rows = 3, .stride = 40}},
     .attr = &attr,
     .out_stride = {35, 36}},
    {.name = "language rows",
     .in = {{ALM_DIMS(F32, 12, 2048), .rows = 9},
            {ALM_DIMS(I32, 12, 2), .rows = 9, .fill = random_source},
            {ALM_DIMS(BF16, 2048)},
            {ALM_DIMS(F32, 3, 2048)},
            {ALM_DIMS(F32, 3, 2048)}},
     .attr = &attr,
     .out_dtype = ALM_DTYPE_BF16},
    {.name = "2049", .in = {ROWS(3, 2049, F32)}, .attr = &attr},
    {.name = "4096", .in = {ROWS(2, 4096, BF16)}, .attr = &attr},
    {.name = "wider than registers", .in = {ROWS(3, 4097, BF16)}, .attr = &attr},
    {.name = "large values",
     .in = {{ALM_DIMS(F32, 3, 100), .low = -1e30, .high = 1e30},
            SOURCE(3),
            {ALM_DIMS(F32, 100)},
            {ALM_DIMS(F32, 3, 100)}},
     .attr = &attr},
    {.name = "no row",
     .in = {{ALM_DIMS(F32, 4, 8), .rows = ALM_ROWS_NONE},
            {ALM_DIMS(I32, 4, 2), .rows = ALM_ROWS_NONE},
            {ALM_DIMS(F32, 8)},
            {ALM_DIMS(F32, 3, 8)}},
     .attr = &attr},
    {.name = "row past the image",
     .in = {{ALM_DIMS(F32, 3, 4)},
            {ALM_DIMS(I32, 3, 2), .data = past_image},
            {ALM_DIMS(F32, 4)},
            {ALM_DIMS(F32, 2, 4)}},
     .attr = &attr,
     .refused = ALM_STATUS_INTERNAL,
     .refused_text = "deepstack_add: row 1 wants row 2 of source 1, which has 2"},
    {.name = "negative row",
     .in = {{ALM_DIMS(F32, 3, 4)},
            {ALM_DIMS(I32, 3, 2), .data = negative},
            {ALM_DIMS(F32, 4)},
            {ALM_DIMS(F32, 2, 4)},
            {ALM_DIMS(F32, 2, 4)}},
     .attr = &attr,
     .refused = ALM_STATUS_INTERNAL,
     .refused_text = "deepstack_add: row 2 wants row -1 of source 2"},
};

static const alm_op_bad bad[] = {
    {.name = "type of h",
     .input = 0,
     ALM_DIMS(BF16, 3, 4),
     .status = ALM_STATUS_MODEL,
     .text = "deepstack_add: h is BF16"},
    {.name = "padded h",
     .input = 0,
     .stride = 5,
     .status = ALM_STATUS_INTERNAL,
     .text = "rmsnorm: the rows of x lie 5"},
    {.name = "width of image",
     .input = 3,
     ALM_DIMS(F32, 2, 3),
     .status = ALM_STATUS_MODEL,
     .text = "deepstack_add: image is F32 [2, 3], expected [*, 4]"},
    {.name = "size of weight",
     .input = 2,
     ALM_DIMS(F32, 5),
     .status = ALM_STATUS_MODEL,
     .text = "rmsnorm: weight is F32 [5], expected [4]"},
    {.name = "eps", .attr = &no_eps, .status = ALM_STATUS_MODEL, .text = "rmsnorm: eps is 0"},
};

const alm_op_cases alm_cases_deepstack_norm = {
    .op = &alm_op_deepstack_norm,
    ALM_CASES(cases),
    ALM_BAD(bad),
    .row_inputs = 1 << 0 | 1 << 1,
    .c = 3, /* as rmsnorm: the sum is one addition, the same everywhere */
};
