/* The reports of `inspect data` for people, made from the same objects as the JSON. Text that comes
 * from the file loses its control characters. */
#include <string.h>

#include "runtime/inspect_data.h"

enum { LINES = 20 }; /* of a list; the JSON has more */

static long long count_of(const json_t *object, const char *key)
{
    return (long long)json_integer_value(json_object_get(object, key));
}

/* A text of the file. */
static void add_text(alm_buffer *out, const char *text)
{
    size_t from = 0;
    const size_t bytes = text ? strlen(text) : 0;
    for (size_t i = 0; i < bytes; i++) {
        const unsigned char c = (unsigned char)text[i];
        /* U+0080 to U+009F steer terminals too. */
        const bool is_c1 = c == 0xC2 && (unsigned char)text[i + 1] < 0xA0;
        if (c < 0x20 || c == 0x7F || is_c1) {
            alm_buffer_add(out, text + from, i - from);
            alm_buffer_text(out, "?");
            i += is_c1;
            from = i + 1;
        }
    }
    alm_buffer_add(out, text + from, bytes - from);
}

static void add_value(alm_buffer *out, const json_t *object, const char *key)
{
    add_text(out, json_string_value(json_object_get(object, key)));
}

static void add_rest(alm_buffer *out, size_t all, size_t shown)
{
    if (all > shown) {
        alm_buffer_format(out, "  and %zu more (--json lists them)\n", all - shown);
    }
}

static void add_splits(alm_buffer *out, const json_t *splits)
{
    static const char *const names[] = {"train", "test"};
    alm_buffer_format(out, "%-6s %9s %9s %9s %9s %9s\n", "split", "listed", "missing", "abandoned",
                      "samples", "bad");
    for (int i = 0; i < 2; i++) {
        const json_t *split = json_object_get(splits, names[i]);
        alm_buffer_format(out, "%-6s %9lld %9lld %9lld %9lld %9lld\n", names[i],
                          count_of(split, "listed"), count_of(split, "missing"),
                          count_of(split, "abandoned"), count_of(split, "samples"),
                          count_of(split, "bad"));
    }
}

static void add_points(alm_buffer *out, const char *what, const json_t *list)
{
    const size_t count = json_array_size(list);
    alm_buffer_format(out, "%s:", what);
    for (size_t i = 0; i < count && i < LINES; i++) {
        const json_t *entry = json_array_get(list, i);
        alm_buffer_format(out, "%s %lld in %lld", i ? "," : "", count_of(entry, "points"),
                          count_of(entry, "samples"));
    }
    alm_buffer_text(out, count == 0 ? " none\n" : "\n");
    add_rest(out, count, LINES);
}

static void add_pages(alm_buffer *out, const json_t *list)
{
    const size_t count = json_array_size(list);
    alm_buffer_text(out, "pages:");
    for (size_t i = 0; i < count && i < LINES; i++) {
        const json_t *entry = json_array_get(list, i);
        alm_buffer_format(out, "%s %lld of %lldx%lld", i ? "," : "", count_of(entry, "pages"),
                          count_of(entry, "width"), count_of(entry, "height"));
    }
    alm_buffer_text(out, count == 0 ? " none\n" : "\n");
    add_rest(out, count, LINES);
}

static void add_categories(alm_buffer *out, const json_t *list)
{
    const size_t count = json_array_size(list);
    alm_buffer_format(out, "categories: %zu\n", count);
    for (size_t i = 0; i < count; i++) {
        const json_t *entry = json_array_get(list, i);
        alm_buffer_format(out, "  train %8lld  test %8lld  ", count_of(entry, "train"),
                          count_of(entry, "test"));
        add_value(out, entry, "category");
        alm_buffer_text(out, "\n");
    }
}

static void add_names(alm_buffer *out, const json_t *splits, const char *what, const char *key)
{
    static const char *const names[] = {"train", "test"};
    for (int i = 0; i < 2; i++) {
        const json_t *split = json_object_get(splits, names[i]);
        const json_t *list = json_object_get(split, key);
        for (size_t k = 0; k < json_array_size(list) && k < LINES; k++) {
            alm_buffer_format(out, "%s in %s: ", what, names[i]);
            add_text(out, json_string_value(json_array_get(list, k)));
            alm_buffer_text(out, "\n");
        }
        add_rest(out, (size_t)count_of(split, what), LINES);
    }
}

