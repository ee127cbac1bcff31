/* Runs the cases of every operation on its CUDA kernels, on a GPU or on the CPU (tests/cuda_shim),
 * whichever runtime the program is linked with. With ALM_ONLY_OP only that operation is tested, and
 * those that it needs besides are linked. */
#include "kernels/core/op.h"
#include "tests/ops/op_test.h"
#include "tests/ops/op_test_cuda.h"
#include "tests/shim/alm_test.h"

#ifdef ALM_ONLY_OP
#define ALM_OP(name) extern const alm_kernel alm_##name##_cuda_kernels[] __attribute__((weak));
#include "kernels/ops.def"
#undef ALM_OP
static const alm_kernel *kernels_of(const alm_op_def *op)
{
    static const alm_kernel none = {.name = NULL};
    const struct {
        const alm_op_def *op;
        const alm_kernel *kernels;
    } table[] = {
#define ALM_OP(name) {&alm_op_##name, alm_##name##_cuda_kernels},
#include "kernels/ops.def"
#undef ALM_OP
    };
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        if (table[i].op == op && table[i].kernels) {
            return table[i].kernels;
        }
    }
    return &none;
}
#else
#include "kernels/cuda/table.h"
#define kernels_of alm_cuda_kernels
#endif

static void test_op(const alm_op_cases *cases)
{
    const char *why = "";
    const alm_op_test_device *device = alm_op_test_cuda(kernels_of, &why);
    if (!device) {
        ALM_SKIP("no GPU: %s", why);
    }
    alm_op_test(cases, device);
}

#define ALM_OP(name)                                                                               \
    extern const alm_op_cases alm_cases_##name;                                                    \
    ALM_TEST(cuda_ops, name)                                                                       \
    {                                                                                              \
        test_op(&alm_cases_##name);                                                                \
    }
#ifdef ALM_ONLY_OP
#define ALM_EXPANDED(name) ALM_OP(name)
ALM_EXPANDED(ALM_ONLY_OP)
#else
#include "kernels/ops.def"

/* What every list of kernels promises. */
ALM_TEST(cuda_ops, tables)
{
    for (int i = 0; alm_ops[i]; i++) {
        const alm_op_def *op = alm_ops[i];
        bool general = false;
        for (const alm_kernel *k = alm_cuda_kernels(op); k->name; k++) {
            general = general || (!k->accepts && k->min_arch == 80 && k->max_arch == 0);
            if ((k->is_foreign || k->is_trial) && !general) {
                ALM_FAIL("%s: kernel %s would be chosen", op->name, k->name);
            }
            if (strncmp(k->name, op->name, strlen(op->name)) != 0) {
                ALM_FAIL("%s: kernel %s has another name", op->name, k->name);
            }
            if (!k->run || k->backend != ALM_BACKEND_CUDA || k->min_arch < 80) {
                ALM_FAIL("%s: kernel %s is not one of CUDA", op->name, k->name);
            }
        }
        if (!general) {
            ALM_FAIL("%s: no CUDA kernel takes everything everywhere", op->name);
        }
    }
}
#endif
#undef ALM_OP
