/*
 * Verbs: what an actor can do, the same in the host and in a worker.
 *
 * The first argument says who acts: in a worker the ctx its behavior was called with, in the
 * host ward_system_ctx(system), which is the root actor `/`.
 *
 * Each verb says where it may be called: [host], [worker] or [both]. In another process, and
 * in a child that one of these merely forked, it answers -ECHILD. In a decider every verb
 * answers -EBUSY.
 *
 * In a worker a verb that sends takes effect when the handler returns, together with all
 * else it sent; if it dies before, nothing of it happened. ward_flush, ward_ask, ward_spawn and
 * the other questions to the host publish what was sent so far at once; so does a handler that
 * sends one actor more than its credit (system.h), or more than fits its outbox (one message of
 * the largest size).
 */
#ifndef WARD_VERBS_H
#define WARD_VERBS_H

#include <ward/behavior.h>
#include <ward/spec.h>

WARD_BEGIN

/* ---- who am I ---- */

/* [both] The reference of the actor itself. All zero where ctx is not usable. */
WARD_API ward_ref ward_self(const ward_ctx *ctx);

/* [both] Its parent: who has spawned it; for those that the host has spawned the host, which gets
 * what is told to it in on_message; for a child of a supervisor that one, which takes no messages
 * (ward_lookup(ctx, "/", &host) finds the host from anywhere). All zero in the host. */
WARD_API ward_ref ward_parent(const ward_ctx *ctx);

/* [both] Its path, "/team/worker-0"; the host's is "/". Lives as long as ctx. */
WARD_API const char *ward_path(const ward_ctx *ctx);

/* [both] Which life this is: 0 the first, more after each restart: one that ended before it had its
 * assignment counts, too. */
WARD_API uint32_t ward_incarnation(const ward_ctx *ctx);

/* [worker] The state of this incarnation: state_size bytes, zeroed at the start. NULL if the
 * behavior has none, and in the host. */
WARD_API void *ward_state(ward_ctx *ctx);

/* [worker] The `.args` of the spec; empty in the host. Lives as long as ctx. */
WARD_API ward_bytes ward_args(const ward_ctx *ctx);

/* [worker] An iterator over `.args`, where these are what a builder made. Strings read through it
 * live as long as ctx. 0; -WARD_EPROTOCOL: they are no msgpack values; -ECHILD. */
WARD_API int ward_args_iter(ward_ctx *ctx, ward_iter *it);

/* [worker] In the restart hooks and in post_stop: the failure that led here, or NULL. */
WARD_API const ward_failure *ward_last_failure(const ward_ctx *ctx);

/* [worker] In post_stop: why the actor ends, a word such as "stopped"; else "". */
WARD_API const char *ward_stop_reason(const ward_ctx *ctx);

/* ---- sending ---- */

/*
 * [both] Sends a message. values[0] is its type, an integer of 0 or above. It is copied.
 * A supervisor without a process takes none: dead letter `unhandled`.
 * 0; -EINVAL: no such type, a bad value; -EMSGSIZE: larger than the frame limit; -ENOMEM.
 * -EAGAIN: the mailbox is full, nothing was sent (spec.h: when_full; the host is told of room by
 * on_room). In the host also -WARD_EUNKNOWN: nobody has this reference (a dead letter, too);
 * -ESHUTDOWN: the system stops. In a worker what cannot be delivered becomes a dead letter; one that
 * is far ahead of its target (system.h: credit) publishes early, as ward_flush does, and asks whether
 * there is room; where the mailbox is to be waited for also -EDEADLK: that actor waits for us, or is us, and who
 * asks second is told; -ECANCELED: this actor is being stopped.
 */
WARD_API int ward_tell_values(ward_ctx *ctx, ward_ref to, const ward_value *values,
                              size_t count);

/*
 * [both] Sends a message and waits at most `timeout_ms` for its answer, which is the
 * caller's, to be freed with ward_message_free. Other messages and callbacks wait meanwhile;
 * the asked actor may crash and restart, as long as it has not begun this message.
 * 0; as ward_tell, and -ETIMEDOUT: the message stays where it is, and may be handled yet;
 * -WARD_EUNKNOWN; -EAGAIN: its mailbox is full;
 * -WARD_ECRASHED: it died of it, or before it answered; -WARD_ESTOPPED;
 * -WARD_EUNHANDLED; -EDEADLK: it is asking us (a host with threads may answer in another one), or
 * we ask ourselves, or (host) inside a callback; -ECANCELED (worker): this actor is being stopped.
 * timeout_ms is more than 0 (else -EINVAL), and may be WARD_INFINITE in a worker only.
 */
