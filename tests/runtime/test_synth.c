/* Weights by rule, the two containers, and what `synth model` does to folders. */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "kernels/core/memory.h"
#include "runtime/assemlm.h"
#include "runtime/input/config.h"
#include "runtime/input/prompt.h"
#include "runtime/input/state.h"
#include "runtime/output/safetensors_write.h"
#include "runtime/output/synth_weights.h"
#include "runtime/output/torch_write.h"
#include "tests/shim/alm_test.h"

typedef struct folder_name {
    char path[256];
} folder_name;

static folder_name below(const char *folder, const char *name)
{
    folder_name f;
    const int bytes = snprintf(f.path, sizeof f.path, "%s/%s", folder, name);
    ALM_CHECK(bytes < (int)sizeof f.path);
    return f;
}

static folder_name new_folder(void)
{
    folder_name f;
    snprintf(f.path, sizeof f.path, "%s", alm_test_folder());
    return f;
}

static bool exists(const char *path)
{
    struct stat about;
    return stat(path, &about) == 0;
}

/* Entries of a folder without "." and "..". */
static int entries(const char *path)
{
    DIR *dir = opendir(path);
    int n = 0;
    while (dir && readdir(dir)) {
        n++;
    }
    if (dir) {
        closedir(dir);
    }
    return n - 2;
}

/* ---- The rule -------------------------------------------------------------------------------- */

static void expect_bits(const char *name, alm_desc desc, const uint16_t *bits, int count)
{
    alm_bf16 got[4];
    const alm_weight_rule rule = alm_weight_rule_of(name, &desc, 1);
    alm_weight_fill(&rule, 0, count, got);
    if (memcmp(got, bits, (size_t)count * sizeof *bits) != 0) {
        ALM_FAIL("%s: %04x %04x %04x, expected %04x %04x %04x", name, got[0], got[1], got[2],
                 bits[0], bits[1], bits[2]);
    }
}

/* The values that the golden data's README prints. */
ALM_TEST(synth, follows_the_rule)
{
    const uint16_t weight[] = {0xbc4e, 0x3d94, 0xbc43, 0x3d90};
    const uint16_t bias[] = {0xbd22, 0x3d57, 0xbd38, 0xbd7e};
    const uint16_t norm[] = {0x3f93, 0x3f60, 0x3f94, 0x3f4b};
    const uint16_t gates[] = {0x3eeb, 0x3f27, 0x3f0f};
    const uint16_t patches[] = {0xbd20, 0xbcfb, 0xbb25, 0x3d07};
    const alm_desc five = {.dtype = ALM_DTYPE_BF16, .rank = 5, .dim = {64, 3, 2, 16, 16}};
    expect_bits("pose_regression_head.model.fc2.weight", alm_desc_2(ALM_DTYPE_BF16, 9, 128), weight,
                4);
    expect_bits("pose_regression_head.model.fc2.bias", alm_desc_1(ALM_DTYPE_BF16, 9), bias, 4);
    expect_bits("pvlm_interface.vlm.model.language_model.norm.weight",
                alm_desc_1(ALM_DTYPE_BF16, 96), norm, 4);
    expect_bits("pvlm_interface.point_patch_bridge.deepstack_gates", alm_desc_1(ALM_DTYPE_BF16, 3),
                gates, 3);
    expect_bits("pvlm_interface.vlm.model.visual.patch_embed.proj.weight", five, patches, 4);
}

/* All 265 tensors of the golden state file, bit for bit, made in pieces. */
ALM_TEST(synth, equals_the_golden_state)
{
    static alm_bf16 got[1 << 18];
    alm_state *state;
    ALM_REQUIRE_OK(alm_state_open(alm_test_golden("tiny/model"), &state));
    for (int i = 0; i < alm_state_count(state); i++) {
        const alm_state_tensor *t = alm_state_at(state, i);
        const int64_t count = alm_desc_count(&t->desc), half = count / 3;
        if (strcmp(t->name, "pvlm_interface.vlm.lm_head.weight") == 0) {
            continue; /* shares the embedding's storage */
        }
        const alm_weight_rule rule = alm_weight_rule_of(t->name, &t->desc, 1);
        ALM_REQUIRE(count <= (int64_t)(sizeof got / sizeof got[0]));
        alm_weight_fill(&rule, half, count - half, got + half);
        alm_weight_fill(&rule, 0, half, got);
        if (memcmp(got, t->data, (size_t)count * sizeof *got) != 0) {
            ALM_FAIL("%s differs", t->name);
        }
    }
    alm_state_close(state);
}

