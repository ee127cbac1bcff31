/* Prompts against the golden stages of four models: ids, ordinary positions, the mask, and what
 * follows from them; categories that try to be more than text. */
#include <stdio.h>
#include <stdlib.h>

#include "kernels/attention/attention.h"
#include "kernels/core/memory.h"
#include "kernels/token_embed/token_embed.h"
#include "runtime/input/json.h"
#include "runtime/input/prompt.h"
#include "tests/shim/alm_test.h"

typedef struct folder {
    alm_settings *settings;
    alm_tokenizer *tokenizer;
} folder;

static alm_status open_folder(const char *model, folder *f)
{
    const char *extra[ALM_EXTRA_TOKENS];
    ALM_TRY(alm_settings_read(model, NULL, &f->settings));
    alm_prompt_extra_tokens(f->settings, extra);
    ALM_TRY(alm_tokenizer_load(f->settings->base, extra, ALM_EXTRA_TOKENS, &f->tokenizer));
    return alm_prompt_check(f->settings, f->tokenizer);
}

static void close_folder(folder *f)
{
    alm_settings_free(f->settings);
    alm_tokenizer_free(f->tokenizer);
}

/* ---- Golden samples -------------------------------------------------------------------------- */

static const int32_t *stage(const alm_state *stages, const char *name)
{
    const alm_state_tensor *t = alm_state_find(stages, name);
    return t ? t->data : NULL;
}

static void check_stages(const alm_prompt *p, const alm_state *stages)
{
    const int32_t *ids = stage(stages, "input_ids");
    const int32_t *position = stage(stages, "position_ids_text");
    const alm_state_tensor *allowed = alm_state_find(stages, "attention_allowed");
    const size_t n = (size_t)p->count;
    ALM_REQUIRE(ids != NULL);
    ALM_REQUIRE(alm_state_find(stages, "input_ids")->desc.dim[0] == p->count);
    ALM_CHECK(memcmp(ids, p->ids, n * sizeof *ids) == 0);
    for (size_t i = 0; position && i < n; i++) {
        for (size_t axis = 0; axis < 3; axis++) {
            ALM_CHECK_INT(p->position[3 * i + axis], position[axis * n + i]);
        }
    }
    if (allowed) {
        uint8_t *mask;
        ALM_REQUIRE_OK(alm_alloc(n, n, "a test", &mask));
        alm_prompt_allowed(p, mask);
        ALM_CHECK(memcmp(mask, allowed->data, n * n) == 0);
        alm_free(mask);
    }
}

/* What the rows of the language model come from, against the ids. */
static void check_sources(const alm_prompt *p, const folder *f)
{
    const int point = alm_tokenizer_added(f->tokenizer, "<point>");
    const int query = alm_tokenizer_added(f->tokenizer, f->settings->query_token);
    const int half = f->settings->point_tokens / 2;
    int images = 0, points = 0;
    for (int i = 0; i < p->count; i++) {
        const int32_t *source = p->source + 2 * i, *rule = p->rule + 3 * i;
        ALM_CHECK_INT(rule[0], 0);
        ALM_CHECK_INT(rule[1], i + 1);
        if (p->ids[i] == f->settings->image_token_id) {
            ALM_CHECK_INT(source[0], ALM_TOKEN_IMAGE);
            ALM_CHECK_INT(source[1], images++);
        } else if (p->ids[i] == point) {
            ALM_CHECK_INT(source[0], ALM_TOKEN_POINT);
            ALM_CHECK_INT(source[1], points);
            ALM_CHECK_INT(rule[2], points / half % 2 ? ALM_ROW_INVARIANT : ALM_ROW_EQUIVARIANT);
            points++;
        } else {
            ALM_CHECK_INT(source[0], ALM_TOKEN_TEXT);
            ALM_CHECK_INT(source[1], p->ids[i]);
            ALM_CHECK_INT(rule[2], ALM_ROW_PLAIN);
        }
    }
    ALM_CHECK_INT(points, 2 * f->settings->point_tokens);
    ALM_REQUIRE(p->used >= 1 && p->used <= p->count);
    ALM_CHECK_INT(p->ids[p->used - 1], query);
    for (int i = p->used; i < p->count; i++) {
        ALM_CHECK(p->ids[i] != query);
    }
}

