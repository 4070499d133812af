/*
 * Builder: arrays and maps on their way out.
 *
 *   1. ward_builder *b = ward_builder_new();
 *   2. ward_open_map(b);
 *      ward_add(b, "name", "parser");                    a key and its value
 *      ward_add(b, "sizes"); ward_open_array(b);         a key whose value is nested
 *      ward_add(b, 1, 2, 3);
 *      ward_close(b); ward_close(b);
 *   3. ward_tell(ctx, ref, CONFIGURE, b);                as often as you like
 *   4. ward_builder_free(b);
 *
 * A builder holds any number of values one after the other; as one value of a message it
 * must hold exactly one. Errors stick: after the first one every call does nothing and
 * returns it, and so does the verb it is given to, so only the last result needs a look.
 */
#ifndef WARD_BUILDER_H
#define WARD_BUILDER_H

#include <ward/value.h>

WARD_BEGIN

/* How deep arrays and maps may nest, in a builder and in any message. */
#define WARD_MAX_DEPTH 32

/* [any process] A new, empty builder, owned by the caller; NULL without memory. */
WARD_API ward_builder *ward_builder_new(void);

/* [any process] Frees it; NULL is fine. */
WARD_API void ward_builder_free(ward_builder *b);

/* [any process] Empties it, and forgets its error, to be used again. */
WARD_API void ward_builder_clear(ward_builder *b);

/*
 * [any process] Begins an array or a map; what is added until the matching ward_close is
 * inside it. A map takes keys and values in turn. 0; -E2BIG deeper than WARD_MAX_DEPTH;
 * -ENOMEM.
 */
WARD_API int ward_open_array(ward_builder *b);
WARD_API int ward_open_map(ward_builder *b);

/* [any process] Ends the innermost one. 0; -EINVAL: none is open, or a key has no value. */
WARD_API int ward_close(ward_builder *b);

/* [any process] Adds values where the builder stands. 0; -EINVAL a bad value; -ENOMEM. */
WARD_API int ward_add_values(ward_builder *b, const ward_value *values, size_t count);

/* [any process] The first error so far, or 0; -EINVAL while something is still open. */
WARD_API int ward_builder_error(const ward_builder *b);

/* [any process] What has been built, as msgpack. Valid until the next call on `b`. */
WARD_API ward_bytes ward_builder_bytes(const ward_builder *b);

#ifndef __cplusplus
/* ward_add(b, value, ...): 1 to 17 values by their C types. */
#define ward_add(b, ...) ward_add_values((b), WARD__VALUES(__VA_ARGS__))
#endif

WARD_END

#endif
