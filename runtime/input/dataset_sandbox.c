/* What a process gives up before it reads a stranger's file.
 *
 * Three walls, each for when another is not there: limits of the process (memory, core dumps, sizes
 * of files), no descriptors but the socket, and a filter that answers most system calls with EPERM.
 * The filter lists what is allowed, so that a call which this file does not know is refused. Under
 * a sanitizer, which maps terabytes and makes calls of its own, only the descriptors are given up.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "kernels/core/memory.h"
#include "runtime/input/dataset_wire.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define IS_SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(memory_sanitizer)
#define IS_SANITIZED 1
#endif
#endif
#ifndef IS_SANITIZED
#define IS_SANITIZED 0
#endif

/* ---- System calls */

/* What reading an open file, memory and the socket take. (malloc wants mprotect for its arenas;
 * there is no kill: abort then ends by a trap.) */
static const int always_allowed[] = {
    SYS_read,
    SYS_pread64,
    SYS_lseek,
    SYS_fstat,
    SYS_newfstatat,
    SYS_close,
    SYS_fcntl,
    SYS_flock,
    SYS_mmap,
    SYS_munmap,
    SYS_mremap,
    SYS_mprotect,
    SYS_madvise,
    SYS_brk,
    SYS_sendmsg,
    SYS_recvfrom,
    SYS_poll,
    SYS_futex,
    SYS_rt_sigreturn,
    SYS_rt_sigprocmask,
    SYS_rt_sigaction,
    SYS_alarm,
    SYS_exit,
    SYS_exit_group,
    SYS_getpid,
    SYS_gettid,
    SYS_getrusage,
    SYS_clock_gettime,
    SYS_gettimeofday,
    SYS_time,
    SYS_getrandom,
    SYS_sched_yield,
    SYS_restart_syscall,
};

/* What opening the file takes beside them; open and openat for reading only. */
static const int opening_allowed[] = {SYS_access,  SYS_stat,   SYS_lstat,   SYS_readlink,
                                      SYS_getcwd,  SYS_getuid, SYS_geteuid, SYS_getgid,
                                      SYS_getegid, SYS_uname,  SYS_prctl};

enum { PROGRAM_MOST = 128 };

typedef struct program {
    struct sock_filter step[PROGRAM_MOST];
    unsigned short count;
} program;

static void add(program *p, struct sock_filter step)
{
    if (p->count < PROGRAM_MOST) {
        p->step[p->count++] = step;
    }
}

static const struct sock_filter allow = BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
static const struct sock_filter refuse = BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM);

static void load(program *p, size_t offset)
{
    add(p, (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (unsigned)offset));
}

/* The step that follows is taken when the loaded word is `value`. */
static void when(program *p, unsigned value)
{
    add(p, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, 0, 1));
}

static void allow_calls(program *p, const int *calls, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        when(p, (unsigned)calls[i]);
        add(p, allow);
    }
}

/* Call `number` whose argument `flags` asks for reading only. */
static void allow_reading(program *p, int number, int flags)
{
    const size_t at = offsetof(struct seccomp_data, args) + 8 * (size_t)flags;
    add(p, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned)number, 0, 5));
    load(p, at);
    add(p, (struct sock_filter)BPF_STMT(BPF_ALU | BPF_AND | BPF_K, O_ACCMODE | O_CREAT | O_TRUNC));
    when(p, O_RDONLY);
    add(p, allow);
    add(p, refuse);
}

/* Best effort: a system without filters has the other walls. */
static void filter_calls(bool may_open)
{
    program p = {.count = 0};
    load(&p, offsetof(struct seccomp_data, arch));
    add(&p, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AUDIT_ARCH_X86_64, 1, 0));
    add(&p, refuse);
    load(&p, offsetof(struct seccomp_data, nr));
    allow_calls(&p, always_allowed, sizeof always_allowed / sizeof always_allowed[0]);
    if (may_open) {
        allow_calls(&p, opening_allowed, sizeof opening_allowed / sizeof opening_allowed[0]);
        allow_reading(&p, SYS_open, 1); /* the number is loaded again only where it matched */
        allow_reading(&p, SYS_openat, 2);
    }
    add(&p, refuse);
    const struct sock_fprog filter = {.len = p.count, .filter = p.step};
    if (!IS_SANITIZED && p.count < PROGRAM_MOST && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0) {
        (void)prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter, 0, 0);
    }
}

