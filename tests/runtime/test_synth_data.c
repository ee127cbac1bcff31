/* Manual pages and files of `synth data`: what they show, what they hold, that a seed gives the
 * same bytes, and what happens when they cannot be written.
 */
#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "kernels/core/memory.h"
#include "runtime/assemlm.h"
#include "runtime/output/synth_pages.h"
#include "runtime/output/synth_sample.h"
#include "tests/shim/alm_test.h"

enum { SIDE = ALM_PAGE_SIDE };

/* ---- Pages ----------------------------------------------------------------------------------- */

typedef struct view {
    alm_pages pages;
    alm_synth_assembly assembly;
    alm_camera camera;
    uint8_t *before; /* a page to compare with */
} view;

static void free_view(view *v)
{
    alm_mesh_free(&v->assembly.mesh);
    alm_pages_free(&v->pages);
    free(v->before);
}

static alm_status make_view(view *v, uint64_t seed, uint64_t number)
{
    *v = (view){.before = malloc(ALM_PAGE_BYTES)};
    ALM_TRY(v->before ? ALM_OK : alm_fail(ALM_STATUS_MEMORY, "no memory"));
    ALM_TRY(alm_pages_create(&v->pages));
    ALM_TRY(alm_synth_assembly_make(seed, number, &v->assembly));
    return alm_pages_camera(&v->pages, &v->assembly, &v->camera);
}

/* Pixels that differ. */
static int differences(const uint8_t *a, const uint8_t *b)
{
    int n = 0;
    for (int i = 0; i < SIDE * SIDE; i++) {
        n += memcmp(a + 3 * i, b + 3 * i, 3) != 0;
    }
    return n;
}

static int inked(const uint8_t *page)
{
    int n = 0;
    for (int i = 0; i < SIDE * SIDE; i++) {
        n += page[3 * i] < 255 || page[3 * i + 1] < 255 || page[3 * i + 2] < 255;
    }
    return n;
}

/* Greatest extent of what is drawn: first and last row or column, whichever are farther apart. */
static void extent(const uint8_t *page, int *first, int *last)
{
    int low[2] = {SIDE, SIDE}, high[2] = {-1, -1};
    for (int i = 0; i < SIDE * SIDE; i++) {
        const int at[2] = {i % SIDE, i / SIDE};
        for (int a = 0; page[3 * i] < 255 && a < 2; a++) {
            low[a] = at[a] < low[a] ? at[a] : low[a];
            high[a] = at[a] > high[a] ? at[a] : high[a];
        }
    }
    const int longer = high[1] - low[1] > high[0] - low[0];
    *first = low[longer];
    *last = high[longer];
}

static void check_steps(view *v)
{
    const char *name = v->assembly.family->category;
    uint8_t *lineart = malloc(ALM_PAGE_BYTES);
    ALM_REQUIRE(lineart != NULL);
    for (int step = 1; step <= v->assembly.steps; step++) {
        ALM_REQUIRE_OK(alm_pages_base(&v->pages, &v->assembly, &v->camera, step));
        /* What the step before ended with. */
        if (step > 1) {
            ALM_CHECK_INT(differences(lineart, v->pages.lineart), 0);
        }
        memcpy(v->before, v->pages.freestyle, ALM_PAGE_BYTES);
        memcpy(lineart, v->pages.lineart, ALM_PAGE_BYTES);
        /* A base of a twentieth of the page; lines of a few hundred pixels. */
        if (inked(v->before) < SIDE * SIDE / 50 || inked(lineart) < 400 ||
            inked(lineart) > SIDE * SIDE / 5) {
            ALM_FAIL("%s %d, step %d: %d pixels and %d of lines on the base page", name,
                     (int)v->assembly.number, step, inked(v->before), inked(lineart));
        }
        alm_pages_assembled(&v->pages);
        const int shaded = differences(v->before, v->pages.freestyle);
        const int lines = differences(lineart, v->pages.lineart);
        if (shaded < 150 || lines < 60) {
            ALM_FAIL("%s %d, step %d: the part changes %d pixels, %d of lines", name,
                     (int)v->assembly.number, step, shaded, lines);
        }
        memcpy(lineart, v->pages.lineart, ALM_PAGE_BYTES);
    }
    int first, last;
    extent(v->pages.lineart, &first, &last);
    /* The margin is 6 of 100; silhouettes stand out by 1 pixel. */
    ALM_CHECK_NEAR(first, 0.06 * SIDE, 2.5);
    ALM_CHECK_NEAR(last, 0.94 * SIDE, 2.5);
    free(lineart);
}

