/* safetensors headers and the index of shards: every field broken, every length, mutations. */
#include <stdio.h>
#include <stdlib.h>

#include "runtime/input/safetensors.h"
#include "tests/shim/alm_test.h"

enum { FILE_BYTES = 4096 };

/* A file of this header (its length first) and so many bytes of values: 0, 1, 2, ... */
static size_t make(const char *header, size_t values, uint8_t *out)
{
    const size_t n = strlen(header);
    memset(out, 0, 8);
    out[0] = (uint8_t)n;
    out[1] = (uint8_t)(n >> 8);
    memcpy(out + 8, header, n);
    for (size_t i = 0; i < values; i++) {
        out[8 + n + i] = (uint8_t)i;
    }
    return 8 + n + values;
}

/* In a block of its own, so that a sanitizer sees a read past the end. What is accepted has
 * disjoint ranges that cover the values: the sum of the sizes is all there is, and no value lies in
 * two. */
static alm_status parse(const uint8_t *data, size_t bytes, alm_tensor_list *list, uint8_t **copy)
{
    *copy = malloc(bytes ? bytes : 1);
    memcpy(*copy, data, bytes);
    *list = (alm_tensor_list){0};
    const alm_status status = alm_safetensors_parse(*copy, bytes, "f", list);
    if (status == ALM_OK) {
        uint8_t *seen = calloc(bytes, 1);
        const uint8_t *first = *copy + bytes;
        for (size_t i = 0; i < list->count; i++) {
            const alm_stored_tensor *t = &list->tensor[i];
            size_t size = 0;
            ALM_CHECK_STATUS(alm_desc_bytes(&t->desc, "t", &size), ALM_OK);
            ALM_CHECK(t->data >= *copy && t->data + size <= *copy + bytes);
            first = t->data < first ? t->data : first;
            for (size_t k = 0; k < size; k++) {
                ALM_CHECK_INT(seen[t->data - *copy + (ptrdiff_t)k]++, 0);
            }
        }
        for (const uint8_t *p = first; p < *copy + bytes; p++) {
            ALM_CHECK_INT(seen[p - *copy], 1);
        }
        free(seen);
    }
    return status;
}

static void expect(const uint8_t *data, size_t bytes, const char *text)
{
    alm_tensor_list list;
    uint8_t *copy;
    alm_error_clear();
    ALM_CHECK_STATUS(parse(data, bytes, &list, &copy), ALM_STATUS_MODEL);
    ALM_CHECK_TEXT(alm_error_message(), text);
    alm_tensor_list_free(&list);
    free(copy);
}

static void expect_header(const char *header, size_t values, const char *text)
{
    uint8_t data[FILE_BYTES];
    expect(data, make(header, values, data), text);
}

#define ENTRY(name, dtype, shape, offsets)                                                         \
    "\"" name "\":{\"dtype\":\"" dtype "\",\"shape\":[" shape "],\"data_offsets\":[" offsets "]}"

static const char good[] =
    "{\"__metadata__\":{\"format\":\"pt\"}," ENTRY("module.b", "F32", "2,3", "4,28") "," ENTRY(
        "a", "BF16", "2", "0,4") "," ENTRY("none", "U8", "0,7", "4,4") "}   ";

ALM_TEST(safetensors, reads_tensors)
{
    uint8_t data[FILE_BYTES], *copy;
    alm_tensor_list list;
    const size_t bytes = make(good, 28, data);
    ALM_CHECK_STATUS(parse(data, bytes, &list, &copy), ALM_OK);
    ALM_CHECK_INT(list.count, 3);
    if (list.count == 3) {
        const alm_stored_tensor *a = &list.tensor[0], *b = &list.tensor[1];
        char text[ALM_DESC_TEXT];
        ALM_CHECK_TEXT(a->name, "a");
        ALM_CHECK_TEXT(alm_desc_text(&a->desc, text), "BF16 [2]");
        ALM_CHECK_INT(a->data[1], 1);
        ALM_CHECK(strcmp(b->name, "b") == 0);
        ALM_CHECK_TEXT(alm_desc_text(&b->desc, text), "F32 [2, 3]");
        ALM_CHECK_INT(b->data[0], 4);
        ALM_CHECK(a->storage != b->storage);
        ALM_CHECK(alm_stored_tensor_is_packed(b));
        ALM_CHECK(strcmp(list.tensor[2].name, "none") == 0);
    }
    alm_tensor_list_free(&list);
    free(copy);
}

