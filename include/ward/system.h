/*
 * System: one supervision tree, in the host.
 *
 *   1. int main(void) { ward_early(); ...                 before threads and memory
 *   2. ward_system_new(&sys, &(ward_system_options){.on_event = log_event});
 *   3. ward_ctx *ctx = ward_system_ctx(sys);              the root actor, for the verbs
 *   4. ward_spawn(ctx, &ref, &spec); ward_tell(ctx, ref, ...);
 *   5. ward_run(sys);                                      or your own loop, see below
 *   6. ward_system_free(sys);
 *
 * Your own loop: watch ward_system_fd(sys) for reading and call ward_system_dispatch(sys)
 * when it is readable. It may be readable once for nothing. In a loop of its own:
 *
 *   struct pollfd polled = {.fd = ward_system_fd(sys), .events = POLLIN};
 *   while (ward_system_dispatch(sys) == 0)
 *       poll(&polled, 1, -1);
 * All callbacks come from there, from ward_run and its kin; never inside
 * another call of yours. Several systems may live in one process. ward installs no signal handler,
 * uses no loop of yours and reaps nothing but its own zygote.
 *
 * Threads: without `.threaded` a system is used by one thread at a time, and lives while
 * ward_system_dispatch runs, or a call that runs it or waits. With it the tree runs on a thread
 * of ward's own: supervision goes on while the host is busy, any thread may call, and a call that
 * blocks blocks its caller only. Callbacks come on whatever thread dispatches (or is in ward_run
 * and its kin), one at a time; deciders on ward's thread. The descriptor is readable when
 * callbacks are due.
 */
#ifndef WARD_SYSTEM_H
#define WARD_SYSTEM_H

#include <ward/event.h>
#include <ward/verbs.h>

WARD_BEGIN

typedef struct ward_system ward_system;

/* What a worker may send to one actor before it is told of more room: so many messages, and as long
 * as so many bytes are not used up. */
typedef struct ward_credit {
    int64_t messages;
    int64_t bytes;
} ward_credit;

typedef struct ward_system_options {
    /* What happens in the tree (event.h). */
    void (*on_event)(ward_ctx *ctx, const ward_event *event, void *user);
    /* A message to the root; also WARD_TERMINATED. Without it: dead letter `unhandled`. */
    void (*on_message)(ward_ctx *ctx, const ward_message *msg, void *user);
    /* Once after tells or asks of the host's to `ref` were -EAGAIN: there is room for the last message
     * that was refused: once for the actor, however often it was. With threads it may come before the
     * refused call has returned, and all who wait are to try again. Never once the system stops, nor
     * for an actor that has ended: its end is STOPPED. Who would rather wait for room polls the
     * descriptor, dispatches and tells again, and may hear then that the actor is no more
     * (-WARD_EUNKNOWN). */
    void (*on_room)(ward_ctx *ctx, ward_ref ref, void *user);
    void *user;
    /* The largest message, in bytes, envelope included, where a spec says nothing else. Default
     * 4 MiB, at least 4 KiB, at most 64 MiB. */
    int64_t frame_bytes;
    /* The mailbox of the host: what is told to it and waits for on_message. Here a message counts with
     * some 200 bytes, and its values where they are more than 128. */
    ward_mailbox_options mailbox;
    /* The most bytes queued in all mailboxes together; beyond: -EAGAIN, whatever a mailbox says.
     * Default no limit. */
    int64_t mailbox_bytes;
    /* The most actors and supervisors alive at a time; beyond: -ENOBUFS. Default no limit. */
    int64_t max_actors;
    /* How far each worker may be ahead of each actor that it sends to: so much it sends without
     * asking whether there is room; four times the messages, once it has sent half of them, to one
     * whose mailbox bounds bytes only and drops none. Default 1,024 messages and 256 KiB, each at
     * most INT32_MAX. */
    ward_credit credit;
    /* So many microseconds the host, while it waits inside a call, and workers look for the next
     * message before they sleep: an exchange without wake-ups takes a third of the time. They do so
     * only where it has paid lately, the host only while a message is under way and a worker only
     * behind one, and host and workers together only as many as the process has cores. For news
     * of one worker alone that died or was born it stays awake twice as long. Default 50, at most
     * 1,000; WARD_ZERO: never. The host does not look with `.threaded`, nor in a loop of yours. */
    int poll_us;
    /* Milliseconds for the ordered stop of everything, then SIGKILL. Default 10,000. */
    int stop_ms;
    /* No dead letter events for what is queued when the system stops. */
    bool quiet_stop;
    /* The tree runs on a thread of ward's own, which blocks all signals; any thread may call. */
    bool threaded;
} ward_system_options;

/*
 * [host] Forks the zygote, from which all later processes come. Call it first in main, while
 * there is one thread and little memory: what the process holds now is what every worker
 * starts with. Later calls do nothing. 0; -EBUSY: the process has other threads already;
 * -ECHILD: in a worker, or in a child of a process that had called it; -EMFILE, -ENFILE,
 * -EAGAIN, -ENOMEM.
 */
