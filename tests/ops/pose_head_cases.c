/* Cases of pose_head: depths of 0 to 3 blocks, widths around vectors, both weight types. */
#include "kernels/pose_head/pose_head.h"

#include <math.h>
#include <stdio.h>

#include "tests/ops/op_test.h"

/* D = 2, H = 2, no block, O = 1. LayerNorm of (1, 3) is (-1, 1) up to eps; with weight (2, 2) and
 * bias (0, 1) it is
 * (-2, 3); fc1 = identity, ReLU: (0, 3); LayerNorm: (-1, 1); fc2 (1, 10) with bias 0.5. */
static const float x[] = {1, 3}, norm1_weight[] = {2, 2}, norm1_bias[] = {0, 1},
                   one[] = {1, 0, 0, 1}, zeros[] = {0, 0}, ones[] = {1, 1}, fc2[] = {1, 10},
                   half[] = {0.5f}, known[] = {9.5f};

#define LAYER(type, norm, out)                                                                     \
    {ALM_DIMS(type, norm)}, {ALM_DIMS(type, norm)}, {ALM_DIMS(type, out, norm)},                   \
    {                                                                                              \
        ALM_DIMS(type, out)                                                                        \
    }

static const alm_op_case cases[] = {
    {.name = "known",
     .in = {{ALM_DIMS(F32, 1, 2), .data = x},
            {ALM_DIMS(F32, 2), .data = norm1_weight},
            {ALM_DIMS(F32, 2), .data = norm1_bias},
            {ALM_DIMS(F32, 2, 2), .data = one},
            {ALM_DIMS(F32, 2), .data = zeros},
            {ALM_DIMS(F32, 2), .data = ones},
            {ALM_DIMS(F32, 2), .data = zeros},
            {ALM_DIMS(F32, 1, 2), .data = fc2},
            {ALM_DIMS(F32, 1), .data = half}},
     .expect = {known},
     .expect_within = 2e-5}, /* eps 1e-5 against variances of 1 and 2.25 */
    {.name = "no block", .in = {{ALM_DIMS(F32, 1, 33)}, LAYER(BF16, 33, 40), LAYER(BF16, 40, 9)}},
    {.name = "one block, f32",
     .in = {{ALM_DIMS(F32, 1, 96)}, LAYER(F32, 96, 128), LAYER(F32, 128, 128), LAYER(F32, 128, 9)}},
    {.name = "two blocks",
     .in = {{ALM_DIMS(F32, 1, 128)},
            LAYER(BF16, 128, 137),
            LAYER(BF16, 137, 137),
            LAYER(BF16, 137, 137),
            LAYER(BF16, 137, 9)}},
    {.name = "two blocks of 72, mixed types",
     .in = {{ALM_DIMS(F32, 1, 256)},
            LAYER(BF16, 256, 72),
            LAYER(BF16, 72, 72),
            LAYER(F32, 72, 72),
            LAYER(BF16, 72, 9)}},
    {.name = "4096 wide",
     .in = {{ALM_DIMS(F32, 1, 4096)}, LAYER(BF16, 4096, 9), LAYER(BF16, 9, 9)}},
    {.name = "4104 wide",
     .in = {{ALM_DIMS(F32, 1, 4104)}, LAYER(BF16, 4104, 8), LAYER(BF16, 8, 9)}},
    {.name = "three blocks, narrower than x",
     .in = {{ALM_DIMS(F32, 1, 300)},
            LAYER(BF16, 300, 31),
            LAYER(BF16, 31, 31),
            LAYER(BF16, 31, 31),
            LAYER(BF16, 31, 31),
            LAYER(BF16, 31, 12)}},
};

static const alm_op_bad bad[] = {
    {.name = "type of x",
     .input = 0,
     ALM_DIMS(BF16, 1, 2),
     .status = ALM_STATUS_MODEL,
     .text = "x is BF16"},
    {.name = "two rows",
     .input = 0,
     ALM_DIMS(F32, 2, 2),
     .status = ALM_STATUS_MODEL,
     .text = "x is F32 [2, 2]"},
    {.name = "norm",
     .input = 1,
     ALM_DIMS(F32, 3),
     .status = ALM_STATUS_MODEL,
     .text = "norm weight is F32 [3]"},
    {.name = "linear",
     .input = 3,
     ALM_DIMS(F32, 2, 3),
     .status = ALM_STATUS_MODEL,
     .text = "linear weight"},
    {.name = "bias",
     .input = 8,
     ALM_DIMS(F32, 2),
     .status = ALM_STATUS_MODEL,
     .text = "linear bias is F32 [2]"},
    {.name = "half a block",
     .base = 2,
     .n_in = 11,
     .status = ALM_STATUS_INTERNAL,
     .text = "11 inputs"},
    {.name = "a block of another width",
     .base = 2,
     .input = 7,
     ALM_DIMS(F32, 120, 128),
     .status = ALM_STATUS_MODEL,
     .text = "linear weight is F32 [120, 128]"},
};

/* |ĥ| of a normalised vector is below 4 for these sizes, so that |fc2|·(4|w| + |b|) + |bias| bounds
 * the terms of an output. */
static void magnitude(const alm_op_args *a, int output, double *m)
{
    (void)output;
    const alm_tensor *last = &a->in[a->n_in - 4];
    const int64_t width = last[0].desc.dim[0];
    for (int64_t o = 0; o < last[2].desc.dim[0]; o++) {
        m[o] = fabs(alm_test_number(last[3].desc.dtype, last[3].data, o));
        for (int64_t h = 0; h < width; h++) {
            m[o] += fabs(alm_test_number(last[2].desc.dtype, last[2].data, o * width + h)) *
                    (4 * fabs(alm_test_number(last[0].desc.dtype, last[0].data, h)) +
                     fabs(alm_test_number(last[1].desc.dtype, last[1].data, h)));
        }
    }
}

/* A layer's sums have relative errors of 2√K·u against Σ|terms| (see linear), which for random
 * weights is √K times their spread; the norm divides by that spread, so that each layer adds 2·K·u.
 * Layers add up. */
static double layers(const alm_op_args *a)
{
    const int64_t k = alm_pose_head_width(a);
    return 2.0 * (double)k * (a->n_in - 1) / 4;
}

const alm_op_cases alm_cases_pose_head = {
    .op = &alm_op_pose_head,
    ALM_CASES(cases),
    ALM_BAD(bad),
    .c_of = layers,
    .magnitude = magnitude,
};
