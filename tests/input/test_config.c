/* Settings of model folders: the golden ones are read as they are; then every key is left out, of
 * the wrong type, out of range or at odds with another, one at a time, and must be named. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <sys/stat.h>

#include "kernels/core/memory.h"
#include "runtime/input/base_folder.h"
#include "runtime/input/config.h"
#include "runtime/input/json.h"
#include "runtime/input/yaml.h"
#include "tests/shim/alm_test.h"

/* ---- Golden folders -------------------------------------------------------------------------- */

ALM_TEST(config, reads_the_tiny_model)
{
    alm_settings *s;
    ALM_REQUIRE_OK(alm_settings_read(alm_test_golden("tiny/model"), NULL, &s));
    const alm_assemlm2_config *m = &s->model;
    ALM_CHECK_TEXT(s->base, "tiny/model/base");
    ALM_CHECK(strcmp(s->query_token, "<pose_query>") == 0);
    ALM_CHECK_INT(s->point_tokens, 32);
    ALM_CHECK_INT(s->longest, 1800);
    ALM_CHECK_INT(s->image_token_id, 968);
    ALM_CHECK_INT(s->vision_start_token_id, 965);
    ALM_CHECK_INT(s->area_min, 4096);
    ALM_CHECK_INT(s->area_max, 36864);
    ALM_CHECK_INT(s->projector_in, 6);
    ALM_CHECK_INT(s->projector_hidden[1], 32);
    ALM_CHECK_INT(s->projector_out, 96);
    ALM_CHECK_INT(m->vision.depth, 4);
    ALM_CHECK_INT(m->vision.width, 64);
    ALM_CHECK_INT(m->vision.mlp_width, 112);
    ALM_CHECK_INT(m->vision.patch, 16);
    ALM_CHECK_INT(m->vision.temporal_patch, 2);
    ALM_CHECK_INT(m->vision.merge, 2);
    ALM_CHECK_INT(m->vision.grid_side, 8);
    ALM_CHECK_INT(m->vision.deepstack_count, 3);
    ALM_CHECK_INT(m->vision.deepstack_layer[2], 2);
    ALM_CHECK_INT(m->text.width, 96);
    ALM_CHECK_INT(m->text.layers, 5);
    ALM_CHECK_INT(m->text.heads, 4);
    ALM_CHECK_INT(m->text.kv_heads, 2);
    ALM_CHECK_INT(m->text.head_dim, 32);
    ALM_CHECK(m->text.norm_eps == 1e-6);
    ALM_CHECK(m->text.rope_theta == 500.0);
    ALM_CHECK_INT(m->text.mrope_section[0], 8);
    ALM_CHECK_INT(m->point.features, 32);
    ALM_CHECK_INT(m->point.patches, 16);
    ALM_CHECK_INT(m->point.patch_size, 4);
    ALM_CHECK_INT(m->point.grid, 64);
    ALM_CHECK_INT(m->bridge.width, 48);
    ALM_CHECK_INT(m->bridge.mlp_width, 80);
    ALM_CHECK_INT(m->bridge.taps, 3);
    ALM_CHECK_INT(m->bridge.tap_layer[2], 2);
    ALM_CHECK(m->bridge.highest_frequency == 10.0);
    ALM_CHECK(m->bridge.scale_clip == 10.0);
    ALM_CHECK_INT(m->head.width, 128);
    ALM_CHECK_INT(m->head.outputs, 9);
    ALM_CHECK(m->pixel_mean[1] == 0.5F);
    ALM_CHECK(m->pixel_std[2] == 0.5F);
    alm_settings_free(s);
}

ALM_TEST(config, reads_a_base_folder_alone)
{
    alm_settings *s;
    ALM_REQUIRE_OK(alm_settings_read_base(alm_test_golden("tiny/model/base"), &s));
    ALM_CHECK_INT(s->image_token_id, 968);
    ALM_CHECK_INT(s->model.vision.merge, 2);
    ALM_CHECK_INT(s->area_max, 36864);
    ALM_CHECK_INT(s->model.text.width, 0);
    alm_settings_free(s);
}

/* ---- The table of tensors against state files ------------------------------------------------ */

