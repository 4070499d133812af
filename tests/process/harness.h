/*
 * What the tests on real processes share: a system whose events and messages are recorded,
 * ways to wait for one of them with a deadline, and a teardown that finds what was left
 * behind. It knows ward's public headers only, and no behaviors: those are the tests'.
 *
 *   static void
 *   crash_is_seen(void **state)
 *   {
 *       struct harness *h = *state;
 *       ward_ref ref = spawn(h, &(ward_spec){.id = "a", .behavior = &crasher});
 *
 *       ward_tell(h->ctx, ref, CRASH);
 *       assert_int_equal(await_event(h, WARD_EVENT_FAILED, "/a")->failure.signal, SIGSEGV);
 *   }
 *   int
 *   main(void)
 *   {
 *       static const struct CMUnitTest tests[] = {TEST(crash_is_seen)};
 *       return harness_main("crashes", tests, sizeof tests / sizeof tests[0]);
 *   }
 *
 * Used by: every test_*.c of this folder. Uses: ward, cmocka, /proc.
 */
#ifndef WARD_TESTS_PROCESS_HARNESS_H
#define WARD_TESTS_PROCESS_HARNESS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <cmocka.h>

#include <ward/ward.h>

enum { DEADLINE_MS = 10000 };

/* A message, as far as tests want to know it. Lives as long as the harness. */
struct mail {
    int64_t type;
    int64_t number;   /* its first integer, or 0 */
    const char *text; /* its first string, or "" */
    ward_ref ref;     /* its first reference, or nobody */
    ward_bytes raw;   /* its values as sent */
    ward_ref sender;
    unsigned attempt;
    ward_terminated ended; /* of WARD_TERMINATED */
    uint64_t order;        /* among events and messages */
    bool is_taken;
};

/* An event; all it points to is a copy. */
struct record {
    ward_event_kind kind;
    ward_ref actor;
    const char *path;
    uint32_t incarnation;
    bool has_failure;
    ward_failure failure;
    ward_directive directive;
    ward_letter letter;
    bool has_message;
    struct mail message;
    const char *text;
    ward_end end;
    uint64_t count;
    ward_report report;
    uint32_t attempt;
    int64_t retry_ms;
    ward_budget budget;
    int64_t at_ms; /* when it was told: now_ms */
    uint64_t order;
    bool is_taken;
};

struct harness {
    ward_system *sys;      /* owned */
    ward_ctx *ctx;         /* borrowed from sys */
    ward_ref self;         /* the root actor */
    struct record *events; /* owned */
    size_t event_count;
    struct mail *mails; /* owned: what came to the host */
    size_t mail_count;
    unsigned room_count; /* how often on_room was called */
    ward_ref room;       /* and for whom, the last time */
    uint64_t order;

    /* What the teardown expects of ward_run after ward_system_stop. */
    int expected_end;
    /* Called besides the recording, where a test wants to act in a callback. */
    void (*on_event)(struct harness *h, const ward_event *event);
    void (*on_mail)(struct harness *h, const ward_message *msg);
    void *user;

    void *kept; /* owned: the copies */
    int descriptors_before;
};

/* ---- life ---- */

#define TEST(name) cmocka_unit_test_setup_teardown(name, harness_setup, harness_teardown)

/* ward_early, then the tests. */
int harness_main(const char *name, const struct CMUnitTest *tests, size_t count);

/* A harness with a running system of default options. */
int harness_setup(void **state);

/*
 * Stops the system in order unless the test freed it, and asserts that nothing is left: no
 * descriptor, no child of ours, no process below the zygote.
 */
int harness_teardown(void **state);

/* Ends the system at once and opens another with these options; callbacks are filled in. */
void harness_reopen(struct harness *h, const ward_system_options *options);

/* Stops the system in order, expecting `result` of ward_run, and frees it. */
void harness_stop(struct harness *h, int result);

/* Options whose callbacks record into h. */
ward_system_options harness_options(struct harness *h,
                                    const ward_system_options *options);

/* ---- waiting: each fails the test with the log at its deadline ---- */

/* The next event of that kind that was not awaited yet; path NULL: of anybody. */
const struct record *await_event(struct harness *h, ward_event_kind kind,
                                 const char *path);
const struct record *await_letter(struct harness *h, ward_letter letter,
                                  const char *path);

/* The next message to the host of that type that was not awaited yet. */
const struct mail *await_mail(struct harness *h, int64_t type);

/* ward_settle, which must succeed. */
void settle(struct harness *h);

/* Runs the system until is_true(h, arg); `what` names it for the report. */
void await_true(struct harness *h, bool (*is_true)(struct harness *h, const void *arg),
                const void *arg, const char *what);

/* Runs the system for so long: only to see that something does not happen. */
void linger(struct harness *h, int ms);

/* ---- looking ---- */

size_t count_events(const struct harness *h, ward_event_kind kind, const char *path);
size_t count_letters(const struct harness *h, ward_letter letter, const char *path);
size_t count_mails(const struct harness *h, int64_t type);
void assert_no_event(struct harness *h, ward_event_kind kind, const char *path);

/* Fails the test with a reason and the log of all events. */
#define fail_with_log(h, ...) fail_with_log_at((h), __FILE__, __LINE__, __VA_ARGS__)
_Noreturn void fail_with_log_at(struct harness *h, const char *file, int line,
                                const char *format, ...) WARD_PRINTF(4, 5);

/* Where a test depends on time, and this machine had none for it again and again. */
#define skip_as_too_busy()                                                               \
    do {                                                                                 \
        print_message("skipped: this machine is too busy to say\n");                     \
        skip();                                                                          \
    } while (0)

/* Results by name: "got EAGAIN, expected 0". */
#define assert_result(got, expected)                                                     \
    assert_result_at((got), (expected), __FILE__, __LINE__)
void assert_result_at(int64_t got, int expected, const char *file, int line);

/* ---- doing ---- */

/* Spawns as a child of the host; must succeed. With `.args` empty it gets the host's
 * reference, see host_of. */
ward_ref spawn(struct harness *h, const ward_spec *spec);
ward_ref spawn_up(struct harness *h, const ward_spec *spec);

/* Asks with that type and no values; the first integer of the answer. */
int64_t ask_number(struct harness *h, ward_ref ref, int64_t type);

/* The actor of that path; must be found. */
ward_ref find(struct harness *h, const char *path);

/* [worker] The host's reference, where spawn gave it as args. */
ward_ref host_of(ward_ctx *ctx);

/* Milliseconds of the monotonic clock. */
int64_t now_ms(void);

/* ---- what is left ---- */

int open_descriptors(void);

/* How many processes there are below us, the zygote not counted. */
size_t processes_below(void);

/* Those of them that are spares, at most `most`, to `pids`. Their number. */
size_t spares_below(pid_t *pids, size_t most);

/* True once nothing but a fork server and its spares is below us, within 2 s. */
bool workers_end(void);

/* True once they are all gone, within 2 s. */
bool processes_end(void);

#endif