ALM_TEST(safetensors, refuses_every_length)
{
    uint8_t data[FILE_BYTES], *copy;
    const size_t bytes = make(good, 28, data);
    for (size_t n = 0; n < bytes; n++) {
        alm_tensor_list list;
        ALM_CHECK_STATUS(parse(data, n, &list, &copy), ALM_STATUS_MODEL);
        ALM_CHECK_TEXT(alm_error_message(), n < 8            ? " bytes, a safetensors file has at"
                                            : n < bytes - 28 ? "f: its header has "
                                                             : ", the values at ");
        alm_tensor_list_free(&list);
        free(copy);
    }
    data[bytes] = 0;
    expect(data, bytes + 1, "f: the tensors end at 28, the values at 29");
}

ALM_TEST(safetensors, refuses_wrong_lengths_of_headers)
{
    uint8_t data[FILE_BYTES] = {0};
    expect(data, 8, "f: its header is empty");
    memset(data, 0xFF, 8);
    expect(data, 100, "f: its header has 18446744073709551615 bytes, the rest of the file 92");
    const size_t large = ((size_t)16 << 20) + 1;
    uint8_t *file = calloc(large + 8, 1);
    file[0] = 1;
    file[3] = 1;
    expect(file, large + 8, "f: its header has 16777217 bytes, the limit is 16777216");
    free(file);
}

ALM_TEST(safetensors, refuses_what_is_no_json)
{
    expect_header("[]", 0, "f: its header does not begin with {");
    expect_header(" {}", 0, "f: its header does not begin with {");
    expect_header("{}", 0, "f: holds no tensor");
    expect_header("{\"__metadata__\":{}}", 0, "f: holds no tensor");
    expect_header("{", 0, "f: line 1, byte 1: ");
    expect_header("{\"a\"}", 0, "f: line 1, byte 4: is '}', expected ':'");
    expect_header("{}x", 0, "f: line 1, byte 2: text follows the JSON value");
    expect_header("{\"\xFF\":1}", 0, "f: line 1, byte 2: a text is not UTF-8");
    expect_header("{\"\\u0000\":1}", 0, "\\u0000 is no character");
    expect_header("{" ENTRY("", "U8", "1", "0,1") "}", 1, "f: a tensor has an empty name");
    char deep[300] = "{\"__metadata__\":";
    memset(deep + 16, '[', 200);
    expect_header(deep, 0, "is nested deeper than ");
}

ALM_TEST(safetensors, refuses_keys_that_come_twice)
{
    expect_header("{" ENTRY("a", "U8", "1", "0,1") "," ENTRY("a", "U8", "1", "1,2") "}", 2,
                  "f: tensor a is there twice");
    expect_header("{" ENTRY("a", "U8", "1", "0,1") "," ENTRY("module.a", "U8", "1", "1,2") "}", 2,
                  "f: tensor a is there twice");
    expect_header("{\"a\":{\"dtype\":\"U8\",\"dtype\":\"U8\",\"shape\":[],\"data_offsets\":[0,1]}}",
                  1, "f: a: field dtype, expected dtype, shape and data_offsets once");
    expect_header("{\"a\":{\"dtype\":\"U8\",\"shape\":[],\"shape\":[],\"data_offsets\":[0,1]}}", 1,
                  "f: a: field shape, expected dtype, shape and data_offsets once");
    expect_header("{\"__metadata__\":{},\"__metadata__\":{}}", 0, "f: __metadata__ is there twice");
}

