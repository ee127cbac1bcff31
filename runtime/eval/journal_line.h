/* One line of a journal (journal.h). */
#ifndef ALM_RUNTIME_EVAL_JOURNAL_LINE_H
#define ALM_RUNTIME_EVAL_JOURNAL_LINE_H

#include "runtime/eval/journal.h"

enum {
    ALM_JOURNAL_SUM = 9,        /* the sum and its blank */
    ALM_JOURNAL_LINE = 32 << 20 /* the longest */
};

/* Appends the sum, the object and a line end. */
void alm_journal_line(alm_buffer *out, const char *object, size_t bytes);
void alm_journal_entry_line(alm_buffer *out, alm_buffer *scratch, const alm_journal_entry *entry);

/* The object of the line that starts at `at`; *next is behind its end. False: cut short, or it does
 * not fit its sum. */
bool alm_journal_object(const char *at, const char *end, const char **object, size_t *bytes,
                        const char **next);

/* Reads an object; its texts go to *text, which grows. Error: ALM_STATUS_USAGE, ALM_STATUS_MEMORY.
 */
alm_status alm_journal_entry_read(const char *file, const char *object, size_t bytes, char **text,
                                  size_t *capacity, alm_journal_entry *out);

#endif