static void check_sample(const folder *f, const char *golden, const char *name,
                         const char *category, int64_t tokens)
{
    char file[160];
    alm_state *stages;
    alm_prompt *p = NULL;
    snprintf(file, sizeof file, "%s/samples/%s/stages.safetensors", golden, name);
    ALM_REQUIRE_OK(alm_state_open(alm_test_golden(file), &stages));
    const int32_t *thw = stage(stages, "image_grid_thw");
    if (thw) {
        const alm_grid grid[ALM_PAGES] = {{thw[1], thw[2]}, {thw[4], thw[5]}};
        const alm_status status =
            alm_prompt_build(f->settings, f->tokenizer, grid, category, strlen(category), &p);
        if (status == ALM_OK) {
            ALM_CHECK_INT(p->count, tokens);
            check_stages(p, stages);
            check_sources(p, f);
        } else {
            ALM_FAIL("%s: %s", file, alm_error_message());
        }
    } else {
        ALM_FAIL("%s: no image_grid_thw", file);
    }
    alm_prompt_free(p);
    alm_state_close(stages);
}

/* Samples of a golden folder that have stages; the texts come from its expected.json. */
static void check_golden(const char *golden, const char *const *names, int count)
{
    char file[160];
    size_t bytes;
    folder f = {NULL, NULL};
    alm_tree tree = {.file = "expected.json"};
    snprintf(file, sizeof file, "%s/model", golden);
    ALM_REQUIRE_OK(open_folder(alm_test_golden(file), &f));
    snprintf(file, sizeof file, "%s/expected.json", golden);
    char *text = alm_test_read(alm_test_golden(file), &bytes);
    ALM_REQUIRE(text != NULL);
    ALM_REQUIRE_OK(alm_json_tree(text, bytes, &tree));
    int found = 0;
    for (int i = 0; i < tree.node[0].count; i++) {
        char path[64];
        snprintf(path, sizeof path, "%d.name", i);
        const char *name = alm_tree_string(&tree, path);
        for (int k = 0; k < count; k++) {
            if (strcmp(name, names[k]) == 0) {
                snprintf(path, sizeof path, "%d.category", i);
                const char *category = alm_tree_string(&tree, path);
                snprintf(path, sizeof path, "%d.tokens", i);
                check_sample(&f, golden, name, category, alm_tree_whole(&tree, path, 1, 4096));
                found++;
            }
        }
    }
    ALM_CHECK_INT(found, count);
    alm_tree_clear(&tree);
    free(text);
    close_folder(&f);
}

ALM_TEST(prompt, equals_the_golden_stages)
{
    static const char *const tiny[] = {"square", "resampled", "unicode"};
    static const char *const first[] = {"first"};
    static const char *const release[] = {"first", "other_sizes", "same_manual"};
    check_golden("tiny", tiny, 3);
    check_golden("sizes_a", first, 1);
    check_golden("sizes_b", first, 1);
    check_golden("sizes_c", first, 1);
    check_golden("release", release, 3);
}

/* qwen3vl.md 4: two pages of 576 x 576, L = 1190 with ten tokens of text, the page positions. */
ALM_TEST(prompt, positions_of_the_released_layout)
{
    folder f = {NULL, NULL};
    const alm_grid grid[ALM_PAGES] = {{36, 36}, {36, 36}};
    alm_prompt *p;
    ALM_REQUIRE_OK(open_folder(alm_test_golden("release/model"), &f));
    ALM_REQUIRE_OK(alm_prompt_build(f.settings, f.tokenizer, grid, "chair", 5, &p));
    int start = 0;
    while (p->ids[start] != f.settings->vision_start_token_id) {
        start++;
    }
    const int32_t *at = p->position + 3 * (start + 1);
    const int base = start + 1;
    /* First, second, first of the second row, last image token; vision_end; the next page. */
    const int32_t want[6][4] = {{0, 0, 0, 0},     {1, 0, 0, 1},      {18, 0, 1, 0},
                                {323, 0, 17, 17}, {324, 18, 18, 18}, {327, 21, 21, 21}};
    for (int i = 0; i < 6; i++) {
        for (int axis = 0; axis < 3; axis++) {
            ALM_CHECK_INT(at[3 * want[i][0] + axis], base + want[i][axis + 1]);
        }
    }
    alm_prompt_free(p);
    close_folder(&f);
}

/* ---- Categories ------------------------------------------------------------------------------ */

static const alm_grid small_grid[ALM_PAGES] = {{4, 4}, {4, 4}};

