/* Does cuDNN take the graphs that are compared with our kernels? It answers without a GPU, for one
 * that is described: engines are looked for and checked as on the device, only nothing is loaded.
 * Exit: 0 it does, 9 it does not, 77 cuDNN or its headers are not here.
 */
#include <dlfcn.h>
#include <stdio.h>

#include "kernels/cuda/cudnn.h"

/* cuDNN's JSON of a device; the numbers of an H200 (CUDA C programming guide, table of technical
 * specifications for compute capability 9.0; clocks and L2 from the data sheet). */
static const char h200[] =
    "{\"version\":1,\"deviceVer\":900,\"deviceName\":\"NVIDIA H200\",\"cudaDeviceId\":0,"
    "\"driverVer\":13000,\"maxGridSize\":[2147483647,65535,65535],\"maxBlockSize\":[1024,1024,64],"
    "\"regsPerBlock\":65536,\"multiProcessorCount\":132,\"warpSize\":32,"
    "\"maxSharedMemoryPerBlock\":49152,\"maxSharedMemoryPerBlockOptin\":232448,"
    "\"reservedSharedMemoryPerBlock\":1024,\"maxRegistersPerSM\":65536,\"maxCtasPerSM\":32,"
    "\"maxThreadsPerBlock\":1024,\"maxThreadsPerSM\":2048,\"pciDeviceId\":0,\"isTccDriver\":0,"
    "\"supportCoopLaunch\":1,\"smClockRateKHz\":1980000,\"memClockRateKHz\":2619000,"
    "\"l2CacheSize\":62914560,\"totalGlobalMem\":150754820096}";

#define NORM(n, c, weight, out)                                                                    \
    {                                                                                              \
        .kind = ALM_CUDNN_LAYERNORM, .rows = (n), .columns = (c),                                  \
        .weight_dtype = ALM_DTYPE_##weight, .out_dtype = ALM_DTYPE_##out                           \
    }
#define ATTENTION(b, q, k, h, kv, d, rule)                                                         \
    {                                                                                              \
        .kind = ALM_CUDNN_ATTENTION, .batch = (b), .queries = (q), .keys = (k), .heads = (h),      \
        .kv_heads = (kv), .head_dim = (d), .mask = ALM_CUDNN_MASK_##rule,                          \
        .mask_stride = ((k) + 7) / 8 * 8                                                           \
    }

/* The sizes of bench_rows_cuda and bench_attention_cuda. */
static const alm_cudnn_graph graphs[] = {
    NORM(2592, 1024, BF16, BF16),
    NORM(648, 4096, BF16, BF16),
    NORM(512, 1536, F32, F32),
    ATTENTION(2, 1296, 1296, 16, 16, 64, NONE),
    ATTENTION(1, 2592, 2592, 16, 16, 64, ADDED),
    ATTENTION(1, 1184, 1184, 16, 8, 128, CAUSAL),
    ATTENTION(1, 1184, 1184, 16, 8, 128, ADDED),
    ATTENTION(1, 524, 1182, 16, 8, 128, ADDED),
    ATTENTION(1, 1, 1182, 16, 8, 128, ADDED),
    ATTENTION(1, 512, 512, 8, 8, 128, ADDED),
};

/* Engines that are compiled at run time ask for a driver; the toolkit's stub, loaded under its
 * name, is enough for the question. */
static void load_driver(void)
{
    static const char *const names[] = {"libcuda.so.1", "/usr/local/cuda/lib64/stubs/libcuda.so",
                                        "/usr/local/cuda/lib/stubs/libcuda.so"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (dlopen(names[i], RTLD_NOW | RTLD_GLOBAL)) {
            return;
        }
    }
}

int main(void)
{
    int refused = 0;
    load_driver();
    for (size_t i = 0; i < sizeof graphs / sizeof *graphs; i++) {
        const alm_cudnn_graph *g = &graphs[i];
        int count = 0;
        const alm_status status = alm_cudnn_engines(h200, g, &count);
        if (status == ALM_STATUS_DEVICE && i == 0) {
            printf("%s\n", alm_error_message());
            return 77;
        }
        printf("%s %lld x %lld, mask %lld: %d engines%s%s\n",
               g->kind == ALM_CUDNN_LAYERNORM ? "layernorm" : "attention",
               (long long)(g->rows + g->queries), (long long)(g->columns + g->keys),
               (long long)g->mask, count, status == ALM_OK ? "" : ": ",
               status == ALM_OK ? "" : alm_error_message());
        refused += status != ALM_OK || count < 1;
    }
    return refused ? 9 : 0;
}
