#include "runtime/eval/compare_runs.h"

#include <math.h>
#include <string.h>

#include "kernels/core/memory.h"
#include "runtime/eval/finish.h"
#include "runtime/eval/found.h"
#include "runtime/eval/report.h"
#include "runtime/eval/results_read.h"
#include "runtime/eval/run_folder.h"
#include "runtime/eval/run_reports.h"

/* The rows of a results file, kept: what comparisons need of them. */
typedef struct kept_row {
    alm_eval_row row; /* its texts are offsets, below */
    size_t asset, category, error;
} kept_row;

typedef struct kept {
    kept_row *row;
    size_t count, capacity;
    alm_buffer text;
} kept;

/* One side: its sets, and where their rows are. */
typedef struct side {
    alm_eval_plan plan;
    alm_eval_rows rows;
    bool has_plan, has_rows;
    alm_found found;
    kept *kept;        /* [found.count] */
    alm_eval_set *set; /* [sets]: of rows, or over kept */
    alm_eval_set *own; /* the latter's block */
    int sets;
} side;

/* ---- From results ---- */

static size_t keep_text(kept *k, const char *text)
{
    const size_t at = k->text.count;
    alm_buffer_add(&k->text, text, strlen(text) + 1);
    return at;
}

static alm_status keep_row(void *context, const alm_results_row *in)
{
    kept *k = context;
    ALM_TRY(alm_reserve(k->count + 1, sizeof *k->row, "rows", &k->row, &k->capacity));
    kept_row *out = &k->row[k->count++];
    *out = (kept_row){.row = {.idx = in->idx,
                              .valid = in->valid,
                              .has_truth = in->has_truth, /* without: it could not be read */
                              .symmetries = -1}};
    for (int m = 0; m < ALM_METRICS && in->valid; m++) {
        out->row.metric[m] = (float)in->metric[m];
    }
    out->row.symmetric_gd = NAN;
    out->asset = keep_text(k, in->asset);
    out->category = keep_text(k, in->category ? in->category : "Unlabeled");
    out->error = keep_text(k, in->error ? in->error : ALM_INVALID_POSE);
    return k->text.status;
}

static alm_status kept_row_at(void *context, int64_t row, alm_eval_row *out)
{
    const kept *k = context;
    const kept_row *at = &k->row[row];
    const char *text = (const char *)k->text.data;
    *out = at->row;
    out->asset = text + at->asset;
    out->category = text + at->category;
    out->error = at->row.valid ? NULL : text + at->error;
    return ALM_OK;
}

static alm_status open_file(side *s, size_t number)
{
    const alm_found_file *f = &s->found.file[number];
    kept *k = &s->kept[number];
    const alm_results_visit visit = {.row = keep_row, .context = k, .poses = true};
    const alm_results_expect expect = {.dataset = f->dataset, .split = f->split, .seed = f->seed};
    alm_results results;
    ALM_TRY(alm_results_open(f->path, &visit, &results));
    const alm_status status = alm_results_check(&results, &expect);
    s->own[number] = (alm_eval_set){.dataset = f->dataset,
                                    .split = f->split,
                                    .seed = f->seed,
                                    .total = results.count[ALM_COUNT_TOTAL],
                                    .selected = results.count[ALM_COUNT_SELECTED],
                                    .rows = (int64_t)k->count,
                                    .row = kept_row_at,
                                    .context = k};
    alm_results_close(&results);
    return status;
}

static alm_status open_found(side *s, const char *run)
{
    ALM_TRY(alm_found_search(run, &s->found));
    ALM_TRY(alm_calloc(s->found.count, sizeof *s->kept, "results", &s->kept));
    ALM_TRY(alm_calloc(s->found.count, sizeof *s->own, "results", &s->own));
    for (size_t i = 0; i < s->found.count; i++) {
        ALM_TRY(open_file(s, i));
    }
    s->set = s->own;
    s->sets = (int)s->found.count;
    return ALM_OK;
}

/* ---- Sides ---- */

static alm_status open_side(const char *run, side *s)
{
    ALM_TRY(alm_run_plan_read(run, &s->has_plan, &s->plan));
    if (!s->has_plan) {
        return open_found(s, run);
    }
    ALM_TRY(alm_eval_rows_open(&s->plan, &run, 1, &s->rows));
    s->has_rows = true;
    s->set = s->rows.set;
    s->sets = s->plan.sets;
    return ALM_OK;
}

static void close_side(side *s)
{
    if (s->has_rows) {
        alm_eval_rows_close(&s->rows);
    }
    alm_eval_plan_free(&s->plan);
    for (size_t i = 0; s->kept && i < s->found.count; i++) {
        alm_free(s->kept[i].row);
        alm_buffer_free(&s->kept[i].text);
    }
    alm_free(s->kept);
    alm_free(s->own);
    alm_found_free(&s->found);
}

alm_status alm_compare_runs(const char *run_a, const char *run_b, const char *out,
                            const char *formats)
{
    side a = {0}, b = {0};
    unsigned bits;
    alm_status status = alm_eval_formats(formats, &bits);
    if (status == ALM_OK) {
        status = open_side(run_a, &a);
    }
    if (status == ALM_OK) {
        status = open_side(run_b, &b);
    }
    if (status == ALM_OK) {
        const alm_report_options options = {.folder = out, .formats = bits};
        status = alm_compare_write(a.set, a.sets, run_a, b.set, b.sets, run_b, &options);
    }
    close_side(&a);
    close_side(&b);
    return status;
}
