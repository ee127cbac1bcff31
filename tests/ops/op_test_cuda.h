/* The CUDA device for the tester of operations: the real one, or the one that runs on the CPU,
 * whichever runtime the program is linked with. */
#ifndef ALM_TESTS_OPS_OP_TEST_CUDA_H
#define ALM_TESTS_OPS_OP_TEST_CUDA_H

#include "tests/ops/op_test.h"

/* The first device, with the kernels that `kernels` gives; NULL: there is none, and *why says so
 * (static storage). The program ends with a message when a call of the runtime fails later: nothing
 * works after that. */
const alm_op_test_device *alm_op_test_cuda(const alm_kernel *(*kernels)(const alm_op_def *op),
                                           const char **why);

#endif
