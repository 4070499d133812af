/* What ward_spec_error says: ipc/spec.c. */
#include <limits.h>

#include <ward/register.h>
#include <ward/verbs.h>

#include "tests/unit/support.h"

static ward_next
receive(ward_ctx *ctx, const ward_message *msg)
{
    (void)ctx;
    (void)msg;
    return WARD_SAME;
}

static const ward_behavior behavior = {.name = "b", .receive = receive};
WARD_REGISTER(behavior);
static const ward_spec good = {.id = "parser", .behavior = &behavior};

/* The complaint names the actor and the field. */
static void
assert_refused(const ward_spec *spec, const char *field)
{
    const char *text = ward_spec_error(spec);

    if (text == NULL)
        fail_msg("a bad %s was accepted", field);
    assert_non_null(strstr(text, "\"parser\""));
    if (strstr(text, field) == NULL)
        fail_msg("\"%s\" does not name %s", text, field);
}

static void
a_spec_of_defaults_is_good(void **state)
{
    (void)state;
    assert_null(ward_spec_error(&good));
}

/* ---- numbers: each field with its edges ---- */

struct edge {
    const char *field;
    size_t offset;
    size_t size;
    int64_t least, most;
    bool zero_is_bad; /* WARD_ZERO */
};

#define EDGE(name, field, least, most, zero_is_bad)                                      \
    {                                                                                    \
        name, offsetof(ward_spec, field), sizeof(((ward_spec *)0)->field), least, most,  \
            zero_is_bad                                                                  \
    }

static const struct edge edges[] = {
    EDGE("restart", restart, 0, WARD_TEMPORARY, true),
    EDGE("start_ms", start_ms, WARD_INFINITE, INT_MAX, true),
    EDGE("shutdown_ms", shutdown_ms, WARD_INFINITE, INT_MAX, false),
    EDGE("message_ms", message_ms, WARD_INFINITE, INT_MAX, true),
    EDGE("redeliver", redeliver, WARD_ZERO, 100, false),
    EDGE("mailbox.bytes", mailbox.bytes, WARD_INFINITE, INT64_MAX, true),
    EDGE("mailbox.messages", mailbox.messages, WARD_INFINITE, INT64_MAX, true),
};

static ward_spec
with_number(const struct edge *edge, int64_t number)
{
    ward_spec spec = good;
    char *at = (char *)&spec + edge->offset;
    int narrow = (int)number;

    if (edge->size == sizeof number)
        memcpy(at, &number, sizeof number);
    else
        memcpy(at, &narrow, sizeof narrow);
    return spec;
}

static void
a_number_out_of_its_range_is_named(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(edges); i++) {
        const struct edge *edge = &edges[i];
        const int64_t greatest = edge->size == sizeof(int64_t) ? INT64_MAX : INT_MAX;
        ward_spec spec = with_number(edge, edge->least);
        assert_null(ward_spec_error(&spec));
        spec = with_number(edge, edge->most);
        assert_null(ward_spec_error(&spec));
        spec = with_number(edge, 1);
        assert_null(ward_spec_error(&spec));
        spec = with_number(edge, edge->least - 1);
        assert_refused(&spec, edge->field);
        spec = with_number(edge, edge->size == sizeof(int64_t) ? INT64_MIN : INT_MIN);
        assert_refused(&spec, edge->field);
        if (edge->most < greatest) {
            spec = with_number(edge, edge->most + 1);
            assert_refused(&spec, edge->field);
        }
        spec = with_number(edge, WARD_ZERO);
        if (edge->zero_is_bad)
            assert_refused(&spec, edge->field);
        else
            assert_null(ward_spec_error(&spec));
    }
}

/* ---- the id ---- */

static bool
is_good_id(const char *id)
{
    ward_spec spec = good;
    const char *text;

    spec.id = id;
    text = ward_spec_error(&spec);
    if (text != NULL) {
        assert_non_null(strstr(text, "id"));
        assert_memory_equal(text, "spec \"", 6);
    }
    return text == NULL;
}

