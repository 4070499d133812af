#include "harness.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>

#include "remains.h"

/* ---- copies ---- */

struct kept {
    struct kept *next;
    max_align_t data[];
};

static void *
keep(struct harness *h, const void *data, size_t size)
{
    struct kept *k = malloc(sizeof *k + size + 1);

    assert_non_null(k);
    k->next = h->kept;
    h->kept = k;
    if (size > 0)
        memcpy(k->data, data, size);
    ((char *)k->data)[size] = '\0';
    return k->data;
}

static const char *
keep_string(struct harness *h, const char *text)
{
    return text == NULL ? NULL : keep(h, text, strlen(text));
}

static void
forget(struct harness *h)
{
    for (struct kept *k = h->kept, *next; k != NULL; k = next) {
        next = k->next;
        free(k);
    }
    h->kept = NULL;
}

static void
copy_failure(struct harness *h, ward_failure *to, const ward_failure *from)
{
    *to = *from;
    to->path = keep_string(h, from->path);
    to->origin_path = keep_string(h, from->origin_path);
    to->step = keep_string(h, from->step);
    to->raised = keep_string(h, from->raised);
    to->text = keep_string(h, from->text);
    to->breadcrumb = keep_string(h, from->breadcrumb);
    to->message.data = keep(h, from->message.data, from->message.size);
    if (from->last != NULL) {
        ward_failure last;
        copy_failure(h, &last, from->last);
        to->last = keep(h, &last, sizeof last);
    }
}

static void
copy_values(struct harness *h, struct mail *to, const ward_message *msg)
{
    bool has_number = false, has_text = false, has_ref = false;
    ward_iter it;

    ward_message_iter(msg, &it);
    while (ward_iter_left(&it) > 0) {
        const char *text;
        int64_t number;
        ward_ref ref;

        if (!has_number && ward_iter_next(&it, &number) == 1) {
            to->number = number;
            has_number = true;
        } else if (!has_text && ward_iter_next(&it, &text) == 1) {
            to->text = text == NULL ? "" : keep_string(h, text);
            has_text = true;
        } else if (!has_ref && ward_iter_next(&it, &ref) == 1) {
            to->ref = ref;
            has_ref = true;
        } else {
            ward_iter_skip(&it);
        }
    }
}

static struct mail
copy_message(struct harness *h, const ward_message *msg)
{
    ward_raw raw = ward_message_raw(msg);
    struct mail mail = {.type = ward_message_type(msg),
                        .text = "",
                        .raw = {keep(h, raw.data, raw.size), raw.size},
                        .sender = ward_sender(msg),
                        .attempt = ward_message_attempt(msg)};

    if (ward_get_terminated(msg, &mail.ended) == 0) {
        mail.ended.path = keep_string(h, mail.ended.path);
        mail.ended.reason = keep_string(h, mail.ended.reason);
        mail.ended.failure = keep_string(h, mail.ended.failure);
    } else {
        copy_values(h, &mail, msg);
    }
    return mail;
}

/* ---- callbacks ---- */

/* Room for one more: arrays double at the powers of two. */
static void *
grow(void *array, size_t count, size_t size)
{
    if (count >= 16 && (count & (count - 1)) != 0)
        return array;
    if (count > 0 && count < 16)
        return array;
    array = realloc(array, (count == 0 ? 16 : 2 * count) * size);
    assert_non_null(array);
    return array;
}

static void
record_event(ward_ctx *ctx, const ward_event *event, void *user)
{
    struct harness *h = user;
    struct record *r;

    (void)ctx;
    h->events = grow(h->events, h->event_count, sizeof *h->events);
    r = &h->events[h->event_count++];
    *r = (struct record){.kind = event->kind,
                         .actor = event->actor,
                         .path = keep_string(h, event->path),
                         .incarnation = event->incarnation,
                         .has_failure = event->failure != NULL,
                         .directive = event->directive,
                         .letter = event->letter,
                         .has_message = event->message != NULL,
                         .text = keep_string(h, event->text),
                         .end = event->end,
                         .count = event->count,
                         .report = event->report,
                         .attempt = event->attempt,
                         .retry_ms = event->retry_ms,
                         .budget = event->budget,
                         .at_ms = now_ms(),
                         .order = ++h->order};
    if (event->failure != NULL)
        copy_failure(h, &r->failure, event->failure);
    if (event->message != NULL)
        r->message = copy_message(h, event->message);
    if (h->on_event != NULL)
        h->on_event(h, event);
}

static void
record_mail(ward_ctx *ctx, const ward_message *msg, void *user)
{
    struct harness *h = user;
    struct mail mail = copy_message(h, msg);

    (void)ctx;
    mail.order = ++h->order;
    h->mails = grow(h->mails, h->mail_count, sizeof *h->mails);
    h->mails[h->mail_count++] = mail;
    if (h->on_mail != NULL)
        h->on_mail(h, msg);
}

static void
record_room(ward_ctx *ctx, ward_ref ref, void *user)
{
    struct harness *h = user;

    (void)ctx;
    h->room_count++;
    h->room = ref;
}

