/*
 * Values: what messages are made of.
 *
 * A message carries a type, an integer of yours that is 0 or above, and up to 16 values.
 * The typed verbs (`ward_tell(ctx, ref, TYPE, 1, "two", 3.0)`) turn each argument into a
 * tagged `ward_value` by its C type, so there is no format string to get wrong:
 *
 *   bool, char, integers of every width    an integer (in C11 `true` is an int: 1)
 *   float, double                          a double
 *   char *, const char *                   a string; NULL is nil
 *   ward_bytes                             bytes, any at all: ward_bytes_of(data, size)
 *   ward_ref                               a reference to an actor
 *   ward_builder *                         an array or a map (see builder.h)
 *   ward_raw                               one msgpack value that you encoded yourself
 *   ward_value                             any of these, made by a function below
 *
 * Values are copied when they are sent; nothing is borrowed after the call returns.
 * C++ has no _Generic: it fills an array of ward_value and calls the *_values functions.
 */
#ifndef WARD_VALUE_H
#define WARD_VALUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <ward/export.h>

WARD_BEGIN

/* The most values one call takes, the type counted. Longer lists go through a builder. */
#define WARD_MAX_VALUES 17

/*
 * A reference: the name of one actor from spawn to its end, over all its incarnations.
 * A plain value: copy it, compare it, send it. The nonce is random, so a reference cannot
 * be guessed; a reference to an actor that has ended reaches nobody, never a later actor.
 * All zero is the reference to nobody.
 */
typedef struct ward_ref {
    uint64_t id;
    uint64_t nonce;
} ward_ref;

/* [any process] True if both name the same actor. */
static inline bool
ward_ref_equal(ward_ref a, ward_ref b)
{
    return a.id == b.id && a.nonce == b.nonce;
}

/* Bytes of any kind. Borrowed from whoever made them. */
typedef struct ward_bytes {
    const void *data;
    size_t size;
} ward_bytes;

/* [any process] Bytes in one word: a compound literal cannot stand among the arguments of a
 * typed verb, which is a macro, as its comma would part it. */
static inline ward_bytes
ward_bytes_of(const void *data, size_t size)
{
    ward_bytes b;
    b.data = data;
    b.size = size;
    return b;
}

/* Exactly one well-formed msgpack value, encoded by other means than ward's. */
typedef struct ward_raw {
    const void *data;
    size_t size;
} ward_raw;

typedef struct ward_builder ward_builder; /* builder.h */

enum ward_value_tag {
    WARD_VALUE_NIL,
    WARD_VALUE_BOOL,
    WARD_VALUE_INT,
    WARD_VALUE_UINT,
    WARD_VALUE_DOUBLE,
    WARD_VALUE_STRING,
    WARD_VALUE_BYTES,
    WARD_VALUE_REF,
    WARD_VALUE_RAW,
    WARD_VALUE_BUILT,
};

/* One value on its way out. `as.built` is borrowed until the call it is given to returns. */
typedef struct ward_value {
    enum ward_value_tag tag;
    union {
        bool boolean;
        int64_t integer;
        uint64_t unsigned_integer;
        double real;
        ward_bytes bytes; /* STRING, BYTES and RAW */
        ward_ref ref;
        const ward_builder *built;
    } as;
} ward_value;

/* [any process] One value of each kind. Pointers are borrowed, see above. */
static inline ward_value
ward_value_nil(void)
{
    ward_value v;
    v.tag = WARD_VALUE_NIL;
    v.as.integer = 0;
    return v;
}

static inline ward_value
ward_value_bool(bool b)
{
    ward_value v;
    v.tag = WARD_VALUE_BOOL;
    v.as.boolean = b;
    return v;
}

static inline ward_value
ward_value_int(int64_t i)
{
    ward_value v;
    v.tag = WARD_VALUE_INT;
    v.as.integer = i;
    return v;
}

static inline ward_value
ward_value_uint(uint64_t u)
{
    ward_value v;
    v.tag = WARD_VALUE_UINT;
    v.as.unsigned_integer = u;
    return v;
}

