/*
 * Registering: naming what crosses a process boundary.
 *
 * WARD_REGISTER(object); at file scope, once for each static constant behavior,
 * strategy and supervisor that a spec names. It must have run when ward_early forks, as constructors of
 * the program and of the libraries it links have; what a later dlopen brings is refused
 * with -ENOENT.
 */
#ifndef WARD_REGISTER_H
#define WARD_REGISTER_H

#include <ward/spec.h>

WARD_BEGIN

enum ward_registered {
    WARD_REGISTERED_BEHAVIOR,
    WARD_REGISTERED_STRATEGY,
    WARD_REGISTERED_SUPERVISOR
};

/* [any process] What WARD_REGISTER calls; `object` is borrowed for ever. Registering twice is
 * fine. 0; -EINVAL: no name, or no receive; -ENOSPC: more than 1,024 of a kind. */
WARD_API int ward_register(enum ward_registered kind, const void *object);

WARD_END

#ifdef __cplusplus
namespace ward_detail
{
inline int
add(const ward_behavior &b)
{
    return ward_register(WARD_REGISTERED_BEHAVIOR, &b);
}
inline int
add(const ward_strategy &s)
{
    return ward_register(WARD_REGISTERED_STRATEGY, &s);
}
inline int
add(const ward_supervisor &s)
{
    return ward_register(WARD_REGISTERED_SUPERVISOR, &s);
}
} // namespace ward_detail
#define WARD_REGISTER(object)                                                            \
    __attribute__((constructor)) static void ward_register_##object(void)                \
    {                                                                                    \
        (void)ward_detail::add(object);                                                  \
    }                                                                                    \
    struct ward_registered_##object
#else
#define WARD_REGISTER(object)                                                            \
    __attribute__((constructor)) static void ward_register_##object(void)                \
    {                                                                                    \
        (void)ward_register(_Generic((object), ward_behavior                             \
                                     : WARD_REGISTERED_BEHAVIOR, ward_strategy           \
                                     : WARD_REGISTERED_STRATEGY, ward_supervisor         \
                                     : WARD_REGISTERED_SUPERVISOR),                      \
                            &(object));                                                  \
    }                                                                                    \
    struct ward_registered_##object /* takes the semicolon */
#endif

#endif
