/* The child: killed, stopped, out of memory, without descriptors; requests ahead; what it may not
 * do; what it leaves behind. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/input/dataset_file.h"

#if defined(__SANITIZE_ADDRESS__)
#define IS_SANITIZED 1
#else
#define IS_SANITIZED 0
#endif

enum { ALL = ALM_ASSET_CLOUDS | ALM_ASSET_PAGES | ALM_ASSET_CATEGORY };

static alm_dataset *open_small(const alm_dataset_limits *limits)
{
    alm_dataset *d = NULL;
    const char *path = file_small(alm_test_path(alm_test_folder(), "small.hdf5"));
    if (alm_dataset_open(path, false, limits, &d) != ALM_OK) {
        ALM_FAIL("%s", alm_error_message());
    }
    return d;
}

/* ---- Ahead */

/* Object number i: i moving points; every seventh has none, which is an error. */
static const char *file_many(const char *path, int count)
{
    static char text[200][8];
    const char *names[200];
    dataset_file f = file_begin(path, false);
    for (int i = 0; i < count; i++) {
        snprintf(text[i], sizeof text[i], "n_%03d", i);
        names[i] = text[i];
        const hid_t group = file_group(&f, text[i]);
        const hsize_t size[2] = {(hsize_t)(i % 7 ? i : 0), 3}, one[2] = {1, 3};
        float *points = calloc((size_t)count * 3, sizeof *points);
        file_numbers(group, "partA-pc", H5T_IEEE_F32LE, 2, size, H5T_NATIVE_FLOAT, points);
        file_numbers(group, "base_partB-pc", H5T_IEEE_F32LE, 2, one, H5T_NATIVE_FLOAT, points);
        free(points);
        H5Gclose(group);
    }
    file_splits(&f, names, count);
    file_end(&f);
    return path;
}

static void check_many(alm_dataset *d, const alm_status status, int i, const alm_asset *asset)
{
    if (i % 7) {
        ALM_CHECK_STATUS(status, ALM_OK);
        ALM_CHECK_INT(asset->moving_points, i);
    } else {
        char key[16];
        snprintf(key, sizeof key, "objs/n_%03d/", i);
        ALM_CHECK_STATUS(status, ALM_STATUS_SAMPLE);
        ALM_CHECK_TEXT(alm_error_message(), key);
        ALM_CHECK_INT(asset->moving_points, 0);
    }
    (void)d;
}

ALM_TEST(dataset_process, requests_ahead_come_back_in_order)
{
    enum { COUNT = 150 };
    alm_dataset *d;
    alm_asset asset = {0};
    ALM_REQUIRE_OK(alm_dataset_open(file_many(alm_test_path(alm_test_folder(), "many.hdf5"), COUNT),
                                    false, NULL, &d));
    ALM_CHECK_STATUS(alm_dataset_receive(d, &asset), ALM_STATUS_USAGE);
    int asked = 0;
    for (int i = 0; i < COUNT; i++) {
        for (; asked < COUNT && asked < i + ALM_DATASET_FLIGHT; asked++) {
            char key[8];
            snprintf(key, sizeof key, "n_%03d", asked);
            ALM_REQUIRE_OK(alm_dataset_request(d, key, ALM_ASSET_CLOUDS));
        }
        if (i == 0) {
            alm_dataset_split split;
            ALM_CHECK_STATUS(alm_dataset_request(d, "n_000", ALM_ASSET_CLOUDS), ALM_STATUS_USAGE);
            ALM_CHECK_STATUS(alm_dataset_split_read(d, "test", &split), ALM_STATUS_USAGE);
            ALM_CHECK_STATUS(alm_dataset_read(d, "n_000", ALL, &asset), ALM_STATUS_USAGE);
        }
        if (i == 40) { /* what is asked for at this moment is what may be lost */
            kill(alm_dataset_child_id(d), SIGKILL);
        }
        const alm_status status = alm_dataset_receive(d, &asset);
        if (i >= 40 && status != ALM_OK && strstr(alm_error_message(), "was killed by signal 9")) {
            continue;
        }
        check_many(d, status, i, &asset);
    }
    ALM_CHECK_INT(alm_dataset_in_flight(d), 0);
    ALM_CHECK_INT(alm_dataset_children(d), 2);
    alm_asset_free(&asset);
    alm_dataset_close(d);
}

