/* The tokenizer against 1,500 cases of Hugging Face's, against cases of the specification's program
 * on another vocabulary, and against tokenizer files that lie. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "kernels/core/memory.h"
#include "runtime/input/bpe.h"
#include "runtime/input/json.h"
#include "runtime/input/pretokenize.h"
#include "runtime/input/tokenizer.h"
#include "tests/shim/alm_test.h"

static const char *const point_tokens[] = {"<point>", "<point_start>", "<point_end>",
                                           "<pose_query>"};

/* ---- Cases ----------------------------------------------------------------------------------- */

static void check_ids(const alm_tokenizer *t, const alm_tree *tree, const char *text, size_t bytes,
                      const char *key, bool added)
{
    alm_ids ids = {NULL, 0, 0};
    const int list = alm_tree_find(tree, key);
    if (list < 0) {
        return;
    }
    ALM_REQUIRE_OK(alm_tokenizer_encode(t, text, bytes, added, &ids));
    bool same = ids.count == (size_t)tree->node[list].count;
    size_t i = 0;
    for (int n = tree->node[list].first; same && n >= 0; n = tree->node[n].next) {
        same = ids.id[i++] == tree->node[n].whole;
    }
    if (!same) {
        ALM_FAIL("%s of \"%s\" differ", key, text);
    }
    alm_free(ids.id);
}

typedef struct piece_check {
    const alm_tree *tree;
    int next;
    bool same;
} piece_check;

/* The pieces of the cases are in the byte alphabet: one character a byte. */
static alm_status check_piece(void *context, const char *piece, size_t bytes)
{
    piece_check *c = context;
    if (c->next < 0) {
        c->same = false;
        return ALM_OK;
    }
    const char *want = alm_tree_text(c->tree, c->next);
    c->next = c->tree->node[c->next].next;
    for (size_t i = 0; i < bytes; i++) {
        const unsigned char byte = (unsigned char)piece[i];
        const bool printable = (byte >= 33 && byte <= 126) || (byte >= 161 && byte != 173);
        const int n = byte <= 32 ? byte : byte <= 160 ? byte - 127 + 33 : 67;
        const unsigned code = printable ? byte : 256u + (unsigned)n;
        const char wide[2] = {(char)(0xC0 | code >> 6), (char)(0x80 | (code & 63))};
        const size_t count = code < 128 ? 1 : 2;
        const char narrow = (char)code;
        if (memcmp(want, count == 1 ? &narrow : wide, count) != 0) {
            c->same = false;
            return ALM_OK;
        }
        want += count;
    }
    c->same = c->same && *want == '\0';
    return ALM_OK;
}

static void check_pieces(const alm_splitter *s, const alm_tree *tree, const char *text,
                         size_t bytes)
{
    const int list = alm_tree_find(tree, "pieces");
    if (list < 0) {
        return;
    }
    piece_check c = {tree, tree->node[list].first, true};
    ALM_REQUIRE_OK(alm_splitter_run(s, text, bytes, check_piece, &c));
    if (!c.same || c.next >= 0) {
        ALM_FAIL("pieces of \"%s\" differ", text);
    }
}

/* decode(encode(text)) = NFC(text); the pieces of the splitter are that text. */
static alm_status join_piece(void *context, const char *piece, size_t bytes)
{
    alm_ids *text = context; /* four bytes an element is more than enough */
    ALM_TRY(alm_reserve(text->count + bytes + 1, 1, "a test", &text->id, &text->capacity));
    memcpy((char *)text->id + text->count, piece, bytes);
    text->count += bytes;
    ((char *)text->id)[text->count] = '\0';
    return ALM_OK;
}

static void check_round_trip(const alm_tokenizer *t, const alm_splitter *s, const char *text,
                             size_t bytes)
{
    alm_ids ids = {NULL, 0, 0}, normal = {NULL, 0, 0};
    char *decoded = NULL;
    ALM_REQUIRE_OK(alm_tokenizer_encode(t, text, bytes, false, &ids));
    ALM_REQUIRE_OK(alm_tokenizer_decode(t, ids.id, ids.count, &decoded));
    ALM_REQUIRE_OK(alm_splitter_run(s, text, bytes, join_piece, &normal));
    if (strcmp(decoded, normal.count ? (char *)normal.id : "") != 0) {
        ALM_FAIL("\"%s\" comes back as \"%s\"", text, decoded);
    }
    for (int k = 0; k < 4; k++) {
        const int special = alm_tokenizer_added(t, point_tokens[k]);
        for (size_t i = 0; i < ids.count; i++) {
            ALM_CHECK(ids.id[i] != special);
        }
    }
    alm_free(ids.id);
    alm_free(normal.id);
    alm_free(decoded);
}

