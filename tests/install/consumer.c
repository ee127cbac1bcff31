/* A program of somebody else, built against the installed package; runs inside the demo folder. */
#include <runtime/assemlm.h>
#include <stdio.h>

int main(void)
{
    const alm_sample sample = {.fixed.path = "samples/peg_1/fixed.npy",
                               .moving.path = "samples/peg_1/moving.npy",
                               .page = {{"samples/peg_1/page1.png"}, {"samples/peg_1/page2.png"}},
                               .category = "keyed peg"};
    alm_engine *engine = NULL;
    alm_session *session = NULL;
    alm_result result;
    if (alm_engine_create(&(alm_engine_options){.model = "model"}, &engine) != ALM_OK ||
        alm_session_create(engine, 0, &session) != ALM_OK ||
        alm_session_predict(session, &sample, &result) != ALM_OK) {
        return fprintf(stderr, "%s\n", alm_error_message()), 1;
    }
    printf("assemlm %s: %.3f %.3f %.3f\n", alm_version(), result.position[0], result.position[1],
           result.position[2]);
    alm_session_destroy(session);
    alm_engine_destroy(engine);
    return 0;
}
