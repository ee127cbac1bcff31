/* Reads the directory of a zip file (zip.h): the end records, then each entry in the directory and
 * at its place, which must say the same. Field numbers are those of APPNOTE.TXT 4.3.
 */
#include "runtime/input/zip.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "kernels/core/memory.h"

/* Sizes and signatures of the records (APPNOTE.TXT 4.3). */
enum {
    LOCAL_BYTES = 30,
    CENTRAL_BYTES = 46,
    END_BYTES = 22,
    END64_BYTES = 56,
    LOCATOR_BYTES = 20,
    COMMENT_LIMIT = 0xFFFF,
    EXTRA_ZIP64 = 1
};
static const uint32_t local_mark = 0x04034B50, central_mark = 0x02014B50, end_mark = 0x06054B50,
                      end64_mark = 0x06064B50, locator_mark = 0x07064B50;

/* Flags: 3: sizes and CRC come after the data (the directory has them too), 11: names are UTF-8. */
enum { FLAG_ENCRYPTED = 1, FLAG_LATER = 1 << 3, FLAG_UTF8 = 1 << 11 };

static const uint32_t see_zip64 = 0xFFFFFFFF;

typedef struct input {
    const uint8_t *data;
    size_t bytes;
    const char *file;
} input;

/* The central directory. */
typedef struct directory {
    uint64_t begin, end, count;
} directory;

static uint64_t number(const uint8_t *at, int bytes)
{
    uint64_t n = 0;
    for (int i = bytes - 1; i >= 0; i--) {
        n = n << 8 | at[i];
    }
    return n;
}

static uint16_t u16(const uint8_t *at)
{
    return (uint16_t)number(at, 2);
}

static uint32_t u32(const uint8_t *at)
{
    return (uint32_t)number(at, 4);
}

/* The end record is what ends the file together with its comment. */
static alm_status find_end(const input *in, uint64_t *out)
{
    const size_t least =
        in->bytes < END_BYTES + COMMENT_LIMIT ? 0 : in->bytes - END_BYTES - COMMENT_LIMIT;
    for (size_t at = in->bytes < END_BYTES ? 0 : in->bytes - END_BYTES + 1; at > least; at--) {
        const uint8_t *record = in->data + at - 1;
        if (u32(record) == end_mark && u16(record + 20) == in->bytes - END_BYTES - (at - 1)) {
            *out = at - 1;
            return ALM_OK;
        }
    }
    if (in->bytes >= 4 && u32(in->data) == local_mark) {
        return alm_fail(ALM_STATUS_MODEL, "%s: is cut short: the zip file has no end record",
                        in->file);
    }
    return alm_fail(ALM_STATUS_MODEL,
                    "%s: is no zip file, as torch.save writes it since version 1.6", in->file);
}

static alm_status disagree(const input *in, const char *what, uint64_t a, uint64_t b)
{
    return alm_fail(ALM_STATUS_MODEL, "%s: the zip's end records disagree: %s %llu and %llu",
                    in->file, what, (unsigned long long)a, (unsigned long long)b);
}

