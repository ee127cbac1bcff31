/* The bf16 mode as a pass over a finished graph. Operands of matrix products become BF16; sums,
 * norms, softmax, the residual stream, the point encoder and the pose head stay float32.
 *
 * A temporary or state of type F32 becomes BF16 when all of this holds, and only then:
 *   - it is not an output of the graph;
 *   - whatever writes it can round its result (bf16_out of the operation; output 0);
 *   - whoever reads it, or a view of it, takes it as an operand of a matrix product (bf16_in), or
 *     copies or turns it (rotary, gather_rows, place_rows) into a value that becomes BF16 too.
 * So a value is rounded once where the reference's bf16 run rounds it at least once (qwen3vl.md,
 * R(x)), and nothing is rounded that is added to later.
 *
 * A weight of type F32 becomes BF16 when all that read it multiply it by something that is BF16
 * (bf16_weights), as autocast does; other weights stay what the file has.
 */
#ifndef ALM_GRAPH_NARROW_H
#define ALM_GRAPH_NARROW_H

#include "graph/graph.h"

/* Rewrites the types of the graph's values, before a plan is made of it. Every operation checks its
 * inputs again: an error is a bug (ALM_STATUS_INTERNAL with the operation's text), after which the
 * graph is of no use. A graph that is narrow already stays as it is. */
alm_status alm_graph_narrow(alm_graph *graph);

#endif
