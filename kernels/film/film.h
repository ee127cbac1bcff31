/* The bridge's input (assemlm2.md 3.2 to 3.4): (h + type[branch] + position)·(1 + γ) + β, rows in
 * four equal branches. In double inside, rounded once.
 *
 * in 0   h         F32 [4P, H]
 * in 1   position  F32 [4P, H]
 * in 2   type      weight [4, H]
 * in 3   film      F32 [1, 2H]: γ, then β
 * out 0  f32 [4P, H]; may take the buffer of h
 */
#ifndef ALM_KERNELS_FILM_H
#define ALM_KERNELS_FILM_H

#include "kernels/core/op.h"

alm_status alm_film_f32_ref(const alm_exec *x, const alm_op_args *a);

#endif
