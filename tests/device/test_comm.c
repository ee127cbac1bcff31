/* Ranks that are threads: what they gather, what they compare, and that nobody waits for one that
 * has left. */
#include <pthread.h>
#include <stdio.h>

#include "runtime/comm.h"
#include "tests/shim/alm_test.h"

enum { ROUNDS = 2000 };

/* What a rank does in its thread, and what came of it: only the main thread checks. */
typedef struct rank {
    alm_comm *comm;
    int (*work)(struct rank *r); /* returns the number of things that were wrong */
    int wrong;
    alm_status status;
    char text[256];
    uint64_t value;
    size_t bytes;
    int rounds; /* before it leaves */
} rank;

static void *run_rank(void *context)
{
    rank *r = context;
    r->wrong = r->work(r);
    snprintf(r->text, sizeof r->text, "%s", alm_error_message());
    alm_comm_leave(r->comm);
    return NULL;
}

/* The ranks in threads of their own until all have left. */
static void run_ranks(rank *r, alm_comm *comm, int size, int (*work)(rank *))
{
    pthread_t thread[ALM_COMM_RANKS];
    for (int i = 0; i < size; i++) {
        r[i].comm = &comm[i];
        r[i].work = work;
        ALM_REQUIRE(pthread_create(&thread[i], NULL, run_rank, &r[i]) == 0);
    }
    for (int i = 0; i < size; i++) {
        pthread_join(thread[i], NULL);
    }
}

/* Other data in every round and of every rank, some sizes. */
static int gather_rounds(rank *r)
{
    unsigned char send[ALM_COMM_BYTES], all[ALM_COMM_RANKS * ALM_COMM_BYTES];
    int wrong = 0;
    for (int round = 0; round < ROUNDS; round++) {
        const size_t bytes = round % 100 == 99 ? ALM_COMM_BYTES : (size_t)(round % 40);
        memset(send, 16 * r->comm->rank + round % 16, bytes);
        if (alm_comm_all_gather(r->comm, send, all, bytes) != ALM_OK) {
            return wrong + 1;
        }
        for (size_t i = 0; i < bytes * (size_t)r->comm->size; i++) {
            wrong += all[i] != (unsigned char)(16 * (int)(i / bytes) + round % 16);
        }
    }
    return wrong;
}

ALM_TEST(comm, gathers_in_order)
{
    for (int size = 1; size <= 3; size++) {
        alm_comm comm[3];
        rank r[3] = {{0}};
        ALM_REQUIRE_OK(alm_comm_local_create(size, comm));
        for (int i = 0; i < size; i++) {
            ALM_CHECK_INT(comm[i].rank, i);
            ALM_CHECK_INT(comm[i].size, size);
        }
        run_ranks(r, comm, size, gather_rounds);
        for (int i = 0; i < size; i++) {
            ALM_CHECK_INT(r[i].wrong, 0);
        }
    }
}

static int compare_once(rank *r)
{
    r->status = alm_comm_same(r->comm, r->value, "the plans differ");
    return 0;
}

ALM_TEST(comm, same_and_different)
{
    static const struct {
        uint64_t value[3];
        const char *text;
    } cases[] = {
        {{7, 7, 7}, NULL},
        {{7, 7, 8}, "the plans differ: rank 2 has 0000000000000008, rank 0 has 0000000000000007"},
        {{0xFEDCBA9876543210u, 9, 0xFEDCBA9876543210u},
         "the plans differ: rank 1 has 0000000000000009, rank 0 has fedcba9876543210"},
        {{1, 2, 3}, "the plans differ: rank 1 has 0000000000000002, rank 0 has 0000000000000001"},
    };
    for (size_t c = 0; c < sizeof cases / sizeof cases[0]; c++) {
        alm_comm comm[3];
        rank r[3] = {{0}};
        ALM_REQUIRE_OK(alm_comm_local_create(3, comm));
        for (int i = 0; i < 3; i++) {
            r[i].value = cases[c].value[i];
        }
        run_ranks(r, comm, 3, compare_once);
        for (int i = 0; i < 3; i++) {
            ALM_CHECK_INT(r[i].status, cases[c].text ? ALM_STATUS_CHECK : ALM_OK);
            ALM_CHECK_TEXT(r[i].text, cases[c].text ? cases[c].text : "");
        }
    }
}

