/* Time and memory of a run (report.h): numbers that differ from run to run, so they have a file of
 * their own. */
#include <math.h>
#include <string.h>

#include "runtime/eval/report_parts.h"
#include "runtime/output/file_write.h"

/* The bucket of a value: values below 64 have one each, then 64 an octave. */
static int bucket_of(uint64_t value)
{
    int octave = 0;
    while (value >> octave >= 2 * ALM_TALLY_PARTS) {
        octave++;
    }
    const uint64_t place = (uint64_t)octave * ALM_TALLY_PARTS + (value >> octave);
    return place < ALM_TALLY_BUCKETS ? (int)place : ALM_TALLY_BUCKETS - 1;
}

void alm_tally_add(alm_tally *t, uint64_t value)
{
    const double v = (double)value;
    t->least = t->count == 0 || v < t->least ? v : t->least;
    t->most = v > t->most ? v : t->most;
    t->sum += v;
    t->count++;
    t->bucket[bucket_of(value)]++;
}

double alm_tally_quantile(const alm_tally *t, double q)
{
    const double place = fmax(ceil(q * (double)t->count), 1);
    int64_t before = 0;
    for (int k = 0; k < ALM_TALLY_BUCKETS && t->count; k++) {
        before += t->bucket[k];
        if ((double)before >= place) {
            /* k = octave·64 + (value >> octave), where the second part is 64 ... 127 but for
             * octave 0. */
            const int octave = k < ALM_TALLY_PARTS ? 0 : k / ALM_TALLY_PARTS - 1;
            const double low = ldexp(k - octave * ALM_TALLY_PARTS, octave);
            const double middle = low + (ldexp(1, octave) - 1) / 2;
            return fmin(fmax(middle, t->least), t->most);
        }
    }
    return 0;
}

static void put_stage(alm_buffer *out, const alm_report_stage *s)
{
    const alm_tally *t = s->tally;
    const double mean = t->count ? t->sum / (double)t->count : NAN;
    const double number[5] = {mean, t->count ? alm_tally_quantile(t, 0.5) : NAN,
                              t->count ? alm_tally_quantile(t, 0.95) : NAN,
                              t->count ? t->least : NAN, t->count ? t->most : NAN};
    static const char *const key[5] = {"mean", "median", "p95", "least", "most"};
    alm_buffer_text(out, "\n  {\"stage\": ");
    almi_put_json(out, s->name);
    alm_buffer_text(out, ", \"unit\": ");
    almi_put_json(out, s->unit);
    alm_buffer_text(out, ", \"samples\": ");
    almi_put_whole(out, t->count);
    for (int k = 0; k < 5; k++) {
        alm_buffer_format(out, ", \"%s\": ", key[k]);
        almi_put_rounded(out, number[k], 6);
    }
    alm_buffer_text(out, "}");
}

static void put_bytes(alm_buffer *out, const char *key, uint64_t bytes)
{
    alm_buffer_format(out, ",\n \"%s\": ", key);
    if (bytes) {
        alm_buffer_format(out, "%llu", (unsigned long long)bytes);
    } else {
        alm_buffer_text(out, "null");
    }
}

alm_status alm_report_timing_write(const char *path, const alm_report_timing *timing)
{
    alm_buffer out = {0};
    alm_buffer_text(&out, "{\n \"format_version\": 1,\n \"device\": ");
    almi_put_json(&out, timing->device);
    alm_buffer_text(&out, ",\n \"samples\": ");
    almi_put_whole(&out, timing->samples);
    alm_buffer_text(&out, ",\n \"wall_s\": ");
    almi_put_rounded(&out, timing->wall_s, 6);
    alm_buffer_text(&out, ",\n \"samples_per_s\": ");
    almi_put_rounded(&out, timing->wall_s > 0 ? (double)timing->samples / timing->wall_s : NAN, 6);
    put_bytes(&out, "peak_rss_bytes", timing->peak_rss_bytes);
    put_bytes(&out, "peak_child_bytes", timing->peak_child_bytes);
    put_bytes(&out, "peak_device_bytes", timing->peak_device_bytes);
    alm_buffer_text(&out, ",\n \"per_sample\": [");
    for (int k = 0; k < timing->stage_count; k++) {
        alm_buffer_text(&out, k ? "," : "");
        put_stage(&out, &timing->stages[k]);
    }
    alm_buffer_text(&out, "\n ]\n}\n");
    alm_status status = out.status;
    if (status == ALM_OK) {
        status = alm_file_write_all(path, out.data, out.count);
    }
    alm_buffer_free(&out);
    return status;
}
