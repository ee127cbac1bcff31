/* Streams, events and graphs.
 *
 * Work is done when it is put into a stream, or late: when somebody waits for the stream, so that a
 * host which does not wait reads old data. A stream that is being captured does nothing; its work
 * becomes nodes of a graph that know which nodes they come after, and a replay takes any order that
 * this allows: a fork without its join gives wrong results here too.
 */
#include "tests/cuda_shim/engine/engine.h"

#include <time.h>

#include <atomic>
#include <deque>
#include <memory>
#include <vector>

using namespace shim;

namespace
{

/* Work of one stream; outlives it for events that were recorded in it. */
struct Queue {
    std::deque<std::function<void()>> work;
    uint64_t submitted = 0, done = 0;
};

struct Capture;

} // namespace

struct CUgraphNode_st {
    cudaGraphNodeType kind;
    std::function<void()> work;
    std::vector<size_t> after;
};

struct CUgraph_st {
    std::vector<std::shared_ptr<CUgraphNode_st>> nodes;
};

struct CUgraphExec_st {
    std::vector<std::shared_ptr<CUgraphNode_st>> nodes;
};

struct CUstream_st {
    int device = 0;
    bool blocking = true; /* in step with the default stream */
    std::shared_ptr<Queue> queue = std::make_shared<Queue>();
    std::shared_ptr<Capture> capture;
    std::vector<size_t> last; /* nodes that the next one comes after */
};

namespace
{

/* Where an event was recorded last. */
struct Record {
    bool recorded = false;
    std::shared_ptr<Queue> queue; /* NULL: it happened at once */
    uint64_t position = 0;        /* done when the queue has done so much */
    double seconds = 0;
    std::shared_ptr<Capture> capture; /* in a captured stream, after these nodes of it */
    std::vector<size_t> last;

    bool happened() const
    {
        return !recorded || capture || !queue || queue->done >= position;
    }
};

} // namespace

struct CUevent_st {
    bool timed = true;
    std::shared_ptr<Record> record = std::make_shared<Record>();
};

namespace
{

struct Capture {
    CUgraph_st *graph = nullptr;
    cudaStream_t origin = nullptr;
    enum cudaStreamCaptureMode mode = cudaStreamCaptureModeGlobal;
    bool broken = false;
    std::vector<cudaStream_t> streams;
};

std::vector<cudaStream_t> &all_streams()
{
    static auto *streams = new std::vector<cudaStream_t>(); /* never destroyed */
    return *streams;
}

/* At most one at a time in a thread: those of several threads do not meet, whatever their mode. */
thread_local std::shared_ptr<Capture> the_capture;

double now()
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

void drain(Queue &queue, uint64_t position)
{
    while (queue.done < position && !queue.work.empty()) {
        const std::function<void()> work = std::move(queue.work.front());
        queue.work.pop_front();
        work(); /* may drain other queues */
        queue.done++;
    }
}

void drain_all(Queue &queue)
{
    drain(queue, queue.submitted);
}

void push(Queue &queue, std::function<void()> work)
{
    queue.work.push_back(std::move(work));
    queue.submitted++;
    if (!settings.late_streams) {
        drain_all(queue);
    }
}

bool is_stream(cudaStream_t stream)
{
    for (cudaStream_t s : all_streams()) {
        if (s == stream) {
            return true;
        }
    }
    return false;
}

cudaError_t break_capture(cudaError_t error)
{
    if (the_capture) {
        the_capture->broken = true;
    }
    return error;
}

void leave_capture(Capture &capture)
{
    for (cudaStream_t s : capture.streams) {
        s->capture = nullptr;
        s->last.clear();
    }
    capture.streams.clear();
}

void add_once(std::vector<size_t> &set, const std::vector<size_t> &more)
{
    for (size_t node : more) {
        bool known = false;
        for (size_t have : set) {
            known = known || have == node;
        }
        if (!known) {
            set.push_back(node);
        }
    }
}

/* Nodes that come before the given ones, those included. */
std::vector<bool> ancestors(const CUgraph_st &graph, const std::vector<size_t> &of)
{
    std::vector<bool> before(graph.nodes.size());
    for (size_t node : of) {
        before[node] = true;
    }
    for (size_t i = graph.nodes.size(); i-- > 0;) {
        for (size_t node : graph.nodes[i]->after) {
            before[node] = before[node] || before[i];
        }
    }
    return before;
}

/* Which of the nodes that can run does. */
size_t choose(size_t ready)
{
    switch (settings.order) {
    case ALM_SHIM_ORDER_RANDOM:
    case ALM_SHIM_ORDER_WARPS: return random_below((unsigned)ready);
    case ALM_SHIM_ORDER_HIGH: return ready - 1;
    default: return 0;
    }
}

void replay(const std::vector<std::shared_ptr<CUgraphNode_st>> &nodes)
{
    std::vector<size_t> waits(nodes.size()), ready;
    for (size_t i = 0; i < nodes.size(); i++) {
        waits[i] = nodes[i]->after.size();
        if (!waits[i]) {
            ready.push_back(i);
        }
    }
    open_device_memory();
    while (!ready.empty()) {
        const size_t k = choose(ready.size()), node = ready[k];
        ready.erase(ready.begin() + (ptrdiff_t)k);
        nodes[node]->work();
        for (size_t i = node + 1; i < nodes.size(); i++) {
            for (size_t before : nodes[i]->after) {
                if (before == node && --waits[i] == 0) {
                    ready.push_back(i);
                }
            }
        }
    }
    close_device_memory();
}

} // namespace

