/* Lines, progress and output files of the program. */
#include "tools/console.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "tools/cli.h"

static bool is_quiet;

void console_init(void)
{
    /* Opened the wrong way round: reading the one and writing to the others fails. */
    static const int mode[3] = {O_WRONLY, O_RDONLY, O_RDONLY};
    for (int fd = 0; fd < 3; fd++) {
        if (fcntl(fd, F_GETFD) < 0 && errno == EBADF) {
            /* The lowest free number is fd itself, because those below are open by now. */
            (void)!open("/dev/null", mode[fd]);
        }
    }
    struct sigaction ignore = {.sa_handler = SIG_IGN};
    sigaction(SIGPIPE, &ignore, NULL);
}

void console_quiet(bool quiet)
{
    is_quiet = quiet;
}

/* ---- Lines for people */

static pthread_mutex_t console_lock = PTHREAD_MUTEX_INITIALIZER;
static bool line_is_open; /* a progress line stands on the terminal */

/* Under the lock. */
static void clear_line(void)
{
    if (line_is_open) {
        fputs("\r\033[K", stderr);
        line_is_open = false;
    }
}

static void print_line(const char *before, const char *format, va_list args)
{
    char text[2048];
    vsnprintf(text, sizeof text, format, args);
    for (char *c = text; *c; c++) {
        if ((unsigned char)*c < 0x20 || *c == 0x7F) {
            *c = '?';
        }
    }
    pthread_mutex_lock(&console_lock);
    clear_line();
    fprintf(stderr, "assemlm%s: %s\n", before, text);
    pthread_mutex_unlock(&console_lock);
}

void console_errorv(const char *before, const char *format, va_list args)
{
    print_line(before, format, args);
}

void console_error(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    print_line("", format, args);
    va_end(args);
}

void console_note(const char *format, ...)
{
    if (is_quiet) {
        return;
    }
    va_list args;
    va_start(args, format);
    print_line("", format, args);
    va_end(args);
}

alm_status console_report(alm_status status)
{
    if (status != ALM_OK) {
        const char *text = alm_error_message();
        const char *param = alm_error_param();
        /* The input at fault stands in front unless the text begins with it. */
        const bool names_it = !param[0] || strncmp(text, param, strlen(param)) == 0;
        console_error("%s%s%s", names_it ? "" : param, names_it ? "" : ": ",
                      text[0] ? text : alm_status_name(status));
    }
    return status;
}

/* ---- Progress */

static struct {
    bool is_running, has_begun, stop, is_terminal;
    pthread_t thread;
    pthread_cond_t wake, begun;
    struct timespec start;
    const char *what, *unit;
    int64_t done, total, failed;
} progress = {.wake = PTHREAD_COND_INITIALIZER, .begun = PTHREAD_COND_INITIALIZER};

static double seconds_since(const struct timespec *start)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)(now.tv_sec - start->tv_sec) + 1e-9 * (double)(now.tv_nsec - start->tv_nsec);
}

/* Under the lock. */
static void print_progress(void)
{
    const double seconds = seconds_since(&progress.start);
    char text[160];
    int n = snprintf(text, sizeof text, "%s: ", progress.what);
    if (progress.done > 0) {
        const double rate = (double)progress.done / seconds;
        n += snprintf(text + n, sizeof text - (size_t)n, "%lld", (long long)progress.done);
        if (progress.total > 0) {
            n += snprintf(text + n, sizeof text - (size_t)n, "/%lld", (long long)progress.total);
        }
        n += snprintf(text + n, sizeof text - (size_t)n, " %s, %.1f/s", progress.unit, rate);
        if (progress.total > progress.done) {
            n += snprintf(text + n, sizeof text - (size_t)n, ", %.0f s left",
                          (double)(progress.total - progress.done) / rate);
        }
        if (progress.failed >= 0) {
            n += snprintf(text + n, sizeof text - (size_t)n, ", %lld failed",
                          (long long)progress.failed);
        }
    } else {
        n += snprintf(text + n, sizeof text - (size_t)n, "%.0f s", seconds);
    }
    (void)n;
    if (progress.is_terminal) {
        fprintf(stderr, "\r\033[K%s", text);
        line_is_open = true;
        fflush(stderr);
    } else {
        fprintf(stderr, "assemlm: %s\n", text);
    }
}

static void *progress_main(void *unused)
{
    (void)unused;
    prctl(PR_SET_NAME, "assemlm-show");
    /* A terminal sees the first line after a second and then four a second; a log one every 5 s. */
    double next = progress.is_terminal ? 1.0 : 5.0;
    pthread_mutex_lock(&console_lock);
    progress.has_begun = true;
    pthread_cond_signal(&progress.begun);
    while (!progress.stop) {
        struct timespec until;
        clock_gettime(CLOCK_REALTIME, &until);
        const double wait = next - seconds_since(&progress.start);
        const int64_t ns = until.tv_nsec + (wait > 0 ? (int64_t)(wait * 1e9) : 0);
        until.tv_sec += (time_t)(ns / 1000000000);
        until.tv_nsec = (long)(ns % 1000000000);
        pthread_cond_timedwait(&progress.wake, &console_lock, &until);
        if (!progress.stop && seconds_since(&progress.start) >= next) {
            print_progress();
            next += progress.is_terminal ? 0.25 : 5.0;
        }
    }
    pthread_mutex_unlock(&console_lock);
    return NULL;
}