static inline ward_value
ward_value_double(double d)
{
    ward_value v;
    v.tag = WARD_VALUE_DOUBLE;
    v.as.real = d;
    return v;
}

static inline ward_value
ward_value_string(const char *s)
{
    ward_value v;
    size_t n = 0;

    if (s == NULL)
        return ward_value_nil();
    while (s[n] != '\0')
        n++;
    v.tag = WARD_VALUE_STRING;
    v.as.bytes.data = s;
    v.as.bytes.size = n;
    return v;
}

static inline ward_value
ward_value_bytes(ward_bytes b)
{
    ward_value v;
    v.tag = WARD_VALUE_BYTES;
    v.as.bytes = b;
    return v;
}

static inline ward_value
ward_value_ref(ward_ref r)
{
    ward_value v;
    v.tag = WARD_VALUE_REF;
    v.as.ref = r;
    return v;
}

static inline ward_value
ward_value_raw(ward_raw r)
{
    ward_value v;
    v.tag = WARD_VALUE_RAW;
    v.as.bytes.data = r.data;
    v.as.bytes.size = r.size;
    return v;
}

static inline ward_value
ward_value_built(const ward_builder *b)
{
    ward_value v;
    v.tag = WARD_VALUE_BUILT;
    v.as.built = b;
    return v;
}

static inline ward_value
ward_value_same(ward_value v)
{
    return v;
}

/* Where a getter puts what it reads: a pointer of yours and the type it points to. */
enum ward_slot_tag {
    WARD_SLOT_BOOL, /* bool *: also reads the integers 0 and 1 */
    WARD_SLOT_I8,   /* int8_t * and so on: -ERANGE where the number does not fit */
    WARD_SLOT_I16,
    WARD_SLOT_I32,
    WARD_SLOT_I64,
    WARD_SLOT_LONGLONG,
    WARD_SLOT_U8,
    WARD_SLOT_U16,
    WARD_SLOT_U32,
    WARD_SLOT_U64,
    WARD_SLOT_ULONGLONG,
    WARD_SLOT_FLOAT, /* float *, double *: also read integers */
    WARD_SLOT_DOUBLE,
    WARD_SLOT_STRING, /* const char **: ends in a NUL, has none inside (else -EILSEQ); nil is NULL */
    WARD_SLOT_BYTES, /* ward_bytes *: a string or bytes */
    WARD_SLOT_REF,   /* ward_ref * */
    WARD_SLOT_RAW,   /* ward_raw *: any value, as its encoded bytes */
    WARD_SLOT_ITER,  /* ward_iter *: an array or a map, to be walked */
};

typedef struct ward_slot {
    enum ward_slot_tag tag;
    void *to;
} ward_slot;

typedef struct ward_iter ward_iter; /* message.h */

#ifndef __cplusplus

#define WARD__VALUE(x)                                                                   \
    _Generic((x),                                                                        \
        _Bool: ward_value_bool,                                                          \
        char: ward_value_int,                                                            \
        signed char: ward_value_int,                                                     \
        short: ward_value_int,                                                           \
        int: ward_value_int,                                                             \
        long: ward_value_int,                                                            \
        long long: ward_value_int,                                                       \
        unsigned char: ward_value_uint,                                                  \
        unsigned short: ward_value_uint,                                                 \
        unsigned int: ward_value_uint,                                                   \
        unsigned long: ward_value_uint,                                                  \
        unsigned long long: ward_value_uint,                                             \
        float: ward_value_double,                                                        \
        double: ward_value_double,                                                       \
        char *: ward_value_string,                                                       \
        const char *: ward_value_string,                                                 \
        ward_bytes: ward_value_bytes,                                                    \
        ward_ref: ward_value_ref,                                                        \
        ward_raw: ward_value_raw,                                                        \
        ward_builder *: ward_value_built,                                                \
        const ward_builder *: ward_value_built,                                          \
        ward_value: ward_value_same)(x)