long shim::live_objects;

extern "C" long alm_shim_live_objects(void)
{
    return live_objects;
}

cudaError_t shim::forbid_in_capture()
{
    if (the_capture && the_capture->mode != cudaStreamCaptureModeRelaxed) {
        return break_capture(cudaErrorStreamCaptureUnsupported);
    }
    return cudaSuccess;
}

void shim::finish_streams()
{
    for (cudaStream_t s : all_streams()) {
        drain_all(*s->queue);
    }
}

cudaError_t shim::begin_default_stream()
{
    for (cudaStream_t s : all_streams()) {
        if (s->blocking && s->capture) {
            return break_capture(cudaErrorStreamCaptureImplicit);
        }
    }
    for (cudaStream_t s : all_streams()) {
        if (s->blocking && s->device == current_device()) {
            drain_all(*s->queue);
        }
    }
    return cudaSuccess;
}

cudaError_t shim::enqueue(cudaStream_t stream, cudaGraphNodeType kind, std::function<void()> work)
{
    if (!stream) {
        const cudaError_t error = begin_default_stream();
        if (error == cudaSuccess) {
            work();
        }
        return error;
    }
    if (!is_stream(stream) || stream->device != current_device()) {
        return cudaErrorInvalidResourceHandle;
    }
    if (!stream->capture) {
        push(*stream->queue, std::move(work));
        return cudaSuccess;
    }
    if (stream->capture->broken) {
        return cudaErrorStreamCaptureInvalidated;
    }
    CUgraph_st *graph = stream->capture->graph;
    graph->nodes.push_back(
        std::make_shared<CUgraphNode_st>(CUgraphNode_st{kind, std::move(work), stream->last}));
    stream->last.assign(1, graph->nodes.size() - 1);
    return cudaSuccess;
}

/* ---- Streams ---- */

extern "C" cudaError_t cudaStreamCreateWithFlags(cudaStream_t *stream, unsigned int flags)
{
    Call call;
    if (call.refused()) {
        return call.end();
    }
    CUstream_st *made = new CUstream_st();
    made->device = current_device();
    made->blocking = !(flags & cudaStreamNonBlocking);
    all_streams().push_back(made);
    live_objects++;
    *stream = made;
    return cudaSuccess;
}

extern "C" cudaError_t cudaStreamCreate(cudaStream_t *stream)
{
    return cudaStreamCreateWithFlags(stream, cudaStreamDefault);
}

extern "C" cudaError_t cudaStreamDestroy(cudaStream_t stream)
{
    Call call;
    if (!is_stream(stream)) {
        return call.end(call.refused() ? call.end() : cudaErrorInvalidResourceHandle);
    }
    if (stream->capture) {
        stream->capture->broken = true;
        if (stream->capture == the_capture && the_capture->origin == stream) {
            delete the_capture->graph;
            the_capture = nullptr;
        }
        leave_capture(*std::shared_ptr<Capture>(stream->capture));
    }
    if (!call.refused()) {
        drain_all(*stream->queue);
    }
    std::vector<cudaStream_t> &streams = all_streams();
    for (size_t i = 0; i < streams.size(); i++) {
        if (streams[i] == stream) {
            streams.erase(streams.begin() + (ptrdiff_t)i);
            break;
        }
    }
    delete stream;
    live_objects--;
    return call.end();
}

