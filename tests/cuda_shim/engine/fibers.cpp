/* Stacks for CUDA threads and the switch between them and the scheduler.
 *
 * A stack is handed out when a thread first runs and comes back when it ends, so kernels without
 * barriers use one. Hand-written, since swapcontext makes two system calls a switch.
 */
#include "tests/cuda_shim/engine/engine.h"

#include <sys/mman.h>

namespace shim
{

struct Fiber {
    void *stack_pointer; /* while it does not run */
    char *low;
    size_t bytes;
    void *fake_stack; /* ASan's */
};

enum : size_t { STACK_BYTES = 256 << 10, PAGE_BYTES = 4096 };

/* Plain arrays: LeakSanitizer looks after static containers are destroyed. */
static Fiber *idle[MAX_THREADS];
static int n_idle;
static Fiber scheduler; /* the stack that called the launch */
#if SHIM_TSAN
static void *scheduler_identity;
#endif

/* Saves the callee-saved registers and the stack pointer, takes up the other's. */
extern "C" void alm_shim_switch(void **save, void *load);
asm(".text\n"
    ".globl alm_shim_switch\n"
    ".type alm_shim_switch,@function\n"
    "alm_shim_switch:\n"
    "pushq %rbp\n"
    "pushq %rbx\n"
    "pushq %r12\n"
    "pushq %r13\n"
    "pushq %r14\n"
    "pushq %r15\n"
    "movq %rsp,(%rdi)\n"
    "movq %rsi,%rsp\n"
    "popq %r15\n"
    "popq %r14\n"
    "popq %r13\n"
    "popq %r12\n"
    "popq %rbx\n"
    "popq %rbp\n"
    "ret\n"
    ".size alm_shim_switch,.-alm_shim_switch\n");

static void fiber_main()
{
#if SHIM_ASAN
    const void *low;
    size_t bytes;
    __sanitizer_finish_switch_fiber(nullptr, &low, &bytes);
    scheduler.low = (char *)low;
    scheduler.bytes = bytes;
#endif
    for (;;) {
        run_current_thread();
        switch_to_scheduler(current->fiber);
    }
}

static Fiber *new_fiber()
{
    char *memory = (char *)mmap(nullptr, STACK_BYTES + PAGE_BYTES, PROT_READ | PROT_WRITE,
                                MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED) {
        fail("out of memory for stacks");
    }
    mprotect(memory, PAGE_BYTES, PROT_NONE); /* an overflow ends here */
    Fiber *fiber = new Fiber();
    fiber->low = memory + PAGE_BYTES;
    fiber->bytes = STACK_BYTES;
    /* Tops at different cache lines: aligned ones would all fall into the same set of the L1. */
    static unsigned colour;
    void **top = (void **)(fiber->low + fiber->bytes - colour++ % 64 * 64);
    *--top = nullptr; /* where fiber_main would return to; keeps the stack aligned */
    *--top = (void *)fiber_main;
    for (int i = 0; i < 6; i++) {
        *--top = nullptr;
    }
    fiber->stack_pointer = top;
    return fiber;
}

Fiber *take_fiber()
{
    return n_idle ? idle[--n_idle] : new_fiber();
}

void return_fiber(Fiber *fiber)
{
    idle[n_idle++] = fiber;
}

void switch_to_fiber(Fiber *fiber)
{
#if SHIM_TSAN
    scheduler_identity = this_identity();
    become_identity(current->identity);
#endif
#if SHIM_ASAN
    __sanitizer_start_switch_fiber(&scheduler.fake_stack, fiber->low, fiber->bytes);
#endif
    alm_shim_switch(&scheduler.stack_pointer, fiber->stack_pointer);
#if SHIM_ASAN
    __sanitizer_finish_switch_fiber(scheduler.fake_stack, nullptr, nullptr);
#endif
}

void switch_to_scheduler(Fiber *from)
{
#if SHIM_TSAN
    become_identity(scheduler_identity);
#endif
#if SHIM_ASAN
    __sanitizer_start_switch_fiber(&from->fake_stack, scheduler.low, scheduler.bytes);
#endif
    alm_shim_switch(&from->stack_pointer, scheduler.stack_pointer);
#if SHIM_ASAN
    __sanitizer_finish_switch_fiber(from->fake_stack, nullptr, nullptr);
#endif
}

} // namespace shim
