/* State files and folders: where they are looked for, what is copied, shards that do not fit. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "kernels/core/numeric.h"
#include "runtime/input/state.h"
#include "tests/input/torch_file.h"
#include "tests/shim/alm_test.h"

static const craft_tensor vector = {
    .type = "FloatStorage", .key = "0", .values = 12, .rank = 1, .size = {12}, .stride = {1}};

/* A new folder, its name in a place of its own: that of alm_test_folder is used again. */
typedef struct folder_name {
    char path[256];
} folder_name;

static folder_name new_folder(void)
{
    folder_name f;
    snprintf(f.path, sizeof f.path, "%s", alm_test_folder());
    return f;
}

/* A .pt with one tensor; storage bytes 0, 1, 2, ... */
static void write_torch(const char *path, const char *name, const craft_tensor *t, size_t bytes)
{
    craft *c = calloc(1, sizeof *c), *pickle = calloc(1, sizeof *pickle);
    craft_pickle_one(pickle, name, t);
    craft_archive(c, CRAFT_ZIP64, pickle, bytes);
    alm_test_write(path, c->data, c->count);
    free(pickle);
    free(c);
}

/* A safetensors file of U8 tensors with two values each. */
static void write_safetensors(const char *path, const char *const *names, size_t count)
{
    craft c = {.count = 8};
    for (size_t i = 0; i < count; i++) {
        char entry[200];
        snprintf(entry, sizeof entry,
                 "%s\"%s\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[%zu,%zu]}",
                 i ? "," : "{", names[i], 2 * i, 2 * i + 2);
        craft_text(&c, entry);
    }
    craft_text(&c, "}");
    craft_patch(&c, 0, c.count - 8, 8);
    for (size_t i = 0; i < 2 * count; i++) {
        craft_number(&c, i, 1);
    }
    alm_test_write(path, c.data, c.count);
}

static void write_text(const char *path, const char *text)
{
    alm_test_write(path, text, strlen(text));
}

static void expect(const char *path, const char *text)
{
    alm_state *state;
    ALM_CHECK_STATUS(alm_state_open(path, &state), ALM_STATUS_MODEL);
    ALM_CHECK_TEXT(alm_error_message(), text);
    ALM_CHECK_TEXT(alm_error_param(), "model");
}

/* Opens and expects the path and one tensor. */
static void expect_found(const char *folder, const char *path, const char *tensor)
{
    alm_state *state;
    const alm_status status = alm_state_open(folder, &state);
    if (status != ALM_OK) {
        ALM_FAIL("%s: %s", folder, alm_error_message());
        return;
    }
    ALM_CHECK_TEXT(alm_state_path(state), path);
    ALM_CHECK(alm_state_find(state, tensor) != NULL);
    ALM_CHECK(alm_state_find(state, "module.w") == NULL);
    alm_state_close(state);
}

ALM_TEST(state, looks_in_order)
{
    static const char *const index_tensor[] = {"in_shard"}, *const single[] = {"single"};
    const folder_name home = new_folder();
    const char *folder = home.path;
    expect(folder, ": no state file, expected pytorch_model/*.pt, *.pt, "
                   "model.safetensors.index.json or model.safetensors");
    write_safetensors(alm_test_path(folder, "model.safetensors"), single, 1);
    expect_found(folder, "/model.safetensors", "single");
    write_safetensors(alm_test_path(folder, "s.safetensors"), index_tensor, 1);
    write_text(alm_test_path(folder, "model.safetensors.index.json"),
               "{\"weight_map\":{\"in_shard\":\"s.safetensors\"}}");
    expect_found(folder, "/model.safetensors.index.json", "in_shard");
    write_torch(alm_test_path(folder, "beside.pt"), "beside", &vector, 48);
    expect_found(folder, "/beside.pt", "beside");
    write_torch(alm_test_path(folder, ".hidden.pt"), "hidden", &vector, 48);
    expect_found(folder, "/beside.pt", "beside");
    unlink(alm_test_path(folder, "beside.pt"));
    mkdir(alm_test_path(folder, "pytorch_model"), 0777);
    expect_found(folder, "/model.safetensors.index.json", "in_shard");
    write_torch(alm_test_path(folder, "pytorch_model/mp.pt"), "module.w", &vector, 48);
    expect_found(folder, "/pytorch_model/mp.pt", "w");
    /* One file may be named whatever the folder holds. */
    expect_found(alm_test_path(folder, "s.safetensors"), "/s.safetensors", "in_shard");
    write_torch(alm_test_path(folder, "pytorch_model/optim.pt"), "o", &vector, 48);
    expect(folder, ": another state file beside ");
    expect_found(alm_test_path(folder, "pytorch_model/mp.pt"), "/mp.pt", "w");
}

