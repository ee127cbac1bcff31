/* Cases of layernorm. */
#include <math.h>

#include "kernels/core/numeric.h"
#include "kernels/layernorm/layernorm.h"
#include "tests/ops/op_test.h"
#include "tests/shim/alm_test.h"

static const alm_layernorm_attr attr = {.eps = 1e-6}, big_eps = {.eps = 0.5}, no_eps = {.eps = 0},
                                nan_eps = {.eps = NAN};
/* Mean 2.5 and variance 1.25; eps adds 0.5. */
static const float x[] = {1, 2, 3, 4}, weight[] = {1, 2, 0, -1}, bias[] = {0, 0.5f, 7, 1};
static const float known[] = {-1.1338934f, -0.2559289f, 7, -0.13389342f};

#define PLAIN(rows, n)                                                                             \
    {                                                                                              \
        {ALM_DIMS(F32, rows, n)}, {ALM_DIMS(F32, n)},                                              \
        {                                                                                          \
            ALM_DIMS(F32, n)                                                                       \
        }                                                                                          \
    }

static const alm_op_case cases[] = {
    {.name = "known",
     .in = {{ALM_DIMS(F32, 1, 4), .data = x},
            {ALM_DIMS(F32, 4), .data = weight},
            {ALM_DIMS(F32, 4), .data = bias}},
     .attr = &big_eps,
     .expect = {known},
     .expect_within = 2e-7},
    {.name = "one element", .in = PLAIN(3, 1), .attr = &attr},
    {.name = "7", .in = PLAIN(3, 7), .attr = &attr},
    {.name = "8", .in = PLAIN(3, 8), .attr = &attr},
    {.name = "15", .in = PLAIN(3, 15), .attr = &attr},
    {.name = "16", .in = PLAIN(3, 16), .attr = &attr},
    {.name = "17, bf16, out padded",
     .in = {{ALM_DIMS(F32, 5, 17)}, {ALM_DIMS(BF16, 17)}, {ALM_DIMS(BF16, 17)}},
     .attr = &attr,
     .out_stride = {23}},
    {.name = "bf16 weight only",
     .in = {{ALM_DIMS(F32, 2, 40)}, {ALM_DIMS(BF16, 40)}, {ALM_DIMS(F32, 40)}},
     .attr = &attr},
    {.name = "vision row",
     .in = {{ALM_DIMS(F32, 40, 1024), .rows = 33}, {ALM_DIMS(BF16, 1024)}, {ALM_DIMS(BF16, 1024)}},
     .attr = &attr},
    {.name = "far from zero",
     .in = {{ALM_DIMS(F32, 4, 1000), .low = 99, .high = 101},
            {ALM_DIMS(F32, 1000)},
            {ALM_DIMS(F32, 1000)}},
     .attr = &attr},
    {.name = "255", .in = PLAIN(2, 255), .attr = &attr},
    {.name = "256", .in = PLAIN(2, 256), .attr = &attr},
    {.name = "257", .in = PLAIN(2, 257), .attr = &attr},
    {.name = "1023", .in = PLAIN(2, 1023), .attr = &attr},
    {.name = "1024", .in = PLAIN(2, 1024), .attr = &attr},
    {.name = "1025", .in = PLAIN(2, 1025), .attr = &attr},
    {.name = "2048", .in = PLAIN(2, 2048), .attr = &attr},
    {.name = "2049", .in = PLAIN(2, 2049), .attr = &attr},
    {.name = "4096", .in = PLAIN(2, 4096), .attr = &attr},
    {.name = "4097", .in = PLAIN(2, 4097), .attr = &attr},
    {.name = "8191", .in = PLAIN(2, 8191), .attr = &attr},
    {.name = "8193", .in = PLAIN(2, 8193), .attr = &attr},
    {.name = "bf16, merger row",
     .in = {{ALM_DIMS(F32, 3, 4096), .rows = 2}, {ALM_DIMS(BF16, 4096)}, {ALM_DIMS(BF16, 4096)}},
     .attr = &attr,
     .out_dtype = ALM_DTYPE_BF16},
    {.name = "large values",
     .in = {{ALM_DIMS(F32, 5, 100), .low = -1e30, .high = 1e30},
            {ALM_DIMS(F32, 100)},
            {ALM_DIMS(F32, 100)}},
     .attr = &attr},
    {.name = "large values, long rows",
     .in = {{ALM_DIMS(F32, 2, 8300), .low = -1e30, .high = 1e30},
            {ALM_DIMS(F32, 8300)},
            {ALM_DIMS(F32, 8300)}},
     .attr = &attr},
    {.name = "long row", .in = PLAIN(2, 16384), .attr = &attr},
    {.name = "bf16 out, 17, padded",
     .in = {{ALM_DIMS(F32, 5, 17)}, {ALM_DIMS(BF16, 17)}, {ALM_DIMS(BF16, 17)}},
     .attr = &attr,
     .out_dtype = ALM_DTYPE_BF16,
     .out_stride = {23}},
    {.name = "bf16 out, 1030",
     .in = {{ALM_DIMS(F32, 9, 1030), .rows = 7}, {ALM_DIMS(F32, 1030)}, {ALM_DIMS(F32, 1030)}},
     .attr = &attr,
     .out_dtype = ALM_DTYPE_BF16},
    {.name = "no row",
     .in = {{ALM_DIMS(F32, 4, 9), .rows = ALM_ROWS_NONE}, {ALM_DIMS(F32, 9)}, {ALM_DIMS(F32, 9)}},
     .attr = &attr},
};