ALM_TEST(safetensors, refuses_wrong_fields)
{
    expect_header("{\"a\":1}", 0, "f: line 1, byte 5: is '1', expected '{'");
    expect_header("{\"a\":{\"shape\":[1],\"data_offsets\":[0,1]}}", 1,
                  "f: a: its entry has no dtype");
    expect_header("{\"a\":{\"dtype\":\"U8\",\"data_offsets\":[0,1]}}", 1,
                  "f: a: its entry has no shape");
    expect_header("{\"a\":{\"dtype\":\"U8\",\"shape\":[1]}}", 1,
                  "f: a: its entry has no data_offsets");
    expect_header("{\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1],\"x\":1}}", 1,
                  "f: a: field x, expected dtype, shape and data_offsets once");
    expect_header("{\"a\":{\"dtype\":1}}", 0, "is '1', expected '\"'");
    expect_header("{" ENTRY("a", "F8_E4M3", "1", "0,1") "}", 1, "f: a: type F8_E4M3 is not known");
    expect_header("{" ENTRY("a", "none", "1", "0,1") "}", 1, "f: a: type none is not known");
}

ALM_TEST(safetensors, refuses_wrong_shapes)
{
    expect_header("{" ENTRY("a", "U8", "-1", "0,1") "}", 1, "a dimension is -1, expected a whole");
    expect_header("{" ENTRY("a", "U8", "1.0", "0,1") "}", 1,
                  "a dimension is 1.0, expected a whole");
    expect_header("{" ENTRY("a", "U8", "\"1\"", "0,1") "}", 1, "a dimension is no number");
    expect_header("{" ENTRY("a", "U8", "9223372036854775808", "0,1") "}", 1,
                  "a dimension is 92233");
    expect_header("{" ENTRY("a", "U8", "1,1,1,1,1,1,1", "0,1") "}", 1,
                  "f: a: has more than 6 dimensions");
    expect_header("{" ENTRY("a", "F64", "4294967296,4294967296", "0,0") "}", 0,
                  "f: a: the product of its shape is too large");
    expect_header("{" ENTRY("a", "F64", "2305843009213693952", "0,0") "}", 0,
                  "f: a: the product of its shape is too large");
    expect_header("{" ENTRY("a", "F64", "0,4294967296,4294967296", "0,0") "}", 0,
                  "f: a: the product of its shape is too large");
    expect_header("{" ENTRY("a", "F32", "2", "0,7") "}", 7,
                  "f: a: 7 bytes of values, F32 [2] has 8");
}

ALM_TEST(safetensors, refuses_wrong_ranges)
{
    expect_header("{" ENTRY("a", "U8", "1", "1,0") "}", 1,
                  "f: a: data_offsets begin at 1, after their end 0");
    expect_header("{" ENTRY("a", "U8", "2", "0,2") "}", 1,
                  "f: a: data_offsets end at 2, the values at 1");
    expect_header("{" ENTRY("a", "U8", "1", "9223372036854775806,9223372036854775807") "}", 1,
                  "f: a: data_offsets end at 9223372036854775807, the values at 1");
    expect_header("{" ENTRY("a", "U8", "1", "-1,0") "}", 1, "an offset is -1, expected a whole");
    expect_header("{" ENTRY("a", "U8", "1", "0") "}", 1, "f: a: data_offsets is not two numbers");
    expect_header("{" ENTRY("a", "U8", "1", "") "}", 1, "f: a: data_offsets is not two numbers");
    expect_header("{" ENTRY("a", "U8", "1", "0,1,2") "}", 1,
                  "f: a: data_offsets is not two numbers");
    expect_header("{" ENTRY("a", "U8", "2", "0,2") "," ENTRY("b", "U8", "2", "1,3") "}", 3,
                  "f: b: data_offsets begin at 1, inside of the values before that end at 2");
    expect_header("{" ENTRY("a", "U8", "2", "0,2") "," ENTRY("b", "U8", "2", "0,2") "}", 2,
                  "data_offsets begin at 0, inside of the values before that end at 2");
    expect_header("{" ENTRY("a", "U8", "1", "0,1") "," ENTRY("b", "U8", "1", "2,3") "}", 3,
                  "f: b: data_offsets begin at 2, after a hole from 1");
    expect_header("{" ENTRY("a", "U8", "1", "1,2") "}", 2,
                  "f: a: data_offsets begin at 1, after a hole from 0");
    expect_header("{" ENTRY("a", "U8", "1", "0,1") "}", 2,
                  "f: the tensors end at 1, the values at");
    expect_header("{" ENTRY("a", "U8", "0", "0,0") "," ENTRY("b", "U8", "0", "1,1") "}", 1,
                  "f: b: data_offsets begin at 1, after a hole from 0");
}

