/*
 * ward: OTP supervision trees for native code that can really crash.
 *
 * Each actor is a forked process; a message is msgpack over a socketpair; a death is an event
 * that a strategy answers with restart, stop or escalate. In six steps:
 *
 *   1. write a behavior: `receive` and hooks, a static constant   behavior.h
 *   2. WARD_REGISTER it, and the strategies                       register.h, strategy.h
 *   3. ward_system_new() first in main, or ward_early() there     system.h
 *   4. ward_spawn() a spec                                        spec.h
 *   5. ward_tell(), ward_ask(), ward_reply(), ward_watch()        verbs.h, value.h
 *      or declare a whole tree as data                           supervisor.h, manage.h
 *   6. ward_run(); look at events and failures                    event.h, failure.h
 *
 * Rules that hold everywhere: results are 0 or a negative code (error.h); out parameters are
 * written only on success; a system is used by one thread at a time, or by any (`.threaded`);
 * sends copy; references are values; zero in an option means the default, WARD_ZERO and
 * WARD_INFINITE (export.h) the rest; times are milliseconds of the monotonic clock.
 */
#ifndef WARD_WARD_H
#define WARD_WARD_H

#include <ward/behavior.h>
#include <ward/builder.h>
#include <ward/error.h>
#include <ward/event.h>
#include <ward/failure.h>
#include <ward/manage.h>
#include <ward/message.h>
#include <ward/register.h>
#include <ward/spec.h>
#include <ward/strategy.h>
#include <ward/supervisor.h>
#include <ward/system.h>
#include <ward/value.h>
#include <ward/verbs.h>

#endif
