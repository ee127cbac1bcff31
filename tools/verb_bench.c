/* bench: the time of one sample, again and again. */
#include <stdlib.h>
#include <string.h>

#include "tools/cli.h"
#include "tools/console.h"
#include "tools/inputs.h"

enum { CLOUD_POINTS = 1024 };

/* Random pages and clouds; zeros would run faster than real data. */
typedef struct random_sample {
    float cloud[2][3 * CLOUD_POINTS];
    uint8_t *page[2];
    uint64_t state;
} random_sample;

/* splitmix64. */
static uint64_t next_random(random_sample *r)
{
    uint64_t z = r->state += 0x9E3779B97F4A7C15u;
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9u;
    z = (z ^ z >> 27) * 0x94D049BB133111EBu;
    return z ^ z >> 31;
}

static void free_random(random_sample *r)
{
    if (r) {
        free(r->page[0]);
        free(r->page[1]);
        free(r);
    }
}

static alm_status make_random(cli_args *args, alm_sample *sample, random_sample **out)
{
    int width, height;
    ALM_TRY(cli_pages(args, &width, &height));
    const size_t bytes = 3 * (size_t)width * (size_t)height;
    random_sample *r = calloc(1, sizeof *r);
    if (r) {
        r->page[0] = malloc(bytes);
        r->page[1] = malloc(bytes);
    }
    if (!r || !r->page[0] || !r->page[1]) {
        free_random(r);
        console_error("out of memory: %zu bytes for two pages", 2 * bytes);
        return ALM_STATUS_MEMORY;
    }
    r->state = (uint64_t)cli_count(args, CLI_SEED, 1);
    *sample = (alm_sample){.id = "random", .category = "chair", .units = ALM_UNITS_M};
    for (int k = 0; k < 2; k++) {
        for (size_t i = 0; i < bytes; i++) {
            r->page[k][i] = (uint8_t)(next_random(r) >> 56);
        }
        for (int i = 0; i < 3 * CLOUD_POINTS; i++) {
            r->cloud[k][i] = (float)(next_random(r) >> 40) / 16777216.0f - 0.5f;
        }
        sample->page[k] = (alm_page_source){.rgb = r->page[k], .width = width, .height = height};
    }
    sample->fixed = (alm_cloud_source){.xyz = r->cloud[0], .count = CLOUD_POINTS};
    sample->moving = (alm_cloud_source){.xyz = r->cloud[1], .count = CLOUD_POINTS};
    *out = r;
    return ALM_OK;
}

static alm_status run(const cli_args *args, const inputs *in)
{
    const alm_bench_options options = {.warmup = (int)cli_count(args, CLI_WARMUP, 2),
                                       .repeats = (int)cli_count(args, CLI_REPEATS, 10),
                                       .warm = cli_given(args, CLI_WARM),
                                       .nodes = cli_given(args, CLI_NODES),
                                       .json = cli_given(args, CLI_JSON)};
    console_output out;
    ALM_TRY(console_output_open(args->value[CLI_OUT], cli_given(args, CLI_FORCE), &out));
    alm_engine *engine = NULL;
    alm_session *session = NULL;
    alm_status status = inputs_load(args, in, &engine, &session);
    if (status == ALM_OK) {
        console_progress_begin("measuring");
        status = alm_session_bench(session, &in->sample, &options, console_output_write, &out);
        console_progress_end();
    }
    status = console_output_close(&out, status == ALM_OK, status);
    alm_session_destroy(session);
    alm_engine_destroy(engine);
    return status;
}

alm_status verb_bench(cli_args *args)
{
    static const cli_option_id own[] = {CLI_FIXED, CLI_MOVING,  CLI_MANUAL, CLI_CATEGORY,
                                        CLI_UNITS, CLI_CENTRED, CLI_SAMPLE};
    inputs *in = calloc(1, sizeof *in);
    random_sample *random = NULL;
    alm_status status = ALM_OK;
    if (!in) {
        console_error("out of memory");
        return ALM_STATUS_MEMORY;
    }
    status = cli_conflict(args, CLI_COLD, CLI_WARM);
    for (size_t i = 0; i < sizeof own / sizeof own[0] && status == ALM_OK; i++) {
        status = cli_conflict(args, CLI_PAGES, own[i]);
    }
    if (status == ALM_OK && cli_given(args, CLI_PAGES)) {
        status = inputs_resolve_model(args, in);
        if (status == ALM_OK) {
            status = make_random(args, &in->sample, &random);
        }
    } else if (status == ALM_OK) {
        status = inputs_resolve(args, in);
    }
    if (status == ALM_OK) {
        status = run(args, in);
    }
    free_random(random);
    free(in);
    return status;
}
