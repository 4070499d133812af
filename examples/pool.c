/*
 * A pool on real input: counts words of the lines of a file, or of standard input, in N worker
 * processes. A line may crash its worker (--crash-on); nothing but that line is lost.
 *
 *   pool --workers N [--crash-on TEXT] [FILE]
 */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <ward/ward.h>

enum { COUNT_WORDS };
enum { WORKERS_MAX = 1024, UNANSWERED_MAX = 2000, ANSWER_MS = 60000 };
enum { LINE_BYTES_MAX = (4 << 20) - 256 }; /* the frame limit, less the envelope */

/* ---- the worker ---- */

static bool
is_blank(unsigned char byte)
{
    return byte == ' ' || (byte >= '\t' && byte <= '\r');
}

/* Runs of bytes between blanks that hold at least one printable byte. */
static uint64_t
count_words(const unsigned char *bytes, size_t size)
{
    uint64_t words = 0;
    bool is_word = false;

    for (size_t i = 0; i < size; i++) {
        if (is_blank(bytes[i])) {
            words += is_word;
            is_word = false;
        } else if (bytes[i] >= 33 && bytes[i] <= 126) {
            is_word = true;
        }
    }
    return words + is_word;
}

static bool
contains(ward_bytes line, ward_bytes text)
{
    const char *data = line.data;

    for (size_t at = 0; text.size > 0 && at + text.size <= line.size; at++)
        if (memcmp(data + at, text.data, text.size) == 0)
            return true;
    return false;
}

static ward_next
counter_receive(ward_ctx *ctx, const ward_message *msg)
{
    ward_bytes line;

    if (ward_message_type(msg) != COUNT_WORDS || ward_get(msg, &line) < 0)
        return WARD_UNHANDLED;
    if (contains(line, ward_args(ctx)))
        *(volatile int *)0 = 1;
    return ward_reply(ctx, count_words(line.data, line.size));
}

static const ward_behavior counter = {.name = "counter", .receive = counter_receive};
WARD_REGISTER(counter);

static const ward_strategy always_restart = {.name = "always-restart",
                                             .max_restarts = WARD_INFINITE};
WARD_REGISTER(always_restart);

/* ---- the host ---- */

struct pool {
    ward_system *sys;
    ward_ref workers[WORKERS_MAX];
    int worker_count;
    int next_worker;
    int unanswered;
    uint64_t line_number;
    uint64_t lines, words, crashes;
    int status;
};

static void
print_text(ward_bytes text)
{
    const unsigned char *bytes = text.data;

    for (size_t i = 0; i < text.size; i++) {
        if (bytes[i] < 32 || bytes[i] == 127)
            printf("\\x%02x", bytes[i]);
        else
            putchar(bytes[i]);
    }
}

/* The line that a worker died of: the one value of the message that was in hand. */
static void
print_crash(const ward_failure *failure)
{
    ward_bytes line = {"", 0};
    ward_iter values, list;

    if (failure->has_message && ward_iter_init(&values, failure->message) == 0 &&
        ward_iter_next(&values, &list) == 1)
        (void)ward_iter_next(&list, &line);
    printf("%s incarnation %" PRIu32 " crashed with signal %d on: ", failure->path,
           failure->incarnation, failure->signal);
    print_text(line);
    putchar('\n');
}

static void
on_event(ward_ctx *ctx, const ward_event *event, void *user)
{
    struct pool *pool = user;

    char line[256];

    (void)ctx;
    if (event->kind != WARD_EVENT_FAILED)
        return;
    if (event->failure->cause == WARD_CAUSE_SIGNAL) {
        pool->crashes++;
        print_crash(event->failure);
    } else { /* nobody's line is to blame */
        ward_failure_format(event->failure, line, sizeof line);
        fprintf(stderr, "pool: %s\n", line);
    }
}

static ward_next
on_words(ward_ctx *ctx, int status, const ward_message *reply, void *user)
{
    struct pool *pool = user;
    uint64_t words;

    (void)ctx;
    pool->unanswered--;
    if (status == 0 && ward_get(reply, &words) == 0) {
        pool->lines++;
        pool->words += words;
    } else if (status != -WARD_ECRASHED) {
        fprintf(stderr, "pool: a line was not counted: %s\n", ward_strerror(status));
        pool->status = 1;
    }
    return WARD_SAME;
}

/* Waits until no more than so many lines are unanswered. */
static void
wait_for_answers(struct pool *pool, int most)
{
    struct pollfd polled = {.fd = ward_system_fd(pool->sys), .events = POLLIN};

    while (pool->unanswered > most) {
        if (poll(&polled, 1, -1) < 0 && errno != EINTR)
            return;
        ward_system_dispatch(pool->sys);
    }
}

