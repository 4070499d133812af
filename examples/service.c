/*
 * A service and a prompt to break it at: the tree is declared in service_tree.c, this is the
 * host. It reads commands from standard input,
 *
 *   tree        what runs, in which state, in which incarnation
 *   work TEXT   a request, through listener, worker, reader and cache
 *   report      has the report written now, not at its time
 *   kill NAME   SIGKILL; a name or a path
 *   crash NAME  has it dereference null
 *   quit        stops all in order, as the end of the input does
 *
 * and watches them and ward's descriptor with one poll(). A command is over when all it set off
 * is over, and only then the next one is read: so a script can be compared with what it printed.
 *
 *   service [REPORT_MS]    how often the report is written; 60,000 if it is not given
 */
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "service.h"

enum { LINE_SIZE = 256, CHILDREN_MAX = 16, REPORT_MS = 60000 };

struct lines {
    char data[LINE_SIZE];
    size_t used;
    bool has_ended;
    bool is_prompted; /* the last that was printed is the prompt */
    bool is_too_long; /* the beginning of this line was dropped, the rest will be */
};

struct node {
    char path[WARD_MAX_PATH + 1];
    ward_child child;
};

struct host {
    ward_system *sys;
    struct lines input;
    int report_ms;     /* the period */
    int64_t report_at; /* when the next one is due */
    bool is_stopping;
    /* What the command under way waits for: answers, and that one is another than before. */
    int unanswered;
    bool has_victim;
    struct node victim;
};

/* ---- the tree ---- */

/* The children of `parent` are visited in start order, each before its own, until a visit is
 * true; so is the result then. */
typedef bool (*visitor)(const struct node *node, void *user);

static bool
walk(ward_ctx *ctx, ward_ref parent, const char *path, visitor visit, void *user)
{
    ward_child children[CHILDREN_MAX];
    int count = ward_which_children(ctx, parent, children, CHILDREN_MAX);

    /* The newest is the first. One that is absent has no reference, and no children. */
    for (int i = count < CHILDREN_MAX ? count : CHILDREN_MAX; i-- > 0;) {
        struct node node = {.child = children[i]};
        snprintf(node.path, sizeof node.path, "%s/%s", path, children[i].id);
        if (visit(&node, user) || walk(ctx, children[i].ref, node.path, visit, user))
            return true;
    }
    return false;
}

static bool
walk_all(const struct host *host, visitor visit, void *user)
{
    ward_ctx *ctx = ward_system_ctx(host->sys);

    return walk(ctx, ward_self(ctx), "", visit, user);
}

static bool
print_node(const struct node *node, void *user)
{
    (void)user;
    printf("  %-24s %-11s #%" PRIu32 "\n", node->path,
           ward_child_state_name(node->child.state), node->child.incarnation);
    return false;
}

struct search {
    const char *name; /* or path */
    struct node *found;
};

static bool
is_searched(const struct node *node, void *user)
{
    struct search *search = user;

    if (strcmp(node->child.id, search->name) != 0 &&
        strcmp(node->path, search->name) != 0)
        return false;
    *search->found = *node;
    return true;
}

static bool
find(const struct host *host, const char *name, struct node *found)
{
    struct search search = {name, found};

    return walk_all(host, is_searched, &search);
}

static bool
is_on_its_way(const struct node *node, void *user)
{
    (void)user;
    return node->child.state != WARD_CHILD_UP && node->child.state != WARD_CHILD_ABSENT;
}

/* A kill is not felt at once: that all are up says nothing while the victim is the one that was
 * hit. Its next incarnation is another one; below a supervisor that was restarted, too, it is
 * even another actor. */
static bool
is_hit_still_due(const struct host *host)
{
    struct node now;

    return host->has_victim && find(host, host->victim.path, &now) &&
           ward_ref_equal(now.child.ref, host->victim.child.ref) &&
           now.child.incarnation == host->victim.child.incarnation;
}

static bool
is_busy(const struct host *host)
{
    return host->unanswered > 0 || is_hit_still_due(host) ||
           walk_all(host, is_on_its_way, NULL);
}

/* ---- what ward tells ---- */

/* In one line; lines about an actor begin with its path. */
static void
on_event(ward_ctx *ctx, const ward_event *event, void *user)
{
    struct host *host = user;

    (void)ctx;
    if (host->input.is_prompted && isatty(STDIN_FILENO))
        putchar('\n');
    host->input.is_prompted = false;
    printf("[%s] #%" PRIu32 " %s", event->path, event->incarnation,
           ward_event_name(event->kind));
    if (event->kind == WARD_EVENT_FAILED)
        printf(", %s: %s, %s", ward_directive_name(event->directive),
               ward_cause_name(event->failure->cause), event->failure->text);
    if (event->kind == WARD_EVENT_DEAD_LETTER)
        printf(": %s", ward_letter_name(event->letter));
    if (event->text[0] != '\0')
        printf(": %s", event->text);
    putchar('\n');
}

