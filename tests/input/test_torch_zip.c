/* The container of .pt files: every field of a good zip broken, one at a time, and every length. */
#include <stdlib.h>

#include "runtime/input/torch_zip.h"
#include "tests/input/torch_file.h"
#include "tests/shim/alm_test.h"

static const craft_tensor two_by_three = {
    .type = "FloatStorage", .key = "0", .values = 6, .rank = 2, .size = {2, 3}, .stride = {3, 1}};

/* A good file with the tensor "w" [2, 3]; the zip's records are in *z. */
static craft *make(craft_style style, craft_zip *z)
{
    craft *c = calloc(1, sizeof *c), *pickle = calloc(1, sizeof *pickle);
    craft_pickle_one(pickle, "w", &two_by_three);
    *z = craft_archive(c, style, pickle, 24);
    free(pickle);
    return c;
}

/* Parsed from a block of its own, so that a sanitizer sees a read past the end. */
static alm_status parse(const uint8_t *data, size_t bytes, int *tensors)
{
    uint8_t *copy = malloc(bytes ? bytes : 1);
    alm_tensor_list list = {0};
    memcpy(copy, data, bytes);
    const alm_status status = alm_torch_zip_parse(copy, bytes, "f.pt", &list);
    *tensors = (int)list.count;
    /* Whatever is accepted lies inside of the file. */
    for (size_t i = 0; status == ALM_OK && i < list.count; i++) {
        const alm_stored_tensor *t = &list.tensor[i];
        ALM_CHECK(t->data >= copy && t->data <= copy + bytes);
    }
    alm_tensor_list_free(&list);
    free(copy);
    return status;
}

static void expect(const craft *c, const char *text)
{
    int tensors;
    alm_error_clear();
    ALM_CHECK_STATUS(parse(c->data, c->count, &tensors), ALM_STATUS_MODEL);
    ALM_CHECK_TEXT(alm_error_message(), text);
}

/* A good file with one number overwritten. */
static void expect_patched(craft_style style, size_t (*place)(const craft_zip *), uint64_t value,
                           int bytes, const char *text)
{
    craft_zip z;
    craft *c = make(style, &z);
    craft_patch(c, place(&z), value, bytes);
    expect(c, text);
    free(c);
}

#define PLACE(name, where)                                                                         \
    static size_t name(const craft_zip *z)                                                         \
    {                                                                                              \
        return where;                                                                              \
    }
PLACE(local_mark, z->local[2])
PLACE(local_flags, z->local[2] + 6)
PLACE(local_method, z->local[2] + 8)
PLACE(local_crc, z->local[2] + 14)
PLACE(local_bytes, z->local[2] + 22)
PLACE(local_name_bytes, z->local[2] + 26)
PLACE(local_extra_bytes, z->local[2] + 28)
PLACE(local_name, z->local[2] + 30)
PLACE(central_mark, z->central[2])
PLACE(central_flags, z->central[2] + 8)
PLACE(central_method, z->central[2] + 10)
PLACE(central_crc, z->central[2] + 16)
PLACE(central_packed, z->central[2] + 20)
PLACE(central_bytes, z->central[2] + 24)
PLACE(central_name_bytes, z->central[2] + 28)
PLACE(central_extra_bytes, z->central[2] + 30)
PLACE(central_disk, z->central[2] + 34)
PLACE(central_begin, z->central[2] + 42)
PLACE(central_name, z->central[2] + 46)
PLACE(pickle_crc, z->central[0] + 16)
PLACE(pickle_byte, z->data[0] + 8)
PLACE(order_byte, z->data[1])
PLACE(end_mark, z->end)
PLACE(end_disk, z->end + 4)
PLACE(end_entries, z->end + 10)
PLACE(end_both_entries, z->end + 8)
PLACE(end_bytes, z->end + 12)
PLACE(end_begin, z->end + 16)
PLACE(locator_mark, z->locator)
PLACE(locator_at, z->locator + 8)
PLACE(locator_disks, z->locator + 16)
PLACE(end64_bytes, z->end64 + 4)
PLACE(end64_entries, z->end64 + 32)
PLACE(end64_disk, z->end64 + 16)
PLACE(end64_begin, z->end64 + 48)
PLACE(end64_directory, z->end64 + 40)

