/* Clouds: every NPY that numpy writes and we read gives the same points; mean and resampling are
 * numpy's; everything else is refused by name. PLY is in test_cloud_ply.c, text in
 * test_cloud_xyz.c. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <zlib.h>

#include "kernels/core/memory.h"
#include "runtime/input/cloud.h"
#include "tests/shim/alm_test.h"

enum { POINTS = 24 }; /* of golden/clouds: element i is i/8 - 4 */

static void check_points(const alm_cloud *cloud)
{
    ALM_CHECK_INT(cloud->count, POINTS);
    for (int i = 0; i < 3 * POINTS; i++) {
        ALM_CHECK(cloud->xyz[i] == (float)i * 0.125f - 4);
    }
}

ALM_TEST(cloud, reads_every_npy)
{
    for (int kind = 0; kind < 24; kind++) {
        char path[100];
        snprintf(path, sizeof path, "clouds/%s_f%d_%c_v%d.npy", kind & 1 ? "le" : "be",
                 kind & 2 ? 4 : 8, kind & 4 ? 'C' : 'F', kind / 8 + 1);
        alm_cloud cloud;
        ALM_REQUIRE_OK(alm_cloud_read(alm_test_golden(path), &cloud));
        check_points(&cloud);
        alm_cloud_free(&cloud);
        ALM_CHECK(!cloud.xyz && cloud.count == 0);
    }
}

static void expect_refused(const void *data, size_t bytes, const char *part)
{
    /* An allocation of just this size, so that a sanitizer sees what lies behind it. */
    uint8_t *copy = malloc(bytes ? bytes : 1);
    memcpy(copy, data, bytes);
    alm_cloud cloud = {-1, NULL};
    ALM_CHECK_STATUS(alm_cloud_decode(copy, bytes, "c", &cloud), ALM_STATUS_SAMPLE);
    ALM_CHECK_TEXT(alm_error_message(), "cloud c: ");
    ALM_CHECK_TEXT(alm_error_message(), part);
    ALM_CHECK(cloud.count == -1 && !cloud.xyz); /* written only on success */
    free(copy);
}

static void refuse_file(const char *name, const char *part)
{
    char path[100];
    snprintf(path, sizeof path, "clouds/%s", name);
    size_t bytes;
    void *data = alm_test_read(alm_test_golden(path), &bytes);
    ALM_REQUIRE(data);
    expect_refused(data, bytes, part);
    free(data);
}

ALM_TEST(cloud, refuses_other_arrays)
{
    refuse_file("refused_objects.npy", "Python objects (dtype '|O'), which are never unpickled");
    refuse_file("refused_structured.npy", "structured dtype");
    refuse_file("refused_f2.npy", "dtype '<f2', expected f4 or f8");
    refuse_file("refused_transposed.npy", "shape [3, 24], expected [N, 3] (save the transposed");
}

/* An NPY of version 1 with this dictionary and this many bytes of zeros. */
static size_t make_npy(char *out, size_t size, const char *header, size_t zeros)
{
    const size_t n = strlen(header);
    memset(out, 0, size);
    memcpy(out, "\x93NUMPY\1\0", 8);
    out[8] = (char)(n & 0xFF);
    out[9] = (char)(n >> 8);
    memcpy(out + 10, header, n);
    return 10 + n + zeros;
}

static void refuse_header(const char *header, size_t zeros, const char *part)
{
    static char npy[4096];
    const size_t bytes = make_npy(npy, sizeof npy, header, zeros);
    expect_refused(npy, bytes, part);
}

#define DICT(descr, order, shape)                                                                  \
    "{'descr': '" descr "', 'fortran_order': " order ", 'shape': " shape ", }\n"