static ward_next
on_work(ward_ctx *ctx, int status, const ward_message *reply, void *user)
{
    struct host *host = user;
    const char *path;
    uint32_t digest;
    bool was_cached;
    int answer;

    (void)ctx;
    host->unanswered--;
    if (status == 0 && ward_get(reply, &answer) == 0)
        status = answer;
    if (status == 0)
        status = ward_get(reply, &answer, &digest, &was_cached, &path);
    if (status < 0)
        printf("  no answer: %s\n", ward_strerror(status));
    else
        printf("  %08" PRIx32 ", %s %s\n", digest, was_cached ? "known to" : "made by",
               path);
    return WARD_SAME;
}

static ward_next
on_report(ward_ctx *ctx, int status, const ward_message *reply, void *user)
{
    struct host *host = user;

    (void)ctx;
    (void)reply;
    host->unanswered--;
    if (status < 0)
        printf("  no report: %s\n", ward_strerror(status));
    return WARD_SAME;
}

/* ---- commands ---- */

/* Asks the actor of that path; the answer comes to `on_reply`. */
static void
ask(struct host *host, const char *path, ward_on_reply on_reply, int type,
    const char *text)
{
    ward_ctx *ctx = ward_system_ctx(host->sys);
    ward_ref ref;
    int result = ward_lookup(ctx, path, &ref);

    if (result == 0)
        result =
            ward_ask_then(ctx, ref, 2 * SERVICE_ANSWER_MS, on_reply, host, type, text);
    if (result == 0)
        host->unanswered++;
    else
        printf("  %s: %s\n", path, ward_strerror(result));
}

static void
command_tree(struct host *host, const char *argument)
{
    (void)argument;
    (void)walk_all(host, print_node, NULL);
}

static void
command_work(struct host *host, const char *text)
{
    ask(host, "/service/listener", on_work, SERVICE_WORK, text);
}

static void
command_report(struct host *host, const char *argument)
{
    (void)argument;
    ask(host, "/service/report", on_report, SERVICE_REPORT, NULL);
}

static void
hit(struct host *host, const char *name, bool is_kill)
{
    ward_ctx *ctx = ward_system_ctx(host->sys);
    ward_ref ref;
    int result;

    if (!find(host, name, &host->victim)) {
        printf("  there is no \"%s\": see tree\n", name);
        return;
    }
    if (host->victim.child.is_supervisor) {
        printf("  %s is a supervisor: it has no process\n", host->victim.path);
        return;
    }
    command_tree(host, NULL);
    ref = host->victim.child.ref;
    result = is_kill ? ward_kill(ctx, ref) : ward_tell(ctx, ref, SERVICE_CRASH);
    host->has_victim = result == 0;
    if (result < 0)
        printf("  %s: %s\n", host->victim.path, ward_strerror(result));
}

static void
command_kill(struct host *host, const char *name)
{
    hit(host, name, true);
}

static void
command_crash(struct host *host, const char *name)
{
    hit(host, name, false);
}

static void
command_quit(struct host *host, const char *argument)
{
    (void)argument;
    host->is_stopping = true;
    ward_system_stop(host->sys);
}

static const struct command {
    const char *name;
    const char *argument; /* what it needs, or NULL */
    void (*obey)(struct host *host, const char *argument);
} commands[] = {
    {"tree", NULL, command_tree},     {"work", "TEXT", command_work},
    {"report", NULL, command_report}, {"kill", "NAME", command_kill},
    {"crash", "NAME", command_crash}, {"quit", NULL, command_quit},
};
enum { COMMAND_COUNT = sizeof commands / sizeof commands[0] };

static void
print_commands(void)
{
    printf("  commands:");
    for (int i = 0; i < COMMAND_COUNT; i++)
        printf("%s %s%s%s", i > 0 ? "," : "", commands[i].name,
               commands[i].argument != NULL ? " " : "",
               commands[i].argument != NULL ? commands[i].argument : "");
    putchar('\n');
}

/* The command and, behind one blank, the rest of the line. */
static void
obey(struct host *host, char *line)
{
    char *argument = strchr(line, ' ');

    if (argument != NULL)
        *argument++ = '\0';
    if (line[0] == '\0')
        return;
    for (int i = 0; i < COMMAND_COUNT; i++) {
        if (strcmp(line, commands[i].name) != 0)
            continue;
        if ((argument != NULL && argument[0] != '\0') == (commands[i].argument != NULL))
            commands[i].obey(host, argument);
        else
            printf("  \"%s\" %s\n", line,
                   argument != NULL ? "takes no argument" : "needs an argument");
        return;
    }
    printf("  there is no command \"%s\"\n", line);
    print_commands();
}

/* ---- standard input ---- */

