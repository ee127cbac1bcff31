/* Cases of pixels. */
#include <math.h>

#include "kernels/pixels/pixels.h"
#include "tests/ops/op_test.h"

static const uint8_t bytes[] = {0, 255, 51, 102, 255, 0};
/* 2·b/255 − 1; b/255; (b − 51)/63.75. */
static const float known[] = {-1, 1, 0.2f, 0.4f, 3.2f, -0.8f};
static const alm_pixels_attr attr = {.mean = {0.5f, 0, 0.2f}, .std = {0.5f, 1, 0.25f}};
static const alm_pixels_attr no_std = {.mean = {0.5f, 0, 0.2f}, .std = {0.5f, 0, 0.25f}};
static const alm_pixels_attr nan_mean = {.mean = {0.5f, 0, NAN}, .std = {0.5f, 1, 0.25f}};

static const alm_op_case cases[] = {
    {.name = "known",
     .in = {{ALM_DIMS(U8, 1, 6), .data = bytes}},
     .attr = &attr,
     .expect = {known},
     .expect_within = 1e-6},
    {.name = "strides",
     .in = {{ALM_DIMS(U8, 4, 51), .stride = 53}},
     .attr = &attr,
     .out_stride = {52}},
    {.name = "rows in use", .in = {{ALM_DIMS(U8, 50, 1536), .rows = 37}}, .attr = &attr},
    {.name = "bf16 out, strides",
     .in = {{ALM_DIMS(U8, 7, 51), .rows = 6, .stride = 53}},
     .attr = &attr,
     .out_dtype = ALM_DTYPE_BF16,
     .out_stride = {52}},
    {.name = "eight bytes a channel",
     .in = {{ALM_DIMS(U8, 9, 24), .stride = 32}},
     .attr = &attr,
     .out_stride = {28}},
    {.name = "bf16 out, 8 and 1024 bytes a row and channel",
     .in = {{ALM_DIMS(U8, 3, 3072), .rows = 2}},
     .attr = &attr,
     .out_dtype = ALM_DTYPE_BF16},
    {.name = "seven bytes a channel", .in = {{ALM_DIMS(U8, 9, 21)}}, .attr = &attr},
    {.name = "no row", .in = {{ALM_DIMS(U8, 5, 3), .rows = ALM_ROWS_NONE}}, .attr = &attr},
};

static const alm_op_bad bad[] = {
    {.name = "type",
     .input = 0,
     ALM_DIMS(F32, 1, 6),
     .status = ALM_STATUS_MODEL,
     .text = "pixels: bytes is F32, expected U8"},
    {.name = "rank",
     .input = 0,
     ALM_DIMS(U8, 6),
     .status = ALM_STATUS_MODEL,
     .text = "pixels: bytes is U8 [6]"},
    {.name = "two channels",
     .input = 0,
     ALM_DIMS(U8, 1, 8),
     .status = ALM_STATUS_MODEL,
     .text = "rows have 8 bytes"},
    {.name = "std",
     .attr = &no_std,
     .status = ALM_STATUS_MODEL,
     .text = "channel 1 has mean 0 and std 0"},
    {.name = "mean",
     .attr = &nan_mean,
     .status = ALM_STATUS_MODEL,
     .text = "channel 2 has mean nan"},
};

/* Cancellation of the mean: the terms are b/(255·std) and mean/std. */
static void magnitude(const alm_op_args *a, int output, double *m)
{
    (void)output;
    const alm_pixels_attr *at = a->attr;
    const int64_t n = a->in[0].desc.dim[1];
    for (int64_t r = 0; r < alm_rows(&a->in[0]); r++) {
        for (int64_t i = 0; i < n; i++) {
            const int64_t c = i / (n / 3);
            const double byte = alm_row(const uint8_t, &a->in[0], r)[i];
            m[r * n + i] = (byte / 255 + fabs((double)at->mean[c])) / (double)at->std[c];
        }
    }
}

const alm_op_cases alm_cases_pixels = {
    .op = &alm_op_pixels,
    ALM_CASES(cases),
    ALM_BAD(bad),
    .row_inputs = 1 << 0,
    .c = 4, /* two products, a difference, a quotient */
    .magnitude = magnitude,
};
