/* How names, categories, clouds and pages are decoded, type by type. */
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "runtime/input/asset_name.h"
#include "tests/input/dataset_file.h"

/* ---- Names without a file */

static void check_decoded(const char *in, size_t bytes, const char *want)
{
    char copy[64];
    char *text = copy;
    memcpy(copy, in, bytes);
    const size_t n = alm_asset_decode(&text, bytes);
    if (n != strlen(want) || memcmp(text, want, n) != 0) {
        ALM_FAIL("decoded to \"%.*s\", expected \"%s\"", (int)n, text, want);
    }
}

/* Expected: Python's bytes.decode("utf-8", "ignore").strip("\0 \t\r\n"). */
ALM_TEST(dataset_types, names_are_decoded_like_pythons)
{
    check_decoded("a/b", 3, "a/b");
    check_decoded("\0 \t\r\nA\n\r\t \0", 11, "A");
    check_decoded("", 0, "");
    check_decoded("\0\0", 2, "");
    check_decoded("\xC3\x89t", 3, "\xC3\x89t");
    check_decoded("a\xFF"
                  "b\xC3",
                  4, "ab");
    check_decoded("\xE2\x82"
                  "A",
                  3, "A");
    check_decoded("\xED\xA0\x80x", 4, "x"); /* a surrogate */
    check_decoded("\xF0\x9F\x98\x80\x80", 5, "\xF0\x9F\x98\x80");
    check_decoded("\xC0\xAFx", 3, "x");                 /* overlong */
    check_decoded("\xFF a", 3, "a");                    /* first dropped, then stripped */
    check_decoded("\xC2\xA0x\x0B", 4, "\xC2\xA0x\x0B"); /* blanks that are not padding */
}

static void check_stripped(const char *in, const char *want)
{
    const char *text = in;
    const size_t n = alm_asset_strip(&text, strlen(in));
    if (n != strlen(want) || memcmp(text, want, n) != 0) {
        ALM_FAIL("stripped to \"%.*s\", expected \"%s\"", (int)n, text, want);
    }
}

ALM_TEST(dataset_types, categories_lose_unicode_blanks)
{
    check_stripped("\xC2\xA0\xE3\x80\x80"
                   "Chair\xE2\x80\x83\x1C\x0B",
                   "Chair");
    check_stripped("\xE2\x80\x8B", "\xE2\x80\x8B"); /* zero width: no blank */
    check_stripped("\xC2\x85\xE1\x9A\x80", "");
    check_stripped("\xC3\xA0 b \xC3\xA0", "\xC3\xA0 b \xC3\xA0");
    check_stripped("", "");
}

ALM_TEST(dataset_types, keys_and_families)
{
    char name[] = "a/b//c_1";
    alm_asset_key(name, strlen(name));
    ALM_CHECK(strcmp(name, "a_b__c_1") == 0);
    ALM_CHECK_INT(alm_asset_family("Mug_c7_1", 8), 6);
    ALM_CHECK_INT(alm_asset_family("Mug", 3), 3);
    ALM_CHECK_INT(alm_asset_family("_1", 2), 0);
    ALM_CHECK_INT(alm_asset_family("a_", 2), 1);
}

/* ---- Names in files */

/* Two names of 8 bytes each as they stand in the file, and a variable list. */
static void write_raw_names(const dataset_file *f, const char *split, H5T_str_t padding,
                            const char *bytes)
{
    const hid_t type = H5Tcopy(H5T_C_S1);
    H5Tset_size(type, 8);
    H5Tset_strpad(type, padding);
    file_numbers(f->split, split, type, 1, &(hsize_t){2}, type, bytes);
    H5Tclose(type);
}

static void check_keys(const alm_dataset_split *split, const char *const *want, int count)
{
    ALM_CHECK_INT(split->count, count);
    for (int i = 0; i < count && i < split->count; i++) {
        if (strcmp(alm_names_at(&split->keys, i), want[i]) != 0) {
            ALM_FAIL("key %d is %s, expected %s", i, alm_names_at(&split->keys, i), want[i]);
        }
    }
}

