#include "runtime/stages.h"

#include <stddef.h>
#include <string.h>

const char *alm_node_stage(const char *node)
{
    static const struct {
        const char *prefix, *stage;
    } stages[] = {
        {"points.", "points"}, {"bridge.", "points"}, {"vision.", "vision"}, {"head.", "head"}};
    for (size_t i = 0; i < sizeof stages / sizeof stages[0]; i++) {
        if (strncmp(node, stages[i].prefix, strlen(stages[i].prefix)) == 0) {
            return stages[i].stage;
        }
    }
    return "language";
}