static void check_fit(const char *model)
{
    char name[64];
    alm_settings *s;
    alm_state *state;
    snprintf(name, sizeof name, "%s/model", model);
    ALM_REQUIRE_OK(alm_settings_read(alm_test_golden(name), NULL, &s));
    ALM_REQUIRE_OK(alm_state_open(alm_test_golden(name), &state));
    const int rows =
        (int)alm_state_find(state, "pvlm_interface.vlm.model.language_model.embed_tokens.weight")
            ->desc.dim[0];
    ALM_CHECK_STATUS(alm_settings_fit(s, state, rows), ALM_OK);
    ALM_CHECK_INT(s->model.text.embedding_rows, rows);
    ALM_CHECK(s->model.point.channels > 0);
    ALM_CHECK_STATUS(alm_settings_fit(s, state, rows + 1), ALM_STATUS_MODEL);
    ALM_CHECK_TEXT(alm_error_message(), "embed_tokens.weight: has");
    /* A size that is one off makes some tensor misshapen, missing or unexpected. */
    int *const sizes[] = {
        &s->model.vision.depth,     &s->model.vision.width,  &s->model.vision.mlp_width,
        &s->model.vision.grid_side, &s->model.text.layers,   &s->model.text.heads,
        &s->model.text.kv_heads,    &s->model.text.head_dim, &s->model.text.mlp_width,
        &s->model.point.features,   &s->model.bridge.layers, &s->model.bridge.width,
        &s->model.bridge.mlp_width, &s->model.bridge.bands,  &s->model.bridge.taps,
        &s->model.head.width,       &s->model.head.blocks,   &s->model.vision.deepstack_count};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        const int step = sizes[i] == &s->model.point.features ? 4 : 1;
        for (int sign = -1; sign <= 1; sign += 2) {
            *sizes[i] += sign * step;
            if (alm_settings_fit(s, state, rows) != ALM_STATUS_MODEL) {
                ALM_FAIL("%s: size %zu off by %d fits", model, i, sign * step);
            }
            *sizes[i] -= sign * step;
        }
    }
    ALM_CHECK_STATUS(alm_settings_fit(s, state, rows), ALM_OK);
    alm_state_close(state);
    alm_settings_free(s);
}

ALM_TEST(config, fits_the_golden_states)
{
    check_fit("tiny");
    check_fit("sizes_a");
    check_fit("sizes_b");
    check_fit("sizes_c");
}

typedef struct count {
    int all, used;
    int64_t numbers; /* elements of the used ones */
} count;

static alm_status count_one(void *context, const alm_tensor_spec *spec)
{
    count *c = context;
    int64_t n = 1;
    for (int i = 0; i < spec->rank; i++) {
        n *= spec->dim[i];
    }
    c->all++;
    c->used += spec->used;
    c->numbers += spec->used ? n : 0;
    return ALM_OK;
}

/* assemlm2.md 6 and qwen3vl.md 0.2: parameters of the released sizes. */
ALM_TEST(config, counts_the_released_parameters)
{
    alm_settings *s;
    count c = {0, 0, 0};
    ALM_REQUIRE_OK(alm_settings_read(alm_test_golden("release/model"), NULL, &s));
    s->model.text.embedding_rows = 151936;
    s->model.point.channels = 21;
    ALM_REQUIRE_OK(alm_tensor_specs(s, count_one, &c));
    /* linear0 (3·512 + 512) belongs to the point encoder and is not read. */
    ALM_CHECK_INT(c.numbers, 2127532032LL + 368680 - 2048 + 64612355 + 42020873);
    ALM_CHECK_INT(c.all - c.used, 1 + 2 + 10);
    alm_settings_free(s);
}

/* ---- Changing one value of a file ------------------------------------------------------------ */

/* Text of `name` in the golden tiny model in which the first `key` behind `anchor` (NULL: the
 * beginning) has another value, or another name (value NULL). free() it. NULL when it is not there.
 * Good for YAML and JSON: a value ends at the end of its line, without a comma, or with its
 * bracket. */
