/* The rows of a run from its journals (finish.h). */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "kernels/core/memory.h"
#include "runtime/eval/finish.h"
#include "runtime/eval/metrics.h"
#include "runtime/eval/run_folder.h"
#include "runtime/input/json.h"
#include "runtime/input/lines.h"

/* Where a row is: 16 bits of journal + 1, 48 of offset. */
enum { OFFSET_BITS = 48, MOST_JOURNALS = 65535 };

/* The rows of a set: the places in selected order that are there; NULL: all are. */
typedef struct alm_eval_rows_of {
    alm_eval_rows *rows;
    int set;
    uint32_t *place;
} alm_eval_rows_of;

bool alm_eval_row_failed(const alm_eval_row *row)
{
    return row->error && strcmp(row->error, ALM_INVALID_POSE) != 0;
}

/* ---- Finding the journals ---- */

static alm_status add_journal(alm_eval_rows *rows, size_t *capacity, const char *run,
                              const char *name)
{
    if (rows->journals == MOST_JOURNALS) {
        return alm_fail(ALM_STATUS_USAGE, "%s: more than %d journals", run, MOST_JOURNALS);
    }
    ALM_TRY(alm_reserve((size_t)rows->journals + 1, sizeof *rows->path, "journals", &rows->path,
                        capacity));
    ALM_TRY(alm_run_own(run, name, &rows->path[rows->journals]));
    rows->journals++;
    return ALM_OK;
}

static alm_status find_journals(alm_eval_rows *rows, size_t *capacity, const char *run)
{
    char *folder;
    ALM_TRY(alm_path_format(&folder, "%s/%s", run, ALM_RUN_OWN));
    DIR *open = opendir(folder);
    alm_status status = open ? ALM_OK
                             : alm_fail(errno == ENOMEM ? ALM_STATUS_MEMORY : ALM_STATUS_USAGE,
                                        "%s: %s", folder, strerror(errno));
    const struct dirent *entry;
    while (status == ALM_OK && (entry = readdir(open)) != NULL) {
        const size_t n = strlen(entry->d_name);
        if (strncmp(entry->d_name, "journal-", 8) == 0 && n > 14 &&
            strcmp(entry->d_name + n - 6, ".jsonl") == 0) {
            status = add_journal(rows, capacity, run, entry->d_name);
        }
    }
    if (open) {
        closedir(open);
    }
    alm_free(folder);
    return status;
}

/* ---- Reading them ---- */

typedef struct scanning {
    alm_eval_rows *rows;
    uint32_t **order; /* [sets] */
    int journal;
} scanning;

static alm_status take_row(void *context, size_t offset, const alm_journal_entry *e)
{
    const scanning *in = context;
    alm_eval_rows *rows = in->rows;
    const alm_eval_plan *plan = rows->plan;
    const char *path = rows->path[in->journal];
    if (e->set >= plan->sets || e->at >= plan->set[e->set].selected) {
        return alm_fail(ALM_STATUS_USAGE, "%s: byte %zu: sample %lld of set %d is not in the plan",
                        path, offset, (long long)e->at, e->set);
    }
    const int64_t expected = in->order[e->set][e->at];
    if (e->row.idx != expected) {
        return alm_fail(ALM_STATUS_USAGE,
                        "%s: byte %zu: sample %lld of set %d has idx %lld, "
                        "expected %lld",
                        path, offset, (long long)e->at, e->set, (long long)e->row.idx,
                        (long long)expected);
    }
    uint64_t *where = &rows->where[plan->set[e->set].first + e->at];
    if (*where) {
        rows->twice++;
        return ALM_OK;
    }
    *where = (uint64_t)(in->journal + 1) << OFFSET_BITS | (uint64_t)offset;
    rows->present++;
    rows->failed += alm_eval_row_failed(&e->row);
    return ALM_OK;
}

