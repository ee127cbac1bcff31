/* PLY in its three encodings, with lists and other elements around the points; counts that lie. */
#include <stdio.h>
#include <stdlib.h>

#include "runtime/input/cloud.h"
#include "tests/shim/alm_test.h"

enum { POINTS = 20, BYTES = 8192 };

/* A growing text. */
typedef struct text {
    char data[BYTES];
    size_t bytes;
} text;

static void add_bytes(text *t, const void *what, size_t count)
{
    if (count > BYTES - t->bytes) {
        ALM_FAIL("a test file is larger than %d bytes", BYTES);
        return;
    }
    memcpy(t->data + t->bytes, what, count);
    t->bytes += count;
}

static void add(text *t, const char *what)
{
    add_bytes(t, what, strlen(what));
}

/* A number of `size` bytes of this encoding. */
static void add_number(text *t, const char *encoding, double value, const char *type)
{
    char decimal[40];
    uint8_t bytes[8];
    size_t size;
    if (encoding[0] == 'a') {
        snprintf(decimal, sizeof decimal, "%.17g ", value);
        add(t, decimal);
        return;
    }
    if (type[0] == 'f') {
        const float f = (float)value;
        memcpy(bytes, &f, size = 4);
    } else if (type[0] == 'd') {
        memcpy(bytes, &value, size = 8);
    } else {
        size = type[0] == 'i' ? 4 : type[0] == 's' ? 2 : 1;
        const int32_t i = (int32_t)value;
        memcpy(bytes, &i, size);
    }
    for (size_t i = 0; i < size; i++) {
        add_bytes(t, &bytes[encoding[7] == 'l' ? i : size - 1 - i], 1);
    }
}

static double coordinate(int point, int axis)
{
    return (point - 7) * (axis + 1) * 0.25;
}

/* Elements before and after, lists before, between and after the coordinates. */
static void make_rich(text *t, const char *encoding, const char *end_of_line)
{
    static const char *const lines[] = {"comment made by a test, element vertex 3",
                                        "obj_info x",
                                        "element camera 2",
                                        "property float f",
                                        "property list uchar int q",
                                        "element nothing 1000000000000",
                                        "element vertex 20",
                                        "property uchar red",
                                        "property short z",
                                        "property list int16 float64 weights",
                                        "property double x",
                                        "property float32 y",
                                        "element face 2",
                                        "property list uchar int vertex_indices",
                                        "end_header"};
    t->bytes = 0;
    add(t, "ply");
    add(t, end_of_line);
    add(t, "format ");
    add(t, encoding);
    add(t, " 1.0");
    add(t, end_of_line);
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        add(t, lines[i]);
        add(t, end_of_line);
    }
    for (int i = 0; i < 2; i++) {
        add_number(t, encoding, 0.5, "float");
        add_number(t, encoding, 2 * i, "char");
        for (int j = 0; j < 2 * i; j++) {
            add_number(t, encoding, -1 - j, "int");
        }
    }
    for (int i = 0; i < POINTS; i++) {
        add_number(t, encoding, 200, "char");
        add_number(t, encoding, 4 * coordinate(i, 2), "short"); /* whole numbers */
        add_number(t, encoding, i % 3, "short");
        for (int j = 0; j < i % 3; j++) {
            add_number(t, encoding, 1e300, "double");
        }
        add_number(t, encoding, coordinate(i, 0), "double");
        add_number(t, encoding, coordinate(i, 1), "float");
        add(t, encoding[0] == 'a' ? end_of_line : "");
    }
    for (int i = 0; i < 2; i++) {
        add_number(t, encoding, 3, "char");
        for (int j = 0; j < 3; j++) {
            add_number(t, encoding, j, "int");
        }
    }
}

static const char *const encodings[] = {"ascii", "binary_little_endian", "binary_big_endian"};

ALM_TEST(ply, reads_all_encodings)
{
    static text t;
    for (int kind = 0; kind < 6; kind++) {
        make_rich(&t, encodings[kind % 3], kind < 3 ? "\n" : "\r\n");
        alm_cloud cloud;
        ALM_REQUIRE_OK(alm_cloud_decode(t.data, t.bytes, "c", &cloud));
        ALM_CHECK_INT(cloud.count, POINTS);
        for (int i = 0; i < POINTS; i++) {
            ALM_CHECK(cloud.xyz[3 * i] == (float)coordinate(i, 0));
            ALM_CHECK(cloud.xyz[3 * i + 1] == (float)coordinate(i, 1));
            ALM_CHECK(cloud.xyz[3 * i + 2] == (float)(4 * coordinate(i, 2)));
        }
        alm_cloud_free(&cloud);
    }
}