static char *changed(const char *name, const char *anchor, const char *key, const char *value)
{
    char path[128], quoted[96];
    size_t bytes;
    snprintf(path, sizeof path, "tiny/model/%s", name);
    snprintf(quoted, sizeof quoted, strstr(name, ".json") ? "\"%s\":" : " %s:", key);
    char *text = alm_test_read(alm_test_golden(path), &bytes);
    if (!text) {
        return NULL;
    }
    char *all = realloc(text, bytes + 1);
    char *out = malloc(bytes + 512);
    if (!all || !out) {
        return NULL;
    }
    all[bytes] = '\0';
    char *from = anchor ? strstr(all, anchor) : all;
    char *at = from ? strstr(from, quoted) : NULL;
    if (!at) {
        ALM_FAIL("%s holds no %s behind %s", name, key, anchor ? anchor : "its beginning");
        free(all);
        free(out);
        return NULL;
    }
    char *begin = at + strlen(quoted);
    begin += strspn(begin, " ");
    char *end = *begin == '[' ? strchr(begin, ']') + 1 : begin + strcspn(begin, "\n");
    end -= end[-1] == ',';
    if (value) {
        sprintf(out, "%.*s%s%s", (int)(begin - all), all, value, end);
    } else {
        sprintf(out, "%.*sno_%s", (int)(at + 1 - all), all, at + 1);
        if (quoted[0] == '"') {
            sprintf(out, "%.*s\"no_%s", (int)(at - all), all, at + 1);
        }
    }
    free(all);
    return out;
}

static void copy_file(const char *from, const char *to)
{
    size_t bytes;
    void *data = alm_test_read(from, &bytes);
    if (data) {
        alm_test_write(to, data, bytes);
        free(data);
    }
}

/* A model folder like tiny's, with one file that has another text. */
static const char *folder_with(const char *name, const char *text)
{
    static const char *const files[] = {"config.yaml", "base/config.json",
                                        "base/preprocessor_config.json"};
    static char folder[512];
    snprintf(folder, sizeof folder, "%s", alm_test_folder());
    mkdir(alm_test_path(folder, "base"), 0700);
    for (size_t i = 0; i < 3; i++) {
        char golden[128];
        snprintf(golden, sizeof golden, "tiny/model/%s", files[i]);
        if (strcmp(files[i], name) == 0) {
            alm_test_write(alm_test_path(folder, files[i]), text, strlen(text));
        } else {
            copy_file(alm_test_golden(golden), alm_test_path(folder, files[i]));
        }
    }
    return folder;
}

/* The folder is refused with a text that holds `expected`. */
static void refuse_text(const char *name, const char *text, const char *expected)
{
    alm_settings *s = NULL;
    const alm_status status = alm_settings_read(folder_with(name, text), NULL, &s);
    if (status != ALM_STATUS_MODEL || !strstr(alm_error_message(), expected)) {
        ALM_FAIL("%s, expected \"%s\": %s, \"%s\"", name, expected, alm_status_name(status),
                 status ? alm_error_message() : "");
    }
    ALM_CHECK(status == ALM_OK || strcmp(alm_error_param(), "model") == 0);
    alm_settings_free(s);
}

static void refuse(const char *name, const char *anchor, const char *key, const char *value,
                   const char *expected)
{
    char *text = changed(name, anchor, key, value);
    if (text) {
        refuse_text(name, text, expected);
    }
    free(text);
}

static void accept(const char *name, const char *anchor, const char *key, const char *value)
{
    char *text = changed(name, anchor, key, value);
    alm_settings *s = NULL;
    if (text && alm_settings_read(folder_with(name, text), NULL, &s) != ALM_OK) {
        ALM_FAIL("%s %s: %s: %s", name, key, value ? value : "(gone)", alm_error_message());
    }
    alm_settings_free(s);
    free(text);
}

typedef struct key_case {
    const char *anchor, *key;
    int kind; /* 'n' whole number, 'r' number, 's' switch, 't' text, 'l' list */
} key_case;

static void check_entries(const char *file, const key_case *entries, size_t n)
{
    char expected[160];
    for (size_t i = 0; i < n; i++) {
        const key_case *e = &entries[i];
        snprintf(expected, sizeof expected, "%s is missing", e->key);
        refuse(file, e->anchor, e->key, NULL, expected);
        snprintf(expected, sizeof expected, "%s is ", e->key);
        const bool takes_null = strcmp(e->key, "base_vlm") == 0;
        if (!takes_null) {
            refuse(file, e->anchor, e->key, "null", expected);
        }
        refuse(file, e->anchor, e->key, "{}", takes_null ? "is no text" : expected);
        if (e->kind == 'n') {
            refuse(file, e->anchor, e->key, "-1", expected);
            refuse(file, e->anchor, e->key, "99999999999", expected);
            refuse(file, e->anchor, e->key, "1e400", "");
            refuse(file, e->anchor, e->key, "\"7\"", expected);
            refuse(file, e->anchor, e->key, "1.5", expected);
            refuse(file, e->anchor, e->key, "true", expected);
            refuse(file, e->anchor, e->key, "[1]", expected);
        } else if (e->kind == 'r') {
            refuse(file, e->anchor, e->key, "-1.0", expected);
            refuse(file, e->anchor, e->key, "0", expected);
            refuse(file, e->anchor, e->key, "1e300", expected);
            refuse(file, e->anchor, e->key, "\"x\"", expected);
        } else if (e->kind == 's') {
            refuse(file, e->anchor, e->key, "\"other\"", "only ");
            refuse(file, e->anchor, e->key, "\"${a.b}\"", "only ");
        }
    }
}

