/* Runs the cases of every operation of ops.def; an operation without a cases file does not link. */
#include "kernels/core/op.h"
#include "tests/ops/op_test.h"
#include "tests/shim/alm_test.h"

#define ALM_OP(name)                                                                               \
    extern const alm_op_cases alm_cases_##name;                                                    \
    ALM_TEST(ops, name)                                                                            \
    {                                                                                              \
        ALM_CHECK(alm_cases_##name.op == &alm_op_##name);                                          \
        alm_op_test(&alm_cases_##name, NULL);                                                      \
    }
#include "kernels/ops.def"
#undef ALM_OP

/* What every operation promises of its tables. */
ALM_TEST(ops, tables)
{
    for (int i = 0; alm_ops[i]; i++) {
        const alm_op_def *op = alm_ops[i];
        int kernels = 0;
        for (const alm_kernel *k = op->kernels; k->name; k++) {
            kernels++;
            if (strncmp(k->name, op->name, strlen(op->name)) != 0) {
                ALM_FAIL("%s: kernel %s has another name", op->name, k->name);
            }
            if (!k->run) {
                ALM_FAIL("%s: kernel %s has no run", op->name, k->name);
            }
        }
        if (kernels < 1 || op->kernels[kernels - 1].min_arch != ALM_CPU_GENERIC ||
            op->kernels[kernels - 1].accepts || !strstr(op->kernels[kernels - 1].name, "_ref")) {
            ALM_FAIL("%s: the last kernel is not a reference that takes everything", op->name);
        }
        if (op->in_min > op->in_max || op->count_from >= op->in_max || op->in_place >= op->in_max ||
            op->out_count > ALM_OP_TEST_OUTPUTS) {
            ALM_FAIL("%s: the counts of inputs and outputs do not fit together", op->name);
        }
    }
}

ALM_TEST(ops, kernel_choice)
{
    const alm_kernel list[] = {
        {.name = "x_avx512", .min_arch = ALM_CPU_AVX512},
        {.name = "x_avx2", .min_arch = ALM_CPU_AVX2},
        {.name = "x_cuda", .backend = ALM_BACKEND_CUDA, .min_arch = 80},
        {.name = "x_ref"},
        {.name = NULL},
    };
    const alm_op_def op = {.name = "x", .kernels = list};
    const alm_op_args none = {.in = NULL};
    alm_device device = {.arch = ALM_CPU_AVX512, .threads = 1};
    ALM_CHECK(alm_op_kernel(&op, &none, &device, NULL) == &list[0]);
    ALM_CHECK(alm_op_kernel(&op, &none, &device, "y_ref,x_ref") == &list[3]);
    ALM_CHECK(alm_op_kernel(&op, &none, &device, "x_re") == &list[0]);
    device.arch = ALM_CPU_AVX2;
    ALM_CHECK(alm_op_kernel(&op, &none, &device, "x_avx512") == &list[1]);
    device.arch = ALM_CPU_GENERIC;
    ALM_CHECK(alm_op_kernel(&op, &none, &device, NULL) == &list[3]);
    device = (alm_device){.backend = ALM_BACKEND_CUDA, .arch = 75};
    ALM_CHECK(!alm_op_kernel(&op, &none, &device, NULL));
}