/* Longer requests than a socket takes, with nobody reading: nothing waits for ever. */
ALM_TEST(dataset_process, long_keys_ahead)
{
    static char key[ALM_DATASET_NAME_BYTES + 1];
    memset(key, 'k', ALM_DATASET_NAME_BYTES);
    alm_dataset *d = open_small(NULL);
    alm_asset asset = {0};
    ALM_REQUIRE(d);
    for (int i = 0; i < ALM_DATASET_FLIGHT; i++) {
        ALM_REQUIRE_OK(alm_dataset_request(d, key, ALL));
    }
    for (int i = 0; i < ALM_DATASET_FLIGHT; i++) {
        ALM_CHECK_STATUS(alm_dataset_receive(d, &asset), ALM_STATUS_SAMPLE);
        ALM_CHECK_TEXT(alm_error_message(), "kkk...: is missing");
    }
    alm_asset_free(&asset);
    alm_dataset_close(d);
}

/* ---- Deaths */

/* The child is left for the dataset to bury. */
static void wait_until_gone(int pid)
{
    siginfo_t about;
    if (waitid(P_PID, (id_t)pid, &about, WEXITED | WNOWAIT) != 0) {
        ALM_FAIL("process %d is no child", pid);
    }
}

ALM_TEST(dataset_process, killed_while_it_works)
{
    alm_dataset *d = open_small(NULL);
    alm_asset asset = {0};
    ALM_REQUIRE(d);
    const int pid = alm_dataset_child_id(d);
    kill(pid, SIGSTOP);
    ALM_REQUIRE_OK(alm_dataset_request(d, "a_1", ALL));
    ALM_REQUIRE_OK(alm_dataset_request(d, "b_2", ALL));
    kill(pid, SIGKILL);
    ALM_CHECK_STATUS(alm_dataset_receive(d, &asset), ALM_STATUS_SAMPLE);
    ALM_CHECK_TEXT(alm_error_message(), "objs/a_1: the process that read it was killed by signal "
                                        "9 (SIGKILL)");
    ALM_CHECK_INT(alm_dataset_child_id(d), 0);
    ALM_CHECK(waitpid(pid, NULL, WNOHANG) < 0 && errno == ECHILD); /* no zombie */
    /* The one behind it is read by the next child. */
    ALM_REQUIRE_OK(alm_dataset_receive(d, &asset));
    ALM_CHECK_INT(asset.moving_points, FILE_MOVING);
    ALM_CHECK_INT(alm_dataset_children(d), 2);
    alm_asset_free(&asset);
    alm_dataset_close(d);
}

/* Nothing was asked of it, so nothing fails. */
ALM_TEST(dataset_process, killed_while_it_is_idle)
{
    alm_dataset *d = open_small(NULL);
    alm_asset asset = {0};
    alm_dataset_split split;
    ALM_REQUIRE(d);
    for (int i = 0; i < 5; i++) {
        const int pid = alm_dataset_child_id(d);
        kill(pid, SIGKILL);
        wait_until_gone(pid);
        if (i % 2) {
            ALM_REQUIRE_OK(alm_dataset_split_read(d, "test", &split));
            ALM_CHECK_INT(split.count, 3);
            alm_dataset_split_free(&split);
        } else {
            ALM_REQUIRE_OK(alm_dataset_read(d, "c_3", ALL, &asset));
        }
    }
    ALM_CHECK_INT(alm_dataset_children(d), 6);
    alm_asset_free(&asset);
    alm_dataset_close(d);
}