ALM_TEST(synth_pages, show_the_part_that_is_put_on)
{
    for (uint64_t i = 0; i < 39; i++) {
        view v;
        ALM_REQUIRE_OK(make_view(&v, 4, i));
        check_steps(&v);
        free_view(&v);
    }
}

/* A cube of side 1 seen along an axis: a square with dark lines around, one shade within. */
ALM_TEST(synth_pages, draw_a_cube_where_it_is)
{
    static const double one[9] = {1, 0, 0, 0, 1, 0, 0, 0, 1}, zero[3] = {0, 0, 0};
    static const alm_synth_family family = {.category = "Cube"};
    alm_synth_assembly a = {.family = &family, .steps = 1};
    alm_camera camera;
    alm_pages pages;
    ALM_REQUIRE_OK(alm_pages_create(&pages));
    alm_mesh_box(&a.mesh, 0, (const double[3]){-0.5, -0.5, -0.5}, (const double[3]){0.5, 0.5, 0});
    /* Behind the upper half of the box and above it. */
    alm_mesh_box(&a.mesh, 1, (const double[3]){-0.5, -0.5, 0}, (const double[3]){0, 0.5, 0.5});
    alm_mesh_place(&a.mesh, one, zero, 1);
    alm_camera_aim(&a.mesh, 0, 0, 0.1, &camera);
    ALM_REQUIRE_OK(alm_pages_base(&pages, &a, &camera, 1));
    /* Seen from x = 4: the near face, 3.5 away, spans the width of 0.8 pages. */
    const uint8_t *middle = pages.freestyle + 3 * (SIDE * (size_t)(0.7 * SIDE) + SIDE / 2);
    const uint8_t *upper = pages.freestyle + 3 * (SIDE * (size_t)(0.3 * SIDE) + SIDE / 2);
    int dark = 0;
    for (int x = 0; x < SIDE; x++) {
        const int there = pages.freestyle[3 * (SIDE * (int)(0.7 * SIDE) + x)];
        dark += there < 100;
        if (there < 100) {
            ALM_CHECK(abs(x - SIDE / 10) <= 2 || abs(x - 9 * SIDE / 10) <= 2);
        }
    }
    ALM_CHECK(dark >= 2 && dark <= 6);
    ALM_CHECK(middle[0] > 150 && middle[0] < 240 && middle[0] - middle[2] < 5);
    ALM_CHECK_INT(upper[0], 255);
    ALM_CHECK_INT(pages.lineart[3 * (SIDE * (size_t)(0.7 * SIDE) + SIDE / 2)], 255);
    alm_pages_assembled(&pages);
    ALM_CHECK(upper[0] - upper[2] > 60); /* the new part is yellow */
    ALM_CHECK(middle[0] - middle[2] < 5);
    alm_mesh_free(&a.mesh);
    alm_pages_free(&pages);
}

/* ---- Which samples --------------------------------------------------------------------------- */

ALM_TEST(synth_data, one_assembly_in_ten_is_for_testing)
{
    int abandoned = 0;
    for (uint64_t block = 0; block < 1000; block++) {
        int tests = 0;
        for (uint64_t i = 10 * block; i < 10 * block + 10; i++) {
            tests += alm_synth_is_test(6, i);
            abandoned += alm_synth_is_abandoned(6, i);
        }
        ALM_CHECK_INT(tests, 1);
    }
    /* 10,000 / 250 with a standard deviation of 6.3. */
    ALM_CHECK(abandoned >= 15 && abandoned <= 65);
}