ALM_TEST(torch_zip, reads_every_style)
{
    static const craft_style styles[] = {CRAFT_PLAIN, CRAFT_ZIP64, CRAFT_LATER};
    for (size_t i = 0; i < 3; i++) {
        craft_zip z;
        craft *c = make(styles[i], &z);
        int tensors;
        ALM_CHECK_STATUS(parse(c->data, c->count, &tensors), ALM_OK);
        ALM_CHECK_INT(tensors, 1);
        free(c);
    }
}

ALM_TEST(torch_zip, refuses_every_length)
{
    static const craft_style styles[] = {CRAFT_PLAIN, CRAFT_ZIP64, CRAFT_LATER};
    for (size_t i = 0; i < 3; i++) {
        craft_zip z;
        craft *c = make(styles[i], &z);
        for (size_t n = 0; n < c->count; n++) {
            int tensors;
            ALM_CHECK_STATUS(parse(c->data, n, &tensors), ALM_STATUS_MODEL);
            ALM_CHECK_TEXT(alm_error_message(),
                           n < 4 ? "f.pt: is no zip file, as torch.save writes it"
                                 : "f.pt: is cut short: the zip file has no end record");
        }
        free(c);
    }
}

ALM_TEST(torch_zip, refuses_what_comes_behind)
{
    craft_zip z;
    craft *c = make(CRAFT_PLAIN, &z);
    craft_text(c, "x");
    expect(c, "f.pt: is cut short: the zip file has no end record");
    /* As a comment it is part of the zip. */
    craft_patch(c, z.end + 20, 1, 2);
    int tensors;
    ALM_CHECK_STATUS(parse(c->data, c->count, &tensors), ALM_OK);
    free(c);
}

ALM_TEST(torch_zip, refuses_what_is_no_zip)
{
    craft *c = calloc(1, sizeof *c);
    /* torch's format before 1.6 begins with a pickle of a magic number. */
    craft_text(c, "\x80\x02\x8A\nl\xFC\x9C\x46\xF9 j\xA8P\x19.");
    expect(c, "f.pt: is no zip file, as torch.save writes it since version 1.6");
    free(c);
}

ALM_TEST(torch_zip, refuses_wrong_end_records)
{
    expect_patched(CRAFT_PLAIN, end_mark, 0, 4, "f.pt: is cut short");
    expect_patched(CRAFT_PLAIN, end_disk, 1, 2, "f.pt: the zip file is split over several disks");
    expect_patched(CRAFT_PLAIN, end_entries, 2, 2,
                   "f.pt: the zip file is split over several disks");
    expect_patched(CRAFT_PLAIN, end_both_entries, 0x00020002, 4,
                   "bytes follow the zip's directory entries");
    expect_patched(CRAFT_PLAIN, end_both_entries, 0x00040004, 4,
                   "f.pt: 4 entries in the zip's directory of ");
    expect_patched(CRAFT_PLAIN, end_both_entries, 0xFFFFFFFF, 4, "65535 entries in the zip's");
    expect_patched(CRAFT_PLAIN, end_bytes, 1, 4, "f.pt: the zip's directory has 1 bytes at ");
    expect_patched(CRAFT_PLAIN, end_begin, 0, 4, " bytes at 0, its end record is at ");
    expect_patched(CRAFT_PLAIN, end_begin, 0xFFFFFFFF, 4, " bytes at 4294967295, ");
}

