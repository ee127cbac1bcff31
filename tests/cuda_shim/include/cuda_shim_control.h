/* What a test tells the shim, from C or C++.
 *
 * The environment has the same: ALM_SHIM_ORDER (low, high, random, fifo, warps), ALM_SHIM_COPIES
 * (eager, lazy, random), ALM_SHIM_SEED, ALM_SHIM_STREAMS (now, late), read when the program starts;
 * ALM_SHIM_DEVICES (number of devices, 1), ALM_SHIM_ARCH (80), ALM_SHIM_DRIVER (13000) and
 * ALM_SHIM_MEMORY_MB (4096), read at every call that wants to know.
 */
#ifndef ALM_CUDA_SHIM_CONTROL_H
#define ALM_CUDA_SHIM_CONTROL_H

#include <stdbool.h>
#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Which of the threads that can go on goes on. */
typedef enum alm_shim_order {
    ALM_SHIM_ORDER_LOW,    /* lowest thread first */
    ALM_SHIM_ORDER_HIGH,   /* highest first, last block first */
    ALM_SHIM_ORDER_RANDOM, /* any thread; finds less than one would think */
    ALM_SHIM_ORDER_FIFO,   /* all as equally far as can be */
    ALM_SHIM_ORDER_WARPS,  /* warps have random priorities, redrawn at barriers: skews are large */
    ALM_SHIM_ORDERS
} alm_shim_order;

/* When an asynchronous copy lands. A GPU may do any of these. */
typedef enum alm_shim_copies {
    ALM_SHIM_COPIES_EAGER, /* when it is issued */
    ALM_SHIM_COPIES_LAZY,  /* when it is waited for */
    ALM_SHIM_COPIES_RANDOM,
    ALM_SHIM_COPIES_COUNT
} alm_shim_copies;

/* For all launches from now on, random numbers from the start. */
void alm_shim_configure(int order, int copies, unsigned seed);

/* Work of streams other than the default one is done only when somebody waits for it: a host that
 * forgets to synchronise reads old data. Off at first. */
void alm_shim_streams_late(bool late);

/* "ALM_SHIM_ORDER=warps ALM_SHIM_COPIES=lazy ALM_SHIM_SEED=1": to print with a failure. */
const char *alm_shim_settings(void);

/* From now on kernels are not run: their launches are checked and counted, and memory that is
 * allocated holds zeros. For tests of what is done around them. */
void alm_shim_skip_kernels(bool skip);

/* ---- Faults ----
 * The n-th runtime call from now (launches included, 1 the next one) fails with
 * cudaErrorIllegalAddress, and so do all after it, as on a GPU; what they free is freed all the
 * same. 0: no fault, and an end to the one that there was. */
void alm_shim_fail_call(long n);
/* The n-th allocation of device or pinned memory from now fails with cudaErrorMemoryAllocation;
 * those after it succeed. 0: none. */
void alm_shim_fail_alloc(long n);

/* The next n graphs are refused by cudaGraphInstantiate with cudaErrorInvalidResourceHandle, which
 * is not sticky. */
void alm_shim_refuse_graphs(int n);

/* ---- Counts, since the program started ---- */
long alm_shim_calls(void);
long alm_shim_allocs(void);
long alm_shim_launches(void); /* kernels that ran */

/* ---- Leaks ---- */
long alm_shim_live_allocations(void); /* device and pinned memory */
size_t alm_shim_live_bytes(void);     /* device memory */
long alm_shim_live_objects(void);     /* streams, events, graphs, instantiated graphs */

/* ---- NVTX ---- */
typedef struct alm_shim_range {
    char domain[16], category[16], name[64];
    char thread[16]; /* the name of the thread that began it */
    int depth;       /* ranges of the thread that were open */
} alm_shim_range;

/* From now on ranges and names of streams are kept; those kept before are forgotten. With false
 * they stay, and no more come. */
void alm_shim_record_ranges(bool record);
int alm_shim_ranges(void);
/* In the order in which they began; zeros where there is none. */
alm_shim_range alm_shim_range_at(int i);
int alm_shim_streams_named(const char *name);
/* Of this thread, begun and not ended. */
int alm_shim_open_ranges(void);

#ifdef __cplusplus
}
#endif

#endif
