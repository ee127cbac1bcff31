/* Results files. The first byte tells which: 'S', then an aggregate over data sets; else an
 * eval_results.json. What is accepted keeps its promises: counts are those of the rows, and what is
 * to be copied into an aggregate can be copied.
 */
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/eval/aggregate_parts.h"
#include "runtime/eval/results_read.h"
#include "runtime/output/json_write.h"

#define DEMAND(condition)                                                                          \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

static alm_status take_row(void *context, const alm_results_row *row)
{
    *(int64_t *)context += row->valid;
    DEMAND(isfinite(row->pose_loss) && row->category && row->asset);
    for (int i = 0; i < ALM_METRICS && row->valid; i++) {
        DEMAND(isfinite(row->metric[i]));
    }
    return ALM_OK;
}

static void copy(alm_results_span span)
{
    alm_json_write w;
    alm_json json;
    alm_json_write_begin(&w, NULL);
    alm_json_begin(&json, "copy", span.text, span.bytes);
    DEMAND(alm_json_write_copy(&w, &json) == ALM_OK && alm_json_end(&json) == ALM_OK);
    DEMAND(alm_json_write_end(&w) == ALM_OK);
    alm_json_close(&json);
    alm_json_write_free(&w);
}

static void read_results(const char *text, size_t bytes, bool poses)
{
    int64_t valid = 0;
    alm_results r;
    const alm_results_visit visit = {.row = take_row, .context = &valid, .poses = poses};
    if (alm_results_open_text("fuzz", text, bytes, &visit, &r) != ALM_OK) {
        return;
    }
    DEMAND(r.rows.valid == valid && r.count[ALM_COUNT_VALID] == valid);
    DEMAND(r.count[ALM_COUNT_EVALUATED] == r.rows.rows);
    DEMAND(alm_means_finite(&r.rows));
    copy(r.summary);
    copy(r.per_category);
    alm_results_close(&r);
}

static void read_seed(const char *text, size_t bytes)
{
    almi_leaves leaves = {.count = 0};
    almi_seed_head head = {.seed = 0};
    if (almi_seed_file_read("fuzz", text, bytes, 0, &leaves, &head) == ALM_OK) {
        for (size_t i = 0; i < leaves.count; i++) {
            DEMAND(isfinite(leaves.leaf[i].value));
            DEMAND(leaves.leaf[i].at + leaves.leaf[i].bytes <= leaves.text.count);
        }
    }
    almi_seed_head_free(&head);
    almi_leaves_free(&leaves);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *text = (const char *)data;
    if (size > 0 && data[0] == 'S') {
        read_seed(text + 1, size - 1);
        return 0;
    }
    read_results(text, size, false);
    read_results(text, size, true);
    return 0;
}
