/* The tokenizer of made-up model folders (synth_tokenizer.h). */
#include "runtime/output/synth_tokenizer.h"

#include <stdbool.h>
#include <string.h>

#include "kernels/core/memory.h"
#include "runtime/input/text_file.h"
#include "runtime/input/utf8.h"
#include "runtime/output/buffer.h"
#include "runtime/output/file_write.h"

enum { BYTES = 256, TOKEN_BYTES = 32 };

/* Words of prompts, spelled in the byte alphabet: "Ġ" is a space before the word. */
static const char *const words[] = {
    "Assemble", "Ġthe",   "Ġobject", "user",   "assistant", "system", "Ġchair", "Ġtable",
    "Ġlamp",    "Ġshelf", "Ġdrawer", "Ġbench", "Ġbed",      "Ġdesk",  "Ġdoor",  "Ġcabinet",
    "Ġsofa",    "Ġstool", "Ġpart",   "Ġplug",  "Ġring",     "Ġof",    "Ġand",   "Ġwith",
};

/* Qwen's added tokens in the order of their ids; the first n_special are special ones. */
static const char *const added[] = {
    "<|endoftext|>",
    "<|im_start|>",
    "<|im_end|>",
    "<|object_ref_start|>",
    "<|object_ref_end|>",
    "<|box_start|>",
    "<|box_end|>",
    "<|quad_start|>",
    "<|quad_end|>",
    "<|vision_start|>",
    "<|vision_end|>",
    "<|vision_pad|>",
    "<|image_pad|>",
    "<|video_pad|>",
    "<tool_call>",
    "</tool_call>",
    "<|fim_prefix|>",
    "<|fim_middle|>",
    "<|fim_suffix|>",
    "<|fim_pad|>",
    "<|repo_name|>",
    "<|file_sep|>",
    "<tool_response>",
    "</tool_response>",
    "<think>",
    "</think>",
};
enum {
    END_OF_TEXT = 0,
    MESSAGE_END = 2,
    VISION_START = 9,
    VISION_END = 10,
    IMAGE = 12,
    VIDEO = 13,
    SPECIAL_COUNT = 14,
    ADDED_COUNT = sizeof added / sizeof added[0]
};

static const char pattern[] = "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}| "
                              "?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|"
                              "\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";

/* A token and, from BYTES on, the two that it is merged from. */
typedef struct token {
    char text[TOKEN_BYTES];
    int left, right;
} token;

typedef struct vocabulary {
    token *token; /* [count] */
    size_t count, capacity;
    size_t spelled; /* tokens up to here are the bytes and those of words */
} vocabulary;

/* The byte alphabet in the order of its code points: printable bytes stand for themselves, the
 * others for U+0100 and what follows. */
static alm_status add_bytes(vocabulary *v)
{
    ALM_TRY(alm_reserve(BYTES, sizeof *v->token, "tokens", &v->token, &v->capacity));
    uint32_t code = 33;
    for (v->count = 0; v->count < BYTES; v->count++, code++) {
        code = code == 127 ? 161 : code == 173 ? 174 : code;
        token *t = &v->token[v->count];
        *t = (token){.left = -1, .right = -1};
        t->text[alm_utf8_write(code, t->text)] = '\0';
    }
    return ALM_OK;
}

/* The token of this text among the spelled ones; -1 when there is none. */
static int find(const vocabulary *v, const char *text)
{
    for (size_t i = 0; i < v->spelled; i++) {
        if (strcmp(v->token[i].text, text) == 0) {
            return (int)i;
        }
    }
    return -1;
}

/* Appends left + right, unless a word made it already; *out: its number. */
static alm_status merge(vocabulary *v, int left, int right, int *out)
{
    token t = {.left = left, .right = right};
    const size_t n = strlen(v->token[left].text), m = strlen(v->token[right].text);
    if (n + m >= TOKEN_BYTES) {
        return alm_fail(ALM_STATUS_INTERNAL, "a token of %zu bytes is to be made", n + m);
    }
    memcpy(t.text, v->token[left].text, n);
    memcpy(t.text + n, v->token[right].text, m);
    *out = find(v, t.text);
    if (*out < 0) {
        ALM_TRY(alm_reserve(v->count + 1, sizeof *v->token, "tokens", &v->token, &v->capacity));
        *out = (int)v->count;
        v->token[v->count++] = t;
    }
    return ALM_OK;
}