WARD_API int ward_ask_values(ward_ctx *ctx, ward_ref to, ward_message **reply,
                             int timeout_ms, const ward_value *values, size_t count);

/*
 * What an ask without waiting calls, exactly once, with status 0 and the answer, or with a
 * code of ward_ask_values and NULL. In the host from the dispatch queue, in a worker
 * between two messages; a callback of a worker returns like receive, the host ignores it.
 */
typedef ward_next (*ward_on_reply)(ward_ctx *ctx, int status, const ward_message *reply,
                                   void *user);

/*
 * [both] Sends a message; the answer comes to `on_reply` within `timeout_ms` (or WARD_INFINITE),
 * never inside this call. The time of one that a callback of the host's asks begins when the
 * callbacks that are due have returned, at the latest; of one that a worker asks, when the host
 * has read it. A worker that fails or is restarted hears no answer to what it asked before; a host
 * that frees its system hears none either. 0; on an error, as ward_tell, no callback comes.
 * A worker that has 65,536 asks under way gets -EAGAIN for another; one for which 64 MiB of
 * answers wait already hears -ENOBUFS.
 */
WARD_API int ward_ask_then_values(ward_ctx *ctx, ward_ref to, int timeout_ms,
                                  ward_on_reply on_reply, void *user,
                                  const ward_value *values, size_t count);

/*
 * [both] Answers the message in hand with these values, the first of which is no type (in the
 * host: inside on_message). 0; -EINVAL: none is in hand; -WARD_EUNKNOWN: it expects no answer;
 * -EMSGSIZE; -ENOMEM. Answering with no values: count 0. The first answer wins; later ones are
 * dead letters.
 */
WARD_API int ward_reply_values(ward_ctx *ctx, const ward_value *values, size_t count);

/* [both] Answers a message by its one-shot reference (ward_sender), now or later, here or
 * in another actor that it was sent to. Results as ward_reply_values. */
WARD_API int ward_reply_to_values(ward_ctx *ctx, ward_ref sender,
                                  const ward_value *values, size_t count);

/* [both] Answers the message in hand with no values: it was done. As ward_reply_values. */
WARD_API int ward_done(ward_ctx *ctx);

/* [worker] Publishes what the handler has sent so far: it leaves even if the handler dies
 * later, and then the message is not tried again. 0; -ECHILD. The host: 0, nothing to do. */
WARD_API int ward_flush(ward_ctx *ctx);

/* ---- the tree ---- */

/*
 * [both] Starts an actor as a child of ctx's. In the host it returns at once: `*ref` is good
 * for everything, messages wait in the mailbox, events say how it went (ward_wait_up waits). The children
 * that a supervisor declares can be looked up (ward_lookup) when it is up, and each in the pre_start
 * of those declared behind it.
 * In a worker it returns when the child is up or has ended.
 * 0; -EINVAL (ward_spec_error says which field); -EEXIST: a living sibling has that id;
 * -ENOENT: behavior or strategy is not registered (the same says which); -EBADF: one of the
 * descriptors is closed; -ENAMETOOLONG: the path; -ENOMEM;
 * -ENOBUFS: max_actors; -ESHUTDOWN: the system stops, or (worker) this actor does. In a worker also
 * -WARD_EIGNORED; -WARD_ESTART: it ended before it was up; -ETIMEDOUT: it was not up after
 * start_ms and some, and was stopped; -EPERM: in post_stop.
 */
WARD_API int ward_spawn(ward_ctx *ctx, ward_ref *ref, const ward_spec *spec);

/* [both] What is wrong with a spec and all that is declared in it, in a sentence that names child
 * and field; NULL: nothing. The text is static and of this thread, until the next call. */
WARD_API const char *ward_spec_error(const ward_spec *spec);

/* [both] The same for a supervisor and its children (OTP's check_childspecs). */
WARD_API const char *ward_check_specs(const ward_supervisor *supervisor);

/*
 * [both] Ends an actor in order: it finishes the message in hand, its children end, last
 * started first, post_stop runs; what is still queued becomes dead letters. Returns at once.
 * 0; -WARD_EUNKNOWN (host): nobody has this reference.
 */
