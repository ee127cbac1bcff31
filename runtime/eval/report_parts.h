/* What the files of a report share (report.h). */
#ifndef ALM_RUNTIME_EVAL_REPORT_PARTS_H
#define ALM_RUNTIME_EVAL_REPORT_PARTS_H

#include "kernels/core/parallel.h"
#include "runtime/eval/report.h"
#include "runtime/eval/report_rows.h"
#include "runtime/eval/report_summary.h"
#include "runtime/eval/report_table.h"
#include "runtime/output/buffer.h"

enum { ALMI_CATEGORIES_MOST = 10000, ALMI_CATEGORIES_SHOWN = 60 };

/* The groups of one split, which lie together. */
typedef struct almi_split {
    const char *split;
    int first, count;
    alm_estimate micro[ALMI_MEASURES], macro[ALMI_MEASURES];
    double sum[ALM_SUMS];
    int resamples;
} almi_split;

typedef struct almi_report_group {
    const almi_group *group;
    almi_summary summary;
    double sum[ALM_SUMS];
    alm_estimate estimate[ALMI_MEASURES];
    alm_spread seeds[ALMI_MEASURES];         /* of the means of each seed */
    alm_estimate (*category)[ALMI_MEASURES]; /* [categories]; NULL: too many */
} almi_report_group;

/* A sample that is shown, with its picture. */
typedef struct almi_card {
    int group;
    bool typical;
    int number; /* from 1, in its list */
    almi_example example;
    size_t picture, picture_bytes; /* in almi_report.pictures; 0 bytes: none */
} almi_card;

typedef struct almi_report {
    const alm_report_options *options;
    alm_pool *pool;
    almi_groups groups;
    almi_report_group *group; /* [groups.count] */
    almi_split *split;        /* [splits] */
    int splits;
    almi_card *card;
    int64_t cards;
    alm_buffer pictures; /* PNG files one after another */
} almi_report;

/* What to name a stream of random numbers for a category. */
uint64_t almi_category_key(const almi_group *group, int32_t category);

/* report_picture.c: appends the PNG of a sample: pages, and the overlay from two sides. */
alm_status almi_picture_draw(const alm_report_scene *scene, const alm_eval_row *row,
                             alm_buffer *out);

/* report_tables.c: the tables that all formats share. */
typedef struct almi_tables {
    almi_table results, symmetry, distribution, seeds, failures;
    almi_table *categories; /* [groups] */
    int count;
} almi_tables;
alm_status almi_tables_create(const almi_report *report, almi_tables *out);
void almi_tables_free(almi_tables *tables);

/* "test/bias" and the like for human eyes: dataset, blank, split. */
void almi_put_group_html(alm_buffer *out, const almi_group *group);

/* Each writes one document into a buffer. */
void almi_report_json(const almi_report *report, alm_buffer *out);
void almi_report_summary_csv(const almi_report *report, alm_buffer *out);
alm_status almi_report_html(const almi_report *report, const almi_tables *tables, alm_buffer *out);
alm_status almi_report_markdown(const almi_report *report, const almi_tables *tables,
                                alm_buffer *out);
void almi_report_latex(const almi_report *report, const almi_tables *tables, alm_buffer *out);

/* report_json.c: pieces of JSON, one blank a level. */
void almi_json_line(alm_buffer *out, int level);
void almi_json_key(alm_buffer *out, int level, bool first, const char *key);
void almi_json_text(alm_buffer *out, int level, bool first, const char *key, const char *text);
void almi_json_whole(alm_buffer *out, int level, bool first, const char *key, int64_t value);
/* `, "key": value`; null when not finite. */
void almi_json_pair(alm_buffer *out, const char *key, double value);
/* The members of an object. */
void almi_json_estimate(alm_buffer *out, const alm_estimate *estimate);

/* report.c: a whole file of the folder; a failure of the text is one. */
alm_status almi_write_named(const char *folder, const char *name, const alm_buffer *text);
alm_status almi_check_options(const alm_report_options *options);

/* report_csv.c: the line of a row, and the head before the first. */
void almi_csv_head(alm_buffer *out);
void almi_csv_row(alm_buffer *out, const alm_eval_set *set, const alm_eval_row *row);

/* report_method.c: formulas and sources, a paragraph each: title and text, plain ASCII. */
typedef struct almi_method {
    const char *title, *text;
} almi_method;
extern const almi_method almi_methods[];
extern const int almi_method_count;
extern const almi_method almi_compare_methods[];
extern const int almi_compare_method_count;

/* report_html.c: begin and end of a self-contained page. */
void almi_html_begin(alm_buffer *out, const char *title);
void almi_html_end(alm_buffer *out);
void almi_html_methods(alm_buffer *out, const almi_method *methods, int count);

/* The file name of a card's picture below the folder, into text of 64 bytes. */
void almi_card_file(const almi_report *report, const almi_card *card, char text[64]);

#endif