/* What is there, without waiting for more: stdio would keep lines that poll() does not see. */
static void
read_more(struct lines *lines)
{
    ssize_t size = read(STDIN_FILENO, lines->data + lines->used, LINE_SIZE - lines->used);

    if (size < 0 && (errno == EINTR || errno == EAGAIN))
        return;
    if (size > 0) {
        lines->used += (size_t)size;
        return;
    }
    lines->has_ended = true;
    if (lines->used > 0) /* a last line without its end; there is room: see next_line */
        lines->data[lines->used++] = '\n';
}

/* True: the next line, without its end; there is always room for more afterwards. */
static bool
next_line(struct lines *lines, char line[LINE_SIZE])
{
    char *end;

    while ((end = memchr(lines->data, '\n', lines->used)) != NULL) {
        size_t size = (size_t)(end - lines->data);
        bool was_too_long = lines->is_too_long;
        memcpy(line, lines->data, size);
        line[size] = '\0';
        lines->used -= size + 1;
        memmove(lines->data, end + 1, lines->used);
        lines->is_too_long = false;
        if (!was_too_long)
            return true;
        printf("  a line has at most %d bytes\n", LINE_SIZE - 1);
    }
    if (lines->used == LINE_SIZE) {
        lines->used = 0;
        lines->is_too_long = true;
    }
    return false;
}

/* At a terminal a prompt before the command, once; elsewhere the command behind it. */
static void
print_prompt(struct lines *lines)
{
    if (isatty(STDIN_FILENO) && !lines->is_prompted)
        printf("> ");
    fflush(stdout);
    lines->is_prompted = true;
}

static void
print_echo(struct lines *lines, const char *line)
{
    if (!isatty(STDIN_FILENO))
        printf("> %s\n", line);
    lines->is_prompted = false;
}

/* ---- the loop ---- */

static int64_t
now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* The command under way is over: the next ones, until one is under way, or no line is there. */
static void
take_commands(struct host *host)
{
    char line[LINE_SIZE];

    while (!host->is_stopping && !is_busy(host)) {
        if (host->has_victim)
            command_tree(host, NULL);
        host->has_victim = false;
        if (next_line(&host->input, line)) {
            print_echo(&host->input, line);
            obey(host, line);
        } else if (host->input.has_ended) {
            command_quit(host, NULL);
        } else {
            print_prompt(&host->input);
            return;
        }
    }
}

/* Also the events that were caused by handling the first ones: they are to be told before the
 * next command. 0; 1: it has stopped; -WARD_EFAILED. */
static int
dispatch(struct host *host)
{
    struct pollfd polled = {.fd = ward_system_fd(host->sys), .events = POLLIN};
    int result;

    do
        result = ward_system_dispatch(host->sys);
    while (result == 0 && poll(&polled, 1, 0) > 0);
    return result;
}

/* While a command is under way ward alone is waited for: input and report have time. */
static int
take_turn(struct host *host)
{
    bool is_open = !host->is_stopping && !is_busy(host);
    int64_t left_ms = host->report_at - now_ms();
    struct pollfd polled[] = {
        {.fd = ward_system_fd(host->sys), .events = POLLIN},
        {.fd = is_open ? STDIN_FILENO : -1, .events = POLLIN},
    };

    if (poll(polled, 2, !is_open ? -1 : left_ms > 0 ? (int)left_ms : 0) < 0)
        return errno == EINTR ? 0 : -errno;
    if (polled[1].revents != 0)
        read_more(&host->input);
    if (is_open && now_ms() >= host->report_at) {
        command_report(host, NULL);
        host->report_at = now_ms() + host->report_ms;
    }
    return dispatch(host);
}

static int
run(struct host *host)
{
    ward_ref ref;
    int result = ward_system_new(
        &host->sys, &(ward_system_options){.on_event = on_event, .user = host});

    if (result == 0)
        result = ward_spawn(ward_system_ctx(host->sys), &ref,
                            &(ward_spec){.id = "service",
                                         .supervisor = &service,
                                         .strategy = &service_strategy});
    host->report_at = now_ms() + host->report_ms;
    while (result == 0) {
        take_commands(host);
        result = take_turn(host);
    }
    return result;
}

static bool
parse_period(const char *text, int *period_ms)
{
    char *end;
    long number = strtol(text, &end, 10);

    if (end == text || *end != '\0' || number < 1 || number > INT_MAX)
        return false;
    *period_ms = (int)number;
    return true;
}

int
main(int argc, char **argv)
{
    static struct host host = {.report_ms = REPORT_MS};
    int result = ward_early();

    setvbuf(stdout, NULL, _IOLBF, 0);
    if (argc > 2 || (argc == 2 && !parse_period(argv[1], &host.report_ms))) {
        fprintf(stderr, "usage: service [REPORT_MS]\n");
        return 2;
    }
    if (result == 0)
        result = run(&host);
    if (result < 0)
        fprintf(stderr, "service: %s\n", ward_strerror(result));
    ward_system_free(host.sys);
    return result < 0;
}
