/*
 * Wire: what the frames between host and worker mean. Each frame is one msgpack array whose
 * first element says its kind; here every kind is packed and read, and nowhere else. The
 * first frame, GO, bears a version, so a program that is no fork of ours can be a worker.
 *
 *   host to worker   GO        who you are, and what to do
 *                    MESSAGE   one message of the mailbox
 *   (the lane:)      ANSWER    to an ask, a spawn, a lookup, a manage
 *                    VERDICT   what becomes of you, who raised
 *                    GRANT     credit for messages to an actor
 *                    HALT      finish the message in hand, begin no other, say QUIET
 *                    FINISH    run post_stop, say BYE, exit
 *   worker to host   READY     the start is through, or was answered with a code
 *                    TELL ASK REPLY SPAWN END WATCH LOOKUP MANAGE LOG      the verbs
 *                    CREDIT    I have none left for this actor
 *                    UNHANDLED a message that nobody handled, given back
 *                    RAISED    a failure that I live to report
 *                    QUIET     no message in hand, none will be begun
 *                    BYE       post_stop is through
 *                    (empty)   the doorbell
 *
 * Used by: worker, channel, mailboxes. Uses: pack.h, read.h, scan.h, failure.h.
 */
#ifndef WARD_IPC_WIRE_H
#define WARD_IPC_WIRE_H

#include <errno.h>

#include <ward/failure.h>

#include "ipc/credit.h"
#include "ipc/crossing.h"
#include "ipc/frame.h"
#include "ipc/message.h"
#include "ipc/pack.h"
#include "ipc/scan.h"

#define WARD__WIRE_VERSION 1

enum ward__frame_kind {
    WARD__GO = 1,
    WARD__MESSAGE,
    WARD__ANSWER,
    WARD__VERDICT,
    WARD__HALT,
    WARD__FINISH,
    WARD__GRANT,

    WARD__READY = 32,
    WARD__TELL,
    WARD__ASK,
    WARD__REPLY,
    WARD__SPAWN,
    WARD__END,
    WARD__WATCH,
    WARD__LOOKUP,
    WARD__MANAGE,
    WARD__LOG,
    WARD__UNHANDLED,
    WARD__RAISED,
    WARD__QUIET,
    WARD__BYE,
    WARD__CREDIT,
};

enum ward__go_mode { WARD__GO_START, WARD__GO_RESTART, WARD__GO_CLEANUP };

struct ward__go {
    enum ward__go_mode mode;
    ward_ref self, parent;
    uint32_t incarnation;
    int64_t behavior;          /* number in the registry */
    uint64_t done;             /* number of the last message that is done */
    uint64_t frame_bytes;      /* the largest frame that may be sent */
    int64_t shutdown_ms;       /* how long to wait for a verdict */
    struct ward__purse credit; /* with each actor, to begin with */
    const char *path;
    const char *reason; /* CLEANUP: why it ends */
    ward_bytes args;
    const ward_failure *failure; /* or NULL */
};

struct ward__message_frame {
    unsigned attempt;
    int64_t type;
    ward_ref sender;
    ward_raw values;
};

struct ward__answer {
    uint64_t request;
    int64_t status;  /* 0 or a negative code */
    ward_ref ref;    /* of a spawn or a lookup */
    ward_raw values; /* of a reply; size 0: none */
};

struct ward__finish {
    const char *reason;
    const ward_failure *failure; /* or NULL */
};

struct ward__tell {
    ward_ref to;
    int64_t type;
    struct ward__body body; /* packed */
};

struct ward__ask_frame {
    ward_ref to;
    uint64_t request;
    int64_t timeout_ms; /* or WARD_INFINITE */
    bool is_blocking;
    int64_t type;
    struct ward__body body; /* packed, where it was read */
};

struct ward__reply {
    ward_ref sender;
    ward_raw values;
};

struct ward__spawn {
    uint64_t request;
    ward_ref to; /* whose child it is to be; all zero: the sender's own */
    struct ward__crossing spec;
};

enum ward__manage_op {
    WARD__MANAGE_TERMINATE,
    WARD__MANAGE_RESTART,
    WARD__MANAGE_DELETE,
    WARD__MANAGE_WHICH,
    WARD__MANAGE_WHICH_ALL,
    WARD__MANAGE_COUNT,
    WARD__MANAGE_SPEC,
    WARD__MANAGE_BUDGET,
};

struct ward__manage {
    uint64_t request;
    int64_t op; /* enum ward__manage_op */
    ward_ref of;
    const char *id; /* of the child; "": none */
};

struct ward__end {
    int64_t how; /* enum ward__end_how */
    ward_ref ref;
};

struct ward__watch {
    bool on;
    ward_ref ref;
};

struct ward__lookup {
    uint64_t request;
    const char *path;
};

