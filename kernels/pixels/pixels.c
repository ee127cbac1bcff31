/* Contract of pixels: refuses rows that are not three channels, a standard deviation that is not
 * above zero. */
#include "kernels/pixels/pixels.h"

#include <math.h>

static alm_status check(const alm_op_args *a)
{
    const alm_pixels_attr *attr = a->attr;
    ALM_TRY(alm_check_dtype("pixels", "bytes", &a->in[0], ALM_DTYPE_U8));
    ALM_TRY(alm_check_shape("pixels", "bytes", &a->in[0], ALM_SHAPE(-1, -1)));
    if (a->in[0].desc.dim[1] % 3 != 0) {
        return alm_fail(ALM_STATUS_MODEL, "pixels: rows have %lld bytes, expected three channels",
                        (long long)a->in[0].desc.dim[1]);
    }
    for (int c = 0; c < 3; c++) {
        if (!isfinite(attr->mean[c]) || !isfinite(attr->std[c]) || !(attr->std[c] > 0)) {
            return alm_fail(ALM_STATUS_MODEL,
                            "pixels: channel %d has mean %g and std %g, expected std > 0", c,
                            (double)attr->mean[c], (double)attr->std[c]);
        }
    }
    return ALM_OK;
}

static alm_status infer(const alm_op_args *a, alm_desc *out)
{
    out[0] = alm_desc_2(ALM_DTYPE_F32, a->in[0].desc.dim[0], a->in[0].desc.dim[1]);
    return ALM_OK;
}

static const alm_kernel kernels[] = {
    {.name = "pixels_f32_ref", .run = alm_pixels_f32_ref},
    {.name = NULL},
};

const alm_op_def alm_op_pixels = {
    .name = "pixels",
    .in_min = 1,
    .in_max = 1,
    .out_count = 1,
    .count_from = 0,
    .in_place = ALM_NO_INPUT,
    .check = check,
    .infer = infer,
    .kernels = kernels,
    .bf16_out = true,
};
