/* What only Hopper (sm_90a) has: mbarriers, tensor copies by the TMA unit, clusters of blocks and
 * the asynchronous matrix product of a warpgroup. The only place with their PTX, and with the
 * driver call that describes a tensor to the TMA unit.
 *
 * Only files <op>_sm90.cu include it; they are compiled by nvcc for sm_90a alone and never by the
 * shim, so nothing here runs on a CPU: bench/check_*_sm90.cu tests it on a device, piece by piece.
 *
 * Operands of products are "K-major panels": rows of 64 bf16 (128 bytes), one behind the other,
 * from an address that is a multiple of 1,024. The 16-byte chunk c of row r lies at chunk c ^ (r %
 * 8) (128-byte swizzle): the TMA unit writes it so and the tensor cores read it so, both without
 * bank conflicts.
 */
#pragma once

#include <cuda.h>

#include "kernels/cuda/device.cuh"
#include "kernels/cuda/launch.h"

enum {
    PANEL_COLUMNS = 64,     /* bf16 elements of a row */
    PANEL_ROW_BYTES = 128,  /* so that a panel of R rows has 128·R bytes, R % 8 == 0 */
    PANEL_ALIGNMENT = 1024, /* of its address in shared memory */
    WARPGROUP = 128
};

/* ---- Host: tensor maps ---- */

/* Describes a matrix of bf16 [rows, columns], rows `stride` elements apart, to be fetched in panels
 * of box_rows (at most 256) rows. What lies outside of the matrix is fetched as 0. Needs: data
 * aligned to 16 bytes, stride % 8 == 0. The driver is not linked: a program that never comes here
 * starts without it. */
static inline alm_status alm_tensor_map(CUtensorMap *map, const char *what, const void *data,
                                        int64_t rows, int64_t columns, int64_t stride, int box_rows)
{
    typedef CUresult (*encode_function)(
        CUtensorMap *, CUtensorMapDataType, cuuint32_t, void *, const cuuint64_t *,
        const cuuint64_t *, const cuuint32_t *, const cuuint32_t *, CUtensorMapInterleave,
        CUtensorMapSwizzle, CUtensorMapL2promotion, CUtensorMapFloatOOBfill);
    static void *found; /* the same in every thread, whoever writes it */
    void *encode = __atomic_load_n(&found, __ATOMIC_RELAXED);
    if (!encode) {
        cudaDriverEntryPointQueryResult result = cudaDriverEntryPointSymbolNotFound;
        const cudaError_t error = cudaGetDriverEntryPointByVersion(
            "cuTensorMapEncodeTiled", &encode, 12000, cudaEnableDefault, &result);
        if (error != cudaSuccess || result != cudaDriverEntryPointSuccess || !encode) {
            return alm_fail(ALM_STATUS_DEVICE,
                            "%s: the driver has no cuTensorMapEncodeTiled (12.0): %s, result %d",
                            what, cudaGetErrorString(error), (int)result);
        }
        __atomic_store_n(&found, encode, __ATOMIC_RELAXED);
    }
    const cuuint64_t dims[2] = {(cuuint64_t)columns, (cuuint64_t)rows};
    const cuuint64_t strides[1] = {(cuuint64_t)stride * sizeof(bf16)};
    const cuuint32_t box[2] = {PANEL_COLUMNS, (cuuint32_t)box_rows};
    const cuuint32_t steps[2] = {1, 1};
    const CUresult error = ((encode_function)encode)(
        map, CU_TENSOR_MAP_DATA_TYPE_BFLOAT16, 2, const_cast<void *>(data), dims, strides, box,
        steps, CU_TENSOR_MAP_INTERLEAVE_NONE, CU_TENSOR_MAP_SWIZZLE_128B,
        CU_TENSOR_MAP_L2_PROMOTION_L2_256B, CU_TENSOR_MAP_FLOAT_OOB_FILL_NONE);
    return error == CUDA_SUCCESS
               ? ALM_OK
               : alm_fail(ALM_STATUS_INTERNAL,
                          "%s: cuTensorMapEncodeTiled says %d to [%lld, %lld], stride %lld, box "
                          "%d, address %p",
                          what, (int)error, (long long)rows, (long long)columns, (long long)stride,
                          box_rows, data);
}

/* ---- mbarriers ----
 *
 * A barrier in shared memory counts arrivals and bytes; when both are complete its phase ends and
 * the next begins. A wait names the parity of the phase that it wants to be over: 0 for the first,
 * and 1 is over from the start. */

