/* The journal of an evaluation: every finished sample is a line that is appended and never changed,
 * so that a run that was killed goes on where it was.
 *
 * A line is the CRC-32 of what follows in eight hexadecimal digits, a blank, a JSON object. The
 * first says which plan and shard the journal belongs to; the others hold a row each, its float32
 * numbers as the bits they are. What follows the first line that is cut short or does not fit its
 * sum is not believed and is cut off when the run goes on: those samples are evaluated again.
 */
#ifndef ALM_RUNTIME_EVAL_JOURNAL_H
#define ALM_RUNTIME_EVAL_JOURNAL_H

#include <stddef.h>

#include "runtime/eval/row.h"
#include "runtime/input/file_map.h"
#include "runtime/output/buffer.h"

typedef struct alm_journal_entry {
    int set;    /* of the plan */
    int64_t at; /* its place in selected order */
    alm_eval_row row;
    float pose[9]; /* what the model said, whatever it is; zeros when there is none */
    float ms;      /* what the sample took; 0: not measured */
} alm_journal_entry;

/* What a visitor gets: where the line is, and what it holds; texts stay until the next line. */
typedef alm_status alm_journal_visit_fn(void *context, size_t offset,
                                        const alm_journal_entry *entry);

/* ---- Writing: one process a journal. ---- */

typedef struct alm_journal alm_journal;

/* begins: the JSON object of the first line. A journal that exists is refused unless `resume`; then
 * its first line must be the same, visit (NULL: nobody) sees its rows, and it is cut behind its
 * last good line. Errors: ALM_STATUS_OUTPUT; ALM_STATUS_USAGE: another run's journal; another
 * process writes it; of visit. */
alm_status alm_journal_open(const char *path, const char *begins, bool resume,
                            alm_journal_visit_fn *visit, void *context, alm_journal **out);
/* Appends in memory; the file gets it with the next flush. */
alm_status alm_journal_add(alm_journal *journal, const alm_journal_entry *entry);
/* To the file, and with `sync` to the disk. */
alm_status alm_journal_flush(alm_journal *journal, bool sync);
/* NULL is accepted. What was not flushed is lost. */
void alm_journal_close(alm_journal *journal);

/* ---- Reading ---- */

typedef struct alm_journal_map {
    const char *path; /* borrowed */
    alm_file_map map;
    char *text; /* of the entry that was read last */
    size_t capacity;
    size_t touched; /* bytes that were read since the memory was given back */
} alm_journal_map;

/* begins: as above; NULL: not compared. *good: bytes up to the first line that is not good, which
 * is no error here. Errors: ALM_STATUS_USAGE: another run's journal; of visit. */
alm_status alm_journal_scan(const char *path, const char *begins, alm_journal_visit_fn *visit,
                            void *context, size_t *good);

alm_status alm_journal_map_open(const char *path, alm_journal_map *out);
void alm_journal_map_close(alm_journal_map *map); /* resets it */
/* The entry whose line starts at `offset`. Error: ALM_STATUS_USAGE: no good line starts there. */
alm_status alm_journal_map_read(alm_journal_map *map, size_t offset, alm_journal_entry *out);

#endif
