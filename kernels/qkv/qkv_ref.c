/* The references of its operations, one after another. */
#include "kernels/qkv/qkv.h"

static const alm_kernel *reference(const alm_op_def *op, const alm_op_args *a,
                                   const alm_device *device)
{
    const alm_kernel *last = op->kernels;
    (void)a;
    (void)device;
    while (last[1].name) {
        last++;
    }
    return last;
}

alm_status alm_qkv_f32_ref(const alm_exec *x, const alm_op_args *a)
{
    return alm_qkv_compose(x, a, reference);
}

size_t alm_qkv_workspace_ref(const alm_op_args *a, const alm_device *device)
{
    return alm_qkv_compose_workspace(a, device, reference);
}
