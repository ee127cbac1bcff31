/* What a model folder, a text or a page becomes: for people who debug a model. Text that comes from
 * files is printed without control characters.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernels/core/env.h"
#include "kernels/core/memory.h"
#include "runtime/assemlm.h"
#include "runtime/input/image.h"
#include "runtime/input/json.h"
#include "runtime/input/lines.h"
#include "runtime/input/state.h"
#include "runtime/output/overwrite.h"
#include "runtime/output/result.h"
#include "runtime/output/safetensors_write.h"
#include "runtime/output/sink.h"

/* ---- inspect model ---- */

typedef enum use { USE_UNKNOWN, USE_UNEXPECTED, USE_NONE, USE_READ } use;

static const char *const use_names[] = {[USE_UNKNOWN] = "?",
                                        [USE_UNEXPECTED] = "unexpected",
                                        [USE_NONE] = "unused",
                                        [USE_READ] = "used"};

typedef struct total {
    const char *prefix, *name;
    int64_t tensors, parameters, bytes;
} total;

typedef struct model_view {
    const alm_state *state;
    use *use;    /* of every tensor of the state */
    bool *again; /* shares its data with a tensor before it */
    alm_sink *out;
    int missing;
} model_view;

static alm_status mark_use(void *context, const alm_tensor_spec *spec)
{
    model_view *view = context;
    const int index = alm_state_index(view->state, spec->name);
    if (index >= 0) {
        view->use[index] = spec->used ? USE_READ : USE_NONE;
    } else if (spec->used) {
        alm_sink_print(view->out, "missing: %s\n", spec->name);
        view->missing++;
    }
    return ALM_OK;
}

/* For qsort: by storage, then place, then index. */
typedef struct place {
    size_t storage;
    uintptr_t data;
    int index;
} place;

static int compare_places(const void *a, const void *b)
{
    const place *x = a, *y = b;
    if (x->storage != y->storage) {
        return x->storage < y->storage ? -1 : 1;
    }
    if (x->data != y->data) {
        return x->data < y->data ? -1 : 1;
    }
    return x->index - y->index;
}

/* Tied tensors are views of the same bytes. (Tensors may share a storage and yet lie at different
 * places of it.) */
static alm_status mark_shared(model_view *view)
{
    const int count = alm_state_count(view->state);
    place *places;
    ALM_TRY(alm_alloc((size_t)count, sizeof *places, "tensor table", &places));
    for (int i = 0; i < count; i++) {
        const alm_state_tensor *t = alm_state_at(view->state, i);
        places[i] = (place){.storage = t->storage, .data = (uintptr_t)t->data, .index = i};
    }
    qsort(places, (size_t)count, sizeof *places, compare_places);
    for (int i = 1; i < count; i++) {
        view->again[places[i].index] =
            places[i].storage == places[i - 1].storage && places[i].data == places[i - 1].data;
    }
    alm_free(places);
    return ALM_OK;
}

static void print_tensor(alm_sink *out, const alm_state_tensor *t, use how, bool again,
                         size_t bytes)
{
    char shape[ALM_DESC_TEXT] = "";
    size_t n = 0;
    for (int d = 0; d < t->desc.rank && n < sizeof shape; d++) {
        n += (size_t)snprintf(shape + n, sizeof shape - n, "%s%lld", d ? ", " : "",
                              (long long)t->desc.dim[d]);
    }
    alm_sink_print(out, "%-84.400s %-5s %-24s %12zu  %s%s\n", t->name, alm_dtype_name(t->stored),
                   shape, bytes, use_names[how], again ? ", shared" : "");
}

static void print_totals(alm_sink *out, const total *totals, int count)
{
    total all = {.name = "all"};
    alm_sink_print(out, "\n%-20s %8s %16s %16s\n", "part", "tensors", "parameters", "bytes");
    for (int i = 0; i <= count; i++) {
        const total *t = i < count ? &totals[i] : &all;
        all.tensors += i < count ? t->tensors : 0;
        all.parameters += i < count ? t->parameters : 0;
        all.bytes += i < count ? t->bytes : 0;
        if (t->tensors > 0 || i == count) {
            alm_sink_print(out, "%-20s %8lld %16lld %16lld\n", t->name, (long long)t->tensors,
                           (long long)t->parameters, (long long)t->bytes);
        }
    }
    alm_sink_print(out, "(parameters and bytes of shared tensors are counted once)\n");
}