__device__ __forceinline__ void mbarrier_init(uint64_t *barrier, int arrivals)
{
    asm volatile("mbarrier.init.shared::cta.b64 [%0],%1;" ::"r"(shared_address(barrier)),
                 "r"(arrivals)
                 : "memory");
}

/* After the inits, before the barrier of the block or cluster behind which others use them. */
__device__ __forceinline__ void mbarrier_init_done()
{
    asm volatile("fence.mbarrier_init.release.cluster;" ::: "memory");
    asm volatile("fence.proxy.async.shared::cta;" ::: "memory");
}

__device__ __forceinline__ void mbarrier_arrive(uint64_t *barrier)
{
    asm volatile("mbarrier.arrive.shared::cta.b64 _,[%0];" ::"r"(shared_address(barrier))
                 : "memory");
}

/* Arrives at the barrier at the same place of another block of the cluster. Orders nothing but this
 * thread's finished products and what its block sees: a release for the cluster would wait for the
 * whole memory system (MEMBAR.GPU), and readers of panels have written nothing. */
__device__ __forceinline__ void mbarrier_arrive_at(uint64_t *barrier, int block)
{
    asm volatile("{.reg .b32 there;\n"
                 "mapa.shared::cluster.u32 there,%0,%1;\n"
                 "mbarrier.arrive.shared::cluster.b64 _,[there];}" ::"r"(shared_address(barrier)),
                 "r"(block)
                 : "memory");
}

/* One arrival that announces bytes which tensor copies will bring in this phase. */
__device__ __forceinline__ void mbarrier_expect(uint64_t *barrier, int bytes)
{
    asm volatile(
        "mbarrier.arrive.expect_tx.shared::cta.b64 _,[%0],%1;" ::"r"(shared_address(barrier)),
        "r"(bytes)
        : "memory");
}

/* Whether the phase is over; waits a while for it. */
__device__ __forceinline__ bool mbarrier_try(uint64_t *barrier, uint32_t parity)
{
    uint32_t over;
    asm volatile("{.reg .pred p;\n"
                 "mbarrier.try_wait.parity.shared::cta.b64 p,[%1],%2;\n"
                 "selp.u32 %0,1,0,p;}"
                 : "=r"(over)
                 : "r"(shared_address(barrier)), "r"(parity)
                 : "memory");
    return over != 0;
}

#ifdef ALM_HOPPER_WATCH
/* Check programs: a wait that takes 0.2 s is recorded and given up, and so is every other from then
 * on, so that a kernel which would hang ends with wrong results and a name. */
struct hopper_watch {
    int gave_up, name, block, thread, parity;
};
static __device__ hopper_watch hopper_watched;

__device__ __forceinline__ void mbarrier_watched_wait(uint64_t *barrier, uint32_t parity, int name)
{
    uint64_t start, now;
    asm volatile("mov.u64 %0,%%globaltimer;" : "=l"(start));
    while (!mbarrier_try(barrier, parity)) {
        asm volatile("mov.u64 %0,%%globaltimer;" : "=l"(now));
        if (*(volatile int *)&hopper_watched.gave_up) {
            return;
        }
        if (now - start > 200000000u) {
            if (atomicExch(&hopper_watched.gave_up, 1) == 0) {
                hopper_watched.name = name;
                hopper_watched.block = (int)blockIdx.x;
                hopper_watched.thread = (int)threadIdx.x;
                hopper_watched.parity = (int)parity;
            }
            return;
        }
    }
}
#endif

/* `name` says in check programs which wait it was: a letter, and a stage times 256. */
__device__ __forceinline__ void mbarrier_wait(uint64_t *barrier, uint32_t parity, int name)
{
#ifdef ALM_HOPPER_WATCH
    if (!mbarrier_try(barrier, parity)) {
        mbarrier_watched_wait(barrier, parity, name);
    }
#else
    (void)name;
    while (!mbarrier_try(barrier, parity)) {
    }
#endif
}

/* ---- Tensor copies ---- */

/* The panel of the map's box from (row, column) on to shared memory; its bytes (of the whole box,
 * also when a part lies outside of the matrix) count at the barrier. One thread calls it. */
__device__ __forceinline__ void copy_panel(void *panel, const CUtensorMap *map, int column, int row,
                                           uint64_t *barrier)
{
    asm volatile("cp.async.bulk.tensor.2d.shared::cluster.global.mbarrier::complete_tx::bytes "
                 "[%0],[%1,{%2,%3}],[%4];" ::"r"(shared_address(panel)),
                 "l"(map), "r"(column), "r"(row), "r"(shared_address(barrier))
                 : "memory");
}