/* ---- Containers ------------------------------------------------------------------------------ */

static void expect_equal(const char *path_a, const char *path_b, int more_in_a)
{
    alm_state *a, *b;
    ALM_REQUIRE_OK(alm_state_open(path_a, &a));
    ALM_REQUIRE_OK(alm_state_open(path_b, &b));
    ALM_CHECK_INT(alm_state_count(a), alm_state_count(b) + more_in_a);
    for (int i = 0; i < alm_state_count(b); i++) {
        const alm_state_tensor *t = alm_state_at(b, i), *u = alm_state_find(a, t->name);
        size_t bytes = 0;
        ALM_CHECK_STATUS(alm_desc_bytes(&t->desc, t->name, &bytes), ALM_OK);
        if (!u || !alm_desc_equal(&t->desc, &u->desc) || memcmp(t->data, u->data, bytes) != 0) {
            ALM_FAIL("%s differs", t->name);
        }
    }
    alm_state_close(a);
    alm_state_close(b);
}

/* Every tensor of a state, as entries for a writer. */
static alm_tensor_entry *entries_of(const alm_state *state, int begin, int end)
{
    alm_tensor_entry *e = calloc((size_t)(end - begin), sizeof *e);
    for (int i = begin; i < end; i++) {
        const alm_state_tensor *t = alm_state_at(state, i);
        e[i - begin] = (alm_tensor_entry){.name = t->name, .desc = t->desc, .data = t->data};
    }
    return e;
}

ALM_TEST(synth, all_containers_hold_the_same)
{
    const folder_name home = new_folder();
    const char *golden = alm_test_golden("tiny/model");
    const folder_name one = below(home.path, "one.safetensors");
    alm_state *state;
    ALM_REQUIRE_OK(alm_state_open(golden, &state));
    const int count = alm_state_count(state);
    alm_tensor_entry *all = entries_of(state, 0, count);
    ALM_CHECK_STATUS(alm_safetensors_save(one.path, all, (size_t)count), ALM_OK);
    expect_equal(golden, one.path, 0);
    /* In shards, with the index. */
    static char text[1 << 16];
    const folder_name index = below(home.path, "model.safetensors.index.json");
    int n = snprintf(text, sizeof text, "{\"weight_map\":{");
    for (int i = 0; i < count; i++) {
        n += snprintf(text + n, sizeof text - (size_t)n, "%s\"module.%s\":\"model-%d.safetensors\"",
                      i ? "," : "", all[i].name, i < 100 ? 1 : 2);
    }
    snprintf(text + n, sizeof text - (size_t)n, "}}");
    alm_test_write(index.path, text, strlen(text));
    const folder_name first = below(home.path, "model-1.safetensors");
    const folder_name second = below(home.path, "model-2.safetensors");
    ALM_CHECK_STATUS(alm_safetensors_save(first.path, all, 100), ALM_OK);
    ALM_CHECK_STATUS(alm_safetensors_save(second.path, all + 100, (size_t)count - 100), ALM_OK);
    expect_equal(golden, home.path, 0);
    free(all);
    alm_state_close(state);
}