ALM_TEST(state, refuses_what_is_no_file)
{
    const folder_name home = new_folder();
    const char *folder = home.path;
    expect("/nonexistent/model", "/nonexistent/model: No such file or directory");
    write_text(alm_test_path(folder, "x.txt"), "x");
    expect(alm_test_path(folder, "x.txt"),
           "x.txt: is no state file, expected .pt, .safetensors or");
    write_text(alm_test_path(folder, "empty.pt"), "");
    expect(alm_test_path(folder, "empty.pt"), "empty.pt: is empty");
    mkfifo(alm_test_path(folder, "pipe.safetensors"), 0666);
    expect(alm_test_path(folder, "pipe.safetensors"), "pipe.safetensors: is no regular file");
    mkdir(alm_test_path(folder, "model.safetensors"), 0777);
    unlink(alm_test_path(folder, "empty.pt"));
    expect(folder, "model.safetensors: is no regular file");
}

/* ---- Shards ---------------------------------------------------------------------------------- */

/* Two shards with a and b, c; and the index text that fits. */
static folder_name make_shards(void)
{
    static const char *const first[] = {"a"}, *const second[] = {"c", "module.b"};
    const folder_name home = new_folder();
    const char *folder = home.path;
    write_safetensors(alm_test_path(folder, "model-1.safetensors"), first, 1);
    write_safetensors(alm_test_path(folder, "model-2.safetensors"), second, 2);
    return home;
}

static void expect_index(const char *folder, const char *text, const char *message)
{
    write_text(alm_test_path(folder, "model.safetensors.index.json"), text);
    expect(folder, message);
}

ALM_TEST(state, reads_shards)
{
    const folder_name home = make_shards();
    const char *folder = home.path;
    write_text(alm_test_path(folder, "model.safetensors.index.json"),
               "{\"weight_map\":{\"a\":\"model-1.safetensors\",\"b\":\"model-2.safetensors\","
               "\"module.c\":\"model-2.safetensors\"}}");
    alm_state *state;
    struct stat one, two;
    ALM_REQUIRE_OK(alm_state_open(folder, &state));
    ALM_CHECK_INT(alm_state_count(state), 3);
    for (int i = 0; i < 3; i++) {
        static const char *const names[] = {"a", "b", "c"};
        static const uint8_t first[] = {0, 2, 0};
        const alm_state_tensor *t = alm_state_at(state, i);
        ALM_CHECK_TEXT(t->name, names[i]);
        ALM_CHECK_INT(((const uint8_t *)t->data)[0], first[i]);
        for (int k = 0; k < i; k++) {
            ALM_CHECK(alm_state_at(state, k)->storage != t->storage);
        }
    }
    ALM_CHECK(stat(alm_test_path(folder, "model-1.safetensors"), &one) == 0);
    ALM_CHECK(stat(alm_test_path(folder, "model-2.safetensors"), &two) == 0);
    ALM_CHECK_INT(alm_state_file_bytes(state), one.st_size + two.st_size);
    alm_state_prefetch(state);
    alm_state_close(state);
}

/* As in the cache of Hugging Face: a plain name that is a link to elsewhere. */
ALM_TEST(state, follows_links_of_plain_names)
{
    static const char *const names[] = {"a"};
    const folder_name home = new_folder(), other = new_folder();
    const char *folder = home.path, *elsewhere = other.path;
    write_safetensors(alm_test_path(elsewhere, "blob"), names, 1);
    ALM_REQUIRE(symlink(alm_test_path(elsewhere, "blob"),
                        alm_test_path(folder, "model-1.safetensors")) == 0);
    write_text(alm_test_path(folder, "model.safetensors.index.json"),
               "{\"weight_map\":{\"a\":\"model-1.safetensors\"}}");
    expect_found(folder, "/model.safetensors.index.json", "a");
}

ALM_TEST(state, refuses_shards_that_do_not_fit)
{
    const folder_name home = make_shards();
    const char *folder = home.path;
    expect_index(
        folder,
        "{\"weight_map\":{\"a\":\"model-1.safetensors\",\"b\":\"model-2.safetensors\","
        "\"c\":\"model-3.safetensors\"}}",
        "model-2.safetensors: tensor c is here, the index puts it into model-3.safetensors");
    expect_index(folder,
                 "{\"weight_map\":{\"a\":\"model-1.safetensors\",\"b\":\"model-2.safetensors\"}}",
                 "model-2.safetensors: tensor c is not in the index ");
    expect_index(folder,
                 "{\"weight_map\":{\"a\":\"model-1.safetensors\",\"b\":\"model-2.safetensors\","
                 "\"c\":\"model-2.safetensors\",\"d\":\"model-2.safetensors\"}}",
                 "model.safetensors.index.json: tensor d is not in model-2.safetensors");
    expect_index(folder, "{\"weight_map\":{\"a\":\"model-1.safetensors\"}}",
                 "/model-2.safetensors: a shard that the index does not name");
    expect_index(folder, "{\"weight_map\":{\"a\":\"../model-1.safetensors\"}}",
                 "a: shard ../model-1.safetensors is no plain file name");
    unlink(alm_test_path(folder, "model-2.safetensors"));
    expect_index(folder,
                 "{\"weight_map\":{\"a\":\"model-1.safetensors\",\"b\":\"model-2.safetensors\"}}",
                 "/model-2.safetensors: No such file or directory");
    write_text(alm_test_path(folder, "model-2.safetensors"), "x");
    expect(folder, "/model-2.safetensors: 1 bytes, a safetensors file has at least 8");
}

