/* Bad files: schema faults, data that lie elsewhere, filters that are not here, files cut short at
 * every place, bytes that are not what they were. Each is one line, and the next file is fine. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/input/dataset_file.h"

enum { ALL = ALM_ASSET_CLOUDS | ALM_ASSET_PAGES | ALM_ASSET_CATEGORY };

static void check_good(const char *path)
{
    alm_asset asset = {0};
    ALM_REQUIRE_OK(file_read(path, "b_2", &asset));
    ALM_CHECK_INT(asset.moving_points, FILE_MOVING);
    ALM_CHECK(asset.moving[3 * 39 + 2] == -39 && asset.fixed[3 * 49] == 49 / 4.0f);
    ALM_CHECK(asset.page[1].rgb[FILE_PAGE * FILE_PAGE * 3 - 1] == 7);
    ALM_CHECK(strcmp(asset.category, "Thing") == 0);
    alm_asset_free(&asset);
}

/* ---- Files that do not open */

typedef void spoil_fn(dataset_file *f);

static void no_test(dataset_file *f)
{
    file_names(f, "train", NULL, 0);
}

static void split_is_a_dataset(dataset_file *f)
{
    H5Ldelete(f->file, "split", H5P_DEFAULT);
    file_numbers(f->file, "split", H5T_STD_U8LE, 1, (hsize_t[]){2}, H5T_NATIVE_UINT8, "ab");
}

static void objs_is_a_dataset(dataset_file *f)
{
    file_splits(f, NULL, 0);
    H5Ldelete(f->file, "objs", H5P_DEFAULT);
    file_numbers(f->file, "objs", H5T_STD_U8LE, 1, (hsize_t[]){2}, H5T_NATIVE_UINT8, "ab");
}

static void test_is_a_group(dataset_file *f)
{
    file_names(f, "train", NULL, 0);
    H5Gclose(H5Gcreate2(f->split, "test", H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT));
}

static void test_is_numbers(dataset_file *f)
{
    file_names(f, "train", NULL, 0);
    file_numbers(f->split, "test", H5T_STD_I32LE, 1, (hsize_t[]){2}, H5T_NATIVE_INT, NULL);
}

static void names_in_rows(dataset_file *f, int rank)
{
    const hid_t type = H5Tcopy(H5T_C_S1);
    H5Tset_size(type, 4);
    file_names(f, "train", NULL, 0);
    file_numbers(f->split, "test", type, rank, (hsize_t[]){2, 2}, type, NULL);
    H5Tclose(type);
}

static void test_has_two_dimensions(dataset_file *f)
{
    names_in_rows(f, 2);
}

static void test_is_a_scalar(dataset_file *f)
{
    names_in_rows(f, 0);
}

static void abandon_is_numbers(dataset_file *f)
{
    file_splits(f, NULL, 0);
    file_numbers(f->split, "abandon", H5T_IEEE_F32LE, 1, (hsize_t[]){2}, H5T_NATIVE_INT, NULL);
}

/* Claims a million million names; no byte of them is there. */
static void test_is_endless(dataset_file *f)
{
    const hid_t creation = H5Pcreate(H5P_DATASET_CREATE), type = H5Tcopy(H5T_C_S1);
    H5Tset_size(type, 4);
    H5Pset_chunk(creation, 1, (hsize_t[]){1024});
    file_names(f, "train", NULL, 0);
    file_numbers_with(f->split, "test", type, 1, (hsize_t[]){1000000000000}, type, NULL, creation);
    H5Pclose(creation);
    H5Tclose(type);
}

static void train_is_elsewhere(dataset_file *f)
{
    file_names(f, "test", NULL, 0);
    H5Lcreate_external("other.hdf5", "/split/train", f->split, "train", H5P_DEFAULT, H5P_DEFAULT);
}

static void names_are_wide(dataset_file *f)
{
    const hid_t type = H5Tcopy(H5T_C_S1);
    H5Tset_size(type, 1 << 20);
    file_names(f, "train", NULL, 0);
    file_numbers(f->split, "test", type, 1, (hsize_t[]){2}, type, NULL);
    H5Tclose(type);
}

