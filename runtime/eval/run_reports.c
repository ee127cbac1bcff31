#include "runtime/eval/run_reports.h"

#include <string.h>
#include <sys/resource.h>

#include "kernels/core/memory.h"
#include "runtime/eval/draw.h"
#include "runtime/eval/report.h"
#include "runtime/eval/run_folder.h"

alm_status alm_eval_formats(const char *text, unsigned *formats)
{
    static const struct {
        const char *name;
        unsigned bit;
    } all[] = {{"json", ALM_REPORT_JSON}, {"csv", ALM_REPORT_CSV},   {"md", ALM_REPORT_MD},
               {"tex", ALM_REPORT_TEX},   {"html", ALM_REPORT_HTML}, {"none", 0}};
    *formats = text ? 0 : ALM_REPORT_ALL;
    while (text) {
        const size_t n = strcspn(text, ",");
        size_t i = 0;
        while (i < sizeof all / sizeof all[0] &&
               (strlen(all[i].name) != n || memcmp(all[i].name, text, n) != 0)) {
            i++;
        }
        if (i == sizeof all / sizeof all[0]) {
            return alm_fail(ALM_STATUS_USAGE,
                            "format '%.*s', expected some of json, csv, md, tex, html, or none",
                            (int)(n < 40 ? n : 40), text);
        }
        *formats |= all[i].bit;
        text = text[n] ? text + n + 1 : NULL;
    }
    return ALM_OK;
}

/* ---- What a sample looks like ---- */

typedef struct scenes {
    const alm_eval_rows *rows;
    alm_eval_data *data;
    alm_asset asset;
    alm_draw draw;
} scenes;

static alm_status scene_of(void *context, const alm_eval_set *set, const alm_eval_row *row,
                           alm_report_scene *out)
{
    scenes *s = context;
    const alm_eval_plan *plan = s->rows->plan;
    const alm_eval_plan_set *about = &plan->set[set - s->rows->set];
    int file;
    int64_t local;
    alm_eval_data_locate(s->data, about->dataset, about->split, row->idx, &file, &local);
    ALM_TRY(alm_dataset_read(s->data->file[file].open, row->asset,
                             ALM_ASSET_CLOUDS | ALM_ASSET_PAGES, &s->asset));
    ALM_TRY(alm_draw_sample(alm_draw_seed(plan->seed[about->seed], row->idx), s->asset.moving,
                            s->asset.moving_points, s->asset.fixed, s->asset.fixed_points,
                            &s->draw));
    *out = (alm_report_scene){.fixed = s->draw.fixed,
                              .fixed_count = ALM_DRAW_POINTS,
                              .moving = s->draw.randomised,
                              .moving_count = ALM_DRAW_POINTS};
    for (int p = 0; p < 2; p++) {
        out->page[p].rgb = s->asset.page[p].rgb;
        out->page[p].width = s->asset.page[p].width;
        out->page[p].height = s->asset.page[p].height;
    }
    return ALM_OK;
}

/* ---- Reports ---- */

alm_status alm_eval_reports(const alm_eval_rows *rows, const char *run,
                            const alm_eval_finish_options *options)
{
    const alm_eval_plan *plan = rows->plan;
    unsigned formats;
    scenes *s;
    ALM_TRY(alm_eval_formats(options->formats, &formats));
    if (formats == 0) {
        return ALM_OK;
    }
    ALM_TRY(alm_calloc(1, sizeof *s, "pictures of samples", &s));
    s->rows = rows;
    s->data = options->data;
    const alm_report_options report = {
        .folder = run,
        .model = plan->model,
        .ckpt_path = plan->ckpt_path,
        .run_timestamp = plan->run_timestamp,
        .formats = formats,
        .scene = options->data ? scene_of : NULL,
        .scene_context = s,
    };
    const alm_status status = alm_report_write(rows->set, plan->sets, &report);
    alm_asset_free(&s->asset);
    alm_free(s);
    return status;
}

/* ---- Times ---- */

static alm_status tally_rows(const alm_eval_rows *rows, alm_tally *tally)
{
    for (int64_t i = 0; i < rows->plan->items; i++) {
        alm_journal_entry entry;
        if (rows->where[i]) {
            ALM_TRY(alm_eval_rows_entry(rows, i, &entry));
            if (entry.ms > 0) {
                alm_tally_add(tally, (uint64_t)(entry.ms * 1000));
            }
        }
    }
    return ALM_OK;
}

alm_status alm_eval_timing(const alm_eval_rows *rows, const char *run, const char *device,
                           double wall_s, int64_t evaluated, const alm_eval_times *times)
{
    static const char *const names[ALM_EVAL_STEPS] = {"read", "symmetry", "draw", "score",
                                                      "resident"};
    alm_tally *tally;
    char *path = NULL;
    struct rusage own = {0}, child = {0};
    ALM_TRY(alm_calloc(1, sizeof *tally, "times", &tally));
    getrusage(RUSAGE_SELF, &own);
    getrusage(RUSAGE_CHILDREN, &child);
    alm_status status = tally_rows(rows, tally);
    if (status == ALM_OK) {
        status = alm_path_format(&path, "%s/timing.json", run);
    }
    if (status == ALM_OK) {
        alm_report_stage stage[ALM_EVAL_STEPS + 1] = {
            {.name = "pose", .unit = "us", .tally = tally}};
        int stages = tally->count > 0;
        for (int i = 0; i < ALM_EVAL_STEPS; i++) {
            if (times->step[i].count > 0) {
                stage[stages++] =
                    (alm_report_stage){.name = names[i],
                                       .unit = i == ALM_EVAL_RESIDENT ? "bytes" : "us",
                                       .tally = &times->step[i]};
            }
        }
        const alm_report_timing timing = {.device = device,
                                          .wall_s = wall_s,
                                          .samples = evaluated,
                                          .peak_rss_bytes = (uint64_t)own.ru_maxrss * 1024,
                                          .peak_child_bytes = (uint64_t)child.ru_maxrss * 1024,
                                          .stages = stage,
                                          .stage_count = stages};
        status = alm_report_timing_write(path, &timing);
    }
    alm_free(path);
    alm_free(tally);
    return status;
}