ALM_TEST(safetensors, survives_mutations)
{
    static const uint8_t values[] = "0123456789,:[]{}\"\\-e.";
    for (int i = 0; i < 8000; i++) {
        uint8_t data[FILE_BYTES], *copy;
        alm_tensor_list list;
        size_t bytes = make(good, 28, data);
        for (uint64_t k = alm_test_random() % 3 + 1; k > 0; k--) {
            data[alm_test_random() % bytes] = alm_test_random() % 4
                                                  ? values[alm_test_random() % sizeof values]
                                                  : (uint8_t)alm_test_random();
        }
        bytes = alm_test_random() % 8 ? bytes : alm_test_random() % bytes;
        const alm_status status = parse(data, bytes, &list, &copy);
        ALM_CHECK(status == ALM_OK || status == ALM_STATUS_MODEL);
        alm_tensor_list_free(&list);
        free(copy);
    }
}

/* ---- Index ----------------------------------------------------------------------------------- */

static void expect_index(const char *text, const char *message)
{
    alm_shard_index index;
    ALM_CHECK_STATUS(alm_shard_index_parse(text, strlen(text), "i", &index), ALM_STATUS_MODEL);
    ALM_CHECK_TEXT(alm_error_message(), message);
}

ALM_TEST(safetensors, reads_an_index)
{
    static const char text[] = "{\"metadata\":{\"total_size\":7},\"weight_map\":{\"b\":\"2.st\","
                               "\"module.a\":\"2.st\",\"c\":\"1.st\"}}";
    alm_shard_index index;
    ALM_REQUIRE_OK(alm_shard_index_parse(text, strlen(text), "i", &index));
    ALM_CHECK_INT(index.files, 2);
    ALM_CHECK_INT(index.places, 3);
    ALM_CHECK_TEXT(index.file[0], "1.st");
    ALM_CHECK_TEXT(index.file[1], "2.st");
    const alm_shard_place *a = alm_shard_index_find(&index, "a");
    ALM_CHECK(a && a->file == 1);
    const alm_shard_place *c = alm_shard_index_find(&index, "c");
    ALM_CHECK(c && c->file == 0);
    ALM_CHECK(alm_shard_index_find(&index, "module.a") == NULL);
    alm_shard_index_free(&index);
}

ALM_TEST(safetensors, refuses_wrong_indexes)
{
    expect_index("", "i: line 1, byte 0: the text ends, expected '{'");
    expect_index("[]", "i: line 1, byte 0: is '[', expected '{'");
    expect_index("{}", "i: its weight_map names no tensor");
    expect_index("{\"weight_map\":{}}", "i: its weight_map names no tensor");
    expect_index("{\"weight_map\":[]}", "is '[', expected '{'");
    expect_index("{\"weight_map\":{\"a\":1}}", "is '1', expected '\"'");
    expect_index("{\"weight_map\":{\"a\":\"x\",\"a\":\"x\"}}", "i: tensor a is there twice");
    expect_index("{\"weight_map\":{\"a\":\"x\",\"module.a\":\"y\"}}", "i: tensor a is there twice");
    expect_index("{\"weight_map\":{\"a\":\"../x\"}}", "i: a: shard ../x is no plain file name");
    expect_index("{\"weight_map\":{\"a\":\"/x\"}}", "i: a: shard /x is no plain file name");
    expect_index("{\"weight_map\":{\"a\":\"x/y\"}}", "i: a: shard x/y is no plain file name");
    expect_index("{\"weight_map\":{\"a\":\"..\"}}", "i: a: shard .. is no plain file name");
    expect_index("{\"weight_map\":{\"a\":\"\"}}", "i: a: shard  is no plain file name");
}

ALM_TEST(safetensors, refuses_every_length_of_an_index)
{
    static const char text[] = "{\"metadata\":{\"total_size\":7},\"weight_map\":{\"b\":\"2.st\"}}";
    for (size_t n = 0; n < sizeof text - 1; n++) {
        char *copy = malloc(n ? n : 1);
        alm_shard_index index;
        memcpy(copy, text, n);
        ALM_CHECK_STATUS(alm_shard_index_parse(copy, n, "i", &index), ALM_STATUS_MODEL);
        free(copy);
    }
}
