/* The process that reads an HDF5 file: answers requests until the other end of its socket closes.
 *
 * It is a fork of a process with threads, so until the sandbox is entered it makes system calls
 * only, and after that nothing but malloc and the HDF5 library, which the parent never calls. It
 * ends with _Exit: what the parent registered to be done at its end is not done here.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "kernels/core/memory.h"
#include "runtime/input/dataset_wire.h"
#include "runtime/input/hdf5_file.h"

enum { BLOCKS_MOST = 6, ENDED = 0, LOST = 1 };

/* An answer as it goes out. */
typedef struct reply {
    almi_answer head;
    struct iovec part[BLOCKS_MOST + 1];
    int parts;
} reply;

static void add(reply *r, const void *data, size_t bytes)
{
    if (bytes > 0 && r->parts <= BLOCKS_MOST) {
        /* sendmsg only reads; its struct has no const. */
        r->part[r->parts++] = (struct iovec){.iov_base = (void *)(uintptr_t)data, .iov_len = bytes};
    }
}

/* Ends the process when nobody listens. The other end may take its time to read. */
static void send_reply(int fd, reply *r)
{
    alarm(0);
    struct msghdr message = {.msg_iov = r->part, .msg_iovlen = (size_t)r->parts};
    while (message.msg_iovlen > 0) {
        const ssize_t sent = sendmsg(fd, &message, MSG_NOSIGNAL);
        if (sent < 0 && errno == EINTR) {
            continue;
        }
        if (sent < 0) {
            _Exit(LOST);
        }
        size_t left = (size_t)sent;
        while (message.msg_iovlen > 0 && left >= message.msg_iov->iov_len) {
            left -= message.msg_iov->iov_len;
            message.msg_iov++;
            message.msg_iovlen--;
        }
        if (message.msg_iovlen > 0) {
            message.msg_iov->iov_base = (char *)message.msg_iov->iov_base + left;
            message.msg_iov->iov_len -= left;
        }
    }
}

static void begin_reply(reply *r, uint32_t serial)
{
    *r = (reply){.head = {.serial = serial}};
    add(r, &r->head, sizeof r->head);
}

/* The answer to a request that failed. What is too large for this process is the file's fault. */
static void refuse(reply *r, alm_status status)
{
    if (status == ALM_STATUS_MEMORY) {
        status = alm_fail_context(ALM_STATUS_SAMPLE, "more than the reader may take");
    }
    const char *text = alm_error_message();
    r->head.status = (uint32_t)status;
    r->head.message_bytes = (uint32_t)strlen(text);
    add(r, text, r->head.message_bytes);
}

/* ---- Requests */

/* Whole blocks only; ends the process when the other end is closed. */
static void receive(int fd, void *data, size_t bytes)
{
    char *to = data;
    while (bytes > 0) {
        const ssize_t got = recv(fd, to, bytes, 0);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got <= 0) {
            _Exit(got == 0 ? ENDED : LOST);
        }
        to += got;
        bytes -= (size_t)got;
    }
}

static void answer_list(almi_hdf5 *file, int fd, uint32_t serial, const char *split)
{
    almi_texts lists[ALMI_LISTS] = {{0}};
    reply r;
    begin_reply(&r, serial);
    const alm_status status = almi_hdf5_list(file, split, lists);
    if (status != ALM_OK) {
        refuse(&r, status);
    }
    for (int i = 0; i < ALMI_LISTS && status == ALM_OK; i++) {
        r.head.size[2 * i] = (uint64_t)lists[i].count;
        r.head.size[2 * i + 1] = lists[i].bytes;
        add(&r, lists[i].text, lists[i].bytes);
    }
    send_reply(fd, &r);
    for (int i = 0; i < ALMI_LISTS; i++) {
        alm_free(lists[i].text);
    }
}

static void answer_asset(almi_hdf5 *file, int fd, const almi_request *request, const char *key)
{
    almi_asset asset;
    reply r;
    begin_reply(&r, request->serial);
    const alm_status status = almi_hdf5_asset(file, key, request->parts, &asset);
    if (status != ALM_OK) {
        refuse(&r, status);
        send_reply(fd, &r);
        return;
    }
    r.head.category_bytes = (uint32_t)asset.category_bytes;
    add(&r, asset.category, asset.category_bytes);
    for (int i = 0; i < 2; i++) {
        r.head.size[i] = (uint64_t)asset.points[i];
        add(&r, asset.cloud[i], (size_t)asset.points[i] * 3 * sizeof(float));
    }
    for (int i = 0; i < 2; i++) {
        r.head.size[2 + 2 * i] = (uint64_t)asset.width[i];
        r.head.size[3 + 2 * i] = (uint64_t)asset.height[i];
        add(&r, asset.rgb[i], (size_t)asset.width[i] * (size_t)asset.height[i] * 3);
    }
    send_reply(fd, &r);
}

static _Noreturn void serve(const almi_child *child, almi_hdf5 *file, int fd)
{
    for (;;) {
        almi_request request;
        static char text[ALM_DATASET_NAME_BYTES + 1];
        receive(fd, &request, sizeof request);
        if (request.bytes > ALM_DATASET_NAME_BYTES) {
            _Exit(LOST);
        }
        receive(fd, text, request.bytes);
        text[request.bytes] = '\0';
        /* The parent kills a child that takes longer; this is for when there is no parent. */
        const bool is_list = request.kind == ALMI_LIST;
        alarm((unsigned)(is_list ? child->list_seconds : child->seconds) + 10);
        if (is_list) {
            answer_list(file, fd, request.serial, text);
        } else {
            answer_asset(file, fd, &request, text);
        }
    }
}

_Noreturn void almi_dataset_child(const almi_child *child)
{
    alm_dataset_info info = {0};
    almi_hdf5 *file = NULL;
    int fd = child->fd;
    reply r;
    begin_reply(&r, 0);
    alm_error_clear();
    alm_status status = almi_sandbox_enter(&fd, child->memory_bytes);
    alarm((unsigned)child->list_seconds + 10);
    if (status == ALM_OK) {
        status =
            almi_hdf5_open(child->path, child->lineart_first, child->memory_bytes, &info, &file);
    }
    almi_sandbox_close();
    if (status == ALM_OK && child->is_first) {
        status = almi_hdf5_count_objects(file, &info.objects);
    }
    if (status != ALM_OK) {
        refuse(&r, status);
    } else {
        r.head.size[0] = (uint64_t)info.objects;
        r.head.size[1] = (uint64_t)info.train;
        r.head.size[2] = (uint64_t)info.test;
        r.head.size[3] = (uint64_t)info.abandon;
    }
    send_reply(fd, &r);
    if (status != ALM_OK) {
        _Exit(ENDED);
    }
    serve(child, file, fd);
}
