/*
 * Messages: reading what arrived.
 *
 *   const char *name; int64_t size;
 *   if (ward_get(msg, &name, &size) < 0)
 *       return WARD_UNHANDLED;
 *
 * Getters check every byte and every type; a value never comes back half converted.
 * What they hand out (strings, bytes, iterators) lives as long as the message: until
 * `receive` or the callback returns, or until ward_message_free of a reply.
 *
 * An array or a map is walked with an iterator, which lies in your memory:
 *
 *   ward_iter list; int64_t number; int more;
 *   ward_get(msg, &list);
 *   while ((more = ward_iter_next(&list, &number)) > 0)
 *       sum += number;
 *   if (more < 0) ...                          a value was no integer, or too large
 */
#ifndef WARD_MESSAGE_H
#define WARD_MESSAGE_H

#include <ward/value.h>

WARD_BEGIN

typedef struct ward_message ward_message;

/* Types of messages that ward itself sends; yours are 0 and above. */
enum {
    WARD_TERMINATED = -1, /* a watched actor has ended: see ward_get_terminated */
    WARD_REPLY = -2,      /* the answer to an ask */
};

/* A position in an array or a map. Fields are private. */
struct ward_iter {
    const unsigned char *at;
    const unsigned char *end;
    uint32_t left; /* values not yet read; in a map keys and values both count */
    bool is_map;
    struct ward_arena *arena;
};

/* [any process] The type it was sent with. */
WARD_API int64_t ward_message_type(const ward_message *msg);

/* [any process] How many values it carries. */
WARD_API size_t ward_message_count(const ward_message *msg);

/* [any process] Its values as sent: one msgpack array. Lives as long as the message. */
WARD_API ward_raw ward_message_raw(const ward_message *msg);

/*
 * [any process] Which try this is: 0 the first time, 1 or more where the spec says
 * `redeliver` and earlier incarnations died of it.
 */
WARD_API unsigned ward_message_attempt(const ward_message *msg);

/*
 * [any process] The one-shot reference that answers this message, to keep or to pass on
 * (see ward_reply_to); all zero if it was told and expects no answer.
 */
WARD_API ward_ref ward_sender(const ward_message *msg);

/*
 * [any process] Reads the first `count` values into `slots`; later ones are ignored. All
 * are written, or none. 0; -ENODATA: it carries fewer; -WARD_ETYPE; -ERANGE: a number does
 * not fit; -EILSEQ: a NUL inside a string read as `const char *`; -EINVAL: more than 17 slots (an
 * iterator reads more, some at a time); -ENOMEM: then some may be written.
 */
WARD_API int ward_get_slots(const ward_message *msg, const ward_slot *slots,
                            size_t count);

/* [any process] An iterator over the values of the message itself. Always succeeds. */
WARD_API void ward_message_iter(const ward_message *msg, ward_iter *it);

/*
 * [any process] An iterator over encoded values that you have as bytes, such as those of a
 * failure's message. 0; -WARD_EPROTOCOL: the bytes are no sequence of msgpack values; -EINVAL: a
 * size without data. There is no message that could keep copies of strings: read them as ward_bytes,
 * `const char *` is -EINVAL. A failure's message is one array, of its values without its type:
 *
 *   ward_iter all, values; int64_t number;
 *   if (ward_iter_init(&all, failure->message) == 0 && ward_iter_next(&all, &values) > 0 &&
 *       ward_iter_next(&values, &number) > 0)
 */
WARD_API int ward_iter_init(ward_iter *it, ward_bytes encoded);

/*
 * [any process] Reads the next `count` values: 1 if all were read, 0 at the end, else the
 * error of ward_get_slots, and the iterator stays where it was. For a map read two, key
 * and value; or the key first, and then the value into what the key calls for.
 */
WARD_API int ward_iter_slots(ward_iter *it, const ward_slot *slots, size_t count);

/* [any process] The kind of the next value; -ENODATA at the end. Integers that are not
 * negative are WARD_VALUE_UINT; arrays and maps are WARD_VALUE_BUILT. */
WARD_API int ward_iter_peek(const ward_iter *it);

/* [any process] How many values are left; in a map keys and values both count. */
WARD_API size_t ward_iter_left(const ward_iter *it);

/* [any process] True if it walks a map. */
WARD_API bool ward_iter_is_map(const ward_iter *it);

/* [any process] Steps over one value: 1, or 0 at the end. */
WARD_API int ward_iter_skip(ward_iter *it);

/* How an actor ended, for its watchers. */
typedef enum ward_end {
    WARD_END_NORMAL,  /* it stopped itself */
    WARD_END_FAILURE, /* it failed and was not restarted */
    WARD_END_STOPPED, /* somebody had ward stop it */
    WARD_END_KILLED,  /* ward_kill, and it was not restarted */
} ward_end;

/* [any process] "normal", "failure", "stopped", "killed"; "?" for anything else. */
WARD_API const char *ward_end_name(ward_end end);

/* What a WARD_TERMINATED message says. Strings live as long as the message. */
typedef struct ward_terminated {
    ward_ref actor;
    const char *path;
    ward_end end;
    const char
        *reason; /* yours (ward_stop_self), or one of normal, stopped, drained, ignored,
                          * failed, limit, escalated, intensity, not started, shutdown, stopped by
                          * decider, unknown */
    int cause;   /* enum ward_cause of the last failure, or -1: it never failed */
    const char *failure; /* that failure in a line; "" if there was none */
} ward_terminated;

/* [any process] Reads a WARD_TERMINATED message. 0, or -EINVAL: it is another. */
WARD_API int ward_get_terminated(const ward_message *msg, ward_terminated *out);

/* [any process] Frees a reply that ward_ask handed out; NULL is fine. */
WARD_API void ward_message_free(ward_message *msg);

#ifndef __cplusplus
/* ward_get(msg, &a, &b, ...): 1 to 16 pointers; what each reads is told by its type. */
#define ward_get(msg, ...) ward_get_slots((msg), WARD__SLOTS(__VA_ARGS__))
/* ward_iter_next(&it, &a, ...): the same for an iterator. */
#define ward_iter_next(it, ...) ward_iter_slots((it), WARD__SLOTS(__VA_ARGS__))
#endif

WARD_END

#endif
