/* One asset: two clouds, two pages, a category. */
#include <math.h>
#include <string.h>

#include "kernels/core/memory.h"
#include "runtime/input/asset_name.h"
#include "runtime/input/dataset_wire.h"
#include "runtime/input/hdf5_numbers.h"

enum {
    KEEP_BYTES = 16 << 20, /* larger blocks are given back before the next asset */
    COLLECT_EVERY = 4096   /* assets, until the library gives back what it kept for later */
};

/* What a dataset takes in memory, as stored and as wanted, is within the limit. */
static alm_status check_memory(const almi_hdf5 *file, const almi_place *place, size_t elements,
                               size_t element_bytes)
{
    size_t bytes;
    if (alm_mul_size(elements, element_bytes, "a dataset", &bytes) != ALM_OK ||
        bytes > file->memory_bytes) {
        return almi_place_fail(place, "takes %zu times %zu bytes of memory, more than %zu",
                               elements, element_bytes, file->memory_bytes);
    }
    return ALM_OK;
}

/* ---- Clouds */

static alm_status check_finite(const almi_place *place, const float *xyz, size_t count)
{
    if (almi_all_finite(xyz, count)) {
        return ALM_OK;
    }
    for (size_t i = 0; i < count; i++) {
        if (!isfinite(xyz[i])) {
            return almi_place_fail(place, "point %zu is %s in float32 (%c)", i / 3,
                                   isnan(xyz[i]) ? "NaN" : "infinite", "xyz"[i % 3]);
        }
    }
    return ALM_OK;
}

static alm_status load_cloud(almi_hdf5 *file, const almi_numbers *n, const almi_place *place,
                             int which, almi_asset *out)
{
    if (n->size[0] < 1 || n->size[1] != 3) {
        return almi_place_fail(place, "is [%llu, %llu], expected [N, 3] with at least one point",
                               (unsigned long long)n->size[0], (unsigned long long)n->size[1]);
    }
    if (n->size[0] > ALM_DATASET_POINTS) {
        return almi_place_fail(place, "has %llu points, more than %d",
                               (unsigned long long)n->size[0], ALM_DATASET_POINTS);
    }
    const size_t count = 3 * (size_t)n->size[0];
    const size_t bytes = n->kind == ALMI_F32 ? 0 : almi_number_bytes(n->kind); /* as stored */
    ALM_TRY(check_memory(file, place, count, bytes + sizeof(float)));
    ALM_TRY(almi_block_reserve(&file->cloud[which], count * sizeof(float), "a cloud"));
    float *xyz = file->cloud[which].data;
    if (n->kind == ALMI_F32) {
        ALM_TRY(almi_numbers_read(n, place, xyz));
    } else {
        ALM_TRY(almi_block_reserve(&file->raw, count * bytes, "a cloud"));
        ALM_TRY(almi_numbers_read(n, place, file->raw.data));
        almi_numbers_to_float(n->kind, file->raw.data, count, xyz);
    }
    ALM_TRY(check_finite(place, xyz, count));
    out->cloud[which] = xyz;
    out->points[which] = (int64_t)n->size[0];
    return ALM_OK;
}

static alm_status read_cloud(almi_hdf5 *file, hid_t group, const char *key, int which,
                             almi_asset *out)
{
    static const char *const names[2] = {"partA-pc", "base_partB-pc"};
    const almi_place place = {.group = "objs", .key = key, .name = names[which]};
    almi_numbers n;
    ALM_TRY(almi_numbers_open(file, group, &place, 2, &n));
    const alm_status status = load_cloud(file, &n, &place, which, out);
    H5Dclose(n.dataset);
    return status;
}

/* ---- Pages */

static const char *const page_names[2][2] = {
    {"image_base_freestyle", "image_assemble_freestyle"},
    {"image_base_lineart", "image_assemble_lineart"},
};

static alm_status check_page(const almi_hdf5 *file, const almi_numbers *n, const almi_place *place)
{
    const unsigned long long height = n->size[0], width = n->size[1], channels = n->size[2];
    if (height < 1 || width < 1 || (channels != 3 && channels != 4)) {
        return almi_place_fail(place, "is [%llu, %llu, %llu], expected [H, W, 3 or 4]", height,
                               width, channels);
    }
    if (height * width > ALM_IMAGE_PIXELS) {
        return almi_place_fail(place, "has %llu pixels, more than %d", height * width,
                               ALM_IMAGE_PIXELS);
    }
    if (n->is_bool) {
        return almi_place_fail(place, "holds truth values, expected numbers from 0 to 255");
    }
    const size_t raw = n->kind == ALMI_U8 ? 0 : almi_number_bytes(n->kind);
    return check_memory(file, place, (size_t)(height * width), (size_t)channels * (raw + 1));
}

