/* What the files of the engine share. All of it runs in one OS thread at a time (runtime.cpp
 * locks), and keeps to plain arrays where a CUDA thread may be running: library code in there would
 * be seen by MSan and TSan as the kernel's. */
#pragma once

#include <functional>

#include "cuda_shim_control.h"
#include "cuda_shim_engine.h"
#include "cuda_shim_launch.h"

#include "tests/cuda_shim/engine/sanitizers.h"

namespace shim
{

enum { MAX_THREADS = 1024, WARP = 32, MAX_WARPS = MAX_THREADS / WARP };

/* ---- settings.cpp ---- */
struct Settings {
    int order, copies;
    unsigned seed;
    bool late_streams;
};
extern Settings settings;
unsigned random_bits();
/* In [0, n). */
unsigned random_below(unsigned n);
void restart_random(uint64_t stream);
/* Integer from the environment. */
long environment(const char *name, long otherwise);

/* ---- report.cpp ---- */
extern const void *running_function; /* kernel that runs or is being launched; NULL: none */
extern bool in_block;                /* blockIdx means something */
void print_settings();
void watch_deaths(); /* a sanitizer's report names kernel, block and thread */

/* ---- fibers.cpp ---- */
struct Fiber;
/* A stack that runs run_current_thread() again and again. */
Fiber *take_fiber();
void return_fiber(Fiber *fiber);
void switch_to_fiber(Fiber *fiber);
void switch_to_scheduler(Fiber *from);
/* scheduler.cpp: the kernel in the thread `current`, from its start to its end. */
void run_current_thread();

/* ---- scheduler.cpp ---- */
/* All threads of the block blockIdx; odd blocks are other threads than even ones to TSan. */
void run_block(const Launch &launch, bool odd);
void prepare_threads(int count); /* before the first block of a launch */
void order_after_blocks();       /* TSan: after the last one */
extern unsigned long resumes;

/* ---- shared.cpp ---- */
struct Copies;
Copies *copies_of(bool odd, int thread);
void clear_copies(Copies *copies);
bool copies_in_flight(const Copies *copies);
void begin_shared(size_t dynamic_bytes); /* of a launch */
void begin_block_shared(bool first);
void end_shared();

/* ---- memory.cpp ---- */
struct Allocation {
    uintptr_t base;
    size_t bytes;
    int device;
    bool pinned;
};
/* The allocation that holds the bytes (or ends where they begin, when there are none); NULL: none.
 */
const Allocation *find_allocation(const void *p, size_t bytes);
void *add_allocation(size_t bytes, int device, bool pinned); /* NULL: out of memory */
bool remove_allocation(void *p, bool pinned);
size_t allocated_bytes(int device);
long allocation_count();
/* Device memory is out of reach of the host except between these; they nest. */
void open_device_memory();
void close_device_memory();
/* Bytes between host and device in any direction. */
void copy_bytes(void *to, const void *from, size_t bytes);
void fill_bytes(void *to, int value, size_t bytes);
/* Memory without a history, for TSan too. */
void *fresh_memory(size_t alignment, size_t bytes);
extern int launch_device; /* whose memory a launch may use */

/* ---- grid.cpp ---- */
cudaError_t check_launch(const void *function, dim3 grid, dim3 block, size_t dynamic_bytes);
void run_grid(const Launch &launch, dim3 grid, dim3 block, size_t dynamic_bytes);
cudaError_t set_dynamic_limit(const void *function, size_t bytes);
size_t most_shared_bytes();
extern bool skip_kernels;
extern long launches;
extern uint64_t random_stream; /* launches since the seed was set */

/* ---- runtime.cpp ---- */
/* One call of the runtime: takes the lock, counts, and says whether it fails before it begins. */
class Call
{
  public:
    Call();
    ~Call();
    Call(const Call &) = delete;
    bool refused() const
    {
        return error_ != cudaSuccess;
    }
    /* What the call returns, kept for cudaGetLastError. */
    cudaError_t end(cudaError_t error);
    cudaError_t end()
    {
        return end(error_);
    }

  private:
    cudaError_t error_;
};
int current_device();

/* ---- stream.cpp ---- */
/* For calls that a capture forbids: breaks it and returns the error. */
cudaError_t forbid_in_capture();
/* Does all that was put into streams. */
void finish_streams();
/* Before something runs on the default stream at once. */
cudaError_t begin_default_stream();
/* Now, late, or into the graph that is recorded. */
cudaError_t enqueue(cudaStream_t stream, cudaGraphNodeType kind, std::function<void()> work);
extern long live_objects;

} // namespace shim
