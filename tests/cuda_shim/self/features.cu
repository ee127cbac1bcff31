/* What the shim must let pass: kernels that use threads, barriers and atomics as the rules allow,
 * with right results in every order. conformance.cu has the functions one by one. */
#include "tests/cuda_shim/self/cases.h"

namespace
{

/* Threads that have ended hold up no barrier. */
__global__ void early_kernel(int *out, int n)
{
    SHARED(int, values, [64]);
    const int t = (int)threadIdx.x;
    if (t >= n) {
        return;
    }
    values[t] = t;
    __syncthreads();
    out[t] = values[n - 1 - t];
}

int early_exit(void)
{
    const int zeros[64] = {};
    int *memory = on_device(zeros, 64), got[64], wrong = 0;
    launch(early_kernel, dim3(1), dim3(64), 0, memory, 40);
    from_device(got, memory, 64);
    for (int i = 0; i < 64; i++) {
        wrong |= got[i] != (i < 40 ? 39 - i : 0);
    }
    cudaFree(memory);
    return wrong;
}

/* One thread waits for another by spinning. */
__global__ void spin_kernel(int *out)
{
    if (threadIdx.x == 0) {
        while (atomicAdd(out, 0) == 0) {
            __nanosleep(20);
        }
        out[1] = 1;
    } else if (threadIdx.x == 33) {
        atomicExch(out, 1);
    }
}

int spinning(void)
{
    const int zeros[2] = {};
    int *memory = on_device(zeros, 2), got[2];
    launch(spin_kernel, dim3(1), dim3(64), 0, memory);
    from_device(got, memory, 2);
    cudaFree(memory);
    return got[1] != 1;
}

/* Values go around the block. */
template <int THREADS> __global__ void around_kernel(int *out)
{
    SHARED(int, values, [THREADS]);
    int v = (int)threadIdx.x;
    for (int round = 0; round < 20; round++) {
        values[threadIdx.x] = v;
        __syncthreads();
        v = values[(threadIdx.x + 1) % THREADS];
        __syncthreads();
    }
    out[blockIdx.x * THREADS + threadIdx.x] = v;
}

template <int THREADS> int around(void)
{
    int *memory = on_device((const int *)nullptr, 2 * THREADS), got[2 * THREADS], wrong = 0;
    launch(around_kernel<THREADS>, dim3(2), dim3(THREADS), 0, memory);
    from_device(got, memory, 2 * THREADS);
    for (int i = 0; i < 2 * THREADS; i++) {
        wrong |= got[i] != (i + 20) % THREADS;
    }
    cudaFree(memory);
    return wrong;
}

__global__ void atomics_kernel(int *o, float *f, unsigned long long *u, unsigned *w)
{
    atomicAdd(o, 1);
    atomicMax(o + 1, (int)(threadIdx.x * 7 % 100));
    atomicCAS(o + 2, 0, (int)threadIdx.x + 1);
    atomicMin(o + 3, (int)threadIdx.x - 50);
    atomicOr(o + 4, 1 << threadIdx.x % 16);
    atomicSub(o + 5, 2);
    atomicAdd(f, 0.5f);
    atomicMax(u, (unsigned long long)threadIdx.x << 32 | blockIdx.x);
    atomicAdd(u + 1, 1ull << 33);
    atomicInc(w, 9u);
}

int atomics(void)
{
    const int zeros[8] = {};
    int *o = on_device(zeros, 8), got[8];
    float *f = (float *)on_device(zeros, 1), got_f;
    unsigned long long *u = (unsigned long long *)on_device(zeros, 4), got_u[2];
    unsigned *w = (unsigned *)on_device(zeros, 1), got_w;
    launch(atomics_kernel, dim3(3), dim3(64), 0, o, f, u, w);
    from_device(got, o, 8);
    from_device(&got_f, f, 1);
    from_device(got_u, u, 2);
    from_device(&got_w, w, 1);
    for (void *p : {(void *)o, (void *)f, (void *)u, (void *)w}) {
        cudaFree(p);
    }
    return !(got[0] == 192 && got[1] == 99 && got[2] > 0 && got[3] == -50 && got[4] == 0xFFFF &&
             got[5] == -384 && got_f == 96.0f && got_u[0] == (63ull << 32 | 2) &&
             got_u[1] == 192ull << 33 && got_w == 2);
}

/* Indices of every block and thread of a grid of three dimensions, and a warp that is not full. */
__global__ void grid_kernel(int *out, dim3 block)
{
    const int thread = (int)((threadIdx.z * block.y + threadIdx.y) * block.x + threadIdx.x);
    const int at = (int)((blockIdx.z * gridDim.y + blockIdx.y) * gridDim.x + blockIdx.x);
    const int size = (int)(block.x * block.y * block.z);
    const unsigned mask = thread < 32 ? FULL_WARP : 0xFu;
    out[at * size + thread] = thread + 100 * __popc(__ballot_sync(mask, 1)) +
                              10000 * (int)(blockDim.x * blockDim.y * blockDim.z);
}

int grid(void)
{
    const dim3 grid(3, 2, 4), block(4, 3, 3);
    int *memory = on_device((const int *)nullptr, 24 * 36), got[24 * 36], wrong = 0;
    launch(grid_kernel, grid, block, 0, memory, block);
    from_device(got, memory, 24 * 36);
    for (int i = 0; i < 24 * 36; i++) {
        const int t = i % 36;
        wrong |= got[i] != t + 100 * (t < 32 ? 32 : 4) + 360000;
    }
    cudaFree(memory);
    return wrong;
}

/* Two halves of a warp exchange on their own; then all of it through shared memory. */
__global__ void halves_kernel(int *out)
{
    SHARED(int, values, [32]);
    const int lane = (int)threadIdx.x;
    const unsigned mask = lane < 16 ? 0xFFFFu : 0xFFFF0000u;
    int v = lane;
    if (lane < 16) {
        v = __shfl_xor_sync(mask, v, 15);
    } else {
        v = __shfl_sync(mask, v, 20);
    }
    __syncwarp();
    values[lane] = v;
    __syncwarp();
    out[lane] = values[31 - lane];
}

int halves(void)
{
    int *memory = on_device((const int *)nullptr, 32), got[32], wrong = 0;
    launch(halves_kernel, dim3(1), dim3(32), 0, memory);
    from_device(got, memory, 32);
    for (int i = 0; i < 32; i++) {
        wrong |= got[i] != (31 - i < 16 ? 15 - (31 - i) : 20);
    }
    cudaFree(memory);
    return wrong;
}

struct pair_of_views {
    const float *in[2];
    float *out[2];
    bool negative;
    int n;
};

/* Structs by value, grid.y chooses. */
__global__ void pair_kernel(pair_of_views v)
{
    const int t = (int)threadIdx.x;
    if (t < v.n) {
        v.out[blockIdx.y][t] = v.in[blockIdx.y][t] * (v.negative ? -1.0f : 1.0f);
    }
}

int structs(void)
{
    float values[2][20], got[2][20];
    pair_of_views v;
    memset(&v, 0x55, sizeof v); /* padding that looks like addresses */
    v.n = 20;
    v.negative = true;
    for (int k = 0; k < 2; k++) {
        for (int i = 0; i < 20; i++) {
            values[k][i] = (float)(k * 100 + i);
        }
        v.in[k] = on_device(values[k], 20);
        v.out[k] = on_device((const float *)nullptr, 20);
    }
    launch(pair_kernel, dim3(1, 2), dim3(32), 0, v);
    int wrong = 0;
    for (int k = 0; k < 2; k++) {
        from_device(got[k], v.out[k], 20);
        for (int i = 0; i < 20; i++) {
            wrong |= got[k][i] != -values[k][i];
        }
        cudaFree((void *)v.in[k]);
        cudaFree(v.out[k]);
    }
    return wrong;
}

/* Functions that stand in for CUDA's, on the host. */
int functions(void)
{
    int wrong = 0;
    wrong |= __clz(1) != 31 || __clz(0) != 32 || __ffs(8) != 4 || __popc(0xF0Fu) != 8;
    wrong |= __clzll(1) != 63 || __ffsll(0) != 0 || __brev(1u) != 0x80000000u;
    wrong |= __umulhi(0xFFFFFFFFu, 2u) != 1u || __mulhi(-1, 1) != -1;
    wrong |= __umul24(0x1000003u, 2u) != 6u || __mul24(-3, 5) != -15;
    wrong |= __byte_perm(0x33221100u, 0x77665544u, 0x7520u) != 0x77552200u;
    wrong |= __funnelshift_r(0x80000000u, 1u, 31) != 3u;
    wrong |= __funnelshift_l(0x80000000u, 1u, 1) != 3u;
    wrong |= min(3, -1) != -1 || max(3u, 4u) != 4u || min(2.0f, NAN) != 2.0f;
    wrong |= max((unsigned long long)5, (unsigned long long)7) != 7;
    wrong |= __float_as_uint(1.0f) != 0x3F800000u || __int_as_float(0x40000000) != 2.0f;
    wrong |= __double_as_longlong(1.0) != 0x3FF0000000000000ll;
    wrong |= __float2int_rn(2.5f) != 2 || __float2int_rn(NAN) != 0;
    wrong |= __float2int_rz(-3e10f) != INT32_MIN || __float2int_ru(1.25f) != 2;
    wrong |= rsqrtf(4.0f) != 0.5f || __saturatef(NAN) != 0.0f || __saturatef(2.0f) != 1.0f;
    wrong |= __fmaf_rn(2.0f, 3.0f, 1.0f) != 7.0f || __dmul_rn(1.5, 2.0) != 3.0;
    const __nv_bfloat162 both = make_bfloat162(__float2bfloat16(1.5f), __float2bfloat16(-2.0f));
    wrong |= __low2float(both) != 1.5f || __high2float(both) != -2.0f;
    wrong |= (float)(both.x + both.y) != -0.5f || (float)-both.x != -1.5f || !(both.y < both.x);
    wrong |= __bfloat16_as_ushort(__float2bfloat16_rn(NAN)) != 0x7FFF;
    return wrong;
}

} // namespace

const shim_case feature_cases[] = {
    {"early_exit", early_exit},  {"spinning", spinning},
    {"around_256", around<256>}, {"around_1024", around<1024>},
    {"atomics", atomics},        {"grid", grid},
    {"halves", halves},          {"structs", structs},
    {"functions", functions},    {nullptr, nullptr},
};
