/* The journal, the plan and predictions: what is written reads back, what is damaged is not
 * believed. */
#include <stdio.h>
#include <stdlib.h>

#include "kernels/core/memory.h"
#include "runtime/eval/journal.h"
#include "runtime/eval/plan.h"
#include "runtime/eval/predictions.h"
#include "tests/eval/eval_runs.h"
#include "tests/shim/alm_test.h"

static const char begins[] = "{\"assemlm_journal\":1,\"plan\":7,\"shard\":0,\"shards\":1}";

static alm_journal_entry entry_of(int i)
{
    alm_journal_entry e = {.set = i % 3, .at = i, .ms = 0.25f * (float)i};
    e.row = (alm_eval_row){.idx = 1000 + i,
                           .asset = i % 2 ? "Stuhl_\xC3\x84_1" : "a \"b\"\\c\n\x01",
                           .category = "Chair",
                           .valid = i % 4 != 0,
                           .has_truth = i % 5 != 0,
                           .error = i % 4 != 0 ? NULL : "one line",
                           .symmetries = i};
    for (int k = 0; k < 9; k++) {
        e.pose[k] = (float)(k - 3) / (float)k; /* infinite for 0 */
        e.row.true_r[k] = -0.0f;
        e.row.pred_r[k] = 1e-42f;
    }
    e.pose[8] = NAN;
    e.row.metric[ALM_METRIC_CD] = 0.1f * (float)i;
    return e;
}

static bool same_entry(const alm_journal_entry *a, const alm_journal_entry *b)
{
    return a->set == b->set && a->at == b->at && a->row.idx == b->row.idx &&
           strcmp(a->row.asset, b->row.asset) == 0 && strcmp(a->row.category, "Chair") == 0 &&
           a->row.valid == b->row.valid && a->row.has_truth == b->row.has_truth &&
           !a->row.error == !b->row.error && a->row.symmetries == b->row.symmetries &&
           memcmp(a->pose, b->pose, sizeof a->pose) == 0 &&
           memcmp(a->row.true_r, b->row.true_r, sizeof a->row.true_r) == 0 &&
           memcmp(a->row.pred_r, b->row.pred_r, sizeof a->row.pred_r) == 0 &&
           memcmp(a->row.metric, b->row.metric, sizeof a->row.metric) == 0 &&
           memcmp(&a->ms, &b->ms, sizeof a->ms) == 0;
}

enum { ENTRIES = 20 };

static int visited;
static size_t offsets[ENTRIES];

static alm_status visit(void *context, size_t offset, const alm_journal_entry *e)
{
    (void)context;
    const alm_journal_entry expected = entry_of(visited);
    ALM_CHECK(same_entry(e, &expected));
    offsets[visited++] = offset;
    return ALM_OK;
}

static void write_journal(const char *path, int from, int to, bool resume)
{
    alm_journal *journal;
    ALM_REQUIRE_OK(alm_journal_open(path, begins, resume, NULL, NULL, &journal));
    for (int i = from; i < to; i++) {
        const alm_journal_entry e = entry_of(i);
        ALM_REQUIRE_OK(alm_journal_add(journal, &e));
    }
    ALM_REQUIRE_OK(alm_journal_flush(journal, true));
    alm_journal_close(journal);
}

ALM_TEST(eval_journal, reads_what_it_wrote)
{
    const char *path = alm_test_path(eval_folder(), "journal");
    size_t good;
    write_journal(path, 0, 7, false);
    write_journal(path, 7, ENTRIES, true);
    visited = 0;
    ALM_REQUIRE_OK(alm_journal_scan(path, begins, visit, NULL, &good));
    ALM_CHECK_INT(visited, ENTRIES);
    alm_journal_map map;
    ALM_REQUIRE_OK(alm_journal_map_open(path, &map));
    for (int i = ENTRIES - 1; i >= 0; i--) {
        const alm_journal_entry expected = entry_of(i);
        alm_journal_entry e;
        ALM_REQUIRE_OK(alm_journal_map_read(&map, offsets[i], &e));
        ALM_CHECK(same_entry(&e, &expected));
        ALM_CHECK_STATUS(alm_journal_map_read(&map, offsets[i] + 1, &e), ALM_STATUS_USAGE);
    }
    alm_journal_map_close(&map);
}

ALM_TEST(eval_journal, does_not_believe_what_is_damaged)
{
    const char *folder = eval_folder();
    const char *path = alm_test_path(folder, "journal");
    size_t bytes, good;
    write_journal(path, 0, ENTRIES, false);
    char *text = alm_test_read(path, &bytes);
    visited = 0;
    ALM_REQUIRE_OK(alm_journal_scan(path, begins, visit, NULL, &good));
    ALM_CHECK_INT(good, bytes);
    for (size_t at = 0; at < bytes; at += 13) {
        const char *damaged = alm_test_path(folder, "damaged");
        text[at] = (char)(text[at] ^ 4);
        alm_test_write(damaged, text, bytes);
        text[at] = (char)(text[at] ^ 4);
        visited = 0;
        const alm_status status = alm_journal_scan(damaged, NULL, visit, NULL, &good);
        ALM_CHECK(status == ALM_OK && good <= at);
        alm_test_write(damaged, text, at);
        visited = 0;
        ALM_CHECK(alm_journal_scan(damaged, NULL, visit, NULL, &good) == ALM_OK && good <= at);
    }
    free(text);
}

