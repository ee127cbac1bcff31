/* Reads the files of a tokenizer: tokenizer.json, or vocab.json, merges.txt and
 * tokenizer_config.json (qwen3vl.md 6).
 *
 * Refused, by file and name: any setting that would make other tokens than the specification
 * describes, and what bpe.h refuses.
 */
#include <string.h>

#include "kernels/core/memory.h"
#include "runtime/input/json.h"
#include "runtime/input/text_file.h"
#include "runtime/input/tokenizer_parts.h"
#include "runtime/input/utf8.h"

/* The released tokenizer.json has 11 MB. */
enum { TOKENIZER_FILE_LIMIT = 20 << 20 };

/* ---- Added tokens ---------------------------------------------------------------------------- */

static alm_status add_special(alm_tokenizer *t, const char *text, int64_t id)
{
    alm_bpe *bpe = &t->bpe;
    const size_t bytes = strlen(text);
    if (t->n_added >= ALM_ADDED_TOKENS) {
        return alm_fail(ALM_STATUS_MODEL, "%s: more than %d added tokens", bpe->file,
                        (int)ALM_ADDED_TOKENS);
    }
    if (bytes == 0) {
        return alm_fail(ALM_STATUS_MODEL, "%s: the added token %lld is empty", bpe->file,
                        (long long)id);
    }
    if (alm_tokenizer_added(t, text) >= 0) {
        return alm_fail(ALM_STATUS_MODEL, "%s: the added token %.80s is there twice", bpe->file,
                        text);
    }
    ALM_TRY(alm_bpe_add_special(bpe, text, bytes, id));
    int place = t->n_added++;
    while (place > 0 && bpe->token[t->added[place - 1]].bytes < bytes) {
        t->added[place] = t->added[place - 1];
        place--;
    }
    t->added[place] = (int32_t)id;
    t->starts[(unsigned char)text[0]] = true;
    return ALM_OK;
}

/* One map {"content": ..., "lstrip": false, ...} of an added token. */
static alm_status add_described(alm_tokenizer *t, alm_tree *tree, int node, int64_t id)
{
    static const char *const plain[] = {"lstrip", "rstrip", "single_word", "normalized"};
    const char *content = NULL;
    const int first = tree->node[node].kind == ALM_TREE_MAP ? tree->node[node].first : -1;
    for (int i = first; i >= 0; i = tree->node[i].next) {
        const alm_tree_node *n = &tree->node[i];
        const char *key = tree->text + n->key;
        if (strcmp(key, "content") == 0 && n->kind == ALM_TREE_TEXT) {
            content = alm_tree_text(tree, i);
        }
        for (size_t k = 0; k < 4; k++) {
            if (strcmp(key, plain[k]) == 0 && !(n->kind == ALM_TREE_BOOL && !n->whole)) {
                return alm_fail(ALM_STATUS_MODEL, "%s: added token %lld: %s is not false",
                                tree->file, (long long)id, key);
            }
        }
    }
    if (!content) {
        return alm_fail(ALM_STATUS_MODEL, "%s: added token %lld has no text \"content\"",
                        tree->file, (long long)id);
    }
    return add_special(t, content, id);
}

static int64_t id_of(const alm_tree *tree, int node)
{
    for (int i = tree->node[node].first; i >= 0; i = tree->node[i].next) {
        if (strcmp(tree->text + tree->node[i].key, "id") == 0 &&
            tree->node[i].kind == ALM_TREE_WHOLE) {
            return tree->node[i].whole;
        }
    }
    return -1;
}

/* tokenizer.json: a list of maps with their ids. */
static alm_status add_list(alm_tokenizer *t, alm_tree *tree)
{
    const int list = alm_tree_find(tree, "added_tokens");
    if (list < 0 || tree->node[list].kind != ALM_TREE_LIST) {
        return alm_fail(ALM_STATUS_MODEL, "%s: added_tokens is no list", tree->file);
    }
    for (int i = tree->node[list].first; i >= 0; i = tree->node[i].next) {
        const int64_t id = id_of(tree, i);
        if (id < 0) {
            return alm_fail(ALM_STATUS_MODEL, "%s: an added token has no id", tree->file);
        }
        ALM_TRY(add_described(t, tree, i, id));
    }
    return ALM_OK;
}

