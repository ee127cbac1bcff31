/* NVTX: keeps what a test asked for. A range that is wrong in itself ends the program, as a kernel
 * does that breaks a rule. */
#include "tests/cuda_shim/engine/engine.h"

#include <mutex>
#include <stdio.h>
#include <stdlib.h>
#include <string>
#include <sys/prctl.h>
#include <vector>

#include <nvtx3/nvToolsExt.h>
#include <nvtx3/nvToolsExtCudaRt.h>

struct nvtxDomain {
    std::string name;
    std::vector<std::string> categories; /* by number, 0 is none */
};

namespace
{

std::mutex lock;
bool recording;
std::vector<alm_shim_range> ranges;
std::vector<std::string> streams;
thread_local int depth;

void copy(char *to, size_t room, const std::string &text)
{
    snprintf(to, room, "%s", text.c_str());
}

[[noreturn]] void wrong(const char *what)
{
    fprintf(stderr, "cuda_shim: NVTX: %s\n", what);
    exit(99);
}

} // namespace

extern "C" nvtxDomainHandle_t nvtxDomainCreateA(const char *name)
{
    static nvtxDomain domain; /* programs have one */
    domain.name = name;
    return &domain;
}

extern "C" void nvtxDomainNameCategoryA(nvtxDomainHandle_t domain, uint32_t category,
                                        const char *name)
{
    if (domain->categories.size() <= category) {
        domain->categories.resize(category + 1);
    }
    domain->categories[category] = name;
}

extern "C" int nvtxDomainRangePushEx(nvtxDomainHandle_t domain,
                                     const nvtxEventAttributes_t *attributes)
{
    if (attributes->version != NVTX_VERSION || attributes->size != NVTX_EVENT_ATTRIB_STRUCT_SIZE ||
        attributes->messageType != NVTX_MESSAGE_TYPE_ASCII) {
        wrong("attributes without version, size or type of message");
    }
    if (attributes->category == 0 || attributes->category >= domain->categories.size() ||
        domain->categories[attributes->category].empty()) {
        wrong("a range without a category that has a name");
    }
    const std::lock_guard<std::mutex> held(lock);
    if (recording) {
        alm_shim_range range = {};
        copy(range.domain, sizeof range.domain, domain->name);
        copy(range.category, sizeof range.category, domain->categories[attributes->category]);
        copy(range.name, sizeof range.name, attributes->message.ascii);
        prctl(PR_GET_NAME, range.thread);
        range.depth = depth;
        ranges.push_back(range);
    }
    return depth++;
}

extern "C" int nvtxDomainRangePop(nvtxDomainHandle_t)
{
    if (depth == 0) {
        wrong("the end of a range that did not begin in this thread");
    }
    return --depth;
}

extern "C" void nvtxNameCudaStreamA(cudaStream_t stream, const char *name)
{
    if (!stream) {
        wrong("a name for no stream");
    }
    const std::lock_guard<std::mutex> held(lock);
    if (recording) {
        streams.push_back(name);
    }
}

extern "C" void alm_shim_record_ranges(bool record)
{
    const std::lock_guard<std::mutex> held(lock);
    recording = record;
    if (record) {
        ranges.clear();
        streams.clear();
    }
}

extern "C" int alm_shim_ranges(void)
{
    const std::lock_guard<std::mutex> held(lock);
    return (int)ranges.size();
}

extern "C" alm_shim_range alm_shim_range_at(int i)
{
    const std::lock_guard<std::mutex> held(lock);
    return i >= 0 && i < (int)ranges.size() ? ranges[(size_t)i] : alm_shim_range{};
}

extern "C" int alm_shim_streams_named(const char *name)
{
    const std::lock_guard<std::mutex> held(lock);
    int count = 0;
    for (const std::string &stream : streams) {
        count += stream == name;
    }
    return count;
}

extern "C" int alm_shim_open_ranges(void)
{
    return depth;
}
