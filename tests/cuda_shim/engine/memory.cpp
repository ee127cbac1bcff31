/* Device and pinned memory: what there is, who may touch it, what a launch may point to; and the
 * order that fences and atomics give to accesses of it. */
#include "tests/cuda_shim/engine/engine.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

namespace shim
{

enum { ALIGNMENT = 256 };

int launch_device;

/* A plain growing array: reachable for LeakSanitizer to the end, and no library code. */
static Allocation *allocations;
static int n_allocations, capacity;
static int open_count;

/* ---- Bytes, moved so that the sanitizers see what they should ---- */

/* ASan: not memset and memcpy, which would report device memory that is out of the host's reach.
 * TSan: neither, which would be recorded as accesses of the running CUDA thread. */
void fill_bytes(void *to, int value, size_t bytes)
{
    mark_written(to, bytes);
    asm volatile("rep stosb" : "+D"(to), "+c"(bytes) : "a"(value) : "memory");
}

void copy_bytes(void *to, const void *from, size_t bytes)
{
#if SHIM_MSAN
    memmove(to, from, bytes); /* with what MSan knows of them */
#else
    if (to < from || (char *)to >= (const char *)from + bytes) {
        asm volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(bytes)::"memory");
    } else {
        fail("a copy of %zu bytes overlaps itself", bytes);
    }
#endif
}

void *fresh_memory(size_t alignment, size_t bytes)
{
#if SHIM_TSAN
    AnnotateIgnoreReadsBegin("", 0);
    AnnotateIgnoreWritesBegin("", 0);
#endif
    void *memory = nullptr;
    if (posix_memalign(&memory, alignment, bytes ? bytes : 1)) {
        memory = nullptr;
    }
#if SHIM_TSAN
    AnnotateIgnoreWritesEnd("", 0);
    AnnotateIgnoreReadsEnd("", 0);
#endif
    if (!memory) {
        fail("out of host memory");
    }
    return memory;
}

/* ---- Allocations ---- */

void *add_allocation(size_t bytes, int device, bool pinned)
{
    if (n_allocations == capacity) {
        capacity = capacity ? 2 * capacity : 64;
        allocations = (Allocation *)realloc(allocations, (size_t)capacity * sizeof *allocations);
        if (!allocations) {
            fail("out of host memory");
        }
    }
    void *memory = fresh_memory(ALIGNMENT, bytes);
    fill_bytes(memory, skip_kernels ? 0 : 0xFF, bytes);
    if (!skip_kernels) {
        mark_unwritten(memory, bytes);
    }
    allocations[n_allocations++] = Allocation{(uintptr_t)memory, bytes, device, pinned};
    if (!pinned && !open_count) {
        poison(memory, bytes);
    }
    return memory;
}

bool remove_allocation(void *p, bool pinned)
{
    for (int i = 0; i < n_allocations; i++) {
        if (allocations[i].base == (uintptr_t)p && allocations[i].pinned == pinned) {
            unpoison(p, allocations[i].bytes);
            free(p);
            allocations[i] = allocations[--n_allocations];
            return true;
        }
    }
    return false;
}

const Allocation *find_allocation(const void *p, size_t bytes)
{
    static int last; /* most searches are for the same one again */
    const uintptr_t at = (uintptr_t)p;
    for (int k = -1; k < n_allocations; k++) {
        const int i = k < 0 ? last : k;
        if (i < n_allocations && at >= allocations[i].base &&
            at + bytes <= allocations[i].base + allocations[i].bytes) {
            last = i;
            return &allocations[i];
        }
    }
    return nullptr;
}

size_t allocated_bytes(int device)
{
    size_t sum = 0;
    for (int i = 0; i < n_allocations; i++) {
        if (!allocations[i].pinned && (device < 0 || allocations[i].device == device)) {
            sum += allocations[i].bytes;
        }
    }
    return sum;
}

long allocation_count()
{
    return n_allocations;
}

void open_device_memory()
{
    if (open_count++ == 0 && SHIM_ASAN) {
        for (int i = 0; i < n_allocations; i++) {
            unpoison((void *)allocations[i].base, allocations[i].bytes);
        }
    }
}

void close_device_memory()
{
    if (--open_count == 0 && SHIM_ASAN) {
        for (int i = 0; i < n_allocations; i++) {
            if (!allocations[i].pinned) {
                poison((void *)allocations[i].base, allocations[i].bytes);
            }
        }
    }
}

/* ---- Arguments of a launch ---- */

/* Where Linux puts the heap, the libraries and the stack of a program, under the sanitizers too.
 * Two packed integers that look like it would have to name a mapped page besides. */
static bool is_host_memory(uintptr_t at)
{
    if (at < 0x500000000000u || at >= 0x800000000000u) {
        return false;
    }
    unsigned char resident;
    const uintptr_t page = at & ~(uintptr_t)4095;
    return mincore((void *)page, 1, &resident) == 0 || errno != ENOMEM;
}

static void check_pointer(int index, const char *where, uintptr_t at)
{
    const Allocation *found = find_allocation((const void *)at, 0);
    if (!found) {
        fail("argument %d%s (%#lx) is not device memory", index, where, (unsigned long)at);
    }
    if (!found->pinned && found->device != launch_device) {
        fail("argument %d%s (%#lx) is memory of device %d, the launch is on device %d", index,
             where, (unsigned long)at, found->device, launch_device);
    }
}

void check_argument(int index, const void *value, size_t bytes, ArgumentKind kind)
{
    for (size_t offset = 0; offset + sizeof(uintptr_t) <= bytes; offset += sizeof(uintptr_t)) {
        uintptr_t word;
        memcpy(&word, (const char *)value + offset, sizeof word);
        if (kind == ARGUMENT_POINTER) {
            if (word) {
                check_pointer(index, "", word);
            }
        } else if (find_allocation((const void *)word, 0) || is_host_memory(word)) {
            char where[48];
            snprintf(where, sizeof where, ", a struct, byte %zu", offset);
            check_pointer(index, where, word);
        }
    }
}

/* ---- Order ----
 * Atomics are relaxed. A fence makes the thread's next atomic a release, and acquires what its last
 * one saw: so the pattern "write, fence, count up; the last one to count reads after a fence" is
 * ordered, and one that lacks either fence is not. */
void fence()
{
#if SHIM_TSAN
    current->fenced = true;
    if (current->last_atomic) {
        acquire_order(current->last_atomic);
    }
#endif
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
}

void before_atomic([[maybe_unused]] void *p, const void *operand, size_t bytes)
{
    check_written(operand, bytes); /* the atomic would wash away that it is not */
#if SHIM_TSAN
    if (current->fenced) {
        release_order(p);
        current->fenced = false;
    }
    current->last_atomic = p;
#endif
}

} // namespace shim
