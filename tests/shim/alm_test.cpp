// googletest behind alm_test.h: registers C functions as tests, and has the helpers that tests of
// all rooms share.
#include "tests/shim/alm_test.h"

#include <gtest/gtest.h>

#include <sys/random.h>
#include <sys/stat.h>

#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <string>

namespace
{

uint64_t seed = 1;
uint64_t state = 1;
std::string scratch;
int folders = 0;

class CTest : public ::testing::Test
{
  public:
    explicit CTest(void (*body)(void)) : body_(body)
    {
    }
    void TestBody() override
    {
        state = seed;
        alm_error_clear();
        body_();
        if (HasFailure()) {
            fprintf(stderr, "repeat with: ASSEMLM_TEST_SEED=%llu\n", (unsigned long long)seed);
        }
    }

  private:
    void (*body_)(void);
};

std::string format_text(const char *format, va_list args)
{
    char text[4096];
    vsnprintf(text, sizeof text, format, args);
    return text;
}

const char *keep(const std::string &text)
{
    static std::string ring[8];
    static int next = 0;
    next = (next + 1) % 8;
    ring[next] = text;
    return ring[next].c_str();
}

} // namespace

extern "C" void alm_test_register(const char *suite, const char *name, const char *file, int line,
                                  void (*body)(void))
{
    ::testing::RegisterTest(suite, name, nullptr, nullptr, file, line,
                            [body]() -> ::testing::Test * { return new CTest(body); });
}

extern "C" void alm_test_fail(const char *file, int line, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    ADD_FAILURE_AT(file, line) << format_text(format, args);
    va_end(args);
}

extern "C" void alm_test_skip(const char *file, int line, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    const std::string reason = format_text(format, args);
    va_end(args);
    const char *strict = std::getenv("ASSEMLM_NO_SKIP");
    if (strict && strict[0] == '1') {
        ADD_FAILURE_AT(file, line) << "skipped although ASSEMLM_NO_SKIP=1: " << reason;
        return;
    }
    [&] { GTEST_SKIP() << reason; }();
}

extern "C" bool alm_test_failed(void)
{
    return ::testing::Test::HasFailure();
}

extern "C" const char *alm_test_golden(const char *name)
{
    /* Bundles for other machines (tools/gpu_bundle) bring the data along. */
    const char *root = std::getenv("ASSEMLM_TEST_ROOT");
    return keep(std::string(root ? root : ALM_TEST_SOURCE_DIR) + "/tests/golden/" + name);
}

extern "C" const char *alm_test_folder(void)
{
    if (scratch.empty()) {
        const char *tmp = std::getenv("TMPDIR");
        std::string pattern = std::string(tmp ? tmp : "/tmp") + "/assemlm-test-XXXXXX";
        scratch = mkdtemp(pattern.data());
    }
    const std::string folder = scratch + "/" + std::to_string(folders++);
    mkdir(folder.c_str(), 0777);
    return keep(folder);
}

extern "C" const char *alm_test_path(const char *folder, const char *name)
{
    return keep(std::string(folder) + "/" + name);
}

extern "C" void *alm_test_read(const char *path, size_t *bytes)
{
    FILE *f = fopen(path, "rb");
    if (!f) {
        ADD_FAILURE() << path << ": cannot be read";
        return nullptr;
    }
    std::string all;
    char part[65536];
    for (size_t n; (n = fread(part, 1, sizeof part, f)) > 0;) {
        all.append(part, n);
    }
    fclose(f);
    void *copy = malloc(all.size() + 1);
    memcpy(copy, all.c_str(), all.size() + 1);
    *bytes = all.size();
    return copy;
}

extern "C" void alm_test_write(const char *path, const void *data, size_t bytes)
{
    FILE *f = fopen(path, "wb");
    if (!f || fwrite(data, 1, bytes, f) != bytes) {
        ADD_FAILURE() << path << ": cannot be written";
    }
    if (f) {
        fclose(f);
    }
}

// splitmix64
extern "C" uint64_t alm_test_random(void)
{
    uint64_t z = (state += 0x9E3779B97F4A7C15u);
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9u;
    z = (z ^ z >> 27) * 0x94D049BB133111EBu;
    return z ^ z >> 31;
}

extern "C" float alm_test_uniform(void)
{
    return (float)((int64_t)(alm_test_random() >> 40) - (1 << 23)) * 0x1p-23f;
}

#ifdef ALM_STATIC_LIBSTDCXX
// Debian's libstdc++.a asks for it (std::random_device), glibc has it only since 2.36: programs for
// machines with 2.35 (tools/gpu_bundle) bring their own.
extern "C" uint32_t arc4random(void) noexcept
{
    uint32_t value = 0;
    return getrandom(&value, sizeof value, 0) == sizeof value ? value : 4;
}
#endif

int main(int argc, char **argv)
{
    ::testing::InitGoogleTest(&argc, argv);
    const char *given = std::getenv("ASSEMLM_TEST_SEED");
    seed = given ? strtoull(given, nullptr, 0) : 1;
    const int result = RUN_ALL_TESTS();
    if (!scratch.empty()) {
        std::error_code ignored;
        std::filesystem::remove_all(scratch, ignored);
    }
    return result;
}