ALM_TEST(torch_zip, refuses_wrong_zip64_records)
{
    expect_patched(CRAFT_ZIP64, locator_mark, 0, 4, "f.pt: the zip's directory has 4294967295");
    expect_patched(CRAFT_ZIP64, locator_at, 0, 8, "f.pt: no zip64 end record at 0");
    expect_patched(CRAFT_ZIP64, locator_at, UINT64_MAX, 8, "f.pt: no zip64 end record at 18446744");
    expect_patched(CRAFT_ZIP64, locator_disks, 2, 4, "f.pt: the zip file is split over several");
    expect_patched(CRAFT_ZIP64, end64_bytes, 45, 8,
                   "the zip64 end record has 45 bytes, there are 44");
    expect_patched(CRAFT_ZIP64, end64_bytes, UINT64_MAX, 8,
                   "the zip64 end record has 18446744073709");
    expect_patched(CRAFT_ZIP64, end64_disk, 1, 4, "f.pt: the zip file is split over several disks");
    expect_patched(CRAFT_ZIP64, end64_entries, 4, 8, "f.pt: the zip file is split over several");
    expect_patched(CRAFT_ZIP64, end64_begin, UINT64_MAX, 8, "f.pt: the zip's directory has ");
    expect_patched(CRAFT_ZIP64, end64_directory, 1, 8, "f.pt: the zip's directory has 1 bytes at ");
    /* The short record may tell too, but must tell the same. */
    expect_patched(CRAFT_ZIP64, end_both_entries, 0x00020002, 4,
                   "f.pt: the zip's end records disagree: entries 2 and 3");
    expect_patched(CRAFT_ZIP64, end_bytes, 7, 4,
                   "f.pt: the zip's end records disagree: directory bytes 7 and ");
    expect_patched(CRAFT_ZIP64, end_begin, 7, 4,
                   "f.pt: the zip's end records disagree: directory at 7 and ");
}

ALM_TEST(torch_zip, refuses_wrong_directory_entries)
{
    expect_patched(CRAFT_PLAIN, central_mark, 0, 4, "f.pt: no entry of the zip's directory at ");
    expect_patched(CRAFT_PLAIN, central_flags, 1, 2, "f.pt: entry r/data/0: is encrypted");
    expect_patched(CRAFT_PLAIN, central_flags, 0x40, 2,
                   "f.pt: entry r/data/0: has flags that are not known");
    expect_patched(CRAFT_PLAIN, central_method, 8, 2,
                   "f.pt: entry r/data/0: is compressed (method 8), torch.save stores");
    expect_patched(CRAFT_PLAIN, central_packed, 23, 4,
                   "f.pt: entry r/data/0: is stored, but its two sizes differ");
    expect_patched(CRAFT_PLAIN, central_bytes, 1 << 30, 4,
                   "f.pt: entry r/data/0: is stored, but its two sizes differ");
    expect_patched(CRAFT_PLAIN, central_name_bytes, 0xFFFF, 2, "leaves the zip's directory");
    expect_patched(CRAFT_PLAIN, central_extra_bytes, 0xFFFF, 2, "leaves the zip's directory");
    expect_patched(CRAFT_PLAIN, central_disk, 1, 2, "f.pt: entry r/data/0: is on another disk");
    expect_patched(CRAFT_PLAIN, central_begin, 1, 4,
                   "f.pt: entry r/data/0: the zip's directory tells a wrong place");
    expect_patched(CRAFT_PLAIN, central_begin, 0xFFFFFFFF, 4,
                   "f.pt: entry r/data/0: the zip's directory tells a wrong place");
    expect_patched(CRAFT_PLAIN, central_name, 0, 1, "its name is empty or holds a NUL");
    expect_patched(CRAFT_PLAIN, central_crc, 1, 4,
                   "f.pt: entry r/data/0: its local header differs from the zip's directory");
}