ALM_TEST(dataset_process, hangs)
{
    alm_dataset *d = open_small(&(alm_dataset_limits){.seconds = 1});
    alm_asset asset = {0};
    ALM_REQUIRE(d);
    const int pid = alm_dataset_child_id(d);
    kill(pid, SIGSTOP);
    ALM_CHECK_STATUS(alm_dataset_read(d, "a_1", ALL, &asset), ALM_STATUS_SAMPLE);
    ALM_CHECK_TEXT(alm_error_message(), "objs/a_1: was not read within 1 s");
    ALM_CHECK(waitpid(pid, NULL, WNOHANG) < 0 && errno == ECHILD);
    ALM_REQUIRE_OK(alm_dataset_read(d, "a_1", ALL, &asset));
    alm_asset_free(&asset);
    alm_dataset_close(d);
}

ALM_TEST(dataset_process, a_file_that_changes)
{
    const char *path = file_small(alm_test_path(alm_test_folder(), "s.hdf5"));
    alm_dataset *d;
    alm_asset asset = {0};
    ALM_REQUIRE_OK(alm_dataset_open(path, false, NULL, &d));
    const int pid = alm_dataset_child_id(d);
    alm_test_write(path, "else", 4);
    kill(pid, SIGKILL);
    wait_until_gone(pid);
    for (int i = 0; i < 2; i++) {
        ALM_CHECK_STATUS(alm_dataset_read(d, "a_1", ALL, &asset), ALM_STATUS_SAMPLE);
        ALM_CHECK_TEXT(alm_error_message(), "has changed since it was opened");
    }
    unlink(path);
    ALM_CHECK_STATUS(alm_dataset_read(d, "a_1", ALL, &asset), ALM_STATUS_SAMPLE);
    ALM_CHECK_TEXT(alm_error_message(), "No such file");
    ALM_CHECK_INT(alm_dataset_in_flight(d), 0);
    alm_asset_free(&asset);
    alm_dataset_close(d);
}

/* ---- Limits */

/* A page of 3,000² needs 27 MB as stored; chunk: whether that is one chunk, which only the library
 * allocates. */
static void check_too_large(bool chunk, const char *part)
{
    const char *path = alm_test_path(alm_test_folder(), "large.hdf5");
    const hsize_t size[3] = {3000, 3000, 3};
    dataset_file f = file_begin(path, false);
    file_object(&f, "b_2");
    const hid_t group = file_group(&f, "a_1"), creation = H5Pcreate(H5P_DATASET_CREATE);
    if (chunk) {
        H5Pset_chunk(creation, 3, size);
        H5Pset_deflate(creation, 1);
    }
    uint8_t *pixels = calloc(1, 3000 * 3000 * 3);
    for (int i = 0; i < 2; i++) {
        file_numbers_with(group, i ? "image_assemble_lineart" : "image_base_lineart", H5T_STD_U8LE,
                          3, size, H5T_NATIVE_UINT8, pixels, creation);
    }
    free(pixels);
    H5Pclose(creation);
    H5Gclose(group);
    file_splits(&f, (const char *[]){"a_1"}, 1);
    file_end(&f);
    alm_dataset *d;
    alm_asset asset = {0};
    const alm_dataset_limits limits = {.memory_bytes = chunk ? 40 << 20 : 20 << 20};
    ALM_REQUIRE_OK(alm_dataset_open(path, false, &limits, &d));
    ALM_CHECK_STATUS(alm_dataset_read(d, "a_1", ALM_ASSET_PAGES, &asset), ALM_STATUS_SAMPLE);
    ALM_CHECK_TEXT(alm_error_message(), "objs/a_1/image_");
    ALM_CHECK_TEXT(alm_error_message(), part);
    ALM_REQUIRE_OK(alm_dataset_read(d, "b_2", ALL, &asset));
    ALM_CHECK_INT(alm_dataset_children(d), 1);
    alm_asset_free(&asset);
    alm_dataset_close(d);
}