/* A text may hold NUL, which a tree does not: it is read by itself. */
static alm_status read_case(alm_json *json, alm_tree *tree, char **text, size_t *bytes)
{
    bool more;
    int root;
    ALM_TRY(alm_tree_add(tree, -1, NULL, 0, ALM_TREE_MAP, NULL, 0, &root));
    ALM_TRY(alm_json_open(json, '{'));
    for (;;) {
        ALM_TRY(alm_json_key(json, &more));
        if (!more) {
            return alm_json_end(json);
        }
        char key[16];
        snprintf(key, sizeof key, "%s", json->text);
        if (strcmp(key, "text") != 0) {
            ALM_TRY(alm_json_value(json, tree, root, key));
            continue;
        }
        ALM_TRY(alm_json_string(json));
        ALM_TRY(alm_alloc(json->bytes + 1, 1, "a test", text));
        memcpy(*text, json->text, json->bytes + 1);
        *bytes = json->bytes;
    }
}

/* A line {"text", "ids" (added tokens recognised), "plain" (not), "pieces"}. */
static void check_case(const alm_tokenizer *t, const alm_splitter *s, const char *line,
                       size_t length)
{
    alm_json json;
    alm_tree tree = {.file = "cases.jsonl"};
    char *text = NULL;
    size_t bytes = 0;
    alm_json_begin(&json, tree.file, line, length);
    json.nul_allowed = true;
    if (read_case(&json, &tree, &text, &bytes) == ALM_OK && text) {
        check_ids(t, &tree, text, bytes, "ids", true);
        check_ids(t, &tree, text, bytes, "plain", false);
        check_pieces(s, &tree, text, bytes);
        check_round_trip(t, s, text, bytes);
    } else {
        ALM_FAIL("%.*s: %s", (int)length, line, alm_error_message());
    }
    alm_free(text);
    alm_json_close(&json);
    alm_tree_clear(&tree);
}

static int check_cases(const char *cases, const alm_tokenizer *t)
{
    size_t bytes;
    int count = 0;
    char *text = alm_test_read(cases, &bytes);
    alm_splitter *s;
    if (!text || alm_splitter_create(&s) != ALM_OK) {
        return 0;
    }
    for (size_t at = 0; at < bytes; count++) {
        const char *end = memchr(text + at, '\n', bytes - at);
        const size_t line = end ? (size_t)(end - text) - at : bytes - at;
        check_case(t, s, text + at, line);
        at += line + 1;
    }
    alm_splitter_destroy(s);
    free(text);
    return count;
}

ALM_TEST(tokenizer, matches_hugging_face)
{
    alm_tokenizer *t;
    ALM_REQUIRE_OK(alm_tokenizer_load(alm_test_golden("tiny/model/base"), NULL, 0, &t));
    ALM_CHECK_INT(alm_tokenizer_size(t), 982);
    ALM_CHECK_INT(check_cases(alm_test_golden("tokenizer/cases.jsonl"), t), 1500);
    alm_tokenizer_free(t);
}

/* Files instead of tokenizer.json, another vocabulary, texts of many scripts. */
ALM_TEST(tokenizer, matches_the_specification_on_another_vocabulary)
{
    alm_tokenizer *t;
    ALM_REQUIRE_OK(alm_tokenizer_load(alm_test_golden("tokenizer/other"), NULL, 0, &t));
    ALM_CHECK_INT(alm_tokenizer_size(t), 523);
    ALM_CHECK_INT(check_cases(alm_test_golden("tokenizer/extra.jsonl"), t), 75);
    alm_tokenizer_free(t);
}