ALM_TEST(cloud, reads_npy_headers_strictly)
{
    static char npy[4096];
    alm_cloud cloud;
    const size_t bytes =
        make_npy(npy, sizeof npy, "{\"shape\":(20,3),'fortran_order':False,\"descr\":'<f4'}", 240);
    ALM_REQUIRE_OK(alm_cloud_decode(npy, bytes, "c", &cloud));
    alm_cloud_free(&cloud);

    refuse_header(DICT("<f4", "False", "(20, 3)"), 239, "holds 239 bytes of data, [20, 3] of <f4");
    refuse_header(DICT("<f4", "False", "(20, 3)"), 241, "needs 240");
    refuse_header(DICT("<f8", "False", "(20, 3)"), 240, "needs 480");
    refuse_header(DICT("<f4", "False", "(19, 3)"), 228, "has 19 points, expected at least 20");
    refuse_header(DICT("<f4", "False", "(0, 3)"), 0, "has 0 points");
    refuse_header(DICT("<f4", "False", "(50000001, 3)"), 0, "has 50000001 points, more than");
    refuse_header(DICT("<f4", "False", "(18446744073709551615, 3)"), 0, "more than 50000000");
    refuse_header(DICT("<f4", "False", "(18446744073709551616, 3)"), 0, "beyond 64 bits");
    refuse_header(DICT("<f4", "False", "(20, 4)"), 320, "shape [20, 4]");
    refuse_header(DICT("<f4", "False", "(60,)"), 240, "shape [60], expected [N, 3]");
    refuse_header(DICT("<f4", "False", "()"), 4, "shape []");
    refuse_header(DICT("<f4", "False", "(20, -3)"), 240, "expected a dimension");
    refuse_header(DICT("<f4", "False", "(60)"), 240, "expected ',' or ')'");
    refuse_header(DICT("<f4", "False", "(20 3)"), 240, "expected ',' or ')'");
    refuse_header(DICT("<f4", "False",
                       "(1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,"
                       "1,1,1,1,1,1,1,1)"),
                  4, "more than 32 dimensions");
    refuse_header(DICT("<i4", "False", "(20, 3)"), 240, "dtype '<i4'");
    refuse_header(DICT("=f4", "False", "(20, 3)"), 240, "dtype '=f4'");
    refuse_header(DICT("<f44", "False", "(20, 3)"), 240, "dtype '<f44'");
    refuse_header(DICT("", "False", "(20, 3)"), 240, "dtype ''");
    refuse_header(DICT("<f4", "0", "(20, 3)"), 240, "expected True or False");
    refuse_header("{'descr': '<f4', 'shape': (20, 3)}", 240, "\"fortran_order\" is missing");
    refuse_header("{}", 240, "\"descr\" is missing");
    refuse_header("{'descr': '<f4', 'descr': '<f4'}", 240, "\"descr\" is there twice");
    refuse_header("{'descr': '<f4', 'x': 1}", 240, "\"x\" is unknown");
    refuse_header("{'descr': '<f\\x34'}", 240, "backslash");
    refuse_header("{'descr': '<f4", 0, "without end");
    refuse_header("{'descr'", 0, "expected ':'");
    refuse_header("[1]", 240, "expected '{'");
    refuse_header("", 240, "expected '{'");
    refuse_header(DICT("<f4", "False", "(20, 3)") "+", 240, "something follows");
}

ALM_TEST(cloud, refuses_npy_versions_and_lengths)
{
    static char npy[4096];
    const size_t bytes = make_npy(npy, sizeof npy, DICT("<f4", "False", "(20, 3)"), 240);
    for (size_t n = 0; n < bytes; n++) {
        expect_refused(npy, n, "");
    }
    npy[6] = 4;
    expect_refused(npy, bytes, "NPY version 4.0");
    npy[6] = 1;
    npy[7] = 1;
    expect_refused(npy, bytes, "NPY version 1.1");
    npy[7] = 0;
    npy[9] = 100;
    expect_refused(npy, bytes, "cut short: NPY header");
    npy[6] = 2;
    npy[11] = 1;
    expect_refused(npy, bytes, "more than 65536");
}

static void check_value(double value, size_t size, const char *part)
{
    static char npy[4096];
    const size_t bytes = make_npy(
        npy, sizeof npy,
        size == 4 ? DICT("<f4", "False", "(20, 3)") : DICT("<f8", "False", "(20, 3)"), 60 * size);
    const float narrow = (float)(fabs(value) < 1e38 || !isfinite(value) ? value : 0);
    char *at = npy + bytes - 60 * size + (17 * 3 + 1) * size; /* y of point 17 */
    memcpy(at, size == 4 ? (const void *)&narrow : (const void *)&value, size);
    if (part) {
        expect_refused(npy, bytes, part);
        return;
    }
    alm_cloud cloud;
    ALM_REQUIRE_OK(alm_cloud_decode(npy, bytes, "c", &cloud));
    ALM_CHECK(cloud.xyz[17 * 3 + 1] == (float)value);
    alm_cloud_free(&cloud);
}

