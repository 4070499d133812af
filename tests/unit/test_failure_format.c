/* Failures and events in one line: the end of ipc/failure.c, and ipc/event.c. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>

#include <ward/error.h>
#include <ward/event.h>

#include "ipc/message.h"
#include "tests/unit/support.h"

static char line[512];

static ward_failure
sample(ward_cause cause)
{
    return (ward_failure){.cause = cause,
                          .phase = WARD_PHASE_RECEIVE,
                          .actor = {1, 1},
                          .origin = {1, 1},
                          .path = "/team/w",
                          .origin_path = "/team/w",
                          .step = "",
                          .raised = "",
                          .text = "",
                          .breadcrumb = ""};
}

static void
assert_line(const ward_failure *f, const char *expected)
{
    assert_int_equal(ward_failure_format(f, line, sizeof line), strlen(expected));
    assert_string_equal(line, expected);
}

static void
each_cause_says_what_is_known_of_it(void **state)
{
    ward_failure f = sample(WARD_CAUSE_SIGNAL);

    (void)state;
    f.signal = SIGSEGV;
    f.signal_code = SEGV_MAPERR;
    f.has_message = true;
    f.message_type = 1;
    assert_line(&f,
                "/team/w #0: signal 11 (SIGSEGV) at 0x0, receive of message 1, by self");
    f.signal = SIGKILL;
    f.by = WARD_BY_OUTSIDER;
    f.has_message = false;
    f.incarnation = 7;
    assert_line(&f, "/team/w #7: signal 9 (SIGKILL), receive, by outsider");
    f.signal = SIGSEGV; /* sent, not met: there is no address */
    f.signal_code = SI_USER;
    assert_line(&f, "/team/w #7: signal 11 (SIGSEGV), receive, by outsider");
    f = sample(WARD_CAUSE_EXIT);
    f.exit_code = 3;
    assert_line(&f, "/team/w #0: exit 3, receive, by self");
    f = sample(WARD_CAUSE_RAISE);
    f.raised = "ValueError";
    f.text = "Cannot process: bad";
    assert_line(&f, "/team/w #0: ValueError: Cannot process: bad, receive, by self");
    f = sample(WARD_CAUSE_SPAWN);
    f.error = -EMFILE;
    f.step = "socketpair";
    f.text = "no more";
    f.phase = WARD_PHASE_START;
    assert_line(&f,
                "/team/w #0: spawn EMFILE in step socketpair: no more, start, by self");
    f = sample(WARD_CAUSE_ERROR);
    f.error = -5000;
    assert_line(&f, "/team/w #0: error -5000, receive, by self");
    f.error = -WARD_ETYPE;
    f.origin = (ward_ref){2, 2};
    f.origin_path = "/team/w/x";
    f.path = "/team/w";
    assert_line(&f,
                "/team/w/x #0: error WARD_ETYPE, receive, by self, escalated to /team/w");
}

static void
what_is_missing_or_wrong_is_still_a_line(void **state)
{
    ward_failure f = {
        .cause = (ward_cause)99, .phase = (ward_phase)99, .by = (ward_by)99};

    (void)state;
    assert_line(&f, "? #0: ?, ?, by ?");
    f = (ward_failure){.cause = WARD_CAUSE_SIGNAL, .signal = 4711, .actor = {1, 2}};
    assert_line(&f, "? #0: signal 4711 (SIG?), start, by self, escalated to ?");
}

static void
a_line_is_cut_at_every_size(void **state)
{
    ward_failure f = sample(WARD_CAUSE_RAISE);
    char whole[256];
    int length;

    (void)state;
    f.raised = "Class";
    f.text = "and a text";
    length = ward_failure_format(&f, whole, sizeof whole);
    assert_int_equal(length, strlen(whole));
    for (size_t size = 0; size <= (size_t)length + 2; size++) {
        char *cut = malloc(size + 1);
        assert_non_null(cut);
        cut[size] = '#';
        if (size > 0)
            cut[0] = '#';
        assert_int_equal(ward_failure_format(&f, size > 0 ? cut : NULL, size), length);
        assert_int_equal(cut[size], '#');
        if (size > 0) {
            assert_int_equal(strlen(cut),
                             size <= (size_t)length ? size - 1 : (size_t)length);
            assert_memory_equal(cut, whole, strlen(cut));
        }
        free(cut);
    }
}

/* ---- events ---- */

static void
assert_event(const ward_event *event, const char *expected)
{
    assert_int_equal(ward_event_format(event, line, sizeof line), strlen(expected));
    assert_string_equal(line, expected);
}

static void
each_event_says_what_it_is_about(void **state)
{
    ward_failure f = sample(WARD_CAUSE_EXIT);
    ward_event event = {.kind = WARD_EVENT_FAILED,
                        .path = "/a",
                        .failure = &f,
                        .directive = WARD_DIRECTIVE_RESTART,
                        .text = ""};
    struct ward_arena arena = {NULL};
    ward_message msg;

    (void)state;
    assert_event(&event, "/a failed, restart: /team/w #0: exit 0, receive, by self");
    event = (ward_event){.kind = WARD_EVENT_STARTED, .path = "/a", .text = ""};
    assert_event(&event, "/a #0 started");
    event = (ward_event){.kind = WARD_EVENT_STOPPED, .path = "", .text = "limit"};
    assert_event(&event, "? #0 stopped: limit");
    event = (ward_event){
        .kind = WARD_EVENT_LOG, .path = "/a", .incarnation = 2, .text = "hello"};
    assert_event(&event, "/a #2 log: hello");
    event = (ward_event){.kind = WARD_EVENT_EVENTS_LOST, .count = 12};
    assert_event(&event, "events lost: 12");
    assert_int_equal(ward__message_init(&msg, -7, (ward_raw){"\x90", 1}, &arena), 0);
    event = (ward_event){.kind = WARD_EVENT_DEAD_LETTER,
                         .path = "/a",
                         .letter = WARD_LETTER_MAILBOX_FULL,
                         .message = &msg};
    assert_event(&event, "/a dead letter, mailbox-full: message -7");
    event = (ward_event){.kind = WARD_EVENT_CLEANUP_FAILED, .path = "/a", .failure = &f};
    assert_event(&event, "/a #0 cleanup failed: /team/w #0: exit 0, receive, by self");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_cause_says_what_is_known_of_it),
        cmocka_unit_test(what_is_missing_or_wrong_is_still_a_line),
        cmocka_unit_test(a_line_is_cut_at_every_size),
        cmocka_unit_test(each_event_says_what_it_is_about),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