static alm_status print_model(const model_view *view)
{
    total totals[] = {
        {.prefix = "pvlm_interface.vlm.model.visual.", .name = "vision tower"},
        {.prefix = "pvlm_interface.vlm.", .name = "language model"},
        {.prefix = "pvlm_interface.point_encoder.", .name = "point encoder"},
        {.prefix = "pvlm_interface.point_projector.", .name = "point projector"},
        {.prefix = "pvlm_interface.point_patch_bridge.", .name = "bridge"},
        {.prefix = "pose_regression_head.", .name = "pose head"},
        {.prefix = "", .name = "other"},
    };
    enum { PARTS = sizeof totals / sizeof totals[0] };
    alm_sink_print(view->out, "%-84s %-5s %-24s %12s  %s\n", "tensor", "dtype", "shape", "bytes",
                   "use");
    for (int i = 0; i < alm_state_count(view->state) && !view->out->failed; i++) {
        const alm_state_tensor *t = alm_state_at(view->state, i);
        const size_t bytes = (size_t)alm_desc_count(&t->desc) * alm_dtype_size(t->stored);
        int part = 0;
        while (strncmp(t->name, totals[part].prefix, strlen(totals[part].prefix)) != 0) {
            part++;
        }
        totals[part].tensors++;
        if (!view->again[i]) {
            totals[part].parameters += alm_desc_count(&t->desc);
            totals[part].bytes += (int64_t)bytes;
        }
        print_tensor(view->out, t, view->use[i], view->again[i], bytes);
    }
    print_totals(view->out, totals, PARTS);
    alm_sink_print(view->out, "%.900s: %zu bytes\n", alm_state_path(view->state),
                   alm_state_file_bytes(view->state));
    return alm_sink_flush(view->out);
}

/* Marks what the settings say of the tensors. A folder that does not fit is still shown; the status
 * says what is wrong with it. */
static alm_status mark_by_settings(model_view *view, const char *model, const char *base)
{
    const char *extra[ALM_EXTRA_TOKENS];
    alm_settings *settings;
    alm_tokenizer *tokenizer = NULL;
    ALM_TRY(alm_settings_read(model, base, &settings));
    alm_prompt_extra_tokens(settings, extra);
    alm_status status = alm_tokenizer_load(settings->base, extra, ALM_EXTRA_TOKENS, &tokenizer);
    if (status == ALM_OK) {
        status = alm_settings_fit(settings, view->state, alm_tokenizer_size(tokenizer));
    }
    for (int i = 0; i < alm_state_count(view->state); i++) {
        view->use[i] = USE_UNEXPECTED;
    }
    /* Names and use do not depend on what the fit finds out; mark_use cannot fail. */
    (void)alm_tensor_specs(settings, mark_use, view);
    alm_tokenizer_free(tokenizer);
    alm_settings_free(settings);
    return status;
}

static alm_status inspect_state(const alm_state *state, const char *model, const char *base,
                                alm_sink *out)
{
    model_view view = {.state = state, .out = out};
    const size_t count = (size_t)alm_state_count(state);
    ALM_TRY(alm_calloc(count, sizeof *view.use, "tensor table", &view.use));
    alm_status status = alm_calloc(count, sizeof *view.again, "tensor table", &view.again);
    if (status == ALM_OK) {
        status = mark_shared(&view);
    }
    if (status == ALM_OK) {
        status = mark_by_settings(&view, model, base);
        if (status != ALM_STATUS_MEMORY) {
            char why[1024];
            snprintf(why, sizeof why, "%s", alm_error_message());
            const alm_status printed = print_model(&view);
            if (status == ALM_OK) {
                status = printed;
            } else {
                status = alm_fail(status, "%s", why);
            }
        }
    }
    alm_free(view.use);
    alm_free(view.again);
    return status;
}

alm_status alm_inspect_model(const char *model, const char *base, alm_write_fn *write,
                             void *context)
{
    alm_state *state;
    alm_sink out = {.write = write, .context = context};
    alm_error_clear();
    ALM_TRY(alm_fail_param(alm_state_open(model, &state), "model"));
    const alm_status status = inspect_state(state, model, base, &out);
    alm_state_close(state);
    return alm_fail_param(status, "model");
}

/* ---- inspect tokens ---- */

