/* Kernels that break one rule each, where the shim itself or a sanitizer must say which, and
 * kernels that show what shared and device memory hold at first. */
#include "tests/cuda_shim/self/cases.h"

namespace
{

int host_array[64];

struct view {
    const int *data;
    bool flag; /* with padding behind */
    int n;
};

/* ---- Barriers and collectives ---- */

__global__ void mask_kernel(int *out)
{
    out[0] = __shfl_sync(0x1u, 3, 0);
}

__global__ void deadlock_kernel(int *out)
{
    if (threadIdx.x != 3) {
        __syncwarp();
    } else {
        __syncthreads();
    }
    out[threadIdx.x] = 1;
}

__global__ void different_lines_kernel(int *out)
{
    int v;
    if (threadIdx.x < 16) {
        v = __shfl_sync(FULL_WARP, 1, 0);
    } else {
        v = __shfl_sync(FULL_WARP, 2, 0);
    }
    out[threadIdx.x] = v;
}

__global__ void part_of_warp_kernel(int *out)
{
    if (threadIdx.x < 16) {
        return;
    }
    float d[4] = {};
    const uint32_t a[4] = {}, b[2] = {};
    mma_bf16_16x8x16(d, a, b);
    out[0] = (int)d[0];
}

__global__ void livelock_kernel(int *out)
{
    while (atomicAdd(out, 0) != 1) {
        __nanosleep(20);
    }
}

__global__ void barrier_count_kernel(int *out)
{
    named_barrier(1, 48);
    out[0] = 1;
}

__global__ void barrier_disagree_kernel(int *out)
{
    named_barrier(1, threadIdx.x < 32 ? 64 : 32);
    out[threadIdx.x] = 1;
}

__global__ void trap_kernel(int *out)
{
    if (out) {
        __trap();
    }
}

/* ---- Shared memory and copies ---- */

__global__ void misaligned_matrix_kernel(int *out)
{
    SHARED(uint4, rows, [33]);
    rows[threadIdx.x] = make_uint4(0, 0, 0, 0);
    __syncwarp();
    uint32_t r[4];
    ldmatrix_x4(r, reinterpret_cast<uint16_t *>(rows + threadIdx.x) + 4);
    out[threadIdx.x] = (int)r[0];
}

__global__ void matrix_elsewhere_kernel(int *out)
{
    uint32_t r[4];
    ldmatrix_x4(r, reinterpret_cast<uint4 *>(out) + threadIdx.x);
    out[threadIdx.x] = (int)r[0];
}

__global__ void misaligned_copy_kernel(int *out)
{
    SHARED(uint4, rows, [32]);
    copy_async16(rows + threadIdx.x, out + threadIdx.x);
    copy_async_commit();
    copy_async_wait<0>();
}

/* float's alignment is all that the array has. */
__global__ void float_array_kernel(int *out)
{
    SHARED(float, rows, [128]);
    copy_async16(rows + 4 * threadIdx.x, out + 4 * threadIdx.x);
    copy_async_commit();
    copy_async_wait<0>();
}

__global__ void copies_in_flight_kernel(int *out)
{
    SHARED(uint4, rows, [32]);
    copy_async16(rows + threadIdx.x, out + 4 * threadIdx.x);
    copy_async_commit();
}

__global__ void carve_kernel(int *out)
{
    alm_shared_arena arena;
    if (threadIdx.x > 0) {
        arena.take<int>(4);
    }
    int *p = arena.take<int>(8);
    out[threadIdx.x] = p == nullptr;
}

__global__ void arena_kernel(int *out)
{
    alm_shared_arena arena;
    int *p = arena.take<int>(8);
    p[threadIdx.x % 8] = 1;
    out[0] = 1;
}

/* ---- What was never written ---- */

__global__ void unwritten_shared_kernel(int *out)
{
    SHARED(int, values, [32]);
    out[threadIdx.x] = values[threadIdx.x];
}

__global__ void unwritten_branch_kernel(int *out)
{
    SHARED(int, values, [32]);
    if (values[threadIdx.x] > 0) {
        out[threadIdx.x] = 1;
    }
}

__global__ void unwritten_atomic_kernel(int *out)
{
    SHARED(int, values, [32]);
    atomicAdd(out, values[threadIdx.x]);
}

__global__ void write_kernel(int *out, int v)
{
    out[threadIdx.x] = v;
}

__global__ void view_kernel(view in, int *out)
{
    out[threadIdx.x] = in.data[threadIdx.x] + in.n;
}

__global__ void deep_kernel(int *out)
{
    volatile char big[300000];
    for (int i = 0; i < 300000; i += 1000) {
        big[i] = 1;
    }
    out[0] = big[threadIdx.x * 1000];
}

__global__ void stop_at_kernel(int *out)
{
    SHARED(int, values, [4]);
    if (threadIdx.x == 21) {
        values[threadIdx.x + out[0]] = 1;
    }
    out[threadIdx.x] = 1;
}

/* ---- Fences ---- */

/* The last block sums what the others wrote; one of the fences may be missing. */
template <bool WRITER, bool READER>
__global__ void last_block_kernel(int *count, int *parts, int *out)
{
    SHARED(int, last, );
    if (threadIdx.x == 0) {
        parts[blockIdx.x] = (int)blockIdx.x + 1;
        if (WRITER) {
            __threadfence();
        }
        last = atomicAdd(count, 1) == (int)gridDim.x - 1;
        if (READER) {
            __threadfence();
        }
    }
    __syncthreads();
    if (last && threadIdx.x == 0) {
        int sum = 0;
        for (unsigned i = 0; i < gridDim.x; i++) {
            sum += parts[i];
        }
        *out = sum;
    }
}

template <bool WRITER, bool READER> int last_block(void)
{
    const int zeros[16] = {};
    int *memory = on_device(zeros, 16), got;
    launch(last_block_kernel<WRITER, READER>, dim3(10), dim3(32), 0, memory, memory + 1,
           memory + 11);
    from_device(&got, memory + 11, 1);
    cudaFree(memory);
    return got != 55;
}

/* ---- Running them ---- */

/* One block on 64 zeros. */
template <int THREADS, int SHARED_BYTES> int run_on_zeros(void (*kernel)(int *))
{
    const int zeros[256] = {};
    int *memory = on_device(zeros, 256);
    launch(kernel, dim3(1), dim3(THREADS), SHARED_BYTES, memory);
    int got[256];
    from_device(got, memory, 256);
    cudaFree(memory);
    return 0;
}

template <void (*KERNEL)(int *), int THREADS = 32, int SHARED_BYTES = 0> int run(void)
{
    return run_on_zeros<THREADS, SHARED_BYTES>(KERNEL);
}

int host_pointer(void)
{
    launch(write_kernel, dim3(1), dim3(32), 0, host_array, 1);
    return 0;
}

int other_device(void)
{
    setenv("ALM_SHIM_DEVICES", "2", 1);
    cudaSetDevice(1);
    int *memory = on_device((const int *)nullptr, 32);
    cudaSetDevice(0);
    launch(write_kernel, dim3(1), dim3(32), 0, memory, 1);
    return 0;
}

int host_pointer_in_struct(void)
{
    int *out = on_device((const int *)nullptr, 32);
    const view in = {host_array, true, 3};
    launch(view_kernel, dim3(1), dim3(32), 0, in, out);
    return 0;
}

int host_dereference(void)
{
    int *memory = on_device((const int *)nullptr, 32);
    memory[3] = 1;
    printf("%d\n", memory[3]);
    return 0;
}

int copy_past_end(void)
{
    int *memory = on_device((const int *)nullptr, 32);
    return cudaMemcpy(memory, host_array, 33 * sizeof(int), cudaMemcpyHostToDevice) !=
           cudaErrorInvalidValue;
}

int copy_from_freed(void)
{
    int *volatile values = (int *)malloc(32 * sizeof(int));
    memset(values, 0, 32 * sizeof(int));
    int *memory = on_device((const int *)nullptr, 32);
    free(values);
    cudaMemcpy(memory, values, 32 * sizeof(int), cudaMemcpyHostToDevice);
    return 0;
}

/* A graph remembers pointers; its memory is freed before it runs. */
int graph_of_freed(void)
{
    int *memory = on_device((const int *)nullptr, 32);
    cudaStream_t stream;
    cudaGraph_t graph;
    cudaGraphExec_t exec;
    cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking);
    cudaStreamBeginCapture(stream, cudaStreamCaptureModeThreadLocal);
    cudaLaunchConfig_t config = {};
    config.blockDim = dim3(32);
    config.stream = stream;
    cudaLaunchKernelEx(&config, write_kernel, memory, 5);
    cudaStreamEndCapture(stream, &graph);
    cudaGraphInstantiate(&exec, graph, 0);
    cudaFree(memory);
    cudaGraphLaunch(exec, stream);
    cudaStreamSynchronize(stream);
    return 0;
}