ALM_TEST(dataset_faults, files_that_do_not_open)
{
    static const struct {
        spoil_fn *spoil;
        const char *part;
    } cases[] = {
        {no_test, "split/test: is missing"},
        {split_is_a_dataset, "split: is a dataset, expected a group"},
        {objs_is_a_dataset, "objs: is a dataset, expected a group"},
        {test_is_a_group, "split/test: is a group, expected a dataset"},
        {test_is_numbers, "split/test: holds integers, expected strings"},
        {test_has_two_dimensions, "split/test: has 2 dimensions, expected 1"},
        {test_is_a_scalar, "split/test: has 0 dimensions, expected 1"},
        {abandon_is_numbers, "split/abandon: holds floating point numbers, expected strings"},
        {test_is_endless, "split/test: has 1000000000000 names, more than 10000000"},
        {train_is_elsewhere, "split/train: is a link into another file, which is not followed"},
        {names_are_wide, "split/test: has names of 1048576 bytes, more than 65536"},
    };
    const char *folder = alm_test_folder();
    const char *good = file_small(alm_test_path(folder, "good.hdf5"));
    const char *path = alm_test_path(folder, "bad.hdf5");
    file_small(alm_test_path(folder, "other.hdf5"));
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        dataset_file f = file_begin(path, i % 2 == 1);
        cases[i].spoil(&f);
        file_end(&f);
        alm_dataset *d = NULL;
        ALM_CHECK_STATUS(alm_dataset_open(path, false, NULL, &d), ALM_STATUS_SAMPLE);
        file_check_message(path);
        ALM_CHECK_TEXT(alm_error_message(), cases[i].part);
        ALM_CHECK(!d);
    }
    check_good(good);
}

ALM_TEST(dataset_faults, what_is_no_file)
{
    const char *folder = alm_test_folder();
    alm_dataset *d;
    ALM_CHECK_STATUS(alm_dataset_open(folder, false, NULL, &d), ALM_STATUS_SAMPLE);
    ALM_CHECK_TEXT(alm_error_message(), "is not a regular file");
    const char *path = alm_test_path(folder, "x");
    ALM_CHECK_STATUS(alm_dataset_open(path, false, NULL, &d), ALM_STATUS_SAMPLE);
    ALM_CHECK_TEXT(alm_error_message(), "No such file");
    alm_test_write(path, "", 0);
    ALM_CHECK_STATUS(alm_dataset_open(path, false, NULL, &d), ALM_STATUS_SAMPLE);
    ALM_CHECK_TEXT(alm_error_message(), "is empty");
    alm_test_write(path, "text\n", 5);
    ALM_CHECK_STATUS(alm_dataset_open(path, false, NULL, &d), ALM_STATUS_SAMPLE);
    ALM_CHECK_TEXT(alm_error_message(), "is not an HDF5 file");
    const char *fifo = alm_test_path(folder, "fifo");
    ALM_REQUIRE(mkfifo(fifo, 0600) == 0);
    ALM_CHECK_STATUS(alm_dataset_open(fifo, false, NULL, &d), ALM_STATUS_SAMPLE);
}

/* ---- Samples that cannot be read */

/* A virtual dataset over `source`. */
static void write_virtual(hid_t group, const char *name, const char *source)
{
    const hsize_t size[2] = {FILE_MOVING, 3};
    const hid_t creation = H5Pcreate(H5P_DATASET_CREATE), space = H5Screate_simple(2, size, NULL);
    H5Pset_virtual(creation, space, source, "/objs/a_1/partA-pc", space);
    file_numbers_with(group, name, H5T_IEEE_F32LE, 2, size, H5T_NATIVE_FLOAT, NULL, creation);
    H5Pclose(creation);
    H5Sclose(space);
}

static void write_external(hid_t group, const char *name, const char *source)
{
    const hsize_t size[2] = {FILE_MOVING, 3};
    const hid_t creation = H5Pcreate(H5P_DATASET_CREATE);
    H5Pset_external(creation, source, 0, FILE_MOVING * 12);
    file_numbers_with(group, name, H5T_IEEE_F32LE, 2, size, H5T_NATIVE_FLOAT, NULL, creation);
    H5Pclose(creation);
}