struct ward__grant {
    ward_ref to;
    struct ward__purse more; /* nothing: that actor is no more, forget it */
};

struct ward__credit_frame {
    uint64_t request;
    ward_ref to;
    int64_t timeout_ms; /* or WARD_INFINITE */
};

struct ward__unhandled {
    int64_t type;
    ward_ref sender;
    ward_raw values;
};

struct ward__raised {
    int64_t cause; /* enum ward_cause: raise or error */
    int64_t phase;
    int64_t error;
    int64_t user_us, system_us, max_rss_kb; /* as it says of itself */
    const char *raised;
    const char *text;
};

enum ward__quiet_why { WARD__QUIET_ASKED, WARD__QUIET_STOP, WARD__QUIET_RESTART };

struct ward__quiet_frame {
    int64_t why; /* enum ward__quiet_why */
    const char *reason;
};

/* One frame taken apart. Strings live in the arena, the rest in the frame. */
struct ward__frame {
    enum ward__frame_kind kind;
    size_t size; /* in bytes, without its prefix */
    union {
        struct ward__go go;
        struct ward__message_frame message;
        struct ward__answer answer;
        int64_t verdict; /* enum ward_directive */
        struct ward__finish finish;
        struct ward__grant grant;
        int64_t ready; /* 0, or what pre_start answered: WARD_START_IGNORE */
        struct ward__tell tell;
        struct ward__ask_frame ask;
        struct ward__reply reply;
        struct ward__spawn spawn;
        struct ward__end end;
        struct ward__watch watch;
        struct ward__lookup lookup;
        struct ward__manage manage;
        const char *log;
        struct ward__credit_frame credit;
        struct ward__unhandled unhandled;
        struct ward__raised raised;
        struct ward__quiet_frame quiet;
    } as;
};

/* What kind of frame the host has sent, without reading it; 0: none. */
enum ward__frame_kind ward__wire_kind(ward_bytes bytes);

/*
 * Packing: begin, one of the packers below, end. `end` fills in the length and returns 0 or
 * the sink's error, and then the sink is as it was before `begin`.
 */
static inline size_t
ward__wire_begin(struct ward__sink *sink)
{
    const uint8_t prefix[WARD__FRAME_PREFIX] = {0};
    size_t begun = sink->size;

    ward__sink_write(sink, prefix, sizeof prefix);
    return begun;
}

/* What `end` does after an error. */
int ward__wire_give_up(struct ward__sink *sink, size_t begun);

static inline int
ward__wire_end(struct ward__sink *sink, size_t begun, size_t frame_bytes)
{
    size_t length = sink->size - begun - WARD__FRAME_PREFIX;

    if (sink->error == 0 && length > frame_bytes)
        sink->error = -EMSGSIZE;
    if (sink->error != 0)
        return ward__wire_give_up(sink, begun);
    ward__frame_store_length(sink->data + begun, (uint32_t)length);
    return 0;
}

void ward__wire_go(struct ward__sink *sink, const struct ward__go *go);
void ward__wire_message(struct ward__sink *sink, int64_t type, ward_ref sender);
void ward__wire_answer(struct ward__sink *sink, const struct ward__answer *answer);
void ward__wire_verdict(struct ward__sink *sink, int64_t directive);
void ward__wire_halt(struct ward__sink *sink);
void ward__wire_finish(struct ward__sink *sink, const struct ward__finish *finish);
void ward__wire_grant(struct ward__sink *sink, const struct ward__grant *grant);
void ward__wire_ready(struct ward__sink *sink, int64_t code);
/* TELL, MESSAGE, ASK, REPLY: the head only; the values, one array, are packed behind. */
void ward__wire_tell(struct ward__sink *sink, ward_ref to, int64_t type);
void ward__wire_ask(struct ward__sink *sink, const struct ward__ask_frame *ask);
void ward__wire_reply(struct ward__sink *sink, ward_ref sender);
void ward__wire_spawn(struct ward__sink *sink, const struct ward__spawn *spawn);
void ward__wire_actor_end(struct ward__sink *sink, const struct ward__end *end);
void ward__wire_watch(struct ward__sink *sink, const struct ward__watch *watch);
void ward__wire_lookup(struct ward__sink *sink, const struct ward__lookup *lookup);
void ward__wire_manage(struct ward__sink *sink, const struct ward__manage *manage);
void ward__wire_log(struct ward__sink *sink, const char *text);
void ward__wire_credit(struct ward__sink *sink, const struct ward__credit_frame *credit);
void ward__wire_unhandled(struct ward__sink *sink, const struct ward__unhandled *u);
void ward__wire_raised(struct ward__sink *sink, const struct ward__raised *raised);
void ward__wire_quiet(struct ward__sink *sink, const struct ward__quiet_frame *quiet);
void ward__wire_bye(struct ward__sink *sink);