/* One text of 1 MiB, every byte of it an escape of six. */
enum { TOKEN_LINE_BYTES = 6 * ALM_TEXT_LIMIT + 4096 };

typedef struct text_line {
    char *text;
    size_t bytes;
    bool plain;
} text_line;

/* With the model's settings, its four extra tokens are known; with a base folder alone they are
 * not. */
static alm_status load_tokenizer(const char *model, const char *base, alm_tokenizer **out)
{
    if (!model) {
        return alm_tokenizer_load(base, NULL, 0, out);
    }
    const char *extra[ALM_EXTRA_TOKENS];
    alm_settings *settings;
    ALM_TRY(alm_settings_read(model, base, &settings));
    alm_prompt_extra_tokens(settings, extra);
    const alm_status status = alm_tokenizer_load(settings->base, extra, ALM_EXTRA_TOKENS, out);
    alm_settings_free(settings);
    return status;
}

static alm_status take_text(alm_json *json, text_line *out)
{
    if (alm_json_peek(json) != '"') {
        return alm_json_fail(json, "text is no text");
    }
    if (out->text) {
        return alm_json_fail(json, "key 'text' is there twice");
    }
    ALM_TRY(alm_json_string(json));
    ALM_TRY(alm_alloc(json->bytes + 1, 1, "text", &out->text));
    memcpy(out->text, json->text, json->bytes + 1);
    out->bytes = json->bytes;
    return ALM_OK;
}

/* Keys that are not ours are passed over, so that a file of test cases can be read as it is. */
static alm_status take_text_object(alm_json *json, text_line *out)
{
    bool more;
    ALM_TRY(alm_json_open(json, '{'));
    for (;;) {
        ALM_TRY(alm_json_key(json, &more));
        if (!more) {
            break;
        }
        if (strcmp(json->text, "text") == 0) {
            ALM_TRY(take_text(json, out));
        } else if (strcmp(json->text, "plain") == 0) {
            const char next = alm_json_peek(json);
            if (next != 't' && next != 'f') {
                return alm_json_fail(json, "plain is neither true nor false");
            }
            out->plain = next == 't';
            ALM_TRY(alm_json_skip(json));
        } else {
            ALM_TRY(alm_json_skip(json));
        }
    }
    return out->text ? alm_json_end(json) : alm_json_fail(json, "text is missing");
}

static alm_status parse_text(const alm_line *line, const char *file, text_line *out)
{
    if (line->is_too_long) {
        return alm_fail(ALM_STATUS_SAMPLE, "%s: line %lld: longer than %d bytes", file,
                        (long long)line->number, (int)TOKEN_LINE_BYTES);
    }
    alm_json json;
    alm_json_begin(&json, file, line->text, line->bytes);
    json.lines_before = (size_t)line->number - 1;
    json.nul_allowed = true;
    const alm_status status = take_text_object(&json, out);
    alm_json_close(&json);
    return status == ALM_STATUS_MODEL ? ALM_STATUS_SAMPLE : status;
}

static void print_ids(alm_sink *out, const alm_ids *ids)
{
    alm_sink_print(out, "{\"ids\": [");
    for (size_t i = 0; i < ids->count && !out->failed; i++) {
        alm_sink_print(out, "%s%d", i ? ", " : "", ids->id[i]);
    }
    alm_sink_print(out, "]}\n");
}

/* Prints the ids of a line, or {"error": ...}; *failed counts the latter. */
static alm_status do_text(const alm_tokenizer *tokenizer, const alm_line *line, const char *file,
                          alm_sink *out, int64_t *failed)
{
    text_line text = {0};
    alm_ids ids = {0};
    alm_error_clear();
    alm_status status = parse_text(line, file, &text);
    if (status == ALM_OK) {
        status = alm_tokenizer_encode(tokenizer, text.text, text.bytes, !text.plain, &ids);
        if (status != ALM_OK) {
            alm_fail_context(status, "%s: line %lld", file, (long long)line->number);
        }
    }
    alm_status written = ALM_OK;
    if (status == ALM_OK) {
        print_ids(out, &ids);
    } else {
        char *error;
        *failed += 1;
        written = alm_error_json(status, &error);
        if (written == ALM_OK) {
            /* A message is at most 1,023 bytes, escapes make it longer. */
            alm_sink_put(out, error, strlen(error));
            alm_sink_print(out, "\n");
            alm_text_free(error);
        }
    }
    alm_free(text.text);
    alm_free(ids.id);
    return written == ALM_OK ? alm_sink_flush(out) : written;
}