static alm_status load_page(almi_hdf5 *file, const almi_numbers *n, const almi_place *place,
                            int which, almi_asset *out)
{
    ALM_TRY(check_page(file, n, place));
    const size_t pixels = (size_t)(n->size[0] * n->size[1]), channels = (size_t)n->size[2];
    const size_t count = pixels * channels;
    /* Alpha is checked like the rest and then dropped. */
    ALM_TRY(almi_block_reserve(&file->rgb[which], count, "a page"));
    uint8_t *rgb = file->rgb[which].data;
    if (n->kind == ALMI_U8) {
        ALM_TRY(almi_numbers_read(n, place, rgb));
    } else {
        ALM_TRY(almi_block_reserve(&file->raw, count * almi_number_bytes(n->kind), "a page"));
        ALM_TRY(almi_numbers_read(n, place, file->raw.data));
        const size_t bad = almi_numbers_to_byte(n->kind, file->raw.data, count, rgb);
        if (bad < count) {
            const size_t row = bad / channels / (size_t)n->size[1];
            return almi_place_fail(place, "is %g at [%zu, %zu, %zu], expected 0 to 255",
                                   almi_number_at(n->kind, file->raw.data, bad), row,
                                   bad / channels % (size_t)n->size[1], bad % channels);
        }
    }
    for (size_t i = 0; channels == 4 && i < pixels; i++) {
        memmove(rgb + 3 * i, rgb + 4 * i, 3);
    }
    out->rgb[which] = rgb;
    out->height[which] = (int)n->size[0];
    out->width[which] = (int)n->size[1];
    return ALM_OK;
}

/* As h5py's "in": the link is there and leads somewhere. A hard one does. */
static bool is_there(hid_t group, const char *name)
{
    H5L_info_t link;
    return H5Lexists(group, name, H5P_DEFAULT) > 0 &&
           ((H5Lget_info(group, name, &link, H5P_DEFAULT) >= 0 && link.type == H5L_TYPE_HARD) ||
            H5Oexists_by_name(group, name, H5P_DEFAULT) != 0);
}

static alm_status read_pages(almi_hdf5 *file, hid_t group, const char *key, almi_asset *out)
{
    const almi_place object = {.group = "objs", .key = key};
    const int first = file->lineart_first ? 1 : 0;
    int style = -1;
    for (int i = 0; i < 2 && style < 0; i++) {
        const char *const *names = page_names[i == 0 ? first : 1 - first];
        if (is_there(group, names[0]) && is_there(group, names[1])) {
            style = i == 0 ? first : 1 - first;
        }
    }
    if (style < 0) {
        almi_hdf5_forget();
        return almi_place_fail(&object, "has no complete pair of pages (image_base_* and "
                                        "image_assemble_*, freestyle or lineart)");
    }
    for (int which = 0; which < 2; which++) {
        const almi_place place = {.group = "objs", .key = key, .name = page_names[style][which]};
        almi_numbers n;
        ALM_TRY(almi_numbers_open(file, group, &place, 3, &n));
        const alm_status status = load_page(file, &n, &place, which, out);
        H5Dclose(n.dataset);
        ALM_TRY(status);
    }
    return ALM_OK;
}

/* ---- Category */

/* The bytes of a scalar string to file->category. */
static alm_status load_category(almi_hdf5 *file, hid_t dataset, hid_t type, const almi_place *place,
                                size_t *bytes)
{
    const size_t size = H5Tget_size(type);
    if (H5Tis_variable_str(type) > 0) {
        char *text = NULL;
        if (H5Dread(dataset, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, &text) < 0) {
            return almi_hdf5_read_failed(dataset, place);
        }
        *bytes = text ? strlen(text) : 0;
        const alm_status status = almi_block_reserve(&file->category, *bytes + 1, "a category");
        if (status == ALM_OK && text) {
            memcpy(file->category.data, text, *bytes);
        }
        H5free_memory(text);
        return status;
    }
    ALM_TRY(check_memory(file, place, size, 1));
    ALM_TRY(almi_block_reserve(&file->category, size, "a category"));
    if (H5Dread(dataset, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, file->category.data) < 0) {
        return almi_hdf5_read_failed(dataset, place);
    }
    *bytes = H5Tget_strpad(type) == H5T_STR_NULLTERM ? strnlen(file->category.data, size) : size;
    return ALM_OK;
}

