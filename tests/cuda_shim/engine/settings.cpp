/* How launches are to run: order, moment of copies, seed; from the environment or from the test. */
#include "tests/cuda_shim/engine/engine.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

namespace shim
{

static const char *const ORDER_NAMES[] = {"low", "high", "random", "fifo", "warps", nullptr};
static const char *const COPIES_NAMES[] = {"eager", "lazy", "random", nullptr};
static const char *const STREAMS_NAMES[] = {"now", "late", nullptr};

Settings settings = {ALM_SHIM_ORDER_WARPS, ALM_SHIM_COPIES_LAZY, 1, false};
static uint64_t random_state = 1;

/* splitmix64 */
unsigned random_bits()
{
    uint64_t z = (random_state += 0x9E3779B97F4A7C15u);
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9u;
    z = (z ^ z >> 27) * 0x94D049BB133111EBu;
    return (unsigned)((z ^ z >> 31) >> 32);
}

unsigned random_below(unsigned n)
{
    return (unsigned)((uint64_t)random_bits() * n >> 32);
}

void restart_random(uint64_t stream)
{
    random_state = settings.seed * 0xD1342543DE82EF95u + stream * 0xAF251AF3B0F025B5u;
}

long environment(const char *name, long otherwise)
{
    const char *text = getenv(name);
    if (!text || !*text) {
        return otherwise;
    }
    char *end;
    const long value = strtol(text, &end, 10);
    if (*end) {
        fprintf(stderr, "cuda_shim: %s is \"%s\", expected a number\n", name, text);
        exit(99);
    }
    return value;
}

static int environment_choice(const char *name, const char *const *names, int otherwise)
{
    const char *text = getenv(name);
    if (!text || !*text) {
        return otherwise;
    }
    for (int i = 0; names[i]; i++) {
        if (!strcmp(text, names[i])) {
            return i;
        }
    }
    fprintf(stderr, "cuda_shim: %s is \"%s\", expected one of:", name, text);
    for (int i = 0; names[i]; i++) {
        fprintf(stderr, " %s", names[i]);
    }
    fprintf(stderr, "\n");
    exit(99);
}

__attribute__((constructor)) static void read_environment()
{
    settings.order = environment_choice("ALM_SHIM_ORDER", ORDER_NAMES, settings.order);
    settings.copies = environment_choice("ALM_SHIM_COPIES", COPIES_NAMES, settings.copies);
    settings.seed = (unsigned)environment("ALM_SHIM_SEED", settings.seed);
    settings.late_streams =
        environment_choice("ALM_SHIM_STREAMS", STREAMS_NAMES, settings.late_streams) != 0;
}

} // namespace shim

using namespace shim;

extern "C" void alm_shim_configure(int order, int copies, unsigned seed)
{
    if (order < 0 || order >= ALM_SHIM_ORDERS || copies < 0 || copies >= ALM_SHIM_COPIES_COUNT) {
        fail("alm_shim_configure: order %d, copies %d", order, copies);
    }
    settings.order = order;
    settings.copies = copies;
    settings.seed = seed;
    random_stream = 0;
}

extern "C" void alm_shim_streams_late(bool late)
{
    settings.late_streams = late;
}

extern "C" const char *alm_shim_settings(void)
{
    static char text[128];
    snprintf(text, sizeof text,
             "ALM_SHIM_ORDER=%s ALM_SHIM_COPIES=%s ALM_SHIM_SEED=%u ALM_SHIM_STREAMS=%s",
             ORDER_NAMES[settings.order], COPIES_NAMES[settings.copies], settings.seed,
             STREAMS_NAMES[settings.late_streams]);
    return text;
}