#define WARD__SLOT(p)                                                                      \
    {                                                                                      \
        _Generic((p),                                                                    \
            _Bool *: WARD_SLOT_BOOL,                                                     \
            signed char *: WARD_SLOT_I8,                                                 \
            short *: WARD_SLOT_I16,                                                      \
            int *: WARD_SLOT_I32,                                                        \
            long *: WARD_SLOT_I64,                                                       \
            long long *: WARD_SLOT_LONGLONG,                                             \
            unsigned char *: WARD_SLOT_U8,                                               \
            unsigned short *: WARD_SLOT_U16,                                             \
            unsigned int *: WARD_SLOT_U32,                                               \
            unsigned long *: WARD_SLOT_U64,                                              \
            unsigned long long *: WARD_SLOT_ULONGLONG,                                   \
            float *: WARD_SLOT_FLOAT,                                                    \
            double *: WARD_SLOT_DOUBLE,                                                  \
            const char **: WARD_SLOT_STRING,                                             \
            ward_bytes *: WARD_SLOT_BYTES,                                               \
            ward_ref *: WARD_SLOT_REF,                                                   \
            ward_raw *: WARD_SLOT_RAW,                                                   \
            ward_iter *: WARD_SLOT_ITER),                                                \
            (p) \
    }

/* How many arguments, and one macro over each of them: 1 to 17. */
#define WARD__COUNT(...)                                                                 \
    WARD__COUNT_(__VA_ARGS__, 17, 16, 15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, \
                 0)
#define WARD__COUNT_(a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, count, ...) count
#define WARD__JOIN(a, b) WARD__JOIN_(a, b)
#define WARD__JOIN_(a, b) a##b
#define WARD__EACH(m, ...) WARD__JOIN(WARD__E, WARD__COUNT(__VA_ARGS__))(m, __VA_ARGS__)
#define WARD__E1(m, x) m(x)
#define WARD__E2(m, x, ...) m(x), WARD__E1(m, __VA_ARGS__)
#define WARD__E3(m, x, ...) m(x), WARD__E2(m, __VA_ARGS__)
#define WARD__E4(m, x, ...) m(x), WARD__E3(m, __VA_ARGS__)
#define WARD__E5(m, x, ...) m(x), WARD__E4(m, __VA_ARGS__)
#define WARD__E6(m, x, ...) m(x), WARD__E5(m, __VA_ARGS__)
#define WARD__E7(m, x, ...) m(x), WARD__E6(m, __VA_ARGS__)
#define WARD__E8(m, x, ...) m(x), WARD__E7(m, __VA_ARGS__)
#define WARD__E9(m, x, ...) m(x), WARD__E8(m, __VA_ARGS__)
#define WARD__E10(m, x, ...) m(x), WARD__E9(m, __VA_ARGS__)
#define WARD__E11(m, x, ...) m(x), WARD__E10(m, __VA_ARGS__)
#define WARD__E12(m, x, ...) m(x), WARD__E11(m, __VA_ARGS__)
#define WARD__E13(m, x, ...) m(x), WARD__E12(m, __VA_ARGS__)
#define WARD__E14(m, x, ...) m(x), WARD__E13(m, __VA_ARGS__)
#define WARD__E15(m, x, ...) m(x), WARD__E14(m, __VA_ARGS__)
#define WARD__E16(m, x, ...) m(x), WARD__E15(m, __VA_ARGS__)
#define WARD__E17(m, x, ...) m(x), WARD__E16(m, __VA_ARGS__)

/* An array of values or of slots, and its length: two arguments for a *_values call. */
#define WARD__VALUES(...)                                                                \
    (const ward_value[]){WARD__EACH(WARD__VALUE, __VA_ARGS__)}, WARD__COUNT(__VA_ARGS__)
#define WARD__SLOTS(...)                                                                 \
    (const ward_slot[]){WARD__EACH(WARD__SLOT, __VA_ARGS__)}, WARD__COUNT(__VA_ARGS__)

#endif /* __cplusplus */

WARD_END

#endif