ALM_TEST(torch_zip, refuses_wrong_local_headers)
{
    static const char differs[] =
        "f.pt: entry r/data/0: its local header differs from the zip's directory";
    expect_patched(CRAFT_PLAIN, local_mark, 0, 4,
                   "f.pt: entry r/data/0: the zip's directory tells a wrong place");
    expect_patched(CRAFT_PLAIN, local_flags, 0x800, 2, differs);
    expect_patched(CRAFT_PLAIN, local_method, 8, 2, differs);
    expect_patched(CRAFT_PLAIN, local_crc, 1, 4, differs);
    expect_patched(CRAFT_PLAIN, local_bytes, 23, 4, differs);
    expect_patched(CRAFT_PLAIN, local_name_bytes, 7, 2, differs);
    expect_patched(CRAFT_PLAIN, local_name, 'x', 1, differs);
    expect_patched(CRAFT_PLAIN, local_extra_bytes, 1, 2, "its data do not end before the zip's");
    expect_patched(CRAFT_PLAIN, local_name_bytes, 0xFFFF, 2,
                   "its data do not end before the zip's");
}

ALM_TEST(torch_zip, refuses_entries_that_overlap)
{
    /* The third entry is the second one again, with what its header says. */
    craft_zip z;
    craft *c = make(CRAFT_PLAIN, &z);
    const craft before = *c;
    memcpy(c->data + z.central[2] + 10, before.data + z.central[1] + 10, 36);
    c->data[z.central[2] + 28] = 8; /* the name's length stays */
    expect(c, "f.pt: entry r/data/0: its local header differs from the zip's directory");
    /* An entry whose data reach over the next one: its sizes in both headers. */
    *c = before;
    craft_patch(c, z.central[1] + 20, 6 + 20, 4);
    craft_patch(c, z.central[1] + 24, 6 + 20, 4);
    craft_patch(c, z.local[1] + 18, 6 + 20, 4);
    craft_patch(c, z.local[1] + 22, 6 + 20, 4);
    expect(c, "f.pt: entry r/data/0: overlaps another entry");
    free(c);
}

/* The same bytes listed twice, which readers of zips understand differently. */
ALM_TEST(torch_zip, refuses_two_entries_of_one_name)
{
    craft *c = calloc(1, sizeof *c);
    const craft_entry entries[] = {{"r/data.pkl", "N.", 2}, {"r/x", "1", 1}, {"r/x", "2", 1}};
    craft_zip_add(c, CRAFT_PLAIN, entries, 3);
    expect(c, "f.pt: entry r/x: is there twice");
    free(c);
}

ALM_TEST(torch_zip, refuses_a_wrong_crc)
{
    craft_zip z;
    craft *c = make(CRAFT_LATER, &z);
    craft_patch(c, pickle_crc(&z), 0x12345678, 4);
    expect(c, "f.pt: entry r/data.pkl: its CRC is ");
    ALM_CHECK_TEXT(alm_error_message(), "the directory says 12345678");
    free(c);
    expect_patched(CRAFT_PLAIN, pickle_byte, 0, 1, "f.pt: entry r/data.pkl: its CRC is ");
}

ALM_TEST(torch_zip, refuses_big_endian_storages)
{
    expect_patched(CRAFT_PLAIN, order_byte, 'L', 1,
                   "f.pt: its byteorder is Little, expected little");
    craft *c = calloc(1, sizeof *c);
    const craft_entry entries[] = {{"r/data.pkl", "N.", 2}, {"r/byteorder", "big", 3}};
    craft_zip_add(c, CRAFT_PLAIN, entries, 2);
    expect(c, "f.pt: its byteorder is big, expected little");
    free(c);
}

ALM_TEST(torch_zip, wants_one_pickle)
{
    craft *c = calloc(1, sizeof *c);
    const craft_entry none[] = {{"r/data", "N.", 2}, {"data.pkl", "N.", 2}};
    craft_zip_add(c, CRAFT_PLAIN, none, 2);
    expect(c, "f.pt: has no data.pkl, expected a file of torch.save");
    const craft_entry two[] = {{"r/data.pkl", "N.", 2}, {"s/data.pkl", "N.", 2}};
    c->count = 0;
    craft_zip_add(c, CRAFT_PLAIN, two, 2);
    expect(c, "f.pt: has several data.pkl");
    char name[400];
    memset(name, 'r', sizeof name);
    strcpy(name + 300, "/data.pkl");
    const craft_entry far[] = {{name, "N.", 2}};
    c->count = 0;
    craft_zip_add(c, CRAFT_PLAIN, far, 1);
    expect(c, "f.pt: its folder's name has 301 bytes, the limit is 256");
    c->count = 0;
    craft_zip_add(c, CRAFT_PLAIN, none, 0);
    expect(c, "f.pt: has no data.pkl, expected a file of torch.save");
    free(c);
}