ALM_TEST(dataset_process, more_memory_than_allowed)
{
    check_too_large(false, "takes 9000000 times 3 bytes of memory, more than 20971520");
}

ALM_TEST(dataset_process, more_memory_than_allowed_within_the_library)
{
    if (IS_SANITIZED) {
        ALM_SKIP("a sanitizer maps terabytes: the address space cannot be limited");
    }
    check_too_large(true, "cannot be read: memory allocation failed");
}

/* The child lives behind the filter, unless the system has none. */
ALM_TEST(dataset_process, is_locked_up)
{
    if (IS_SANITIZED) {
        ALM_SKIP("a sanitizer makes system calls of its own: there is no filter");
    }
    alm_dataset *d = open_small(NULL);
    ALM_REQUIRE(d);
    char path[64], line[256];
    int filtered = -1, cores = -1, descriptors = 0;
    snprintf(path, sizeof path, "/proc/%d/status", alm_dataset_child_id(d));
    FILE *f = fopen(path, "r");
    while (f && fgets(line, sizeof line, f)) {
        sscanf(line, "Seccomp: %d", &filtered);
    }
    ALM_REQUIRE(f);
    fclose(f);
    ALM_CHECK_INT(filtered, 2);
    snprintf(path, sizeof path, "/proc/%d/limits", alm_dataset_child_id(d));
    f = fopen(path, "r");
    while (f && fgets(line, sizeof line, f)) {
        sscanf(line, "Max core file size %d", &cores);
    }
    ALM_REQUIRE(f);
    fclose(f);
    ALM_CHECK_INT(cores, 0);
    snprintf(path, sizeof path, "/proc/%d/fd", alm_dataset_child_id(d));
    DIR *folder = opendir(path);
    for (const struct dirent *e; folder && (e = readdir(folder));) {
        descriptors += e->d_name[0] != '.';
    }
    ALM_REQUIRE(folder);
    closedir(folder);
    ALM_CHECK_INT(descriptors, 5); /* three to nowhere, the socket, the file */
    alm_dataset_close(d);
}

/* ---- Descriptors, processes */

static int count_descriptors(void)
{
    int count = 0;
    DIR *folder = opendir("/proc/self/fd");
    for (const struct dirent *e; folder && (e = readdir(folder));) {
        count += e->d_name[0] != '.';
    }
    closedir(folder);
    return count;
}

ALM_TEST(dataset_process, nothing_is_left)
{
    const char *folder = alm_test_folder();
    const char *good = file_small(alm_test_path(folder, "good.hdf5"));
    const char *bad = alm_test_path(folder, "bad.hdf5");
    alm_test_write(bad, "x", 1);
    const int before = count_descriptors();
    for (int i = 0; i < 200; i++) {
        alm_dataset *d = NULL;
        const alm_status status = alm_dataset_open(i % 2 ? good : bad, false, NULL, &d);
        ALM_CHECK_STATUS(status, i % 2 ? ALM_OK : ALM_STATUS_SAMPLE);
        if (i % 4 == 3) { /* with an answer under way */
            ALM_CHECK_STATUS(alm_dataset_request(d, "a_1", ALL), ALM_OK);
        }
        alm_dataset_close(d);
    }
    ALM_CHECK_INT(count_descriptors(), before);
    ALM_CHECK(waitpid(-1, NULL, WNOHANG) < 0 && errno == ECHILD);
}

/* Several at once, closed in any order: none keeps another's socket open. */
ALM_TEST(dataset_process, several_at_once)
{
    enum { COUNT = 4 };
    const char *path = file_small(alm_test_path(alm_test_folder(), "s.hdf5"));
    alm_dataset *d[COUNT];
    alm_asset asset = {0};
    for (int i = 0; i < COUNT; i++) {
        ALM_REQUIRE_OK(alm_dataset_open(path, false, NULL, &d[i]));
    }
    for (int i = 0; i < COUNT; i++) {
        ALM_CHECK_STATUS(alm_dataset_read(d[(i + 2) % COUNT], "a_1", ALL, &asset), ALM_OK);
        alm_dataset_close(d[(i + 2) % COUNT]);
    }
    alm_asset_free(&asset);
}

