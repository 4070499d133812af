/* Paths, references and looking up: the local parts of casty's addresses, A26. */
#include "harness.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

enum { WORK, CRASH, WHERE, SPAWN, LOOK_UP, KEEP, SEND_BACK, TELL_SENDER };
enum { HANDLED = 100, HERE, RESULT };

static ward_next receive(ward_ctx *ctx, const ward_message *msg);

struct self {
    ward_ref kept;
};

static const ward_behavior actor = {
    .name = "actor", .state_size = sizeof(struct self), .receive = receive};
WARD_REGISTER(actor);
static const ward_strategy always = {.name = "always", .max_restarts = WARD_INFINITE};
WARD_REGISTER(always);

static ward_next
spawn_named(ward_ctx *ctx, const ward_message *msg)
{
    ward_ref ref = {7, 7};
    const char *id;
    int result = ward_get(msg, &id);

    if (result == 0)
        result = ward_spawn(
            ctx, &ref,
            &(ward_spec){.id = id, .behavior = &actor, .args = ward_args(ctx)});
    return ward_reply(ctx, result, ref);
}

static ward_next
look_up(ward_ctx *ctx, const ward_message *msg)
{
    ward_ref ref = {7, 7};
    const char *path;
    int result = ward_get(msg, &path);

    if (result == 0)
        result = ward_lookup(ctx, path, &ref);
    return ward_reply(ctx, result, ref);
}

static ward_next
receive(ward_ctx *ctx, const ward_message *msg)
{
    struct self *self = ward_state(ctx);

    switch (ward_message_type(msg)) {
    case WORK:
        return ward_tell(ctx, host_of(ctx), HANDLED, ward_incarnation(ctx));
    case CRASH:
        return *(volatile int *)0;
    case WHERE:
        return ward_tell(ctx, host_of(ctx), HERE, ward_path(ctx), ward_self(ctx));
    case SPAWN:
        return spawn_named(ctx, msg);
    case LOOK_UP:
        return look_up(ctx, msg);
    case KEEP:
        return ward_get(msg, &self->kept);
    case SEND_BACK:
        return ward_tell(ctx, host_of(ctx), HERE, self->kept);
    case TELL_SENDER: /* as if it were an actor */
        ward_tell(ctx, ward_sender(msg), WORK);
        return ward_reply(ctx, 1);
    }
    return WARD_UNHANDLED;
}

/* ---- the host's side ---- */

/* Asks a worker with a text; its result, and the reference that it got. */
static int
ask_with(struct harness *h, ward_ref to, int64_t type, const char *text, ward_ref *ref)
{
    ward_message *reply = NULL;
    int result = ward_ask(h->ctx, to, &reply, DEADLINE_MS, type, text), said = 0;

    if (result != 0)
        fail_with_log(h, "ask of type %lld for '%.80s': %s", (long long)type, text,
                      ward_error_name(result));
    assert_result(ward_get(reply, &said, ref), 0);
    ward_message_free(reply);
    return said;
}

static ward_ref
spawn_below(struct harness *h, ward_ref parent, const char *id)
{
    ward_ref ref;

    assert_result(ask_with(h, parent, SPAWN, id, &ref), 0);
    return ref;
}

static ward_ref
spawn_actor(struct harness *h, const char *id)
{
    return spawn_up(h, &(ward_spec){.id = id, .behavior = &actor, .strategy = &always});
}

/* Host, worker and the actor itself agree on path and reference. */
static void
assert_leads_to(struct harness *h, ward_ref worker, const char *path, ward_ref ref)
{
    ward_ref found = {0, 0};
    const struct mail *m;

    assert_true(ward_ref_equal(find(h, path), ref));
    assert_result(ask_with(h, worker, LOOK_UP, path, &found), 0);
    assert_true(ward_ref_equal(found, ref));
    assert_result(ward_tell(h->ctx, found, WHERE), 0);
    m = await_mail(h, HERE);
    assert_string_equal(m->text, path);
    assert_true(ward_ref_equal(m->ref, ref));
}

static void
A26_path_leads_back_to_its_actor(void **state)
{
    struct harness *h = *state;
    static const char *const ids[] = {"a.b", "-", "_", "...", "0", "UPPER", "upper"};
    char path[200] = "/root";
    ward_ref root = spawn_actor(h, "root"), ref = root, found;

    for (size_t i = 0; i < sizeof ids / sizeof ids[0]; i++) {
        ref = spawn_below(h, ref, ids[i]);
        strcat(strcat(path, "/"), ids[i]);
        assert_leads_to(h, root, path, ref);
        assert_true(ward_ref_equal(await_event(h, WARD_EVENT_STARTED, path)->actor, ref));
    }
    assert_string_equal(path, "/root/a.b/-/_/.../0/UPPER/upper");
    /* The host is the root actor, and found by its path as well. */
    assert_string_equal(ward_path(h->ctx), "/");
    assert_true(ward_ref_equal(find(h, "/"), h->self));
    assert_result(ask_with(h, root, LOOK_UP, "/", &found), 0);
    assert_true(ward_ref_equal(found, h->self));
}

