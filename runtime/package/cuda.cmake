# The layer alm_cuda: the CUDA kernels and runtime/cuda/, or runtime/cuda_absent.c in builds without CUDA.
#
# The runtime is linked statically, so that the program starts on machines without a driver; libcuda is never linked, and
# cuBLASLt, NCCL and cuDNN are opened when they are there. kernels/<op>/<op>_sm90.cu are compiled for 90a only;
# ALM_HAS_SM90 tells the other sources that they are there.
set(ALM_CUDA_LIBRARIES "")
set(ALM_HAS_CUDA OFF)
if(NOT ASSEMLM_CUDA STREQUAL OFF)
  find_program(ASSEMLM_NVCC nvcc HINTS ENV CUDA_PATH PATHS /usr/local/cuda PATH_SUFFIXES bin)
  if(ASSEMLM_CUDA STREQUAL ON)
    set(ALM_HAS_CUDA ON)
    if(NOT ASSEMLM_NVCC)
      message(FATAL_ERROR "assemlm: ASSEMLM_CUDA=ON needs nvcc, in PATH or in /usr/local/cuda/bin")
    endif()
  elseif(ASSEMLM_NVCC AND NOT ASSEMLM_SANITIZE AND NOT ASSEMLM_FUZZ AND ASSEMLM_SHIM_MODE STREQUAL "plain")
    set(ALM_HAS_CUDA ON)
  endif()
endif()

file(GLOB ALM_CUDA_KERNELS CONFIGURE_DEPENDS kernels/*/*.cu)
file(GLOB ALM_CUDA_SM90_KERNELS CONFIGURE_DEPENDS kernels/*/*_sm90.cu)
list(FILTER ALM_CUDA_KERNELS EXCLUDE REGEX "_sm90\\.cu$")
file(GLOB ALM_CUDA_C_SOURCES CONFIGURE_DEPENDS kernels/cuda/*.c runtime/cuda/*.c)

if(NOT ALM_HAS_CUDA)
  alm_layer(alm_cuda GLOBS runtime/cuda_absent.c)
  message(STATUS "assemlm: without CUDA")
  return()
endif()

# CMake would try the newest architectures that it knows, not those of the toolkit: the flags are ours.
set(CMAKE_CUDA_COMPILER ${ASSEMLM_NVCC})
set(CMAKE_CUDA_ARCHITECTURES OFF)
set(CMAKE_CUDA_FLAGS_RELEASE "-O3")
enable_language(CUDA)
set(library_suffixes ${CMAKE_FIND_LIBRARY_SUFFIXES})
set(CMAKE_FIND_LIBRARY_SUFFIXES .so .a) # it asks for the shared runtime too
find_package(CUDAToolkit REQUIRED)
set(CMAKE_FIND_LIBRARY_SUFFIXES ${library_suffixes})
set(ALM_CUDA_LIBRARIES CUDA::cudart_static)

# code_of(VARIABLE 80 90a): -gencode options.
function(code_of variable)
  set(options "")
  foreach(arch ${ARGN})
    list(APPEND options "SHELL:-gencode arch=compute_${arch},code=sm_${arch}")
  endforeach()
  set(${variable} "${options}" PARENT_SCOPE)
endfunction()
code_of(every_arch ${ASSEMLM_CUDA_ARCHS})

add_library(alm_cuda OBJECT ${ALM_CUDA_KERNELS} ${ALM_CUDA_C_SOURCES})
set(cuda_layers alm_cuda)
target_compile_options(alm_cuda PRIVATE $<$<COMPILE_LANGUAGE:CUDA>:${every_arch}>)
if("90a" IN_LIST ASSEMLM_CUDA_ARCHS AND ALM_CUDA_SM90_KERNELS)
  code_of(sm90 90a)
  add_library(alm_cuda_sm90 OBJECT ${ALM_CUDA_SM90_KERNELS})
  list(APPEND cuda_layers alm_cuda_sm90)
  target_compile_options(alm_cuda_sm90 PRIVATE $<$<COMPILE_LANGUAGE:CUDA>:${sm90}>)
  target_compile_definitions(alm_cuda PRIVATE ALM_HAS_SM90=1)
  target_link_libraries(alm_cuda INTERFACE alm_cuda_sm90 $<TARGET_OBJECTS:alm_cuda_sm90>)
endif()
if(EXISTS ${CUDAToolkit_INCLUDE_DIRS}/nvtx3/nvToolsExt.h)
  target_compile_definitions(alm_cuda PRIVATE ALM_HAS_NVTX=1)
endif()
# How .cu files of a target are compiled, but for the architectures.
function(alm_cuda_flags target)
  target_compile_options(${target} PRIVATE
    $<$<COMPILE_LANGUAGE:CUDA>:-std=c++20 -Wno-deprecated-gpu-targets --compress-mode=size
    -Xcompiler=-Wall,-Wextra,-Wno-missing-field-initializers,-ffp-contract=off,-fno-strict-aliasing,-fvisibility=hidden>
    $<$<AND:$<COMPILE_LANGUAGE:CUDA>,$<BOOL:${ASSEMLM_WERROR}>>:SHELL:-Werror all-warnings>)
endfunction()
# What is said of a GPU that there is no code for.
set_source_files_properties(runtime/cuda/device.c runtime/cuda/facts.c PROPERTIES COMPILE_DEFINITIONS "ALM_CUDA_ARCHS=\"${ASSEMLM_CUDA_ARCHS}\"")
foreach(layer ${cuda_layers})
  target_link_libraries(${layer} PUBLIC alm_flags CUDA::cudart_static)
  alm_cuda_flags(${layer})
endforeach()
message(STATUS "assemlm: CUDA ${CUDAToolkit_VERSION} for ${ASSEMLM_CUDA_ARCHS}")