/* Before the host asks or waits for a stream; for the default one it is all that there is to do. */
static cudaError_t check_stream(cudaStream_t stream)
{
    if (!stream) {
        return begin_default_stream();
    }
    if (!is_stream(stream)) {
        return cudaErrorInvalidResourceHandle;
    }
    return stream->capture ? break_capture(cudaErrorStreamCaptureUnsupported) : cudaSuccess;
}

extern "C" cudaError_t cudaStreamSynchronize(cudaStream_t stream)
{
    Call call;
    if (call.refused()) {
        return call.end();
    }
    const cudaError_t error = check_stream(stream);
    if (error == cudaSuccess && stream) {
        drain_all(*stream->queue);
    }
    return call.end(error);
}

extern "C" cudaError_t cudaStreamQuery(cudaStream_t stream)
{
    Call call;
    if (call.refused()) {
        return call.end();
    }
    const cudaError_t error = check_stream(stream);
    if (error != cudaSuccess || !stream) {
        return call.end(error);
    }
    return stream->queue->work.empty() ? cudaSuccess : cudaErrorNotReady;
}

extern "C" cudaError_t cudaStreamWaitEvent(cudaStream_t stream, cudaEvent_t event, unsigned int)
{
    Call call;
    if (call.refused()) {
        return call.end();
    }
    if (!event || (stream && !is_stream(stream))) {
        return call.end(cudaErrorInvalidResourceHandle);
    }
    const std::shared_ptr<Record> record = event->record;
    if (!record->recorded) {
        return cudaSuccess;
    }
    if (record->capture) { /* the stream joins the capture */
        if (!stream || record->capture != the_capture || the_capture->broken) {
            return call.end(break_capture(cudaErrorStreamCaptureInvalidated));
        }
        if (!stream->capture) {
            stream->capture = the_capture;
            the_capture->streams.push_back(stream);
        }
        add_once(stream->last, record->last);
        return cudaSuccess;
    }
    if (stream && stream->capture) {
        return call.end(break_capture(cudaErrorStreamCaptureIsolation));
    }
    const std::shared_ptr<Queue> queue = record->queue;
    const uint64_t position = record->position;
    if (!queue) {
        return cudaSuccess;
    }
    if (!stream) {
        drain(*queue, position);
    } else {
        push(*stream->queue, [=] { drain(*queue, position); });
    }
    return cudaSuccess;
}

/* ---- Events ---- */

extern "C" cudaError_t cudaEventCreateWithFlags(cudaEvent_t *event, unsigned int flags)
{
    Call call;
    if (call.refused()) {
        return call.end();
    }
    *event = new CUevent_st();
    (*event)->timed = !(flags & cudaEventDisableTiming);
    live_objects++;
    return cudaSuccess;
}

extern "C" cudaError_t cudaEventCreate(cudaEvent_t *event)
{
    return cudaEventCreateWithFlags(event, cudaEventDefault);
}

extern "C" cudaError_t cudaEventDestroy(cudaEvent_t event)
{
    Call call;
    if (!event) {
        return call.end(call.refused() ? call.end() : cudaErrorInvalidResourceHandle);
    }
    delete event;
    live_objects--;
    return call.end();
}

/* A record of its own each time: whoever waits for the last one keeps that. */
static std::shared_ptr<Record> new_record(cudaEvent_t event)
{
    event->record = std::make_shared<Record>();
    event->record->recorded = true;
    return event->record;
}

