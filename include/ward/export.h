/* What a name needs to leave the shared library, and to be callable from C++; and what an option says
 * that means no default. */
#ifndef WARD_EXPORT_H
#define WARD_EXPORT_H

#define WARD_API __attribute__((visibility("default")))
#define WARD_PRINTF(at, first) __attribute__((format(printf, at, first)))

#ifdef __cplusplus
#define WARD_BEGIN extern "C" {
#define WARD_END }
#else
#define WARD_BEGIN
#define WARD_END
#endif

/* In options zero means the default; these two say the other things one may want. */
#define WARD_ZERO (-1)     /* the number 0 */
#define WARD_INFINITE (-2) /* no limit */

#endif