/* ---- reports ---- */

static void
print_event(const struct record *r)
{
    char line[400] = "";

    if (r->has_failure)
        ward_failure_format(&r->failure, line, sizeof line);
    fprintf(stderr, "  %4llu %s %s #%u", (unsigned long long)r->order,
            ward_event_name(r->kind), r->path, (unsigned)r->incarnation);
    if (r->kind == WARD_EVENT_FAILED)
        fprintf(stderr, " -> %s", ward_directive_name(r->directive));
    if (r->has_message)
        fprintf(stderr, " %s: type %lld number %lld text '%s'",
                ward_letter_name(r->letter), (long long)r->message.type,
                (long long)r->message.number, r->message.text);
    fprintf(stderr, " '%s' %s\n", r->text, line);
}

static void
print_mail(const struct mail *m)
{
    fprintf(stderr, "  %4llu message type %lld number %lld text '%s'",
            (unsigned long long)m->order, (long long)m->type, (long long)m->number,
            m->text);
    if (m->type == WARD_TERMINATED)
        fprintf(stderr, " %s end %d reason '%s' %s", m->ended.path, (int)m->ended.end,
                m->ended.reason, m->ended.failure);
    fprintf(stderr, "\n");
}

/* Events and messages in the order they came; of a long log the end. */
static void
print_log(const struct harness *h)
{
    enum { LINES = 60 };
    size_t e = 0, m = 0;

    while (e < h->event_count || m < h->mail_count) {
        bool is_event = m == h->mail_count ||
                        (e < h->event_count && h->events[e].order < h->mails[m].order);
        bool is_late =
            (is_event ? h->events[e].order : h->mails[m].order) + LINES > h->order;
        if (is_event && is_late)
            print_event(&h->events[e]);
        if (!is_event && is_late)
            print_mail(&h->mails[m]);
        if (is_event)
            e++;
        else
            m++;
    }
}

_Noreturn void
fail_with_log_at(struct harness *h, const char *file, int line, const char *format, ...)
{
    char text[400];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    fprintf(stderr, "%s; what happened so far:\n", text);
    print_log(h);
    print_error("%s\n", text);
    _fail(file, line);
    abort(); /* _fail does not return, but does not say so */
}

void
assert_result_at(int64_t got, int expected, const char *file, int line)
{
    if (got == expected)
        return;
    print_error("got %lld (%s), expected %d (%s)\n", (long long)got,
                got < 0 ? ward_error_name((int)got) : "-", expected,
                expected < 0 ? ward_error_name(expected) : "-");
    _fail(file, line);
}

/* ---- life ---- */

int
harness_main(const char *name, const struct CMUnitTest *tests, size_t count)
{
    int result = ward_early();

    if (result < 0) {
        fprintf(stderr, "ward_early: %s\n", ward_strerror(result));
        return 1;
    }
    remains_begin();
    return _cmocka_run_group_tests(name, tests, count, NULL, NULL);
}

ward_system_options
harness_options(struct harness *h, const ward_system_options *options)
{
    ward_system_options full = {0};

    if (options != NULL)
        full = *options;
    full.on_event = record_event;
    full.on_message = record_mail;
    full.on_room = record_room;
    full.user = h;
    return full;
}

void
harness_reopen(struct harness *h, const ward_system_options *options)
{
    ward_system_options full = harness_options(h, options);

    ward_system_free(h->sys);
    h->sys = NULL;
    assert_result(ward_system_new(&h->sys, &full), 0);
    h->ctx = ward_system_ctx(h->sys);
    h->self = ward_self(h->ctx);
}

int
harness_setup(void **state)
{
    struct harness *h = calloc(1, sizeof *h);

    assert_non_null(h);
    h->descriptors_before = open_descriptors();
    harness_reopen(h, NULL);
    *state = h;
    return 0;
}

void
harness_stop(struct harness *h, int result)
{
    int got;

    assert_result(ward_system_stop(h->sys), 0);
    got = ward_run_for(h->sys, DEADLINE_MS);
    if (got != result)
        fail_with_log(h, "the ordered stop ended with %s, expected %s",
                      ward_error_name(got), ward_error_name(result));
    ward_system_free(h->sys);
    h->sys = NULL;
}

int
harness_teardown(void **state)
{
    struct harness *h = *state;
    int expected_end = h->expected_end;
    int descriptors_before = h->descriptors_before;
    int stopped = 0, descriptors;

    if (h->sys != NULL) {
        ward_system_stop(h->sys);
        stopped = ward_run_for(h->sys, DEADLINE_MS);
        if (stopped != expected_end)
            print_log(h);
    }
    ward_system_free(h->sys);
    forget(h);
    free(h->events);
    free(h->mails);
    free(h);
    if (stopped != 0 || expected_end != 0)
        assert_result(stopped, expected_end);
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
    assert_int_equal(errno, ECHILD);
    assert_true(processes_end());
    descriptors = open_descriptors();
    if (descriptors != descriptors_before)
        print_descriptors();
    assert_int_equal(descriptors, descriptors_before);
    return 0;
}