static alm_status scan_journals(alm_eval_rows *rows)
{
    const alm_eval_plan *plan = rows->plan;
    scanning in = {.rows = rows};
    ALM_TRY(alm_calloc((size_t)plan->sets, sizeof *in.order, "orders", &in.order));
    alm_status status = ALM_OK;
    for (int s = 0; s < plan->sets && status == ALM_OK; s++) {
        status = alm_alloc((size_t)plan->set[s].selected, sizeof **in.order, "an order of samples",
                           &in.order[s]);
        if (status == ALM_OK) {
            status = alm_eval_plan_order(plan, s, in.order[s]);
        }
    }
    for (in.journal = 0; in.journal < rows->journals && status == ALM_OK; in.journal++) {
        size_t good;
        status = alm_journal_scan(rows->path[in.journal], NULL, take_row, &in, &good);
        if (status == ALM_OK && good > 0) {
            status = alm_journal_map_open(rows->path[in.journal], &rows->journal[in.journal]);
        }
    }
    for (int s = 0; s < plan->sets; s++) {
        alm_free(in.order[s]);
    }
    alm_free(in.order);
    return status;
}

alm_status alm_eval_rows_entry(const alm_eval_rows *rows, int64_t item, alm_journal_entry *out)
{
    const uint64_t where = rows->where[item];
    return alm_journal_map_read(&rows->journal[(where >> OFFSET_BITS) - 1],
                                (size_t)(where & ((UINT64_C(1) << OFFSET_BITS) - 1)), out);
}

static alm_status read_row(void *context, int64_t row, alm_eval_row *out)
{
    alm_eval_rows_of *of = context;
    const alm_eval_plan_set *set = &of->rows->plan->set[of->set];
    const int64_t at = of->place ? of->place[row] : row;
    alm_journal_entry entry;
    ALM_TRY(alm_eval_rows_entry(of->rows, set->first + at, &entry));
    *out = entry.row;
    return ALM_OK;
}

static alm_status make_set(alm_eval_rows *rows, int number)
{
    const alm_eval_plan *plan = rows->plan;
    const alm_eval_plan_set *set = &plan->set[number];
    alm_eval_rows_of *of = &rows->of[number];
    int64_t there = 0;
    for (int64_t i = 0; i < set->selected; i++) {
        there += rows->where[set->first + i] != 0;
    }
    *of = (alm_eval_rows_of){.rows = rows, .set = number};
    if (there < set->selected) {
        ALM_TRY(alm_alloc((size_t)there, sizeof *of->place, "places of samples", &of->place));
        int64_t n = 0;
        for (int64_t i = 0; i < set->selected; i++) {
            if (rows->where[set->first + i]) {
                of->place[n++] = (uint32_t)i;
            }
        }
    }
    rows->set[number] = (alm_eval_set){.dataset = plan->dataset[set->dataset].name,
                                       .split = plan->split[set->split],
                                       .seed = plan->seed[set->seed],
                                       .total = set->total,
                                       .selected = set->selected,
                                       .rows = there,
                                       .row = read_row,
                                       .context = of};
    return ALM_OK;
}

static alm_status open_rows(alm_eval_rows *rows, const char *const *run, int runs)
{
    size_t capacity = 0;
    const size_t sets = (size_t)rows->plan->sets;
    for (int i = 0; i < runs; i++) {
        ALM_TRY(find_journals(rows, &capacity, run[i]));
    }
    ALM_TRY(alm_calloc((size_t)rows->journals, sizeof *rows->journal, "journals", &rows->journal));
    ALM_TRY(alm_calloc((size_t)rows->plan->items, sizeof *rows->where, "rows", &rows->where));
    ALM_TRY(alm_calloc(sets, sizeof *rows->set, "sets", &rows->set));
    ALM_TRY(alm_calloc(sets, sizeof *rows->of, "sets", &rows->of));
    ALM_TRY(scan_journals(rows));
    for (int s = 0; s < rows->plan->sets; s++) {
        ALM_TRY(make_set(rows, s));
    }
    return ALM_OK;
}