/* In a process of its own, because it closes what this one prints to. */
static int run_closed(const char *path)
{
    alm_dataset *d;
    alm_asset asset = {0};
    struct sigaction action = {.sa_handler = SIG_DFL};
    sigaction(SIGPIPE, &action, NULL);
    close(0);
    close(1);
    close(2);
    if (alm_dataset_open(path, false, NULL, &d) != ALM_OK) {
        return 1;
    }
    if (fcntl(0, F_GETFD) >= 0 || fcntl(1, F_GETFD) >= 0 || fcntl(2, F_GETFD) >= 0) {
        return 2;
    }
    if (alm_dataset_read(d, "a_1", ALL, &asset) != ALM_OK) {
        return 3;
    }
    const int pid = alm_dataset_child_id(d);
    kill(pid, SIGKILL);
    for (int i = 0; i < 3; i++) { /* one may be lost; a SIGPIPE would end us */
        if (alm_dataset_read(d, "b_2", ALL, &asset) == ALM_OK) {
            alm_asset_free(&asset);
            alm_dataset_close(d);
            return 0;
        }
    }
    return 4;
}

ALM_TEST(dataset_process, with_standard_descriptors_closed)
{
    const char *path = file_small(alm_test_path(alm_test_folder(), "s.hdf5"));
    int status = -1;
    fflush(NULL);
    const pid_t pid = fork();
    if (pid == 0) {
        _exit(run_closed(path));
    }
    ALM_REQUIRE(pid > 0 && waitpid(pid, &status, 0) == pid);
    ALM_CHECK_INT(status, 0);
}

/* A relative path is found again after the process has gone elsewhere. */
ALM_TEST(dataset_process, relative_paths)
{
    char before[4096];
    const char *folder = alm_test_folder();
    file_small(alm_test_path(folder, "s.hdf5"));
    ALM_REQUIRE(getcwd(before, sizeof before) && chdir(folder) == 0);
    alm_dataset *d = NULL;
    const alm_status status = alm_dataset_open("s.hdf5", false, NULL, &d);
    ALM_CHECK(chdir(before) == 0);
    ALM_CHECK_STATUS(status, ALM_OK);
    ALM_REQUIRE(d);
    kill(alm_dataset_child_id(d), SIGKILL);
    wait_until_gone(alm_dataset_child_id(d));
    alm_asset asset = {0};
    ALM_CHECK_STATUS(alm_dataset_read(d, "a_1", ALL, &asset), ALM_OK);
    alm_asset_free(&asset);
    alm_dataset_close(d);
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

/* After the first thousand, ten thousand more take nothing. */
ALM_TEST(dataset_process, memory_does_not_grow)
{
    if (IS_SANITIZED) {
        ALM_SKIP("a sanitizer keeps what is freed");
    }
    alm_dataset *d = open_small(NULL);
    alm_asset asset = {0};
    static const char *const keys[] = {"a_1", "b_2", "c_3", "none"};
    ALM_REQUIRE(d);
    long first = 0;
    for (int i = 0; i < 11000; i++) {
        const alm_status status = alm_dataset_read(d, keys[i % 4], ALL, &asset);
        ALM_CHECK_STATUS(status, i % 4 == 3 ? ALM_STATUS_SAMPLE : ALM_OK);
        first = i == 1000 ? memory_kb(alm_dataset_child_id(d)) : first;
    }
    const long last = memory_kb(alm_dataset_child_id(d));
    if (!(first > 0 && last < first + 2048)) {
        ALM_FAIL("the child had %ld kB after 1,000 samples and %ld kB after 11,000", first, last);
    }
    alm_asset_free(&asset);
    alm_dataset_close(d);
}