static void
an_id_has_only_the_characters_it_may_have(void **state)
{
    static const char allowed[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.";

    (void)state;
    for (int c = 1; c < 256; c++) {
        const char id[] = {'x', (char)c, '\0'};
        const char last[] = {(char)c, 'x', '\0'};
        assert_int_equal(is_good_id(id), strchr(allowed, (char)c) != NULL);
        assert_int_equal(is_good_id(last), strchr(allowed, (char)c) != NULL);
    }
    assert_false(is_good_id(NULL));
    assert_false(is_good_id(""));
    assert_false(is_good_id("."));
    assert_false(is_good_id(".."));
    assert_true(is_good_id("..."));
    assert_true(is_good_id("-"));
}

static void
an_id_is_at_most_as_long_as_is_said(void **state)
{
    char id[1001];

    (void)state;
    memset(id, 'i', sizeof id);
    for (size_t length = 1; length < sizeof id; length++) {
        id[length] = '\0';
        assert_int_equal(is_good_id(id), length <= WARD_MAX_ID);
        id[length] = 'i';
    }
}

/* ---- what is required, or hangs together ---- */

static void
what_is_required_is_named(void **state)
{
    static const ward_behavior no_name = {.receive = receive};
    static const ward_behavior no_receive = {.name = "b"};
    ward_spec spec = good;

    (void)state;
    assert_non_null(strstr(ward_spec_error(NULL), "spec is required"));
    spec.behavior = NULL;
    assert_refused(&spec, "behavior is required");
    spec.behavior = &no_name;
    assert_refused(&spec, "behavior must have");
    spec.behavior = &no_receive;
    assert_refused(&spec, "behavior must have");
}

static void
arguments_and_descriptors_must_be_there(void **state)
{
    static const int fds[17] = {0};
    ward_spec spec = good;

    (void)state;
    spec.args = (ward_bytes){NULL, 1};
    assert_refused(&spec, "args");
    spec.args = (ward_bytes){"x", 0};
    assert_null(ward_spec_error(&spec));
    spec.fd_count = 1;
    assert_refused(&spec, "fds");
    spec.fds = fds;
    assert_null(ward_spec_error(&spec));
    spec.fd_count = 16;
    assert_null(ward_spec_error(&spec));
    spec.fd_count = 17;
    assert_refused(&spec, "fds");
    spec.fd_count = SIZE_MAX;
    assert_refused(&spec, "fds");
}

static bool
is_good_strategy(ward_strategy strategy, const char *field)
{
    static ward_strategy tried;
    ward_spec spec = good;

    tried = strategy;
    tried.name = "tried";
    assert_int_equal(ward_register(WARD_REGISTERED_STRATEGY, &tried), 0);
    spec.strategy = &tried;
    if (ward_spec_error(&spec) == NULL)
        return true;
    assert_refused(&spec, field);
    return false;
}

static void
a_bad_strategy_is_named(void **state)
{
    static const int restarts[] = {WARD_INFINITE, WARD_ZERO, 0, 1, 65536};

    (void)state;
    for (size_t i = 0; i < COUNT_OF(restarts); i++)
        assert_true(is_good_strategy((ward_strategy){.max_restarts = restarts[i]},
                                     "strategy.max_restarts"));
    assert_false(is_good_strategy((ward_strategy){.max_restarts = 65537},
                                  "strategy.max_restarts"));
    assert_false(
        is_good_strategy((ward_strategy){.max_restarts = -3}, "strategy.max_restarts"));
    assert_false(
        is_good_strategy((ward_strategy){.within_ms = -3}, "strategy.within_ms"));
    assert_true(
        is_good_strategy((ward_strategy){.within_ms = INT_MAX}, "strategy.within_ms"));
    for (int limit = -1; limit <= 5; limit++)
        assert_int_equal(
            is_good_strategy((ward_strategy){.on_limit = (ward_directive)limit},
                             "strategy.on_limit"),
            limit == 0 || limit == WARD_DIRECTIVE_STOP ||
                limit == WARD_DIRECTIVE_ESCALATE);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_spec_of_defaults_is_good),
        cmocka_unit_test(a_number_out_of_its_range_is_named),
        cmocka_unit_test(an_id_has_only_the_characters_it_may_have),
        cmocka_unit_test(an_id_is_at_most_as_long_as_is_said),
        cmocka_unit_test(what_is_required_is_named),
        cmocka_unit_test(arguments_and_descriptors_must_be_there),
        cmocka_unit_test(a_bad_strategy_is_named),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
