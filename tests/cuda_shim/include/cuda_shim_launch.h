/* cudaLaunchKernelEx of the shim: keeps a copy of the arguments with the kernel, so that the launch
 * can run at once or be recorded in a graph, and lets the engine check them. */
#pragma once

#include <tuple>
#include <type_traits>
#include <utility>

#include <cuda_runtime_api.h>

namespace shim
{

/* One launch: the engine owns `args`. */
struct Launch {
    const void *function;
    void *args;
    void (*call)(void *args);  /* the kernel, in one CUDA thread */
    void (*check)(void *args); /* each argument through check_argument */
    void (*destroy)(void *args);
};

cudaError_t enqueue_launch(const cudaLaunchConfig_t *config, const Launch &launch);

enum ArgumentKind { ARGUMENT_POINTER, ARGUMENT_STRUCT };
/* A pointer must be device memory; a struct must hold no host pointer. */
void check_argument(int index, const void *value, size_t bytes, ArgumentKind kind);

/* Padding may hold anything, old pointers too, so structs are looked into only where the compiler
 * can clear it. */
template <class T> void check_one(int index, [[maybe_unused]] T *value)
{
    if constexpr (std::is_pointer_v<T>) {
        check_argument(index, value, sizeof(T), ARGUMENT_POINTER);
    }
#if __has_builtin(__builtin_clear_padding)
    if constexpr (std::is_class_v<T>) {
        __builtin_clear_padding(value);
        check_argument(index, value, sizeof(T), ARGUMENT_STRUCT);
    }
#endif
}

template <class... P> struct Arguments {
    void (*kernel)(P...);
    std::tuple<P...> values;

    template <size_t... I> void call(std::index_sequence<I...>)
    {
        kernel(std::get<I>(values)...);
    }
    template <size_t... I> void check(std::index_sequence<I...>)
    {
        (check_one((int)I, &std::get<I>(values)), ...);
    }
};

} // namespace shim

template <class... P, class... A>
cudaError_t cudaLaunchKernelEx(const cudaLaunchConfig_t *config, void (*kernel)(P...), A &&...args)
{
    using Arguments = shim::Arguments<P...>;
    using Index = std::index_sequence_for<P...>;
    auto *kept = new Arguments{kernel, std::tuple<P...>(static_cast<P>(args)...)};
    const shim::Launch launch = {
        (const void *)kernel,
        kept,
        [](void *a) { static_cast<Arguments *>(a)->call(Index{}); },
        [](void *a) { static_cast<Arguments *>(a)->check(Index{}); },
        [](void *a) { delete static_cast<Arguments *>(a); },
    };
    return shim::enqueue_launch(config, launch);
}