static void
A26_wrong_path_leads_nowhere(void **state)
{
    struct harness *h = *state;
    static const char *const paths[] = {
        "",        "a",      "//a",       "/a/",    "/a//b", "a/b",  "//",     "/./a",
        "/../a",   "/a/..",  "/A",        "/a\n",   " /a",   "/a ",  "/a/b/c", "/b",
        "ward:/a", "/a\x01", "/\xc3\xa4", "/a%2fb", "/a?",   "/a#0", "/a/b:1", "*"};
    char long_path[3000];
    ward_ref ref = spawn_actor(h, "a"), found = {7, 7};

    spawn_below(h, ref, "b");
    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++) {
        assert_result(ward_lookup(h->ctx, paths[i], &found), -ENOENT);
        assert_int_equal(found.id, 7);
        assert_result(ask_with(h, ref, LOOK_UP, paths[i], &found), -ENOENT);
        assert_int_equal(found.id, 7);
    }
    for (size_t size = 1000; size < sizeof long_path; size += 8) {
        memset(long_path, 'x', size);
        long_path[0] = '/';
        long_path[size] = '\0';
        assert_result(ward_lookup(h->ctx, long_path, &found), -ENOENT);
        if (size % 200 == 0)
            assert_result(ask_with(h, ref, LOOK_UP, long_path, &found), -ENOENT);
    }
    assert_result(ward_lookup(h->ctx, NULL, &found), -EINVAL);
    assert_result(ward_lookup(h->ctx, "/a", NULL), -EINVAL);
    assert_no_event(h, WARD_EVENT_FAILED, NULL);
}

static void
A26_bad_id_is_refused_and_named(void **state)
{
    struct harness *h = *state;
    static const char *const ids[] = {"",    ".",   "..",       "a/b", "/a",  "a/",
                                      "a b", "a\n", "\xc3\xa4", "a:b", "a@b", "*"};
    char name[80];
    ward_ref ref = spawn_actor(h, "parent"), found = {7, 7};
    ward_spec spec = {.behavior = &actor};

    for (size_t i = 0; i < sizeof ids / sizeof ids[0]; i++) {
        spec.id = ids[i];
        assert_result(ward_spawn(h->ctx, &found, &spec), -EINVAL);
        assert_non_null(strstr(ward_spec_error(&spec), " id "));
        assert_result(ask_with(h, ref, SPAWN, ids[i], &found), -EINVAL);
        assert_int_equal(found.id, 7);
    }
    spec.id = NULL;
    assert_result(ward_spawn(h->ctx, &found, &spec), -EINVAL);
    memset(name, 'n', WARD_MAX_ID + 1);
    name[WARD_MAX_ID + 1] = '\0';
    spec.id = name;
    assert_result(ward_spawn(h->ctx, &found, &spec), -EINVAL);
    name[WARD_MAX_ID] = '\0';
    assert_result(ward_spawn(h->ctx, &found, &spec), 0);
    settle(h);
    assert_int_equal(count_events(h, WARD_EVENT_STARTED, NULL), 2);
}

/* Fifteen of 63 letters, and one that fills the 1023 to the last. */
static void
A26_longest_path_is_found_and_a_longer_one_refused(void **state)
{
    struct harness *h = *state;
    char id[WARD_MAX_ID + 1], path[WARD_MAX_PATH + 1] = "";
    ward_ref top = {0, 0}, ref = {0, 0}, none = {7, 7};

    memset(id, 'n', WARD_MAX_ID);
    id[WARD_MAX_ID] = '\0';
    for (int i = 0; i < 15; i++) {
        ref = i == 0 ? (top = spawn_actor(h, id)) : spawn_below(h, ref, id);
        strcat(strcat(path, "/"), id);
    }
    assert_result(ask_with(h, ref, SPAWN, id, &none), -ENAMETOOLONG);
    assert_int_equal(none.id, 7);
    id[WARD_MAX_ID - 1] = '\0';
    ref = spawn_below(h, ref, id);
    strcat(strcat(path, "/"), id);
    assert_int_equal(strlen(path), WARD_MAX_PATH);
    assert_leads_to(h, top, path, ref);
    assert_result(ask_with(h, ref, SPAWN, "x", &none), -ENAMETOOLONG);
}

/* ---- references ---- */

static void
A26_reference_survives_messages_and_restarts(void **state)
{
    struct harness *h = *state;
    ward_ref a = spawn_actor(h, "a"), keeper = spawn_actor(h, "keeper"), back;

    ward_tell(h->ctx, keeper, KEEP, a);
    for (int i = 0; i < 5; i++) {
        assert_result(ward_tell(h->ctx, keeper, SEND_BACK), 0);
        back = await_mail(h, HERE)->ref;
        assert_true(ward_ref_equal(back, a));
        assert_result(ward_tell(h->ctx, back, WORK), 0);
        assert_int_equal(await_mail(h, HANDLED)->number, i);
        ward_tell(h->ctx, a, CRASH);
        await_event(h, WARD_EVENT_RESTARTED, "/a");
        assert_leads_to(h, keeper, "/a", a);
    }
}