ALM_TEST(eval_journal, belongs_to_one_run_and_one_process)
{
    const char *path = alm_test_path(eval_folder(), "journal");
    alm_journal *first, *second;
    ALM_REQUIRE_OK(alm_journal_open(path, begins, false, NULL, NULL, &first));
    ALM_CHECK_STATUS(alm_journal_open(path, begins, true, NULL, NULL, &second), ALM_STATUS_USAGE);
    ALM_CHECK_TEXT(alm_error_message(), "another process");
    alm_journal_close(first);
    ALM_CHECK_STATUS(alm_journal_open(path, begins, false, NULL, NULL, &second), ALM_STATUS_OUTPUT);
    ALM_CHECK_STATUS(alm_journal_open(path, "{\"assemlm_journal\":1}", true, NULL, NULL, &second),
                     ALM_STATUS_USAGE);
    ALM_CHECK_TEXT(alm_error_message(), "belongs to");
}

/* ---- Plans ---- */

static const char plan_text[] =
    "{\"assemlm_plan\":1,\"ckpt_path\":\"c\",\"run_timestamp\":\"20260101_000000\",\"model\":"
    "\"m\",\"config\":1,\"samples\":2,\"shuffle\":true,\"symmetry\":false,\"splits\":[\"test\"],"
    "\"seeds\":"
    "[0,7],\"datasets\":[{\"name\":\"a\",\"fault\":null,\"test\":[10,4]},{\"name\":\"b\",\"fault\":"
    "\"gone\",\"test\":[0,0]}]}";

ALM_TEST(eval_plan, reads_what_it_wrote)
{
    alm_eval_plan plan = {0}, again = {0};
    char *text;
    ALM_REQUIRE_OK(alm_eval_plan_parse("plan", plan_text, strlen(plan_text), &plan));
    ALM_CHECK_INT(plan.sets, 4);
    ALM_CHECK_INT(plan.items, 8);
    ALM_REQUIRE_OK(alm_eval_plan_text(&plan, &text));
    ALM_REQUIRE_OK(alm_eval_plan_parse("plan", text, strlen(text), &again));
    ALM_REQUIRE_OK(alm_eval_plan_compare("a", &plan, "b", &again));
    alm_free(text);
    again.seed[1] = 8;
    ALM_CHECK_STATUS(alm_eval_plan_compare("a", &plan, "b", &again), ALM_STATUS_USAGE);
    ALM_CHECK_TEXT(alm_error_message(), "a seed is 7 and 8");
    alm_eval_plan_free(&plan);
    alm_eval_plan_free(&again);
}

ALM_TEST(eval_plan, refuses_what_is_none)
{
    static const char *const changes[][2] = {
        {"\"assemlm_plan\":1", "\"assemlm_plan\":2"},
        {"\"ckpt_path\":\"c\"", "\"ckpt_path\":7"},
        {"20260101_000000", "now"},
        {"\"splits\":[\"test\"]", "\"splits\":[]"},
        {"[\"test\"]", "[\"dev\"]"},
        {"[0,7]", "[0,-7]"},
        {"[0,7]", "[4294967296]"},
        {"[10,4]", "[4,10]"},
        {"[10,4]", "[10]"},
        {"\"name\":\"a\"", "\"name\":\"../a\""},
        {"\"shuffle\":true", "\"shuffle\":1"},
        {"\"name\":\"a\"", "\"name\":\"\""},
    };
    for (size_t i = 0; i < sizeof changes / sizeof changes[0]; i++) {
        char text[1024];
        const char *at = strstr(plan_text, changes[i][0]);
        ALM_REQUIRE(at != NULL);
        snprintf(text, sizeof text, "%.*s%s%s", (int)(at - plan_text), plan_text, changes[i][1],
                 at + strlen(changes[i][0]));
        alm_eval_plan plan;
        ALM_CHECK_STATUS(alm_eval_plan_parse("plan", text, strlen(text), &plan), ALM_STATUS_USAGE);
    }
    for (size_t n = 0; n < strlen(plan_text); n++) {
        alm_eval_plan plan;
        ALM_CHECK_STATUS(alm_eval_plan_parse("plan", plan_text, n, &plan), ALM_STATUS_USAGE);
    }
}

