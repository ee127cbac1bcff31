/* CUDA's small types, for C and C++: dim3 and the vector types with CUDA's alignments. */
#ifndef ALM_CUDA_SHIM_TYPES_H
#define ALM_CUDA_SHIM_TYPES_H

#ifdef __cplusplus
#define ALM_SHIM_ALIGNED(n) alignas(n)
#define ALM_SHIM_MAKE(...) __VA_ARGS__
#else
#define ALM_SHIM_ALIGNED(n) __attribute__((aligned(n)))
#define ALM_SHIM_MAKE(...)
#endif

#define ALM_SHIM_VECTOR_TYPES(name, type, align1, align2, align4)                                  \
    struct ALM_SHIM_ALIGNED(align1) name##1                                                        \
    {                                                                                              \
        type x;                                                                                    \
    };                                                                                             \
    struct ALM_SHIM_ALIGNED(align2) name##2                                                        \
    {                                                                                              \
        type x, y;                                                                                 \
    };                                                                                             \
    struct ALM_SHIM_ALIGNED(align1) name##3                                                        \
    {                                                                                              \
        type x, y, z;                                                                              \
    };                                                                                             \
    struct ALM_SHIM_ALIGNED(align4) name##4                                                        \
    {                                                                                              \
        type x, y, z, w;                                                                           \
    };                                                                                             \
    typedef struct name##1 name##1;                                                                \
    typedef struct name##2 name##2;                                                                \
    typedef struct name##3 name##3;                                                                \
    typedef struct name##4 name##4;                                                                \
    ALM_SHIM_MAKE(                                                                                 \
        static inline name##1 make_##name##1(type x) {                                             \
            return {x};                                                                            \
        } static inline name##2 make_##name##2(type x, type y) {                                   \
            return {x, y};                                                                         \
        } static inline name##3 make_##name##3(type x, type y, type z) {                           \
            return {x, y, z};                                                                      \
        } static inline name##4 make_##name##4(type x, type y, type z, type w) {                   \
            return {x, y, z, w};                                                                   \
        })

ALM_SHIM_VECTOR_TYPES(char, signed char, 1, 2, 4)
ALM_SHIM_VECTOR_TYPES(uchar, unsigned char, 1, 2, 4)
ALM_SHIM_VECTOR_TYPES(short, short, 2, 4, 8)
ALM_SHIM_VECTOR_TYPES(ushort, unsigned short, 2, 4, 8)
ALM_SHIM_VECTOR_TYPES(int, int, 4, 8, 16)
ALM_SHIM_VECTOR_TYPES(uint, unsigned int, 4, 8, 16)
ALM_SHIM_VECTOR_TYPES(long, long, 8, 16, 16)
ALM_SHIM_VECTOR_TYPES(ulong, unsigned long, 8, 16, 16)
ALM_SHIM_VECTOR_TYPES(longlong, long long, 8, 16, 16)
ALM_SHIM_VECTOR_TYPES(ulonglong, unsigned long long, 8, 16, 16)
ALM_SHIM_VECTOR_TYPES(float, float, 4, 8, 16)
ALM_SHIM_VECTOR_TYPES(double, double, 8, 16, 16)

#ifdef __cplusplus
struct dim3 {
    unsigned int x, y, z;
    constexpr dim3(unsigned int x_ = 1, unsigned int y_ = 1, unsigned int z_ = 1)
        : x(x_), y(y_), z(z_)
    {
    }
    constexpr dim3(uint3 v) : x(v.x), y(v.y), z(v.z)
    {
    }
};
#else
typedef struct dim3 {
    unsigned int x, y, z;
} dim3;
#endif

#endif