/* Replaces what the short end record could not say, and checks what it did. */
static alm_status read_end64(const input *in, uint64_t end, directory *d, uint64_t *bytes)
{
    const uint8_t *locator = in->data + end - LOCATOR_BYTES;
    const uint64_t at = number(locator + 8, 8);
    if (number(locator + 4, 4) != 0 || number(locator + 16, 4) > 1) {
        return alm_fail(ALM_STATUS_MODEL, "%s: the zip file is split over several disks", in->file);
    }
    if (at > end - LOCATOR_BYTES - END64_BYTES || u32(in->data + at) != end64_mark) {
        return alm_fail(ALM_STATUS_MODEL, "%s: no zip64 end record at %llu", in->file,
                        (unsigned long long)at);
    }
    const uint8_t *record = in->data + at;
    const uint64_t rest = number(record + 4, 8);
    if (rest != end - LOCATOR_BYTES - at - 12) {
        return alm_fail(ALM_STATUS_MODEL, "%s: the zip64 end record has %llu bytes, there are %llu",
                        in->file, (unsigned long long)rest,
                        (unsigned long long)(end - LOCATOR_BYTES - at - 12));
    }
    const directory wide = {
        .begin = number(record + 48, 8), .end = at, .count = number(record + 32, 8)};
    if (u32(record + 16) != 0 || u32(record + 20) != 0 || number(record + 24, 8) != wide.count) {
        return alm_fail(ALM_STATUS_MODEL, "%s: the zip file is split over several disks", in->file);
    }
    if (d->count != 0xFFFF && d->count != wide.count) {
        return disagree(in, "entries", d->count, wide.count);
    }
    if (*bytes != see_zip64 && *bytes != number(record + 40, 8)) {
        return disagree(in, "directory bytes", *bytes, number(record + 40, 8));
    }
    if (d->begin != see_zip64 && d->begin != wide.begin) {
        return disagree(in, "directory at", d->begin, wide.begin);
    }
    *bytes = number(record + 40, 8);
    *d = wide;
    return ALM_OK;
}

static alm_status find_directory(const input *in, directory *out)
{
    uint64_t end;
    ALM_TRY(find_end(in, &end));
    const uint8_t *record = in->data + end;
    directory d = {.begin = u32(record + 16), .end = end, .count = u16(record + 10)};
    uint64_t bytes = u32(record + 12);
    if (u16(record + 4) != 0 || u16(record + 6) != 0 || u16(record + 8) != d.count) {
        return alm_fail(ALM_STATUS_MODEL, "%s: the zip file is split over several disks", in->file);
    }
    if (end >= LOCATOR_BYTES + END64_BYTES && u32(record - LOCATOR_BYTES) == locator_mark) {
        ALM_TRY(read_end64(in, end, &d, &bytes));
    }
    if (d.begin > d.end || d.end - d.begin != bytes) {
        return alm_fail(ALM_STATUS_MODEL,
                        "%s: the zip's directory has %llu bytes at %llu, its end record is at %llu",
                        in->file, (unsigned long long)bytes, (unsigned long long)d.begin,
                        (unsigned long long)d.end);
    }
    if (d.count > ALM_ZIP_ENTRIES || d.count > bytes / CENTRAL_BYTES) {
        return alm_fail(ALM_STATUS_MODEL,
                        "%s: %llu entries in the zip's directory of %llu bytes, the limit is %d",
                        in->file, (unsigned long long)d.count, (unsigned long long)bytes,
                        ALM_ZIP_ENTRIES);
    }
    *out = d;
    return ALM_OK;
}

/* ---- Entries --------------------------------------------------------------------------------- */

/* What a central or a local header says about an entry. */
typedef struct header {
    uint16_t flags, method;
    uint32_t crc;
    uint64_t packed, bytes, begin;
    const char *name;
    size_t name_bytes;
} header;

static alm_status wrong(const input *in, const header *h, const char *what)
{
    return alm_fail(ALM_STATUS_MODEL, "%s: entry %.*s: %s", in->file,
                    (int)(h->name_bytes > 200 ? 200 : h->name_bytes), h->name, what);
}

/* Takes the 64-bit values for those of the three that are too large for 32 bits, in their order.
 * begin NULL: a local header, which has none. */
static alm_status read_extra(const input *in, header *h, const uint8_t *extra, size_t bytes,
                             uint64_t *begin)
{
    uint64_t *const fields[] = {&h->bytes, &h->packed, begin};
    for (size_t at = 0; at + 4 <= bytes;) {
        const size_t size = u16(extra + at + 2);
        if (size > bytes - at - 4) {
            return wrong(in, h, "its extra field is longer than its header says");
        }
        if (u16(extra + at) == EXTRA_ZIP64) {
            size_t used = 0;
            for (int i = 0; i < 3; i++) {
                if (fields[i] && *fields[i] == see_zip64) {
                    if (used + 8 > size) {
                        return wrong(in, h, "its zip64 field is too short");
                    }
                    *fields[i] = number(extra + at + 4 + used, 8);
                    used += 8;
                }
            }
            return ALM_OK;
        }
        at += 4 + size;
    }
    return ALM_OK;
}

