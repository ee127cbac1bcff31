/* Contract of page_patches: refuses tensors that are not packed and sizes that no patch has. */
#include "kernels/page_patches/page_patches.h"

enum { MOST_PATCH = 1024 }; /* of patch and temporal_patch */

static alm_status packed(const char *what, const alm_tensor *t, alm_dtype dtype)
{
    ALM_TRY(alm_check_dtype("page_patches", what, t, dtype));
    return alm_check_packed("page_patches", what, t);
}

static alm_status check(const alm_op_args *a)
{
    const alm_page_patches_attr *attr = a->attr;
    ALM_TRY(packed("rgb", &a->in[0], ALM_DTYPE_U8));
    ALM_TRY(alm_check_shape("page_patches", "rgb", &a->in[0], ALM_SHAPE(-1)));
    ALM_TRY(packed("page", &a->in[1], ALM_DTYPE_I32));
    ALM_TRY(alm_check_shape("page_patches", "page", &a->in[1], ALM_SHAPE(-1, 4)));
    ALM_TRY(packed("span", &a->in[2], ALM_DTYPE_I32));
    ALM_TRY(alm_check_shape("page_patches", "span", &a->in[2], ALM_SHAPE(-1, 4)));
    ALM_TRY(packed("weight", &a->in[3], ALM_DTYPE_I32));
    ALM_TRY(alm_check_shape("page_patches", "weight", &a->in[3], ALM_SHAPE(-1)));
    ALM_TRY(alm_check_dtype("page_patches", "position", &a->in[4], ALM_DTYPE_I32));
    ALM_TRY(alm_check_shape("page_patches", "position", &a->in[4], ALM_SHAPE(-1, 2)));
    if (a->in[1].desc.dim[0] > ALM_PAGE_PATCHES_MAX) {
        return alm_fail(ALM_STATUS_MODEL, "page_patches: %lld pages, at most %d are supported",
                        (long long)a->in[1].desc.dim[0], ALM_PAGE_PATCHES_MAX);
    }
    if (attr->patch < 1 || attr->patch > MOST_PATCH || attr->temporal_patch < 1 ||
        attr->temporal_patch > MOST_PATCH || attr->wide < 0) {
        return alm_fail(ALM_STATUS_MODEL,
                        "page_patches: patch %d, temporal patch %d, %lld bytes between the passes: "
                        "expected 1 to %d, 1 to %d and no negative number",
                        attr->patch, attr->temporal_patch, (long long)attr->wide, MOST_PATCH,
                        MOST_PATCH);
    }
    return ALM_OK;
}

static alm_status infer(const alm_op_args *a, alm_desc *out)
{
    const alm_page_patches_attr *attr = a->attr;
    out[0] = alm_desc_2(ALM_DTYPE_U8, a->in[4].desc.dim[0],
                        (int64_t)3 * attr->temporal_patch * attr->patch * attr->patch);
    return ALM_OK;
}

size_t alm_page_patches_workspace(const alm_op_args *a, const alm_device *device)
{
    (void)device;
    return (size_t)((const alm_page_patches_attr *)a->attr)->wide;
}

static const alm_kernel kernels[] = {
    {.name = "page_patches_ref",
     .workspace = alm_page_patches_workspace,
     .run = alm_page_patches_ref},
    {.name = NULL},
};

const alm_op_def alm_op_page_patches = {
    .name = "page_patches",
    .in_min = 5,
    .in_max = 5,
    .out_count = 1,
    .count_from = 4,
    .in_place = ALM_NO_INPUT,
    .check = check,
    .infer = infer,
    .kernels = kernels,
};
