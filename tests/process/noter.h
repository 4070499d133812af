/*
 * Noter: an actor for the tests of full mailboxes: it notes the numbers it is told, holds its
 * mailbox up while its gate is closed, and fills others up.
 *
 * Used by: test_flow*.c. Uses: harness.h.
 */
#ifndef WARD_TESTS_PROCESS_NOTER_H
#define WARD_TESTS_PROCESS_NOTER_H

#include "harness.h"

/* NUMBER: a number to note. CLOSE_GATE. REPORT: all numbers, as bytes. FILL: tell so many from one
 * on until one is refused, then FILLED with their number and the refusal. ASK: the same for one
 * ask of a type and with a time. CRASH. To the host: CLOSED, FILLED, STOPPED. */
enum { NUMBER, CLOSE_GATE, REPORT, FILL, ASK, KEEP_ASKING, CRASH };
enum { CLOSED = 100, FILLED, STOPPED };
enum { KEPT = 4096 };

extern const ward_behavior noter;

/* One whose gate is closed, with nothing queued. */
struct gated {
    ward_ref ref;
    int gate; /* writing a byte opens it */
};

struct gated spawn_gated(struct harness *h, const char *id, ward_mailbox_options mailbox);
void open_gate(struct gated *gated);

/* One that is restarted whatever happens; up. */
ward_ref spawn_noter(struct harness *h, const char *id);

/* The numbers that `ref` got are from, from + 1, ... */
void assert_numbers(struct harness *h, ward_ref ref, int64_t from, size_t count);

#endif