/* tokenizer_config.json: a map from ids, as texts, to maps. */
static alm_status add_map(alm_tokenizer *t, alm_tree *tree)
{
    const int map = alm_tree_find(tree, "added_tokens_decoder");
    if (map < 0 || tree->node[map].kind != ALM_TREE_MAP) {
        return alm_fail(ALM_STATUS_MODEL, "%s: added_tokens_decoder is no map", tree->file);
    }
    for (int i = tree->node[map].first; i >= 0; i = tree->node[i].next) {
        const char *key = tree->text + tree->node[i].key;
        int64_t id;
        if (!alm_parse_whole(key, &id) || id < 0) {
            return alm_fail(ALM_STATUS_MODEL, "%s: added_tokens_decoder holds \"%.40s\", no id",
                            tree->file, key);
        }
        ALM_TRY(add_described(t, tree, i, id));
    }
    return ALM_OK;
}

/* ---- Vocabulary and merges ------------------------------------------------------------------- */

static alm_status read_vocab(alm_tokenizer *t, alm_json *json)
{
    char *name = NULL;
    size_t capacity = 0;
    bool more = true;
    alm_status status = alm_json_open(json, '{');
    while (status == ALM_OK) {
        status = alm_json_key(json, &more);
        if (status != ALM_OK || !more) {
            break;
        }
        const size_t bytes = json->bytes;
        int64_t id = 0;
        status = alm_reserve(bytes + 1, 1, json->file, &name, &capacity);
        if (status == ALM_OK) {
            memcpy(name, json->text, bytes + 1);
            status = alm_json_whole(json, "a token's id", 0, ALM_BPE_TOKENS - 1, &id);
        }
        if (status == ALM_OK) {
            status = alm_bpe_add(&t->bpe, name, bytes, id);
        }
    }
    alm_free(name);
    return status;
}

/* "left right" */
static alm_status add_merge_text(alm_tokenizer *t, const char *text, size_t bytes)
{
    const char *space = memchr(text, ' ', bytes);
    const size_t left = space ? (size_t)(space - text) : 0;
    if (!space || memchr(space + 1, ' ', bytes - left - 1)) {
        return alm_fail(ALM_STATUS_MODEL, "%s: merge %zu, \"%.*s\", is no two tokens", t->bpe.file,
                        t->bpe.merges, bytes > 80 ? 80 : (int)bytes, text);
    }
    return alm_bpe_add_merge(&t->bpe, text, left, space + 1, bytes - left - 1);
}

/* ["left", "right"] */
static alm_status add_merge_pair(alm_tokenizer *t, alm_json *json, char **left, size_t *capacity)
{
    bool more;
    ALM_TRY(alm_json_open(json, '['));
    ALM_TRY(alm_json_item(json, &more));
    if (!more) {
        return alm_json_fail(json, "a merge is empty");
    }
    ALM_TRY(alm_json_string(json));
    const size_t bytes = json->bytes;
    ALM_TRY(alm_reserve(bytes + 1, 1, json->file, left, capacity));
    memcpy(*left, json->text, bytes + 1);
    ALM_TRY(alm_json_item(json, &more));
    if (!more) {
        return alm_json_fail(json, "a merge has one token");
    }
    ALM_TRY(alm_json_string(json));
    ALM_TRY(alm_bpe_add_merge(&t->bpe, *left, bytes, json->text, json->bytes));
    ALM_TRY(alm_json_item(json, &more));
    return more ? alm_json_fail(json, "a merge has more than two tokens") : ALM_OK;
}

