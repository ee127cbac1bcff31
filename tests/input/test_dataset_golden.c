/* Datasets against what the published reader makes of the golden files: counts, order, names,
 * categories, pages bit for bit, numbers of points; broken samples fail and the others do not. */
#include <jansson.h>
#include <stdio.h>

#include "runtime/input/dataset.h"
#include "tests/shim/sha256.h"
#include "tests/shim/alm_test.h"

enum { ALL = ALM_ASSET_CLOUDS | ALM_ASSET_PAGES | ALM_ASSET_CATEGORY };

static json_t *load(const char *name)
{
    json_error_t error;
    json_t *root = json_load_file(alm_test_golden(name), 0, &error);
    if (!root) {
        ALM_FAIL("%s: %s", name, error.text);
    }
    return root;
}

static const char *text_of(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text ? text : "";
}

static int64_t count_of(const json_t *object, const char *key)
{
    return json_integer_value(json_object_get(object, key));
}

static alm_dataset *open_golden(const char *file)
{
    char name[200];
    alm_dataset *d = NULL;
    snprintf(name, sizeof name, "assembench/%s", file);
    if (alm_dataset_open(alm_test_golden(name), alm_dataset_is_lineart(file), NULL, &d) != ALM_OK) {
        ALM_FAIL("%s: %s", file, alm_error_message());
    }
    return d;
}

static void check_row(const alm_asset *asset, const char *key, const json_t *row)
{
    char instruction[300], hash[65];
    snprintf(instruction, sizeof instruction, "Assemble the %s object <pose_query>",
             asset->category);
    if (strcmp(key, text_of(row, "asset")) != 0 ||
        strcmp(asset->category, text_of(row, "category")) != 0 ||
        strcmp(instruction, text_of(row, "instruction")) != 0) {
        ALM_FAIL("%s (%s), expected %s (%s)", key, asset->category, text_of(row, "asset"),
                 text_of(row, "category"));
    }
    const json_t *images = json_object_get(row, "images");
    ALM_CHECK_INT(json_array_size(images), 2);
    for (size_t i = 0; i < 2; i++) {
        const alm_image *page = &asset->page[i];
        const json_t *image = json_array_get(images, i);
        ALM_CHECK_INT(page->height, count_of(image, "height"));
        ALM_CHECK_INT(page->width, count_of(image, "width"));
        sha256_hex(page->rgb, (size_t)page->width * (size_t)page->height * 3, hash);
        if (strcmp(hash, text_of(image, "rgb_sha256")) != 0) {
            ALM_FAIL("%s: page %zu has other pixels", key, i);
        }
    }
}

static void check_split(const json_t *want)
{
    alm_dataset *d = open_golden(text_of(want, "file"));
    alm_dataset_split split = {0};
    alm_asset asset = {0};
    ALM_REQUIRE(d);
    ALM_REQUIRE_OK(alm_dataset_split_read(d, text_of(want, "split"), &split));
    ALM_CHECK_INT(split.count, count_of(want, "samples"));
    ALM_CHECK_INT(split.missing, count_of(want, "missing"));
    ALM_CHECK_INT(split.abandoned, count_of(want, "abandoned"));
    const json_t *rows = json_object_get(want, "rows");
    ALM_REQUIRE((size_t)split.count == json_array_size(rows));
    for (int64_t i = 0; i < split.count; i++) {
        const char *key = alm_names_at(&split.keys, i);
        ALM_REQUIRE_OK(alm_dataset_read(d, key, ALL, &asset));
        check_row(&asset, key, json_array_get(rows, (size_t)i));
    }
    ALM_CHECK_INT(alm_dataset_children(d), 1);
    alm_asset_free(&asset);
    alm_dataset_split_free(&split);
    alm_dataset_close(d);
}

ALM_TEST(dataset_golden, every_sample)
{
    json_t *root = load("assembench/samples.json");
    ALM_REQUIRE(root && json_array_size(root) == 8);
    for (size_t i = 0; i < json_array_size(root) && !alm_test_failed(); i++) {
        check_split(json_array_get(root, i));
    }
    json_decref(root);
}

/* Every sample that a run of one dataset drew has this many points. */
ALM_TEST(dataset_golden, point_counts)
{
    json_t *root = load("assembench/draws.json");
    ALM_REQUIRE(root);
    int samples = 0;
    const json_t *runs = json_is_array(root) ? root : json_object_get(root, "runs");
    for (size_t r = 0; r < json_array_size(runs); r++) {
        const json_t *run = json_array_get(runs, r);
        char file[100];
        snprintf(file, sizeof file, "data/assemlm_%s.hdf5", text_of(run, "dataset"));
        alm_dataset *d = open_golden(file);
        alm_asset asset = {0};
        ALM_REQUIRE(d);
        const json_t *drawn = json_object_get(run, "samples");
        for (size_t i = 0; i < json_array_size(drawn); i++, samples++) {
            const json_t *sample = json_array_get(drawn, i);
            ALM_REQUIRE_OK(alm_dataset_read(d, text_of(sample, "asset"), ALM_ASSET_CLOUDS, &asset));
            ALM_CHECK_INT(asset.moving_points, count_of(sample, "moving_points"));
            ALM_CHECK_INT(asset.fixed_points, count_of(sample, "fixed_points"));
            ALM_CHECK(!asset.page[0].rgb && !asset.category); /* nobody asked for them */
        }
        alm_asset_free(&asset);
        alm_dataset_close(d);
    }
    ALM_CHECK(samples > 50);
    json_decref(root);
}