/* ---- waiting ---- */

int64_t
now_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* Dispatches once something is due; false at the deadline. */
static bool
turn(struct harness *h, int64_t deadline)
{
    struct pollfd p = {.fd = ward_system_fd(h->sys), .events = POLLIN};
    int64_t left = deadline - now_ms();

    if (left <= 0)
        return false;
    if (poll(&p, 1, (int)left) > 0)
        assert_result(ward_system_dispatch(h->sys), 0);
    return true;
}

void
linger(struct harness *h, int ms)
{
    int64_t deadline = now_ms() + ms;

    while (turn(h, deadline))
        continue;
}

void
await_true(struct harness *h, bool (*is_true)(struct harness *h, const void *arg),
           const void *arg, const char *what)
{
    int64_t deadline = now_ms() + DEADLINE_MS;

    while (!is_true(h, arg))
        if (!turn(h, deadline))
            fail_with_log(h, "%s did not happen in %d ms", what, DEADLINE_MS);
}

static bool
is_path(const char *wanted, const char *path)
{
    return wanted == NULL || strcmp(wanted, path) == 0;
}

struct wanted {
    ward_event_kind kind;
    int letter; /* -1: any */
    const char *path;
};

static struct record *
find_event(const struct harness *h, const struct wanted *wanted)
{
    for (size_t i = 0; i < h->event_count; i++) {
        struct record *r = &h->events[i];
        if (!r->is_taken && r->kind == wanted->kind && is_path(wanted->path, r->path) &&
            (wanted->letter < 0 || (int)r->letter == wanted->letter))
            return r;
    }
    return NULL;
}

static bool
has_event(struct harness *h, const void *wanted)
{
    return find_event(h, wanted) != NULL;
}

/* A copy, because the array moves when it grows. */
static const struct record *
await_wanted(struct harness *h, const struct wanted *wanted)
{
    char what[200];
    struct record *r;

    snprintf(what, sizeof what, "event '%s'%s%s of %s", ward_event_name(wanted->kind),
             wanted->letter < 0 ? "" : " ",
             wanted->letter < 0 ? "" : ward_letter_name((ward_letter)wanted->letter),
             wanted->path == NULL ? "anybody" : wanted->path);
    await_true(h, has_event, wanted, what);
    r = find_event(h, wanted);
    r->is_taken = true;
    return keep(h, r, sizeof *r);
}

const struct record *
await_event(struct harness *h, ward_event_kind kind, const char *path)
{
    return await_wanted(h, &(struct wanted){kind, -1, path});
}

const struct record *
await_letter(struct harness *h, ward_letter letter, const char *path)
{
    return await_wanted(h, &(struct wanted){WARD_EVENT_DEAD_LETTER, (int)letter, path});
}

static struct mail *
find_mail(const struct harness *h, int64_t type)
{
    for (size_t i = 0; i < h->mail_count; i++)
        if (!h->mails[i].is_taken && h->mails[i].type == type)
            return &h->mails[i];
    return NULL;
}

static bool
has_mail(struct harness *h, const void *type)
{
    return find_mail(h, *(const int64_t *)type) != NULL;
}

const struct mail *
await_mail(struct harness *h, int64_t type)
{
    char what[80];
    struct mail *m;

    snprintf(what, sizeof what, "message of type %lld", (long long)type);
    await_true(h, has_mail, &type, what);
    m = find_mail(h, type);
    m->is_taken = true;
    return keep(h, m, sizeof *m);
}

void
settle(struct harness *h)
{
    int result = ward_settle(h->sys, DEADLINE_MS);

    if (result != 0)
        fail_with_log(h, "ward_settle: %s", ward_error_name(result));
}

/* ---- looking ---- */

static size_t
count_wanted(const struct harness *h, const struct wanted *wanted)
{
    size_t count = 0;

    for (size_t i = 0; i < h->event_count; i++) {
        const struct record *r = &h->events[i];
        count += r->kind == wanted->kind && is_path(wanted->path, r->path) &&
                 (wanted->letter < 0 || (int)r->letter == wanted->letter);
    }
    return count;
}

size_t
count_events(const struct harness *h, ward_event_kind kind, const char *path)
{
    return count_wanted(h, &(struct wanted){kind, -1, path});
}

size_t
count_letters(const struct harness *h, ward_letter letter, const char *path)
{
    return count_wanted(h, &(struct wanted){WARD_EVENT_DEAD_LETTER, (int)letter, path});
}

size_t
count_mails(const struct harness *h, int64_t type)
{
    size_t count = 0;

    for (size_t i = 0; i < h->mail_count; i++)
        count += h->mails[i].type == type;
    return count;
}

void
assert_no_event(struct harness *h, ward_event_kind kind, const char *path)
{
    size_t count = count_events(h, kind, path);

    if (count > 0)
        fail_with_log(h, "%zu events '%s' of %s, expected none", count,
                      ward_event_name(kind), path == NULL ? "anybody" : path);
}