/* While it restarts and while it ends it is found; afterwards it is not. */
static void
A26_path_leads_to_it_until_it_has_ended(void **state)
{
    struct harness *h = *state;
    ward_ref a =
        spawn(h, &(ward_spec){.id = "a", .behavior = &actor, .strategy = &always});
    ward_ref other = spawn_actor(h, "other"), found = {7, 7};

    assert_true(ward_ref_equal(find(h, "/a"), a)); /* before it is up */
    ward_tell(h->ctx, a, CRASH);
    await_event(h, WARD_EVENT_FAILED, "/a");
    assert_leads_to(h, other, "/a", a);
    ward_drain(h->ctx, a);
    assert_true(ward_ref_equal(find(h, "/a"), a));
    await_event(h, WARD_EVENT_STOPPED, "/a");
    assert_result(ward_lookup(h->ctx, "/a", &found), -ENOENT);
    assert_result(ask_with(h, other, LOOK_UP, "/a", &found), -ENOENT);
    spawn_actor(h, "a");
    assert_false(ward_ref_equal(find(h, "/a"), a));
}

static void
A26_forged_reference_reaches_nobody(void **state)
{
    struct harness *h = *state;
    ward_ref a = spawn_actor(h, "a");
    const ward_ref forged[] = {
        {a.id, a.nonce ^ 1},      {a.id, 0}, {a.id + 1, a.nonce},  {0, a.nonce},
        {UINT64_MAX, UINT64_MAX}, {0, 0},    {h->self.id, a.nonce}};
    ward_message *reply = NULL;

    for (size_t i = 0; i < sizeof forged / sizeof forged[0]; i++) {
        assert_result(ward_tell(h->ctx, forged[i], WORK), -WARD_EUNKNOWN);
        assert_result(ward_ask(h->ctx, forged[i], &reply, 100, WORK), -WARD_EUNKNOWN);
        assert_result(ward_stop(h->ctx, forged[i]), -WARD_EUNKNOWN);
        assert_result(ward_kill(h->ctx, forged[i]), -WARD_EUNKNOWN);
        assert_result(ward_process_id(h->sys, forged[i]), -WARD_EUNKNOWN);
        assert_int_equal(count_letters(h, WARD_LETTER_UNKNOWN, NULL), i);
        await_letter(h, WARD_LETTER_UNKNOWN, "");
    }
    ward_tell(h->ctx, a, WORK);
    await_mail(h, HANDLED);
    settle(h);
    assert_int_equal(count_mails(h, HANDLED), 1);
    assert_int_equal(count_events(h, WARD_EVENT_DEAD_LETTER, NULL), 7);
    assert_no_event(h, WARD_EVENT_STOPPED, NULL);
}

/* The one-shot reference of an ask is good for an answer and for nothing else. */
static void
A26_reference_of_an_ask_is_no_actor(void **state)
{
    struct harness *h = *state;
    ward_ref a = spawn_actor(h, "a");

    assert_int_equal(ask_number(h, a, TELL_SENDER), 1);
    await_letter(h, WARD_LETTER_UNKNOWN, NULL);
    settle(h);
    assert_int_equal(count_events(h, WARD_EVENT_DEAD_LETTER, NULL), 1);
    assert_int_equal(h->mail_count, 0);
    assert_no_event(h, WARD_EVENT_FAILED, NULL);
}

static void
A26_references_differ_whatever_comes_and_goes(void **state)
{
    enum { COUNT = 40 };
    struct harness *h = *state;
    ward_ref refs[COUNT];

    for (int i = 0; i < COUNT; i++) {
        refs[i] = spawn(h, &(ward_spec){.id = "a", .behavior = &actor});
        assert_true(refs[i].id != 0 && refs[i].nonce != 0);
        ward_kill(h->ctx, refs[i]);
        await_event(h, WARD_EVENT_STOPPED, "/a");
        for (int j = 0; j < i; j++) {
            assert_false(ward_ref_equal(refs[i], refs[j]));
            assert_true(refs[i].nonce != refs[j].nonce);
        }
        assert_result(ward_tell(h->ctx, refs[i], WORK), -WARD_EUNKNOWN);
    }
}

int
main(void)
{
    static const struct CMUnitTest tests[] = {
        TEST(A26_path_leads_back_to_its_actor),
        TEST(A26_wrong_path_leads_nowhere),
        TEST(A26_bad_id_is_refused_and_named),
        TEST(A26_longest_path_is_found_and_a_longer_one_refused),
        TEST(A26_reference_survives_messages_and_restarts),
        TEST(A26_path_leads_to_it_until_it_has_ended),
        TEST(A26_forged_reference_reaches_nobody),
        TEST(A26_reference_of_an_ask_is_no_actor),
        TEST(A26_references_differ_whatever_comes_and_goes),
    };

    return harness_main("paths", tests, sizeof tests / sizeof tests[0]);
}
