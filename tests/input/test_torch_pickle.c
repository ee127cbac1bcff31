/* Pickles as data: every opcode, what is refused, and that nothing is ever run. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "runtime/input/pickle.h"
#include "tests/shim/alm_test.h"

typedef struct stream {
    const char *data;
    size_t bytes;
    alm_value_kind kind; /* of the root */
    int64_t number;      /* its integer or its count */
} stream;

#define STREAM(text, kind, number)                                                                 \
    {                                                                                              \
        (text), sizeof(text) - 1, (kind), (number)                                                 \
    }

/* Every opcode of protocols 0 to 5 that is not refused stands in at least one of these. */
static const stream good[] = {
    STREAM("N.", ALM_VALUE_NONE, 0),
    STREAM("\x80\x02\x88.", ALM_VALUE_BOOL, 1),
    STREAM("\x80\x05\x89.", ALM_VALUE_BOOL, 0),
    STREAM("I01\n.", ALM_VALUE_BOOL, 1),
    STREAM("I-17\n.", ALM_VALUE_INT, -17),
    STREAM("L123L\n.", ALM_VALUE_INT, 123),
    STREAM("L99999999999999999999L\n.", ALM_VALUE_OTHER, 0),
    STREAM("J\xFE\xFF\xFF\xFF.", ALM_VALUE_INT, -2),
    STREAM("K\xFF.", ALM_VALUE_INT, 255),
    STREAM("M\xFF\xFF.", ALM_VALUE_INT, 65535),
    STREAM("\x8A\x00.", ALM_VALUE_INT, 0),
    STREAM("\x8A\x02\x00\x80.", ALM_VALUE_INT, -32768),
    STREAM("\x8A\x08\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x7F.", ALM_VALUE_INT, INT64_MAX),
    STREAM("\x8A\x09\1\1\1\1\1\1\1\1\1.", ALM_VALUE_OTHER, 0),
    STREAM("\x8B\x01\0\0\0\x7F.", ALM_VALUE_INT, 127),
    STREAM("F1.5\n.", ALM_VALUE_OTHER, 0),
    STREAM("G\0\0\0\0\0\0\0\0.", ALM_VALUE_OTHER, 0),
    STREAM("S'abc'\n.", ALM_VALUE_OTHER, 0),
    STREAM("T\x03\0\0\0abc.", ALM_VALUE_TEXT, 3),
    STREAM("U\x02"
           "ab.",
           ALM_VALUE_TEXT, 2),
    STREAM("Vabcd\n.", ALM_VALUE_TEXT, 4),
    STREAM("V\\u0041\n.", ALM_VALUE_OTHER, 0),
    STREAM("X\x01\0\0\0a.", ALM_VALUE_TEXT, 1),
    STREAM("\x8C\x01"
           "a.",
           ALM_VALUE_TEXT, 1),
    STREAM("\x8D\x01\0\0\0\0\0\0\0a.", ALM_VALUE_TEXT, 1),
    STREAM("B\x01\0\0\0a.", ALM_VALUE_OTHER, 0),
    STREAM("C\x01"
           "a.",
           ALM_VALUE_OTHER, 0),
    STREAM("\x8E\x01\0\0\0\0\0\0\0a.", ALM_VALUE_OTHER, 0),
    STREAM("\x96\x01\0\0\0\0\0\0\0a.", ALM_VALUE_OTHER, 0),
    STREAM("\x80\x04\x95\x02\0\0\0\0\0\0\0N.", ALM_VALUE_NONE, 0),
    STREAM(").", ALM_VALUE_TUPLE, 0),
    STREAM("(t.", ALM_VALUE_TUPLE, 0),
    STREAM("(NNNt.", ALM_VALUE_TUPLE, 3),
    STREAM("N\x85.", ALM_VALUE_TUPLE, 1),
    STREAM("NN\x86.", ALM_VALUE_TUPLE, 2),
    STREAM("NNN\x87.", ALM_VALUE_TUPLE, 3),
    STREAM("].", ALM_VALUE_LIST, 0),
    STREAM("(NNl.", ALM_VALUE_LIST, 2),
    STREAM("]Na.", ALM_VALUE_LIST, 1),
    STREAM("](NNNNNe.", ALM_VALUE_LIST, 5),
    STREAM("}.", ALM_VALUE_DICT, 0),
    STREAM("(K\1Nd.", ALM_VALUE_DICT, 2),
    STREAM("}K\1Ns.", ALM_VALUE_DICT, 2),
    STREAM("}(K\1NK\2Nu.", ALM_VALUE_DICT, 4),
    STREAM("\x8F.", ALM_VALUE_OTHER, 0),
    STREAM("\x8F(NN\x90.", ALM_VALUE_OTHER, 0),
    STREAM("(NN\x91.", ALM_VALUE_OTHER, 2),
    STREAM("K\1N0.", ALM_VALUE_INT, 1),
    STREAM("K\1(0.", ALM_VALUE_INT, 1),
    STREAM("K\1(NN1.", ALM_VALUE_INT, 1),
    STREAM("K\1"
           "2\x86.",
           ALM_VALUE_TUPLE, 2),
    STREAM("K\7p0\n0g0\n.", ALM_VALUE_INT, 7),
    STREAM("K\7q\1"
           "0h\1.",
           ALM_VALUE_INT, 7),
    STREAM("K\7r\1\1\0\0"
           "0j\1\1\0\0.",
           ALM_VALUE_INT, 7),
    STREAM("K\7\x94"
           "0h\0.",
           ALM_VALUE_INT, 7),
    STREAM("K\7\x94"
           "0K\x09\x94"
           "0h\0.",
           ALM_VALUE_INT, 7),
    STREAM("cos\nsystem\n.", ALM_VALUE_GLOBAL, 0),
    STREAM("\x8C\2os\x8C\6system\x93.", ALM_VALUE_GLOBAL, 0),
    STREAM("cos\nsystem\n)R.", ALM_VALUE_CALL, 0),
    STREAM("cos\nsystem\n)\x81.", ALM_VALUE_CALL, 0),
    STREAM("cos\nsystem\n)}\x92.", ALM_VALUE_CALL, 0),
    STREAM("cos\nsystem\n)R}b.", ALM_VALUE_CALL, 0),
    STREAM("cos\nsystem\n)RNa.", ALM_VALUE_CALL, 0),
    STREAM("cos\nsystem\n)RK\1Ns.", ALM_VALUE_CALL, 2),
    STREAM("(Nios\nsystem\n.", ALM_VALUE_CALL, 0),
    STREAM("(cos\nsystem\nNo.", ALM_VALUE_CALL, 0),
    STREAM("Pname\n.", ALM_VALUE_REFERENCE, 0),
    STREAM("NQ.", ALM_VALUE_REFERENCE, 0),
};