/* Fields of 64 bits in the directory and in the local header, for sizes beyond 4 GB. */
ALM_TEST(torch_zip, reads_zip64_fields)
{
    craft *c = calloc(1, sizeof *c), *pickle = calloc(1, sizeof *pickle);
    craft_pickle_one(pickle, "w", &two_by_three);
    craft_zip z = craft_archive(c, CRAFT_PLAIN, pickle, 24);
    /* The last directory entry is written again with its sizes and its place in a zip64 field. */
    c->count = z.central[2] + 46 + 8;
    craft_patch(c, z.central[2] + 30, 28, 2);
    craft_patch(c, z.central[2] + 20, UINT64_MAX, 8);
    craft_patch(c, z.central[2] + 42, 0xFFFFFFFF, 4);
    craft_number(c, 1, 2);
    craft_number(c, 24, 2);
    craft_number(c, 24, 8);
    craft_number(c, 24, 8);
    craft_number(c, z.local[2], 8);
    const size_t end = c->count;
    craft_text(c, "PK\5\6");
    craft_number(c, 0, 4);
    craft_number(c, 0x00030003, 4);
    craft_number(c, end - z.directory, 4);
    craft_number(c, z.directory, 4);
    craft_number(c, 0, 2);
    int tensors;
    ALM_CHECK_STATUS(parse(c->data, c->count, &tensors), ALM_OK);
    ALM_CHECK_INT(tensors, 1);
    craft_patch(c, end - 26, 25, 2);
    expect(c, "f.pt: entry r/data/0: its extra field is longer than its header says");
    craft_patch(c, end - 26, 23, 2);
    expect(c, "f.pt: entry r/data/0: its zip64 field is too short");
    free(c);
    free(pickle);
}

/* One to three bytes changed, sometimes the end cut off: any answer but a crash. */
ALM_TEST(torch_zip, survives_mutations)
{
    static const craft_style styles[] = {CRAFT_PLAIN, CRAFT_ZIP64, CRAFT_LATER};
    static const uint8_t values[] = {0, 1, 0x7F, 0x80, 0xFF, 'R', 't', '(', 'Q'};
    for (int i = 0; i < 6000; i++) {
        craft_zip z;
        craft *c = make(styles[i % 3], &z);
        int tensors;
        for (uint64_t k = alm_test_random() % 3 + 1; k > 0; k--) {
            c->data[alm_test_random() % c->count] = alm_test_random() % 2
                                                        ? (uint8_t)alm_test_random()
                                                        : values[alm_test_random() % sizeof values];
        }
        const size_t bytes = alm_test_random() % 8 ? c->count : alm_test_random() % c->count;
        const alm_status status = parse(c->data, bytes, &tensors);
        ALM_CHECK(status == ALM_OK || status == ALM_STATUS_MODEL);
        free(c);
    }
}

/* The pickle changed under a right CRC, so that the changes reach the interpreter. */
ALM_TEST(torch_zip, survives_mutations_of_the_pickle)
{
    craft *pickle = calloc(1, sizeof *pickle), *c = calloc(1, sizeof *c);
    for (int i = 0; i < 6000; i++) {
        int tensors;
        pickle->count = c->count = 0;
        craft_pickle_one(pickle, "w", &two_by_three);
        for (uint64_t k = alm_test_random() % 3 + 1; k > 0; k--) {
            pickle->data[alm_test_random() % pickle->count] = (uint8_t)alm_test_random();
        }
        craft_archive(c, CRAFT_PLAIN, pickle, 24);
        const alm_status status = parse(c->data, c->count, &tensors);
        ALM_CHECK(status == ALM_OK || status == ALM_STATUS_MODEL);
    }
    free(pickle);
    free(c);
}