ALM_TEST(synth_data, names_fit)
{
    char name[ALM_SYNTH_NAME];
    const alm_synth_cursor last = {.assembly = ALM_SYNTH_MOST_SAMPLES, .step = 3};
    for (uint64_t i = 0; i < 26; i++) {
        const alm_synth_cursor at = {.assembly = last.assembly + i, .step = 3};
        alm_synth_sample_name(1, &at, name);
        ALM_CHECK(strlen(name) < ALM_SYNTH_NAME - 1 && strcmp(name + strlen(name) - 2, "_4") == 0);
    }
    alm_synth_sample_name(1, &(alm_synth_cursor){.assembly = 7, .step = 1}, name);
    ALM_CHECK_TEXT(name, "_000007_2");
}

/* ---- Files ----------------------------------------------------------------------------------- */

static alm_status make(const char *path, uint64_t samples, uint64_t seed, int threads)
{
    return alm_synth_data(&(alm_synth_data_options){
        .samples = samples, .seed = seed, .to = path, .threads = threads});
}

/* Entries of a folder without "." and "..". */
static int entries(const char *path)
{
    DIR *dir = opendir(path);
    int n = 0;
    while (dir && readdir(dir)) {
        n++;
    }
    if (dir) {
        closedir(dir);
    }
    return n - 2;
}

#ifdef ALM_HAS_HDF5

#include <hdf5.h>

static bool same_bytes(const char *a, const char *b)
{
    size_t n, m;
    void *x = alm_test_read(a, &n), *y = alm_test_read(b, &m);
    const bool same = x && y && n == m && memcmp(x, y, n) == 0;
    free(x);
    free(y);
    return same;
}

ALM_TEST(synth_data, a_seed_gives_the_same_bytes_with_any_number_of_threads)
{
    const char *folder = alm_test_folder();
    const char *one = alm_test_path(folder, "1.hdf5"), *three = alm_test_path(folder, "3.hdf5");
    const char *other = alm_test_path(folder, "other.hdf5");
    ALM_REQUIRE_OK(make(one, 30, 5, 1));
    ALM_REQUIRE_OK(make(three, 30, 5, 3));
    ALM_REQUIRE_OK(make(other, 30, 6, 3));
    ALM_CHECK(same_bytes(one, three));
    ALM_CHECK(!same_bytes(one, other));
    ALM_CHECK_INT(entries(folder), 3);
}

/* ---- Reading back, through libhdf5 */

typedef struct dataset {
    int rank;
    hsize_t dims[3];
    size_t bytes; /* of one value */
    H5T_class_t class;
    void *data;
} dataset;

static bool read_dataset(hid_t where, const char *name, dataset *out)
{
    *out = (dataset){.rank = -1};
    if (H5Lexists(where, name, H5P_DEFAULT) <= 0) {
        return false;
    }
    const hid_t set = H5Dopen2(where, name, H5P_DEFAULT), type = H5Dget_type(set);
    const hid_t space = H5Dget_space(set);
    out->rank = H5Sget_simple_extent_ndims(space);
    H5Sget_simple_extent_dims(space, out->dims, NULL);
    out->bytes = H5Tget_size(type);
    out->class = H5Tget_class(type);
    const size_t n = (size_t)H5Sget_simple_extent_npoints(space);
    out->data = calloc(n * out->bytes + 1, 1);
    const bool good =
        out->data && H5Dread(set, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, out->data) >= 0;
    H5Sclose(space);
    H5Tclose(type);
    H5Dclose(set);
    return good;
}

static const char *const page_names[ALM_SYNTH_PAGES] = {
    "image_base_freestyle", "image_assemble_freestyle", "image_base_lineart",
    "image_assemble_lineart"};

/* FNV-1a, carried on. */
static void hash_bytes(uint64_t *hash, const void *data, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++) {
        *hash = (*hash ^ ((const uint8_t *)data)[i]) * UINT64_C(0x100000001B3);
    }
}

static void hash_dataset(hid_t group, const char *name, uint64_t *hash)
{
    dataset d;
    ALM_CHECK(read_dataset(group, name, &d));
    size_t bytes = d.bytes;
    for (int i = 0; i < d.rank; i++) {
        bytes *= (size_t)d.dims[i];
    }
    hash_bytes(hash, d.data, d.data ? bytes : 0);
    free(d.data);
}

typedef struct digest {
    uint64_t clouds, pages, texts;
} digest;

