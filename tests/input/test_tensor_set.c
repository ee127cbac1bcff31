/* The tensors of a state file, each once missing under its name, misshapen, and of another type:
 * each must be named. */
#include <stdio.h>
#include <stdlib.h>

#include "kernels/core/memory.h"
#include "runtime/input/config.h"
#include "tests/shim/alm_test.h"

/* A safetensors file in memory: its header's text and what follows it. */
typedef struct model_file {
    char *data, *header, *payload;
    size_t header_bytes, payload_bytes;
    const char *path; /* where changed copies are written */
} model_file;

static bool open_file(model_file *f)
{
    size_t bytes = 0;
    f->data = alm_test_read(alm_test_golden("sizes_a/model/model.safetensors"), &bytes);
    if (!f->data || bytes < 8) {
        return false;
    }
    uint64_t n;
    memcpy(&n, f->data, 8); /* little-endian, as every machine that we build for */
    f->header = f->data + 8;
    f->header_bytes = (size_t)n;
    f->payload = f->header + n;
    f->payload_bytes = bytes - 8 - (size_t)n;
    f->path = alm_test_path(alm_test_folder(), "changed.safetensors");
    return true;
}

/* Writes the file with `count` bytes of the header at `at` replaced by a text. */
static void write_changed(const model_file *f, size_t at, size_t count, const char *text)
{
    const size_t put = strlen(text), bytes = f->header_bytes - count + put;
    const size_t padded = (bytes + 7) / 8 * 8;
    char *out = malloc(8 + padded + f->payload_bytes);
    if (!out) {
        ALM_FAIL("no memory");
        return;
    }
    const uint64_t n = padded;
    memcpy(out, &n, 8);
    memcpy(out + 8, f->header, at);
    memcpy(out + 8 + at, text, put);
    memcpy(out + 8 + at + put, f->header + at + count, f->header_bytes - at - count);
    memset(out + 8 + bytes, ' ', padded - bytes);
    memcpy(out + 8 + padded, f->payload, f->payload_bytes);
    alm_test_write(f->path, out, 8 + padded + f->payload_bytes);
    free(out);
}

static void refuse_changed(const model_file *f, alm_settings *s, const char *name,
                           const char *expected)
{
    alm_state *state;
    ALM_REQUIRE_OK(alm_state_open(f->path, &state));
    const alm_status status = alm_settings_fit(s, state, 1);
    if (status != ALM_STATUS_MODEL || !strstr(alm_error_message(), name) ||
        !strstr(alm_error_message(), expected)) {
        ALM_FAIL("%s, expected \"%s\": %s, \"%s\"", name, expected, alm_status_name(status),
                 status ? alm_error_message() : "");
    }
    alm_state_close(state);
}

typedef struct visit_context {
    const model_file *file;
    alm_settings *settings;
    int seen;
} visit_context;

/* Offset of a text in the header behind `from`; the header's length when it is not there. */
static size_t find_text(const model_file *f, size_t from, const char *text)
{
    const size_t bytes = strlen(text);
    for (size_t i = from; i + bytes <= f->header_bytes; i++) {
        if (memcmp(f->header + i, text, bytes) == 0) {
            return i;
        }
    }
    return f->header_bytes;
}

static alm_status change_one(void *context, const alm_tensor_spec *spec)
{
    visit_context *c = context;
    const model_file *f = c->file;
    char quoted[160];
    snprintf(quoted, sizeof quoted, "\"%s\"", spec->name);
    const size_t name = find_text(f, 0, quoted);
    if (!spec->used) {
        return ALM_OK;
    }
    const size_t type = find_text(f, name, "BF16"), shape = find_text(f, name, "[");
    if (shape == f->header_bytes) {
        ALM_FAIL("%s is not in the file", spec->name);
        return ALM_OK;
    }
    c->seen++;
    write_changed(f, name + 1, 0, "x");
    refuse_changed(f, c->settings, spec->name, ": missing from the state file");
    write_changed(f, shape + 1, 0, "1, ");
    refuse_changed(f, c->settings, spec->name, ": shape is [1, ");
    write_changed(f, type, 4, "I16");
    refuse_changed(f, c->settings, spec->name, ": type is I16, expected");
    return ALM_OK;
}

ALM_TEST(tensor_set, each_tensor_once_wrong)
{
    model_file f;
    alm_settings *s;
    ALM_REQUIRE(open_file(&f));
    ALM_REQUIRE_OK(alm_settings_read(alm_test_golden("sizes_a/model"), NULL, &s));
    write_changed(&f, 0, 0, "");
    alm_state *state;
    ALM_REQUIRE_OK(alm_state_open(f.path, &state));
    ALM_REQUIRE_OK(alm_settings_fit(s, state, 1));
    alm_state_close(state);
    alm_settings *sizes;
    ALM_REQUIRE_OK(alm_settings_read(alm_test_golden("sizes_a/model"), NULL, &sizes));
    sizes->model.text.embedding_rows = s->model.text.embedding_rows;
    sizes->model.point.channels = s->model.point.channels;
    visit_context c = {.file = &f, .settings = s};
    ALM_REQUIRE_OK(alm_tensor_specs(sizes, change_one, &c));
    ALM_CHECK(c.seen > 150);
    alm_settings_free(sizes);
    alm_settings_free(s);
    free(f.data);
}

/* One more than the table has; what a checkpoint may hold besides is no fault. */
ALM_TEST(tensor_set, unexpected_tensors)
{
    static const char entry[] = "\"%s\": {\"dtype\": \"BF16\", \"shape\": [0], \"data_offsets\": "
                                "[0, 0]}, ";
    static const struct {
        const char *name;
        bool allowed;
    } cases[] = {{"pvlm_interface.vlm.model.visual.blocks.99.norm1.weight", false},
                 {"pose_regression_head.model.fc3.weight", false},
                 {"pvlm_interface.vlm.lm_head.bias", false},
                 {"x", false},
                 {"pvlm_interface.point_encoder.linear0.weight2", true},
                 {"pvlm_interface.point_projector.layers.9.weight", true}};
    model_file f;
    alm_settings *s;
    ALM_REQUIRE(open_file(&f));
    ALM_REQUIRE_OK(alm_settings_read(alm_test_golden("sizes_a/model"), NULL, &s));
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[256];
        snprintf(text, sizeof text, entry, cases[i].name);
        write_changed(&f, 1, 0, text);
        if (!cases[i].allowed) {
            refuse_changed(&f, s, cases[i].name, ": unexpected in the state file");
            continue;
        }
        alm_state *state;
        ALM_REQUIRE_OK(alm_state_open(f.path, &state));
        ALM_CHECK_STATUS(alm_settings_fit(s, state, 1), ALM_OK);
        alm_state_close(state);
    }
    alm_settings_free(s);
    free(f.data);
}
