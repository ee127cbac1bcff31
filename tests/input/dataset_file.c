#include "tests/input/dataset_file.h"

#include <stdio.h>
#include <stdlib.h>

/* Fails the test when a call of the library did. */
static hid_t good(hid_t id, const char *what)
{
    if (id < 0) {
        ALM_FAIL("HDF5: %s failed", what);
    }
    return id;
}

dataset_file file_begin(const char *path, bool latest)
{
    const hid_t access = H5Pcreate(H5P_FILE_ACCESS);
    if (latest) {
        H5Pset_libver_bounds(access, H5F_LIBVER_LATEST, H5F_LIBVER_LATEST);
    }
    dataset_file f = {.path = path};
    f.file = good(H5Fcreate(path, H5F_ACC_TRUNC, H5P_DEFAULT, access), "creating the file");
    f.split = H5Gcreate2(f.file, "split", H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
    f.objs = H5Gcreate2(f.file, "objs", H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
    H5Pclose(access);
    return f;
}

void file_end(dataset_file *f)
{
    H5Gclose(f->split);
    H5Gclose(f->objs);
    good(H5Fclose(f->file), "closing the file");
}

void file_numbers_with(hid_t group, const char *name, hid_t type, int rank, const hsize_t *size,
                       hid_t memory, const void *data, hid_t creation)
{
    const hid_t space = rank == 0 ? H5Screate(H5S_SCALAR) : H5Screate_simple(rank, size, NULL);
    const hid_t set =
        good(H5Dcreate2(group, name, type, space, H5P_DEFAULT, creation, H5P_DEFAULT), name);
    if (data) {
        good(H5Dwrite(set, memory, H5S_ALL, H5S_ALL, H5P_DEFAULT, data), name);
    }
    H5Dclose(set);
    H5Sclose(space);
}

void file_numbers(hid_t group, const char *name, hid_t type, int rank, const hsize_t *size,
                  hid_t memory, const void *data)
{
    file_numbers_with(group, name, type, rank, size, memory, data, H5P_DEFAULT);
}

void file_names(const dataset_file *f, const char *split, const char *const *names, int count)
{
    enum { BYTES = 48 };
    char *text = calloc((size_t)count + 1, BYTES);
    for (int i = 0; i < count; i++) {
        snprintf(text + i * BYTES, BYTES, "%s", names[i]);
    }
    const hid_t type = H5Tcopy(H5T_C_S1);
    H5Tset_size(type, BYTES);
    H5Tset_strpad(type, H5T_STR_NULLPAD);
    file_numbers(f->split, split, type, 1, &(hsize_t){(hsize_t)count}, type, text);
    H5Tclose(type);
    free(text);
}

void file_splits(const dataset_file *f, const char *const *test, int count)
{
    file_names(f, "train", NULL, 0);
    file_names(f, "test", test, count);
}

hid_t file_group(const dataset_file *f, const char *key)
{
    return good(H5Gcreate2(f->objs, key, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT), key);
}

void file_clouds(hid_t group)
{
    float moving[FILE_MOVING][3], fixed[FILE_FIXED][3];
    for (int i = 0; i < FILE_FIXED; i++) {
        const float point[3] = {(float)i, (float)i / 2, -(float)i};
        if (i < FILE_MOVING) {
            memcpy(moving[i], point, sizeof point);
        }
        fixed[i][0] = (float)i / 4;
        fixed[i][1] = 0;
        fixed[i][2] = 1;
    }
    const hsize_t m[2] = {FILE_MOVING, 3}, n[2] = {FILE_FIXED, 3};
    file_numbers(group, "partA-pc", H5T_IEEE_F32LE, 2, m, H5T_NATIVE_FLOAT, moving);
    file_numbers(group, "base_partB-pc", H5T_IEEE_F32LE, 2, n, H5T_NATIVE_FLOAT, fixed);
}

void file_pages(hid_t group, const char *style, int value)
{
    uint8_t pixels[FILE_PAGE * FILE_PAGE * 3];
    char name[64];
    memset(pixels, value, sizeof pixels);
    const hsize_t size[3] = {FILE_PAGE, FILE_PAGE, 3};
    snprintf(name, sizeof name, "image_base_%s", style);
    file_numbers(group, name, H5T_STD_U8LE, 3, size, H5T_NATIVE_UINT8, pixels);
    snprintf(name, sizeof name, "image_assemble_%s", style);
    file_numbers(group, name, H5T_STD_U8LE, 3, size, H5T_NATIVE_UINT8, pixels);
}

void file_category(hid_t group, const char *text)
{
    const hid_t type = H5Tcopy(H5T_C_S1);
    H5Tset_size(type, H5T_VARIABLE);
    file_numbers(group, "category", type, 0, NULL, type, &text);
    H5Tclose(type);
}

void file_object(const dataset_file *f, const char *key)
{
    const hid_t group = file_group(f, key);
    file_clouds(group);
    file_pages(group, "freestyle", 7);
    file_category(group, "Thing");
    H5Gclose(group);
}

const char *file_small(const char *path)
{
    static const char *const names[] = {"a_1", "b_2", "c_3"};
    dataset_file f = file_begin(path, false);
    for (int i = 0; i < 3; i++) {
        file_object(&f, names[i]);
    }
    file_splits(&f, names, 3);
    file_end(&f);
    return path;
}

void file_check_message(const char *path)
{
    const char *text = alm_error_message();
    if (strncmp(text, path, strlen(path)) != 0 || strchr(text, '\n') || !text[strlen(path)]) {
        ALM_FAIL("\"%s\" is not one line about %s", text, path);
    }
}

alm_status file_read(const char *path, const char *key, alm_asset *out)
{
    alm_dataset *d;
    alm_status status = alm_dataset_open(path, false, NULL, &d);
    if (status == ALM_OK) {
        status =
            alm_dataset_read(d, key, ALM_ASSET_CLOUDS | ALM_ASSET_PAGES | ALM_ASSET_CATEGORY, out);
        alm_dataset_close(d);
    }
    if (status != ALM_OK) {
        file_check_message(path);
    }
    return status;
}
