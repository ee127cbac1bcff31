#include "kernels/cuda/table.h"

static const struct {
    const alm_op_def *op;
    const alm_kernel *kernels;
} table[] = {
#define ALM_OP(name) {&alm_op_##name, alm_##name##_cuda_kernels},
#include "kernels/ops.def"
#undef ALM_OP
};

const alm_kernel *alm_cuda_kernels(const alm_op_def *op)
{
    static const alm_kernel none = {.name = NULL};
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        if (table[i].op == op) {
            return table[i].kernels;
        }
    }
    return &none;
}
