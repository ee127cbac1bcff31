/* The shim finds what it is for. Each case of the kernels beside it runs in a process of its own,
 * in the build's mode and in several schedules; how it ends and what it prints is compared with the
 * tables below.
 *
 * A mistake that a mode cannot find is not expected of it: the modes complement each other.
 */
#include "tests/shim/alm_test.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

/* Set by CMake: the program, and the mode that it was built in. */
#ifndef ALM_SHIM_CASES
#error "ALM_SHIM_CASES is the path of cuda_shim_cases"
#endif

enum { MODE_PLAIN, MODE_ASAN, MODE_TSAN, MODE_MSAN, MODES };
static const char *const mode_names[MODES] = {"plain", "asan", "tsan", "msan"};
static int mode;

__attribute__((constructor)) static void find_mode(void)
{
    while (strcmp(mode_names[mode], ALM_SHIM_MODE_NAME)) {
        mode++;
    }
}

enum { TEXT = 1 << 15, FAILED_TO_START = 127, STOPPED_BY_SHIM = 99 };

typedef struct run_result {
    int code; /* of exit; 1000 + signal */
    char text[TEXT];
} run_result;

typedef struct schedule {
    const char *order, *copies, *seed;
} schedule;

/* A plain build is quick, so it tries more. */
static const schedule plain_schedules[] = {
    {"fifo", "eager", "1"},   {"low", "eager", "1"},   {"low", "lazy", "1"},
    {"high", "lazy", "1"},    {"high", "eager", "1"},  {"warps", "eager", "1"},
    {"warps", "lazy", "1"},   {"warps", "eager", "2"}, {"random", "lazy", "1"},
    {"warps", "random", "3"}, {NULL, NULL, NULL},
};
static const schedule other_schedules[] = {
    {"warps", "eager", "3"},
    {"warps", "lazy", "1"},
    {NULL, NULL, NULL},
};

static const schedule *schedules(void)
{
    return mode == MODE_PLAIN ? plain_schedules : other_schedules;
}

static void in_child(const char *name, schedule s, int out)
{
    dup2(out, 1);
    dup2(out, 2);
    setenv("ALM_SHIM_ORDER", s.order, 1);
    setenv("ALM_SHIM_COPIES", s.copies, 1);
    setenv("ALM_SHIM_SEED", s.seed, 1);
    setenv("TSAN_OPTIONS", "halt_on_error=1 exitcode=66", 1);
    setenv("ASAN_OPTIONS", "detect_stack_use_after_return=0 exitcode=66", 1);
    setenv("MSAN_OPTIONS", "exitcode=66", 1);
    execl(ALM_SHIM_CASES, ALM_SHIM_CASES, name, (char *)NULL);
    _exit(FAILED_TO_START);
}

static void run_case(const char *name, schedule s, run_result *result)
{
    result->code = -1;
    result->text[0] = 0;
    int ends[2];
    if (pipe(ends) != 0) {
        return;
    }
    fflush(stdout);
    const pid_t child = fork();
    if (child == 0) {
        close(ends[0]);
        in_child(name, s, ends[1]);
    }
    close(ends[1]);
    size_t used = 0;
    char rest[4096];
    for (;;) {
        const bool full = used == TEXT - 1;
        const ssize_t n = full ? read(ends[0], rest, sizeof rest)
                               : read(ends[0], result->text + used, TEXT - 1 - used);
        if (n <= 0 && !(n < 0 && errno == EINTR)) {
            break;
        }
        used += full || n < 0 ? 0 : (size_t)n;
    }
    result->text[used] = 0;
    close(ends[0]);
    int status = 0;
    if (child > 0 && waitpid(child, &status, 0) == child) {
        result->code = WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
    }
}

static run_result result; /* too large for a stack */

/* Right results and nothing said, in every schedule. */
static void must_pass(const char *name)
{
    for (const schedule *s = schedules(); s->order; s++) {
        run_case(name, *s, &result);
        if (result.code != 0 || result.text[0]) {
            ALM_FAIL("%s, %s %s %s: ended with %d: %s", name, s->order, s->copies, s->seed,
                     result.code, result.text);
        }
    }
}

/* At least one schedule ends with this text in the report: of the shim, of a sanitizer, or "wrong
 * result". A passing run leaves nothing else. */
static void must_find(const char *name, const char *text)
{
    for (const schedule *s = schedules(); s->order; s++) {
        run_case(name, *s, &result);
        if (result.code != 0 && strstr(result.text, text)) {
            return;
        }
    }
    ALM_FAIL("%s: no schedule ends with \"%s\"; the last one ended with %d: %s", name, text,
             result.code, result.text);
}

ALM_TEST(cuda_shim, right_kernels_pass)
{
    must_pass("reduce");
    must_pass("fps");
    must_pass("attention");
}

ALM_TEST(cuda_shim, what_is_allowed_passes)
{
    must_pass("early_exit");
    must_pass("spinning");
    must_pass("around_256");
    must_pass("atomics");
    must_pass("grid");
    must_pass("halves");
    must_pass("structs");
    must_pass("functions");
    must_pass("last_block");
    must_pass("copy_past_end");
    if (mode != MODE_TSAN) { /* 1.7 GB and seconds there */
        must_pass("around_1024");
    }
}

