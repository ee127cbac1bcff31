/* Every allocation of the loaders fails once: state files, settings, tokenizer, prompt, pages,
 * clouds. Adding a scenario is one function and one ALM_TEST. */
#include <stdio.h>
#include <stdlib.h>

#include "kernels/core/memory.h"
#include "runtime/input/cloud.h"
#include "runtime/input/config.h"
#include "runtime/input/image.h"
#include "runtime/input/prompt.h"
#include "runtime/input/state.h"
#include "runtime/input/tokenizer.h"
#include "tests/faults/fault_run.h"
#include "tests/faults/malloc_probe.h"
#include "tests/shim/alm_test.h"

static const char *const LAST_TENSOR = "pvlm_interface.vlm.model.visual.pos_embed.weight";

/* context: the model folder. */
static alm_status open_state(void *context, bool *right)
{
    alm_state *state = NULL;
    const alm_status status = alm_state_open(context, &state);
    if (status == ALM_OK) {
        *right = alm_state_count(state) > 100 && alm_state_find(state, LAST_TENSOR);
    }
    alm_state_close(state);
    return status;
}

ALM_TEST(input_faults, state_pt)
{
    fault_run(&(fault_scenario){
        .name = "state .pt", .run = open_state, .context = (void *)alm_test_golden("tiny/model")});
}

ALM_TEST(input_faults, state_pt_wrapped)
{
    fault_run(&(fault_scenario){.name = "state .pt, state_dict",
                                .run = open_state,
                                .context = (void *)alm_test_golden("sizes_c/model")});
}

ALM_TEST(input_faults, state_safetensors)
{
    fault_run(&(fault_scenario){.name = "state safetensors",
                                .run = open_state,
                                .context = (void *)alm_test_golden("sizes_a/model")});
}

ALM_TEST(input_faults, state_sharded)
{
    fault_run(&(fault_scenario){.name = "state in shards",
                                .run = open_state,
                                .context = (void *)alm_test_golden("sizes_b/model")});
}

/* Settings, and their check against the tensors. */
static alm_status read_settings(void *context, bool *right)
{
    const char *folder = context;
    alm_settings *settings = NULL;
    alm_state *state = NULL;
    alm_status status = alm_settings_read(folder, NULL, &settings);
    if (status == ALM_OK) {
        status = alm_state_open(folder, &state);
    }
    if (status == ALM_OK) {
        status = alm_settings_fit(settings, state, 1);
    }
    if (status == ALM_OK) {
        *right = settings->model.text.embedding_rows > 0 && settings->model.point.channels > 0;
    }
    alm_state_close(state);
    alm_settings_free(settings);
    return status;
}

ALM_TEST(input_faults, settings)
{
    fault_run(&(fault_scenario){.name = "settings",
                                .run = read_settings,
                                .context = (void *)alm_test_golden("tiny/model")});
}

static alm_status read_base(void *context, bool *right)
{
    alm_settings *settings = NULL;
    const alm_status status = alm_settings_read_base(context, &settings);
    if (status == ALM_OK) {
        *right = settings->area_max > 0;
    }
    alm_settings_free(settings);
    return status;
}

ALM_TEST(input_faults, settings_of_the_base)
{
    fault_run(&(fault_scenario){.name = "settings of the base folder",
                                .run = read_base,
                                .context = (void *)alm_test_golden("tiny/model/base")});
}

/* Loads a tokenizer, encodes a text that needs NFC and added tokens, decodes it. */
static alm_status use_tokenizer(void *context, bool *right)
{
    static const char text[] = "Bu\xCC\x88ro <|im_end|> \xF0\x9F\x98\x80 12,345 it's";
    static const char normal[] = "B\xC3\xBCro <|im_end|> \xF0\x9F\x98\x80 12,345 it's";
    const char *const extra[] = {"<point>", "<point_start>"};
    alm_tokenizer *tokenizer = NULL;
    alm_ids ids = {NULL, 0, 0};
    char *back = NULL;
    alm_status status = alm_tokenizer_load(context, extra, 2, &tokenizer);
    if (status == ALM_OK) {
        status = alm_tokenizer_encode(tokenizer, text, sizeof text - 1, true, &ids);
    }
    if (status == ALM_OK) {
        status = alm_tokenizer_decode(tokenizer, ids.id, ids.count, &back);
    }
    if (status == ALM_OK) {
        *right = strcmp(back, normal) == 0;
    }
    alm_free(back);
    alm_free(ids.id);
    alm_tokenizer_free(tokenizer);
    return status;
}

ALM_TEST(input_faults, tokenizer_json)
{
    fault_run(&(fault_scenario){.name = "tokenizer.json",
                                .run = use_tokenizer,
                                .context = (void *)alm_test_golden("sizes_b/model/base")});
}

ALM_TEST(input_faults, tokenizer_files)
{
    fault_run(&(fault_scenario){.name = "vocab.json and merges.txt",
                                .run = use_tokenizer,
                                .context = (void *)alm_test_golden("sizes_a/model/base")});
}

typedef struct prompt_parts {
    alm_settings *settings;
    alm_tokenizer *tokenizer;
} prompt_parts;