/* Chunks that exist only in the imagination of the header. */
static void write_endless(hid_t group, const char *name, int rank, const hsize_t *size)
{
    const hid_t creation = H5Pcreate(H5P_DATASET_CREATE);
    H5Pset_chunk(creation, rank, (hsize_t[]){1, 3, 3});
    file_numbers_with(group, name, H5T_STD_U8LE, rank, size, H5T_NATIVE_FLOAT, NULL, creation);
    H5Pclose(creation);
}

typedef struct bad_object {
    const char *key, *part;
} bad_object;

static const bad_object bad_objects[] = {
    {"dataset", "objs/dataset: is a dataset, expected a group"},
    {"elsewhere", "objs/elsewhere: is a link into another file, which is not followed"},
    {"indirect", "objs/indirect: cannot be opened"},
    {"cloud_elsewhere", "partA-pc: is a link into another file, which is not followed"},
    {"cloud_group", "partA-pc: is a group, expected a dataset"},
    {"virtual", "partA-pc: is a virtual dataset"},
    {"external", "partA-pc: has its data in another file, which is not read"},
    {"endless", "partA-pc: has 2000000000 points, more than 10000000"},
    {"endless_page", "image_base_freestyle: has 1000000000000 pixels, more than 89478485"},
    {"strings", "partA-pc: holds strings, expected numbers"},
    {"compound", "partA-pc: holds compounds, expected numbers"},
    {"category_number", "category: holds integers, expected a string"},
    {"category_list", "category: is an array, expected one string"},
    {"category_long", "category: has 5000 bytes, more than 4096"},
    {"empty_group", "partA-pc: is missing"},
    {"none", "objs/none: is a link to nothing"},
};

static void add_bad_clouds(const dataset_file *f, const char *folder)
{
    const hsize_t size[2] = {4, 3};
    hid_t group = file_group(f, "cloud_group");
    H5Gclose(H5Gcreate2(group, "partA-pc", H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT));
    H5Gclose(group);
    group = file_group(f, "cloud_elsewhere");
    H5Lcreate_external("good.hdf5", "/objs/a_1/partA-pc", group, "partA-pc", H5P_DEFAULT,
                       H5P_DEFAULT);
    H5Gclose(group);
    group = file_group(f, "virtual");
    write_virtual(group, "partA-pc", alm_test_path(folder, "good.hdf5"));
    H5Gclose(group);
    group = file_group(f, "external");
    write_external(group, "partA-pc", alm_test_path(folder, "good.hdf5"));
    H5Gclose(group);
    group = file_group(f, "endless");
    write_endless(group, "partA-pc", 2, (hsize_t[]){2000000000, 3});
    H5Gclose(group);
    group = file_group(f, "strings");
    file_numbers(group, "partA-pc", H5T_C_S1, 2, size, H5T_C_S1, NULL);
    H5Gclose(group);
    group = file_group(f, "compound");
    const hid_t complex_type = H5Tcreate(H5T_COMPOUND, 8);
    H5Tinsert(complex_type, "r", 0, H5T_IEEE_F32LE);
    H5Tinsert(complex_type, "i", 4, H5T_IEEE_F32LE);
    file_numbers(group, "partA-pc", complex_type, 2, size, complex_type, NULL);
    H5Tclose(complex_type);
    H5Gclose(group);
}