WARD_API int ward_stop(ward_ctx *ctx, ward_ref ref);

/* [both] The same behind what was already sent: that is handled first. Later tells are dead
 * letters. */
WARD_API int ward_drain(ward_ctx *ctx, ward_ref ref);

/* [both] SIGKILL: a failure with cause `killed`, judged and counted as any. It shows when the process
 * has died, not yet when this returns. Results as ward_stop; -EINVAL: a supervisor, which has
 * no process. */
WARD_API int ward_kill(ward_ctx *ctx, ward_ref ref);

/* [both] Restarts an actor in order: post_stop, a new process, restart hooks, then the
 * mailbox goes on. Not counted as a failure. Results as ward_stop. */
WARD_API int ward_restart(ward_ctx *ctx, ward_ref ref);

/* [worker] Ends this actor when the handler returns: a normal end with a reason of yours, 1
 * to 63 bytes. 0; -EINVAL. (return WARD_STOP does it with the reason "normal".) */
WARD_API int ward_stop_self(ward_ctx *ctx, const char *reason);

/*
 * [both] Asks to be told, once, when an actor has ended for good: a message WARD_TERMINATED
 * (message.h); for one that has ended already, or never was, at once. A restart tells
 * nothing. Watching twice is watching once. A worker's watches end with its incarnation. 0;
 * -ENOMEM.
 */
WARD_API int ward_watch(ward_ctx *ctx, ward_ref ref);

/* [both] Takes that back: after it nothing more comes. 0. */
WARD_API int ward_unwatch(ward_ctx *ctx, ward_ref ref);

/* [both] The living actor of that path, "/team/worker-0"; "/" is the host. 0; -ENOENT; in a
 * worker it asks the host and publishes as ward_ask does, so also -ECANCELED: this actor is being
 * stopped or restarted. */
WARD_API int ward_lookup(ward_ctx *ctx, const char *path, ward_ref *ref);

/* ---- failing, changing, leaving traces ---- */

/*
 * [worker] Fails this actor with a class and a text, as an exception would: cause `raise`.
 * Returns -WARD_ERAISED, to be returned: `return ward_raise(ctx, "ValueError", "bad: %s", s)`.
 * Whatever the handler returns afterwards, it has failed, and nothing it sent leaves.
 */
WARD_API int ward_raise(ward_ctx *ctx, const char *raised, const char *format, ...)
    WARD_PRINTF(3, 4);

/* [worker] From the next message on `receive` handles what arrives, until the next become or
 * restart; state and hooks stay. Returns WARD_SAME, so it can be returned. */
WARD_API ward_next ward_become(ward_ctx *ctx, ward_receive receive);

/* [worker] A line for the host's event stream (WARD_EVENT_LOG), sent as a message is. */
WARD_API int ward_log(ward_ctx *ctx, const char *format, ...) WARD_PRINTF(2, 3);

/* [worker] Notes where it is, at once, in memory that outlives the process: the failure
 * record shows the last one. At most 127 bytes are kept. Costs nothing but the formatting. */
WARD_API int ward_breadcrumb(ward_ctx *ctx, const char *format, ...) WARD_PRINTF(2, 3);

#ifndef __cplusplus
/* The typed verbs: arguments after the fixed ones are the type and the values; an answer has no
 * type, so those of ward_reply and ward_reply_to are values only. They are macros: a compound
 * literal among the arguments stands in parentheses, `ward_tell(ctx, ((ward_ref){1, 2}), T)`. */
#define ward_tell(ctx, to, ...) ward_tell_values((ctx), (to), WARD__VALUES(__VA_ARGS__))
#define ward_ask(ctx, to, reply, timeout_ms, ...)                                        \
    ward_ask_values((ctx), (to), (reply), (timeout_ms), WARD__VALUES(__VA_ARGS__))
#define ward_ask_then(ctx, to, timeout_ms, on_reply, user, ...)                          \
    ward_ask_then_values((ctx), (to), (timeout_ms), (on_reply), (user),                  \
                         WARD__VALUES(__VA_ARGS__))
#define ward_reply(ctx, ...) ward_reply_values((ctx), WARD__VALUES(__VA_ARGS__))
#define ward_reply_to(ctx, sender, ...)                                                  \
    ward_reply_to_values((ctx), (sender), WARD__VALUES(__VA_ARGS__))
#endif

WARD_END

#endif
