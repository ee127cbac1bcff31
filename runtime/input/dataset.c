/* The parent's side of a dataset: which requests are on their way, what their answers are worth,
 * and what happens when the child is lost.
 *
 * Requests wait in a ring, and the child works on the oldest. When it is lost, that one fails and a
 * new child gets the others. Nothing that the child sends is believed: it may be a stranger by now.
 */
#include "runtime/input/dataset.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "kernels/core/memory.h"
#include "runtime/input/dataset_link.h"
#include "runtime/input/utf8.h"

enum {
    MEMORY_MB = 1024, /* defaults */
    SECONDS = 60,
    LIST_FACTOR = 4, /* opening and listing may take so much longer */
    SECONDS_MOST = 100000,
    KEY_SHOWN = 200
};

/* A request that is not answered yet. */
typedef struct flight {
    uint32_t serial, kind, parts;
    char *text; /* key or split; kept from one request to the next */
    size_t bytes, room;
    bool posted; /* given to the child that runs now */
} flight;

struct alm_dataset {
    char *path;     /* as given, for messages */
    char *resolved; /* absolute, so that a new child finds it again */
    struct stat identity;
    almi_child child;
    almi_link link;
    alm_dataset_info info;
    uint32_t serial;
    flight ring[ALM_DATASET_FLIGHT];
    int first, count;
};

bool alm_dataset_is_lineart(const char *name)
{
    const char *slash = strrchr(name, '/');
    static const char wanted[] = "twobytwo";
    for (const char *at = slash ? slash + 1 : name; *at; at++) {
        if (strncasecmp(at, wanted, sizeof wanted - 1) == 0) {
            return true;
        }
    }
    return false;
}

/* ---- Failures */

/* "<file>: <request>: <text>"; request may be NULL. */
ALM_PRINTF(3, 4)
static alm_status fail(const alm_dataset *d, const flight *request, const char *format, ...)
{
    char text[ALMI_MESSAGE_BYTES + 1];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    if (!request) {
        return alm_fail(ALM_STATUS_SAMPLE, "%s: %s", d->path, text);
    }
    return alm_fail(ALM_STATUS_SAMPLE, "%s: %s/%.*s%s: %s", d->path,
                    request->kind == ALMI_LIST ? "split" : "objs", KEY_SHOWN, request->text,
                    request->bytes > KEY_SHOWN ? "..." : "", text);
}

/* The child is of no use any more. */
static alm_status fail_lost(alm_dataset *d, const flight *request, almi_outcome outcome,
                            int seconds)
{
    char how[ALMI_DEATH_BYTES];
    if (outcome == ALMI_LATE) {
        almi_link_stop(&d->link, NULL);
        return fail(d, request, "was not read within %d s", seconds);
    }
    almi_link_stop(&d->link, how);
    return fail(d, request, "the process that read it %s", how);
}

static alm_status fail_nonsense(alm_dataset *d, const flight *request, const char *what)
{
    almi_link_stop(&d->link, NULL);
    return fail(d, request, "the process that read it sent %s", what);
}

/* ---- Children */

/* The answer says that the request failed: the stranger's message. */
static alm_status take_refusal(alm_dataset *d, const flight *request, const almi_answer *answer,
                               int *left_ms, int seconds)
{
    char text[ALMI_MESSAGE_BYTES + 1];
    if (answer->status != ALM_STATUS_SAMPLE && answer->status != ALM_STATUS_INTERNAL) {
        return fail_nonsense(d, request, "an unknown status");
    }
    if (answer->message_bytes == 0 || answer->message_bytes > ALMI_MESSAGE_BYTES) {
        return fail_nonsense(d, request, "a message of a wrong length");
    }
    const almi_outcome outcome = almi_link_get(&d->link, text, answer->message_bytes, left_ms);
    if (outcome != ALMI_DONE) {
        return fail_lost(d, request, outcome, seconds);
    }
    text[answer->message_bytes] = '\0';
    return fail(d, NULL, "%s", text);
}

