#include "manager.h"

#include <errno.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

const ward_ref unwritten = {7, 7};

/* ---- the calls, in whatever process ---- */

static struct answer
list_children(ward_ctx *ctx, ward_ref supervisor)
{
    static char ids[64];
    ward_child children[4] = {0};
    int count = ward_which_children(ctx, supervisor, children, 4);

    ids[0] = '\0';
    for (int i = 0; i < count && i < 4; i++)
        snprintf(ids + i, sizeof ids - (size_t)i, "%c", children[i].id[0]);
    return (struct answer){.result = count, .text = ids};
}

static struct answer
look_at_spec(ward_ctx *ctx, ward_ref supervisor, const char *id)
{
    ward_spec *spec = NULL;
    struct answer a = {.result = ward_get_childspec(ctx, supervisor, id, &spec)};

    if (a.result == 0) {
        static char found[64];
        snprintf(found, sizeof found, "%s", spec->id);
        a.text = found;
        a.number = (spec->behavior == &member) + 10 * (int64_t)spec->restart +
                   100 * (int64_t)spec->shutdown_ms;
    }
    ward_childspec_free(spec);
    return a;
}

static struct answer
look(ward_ctx *ctx, enum op op, ward_ref supervisor, const char *id)
{
    ward_child child = {.ref = unwritten};
    ward_child_count count = {0};
    ward_budget budget = {0};
    struct answer a = {0};

    switch (op) {
    case WHICH:
        a.result = ward_which_child(ctx, supervisor, id, &child);
        a.number = child.state;
        a.ref = child.ref;
        break;
    case COUNT:
        a.result = ward_count_children(ctx, supervisor, &count);
        a.number = (int64_t)(count.specs * 1000 + count.active * 100 +
                             count.supervisors * 10 + count.workers);
        break;
    case BUDGET:
        a.result = ward_get_budget(ctx, supervisor, &budget);
        a.number = budget.supervisor.max_restarts * 10 + budget.supervisor.used;
        break;
    case SPEC:
        return look_at_spec(ctx, supervisor, id);
    default:
        return list_children(ctx, supervisor);
    }
    return a;
}

struct answer
carry_out(ward_ctx *ctx, enum op op, ward_ref supervisor, const char *id, int start_ms)
{
    struct answer a = {.ref = unwritten};
    ward_spec spec = MEMBER(.id = id, .start_ms = start_ms);

    if (id != NULL &&
        id[0] >= 'x') /* a dynamic supervisor's: the template says the rest */
        spec = (ward_spec){.id = id};
    switch (op) {
    case START_CHILD:
        a.result = ward_start_child(ctx, supervisor, &spec, &a.ref);
        break;
    case TERMINATE:
        a.result = ward_terminate_child(ctx, supervisor, id);
        break;
    case RESTART_CHILD:
        a.result = ward_restart_child(ctx, supervisor, id, &a.ref);
        break;
    case DELETE:
        a.result = ward_delete_child(ctx, supervisor, id);
        break;
    default:
        return look(ctx, op, supervisor, id);
    }
    return a;
}

/* ---- the manager ---- */

/* The result of a call in a child that the worker merely forked. */
int
carry_out_forked(ward_ctx *ctx, enum op op, ward_ref supervisor)
{
    int status = -1;
    pid_t pid = fork();

    if (pid == 0)
        _exit(carry_out(ctx, op, supervisor, "a", 0).result == -ECHILD ? 42 : 1);
    return waitpid(pid, &status, 0) == pid && WIFEXITED(status) ? WEXITSTATUS(status)
                                                                : -1;
}

static ward_next
manager_receive(ward_ctx *ctx, const ward_message *msg)
{
    int64_t type = ward_message_type(msg);
    struct answer a;
    ward_ref supervisor;
    const char *id;
    int op, start_ms;

    if (type == DIE)
        return *(volatile int *)0;
    if (ward_get(msg, &op, &supervisor, &id, &start_ms) < 0)
        return WARD_UNHANDLED;
    if (type == ORDER_FORKED)
        return ward_reply(ctx, carry_out_forked(ctx, (enum op)op, supervisor));
    if (type == ORDER_TOLD)
        ward_tell(ctx, host_of(ctx), BEGINS);
    a = carry_out(ctx, (enum op)op, supervisor, id[0] == '\0' ? NULL : id, start_ms);
    if (type == ORDER_TOLD)
        return ward_tell(ctx, host_of(ctx), RESULT, a.result);
    return ward_reply(ctx, a.result, a.number, a.text == NULL ? "" : a.text, a.ref);
}

/* In a fresh process nothing of it is allowed. */
static void
try_all(ward_ctx *ctx)
{
    if (ward_last_failure(ctx) == NULL)
        return;
    for (int op = 0; op < OPS; op++)
        ward_tell(ctx, host_of(ctx), RESULT,
                  carry_out(ctx, (enum op)op, ward_parent(ctx), "m", 0).result);
}

const ward_behavior manager = {
    .name = "manager", .receive = manager_receive, .post_stop = try_all};
WARD_REGISTER(manager);

ward_ref
spawn_manager(struct harness *h, const char *id)
{
    return spawn_up(h, &(ward_spec){.id = id, .behavior = &manager});
}

struct answer
order(struct harness *h, ward_ref m, enum op op, ward_ref supervisor, const char *id)
{
    static char text[64];
    struct answer a = {0};
    ward_message *reply = NULL;
    const char *got = "";
    int result = ward_ask(h->ctx, m, &reply, DEADLINE_MS, ORDER, (int)op, supervisor, id,
                          plan(id[0])->starts[0] == START_HANGS ? 300 : 0);

    if (result != 0)
        fail_with_log(h, "order %d for '%s': %s", (int)op, id, ward_error_name(result));
    assert_result(ward_get(reply, &a.result, &a.number, &got, &a.ref), 0);
    snprintf(text, sizeof text, "%s", got);
    a.text = text;
    ward_message_free(reply);
    return a;
}