WARD_API int ward_early(void);

/*
 * [host] A new system. It takes five descriptors (six if `.threaded`), its zygote two and each
 * worker two; so does each of at most two processes that are made ahead once the first actor has
 * started: who starts next gets one at once. They are no actors and count nowhere. Calls
 * ward_early if nobody did. `options` is copied; NULL: all defaults. On any thread, which may end
 * before the system. 0; -EINVAL; as ward_early; -ETIMEDOUT: the zygote did not answer in 2 s;
 * -EAGAIN: no thread could be made.
 */
WARD_API int ward_system_new(ward_system **sys, const ward_system_options *options);

/* [host] Ends everything at once, without hooks (ward_system_stop and ward_run end it in
 * order), and frees it. NULL is fine; inside a callback it waits until that has returned. With
 * threads: calls that wait in others are sent away with -WARD_ESTOPPED, and no new one may begin: stop,
 * join your threads, then free. Callbacks that are due are not called any more: after ward_run has
 * returned none is. The zygote, idle and no child that a waitpid(-1) meets, stays for the next system: it
 * ends with the process. */
WARD_API void ward_system_free(ward_system *sys);

/* [host] The root actor, `/`, first argument of the verbs. Lives as long as sys. */
WARD_API ward_ctx *ward_system_ctx(ward_system *sys);

/* [host] The descriptor to watch for reading. It stays the same; never read or close it. With
 * threads, one thread at a time is to dispatch: a second one returns at once. */
WARD_API int ward_system_fd(const ward_system *sys);

/* [host] Does what is due, calls the callbacks that are due, and returns without waiting. 0: call it
 * again when the descriptor is readable; 1: the system has stopped and all callbacks were called, or
 * one of them has freed it;
 * -WARD_EFAILED: it has failed; -WARD_ESTOPPED: another thread frees it; -ECHILD; -EDEADLK inside a
 * callback. */
WARD_API int ward_system_dispatch(ward_system *sys);

/*
 * [host] Runs the system until it has stopped. 0 after an ordered stop; -WARD_EFAILED: a
 * failure escalated past the root, see ward_system_failure; -EDEADLK inside a callback.
 * A system that has no actors any more runs on: what the host spawned and what gave up there stops alone,
 * unless a strategy of its own escalates.
 * ward_run_for returns -ETIMEDOUT when `timeout_ms` have passed, the system still running.
 */
WARD_API int ward_run(ward_system *sys);
WARD_API int ward_run_for(ward_system *sys, int timeout_ms);

/*
 * [host] Runs the system until nothing is queued, in hand, starting or restarting, and the
 * callbacks due have been called: what was told, and what was told because of it, has been handled.
 * An answer that somebody still owes (ward_reply_to) is not waited for. 0; -ETIMEDOUT;
 * -WARD_EFAILED; -EDEADLK.
 */
WARD_API int ward_settle(ward_system *sys, int timeout_ms);

/* [host] Waits until `ref` is up: 0; -WARD_ESTART: it ended before (its events say why);
 * -WARD_EIGNORED; -WARD_EUNKNOWN; -ETIMEDOUT: and it was stopped; -EDEADLK inside a callback. A
 * supervisor is up when its children are. Runs ward only, callbacks wait: ward_run and its like call
 * them. */
WARD_API int ward_wait_up(ward_system *sys, ward_ref ref, int timeout_ms);

/* [host] Waits until `ref` has ended for good; it stops nothing. 0, also for one that nobody has;
 * -ETIMEDOUT; -EDEADLK inside a callback. Runs ward only, callbacks wait. */
WARD_API int ward_wait_down(ward_system *sys, ward_ref ref, int timeout_ms);

/* [host] Begins the ordered stop of all actors and returns at once; ward_run returns when it
 * is done. 0, also the second time. */
WARD_API int ward_system_stop(ward_system *sys);

/* [host] The failure that escalated past the root, or NULL. Lives as long as sys. */
WARD_API const ward_failure *ward_system_failure(const ward_system *sys);

/* [host] The tree as text, a line for each child: id, state, incarnation, process, messages queued,
 * restarts used up. Cut at `size` with its NUL. Returns what snprintf would. */
WARD_API int ward_dump(ward_system *sys, char *buffer, size_t size);

/* [host] How many of the messages to `ref` are queued or in hand; negative: -WARD_EUNKNOWN. */
WARD_API int64_t ward_mailbox_count(ward_system *sys, ward_ref ref);

/* [host] How many messages to `ref`, in its life, were dropped because its mailbox was full (spec.h:
 * when_full); -WARD_EUNKNOWN: also when it has ended, so read it before. */
WARD_API int64_t ward_mailbox_dropped(ward_system *sys, ward_ref ref);

/* [host] The process of `ref` now, to watch or to kill in a test; 0: it has none, as between two
 * incarnations (kill() of 0 would be for your own process group: look first); -WARD_EUNKNOWN. */
WARD_API int64_t ward_process_id(ward_system *sys, ward_ref ref);

WARD_END

#endif