static void add_bad_others(const dataset_file *f)
{
    file_numbers(f->objs, "dataset", H5T_STD_U8LE, 1, (hsize_t[]){2}, H5T_NATIVE_UINT8, "ab");
    H5Lcreate_external("good.hdf5", "/objs/a_1", f->objs, "elsewhere", H5P_DEFAULT, H5P_DEFAULT);
    H5Lcreate_soft("/objs/elsewhere", f->objs, "indirect", H5P_DEFAULT, H5P_DEFAULT);
    H5Lcreate_soft("/nowhere", f->objs, "none", H5P_DEFAULT, H5P_DEFAULT);
    H5Gclose(file_group(f, "empty_group"));
    hid_t group = file_group(f, "endless_page");
    file_clouds(group);
    write_endless(group, "image_base_freestyle", 3, (hsize_t[]){1000000, 1000000, 3});
    write_endless(group, "image_assemble_freestyle", 3, (hsize_t[]){3, 3, 3});
    H5Gclose(group);
    static char long_text[5001];
    memset(long_text, 'x', 5000);
    const char *const keys[] = {"category_number", "category_list", "category_long"};
    for (int i = 0; i < 3; i++) {
        group = file_group(f, keys[i]);
        file_clouds(group);
        file_pages(group, "lineart", 1);
        if (i == 0) {
            file_numbers(group, "category", H5T_STD_U8LE, 0, NULL, H5T_NATIVE_UINT8, "a");
        } else if (i == 1) {
            file_numbers(group, "category", H5T_C_S1, 1, (hsize_t[]){1}, H5T_C_S1, "a");
        } else {
            file_category(group, long_text);
        }
        H5Gclose(group);
    }
}

ALM_TEST(dataset_faults, samples_that_cannot_be_read)
{
    enum { BAD = sizeof bad_objects / sizeof bad_objects[0] };
    const char *folder = alm_test_folder(), *names[BAD + 1];
    file_small(alm_test_path(folder, "good.hdf5"));
    const char *path = alm_test_path(folder, "bad.hdf5");
    dataset_file f = file_begin(path, false);
    add_bad_clouds(&f, folder);
    add_bad_others(&f);
    file_object(&f, "fine");
    for (int i = 0; i < BAD; i++) {
        names[i] = bad_objects[i].key;
    }
    names[BAD] = "fine";
    file_splits(&f, names, BAD + 1);
    file_end(&f);
    alm_dataset *d;
    alm_dataset_split split;
    alm_asset asset = {0};
    ALM_REQUIRE_OK(alm_dataset_open(path, false, NULL, &d));
    ALM_REQUIRE_OK(alm_dataset_split_read(d, "test", &split));
    ALM_CHECK_INT(split.count, BAD); /* a link into another file counts as an object */
    ALM_CHECK_INT(split.missing, 1); /* one to nowhere does not */
    for (int i = 0; i < BAD; i++) {
        ALM_CHECK_STATUS(alm_dataset_read(d, bad_objects[i].key, ALL, &asset), ALM_STATUS_SAMPLE);
        file_check_message(path);
        ALM_CHECK_TEXT(alm_error_message(), bad_objects[i].part);
        ALM_REQUIRE_OK(alm_dataset_read(d, "fine", ALL, &asset));
        ALM_CHECK_INT(asset.fixed_points, FILE_FIXED);
    }
    ALM_CHECK_INT(alm_dataset_children(d), 1);
    static const char *const not_keys[] = {"", "a/b", ".", "/objs/fine"};
    for (int i = 0; i < 4; i++) {
        ALM_CHECK_STATUS(alm_dataset_read(d, not_keys[i], ALL, &asset), ALM_STATUS_SAMPLE);
        ALM_CHECK_TEXT(alm_error_message(), "no object can have this name");
    }
    alm_dataset_split_free(&split);
    alm_asset_free(&asset);
    alm_dataset_close(d);
}

/* ---- Filters */

static size_t add_one(unsigned flags, size_t count, const unsigned *values, size_t bytes,
                      size_t *room, void **data)
{
    (void)flags;
    (void)count;
    (void)values;
    (void)room;
    (void)data;
    return bytes;
}