ALM_TEST(tokenizer, appends_extra_tokens)
{
    static const char *const more[] = {"<point>", "<|im_end|>", "<point>", "<x>"};
    alm_tokenizer *t;
    ALM_REQUIRE_OK(alm_tokenizer_load(alm_test_golden("tiny/model/base"), more, 4, &t));
    ALM_CHECK_INT(alm_tokenizer_added(t, "<point>"), 982);
    ALM_CHECK_INT(alm_tokenizer_added(t, "<|im_end|>"), 958);
    ALM_CHECK_INT(alm_tokenizer_added(t, "<x>"), 983);
    ALM_CHECK_INT(alm_tokenizer_added(t, "<"), -1);
    ALM_CHECK_INT(alm_tokenizer_size(t), 984);
    alm_tokenizer_free(t);
}

/* The leftmost added token, and the longest there. */
ALM_TEST(tokenizer, longest_added_token_wins)
{
    static const char *const more[] = {"<a", "<a>", "a><", "<a><a>"};
    const int32_t want[] = {985, 983, 984, 982};
    alm_tokenizer *t;
    alm_ids ids = {NULL, 0, 0};
    ALM_REQUIRE_OK(alm_tokenizer_load(alm_test_golden("tiny/model/base"), more, 4, &t));
    ALM_REQUIRE_OK(alm_tokenizer_encode(t, "<a><a><a>a><<a", 14, true, &ids));
    ALM_REQUIRE(ids.count == 4);
    ALM_CHECK(memcmp(ids.id, want, sizeof want) == 0);
    alm_free(ids.id);
    alm_tokenizer_free(t);
}

/* ---- Texts ----------------------------------------------------------------------------------- */

ALM_TEST(tokenizer, refuses_texts)
{
    static const struct {
        const char *text;
        size_t bytes;
        const char *expected;
    } cases[] = {{"abc\xff", 4, "byte 0xFF at offset 3"},  {"\xc3", 1, "offset 0"},
                 {"\xc0\x80", 2, "byte 0xC0 at offset 0"}, {"a\xed\xa0\x80", 4, "offset 1"},
                 {"\xf4\x90\x80\x80", 4, "offset 0"},      {"\xe0\x9f\xbf", 3, "offset 0"},
                 {"<|im_end|>\x80", 11, "offset 10"}};
    alm_tokenizer *t;
    ALM_REQUIRE_OK(alm_tokenizer_load(alm_test_golden("tiny/model/base"), NULL, 0, &t));
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        alm_ids ids = {NULL, 0, 0};
        ALM_CHECK_STATUS(alm_tokenizer_encode(t, cases[i].text, cases[i].bytes, i % 2 == 0, &ids),
                         ALM_STATUS_SAMPLE);
        ALM_CHECK_TEXT(alm_error_message(), cases[i].expected);
        ALM_CHECK_INT(ids.count, 0);
        alm_free(ids.id);
    }
    alm_tokenizer_free(t);
}

/* A megabyte of one kind takes time in proportion to its length. Steps that grow with its square
 * would take minutes at least, so that a limit of some seconds tells the two apart on any machine
 * and under sanitizers. */
ALM_TEST(tokenizer, megabytes)
{
    static const char *const kinds[] = {"a",
                                        " ",
                                        "\n",
                                        "7",
                                        "ab",
                                        "' ",
                                        "<",
                                        "<|",
                                        " \n ",
                                        "a\xcc\x81\xcc\xa7",
                                        "\xcc\x81\xcc\xa7\xcc\x95\xcc\xb4",
                                        "\xe1\x84\x80\xe1\x85\xa1\xe1\x86\xa8"};
    char *text = malloc(ALM_TEXT_LIMIT + 1);
    alm_tokenizer *t;
    ALM_REQUIRE(text != NULL);
    ALM_REQUIRE_OK(alm_tokenizer_load(alm_test_golden("tiny/model/base"), NULL, 0, &t));
    for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++) {
        const size_t unit = strlen(kinds[k]), bytes = ALM_TEXT_LIMIT / unit * unit;
        alm_ids ids = {NULL, 0, 0};
        for (size_t i = 0; i < bytes; i++) {
            text[i] = kinds[k][i % unit];
        }
        const clock_t start = clock();
        ALM_CHECK_STATUS(alm_tokenizer_encode(t, text, bytes, true, &ids), ALM_OK);
        const double seconds = (double)(clock() - start) / CLOCKS_PER_SEC;
        if (!(seconds < 20)) {
            ALM_FAIL("a megabyte of \"%s\" takes %.1f s", kinds[k], seconds);
        }
        alm_free(ids.id);
    }
    alm_ids ids = {NULL, 0, 0};
    ALM_CHECK_STATUS(alm_tokenizer_encode(t, text, ALM_TEXT_LIMIT + 1, true, &ids),
                     ALM_STATUS_SAMPLE);
    ALM_CHECK_TEXT(alm_error_message(), "has 1048577 bytes, at most 1048576");
    free(text);
    alm_tokenizer_free(t);
}