alm_status alm_eval_rows_open(const alm_eval_plan *plan, const char *const *run, int runs,
                              alm_eval_rows *out)
{
    *out = (alm_eval_rows){.plan = plan};
    const alm_status status = open_rows(out, run, runs);
    if (status != ALM_OK) {
        alm_eval_rows_close(out);
    }
    return status;
}

void alm_eval_rows_close(alm_eval_rows *rows)
{
    for (int i = 0; i < rows->journals; i++) {
        if (rows->journal) {
            alm_journal_map_close(&rows->journal[i]);
        }
        alm_free(rows->path[i]);
    }
    for (int s = 0; rows->of && s < rows->plan->sets; s++) {
        alm_free(rows->of[s].place);
    }
    alm_free(rows->path);
    alm_free(rows->journal);
    alm_free(rows->where);
    alm_free(rows->set);
    alm_free(rows->of);
    *rows = (alm_eval_rows){0};
}

/* ---- Saying what is missing ---- */

/* Line number `wanted` (from 0) of samples.jsonl, without its quotes; "" when it cannot be read. */
static void key_of(const char *run, int64_t wanted, char *out, size_t room)
{
    char *path = NULL;
    alm_lines *lines = NULL;
    alm_line line = {0};
    out[0] = '\0';
    if (alm_run_own(run, "samples.jsonl", &path) == ALM_OK &&
        alm_lines_open(path, 1 << 16, &lines) == ALM_OK) {
        alm_status status;
        do {
            status = alm_lines_next(lines, &line);
        } while (status == ALM_OK && line.text && line.number <= wanted);
        if (status == ALM_OK && line.text) {
            alm_json json;
            alm_json_begin(&json, path, line.text, line.bytes);
            if (alm_json_string(&json) == ALM_OK) {
                snprintf(out, room, "%s", json.text);
            }
            alm_json_close(&json);
        }
    }
    alm_lines_close(lines);
    alm_free(path);
}

void alm_eval_rows_say(const alm_eval_rows *rows, const char *run, int most,
                       void (*note)(void *context, const char *text), void *context)
{
    const alm_eval_plan *plan = rows->plan;
    char text[700], key[300];
    int said = 0;
    if (!note) {
        return;
    }
    if (rows->twice > 0) {
        snprintf(text, sizeof text, "%lld samples are there more than once",
                 (long long)rows->twice);
        note(context, text);
    }
    for (int s = 0; s < plan->sets && said < most; s++) {
        const alm_eval_plan_set *set = &plan->set[s];
        uint32_t *order;
        if (rows->set[s].rows == set->selected ||
            alm_alloc((size_t)set->selected, sizeof *order, "an order", &order) != ALM_OK) {
            continue;
        }
        int64_t before = 0; /* samples of the data sets and splits before, in samples.jsonl */
        for (int d = 0; d <= set->dataset; d++) {
            for (int p = 0; p < plan->splits && !plan->dataset[d].fault; p++) {
                before += d < set->dataset || p < set->split ? plan->dataset[d].total[p] : 0;
            }
        }
        const bool known = alm_eval_plan_order(plan, s, order) == ALM_OK;
        for (int64_t i = 0; i < set->selected && said < most && known; i++) {
            if (rows->where[set->first + i]) {
                continue;
            }
            key_of(run, before + order[i], key, sizeof key);
            snprintf(text, sizeof text, "missing: %s, %s, seed %lu: idx %lu (%s)",
                     plan->dataset[set->dataset].name, plan->split[set->split],
                     (unsigned long)plan->seed[set->seed], (unsigned long)order[i], key);
            note(context, text);
            said++;
        }
        alm_free(order);
    }
    if (rows->present < plan->items) {
        snprintf(text, sizeof text, "%lld of %lld samples are missing",
                 (long long)(plan->items - rows->present), (long long)plan->items);
        note(context, text);
    }
}