static void expect_refused(const char *data, size_t bytes, const char *part)
{
    char *copy = malloc(bytes ? bytes : 1);
    memcpy(copy, data, bytes);
    alm_cloud cloud = {-1, NULL};
    const alm_status status = alm_cloud_decode(copy, bytes, "c", &cloud);
    ALM_CHECK_STATUS(status, ALM_STATUS_SAMPLE);
    ALM_CHECK_TEXT(alm_error_message(), part);
    ALM_CHECK(cloud.count == -1 && !cloud.xyz);
    free(copy);
}

ALM_TEST(ply, refuses_every_prefix)
{
    static text t;
    for (int kind = 0; kind < 3; kind++) {
        make_rich(&t, encodings[kind], "\n");
        /* The last bytes of an ascii file are a digit and a blank. */
        const size_t whole = t.bytes - (kind == 0 ? 1 : 0);
        for (size_t n = 0; n < whole; n++) {
            expect_refused(t.data, n, "cloud c: ");
        }
        add(&t, "\n");
        alm_cloud cloud = {0};
        ALM_CHECK_STATUS(alm_cloud_decode(t.data, t.bytes, "c", &cloud), ALM_OK);
        alm_cloud_free(&cloud);
        add(&t, "1");
        expect_refused(t.data, t.bytes, "goes on for 1 bytes after the last element");
    }
}

/* A header with these lines after "ply", no data. */
static void refuse_lines(const char *lines, const char *part)
{
    static text t;
    t.bytes = 0;
    add(&t, "ply\n");
    add(&t, lines);
    expect_refused(t.data, t.bytes, part);
}

#define FORMAT "format ascii 1.0\n"
#define XYZ "property float x\nproperty float y\nproperty float z\n"
#define END "end_header\n"

ALM_TEST(ply, refuses_headers)
{
    refuse_lines("", "without end_header");
    refuse_lines(FORMAT "element vertex 20\n" XYZ, "without end_header");
    refuse_lines(FORMAT END, "no element vertex");
    refuse_lines("element vertex 20\n" XYZ END, "no format line");
    refuse_lines(FORMAT FORMAT, "line 3: a second or malformed \"format\"");
    refuse_lines("format ascii 1.1\n", "version 1.0, got \"1.1\"");
    refuse_lines("format binary_pdp_endian 1.0\n", "unknown format \"binary_pdp_endian\"");
    refuse_lines("format\n", "malformed");
    refuse_lines(FORMAT "element vertex\n", "a name and a count");
    refuse_lines(FORMAT "element vertex -1\n", "expected a count, got \"-1\"");
    refuse_lines(FORMAT "element vertex 1e3\n", "expected a count, got \"1e3\"");
    refuse_lines(FORMAT "element vertex 99999999999999999999\n", "expected a count");
    refuse_lines(FORMAT "element vertex 19\n", "has 19 points, expected at least 20");
    refuse_lines(FORMAT "element vertex 50000001\n", "has 50000001 points, more than");
    refuse_lines(FORMAT "element vertex 20\nelement vertex 20\n", "a second element \"vertex\"");
    refuse_lines(FORMAT "property float x\n", "expected an element before");
    refuse_lines(FORMAT "element vertex 20\nproperty float\n", "a type and a name");
    refuse_lines(FORMAT "element vertex 20\nproperty quad x\n", "unknown type \"quad\"");
    refuse_lines(FORMAT "element a 1\nproperty list uchar quad x\n", "unknown type \"quad\"");
    refuse_lines(FORMAT "element a 1\nproperty list quad int x\n", "unknown type \"quad\"");
    refuse_lines(FORMAT "element a 1\nproperty list float int x\n", "counted by \"float\"");
    refuse_lines(FORMAT "element a 1\nproperty list int x\n", "a type and a name");
    refuse_lines(FORMAT "element vertex 20\n" XYZ "property int y\n", "a second \"y\"");
    refuse_lines(FORMAT "element vertex 20\nproperty list int int x\n", "a list cannot be \"x\"");
    refuse_lines(FORMAT "element vertex 20\nproperty float x\nproperty float y\n" END,
                 "no element vertex with properties x, y and z");
    refuse_lines(FORMAT "nonsense 1\n", "line 3: unknown keyword \"nonsense\"");
    expect_refused("ply\rformat ascii 1.0\relement", 28, "end in CR only");

    static char many[200000];
    size_t n = (size_t)snprintf(many, sizeof many, "ply\n" FORMAT);
    for (int i = 0; i < 65; i++) {
        n += (size_t)snprintf(many + n, sizeof many - n, "element e%d 1\n", i);
    }
    expect_refused(many, n, "more than 64 elements");
    n = (size_t)snprintf(many, sizeof many, "ply\n" FORMAT "element e 1\n");
    for (int i = 0; i < 4097; i++) {
        n += (size_t)snprintf(many + n, sizeof many - n, "property float p%d\n", i);
    }
    expect_refused(many, n, "more than 4096 properties");
}