ALM_TEST(dataset_types, fixed_names_by_their_padding)
{
    const char *path = alm_test_path(alm_test_folder(), "f.hdf5");
    dataset_file f = file_begin(path, true);
    file_object(&f, "ab");
    file_object(&f, "c d");
    write_raw_names(&f, "train", H5T_STR_NULLTERM, "ab\0x\0\0\0\0c d\0garb");
    write_raw_names(&f, "test", H5T_STR_NULLPAD,
                    "\0ab\0\0 \0\0"
                    "ab\0cd\0\0\0");
    write_raw_names(&f, "abandon", H5T_STR_SPACEPAD, "c d     xx      ");
    file_end(&f);
    alm_dataset *d;
    alm_dataset_split split;
    ALM_REQUIRE_OK(alm_dataset_open(path, false, NULL, &d));
    ALM_REQUIRE_OK(alm_dataset_split_read(d, "train", &split));
    check_keys(&split, (const char *[]){"ab"}, 1);
    ALM_CHECK_INT(split.abandoned, 1);
    ALM_CHECK(strcmp(alm_names_at(&split.abandoned_names, 0), "c d") == 0);
    alm_dataset_split_free(&split);
    ALM_REQUIRE_OK(alm_dataset_split_read(d, "test", &split));
    check_keys(&split, (const char *[]){"ab"}, 1);
    ALM_CHECK_INT(split.missing, 1); /* no object has a NUL in its name */
    ALM_CHECK(strcmp(alm_names_at(&split.missing_names, 0), "ab?cd") == 0);
    alm_dataset_split_free(&split);
    alm_dataset_close(d);
}

ALM_TEST(dataset_types, variable_names_in_pieces_and_twice)
{
    enum { COUNT = 3000 };
    static const char *names[COUNT];
    static char text[COUNT][16];
    const char *path = alm_test_path(alm_test_folder(), "v.hdf5");
    dataset_file f = file_begin(path, false);
    file_object(&f, "x_1");
    file_object(&f, "y_2");
    for (int i = 0; i < COUNT; i++) {
        snprintf(text[i], sizeof text[i], i % 3 == 0 ? "x/1" : i % 3 == 1 ? " y_2\t" : "no/%d", i);
        names[i] = i == 5 ? NULL : text[i]; /* an element that was never set */
    }
    const hid_t type = H5Tcopy(H5T_C_S1);
    H5Tset_size(type, H5T_VARIABLE);
    file_numbers(f.split, "test", type, 1, &(hsize_t){COUNT}, type, names);
    H5Tclose(type);
    file_names(&f, "train", NULL, 0);
    file_names(&f, "abandon", (const char *[]){"y_2", "x_1"}, 2); /* the second is only a key */
    file_end(&f);
    alm_dataset *d;
    alm_dataset_split split;
    ALM_REQUIRE_OK(alm_dataset_open(path, false, NULL, &d));
    ALM_CHECK_INT(alm_dataset_about(d)->objects, 2);
    ALM_CHECK_INT(alm_dataset_about(d)->test, COUNT);
    ALM_CHECK_INT(alm_dataset_about(d)->abandon, 2);
    ALM_REQUIRE_OK(alm_dataset_split_read(d, "test", &split));
    ALM_CHECK_INT(split.listed, COUNT);
    ALM_CHECK_INT(split.count, COUNT / 3);
    ALM_CHECK_INT(split.abandoned, COUNT / 3);
    ALM_CHECK_INT(split.missing, COUNT / 3);
    ALM_CHECK(strcmp(alm_names_at(&split.keys, 999), "x_1") == 0);
    ALM_CHECK(strcmp(alm_names_at(&split.missing_names, 999), "no/2999") == 0);
    alm_dataset_split_free(&split);
    ALM_REQUIRE_OK(alm_dataset_split_read(d, "train", &split));
    ALM_CHECK_INT(split.listed, 0);
    alm_dataset_split_free(&split);
    ALM_CHECK_STATUS(alm_dataset_split_read(d, "abandon", &split), ALM_STATUS_USAGE);
    alm_dataset_close(d);
}

/* ---- Numbers */

typedef struct number_case {
    hid_t type, memory;
    const void *data; /* 6 numbers */
    float want[6];
} number_case;

