/* The time of one sample, run again and again: median and spread of the whole, of the stages and of
 * the nodes, as Markdown or JSON. Every run must give the same bits, or the numbers are refused.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "kernels/core/memory.h"
#include "runtime/output/buffer.h"
#include "runtime/ranges.h"
#include "runtime/session.h"

enum { MOST_RUNS = 1000000, NODE_RUNS = 20 };

typedef struct spread {
    double median, least, most, p99;
} spread;

/* A row of the table: one time a run. */
typedef struct series {
    const char *name;
    double *ms; /* [runs] */
    spread of;
} series;

typedef struct bench {
    alm_session *session;
    const alm_bench_options *options;
    alm_result result; /* of the last run */
    int n_stages, n_nodes;
    series *stages; /* [n_stages]; the last one is the whole */
    series *nodes;  /* [n_nodes] */
    double *ms;     /* behind all series */
} bench;

static int ascending(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Sorts the times in place. p99 is the value that at least 99 of 100 runs do not exceed. */
static spread spread_of(double *ms, int runs)
{
    qsort(ms, (size_t)runs, sizeof *ms, ascending);
    const int rank = (int)((99 * (int64_t)runs + 99) / 100);
    return (spread){.median = (ms[(runs - 1) / 2] + ms[runs / 2]) / 2,
                    .least = ms[0],
                    .most = ms[runs - 1],
                    .p99 = ms[rank - 1]};
}

/* ---- Running ---- */

/* The number of stages and nodes is known after the first run. */
static alm_status make_series(bench *b)
{
    size_t count, values;
    const size_t runs = (size_t)b->options->repeats;
    b->n_stages = b->result.timing_count;
    b->n_nodes = alm_session_nodes(b->session);
    count = (size_t)b->n_stages + (size_t)b->n_nodes;
    ALM_TRY(alm_calloc((size_t)b->n_stages, sizeof *b->stages, "bench table", &b->stages));
    ALM_TRY(alm_calloc((size_t)b->n_nodes, sizeof *b->nodes, "bench table", &b->nodes));
    ALM_TRY(alm_mul_size(count, runs, "bench table", &values));
    ALM_TRY(alm_calloc(values, sizeof *b->ms, "bench table", &b->ms));
    for (size_t i = 0; i < count; i++) {
        series *s = i < (size_t)b->n_stages ? &b->stages[i] : &b->nodes[i - (size_t)b->n_stages];
        s->ms = b->ms + i * runs;
    }
    return ALM_OK;
}

static void note_stages(bench *b, int run)
{
    for (int i = 0; i < b->n_stages; i++) {
        b->stages[i].name = b->result.timing[i].stage;
        b->stages[i].ms[run] = b->result.timing[i].ms;
    }
}

static void note_nodes(bench *b, int run)
{
    for (int i = 0; i < b->n_nodes; i++) {
        const alm_node_info node = alm_session_node(b->session, i);
        b->nodes[i].name = node.name;
        b->nodes[i].ms[run] = node.ms;
    }
}

static alm_status check_same(const alm_result *first, const alm_result *now, int run)
{
    if (memcmp(first->raw_translation, now->raw_translation, sizeof now->raw_translation) != 0 ||
        memcmp(first->raw_rotation_6d, now->raw_rotation_6d, sizeof now->raw_rotation_6d) != 0) {
        return alm_fail(ALM_STATUS_CHECK, "bench: run %d gave another pose than the first one",
                        run);
    }
    return ALM_OK;
}

static alm_status run_once(bench *b, const alm_sample *sample)
{
    if (!b->options->warm) {
        alm_session_forget_manual(b->session);
    }
    return alm_session_predict(b->session, sample, &b->result);
}

static alm_status finish_nodes(bench *b, int runs)
{
    for (int i = 0; i < b->n_nodes; i++) {
        b->nodes[i].of = spread_of(b->nodes[i].ms, runs);
    }
    return ALM_OK;
}

/* On a GPU the nodes are timed in runs of their own, which launch them one by one: some, after the
 * measured ones. */
static alm_status measure_nodes(bench *b, const alm_sample *sample, const alm_result *first)
{
    const int runs = b->options->repeats < NODE_RUNS ? b->options->repeats : NODE_RUNS;
    alm_session_time_nodes(b->session, true);
    alm_status status = run_once(b, sample); /* makes the events */
    for (int run = 0; run < runs && status == ALM_OK; run++) {
        status = run_once(b, sample);
        if (status == ALM_OK) {
            status = check_same(first, &b->result, run + 1);
        }
        note_nodes(b, run);
    }
    alm_session_time_nodes(b->session, false);
    return status == ALM_OK ? finish_nodes(b, runs) : status;
}

static alm_status measure_runs(bench *b, const alm_sample *sample, const alm_result *first)
{
    for (int run = 0; run < b->options->repeats; run++) {
        ALM_TRY(run_once(b, sample));
        ALM_TRY(check_same(first, &b->result, run + 1));
        note_stages(b, run);
        note_nodes(b, run);
    }
    return ALM_OK;
}

static alm_status measure(bench *b, const alm_sample *sample)
{
    alm_result first;
    /* The first run plans; a warm graph is planned by the second one. All poses must be that of the
     * first, cold run. */
    alm_session_forget_manual(b->session);
    ALM_TRY(alm_session_predict(b->session, sample, &first));
    for (int run = 0; run < b->options->warmup || (run == 0 && b->options->warm); run++) {
        ALM_TRY(run_once(b, sample));
    }
    if (b->options->warmup == 0 && !b->options->warm) {
        b->result = first;
    }
    ALM_TRY(make_series(b));
    alm_range_begin("run", "measured");
    const alm_status status = measure_runs(b, sample, &first);
    alm_range_end();
    ALM_TRY(status);
    for (int i = 0; i < b->n_stages; i++) {
        b->stages[i].of = spread_of(b->stages[i].ms, b->options->repeats);
    }
    const bool on_gpu = b->session->timeline->device.backend == ALM_BACKEND_CUDA;
    return on_gpu ? measure_nodes(b, sample, &first) : finish_nodes(b, b->options->repeats);
}

/* ---- Report ---- */

/* "model name" of the first processor; "unknown" where the system does not tell. */
static void processor_name(char *out, size_t bytes)
{
    char line[256];
    snprintf(out, bytes, "unknown");
    FILE *file = fopen("/proc/cpuinfo", "r");
    if (!file) {
        return;
    }
    while (fgets(line, sizeof line, file)) {
        const char *colon = strchr(line, ':');
        if (strncmp(line, "model name", 10) == 0 && colon) {
            snprintf(out, bytes, "%.*s", (int)strcspn(colon + 2, "\n"), colon + 2);
            break;
        }
    }
    fclose(file);
}

static double peak_memory_mb(void)
{
    struct rusage usage;
    return getrusage(RUSAGE_SELF, &usage) == 0 ? (double)usage.ru_maxrss / 1024 : 0;
}

static double node_total(const bench *b)
{
    double sum = 0;
    for (int i = 0; i < b->n_nodes; i++) {
        sum += b->nodes[i].of.median;
    }
    return sum;
}

/* GFLOP/s, 0 when not known. */
static double rate(double flop, double ms)
{
    return ms > 0 ? flop / ms * 1e-6 : 0;
}

/* Nodes of one kernel together. */
typedef struct group {
    const char *op, *kernel;
    int nodes;
    double ms, flop;
} group;

static int slowest_first(const void *a, const void *b)
{
    const group *x = a, *y = b;
    return (x->ms < y->ms) - (x->ms > y->ms);
}

/* groups: room for n_nodes. Returns how many there are, the slowest first. */
static int group_nodes(const bench *b, group *groups)
{
    int count = 0;
    for (int i = 0; i < b->n_nodes; i++) {
        const alm_node_info node = alm_session_node(b->session, i);
        int g = 0;
        while (g < count && strcmp(groups[g].kernel, node.kernel) != 0) {
            g++;
        }
        if (g == count) {
            groups[count++] = (group){.op = node.op, .kernel = node.kernel};
        }
        groups[g].nodes++;
        groups[g].ms += b->nodes[i].of.median;
        groups[g].flop += alm_session_node_flop(b->session, i);
    }
    qsort(groups, (size_t)count, sizeof *groups, slowest_first);
    return count;
}

static void report_rate(alm_buffer *out, double gflops)
{
    if (gflops > 0) {
        alm_buffer_format(out, " %.1f |", gflops);
    } else {
        alm_buffer_text(out, " |");
    }
}

static void report_markdown(const bench *b, const group *groups, int n_groups, alm_buffer *out)
{
    char cpu[192];
    const alm_engine *engine = b->session->engine;
    const double all = node_total(b);
    processor_name(cpu, sizeof cpu);
    alm_buffer_format(out, "%.160s, %d threads, %s %s; assemlm %s %.40s\n", cpu,
                      b->session->timeline->device.threads, alm_engine_device_name(engine),
                      alm_engine_dtype_name(engine), alm_version(), alm_version_commit());
    alm_buffer_format(out, "model %.200s: %d tokens, %s, %d runs after %d, peak %.0f MB\n\n",
                      alm_engine_model_name(engine), b->result.tokens,
                      b->options->warm ? "warm (the manual of the run before)"
                                       : "cold (a new manual)",
                      b->options->repeats, b->options->warmup, peak_memory_mb());
    alm_buffer_text(out, "| stage | median ms | least | most | p99 |\n|---|---:|---:|---:|---:|\n");
    for (int i = 0; i < b->n_stages; i++) {
        const spread *s = &b->stages[i].of;
        alm_buffer_format(out, "| %s | %.3f | %.3f | %.3f | %.3f |\n", b->stages[i].name, s->median,
                          s->least, s->most, s->p99);
    }
    alm_buffer_text(out, "\n| operation | kernel | nodes | ms | GFLOP/s | share |\n"
                         "|---|---|---:|---:|---:|---:|\n");
    for (int i = 0; i < n_groups; i++) {
        const group *g = &groups[i];
        alm_buffer_format(out, "| %s | %s | %d | %.3f |", g->op, g->kernel, g->nodes, g->ms);
        report_rate(out, rate(g->flop, g->ms));
        alm_buffer_format(out, " %.1f%% |\n", all > 0 ? 100 * g->ms / all : 0);
    }
    if (!b->options->nodes) {
        return;
    }
    alm_buffer_text(out, "\n| node | kernel | median ms | least | p99 | GFLOP/s | share |\n"
                         "|---|---|---:|---:|---:|---:|---:|\n");
    for (int i = 0; i < b->n_nodes; i++) {
        const alm_node_info node = alm_session_node(b->session, i);
        const spread *s = &b->nodes[i].of;
        alm_buffer_format(out, "| %.200s | %s | %.4f | %.4f | %.4f |", node.name, node.kernel,
                          s->median, s->least, s->p99);
        report_rate(out, rate(alm_session_node_flop(b->session, i), s->median));
        alm_buffer_format(out, " %.1f%% |\n", all > 0 ? 100 * s->median / all : 0);
    }
}

static void json_text(alm_buffer *out, const char *key, const char *text)
{
    alm_buffer_format(out, "\"%s\": ", key);
    alm_buffer_json(out, text, strlen(text));
}

static void json_spread(alm_buffer *out, const spread *s)
{
    alm_buffer_format(out,
                      "\"median_ms\": %.6f, \"min_ms\": %.6f, \"max_ms\": %.6f, \"p99_ms\": %.6f",
                      s->median, s->least, s->most, s->p99);
}

static void report_json(const bench *b, const group *groups, int n_groups, alm_buffer *out)
{
    char cpu[192];
    const alm_engine *engine = b->session->engine;
    processor_name(cpu, sizeof cpu);
    alm_buffer_text(out, "{\"machine\": {");
    json_text(out, "cpu", cpu);
    alm_buffer_format(out, ", \"threads\": %d}, \"engine\": {",
                      b->session->timeline->device.threads);
    json_text(out, "version", alm_version());
    alm_buffer_text(out, ", ");
    json_text(out, "commit", alm_version_commit());
    alm_buffer_text(out, ", ");
    json_text(out, "device", alm_engine_device_name(engine));
    alm_buffer_text(out, ", ");
    json_text(out, "dtype", alm_engine_dtype_name(engine));
    alm_buffer_text(out, "}, ");
    json_text(out, "model", alm_engine_model_name(engine));
    alm_buffer_format(out,
                      ", \"tokens\": %d, \"manual\": \"%s\", \"warmup\": %d, \"repeats\": %d, "
                      "\"peak_rss_mb\": %.1f, \"stages\": [",
                      b->result.tokens, b->options->warm ? "warm" : "cold", b->options->warmup,
                      b->options->repeats, peak_memory_mb());
    for (int i = 0; i < b->n_stages; i++) {
        alm_buffer_text(out, i ? ", {" : "{");
        json_text(out, "stage", b->stages[i].name);
        alm_buffer_text(out, ", ");
        json_spread(out, &b->stages[i].of);
        alm_buffer_text(out, "}");
    }
    alm_buffer_text(out, "], \"kernels\": [");
    for (int i = 0; i < n_groups; i++) {
        const group *g = &groups[i];
        alm_buffer_text(out, i ? ", {" : "{");
        json_text(out, "op", g->op);
        alm_buffer_text(out, ", ");
        json_text(out, "kernel", g->kernel);
        alm_buffer_format(out, ", \"nodes\": %d, \"median_ms\": %.6f, \"gflops\": %.3f}", g->nodes,
                          g->ms, rate(g->flop, g->ms));
    }
    alm_buffer_text(out, "]");
    for (int i = 0; b->options->nodes && i < b->n_nodes; i++) {
        const alm_node_info node = alm_session_node(b->session, i);
        alm_buffer_text(out, i ? ", {" : ", \"nodes\": [{");
        json_text(out, "name", node.name);
        alm_buffer_text(out, ", ");
        json_text(out, "op", node.op);
        alm_buffer_text(out, ", ");
        json_text(out, "kernel", node.kernel);
        alm_buffer_text(out, ", ");
        json_spread(out, &b->nodes[i].of);
        alm_buffer_format(out, ", \"gflops\": %.3f}",
                          rate(alm_session_node_flop(b->session, i), b->nodes[i].of.median));
    }
    alm_buffer_text(out, b->options->nodes && b->n_nodes > 0 ? "]}\n" : "}\n");
}

static alm_status report(const bench *b, alm_write_fn *write, void *context)
{
    alm_buffer out = {0};
    group *groups;
    ALM_TRY(alm_calloc((size_t)b->n_nodes, sizeof *groups, "bench table", &groups));
    const int n_groups = group_nodes(b, groups);
    if (b->options->json) {
        report_json(b, groups, n_groups, &out);
    } else {
        report_markdown(b, groups, n_groups, &out);
    }
    alm_status status = out.status;
    if (status == ALM_OK && write(context, (const char *)out.data, out.count) != 0) {
        status = alm_fail(ALM_STATUS_OUTPUT, "the output could not be written");
    }
    alm_buffer_free(&out);
    alm_free(groups);
    return status;
}

alm_status alm_session_bench(alm_session *session, const alm_sample *sample,
                             const alm_bench_options *options, alm_write_fn *write, void *context)
{
    bench b = {.session = session, .options = options};
    alm_error_clear();
    if (options->repeats < 1 || options->repeats > MOST_RUNS || options->warmup < 0 ||
        options->warmup > MOST_RUNS) {
        return alm_fail(ALM_STATUS_USAGE, "bench: %d runs after %d, expected 1 to %d after 0 to %d",
                        options->repeats, options->warmup, (int)MOST_RUNS, (int)MOST_RUNS);
    }
    alm_status status = measure(&b, sample);
    if (status == ALM_OK) {
        status = report(&b, write, context);
    }
    alm_free(b.stages);
    alm_free(b.nodes);
    alm_free(b.ms);
    return status;
}