static alm_status parse(const char *data, size_t bytes, alm_pickle **out)
{
    /* In a block of its own, so that a sanitizer sees a read past the end. */
    char *copy = malloc(bytes ? bytes : 1);
    memcpy(copy, data, bytes);
    const alm_status status = alm_pickle_parse(copy, bytes, "p", out);
    free(copy);
    return status;
}

ALM_TEST(torch_pickle, reads_every_opcode)
{
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        alm_pickle *p;
        const alm_status status = parse(good[i].data, good[i].bytes, &p);
        if (status != ALM_OK) {
            ALM_FAIL("stream %zu: %s", i, alm_error_message());
            continue;
        }
        const alm_value *root = alm_pickle_root(p);
        const bool counts = root->kind != ALM_VALUE_BOOL && root->kind != ALM_VALUE_INT;
        const int64_t number = counts ? (int64_t)root->count : root->integer;
        if (root->kind != good[i].kind || number != good[i].number) {
            ALM_FAIL("stream %zu: kind %d and %lld, expected %d and %lld", i, (int)root->kind,
                     (long long)number, (int)good[i].kind, (long long)good[i].number);
        }
        alm_pickle_free(p);
    }
}

ALM_TEST(torch_pickle, refuses_every_shorter_stream)
{
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        for (size_t n = 0; n < good[i].bytes; n++) {
            alm_pickle *p;
            ALM_CHECK_STATUS(parse(good[i].data, n, &p), ALM_STATUS_MODEL);
        }
    }
}

/* All bytes as opcodes, first of all and with values on the stack: OK or a text, nothing else. */
ALM_TEST(torch_pickle, answers_every_byte)
{
    static const char *const before[] = {"", "(", "N", "]", "}", "(NN", ")", "NN", "NNN", "((N"};
    for (size_t b = 0; b < sizeof before / sizeof before[0]; b++) {
        for (int op = 0; op < 256; op++) {
            char data[64] = {0};
            const size_t n = strlen(before[b]);
            alm_pickle *p;
            memcpy(data, before[b], n);
            data[n] = (char)op;
            for (size_t rest = 0; rest < 12; rest++) {
                data[n + 1 + rest] = '.';
                alm_error_clear();
                const alm_status status = parse(data, n + 2 + rest, &p);
                if (status == ALM_OK) {
                    alm_pickle_free(p);
                } else if (status != ALM_STATUS_MODEL || alm_error_message()[0] == '\0') {
                    ALM_FAIL("opcode 0x%02x after %s: %s", op, before[b], alm_error_message());
                }
            }
        }
    }
}