static void check_cloud(const char *path, const number_case *c, int number)
{
    dataset_file f = file_begin(path, false);
    const hid_t group = file_group(&f, "a");
    file_numbers(group, "partA-pc", c->type, 2, (hsize_t[]){2, 3}, c->memory, c->data);
    file_numbers(group, "base_partB-pc", c->type, 2, (hsize_t[]){2, 3}, c->memory, c->data);
    H5Gclose(group);
    file_splits(&f, (const char *[]){"a"}, 1);
    file_end(&f);
    alm_dataset *d;
    alm_asset asset = {0};
    ALM_REQUIRE_OK(alm_dataset_open(path, false, NULL, &d));
    ALM_REQUIRE_OK(alm_dataset_read(d, "a", ALM_ASSET_CLOUDS, &asset));
    for (int i = 0; i < 6; i++) {
        if (!(asset.moving[i] == c->want[i] && asset.fixed[i] == c->want[i])) {
            ALM_FAIL("case %d: number %d is %.9g, expected %.9g", number, i,
                     (double)asset.moving[i], (double)c->want[i]);
        }
    }
    alm_asset_free(&asset);
    alm_dataset_close(d);
}

ALM_TEST(dataset_types, clouds_of_every_type)
{
    static const uint8_t u8[6] = {0, 1, 2, 127, 128, 255};
    static const int8_t i8[6] = {0, -1, 2, 127, -128, 5};
    static const int16_t i16[6] = {0, -1, 2, 32767, -32768, 5};
    static const uint32_t u32[6] = {0, 1, 16777217, UINT32_MAX, 2, 3};
    /* 2^60 + 2^36 + 1 rounds up to a float32; by way of a double it would be a tie and go down. */
    static const int64_t i64[6] = {0, -1, INT64_MIN, (1LL << 60) + (1LL << 36) + 1, 7, 8};
    static const uint64_t u64[6] = {0, 1, UINT64_MAX, 4, 5, 6};
    static const float f32[6] = {0, -0.5f, 1e-40f, 3e38f, 1.1f, -2};
    /* The largest double that rounds to the largest float32, which the library makes infinite. */
    static const double f64[6] = {0.1, 1e-50, 3.4028235677973362e38, -1, 1e10, 2};
    static const long double wide[6] = {0.1L, 1, 2, 3, 4, -5};
    const hid_t half = H5Tcopy(H5T_IEEE_F32LE); /* float16, as numpy writes it */
    H5Tset_fields(half, 15, 10, 5, 0, 10);
    H5Tset_size(half, 2);
    H5Tset_ebias(half, 15);
    const number_case cases[] = {
        {H5T_STD_U8LE, H5T_NATIVE_UINT8, u8, {0, 1, 2, 127, 128, 255}},
        {H5T_STD_I8BE, H5T_NATIVE_INT8, i8, {0, -1, 2, 127, -128, 5}},
        {H5T_STD_I16BE, H5T_NATIVE_INT16, i16, {0, -1, 2, 32767, -32768, 5}},
        {H5T_STD_U32LE, H5T_NATIVE_UINT32, u32, {0, 1, 16777216, 4294967296.f, 2, 3}},
        {H5T_STD_I64LE, H5T_NATIVE_INT64, i64, {0, -1, -0x1p63f, 0x1.000002p60f, 7, 8}},
        {H5T_STD_U64BE, H5T_NATIVE_UINT64, u64, {0, 1, 0x1p64f, 4, 5, 6}},
        {H5T_IEEE_F32BE, H5T_NATIVE_FLOAT, f32, {0, -0.5f, 1e-40f, 3e38f, 1.1f, -2}},
        {H5T_IEEE_F64LE, H5T_NATIVE_DOUBLE, f64, {0.1f, 0, FLT_MAX, -1, 1e10f, 2}},
        {H5T_IEEE_F64BE, H5T_NATIVE_DOUBLE, f64, {0.1f, 0, FLT_MAX, -1, 1e10f, 2}},
        {H5T_NATIVE_LDOUBLE, H5T_NATIVE_LDOUBLE, wide, {0.1f, 1, 2, 3, 4, -5}},
        {half, H5T_NATIVE_UINT8, u8, {0, 1, 2, 127, 128, 255}},
    };
    const char *path = alm_test_path(alm_test_folder(), "n.hdf5");
    for (int i = 0; i < (int)(sizeof cases / sizeof cases[0]) && !alm_test_failed(); i++) {
        check_cloud(path, &cases[i], i);
    }
    H5Tclose(half);
}

static hid_t bool_type(bool is_h5py)
{
    const hid_t type = H5Tenum_create(H5T_NATIVE_INT8);
    H5Tenum_insert(type, is_h5py ? "FALSE" : "OFF", &(int8_t){0});
    H5Tenum_insert(type, is_h5py ? "TRUE" : "ON", &(int8_t){1});
    return type;
}