/* Storages come in the order of their first tensors; data in pieces of odd sizes. */
ALM_TEST(synth, writes_torch_files)
{
    enum { A = 100, B = 7 };
    const folder_name home = new_folder(), path = below(home.path, "x.y.pt");
    const char shared = 0;
    const alm_tensor_entry e[] = {
        {.name = "a", .desc = alm_desc_2(ALM_DTYPE_U8, A / 10, 10), .data = &shared},
        {.name = "empty", .desc = alm_desc_1(ALM_DTYPE_F32, 0)},
        {.name = "tied", .desc = alm_desc_1(ALM_DTYPE_U8, A), .data = &shared},
        {.name = "b", .desc = alm_desc_1(ALM_DTYPE_I8, B)}};
    uint8_t values[A + B];
    for (int i = 0; i < A + B; i++) {
        values[i] = (uint8_t)i;
    }
    alm_torch_writer *w;
    alm_state *state;
    ALM_REQUIRE_OK(alm_torch_begin(path.path, e, 4, &w));
    for (int at = 0, n = 1; at < A + B; at += n, n = n % 13 + 5) {
        n = n < A + B - at ? n : A + B - at;
        ALM_CHECK_STATUS(alm_torch_add(w, values + at, (size_t)n), ALM_OK);
    }
    ALM_CHECK_STATUS(alm_torch_add(w, values, 1), ALM_STATUS_INTERNAL);
    ALM_CHECK_STATUS(alm_torch_commit(w), ALM_OK);
    alm_torch_end(w);
    ALM_REQUIRE_OK(alm_state_open(path.path, &state));
    ALM_CHECK_INT(alm_state_count(state), 4);
    const alm_state_tensor *a = alm_state_find(state, "a"), *b = alm_state_find(state, "b");
    const alm_state_tensor *tied = alm_state_find(state, "tied");
    ALM_REQUIRE(a && b && tied);
    ALM_CHECK(a->data == tied->data && a->storage == tied->storage && b->storage != a->storage);
    ALM_CHECK(memcmp(a->data, values, A) == 0 && memcmp(b->data, values + A, B) == 0);
    ALM_CHECK_INT((uintptr_t)a->data % 64, 0);
    ALM_CHECK_INT((uintptr_t)b->data % 64, 0);
    alm_state_close(state);
    ALM_CHECK_INT(entries(home.path), 1);
}

ALM_TEST(synth, leaves_no_half_files)
{
    const folder_name home = new_folder(), path = below(home.path, "x.safetensors");
    const folder_name torch = below(home.path, "x.pt");
    const alm_tensor_entry e[] = {{.name = "a", .desc = alm_desc_1(ALM_DTYPE_U8, 10)}};
    alm_safetensors_writer *w;
    alm_torch_writer *t;
    ALM_REQUIRE_OK(alm_safetensors_begin(path.path, e, 1, &w));
    ALM_CHECK_STATUS(alm_safetensors_add(w, "12345", 5), ALM_OK);
    ALM_CHECK(!exists(path.path));
    ALM_CHECK_STATUS(alm_safetensors_commit(w), ALM_STATUS_INTERNAL);
    ALM_CHECK_STATUS(alm_safetensors_add(w, "123456", 6), ALM_STATUS_INTERNAL);
    alm_safetensors_end(w);
    ALM_REQUIRE_OK(alm_torch_begin(torch.path, e, 1, &t));
    ALM_CHECK_STATUS(alm_torch_add(t, "12345", 5), ALM_OK);
    ALM_CHECK_STATUS(alm_torch_commit(t), ALM_STATUS_INTERNAL);
    alm_torch_end(t);
    ALM_CHECK_INT(entries(home.path), 0);
    const alm_tensor_entry twice[] = {e[0], e[0]};
    ALM_CHECK_STATUS(alm_safetensors_begin(path.path, twice, 2, &w), ALM_STATUS_INTERNAL);
    ALM_CHECK_INT(entries(home.path), 0);
}

ALM_TEST(synth, names_what_cannot_be_written)
{
    const alm_tensor_entry e[] = {{.name = "a", .desc = alm_desc_1(ALM_DTYPE_U8, 2), .data = "ab"}};
    ALM_CHECK_STATUS(alm_safetensors_save("/nonexistent/x", e, 1), ALM_STATUS_OUTPUT);
    ALM_CHECK_TEXT(alm_error_message(), "/nonexistent/x: No such file or directory");
    /* A device is written, not replaced; this one is always full. */
    ALM_CHECK_STATUS(alm_safetensors_save("/dev/full", e, 1), ALM_STATUS_OUTPUT);
    ALM_CHECK_TEXT(alm_error_message(), "/dev/full: No space left on device");
    ALM_CHECK_STATUS(alm_safetensors_save("/dev/null", e, 1), ALM_OK);
    ALM_CHECK(exists("/dev/null"));
}