/* ---- Values ---------------------------------------------------------------------------------- */

static alm_state *open_one(const craft_tensor *t, size_t bytes)
{
    const char *path = alm_test_path(alm_test_folder(), "x.pt");
    alm_state *state = NULL;
    write_torch(path, "w", t, bytes);
    ALM_CHECK_STATUS(alm_state_open(path, &state), ALM_OK);
    return state;
}

ALM_TEST(state, packs_strided_tensors)
{
    /* Storage bytes 0 ... 23 as U8 [2, 3, 4]; axes turned around and a corner cut out. */
    const craft_tensor t = {.type = "ByteStorage",
                            .key = "0",
                            .values = 24,
                            .offset = 1,
                            .rank = 3,
                            .size = {3, 2, 2},
                            .stride = {1, 12, 4}};
    alm_state *state = open_one(&t, 24);
    ALM_REQUIRE(state != NULL);
    const alm_state_tensor *w = alm_state_at(state, 0);
    for (int i = 0; i < 12; i++) {
        const int a = i / 4, b = i / 2 % 2, c = i % 2;
        ALM_CHECK_INT(((const uint8_t *)w->data)[i], 1 + a + 12 * b + 4 * c);
    }
    alm_state_close(state);
}

/* Strides of dimensions with one element mean nothing. */
ALM_TEST(state, views_what_is_packed)
{
    const craft_tensor t = {.type = "ByteStorage",
                            .key = "0",
                            .values = 24,
                            .offset = 2,
                            .rank = 3,
                            .size = {4, 1, 3},
                            .stride = {3, 77, 1}};
    alm_state *state = open_one(&t, 24);
    ALM_REQUIRE(state != NULL);
    const uint8_t *values = alm_state_at(state, 0)->data;
    ALM_CHECK_INT(values[0], 2);
    ALM_CHECK_INT(values[11], 13);
    ALM_CHECK_INT(values[-1], 1); /* the storage itself, not a copy */
    alm_state_close(state);
}

ALM_TEST(state, widens_half_and_narrows_double)
{
    craft_tensor t = {
        .type = "HalfStorage", .key = "0", .values = 12, .rank = 1, .size = {12}, .stride = {1}};
    alm_state *state = open_one(&t, 24);
    ALM_REQUIRE(state != NULL);
    const alm_state_tensor *w = alm_state_at(state, 0);
    ALM_CHECK(w->stored == ALM_DTYPE_F16 && w->desc.dtype == ALM_DTYPE_F32);
    for (int i = 0; i < 12; i++) {
        const uint16_t bits = (uint16_t)(2 * i | (2 * i + 1) << 8);
        ALM_CHECK(((const float *)w->data)[i] == alm_f16_to_f32(bits));
    }
    ALM_CHECK((uintptr_t)w->data % 4 == 0);
    alm_state_close(state);
    t.type = "DoubleStorage";
    t.values = t.size[0] = 3;
    state = open_one(&t, 24);
    ALM_REQUIRE(state != NULL);
    w = alm_state_at(state, 0);
    ALM_CHECK(w->stored == ALM_DTYPE_F64 && w->desc.dtype == ALM_DTYPE_F32);
    for (int i = 0; i < 3; i++) {
        uint8_t bytes[8];
        double value;
        for (int k = 0; k < 8; k++) {
            bytes[k] = (uint8_t)(8 * i + k);
        }
        memcpy(&value, bytes, sizeof value);
        ALM_CHECK(((const float *)w->data)[i] == (float)value);
    }
    alm_state_close(state);
}

/* The crafted zip does not align its storages: four-byte values must be copied to where they can be
 * read. */
