/* Lines of files and pipes: ends, limits, and that a line is handed on when it is there. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/input/lines.h"
#include "tests/shim/alm_test.h"

/* Reads a file of these bytes; writes "number:bytes:flags:text" lines into out. */
static alm_status read_all(const void *data, size_t bytes, size_t limit, char out[1024])
{
    const char *path = alm_test_path(alm_test_folder(), "lines");
    alm_lines *lines;
    alm_line line;
    size_t n = 0;
    out[0] = '\0';
    alm_test_write(path, data, bytes);
    ALM_TRY(alm_lines_open(path, limit, &lines));
    alm_status status;
    while ((status = alm_lines_next(lines, &line)) == ALM_OK && line.text && n < 1000) {
        const int shown = line.bytes < 8 ? (int)line.bytes : 8;
        n += (size_t)snprintf(out + n, 1024 - n, "%d:%zu:%s%s:%.*s;", (int)line.number, line.bytes,
                              line.is_blank ? "b" : "", line.is_too_long ? "l" : "", shown,
                              line.text);
    }
    alm_lines_close(lines);
    return status;
}

static void check(const char *data, size_t limit, const char *expected)
{
    char out[1024];
    ALM_REQUIRE_OK(read_all(data, strlen(data), limit, out));
    if (strcmp(out, expected) != 0) {
        ALM_FAIL("lines of \"%s\" are %s, expected %s", data, out, expected);
    }
}

ALM_TEST(lines, ends)
{
    check("", 10, "");
    check("a", 10, "1:1::a;");
    check("a\n", 10, "1:1::a;");
    check("a\nb", 10, "1:1::a;2:1::b;");
    check("\n\nx\n", 10, "1:0:b:;2:0:b:;3:1::x;");
    check(" \t\r\n", 10, "1:3:b: \t\r;");
    check("\n", 10, "1:0:b:;");
}

ALM_TEST(lines, limit)
{
    check("1234\nx", 4, "1:4::1234;2:1::x;");
    check("12345\nx", 4, "1:0:l:;2:1::x;");
    check("12345", 4, "1:0:l:;");
    check("x\n12345\n12345", 4, "1:1::x;2:0:l:;3:0:l:;");
}

/* Longer than any buffer at the start, and longer than the limit: what follows is read as usual. */
ALM_TEST(lines, long_ones)
{
    const size_t lengths[] = {65535, 65536, 65537, 300000, 1000001};
    for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
        const size_t n = lengths[i];
        char *data = malloc(n + 4), out[1024], expected[64];
        ALM_REQUIRE(data);
        memset(data, 'y', n);
        memcpy(data + n, "\nz\n", 4);
        snprintf(expected, sizeof expected, "1:%zu:%s:%s;2:1::z;", n > 300000 ? 0 : n,
                 n > 300000 ? "l" : "", n > 300000 ? "" : "yyyyyyyy");
        ALM_CHECK_STATUS(read_all(data, n + 3, 300000, out), ALM_OK);
        if (strcmp(out, expected) != 0) {
            ALM_FAIL("%zu bytes: %s, expected %s", n, out, expected);
        }
        free(data);
    }
}

ALM_TEST(lines, nul_is_a_byte)
{
    char out[1024];
    ALM_REQUIRE_OK(read_all("a\0b\nc", 5, 10, out));
    ALM_CHECK_TEXT(out, "1:3::");
    ALM_CHECK_TEXT(out, "2:1::c;");
}

ALM_TEST(lines, refuses)
{
    alm_lines *lines;
    alm_line line;
    ALM_CHECK_STATUS(alm_lines_open("/nonexistent/list", 10, &lines), ALM_STATUS_SAMPLE);
    ALM_CHECK_TEXT(alm_error_message(), "/nonexistent/list");
    ALM_REQUIRE_OK(alm_lines_open(alm_test_folder(), 10, &lines));
    ALM_CHECK_STATUS(alm_lines_next(lines, &line), ALM_STATUS_SAMPLE);
    alm_lines_close(lines);
    alm_lines_close(NULL);
}