static digest digest_object(hid_t file, const char *key)
{
    digest g = {UINT64_C(0xCBF29CE484222325), UINT64_C(0xCBF29CE484222325),
                UINT64_C(0xCBF29CE484222325)};
    const hid_t objs = H5Gopen2(file, "objs", H5P_DEFAULT);
    const hid_t group = H5Gopen2(objs, key, H5P_DEFAULT);
    hash_dataset(group, "partA-pc", &g.clouds);
    hash_dataset(group, "base_partB-pc", &g.clouds);
    for (int i = 0; i < ALM_SYNTH_PAGES; i++) {
        hash_dataset(group, page_names[i], &g.pages);
    }
    hash_dataset(group, "category", &g.texts);
    hash_dataset(group, "instruction", &g.texts);
    H5Gclose(group);
    H5Gclose(objs);
    return g;
}

/* Texts of a fixed length. */
typedef struct list {
    size_t count, bytes;
    char *text;
} list;

static list read_list(hid_t file, const char *name)
{
    dataset d;
    ALM_CHECK(read_dataset(file, name, &d));
    ALM_CHECK(d.rank == 1 && d.class == H5T_STRING && d.bytes == ALM_SYNTH_NAME);
    return (list){d.rank == 1 ? (size_t)d.dims[0] : 0, d.bytes, d.data};
}

static bool is_listed(const list *l, const char *name)
{
    for (size_t i = 0; i < l->count; i++) {
        if (strcmp(l->text + i * l->bytes, name) == 0) {
            return true;
        }
    }
    return false;
}

/* Points lie in the cube of side 1 about the origin; the mean is not far from it. */
static void check_cloud(hid_t group, const char *name)
{
    dataset d;
    ALM_REQUIRE(read_dataset(group, name, &d));
    ALM_REQUIRE(d.rank == 2 && d.dims[1] == 3 && d.class == H5T_FLOAT && d.bytes == 4);
    ALM_CHECK(d.dims[0] == 1000 || d.dims[0] == 1024);
    const float *xyz = d.data;
    for (hsize_t i = 0; i < 3 * d.dims[0]; i++) {
        ALM_REQUIRE(fabsf(xyz[i]) <= 0.5f + 1e-6f);
    }
    free(d.data);
}

static void check_object(hid_t objs, const char *key)
{
    const hid_t group = H5Gopen2(objs, key, H5P_DEFAULT);
    dataset d;
    ALM_REQUIRE(group >= 0);
    check_cloud(group, "partA-pc");
    check_cloud(group, "base_partB-pc");
    for (int i = 0; i < ALM_SYNTH_PAGES; i++) {
        ALM_REQUIRE(read_dataset(group, page_names[i], &d));
        ALM_CHECK(d.rank == 3 && d.dims[0] == SIDE && d.dims[1] == SIDE && d.dims[2] == 3);
        ALM_CHECK(d.class == H5T_INTEGER && d.bytes == 1);
        ALM_CHECK(inked(d.data) > 400);
        free(d.data);
    }
    ALM_REQUIRE(read_dataset(group, "category", &d));
    ALM_CHECK(d.rank == 0 && d.class == H5T_STRING);
    ALM_CHECK(strlen(d.data) == d.bytes && strncmp(d.data, key, d.bytes) == 0 &&
              key[d.bytes] == '_');
    free(d.data);
    ALM_REQUIRE(read_dataset(group, "instruction", &d));
    ALM_CHECK(strlen(d.data) == d.bytes && ((char *)d.data)[d.bytes - 1] == '.');
    free(d.data);
    H5Gclose(group);
}