static alm_status check_header(const input *in, const header *h)
{
    if (h->name_bytes == 0 || memchr(h->name, '\0', h->name_bytes)) {
        return wrong(in, h, "its name is empty or holds a NUL");
    }
    if (h->flags & FLAG_ENCRYPTED) {
        return wrong(in, h, "is encrypted");
    }
    if (h->method != 0) {
        return alm_fail(ALM_STATUS_MODEL,
                        "%s: entry %.*s: is compressed (method %d), torch.save stores", in->file,
                        (int)(h->name_bytes > 200 ? 200 : h->name_bytes), h->name, h->method);
    }
    if (h->flags & ~(FLAG_LATER | FLAG_UTF8)) {
        return wrong(in, h, "has flags that are not known");
    }
    if (h->packed != h->bytes) {
        return wrong(in, h, "is stored, but its two sizes differ");
    }
    return ALM_OK;
}

static alm_status read_central(const input *in, const directory *d, uint64_t *at, header *out)
{
    if (d->end - *at < CENTRAL_BYTES || u32(in->data + *at) != central_mark) {
        return alm_fail(ALM_STATUS_MODEL, "%s: no entry of the zip's directory at %llu", in->file,
                        (unsigned long long)*at);
    }
    const uint8_t *r = in->data + *at;
    const size_t name = u16(r + 28), extra = u16(r + 30), comment = u16(r + 32);
    if (d->end - *at - CENTRAL_BYTES < name + extra + comment) {
        return alm_fail(ALM_STATUS_MODEL, "%s: the entry at %llu leaves the zip's directory",
                        in->file, (unsigned long long)*at);
    }
    *out = (header){.flags = u16(r + 8),
                    .method = u16(r + 10),
                    .crc = u32(r + 16),
                    .packed = u32(r + 20),
                    .bytes = u32(r + 24),
                    .begin = u32(r + 42),
                    .name = (const char *)r + CENTRAL_BYTES,
                    .name_bytes = name};
    if (u16(r + 34) != 0) {
        return wrong(in, out, "is on another disk");
    }
    ALM_TRY(read_extra(in, out, r + CENTRAL_BYTES + name, extra, &out->begin));
    *at += CENTRAL_BYTES + name + extra + comment;
    return check_header(in, out);
}

/* Both headers must tell the same, or other programs would read another file than we do. */
static alm_status check_local(const input *in, const directory *d, const header *central,
                              alm_zip_entry *out)
{
    const uint64_t at = central->begin;
    if (at > d->begin || d->begin - at < LOCAL_BYTES || u32(in->data + at) != local_mark) {
        return wrong(in, central, "the zip's directory tells a wrong place");
    }
    const uint8_t *r = in->data + at;
    header local = {.flags = u16(r + 6),
                    .method = u16(r + 8),
                    .crc = u32(r + 14),
                    .packed = u32(r + 18),
                    .bytes = u32(r + 22),
                    .name = (const char *)r + LOCAL_BYTES,
                    .name_bytes = u16(r + 26)};
    const size_t extra = u16(r + 28);
    const uint64_t room = d->begin - at - LOCAL_BYTES;
    if (room < local.name_bytes + extra || room - local.name_bytes - extra < central->bytes) {
        return wrong(in, central, "its data do not end before the zip's directory");
    }
    ALM_TRY(read_extra(in, &local, r + LOCAL_BYTES + local.name_bytes, extra, NULL));
    const bool later = (local.flags & FLAG_LATER) != 0;
    const bool has_none = later && local.packed == 0 && local.bytes == 0;
    if (local.flags != central->flags || local.method != central->method ||
        local.name_bytes != central->name_bytes ||
        memcmp(local.name, central->name, local.name_bytes) != 0 ||
        (local.crc != central->crc && !(later && local.crc == 0)) ||
        ((local.packed != central->packed || local.bytes != central->bytes) && !has_none)) {
        return wrong(in, central, "its local header differs from the zip's directory");
    }
    *out = (alm_zip_entry){.name = central->name,
                           .name_bytes = central->name_bytes,
                           .data = r + LOCAL_BYTES + local.name_bytes + extra,
                           .bytes = (size_t)central->bytes,
                           .crc = central->crc,
                           .begin = at};
    return ALM_OK;
}