ALM_TEST(cloud, names_the_bad_point)
{
    for (size_t size = 4; size <= 8; size += 4) {
        check_value((double)NAN, size, "cloud c: point 17 is NaN (y)");
        check_value((double)INFINITY, size, "cloud c: point 17 is infinite (y)");
        check_value(-(double)INFINITY, size, "point 17 is infinite");
        check_value(1.1e15, size, "point 17 has y = 1.1e+15, farther out than 1e+15");
        check_value(-1e37, size, "point 17 has y = -1e+37");
        check_value(9e14, size, NULL);
        check_value(-9e14, size, NULL);
        check_value(1e-45, size, NULL);
    }
    check_value(1e300, 8, "point 17 has y = 1e+300"); /* beyond float32 */
    check_value(1e-300, 8, NULL);                     /* below it: zero */

    float xyz[60] = {0};
    ALM_CHECK_STATUS(alm_cloud_check(xyz, 20, "c"), ALM_OK);
    ALM_CHECK_STATUS(alm_cloud_check(xyz, 19, "c"), ALM_STATUS_SAMPLE);
    ALM_CHECK_STATUS(alm_cloud_check(xyz, -1, "c"), ALM_STATUS_SAMPLE);
    xyz[59] = NAN;
    ALM_CHECK_STATUS(alm_cloud_check(xyz, 20, "c"), ALM_STATUS_SAMPLE);
    ALM_CHECK_TEXT(alm_error_message(), "cloud c: point 19 is NaN (z)");
}