/* Names with quotes, backslashes and controls come back as they were. */
ALM_TEST(synth, escapes_names)
{
    const folder_name home = new_folder(), path = below(home.path, "x.safetensors");
    const char *name = "a\"b\\c\nd\x01/é";
    const alm_tensor_entry e[] = {{.name = name, .desc = alm_desc_1(ALM_DTYPE_U8, 2), .data = "xy"},
                                  {.name = "s", .desc = {.dtype = ALM_DTYPE_U8}, .data = "z"}};
    alm_state *state;
    ALM_REQUIRE_OK(alm_safetensors_save(path.path, e, 2));
    ALM_REQUIRE_OK(alm_state_open(path.path, &state));
    const alm_state_tensor *t = alm_state_find(state, name), *scalar = alm_state_find(state, "s");
    ALM_CHECK(t && memcmp(t->data, "xy", 2) == 0);
    ALM_CHECK(scalar && scalar->desc.rank == 0 && *(const char *)scalar->data == 'z');
    alm_state_close(state);
}

/* ---- Model folders --------------------------------------------------------------------------- */

ALM_TEST(synth, remakes_the_golden_folder)
{
    const folder_name home = new_folder(), to = below(home.path, "model");
    const char *golden = alm_test_golden("tiny/model");
    ALM_REQUIRE_OK(alm_synth_model(&(alm_synth_options){.from = golden, .to = to.path, .seed = 1}));
    expect_equal(golden, to.path, 0);
    ALM_CHECK_INT(entries(home.path), 1);
    size_t a_bytes, b_bytes;
    const folder_name tokens = below(to.path, "base/tokenizer.json");
    char *a = alm_test_read(alm_test_golden("tiny/model/base/tokenizer.json"), &a_bytes);
    char *b = alm_test_read(tokens.path, &b_bytes);
    ALM_CHECK(a && b && a_bytes == b_bytes && memcmp(a, b, a_bytes) == 0);
    free(a);
    free(b);
}

static void count_progress(void *context, uint64_t done, uint64_t total)
{
    uint64_t *last = context;
    ALM_CHECK(done > *last && done <= total);
    *last = done;
}

/* A folder made from nothing fits together: settings, tokenizer, tensors. */
ALM_TEST(synth, makes_tiny_folders)
{
    const folder_name home = new_folder();
    const folder_name pt = below(home.path, "pt/"), safe = below(home.path, "safe");
    uint64_t done = 0;
    ALM_REQUIRE_OK(alm_synth_model(&(alm_synth_options){.preset = "tiny",
                                                        .to = pt.path,
                                                        .seed = 7,
                                                        .threads = 3,
                                                        .progress = count_progress,
                                                        .progress_context = &done}));
    ALM_CHECK(done > 2000000);
    ALM_REQUIRE_OK(alm_synth_model(&(alm_synth_options){
        .preset = "tiny", .to = safe.path, .seed = 7, .container = "safetensors", .threads = 1}));
    expect_equal(pt.path, safe.path, 1);
    alm_settings *settings;
    alm_state *state;
    alm_tokenizer *tokenizer;
    const char *extra[ALM_EXTRA_TOKENS];
    const folder_name base = below(safe.path, "base");
    ALM_REQUIRE_OK(alm_settings_read(safe.path, base.path, &settings));
    alm_prompt_extra_tokens(settings, extra);
    ALM_REQUIRE_OK(alm_tokenizer_load(base.path, extra, ALM_EXTRA_TOKENS, &tokenizer));
    ALM_REQUIRE_OK(alm_state_open(safe.path, &state));
    ALM_CHECK_STATUS(alm_settings_fit(settings, state, alm_tokenizer_size(tokenizer)), ALM_OK);
    ALM_CHECK_INT(settings->model.text.embedding_rows, alm_tokenizer_size(tokenizer));
    ALM_CHECK_INT(settings->image_token_id, alm_tokenizer_added(tokenizer, "<|image_pad|>"));
    /* The words of a prompt are one token each. */
    static const char text[] = "Assemble the chair object";
    alm_ids ids = {0};
    ALM_CHECK_STATUS(alm_tokenizer_encode(tokenizer, text, sizeof text - 1, false, &ids), ALM_OK);
    ALM_CHECK_INT(ids.count, 4);
    alm_free(ids.id);
    alm_tokenizer_free(tokenizer);
    alm_state_close(state);
    alm_settings_free(settings);
}