ALM_TEST(torch_pickle, refuses_by_name)
{
    static const struct {
        const char *data;
        size_t bytes;
        const char *text;
    } bad[] = {
#define BAD(text, message) {(text), sizeof(text) - 1, (message)}
        BAD("", "p: the pickle ends without STOP"),
        BAD("N", "p: the pickle ends without STOP"),
        BAD("\xF0.", "p: opcode 0xf0 at byte 0 is not known"),
        BAD("\x80\x06N.", "p: PROTO at byte 0: the protocol is newer than 5"),
        BAD("\x82\x01.", "p: EXT1 at byte 0: takes its value from outside of the file"),
        BAD("\x83\x01\0.", "p: EXT2 at byte 0: takes its value from outside of the file"),
        BAD("\x84\x01\0\0\0.", "p: EXT4 at byte 0: takes its value from outside of the file"),
        BAD("\x97.", "p: NEXT_BUFFER at byte 0: takes its value from outside of the file"),
        BAD("N\x98.", "p: READONLY_BUFFER at byte 1: takes its value from outside of the file"),
        BAD(".", "p: STOP at byte 0: there is not just one value on the stack"),
        BAD("NN.", "p: STOP at byte 2: there is not just one value on the stack"),
        BAD("N(.", "p: STOP at byte 2: there is not just one value on the stack"),
        BAD("N.N", "p: 1 bytes follow the pickle's STOP"),
        BAD("0.", "p: POP at byte 0: there is no value on the stack"),
        BAD("2.", "p: DUP at byte 0: there is no value on the stack"),
        BAD("t.", "p: TUPLE at byte 0: there is no mark on the stack"),
        BAD("N\x87.", "p: TUPLE3 at byte 1: there are too few values on the stack"),
        BAD("N(\x85.", "p: TUPLE1 at byte 2: there are too few values on the stack"),
        BAD("h\5.", "p: BINGET at byte 0: nothing was put at this place in the memo"),
        BAD("Np-1\n.", "p: PUT at byte 1: the place in the memo is no number"),
        BAD("gx\n.", "p: GET at byte 0: the place in the memo is no number"),
        BAD("Nr\xFF\xFF\xFF\xFF.", "p: LONG_BINPUT at byte 1: place 4294967295 in the memo"),
        BAD("NNa.", "p: APPEND at byte 2: what it appends to is no list"),
        BAD("N(Ne.", "p: APPENDS at byte 3: what it appends to is no list"),
        BAD("NNNs.", "p: SETITEM at byte 3: what it sets items of is no dictionary"),
        BAD("}(NNNu.", "p: SETITEMS at byte 5: a key has no value"),
        BAD("(Nd.", "p: DICT at byte 2: a key has no value"),
        BAD("N(N\x90.", "p: ADDITEMS at byte 3: what it adds to is no set"),
        BAD("NNR.", "p: REDUCE at byte 2: the arguments are no tuple"),
        BAD("N\x8C\1a\x93.", "p: STACK_GLOBAL at byte 4: module and name are no text"),
        BAD("(o.", "p: OBJ at byte 1: there is no value on the stack"),
        BAD("X\xFF\xFF\xFF\xFFx.", "p: BINUNICODE at byte 0: the pickle ends inside"),
        BAD("\x8D\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFFx.",
            "p: BINUNICODE8 at byte 0: the pickle ends inside"),
        BAD("\x8B\xFF\xFF\xFF\xFFx.", "p: LONG4 at byte 0: the pickle ends inside"),
        BAD("\x95\x09\0\0\0\0\0\0\0N.", "p: FRAME at byte 0: the pickle ends inside"),
        BAD("cos\nsystem.", "p: GLOBAL at byte 0: the pickle ends inside"),
#undef BAD
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        alm_pickle *p;
        ALM_CHECK_STATUS(parse(bad[i].data, bad[i].bytes, &p), ALM_STATUS_MODEL);
        ALM_CHECK_TEXT(alm_error_message(), bad[i].text);
    }
}