static alm_status read_merge_list(alm_tokenizer *t, alm_json *json)
{
    char *left = NULL;
    size_t capacity = 0;
    bool more = true;
    alm_status status = alm_json_open(json, '[');
    while (status == ALM_OK) {
        status = alm_json_item(json, &more);
        if (status != ALM_OK || !more) {
            break;
        }
        if (alm_json_peek(json) == '[') {
            status = add_merge_pair(t, json, &left, &capacity);
            continue;
        }
        status = alm_json_string(json);
        if (status == ALM_OK) {
            status = add_merge_text(t, json->text, json->bytes);
        }
    }
    alm_free(left);
    return status;
}

/* A line a merge; "#version: ..." and empty lines are none. */
static alm_status read_merge_lines(alm_tokenizer *t, const char *text, size_t bytes)
{
    static const char version[] = "#version";
    for (size_t at = 0; at < bytes;) {
        const char *end = memchr(text + at, '\n', bytes - at);
        const size_t count = end ? (size_t)(end - (text + at)) : bytes - at;
        const bool is_version =
            count >= sizeof version - 1 && memcmp(text + at, version, sizeof version - 1) == 0;
        if (count > 0 && !is_version) {
            ALM_TRY(add_merge_text(t, text + at, count));
        }
        at += count + 1;
    }
    return ALM_OK;
}

/* ---- tokenizer.json -------------------------------------------------------------------------- */

/* The settings of tokenizer.json without its vocabulary and merges, as a tree; where those two
 * stand. */
typedef struct parts {
    alm_tree tree;
    alm_json vocab, merges; /* .at: where the value begins; NULL: not there */
} parts;

static alm_status read_model(alm_json *json, parts *p, int parent)
{
    bool more;
    ALM_TRY(alm_json_open(json, '{'));
    for (;;) {
        ALM_TRY(alm_json_key(json, &more));
        if (!more) {
            return ALM_OK;
        }
        const bool is_vocab = strcmp(json->text, "vocab") == 0;
        if (is_vocab || strcmp(json->text, "merges") == 0) {
            alm_json *place = is_vocab ? &p->vocab : &p->merges;
            if (place->at) {
                return alm_json_fail(json, "the key \"%s\" is there twice", json->text);
            }
            alm_json_begin(place, json->file, json->begin, (size_t)(json->end - json->begin));
            place->at = json->at;
            ALM_TRY(alm_json_skip(json));
            continue;
        }
        char *key;
        ALM_TRY(alm_strdup(json->text, json->file, &key));
        const alm_status status = alm_json_value(json, &p->tree, parent, key);
        alm_free(key);
        ALM_TRY(status);
    }
}

static alm_status read_parts(alm_json *json, parts *p)
{
    int root, model;
    bool more;
    ALM_TRY(alm_tree_add(&p->tree, -1, NULL, 0, ALM_TREE_MAP, NULL, 0, &root));
    ALM_TRY(alm_json_open(json, '{'));
    for (;;) {
        ALM_TRY(alm_json_key(json, &more));
        if (!more) {
            return alm_json_end(json);
        }
        char *key;
        ALM_TRY(alm_strdup(json->text, json->file, &key));
        alm_status status;
        if (strcmp(key, "model") == 0) {
            status = alm_tree_add(&p->tree, root, key, strlen(key), ALM_TREE_MAP, NULL, 0, &model);
            status = status == ALM_STATUS_MODEL ? alm_json_fail(json, "%s", alm_error_message())
                                                : status;
            if (status == ALM_OK) {
                status = read_model(json, p, model);
            }
        } else {
            status = alm_json_value(json, &p->tree, root, key);
        }
        alm_free(key);
        ALM_TRY(status);
    }
}

/* The value is absent, null, false or an empty text: it does nothing. */
static void check_idle(alm_tree *tree, const char *path)
{
    const int node = alm_tree_find(tree, path);
    const alm_tree_node *n = node < 0 ? NULL : &tree->node[node];
    const bool idle = !n || n->kind == ALM_TREE_NULL || (n->kind == ALM_TREE_BOOL && !n->whole) ||
                      (n->kind == ALM_TREE_TEXT && !*alm_tree_text(tree, node));
    if (!idle) {
        alm_tree_fail(tree, "%s is set; only a tokenizer without it is supported", path);
    }
}

