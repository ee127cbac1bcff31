/* Forking the reader, and a socket that is never waited for without a limit. */
#include "runtime/input/dataset_link.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "kernels/core/memory.h"
#include "runtime/clock.h"

enum {
    SLICE_MS = 1000,      /* of waiting; see wait_for */
    SEND_BYTES = 1 << 20, /* answers that the child can be ahead by */
    LAST_BREATH_MS = 200  /* a child that closed its socket has to end by itself */
};

/* ---- Starting and ending */

/* The pair, ours not among the standard descriptors: a host that has closed those may write to
 * them. */
static alm_status make_sockets(int fd[2])
{
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fd) != 0) {
        return alm_fail(ALM_STATUS_MEMORY, "a reader's socket: %s", strerror(errno));
    }
    if (fd[0] <= STDERR_FILENO) {
        const int moved = fcntl(fd[0], F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
        const int error = errno;
        close(fd[0]);
        if (moved < 0) {
            close(fd[1]);
            return alm_fail(ALM_STATUS_MEMORY, "a reader's socket: %s", strerror(error));
        }
        fd[0] = moved;
    }
    /* Less room only means less reading ahead. */
    const int room = SEND_BYTES;
    (void)setsockopt(fd[1], SOL_SOCKET, SO_SNDBUF, &room, sizeof room);
    return ALM_OK;
}

alm_status almi_link_start(almi_link *link, almi_child *child)
{
    int fd[2];
    sigset_t all, before;
    ALM_TRY(make_sockets(fd));
    child->fd = fd[1];
    /* No handler of the host may run in the child, where it would act on the host's pipes. */
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    const pid_t pid = fork();
    if (pid == 0) {
        almi_dataset_child(child);
    }
    const int error = errno;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    close(fd[1]);
    if (pid < 0) {
        close(fd[0]);
        return alm_fail(ALM_STATUS_MEMORY, "a process to read a file: %s", strerror(error));
    }
    link->pid = (int)pid;
    link->fd = fd[0];
    link->children++;
    link->in_at = link->in_end = link->out_at = link->out_end = 0;
    return ALM_OK;
}

static const char *signal_name(int number)
{
    switch (number) {
    case SIGSEGV: return " (SIGSEGV)";
    case SIGBUS: return " (SIGBUS)";
    case SIGABRT: return " (SIGABRT)";
    case SIGFPE: return " (SIGFPE)";
    case SIGILL: return " (SIGILL)";
    case SIGKILL: return " (SIGKILL)";
    case SIGALRM: return " (SIGALRM)";
    default: return "";
    }
}

/* Whether the child has ended by itself, within a moment. */
static bool await_end(int pid, int *status)
{
    static const struct timespec pause = {0, 1000000};
    for (int ms = 0; ms < LAST_BREATH_MS; ms++) {
        const pid_t ended = waitpid(pid, status, WNOHANG);
        if (ended == pid) {
            return true;
        }
        if (ended < 0 && errno != EINTR) {
            return false; /* the host takes its children's ends itself */
        }
        nanosleep(&pause, NULL);
    }
    return false;
}

void almi_link_stop(almi_link *link, char how[ALMI_DEATH_BYTES])
{
    if (link->pid == 0) {
        return;
    }
    int status = 0;
    const bool ended = how && await_end(link->pid, &status);
    if (how) {
        snprintf(how, ALMI_DEATH_BYTES, "%s", "stopped answering");
    }
    if (ended && WIFSIGNALED(status)) {
        snprintf(how, ALMI_DEATH_BYTES, "was killed by signal %d%s", WTERMSIG(status),
                 signal_name(WTERMSIG(status)));
    } else if (ended) {
        snprintf(how, ALMI_DEATH_BYTES, "ended with code %d", WEXITSTATUS(status));
    }
    close(link->fd);
    if (!ended) {
        kill(link->pid, SIGKILL);
        while (waitpid(link->pid, &status, 0) < 0 && errno == EINTR) {
        }
    }
    link->pid = 0;
    link->in_at = link->in_end = link->out_at = link->out_end = 0;
}