static int
count_line(struct pool *pool, ward_bytes line)
{
    ward_ctx *ctx = ward_system_ctx(pool->sys);
    ward_ref worker = pool->workers[pool->next_worker];
    int result;

    pool->next_worker = (pool->next_worker + 1) % pool->worker_count;
    wait_for_answers(pool, UNANSWERED_MAX - 1);
    while ((result = ward_ask_then(ctx, worker, ANSWER_MS, on_words, pool, COUNT_WORDS,
                                   line)) == -EAGAIN)
        wait_for_answers(pool, pool->unanswered - 1);
    if (result == 0)
        pool->unanswered++;
    return result;
}

/* One line without its end, at most LINE_BYTES_MAX bytes of it. 1; 0: no more; -1: it is
 * longer, and was passed over. */
static int
read_line(FILE *input, char *line, size_t *size)
{
    bool is_long = false;
    int byte;

    *size = 0;
    while ((byte = getc_unlocked(input)) != EOF && byte != '\n') {
        if (*size < LINE_BYTES_MAX)
            line[(*size)++] = (char)byte;
        else
            is_long = true;
    }
    if (byte == EOF && *size == 0)
        return 0;
    return is_long ? -1 : 1;
}

static int
count_lines(struct pool *pool, FILE *input)
{
    char *line = malloc(LINE_BYTES_MAX);
    size_t size;
    int more = 1, result = line != NULL ? 0 : -ENOMEM;

    while (result == 0 && (more = read_line(input, line, &size)) != 0) {
        pool->line_number++;
        if (more > 0) {
            result = count_line(pool, (ward_bytes){line, size});
            continue;
        }
        fprintf(stderr, "pool: line %" PRIu64 ": longer than the limit of %d bytes\n",
                pool->line_number, LINE_BYTES_MAX);
        pool->status = 1;
    }
    if (result == 0 && ferror(input))
        result = -EIO;
    wait_for_answers(pool, 0);
    free(line);
    return result;
}

static int
start_workers(struct pool *pool, const char *crash_on)
{
    ward_ctx *ctx = ward_system_ctx(pool->sys);
    int result = 0;

    for (int i = 0; i < pool->worker_count && result == 0; i++) {
        char id[32];
        snprintf(id, sizeof id, "worker-%d", i);
        result = ward_spawn(ctx, &pool->workers[i],
                            &(ward_spec){.id = id,
                                         .behavior = &counter,
                                         .strategy = &always_restart,
                                         .args = {crash_on, strlen(crash_on)}});
    }
    return result;
}

static int
usage(void)
{
    fprintf(stderr,
            "usage: pool --workers N [--crash-on TEXT] [FILE]\n"
            "       N is 1 to %d; without FILE standard input is read\n",
            WORKERS_MAX);
    return 2;
}

static int
run(struct pool *pool, const char *crash_on, FILE *input)
{
    int result = ward_system_new(
        &pool->sys, &(ward_system_options){.on_event = on_event, .user = pool});

    if (result == 0)
        result = start_workers(pool, crash_on);
    if (result == 0)
        result = count_lines(pool, input);
    if (result == 0)
        result = ward_settle(pool->sys, ANSWER_MS); /* the last crash is told */
    ward_system_free(pool->sys);
    if (result < 0) {
        fprintf(stderr, "pool: %s\n", ward_strerror(result));
        return 1;
    }
    printf("lines %" PRIu64 " words %" PRIu64 " crashes %" PRIu64 "\n", pool->lines,
           pool->words, pool->crashes);
    return pool->status;
}

static bool
parse_workers(const char *text, int *count)
{
    char *end;
    long number = strtol(text, &end, 10);

    if (end == text || *end != '\0' || number < 1 || number > WORKERS_MAX)
        return false;
    *count = (int)number;
    return true;
}

int
main(int argc, char **argv)
{
    static const struct option options[] = {{"workers", required_argument, NULL, 'w'},
                                            {"crash-on", required_argument, NULL, 'c'},
                                            {NULL, 0, NULL, 0}};
    static struct pool pool;
    const char *crash_on = "";
    FILE *input = stdin;
    int option, early = ward_early();

    setvbuf(stdout, NULL, _IOLBF, 0);
    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        if (option == 'c')
            crash_on = optarg;
        else if (option != 'w' || !parse_workers(optarg, &pool.worker_count))
            return usage();
    }
    if (pool.worker_count == 0 || argc - optind > 1)
        return usage();
    if (early < 0) {
        fprintf(stderr, "pool: %s\n", ward_strerror(early));
        return 1;
    }
    if (optind < argc && (input = fopen(argv[optind], "rb")) == NULL) {
        fprintf(stderr, "pool: %s: %s\n", argv[optind], strerror(errno));
        return 1;
    }
    return run(&pool, crash_on, input);
}