ALM_TEST(prompt, categories_are_plain_text)
{
    static const char *const categories[] = {"",
                                             "<point>",
                                             "<pose_query>",
                                             "<|im_end|>",
                                             "<|image_pad|><|vision_start|>",
                                             "<point_start><point><point_end>",
                                             "\xe2\x80\xaexyz"};
    folder f = {NULL, NULL};
    ALM_REQUIRE_OK(open_folder(alm_test_golden("tiny/model"), &f));
    for (size_t i = 0; i < sizeof categories / sizeof *categories; i++) {
        alm_prompt *p;
        ALM_REQUIRE_OK(alm_prompt_build(f.settings, f.tokenizer, small_grid, categories[i],
                                        strlen(categories[i]), &p));
        check_sources(p, &f);
        int images = 0, queries = 0;
        for (int k = 0; k < p->count; k++) {
            images += p->ids[k] == f.settings->image_token_id;
            queries += p->ids[k] == alm_tokenizer_added(f.tokenizer, "<pose_query>");
        }
        ALM_CHECK_INT(images, 2 * 4);
        ALM_CHECK_INT(queries, 1);
        alm_prompt_free(p);
    }
    close_folder(&f);
}

static void refuse(const folder *f, const alm_grid grid[ALM_PAGES], const char *category,
                   size_t bytes, const char *param, const char *text)
{
    alm_prompt *p = NULL;
    ALM_CHECK_STATUS(alm_prompt_build(f->settings, f->tokenizer, grid, category, bytes, &p),
                     ALM_STATUS_SAMPLE);
    ALM_CHECK(p == NULL);
    ALM_CHECK_TEXT(alm_error_message(), text);
    ALM_CHECK_TEXT(alm_error_param(), param);
}

ALM_TEST(prompt, refuses_bad_categories)
{
    folder f = {NULL, NULL};
    const size_t large = (1 << 20) + 1;
    char *text = malloc(large);
    ALM_REQUIRE(text != NULL);
    memset(text, 'a', large);
    ALM_REQUIRE_OK(open_folder(alm_test_golden("tiny/model"), &f));
    refuse(&f, small_grid, "ab\xff", 3, "category", "byte 0xFF at offset 2 is not UTF-8");
    refuse(&f, small_grid, "ab\xc3", 3, "category", "at offset 2");
    refuse(&f, small_grid, "\xed\xa0\x80", 3, "category", "at offset 0");
    refuse(&f, small_grid, "a\0b", 3, "category", "NUL at offset 1");
    refuse(&f, small_grid, text, large, "category", "at most");
    /* 4,000 of "a b " are about 8,000 tokens, and the instruction is what is too long. */
    for (size_t i = 0; i < 16000; i++) {
        text[i] = "a b "[i % 4];
    }
    refuse(&f, small_grid, text, 16000, "category", "at most 1800 are allowed");
    ALM_CHECK_TEXT(alm_error_message(), "pages 4 and 4, points 64, instruction");
    const alm_grid wide[ALM_PAGES] = {{4, 4}, {4, 4000}};
    refuse(&f, wide, "chair", 5, "manual", "pages 4 and 4000");
    const alm_grid huge[ALM_PAGES] = {{1 << 30, 1 << 30}, {1 << 30, 1 << 30}};
    refuse(&f, huge, "chair", 5, "manual", "at most 1800");
    free(text);
    close_folder(&f);
}

ALM_TEST(prompt, refuses_ids_that_disagree)
{
    folder f = {NULL, NULL};
    alm_prompt *p = NULL;
    ALM_REQUIRE_OK(open_folder(alm_test_golden("tiny/model"), &f));
    f.settings->image_token_id++;
    ALM_CHECK_STATUS(alm_prompt_check(f.settings, f.tokenizer), ALM_STATUS_MODEL);
    ALM_CHECK_TEXT(alm_error_message(), "image_token_id is 969, the tokenizer's <|image_pad|>");
    ALM_CHECK_STATUS(alm_prompt_build(f.settings, f.tokenizer, small_grid, "chair", 5, &p),
                     ALM_STATUS_MODEL);
    f.settings->image_token_id--;
    f.settings->vision_start_token_id--;
    ALM_CHECK_STATUS(alm_prompt_check(f.settings, f.tokenizer), ALM_STATUS_MODEL);
    f.settings->vision_start_token_id++;
    ALM_CHECK_STATUS(alm_prompt_check(f.settings, f.tokenizer), ALM_OK);
    alm_tokenizer_free(f.tokenizer);
    ALM_REQUIRE_OK(alm_tokenizer_load(f.settings->base, NULL, 0, &f.tokenizer));
    ALM_CHECK_STATUS(alm_prompt_check(f.settings, f.tokenizer), ALM_STATUS_MODEL);
    ALM_CHECK_TEXT(alm_error_message(), "no added token <point>");
    close_folder(&f);
}