#define STEPS "pre_tokenizer.pretokenizers."

static alm_status check_parts(alm_tree *tree)
{
    static const char *const settings[][2] = {
        {"normalizer.type", "NFC"},       {"pre_tokenizer.type", "Sequence"},
        {STEPS "0.type", "Split"},        {STEPS "0.pattern.Regex", alm_qwen_pattern},
        {STEPS "0.behavior", "Isolated"}, {STEPS "0.invert", "false"},
        {STEPS "1.type", "ByteLevel"},    {STEPS "1.add_prefix_space", "false"},
        {STEPS "1.use_regex", "false"},   {"model.type", "BPE"}};
    /* These may be absent, but not be something else. */
    static const char *const optional[][2] = {{"post_processor", "post_processor.type"},
                                              {"decoder", "decoder.type"}};
    static const char *const idle[] = {STEPS "2",
                                       "model.dropout",
                                       "model.unk_token",
                                       "model.continuing_subword_prefix",
                                       "model.end_of_word_suffix",
                                       "model.fuse_unk",
                                       "model.byte_fallback",
                                       "model.ignore_merges"};
    for (size_t i = 0; i < sizeof settings / sizeof *settings; i++) {
        alm_tree_switch(tree, settings[i][0], settings[i][1], true);
    }
    for (size_t i = 0; i < sizeof optional / sizeof *optional; i++) {
        const int node = alm_tree_find(tree, optional[i][0]);
        if (node >= 0 && tree->node[node].kind != ALM_TREE_NULL) {
            alm_tree_switch(tree, optional[i][1], "ByteLevel", true);
        }
    }
    for (size_t i = 0; i < sizeof idle / sizeof *idle; i++) {
        check_idle(tree, idle[i]);
    }
    return tree->status;
}

static alm_status fill_from_parts(alm_tokenizer *t, parts *p)
{
    if (!p->vocab.at || !p->merges.at) {
        return alm_fail(ALM_STATUS_MODEL, "%s: model.%s is missing", p->tree.file,
                        p->vocab.at ? "merges" : "vocab");
    }
    ALM_TRY(check_parts(&p->tree));
    ALM_TRY(read_vocab(t, &p->vocab));
    ALM_TRY(read_merge_list(t, &p->merges));
    return add_list(t, &p->tree);
}

static alm_status load_json(alm_tokenizer *t, const char *text, size_t bytes)
{
    alm_json json;
    parts p = {.tree = {.file = "tokenizer.json"}};
    t->bpe.file = "tokenizer.json";
    alm_json_begin(&json, t->bpe.file, text, bytes);
    alm_status status = read_parts(&json, &p);
    if (status == ALM_OK) {
        status = fill_from_parts(t, &p);
    }
    alm_json_close(&json);
    alm_json_close(&p.vocab);
    alm_json_close(&p.merges);
    alm_tree_clear(&p.tree);
    return status;
}

/* ---- vocab.json, merges.txt, tokenizer_config.json ------------------------------------------- */

static alm_status load_vocab(alm_tokenizer *t, const char *text, size_t bytes)
{
    alm_json json;
    t->bpe.file = "vocab.json";
    alm_json_begin(&json, t->bpe.file, text, bytes);
    alm_status status = read_vocab(t, &json);
    if (status == ALM_OK) {
        status = alm_json_end(&json);
    }
    alm_json_close(&json);
    return status;
}

static alm_status load_config(alm_tokenizer *t, const char *text, size_t bytes)
{
    alm_tree tree = {.file = "tokenizer_config.json"};
    t->bpe.file = tree.file;
    alm_status status = alm_json_tree(text, bytes, &tree);
    if (status == ALM_OK) {
        check_idle(&tree, "add_prefix_space");
        check_idle(&tree, "add_bos_token");
        check_idle(&tree, "split_special_tokens");
        status = tree.status;
    }
    if (status == ALM_OK) {
        status = add_map(t, &tree);
    }
    alm_tree_clear(&tree);
    return status;
}

