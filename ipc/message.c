#include "ipc/message.h"

#include <assert.h>
#include <errno.h>
#include <float.h>
#include <limits.h>
#include <stdalign.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <ward/error.h>
#include <ward/event.h>

#include "ipc/fault.h"
#include "ipc/scan.h"

struct ward__chunk {
    struct ward__chunk *next; /* owned */
    size_t used;
    size_t capacity;
    bool is_lent;
    _Alignas(max_align_t) char data[];
};

enum { CHUNK_SIZE = 1024, ALIGNMENT = alignof(max_align_t) };

static_assert(CHUNK_SIZE % ALIGNMENT == 0, "a chunk holds whole pieces");

void
ward__arena_lend(struct ward_arena *arena, void *room, size_t size)
{
    struct ward__chunk *chunk = room;

    assert(arena->chunks == NULL && size >= sizeof *chunk);
    *chunk = (struct ward__chunk){.capacity = size - sizeof *chunk, .is_lent = true};
    arena->chunks = chunk;
}

void *
ward__arena_take(struct ward_arena *arena, size_t size)
{
    struct ward__chunk *chunk = arena->chunks;
    size_t capacity;

    size = (size + ALIGNMENT - 1) & ~(size_t)(ALIGNMENT - 1);
    if (chunk != NULL && size <= chunk->capacity - chunk->used) {
        chunk->used += size;
        return chunk->data + chunk->used - size;
    }
    capacity = size > CHUNK_SIZE ? size : CHUNK_SIZE;
    chunk = WARD__NEW(malloc(sizeof *chunk + capacity));
    if (chunk == NULL)
        return NULL;
    *chunk =
        (struct ward__chunk){.next = arena->chunks, .used = size, .capacity = capacity};
    arena->chunks = chunk;
    return chunk->data;
}

void
ward__arena_empty(struct ward_arena *arena)
{
    struct ward__chunk *chunk = arena->chunks;

    if (chunk->next == NULL && chunk->capacity == CHUNK_SIZE)
        chunk->used = 0;
    else
        ward__arena_done(arena);
}

void
ward__arena_done(struct ward_arena *arena)
{
    while (arena->chunks != NULL) {
        struct ward__chunk *chunk = arena->chunks;
        arena->chunks = chunk->next;
        if (!chunk->is_lent)
            free(chunk);
    }
}

/* What ward__message_copy allocates: the message, its arena, and the values behind. */
struct owned_message {
    ward_message message;
    struct ward_arena arena;
    uint8_t values[];
};

static_assert(offsetof(struct owned_message, message) == 0, "the message comes first");

ward_message *
ward__message_copy(int64_t type, ward_raw values)
{
    struct owned_message *owned = WARD__NEW(malloc(sizeof *owned + values.size));
    ward_raw copy;

    if (owned == NULL)
        return NULL;
    copy = (ward_raw){owned->values, values.size};
    memcpy(owned->values, values.data, values.size);
    owned->arena = (struct ward_arena){NULL};
    if (ward__message_init(&owned->message, type, copy, &owned->arena) == 0)
        return &owned->message;
    free(owned);
    return NULL;
}

void
ward_message_free(ward_message *msg)
{
    if (msg == NULL)
        return;
    ward__arena_done(&((struct owned_message *)msg)->arena);
    free(msg);
}

int64_t
ward_message_type(const ward_message *msg)
{
    return msg->type;
}

size_t
ward_message_count(const ward_message *msg)
{
    return msg->count;
}

ward_raw
ward_message_raw(const ward_message *msg)
{
    return msg->values;
}

unsigned
ward_message_attempt(const ward_message *msg)
{
    return msg->attempt;
}

ward_ref
ward_sender(const ward_message *msg)
{
    return msg->sender;
}

/* ---- getters: one value into one slot ---- */

struct integer_range {
    int64_t min;
    uint64_t max;
};

