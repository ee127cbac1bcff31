/* Reports on evaluated samples, beyond what the reference writes: intervals, symmetric errors, per
 * category, distributions, worst samples with pictures. And the comparison of two runs, and the
 * time and memory of a run.
 *
 * The same rows give the same bytes, in whatever order their sets are given (pictures are PNG files
 * whose compression is that of the zlib in use). Every file appears whole or not at all; files of
 * an earlier report are replaced. Rows are visited twice at most and not kept: 72 bytes a row of
 * the largest dataset and split while it is read, 136 bytes a sample of every dataset and split.
 */
#ifndef ALM_RUNTIME_EVAL_REPORT_H
#define ALM_RUNTIME_EVAL_REPORT_H

#include <stdbool.h>
#include <stdint.h>

#include "runtime/eval/row.h"

enum {
    ALM_REPORT_JSON = 1,  /* report.json: every number */
    ALM_REPORT_CSV = 2,   /* samples.csv: a line a row; summary.csv: a line a mean */
    ALM_REPORT_MD = 4,    /* report.md, and the pictures it shows in report_pictures/ */
    ALM_REPORT_TEX = 8,   /* report.tex: tables to \input, without packages */
    ALM_REPORT_HTML = 16, /* report.html: self-contained */
    ALM_REPORT_ALL = 31
};

enum { ALM_REPORT_WORST = 12, ALM_REPORT_WORST_MOST = 1000 };

/* What a picture of a sample needs besides its row. */
typedef struct alm_report_scene {
    const float *fixed;  /* [fixed_count, 3] */
    const float *moving; /* [moving_count, 3], as the network got it (turned at random) */
    int64_t fixed_count, moving_count;
    struct {
        const uint8_t *rgb; /* [height, width, 3]; NULL: no page */
        int width, height;
    } page[2]; /* before, after */
} alm_report_scene;

/* Fills *out for a row of a set; what it points to stays until the next call. ALM_STATUS_SAMPLE:
 * there is no scene, the sample is shown without a picture; other failures end the report. */
typedef alm_status alm_report_scene_fn(void *context, const alm_eval_set *set,
                                       const alm_eval_row *row, alm_report_scene *out);

/* Zero is a good value of everything but `folder`. */
typedef struct alm_report_options {
    const char *folder;                                     /* exists */
    const char *model, *ckpt_path, *run_timestamp, *engine; /* NULL: not said */
    unsigned formats;                                       /* ALM_REPORT_*; 0: all */
    int worst;                  /* a dataset and split; 0: ALM_REPORT_WORST, -1: none */
    int resamples;              /* 0: 10,000 */
    uint64_t seed;              /* of the bootstrap */
    int threads;                /* 0: all cores; the numbers do not depend on it */
    alm_report_scene_fn *scene; /* NULL: no pictures */
    void *scene_context;
} alm_report_options;

/* Writes the report of the sets (of one run: one model). Errors: ALM_STATUS_USAGE (options),
 * ALM_STATUS_CHECK (a set or an idx twice, one idx with two assets), ALM_STATUS_OUTPUT,
 * ALM_STATUS_MEMORY, those of the callbacks. */
alm_status alm_report_write(const alm_eval_set *sets, int count, const alm_report_options *options);

/* Compares two runs on the rows that both have: the same dataset, split, seed, idx and asset.
 * Differences are B − A. Writes compare.json, compare.md, compare.html (formats as above; worst is
 * the number of samples that are listed as most different). What one run alone has is counted and
 * the first 20 of each split are named. Errors as above. */
alm_status alm_compare_write(const alm_eval_set *sets_a, int count_a, const char *name_a,
                             const alm_eval_set *sets_b, int count_b, const char *name_b,
                             const alm_report_options *options);

/* ---- Time and memory: what differs from run to run has a file of its own */

/* Counts values in buckets that are 1/64 of an octave wide: constant memory, quantiles within
 * 0.8 %. Zero-initialise. */
enum { ALM_TALLY_PARTS = 64, ALM_TALLY_BUCKETS = 64 * ALM_TALLY_PARTS };
typedef struct alm_tally {
    int64_t count;
    double sum, least, most;
    int64_t bucket[ALM_TALLY_BUCKETS];
} alm_tally;

/* value: at least 0, in whole units of 1 (microseconds, bytes). */
void alm_tally_add(alm_tally *tally, uint64_t value);
/* The middle of the bucket of the smallest value that share q does not exceed; 0 without values. */
double alm_tally_quantile(const alm_tally *tally, double q);

typedef struct alm_report_stage {
    const char *name;       /* "read", "draw", "network", "metrics", ... */
    const char *unit;       /* "us" or "bytes" */
    const alm_tally *tally; /* a value a sample */
} alm_report_stage;

typedef struct alm_report_timing {
    const char *device; /* in words; NULL: not said */
    double wall_s;
    int64_t samples;           /* that were evaluated in this time */
    uint64_t peak_rss_bytes;   /* of the process; 0: not known */
    uint64_t peak_child_bytes, /* of the reader process, of the device; likewise */
        peak_device_bytes;
    const alm_report_stage *stages; /* in order */
    int stage_count;
} alm_report_timing;

/* JSON: samples a second; for each stage count, mean, median, 95th percentile, least, most. */
alm_status alm_report_timing_write(const char *path, const alm_report_timing *timing);

#endif