/* The same to every block of the cluster in `blocks` (a bit each): to the same place of their
 * shared memory, counted at the barrier at the same place. */
__device__ __forceinline__ void copy_panel_to(uint16_t blocks, void *panel, const CUtensorMap *map,
                                              int column, int row, uint64_t *barrier)
{
    asm volatile("cp.async.bulk.tensor.2d.shared::cluster.global.mbarrier::complete_tx::bytes"
                 ".multicast::cluster [%0],[%1,{%2,%3}],[%4],%5;" ::"r"(shared_address(panel)),
                 "l"(map), "r"(column), "r"(row), "r"(shared_address(barrier)), "h"(blocks)
                 : "memory");
}

/* Only as far as the L2 cache. */
__device__ __forceinline__ void prefetch_panel(const CUtensorMap *map, int column, int row)
{
    asm volatile("cp.async.bulk.prefetch.tensor.2d.L2.global [%0,{%1,%2}];" ::"l"(map), "r"(column),
                 "r"(row)
                 : "memory");
}

__device__ __forceinline__ void prefetch_map(const CUtensorMap *map)
{
    asm volatile("prefetch.tensormap [%0];" ::"l"(map) : "memory");
}

/* Ordinary writes to shared memory become visible to tensor copies and products. */
__device__ __forceinline__ void shared_writes_to_async()
{
    asm volatile("fence.proxy.async.shared::cta;" ::: "memory");
}

/* ---- Clusters and registers ---- */

/* Place of this block in its cluster. */
__device__ __forceinline__ int cluster_rank()
{
    uint32_t rank;
    asm volatile("mov.u32 %0,%%cluster_ctarank;" : "=r"(rank));
    return (int)rank;
}

/* Barrier of all threads of all blocks of the cluster. It orders the threads and what
 * mbarrier_init_done() published, no other writes: a release would wait for all of them to arrive
 * in memory. */
__device__ __forceinline__ void cluster_barrier()
{
    asm volatile("barrier.cluster.arrive.relaxed;\n"
                 "barrier.cluster.wait.acquire;" ::
                     : "memory");
}

/* Registers a thread of this warpgroup may use from here on; all its warps call it. */
template <int N> __device__ __forceinline__ void registers_grow()
{
    asm volatile("setmaxnreg.inc.sync.aligned.u32 %0;" ::"n"(N));
}
template <int N> __device__ __forceinline__ void registers_shrink()
{
    asm volatile("setmaxnreg.dec.sync.aligned.u32 %0;" ::"n"(N));
}

/* ---- Products of a warpgroup ----
 *
 * product_begin(); then products (wgmma) of one or several sums; product_commit(); and
 * product_wait<N>() until at most N committed groups are under way. Until then neither the sums nor
 * the panels may be touched. */

__device__ __forceinline__ void product_begin()
{
    asm volatile("wgmma.fence.sync.aligned;" ::: "memory");
}

__device__ __forceinline__ void product_commit()
{
    asm volatile("wgmma.commit_group.sync.aligned;" ::: "memory");
}

template <int N> __device__ __forceinline__ void product_wait()
{
    asm volatile("wgmma.wait_group.sync.aligned %0;" ::"n"(N) : "memory");
}

/* The compiler neither moves nor copies the sums across this point. */
template <int N> __device__ __forceinline__ void keep_sums(float (&d)[N])
{
#pragma unroll
    for (int i = 0; i < N; i++) {
        asm volatile("" : "+f"(d[i])::"memory");
    }
}

/* Descriptor of a K-major panel: address/16 in bits 0-13; the leading offset (bits 16-29) is not
 * used with a swizzle and 1 by convention; 8 rows are 1,024 bytes apart from the next 8 (bits
 * 32-45, /16); no base offset (the panel is aligned to 1,024); 128-byte swizzle is 1 in bits 62-63.
 * The next 16 columns (32 bytes) of the same panel: descriptor + 2. */
__device__ __forceinline__ uint64_t panel_descriptor(const void *panel)
{
    return (uint64_t)((shared_address(panel) & 0x3FFFFu) >> 4) | (uint64_t)1 << 16 |
           (uint64_t)(1024 >> 4) << 32 | (uint64_t)1 << 62;
}
enum { PANEL_STEP_16 = 2 };