void almi_link_free(almi_link *link)
{
    almi_link_stop(link, NULL);
    alm_free(link->out);
    link->out = NULL;
    link->out_room = 0;
}

/* ---- The stream */

/* What the socket takes now. A lost child shows when its answer is waited for. */
static void flush(almi_link *link)
{
    while (link->out_at < link->out_end) {
        const ssize_t sent = send(link->fd, link->out + link->out_at, link->out_end - link->out_at,
                                  MSG_NOSIGNAL | MSG_DONTWAIT);
        if (sent > 0) {
            link->out_at += (size_t)sent;
        } else if (sent == 0 || errno != EINTR) {
            return;
        }
    }
    link->out_at = link->out_end = 0;
}

alm_status almi_link_send(almi_link *link, const almi_request *request, const char *text)
{
    const size_t bytes = sizeof *request + request->bytes;
    ALM_TRY(alm_reserve(link->out_end + bytes, 1, "requests", &link->out, &link->out_room));
    memcpy(link->out + link->out_end, request, sizeof *request);
    memcpy(link->out + link->out_end + sizeof *request, text, request->bytes);
    link->out_end += bytes;
    flush(link);
    return ALM_OK;
}

/* Until there is something to read, or a slice of time is over. Time is counted in slices, so that
 * one in which this process was stopped, and its child with it, counts as one slice and not as the
 * night it lasted. */
static void wait_for(almi_link *link, int *left_ms)
{
    const int slice = *left_ms < SLICE_MS ? *left_ms : SLICE_MS;
    const short sending = link->out_at < link->out_end ? POLLOUT : 0;
    struct pollfd p = {.fd = link->fd, .events = (short)(POLLIN | sending)};
    const double begin = alm_now_ms();
    (void)poll(&p, 1, slice); /* an error is met again by recv */
    const double spent = alm_now_ms() - begin;
    *left_ms -= spent < slice ? (int)spent : slice;
    if (p.revents & POLLOUT) {
        flush(link);
    }
}

/* Some bytes, at least 1 and at most `bytes`, to `to`. */
static almi_outcome receive(almi_link *link, void *to, size_t bytes, int *left_ms, size_t *got)
{
    for (;;) {
        const ssize_t n = recv(link->fd, to, bytes, MSG_DONTWAIT);
        if (n > 0) {
            *got = (size_t)n;
            return ALMI_DONE;
        }
        if (n == 0 || (errno != EINTR && errno != EAGAIN && errno != EWOULDBLOCK)) {
            return ALMI_DEAD;
        }
        if (errno == EINTR) {
            continue;
        }
        if (*left_ms <= 0) {
            return ALMI_LATE;
        }
        wait_for(link, left_ms);
    }
}

almi_outcome almi_link_get(almi_link *link, void *out, size_t bytes, int *left_ms)
{
    uint8_t *to = out;
    size_t got;
    while (bytes > 0) {
        size_t here = link->in_end - link->in_at;
        if (here == 0 && bytes >= sizeof link->in) {
            const almi_outcome outcome = receive(link, to, bytes, left_ms, &got);
            if (outcome != ALMI_DONE) {
                return outcome;
            }
            to += got;
            bytes -= got;
            continue;
        }
        if (here == 0) {
            const almi_outcome outcome = receive(link, link->in, sizeof link->in, left_ms, &here);
            if (outcome != ALMI_DONE) {
                return outcome;
            }
            link->in_at = 0;
            link->in_end = here;
        }
        const size_t n = here < bytes ? here : bytes;
        memcpy(to, link->in + link->in_at, n);
        link->in_at += n;
        to += n;
        bytes -= n;
    }
    return ALMI_DONE;
}