#define CHECK_ENTRIES(file, entries) check_entries(file, entries, sizeof entries / sizeof *entries)

ALM_TEST(config, every_key_of_config_yaml)
{
    static const char b[] = "bridge:", e[] = "vn_dgcnn_patch:\n", m[] = "point_mrope:";
    static const char p[] = "pose_regression:", a[] = "point_attention:";
    static const key_case keys[] = {{"trainer:", "vlm_max_length", 'n'},
                                    {"vlm:", "base_vlm", 't'},
                                    {e, "pc_feat_dim", 'n'},
                                    {e, "fusion_module", 's'},
                                    {e, "pooling", 's'},
                                    {e, "norm_type", 's'},
                                    {e, "num_patches", 'n'},
                                    {e, "patch_size", 'n'},
                                    {e, "patch_method", 's'},
                                    {e, "normalize_frame", 's'},
                                    {b, "enabled", 's'},
                                    {b, "hidden_dim", 'n'},
                                    {b, "num_layers", 'n'},
                                    {b, "num_heads", 'n'},
                                    {b, "ffn_dim", 'n'},
                                    {b, "pos_embed_type", 's'},
                                    {b, "fourier_bands", 'n'},
                                    {b, "fourier_max_freq", 'r'},
                                    {b, "deepstack_enabled", 's'},
                                    {b, "deepstack_num_layers", 'n'},
                                    {b, "deepstack_layer_indexes", 's'},
                                    {b, "feature_layout", 's'},
                                    {b, "position_normalize", 's'},
                                    {b, "scale_encoding_enabled", 's'},
                                    {b, "scale_injection", 's'},
                                    {b, "scale_feature_mode", 's'},
                                    {b, "scale_reference", 'r'},
                                    {b, "scale_log_clip", 'r'},
                                    {b, "attention_isolation", 's'},
                                    {m, "enabled", 's'},
                                    {m, "grid_size", 'n'},
                                    {m, "normalize", 's'},
                                    {m, "base_mode", 's'},
                                    {m, "reflow_text_positions", 's'},
                                    {a, "bidirectional_enabled", 's'},
                                    {a, "bidirectional_scope", 's'},
                                    {a, "feature_isolation", 's'},
                                    {p, "enabled", 's'},
                                    {p, "query_mode", 's'},
                                    {p, "query_token", 't'},
                                    {p, "hidden_dim", 'n'},
                                    {p, "num_blocks", 'n'},
                                    {p, "output_dim", 's'},
                                    {"framework:", "use_category_in_instruction", 's'},
                                    {"centering_mode:", "point_token_len", 'n'}};
    CHECK_ENTRIES("config.yaml", keys);
}

ALM_TEST(config, every_key_of_the_base_folder)
{
    static const char t[] = "text_config", v[] = "vision_config", s[] = "size";
    static const key_case keys[] = {{NULL, "image_token_id", 'n'},
                                    {NULL, "vision_start_token_id", 'n'},
                                    {t, "hidden_size", 'n'},
                                    {t, "intermediate_size", 'n'},
                                    {t, "num_hidden_layers", 'n'},
                                    {t, "num_attention_heads", 'n'},
                                    {t, "num_key_value_heads", 'n'},
                                    {t, "head_dim", 'n'},
                                    {t, "rms_norm_eps", 'r'},
                                    {t, "rope_theta", 'r'},
                                    {t, "hidden_act", 's'},
                                    {t, "attention_bias", 's'},
                                    {t, "mrope_interleaved", 's'},
                                    {t, "mrope_section", 'l'},
                                    {v, "depth", 'n'},
                                    {v, "hidden_size", 'n'},
                                    {v, "num_heads", 'n'},
                                    {v, "intermediate_size", 'n'},
                                    {v, "in_channels", 'n'},
                                    {v, "num_position_embeddings", 'n'},
                                    {v, "out_hidden_size", 'n'},
                                    {v, "patch_size", 'n'},
                                    {v, "spatial_merge_size", 'n'},
                                    {v, "temporal_patch_size", 'n'},
                                    {v, "hidden_act", 's'},
                                    {v, "deepstack_visual_indexes", 'l'}};
    static const key_case processor[] = {
        {s, "shortest_edge", 'n'}, {s, "longest_edge", 'n'},
        {NULL, "patch_size", 'n'}, {NULL, "temporal_patch_size", 'n'},
        {NULL, "merge_size", 'n'}, {NULL, "image_mean", 'l'},
        {NULL, "image_std", 'l'}};
    CHECK_ENTRIES("base/config.json", keys);
    CHECK_ENTRIES("base/preprocessor_config.json", processor);
}