extern "C" cudaError_t cudaEventRecordWithFlags(cudaEvent_t event, cudaStream_t stream,
                                                unsigned int flags)
{
    Call call;
    if (call.refused()) {
        return call.end();
    }
    if (!event || (stream && (!is_stream(stream) || stream->device != current_device()))) {
        return call.end(cudaErrorInvalidResourceHandle);
    }
    if (flags & cudaEventRecordExternal) {
        if (!stream || !stream->capture) {
            return call.end(cudaErrorInvalidValue);
        }
        /* The event keeps what it had until the graph runs; it must live as long as that does. */
        return call.end(enqueue(stream, cudaGraphNodeTypeEventRecord,
                                [=] { new_record(event)->seconds = now(); }));
    }
    const std::shared_ptr<Record> record = new_record(event);
    if (stream && stream->capture) {
        record->capture = stream->capture;
        record->last = stream->last;
        return cudaSuccess;
    }
    if (!stream) {
        const cudaError_t error = begin_default_stream();
        record->seconds = now();
        return call.end(error);
    }
    record->queue = stream->queue;
    record->position = stream->queue->submitted + 1;
    push(*stream->queue, [=] { record->seconds = now(); });
    return cudaSuccess;
}

extern "C" cudaError_t cudaEventRecord(cudaEvent_t event, cudaStream_t stream)
{
    return cudaEventRecordWithFlags(event, stream, cudaEventRecordDefault);
}

/* Before the host asks or waits for an event. */
static cudaError_t check_event(cudaEvent_t event)
{
    if (!event) {
        return cudaErrorInvalidResourceHandle;
    }
    if (event->record->capture && event->record->capture == the_capture) {
        return break_capture(cudaErrorCapturedEvent);
    }
    return forbid_in_capture();
}

extern "C" cudaError_t cudaEventSynchronize(cudaEvent_t event)
{
    Call call;
    if (call.refused()) {
        return call.end();
    }
    const cudaError_t error = check_event(event);
    if (error == cudaSuccess && !event->record->happened()) {
        drain(*event->record->queue, event->record->position);
    }
    return call.end(error);
}

extern "C" cudaError_t cudaEventQuery(cudaEvent_t event)
{
    Call call;
    if (call.refused()) {
        return call.end();
    }
    const cudaError_t error = check_event(event);
    if (error != cudaSuccess) {
        return call.end(error);
    }
    return event->record->happened() ? cudaSuccess : cudaErrorNotReady;
}

extern "C" cudaError_t cudaEventElapsedTime(float *ms, cudaEvent_t start, cudaEvent_t end)
{
    Call call;
    if (call.refused()) {
        return call.end();
    }
    for (cudaEvent_t event : {start, end}) {
        if (!event || !event->timed || !event->record->recorded || event->record->capture) {
            return call.end(cudaErrorInvalidResourceHandle);
        }
        if (!event->record->happened()) {
            return cudaErrorNotReady;
        }
    }
    *ms = (float)((end->record->seconds - start->record->seconds) * 1e3);
    return cudaSuccess;
}

/* ---- Graphs ---- */

extern "C" cudaError_t cudaStreamBeginCapture(cudaStream_t stream, enum cudaStreamCaptureMode mode)
{
    Call call;
    if (call.refused()) {
        return call.end();
    }
    if (!stream) {
        return call.end(cudaErrorStreamCaptureUnsupported);
    }
    if (!is_stream(stream)) {
        return call.end(cudaErrorInvalidResourceHandle);
    }
    if (stream->capture) {
        return call.end(break_capture(cudaErrorIllegalState));
    }
    if (the_capture) {
        return call.end(cudaErrorNotSupported); /* two at a time: not here */
    }
    the_capture = std::make_shared<Capture>();
    the_capture->graph = new CUgraph_st();
    the_capture->origin = stream;
    the_capture->mode = mode;
    the_capture->streams.push_back(stream);
    stream->capture = the_capture;
    return cudaSuccess;
}

extern "C" cudaError_t cudaStreamEndCapture(cudaStream_t stream, cudaGraph_t *graph)
{
    Call call;
    if (graph) {
        *graph = nullptr;
    }
    if (!graph || !is_stream(stream) || !stream->capture) {
        return call.end(call.refused() ? call.end() : cudaErrorIllegalState);
    }
    const std::shared_ptr<Capture> capture = stream->capture;
    if (capture->origin != stream) {
        capture->broken = true;
        return call.end(call.refused() ? call.end() : cudaErrorStreamCaptureUnmatched);
    }
    cudaError_t error = capture->broken ? cudaErrorStreamCaptureInvalidated : cudaSuccess;
    const std::vector<bool> joined = ancestors(*capture->graph, stream->last);
    for (cudaStream_t s : capture->streams) {
        for (size_t node : s->last) {
            if (!joined[node] && error == cudaSuccess) {
                error = cudaErrorStreamCaptureUnjoined;
            }
        }
    }
    if (call.refused()) {
        error = call.end();
    }
    leave_capture(*capture);
    the_capture = nullptr;
    if (error != cudaSuccess) {
        delete capture->graph;
        return call.end(error);
    }
    *graph = capture->graph;
    live_objects++;
    return cudaSuccess;
}