ALM_TEST(cloud, refuses_other_formats_by_name)
{
    static const struct {
        const char *name, *bytes, *format, *command;
    } cases[] = {
        {"a.pcd", "# .PCD v0.7\nVERSION 0.7\n", "is PCD", "pdal"},
        {"a", "VERSION 0.7\n", "is PCD", "pdal"},
        {"a.stl", "solid cube\nfacet\n", "is STL", "trimesh"},
        {"a.OBJ", "v 1 2 3\n", "is OBJ", "trimesh"},
        {"a", "PK\3\4xxxx", "is NPZ", "numpy.load"},
        {"a", "LASF\1\2", "is LAS", "pdal"},
        {"a", "ASTM-E57", "is E57", "pdal"},
        {"a", "ISO-10303-21;\n", "is STEP", "gmsh"},
        {"a", "glTF\2", "is glTF", "trimesh"},
        {"a.gltf", "{\"asset\":{}}", "is glTF", "trimesh"},
        {"a", "\x89HDF\r\n", "is HDF5", "h5dump"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        alm_cloud cloud;
        ALM_CHECK_STATUS(
            alm_cloud_decode(cases[i].bytes, strlen(cases[i].bytes), cases[i].name, &cloud),
            ALM_STATUS_SAMPLE);
        ALM_CHECK_TEXT(alm_error_message(), cases[i].format);
        ALM_CHECK_TEXT(alm_error_message(), cases[i].command);
    }
    uint8_t stl[134] = {[80] = 1}; /* binary: any 80 bytes, a count, 50 bytes a triangle */
    expect_refused(stl, sizeof stl, "is STL");
    expect_refused("", 0, "is empty");
}

ALM_TEST(cloud, resamples_as_numpy)
{
    FILE *list = fopen(alm_test_golden("clouds/resample.txt"), "r");
    ALM_REQUIRE(list);
    long long count, n;
    unsigned crc;
    int cases = 0;
    while (fscanf(list, "%lld %lld %x", &count, &n, &crc) == 3) {
        /* x tells the index in two exact halves. */
        float *xyz = malloc((size_t)count * 3 * sizeof *xyz);
        for (long long i = 0; i < count; i++) {
            xyz[3 * i] = (float)(i & 0xFFF);
            xyz[3 * i + 1] = (float)(i >> 12);
            xyz[3 * i + 2] = 1;
        }
        float out[1024 * 3];
        const double center[3] = {0, 0, 1};
        alm_cloud_resample(xyz, count, center, n, out);
        int32_t index[1024];
        for (long long i = 0; i < n; i++) {
            index[i] = (int32_t)out[3 * i] + ((int32_t)out[3 * i + 1] << 12);
            ALM_CHECK(out[3 * i + 2] == 0);
        }
        if (crc32(0, (const Bytef *)index, (uInt)((size_t)n * sizeof *index)) != crc) {
            ALM_FAIL("%lld points to %lld: other indices than numpy's", count, n);
        }
        free(xyz);
        cases++;
    }
    fclose(list);
    ALM_CHECK(cases > 500);
}

ALM_TEST(cloud, centres_in_double)
{
    /* A mean of 1e6 + 2/3 is not a float32, nor is the sum of the points one. */
    float xyz[3 * 3], out[3 * 3];
    for (int i = 0; i < 9; i++) {
        xyz[i] = 1e6f + (float)(i / 3);
    }
    xyz[0] = 1e6f + 1; /* x: 1, 1, 2 past a million */
    double mean[3];
    alm_cloud_mean(xyz, 3, mean);
    ALM_CHECK(mean[0] == (1e6 + 1 + 1e6 + 1 + 1e6 + 2) / 3);
    ALM_CHECK(mean[1] == 1e6 + 1);
    alm_cloud_resample(xyz, 3, mean, 3, out);
    ALM_CHECK(out[0] == (float)(1e6 + 1 - mean[0]));
    ALM_CHECK(out[6] == (float)(1e6 + 2 - mean[0]));
    ALM_CHECK(out[1] == -1 && out[4] == 0 && out[7] == 1);
}

ALM_TEST(cloud, survives_mutations)
{
    static const char *const names[] = {"clouds/le_f4_C_v1.npy", "clouds/be_f8_F_v3.npy"};
    for (int round = 0; round < 2000; round++) {
        size_t bytes;
        uint8_t *data = alm_test_read(alm_test_golden(names[round % 2]), &bytes);
        for (uint64_t k = 0; k <= alm_test_random() % 3; k++) {
            data[alm_test_random() % (alm_test_random() % 4 ? 128 : bytes)] =
                (uint8_t)alm_test_random();
        }
        alm_cloud cloud = {0};
        const alm_status status = alm_cloud_decode(data, bytes, "c", &cloud);
        ALM_CHECK(status == ALM_OK || status == ALM_STATUS_SAMPLE);
        ALM_CHECK(status != ALM_OK || alm_cloud_check(cloud.xyz, cloud.count, "c") == ALM_OK);
        alm_cloud_free(&cloud);
        free(data);
    }
}

/* ---- alm_file_read ---- */

ALM_TEST(file, reads_files_and_pipes)
{
    char path[256];
    snprintf(path, sizeof path, "%s/f", alm_test_folder());
    static char content[300000];
    for (size_t i = 0; i < sizeof content; i++) {
        content[i] = (char)(i * 7);
    }
    for (size_t bytes = 0; bytes <= sizeof content; bytes = bytes * 3 + 1) {
        alm_test_write(path, content, bytes);
        void *data;
        size_t got;
        ALM_REQUIRE_OK(alm_file_read(path, bytes, &data, &got));
        ALM_CHECK_INT(got, bytes);
        ALM_CHECK(memcmp(data, content, bytes) == 0);
        ALM_CHECK(((const char *)data)[bytes] == '\0');
        alm_free(data);
        if (bytes > 0) {
            ALM_CHECK_STATUS(alm_file_read(path, bytes - 1, &data, &got), ALM_STATUS_SAMPLE);
            ALM_CHECK_TEXT(alm_error_message(), "the limit for this kind of file");
        }
    }
    for (size_t limit = 9999; limit <= 10000; limit++) {
        int ends[2];
        ALM_REQUIRE(pipe(ends) == 0);
        ALM_CHECK_INT(write(ends[1], content, 10000), 10000); /* fits into a pipe's buffer */
        close(ends[1]);
        snprintf(path, sizeof path, "/dev/fd/%d", ends[0]);
        void *data = NULL;
        size_t got = 0;
        const alm_status status = alm_file_read(path, limit, &data, &got);
        close(ends[0]);
        if (limit < 10000) {
            ALM_CHECK_STATUS(status, ALM_STATUS_SAMPLE);
            continue;
        }
        ALM_REQUIRE(status == ALM_OK);
        ALM_CHECK_INT(got, 10000);
        ALM_CHECK(memcmp(data, content, 10000) == 0);
        alm_free(data);
    }
}

ALM_TEST(file, says_why_not)
{
    void *data;
    size_t bytes;
    const char *folder = alm_test_folder();
    ALM_CHECK_STATUS(alm_file_read(folder, 100, &data, &bytes), ALM_STATUS_SAMPLE);
    ALM_CHECK_TEXT(alm_error_message(), "is a folder");
    ALM_CHECK_STATUS(alm_file_read(alm_test_path(folder, "no"), 100, &data, &bytes),
                     ALM_STATUS_SAMPLE);
    ALM_CHECK_TEXT(alm_error_message(), "/no: No such file or directory");
    ALM_CHECK_STATUS(alm_file_read("", 100, &data, &bytes), ALM_STATUS_SAMPLE);
    alm_cloud cloud;
    ALM_CHECK_STATUS(alm_cloud_read(alm_test_path(folder, "no"), &cloud), ALM_STATUS_SAMPLE);
    ALM_CHECK_TEXT(alm_error_message(), "cloud: ");
}
