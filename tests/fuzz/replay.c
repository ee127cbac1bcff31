/* Feeds files to a fuzz target in an ordinary build, so that every seed, and every input that ever
 * crashed a parser and was added to the seeds, is a test with any compiler:
 *
 *     replay_<name> FILE|FOLDER...
 *
 * Each input is also cut off at a few places. An empty folder is an error: a target without seeds
 * tests nothing.
 */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { CUTS = 16 };

/* A block of exactly `size` bytes, so that a sanitizer sees a read past the end. */
static void feed_copy(const uint8_t *data, size_t size)
{
    uint8_t *copy = malloc(size ? size : 1);
    if (!copy) {
        fprintf(stderr, "replay: no memory for %zu bytes\n", size);
        exit(1);
    }
    memcpy(copy, data, size);
    LLVMFuzzerTestOneInput(copy, size);
    free(copy);
}

static int feed_file(const char *path)
{
    FILE *f = fopen(path, "rb");
    struct stat about;
    if (!f || stat(path, &about) != 0) {
        fprintf(stderr, "replay: %s cannot be read\n", path);
        exit(1);
    }
    const size_t bytes = (size_t)about.st_size;
    uint8_t *data = malloc(bytes + 1);
    if (!data || fread(data, 1, bytes, f) != bytes) {
        fprintf(stderr, "replay: %s cannot be read\n", path);
        exit(1);
    }
    fclose(f);
    printf("%s: %zu bytes\n", path, bytes);
    fflush(stdout);
    feed_copy(data, bytes);
    for (size_t i = 0; i < CUTS; i++) {
        feed_copy(data, bytes * i / CUTS);
    }
    free(data);
    return 1;
}

static int feed_folder(const char *path)
{
    DIR *folder = opendir(path);
    if (!folder) {
        return feed_file(path);
    }
    int files = 0;
    for (const struct dirent *entry; (entry = readdir(folder)) != NULL;) {
        char child[4096];
        if (entry->d_name[0] != '.') {
            snprintf(child, sizeof child, "%s/%s", path, entry->d_name);
            files += feed_file(child);
        }
    }
    closedir(folder);
    return files;
}

int main(int argc, char **argv)
{
    int files = 0;
    for (int i = 1; i < argc; i++) {
        files += feed_folder(argv[i]);
    }
    if (files == 0) {
        fprintf(stderr, "replay: no seeds\n");
        return 1;
    }
    printf("%d inputs, each whole and cut off at %d places\n", files, CUTS);
    return 0;
}
