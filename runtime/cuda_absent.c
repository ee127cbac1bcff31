/* Stands in for cuda/ in builds without the CUDA toolkit. */
#include "runtime/backend.h"
#include "runtime/comm.h"
#include "runtime/ranges.h"

const char *const alm_cuda_backend_name = NULL;
const alm_kernel *(*const alm_cuda_device_kernels)(const alm_op_def *op) = NULL;

int alm_cuda_device_count(void)
{
    return 0;
}

alm_cuda_facts alm_cuda_facts_get(void)
{
    return (alm_cuda_facts){0};
}

alm_status alm_gpu_facts_get(int index, alm_gpu_facts *out)
{
    alm_target *none = NULL;
    *out = (alm_gpu_facts){0};
    return alm_target_open_cuda(index, &none);
}

alm_status alm_target_open_cuda(int index, alm_target **out)
{
    (void)index;
    (void)out;
    return alm_fail(ALM_STATUS_DEVICE,
                    "this assemlm was built without CUDA (ASSEMLM_CUDA=ON builds with it)");
}

alm_status alm_comm_nccl_create(int ranks, const int *devices, alm_comm *comm)
{
    (void)ranks;
    (void)devices;
    (void)comm;
    return alm_fail(ALM_STATUS_DEVICE, "this assemlm was built without CUDA and NCCL");
}

void alm_range_begin(const char *category, const char *name)
{
    (void)category;
    (void)name;
}

void alm_range_end(void)
{
}