static alm_status load_files(alm_tokenizer *t, const alm_tokenizer_texts *texts)
{
    ALM_TRY(load_vocab(t, texts->vocab, texts->vocab_bytes));
    t->bpe.file = "merges.txt";
    const size_t valid = alm_utf8_check(texts->merges, texts->merges_bytes);
    if (valid < texts->merges_bytes) {
        return alm_fail(ALM_STATUS_MODEL, "merges.txt: byte %zu is not UTF-8", valid);
    }
    ALM_TRY(read_merge_lines(t, texts->merges, texts->merges_bytes));
    return load_config(t, texts->config, texts->config_bytes);
}

/* ---- The whole ------------------------------------------------------------------------------- */

static alm_status fill(alm_tokenizer *t, const alm_tokenizer_texts *texts, const char *const *extra,
                       int n_extra)
{
    ALM_TRY(texts->json ? load_json(t, texts->json, texts->json_bytes) : load_files(t, texts));
    ALM_TRY(alm_bpe_finish(&t->bpe));
    for (int i = 0; i < n_extra; i++) {
        if (alm_tokenizer_added(t, extra[i]) < 0) {
            ALM_TRY(add_special(t, extra[i], (int64_t)t->bpe.tokens));
        }
    }
    return alm_splitter_create(&t->splitter);
}

alm_status alm_tokenizer_load_texts(const alm_tokenizer_texts *texts, const char *const *extra,
                                    int n_extra, alm_tokenizer **out)
{
    alm_tokenizer *t;
    ALM_TRY(alm_calloc(1, sizeof *t, "the tokenizer", &t));
    const alm_status status = fill(t, texts, extra, n_extra);
    if (status != ALM_OK) {
        alm_tokenizer_free(t);
        return alm_fail_param(status, "model");
    }
    t->bpe.file = "the tokenizer";
    *out = t;
    return ALM_OK;
}

void alm_tokenizer_free(alm_tokenizer *tokenizer)
{
    if (tokenizer) {
        alm_bpe_clear(&tokenizer->bpe);
        alm_splitter_destroy(tokenizer->splitter);
        alm_free(tokenizer);
    }
}

static alm_status read_file(const char *base, const char *name, char **text, size_t *bytes)
{
    char *path;
    ALM_TRY(alm_path_join(base, name, &path));
    const alm_status status = alm_text_file_read(path, TOKENIZER_FILE_LIMIT, text, bytes);
    alm_free(path);
    return status;
}

static alm_status has_file(const char *base, const char *name, bool *has)
{
    char *path;
    ALM_TRY(alm_path_join(base, name, &path));
    *has = alm_is_file(path);
    alm_free(path);
    return ALM_OK;
}

alm_status alm_tokenizer_load(const char *base, const char *const *extra, int n_extra,
                              alm_tokenizer **out)
{
    char *text[3] = {NULL, NULL, NULL};
    alm_tokenizer_texts t = {.json = NULL};
    bool whole, apart;
    ALM_TRY(has_file(base, "tokenizer.json", &whole));
    ALM_TRY(has_file(base, "vocab.json", &apart));
    if (!whole && !apart) {
        return alm_fail_param(
            alm_fail(ALM_STATUS_MODEL, "%s: neither tokenizer.json nor vocab.json is there", base),
            "model");
    }
    alm_status status;
    if (whole) {
        status = read_file(base, "tokenizer.json", &text[0], &t.json_bytes);
        t.json = text[0];
    } else {
        status = read_file(base, "vocab.json", &text[0], &t.vocab_bytes);
        if (status == ALM_OK) {
            status = read_file(base, "merges.txt", &text[1], &t.merges_bytes);
        }
        if (status == ALM_OK) {
            status = read_file(base, "tokenizer_config.json", &text[2], &t.config_bytes);
        }
        t.vocab = text[0], t.merges = text[1], t.config = text[2];
    }
    status = status == ALM_OK ? alm_tokenizer_load_texts(&t, extra, n_extra, out)
                              : alm_fail_param(status, "model");
    for (int i = 0; i < 3; i++) {
        alm_free(text[i]);
    }
    return status;
}
