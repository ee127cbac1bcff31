/* Edge convolution of the VN-DGCNN from gather to mean (assemlm2.md 2): on the edges [x_j - x_i,
 * x_i] to the k neighbours one or two layers VNLinearLeakyReLU, then the mean over the neighbours.
 * Nothing of size N·k is stored.
 *
 * in 0   x      F32 [N, C, 3]
 * in 1   index  I32 [N, k], k >= 1, each in [0, N): refused when it runs otherwise
 * in 2   feat1  weight [C1, 2C]      in 3  norm1  weight [C1]      in 4  dir1  weight [C1 or 1, 2C]
 * in 5   feat2  weight [C2, C1]      in 6  norm2  weight [C2]      in 7  dir2  weight [C2 or 1, C1]
 *        all three optional
 * out 0  f32 [N, C2 (C1 with one layer), 3]
 *
 * A dir with one row serves every channel. Slope and eps are the constants of vn_linear.h.
 */
#ifndef ALM_KERNELS_EDGE_CONV_H
#define ALM_KERNELS_EDGE_CONV_H

#include "kernels/core/op.h"

alm_status alm_edge_conv_f32_ref(const alm_exec *x, const alm_op_args *a);
size_t alm_edge_conv_workspace_ref(const alm_op_args *a, const alm_device *device);

/* edge_conv_simd.inc.h */
alm_status alm_edge_conv_f32_avx512(const alm_exec *x, const alm_op_args *a);
size_t alm_edge_conv_workspace_avx512(const alm_op_args *a, const alm_device *device);
bool alm_edge_conv_accepts_avx512(const alm_op_args *a);
alm_status alm_edge_conv_f32_avx2(const alm_exec *x, const alm_op_args *a);
size_t alm_edge_conv_workspace_avx2(const alm_op_args *a, const alm_device *device);
bool alm_edge_conv_accepts_avx2(const alm_op_args *a);

#endif