/* Every sample in order: in one of the two splits, with its object; abandoned ones too. */
static void check_samples(hid_t file, uint64_t seed, size_t samples)
{
    const list train = read_list(file, "split/train"), test = read_list(file, "split/test");
    const list abandon = read_list(file, "split/abandon");
    const hid_t objs = H5Gopen2(file, "objs", H5P_DEFAULT);
    H5G_info_t info;
    size_t in_test = 0, abandoned = 0;
    alm_synth_cursor at = {0};
    ALM_CHECK_INT(train.count + test.count, samples);
    H5Gget_info(objs, &info);
    ALM_CHECK_INT(info.nlinks, samples);
    for (size_t i = 0; i < samples; i++) {
        char name[ALM_SYNTH_NAME];
        alm_synth_sample_name(seed, &at, name);
        const bool is_test = alm_synth_is_test(seed, at.assembly);
        ALM_CHECK(is_listed(&test, name) == is_test && is_listed(&train, name) == !is_test);
        ALM_CHECK(is_listed(&abandon, name) == alm_synth_is_abandoned(seed, at.assembly));
        in_test += is_test;
        abandoned += alm_synth_is_abandoned(seed, at.assembly);
        check_object(objs, name);
        alm_synth_cursor_next(seed, &at);
    }
    ALM_CHECK_INT(test.count, in_test);
    ALM_CHECK_INT(abandon.count, abandoned);
    ALM_CHECK(in_test > 0);
    H5Gclose(objs);
    free(train.text);
    free(test.text);
    free(abandon.text);
}

/* Plans hold the steps that are there; the last one may be cut off. */
static void check_plans(hid_t file, uint64_t seed, size_t samples)
{
    alm_synth_cursor at = {0};
    size_t listed = 0;
    for (uint64_t assembly = 0; listed < samples; assembly++) {
        char path[64], name[ALM_SYNTH_NAME];
        alm_synth_assembly_name(seed, assembly, name);
        snprintf(path, sizeof path, "plans/%s", name);
        const list plan = read_list(file, path);
        const size_t left = samples - listed;
        const size_t steps = (size_t)alm_synth_steps_of(seed, assembly);
        ALM_REQUIRE(plan.count == (steps < left ? steps : left));
        for (size_t i = 0; i < plan.count; i++) {
            alm_synth_sample_name(seed, &at, name);
            ALM_CHECK(strcmp(plan.text + i * plan.bytes, name) == 0);
            alm_synth_cursor_next(seed, &at);
        }
        listed += plan.count;
        free(plan.text);
    }
}

ALM_TEST(synth_data, a_file_holds_what_the_format_asks_for)
{
    enum { SAMPLES = 60, SEED = 1 };
    const char *path = alm_test_path(alm_test_folder(), "a.hdf5");
    ALM_REQUIRE_OK(make(path, SAMPLES, SEED, 2));
    const hid_t file = H5Fopen(path, H5F_ACC_RDONLY, H5P_DEFAULT);
    ALM_REQUIRE(file >= 0);
    check_samples(file, SEED, SAMPLES);
    check_plans(file, SEED, SAMPLES);
    H5Fclose(file);
}

ALM_TEST(synth_data, a_sample_does_not_depend_on_how_many_there_are)
{
    const char *folder = alm_test_folder();
    const char *few = alm_test_path(folder, "few.hdf5"), *many = alm_test_path(folder, "many.hdf5");
    ALM_REQUIRE_OK(make(few, 7, 2, 1));
    ALM_REQUIRE_OK(make(many, 25, 2, 2));
    const hid_t a = H5Fopen(few, H5F_ACC_RDONLY, H5P_DEFAULT);
    const hid_t b = H5Fopen(many, H5F_ACC_RDONLY, H5P_DEFAULT);
    ALM_REQUIRE(a >= 0 && b >= 0);
    alm_synth_cursor at = {0};
    for (int i = 0; i < 7; i++) {
        char name[ALM_SYNTH_NAME];
        alm_synth_sample_name(2, &at, name);
        const digest x = digest_object(a, name), y = digest_object(b, name);
        ALM_CHECK(memcmp(&x, &y, sizeof x) == 0);
        alm_synth_cursor_next(2, &at);
    }
    H5Fclose(a);
    H5Fclose(b);
}

/* Pinned: other machines, compilers and zlibs give these values too. A change of ours that moves
 * them must count up the generator's version (synth_data.c). */
