/* The tokenizer against 1,500 cases of Hugging Face's, against cases of the specification's program
 * on another vocabulary, and against tokenizer files that lie. */
#include <stdio.h>
#include <stdlib.h>

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