ALM_TEST(tokenizer, decodes_with_replacements)
{
    static const struct {
        const char *bytes, *want;
    } cases[] = {{"\xe2\x82\xac", "\xe2\x82\xac"},
                 {"\xe2\x82", "\xef\xbf\xbd"},
                 {"a\xe2\x82z", "a\xef\xbf\xbdz"},
                 {"\xf0\x9f\x92", "\xef\xbf\xbd"},
                 {"\xf0\x80\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"},
                 {"\xed\xa0\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"},
                 {"\xc0\x80", "\xef\xbf\xbd\xef\xbf\xbd"},
                 {"\xf4\x90", "\xef\xbf\xbd\xef\xbf\xbd"},
                 {"\xff\xc3\xc3\xa9", "\xef\xbf\xbd\xef\xbf\xbd\xc3\xa9"},
                 {"", ""}};
    alm_tokenizer *t;
    ALM_REQUIRE_OK(alm_tokenizer_load(alm_test_golden("tiny/model/base"), NULL, 0, &t));
    /* The first 256 tokens of the vocabulary are the bytes in the order of their characters:
     * 33-126, 161-172, 174-255, then the others. */
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        int32_t ids[16];
        size_t count = 0;
        char *text;
        for (const char *c = cases[i].bytes; *c; c++) {
            const int byte = (unsigned char)*c;
            ids[count++] = byte <= 126                  ? byte - 33
                           : byte >= 174                ? byte - 174 + 94 + 12
                           : byte >= 161 && byte != 173 ? byte - 161 + 94
                           : byte == 173                ? 255
                                                        : byte - 127 + 33 + 188;
        }
        ALM_REQUIRE_OK(alm_tokenizer_decode(t, ids, count, &text));
        if (strcmp(text, cases[i].want) != 0) {
            ALM_FAIL("case %zu comes out as \"%s\"", i, text);
        }
        alm_free(text);
    }
    char *text = NULL;
    const int32_t wrong[] = {-1, 982};
    ALM_CHECK_STATUS(alm_tokenizer_decode(t, wrong, 1, &text), ALM_STATUS_USAGE);
    ALM_CHECK_STATUS(alm_tokenizer_decode(t, wrong + 1, 1, &text), ALM_STATUS_USAGE);
    ALM_CHECK(text == NULL);
    alm_tokenizer_free(t);
}

typedef struct worker {
    pthread_t thread;
    const alm_tokenizer *tokenizer;
    alm_ids ids;
    alm_status status;
} worker;

static const char shared_text[] = "Assemble the  caf\x65\xcc\x81 table's 12 legs\n\n<|im_end|> now";

static void *encode_often(void *argument)
{
    worker *w = argument;
    for (int i = 0; i < 50 && w->status == ALM_OK; i++) {
        w->ids.count = 0;
        w->status =
            alm_tokenizer_encode(w->tokenizer, shared_text, sizeof shared_text - 1, true, &w->ids);
    }
    return NULL;
}

ALM_TEST(tokenizer, is_shared_by_threads)
{
    worker w[4] = {{.status = ALM_OK}};
    alm_tokenizer *t;
    ALM_REQUIRE_OK(alm_tokenizer_load(alm_test_golden("tiny/model/base"), NULL, 0, &t));
    for (int i = 0; i < 4; i++) {
        w[i].tokenizer = t;
        ALM_REQUIRE(pthread_create(&w[i].thread, NULL, encode_often, &w[i]) == 0);
    }
    for (int i = 0; i < 4; i++) {
        pthread_join(w[i].thread, NULL);
        ALM_CHECK_STATUS(w[i].status, ALM_OK);
        ALM_CHECK(w[i].ids.count == w[0].ids.count && w[i].ids.count > 0);
        ALM_CHECK(memcmp(w[i].ids.id, w[0].ids.id, w[0].ids.count * sizeof(int32_t)) == 0);
    }
    for (int i = 0; i < 4; i++) {
        alm_free(w[i].ids.id);
    }
    alm_tokenizer_free(t);
}