static const struct integer_range ranges[] = {
    [WARD_SLOT_I8] = {INT8_MIN, INT8_MAX},
    [WARD_SLOT_I16] = {INT16_MIN, INT16_MAX},
    [WARD_SLOT_I32] = {INT32_MIN, INT32_MAX},
    [WARD_SLOT_I64] = {INT64_MIN, INT64_MAX},
    [WARD_SLOT_LONGLONG] = {LLONG_MIN, LLONG_MAX},
    [WARD_SLOT_U8] = {0, UINT8_MAX},
    [WARD_SLOT_U16] = {0, UINT16_MAX},
    [WARD_SLOT_U32] = {0, UINT32_MAX},
    [WARD_SLOT_U64] = {0, UINT64_MAX},
    [WARD_SLOT_ULONGLONG] = {0, ULLONG_MAX},
};

static int
check_integer(const struct ward__head *head, enum ward_slot_tag tag)
{
    const struct integer_range *range = &ranges[tag];

    if (head->kind == WARD__UINT)
        return head->as.u <= range->max ? 0 : -ERANGE;
    if (head->kind == WARD__INT)
        return head->as.i >= range->min ? 0 : -ERANGE;
    return -WARD_ETYPE;
}

/* Two's complement: the low bytes are right for signed and unsigned alike. */
static void
store_integer(const ward_slot *slot, uint64_t bits)
{
    switch (slot->tag) {
    case WARD_SLOT_I8:
    case WARD_SLOT_U8:
        *(uint8_t *)slot->to = (uint8_t)bits;
        break;
    case WARD_SLOT_I16:
    case WARD_SLOT_U16:
        *(uint16_t *)slot->to = (uint16_t)bits;
        break;
    case WARD_SLOT_I32:
    case WARD_SLOT_U32:
        *(uint32_t *)slot->to = (uint32_t)bits;
        break;
    case WARD_SLOT_LONGLONG:
    case WARD_SLOT_ULONGLONG:
        *(unsigned long long *)slot->to = bits;
        break;
    default:
        *(uint64_t *)slot->to = bits;
        break;
    }
}

static int
check_bool(const struct ward__head *head)
{
    if (head->kind == WARD__BOOL)
        return 0;
    if (head->kind != WARD__UINT)
        return -WARD_ETYPE;
    return head->as.u <= 1 ? 0 : -ERANGE;
}

static int
check_real(const struct ward__head *head)
{
    return head->kind == WARD__DOUBLE || head->kind == WARD__UINT ||
                   head->kind == WARD__INT
               ? 0
               : -WARD_ETYPE;
}

static double
real_of(const struct ward__head *head)
{
    if (head->kind == WARD__DOUBLE)
        return head->as.d;
    return head->kind == WARD__UINT ? (double)head->as.u : (double)head->as.i;
}

/* A double that is no float: too large for one (infinities and NaN fit). */
static int
check_float(const struct ward__head *head)
{
    double real;

    if (check_real(head) < 0)
        return -WARD_ETYPE;
    real = real_of(head);
    if ((real > (double)FLT_MAX || real < -(double)FLT_MAX) && real - real == 0.0)
        return -ERANGE;
    return 0;
}

static int
check_string(const struct ward__head *head, const struct ward_arena *arena)
{
    if (head->kind == WARD__NIL)
        return 0;
    if (head->kind != WARD__STR)
        return -WARD_ETYPE;
    if (arena == NULL)
        return -EINVAL;
    return memchr(head->body, '\0', head->length) == NULL ? 0 : -EILSEQ;
}

static int
check_ref(const struct ward__head *head)
{
    if (head->kind == WARD__NIL)
        return 0;
    return head->kind == WARD__EXT && head->ext_type == WARD__EXT_REF &&
                   head->length == 16
               ? 0
               : -WARD_ETYPE;
}

static int
check_slot(const struct ward__head *head, enum ward_slot_tag tag,
           const struct ward_arena *arena)
{
    switch (tag) {
    case WARD_SLOT_BOOL:
        return check_bool(head);
    case WARD_SLOT_FLOAT:
        return check_float(head);
    case WARD_SLOT_DOUBLE:
        return check_real(head);
    case WARD_SLOT_STRING:
        return check_string(head, arena);
    case WARD_SLOT_BYTES:
        return head->kind == WARD__STR || head->kind == WARD__BIN ? 0 : -WARD_ETYPE;
    case WARD_SLOT_REF:
        return check_ref(head);
    case WARD_SLOT_RAW:
        return 0;
    case WARD_SLOT_ITER:
        return head->kind == WARD__ARRAY || head->kind == WARD__MAP ? 0 : -WARD_ETYPE;
    default:
        return tag <= WARD_SLOT_ULONGLONG ? check_integer(head, tag) : -EINVAL;
    }
}

