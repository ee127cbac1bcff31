/* The one header through which kernels reach what is not plain C++: PTX on a GPU, its emulation on
 * the CPU (tests/cuda_shim, where every .cu file runs as ordinary tests). Kernels include it first
 * and name no intrinsic, no inline PTX and no cooperative group themselves.
 *
 * Rules that keep a kernel testable: shared memory only through SHARED or alm_shared_arena; masks
 * are explicit and full where nothing else is said; __syncwarp between a shared write and a read by
 * another lane; no return of a part of a warp before a barrier; index arithmetic that decides which
 * integer comes out uses fmaf or the _rn intrinsics, so that every machine gives the same integers.
 */
#pragma once

#include <cuda_runtime.h>

#include <cuda_bf16.h>
#include <stddef.h>
#include <stdint.h>

typedef __nv_bfloat16 bf16;

static const unsigned FULL_WARP = 0xFFFFFFFFu;

#ifndef ALM_CUDA_SHIM

/* SHARED(float, sums, [32]); declares static shared memory. */
#define SHARED(type, name, dims) __shared__ type name dims

/* Carves the dynamic shared memory of the launch: every part starts at a multiple of 16 bytes (of
 * 1,024 the first). The host computes the bytes with the same calls (launch.h). */
extern __shared__ __align__(1024) unsigned char alm_dynamic_shared[];
struct alm_shared_arena {
    uint32_t used = 0;
    template <class T> __device__ __forceinline__ T *take(int n)
    {
        T *part = reinterpret_cast<T *>(alm_dynamic_shared + used);
        used += ((uint32_t)(n * (int)sizeof(T)) + 15u) & ~15u;
        return part;
    }
};

__device__ __forceinline__ uint32_t shared_address(const void *p)
{
    return (uint32_t)__cvta_generic_to_shared(p);
}

/* d += a·b with a [16, 16] and b [16, 8] of bf16 and d [16, 8] of float, in the fragments of
 * mma.m16n8k16. */
__device__ __forceinline__ void mma_bf16_16x8x16(float (&d)[4], const uint32_t (&a)[4],
                                                 const uint32_t (&b)[2])
{
    asm volatile("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 "
                 "{%0,%1,%2,%3},{%4,%5,%6,%7},{%8,%9},{%0,%1,%2,%3};"
                 : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
                 : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
}

/* Four 8x8 matrices of 16-bit elements from shared memory: lane 8m + r gives the address of row r
 * of matrix m (16 bytes, aligned to 16). */
__device__ __forceinline__ void ldmatrix_x4(uint32_t (&r)[4], const void *row)
{
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0,%1,%2,%3},[%4];"
                 : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
                 : "r"(shared_address(row))
                 : "memory");
}

/* The same, each matrix transposed. */
__device__ __forceinline__ void ldmatrix_x4_trans(uint32_t (&r)[4], const void *row)
{
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0,%1,%2,%3},[%4];"
                 : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
                 : "r"(shared_address(row))
                 : "memory");
}

/* Asynchronous copy of 16 bytes from global to shared memory, both aligned to 16; only the first
 * `valid` bytes (0 ... 16) are read, the others become 0. */
__device__ __forceinline__ void copy_async16(void *shared, const void *global, int valid = 16)
{
    asm volatile("cp.async.cg.shared.global [%0],[%1],16,%2;" ::"r"(shared_address(shared)),
                 "l"(global), "r"(valid)
                 : "memory");
}

/* Closes a group of copies. */
__device__ __forceinline__ void copy_async_commit()
{
    asm volatile("cp.async.commit_group;" ::: "memory");
}

/* Waits until at most N of this thread's groups are in flight. */
template <int N> __device__ __forceinline__ void copy_async_wait()
{
    asm volatile("cp.async.wait_group %0;" ::"n"(N) : "memory");
}

/* Barrier 1 ... 15 over the given number of threads, a multiple of 32. */
__device__ __forceinline__ void named_barrier(int id, int threads)
{
    asm volatile("bar.sync %0,%1;" ::"r"(id), "r"(threads) : "memory");
}

/* 2^x within 2 ulp; 0 for -infinity. */
__device__ __forceinline__ float fast_exp2(float x)
{
    float y;
    asm("ex2.approx.ftz.f32 %0,%1;" : "=f"(y) : "f"(x));
    return y;
}

/* Programmatic dependent launch. A kernel calls wait_for_inputs() in every thread before it touches
 * global memory that another kernel wrote or still reads, and release_dependents() as early as it
 * likes: the next kernel's blocks may then start, up to their own wait. Both do nothing below sm_90
 * and in ordinary launches. */
__device__ __forceinline__ void wait_for_inputs()
{
#if __CUDA_ARCH__ >= 900
    asm volatile("griddepcontrol.wait;" ::: "memory");
#endif
}

__device__ __forceinline__ void release_dependents()
{
#if __CUDA_ARCH__ >= 900
    asm volatile("griddepcontrol.launch_dependents;" ::: "memory");
#endif
}

#else
#include <cuda_shim_device.h> /* the same functions, emulated */
#endif

/* ---- Built on the above ---- */

/* Rows in use of a tensor: `count` is device memory or NULL (all). */
struct alm_row_count {
    const int32_t *count;
    int capacity;
    int unused = 0; /* no padding, whose bytes may look like a pointer of the host */
    __device__ __forceinline__ int get() const
    {
        if (!count) {
            return capacity;
        }
        const int n = *count;
        return n < 0 ? 0 : (n < capacity ? n : capacity);
    }
};

/* The data of the node breaks its contract: the run is refused after its end (op.h: fault). */
__device__ __forceinline__ void report_fault(int32_t *fault, int32_t code)
{
    atomicCAS(fault, 0, code);
}

__device__ __forceinline__ float to_float(float v)
{
    return v;
}
__device__ __forceinline__ float to_float(bf16 v)
{
    return __bfloat162float(v);
}

/* Rounds to nearest even where T is bf16. */
template <class T> __device__ __forceinline__ T from_float(float v);
template <> __device__ __forceinline__ float from_float<float>(float v)
{
    return v;
}
template <> __device__ __forceinline__ bf16 from_float<bf16>(float v)
{
    return __float2bfloat16_rn(v);
}

/* lo and hi rounded to bf16, lo in the lower half: an mma fragment register. */
__device__ __forceinline__ uint32_t pack_bf16(float lo, float hi)
{
    const __nv_bfloat162 both = __floats2bfloat162_rn(lo, hi);
    uint32_t bits;
    memcpy(&bits, &both, sizeof bits);
    return bits;
}

__device__ __forceinline__ float warp_sum(float v)
{
    for (int d = 16; d > 0; d >>= 1) {
        v += __shfl_xor_sync(FULL_WARP, v, d);
    }
    return v;
}

__device__ __forceinline__ float warp_max(float v)
{
    for (int d = 16; d > 0; d >>= 1) {
        v = fmaxf(v, __shfl_xor_sync(FULL_WARP, v, d));
    }
    return v;
}

/* Sum over a block of THREADS (a multiple of 32, at most 1,024), the same in every thread and in
 * every run. All threads call it; it ends with a barrier, so it can be called again at once. */
template <int THREADS> __device__ __forceinline__ float block_sum(float v)
{
    SHARED(float, sums, [32]);
    v = warp_sum(v);
    if (threadIdx.x % 32 == 0) {
        sums[threadIdx.x / 32] = v;
    }
    __syncthreads();
    float total = 0;
    for (int w = 0; w < THREADS / 32; w++) {
        total += sums[w];
    }
    __syncthreads();
    return total;
}
