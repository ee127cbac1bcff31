/* One launch: its limits, and its blocks one after the other. */
#include "tests/cuda_shim/engine/engine.h"

#include <stdlib.h>

dim3 gridDim, blockDim;
uint3 blockIdx;

namespace shim
{

enum : size_t { DEFAULT_DYNAMIC_BYTES = 48 << 10 };
enum { MAX_FUNCTIONS = 1024 };

bool skip_kernels;
long launches;
uint64_t random_stream;

static struct {
    const void *function;
    size_t bytes;
} limits[MAX_FUNCTIONS];
static int n_limits;

/* Of the architecture that is asked for; 227 KB when none is. */
size_t most_shared_bytes()
{
    const long arch = environment("ALM_SHIM_ARCH", 0);
    size_t kb = 227;
    if (arch == 75) {
        kb = 64;
    } else if (arch == 80 || arch == 87) {
        kb = 163;
    } else if (arch == 86 || arch == 89 || arch == 120) {
        kb = 99;
    }
    return kb << 10;
}

cudaError_t set_dynamic_limit(const void *function, size_t bytes)
{
    if (bytes > most_shared_bytes()) {
        return cudaErrorInvalidValue;
    }
    int i = 0;
    while (i < n_limits && limits[i].function != function) {
        i++;
    }
    if (i == MAX_FUNCTIONS) {
        fail("more than %d kernels with much shared memory", MAX_FUNCTIONS);
    }
    limits[i].function = function;
    limits[i].bytes = bytes;
    n_limits = i == n_limits ? i + 1 : n_limits;
    return cudaSuccess;
}

cudaError_t check_launch(const void *function, dim3 grid, dim3 block, size_t dynamic_bytes)
{
    size_t most = DEFAULT_DYNAMIC_BYTES;
    for (int i = 0; i < n_limits; i++) {
        if (limits[i].function == function && limits[i].bytes > most) {
            most = limits[i].bytes;
        }
    }
    const uint64_t threads = (uint64_t)block.x * block.y * block.z;
    const bool fits = threads > 0 && threads <= MAX_THREADS && block.x <= 1024 && block.y <= 1024 &&
                      block.z <= 64 && grid.x > 0 && grid.x <= INT32_MAX && grid.y > 0 &&
                      grid.y <= 65535 && grid.z > 0 && grid.z <= 65535;
    if (!fits) {
        return cudaErrorInvalidConfiguration;
    }
    return dynamic_bytes <= most ? cudaSuccess : cudaErrorInvalidValue;
}

static uint64_t common_divisor(uint64_t a, uint64_t b)
{
    while (b) {
        const uint64_t rest = a % b;
        a = b;
        b = rest;
    }
    return a;
}

/* Block `turn` of `count` is number (turn · step + start) % count. */
static void draw_block_order(uint64_t count, uint64_t *start, uint64_t *step)
{
    *start = 0;
    *step = 1;
    if (settings.order == ALM_SHIM_ORDER_HIGH) {
        *start = count - 1;
        *step = count - 1;
    } else if (settings.order == ALM_SHIM_ORDER_RANDOM || settings.order == ALM_SHIM_ORDER_WARPS) {
        *start = random_bits() % count;
        do {
            *step = 1 + random_bits() % count;
        } while (common_divisor(*step, count) != 1);
    }
}

void run_grid(const Launch &launch, dim3 grid, dim3 block, size_t dynamic_bytes)
{
    running_function = launch.function;
    launch.check(launch.args); /* memory may have been freed since a graph was recorded */
    gridDim = grid;
    blockDim = block;
    launches++;
    if (skip_kernels) {
        running_function = nullptr;
        return;
    }
    restart_random(++random_stream);
    prepare_threads((int)(block.x * block.y * block.z));
    begin_shared(dynamic_bytes);
    open_device_memory();
    const uint64_t count = (uint64_t)grid.x * grid.y * grid.z;
    uint64_t start, step;
    draw_block_order(count, &start, &step);
    in_block = true;
    for (uint64_t turn = 0; turn < count; turn++) {
        const uint64_t i = (uint64_t)(((unsigned __int128)turn * step + start) % count);
        blockIdx.x = (unsigned)(i % grid.x);
        blockIdx.y = (unsigned)(i / grid.x % grid.y);
        blockIdx.z = (unsigned)(i / grid.x / grid.y);
        begin_block_shared(turn == 0);
        run_block(launch, turn % 2 != 0);
        order_after_blocks(); /* which stay unordered among themselves */
    }
    in_block = false;
    running_function = nullptr;
    close_device_memory();
    end_shared();
}

} // namespace shim

extern "C" void alm_shim_skip_kernels(bool skip)
{
    shim::skip_kernels = skip;
}