static int
store_string(const ward_slot *slot, const struct ward__head *head,
             struct ward_arena *arena)
{
    char *copy = NULL;

    if (head->kind == WARD__STR) {
        copy = ward__arena_take(arena, (size_t)head->length + 1);
        if (copy == NULL)
            return -ENOMEM;
        memcpy(copy, head->body, head->length);
        copy[head->length] = '\0';
    }
    *(const char **)slot->to = copy;
    return 0;
}

static void
store_iter(ward_iter *it, const struct ward__head *head, struct ward__cursor inside,
           struct ward_arena *arena)
{
    bool is_map = head->kind == WARD__MAP;

    *it = (ward_iter){.at = inside.at,
                      .end = inside.end,
                      .left = is_map ? 2 * head->length : head->length,
                      .is_map = is_map,
                      .arena = arena};
}

/* A value taken apart: where it begins, and where what is behind its head does. */
struct taken {
    struct ward__head head;
    const uint8_t *start, *inside;
};

/* A value that check_slot has passed; the bytes end at `end`. */
static int
store_slot(const ward_slot *slot, const struct taken *taken, const uint8_t *end,
           struct ward_arena *arena)
{
    const struct ward__head *head = &taken->head;
    struct ward__cursor start = {taken->start, end};

    switch (slot->tag) {
    case WARD_SLOT_BOOL:
        *(bool *)slot->to = head->kind == WARD__BOOL ? head->as.boolean : head->as.u == 1;
        return 0;
    case WARD_SLOT_FLOAT:
        *(float *)slot->to = (float)real_of(head);
        return 0;
    case WARD_SLOT_DOUBLE:
        *(double *)slot->to = real_of(head);
        return 0;
    case WARD_SLOT_STRING:
        return store_string(slot, head, arena);
    case WARD_SLOT_BYTES:
        *(ward_bytes *)slot->to = (ward_bytes){head->body, head->length};
        return 0;
    case WARD_SLOT_REF:
        return ward__read_ref(&start, slot->to);
    case WARD_SLOT_RAW:
        return ward__read_raw(&start, slot->to);
    case WARD_SLOT_ITER:
        store_iter(slot->to, head, (struct ward__cursor){taken->inside, end}, arena);
        return 0;
    default:
        store_integer(slot, head->as.u);
        return 0;
    }
}

/* Takes the next value apart and checks that the slot can hold it. */
static int
take_for_slot(struct ward__cursor *in, const ward_slot *slot, struct taken *taken,
              const struct ward_arena *arena)
{
    int result;

    taken->start = in->at;
    result = ward__read_head(in, &taken->head);
    if (result == 0)
        result = check_slot(&taken->head, slot->tag, arena);
    taken->inside = in->at;
    if (result < 0 || (taken->head.kind != WARD__ARRAY && taken->head.kind != WARD__MAP))
        return result;
    in->at = taken->start;
    return ward__skip(in);
}

/* What most messages are for, without a look at all else that a value may be. False: it is something
 * else, or something is wrong with it. */
static inline bool
read_short_bytes(struct ward__cursor *in, const ward_slot *slot)
{
    size_t left = (size_t)(in->end - in->at), size;

    if (slot->tag != WARD_SLOT_BYTES || left < 2 || in->at[0] != 0xc4)
        return false;
    size = in->at[1];
    if (size > left - 2)
        return false;
    *(ward_bytes *)slot->to = (ward_bytes){in->at + 2, size};
    in->at += 2 + size;
    return true;
}

/* One is written or not, without more ado. */
static int
read_slot(struct ward__cursor *in, const ward_slot *slot, struct ward_arena *arena)
{
    struct taken taken;
    int result;

    if (read_short_bytes(in, slot))
        return 0;
    result = take_for_slot(in, slot, &taken, arena);
    return result < 0 ? result : store_slot(slot, &taken, in->end, arena);
}

/* Checks the next `count` values first and stores them then, so that all or none are
 * written (save for memory that runs out between two strings). After an error the cursor is
 * anywhere. */