ALM_TEST(cuda_shim, finds_seeded_mistakes)
{
    static const char WRONG[] = "wrong result", RACE[] = "data race", UNWRITTEN[] = "MemorySanit";
    static const struct {
        const char *name;
        const char *found[MODES]; /* NULL: not by this mode */
    } mistakes[] = {
        {"no_barrier_before_sums", {WRONG, WRONG, RACE, UNWRITTEN}},
        {"shared_overrun", {WRONG, "index 8 out of bounds", WRONG, UNWRITTEN}},
        {"tail_reads_one_more", {NULL, "heap-buffer-overflow", NULL, NULL}},
        {"misaligned_vector", {WRONG, "misaligned", WRONG, WRONG}},
        {"divergent_barrier",
         {"divergent __syncthreads", "divergent __syncthreads", "divergent __syncthreads",
          "divergent __syncthreads"}},
        {"slot_never_written", {WRONG, WRONG, WRONG, UNWRITTEN}},
        {"half_warp_full_mask",
         {"does not take part", "does not take part", "does not take part", "does not take part"}},
        {"shuffle_outside_mask",
         {"does not take part", "does not take part", "does not take part", "does not take part"}},
        {"no_syncwarp", {WRONG, WRONG, RACE, UNWRITTEN}},
        {"blocks_add_plainly", {NULL, NULL, RACE, NULL}},
        {"arena_overrun", {NULL, "use-after-poison", NULL, NULL}},
        {"no_barrier_after_load", {WRONG, WRONG, RACE, UNWRITTEN}},
        {"single_buffer", {WRONG, WRONG, RACE, WRONG}},
        {"arena_too_small",
         {"the launch paid for", "the launch paid for", "the launch paid for",
          "the launch paid for"}},
        {"waits_for_too_little", {WRONG, WRONG, WRONG, UNWRITTEN}},
        {"tail_keys_not_masked", {WRONG, WRONG, WRONG, WRONG}},
        {"tail_rows_not_masked", {NULL, "heap-buffer-overflow", NULL, NULL}},
        {"no_barrier_before_prefetch", {WRONG, WRONG, RACE, WRONG}},
    };
    for (size_t i = 0; i < sizeof mistakes / sizeof mistakes[0]; i++) {
        if (mistakes[i].found[mode]) {
            must_find(mistakes[i].name, mistakes[i].found[mode]);
        }
    }
}

ALM_TEST(cuda_shim, names_broken_rules)
{
    static const struct {
        const char *name, *text;
    } rules[] = {
        {"mask", "mask 00000001 does not contain the calling lane"},
        {"deadlock", "deadlock: no thread can go on"},
        {"deadlock", "3 ... 3: waiting in __syncthreads at"},
        {"different_lines", "lanes of one mask met at different source lines"},
        {"part_of_warp", "needs all 32 lanes, only ffff0000 are left"},
        {"livelock", "livelock"},
        {"barrier_count", "barrier 1 over 48 threads"},
        {"barrier_disagree", "met with different numbers of threads"},
        {"trap", "__trap"},
        {"misaligned_matrix", "is not a multiple of 16"},
        {"matrix_elsewhere", "is not shared memory of this block"},
        {"misaligned_copy", "is not a multiple of 16"},
        {"float_array", "is not a multiple of 16"},
        {"copies_in_flight", "copies that it never waited for"},
        {"carved_differently", "another thread of the block has"},
        {"arena_not_paid", "the launch paid for 16"},
        {"host_pointer", "is not device memory"},
        {"other_device", "is memory of device 1, the launch is on device 0"},
        {"graph_of_freed", "is not device memory"},
    };
    for (size_t i = 0; i < sizeof rules / sizeof rules[0]; i++) {
        must_find(rules[i].name, rules[i].text);
    }
    must_find("mask", "mask_kernel"); /* mangled under MSan */
    must_find("mask", "rules.cu:");
    must_find("mask", "repeat with ALM_SHIM_ORDER=");
}

/* What only one kind of build can see. */
ALM_TEST(cuda_shim, sanitizers_see_kernels)
{
    if (mode == MODE_ASAN) {
        must_find("host_dereference", "use-after-poison");
        must_find("copy_from_freed", "touches host memory");
        must_find("deep_stack", "stack-overflow");
        must_find("names_the_thread", "out of bounds");
        must_find("names_the_thread", "thread (21,0,0): reported by the sanitizer");
    }
    if (mode == MODE_MSAN) {
        must_find("unwritten_branch", "MemorySanitizer");
        must_find("unwritten_atomic", "MemorySanitizer");
    } else {
        must_find("host_pointer_in_struct", "a struct, byte 0");
        must_pass("canary");
    }
    if (mode == MODE_TSAN) {
        must_find("last_block_writer", "data race");
        must_find("last_block_reader", "data race");
    }
}

/* Lazy copies find what eager ones cannot, and the other way round. */
ALM_TEST(cuda_shim, moments_of_copies_matter)
{
    if (mode != MODE_PLAIN) {
        return;
    }
    run_case("waits_for_too_little", (schedule){"low", "eager", "1"}, &result);
    ALM_CHECK_INT(result.code, 0);
    run_case("waits_for_too_little", (schedule){"low", "lazy", "1"}, &result);
    ALM_CHECK_INT(result.code, 1);
    run_case("no_barrier_before_prefetch", (schedule){"low", "lazy", "1"}, &result);
    ALM_CHECK_INT(result.code, 0);
    run_case("no_barrier_before_prefetch", (schedule){"low", "eager", "1"}, &result);
    ALM_CHECK_INT(result.code, 1);
}

/* The same seed gives the same run. */
ALM_TEST(cuda_shim, seed_repeats)
{
    static run_result again;
    run_case("mask", (schedule){"warps", "random", "7"}, &result);
    run_case("mask", (schedule){"warps", "random", "7"}, &again);
    ALM_CHECK_TEXT(result.text, again.text);
    ALM_CHECK_TEXT(result.text, "ALM_SHIM_SEED=7");
}
