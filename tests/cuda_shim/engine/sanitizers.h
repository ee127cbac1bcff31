/* What the sanitizers must be told; nothing where there is none.
 *
 * ASan and MSan see the engine too. TSan must not: the engine moves data between CUDA threads that
 * nothing orders, so it is compiled without -fsanitize=thread and with -DSHIM_TSAN, and says
 * itself what orders what.
 */
#pragma once

#include <stddef.h>

#ifndef __has_feature
#define __has_feature(x) 0
#endif

#if defined(__SANITIZE_ADDRESS__) || __has_feature(address_sanitizer)
#define SHIM_ASAN 1
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#else
#define SHIM_ASAN 0
#endif

#if __has_feature(memory_sanitizer)
#define SHIM_MSAN 1
#include <sanitizer/msan_interface.h>
#else
#define SHIM_MSAN 0
#endif

#ifndef SHIM_TSAN
#define SHIM_TSAN 0
#endif
#if SHIM_TSAN
#include <sanitizer/tsan_interface.h>
extern "C" {
void AnnotateIgnoreReadsBegin(const char *file, int line);
void AnnotateIgnoreReadsEnd(const char *file, int line);
void AnnotateIgnoreWritesBegin(const char *file, int line);
void AnnotateIgnoreWritesEnd(const char *file, int line);
}
#endif

namespace shim
{

/* ---- ASan: bytes that nobody may touch ---- */
static inline void poison([[maybe_unused]] const void *p, [[maybe_unused]] size_t bytes)
{
#if SHIM_ASAN
    ASAN_POISON_MEMORY_REGION(p, bytes);
#endif
}

static inline void unpoison([[maybe_unused]] const void *p, [[maybe_unused]] size_t bytes)
{
#if SHIM_ASAN
    ASAN_UNPOISON_MEMORY_REGION(p, bytes);
#endif
}

/* ---- MSan: bytes that nobody has written ---- */
static inline void mark_unwritten([[maybe_unused]] void *p, [[maybe_unused]] size_t bytes)
{
#if SHIM_MSAN
    __msan_poison(p, bytes);
#endif
}

static inline void mark_written([[maybe_unused]] void *p, [[maybe_unused]] size_t bytes)
{
#if SHIM_MSAN
    __msan_unpoison(p, bytes);
#endif
}

static inline void check_written([[maybe_unused]] const void *p, [[maybe_unused]] size_t bytes)
{
#if SHIM_MSAN
    __msan_check_mem_is_initialized(p, bytes);
#endif
}

/* ---- TSan: identities of CUDA threads, and what orders them ---- */
static inline void release_order([[maybe_unused]] void *object)
{
#if SHIM_TSAN
    __tsan_release(object);
#endif
}

static inline void acquire_order([[maybe_unused]] void *object)
{
#if SHIM_TSAN
    __tsan_acquire(object);
#endif
}

static inline void *this_identity()
{
#if SHIM_TSAN
    return __tsan_get_current_fiber();
#else
    return nullptr;
#endif
}

/* Without ordering anything. */
static inline void become_identity([[maybe_unused]] void *identity)
{
#if SHIM_TSAN
    __tsan_switch_to_fiber(identity, 1 /* no synchronisation */);
#endif
}

} // namespace shim