extern "C" cudaError_t cudaStreamIsCapturing(cudaStream_t stream,
                                             enum cudaStreamCaptureStatus *status)
{
    Call call;
    if (call.refused()) {
        return call.end();
    }
    if (stream && !is_stream(stream)) {
        return call.end(cudaErrorInvalidResourceHandle);
    }
    *status = !stream || !stream->capture ? cudaStreamCaptureStatusNone
              : stream->capture->broken   ? cudaStreamCaptureStatusInvalidated
                                          : cudaStreamCaptureStatusActive;
    return cudaSuccess;
}

extern "C" cudaError_t cudaGraphGetNodes(cudaGraph_t graph, cudaGraphNode_t *nodes, size_t *count)
{
    Call call;
    if (call.refused()) {
        return call.end();
    }
    if (!graph || !count) {
        return call.end(cudaErrorInvalidValue);
    }
    if (nodes) {
        for (size_t i = 0; i < *count; i++) {
            nodes[i] = i < graph->nodes.size() ? graph->nodes[i].get() : nullptr;
        }
        *count = *count < graph->nodes.size() ? *count : graph->nodes.size();
    } else {
        *count = graph->nodes.size();
    }
    return cudaSuccess;
}

extern "C" cudaError_t cudaGraphNodeGetType(cudaGraphNode_t node, cudaGraphNodeType *type)
{
    Call call;
    if (call.refused()) {
        return call.end();
    }
    if (!node) {
        return call.end(cudaErrorInvalidValue);
    }
    *type = node->kind;
    return cudaSuccess;
}

static std::atomic<int> refused_graphs;

extern "C" void alm_shim_refuse_graphs(int n)
{
    refused_graphs = n;
}

extern "C" cudaError_t cudaGraphInstantiate(cudaGraphExec_t *exec, cudaGraph_t graph,
                                            unsigned long long)
{
    Call call;
    if (call.refused()) {
        return call.end();
    }
    if (!exec || !graph) {
        return call.end(cudaErrorInvalidValue);
    }
    if (refused_graphs > 0) {
        refused_graphs--;
        return call.end(cudaErrorInvalidResourceHandle);
    }
    *exec = new CUgraphExec_st{graph->nodes};
    live_objects++;
    return cudaSuccess;
}

extern "C" cudaError_t cudaGraphUpload(cudaGraphExec_t exec, cudaStream_t)
{
    Call call;
    return call.end(call.refused() ? call.end() : exec ? cudaSuccess : cudaErrorInvalidValue);
}

extern "C" cudaError_t cudaGraphLaunch(cudaGraphExec_t exec, cudaStream_t stream)
{
    Call call;
    if (call.refused()) {
        return call.end();
    }
    if (!exec) {
        return call.end(cudaErrorInvalidValue);
    }
    if (stream && is_stream(stream) && stream->capture) {
        return call.end(break_capture(cudaErrorNotSupported)); /* graphs in graphs: not here */
    }
    const auto nodes = exec->nodes;
    return call.end(enqueue(stream, cudaGraphNodeTypeKernel, [=] { replay(nodes); }));
}

extern "C" cudaError_t cudaGraphDestroy(cudaGraph_t graph)
{
    Call call;
    if (!graph) {
        return call.end(call.refused() ? call.end() : cudaErrorInvalidValue);
    }
    delete graph;
    live_objects--;
    return call.end();
}

extern "C" cudaError_t cudaGraphExecDestroy(cudaGraphExec_t exec)
{
    Call call;
    if (!exec) {
        return call.end(call.refused() ? call.end() : cudaErrorInvalidValue);
    }
    delete exec;
    live_objects--;
    return call.end();
}