ALM_TEST(dataset_faults, a_missing_filter_has_its_name)
{
    enum { ID = 32015 };
    const H5Z_class2_t filter = {H5Z_CLASS_T_VERS, ID, 1, 1, "squeeze it", NULL, NULL, add_one};
    const char *path = alm_test_path(alm_test_folder(), "f.hdf5");
    ALM_REQUIRE(H5Zregister(&filter) >= 0);
    dataset_file f = file_begin(path, false);
    file_object(&f, "b_2");
    const hid_t group = file_group(&f, "a_1"), creation = H5Pcreate(H5P_DATASET_CREATE);
    const hsize_t size[2] = {4, 3};
    const float points[12] = {0};
    H5Pset_chunk(creation, 2, size);
    H5Pset_filter(creation, ID, H5Z_FLAG_MANDATORY, 0, NULL);
    file_numbers_with(group, "partA-pc", H5T_IEEE_F32LE, 2, size, H5T_NATIVE_FLOAT, points,
                      creation);
    H5Pclose(creation);
    H5Gclose(group);
    file_splits(&f, (const char *[]){"a_1", "b_2"}, 2);
    file_end(&f);
    ALM_REQUIRE(H5Zunregister(ID) >= 0);
    alm_asset asset = {0};
    ALM_CHECK_STATUS(file_read(path, "a_1", &asset), ALM_STATUS_SAMPLE);
    ALM_CHECK_TEXT(alm_error_message(), "objs/a_1/partA-pc: is stored with filter 32015 "
                                        "(squeeze it), which is not built in");
    ALM_CHECK_TEXT(alm_error_message(), "h5repack -f NONE FILE NEW");
    alm_asset_free(&asset);
    check_good(path);
}

/* gzip, shuffle and checksums are read; a chunk that is no gzip is one bad sample. */
ALM_TEST(dataset_faults, filters_that_are_built_in)
{
    const char *path = alm_test_path(alm_test_folder(), "g.hdf5");
    dataset_file f = file_begin(path, true);
    const hsize_t size[2] = {100, 3}, chunk[2] = {33, 2};
    float points[300];
    for (int i = 0; i < 300; i++) {
        points[i] = (float)i;
    }
    const hid_t creation = H5Pcreate(H5P_DATASET_CREATE);
    H5Pset_chunk(creation, 2, chunk);
    H5Pset_shuffle(creation);
    H5Pset_deflate(creation, 9);
    H5Pset_fletcher32(creation);
    for (int i = 0; i < 2; i++) {
        const hid_t group = file_group(&f, i ? "torn" : "good");
        file_numbers_with(group, "partA-pc", H5T_IEEE_F32BE, 2, size, H5T_NATIVE_FLOAT, points,
                          creation);
        file_numbers_with(group, "base_partB-pc", H5T_IEEE_F32LE, 2, size, H5T_NATIVE_FLOAT, points,
                          creation);
        if (i == 1) {
            const hid_t set = H5Dopen2(group, "base_partB-pc", H5P_DEFAULT);
            H5Dwrite_chunk(set, H5P_DEFAULT, 0, (hsize_t[]){33, 0}, 11, "not a chunk");
            H5Dclose(set);
        }
        H5Gclose(group);
    }
    H5Pclose(creation);
    file_splits(&f, (const char *[]){"good", "torn"}, 2);
    file_end(&f);
    alm_dataset *d;
    alm_asset asset = {0};
    ALM_REQUIRE_OK(alm_dataset_open(path, false, NULL, &d));
    ALM_CHECK_STATUS(alm_dataset_read(d, "torn", ALM_ASSET_CLOUDS, &asset), ALM_STATUS_SAMPLE);
    file_check_message(path);
    ALM_CHECK_TEXT(alm_error_message(), "objs/torn/base_partB-pc: cannot be read: ");
    ALM_REQUIRE_OK(alm_dataset_read(d, "good", ALM_ASSET_CLOUDS, &asset));
    ALM_CHECK(memcmp(asset.moving, points, sizeof points) == 0);
    ALM_CHECK(memcmp(asset.fixed, points, sizeof points) == 0);
    alm_asset_free(&asset);
    alm_dataset_close(d);
}

/* ---- Cut short */

/* Every prefix of the file is refused in one line, or opens and gives some samples. Returns how
 * many do not open. */