ALM_TEST(config, sizes_that_disagree)
{
    static const char b[] = "bridge:", e[] = "vn_dgcnn_patch:\n", y[] = "config.yaml";
    static const char t[] = "text_config", v[] = "vision_config", j[] = "base/config.json";
    static const char p[] = "base/preprocessor_config.json";
    refuse(y, e, "num_patches", "17", "point_token_len is 32, expected 2 x num_patches = 34");
    refuse(y, e, "pc_feat_dim", "34", "pc_feat_dim is 34, expected a multiple of 4");
    refuse(y, b, "num_heads", "5", "hidden_dim is 48, expected a multiple of num_heads 5");
    refuse(y, "point_mrope:", "enabled", "false",
           "config.yaml: framework.point_mrope.enabled is false; only true is supported");
    refuse(y, e, "patch_size", "1025",
           "patch_size is 1025, expected a whole number from 1 to 1024");
    refuse(y, b, "deepstack_num_layers", "0", "from 1 to");
    refuse(j, v, "out_hidden_size", "64",
           "out_hidden_size is 64, expected 96 as text_config.hidden");
    refuse(j, v, "spatial_merge_size", "1", "spatial_merge_size is 1, expected 2 as preprocessor");
    refuse(j, v, "patch_size", "14", "patch_size is 14, expected 16 as preprocessor");
    refuse(j, v, "temporal_patch_size", "1", "temporal_patch_size is 1, expected 2");
    refuse(j, v, "num_heads", "3", "vision_config.hidden_size is 64, expected a multiple of 4 x");
    refuse(j, v, "num_heads", "32", "vision_config.hidden_size is 64, expected a multiple of 4 x");
    refuse(j, v, "num_position_embeddings", "63", "63, expected a square");
    refuse(j, v, "deepstack_visual_indexes", "[0, 1, 4]", "holds 4, expected ascending numbers");
    refuse(j, v, "deepstack_visual_indexes", "[1, 0]", "holds 0, expected ascending numbers");
    refuse(j, v, "deepstack_visual_indexes", "[1, 1]", "holds 1, expected ascending numbers");
    refuse(j, t, "num_key_value_heads", "3", "multiple of num_key_value_heads 3");
    refuse(j, t, "head_dim", "31", "head_dim is 31, expected an even number");
    refuse(j, t, "mrope_section", "[8, 4]", "mrope_section has 2 numbers, expected 3");
    refuse(j, t, "mrope_section", "[8, 4, 4, 4]", "a list of 4");
    refuse(p, NULL, "image_std", "[0.5, 0, 0.5]", "image_std is 0, expected a number from 0.001");
    refuse(p, NULL, "image_mean", "[0.5, 0.5]", "image_mean is a list of 2, expected a list of 3");
    refuse(p, "size", "longest_edge", "64", "shortest_edge is 4096, expected at most longest_edge");
    refuse(p, NULL, "image_processor_type", "\"CLIPImageProcessor\"", "CLIPImageProcessor");
    refuse(p, NULL, "processor_class", "\"x\", \"do_resize\": false", "do_resize is false");
    refuse(p, NULL, "processor_class", "\"x\", \"resample\": 2", "resample is 2; only 3");
    refuse(p, NULL, "processor_class", "\"x\", \"max_pixels\": 2", "max_pixels is not supported");
    refuse(p, NULL, "processor_class", "\"x\", \"rescale_factor\": 1", "rescale_factor is 1; only");
    accept(p, NULL, "processor_class", "\"x\", \"rescale_factor\": 0.00392156862745098");
    accept(p, NULL, "processor_class", "\"x\", \"do_resize\": null, \"resample\": 3");
    accept(j, v, "deepstack_visual_indexes", "[]");
    accept(y, e, "patch_size", "1024");
    accept(y, b, "scale_reference", "1");
    accept(y, b, "scale_reference", "2e-3");
}