void console_progress_begin(const char *what)
{
    if (is_quiet || progress.is_running) {
        return;
    }
    const char *term = cli_environment("TERM");
    progress.is_terminal = isatty(STDERR_FILENO) == 1 && term && strcmp(term, "dumb") != 0;
    progress.what = what;
    progress.unit = "";
    progress.done = progress.total = 0;
    progress.failed = -1;
    progress.stop = false;
    clock_gettime(CLOCK_MONOTONIC, &progress.start);
    /* Without a thread there is no progress to see, and that is all. */
    progress.has_begun = false;
    progress.is_running = pthread_create(&progress.thread, NULL, progress_main, NULL) == 0;
    /* Data files are read in processes of their own. A fork while a thread starts leaves the lock
     * of AddressSanitizer's allocator locked in the child (glibc's own allocator takes care). */
    pthread_mutex_lock(&console_lock);
    while (progress.is_running && !progress.has_begun) {
        pthread_cond_wait(&progress.begun, &console_lock);
    }
    pthread_mutex_unlock(&console_lock);
}

void console_progress(int64_t done, int64_t total, int64_t failed, const char *unit)
{
    pthread_mutex_lock(&console_lock);
    progress.done = done;
    progress.total = total;
    progress.failed = failed;
    progress.unit = unit;
    pthread_mutex_unlock(&console_lock);
}

void console_progress_end(void)
{
    if (!progress.is_running) {
        return;
    }
    pthread_mutex_lock(&console_lock);
    progress.stop = true;
    pthread_cond_signal(&progress.wake);
    pthread_mutex_unlock(&console_lock);
    pthread_join(progress.thread, NULL);
    progress.is_running = false;
    pthread_mutex_lock(&console_lock);
    clear_line();
    pthread_mutex_unlock(&console_lock);
}

/* ---- Output */

/* Whether writing to the path would replace something. Devices and pipes take what comes. */
static bool would_replace(const char *path)
{
    struct stat info;
    return lstat(path, &info) == 0 && !S_ISCHR(info.st_mode) && !S_ISFIFO(info.st_mode);
}

alm_status console_refuse_existing(const char *path, bool force)
{
    if (path && strcmp(path, "-") != 0 && !force && would_replace(path)) {
        console_error("%s: exists; --force replaces it", path);
        return ALM_STATUS_OUTPUT;
    }
    return ALM_OK;
}

static alm_status output_failed(console_output *out)
{
    if (!out->failed) {
        console_error("%s: cannot be written: %s", out->path, strerror(errno));
        out->failed = true;
    }
    return ALM_STATUS_OUTPUT;
}

alm_status console_output_open(const char *path, bool force, console_output *out)
{
    *out = (console_output){.file = stdout, .path = "stdout", .force = force};
    if (!path || strcmp(path, "-") == 0) {
        return ALM_OK;
    }
    ALM_TRY(console_refuse_existing(path, force));
    out->path = path;
    struct stat info;
    if (lstat(path, &info) == 0 && (S_ISCHR(info.st_mode) || S_ISFIFO(info.st_mode))) {
        out->file = fopen(path, "w");
        return out->file ? ALM_OK : output_failed(out);
    }
    const size_t bytes = strlen(path) + sizeof ".XXXXXX";
    out->temporary = malloc(bytes);
    if (!out->temporary) {
        console_error("out of memory");
        return ALM_STATUS_MEMORY;
    }
    snprintf(out->temporary, bytes, "%s.XXXXXX", path);
    const int fd = mkstemp(out->temporary);
    out->file = fd < 0 ? NULL : fdopen(fd, "w");
    if (!out->file) {
        const alm_status status = output_failed(out);
        if (fd >= 0) {
            close(fd);
            unlink(out->temporary);
        }
        free(out->temporary);
        out->temporary = NULL;
        return status;
    }
    /* mkstemp gives 0600; a result is as readable as any other new file. */
    const mode_t mask = umask(0);
    umask(mask);
    fchmod(fd, 0666 & ~mask);
    return ALM_OK;
}

int console_output_write(void *output, const char *text, size_t bytes)
{
    console_output *out = output;
    if (out->failed) {
        return 1;
    }
    /* A progress line may stand where the result is about to be printed. */
    pthread_mutex_lock(&console_lock);
    clear_line();
    const bool is_written = fwrite(text, 1, bytes, out->file) == bytes && fflush(out->file) == 0;
    const int error = errno;
    pthread_mutex_unlock(&console_lock);
    if (!is_written) {
        errno = error;
        output_failed(out);
        return 1;
    }
    return 0;
}

/* Gives the finished file its name. Without force, link() makes sure that nothing that came up
 * meanwhile is replaced. */
static int move_in_place(const console_output *out)
{
    if (!out->force && link(out->temporary, out->path) == 0) {
        return unlink(out->temporary);
    }
    if (!out->force && errno == EEXIST) {
        return -1;
    }
    return rename(out->temporary, out->path);
}

alm_status console_output_close(console_output *out, bool keep, alm_status status)
{
    if (out->file == stdout) {
        if (fflush(stdout) != 0) {
            output_failed(out);
        }
    } else if (out->file) {
        const bool synced = !out->temporary || !keep || fsync(fileno(out->file)) == 0;
        if (fclose(out->file) != 0 || !synced) {
            output_failed(out);
        }
        if (out->temporary) {
            if (keep && !out->failed && move_in_place(out) != 0) {
                output_failed(out);
            }
            if (!keep || out->failed) {
                unlink(out->temporary);
            }
        }
    }
    free(out->temporary);
    const bool failed = out->failed;
    *out = (console_output){0};
    if (failed) {
        return ALM_STATUS_OUTPUT;
    }
    return console_report(status);
}