ALM_TEST(state, aligns_values)
{
    static const char *const names[] = {"w", "wx", "wxy", "wxyz"};
    for (int i = 0; i < 4; i++) {
        const char *path = alm_test_path(alm_test_folder(), "x.pt");
        alm_state *state;
        write_torch(path, names[i], &vector, 48);
        ALM_REQUIRE_OK(alm_state_open(path, &state));
        const alm_state_tensor *w = alm_state_at(state, 0);
        ALM_CHECK_INT((uintptr_t)w->data % 4, 0);
        ALM_CHECK_INT(((const uint8_t *)w->data)[47], 47);
        alm_state_close(state);
    }
}

/* A thousand strided views of one storage must not take a thousand times its memory. */
ALM_TEST(state, limits_copies)
{
    static craft c, pickle;
    static uint8_t values[32768];
    const craft_tensor t = {.type = "ByteStorage",
                            .key = "0",
                            .values = sizeof values,
                            .rank = 2,
                            .size = {2, sizeof values / 2},
                            .stride = {1, 2}};
    const char *path = alm_test_path(alm_test_folder(), "x.pt");
    craft_text(&pickle, "}");
    for (int i = 0; i < 100; i++) {
        char name[16];
        snprintf(name, sizeof name, "w%d", i);
        craft_string(&pickle, name);
        craft_rebuild(&pickle, &t);
        craft_text(&pickle, "s");
    }
    craft_text(&pickle, ".");
    const craft_entry entries[] = {{"r/data.pkl", pickle.data, pickle.count},
                                   {"r/data/0", values, sizeof values}};
    craft_zip_add(&c, CRAFT_PLAIN, entries, 2);
    alm_test_write(path, c.data, c.count);
    expect(path,
           "tensors that are strided, not aligned or of another format take more than 4 times "
           "the file's ");
}

/* ---- The golden file ------------------------------------------------------------------------- */

ALM_TEST(state, reads_the_golden_file)
{
    alm_state *state;
    ALM_REQUIRE_OK(alm_state_open(alm_test_golden("tiny/model"), &state));
    ALM_CHECK_INT(alm_state_count(state), 266);
    const alm_state_tensor *head = alm_state_find(state, "pvlm_interface.vlm.lm_head.weight");
    const alm_state_tensor *embedding =
        alm_state_find(state, "pvlm_interface.vlm.model.language_model.embed_tokens.weight");
    ALM_REQUIRE(head && embedding);
    ALM_CHECK(head->storage == embedding->storage && head->data == embedding->data);
    /* First bits that the golden data's README prints. */
    const alm_state_tensor *fc2 = alm_state_find(state, "pose_regression_head.model.fc2.weight");
    char text[ALM_DESC_TEXT];
    ALM_REQUIRE(fc2 != NULL);
    ALM_CHECK_TEXT(alm_desc_text(&fc2->desc, text), "BF16 [9, 128]");
    static const uint16_t bits[] = {0xbc4e, 0x3d94, 0xbc43, 0x3d90};
    ALM_CHECK(memcmp(fc2->data, bits, sizeof bits) == 0);
    int storages = 0;
    for (int i = 0; i < alm_state_count(state); i++) {
        const alm_state_tensor *t = alm_state_at(state, i);
        ALM_CHECK(t->desc.dtype == ALM_DTYPE_BF16 && t->stored == ALM_DTYPE_BF16);
        ALM_CHECK(i == 0 || strcmp(alm_state_at(state, i - 1)->name, t->name) < 0);
        storages += alm_state_find(state, t->name) == t;
    }
    ALM_CHECK_INT(storages, 266);
    alm_state_close(state);
}

/* Cut off at many places and with bytes changed near its pickle and directory. */
ALM_TEST(state, survives_a_damaged_golden_file)
{
    const folder_name home = new_folder();
    const char *path = alm_test_path(home.path, "x.pt");
    size_t bytes;
    uint8_t *data = alm_test_read(
        alm_test_golden("tiny/model/pytorch_model/mp_rank_00_model_states.pt"), &bytes);
    ALM_REQUIRE(data != NULL);
    for (int i = 0; i < 40; i++) {
        alm_state *state;
        const size_t at = alm_test_random() % (i % 2 ? 47000 : bytes);
        const uint8_t before = data[at];
        data[at] ^= (uint8_t)(1u << alm_test_random() % 8);
        alm_test_write(path, data, bytes);
        const alm_status status = alm_state_open(path, &state);
        ALM_CHECK(status == ALM_OK || status == ALM_STATUS_MODEL);
        if (status == ALM_OK) {
            alm_state_close(state);
        }
        data[at] = before;
    }
    for (size_t n = 1; n < bytes; n += bytes / 20) {
        alm_state *state;
        alm_test_write(path, data, n);
        ALM_CHECK_STATUS(alm_state_open(path, &state), ALM_STATUS_MODEL);
    }
    free(data);
}

ALM_TEST(state, closes_nothing)
{
    alm_state_close(NULL);
}