/* d [64, N] = a [64, 16] · b [N, 16]ᵀ (+ d when accumulate). Thread t of the warpgroup holds in
 * d[4j + 2h + e] the sum of row 16·(t/32) + (t%32)/4 + 8h and column 8j + 2·(t%4) + e. */
template <int N>
__device__ __forceinline__ void product_bf16(float (&d)[N / 2], uint64_t a, uint64_t b,
                                             int accumulate);

/* The lists of the N/2 registers, for the instruction's text and for the compiler. */
/* clang-format off */
#define ALM_NAMES_8 "%0,%1,%2,%3"
#define ALM_NAMES_16 ALM_NAMES_8 ",%4,%5,%6,%7"
#define ALM_NAMES_24 ALM_NAMES_16 ",%8,%9,%10,%11"
#define ALM_NAMES_32 ALM_NAMES_24 ",%12,%13,%14,%15"
#define ALM_NAMES_40 ALM_NAMES_32 ",%16,%17,%18,%19"
#define ALM_NAMES_48 ALM_NAMES_40 ",%20,%21,%22,%23"
#define ALM_NAMES_56 ALM_NAMES_48 ",%24,%25,%26,%27"
#define ALM_NAMES_64 ALM_NAMES_56 ",%28,%29,%30,%31"
#define ALM_NAMES_72 ALM_NAMES_64 ",%32,%33,%34,%35"
#define ALM_NAMES_80 ALM_NAMES_72 ",%36,%37,%38,%39"
#define ALM_NAMES_88 ALM_NAMES_80 ",%40,%41,%42,%43"
#define ALM_NAMES_96 ALM_NAMES_88 ",%44,%45,%46,%47"
#define ALM_NAMES_104 ALM_NAMES_96 ",%48,%49,%50,%51"
#define ALM_NAMES_112 ALM_NAMES_104 ",%52,%53,%54,%55"
#define ALM_NAMES_120 ALM_NAMES_112 ",%56,%57,%58,%59"
#define ALM_NAMES_128 ALM_NAMES_120 ",%60,%61,%62,%63"
#define ALM_NAMES_136 ALM_NAMES_128 ",%64,%65,%66,%67"
#define ALM_NAMES_144 ALM_NAMES_136 ",%68,%69,%70,%71"
#define ALM_NAMES_152 ALM_NAMES_144 ",%72,%73,%74,%75"
#define ALM_NAMES_160 ALM_NAMES_152 ",%76,%77,%78,%79"
#define ALM_NAMES_168 ALM_NAMES_160 ",%80,%81,%82,%83"
#define ALM_NAMES_176 ALM_NAMES_168 ",%84,%85,%86,%87"
#define ALM_NAMES_184 ALM_NAMES_176 ",%88,%89,%90,%91"
#define ALM_NAMES_192 ALM_NAMES_184 ",%92,%93,%94,%95"
#define ALM_NAMES_200 ALM_NAMES_192 ",%96,%97,%98,%99"
#define ALM_NAMES_208 ALM_NAMES_200 ",%100,%101,%102,%103"
#define ALM_NAMES_216 ALM_NAMES_208 ",%104,%105,%106,%107"
#define ALM_NAMES_224 ALM_NAMES_216 ",%108,%109,%110,%111"
#define ALM_NAMES_232 ALM_NAMES_224 ",%112,%113,%114,%115"
#define ALM_NAMES_240 ALM_NAMES_232 ",%116,%117,%118,%119"
#define ALM_NAMES_248 ALM_NAMES_240 ",%120,%121,%122,%123"
#define ALM_NAMES_256 ALM_NAMES_248 ",%124,%125,%126,%127"
#define ALM_SUMS_8 "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
#define ALM_SUMS_16 ALM_SUMS_8, "+f"(d[4]), "+f"(d[5]), "+f"(d[6]), "+f"(d[7])
#define ALM_SUMS_24 ALM_SUMS_16, "+f"(d[8]), "+f"(d[9]), "+f"(d[10]), "+f"(d[11])
#define ALM_SUMS_32 ALM_SUMS_24, "+f"(d[12]), "+f"(d[13]), "+f"(d[14]), "+f"(d[15])
#define ALM_SUMS_40 ALM_SUMS_32, "+f"(d[16]), "+f"(d[17]), "+f"(d[18]), "+f"(d[19])
#define ALM_SUMS_48 ALM_SUMS_40, "+f"(d[20]), "+f"(d[21]), "+f"(d[22]), "+f"(d[23])
#define ALM_SUMS_56 ALM_SUMS_48, "+f"(d[24]), "+f"(d[25]), "+f"(d[26]), "+f"(d[27])
#define ALM_SUMS_64 ALM_SUMS_56, "+f"(d[28]), "+f"(d[29]), "+f"(d[30]), "+f"(d[31])
#define ALM_SUMS_72 ALM_SUMS_64, "+f"(d[32]), "+f"(d[33]), "+f"(d[34]), "+f"(d[35])
#define ALM_SUMS_80 ALM_SUMS_72, "+f"(d[36]), "+f"(d[37]), "+f"(d[38]), "+f"(d[39])
#define ALM_SUMS_88 ALM_SUMS_80, "+f"(d[40]), "+f"(d[41]), "+f"(d[42]), "+f"(d[43])
#define ALM_SUMS_96 ALM_SUMS_88, "+f"(d[44]), "+f"(d[45]), "+f"(d[46]), "+f"(d[47])
#define ALM_SUMS_104 ALM_SUMS_96, "+f"(d[48]), "+f"(d[49]), "+f"(d[50]), "+f"(d[51])
#define ALM_SUMS_112 ALM_SUMS_104, "+f"(d[52]), "+f"(d[53]), "+f"(d[54]), "+f"(d[55])
#define ALM_SUMS_120 ALM_SUMS_112, "+f"(d[56]), "+f"(d[57]), "+f"(d[58]), "+f"(d[59])
#define ALM_SUMS_128 ALM_SUMS_120, "+f"(d[60]), "+f"(d[61]), "+f"(d[62]), "+f"(d[63])
#define ALM_SUMS_136 ALM_SUMS_128, "+f"(d[64]), "+f"(d[65]), "+f"(d[66]), "+f"(d[67])
#define ALM_SUMS_144 ALM_SUMS_136, "+f"(d[68]), "+f"(d[69]), "+f"(d[70]), "+f"(d[71])
#define ALM_SUMS_152 ALM_SUMS_144, "+f"(d[72]), "+f"(d[73]), "+f"(d[74]), "+f"(d[75])
#define ALM_SUMS_160 ALM_SUMS_152, "+f"(d[76]), "+f"(d[77]), "+f"(d[78]), "+f"(d[79])
#define ALM_SUMS_168 ALM_SUMS_160, "+f"(d[80]), "+f"(d[81]), "+f"(d[82]), "+f"(d[83])
#define ALM_SUMS_176 ALM_SUMS_168, "+f"(d[84]), "+f"(d[85]), "+f"(d[86]), "+f"(d[87])
#define ALM_SUMS_184 ALM_SUMS_176, "+f"(d[88]), "+f"(d[89]), "+f"(d[90]), "+f"(d[91])
#define ALM_SUMS_192 ALM_SUMS_184, "+f"(d[92]), "+f"(d[93]), "+f"(d[94]), "+f"(d[95])
#define ALM_SUMS_200 ALM_SUMS_192, "+f"(d[96]), "+f"(d[97]), "+f"(d[98]), "+f"(d[99])
#define ALM_SUMS_208 ALM_SUMS_200, "+f"(d[100]), "+f"(d[101]), "+f"(d[102]), "+f"(d[103])
#define ALM_SUMS_216 ALM_SUMS_208, "+f"(d[104]), "+f"(d[105]), "+f"(d[106]), "+f"(d[107])
#define ALM_SUMS_224 ALM_SUMS_216, "+f"(d[108]), "+f"(d[109]), "+f"(d[110]), "+f"(d[111])
#define ALM_SUMS_232 ALM_SUMS_224, "+f"(d[112]), "+f"(d[113]), "+f"(d[114]), "+f"(d[115])
#define ALM_SUMS_240 ALM_SUMS_232, "+f"(d[116]), "+f"(d[117]), "+f"(d[118]), "+f"(d[119])
#define ALM_SUMS_248 ALM_SUMS_240, "+f"(d[120]), "+f"(d[121]), "+f"(d[122]), "+f"(d[123])
#define ALM_SUMS_256 ALM_SUMS_248, "+f"(d[124]), "+f"(d[125]), "+f"(d[126]), "+f"(d[127])
/* clang-format on */