/* Gathers r->rounds times, until that fails. */
static int gather_and_leave(rank *r)
{
    uint64_t all[ALM_COMM_RANKS];
    int done = 0;
    r->status = ALM_OK;
    while (done < r->rounds && r->status == ALM_OK) {
        r->status = alm_comm_all_gather(r->comm, &r->value, all, sizeof r->value);
        done += r->status == ALM_OK;
    }
    r->rounds = done;
    return 0;
}

/* The ranks that stay get an error in the round that one of them no longer takes part in, whoever
 * comes first. */
ALM_TEST(comm, one_leaves)
{
    for (int turn = 0; turn < 300; turn++) {
        const int size = 2 + turn % 2, leaver = turn % size, rounds = turn % 5;
        alm_comm comm[3];
        rank r[3] = {{0}};
        ALM_REQUIRE_OK(alm_comm_local_create(size, comm));
        for (int i = 0; i < size; i++) {
            r[i].rounds = i == leaver ? rounds : 100;
        }
        run_ranks(r, comm, size, gather_and_leave);
        for (int i = 0; i < size; i++) {
            ALM_CHECK_INT(r[i].status, i == leaver ? ALM_OK : ALM_STATUS_INTERNAL);
            ALM_CHECK_INT(r[i].rounds, rounds);
            if (i != leaver) {
                ALM_CHECK_TEXT(r[i].text, "another rank has left");
            }
        }
    }
}

static int gather_own_size(rank *r)
{
    unsigned char send[64] = {0}, all[3 * 64];
    r->status = alm_comm_all_gather(r->comm, send, all, r->bytes);
    return 0;
}

/* Ranks that bring different sizes: an error for all, and nobody waits. */
ALM_TEST(comm, different_sizes)
{
    for (int turn = 0; turn < 100; turn++) {
        alm_comm comm[3];
        rank r[3] = {{.bytes = 8}, {.bytes = 64}, {.bytes = 8}};
        ALM_REQUIRE_OK(alm_comm_local_create(3, comm));
        run_ranks(r, comm, 3, gather_own_size);
        for (int i = 0; i < 3; i++) {
            ALM_CHECK_INT(r[i].status, ALM_STATUS_INTERNAL);
            ALM_CHECK_TEXT(r[i].text, "brings another size");
        }
    }
}

ALM_TEST(comm, refused)
{
    alm_comm comm[ALM_COMM_RANKS + 1];
    unsigned char send[ALM_COMM_BYTES + 1] = {0}, all[ALM_COMM_BYTES + 1];
    ALM_CHECK_STATUS(alm_comm_local_create(0, comm), ALM_STATUS_USAGE);
    ALM_CHECK_STATUS(alm_comm_local_create(-1, comm), ALM_STATUS_USAGE);
    ALM_CHECK_STATUS(alm_comm_local_create(ALM_COMM_RANKS + 1, comm), ALM_STATUS_USAGE);
    ALM_CHECK_TEXT(alm_error_message(), "17 ranks, expected 1 to 16");
    ALM_REQUIRE_OK(alm_comm_local_create(1, comm));
    ALM_CHECK_STATUS(alm_comm_all_gather(comm, send, all, ALM_COMM_BYTES), ALM_OK);
    ALM_CHECK_STATUS(alm_comm_all_gather(comm, send, all, ALM_COMM_BYTES + 1), ALM_STATUS_INTERNAL);
    ALM_CHECK_TEXT(alm_error_message(), "all_gather of 4097 bytes, at most 4096");
    alm_comm_leave(comm);
}

/* Whoever leaves last frees what is shared: ASan and LeakSanitizer see to that. */
ALM_TEST(comm, leaving_in_any_order)
{
    static const int orders[6][3] = {{0, 1, 2}, {0, 2, 1}, {1, 0, 2},
                                     {1, 2, 0}, {2, 0, 1}, {2, 1, 0}};
    for (int o = 0; o < 6; o++) {
        alm_comm comm[3];
        uint64_t all[3], value = 5;
        ALM_REQUIRE_OK(alm_comm_local_create(3, comm));
        for (int i = 0; i < 3; i++) {
            alm_comm_leave(&comm[orders[o][i]]);
            alm_comm_leave(&comm[orders[o][i]]); /* a second time does nothing */
            if (i < 2) {
                ALM_CHECK_STATUS(
                    alm_comm_all_gather(&comm[orders[o][2]], &value, all, sizeof value),
                    ALM_STATUS_INTERNAL);
            }
        }
    }
}