/* -1 everywhere: what nobody wrote is visible. */
int canary(void)
{
    int *memory = on_device((const int *)nullptr, 32), got[32];
    from_device(got, memory, 32);
    int wrong = 0;
    for (int i = 0; i < 32; i++) {
        wrong |= got[i] != -1;
    }
    launch(unwritten_shared_kernel, dim3(1), dim3(32), 0, memory);
    from_device(got, memory, 32);
    for (int i = 0; i < 32; i++) {
        wrong |= got[i] != -1;
    }
    cudaFree(memory);
    return wrong;
}

} // namespace

const shim_case rule_cases[] = {
    {"mask", run<mask_kernel>},
    {"deadlock", run<deadlock_kernel>},
    {"different_lines", run<different_lines_kernel>},
    {"part_of_warp", run<part_of_warp_kernel>},
    {"livelock", run<livelock_kernel>},
    {"barrier_count", run<barrier_count_kernel, 64>},
    {"barrier_disagree", run<barrier_disagree_kernel, 64>},
    {"trap", run<trap_kernel>},
    {"misaligned_matrix", run<misaligned_matrix_kernel>},
    {"matrix_elsewhere", run<matrix_elsewhere_kernel>},
    {"misaligned_copy", run<misaligned_copy_kernel>},
    {"float_array", run<float_array_kernel>},
    {"copies_in_flight", run<copies_in_flight_kernel>},
    {"carved_differently", run<carve_kernel, 32, 64>},
    {"arena_not_paid", run<arena_kernel, 32, 16>},
    {"unwritten_branch", run<unwritten_branch_kernel>},
    {"unwritten_atomic", run<unwritten_atomic_kernel>},
    {"deep_stack", run<deep_kernel>},
    {"names_the_thread", run<stop_at_kernel>},
    {"host_pointer", host_pointer},
    {"other_device", other_device},
    {"host_pointer_in_struct", host_pointer_in_struct},
    {"host_dereference", host_dereference},
    {"copy_past_end", copy_past_end},
    {"copy_from_freed", copy_from_freed},
    {"graph_of_freed", graph_of_freed},
    {"canary", canary},
    {"last_block", last_block<true, true>},
    {"last_block_writer", last_block<false, true>},
    {"last_block_reader", last_block<true, false>},
    {nullptr, nullptr},
};