/* ---- Files that lie -------------------------------------------------------------------------- */

static void expect_refusal(const alm_tokenizer_texts *texts, const char *expected)
{
    alm_tokenizer *t = NULL;
    const alm_status status = alm_tokenizer_load_texts(texts, NULL, 0, &t);
    if (status != ALM_STATUS_MODEL || !strstr(alm_error_message(), expected)) {
        ALM_FAIL("expected \"%s\": %s, \"%s\"", expected, alm_status_name(status),
                 status ? alm_error_message() : "");
    }
    ALM_CHECK(t == NULL);
    alm_tokenizer_free(t);
}

/* tokenizer.json of the tiny model in which the first `from` is `to`. */
static void refuse_change(const char *from, const char *to, const char *expected)
{
    size_t bytes;
    char *text = alm_test_read(alm_test_golden("tiny/model/base/tokenizer.json"), &bytes);
    char *out = malloc(bytes + 4096);
    char *place = NULL;
    if (text && out) {
        for (size_t i = 0; !place && i + strlen(from) <= bytes; i++) {
            place = memcmp(text + i, from, strlen(from)) == 0 ? text + i : NULL;
        }
    }
    if (place) {
        const size_t before = (size_t)(place - text), skip = strlen(from), put = strlen(to);
        memcpy(out, text, before);
        memcpy(out + before, to, put);
        memcpy(out + before + put, place + skip, bytes - before - skip);
        const alm_tokenizer_texts t = {.json = out, .json_bytes = bytes - skip + put};
        expect_refusal(&t, expected);
    } else {
        ALM_FAIL("tokenizer.json does not hold %s", from);
    }
    free(text);
    free(out);
}