static alm_status check_category(almi_hdf5 *file, hid_t dataset, const almi_place *place,
                                 size_t *bytes)
{
    const hid_t space = H5Dget_space(dataset);
    const bool is_scalar = space >= 0 && H5Sget_simple_extent_type(space) == H5S_SCALAR;
    H5Sclose(space);
    const hid_t type = H5Dget_type(dataset);
    if (type < 0) {
        return almi_hdf5_fail(place, "cannot be read");
    }
    const H5T_class_t kind = H5Tget_class(type);
    alm_status status;
    if (kind != H5T_STRING) {
        status = almi_place_fail(place, "holds %s, expected a string", almi_hdf5_class_name(kind));
    } else if (!is_scalar) {
        status = almi_place_fail(place, "is an array, expected one string");
    } else {
        status = load_category(file, dataset, type, place, bytes);
    }
    H5Tclose(type);
    return status;
}

static alm_status stored_category(almi_hdf5 *file, hid_t group, const almi_place *place,
                                  almi_asset *out)
{
    hid_t dataset;
    size_t bytes = 0;
    ALM_TRY(almi_hdf5_dataset(file, group, place, &dataset));
    const alm_status status = check_category(file, dataset, place, &bytes);
    H5Dclose(dataset);
    ALM_TRY(status);
    char *text = file->category.data;
    bytes = alm_asset_decode(&text, bytes);
    out->category = text;
    out->category_bytes = alm_asset_strip(&out->category, bytes);
    for (size_t i = 0; i < out->category_bytes; i++) {
        if (out->category[i] == '\0') {
            return almi_place_fail(place, "has a NUL in it, expected text");
        }
    }
    if (out->category_bytes > ALM_DATASET_NAME_BYTES) {
        return almi_place_fail(place, "has %zu bytes, more than %d", out->category_bytes,
                               ALM_DATASET_NAME_BYTES);
    }
    return ALM_OK;
}

static alm_status read_category(almi_hdf5 *file, hid_t group, const char *key, almi_asset *out)
{
    const almi_place place = {.group = "objs", .key = key, .name = "category"};
    if (is_there(group, place.name)) {
        ALM_TRY(stored_category(file, group, &place, out));
    } else {
        almi_hdf5_forget();
        out->category = key;
        out->category_bytes = alm_asset_family(key, strlen(key));
    }
    if (out->category_bytes == 0) {
        out->category = ALM_ASSET_UNLABELED;
        out->category_bytes = strlen(out->category);
    }
    return ALM_OK;
}

/* ---- */

static void trim(almi_block *block)
{
    if (block->capacity > KEEP_BYTES) {
        alm_free(block->data);
        *block = (almi_block){0};
    }
}

static void give_back(almi_hdf5 *file)
{
    trim(&file->raw);
    trim(&file->category);
    for (int i = 0; i < 2; i++) {
        trim(&file->cloud[i]);
        trim(&file->rgb[i]);
    }
    if (++file->assets % COLLECT_EVERY == 0) {
        H5garbage_collect();
    }
}

alm_status almi_hdf5_asset(almi_hdf5 *file, const char *key, unsigned parts, almi_asset *out)
{
    const almi_place place = {.group = "objs", .key = key};
    almi_asset asset = {0};
    hid_t group;
    give_back(file);
    ALM_TRY(almi_hdf5_group(file->objs, &place, &group));
    alm_status status = ALM_OK;
    for (int i = 0; i < 2 && status == ALM_OK && (parts & ALM_ASSET_CLOUDS); i++) {
        status = read_cloud(file, group, key, i, &asset);
    }
    if (status == ALM_OK && (parts & ALM_ASSET_PAGES)) {
        status = read_pages(file, group, key, &asset);
    }
    if (status == ALM_OK && (parts & ALM_ASSET_CATEGORY)) {
        status = read_category(file, group, key, &asset);
    }
    H5Gclose(group);
    if (status == ALM_OK) {
        *out = asset;
    }
    return status;
}