/* Taps of the bridge: after layer int((i+1)·layers/(count+1)) − 1, or after every one. */
ALM_TEST(config, taps_of_the_bridge)
{
    static const struct {
        const char *count;
        int layers, taps, at[4];
    } cases[] = {{"1", 4, 1, {1}},
                 {"2", 4, 2, {0, 1}},
                 {"3", 4, 3, {0, 1, 2}},
                 {"4", 4, 4, {0, 1, 2, 3}},
                 {"9", 4, 4, {0, 1, 2, 3}}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        alm_settings *s;
        char *text = changed("config.yaml", "bridge:", "deepstack_num_layers", cases[i].count);
        ALM_REQUIRE(text != NULL);
        ALM_REQUIRE_OK(alm_settings_read(folder_with("config.yaml", text), NULL, &s));
        ALM_CHECK_INT(s->model.bridge.taps, cases[i].taps);
        for (int k = 0; k < cases[i].taps; k++) {
            ALM_CHECK_INT(s->model.bridge.tap_layer[k], cases[i].at[k]);
        }
        alm_settings_free(s);
        free(text);
    }
}

/* ---- Files that are not what they seem ------------------------------------------------------- */

ALM_TEST(config, broken_yaml)
{
    static const struct {
        const char *text, *expected;
    } cases[] = {
        {"", "is empty"},
        {"a: 1\na: 2\n", "config.yaml: line 2: the key \"a\" is there twice"},
        {"a: &x [1]\nb: *x\n", "line 1: anchors (&) are not supported"},
        {"b: *x\n", "line 1: aliases (*) are not supported"},
        {"a: !!python/object:os.system x\n", "line 1: tags (!) are not supported"},
        {"a:\n  <<: {b: 1}\n", "line 2: merge keys (<<) are not supported"},
        {"? [a]\n: 1\n", "a key is not a plain text"},
        {"a: 1\n---\nb: 2\n", "a second document"},
        {"a: [1, 2\n", "config.yaml: line"},
        {"a: \"x\n", "config.yaml: line"},
        {"a: b: c\n", "config.yaml: line 1"},
        {"\xff\xfe", "config.yaml: byte"},
        {"a: \"\\0\"\n", "a text holds a NUL byte"},
        {"- 1\n", "is missing"},
        {"just text\n", "is missing"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        refuse_text("config.yaml", cases[i].text, cases[i].expected);
    }
}

ALM_TEST(config, broken_json)
{
    static const struct {
        const char *text, *expected;
    } cases[] = {
        {"", "is not a JSON value"},
        {"{", "the text ends, expected '\"'"},
        {"{}x", "text follows the JSON value"},
        {"{\"a\":1,}", "is '}', expected '\"'"},
        {"[1,]", "is not a JSON value"},
        {"{\"a\":1 \"b\":2}", "expected ','"},
        {"{\"a\":1,\n\"a\":2}", "line 2, byte 13: the key \"a\" is there twice"},
        {"{\"a\":01}", "expected ','"},
        {"{\"a\":+1}", "is not a JSON value"},
        {"{\"a\":1.}", "is not a JSON value"},
        {"{\"a\":.5}", "is not a JSON value"},
        {"{\"a\":1e}", "is not a JSON value"},
        {"{\"a\":1e999}", "1e999 is too large"},
        {"{\"a\":nul}", "is not a JSON value"},
        {"{\"a\":NaN}", "is not a JSON value"},
        {"{\"a\":\"\\x\"}", "an unknown escape"},
        {"{\"a\":\"\\ud800\"}", "\\ud800 is no character"},
        {"{\"a\":\"\\udc00\"}", "\\udc00 is no character"},
        {"{\"a\":\"\\u12g4\"}", "four hexadecimal digits"},
        {"{\"a\":\"\n\"}", "a control character"},
        {"{\"a\":\"\xff\"}", "a text is not UTF-8"},
        {"{\"a\":\"", "the text ends within a string"},
        {"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[", "nested deeper than 32 levels"},
        {"[]", "is missing"},
        {"7", "is missing"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        refuse_text("base/config.json", cases[i].text, cases[i].expected);
    }
}

/* More of everything than a settings file has: refused within its limits, and at once. */
ALM_TEST(config, floods)
{
    const size_t bytes = 300 << 10;
    char *text = malloc(bytes);
    ALM_REQUIRE(text != NULL);
    memset(text, ' ', bytes);
    text[bytes - 1] = '\0';
    refuse_text("config.yaml", text, "has 307199 bytes, at most 262144 are allowed");
    const size_t fit = 262000;
    memset(text, '[', fit);
    text[fit] = '\0';
    refuse_text("config.yaml", text, "nested deeper than 32 levels");
    for (size_t i = 0; i < fit; i++) {
        text[i] = i % 2 ? '1' : ',';
    }
    text[0] = '[';
    refuse_text("base/config.json", text, "more than 65536 values");
    for (size_t i = 0, at = 0; at + 16 < fit; i++) {
        at += (size_t)sprintf(text + at, "k%zu: 1\n", i);
    }
    refuse_text("config.yaml", text, "a map has more than 2048 keys");
    free(text);
}

ALM_TEST(config, plain_scalars_of_yaml)
{
    static const struct {
        const char *text;
        alm_tree_kind kind;
        double number;
    } cases[] = {{"1", ALM_TREE_WHOLE, 1},
                 {"-7", ALM_TREE_WHOLE, -7},
                 {"+7", ALM_TREE_WHOLE, 7},
                 {"007", ALM_TREE_TEXT, 0},
                 {"0x10", ALM_TREE_TEXT, 0},
                 {"1_000", ALM_TREE_TEXT, 0},
                 {"1.5", ALM_TREE_REAL, 1.5},
                 {"1e-06", ALM_TREE_REAL, 1e-6},
                 {"5.0e-06", ALM_TREE_REAL, 5e-6},
                 {".5", ALM_TREE_REAL, 0.5},
                 {"-.5e+1", ALM_TREE_REAL, -5},
                 {"1e+-5", ALM_TREE_TEXT, 0},
                 {".", ALM_TREE_TEXT, 0},
                 {"-", ALM_TREE_TEXT, 0},
                 {".nan", ALM_TREE_TEXT, 0},
                 {"inf", ALM_TREE_TEXT, 0},
                 {"yes", ALM_TREE_BOOL, 0},
                 {"Off", ALM_TREE_BOOL, 0},
                 {"~", ALM_TREE_NULL, 0},
                 {"", ALM_TREE_NULL, 0},
                 {"'1'", ALM_TREE_TEXT, 0},
                 {"99999999999999999999", ALM_TREE_TEXT, 0},
                 {"-9223372036854775808", ALM_TREE_WHOLE, -9223372036854775808.0}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[64];
        alm_tree tree = {.file = "test"};
        snprintf(text, sizeof text, "- %s\n", cases[i].text);
        if (strcmp(cases[i].text, "-") == 0) {
            snprintf(text, sizeof text, "[\"-\"]");
        }
        ALM_REQUIRE_OK(alm_yaml_tree(text, strlen(text), &tree));
        ALM_CHECK_INT(tree.node[1].kind, cases[i].kind);
        ALM_CHECK(tree.node[1].real == cases[i].number);
        alm_tree_clear(&tree);
    }
}

/* ---- The base folder ------------------------------------------------------------------------- */

static void expect_base(const char *folder, const char *entry, const char *expected)
{
    char *found = NULL;
    const alm_status status = alm_base_folder_find(folder, NULL, entry, &found);
    if (status != ALM_OK || strcmp(found, expected) != 0) {
        ALM_FAIL("%s is %s (%s), expected %s", entry, found ? found : "nowhere",
                 status ? alm_error_message() : "", expected);
    }
    alm_free(found);
}

static void refuse_base(const char *folder, const char *option, const char *entry,
                        const char *expected)
{
    char *found = NULL;
    ALM_CHECK_STATUS(alm_base_folder_find(folder, option, entry, &found), ALM_STATUS_MODEL);
    ALM_CHECK(found == NULL);
    ALM_CHECK_TEXT(alm_error_message(), expected);
}

ALM_TEST(config, finds_the_base_folder)
{
    char folder[512], below[600], beside[600], text[1200];
    snprintf(folder, sizeof folder, "%s", alm_test_folder());
    snprintf(below, sizeof below, "%s/qwen", folder);
    snprintf(beside, sizeof beside, "%s/base", folder);
    mkdir(below, 0700);
    unsetenv("ALM_TEST_BASE");
    refuse_base(folder, NULL, "${oc.env:ALM_TEST_BASE}", "ALM_TEST_BASE is not set");
    ALM_CHECK_TEXT(alm_error_message(), "hf download Qwen/Qwen3-VL-2B-Instruct");
    refuse_base(folder, NULL, "/nowhere/at/all", "base_vlm /nowhere/at/all: no such folder");
    refuse_base(folder, NULL, NULL, "config.yaml names none");
    refuse_base(folder, "/nowhere", below, "--base /nowhere: no such folder");
    mkdir(beside, 0700);
    expect_base(folder, "${oc.env:ALM_TEST_BASE}", beside);
    expect_base(folder, "${oc.env:ALM_TEST_BASE,null}", beside);
    expect_base(folder, NULL, beside);
    expect_base(folder, "qwen", below);
    expect_base(folder, below, below);
    snprintf(text, sizeof text, "${oc.env:ALM_TEST_BASE, '%s'}", below);
    expect_base(folder, text, below);
    setenv("ALM_TEST_BASE", below, 1);
    expect_base(folder, "${oc.env:ALM_TEST_BASE,/nowhere}", below);
    setenv("ALM_TEST_BASE", folder, 1);
    expect_base(folder, "${oc.env:ALM_TEST_BASE}/qwen", below);
    unsetenv("ALM_TEST_BASE");
    refuse_base(folder, NULL, "${foo:bar}", "${foo:bar} is not known");
    refuse_base(folder, NULL, "x${a.b}", "${a.b} is not known");
    refuse_base(folder, NULL, "${oc.env:A", "is not known");
    refuse_base(folder, NULL, "${oc.env:}", "names no variable");
    refuse_base(folder, NULL, "${oc.env:A,${oc.env:B}}", "is not known");
}

ALM_TEST(config, finds_names_in_the_hub_cache)
{
    static const char commit[] = "0123456789abcdef0123456789abcdef01234567";
    char cache[512], path[900];
    char *found = NULL;
    snprintf(cache, sizeof cache, "%s", alm_test_folder());
    static const char *const made[] = {"models--Qwen--Tiny", "models--Qwen--Tiny/refs",
                                       "models--Qwen--Tiny/snapshots",
                                       "models--Qwen--Tiny/snapshots/0123456789abcdef0123456789ab"
                                       "cdef01234567"};
    for (size_t i = 0; i < 4; i++) {
        snprintf(path, sizeof path, "%s/%s", cache, made[i]);
        mkdir(path, 0700);
    }
    setenv("HF_HUB_CACHE", cache, 1);
    ALM_REQUIRE_OK(alm_hub_folder("Qwen/Tiny", &found));
    ALM_CHECK(found == NULL);
    snprintf(path, sizeof path, "%s/models--Qwen--Tiny/refs/main", cache);
    alm_test_write(path, commit, strlen(commit));
    ALM_REQUIRE_OK(alm_hub_folder("Qwen/Tiny", &found));
    ALM_REQUIRE(found != NULL);
    ALM_CHECK_TEXT(found, "snapshots/0123456789abcdef");
    alm_free(found);
    alm_test_write(path, "../../../../etc", 15);
    ALM_REQUIRE_OK(alm_hub_folder("Qwen/Tiny", &found));
    ALM_CHECK(found == NULL);
    ALM_REQUIRE_OK(alm_hub_folder("../etc", &found));
    ALM_CHECK(found == NULL);
    refuse_base("/nowhere", NULL, "Qwen/Other", "hf download Qwen/Other");
    unsetenv("HF_HUB_CACHE");
}

ALM_TEST(config, files_that_are_none)
{
    char folder[512], path[600];
    alm_settings *s = NULL;
    snprintf(folder, sizeof folder, "%s", alm_test_folder());
    ALM_CHECK_STATUS(alm_settings_read(folder, NULL, &s), ALM_STATUS_MODEL);
    ALM_CHECK_TEXT(alm_error_message(), "config.yaml: cannot be opened");
    snprintf(path, sizeof path, "%s/config.yaml", folder);
    mkdir(path, 0700);
    ALM_CHECK_STATUS(alm_settings_read(folder, NULL, &s), ALM_STATUS_MODEL);
    ALM_CHECK_TEXT(alm_error_message(), "is not a regular file");
    rmdir(path);
    ALM_CHECK_INT(mkfifo(path, 0600), 0);
    ALM_CHECK_STATUS(alm_settings_read(folder, NULL, &s), ALM_STATUS_MODEL);
    ALM_CHECK_TEXT(alm_error_message(), "is not a regular file");
    ALM_CHECK(s == NULL);
}