typedef struct page_case {
    hid_t type, memory;
    const void *data; /* [1, 2, channels] */
    hsize_t channels;
    const char *refused; /* NULL: read as `want` */
    uint8_t want[6];
} page_case;

static void check_page(const char *path, const page_case *c, int number)
{
    const hsize_t size[3] = {1, 2, c->channels};
    dataset_file f = file_begin(path, false);
    const hid_t group = file_group(&f, "a");
    file_numbers(group, "image_base_lineart", c->type, 3, size, c->memory, c->data);
    file_numbers(group, "image_assemble_lineart", c->type, 3, size, c->memory, c->data);
    H5Gclose(group);
    file_splits(&f, (const char *[]){"a"}, 1);
    file_end(&f);
    alm_dataset *d;
    alm_asset asset = {0};
    ALM_REQUIRE_OK(alm_dataset_open(path, false, NULL, &d));
    const alm_status status = alm_dataset_read(d, "a", ALM_ASSET_PAGES, &asset);
    if (status != (c->refused ? ALM_STATUS_SAMPLE : ALM_OK)) {
        ALM_FAIL("case %d: %s: %s", number, alm_status_name(status), alm_error_message());
    } else if (c->refused) {
        ALM_CHECK_TEXT(alm_error_message(), c->refused);
    } else if (asset.page[0].width != 2 || asset.page[0].height != 1 ||
               memcmp(asset.page[0].rgb, c->want, 6) != 0 ||
               memcmp(asset.page[1].rgb, c->want, 6) != 0) {
        ALM_FAIL("case %d: other pixels", number);
    }
    alm_asset_free(&asset);
    alm_dataset_close(d);
}

ALM_TEST(dataset_types, pages_of_every_type)
{
    static const uint8_t u8[8] = {1, 2, 3, 4, 5, 6, 7, 8}, flags[6] = {0, 1, 1, 0, 1, 0};
    static const uint16_t u16[6] = {1, 2, 255, 4, 5, 6}, u16_over[6] = {1, 2, 256, 4, 5, 6};
    static const int64_t i64[6] = {1, 0, 255, 4, 5, 6}, i64_under[6] = {1, 0, 255, -1, 5, 6};
    static const double f64[8] = {254.9, 0.99, 255, -0.0, 5.5, 6, 1, 2};
    static const double over[6] = {0, 0, 0, 0, 0, 255.00000001}, endless[6] = {0, INFINITY};
    static const double alpha[8] = {1, 2, 3, 4, 5, 6, 7, 300};
    const hid_t h5py_bool = bool_type(true), other = bool_type(false);
    const page_case cases[] = {
        {H5T_STD_U8LE, H5T_NATIVE_UINT8, u8, 3, NULL, {1, 2, 3, 4, 5, 6}},
        {H5T_STD_U8LE, H5T_NATIVE_UINT8, u8, 4, NULL, {1, 2, 3, 5, 6, 7}},
        {H5T_STD_U16BE, H5T_NATIVE_UINT16, u16, 3, NULL, {1, 2, 255, 4, 5, 6}},
        {H5T_STD_U16LE, H5T_NATIVE_UINT16, u16_over, 3, "is 256 at [0, 0, 2]", {0}},
        {H5T_STD_I64LE, H5T_NATIVE_INT64, i64, 3, NULL, {1, 0, 255, 4, 5, 6}},
        {H5T_STD_I64LE, H5T_NATIVE_INT64, i64_under, 3, "is -1 at [0, 1, 0]", {0}},
        {H5T_IEEE_F64LE, H5T_NATIVE_DOUBLE, f64, 3, NULL, {254, 0, 255, 0, 5, 6}},
        {H5T_IEEE_F64LE, H5T_NATIVE_DOUBLE, f64, 4, NULL, {254, 0, 255, 5, 6, 1}},
        {H5T_IEEE_F32LE, H5T_NATIVE_DOUBLE, f64, 3, NULL, {254, 0, 255, 0, 5, 6}},
        {H5T_IEEE_F64LE, H5T_NATIVE_DOUBLE, over, 3, "is 255 at [0, 1, 2]", {0}},
        {H5T_NATIVE_LDOUBLE, H5T_NATIVE_DOUBLE, endless, 3, "is inf at [0, 0, 1]", {0}},
        {H5T_IEEE_F64LE, H5T_NATIVE_DOUBLE, alpha, 4, "is 300 at [0, 1, 3]", {0}},
        {h5py_bool, H5T_NATIVE_INT8, NULL, 3, "truth values", {0}},
        {other, other, flags, 3, NULL, {0, 1, 1, 0, 1, 0}},
        {H5T_STD_B8LE, H5T_STD_B8LE, u8, 3, "holds bit fields, expected numbers", {0}},
    };
    const char *path = alm_test_path(alm_test_folder(), "p.hdf5");
    for (int i = 0; i < (int)(sizeof cases / sizeof cases[0]) && !alm_test_failed(); i++) {
        check_page(path, &cases[i], i);
    }
    H5Tclose(h5py_bool);
    H5Tclose(other);
}