ALM_TEST(eval_plan, selects_by_rule)
{
    static const struct {
        const char *rules, *dataset, *split;
        int64_t total, selected;
    } cases[] = {
        {NULL, "a", "test", 9, 9},
        {"all", "a", "test", 9, 9},
        {"4", "a", "test", 9, 4},
        {"40", "a", "test", 9, 9},
        {"train:3", "a", "test", 9, 9},
        {"train:3", "a", "train", 9, 3},
        {"5,a/test:2", "a", "test", 9, 2},
        {"5,a/test:2", "a", "train", 9, 5},
        {"5,a/test:2", "b", "test", 9, 5},
        {"b/7", "b", "test", 9, 7},
        {"protocol", "biasassembly", "test", 1285, 1285},
        {"protocol", "ikea", "test", 652, 652},
        {"protocol", "partnet", "test", 12897, 1000},
        {"protocol", "twobytwo", "test", 140, 140},
        {"protocol", "partnext", "test", 2980, 200},
        {"protocol", "partnet", "train", 51155, 100},
        {"protocol", "ikea", "train", 0, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        int64_t selected;
        ALM_REQUIRE_OK(alm_eval_plan_select(cases[i].rules, cases[i].dataset, cases[i].split,
                                            cases[i].total, &selected));
        ALM_CHECK_INT(selected, cases[i].selected);
    }
}

/* ---- Predictions ---- */

static const char *name_of(void *context, int dataset, int split, int64_t idx)
{
    (void)context;
    (void)dataset;
    (void)split;
    return idx % 2 ? "odd" : "even";
}

static int notes;

static void count_note(void *context, const char *text)
{
    (void)context;
    ALM_CHECK_TEXT(text, "line ");
    notes++;
}

ALM_TEST(eval_predictions, takes_good_lines_and_counts_the_others)
{
    static const char good[] =
        "{\"dataset\":\"a\",\"split\":\"test\",\"seed\":7,\"idx\":%d,\"asset\":\"%s\",\"x\":[],"
        "\"pose\":[1,2.5,\"nan\",\"-inf\",\"inf\",-0.0,1e-3,8,9]}\n";
    static const char *const bad[] = {
        "nothing\n",
        "{\"dataset\":\"a\",\"split\":\"test\",\"seed\":7,\"idx\":0}\n",
        "{\"dataset\":\"a\",\"split\":\"test\",\"seed\":7,\"idx\":0,\"pose\":[1,2,3]}\n",
        "{\"dataset\":\"a\",\"split\":\"test\",\"seed\":7,\"idx\":0,\"pose\":[1,2,3,4,5,6,7,8,9,0]}"
        "\n",
        "{\"dataset\":\"a\",\"split\":\"test\",\"seed\":7,\"idx\":10,\"pose\":[1,2,3,4,5,6,7,8,9]}"
        "\n",
        "{\"dataset\":\"a\",\"split\":\"test\",\"seed\":-7,\"idx\":0,\"pose\":[1,2,3,4,5,6,7,8,9]}"
        "\n",
        "{\"dataset\":\"a\",\"split\":\"test\",\"seed\":7,\"idx\":0,\"pose\":[1,2,3,4,5,6,7,8,"
        "\"NaN\"]}\n",
        "{\"dataset\":\"a\",\"split\":\"test\",\"seed\":7,\"idx\":0,\"asset\":\"odd\",\"pose\":[1,"
        "2,3,"
        "4,5,6,7,8,9]}\n",
        "{\"dataset\":\"a\",\"split\":\"test\",\"seed\":7,\"idx\":1,\"idx\":1,\"pose\":[1,2,3,4,5,"
        "6,7,"
        "8,9]}\n",
    };
    enum { BAD = sizeof bad / sizeof bad[0] };
    const char *path = alm_test_path(eval_folder(), "poses.jsonl");
    alm_eval_plan plan;
    ALM_REQUIRE_OK(alm_eval_plan_parse("plan", plan_text, strlen(plan_text), &plan));
    uint32_t order[4];
    ALM_REQUIRE_OK(alm_eval_plan_order(&plan, 1, order));
    char text[8192];
    int n = 0;
    for (int idx = 9; idx >= 0; idx--) { /* all ten, four of which are chosen; one twice */
        n += snprintf(text + n, sizeof text - (size_t)n, good, idx, idx % 2 ? "odd" : "even");
    }
    n += snprintf(text + n, sizeof text - (size_t)n, good, (int)order[0],
                  order[0] % 2 ? "odd" : "even");
    for (int i = 0; i < BAD; i++) {
        n += snprintf(text + n, sizeof text - (size_t)n, "%s\n", bad[i]);
    }
    alm_test_write(path, text, (size_t)n);
    alm_predictions *p;
    alm_predictions_count count;
    notes = 0;
    ALM_REQUIRE_OK(alm_predictions_read(path, &plan, name_of, NULL, count_note, NULL, &p, &count));
    ALM_CHECK_INT(count.lines, 11 + BAD);
    ALM_CHECK_INT(count.bad, 1 + BAD);
    ALM_CHECK_INT(count.strange, 6);
    ALM_CHECK_INT(notes, 1 + BAD);
    float pose[9];
    for (int i = 0; i < 4; i++) {
        ALM_CHECK(!alm_predictions_pose(p, 0, i, pose));
        ALM_CHECK(alm_predictions_pose(p, 1, i, pose));
        ALM_CHECK(pose[1] == 2.5f && isnan(pose[2]) && isinf(pose[3]) && pose[3] < 0);
        ALM_CHECK(signbit(pose[5]) && pose[6] == 1e-3f);
    }
    alm_predictions_free(p);
    alm_eval_plan_free(&plan);
}