ALM_TEST(ply, refuses_counts_that_lie)
{
    refuse_lines(FORMAT "element vertex 50000000\n" XYZ END "1 2 3\n", "cut short");
    refuse_lines("format binary_big_endian 1.0\nelement vertex 50000000\n" XYZ END "123",
                 "cut short");
    /* More bytes than 64 bits hold; a list that goes on for ever. */
    refuse_lines("format binary_big_endian 1.0\nelement a 18446744073709551615\nproperty int i\n"
                 "element vertex 20\n" XYZ END "123456789",
                 "cut short");
    refuse_lines("format binary_big_endian 1.0\nelement a 1\nproperty list uint double i\n"
                 "element vertex 20\n" XYZ END "\xFF\xFF\xFF\xFF",
                 "cut short");
    refuse_lines("format binary_big_endian 1.0\nelement a 1\nproperty list int double i\n"
                 "element vertex 20\n" XYZ END "\xFF\xFF\xFF\xFF",
                 "has -1 values in a list");
    refuse_lines(FORMAT "element a 1\nproperty list uint double i\nelement vertex 20\n" XYZ END
                        "18446744073709551615 1 2 3",
                 "cut short: PLY says 1 of element a");
    refuse_lines(FORMAT "element a 1\nproperty list uint double i\nelement vertex 20\n" XYZ END
                        "-1 1 2 3",
                 "length of a list, got \"-1\"");
}

ALM_TEST(ply, names_bad_values)
{
    static text t;
    for (int kind = 0; kind < 4; kind++) {
        static const char *const values[] = {"nan", "1,5", "-Infinity", "0x3"};
        static const char *const parts[] = {"point 12 is NaN (z)", "(numbers are written 1.5, not",
                                            "point 12 is infinite (z)",
                                            "line 20: \"0x3\" is not a number"};
        t.bytes = 0;
        add(&t, "ply\n" FORMAT "element vertex 20\n" XYZ END);
        for (int i = 0; i < POINTS; i++) {
            add(&t, "1 2 ");
            add(&t, i == 12 ? values[kind] : "3");
            add(&t, "\n");
        }
        expect_refused(t.data, t.bytes, parts[kind]);
    }
}

ALM_TEST(ply, survives_mutations)
{
    static text t;
    for (int round = 0; round < 6000; round++) {
        make_rich(&t, encodings[round % 3], "\n");
        char *copy = malloc(t.bytes);
        memcpy(copy, t.data, t.bytes);
        for (uint64_t k = 0; k <= alm_test_random() % 3; k++) {
            const uint64_t range = alm_test_random() % 2 ? 420 : t.bytes;
            copy[alm_test_random() % range] = alm_test_random() % 2
                                                  ? (char)alm_test_random()
                                                  : "0123456789 \n-."[alm_test_random() % 14];
        }
        alm_cloud cloud = {0};
        const alm_status status = alm_cloud_decode(copy, t.bytes, "c", &cloud);
        ALM_CHECK(status == ALM_OK || status == ALM_STATUS_SAMPLE);
        ALM_CHECK(status != ALM_OK || alm_cloud_check(cloud.xyz, cloud.count, "c") == ALM_OK);
        alm_cloud_free(&cloud);
        free(copy);
    }
}
