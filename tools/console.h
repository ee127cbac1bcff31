/* What the program says and writes: lines for people on stderr, progress, results to stdout or to a
 * file.
 *
 * Text that comes from files or arguments loses its control characters before it reaches a
 * terminal. A file is written under a temporary name and renamed when it is complete; one that
 * exists is refused without --force.
 */
#ifndef ALM_TOOLS_CONSOLE_H
#define ALM_TOOLS_CONSOLE_H

#include <stdbool.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>

#include "runtime/assemlm.h"

/* Closed standard descriptors become ones that fail, so that no file of ours takes their place; a
 * closed pipe is an error of the write, not a signal. */
void console_init(void);

/* --quiet: no notes and no progress; errors are always said. */
void console_quiet(bool quiet);

/* "assemlm: <text>" on stderr. */
void console_error(const char *format, ...) ALM_PRINTF(1, 2);
void console_note(const char *format, ...) ALM_PRINTF(1, 2);
void console_errorv(const char *before, const char *format, va_list args);

/* Says this thread's last library error; returns its status. */
alm_status console_report(alm_status status);

/* ---- Progress: on a terminal a line that changes, elsewhere a line every five seconds, and
 * nothing for what takes less than a second. One at a time. */
void console_progress_begin(const char *what);
/* failed < 0: not counted; total 0: not known. unit: "MB", "samples". Any thread. */
void console_progress(int64_t done, int64_t total, int64_t failed, const char *unit);
void console_progress_end(void);

/* ---- Output */
typedef struct console_output {
    FILE *file;
    const char *path; /* as the user gave it; "stdout" */
    char *temporary;  /* NULL: written directly (stdout, a device, a pipe) */
    bool force;
    bool failed; /* and said so */
} console_output;

/* path NULL or "-": stdout. Error: ALM_STATUS_OUTPUT, said. */
alm_status console_output_open(const char *path, bool force, console_output *out);
/* An alm_write_fn with a console_output as context; every call reaches the file. */
int console_output_write(void *output, const char *text, size_t bytes);
/* Completes (keep) or drops the file. status: what happened so far; the first failure is returned.
 * Says the library's error unless the write was what failed. */
alm_status console_output_close(console_output *out, bool keep, alm_status status);

/* ALM_STATUS_OUTPUT, said, when a file (or anything but a device or a pipe) is there and not force.
 */
alm_status console_refuse_existing(const char *path, bool force);

#endif
