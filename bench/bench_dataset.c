/* How fast an AssemBench file is opened, listed and read:
 *
 *     bench_dataset FILE.hdf5 [PASSES]          measures a file
 *     bench_dataset --make FILE.hdf5 OBJECTS contiguous|gzip PAGE
 *
 * --make writes objects of 1,000 and 1,024 points in float32 with pages of PAGE×PAGE (0: none), all
 * listed in split/test. Each part is read alone and with the requests ahead; memory of the child is
 * printed after each pass.
 */
#include <hdf5.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "runtime/clock.h"
#include "runtime/input/dataset.h"

enum { NAME = 32, AHEAD = 32 };

static void check(long long id, const char *what)
{
    if (id < 0) {
        fprintf(stderr, "bench_dataset: %s failed\n", what);
        exit(1);
    }
}

static void write_numbers(hid_t group, const char *name, hid_t type, int rank, const hsize_t *size,
                          const void *data, hid_t creation)
{
    const hid_t space = H5Screate_simple(rank, size, NULL);
    const hid_t set = H5Dcreate2(group, name, type, space, H5P_DEFAULT, creation, H5P_DEFAULT);
    check(set, name);
    check(H5Dwrite(set, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, data), name);
    H5Dclose(set);
    H5Sclose(space);
}

static hid_t creation_of(int rank, const hsize_t *size, bool gzip)
{
    const hid_t creation = H5Pcreate(H5P_DATASET_CREATE);
    if (gzip) {
        check(H5Pset_chunk(creation, rank, size), "chunks");
        check(H5Pset_deflate(creation, 4), "gzip");
    }
    return creation;
}