static int check_cuts(const char *source, const char *folder, size_t step)
{
    size_t bytes;
    char *data = alm_test_read(source, &bytes);
    const char *path = alm_test_path(folder, "cut.hdf5");
    int refused = 0;
    for (size_t cut = 0; data && cut < bytes; cut += step) {
        alm_test_write(path, data, cut);
        alm_dataset *d = NULL;
        const alm_status status = alm_dataset_open(path, false, NULL, &d);
        if (status != ALM_OK) {
            ALM_CHECK_STATUS(status, ALM_STATUS_SAMPLE);
            file_check_message(path);
            ALM_CHECK_TEXT(alm_error_message(), cut == 0    ? "is empty"
                                                : cut >= 97 ? "is cut short: eof = "
                                                            : "is not an HDF5 file");
            refused++;
        }
        alm_dataset_close(d);
    }
    free(data);
    return refused;
}

ALM_TEST(dataset_faults, files_cut_short)
{
    const char *folder = alm_test_folder();
    const char *good = file_small(alm_test_path(folder, "good.hdf5"));
    size_t bytes;
    free(alm_test_read(good, &bytes));
    /* The end of the file is in its header: every cut shows. */
    ALM_CHECK_INT(check_cuts(good, folder, 97), (bytes + 96) / 97);
    const char *ikea = alm_test_golden("assembench/data/assemlm_ikea.hdf5");
    free(alm_test_read(ikea, &bytes));
    ALM_CHECK_INT(check_cuts(ikea, folder, 4096), (bytes + 4095) / 4096);
    check_good(good);
}

/* ---- Other bytes */

/* Opens, lists and reads everything, whatever comes. Returns the children that were lost. */
static int read_all(const char *path)
{
    alm_dataset *d;
    alm_asset asset = {0};
    const alm_dataset_limits limits = {.memory_bytes = 256 << 20, .seconds = 2};
    if (alm_dataset_open(path, false, &limits, &d) != ALM_OK) {
        file_check_message(path);
        return strstr(alm_error_message(), "the process that read it") ? 1 : 0;
    }
    for (int i = 0; i < 2; i++) {
        alm_dataset_split split;
        if (alm_dataset_split_read(d, i ? "test" : "train", &split) != ALM_OK) {
            file_check_message(path);
            continue;
        }
        for (int64_t k = 0; k < split.count; k++) {
            const alm_status status =
                alm_dataset_read(d, alm_names_at(&split.keys, k), ALL, &asset);
            if (status != ALM_OK) {
                ALM_CHECK_STATUS(status, ALM_STATUS_SAMPLE);
                file_check_message(path);
            }
        }
        alm_dataset_split_free(&split);
    }
    const int lost = (int)alm_dataset_children(d) - 1;
    alm_asset_free(&asset);
    alm_dataset_close(d);
    return lost;
}

static int spoil_and_read(const char *source, const char *path, int times)
{
    size_t bytes;
    int lost = 0;
    uint8_t *data = alm_test_read(source, &bytes), *copy = malloc(bytes);
    for (int i = 0; data && copy && i < times; i++) {
        memcpy(copy, data, bytes);
        const int flips = 1 + (int)(alm_test_random() % 8);
        for (int k = 0; k < flips; k++) {
            /* Half of them near the beginning, where the structure is. */
            const size_t span = alm_test_random() % 2 && bytes > 8192 ? 8192 : bytes;
            copy[alm_test_random() % span] ^= (uint8_t)(1 + alm_test_random() % 255);
        }
        alm_test_write(path, copy, bytes);
        lost += read_all(path);
    }
    free(copy);
    free(data);
    return lost;
}

ALM_TEST(dataset_faults, random_bytes)
{
    static const char *const golden[] = {"biasassembly", "ikea", "partnet", "twobytwo"};
    const char *folder = alm_test_folder();
    const char *good = file_small(alm_test_path(folder, "good.hdf5"));
    const char *path = alm_test_path(folder, "spoiled.hdf5");
    int lost = spoil_and_read(good, path, 200);
    for (int i = 0; i < 4; i++) {
        char name[100];
        snprintf(name, sizeof name, "assembench/data/assemlm_%s.hdf5", golden[i]);
        lost += spoil_and_read(alm_test_golden(name), path, 50);
    }
    printf("400 spoiled files cost %d children\n", lost);
    check_good(good);
}