/* Each word becomes one token: its letters are joined from the left. */
static alm_status spell(vocabulary *v, const char *word)
{
    int whole = -1;
    for (size_t bytes = strlen(word), at = 0, n; at < bytes; at += n) {
        uint32_t code;
        char letter[TOKEN_BYTES] = {0};
        n = alm_utf8_read(word + at, bytes - at, &code);
        memcpy(letter, word + at, n);
        const int next = find(v, letter);
        if (whole < 0) {
            whole = next;
        } else {
            ALM_TRY(merge(v, whole, next, &whole));
            v->spelled = v->count;
        }
    }
    return ALM_OK;
}

/* Pairs of bytes, then pairs with a third byte, until there are `count` tokens. */
static alm_status fill(vocabulary *v, size_t count)
{
    const size_t pairs = v->count;
    int made;
    for (int i = 0; i < BYTES * BYTES && v->count < count; i++) {
        ALM_TRY(merge(v, i / BYTES, i % BYTES, &made));
    }
    const size_t pairs_end = v->count;
    for (size_t i = pairs; i < pairs_end && v->count < count; i++) {
        for (int k = 0; k < BYTES && v->count < count; k++) {
            ALM_TRY(merge(v, (int)i, k, &made));
        }
    }
    return ALM_OK;
}

static alm_status make_vocabulary(vocabulary *v, int count)
{
    ALM_TRY(add_bytes(v));
    v->spelled = v->count;
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        ALM_TRY(spell(v, words[i]));
    }
    return fill(v, (size_t)count);
}

/* ---- Files ----------------------------------------------------------------------------------- */

static alm_status write_file(const char *base, const char *name, alm_buffer *text)
{
    alm_status status = text->status;
    char *path;
    if (status == ALM_OK) {
        status = alm_path_join(base, name, &path);
    }
    if (status == ALM_OK) {
        status = alm_file_write_all(path, text->data, text->count);
        alm_free(path);
    }
    alm_buffer_free(text);
    return status;
}

static void put_string(alm_buffer *b, const char *text)
{
    alm_buffer_json(b, text, strlen(text));
}

static void put_vocab(alm_buffer *b, const vocabulary *v)
{
    alm_buffer_text(b, "{");
    for (size_t i = 0; i < v->count; i++) {
        alm_buffer_text(b, i ? ",\n" : "\n");
        put_string(b, v->token[i].text);
        alm_buffer_format(b, ": %zu", i);
    }
    alm_buffer_text(b, "\n}");
}

/* What follows the id of an added token. */
static void put_added(alm_buffer *b, size_t i)
{
    alm_buffer_text(b, "\"content\": ");
    put_string(b, added[i]);
    alm_buffer_format(b,
                      ", \"single_word\": false, \"lstrip\": false, \"rstrip\": false, "
                      "\"normalized\": false, \"special\": %s}",
                      i < SPECIAL_COUNT ? "true" : "false");
}