/* A, B, P: numbers of the operands behind the sums, N/2 and the next two. */
#define ALM_PRODUCT(N, A, B, P)                                                                    \
    template <>                                                                                    \
    __device__ __forceinline__ void product_bf16<N>(float(&d)[N / 2], uint64_t a, uint64_t b,      \
                                                    int accumulate)                                \
    {                                                                                              \
        asm volatile("{.reg .pred p;\n"                                                            \
                     "setp.ne.b32 p,%" #P ",0;\n"                                                  \
                     "wgmma.mma_async.sync.aligned.m64n" #N "k16.f32.bf16.bf16 "                   \
                     "{" ALM_NAMES_##N "},%" #A ",%" #B ",p,1,1,0,0;}"                             \
                     : ALM_SUMS_##N                                                                \
                     : "l"(a), "l"(b), "r"(accumulate));                                           \
    }
ALM_PRODUCT(64, 32, 33, 34)
ALM_PRODUCT(72, 36, 37, 38)
ALM_PRODUCT(80, 40, 41, 42)
ALM_PRODUCT(88, 44, 45, 46)
ALM_PRODUCT(96, 48, 49, 50)
ALM_PRODUCT(104, 52, 53, 54)
ALM_PRODUCT(112, 56, 57, 58)
ALM_PRODUCT(120, 60, 61, 62)
ALM_PRODUCT(128, 64, 65, 66)
ALM_PRODUCT(136, 68, 69, 70)
ALM_PRODUCT(144, 72, 73, 74)
ALM_PRODUCT(152, 76, 77, 78)
ALM_PRODUCT(160, 80, 81, 82)
ALM_PRODUCT(168, 84, 85, 86)
ALM_PRODUCT(176, 88, 89, 90)
ALM_PRODUCT(184, 92, 93, 94)
ALM_PRODUCT(192, 96, 97, 98)
ALM_PRODUCT(200, 100, 101, 102)
ALM_PRODUCT(208, 104, 105, 106)
ALM_PRODUCT(216, 108, 109, 110)
ALM_PRODUCT(224, 112, 113, 114)
ALM_PRODUCT(232, 116, 117, 118)
ALM_PRODUCT(240, 120, 121, 122)
ALM_PRODUCT(248, 124, 125, 126)
ALM_PRODUCT(256, 128, 129, 130)
#undef ALM_PRODUCT