/* ---- Categories and pairs of pages */

static void check_category(const char *path, const char *key, const char *want)
{
    alm_dataset *d;
    alm_asset asset = {0};
    ALM_REQUIRE_OK(alm_dataset_open(path, false, NULL, &d));
    ALM_REQUIRE_OK(alm_dataset_read(d, key, ALM_ASSET_CATEGORY, &asset));
    if (strcmp(asset.category, want) != 0) {
        ALM_FAIL("%s: category is \"%s\", expected \"%s\"", key, asset.category, want);
    }
    alm_asset_free(&asset);
    alm_dataset_close(d);
}

ALM_TEST(dataset_types, categories)
{
    static const char *const cases[][3] = {
        /* key, stored (NULL: none), read */
        {"Mug_1_2", NULL, "Mug_1"},
        {"Mug", NULL, "Mug"},
        {"_7", NULL, "Unlabeled"},
        {"a_1", "", "Unlabeled"},
        {"a_2", " \t", "Unlabeled"},
        {"a_3", "\xC2\xA0x ", "x"},
        {"a_4",
         "L\xFF"
         "amp\n",
         "Lamp"},
    };
    const char *path = alm_test_path(alm_test_folder(), "c.hdf5");
    dataset_file f = file_begin(path, false);
    enum { CASES = sizeof cases / sizeof cases[0] };
    for (int i = 0; i < CASES; i++) {
        const hid_t group = file_group(&f, cases[i][0]);
        if (cases[i][1]) {
            file_category(group, cases[i][1]);
        }
        H5Gclose(group);
    }
    file_splits(&f, NULL, 0);
    file_end(&f);
    for (int i = 0; i < CASES; i++) {
        check_category(path, cases[i][0], cases[i][2]);
    }
}

static void check_pair(const char *path, bool lineart_first, const char *key, int want)
{
    alm_dataset *d;
    alm_asset asset = {0};
    ALM_REQUIRE_OK(alm_dataset_open(path, lineart_first, NULL, &d));
    ALM_REQUIRE_OK(alm_dataset_read(d, key, ALM_ASSET_PAGES, &asset));
    ALM_CHECK_INT(asset.page[0].rgb[0], want);
    alm_asset_free(&asset);
    alm_dataset_close(d);
}

ALM_TEST(dataset_types, which_pair_of_pages)
{
    const char *path = alm_test_path(alm_test_folder(), "s.hdf5");
    dataset_file f = file_begin(path, false);
    hid_t group = file_group(&f, "both");
    file_pages(group, "freestyle", 1);
    file_pages(group, "lineart", 2);
    H5Gclose(group);
    group = file_group(&f, "half");
    file_pages(group, "freestyle", 1);
    file_pages(group, "lineart", 2);
    H5Ldelete(group, "image_base_freestyle", H5P_DEFAULT);
    H5Gclose(group);
    group = file_group(&f, "dangling"); /* a link to nothing is no page */
    file_pages(group, "lineart", 2);
    H5Lcreate_soft("/nothing", group, "image_base_freestyle", H5P_DEFAULT, H5P_DEFAULT);
    H5Lcreate_soft("image_base_lineart", group, "image_assemble_freestyle", H5P_DEFAULT,
                   H5P_DEFAULT);
    H5Gclose(group);
    file_splits(&f, NULL, 0);
    file_end(&f);
    check_pair(path, false, "both", 1);
    check_pair(path, true, "both", 2);
    check_pair(path, false, "half", 2);
    check_pair(path, false, "dangling", 2);
}