static void write_object(hid_t objs, const char *key, bool gzip, hsize_t page)
{
    static float points[1024 * 3];
    static uint8_t pixels[1024 * 1024 * 3];
    const hsize_t moving[2] = {1000, 3}, fixed[2] = {1024, 3}, image[3] = {page, page, 3};
    for (int i = 0; i < 3 * 1024; i++) {
        points[i] = (float)rand() / (float)RAND_MAX;
    }
    const hid_t group = H5Gcreate2(objs, key, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
    check(group, key);
    hid_t creation = creation_of(2, moving, gzip);
    write_numbers(group, "partA-pc", H5T_NATIVE_FLOAT, 2, moving, points, creation);
    H5Pclose(creation);
    creation = creation_of(2, fixed, gzip);
    write_numbers(group, "base_partB-pc", H5T_NATIVE_FLOAT, 2, fixed, points, creation);
    H5Pclose(creation);
    if (page > 0) {
        creation = creation_of(3, image, gzip);
        write_numbers(group, "image_base_freestyle", H5T_NATIVE_UINT8, 3, image, pixels, creation);
        write_numbers(group, "image_assemble_freestyle", H5T_NATIVE_UINT8, 3, image, pixels,
                      creation);
        H5Pclose(creation);
    }
    const hid_t text = H5Tcopy(H5T_C_S1), scalar = H5Screate(H5S_SCALAR);
    H5Tset_size(text, 5);
    const hid_t set =
        H5Dcreate2(group, "category", text, scalar, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
    check(H5Dwrite(set, text, H5S_ALL, H5S_ALL, H5P_DEFAULT, "Chair"), "category");
    H5Dclose(set);
    H5Sclose(scalar);
    H5Tclose(text);
    H5Gclose(group);
}

static void make(const char *path, hsize_t objects, bool gzip, hsize_t page)
{
    const hid_t file = H5Fcreate(path, H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
    check(file, path);
    const hid_t split = H5Gcreate2(file, "split", H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
    const hid_t objs = H5Gcreate2(file, "objs", H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
    const hid_t text = H5Tcopy(H5T_C_S1);
    H5Tset_size(text, NAME);
    char *names = calloc(objects, NAME);
    for (hsize_t i = 0; i < objects; i++) {
        snprintf(names + i * NAME, NAME, "Chair_%05llu_%llu", (i * 7919) % 100000, i);
        write_object(objs, names + i * NAME, gzip, page);
    }
    const hsize_t none = 0;
    write_numbers(split, "train", text, 1, &none, names, H5P_DEFAULT);
    write_numbers(split, "test", text, 1, &objects, names, H5P_DEFAULT);
    free(names);
    check(H5Fclose(file), "closing");
}

static long memory_kb(int pid)
{
    char path[64], line[256];
    long kb = -1;
    snprintf(path, sizeof path, "/proc/%d/status", pid);
    FILE *f = fopen(path, "r");
    while (f && fgets(line, sizeof line, f)) {
        sscanf(line, "VmRSS: %ld kB", &kb);
    }
    if (f) {
        fclose(f);
    }
    return kb;
}

/* Processor time of the child so far, in milliseconds. */
static double child_ms(int pid)
{
    char path[64], line[1024] = "";
    unsigned long user = 0, system = 0;
    snprintf(path, sizeof path, "/proc/%d/stat", pid);
    FILE *f = fopen(path, "r");
    if (f) {
        (void)!fgets(line, sizeof line, f);
        fclose(f);
    }
    const char *after = strrchr(line, ')');
    if (after) {
        sscanf(after, ") %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user, &system);
    }
    return 1e3 * (double)(user + system) / (double)sysconf(_SC_CLK_TCK);
}

static void pass(alm_dataset *d, const alm_dataset_split *split, unsigned parts, int ahead,
                 const char *what)
{
    alm_asset asset = {0};
    int64_t failed = 0, asked = 0;
    const double begin = alm_now_ms(), begin_child = child_ms(alm_dataset_child_id(d));
    for (int64_t i = 0; i < split->count; i++) {
        for (; asked < split->count && asked < i + ahead; asked++) {
            if (alm_dataset_request(d, alm_names_at(&split->keys, asked), parts) != ALM_OK) {
                fprintf(stderr, "bench_dataset: %s\n", alm_error_message());
                exit(1);
            }
        }
        failed += alm_dataset_receive(d, &asset) != ALM_OK;
    }
    const double ms = alm_now_ms() - begin;
    printf("%-28s %2d ahead: %9.0f samples/s, %lld failed, child %.0f us/sample, %ld MB\n", what,
           ahead, 1e3 * (double)split->count / ms, (long long)failed,
           1e3 * (child_ms(alm_dataset_child_id(d)) - begin_child) / (double)split->count,
           memory_kb(alm_dataset_child_id(d)) / 1024);
    alm_asset_free(&asset);
}

static int measure(const char *path, int passes)
{
    alm_dataset *d;
    alm_dataset_split split;
    const double begin = alm_now_ms();
    if (alm_dataset_open(path, alm_dataset_is_lineart(path), NULL, &d) != ALM_OK) {
        fprintf(stderr, "bench_dataset: %s\n", alm_error_message());
        return 1;
    }
    const double opened = alm_now_ms();
    if (alm_dataset_split_read(d, "test", &split) != ALM_OK) {
        fprintf(stderr, "bench_dataset: %s\n", alm_error_message());
        return 1;
    }
    printf("opened in %.1f ms, %lld samples listed in %.1f ms\n", opened - begin,
           (long long)split.count, alm_now_ms() - opened);
    for (int i = 0; i < passes; i++) {
        pass(d, &split, ALM_ASSET_CLOUDS, 1, "clouds");
        pass(d, &split, ALM_ASSET_CLOUDS, AHEAD, "clouds");
        pass(d, &split, ALM_ASSET_CLOUDS | ALM_ASSET_CATEGORY, AHEAD, "clouds, category");
        pass(d, &split, ALM_ASSET_CLOUDS | ALM_ASSET_CATEGORY | ALM_ASSET_PAGES, AHEAD, "all");
    }
    alm_dataset_split_free(&split);
    alm_dataset_close(d);
    return 0;
}

int main(int argc, char **argv)
{
    if (argc == 6 && strcmp(argv[1], "--make") == 0) {
        make(argv[2], (hsize_t)atoll(argv[3]), strcmp(argv[4], "gzip") == 0,
             (hsize_t)atoll(argv[5]) % 1025);
        return 0;
    }
    if (argc < 2 || argc > 3 || argv[1][0] == '-') {
        fprintf(stderr, "bench_dataset FILE.hdf5 [PASSES]\n"
                        "bench_dataset --make FILE.hdf5 OBJECTS contiguous|gzip PAGE\n");
        return 2;
    }
    return measure(argv[1], argc == 3 ? atoi(argv[2]) : 1);
}