/* vocab.json with merges.txt tells the same as tokenizer.json. */
ALM_TEST(synth, writes_the_tokenizer_twice)
{
    static const char text[] = "Assemble the lamp: 3 étagères\n\n  <|im_end|>";
    const folder_name home = new_folder(), to = below(home.path, "m"),
                      base = below(to.path, "base");
    const folder_name json = below(base.path, "tokenizer.json");
    alm_ids ids[2] = {{0}, {0}};
    ALM_REQUIRE_OK(alm_synth_model(&(alm_synth_options){.preset = "tiny", .to = to.path}));
    for (int i = 0; i < 2; i++) {
        alm_tokenizer *tokenizer;
        ALM_REQUIRE_OK(alm_tokenizer_load(base.path, NULL, 0, &tokenizer));
        ALM_CHECK_STATUS(alm_tokenizer_encode(tokenizer, text, sizeof text - 1, true, &ids[i]),
                         ALM_OK);
        alm_tokenizer_free(tokenizer);
        unlink(json.path);
    }
    ALM_CHECK(ids[0].count > 10 && ids[0].count == ids[1].count);
    ALM_CHECK(memcmp(ids[0].id, ids[1].id, ids[0].count * sizeof *ids[0].id) == 0);
    alm_free(ids[0].id);
    alm_free(ids[1].id);
}

ALM_TEST(synth, overwrites_nothing_without_force)
{
    const folder_name home = new_folder(), to = below(home.path, "m"), own = below(to.path, "own");
    const folder_name config = below(to.path, "config.yaml");
    alm_synth_options o = {.preset = "tiny", .to = to.path, .seed = 1};
    /* An empty folder is no loss. */
    ALM_REQUIRE(mkdir(to.path, 0777) == 0);
    ALM_CHECK_STATUS(alm_synth_model(&o), ALM_OK);
    ALM_CHECK_STATUS(alm_synth_model(&o), ALM_STATUS_OUTPUT);
    ALM_CHECK_TEXT(alm_error_message(), "/m: exists; --force replaces it");
    /* With force the old one goes, whatever is in it. */
    o.force = true;
    alm_test_write(own.path, "x", 1);
    ALM_CHECK_STATUS(alm_synth_model(&o), ALM_OK);
    ALM_CHECK(!exists(own.path) && exists(config.path));
    /* A folder that is no model folder stays. */
    unlink(config.path);
    ALM_CHECK_STATUS(alm_synth_model(&o), ALM_STATUS_OUTPUT);
    ALM_CHECK_TEXT(alm_error_message(), "/m: exists and is no model folder (no config.yaml): not");
    alm_test_write(own.path, "x", 1);
    o.to = own.path;
    ALM_CHECK_STATUS(alm_synth_model(&o), ALM_STATUS_OUTPUT);
    ALM_CHECK_TEXT(alm_error_message(), "/m/own: exists and is no folder");
    ALM_CHECK_INT(entries(home.path), 1);
}

ALM_TEST(synth, refuses_and_leaves_nothing)
{
    const folder_name home = new_folder(), to = below(home.path, "m");
    const folder_name far = below(home.path, "no/where");
    ALM_CHECK_STATUS(alm_synth_model(&(alm_synth_options){.preset = "huge", .to = to.path}),
                     ALM_STATUS_USAGE);
    ALM_CHECK_TEXT(alm_error_message(), "preset huge: expected tiny or release");
    ALM_CHECK_STATUS(
        alm_synth_model(&(alm_synth_options){.preset = "tiny", .to = to.path, .container = "zip"}),
        ALM_STATUS_USAGE);
    ALM_CHECK_TEXT(alm_error_message(), "container zip: expected pt or safetensors");
    ALM_CHECK_STATUS(alm_synth_model(&(alm_synth_options){.preset = "tiny"}), ALM_STATUS_USAGE);
    ALM_CHECK_STATUS(alm_synth_model(&(alm_synth_options){.from = home.path, .to = to.path}),
                     ALM_STATUS_MODEL);
    ALM_CHECK_TEXT(alm_error_message(), "config.yaml");
    ALM_CHECK_TEXT(alm_error_param(), "model");
    ALM_CHECK_STATUS(alm_synth_model(&(alm_synth_options){.preset = "tiny", .to = far.path}),
                     ALM_STATUS_OUTPUT);
    ALM_CHECK_TEXT(alm_error_message(), "/no/where: No such file or directory");
    ALM_CHECK_INT(entries(home.path), 0);
}
