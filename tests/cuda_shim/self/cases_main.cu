/* cuda_shim_cases NAME: runs one case; 0 when its results are right, 1 when not; 99 and a report
 * when the shim stops it. Every case ends within a minute. */
#include "tests/cuda_shim/self/cases.h"

#include <unistd.h>

static const shim_case *const lists[] = {seeded_cases, rule_cases, feature_cases};

int main(int argc, char **argv)
{
    alarm(60);
    for (const shim_case *list : lists) {
        for (const shim_case *c = list; c->name; c++) {
            if (argc != 2) {
                printf("%s\n", c->name);
            } else if (!strcmp(argv[1], c->name)) {
                const int result = c->run();
                if (result) {
                    printf("wrong result\n");
                }
                return result != 0;
            }
        }
    }
    return 2;
}