static int
read_slots(struct ward__cursor *in, const ward_slot *slots, size_t count,
           struct ward_arena *arena)
{
    struct taken taken[WARD_MAX_VALUES];
    int result = count <= WARD_MAX_VALUES ? 0 : -EINVAL;

    for (size_t i = 0; result == 0 && i < count; i++)
        result = take_for_slot(in, &slots[i], &taken[i], arena);
    for (size_t i = 0; result == 0 && i < count; i++)
        result = store_slot(&slots[i], &taken[i], in->end, arena);
    return result;
}

static inline int
read_all(struct ward__cursor *in, const ward_slot *slots, size_t count,
         struct ward_arena *arena)
{
    return count == 1 ? read_slot(in, slots, arena) : read_slots(in, slots, count, arena);
}

int
ward_get_slots(const ward_message *msg, const ward_slot *slots, size_t count)
{
    struct ward__cursor in;

    if (msg == NULL || slots == NULL)
        return -EINVAL;
    in = msg->body;
    if (count > msg->count)
        return -ENODATA;
    return read_all(&in, slots, count, msg->arena);
}

/* ---- iterators ---- */

void
ward_message_iter(const ward_message *msg, ward_iter *it)
{
    *it = (ward_iter){.at = msg->body.at,
                      .end = msg->body.end,
                      .left = msg->count,
                      .arena = msg->arena};
}

int
ward_iter_init(ward_iter *it, ward_bytes encoded)
{
    const uint8_t *data = encoded.data != NULL ? encoded.data : (const uint8_t *)"";
    int64_t count;

    if (encoded.data == NULL && encoded.size > 0)
        return -EINVAL;
    count = ward__scan_all(data, encoded.size);
    if (count < 0)
        return (int)count;
    *it = (ward_iter){.at = data, .end = data + encoded.size, .left = (uint32_t)count};
    return 0;
}

int
ward_iter_slots(ward_iter *it, const ward_slot *slots, size_t count)
{
    struct ward__cursor in = {it->at, it->end};
    int result;

    if (it->left == 0)
        return 0;
    if (count > it->left)
        return -ENODATA;
    result = read_all(&in, slots, count, it->arena);
    if (result < 0)
        return result;
    it->at = in.at;
    it->left -= (uint32_t)count;
    return 1;
}

static const enum ward_value_tag tag_of_kind[] = {
    [WARD__NIL] = WARD_VALUE_NIL,       [WARD__BOOL] = WARD_VALUE_BOOL,
    [WARD__UINT] = WARD_VALUE_UINT,     [WARD__INT] = WARD_VALUE_INT,
    [WARD__DOUBLE] = WARD_VALUE_DOUBLE, [WARD__STR] = WARD_VALUE_STRING,
    [WARD__BIN] = WARD_VALUE_BYTES,     [WARD__EXT] = WARD_VALUE_RAW,
    [WARD__ARRAY] = WARD_VALUE_BUILT,   [WARD__MAP] = WARD_VALUE_BUILT,
};

int
ward_iter_peek(const ward_iter *it)
{
    struct ward__cursor in = {it->at, it->end};
    struct ward__head head;
    int result;

    if (it->left == 0)
        return -ENODATA;
    result = ward__read_head(&in, &head);
    if (result < 0)
        return result;
    if (head.kind == WARD__EXT && check_ref(&head) == 0)
        return WARD_VALUE_REF;
    return (int)tag_of_kind[head.kind];
}

size_t
ward_iter_left(const ward_iter *it)
{
    return it->left;
}

bool
ward_iter_is_map(const ward_iter *it)
{
    return it->is_map;
}

int
ward_iter_skip(ward_iter *it)
{
    struct ward__cursor in = {it->at, it->end};
    int result;

    if (it->left == 0)
        return 0;
    result = ward__skip(&in);
    if (result < 0)
        return result;
    it->at = in.at;
    it->left--;
    return 1;
}

int
ward_get_terminated(const ward_message *msg, ward_terminated *out)
{
    ward_terminated t;
    int end;

    if (msg == NULL || out == NULL || msg->type != WARD_TERMINATED)
        return -EINVAL;
    if (ward_get(msg, &t.actor, &t.path, &end, &t.reason, &t.cause, &t.failure) < 0)
        return -EINVAL;
    t.end = (ward_end)end;
    *out = t;
    return 0;
}