static void add_bad(alm_buffer *out, const json_t *report)
{
    const json_t *list = json_object_get(report, "bad_samples");
    for (size_t i = 0; i < json_array_size(list) && i < LINES; i++) {
        const json_t *entry = json_array_get(list, i);
        alm_buffer_text(out, "bad in ");
        add_value(out, entry, "split");
        alm_buffer_format(out, ": %lld: ", count_of(entry, "idx"));
        add_value(out, entry, "error");
        alm_buffer_text(out, "\n");
    }
    add_rest(out, (size_t)count_of(report, "bad"), LINES);
}

void almi_data_text(const json_t *report, alm_buffer *out)
{
    const json_t *splits = json_object_get(report, "splits");
    add_value(out, report, "file");
    alm_buffer_format(out, ": %lld objects, %lld samples, %lld bad; %lld names to abandon\n",
                      count_of(report, "objects"), count_of(report, "samples"),
                      count_of(report, "bad"), count_of(report, "abandon_list"));
    add_splits(out, splits);
    add_points(out, "moving points", json_object_get(report, "moving_points"));
    add_points(out, "fixed points", json_object_get(report, "fixed_points"));
    add_pages(out, json_object_get(report, "pages"));
    add_categories(out, json_object_get(report, "categories"));
    add_names(out, splits, "missing", "missing_names");
    add_names(out, splits, "abandoned", "abandoned_names");
    add_bad(out, report);
}

/* ---- One sample */

/* jansson's numbers do not depend on the locale. */
static void add_numbers(alm_buffer *out, const json_t *object, const char *key)
{
    char text[128];
    const size_t bytes = json_dumpb(json_object_get(object, key), text, sizeof text,
                                    JSON_COMPACT | JSON_REAL_PRECISION(6));
    alm_buffer_format(out, "  %s ", key);
    alm_buffer_add(out, text, bytes < sizeof text ? bytes : 0);
}

static void add_cloud(alm_buffer *out, const json_t *report, const char *key)
{
    const json_t *cloud = json_object_get(report, key);
    if (cloud) {
        alm_buffer_format(out, "%s: %lld points", key, count_of(cloud, "points"));
        add_numbers(out, cloud, "min");
        add_numbers(out, cloud, "max");
        add_numbers(out, cloud, "mean");
        alm_buffer_text(out, "\n");
    }
}

void almi_sample_text(const json_t *report, alm_buffer *out)
{
    const json_t *listed = json_object_get(report, "listed");
    const json_t *abandoned = json_object_get(report, "abandoned_in");
    const json_t *pages = json_object_get(report, "pages");
    const json_t *errors = json_object_get(report, "errors");
    add_value(out, report, "asset");
    alm_buffer_text(out, json_object_get(report, "category") ? ": " : "");
    add_value(out, report, "category");
    alm_buffer_text(out, "\n");
    for (size_t i = 0; i < json_array_size(listed) && i < LINES; i++) {
        const json_t *place = json_array_get(listed, i);
        alm_buffer_text(out, "listed in ");
        add_value(out, place, "split");
        alm_buffer_format(out, " as sample %lld\n", count_of(place, "idx"));
    }
    add_rest(out, json_array_size(listed), LINES);
    for (size_t i = 0; i < json_array_size(abandoned); i++) {
        alm_buffer_text(out, "abandoned in ");
        add_text(out, json_string_value(json_array_get(abandoned, i)));
        alm_buffer_text(out, "\n");
    }
    if (json_array_size(listed) == 0 && json_array_size(abandoned) == 0) {
        alm_buffer_text(out, "listed in no split\n");
    }
    add_cloud(out, report, "moving");
    add_cloud(out, report, "fixed");
    for (size_t i = 0; i < json_array_size(pages); i++) {
        const json_t *page = json_array_get(pages, i);
        alm_buffer_format(out, "page %zu: %lldx%lld\n", i + 1, count_of(page, "width"),
                          count_of(page, "height"));
    }
    for (size_t i = 0; i < json_array_size(errors); i++) {
        alm_buffer_text(out, "bad: ");
        add_text(out, json_string_value(json_array_get(errors, i)));
        alm_buffer_text(out, "\n");
    }
}