static const alm_op_bad bad[] = {
    {.name = "type of x",
     .input = 0,
     ALM_DIMS(BF16, 1, 4),
     .status = ALM_STATUS_MODEL,
     .text = "layernorm: x is BF16"},
    {.name = "rank of x",
     .input = 0,
     ALM_DIMS(F32, 4),
     .status = ALM_STATUS_MODEL,
     .text = "layernorm: x is F32 [4]"},
    {.name = "padded x",
     .input = 0,
     .stride = 5,
     .status = ALM_STATUS_INTERNAL,
     .text = "layernorm: the rows of x lie 5"},
    {.name = "type of weight",
     .input = 1,
     ALM_DIMS(I32, 4),
     .status = ALM_STATUS_MODEL,
     .text = "layernorm: weight is I32"},
    {.name = "size of weight",
     .input = 1,
     ALM_DIMS(F32, 5),
     .status = ALM_STATUS_MODEL,
     .text = "layernorm: weight is F32 [5], expected [4]"},
    {.name = "size of bias",
     .input = 2,
     ALM_DIMS(F32, 1, 4),
     .status = ALM_STATUS_MODEL,
     .text = "layernorm: bias is F32 [1, 4], expected [4]"},
    {.name = "eps", .attr = &no_eps, .status = ALM_STATUS_MODEL, .text = "layernorm: eps is 0"},
    {.name = "eps NaN",
     .attr = &nan_eps,
     .status = ALM_STATUS_MODEL,
     .text = "layernorm: eps is nan"},
};

/* (|x| + |mean|)/sqrt(var + eps)·|weight| + |bias|. */
static void magnitude(const alm_op_args *a, int output, double *m)
{
    (void)output;
    const alm_layernorm_attr *at = a->attr;
    const int64_t n = a->in[0].desc.dim[1];
    for (int64_t r = 0; r < alm_rows(&a->in[0]); r++) {
        const float *row = alm_row(const float, &a->in[0], r);
        double mean = 0, variance = 0;
        for (int64_t i = 0; i < n; i++) {
            mean += (double)row[i] / (double)n;
        }
        for (int64_t i = 0; i < n; i++) {
            variance += ((double)row[i] - mean) * ((double)row[i] - mean) / (double)n;
        }
        for (int64_t i = 0; i < n; i++) {
            const double spread = (fabs((double)row[i]) + fabs(mean)) / sqrt(variance + at->eps);
            m[r * n + i] = spread * fabs(alm_test_number(a->in[1].desc.dtype, a->in[1].data, i)) +
                           fabs(alm_test_number(a->in[2].desc.dtype, a->in[2].data, i));
        }
    }
}

const alm_op_cases alm_cases_layernorm = {
    .op = &alm_op_layernorm,
    ALM_CASES(cases),
    ALM_BAD(bad),
    .row_inputs = 1 << 0,
    /* Statistics are in double. Roundings: the mean, the difference, the factor, its product, and
     * the sum with the bias. */
    .c = 5,
    .magnitude = magnitude,
};