ALM_TEST(synth_data, values_are_those_of_the_first_machine)
{
    enum { SAMPLES = 40, SEED = 12 };
    const char *path = alm_test_path(alm_test_folder(), "a.hdf5");
    uint64_t clouds = 0, pages = 0, texts = 0;
    ALM_REQUIRE_OK(make(path, SAMPLES, SEED, 2));
    const hid_t file = H5Fopen(path, H5F_ACC_RDONLY, H5P_DEFAULT);
    ALM_REQUIRE(file >= 0);
    alm_synth_cursor at = {0};
    for (int i = 0; i < SAMPLES; i++) {
        char name[ALM_SYNTH_NAME];
        alm_synth_sample_name(SEED, &at, name);
        const digest g = digest_object(file, name);
        clouds = clouds * 3 + g.clouds;
        pages = pages * 3 + g.pages;
        texts = texts * 3 + g.texts;
        alm_synth_cursor_next(SEED, &at);
    }
    H5Fclose(file);
    if (clouds != UINT64_C(0xb8ebb67bd945a808) || pages != UINT64_C(0xecbe786ab895b333) ||
        texts != UINT64_C(0x89c41cdf1d51f1f0)) {
        ALM_FAIL("clouds %016llx, pages %016llx, texts %016llx", (unsigned long long)clouds,
                 (unsigned long long)pages, (unsigned long long)texts);
    }
}

ALM_TEST(synth_data, styles_are_what_was_asked_for)
{
    static const char *const styles[2] = {"freestyle", "lineart"};
    const char *folder = alm_test_folder();
    for (int i = 0; i < 2; i++) {
        char name[ALM_SYNTH_NAME], path[64];
        const char *to = alm_test_path(folder, styles[i]);
        ALM_REQUIRE_OK(alm_synth_data(&(alm_synth_data_options){
            .samples = 1, .seed = 3, .to = to, .threads = 1, .style = styles[i]}));
        alm_synth_sample_name(3, &(alm_synth_cursor){0}, name);
        const hid_t file = H5Fopen(to, H5F_ACC_RDONLY, H5P_DEFAULT);
        for (int page = 0; page < ALM_SYNTH_PAGES; page++) {
            snprintf(path, sizeof path, "objs/%s", name);
            const hid_t group = H5Gopen2(file, path, H5P_DEFAULT);
            ALM_CHECK((H5Lexists(group, page_names[page], H5P_DEFAULT) > 0) == (page / 2 == i));
            H5Gclose(group);
        }
        H5Fclose(file);
    }
}

/* ---- Faults ---------------------------------------------------------------------------------- */

static void expect_refused(const alm_synth_data_options *o, alm_status status, const char *text)
{
    ALM_CHECK_STATUS(alm_synth_data(o), status);
    ALM_CHECK_TEXT(alm_error_message(), text);
}

ALM_TEST(synth_data, bad_options_are_refused)
{
    const char *folder = alm_test_folder(), *to = alm_test_path(folder, "a.hdf5");
    alm_synth_data_options o = {.samples = 1, .to = to, .threads = 1};
    o.samples = 0;
    expect_refused(&o, ALM_STATUS_USAGE, "0 samples: expected 1 to");
    o.samples = (uint64_t)ALM_SYNTH_MOST_SAMPLES + 1;
    expect_refused(&o, ALM_STATUS_USAGE, "expected 1 to 100000000");
    o.samples = 1;
    o.style = "oil";
    expect_refused(&o, ALM_STATUS_USAGE, "style oil: expected freestyle, lineart or both");
    o.style = NULL;
    o.to = NULL;
    expect_refused(&o, ALM_STATUS_USAGE, "no file");
    ALM_CHECK_INT(entries(folder), 0);
}

ALM_TEST(synth_data, what_exists_is_kept_unless_forced)
{
    const char *folder = alm_test_folder(), *to = alm_test_path(folder, "a.hdf5");
    alm_synth_data_options o = {.samples = 1, .to = to, .threads = 1};
    alm_test_write(to, "mine", 4);
    expect_refused(&o, ALM_STATUS_OUTPUT, "exists");
    size_t bytes;
    void *kept = alm_test_read(to, &bytes);
    ALM_CHECK(kept && bytes == 4 && memcmp(kept, "mine", 4) == 0);
    free(kept);
    o.force = true;
    ALM_REQUIRE_OK(alm_synth_data(&o));
    ALM_CHECK(H5Fis_hdf5(to) > 0);
    ALM_CHECK_INT(entries(folder), 1);
}