static int by_begin(const void *a, const void *b)
{
    const alm_zip_entry *x = a, *y = b;
    return x->begin < y->begin ? -1 : x->begin > y->begin;
}

static int compare_names(const char *a, size_t a_bytes, const char *b, size_t b_bytes)
{
    const int order = memcmp(a, b, a_bytes < b_bytes ? a_bytes : b_bytes);
    return order ? order : a_bytes < b_bytes ? -1 : a_bytes > b_bytes;
}

static int by_name(const void *a, const void *b)
{
    const alm_zip_entry *x = a, *y = b;
    return compare_names(x->name, x->name_bytes, y->name, y->name_bytes);
}

static alm_status read_entries(const input *in, const directory *d, alm_zip *zip)
{
    uint64_t at = d->begin;
    for (; zip->count < d->count; zip->count++) {
        header h;
        ALM_TRY(read_central(in, d, &at, &h));
        ALM_TRY(check_local(in, d, &h, &zip->entry[zip->count]));
    }
    if (at != d->end) {
        return alm_fail(ALM_STATUS_MODEL, "%s: %llu bytes follow the zip's directory entries",
                        in->file, (unsigned long long)(d->end - at));
    }
    qsort(zip->entry, zip->count, sizeof *zip->entry, by_begin);
    for (size_t i = 1; i < zip->count; i++) {
        const alm_zip_entry *before = &zip->entry[i - 1], *e = &zip->entry[i];
        if (in->data + e->begin < before->data + before->bytes) {
            return alm_fail(ALM_STATUS_MODEL, "%s: entry %.*s: overlaps another entry", in->file,
                            (int)(e->name_bytes > 200 ? 200 : e->name_bytes), e->name);
        }
    }
    qsort(zip->entry, zip->count, sizeof *zip->entry, by_name);
    for (size_t i = 1; i < zip->count; i++) {
        const alm_zip_entry *e = &zip->entry[i];
        if (by_name(e - 1, e) == 0) {
            return alm_fail(ALM_STATUS_MODEL, "%s: entry %.*s: is there twice", in->file,
                            (int)(e->name_bytes > 200 ? 200 : e->name_bytes), e->name);
        }
    }
    return ALM_OK;
}

alm_status alm_zip_parse(const void *data, size_t bytes, const char *file, alm_zip *out)
{
    const input in = {.data = data, .bytes = bytes, .file = file};
    alm_zip zip = {.file = file};
    directory d;
    ALM_TRY(find_directory(&in, &d));
    ALM_TRY(alm_alloc((size_t)d.count, sizeof *zip.entry, "entries of a zip file", &zip.entry));
    const alm_status status = read_entries(&in, &d, &zip);
    if (status != ALM_OK) {
        alm_zip_free(&zip);
        return status;
    }
    *out = zip;
    return ALM_OK;
}

void alm_zip_free(alm_zip *zip)
{
    alm_free(zip->entry);
    *zip = (alm_zip){0};
}

const alm_zip_entry *alm_zip_find(const alm_zip *zip, const char *name, size_t name_bytes)
{
    const alm_zip_entry key = {.name = name, .name_bytes = name_bytes};
    return bsearch(&key, zip->entry, zip->count, sizeof *zip->entry, by_name);
}

alm_status alm_zip_check(const alm_zip *zip, const alm_zip_entry *entry)
{
    const uint32_t crc = (uint32_t)crc32_z(crc32_z(0, NULL, 0), entry->data, entry->bytes);
    if (crc != entry->crc) {
        return alm_fail(
            ALM_STATUS_MODEL, "%s: entry %.*s: its CRC is %08x, the directory says %08x", zip->file,
            (int)(entry->name_bytes > 200 ? 200 : entry->name_bytes), entry->name, crc, entry->crc);
    }
    return ALM_OK;
}