static bool same_file(const struct stat *a, const struct stat *b)
{
    return a->st_dev == b->st_dev && a->st_ino == b->st_ino && a->st_size == b->st_size &&
           a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

static alm_status check_info(alm_dataset *d, const almi_answer *answer)
{
    for (int i = 0; i < 4; i++) {
        if (answer->size[i] > ALM_DATASET_NAMES) {
            return fail_nonsense(d, NULL, "a count beyond its limit");
        }
    }
    if (!d->child.is_first) { /* the file is the same; this child has not counted its objects */
        return ALM_OK;
    }
    d->info = (alm_dataset_info){.objects = (int64_t)answer->size[0],
                                 .train = (int64_t)answer->size[1],
                                 .test = (int64_t)answer->size[2],
                                 .abandon = (int64_t)answer->size[3]};
    return ALM_OK;
}

/* Starts a child, which opens the file. */
static alm_status start(alm_dataset *d)
{
    struct stat now;
    if (stat(d->resolved, &now) != 0) {
        return fail(d, NULL, "%s", strerror(errno));
    }
    if (!same_file(&now, &d->identity)) {
        return fail(d, NULL, "has changed since it was opened");
    }
    d->child.is_first = d->link.children == 0;
    ALM_TRY(almi_link_start(&d->link, &d->child));
    for (int i = 0; i < d->count; i++) {
        d->ring[(d->first + i) % ALM_DATASET_FLIGHT].posted = false;
    }
    const int seconds = d->child.list_seconds;
    int left_ms = seconds * 1000;
    almi_answer answer;
    const almi_outcome outcome = almi_link_get(&d->link, &answer, sizeof answer, &left_ms);
    if (outcome != ALMI_DONE) {
        return fail_lost(d, NULL, outcome, seconds);
    }
    if (answer.serial != 0) {
        return fail_nonsense(d, NULL, "an answer to another request");
    }
    if (answer.status != ALM_OK) {
        const alm_status status = take_refusal(d, NULL, &answer, &left_ms, seconds);
        almi_link_stop(&d->link, NULL);
        return status;
    }
    return check_info(d, &answer);
}

/* ---- Requests */

static void drop_first(alm_dataset *d)
{
    d->first = (d->first + 1) % ALM_DATASET_FLIGHT;
    d->count--;
}

/* Gives the child what it does not have yet. */
static alm_status post(alm_dataset *d)
{
    for (int i = 0; i < d->count; i++) {
        flight *f = &d->ring[(d->first + i) % ALM_DATASET_FLIGHT];
        if (!f->posted) {
            const almi_request request = {.serial = f->serial,
                                          .kind = f->kind,
                                          .parts = f->parts,
                                          .bytes = (uint32_t)f->bytes};
            ALM_TRY(almi_link_send(&d->link, &request, f->text));
            f->posted = true;
        }
    }
    return ALM_OK;
}

static alm_status ask(alm_dataset *d, uint32_t kind, const char *text, size_t bytes, unsigned parts)
{
    if (d->count == ALM_DATASET_FLIGHT) {
        return alm_fail(ALM_STATUS_USAGE, "%s: %d requests are in flight, that is the most",
                        d->path, ALM_DATASET_FLIGHT);
    }
    flight *f = &d->ring[(d->first + d->count) % ALM_DATASET_FLIGHT];
    ALM_TRY(alm_reserve(bytes + 1, 1, "a key", &f->text, &f->room));
    memcpy(f->text, text, bytes);
    f->text[bytes] = '\0';
    f->bytes = bytes;
    f->kind = kind;
    f->parts = parts;
    f->posted = false;
    f->serial = ++d->serial ? d->serial : ++d->serial; /* 0 is the opening */
    d->count++;
    if (d->link.pid != 0) {
        const alm_status status = post(d);
        if (status != ALM_OK) {
            d->count--;
            return status;
        }
    }
    return ALM_OK;
}

/* Whether no byte of the oldest request has left, nor of those behind it. */
static bool is_unsent(const alm_dataset *d)
{
    size_t bytes = 0;
    for (int i = 0; i < d->count; i++) {
        bytes += sizeof(almi_request) + d->ring[(d->first + i) % ALM_DATASET_FLIGHT].bytes;
    }
    return d->link.out_end - d->link.out_at == bytes;
}

/* The head of the answer to the oldest request. On an error the request is dropped. */
static alm_status await(alm_dataset *d, almi_answer *answer, int *left_ms, int *seconds)
{
    flight *f = &d->ring[d->first];
    *seconds = f->kind == ALMI_LIST ? d->child.list_seconds : d->child.seconds;
    alm_status status = ALM_OK;
    for (bool again = true; status == ALM_OK; again = false) {
        if (d->link.pid == 0) {
            status = start(d);
        }
        if (status == ALM_OK) {
            status = post(d);
        }
        if (status != ALM_OK) {
            break;
        }
        *left_ms = *seconds * 1000;
        const almi_outcome outcome = almi_link_get(&d->link, answer, sizeof *answer, left_ms);
        if (outcome == ALMI_DONE && answer->serial != f->serial) {
            status = fail_nonsense(d, f, "an answer to another request");
        } else if (outcome == ALMI_DONE && answer->status != ALM_OK) {
            status = take_refusal(d, f, answer, left_ms, *seconds);
        } else if (outcome == ALMI_DONE) {
            return ALM_OK;
        } else if (outcome == ALMI_DEAD && again && is_unsent(d)) {
            /* It was gone before it could get the request, which is not to blame. */
            almi_link_stop(&d->link, NULL);
        } else {
            status = fail_lost(d, f, outcome, *seconds);
        }
    }
    drop_first(d);
    return status;
}

/* ---- Splits */

void alm_dataset_split_free(alm_dataset_split *split)
{
    if (split) {
        alm_names *all[] = {&split->keys, &split->missing_names, &split->abandoned_names};
        for (int i = 0; i < 3; i++) {
            alm_free(all[i]->offset);
            alm_free(all[i]->text);
        }
        *split = (alm_dataset_split){0};
    }
}

/* Whether an object can have this name. */
static bool is_key(const char *text, size_t bytes)
{
    return bytes > 0 && bytes <= ALM_DATASET_NAME_BYTES && !memchr(text, '/', bytes) &&
           !(bytes == 1 && text[0] == '.');
}

/* Finds the names in the text; NULL when all is well, else what is wrong. */
static const char *index_names(alm_names *names, size_t bytes, bool are_keys)
{
    size_t at = 0;
    if (alm_utf8_check(names->text, bytes) != bytes) {
        return "names that are not UTF-8";
    }
    for (int64_t i = 0; i < names->count; i++) {
        const char *end = at < bytes ? memchr(names->text + at, '\0', bytes - at) : NULL;
        if (!end) {
            return "fewer names than it says";
        }
        const size_t length = (size_t)(end - names->text) - at;
        if (length > ALM_DATASET_NAME_BYTES || (are_keys && !is_key(names->text + at, length))) {
            return "a name that none can be";
        }
        names->offset[i] = at;
        at += length + 1;
    }
    return at == bytes ? NULL : "more names than it says";
}

/* One of the three lists. */
static alm_status take_names(alm_dataset *d, const flight *f, uint64_t count, uint64_t bytes,
                             bool are_keys, int *left_ms, int seconds, alm_names *out)
{
    if (count > ALM_DATASET_NAMES || bytes > ALMI_NAMES_BYTES || bytes < count) {
        return fail_nonsense(d, f, "a count beyond its limit");
    }
    alm_status status = alm_alloc((size_t)count, sizeof *out->offset, "names", &out->offset);
    if (status == ALM_OK) {
        status = alm_alloc((size_t)bytes, 1, "names", &out->text);
    }
    if (status != ALM_OK) {
        almi_link_stop(&d->link, NULL); /* the rest of the answer has no place to go */
        return status;
    }
    const almi_outcome outcome = almi_link_get(&d->link, out->text, (size_t)bytes, left_ms);
    if (outcome != ALMI_DONE) {
        return fail_lost(d, f, outcome, seconds);
    }
    out->count = (int64_t)count;
    const char *wrong = index_names(out, (size_t)bytes, are_keys);
    return wrong ? fail_nonsense(d, f, wrong) : ALM_OK;
}

alm_status alm_dataset_split_read(alm_dataset *d, const char *split, alm_dataset_split *out)
{
    if (strcmp(split, "train") != 0 && strcmp(split, "test") != 0) {
        return alm_fail(ALM_STATUS_USAGE, "split %s: expected train or test", split);
    }
    if (d->count > 0) {
        return alm_fail(ALM_STATUS_USAGE, "%s: %d assets are in flight, expected none", d->path,
                        d->count);
    }
    almi_answer answer;
    int left_ms, seconds;
    ALM_TRY(ask(d, ALMI_LIST, split, strlen(split), 0));
    const flight *f = &d->ring[d->first];
    ALM_TRY(await(d, &answer, &left_ms, &seconds));
    alm_dataset_split found = {0};
    alm_names *all[] = {&found.keys, &found.missing_names, &found.abandoned_names};
    alm_status status = ALM_OK;
    for (int i = 0; i < 3 && status == ALM_OK; i++) {
        status = take_names(d, f, answer.size[2 * i], answer.size[2 * i + 1], i == 0, &left_ms,
                            seconds, all[i]);
    }
    found.count = found.keys.count;
    found.missing = found.missing_names.count;
    found.abandoned = found.abandoned_names.count;
    found.listed = split[1] == 'r' ? d->info.train : d->info.test;
    if (status == ALM_OK && found.listed != found.count + found.missing + found.abandoned) {
        status = fail_nonsense(d, f, "another number of names than when it was opened");
    }
    drop_first(d);
    if (status != ALM_OK) {
        alm_dataset_split_free(&found);
        return status;
    }
    *out = found;
    return ALM_OK;
}

/* ---- Assets */

void alm_asset_free(alm_asset *asset)
{
    if (asset) {
        alm_free(asset->moving);
        alm_free(asset->fixed);
        alm_free(asset->category);
        alm_image_free(&asset->page[0]);
        alm_image_free(&asset->page[1]);
        *asset = (alm_asset){0};
    }
}

/* Holds nothing; keeps the blocks that can be used again. */
static void empty(alm_asset *asset)
{
    asset->moving_points = asset->fixed_points = 0;
    if (asset->category) {
        asset->category[0] = '\0';
    }
    alm_image_free(&asset->page[0]);
    alm_image_free(&asset->page[1]);
}

/* What is wrong with the sizes of the answer; NULL: nothing. */
static const char *check_asset(const almi_answer *a, unsigned parts)
{
    if (a->message_bytes != 0 || a->category_bytes > ALM_DATASET_NAME_BYTES ||
        (a->category_bytes != 0) != ((parts & ALM_ASSET_CATEGORY) != 0)) {
        return "a category of a wrong length";
    }
    for (int i = 0; i < 2; i++) {
        const uint64_t points = a->size[i], width = a->size[2 + 2 * i], height = a->size[3 + 2 * i];
        const bool has_cloud = (parts & ALM_ASSET_CLOUDS) != 0;
        const bool has_page = (parts & ALM_ASSET_PAGES) != 0;
        if (points > ALM_DATASET_POINTS || (points != 0) != has_cloud) {
            return "a cloud of a wrong size";
        }
        if (width > ALM_IMAGE_PIXELS || height > ALM_IMAGE_PIXELS || (width != 0) != has_page ||
            (height != 0) != has_page || width * height > ALM_IMAGE_PIXELS) {
            return "a page of a wrong size";
        }
    }
    return NULL;
}

/* Makes room for the answer in *out. */
static alm_status make_room(const almi_answer *a, alm_asset *out)
{
    const size_t moving = 3 * (size_t)a->size[0], fixed = 3 * (size_t)a->size[1];
    if (a->category_bytes > 0) {
        ALM_TRY(alm_reserve(a->category_bytes + 1, 1, "a category", &out->category,
                            &out->category_room));
    }
    if (moving > 0) {
        ALM_TRY(alm_reserve(moving, sizeof(float), "a cloud", &out->moving, &out->moving_room));
        ALM_TRY(alm_reserve(fixed, sizeof(float), "a cloud", &out->fixed, &out->fixed_room));
    }
    for (int i = 0; i < 2 && a->size[2] > 0; i++) {
        const size_t width = (size_t)a->size[2 + 2 * i], height = (size_t)a->size[3 + 2 * i];
        ALM_TRY(alm_alloc(width * height, 3, "a page", &out->page[i].rgb));
        out->page[i].width = (int)width;
        out->page[i].height = (int)height;
    }
    return ALM_OK;
}

static almi_outcome take_blocks(alm_dataset *d, const almi_answer *a, alm_asset *out, int *left_ms)
{
    const struct {
        void *to;
        size_t bytes;
    } block[] = {
        {out->category, a->category_bytes},
        {out->moving, (size_t)a->size[0] * 3 * sizeof(float)},
        {out->fixed, (size_t)a->size[1] * 3 * sizeof(float)},
        {out->page[0].rgb, (size_t)(a->size[2] * a->size[3]) * 3},
        {out->page[1].rgb, (size_t)(a->size[4] * a->size[5]) * 3},
    };
    almi_outcome outcome = ALMI_DONE;
    for (size_t i = 0; i < sizeof block / sizeof block[0] && outcome == ALMI_DONE; i++) {
        outcome = almi_link_get(&d->link, block[i].to, block[i].bytes, left_ms);
    }
    return outcome;
}

static alm_status take_asset(alm_dataset *d, const flight *f, const almi_answer *answer,
                             int *left_ms, int seconds, alm_asset *out)
{
    const char *wrong = check_asset(answer, f->parts);
    if (wrong) {
        return fail_nonsense(d, f, wrong);
    }
    const alm_status status = make_room(answer, out);
    if (status != ALM_OK) {
        almi_link_stop(&d->link, NULL); /* the rest of the answer has no place to go */
        return status;
    }
    const almi_outcome outcome = take_blocks(d, answer, out, left_ms);
    if (outcome != ALMI_DONE) {
        return fail_lost(d, f, outcome, seconds);
    }
    if (!almi_all_finite(out->moving, 3 * (size_t)answer->size[0]) ||
        !almi_all_finite(out->fixed, 3 * (size_t)answer->size[1])) {
        return fail_nonsense(d, f, "a point that is not finite");
    }
    const size_t bytes = answer->category_bytes;
    if (bytes > 0) {
        out->category[bytes] = '\0';
        if (alm_utf8_check(out->category, bytes) != bytes || strlen(out->category) != bytes) {
            return fail_nonsense(d, f, "a category that is no text");
        }
    }
    out->moving_points = (int64_t)answer->size[0];
    out->fixed_points = (int64_t)answer->size[1];
    return ALM_OK;
}

alm_status alm_dataset_request(alm_dataset *d, const char *key, unsigned parts)
{
    const size_t bytes = strnlen(key, ALM_DATASET_NAME_BYTES + 1);
    if (!is_key(key, bytes)) {
        return alm_fail(ALM_STATUS_SAMPLE, "%s: objs/%.*s: no object can have this name", d->path,
                        KEY_SHOWN, key);
    }
    return ask(d, ALMI_ASSET, key, bytes, parts);
}

alm_status alm_dataset_receive(alm_dataset *d, alm_asset *out)
{
    empty(out);
    if (d->count == 0) {
        return alm_fail(ALM_STATUS_USAGE, "%s: no asset is in flight", d->path);
    }
    almi_answer answer;
    int left_ms, seconds;
    const flight *f = &d->ring[d->first];
    ALM_TRY(await(d, &answer, &left_ms, &seconds));
    const alm_status status = take_asset(d, f, &answer, &left_ms, seconds, out);
    drop_first(d);
    if (status != ALM_OK) {
        empty(out);
    }
    return status;
}

alm_status alm_dataset_read(alm_dataset *d, const char *key, unsigned parts, alm_asset *out)
{
    empty(out);
    if (d->count > 0) {
        return alm_fail(ALM_STATUS_USAGE, "%s: %d assets are in flight, expected none", d->path,
                        d->count);
    }
    ALM_TRY(alm_dataset_request(d, key, parts));
    return alm_dataset_receive(d, out);
}

int alm_dataset_in_flight(const alm_dataset *d)
{
    return d->count;
}

/* ---- The whole */

static int seconds_of(const alm_dataset_limits *limits)
{
    const int seconds = limits && limits->seconds > 0 ? limits->seconds : SECONDS;
    return seconds < SECONDS_MOST ? seconds : SECONDS_MOST;
}

static alm_status find_file(alm_dataset *d)
{
    char *resolved = realpath(d->path, NULL);
    if (!resolved || stat(resolved, &d->identity) != 0) {
        const bool no_memory = errno == ENOMEM;
        const alm_status failed = fail(d, NULL, "%s", strerror(errno));
        const alm_status status = no_memory ? ALM_STATUS_MEMORY : failed;
        free(resolved);
        return status;
    }
    const alm_status status = alm_strdup(resolved, "a path", &d->resolved);
    free(resolved);
    ALM_TRY(status);
    if (!S_ISREG(d->identity.st_mode)) {
        return fail(d, NULL, "is not a regular file");
    }
    return d->identity.st_size == 0 ? fail(d, NULL, "is empty") : ALM_OK;
}

alm_status alm_dataset_open(const char *path, bool lineart_first, const alm_dataset_limits *limits,
                            alm_dataset **out)
{
    alm_dataset *d;
    ALM_TRY(alm_calloc(1, sizeof *d, "a dataset", &d));
    const size_t memory =
        limits && limits->memory_bytes > 0 ? limits->memory_bytes : (size_t)MEMORY_MB << 20;
    const int seconds = seconds_of(limits);
    alm_status status = alm_strdup(path, "a path", &d->path);
    if (status == ALM_OK) {
        status = find_file(d);
    }
    if (status == ALM_OK) {
        d->child = (almi_child){.path = d->resolved,
                                .lineart_first = lineart_first,
                                .memory_bytes = memory,
                                .seconds = seconds,
                                .list_seconds = LIST_FACTOR * seconds};
        status = start(d);
    }
    if (status != ALM_OK) {
        alm_dataset_close(d);
        return status;
    }
    *out = d;
    return ALM_OK;
}

void alm_dataset_close(alm_dataset *d)
{
    if (d) {
        almi_link_free(&d->link);
        for (int i = 0; i < ALM_DATASET_FLIGHT; i++) {
            alm_free(d->ring[i].text);
        }
        alm_free(d->resolved);
        alm_free(d->path);
        alm_free(d);
    }
}

const alm_dataset_info *alm_dataset_about(const alm_dataset *d)
{
    return &d->info;
}

int alm_dataset_child_id(const alm_dataset *d)
{
    return d->link.pid;
}

int64_t alm_dataset_children(const alm_dataset *d)
{
    return d->link.children;
}