ALM_TEST(synth_data, what_cannot_be_written_is_said)
{
    const char *folder = alm_test_folder();
    alm_synth_data_options o = {.samples = 1, .threads = 1};
    o.to = alm_test_path(folder, "none/a.hdf5");
    expect_refused(&o, ALM_STATUS_OUTPUT, "none/a.hdf5: No such file or directory");
    o.to = alm_test_path(folder, "plain/a.hdf5");
    alm_test_write(alm_test_path(folder, "plain"), "x", 1);
    expect_refused(&o, ALM_STATUS_OUTPUT, "plain/a.hdf5: Not a directory");
    o.to = "/dev/null";
    expect_refused(&o, ALM_STATUS_OUTPUT, "/dev/null: HDF5 needs an ordinary file");
    o.to = folder;
    expect_refused(&o, ALM_STATUS_OUTPUT, "exists");
    o.force = true; /* a folder is not replaced by a file */
    ALM_CHECK_STATUS(alm_synth_data(&o), ALM_STATUS_OUTPUT);
    ALM_CHECK_INT(entries(folder), 1);
}

/* In a process of its own, because the limit cannot be taken back by all users. */
static int status_under_limit(const char *to, rlim_t bytes, char text[256])
{
    int pipes[2], status = -1;
    if (pipe(pipes) != 0) {
        return -1;
    }
    const pid_t child = fork();
    if (child == 0) {
        const struct rlimit limit = {bytes, bytes};
        signal(SIGXFSZ, SIG_IGN);
        setrlimit(RLIMIT_FSIZE, &limit);
        const alm_status got = make(to, 5, 1, 2);
        const ssize_t ignored =
            write(pipes[1], alm_error_message(), strlen(alm_error_message()) + 1);
        (void)ignored;
        /* libhdf5 must be able to end after it. */
        exit(H5close() < 0 ? 99 : (int)got);
    }
    close(pipes[1]);
    const ssize_t n = read(pipes[0], text, 255);
    text[n > 0 ? n : 0] = '\0';
    close(pipes[0]);
    waitpid(child, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

ALM_TEST(synth_data, a_full_disk_leaves_nothing)
{
    const char *folder = alm_test_folder(), *to = alm_test_path(folder, "a.hdf5");
    struct stat about;
    ALM_REQUIRE_OK(make(to, 5, 1, 1));
    ALM_REQUIRE(stat(to, &about) == 0);
    unlink(to);
    /* At the start, in the middle of everything, and in the last bytes, which closing writes. */
    for (int i = 0; i < 16; i++) {
        const off_t limit = i < 4 ? 512 * i : i == 15 ? about.st_size - 1 : about.st_size * i / 16;
        char text[256];
        ALM_CHECK_INT(status_under_limit(to, (rlim_t)limit, text), ALM_STATUS_OUTPUT);
        ALM_CHECK_TEXT(text, "a.hdf5: File too large");
        ALM_CHECK_INT(entries(folder), 0);
    }
    char text[256];
    ALM_CHECK_INT(status_under_limit(to, (rlim_t)about.st_size, text), ALM_OK);
    ALM_CHECK_INT(entries(folder), 1);
}

static void count_progress(void *context, uint64_t done, uint64_t total)
{
    uint64_t *last = context;
    ALM_CHECK(done >= *last && done <= total && total == 20);
    *last = done;
}

ALM_TEST(synth_data, progress_ends_at_the_total)
{
    uint64_t last = 0;
    const char *to = alm_test_path(alm_test_folder(), "a.hdf5");
    ALM_REQUIRE_OK(alm_synth_data(&(alm_synth_data_options){.samples = 20,
                                                            .seed = 8,
                                                            .to = to,
                                                            .threads = 1,
                                                            .style = "lineart",
                                                            .progress = count_progress,
                                                            .progress_context = &last}));
    ALM_CHECK_INT(last, 20);
}

#else

ALM_TEST(synth_data, a_build_without_hdf5_says_so)
{
    const char *folder = alm_test_folder();
    ALM_CHECK_STATUS(make(alm_test_path(folder, "a.hdf5"), 1, 1, 1), ALM_STATUS_USAGE);
    ALM_CHECK_TEXT(alm_error_message(), "this build has no HDF5");
    ALM_CHECK_INT(entries(folder), 0);
}

#endif