static alm_status do_texts(const alm_tokenizer *tokenizer, alm_lines *lines, const char *file,
                           alm_sink *out)
{
    int64_t count = 0, failed = 0;
    alm_line line;
    for (;;) {
        ALM_TRY(alm_lines_next(lines, &line));
        if (!line.text) {
            break;
        }
        if (!line.is_blank) {
            ALM_TRY(do_text(tokenizer, &line, file, out, &failed));
            count++;
        }
    }
    return failed ? alm_fail(ALM_STATUS_PARTIAL, "%lld of %lld lines failed", (long long)failed,
                             (long long)count)
                  : ALM_OK;
}

alm_status alm_inspect_tokens(const char *model, const char *base, const char *path,
                              alm_write_fn *write, void *context)
{
    alm_sink out = {.write = write, .context = context};
    const bool is_stdin = strcmp(path, "-") == 0;
    alm_tokenizer *tokenizer = NULL;
    alm_lines *lines;
    alm_error_clear();
    if (!model && !base) {
        return alm_fail(ALM_STATUS_USAGE, "neither a model nor a base folder was given");
    }
    ALM_TRY(alm_fail_param(load_tokenizer(model, base, &tokenizer), model ? "model" : "base"));
    alm_status status = alm_lines_open(path, TOKEN_LINE_BYTES, &lines);
    if (status == ALM_OK) {
        status = do_texts(tokenizer, lines, is_stdin ? "stdin" : path, &out);
        alm_lines_close(lines);
    }
    alm_tokenizer_free(tokenizer);
    return status;
}

/* ---- inspect image ---- */

static alm_status read_settings(const char *model, const char *base, alm_settings **out)
{
    return model ? alm_settings_read(model, base, out) : alm_settings_read_base(base, out);
}

static alm_status save_page(const alm_settings *settings, const alm_image *image, const char *path,
                            const char *out)
{
    alm_grid grid;
    uint8_t *bytes;
    const alm_page_rule rule = alm_page_rule_of(settings);
    ALM_TRY(alm_page_grid(&rule, image->width, image->height, path, &grid));
    const int64_t patches = (int64_t)grid.rows * grid.columns;
    const int64_t row = (int64_t)3 * rule.temporal_patch * rule.patch * rule.patch;
    ALM_TRY(alm_alloc((size_t)patches, (size_t)row, "patches", &bytes));
    alm_status status = alm_page_patches(&rule, image, grid, bytes);
    if (status == ALM_OK) {
        const int64_t thw[3] = {1, grid.rows, grid.columns};
        const alm_tensor_entry entries[] = {
            {"rgb", alm_desc_3(ALM_DTYPE_U8, image->height, image->width, 3), image->rgb},
            {"grid_thw", alm_desc_1(ALM_DTYPE_I64, 3), thw},
            {"patch_bytes", alm_desc_2(ALM_DTYPE_U8, patches, row), bytes},
        };
        status = alm_safetensors_save(out, entries, sizeof entries / sizeof entries[0]);
    }
    alm_free(bytes);
    return status;
}

alm_status alm_inspect_image(const char *model, const char *base, const char *path, const char *out,
                             bool force)
{
    alm_settings *settings;
    alm_image image;
    alm_error_clear();
    if (!model && !base) {
        return alm_fail(ALM_STATUS_USAGE, "neither a model nor a base folder was given");
    }
    ALM_TRY(alm_output_check(out, force));
    ALM_TRY(alm_fail_param(read_settings(model, base, &settings), model ? "model" : "base"));
    alm_status status = alm_image_read(path, &image);
    if (status == ALM_OK) {
        status = save_page(settings, &image, path, out);
        alm_image_free(&image);
    }
    alm_settings_free(settings);
    return status;
}

/* ---- inspect --env ---- */

alm_status alm_inspect_knobs(alm_write_fn *write, void *context)
{
    alm_sink out = {.write = write, .context = context};
    int count;
    const alm_knob *knobs = alm_knobs(&count);
    for (int i = 0; i < count; i++) {
        const char *value = alm_env_get(knobs[i].name);
        alm_sink_print(&out, "%-20s %s%s\n%-20s %s\n", knobs[i].name, value ? "= " : "(not set)",
                       value ? value : "", "", knobs[i].help);
    }
    return alm_sink_flush(&out);
}
