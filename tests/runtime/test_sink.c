#include "runtime/output/sink.h"
#include "tests/shim/alm_test.h"

typedef struct taken {
    char text[16384];
    size_t bytes;
    int calls, fail_at; /* fail_at: the call that fails; 0: none */
} taken;

static int take(void *context, const char *text, size_t bytes)
{
    taken *t = context;
    if (++t->calls == t->fail_at || t->bytes + bytes >= sizeof t->text) {
        return 1;
    }
    memcpy(t->text + t->bytes, text, bytes);
    t->bytes += bytes;
    return 0;
}

ALM_TEST(sink, keeps_the_order_and_takes_control_characters_out)
{
    static taken t;
    alm_sink s = {.write = take, .context = &t};
    t = (taken){.calls = 0};
    ALM_REQUIRE_OK(alm_sink_flush(&s));
    ALM_CHECK_INT(t.calls, 0);
    alm_sink_print(&s, "%s %d\n", "a\x1b\x7f\tb\xc3\xa9", 1);
    ALM_CHECK_INT(t.calls, 0);
    alm_sink_put(&s, "\x1b", 1);
    alm_sink_print(&s, "end");
    ALM_REQUIRE_OK(alm_sink_flush(&s));
    ALM_CHECK(strcmp(t.text, "a???b\xc3\xa9 1\n\x1b"
                             "end") == 0);
}

ALM_TEST(sink, hands_long_texts_on_in_pieces)
{
    static taken t;
    alm_sink s = {.write = take, .context = &t};
    char line[2001];
    memset(line, 'x', 2000);
    line[2000] = '\0';
    t = (taken){.calls = 0};
    for (int i = 0; i < 10; i++) {
        alm_sink_print(&s, "%s", line); /* all but 1,023 bytes are cut off */
    }
    ALM_REQUIRE_OK(alm_sink_flush(&s));
    ALM_CHECK_INT(t.bytes, 10 * 1023);
    ALM_CHECK(t.calls >= 3);
    ALM_CHECK_INT(strspn(t.text, "x"), t.bytes);
}

ALM_TEST(sink, a_failed_write_sticks)
{
    static taken t;
    alm_sink s = {.write = take, .context = &t};
    t = (taken){.fail_at = 2};
    alm_sink_print(&s, "first");
    ALM_REQUIRE_OK(alm_sink_flush(&s));
    alm_sink_print(&s, "second");
    alm_sink_put(&s, "third", 5);
    ALM_CHECK_STATUS(alm_sink_flush(&s), ALM_STATUS_OUTPUT);
    alm_sink_print(&s, "fourth");
    ALM_CHECK_STATUS(alm_sink_flush(&s), ALM_STATUS_OUTPUT);
    ALM_CHECK_INT(t.calls, 2);
    ALM_CHECK(strcmp(t.text, "first") == 0);
}