static alm_status write_tokenizer_json(const char *base, const vocabulary *v)
{
    static const char byte_level[] = "{\"type\": \"ByteLevel\", \"add_prefix_space\": false, "
                                     "\"trim_offsets\": true, \"use_regex\": false}";
    alm_buffer b = {0};
    alm_buffer_text(&b, "{\"version\": \"1.0\", \"truncation\": null, \"padding\": null,\n"
                        "\"added_tokens\": [");
    for (size_t i = 0; i < ADDED_COUNT; i++) {
        alm_buffer_format(&b, "%s\n{\"id\": %zu, ", i ? "," : "", v->count + i);
        put_added(&b, i);
    }
    alm_buffer_text(&b, "],\n\"normalizer\": {\"type\": \"NFC\"},\n\"pre_tokenizer\": {\"type\": "
                        "\"Sequence\", \"pretokenizers\": [{\"type\": \"Split\", \"pattern\": "
                        "{\"Regex\": ");
    put_string(&b, pattern);
    alm_buffer_format(&b,
                      "}, \"behavior\": \"Isolated\", \"invert\": false}, %s]},\n"
                      "\"post_processor\": null,\n\"decoder\": %s,\n",
                      byte_level, byte_level);
    alm_buffer_text(&b, "\"model\": {\"type\": \"BPE\", \"dropout\": null, \"unk_token\": null, "
                        "\"continuing_subword_prefix\": null, \"end_of_word_suffix\": null, "
                        "\"fuse_unk\": false, \"byte_fallback\": false, \"ignore_merges\": "
                        "false,\n\"vocab\": ");
    put_vocab(&b, v);
    alm_buffer_text(&b, ",\n\"merges\": [");
    for (size_t i = BYTES; i < v->count; i++) {
        alm_buffer_text(&b, i > BYTES ? ",\n[" : "\n[");
        put_string(&b, v->token[v->token[i].left].text);
        alm_buffer_text(&b, ", ");
        put_string(&b, v->token[v->token[i].right].text);
        alm_buffer_text(&b, "]");
    }
    alm_buffer_text(&b, "]}}\n");
    return write_file(base, "tokenizer.json", &b);
}

static alm_status write_vocab_json(const char *base, const vocabulary *v)
{
    alm_buffer b = {0};
    put_vocab(&b, v);
    alm_buffer_text(&b, "\n");
    return write_file(base, "vocab.json", &b);
}

static alm_status write_merges(const char *base, const vocabulary *v)
{
    alm_buffer b = {0};
    alm_buffer_text(&b, "#version: 0.2\n");
    for (size_t i = BYTES; i < v->count; i++) {
        alm_buffer_format(&b, "%s %s\n", v->token[v->token[i].left].text,
                          v->token[v->token[i].right].text);
    }
    return write_file(base, "merges.txt", &b);
}

static alm_status write_config(const char *base, const vocabulary *v)
{
    alm_buffer b = {0};
    alm_buffer_text(&b, "{\"tokenizer_class\": \"Qwen2Tokenizer\", \"eos_token\": \"<|im_end|>\", "
                        "\"pad_token\": \"<|endoftext|>\",\n\"bos_token\": null, \"unk_token\": "
                        "null, \"add_prefix_space\": false, \"add_bos_token\": false,\n"
                        "\"errors\": \"replace\", \"model_max_length\": 262144, "
                        "\"clean_up_tokenization_spaces\": false, \"split_special_tokens\": "
                        "false,\n\"added_tokens_decoder\": {");
    for (size_t i = 0; i < ADDED_COUNT; i++) {
        alm_buffer_format(&b, "%s\n\"%zu\": {", i ? "," : "", v->count + i);
        put_added(&b, i);
    }
    alm_buffer_text(&b, "}}\n");
    return write_file(base, "tokenizer_config.json", &b);
}

static alm_status write_all(const char *base, const vocabulary *v)
{
    ALM_TRY(write_tokenizer_json(base, v));
    ALM_TRY(write_vocab_json(base, v));
    ALM_TRY(write_merges(base, v));
    return write_config(base, v);
}

alm_status alm_synth_tokenizer_write(const char *base, int vocabulary_size, alm_synth_ids *out)
{
    vocabulary v = {0};
    alm_status status = make_vocabulary(&v, vocabulary_size);
    if (status == ALM_OK) {
        status = write_all(base, &v);
    }
    const int first = (int)v.count;
    alm_free(v.token);
    ALM_TRY(status);
    *out = (alm_synth_ids){.end_of_text = first + END_OF_TEXT,
                           .message_end = first + MESSAGE_END,
                           .vision_start = first + VISION_START,
                           .vision_end = first + VISION_END,
                           .image = first + IMAGE,
                           .video = first + VIDEO,
                           .count = first + ADDED_COUNT};
    return ALM_OK;
}