ALM_TEST(tokenizer, settings_of_tokenizer_json)
{
    static const struct {
        const char *from, *to, *expected;
    } cases[] = {
        {"{\"type\":\"NFC\"}", "null", "tokenizer.json: normalizer.type is missing"},
        {"\"NFC\"", "\"NFKC\"", "normalizer.type is \"NFKC\"; only NFC is supported"},
        {"\\\\p{N}|", "\\\\p{N}{1,3}|", "pattern.Regex is \"(?i:'s|'t|"},
        {"\"Regex\"", "\"String\"", "pattern.Regex is missing"},
        {"\"Isolated\"", "\"Removed\"", "behavior is \"Removed\"; only Isolated"},
        {"\"invert\":false", "\"invert\":true", "invert is true; only false"},
        {"\"add_prefix_space\":false", "\"add_prefix_space\":true", "add_prefix_space is true"},
        {"\"use_regex\":false", "\"use_regex\":true", "use_regex is true"},
        {"\"type\":\"Split\"", "\"type\":\"Digits\"", "0.type is \"Digits\"; only Split"},
        {"\"pretokenizers\":[", "\"pretokenizers\":[{},", "pretokenizers.0.type is missing"},
        {"\"use_regex\":false}]", "\"use_regex\":false},{}]", "pretokenizers.2 is set"},
        {"\"post_processor\":null", "\"post_processor\":{\"type\":\"TemplateProcessing\"}",
         "post_processor.type is \"TemplateProcessing\"; only ByteLevel"},
        {"\"post_processor\":null", "\"post_processor\":{}", "post_processor.type is missing"},
        {"\"type\":\"BPE\"", "\"type\":\"Unigram\"", "model.type is \"Unigram\"; only BPE"},
        {"\"dropout\":null", "\"dropout\":0.1", "model.dropout is set"},
        {"\"unk_token\":null", "\"unk_token\":\"x\"", "model.unk_token is set"},
        {"\"byte_fallback\":false", "\"byte_fallback\":true", "model.byte_fallback is set"},
        {"\"ignore_merges\":false", "\"ignore_merges\":true", "model.ignore_merges is set"},
        {"\"vocab\":{", "\"vocab2\":{", "model.vocab is missing"},
        {"\"merges\":[", "\"merges2\":[", "model.merges is missing"},
        {"\"merges\":[", "\"vocab\":{},\"merges\":[", "the key \"vocab\" is there twice"},
        {"\"model\":{", "\"model\":{},\"model\":{", "the key \"model\" is there twice"},
        {"\"added_tokens\":[", "\"added\":[", "added_tokens is no list"},
        {"\"lstrip\":false", "\"lstrip\":true", "added token 956: lstrip is not false"},
        {"\"normalized\":false", "\"normalized\":1", "added token 956: normalized is not false"},
        {"\"content\":\"<|im_start|>\"", "\"text\":\"x\"", "added token 957 has no text"},
        {"\"content\":\"<|im_start|>\"", "\"content\":\"\"", "the added token 957 is empty"},
        {"\"content\":\"<|im_start|>\"", "\"content\":\"<|im_end|>\"",
         "the added token <|im_end|> is there twice"},
        {"\"id\":957", "\"id\":955", "\"<|im_start|>\" has the id 955 of another token"},
        {"\"id\":957", "\"id\":956", "\"<|im_start|>\" has the id 956 of another token"},
        {"\"id\":957", "\"id\":2000", "no token has the id 957, the largest is 2000"},
        {"\"id\":957", "\"id\":4294967297", "has the id 4294967297, at most 524287"},
        {"\"id\":957", "\"id\":-1", "an added token has no id"},
        {"\"id\":957", "\"id\":\"957\"", "an added token has no id"},
        {"{\"version\"", "[{\"version\"", "is '[', expected '{'"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        refuse_change(cases[i].from, cases[i].to, cases[i].expected);
    }
}

/* vocab.json with the 256 bytes (without one: `without`, if not -1), then more entries. */
static size_t write_vocab(char *out, int without, const char *more)
{
    size_t at = (size_t)sprintf(out, "{");
    int other = 0;
    for (int i = 0; i < 256; i++) {
        const bool printable = (i >= 33 && i <= 126) || (i >= 161 && i != 173);
        const int code = printable ? i : 256 + other++;
        if (i != without) {
            at += (size_t)sprintf(out + at, "%s\"\\u%04x\":%d", at > 1 ? "," : "", code, i);
        }
    }
    return at + (size_t)sprintf(out + at, "%s}", more);
}

static const char no_added[] = "{\"added_tokens_decoder\":{}}";

static void refuse_files(int without, const char *vocab, const char *merges, const char *config,
                         const char *expected)
{
    char text[8192];
    const alm_tokenizer_texts t = {.vocab = text,
                                   .vocab_bytes = write_vocab(text, without, vocab),
                                   .merges = merges,
                                   .merges_bytes = strlen(merges),
                                   .config = config,
                                   .config_bytes = strlen(config)};
    expect_refusal(&t, expected);
}

ALM_TEST(tokenizer, vocabulary_and_merges)
{
    static const char ab[] = ",\"ab\":256";
    const char *none = no_added;
    refuse_files(65, "", "", none, "no token has the id 65");
    refuse_files(65, ",\"ab\":65", "", none, "no token for the byte 0x41");
    refuse_files(-1, ",\"ab\":257", "", none, "no token has the id 256");
    refuse_files(-1, ",\"ab\":65", "", none, "token \"ab\" has the id 65 of another token");
    refuse_files(-1, ",\"A\":256", "", none, "token \"A\" is there twice");
    refuse_files(-1, ",\"\":256", "", none, "the token with the id 256 is empty");
    refuse_files(-1, ",\"a b\":256", "", none,
                 "holds a character that stands for no byte (U+0020)");
    refuse_files(-1, ",\"\\u0144\":256", "", none, "stands for no byte (U+0144)");
    refuse_files(-1, ",\"a\\u0000\":256", "", none, "vocab.json: line 1");
    refuse_files(-1, ",\"ab\":-1", "", none, "a token's id is -1, expected a whole number from 0");
    refuse_files(-1, ",\"ab\":524288", "", none, "a token's id is 524288, expected");
    refuse_files(-1, ",\"ab\":256.0", "", none, "a token's id is 256.0, expected");
    refuse_files(-1, ",\"ab\":\"256\"", "", none, "a token's id is no number");
    refuse_files(-1, ",\"ab\"", "", none, "expected ':'");
    refuse_files(-1, ab, "a c\n", none, "merge 0, \"a\" with \"c\": what they become is not in");
    refuse_files(-1, ab, "a b\na b\n", none, "merge 1, \"a\" with \"b\": is there twice");
    refuse_files(-1, ab, "ac b\n", none, "the first is not in the vocabulary");
    refuse_files(-1, ab, "a bb\n", none, "the second is not in the vocabulary");
    refuse_files(-1, ab, " b\n", none, "the first is not in the vocabulary");
    refuse_files(-1, ab, "ab\n", none, "merge 0, \"ab\", is no two tokens");
    refuse_files(-1, ab, "a b c\n", none, "is no two tokens");
    refuse_files(-1, ab, "a b\r\n", none, "stands for no byte (U+000D)");
    refuse_files(-1, ab, "a \xff\n", none, "merges.txt: byte 2 is not UTF-8");
    refuse_files(-1, ab, "a b\n", "{}", "tokenizer_config.json: added_tokens_decoder is no map");
    refuse_files(-1, ab, "a b\n", "{\"added_tokens_decoder\":{\"x\":{}}}", "holds \"x\", no id");
    refuse_files(-1, ab, "a b\n", "{\"added_tokens_decoder\":{\"257\":1}}", "no text \"content\"");
    refuse_files(-1, ab, "a b\n", "{\"added_tokens_decoder\":{\"258\":{\"content\":\"x\"}}}",
                 "no token has the id 257");
    refuse_files(-1, ab, "a b\n", "{\"added_tokens_decoder\":{},\"add_prefix_space\":true}",
                 "add_prefix_space is set");
}

/* A token of a megabyte is a token like others; and a vocabulary without merges works. */
ALM_TEST(tokenizer, long_tokens)
{
    enum { LONG = 1 << 20 };
    char *text = malloc(LONG + 8192), *more = malloc(LONG + 64);
    alm_tokenizer *t;
    ALM_REQUIRE(text && more);
    const size_t head = (size_t)sprintf(more, ",\"");
    memset(more + head, 'a', LONG);
    sprintf(more + head + LONG, "\":256");
    const alm_tokenizer_texts texts = {.vocab = text,
                                       .vocab_bytes = write_vocab(text, -1, more),
                                       .merges = "",
                                       .config = no_added,
                                       .config_bytes = sizeof no_added - 1};
    ALM_REQUIRE_OK(alm_tokenizer_load_texts(&texts, NULL, 0, &t));
    ALM_CHECK_INT(alm_tokenizer_size(t), 257);
    char *decoded;
    const int32_t id = 256;
    ALM_REQUIRE_OK(alm_tokenizer_decode(t, &id, 1, &decoded));
    ALM_CHECK_INT(strlen(decoded), LONG);
    alm_free(decoded);
    alm_tokenizer_free(t);
    sprintf(more + head + LONG, "a\":256");
    const alm_tokenizer_texts longer = {.vocab = text, .vocab_bytes = write_vocab(text, -1, more)};
    expect_refusal(&longer, "a text is longer than 1048576 bytes");
    free(text);
    free(more);
}

ALM_TEST(tokenizer, folders_without_files)
{
    char folder[512];
    alm_tokenizer *t = NULL;
    snprintf(folder, sizeof folder, "%s", alm_test_folder());
    ALM_CHECK_STATUS(alm_tokenizer_load(folder, NULL, 0, &t), ALM_STATUS_MODEL);
    ALM_CHECK_TEXT(alm_error_message(), "neither tokenizer.json nor vocab.json is there");
    alm_test_write(alm_test_path(folder, "vocab.json"), "{}", 2);
    ALM_CHECK_STATUS(alm_tokenizer_load(folder, NULL, 0, &t), ALM_STATUS_MODEL);
    ALM_CHECK_TEXT(alm_error_message(), "merges.txt: cannot be opened");
    alm_test_write(alm_test_path(folder, "merges.txt"), "", 0);
    ALM_CHECK_STATUS(alm_tokenizer_load(folder, NULL, 0, &t), ALM_STATUS_MODEL);
    ALM_CHECK_TEXT(alm_error_message(), "tokenizer_config.json: cannot be opened");
    ALM_CHECK(t == NULL);
}