/* Descriptor of a panel as the right operand whose rows are K: [16 rows, 64 or 128 columns], the
 * columns beyond 64 in a second panel `next` bytes behind (the leading offset). The next 16 rows:
 * descriptor + ROWS_STEP_16. */
__device__ __forceinline__ uint64_t rows_descriptor(const void *panel, int next)
{
    return (uint64_t)((shared_address(panel) & 0x3FFFFu) >> 4) | (uint64_t)(next >> 4) << 16 |
           (uint64_t)(1024 >> 4) << 32 | (uint64_t)1 << 62;
}
enum { ROWS_STEP_16 = 16 * PANEL_ROW_BYTES / 16 };

/* d [64, N] += a [64, 16] · b [16, N]. a lies in registers, a warp's 16 rows as in mma.m16n8k16:
 * for columns 16c ... 16c + 15 of sums of another product they are d[8c], d[8c + 2], d[8c + 4],
 * d[8c + 6], each with its neighbour. */
template <int N>
__device__ __forceinline__ void product_rows_bf16(float (&d)[N / 2], const uint32_t (&a)[4],
                                                  uint64_t b);
/* A0 ... A3, B: numbers of the operands behind the sums. */
#define ALM_PRODUCT_ROWS(N, A0, A1, A2, A3, B)                                                     \
    template <>                                                                                    \
    __device__ __forceinline__ void product_rows_bf16<N>(float(&d)[N / 2], const uint32_t(&a)[4],  \
                                                         uint64_t b)                               \
    {                                                                                              \
        asm volatile("wgmma.mma_async.sync.aligned.m64n" #N "k16.f32.bf16.bf16 "                   \
                     "{" ALM_NAMES_##N "},{%" #A0 ",%" #A1 ",%" #A2 ",%" #A3 "},%" #B ",1,1,1,1;"  \
                     : ALM_SUMS_##N                                                                \
                     : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "l"(b));                        \
    }
ALM_PRODUCT_ROWS(64, 32, 33, 34, 35, 36)
ALM_PRODUCT_ROWS(128, 64, 65, 66, 67, 68)
#undef ALM_PRODUCT_ROWS

/* Operands in registers are not reused before this point. */
__device__ __forceinline__ void keep_operands(uint32_t (&a)[4])
{
#pragma unroll
    for (int i = 0; i < 4; i++) {
        asm volatile("" : "+r"(a[i])::"memory");
    }
}