/* `repeats` times `unit` and then `end`. */
static alm_status parse_repeated(const char *unit, size_t repeats, const char *end)
{
    const size_t n = strlen(unit), m = strlen(end);
    char *data = malloc(n * repeats + m);
    for (size_t i = 0; i < repeats; i++) {
        memcpy(data + i * n, unit, n);
    }
    memcpy(data + repeats * n, end, m);
    alm_pickle *p;
    const alm_status status = alm_pickle_parse(data, n * repeats + m, "p", &p);
    if (status == ALM_OK) {
        alm_pickle_free(p);
    }
    free(data);
    return status;
}

ALM_TEST(torch_pickle, limits_memory)
{
    ALM_CHECK_STATUS(parse_repeated("]", 10000000, "."), ALM_STATUS_MODEL);
    ALM_CHECK_TEXT(alm_error_message(), "its values take more than 25165824 bytes");
    ALM_CHECK_STATUS(parse_repeated("(", 10000000, "."), ALM_STATUS_MODEL);
    ALM_CHECK_TEXT(alm_error_message(), "its values take more than 25165824 bytes");
    ALM_CHECK_STATUS(parse_repeated("N2222222", 2000000, "."), ALM_STATUS_MODEL);
    ALM_CHECK_TEXT(alm_error_message(), "its values take more than 25165824 bytes");
    ALM_CHECK_STATUS(parse_repeated("N0", 9000000, "."), ALM_STATUS_MODEL);
    ALM_CHECK_TEXT(alm_error_message(), "p: the pickle has 18000001 bytes, the limit is 16777216");
}

/* Lists in lists a hundred thousand deep: nothing recurses. */
ALM_TEST(torch_pickle, reads_deep_nesting)
{
    enum { DEPTH = 100000 };
    char *data = malloc(2 * DEPTH + 1);
    alm_pickle *p;
    memset(data, ']', DEPTH);
    memset(data + DEPTH, 'a', DEPTH - 1);
    data[2 * DEPTH - 1] = '.';
    ALM_CHECK_STATUS(alm_pickle_parse(data, 2 * DEPTH, "p", &p), ALM_OK);
    alm_pickle_free(p);
    free(data);
}

ALM_TEST(torch_pickle, reads_a_list_that_holds_itself)
{
    static const char data[] = "]q\1h\1a.";
    alm_pickle *p;
    ALM_REQUIRE_OK(parse(data, sizeof data - 1, &p));
    const alm_value *root = alm_pickle_root(p);
    ALM_CHECK(root->item[0] == root);
    alm_pickle_free(p);
}

/* What would make Python run a command makes a description here. */
ALM_TEST(torch_pickle, runs_nothing)
{
    char text[512];
    const char *path = alm_test_path(alm_test_folder(), "made");
    const int n = snprintf(text, sizeof text, "cos\nsystem\n(Vtouch %s\ntR.", path);
    alm_pickle *p;
    ALM_REQUIRE_OK(alm_pickle_parse(text, (size_t)n, "p", &p));
    const alm_value *root = alm_pickle_root(p);
    ALM_CHECK(root->kind == ALM_VALUE_CALL);
    ALM_CHECK(alm_value_is_global(root->first, "os", "system"));
    ALM_CHECK_INT(root->second->count, 1);
    ALM_CHECK(access(path, F_OK) != 0);
    alm_pickle_free(p);
}

ALM_TEST(torch_pickle, takes_the_later_value_of_a_key)
{
    static const char data[] = "}X\1\0\0\0aK\1sX\1\0\0\0aK\2s.";
    alm_pickle *p;
    ALM_REQUIRE_OK(alm_pickle_parse(data, sizeof data - 1, "p", &p));
    const alm_value *v = alm_value_get(alm_pickle_root(p), "a");
    ALM_REQUIRE(v != NULL);
    ALM_CHECK_INT(v->integer, 2);
    ALM_CHECK(alm_value_get(alm_pickle_root(p), "b") == NULL);
    ALM_CHECK(alm_value_get(v, "a") == NULL);
    alm_pickle_free(p);
}

ALM_TEST(torch_pickle, survives_random_streams)
{
    for (int i = 0; i < 20000; i++) {
        char data[64];
        const size_t n = (size_t)(alm_test_random() % sizeof data);
        alm_pickle *p;
        for (size_t k = 0; k < n; k++) {
            /* Mostly opcodes that are known, so that values come about. */
            const stream *s = &good[alm_test_random() % (sizeof good / sizeof good[0])];
            data[k] = s->data[alm_test_random() % s->bytes];
        }
        if (parse(data, n, &p) == ALM_OK) {
            alm_pickle_free(p);
        }
    }
}