/* What the message has to say about the sample of this name. */
static const char *reason_of(const char *asset)
{
    static const char *const reasons[][2] = {
        {"moving_nan", "partA-pc: point 7 is NaN"},
        {"fixed_inf", "base_partB-pc: point 7 is infinite"},
        {"moving_overflows_float32", "partA-pc: point 7 is infinite in float32"},
        {"moving_empty", "partA-pc: is [0, 3], expected [N, 3]"},
        {"fixed_two_columns", "base_partB-pc: is [50, 2]"},
        {"moving_transposed", "partA-pc: is [3, 40]"},
        {"fixed_one_dimension", "has 1 dimensions, expected 2"},
        {"moving_absent", "partA-pc: is missing"},
        {"fixed_absent", "base_partB-pc: is missing"},
        {"no_images", "no complete pair"},
        {"half_pair", "no complete pair"},
        {"image_grey", "has 2 dimensions, expected 3"},
        {"image_two_channels", "is [16, 16, 2]"},
        {"image_zero_width", "is [16, 0, 3]"},
        {"image_over_255", "is 255.5 at [4, 6, 1], expected 0 to 255"},
        {"image_negative", "is -1 at [2, 8, 2]"},
        {"image_nan", "is nan at [1, 2, 0]"},
        /* An older library does not know the type at all. */
        {"image_bool", "image_base_freestyle"},
        {"image_bad_but_other_pair_good", "image_base_freestyle: has 2 dimensions"},
    };
    for (size_t i = 0; i < sizeof reasons / sizeof reasons[0]; i++) {
        if (strcmp(asset, reasons[i][0]) == 0) {
            return reasons[i][1];
        }
    }
    return NULL;
}

ALM_TEST(dataset_golden, broken_samples_fail_alone)
{
    json_t *root = load("assembench/broken/expected.json");
    alm_dataset *d = open_golden("broken/data/assemlm_broken.hdf5");
    alm_dataset_split split = {0};
    alm_asset asset = {0};
    ALM_REQUIRE(root && d);
    ALM_REQUIRE_OK(alm_dataset_split_read(d, "test", &split));
    const json_t *samples = json_object_get(root, "samples");
    ALM_REQUIRE((size_t)split.count == json_array_size(samples) && split.count == 22);
    for (int64_t i = 0; i < split.count; i++) {
        const json_t *want = json_array_get(samples, (size_t)i);
        const char *key = alm_names_at(&split.keys, i), *reason = reason_of(key);
        ALM_CHECK(strcmp(key, text_of(want, "asset")) == 0);
        const bool is_good = json_is_null(json_object_get(want, "exception"));
        const alm_status status = alm_dataset_read(d, key, ALL, &asset);
        if (status != (is_good ? ALM_OK : ALM_STATUS_SAMPLE) || is_good != !reason) {
            ALM_FAIL("%s: %s: %s", key, alm_status_name(status), alm_error_message());
        } else if (!is_good) {
            ALM_CHECK_TEXT(alm_error_message(), key);
            ALM_CHECK_TEXT(alm_error_message(), reason);
            ALM_CHECK(asset.moving_points == 0 && !asset.page[0].rgb);
        }
    }
    ALM_CHECK_INT(alm_dataset_children(d), 1);
    alm_asset_free(&asset);
    alm_dataset_split_free(&split);
    alm_dataset_close(d);
    json_decref(root);
}

ALM_TEST(dataset_golden, broken_files_do_not_open)
{
    static const char *const wanted[][2] = {
        {"notrain", "split/train: is missing"},
        {"noobjs", "objs: is missing"},
        {"nosplit", "split: is missing"},
    };
    for (size_t i = 0; i < sizeof wanted / sizeof wanted[0]; i++) {
        char name[100];
        snprintf(name, sizeof name, "assembench/broken/data/assemlm_%s.hdf5", wanted[i][0]);
        alm_dataset *d = NULL;
        ALM_CHECK_STATUS(alm_dataset_open(alm_test_golden(name), false, NULL, &d),
                         ALM_STATUS_SAMPLE);
        ALM_CHECK_TEXT(alm_error_message(), wanted[i][1]);
        ALM_CHECK_TEXT(alm_error_message(), wanted[i][0]);
        ALM_CHECK(!d);
    }
}

ALM_TEST(dataset_golden, lineart_by_name)
{
    ALM_CHECK(alm_dataset_is_lineart("/a/b/assemlm_twobytwo.hdf5"));
    ALM_CHECK(alm_dataset_is_lineart("TwoByTwo+partnet"));
    ALM_CHECK(!alm_dataset_is_lineart("/twobytwo/assemlm_ikea.hdf5"));
    ALM_CHECK(!alm_dataset_is_lineart("twobytw"));
}

/* Both answers that FIPS 180-4's examples give. */
ALM_TEST(dataset_golden, sha256_is_right)
{
    char hash[65];
    sha256_hex("abc", 3, hash);
    ALM_CHECK_TEXT(hash, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    sha256_hex("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", 56, hash);
    ALM_CHECK_TEXT(hash, "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
}