/* ---- Descriptors, signals, limits */

static void close_from(int first)
{
#ifdef SYS_close_range
    if (syscall(SYS_close_range, (unsigned)first, ~0U, 0) == 0) {
        return;
    }
#endif
    enum { MOST = 1 << 16 };
    const long open_most = sysconf(_SC_OPEN_MAX);
    const int end = open_most < 0 || open_most > MOST ? MOST : (int)open_most;
    for (int fd = first; fd < end; fd++) {
        close(fd);
    }
}

/* The socket becomes 3, the standard descriptors lead nowhere, the others are closed. */
static alm_status keep_descriptor(int *fd)
{
    const int high = fcntl(*fd, F_DUPFD, 10); /* out of the way of what follows */
    if (high < 0) {
        return alm_fail(ALM_STATUS_MEMORY, "the reader's socket: %s", strerror(errno));
    }
    /* A sanitizer reports on stderr. */
    const int last = IS_SANITIZED ? STDOUT_FILENO : STDERR_FILENO;
    close(3);
    const int nowhere = open("/dev/null", O_RDWR);
    for (int i = 0; i <= last && nowhere >= 0; i++) {
        if (nowhere != i) {
            dup2(nowhere, i);
        }
    }
    if (dup2(high, 3) < 0) {
        return alm_fail(ALM_STATUS_MEMORY, "the reader's socket: %s", strerror(errno));
    }
    close_from(4);
    *fd = 3;
    return ALM_OK;
}

/* Of the process that was forked; a signal that stops the parent's work by way of the terminal or
 * the process group is the parent's to handle, and the socket closes when the parent ends. */
static void reset_signals(void)
{
    static const int ignored[] = {SIGINT, SIGQUIT, SIGHUP, SIGTERM, SIGPIPE};
    struct sigaction action = {.sa_handler = SIG_DFL};
    for (int i = 1; i < 32; i++) {
        if (i != SIGKILL && i != SIGSTOP && !(IS_SANITIZED && (i == SIGSEGV || i == SIGBUS))) {
            sigaction(i, &action, NULL);
        }
    }
    action.sa_handler = SIG_IGN;
    for (size_t i = 0; i < sizeof ignored / sizeof ignored[0]; i++) {
        sigaction(ignored[i], &action, NULL);
    }
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
}

/* Bytes of address space that this process has: it was forked from one that may have mapped a model
 * and a GPU. */
static size_t own_bytes(void)
{
    char text[64] = "";
    const int fd = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
    const ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof text - 1);
    if (fd >= 0) {
        close(fd);
    }
    size_t pages = 0;
    for (ssize_t i = 0; i < n && text[i] >= '0' && text[i] <= '9'; i++) {
        pages = 10 * pages + (size_t)(text[i] - '0');
    }
    return pages * (size_t)sysconf(_SC_PAGESIZE);
}

static alm_status limit_memory(size_t memory_bytes)
{
    const size_t own = own_bytes();
    size_t most;
    if (own == 0) {
        return alm_fail(ALM_STATUS_MEMORY, "the reader's memory limit: /proc/self/statm cannot be "
                                           "read");
    }
    ALM_TRY(alm_add_size(own, memory_bytes, "the reader's memory limit", &most));
    struct rlimit limit;
    if (getrlimit(RLIMIT_AS, &limit) == 0 &&
        (limit.rlim_max == RLIM_INFINITY || most < limit.rlim_max)) {
        limit.rlim_cur = limit.rlim_max = most;
        if (setrlimit(RLIMIT_AS, &limit) != 0) {
            return alm_fail(ALM_STATUS_MEMORY, "the reader's memory limit: %s", strerror(errno));
        }
    }
    return ALM_OK;
}

alm_status almi_sandbox_enter(int *fd, size_t memory_bytes)
{
    static const struct rlimit none = {0, 0};
    reset_signals();
    (void)prctl(PR_SET_NAME, "assemlm-hdf5", 0, 0, 0);
    ALM_TRY(keep_descriptor(fd));
    setrlimit(RLIMIT_CORE, &none);
    setrlimit(RLIMIT_FSIZE, &none);
    if (!IS_SANITIZED) {
        ALM_TRY(limit_memory(memory_bytes));
    }
    filter_calls(true);
    return ALM_OK;
}

void almi_sandbox_close(void)
{
    filter_calls(false);
}