static alm_status build_prompt(void *context, bool *right)
{
    const prompt_parts *parts = context;
    const alm_grid grid[ALM_PAGES] = {{6, 6}, {4, 6}};
    alm_prompt *prompt = NULL;
    const alm_status status =
        alm_prompt_build(parts->settings, parts->tokenizer, grid, "chair", 5, &prompt);
    if (status == ALM_OK) {
        *right = prompt->count > prompt->used && prompt->used > 50;
    }
    alm_prompt_free(prompt);
    return status;
}

ALM_TEST(input_faults, prompt)
{
    prompt_parts parts = {NULL, NULL};
    const char *extra[ALM_EXTRA_TOKENS];
    ALM_REQUIRE_OK(alm_settings_read(alm_test_golden("tiny/model"), NULL, &parts.settings));
    alm_prompt_extra_tokens(parts.settings, extra);
    ALM_REQUIRE_OK(alm_tokenizer_load(alm_test_golden("tiny/model/base"), extra, ALM_EXTRA_TOKENS,
                                      &parts.tokenizer));
    fault_run(&(fault_scenario){.name = "prompt", .run = build_prompt, .context = &parts});
    alm_tokenizer_free(parts.tokenizer);
    alm_settings_free(parts.settings);
}

/* A page from its file to patch rows. */
static alm_status read_page(void *context, bool *right)
{
    const alm_page_rule rule = {
        .patch = 16, .temporal_patch = 2, .merge = 2, .area_min = 4096, .area_max = 36864};
    alm_image image = {0, 0, NULL};
    alm_grid grid;
    uint8_t *rows = NULL;
    alm_status status = alm_image_read(context, &image);
    if (status == ALM_OK) {
        status = alm_page_grid(&rule, image.width, image.height, "page", &grid);
    }
    if (status == ALM_OK) {
        const size_t count = (size_t)grid.rows * (size_t)grid.columns;
        status = alm_alloc(count, (size_t)3 * 2 * 16 * 16, "patch rows", &rows);
    }
    if (status == ALM_OK) {
        status = alm_page_patches(&rule, &image, grid, rows);
        *right = true;
    }
    alm_free(rows);
    alm_image_free(&image);
    return status;
}

ALM_TEST(input_faults, page_png)
{
    fault_run(
        &(fault_scenario){.name = "PNG page",
                          .run = read_page,
                          .context = (void *)alm_test_golden("sizes_a/samples/other/page1.png")});
}

ALM_TEST(input_faults, page_jpeg)
{
    fault_run(
        &(fault_scenario){.name = "JPEG page",
                          .run = read_page,
                          .context = (void *)alm_test_golden("tiny/samples/resampled/page1.jpg")});
}

ALM_TEST(input_faults, page_webp_lossy)
{
    fault_run(
        &(fault_scenario){.name = "lossy WebP page",
                          .run = read_page,
                          .context = (void *)alm_test_golden("images/webp_lossy_70x90.webp")});
}

/* Debian's libwebp 1.2.4 follows a wild pointer when an allocation of its lossless decoder fails,
 * whatever the caller does: its own allocations are spared here, ours fail. */
ALM_TEST(input_faults, page_webp_lossless)
{
    const char *path = alm_test_golden("images/webp_lossless_alpha_64x64.webp");
    probe_spare("libwebp");
    fault_run(
        &(fault_scenario){.name = "lossless WebP page", .run = read_page, .context = (void *)path});
    probe_spare(NULL);
}

typedef struct cloud_bytes {
    const char *name;
    char *data;
    size_t bytes;
} cloud_bytes;

static alm_status decode_cloud(void *context, bool *right)
{
    const cloud_bytes *file = context;
    alm_cloud cloud = {0, NULL};
    const alm_status status = alm_cloud_decode(file->data, file->bytes, file->name, &cloud);
    if (status == ALM_OK) {
        *right = cloud.count == 1024;
    }
    alm_cloud_free(&cloud);
    return status;
}

static alm_status read_cloud(void *context, bool *right)
{
    alm_cloud cloud = {0, NULL};
    const alm_status status = alm_cloud_read(context, &cloud);
    if (status == ALM_OK) {
        *right = cloud.count == 1024;
    }
    alm_cloud_free(&cloud);
    return status;
}

ALM_TEST(input_faults, cloud_npy)
{
    fault_run(
        &(fault_scenario){.name = "NPY cloud",
                          .run = read_cloud,
                          .context = (void *)alm_test_golden("tiny/samples/square/fixed.npy")});
}

/* A text cloud of 1,024 points after a header. */
static void text_cloud(const char *name, const char *header)
{
    cloud_bytes file = {.name = name, .data = malloc(64 * 1024), .bytes = strlen(header)};
    ALM_REQUIRE(file.data);
    memcpy(file.data, header, file.bytes);
    for (int i = 0; i < 1024; i++) {
        file.bytes += (size_t)snprintf(file.data + file.bytes, 60, "%.5f %.5f %.5f\n",
                                       (double)alm_test_uniform(), (double)alm_test_uniform(),
                                       (double)alm_test_uniform());
    }
    fault_run(&(fault_scenario){.name = name, .run = decode_cloud, .context = &file});
    free(file.data);
}

ALM_TEST(input_faults, cloud_xyz)
{
    text_cloud("cloud.xyz", "");
}

ALM_TEST(input_faults, cloud_ply)
{
    text_cloud("cloud.ply", "ply\nformat ascii 1.0\nelement vertex 1024\nproperty float x\n"
                            "property float y\nproperty float z\nend_header\n");
}