/* Where, in a packed MESSAGE frame, the one byte of its attempt stands (prefix counted). */
enum { WARD__ATTEMPT_AT = 6, WARD__ATTEMPT_MAX = 127 };

/* And its type: negative, and so ward's own, if the first byte of it is this. */
enum { WARD__TYPE_AT = 7, WARD__INT8 = 0xd0 };

static inline bool
ward__wire_is_negative(uint8_t first)
{
    return first >= 0xe0 || (first >= WARD__INT8 && first <= 0xd3);
}

/*
 * The same heads put where there is room for so many bytes, and the values behind by ward__put_body;
 * the length is stored in front at last.
 */
enum { WARD__HEAD_MOST = WARD__FRAME_PREFIX + 3 + WARD__INT_MOST + WARD__REF_SIZE };

static inline uint8_t *
ward__put_message(uint8_t *to, int64_t type, ward_ref sender)
{
    static const uint8_t begun[] = {0x95, WARD__MESSAGE, 0}; /* see WARD__ATTEMPT_AT */

    memcpy(to, begun, sizeof begun);
    return ward__put_ref(ward__put_int(to + sizeof begun, type), sender);
}

static inline uint8_t *
ward__put_tell(uint8_t *to, ward_ref actor, int64_t type)
{
    to[0] = 0x94;
    to[1] = WARD__TELL;
    return ward__put_int(ward__put_ref(to + 2, actor), type);
}

static inline uint8_t *
ward__put_reply(uint8_t *to, ward_ref sender)
{
    to[0] = 0x93;
    to[1] = WARD__REPLY;
    return ward__put_ref(to + 2, sender);
}

/* What most of the host's frames are, read in one go: a message of a small type, tried a few times,
 * from nobody or from somebody with a reference. */
static inline bool
ward__wire_read_usual_message(ward_bytes bytes, struct ward__frame *frame)
{
    enum { ATTEMPT = 2, TYPE, SENDER, LEAST };
    const uint8_t *at = bytes.data, *end = at + bytes.size;
    struct ward__message_frame *message = &frame->as.message;

    if (bytes.size <= LEAST || at[0] != 0x95 || at[1] != WARD__MESSAGE ||
        at[ATTEMPT] > WARD__ATTEMPT_MAX || at[TYPE] >= 0x80)
        return false;
    message->attempt = at[ATTEMPT];
    message->type = at[TYPE];
    message->sender = (ward_ref){0, 0};
    at += SENDER;
    at += *at == 0xc0 ? 1 : ward__ref_load(at, (size_t)(end - at), &message->sender);
    if (at == end || (*at & 0xf0) != 0x90)
        return false;
    message->values = (ward_raw){at, (size_t)(end - at)};
    frame->kind = WARD__MESSAGE;
    frame->size = bytes.size;
    return true;
}

/* A message to somebody with a reference, of a small type. */
static inline bool
ward__wire_read_usual_tell(ward_bytes bytes, struct ward__tell *tell)
{
    enum { TYPE = 2 + WARD__REF_SIZE, VALUES };
    const uint8_t *at = bytes.data;

    if (bytes.size <= VALUES || at[0] != 0x94 || at[1] != WARD__TELL ||
        at[TYPE] >= 0x80 || ward__ref_load(at + 2, WARD__REF_SIZE, &tell->to) == 0 ||
        !ward__scan_is_short_list(at + VALUES, bytes.size - VALUES))
        return false;
    tell->type = at[TYPE];
    tell->body = (struct ward__body){.packed = {at + VALUES, bytes.size - VALUES}};
    return true;
}

bool ward__wire_read_usual_verb(ward_bytes bytes, struct ward__frame *frame);
int ward__wire_read_any(ward_bytes bytes, bool is_from_worker, struct ward__frame *frame,
                        struct ward_arena *arena);

/*
 * Reads one frame that is not empty. 0; -WARD_EPROTOCOL: the bytes are no frame of ours; -ENOMEM.
 * `is_from_worker` says which kinds are allowed; and of what comes from a worker the values are
 * scanned, which nothing here reads, while those that the host packed itself are not.
 */
static inline int
ward__wire_read(ward_bytes bytes, bool is_from_worker, struct ward__frame *frame,
                struct ward_arena *arena)
{
    bool is_read = is_from_worker ? ward__wire_read_usual_verb(bytes, frame)
                                  : ward__wire_read_usual_message(bytes, frame);

    return is_read ? 0 : ward__wire_read_any(bytes, is_from_worker, frame, arena);
}

/* The type of the message behind which a drained actor ends; sent by ward only. */
enum { WARD__TYPE_DRAIN = -100 };

/* The type in values[0], which the verbs have checked. */
static inline int64_t
ward__type_of(const ward_value *values)
{
    return values[0].as.integer;
}

#endif
