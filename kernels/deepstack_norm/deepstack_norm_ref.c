/* The references of its two operations, one after the other. */
#include "kernels/deepstack_add/deepstack_add.h"
#include "kernels/deepstack_norm/deepstack_norm.h"

alm_status alm_deepstack_norm_f32_ref(const alm_exec *x, const alm_op_args *a)
{
    alm_deepstack_norm_steps s;
    alm_deepstack_norm_split(a, &s);
    ALM_TRY(alm_deepstack_add_f32_ref(x, &s.sum));
    return alm_rmsnorm_f32_ref(x, &s.norm);
}
